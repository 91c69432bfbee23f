package policy

import (
	"fmt"
	"math/bits"
	"slices"
)

// Most pairs of rules are told apart without the solver: by a part of the one
// that the other says nothing of, or by facts found before.

// snap is what the solver held when it found that a rule can be true: whatever
// is picked from these domains makes it so.
type snap struct {
	dom   []uint64
	quant []truths
}

// mostSnaps is how many are kept of a rule.
const mostSnaps = 8

// keepSnap keeps what the solver found of rule i: once with the least known
// value of each fact that it leaves open, and once with the greatest. Answers
// that it leaves open are no.
func (a *analysis) keepSnap(i int) {
	for _, greatest := range [...]bool{false, true} {
		if len(a.seen[i]) == mostSnaps {
			return
		}
		s := snap{slices.Clone(a.solver.dom), slices.Clone(a.solver.quant)}
		for k := range a.sp.vars {
			if v := &a.sp.vars[k]; !v.fact.module() {
				one(s.dom[v.at:v.at+v.words], v.kind == varFact && v.fact.kind() != kindCount, greatest && v.kind == varFact)
			}
		}
		a.seen[i] = append(a.seen[i], s)
	}
}

// one leaves one cell of a domain: not the first one, of unknown, where it can
// be helped.
func one(dom []uint64, known, greatest bool) {
	if known && (dom[0] > 1 || slices.ContainsFunc(dom[1:], func(w uint64) bool { return w != 0 })) {
		dom[0] &^= 1
	}
	found := false
	for i := range dom {
		k := i
		if greatest {
			k = len(dom) - 1 - i
		}
		w := dom[k]
		switch {
		case found || w == 0:
			dom[k] = 0
		case greatest:
			dom[k], found = 1<<(63-bits.LeadingZeros64(w)), true
		default:
			dom[k], found = w&-w, true
		}
	}
}

// shape is what a rule looks like from outside.
type shape struct {
	tops []*form // the parts that all have to be true
	// vars are all variables that it looks at; a quantifier looks at all that is
	// said of modules.
	vars  varSet
	parts []varSet // per part
	free  []bool   // per part: it can be false
	box   []side   // variables that only plain parts look at, and what they admit
	// steady: quantifiers stand only below all and any, and nothing is counted.
	// So the rule stays true when a unit of which nothing is known is not fitted.
	steady bool
	// learns: it stays true when a module's maker becomes known.
	learns bool
}

type side struct {
	v    int32
	bits []uint64
}

type varSet []uint64

func (s varSet) add(v int32)      { s[v/64] |= 1 << (v % 64) }
func (s varSet) has(v int32) bool { return s[v/64]>>(v%64)&1 != 0 }
func (s varSet) meets(o varSet) bool {
	for i := range s {
		if s[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

func (a *analysis) varsOf(n *form) varSet {
	s := make(varSet, len(a.sp.vars)/64+1)
	a.addVars(n, s)
	return s
}

func (a *analysis) addVars(n *form, s varSet) {
	if n.v >= 0 {
		s.add(n.v)
	}
	if n.party >= 0 {
		s.add(n.party)
	}
	if n.op.quantifier() {
		s.add(a.sp.index[varKey{fact: fModem}])
		s.add(a.sp.index[varKey{fact: fModuleMaker}])
	}
	for _, k := range n.kids {
		a.addVars(k, s)
	}
}

// outline works out the shapes of all rules.
func (a *analysis) outline() {
	a.shapes = make([]shape, len(a.sp.rules))
	for i, n := range a.sp.rules {
		s := &a.shapes[i]
		s.tops = conjuncts(n, nil)
		s.vars = a.varsOf(n)
		s.free = make([]bool, len(s.tops))
		s.parts = make([]varSet, len(s.tops))
		counted := n.facts.has(fModulesKnown) || n.facts.has(fUnitsClaimed)
		s.steady = !counted && quantifiersAbove(n)
		s.learns = !counted && !doubtsMaker(n, false)
		elsewhere := make(varSet, len(s.vars))
		for k, t := range s.tops {
			s.parts[k] = a.varsOf(t)
			if plain(t) {
				s.free[k] = slices.ContainsFunc(t.f, func(w uint64) bool { return w != 0 })
				continue
			}
			s.free[k] = a.solver.ask(a.sp.full, goal{t, mayFalse}) == possible
			a.addVars(t, elsewhere)
		}
		for _, t := range s.tops {
			if !plain(t) || elsewhere.has(t.v) {
				continue
			}
			k := slices.IndexFunc(s.box, func(b side) bool { return b.v == t.v })
			if k < 0 {
				s.box = append(s.box, side{t.v, slices.Clone(t.t)})
				continue
			}
			for w := range t.t {
				s.box[k].bits[w] &= t.t[w]
			}
		}
	}
}

// quantifiersAbove says whether no quantifier stands below not or surely.
func quantifiersAbove(n *form) bool {
	if n.op == opNot || n.op == opSurely {
		return !quantified(n)
	}
	return n.op.quantifier() || !slices.ContainsFunc(n.kids, func(k *form) bool { return !quantifiersAbove(k) })
}

func quantified(n *form) bool {
	return n.op.quantifier() || slices.ContainsFunc(n.kids, quantified)
}

// doubtsMaker says whether a condition asks if a module's maker is known.
func doubtsMaker(n *form, surely bool) bool {
	if n.fact == fModuleMaker && n.kids == nil {
		return surely || n.op != opAtom
	}
	return slices.ContainsFunc(n.kids, func(k *form) bool { return doubtsMaker(k, surely || n.op == opSurely) })
}

// avoids says whether the rule can be true of a vehicle none of whose modules
// has what the quantifier t asks for, because t asks for something that the
// rule says nothing of.
func (x *shape) avoids(t *form) bool {
	if !x.steady {
		return false
	}
	return slices.ContainsFunc(conjuncts(t.kids[0], nil), func(c *form) bool {
		if c.kids != nil || !c.module || x.vars.has(c.v) || c.fact == fModuleRole || !slices.ContainsFunc(c.f, func(w uint64) bool { return w != 0 }) {
			return false
		}
		return c.party < 0 || x.learns && c.fact == fModuleMaker
	})
}

// plain says whether a part is one comparison of one fact.
func plain(n *form) bool { return n.kids == nil && n.party < 0 }

func conjuncts(n *form, to []*form) []*form {
	if n.op != opAll {
		return append(to, n)
	}
	for _, k := range n.kids {
		to = conjuncts(k, to)
	}
	return to
}

// apart says, without the solver, that there are facts which make rule i true
// and rule j none of some values. It may say no where there are.
func (a *analysis) apart(i, j int, says truths) bool {
	x, y := &a.shapes[i], &a.shapes[j]
	for k, t := range y.tops {
		if !y.free[k] {
			continue
		}
		if !plain(t) {
			if !x.vars.meets(y.parts[k]) || t.op.quantifier() && t.op != opEveryModule && x.avoids(t) {
				return true
			}
			continue
		}
		if !x.vars.has(t.v) {
			return true
		}
		b := slices.IndexFunc(x.box, func(b side) bool { return b.v == t.v })
		if b < 0 {
			continue
		}
		for w, bits := range x.box[b].bits {
			misses := t.f[w]
			if says&mayUnknown == 0 {
				misses = ^t.t[w]
			}
			if bits&misses != 0 {
				return true
			}
		}
	}
	for _, s := range a.seen[i] {
		if a.solver.under(s, a.sp.rules[j])&says == 0 {
			return true
		}
	}
	return false
}

// speaks are the values for which a rule says at least an outcome.
func (a *analysis) speaks(i int, o Outcome) truths {
	var s truths
	if r := &a.p.rules[i]; r.outcome >= o {
		s |= mayTrue
	}
	if r := &a.p.rules[i]; r.ifUnknown >= o {
		s |= mayUnknown
	}
	return s
}

// pairs compares every two rules.
func (a *analysis) pairs() {
	for i := range a.p.rules {
		switch r := &a.p.rules[i]; {
		case a.dead[i]:
		case r.outcome == Grant:
			a.grant(i)
		case len(r.lifts) == 0:
			a.severe(i)
		}
	}
}

// within says whether rule i applies only when rule j does.
func (a *analysis) within(i, j int) bool {
	x, y := &a.p.rules[i], &a.p.rules[j]
	return x.from >= y.from && x.to <= y.to && x.moments&^y.moments == 0
}

// severe looks for a rule that hides one that flags or denies.
func (a *analysis) severe(i int) {
	r := &a.p.rules[i]
	for j := range a.p.rules {
		o := &a.p.rules[j]
		if j == i || o.outcome < r.outcome || o.ifUnknown < r.ifUnknown || a.dead[j] || !a.within(i, j) || a.apart(i, j, a.speaks(j, r.outcome)) || !a.moreLifted(i, j) {
			continue
		}
		switch a.implied(i, j) {
		case notDecided:
			a.open[i]++
		case impossible:
			if j > i && a.hides(j, i) {
				continue // two that say the same: the later one is told of
			}
			a.hidden(i, j)
			return
		}
	}
}

// implied answers "is there a set of facts on which i speaks and j says less".
func (a *analysis) implied(i, j int) answer {
	r := &a.p.rules[i]
	x, y := a.sp.rules[i], a.sp.rules[j]
	if less := mayAll &^ a.speaks(j, r.outcome); less != 0 {
		v := a.solver.ask(a.sp.full, goal{x, mayTrue}, goal{y, less})
		if v == possible {
			a.keepSnap(i)
		}
		if v != impossible {
			return v
		}
	}
	if less := mayAll &^ a.speaks(j, r.ifUnknown); r.ifUnknown != 0 && less != 0 {
		return a.solver.ask(a.sp.full, goal{x, mayUnknown}, goal{y, less})
	}
	return impossible
}

// hides says whether rule j is hidden by rule i too.
func (a *analysis) hides(j, i int) bool {
	x, y := &a.p.rules[j], &a.p.rules[i]
	return x.outcome == y.outcome && x.ifUnknown <= y.ifUnknown && len(x.lifts) == 0 && a.within(j, i) && a.moreLifted(j, i) && a.implied(j, i) == impossible
}

// moreLifted says whether rule i is lifted wherever rule j is: each rule that
// lifts j lifts i, or is never true where i speaks.
func (a *analysis) moreLifted(i, j int) bool {
	for _, l := range a.lifters[j] {
		if !slices.Contains(a.lifters[i], l) && a.meet(int(l), i) != impossible {
			return false
		}
	}
	return true
}

// meet asks whether lifter l can be true where rule i speaks.
func (a *analysis) meet(l, i int) answer {
	x, y := &a.p.rules[l], &a.p.rules[i]
	if max(x.from, y.from) >= min(x.to, y.to) || x.moments&y.moments == 0 {
		return impossible
	}
	return a.solver.ask(a.sp.full, goal{a.sp.rules[l], mayTrue}, goal{a.sp.rules[i], a.speaks(i, Flag)})
}

func (a *analysis) hidden(i, j int) {
	d, by := a.doc(i), a.doc(j)
	class, sev := FaultHidden, SeverityError
	extra := a.extra(i, j)
	if extra != "" {
		sev = SeverityWarning
	}
	text := fmt.Sprintf("Rule %q never changes an outcome: wherever it speaks, rule %q says %s or more", d.id, by.id, d.outcome)
	if a.p.rules[i].outcome == a.p.rules[j].outcome && a.hides(j, i) {
		class = FaultDuplicate
		text = fmt.Sprintf("Rules %q and %q say the same of every vehicle", d.id, by.id)
	}
	suggest := "Remove it, or narrow the other."
	if extra != "" {
		text += "; it only adds " + extra
		suggest = "Keep it if that is wanted."
	}
	a.find(class, sev, true, []int{i, j}, suggest, "%s.", text)
}

// extra says what a hidden rule still adds to a verdict.
func (a *analysis) extra(i, j int) string {
	d, by := a.doc(i), a.doc(j)
	var list []string
	if slices.ContainsFunc(d.conditions, func(id string) bool { return !slices.Contains(by.conditions, id) }) {
		list = append(list, "conditions")
	}
	if d.workItem != "" && d.workItem != by.workItem {
		list = append(list, "a work item")
	}
	if d.instrument.Authority != by.instrument.Authority || d.instrument.Title != by.instrument.Title {
		list = append(list, "another instrument among the reasons")
	}
	if len(list) == 0 {
		return ""
	}
	return listWords(list, "and")
}

// grant looks for a rule beside which a grant can never be the outcome, or
// which grants wherever this one does.
func (a *analysis) grant(i int) {
	r := &a.p.rules[i]
	if r.moments&onEntry == 0 && len(r.lifts) == 0 {
		a.find(FaultHidden, SeverityWarning, true, []int{i}, "Remove it, or let it lift the rules it is meant to let off.",
			"Rule %q grants on %s, where nothing holds a vehicle unless a rule says so: it changes no outcome.", a.doc(i).id, listWords(r.moments.names(), "and"))
	}
	for j := range a.p.rules {
		o := &a.p.rules[j]
		if j == i || a.dead[j] || !a.within(i, j) {
			continue
		}
		if o.outcome == Grant {
			a.grantedTwice(i, j)
			continue
		}
		// Beside the default of flag, a rule that always flags there leaves nothing to grant.
		least := a.p.doc.floor
		want := a.speaks(j, least)
		if want == 0 || slices.Contains(r.lifts, int32(j)) || a.apart(i, j, want) {
			continue
		}
		if slices.ContainsFunc(a.lifters[j], func(l int32) bool { return a.together(int(l), i) != impossible }) {
			continue
		}
		switch a.solver.ask(a.sp.full, goal{a.sp.rules[i], mayTrue}, goal{a.sp.rules[j], mayAll &^ want}) {
		case notDecided:
			a.open[i]++
		case impossible:
			a.find(FaultContradicts, SeverityError, true, []int{i, j}, fmt.Sprintf("Narrow one of the two, or let %q lift %q.", a.doc(i).id, a.doc(j).id),
				"Rule %q grants, and wherever it does rule %q says %s: the grant is never the outcome.", a.doc(i).id, a.doc(j).id, a.saysWords(j, want))
			return
		}
	}
}

// saysWords names what a rule says for some values.
func (a *analysis) saysWords(j int, when truths) string {
	if when&mayTrue == 0 {
		return a.p.rules[j].ifUnknown.String()
	}
	return a.p.rules[j].outcome.String()
}

// together asks whether two rules can be true at once.
func (a *analysis) together(i, j int) answer {
	x, y := &a.p.rules[i], &a.p.rules[j]
	if max(x.from, y.from) >= min(x.to, y.to) || x.moments&y.moments == 0 {
		return impossible
	}
	return a.solver.ask(a.sp.full, goal{a.sp.rules[i], mayTrue}, goal{a.sp.rules[j], mayTrue})
}

// grantedTwice reports a grant that another grant makes needless.
func (a *analysis) grantedTwice(i, j int) {
	if len(a.p.rules[i].lifts) > 0 || a.apart(i, j, mayTrue) {
		return
	}
	v := a.solver.ask(a.sp.full, goal{a.sp.rules[i], mayTrue}, goal{a.sp.rules[j], mayFalse | mayUnknown})
	if v == notDecided {
		a.open[i]++
	}
	if v != impossible {
		return
	}
	same := a.within(j, i) && len(a.p.rules[j].lifts) == 0 && a.solver.ask(a.sp.full, goal{a.sp.rules[j], mayTrue}, goal{a.sp.rules[i], mayFalse | mayUnknown}) == impossible
	class, text := FaultHidden, fmt.Sprintf("Rule %q never changes an outcome: wherever it grants, rule %q grants too", a.doc(i).id, a.doc(j).id)
	if same {
		if j > i {
			return
		}
		class, text = FaultDuplicate, fmt.Sprintf("Rules %q and %q grant the same vehicles", a.doc(i).id, a.doc(j).id)
	}
	sev, suggest := SeverityError, "Remove it, or narrow the other."
	if extra := a.extra(i, j); extra != "" {
		sev, suggest, text = SeverityWarning, "Keep it if that is wanted.", text+"; it only adds "+extra
	}
	if !slices.ContainsFunc(a.found, func(f Fault) bool { return f.Class == class && f.Rules[0] == a.doc(i).id }) {
		a.find(class, sev, true, []int{i, j}, suggest, "%s.", text)
	}
}

// lifting looks at rules that lift others.
func (a *analysis) lifting() {
	severe := 0
	for i := range a.p.rules {
		if a.p.rules[i].outcome != Grant && len(a.p.rules[i].lifts) == 0 {
			severe++
		}
	}
	for i := range a.p.rules {
		r, d := &a.p.rules[i], a.doc(i)
		if len(r.lifts) == 0 {
			continue
		}
		if len(r.lifts) == severe && severe > 1 {
			a.find(FaultLiftsAll, SeverityWarning, true, []int{i}, "Name only the rules that the exemption is about.",
				"Rule %q lifts every rule that flags or denies (%d of them): where it is true nothing is left to stop a vehicle.", d.id, severe)
		}
		if d.instrument.To == "" && d.exemption != nil {
			a.find(FaultNoExpiry, SeverityWarning, true, []int{i}, "Add to: with its last day to the instrument.", "Exemption %q has no end.", d.id)
		}
		if a.dead[i] {
			continue
		}
		if a.solver.ask(a.sp.full, goal{a.sp.rules[i], mayFalse}) == impossible {
			a.find(FaultNoScope, SeverityError, true, []int{i}, "Say in when: whom it is for.", "Exemption %q is never false: it has no scope, and holds for every vehicle of which enough is known.", d.id)
		}
		var idle []int
		for _, t := range r.lifts {
			if a.meet(i, int(t)) == impossible {
				idle = append(idle, int(t))
			}
		}
		for _, t := range idle {
			sev := SeverityWarning
			if len(idle) == len(r.lifts) {
				sev = SeverityError
			}
			a.find(FaultIdleLift, sev, true, []int{i, t}, "Take it out of lifts, or change one of the two.",
				"Rule %q lifts %q, but never speaks where that rule does: it lifts nothing.", d.id, a.doc(t).id)
		}
	}
}
