package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/gate/translog"
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

// TestFaultTableOfLane breaks every step of the longer ways through a lane in the
// same three manners (an error before the effect, one after it, and the death of
// the program there, before or after it), and holds the same invariants; the lane
// comes back as people's orders on record have it.
//
// Of the one path of the design it covers, for each way a vehicle can take and
// for people's orders: the record of the passage, of each act, of each outcome
// and of each event with how the lane stands after it. Arrival, evidence and
// verdict have no effect of their own: that they fail is TestLookUpFails and
// TestAssessorFails, and that the record is read at the start TestStoreBrokenAtStart.
// The command to the arm is a step of TestFaultTable; an arm of which detectors
// speak is TestTraffic's. What is published after the record is held by every yard:
// a screen never shows what is not on record.
func TestFaultTableOfLane(t *testing.T) {
	exit := func(l *gate.LaneConfig, _ *yard) { l.Direction = gate.DirectionExit }
	// whole is what happens before anything breaks.
	whole := func(script string) func(*gate.LaneConfig, *yard) {
		return func(_ *gate.LaneConfig, y *yard) { y.before = script }
	}
	steps := []string{storetest.StepRecord, storetest.StepAct, storetest.StepOutcome, storetest.StepEvent}
	for _, p := range []struct {
		path   string
		set    func(*gate.LaneConfig, *yard)
		script []string       // each is tried, whatever became of the one before
		broken map[string]int // commands where that step breaks and works again; absent: as many as without a fault
		raised int            // commands without a fault
	}{
		{"inputs", func(*gate.LaneConfig, *yard) {}, []string{"line+", "G1", "/open", through, "under+ beyond+ under- beyond-", "up- down+"},
			map[string]int{storetest.StepRecord: 0, storetest.StepAct: 0}, 1},
		{"exit", exit, []string{"line+", "G1", "/open", through, "up- down+"},
			map[string]int{storetest.StepRecord: 0, storetest.StepAct: 0}, 1},
		{"auto-open", func(l *gate.LaneConfig, _ *yard) { l.AutoOpen = true }, []string{"line+", "G1", through, "up- down+"},
			map[string]int{storetest.StepRecord: 0, storetest.StepAct: 0}, 1},
		{"tandem", func(l *gate.LaneConfig, _ *yard) { l.Tandem = true }, []string{"line+", "G1", "G2", "/open", through + "line+", "up- down+", "/open"},
			map[string]int{storetest.StepRecord: 1, storetest.StepAct: 0, storetest.StepOutcome: 1}, 2},
		{"egress", exit, []string{"line+", "G1", "//egress", "down- up+", "3s", "up- down+", "//egress-end"},
			map[string]int{storetest.StepEvent: 0}, 1}, // the arm was raised by hand before the record could be made
		{"backs out", func(*gate.LaneConfig, *yard) {}, []string{"line+", "F1", "line- 4s"}, nil, 0},
		{"closed", func(*gate.LaneConfig, *yard) {}, []string{"//out-of-service", "//in-service", "//manual-start", "//manual-end"}, nil, 0},
		{"opened", whole("//out-of-service"), []string{"//in-service"}, nil, 0},
		{"manual", func(*gate.LaneConfig, *yard) {}, []string{"G1", "//manual-start"}, nil, 0},
		{"manual ended", whole("//manual-start"), []string{"//manual-end"}, nil, 0},
		{"egress ended", whole("//egress"), []string{"//egress-end"}, nil, 0},
		{"egress of a closed lane", whole("//out-of-service"), []string{"//egress", "//egress-end"}, nil, 0},
		{"egress twice", exit, []string{"//egress", "down- up+", "3s", "up- down+", "4s", "//egress", "down- up+", "3s", "up- down+"},
			map[string]int{storetest.StepEvent: 1}, 2},
	} {
		for _, step := range append(steps, "nothing") {
			for _, effect := range []bool{false, true} {
				for _, crash := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s %s effect=%v crash=%v", p.path, step, effect, crash), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							memory := storetest.NewMemory()
							points := func(l *gate.LaneConfig, _ *yard) { l.Points, l.Attributor = allPoints, nil }
							y := newYard(t, memory, points, p.set)
							y.play(rest + y.before)
							switch {
							case step == "nothing":
							case crash:
								y.store.BreakForGood(step, effect)
							default:
								y.store.Break(step, effect, 1)
							}
							for _, words := range p.script {
								y.try(words)
							}
							if !crash {
								time.Sleep(30 * time.Second) // records work again
								if v := y.view(); v.State == gate.Manual && v.Closed == "" || v.Notice == gate.NoticeStorage {
									t.Errorf("the lane stays %s, notice %q", v.State, v.Notice)
								}
							}
							y.close()
							first := y.store.Trace()
							n := count(first, "arm")
							want, named := p.broken[step]
							switch {
							case crash && step != "nothing":
								if n > p.raised {
									t.Errorf("the arm was commanded %d times", n)
								}
							case !named && n != p.raised, named && n != want:
								t.Errorf("the arm was commanded %d times, want %d (or %d): %v", n, p.raised, want, first)
							}
							if at := slices.Index(first, "arm"); at >= 0 && !strings.HasPrefix(p.path, "egress") && !slices.Contains(first[:at], storetest.StepAct) {
								t.Errorf("the arm was commanded before the act was recorded: %v", first)
							}
							if at := slices.Index(first, "arm"); at >= 0 && strings.HasPrefix(p.path, "egress") && count(first[:at], storetest.StepEvent) < 2 {
								t.Errorf("the arm was commanded before the egress was recorded: %v", first)
							}

							again := newYard(t, memory, points, p.set, func(l *gate.LaneConfig, _ *yard) { l.AutoOpen = false })
							again.play(rest + "30s")
							again.asRecorded()
							again.is(gate.Idle, "", gate.ArmClosed)
							if n := count(again.store.Trace(), "arm"); n != 0 {
								t.Errorf("after the restart the arm was commanded %d times", n)
							}
							list, err := memory.Passages(t.Context(), gate.PassageFilter{})
							if err != nil {
								t.Fatal(err)
							}
							for _, s := range list {
								if s.Ending == "" {
									t.Errorf("%s has no ending", s.ID)
								}
							}
							again.play("line+ G9 /open down- up+")
							again.is(gate.Admitting, "", gate.ArmOpen)
							again.close()
						})
					})
				}
			}
		}
	}
}

// try is play for a lane that may refuse: what it does not allow is left out.
func (y *yard) try(words string) {
	y.t.Helper()
	for word := range strings.FieldsSeq(words) {
		_, isPoint := pointWords[word[:len(word)-1]]
		switch {
		case isPoint || word[0] >= '0' && word[0] <= '9':
			y.play(word)
		case strings.HasPrefix(word, "//"):
			_ = y.laneAct("north", gate.ActKind(word[2:]), "ordered")
		case word[0] == '/':
			if v := y.view(); v.Passage != nil {
				_ = y.c.Act(y.t.Context(), "north", gate.Act{Kind: gate.ActKind(word[1:]), Passage: v.Passage.ID, By: "anna", Reason: "seen"})
			}
		default:
			_, _ = y.c.Arrive(y.t.Context(), "north", gate.Arrival{VIN: word, Via: "scanner"})
		}
		synctest.Wait()
	}
}

// asRecorded holds a lane that has just started to the orders on record, and then
// takes back those in force.
func (y *yard) asRecorded() {
	y.t.Helper()
	entries, err := y.memory.Entries(context.Background(), 0, 1<<20)
	if err != nil {
		y.t.Fatal(err)
	}
	type order struct {
		state gate.State
		at    time.Time
	}
	type orders struct{ lane, egress order }
	now := orders{lane: order{state: gate.Idle}}
	before, last := now, ""
	for _, e := range entries {
		entry, err := translog.DecodeEntry(e.Data)
		if err != nil {
			y.t.Fatal(err)
		}
		then := now
		switch gate.EventKind(entry.Kind) {
		case gate.EventLaneClosed:
			now.lane = order{gate.OutOfService, entry.At}
		case gate.EventManualBegun:
			now.lane = order{gate.Manual, entry.At}
		case gate.EventLaneOpened, gate.EventManualEnded:
			now.lane = order{state: gate.Idle}
		case gate.EventEgressBegun:
			now.egress = order{gate.Egress, entry.At}
		case gate.EventEgressEnded:
			now.egress = order{}
		case gate.EventStoreBack:
			if last != "" && strings.Contains(string(entry.Body), last+" was not carried out") {
				now = before
			}
			continue
		default:
			continue
		}
		before, last = then, entry.Kind
	}
	for range 2 {
		want := now.lane
		if now.egress.state != "" {
			want = now.egress
		}
		v := y.view()
		if v.State != want.state {
			y.t.Errorf("the lane comes back %s, and is %s on record", v.State, want.state)
		}
		if want.state == gate.Idle {
			return
		}
		if v.Ordered == nil || v.Ordered.By != "anna" || !v.Ordered.At.Equal(want.at) || now.egress == (order{}) && !v.Since.Equal(want.at) && before != (orders{}) {
			y.t.Errorf("ordered by %+v since %s, on record at %s", v.Ordered, v.Since, want.at)
		}
		y.play(map[gate.State]string{gate.OutOfService: "//in-service", gate.Egress: "//egress-end", gate.Manual: "//manual-end"}[v.State])
		if now.egress.state == "" {
			return
		}
		now.egress, before = order{}, orders{}
	}
}
