package policy

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// The analyser's picture of the facts. Every fact that a policy asks about is
// a variable with finitely many cells: unknown, and ranges or groups of values
// that no atom of the policy tells apart. An answer of the supply graph is a
// variable too, whose cells keep that a share which reaches 50 per cent also
// reaches 25. Facts of a module are variables of one candidate.

// truths is a set of truth values.
type truths uint8

const (
	mayTrue truths = 1 << iota
	mayFalse
	mayUnknown
	mayAll = mayTrue | mayFalse | mayUnknown
)

func (s truths) one() bool { return s&(s-1) == 0 }

func setOf(v Truth) truths {
	switch v {
	case True:
		return mayTrue
	case False:
		return mayFalse
	default:
		return mayUnknown
	}
}

func (s truths) not() truths {
	return s&mayUnknown | s&mayTrue<<1 | s&mayFalse>>1
}

// cell is a group of values that no atom tells apart. The first cell of a
// variable is "unknown"; counts, authorisations and answers have no such cell.
type cell struct {
	num  int64 // a value of the group, for numbers
	text string
	// other marks the values that no rule names.
	other bool
	// yes and open are, for an answer, how many of the thresholds are reached
	// for certain and how many more may be.
	yes, open int
}

// variable is one fact, authorisation or supply answer.
type variable struct {
	fact  factID
	op    test   // of an answer
	arg   string // of an answer, or the authorisation's id
	kind  varKind
	cells []cell
	pcts  []float64 // of an answer, rising
	named []value   // constants that atoms compare with, while collecting
	at    int32     // where its cells begin among all bits
	words int32
}

type varKind uint8

const (
	varFact varKind = iota
	varAnswer
	varHeld // an authorisation
)

// form is a condition over variables.
type form struct {
	op    op
	fact  factID
	raise bool
	kids  []*form
	v     int32 // variable of an atom, known and unknown
	party int32 // for supply atoms the variable of the party, else -1
	// bits of the cells for which the atom is true and false; the rest is unknown
	t, f []uint64
	// quant is the number of a quantifier; equal ones share it.
	quant  int32
	facts  factSet // of the whole condition
	module bool    // its variable is a module's
}

type factSet [2]uint64

func (s *factSet) add(f factID) { s[f/64] |= 1 << (f % 64) }
func (s *factSet) join(o factSet) {
	s[0] |= o[0]
	s[1] |= o[1]
}
func (s factSet) has(f factID) bool { return s[f/64]>>(f%64)&1 != 0 }

// space is all variables of a policy and its rules over them.
type space struct {
	vars   []variable
	index  map[varKey]int32
	full   []uint64 // every cell possible
	rules  []*form
	quants []*form
	byBody map[string]int32
	writer writer
	known  *form // whether a candidate's maker is known
}

type varKey struct {
	fact factID
	kind varKind
	op   test
	arg  string
}

// newSpace builds the variables and conditions of a policy's rules.
func newSpace(p *Policy) *space {
	sp := &space{index: map[varKey]int32{}, byBody: map[string]int32{}}
	for _, r := range p.doc.rules {
		sp.collect(r.when)
	}
	if sp.vars == nil || sp.quantified(p) {
		sp.variable(varKey{fact: fModem})
		sp.variable(varKey{fact: fModuleMaker})
		sp.variable(varKey{fact: fModuleRole})
	}
	at := int32(0)
	for i := range sp.vars {
		v := &sp.vars[i]
		v.divide()
		v.words = int32(len(v.cells)+63) / 64
		v.at = at
		at += v.words
	}
	sp.full = make([]uint64, at)
	for i := range sp.vars {
		for c := range sp.vars[i].cells {
			sp.full[sp.vars[i].at+int32(c/64)] |= 1 << (c % 64)
		}
	}
	if k, ok := sp.index[varKey{fact: fModuleMaker}]; ok {
		sp.known = &form{op: opKnown, fact: fModuleMaker, v: k, party: -1, module: true}
		sp.setCells(sp.known, func(c int) Truth { return truth(c != 0) })
	}
	for _, r := range p.doc.rules {
		sp.rules = append(sp.rules, sp.form(r.when))
	}
	return sp
}

func (sp *space) quantified(p *Policy) bool {
	var walk func(c *cond) bool
	walk = func(c *cond) bool { return c.op.quantifier() || slices.ContainsFunc(c.kids, walk) }
	return slices.ContainsFunc(p.doc.rules, func(r *ruleDoc) bool { return walk(r.when) })
}

func (sp *space) variable(k varKey) *variable {
	i, ok := sp.index[k]
	if !ok {
		i = int32(len(sp.vars))
		sp.index[k] = i
		sp.vars = append(sp.vars, variable{fact: k.fact, kind: k.kind, op: k.op, arg: k.arg})
	}
	return &sp.vars[i]
}

// collect gathers what the atoms below c compare with.
func (sp *space) collect(c *cond) {
	for _, k := range c.kids {
		sp.collect(k)
	}
	switch {
	case c.op == opKnown || c.op == opUnknown:
		sp.variable(varKey{fact: c.fact})
	case c.op != opAtom:
	case c.test.supply():
		sp.variable(varKey{fact: c.fact})
		v := sp.variable(sp.answerKey(c))
		if k, found := slices.BinarySearch(v.pcts, c.pct); !found {
			v.pcts = slices.Insert(v.pcts, k, c.pct)
		}
	case c.test == testInclude:
		sp.variable(varKey{fact: c.fact, kind: varHeld, arg: c.vals[0].text})
	default:
		v := sp.variable(varKey{fact: c.fact})
		v.named = append(v.named, c.vals...)
	}
}

func (sp *space) answerKey(c *cond) varKey {
	k := varKey{fact: c.fact, kind: varAnswer, op: c.test}
	if len(c.vals) > 0 {
		k.arg = c.vals[0].text
	}
	return k
}

// The days that can be written, from the year 0 to the year 9999, since 1970.
const (
	firstDay = -719528
	lastDay  = 2932896
)

// limits are the least and greatest value a number can have.
func limits(f factID) (lo, hi int64) {
	switch f.kind() {
	case kindBool:
		return 0, 1
	case kindZone:
		return int64(ZonePublic), int64(ZoneCritical)
	case kindCertainty:
		return int64(CertaintyReported), int64(CertaintySettled)
	case kindCount:
		return 0, math.MaxInt32
	case kindTime:
		return 0, 24*60 - 1
	case kindPosture:
		return 0, math.MaxInt32
	case kindDate:
		return firstDay, lastDay
	}
	return math.MinInt32, math.MaxInt32
}

// divide makes the variable's cells.
func (v *variable) divide() {
	switch v.kind {
	case varHeld:
		v.cells = []cell{{num: 0}, {num: 1}}
		return
	case varAnswer:
		n := len(v.pcts)
		for yes := 0; yes <= n; yes++ {
			for open := 0; yes+open <= n; open++ {
				v.cells = append(v.cells, cell{yes: yes, open: open})
			}
		}
		return
	}
	if v.fact.kind() != kindCount {
		v.cells = append(v.cells, cell{})
	}
	if v.fact.kind().numeric() {
		v.divideNumbers()
		return
	}
	var all []string
	switch v.fact.kind() {
	case kindClass:
		all = classNames
	case kindWeekday:
		all = weekdayNames
	case kindPass:
		all = passNames
	}
	for _, s := range all {
		v.cells = append(v.cells, cell{text: s})
	}
	slices.SortFunc(v.named, func(a, b value) int { return cmp.Compare(a.text, b.text) })
	seen := map[string][]string{}
	for _, x := range v.named {
		k := foldKey(x.text)
		if !slices.Contains(all, x.text) && !slices.ContainsFunc(seen[k], func(s string) bool { return same(s, x.text) }) {
			seen[k] = append(seen[k], x.text)
			v.cells = append(v.cells, cell{text: x.text})
		}
	}
	if all == nil {
		v.cells = append(v.cells, cell{other: true})
	}
}

// foldKey is equal for all texts that the engine takes as the same, and for
// few others.
func foldKey(s string) string { return strings.ToLower(strings.ToUpper(s)) }

func (v *variable) divideNumbers() {
	lo, hi := limits(v.fact)
	cuts := []int64{lo}
	for _, x := range v.named {
		cuts = append(cuts, x.num, x.num+1)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for i, from := range cuts {
		if from < lo || from > hi {
			continue
		}
		to := hi
		if i+1 < len(cuts) {
			to = min(hi, cuts[i+1]-1)
		}
		x := from
		if from == lo && to < hi { // nearer to what the field has
			x = to
		}
		v.cells = append(v.cells, cell{num: x})
	}
}

// form translates a condition.
func (sp *space) form(c *cond) *form {
	n := &form{op: c.op, fact: c.fact, raise: c.raise, v: -1, party: -1, quant: -1}
	for _, k := range c.kids {
		kid := sp.form(k)
		n.kids = append(n.kids, kid)
		n.facts.join(kid.facts)
	}
	switch {
	case c.op == opKnown || c.op == opUnknown:
		n.v = sp.index[varKey{fact: c.fact}]
		sp.setCells(n, func(i int) Truth { return truth((i != 0) == (c.op == opKnown)) })
	case c.op == opAtom:
		sp.atom(n, c)
	case c.op.quantifier():
		sp.writer.Reset()
		sp.writer.cond(c)
		key := sp.writer.String()
		if c.raise {
			key = "+" + key
		}
		q, ok := sp.byBody[key]
		if !ok {
			q = int32(len(sp.quants))
			sp.byBody[key] = q
			sp.quants = append(sp.quants, n)
		}
		n.quant = q
		n.facts.add(fModuleMaker)
		n.facts.add(fModem)
	}
	if n.v >= 0 {
		n.module = c.fact.module()
		n.facts.add(c.fact)
	}
	return n
}

func (sp *space) setCells(n *form, value func(i int) Truth) {
	v := &sp.vars[n.v]
	both := make([]uint64, 2*v.words)
	n.t, n.f = both[:v.words], both[v.words:]
	for i := range v.cells {
		switch value(i) {
		case True:
			n.t[i/64] |= 1 << (i % 64)
		case False:
			n.f[i/64] |= 1 << (i % 64)
		}
	}
}

func (sp *space) atom(n *form, c *cond) {
	absent := Unknown
	if c.fact.finding() {
		absent = False
	}
	switch {
	case c.test.supply():
		n.party = sp.index[varKey{fact: c.fact}]
		n.v = sp.index[sp.answerKey(c)]
		v := &sp.vars[n.v]
		k, _ := slices.BinarySearch(v.pcts, c.pct)
		sp.setCells(n, func(i int) Truth {
			out := False
			switch x := v.cells[i]; {
			case k < x.yes:
				out = True
			case k < x.yes+x.open:
				out = Unknown
			}
			if c.test == testOwnerResolved && c.vals[0].num == 0 {
				out = not(out)
			}
			return out
		})
	case c.test == testInclude:
		n.v = sp.index[varKey{fact: c.fact, kind: varHeld, arg: c.vals[0].text}]
		sp.setCells(n, func(i int) Truth { return truth(i == 1) })
	default:
		n.v = sp.index[varKey{fact: c.fact}]
		v := &sp.vars[n.v]
		lo, hi := span(c.test, c.vals[0].num)
		sp.setCells(n, func(i int) Truth {
			x := &v.cells[i]
			if i == 0 && c.fact.kind() != kindCount {
				return absent
			}
			if c.fact.kind().numeric() && c.test != testIn {
				return truth(x.num >= lo && x.num <= hi)
			}
			return truth(slices.ContainsFunc(c.vals, func(w value) bool {
				if c.fact.kind().numeric() {
					return w.num == x.num
				}
				return !x.other && same(w.text, x.text)
			}))
		})
	}
}
