package supply

import (
	"cmp"
	"slices"
	"time"
)

// Holding is what one party holds of another on a day, directly and through
// others.
type Holding struct {
	Party   string `json:"party"`
	Name    string `json:"name"`
	Country string `json:"country,omitempty"`
	// Share is the per cent known to be held over all paths, by the definition
	// of ShareFrom with this holder in the place of the country. A control that
	// is stated without a share adds nothing to it.
	Share    float64    `json:"share"`
	Controls bool       `json:"controls,omitempty"` // by statement, or by half the shares
	Path     []Evidence `json:"path"`               // a way of the fewest steps
}

// maxHolders is how many of the parties above one are looked at, the nearest
// first: the work grows with its square. A party in a group has some dozens above
// it.
const maxHolders = 64

// Holders returns who is known to control a party, or to hold at least pct per
// cent of it over all paths, on a day: the largest share first. The threshold is
// the instrument's (50, 25, 15); 0 returns everybody above the party. Only the
// nearest 64 above it are looked at; whole says that these were all. What lies
// beyond them can only add to the shares.
func (g *Graph) Holders(id string, pct float64, day time.Time) (list []Holding, whole bool) {
	i, ok := g.party[id]
	if !ok {
		return nil, true
	}
	d := dayOf(day)
	s := &solution{g: g, day: d}
	type above struct {
		p    int32
		from int32 // place in near of the party it was found through
		by   int32 // arc
	}
	near := make([]above, 1, maxHolders+1)
	near[0] = above{p: i, from: -1, by: -1}
	place := g.borrowPlaces() // in near, plus 1
	defer func() {
		for k := range near {
			place[near[k].p] = 0
		}
		g.places.Put(&place)
	}()
	place[i] = 1
	whole = true
	for k := int32(0); k < int32(len(near)); k++ {
		for ai := g.first[near[k].p]; ai < g.first[near[k].p+1]; ai++ {
			a := &g.arcs[ai]
			switch {
			case d < a.since || d >= a.until || place[a.to] > 0:
			case len(near) > maxHolders:
				whole = false
			default:
				near = append(near, above{a.to, k, ai})
				place[a.to] = int32(len(near))
			}
		}
	}
	links := make([][]link, len(near))
	room := make([]link, 0, 8*len(near))
	order := make([]int32, len(near)) // owners first
	for k := range near {
		order[k] = int32(k)
		from := len(room)
		for ai := g.first[near[k].p]; ai < g.first[near[k].p+1]; ai++ {
			a := &g.arcs[ai]
			l, ok := s.link(a)
			switch {
			case !ok || d < a.since:
			case place[l.to] > 0:
				l.to = place[l.to] - 1
				room = append(room, l)
			case l.alt:
				l.to = -1 // one of several owners is out of sight
				room = append(room, l)
			}
		}
		links[k] = room[from:len(room):len(room)]
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(g.componentOf[near[a].p], g.componentOf[near[b].p]), cmp.Compare(a, b))
	})
	at := make([]standing, len(near))
	below := make([]bool, len(near)) // the holder in hand, and of whom it may hold something
	var nobody standing
	for at0, k := range order {
		if k == 0 {
			continue
		}
		clear(at)
		clear(below)
		at[k], below[k] = held, true
		// Nothing before the holder's circle has it above.
		first := at0
		for first > 0 && g.componentOf[near[order[first-1]].p] == g.componentOf[near[k].p] {
			first--
		}
		for first < len(order) {
			circle := g.componentOf[near[order[first]].p]
			end := first + 1
			for end < len(order) && g.componentOf[near[order[end]].p] == circle {
				end++
			}
			if !slices.ContainsFunc(order[first:end], func(m int32) bool {
				return below[m] || slices.ContainsFunc(links[m], func(l link) bool { return l.to >= 0 && below[l.to] })
			}) {
				first = end // nothing of theirs is the holder's
				continue
			}
			for _, m := range order[first:end] {
				below[m] = true
			}
			for range maxWork/(len(g.arcs)+1) + 1 {
				rest := true
				for _, m := range order[first:end] {
					if m == k {
						continue
					}
					t := none
					for i := range links[m] {
						if l := &links[m][i]; l.to < 0 {
							t.add(l, &nobody)
						} else {
							t.add(l, &at[l.to])
						}
					}
					is, changed := t.standing(g, near[m].p, &at[m])
					at[m] = is
					rest = rest && !changed
				}
				if rest || end-first == 1 {
					break // who holds nobody in a circle rests after one round
				}
			}
			first = end
		}
		if own := &at[0]; own.is(ctrl) || pct <= 0 || reaches(own.low, pct) {
			p := &g.file.Parties[near[k].p]
			h := Holding{Party: p.ID, Name: p.Name, Country: p.Country, Share: own.low, Controls: own.is(ctrl)}
			for n := k; n > 0; n = near[n].from {
				h.Path = append(h.Path, g.edgeEvidence(g.arcs[near[n].by].edge))
			}
			slices.Reverse(h.Path)
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b Holding) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(len(a.Path), len(b.Path)), cmp.Compare(a.Party, b.Party))
	})
	return list, whole
}

// Below returns the parties of which a party is known to hold shares, or which
// it controls, on a day, itself or through others: the nearest first and at most
// MaxPath of them, each with the way from it up to the holder.
func (g *Graph) Below(id string, day time.Time) []Holder {
	i, ok := g.party[id]
	if !ok {
		return nil
	}
	d := dayOf(day)
	type below struct {
		p    int32
		path []Evidence // the nearest to the holder last
	}
	seen := g.borrow()
	defer g.giveBack(seen)
	seen.add(i)
	queue := []below{{p: i}}
	var out []Holder
	for k := 0; k < len(queue) && len(out) < MaxPath; k++ {
		b := queue[k]
		for _, p := range g.held[g.heldFirst[b.p]:g.heldFirst[b.p+1]] {
			for ai := g.first[p]; ai < g.first[p+1]; ai++ {
				a := &g.arcs[ai]
				if a.to != b.p || d < a.since || d >= a.until || len(out) == MaxPath || !seen.add(p) {
					continue
				}
				path := make([]Evidence, 1+len(b.path))
				path[0] = g.edgeEvidence(a.edge)
				copy(path[1:], b.path)
				queue = append(queue, below{p, path})
				q := &g.file.Parties[p]
				out = append(out, Holder{Party: q.ID, Name: q.Name, Country: q.Country, Share: g.file.Edges[a.edge].Share, Path: path})
			}
		}
	}
	return out
}

// TiedTo returns the statements in force on a day by which another party's
// products are made under licence of a party, hold its firmware, had its people
// as engineers, or are said to be its own.
func (g *Graph) TiedTo(id string, day time.Time) []Evidence {
	i, ok := g.party[id]
	if !ok {
		return nil
	}
	var out []Evidence
	d := dayOf(day)
	for ei, to := range g.to {
		if to != i || !g.inForce(int32(ei), d) {
			continue
		}
		switch g.file.Edges[ei].Kind {
		case LicenceFrom, FirmwareBy, EngineeringShared, ProductEquivalent:
			out = append(out, g.edgeEvidence(int32(ei)))
		case OwnedBy, ControlledBy, BrandOf, SoldTo, OfferBy, FundedBy, TradedOn, CounterStatement, IdentifiedBy, Link:
		}
	}
	return out
}
