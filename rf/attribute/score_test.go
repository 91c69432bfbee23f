package attribute

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"sallyport/rf"
)

// tallies are the counts of the simulator's own score.py, and more.
type tallies struct {
	late, early, cell struct{ tp, fp, fn float64 }
	brier, n          float64
	bins              [10]struct{ n, p, own float64 } // reliability of the settled answer
	classes           map[string]*[2]int              // what an emitter is: said to be the vehicle's, said not to be
	arrivals, missing int
}

func (t *tallies) add(o tallies) {
	for _, x := range [][2]*struct{ tp, fp, fn float64 }{{&t.late, &o.late}, {&t.early, &o.early}, {&t.cell, &o.cell}} {
		x[0].tp += x[1].tp
		x[0].fp += x[1].fp
		x[0].fn += x[1].fn
	}
	t.brier += o.brier
	t.n += o.n
	t.arrivals += o.arrivals
	t.missing += o.missing
	for i := range t.bins {
		t.bins[i].n += o.bins[i].n
		t.bins[i].p += o.bins[i].p
		t.bins[i].own += o.bins[i].own
	}
	for k, v := range o.classes {
		c := t.class(k)
		c[0] += v[0]
		c[1] += v[1]
	}
}

func (t *tallies) class(k string) *[2]int {
	if t.classes == nil {
		t.classes = map[string]*[2]int{}
	}
	if t.classes[k] == nil {
		t.classes[k] = &[2]int{}
	}
	return t.classes[k]
}

func ratio(a, b float64) float64 {
	if a+b == 0 {
		return math.NaN()
	}
	return a / (a + b)
}

func (t *tallies) ece() float64 {
	e := 0.0
	for _, b := range t.bins {
		if b.n > 0 {
			e += math.Abs(b.p-b.own) / t.n
		}
	}
	return e
}

func (t *tallies) String() string {
	return fmt.Sprintf("%4d arrivals: precision %.4f recall %.4f Brier %.4f; at decision %.4f %.4f; cellular %.4f %.4f; calibration error %.4f",
		t.arrivals, ratio(t.late.tp, t.late.fp), ratio(t.late.tp, t.late.fn), t.brier/t.n,
		ratio(t.early.tp, t.early.fp), ratio(t.early.tp, t.early.fn), ratio(t.cell.tp, t.cell.fp), ratio(t.cell.tp, t.cell.fn), t.ece())
}

func (t *tallies) reliability() string {
	var b strings.Builder
	for i, x := range t.bins {
		if x.n > 0 {
			fmt.Fprintf(&b, "\n  said %.1f–%.1f: %6.0f emitters, mean %.3f, of which the vehicle's %.3f", float64(i)/10, float64(i+1)/10, x.n, x.p/x.n, x.own/x.n)
		}
	}
	return b.String()
}

// confusion counts, by what emitters truly are, how many were said to be the
// vehicle's.
func (t *tallies) confusion() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(t.classes)) {
		fmt.Fprintf(&b, "\n  %-28s said to be the vehicle's %5d, not %6d", k, t.classes[k][0], t.classes[k][1])
	}
	return b.String()
}

// least is the number of times that an emitter must have been heard at the stop
// for the score to ask for it.
const least = 5

// score holds answers against the truth: own is how often each of the vehicle's
// emitters was heard at the stop.
func score(t *tallies, a Arrival, own map[string]int, bands map[string]bool, class func(string) string) {
	t.arrivals++
	late, early := map[string]float64{}, map[string]float64{}
	for _, e := range a.Emitters {
		late[e.Emitter], early[e.Emitter] = e.Probability, e.AtDecision
	}
	judge := func(p float64, yes bool) {
		y := 0.0
		if yes {
			y = 1
		}
		t.brier += (p - y) * (p - y)
		t.n++
		b := &t.bins[min(9, int(p*10))]
		b.n++
		b.p += p
		b.own += y
	}
	say := func(name string, p float64) {
		c := t.class(name)
		if p >= 0.5 {
			c[0]++
		} else {
			c[1]++
		}
	}
	for id, n := range own {
		if n < least {
			say("its own, hardly heard", late[id])
			continue
		}
		say("its own", late[id])
		judge(late[id], true)
		if late[id] >= 0.5 {
			t.late.tp++
		} else {
			t.late.fn++
		}
		if early[id] >= 0.5 {
			t.early.tp++
		} else {
			t.early.fn++
		}
	}
	for id, p := range late {
		if _, mine := own[id]; mine {
			continue
		}
		say(class(id), p)
		judge(p, false)
		if p >= 0.5 {
			t.late.fp++
		}
		if early[id] >= 0.5 {
			t.early.fp++
		}
	}
	said := map[string]bool{}
	for _, x := range a.Cellular {
		if x.Probability >= 0.5 {
			said[x.Band] = true
			if bands[x.Band] {
				t.cell.tp++
			} else {
				t.cell.fp++
			}
		}
	}
	for x, on := range bands {
		if on && !said[x] {
			t.cell.fn++
		}
	}
}

func (sc *scene) config() Config {
	cfg := Config{KeepAddress: true}
	for l := range sc.w.lanes {
		ln := Lane{ID: fmt.Sprintf("lane%d", l+1), Stop: fmt.Sprintf("lane%d-stop", l+1), Place: l}
		if sc.w.upstream[l] {
			ln.Upstream = fmt.Sprintf("lane%d-upstream", l+1)
		}
		cfg.Lanes = append(cfg.Lanes, ln)
	}
	return cfg
}

func (sc *scene) score(t testing.TB, p *rf.Prefixes) tallies {
	t.Helper()
	var out tallies
	s, err := NewSite(sc.config(), p)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]int{}
	for i, x := range sc.truth {
		byName[x.arrival] = i
	}
	r := NewReplay(s, sc.events, func(a Arrival) error {
		i := byName[a.Arrival]
		x := sc.truth[i]
		own := map[string]int{}
		for id, owner := range sc.owner {
			if owner == i {
				own[id] = x.emitters[id]
			}
		}
		score(&out, a, own, x.bands, func(id string) string {
			o, ok := sc.owner[id]
			if !ok {
				if c := sc.class[id]; c != "vehicle" {
					return c
				}
				return "a vehicle that came too late"
			}
			y := sc.truth[o]
			switch {
			case y.lane != x.lane:
				return "the next lane's"
			case y.present.Before(x.present):
				return "a vehicle before's"
			}
			return "a vehicle behind's"
		})
		return nil
	})
	for _, o := range sc.obs {
		if err := r.Observe(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	out.missing = len(sc.truth) - out.arrivals
	return out
}

// TestWorlds measures sites that were never looked at: twenty, each with other
// physics, traffic and people. The floors are what is asked of the recorded
// simulations, less what the hardest of these worlds cost: antennas that hardly
// tell two lanes apart, and lanes with one sensor beside each other.
func TestWorlds(t *testing.T) {
	p := table(t)
	worlds := uint64(20)
	if testing.Short() {
		worlds = 4
	}
	var all tallies
	for seed := range worlds {
		sc := newWorld(seed).play()
		got := sc.score(t, p)
		w := sc.w
		t.Logf("world %2d: %d lanes, second antennas %v, exponent %.1f, shadowing %.1f dB over %.1f s, fading %.1f dB, lobe %.0f dB, loss %.2f, skew %.1f s, %d observations\n  %s",
			seed, w.lanes, w.upstream, w.pathLoss, w.shadow, w.shadowS, w.fading, w.frontBack, w.loss, w.skew, len(sc.obs), &got)
		if got.missing != 0 {
			t.Errorf("world %d: %d vehicles without an answer", seed, got.missing)
		}
		all.add(got)
	}
	t.Log("all worlds:", &all, all.confusion(), all.reliability())
	if p := ratio(all.late.tp, all.late.fp); p < 0.96 {
		t.Errorf("precision %.4f", p)
	}
	if r := ratio(all.late.tp, all.late.fn); r < 0.95 {
		t.Errorf("recall %.4f", r)
	}
	if b := all.brier / all.n; b > 0.02 {
		t.Errorf("Brier %.4f", b)
	}
	if e := all.ece(); e > 0.05 {
		t.Errorf("expected calibration error %.4f", e)
	}
}
