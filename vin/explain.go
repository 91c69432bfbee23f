package vin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Explanation says what each character of a VIN means and who says so.
type Explanation struct {
	VIN       string              `json:"vin"`
	Edition   string              `json:"edition"`
	Valid     bool                `json:"valid"`
	Problems  []Problem           `json:"problems"`
	Maker     ExplainedMaker      `json:"maker"`
	Year      ExplainedYear       `json:"model_year"`
	Positions []ExplainedPosition `json:"positions"`
	Values    []ExplainedValue    `json:"values"`
	BuiltIn   AnswerBuiltIn       `json:"built_in"`
	PlantSays *ExplainedValue     `json:"built_in_by,omitempty"` // the value that names the country of build
	Codes     string              `json:"error_code"`            // NHTSA's codes, joined by commas

	Corrections *Corrections `json:"corrections,omitempty"` // where the index holds what they need
}

// ExplainedMaker is what the world manufacturer identifier says.
type ExplainedMaker struct {
	WMI          string `json:"wmi"`
	Make         string `json:"make"`
	MakeBy       string `json:"make_by"` // what the make follows from
	Manufacturer string `json:"manufacturer"`
	VehicleType  string `json:"vehicle_type"`
	Basis        string `json:"basis"` // one of the bases of a make; empty where the maker is unknown
}

// ExplainedYear is how the model year was found.
type ExplainedYear struct {
	Year       *int            `json:"year"` // null is unknown
	Candidates []int           `json:"candidates,omitempty"`
	Why        string          `json:"why"`   // what position 10, and position 7, allow
	Taken      string          `json:"taken"` // why one of the tried years was taken
	Basis      string          `json:"basis"` // why the answer names that year, or none
	Tried      []ExplainedPass `json:"tried"`
}

// ExplainedPass is one try with one model year, and what it is weighed by: in
// this order, and the greater is the better.
type ExplainedPass struct {
	Year          int    `json:"year"` // 0: every year's schemas took part
	Codes         string `json:"error_code"`
	ErrorWeight   int    `json:"error_weight"`
	ElementWeight int    `json:"element_weight"`
	Patterns      int    `json:"patterns"` // values that patterns gave
	Taken         bool   `json:"taken"`
}

// ExplainedPosition is one character, or some that belong together.
type ExplainedPosition struct {
	At      int      `json:"at"`   // first 1-based position
	Last    int      `json:"last"` // last one
	Text    string   `json:"text"`
	Meaning string   `json:"meaning"`
	Says    []int    `json:"says,omitempty"` // the Values whose pattern names the character
	Notes   []string `json:"notes,omitempty"`
}

// ExplainedValue is one value and where it comes from.
type ExplainedValue struct {
	Element string `json:"element"` // vPIC variable code
	Value   string `json:"value"`
	By      string `json:"by"`                // one of the By constants
	Pattern int    `json:"pattern,omitempty"` // vPIC id
	Key     string `json:"key,omitempty"`     // of the pattern: VIN 4–8, a bar, VIN 10–17; * is any character
	Schema  int    `json:"schema,omitempty"`  // vPIC id
	Name    string `json:"schema_name,omitempty"`
	Own     bool   `json:"community,omitempty"` // a row that is not NHTSA's
}

// Where a value comes from.
const (
	ByPattern    = "pattern"
	ByEngine     = "engine model"
	ByFormula    = "characters of the VIN"
	ByConversion = "conversion of units"
	ByDefault    = "default of the vehicle type"
	BySpecs      = "vehicle specs"
)

// tried is what one pass came to.
type tried struct {
	year  int
	codes Codes
	rank  [4]int
}

// ExplainText parses a text and explains what it holds.
func (ix *Index) ExplainText(text string, opt Options) Explanation {
	v, problems := Parse(text)
	return ix.explain(v, problems, opt)
}

// Explain decodes a VIN as Decode does, and says how the answer was found.
func (ix *Index) Explain(v VIN, opt Options) Explanation {
	return ix.explain(v, problems(v, len(v)), opt)
}

func (ix *Index) explain(v VIN, problems []Problem, opt Options) Explanation {
	q := &query{trace: []tried{}}
	var d Decoded
	best := q.decode(&d, ix, v, problems, opt)
	e := Explanation{VIN: string(d.VIN), Edition: ix.Edition(), Valid: d.Valid, Problems: d.Problems, Codes: d.Codes.String(),
		BuiltIn: AnswerBuiltIn(d.BuiltIn), Values: []ExplainedValue{}, Positions: []ExplainedPosition{}}
	if e.Problems == nil {
		e.Problems = []Problem{}
	}
	keys := q.explainValues(best, &d, &e)
	e.Corrections = d.Corrections()
	q.explainMaker(best, &d, &e)
	q.explainYear(best, &d, &e)
	q.explainPositions(&d, &e, keys)
	return e
}

// explainValues lists the values that the winning pass found. It gives their
// keys, -1 for a value without one.
func (q *query) explainValues(p *pass, d *Decoded, e *Explanation) (keys []int) {
	if d.Basis != BasisVPIC && d.Basis != BasisCommunity {
		return nil
	}
	add := func(it *item) {
		a := Decoded{VIN: d.VIN, ix: q.ix, items: []attribute{it.attribute}}
		v := ExplainedValue{Element: q.ix.elems[it.slot].code, Value: a.one(0)}
		key := -1
		switch by := it; it.from {
		case fromPattern, fromFormula, fromEngine:
			v.By = ByPattern
			if it.from == fromFormula {
				v.By = ByFormula
			} else if it.from == fromEngine {
				v.By, by = ByEngine, &p.engine
			}
			v.Pattern, key = int(by.pattern()), int(by.key())
			v.Key = q.ix.keyText(key)
			v.Schema, v.Name = q.schemaOf(p, by)
			v.Own = d.Community
		case fromConversion:
			v.By = ByConversion
		case fromDefault:
			v.By = ByDefault
		case fromSpec:
			v.By = BySpecs
		}
		if v.Value != "" {
			e.Values, keys = append(e.Values, v), append(keys, key)
		}
	}
	for slot := range p.have.all() {
		if !q.ix.multi.has(slot) {
			add(&p.best[slot])
		}
		for i := range p.nMulti {
			if it := &p.multi[i]; it.slot == slot {
				add(it)
			}
		}
	}
	if e.BuiltIn.Basis == BasisPlant || e.BuiltIn.Basis == BasisPlantCommunity {
		for i := range e.Values {
			if e.Values[i].Element == "PlantCountry" {
				e.PlantSays = &e.Values[i]
			}
		}
	}
	return keys
}

// schemaOf is the id and name of the schema that holds the pattern of an item.
func (q *query) schemaOf(p *pass, it *item) (int, string) {
	ix := q.ix
	for l, ok := nextLink(q.wmi.links, p.year); ok; l, ok = nextLink(l[4:], p.year) {
		n := int(u16(l, 0))
		s := ix.sec[secSchemas][n*16:]
		for at := u32(s, 4); at < u32(s, 20); at++ {
			if uint32(u64(ix.sec[secPatterns], int(at)*8)&(MaxPatterns-1)) != it.pattern() {
				continue
			}
			name := ""
			if names := ix.sec[secSchemaNames]; names != "" {
				name = ix.str(u32(names, n*4))
			}
			return int(u32(s, 8)), name
		}
	}
	return 0, ""
}

// keyClasses is the classes of a key for the places of the keys string.
func (ix *Index) keyClasses(key int) (c [14]uint64) {
	r := ix.sec[secKeys][key*12:]
	for i := range c {
		c[i] = ClassFree
		if i < 5 {
			c[i] = ix.masks[u16(r, 2*i)]
		} else if t := int(u16(r, 10) &^ KeyTies); t != 0 {
			c[i] = ix.masks[u16(ix.sec[secTails], t*20+2*(i-5))]
		}
	}
	return c
}

// keyText writes a key as vPIC does, as far as the index keeps it: sets of
// characters stand in their order.
func (ix *Index) keyText(key int) string {
	var b strings.Builder
	for _, m := range ix.keyClasses(key) {
		switch {
		case m == ClassFree:
			return b.String()
		case m == ClassAny:
			b.WriteByte('*')
		case m == 1<<symHash:
			b.WriteByte('#')
		case m&(m-1) == 0:
			b.WriteString(charsOf(m))
		default:
			b.WriteString("[" + charsOf(m&^(1<<symBar|1<<symOther)) + "]")
		}
	}
	return b.String()
}

func (q *query) explainMaker(p *pass, d *Decoded, e *Explanation) {
	m := &e.Maker
	*m = ExplainedMaker{WMI: d.VIN.WMI(), Make: d.Make, Manufacturer: d.Manufacturer, VehicleType: d.VehicleType, Basis: d.Basis}
	s := q.ix.slot[elemModel]
	switch {
	case d.Basis == BasisWorldList:
		m.MakeBy = "by the WMI, in " + BasisWorldList
	case d.Basis == "":
	case s != 0 && p.have.has(s-1):
		m.MakeBy = "by the decoded model"
	case d.Make != "":
		m.MakeBy = "by the WMI, which has no other make"
	case q.wmi.flags&WMISeveralMakes != 0:
		m.MakeBy = "not known: the WMI has several makes, and no pattern names the model"
	}
}

func (q *query) explainYear(p *pass, d *Decoded, e *Explanation) {
	y := &e.Year
	if d.ModelYear != 0 {
		y.Year = &d.ModelYear
	}
	for _, c := range d.YearCandidates {
		if c != 0 {
			y.Candidates = append(y.Candidates, c)
		}
	}
	y.Why = q.whyYear()
	y.Tried = []ExplainedPass{}
	won := -1
	for i, t := range q.trace {
		if t.year == p.year {
			won = i
		}
		y.Tried = append(y.Tried, ExplainedPass{Year: t.year, Codes: t.codes.String(), ErrorWeight: t.rank[0], ElementWeight: t.rank[1], Patterns: t.rank[2]})
	}
	if won < 0 || d.Basis != BasisVPIC && d.Basis != BasisCommunity {
		y.Tried = y.Tried[:0]
		y.Taken = "vPIC does not hold the maker"
	} else {
		y.Tried[won].Taken = true
		y.Taken = takenBecause(q.trace, won)
	}
	y.Basis = d.YearBasis
}

// whyYear says what the VIN allows.
func (q *query) whyYear() string {
	if y := q.described(); y != 0 {
		return fmt.Sprintf("vPIC's list of descriptors fixes %d for this VIN", y)
	}
	if len(q.v) < 10 {
		return "the VIN ends before position 10"
	}
	c := q.v[9]
	base := yearCode(c)
	if base == 0 {
		return fmt.Sprintf("%c at position 10 is no year code", c)
	}
	rmy, conclusive := q.modelYear()
	text := fmt.Sprintf("%c at position 10 is %d or %d", c, base, base-30)
	if base-60 >= 1980 {
		text = fmt.Sprintf("%c at position 10 is %d, %d or %d", c, base, base-30, base-60)
	}
	car := q.known && q.wmi.carOrLightTruck
	switch p7 := q.v[6]; {
	case conclusive && base > q.limit:
		text += fmt.Sprintf("; later than %d cannot be, so it is %d", q.limit, rmy)
	case conclusive && digit(p7):
		text += fmt.Sprintf("; %c at position 7 is a digit, which on a car or light truck says before 2010 (49 CFR 565.15): %d", p7, rmy)
	case conclusive:
		text += fmt.Sprintf("; %c at position 7 is a letter, which on a car or light truck says 2010 or later (49 CFR 565.15): %d", p7, rmy)
	case car:
		text += "; position 7 is neither letter nor digit, so each can be"
	case q.known:
		text += "; for this type of vehicle position 7 says nothing of the year, so each can be"
	default:
		text += "; what position 7 says of the year is not known, so each can be"
	}
	if conclusive && len(q.trace) > 0 && q.trace[0].year != rmy && q.trace[0].year != q.opt.ModelYear {
		text += fmt.Sprintf("; but vPIC has no schema of the maker for %d and has one for %d", rmy, q.trace[0].year)
	}
	return text
}

// takenBecause says what set the winner apart from the best of the others.
func takenBecause(all []tried, won int) string {
	if len(all) == 1 {
		if all[0].year == 0 {
			return "no year is known: the schemas of every year took part"
		}
		return "no other year was tried"
	}
	const same = "all counts are equal"
	reason := same
	for i := range all {
		if i == won {
			continue
		}
		a, b := all[won].rank, all[i].rank
		switch {
		case a[0] != b[0]:
			reason = fmt.Sprintf("its error codes weigh less (%d against %d)", a[0], b[0])
		case a[1] != b[1]:
			reason = fmt.Sprintf("what was decoded weighs more (%d against %d)", a[1], b[1])
		case a[2] != b[2]:
			reason = fmt.Sprintf("more values were found by patterns (%d against %d)", a[2], b[2])
		case a[3] != b[3] && a[3] >= 10000:
			reason = "it is the year that the caller gave, and all else is equal"
		case a[3] != b[3]:
			reason = "it is the later one, and all else is equal"
		}
	}
	if reason == same {
		return "it was tried first, and " + same
	}
	return reason
}

// explainPositions says what each character means.
func (q *query) explainPositions(d *Decoded, e *Explanation, keys []int) {
	v := string(d.VIN)
	if v == "" {
		return
	}
	add := func(p ExplainedPosition) {
		p.Text = v[p.At-1 : p.Last]
		for _, problem := range d.Problems {
			if problem.At >= p.At && problem.At <= p.Last {
				p.Notes = append(p.Notes, problem.Text)
			}
		}
		e.Positions = append(e.Positions, p)
	}
	maker := "maker unknown: " + BasisVPIC + " does not hold it, nor do the public lists"
	switch {
	case len(v) < 3:
		maker = "too short for a maker's code (WMI)"
	case d.Basis != "":
		maker = "maker (WMI): " + orUnknown(e.Maker.Manufacturer)
		if e.Maker.VehicleType != "" {
			maker += ", " + e.Maker.VehicleType
		}
		maker += " — " + d.Basis
	case len(v) >= 3 && v[2] == '9' && len(v) < 14:
		maker = "a small maker, known only by positions 12–14, which are not given"
	}
	add(ExplainedPosition{At: 1, Last: min(3, len(v)), Meaning: maker})
	small := len(v) >= 14 && v[2] == '9'
	for at := 4; at <= len(v); at++ {
		p := ExplainedPosition{At: at, Last: at}
		index := at - 4 // in the keys string, whose bar stands for position 9
		for i, k := range keys {
			if k < 0 || at == 9 {
				continue
			}
			if namedBy(q.ix.keyClasses(k)[index]) != 0 {
				p.Says = append(p.Says, i)
			}
		}
		switch {
		case at == 9:
			p.Meaning = checkDigitMeaning(d.VIN)
		case at == 10 && e.Year.Year != nil:
			p.Meaning = "model year " + strconv.Itoa(*e.Year.Year)
		case at == 10:
			p.Meaning = "model year, not known"
		case small && at >= 12 && at <= 14:
			p.Last = 14
			p.Meaning = "maker, second part of the WMI"
			at = 14
		case len(p.Says) > 0:
			p.Meaning = "speaks of " + e.elements(p.Says)
			if n := len(e.Positions); slices.Equal(e.Positions[n-1].Says, p.Says) {
				p.Meaning = "speaks of the same, together with the character before"
			}
		case at >= 12:
			p.Last = q.serialEnd(at, len(v), keys)
			p.Meaning = "serial number"
			at = p.Last
		case d.Basis == BasisVPIC || d.Basis == BasisCommunity:
			p.Meaning = "nothing that vPIC knows of"
		default:
			p.Meaning = "not known: vPIC holds no patterns of the maker"
		}
		add(p)
	}
}

// serialEnd is the last position of the run of characters from at on that no
// key names.
func (q *query) serialEnd(at, length int, keys []int) int {
	for ; at < length; at++ {
		for _, k := range keys {
			if k >= 0 && namedBy(q.ix.keyClasses(k)[at-3]) != 0 {
				return at
			}
		}
	}
	return at
}

// checkDigitMeaning says whether position 9 is what it must be.
func checkDigitMeaning(v VIN) string {
	want, ok := CheckDigit(string(v))
	switch {
	case len(v) < Length:
		return "check digit, which only a full VIN has"
	case !ok:
		return "check digit, which cannot be computed: a character is not known or not allowed"
	case want == v[8]:
		return "check digit, right"
	case checkDigitMandatory(v):
		return "check digit, wrong: it must be " + string(want)
	}
	return "would be the check digit " + string(want) + " in North America and China; here it is the maker's own"
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// String is the explanation as plain text for a person.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s   %s\n", orUnknown(e.VIN), e.Edition)
	if !e.Valid {
		b.WriteString("Not a valid VIN.\n")
	}
	for _, p := range e.Problems {
		if p.At == 0 || p.At > len(e.VIN) {
			fmt.Fprintf(&b, "%s\n", p.Text)
		}
	}
	b.WriteString("\nCharacters\n")
	told := make([]bool, len(e.Values))
	for _, p := range e.Positions {
		place := strconv.Itoa(p.At)
		if p.Last > p.At {
			place += "–" + strconv.Itoa(p.Last)
		}
		line(&b, 2, 6, place, 7, p.Text, p.Meaning)
		for _, n := range p.Notes {
			line(&b, 2, 6, "", 7, "", n)
		}
		for _, i := range p.Says {
			if v := &e.Values[i]; !told[i] {
				told[i] = true
				line(&b, 4, 6, "", 7, "", v.Element+": "+v.Value+"   "+v.source())
			}
		}
	}
	first := true
	for i, v := range e.Values {
		if told[i] {
			continue
		}
		if first {
			b.WriteString("\nAlso known\n")
		}
		first = false
		fmt.Fprintf(&b, "  %s: %s   %s\n", v.Element, v.Value, v.source())
	}
	b.WriteString("\nMake\n")
	fmt.Fprintf(&b, "  %s", orUnknown(e.Maker.Make))
	if e.Maker.MakeBy != "" {
		fmt.Fprintf(&b, " — %s", e.Maker.MakeBy)
	}
	b.WriteString("\n\nModel year\n")
	switch {
	case e.Year.Year != nil:
		fmt.Fprintf(&b, "  %d\n", *e.Year.Year)
	case len(e.Year.Candidates) > 0:
		fmt.Fprintf(&b, "  unknown; position 10 allows %s\n", joinInts(e.Year.Candidates))
	default:
		b.WriteString("  unknown\n")
	}
	fmt.Fprintf(&b, "  Why: %s.\n", e.Year.Why)
	for _, t := range e.Year.Tried {
		year, taken := "every year", ""
		if t.Year != 0 {
			year = strconv.Itoa(t.Year)
		}
		if t.Taken {
			taken = "  ← taken"
		}
		fmt.Fprintf(&b, "  Tried %s: error codes %s (weight %d), elements weigh %d, %d values by patterns%s\n",
			year, orNone(t.Codes), t.ErrorWeight, t.ElementWeight, t.Patterns, taken)
	}
	if len(e.Year.Tried) > 0 {
		fmt.Fprintf(&b, "  Taken because: %s.\n", e.Year.Taken)
	} else {
		fmt.Fprintf(&b, "  NHTSA's rules were not applied: %s.\n", e.Year.Taken)
	}
	if e.Year.Basis != "" {
		fmt.Fprintf(&b, "  So: %s\n", e.Year.Basis)
	}
	b.WriteString("\nCountry of build\n")
	fmt.Fprintf(&b, "  %s", orUnknown(e.BuiltIn.Country))
	if e.BuiltIn.Basis != "" {
		fmt.Fprintf(&b, " — %s", e.BuiltIn.Basis)
	}
	if e.PlantSays != nil {
		fmt.Fprintf(&b, " %s", e.PlantSays.source())
	}
	b.WriteByte('\n')
	for _, s := range []string{e.BuiltIn.Note, e.BuiltIn.Source} {
		if s != "" {
			fmt.Fprintf(&b, "  %s\n", s)
		}
	}
	fmt.Fprintf(&b, "\nNHTSA's error codes\n  %s\n", orNone(e.Codes))
	if c := e.Corrections; c != nil {
		for _, l := range [...]struct{ name, text string }{{"", c.ErrorText}, {"", c.AdditionalText}, {"Suggested VIN: ", c.SuggestedVIN},
			{"Possible characters: ", c.PossibleValues}} {
			if l.text != "" {
				fmt.Fprintf(&b, "  %s%s\n", l.name, l.text)
			}
		}
	}
	return b.String()
}

// elements names the elements of some values, each once.
func (e *Explanation) elements(values []int) string {
	var names []string
	for _, i := range values {
		if n := e.Values[i].Element; !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return strings.Join(names, ", ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func joinInts(n []int) string {
	var parts []string
	for _, v := range n {
		parts = append(parts, strconv.Itoa(v))
	}
	return strings.Join(parts, " or ")
}

// line writes three columns, the first two padded to a width in characters.
func line(b *strings.Builder, indent, width int, first string, width2 int, second, rest string) {
	pad := func(s string, n int) string { return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s))) }
	b.WriteString(strings.TrimRight(strings.Repeat(" ", indent)+pad(first, width)+pad(second, width2)+rest, " ") + "\n")
}

// source says in brackets where a value comes from.
func (v *ExplainedValue) source() string {
	text := v.By
	if v.Pattern != 0 {
		if v.By == ByEngine || v.By == ByFormula {
			text += ", pattern"
		}
		text += fmt.Sprintf(" %d, key %s, schema %d", v.Pattern, v.Key, v.Schema)
	}
	if v.Name != "" {
		text += fmt.Sprintf(" “%s”", v.Name)
	}
	if v.Own {
		text += ", community row"
	}
	return "(" + text + ")"
}
