package gate_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/gate/translog"
	"sallyport/policy"
	"sallyport/rf"
)

// judge decides by the first letter of the VIN, and raises by what is heard.
func judge(r gate.Request) gate.Assessment {
	outcome := policy.Flag
	switch {
	case strings.HasPrefix(r.VIN, "G"):
		outcome = policy.Grant
	case strings.HasPrefix(r.VIN, "D"):
		outcome = policy.Deny
	case strings.HasPrefix(r.VIN, "P"):
		panic("assessor broken on purpose")
	}
	if r.Class == policy.ClassGovernment {
		outcome = policy.Deny
	}
	if r.Class == policy.ClassEmergency {
		outcome = policy.Grant
	}
	if r.Radio != nil && r.Radio.HotspotHeard && outcome == policy.Grant {
		outcome = policy.Flag
	}
	if r.Radio != nil && r.Radio.Cellular {
		outcome = policy.Grant // a rule that is wrong: the air must not lower
	}
	a := gate.Assessment{VIN: strings.ReplaceAll(r.VIN, "O", "0"), Vehicle: gate.VehicleView{Valid: true}}
	a.Facts.At = r.At
	a.Verdict = policy.Verdict{Outcome: outcome, Policy: "test@1", Hash: "beef"}
	for _, i := range r.Inspections {
		a.Verdict.Conditions = append(a.Verdict.Conditions, i.ID)
	}
	for _, v := range r.Expected {
		a.Notes = append(a.Notes, "expected "+string(v))
	}
	return a
}

// arm is a traffic arm whose commands stand in the trace of the store.
type arm struct {
	trace *storetest.Faults
	raise func(context.Context) error // nil succeeds
}

func (a *arm) Raise(ctx context.Context, id gate.PassageID) error {
	a.trace.Mark("arm")
	if a.raise != nil {
		return a.raise(ctx)
	}
	return nil
}

// ear is an attributor that finds what the test says it finds.
type ear struct {
	mu      sync.Mutex
	find    rf.Finding
	present bool
	heard   int
}

func (e *ear) Observe(rf.Observation) { e.mu.Lock(); e.heard++; e.mu.Unlock() }
func (e *ear) VehiclePresent(p bool, _ time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.present = p
	if !p {
		e.find = rf.Finding{}
	}
}
func (e *ear) Finding(time.Time) rf.Finding { e.mu.Lock(); defer e.mu.Unlock(); return e.find }
func (e *ear) finds(f rf.Finding)           { e.mu.Lock(); e.find = f; e.mu.Unlock() }

// yard is a site of one lane in a bubble of synctest.
type yard struct {
	t      *testing.T
	c      *gate.Controller
	memory *storetest.Memory
	store  *storetest.Faults
	arm    *arm
	ear    *ear
	stop   context.CancelFunc
	done   chan error
	before string // of TestFaultTableOfLane

	mu    sync.Mutex
	views []gate.LaneView
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// newYard starts a controller on the store. It is to be stopped in the bubble.
func newYard(t *testing.T, memory *storetest.Memory, change ...func(*gate.LaneConfig, *yard)) *yard {
	t.Helper()
	return startYard(t, memory, gate.AssessorFunc(judge), nil, change...)
}

// newYardOf starts a controller with another assessor, on the day of assessAt
// and without sensors, so that a year passes quickly.
func newYardOf(t *testing.T, memory *storetest.Memory, a gate.Assessor, change ...func(*gate.Config)) *yard {
	t.Helper()
	time.Sleep(time.Until(assessAt))
	return startYard(t, memory, a, append(change, func(c *gate.Config) { c.Lanes[0].Attributor = nil }))
}

func startYard(t *testing.T, memory *storetest.Memory, assessor gate.Assessor, config []func(*gate.Config), change ...func(*gate.LaneConfig, *yard)) *yard {
	t.Helper()
	y := &yard{t: t, memory: memory, store: storetest.NewFaults(memory), ear: &ear{}, done: make(chan error, 1)}
	y.arm = &arm{trace: y.store}
	lane := gate.LaneConfig{ID: "north", Name: "North", Zone: policy.ZoneRestricted, TurnOut: "bay 2", Arm: y.arm, Attributor: y.ear}
	for _, f := range change {
		f(&lane, y)
	}
	cfg := gate.Config{
		Lanes: []gate.LaneConfig{lane}, Store: y.store, Registry: y.store, Assessor: assessor,
		Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	}
	for _, f := range config {
		f(&cfg)
	}
	c, err := gate.NewController(cfg)
	if err != nil {
		t.Fatal(err)
	}
	y.c = c
	ctx, stop := context.WithCancel(t.Context())
	y.stop = stop
	views, err := c.Subscribe(t.Context(), "north")
	if err != nil {
		t.Fatal(err)
	}
	go y.watch(views)
	go func() { y.done <- c.Run(ctx) }()
	synctest.Wait()
	return y
}

// recorded says whether an assessment is on record. By the time a view is
// looked at, the record may hold a later one.
func recorded(rec gate.PassageRecord, a gate.Assessment) bool {
	return reflect.DeepEqual(rec.Passage.Result, a) || slices.ContainsFunc(rec.Reassessments, func(r gate.Reassessment) bool {
		return reflect.DeepEqual(r.Result, a)
	})
}

// watch collects the views, and holds each to the invariant that nothing is
// shown that is not recorded.
func (y *yard) watch(views <-chan gate.LaneView) {
	var last gate.LaneView
	for v := range views {
		if v.Version <= last.Version && last.Version != 0 {
			y.t.Errorf("version %d after %d", v.Version, last.Version)
		}
		if v.Passage != nil {
			rec, err := y.memory.Passage(context.Background(), v.Passage.ID)
			if err != nil || !v.Durable {
				y.t.Errorf("view %d shows a passage that is not recorded: %v", v.Version, err)
			} else if !recorded(rec, v.Passage.Result) {
				y.t.Errorf("view %d shows %d by %s, which is not on record; the last there says %d", v.Version, v.Passage.Result.Verdict.Outcome, v.Passage.Result.Verdict.Policy, rec.Summary.Outcome)
			}
		}
		last = v
		y.mu.Lock()
		y.views = append(y.views, v)
		y.mu.Unlock()
	}
}

// close stops the controller and verifies the log.
func (y *yard) close() {
	y.t.Helper()
	y.stop()
	if err := <-y.done; err != nil {
		y.t.Error(err)
	}
	r, err := y.memory.Verify(context.Background())
	if err != nil || !r.Clean() {
		y.t.Errorf("log: %v, %+v", err, r.Misfits)
	}
}

func (y *yard) view() gate.LaneView {
	y.t.Helper()
	synctest.Wait()
	v, ok := y.c.View("north")
	if !ok {
		y.t.Fatal("no lane")
	}
	return v
}

func (y *yard) arrive(vin string) gate.PassageID {
	y.t.Helper()
	id, err := y.c.Arrive(y.t.Context(), "north", gate.Arrival{VIN: vin, Via: "scanner"})
	if err != nil {
		y.t.Fatalf("arrival of %s: %v", vin, err)
	}
	return id
}

func (y *yard) act(kind gate.ActKind, id gate.PassageID) {
	y.t.Helper()
	if err := y.c.Act(y.t.Context(), "north", gate.Act{Kind: kind, Passage: id, By: "anna", Reason: "seen"}); err != nil {
		y.t.Fatalf("act %s: %v", kind, err)
	}
}

func (y *yard) is(state gate.State, notice, arm string) {
	y.t.Helper()
	if v := y.view(); v.State != state || v.Notice != notice || v.Arm != arm {
		y.t.Fatalf("lane is %s, notice %q, arm %s; want %s, %q, %s", v.State, v.Notice, v.Arm, state, notice, arm)
	}
}

func (y *yard) ending(id gate.PassageID) gate.Ending {
	y.t.Helper()
	rec, err := y.memory.Passage(context.Background(), id)
	if err != nil {
		y.t.Fatal(err)
	}
	return rec.Summary.Ending
}

func count(list []string, word string) int {
	n := 0
	for _, w := range list {
		if w == word {
			n++
		}
	}
	return n
}

func TestGrantFromScanToIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory())
		defer y.close()
		y.is(gate.Idle, "", gate.ArmClosed)
		id := y.arrive("g1")
		y.is(gate.Waiting, "", gate.ArmClosed)
		if v := y.view(); !v.Durable || v.Passage.ID != id || v.Passage.Result.Verdict.Outcome != policy.Grant || v.TurnOut != "bay 2" {
			t.Errorf("view %+v", v)
		}
		y.act(gate.ActOpen, id)
		y.is(gate.Admitting, "", gate.ArmOpen)
		if e := y.ending(id); e != gate.EndAdmitted {
			t.Errorf("ending %q", e)
		}
		time.Sleep(11 * time.Second)
		y.is(gate.Idle, "", gate.ArmClosed)
		if v := y.view(); v.LastEnd != gate.EndAdmitted || v.Passage != nil {
			t.Errorf("view %+v", v)
		}
		want := []string{storetest.StepCloseOpen, storetest.StepEvent, storetest.StepRecord, storetest.StepAct, "arm", storetest.StepOutcome}
		if got := y.store.Trace(); !reflect.DeepEqual(got, want) {
			t.Errorf("effects %v, want %v", got, want)
		}
		y.mu.Lock()
		defer y.mu.Unlock()
		var states []gate.State
		for _, v := range y.views {
			if len(states) == 0 || states[len(states)-1] != v.State {
				states = append(states, v.State)
			}
		}
		if want := []gate.State{gate.OutOfService, gate.Idle, gate.Deciding, gate.Waiting, gate.Admitting, gate.Idle}; !slices.Equal(states, want) {
			t.Errorf("states %v, want %v", states, want)
		}
	})
}

func TestActs(t *testing.T) {
	type row struct {
		vin    string
		act    gate.Act
		err    error
		state  gate.State
		ending gate.Ending
		raised int
	}
	by := func(k gate.ActKind) gate.Act { return gate.Act{Kind: k, By: "anna"} }
	with := func(a gate.Act, reason, supervisor string) gate.Act {
		a.Reason, a.Supervisor = reason, supervisor
		return a
	}
	for _, c := range []row{
		{"G", by(gate.ActOpen), nil, gate.Admitting, gate.EndAdmitted, 1},
		{"G", by(gate.ActInspect), nil, gate.Redirected, gate.EndInspection, 0},
		{"G", by(gate.ActHold), nil, gate.Waiting, "", 0},
		{"G", by(gate.ActTurnAway), nil, gate.Refusing, gate.EndRefused, 0},
		{"G", by(gate.ActReset), nil, gate.Idle, gate.EndLeft, 0},
		{"G", with(by(gate.ActOverride), "r", "jan"), gate.ErrNotAllowed, gate.Waiting, "", 0},
		{"G", gate.Act{Kind: gate.ActOpen}, gate.ErrNotAllowed, gate.Waiting, "", 0},
		{"G", gate.Act{Kind: gate.ActOpen, By: gate.AutoOpen}, gate.ErrNotAllowed, gate.Waiting, "", 0},
		{"G", by("bribe"), gate.ErrNotAllowed, gate.Waiting, "", 0},
		{"F", by(gate.ActOpen), gate.ErrNeedsReason, gate.Waiting, "", 0},
		{"F", with(by(gate.ActOpen), " \t", ""), gate.ErrNeedsReason, gate.Waiting, "", 0},
		{"F", with(by(gate.ActOpen), "label read", ""), nil, gate.Admitting, gate.EndAdmitted, 1},
		{"D", with(by(gate.ActOpen), "please", "jan"), gate.ErrNotAllowed, gate.Waiting, "", 0},
		{"D", by(gate.ActTurnAway), nil, gate.Refusing, gate.EndRefused, 0},
		{"D", with(by(gate.ActOverride), "", "jan"), gate.ErrNeedsReason, gate.Waiting, "", 0},
		{"D", with(by(gate.ActOverride), "r", ""), gate.ErrNeedsSupervisor, gate.Waiting, "", 0},
		{"D", with(by(gate.ActOverride), "r", "anna"), gate.ErrNeedsSupervisor, gate.Waiting, "", 0},
		{"D", with(by(gate.ActOverride), "r", "jan"), nil, gate.Admitting, gate.EndAdmitted, 1},
	} {
		t.Run(c.vin+" "+string(c.act.Kind)+" "+c.act.Reason+" "+c.act.Supervisor, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y := newYard(t, storetest.NewMemory())
				defer y.close()
				id := y.arrive(c.vin)
				c.act.Passage = id
				if err := y.c.Act(t.Context(), "north", c.act); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
					t.Fatalf("error %v, want %v", err, c.err)
				}
				if v := y.view(); v.State != c.state {
					t.Errorf("state %s, want %s", v.State, c.state)
				}
				if e := y.ending(id); e != c.ending {
					t.Errorf("ending %q, want %q", e, c.ending)
				}
				if n := count(y.store.Trace(), "arm"); n != c.raised {
					t.Errorf("arm commanded %d times, want %d", n, c.raised)
				}
				rec, err := y.memory.Passage(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if want := c.err == nil; (len(rec.Acts) == 1) != want {
					t.Errorf("%d acts recorded", len(rec.Acts))
				}
			})
		})
	}
}

func TestStaleScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory())
		defer y.close()
		first := y.arrive("G1")
		second := y.arrive("D2")
		if e := y.ending(first); e != gate.EndLeft {
			t.Errorf("the vehicle before ended %q", e)
		}
		err := y.c.Act(t.Context(), "north", gate.Act{Kind: gate.ActOpen, Passage: first, By: "anna"})
		if !errors.Is(err, gate.ErrStale) {
			t.Errorf("error %v, want a stale screen", err)
		}
		y.act(gate.ActTurnAway, second)
		if err := y.c.Act(t.Context(), "north", gate.Act{Kind: gate.ActOpen, Passage: second, By: "anna"}); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("error %v: a refused vehicle was let in", err)
		}
		if n := count(y.store.Trace(), "arm"); n != 0 {
			t.Errorf("arm commanded %d times", n)
		}
		if _, err := y.c.Arrive(t.Context(), "nowhere", gate.Arrival{}); !errors.Is(err, gate.ErrUnknownLane) {
			t.Errorf("error %v", err)
		}
	})
}

// A plate camera reads the vehicle at the line again and again; between its look
// at the lane and its arrival a guard may have scanned the VIN.
func TestPlateAloneReplacesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory())
		defer y.close()
		denied := y.arrive("D1")
		for range 2 {
			if id, err := y.c.Arrive(t.Context(), "north", gate.Arrival{Plate: "AB 12", Via: "camera"}); err != nil || id != denied {
				t.Errorf("passage %s, %v: the plate of the vehicle that was denied is not its own", id, err)
			}
		}
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{Plate: "CD 34", Via: "camera"}); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("error %v: another plate replaced the vehicle that was denied", err)
		}
		if v := y.view(); v.Passage == nil || v.Passage.ID != denied || v.State != gate.Waiting || v.Passage.Arrival.Plate != "AB 12" {
			t.Errorf("view %+v", v)
		}
		admitted := y.arrive("G2")
		if err := y.c.Act(t.Context(), "north", gate.Act{Kind: gate.ActOpen, Passage: admitted, By: "anna"}); err != nil {
			t.Fatal(err)
		}
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{Plate: "AB 12", Via: "camera"}); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("error %v: the plate of the vehicle under the arm began another passage", err)
		}
		time.Sleep(time.Minute)
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{Plate: "AB 12", Via: "camera"}); err != nil {
			t.Errorf("error %v: an empty line takes a plate", err)
		}
	})
}

func TestScannerReadsTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory())
		defer y.close()
		first := y.arrive("F1")
		time.Sleep(time.Second)
		if again := y.arrive("F1"); again != first {
			t.Error("a second read made a second passage")
		}
		time.Sleep(2 * time.Second)
		if again := y.arrive("F1"); again == first {
			t.Error("the same vehicle later is not decided again")
		}
	})
}

func TestAutoOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory(), func(l *gate.LaneConfig, _ *yard) { l.AutoOpen = true })
		defer y.close()
		for _, c := range []struct {
			vin    string
			state  gate.State
			raised int
		}{{"G1", gate.Admitting, 1}, {"F2", gate.Waiting, 1}, {"D3", gate.Waiting, 1}, {"G4", gate.Admitting, 2}} {
			id := y.arrive(c.vin)
			if v := y.view(); v.State != c.state {
				t.Errorf("%s: %s, want %s", c.vin, v.State, c.state)
			}
			if n := count(y.store.Trace(), "arm"); n != c.raised {
				t.Errorf("%s: arm commanded %d times, want %d", c.vin, n, c.raised)
			}
			rec, err := y.memory.Passage(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if c.state == gate.Admitting && (len(rec.Acts) != 1 || rec.Acts[0].By != gate.AutoOpen) {
				t.Errorf("%s: acts %+v", c.vin, rec.Acts)
			}
		}
	})
}

func TestArrivalWhileTheArmMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory(), func(_ *gate.LaneConfig, y *yard) {
			y.arm.raise = func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		})
		defer y.close()
		first := y.arrive("G1")
		y.act(gate.ActOpen, first)
		y.is(gate.Admitting, "", gate.ArmOpening)
		got := make(chan gate.PassageID, 1)
		go func() { got <- y.arrive("F2") }()
		if v := y.view(); v.Inbound != 1 || v.Passage.ID != first {
			t.Errorf("view %+v", v)
		}
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "F3"}); !errors.Is(err, gate.ErrBusy) {
			t.Errorf("error %v, want busy", err)
		}
		second := <-got
		if e := y.ending(first); e != gate.EndAdmitted {
			t.Errorf("ending %q", e)
		}
		if v := y.view(); v.State != gate.Waiting || v.Passage.ID != second || v.Inbound != 0 {
			t.Errorf("view %+v", v)
		}
	})
}

func TestArmThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		y := newYard(t, storetest.NewMemory(), func(l *gate.LaneConfig, y *yard) {
			l.Attributor = nil
			y.arm.raise = func(context.Context) error { <-free; return nil }
		})
		defer y.close()
		first := y.arrive("G1")
		y.act(gate.ActOpen, first)
		time.Sleep(6 * time.Second)
		y.is(gate.Admitting, gate.NoticeArm, gate.ArmFault)
		if e := y.ending(first); e != gate.EndArmFailed {
			t.Errorf("ending %q", e)
		}
		time.Sleep(time.Minute)
		y.is(gate.Admitting, gate.NoticeArm, gate.ArmFault)
		y.act(gate.ActReset, first)
		y.is(gate.Idle, "", gate.ArmClosed)
		second := y.arrive("G2")
		y.act(gate.ActOpen, second)
		y.is(gate.Admitting, gate.NoticeArm, gate.ArmFault)
		if n := count(y.store.Trace(), "arm"); n != 1 {
			t.Errorf("arm commanded %d times while the first command hangs, want 1", n)
		}
		close(free)
		synctest.Wait() // the first command returns
		third := y.arrive("G3")
		y.act(gate.ActOpen, third)
		y.is(gate.Admitting, "", gate.ArmOpen)
	})
}

func TestRadioRaisesAndNeverLowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory())
		defer y.close()
		id := y.arrive("G1")
		y.ear.finds(rf.Finding{Sensed: true, HotspotHeard: true})
		time.Sleep(time.Second)
		if v := y.view(); v.State != gate.Waiting || v.Passage.Result.Verdict.Outcome != policy.Flag {
			t.Fatalf("view %+v", v)
		}
		rec, err := y.memory.Passage(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if len(rec.Reassessments) != 1 || rec.Reassessments[0].Because != "radio" || rec.Passage.Result.Verdict.Outcome != policy.Grant {
			t.Errorf("record %+v", rec)
		}
		if err := y.c.Act(t.Context(), "north", gate.Act{Kind: gate.ActOpen, Passage: id, By: "anna"}); !errors.Is(err, gate.ErrNeedsReason) {
			t.Errorf("error %v: the raised verdict does not bind", err)
		}
		y.ear.finds(rf.Finding{Sensed: true, HotspotHeard: true, Cellular: true}) // judged Grant by a wrong rule
		time.Sleep(time.Second)
		y.ear.finds(rf.Finding{})
		time.Sleep(time.Second)
		if v := y.view(); v.Passage.Result.Verdict.Outcome != policy.Flag {
			t.Errorf("the air lowered the verdict to %d", v.Passage.Result.Verdict.Outcome)
		}
		if rec, err = y.memory.Passage(t.Context(), id); err != nil || len(rec.Reassessments) != 1 {
			t.Errorf("%d reassessments, %v", len(rec.Reassessments), err)
		}
		y.arrive("F2")
		if !y.ear.present {
			t.Error("the attributor does not know of the vehicle")
		}
	})
}

func TestSensors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory(), func(l *gate.LaneConfig, _ *yard) { l.Observations = 4 })
		defer y.close()
		if !y.c.Observe("north", rf.Observation{TS: time.Now(), Sensor: "s1", Kind: rf.BLE}) {
			t.Error("an observation was dropped by an idle lane")
		}
		y.c.Refused("north", 6)
		if y.c.Observe("north", rf.Observation{Sensor: "s1", Kind: rf.BLE, TS: time.Now().Add(time.Minute)}) {
			t.Error("an observation from the future was taken")
		}
		time.Sleep(6 * time.Second)
		if r := y.view().Radio; r.Sensors != 1 || r.Accepted != 1 || r.Refused != 7 || r.LastHeard.IsZero() {
			t.Errorf("radio %+v", r)
		}
		time.Sleep(time.Minute)
		y.is(gate.Idle, gate.NoticeRadio, gate.ArmClosed)
		if !y.c.Observe("north", rf.Observation{TS: time.Now(), Sensor: "s1", Kind: rf.BLE}) {
			t.Error("dropped")
		}
		time.Sleep(time.Second)
		y.is(gate.Idle, "", gate.ArmClosed)
		if y.ear.heard != 2 {
			t.Errorf("%d observations reached the attributor, want 2", y.ear.heard)
		}
	})
}

func TestObservationsNeverBlock(t *testing.T) {
	c, err := gate.NewController(gate.Config{
		Lanes:    []gate.LaneConfig{{ID: "north", Attributor: &ear{}, Observations: 4}},
		Store:    storetest.NewMemory(),
		Registry: storetest.NewMemory(), Assessor: gate.AssessorFunc(judge),
	})
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for range 10 { // the lane does not run: nobody takes them
		if c.Observe("north", rf.Observation{TS: time.Now()}) {
			kept++
		}
	}
	v, _ := c.View("north")
	if kept != 4 || v.Radio.Accepted != 4 || v.Radio.Dropped != 6 {
		t.Errorf("kept %d, counted %+v", kept, v.Radio)
	}
	if _, err := c.Arrive(t.Context(), "north", gate.Arrival{}); !errors.Is(err, gate.ErrOutOfService) {
		t.Errorf("error %v", err)
	}
}

func TestSlowReaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory())
		defer y.close()
		slow, err := y.c.Subscribe(t.Context(), "north")
		if err != nil {
			t.Fatal(err)
		}
		first := <-slow
		if now := y.view(); first.Version != now.Version || first.State != gate.Idle {
			t.Errorf("first view %+v", first)
		}
		for range 30 {
			time.Sleep(3 * time.Second)
			y.arrive("F1")
		}
		n := 0
		for range slow { // ends only because it was closed
			n++
		}
		if n == 0 || n > 40 {
			t.Errorf("%d views kept for a reader who did not read", n)
		}
		ctx, leave := context.WithCancel(t.Context())
		other, err := y.c.Subscribe(ctx, "north")
		if err != nil {
			t.Fatal(err)
		}
		<-other
		leave()
		if _, open := <-other; open {
			t.Error("the reader who left is still served")
		}
	})
}

func TestDetector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory())
		defer y.close()
		detect := func(covered bool) {
			t.Helper()
			if err := y.c.Detect(t.Context(), "north", covered); err != nil {
				t.Fatal(err)
			}
		}
		detect(true)
		y.is(gate.Approaching, "", gate.ArmClosed)
		detect(false)
		y.is(gate.Idle, "", gate.ArmClosed)
		detect(true)
		id := y.arrive("D1")
		detect(false)
		y.is(gate.Waiting, "", gate.ArmClosed)
		y.act(gate.ActTurnAway, id)
		detect(false)
		y.is(gate.Idle, "", gate.ArmClosed)
	})
}

func TestClockBehindTheLastRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		future := time.Now().UTC().AddDate(1, 0, 0)
		if err := memory.RecordEvent(t.Context(), gate.Event{Kind: gate.EventStopped, At: future}); err != nil {
			t.Fatal(err)
		}
		y := newYard(t, memory)
		defer y.close()
		first := y.arrive("F1")
		v := y.view()
		time.Sleep(time.Minute)
		if again := y.arrive("F1"); again == first {
			t.Error("while the clock is behind, every arrival is taken for a second read")
		}
		if v.Notice != gate.NoticeClock {
			t.Errorf("notice %q, want the clock's", v.Notice)
		}
		if v.Passage.At.Before(future) || v.Passage.Result.Facts.At.Before(future) {
			t.Errorf("decided as of %v, want the later instant", v.Passage.Result.Facts.At)
		}
		entries, err := memory.Entries(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(entries, func(e translog.StoredEntry) bool {
			return strings.Contains(string(e.Data), string(gate.EventClockBehind))
		}) {
			t.Error("the log does not tell of the clock")
		}
	})
}

func TestWhatTheSiteKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		now := time.Now().UTC()
		for _, err := range []error{
			memory.PutRegistrations(t.Context(), gate.Registration{Plate: "GOV 1", Class: policy.ClassGovernment, At: now}),
			memory.PutRegistrations(t.Context(), gate.Registration{VIN: "D7", Plate: "FIRE 1", Class: policy.ClassEmergency, At: now}),
			memory.PutRegistrations(t.Context(), gate.Registration{VIN: "WVGZZZ5NZEW069292", Class: policy.ClassPrivate, At: now}),
			memory.RecordInspection(t.Context(), gate.Inspection{ID: "i1", VIN: "G0", At: now, Expires: now.AddDate(1, 0, 0)}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		y := newYard(t, memory)
		defer y.close()
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G1", Plate: "gov-1", Class: policy.ClassPrivate}); err != nil {
			t.Fatal(err)
		}
		if v := y.view(); v.Passage.Result.Verdict.Outcome != policy.Deny {
			t.Error("the class the driver gave won over the site's list")
		}
		for vin, want := range map[string]policy.Outcome{"D7": policy.Grant, "D8": policy.Deny} { // D8 bears the plate of D7
			if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: vin, Plate: "FIRE-1"}); err != nil {
				t.Fatal(err)
			}
			if v := y.view(); v.Passage.Result.Verdict.Outcome != want {
				t.Errorf("%s with the plate of D7: %s", vin, v.Passage.Result.Verdict.Outcome)
			}
		}
		for read, want := range map[string][]string{"WVGZZZ5NZEWQ6929Z": {"expected WVGZZZ5NZEW069292"}, "WVGZZZ5NZEW069292": nil} {
			y.arrive(read)
			if got := y.view().Passage.Result.Notes; !slices.Equal(got, want) {
				t.Errorf("%s: the assessor was told %q, want %q", read, got, want)
			}
		}
		y.arrive("GO") // misread: the assessor corrects it to G0, whose inspection counts
		if v := y.view(); len(v.Passage.Result.Verdict.Conditions) != 1 {
			t.Errorf("the inspection of the corrected VIN was not found: %+v", v.Passage.Result)
		}
	})
}

func TestReassess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory())
		defer y.close()
		if err := y.c.Reassess(t.Context(), "north", "inspection"); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("nobody waits: %v", err)
		}
		id := y.arrive("GO") // corrected to G0
		y.ear.finds(rf.Finding{HotspotHeard: true})
		time.Sleep(time.Second)
		now := time.Now().UTC()
		if err := y.memory.RecordInspection(t.Context(), gate.Inspection{ID: "i1", VIN: "G0", At: now, Expires: now.AddDate(1, 0, 0)}); err != nil {
			t.Fatal(err)
		}
		y.ear.finds(rf.Finding{})
		if err := y.c.Reassess(t.Context(), "north", "inspection"); err != nil {
			t.Fatal(err)
		}
		v := y.view()
		if v.Passage.ID != id || len(v.Passage.Result.Verdict.Conditions) != 1 {
			t.Errorf("the inspection does not count: %+v", v.Passage.Result)
		}
		if v.Passage.Result.Verdict.Outcome != policy.Flag {
			t.Error("what the air said was forgotten")
		}
		y.store.Break(storetest.StepReassess, true, 1)
		if err := y.c.Reassess(t.Context(), "north", "posture"); !errors.Is(err, gate.ErrManual) {
			t.Errorf("error %v, want manual procedure", err)
		}
		time.Sleep(5 * time.Second)
		if e := y.ending(id); e != gate.EndUnknown {
			t.Errorf("ending %q", e)
		}
	})
}

func TestAssessorFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory())
		defer y.close()
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "P"}); !errors.Is(err, gate.ErrManual) {
			t.Errorf("error %v, want manual procedure", err)
		}
		y.is(gate.Manual, gate.NoticeAssess, gate.ArmClosed)
		time.Sleep(3 * time.Second)
		y.is(gate.Idle, "", gate.ArmClosed)
		y.arrive("G1")
	})
}
