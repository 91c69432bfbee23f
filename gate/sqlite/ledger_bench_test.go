package sqlite_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// BenchmarkIdentify is what the lane waits for: who is inside (10,000 vehicles),
// the list of known vehicles, the other lanes, and 100,000 entries of the watch
// list.
func BenchmarkIdentify(b *testing.B) {
	s := open(b, newSite(b))
	ctx, clock := b.Context(), gate.NewClock(time.Now)
	at := clock.Now()
	var wg sync.WaitGroup
	for g := range 100 {
		wg.Go(func() {
			for i := g * 100; i < (g+1)*100; i++ {
				if err := s.CorrectStay(ctx, gate.Correction{ID: fmt.Sprint("in", i), Kind: gate.CorrectInside, VIN: fmt.Sprintf("5YJXCAE4XMF%06d", i), Plate: fmt.Sprintf("WX%05d", i), By: "jan", Why: "x", At: at}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for from := 0; from < 100_000; from += 500 {
		list := make([]gate.WatchEntry, 500)
		for i := range list {
			list[i] = storetest.SampleWatch(fmt.Sprint("w", from+i), gate.WatchPlate, fmt.Sprintf("KR%06d", from+i))
		}
		if err := s.RecordWatch(ctx, list...); err != nil {
			b.Fatal(err)
		}
	}
	watch, err := gate.NewWatchDesk(ctx, s, clock, nil)
	if err != nil {
		b.Fatal(err)
	}
	desk, err := gate.NewIdentityDesk(gate.IdentityConfig{Ledger: s, Registry: s, Watch: watch})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for i := range b.N {
		n := i % 20_000
		got, err := desk.Identify(ctx, gate.Presented{Lane: "north", Zone: policy.ZoneRestricted, At: at.Add(time.Duration(i) * time.Minute), VIN: fmt.Sprintf("5YJXCAE4XMF%06d", n), Plate: fmt.Sprintf("WX%05d", n)})
		if err != nil || got.Facts.InsideAlready.Value != (n < 10_000) {
			b.Fatalf("%d: %+v, %v", n, got.Facts.InsideAlready, err)
		}
	}
}
