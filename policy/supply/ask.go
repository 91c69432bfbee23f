package supply

import (
	"fmt"
	"math"
	"sort"
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
}

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
	s := g.solve(i, country, day)
	a := Answer{Share: s.low[0]}
	name := g.name(i)
	switch {
	case s.base[0]:
		a.Value = True
		a.Because = fmt.Sprintf("%s is incorporated in %s.", name, g.where(i))
		a.Path = []Evidence{g.partyEvidence(i)}
	case s.stated[0] || s.low[0] >= pct:
		a.Value = True
		a.Path, a.Because = s.explain(0)
	case s.upStated[0] || s.up[0] >= pct:
		a.Value = Unknown
		a.Path, a.Because = s.explainOpen(0)
	default:
		a.Value = False
		a.Because = g.noneKnown(i, country, s.low[0], pct)
		a.Path = append([]Evidence{g.partyEvidence(i)}, s.ownerEvidence(0)...)
	}
	a.Certainty = weakest(a.Path)
	return a
}

// ShareFrom says whether the shares of a party held from a country, over all
// paths, reach pct per cent on a day; Answer.Share is how much is known to be.
func (g *Graph) ShareFrom(id, country string, pct float64, day time.Time) Answer {
	i, ok := g.party[id]
	if !ok {
		return g.notThere(id)
	}
	s := g.solve(i, country, dayOf(day))
	a := Answer{Share: s.low[0]}
	switch {
	case s.base[0]:
		a.Value = True
		a.Because = fmt.Sprintf("%s is incorporated in %s, and no controlling owner elsewhere is known.", g.name(i), g.where(i))
		a.Path = []Evidence{g.partyEvidence(i)}
	case s.low[0] >= pct:
		a.Value = True
		a.Path, a.Because = s.explain(0)
	case s.stated[0]:
		a.Value = Unknown
		var why string
		a.Path, why = s.explain(0)
		a.Because = why + " The share is not stated."
	case s.up[0] >= pct || s.upStated[0]:
		a.Value = Unknown
		a.Path, a.Because = s.explainOpen(0)
	default:
		a.Value = False
		a.Because = g.noneKnown(i, country, s.low[0], pct)
		a.Path = append([]Evidence{g.partyEvidence(i)}, s.ownerEvidence(0)...)
	}
	a.Certainty = weakest(a.Path)
	return a
}

// OwnerResolved says whether the owners of a party are known all the way up on
// a day: True when every chain ends with a person, a state, a listed company
// or one that its source calls its own ultimate parent; False when a source
// shows that the chain ends in the dark; Unknown when nothing is known above.
func (g *Graph) OwnerResolved(id string, day time.Time) Answer {
	i, ok := g.party[id]
	if !ok {
		return g.notThere(id)
	}
	d := dayOf(day)
	var dark, open, lit []Evidence
	var openNames []string
	var why string
	seen := map[int32]bool{}
	var walk func(n int32, path []Evidence)
	walk = func(n int32, path []Evidence) {
		if seen[n] {
			return
		}
		seen[n] = true
		p := &g.file.Parties[n]
		if p.Unresolved != "" {
			if dark == nil {
				u := g.unresolvedEvidence(n)
				dark, why = append(append([]Evidence(nil), path...), u), u.Text
			}
			return
		}
		above, alternatives := 0, 0
		for _, ei := range g.own[n] {
			if !g.inForce(ei, d) {
				continue
			}
			above++
			if g.file.Edges[ei].Alternative {
				alternatives++
			}
		}
		if alternatives > 1 && dark == nil {
			u := g.alternativesEvidence(n, d)
			dark, why = append(append([]Evidence(nil), path...), u...), u[0].Text
			return
		}
		if above == 0 {
			ev := g.partyEvidence(n)
			if p.Kind == "person" || p.Kind == "state" || p.Listed != "" || p.Ultimate {
				lit = append(append(lit, path...), ev)
			} else {
				open = append(append(open, path...), ev)
				openNames = append(openNames, p.Name)
			}
			return
		}
		for _, ei := range g.own[n] {
			if g.inForce(ei, d) {
				walk(g.to[ei], append(path[:len(path):len(path)], g.edgeEvidence(ei)))
			}
		}
	}
	walk(i, nil)
	var a Answer
	switch {
	case dark != nil:
		a.Value, a.Path = False, dark
		a.Because = why
	case open != nil:
		a.Value, a.Path = Unknown, open
		a.Because = fmt.Sprintf("Who owns %s is not known to us as of %s.", strings.Join(openNames, " and "), g.asOf())
	default:
		a.Value, a.Path = True, lit
		a.Because = fmt.Sprintf("The owners of %s are known to the top as of %s.", g.name(i), g.asOf())
	}
	a.Path = distinct(a.Path)
	a.Certainty = weakest(a.Path)
	return a
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
	own := g.controlledFrom(i, country, Control, d)
	var found, maybe []Evidence
	var said, with []string
	seen := map[int32]bool{}
	var walk func(n int32, path []Evidence)
	walk = func(n int32, path []Evidence) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, ei := range g.tie[n] {
			if !g.inForce(ei, d) {
				continue
			}
			far := g.controlledFrom(g.to[ei], country, Control, d)
			ev := g.edgeEvidence(ei)
			step := append(append(append([]Evidence(nil), path...), ev), far.Path...)
			switch far.Value {
			case True:
				found = append(found, step...)
				said = append(said, ev.Text)
				with = append(with, fmt.Sprintf("%s, and %s", clause(ev.Text), lowerFirst(far.Because)))
			case Unknown:
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
	case own.Value == True && len(found) == 0:
		a = own
		a.Because = "The maker itself is controlled from there: " + own.Because
		a.Share = 0
	case len(found) > 0:
		a.Value, a.Path = True, distinct(found)
		a.Because = with[0]
		if n := len(said) - 1; n == 1 {
			a.Because += " One more statement says so."
		} else if n > 1 {
			a.Because += fmt.Sprintf(" %d more statements say so.", n)
		}
		if own.Value != True {
			a.Because += " This shows who does the engineering, not who owns the maker."
		}
	case len(maybe) > 0:
		a.Value, a.Path = Unknown, distinct(maybe)
		a.Because = "It is tied to a maker of which it is not known from where it is controlled: " + maybe[0].Text
	case own.Value == Unknown:
		a = own
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
	var hit, miss, open []Evidence
	var openWhy string
	seen := map[int32]bool{}
	var walk func(n int32, path []Evidence)
	walk = func(n int32, path []Evidence) {
		if seen[n] || hit != nil {
			return
		}
		seen[n] = true
		v, ev := g.onEdition(l, ed, n, d)
		path = path[:len(path):len(path)]
		if p := &g.file.Parties[n]; v != True && p.Unresolved != "" && open == nil {
			u := g.unresolvedEvidence(n)
			open, openWhy = append(path, u), u.Text
		}
		switch v {
		case True:
			hit = append(path, ev)
			return
		case Unknown:
			if open == nil {
				open = append(append([]Evidence(nil), path...), ev)
				openWhy = ev.Text
			}
		default:
			miss = append(append(miss, path...), ev)
		}
		alternatives, listed := 0, 0
		var altPath []Evidence
		for _, ei := range g.own[n] {
			e := &g.file.Edges[ei]
			if !g.inForce(ei, d) || !e.controls() {
				continue
			}
			if e.Alternative {
				alternatives++
				if v, _ := g.onEdition(l, ed, g.to[ei], d); v == True {
					listed++
					altPath = append(append([]Evidence(nil), path...), g.edgeEvidence(ei))
				}
				continue
			}
			walk(g.to[ei], append(path, g.edgeEvidence(ei)))
		}
		if listed > 0 && listed == alternatives {
			hit = altPath
		} else if alternatives > 1 && open == nil {
			u := g.alternativesEvidence(n, d)
			open = append(append([]Evidence(nil), path...), u...)
			openWhy = u[0].Text
		}
	}
	walk(i, nil)
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
		a.Value, a.Path = False, distinct(miss)
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
	type step struct {
		n    int32
		path []Evidence
		ctl  bool
	}
	seen := map[int32]bool{i: true}
	queue := []step{{i, nil, true}}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		p := &g.file.Parties[s.n]
		if s.ctl {
			if p.Country != "" {
				c.Jurisdictions = append(c.Jurisdictions, g.partyEvidence(s.n))
			}
			c.Lists = append(c.Lists, g.entries(s.n, d)...)
		}
		if p.Unresolved != "" {
			c.Unresolved = append(c.Unresolved, g.unresolvedEvidence(s.n))
		}
		above := 0
		for _, ei := range g.own[s.n] {
			if !g.inForce(ei, d) {
				continue
			}
			above++
			e := &g.file.Edges[ei]
			ev := g.edgeEvidence(ei)
			to := &g.file.Parties[g.to[ei]]
			path := append(s.path[:len(s.path):len(s.path)], ev)
			h := Holder{Party: to.ID, Name: to.Name, Country: to.Country, Share: e.Share, Path: path}
			if s.n == i {
				c.Owners = append(c.Owners, h)
			}
			ctl := s.ctl && e.controls()
			if ctl {
				c.Controllers = append(c.Controllers, h)
			}
			if !seen[g.to[ei]] {
				seen[g.to[ei]] = true
				queue = append(queue, step{g.to[ei], path, ctl})
			}
		}
		if above == 0 && s.n != i {
			c.Ultimate = append(c.Ultimate, Holder{Party: p.ID, Name: p.Name, Country: p.Country, Path: s.path})
		}
	}
	sort.SliceStable(c.Owners, func(a, b int) bool { return share(c.Owners[a].Share) > share(c.Owners[b].Share) })
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

// solution holds, for a party and everything above it, what is known to be
// held from one country on one day, and what might be.
type solution struct {
	g        *Graph
	day      int32
	country  string
	node     []int32
	at       map[int32]int32
	base     []bool    // incorporated in the country, no controlling owner elsewhere
	low, up  []float64 // per cent known to be, and that might be, held from there
	ctrl     []bool    // known to be controlled from there at Control
	upCtrl   []bool
	stated   []bool // control is stated by an edge, whatever the shares
	upStated []bool
	arcs     [][]arc // of each node, one for each holding
}

// arc is a holding between two nodes of a solution.
type arc struct {
	e   *Edge
	o   int32 // node of the owner
	now bool  // in force; else first seen later, so that it may have been in force
}

// maxRounds bounds the fixed point over circular holdings; each round brings
// the shares of a cycle closer by a constant factor. Without a cycle owners
// come before what they own, and one round is enough.
const maxRounds = 5000

func (g *Graph) solve(start int32, country string, day int32) *solution {
	s := &solution{g: g, day: day, country: country, at: map[int32]int32{}}
	var order []int32 // owners first
	done := []bool{}
	circular := false
	var visit func(p int32)
	visit = func(p int32) {
		k := int32(len(s.node))
		s.at[p] = k
		s.node = append(s.node, p)
		done = append(done, false)
		for _, ei := range g.own[p] {
			if day >= g.span[ei].until || !g.inForce(ei, day) && !g.file.Edges[ei].Seen {
				continue
			}
			if at, ok := s.at[g.to[ei]]; ok {
				circular = circular || !done[at]
				continue
			}
			visit(g.to[ei])
		}
		done[k] = true
		order = append(order, k)
	}
	visit(start)
	n := len(s.node)
	s.base = make([]bool, n)
	s.low, s.up = make([]float64, n), make([]float64, n)
	s.ctrl, s.upCtrl = make([]bool, n), make([]bool, n)
	s.stated, s.upStated = make([]bool, n), make([]bool, n)
	s.arcs = make([][]arc, n)
	for k, p := range s.node {
		for _, ei := range g.own[p] {
			e := &g.file.Edges[ei]
			now := g.inForce(ei, day)
			if !now && !(e.Seen && day < g.span[ei].since) || g.repeated(p, ei, day) {
				continue
			}
			s.arcs[k] = append(s.arcs[k], arc{e, s.at[g.to[ei]], now})
		}
		s.base[k] = g.covers(country, g.file.Parties[p].Country) && !g.foreign(p, country, day)
	}
	rounds := 1
	if circular {
		rounds = maxRounds
	}
	for range rounds {
		changed := false
		for _, k := range order {
			if s.step(int(k)) {
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	return s
}

// step recomputes one node from the nodes above it; it reports a change.
// All its inputs only ever rise, so the fixed point is the least one.
func (s *solution) step(k int) bool {
	g, p := s.g, s.node[k]
	party := &g.file.Parties[p]
	if s.base[k] {
		was := s.ctrl[k]
		s.low[k], s.up[k], s.ctrl[k], s.upCtrl[k] = 100, 100, true, true
		return !was
	}
	var low, up float64
	var stated, upStated bool
	alts := 0
	altLow, altUp, altCtrl, altUpCtrl := 100.0, 0.0, true, false
	for _, h := range s.arcs[k] {
		e, o, now := h.e, h.o, h.now
		l, u := s.low[o], s.up[o]
		if s.ctrl[o] {
			l = 100
		}
		if s.upCtrl[o] {
			u = 100
		}
		hold := 1.0
		switch {
		case e.Share != nil:
			hold = *e.Share / 100
		case e.Kind != BrandOf:
			hold = 0
		}
		says := e.Controlling || e.Kind == BrandOf || e.Kind == ControlledBy
		switch {
		case e.Alternative:
			alts++
			altLow = math.Min(altLow, l*hold)
			altUp = math.Max(altUp, u*hold)
			altCtrl = altCtrl && now && says && s.ctrl[o]
			altUpCtrl = altUpCtrl || says && s.upCtrl[o]
		default:
			if now {
				low += l * hold
				stated = stated || says && s.ctrl[o]
			}
			up += u * hold
			upStated = upStated || says && s.upCtrl[o]
		}
	}
	if alts > 0 {
		if altCtrl {
			low += altLow
			stated = true
		}
		up += altUp
		upStated = upStated || altUpCtrl
	}
	if party.Unresolved != "" || party.Country == "" && len(s.arcs[k]) == 0 {
		up, upStated = 100, true
	}
	low, up = math.Min(low, 100), math.Min(math.Max(up, low), 100)
	ctrl := stated || low >= Control
	upCtrl := upStated || ctrl || up >= Control
	changed := math.Abs(low-s.low[k]) > 1e-9 || math.Abs(up-s.up[k]) > 1e-9 || ctrl != s.ctrl[k] || upCtrl != s.upCtrl[k] ||
		stated != s.stated[k] || upStated != s.upStated[k]
	s.low[k], s.up[k], s.ctrl[k], s.upCtrl[k], s.stated[k], s.upStated[k] = low, up, ctrl, upCtrl, stated, upStated || stated
	return changed
}

// repeated says that another row in force states the same owner's holding,
// at least as large: two sources for one holding are one holding.
func (g *Graph) repeated(p, ei, day int32) bool {
	e := &g.file.Edges[ei]
	for _, oi := range g.own[p] {
		o := &g.file.Edges[oi]
		if oi == ei || g.to[oi] != g.to[ei] || o.Alternative || e.Alternative || !g.inForce(oi, day) || !g.inForce(ei, day) || o.weight() < e.weight() {
			continue
		}
		if o.weight() > e.weight() || oi < ei {
			return true
		}
	}
	return false
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

// foreign says that every chain of controlling owners above a party ends
// outside the country, with nothing unresolved on the way.
func (g *Graph) foreign(p int32, country string, day int32) bool {
	seen := map[int32]bool{p: true}
	queue := []int32{p}
	ends := 0
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		above := 0
		for _, ei := range g.own[n] {
			e := &g.file.Edges[ei]
			if !g.inForce(ei, day) || !e.controls() {
				continue
			}
			if e.Alternative {
				return false
			}
			above++
			if to := g.to[ei]; !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
		q := &g.file.Parties[n]
		if q.Unresolved != "" {
			return false
		}
		if above == 0 {
			if n == p || q.Country == "" || g.covers(country, q.Country) {
				return false
			}
			ends++
		}
	}
	return ends > 0
}

// controls says whether an edge by itself makes its To a controller of From.
func (e *Edge) controls() bool {
	return e.Controlling || e.Kind == BrandOf || e.Kind == ControlledBy || e.Share != nil && *e.Share >= Control
}

func (g *Graph) inForce(ei, day int32) bool {
	s := g.span[ei]
	return day >= s.since && day < s.until
}

// explain returns the edges that carry what is known to be held from the
// country, up to the parties incorporated there, and a sentence.
func (s *solution) explain(k int) ([]Evidence, string) {
	var path []Evidence
	seen := map[int]bool{}
	var walk func(k int)
	walk = func(k int) {
		if seen[k] {
			return
		}
		seen[k] = true
		if s.top(k) {
			path = append(path, s.g.partyEvidence(s.node[k]))
			return
		}
		for _, ei := range s.carrying(k) {
			path = append(path, s.g.edgeEvidence(ei))
			walk(int(s.at[s.g.to[ei]]))
		}
	}
	walk(k)
	var words []string
	visited := map[int]bool{}
	for at := k; ; {
		if s.top(at) {
			words = append(words, fmt.Sprintf("which is incorporated in %s", s.g.where(s.node[at])))
			if s.g.file.Parties[s.node[at]].Kind == "person" || s.g.file.Parties[s.node[at]].Kind == "state" {
				words[len(words)-1] = "of " + s.g.where(s.node[at])
			}
			break
		}
		ce := s.carrying(at)
		if len(ce) != 1 || visited[at] {
			words = nil
			break
		}
		visited[at] = true
		e := &s.g.file.Edges[ce[0]]
		lead := "which is"
		if at == k {
			lead = s.g.name(s.node[k]) + " is"
		}
		words = append(words, fmt.Sprintf("%s %s %s", lead, e.words(), s.g.name(s.g.to[ce[0]])))
		at = int(s.at[s.g.to[ce[0]]])
	}
	if words != nil {
		return path, attributed(strings.Join(words, ", "), path)
	}
	var parts []string
	for _, ei := range s.carrying(k) {
		e := &s.g.file.Edges[ei]
		to := s.at[s.g.to[ei]]
		switch {
		case e.Share == nil:
			parts = append(parts, s.g.name(s.g.to[ei]))
		case s.ctrl[to]:
			parts = append(parts, fmt.Sprintf("%s %s", s.g.name(s.g.to[ei]), percent(*e.Share)))
		default:
			parts = append(parts, fmt.Sprintf("%s %s, itself held to %s from there", s.g.name(s.g.to[ei]), percent(*e.Share), percent(s.low[to])))
		}
	}
	return path, attributed(fmt.Sprintf("%s of %s is known to be held from %s: %s", percent(s.low[k]), s.g.name(s.node[k]), countryName(s.country), strings.Join(parts, "; ")), path)
}

// top says that an explanation ends at a node: it is incorporated in the
// country itself, or in a territory of it with nobody known above.
func (s *solution) top(k int) bool {
	return s.base[k] && (s.g.file.Parties[s.node[k]].Country == s.country || len(s.carrying(k)) == 0)
}

// carrying returns the edges of a node through which something is known to be
// held from the country, largest first.
func (s *solution) carrying(k int) []int32 {
	var es []int32
	for _, ei := range s.g.own[s.node[k]] {
		if !s.g.inForce(ei, s.day) {
			continue
		}
		if o := s.at[s.g.to[ei]]; (s.ctrl[o] || s.low[o] > 0) && !s.g.repeated(s.node[k], ei, s.day) {
			es = append(es, ei)
		}
	}
	sort.SliceStable(es, func(a, b int) bool {
		return share(s.g.file.Edges[es[a]].Share) > share(s.g.file.Edges[es[b]].Share)
	})
	return es
}

// explainOpen returns the way to what keeps the question open.
func (s *solution) explainOpen(k int) ([]Evidence, string) {
	seen := map[int]bool{}
	var find func(k int, path []Evidence) []Evidence
	find = func(k int, path []Evidence) []Evidence {
		if seen[k] {
			return nil
		}
		seen[k] = true
		p := s.node[k]
		party := &s.g.file.Parties[p]
		if party.Unresolved != "" {
			return append(path, s.g.unresolvedEvidence(p))
		}
		above, alts := 0, 0
		for _, ei := range s.g.own[p] {
			e := &s.g.file.Edges[ei]
			if s.g.inForce(ei, s.day) {
				above++
				if e.Alternative {
					alts++
				}
			} else if e.Seen && s.day < s.g.span[ei].since {
				ev := s.g.edgeEvidence(ei)
				ev.Text = fmt.Sprintf("%s That was seen on %s; who owned %s before is not known to us.", ev.Text, e.Since, party.Name)
				return append(path, ev)
			}
		}
		if alts > 1 {
			u := s.g.alternativesEvidence(p, s.day)
			return append(append(path, u[1:]...), u[0])
		}
		if above == 0 && party.Country == "" {
			ev := s.g.partyEvidence(p)
			ev.Text = fmt.Sprintf("Where %s is incorporated and who owns it is not known to us.", party.Name)
			return append(path, ev)
		}
		for _, ei := range s.g.own[p] {
			o, ok := s.at[s.g.to[ei]]
			if !ok || !s.g.inForce(ei, s.day) || s.up[o] <= s.low[o] && s.upCtrl[o] == s.ctrl[o] {
				continue
			}
			if r := find(int(o), append(path[:len(path):len(path)], s.g.edgeEvidence(ei))); r != nil {
				return r
			}
		}
		return nil
	}
	path := find(k, nil)
	if len(path) == 0 {
		return []Evidence{s.g.partyEvidence(s.node[k])}, fmt.Sprintf("Who controls %s is not known to us as of %s.", s.g.name(s.node[k]), s.g.asOf())
	}
	last := path[len(path)-1].Text
	if len(path) == 1 {
		return path, last
	}
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

func (s *solution) ownerEvidence(k int) []Evidence {
	var out []Evidence
	for _, ei := range s.g.own[s.node[k]] {
		if s.g.inForce(ei, s.day) {
			out = append(out, s.g.edgeEvidence(ei))
		}
	}
	return out
}

// edition finds the edition meant by a list's or an edition's id.
func (g *Graph) edition(id string, day int32) (*List, *Edition, string) {
	l := g.lists[id]
	want := ""
	if l == nil {
		of, ok := g.ofList[id]
		if !ok {
			return nil, nil, fmt.Sprintf("The list %q is not among those held.", id)
		}
		l, want = g.lists[of], id
	}
	before := true
	for i := range l.Editions {
		ed := &l.Editions[i]
		if want != "" && ed.ID != want {
			continue
		}
		s, _ := spanOf(ed.From, ed.Until)
		if ed.Withdrawn {
			if want != "" {
				return l, nil, fmt.Sprintf("%s was posted on %s and withdrawn; it was never in force.", ed.ID, ed.From)
			}
			continue
		}
		if day >= s.since {
			before = false
			if day < s.until {
				return l, ed, ""
			}
		}
	}
	if want != "" {
		return l, nil, fmt.Sprintf("The edition %s was not in force on that day.", want)
	}
	if before {
		return l, nil, fmt.Sprintf("No edition of %s is held for that day.", l.Title)
	}
	return l, nil, fmt.Sprintf("%s had no edition in force on that day.", l.Title)
}

// onEdition says whether an edition names one party, by itself.
func (g *Graph) onEdition(l *List, ed *Edition, n, day int32) (Value, Evidence) {
	p := &g.file.Parties[n]
	for i := range ed.Entries {
		en := &ed.Entries[i]
		if en.Party != p.ID {
			continue
		}
		if s, _ := spanOf(en.From, en.Until); day >= s.since && day < s.until {
			return True, g.entryEvidence(l, ed, en, n)
		}
	}
	for i := range ed.Absent {
		if en := &ed.Absent[i]; en.Party == p.ID {
			return False, Evidence{Kind: "absent", ID: ed.ID + "/" + p.ID, From: p.ID, Ref: en.Ref,
				Text: sentence(fmt.Sprintf("%s does not name %s", ed.title(l), p.Name))}
		}
	}
	ev := Evidence{Kind: "edition", ID: ed.ID, From: p.ID, Ref: ed.Ref}
	switch {
	case ed.Complete:
		ev.Text = sentence(fmt.Sprintf("%s does not name %s", ed.title(l), p.Name))
		return False, ev
	case p.Kind == "person" || p.Kind == "brand" || p.Kind == "state":
		ev.Text = fmt.Sprintf("%s names entities; %s is a %s.", ed.title(l), p.Name, p.Kind)
		return False, ev
	case l.Country != "" && p.Country != "" && !g.covers(l.Country, p.Country):
		ev.Text = fmt.Sprintf("%s names companies of %s; %s is incorporated in %s.", ed.title(l), countryName(l.Country), p.Name, countryName(p.Country))
		return False, ev
	case l.Country != "" && p.Country == "" && g.controlledFrom(n, l.Country, Control, day).Value == False:
		ev.Text = fmt.Sprintf("%s names companies of %s, from where no owner of %s is known.", ed.title(l), countryName(l.Country), p.Name)
		return False, ev
	}
	ev.Text = fmt.Sprintf("Not all entries of %s are held, and none of those held names %s.", ed.title(l), p.Name)
	return Unknown, ev
}

// entries returns the entries in force that name one party, on every list.
func (g *Graph) entries(n, day int32) []Evidence {
	var out []Evidence
	for i := range g.file.Lists {
		l := &g.file.Lists[i]
		_, ed, _ := g.edition(l.ID, day)
		if ed == nil {
			continue
		}
		for j := range ed.Entries {
			en := &ed.Entries[j]
			if en.Party != g.file.Parties[n].ID {
				continue
			}
			if s, _ := spanOf(en.From, en.Until); day >= s.since && day < s.until {
				out = append(out, g.entryEvidence(l, ed, en, n))
			}
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
		text = fmt.Sprintf("%s is %s %s", near, e.words(), far)
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
		text = fmt.Sprintf("%s: %s %s", near, e.Relation, far)
	}
	if e.Kind != CounterStatement {
		text = sentence(text)
	}
	return Evidence{Kind: kind, ID: e.ID, Text: upperFirst(text), From: e.From, To: e.To, Share: e.Share, Since: e.Since, Until: e.Until, Ref: e.Ref}
}

// words says an ownership edge between "is" and the owner's name.
func (e *Edge) words() string {
	switch {
	case e.Kind == BrandOf && e.Alternative:
		return "possibly a name of"
	case e.Kind == BrandOf:
		return "a brand of"
	case e.Kind == ControlledBy && e.Share != nil:
		return fmt.Sprintf("controlled (%s) by", percent(*e.Share))
	case e.Kind == ControlledBy:
		return "controlled by"
	case e.Share == nil:
		return "owned by"
	case *e.Share == 100:
		return "wholly owned by"
	}
	return fmt.Sprintf("owned to %s by", percent(*e.Share))
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
			percent(low), g.name(i), where, countryName(country), percent(pct), g.asOf())
	}
	return fmt.Sprintf("No owner of %s%s from %s is known to us as of %s.", g.name(i), where, countryName(country), g.asOf())
}

func (g *Graph) name(n int32) string  { return g.file.Parties[n].Name }
func (g *Graph) where(n int32) string { return countryName(g.file.Parties[n].Country) }

// attributed ends a sentence with the weakest certainty it rests on, where
// that is less than an official or reviewed source.
func attributed(s string, path []Evidence) string {
	switch weakest(path) {
	case "press":
		return s + ", as the press reports."
	case "secondary":
		return s + ", according to a secondary source."
	}
	return sentence(s)
}

var strength = map[string]int{"": 0, "secondary": 1, "press": 2, "reviewed": 3, "official": 4}

func weakest(path []Evidence) string {
	if len(path) == 0 {
		return ""
	}
	w := path[0].Certainty
	for _, e := range path[1:] {
		if strength[e.Certainty] < strength[w] {
			w = e.Certainty
		}
	}
	return w
}

func distinct(path []Evidence) []Evidence {
	seen := make(map[string]bool, len(path))
	out := path[:0:0]
	for _, e := range path {
		if k := e.Kind + "\x00" + e.ID; !seen[k] {
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

func percent(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) + " %"
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
