package attribute

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sallyport/rf"
)

// vehicles is one lane's minute and a half: the street, a vehicle's own emitter,
// one of the vehicle that stood there before, and a telephone that walks by.
func vehicles() []rf.Observation {
	obs := append(ambient(0, 110), riding(own, -60, 60, 80)...)
	obs = append(obs, riding(before, -58, 30, 45)...)
	for s := 62; s < 90; s++ {
		for _, sensor := range []string{"stop", "up"} {
			obs = append(obs, rf.Observation{TS: at(s), Sensor: sensor, Kind: rf.WiFi, Emitter: walker, RSSI: -70 - math.Abs(float64(s-70)), Role: "client"})
		}
	}
	slices.SortStableFunc(obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
	return obs
}

const (
	own    = "0a:00:00:00:00:01"
	before = "0a:00:00:00:00:02"
	walker = "0a:00:00:00:00:03"
)

// weighed plays observations and gives the probability of each emitter.
func weighed(t testing.TB, obs []rf.Observation) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, x := range attributed(play(table(t), slices.Clone(obs), nil)) {
		out[x.Emitter] = x.Probability
	}
	return out
}

// What a relative level is relative to is nobody's business: the same constant
// added to all of a sensor's changes nothing, and another at the other sensor
// neither.
func TestConstantOfRelativeLevelsIsIrrelevant(t *testing.T) {
	p := table(t)
	probabilities := func(obs []rf.Observation) map[string]float64 {
		out := map[string]float64{}
		for _, x := range attributed(play(p, slices.Clone(obs), nil)) {
			out[x.Emitter] = x.Probability
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		obs := append(vehicles(), drawObservations(t, "more", own, "0a:00:00:00:00:04", "cell", "")...)
		both := rapid.Bool().Draw(t, "both")
		for i := range obs {
			obs[i].Level = rf.DBm
			if both || obs[i].Sensor == "stop" {
				obs[i].Level = rf.Relative
				obs[i].RSSI = math.Max(obs[i].RSSI, -110)
			}
		}
		without := probabilities(obs)
		shift := map[string]float64{"stop": float64(rapid.IntRange(-30, 40).Draw(t, "at the stop")), "up": float64(rapid.IntRange(-30, 40).Draw(t, "upstream"))}
		for i := range obs {
			if obs[i].Level == rf.Relative {
				obs[i].RSSI += shift[obs[i].Sensor]
			}
		}
		with := probabilities(obs)
		for id, p := range without {
			if q := with[id]; math.Abs(p-q) > 1e-9 {
				t.Fatalf("%s: %.12f, and %.12f with %v added", id, p, q, shift)
			}
		}
	})
}

func TestKindsOfLevels(t *testing.T) {
	said := func(level func(i int, o *rf.Observation)) map[string]float64 {
		obs := vehicles()
		for i := range obs {
			level(i, &obs[i])
		}
		return weighed(t, obs)
	}
	none := func(o *rf.Observation) { o.Level, o.RSSI = rf.NoLevel, rf.LowestRSSI }
	for _, x := range []struct {
		name  string
		level func(i int, o *rf.Observation)
		least float64 // of the vehicle's own
	}{
		{"dBm", func(int, *rf.Observation) {}, 0.9},
		{"relative", func(_ int, o *rf.Observation) { o.Level, o.RSSI = rf.Relative, o.RSSI+70 }, 0.9},
		{"relative at one sensor", func(_ int, o *rf.Observation) {
			if o.Sensor == "stop" {
				o.Level, o.RSSI = rf.Relative, o.RSSI+70
			}
		}, 0.9},
		{"none", func(_ int, o *rf.Observation) { none(o) }, 0.3}, // it may have passed by, for all that is known
		{"none now and then", func(i int, o *rf.Observation) {
			if i%3 == 0 {
				none(o)
			}
		}, 0.9},
		{"none at one sensor", func(_ int, o *rf.Observation) {
			if o.Sensor == "up" {
				none(o)
			}
		}, 0.9},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := said(x.level)
			t.Logf("its own %.3f, of the one before %.3f, of who walks by %.3f, of the mast %.4f", got[own], got[before], got[walker], got["06:00:00:00:00:01"])
			if got[own] < x.least || got[before] > 0.1 || got[walker] > 0.5 || got["06:00:00:00:00:01"] > 0.01 {
				t.Error("wrongly attributed")
			}
		})
	}
}

// A level that does not exist is none, whatever number stands in its place; and
// levels of two kinds that one sensor tells of one emitter are worth no more.
func TestNoLevelIsNotAWeakOne(t *testing.T) {
	without := func(change func(o *rf.Observation, second int)) map[string]float64 {
		obs := vehicles()
		for i := range obs {
			change(&obs[i], int(obs[i].TS.Sub(eight).Seconds()))
		}
		return weighed(t, obs)
	}
	want := without(func(o *rf.Observation, _ int) { o.Level, o.RSSI = rf.NoLevel, rf.LowestRSSI })
	for name, got := range map[string]map[string]float64{
		"another number": without(func(o *rf.Observation, _ int) { o.Level, o.RSSI = rf.NoLevel, -20 }),
		"two kinds": without(func(o *rf.Observation, second int) {
			if second%2 == 0 {
				o.Level, o.RSSI = rf.Relative, o.RSSI+60
			}
		}),
	} {
		for id, p := range want {
			if got[id] != p {
				t.Errorf("%s: %s %.4f, want %.4f", name, id, got[id], p)
			}
		}
	}
}

// What an attribution rests on is told: seconds, levels of either sensor and
// what else it may have been.
func TestWhy(t *testing.T) {
	a := play(table(t), vehicles(), nil)
	a.Finding(at(111))
	found := map[string]Attribution{}
	for _, x := range a.Emitters() {
		found[x.Emitter] = x
		sum := x.Probability
		for i, r := range x.Why.Rivals {
			sum += r.Probability
			if r.Word == "" || i > 0 && r.Probability > x.Why.Rivals[i-1].Probability {
				t.Errorf("%s: %+v", x.Emitter, x.Why.Rivals)
			}
		}
		if x.Probability > 0.01 && x.Why.Seconds >= fewSeconds && (sum > 1+rivals*0.01 || sum < 1-rivals*0.01-otherwise) {
			t.Errorf("%s: the explanations add up to %.3f: %+v", x.Emitter, sum, x)
		}
	}
	w := found[own].Why
	if found[own].Role != "ap" || w.Seconds < 19 || w.Stop.Seconds != w.Seconds || math.Abs(w.Stop.Mean+60) > 2 || w.Upstream.Mean > w.Stop.Mean-10 || w.Stop.Loudest < w.Stop.Mean || w.Stop.Level != rf.DBm {
		t.Errorf("%+v", found[own])
	}
	for _, id := range []string{"06:00:00:00:00:01", walker} {
		if x := found[id]; x.Probability > 0.01 || len(x.Why.Rivals) != 0 && x.Why.Rivals[0].Probability < 0.9 {
			t.Errorf("%s: %+v", id, x)
		}
	}
}

// The loudest is one observation's level, not that of a second.
func TestLoudestIsOfOneObservation(t *testing.T) {
	a := listener(table(t), Config{})
	for s := range 30 {
		if s == 10 {
			a.VehiclePresent(true, at(s))
		}
		for _, level := range []float64{-70, -51.4, -80} {
			a.Observe(rf.Observation{TS: at(s), Sensor: "stop", Kind: rf.WiFi, Emitter: own, Role: "ap", RSSI: level})
		}
		a.Observe(rf.Observation{TS: at(s), Sensor: "stop", Kind: rf.WiFi, Emitter: own, Role: "ap", RSSI: rf.LowestRSSI, Level: rf.NoLevel})
	}
	a.Finding(at(29))
	if len(a.Emitters()) != 1 {
		t.Fatalf("%+v", a.Emitters())
	}
	if l := a.Emitters()[0].Why.Stop; l.Loudest != -51.4 || math.Abs(l.Mean+67.133) > 0.01 {
		t.Errorf("%+v", l)
	}
}
