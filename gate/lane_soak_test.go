package gate_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/gate/storetest"
)

// soakPoints are what the simulated yard sees, as the lane names it.
var soakPoints = map[barrier.Point]gate.Point{
	barrier.Approach: gate.PointApproach, barrier.AtLine: gate.PointAtLine, barrier.UnderArm: gate.PointUnderArm,
	barrier.Beyond: gate.PointBeyond, barrier.ArmDown: gate.PointArmDown, barrier.ArmUp: gate.PointArmUp,
}

type soakLamps struct{ *barrier.Yard }

func (l soakLamps) Show(ctx context.Context, s gate.Signal) error {
	return l.Yard.Show(ctx, map[gate.Signal]barrier.Signal{gate.SignalRed: barrier.Red, gate.SignalGreen: barrier.Green}[s])
}

// TestLaneSoak runs a lane through days and nights of a simulated yard: vehicles
// that come by the clock, some of which follow through or back out; devices that
// fail, a store that is out for minutes, a clock that is set. A guard who does
// what the lane allows keeps it going. It must never be stuck, lose a record, or
// come down on a vehicle. SALLYPORT_SOAK_HOURS sets how long; the suite runs two
// hours of it.
func TestLaneSoak(t *testing.T) {
	hours := 2
	if s := os.Getenv("SALLYPORT_SOAK_HOURS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		hours = n
	}
	begun := time.Now()
	synctest.Test(t, func(t *testing.T) { soak(t, time.Duration(hours)*time.Hour) })
	t.Logf("%d hours in %s", hours, time.Since(begun).Round(time.Millisecond))
}

func soak(t *testing.T, span time.Duration) {
	dice := rand.New(rand.NewPCG(7, 11))
	chance := func(p float64) bool { return dice.Float64() < p }
	var shift atomic.Int64 // of the system's clock
	clock := gate.NewClock(func() time.Time { return time.Now().Add(time.Duration(shift.Load())) })
	var controller *gate.Controller
	world, err := barrier.NewYard(barrier.YardConfig{Name: "north", Every: 100 * time.Millisecond, Events: func(e barrier.Event) {
		controller.Input("north", gate.Input{Point: soakPoints[e.Point], Level: gate.Level(e.Level), At: e.At, Forced: e.Forced})
	}})
	if err != nil {
		t.Fatal(err)
	}
	memory := storetest.NewMemory()
	y := &yard{t: t, memory: memory, store: storetest.NewFaults(memory)}
	controller, err = gate.NewController(gate.Config{
		Lanes: []gate.LaneConfig{{ID: "north", Points: allPoints, Arm: world, Lamps: soakLamps{world}, AutoOpen: true, ArmTimeout: 10 * time.Second}},
		Store: y.store, Registry: y.store, Assessor: gate.AssessorFunc(judge), Clock: clock, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done, still := make(chan error, 1), make(chan error, 1)
	go func() { done <- controller.Run(ctx) }()
	synctest.Wait()
	go func() { still <- world.Run(ctx) }()

	// Who turns round has those behind make room.
	turning := make(map[string]bool)
	backOut := func(s barrier.Scene, at int) {
		turning[s.Vehicles[at].ID] = true
		for _, v := range s.Vehicles[at:] {
			world.BackOut(v.ID)
		}
	}
	var came []gate.PassageID
	var serving, vehicles, troubles int
	known := make(map[string]bool) // vehicles that were presented
	freed := time.Now()
	nextVehicle, nextTrouble, mended := time.Now(), time.Now().Add(10*time.Minute), time.Time{}
	stood := time.Now() // since when the lane is in this state
	var last gate.LaneView
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(time.Second) {
		now := time.Now()
		if !now.Before(nextVehicle) {
			vehicles++
			if s := world.Scene(); len(s.Vehicles) < 6 {
				world.Arrive(barrier.Vehicle{ID: fmt.Sprintf("%c%d", "GGGGFD"[dice.IntN(6)], vehicles), Length: 3 + 9*dice.Float64(), Tailgates: chance(0.02)})
			}
			mean := 2 * time.Minute // by day; by night ten times as long
			if h := now.UTC().Hour(); h < 6 || h > 20 {
				mean *= 10
			}
			nextVehicle = now.Add(time.Duration(float64(mean) * dice.ExpFloat64()))
		}
		switch {
		case !mended.IsZero() && now.After(mended):
			world.Fail(barrier.Failing{})
			y.store.Heal()
			mended, nextTrouble = time.Time{}, now.Add(time.Duration(float64(20*time.Minute)*dice.ExpFloat64()))
		case mended.IsZero() && now.After(nextTrouble):
			troubles++
			mended = now.Add(time.Duration(1+dice.IntN(300)) * time.Second)
			switch dice.IntN(9) {
			case 0:
				world.Fail(barrier.Failing{Offline: true})
			case 1:
				world.Fail(barrier.Failing{Refuses: true})
			case 2:
				world.Fail(barrier.Failing{Mute: true})
			case 3:
				world.Fail(barrier.Failing{Seized: true})
			case 4:
				world.Fail(barrier.Failing{Held: true})
			case 5:
				world.Fail(barrier.Failing{Reads: map[barrier.Point]bool{[]barrier.Point{barrier.Approach, barrier.AtLine, barrier.Beyond}[dice.IntN(3)]: chance(0.5)}})
			case 6:
				y.store.Kill()
			case 7:
				y.store.Break([]string{storetest.StepRecord, storetest.StepAct, storetest.StepOutcome, storetest.StepEvent}[dice.IntN(4)], chance(0.5), 1+dice.IntN(3))
			case 8:
				shift.Store(int64(time.Duration(dice.IntN(7200)-3600) * time.Second))
			}
		}

		// The guard.
		v, _ := controller.View("north")
		if v.State != last.State || v.Passage != last.Passage {
			stood, last = now, v
		}
		if v.State == gate.Idle || v.State == gate.Approaching || v.State == gate.AtLine || v.State == gate.Manual {
			freed = now
		} else if now.Sub(freed) > 30*time.Minute {
			t.Fatalf("after %s the lane is stuck: %s since %s, arm %s, alarms %+v", span-end.Sub(now), v.State, now.Sub(stood), v.Arm, v.Alarms)
		}
		act := func(a gate.Act) {
			a.By, a.Reason, a.Supervisor = "anna", "ordered", "jan"
			_ = controller.Act(ctx, "north", a)
		}
		for _, a := range v.Alarms {
			if a.By == "" && now.Sub(a.Since) > time.Minute {
				act(gate.Act{Kind: gate.ActAcknowledge, Alarm: a.ID})
			}
		}
		scene := world.Scene()
		if i := slices.IndexFunc(scene.Vehicles, func(p barrier.Place) bool { return turning[p.ID] }); i >= 0 {
			backOut(scene, i) // those who have come since as well
		}
		at := slices.IndexFunc(scene.Vehicles, func(p barrier.Place) bool { return p.Front > -2 && p.Front < 1 })
		switch {
		case at >= 0 && (v.State == gate.Idle || v.State == gate.AtLine || v.State == gate.Approaching) && !known[scene.Vehicles[at].ID]:
			known[scene.Vehicles[at].ID] = true
			if id, err := controller.Arrive(ctx, "north", gate.Arrival{VIN: scene.Vehicles[at].ID, Via: "scanner"}); err == nil {
				came = append(came, id)
				serving++
			}
		case at >= 0 && known[scene.Vehicles[at].ID] && now.Sub(stood) > 2*time.Minute: // it has waited for too long, and goes
			backOut(scene, at)
		case at >= 0 && v.State == gate.Manual && now.Sub(stood) > time.Minute:
			backOut(scene, at)
		}
		switch {
		case v.State == gate.Waiting && now.Sub(stood) > 5*time.Second && len(v.Allowed) > 0:
			a := gate.Act{Kind: v.Allowed[0], Passage: v.Passage.ID}
			if now.Sub(stood) > 5*time.Minute {
				a.Kind = gate.ActReset
			}
			if chance(0.1) && at >= 0 {
				backOut(scene, at)
				break
			}
			act(a)
		case (v.State == gate.Refusing || v.State == gate.Redirected) && at >= 0 && now.Sub(stood) > 3*time.Second:
			backOut(scene, at)
		}
		if (v.State == gate.Admitting || v.State == gate.Refusing || v.State == gate.Redirected) && now.Sub(stood) > 5*time.Minute && v.Passage != nil {
			act(gate.Act{Kind: gate.ActReset, Passage: v.Passage.ID})
		}
	}
	world.Fail(barrier.Failing{})
	y.store.Heal()
	time.Sleep(10 * time.Minute)
	if v, _ := controller.View("north"); v.State == gate.Manual || v.State == gate.OutOfService {
		t.Errorf("with everything mended the lane is %s", v.State)
	}
	pulses, struck := world.Scene().Pulses, world.Scene().Struck
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-still

	if r, err := memory.Verify(context.Background()); err != nil || !r.Clean() {
		t.Errorf("log: %v, %+v", err, r.Misfits)
	}
	for _, id := range came {
		rec, err := memory.Passage(context.Background(), id)
		if err != nil {
			t.Errorf("%s was acknowledged and is lost: %v", id, err)
		} else if rec.Outcome == nil && id != came[len(came)-1] {
			t.Errorf("%s has no ending", id)
		}
	}
	opened := 0
	for before := int64(0); ; {
		list, err := memory.Passages(context.Background(), gate.PassageFilter{Limit: 1000, Before: before})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			rec, err := memory.Passage(context.Background(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(rec.Acts, func(a gate.Act) bool { return a.Kind == gate.ActOpen || a.Kind == gate.ActOverride }) {
				opened++
			}
			before = p.Seq
		}
		if len(list) < 1000 {
			break
		}
	}
	if pulses > opened {
		t.Errorf("%d commands to the arm for %d vehicles that were let in", pulses, opened)
	}
	if struck > 0 {
		t.Errorf("the arm came down on %d vehicles", struck)
	}
	if serving < vehicles/3 || opened < serving/4 || pulses < opened/3 || troubles == 0 {
		t.Errorf("nothing happened: %d served, %d commands, %d troubles", serving, pulses, troubles)
	}
	t.Logf("%d vehicles came, %d were presented, %d let in with %d commands; %d troubles", vehicles, serving, opened, pulses, troubles)
}
