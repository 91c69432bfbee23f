package attribute

import (
	"fmt"
	"math"
	"math/rand/v2"
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
		a.asked = math.Inf(1)
		a.Finding(eight.Add(75 * time.Second))
	}
}

// BenchmarkFindingBusy is one look at the vehicle at the line of the middle one
// of three busy lanes: 400 vehicles an hour in each, 5,000 observations a second
// in all, 800 emitters.
func BenchmarkFindingBusy(b *testing.B) {
	p := table(b)
	a, err := NewAttributor(Config{Lanes: []Lane{{ID: "b", Stop: "b-stop", Upstream: "b-up", Place: 1}, {ID: "a", Stop: "a-stop", Upstream: "a-up"}, {ID: "c", Stop: "c-stop", Upstream: "c-up", Place: 2}}}, p)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	sensors := []string{"a-stop", "a-up", "b-stop", "b-up", "c-stop", "c-up"}
	const seconds = 200
	for s := range seconds {
		if s%9 == 0 {
			a.VehiclePresent(true, at(s))
			a.NeighbourPresent("a", true, at(s))
			a.NeighbourPresent("c", true, at(s))
		} else if s%9 == 6 && s < seconds-6 {
			a.VehiclePresent(false, at(s))
			a.NeighbourPresent("a", false, at(s))
			a.NeighbourPresent("c", false, at(s))
		}
		for i := range 5000 {
			a.Observe(rf.Observation{TS: at(s).Add(time.Duration(i) * 200 * time.Microsecond), Sensor: sensors[r.IntN(6)], Kind: rf.BLE, Emitter: fmt.Sprintf("c6:00:00:00:%02x:%02x", i%3, (s/10+r.IntN(256))&255), RSSI: -85 + 30*r.Float64()})
		}
	}
	b.ReportAllocs()
	last := 0
	for b.Loop() { // a second later each time, as long as the vehicle stands
		last++
		a.asked = math.Inf(1)
		a.Finding(at(seconds + last%8))
	}
}
