package gate_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
)

// TestLaneComesBackAsItWas kills the program in each state that people order, and
// while alarms stand: the lane comes back so, says since when and by whom, and
// commands no arm.
func TestLaneComesBackAsItWas(t *testing.T) {
	none := func(*gate.LaneConfig, *yard) {}
	exit := func(l *gate.LaneConfig, _ *yard) { l.Direction = gate.DirectionExit }
	reversible := func(l *gate.LaneConfig, _ *yard) { l.Direction = gate.DirectionReversible }
	for _, c := range []struct {
		name      string
		set       func(*gate.LaneConfig, *yard)
		script    string
		state     gate.State
		closed    string
		direction gate.Direction
		alarms    string // in the life after
		after     string // script that takes it to idle
	}{
		{"closed", none, "//out-of-service", gate.OutOfService, "ordered", gate.DirectionEntry, "", "//in-service"},
		{"manual", none, "G1 //manual-start", gate.Manual, "ordered", gate.DirectionEntry, "", "//manual-end"},
		{"manual ended", none, "//manual-start //manual-end", gate.Idle, "", gate.DirectionEntry, "", ""},
		{"egress of an entry", none, "//egress", gate.Egress, "", gate.DirectionEntry, "", "//egress-end"},
		{"egress of an exit whose arm closed", exit, "//egress down- up+ 3s up- down+ 4s", gate.Egress, "", gate.DirectionExit, "egress-arm", "//egress-end //acknowledge"},
		{"egress ended with its alarm open", exit, "//egress down- up+ 3s up- down+ 4s //egress-end", gate.Idle, "", gate.DirectionExit, "egress-arm.", "//acknowledge"},
		{"egress of a closed lane", none, "//out-of-service //egress", gate.Egress, "ordered", gate.DirectionEntry, "", "//egress-end //in-service"},
		{"not turned yet", reversible, "", gate.OutOfService, "turn-first", gate.DirectionEntry, "", "//turn-entry"},
		{"turned", reversible, "//turn-exit", gate.Idle, "", gate.DirectionExit, "", ""},
		{"turned and closed", reversible, "//turn-exit //out-of-service", gate.OutOfService, "ordered", gate.DirectionExit, "", "//in-service"},
		{"forced", none, "down! up+ 1s up- down+", gate.Idle, "", gate.DirectionEntry, "forced-arm.", "//acknowledge"},
		{"forced, and taken note of", none, "down! up+ 1s up- down+ //acknowledge", gate.Idle, "", gate.DirectionEntry, "", ""},
		{"tamper, taken note of and not over", none, "tamper+ //acknowledge", gate.Idle, "", gate.DirectionEntry, "tamper", "tamper-"},
		{"tamper that ends in between", none, "tamper+", gate.Idle, "", gate.DirectionEntry, "tamper", "tamper- //acknowledge"},
		{"held open", none, "G1 /open " + through + "70s", gate.Idle, "", gate.DirectionEntry, "held-open.", "//acknowledge"},
		{"covered for too long", none, "app+ 16m", gate.Approaching, "", gate.DirectionEntry, "", "tamper- app- 11s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := storetest.NewMemory()
				points := func(l *gate.LaneConfig, _ *yard) {
					l.Points, l.Attributor = append(slices.Clone(allPoints), gate.PointTamper, gate.PointEgress), nil
				}
				y := newYard(t, memory, points, c.set)
				y.play(rest + "tamper- fire- " + c.script)
				before := y.view()
				y.store.Kill() // with everything that the stop would record
				y.close()

				again := newYard(t, memory, points, c.set)
				app := map[bool]string{true: "app+", false: "app-"}[c.state == gate.Approaching]
				again.play(app + " line- under- beyond- up- down+ fire- 5s")
				v := again.view()
				if v.State != c.state || v.Closed != c.closed || v.Direction != c.direction || again.alarms() != c.alarms {
					t.Errorf("comes back %s, closed %q, %s, alarms %q", v.State, v.Closed, v.Direction, again.alarms())
				}
				if n := count(again.store.Trace(), "arm"); n != 0 {
					t.Errorf("the arm was commanded %d times", n)
				}
				ordered := c.state == gate.Egress || c.closed == "ordered"
				if ordered != (v.Ordered != nil) || ordered && (*v.Ordered != *before.Ordered || v.Ordered.By != "anna" || !v.Since.Equal(v.Ordered.At)) {
					t.Errorf("ordered %+v since %s, before %+v", v.Ordered, v.Since, before.Ordered)
				}
				for _, a := range v.Alarms {
					i := slices.IndexFunc(before.Alarms, func(b gate.Alarm) bool {
						return b.ID == a.ID && b.Since.Equal(a.Since) && b.Kind == a.Kind && b.By == a.By
					})
					if i < 0 {
						t.Errorf("alarm %+v is none of %+v", a, before.Alarms)
					}
				}
				again.play(c.after)
				if got := again.alarms(); got != "" {
					t.Errorf("alarms %q stay", got)
				}
				again.is(gate.Idle, "", gate.ArmClosed)
				again.close()
			})
		})
	}
}

// TestAlarmsComeBackOnce: what a lane brings back from the life before is no new
// alarm of the site, whether somebody took note of it there or not.
func TestAlarmsComeBackOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		life := func(script string, rung int) {
			t.Helper()
			y := newYard(t, memory, func(l *gate.LaneConfig, _ *yard) { l.Points, l.Attributor = allPoints, nil })
			var told []gate.SiteAlarm
			a, err := gate.NewAlarms(t.Context(), gate.AlarmsConfig{Store: memory, Clock: gate.NewClock(time.Now), Tell: func(a gate.SiteAlarm) { told = append(told, a) }})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- a.Run(ctx, y.c, []gate.LaneID{"north"}) }()
			y.play(rest + script)
			if open, _ := a.Open(); len(told) != rung {
				t.Errorf("%d alarms rung, want %d; open %+v", len(told), rung, open)
			}
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			y.close()
		}
		life("down! up+ 1s up- down+", 1)
		life("", 0)
		open, err := memory.OpenAlarms(t.Context())
		if err != nil || len(open) != 1 {
			t.Fatalf("open %+v, %v", open, err)
		}
		if err := memory.RecordAlarmAck(t.Context(), gate.AlarmAck{Alarm: open[0].ID, By: "maria", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		life("", 0)
		life("2s down! up+ 1s up- down+ //acknowledge //acknowledge", 1)
		life("", 0)
	})
}
