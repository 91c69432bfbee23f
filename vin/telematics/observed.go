package telematics

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// InspectionResult is what came of an inspection, as far as learning goes. The
// zero value is ToldNothing.
type InspectionResult uint8

// The results. A unit that was removed or isolated had been built in: it
// counts as found.
const (
	ToldNothing InspectionResult = iota // could not tell
	ModuleFound
	NoneFound
	ModuleRemoved
	ModuleIsolated
)

// Inspected is one inspection with everything taken off that says which vehicle
// it was or who looked: what is left is what a share is counted from.
type Inspected struct {
	Make      string
	Model     string
	ModelYear int    // 0 is unknown
	Market    string // ISO 3166-1 alpha-2, "UK" or "EU"; empty is unknown
	Plant     string // empty is unknown
	Role      string // tcu, head-unit
	Result    InspectionResult
	Maker     string // of the module found, where the identifier is certain; of the unit where ChipDown; else empty
	Module    string
	ChipDown  bool
	Day       string // RFC 3339 full-date
	By        string // opaque, the same for the same inspector
	Key       string // opaque, the same for the same vehicle
}

// Terms are what a site asks before a share is shown. The zero value of a field
// takes the default named beside it.
type Terms struct {
	K      int     `json:"k"`      // 5: vehicles of a group of which somebody could tell
	M      int     `json:"m"`      // 3: days on which they were inspected
	Level  float64 `json:"level"`  // 0.95: at which the bounds cover the true share
	Weight float64 `json:"weight"` // 0.5: largest part of a group's weight that one inspector may have
	Closes float64 `json:"closes"` // 0.9: part of a group that the named modules must cover, at the level, for others to be left out
}

// The default terms.
const (
	defaultK      = 5
	defaultM      = 3
	defaultLevel  = 0.95
	defaultWeight = 0.5
	defaultCloses = 0.9
)

// filled puts the defaults in and refuses what would show a single vehicle or
// rest on a single person.
func (t Terms) filled() (Terms, error) {
	t.K, t.M = cmp.Or(t.K, defaultK), cmp.Or(t.M, defaultM)
	t.Level, t.Weight, t.Closes = cmp.Or(t.Level, defaultLevel), cmp.Or(t.Weight, defaultWeight), cmp.Or(t.Closes, defaultCloses)
	switch {
	case t.K < 2:
		return t, fmt.Errorf("k: %d; a share of fewer than 2 vehicles is one of a vehicle", t.K)
	case t.M < 1:
		return t, fmt.Errorf("m: %d; at least 1 day", t.M)
	case !(t.Level >= 0.5 && t.Level < 1):
		return t, fmt.Errorf("level: %g is not from 0.5 to below 1", t.Level)
	case !(t.Weight >= 0.05 && t.Weight <= 0.5):
		return t, fmt.Errorf("weight: %g is not from 0.05 to 0.5", t.Weight)
	case !(t.Closes > 0.5 && t.Closes <= 1):
		return t, fmt.Errorf("closes: %g is not above 0.5 and up to 1", t.Closes)
	}
	return t, nil
}

// Check says what is wrong with the terms, or nil.
func (t Terms) Check() error {
	_, err := t.filled()
	return err
}

// ErrNotLearnt is wrapped by the errors of Learner.Add and Learner.Withdraw.
var ErrNotLearnt = errors.New("inspection cannot be learnt from")

// Learner counts inspections, group by group. It is pure and not safe for
// concurrent use; what it hands out (Snapshot) is.
//
// What is counted depends on the set of inspections alone: not on the order in
// which they were added, and not on any that was added and withdrawn.
//
// # Groups
//
// A vehicle counts in up to four groups, finest first:
//
//	make, model, model year, market, plant
//	make, model, model year, market
//	make, model, model year
//	make, model
//
// and in none that asks for what is not known of it. Names are compared as in
// Lookup; members of the EU market are one market. A look-up takes the finest
// group with at least K vehicles, M days and enough inspectors, and before it
// the finest that has K vehicles whichever one inspector is left out. There is
// no group of a make alone: a maker's other models say nothing.
//
// # What counts
//
// A vehicle counts once, however often it was inspected. Of one inspector the
// latest day on which he could tell counts. Where two inspectors, or one on one
// day, tell different modules, the vehicle is counted as told two ways: it is
// among those inspected, it is no maker's, and the bounds hold whichever was
// right. A module whose maker the identifier does not tell for certain is
// treated likewise: it is not added to a maker's share and not taken to be
// another's. Vehicles of which nobody could tell are counted apart and are in
// no share, as if they were picked by chance.
//
// # What one inspector can do
//
// Let one inspector record what he likes, as often as he likes, and let H be the
// same group without him.
//
//   - A maker is named only where two inspectors found it: he brings no maker
//     into a group in which nobody else found it.
//
//   - The bounds shown hold whichever one inspector is left out. With
//     low(G) and high(G) the bounds counted from G alone, and G-j the group
//     without inspector j, they are
//
//     Low = min(low(G), min over j of low(G-j))    High = max(high(G), max over j of high(G-j))
//
//     so that with him Low <= low(H) and High >= high(H): he can make the bounds
//     wider, and cannot lift the lower bound of a share above, or press the
//     upper one below, what the others found.
//
//   - The share is the mean of each inspector's own share, weighted by the
//     vehicles of each, where no one weighs more than the part w (Terms.Weight)
//     of the whole. With s the share of the others in the weights that they then
//     have, it is at most w + (1-w)s and at least (1-w)s.
//
//   - He cannot put a group of his own in the place of a coarser one that is
//     large enough without him, nor make a group speak of model years that the
//     others did not see.
//
// Two who lie together are not caught by this.
type Learner struct {
	names  *Catalogue
	terms  Terms
	bounds *bounds
	ids    map[string]int32
	words  []string // by id
	lines  map[string]*line
	dirty  map[string]struct{}
	shown  map[string]*shownLine
	far    []farSite
	added  int
}

// NewLearner makes a Learner that knows names as the catalogue does.
func NewLearner(names *Catalogue, t Terms) (*Learner, error) {
	t, err := t.filled()
	if err != nil {
		return nil, fmt.Errorf("terms of learning: %w", err)
	}
	return &Learner{names: names, terms: t, bounds: newBounds(t.Level), ids: map[string]int32{},
		lines: map[string]*line{}, dirty: map[string]struct{}{}, shown: map[string]*shownLine{}}, nil
}

// Terms are the terms, with the defaults filled in.
func (l *Learner) Terms() Terms { return l.terms }

// Len is how many inspections are counted, those of one vehicle each by itself.
func (l *Learner) Len() int { return l.added }

// Add counts an inspection. The error wraps ErrNotLearnt and says what keeps
// it from counting; nothing has changed then.
func (l *Learner) Add(in Inspected) error { return l.change(in, 1) }

// Withdraw takes out an inspection that was added, with everything that was
// derived from it. The error wraps ErrNotLearnt where no such inspection
// counts; nothing has changed then.
func (l *Learner) Withdraw(in Inspected) error { return l.change(in, -1) }

func (l *Learner) change(in Inspected, by int) error {
	s, err := l.said(in)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotLearnt, err)
	}
	var kb [96]byte
	key := string(l.names.appendLine(kb[:0], in.Make, in.Model))
	ln := l.lines[key]
	keys := s.groups(l, in.Role)
	car := l.id(in.Key)
	if by < 0 && (ln == nil || !ln.holds(keys[len(keys)-1], car, s)) {
		return fmt.Errorf("%w: no such inspection counts", ErrNotLearnt)
	}
	if ln == nil {
		ln = &line{groups: map[groupKey]*group{}, names: map[int32]int{}}
		l.lines[key] = ln
	}
	for _, k := range keys {
		g := ln.groups[k]
		if g == nil {
			g = &group{cars: map[int32]vehicle{}}
			ln.groups[k] = g
		}
		g.change(car, s, by)
		if len(g.cars) == 0 {
			delete(ln.groups, k)
		}
	}
	if ln.names[s.name] += by; ln.names[s.name] == 0 {
		delete(ln.names, s.name)
	}
	if len(ln.groups) == 0 {
		delete(l.lines, key)
	}
	l.dirty[key] = struct{}{}
	l.added += by
	return nil
}

// said checks an inspection and brings it into the form in which it is kept.
func (l *Learner) said(in Inspected) (saying, error) {
	var s saying
	switch {
	case fold(in.Make) == "" || fold(cutBrackets(in.Model)) == "":
		return s, errors.New("the make or the model is not known")
	case in.Role != roles[0] && in.Role != roles[1]:
		return s, fmt.Errorf("role: %q is none of %s, %s", in.Role, roles[0], roles[1])
	case in.By == "" || in.Key == "":
		return s, errors.New("it names no inspector or no vehicle")
	case in.ModelYear < 0 || in.ModelYear > longestYear:
		return s, fmt.Errorf("model year: %d", in.ModelYear)
	case in.Result > ModuleIsolated:
		return s, fmt.Errorf("result: %d", in.Result)
	case in.Maker != "" && (in.Result == NoneFound || in.Result == ToldNothing):
		return s, errors.New("a maker is named of a module that was not found")
	case in.Maker == "" && (in.Module != "" || in.ChipDown):
		return s, errors.New("a module without its maker")
	}
	for _, f := range [...]struct{ name, text string }{
		{"make", in.Make}, {"model", in.Model}, {"market", in.Market}, {"plant", in.Plant}, {"maker", in.Maker}, {"module", in.Module},
	} {
		if err := plainName(f.text); err != nil {
			return s, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	day, err := dayOf(in.Day)
	if err != nil {
		return s, err
	}
	s = saying{day: day, by: l.id(in.By), year: int16(in.ModelYear), market: l.id(l.names.oneMarket(in.Market)), plant: l.id(plantOf(in.Plant)),
		name: l.id(strings.TrimSpace(in.Make) + nameGap + strings.TrimSpace(in.Model))}
	switch {
	case in.Result == ToldNothing:
	case in.Result == NoneFound:
		s.what.class = saidNone
	case in.Maker == "":
		s.what.class = saidUnread
	default:
		s.what = outcome{saidNamed, in.ChipDown, l.id(in.Maker), l.id(in.Module)}
	}
	return s, nil
}

// id gives a word its number. Words are not forgotten; their numbers are never
// seen outside.
func (l *Learner) id(word string) int32 {
	if word == "" {
		return 0
	}
	n, ok := l.ids[word]
	if !ok {
		if len(l.words) == 0 {
			l.words = append(l.words, "")
		}
		n = int32(len(l.words))
		l.ids[word], l.words = n, append(l.words, word)
	}
	return n
}

func (l *Learner) word(id int32) string {
	if id == 0 {
		return ""
	}
	return l.words[id]
}

const (
	maxWord     = 128           // bytes
	longestWord = 17            // letters and digits
	longestYear = math.MaxInt16 // model year
)

// plainName refuses what is no name of a make, model, market, plant or module.
// What could be a VIN, or anything else of 17 letters and digits, is refused
// too: names leave the site with the shares.
func plainName(s string) error {
	if len(s) > maxWord || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("it is not plain text of at most %d bytes", maxWord)
	}
	run := 0
	for i := range len(s) {
		if c := s[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			run++
		} else {
			run = 0
		}
		if run == longestWord {
			return fmt.Errorf("a word of %d or more letters and digits may be a VIN", longestWord)
		}
	}
	return nil
}

// dayOf counts the days since 1970-01-01.
func dayOf(s string) (int32, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("day: %q is not a date", s)
	}
	return int32(t.Unix() / (24 * 60 * 60)), nil
}

func dateOf(day int32) time.Time { return time.Unix(int64(day)*24*60*60, 0).UTC() }

// The roles of which shares are counted. A fitted device is the owner's and
// says nothing of the model.
var roles = [...]string{"tcu", "head-unit"}

func roleOf(role string) uint8 { return uint8(slices.Index(roles[:], role)) }

// appendLine appends the form in which the model lines of vehicles are
// compared: make and model, or the line of which a reviewer listed the model.
func (c *Catalogue) appendLine(b []byte, brand, model string) []byte {
	b = appendFold(b, brand)
	if to, ok := c.makes[string(b)]; ok {
		b = append(b[:0], to...)
	}
	b = append(b, '|')
	mk := len(b)
	b = appendFold(b, cutBrackets(model))
	if to, ok := c.variants[string(b)]; ok {
		b = append(b[:mk], to...)
	}
	return b
}

// oneMarket is a market as shares are counted in: the EU is one.
func (c *Catalogue) oneMarket(m string) string {
	if m = marketOf(m); c.eu[m] {
		return "EU"
	}
	return m
}

func plantOf(p string) string {
	for i := range len(p) {
		if c := p[i]; c >= 'a' && c <= 'z' || c >= utf8.RuneSelf || c == ' ' && (i == 0 || i == len(p)-1 || p[i-1] == ' ') {
			return strings.ToUpper(strings.Join(strings.Fields(p), " "))
		}
	}
	return p
}

// groupKey names a group of a line. What the group does not ask for is zero.
type groupKey struct {
	year   int16
	role   uint8
	level  uint8
	market string
	plant  string
}

// The levels of groups, finest first.
const (
	levelPlant uint8 = iota
	levelMarket
	levelYear
	levelLine
)

// groups lists the groups of a vehicle, finest first; the last is the line.
func (s saying) groups(l *Learner, role string) []groupKey {
	keys := make([]groupKey, 0, 4)
	r, market, plant := roleOf(role), l.word(s.market), l.word(s.plant)
	if s.year != 0 && market != "" && plant != "" {
		keys = append(keys, groupKey{s.year, r, levelPlant, market, plant})
	}
	if s.year != 0 && market != "" {
		keys = append(keys, groupKey{s.year, r, levelMarket, market, ""})
	}
	if s.year != 0 {
		keys = append(keys, groupKey{s.year, r, levelYear, "", ""})
	}
	return append(keys, groupKey{0, r, levelLine, "", ""})
}

// line is what was inspected of one model line.
type line struct {
	groups map[groupKey]*group
	names  map[int32]int // make and model as written, and how often
}

// nameGap stands between make and model where both are one word of a Learner.
const nameGap = "\x00"

func (ln *line) holds(k groupKey, id int32, s saying) bool {
	g := ln.groups[k]
	if g == nil {
		return false
	}
	c, ok := g.cars[id]
	if !ok {
		return false
	}
	return slices.ContainsFunc(c.all(), func(t told) bool { return t.saying == s })
}
