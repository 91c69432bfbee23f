// Package build compiles NHTSA's vPIC tables into the index that package vin
// decodes with.
//
// It imports vin only and reads no database: a reader of one edition's form
// fills a Source. ReadDump is the one for NHTSA's monthly PostgreSQL dump, which
// leaves nothing out; gate/sqlite/vpicfile is the one for the public cut.
// AddCommunity adds the rows of makers' plants that NHTSA does not know. Diff
// says what a new index holds that the old one did not. Life of one pattern: its
// key is compiled to sets of characters by position, its attribute resolved
// through the element's lookup table to the text NHTSA would show, its time of
// change turned into a rank, and the three packed beside the other patterns of
// its schema. Rows that are not NHTSA's are marked and counted apart.
package build

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sallyport/vin"
)

// Source is one edition of vPIC, table by table. Names of tables in Lookups
// are in lower case; times are as the database writes them.
type Source struct {
	Elements      []Element
	Lookups       map[string]map[string]string // table → id → name
	Makes         map[int]string
	Models        map[int]string
	MakeOfModel   map[int]int
	Manufacturers map[int]string
	WMIs          []WMI
	WMIMakes      map[int][]int // WMI id → make ids
	Links         []Link
	Unchecked     map[int]bool // schemas that NHTSA has still to check (TobeQCed)
	Patterns      []Pattern
	EngineModels  map[int]string
	EngineValues  []EngineValue
	Conversions   []Conversion
	Defaults      []Default
	Descriptors   []Descriptor
	World         []World

	// What only NHTSA's own dump holds.

	Edition     string                 // where the file's name tells it; else the day of NHTSA's last change is taken
	Whole       bool                   // no element is left out: the position checks of spVinDecode_ErrorCode can be made
	Schemas     map[int]string         // names of all VIN schemas, those that no WMI has too
	ValidChars  map[WMIYear]*[9]uint64 // WMIYearValidChars: sets of symbols at VIN positions 4–8 and 11–14
	Exceptions  []string               // VINs whose check digit NHTSA lets pass
	ErrorTexts  []ErrorText
	SpecSchemas map[int]SpecSchema
	Specs       []Spec
}

// WMIYear is a WMI in a model year.
type WMIYear struct {
	WMI  string
	Year int
}

// ErrorText is a row of vPIC's ErrorCode.
type ErrorText struct {
	Code       int
	Name, More string
}

// SpecSchema is a row of vPIC's VehicleSpecSchema with its models and model
// years; no year is every year.
type SpecSchema struct {
	ID, Make, Type int
	Unchecked      bool
	Models, Years  []int
}

// Spec is a row of vPIC's VSpecSchemaPattern: what is added to a vehicle whose
// values are those of the key rows.
type Spec struct {
	ID, Schema int
	Rows       []SpecRow
}

// SpecRow is a row of vPIC's VehicleSpecPattern.
type SpecRow struct {
	Element         int
	Attribute, Date string
	Key             bool
}

// Element is a row of vPIC's Element.
type Element struct {
	ID           int
	Code, Lookup string
	Decoded      bool // column Decode is not null
	Private      bool
	Weight       int
}

// WMI is a row of vPIC's Wmi.
type WMI struct {
	ID, Manufacturer, Type, TruckType, Country int
	Code, PublicFrom                           string
}

// Link is a row of vPIC's Wmi_VinSchema. To is 0 where it is open.
type Link struct{ WMI, Schema, From, To int }

// Pattern is a row of vPIC's Pattern; Date is UpdatedOn, else CreatedOn.
type Pattern struct {
	ID, Schema, Element   int
	Keys, Attribute, Date string
}

// EngineValue is a row of vPIC's EngineModelPattern.
type EngineValue struct {
	ID, Engine, Element int
	Attribute, Date     string
}

// Conversion is a row of vPIC's Conversion.
type Conversion struct {
	ID, From, To int
	Formula      string
}

// Default is a row of vPIC's DefaultValue.
type Default struct {
	Element, Type int
	Value         string
}

// Descriptor is a row of vPIC's VinDescriptor.
type Descriptor struct {
	Text string
	Year int
}

// World is a WMI from public lists.
type World struct{ WMI, Make, Manufacturer, Country string }

// Report says what an index was built from.
type Report struct {
	Edition                              string
	WMIs, Links, Schemas, Patterns, Keys int
	CommunityWMIs, CommunitySchemas      int
	CommunityPatterns                    int
	WorldWMIs, Values, Strings, Engines  int
	Left                                 int // patterns left out: not decoded, private, or not yet checked by NHTSA
	Bytes                                int

	// of NHTSA's whole download

	Whole            bool
	Specs, LeftSpecs int // vehicle specs; those not yet checked by NHTSA or that no vehicle can have
	Exceptions       int // VINs whose check digit NHTSA lets pass
	ValidChars       int // WMIs and years with a table of valid characters
}

// String is one line for a person.
func (r Report) String() string {
	text := fmt.Sprintf("%s: %d WMIs, %d schemas in %d links, %d patterns with %d keys and %d values, %d engine models; "+
		"community rows kept apart: %d WMIs, %d schemas, %d patterns; %d WMIs from public lists; %d patterns left out; %d bytes",
		r.Edition, r.WMIs, r.Schemas, r.Links, r.Patterns, r.Keys, r.Values, r.Engines,
		r.CommunityWMIs, r.CommunitySchemas, r.CommunityPatterns, r.WorldWMIs, r.Left, r.Bytes)
	if !r.Whole {
		return text + "; error codes 2–5 and 14 stay off: elements are left out"
	}
	return text + fmt.Sprintf("; all of NHTSA's elements, error codes and suggested VINs: %d vehicle specs (%d left out), "+
		"%d exceptions to the check digit, valid characters of %d WMIs and years", r.Specs, r.LeftSpecs, r.Exceptions, r.ValidChars)
}

// elements whose values come from the WMI or the caller, never from a pattern.
var fromWMI = map[int]bool{26: true, 27: true, 29: true, 39: true}

// elements that may keep several values.
var several = map[int]bool{114: true, 121: true, 129: true, 150: true, 154: true, 155: true, 169: true, 186: true}

var offRoad = map[string]bool{"69": true, "84": true, "86": true, "88": true, "97": true, "105": true, "113": true,
	"124": true, "126": true, "127": true}

const (
	elemBody    = 5
	elemCC      = 11
	elemCI      = 12
	elemL       = 13
	elemEngine  = 18
	elemModel   = 28
	elemCountry = 75
)

// Index compiles src into an index file.
func Index(src *Source, com Community) ([]byte, Report, error) {
	c := &compiler{src: src, com: com, strs: map[string]uint32{"": 0}, slots: map[int]uint8{}, values: map[valueKey]uint32{},
		classes: map[uint64]uint16{vin.ClassFree: 0, vin.ClassAny: 1}, tails: map[[9]uint16]uint16{{}: 0}, engines: map[int]uint32{}}
	c.out.Strings = []string{""}
	c.out.Classes = []uint64{vin.ClassFree, vin.ClassAny}
	c.out.Tails = make([][9]uint16, 1)
	for _, step := range []func() error{c.ownSchemas, c.edition, c.elements, c.engineModels, c.schemas, c.wmis, c.rest, c.whole} {
		if err := step(); err != nil {
			return nil, Report{}, fmt.Errorf("building the vPIC index: %w", err)
		}
	}
	data, err := c.out.Encode()
	if err != nil {
		return nil, Report{}, fmt.Errorf("building the vPIC index: %w", err)
	}
	if _, err := vin.Open(data); err != nil {
		return nil, Report{}, fmt.Errorf("building the vPIC index: reading it back: %w", err)
	}
	c.report.Strings, c.report.Values, c.report.Bytes = len(c.out.Strings), len(c.out.Values), len(data)
	return data, c.report, nil
}

type valueKey struct {
	element   int
	attribute string
}

type compiler struct {
	src     *Source
	com     Community
	out     vin.Tables
	report  Report
	strs    map[string]uint32
	slots   map[int]uint8
	values  map[valueKey]uint32
	classes map[uint64]uint16
	tails   map[[9]uint16]uint16
	engines map[int]uint32 // engine model id → number plus 1
	dates   map[string]uint32
	schema  map[int]uint16 // vPIC schema id → number
	own     map[int]bool   // schemas that are not NHTSA's
}

// ownSchemas finds the schemas of community WMIs. None may be NHTSA's too.
func (c *compiler) ownSchemas() error {
	codes := make(map[int]string, len(c.src.WMIs))
	for _, w := range c.src.WMIs {
		codes[w.ID] = w.Code
	}
	c.own = map[int]bool{}
	for _, l := range c.src.Links {
		if slices.Contains(c.com.WMIs, codes[l.WMI]) {
			c.own[l.Schema] = true
		}
	}
	for _, l := range c.src.Links {
		if c.own[l.Schema] && !slices.Contains(c.com.WMIs, codes[l.WMI]) {
			return fmt.Errorf("schema %d is both NHTSA's, of WMI %s, and a community schema", l.Schema, codes[l.WMI])
		}
	}
	return nil
}

// edition names the data by the day of NHTSA's last change in it.
func (c *compiler) edition() error {
	last := ""
	dates := map[string]bool{}
	for _, p := range c.src.Patterns {
		dates[p.Date] = true
		if !c.own[p.Schema] {
			last = max(last, p.Date)
		}
	}
	if len(last) < len("2006-01-02") {
		return errors.New("no pattern carries a date")
	}
	for _, e := range c.src.EngineValues {
		dates[e.Date] = true
	}
	for _, s := range c.src.Specs {
		for _, r := range s.Rows {
			dates[r.Date] = true
		}
	}
	c.dates = make(map[string]uint32, len(dates))
	for i, d := range slices.Sorted(maps.Keys(dates)) {
		c.dates[d] = uint32(i)
	}
	if c.src.Whole {
		c.dates[""] = uint32(len(dates)) // PostgreSQL puts a row without a date before all others
	}
	c.report.Whole = c.src.Whole
	c.report.Edition = c.src.Edition
	if c.report.Edition == "" {
		c.report.Edition = "NHTSA vPIC " + last[:10]
	}
	c.out.Meta = fmt.Sprintf("edition=%s\nyear=%s\n", c.report.Edition, last[:4])
	return nil
}

// elements gives a slot to every element that some row can set.
func (c *compiler) elements() error {
	used := map[int]bool{}
	for _, p := range c.src.Patterns {
		used[p.Element] = true
	}
	for _, p := range c.src.EngineValues {
		used[p.Element] = true
	}
	for _, v := range c.src.Conversions {
		used[v.From], used[v.To] = true, true
	}
	for _, d := range c.src.Defaults {
		if d.Value != "0" || c.src.Whole {
			used[d.Element] = true
		}
	}
	for _, s := range c.src.Specs {
		for _, r := range s.Rows {
			used[r.Element] = true
		}
	}
	byID := map[int]Element{}
	for _, e := range c.src.Elements {
		byID[e.ID] = e
	}
	for _, id := range slices.Sorted(maps.Keys(used)) {
		e, ok := byID[id]
		if !ok {
			return fmt.Errorf("element %d is used but not described", id)
		}
		if !e.Decoded || e.Private || fromWMI[id] {
			continue
		}
		row := vin.ElementRow{ID: uint16(id), Weight: uint8(e.Weight), Code: c.str(e.Code)}
		if several[id] {
			row.Flags |= vin.ElementMulti
		}
		if len(c.out.Elements) == vin.MaxSlots {
			return fmt.Errorf("more than %d elements", vin.MaxSlots)
		}
		c.slots[id] = uint8(len(c.out.Elements))
		c.out.Elements = append(c.out.Elements, row)
	}
	return nil
}

// value numbers what an element's attribute means.
func (c *compiler) value(element int, attribute string) (uint32, error) {
	k := valueKey{element, attribute}
	if n, ok := c.values[k]; ok {
		return n, nil
	}
	slot := c.slots[element]
	row := vin.ValueRow{Slot: slot}
	text := attribute
	for _, e := range c.src.Elements {
		if e.ID != element || e.Lookup == "" {
			continue
		}
		if element == elemModel {
			id, _ := strconv.Atoi(attribute)
			text = c.src.Models[id]
			row.Extra = c.str(strings.ToUpper(clean(c.src.Makes[c.src.MakeOfModel[id]])))
			break
		}
		table, ok := c.src.Lookups[strings.ToLower(e.Lookup)]
		if !ok {
			return 0, fmt.Errorf("element %d (%s) takes its values from table %s, which is not here", e.ID, e.Code, e.Lookup)
		}
		text = table[attribute]
	}
	row.Text = c.str(clean(text))
	switch element {
	case elemBody:
		if attribute == "64" {
			row.Extra |= vin.ValueGlider
		}
		if offRoad[attribute] {
			row.Extra |= vin.ValueOffRoad
		}
		if c.src.Whole && incomplete[attribute] {
			row.Extra |= vin.ValueIncomplete
		}
	case elemCountry:
		row.Extra = c.str(vin.CountryCode(text))
	case elemEngine:
		for id, name := range c.src.EngineModels {
			if strings.EqualFold(strings.TrimSpace(name), strings.TrimSpace(attribute)) {
				row.Extra = c.engines[id]
			}
		}
	case elemCC, elemCI, elemL:
		var to []uint32
		for _, target := range []int{elemCC, elemCI, elemL} {
			if target == element {
				continue
			}
			text := ""
			for _, v := range c.src.Conversions {
				if v.From == element && v.To == target {
					var err error
					if text, err = convert(v.Formula, attribute); err != nil {
						return 0, fmt.Errorf("conversion %d: %w", v.ID, err)
					}
				}
			}
			to = append(to, c.str(text))
		}
		row.Extra = uint32(len(c.out.Conversions))
		c.out.Conversions = append(c.out.Conversions, [2]uint32{to[0], to[1]})
	}
	n := uint32(len(c.out.Values))
	c.out.Values = append(c.out.Values, row)
	c.values[k] = n
	return n, nil
}

// engineModels keeps, per engine model and element, the row that wins.
func (c *compiler) engineModels() error {
	ids := slices.Sorted(maps.Keys(c.src.EngineModels))
	rows := map[int][]EngineValue{}
	for _, v := range c.src.EngineValues {
		rows[v.Engine] = append(rows[v.Engine], v)
	}
	for i, id := range ids {
		c.engines[id] = uint32(i + 1)
	}
	for _, id := range ids {
		slices.SortFunc(rows[id], func(a, b EngineValue) int { return cmp.Compare(a.ID, b.ID) })
		var out []vin.EngineRow
		for _, v := range rows[id] {
			if _, ok := c.slots[v.Element]; !ok {
				continue
			}
			n, err := c.value(v.Element, v.Attribute)
			if err != nil {
				return err
			}
			out = append(out, vin.EngineRow{Value: n, Date: c.dates[v.Date]})
		}
		c.out.Engines = append(c.out.Engines, out)
	}
	c.report.Engines = len(ids)
	return nil
}

// schemas compiles the keys and packs the patterns of each schema.
func (c *compiler) schemas() error {
	keys := map[string]uint32{}
	for _, p := range c.src.Patterns {
		keys[p.Keys] = 0
	}
	texts := slices.SortedFunc(maps.Keys(keys), func(a, b string) int {
		return cmp.Or(compareKeys(a, b), cmp.Compare(a, b))
	})
	compiled := make([]key, len(texts))
	for i, t := range texts {
		k, err := compileKey(t)
		if err != nil {
			return err
		}
		row := vin.KeyRow{Ties: i > 0 && compareKeys(texts[i-1], t) == 0}
		for j := range row.VDS {
			if row.VDS[j], err = c.class(k.match[j]); err != nil {
				return err
			}
		}
		if k.length > 5 {
			var tail [9]uint16
			for j := range tail {
				if tail[j], err = c.class(k.match[5+j]); err != nil {
					return err
				}
			}
			n, ok := c.tails[tail]
			if !ok {
				n = uint16(len(c.out.Tails))
				c.tails[tail] = n
				c.out.Tails = append(c.out.Tails, tail)
			}
			row.Tail = n
		}
		keys[t], compiled[i] = uint32(i), k
		c.out.Keys = append(c.out.Keys, row)
	}

	bySchema := map[int][]Pattern{}
	for _, l := range c.src.Links {
		bySchema[l.Schema] = nil
	}
	for _, p := range c.src.Patterns {
		if _, linked := bySchema[p.Schema]; !linked {
			if _, known := c.src.Schemas[p.Schema]; known {
				c.report.Left++ // a schema that no WMI uses: no VIN can reach it
				continue
			}
			return fmt.Errorf("pattern %d belongs to schema %d, which no WMI has", p.ID, p.Schema)
		}
		bySchema[p.Schema] = append(bySchema[p.Schema], p)
	}
	charsets := map[[9]uint16]uint32{}
	c.schema = map[int]uint16{}
	for _, id := range c.schemaOrder() {
		row := vin.SchemaRow{ID: uint32(id)}
		var chars [9]uint64
		groups := map[uint32][]vin.PatternRow{}
		for _, p := range bySchema[id] {
			k := keys[p.Keys]
			for i, m := range compiled[k].named {
				chars[i] |= m
			}
			if _, ok := c.slots[p.Element]; !ok || c.src.Unchecked[id] {
				c.report.Left++
				continue
			}
			n, err := c.value(p.Element, p.Attribute)
			if err != nil {
				return fmt.Errorf("pattern %d: %w", p.ID, err)
			}
			groups[k] = append(groups[k], vin.PatternRow{Value: n, Date: c.dates[p.Date], ID: uint32(p.ID)})
			if c.report.Patterns++; c.own[id] {
				c.report.CommunityPatterns++
			}
			if strings.Contains(p.Keys, "#") {
				row.Charset |= vin.SchemaFormula
			}
		}
		if c.own[id] {
			c.report.CommunitySchemas++
		}
		for _, k := range slices.Sorted(maps.Keys(groups)) {
			g := groups[k]
			slices.SortFunc(g, func(a, b vin.PatternRow) int { return cmp.Compare(a.ID, b.ID) })
			row.Groups = append(row.Groups, vin.GroupRow{Key: k, Patterns: g})
		}
		var set [9]uint16
		for i, m := range chars {
			var err error
			if m != 0 {
				if set[i], err = c.class(m); err != nil {
					return err
				}
			}
		}
		n, ok := charsets[set]
		if !ok {
			n = uint32(len(c.out.Charsets))
			charsets[set] = n
			c.out.Charsets = append(c.out.Charsets, set)
		}
		row.Charset |= n
		if len(c.schema) > 0xffff {
			return errors.New("more than 65,536 schemas")
		}
		c.schema[id] = uint16(len(c.out.Schemas))
		c.out.Schemas = append(c.out.Schemas, row)
	}
	c.report.Schemas, c.report.Keys = len(c.out.Schemas), len(c.out.Keys)
	return nil
}

// schemaOrder is the schemas in the order in which their records stand: those
// of a WMI side by side, by their first year. A decode reads the schemas of one
// WMI and year, with their patterns, values and texts; side by side, they lie in
// few lines of the processor's caches.
func (c *compiler) schemaOrder() []int {
	codes := make(map[int]string, len(c.src.WMIs))
	for _, w := range c.src.WMIs {
		codes[w.ID] = w.Code
	}
	links := slices.SortedFunc(slices.Values(c.src.Links), func(a, b Link) int {
		return cmp.Or(cmp.Compare(codes[a.WMI], codes[b.WMI]), cmp.Compare(a.From, b.From), cmp.Compare(a.Schema, b.Schema))
	})
	var order []int
	met := make(map[int]bool)
	for _, l := range links {
		if !met[l.Schema] {
			met[l.Schema] = true
			order = append(order, l.Schema)
		}
	}
	return order
}

// wmis packs the WMIs with their links.
func (c *compiler) wmis() error {
	links := map[int][]Link{}
	for _, l := range c.src.Links {
		links[l.WMI] = append(links[l.WMI], l)
	}
	countries := c.src.Lookups["country"]
	for _, w := range c.src.WMIs {
		k, ok := vin.WMIKey(w.Code)
		if !ok {
			return fmt.Errorf("WMI %q has neither 3 nor 6 characters of 0–9 and A–Z", w.Code)
		}
		row := vin.WMIRow{Key: k, Type: uint8(w.Type), TruckType: uint8(w.TruckType),
			Manufacturer: c.str(strings.ToUpper(clean(c.src.Manufacturers[w.Manufacturer]))),
			Country:      vin.CountryCode(countries[strconv.Itoa(w.Country)])}
		if name := c.out.Strings[row.Manufacturer]; strings.TrimSpace(name) != name {
			row.Flags |= vin.WMIPadded
		}
		switch makes := c.src.WMIMakes[w.ID]; len(makes) {
		case 0:
		case 1:
			row.Make = c.str(strings.ToUpper(clean(c.src.Makes[makes[0]])))
		default:
			row.Flags |= vin.WMISeveralMakes
		}
		if len(w.PublicFrom) >= 10 {
			n, err := strconv.ParseUint(w.PublicFrom[:4]+w.PublicFrom[5:7]+w.PublicFrom[8:10], 10, 32)
			if err != nil {
				return fmt.Errorf("WMI %s: public from %q is no date", w.Code, w.PublicFrom)
			}
			row.PublicFrom = uint32(n)
		}
		if slices.Contains(c.com.WMIs, w.Code) {
			row.Flags |= vin.WMICommunity
			row.PublicFrom = 0
			c.report.CommunityWMIs++
		}
		for _, l := range links[w.ID] {
			to := vin.OpenYear
			if l.To != 0 {
				to = l.To - 1900
			}
			if l.From < 1900 || l.From > 2154 || to < 0 || to > vin.OpenYear {
				return fmt.Errorf("WMI %s: schema %d is linked for the years %d to %d", w.Code, l.Schema, l.From, l.To)
			}
			row.Links = append(row.Links, vin.LinkRow{Schema: c.schema[l.Schema], From: uint8(l.From - 1900), To: uint8(to)})
			c.report.Links++
		}
		slices.SortFunc(row.Links, func(a, b vin.LinkRow) int {
			return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Schema, b.Schema))
		})
		c.out.WMIs = append(c.out.WMIs, row)
	}
	slices.SortFunc(c.out.WMIs, func(a, b vin.WMIRow) int { return cmp.Compare(a.Key, b.Key) })
	for i := 1; i < len(c.out.WMIs); i++ {
		if c.out.WMIs[i].Key == c.out.WMIs[i-1].Key {
			return errors.New("a WMI stands twice in table Wmi")
		}
	}
	c.report.WMIs = len(c.out.WMIs)
	return nil
}

// rest packs the small tables.
func (c *compiler) rest() error {
	for _, d := range c.src.Descriptors {
		if len(d.Text) != 11 && len(d.Text) != 14 {
			continue // no VIN has such a descriptor
		}
		c.out.Descriptors = append(c.out.Descriptors, vin.DescriptorRow{Text: d.Text, Year: uint16(d.Year)})
	}
	slices.SortFunc(c.out.Descriptors, func(a, b vin.DescriptorRow) int { return cmp.Compare(a.Text, b.Text) })
	for _, d := range c.src.Defaults {
		if _, ok := c.slots[d.Element]; !ok || d.Value == "0" && !c.src.Whole {
			continue // 0 stands for "Not Applicable"
		}
		n, err := c.fallback(d)
		if err != nil {
			return err
		}
		c.out.Defaults = append(c.out.Defaults, vin.DefaultRow{Type: uint32(d.Type), Value: n})
	}
	types := c.src.Lookups["vehicletype"]
	for _, id := range slices.Sorted(maps.Keys(types)) {
		n, err := strconv.ParseUint(id, 10, 8)
		if err != nil {
			return fmt.Errorf("vehicle type %q has no number", id)
		}
		c.out.Types = append(c.out.Types, vin.TypeRow{ID: uint32(n), Name: c.str(strings.ToUpper(clean(types[id])))})
	}
	held, taken := map[uint32]bool{}, map[uint32]bool{}
	for _, w := range c.out.WMIs {
		held[w.Key] = true
	}
	for _, w := range c.src.World {
		k, ok := vin.WMIKey(w.WMI)
		// where several makes are named, what vPIC knows is not all
		if !ok || taken[k] || held[k] && !strings.Contains(w.Make, vin.Separator) {
			continue
		}
		taken[k] = true
		c.out.World = append(c.out.World, vin.WorldRow{Key: k, Make: c.str(strings.ToUpper(w.Make)),
			Manufacturer: c.str(w.Manufacturer), Country: c.str(vin.CountryCode(w.Country))})
	}
	slices.SortFunc(c.out.World, func(a, b vin.WorldRow) int { return cmp.Compare(a.Key, b.Key) })
	c.report.WorldWMIs = len(c.out.World)
	return nil
}

// fallback numbers the value of a default. For an element whose values stand
// in a table, 0 is no row of it: NHTSA's procedure shows "Not Applicable".
func (c *compiler) fallback(d Default) (uint32, error) {
	for _, e := range c.src.Elements {
		if e.ID == d.Element && e.Lookup != "" && d.Value == "0" {
			n := uint32(len(c.out.Values))
			row := vin.ValueRow{Slot: c.slots[d.Element], Text: c.str("Not Applicable")}
			if d.Element == elemModel {
				break
			}
			c.out.Values = append(c.out.Values, row)
			return n, nil
		}
	}
	return c.value(d.Element, d.Value)
}

// str numbers a string.
func (c *compiler) str(s string) uint32 {
	n, ok := c.strs[s]
	if !ok {
		n = uint32(len(c.out.Strings))
		c.out.Strings = append(c.out.Strings, s)
		c.strs[s] = n
	}
	return n
}

// class numbers a set of symbols.
func (c *compiler) class(m uint64) (uint16, error) {
	n, ok := c.classes[m]
	if !ok {
		if len(c.out.Classes) > 0xffff {
			return 0, errors.New("more than 65,536 different character classes in keys")
		}
		n = uint16(len(c.out.Classes))
		c.out.Classes = append(c.out.Classes, m)
		c.classes[m] = n
	}
	return n, nil
}

// clean makes of a value what NHTSA shows: tabs and line breaks are spaces.
func clean(s string) string {
	return strings.NewReplacer("\t", " ", "\r", " ", "\n", " ").Replace(s)
}
