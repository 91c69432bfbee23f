package refdata

import (
	"maps"
	"slices"

	"sallyport/policy/supply"
	"sallyport/vin/telematics"
)

// section is one kind of row in a file of rows: how an ally's are laid beside
// ours, and how two releases differ in them.
type section[F any] struct {
	field string // of F
	merge func(m *merger, role Role, ours, theirs *F)
	diff  func(out []Change, path string, was, is *F) []Change
}

// rowsOf is a section of rows that go by an id.
func rowsOf[F, T any](field, name string, of func(*F) *[]T, id func(T) string) section[F] {
	return section[F]{field,
		func(m *merger, role Role, ours, theirs *F) {
			*of(ours) = mergeRows(m, name, role, *of(ours), *of(theirs), id)
		},
		func(out []Change, path string, was, is *F) []Change {
			return diffRows(out, path, name, *of(was), *of(is), id)
		},
	}
}

// pair is a row of a section that is a table of names.
type pair[V any] struct {
	Name string `json:"name"`
	Is   V      `json:"is"`
}

// namesOf is a section that is a table of names.
func namesOf[F, V any](field, name string, of func(*F) *map[string]V) section[F] {
	list := func(f *F) []pair[V] {
		table := *of(f)
		out := make([]pair[V], 0, len(table))
		for _, k := range slices.Sorted(maps.Keys(table)) {
			out = append(out, pair[V]{k, table[k]})
		}
		return out
	}
	id := func(p pair[V]) string { return p.Name }
	return section[F]{field,
		func(m *merger, role Role, ours, theirs *F) {
			table := make(map[string]V, len(*of(ours)))
			for _, p := range mergeRows(m, name, role, list(ours), list(theirs), id) {
				table[p.Name] = p.Is
			}
			*of(ours) = table
		},
		func(out []Change, path string, was, is *F) []Change {
			return diffRows(out, path, name, list(was), list(is), id)
		},
	}
}

// catalogueSections are the kinds of rows of a telematics catalogue.
func catalogueSections() []section[telematics.File] {
	type f = telematics.File
	return []section[f]{
		rowsOf("Rows", "row", func(c *f) *[]telematics.Row { return &c.Rows }, func(r telematics.Row) string { return r.ID }),
		rowsOf("Devices", "device", func(c *f) *[]telematics.Device { return &c.Devices }, func(r telematics.Device) string { return r.ID }),
		rowsOf("Context", "context", func(c *f) *[]telematics.Context { return &c.Context }, func(r telematics.Context) string { return r.ID }),
		rowsOf("Grantees", "grantee", func(c *f) *[]telematics.Grantee { return &c.Grantees }, func(r telematics.Grantee) string { return r.Code }),
		rowsOf("Modules", "module", func(c *f) *[]telematics.Module { return &c.Modules }, func(r telematics.Module) string { return r.ID + "/" + r.Model }),
		rowsOf("Patterns", "pattern", func(c *f) *[]telematics.Pattern { return &c.Patterns }, func(r telematics.Pattern) string { return r.Pattern }),
		rowsOf("Sold", "sold line", func(c *f) *[]telematics.Sold { return &c.Sold }, func(r telematics.Sold) string { return r.Pattern }),
		rowsOf("TACs", "tac", func(c *f) *[]telematics.TAC { return &c.TACs }, func(r telematics.TAC) string { return r.TAC }),
		rowsOf("BusIDs", "bus id", func(c *f) *[]telematics.BusID { return &c.BusIDs }, func(r telematics.BusID) string { return r.Bus + "/" + r.Vendor }),
		rowsOf("Companies", "company", func(c *f) *[]telematics.Company { return &c.Companies }, func(r telematics.Company) string { return r.Number }),
		rowsOf("Types", "type", func(c *f) *[]telematics.TypeName { return &c.Types }, func(r telematics.TypeName) string { return r.Name }),
		rowsOf("Makers", "maker", func(c *f) *[]telematics.MakerName { return &c.Makers }, func(r telematics.MakerName) string { return r.Name }),
		rowsOf("Rules", "rule of fitting", func(c *f) *[]telematics.Rule { return &c.Rules }, func(r telematics.Rule) string { return r.ID }),
		rowsOf("Abouts", "statement", func(c *f) *[]telematics.About { return &c.Abouts }, func(r telematics.About) string { return r.ID + "/" + r.Fact }),
		rowsOf("Sunsets", "sunset", func(c *f) *[]telematics.Sunset { return &c.Sunsets }, func(r telematics.Sunset) string {
			return r.Generation + "/" + r.Country + "/" + r.Operator
		}),
		namesOf("Makes", "make", func(c *f) *map[string]string { return &c.Makes }),
		namesOf("Variants", "model line", func(c *f) *map[string][]string { return &c.Variants }),
		rowsOf("EU", "member", func(c *f) *[]string { return &c.EU }, func(s string) string { return s }),
	}
}

// graphSections are the kinds of rows of a supply graph that its own keepers
// sign for.
func graphSections() []section[supply.File] {
	type f = supply.File
	return []section[f]{
		rowsOf("Parties", "party", func(g *f) *[]supply.Party { return &g.Parties }, func(p supply.Party) string { return p.ID }),
		rowsOf("Edges", "edge", func(g *f) *[]supply.Edge { return &g.Edges }, func(e supply.Edge) string { return e.ID }),
		rowsOf("Plants", "plant", func(g *f) *[]supply.Plant { return &g.Plants }, func(p supply.Plant) string { return p.Brand + "/" + p.Model + "/" + p.Plant }),
		rowsOf("Territories", "territory", func(g *f) *[]supply.Territory { return &g.Territories }, func(t supply.Territory) string { return t.Country }),
		{"Makes",
			func(m *merger, role Role, ours, theirs *f) {
				if len(theirs.Makes) > 0 {
					ours.Makes = mergeRows(m, "make", role, byType(ours.Makes), byType(theirs.Makes), makeID)
				}
			},
			func(out []Change, path string, was, is *f) []Change {
				return diffRows(out, path, "make", byType(was.Makes), byType(is.Makes), makeID)
			},
		},
	}
}

// byType splits makes into one row for each vehicle type: two rows that name
// another party for one type then meet.
func byType(makes []supply.MakeName) []supply.MakeName {
	var out []supply.MakeName
	for _, m := range makes {
		for _, t := range m.Types {
			out = append(out, supply.MakeName{Name: m.Name, Types: []string{t}, Party: m.Party})
		}
	}
	return out
}

func makeID(m supply.MakeName) string { return m.Name + "/" + m.Types[0] }

// listSections are the kinds of rows that a file of lists holds, or the lists'
// part of a graph.
func listSections() []section[supply.File] {
	type f = supply.File
	return []section[f]{
		rowsOf("Instruments", "instrument", func(g *f) *[]supply.Instrument { return &g.Instruments }, func(in supply.Instrument) string { return in.ID }),
		{"Lists",
			func(m *merger, role Role, ours, theirs *f) {
				ours.Lists = mergeLists(m, role, ours.Lists, theirs.Lists)
			},
			func(out []Change, path string, was, is *f) []Change {
				out = diffRows(out, path, "list", bare(was.Lists), bare(is.Lists), func(l supply.List) string { return l.ID })
				a, ae := flat(was.Lists)
				b, be := flat(is.Lists)
				out = diffRows(out, path, "edition", a, b, func(r listed[supply.Edition]) string { return r.at })
				return diffRows(out, path, "entry", ae, be, func(r listed[supply.Entry]) string { return r.at })
			},
		},
		{"Trusted",
			func(m *merger, role Role, ours, theirs *f) {
				ours.Trusted = mergeTrust(m, role, ours.Trusted, theirs.Trusted)
			},
			func(out []Change, path string, was, is *f) []Change {
				out = diffRows(out, path, "trust-list", bareTrust(was.Trusted), bareTrust(is.Trusted), func(l supply.TrustList) string { return l.ID })
				return diffRows(out, path, "trust", flatTrust(was.Trusted), flatTrust(is.Trusted), func(r listed[supply.Trust]) string { return r.at })
			},
		},
		{"Authorisations",
			func(m *merger, role Role, ours, theirs *f) {
				ours.Authorisations = mergeAuthorisations(m, role, ours.Authorisations, theirs.Authorisations)
			},
			func(out []Change, path string, was, is *f) []Change {
				out = diffRows(out, path, "authorisations", bareRulings(was.Authorisations), bareRulings(is.Authorisations), func(l supply.Authorisations) string { return l.ID })
				return diffRows(out, path, "ruling", flatRulings(was.Authorisations), flatRulings(is.Authorisations), func(r listed[supply.Ruling]) string { return r.at })
			},
		},
		rowsOf("Advisories", "advisory", func(g *f) *[]supply.Advisory { return &g.Advisories }, func(a supply.Advisory) string { return a.ID }),
	}
}

// listed is a row of a list with its place.
type listed[T any] struct {
	at  string
	Row T
}

// bare are the lists without their editions, which are compared one by one.
func bare(lists []supply.List) []supply.List {
	out := slices.Clone(lists)
	for i := range out {
		out[i].Editions = nil
	}
	return out
}

func flat(lists []supply.List) (editions []listed[supply.Edition], entries []listed[supply.Entry]) {
	for _, l := range lists {
		for _, e := range l.Editions {
			at := l.ID + "/" + e.ID
			for _, en := range e.Entries {
				entries = append(entries, listed[supply.Entry]{at + "/" + en.Name, en})
			}
			e.Entries = nil
			editions = append(editions, listed[supply.Edition]{at, e})
		}
	}
	return editions, entries
}

func bareTrust(lists []supply.TrustList) []supply.TrustList {
	out := slices.Clone(lists)
	for i := range out {
		out[i].Trusts = nil
	}
	return out
}

func flatTrust(lists []supply.TrustList) (out []listed[supply.Trust]) {
	for _, l := range lists {
		for _, t := range l.Trusts {
			out = append(out, listed[supply.Trust]{trustID(l.ID, t), t})
		}
	}
	return out
}

func bareRulings(lists []supply.Authorisations) []supply.Authorisations {
	out := slices.Clone(lists)
	for i := range out {
		out[i].Rulings = nil
	}
	return out
}

func flatRulings(lists []supply.Authorisations) (out []listed[supply.Ruling]) {
	for _, l := range lists {
		for _, r := range l.Rulings {
			out = append(out, listed[supply.Ruling]{rulingID(l.ID, r), r})
		}
	}
	return out
}

func rulingID(list string, r supply.Ruling) string { return list + "/" + r.ID + "/" + r.Party }

func trustID(list string, t supply.Trust) string { return list + "/" + t.Name + "/" + t.Scope }
