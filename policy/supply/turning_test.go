package supply

import (
	"slices"
	"testing"
	"time"
)

// A company changes hands on a day, its owner did in a month, and a third was
// only seen to hold some of it.
func TestTurning(t *testing.T) {
	g, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	changed := false
	for _, p := range g.Parties() {
		days := g.Turning(p.ID)
		if !slices.IsSortedFunc(days, time.Time.Compare) {
			t.Errorf("%s: %v", p.ID, days)
		}
		for i := range g.Edges() {
			e := &g.Edges()[i]
			if e.From != p.ID || e.Kind != OwnedBy || e.To == "" || e.Seen || len(e.Since) != len(time.DateOnly) {
				continue
			}
			day, err := time.Parse(time.DateOnly, e.Since)
			if err != nil {
				t.Fatal(err)
			}
			changed = true
			if !slices.Contains(days, day) {
				t.Errorf("%s: %s is not among %v", p.ID, e.Since, days)
			}
			if e.InForce(day) == e.InForce(day.AddDate(0, 0, -1)) {
				t.Errorf("%s does not turn on %s", e.ID, e.Since)
			}
		}
	}
	if !changed {
		t.Error("the graph holds no dated ownership")
	}
	if days := g.Turning("nobody of that name"); len(days) != 0 {
		t.Errorf("nobody turns on %v", days)
	}
}
