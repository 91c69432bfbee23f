package sqlite_test

import (
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
)

// TestTamperStanding: who opens a closed lane by changing what is on record of it
// is found out.
func TestTamperStanding(t *testing.T) {
	for _, c := range []struct{ name, do string }{
		{"forget that the lane was closed", "DELETE FROM standing WHERE seq = (SELECT max(seq) FROM standing)"},
		{"open the lane", "UPDATE standing SET doc = replace(doc, 'damaged', '') WHERE seq = (SELECT max(seq) FROM standing)"},
		{"have it of another lane", "UPDATE standing SET lane = 'south' WHERE seq = (SELECT max(seq) FROM standing)"},
		{"say that somebody else did", "UPDATE standing SET by = 'ewa' WHERE seq = (SELECT max(seq) FROM standing)"},
		{"say that it was something else", "UPDATE standing SET event = 'alarm' WHERE seq = (SELECT max(seq) FROM standing)"},
		{"say that it was at another time", "UPDATE standing SET at = (SELECT min(at) FROM standing)"},
		{"put an older one last", "INSERT INTO standing SELECT seq + 1, at, lane, event, by, doc FROM standing WHERE seq = (SELECT min(seq) FROM standing)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newSite(t)
			s := open(t, dir)
			for i, closed := range []string{"", "damaged"} {
				at := storetest.Noon.Add(time.Duration(i) * time.Minute)
				if err := s.RecordStanding(t.Context(), gate.Event{Kind: gate.EventLaneClosed, Lane: "north", At: at, By: "anna"}, gate.LaneStanding{Lane: "north", At: at, Closed: closed}); err != nil {
					t.Fatal(err)
				}
			}
			verified(t, s)
			if _, err := intruder(t, dir).Exec(c.do); err != nil {
				t.Fatal(err)
			}
			r, err := s.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.Clean() {
				t.Error("not found")
			}
		})
	}
}
