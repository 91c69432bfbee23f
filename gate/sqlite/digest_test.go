package sqlite_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/gate/translog"
	"sallyport/policy"
)

func digest(t testing.TB, s *sqlite.Store) *sqlite.Digest {
	t.Helper()
	d, err := s.OpenDigest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if behind, err := d.CatchUp(t.Context()); err != nil || behind != 0 {
		t.Fatal(behind, err)
	}
	return d
}

// everyEntry is the whole log, newest first.
func everyEntry(t testing.TB, s *sqlite.Store) (list []translog.Entry) {
	t.Helper()
	for {
		got, err := s.Entries(t.Context(), int64(len(list)), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			break
		}
		for _, g := range got {
			e, err := translog.DecodeEntry(g.Data)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b translog.Entry) int {
		if c := b.At.Truncate(time.Millisecond).Compare(a.At.Truncate(time.Millisecond)); c != 0 {
			return c
		}
		return int(b.Seq - a.Seq)
	})
	return list
}

// TestSearchFindsWhatTheLogHas compares each kind of search, page by page, with
// a walk over the whole log.
func TestSearchFindsWhatTheLogHas(t *testing.T) {
	s := open(t, newSite(t))
	busySite(t, s, 4, 300)
	d := digest(t, s)
	all := everyEntry(t, s)
	said := func(e translog.Entry, key string) string {
		var b map[string]any
		_ = json.Unmarshal(e.Body, &b)
		v, _ := b[key].(string)
		return v
	}
	some := all[len(all)/2]
	from, until := all[200].At.Add(-3*time.Minute), all[200].At
	one := storetest.Sample(7, policy.Grant)
	for name, c := range map[string]struct {
		f    gate.LogFilter
		want func(translog.Entry) bool
	}{
		"all":         {gate.LogFilter{}, func(translog.Entry) bool { return true }},
		"kind":        {gate.LogFilter{Kind: "act"}, func(e translog.Entry) bool { return e.Kind == "act" }},
		"lane":        {gate.LogFilter{Lane: "laneb"}, func(e translog.Entry) bool { return e.Lane == "laneb" }},
		"person":      {gate.LogFilter{By: "anna"}, func(e translog.Entry) bool { return said(e, "by") == "anna" }},
		"person+kind": {gate.LogFilter{By: "anna", Kind: "act", Lane: "lanec"}, func(e translog.Entry) bool { return said(e, "by") == "anna" && e.Kind == "act" && e.Lane == "lanec" }},
		"passage":     {gate.LogFilter{Passage: gate.PassageID(some.Passage)}, func(e translog.Entry) bool { return e.Passage == some.Passage }},
		"time":        {gate.LogFilter{From: from, Until: until}, func(e translog.Entry) bool { return !e.At.Before(from) && e.At.Before(until) }},
		"time+kind":   {gate.LogFilter{From: from, Until: until, Kind: "outcome"}, func(e translog.Entry) bool { return e.Kind == "outcome" && !e.At.Before(from) && e.At.Before(until) }},
		"number":      {gate.LogFilter{HasSeq: true, Seq: 12}, func(e translog.Entry) bool { return e.Seq == 12 }},
		"nobody":      {gate.LogFilter{By: "nobody"}, func(translog.Entry) bool { return false }},
		"vehicle": {gate.LogFilter{Vehicle: gate.DataSubject{VIN: one.Result.VIN}, Kind: "passage"}, func(e translog.Entry) bool {
			return e.Kind == "passage" && e.Passage == string(one.ID)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var want, got []int64
			for _, e := range all {
				if c.want(e) {
					want = append(want, e.Seq)
				}
			}
			f := c.f
			f.Limit = 37
			for {
				p, err := d.Search(t.Context(), f)
				if err != nil || p.Behind != 0 {
					t.Fatal(p.Behind, err)
				}
				for _, l := range p.Lines {
					got = append(got, l.Seq)
				}
				if !p.More {
					break
				}
				f.Before = p.Lines[len(p.Lines)-1].Place
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("found others (-want +got):\n%s", diff)
			}
			if name != "nobody" && len(want) == 0 {
				t.Error("the case looks for nothing")
			}
		})
	}
	kinds, err := d.Kinds(t.Context())
	if err != nil || !slices.IsSorted(kinds) || !slices.Contains(kinds, "reassessed") || len(slices.Compact(slices.Clone(kinds))) != len(kinds) {
		t.Errorf("%v, %v", kinds, err)
	}
	for _, f := range []gate.PassageFilter{{Outcome: policy.Deny}, {Ending: gate.EndRefused, Lane: "lanea"}, {Outcome: policy.Grant, Ending: gate.EndAdmitted}, {Outcome: policy.Flag}, {Ending: gate.EndOpen}} {
		f.Limit = 20
		for {
			want, err1 := s.Passages(t.Context(), f)
			got, err2 := d.Passages(t.Context(), f)
			if diff := cmp.Diff(want, got); err1 != nil || err2 != nil || len(want) != len(got) {
				t.Fatalf("%+v: %v %v\n%s", f, err1, err2, diff)
			}
			if len(want) < 20 {
				break
			}
			f.Before = got[len(got)-1].Seq
		}
	}
}

// TestFiguresCountWhatIsRecorded counts a day by hand and compares.
func TestFiguresCountWhatIsRecorded(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	ctx, noon := t.Context(), storetest.Noon.Truncate(time.Hour)
	fresh := func(p *gate.Passage, sensed bool) {
		for _, age := range []*policy.Leaf[int]{&p.Result.Facts.Data.VPICAgeDays, &p.Result.Facts.Data.CatalogueAgeDays, &p.Result.Facts.Data.SupplyAgeDays} {
			*age = policy.Know(10, policy.Source{})
		}
		p.Result.Facts.Radio.Sensed = policy.Know(sensed, policy.Source{})
	}
	record := func(n int, at time.Time, outcome policy.Outcome, change func(*gate.Passage)) gate.Passage {
		t.Helper()
		p := storetest.Sample(n, outcome)
		p.At, p.Lane = at, "north"
		p.Result.Verdict.Open = nil
		p.Result.Verdict.Reasons = []policy.Reason{{Rule: "by-maker", Outcome: outcome}}
		fresh(&p, true)
		change(&p)
		if err := s.Record(ctx, p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	end := func(p gate.Passage, ending gate.Ending, after time.Duration) {
		t.Helper()
		if err := s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Ending: ending, At: p.At.Add(after)}); err != nil {
			t.Fatal(err)
		}
	}
	same := func(*gate.Passage) {}
	if err := s.RecordShift(ctx, gate.ShiftStep{Lane: "north", Number: 1, Shift: 1, Kind: gate.ShiftBegun, By: "anna", Holder: "anna", Since: noon, At: noon}); err != nil {
		t.Fatal(err)
	}
	end(record(1, noon, policy.Grant, same), gate.EndAdmitted, 10*time.Second)
	end(record(2, noon.Add(time.Minute), policy.Grant, func(p *gate.Passage) { fresh(p, false) }), gate.EndAdmitted, 20*time.Second)
	flagged := record(3, noon.Add(2*time.Minute), policy.Flag, func(p *gate.Passage) { p.Result.Verdict.Open = []policy.OpenQuestion{{Fact: "modem"}} })
	later := flagged.Result
	later.Verdict.Outcome, later.Verdict.Open = policy.Deny, nil
	later.Verdict.Reasons = []policy.Reason{{Rule: "listed", Outcome: policy.Deny}, {Rule: "listed", Outcome: policy.Deny}, {Rule: "old-car", Outcome: policy.Grant}}
	if err := s.RecordReassessment(ctx, gate.Reassessment{Passage: flagged.ID, At: noon.Add(3 * time.Minute), Because: "inspection", Result: later}); err != nil {
		t.Fatal(err)
	}
	if err := s.RecordAct(ctx, gate.Act{Kind: gate.ActOverride, Passage: flagged.ID, By: "anna", Supervisor: "ewa", Reason: "ordered", At: noon.Add(4 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
	end(flagged, gate.EndAdmitted, 5*time.Minute)
	record(4, noon.Add(65*time.Minute), policy.Flag, func(p *gate.Passage) { p.Result.Facts.Data.SupplyAgeDays = policy.Leaf[int]{} })
	record(5, noon.Add(25*time.Hour), policy.Deny, same) // of the next day
	for range 2 {
		if err := s.RecordEvent(ctx, gate.Event{Kind: gate.EventDeviceFault, Lane: "north", At: noon.Add(70 * time.Minute), Detail: "arm"}); err != nil {
			t.Fatal(err)
		}
	}

	got, err := digest(t, s).Figures(ctx, noon, noon.Add(3*time.Hour), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	want := gate.Figures{
		From: noon, Until: noon.Add(3 * time.Hour), Hourly: true,
		Points: []gate.FigurePoint{
			{At: noon, Grants: 2, Denies: 1, Median: 20, P90: 300, Heard: 2, Unheard: 1},
			{At: noon.Add(time.Hour), Flags: 1, Median: -1, P90: -1, Heard: 1, Faults: 2},
			{At: noon.Add(2 * time.Hour), Median: -1, P90: -1},
		},
		Use:     gate.Usage{Vehicles: 4, Checked: 4, Admitted: 3, Overridden: 1, Stale: 1, Unheard: 1, Counted: 4, Median: 20, P90: 300},
		Reasons: []gate.ReasonCount{{Rule: "by-maker", Flags: 1}, {Rule: "listed", Denies: 1}},
		Shifts:  []gate.ShiftFigure{{Lane: "north", Number: 1, Holder: "anna", Since: noon, Vehicles: 4, Denied: 1, Overrides: 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

// TestDigestIsMadeAnew: it may be deleted or damaged, or be of a log that the site
// does not have any more; and it holds no vehicle.
func TestDigestIsMadeAnew(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	busySite(t, s, 2, 40)
	count := func(s *sqlite.Store) int {
		d, err := s.OpenDigest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.Figures(t.Context(), storetest.Noon, storetest.Noon.Add(time.Hour), time.UTC)
		if err := errorsOf(err, d.Close()); err != nil {
			t.Fatal(err)
		}
		return f.Use.Vehicles
	}
	if n := count(s); n != 40 {
		t.Fatal(n)
	}
	path := filepath.Join(dir, "digest.db")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		if p := storetest.Sample(n, policy.Grant); bytes.Contains(content, []byte(p.Result.VIN)) {
			t.Fatalf("the digest names the vehicle %s", p.Result.VIN)
		}
	}
	for name, harm := range map[string]func() error{
		"deleted": func() error { return os.Remove(path) },
		"damaged": func() error {
			return os.WriteFile(path, []byte("not a database, and long enough to be looked at"), 0o600)
		},
		"cut": func() error { return os.Truncate(path, 5000) },
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		if n := count(s); n != 40 {
			t.Errorf("%s: %d", name, n)
		}
	}
	// The file of another site's log.
	other := newSite(t)
	o := open(t, other)
	busySite(t, o, 1, 7)
	mine, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "digest.db"), mine, 0o600); err != nil {
		t.Fatal(err)
	}
	if n := count(o); n != 7 {
		t.Errorf("with another's digest: %d", n)
	}
}

// BenchmarkDigest asks a site of a million passages, of which the digest holds 4.2
// million entries. SALLYPORT_BENCH_PASSAGES makes it smaller.
func BenchmarkDigest(b *testing.B) {
	n := 20_000
	if text := os.Getenv("SALLYPORT_BENCH_PASSAGES"); text != "" {
		if _, err := fmt.Sscan(text, &n); err != nil {
			b.Fatal(err)
		}
	}
	s := open(b, newSite(b))
	busySite(b, s, 4, 500)
	d := digest(b, s)
	if err := sqlite.MultiplyDigest(context.Background(), d, n/500); err != nil {
		b.Fatal(err)
	}
	day := storetest.Noon
	if f, err := d.Figures(b.Context(), day, day.AddDate(3, 0, 0), time.UTC); err != nil || f.Use.Vehicles != n {
		b.Fatal(f.Use.Vehicles, err)
	}
	for name, ask := range map[string]func() error{
		"figures/day":   func() error { _, err := d.Figures(b.Context(), day, day.AddDate(0, 0, 1), time.UTC); return err },
		"figures/month": func() error { _, err := d.Figures(b.Context(), day, day.AddDate(0, 1, 0), time.UTC); return err },
		"figures/all":   func() error { _, err := d.Figures(b.Context(), day, day.AddDate(3, 0, 0), time.UTC); return err },
		"search/kind":   func() error { _, err := d.Search(b.Context(), gate.LogFilter{Kind: "reassessed"}); return err },
		"search/person+kind+lane": func() error {
			_, err := d.Search(b.Context(), gate.LogFilter{By: "anna", Kind: "act", Lane: "laneb"})
			return err
		},
		"passages/deny": func() error { _, err := d.Passages(b.Context(), gate.PassageFilter{Outcome: policy.Deny}); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
