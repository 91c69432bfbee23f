package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
)

// TestFaultTable breaks every step of the path to the barrier, with and
// without its effect, once and for good (the process dies there), and holds
// the invariants after the fault, and again after a restart on what is durable.
func TestFaultTable(t *testing.T) {
	const stepArm = "arm"
	none := gate.Ending("no passage")
	for _, c := range []struct {
		step          string
		effect, crash bool
		ending        gate.Ending // in the end, after the restart
		raised        int         // commands to the arm, over both lives
		acts          int
	}{
		{"nothing", true, false, gate.EndAdmitted, 1, 1},

		{storetest.StepRecord, false, false, none, 0, 0},
		{storetest.StepRecord, true, false, gate.EndUnknown, 0, 0},
		{storetest.StepRecord, false, true, none, 0, 0},
		{storetest.StepRecord, true, true, gate.EndUnknown, 0, 0},

		{storetest.StepAct, false, false, gate.EndUnknown, 0, 0},
		{storetest.StepAct, true, false, gate.EndUnknown, 0, 1},
		{storetest.StepAct, false, true, gate.EndUnknown, 0, 0},
		{storetest.StepAct, true, true, gate.EndUnknown, 0, 1},

		// Whether a failed command moved the arm cannot be told; it counts as
		// commanded, and is not commanded again.
		{stepArm, false, false, gate.EndArmFailed, 1, 1},
		{stepArm, true, false, gate.EndAdmitted, 1, 1},
		{stepArm, false, true, gate.EndUnknown, 1, 1},
		{stepArm, true, true, gate.EndUnknown, 1, 1},

		{storetest.StepOutcome, false, false, gate.EndAdmitted, 1, 1}, // made good when records work again
		{storetest.StepOutcome, true, false, gate.EndAdmitted, 1, 1},
		{storetest.StepOutcome, false, true, gate.EndUnknown, 1, 1},
		{storetest.StepOutcome, true, true, gate.EndAdmitted, 1, 1},
	} {
		t.Run(fmt.Sprintf("%s effect=%v crash=%v", c.step, c.effect, c.crash), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := storetest.NewMemory()
				y := newYard(t, memory, func(_ *gate.LaneConfig, y *yard) {
					if c.step != stepArm {
						return
					}
					y.arm.raise = func(context.Context) error {
						if c.crash {
							y.store.Kill()
						}
						if c.effect {
							return nil
						}
						return errors.New("relay silent")
					}
				})
				switch {
				case c.step == stepArm || c.step == "nothing":
				case c.crash:
					y.store.BreakForGood(c.step, c.effect)
				default:
					y.store.Break(c.step, c.effect, 1)
				}

				id, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G1", Via: "scanner"})
				if failed := c.step == storetest.StepRecord; failed != errors.Is(err, gate.ErrManual) {
					t.Fatalf("arrival: %v", err)
				}
				if err == nil {
					err = y.c.Act(t.Context(), "north", gate.Act{Kind: gate.ActOpen, Passage: id, By: "anna"})
					if failed := c.step == storetest.StepAct; failed != errors.Is(err, gate.ErrManual) {
						t.Fatalf("act: %v", err)
					}
				}
				v := y.view()
				storeBroke := c.step != stepArm && c.step != "nothing"
				if storeBroke != (v.State == gate.Manual && v.Notice == gate.NoticeStorage && len(v.Allowed) == 0) && !c.crash {
					t.Errorf("lane is %s, notice %q, allowed %v", v.State, v.Notice, v.Allowed)
				}
				if c.crash {
					if v.State != gate.Manual {
						t.Errorf("without a store the lane is %s", v.State)
					}
					if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G2"}); !errors.Is(err, gate.ErrManual) {
						t.Errorf("arrival without a store: %v", err)
					}
				} else {
					time.Sleep(30 * time.Second) // records work again
					if v := y.view(); v.State != gate.Idle && v.State != gate.Admitting {
						t.Errorf("the lane stays %s", v.State)
					}
				}
				y.close()
				first := y.store.Trace()

				again := newYard(t, memory)
				again.is(gate.Idle, "", gate.ArmClosed)
				time.Sleep(30 * time.Second)
				if n := count(again.store.Trace(), "arm"); n != 0 {
					t.Errorf("after the restart the arm was commanded %d times", n)
				}
				if n := count(first, "arm"); n != c.raised {
					t.Errorf("the arm was commanded %d times, want %d", n, c.raised)
				}
				if at := slices.Index(first, "arm"); at >= 0 {
					if !slices.Contains(first[:at], storetest.StepRecord) || !slices.Contains(first[:at], storetest.StepAct) {
						t.Errorf("the arm was commanded before passage and act were recorded: %v", first)
					}
				}
				list, err := memory.Passages(t.Context(), gate.PassageFilter{})
				if err != nil {
					t.Fatal(err)
				}
				if c.ending == none {
					if len(list) != 0 {
						t.Errorf("%d passages, want none", len(list))
					}
				} else if len(list) != 1 || list[0].Ending != c.ending {
					t.Errorf("passages %+v, want one that is %s", list, c.ending)
				}
				for _, p := range list {
					rec, err := memory.Passage(t.Context(), p.ID)
					if err != nil {
						t.Fatal(err)
					}
					if len(rec.Acts) != c.acts {
						t.Errorf("%d acts recorded, want %d", len(rec.Acts), c.acts)
					}
				}
				next := again.arrive("G3") // the lane serves the next vehicle
				again.act(gate.ActOpen, next)
				again.is(gate.Admitting, "", gate.ArmOpen)
				again.close()
			})
		})
	}
}

// TestStoreBrokenAtStart: lanes wait in manual procedure for a store.
func TestStoreBrokenAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		if err := memory.Record(t.Context(), storetest.Sample(1, 0)); err != nil {
			t.Fatal(err)
		}
		y := newYard(t, memory, func(_ *gate.LaneConfig, y *yard) { y.store.Break(storetest.StepCloseOpen, false, 3) })
		y.is(gate.Manual, gate.NoticeStorage, gate.ArmClosed)
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G1"}); !errors.Is(err, gate.ErrManual) {
			t.Errorf("arrival: %v", err)
		}
		time.Sleep(10 * time.Second)
		if v := y.view(); v.State != gate.Idle {
			t.Errorf("the lane stays %s", v.State)
		}
		if e := y.ending(storetest.Sample(1, 0).ID); e != gate.EndUnknown {
			t.Errorf("the passage of the life before is %q", e)
		}
		y.close()
	})
}

// TestLookUpFails: without the site's own knowledge there is no verdict.
func TestLookUpFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, storetest.NewMemory())
		y.store.Break(storetest.StepInspection, false, 1)
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G1"}); !errors.Is(err, gate.ErrManual) {
			t.Errorf("arrival: %v", err)
		}
		y.arrive("G2")
		y.close()
	})
}
