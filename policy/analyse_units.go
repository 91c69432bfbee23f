package policy

import (
	"slices"
	"strconv"
	"strings"
)

// What quantifiers may say together. A unit is known by what it contributes to
// each of them, which is one of finitely many vectors; a vehicle by the vector
// that its units make. So all vehicles, with however many units and candidates,
// are covered by closing the vectors of one candidate under "another
// alternative in the same unit", and those of one unit under "another unit".
// What a vehicle's counts of modules and units then are is left open.

// vector holds a truth value for each of some quantifiers, two bits each.
type vector uint32

func (v vector) get(i int) Truth { return Truth(v >> (2 * i) & 3) }
func (v vector) with(i int, t Truth) vector {
	return v&^(3<<(2*i)) | vector(t)<<(2*i)
}

// nothing stands in a vector where a unit contributes nothing.
const nothing = Truth(3)

// world is one unit that shows what was found: its role, whether it is known
// to be fitted, and the cells of its candidates' facts.
type world struct {
	role   string
	fitted bool // known to be; else it is not known
	own    bool // stands for a unit of the vehicle's own that is not fitted
	cands  [][]uint64
}

// reach is a vector that a vehicle can make, and units that make it.
type reach struct {
	q     vector
	units []world
}

// body is what one candidate, or one unit of them, makes of the quantifiers'
// bodies, and whether a maker is known.
type body struct {
	v     vector
	maker bool
}

// reachable lists what the quantifiers may be together; modem says that the
// vehicle may have one. It is false where that is too much work.
func (s *solver) reachable(list []*form, modem bool) ([]reach, bool) {
	if len(list) > maxQuantifiers {
		return nil, false
	}
	key, keep := "", !slices.ContainsFunc(list, func(q *form) bool { return outside(q.kids[0]) })
	if keep {
		var b strings.Builder
		b.WriteString(strconv.FormatBool(modem))
		for _, q := range list {
			b.WriteByte(' ')
			b.WriteString(strconv.Itoa(int(q.quant)))
		}
		key = b.String()
		if all, ok := s.cache[key]; ok {
			return all, true
		}
	}
	all, ok := s.vehicles(list, modem)
	if ok && keep {
		s.cache[key] = all
	}
	return all, ok
}

// outside says whether a quantifier's body looks at facts that are not a module's.
func outside(n *form) bool {
	return n.kids == nil && !n.module || slices.ContainsFunc(n.kids, outside)
}

// vehicles closes the units' vectors under one more unit.
func (s *solver) vehicles(list []*form, modem bool) ([]reach, bool) {
	type state struct {
		q   vector
		own bool
	}
	start := state{}
	for i, q := range list {
		start.q = start.q.with(i, truth(q.op == opEveryModule))
	}
	units, ok := s.unitVectors(list)
	if !ok {
		return nil, false
	}
	found := map[state][]world{start: nil}
	queue := []state{start}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, u := range units {
			next := state{at.q, at.own || u.own}
			for i, q := range list {
				next.q = next.q.with(i, another(q, at.q.get(i), u.v.get(i)))
			}
			s.left--
			if _, ok := found[next]; ok {
				continue
			}
			if len(found) > maxVectors || s.left <= 0 {
				return nil, false
			}
			found[next] = nil
			if s.keep {
				found[next] = append(slices.Clip(found[at]), u.world)
			}
			queue = append(queue, next)
		}
	}
	// In the order in which they were found, so that the same comes out each time.
	var out []reach
	seen := map[vector]bool{}
	add := func(q vector, units []world) {
		if !seen[q] {
			seen[q] = true
			out = append(out, reach{q, units})
		}
	}
	var order []state
	for st := range found {
		order = append(order, st)
	}
	slices.SortFunc(order, func(a, b state) int {
		if d := len(found[a]) - len(found[b]); d != 0 {
			return d
		}
		if a.q != b.q {
			return int(a.q) - int(b.q)
		}
		return int(truth(a.own)) - int(truth(b.own))
	})
	for _, st := range order {
		if !st.own && modem {
			// The vehicle's own unit is not on record.
			q := st.q
			for i, f := range list {
				if needsOwnUnit(f) {
					q = q.with(i, another(f, q.get(i), Unknown))
				}
			}
			add(q, found[st])
		} else if !st.own {
			add(st.q, found[st])
		}
		withOwn := found[st]
		if !st.own && s.keep {
			withOwn = append(slices.Clip(withOwn), world{role: "tcu", own: true})
		}
		add(st.q, withOwn)
	}
	return out, true
}

// another is a quantifier's value after one more unit.
func another(q *form, v, w Truth) Truth {
	stop := truth(q.op != opEveryModule)
	switch {
	case w == nothing || v == stop:
		return v
	case w == stop || w == Unknown:
		return w
	default:
		return v
	}
}

// unit is what one unit contributes.
type unit struct {
	v     vector
	own   bool
	world world
}

// unitVectors lists what one unit may contribute to each quantifier.
func (s *solver) unitVectors(list []*form) ([]unit, bool) {
	type key struct {
		v   vector
		own bool
	}
	seen := map[key]bool{}
	var out []unit
	roles := []string{"tcu", "device", "unknown"}
	role, asked := s.sp.index[varKey{fact: fModuleRole}]
	if asked {
		for _, c := range s.sp.vars[role].cells {
			if c.text != "" && !slices.Contains(roles, c.text) {
				roles = append(roles, c.text)
			}
		}
		if cells := s.sp.vars[role].cells; cells[len(cells)-1].other {
			roles = append(roles, "another")
		}
	}
	for _, r := range roles {
		bodies, ok := s.bodies(list, r)
		if !ok {
			return nil, false
		}
		for _, b := range bodies {
			for _, fitted := range [...]bool{true, false} {
				u := unit{own: r == "tcu" || r == "head-unit", world: world{role: r, fitted: fitted, cands: b.cands}}
				for i, q := range list {
					u.v = u.v.with(i, contribution(q, b.v.get(i), r, b.maker, fitted))
				}
				if k := (key{u.v, u.own}); !seen[k] {
					seen[k] = true
					out = append(out, u)
				}
			}
		}
	}
	return out, true
}

// contribution is what a unit gives to a quantifier; see machine.unitTruth.
func contribution(q *form, v Truth, role string, maker, fitted bool) Truth {
	switch {
	case q.op == opAnyDevice && role != "device":
		return nothing
	case q.op == opAnyKnownModule && !maker:
		return nothing
	case !fitted && q.op == opEveryModule && v == False:
		return Unknown
	case !fitted && q.op != opEveryModule && v == True && !q.raise:
		return Unknown
	}
	return v
}

type shownBody struct {
	body
	cands [][]uint64
}

// bodies lists what a unit of a role may make of the quantifiers' bodies: one
// candidate, then any number of alternatives, and none at all.
func (s *solver) bodies(list []*form, role string) ([]shownBody, bool) {
	var out []shownBody
	seen := map[body]bool{}
	add := func(b shownBody) {
		if !seen[b.body] {
			seen[b.body] = true
			out = append(out, b)
		}
	}
	if v, ok := s.sp.index[varKey{fact: fModuleRole}]; ok {
		d := s.leafDom(v)
		old := slices.Clone(d)
		defer copy(d, old)
		clear(d)
		c := roleCell(s.sp.vars[v].cells, role)
		d[c/64] = 1 << (c % 64)
	}
	ok := s.candidates(list, slices.ContainsFunc(list, func(q *form) bool { return q.op == opAnyKnownModule }), add)
	if !ok {
		return nil, false
	}
	single := out
	for i := 0; i < len(out); i++ {
		for _, b := range single {
			s.left--
			if len(out) > maxVectors || s.left <= 0 {
				return nil, false
			}
			j := body{maker: out[i].maker || b.maker}
			for k := range list {
				v := out[i].v.get(k)
				if v != b.v.get(k) {
					v = Unknown
				}
				j.v = j.v.with(k, v)
			}
			if !seen[j] {
				both := shownBody{body: j}
				if s.keep {
					both.cands = append(slices.Clip(out[i].cands), b.cands...)
				}
				add(both)
			}
		}
	}
	// A unit without candidates; one of which nothing is known may say the same,
	// and has to stand among the alternatives above.
	none := shownBody{}
	for i := range list {
		none.v = none.v.with(i, Unknown)
	}
	add(none)
	return out, true
}

func roleCell(cells []cell, role string) int {
	for i, c := range cells {
		if i > 0 && c.text == role {
			return i
		}
	}
	if role == "another" {
		return len(cells) - 1
	}
	if role == "unknown" {
		return 0
	}
	return len(cells) - 1 // a role that no rule names
}

// candidates finds what one candidate may make of the bodies. maker says that
// it matters whether its maker is known.
func (s *solver) candidates(list []*form, maker bool, add func(shownBody)) bool {
	seen := map[body]bool{}
	var walk func() answer
	walk = func() answer {
		if s.left <= 0 {
			return notDecided
		}
		var b body
		for i, q := range list {
			v := s.set(q.kids[0])
			if !v.one() {
				leaf := s.pick(q.kids[0])
				return s.split(leaf, true, walk)
			}
			b.v = b.v.with(i, truthOf(v))
		}
		if maker {
			v := s.set(s.sp.known)
			if !v.one() {
				return s.split(s.sp.known, true, walk)
			}
			b.maker = v == mayTrue
		}
		if !seen[b] {
			seen[b] = true
			one := shownBody{body: b}
			if s.keep {
				one.cands = [][]uint64{slices.Clone(s.dom)}
			}
			add(one)
		}
		return impossible // go on looking
	}
	return walk() != notDecided
}

func truthOf(v truths) Truth {
	switch v {
	case mayTrue:
		return True
	case mayFalse:
		return False
	default:
		return Unknown
	}
}
