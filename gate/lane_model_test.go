package gate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// happening is one thing that happens to a lane, drawn at random.
type happening struct {
	what int // 0-15
	a, b int
}

func (h happening) String() string { return fmt.Sprintf("%d/%d/%d", h.what, h.a, h.b) }

// accounts is the simple model of a lane: what each vehicle may end as, by what
// was done about it, and what an arm may be told.
type accounts struct {
	mu      sync.Mutex
	memory  *storetest.Memory
	under   gate.Level // as told last
	raised  map[gate.PassageID]int
	arm     func(context.Context) error
	problem string
}

func (m *accounts) wrong(format string, args ...any) {
	if m.problem == "" {
		m.problem = fmt.Sprintf(format, args...)
	}
}

// Raise holds every command to the invariants.
func (m *accounts) Raise(ctx context.Context, id gate.PassageID) error {
	m.mu.Lock()
	if m.raised[id]++; m.raised[id] > 1 {
		m.wrong("the arm was commanded twice for %s", id)
	}
	if m.under == gate.LevelOn {
		m.wrong("the arm was commanded over a covered detector for %s", id)
	}
	rec, err := m.memory.Passage(context.Background(), id)
	switch {
	case strings.Contains(string(id), "-egress"):
	case err != nil:
		m.wrong("the arm was commanded for %s, which is not on record: %v", id, err)
	case rec.Outcome != nil:
		m.wrong("the arm was commanded for %s, which had ended %s", id, rec.Outcome.Ending)
	case !slices.ContainsFunc(rec.Acts, func(a gate.Act) bool { return a.Kind == gate.ActOpen || a.Kind == gate.ActOverride }):
		m.wrong("the arm was commanded for %s without an act on record", id)
	case rec.Acts[len(rec.Acts)-1].By == gate.AutoOpen && rec.Summary.Outcome != policy.Grant:
		m.wrong("policy opened by itself for %s, which is no grant", id)
	case rec.Acts[len(rec.Acts)-1].By == gate.AutoOpen && rec.Passage.Arrival.VIN == "":
		m.wrong("policy opened by itself for %s, of which a plate is all that is known", id)
	}
	do := m.arm
	m.mu.Unlock()
	return do(ctx)
}

// mayEnd is what a passage may have ended as, by the acts on record.
func mayEnd(acts []gate.Act) []gate.Ending {
	may := []gate.Ending{gate.EndUnknown}
	for _, a := range acts {
		switch a.Kind {
		case gate.ActOpen, gate.ActOverride:
			return append(may, gate.EndAdmitted, gate.EndArmFailed)
		case gate.ActTurnAway:
			return append(may, gate.EndRefused)
		case gate.ActInspect:
			return append(may, gate.EndInspection)
		default:
		}
	}
	return append(may, gate.EndLeft)
}

// TestLaneModel draws what vehicles, people, devices and the store do, and holds
// the lane to its invariants: an arm is commanded at most once a passage, however
// often the program dies, never without a record and never over a covered
// detector; nothing that was acknowledged is lost; and from wherever it has come to, a person gets the lane
// to where it takes the next vehicle.
func TestLaneModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		config := rapid.IntRange(0, 15).Draw(rt, "config")
		story := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) happening {
			return happening{rapid.IntRange(0, 15).Draw(rt, "what"), rapid.IntRange(0, 11).Draw(rt, "a"), rapid.IntRange(0, 5).Draw(rt, "b")}
		}), 1, 40).Draw(rt, "story")
		var problem string
		synctest.Test(t, func(t *testing.T) { problem = tell(t, config, story) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

func tell(t *testing.T, config int, story []happening) string {
	memory := storetest.NewMemory()
	m := &accounts{memory: memory, raised: make(map[gate.PassageID]int), arm: func(context.Context) error { return nil }}
	var clock setClock
	quiet := func(c *gate.Config) { c.Log, c.Clock = slog.New(slog.DiscardHandler), gate.NewClock(clock.now) }
	set := func(l *gate.LaneConfig, _ *yard) {
		l.Attributor, l.Arm = nil, m
		l.Tandem, l.AutoOpen = config&1 != 0, config&2 != 0
		if config&4 != 0 {
			l.Points = append(slices.Clone(allPoints), gate.PointEgress)
		}
		if config&8 != 0 {
			l.Direction = gate.DirectionExit
		}
	}
	assess := gate.AssessorFunc(func(r gate.Request) gate.Assessment {
		if r.VIN == "" {
			r.VIN = r.Plate
		}
		return judge(r)
	})
	level := make(map[gate.Point]gate.Level)
	for _, p := range allPoints {
		level[p] = gate.LevelOff
	}
	level[gate.PointArmDown] = gate.LevelOn
	var y *yard
	begin := func() { // the devices tell what they see as soon as the program runs
		y = startYard(t, memory, assess, []func(*gate.Config){quiet}, set)
		for _, p := range allPoints {
			y.c.Input("north", gate.Input{Point: p, Level: level[p]})
		}
		synctest.Wait()
	}
	begin()
	var came []gate.PassageID
	acted := make(map[gate.PassageID]int)
	look := func() gate.LaneView { synctest.Wait(); v, _ := y.c.View("north"); return v }
	act := func(a gate.Act) error {
		a.By, a.Reason, a.Supervisor = "anna", "ordered", "jan"
		err := y.c.Act(t.Context(), "north", a)
		if a.Passage != "" && err == nil {
			acted[a.Passage]++
		}
		return err
	}
	input := func(p gate.Point, l gate.Level) {
		synctest.Wait() // a command on its way was given before
		if p == gate.PointUnderArm && config&4 != 0 {
			m.mu.Lock()
			m.under = l
			m.mu.Unlock()
		}
		level[p] = l
		y.c.Input("north", gate.Input{Point: p, Level: l})
		synctest.Wait()
	}
	kinds := []gate.ActKind{gate.ActOpen, gate.ActOpen, gate.ActOpen, gate.ActHold, gate.ActInspect, gate.ActTurnAway, gate.ActOverride, gate.ActReset}
	laneKinds := []gate.ActKind{gate.ActClose, gate.ActReopen, gate.ActEgress, gate.ActEgressEnd, gate.ActManualStart, gate.ActManualEnd, gate.ActTurnExit, gate.ActTurnEntry}
	steps := []string{storetest.StepRecord, storetest.StepAct, storetest.StepOutcome, storetest.StepEvent, storetest.StepReassess, storetest.StepInspection}
	waits := []time.Duration{time.Millisecond, time.Second, 3 * time.Second, 11 * time.Second, 70 * time.Second, 20 * time.Minute}
	for i, h := range story {
		switch h.what {
		case 0, 1:
			// Presented by somebody who does not wait for a lane that keeps it.
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			id, err := y.c.Arrive(ctx, "north", gate.Arrival{VIN: fmt.Sprintf("%c%d", "GGFD"[h.b%4], i), Via: "scanner"})
			cancel()
			if err == nil {
				came = append(came, id)
			}
		case 2, 3, 4:
			if v := look(); len(v.Vehicles) > h.b%2 {
				_ = act(gate.Act{Kind: kinds[h.a%len(kinds)], Passage: v.Vehicles[h.b%2].Passage.ID})
			}
		case 5:
			_ = act(gate.Act{Kind: laneKinds[h.a%len(laneKinds)]})
		case 6, 7:
			input(allPoints[h.a%len(allPoints)], gate.Level(h.b%3))
		case 8:
			time.Sleep(waits[h.b])
		case 9:
			y.store.Break(steps[h.a%len(steps)], h.b%2 == 0, 1+h.b/2)
		case 10:
			m.mu.Lock()
			m.arm = []func(context.Context) error{
				func(context.Context) error { return nil },
				func(context.Context) error { time.Sleep(2 * time.Second); return nil },
				func(context.Context) error { return errors.New("relay silent") },
				func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
				func(context.Context) error { panic("driver broken on purpose") },
				func(context.Context) error { time.Sleep(30 * time.Second); return nil },
			}[h.b]
			m.mu.Unlock()
		case 11:
			if h.a == 0 {
				input(gate.PointEgress, gate.Level(1+h.b%2))
			} else {
				y.c.Device("north", gate.DeviceStatus{Device: "board", Fault: []string{"", "offline"}[h.b%2]})
			}
		case 12: // the program dies, or is stopped, and starts again
			if h.a%2 == 0 {
				y.store.Kill()
			}
			y.stop()
			if err := <-y.done; err != nil && h.a%2 != 0 {
				m.wrong("stopped: %v", err)
			}
			begin()
		case 13: // a detector or contact chatters
			p, at := allPoints[h.a%len(allPoints)], level[allPoints[h.a%len(allPoints)]]
			for range 7 + 3*h.b {
				input(p, gate.LevelOn)
				time.Sleep(time.Duration(h.b) * 20 * time.Millisecond)
				input(p, gate.LevelOff)
			}
			input(p, at)
		case 14:
			clock.set([]time.Duration{time.Minute, -time.Minute, time.Hour, -time.Hour, 400 * 24 * time.Hour, -400 * 24 * time.Hour}[h.b])
		case 15: // a camera reads a plate
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			id, err := y.c.Arrive(ctx, "north", gate.Arrival{Plate: fmt.Sprintf("%c%d", "GGFD"[h.b%4], i), Via: "camera", Read: time.Now()})
			cancel()
			if err == nil {
				came = append(came, id)
			}
		}
	}

	// Everything works again, and a person does what the lane allows.
	y.store.Heal()
	y.c.Device("north", gate.DeviceStatus{Device: "board"})
	for _, p := range allPoints {
		input(p, gate.LevelOff)
	}
	input(gate.PointArmDown, gate.LevelOn)
	input(gate.PointEgress, gate.LevelOff)
	time.Sleep(time.Minute)
	for range 8 {
		v := look()
		if v.State == gate.Idle {
			break
		}
		for _, k := range []gate.ActKind{gate.ActEgressEnd, gate.ActManualEnd, gate.ActReopen} {
			if slices.Contains(v.LaneActs, k) {
				_ = act(gate.Act{Kind: k})
			}
		}
		if v := look(); v.Passage != nil && slices.Contains(v.Allowed, gate.ActReset) {
			_ = act(gate.Act{Kind: gate.ActReset, Passage: v.Passage.ID})
		}
		time.Sleep(15 * time.Second)
	}
	if v := look(); v.State != gate.Idle {
		m.wrong("the lane is stuck: %s, acts %v, on the lane %v", v.State, v.Allowed, v.LaneActs)
	}
	id, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "D99", Via: "scanner"})
	if err != nil {
		m.wrong("the next vehicle: %v", err)
	} else if err := act(gate.Act{Kind: gate.ActTurnAway, Passage: id}); err != nil {
		m.wrong("the next vehicle is turned away: %v", err)
	}
	y.close()

	m.mu.Lock()
	defer m.mu.Unlock()
	list, err := memory.Passages(context.Background(), gate.PassageFilter{Limit: 1000})
	if err != nil {
		return err.Error()
	}
	there := make(map[gate.PassageID]bool)
	for _, p := range list {
		there[p.ID] = true
		if p.Ending == "" {
			m.wrong("%s has no ending", p.ID)
		}
		rec, err := memory.Passage(context.Background(), p.ID)
		if err != nil || len(rec.Acts) < acted[p.ID] {
			m.wrong("%d of %d acts on %s are on record: %v", len(rec.Acts), acted[p.ID], p.ID, err)
		}
		if p.Ending != "" && !slices.Contains(mayEnd(rec.Acts), p.Ending) {
			m.wrong("%+v was done about %s, and it ended %q", rec.Acts, p.ID, p.Ending)
		}
		want := policy.MomentEntry
		if config&8 != 0 {
			want = policy.MomentExit
		}
		if rec.Passage.Moment != want || rec.Outcome != nil && rec.Outcome.Moment != want {
			m.wrong("%s is of another moment than its lane", p.ID)
		}
	}
	for _, id := range came {
		if !there[id] {
			m.wrong("%s was acknowledged and is lost", id)
		}
	}
	return m.problem
}
