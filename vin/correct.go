package vin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// CorrectOptions is what a correction takes besides the VIN as it was read.
type CorrectOptions struct {
	Year     int   // current calendar year; 0 is the year of the index's edition
	Expected []VIN // VINs that the site expects, such as its registered vehicles: they narrow the candidates

	// NamedOnly thinks of no other misreads than those that the sources name:
	// O for 0, S for 5 and the like. It also takes I, O and Q for 1, 0 and 0
	// where no check digit is mandatory but it is right so. More is corrected
	// then, but a misread of another kind, such as 3 for 8, can be mistaken for
	// one of these, and a second one in a VIN without check digit overlooked.
	NamedOnly bool
}

// Change is one character that was read as From and must be To.
type Change struct {
	At   int    `json:"at"` // 1-based position in the VIN
	From string `json:"from"`
	To   string `json:"to"`
}

// Candidate is a VIN that the one read may stand for.
type Candidate struct {
	VIN      VIN      `json:"vin"`
	Changes  []Change `json:"changes,omitempty"`
	Expected bool     `json:"expected,omitempty"` // the site expects this very VIN
}

// Correction is what can be said of a VIN as it was read.
type Correction struct {
	Read       VIN         // as it was given
	VIN        VIN         // the corrected VIN; empty where nothing was corrected
	Change     Change      // what was changed; zero where nothing was
	Why        string      // one or two sentences: why the correction is certain, or why there is none
	Candidates []Candidate // where nothing was corrected: what may have been meant, the expected and those with the fewest changes first
}

// MaxCandidates is how many candidates a Correction has at most.
const MaxCandidates = 12

// maxExpectedChanges is in how many characters a VIN that the site expects may
// differ from the one read.
const maxExpectedChanges = 3

// namedMisreads are the confusions that sources on reading VINs name (carsxe.com,
// crowdmolting.com, johndcook.com): 0/O, 1/I, 8/B, 5/S, 2/Z, 9/Q, and 0/Q. Only
// these are corrected. The table gives, for the character read, those that may
// stand on the label; I, O and Q never do (49 CFR 565.15, ISO 3779).
var namedMisreads = lookalikes("O0", "I1", "Q0", "Q9", "B8", "8B", "S5", "5S", "Z2", "2Z")

// possibleMisreads are the other pairs that sources on reading number plates name
// (scite.ai on "Smart car plate recognition system", Genetec's table of OCR
// equivalents), or readers of codes in general (stackoverflow.com/q/11919708).
// None of them is corrected; but where one of them explains the text as well,
// nothing is certain.
var possibleMisreads = lookalikes(
	"0D", "D0", "08", "80", "17", "71", "1J", "J1", "1L", "L1", "1T", "T1", "7T", "T7", "35", "53", "38", "83", "39", "93", "49", "94", "4A", "A4",
	"56", "65", "58", "85", "68", "86", "6B", "B6", "6G", "G6", "BP", "PB", "CG", "GC", "EF", "FE", "KX", "XK", "PR", "RP", "UV", "VU", "VW", "WV",
	"VY", "YV", "XY", "YX", "OD", "QD", "I7", "IJ", "IL", "IT")

// lookalikes makes a table of pairs: the character read, the one that stands.
func lookalikes(pairs ...string) (t [128]string) {
	for _, p := range pairs {
		t[p[0]] += p[1:]
	}
	return t
}

// Reading is what a text from a scanner, a camera or a person is understood as.
type Reading struct {
	VIN        VIN        // the VIN meant; empty where that is not certain, or the text holds none
	Scan       Scan       // how it was found in the text; zero where the text is a VIN as it stands
	Correction Correction // of what was found; zero where nothing was
}

// Understand finds the VIN in a text and corrects it where it is misread. A text
// that is a VIN as it stands, or nothing but a part of one, is left alone.
func (ix *Index) Understand(text string, opt CorrectOptions) Reading {
	var r Reading
	v, problems := Parse(text)
	if !faulty(problems) {
		r.VIN = v
		return r
	}
	if r.Scan = ix.FromScan([]byte(text)); r.Scan.VIN != "" {
		v = r.Scan.VIN
	} else if len(r.Scan.Candidates) > 0 || len(v) != Length || slices.ContainsFunc(problems, func(p Problem) bool { return p.Code == ProblemTooLong }) {
		return r
	}
	if !faulty(v.Problems()) {
		r.VIN = v
		return r
	}
	r.Correction = ix.Correct(v, opt)
	r.VIN = r.Correction.VIN
	return r
}

// Correct says what v, as it was read, must have been.
//
// One misread character is corrected, and only where all of this holds:
//
//   - v is not valid as it stands;
//   - the exchange of one character by one that looks like it gives a VIN that
//     has a right check digit, a known WMI, a plausible model year, digits where
//     only digits may stand, and a model that NHTSA's patterns name;
//   - no other exchange of one character does: neither one that sources name,
//     even where no model is known, nor (unless opt says otherwise) one that is
//     merely possible;
//   - no two exchanges that sources name do, even where no model is known. Two
//     characters may then be misread, and nothing but the check digit stands
//     against a wrong guess, which lets one in eleven pass. So a VIN with two such
//     misreads is never corrected, provided that the true one's maker is known;
//   - the check digit is mandatory for the maker (North America, China):
//     elsewhere it proves nothing.
//
// A maker that NHTSA has registered with an I, O or Q in its WMI keeps it.
// Everything else is for a person to choose, from the candidates.
func (ix *Index) Correct(v VIN, opt CorrectOptions) Correction {
	c := Correction{Read: v}
	if opt.Year == 0 {
		opt.Year = ix.year
	}
	switch {
	case !faulty(v.Problems()):
		c.Why = "The VIN is valid as it was read."
		return c
	case len(v) != Length:
		c.Why = fmt.Sprintf("%s; a VIN has %d. Which are missing or too many cannot be known.", count(len(v)), Length)
		return c
	case ix.usesLetter(v):
		c.Why = fmt.Sprintf("NHTSA has registered a maker as %s, though the letters I, O and Q are not allowed in a VIN.", v[:3])
		return c
	}
	m := misread{ix: ix, year: opt.Year, namedOnly: opt.NamedOnly}
	m.read(v)
	single := m.singles()
	sure := slices.DeleteFunc(slices.Clone(single), func(e explanation) bool { return !e.model && !e.named })
	doubles := m.doubles()
	switch {
	case len(single) == 0 && len(doubles) == 0:
		c.Why = "No exchange of look-alike characters gives a VIN whose check digit is right and whose maker is known."
	case len(sure) == 0, len(sure) == 1 && !sure[0].model:
		c.Why = "No exchange of one look-alike character gives a VIN that NHTSA's patterns know the model of."
	case len(sure) > 1:
		c.Why = fmt.Sprintf("%d different characters may be the misread one.", len(sure))
		if sameAt(sure) {
			c.Why = fmt.Sprintf("The character at position %d may stand for any of %d.", sure[0].changes[0].at+1, len(sure))
		}
	case len(doubles) > 0:
		c.Why = "One misread character explains the text, but two would as well."
	case !sure[0].named:
		c.Why = "One misread character explains the text, but it is not one that is commonly misread so."
	case !checkDigitMandatory(sure[0].vin) && !(opt.NamedOnly && m.always(sure[0])):
		c.Why = "The maker need not use a check digit: it proves nothing."
	default:
		e := sure[0]
		c.VIN, c.Change = e.vin, e.list(v)[0]
		c.Why = fmt.Sprintf("Position %d was read as %s but must be %s: this gives a right check digit, a known maker, a plausible year and a known model, "+
			"and no other exchange of one or two look-alike characters does.", c.Change.At, c.Change.From, c.Change.To)
		return c
	}
	c.Candidates = m.candidates(v, append(single, doubles...), opt.Expected)
	return c
}

// faulty says whether some problem makes the VIN invalid.
func faulty(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return !p.Note })
}

// usesLetter says whether v holds I, O or Q in a WMI that NHTSA has registered
// so.
func (ix *Index) usesLetter(v VIN) bool {
	if !strings.ContainsAny(string(v[:3]), "IOQ") {
		return false
	}
	d := ix.Decode(v, Options{})
	return !d.Codes.Has(CodeUnknownMaker)
}

// exchange is one character in the place of the one read.
type exchange struct {
	at    int // 0-based place in the VIN
	to    byte
	named bool
	rest  int // what it adds to the check digit's sum, modulo 11
}

// explanation is a VIN that v may stand for.
type explanation struct {
	vin     VIN
	changes []exchange
	named   bool // every change is one of the named confusions
	model   bool // NHTSA's patterns name its model, and its year is plausible
}

func (e *explanation) list(read VIN) []Change {
	out := make([]Change, len(e.changes))
	for i, x := range e.changes {
		out[i] = Change{At: x.at + 1, From: string(rune(read[x.at])), To: string(rune(x.to))}
	}
	return out
}

func sameAt(es []explanation) bool {
	for _, e := range es {
		if e.changes[0].at != es[0].changes[0].at {
			return false
		}
	}
	return true
}

// misread is one VIN as it was read, and what may be exchanged in it.
type misread struct {
	ix        *Index
	year      int
	namedOnly bool
	v         [Length]byte
	must      uint32 // places whose character cannot stand there in any VIN
	rest      int    // of the check digit's sum, modulo 11, without those
	exchanges []exchange
}

// term is what the character at a 0-based place adds to the check digit's sum,
// less the check digit itself, so that the sum of a good VIN is 0 modulo 11. It
// is false where the character cannot stand there.
func term(at int, c byte) (int, bool) {
	switch {
	case at == 8 && digit(c):
		return 11 - int(c-'0'), true
	case at == 8 && c == 'X':
		return 1, true
	case at == 8, at == 9 && yearCode(c) == 0, at >= 14 && !digit(c), value(c) < 0:
		return 0, false
	}
	return value(c) * weights[at], true
}

func (m *misread) read(v VIN) {
	copy(m.v[:], v)
	for at, c := range m.v {
		was, ok := term(at, c)
		if !ok {
			m.must |= 1 << at
			was = 0
		}
		m.rest += was
		if c == '*' {
			// not read at all: it may be any
			m.add(at, was, "0123456789ABCDEFGHJKLMNPRSTUVWXYZ", false)
		} else if c < 128 {
			m.add(at, was, namedMisreads[c], true)
			if !m.namedOnly {
				m.add(at, was, possibleMisreads[c], false)
			}
		}
	}
	m.rest %= 11
}

func (m *misread) add(at, was int, to string, named bool) {
	for _, c := range []byte(to) {
		if is, ok := term(at, c); ok {
			m.exchanges = append(m.exchanges, exchange{at: at, to: c, named: named, rest: (is - was + 11*100) % 11})
		}
	}
}

// singles are the explanations with one exchange.
func (m *misread) singles() []explanation {
	var out []explanation
	for _, x := range m.exchanges {
		if m.must&^(1<<x.at) == 0 && (m.rest+x.rest)%11 == 0 {
			out = m.explain(out, x)
		}
	}
	return out
}

// doubles are the explanations with two named exchanges, MaxCandidates of them
// at most.
func (m *misread) doubles() []explanation {
	var out []explanation
	for i, x := range m.exchanges {
		for _, y := range m.exchanges[i+1:] {
			if !x.named || !y.named || x.at == y.at || m.must&^(1<<x.at|1<<y.at) != 0 || (m.rest+x.rest+y.rest)%11 != 0 {
				continue
			}
			if out = m.explain(out, x, y); len(out) == MaxCandidates {
				return out
			}
		}
	}
	return out
}

// explain appends what the exchanges give, where it can be a VIN.
func (m *misread) explain(out []explanation, xs ...exchange) []explanation {
	w, named := m.v, true
	for _, x := range xs {
		w[x.at] = x.to
		named = named && x.named
	}
	e := explanation{vin: VIN(w[:]), changes: xs, named: named}
	d := m.ix.Decode(e.vin, Options{Year: m.year})
	if !d.Valid || d.Basis == "" || d.Codes&(CodeCheckDigit|CodeInvalidCharacters|CodeBadYear) != 0 {
		return out
	}
	e.model = d.Model != "" && d.ModelYear != 0 && d.ModelYear <= m.year+1
	return append(out, e)
}

// always says whether the one change is of a letter that stands in no VIN to
// the digit that it always means.
func (m *misread) always(e explanation) bool {
	switch x := e.changes[0]; m.v[x.at] {
	case 'I':
		return x.to == '1'
	case 'O', 'Q':
		return x.to == '0'
	}
	return false
}

// candidates are what a person may choose from: of the VINs that the site
// expects those that look like the one read; else the explanations that name a
// model; else all.
func (m *misread) candidates(v VIN, es []explanation, expected []VIN) []Candidate {
	var out []Candidate
	for _, w := range expected {
		if changes, ok := m.unlike(v, w); ok {
			out = append(out, Candidate{VIN: w, Changes: changes, Expected: true})
		}
	}
	if len(out) == 0 {
		if slices.ContainsFunc(es, func(e explanation) bool { return e.model }) {
			es = slices.DeleteFunc(es, func(e explanation) bool { return !e.model })
		}
		for _, e := range es {
			out = append(out, Candidate{VIN: e.vin, Changes: e.list(v)})
		}
	}
	if len(out) == 0 {
		if w, ok := mend(v); ok {
			if changes, ok := m.unlike(v, w); ok {
				out = append(out, Candidate{VIN: w, Changes: changes})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(len(a.Changes), len(b.Changes)), cmp.Compare(a.VIN, b.VIN))
	})
	out = slices.CompactFunc(out, func(a, b Candidate) bool { return a.VIN == b.VIN })
	return out[:min(len(out), MaxCandidates)]
}

// unlike are the changes from v to w; it is false where these are none or too
// many, or one of them is not of characters that look alike.
func (m *misread) unlike(v, w VIN) ([]Change, bool) {
	if len(w) != Length {
		return nil, false
	}
	var out []Change
	for at := range Length {
		from, to := v[at], w[at]
		if from == to {
			continue
		}
		if len(out) == maxExpectedChanges || from >= 128 ||
			from != '*' && strings.IndexByte(namedMisreads[from], to) < 0 && strings.IndexByte(possibleMisreads[from], to) < 0 {
			return nil, false
		}
		out = append(out, Change{At: at + 1, From: string(rune(from)), To: string(rune(to))})
	}
	return out, len(out) > 0
}

// mend puts 1, 0 and 0 in the place of I, O and Q. It is false where that makes
// no valid VIN.
func mend(v VIN) (VIN, bool) {
	w := VIN(strings.NewReplacer("I", "1", "O", "0", "Q", "0").Replace(string(v)))
	return w, w != v && !faulty(w.Problems())
}
