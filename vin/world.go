package vin

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// What is known beyond vPIC, as tables of rows with a reason and a source each.
var (
	//go:embed world_years.csv
	worldYears string
	//go:embed built_in_china.csv
	builtInChina string
)

// How a model year follows from a VIN, or does not.
const (
	BasisYearRule   = "position 10, by 49 CFR 565"
	BasisYearModel  = "position 10, and a pattern of that year names the model"
	BasisYearScheme = "position 10, and the check digit shows that the maker follows 49 CFR 565"
	BasisYearOpen   = "nothing says that this maker codes the model year at position 10"
)

// noteWeak goes with a country that the WMI alone gives.
const noteWeak = "The country of the WMI is where the maker's code was assigned; it need not be the country of build."

// yearRule is how the makers of a WMI, or of one type of it, code the model
// year.
type yearRule struct {
	how    yearForm
	from   int    // no older model year is known of such VINs, nor one 30 years younger; 0 is no such bound
	reason string // why, in one sentence, with the source
}

type yearForm uint8

const (
	yearOpen      yearForm = iota // nothing is known
	yearLatest                    // position 10; of two years the later
	yearAt10                      // position 10; only what from leaves
	yearElsewhere                 // position 10 is most often something else
	yearAt11                      // position 11 is the year of build
)

var yearForms = map[string]yearForm{"latest": yearLatest, "year": yearAt10, "other": yearElsewhere, "position 11": yearAt11}

// placeOfBuild is a model whose place of build is published.
type placeOfBuild struct {
	make, model string // compared without regard to case; empty where the prefix of the VIN says it
	from, to    int    // model years, 0 is open
	note        string
	source      string
}

// beyond is the tables in use.
type beyond struct {
	years  byPrefix[yearRule]
	places byPrefix[placeOfBuild]
	models []placeOfBuild
}

var beyondVPIC = sync.OnceValues(func() (*beyond, error) {
	b := new(beyond)
	if err := b.readYears(strings.NewReader(worldYears)); err != nil {
		return nil, fmt.Errorf("vin: table of model years: %w", err)
	}
	if err := b.readPlaces(strings.NewReader(builtInChina)); err != nil {
		return nil, fmt.Errorf("vin: table of places of build: %w", err)
	}
	return b, nil
})

// readYears reads rows of prefix, rule, from, reason, source.
func (b *beyond) readYears(r io.Reader) error {
	return eachRow(r, []string{"prefix", "rule", "from", "reason", "source"}, func(row []string) error {
		how, ok := yearForms[row[1]]
		if !ok {
			return fmt.Errorf("prefix %s: there is no rule %q", row[0], row[1])
		}
		if _, twice := b.years.rows[row[0]]; twice || row[0] == "" || row[3] == "" || row[4] == "" {
			return fmt.Errorf("prefix %q stands twice, or has no reason or source", row[0])
		}
		from, err := yearOrOpen(row[2])
		if err != nil {
			return fmt.Errorf("prefix %s: %w", row[0], err)
		}
		b.years.add(row[0], yearRule{how: how, from: from, reason: strings.TrimSuffix(row[3], ".") + " (" + row[4] + ")."})
		return nil
	})
}

// readPlaces reads rows of prefix, make, model, from, to, place, vehicle, note,
// source, quote.
func (b *beyond) readPlaces(r io.Reader) error {
	return eachRow(r, []string{"prefix", "make", "model", "from", "to", "place", "vehicle", "note", "source", "quote"}, func(row []string) error {
		from, err := yearOrOpen(row[3])
		to, err2 := yearOrOpen(row[4])
		if err := errors.Join(err, err2); err != nil {
			return fmt.Errorf("%s: %w", row[6], err)
		}
		if (row[0] == "") == (row[1] == "" || row[2] == "") || row[6] == "" || row[8] == "" || row[9] == "" {
			return fmt.Errorf("%s: a row has a prefix or a make and model, and vehicle, source and quote", row[6])
		}
		p := placeOfBuild{make: row[1], model: row[2], from: from, to: to, source: row[8], note: row[6]}
		if row[5] != "" {
			p.note += ", " + row[5]
		}
		if row[7] != "" {
			p.note += " (" + row[7] + ")"
		}
		p.note += ": “" + row[9] + "”"
		if row[0] == "" {
			b.models = append(b.models, p)
			return nil
		}
		b.places.add(row[0], p)
		return nil
	})
}

func yearOrOpen(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	y, err := strconv.Atoi(s)
	if err != nil || y < 1960 || y > 2100 {
		return 0, fmt.Errorf("%q is no year", s)
	}
	return y, nil
}

// eachRow hands on the rows of a table whose columns are exactly those named.
func eachRow(r io.Reader, columns []string, take func([]string) error) error {
	cr := csv.NewReader(r)
	head, err := cr.Read()
	if err != nil {
		return err
	}
	if !slices.Equal(head, columns) {
		return fmt.Errorf("the columns are %q, not %q", head, columns)
	}
	for {
		row, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = take(row)
		}
		if err != nil {
			return err
		}
	}
}

// byPrefix is rows by a prefix of the VIN.
type byPrefix[T any] struct {
	rows  map[string]T
	heads prefixes
	long  int // longest prefix
}

func (b *byPrefix[T]) add(prefix string, row T) {
	if b.rows == nil {
		b.rows = make(map[string]T)
	}
	b.rows[prefix] = row
	b.heads.add(prefix)
	b.long = max(b.long, len(prefix))
}

// longest is the row of the longest prefix of v.
func (b *byPrefix[T]) longest(v string) (row T, ok bool) {
	if !b.heads.may(v) {
		return row, false
	}
	for n := min(len(v), b.long); n > 0; n-- {
		if row, ok = b.rows[v[:n]]; ok {
			return row, true
		}
	}
	return row, false
}

// worldRow finds the WMI in the public lists.
func (q *query) worldRow() (int, bool) {
	var wmi [3]byte
	if copy(wmi[:], q.v) < len(wmi) {
		return 0, false
	}
	key, ok := wmiKey(wmi[:])
	if !ok {
		return 0, false
	}
	return search(q.ix.sec[secWorld], 16, key)
}

// contested takes back the make of a WMI that vPIC knows by one make and the
// public lists by several, where no pattern names the model.
func (q *query) contested(d *Decoded) {
	if d.Make == "" || d.Model != "" || d.Basis != BasisVPIC || northAmerica(d.VIN) {
		return
	}
	if i, ok := q.worldRow(); ok {
		if makes := q.ix.str(u32(q.ix.sec[secWorld], i*16+4)); strings.Contains(makes, Separator) {
			d.Make, d.MakeCandidates = "", makes
		}
	}
}

// world answers from the public lists for a WMI that vPIC does not hold.
func (q *query) world(d *Decoded) {
	sec := q.ix.sec[secWorld]
	i, ok := q.worldRow()
	if !ok {
		return
	}
	d.Make, d.Manufacturer = q.ix.str(u32(sec, i*16+4)), q.ix.str(u32(sec, i*16+8))
	if strings.Contains(d.Make, Separator) {
		d.Make, d.MakeCandidates = "", d.Make
	}
	d.Basis = BasisWorldList
	if c := q.ix.str(u32(sec, i*16+12)); c != "" {
		d.BuiltIn = BuiltIn{Code: c, Basis: BasisWorld, Weak: true}
	}
}

// year decides what is said of the model year.
//
// NHTSA's year stands where 49 CFR 565 holds, or where a pattern of that year
// names the model. Elsewhere position 10 need not be a year at all, and the
// table of what is known of makers decides; without a row there, NHTSA's year is
// taken where it is the latest that can be and the check digit shows that the
// maker follows the American scheme.
func (q *query) year(p *pass, d *Decoded) {
	american := northAmerica(d.VIN)
	switch {
	case d.Codes&CodeUnknownMaker == 0 && american && p.given <= q.opt.Year+1:
		if d.ModelYear = p.given; p.given != 0 {
			d.YearBasis = BasisYearRule
		}
		return
	case d.Model != "":
		if d.ModelYear = p.given; p.given != 0 {
			d.YearBasis = BasisYearModel
		}
		return
	}
	var rule yearRule
	if !american {
		rule, _ = q.ix.beyond.years.longest(q.v)
	}
	at := 9
	if rule.how == yearAt11 {
		at = 10
	}
	if len(q.v) <= at {
		return
	}
	n := 0
	for y := yearCode(q.v[at]); y >= 1980; y -= 30 {
		if y > q.opt.Year+1 || rule.from != 0 && (y < rule.from || y >= rule.from+30) {
			continue
		}
		if rule.how == yearAt11 && q.v[at] >= 'V' {
			continue // sources differ on these letters
		}
		d.YearCandidates[n] = y
		n++
	}
	known := false
	d.YearBasis = rule.reason
	switch rule.how {
	case yearElsewhere, yearAt11: // candidates only
	case yearLatest:
		known = n > 0
	case yearAt10:
		known = n == 1
	case yearOpen:
		switch {
		case n == 0:
			d.YearBasis = ""
		case american && n == 1:
			known, d.YearBasis = true, BasisYearRule
		case d.Codes&(CodeUnknownMaker|CodeCheckDigit|CodeIncomplete) == 0 && p.given == d.YearCandidates[0]:
			known, d.YearBasis = true, BasisYearScheme
		case american:
			d.YearBasis = BasisYearRule
		default:
			d.YearBasis = BasisYearOpen
		}
	}
	if known {
		d.ModelYear, d.YearCandidates = d.YearCandidates[0], [2]int{}
	}
}

// builtIn completes the country of build and its basis: a plant pattern, else
// the published place of build of the model, else the maker's plant code, else,
// weakly, the country of the WMI.
func (q *query) builtIn(d *Decoded) {
	b := &d.BuiltIn
	switch {
	case d.PlantCountry != "":
		if b.Basis = BasisPlant; d.Community {
			b.Basis = BasisPlantCommunity
		}
		if b.Code == "" {
			b.Country = d.PlantCountry
		}
	case q.published(d):
	case q.plantCode(d):
	case b.Code != "":
		b.Note = noteWeak
	default:
		if c := region(d.VIN); c != "" {
			*b = BuiltIn{Code: c, Basis: BasisRegion, Weak: true, Note: noteWeak}
		} else if q.known && q.wmi.country != "" {
			*b = BuiltIn{Code: q.wmi.country, Basis: BasisWMI, Weak: true, Note: noteWeak}
		}
	}
	if b.Country == "" {
		b.Country = CountryName(b.Code)
	}
}

// published answers from the table of models built in China.
func (q *query) published(d *Decoded) bool {
	if northAmerica(d.VIN) && d.Model == "" {
		return false
	}
	p, ok := q.ix.beyond.places.longest(q.v)
	if !ok && d.Model != "" {
		for _, m := range q.ix.beyond.models {
			if strings.EqualFold(m.make, d.Make) && strings.EqualFold(m.model, d.Model) {
				p, ok = m, true
			}
		}
	}
	if !ok || d.ModelYear != 0 && (p.from != 0 && d.ModelYear < p.from || p.to != 0 && d.ModelYear > p.to) {
		return false
	}
	if d.ModelYear == 0 && (p.from != 0 || p.to != 0) {
		return false
	}
	d.BuiltIn = BuiltIn{Code: "CN", Basis: BasisPlantOfModel, Note: p.note, Source: p.source}
	return true
}

// plantCode answers from what vPIC says of the character at position 11 in any
// model year, where the VIN's own year is not known or has no plant patterns.
// All that name the character, whatever else their keys ask for, must name one
// country. Makers of North American vehicles are bound to tell NHTSA the plants
// of each year, so that there nothing is added.
func (q *query) plantCode(d *Decoded) bool {
	if len(q.v) < 11 || !q.public() || northAmerica(d.VIN) || !q.wmi.carOrLightTruck {
		return false
	}
	if rule, _ := q.ix.beyond.years.longest(q.v); rule.how == yearAt11 {
		return false
	}
	ix := q.ix
	slot := ix.slot[elemPlantCountry]
	if slot == 0 {
		return false
	}
	const place = 7 // of position 11 among the classes of a tail's record: the bar, position 10, position 11
	code, want := "", q.sketch&^sketchVDS|sketchTail
	for l := q.wmi.links; len(l) >= 4; l = l[4:] {
		s := ix.sec[secSchemas][int(u16(l, 0))*16:]
		for i := u32(s, 0); i < u32(s, 16); i++ {
			if ix.sketches[i]&want != want {
				continue
			}
			g := &ix.groups[i]
			tail := int(u16(ix.sec[secKeys], int(g.key)*12+10) &^ KeyTies)
			class := ix.masks[u16(ix.sec[secTails], tail*20+2*(place-5))]
			if class == ClassAny || class == ClassFree || class&q.sym[place] == 0 {
				continue
			}
			for n := g.start; n < ix.groups[i+1].start; n++ {
				value := uint32(u64(ix.sec[secPatterns], int(n)*8) >> 44)
				if ix.slots[value] != slot-1 {
					continue
				}
				switch c := ix.str(ix.extra(value)); {
				case c == "" || code != "" && c != code:
					return false
				default:
					code = c
				}
			}
		}
	}
	if code == "" {
		return false
	}
	d.BuiltIn = BuiltIn{Code: code, Basis: BasisPlantCode}
	return true
}
