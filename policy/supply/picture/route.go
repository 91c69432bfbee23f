package picture

import (
	"cmp"
	"math"
	"slices"
)

type point struct{ x, y float64 }

// route is a line from the box above to the box below.
type route struct {
	by    []point // as the layout gives it: the edge of the one box, the places kept free in the ranks between, the edge of the other
	start point
	path  []step
}

// step goes on to a point, straight or curved.
type step struct {
	to     point
	curved bool
	c1, c2 point
}

// before is the point from which the last step of a route comes in.
func (r *route) before() point {
	if last := r.path[len(r.path)-1]; last.curved {
		return last.c2
	}
	if len(r.path) > 1 {
		return r.path[len(r.path)-2].to
	}
	return r.start
}

// router leads lines so that none runs behind a box that it has nothing to do
// with: inside a rank a line runs straight in the place that the layout keeps
// free for it, and only between two ranks, where no box stands, it goes over to
// another place.
type router struct {
	*plan
	lines  []Line
	turned bool // ranks stand beside each other, not under each other
	ranks  []rank
}

// rank is how far the boxes and labels of one rank reach, along the direction
// of the ranks.
type rank struct{ middle, from, to float64 }

// along and across are the coordinates of a point in the direction of the
// ranks and at right angles to it.
func (r *router) along(p point) float64 {
	if r.turned {
		return p.x
	}
	return p.y
}

func (r *router) across(p point) float64 {
	if r.turned {
		return p.y
	}
	return p.x
}

func (r *router) at(along, across float64) point {
	if r.turned {
		return point{along, across}
	}
	return point{across, along}
}

// half is half the size of a box along the ranks and across them.
func (r *router) half(s *shape) (along, across float64) {
	w, h := s.w/2+s.frame, s.h/2+s.frame
	if r.turned {
		return w, h
	}
	return h, w
}

func (r *router) run() {
	r.findRanks()
	ends := r.ends()
	for i := range r.routes {
		r.lead(i, ends[2*i], ends[2*i+1])
	}
}

func (r *router) findRanks() {
	reach := func(s *shape) {
		m := r.along(point{s.x, s.y})
		h, _ := r.half(s)
		for k := range r.ranks {
			if g := &r.ranks[k]; math.Abs(g.middle-m) < 1 {
				g.from, g.to = min(g.from, m-h), max(g.to, m+h)
				return
			}
		}
		r.ranks = append(r.ranks, rank{m, m - h, m + h})
	}
	for i := range r.boxes {
		reach(&r.boxes[i])
	}
	for i := range r.labels {
		reach(&r.labels[i])
	}
}

// rankAt is the rank of a place, which reaches nowhere where nothing stands in
// it.
func (r *router) rankAt(along float64) rank {
	for _, g := range r.ranks {
		if math.Abs(g.middle-along) < 1 {
			return g
		}
	}
	return rank{along, along, along}
}

// ends spreads the ends of lines over the sides of the boxes they meet, in the
// order in which they go away, so that no two lie on each other. It returns the
// place across the ranks of both ends of every line.
func (r *router) ends() []float64 {
	type side struct {
		box   int
		lower bool
	}
	type end struct {
		of   int // index into the result
		next float64
	}
	meet := map[side][]end{}
	out := make([]float64, 2*len(r.lines))
	for i, l := range r.lines {
		by := r.routes[i].by
		if len(by) < 3 {
			continue
		}
		down := r.along(by[len(by)-1]) >= r.along(by[0])
		a, b := side{l.Above, down}, side{l.Below, !down}
		meet[a] = append(meet[a], end{2 * i, r.across(by[1])})
		meet[b] = append(meet[b], end{2*i + 1, r.across(by[len(by)-2])})
	}
	for s, es := range meet {
		slices.SortFunc(es, func(a, b end) int { return cmp.Or(cmp.Compare(a.next, b.next), cmp.Compare(a.of, b.of)) })
		box := &r.boxes[s.box]
		_, half := r.half(box)
		middle := r.across(point{box.x, box.y})
		for k, e := range es {
			out[e.of] = middle + half*(2*float64(k+1)/float64(len(es)+1)-1)
		}
	}
	return out
}

// lead writes the path of a line between its two ends.
func (r *router) lead(i int, from, to float64) {
	w := &r.routes[i]
	above, below := &r.boxes[r.lines[i].Above], &r.boxes[r.lines[i].Below]
	if len(w.by) < 3 { // the layout keeps a place for every label
		return
	}
	sign := 1.0
	if r.along(w.by[len(w.by)-1]) < r.along(w.by[0]) {
		sign = -1 // the layout turned it round, because owners go in a circle
	}
	leave := func(g rank) float64 { // where a rank ends, in the direction of the line
		if sign > 0 {
			return g.to
		}
		return g.from
	}
	enter := func(g rank) float64 {
		if sign > 0 {
			return g.from
		}
		return g.to
	}
	halfA, _ := r.half(above)
	halfB, _ := r.half(below)
	ua, ub := r.along(point{above.x, above.y}), r.along(point{below.x, below.y})
	w.start = r.at(ua+sign*halfA, from)
	u, v := leave(r.rankAt(ua)), from
	straight := func(u, v float64) {
		last := w.start
		if len(w.path) > 0 {
			last = w.path[len(w.path)-1].to
		}
		if p := r.at(u, v); p != last {
			w.path = append(w.path, step{to: p})
		}
	}
	over := func(u2, v2 float64) {
		straight(u, v)
		if math.Abs(v2-v) < 0.5 {
			v2 = v
			straight(u2, v2)
		} else {
			half := (u + u2) / 2
			w.path = append(w.path, step{to: r.at(u2, v2), curved: true, c1: r.at(half, v), c2: r.at(half, v2)})
		}
		u, v = u2, v2
	}
	for _, p := range w.by[1 : len(w.by)-1] {
		g := r.rankAt(r.along(p))
		over(enter(g), r.across(p))
		u = leave(g)
	}
	over(enter(r.rankAt(ub)), to)
	u = ub - sign*halfB
	straight(u, v)
}
