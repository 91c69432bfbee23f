package attribute

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sallyport/rf"
)

// A sensor whose clock is wrong, by a minute or by decades, is not believed,
// and what the others say stands.
func TestWrongClocksAreNotBelieved(t *testing.T) {
	p := table(t)
	for _, wrong := range []time.Time{time.Unix(0, 0).UTC(), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), eight.Add(3 * time.Minute), eight.Add(-time.Hour)} {
		t.Run(wrong.Format(time.DateTime), func(t *testing.T) {
			obs := append(ambient(0, 100), riding(fordHotspot, -50, 60, 80)...)
			slices.SortStableFunc(obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
			a := listener(p, Config{})
			n := 0
			lie := func() {
				for range 50 {
					n++
					a.Observe(rf.Observation{TS: wrong.Add(time.Duration(n) * time.Millisecond), Sensor: "up", Kind: rf.BLE, Emitter: fmt.Sprintf("c6:00:00:00:%02x:%02x", n>>8&255, n&255), RSSI: -40})
				}
			}
			at := 0
			for _, o := range obs {
				for s := int(o.TS.Sub(eight) / time.Second); at <= s; at++ {
					lie()
					switch at {
					case 60:
						a.VehiclePresent(true, eight.Add(60*time.Second))
					case 80:
						a.VehiclePresent(false, eight.Add(80*time.Second))
					}
				}
				a.Observe(o)
			}
			if f := a.Finding(eight.Add(100 * time.Second)); f.Make != "Ford" {
				t.Fatalf("%+v, %+v", f, a.Stats())
			}
		})
	}
}

// Where the only sensor that speaks is wrong, told time puts it right.
func TestToldTimeWins(t *testing.T) {
	a := listener(table(t), Config{})
	for i := range 100 {
		a.Observe(rf.Observation{TS: eight.AddDate(50, 0, 0).Add(time.Duration(i) * time.Second), Sensor: "stop", Kind: rf.BLE, Emitter: "c6:00:00:00:00:01", RSSI: -60})
	}
	a.VehiclePresent(true, eight)
	if s := a.Stats(); s.Emitters != 0 {
		t.Fatalf("what was heard at a wrong time is kept: %+v", s)
	}
	for _, o := range riding(fordHotspot, -50, 0, 30) {
		if o.TS.Before(eight.Add(20 * time.Second)) {
			a.Observe(o)
		}
	}
	if f := a.Finding(eight.Add(20 * time.Second)); f.Heard != 1 || f.Make != "Ford" {
		t.Fatalf("%+v, %+v", f, a.Stats())
	}
}

// A flood at one sensor leaves the other one's emitters alone, and a finding
// stays quick.
func TestFloodAtOneSensor(t *testing.T) {
	p := table(t)
	r := rand.New(rand.NewPCG(1, 2))
	a := listener(p, Config{})
	obs := append(ambient(0, 100), riding(fordHotspot, -50, 60, 80)...)
	slices.SortStableFunc(obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
	at, flooded := 0, 0
	for _, o := range obs {
		for s := int(o.TS.Sub(eight) / time.Second); at <= s; at++ {
			for i := range 20_000 {
				flooded++
				id := fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", r.IntN(64)*4, r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256))
				if i%10 == 0 {
					id = "00:26:b4" + id[8:] // as Ford's own
				}
				a.Observe(rf.Observation{TS: eight.Add(time.Duration(at) * time.Second), Sensor: "up", Kind: rf.WiFi, Emitter: id, RSSI: -30 - 60*r.Float64(), Role: "ap"})
			}
			switch at {
			case 60:
				a.VehiclePresent(true, eight.Add(60*time.Second))
			case 80:
				a.VehiclePresent(false, eight.Add(80*time.Second))
			}
		}
		a.Observe(o)
	}
	f := a.Finding(eight.Add(100 * time.Second))
	if s := a.Stats(); f.Make != "Ford" || s.Emitters > 10_000 || s.Observed+s.Stale+s.Foreign+s.Dropped != uint64(flooded+len(obs)) || s.Dropped < uint64(flooded)-10_000-s.Forgotten-s.Evicted {
		t.Fatalf("%+v, %+v", f, s)
	}
}

// noisy is a lane with one vehicle after another, each with its own emitter.
func noisy(t *rapid.T) ([]rf.Observation, []Event) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	obs := ambient(0, 220)
	var events []Event
	for i := range 5 {
		from, to := 20+40*i, 40+40*i
		name := fmt.Sprintf("v%d", i)
		events = append(events, Event{eight.Add(time.Duration(from) * time.Second), "lane", Present, name}, Event{eight.Add(time.Duration(to) * time.Second), "lane", Gone, name})
		for k := range 3 {
			obs = append(obs, riding(fmt.Sprintf("0a:00:00:00:%02x:%02x", i, k), -50-20*r.Float64(), from, to)...)
		}
	}
	slices.SortStableFunc(obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
	return obs, events
}

func replayed(obs []rf.Observation, events []Event) (out []Arrival, err error) {
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		return nil, err
	}
	s, err := NewSite(Config{Lanes: []Lane{{ID: "lane", Stop: "stop", Upstream: "up"}}, KeepAddress: true}, p)
	if err != nil {
		return nil, err
	}
	r := NewReplay(s, events, func(a Arrival) error { out = append(out, a); return nil })
	for _, o := range obs {
		if err := r.Observe(o); err != nil {
			return nil, err
		}
	}
	return out, r.Close()
}

// What goes wrong between a sensor and the lane (a clock off by up to a second,
// lines lost, said twice, or late) moves no emitter to another vehicle.
func TestFaultsOfSensorsChangeNoAttribution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		obs, events := noisy(t)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "faults"), 2))
		skew := map[string]time.Duration{"stop": time.Duration(rapid.IntRange(-1000, 1000).Draw(t, "stop")) * time.Millisecond, "up": time.Duration(rapid.IntRange(-1000, 1000).Draw(t, "up")) * time.Millisecond}
		loss := rapid.Float64Range(0, 0.4).Draw(t, "loss")
		var bad []rf.Observation
		for _, o := range obs {
			if r.Float64() < loss {
				continue
			}
			o.TS = o.TS.Add(skew[o.Sensor])
			o.RSSI += 3 * r.NormFloat64()
			bad = append(bad, o)
			if r.IntN(10) == 0 {
				bad = append(bad, o)
			}
		}
		slices.SortStableFunc(bad, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
		for i := range bad {
			if j := i + r.IntN(8); j < len(bad) {
				bad[i], bad[j] = bad[j], bad[i]
			}
		}
		got, err := replayed(bad, events)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 5 {
			t.Fatalf("%d arrivals", len(got))
		}
		for i, a := range got {
			n := 0
			for _, e := range a.Emitters {
				own := e.Emitter[:14] == fmt.Sprintf("0a:00:00:00:%02x", i)
				if own && e.Probability >= 0.5 {
					n++
				}
				if !own && e.Probability >= 0.5 {
					t.Fatalf("%s: %s is said to be its own, %.3f", a.Arrival, e.Emitter, e.Probability)
				}
				if !(e.Probability >= 0 && e.Probability <= 1 && e.AtDecision >= 0 && e.AtDecision <= 1) {
					t.Fatalf("%+v", e)
				}
			}
			if n != 3 {
				t.Fatalf("%s: %d of 3 found: %+v", a.Arrival, n, a.Emitters)
			}
		}
	})
}

// A neighbour whose vehicles nobody tells of has sensors all the same: what is
// louder there is not this lane's.
func TestBlindNeighbour(t *testing.T) {
	p := table(t)
	of := func(neighbour bool) float64 {
		cfg := Config{KeepAddress: true, Lanes: []Lane{{ID: "a", Stop: "stop", Upstream: "up", Place: 0}}}
		if neighbour {
			cfg.Lanes = append(cfg.Lanes, Lane{ID: "b", Stop: "beside", Place: 1})
		}
		a, err := NewAttributor(cfg, p)
		if err != nil {
			t.Fatal(err)
		}
		obs := ambient(0, 100)
		for s := range 100 {
			obs = append(obs, rf.Observation{TS: eight.Add(time.Duration(s) * time.Second), Sensor: "beside", Kind: rf.WiFi, Emitter: "06:00:00:00:00:01", RSSI: -75})
		}
		for _, o := range riding("06:00:00:00:00:02", -62, 59, 81) {
			obs = append(obs, o)
			if o.Sensor == "stop" {
				o.Sensor, o.RSSI = "beside", o.RSSI+14
				obs = append(obs, o)
			}
		}
		slices.SortStableFunc(obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
		at := 0
		for _, o := range obs {
			for s := int(o.TS.Sub(eight) / time.Second); at <= s; at++ {
				if at == 60 || at == 80 {
					a.VehiclePresent(at == 60, eight.Add(time.Duration(at)*time.Second))
				}
			}
			a.Observe(o)
		}
		a.Finding(eight.Add(110 * time.Second))
		for _, x := range attributed(a) {
			if x.Emitter == "06:00:00:00:00:02" {
				return x.Probability
			}
		}
		return math.NaN()
	}
	if alone, beside := of(false), of(true); !(alone > 0.5 && beside < 0.5) {
		t.Fatalf("%.3f without the neighbour's sensor, %.3f with it", alone, beside)
	}
}

// Earlier visits with the same vehicle count, but no more than their cap.
func TestKnownFromEarlierVisits(t *testing.T) {
	p := table(t)
	of := func(visits int) float64 {
		a := listener(p, Config{KeepAddress: true, Tag: func(o rf.Observation) (uint64, uint64) { return uint64(o.Emitter[len(o.Emitter)-1]), 0 }})
		obs := ambient(0, 100)
		// Heard from the middle of the stop, and faintly.
		for s := 66; s < 79; s += 2 {
			obs = append(obs, rf.Observation{TS: eight.Add(time.Duration(s) * time.Second), Sensor: "stop", Kind: rf.BLE, Emitter: "06:00:00:00:00:03", RSSI: -84})
		}
		slices.SortStableFunc(obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
		at := 0
		for _, o := range obs {
			for s := int(o.TS.Sub(eight) / time.Second); at <= s; at++ {
				if at == 60 || at == 80 {
					a.VehiclePresent(at == 60, eight.Add(time.Duration(at)*time.Second))
				}
				if at == 60 {
					a.Known(map[uint64]int{'3': visits})
				}
			}
			a.Observe(o)
		}
		for _, x := range attributed(a) {
			if x.Emitter == "06:00:00:00:00:03" {
				return x.Probability
			}
		}
		return math.NaN()
	}
	none, one, two, many := of(0), of(1), of(2), of(1000)
	if !(none < one && one < two && two == many && many < 1) {
		t.Fatalf("%.4f, %.4f, %.4f, %.4f", none, one, two, many)
	}
	odds := func(p float64) float64 { return math.Log(p / (1 - p)) }
	if got := odds(many) - odds(none); got > knownCap+0.5 {
		t.Fatalf("earlier visits count %.2f nats", got)
	}
}

func TestSitesThatCannotBe(t *testing.T) {
	p := table(t)
	for name, lanes := range map[string][]Lane{
		"no lane":          nil,
		"one sensor twice": {{ID: "a", Stop: "s"}, {ID: "b", Stop: "s", Place: 1}},
		"one place twice":  {{ID: "a", Stop: "s"}, {ID: "b", Stop: "t"}},
		"one name twice":   {{ID: "a", Stop: "s"}, {ID: "a", Stop: "t", Place: 1}},
	} {
		if _, err := NewSite(Config{Lanes: lanes}, p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
