package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// TestRetentionBesideAReader: while somebody reads for long, what was erased
// cannot leave the write-ahead log; lanes do not wait for that, and it leaves once
// the reader has gone.
func TestRetentionBesideAReader(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	const old = 40
	for n := range old {
		p := storetest.Sample(n, policy.Deny)
		for _, err := range []error{
			s.Record(t.Context(), p),
			s.RecordOutcome(t.Context(), gate.Outcome{Passage: p.ID, Ending: gate.EndRefused, At: p.At}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	reader := intruder(t, dir)
	var entries int
	if _, err := reader.Exec("BEGIN"); err != nil {
		t.Fatal(err)
	}
	if err := reader.QueryRow("SELECT count(*) FROM log").Scan(&entries); err != nil {
		t.Fatal(err)
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	now := storetest.Noon.AddDate(0, 1, 0)
	go func() {
		n, err := s.EraseBefore(t.Context(), now, now, "test")
		done <- result{n, err}
	}()
	// A lane's patience with the store.
	record := func(n int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		p := storetest.Sample(n, policy.Deny)
		p.At = now
		if err := s.Record(ctx, p); err != nil {
			t.Fatalf("a lane waits for retention: %v", err)
		}
	}
	for n := range 5 {
		record(1000 + n)
	}
	select {
	case r := <-done:
		t.Fatalf("%+v: a copy of what was erased was left, and nobody says so", r)
	default:
	}
	if _, err := reader.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.err != nil || r.n != old {
		t.Fatalf("%d erased, %v", r.n, r.err)
	}
	if info, err := os.Stat(filepath.Join(dir, "site.db-wal")); err != nil || info.Size() != 0 {
		t.Errorf("the write-ahead log is left with %d bytes, %v", info.Size(), err)
	}
	verified(t, s)
}

// BenchmarkRetention is a lane's record beside the erasure of a month of passages.
func BenchmarkRetention(b *testing.B) {
	s := open(b, newSite(b))
	busySite(b, s, 8, 4000)
	now := storetest.Noon.AddDate(0, 1, 0)
	done := make(chan error, 1)
	var longest time.Duration
	for b.Loop() {
		go func() {
			_, err := s.EraseBefore(b.Context(), now, now, "test")
			done <- err
		}()
		for n := 0; len(done) == 0; n++ {
			p := storetest.Sample(n, policy.Deny)
			p.ID, p.At = p.ID+gate.PassageID(now.Format("-150405.000000000")), now
			now = now.Add(time.Nanosecond)
			begun := time.Now()
			if err := s.Record(b.Context(), p); err != nil {
				b.Fatal(err)
			}
			longest = max(longest, time.Since(begun))
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(longest.Milliseconds()), "longest-ms")
}
