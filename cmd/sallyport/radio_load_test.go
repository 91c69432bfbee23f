package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/rf"
	"sallyport/rf/attribute"
	"sallyport/rf/privacy"
)

// radioSite is a running site of lanes side by side, each with two sensors and
// hearing those of the lanes beside: the real controller, the real attributors
// and the real filter of a jurisdiction that hears everything it may.
type radioSite struct {
	t     testing.TB
	c     *gate.Controller
	lanes []gate.LaneID
	sent  map[string]*atomic.Uint64 // by sensor
	early map[gate.LaneID]uint64    // observations that the attributors had before the site ran
	stop  func()
}

func newRadioSite(t testing.TB, lanes int, history ...*street) *radioSite {
	t.Helper()
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	filter, err := privacy.NewFilter("US", p)
	if err != nil {
		t.Fatal(err)
	}
	s := &radioSite{t: t, sent: map[string]*atomic.Uint64{}, early: map[gate.LaneID]uint64{}}
	ears := func(i int) attribute.Lane {
		id := fmt.Sprintf("lane%d", i+1)
		return attribute.Lane{ID: id, Stop: id + "-stop", Upstream: id + "-up", Place: i}
	}
	store := storetest.NewMemory()
	cfg := gate.Config{
		Store: store, Registry: store, Admit: filter.Admit, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Assessor: gate.AssessorFunc(func(r gate.Request) gate.Assessment {
			a := gate.Assessment{VIN: r.VIN, Vehicle: gate.VehicleView{Valid: true}}
			a.Verdict.Outcome = policy.Grant
			if r.Radio != nil && r.Radio.HotspotHeard {
				a.Verdict.Outcome = policy.Flag
				a.Verdict.Conditions = []string{r.Radio.Make, r.Radio.Prefix}
			}
			return a
		}),
	}
	for i := range lanes {
		around := attribute.Config{Lanes: []attribute.Lane{ears(i)}}
		lane := gate.LaneConfig{ID: gate.LaneID(ears(i).ID), Name: ears(i).ID, Zone: policy.ZoneRestricted}
		for _, j := range []int{i - 1, i + 1} {
			if j >= 0 && j < lanes {
				around.Lanes = append(around.Lanes, ears(j))
				lane.Beside = append(lane.Beside, gate.LaneID(ears(j).ID))
			}
		}
		a, err := attribute.NewAttributor(around, p)
		if err != nil {
			t.Fatal(err)
		}
		lane.Attributor = a
		// The minutes before, so that every series and table is full.
		for ago := 239 * time.Second; ago > 0 && len(history) > 0; ago -= 100 * time.Millisecond {
			for _, st := range history[max(0, i-1):min(lanes, i+2)] {
				for range 60 {
					a.Observe(st.next(time.Now().Add(-ago)))
					s.early[lane.ID]++
				}
			}
		}
		for _, name := range []string{ears(i).Stop, ears(i).Upstream} {
			lane.Sensors = append(lane.Sensors, gate.LaneSensor{Name: name})
			s.sent[name] = &atomic.Uint64{}
		}
		cfg.Lanes = append(cfg.Lanes, lane)
		s.lanes = append(s.lanes, lane.ID)
	}
	if s.c, err = gate.NewController(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.c.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	return s
}

// hear has a sensor report an observation.
func (s *radioSite) hear(lane int, o rf.Observation) {
	s.sent[o.Sensor].Add(1)
	s.c.Observe(s.lanes[lane], o)
}

// account holds what was counted against what was sent: each observation is
// accepted, refused for a reason or dropped, and each accepted one was weighed,
// or left out by the attributor for a reason.
func (s *radioSite) account() (sent, accepted, refused, dropped uint64) {
	s.t.Helper()
	for _, lane := range s.lanes {
		r, _ := s.c.Radio(lane)
		own := uint64(0)
		for _, h := range r.Sensors {
			n := s.sent[h.Name].Load()
			no := uint64(0)
			for _, x := range h.Refused {
				no += x
			}
			if h.Accepted+no+h.Dropped != n {
				s.t.Errorf("%s: %d sent; %d accepted, %d refused, %d dropped", h.Name, n, h.Accepted, no, h.Dropped)
			}
			sent, accepted, refused, dropped = sent+n, accepted+h.Accepted, refused+no, dropped+h.Dropped
			own += h.Accepted
		}
		if x := r.Table; x.Observed+x.Stale+x.Foreign+x.Dropped != own+r.Neighbours.Heard+s.early[lane] {
			s.t.Errorf("%s: %d accepted and %d overheard; of them %+v", lane, own, r.Neighbours.Heard, x)
		}
		if r.Table.Emitters > 10_000 {
			s.t.Errorf("%s: %d emitters are remembered", lane, r.Table.Emitters)
		}
	}
	return sent, accepted, refused, dropped
}

// numberedVIN is a valid VIN for each number.
func numberedVIN(n int) string { return yardVehicles[n%len(yardVehicles)].full(n) }

// hostile makes up what a broken or hostile sensor may send: a new address each
// time, half of them with a car maker's prefix, clocks of 1970, of 2100 and a
// little off, and levels that are none.
func hostile(r *rand.Rand, n int, sensor string, now time.Time) rf.Observation {
	o := rf.Observation{TS: now, Sensor: sensor, Kind: rf.WiFi, RSSI: -30, Role: "ap"}
	address := r.Uint64() & 0xfcffff_ffffff
	if n%2 == 0 {
		address = 0x0026b4<<24 | address&0xffffff
	}
	o.Emitter = rf.FormatMAC(address)
	switch n % 10 {
	case 1:
		o.TS = time.Unix(0, 0)
	case 2:
		o.TS = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	case 3:
		o.TS = now.Add(4 * time.Second)
	case 4:
		o.TS = now.Add(-time.Hour)
	case 5:
		o.RSSI = math.NaN()
	case 6:
		o.RSSI = math.Inf(1)
	case 7:
		o.Level, o.RSSI = rf.Relative, 20
	}
	return o
}

// TestHostileSensor is a site of four lanes at each of which a vehicle stands
// with a hotspot of its make; the upstream sensor of the second lane sends
// rubbish. What is said at a lane that does not hear that sensor is the same to
// the last digit, the lanes beside say the same words, no verdict is lower, and
// each observation is counted.
func TestHostileSensor(t *testing.T) {
	type said struct {
		outcomes []policy.Outcome
		findings []rf.Finding
	}
	const mast, own = "06:00:00:00:00:01", "00:26:b4:01:02:0%d"
	run := func(t *testing.T, rubbish int) (out said) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)))
			s := newRadioSite(t, 4)
			r := rand.New(rand.NewPCG(1, 2))
			n := 0
			for second := range 130 {
				for lane := range s.lanes {
					for _, x := range []struct {
						place string
						at    float64
					}{{"stop", 0}, {"up", 12}} {
						sensor := fmt.Sprintf("%s-%s", s.lanes[lane], x.place)
						s.hear(lane, rf.Observation{TS: time.Now(), Sensor: sensor, Kind: rf.WiFi, Emitter: mast, RSSI: -72 - x.at/2, Role: "ap"})
						way := 0.0
						switch {
						case second < 60:
							way = 0.6 * math.Pow(float64(60-second), 2)
						case second > 80:
							way = -0.9 * math.Pow(float64(second-80), 2)
						}
						d := way - x.at
						for of := range s.lanes { // the vehicles beside are heard as well
							apart := math.Hypot(d, 2.5+4*math.Abs(float64(of-lane)))
							if level := -50 - 23*math.Log10(apart/2.5) - math.Min(10, math.Abs(d)); level > -95 {
								s.hear(lane, rf.Observation{TS: time.Now(), Sensor: sensor, Kind: rf.WiFi, Emitter: fmt.Sprintf(own, of), RSSI: level, Role: "ap"})
							}
						}
					}
					switch second {
					case 60:
						if err := s.c.Detect(t.Context(), s.lanes[lane], true); err != nil {
							t.Fatal(err)
						}
						if _, err := s.c.Arrive(t.Context(), s.lanes[lane], gate.Arrival{VIN: numberedVIN(lane)}); err != nil {
							t.Fatal(err)
						}
					case 80:
						v, _ := s.c.View(s.lanes[lane])
						out.outcomes = append(out.outcomes, v.Passage.Result.Verdict.Outcome)
						if err := s.c.Act(t.Context(), s.lanes[lane], gate.Act{Kind: gate.ActTurnAway, Passage: v.Passage.ID, By: "guard"}); err != nil {
							t.Fatal(err)
						}
						if err := s.c.Detect(t.Context(), s.lanes[lane], false); err != nil {
							t.Fatal(err)
						}
					}
				}
				for range rubbish {
					n++
					s.hear(1, hostile(r, n, "lane2-up", time.Now()))
				}
				time.Sleep(time.Second)
				synctest.Wait()
			}
			s.account()
			for _, lane := range s.lanes {
				r, _ := s.c.Radio(lane)
				if len(r.Vehicles) != 1 {
					t.Fatalf("%s: %+v", lane, r.Vehicles)
				}
				out.findings = append(out.findings, r.Vehicles[0].Finding)
			}
			s.stop()
		})
		return out
	}
	without, with := run(t, 0), run(t, 3000)
	for lane := range without.outcomes {
		if without.outcomes[lane] != policy.Flag || !without.findings[lane].HotspotHeard {
			t.Fatalf("lane %d alone: %v, %+v", lane, without.outcomes[lane], without.findings[lane])
		}
		if with.outcomes[lane] < without.outcomes[lane] || !with.findings[lane].HotspotHeard || with.findings[lane].Make != "Ford" {
			t.Errorf("lane %d beside a hostile sensor: %v, %+v", lane, with.outcomes[lane], with.findings[lane])
		}
	}
	for _, lane := range []int{0, 2} {
		if x, y := without.findings[lane].Confidence, with.findings[lane].Confidence; math.Abs(x-y) > 0.005 {
			t.Errorf("lane %d: %.4f without, %.4f with", lane, x, y)
		}
	}
	if !reflect.DeepEqual(without.findings[3], with.findings[3]) {
		t.Errorf("without %+v\nwith %+v", without.findings[3], with.findings[3])
	}
}

// street is what one lane's sensors hear: some hundred fixed transmitters, and
// telephones that change their address, so that a table fills and turns over.
type street struct {
	r     *rand.Rand
	lane  int
	base  uint64
	n     uint64
	names [2]string
}

func newStreet(lane int) *street {
	id := fmt.Sprintf("lane%d", lane+1)
	return &street{r: rand.New(rand.NewPCG(uint64(lane), 9)), lane: lane, base: 0x02_00_00_00_00_00 | uint64(lane)<<32, names: [2]string{id + "-stop", id + "-up"}}
}

func (s *street) next(now time.Time) rf.Observation {
	s.n++
	o := rf.Observation{TS: now, Sensor: s.names[s.n%2], RSSI: -85 + 30*s.r.Float64()}
	switch x := s.r.IntN(100); {
	case x < 40:
		o.Kind, o.Role, o.Emitter = rf.WiFi, "ap", rf.FormatMAC(s.base+uint64(s.r.IntN(100)))
	case x < 45:
		o.Kind, o.Band = rf.Cell, [...]string{"B1", "B3", "B8", "B20"}[s.r.IntN(4)]
	case x < 46:
		o.Kind, o.Emitter, o.Model, o.Pressure = rf.TPMS, fmt.Sprintf("%08x", s.r.IntN(400)), "Toyota-PMV-C210", rf.Known(230)
		o.Level = rf.Relative
	default: // a few hundred at a time, a new one every 20 ms at 5,000/s
		o.Kind, o.Address, o.Emitter = rf.BLE, rf.Resolvable, rf.FormatMAC(0x40_00_00_00_00_00|s.base&^(2<<40)|(s.n/100+uint64(s.r.IntN(400))))
	}
	return o
}

// load has every lane's sensors report at a rate, for some time.
func (s *radioSite) load(streets []*street, rate int, d time.Duration) {
	var wg sync.WaitGroup
	for _, st := range streets {
		wg.Go(func() {
			const step = 10 * time.Millisecond
			tick := time.NewTicker(step)
			defer tick.Stop()
			begun, n := time.Now(), 0
			for now := range tick.C {
				if now.Sub(begun) >= d {
					return
				}
				for due := int(now.Sub(begun).Seconds() * float64(rate)); n < due; n++ {
					s.hear(st.lane, st.next(time.Now()))
				}
			}
		})
	}
	wg.Wait()
}

// drive has vehicles come to a lane until the context ends, and gives the time
// that each waited for its verdict.
func (s *radioSite) drive(ctx context.Context, lane int, stands, gap time.Duration) []time.Duration {
	var waited []time.Duration
	pause := func(d time.Duration) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(d):
			return true
		}
	}
	for n := lane * 100_000; ; n++ {
		if !pause(gap) {
			return waited
		}
		if err := s.c.Detect(ctx, s.lanes[lane], true); err != nil {
			return waited
		}
		begun := time.Now()
		id, err := s.c.Arrive(ctx, s.lanes[lane], gate.Arrival{VIN: numberedVIN(n)})
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				s.t.Errorf("lane %d: %v", lane, err)
			}
			return waited
		}
		waited = append(waited, time.Since(begun))
		if !pause(stands) {
			return waited
		}
		_ = s.c.Act(ctx, s.lanes[lane], gate.Act{Kind: gate.ActTurnAway, Passage: id, By: "guard"}) // fails only when the time is over
		_ = s.c.Detect(ctx, s.lanes[lane], false)
	}
}

// drivers has vehicles come to some lanes while do runs.
func (s *radioSite) drivers(lanes []int, stands, gap time.Duration, do func()) (waited []time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, lane := range lanes {
		wg.Go(func() {
			w := s.drive(ctx, lane, stands, gap)
			mu.Lock()
			defer mu.Unlock()
			waited = append(waited, w...)
		})
	}
	do()
	cancel()
	wg.Wait()
	slices.Sort(waited)
	return waited
}

func hundredth(sorted []time.Duration, n int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*n/100)].Round(10 * time.Microsecond)
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// TestRadioLoad is eight lanes at once at 5,000 observations a second each, then
// at 20,000: nothing is dropped uncounted, and memory does not grow. Without
// SALLYPORT_SOAK it lasts a second and asks for the accounts only; with it, a
// minute and ten seconds, and then a sensor that makes up 2^20 addresses a
// second.
func TestRadioLoad(t *testing.T) {
	long := os.Getenv("SALLYPORT_SOAK") != ""
	scale := func(short, soak time.Duration) time.Duration {
		if long {
			return soak
		}
		return short
	}
	var streets, history []*street
	var all []int
	for i := range 8 {
		all = append(all, i)
		streets = append(streets, newStreet(i))
	}
	if long {
		history = streets
	}
	s := newRadioSite(t, len(all), history...)
	defer s.stop()
	stands, gap := scale(100*time.Millisecond, 6*time.Second), scale(50*time.Millisecond, 3*time.Second) // 400 an hour and lane
	settled := func() {
		t.Helper()
		for range 1000 { // what waits is taken in before it is counted
			done := true
			for _, lane := range s.lanes {
				r, _ := s.c.Radio(lane)
				own := uint64(0)
				for _, h := range r.Sensors {
					own += h.Accepted
				}
				done = done && r.Table.Observed+r.Table.Stale+r.Table.Foreign+r.Table.Dropped >= own+r.Neighbours.Heard+s.early[lane] && own > 0
			}
			if done {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error("the lanes never take in what waits")
	}
	report := func(what string, waited []time.Duration) {
		t.Helper()
		settled()
		sent, accepted, refused, dropped := s.account()
		t.Logf("%s: %d sent so far, %d accepted, %d refused, %d dropped; %d verdicts, median %v, p99 %v", what, sent, accepted, refused, dropped, len(waited), hundredth(waited, 50), hundredth(waited, 99))
	}

	if long { // emitters are remembered for two minutes and levels for five: until then memory fills
		s.load(streets, 5000, 330*time.Second)
		settled()
	}
	var at, mb []float64
	watch := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(scale(300*time.Millisecond, 5*time.Second))
		defer tick.Stop()
		begun := time.Now()
		for {
			select {
			case <-watch:
				return
			case <-tick.C:
				at, mb = append(at, time.Since(begun).Seconds()), append(mb, heap())
			}
		}
	}()
	waited := s.drivers(all, stands, gap, func() { s.load(streets, 5000, scale(time.Second, time.Minute)) })
	close(watch)
	<-done
	report("8 lanes × 5,000/s", waited)
	t.Logf("heap after collection, MB: %.1f; slope %.3f MB/s", mb, slope(at, mb))
	if long && slope(at, mb) > 0.1 && mean(mb[len(mb)/2:]) > 1.1*mean(mb[:len(mb)/2]) {
		t.Error("memory grows")
	}
	waited = s.drivers(all[1:], stands, gap, func() { s.load(streets[:1], 20_000, scale(time.Second, 10*time.Second)) })
	report("one lane × 20,000/s", waited)
	waited = s.drivers(all, stands, gap, func() { s.load(streets, 20_000, scale(time.Second, 10*time.Second)) })
	report("8 lanes × 20,000/s", waited)
	if !long {
		return
	}

	beside := all[:6] // the hostile sensor is the last lane's; the last but one overhears it
	quiet := s.drivers(beside, stands, gap, func() { s.load(streets, 1000, 20*time.Second) })
	report("8 lanes × 1,000/s", quiet)
	before := heap()
	var n atomic.Int64
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rand.New(rand.NewPCG(3, 4))
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		begun := time.Now()
		for {
			select {
			case <-end:
				return
			case now := <-tick.C:
				for due := int64(now.Sub(begun).Seconds() * (1 << 20)); n.Load() < due; n.Add(1) {
					s.hear(7, hostile(r, int(n.Load()), "lane8-up", time.Now()))
				}
			}
		}
	})
	loud := s.drivers(beside, stands, gap, func() { s.load(streets, 1000, 20*time.Second) })
	close(end)
	wg.Wait()
	report(fmt.Sprintf("and a hostile sensor, %.0f/s", float64(n.Load())/20), loud)
	after := heap()
	t.Logf("heap after collection, MB: %.1f before, %.1f after it", before, after)
	if after > before+16 {
		t.Error("a hostile sensor makes memory grow")
	}
	// Where the machine has other work, the quiet verdicts are slow as well.
	if hundredth(loud, 99) > max(100*time.Millisecond, 2*hundredth(quiet, 99)) {
		t.Error("a hostile sensor holds up the verdicts of other lanes")
	}
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// slope is that of the straight line nearest to the points.
func slope(x, y []float64) float64 {
	n := float64(len(x))
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	if d := n*sxx - sx*sx; d != 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}
