package refdata

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"sallyport/policy/supply"
	"sallyport/vin/telematics"
)

// Change is one thing that two releases differ in.
type Change struct {
	Path    string          `json:"path,omitempty"`    // ROLE/FILE; empty for a delegation
	Section string          `json:"section"`           // delegation, file, row, device, party, edge, instrument, trust-list, advisory, plant, territory, make, list, edition, entry
	ID      string          `json:"id,omitempty"`      // of the row
	What    string          `json:"what"`              // added, removed, changed
	Was     json.RawMessage `json:"was,omitempty"`     // the old row
	Is      json.RawMessage `json:"is,omitempty"`      // the new row
	Edition string          `json:"edition,omitempty"` // of a file, as it is now
}

// Diff says what a release changes against an older one, which may be nil:
// delegations, files, and row by row what the files of rows hold.
func Diff(old, now *Release) ([]Change, error) {
	if old == nil {
		old = &Release{}
	}
	out := diffRows(nil, "", "delegation", withoutSigners(old.Roles), withoutSigners(now.Roles), func(r Role) string { return r.Name })
	was, is := old.expected(), now.expected()
	paths := map[string]bool{}
	for p := range was {
		paths[p] = true
	}
	for p := range is {
		paths[p] = true
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		a, b := was[path], is[path]
		if a.SHA256 == b.SHA256 {
			continue
		}
		ch := Change{Path: path, Section: "file", What: "changed"}
		switch {
		case a.Path == "":
			ch.What = "added"
		case b.Path == "":
			ch.What = "removed"
		}
		x, y := contentOf(old, a), contentOf(now, b)
		ch.Edition = editionOf(cmp.Or(b.Kind, a.Kind), y)
		out = append(out, ch)
		var err error
		if out, err = diffContent(out, path, cmp.Or(b.Kind, a.Kind), x, y); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return out, nil
}

// withoutSigners keeps what the authorities agreed on: who signed, and until
// when, changes with every release.
func withoutSigners(roles []Role) []Role {
	out := slices.Clone(roles)
	for i := range out {
		out[i] = Role{Name: out[i].Name, Title: out[i].Title, Standing: out[i].Standing, Parts: out[i].Parts, Need: out[i].Need}
	}
	return out
}

func contentOf(r *Release, p Part) []byte {
	if p.Path == "" {
		return nil
	}
	return r.Content(p)
}

// editionOf reads the edition that files in JSON name.
func editionOf(k Kind, b []byte) string {
	if k == VPIC || k == RF || k == Packs || len(b) == 0 {
		return ""
	}
	var head struct {
		Edition string `json:"edition"`
		Made    string `json:"made"`
	}
	if json.Unmarshal(b, &head) != nil { // what it holds is compared, and refused, where it is opened
		return ""
	}
	return printable(cmp.Or(head.Edition, head.Made))
}

func diffContent(out []Change, path string, k Kind, was, is []byte) ([]Change, error) {
	if k == Catalogue {
		a, err := readCatalogue(was)
		if err != nil {
			return nil, err
		}
		b, err := readCatalogue(is)
		if err != nil {
			return nil, err
		}
		out = diffRows(out, path, "row", a.Rows, b.Rows, func(r telematics.Row) string { return r.ID })
		return diffRows(out, path, "device", a.Devices, b.Devices, func(r telematics.Device) string { return r.ID }), nil
	}
	if k != Supply && k != Lists {
		return out, nil
	}
	a, err := readGraph(was)
	if err != nil {
		return nil, err
	}
	b, err := readGraph(is)
	if err != nil {
		return nil, err
	}
	out = diffRows(out, path, "party", a.Parties, b.Parties, func(p supply.Party) string { return p.ID })
	out = diffRows(out, path, "edge", a.Edges, b.Edges, func(e supply.Edge) string { return e.ID })
	out = diffRows(out, path, "instrument", a.Instruments, b.Instruments, func(in supply.Instrument) string { return in.ID })
	out = diffRows(out, path, "trust-list", a.Trusted, b.Trusted, func(l supply.TrustList) string { return l.ID })
	out = diffRows(out, path, "advisory", a.Advisories, b.Advisories, func(v supply.Advisory) string { return v.ID })
	out = diffRows(out, path, "plant", a.Plants, b.Plants, func(p supply.Plant) string { return p.Brand + "/" + p.Model + "/" + p.Plant })
	out = diffRows(out, path, "territory", a.Territories, b.Territories, func(t supply.Territory) string { return t.Country })
	out = diffRows(out, path, "make", a.Makes, b.Makes, func(m supply.MakeName) string { return m.Name + "/" + m.Party })
	out = diffRows(out, path, "list", bare(a.Lists), bare(b.Lists), func(l supply.List) string { return l.ID })
	x, xe := flat(a.Lists)
	y, ye := flat(b.Lists)
	out = diffRows(out, path, "edition", x, y, func(r listed[supply.Edition]) string { return r.at })
	return diffRows(out, path, "entry", xe, ye, func(r listed[supply.Entry]) string { return r.at }), nil
}

// readCatalogue and readGraph read a file of rows; one that is not there has
// none.
func readCatalogue(b []byte) (*telematics.File, error) {
	if len(b) == 0 {
		return &telematics.File{}, nil
	}
	c, err := telematics.Open(b)
	if err != nil {
		return nil, err
	}
	return c.File(), nil
}

func readGraph(b []byte) (f supply.File, err error) {
	if len(b) > 0 {
		err = json.Unmarshal(b, &f)
	}
	return f, err
}

// listed is a row of a list with its place.
type listed[T any] struct {
	at  string
	Row T
}

// MarshalJSON writes the row alone.
func (l listed[T]) MarshalJSON() ([]byte, error) { return json.Marshal(l.Row) }

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

func diffRows[T any](out []Change, path, section string, was, is []T, id func(T) string) []Change {
	index := func(list []T) (map[string]T, []string) {
		m, order, counts := make(map[string]T, len(list)), make([]string, 0, len(list)), map[string]int{}
		for _, r := range list {
			k := id(r)
			if counts[k]++; counts[k] > 1 {
				k += "#" + strconv.Itoa(counts[k])
			}
			m[k], order = r, append(order, k)
		}
		return m, order
	}
	a, oldOrder := index(was)
	b, order := index(is)
	for _, k := range oldOrder {
		if _, stays := b[k]; !stays {
			out = append(out, Change{Path: path, Section: section, ID: k, What: "removed", Was: raw(a[k])})
		}
	}
	for _, k := range order {
		old, both := a[k]
		switch {
		case !both:
			out = append(out, Change{Path: path, Section: section, ID: k, What: "added", Is: raw(b[k])})
		case !reflect.DeepEqual(old, b[k]):
			out = append(out, Change{Path: path, Section: section, ID: k, What: "changed", Was: raw(old), Is: raw(b[k])})
		}
	}
	return out
}
