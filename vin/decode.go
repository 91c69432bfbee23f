package vin

import (
	"iter"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// vPIC element numbers that the rules name.
const (
	elemBattery      = 1
	elemBodyClass    = 5
	elemCC           = 11
	elemCI           = 12
	elemL            = 13
	elemEngineModel  = 18
	elemFuel         = 24
	elemGVWR         = 25
	elemMake         = 26
	elemModel        = 28
	elemModelYear    = 29
	elemPlantCity    = 31
	elemVehicleType  = 39
	elemPlantCountry = 75
	elemPlantState   = 77
)

// weightMake is Element.weight of make, model year and vehicle type.
const weightMake = 99

// vPIC vehicle type numbers that the rules name.
const (
	typeCar   = 2
	typeTruck = 3
	typeMPV   = 7
)

// Options is what a decode takes besides the VIN.
type Options struct {
	Year      int // current calendar year; 0 is the year of the index's edition
	ModelYear int // the model year that the caller believes in; 0 is none
}

// BuiltIn is the country of build as far as it is known.
type BuiltIn struct {
	Country string // English name; empty is unknown
	Code    string // ISO 3166-1 alpha-2; empty is unknown
	Basis   string // one of the Basis constants; empty where the country is unknown
	Weak    bool   // the WMI alone says so: the maker's seat, which need not be the place of build
	Note    string // what a person should know of the basis; may be empty
	Source  string // address of what says so, where it is not vPIC; may be empty
}

// The bases of a country of build, best first.
const (
	BasisPlant          = "vPIC plant pattern"
	BasisPlantCommunity = "community plant pattern"
	BasisPlantOfModel   = "published place of build of the model"
	BasisPlantCode      = "plant code at position 11, by vPIC plant patterns of other model years"
	BasisWMI            = "vPIC country of the WMI (weak)"
	BasisWorld          = "country of the WMI in public lists (weak)"
	BasisRegion         = "ISO 3780 region of the WMI (weak)"
)

// Who says make and manufacturer.
const (
	BasisVPIC      = "NHTSA vPIC"
	BasisCommunity = "community rows, not NHTSA's"
	BasisWorldList = "public lists of WMIs, not NHTSA's"
)

// Decoded is what is known of a VIN.
//
// The fields are Sallyport's answer; the attributes and Codes are what NHTSA's
// rules say word for word. They differ in two things, on vehicles not made for
// North America of which no model in vPIC fits the VIN: NHTSA's rules give a
// model year all the same, which is often wrong, and the make by which America
// knows the WMI, though others may share it. There, ModelYear is 0 and
// YearCandidates holds the years that the VIN allows, and Make is empty and
// MakeCandidates holds the makes.
type Decoded struct {
	VIN      VIN
	Valid    bool      // 17 legal characters, and the check digit where it is mandatory
	Problems []Problem // also holds notes on a valid VIN

	Make, Model    string // make in upper case, as NHTSA gives it; empty is unknown
	MakeCandidates string // where Make is unknown: the makes that public lists name for the WMI, joined by Separator
	ModelYear      int    // 0 is unknown
	YearCandidates [2]int // where ModelYear is unknown: the years that the VIN's year character allows, latest first, 0 is none
	YearBasis      string // how the model year, or that it is not known, follows from the VIN; empty where nothing is known
	Manufacturer   string
	VehicleType    string
	BodyClass      string
	GVWR           string // gross vehicle weight class, lower bound where there are two
	FuelPrimary    string

	PlantCountry, PlantState, PlantCity string // as vPIC writes them
	BuiltIn                             BuiltIn

	Basis     string // who says make and manufacturer; empty where both are unknown
	Community bool   // the answer rests on rows that are not NHTSA's
	Codes     Codes

	ix           *Index
	given        int    // the model year that NHTSA's rules give, 0 is none
	manufacturer string // as vPIC writes it
	vpicMake     string // as NHTSA's rules give it
	items        []attribute
	corrections  *findings // nil where the index does not hold what NHTSA's checks need
}

// attribute is one decoded value, resolved to text when it is asked for.
type attribute struct {
	ref         uint32 // value; string for a conversion
	slot        uint8
	from        source
	first, last uint8 // 0-based places in the VIN of a formula's digits
}

// maxMulti is how many different values the elements that may keep several keep
// together. The most that any VIN of eight characters, for which every year's
// schemas take part, was seen to have is 25.
const maxMulti = 128

// Separator stands between the values of a variable that keeps several. NHTSA
// joins them by commas, which the values themselves hold.
const Separator = " ~ "

// Attributes yields the vPIC variable codes and their values. A variable that
// keeps several values comes with all of them, joined by Separator.
func (d *Decoded) Attributes() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if d.ix == nil || !d.Corrections().attributes(yield) || d.manufacturer == "" && d.VehicleType == "" && len(d.items) == 0 {
			return
		}
		if d.given != 0 && !yield("ModelYear", yearText(d.given)) ||
			d.manufacturer != "" && !yield("Manufacturer", d.manufacturer) ||
			d.VehicleType != "" && !yield("VehicleType", d.VehicleType) ||
			d.vpicMake != "" && !yield("Make", d.vpicMake) {
			return
		}
		for i := 0; i < len(d.items); {
			end := i + 1
			for end < len(d.items) && d.items[end].slot == d.items[i].slot {
				end++
			}
			if text := d.text(i, end); text != "" && !yield(d.ix.elems[d.items[i].slot].code, text) {
				return
			}
			i = end
		}
	}
}

// Attribute is the value of a vPIC variable by its code, such as "Series";
// empty where it is unknown.
func (d *Decoded) Attribute(code string) string {
	for c, v := range d.Attributes() {
		if c == code {
			return v
		}
	}
	return ""
}

// text is the value of an element: of items i to end, which are of the same
// element. Several values stand in order of their texts.
func (d *Decoded) text(i, end int) string {
	if end == i+1 {
		return d.one(i)
	}
	texts := make([]string, 0, end-i)
	for ; i < end; i++ {
		t := d.one(i)
		if at, held := slices.BinarySearch(texts, t); !held {
			texts = slices.Insert(texts, at, t)
		}
	}
	return strings.Join(texts, Separator)
}

// one is the text of item i.
func (d *Decoded) one(i int) string {
	switch it := &d.items[i]; it.from {
	case fromConversion:
		return d.ix.str(it.ref)
	case fromFormula:
		first, last := int(it.first), int(it.last)
		if first < 8 && last > 8 {
			return string(d.VIN[first:8]) + "|" + string(d.VIN[9:last+1])
		}
		return string(d.VIN[first : last+1])
	default:
		return d.ix.str(u32(d.ix.sec[secValues], int(it.ref)*8) >> 8)
	}
}

// Codes is a set of NHTSA's error codes. Only those are reported that the data
// held can give truthfully. NHTSA's codes 2, 3, 4, 5 and 14 need patterns that
// the public cut does not hold: an index of the cut never gives them, one of
// NHTSA's whole download does. On the cut, no code at all means: nothing is
// wrong, but not every character is confirmed.
type Codes uint16

// The error codes, as members of Codes.
const (
	CodeClean             Codes = 1 << iota // 0: decoded clean
	CodeCheckDigit                          // 1: check digit does not calculate
	CodeCorrected                           // 2: one position is wrong, and only one character fits there
	CodeCorrectedByDigit                    // 3: one position is wrong, and only one character suits the check digit
	CodeOneWrong                            // 4: one position is wrong, several characters fit
	CodeSeveralWrong                        // 5: several positions are wrong
	CodeIncomplete                          // 6: fewer than 17 characters
	CodeUnknownMaker                        // 7: WMI not registered with NHTSA
	CodeNoData                              // 8: no pattern fits
	CodeGlider                              // 9: glider
	CodeOffRoad                             // 10: not for road use
	CodeBadYear                             // 11: position 10 is no year code
	CodeOtherYear                           // 12: caller's year is not the VIN's
	CodeUnused                              // 14: some characters say nothing
	CodeInvalidCharacters                   // 400: characters not allowed at their place
)

var codeNumbers = [...]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 400}

var codeWeights = [...]int{0, -5, -100, -100, -200, -300, -10, -10000, -1000, 0, 0, -20, -20, -30, -40}

// Has says whether all of c2 are among c.
func (c Codes) Has(c2 Codes) bool { return c&c2 == c2 }

// All yields NHTSA's numbers in ascending order.
func (c Codes) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, n := range codeNumbers {
			if c&(1<<i) != 0 && !yield(n) {
				return
			}
		}
	}
}

// String is the numbers in ascending order, joined by commas.
func (c Codes) String() string {
	var b strings.Builder
	for n := range c.All() {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

func (c Codes) weight() int {
	sum := 0
	for i, w := range codeWeights {
		if c&(1<<i) != 0 {
			sum += w
		}
	}
	return sum
}

// DecodeText parses a text and decodes what it holds.
func (ix *Index) DecodeText(text string, opt Options) Decoded {
	v, problems := Parse(text)
	return ix.decode(v, problems, opt)
}

// Decode decodes a VIN by NHTSA's rules (the stored procedure spVinDecode of
// its public vPIC database), then completes the answer with what is known
// outside vPIC. It never panics, whatever v holds; of v only the first 17
// bytes are looked at.
func (ix *Index) Decode(v VIN, opt Options) Decoded {
	return ix.decode(v, problems(v, len(v)), opt)
}

func (ix *Index) decode(v VIN, problems []Problem, opt Options) (d Decoded) {
	q, ok := ix.scratch.Get().(*query)
	if !ok {
		q = new(query)
	}
	q.decode(&d, ix, v, problems, opt)
	ix.scratch.Put(q)
	return d
}

// decode writes what is known of the VIN into d, which is empty, and gives the
// pass that won.
func (q *query) decode(d *Decoded, ix *Index, v VIN, problems []Problem, opt Options) *pass {
	v = v[:min(len(v), Length)]
	d.VIN, d.Valid, d.Problems = v, len(v) == Length, problems
	for _, p := range problems {
		if !p.Note {
			d.Valid = false
		}
	}
	if opt.Year == 0 {
		opt.Year = ix.year
	}
	q.ix, q.v, q.opt, q.limit, q.unlisted, q.wmi = ix, string(v), opt, opt.Year+2, false, wmi{}
	q.sound = d.Valid && len(problems) == 0
	q.prepare()
	best := q.run()
	d.Codes = best.codes
	if ix.whole {
		d.ix, d.corrections = ix, q.findings(best) // NHTSA's, whoever else knows the VIN
	}
	if best.codes&CodeUnknownMaker == 0 {
		q.fill(best, d)
		d.Basis = BasisVPIC
	} else if q.known && q.wmi.flags&WMICommunity != 0 {
		q.unlisted = true
		if q.trace != nil {
			q.trace = q.trace[:0]
		}
		best = q.run()
		q.fill(best, d)
		d.Basis, d.Community = BasisCommunity, true
	} else {
		q.world(d)
	}
	q.contested(d)
	q.year(best, d)
	q.builtIn(d)
	return best
}

// query is one VIN on its way through the passes.
type query struct {
	ix       *Index
	v        string
	opt      Options
	limit    int // upper limit of plausible model years
	known    bool
	unlisted bool // look at rows that NHTSA does not publish
	wmi      wmi
	sound    bool       // 17 legal characters and the right check digit
	sym      [14]uint64 // symbol bits of the keys string: VIN 4–8, `|`, VIN 10–17
	sketch   uint64     // of the keys string
	active   []link     // schemas that take part in the pass at hand
	hits     []hit      // groups of them whose keys fit
	warmth   byte       // what was read only to be at hand
	a, b     pass

	checkDigitFails bool
	exception       bool    // NHTSA lets the check digit of this VIN pass
	bad             uint32  // bit i: the character at 0-based place i is not allowed there
	key             uint32  // of the WMI
	trace           []tried // what each pass came to; nil where nobody asks
}

type wmi struct {
	links              string // its records of the section
	manufacturer, make uint32 // strings
	publicFrom         uint32 // yyyymmdd
	country            string // ISO 3166-1 alpha-2
	kind, truck, flags uint8
	carOrLightTruck    bool
	smallMaker         bool // identified by 6 characters
}

// link is a schema that takes part in a pass.
type link struct {
	schema  uint16
	from    uint8 // its first year−1900 for the WMI
	formula bool  // some key has `#`
	first   uint32
	end     uint32 // groups
	charset uint32
}

// hit is a group and the first year−1900 of the link to its schema.
type hit struct{ group, from uint32 }

// pass is one try with one model year.
type pass struct {
	year    int // 0 is none: every schema of the WMI takes part
	given   int // the model year that the answer names, 0 is none
	codes   Codes
	matched bool    // some pattern matched
	have    slotSet // slots that hold an item
	derived slotSet // slots whose item is a conversion, a default or from the vehicle specs
	best    [MaxSlots]item
	multi   [maxMulti]item // items of elements that may keep several
	nMulti  int
	several int  // items offered for such elements, the same ones counted again
	engine  item // the engine model whose own values join in

	inconclusive bool      // position 10 leaves open which thirty years are meant
	checks       positions // what the position checks found
}

// item is one value offered for one element. The greater order wins: priority,
// then date, then the less specific key, then the older pattern. The lowest bits
// of lo are the key's number.
type item struct {
	hi, lo uint64
	attribute
}

type source uint8

const (
	fromPattern source = iota
	fromEngine
	fromFormula
	fromConversion
	fromDefault
	fromSpec
)

const (
	priorityDefault = 10
	priorityEngine  = 50
	priorityFormula = 100
)

func (q *query) prepare() {
	v := q.v
	if len(v) == Length {
		for i := range q.sym {
			q.sym[i] = SymbolBit(v[i+3])
		}
		q.sym[5] = 1 << symBar
	} else {
		for i := range q.sym {
			at := i + 3 // 0-based place in the VIN
			if i > 4 && len(v) <= 9 {
				at = Length
			}
			switch {
			case i == 5 && at < Length:
				q.sym[i] = 1 << symBar
			case i != 5 && at < len(v):
				q.sym[i] = SymbolBit(v[at])
			default:
				q.sym[i] = 1 << symNone
			}
		}
	}
	q.sketch = sketchOf(&q.sym)
	q.known = q.find()
	q.exception = q.excepted()
	q.checkDigitFails = len(v) == Length && !q.exception && !q.checkDigitHolds()
	q.checkCharacters()
}

// find looks the WMI up.
func (q *query) find() bool {
	if len(q.v) < 3 {
		return false
	}
	var buf [6]byte
	n := copy(buf[:], q.v[:3])
	small := q.v[2] == '9'
	if small && len(q.v) >= 14 {
		n += copy(buf[3:], q.v[11:14])
	}
	key, ok := wmiKey(buf[:n])
	if !ok {
		return false
	}
	q.key = key
	ix := q.ix
	head := key / (37 * 37 * 37 * 37) // the first two symbols
	first, end := int(ix.heads[head]), int(ix.heads[head+1])
	i, ok := search(ix.sec[secWMIKeys][first*4:end*4], 4, key)
	if !ok {
		return false
	}
	i += first
	r := ix.sec[secWMIs][i*20:]
	q.wmi = wmi{
		links:        ix.sec[secLinks][u32(r, 0)*4 : u32(r, 20)*4],
		manufacturer: u32(r, 4), make: u32(r, 8), publicFrom: u32(r, 12),
		kind: r[18], truck: r[19] >> 4, flags: r[19] & 0xf, smallMaker: n == 6,
	}
	if r[16] != 0 {
		q.wmi.country = r[16:18]
	}
	q.wmi.carOrLightTruck = q.wmi.kind == typeCar || q.wmi.kind == typeMPV || q.wmi.kind == typeTruck && q.wmi.truck == 1
	return true
}

// search finds key in a section of records of the given size that start with
// an ascending u32.
func search(sec string, size int, key uint32) (int, bool) {
	lo, hi := 0, len(sec)/size
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch k := u32(sec, mid*size); {
		case k == key:
			return mid, true
		case k < key:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0, false
}

// public says whether NHTSA publishes the WMI in the current year.
func (q *query) public() bool {
	return q.known && (q.unlisted || q.wmi.publicFrom != 0 && int(q.wmi.publicFrom/10000) <= q.opt.Year)
}

// yearCode is the model year that a character at position 10 stands for in
// the span 2010–2039 (49 CFR 565.15, table VII), 0 where it stands for none.
func yearCode(c byte) int {
	switch {
	case c >= '1' && c <= '9':
		return 2031 + int(c-'1')
	case c >= 'A' && c <= 'H':
		return 2010 + int(c-'A')
	case c >= 'J' && c <= 'N':
		return 2018 + int(c-'J')
	case c == 'P':
		return 2023
	case c >= 'R' && c <= 'T':
		return 2024 + int(c-'R')
	case c >= 'V' && c <= 'Y':
		return 2027 + int(c-'V')
	}
	return 0
}

// modelYear is fVinModelYear2: the year by position 10, and whether it is
// certain which thirty years are meant.
func (q *query) modelYear() (year int, conclusive bool) {
	if len(q.v) < 10 {
		return 0, false
	}
	year = yearCode(q.v[9])
	if year == 0 {
		return 0, false
	}
	if q.known && q.wmi.carOrLightTruck {
		switch c := q.v[6]; {
		case c >= '0' && c <= '9':
			year, conclusive = year-30, true
		case c >= 'A' && c <= 'Z':
			conclusive = true
		}
	}
	if year > q.limit {
		year, conclusive = year-30, true
	}
	return year, conclusive
}

// linked says whether a schema of the WMI covers the year.
func (q *query) linked(year int) bool {
	_, ok := nextLink(q.wmi.links, year)
	return ok
}

// nextLink is what is left of l from the first link on that holds in the year;
// year 0 is every year. Links stand in order of their first year.
func nextLink(l string, year int) (string, bool) {
	if year == 0 {
		return l, len(l) >= 4
	}
	y := year - 1900
	for ; len(l) >= 4 && int(l[2]) <= y; l = l[4:] {
		if int(l[3]) >= y || l[3] == OpenYear {
			return l, true
		}
	}
	return "", false
}

// links finds the schemas of the WMI that take part in the year; year 0 is every
// year.
func (q *query) links(year int) {
	l := q.wmi.links
	if cap(q.active) < len(l)/4 {
		q.active = make([]link, len(l)/4)
	}
	active := q.active[:len(l)/4]
	n, y := 0, min(year-1900, OpenYear)
	for ; len(l) >= 4 && (year == 0 || int(l[2]) <= y); l = l[4:] {
		if year == 0 || int(l[3]) >= y {
			active[n].schema, active[n].from = u16(l, 0), l[2]
			n++
		}
	}
	q.active = active[:n]
	for i := range q.active {
		l := &q.active[i]
		s := q.ix.sec[secSchemas][int(l.schema)*16 : int(l.schema)*16+20]
		l.first, l.end = u32(s, 0), u32(s, 16)
		l.formula, l.charset = u32(s, 12)&SchemaFormula != 0, u32(s, 12)&^SchemaFormula
	}
}

// described is the model year that vPIC's VinDescriptor fixes for the VIN, or
// 0.
func (q *query) described() int {
	if len(q.v) < 3 || !q.ix.described.may(q.v) {
		return 0
	}
	var d [14]byte
	n := 11
	if q.v[2] == '9' {
		n = 14
	}
	for i := range n {
		if i < len(q.v) && i != 8 {
			d[i] = q.v[i]
		} else {
			d[i] = '*'
		}
	}
	sec := q.ix.sec[secDescriptors]
	lo, hi := 0, len(sec)/16
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch r := sec[mid*16 : mid*16+14]; {
		case r == string(d[:]):
			if y := int(u16(sec, mid*16+14)); y >= 1980 && y <= q.limit {
				return y
			}
			return 0
		case r < string(d[:]):
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0
}

// run makes the passes and chooses the best.
func (q *query) run() *pass {
	if y := q.described(); y != 0 {
		q.try(&q.a, y)
		return &q.a
	}
	rmy, conclusive := q.modelYear()
	omy := 0
	switch {
	case rmy == 0:
	case !conclusive:
		omy = rmy - 30
	case q.known && !q.linked(rmy):
		alt := 0
		if rmy >= 1980 && rmy <= q.limit-30 {
			alt = rmy + 30
		} else if rmy >= 2010 && rmy <= q.limit {
			alt = rmy - 30
		}
		if alt != 0 && q.linked(alt) {
			rmy = alt
		}
	}
	if my := q.opt.ModelYear; my >= 1980 && my <= q.limit && my != rmy && my != omy {
		q.try(&q.a, my)
		q.a.codes |= CodeOtherYear
		if n := len(q.trace); n > 0 {
			q.trace[n-1].codes, q.trace[n-1].rank = q.a.codes, q.rank(&q.a)
		}
		if rmy == 0 || q.a.codes&CodeNoData == 0 {
			return &q.a
		}
		q.try(&q.b, rmy)
		q.b.inconclusive = omy != 0
		best := q.better(&q.a, &q.b)
		if omy == 0 {
			return best
		}
		other := &q.a
		if best == other {
			other = &q.b
		}
		q.try(other, omy)
		other.inconclusive = true
		return q.better(best, other)
	}
	q.try(&q.a, rmy)
	if omy == 0 {
		return &q.a
	}
	q.try(&q.b, omy)
	q.a.inconclusive, q.b.inconclusive = true, true
	return q.better(&q.a, &q.b)
}

// better is the pass that NHTSA would answer with; a was made first.
func (q *query) better(a, b *pass) *pass {
	ra, rb := q.rank(a), q.rank(b)
	for i := range ra {
		if ra[i] != rb[i] {
			if ra[i] > rb[i] {
				return a
			}
			return b
		}
	}
	return a
}

// rank is what passes are compared by: error weights, element weights, number
// of pattern items, model year.
func (q *query) rank(p *pass) [4]int {
	var r [4]int
	r[0] = p.codes.weight()
	for w, have := range &p.have {
		if have == 0 {
			continue
		}
		r[2] += bits.OnesCount64(have &^ (p.derived[w] | q.ix.multi[w]))
		for have &= q.ix.weighted[w]; have != 0; have &= have - 1 {
			r[1] += q.ix.elems[w<<6+bits.TrailingZeros64(have)].weight
		}
	}
	if p.given != 0 {
		r[1] += weightMake // of the model year, which has the same
	}
	if q.makeOf(p) != 0 {
		r[1] += weightMake
	}
	r[2] += p.several
	r[3] = p.given
	if p.given != 0 && p.given == q.opt.ModelYear {
		r[3] += 10000
	}
	return r
}

// try is one pass (spVinDecode_core). A year of 0 lets every schema take part.
func (q *query) try(p *pass, year int) {
	p.year, p.given, p.codes, p.have, p.derived, p.nMulti, p.several, p.engine = year, year, 0, slotSet{}, slotSet{}, 0, 0, item{}
	p.matched, p.inconclusive = false, false
	if q.ix.whole {
		p.checks = positions{}
	}
	if q.public() {
		q.links(year)
		q.match(p)
		q.engineModel(p)
		q.formulas(p)
		q.convert(p)
		if q.ix.whole {
			q.specs(p)
			q.checkPositions(p)
		}
		q.defaults(p)
		if !p.matched {
			p.codes |= CodeNoData
		}
	} else {
		p.codes |= CodeUnknownMaker
		p.given = 0
	}
	q.judge(p)
	if q.trace != nil {
		q.trace = append(q.trace, tried{year: p.year, codes: p.codes, rank: q.rank(p)})
	}
}

// match offers every pattern whose key fits. The index is larger than the
// processor's near caches, and most of the time goes into waiting for memory; so
// each step asks for all that the next one needs before the next one starts.
func (q *query) match(p *pass) {
	ix := q.ix
	q.candidates()
	q.fitting()
	patterns := ix.sec[secPatterns]
	for _, h := range q.hits {
		q.warmth ^= patterns[int(ix.groups[h.group].start)*8]
	}
	for _, h := range q.hits {
		g := &ix.groups[h.group]
		rank := ix.order(g.key)
		priority := uint64(h.from) + 1900
		for at, end := int(g.start)*8, int(ix.groups[h.group+1].start)*8; at < end; at += 8 {
			w := u64(patterns, at)
			value := uint32(w >> 44)
			p.offer(ix, item{
				hi: priority<<32 | w>>23&(MaxDates-1), lo: rank | (MaxPatterns-1-w&(MaxPatterns-1))*MaxKeys,
				attribute: attribute{ref: value, slot: ix.slots[value], from: fromPattern},
			})
		}
	}
}

// candidates finds the groups of the active schemas whose sketch does not
// exclude the VIN.
func (q *query) candidates() {
	total, want := 0, q.sketch
	for i := range q.active {
		total += int(q.active[i].end - q.active[i].first)
	}
	if cap(q.hits) < total {
		q.hits = make([]hit, total)
	}
	hits, n := q.hits[:total], 0
	for i := range q.active {
		l := &q.active[i]
		for g, sketch := range q.ix.sketches[l.first:l.end] {
			if sketch&want == want {
				hits[n] = hit{group: l.first + uint32(g), from: uint32(l.from)}
				n++
			}
		}
	}
	q.hits = hits[:n]
}

// fitting keeps the hits whose key fits.
func (q *query) fitting() {
	keys, masks := q.ix.sec[secKeys], q.ix.masks
	var at [5]int // symbols of VIN positions 4–8
	for i := range at {
		at[i] = bits.TrailingZeros64(q.sym[i])
	}
	n := 0
	for _, h := range q.hits {
		key := q.ix.groups[h.group].key
		k := keys[key*12 : key*12+12]
		fits := masks[u16(k, 0)] >> at[0] & (masks[u16(k, 2)] >> at[1]) & (masks[u16(k, 4)] >> at[2]) &
			(masks[u16(k, 6)] >> at[3]) & (masks[u16(k, 8)] >> at[4]) & 1
		q.hits[n] = h
		if t := u16(k, 10) &^ KeyTies; t != 0 && fits != 0 && !q.tail(t) {
			fits = 0
		}
		n += int(fits)
	}
	q.hits = q.hits[:n]
}

// keyRank is the place of a key in the order of preference; the first is best.
func (ix *Index) keyRank(key uint32) uint32 {
	for key > 0 && u16(ix.sec[secKeys], int(key)*12+10)&KeyTies != 0 {
		key--
	}
	return key
}

// order is the part of an item's lo that its key gives: the place of the key
// in the order of preference, and its number.
func (ix *Index) order(key uint32) uint64 {
	return uint64(MaxKeys-1-ix.keyRank(key))*MaxKeys*MaxPatterns | uint64(key)
}

// key is the number of the key of an item that a pattern gave.
func (it *item) key() uint32 { return uint32(it.lo % MaxKeys) }

// pattern is the vPIC id of the pattern that gave an item.
func (it *item) pattern() uint32 { return uint32(MaxPatterns - 1 - it.lo/MaxKeys%MaxPatterns) }

// slotOf is the slot of the element that a value belongs to.
func (ix *Index) slotOf(value uint32) uint8 { return ix.sec[secValues][value*8] }

// extra is what else a value says, depending on its element.
func (ix *Index) extra(value uint32) uint32 { return u32(ix.sec[secValues], int(value)*8+4) }

// tail says whether the keys string from the `|` on fits tail t.
func (q *query) tail(t uint16) bool {
	r := q.ix.sec[secTails][int(t)*20:]
	for i := range 9 {
		if q.ix.masks[u16(r, 2*i)]&q.sym[5+i] == 0 {
			return false
		}
	}
	return true
}

// offer keeps the better of the item and what its element has.
func (p *pass) offer(ix *Index, it item) {
	e := &ix.elems[it.slot]
	if it.from == fromPattern || it.from == fromFormula {
		p.matched = true
	}
	if e.multi {
		p.have.add(it.slot)
		p.several++
		if ix.whole {
			p.checks.cover(ix, p, &it)
		}
		for i := range p.nMulti {
			if m := &p.multi[i]; m.ref == it.ref && m.from == it.from && m.slot == it.slot {
				return
			}
		}
		if p.nMulti < len(p.multi) {
			p.multi[p.nMulti] = it
			p.nMulti++
		}
		return
	}
	if e.id == elemEngineModel && it.from == fromPattern {
		// the engine whose own values join in is chosen by another order:
		// the youngest pattern wins a tie
		if b := &p.engine; b.hi == 0 || it.hi > b.hi || it.hi == b.hi && it.pattern() > b.pattern() {
			*b = it
		}
	}
	if !p.have.has(it.slot) {
		p.have.add(it.slot)
		p.best[it.slot] = it
	} else if b := &p.best[it.slot]; it.hi > b.hi || it.hi == b.hi && it.lo > b.lo {
		*b = it
	}
}

// engineModel offers what the decoded engine model brings.
func (q *query) engineModel(p *pass) {
	if p.engine.hi == 0 {
		return
	}
	ix := q.ix
	n := ix.extra(p.engine.ref)
	if n == 0 {
		return
	}
	off := ix.sec[secEngines]
	rows := ix.sec[secEngineRows][u32(off, int(n-1)*4)*8 : u32(off, int(n)*4)*8]
	for order := ^uint32(0); len(rows) > 0; rows = rows[8:] {
		value := u32(rows, 0)
		p.offer(ix, item{hi: priorityEngine<<32 | uint64(u32(rows, 4)), lo: uint64(order),
			attribute: attribute{ref: value, slot: ix.slotOf(value), from: fromEngine}})
		order--
	}
}

// formulas offers the characters that keys with `#` stand for: a digit each.
func (q *query) formulas(p *pass) {
	ix := q.ix
	for _, l := range q.active {
		if !l.formula {
			continue
		}
		for i := l.first; i < l.end; i++ {
			g := &ix.groups[i]
			first, last, ok := q.formula(g.key)
			if !ok {
				continue
			}
			for n := g.start; n < ix.groups[i+1].start; n++ {
				pat := u64(ix.sec[secPatterns], int(n)*8)
				value := uint32(pat >> 44)
				p.offer(ix, item{
					hi:        priorityFormula<<32 | pat>>23&(MaxDates-1),
					lo:        ix.order(g.key) | (MaxPatterns-1-pat&(MaxPatterns-1))*MaxKeys,
					attribute: attribute{ref: value, slot: ix.slotOf(value), from: fromFormula, first: uint8(first), last: uint8(last)},
				})
			}
		}
	}
}

// formula matches a key with `#` against the keys string, where `#` is any
// digit; first and last are the 0-based places in the VIN of the first and the
// last `#`.
func (q *query) formula(key uint32) (first, last int, ok bool) {
	const digits = 1<<10 - 1
	for i, c := range q.ix.keyClasses(int(key)) {
		s := q.sym[i]
		if s&digits != 0 {
			s = 1 << symHash
		}
		if c&s == 0 {
			return 0, 0, false
		}
		if c == 1<<symHash {
			if last = i + 3; !ok {
				first, ok = last, true
			}
		}
	}
	return first, last, ok
}

// convert adds the displacements that follow from another unit. Of one that a
// formula gave, NHTSA's procedure converts the placeholder, which gives 0.
func (q *query) convert(p *pass) {
	ix := q.ix
	ids := [3]int{elemCC, elemCI, elemL}
	var slots [3]int
	var from [3]item
	held := [3]bool{}
	for i, id := range ids {
		slots[i] = int(ix.slot[id]) - 1
		if slots[i] >= 0 && p.have.has(uint8(slots[i])) {
			from[i], held[i] = p.best[slots[i]], true
		}
	}
	for range ids {
		src := -1
		for i := range ids {
			if held[i] && (src < 0 || from[i].hi > from[src].hi) {
				src = i
			}
		}
		if src < 0 {
			return
		}
		held[src] = false
		c := int(ix.extra(from[src].ref)) * 8
		for i := range ids {
			if i == src {
				continue
			}
			if slots[i] >= 0 && !p.have.has(uint8(slots[i])) {
				p.have.add(uint8(slots[i]))
				p.derived.add(uint8(slots[i]))
				p.best[slots[i]] = item{attribute: attribute{ref: u32(ix.sec[secConversions], c), slot: uint8(slots[i]), from: fromConversion}}
			}
			c += 4
		}
	}
}

// defaults adds what vPIC gives every vehicle of the type for want of better.
func (q *query) defaults(p *pass) {
	for r := q.ix.sec[secDefaults]; len(r) > 0; r = r[8:] {
		if u32(r, 0) != uint32(q.wmi.kind) {
			continue
		}
		value := u32(r, 4)
		if slot := q.ix.slotOf(value); !p.have.has(slot) {
			p.have.add(slot)
			p.derived.add(slot)
			p.best[slot] = item{hi: priorityDefault << 32, attribute: attribute{ref: value, slot: slot, from: fromDefault}}
		}
	}
}

// judge sets the error codes that depend on the VIN's characters and on what
// was found.
func (q *query) judge(p *pass) {
	v := q.v
	flags := uint32(0)
	if s := q.ix.slot[elemBodyClass]; s != 0 && p.have.has(s-1) {
		if it := &p.best[s-1]; it.from == fromPattern || it.from == fromEngine || it.from == fromSpec {
			flags = q.ix.extra(it.ref)
		}
	}
	if len(v) < Length {
		p.codes |= CodeIncomplete
	} else if q.checkDigitFails {
		p.codes |= CodeCheckDigit
	}
	if q.bad&^(1<<8) != 0 || q.bad != 0 && flags&ValueOffRoad == 0 && !q.exception {
		p.codes |= CodeInvalidCharacters
	}
	if flags&ValueGlider != 0 {
		p.codes |= CodeGlider
	}
	if flags&ValueOffRoad != 0 {
		p.codes |= CodeOffRoad
	}
	if p.year == 0 {
		p.codes |= CodeBadYear
	}
	if my := q.opt.ModelYear; my >= 1980 && my <= q.limit && my != p.year {
		p.codes |= CodeOtherYear
	}
	wrong := p.codes &^ (CodeGlider | CodeOffRoad | CodeOtherYear)
	switch {
	case q.ix.whole:
		if wrong&^CodeUnused == 0 {
			p.codes |= CodeClean
			if s := q.ix.slot[elemModel]; s == 0 || !p.have.has(s-1) {
				p.codes |= CodeUnused
			}
		}
	case wrong == 0 && q.confirmed(p):
		p.codes |= CodeClean
	}
}

// checkDigitHolds is fVinCheckDigit2: the check digit is right, and the
// characters whose kind is fixed are of that kind.
func (q *query) checkDigitHolds() bool {
	v := q.v
	if v[8] == '?' {
		return true // as NHTSA's procedure has it: `?` is also its answer for "none"
	}
	if !q.sound {
		if want, ok := CheckDigit(v); !ok || want != v[8] {
			return false
		}
	}
	small := v[2] == '9'
	return yearCode(v[9]) != 0 && digit(v[14]) && digit(v[15]) && digit(v[16]) &&
		(small || digit(v[13])) && (small || digit(v[12]) || !(q.known && q.wmi.carOrLightTruck))
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// checkCharacters finds out whether some character is not allowed at its place.
func (q *query) checkCharacters() {
	q.bad = 0
	v := q.v
	serial := 13 // 0-based place from which only digits are allowed
	switch {
	case len(v) > 2 && v[2] == '9':
		serial = 14
	case q.known && q.wmi.carOrLightTruck:
		serial = 12
	}
	first := 0 // 0-based place of the first character in doubt
	if q.sound {
		first = 9
	}
	for i := first; i < len(v); i++ {
		c := v[i]
		switch {
		case i == 8:
			if !digit(c) && c != 'X' && c != '*' {
				q.bad |= 1 << 8
			}
		case i == 9 && yearCode(c) == 0,
			!digit(c) && c != '*' && (i >= serial || value(c) < 0):
			q.bad |= 1 << i
		}
	}
}

// confirmed says whether no character contradicts the patterns of the WMI in
// the pass's year: at each place for which some pattern names characters, the
// VIN has one of them.
func (q *query) confirmed(p *pass) bool {
	if len(q.v) < Length || !p.matched {
		return false
	}
	places := 9
	if q.wmi.smallMaker {
		places = 6 // positions 4–8 and 11
	}
	var named, met uint // bit i: item i is named, is met
	for _, l := range q.active {
		c := q.ix.sec[secCharsets][l.charset*18 : l.charset*18+18]
		for i := range places {
			if n := u16(c, i*2); n != 0 && met>>i&1 == 0 {
				named |= 1 << i
				if q.ix.masks[n]&SymbolBit(q.v[checkedPlace(i)]) != 0 {
					met |= 1 << i
				}
			}
		}
	}
	return named == met
}

// union is the symbols that some key of the schemas of the pass at hand names
// for VIN positions 4–8 and 11–14.
func (q *query) union() (union [9]uint64) {
	for _, l := range q.active {
		c := q.ix.sec[secCharsets][l.charset*18 : l.charset*18+18]
		for i := range union {
			if n := u16(c, i*2); n != 0 {
				union[i] |= q.ix.masks[n]
			}
		}
	}
	return union
}

// checkedPlace is the 0-based place in the VIN of item i of a union.
func checkedPlace(i int) int {
	if i > 4 {
		return i + 5
	}
	return i + 3
}

// fill writes what a pass found into the answer.
func (q *query) fill(p *pass, d *Decoded) {
	ix := q.ix
	d.ix, d.given = ix, p.given
	d.manufacturer = ix.str(q.wmi.manufacturer)
	if d.Manufacturer = d.manufacturer; q.wmi.flags&WMIPadded != 0 {
		d.Manufacturer = strings.TrimSpace(d.manufacturer)
	}
	d.VehicleType = ix.typeOf[q.wmi.kind]
	d.Make = ix.str(q.makeOf(p))
	d.vpicMake = d.Make
	n := p.nMulti
	for w, have := range &p.have {
		n += bits.OnesCount64(have &^ ix.multi[w])
	}
	d.items = make([]attribute, 0, n)
	var texts [roles]uint32 // strings, resolved together at the end
	var country uint32
	for w, have := range &p.have {
		for ; have != 0; have &= have - 1 {
			slot := uint8(w<<6 + bits.TrailingZeros64(have))
			if ix.elems[slot].multi {
				d.items = p.appendMulti(d.items, slot)
				continue
			}
			it := &p.best[slot]
			d.items = append(d.items, it.attribute)
			switch role := ix.elems[slot].role; {
			case role == roleNone:
			case it.from == fromFormula:
				d.set(role, d.one(len(d.items)-1))
			default:
				texts[role] = u32(ix.sec[secValues], int(it.ref)*8) >> 8
				if role == rolePlantCountry && it.from == fromPattern {
					country = ix.extra(it.ref)
				}
				if role == roleBattery {
					d.items = p.appendMulti(d.items, slot) // the vehicle specs may give another
				}
			}
		}
	}
	d.BuiltIn.Code = ix.str(country)
	for r := roleModel; r < roleBattery; r++ {
		if texts[r] != 0 {
			d.set(r, ix.str(texts[r]))
		}
	}
}

// set fills the field that has the role.
func (d *Decoded) set(r role, text string) {
	switch r {
	case roleModel:
		d.Model = text
	case roleBodyClass:
		d.BodyClass = text
	case roleGVWR:
		d.GVWR = text
	case roleFuel:
		d.FuelPrimary = text
	case rolePlantCountry:
		d.PlantCountry = text
	case rolePlantState:
		d.PlantState = text
	case rolePlantCity:
		d.PlantCity = text
	case roleNone, roleBattery, roles:
	}
}

// appendMulti adds the items that an element may keep besides others.
func (p *pass) appendMulti(items []attribute, slot uint8) []attribute {
	for i := range p.nMulti {
		if it := &p.multi[i]; it.slot == slot {
			items = append(items, it.attribute)
		}
	}
	return items
}

// makeOf is the make of the decoded model, else the only make of the WMI
// (string number, 0 is none).
func (q *query) makeOf(p *pass) uint32 {
	if s := q.ix.slot[elemModel]; s != 0 && p.have.has(s-1) {
		return q.ix.extra(p.best[s-1].ref)
	}
	return q.wmi.make
}

// yearText is a year in decimal without making a new string.
func yearText(y int) string {
	const digits = "198019811982198319841985198619871988198919901991199219931994199519961997199819992000200120022003200420052006200720082009" +
		"20102011201220132014201520162017201820192020202120222023202420252026202720282029203020312032203320342035203620372038203920402041"
	if i := (y - 1980) * 4; i >= 0 && i < len(digits) {
		return digits[i : i+4]
	}
	return strconv.Itoa(y)
}
