package vin

import (
	"fmt"
	"strings"
)

// MaxScan is how much of a reading FromScan looks at, in bytes.
const MaxScan = 4096

// Scan is what a reading of a bar code, or any text with a VIN in it, holds.
type Scan struct {
	VIN        VIN      // 17 characters; empty where none was found, or several that are equally good
	Symbology  string   // by the AIM identifier, such as "Code 39"; empty is unknown
	Removed    []string // in words: what was taken away to get the VIN
	Candidates []VIN    // where several are equally good, or the only one may be a mistyped one: all of them, in the order read
}

// FromScan finds the VIN in what a scanner read. It knows AIM symbology
// identifiers (ISO/IEC 15424), the start and stop characters of Code 39, the
// leading I of import labels (which is also ANSI MH10.8.2's data identifier of a
// VIN), GS1 application identifiers and group separators, envelopes of ISO/IEC
// 15434, labels such as `VIN:`, and URLs, JSON and comma-separated values with a
// VIN in them. A VIN that is broken up by blanks, hyphens, dots, slashes or
// asterisks is put together.
//
// Of several runs of 17 characters that can be a VIN, the one is taken that is
// marked as one, stands by itself, has a right check digit and numeric last four
// characters (ISO 3779). Where several are equal, none is. A part of a longer run
// needs a right check digit and a WMI that an index knows, and is not taken where
// the run has one or two characters more: they may as well be one too many within
// the VIN. A run that holds I, O or Q is taken only where there
// is no other; it is for Correct to mend.
//
// It never fails, and looks at no more than MaxScan bytes.
func FromScan(raw []byte) Scan { return scan(raw, nil) }

// FromScan is the function FromScan, but of several runs it also prefers one
// whose WMI somebody knows.
func (ix *Index) FromScan(raw []byte) Scan {
	return scan(raw, func(v VIN) bool {
		d := ix.Decode(v, Options{})
		return d.Basis != ""
	})
}

// symbologies by the code letter of the AIM identifier.
var symbologies = map[byte]string{
	'A': "Code 39", 'C': "Code 128", 'E': "EAN/UPC", 'F': "Codabar", 'G': "Code 93", 'H': "Code 11", 'I': "Interleaved 2 of 5",
	'L': "PDF417", 'M': "MSI", 'Q': "QR Code", 'U': "MaxiCode", 'X': "other", 'd': "Data Matrix", 'e': "GS1 DataBar",
	'o': "OCR", 'z': "Aztec Code",
}

// serials are the GS1 application identifiers under which a VIN may stand:
// serial number, secondary serial number, additional and asset identifiers.
var serials = []string{"8004", "8002", "240", "241", "250", "21", "10", "95", "91"}

// labels that may stand before a VIN.
var labels = []string{"VIN", "FIN", "VINNO", "VINNUMBER", "CHASSIS", "CHASSISNO", "FRAME"}

// run is a stretch of letters and digits of the reading.
type run struct {
	text   string // upper case
	at     int    // in the reading
	joins  bool   // only blanks and the like stand between it and the run before
	marked bool   // the run before is a label
}

// window is a stretch of 17 characters that can be a VIN.
type window struct {
	vin     VIN
	score   int
	near    bool // part of a longer run, and not certain to be a VIN
	removed []string
}

// Scores of a window.
const (
	scoreLegal  = 100 // no I, O or Q
	scoreMarked = 8   // a label says that it is a VIN
	scoreWhole  = 8   // it is no part of a longer run
	scoreCheck  = 6   // right check digit
	scoreWMI    = 4   // the WMI is known
	scoreTail   = 2   // the last four are digits
)

type scanner struct {
	known  func(VIN) bool // may be nil
	best   []window       // equally good, no VIN twice
	within int            // windows inside longer runs that were looked up
}

// maxWithin is how many windows inside longer runs are looked up.
const maxWithin = 256

func scan(raw []byte, known func(VIN) bool) Scan {
	var out Scan
	if len(raw) > MaxScan {
		out.Removed = append(out.Removed, fmt.Sprintf("all after the first %d bytes", MaxScan))
		raw = raw[:MaxScan]
	}
	text := strings.TrimFunc(string(raw), func(r rune) bool { return r <= ' ' || r == 0x7f })
	gs1 := false
	if len(text) >= 3 && text[0] == ']' && alnum(text[2]) {
		if name, ok := symbologies[text[1]]; ok {
			id := text[:3]
			gs1 = id == "]C1" || id == "]d2" || id == "]Q3" || text[1] == 'e'
			out.Symbology, text = name, text[3:]
			out.Removed = append(out.Removed, "the AIM identifier "+id+" ("+name+")")
		}
	}
	text = unescape(text)
	s := scanner{known: known}
	all := runs(text)
	for i := range all {
		s.run(all, i, gs1)
	}
	s.joined(all)
	switch {
	case len(s.best) == 1 && !s.best[0].near:
		w := &s.best[0]
		out.VIN = w.vin
		out.Removed = append(out.Removed, w.removed...)
		if rest := around(text, w); rest != "" {
			out.Removed = append(out.Removed, rest)
		}
	default:
		for _, w := range s.best {
			out.Candidates = append(out.Candidates, w.vin)
		}
	}
	return out
}

// around says what else than the VIN and what w already names stands in the
// text.
func around(text string, w *window) string {
	if len(text) == Length {
		return ""
	}
	n, others, stars := 0, 0, 0
	for i := range len(text) {
		switch {
		case alnum(text[i]):
			n++
		case text[i] == '*':
			stars++
		default:
			others++
		}
	}
	for _, r := range w.removed {
		if word := strings.Fields(r); len(word) > 0 {
			n -= len(word[len(word)-1])
		}
	}
	switch {
	case n > Length:
		return "other text around the VIN"
	case stars == 2 && others == 0 && text[0] == '*' && text[len(text)-1] == '*':
		return "the start and stop characters of Code 39"
	case others+stars > 0:
		return "separators"
	}
	return ""
}

func alnum(c byte) bool { return digit(c) || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

// unescape puts the characters in the place of their percent codes.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	hex := func(c byte) int {
		return strings.IndexByte("0123456789ABCDEF", upper(c))
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := hex(s[i+1]), hex(s[i+2]); hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// runs cuts the text into its stretches of letters and digits.
func runs(text string) []run {
	var out []run
	joins := false // whether what stands before the next run lets it join the last
	for i := 0; i < len(text); {
		if !alnum(text[i]) {
			switch c := text[i]; c {
			case ' ', '-', '.', '/', '_', '*', '\t':
			default:
				joins = joins && c >= 0x80 // a blank or hyphen of another script
			}
			i++
			continue
		}
		end := i
		for end < len(text) && alnum(text[end]) {
			end++
		}
		r := run{text: strings.ToUpper(text[i:end]), at: i, joins: joins}
		if n := len(out); n > 0 {
			r.marked = isLabel(out[n-1].text)
		}
		out = append(out, r)
		joins, i = true, end
	}
	return out
}

func isLabel(s string) bool {
	for _, l := range labels {
		if s == l {
			return true
		}
	}
	return false
}

// run offers the windows of one run.
func (s *scanner) run(all []run, i int, gs1 bool) {
	r := &all[i]
	mark := 0
	if r.marked {
		mark = scoreMarked
	}
	if s.whole(r.text, mark, nil) {
		return
	}
	for _, l := range labels {
		if rest, ok := strings.CutPrefix(r.text, l); ok && s.whole(rest, scoreMarked, []string{"the label " + l}) {
			return
		}
	}
	if gs1 {
		for _, ai := range serials {
			if rest, ok := strings.CutPrefix(r.text, ai); ok && s.whole(rest, 0, []string{"the application identifier " + ai}) {
				return
			}
		}
	}
	for at := 0; at+Length <= len(r.text) && s.within < maxWithin; at++ {
		v := VIN(r.text[at : at+Length])
		if want, ok := CheckDigit(string(v)); !ok || want != v[8] || !tailed(v) || !numbered(string(v)) {
			continue
		}
		s.within++
		if s.known == nil || s.known(v) {
			s.offer(window{vin: v, score: mark, near: s.known == nil || len(r.text) <= Length+2})
		}
	}
}

// whole offers a text that is a VIN, or one with the import character before
// it. It is false for any other text.
func (s *scanner) whole(text string, mark int, removed []string) bool {
	if len(text) == Length+1 && text[0] == 'I' && legal(text[1:]) {
		text, removed = text[1:], append(removed[:len(removed):len(removed)], "the leading import character I")
	}
	if len(text) != Length || !numbered(text) {
		return false
	}
	s.offer(window{vin: VIN(text), score: mark + scoreWhole, removed: removed})
	return true
}

// joined offers runs that make a VIN together: those between two characters
// that no VIN is broken up by, without a label before them.
func (s *scanner) joined(all []run) {
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && all[end].joins {
			end++
		}
		mark, from := 0, i
		if all[i].marked {
			mark = scoreMarked
		}
		var removed []string
		if isLabel(all[i].text) {
			mark, from = scoreMarked, i+1
			removed = []string{"the label " + all[i].text}
		}
		if end-from > 1 {
			var b strings.Builder
			for _, r := range all[from:end] {
				if b.Len() > Length+1 {
					break
				}
				b.WriteString(r.text)
			}
			s.whole(b.String(), mark, removed)
		}
		i = end
	}
}

// legal says whether all characters are allowed in a VIN.
func legal(s string) bool {
	for i := range len(s) {
		if value(s[i]) < 0 {
			return false
		}
	}
	return true
}

// numbered says whether s holds two digits at least, as every VIN does, and
// words do not.
func numbered(s string) bool {
	n := 0
	for i := range len(s) {
		if digit(s[i]) {
			n++
		}
	}
	return n >= 2
}

func tailed(v VIN) bool {
	return digit(v[13]) && digit(v[14]) && digit(v[15]) && digit(v[16])
}

// offer keeps the window where no better one is there.
func (s *scanner) offer(w window) {
	v := w.vin
	if legal(string(v)) {
		w.score += scoreLegal
		if want, ok := CheckDigit(string(v)); ok && want == v[8] {
			w.score += scoreCheck
		}
	}
	if tailed(v) {
		w.score += scoreTail
	}
	if s.known != nil && s.known(v) {
		w.score += scoreWMI
	}
	if len(s.best) > 0 && w.score != s.best[0].score {
		if w.score < s.best[0].score {
			return
		}
		s.best = s.best[:0]
	}
	for _, held := range s.best {
		if held.vin == v {
			return
		}
	}
	s.best = append(s.best, w)
}
