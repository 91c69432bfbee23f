package attribute

import (
	"fmt"
	"testing"
	"time"

	"sallyport/rf"
)

// BenchmarkReplay is the whole of attribution, decisions and all: three lanes
// with six sensors and a vehicle every ten seconds.
func BenchmarkReplay(b *testing.B) {
	p := table(b)
	r := record(b, shared(b, "rf", "sim", "hard"), p)
	b.ReportAllocs()
	for b.Loop() {
		r.replay(b, p, func(Arrival) error { return nil })
	}
	b.ReportMetric(float64(len(r.obs)*b.N)/b.Elapsed().Seconds(), "obs/s")
}

// BenchmarkObserve is one observation of one of 2,000 emitters, at 5,000 a
// second.
func BenchmarkObserve(b *testing.B) {
	a := listener(table(b), Config{})
	start := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	var obs []rf.Observation
	for i := range 2000 {
		obs = append(obs, rf.Observation{Sensor: "stop", Kind: rf.BLE, Emitter: fmt.Sprintf("c6:00:00:00:%02x:%02x", i>>8, i&255), RSSI: -70})
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		o := obs[i%len(obs)]
		o.TS = start.Add(time.Duration(i) * 200 * time.Microsecond)
		a.Observe(o)
		i++
	}
	b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "obs/s")
}

// BenchmarkFinding is one look at the vehicle at the line of a busy lane.
func BenchmarkFinding(b *testing.B) {
	a := listener(table(b), Config{})
	var obs []rf.Observation
	for i := range 200 {
		obs = append(obs, riding(fmt.Sprintf("c6:00:00:00:00:%02x", i), -50-float64(i%30), 60, 80)...)
	}
	for s := range 75 {
		for _, o := range obs {
			if o.TS.Sub(eight).Truncate(time.Second) == time.Duration(s)*time.Second {
				a.Observe(o)
			}
		}
		if s == 60 {
			a.VehiclePresent(true, eight.Add(time.Minute))
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		a.Finding(eight.Add(75*time.Second + time.Duration(i)*time.Microsecond))
	}
}
