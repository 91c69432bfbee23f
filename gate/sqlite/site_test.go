package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// TestSiteOfEightLanes drives eight lanes over one database: every passage
// ends, the log fits, and the arm was raised for recorded acts only.
func TestSiteOfEightLanes(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	journal := filepath.Join(t.TempDir(), "arm")
	sim, err := barrier.NewSim(barrier.SimConfig{Journal: journal})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	cfg := gate.Config{Store: s, Registry: s, Assessor: gate.AssessorFunc(func(r gate.Request) gate.Assessment {
		return gate.Assessment{VIN: r.VIN, Verdict: policy.Verdict{Outcome: policy.Outcome(len(r.VIN)%3 + 1), Hash: "x"}}
	})}
	for n := range 8 {
		cfg.Lanes = append(cfg.Lanes, gate.LaneConfig{ID: gate.LaneID(fmt.Sprintf("l%d", n)), Arm: sim, StoreTimeout: 30 * time.Second})
	}
	c, err := gate.NewController(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	var wg sync.WaitGroup
	for _, l := range cfg.Lanes {
		wg.Go(func() {
			views, err := c.Subscribe(ctx, l.ID)
			if err != nil {
				t.Error(err)
				return
			}
			for v := range views {
				if v.State == gate.Idle {
					break
				}
			}
			for n := range 20 {
				vin := fmt.Sprintf("%s-%0*d", l.ID, n%5+1, n)
				id, err := c.Arrive(ctx, l.ID, gate.Arrival{VIN: vin})
				if err != nil {
					t.Errorf("%s: %v", vin, err)
					return
				}
				v, _ := c.View(l.ID)
				if v.Passage == nil || v.Passage.ID != id {
					t.Errorf("%s: acknowledged before it is shown", vin)
					return
				}
				kind := v.Allowed[0]
				if err := c.Act(ctx, l.ID, gate.Act{Kind: kind, Passage: id, By: "anna", Reason: "r"}); err != nil {
					t.Errorf("%s %s: %v", vin, kind, err)
				}
			}
		})
	}
	wg.Wait()
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	verified(t, s)
	raised, err := barrier.ReadJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	admitted := 0
	list, err := s.Passages(t.Context(), gate.PassageFilter{Limit: 1000})
	if err != nil || len(list) != 160 {
		t.Fatalf("%d passages, %v", len(list), err)
	}
	for _, p := range list {
		switch p.Ending {
		case gate.EndAdmitted:
			admitted++
		case gate.EndRefused:
		default:
			t.Errorf("%s ended %q", p.ID, p.Ending)
		}
	}
	if admitted == 0 || admitted != len(raised) {
		t.Errorf("%d admitted, arm raised %d times", admitted, len(raised))
	}
	for _, r := range raised {
		rec, err := s.Passage(t.Context(), r.Passage)
		if err != nil || len(rec.Acts) != 1 || rec.Acts[0].Kind != gate.ActOpen {
			t.Errorf("arm raised for %s: %+v, %v", r.Passage, rec.Acts, err)
		}
	}
}

// TestLockedDatabase: while another connection holds the database, a record
// fails in time; afterwards records are made again and the log fits.
func TestLockedDatabase(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	db := intruder(t, dir)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.RecordEvent(short, gate.Event{Kind: gate.EventStarted}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want a deadline", err)
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.RecordEvent(t.Context(), gate.Event{Kind: gate.EventStarted}); err != nil {
		t.Error(err)
	}
	verified(t, s)
}

// TestFullDisk: when the database may not grow, records fail, and what was
// recorded before stays; with room again, records are made again.
func TestFullDisk(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	limit := func(pages int) { sqlite.LimitPages(t, s, pages) }
	limit(1)
	var failed error
	recorded := 0
	for n := 0; failed == nil && n < 10_000; n++ {
		if failed = s.Record(t.Context(), storetest.Sample(n, policy.Grant)); failed == nil {
			recorded++
		}
	}
	if failed == nil {
		t.Fatal("the disk never filled")
	}
	t.Logf("%d recorded, then: %v", recorded, failed)
	verified(t, s)
	limit(1 << 30)
	if err := s.Record(t.Context(), storetest.Sample(20_000, policy.Grant)); err != nil {
		t.Error(err)
	}
	list, err := s.Passages(t.Context(), gate.PassageFilter{Limit: 1000})
	if err != nil || len(list) != recorded+1 {
		t.Errorf("%d passages, %v; want %d", len(list), err, recorded+1)
	}
	verified(t, s)
}
