package refdata

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"sallyport/policy/supply"
	"sallyport/vin/telematics"
)

// Disagreement is one row on which an ally says something else than we do, or
// which only the ally has. Both are kept. Used says whose row the site uses: an
// ally's takes effect where our authorities marked that ally binding.
type Disagreement struct {
	Part     Kind            `json:"part"`
	Section  string          `json:"section"` // kind of row: row, device, party, edge, list, edition, entry … (see sections.go)
	ID       string          `json:"id"`
	Role     string          `json:"role"`
	Title    string          `json:"title,omitempty"`
	Standing Standing        `json:"standing"`
	Ours     json.RawMessage `json:"ours,omitempty"` // absent where we have no such row
	Theirs   json.RawMessage `json:"theirs"`
	Used     string          `json:"used"` // "ours", "none" or the ally's role
}

// theirs is a part as one role brought it.
type theirs[F any] struct {
	role Role
	file F
}

// first takes our own part out of those that came, or the first binding one
// where we have none.
func first[F any](all []theirs[F]) (base theirs[F], rest []theirs[F], ok bool) {
	for _, want := range []Standing{Ours, Binding} {
		for i, t := range all {
			if t.role.Standing == want {
				return t, append(slices.Clone(all[:i]), all[i+1:]...), true
			}
		}
	}
	return base, all, false
}

// merger lays the rows of allies over ours, in the order in which our
// authorities trust them.
type merger struct {
	part  Kind
	taken map[string]string // section and id -> binding ally whose row is used
	was   map[string]any    // section and id -> our row, in whose place another is used
	found []Disagreement
	used  []theirs[string] // binding allies that changed something, with their editions
}

func newMerger(part Kind) *merger {
	return &merger{part: part, taken: map[string]string{}, was: map[string]any{}}
}

// mergeRows compares an ally's rows with ours by id and returns the rows to
// use. Rows with the same id are told apart by their order. It is always with our
// own row that an ally's is compared, also where another ally's is used.
func mergeRows[T any](m *merger, section string, role Role, ours, theirs []T, id func(T) string) []T {
	at := make(map[string]int, len(ours))
	counts := map[string]int{}
	key := func(t T, counts map[string]int) string {
		k := id(t)
		counts[k]++
		if n := counts[k]; n > 1 {
			k += "#" + strconv.Itoa(n)
		}
		return k
	}
	for i, o := range ours {
		at[key(o, counts)] = i
	}
	counts = map[string]int{}
	out, own := ours, true
	for _, t := range theirs {
		k := key(t, counts)
		place := section + " " + k
		i, used := at[k]
		by := m.taken[place]
		mine, both := *new(T), used
		if used {
			mine = out[i]
		}
		if by != "" {
			mine, both = m.was[place].(T) // none where only allies have it
		}
		if both && reflect.DeepEqual(mine, t) {
			continue
		}
		d := Disagreement{Part: m.part, Section: section, ID: k, Role: role.Name, Title: role.Title, Standing: role.Standing, Theirs: raw(t), Used: "none"}
		if both {
			d.Ours, d.Used = raw(mine), "ours"
		}
		if by != "" {
			d.Used = by
		}
		if role.Standing == Binding && by == "" {
			if own {
				out, own = slices.Clone(ours), false
			}
			if both {
				m.was[place] = mine
				out[i] = t
			} else {
				at[k] = len(out)
				out = append(out, t)
			}
			m.taken[place], d.Used = role.Name, role.Name
		}
		m.found = append(m.found, d)
	}
	return out
}

func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil { // rows are plain records that came from JSON
		b, _ = json.Marshal(err.Error())
	}
	return b
}

// edition names what the result was made of.
func (m *merger) edition(base string) string {
	for _, u := range m.used {
		base += " + " + u.role.Name + " " + u.file
	}
	return base
}

// bind counts a binding ally among those that the result was made of, where it
// changed something.
func (m *merger) bind(role Role, edition string) {
	for _, by := range m.taken {
		if by == role.Name {
			m.used = append(m.used, theirs[string]{role, edition})
			return
		}
	}
}

// catalogue puts the catalogues together.
func (d *Data) catalogue(all []theirs[*telematics.Catalogue]) (err error) {
	base, rest, ok := first(all)
	switch {
	case len(all) == 0:
		return nil
	case ok:
		d.Catalogue = base.file
	default: // advice is compared with what is used
		if base.file, err = telematics.Embedded(); err != nil {
			return err
		}
	}
	if len(rest) == 0 {
		return nil
	}
	f := *base.file.File()
	m := newMerger(Catalogue)
	for _, t := range rest {
		o := t.file.File()
		for _, sec := range catalogueSections() {
			sec.merge(m, t.role, &f, o)
		}
		m.bind(t.role, o.Edition)
	}
	d.Disagreements = append(d.Disagreements, m.found...)
	if len(m.used) == 0 {
		return nil
	}
	f.Edition = m.edition(f.Edition)
	b, err := f.Encode()
	if err != nil {
		return err
	}
	d.Catalogue, err = telematics.Open(b)
	return err
}

// graph puts the graphs and the lists together.
func (d *Data) graph(graphs, lists []theirs[*supply.File]) error {
	base, rest, ok := first(graphs)
	if !ok {
		if len(graphs)+len(lists) > 0 {
			return fmt.Errorf("lists or an ally's edges came without a graph of our own")
		}
		return nil
	}
	f := *base.file
	own, others, haveLists := first(lists)
	if haveLists {
		f.Edition += " + lists " + own.file.Edition
		f.Lists, f.Instruments, f.Trusted, f.Advisories = own.file.Lists, own.file.Instruments, own.file.Trusted, own.file.Advisories
		f.Authorisations = own.file.Authorisations
	}
	m := newMerger(Supply)
	for _, t := range rest {
		for _, sec := range graphSections() {
			sec.merge(m, t.role, &f, t.file)
		}
		m.bind(t.role, t.file.Edition)
		others = append(others, t)
	}
	f.Edition = m.edition(f.Edition)
	l := newMerger(Lists)
	for _, t := range others {
		for _, sec := range listSections() {
			sec.merge(l, t.role, &f, t.file)
		}
		l.bind(t.role, t.file.Edition)
	}
	f.Edition = l.edition(f.Edition)
	d.Disagreements = append(append(d.Disagreements, m.found...), l.found...)
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	d.Graph, err = supply.Open(b)
	return err
}

// mergeLists compares what the lists say of themselves, then edition by edition
// and entry by entry: that an edition was withdrawn is a statement of its own.
func mergeLists(m *merger, role Role, ours, theirs []supply.List) []supply.List {
	out := slices.Clone(ours)
	id := func(l supply.List) string { return l.ID }
	for _, t := range theirs {
		i := slices.IndexFunc(out, func(l supply.List) bool { return l.ID == t.ID })
		if i < 0 {
			out = mergeRows(m, "list", role, out, []supply.List{t}, id)
			continue
		}
		l := mergeRows(m, "list", role, bare(out[i:i+1]), bare([]supply.List{t}), id)[0]
		entries := map[string][]supply.Entry{} // of each of our editions, as merged
		for _, o := range out[i].Editions {
			entries[o.ID] = o.Entries
		}
		for _, te := range t.Editions {
			if es, both := entries[te.ID]; both {
				at := l.ID + "/" + te.ID + "/"
				entries[te.ID] = mergeRows(m, "entry", role, es, te.Entries, func(e supply.Entry) string { return at + e.Name })
			}
		}
		// The editions are compared by what they say of themselves.
		heads := func(es []supply.Edition) []supply.Edition {
			es = slices.Clone(es)
			for i := range es {
				if _, both := entries[es[i].ID]; both {
					es[i].Entries = nil
				}
			}
			return es
		}
		l.Editions = mergeRows(m, "edition", role, heads(out[i].Editions), heads(t.Editions), func(e supply.Edition) string { return l.ID + "/" + e.ID })
		for j, e := range l.Editions {
			if es, both := entries[e.ID]; both {
				l.Editions[j].Entries = es
			}
		}
		out[i] = l
	}
	return out
}

// mergeAuthorisations compares what the lists of authorisations say of
// themselves, then decision by decision.
func mergeAuthorisations(m *merger, role Role, ours, theirs []supply.Authorisations) []supply.Authorisations {
	out := slices.Clone(ours)
	id := func(l supply.Authorisations) string { return l.ID }
	for _, t := range theirs {
		i := slices.IndexFunc(out, func(l supply.Authorisations) bool { return l.ID == t.ID })
		if i < 0 {
			out = mergeRows(m, "authorisations", role, out, []supply.Authorisations{t}, id)
			continue
		}
		l := mergeRows(m, "authorisations", role, bareRulings(out[i:i+1]), bareRulings([]supply.Authorisations{t}), id)[0]
		l.Rulings = mergeRows(m, "ruling", role, out[i].Rulings, t.Rulings, func(r supply.Ruling) string { return rulingID(t.ID, r) })
		out[i] = l
	}
	return out
}

// mergeTrust compares what positive lists say of themselves, then entry by entry.
func mergeTrust(m *merger, role Role, ours, theirs []supply.TrustList) []supply.TrustList {
	out := slices.Clone(ours)
	id := func(l supply.TrustList) string { return l.ID }
	for _, t := range theirs {
		i := slices.IndexFunc(out, func(l supply.TrustList) bool { return l.ID == t.ID })
		if i < 0 {
			out = mergeRows(m, "trust-list", role, out, []supply.TrustList{t}, id)
			continue
		}
		l := mergeRows(m, "trust-list", role, bareTrust(out[i:i+1]), bareTrust([]supply.TrustList{t}), id)[0]
		l.Trusts = mergeRows(m, "trust", role, out[i].Trusts, t.Trusts, func(x supply.Trust) string { return trustID(t.ID, x) })
		out[i] = l
	}
	return out
}
