package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// answerKind is a kind of thing that an act may find.
type answerKind uint8

const (
	findsValue     answerKind = iota // a fact has a value
	findsCandidate                   // the module is one of those that were thought of
	findsMaker                       // the module, or vehicle, is of some maker
	findsFitted                      // the unit is in the vehicle, or is not
	findsHeld                        // an authorisation is held
	findsOwner                       // who stands behind a party
)

// finding is one thing that an act at the gate may find.
type finding struct {
	to   openFact
	kind answerKind
	v    band
	k    int   // the candidate
	who  Party // the maker
	yes  bool
}

// band is one class of values that the rules of a policy cannot tell apart.
type band struct {
	value
	last  int64 // of a range of numbers that begins with num
	other bool  // none of the values that the rules name
}

// Two makers that are in no supply graph: one of whom all that the rules ask
// speaks against it, and one of whom nothing does.
const (
	makerAgainst Party = "?against"
	makerClear   Party = "?clear"
)

// Bounds of the search for what would change a decision.
const (
	maxBands   = 24   // values of one fact, beside those that no rule names
	maxTried   = 6000 // decisions looked at
	maxChanges = 24   // told in either direction
)

// supposing is a Supply in which something is supposed.
type supposing struct {
	s       Supply
	party   Party // whose open questions are answered
	against bool  // how
}

// Ask answers by what is supposed, else as the supply graph does.
func (s *supposing) Ask(q SupplyQuestion) SupplyAnswer {
	var a SupplyAnswer
	switch {
	case q.Party == makerAgainst || q.Party == makerClear:
		return SupplyAnswer{Value: answerAgainst(q.Op, q.Party == makerAgainst)}
	case s.s != nil:
		a = s.s.Ask(q)
	}
	if a.Value == Unknown && s.party != "" && q.Party == s.party {
		return SupplyAnswer{Value: answerAgainst(q.Op, s.against)}
	}
	return a
}

// answerAgainst is the answer that speaks against a party, or for it.
func answerAgainst(op string, against bool) Truth {
	switch op {
	case testNames[testTrustedBy], testNames[testOwnerResolved], testNames[testAuthorisedBy]:
		return truth(!against)
	}
	return truth(against)
}

// trial is the room in which changed facts are decided. It is reused.
type trial struct {
	machine
	facts  Facts
	units  []Unit
	cands  []Candidate
	held   []Authorisation
	supply supposing
}

// suppose prepares the decision that there would be if acts found what they
// may find. The facts of the decision in hand stay as they are.
func (fs *Findings) suppose(found ...finding) *trial {
	if fs.try == nil {
		fs.try = &trial{}
	}
	t := fs.try
	t.facts, t.supply = *fs.f, supposing{s: fs.s}
	t.units, t.cands = t.units[:0], slices.Grow(t.cands[:0], countOf(fs.f.Units)+2*len(found))
	for i := range found {
		t.apply(&found[i])
	}
	t.prepare(fs.p, &t.facts, &t.supply)
	return t
}

func countOf(units []Unit) int {
	n := 0
	for i := range units {
		n += len(units[i].Candidates)
	}
	return n
}

// own makes the units the trial's own.
func (t *trial) ownUnits() {
	if len(t.units) > 0 || len(t.facts.Units) == 0 {
		return
	}
	t.units = append(t.units, t.facts.Units...)
	for i := range t.units {
		from := len(t.cands)
		t.cands = append(t.cands, t.units[i].Candidates...)
		t.units[i].Candidates = t.cands[from:len(t.cands):len(t.cands)]
	}
	t.facts.Units = t.units
}

// read settles what module is in a unit; -1 is a telematics unit of which none
// is on record yet.
func (t *trial) read(u int, c Candidate) {
	c.Certainty, c.Basis = CertaintySettled, "inspected"
	t.cands = append(t.cands, c)
	n := len(t.cands)
	if u < 0 {
		t.units = append(t.units, Unit{Role: "tcu"})
		t.facts.Units = t.units
		u = len(t.units) - 1
	}
	t.units[u].Candidates, t.units[u].Fitted = t.cands[n-1:n:n], Know(true, Source{})
}

func (t *trial) apply(a *finding) {
	f := &t.facts
	switch a.kind {
	case findsValue:
		if !a.to.fact.module() {
			f.put(a.to.fact, a.v.value, true)
			return
		}
		t.ownUnits()
		unit := &t.units[a.to.unit]
		for k := range unit.Candidates {
			unit.Candidates[k].put(unit, a.to.fact, a.v.value)
		}
	case findsCandidate:
		t.ownUnits()
		t.read(a.to.unit, t.units[a.to.unit].Candidates[a.k])
	case findsMaker:
		switch a.to.fact {
		case fVehicleMaker:
			f.Vehicle.Maker = Know(a.who, Source{})
		case fModuleUpdater:
			t.ownUnits()
			for k := range t.units[a.to.unit].Candidates {
				t.units[a.to.unit].Candidates[k].Updater = Know(a.who, Source{})
			}
		default:
			t.ownUnits()
			t.read(a.to.unit, Candidate{Maker: Know(a.who, Source{}), MakerName: string(a.who), Model: Know("?", Source{}), ChipDown: Know(false, Source{})})
		}
	case findsFitted:
		t.ownUnits()
		t.units[a.to.unit].Fitted = Know(a.yes, Source{})
	case findsHeld:
		t.held = append(append(t.held[:0], f.Registration.Authorisations...), Authorisation{ID: a.v.text, From: f.At})
		f.Registration.Authorisations = t.held
	case findsOwner:
		t.supply.party, t.supply.against = a.to.party, a.yes
	}
}

// bands are, for every fact, the classes of values that the rules tell
// apart.
func (p *Policy) bands() *[factCount][]band {
	p.bandsOnce.Do(func() {
		var words [factCount][]string
		var edges [factCount][]int64
		var mentioned [factCount]bool
		for i := range p.prog {
			n := &p.prog[i]
			if n.op < opKnown {
				continue
			}
			mentioned[n.fact] = true
			if n.op != opAtom || n.test.supply() {
				continue
			}
			vals := n.vals
			if n.test != testIn {
				vals = []value{{n.num, n.text}}
			}
			switch {
			case n.how == howNumber && n.test == testIn:
				for _, v := range vals {
					edges[n.fact] = append(edges[n.fact], v.num, v.num+1)
				}
			case n.how == howNumber:
				edges[n.fact] = append(edges[n.fact], n.lo)
				if n.hi < math.MaxInt64 {
					edges[n.fact] = append(edges[n.fact], n.hi+1)
				}
			default:
				for _, v := range vals {
					if !slices.Contains(words[n.fact], v.text) && len(words[n.fact]) < maxBands {
						words[n.fact] = append(words[n.fact], v.text)
					}
				}
			}
		}
		for f := range factCount {
			switch {
			case !mentioned[f]:
			case f.kind().numeric():
				p.banded[f] = ranges(f.kind(), edges[f])
			default:
				for _, w := range words[f] {
					p.banded[f] = append(p.banded[f], band{value: value{text: w}})
				}
				if f.kind() != kindAuthorisation && f.kind() != kindParty {
					p.banded[f] = append(p.banded[f], band{value: value{text: otherWord(f.kind(), words[f])}, other: true})
				}
			}
		}
	})
	return &p.banded
}

// ranges cuts the numbers of a kind where some rule begins to think otherwise.
func ranges(k factKind, edges []int64) []band {
	lo, hi := int64(0), int64(1e9)
	switch k {
	case kindBool:
		return []band{{value: value{num: 1}, last: 1}, {value: value{num: 0}, last: 0}}
	case kindZone:
		lo, hi = int64(ZonePublic), int64(ZoneCritical)
	case kindCertainty:
		lo, hi = int64(CertaintyReported), int64(CertaintySettled)
	case kindTime:
		hi = 24*60 - 1
	case kindDate:
		hi = 1e5
	}
	edges = append(edges, lo)
	slices.Sort(edges)
	edges = slices.Compact(edges)
	var out []band
	for i, from := range edges {
		if from < lo || from > hi {
			continue
		}
		last := hi
		if i+1 < len(edges) && edges[i+1] <= hi {
			last = edges[i+1] - 1
		}
		out = append(out, band{value: value{from, numberWords(k, from)}, last: last})
		if len(out) == 2*maxBands {
			break
		}
	}
	return out
}

// otherWord is a word of its kind that no rule names.
func otherWord(k factKind, named []string) string {
	pool := []string{"?other"}
	switch k {
	case kindClass:
		pool = classNames
	case kindRole:
		pool = roleNames
	case kindBasis:
		pool = basisNames
	case kindWeekday:
		pool = weekdayNames
	case kindPass:
		pool = passNames
	}
	for _, w := range pool {
		if !slices.Contains(named, w) {
			return w
		}
	}
	return pool[0]
}

// outcomes lists what an act about an open fact may find.
func (fs *Findings) outcomes(o openFact, to []finding) []finding {
	bands := fs.p.bands()
	makers := func() {
		for _, who := range [...]Party{makerClear, makerAgainst} {
			to = append(to, finding{to: o, kind: findsMaker, who: who})
		}
		for _, v := range bands[o.fact] {
			to = append(to, finding{to: o, kind: findsMaker, who: Party(v.text)})
		}
	}
	switch {
	case o.party != "":
		to = append(to, finding{to: o, kind: findsOwner, yes: false}, finding{to: o, kind: findsOwner, yes: true})
	case o.fitted:
		to = append(to, finding{to: o, kind: findsFitted, yes: false}, finding{to: o, kind: findsFitted, yes: true})
	case o.fact == fAuthorisations:
		for _, v := range bands[o.fact] {
			to = append(to, finding{to: o, kind: findsHeld, v: v})
		}
	case o.fact.label():
		if o.unit >= 0 {
			for k := range fs.f.Units[o.unit].Candidates {
				if fs.f.Units[o.unit].Candidates[k].known() {
					to = append(to, finding{to: o, kind: findsCandidate, k: k})
				}
			}
		}
		o.fact = fModuleMaker
		makers()
	case o.fact == fVehicleMaker || o.fact == fModuleUpdater:
		makers()
	default:
		for _, v := range bands[o.fact] {
			to = append(to, finding{to: o, kind: findsValue, v: v})
		}
	}
	return to
}

// label says whether reading the label on the unit settles the fact.
func (f factID) label() bool {
	return f == fModuleMaker || f == fModuleModel || f == fModuleCertainty || f == fModuleBasis
}

// verify says of every open fact whether some answer to it alone would settle
// its rule: make one that denies or flags true or false, and one that grants
// true. It is found by deciding the rule with the answer in place.
func (fs *Findings) verify() {
	fs.settles = zeroed(fs.settles, len(fs.open))
	fs.looked = zeroed(fs.looked, len(fs.open))
	for i := range fs.open {
		if fs.looked[i] {
			continue
		}
		o := fs.open[i].openFact
		fs.found = fs.outcomes(o, fs.found[:0])
		for a := range fs.found {
			t := fs.suppose(fs.found[a])
			for k := i; k < len(fs.open); k++ {
				if fs.open[k].openFact == o {
					fs.looked[k] = true
					fs.settles[k] = fs.settles[k] || fs.settled(t, fs.open[k].rule)
				}
			}
		}
	}
}

// settled says whether a rule is, where a trial was prepared.
func (fs *Findings) settled(t *trial, rule int) bool {
	r := &fs.p.rules[rule]
	term := fs.p.terms.of[r.root]
	if r.outcome == Grant {
		return t.value(term) == True
	}
	if fs.vals[rule] == Unknown {
		return t.value(term) != Unknown
	}
	t.doubt()
	v := t.value(term)
	t.doubt()
	return v != Unknown
}

// Step is one act at the gate and what it would have to find.
type Step struct {
	Fact   string `json:"fact"`           // as open questions name it
	Unit   string `json:"unit,omitempty"` // in words
	Now    string `json:"now"`            // the present value; "unknown" where there is none
	Needed string `json:"needed"`         // the value, or the kinds of values, in words
	Ask    string `json:"ask"`            // the act, in words a guard can follow
	Cost   int    `json:"cost"`           // of the act, as open questions are ranked by
}

// Change is a least set of acts whose finding would change the outcome.
type Change struct {
	Outcome  Outcome `json:"outcome"`
	Presumed bool    `json:"presumed,omitempty"` // the grant would rest on a presumption
	Steps    []Step  `json:"steps"`              // one or two
	found    []finding
}

// Changes are what an act at the gate, or two, could change of a decision. Each
// was decided with the changed facts in place. Acts settle what is unknown,
// read a label, have recording switched off, leave a device outside or look an
// authorisation up; none makes another vehicle of it.
type Changes struct {
	Milder   []Change `json:"milder"`   // mildest first, then by fewest and cheapest acts
	Stricter []Change `json:"stricter"` // strictest first, likewise
	Tried    int      `json:"tried"`    // decisions looked at
	Partial  string   `json:"partial"`  // what was not looked at
}

// WhatWouldChange looks for single acts and pairs of them that would lead to a
// milder or a stricter outcome. A pair is told only where neither act alone
// changes the outcome that way.
func (fs *Findings) WhatWouldChange() Changes {
	out := Changes{Partial: "Three acts or more together are not looked at."}
	var all []finding
	for _, o := range fs.acts() {
		all = fs.outcomes(o, all)
	}
	all = slices.DeleteFunc(all, func(a finding) bool { return fs.vain(&a) })
	alone := make([]Outcome, len(all))
	add := func(o Outcome, presumed bool, found ...finding) {
		to := &out.Milder
		if o > fs.result {
			to = &out.Stricter
		}
		*to = append(*to, Change{Outcome: o, Presumed: presumed, found: found})
	}
	for i := range all {
		o, presumed := fs.decided(&out, all[i])
		if alone[i] = o; o != fs.result {
			add(o, presumed, all[i])
		}
	}
pairs:
	for i := range all {
		for k := i + 1; k < len(all); k++ {
			if alone[i] != fs.result || alone[k] != fs.result || all[i].to == all[k].to {
				continue
			}
			if out.Tried >= maxTried {
				out.Partial = fmt.Sprintf("Only the first %d combinations were looked at. %s", maxTried, out.Partial)
				break pairs
			}
			if o, presumed := fs.decided(&out, all[i], all[k]); o != fs.result {
				add(o, presumed, all[i], all[k])
			}
		}
	}
	fs.tidy(&out.Milder, 1, &out)
	fs.tidy(&out.Stricter, -1, &out)
	return out
}

// decided decides with findings in place.
func (fs *Findings) decided(out *Changes, found ...finding) (Outcome, bool) {
	out.Tried++
	t := fs.suppose(found...)
	o := t.decide()
	return o, o == Grant && t.presumed()
}

// acts are the open facts that an act at the gate can settle and some rule that
// applies looks at.
func (fs *Findings) acts() []openFact {
	var used [factCount]bool
	for _, r := range fs.force {
		root := fs.p.rules[r.rule].root
		for i := root; i < fs.p.prog[root].end; i++ {
			if n := &fs.p.prog[i]; n.op >= opKnown {
				used[n.fact] = true
			}
		}
	}
	modules := false
	var out []openFact
	for f := range factCount {
		modules = modules || used[f] && f.module()
		if !used[f] || f.module() || f.info().cost == 0 {
			continue
		}
		switch {
		case f == fAuthorisations:
		case f == fRecordingOff && fs.numbers[f] == 0:
		case fs.leafKnown(f) || f == fVehicleMaker && fs.f.Vehicle.Make.Known:
			continue
		}
		out = append(out, openFact{fact: f, unit: -1})
	}
	if !modules {
		return out
	}
	for u := range fs.f.Units {
		if !fs.seats[u].absent {
			out = fs.unitActs(u, &used, out)
		}
	}
	if !fs.own && !(fs.f.Modem.Known && !fs.f.Modem.Value) {
		out = append(out, openFact{fact: fModuleMaker, unit: -1})
	}
	return out
}

// unitActs adds the acts about one unit.
func (fs *Findings) unitActs(u int, used *[factCount]bool, out []openFact) []openFact {
	unit := &fs.f.Units[u]
	if len(unit.Candidates) != 1 || !unit.Candidates[0].Maker.Known || unit.Candidates[0].Certainty != CertaintySettled {
		out = append(out, openFact{fact: fModuleMaker, unit: u})
	}
	if !unit.Fitted.Known || unit.Role == "device" {
		out = append(out, openFact{fact: fModuleModel, unit: u, fitted: true})
	}
	for f := fModuleMaker; f <= fModuleSIMHome; f++ {
		if !used[f] || f.label() {
			continue
		}
		for k := range unit.Candidates {
			fs.take(u, k)
			known := fs.leafKnown(f)
			fs.drop()
			if !known {
				out = append(out, openFact{fact: f, unit: u})
				break
			}
		}
	}
	return out
}

// vain says whether a finding is no change, or none that an act can bring
// about.
func (fs *Findings) vain(a *finding) bool {
	switch {
	case a.kind == findsValue && a.to.fact == fRecordingOff:
		return a.v.num == 0 && fs.numbers[fRecordingOff] == 0
	case a.kind == findsHeld:
		return fs.holds(a.v.text) == True
	case a.kind == findsFitted && a.yes:
		return fs.seats[a.to.unit].fitted
	}
	return false
}

// tidy puts changes in order, joins those that differ only in what one act may
// find, and puts them into words.
func (fs *Findings) tidy(list *[]Change, direction int, out *Changes) {
	var tidied []Change
	for _, c := range *list {
		for i := range c.found {
			c.Steps = append(c.Steps, fs.step(&c.found[i]))
		}
		if !slices.ContainsFunc(tidied, func(d Change) bool { return d.join(&c) }) {
			tidied = append(tidied, c)
		}
	}
	cost := func(c *Change) (n int) {
		for i := range c.Steps {
			n += c.Steps[i].Cost
		}
		return n
	}
	slices.SortStableFunc(tidied, func(a, b Change) int {
		return cmp.Or(direction*cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(len(a.Steps), len(b.Steps)), cmp.Compare(cost(&a), cost(&b)))
	})
	if len(tidied) > maxChanges {
		out.Partial = fmt.Sprintf("Of %d changes the first %d are told. %s", len(tidied), maxChanges, out.Partial)
		tidied = tidied[:maxChanges]
	}
	*list = tidied
}

// join takes in another change of the same acts, of which one may find
// something else. It says whether it did.
func (c *Change) join(d *Change) bool {
	if c.Outcome != d.Outcome || c.Presumed != d.Presumed || len(c.Steps) != len(d.Steps) {
		return false
	}
	differ := -1
	for i := range c.Steps {
		if c.found[i].to != d.found[i].to {
			return false
		}
		if c.Steps[i].Needed != d.Steps[i].Needed {
			if differ >= 0 {
				return false
			}
			differ = i
		}
	}
	if differ >= 0 {
		c.Steps[differ].Needed += ", or " + d.Steps[differ].Needed
	}
	return true
}

// step puts a finding into words.
func (fs *Findings) step(a *finding) Step {
	q, cost := fs.question(a.to)
	s := Step{Fact: q.Fact, Unit: q.Unit, Ask: q.Ask, Cost: cost, Now: "unknown"}
	info := a.to.fact.info()
	switch a.kind {
	case findsValue:
		if !a.to.fact.module() && fs.leafKnown(a.to.fact) {
			s.Now = fs.actual(a.to.fact)
		}
		s.Needed = fs.bandWords(a.to.fact, a.v)
	case findsHeld:
		s.Now, s.Needed = fs.held(), "authorisation "+a.v.text+", in date"
	case findsFitted:
		if fs.seats[a.to.unit].fitted {
			s.Now = "in the vehicle"
		}
		s.Needed = map[bool]string{true: "it is in the vehicle", false: "it is not in the vehicle"}[a.yes]
		if fs.seats[a.to.unit].device && !a.yes {
			s.Ask, s.Cost, s.Needed = fmt.Sprintf("Have the %s left outside", q.Unit), 3, "it is left outside"
		}
	case findsCandidate:
		s.Now, s.Needed = fs.modules(a.to.unit), "it is "+string(appendName(nil, &fs.f.Units[a.to.unit], a.k))
	case findsMaker:
		if info.name == fModuleMaker.info().name && a.to.unit >= 0 {
			s.Now = fs.modules(a.to.unit)
		}
		switch a.who {
		case makerClear:
			s.Needed = "a maker of whom nothing that the rules ask speaks against it"
		case makerAgainst:
			s.Needed = "a maker of whom all that the rules ask speaks against it"
		default:
			s.Needed = string(a.who)
		}
	}
	return s
}

// modules names what is thought to be in a unit.
func (fs *Findings) modules(u int) string {
	a := &fs.words
	a.clear()
	a.listModules(&fs.f.Units[u])
	return cmp.Or(string(a.text), "unknown")
}

// bandWords is a class of values in words.
func (fs *Findings) bandWords(f factID, v band) string {
	name := func(x int64) string {
		if f == fPosture && x >= 0 && x < int64(len(fs.p.doc.postures)) {
			return fs.p.doc.postures[x]
		}
		return numberWords(f.kind(), x)
	}
	switch {
	case v.other:
		var named []string
		for _, w := range fs.p.bands()[f] {
			if !w.other {
				named = append(named, w.text)
			}
		}
		if len(named) == 0 {
			return "any"
		}
		return "none of " + strings.Join(named, ", ")
	case !f.kind().numeric():
		return v.text
	case v.num == v.last:
		return name(v.num)
	case v.last >= 1e5 && f.kind() != kindDate || v.last >= 1e5:
		return name(v.num) + " or more"
	default:
		return name(v.num) + " to " + name(v.last)
	}
}
