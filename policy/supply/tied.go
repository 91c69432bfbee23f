package supply

import (
	"fmt"
	"time"
)

// LicenceFrom says whether a party, or somebody whose brand it is, builds under
// licence from a country (ISO 3166-1 alpha-2) or from a party on a day. From a
// country is from a party that is controlled from there; from a party is also
// from one that it controls, or from a name that it uses.
func (g *Graph) LicenceFrom(id, from string, day time.Time) Answer {
	return g.tied(id, LicenceFrom, "licence", from, day)
}

// FirmwareBy says likewise whether a party's firmware or source code is that of
// a party or of one controlled from a country.
func (g *Graph) FirmwareBy(id, from string, day time.Time) Answer {
	return g.tied(id, FirmwareBy, "firmware", from, day)
}

func (g *Graph) tied(id string, kind Kind, what, from string, day time.Time) Answer {
	i, ok := g.party[id]
	if !ok {
		return g.notThere(id)
	}
	d := dayOf(day)
	named, byParty := g.party[from]
	whose := countryName(from)
	if byParty {
		whose = g.name(named)
	} else if !countryCode(from) {
		return Answer{Because: fmt.Sprintf("%q is neither a country nor a party known to us as of %s.", from, g.asOf())}
	}
	var open *Answer
	for _, w := range g.brandWays(i, d) {
		for _, ei := range g.tie[w.party] {
			if g.file.Edges[ei].Kind != kind || !g.inForce(ei, d) {
				continue
			}
			far := Answer{}
			if byParty {
				far = g.isOf(g.to[ei], named, d)
			} else if g.to[ei] >= 0 {
				far = g.controlledFrom(g.to[ei], from, Control, d)
			}
			if far.Value == False {
				continue
			}
			ev := g.edgeEvidence(ei)
			a := Answer{Value: far.Value, Because: ev.Text, Path: append(append(w.path[:len(w.path):len(w.path)], ev), far.Path...)}
			if far.Because != "" {
				a.Because = fmt.Sprintf("%s, and %s", clause(ev.Text), lowerFirst(far.Because))
			}
			a.Certainty = weakest(a.Path)
			if a.Value == True {
				return a
			}
			if open == nil {
				open = &a
			}
		}
	}
	if open != nil {
		return *open
	}
	a := Answer{Value: False, Path: []Evidence{g.partyEvidence(i)},
		Because: fmt.Sprintf("No %s of %s from %s is known to us as of %s.", what, g.name(i), whose, g.asOf())}
	a.Certainty = weakest(a.Path)
	return a
}

// isOf says whether a party is another one, a name that it uses, or controlled
// by it; -1 is somebody who is no party.
func (g *Graph) isOf(p, other, day int32) Answer {
	if p < 0 {
		return Answer{Value: False}
	}
	var a Answer
	a.Value = False
	w := climb{g: g, day: day, seen: g.borrow(), control: true}
	defer g.giveBack(w.seen)
	w.at = func(n int32) bool {
		if n == other {
			a.Value, a.Path = True, w.evidence()
			if len(a.Path) > 0 {
				a.Because = a.Path[len(a.Path)-1].Text
			}
			w.stopped = true
			return false
		}
		if g.traits[n]&unresolved != 0 && a.Value == False {
			u := g.unresolvedEvidence(n)
			a.Value, a.Because, a.Path = Unknown, u.Text, append(w.evidence(), u)
		}
		return true
	}
	w.from(p)
	return a
}

// countryCode says whether s has the form of a country's code.
func countryCode(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}
