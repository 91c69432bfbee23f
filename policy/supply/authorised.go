package supply

import (
	"fmt"
	"strings"
	"time"
)

// Authorisations is what one authority decided on specific authorisations: whom
// it let off a rule of its own, and whom it refused. It praises nobody, and is
// neither a list of concern nor one of trusted suppliers.
type Authorisations struct {
	ID        string   `json:"id"`
	Title     string   `json:"title"`
	Authority string   `json:"authority"`
	Rulings   []Ruling `json:"rulings"`
	Ref
}

// Ruling is one authorisation, granted or refused. It holds from From, which
// may be known to the year or month only, until the day before Until; without
// Until it holds until another decision on the same party.
type Ruling struct {
	ID      string `json:"id"`   // of the instrument
	Name    string `json:"name"` // as the source writes it
	Party   string `json:"party"`
	Refused bool   `json:"refused,omitempty"`
	Scope   string `json:"scope,omitempty"` // what it covers, in the source's words; empty is not said
	From    string `json:"from"`
	Until   string `json:"until,omitempty"`
	Ref
}

// Authorisations returns the lists of authorisations. The slice belongs to the
// graph.
func (g *Graph) Authorisations() []Authorisations { return g.file.Authorisations }

// checkAuthorisations refuses a decision on nobody, by nobody or of no time.
func (g *Graph) checkAuthorisations() error {
	seen := map[string]bool{}
	for i := range g.file.Authorisations {
		l := &g.file.Authorisations[i]
		if l.ID == "" || l.Title == "" || l.Authority == "" || l.Source == "" {
			return fmt.Errorf("%w: the authorisations %q need an id, a title, an authority and a source", ErrFormat, l.ID)
		}
		if seen[l.ID] {
			return fmt.Errorf("%w: two lists of authorisations have the id %q", ErrFormat, l.ID)
		}
		seen[l.ID] = true
		for k := range l.Rulings {
			d := &l.Rulings[k]
			at := fmt.Sprintf("authorisations %q, ruling %q", l.ID, d.ID)
			if d.ID == "" || d.Name == "" || d.Source == "" || d.From == "" {
				return fmt.Errorf("%w: %s: it needs an id, a name, a source and a date", ErrFormat, at)
			}
			if _, ok := g.party[d.Party]; !ok {
				return fmt.Errorf("%w: %s: no party %q", ErrFormat, at, d.Party)
			}
			if _, err := spanOf(d.From, d.Until); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrFormat, at, err)
			}
		}
	}
	return nil
}

// holds says whether a decision has begun and not ended on a day. Where its
// dates are known to the year or month only it is Unknown in between.
func (d *Ruling) holds(day int32) Value {
	first, last, err := period(d.From)
	switch {
	case err != nil || day < first:
		return False
	case day < last:
		return Unknown
	}
	if d.Until == "" {
		return True
	}
	first, last, err = period(d.Until)
	switch {
	case err != nil || day > last || day == last && first == last:
		return False
	case day >= first:
		return Unknown
	}
	return True
}

// AuthorisedBy says whether an authority's list of authorisations lets a party
// off on a day. A brand is let off where the party that uses it is, unless the
// authority decided on the brand itself; an owner, a subsidiary or another brand
// of one owner is not. The latest decision counts. It is False where the list
// that is held names no such decision, Unknown where no such list is held or
// where it is not known on which day of that month or year it was decided.
func (g *Graph) AuthorisedBy(id, list string, day time.Time) Answer {
	i, ok := g.party[id]
	if !ok {
		return g.notThere(id)
	}
	var l *Authorisations
	for k := range g.file.Authorisations {
		if g.file.Authorisations[k].ID == list {
			l = &g.file.Authorisations[k]
		}
	}
	if l == nil {
		return Answer{Because: fmt.Sprintf("No list of authorisations %q is held.", list)}
	}
	d := dayOf(day)
	for _, w := range g.brandWays(i, d) {
		var last *Ruling
		var from int32
		held := False
		for k := range l.Rulings {
			c := &l.Rulings[k]
			if c.Party != g.file.Parties[w.party].ID {
				continue
			}
			first, _, err := period(c.From)
			if v := c.holds(d); err == nil && v != False && (last == nil || first >= from) {
				last, from, held = c, first, v
			}
		}
		if last == nil {
			continue
		}
		return last.answer(l, w.path, held)
	}
	a := Answer{Value: False, Because: fmt.Sprintf("No authorisation of %s by %s is known to us as of %s (%s).", g.name(i), l.Authority, g.asOf(), strings.TrimRight(l.Title, "."))}
	a.Path = []Evidence{{Kind: "authorisations", ID: l.ID, From: id, Text: sentence(l.Title + " of " + l.Authority), Ref: l.Ref}}
	a.Certainty = weakest(a.Path)
	return a
}

// answer puts a decision into words. A refusal lets nobody off whenever in its
// month it was decided.
func (d *Ruling) answer(l *Authorisations, way []Evidence, held Value) Answer {
	did, scope := "authorised", ""
	if d.Refused {
		did, held = "refused to authorise", False
	}
	if d.Scope != "" {
		scope = " for " + d.Scope
	}
	text := fmt.Sprintf("%s %s %s%s, %s", l.Authority, did, d.Name, scope, d.From)
	ev := Evidence{Kind: "ruling", ID: d.ID, From: d.Party, Since: d.From, Until: d.Until, Ref: d.Ref, Text: sentence(text)}
	a := Answer{Value: held, Path: append(way[:len(way):len(way)], ev)}
	a.Certainty = weakest(a.Path)
	a.Because = attributed(text, a.Certainty)
	if held == Unknown {
		a.Because += " On which day is not known."
	}
	return a
}
