package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/rf"
	"sallyport/rf/attribute"
	"sallyport/rf/serial"
	"sallyport/vin"
)

func TestYardVehiclesAreRealPatterns(t *testing.T) {
	ix, err := vin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if len(yardVehicles) < 60 {
		t.Errorf("%d vehicles", len(yardVehicles))
	}
	classes := map[policy.Class]int{}
	for _, v := range yardVehicles {
		classes[v.class]++
		full := v.full(123)
		n, problems := vin.Parse(full)
		if len(problems) != 0 {
			t.Errorf("%s: %v", full, problems)
			continue
		}
		d := ix.Decode(n, vin.Options{Year: 2026})
		if d.Make == "" || d.ModelYear == 0 {
			t.Errorf("%s decodes to make %q, year %d", full, d.Make, d.ModelYear)
		}
		for _, x := range v.declared {
			if err := x.Check(); err != nil {
				t.Errorf("%s: %v", full, err)
			}
		}
	}
	if classes[policy.ClassPrivate] < 2*(classes[policy.ClassGovernment]+classes[policy.ClassContractor]) || classes[policy.ClassGovernment] < 3 {
		t.Errorf("classes %v", classes)
	}
}

// fakeLane is a lane controller of one lane whose guard is the test. It keeps
// what was done in order.
type fakeLane struct {
	mu      sync.Mutex
	view    gate.LaneView
	readers []chan gate.LaneView
	did     []string
	vins    []string
	outcome policy.Outcome
	onSee   func(covered bool)
	refuse  error
}

func (f *fakeLane) publish() {
	for _, c := range f.readers {
		select {
		case c <- f.view:
		default:
		}
	}
}

func (f *fakeLane) Detect(_ context.Context, _ gate.LaneID, covered bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, fmt.Sprintf("detect %v", covered))
	if f.onSee != nil {
		f.onSee(covered)
	}
	switch {
	case covered && f.view.State == gate.Idle:
		f.view.State = gate.Approaching
	case !covered && f.view.State != gate.Waiting:
		f.view.State, f.view.Passage = gate.Idle, nil
	}
	f.publish()
	return nil
}

func (f *fakeLane) Arrive(_ context.Context, lane gate.LaneID, a gate.Arrival) (gate.PassageID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, "arrive")
	f.vins = append(f.vins, a.VIN+" "+a.Plate)
	if f.refuse != nil {
		return "", f.refuse
	}
	id := gate.PassageID(fmt.Sprintf("p%d", len(f.vins)))
	f.view.State = gate.Waiting
	f.view.Passage = &gate.Passage{ID: id, Lane: lane, Arrival: a}
	f.view.Passage.Result.Verdict.Outcome = f.outcome
	f.publish()
	return id, nil
}

func (f *fakeLane) Act(_ context.Context, _ gate.LaneID, a gate.Act) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, string(a.Kind)+" by "+a.By)
	f.view.State = gate.Refusing
	if a.Kind == gate.ActOpen {
		f.view.State, f.view.Arm = gate.Admitting, "open"
	}
	f.publish()
	return nil
}

func (f *fakeLane) Subscribe(context.Context, gate.LaneID) (<-chan gate.LaneView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan gate.LaneView, 16)
	c <- f.view
	f.readers = append(f.readers, c)
	return c, nil
}

func (f *fakeLane) done() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.did)
}

// paper is a receiver's line that keeps what was sent.
type paper struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *paper) Close() error { return nil }

func (p *paper) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.b.Reset()
	return p.b.String()
}

// inYard runs a yard of one lane in a bubble whose clock stands in 2026, where
// observations are plausible, until ends it.
func inYard(t *testing.T, cfg yardConfig, f *fakeLane, during func(ears []*paper)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)))
		var ears []*paper
		f.view.State = gate.Idle
		cfg.Lanes = []gate.LaneID{"lane1"}
		y, err := makeYard(cfg, func() (io.WriteCloser, string, error) {
			p := &paper{}
			ears = append(ears, p)
			return p, fmt.Sprintf("paper%d", len(ears)), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- y.Run(ctx, f) }()
		during(ears)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the yard ended with %v", err)
		}
	})
}

func TestYardWaitsForTheGuard(t *testing.T) {
	f := &fakeLane{outcome: policy.Grant}
	inYard(t, yardConfig{Seed: 1}, f, func([]*paper) {
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := strings.Join(f.done(), ", "); got != "detect true, arrive" {
			t.Fatalf("with nobody at the screen: %s", got)
		}
		if err := f.Act(t.Context(), "lane1", gate.Act{Kind: gate.ActTurnAway, By: "a person"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(f.done(), ", "); got != "detect true, arrive, turn-away by a person, detect false, detect true, arrive" {
			t.Fatalf("after the person's act: %s", got)
		}
	})
}

func TestYardGuardActsByTheVerdict(t *testing.T) {
	for outcome, want := range map[policy.Outcome]string{policy.Grant: "open", policy.Flag: "inspect", policy.Deny: "turn-away"} {
		f := &fakeLane{outcome: outcome}
		inYard(t, yardConfig{Seed: 1, AutoGuard: "demo", MaxWait: 20 * time.Second}, f, func([]*paper) {
			time.Sleep(3 * time.Minute)
			synctest.Wait()
			did := f.done()
			if n := len(f.vins); n < 4 {
				t.Fatalf("%d vehicles in three minutes: %v", n, did)
			}
			if did[2] != want+" by demo" || did[3] != "detect false" {
				t.Fatalf("on outcome %d: %v", outcome, did)
			}
		})
	}
}

func TestYardGoesOnWhenALaneHasNoVerdict(t *testing.T) {
	f := &fakeLane{refuse: gate.ErrManual}
	inYard(t, yardConfig{Seed: 1}, f, func([]*paper) {
		time.Sleep(2 * time.Minute)
		synctest.Wait()
	})
	if len(f.vins) < 4 {
		t.Fatalf("%d vehicles tried in two minutes", len(f.vins))
	}
}

func TestYardIsMadeOfItsSeed(t *testing.T) {
	run := func(seed uint64) []string {
		f := &fakeLane{outcome: policy.Grant}
		inYard(t, yardConfig{Seed: seed, AutoGuard: "demo", MaxWait: time.Second}, f, func([]*paper) {
			time.Sleep(30 * time.Minute)
		})
		return f.vins
	}
	a, b, c := run(7), run(7), run(8)
	if !slices.Equal(a, b) {
		t.Error("the same seed brings other vehicles")
	}
	if slices.Equal(a, c) {
		t.Error("another seed brings the same vehicles")
	}
	if len(a) < len(yardVehicles) {
		t.Fatalf("%d vehicles in half an hour", len(a))
	}
	seen := map[string]bool{}
	for _, v := range a[:len(yardVehicles)] {
		seen[v] = true
	}
	if len(seen) != len(yardVehicles) {
		t.Errorf("%d of %d vehicles came before one came again", len(seen), len(yardVehicles))
	}
}

// TestYardIsHeard lets the attributor listen to the yard: what it says must be
// true of the vehicles that the yard sent.
func TestYardIsHeard(t *testing.T) {
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	a, err := attribute.NewAttributor(attribute.Config{Lanes: []attribute.Lane{{ID: "lane1", Stop: "lane1-stop", Upstream: "lane1-upstream"}}}, p)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeLane{outcome: policy.Grant}
	right, wrong, missed := 0, 0, 0
	var lines int
	inYard(t, yardConfig{Seed: 3, AutoGuard: "demo", MaxWait: 12 * time.Second}, f, func(ears []*paper) {
		hear := func() {
			for _, e := range ears {
				for _, line := range strings.Split(strings.TrimSpace(e.take()), "\n") {
					if line == "" {
						continue
					}
					o, err := p.ParseLine([]byte(line))
					if err != nil {
						t.Errorf("%s: %v", line, err)
						continue
					}
					lines++
					a.Observe(o)
				}
			}
		}
		f.onSee = func(covered bool) {
			hear()
			if !covered && len(f.vins) > 0 {
				got := a.Finding(time.Now())
				want := false
				for _, v := range yardVehicles {
					if strings.HasPrefix(f.vins[len(f.vins)-1], v.vin[:8]) && f.vins[len(f.vins)-1][9:11] == v.vin[9:] {
						want = want || v.prefix != "" || v.ssid != ""
					}
				}
				switch {
				case want && got.HotspotHeard:
					right++
				case got.HotspotHeard:
					wrong++
				case want:
					missed++
				}
			}
			a.VehiclePresent(covered, time.Now())
		}
		time.Sleep(40 * time.Minute)
		synctest.Wait()
	})
	t.Logf("%d vehicles, %d lines; hotspots: %d heard, %d missed, %d claimed of vehicles without one", len(f.vins), lines, right, missed, wrong)
	if right < 12 || wrong > 0 || missed > right/8 {
		t.Errorf("hotspots: %d heard, %d missed, %d claimed of vehicles without one", right, missed, wrong)
	}
}

func TestYardSpeaksThroughATerminal(t *testing.T) {
	y, err := newYard(yardConfig{Seed: 1, Lanes: []gate.LaneID{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	s := y.Sensors("b")
	if len(s) != 2 || s[0].Name != "b-stop" || s[1].Name != "b-upstream" || s[0].Port == s[1].Port || y.Sensors("c") != nil {
		t.Fatalf("receivers %+v", s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- y.Run(ctx, &fakeLane{view: gate.LaneView{State: gate.Idle}}) }()
	r := serial.NewReader(func(b []byte, _ time.Time) (rf.Observation, error) { return rf.ParseLine(b) })
	got := make(chan rf.Observation, 1)
	heard, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_ = r.Run(heard, func() (serial.Port, error) { return serial.Open(s[0].Port, 115200) }, func(o rf.Observation) bool {
			select {
			case got <- o:
			default:
			}
			return true
		})
	}()
	select {
	case o := <-got:
		if o.Sensor != "b-stop" {
			t.Errorf("heard %+v", o)
		}
	case <-ctx.Done():
		t.Fatalf("nothing was heard: %+v", r.Stats())
	}
	stop()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
