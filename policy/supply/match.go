package supply

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport/policy/rows"
)

// Subject is what an entry of a list is about, so far as the list says.
type Subject uint8

// The subjects of an entry.
const (
	AnySubject  Subject = iota // the list does not say
	Enterprise                 // a company, organisation or public body
	Individual                 // a natural person
	NeitherKind                // a ship, an aircraft, a security, a wallet: never a party
)

// Decision is what a person said to a proposal.
type Decision string

// The decisions. The zero value is a proposal that nobody has decided.
const (
	SameParty      Decision = "same"
	DifferentParty Decision = "different"
)

// Review is a proposal that an entry of a list and a party are one, and what a
// person said to it. A proposal bites nobody; a decision counts only with the
// person's name, the day and the reason, and only as long as the entry and
// the party read as they did when it was made, which Seal witnesses.
type Review struct {
	List      string   `json:"list"`
	Entry     string   `json:"entry,omitempty"` // id of the row in its source
	Name      string   `json:"name"`
	Also      []string `json:"also,omitempty"`
	Countries []string `json:"countries,omitempty"`
	Party     string   `json:"party"`
	PartyName string   `json:"party_name"`
	Score     float64  `json:"score"` // 0..1, how alike the names are; 1 where only a rule forbade the match
	Why       string   `json:"why"`
	Seal      string   `json:"seal"`
	Decision  Decision `json:"decision"`
	By        string   `json:"by"`
	On        string   `json:"on"`
	Reason    string   `json:"reason"`
}

// ReadReviews reads proposals and decisions, one JSON object a line. A decision
// without the person, the day or the reason is refused, with its line.
func ReadReviews(r io.Reader, name string) ([]Review, error) {
	var out []Review
	err := rows.Each(r, name, func(_ int, line []byte) error {
		var v Review
		if err := rows.Strict(line, &v); err != nil {
			return err
		}
		switch v.Decision {
		case "":
		case SameParty, DifferentParty:
			if strings.TrimSpace(v.By) == "" || strings.TrimSpace(v.Reason) == "" {
				return fmt.Errorf("the decision on %q names no person or no reason: nobody has signed it off", v.Name)
			}
			if _, err := wholeDay(v.On); err != nil {
				return fmt.Errorf("the decision on %q: %w", v.Name, err)
			}
		default:
			return fmt.Errorf("the decision on %q is %q; it is %q, %q, or empty while nobody has decided", v.Name, v.Decision, SameParty, DifferentParty)
		}
		if v.List == "" || v.Name == "" || v.Party == "" || v.Seal == "" {
			return errors.New("a review needs list, name, party and seal")
		}
		out = append(out, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// WriteReviews writes proposals, one JSON object a line, for a person to
// decide.
func WriteReviews(w io.Writer, reviews []Review) error {
	for i := range reviews {
		b, err := rows.Compact(reviews[i])
		if err != nil {
			return err
		}
		if _, err := w.Write(append(b, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// seal is a hash of what the person saw who decided.
func seal(list string, e *Entry, p *Party) string {
	h := sha256.New()
	for _, s := range [][]string{{list, e.ID, e.Name}, e.Also, e.Countries, {p.ID, p.Name, p.Country}, p.Aliases} {
		for _, f := range s {
			fmt.Fprintf(h, "%d:%s,", len(f), f)
		}
		fmt.Fprint(h, ";")
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Matcher finds the party that an entry of a list names: by rule, or by a
// decision that a person signed off. It never guesses; what merely looks alike
// it proposes. It is not safe for concurrent use.
type Matcher struct {
	g       *Graph
	byName  map[string][]namesake
	reviews map[reviewKey]*Review
	grams   map[gram][]int32 // parties by the trigrams of their names
	sets    [][]gram         // trigrams of each party's names, one set a name
	setOf   []int32          // party of each set
	hits    []int32          // scratch: trigrams shared with each set
	touched []int32          // scratch: sets with hits
	scratch []gram
	text    []byte // scratch: a folded name
}

// gram is three runes.
type gram uint64

// namesake is a party with a name, and whether it is its own name or an alias.
type namesake struct {
	party int32
	alias bool
	short bool // too short to stand without the country
}

type reviewKey struct{ list, entry, party string }

// LeastScore is how alike names must be for a proposal, 0..1: the Dice
// coefficient of their trigrams, legal forms left out. A rough filter for a
// person's attention: a lower value only makes more work.
const LeastScore = 0.6

// proposalsPerEntry bounds what a person is asked about one entry.
const proposalsPerEntry = 3

// NewMatcher makes one over a graph and the decisions of people. Decisions that
// contradict each other are refused.
func NewMatcher(g *Graph, reviews []Review) (*Matcher, error) {
	m := &Matcher{g: g, byName: map[string][]namesake{}, reviews: map[reviewKey]*Review{}, grams: map[gram][]int32{}}
	for i := range g.file.Parties {
		p := &g.file.Parties[i]
		for k, n := range append([]string{p.Name}, p.Aliases...) {
			key := string(legalFold(nil, n))
			if key == "" || slices.ContainsFunc(m.byName[key], func(s namesake) bool { return s.party == int32(i) }) {
				continue
			}
			m.byName[key] = append(m.byName[key], namesake{int32(i), k > 0, short(key)})
			m.index(int32(i), n)
		}
	}
	m.hits = make([]int32, len(m.sets))
	one := map[reviewKey]*Review{} // the party of each entry that is decided
	for i := range reviews {
		r := &reviews[i]
		if r.Decision == "" {
			continue
		}
		k := reviewKey{r.List, cmp.Or(r.Entry, fold(r.Name)), r.Party}
		if was := m.reviews[k]; was != nil && was.Decision != r.Decision {
			return nil, fmt.Errorf("%s says that %q is the %s party as %q, and %s says the contrary", was.By, r.Name, was.Decision, r.Party, r.By)
		}
		m.reviews[k] = r
		if r.Decision != SameParty {
			continue
		}
		k.party = ""
		if was := one[k]; was != nil && was.Party != r.Party {
			return nil, fmt.Errorf("%s says that %q is the party %q, and %s that it is %q", was.By, r.Name, was.Party, r.By, r.Party)
		}
		one[k] = r
	}
	return m, nil
}

// short says whether a folded name is too short to stand for a company without
// more: there is more than one MG in the world.
func short(key string) bool {
	n := utf8.RuneCountInString(key)
	for _, r := range key {
		if unicode.Is(unicode.Han, r) {
			n++ // a Han character tells more than a letter
		}
	}
	return n < 5
}

// Matched is what a Matcher says of an entry.
type Matched struct {
	Party     string   // id; empty where no rule and no person says so
	By        string   // how it was found, in words
	Proposals []Review // what looks alike, for a person; highest score first
	Stale     []Review // decisions on this entry that no longer count, because the entry or the party reads otherwise now
}

// Match finds the party of an entry of a list. The rules, in their order:
//
//  1. A person signed off that the two are one.
//  2. The names are the same, whatever the case, accents, punctuation and the
//     spelling of the legal form ("Co., Ltd." and "Company Limited"), one
//     party alone has that name, it is the kind of thing the entry is about,
//     and the countries do not contradict; the country of an entry that names
//     none is that of the list, where the list has one.
//  3. A reviewed alias of the party, or another name that the list gives, is
//     the same; then, where an alias is short or it is the list's other name
//     that fits, both sides must say the country and agree.
//
// A brand is never matched by rule, because several companies may use it. All
// else is proposed at most.
func (m *Matcher) Match(list string, e *Entry, subject Subject) Matched {
	out, likes := m.match(list, e, subject)
	for _, l := range likes {
		out.Proposals = append(out.Proposals, m.review(list, e, l))
	}
	return out
}

// like is a party that looks like the one an entry names.
type like struct {
	party int32
	score float64
	why   string // of a rule that forbade the match
	name  string // of the entry, that looks like one of the party's
}

func (m *Matcher) match(list string, e *Entry, subject Subject) (out Matched, likes []like) {
	if subject == NeitherKind {
		return out, nil
	}
	var by string
	found := int32(-1)
	var refused map[int32]string
	refuse := func(p int32, why string) {
		if refused == nil {
			refused = map[int32]string{}
		}
		refused[p] = why
	}
	only := "" // the country of everybody on the list
	if l, ok := m.g.List(list); ok {
		only = l.Country
	}
	var decided map[int32]bool
	for _, r := range m.reviewsOf(list, e) {
		p, ok := m.g.party[r.Party]
		if !ok || seal(list, e, &m.g.file.Parties[p]) != r.Seal {
			out.Stale = append(out.Stale, *r)
			continue
		}
		if decided == nil {
			decided = map[int32]bool{}
		}
		decided[p] = true
		if r.Decision == SameParty {
			found, by = p, fmt.Sprintf("reviewed by %s on %s: %s", r.By, r.On, r.Reason)
		}
	}
	if found >= 0 {
		out.Party, out.By = m.g.file.Parties[found].ID, by
		return out, nil
	}
	for k := -1; k < len(e.Also); k++ {
		n := e.Name
		if k >= 0 {
			n = e.Also[k]
		}
		m.text = legalFold(m.text[:0], n)
		same := m.byName[string(m.text)]
		for _, s := range same {
			if decided[s.party] {
				continue // a person said that they are different
			}
			p := &m.g.file.Parties[s.party]
			agree, contradict := m.countries(p, e)
			of := strings.Join(e.Countries, ", ")
			if len(e.Countries) == 0 && only != "" && p.Country != "" && !m.g.covers(only, p.Country) {
				contradict, of = true, only+", as all of the list"
			}
			switch {
			case len(same) > 1:
				refuse(s.party, fmt.Sprintf("%q is a name of more than one party", n))
			case !fits(p, subject):
				refuse(s.party, fmt.Sprintf("the names are the same, but %s is a %s", p.Name, p.Kind))
			case contradict:
				refuse(s.party, fmt.Sprintf("the names are the same, but %s is of %s and the entry of %s", p.Name, p.Country, of))
			case (s.short && s.alias || k >= 0) && !agree:
				refuse(s.party, fmt.Sprintf("%q is the same, but the countries are not known to agree", n))
			case found >= 0 && found != s.party:
				const why = "another name of the entry is that of another party"
				refuse(s.party, why)
				refuse(found, why)
			default:
				found = s.party
				if by == "" {
					by = map[bool]string{false: "same name", true: "reviewed alias"}[s.alias]
					if k >= 0 {
						by += ", by another name that the list gives"
					}
				}
			}
		}
	}
	if found >= 0 && refused[found] == "" {
		out.Party, out.By = m.g.file.Parties[found].ID, by
		return out, nil
	}
	return out, m.propose(e, subject, decided, refused)
}

// reviewsOf are the decisions on an entry, in the order of their parties.
func (m *Matcher) reviewsOf(list string, e *Entry) []*Review {
	if len(m.reviews) == 0 {
		return nil
	}
	var out []*Review
	id := cmp.Or(e.ID, fold(e.Name))
	for k, r := range m.reviews {
		if k.list == list && k.entry == id {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *Review) int { return cmp.Compare(a.Party, b.Party) })
	return out
}

// countries says whether the countries of a party and an entry agree, and
// whether they contradict; neither where one is not known.
func (m *Matcher) countries(p *Party, e *Entry) (agree, contradict bool) {
	if p.Country == "" || len(e.Countries) == 0 {
		return false, false
	}
	for _, c := range e.Countries {
		if c = strings.ToUpper(strings.TrimSpace(c)); m.g.covers(c, p.Country) || m.g.covers(p.Country, c) {
			return true, false
		}
	}
	return false, true
}

// fits says whether a party can be what an entry is about.
func fits(p *Party, s Subject) bool {
	switch p.Kind {
	case "brand":
		return false
	case "person":
		return s != Enterprise
	}
	return s != Individual
}

func (m *Matcher) index(party int32, name string) {
	set := grams(nil, core(nil, name))
	if len(set) == 0 {
		return
	}
	k := int32(len(m.sets))
	m.sets, m.setOf = append(m.sets, set), append(m.setOf, party)
	for _, t := range set {
		m.grams[t] = append(m.grams[t], k)
	}
}

// propose names the parties whose names look like the entry's, and those that
// a rule found and another forbade; the most alike first.
func (m *Matcher) propose(e *Entry, subject Subject, decided map[int32]bool, refused map[int32]string) []like {
	var out []like
	put := func(l like) {
		if decided[l.party] {
			return
		}
		k := slices.IndexFunc(out, func(o like) bool { return o.party == l.party })
		if k < 0 {
			out = append(out, l)
		} else if l.score > out[k].score {
			out[k] = l
		}
	}
	for p, why := range refused {
		put(like{party: p, score: 1, why: why})
	}
	for k := -1; k < min(len(e.Also), 8); k++ {
		n := e.Name
		if k >= 0 {
			n = e.Also[k]
		}
		m.text = core(m.text[:0], n)
		m.scratch = grams(m.scratch[:0], m.text)
		for _, t := range m.scratch {
			for _, s := range m.grams[t] {
				if m.hits[s] == 0 {
					m.touched = append(m.touched, s)
				}
				m.hits[s]++
			}
		}
		for _, s := range m.touched {
			dice := 2 * float64(m.hits[s]) / float64(len(m.scratch)+len(m.sets[s]))
			m.hits[s] = 0
			person := m.g.file.Parties[m.setOf[s]].Kind == "person"
			if dice >= LeastScore && (subject == AnySubject || person == (subject == Individual)) {
				put(like{party: m.setOf[s], score: dice, name: n})
			}
		}
		m.touched = m.touched[:0]
	}
	slices.SortFunc(out, func(a, b like) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(m.g.file.Parties[a.party].ID, m.g.file.Parties[b.party].ID))
	})
	return out[:min(len(out), proposalsPerEntry)]
}

// review puts a proposal into words.
func (m *Matcher) review(list string, e *Entry, l like) Review {
	p := &m.g.file.Parties[l.party]
	if l.why == "" {
		l.why = fmt.Sprintf("%q looks like a name of %s", l.name, p.Name)
		if _, contradict := m.countries(p, e); contradict {
			l.why += fmt.Sprintf("; the countries contradict (%s; %s)", p.Country, strings.Join(e.Countries, ", "))
		}
	}
	return Review{List: list, Entry: e.ID, Name: e.Name, Also: e.Also, Countries: e.Countries, Party: p.ID, PartyName: p.Name,
		Score: float64(int(l.score*1000+0.5)) / 1000, Why: l.why, Seal: seal(list, e, p)}
}

// legal brings the spellings of a legal form to one. It takes none away: an
// "Inc." and a "Ltd." of one name are two companies.
var legal = map[string]string{
	"company": "co", "limited": "ltd", "corporation": "corp", "incorporated": "inc",
	"aktiengesellschaft": "ag", "and": "",
}

// legalFold appends the words of a name, folded, with the legal form in one
// spelling: "Quectel Wireless Solutions Company Limited" is as
// "QUECTEL WIRELESS SOLUTIONS CO.,LTD".
func legalFold(to []byte, name string) []byte {
	for start := len(to); name != ""; start = len(to) {
		to, name = word(to, name)
		if w, ok := legal[string(to[start:])]; ok {
			to = append(to[:start], w...)
		}
	}
	return to
}

// word appends the first word of a name, folded, and returns what is left of
// the name. A full stop or an apostrophe joins what stands beside it.
func word(to []byte, name string) ([]byte, string) {
	start := len(to)
	for i, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			to = append(to, byte(r))
			continue
		case r >= 'A' && r <= 'Z':
			to = append(to, byte(r-'A'+'a'))
			continue
		case r == '.', r == '\'', r == '’':
			continue
		case r >= utf8.RuneSelf:
			if t, ok := plain[r]; ok {
				to = append(to, t...)
				continue
			}
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				to = utf8.AppendRune(to, r)
				continue
			}
		}
		if len(to) > start {
			return to, name[i:]
		}
	}
	return to, ""
}

// form are words that tell no company from another.
var form = map[string]bool{
	"co": true, "company": true, "ltd": true, "limited": true, "coltd": true, "corp": true, "corporation": true, "inc": true, "incorporated": true,
	"llc": true, "plc": true, "gmbh": true, "ag": true, "sa": true, "sarl": true, "spa": true, "nv": true, "bv": true, "ab": true, "oy": true, "as": true,
	"pte": true, "pty": true, "the": true, "and": true, "of": true, "group": true, "holding": true, "holdings": true, "股份有限公司": true, "有限公司": true,
}

// core appends a name without what tells no company from another, a blank
// between words.
func core(to []byte, name string) []byte {
	first := len(to)
	for name != "" {
		start := len(to)
		if start > first {
			to = append(to, ' ')
		}
		from := len(to)
		if to, name = word(to, name); len(to) == from || form[string(to[from:])] {
			to = to[:start]
		}
	}
	return to
}

// grams appends the trigrams of a name to set, each once, in order. Three
// runes make one number.
func grams(set []gram, name []byte) []gram {
	if len(name) == 0 {
		return set
	}
	const three = 1<<63 - 1
	g := gram(' ')<<42 | gram(' ')<<21 | gram(' ')
	for len(name) > 0 {
		r, n := utf8.DecodeRune(name)
		name = name[n:]
		g = (g<<21 | gram(r)) & three
		set = append(set, g)
	}
	set = append(set, (g<<21|gram(' '))&three)
	slices.Sort(set)
	return slices.Compact(set)
}
