package supply

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// obvious answers questions on shares and control in the plainest way: every
// party from all its rows, round after round, until nothing changes.
type obvious struct {
	f       File
	country string
	day     int32
	at      map[string]obviousStanding
}

type obviousStanding struct {
	low, up                        float64
	base, ctrl, mayCtrl, said, may bool
}

// newObvious is nil where a circle does not come to rest.
func newObvious(f File, country string, day int32) *obvious {
	p := &obvious{f: f, country: country, day: day, at: map[string]obviousStanding{}}
	for range 2000 {
		rest := true
		for _, party := range f.Parties {
			is, was := p.of(party), p.at[party.ID]
			near := math.Abs(is.low-was.low) <= 1e-9 && math.Abs(is.up-was.up) <= 1e-9
			was.low, was.up = is.low, is.up
			rest = rest && near && is == was
			p.at[party.ID] = is
		}
		if rest {
			return p
		}
	}
	return nil
}

func (p *obvious) covers(code string) bool {
	return code == p.country || slices.ContainsFunc(p.f.Territories, func(t Territory) bool {
		return t.Country == p.country && slices.Contains(t.Includes, code)
	})
}

func (p *obvious) party(id string) Party {
	return p.f.Parties[slices.IndexFunc(p.f.Parties, func(q Party) bool { return q.ID == id })]
}

// rows are the owners' rows that count: in force, or perhaps in force before
// they were seen.
func (p *obvious) rows(id string, maybe bool) (out []Edge) {
	for i, e := range p.f.Edges {
		s, _ := spanOf(e.Since, e.Until)
		now := p.day >= s.since && p.day < s.until
		if e.From != id || e.To == id || e.Kind != OwnedBy && e.Kind != ControlledBy && e.Kind != BrandOf || p.day >= s.until || !now && !(maybe && e.Seen) {
			continue
		}
		again := func(o Edge, before bool) bool {
			s, _ := spanOf(o.Since, o.Until)
			return o.From == e.From && o.To == e.To && !o.Alternative && !e.Alternative && now && p.day >= s.since && p.day < s.until &&
				(o.Kind == OwnedBy || o.Kind == ControlledBy || o.Kind == BrandOf) &&
				(o.weight() > e.weight() || before && o.weight() == e.weight())
		}
		if slices.ContainsFunc(p.f.Edges[:i], func(o Edge) bool { return again(o, true) }) ||
			slices.ContainsFunc(p.f.Edges[i+1:], func(o Edge) bool { return again(o, false) }) {
			continue
		}
		out = append(out, e)
	}
	return out
}

// foreign says that all chains of control end abroad and in the light.
func (p *obvious) foreign(id string) bool {
	seen, ends := map[string]bool{}, 0
	var walk func(at string) bool
	walk = func(at string) bool {
		if seen[at] {
			return true
		}
		seen[at] = true
		above := 0
		for _, e := range p.rows(at, false) {
			if !e.controls() {
				continue
			}
			above++
			if e.Alternative || !walk(e.To) {
				return false
			}
		}
		q := p.party(at)
		if above == 0 {
			ends++
		}
		return q.Unresolved == "" && (above > 0 || at != id && q.Country != "" && !p.covers(q.Country))
	}
	return walk(id) && ends > 0
}

func (p *obvious) of(q Party) obviousStanding {
	if q.Country != "" && p.covers(q.Country) && !p.foreign(q.ID) {
		return obviousStanding{low: 100, up: 100, base: true, ctrl: true, mayCtrl: true}
	}
	var is obviousStanding
	var alts []obviousStanding
	rows := p.rows(q.ID, true)
	for _, e := range rows {
		s, _ := spanOf(e.Since, e.Until)
		o := p.at[e.To]
		low, up := o.low, o.up
		if o.ctrl {
			low = 100
		}
		if o.mayCtrl {
			up = 100
		}
		part := 0.0
		if e.Share != nil {
			part = *e.Share / 100
		} else if e.Kind == BrandOf {
			part = 1
		}
		says := e.Controlling || e.Kind == BrandOf || e.Kind == ControlledBy
		one := obviousStanding{low: low * part, up: up * part, said: says && o.ctrl, may: says && o.mayCtrl}
		if p.day < s.since {
			one.low, one.said = 0, false
		}
		if e.Alternative {
			alts = append(alts, one)
			continue
		}
		is.low, is.up, is.said, is.may = is.low+one.low, is.up+one.up, is.said || one.said, is.may || one.may
	}
	if len(alts) > 0 {
		most, all, least := 0.0, true, 100.0
		for _, a := range alts {
			most, least, all, is.may = max(most, a.up), min(least, a.low), all && a.said, is.may || a.may
		}
		is.up += most
		if all {
			is.low, is.said = is.low+least, true
		}
	}
	if q.Unresolved != "" || q.Country == "" && len(rows) == 0 {
		is.up, is.may = 100, true
	}
	is.low = min(is.low, 100)
	is.up = min(max(is.up, is.low), 100)
	is.may = is.may || is.said
	is.ctrl = is.said || reaches(is.low, Control)
	is.mayCtrl = is.may || is.ctrl || reaches(is.up, Control)
	return is
}

func (p *obvious) controlled(id string, pct float64) Value {
	switch at := p.at[id]; {
	case at.base || at.said || reaches(at.low, pct):
		return True
	case at.may || reaches(at.up, pct):
		return Unknown
	}
	return False
}

// The quick way comes to what the plain way comes to.
func TestSolutionIsThePlainOne(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, f File, g *Graph, country, on string, pct float64) {
		d := day(on)
		p := newObvious(f, country, dayOf(d))
		if p == nil {
			return
		}
		for _, q := range f.Parties {
			c, s := g.ControlledFrom(q.ID, country, pct, d), g.ShareFrom(q.ID, country, pct, d)
			if want := p.controlled(q.ID, pct); c.Value != want || math.Abs(c.Share-p.at[q.ID].low) > 1e-4 || s.Share != c.Share {
				t.Fatalf("%s from %s on %s at %v: %s and %v, plainly %s and %v: %s", q.ID, country, on, pct, c.Value, c.Share, want, p.at[q.ID].low, c.Because)
			}
		}
	}
	t.Run("embedded", func(t *testing.T) {
		g := graph(t)
		for _, country := range []string{"CN", "US", "DE"} {
			for _, on := range []string{"2019-03-01", "2021-01-01", "2024-07-26", today} {
				for _, pct := range []float64{15, 25, 50} {
					check(t, g.file, g, country, on, pct)
				}
			}
		}
	})
	t.Run("random", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			f := randomFile(r)
			on := rapid.SampledFrom([]string{"2019-01-01", "2020-07-01", "2026-06-01", today}).Draw(r, "day")
			// Off every sum that a random graph can come to, where the last
			// digit of a circle would decide.
			pct := float64(rapid.IntRange(1, 100).Draw(r, "pct")) + 0.5001
			check(r, f, open(t, f), rapid.SampledFrom([]string{"CN", "US", "DE"}).Draw(r, "country"), on, pct)
		})
	})
}

// Every party stands in the order behind all that it does not hold in a circle,
// and a circle is what it is called.
func TestOwnersComeFirst(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		g := open(t, randomFile(r))
		n := len(g.file.Parties)
		reach := make([][]bool, n)
		for p := range reach {
			reach[p] = make([]bool, n)
			for _, a := range g.of(int32(p)) {
				reach[p][a.to] = true
			}
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
				}
			}
		}
		if len(g.order) != n {
			r.Fatalf("%d of %d parties are in order", len(g.order), n)
		}
		for i := range n {
			if c := g.components[g.componentOf[i]]; c.circular != (c.to-c.from > 1) || c.circular != reach[i][i] {
				r.Fatalf("%d: circular %v", i, c.circular)
			}
			for j := range n {
				if reach[i][j] && g.componentOf[j] > g.componentOf[i] {
					r.Fatalf("%d is held by %d, which comes later", i, j)
				}
				if same := g.componentOf[i] == g.componentOf[j]; i != j && same != (reach[i][j] && reach[j][i]) {
					r.Fatalf("%d and %d in one circle: %v", i, j, same)
				}
			}
		}
	})
}

// A holding that adds up to a threshold reaches it, whatever the last digit of
// the sum.
func TestReaches(t *testing.T) {
	g := open(t, File{
		Parties: []Party{party("a", "DE"), party("x", "CN"), party("y", "CN"), party("z", "CN")},
		Edges:   []Edge{owns(1, "a", "x", 0.1), owns(2, "a", "y", 11.2), owns(3, "a", "z", 13.7)},
	})
	if sum := g.ShareFrom("a", "CN", 15, day(today)).Share; sum >= 25 {
		t.Fatal("these shares do not show it: choose others")
	}
	for pct, want := range map[float64]Value{25: True, 25.001: False} {
		if a := g.ShareFrom("a", "CN", pct, day(today)); a.Value != want {
			t.Errorf("%v at %v: %s", a.Share, pct, a.Value)
		}
	}
}

// What a graph keeps is bounded, and more countries and days than it keeps get
// the same answers.
func TestSolutionsAreBounded(t *testing.T) {
	var f File
	for i := range 2000 {
		f.Parties = append(f.Parties, party(fmt.Sprint("p", i), "CN"))
	}
	f.Edges = []Edge{owns(1, "p0", "p1", 60)}
	g := open(t, f)
	for i := range 2000 {
		g.ControlledFrom("p0", fmt.Sprint("X", i), 50, day(today))
		if n := len(g.solved.kept) * 2000; n > keptStandings {
			t.Fatalf("%d standings are kept", n)
		}
	}
	if a := g.ControlledFrom("p0", "CN", 50, day(today)); a.Value != True {
		t.Errorf("%+v", a)
	}
}

// Lanes that ask a large graph at once, each about other parties, fill one
// solution between them and get the answers of one that asked alone.
func TestManyFillOneSolution(t *testing.T) {
	f := groups()
	g, alone := open(t, f), open(t, f)
	d := day(today)
	var wg sync.WaitGroup
	for lane := range 4 {
		wg.Go(func() {
			for i := lane; i < len(f.Parties); i += 7 {
				id := f.Parties[(i*31)%len(f.Parties)].ID
				a := g.ControlledFrom(id, "CN", 25, d)
				if a.Because == "" || !(a.Share >= 0 && a.Share <= 100) {
					t.Errorf("%s: %+v", id, a)
				}
			}
		})
	}
	wg.Wait()
	for i := 0; i < len(f.Parties); i += 13 {
		id := f.Parties[i].ID
		if a, b := g.ControlledFrom(id, "CN", 25, d), alone.ControlledFrom(id, "CN", 25, d); a.Value != b.Value || a.Share != b.Share || a.Because != b.Because {
			t.Fatalf("%s: %+v, alone %+v", id, a, b)
		}
	}
}
