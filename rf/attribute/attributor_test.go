package attribute

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sallyport/rf"
)

var eight = time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)

const fordHotspot = "00:26:b4:01:02:03"

func table(t testing.TB) *rf.Prefixes {
	t.Helper()
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// listener is the attributor of a lane with two sensors.
func listener(p *rf.Prefixes, cfg Config) *Attributor {
	cfg.Lanes = []Lane{{ID: "lane", Stop: "stop", Upstream: "up"}}
	a, err := NewAttributor(cfg, p)
	if err != nil {
		panic(err)
	}
	return a
}

// ambient is an access point that is always there: with it the sensors are
// alive in every second.
func ambient(from, to int) []rf.Observation {
	var out []rf.Observation
	for s := from; s < to; s++ {
		for _, x := range []struct {
			sensor string
			level  float64
		}{{"stop", -72}, {"up", -78}} {
			out = append(out, rf.Observation{TS: eight.Add(time.Duration(s) * time.Second), Sensor: x.sensor, Kind: rf.WiFi, Emitter: "06:00:00:00:00:01", RSSI: x.level, Role: "ap"})
		}
	}
	return out
}

// riding is an emitter in a vehicle that is at the line from present to gone,
// and rolls up to it and away in some seconds.
func riding(addr string, level float64, present, gone int) []rf.Observation {
	var out []rf.Observation
	for s := present - 9; s < gone+9; s++ {
		x := 0.0
		switch {
		case s < present:
			u := float64(present-s) - 0.3
			x = 0.6 * u * u
		case s >= gone:
			u := float64(s-gone) + 0.3
			x = -0.9 * u * u
		}
		for _, q := range []struct {
			sensor string
			at     float64
		}{{"stop", 0}, {"up", 12}} {
			d := x - q.at
			o := rf.Observation{TS: eight.Add(time.Duration(s)*time.Second + 300*time.Millisecond), Sensor: q.sensor, Kind: rf.WiFi, Emitter: addr, Role: "ap"}
			if o.RSSI = level - 23*math.Log10(math.Hypot(d, 2.5)/2.5) - math.Min(10, math.Abs(d)); o.RSSI > -95 {
				out = append(out, o)
			}
		}
	}
	return out
}

// play feeds observations in the order of their times, with a vehicle at the
// line from 60 to 80 s, asking for the finding each second of the stop.
func play(p *rf.Prefixes, obs []rf.Observation, ask func(rf.Finding)) *Attributor {
	a := listener(p, Config{KeepAddress: true})
	slices.SortStableFunc(obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
	at := 0
	tick := func(until time.Time) {
		for ; !eight.Add(time.Duration(at) * time.Second).After(until); at++ {
			now := eight.Add(time.Duration(at) * time.Second)
			switch {
			case at == 60:
				a.VehiclePresent(true, now)
			case at == 80:
				a.VehiclePresent(false, now)
			case at > 60 && at < 80 && ask != nil:
				ask(a.Finding(now))
			}
		}
	}
	for _, o := range obs {
		tick(o.TS)
		a.Observe(o)
	}
	tick(eight.Add(100 * time.Second))
	a.site.Now(eight.Add(100 * time.Second)) // whoever was heard last
	return a
}

func TestHotspotOfTheVehicleIsFound(t *testing.T) {
	p := table(t)
	for _, x := range []struct {
		name string
		obs  []rf.Observation
		want rf.Finding
	}{
		{"nothing but the street", nil, rf.Finding{}},
		{"the vehicle's own hotspot", riding(fordHotspot, -50, 60, 80), rf.Finding{HotspotHeard: true, Make: "Ford", Prefix: "0026B4/24"}},
		{"the hotspot of one that passes ten seconds before", riding(fordHotspot, -50, 40, 50), rf.Finding{}},
		{"a mixed prefix", riding("00:9b:08:01:02:03", -50, 60, 80), rf.Finding{}},
		{"a made-up address", riding("06:26:b4:01:02:03", -50, 60, 80), rf.Finding{}},
		{"an automotive radio that is always there", riding(fordHotspot, -50, 10, 95), rf.Finding{}},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := play(p, append(ambient(0, 100), x.obs...), nil).Finding(eight.Add(100 * time.Second))
			if !got.Sensed || got.HotspotHeard != x.want.HotspotHeard || got.Make != x.want.Make || got.Maker != x.want.Maker || got.Prefix != x.want.Prefix {
				t.Fatalf("%+v", got)
			}
			if got.HotspotHeard && (got.Confidence < sureEnough || len(got.Sources) == 0 || got.Sources[0].Date == "") {
				t.Fatalf("a claim without basis: %+v", got)
			}
		})
	}
}

func TestSilenceSaysNothing(t *testing.T) {
	a := listener(table(t), Config{})
	a.VehiclePresent(true, eight)
	if f := a.Finding(eight.Add(10 * time.Second)); f.Sensed || f.HotspotHeard || f.Cellular {
		t.Fatalf("%+v", f)
	}
}

func TestUplinkOfTheVehicle(t *testing.T) {
	var own, far []rf.Observation
	for s := 65; s < 70; s++ {
		at := eight.Add(time.Duration(s) * time.Second)
		own = append(own, rf.Observation{TS: at, Sensor: "stop", Kind: rf.Cell, Band: "B3", RSSI: -35}, rf.Observation{TS: at, Sensor: "up", Kind: rf.Cell, Band: "B3", RSSI: -55})
		far = append(far, rf.Observation{TS: at, Sensor: "stop", Kind: rf.Cell, Band: "B3", RSSI: -75}, rf.Observation{TS: at, Sensor: "up", Kind: rf.Cell, Band: "B3", RSSI: -60})
	}
	end := eight.Add(100 * time.Second)
	if f := play(table(t), append(ambient(0, 100), own...), nil).Finding(end); !f.Cellular {
		t.Errorf("at the line: %+v", f)
	}
	if f := play(table(t), append(ambient(0, 100), far...), nil).Finding(end); f.Cellular {
		t.Errorf("far off: %+v", f)
	}
}

// attributed is what an attributor thinks of all that it heard.
func attributed(a *Attributor) []Attribution {
	out, _, _ := a.site.attributed(0, a.serial, a.site.now)
	for i := range out {
		out[i].from = nil
	}
	return out
}

func drawObservations(t *rapid.T, label string, emitters ...string) []rf.Observation {
	var out []rf.Observation
	for i := range rapid.IntRange(0, 60).Draw(t, label) {
		o := rf.Observation{
			TS:     eight.Add(time.Duration(rapid.IntRange(0, 99_999).Draw(t, "ms")) * time.Millisecond),
			Sensor: rapid.SampledFrom([]string{"stop", "up", "elsewhere"}).Draw(t, "sensor"),
			Kind:   rf.WiFi, RSSI: float64(rapid.IntRange(-950, -200).Draw(t, "level")) / 10, Role: "ap",
		}
		o.Level = rapid.SampledFrom([]rf.Level{rf.DBm, rf.DBm, rf.Relative, rf.NoLevel}).Draw(t, "kind of level")
		if o.Emitter = rapid.SampledFrom(emitters).Draw(t, "emitter"); o.Emitter == "" {
			o.Emitter = fmt.Sprintf("06:00:00:00:01:%02x", i)
		}
		if o.Emitter == "cell" {
			o.Kind, o.Band, o.Emitter = rf.Cell, "B3", ""
		}
		out = append(out, o)
	}
	return out
}

// A claim once made of the vehicle at the line stays made.
func TestClaimsOnlyRiseDuringAStop(t *testing.T) {
	p := table(t)
	rapid.Check(t, func(t *rapid.T) {
		obs := ambient(0, 100)
		if rapid.Bool().Draw(t, "hotspot") {
			obs = append(obs, riding(fordHotspot, float64(rapid.IntRange(-85, -40).Draw(t, "loud")), rapid.IntRange(30, 75).Draw(t, "from"), 80)...)
		}
		obs = append(obs, drawObservations(t, "more", fordHotspot, "28:eb:0a:00:00:01", "cell", "")...)
		var said rf.Finding
		play(p, obs, func(f rf.Finding) {
			if said.HotspotHeard && !f.HotspotHeard || said.Cellular && !f.Cellular || said.Sensed && !f.Sensed ||
				said.Make != "" && said.Make != f.Make || said.Maker != "" && said.Maker != f.Maker || said.HotspotHeard && f.Confidence < said.Confidence {
				t.Fatalf("%+v\nafter %+v", f, said)
			}
			if f.HotspotHeard != (f.Make != "" || f.Maker != "") || f.HotspotHeard && f.Confidence < sureEnough {
				t.Fatalf("a claim without a name, or a name without a claim: %+v", f)
			}
			said = f
		})
	})
}

// Where the sensors are alive anyway, what other emitters do changes nothing.
func TestOtherEmittersHaveNoSay(t *testing.T) {
	p := table(t)
	rapid.Check(t, func(t *rapid.T) {
		obs := append(ambient(0, 100), riding(fordHotspot, float64(rapid.IntRange(-85, -40).Draw(t, "loud")), rapid.IntRange(40, 70).Draw(t, "from"), 80)...)
		of := func(obs []rf.Observation) float64 {
			for _, x := range attributed(play(p, slices.Clone(obs), nil)) {
				if x.Emitter == fordHotspot {
					return x.Probability
				}
			}
			return -1
		}
		without := of(obs)
		with := of(append(obs, drawObservations(t, "others", "", "cell", "c6:00:00:00:00:09")...))
		if without != with {
			t.Fatalf("%v without the others, %v with them", without, with)
		}
	})
}

func TestOrderOfEqualTimesIsIrrelevant(t *testing.T) {
	p := table(t)
	rapid.Check(t, func(t *rapid.T) {
		obs := append(ambient(0, 100), drawObservations(t, "some", fordHotspot, "28:eb:0a:00:00:01", "cell", "")...)
		obs = append(obs, riding(fordHotspot, -60, 58, 80)...)
		for i := range obs {
			obs[i].TS = obs[i].TS.Truncate(time.Second)
		}
		shuffled := rapid.Permutation(obs).Draw(t, "order")
		end := eight.Add(100 * time.Second)
		a, b := play(p, slices.Clone(obs), nil), play(p, slices.Clone(shuffled), nil)
		if x, y := attributed(a), attributed(b); !reflect.DeepEqual(x, y) {
			t.Fatalf("%v\n%v", x, y)
		}
		if x, y := a.Finding(end), b.Finding(end); !reflect.DeepEqual(x, y) {
			t.Fatalf("%+v\n%+v", x, y)
		}
	})
}

// TestFloodOfAddresses is a hostile sensor that makes up a new address for each
// of a million observations.
func TestFloodOfAddresses(t *testing.T) {
	a := listener(table(t), Config{})
	for i := range 1 << 20 {
		o := rf.Observation{TS: eight.Add(time.Duration(i) * 50 * time.Microsecond), Sensor: "stop", Kind: rf.BLE, Emitter: fmt.Sprintf("c6:00:%02x:%02x:%02x:%02x", i>>24, i>>16&255, i>>8&255, i&255), RSSI: -60}
		a.Observe(o)
	}
	s := a.Stats()
	if s.Emitters > 10_000 || s.Dropped < 900_000 || s.Observed+s.Dropped != 1<<20 || s.Observed != uint64(s.Emitters)+s.Evicted {
		t.Fatalf("%+v", s)
	}
	// The vehicle at the line is heard all the same.
	start := 70
	at := func(s int) time.Time { return eight.Add(time.Duration(s) * time.Second) }
	for _, o := range riding(fordHotspot, -45, start, start+20) {
		if o.TS.Before(at(start)) {
			a.Observe(o)
		}
	}
	a.VehiclePresent(true, at(start))
	for _, o := range riding(fordHotspot, -45, start, start+20) {
		if !o.TS.Before(at(start)) && o.TS.Before(at(start+20)) {
			a.Observe(o)
		}
	}
	if f := a.Finding(at(start + 20)); f.Heard == 0 {
		t.Fatalf("%+v, %+v", f, a.Stats())
	}
	// And all is forgotten within two minutes and a sweep.
	a.VehiclePresent(false, at(start+20))
	for _, o := range ambient(start+20, start+20+140) {
		a.Observe(o)
	}
	if s := a.Stats(); s.Emitters != 1 {
		t.Fatalf("two minutes later: %+v", s)
	}
}

func TestNoAddressIsKeptByDefault(t *testing.T) {
	a := listener(table(t), Config{})
	a.VehiclePresent(true, eight)
	for _, o := range riding(fordHotspot, -45, 1, 10) {
		a.Observe(o)
	}
	for _, e := range a.site.emitters {
		if e.addr != "" {
			t.Fatal("an address is kept")
		}
	}
	for _, x := range attributed(a) {
		if x.Emitter != "" {
			t.Fatal("an address comes out")
		}
	}
}

func TestImpossibleLevelsAreLeftOut(t *testing.T) {
	a := listener(table(t), Config{})
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e9} {
		a.Observe(rf.Observation{TS: eight, Sensor: "stop", Kind: rf.Fob, Emitter: "x", RSSI: v})
	}
	if s := a.Stats(); s.Stale != 4 || s.Observed != 0 || s.Emitters != 0 {
		t.Fatalf("%+v", s)
	}
}

func at(second int) time.Time { return eight.Add(time.Duration(second) * time.Second) }
