package attribute

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/rf"
)

// tallies are the counts of the simulator's own score.py, and more.
type tallies struct {
	late, early, cell struct{ tp, fp, fn float64 }
	brier, n          float64
	bins, first       [10]bin            // reliability of the settled answer, and of that at the decision
	classes           map[string]*[2]int // what an emitter is: said to be the vehicle's, said not to be
	arrivals, missing int
}

// bin is one bar of a reliability diagram: so many answers, the sum of what
// they said, and in how many it was so.
type bin struct{ n, p, own float64 }

func (b *bin) add(p, own float64) { b.n, b.p, b.own = b.n+1, b.p+p, b.own+own }

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
		for _, x := range [][2]*bin{{&t.bins[i], &o.bins[i]}, {&t.first[i], &o.first[i]}} {
			x[0].n += x[1].n
			x[0].p += x[1].p
			x[0].own += x[1].own
		}
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

// ece is the expected calibration error: how far what was said is from how
// often it was so, on the average over the answers. Most answers are a sure no,
// so the second number leaves out those under one in ten.
func ece(bins [10]bin) (all, open float64) {
	n, far := [2]float64{}, [2]float64{}
	for i, b := range bins {
		for k := range 2 {
			if i >= k {
				n[k] += b.n
				far[k] += math.Abs(b.p - b.own)
			}
		}
	}
	return far[0] / n[0], far[1] / math.Max(n[1], 1)
}

func (t *tallies) ece() float64 {
	all, _ := ece(t.bins)
	return all
}

func (t *tallies) String() string {
	return fmt.Sprintf("%4d arrivals: precision %.4f recall %.4f Brier %.4f; at decision %.4f %.4f; cellular %.4f %.4f; calibration error %.4f",
		t.arrivals, ratio(t.late.tp, t.late.fp), ratio(t.late.tp, t.late.fn), t.brier/t.n,
		ratio(t.early.tp, t.early.fp), ratio(t.early.tp, t.early.fn), ratio(t.cell.tp, t.cell.fp), ratio(t.cell.tp, t.cell.fn), t.ece())
}

// reliability draws the diagram: # is how often it was so, | what was said.
func (t *tallies) reliability() string {
	var b strings.Builder
	for _, x := range []struct {
		name string
		bins [10]bin
	}{{"settled", t.bins}, {"at the decision", t.first}} {
		all, open := ece(x.bins)
		fmt.Fprintf(&b, "\n  %s: expected calibration error %.4f, %.4f of answers over 0.1", x.name, all, open)
		for i, x := range x.bins {
			if x.n == 0 {
				continue
			}
			const wide = 50
			bar := []rune(strings.Repeat("#", int(math.Round(wide*x.own/x.n))) + strings.Repeat(" ", wide+1))[:wide+1]
			bar[int(math.Round(wide*x.p/x.n))] = '|'
			fmt.Fprintf(&b, "\n  %.1f–%.1f %6.0f answers, mean %.3f, so in %.3f  %s", float64(i)/10, float64(i+1)/10, x.n, x.p/x.n, x.own/x.n, strings.TrimRight(string(bar), " "))
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
	judge := func(p, first float64, yes bool) {
		y := 0.0
		if yes {
			y = 1
		}
		t.brier += (p - y) * (p - y)
		t.n++
		t.bins[min(9, int(p*10))].add(p, y)
		t.first[min(9, int(first*10))].add(first, y)
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
		judge(late[id], early[id], true)
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
		judge(p, early[id], false)
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
	if testing.Short() {
		return // a few bands
	}
	if p, r := ratio(all.cell.tp, all.cell.fp), ratio(all.cell.tp, all.cell.fn); p < 0.84 || r < 0.86 {
		t.Errorf("cellular: precision %.4f, recall %.4f", p, r)
	}
}

// faulty gives a scene's observations with something wrong between the sensors
// and the lane.
func (sc *scene) faulty(change func(r *rand.Rand, sensor int, o rf.Observation) []rf.Observation) *scene {
	out := *sc
	out.obs = nil
	r := rand.New(rand.NewPCG(sc.w.seed, 13))
	sensors := map[string]int{}
	for _, o := range sc.obs {
		n, ok := sensors[o.Sensor]
		if !ok {
			n = len(sensors)
			sensors[o.Sensor] = n
		}
		out.obs = append(out.obs, change(r, n, o)...)
	}
	return &out
}

// TestFaultsOfSensors tells what clocks that are off, lost, repeated and late
// observations cost: a table of worlds that differ in nothing else.
func TestFaultsOfSensors(t *testing.T) {
	p := table(t)
	worlds := uint64(2)
	if testing.Short() {
		worlds = 1
	}
	var scenes []*scene
	for seed := range worlds {
		w := newWorld(100 + seed)
		w.skew, w.loss, w.duplicates, w.minutes = 0, 0, false, 8
		scenes = append(scenes, w.play())
	}
	// Every sensor's clock is off by as much, the one to this side and the next
	// to the other.
	skewed := func(by time.Duration) func(*rand.Rand, int, rf.Observation) []rf.Observation {
		return func(_ *rand.Rand, sensor int, o rf.Observation) []rf.Observation {
			o.TS = o.TS.Add(by * time.Duration(1-2*(sensor%2)))
			return []rf.Observation{o}
		}
	}
	lossy := func(part float64) func(*rand.Rand, int, rf.Observation) []rf.Observation {
		return func(r *rand.Rand, _ int, o rf.Observation) []rf.Observation {
			if r.Float64() < part {
				return nil
			}
			return []rf.Observation{o}
		}
	}
	var none tallies
	for _, x := range []struct {
		name    string
		change  func(*rand.Rand, int, rf.Observation) []rf.Observation
		arrange bool // by the time that the sensor gives it
		late    int  // observations that may come before an earlier one
	}{
		{name: "nothing", change: lossy(0)},
		{name: "clocks off by ±0.5 s", change: skewed(500 * time.Millisecond), arrange: true},
		{name: "clocks off by ±1 s", change: skewed(time.Second), arrange: true},
		{name: "clocks off by ∓1 s", change: skewed(-time.Second), arrange: true},
		{name: "25 % lost", change: lossy(0.25)},
		{name: "50 % lost", change: lossy(0.5)},
		{name: "silent for 10 s of each minute", change: func(_ *rand.Rand, sensor int, o rf.Observation) []rf.Observation {
			if (o.TS.Unix()+int64(17*sensor))%60 < 10 {
				return nil
			}
			return []rf.Observation{o}
		}},
		{name: "every third said twice", change: func(r *rand.Rand, _ int, o rf.Observation) []rf.Observation {
			if r.IntN(3) == 0 {
				return []rf.Observation{o, o}
			}
			return []rf.Observation{o}
		}},
		{name: "up to 200 out of order", change: lossy(0), late: 200},
		{name: "±1 s, 25 % lost, twice, out of order", change: func(r *rand.Rand, sensor int, o rf.Observation) []rf.Observation {
			if r.IntN(4) == 0 {
				return nil
			}
			o = skewed(time.Second)(r, sensor, o)[0]
			return slices.Repeat([]rf.Observation{o}, 1+r.IntN(2))
		}, arrange: true, late: 200},
	} {
		var got tallies
		for _, sc := range scenes {
			bad := sc.faulty(x.change)
			if x.arrange {
				slices.SortStableFunc(bad.obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
			}
			if x.late > 0 {
				r := rand.New(rand.NewPCG(sc.w.seed, 17))
				for i := range bad.obs {
					if j := i + r.IntN(x.late); j < len(bad.obs) {
						bad.obs[i], bad.obs[j] = bad.obs[j], bad.obs[i]
					}
				}
			}
			got.add(bad.score(t, p))
		}
		t.Logf("%-38s %s", x.name, &got)
		if x.name == "nothing" {
			none = got
		}
		for _, y := range []struct {
			what        string
			was, is, by float64
		}{
			{"precision", ratio(none.late.tp, none.late.fp), ratio(got.late.tp, got.late.fp), 0.02},
			{"recall", ratio(none.late.tp, none.late.fn), ratio(got.late.tp, got.late.fn), 0.04},
			{"1 − Brier", 1 - none.brier/none.n, 1 - got.brier/got.n, 0.005},
			{"1 − calibration error", 1, 1 - got.ece(), 0.05},
		} {
			if y.is < y.was-y.by {
				t.Errorf("%s: %s falls from %.4f to %.4f", x.name, y.what, y.was, y.is)
			}
		}
	}
}
