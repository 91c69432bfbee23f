package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// fsyncTime is the median time that the disk under dir takes to make 4 KiB at
// the end of a file durable: what no store can be quicker than.
func fsyncTime(b *testing.B, dir string) time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	took := make([]time.Duration, 0, 64)
	for range cap(took) {
		begun := time.Now()
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

func reportFsync(b *testing.B, dir string) {
	b.Helper()
	b.ReportMetric(float64(fsyncTime(b, dir).Microseconds()), "fsync-µs")
}

// BenchmarkDurablePassages is a passage of each lane at once made durable whole,
// with its act and its outcome: three records one after the other. A rush at all
// lanes of several sites' worth shows what one store can take.
func BenchmarkDurablePassages(b *testing.B) {
	for _, c := range []struct {
		name  string
		lanes int
		whole bool
	}{{"8 lanes, verdicts", 8, false}, {"8 lanes, whole", 8, true}, {"64 lanes, verdicts", 64, false}, {"64 lanes, whole", 64, true}} {
		b.Run(c.name, func(b *testing.B) {
			dir := newSite(b)
			s := open(b, dir)
			ctx := context.Background()
			var n atomic.Int64
			b.ResetTimer()
			var wg sync.WaitGroup
			for range c.lanes {
				wg.Go(func() {
					for {
						i := int(n.Add(1))
						if i > b.N {
							return
						}
						p := storetest.Sample(i, policy.Grant)
						if err := s.Record(ctx, p); err != nil {
							b.Error(err)
							return
						}
						if !c.whole {
							continue
						}
						if err := s.RecordAct(ctx, gate.Act{Kind: gate.ActOpen, Passage: p.ID, By: "anna", At: p.At}); err != nil {
							b.Error(err)
						}
						if err := s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: gate.EndAdmitted, At: p.At}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "passages/s")
			reportFsync(b, dir)
		})
	}
}

// BenchmarkDurableAt100 presents 100 passages a second, evenly, and measures how
// long each takes to be durable from the instant at which it was due.
func BenchmarkDurableAt100(b *testing.B) {
	dir := newSite(b)
	s := open(b, dir)
	ctx := context.Background()
	took := make([]time.Duration, b.N)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range b.N {
		<-tick.C
		due := time.Now()
		wg.Go(func() {
			if err := s.Record(ctx, storetest.Sample(i, policy.Grant)); err != nil {
				b.Error(err)
			}
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	reportFsync(b, dir)
}
