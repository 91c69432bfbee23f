package vin

import (
	"iter"
	"math/bits"
	"strconv"
	"strings"
)

// What an index of NHTSA's whole download adds to one of the public cut: the
// position checks of spVinDecode_ErrorCode, the vehicle specs, the VINs whose
// check digit NHTSA lets pass, and NHTSA's own words for its codes. On the cut
// none of this is at work.

// slotSet is a set of element slots.
type slotSet [MaxSlots / 64]uint64

func (s *slotSet) has(slot uint8) bool { return s[slot>>6]>>(slot&63)&1 != 0 }
func (s *slotSet) add(slot uint8)      { s[slot>>6] |= 1 << (slot & 63) }

// all yields the slots in ascending order.
func (s *slotSet) all() iter.Seq[uint8] {
	return func(yield func(uint8) bool) {
		for w, b := range s {
			for ; b != 0; b &= b - 1 {
				if !yield(uint8(w<<6 + bits.TrailingZeros64(b))) {
					return
				}
			}
		}
	}
}

// Kinds of rows of vehicle specs.
const (
	SpecAdds     = 0 // the value is added
	SpecKey      = 1 // the vehicle must have the value
	SpecSpelling = 2 // or this other spelling of the key before
	SpecYear     = 3 // the model year must be this
)

// MaxSpecDate is the date of a row of vehicle specs that has none: PostgreSQL
// puts it before all others.
const MaxSpecDate = MaxDates

// Whole says whether the index was built from NHTSA's whole download, so that
// all of NHTSA's codes and its suggested VIN can be given.
func (ix *Index) Whole() bool { return ix.whole }

// excepted says whether NHTSA lets the check digit of the VIN pass
// (VinException).
func (q *query) excepted() bool {
	sec := q.ix.sec[secExceptions]
	if len(sec) == 0 || len(q.v) != Length {
		return false
	}
	lo, hi := 0, len(sec)/Length
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch r := sec[mid*Length : (mid+1)*Length]; {
		case r == q.v:
			return true
		case r < q.v:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return false
}

// positions is what the position checks of one pass found.
type positions struct {
	covered [6]uint64 // symbols that keys of items name at VIN positions 4–8 and 11
	valid   [9]uint64 // symbols that may stand at VIN positions 4–8 and 11–14
	wrong   uint32    // bit i: 0-based place i holds none of them
	unused  uint32    // bit i: the character at place i says nothing
	fix     byte      // what must stand at the only wrong place; 0 is unknown
}

// namedBy is the symbols that a class of a key names (fValidCharsInKey): a star
// names none, `#` the digits.
func namedBy(m uint64) uint64 {
	const digits = 1<<10 - 1
	switch m {
	case ClassFree, ClassAny:
		return 0
	case 1 << symHash:
		return digits
	}
	return m & (1<<symStar - 1)
}

// cover notes what the key of an item names.
func (c *positions) cover(ix *Index, p *pass, it *item) {
	key := it.key()
	switch it.from {
	case fromPattern, fromFormula:
	case fromEngine:
		key = p.engine.key()
	default:
		return
	}
	r := ix.sec[secKeys][int(key)*12:]
	for i := range 5 {
		c.covered[i] |= namedBy(ix.masks[u16(r, 2*i)])
	}
	if t := int(u16(r, 10) &^ KeyTies); t != 0 {
		c.covered[5] |= namedBy(ix.masks[u16(ix.sec[secTails], t*20+2*2)])
	}
}

// validChars is the symbols that may stand at VIN positions 4–8 and 11–14, 0
// where any may: NHTSA's table where it has the WMI and year, else what the keys
// name.
func (q *query) validChars(p *pass) [9]uint64 {
	sec := q.ix.sec[secValid]
	lo, hi := 0, len(sec)/12
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		key, year := u32(sec, mid*12), int(u32(sec, mid*12+4))
		switch {
		case key == q.key && year == p.year:
			var set [9]uint64
			for i := range set {
				set[i] = u64(q.ix.sec[secValidSets], (int(u32(sec, mid*12+8))*9+i)*8)
			}
			return set
		case key < q.key || key == q.key && year < p.year:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	if p.year == 0 {
		return [9]uint64{}
	}
	return q.union()
}

// checkPositions is spVinDecode_ErrorCode: it finds the places whose character
// no VIN of the WMI and year has, and those whose character says nothing.
func (q *query) checkPositions(p *pass) {
	if !p.matched {
		return
	}
	c := &p.checks
	c.valid = q.validChars(p)
	for i, chars := range c.valid {
		at := checkedPlace(i)
		if at >= len(q.v) || q.wmi.smallMaker && at > 10 {
			break
		}
		if chars != 0 && chars&SymbolBit(q.v[at]) == 0 {
			c.wrong |= 1 << at
		}
	}
	switch bits.OnesCount32(c.wrong) {
	case 0:
	case 1:
		at := bits.TrailingZeros32(c.wrong)
		chars := charsOf(c.valid[checkedItem(at)])
		if len(chars) == 1 {
			c.fix = chars[0]
			p.codes |= CodeCorrected
			break
		}
		var try [Length]byte
		n := copy(try[:], q.v)
		good := 0
		for i := range len(chars) {
			if try[at] = chars[i]; strictCheckDigit(try[:n]) {
				good++
				c.fix = chars[i]
			}
		}
		if good == 1 {
			p.codes |= CodeCorrectedByDigit
		} else {
			c.fix = 0
			p.codes |= CodeOneWrong
		}
	default:
		p.codes |= CodeSeveralWrong
	}
	for slot := range p.have.all() {
		if !q.ix.multi.has(slot) {
			c.cover(q.ix, p, &p.best[slot])
		}
	}
	for i, chars := range c.covered {
		at := checkedPlace(i)
		if at < len(q.v) && chars&SymbolBit(q.v[at]) == 0 {
			c.unused |= 1 << at
		}
	}
	if c.unused != 0 {
		p.codes |= CodeUnused
	}
}

// checkedItem is the item of a union for the 0-based place at.
func checkedItem(at int) int {
	if at > 7 {
		return at - 5
	}
	return at - 3
}

// charsOf is the characters of a set of symbols in the order of their bytes.
func charsOf(set uint64) string {
	var b [64]byte
	n := 0
	for ; set != 0; set &= set - 1 {
		s := bits.TrailingZeros64(set)
		switch {
		case s < 10:
			b[n] = '0' + byte(s)
		case s < symStar:
			b[n] = 'A' + byte(s-10)
		case s == symBar:
			b[n] = '|'
		case s == symOther:
			b[n] = '_'
		default:
			continue
		}
		n++
	}
	return string(b[:n])
}

// strictCheckDigit is fVinCheckDigit: like fVinCheckDigit2, but the serial
// number must be digits from position 13 whatever the vehicle.
func strictCheckDigit(v []byte) bool {
	if len(v) != Length {
		return false
	}
	if v[8] == '?' {
		return true
	}
	var buf [Length]byte
	copy(buf[:], v)
	want, ok := CheckDigit(string(buf[:]))
	small := v[2] == '9'
	return ok && want == v[8] && yearCode(v[9]) != 0 && digit(v[14]) && digit(v[15]) && digit(v[16]) &&
		(small || digit(v[13]) && digit(v[12]))
}

// specs adds what vPIC's vehicle specs say of the decoded model: to a vehicle
// that has all the key values of a spec, its other values, as far as nothing else
// gave them. The youngest row wins.
func (q *query) specs(p *pass) {
	ix := q.ix
	sec := ix.sec[secSpecs]
	s := ix.slot[elemModel]
	if len(sec) == 0 || s == 0 || !p.have.has(s-1) {
		return
	}
	model := p.best[s-1].ref
	lo, hi := 0, len(sec)/32
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); u32(sec, mid*32) < model {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	was := p.have
	for sec = sec[lo*32:]; len(sec) > 0 && u32(sec, 0) == model; sec = sec[32:] {
		rows := ix.sec[secSpecRows][u32(sec, 16)*8 : (u32(sec, 16)+u32(sec, 20))*8]
		if u32(sec, 8) != uint32(q.wmi.kind) || !q.makes(u32(sec, 4)) || !q.specYear(p, sec) || !q.specKeys(p, rows) {
			continue
		}
		for ; len(rows) > 0; rows = rows[8:] {
			if w := u32(rows, 4); w&3 == SpecAdds {
				q.addSpec(p, &was, u32(rows, 0), uint64(w>>2))
			}
		}
	}
}

// makes says whether the make is one of the WMI's.
func (q *query) makes(id uint32) bool {
	sec := q.ix.sec[secWMIMakes]
	lo, hi := 0, len(sec)/8
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch k, m := u32(sec, mid*8), u32(sec, mid*8+4); {
		case k == q.key && m == id:
			return true
		case k < q.key || k == q.key && m < id:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return false
}

// specYear says whether the spec holds in the pass's year; one without years
// always does.
func (q *query) specYear(p *pass, spec string) bool {
	first, n := int(u32(spec, 24)), int(u32(spec, 28))
	for i := range n {
		if int(u16(q.ix.sec[secSpecYears], (first+i)*2)) == p.year {
			return true
		}
	}
	return n == 0
}

// specKeys says whether the vehicle has all the key values of a spec.
func (q *query) specKeys(p *pass, rows string) bool {
	met := true
	for ; len(rows) > 0; rows = rows[8:] {
		switch value := u32(rows, 0); u32(rows, 4) & 3 {
		case SpecKey:
			if !met {
				return false
			}
			met = q.holds(p, value)
		case SpecSpelling:
			met = met || q.holds(p, value)
		case SpecYear:
			if int(value) != p.year {
				return false
			}
		}
	}
	return met
}

// holds says whether the pass found a value.
func (q *query) holds(p *pass, value uint32) bool {
	slot := q.ix.slotOf(value)
	if !p.have.has(slot) {
		return false
	}
	if q.ix.multi.has(slot) {
		for i := range p.nMulti {
			if it := &p.multi[i]; it.slot == slot && it.ref == value && it.from != fromSpec {
				return true
			}
		}
		return false
	}
	it := &p.best[slot]
	if it.from == fromConversion {
		return strings.EqualFold(q.ix.str(it.ref), q.ix.str(u32(q.ix.sec[secValues], int(value)*8)>>8))
	}
	return it.ref == value && it.from != fromSpec
}

// addSpec adds a value of the vehicle specs; was is what the pass had before.
func (q *query) addSpec(p *pass, was *slotSet, value uint32, date uint64) {
	it := item{hi: date, attribute: attribute{ref: value, slot: q.ix.slotOf(value), from: fromSpec}}
	if several := q.ix.multi.has(it.slot); several || was.has(it.slot) {
		if !several && q.ix.elems[it.slot].id != elemBattery {
			return
		}
		p.have.add(it.slot)
		for i := range p.nMulti {
			if m := &p.multi[i]; m.slot == it.slot && m.from == fromSpec {
				if it.hi > m.hi {
					*m = it
				}
				return
			}
		}
		if p.nMulti < len(p.multi) {
			p.multi[p.nMulti] = it
			p.nMulti++
		}
		return
	}
	if !p.have.has(it.slot) || it.hi > p.best[it.slot].hi {
		p.have.add(it.slot)
		p.derived.add(it.slot)
		p.best[it.slot] = it
	}
}

// Corrections is what NHTSA's checks say of a VIN's characters, in NHTSA's
// words. It is given where the index holds all that the checks need.
type Corrections struct {
	SuggestedVIN   string `json:"suggested_vin"`    // `!` stands where a character is wrong and not known better; empty is no suggestion
	PossibleValues string `json:"possible_values"`  // `(position:characters)` of each wrong position
	Unused         string `json:"unused_positions"` // positions whose character says nothing, joined by commas
	ErrorText      string `json:"error_text"`
	AdditionalText string `json:"additional_error_text"`
	Descriptor     string `json:"vehicle_descriptor"` // what the VIN says without check digit and serial number
}

// attributes yields the corrections under vPIC's variable codes; it is false
// where yield was.
func (c *Corrections) attributes(yield func(string, string) bool) bool {
	if c == nil {
		return true
	}
	for _, a := range [...]struct{ code, text string }{{"SuggestedVIN", c.SuggestedVIN}, {"PossibleValues", c.PossibleValues},
		{"ErrorText", c.ErrorText}, {"AdditionalErrorText", c.AdditionalText}, {"VehicleDescriptor", c.Descriptor}} {
		if a.text != "" && !yield(a.code, a.text) {
			return false
		}
	}
	return true
}

// findings is what the checks of the winning pass found, before it is put in
// words: most callers never ask for them.
type findings struct {
	checks                              positions
	invalid                             uint32 // bit i: the character at 0-based place i is not allowed there
	codes                               Codes
	exception, incomplete, inconclusive bool
}

func (q *query) findings(p *pass) *findings {
	f := &findings{checks: p.checks, invalid: q.bad, codes: p.codes, exception: q.exception, inconclusive: p.inconclusive,
		incomplete: q.public() && q.wmi.kind == typeIncomplete}
	if p.codes.Has(CodeOffRoad) || q.exception {
		f.invalid &^= 1 << 8
	}
	if s := q.ix.slot[elemBodyClass]; s != 0 && p.have.has(s-1) && p.best[s-1].from != fromFormula {
		f.incomplete = f.incomplete || q.ix.extra(p.best[s-1].ref)&ValueIncomplete != 0
	}
	return f
}

// maxErrorText is how much NHTSA keeps of an error text, in characters.
const maxErrorText = 500

const (
	noteOffRoad    = " NOTE: Disregard if this is an off-road vehicle PIN, as check digit calculation may not be accurate."
	noteException  = " NOTE: Check Digit Exception - The check digit was given an exception based on data from the OEM indicating an error on production."
	noteIncomplete = " Incomplete Vehicle Warning - Please be advised that the vehicle may have been altered and may not be an accurate representation of the vehicle in its current condition. "
	noteYear       = " The Model Year decoded for this VIN may be incorrect. If you know the Model year, please enter it and decode again to get more accurate information. "
	typeIncomplete = 10
)

// Corrections is what NHTSA's checks found, in words; nil where the index
// cannot tell.
func (d *Decoded) Corrections() *Corrections {
	f := d.corrections
	if f == nil {
		return nil
	}
	v := string(d.VIN)
	c := &Corrections{Descriptor: descriptor(v)}
	marked := []byte(v)
	chk := &f.checks
	for set := chk.wrong; set != 0; set &= set - 1 {
		at := bits.TrailingZeros32(set)
		chars := charsOf(chk.valid[checkedItem(at)])
		if marked[at] = '!'; chk.fix != 0 {
			marked[at] = chk.fix
			chars = string(chk.fix)
		}
		c.PossibleValues += "(" + strconv.Itoa(at+1) + ":" + chars + ")"
	}
	var bad []string
	for set := f.invalid; set != 0; set &= set - 1 {
		at := bits.TrailingZeros32(set)
		marked[at] = '!'
		bad = append(bad, strconv.Itoa(at+1)+":"+v[at:at+1])
	}
	if chk.wrong != 0 || f.invalid != 0 {
		c.SuggestedVIN = string(marked)
	}
	var unused []string
	for set := chk.unused; set != 0; set &= set - 1 {
		unused = append(unused, strconv.Itoa(bits.TrailingZeros32(set)+1))
	}
	c.Unused = strings.Join(unused, ",")

	// the codes with their names, and the two that have more to say
	var names []string
	for n := range f.codes.All() {
		name, more := d.ix.errorText(n)
		switch {
		case n == 1 && f.codes.Has(CodeOffRoad):
			name += noteOffRoad
		case n == 0 && f.exception:
			name += noteException
		}
		if name != "" {
			names = append(names, strings.Trim(name, " "))
		}
		if n == 4 || n == 5 {
			c.AdditionalText = more
		}
	}
	c.ErrorText = firstRunes(strings.Join(names, "; "), maxErrorText)
	add := func(s string) { c.AdditionalText = firstRunes(strings.Trim(c.AdditionalText+s, " "), maxErrorText) }
	if f.codes.Has(CodeUnused) {
		if c.Unused != "" {
			add(" Unused position(s): " + c.Unused + ". ")
		} else {
			c.AdditionalText = "" // as NHTSA's procedure has it: an unknown list makes the whole text unknown
		}
	}
	if len(bad) > 0 {
		add(" Invalid character(s): " + strings.Join(bad, ", ") + ". ")
	}
	if f.incomplete {
		add(noteIncomplete)
	}
	if f.inconclusive {
		add(noteYear)
	}
	return c
}

// errorText is NHTSA's name of an error code, and what it has to say besides.
func (ix *Index) errorText(code int) (name, more string) {
	for r := ix.sec[secErrors]; len(r) > 0; r = r[12:] {
		if int(u32(r, 0)) == code {
			return ix.str(u32(r, 4)), ix.str(u32(r, 8))
		}
	}
	return "", ""
}

// firstRunes is the first n characters of s.
func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// descriptor is fVinDescriptor: the VIN without check digit and serial number.
func descriptor(v string) string {
	n := 11
	if len(v) > 2 && v[2] == '9' {
		n = 14
	}
	d := []byte(strings.Repeat("*", n))
	for i := range min(n, len(v)) {
		if i != 8 {
			d[i] = v[i]
		}
	}
	return string(d)
}
