package telematics

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLabel is the longest text that ReadLabel reads, in bytes.
const MaxLabel = 16 << 10

// Label is what the text of a label, a type plate, a certification table or a
// declaration says of the module in a unit.
type Label struct {
	Readings []Reading `json:"readings"` // every identifier found, in the order of the text
	Certain  bool      `json:"certain"`  // the label settles whose module it is
	Maker    string    `json:"maker,omitempty"`
	Mended   bool      `json:"mended,omitempty"` // certain, but only by a reading whose look-alike characters were put right
	Modules  []Finding `json:"modules"`          // the module where it is certain, else whose it may be
	Units    []Finding `json:"units"`            // who made the whole unit; says nothing of the module in it
	Others   []Finding `json:"others"`           // Wi-Fi and Bluetooth modules
	Problems []Problem `json:"problems"`
}

// Reading is one identifier in a text.
type Reading struct {
	Kind     string    `json:"kind"` // one of Kinds, or "maker" for a maker's name
	Line     int       `json:"line"` // from 1
	From     int       `json:"from"` // byte range in the whole text
	To       int       `json:"to"`
	Text     string    `json:"text"`               // as it stands there
	Value    string    `json:"value"`              // as it was read
	Mended   bool      `json:"mended,omitempty"`   // look-alike characters were put right
	Contains bool      `json:"contains,omitempty"` // named as contained in the unit
	Makers   []Finding `json:"makers"`
	Problems []Problem `json:"problems"`

	weight weight
	faint  bool // a maker's name that much would have to be misread for
	onBus  bool // it stands beside a bus id, or beside a word that speaks of another module
	unitOf bool // it names the maker of the unit that contains what another reading names
}

// weight is what a reading counts for.
type weight uint8

const (
	hint   weight = iota // it can be held against another reading, but settles nothing
	mended               // a known identifier but for look-alike characters
	firm                 // a whole identifier, read as it stands
)

// names lists the makers whose module the reading may name.
func (r *Reading) names() []string {
	var out []string
	for i := range r.Makers {
		if f := &r.Makers[i]; f.names() && !slices.Contains(out, f.Maker) {
			out = append(out, f.Maker)
		}
	}
	return out
}

// ReadLabel finds every identifier in a text as it was photographed or pasted,
// and says whose module it names.
//
// The answer is certain in two cases only. Either identifiers that stand in the
// text as they are in the tables, or whose maker and model both are, name one
// maker and nothing else in the text names another's module. Or there is none
// of those, and a reading whose look-alike characters were put right (O and 0,
// I and 1, S and 5, B and 8, Z and 2, G and 6) is exactly one known identifier
// of exactly one maker, no other maker's is near it, and nothing in the text
// contradicts it. Otherwise Modules lists whose it may be. What follows
// "contains" is the module; a maker's identifier beside it is the unit's. A
// wrong check digit concludes nothing, and neither do a bus id, a device's or
// a maker's name, the code of a maker whose product is not known to have a
// modem, and an approval mark.
//
// It never fails. Problems has too_long (nothing was read), nothing (no
// identifier was found), several, not_certain, and those of the readings.
func (c *Catalogue) ReadLabel(text string) Label {
	if len(text) > MaxLabel {
		return Label{Problems: []Problem{{"too_long", fmt.Sprintf("The text has more than %d bytes; nothing was read.", MaxLabel)}}}
	}
	r := labelReader{c: c, x: c.labels(), text: text}
	r.read()
	return r.join()
}

// Identification is the label as Identify answers it. Makers holds what whole
// and unmended identifiers name and, where the label is certain, its maker;
// what is less than that stands in Candidates.
func (l Label) Identification() Identification {
	id := Identification{Kind: "label", Problems: slices.Clone(l.Problems)}
	var lines []string
	for i := range l.Readings {
		lines = append(lines, l.Readings[i].Kind+" "+l.Readings[i].Value)
	}
	id.Normalised = strings.Join(lines, "; ")
	if l.Certain {
		id.Makers = slices.Clone(l.Modules)
	} else {
		id.Candidates = slices.Clone(l.Modules)
	}
	id.Makers = append(append(id.Makers, l.Units...), l.Others...)
	return id
}

// token is a run of characters that may belong to one identifier.
type token struct {
	text     string // full-width characters as plain ones
	from, to int    // in the whole text
	glued    bool   // only a slash parts it from the token before
}

// keyword is a word that says what follows.
type keyword uint8

const (
	noWord keyword = iota
	wordContains
	wordFCC
	wordIC
	wordIMEI
	wordPart
	wordModel
	wordSerial
)

type labelReader struct {
	c    *Catalogue
	x    *idIndex
	text string
	out  []Reading

	line     int
	contains bool    // what follows is contained in the unit
	carry    keyword // the line before ended with this word
	makes    bool    // the make of a vehicle whose parts are known stands in the text
	sole     bool    // the text is one word
}

var busIDs = regexp.MustCompile(`(?i)\b(?:(?:(USB|PCI)(?: ID)?|ID)[ :=]+|idVendor[ :=]+|VID[_ :=]*)(?:0x)?([0-9a-f]{4})\b(?:(?::|\W+(?:idProduct|PID)[_ :=]*)(?:0x)?([0-9a-f]{4})\b)?`)

// busShape is a bus id, if a misread one: what stands beside it on the line is
// what the modem says of itself.
var busShape = regexp.MustCompile(`(?:^|[^0-9A-Za-z])([0-9A-Za-z|!$]{4}):([0-9A-Za-z|!$]{4})(?:[^0-9A-Za-z]|$)`)

func onBus(line string) bool {
	for _, m := range busShape.FindAllStringSubmatch(line, -1) {
		if strings.ContainsAny(m[1], "0123456789") && strings.ContainsAny(m[2], "0123456789") {
			return true
		}
	}
	return false
}

var approvalMarks = regexp.MustCompile(`\b(?:[Ee] ?\d{1,2}[ *-]+(?:\d{2,3} ?R ?-? ?\d{4,7}|\d{2,4}[*/][0-9*/]+)|CE ?\d{4})\b`)

// read goes through the text line by line.
func (r *labelReader) read() {
	r.sole = len(tokensOf(r.text, 0)) == 1
	for _, w := range strings.FieldsFunc(r.text, func(c rune) bool { return !unicode.IsLetter(c) }) {
		if r.x.makes[fold(w)] {
			r.makes = true
		}
	}
	for from := 0; from < len(r.text); {
		to := strings.IndexByte(r.text[from:], '\n')
		if to < 0 {
			to = len(r.text)
		} else {
			to += from
		}
		r.line++
		r.readLine(from, to)
		from = to + 1
	}
}

func (r *labelReader) readLine(from, to int) {
	line := r.text[from:to]
	toks := tokensOf(line, from)
	if len(toks) == 0 {
		r.contains, r.carry = false, noWord
		return
	}
	n, bus := len(r.out), false
	for _, m := range busIDs.FindAllStringSubmatchIndex(line, -1) {
		v := line[m[4]:m[5]]
		if m[6] >= 0 {
			v += ":" + line[m[6]:m[7]]
		} else if m[2] < 0 && !strings.Contains(strings.ToLower(line[m[0]:m[1]]), "v") {
			continue // "ID 1234" alone is no bus id
		}
		if m[2] >= 0 {
			v = line[m[2]:m[3]] + " " + v
		}
		bus = true
		r.emit("usb_id", from+m[0], from+m[1], v, hint, false)
		toks = without(toks, from+m[0], from+m[1])
	}
	bus = bus || onBus(line) || ofAnother.MatchString(line)
	for _, m := range approvalMarks.FindAllStringIndex(line, -1) {
		r.emit("ce_type", from+m[0], from+m[1], line[m[0]:m[1]], hint, false)
		toks = without(toks, from+m[0], from+m[1])
	}
	if len(toks) > 0 {
		r.tokens(toks)
	}
	slices.SortStableFunc(r.out, func(a, b Reading) int { return a.From - b.From })
	if bus { // what a modem says of itself over a bus is what it enumerates as
		for i := n; i < len(r.out); i++ {
			r.out[i].weight, r.out[i].onBus = hint, true
		}
	}
}

// ofAnother finds the words by which a label names a module that it is not on.
var ofAnother = regexp.MustCompile(`(?i)\b(compatib\w*|replaces?|replaced|replacement|replacing|remplace|equivalent|equivalente?|instead of|similar to|kompatib\w*|kompatyb\w*|ersetzt|ersatz|zamiennik|not contain(ing|ed)?|not (an? )?fcc|formerly|previously|was)\b`)

func without(toks []token, from, to int) []token {
	return slices.DeleteFunc(toks, func(t token) bool { return t.from < to && t.to > from })
}

// tokensOf splits a line, which begins at an offset of the text.
func tokensOf(line string, at int) []token {
	var out []token
	var b strings.Builder
	start, gap := -1, ""
	flush := func(end int) {
		if start < 0 {
			return
		}
		s := b.String()
		l := len(s) - len(strings.TrimLeft(s, "-_.|!$"))
		t := strings.Trim(s, "-_.|!$")
		if t != "" && len(s) == end-start {
			out = append(out, token{text: t, from: at + start + l, to: at + start + l + len(t), glued: gap == "/"})
		} else if t != "" {
			out = append(out, token{text: t, from: at + start, to: at + end, glued: gap == "/"})
		}
		b.Reset()
		start, gap = -1, ""
	}
	for i, c := range line {
		if c >= 0xFF01 && c <= 0xFF5E { // full-width forms
			c -= 0xFEE0
		}
		switch {
		case c == '–' || c == '—' || c == '‑' || c == '−':
			c = '-'
		case c == '§':
			c = '$'
		}
		if c == '.' && wordBefore(b.String()) {
			flush(i)
			continue
		}
		if c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("-_.|!$", c)) {
			if start < 0 {
				start = i
			}
			b.WriteRune(c)
			continue
		}
		flush(i)
		gap += string(c)
	}
	flush(len(line))
	return out
}

// wordBefore says whether what stands before a full stop is a whole word, and
// not part of a number or of an abbreviation.
func wordBefore(s string) bool {
	return len(s) >= 4 && !strings.ContainsAny(s, "0123456789.")
}

// wordAt says which word begins at a token, and how many tokens it takes.
func wordAt(toks []token, i int) (keyword, int) {
	p := plain(toks[i].text)
	two := p
	if i+1 < len(toks) {
		two += plain(toks[i+1].text)
	}
	far := shape(toks[i].text)
	switch near := skeleton(toks[i].text, nearAlike); {
	case slices.Contains(containsWords[:], near):
		return wordContains, 1
	case mayBe(far, "FCCID"):
		return wordFCC, 1
	case mayBe(far, "FCC") && i+1 < len(toks) && mayBe(shape(toks[i+1].text), "ID"):
		return wordFCC, 2
	case p == "FCC":
		return wordFCC, 1
	case len(p) == 4 && near == imeiWord, p == "IMEISV", len(p) == 5 && strings.HasPrefix(near, imeiWord) && (p[4] == '1' || p[4] == '2'):
		return wordIMEI, 1
	case near == icWord && i+1 < len(toks) && len(p) == 2 && plain(toks[i+1].text) == "ID":
		return wordIC, 2
	case near == icWord && len(p) == 2, p == "ISED", p == "ICID":
		return wordIC, 1
	}
	switch {
	case p == "INDUSTRY" && strings.HasSuffix(two, "CANADA"):
		return wordIC, 2
	case two == "PN" && i+1 < len(toks) && toks[i+1].glued:
		return wordPart, 2
	case two == "SN" && i+1 < len(toks) && toks[i+1].glued:
		return wordSerial, 2
	case slices.Contains(partWords[:], p):
		return wordPart, 1
	case slices.Contains(modelWords[:], p):
		return wordModel, 1
	case slices.Contains(serialWords[:], p):
		return wordSerial, 1
	}
	return noWord, 0
}

// The words that say what follows, as they are compared.
var (
	icWord        = skeleton("IC", nearAlike)
	imeiWord      = skeleton("IMEI", nearAlike)
	containsWords = [...]string{skeleton("contains", nearAlike), skeleton("contain", nearAlike), skeleton("containing", nearAlike), skeleton("contient", nearAlike),
		skeleton("contiene", nearAlike), skeleton("enthält", nearAlike), skeleton("enthaelt", nearAlike), skeleton("zawiera", nearAlike), skeleton("bevat", nearAlike)}
	partWords   = [...]string{"PN", "TPN", "PART", "PARTNO", "PARTNR", "TEILENR", "TEILENUMMER", "ARTNR", "SPN"}
	modelWords  = [...]string{"MODEL", "MODELL", "MODELE", "MODELO", "MODELLO", "MODULE", "MODUL", "MODULO", "TYPE", "TYP", "TIPO", "HVIN", "PMN", "MODEM", "CELLULAR", "LTE", "WWAN", "NAD"}
	serialWords = [...]string{"SN", "SNR", "SERIAL", "SERIALNO", "SERIENNR", "LOT", "BATCH", "ICCID", "MEID", "EID", "MAC", "VIN", "DATE", "DATUM"}
	fillers     = [...]string{"NO", "NR", "NUMBER", "NUM", "NUMERO", "NUMMER", "ID", "IDS", "CODE"}
)

func filler(t token) bool { return slices.Contains(fillers[:], plain(t.text)) }

// tokens reads the tokens of one line.
func (r *labelReader) tokens(toks []token) {
	open := r.carry // the word whose identifiers follow
	named := r.contains
	if first, _ := wordAt(toks, 0); open == noWord && first != wordContains {
		named = false
	}
	if open != noWord {
		if first, _ := wordAt(toks, 0); first != noWord {
			open = noWord
		}
	}
	r.carry = noWord
	model, part := false, false
	for i := range toks {
		w, _ := wordAt(toks, i)
		model, part = model || w == wordModel, part || w == wordPart
	}
	wasFCC := open == wordFCC || open == wordIC
	taken := 0
	for i := 0; i < len(toks); {
		w, n := wordAt(toks, i)
		switch w {
		case wordContains:
			named, open, taken = true, noWord, 0
			i += n
			continue
		case wordFCC, wordIC, wordIMEI:
			open, taken = w, 0
			i += n
			for i < len(toks) && filler(toks[i]) {
				i++
			}
			continue
		case wordSerial:
			open = noWord
			i += n
			for i < len(toks) && filler(toks[i]) {
				i++
			}
			if i < len(toks) {
				if next, _ := wordAt(toks, i); next == noWord {
					i++
				}
			}
			continue
		case wordPart, wordModel:
			open = noWord
			i += n
			continue
		default:
		}
		used := 0
		switch open {
		case wordFCC, wordIC:
			if taken == 0 || idLike(toks[i].text) {
				used = r.regulatory(toks[i:], open, named, taken == 0 && !wasFCC)
				taken++
				wasFCC = false
			}
		case wordIMEI:
			used = r.imei(toks[i:], named)
			open = noWord
		default:
		}
		if used == 0 {
			used = r.bare(toks[i:], named, model, part)
		}
		if used == 0 {
			used = 1
		}
		i += used
	}
	last := lastWord(toks)
	if last == wordFCC || last == wordIC || last == wordIMEI {
		r.carry = last
	}
	r.contains = named && (last == wordContains || r.carry != noWord || wasListed(toks))
}

// lastWord is the word with which a line ends, so that what it announces stands
// on the next.
func lastWord(toks []token) keyword {
	end := len(toks) - 1
	last, _ := wordAt(toks, end)
	if last != noWord || end == 0 {
		return last
	}
	before, n := wordAt(toks, end-1)
	if n == 2 || filler(toks[end]) {
		return before
	}
	return noWord
}

// wasListed says whether a line holds nothing but identifiers, so that a list
// that began with "contains" goes on.
func wasListed(toks []token) bool {
	for i := range toks {
		if !idLike(toks[i].text) {
			return false
		}
	}
	return true
}

// idLike says whether a token may be an approval number.
func idLike(s string) bool {
	p := plain(s)
	return len(p) >= 6 && len(p) <= 24 && strings.ContainsAny(p, "0123456789")
}

// emit adds a reading, with what the tables say of its value.
func (r *labelReader) emit(kind string, from, to int, value string, w weight, contains bool) *Reading {
	rd := Reading{Kind: kind, Line: r.line, From: from, To: to, Text: r.text[from:to], Value: value, Mended: w == mended, Contains: contains, weight: w}
	if kind != "maker" {
		id := r.c.Identify(kind, value)
		rd.Makers, rd.Problems = id.Makers, id.Problems
		if id.Normalised != "" {
			rd.Value = id.Normalised
		}
	}
	r.out = append(r.out, rd)
	return &r.out[len(r.out)-1]
}

// match is what a run of tokens was read as.
type match struct {
	kind, value string
	weight      weight
	used        int
	found       bool // it is of a known identifier or of a known maker
	module      bool // it names a module's maker
	others      []knownID
}

// regulatory reads the FCC or IC number that begins at the first token, which
// may have been torn into up to three. It returns how many tokens it took.
func (r *labelReader) regulatory(toks []token, w keyword, contains, must bool) int {
	var best match
	joined := ""
	for n := 1; n <= min(3, len(toks)); n++ {
		if n > 1 {
			if k, _ := wordAt(toks, n-1); k != noWord {
				break
			}
		}
		joined += toks[n-1].text
		if m := r.approval(joined); m.found && (!best.found || m.weight > best.weight) {
			best = m
			best.used = n
		}
		if len(plain(joined)) > 24 {
			break
		}
	}
	if !best.found {
		if must && len(plain(toks[0].text)) >= 4 {
			kind := "fcc_id"
			if w == wordIC {
				kind = "ic"
			}
			r.emit(kind, toks[0].from, toks[0].to, toks[0].text, hint, contains)
			return 1
		}
		return 0
	}
	r.put(best, toks, contains)
	return best.used
}

// put emits a match.
func (r *labelReader) put(m match, toks []token, contains bool) {
	rd := r.emit(m.kind, toks[0].from, toks[m.used-1].to, m.value, m.weight, contains)
	for _, o := range m.others { // it may as well be one of these
		id := r.c.Identify(o.kind, o.value)
		rd.Makers = settle(append(slices.Clone(rd.Makers), id.Makers...))
		rd.weight, rd.Mended = hint, false
	}
}

var icForm = regexp.MustCompile(`^[0-9OQDILSBZG|!$oqdilsbzg]{3,5}[A-Za-z0-9]?-[A-Za-z0-9|!$-]{3,}$`)

// approval reads one FCC or IC number.
func (r *labelReader) approval(s string) match {
	kinds := [2]string{"fcc_id", "ic"}
	if icForm.MatchString(s) {
		kinds = [2]string{"ic", "fcc_id"}
	}
	var best match
	for _, k := range kinds {
		if m := r.asWritten(k, s); m.found && (!best.found || m.weight > best.weight) {
			best = m
		}
	}
	for _, k := range kinds {
		if m := r.known(k, s); m.found && plain(m.value) != plain(s) && (m.weight > best.weight || m.module || !best.module) {
			return m
		}
	}
	if best.weight == firm {
		return best
	}
	if m := r.mendProduct(s); m.found && m.weight > best.weight {
		return m
	}
	if !best.found { // held against other readings, never for them
		if far := r.x.others(kinds[0], s, nil); len(far) > 0 {
			best = match{kind: kinds[0], value: s, found: true, others: far}
		}
	}
	return best
}

// asWritten reads an FCC or IC number without changing a character. It is firm
// where the whole number is known, or the maker's code and the model both are.
func (r *labelReader) asWritten(kind, s string) match {
	id := r.c.Identify(kind, s)
	if len(id.Makers) == 0 {
		return match{}
	}
	m := match{kind: kind, value: s, found: true, weight: hint, module: len(id.names()) > 0}
	for i := range id.Makers {
		if f := &id.Makers[i]; f.Unit || f.NotCellular || f.Model != "" {
			m.weight = firm
		}
	}
	if m.weight == firm && len(r.x.others(kind, s, id.names())) > 0 {
		m.weight = hint
	}
	return m
}

// maxMends is how many characters of one reading may be put right.
const maxMends = 3

// known reads s as the known identifier that only look-alike characters part it
// from. Where there are several, none is preferred.
func (r *labelReader) known(kind, s string) match {
	var of []knownID
	for _, o := range r.x.near[skeleton(s, nearAlike)] {
		if o.kind == kind && differ(s, o.value) <= maxMends {
			of = append(of, o)
		}
	}
	if len(of) == 0 {
		return match{}
	}
	m := match{kind: kind, value: of[0].value, weight: mended, found: true, module: len(of[0].makers) > 0}
	if far := r.x.others(kind, s, of[0].makers); len(of) > 1 || len(far) > 0 {
		m.others = append(of[1:], far...)
		m.weight = hint
	}
	return m
}

// differ counts the characters in which two texts of one skeleton differ.
func differ(a, b string) int {
	clean := func(s string) string {
		return strings.ToUpper(strings.Map(func(c rune) rune {
			if c < 128 && nearAlike[c] != 0 {
				return c
			}
			return -1
		}, s))
	}
	a, b = clean(a), clean(b)
	n := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// mendProduct reads a number whose maker's code stands as it is and whose
// product code holds one of the maker's models but for look-alike characters.
func (r *labelReader) mendProduct(s string) match {
	u := strings.ToUpper(strings.TrimSpace(s))
	n := 3
	if u != "" && u[0] >= '0' && u[0] <= '9' {
		n = 5
	}
	if len(u) < n+5 || len(u) > n+14 {
		return match{}
	}
	for _, i := range r.c.grantees[u[:n]] {
		g := &r.c.file.Grantees[i]
		if !g.Module {
			continue
		}
		sk := skeleton(u[n:], nearAlike)
		best, length := "", 0
		for _, m := range r.c.modelsOf[g.Holder] {
			k := skeleton(m.name, nearAlike)
			if at := strings.Index(sk, k); len(k) >= 6 && len(k) > length && at >= 0 && len(sk) == len(u)-n &&
				strings.Trim(u[n:n+at], "0123456789") == "" && differ(u[n+at:n+at+len(k)], m.name) <= maxMends {
				best, length = m.name, len(k)
				u = u[:n+at] + plain(m.name) + u[n+at+len(k):]
			}
		}
		if best != "" {
			return match{kind: "fcc_id", value: u, weight: mended, found: true}
		}
	}
	return match{}
}

// imei reads the IMEI that begins at the first token.
func (r *labelReader) imei(toks []token, contains bool) int {
	digits, changed := "", false
	for i := range toks {
		if w, _ := wordAt(toks, i); w != noWord {
			break
		}
		d, mend, ok := asDigits(toks[i].text)
		if !ok {
			break
		}
		digits, changed = digits+d, changed || mend
		if len(digits) > 16 {
			break
		}
		next := i+1 < len(toks) && len(digits) < 15
		if next {
			if d, _, ok := asDigits(toks[i+1].text); ok && len(digits)+len(d) <= 16 {
				continue
			}
		}
		if len(digits) == 15 && i+1 < len(toks) && len(toks[i+1].text) <= 2 { // a software version apart
			if d, _, ok := asDigits(toks[i+1].text); ok && len(digits)+len(d) == 16 && !luhn(digits) {
				continue
			}
		}
		w := firm
		if changed {
			w = mended
		}
		if changed && (len(digits) != 15 || !luhn(digits)) {
			w = hint
		}
		rd := r.emit("imei", toks[0].from, toks[i].to, digits, w, contains)
		rd.Mended = changed
		return i + 1
	}
	return 0
}

// asDigits reads a token as digits; letters that look like digits are mended,
// as long as most of the token is digits.
func asDigits(s string) (digits string, changed, ok bool) {
	var b strings.Builder
	mends := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			b.WriteByte(c)
			continue
		case c == '-' || c == '.' || c == '_':
			continue
		case c < 128 && nearAlike[c] >= '0' && nearAlike[c] <= '9':
			b.WriteByte(nearAlike[c])
			mends++
			continue
		}
		return "", false, false
	}
	return b.String(), mends > 0, b.Len() > 0 && mends <= maxMends && (mends*2 < b.Len() || b.Len() == 1)
}

// bare reads what stands at the first token without a word that announces it.
func (r *labelReader) bare(toks []token, contains, model, part bool) int {
	t := toks[0]
	if n := r.name(toks, contains); n > 0 {
		return n
	}
	if n := r.typeName(toks, contains); n > 0 {
		return n
	}
	p := plain(t.text)
	if len(p) < 3 || !strings.ContainsAny(p, "0123456789") && !strings.ContainsAny(t.text, "|!$OoIlSsBZ") {
		if _, known := r.c.modules[fold(p)]; !known || len(p) < 4 || t.text != strings.ToUpper(t.text) {
			return 0
		}
	}
	if strings.ContainsAny(p, "0123456789") && len(p) >= 7 {
		if m := r.approval(t.text); m.found && (m.weight > hint || len(m.others) > 0 || r.granted(m)) {
			m.used = 1
			r.put(m, toks, contains)
			return 1
		}
	}
	if m := r.part(t.text, part); m.found {
		m.used = 1
		r.put(m, toks, contains)
		return 1
	}
	if d, mend, ok := asDigits(t.text); ok && len(d) == 15 && !mend {
		if luhn(d) && len(r.c.Identify("imei", d).Makers) > 0 {
			r.emit("imei", t.from, t.to, d, hint, contains)
			return 1
		}
		return 0
	}
	if m := r.module(t.text, model); m.found {
		m.used = 1
		r.put(m, toks, contains)
		return 1
	}
	return r.device(toks, contains)
}

// granted says whether a bare number of a known maker is worth a hint: a table
// without words over its columns.
func (r *labelReader) granted(m match) bool {
	return m.kind == "ic" || len(plain(m.value)) >= 9
}

// part reads the part number of a unit.
func (r *labelReader) part(s string, word bool) match {
	if len(plain(s)) < 6 {
		return match{}
	}
	id := r.c.Identify("tcu_part", s)
	w := hint
	if word || r.makes {
		w = firm
	}
	if len(id.Makers) > 0 || slices.ContainsFunc(id.Problems, func(p Problem) bool { return p.Code == "unnamed" }) {
		if len(r.x.others("tcu_part", s, id.names())) > 0 {
			w = hint
		}
		return match{kind: "tcu_part", value: s, weight: w, found: true}
	}
	m := r.known("tcu_part", s)
	if base, _, ok := strings.Cut(s, "-"); ok && !m.found { // a revision, as in 1960100-00-B
		m = r.known("tcu_part", base)
	}
	if w == hint {
		m.weight = hint
	}
	return m
}

// module reads a marking. It is firm where the model is known, or a known model
// with a market's or version's suffix, and is long enough, announced, alone or
// beside its maker's name; a mere pattern counts with the maker's name only,
// which join looks for.
func (r *labelReader) module(s string, word bool) match {
	if strings.ToUpper(s) != s && !strings.ContainsAny(s, "xl") {
		up := 0
		for i := range len(s) {
			if s[i] >= 'A' && s[i] <= 'Z' {
				up++
			}
		}
		if up < 2 && !r.sole && !word {
			return match{}
		}
	}
	p := plain(s)
	if len(p) < 3 {
		return match{}
	}
	_, exact := r.c.modules[fold(s)]
	base := ""
	if !exact {
		for n := len(p) - 1; n >= 4; n-- {
			if len(r.c.modules[strings.ToLower(p[:n])]) > 0 && len(p)-n <= 8 && (p[n] >= 'A' && p[n] <= 'Z') && strings.ContainsAny(p[:n], "0123456789") {
				base = p[:n]
				break
			}
		}
	}
	if exact || base != "" {
		id := r.c.Identify("module", s)
		m := match{kind: "module", value: s, found: true, weight: hint}
		if base != "" && len(id.Makers) == 0 { // a known model without a pattern
			id = r.c.Identify("module", base)
			m.value = base
		}
		whole := exact || len(base) >= 6 || parted(s, len(base)) // L610MM is a length
		if !strings.ContainsAny(s, "|!$") && (whole && len(p) >= 6 || word || r.sole) {
			m.weight = firm
		}
		if m.weight == firm && r.besideOthers(s, len(base), id.names()) {
			m.weight = hint
		}
		return m
	}
	if m := r.known("module", s); m.found && len(p) >= 6 {
		return m
	} else if m.found && len(p) >= 4 {
		m.weight = hint
		return m
	}
	if len(p) >= 5 && len(p) <= 16 && !strings.ContainsAny(s, "|!$.") {
		if id := r.c.Identify("module", s); len(id.Makers) > 0 && letters(s) != "" && strings.ContainsAny(p, "0123456789") && len(id.names()) > 0 {
			return match{kind: "module", value: s, found: true, weight: hint}
		}
	}
	return match{}
}

// parted says whether a hyphen follows the first n letters and digits of s.
func parted(s string, n int) bool {
	for i := range len(s) {
		if n == 0 {
			return s[i] == '-' || s[i] == '_'
		}
		if plain(s[i:i+1]) != "" {
			n--
		}
	}
	return false
}

// besideOthers says whether a marking, or its beginning where only that is a
// known model, is near to a known model of another maker.
func (r *labelReader) besideOthers(s string, base int, makers []string) bool {
	if len(r.x.others("module", s, makers)) > 0 {
		return true
	}
	s = shape(s)
	for n := len(s) - 1; base > 0 && n >= base; n-- {
		if len(r.x.others("module", s[:n], makers)) > 0 {
			return true
		}
	}
	return false
}

// name reads a maker's name of up to four words.
func (r *labelReader) name(toks []token, contains bool) int {
	for n := min(4, len(toks)); n > 0; n-- {
		s, sk := "", ""
		for _, t := range toks[:n] {
			s += t.text
			sk += skeleton(t.text, nearAlike)
		}
		maker, near := r.c.makers[fold(s)], true
		if maker == "" && len(sk) >= 6 && n == 1 {
			maker = r.x.names[sk]
		}
		if maker == "" && len(sk) >= 5 && n == 1 { // held against other readings, never for them
			maker, near = r.x.nameLike(s), false
		}
		if maker == "" || n == 1 && strings.HasPrefix(maker, s+" ") {
			continue
		}
		rd := r.emit("maker", toks[0].from, toks[n-1].to, maker, hint, contains)
		rd.Makers = []Finding{{Maker: maker, Unit: !r.c.lines().modules[maker], Certainty: Reported, Note: NameOnlyNote}}
		rd.Mended, rd.faint = fold(s) != fold(maker) && r.c.makers[fold(s)] == "", !near
		return n
	}
	return 0
}

// typeName reads the type designation of a known unit.
func (r *labelReader) typeName(toks []token, contains bool) int {
	for n := min(3, len(toks)); n > 0; n-- {
		s := ""
		for _, t := range toks[:n] {
			s += t.text
		}
		if len(r.c.lines().types[fold(s)]) > 0 && toks[0].text[0] >= 'A' && toks[0].text[0] <= 'Z' {
			r.emit("ce_type", toks[0].from, toks[n-1].to, s, hint, contains)
			return n
		}
	}
	return 0
}

// device reads the name of a fitted or carried device.
func (r *labelReader) device(toks []token, contains bool) int {
	for n := min(3, len(toks)); n > 0; n-- {
		s := ""
		for _, t := range toks[:n] {
			s += t.text
		}
		if p := plain(s); len(p) >= 5 && strings.ContainsAny(p, "0123456789") && len(r.c.devices[fold(s)]) > 0 {
			r.emit("device", toks[0].from, toks[n-1].to, s, hint, contains)
			return n
		}
	}
	return 0
}

// join puts the readings together.
func (r *labelReader) join() Label {
	l := Label{Readings: r.out}
	named := map[string]bool{} // makers of modules whose name stands in the text
	contained := map[string]bool{}
	for i := range l.Readings {
		rd := &l.Readings[i]
		if rd.Kind == "maker" && !rd.Makers[0].Unit && !rd.faint {
			named[rd.Value] = true
		}
		if rd.Contains && rd.Kind != "maker" && rd.weight > hint {
			for _, m := range rd.names() {
				contained[m] = true
			}
		}
	}
	if len(contained) > 0 {
		for i := range l.Readings {
			rd := &l.Readings[i]
			if (rd.Kind == "maker" || rd.Kind == "fcc_id" || rd.Kind == "ic") && !rd.Contains && rd.weight == hint && !rd.Mended {
				rd.unitOf = true
			}
		}
	}
	for i := range l.Readings {
		rd := &l.Readings[i]
		// A pattern, or a short model, counts with the maker's name beside it.
		if n := rd.names(); rd.Kind == "module" && rd.weight == hint && !rd.Mended && len(n) == 1 && named[n[0]] && !r.besideOthers(rd.Value, 4, n) &&
			plain(rd.Text) == plain(rd.Value) && !rd.onBus {
			rd.weight = firm
		}
	}
	makers := func(w weight) []string {
		var out []string
		for i := range l.Readings {
			rd := &l.Readings[i]
			if rd.weight < w || rd.unitOf {
				continue
			}
			for _, m := range rd.names() {
				if !slices.Contains(out, m) {
					out = append(out, m)
				}
			}
		}
		return out
	}
	against := func(maker string, all bool) bool {
		for i := range l.Readings {
			rd := &l.Readings[i]
			n := rd.names()
			if rd.unitOf || len(n) == 0 || !all && (rd.Kind == "device" || rd.Kind == "usb_id") {
				continue
			}
			if !slices.Contains(n, maker) || rd.weight == firm && len(n) > 1 {
				return true
			}
		}
		return false
	}
	switch one := makers(firm); {
	case len(one) == 1 && !against(one[0], false):
		l.Certain, l.Maker = true, one[0]
	case len(one) == 0:
		if one = makers(mended); len(one) == 1 && !against(one[0], true) {
			l.Certain, l.Maker, l.Mended = true, one[0], true
		}
	}
	r.findings(&l)
	return l
}

// findings sorts what the readings found, and says what is wrong.
func (r *labelReader) findings(l *Label) {
	var modules []Finding
	for i := range l.Readings {
		rd := &l.Readings[i]
		for _, f := range rd.Makers {
			switch {
			case f.NotCellular:
				l.Others = append(l.Others, f)
			case f.Unit && !f.ChipDown, rd.unitOf:
				f.Unit = true
				l.Units = append(l.Units, f)
			case !l.Certain || f.Maker == l.Maker:
				modules = append(modules, f)
			}
		}
		for _, p := range rd.Problems {
			if p.Code != "several" && !slices.Contains(l.Problems, p) {
				l.Problems = append(l.Problems, p)
			}
		}
	}
	l.Modules, l.Units, l.Others = settle(modules), settle(l.Units), settle(l.Others)
	var names []string
	for _, f := range l.Modules {
		if !slices.Contains(names, f.Maker) {
			names = append(names, f.Maker)
		}
	}
	switch {
	case l.Certain:
	case len(l.Readings) == 0:
		l.Problems = append(l.Problems, Problem{"nothing", "No identifier was found in the text."})
	case len(names) > 1:
		l.Problems = append(l.Problems, Problem{"several", "The label may name " + strings.Join(names, " or ") + "; it does not settle which."})
	case len(names) == 1:
		l.Problems = append(l.Problems, Problem{"not_certain", "The label points to " + names[0] + ", but not with certainty."})
	default:
		l.Problems = append(l.Problems, Problem{"not_certain", "The label names no maker of a module."})
	}
}
