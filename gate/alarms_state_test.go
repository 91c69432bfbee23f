package gate_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
)

// TestStatesAreRaisedOnce: what lasts is one alarm, over a restart too, and
// another when it comes again; a person ends it by taking note.
func TestStatesAreRaisedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := storetest.NewMemory()
		clock := gate.NewClock(time.Now)
		var rung []gate.AlarmKind
		open := func() *gate.Alarms {
			s, err := gate.NewAlarms(t.Context(), gate.AlarmsConfig{Store: store, Clock: clock, Tell: func(a gate.SiteAlarm) { rung = append(rung, a.Kind) }})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := open()
		y := startYard(t, store, gate.AssessorFunc(judge), nil)
		defer y.close()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx, y.c, []gate.LaneID{"north"}) }()
		kinds := func() (list []gate.AlarmKind) {
			synctest.Wait()
			all, _ := s.Open()
			for _, a := range all {
				list = append(list, a.Kind)
			}
			return list
		}
		is := func(want ...gate.AlarmKind) {
			t.Helper()
			if got := kinds(); !slices.Equal(got, want) {
				t.Fatalf("open are %v, want %v", got, want)
			}
		}
		is()
		y.store.Break(storetest.StepRecord, false, 1)
		y.store.Break(storetest.StepEvent, false, 3)
		_, _ = y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G1", Via: "scanner"})
		is(gate.AlarmRecords)
		time.Sleep(time.Minute) // records can be made again, and somebody still has to look
		is(gate.AlarmRecords)
		for range 3 {
			s.Stands("north", gate.AlarmDamaged, "", true)
			s.Stands("north", gate.AlarmUnguarded, "", true)
		}
		is(gate.AlarmRecords, gate.AlarmDamaged, gate.AlarmUnguarded)
		time.Sleep(time.Second)
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}

		s = open() // the program starts again, and both last
		s.Stands("north", gate.AlarmDamaged, "", true)
		s.Stands("north", gate.AlarmUnguarded, "", false)
		s.Stands("north", gate.AlarmUnguarded, "", true)
		is(gate.AlarmRecords, gate.AlarmDamaged, gate.AlarmUnguarded, gate.AlarmUnguarded)
		all, _ := s.Open()
		for _, a := range all {
			if _, err := s.Acknowledge(t.Context(), gate.Person{Name: "anna", Role: auth.Supervisor}, a.ID, "seen"); err != nil {
				t.Error(err)
			}
		}
		s.Stands("north", gate.AlarmDamaged, "", true) // of which somebody knows
		is()
		if len(rung) != 4 {
			t.Errorf("rung %v", rung)
		}
	})
}

func TestUnguarded(t *testing.T) {
	at := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	ended := gate.ShiftStep{Number: 3, Kind: gate.ShiftEnded, At: at}
	begun := gate.ShiftStep{Number: 4, Kind: gate.ShiftBegun, Holder: "anna", At: at}
	for name, tt := range map[string]struct {
		v    gate.LaneView
		last gate.ShiftStep
		at   time.Duration
		want bool
	}{
		"nobody followed":      {gate.LaneView{State: gate.Idle}, ended, 3 * time.Minute, true},
		"in manual procedure":  {gate.LaneView{State: gate.Manual}, ended, 3 * time.Minute, true},
		"just ended":           {gate.LaneView{State: gate.Idle}, ended, time.Minute, false},
		"somebody has it":      {gate.LaneView{State: gate.Idle}, begun, time.Hour, false},
		"closed by a person":   {gate.LaneView{State: gate.OutOfService, Closed: "works"}, ended, time.Hour, false},
		"no shifts are kept":   {gate.LaneView{State: gate.Idle}, gate.ShiftStep{}, time.Hour, false},
		"clock was set behind": {gate.LaneView{State: gate.Idle}, ended, -time.Hour, false},
	} {
		if got := gate.Unguarded(tt.v, tt.last, at.Add(tt.at)); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
