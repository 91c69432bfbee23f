package barrier_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/gate/barrier/barriertest"
)

// start runs a yard until the test ends or stop is called.
func start(t *testing.T, cfg barrier.YardConfig) (y *barrier.Yard, stop func()) {
	t.Helper()
	y, err := barrier.NewYard(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- y.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return y, stop
}

// yardWorld is a yard as the conformance checks see it.
type yardWorld struct {
	y *barrier.Yard

	mu sync.Mutex
	f  barrier.Failing
}

func (w *yardWorld) Pulses() int { return w.y.Scene().Pulses }

func (w *yardWorld) change(f func(*barrier.Failing)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.f)
	w.y.Fail(w.f)
}

func (w *yardWorld) Set(p barrier.Point, on bool) {
	w.change(func(f *barrier.Failing) {
		if f.Reads == nil {
			f.Reads = map[barrier.Point]bool{}
		}
		f.Reads[p] = on
		if p == barrier.UnderArm && !on {
			delete(f.Reads, p)
		}
	})
}

func (w *yardWorld) Lower() {
	w.change(func(f *barrier.Failing) { f.Reads = nil })
	w.y.Drop()
}

func (w *yardWorld) Break(b barriertest.Break) {
	w.change(func(f *barrier.Failing) {
		f.Offline, f.Refuses, f.Mute, f.Seized = b == barriertest.Silent, b == barriertest.Before, b == barriertest.After, b == barriertest.Seized
	})
}

func TestArmOfTheYard(t *testing.T) {
	barriertest.Arm(t, func(t *testing.T) *barriertest.Rig {
		y, stop := start(t, barrier.YardConfig{Name: "yard", Travel: 20 * time.Millisecond, Every: time.Millisecond, Confirm: 2 * time.Second})
		return &barriertest.Rig{
			Arm: y, Inputs: y, World: &yardWorld{y: y}, Stop: stop, Polls: 50 * time.Millisecond,
			Breaks: []barriertest.Break{barriertest.Before, barriertest.After, barriertest.Seized, barriertest.Silent},
		}
	})
}

// told collects events in words.
type told struct {
	mu   sync.Mutex
	list []string
}

func (o *told) event(e barrier.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	word := fmt.Sprintf("%s %s", e.Point, e.Level)
	if e.Forced {
		word += " forced"
	}
	o.list = append(o.list, word)
}

func (o *told) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := strings.Join(o.list, ", ")
	o.list = nil
	return s
}

func TestOneVehicleThroughTheYard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events told
		gone := make(chan bool, 4)
		y, stop := start(t, barrier.YardConfig{Name: "yard", Events: events.event, Gone: func(_ barrier.Vehicle, through bool) { gone <- through }})
		time.Sleep(time.Second)
		if got := events.take(); got != "approach off, at-line off, under-arm off, beyond off, arm-down on, arm-up off" {
			t.Errorf("empty: %s", got)
		}
		y.Arrive(barrier.Vehicle{ID: "a"})
		time.Sleep(time.Minute)
		if got := events.take(); got != "approach on, at-line on, approach off" && got != "approach on, approach off, at-line on" {
			t.Errorf("comes: %s", got)
		}
		if s := y.Scene(); len(s.Vehicles) != 1 || s.Vehicles[0].Front > 0 || s.Vehicles[0].Front < -1 {
			t.Fatalf("%+v does not stand at the line", s)
		}
		if err := y.Show(t.Context(), barrier.Red); err != nil {
			t.Fatal(err)
		}
		if err := y.Raise(t.Context(), "p1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if got := events.take(); got != "arm-down off, arm-up on" {
			t.Errorf("under red: %s", got)
		}
		if err := y.Show(t.Context(), barrier.Green); err != nil {
			t.Fatal(err)
		}
		if !<-gone {
			t.Error("did not go through")
		}
		time.Sleep(10 * time.Second)
		if got := events.take(); got != "under-arm on, at-line off, beyond on, under-arm off, beyond off, arm-up off, arm-down on" &&
			got != "under-arm on, at-line off, beyond on, under-arm off, arm-up off, beyond off, arm-down on" {
			t.Errorf("goes: %s", got)
		}
		y.Force()
		time.Sleep(time.Second)
		if got := events.take(); got != "arm-down off forced, arm-up on" {
			t.Errorf("by hand: %s", got)
		}
		if s := y.Scene(); s.Struck != 0 || s.Pulses != 1 {
			t.Errorf("%+v", s)
		}
		stop()
		if got := events.take(); strings.Count(got, "unknown") != 6 {
			t.Errorf("stopped: %s", got)
		}
	})
}

func TestTailgaterAndBackOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan string, 8)
		y, _ := start(t, barrier.YardConfig{Name: "yard", Gone: func(v barrier.Vehicle, through bool) { gone <- fmt.Sprint(v.ID, " ", through) }})
		y.Arrive(barrier.Vehicle{ID: "first"})
		y.Arrive(barrier.Vehicle{ID: "tailgater", Tailgates: true})
		y.Arrive(barrier.Vehicle{ID: "third", Length: 12})
		time.Sleep(time.Minute)
		if err := y.Raise(t.Context(), "p1"); err != nil {
			t.Fatal(err)
		}
		if a, b := <-gone, <-gone; a != "first true" || b != "tailgater true" {
			t.Errorf("%s, %s", a, b)
		}
		time.Sleep(time.Minute)
		if !y.BackOut("third") || y.BackOut("first") {
			t.Error("who can back out?")
		}
		if a := <-gone; a != "third false" {
			t.Error(a)
		}
		if s := y.Scene(); s.Struck != 0 || s.Pulses != 1 || len(s.Vehicles) != 0 || s.Open != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestBlindDetectorIsSeenByTheWorld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, _ := start(t, barrier.YardConfig{Name: "yard"})
		y.Arrive(barrier.Vehicle{ID: "slow", Length: 30})
		time.Sleep(time.Minute)
		if err := y.Raise(t.Context(), "p1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // it is under way, and under the arm
		if l, _ := y.Level(barrier.UnderArm); l != barrier.On {
			t.Fatalf("under-arm is %s", l)
		}
		if err := y.Raise(t.Context(), "p2"); barrier.ClassOf(err) != barrier.Covered {
			t.Errorf("error %v, want covered", err)
		}
		y.Fail(barrier.Failing{Reads: map[barrier.Point]bool{barrier.UnderArm: false}})
		time.Sleep(4 * time.Second)
		if s := y.Scene(); s.Struck != 1 {
			t.Errorf("the arm came down on nothing: %+v", s)
		}
		y.Fail(barrier.Failing{})
		time.Sleep(time.Minute)
		if s := y.Scene(); s.Struck != 1 || len(s.Vehicles) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestArmGoesUpAgain has something come under the arm while it closes.
func TestArmGoesUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, _ := start(t, barrier.YardConfig{Name: "yard", Travel: 4 * time.Second})
		y.Arrive(barrier.Vehicle{ID: "a"})
		time.Sleep(time.Minute)
		if err := y.Raise(t.Context(), "p1"); err != nil {
			t.Fatal(err)
		}
		for open := 1.0; open == 1; open = y.Scene().Open {
			time.Sleep(100 * time.Millisecond)
		}
		y.Fail(barrier.Failing{Reads: map[barrier.Point]bool{barrier.UnderArm: true}})
		time.Sleep(5 * time.Second)
		if s := y.Scene(); s.Open != 1 {
			t.Errorf("the arm is at %v over what its detector sees", s.Open)
		}
		y.Fail(barrier.Failing{})
		time.Sleep(10 * time.Second)
		if s := y.Scene(); s.Open != 0 {
			t.Errorf("the arm is at %v, and nothing is there", s.Open)
		}
	})
}

// yardAct is one thing that happens in a yard, and the time after it.
type yardAct struct {
	kind    int
	vehicle barrier.Vehicle
	failing barrier.Failing
	signal  barrier.Signal
	who     string
	then    time.Duration
}

// TestYardLaws has drivers, guards and faults of every order, but no blind
// detector: the arm comes down on nobody, drivers go one for each command, and
// commands are those that were given.
func TestYardLaws(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acts := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) yardAct {
			flag := rapid.Bool()
			a := yardAct{
				kind:    rapid.IntRange(0, 6).Draw(rt, "act"),
				vehicle: barrier.Vehicle{Length: rapid.Float64Range(2, 20).Draw(rt, "length"), Tailgates: flag.Draw(rt, "tailgates")},
				signal:  barrier.Signal(rapid.IntRange(0, 2).Draw(rt, "signal")),
				who:     fmt.Sprint(rapid.IntRange(1, 10).Draw(rt, "who")),
				then:    time.Duration(rapid.IntRange(0, 20000).Draw(rt, "ms")) * time.Millisecond,
			}
			if flag.Draw(rt, "fails") {
				a.failing = barrier.Failing{
					Offline: flag.Draw(rt, "offline"), Refuses: flag.Draw(rt, "refuses"), Mute: flag.Draw(rt, "mute"),
					Seized: flag.Draw(rt, "seized"), Held: flag.Draw(rt, "held"),
				}
			}
			return a
		}), 1, 25).Draw(rt, "acts")
		var broken string
		synctest.Test(t, func(t *testing.T) { broken = playYard(t, acts) })
		if broken != "" {
			rt.Fatal(broken)
		}
	})
}

// playYard plays acts and says which law was broken.
func playYard(t *testing.T, acts []yardAct) string {
	var mu sync.Mutex
	through, back, tailgated := 0, 0, 0
	y, stop := start(t, barrier.YardConfig{Name: "yard", Every: 50 * time.Millisecond, Gone: func(v barrier.Vehicle, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case !ok:
			back++
		case v.Tailgates:
			tailgated++
		default:
			through++
		}
	}})
	defer stop()
	arrived, sure, maybe := 0, 0, 0
	for n, a := range acts {
		switch a.kind {
		case 0, 1:
			arrived++
			a.vehicle.ID = fmt.Sprint(arrived)
			y.Arrive(a.vehicle)
		case 2, 3:
			err := y.Raise(t.Context(), gate.PassageID(fmt.Sprint(n)))
			switch {
			case err == nil:
				sure++
			case barrier.EffectOf(err) == barrier.MayHaveMoved:
				maybe++
			}
		case 4:
			y.BackOut(a.who)
		case 5:
			y.Fail(a.failing)
		case 6:
			if err := y.Show(t.Context(), a.signal); err != nil && barrier.ClassOf(err) != barrier.Offline {
				return err.Error()
			}
		}
		time.Sleep(a.then)
	}
	s := y.Scene()
	mu.Lock()
	defer mu.Unlock()
	cleared := 0
	for _, v := range s.Vehicles {
		if v.Front > 0 && !v.Tailgates {
			cleared++
		}
	}
	switch {
	case s.Struck != 0:
		return fmt.Sprintf("the arm came down on %d", s.Struck)
	case s.Pulses < sure || s.Pulses > sure+maybe:
		return fmt.Sprintf("%d pulses, %d raised, %d perhaps", s.Pulses, sure, maybe)
	case through+cleared > s.Pulses:
		return fmt.Sprintf("%d went through on %d commands", through+cleared, s.Pulses)
	case arrived != through+back+tailgated+len(s.Vehicles):
		return fmt.Sprintf("%d arrived; %d, %d, %d and %d are accounted for", arrived, through, back, tailgated, len(s.Vehicles))
	}
	for i := range max(0, len(s.Vehicles)-1) {
		if s.Vehicles[i].Rear < s.Vehicles[i+1].Front {
			return fmt.Sprintf("vehicles in each other: %+v", s.Vehicles)
		}
	}
	return ""
}

func TestYardRefuses(t *testing.T) {
	for _, cfg := range []barrier.YardConfig{{Travel: -1}, {Every: -1}, {Confirm: -1}} {
		if _, err := barrier.NewYard(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
	y, stop := start(t, barrier.YardConfig{})
	stop()
	if err := y.Run(t.Context()); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("ran twice: %v", err)
	}
	if err := y.Raise(t.Context(), "p1"); barrier.ClassOf(err) != barrier.Ended {
		t.Errorf("error %v, want ended", err)
	}
}
