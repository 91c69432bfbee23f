package supply

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Control is the share in per cent from which a holder counts as controlling
// where a question names no other threshold.
const Control = 50

// Evidence is one step of an answer's path: a row of the graph, in words and
// with its source.
type Evidence struct {
	Kind  string   `json:"kind"` // party, edge, unresolved, entry, absent, edition, statement
	ID    string   `json:"id"`   // of the row
	Text  string   `json:"text"` // one plain sentence
	From  string   `json:"from,omitempty"`
	To    string   `json:"to,omitempty"`
	Share *float64 `json:"share,omitempty"` // per cent
	Since string   `json:"since,omitempty"`
	Until string   `json:"until,omitempty"`
	Ref
}

// Answer is what the graph says to a question. It never fails: what cannot be
// answered is Unknown, with the reason in Because.
type Answer struct {
	Value     Value      `json:"value"`
	Because   string     `json:"because"`
	Path      []Evidence `json:"path"`
	Share     float64    `json:"share,omitempty"`     // per cent known to be held from the country, for questions on shares
	Certainty string     `json:"certainty,omitempty"` // of the weakest step
	Omitted   int        `json:"omitted,omitempty"`   // steps of an explanation left out of Path, which holds MaxPath at most
}

// MaxPath is how many steps a path of explanation holds. A party held through
// more edges than a person reads has its answer worked out over all of them.
const MaxPath = 256

// Holder is an owner or controller in a chain.
type Holder struct {
	Party   string     `json:"party"`
	Name    string     `json:"name"`
	Country string     `json:"country,omitempty"`
	Share   *float64   `json:"share,omitempty"` // of the direct edge, per cent; nil is not stated
	Path    []Evidence `json:"path"`            // from the party asked about up to this holder
}

// Chain is everything known of who stands behind a party on a day.
type Chain struct {
	Party         Party      `json:"party"`
	Day           string     `json:"day"`
	Owners        []Holder   `json:"owners"`        // direct, largest share first
	Ultimate      []Holder   `json:"ultimate"`      // holders above whom nobody is known
	Controllers   []Holder   `json:"controllers"`   // every holder reached by steps that each control
	Jurisdictions []Evidence `json:"jurisdictions"` // where the party and its controllers are incorporated
	Lists         []Evidence `json:"lists"`         // entries in force naming the party or a controller
	Unresolved    []Evidence `json:"unresolved"`
	Ties          []Evidence `json:"ties"`       // licence, firmware, engineering, product equivalence
	Statements    []Evidence `json:"statements"` // what the party says itself
	Other         []Evidence `json:"other"`      // sales, offers, funding, exchanges
}

// ControlledFrom says whether a party is controlled from a country (ISO
// 3166-1 alpha-2) on a day.
//
// It is, when it is incorporated there and no controlling owner elsewhere is
// known; when a source says that a party so controlled owns or controls it; or
// when the shares held from there, over all paths, reach pct per cent (0 means
// Control). The holding of a party that is itself controlled from the country
// counts in full, that of any other in proportion. It is not, when no such
// owner is known and nothing on the way up is unresolved; the free float of a
// listed company is not held against it. Everything else is Unknown.
func (g *Graph) ControlledFrom(id, country string, pct float64, day time.Time) Answer {
	if pct <= 0 {
		pct = Control
	}
	i, ok := g.party[id]
	if !ok {
		return g.notThere(id)
	}
	return g.controlledFrom(i, country, pct, dayOf(day))
}

func (g *Graph) controlledFrom(i int32, country string, pct float64, day int32) Answer {
	s := g.solve(country, day)
	at := s.of(i)
	a := Answer{Share: at.low, Value: s.controlled(i, pct)}
	switch {
	case at.is(based):
		a.Because = fmt.Sprintf("%s is incorporated in %s.", g.name(i), g.where(i))
		a.Path = []Evidence{g.partyEvidence(i)}
	case a.Value == True:
		return s.explain(i, a)
	case a.Value == Unknown:
		a.Path, a.Because = s.explainOpen(i)
	default:
		a.Because = g.noneKnown(i, country, at.low, pct)
		a.Path = append([]Evidence{g.partyEvidence(i)}, s.ownerEvidence(i)...)
	}
	a.Certainty = weakest(a.Path)
	return a
}

// controlled is the value of ControlledFrom.
func (s *solution) controlled(i int32, pct float64) Value {
	switch at := s.of(i); {
	case at.is(based|stated) || reaches(at.low, pct):
		return True
	case at.is(mayStated) || reaches(at.up, pct):
		return Unknown
	}
	return False
}

// ShareFrom says whether the shares of a party held from a country, over all
// paths, reach pct per cent on a day; Answer.Share is how much is known to be.
//
// The share of a party P that is held from a country is the sum, over the
// holdings of P in force on the day, of the part held times the owner's own
// share from there: along a path the parts are multiplied, and the paths are
// added. A holding of an owner that is itself controlled from there counts in
// full, so 16 % held by a company that is held to 78.7 % counts as 16 %. Two
// rows on one holding count once, as the larger. Where only one of several
// owners can be meant, the least counts. Around a circle the sum is taken to
// its fixed point, from nothing upward: of a company that a second holds to
// 60 %, which it holds to 60 % itself, and that somebody else holds to 30 %,
// that one comes to 30 / (1 − 0.36) = 46.875 %. A company's own shares in itself
// count for nobody. The sum is at most 100 %.
func (g *Graph) ShareFrom(id, country string, pct float64, day time.Time) Answer {
	i, ok := g.party[id]
	if !ok {
		return g.notThere(id)
	}
	s := g.solve(country, dayOf(day))
	at := s.of(i)
	a := Answer{Share: at.low}
	switch {
	case at.is(based):
		a.Value = True
		a.Because = fmt.Sprintf("%s is incorporated in %s, and no controlling owner elsewhere is known.", g.name(i), g.where(i))
		a.Path = []Evidence{g.partyEvidence(i)}
	case reaches(at.low, pct):
		a.Value = True
		return s.explain(i, a)
	case at.is(stated):
		a = s.explain(i, a)
		a.Because += " The share is not stated."
		return a
	case reaches(at.up, pct) || at.is(mayStated):
		a.Path, a.Because = s.explainOpen(i)
	default:
		a.Value = False
		a.Because = g.noneKnown(i, country, at.low, pct)
		a.Path = append([]Evidence{g.partyEvidence(i)}, s.ownerEvidence(i)...)
	}
	a.Certainty = weakest(a.Path)
	return a
}

// OwnerResolved says whether the owners of a party are known all the way up on
// a day: True when every chain ends with a person, a state, a listed company
// or one that its source calls its own ultimate parent; False when a source
// shows that the chain ends in the dark; Unknown when nothing is known above, or
// an owner was first seen later and nobody says who was it before.
func (g *Graph) OwnerResolved(id string, day time.Time) Answer {
	i, ok := g.party[id]
	if !ok {
		return g.notThere(id)
	}
	w := climb{g: g, day: dayOf(day), seen: g.borrow()}
	lit, open := trail{of: g.borrow()}, trail{of: g.borrow()}
	defer g.giveBack(w.seen)
	defer g.giveBack(lit.of)
	defer g.giveBack(open.of)
	var dark []Evidence
	var openNames []string
	opened := 0
	notKnown := func(n int32) {
		open.end(g, w.path, n)
		if opened++; opened <= handful {
			openNames = append(openNames, g.name(n))
		}
	}
	w.at = func(n int32) bool {
		if g.traits[n]&unresolved != 0 {
			// One end in the dark is the answer, whatever the others are.
			dark, w.stopped = append(w.evidence(), g.unresolvedEvidence(n)), true
			return false
		}
		above, alternatives, before := 0, 0, false
		for i := range g.of(n) {
			a := &g.of(n)[i]
			now, maybe := a.holds(w.day)
			if maybe && !now {
				before = true // somebody owned it before that was seen
			}
			if !now {
				continue
			}
			above++
			if a.alt {
				alternatives++
			}
		}
		switch {
		case before:
			notKnown(n)
			return above > 0
		case alternatives > 1:
			dark, w.stopped = append(w.evidence(), g.alternativesEvidence(n, w.day)...), true
			return false
		case above > 0:
			return true
		case g.traits[n]&topmost == 0:
			notKnown(n)
		case opened == 0: // else who is known is not the answer
			lit.end(g, w.path, n)
		}
		return false
	}
	w.from(i)
	var a Answer
	switch {
	case dark != nil:
		a.Value, a.Path, a.Certainty = False, dark, weakest(dark)
		for _, e := range dark {
			if e.Kind == "unresolved" {
				a.Because = e.Text
				break
			}
		}
	case open.steps != nil:
		a.Value = Unknown
		open.evidence(g, &a)
		a.Because = fmt.Sprintf("Who owns %s is not known to us as of %s.", several(openNames, opened), g.asOf())
	default:
		a.Value = True
		lit.evidence(g, &a)
		a.Because = fmt.Sprintf("The owners of %s are known to the top as of %s.", g.name(i), g.asOf())
	}
	return a
}

// handful is how many names a sentence holds.
const handful = 8

// several joins the first names of so many.
func several(names []string, all int) string {
	if n := all - len(names); n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), n)
	}
	return strings.Join(names, " and ")
}

// climb walks from a party up its owners on a day, depth first and in the order
// of the rows, each party once.
type climb struct {
	g       *Graph
	day     int32
	seen    *marks
	control bool               // climb by edges that each control, and none of several alternatives
	at      func(n int32) bool // called at each party; false goes no further up from it
	after   func(n int32)      // where not nil, called when all above a party has been seen
	path    []int32            // arcs from the start to the party in hand
	stopped bool
}

func (w *climb) from(n int32) {
	if w.stopped || !w.seen.add(n) || !w.at(n) {
		return
	}
	for i := w.g.first[n]; i < w.g.first[n+1]; i++ {
		a := &w.g.arcs[i]
		if w.day < a.since || w.day >= a.until || w.control && (!a.controls || a.alt) {
			continue
		}
		w.path = append(w.path, i)
		w.from(a.to)
		w.path = w.path[:len(w.path)-1]
	}
	if w.after != nil && !w.stopped {
		w.after(n)
	}
}

// evidence is the path to the party in hand.
func (w *climb) evidence() []Evidence {
	var out []Evidence
	for _, i := range w.path {
		out = append(out, w.g.edgeEvidence(w.g.arcs[i].edge))
	}
	return out
}

// trail gathers the paths to several ends, each arc once.
type trail struct {
	of    *marks // parties whose way there is in it
	steps []step
}

// step is an arc, or an end at a party.
type step struct {
	arc   int32 // -1 at an end
	party int32
}

// end adds an end, and what is not yet in the trail of the way to it.
func (t *trail) end(g *Graph, path []int32, n int32) {
	// Where the way to a party is in the trail, so is all of it below.
	fresh := len(path)
	for fresh > 0 && t.of.add(g.arcs[path[fresh-1]].to) {
		fresh--
	}
	for _, i := range path[fresh:] {
		t.steps = append(t.steps, step{i, g.arcs[i].to})
	}
	t.steps = append(t.steps, step{-1, n})
}

// evidence puts the trail into the rows of an answer: a party's at each end.
func (t *trail) evidence(g *Graph, a *Answer) {
	a.Path = make([]Evidence, 0, min(len(t.steps), MaxPath))
	for i, s := range t.steps {
		row := &g.file.Parties[s.party].Ref
		if s.arc >= 0 {
			row = &g.file.Edges[g.arcs[s.arc].edge].Ref
		}
		if i == 0 || strength(row.Certainty) < strength(a.Certainty) {
			a.Certainty = row.Certainty
		}
		switch {
		case len(a.Path) == MaxPath:
			a.Omitted++
		case s.arc < 0:
			a.Path = append(a.Path, g.partyEvidence(s.party))
		default:
			a.Path = append(a.Path, g.edgeEvidence(g.arcs[s.arc].edge))
		}
	}
}

// DesignFrom says whether a party's products are designed, developed or kept
// in firmware, wholly or in part, by a party controlled from a country on a
// day: under licence, by shared engineering, as an equivalent product, or
// because the party itself is so controlled. It says nothing of ownership.
func (g *Graph) DesignFrom(id, country string, day time.Time) Answer {
	i, ok := g.party[id]
	if !ok {
		return g.notThere(id)
	}
	d := dayOf(day)
	sol := g.solve(country, d)
	own := sol.controlled(i, Control)
	var found, maybe []Evidence
	var said, with []string
	seen := g.borrow()
	defer g.giveBack(seen)
	var walk func(n int32, path []Evidence)
	walk = func(n int32, path []Evidence) {
		if !seen.add(n) {
			return
		}
		for _, ei := range g.tie[n] {
			if !g.inForce(ei, d) || sol.controlled(g.to[ei], Control) == False {
				continue
			}
			far := g.controlledFrom(g.to[ei], country, Control, d)
			ev := g.edgeEvidence(ei)
			step := append(append(append([]Evidence(nil), path...), ev), far.Path...)
			if far.Value == True {
				found = append(found, step...)
				said = append(said, ev.Text)
				with = append(with, fmt.Sprintf("%s, and %s", clause(ev.Text), lowerFirst(far.Because)))
			} else {
				maybe = append(maybe, step...)
			}
		}
		for _, ei := range g.own[n] {
			if g.file.Edges[ei].Kind == BrandOf && g.inForce(ei, d) {
				walk(g.to[ei], append(path[:len(path):len(path)], g.edgeEvidence(ei)))
			}
		}
	}
	walk(i, nil)
	var a Answer
	switch {
	case own == True && len(found) == 0:
		a = g.controlledFrom(i, country, Control, d)
		a.Because = "The maker itself is controlled from there: " + a.Because
		a.Share = 0
	case len(found) > 0:
		a.Value, a.Path = True, distinct(found)
		a.Because = with[0]
		if n := len(said) - 1; n == 1 {
			a.Because += " One more statement says so."
		} else if n > 1 {
			a.Because += fmt.Sprintf(" %d more statements say so.", n)
		}
		if own != True {
			a.Because += " This shows who does the engineering, not who owns the maker."
		}
	case len(maybe) > 0:
		a.Value, a.Path = Unknown, distinct(maybe)
		a.Because = "It is tied to a maker of which it is not known from where it is controlled: " + maybe[0].Text
	case own == Unknown:
		a = g.controlledFrom(i, country, Control, d)
		a.Share = 0
	default:
		a.Value = False
		a.Path = []Evidence{g.partyEvidence(i)}
		a.Because = fmt.Sprintf("No licence, firmware or engineering tie of %s to a maker controlled from %s is known to us as of %s.", g.name(i), countryName(country), g.asOf())
	}
	a.Certainty = weakest(a.Path)
	return a
}

// ListedOn says whether an official list names a party, or a party that
// controls it, on a day. A list's own id means the edition in force on that
// day; an edition's id means that edition, which must be in force then. An
// edition that was posted and withdrawn never was.
func (g *Graph) ListedOn(id, list string, day time.Time) Answer {
	i, ok := g.party[id]
	if !ok {
		return g.notThere(id)
	}
	d := dayOf(day)
	l, ed, why := g.edition(list, d)
	if ed == nil {
		if l == nil {
			return Answer{Because: why}
		}
		a := Answer{Value: False, Because: why}
		if strings.HasPrefix(why, "No edition") {
			a.Value = Unknown
		}
		return a
	}
	var hit, open []Evidence
	var openWhy string
	misses := trail{of: g.borrow()}
	w := climb{g: g, day: d, seen: g.borrow(), control: true}
	defer g.giveBack(misses.of)
	defer g.giveBack(w.seen)
	keep := func(ev []Evidence, why string) {
		open, openWhy = append(w.evidence(), ev...), why
	}
	w.at = func(n int32) bool {
		said := g.onEdition(l, ed, n, d)
		if said.value() != True && g.traits[n]&unresolved != 0 && open == nil {
			u := g.unresolvedEvidence(n)
			keep([]Evidence{u}, u.Text)
		}
		switch said.value() {
		case True:
			hit = append(w.evidence(), g.saidEvidence(l, ed, n, said))
			w.stopped = true
			return false
		case Unknown:
			if open == nil {
				ev := g.saidEvidence(l, ed, n, said)
				keep([]Evidence{ev}, ev.Text)
			}
		default:
			misses.end(g, w.path, n)
		}
		return true
	}
	w.after = func(n int32) {
		alternatives, listed, last := 0, 0, int32(-1)
		for i := g.first[n]; i < g.first[n+1]; i++ {
			a := &g.arcs[i]
			if !a.alt || !a.controls || d < a.since || d >= a.until {
				continue
			}
			alternatives++
			if g.onEdition(l, ed, a.to, d).value() == True {
				listed++
				last = a.edge
			}
		}
		if listed > 0 && listed == alternatives {
			hit = append(w.evidence(), g.edgeEvidence(last))
		} else if alternatives > 1 && open == nil {
			u := g.alternativesEvidence(n, d)
			keep(u, u[0].Text)
		}
	}
	w.from(i)
	var a Answer
	switch {
	case hit != nil:
		a.Value, a.Path = True, hit
		last := hit[len(hit)-1]
		a.Because = last.Text
		if len(hit) > 1 {
			var steps []string
			for _, e := range hit[:len(hit)-1] {
				steps = append(steps, clause(e.Text))
			}
			a.Because = strings.Join(append(steps, lowerFirst(last.Text)), "; ")
		}
	case open != nil:
		a.Value, a.Path = Unknown, open
		a.Because = openWhy
	default:
		a.Value = False
		whole := false
		for _, s := range misses.steps {
			if len(a.Path) == MaxPath {
				a.Omitted++
				continue
			}
			if s.arc >= 0 {
				a.Path = append(a.Path, g.edgeEvidence(g.arcs[s.arc].edge))
				continue
			}
			said := g.onEdition(l, ed, s.party, d)
			if said.row < 0 { // what the edition as a whole says is one row
				if whole {
					continue
				}
				whole = true
			}
			a.Path = append(a.Path, g.saidEvidence(l, ed, s.party, said))
		}
		a.Because = fmt.Sprintf("%s does not name %s or a party known to control it.", ed.title(l), g.name(i))
	}
	a.Certainty = weakest(a.Path)
	return a
}

// Behind gathers everything known of who stands behind a party on a day. An
// unknown id gives a chain whose Party has no id.
func (g *Graph) Behind(id string, day time.Time) Chain {
	c := Chain{Day: day.UTC().Format(time.DateOnly)}
	i, ok := g.party[id]
	if !ok {
		return c
	}
	c.Party = g.file.Parties[i]
	d := dayOf(day)
	// A step up, with the way to it; what it says is put into words once, and
	// only where somebody is shown it.
	type rung struct {
		n    int32
		by   int32 // arc; -1 at the start
		from int32 // rung
		ctl  bool
		ev   *Evidence
	}
	rungs := []rung{{n: i, by: -1, from: -1, ctl: true}}
	way := func(from int32, last Evidence) []Evidence {
		long := 1
		for k := from; rungs[k].by >= 0; k = rungs[k].from {
			long++
		}
		path := make([]Evidence, long)
		path[long-1] = last
		for k := from; rungs[k].by >= 0; k = rungs[k].from {
			long--
			r := &rungs[k]
			if r.ev == nil {
				ev := g.edgeEvidence(g.arcs[r.by].edge)
				r.ev = &ev
			}
			path[long-1] = *r.ev
		}
		return path
	}
	seen := g.borrow()
	defer g.giveBack(seen)
	seen.add(i)
	for k := int32(0); k < int32(len(rungs)); k++ {
		s := rungs[k]
		if s.ctl {
			if g.code[s.n] >= 0 {
				c.Jurisdictions = append(c.Jurisdictions, g.partyEvidence(s.n))
			}
			c.Lists = append(c.Lists, g.entries(s.n, d)...)
		}
		if g.traits[s.n]&unresolved != 0 {
			c.Unresolved = append(c.Unresolved, g.unresolvedEvidence(s.n))
		}
		above := 0
		for ai := g.first[s.n]; ai < g.first[s.n+1]; ai++ {
			a := &g.arcs[ai]
			if d < a.since || d >= a.until {
				continue
			}
			above++
			ctl := s.ctl && a.controls
			if ctl || k == 0 {
				to := &g.file.Parties[a.to]
				h := Holder{Party: to.ID, Name: to.Name, Country: to.Country, Share: g.file.Edges[a.edge].Share, Path: way(k, g.edgeEvidence(a.edge))}
				if k == 0 {
					c.Owners = append(c.Owners, h)
				}
				if ctl {
					c.Controllers = append(c.Controllers, h)
				}
			}
			if seen.add(a.to) {
				rungs = append(rungs, rung{n: a.to, by: ai, from: k, ctl: ctl})
			}
		}
		if above == 0 && k > 0 {
			p := &g.file.Parties[s.n]
			c.Ultimate = append(c.Ultimate, Holder{Party: p.ID, Name: p.Name, Country: p.Country, Path: way(s.from, g.edgeEvidence(g.arcs[s.by].edge))})
		}
	}
	slices.SortStableFunc(c.Owners, func(a, b Holder) int { return cmp.Compare(share(b.Share), share(a.Share)) })
	for _, ei := range g.tie[i] {
		if g.inForce(ei, d) {
			c.Ties = append(c.Ties, g.edgeEvidence(ei))
		}
	}
	for _, ei := range g.other[i] {
		if !g.inForce(ei, d) {
			continue
		}
		switch g.file.Edges[ei].Kind {
		case CounterStatement:
			c.Statements = append(c.Statements, g.edgeEvidence(ei))
		case IdentifiedBy:
		default:
			c.Other = append(c.Other, g.edgeEvidence(ei))
		}
	}
	return c
}

// weight orders rows on one holding: a stated control above any share.
func (e *Edge) weight() float64 {
	w := 0.0
	if e.Share != nil {
		w = *e.Share
	}
	if e.Kind == BrandOf {
		w = 100
	}
	if e.Controlling || e.Kind == ControlledBy {
		w += 1000
	}
	return w
}

// controls says whether an edge by itself makes its To a controller of From.
func (e *Edge) controls() bool {
	return e.Controlling || e.Kind == BrandOf || e.Kind == ControlledBy || e.Share != nil && *e.Share >= Control
}

func (g *Graph) inForce(ei, day int32) bool {
	s := g.span[ei]
	return day >= s.since && day < s.until
}

// explain completes an answer with the edges that carry what is known to be
// held from the country, up to the parties incorporated there, and a sentence.
func (s *solution) explain(p int32, a Answer) Answer {
	g := s.g
	seen := g.borrow()
	defer g.giveBack(seen)
	weak := ""
	fits := func(certainty string) bool {
		if len(a.Path) == 0 || strength(certainty) < strength(weak) {
			weak = certainty
		}
		if len(a.Path) == MaxPath {
			a.Omitted++
			return false
		}
		return true
	}
	var carried []int32 // of every party on the way, one after the other
	var walk func(p int32)
	walk = func(p int32) {
		if !seen.add(p) {
			return
		}
		if s.top(p) {
			if fits(g.file.Parties[p].Certainty) {
				a.Path = append(a.Path, g.partyEvidence(p))
			}
			return
		}
		from := len(carried)
		if len(a.Path) < MaxPath {
			carried = s.carrying(carried, p)
		} else {
			carried = s.carriers(carried, p) // what is only counted is not put in order
		}
		for k := from; k < len(carried); k++ {
			ei := carried[k]
			if fits(g.file.Edges[ei].Certainty) {
				a.Path = append(a.Path, g.edgeEvidence(ei))
			}
			walk(g.to[ei])
		}
		carried = carried[:from]
	}
	walk(p)
	a.Certainty = weak
	var words []string
	visited := g.borrow()
	defer g.giveBack(visited)
	for at := p; ; {
		if s.top(at) {
			words = append(words, "which is incorporated in "+g.where(at))
			if k := g.file.Parties[at].Kind; k == "person" || k == "state" {
				words[len(words)-1] = "of " + g.where(at)
			}
			break
		}
		ce := s.carrying(carried[:0], at)
		if len(ce) != 1 || !visited.add(at) {
			words = nil
			break
		}
		e := &g.file.Edges[ce[0]]
		lead := "which is"
		if at == p {
			lead = g.name(p) + " is"
		}
		words = append(words, lead+" "+e.words()+" "+g.name(g.to[ce[0]]))
		at = g.to[ce[0]]
	}
	if words != nil {
		a.Because = attributed(strings.Join(words, ", "), weak)
		return a
	}
	var parts []string
	for _, ei := range s.carrying(carried[:0], p) {
		e := &g.file.Edges[ei]
		to := &s.at[g.to[ei]]
		switch {
		case e.Share == nil:
			parts = append(parts, g.name(g.to[ei]))
		case to.is(ctrl):
			parts = append(parts, fmt.Sprintf("%s %s", g.name(g.to[ei]), percent(*e.Share)))
		default:
			parts = append(parts, fmt.Sprintf("%s %s, itself held to %s from there", g.name(g.to[ei]), percent(*e.Share), percent(to.low)))
		}
	}
	a.Because = attributed(fmt.Sprintf("%s of %s is known to be held from %s: %s", percent(s.at[p].low), g.name(p), countryName(s.country), strings.Join(parts, "; ")), weak)
	return a
}

// top says that an explanation ends at a party: it is incorporated in the
// country itself, or in a territory of it with nobody known above.
func (s *solution) top(p int32) bool {
	return s.at[p].is(based) && (s.g.file.Parties[p].Country == s.country || len(s.carriers(nil, p)) == 0)
}

// carrying appends the edges of a party through which something is known to be
// held from the country, largest first.
func (s *solution) carrying(es []int32, p int32) []int32 {
	from := len(es)
	es = s.carriers(es, p)
	slices.SortStableFunc(es[from:], func(a, b int32) int {
		return cmp.Compare(share(s.g.file.Edges[b].Share), share(s.g.file.Edges[a].Share))
	})
	return es
}

// carriers appends the same edges in the order of the rows.
func (s *solution) carriers(es []int32, p int32) []int32 {
	for i, end := s.g.first[p], s.g.first[p+1]; i < end; i++ {
		a := &s.g.arcs[i]
		if s.day < a.since || s.day >= a.until {
			continue
		}
		if o := &s.at[a.to]; (o.is(ctrl) || o.low > 0) && !s.repeated(a) {
			es = append(es, a.edge)
		}
	}
	return es
}

// explainOpen returns the way to what keeps the question open.
func (s *solution) explainOpen(p int32) ([]Evidence, string) {
	g := s.g
	seen := g.borrow()
	defer g.giveBack(seen)
	var way []int32 // edges
	var end []Evidence
	var find func(p int32) bool
	find = func(p int32) bool {
		if !seen.add(p) {
			return false
		}
		party := &g.file.Parties[p]
		if party.Unresolved != "" {
			end = []Evidence{g.unresolvedEvidence(p)}
			return true
		}
		above, alts := 0, 0
		for i := range g.of(p) {
			a := &g.of(p)[i]
			if s.day >= a.since && s.day < a.until {
				above++
				if a.alt {
					alts++
				}
			} else if a.seen && s.day < a.since {
				ev := g.edgeEvidence(a.edge)
				ev.Text = fmt.Sprintf("%s That was seen on %s; who owned %s before is not known to us.", ev.Text, ev.Since, party.Name)
				end = []Evidence{ev}
				return true
			}
		}
		if alts > 1 {
			u := g.alternativesEvidence(p, s.day)
			end = append(u[1:], u[0])
			return true
		}
		if above == 0 && party.Country == "" {
			ev := g.partyEvidence(p)
			ev.Text = fmt.Sprintf("Where %s is incorporated and who owns it is not known to us.", party.Name)
			end = []Evidence{ev}
			return true
		}
		for i := range g.of(p) {
			a := &g.of(p)[i]
			o := &s.at[a.to]
			if s.day < a.since || s.day >= a.until || o.up <= o.low && o.is(mayCtrl) == o.is(ctrl) {
				continue
			}
			way = append(way, a.edge)
			if find(a.to) {
				return true
			}
			way = way[:len(way)-1]
		}
		return false
	}
	if !find(p) {
		return []Evidence{g.partyEvidence(p)}, fmt.Sprintf("Who controls %s is not known to us as of %s.", g.name(p), g.asOf())
	}
	path := make([]Evidence, 0, len(way)+len(end))
	for _, ei := range way {
		path = append(path, g.edgeEvidence(ei))
	}
	path = append(path, end...)
	last := path[len(path)-1].Text
	var steps []string
	for _, e := range path[:len(path)-1] {
		if !strings.Contains(e.Text, " is possibly a name of ") {
			steps = append(steps, clause(e.Text))
		}
	}
	if len(steps) == 0 {
		return path, last
	}
	return path, strings.Join(steps, "; ") + ". " + last
}

func (s *solution) ownerEvidence(p int32) []Evidence {
	var out []Evidence
	for i := range s.g.of(p) {
		if a := &s.g.of(p)[i]; s.day >= a.since && s.day < a.until {
			out = append(out, s.g.edgeEvidence(a.edge))
		}
	}
	return out
}

// edition finds the edition meant by a list's or an edition's id; why says
// what is wrong where there is none.
func (g *Graph) edition(id string, day int32) (_ *List, _ *rollEdition, why string) {
	at, ok := g.rollOf[id]
	want := ""
	if !ok {
		of, ok := g.ofList[id]
		if !ok {
			return nil, nil, fmt.Sprintf("The list %q is not among those held.", id)
		}
		at, want = g.rollOf[of], id
	}
	r := &g.rolls[at]
	before := true
	for i := range r.editions {
		ed := &r.editions[i]
		if want != "" && ed.ID != want {
			continue
		}
		if ed.Withdrawn {
			if want != "" {
				return r.list, nil, fmt.Sprintf("%s was posted on %s and withdrawn; it was never in force.", ed.ID, ed.From)
			}
			continue
		}
		if day >= ed.since {
			before = false
			if day < ed.until {
				return r.list, ed, ""
			}
		}
	}
	if want != "" {
		return r.list, nil, fmt.Sprintf("The edition %s was not in force on that day.", want)
	}
	if before {
		return r.list, nil, fmt.Sprintf("No edition of %s is held for that day.", lowerFirst(r.list.Title))
	}
	return r.list, nil, fmt.Sprintf("%s had no edition in force on that day.", r.list.Title)
}

// said is what an edition says of a party by itself.
type said struct {
	how reading
	row int32 // of the entry or of the statement of absence; -1 where the edition as a whole says it
}

type reading uint8

const (
	saidNothing  reading = iota // not all entries are held
	saidNamed                   // an entry names it
	saidAbsent                  // a source says that it is not on it
	saidComplete                // all entries are held, and none names it
	saidKind                    // it is no entity that the list could name
	saidSeat                    // it is incorporated where the list names nobody
	saidOwner                   // nobody from where the list names companies is known to own it
)

func (s said) value() Value {
	switch s.how {
	case saidNothing:
		return Unknown
	case saidNamed:
		return True
	case saidAbsent, saidComplete, saidKind, saidSeat, saidOwner:
	}
	return False
}

// onEdition says whether an edition names one party, by itself.
func (g *Graph) onEdition(l *List, ed *rollEdition, n, day int32) said {
	for _, en := range ed.entries[n] {
		if day >= en.since && day < en.until {
			return said{saidNamed, en.at}
		}
	}
	if at, ok := ed.absent[n]; ok {
		return said{saidAbsent, at}
	}
	p := &g.file.Parties[n]
	switch {
	case ed.Complete:
		return said{saidComplete, -1}
	case p.Kind == "person" || p.Kind == "brand" || p.Kind == "state":
		return said{saidKind, -1}
	case l.Country != "" && p.Country != "" && !g.covers(l.Country, p.Country):
		return said{saidSeat, -1}
	case l.Country != "" && p.Country == "" && g.solve(l.Country, day).controlled(n, Control) == False:
		return said{saidOwner, -1}
	}
	return said{saidNothing, -1}
}

// saidEvidence puts what an edition says of a party into a row.
func (g *Graph) saidEvidence(l *List, ed *rollEdition, n int32, s said) Evidence {
	p := &g.file.Parties[n]
	ev := Evidence{Kind: "edition", ID: ed.ID, From: p.ID, Ref: ed.Ref}
	switch s.how {
	case saidNamed:
		return g.entryEvidence(l, ed.Edition, &ed.Entries[s.row], n)
	case saidAbsent:
		ev.Kind, ev.ID, ev.Ref = "absent", ed.ID+"/"+p.ID, ed.Absent[s.row].Ref
		ev.Text = sentence(fmt.Sprintf("%s does not name %s", ed.title(l), p.Name))
	case saidComplete:
		ev.Text = sentence(fmt.Sprintf("%s does not name %s", ed.title(l), p.Name))
	case saidKind:
		ev.Text = fmt.Sprintf("%s names entities; %s is a %s.", ed.title(l), p.Name, p.Kind)
	case saidSeat:
		ev.Text = fmt.Sprintf("%s names companies of %s; %s is incorporated in %s.", ed.title(l), countryName(l.Country), p.Name, countryName(p.Country))
	case saidOwner:
		ev.Text = fmt.Sprintf("%s names companies of %s, from where no owner of %s is known.", ed.title(l), countryName(l.Country), p.Name)
	case saidNothing:
		ev.Text = sentence(fmt.Sprintf("Not all entries of %s are held, and none of those held names %s", lowerFirst(ed.title(l)), p.Name))
	}
	return ev
}

// entries returns the entries in force that name one party, on every list.
func (g *Graph) entries(n, day int32) []Evidence {
	var out []Evidence
	for i := range g.rolls {
		r := &g.rolls[i]
		for j := range r.editions {
			ed := &r.editions[j]
			if ed.Withdrawn || day < ed.since || day >= ed.until {
				continue
			}
			for _, en := range ed.entries[n] {
				if day >= en.since && day < en.until {
					out = append(out, g.entryEvidence(r.list, ed.Edition, &ed.Entries[en.at], n))
				}
			}
			break
		}
	}
	return out
}

func (ed *Edition) title(l *List) string {
	return fmt.Sprintf("%s, edition of %s,", l.Title, ed.From)
}

func (g *Graph) entryEvidence(l *List, ed *Edition, en *Entry, n int32) Evidence {
	return Evidence{Kind: "entry", ID: ed.ID + "/" + g.file.Parties[n].ID, From: g.file.Parties[n].ID, Since: ed.From, Until: ed.Until, Ref: en.Ref,
		Text: sentence(fmt.Sprintf("%s names %s", ed.title(l), g.name(n)))}
}

func (g *Graph) edgeEvidence(ei int32) Evidence {
	e := &g.file.Edges[ei]
	kind := "edge"
	if e.Kind == CounterStatement {
		kind = "statement"
	}
	far := e.ToText
	if g.to[ei] >= 0 {
		far = g.name(g.to[ei])
	}
	near := g.name(g.party[e.From])
	var text string
	switch e.Kind {
	case CounterStatement:
		text = fmt.Sprintf("%s: “%s”", near, e.Quote)
	case OwnedBy, ControlledBy, BrandOf:
		var room [256]byte
		b := append(append(room[:0], near...), " is "...)
		b = append(append(e.appendWords(b), ' '), strings.TrimRight(far, ".")...)
		text = string(append(b, '.'))
	case LicenceFrom:
		text = fmt.Sprintf("%s builds under licence from %s", near, far)
	case FirmwareBy:
		text = fmt.Sprintf("firmware of %s comes from %s", near, far)
	case EngineeringShared:
		text = fmt.Sprintf("people of %s did engineering on products of %s", far, near)
	case ProductEquivalent:
		text = fmt.Sprintf("products of %s are said to be those of %s", near, far)
	case SoldTo:
		text = fmt.Sprintf("%s sold a business to %s", near, far)
	case OfferBy:
		text = fmt.Sprintf("%s offered to buy %s", far, near)
	case FundedBy:
		text = fmt.Sprintf("%s was funded by %s", near, far)
	case TradedOn:
		text = fmt.Sprintf("shares of %s trade on %s", near, far)
	case IdentifiedBy:
		text = fmt.Sprintf("devices of %s enumerate as %s", near, far)
	default:
		// The source data's word for the relation, as words.
		word, remark, _ := strings.Cut(e.Relation, " ")
		text = strings.TrimSpace(fmt.Sprintf("%s: %s %s", near, strings.TrimSpace(strings.ReplaceAll(word, "_", " ")+" "+remark), far))
	}
	if e.Kind != CounterStatement && !strings.HasSuffix(text, ".") {
		text += "."
	}
	return Evidence{Kind: kind, ID: e.ID, Text: upperFirst(text), From: e.From, To: e.To, Share: e.Share, Since: e.Since, Until: e.Until, Ref: e.Ref}
}

// words says an ownership edge between "is" and the owner's name.
func (e *Edge) words() string { return string(e.appendWords(nil)) }

// appendWords appends words. Long explanations say them of thousands of edges.
func (e *Edge) appendWords(b []byte) []byte {
	switch {
	case e.Kind == BrandOf && e.Alternative:
		return append(b, "possibly a name of"...)
	case e.Kind == BrandOf:
		return append(b, "a brand of"...)
	case e.Kind == ControlledBy && e.Share != nil:
		return append(appendPercent(append(b, "controlled ("...), *e.Share), ") by"...)
	case e.Kind == ControlledBy:
		return append(b, "controlled by"...)
	case e.Share == nil:
		return append(b, "owned by"...)
	case *e.Share == 100:
		return append(b, "wholly owned by"...)
	}
	return append(appendPercent(append(b, "owned to "...), *e.Share), " by"...)
}

func (g *Graph) partyEvidence(n int32) Evidence {
	p := &g.file.Parties[n]
	ev := Evidence{Kind: "party", ID: p.ID, From: p.ID, Ref: p.Ref}
	switch {
	case p.Country == "":
		ev.Text = fmt.Sprintf("Where %s is incorporated is not known to us.", p.Name)
	case p.Kind == "person" || p.Kind == "state":
		ev.Text = fmt.Sprintf("%s is of %s.", p.Name, countryName(p.Country))
	default:
		ev.Text = fmt.Sprintf("%s is incorporated in %s.", p.Name, countryName(p.Country))
	}
	return ev
}

func (g *Graph) unresolvedEvidence(n int32) Evidence {
	p := &g.file.Parties[n]
	return Evidence{Kind: "unresolved", ID: p.ID, From: p.ID, Ref: p.Ref,
		Text: fmt.Sprintf("Who stands behind %s is unresolved: %s.", p.Name, strings.TrimRight(p.Unresolved, "."))}
}

func (g *Graph) alternativesEvidence(n, day int32) []Evidence {
	var names []string
	out := []Evidence{{Kind: "unresolved", ID: g.file.Parties[n].ID, From: g.file.Parties[n].ID, Ref: g.file.Parties[n].Ref}}
	for _, ei := range g.own[n] {
		if e := &g.file.Edges[ei]; e.Alternative && g.inForce(ei, day) {
			names = append(names, g.name(g.to[ei]))
			out = append(out, g.edgeEvidence(ei))
		}
	}
	out[0].Text = fmt.Sprintf("The name %s is used by more than one company (%s); which one is meant is unresolved.", g.name(n), strings.Join(names, "; "))
	return out
}

func (g *Graph) notThere(id string) Answer {
	return Answer{Because: fmt.Sprintf("No party %q is known to us as of %s.", id, g.asOf())}
}

// asOf is the day of the edition, for a sentence.
func (g *Graph) asOf() string {
	if d := g.Date(); !d.IsZero() {
		return d.Format(time.DateOnly)
	}
	return "edition " + g.file.Edition
}

func (g *Graph) noneKnown(i int32, country string, low, pct float64) string {
	where := ""
	if c := g.file.Parties[i].Country; c != "" {
		where = fmt.Sprintf(" (incorporated in %s)", countryName(c))
	}
	if low > 0 {
		return fmt.Sprintf("%s of %s%s is known to be held from %s, less than %s, and no controlling owner from there is known to us as of %s.",
			below(low, pct), g.name(i), where, countryName(country), asked(pct), g.asOf())
	}
	return fmt.Sprintf("No owner of %s%s from %s is known to us as of %s.", g.name(i), where, countryName(country), g.asOf())
}

func (g *Graph) name(n int32) string  { return g.file.Parties[n].Name }
func (g *Graph) where(n int32) string { return countryName(g.file.Parties[n].Country) }

// attributed ends a sentence with the certainty it rests on, where that is
// less than an official or reviewed source.
func attributed(s, certainty string) string {
	switch certainty {
	case "press":
		return s + ", as the press reports."
	case "secondary":
		return s + ", according to a secondary source."
	}
	return sentence(s)
}

// strength orders certainties, weakest first.
func strength(certainty string) int {
	switch certainty {
	case "secondary":
		return 1
	case "press":
		return 2
	case "reviewed":
		return 3
	case "official":
		return 4
	}
	return 0
}

func weakest(path []Evidence) string {
	if len(path) == 0 {
		return ""
	}
	w := path[0].Certainty
	for _, e := range path[1:] {
		if strength(e.Certainty) < strength(w) {
			w = e.Certainty
		}
	}
	return w
}

// distinct keeps the first of rows that are the same.
func distinct(path []Evidence) []Evidence {
	type row struct{ kind, id string }
	out := path[:0:0]
	if len(path) <= 16 {
		for _, e := range path {
			if !slices.ContainsFunc(out, func(o Evidence) bool { return o.Kind == e.Kind && o.ID == e.ID }) {
				out = append(out, e)
			}
		}
		return out
	}
	seen := make(map[row]bool, len(path))
	for _, e := range path {
		if k := (row{e.Kind, e.ID}); !seen[k] {
			seen[k] = true
			out = append(out, e)
		}
	}
	return out
}

func share(s *float64) float64 {
	if s == nil {
		return Control
	}
	return *s
}

// percent writes a share to two decimals; one that is less than shows there to
// its first two digits.
func percent(v float64) string { return string(appendPercent(nil, v)) }

func appendPercent(b []byte, v float64) []byte {
	digits := math.Round(v*100) / 100
	if digits == 0 && v != 0 {
		digits, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64)
	}
	return append(strconv.AppendFloat(b, digits, 'f', -1, 64), " %"...)
}

// asked writes a threshold as it was given.
func asked(pct float64) string { return strconv.FormatFloat(pct, 'f', -1, 64) + " %" }

// below writes a share beside a threshold that it does not reach, as exactly as
// it takes to read less.
func below(share, pct float64) string {
	s := percent(share)
	for digits := 3; s == percent(pct) && digits < 12; digits++ {
		s = strconv.FormatFloat(share, 'f', digits, 64) + " %"
	}
	return s
}

// sentence ends a text with one full stop, also where a company's name ends
// with one.
func sentence(s string) string { return strings.TrimRight(s, ".") + "." }

// clause takes the full stop off a sentence, unless it belongs to a company's
// name.
func clause(s string) string {
	for _, abbreviation := range []string{"Ltd.", "Inc.", "Co.", "r.l.", "S.A."} {
		if strings.HasSuffix(s, abbreviation) {
			return s
		}
	}
	return strings.TrimSuffix(s, ".")
}

func lowerFirst(s string) string {
	if strings.HasPrefix(s, "Who ") || strings.HasPrefix(s, "The ") {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

func upperFirst(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' && (strings.HasPrefix(s, "people ") || strings.HasPrefix(s, "shares ") ||
		strings.HasPrefix(s, "devices ") || strings.HasPrefix(s, "firmware ") || strings.HasPrefix(s, "products ")) {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// countryName gives the English short name of the countries that occur, else
// the code itself.
func countryName(code string) string {
	if n, ok := countries[code]; ok {
		return n
	}
	return code
}

var countries = map[string]string{
	"AT": "Austria", "BE": "Belgium", "CA": "Canada", "CH": "Switzerland", "CN": "China", "CZ": "Czechia", "DE": "Germany",
	"ES": "Spain", "FR": "France", "GB": "the United Kingdom", "HK": "Hong Kong", "IE": "Ireland", "IL": "Israel", "IM": "the Isle of Man",
	"IN": "India", "IR": "Iran", "IT": "Italy", "JP": "Japan", "KP": "North Korea", "KR": "South Korea", "KY": "the Cayman Islands",
	"LU": "Luxembourg", "MO": "Macao", "NL": "the Netherlands", "NO": "Norway", "PL": "Poland", "RU": "Russia", "SE": "Sweden",
	"SG": "Singapore", "TW": "Taiwan", "US": "the United States", "ZA": "South Africa", "LT": "Lithuania",
}
