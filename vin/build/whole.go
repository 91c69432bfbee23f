package build

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sallyport/vin"
)

// incomplete are the body classes of vehicles that somebody else completes.
var incomplete = map[string]bool{"62": true, "63": true, "64": true, "65": true, "67": true, "70": true, "71": true, "72": true, "74": true,
	"75": true, "76": true, "77": true, "78": true, "107": true, "112": true, "116": true}

// whole packs what only NHTSA's own download holds.
func (c *compiler) whole() error {
	if !c.src.Whole {
		return nil
	}
	c.out.Meta += "whole=yes\n"
	ids := make([]int, len(c.schema))
	for id, n := range c.schema {
		ids[n] = id
	}
	for _, id := range ids {
		c.out.SchemaNames = append(c.out.SchemaNames, c.str(clean(c.src.Schemas[id])))
	}
	for _, e := range c.src.ErrorTexts {
		if e.Code < 0 {
			return fmt.Errorf("error code %d", e.Code)
		}
		c.out.Errors = append(c.out.Errors, vin.ErrorRow{Code: uint32(e.Code), Name: c.str(clean(e.Name)), More: c.str(clean(e.More))})
	}
	slices.SortFunc(c.out.Errors, func(a, b vin.ErrorRow) int { return cmp.Compare(a.Code, b.Code) })
	for _, v := range c.src.Exceptions {
		if len(v) == vin.Length {
			c.out.Exceptions = append(c.out.Exceptions, v)
		}
	}
	slices.Sort(c.out.Exceptions)
	c.out.Exceptions = slices.Compact(c.out.Exceptions)
	c.validChars()
	for _, w := range c.src.WMIs {
		if slices.Contains(c.com.WMIs, w.Code) {
			continue // NHTSA's vehicle specs are not said of vehicles that it does not know
		}
		k, _ := vin.WMIKey(w.Code)
		for _, mk := range c.src.WMIMakes[w.ID] {
			c.out.WMIMakes = append(c.out.WMIMakes, [2]uint32{k, uint32(mk)})
		}
	}
	slices.SortFunc(c.out.WMIMakes, func(a, b [2]uint32) int { return slices.Compare(a[:], b[:]) })
	if err := c.specs(); err != nil {
		return err
	}
	c.report.Exceptions, c.report.ValidChars = len(c.out.Exceptions), len(c.out.Valid)
	return nil
}

// validChars packs the sets of NHTSA's cache; most are shared by several years.
func (c *compiler) validChars() {
	sets := map[[9]uint64]uint32{}
	for k, set := range c.src.ValidChars {
		key, ok := vin.WMIKey(k.WMI)
		if !ok || k.Year < 0 {
			continue // no VIN has such a WMI
		}
		c.out.Valid = append(c.out.Valid, vin.ValidRow{Key: key, Year: uint32(k.Year)})
		sets[*set] = 0
	}
	for i, set := range slices.SortedFunc(maps.Keys(sets), func(a, b [9]uint64) int { return slices.Compare(a[:], b[:]) }) {
		sets[set] = uint32(i)
		c.out.ValidSets = append(c.out.ValidSets, set)
	}
	slices.SortFunc(c.out.Valid, func(a, b vin.ValidRow) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Year, b.Year)) })
	byKey := make(map[uint32]string, len(c.src.WMIs))
	for k := range c.src.ValidChars {
		if key, ok := vin.WMIKey(k.WMI); ok {
			byKey[key] = k.WMI
		}
	}
	for i := range c.out.Valid {
		r := &c.out.Valid[i]
		r.Set = sets[*c.src.ValidChars[WMIYear{byKey[r.Key], int(r.Year)}]]
	}
}

// specs packs the vehicle specs, one record for each model that one holds for.
func (c *compiler) specs() error {
	spellings := map[valueKey][]uint32{} // attribute in lower case → values
	for k, n := range c.values {
		k.attribute = strings.ToLower(k.attribute)
		spellings[k] = append(spellings[k], n)
	}
	for _, list := range spellings {
		slices.Sort(list)
	}
	for _, s := range c.src.Specs {
		schema := c.src.SpecSchemas[s.Schema]
		if schema.Unchecked {
			c.report.LeftSpecs++
			continue
		}
		var rows [][2]uint32
		keyed, met := false, true
		for _, r := range s.Rows {
			if r.Key {
				var key [][2]uint32
				if key, met = c.specKey(schema, r, spellings); !met {
					break
				}
				keyed = true
				rows = append(rows, key...)
			}
		}
		for _, r := range s.Rows {
			if _, ok := c.slots[r.Element]; r.Key || !ok {
				continue
			}
			n, err := c.value(r.Element, r.Attribute)
			if err != nil {
				return fmt.Errorf("vehicle spec %d: %w", s.ID, err)
			}
			date := uint32(vin.MaxSpecDate)
			if r.Date != "" {
				date = c.dates[r.Date]
			}
			rows = append(rows, [2]uint32{n, date<<2 | vin.SpecAdds})
		}
		if !keyed || !met {
			c.report.LeftSpecs++ // no vehicle has its key values
			continue
		}
		out := vin.SpecRow{Make: uint32(schema.Make), Type: uint32(schema.Type), ID: uint32(s.ID), FirstRow: uint32(len(c.out.SpecRows)),
			Rows: uint32(len(rows)), FirstYear: uint32(len(c.out.SpecYears)), Years: uint32(len(schema.Years))}
		c.out.SpecRows = append(c.out.SpecRows, rows...)
		for _, y := range schema.Years {
			c.out.SpecYears = append(c.out.SpecYears, uint16(y))
		}
		for _, model := range schema.Models {
			for _, n := range spellings[valueKey{elemModel, strconv.Itoa(model)}] {
				out.Model = n
				c.out.Specs = append(c.out.Specs, out)
			}
		}
		c.report.Specs++
	}
	slices.SortStableFunc(c.out.Specs, func(a, b vin.SpecRow) int { return cmp.Compare(a.Model, b.Model) })
	return nil
}

// specKey is what a key row demands of a vehicle; false is what none can have.
// Attributes are compared without regard to case.
func (c *compiler) specKey(s SpecSchema, r SpecRow, spellings map[valueKey][]uint32) ([][2]uint32, bool) {
	switch r.Element {
	case 26:
		return nil, r.Attribute == strconv.Itoa(s.Make)
	case 39:
		return nil, r.Attribute == strconv.Itoa(s.Type)
	case 29:
		y, err := strconv.ParseUint(r.Attribute, 10, 16)
		return [][2]uint32{{uint32(y), vin.SpecYear}}, err == nil
	}
	var rows [][2]uint32
	kind := uint32(vin.SpecKey)
	for _, n := range spellings[valueKey{r.Element, strings.ToLower(r.Attribute)}] {
		rows = append(rows, [2]uint32{n, kind})
		kind = vin.SpecSpelling
	}
	return rows, len(rows) > 0
}
