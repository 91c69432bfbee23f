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
	op       op
	module   bool  // its value depends on the module in hand
	presumes bool  // it rests on a presumption, of its own or below it
	place    int32 // among the vehicle's terms, or among the modules'
	node     int32 // where it stands first in the program
	kids     []int32
}

// terms is a policy's program as a decision runs it: prog says what is written,
// in the order of the file, terms what has to be worked out.
type terms struct {
	all     []term  // a term stands behind its kids
	of      []int32 // per node of the program: its term
	vehicle int     // how many are worked out once for the vehicle
	module  int     // how many are worked out for every candidate
	roots   []int32 // per rule: the place of its condition among the distinct ones
	kinds   int     // distinct conditions of rules
}

// lower finds the distinct conditions of a program. Within all and any it puts
// what is cheap to work out before what is dear; the value is the same, and the
// supply graph is asked no more than in the order of the file.
func lower(prog []node, rules []rule) terms {
	cs := terms{of: make([]int32, len(prog))}
	known := map[string]int32{}
	var costs []int
	var key []byte
	for i := len(prog) - 1; i >= 0; i-- {
		n := &prog[i]
		c := term{op: n.op, node: int32(i), presumes: n.presumes}
		cost := atomCost(n)
		for k := int32(i) + 1; k < n.end; k = prog[k].end {
			kid := cs.of[k]
			c.kids = append(c.kids, kid)
			c.presumes = c.presumes || cs.all[kid].presumes
			c.module = c.module || cs.all[kid].module
			cost += costs[kid]
		}
		switch {
		case n.op.quantifier():
			c.module = false
			cost *= 2
		case len(c.kids) == 0:
			c.module = n.fact.module()
		}
		key = termKey(key[:0], n, c.kids)
		at, ok := known[string(key)]
		if !ok {
			if n.op == opAll || n.op == opAny {
				slices.SortStableFunc(c.kids, func(a, b int32) int { return cmp.Compare(costs[a], costs[b]) })
			}
			at = int32(len(cs.all))
			if c.module {
				c.place = int32(cs.module)
				cs.module++
			} else {
				c.place = int32(cs.vehicle)
				cs.vehicle++
			}
			known[string(key)] = at
			cs.all = append(cs.all, c)
			costs = append(costs, cost)
		}
		cs.of[i] = at
	}
	kinds := map[int32]int32{}
	for i := range rules {
		root := cs.of[rules[i].root]
		if _, ok := kinds[root]; !ok {
			kinds[root] = int32(len(kinds))
		}
		cs.roots = append(cs.roots, kinds[root])
	}
	cs.kinds = len(kinds)
	return cs
}

// termKey tells conditions apart that differ in more than where they stand.
// Whether true would be stricter matters to quantifiers only.
func termKey(key []byte, n *node, kids []int32) []byte {
	like := *n
	like.end, like.quantified = 0, false
	like.raise = n.raise && n.op.quantifier()
	return fmt.Appendf(key, "%v %d", like, kids)
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
