package policy

import (
	"iter"
	"slices"
)

// Findings is one decision with all that it rests on, in a compact form: every
// rule that spoke or stays open, the facts that decided it, what was lifted by
// whom, and what is still to be found out. Words are made only when they are
// asked for.
//
// A Findings may be used again for another decision, of any policy; once it has
// grown to their size, Find allocates nothing. It refers to the facts that it
// was made of, which must not change while it is read, and serves one goroutine
// at a time. The zero value is ready for use.
type Findings struct {
	machine
	result   Outcome
	presume  bool
	spoke    []spoken
	clauses  []clause
	opens    []openFact
	told     []telling // per distinct condition of a rule
	open     []ruleFact
	gapped   bool // open holds what there is
	mute     bool // only open facts are wanted
	openMark int  // where the open facts of the condition in hand begin
	words    account
	drafts   []draft

	found   []finding // room for what an act may find
	settles []bool    // per open fact: some answer to it alone settles its rule
	looked  []bool
	try     *trial
}

// spoken is one rule's say.
type spoken struct {
	rule    int32
	kind    int32 // its condition among the distinct ones
	outcome Outcome
	open    bool
	by      int32 // 1 + index of the rule that lifts it
}

// telling is where the account of a condition lies among clauses and opens.
// Rules with the same condition share it.
type telling struct {
	done       bool
	from, to   int32
	open, last int32
}

// clauseKind is what a clause says.
type clauseKind uint8

const (
	cValue    clauseKind = iota // a known fact and how it compares
	cUnknown                    // a fact that is not known
	cHolds                      // an authorisation that is held or not
	cSupply                     // an answer of the supply graph
	cNoModule                   // a unit of which no module is known
	cUnit                       // a unit whose candidates agree: what follows is said of them
	cUnitEnd                    // back to the vehicle
	cFitted                     // whether the unit is fitted is not known
	cOneOf                      // a unit that holds one of several modules
	cOfThese                    // one of them: what follows is said of it
	cTheseEnd                   // back to the vehicle
	cOwn                        // the vehicle's own modem is not on record
	cNothing                    // a quantifier that found no unit to speak of
)

// clause is one step of the account of a rule.
type clause struct {
	kind clauseKind
	v    Truth
	node int32 // of the program
	u, k int32 // unit and candidate, -1 for none
}

// Find decides like Evaluate and keeps all of it in into, replacing what was
// there. f must stay as it is for as long as into is read; s may be asked from
// this goroutine only, also while words are made. A nil Supply answers nothing.
func (p *Policy) Find(f *Facts, s Supply, into *Findings) {
	into.prepare(p, f, s)
	into.result, into.presume = into.decide(), false
	into.reasons()
	into.open, into.gapped = into.open[:0], false
	if into.result == Grant {
		into.presume, into.gapped = into.presumed(), true
	}
}

// findings takes a Findings out of the policy's own.
func (p *Policy) findings() *Findings {
	fs, _ := p.machines.Get().(*Findings)
	if fs == nil {
		fs = &Findings{}
	}
	return fs
}

// release gives a Findings back and lets go of the caller's facts.
func (p *Policy) release(fs *Findings) {
	fs.Forget()
	p.machines.Put(fs)
}

// Forget lets go of the facts and answers that were read, and of what was
// found. The room that it took is kept.
func (fs *Findings) Forget() {
	fs.forget()
	fs.words.forget()
	if t := fs.try; t != nil {
		t.forget()
		t.facts, t.supply = Facts{}, supposing{}
		clear(t.units[:cap(t.units)])
		clear(t.cands[:cap(t.cands)])
		clear(t.held[:cap(t.held)])
	}
	fs.spoke, fs.clauses, fs.opens, fs.open = fs.spoke[:0], fs.clauses[:0], fs.opens[:0], fs.open[:0]
	clear(fs.opens[:cap(fs.opens)])
	clear(fs.open[:cap(fs.open)])
}

// Outcome is the strictest that the rules say, after lifting.
func (fs *Findings) Outcome() Outcome { return fs.result }

// Presumed says whether a grant rests on a presumption that the site chose.
func (fs *Findings) Presumed() bool { return fs.presume }

// Len is the number of rules that spoke, those that were lifted among them.
func (fs *Findings) Len() int { return len(fs.spoke) }

// Finding is one rule's say in a decision.
type Finding struct {
	Index    int     // of the rule in the file, from 0
	Rule     string  // its id
	Outcome  Outcome // what it says
	Open     bool    // it spoke because a fact was unknown (if_unknown)
	LiftedBy string  // the rule that lifted it; its say then counts for nothing
}

// At gives the say of one rule: strictest first, then in the order of the file.
func (fs *Findings) At(i int) Finding {
	s := &fs.spoke[i]
	f := Finding{Index: int(s.rule), Rule: fs.p.doc.rules[s.rule].id, Outcome: s.outcome, Open: s.open}
	if s.by != 0 {
		f.LiftedBy = fs.p.doc.rules[s.by-1].id
	}
	return f
}

// Atom is one comparison of a rule with a fact, or a question of what is known
// of it.
type Atom struct {
	Fact      string // as rules name it
	Value     Truth
	Unit      int // index into Facts.Units, -1 for a fact of the vehicle
	Candidate int // index into Unit.Candidates, likewise
	node      int32
}

// Atoms are those by which the rule at i was decided, or stays open, in the
// order in which its reason tells them.
func (fs *Findings) Atoms(i int) iter.Seq[Atom] {
	return func(yield func(Atom) bool) {
		t := &fs.told[fs.spoke[i].kind]
		for _, c := range fs.clauses[t.from:t.to] {
			if c.kind > cSupply {
				continue
			}
			n := &fs.p.prog[c.node]
			if !yield(Atom{Fact: n.fact.info().name, Value: c.v, Unit: int(c.u), Candidate: int(c.k), node: c.node}) {
				return
			}
		}
	}
}

// Gap is an unknown that keeps a rule open, or a rule that would grant from
// granting.
type Gap struct {
	Index int    // of the rule in the file, from 0
	Fact  string // as rules name it; module.fitted where it is open whether the unit is fitted
	Unit  int    // index into Facts.Units; -1 where it is not of a unit on record
	Party Party  // set where it is not the fact that is open but who stands behind the party it names
}

// Gaps are the unknowns that keep rules open, in the order of the file. There
// are none beside a grant.
func (fs *Findings) Gaps() iter.Seq[Gap] {
	return func(yield func(Gap) bool) {
		for _, o := range fs.lacking() {
			g := Gap{Index: o.rule, Fact: o.fact.info().name, Unit: o.unit, Party: o.party}
			if o.fitted {
				g.Fact = factFitted
			}
			if !yield(g) {
				return
			}
		}
	}
}

// reasons finds every rule that speaks, strictest first, then in file order,
// and what decided it.
func (fs *Findings) reasons() {
	fs.spoke, fs.clauses, fs.opens = fs.spoke[:0], fs.clauses[:0], fs.opens[:0]
	fs.told = zeroed(fs.told, fs.p.terms.kinds)
	for i := range fs.force {
		r := &fs.force[i]
		if v := fs.vals[r.rule]; v != False && r.says(v) != 0 {
			fs.spoke = append(fs.spoke, spoken{rule: r.rule, kind: fs.p.terms.roots[r.rule], outcome: r.says(v), open: v == Unknown, by: fs.lifted[r.rule]})
		}
	}
	slices.SortStableFunc(fs.spoke, func(a, b spoken) int { return int(b.outcome) - int(a.outcome) })
	for i := range fs.spoke {
		s := &fs.spoke[i]
		fs.tell(s.kind, fs.p.rules[s.rule].root, fs.vals[s.rule])
	}
}

// tell accounts for a condition of the value v, once.
func (fs *Findings) tell(kind, root int32, v Truth) {
	t := &fs.told[kind]
	if t.done {
		return
	}
	*t = telling{done: true, from: int32(len(fs.clauses)), open: int32(len(fs.opens))}
	fs.mute, fs.openMark = false, len(fs.opens)
	fs.explain(root, v)
	t.to, t.last = int32(len(fs.clauses)), int32(len(fs.opens))
}

// lacking is what keeps rules open; it is looked for when it is first asked for.
func (fs *Findings) lacking() []ruleFact {
	if !fs.gapped {
		fs.gapped = true
		fs.gaps()
	}
	return fs.open
}

// gaps collects what keeps rules open. Presumptions are looked at sceptically,
// so that a rule which is silent only because nothing is known counts among
// those that a question would settle.
func (fs *Findings) gaps() {
	decided := slices.ContainsFunc(fs.spoke, func(s spoken) bool { return s.outcome != Grant && !s.open && s.by == 0 })
	for i := range fs.force {
		r := &fs.force[i]
		if fs.lifted[r.rule] != 0 {
			continue
		}
		if r.says(fs.vals[r.rule]) != 0 {
			t := &fs.told[fs.p.terms.roots[r.rule]]
			fs.keep(r.rule, fs.opens[t.open:t.last])
			continue
		}
		fs.collect(r, decided)
	}
}

// keep notes the open facts of a rule.
func (fs *Findings) keep(rule int32, open []openFact) {
	for _, o := range open {
		fs.open = append(fs.open, ruleFact{int(rule), o})
	}
}

// collect gathers the open facts of a rule that gave no reason: one that
// presumes, looked at sceptically, or one that grants and is not true. Once a
// rule that denies or flags is true, nothing that a grant rule lacks would help.
func (fs *Findings) collect(r *standing, decided bool) {
	if r.outcome == Grant && decided || r.outcome != Grant && !r.presumes {
		return
	}
	root := fs.p.rules[r.rule].root
	mark := len(fs.opens)
	fs.mute, fs.openMark = true, mark
	if r.outcome == Grant {
		fs.unsettled(root)
	}
	if r.outcome != Grant {
		fs.doubt()
		defer fs.doubt()
	}
	if fs.value(r.term) == Unknown {
		fs.explain(root, Unknown)
	}
	fs.mute = false
	fs.keep(r.rule, fs.opens[mark:])
	fs.opens = fs.opens[:mark]
}

// unsettled names the modules that are known, but not well enough for a rule
// that grants.
func (fs *Findings) unsettled(root int32) {
	for i := root; i < fs.p.prog[root].end; i++ {
		n := &fs.p.prog[i]
		if !n.op.quantifier() {
			continue
		}
		for k := i + 1; k < n.end; k++ {
			if c := &fs.p.prog[k]; c.op == opAtom && c.fact == fModuleCertainty {
				fs.unsettledUnits(k)
			}
		}
	}
}

func (fs *Findings) unsettledUnits(i int32) {
	for u := range fs.f.Units {
		if f := fs.f.Units[u].Fitted; f.Known && !f.Value {
			continue
		}
		for k := range fs.f.Units[u].Candidates {
			fs.take(u, k)
			v := fs.eval(i)
			fs.drop()
			if v != True {
				fs.opens = append(fs.opens, openFact{fact: fModuleMaker, unit: u})
				break
			}
		}
	}
}

// say adds one clause about the module in hand, or the vehicle.
func (fs *Findings) say(kind clauseKind, node int32, v Truth) {
	if !fs.mute {
		fs.clauses = append(fs.clauses, clause{kind, v, node, int32(fs.u), int32(fs.k)})
	}
}

// ask later: an unknown that would have to be found out.
func (fs *Findings) lack(o openFact) { fs.opens = append(fs.opens, o) }

// explain walks the part of a condition that made its value v and accounts for
// it.
func (fs *Findings) explain(i int32, v Truth) {
	n := &fs.p.prog[i]
	switch n.op {
	case opAtom:
		fs.explainAtom(i, n)
	case opAll, opAny:
		fs.explainGroup(i, n, v)
	case opNot:
		fs.explain(i+1, not(v))
	case opSurely:
		fs.explain(i+1, fs.eval(i+1))
	case opKnown, opUnknown:
		known := fs.leafKnown(n.fact) && !(fs.sceptic && n.presumes)
		if !known {
			fs.explainUnknown(i, n, v)
			return
		}
		fs.say(cValue, i, v)
	default:
		fs.explainQuantifier(i, n, v)
	}
}

func (fs *Findings) explainGroup(i int32, n *node, v Truth) {
	stop := False
	if n.op == opAny {
		stop = True
	}
	prog := fs.p.prog
	for _, want := range [...]Truth{v, not(stop)} {
		// What is said of a module comes before what is said of the rest.
		for _, quantified := range [...]bool{true, false} {
			if quantified && !n.quantified {
				continue
			}
			for k := i + 1; k < n.end; k = prog[k].end {
				// Where nothing stopped the group, all its parts agree.
				if prog[k].quantified != quantified || v != not(stop) && fs.eval(k) != want {
					continue
				}
				fs.explain(k, want)
				if v == stop {
					return
				}
			}
		}
		// An open "all" also tells what already holds.
		if v != Unknown || n.op != opAll {
			return
		}
	}
}

func (fs *Findings) explainUnknown(i int32, n *node, v Truth) {
	if n.fact.kind() == kindCount {
		return
	}
	o := openFact{fact: n.fact, unit: -1}
	if n.fact.module() {
		o.unit = fs.u
	}
	if slices.Contains(fs.opens[fs.openMark:], o) {
		return
	}
	if n.fact.info().cost > 0 {
		fs.lack(o)
	}
	fs.say(cUnknown, i, v)
}

func (fs *Findings) explainAtom(i int32, n *node) {
	if n.test.supply() {
		fs.explainSupply(i, n)
		return
	}
	if n.presumes && fs.sceptic {
		return
	}
	switch v := fs.eval(i); {
	case n.test == testInclude:
		fs.say(cHolds, i, v)
	case v == Unknown:
		fs.explainUnknown(i, n, v)
	default:
		fs.say(cValue, i, v)
	}
}

func (fs *Findings) explainSupply(i int32, n *node) {
	leaf := fs.party(n.fact)
	if !leaf.Known {
		if !n.fact.finding() {
			fs.explainUnknown(i, n, Unknown)
		}
		return
	}
	v := fs.eval(i)
	if v == Unknown {
		fs.lack(openFact{fact: n.fact, unit: -1, party: leaf.Value})
	}
	fs.say(cSupply, i, v)
}

// explainQuantifier accounts for the units that made the quantifier's value.
func (fs *Findings) explainQuantifier(i int32, n *node, v Truth) {
	every := n.op == opEveryModule
	spoke := false
	for u := range fs.seats {
		w, present := fs.unitTruth(i, n, u)
		if !present || w != v {
			continue
		}
		spoke = true
		fs.explainUnit(i, u, w)
		if v == True && !every || v == False && every {
			return
		}
	}
	if v == Unknown && !fs.own && fs.ownUnit(n) {
		fs.lack(openFact{fact: fModuleMaker, unit: -1})
		if !fs.f.Modem.Known {
			fs.lack(openFact{fact: fModem, unit: -1})
		}
		fs.say(cOwn, i, v)
		return
	}
	if !spoke && v != Unknown {
		fs.say(cNothing, i, v)
	}
}

// sayUnit adds a clause about a unit as a whole.
func (fs *Findings) sayUnit(kind clauseKind, node int32, v Truth, u, k int) {
	if !fs.mute {
		fs.clauses = append(fs.clauses, clause{kind, v, node, int32(u), int32(k)})
	}
}

// explainUnit tells of one unit whose contribution is w.
func (fs *Findings) explainUnit(i int32, u int, w Truth) {
	unit := &fs.f.Units[u]
	if len(unit.Candidates) == 0 {
		fs.lack(openFact{fact: fModuleMaker, unit: u})
		fs.sayUnit(cNoModule, i, w, u, -1)
		return
	}
	agreed := fs.agreed(i, u)
	if agreed == Unknown && len(unit.Candidates) > 1 {
		fs.explainAlternatives(i, u)
		return
	}
	fs.sayUnit(cUnit, i, w, u, 0)
	fs.take(u, 0)
	fs.explain(i+1, agreed)
	fs.drop()
	fs.sayUnit(cUnitEnd, i, w, u, 0)
	if agreed != w { // only whether it is fitted stays open
		fs.lack(openFact{fact: fModuleModel, unit: u, fitted: true})
		fs.sayUnit(cFitted, i, w, u, -1)
	}
}

// explainAlternatives tells of a unit whose candidates do not agree.
func (fs *Findings) explainAlternatives(i int32, u int) {
	fs.lack(openFact{fact: fModuleMaker, unit: u})
	if fs.mute {
		return
	}
	fs.sayUnit(cOneOf, i, Unknown, u, -1)
	for k := range fs.f.Units[u].Candidates {
		if fs.body(i, u, k) != True {
			continue
		}
		fs.sayUnit(cOfThese, i, True, u, k)
		fs.take(u, k)
		fs.explain(i+1, True)
		fs.drop()
		fs.sayUnit(cTheseEnd, i, True, u, k)
		return
	}
}
