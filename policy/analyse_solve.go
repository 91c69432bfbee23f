package policy

import "slices"

// Bounds of the solver. They are counted in looks at a node of a condition, so
// that an answer does not depend on the machine.
const (
	workPerQuestion = 60_000
	workInAll       = 40_000_000
	maxQuantifiers  = 6
	maxVectors      = 400
)

// answer is what the solver says to "is there a set of facts such that".
type answer uint8

const (
	notDecided answer = iota
	impossible
	possible
)

// goal wants a condition to have one of several values.
type goal struct {
	n    *form
	want truths
}

// solver looks for facts under which every goal holds, by splitting the cells
// of one variable after the other. It takes at least all facts that there can
// be: what it calls impossible is impossible.
type solver struct {
	sp    *space
	dom   []uint64
	quant []truths // per quantifier; mayAll until it is settled
	goals []goal
	left  int // looks at nodes left for this question
	spent int // looks at nodes so far, over all questions
	saved [][]uint64
	keep  bool    // units are wanted that show what is possible
	units []world // of the quantifiers settled last, where kept
	cache map[string][]reach
}

func newSolver(sp *space) *solver {
	s := &solver{sp: sp, dom: slices.Clone(sp.full), quant: make([]truths, len(sp.quants)), cache: map[string][]reach{}}
	for i := range s.quant {
		s.quant[i] = mayAll
	}
	return s
}

// ask answers for goals under the domains in hand. After possible, s.dom and
// s.units hold facts that show it until the next question.
func (s *solver) ask(base []uint64, goals ...goal) answer {
	copy(s.dom, base)
	for i := range s.quant {
		s.quant[i] = mayAll
	}
	s.units = nil
	s.goals = s.goals[:0]
	s.left = min(workPerQuestion, workInAll-s.spent)
	before := s.left
	out := impossible
	if !slices.ContainsFunc(goals, func(g goal) bool { return !s.assume(g.n, g.want) }) {
		out = s.search()
	}
	s.spent += before - max(s.left, 0)
	if s.left <= 0 && out == impossible {
		return notDecided
	}
	return out
}

// assume narrows the domains to what a goal needs as far as that takes no
// choice, and keeps the rest of it as goals. It is false where nothing is left.
func (s *solver) assume(n *form, want truths) bool {
	s.left--
	each := func() bool {
		return !slices.ContainsFunc(n.kids, func(k *form) bool { return !s.assume(k, want) })
	}
	switch {
	case n.op == opAll && (want == mayTrue || want == mayTrue|mayUnknown),
		n.op == opAny && (want == mayFalse || want == mayFalse|mayUnknown):
		return each()
	case n.op == opNot:
		return s.assume(n.kids[0], want.not())
	case n.op == opSurely:
		if want &^= mayUnknown; want == mayFalse {
			want |= mayUnknown
		} else if want == mayTrue|mayFalse {
			want = mayAll
		}
		return want != 0 && s.assume(n.kids[0], want)
	case n.kids == nil && n.party < 0:
		return s.narrow(n, want)
	case n.kids == nil && want&absentOf(n) == 0:
		d := s.leafDom(n.party)
		d[0] &^= 1
		return slices.ContainsFunc(d, func(w uint64) bool { return w != 0 }) && s.narrow(n, want)
	}
	s.goals = append(s.goals, goal{n, want})
	return true
}

// narrow keeps of an atom's cells those with a value that is wanted.
func (s *solver) narrow(n *form, want truths) bool {
	var some uint64
	for i, d := range s.leafDom(n.v) {
		var keep uint64
		if want&mayTrue != 0 {
			keep |= n.t[i]
		}
		if want&mayFalse != 0 {
			keep |= n.f[i]
		}
		if want&mayUnknown != 0 {
			keep |= ^(n.t[i] | n.f[i])
		}
		s.leafDom(n.v)[i] = d & keep
		some |= d & keep
	}
	return some != 0
}

func (s *solver) leafDom(v int32) []uint64 {
	x := &s.sp.vars[v]
	return s.dom[x.at : x.at+x.words]
}

// set gives the values that a condition may have under the domains in hand.
func (s *solver) set(n *form) truths {
	s.left--
	switch n.op {
	case opAtom, opKnown, opUnknown:
		return s.leaf(n)
	case opAll:
		t, f, u := true, false, false
		may := true // every part may be true or unknown
		for _, k := range n.kids {
			w := s.set(k)
			if w == mayFalse {
				return mayFalse
			}
			t = t && w&mayTrue != 0
			f = f || w&mayFalse != 0
			u = u || w&mayUnknown != 0
			may = may && w&^mayFalse != 0
		}
		return join(t, f, u && may)
	case opAny:
		t, f, u := false, true, false
		may := true
		for _, k := range n.kids {
			w := s.set(k)
			if w == mayTrue {
				return mayTrue
			}
			t = t || w&mayTrue != 0
			f = f && w&mayFalse != 0
			u = u || w&mayUnknown != 0
			may = may && w&^mayTrue != 0
		}
		return join(t, f, u && may)
	case opNot:
		return s.set(n.kids[0]).not()
	case opSurely:
		w := s.set(n.kids[0])
		if w&mayUnknown != 0 {
			w = w&^mayUnknown | mayFalse
		}
		return w
	default:
		return s.quant[n.quant]
	}
}

func join(t, f, u bool) truths {
	var s truths
	if t {
		s |= mayTrue
	}
	if f {
		s |= mayFalse
	}
	if u {
		s |= mayUnknown
	}
	return s
}

func (s *solver) leaf(n *form) truths {
	if n.party < 0 {
		return s.cells(n)
	}
	var out truths
	for i, w := range s.leafDom(n.party) {
		if i == 0 && w&1 != 0 {
			out |= absentOf(n)
			w &^= 1
		}
		if w != 0 {
			return out | s.cells(n)
		}
	}
	return out
}

func absentOf(n *form) truths {
	if n.fact.finding() {
		return mayFalse
	}
	return mayUnknown
}

func (s *solver) cells(n *form) truths {
	var t, f, u uint64
	for i, w := range s.leafDom(n.v) {
		t |= w & n.t[i]
		f |= w & n.f[i]
		u |= w &^ (n.t[i] | n.f[i])
	}
	return join(t != 0, f != 0, u != 0)
}

// under gives the values that a condition may have under what was held before.
func (s *solver) under(held snap, n *form) truths {
	dom, quant := s.dom, s.quant
	s.dom, s.quant = held.dom, held.quant
	s.left = workPerQuestion
	v := s.set(n)
	s.dom, s.quant = dom, quant
	return v
}

// search goes on from the domains in hand.
func (s *solver) search() answer {
	open := -1
	for i, g := range s.goals {
		v := s.set(g.n)
		if v&g.want == 0 {
			return impossible
		}
		if v&^g.want != 0 && open < 0 {
			open = i
		}
	}
	if open < 0 {
		return possible
	}
	if s.left <= 0 {
		return notDecided
	}
	for _, g := range s.goals[open:] {
		if v := s.set(g.n); v&^g.want == 0 {
			continue
		}
		if leaf := s.pick(g.n); leaf != nil {
			return s.split(leaf, g.want == mayTrue, s.search)
		}
	}
	return s.settle()
}

// pick finds an atom that is open and matters, outside of quantifiers.
func (s *solver) pick(n *form) *form {
	if n.op.quantifier() || s.set(n).one() {
		return nil
	}
	if n.kids == nil {
		return n
	}
	for _, k := range n.kids {
		if leaf := s.pick(k); leaf != nil {
			return leaf
		}
	}
	return nil
}

// split tries what an open atom may be, one value after the other.
func (s *solver) split(n *form, trueFirst bool, then func() answer) answer {
	if n.party >= 0 {
		d := s.leafDom(n.party)
		if d[0]&1 != 0 && (d[0] > 1 || slices.ContainsFunc(d[1:], func(w uint64) bool { return w != 0 })) {
			return s.splitBy(n.party, then, func(i int, w uint64, part int) uint64 {
				unknown := uint64(0)
				if i == 0 {
					unknown = 1
				}
				switch part {
				case 0:
					return w &^ unknown
				case 1:
					return w & unknown
				default:
					return 0
				}
			})
		}
	}
	return s.splitBy(n.v, then, func(i int, w uint64, part int) uint64 {
		if !trueFirst && part < 2 {
			part = 1 - part
		}
		switch part {
		case 0:
			return w & n.t[i]
		case 1:
			return w & n.f[i]
		default:
			return w &^ (n.t[i] | n.f[i])
		}
	})
}

func (s *solver) splitBy(v int32, then func() answer, keep func(i int, w uint64, part int) uint64) answer {
	d := s.leafDom(v)
	old := s.save(d)
	defer s.drop()
	out := impossible
	for part := range 3 {
		var some uint64
		for i := range d {
			d[i] = keep(i, old[i], part)
			some |= d[i]
		}
		if some == 0 {
			continue
		}
		switch then() {
		case possible:
			return possible
		case notDecided:
			out = notDecided
		}
		if s.left <= 0 {
			out = notDecided
			break
		}
	}
	copy(d, old)
	return out
}

func (s *solver) save(d []uint64) []uint64 {
	n := len(s.saved)
	if n < cap(s.saved) {
		s.saved = s.saved[:n+1]
		s.saved[n] = append(s.saved[n][:0], d...)
	} else {
		s.saved = append(s.saved, slices.Clone(d))
	}
	return s.saved[n]
}

func (s *solver) drop() { s.saved = s.saved[:len(s.saved)-1] }

// settle looks into the quantifiers, which are all that is open now.
func (s *solver) settle() answer {
	var list []*form
	seen := map[int32]bool{}
	for _, g := range s.goals {
		s.open(g.n, seen, &list)
	}
	for _, q := range list {
		if leaf := s.pickOutside(q.kids[0]); leaf != nil {
			return s.split(leaf, true, s.search)
		}
	}
	modem := s.sp.index[varKey{fact: fModem}]
	if d := s.leafDom(modem); slices.ContainsFunc(list, needsOwnUnit) {
		no := uint64(2) // the cell of "no modem": 0 is unknown, 1 is false, 2 is true
		if d[0]&no != 0 && d[0]&^no != 0 {
			return s.splitBy(modem, s.search, func(_ int, w uint64, part int) uint64 {
				switch part {
				case 0:
					return w &^ no
				case 1:
					return w & no
				default:
					return 0
				}
			})
		}
	}
	all, ok := s.reachable(list, s.leafDom(modem)[0]&2 == 0)
	if !ok {
		return notDecided
	}
	out := impossible
	for _, r := range all {
		for i, q := range list {
			s.quant[q.quant] = setOf(r.q.get(i))
		}
		s.units = r.units
		switch s.search() {
		case possible:
			return possible
		case notDecided:
			out = notDecided
		}
		if s.left <= 0 {
			out = notDecided
			break
		}
	}
	for _, q := range list {
		s.quant[q.quant] = mayAll
	}
	s.units = nil
	return out
}

// needsOwnUnit says whether the vehicle's own unknown modem keeps a quantifier open.
func needsOwnUnit(q *form) bool { return q.op == opAnyModule || q.op == opEveryModule }

// open lists the quantifiers that are not settled, each once.
func (s *solver) open(n *form, seen map[int32]bool, list *[]*form) {
	if n.op.quantifier() {
		if s.quant[n.quant] == mayAll && !seen[n.quant] {
			seen[n.quant] = true
			*list = append(*list, s.sp.quants[n.quant])
		}
		return
	}
	for _, k := range n.kids {
		s.open(k, seen, list)
	}
}

// pickOutside finds an open atom below a quantifier that is not one of a module.
func (s *solver) pickOutside(n *form) *form {
	if n.kids == nil {
		if !n.module && !s.set(n).one() {
			return n
		}
		return nil
	}
	for _, k := range n.kids {
		if leaf := s.pickOutside(k); leaf != nil {
			return leaf
		}
	}
	return nil
}
