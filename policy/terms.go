package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// term is one distinct condition of a policy. Rules repeat conditions, and a
// term is worked out once for a decision, or once for a candidate where it
// speaks of the module in hand, however many rules hold it.
type term struct {
	place    int32 // among the vehicle's terms, or among the modules'
	mask     int32 // -1 where its value depends on the module in hand, else 0
	node     int32 // where it stands first in the program
	op       op
	presumes bool // it rests on a presumption, of its own or below it
	kids     []int32
}

// terms is a policy's program as a decision runs it: prog says what is written,
// in the order of the file, terms what has to be worked out.
type terms struct {
	all     []term
	of      []int32 // per node of the program: its term
	vehicle int     // how many are worked out once for the vehicle
	module  int     // how many are worked out for every candidate

	// Where the values of terms that rest on a presumption are kept.
	presuming, presumingModule []int32

	roots []int32 // per rule: the place of its condition among the distinct ones
	kinds int     // distinct conditions of rules
}

// lowering finds the distinct conditions of a program.
type lowering struct {
	terms
	prog  []node
	known map[string]int32
	costs []int
}

// lower finds the distinct conditions of the rules. Within all and any it puts
// what is cheap to work out before what is dear; the value is the same, and the
// supply graph is asked no more than in the order of the file.
func lower(prog []node, rules []rule) terms {
	l := lowering{terms: terms{of: make([]int32, len(prog))}, prog: prog, known: map[string]int32{}}
	kinds := map[int32]int32{}
	for i := range rules {
		root := l.node(rules[i].root)
		if _, ok := kinds[root]; !ok {
			kinds[root] = int32(len(kinds))
		}
		l.roots = append(l.roots, kinds[root])
	}
	l.kinds = len(kinds)
	return l.terms
}

// node gives the term of a node, and notes those below it.
func (l *lowering) node(i int32) int32 {
	n := &l.prog[i]
	t := term{op: n.op, node: i, presumes: n.presumes}
	cost := atomCost(n)
	for k := i + 1; k < n.end; k = l.prog[k].end {
		kid := l.node(k)
		t.kids = append(t.kids, kid)
		t.presumes = t.presumes || l.all[kid].presumes
		t.mask |= l.all[kid].mask
		cost += l.costs[kid]
	}
	switch {
	case n.op.quantifier():
		t.mask = 0
		cost *= 2
	case len(t.kids) == 0 && n.fact.module():
		t.mask = -1
	}
	key := termKey(n, t.kids)
	if at, ok := l.known[key]; ok {
		l.of[i] = at
		return at
	}
	if n.op == opAll || n.op == opAny {
		slices.SortStableFunc(t.kids, func(a, b int32) int { return cmp.Compare(l.costs[a], l.costs[b]) })
	}
	to, count := &l.presuming, &l.vehicle
	if t.mask != 0 {
		to, count = &l.presumingModule, &l.module
	}
	t.place = int32(*count)
	*count++
	if t.presumes {
		*to = append(*to, t.place)
	}
	at := int32(len(l.all))
	l.known[key], l.of[i] = at, at
	l.all, l.costs = append(l.all, t), append(l.costs, cost)
	return at
}

// termKey tells conditions apart that differ in more than where they stand.
// Whether true would be stricter matters to quantifiers only.
func termKey(n *node, kids []int32) string {
	like := *n
	like.end, like.quantified = 0, false
	like.raise = n.raise && n.op.quantifier()
	return fmt.Sprintf("%v %d", like, kids)
}

// atomCost is about what working out one node takes, in nanoseconds.
func atomCost(n *node) int {
	switch {
	case n.op != opAtom:
		return 1
	case n.how == howSupply:
		return 40
	case n.how == howWord:
		return 4 + len(n.vals)
	default:
		return 2
	}
}
