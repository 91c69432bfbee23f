package supply

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Value is the answer to a question in Kleene's three values. The zero value
// is Unknown and the order is that of policy.Truth.
type Value uint8

// The three values.
const (
	Unknown Value = iota
	False
	True
)

// String returns "unknown", "false" or "true".
func (v Value) String() string {
	switch v {
	case False:
		return "false"
	case True:
		return "true"
	}
	return "unknown"
}

// MarshalText writes the value as its word.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Value) UnmarshalText(b []byte) error {
	switch string(b) {
	case "unknown":
		*v = Unknown
	case "false":
		*v = False
	case "true":
		*v = True
	default:
		return fmt.Errorf("%q is not one of unknown, false, true", b)
	}
	return nil
}

// Ref is where a row comes from. Nothing in the graph is asserted: it is
// attributed to one of these.
type Ref struct {
	Source    string `json:"source"`             // address, or the document's name where it has none
	Quote     string `json:"quote,omitempty"`    // the words relied on
	Date      string `json:"date,omitempty"`     // of the source or of the fact it states, as precise as known
	Certainty string `json:"certainty"`          // official (filing, authority, primary record), press, secondary, reviewed
	Note      string `json:"note,omitempty"`     // what a reader could get wrong
	Reply     string `json:"reply,omitempty"`    // what the maker concerned says to it, with date
	SeenVia   string `json:"seen_via,omitempty"` // the copy that was read
	Reason    string `json:"reason,omitempty"`   // why a reviewer added or changed the row
}

// Party is a legal entity, brand, fund, person or state body.
type Party struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Kind         string   `json:"kind"`                    // company, brand, fund, person, state, other
	Country      string   `json:"country,omitempty"`       // of incorporation, ISO 3166-1 alpha-2; empty is unknown
	CountryBasis string   `json:"country_basis,omitempty"` // the source's words for it
	Listed       string   `json:"listed,omitempty"`        // stock exchange and ticker
	Role         string   `json:"role,omitempty"`
	Aliases      []string `json:"aliases,omitempty"`    // exact and reviewed
	Unresolved   string   `json:"unresolved,omitempty"` // why its owner could not be found; empty where nothing says so
	Ultimate     bool     `json:"ultimate,omitempty"`   // the source names nobody above it: its own ultimate parent
	Ref
}

// Kind is what an edge says.
type Kind string

// The kinds of edges, From being the party the edge is about.
const (
	OwnedBy           Kind = "owned_by"           // To holds Share per cent of From
	ControlledBy      Kind = "controlled_by"      // To controls From by other means than half the shares
	BrandOf           Kind = "brand_of"           // From is a name that To uses
	LicenceFrom       Kind = "licence_from"       // From builds under To's licence
	FirmwareBy        Kind = "firmware_by"        // From's firmware or source code is To's
	EngineeringShared Kind = "engineering_shared" // people of To did engineering on From's products
	ProductEquivalent Kind = "product_equivalent" // From's product is said to be To's under another name
	SoldTo            Kind = "sold_to"            // From sold a business to To
	OfferBy           Kind = "offer_by"           // To offered to buy From; completion was not seen
	FundedBy          Kind = "funded_by"          // To put money into From; no share is stated
	TradedOn          Kind = "traded_on"          // From's shares trade on the exchange named
	CounterStatement  Kind = "counter_statement"  // From's own statement, or its act against a statement
	IdentifiedBy      Kind = "identified_by"      // bus vendor ids under which From's devices enumerate
	Link              Kind = "link"               // a tie that answers none of the questions
)

// Edge is one dated statement about one party, usually in relation to another.
type Edge struct {
	ID          string   `json:"id"`
	From        string   `json:"from"`
	To          string   `json:"to,omitempty"`      // party id; empty where the other side is no party
	ToText      string   `json:"to_text,omitempty"` // the other side where it is no party
	Kind        Kind     `json:"kind"`
	Share       *float64 `json:"share,omitempty"`       // per cent, 0..100; nil is not stated
	Controlling bool     `json:"controlling,omitempty"` // the source states ownership or control without a share
	Alternative bool     `json:"alternative,omitempty"` // one of several parties of which only one can be meant
	Since       string   `json:"since,omitempty"`       // 2024, 2024-07 or 2024-07-26; empty is not dated
	Until       string   `json:"until,omitempty"`       // first day on which it no longer holds, or the period in which it ended
	Seen        bool     `json:"seen,omitempty"`        // Since is when it was seen to be so, not when it began
	When        string   `json:"when,omitempty"`        // the source's own words for the time
	Relation    string   `json:"relation,omitempty"`    // the source data's words for the relation
	Ref
}

// List is an official list with its editions.
type List struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Country  string    `json:"country,omitempty"` // the list only names parties of this country; empty is any
	Editions []Edition `json:"editions"`
}

// Edition is one edition of a list, in force from From until the day before Until.
type Edition struct {
	ID        string  `json:"id"`
	From      string  `json:"from"`
	Until     string  `json:"until,omitempty"`
	Withdrawn bool    `json:"withdrawn,omitempty"` // posted and withdrawn: was never in force
	Complete  bool    `json:"complete,omitempty"`  // all entries of the edition are held here
	Entries   []Entry `json:"entries"`
	Absent    []Entry `json:"absent,omitempty"` // parties that a source says are not on it
	Ref
}

// Entry is one name on a list and the party a reviewer matched it to.
type Entry struct {
	ID        string   `json:"id,omitempty"` // of the row in its source
	Name      string   `json:"name"`
	Also      []string `json:"also,omitempty"`      // other names that the list itself gives
	Countries []string `json:"countries,omitempty"` // as the list gives them, ISO 3166-1 alpha-2 where it does so
	Party     string   `json:"party,omitempty"`
	Match     string   `json:"match,omitempty"` // by which rule, or by whose review, Party was found
	From      string   `json:"from,omitempty"`  // where it was listed later than the edition
	Until     string   `json:"until,omitempty"` // where it was removed before the edition ended
	Ref
}

// Instrument is a law, order, rule or finding that a policy may name.
type Instrument struct {
	ID            string   `json:"id"`
	Authority     string   `json:"authority"`
	Title         string   `json:"title"`
	Status        string   `json:"status"` // the source data's words
	State         string   `json:"state"`  // in-force, proposed, superseded, withdrawn, finding, reported, advice, decided
	Effective     string   `json:"effective,omitempty"`
	EffectiveFrom string   `json:"effective_from,omitempty"` // where Effective names exactly one first day
	Scope         string   `json:"scope,omitempty"`
	Criterion     string   `json:"criterion,omitempty"` // what a gate can test
	Entries       []string `json:"entries,omitempty"`
	Ref
}

// Plant is one statement that a model is built in a country other than the
// badge suggests.
type Plant struct {
	Brand   string `json:"brand"`
	Model   string `json:"model"`
	Plant   string `json:"plant"`
	Partner string `json:"partner,omitempty"`
	Country string `json:"country"`
	Ref
}

// Territory says which codes a country's name covers for a question of control.
type Territory struct {
	Country  string   `json:"country"`
	Includes []string `json:"includes"`
	Ref
}

// MakeName is a vehicle make that names a party only for some vehicle types.
type MakeName struct {
	Name  string   `json:"name"`
	Types []string `json:"types"` // vPIC vehicle types
	Party string   `json:"party"`
}

// File is the form in which a graph is stored and exchanged.
type File struct {
	Format      int          `json:"format,omitempty"` // 0 and 1 are Format
	Edition     string       `json:"edition"`          // date of the review and a hash of the content
	Parties     []Party      `json:"parties"`
	Edges       []Edge       `json:"edges"`
	Lists       []List       `json:"lists"`
	Instruments []Instrument `json:"instruments"`
	Plants      []Plant      `json:"plants"`
	Territories []Territory  `json:"territories"`
	Makes       []MakeName   `json:"makes"`
	Trusted     []TrustList  `json:"trusted,omitempty"`
	Advisories  []Advisory   `json:"advisories,omitempty"`

	Authorisations []Authorisations `json:"authorisations,omitempty"`
}

// Graph answers questions. Its content never changes; it is safe for
// concurrent use.
type Graph struct {
	file    File
	party   map[string]int32
	names   map[string]int32
	makes   map[string][]MakeName
	rolls   []roll            // of each list
	rollOf  map[string]int32  // list id -> index into rolls
	ofList  map[string]string // edition id -> list id
	own     [][]int32         // owner edges of each party: owned_by, controlled_by, brand_of
	tie     [][]int32         // licence, firmware, engineering, equivalence
	other   [][]int32         // everything else about the party
	span    []span            // of each edge
	to      []int32           // party index of each edge's To, or -1
	country map[string]map[string]bool
	codes   []string // the countries that occur
	code    []int32  // of each party, index into codes, or -1
	traits  []trait  // of each party

	arcs            []arc       // edges of own, by party
	first           []int32     // of each party, its first arc; one more at the end
	twins           [][]int32   // groups of edges on one holding
	order           []int32     // parties, owners first
	components      []component // runs of order
	componentOf     []int32     // of each party, index into components
	turns           []int32     // days on which the ownership of some party changes
	held, heldFirst []int32     // of each party, those that it holds: held[heldFirst[p]:heldFirst[p+1]]
	solved          solutions
	sets            sync.Pool // of *marks
	places          sync.Pool // of *[]int32
}

// trait is what the questions ask of a party at every step.
type trait uint8

const (
	unresolved trait = 1 << iota // a source says that its owner cannot be found
	topmost                      // a person, a state, listed, or its own ultimate parent
)

// roll is a list with its editions ready to be asked.
type roll struct {
	list     *List
	editions []rollEdition
}

type rollEdition struct {
	*Edition
	span
	entries map[int32][]rollEntry // of a party
	absent  map[int32]int32       // of a party, its first row
}

type rollEntry struct {
	at int32 // index into Entries
	span
}

type span struct{ since, until int32 } // days since 1970; until is exclusive

const forever = int32(1<<31 - 1)

// ErrFormat is wrapped by every error of Open.
var ErrFormat = errors.New("not a supply graph")

//go:embed supply.json
var embedded []byte

var embeddedOnce = sync.OnceValues(func() (*Graph, error) { return Open(embedded) })

// Embedded returns the graph that is built into the program.
func Embedded() (*Graph, error) { return embeddedOnce() }

// Open reads a graph from the form that Build writes. It refuses a file that
// ReadFile does, and one in which an edge or an edition has no id of its own, an
// edge, entry or make names a party that is not in it, two parties answer to one
// name, a share lies outside 0..100, a date cannot be read or a row holds on no
// day.
func Open(b []byte) (*Graph, error) {
	f, err := ReadFile(b)
	if err != nil {
		return nil, err
	}
	g := &Graph{file: *f}
	for _, index := range []func() error{g.indexParties, g.indexEdges, g.indexLists, g.checkEditions, g.checkTrusted, g.checkAuthorisations} {
		if err := index(); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// indexParties fills what depends on parties, territories and makes.
func (g *Graph) indexParties() error {
	f := &g.file
	g.party = make(map[string]int32, len(f.Parties))
	g.names = make(map[string]int32, 3*len(f.Parties))
	g.makes = make(map[string][]MakeName)
	g.country = make(map[string]map[string]bool)
	g.code = make([]int32, len(f.Parties))
	g.codes = nil
	g.traits = make([]trait, len(f.Parties))
	codeOf := map[string]int32{"": -1}
	for i := range f.Parties {
		p := &f.Parties[i]
		if p.ID == "" || p.Name == "" {
			return fmt.Errorf("%w: party %d has no id or no name", ErrFormat, i)
		}
		if _, dup := g.party[p.ID]; dup {
			return fmt.Errorf("%w: party %q appears twice", ErrFormat, p.ID)
		}
		g.party[p.ID] = int32(i)
		code, ok := codeOf[p.Country]
		if !ok {
			code = int32(len(g.codes))
			codeOf[p.Country] = code
			g.codes = append(g.codes, p.Country)
		}
		g.code[i] = code
		if p.Unresolved != "" {
			g.traits[i] |= unresolved
		}
		if p.Kind == "person" || p.Kind == "state" || p.Listed != "" || p.Ultimate {
			g.traits[i] |= topmost
		}
	}
	for i := range f.Parties {
		p := &f.Parties[i]
		for _, n := range append([]string{p.ID, p.Name}, p.Aliases...) {
			k := fold(n)
			if k == "" {
				return fmt.Errorf("%w: party %q has the name %q, which has neither letter nor digit", ErrFormat, p.ID, n)
			}
			if j, taken := g.names[k]; taken && j != int32(i) {
				return fmt.Errorf("%w: %q names both %q and %q", ErrFormat, n, p.ID, f.Parties[j].ID)
			}
			g.names[k] = int32(i)
		}
	}
	for _, t := range f.Territories {
		m := map[string]bool{t.Country: true}
		for _, c := range t.Includes {
			m[c] = true
		}
		g.country[t.Country] = m
	}
	for _, m := range f.Makes {
		if _, ok := g.party[m.Party]; !ok {
			return fmt.Errorf("%w: make %q names the party %q, which is not there", ErrFormat, m.Name, m.Party)
		}
		k := fold(m.Name)
		g.makes[k] = append(g.makes[k], m)
	}
	return nil
}

// indexEdges fills what depends on edges; the parties are indexed.
func (g *Graph) indexEdges() error {
	f := &g.file
	g.own = make([][]int32, len(f.Parties))
	g.tie = make([][]int32, len(f.Parties))
	g.other = make([][]int32, len(f.Parties))
	g.span = make([]span, len(f.Edges))
	g.to = make([]int32, len(f.Edges))
	ids := make(map[string]bool, len(f.Edges))
	for i := range f.Edges {
		e := &f.Edges[i]
		if e.ID == "" || ids[e.ID] {
			return fmt.Errorf("%w: edge %d, from %q, has no id of its own", ErrFormat, i, e.From)
		}
		ids[e.ID] = true
		from, ok := g.party[e.From]
		if !ok {
			return fmt.Errorf("%w: edge %q is about the party %q, which is not there", ErrFormat, e.ID, e.From)
		}
		g.to[i] = -1
		if e.To != "" {
			j, ok := g.party[e.To]
			if !ok {
				return fmt.Errorf("%w: edge %q leads to the party %q, which is not there", ErrFormat, e.ID, e.To)
			}
			g.to[i] = j
		}
		if e.Share != nil && !(*e.Share >= 0 && *e.Share <= 100) {
			return fmt.Errorf("%w: edge %q has a share of %v per cent", ErrFormat, e.ID, *e.Share)
		}
		s, err := spanOf(e.Since, e.Until)
		if err != nil {
			return fmt.Errorf("%w: edge %q: %w", ErrFormat, e.ID, err)
		}
		g.span[i] = s
		switch e.Kind {
		case OwnedBy, ControlledBy, BrandOf:
			if e.To == "" {
				return fmt.Errorf("%w: edge %q names no owner", ErrFormat, e.ID)
			}
			g.own[from] = append(g.own[from], int32(i))
		case LicenceFrom, FirmwareBy, EngineeringShared, ProductEquivalent:
			if e.To == "" {
				return fmt.Errorf("%w: edge %q names no other party", ErrFormat, e.ID)
			}
			g.tie[from] = append(g.tie[from], int32(i))
		case SoldTo, OfferBy, FundedBy, TradedOn, CounterStatement, IdentifiedBy, Link:
			g.other[from] = append(g.other[from], int32(i))
		default:
			return fmt.Errorf("%w: edge %q is of the unknown kind %q", ErrFormat, e.ID, e.Kind)
		}
	}
	g.indexArcs()
	return nil
}

// indexLists fills what depends on lists; the parties are indexed.
func (g *Graph) indexLists() error {
	f := &g.file
	g.rollOf = make(map[string]int32, len(f.Lists))
	g.ofList = make(map[string]string)
	g.rolls = make([]roll, len(f.Lists))
	for i := range f.Lists {
		id := f.Lists[i].ID
		if _, taken := g.rollOf[id]; id == "" || taken {
			return fmt.Errorf("%w: list %d has no id of its own", ErrFormat, i)
		}
		g.rollOf[id] = int32(i)
	}
	for i := range f.Lists {
		l := &f.Lists[i]
		r := roll{list: l, editions: make([]rollEdition, len(l.Editions))}
		for j := range l.Editions {
			ed := &l.Editions[j]
			s, err := spanOf(ed.From, ed.Until)
			if err != nil || ed.From == "" {
				return fmt.Errorf("%w: edition %q of list %q has no readable first day", ErrFormat, ed.ID, l.ID)
			}
			// A policy names an edition by its id alone, so another of that id, on
			// whatever list, could answer in its place.
			_, list := g.rollOf[ed.ID]
			if _, taken := g.ofList[ed.ID]; ed.ID == "" || taken || list {
				return fmt.Errorf("%w: edition %q of list %q has no id of its own among lists and editions", ErrFormat, ed.ID, l.ID)
			}
			g.ofList[ed.ID] = l.ID
			re := rollEdition{Edition: ed, span: s, entries: make(map[int32][]rollEntry, len(ed.Entries)), absent: make(map[int32]int32, len(ed.Absent))}
			for k, en := range ed.Entries {
				n, s, err := g.entry(ed, &en)
				if err != nil {
					return err
				}
				if n >= 0 {
					re.entries[n] = append(re.entries[n], rollEntry{int32(k), s})
				}
			}
			for k, en := range ed.Absent {
				n, _, err := g.entry(ed, &en)
				if err != nil {
					return err
				}
				if _, again := re.absent[n]; n >= 0 && !again {
					re.absent[n] = int32(k)
				}
			}
			r.editions[j] = re
		}
		g.rolls[i] = r
	}
	return nil
}

// entry finds the party and the time of an entry; the party of one that nobody
// has matched is -1.
func (g *Graph) entry(ed *Edition, en *Entry) (int32, span, error) {
	n := int32(-1)
	if en.Party != "" {
		i, ok := g.party[en.Party]
		if !ok {
			return n, span{}, fmt.Errorf("%w: edition %q matches %q to the party %q, which is not there", ErrFormat, ed.ID, en.Name, en.Party)
		}
		n = i
	}
	s, err := spanOf(en.From, en.Until)
	if err != nil {
		return n, s, fmt.Errorf("%w: edition %q, entry %q: %w", ErrFormat, ed.ID, en.Name, err)
	}
	return n, s, nil
}

// Edition names the data: the day of its review and a hash of its content.
func (g *Graph) Edition() string { return g.file.Edition }

// Date is the day of the edition, or the zero time where its name holds none.
func (g *Graph) Date() time.Time {
	if len(g.file.Edition) < 10 {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, g.file.Edition[:10])
	if err != nil {
		return time.Time{}
	}
	return t
}

// Instruments returns the laws, orders and findings, in file order. The slice
// belongs to the graph and must not be changed.
func (g *Graph) Instruments() []Instrument { return g.file.Instruments }

// Instrument returns one instrument by id.
func (g *Graph) Instrument(id string) (Instrument, bool) {
	for _, in := range g.file.Instruments {
		if in.ID == id {
			return in, true
		}
	}
	return Instrument{}, false
}

// Lists returns the official lists. The slice belongs to the graph.
func (g *Graph) Lists() []List { return g.file.Lists }

// Plants returns the statements on where models are built. The slice belongs
// to the graph.
func (g *Graph) Plants() []Plant { return g.file.Plants }

// Makes returns the vehicle makes that name different parties by the kind of
// vehicle. The slice belongs to the graph.
func (g *Graph) Makes() []MakeName { return g.file.Makes }

// Parties returns every party in file order. The slice belongs to the graph.
func (g *Graph) Parties() []Party { return g.file.Parties }

// Edges returns every edge in file order. The slice belongs to the graph.
func (g *Graph) Edges() []Edge { return g.file.Edges }

// Party returns a party by its id.
func (g *Graph) Party(id string) (Party, bool) {
	i, ok := g.party[id]
	if !ok {
		return Party{}, false
	}
	return g.file.Parties[i], true
}

// Find returns the party that answers to a name: its id, its name or a
// reviewed alias, whatever the case, the accents and the punctuation. It never
// guesses.
func (g *Graph) Find(name string) (Party, bool) {
	i, ok := g.names[fold(name)]
	if !ok {
		return Party{}, false
	}
	return g.file.Parties[i], true
}

// FindMaker returns the party behind a vehicle: by the manufacturer's name
// where that is known, else by the make (brand). Some makes name different companies
// for cars and for trucks ("Volvo"), so the vPIC vehicle type decides there.
func (g *Graph) FindMaker(manufacturer, brand, vehicleType string) (Party, bool) {
	if p, ok := g.Find(manufacturer); ok {
		return p, true
	}
	if p, ok := g.Find(brand); ok {
		return p, true
	}
	for _, m := range g.makes[fold(brand)] {
		for _, t := range m.Types {
			if strings.EqualFold(t, strings.TrimSpace(vehicleType)) {
				return g.Party(m.Party)
			}
		}
	}
	return Party{}, false
}

// covers says whether a country code lies in the country asked about.
func (g *Graph) covers(asked, code string) bool {
	if code == "" {
		return false
	}
	if m := g.country[asked]; m != nil {
		return m[code]
	}
	return asked == code
}

// fold brings a name to the form names are compared in: lower case, common
// Latin accents removed, nothing kept but letters and digits.
func fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteByte(byte(r))
		case r >= 'A' && r <= 'Z':
			b.WriteByte(byte(r - 'A' + 'a'))
		case r < utf8.RuneSelf:
		default:
			if t, ok := plain[r]; ok {
				b.WriteString(t)
			} else if unicode.IsLetter(r) || unicode.IsDigit(r) {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

var plain = func() map[rune]string {
	m := make(map[rune]string)
	for to, from := range map[string]string{
		"a": "àáâãäåāăąÀÁÂÃÄÅĀĂĄ", "c": "çćčÇĆČ", "d": "ďđĎĐ", "e": "èéêëēėęěÈÉÊËĒĖĘĚ",
		"g": "ğĞ", "i": "ìíîïīįıÌÍÎÏĪĮİ", "l": "łŁ", "n": "ñńňÑŃŇ", "o": "òóôõöøōőÒÓÔÕÖØŌŐ",
		"r": "řŘ", "s": "śšşŚŠŞ", "ss": "ß", "t": "ťŤ", "u": "ùúûüūůűÙÚÛÜŪŮŰ", "y": "ýÿÝ", "z": "źżžŹŻŽ",
		"ae": "æÆ", "oe": "œŒ",
	} {
		for _, r := range from {
			m[r] = to
		}
	}
	return m
}()

func spanOf(since, until string) (span, error) {
	s := span{since: -forever, until: forever}
	if since != "" {
		first, _, err := period(since)
		if err != nil {
			return s, err
		}
		s.since = first
	}
	if until != "" {
		first, last, err := period(until)
		if err != nil {
			return s, err
		}
		s.until = first
		if last != first {
			s.until = last + 1
		}
	}
	if s.until <= s.since {
		return s, fmt.Errorf("from %s until %s is never", since, until)
	}
	return s, nil
}

// period reads 2024, 2024-07 or 2024-07-26 as its first and last day.
func period(s string) (first, last int32, err error) {
	for _, f := range []struct {
		layout  string
		y, m, d int
	}{{time.DateOnly, 0, 0, 1}, {"2006-01", 0, 1, 0}, {"2006", 1, 0, 0}} {
		if len(s) != len(f.layout) {
			continue
		}
		t, err := time.Parse(f.layout, s)
		if err != nil {
			break
		}
		return dayOf(t), dayOf(t.AddDate(f.y, f.m, f.d)) - 1, nil
	}
	return 0, 0, fmt.Errorf("%q is not a date like 2024, 2024-07 or 2024-07-26", s)
}

func dayOf(t time.Time) int32 {
	sec := t.UTC().Unix()
	d := sec / 86400
	if sec%86400 < 0 {
		d--
	}
	return int32(d)
}
