package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
	"sallyport/vin"
	"sallyport/vin/telematics"
)

// record is what the tests compare of a past record.
type record struct {
	ID      gate.PassageID
	Lane    gate.LaneID
	At      time.Time
	Outcome policy.Outcome
	Doc     string
}

func records(t *testing.T, from gate.PastReader, since, until time.Time) (out []record) {
	t.Helper()
	if err := from.EachRecord(t.Context(), since, until, func(p gate.PastRecord) error {
		out = append(out, record{p.Passage, p.Lane, p.At.UTC(), p.Outcome, string(p.Doc)})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// The database hands on what the store in memory does: each passage of the
// period with the assessment that counted last, the erased ones with their
// outcome only; and a back-test makes the same of both.
func TestPastRecords(t *testing.T) {
	dir := newSite(t)
	db, mem := open(t, dir), storetest.NewMemory()
	index, err := vin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := telematics.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	graph, err := supply.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	before, err := pack.Open("paper-baseline")
	if err != nil {
		t.Fatal(err)
	}
	draft, err := pack.Open("us-s4429-proposed")
	if err != nil {
		t.Fatal(err)
	}
	judge := gate.NewJudge(index, catalogue, graph, before)
	ctx := t.Context()
	vins := []string{"5YJXCAE42MF000001", "W1KLF6DB2TA000001", "2HGEJ6672WH500001", "", "YV4EK3ZL7SS000001"}
	at := func(n int) time.Time { return storetest.Noon.Add(time.Duration(n) * time.Hour) }
	for _, s := range []storetest.Store{db, mem} {
		for n := range 40 {
			q := gate.Request{VIN: vins[n%len(vins)], Zone: policy.ZoneRestricted, Class: policy.ClassPrivate, Market: "EU", At: at(n)}
			p := gate.Passage{ID: gate.PassageID(fmt.Sprintf("p%02d", n)), Lane: "north", At: q.At, Arrival: gate.Arrival{VIN: q.VIN}, Result: judge.Assess(q)}
			if err := s.Record(ctx, p); err != nil {
				t.Fatal(err)
			}
			if n%7 == 0 {
				for _, class := range []policy.Class{policy.ClassMilitary, policy.ClassGovernment} {
					q.Class = class
					again := gate.Reassessment{Passage: p.ID, Lane: "north", At: p.At.Add(time.Second), Because: "inspection", Result: judge.Assess(q)}
					if err := s.RecordReassessment(ctx, again); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: gate.EndLeft, At: p.At.Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.EraseBefore(ctx, at(10), at(50), "retention"); err != nil || n == 0 {
			t.Fatalf("%d erased: %v", n, err)
		}
	}
	r, err := sqlite.OpenReader(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, period := range [][2]time.Time{{}, {at(5)}, {{}, at(20)}, {at(8), at(9)}, {at(12), at(12)}, {at(100)}} {
		want, got := records(t, mem, period[0], period[1]), records(t, r, period[0], period[1])
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%v (-memory +sqlite):\n%s", period, d)
		}
		if n, err := r.CountRecords(ctx, period[0], period[1]); err != nil || n != len(want) {
			t.Errorf("%v: %d, %v, want %d", period, n, err, len(want))
		}
	}
	b := gate.Backtest{Judge: judge, Draft: draft}
	want, err := b.Passages(ctx, mem, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Passages(ctx, r, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(gate.BacktestReport{})); d != "" || got.Judged != 30 || got.Erased != 10 || got.Changed == 0 {
		t.Errorf("%d judged, %d erased, %d changed (-memory +sqlite):\n%s", got.Judged, got.Erased, got.Changed, d)
	}

	enough, n := errors.New("enough"), 0
	if err := r.EachRecord(ctx, time.Time{}, time.Time{}, func(gate.PastRecord) error { n++; return enough }); !errors.Is(err, enough) || n != 1 {
		t.Errorf("called off: %v after %d", err, n)
	}
	stopped, stop := context.WithCancel(ctx)
	n = 0
	if err := r.EachRecord(stopped, time.Time{}, time.Time{}, func(gate.PastRecord) error { n++; stop(); return nil }); !errors.Is(err, context.Canceled) || n == 40 {
		t.Errorf("stopped: %v after %d", err, n)
	}
}
