package supply

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// EditionState is what an edition of a list is on a day.
type EditionState string

// The states of an edition.
const (
	EditionFuture     EditionState = "future"     // not yet in force
	EditionInForce    EditionState = "in force"   // names whom it names
	EditionSuperseded EditionState = "superseded" // was in force and is no more
	EditionWithdrawn  EditionState = "withdrawn"  // was posted and withdrawn: was in force on no day
)

// State says what an edition is on a day.
func (ed *Edition) State(day time.Time) EditionState {
	s, err := spanOf(ed.From, ed.Until)
	switch d := dayOf(day); {
	case ed.Withdrawn:
		return EditionWithdrawn
	case err != nil || d < s.since:
		return EditionFuture
	case d >= s.until:
		return EditionSuperseded
	}
	return EditionInForce
}

// checkEditions refuses a list of which two editions would be in force on one
// day: which of them bites must not depend on their order.
func (g *Graph) checkEditions() error {
	for i := range g.file.Lists {
		l := &g.file.Lists[i]
		type reign struct {
			span
			id string
		}
		var reigns []reign
		for j := range l.Editions {
			if ed := &l.Editions[j]; !ed.Withdrawn {
				s, err := spanOf(ed.From, ed.Until)
				if err != nil {
					return fmt.Errorf("%w: edition %q: %w", ErrFormat, ed.ID, err)
				}
				reigns = append(reigns, reign{s, ed.ID})
			}
		}
		slices.SortFunc(reigns, func(a, b reign) int { return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.until, b.until)) })
		for k := 1; k < len(reigns); k++ {
			if reigns[k].since < reigns[k-1].until {
				return fmt.Errorf("%w: the editions %q and %q of list %q would be in force on the same day", ErrFormat, reigns[k-1].id, reigns[k].id, l.ID)
			}
		}
	}
	return nil
}

// List returns an official list by its id.
func (g *Graph) List(id string) (*List, bool) {
	for i := range g.file.Lists {
		if g.file.Lists[i].ID == id {
			return &g.file.Lists[i], true
		}
	}
	return nil, false
}

// EditionOn returns the edition of a list in force on a day, or nil. A
// withdrawn one never is.
func (l *List) EditionOn(day time.Time) *Edition {
	for i := range l.Editions {
		if l.Editions[i].State(day) == EditionInForce {
			return &l.Editions[i]
		}
	}
	return nil
}

// WithLists returns a graph in which editions are added to their lists, or
// lists to the graph. The edition that was in force when a new one begins ends
// there. An edition whose id is held already is refused, and so is one that
// begins before an edition in force: history is not rewritten by an import.
// The name of the graph's own edition is kept; its lists tell what was added.
func (g *Graph) WithLists(lists ...List) (*Graph, error) {
	f := g.file
	f.Lists = slices.Clone(f.Lists)
	for _, add := range lists {
		k := slices.IndexFunc(f.Lists, func(l List) bool { return l.ID == add.ID })
		if k < 0 {
			if add.Title == "" {
				return nil, fmt.Errorf("the list %q is not among those held, and a new one needs a title", add.ID)
			}
			f.Lists = append(f.Lists, List{ID: add.ID, Title: add.Title, Country: add.Country})
			k = len(f.Lists) - 1
		}
		l := &f.Lists[k]
		l.Editions = slices.Clone(l.Editions)
		for _, ed := range add.Editions {
			if of, held := g.ofList[ed.ID]; held {
				return nil, fmt.Errorf("the edition %q is held already, of list %q", ed.ID, of)
			}
			if err := l.succeed(ed); err != nil {
				return nil, err
			}
		}
	}
	b, err := write(&f)
	if err != nil {
		return nil, err
	}
	return Open(b)
}

// succeed adds an edition behind those there, and ends the one it supersedes.
func (l *List) succeed(ed Edition) error {
	first, _, err := period(ed.From)
	if err != nil {
		return fmt.Errorf("edition %q of list %q: the first day: %w", ed.ID, l.ID, err)
	}
	for i := range l.Editions {
		was := &l.Editions[i]
		if was.ID == ed.ID {
			return fmt.Errorf("the edition %q is given twice", ed.ID)
		}
		s, err := spanOf(was.From, was.Until)
		if err != nil || was.Withdrawn || ed.Withdrawn {
			continue
		}
		if s.since >= first {
			return fmt.Errorf("the edition %q of list %q begins on %s, but %q has been in force since %s: editions are added in their order", ed.ID, l.ID, ed.From, was.ID, was.From)
		}
		if s.until > first {
			was.Until = ed.From
		}
	}
	l.Editions = append(l.Editions, ed)
	return nil
}

// Difference is one difference between two editions.
type Difference struct {
	Name     string `json:"name"`                // in the newer edition; of one that is gone, in the older
	Was      string `json:"was,omitempty"`       // its name in the older edition, where that differs
	Party    string `json:"party,omitempty"`     // matched in the newer edition; of one that is gone, in the older
	WasParty string `json:"was_party,omitempty"` // matched in the older edition, where that differs
	On       string `json:"on,omitempty"`        // the day on which it ended while the older edition was in force, also of one that is named anew; of one that was added to an edition in force, the day
	Entry    Entry  `json:"entry"`
	Proof    *Entry `json:"proof,omitempty"` // what says that the other edition did not name it, where that edition is not held whole
}

// Changes is what differs between two editions of a list.
//
// Of an edition that is not held whole, a missing name proves nothing. Such a
// difference is among OnlyNewer or OnlyOlder, and among Added or Removed only
// where a row says that the other edition did not name the party.
type Changes struct {
	List      string       `json:"list"`
	Title     string       `json:"title"`
	From      EditionRef   `json:"from"`
	To        EditionRef   `json:"to"`
	Added     []Difference `json:"added"`
	Removed   []Difference `json:"removed"`
	Renamed   []Difference `json:"renamed"`
	Matched   []Difference `json:"matched"`    // the same entry, now another party's or for the first time one's
	Ended     []Difference `json:"ended"`      // removed while an edition was in force, between the two days
	OnlyNewer []Difference `json:"only_newer"` // whether the older named it is not known
	OnlyOlder []Difference `json:"only_older"` // whether the newer names it is not known
	Same      int          `json:"same"`
	OneOnly   bool         `json:"one_edition,omitempty"` // one edition is in force on both days
	Between   []EditionRef `json:"between"`               // others dated between the two, such as one that was withdrawn
}

// EditionRef names an edition without its entries.
type EditionRef struct {
	ID       string       `json:"id"`
	From     string       `json:"from"`
	Until    string       `json:"until,omitempty"`
	State    EditionState `json:"state"`
	Complete bool         `json:"complete"`
	Held     int          `json:"held"` // entries held here
	Ref
}

func refOf(ed *Edition, day time.Time) EditionRef {
	return EditionRef{ID: ed.ID, From: ed.From, Until: ed.Until, State: ed.State(day), Complete: ed.Complete, Held: len(ed.Entries), Ref: ed.Ref}
}

// DiffOn compares the editions of a list in force on two days: whom it names on
// the one and on the other. An entry that had ended by the first day, or begins
// after the second, counts for nothing. A withdrawn edition dated between them is
// among Between and counts for nothing either.
func (g *Graph) DiffOn(list string, from, to time.Time) (Changes, error) {
	l, ok := g.List(list)
	if !ok {
		return Changes{}, fmt.Errorf("the list %q is not among those held: %s", list, strings.Join(g.listNames(), ", "))
	}
	if !from.Before(to) {
		return Changes{}, fmt.Errorf("the first day, %s, is not before the second, %s", from.Format(time.DateOnly), to.Format(time.DateOnly))
	}
	older, newer := l.EditionOn(from), l.EditionOn(to)
	for _, k := range []struct {
		ed  *Edition
		day time.Time
	}{{older, from}, {newer, to}} {
		if k.ed == nil {
			return Changes{}, fmt.Errorf("no edition of %s is held that was in force on %s", l.Title, k.day.Format(time.DateOnly))
		}
	}
	c := diffEditions(older, newer, dayOf(from), dayOf(to))
	c.List, c.Title = l.ID, l.Title
	c.From.State, c.To.State = older.State(to), newer.State(to)
	for i := range l.Editions {
		ed := &l.Editions[i]
		if first, _, err := period(ed.From); err == nil && ed != older && ed != newer && first >= dayOf(from) && first <= dayOf(to) {
			c.Between = append(c.Between, refOf(ed, to))
		}
	}
	return c, nil
}

func (g *Graph) listNames() []string {
	var ids []string
	for i := range g.file.Lists {
		ids = append(ids, g.file.Lists[i].ID)
	}
	return ids
}

// DiffEditions compares two editions of one list. Entries are the same where
// the source gives them one id, else where their names are the same, with
// and then without what stands in brackets at the end, else where both
// were matched to one party; each only where it points at one entry on both
// sides. The older is read as of its first day, the newer as of its last.
func DiffEditions(older, newer *Edition) Changes {
	from, to := -forever, forever-1
	if s, err := spanOf(older.From, older.Until); err == nil {
		from = s.since
	}
	return diffEditions(older, newer, from, to)
}

// begunBy is an edition with those of its entries that have begun by a day.
func (ed *Edition) begunBy(day int32) *Edition {
	out := *ed
	out.Entries = slices.DeleteFunc(slices.Clone(ed.Entries), func(e Entry) bool {
		s, err := spanOf(e.From, e.Until)
		return err == nil && s.since > day
	})
	return &out
}

// diffEditions compares what two editions say on two days.
func diffEditions(older, newer *Edition, from, to int32) Changes {
	c := Changes{From: EditionRef{ID: older.ID, From: older.From, Until: older.Until, Complete: older.Complete, Held: len(older.Entries), Ref: older.Ref},
		To: EditionRef{ID: newer.ID, From: newer.From, Until: newer.Until, Complete: newer.Complete, Held: len(newer.Entries), Ref: newer.Ref}}
	if older.ID == newer.ID {
		c.OneOnly = true
		for i := range newer.Entries {
			c.within(&newer.Entries[i], from, to)
		}
		return c
	}
	older, newer = older.begunBy(from), newer.begunBy(to)
	was := make([]int, len(newer.Entries)) // index into older.Entries, or -1
	taken := make([]bool, len(older.Entries))
	for i := range was {
		was[i] = -1
	}
	for _, key := range []func(*Entry) string{
		func(e *Entry) string { return e.ID },
		func(e *Entry) string { return fold(e.Name) },
		func(e *Entry) string { return fold(withoutRemark(e.Name)) },
		func(e *Entry) string { return e.Party },
	} {
		olds, news := make(map[string][]int), make(map[string][]int)
		for i := range older.Entries {
			if k := key(&older.Entries[i]); k != "" && !taken[i] {
				olds[k] = append(olds[k], i)
			}
		}
		for i := range newer.Entries {
			if k := key(&newer.Entries[i]); k != "" && was[i] < 0 {
				news[k] = append(news[k], i)
			}
		}
		for k, n := range news {
			if o := olds[k]; len(o) == 1 && len(n) == 1 {
				was[n[0]], taken[o[0]] = o[0], true
			}
		}
	}
	for i := range newer.Entries {
		n := &newer.Entries[i]
		if was[i] < 0 {
			ch := Difference{Name: n.Name, Party: n.Party, Entry: *n, Proof: older.proof(n.Party)}
			if n.endsBy(to) {
				continue // it came and went between the two days
			}
			if older.Complete || ch.Proof != nil {
				c.Added = append(c.Added, ch)
			} else {
				c.OnlyNewer = append(c.OnlyNewer, ch)
			}
			continue
		}
		c.compare(&older.Entries[was[i]], n, from, to)
	}
	for i := range older.Entries {
		o := &older.Entries[i]
		if taken[i] || o.endsBy(from) {
			continue
		}
		ch := Difference{Name: o.Name, Party: o.Party, Entry: *o, Proof: newer.proof(o.Party)}
		if o.endsBy(to) {
			ch.On = o.Until
		}
		switch {
		case o.endsBy(to):
			c.Ended = append(c.Ended, ch)
		case newer.Complete || ch.Proof != nil:
			c.Removed = append(c.Removed, ch)
		default:
			c.OnlyOlder = append(c.OnlyOlder, ch)
		}
	}
	return c
}

// withoutRemark is a name without what stands in brackets at its end.
func withoutRemark(name string) string {
	name = strings.TrimSpace(name)
	if !strings.HasSuffix(name, ")") {
		return name
	}
	depth := 0
	for i := len(name) - 1; i > 0; i-- {
		switch name[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				return strings.TrimSpace(name[:i])
			}
		}
	}
	return name
}

// endsBy says whether an entry has ended by a day.
func (en *Entry) endsBy(day int32) bool {
	s, err := spanOf(en.From, en.Until)
	return err == nil && s.until <= day
}

// within sorts an entry of the one edition that is in force on both days.
func (c *Changes) within(e *Entry, from, to int32) {
	s, err := spanOf(e.From, e.Until)
	ch := Difference{Name: e.Name, Party: e.Party, Entry: *e}
	before, after := err != nil || s.since <= from && from < s.until, err != nil || s.since <= to && to < s.until
	switch {
	case before && after:
		c.Same++
	case before:
		ch.On = e.Until
		c.Ended = append(c.Ended, ch)
	case after:
		ch.On = e.From
		c.Added = append(c.Added, ch)
	}
}

// compare sorts an entry that both editions hold.
func (c *Changes) compare(o, n *Entry, from, to int32) {
	ch := Difference{Name: n.Name, Party: n.Party, Entry: *n}
	switch {
	case n.endsBy(to): // the newer edition ended it again
		if ch.On = n.Until; !o.endsBy(from) {
			c.Ended = append(c.Ended, ch)
		}
		return
	case o.endsBy(from): // it is named anew
		ch.On = o.Until
		c.Added = append(c.Added, ch)
		return
	case o.endsBy(to):
		ch.On = o.Until
		c.Ended = append(c.Ended, ch)
		c.Added = append(c.Added, ch) // it had ended and is named anew
		return
	}
	same := true
	if fold(o.Name) != fold(n.Name) {
		ch.Was = o.Name
		c.Renamed = append(c.Renamed, ch)
		same = false
	}
	if o.Party != n.Party {
		ch.WasParty = o.Party
		c.Matched = append(c.Matched, ch)
		same = false
	}
	if same {
		c.Same++
	}
}

// proof is the row that says an edition does not name a party.
func (ed *Edition) proof(party string) *Entry {
	if party == "" {
		return nil
	}
	for i := range ed.Absent {
		if ed.Absent[i].Party == party {
			return &ed.Absent[i]
		}
	}
	return nil
}

// Turn is a party of which a list says one thing on one day and another on a
// later one: because an edition names it or a party that controls it, or
// because its owners changed. Both answers hold their path.
type Turn struct {
	Party string `json:"party"`
	Name  string `json:"name"`
	Was   Answer `json:"was"`
	Now   Answer `json:"now"`
}

// Turns asks ListedOn about every party on two days and returns those of which
// the answers differ: those that are named now first, then those that are no
// more, then those of which it became known or unknown.
func (g *Graph) Turns(list string, from, to time.Time) []Turn {
	var out []Turn
	for i := range g.file.Parties {
		p := &g.file.Parties[i]
		t := Turn{Party: p.ID, Name: p.Name, Was: g.ListedOn(p.ID, list, from), Now: g.ListedOn(p.ID, list, to)}
		if t.Was.Value != t.Now.Value {
			out = append(out, t)
		}
	}
	class := func(t Turn) int {
		switch {
		case t.Now.Value == True:
			return 0
		case t.Was.Value == True:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(out, func(a, b Turn) int { return cmp.Compare(class(a), class(b)) })
	return out
}

// Vehicle is a vehicle that a site knows, with the parties that a verdict on
// it may ask about.
type Vehicle struct {
	ID    string `json:"id"`              // VIN, else plate
	Group string `json:"group,omitempty"` // class, fleet or list it is known by
	Roles []Role `json:"roles"`
}

// Role is a party in a vehicle.
type Role struct {
	Party string `json:"party"`
	As    string `json:"as"` // "maker of the vehicle", "maker of the module (documented)"
}

// Touched is a vehicle with the parties in it that turned.
type Touched struct {
	Vehicle
	By []int `json:"by"` // indexes into the turns
}

// Touch goes through the vehicles a site knows and yields those in which a
// party turned. It keeps none of them. The first error of the vehicles is
// yielded and ends it.
func Touch(turns []Turn, vehicles iter.Seq2[Vehicle, error]) iter.Seq2[Touched, error] {
	at := make(map[string]int, len(turns))
	for i := range turns {
		at[turns[i].Party] = i
	}
	return func(yield func(Touched, error) bool) {
		for v, err := range vehicles {
			if err != nil {
				yield(Touched{}, err)
				return
			}
			t := Touched{Vehicle: v}
			for _, r := range v.Roles {
				if i, ok := at[r.Party]; ok && !slices.Contains(t.By, i) {
					t.By = append(t.By, i)
				}
			}
			if len(t.By) > 0 && !yield(t, nil) {
				return
			}
		}
	}
}

// InForce says whether an edge holds on a day.
func (e *Edge) InForce(day time.Time) bool {
	s, err := spanOf(e.Since, e.Until)
	d := dayOf(day)
	return err == nil && d >= s.since && d < s.until
}

// CountryName gives the English short name of a country that occurs, else its
// code.
func CountryName(code string) string { return countryName(code) }

// InForce says whether an entry of the edition in force holds on a day.
func (en *Entry) InForce(day time.Time) bool {
	s, err := spanOf(en.From, en.Until)
	d := dayOf(day)
	return err == nil && d >= s.since && d < s.until
}

// Stored is the graph in the form that Open reads, as an edition of its own of
// that day: lists that were added have made another graph of it.
func (g *Graph) Stored(day time.Time) ([]byte, error) {
	f := g.file
	f.Edition = ""
	body, err := write(&f)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	f.Edition = day.UTC().Format(time.DateOnly) + "." + hex.EncodeToString(sum[:4])
	return write(&f)
}
