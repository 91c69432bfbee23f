package supply

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sallyport/policy/rows"
)

// TrustList is a positive list: the suppliers that one authority calls
// trusted. Being on it says who trusts a supplier and until when. It does not
// say that the supplier's products are free of faults.
type TrustList struct {
	ID        string  `json:"id"`
	Title     string  `json:"title"`
	Authority string  `json:"authority"`
	Trusts    []Trust `json:"trusts"`
	Ref
}

// Trust is one supplier on a positive list. Both days must be given to the
// day: nobody is trusted without an end.
type Trust struct {
	Name  string `json:"name"` // as the list writes it
	Party string `json:"party"`
	Scope string `json:"scope,omitempty"` // what it is trusted for, in the list's words; empty is not limited
	From  string `json:"from"`            // first day
	Until string `json:"until"`           // first day on which it is trusted no more
	Ref
}

// Advisory is a published fault in the products of a supplier. It says nothing
// of the supplier's owners.
type Advisory struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Parties  []string `json:"parties,omitempty"`  // those that a reviewer found named; none where the maker of the product is no party
	Products string   `json:"products,omitempty"` // the source's words
	Ref
}

// TrustAnswer is what TrustedBy says.
type TrustAnswer struct {
	Answer
	List  string     `json:"list,omitempty"`  // the positive list that decides
	Until string     `json:"until,omitempty"` // first day on which the answer ends
	Known []Evidence `json:"known"`           // published faults of the supplier, and of the party whose brand it is
}

// checkTrusted refuses a positive list without an authority, and a trust
// without a source, an end or a party.
func (g *Graph) checkTrusted() error {
	seen := map[string]bool{}
	for i := range g.file.Trusted {
		l := &g.file.Trusted[i]
		if err := l.check(); err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
		if _, official := g.List(l.ID); official || seen[l.ID] {
			return fmt.Errorf("%w: two lists have the id %q", ErrFormat, l.ID)
		}
		seen[l.ID] = true
		for _, t := range l.Trusts {
			if _, ok := g.party[t.Party]; !ok {
				return fmt.Errorf("%w: positive list %q trusts the party %q, which is not there", ErrFormat, l.ID, t.Party)
			}
		}
	}
	for _, a := range g.file.Advisories {
		if a.ID == "" || a.Title == "" || a.Source == "" {
			return fmt.Errorf("%w: the advisory %q needs an id, a title and a source", ErrFormat, a.ID)
		}
		for _, p := range a.Parties {
			if _, ok := g.party[p]; !ok {
				return fmt.Errorf("%w: advisory %q names the party %q, which is not there", ErrFormat, a.ID, p)
			}
		}
	}
	return nil
}

// check refuses a list on which a supplier would be trusted on nobody's word,
// or for ever.
func (l *TrustList) check() error {
	if l.ID == "" || l.Title == "" {
		return fmt.Errorf("the positive list %q needs an id and a title", l.ID)
	}
	if l.Authority == "" {
		return fmt.Errorf("positive list %q names no authority: nobody is trusted on nobody's word", l.ID)
	}
	if l.Source == "" {
		return fmt.Errorf("positive list %q names no source", l.ID)
	}
	for i := range l.Trusts {
		if err := l.Trusts[i].check(); err != nil {
			return fmt.Errorf("positive list %q: %w", l.ID, err)
		}
	}
	return nil
}

func (t *Trust) check() error {
	if t.Name == "" || t.Party == "" {
		return fmt.Errorf("a trust needs the name and the party of a supplier (%q, %q)", t.Name, t.Party)
	}
	if t.Source == "" {
		return fmt.Errorf("%q has no source: without one no supplier can be marked trusted", t.Name)
	}
	from, err := wholeDay(t.From)
	if err != nil {
		return fmt.Errorf("%q: the first day: %w", t.Name, err)
	}
	until, err := wholeDay(t.Until)
	if err != nil {
		return fmt.Errorf("%q: the end, without which no supplier can be marked trusted: %w", t.Name, err)
	}
	if until <= from {
		return fmt.Errorf("%q: trusted from %s until %s is never", t.Name, t.From, t.Until)
	}
	return nil
}

func wholeDay(s string) (int32, error) {
	first, last, err := period(s)
	if err == nil && first != last {
		err = fmt.Errorf("%q is no single day", s)
	}
	return first, err
}

// ReadTrusted reads positive lists, one JSON object a line. Errors name the
// line; of a text with an error nothing is returned.
func ReadTrusted(r io.Reader, name string) ([]TrustList, error) {
	var out []TrustList
	err := rows.Each(r, name, func(_ int, line []byte) error {
		var l TrustList
		if err := rows.Strict(line, &l); err != nil {
			return err
		}
		if slices.ContainsFunc(out, func(k TrustList) bool { return k.ID == l.ID }) {
			return fmt.Errorf("the positive list %q appears twice", l.ID)
		}
		out = append(out, l)
		return l.check()
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Trusted returns the positive lists. The slice belongs to the graph.
func (g *Graph) Trusted() []TrustList { return g.file.Trusted }

// Advisories returns the published faults. The slice belongs to the graph.
func (g *Graph) Advisories() []Advisory { return g.file.Advisories }

// TrustedBy says whether a positive list trusts a supplier on a day. The list
// is named by its id or by its authority; an authority means every list of
// its own.
//
// A brand is trusted where the party that uses it is; an owner, a subsidiary
// or a licensee is not. It is False from the day on which the trust ends and
// where a list that is held does not name the supplier; Unknown where no such
// list is held. Where somebody came to own the supplier after it was called
// trusted, the answer says so and stays: the list is its authority's.
//
// Known holds the published faults of the supplier, whatever the answer.
func (g *Graph) TrustedBy(id, list string, day time.Time) TrustAnswer {
	i, ok := g.party[id]
	if !ok {
		return TrustAnswer{Answer: g.notThere(id)}
	}
	d := dayOf(day)
	ways := g.brandWays(i, d)
	out := TrustAnswer{}
	for _, w := range ways {
		out.Known = append(out.Known, g.faults(w.party)...)
	}
	var held []*TrustList
	for k := range g.file.Trusted {
		if l := &g.file.Trusted[k]; l.ID == list || strings.EqualFold(l.Authority, list) {
			held = append(held, l)
		}
	}
	if len(held) == 0 {
		out.Because = fmt.Sprintf("No list of trusted suppliers %q is held: nobody is known to call %s trusted.", list, g.name(i))
		return out
	}
	ended := ""
	for _, w := range ways {
		for _, l := range held {
			for k := range l.Trusts {
				t := &l.Trusts[k]
				if t.Party != g.file.Parties[w.party].ID {
					continue
				}
				s, _ := spanOf(t.From, t.Until)
				if d >= s.until && ended == "" {
					ended = fmt.Sprintf("%s trusted %s until %s (%s); that has ended.", l.Authority, t.Name, t.Until, l.Title)
				}
				if d < s.since || d >= s.until || out.Value == True {
					continue
				}
				out.Value, out.List, out.Until = True, l.ID, t.Until
				out.Path = append(slices.Clone(w.path), trustEvidence(l, t))
				scope := ""
				if t.Scope != "" {
					scope = " for " + t.Scope
				}
				out.Because = sentence(fmt.Sprintf("%s calls %s trusted%s from %s until %s (%s)", l.Authority, t.Name, scope, t.From, t.Until, l.Title))
				out.Because += g.changedHands(w.party, s.since, d, &out.Path)
			}
		}
	}
	if out.Value != True {
		out.Value = False
		out.Because = ended
		if ended == "" {
			out.Because = sentence(fmt.Sprintf("%s does not name %s as trusted on %s", held[0].Title, g.name(i), day.UTC().Format(time.DateOnly)))
		}
		for _, l := range held {
			out.Path = append(out.Path, Evidence{Kind: "edition", ID: l.ID, From: id, Text: sentence(l.Title + " of " + l.Authority), Ref: l.Ref})
		}
	}
	if n := len(out.Known); n == 1 {
		out.Because += " One published fault of its products is known; trusted is not free of faults."
	} else if n > 1 {
		out.Because += fmt.Sprintf(" %d published faults of its products are known; trusted is not free of faults.", n)
	}
	out.Certainty = weakest(out.Path)
	return out
}

// brandWay is a party whose trust covers the one asked about.
type brandWay struct {
	party int32
	path  []Evidence
}

// brandWays is the party itself and, of a brand that is one party's alone, that
// party, and so on.
func (g *Graph) brandWays(i, d int32) []brandWay {
	ways := []brandWay{{party: i}}
	for len(ways) <= len(g.file.Parties) {
		at := ways[len(ways)-1]
		next, edges := int32(-1), 0
		var by int32
		for _, ei := range g.own[at.party] {
			e := &g.file.Edges[ei]
			if !g.inForce(ei, d) || e.Kind != BrandOf {
				continue
			}
			if edges++; !e.Alternative {
				next, by = g.to[ei], ei
			}
		}
		if edges != 1 || next < 0 || slices.ContainsFunc(ways, func(w brandWay) bool { return w.party == next }) {
			break
		}
		ways = append(ways, brandWay{party: next, path: append(slices.Clone(at.path), g.edgeEvidence(by))})
	}
	return ways
}

// changedHands says who came to own a party after a day, and adds the rows.
func (g *Graph) changedHands(p, since, day int32, path *[]Evidence) string {
	for _, ei := range g.own[p] {
		if s := g.span[ei]; s.since > since && s.since <= day && !g.file.Edges[ei].Seen && g.inForce(ei, day) {
			ev := g.edgeEvidence(ei)
			*path = append(*path, ev)
			return fmt.Sprintf(" Its owners have changed since, on %s: %s", g.file.Edges[ei].Since, ev.Text)
		}
	}
	return ""
}

func (g *Graph) faults(p int32) []Evidence {
	var out []Evidence
	for k := range g.file.Advisories {
		if a := &g.file.Advisories[k]; slices.Contains(a.Parties, g.file.Parties[p].ID) {
			text := a.Title
			if a.Products != "" {
				text += " (products: " + a.Products + ")"
			}
			out = append(out, Evidence{Kind: "advisory", ID: a.ID, From: g.file.Parties[p].ID, Text: sentence(text), Ref: a.Ref})
		}
	}
	return out
}

func trustEvidence(l *TrustList, t *Trust) Evidence {
	return Evidence{Kind: "trust", ID: l.ID + "/" + t.Party, From: t.Party, Since: t.From, Until: t.Until, Ref: t.Ref,
		Text: sentence(fmt.Sprintf("%s of %s names %s as trusted from %s until %s", l.Title, l.Authority, t.Name, t.From, t.Until))}
}

// InForce says whether a trust holds on a day.
func (t *Trust) InForce(day time.Time) bool {
	s, err := spanOf(t.From, t.Until)
	d := dayOf(day)
	return err == nil && d >= s.since && d < s.until
}
