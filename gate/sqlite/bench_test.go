package sqlite_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// BenchmarkRecord is one passage made durable at a time.
func BenchmarkRecord(b *testing.B) {
	s := open(b, newSite(b))
	ctx := context.Background()
	for n := 0; b.Loop(); n++ {
		if err := s.Record(ctx, storetest.Sample(n, policy.Grant)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "durable/s")
}

// BenchmarkGroupCommit is passages made durable by many goroutines at once.
func BenchmarkGroupCommit(b *testing.B) {
	for _, producers := range []int{8, 64} {
		b.Run(fmt.Sprintf("%d producers", producers), func(b *testing.B) {
			s := open(b, newSite(b))
			ctx := context.Background()
			var n atomic.Int64
			b.ResetTimer()
			var wg sync.WaitGroup
			for range producers {
				wg.Go(func() {
					for {
						i := int(n.Add(1))
						if i > b.N {
							return
						}
						if err := s.Record(ctx, storetest.Sample(i, policy.Grant)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "durable/s")
		})
	}
}

// BenchmarkPassages is one page of the list from among 3,000 passages.
func BenchmarkPassages(b *testing.B) {
	s := open(b, newSite(b))
	ctx := context.Background()
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			for i := g; i < 3000; i += 32 {
				if err := s.Record(ctx, storetest.Sample(i, policy.Outcome(i%3+1))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for b.Loop() {
		list, err := s.Passages(ctx, gate.PassageFilter{Lane: "north", Outcome: policy.Deny})
		if err != nil || len(list) != 50 {
			b.Fatal(len(list), err)
		}
	}
}

// BenchmarkArrive is the path from a scanned VIN to a durable, published
// verdict, with eight lanes busy at once; deciding itself costs nothing here.
func BenchmarkArrive(b *testing.B) {
	s := open(b, newSite(b))
	cfg := gate.Config{Store: s, Registry: s, Assessor: gate.AssessorFunc(func(r gate.Request) gate.Assessment {
		a := storetest.Sample(1, policy.Grant).Result
		a.VIN = r.VIN
		return a
	})}
	for n := range 8 {
		cfg.Lanes = append(cfg.Lanes, gate.LaneConfig{ID: gate.LaneID(fmt.Sprintf("l%d", n)), StoreTimeout: time.Minute})
	}
	c, err := gate.NewController(cfg)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for _, l := range cfg.Lanes {
		views, err := c.Subscribe(ctx, l.ID)
		if err != nil {
			b.Fatal(err)
		}
		for v := range views {
			if v.State == gate.Idle {
				break
			}
		}
	}
	took := make([][]time.Duration, len(cfg.Lanes))
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, l := range cfg.Lanes {
		wg.Go(func() {
			for n := i; n < b.N; n += len(cfg.Lanes) {
				start := time.Now()
				if _, err := c.Arrive(ctx, l.ID, gate.Arrival{VIN: fmt.Sprintf("V%d", n)}); err != nil {
					b.Error(err)
					return
				}
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
	stop()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
