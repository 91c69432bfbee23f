package storetest

import (
	"context"
	"reflect"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
)

// SampleStanding is a lane with something of everything that outlives the
// program.
func SampleStanding(lane gate.LaneID, at time.Time) gate.LaneStanding {
	at = at.UTC()
	return gate.LaneStanding{
		Lane: lane, At: at, Direction: gate.DirectionExit, Closed: "damaged", ByHand: true,
		Ordered: gate.Ordered{By: "anna „ż”", At: at.Add(-time.Minute)}, Egress: &gate.Ordered{At: at},
		Alarms: []gate.Alarm{
			{ID: 3, Kind: gate.AlarmTailgating, Since: at.Add(-time.Hour), Over: true, Passed: "p1"},
			{ID: 5, Kind: gate.AlarmTamper, Of: "cabinet", Since: at, By: "jan"},
		},
		LastAlarm: 7,
	}
}

// standings: what was recorded last of each lane is what it comes back to.
func standings(ctx context.Context, t *testing.T, s Store, fits func() translog.Report) {
	t.Helper()
	list := func(want ...gate.LaneStanding) {
		t.Helper()
		got, err := s.Standings(ctx)
		if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("standings %+v, %v\nwant %+v", got, err, want)
		}
	}
	list()
	before := fits()
	at := Noon.UTC()
	event := func(lane gate.LaneID, k gate.EventKind) gate.Event {
		return gate.Event{Kind: k, Lane: lane, At: at, By: "anna", Detail: "damaged"}
	}
	north, south := SampleStanding("north", at), gate.LaneStanding{Lane: "south", At: at}
	ok(t, s.RecordStanding(ctx, event("south", gate.EventLaneOpened), south))
	ok(t, s.RecordStanding(ctx, event("north", gate.EventLaneClosed), gate.LaneStanding{Lane: "north", At: at, Closed: "drill"}))
	ok(t, s.RecordStanding(ctx, event("north", gate.EventEgressBegun), north))
	list(north, south)
	ok(t, s.RecordEvent(ctx, event("north", gate.EventLaneOpened))) // an event alone changes nothing of it
	list(north, south)
	if s.RecordStanding(ctx, event("north", gate.EventLaneOpened), south) == nil || s.RecordStanding(ctx, gate.Event{}, gate.LaneStanding{}) == nil {
		t.Error("a standing was recorded with the event of another lane, or of none")
	}
	after := fits()
	if n, rows := after.Entries-before.Entries, after.Rows-before.Rows; n != 7 || rows != 3 {
		t.Errorf("%d entries and %d rows more, want 7 and 3", n, rows)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if s.RecordStanding(gone, event("north", gate.EventLaneOpened), gate.LaneStanding{Lane: "north", At: at}) == nil {
		t.Error("recorded for somebody who had gone")
	}
	list(north, south)
	fits()
}
