package attribute

import (
	"math"
	"slices"
	"testing"

	"sallyport/rf"
)

// Two telephones in one band, one in each of two queued vehicles, the second
// beginning within a second of the first one's end: each vehicle has its own, and
// one that has none is not said to have the other's.
func TestUplinkOfConsecutiveVehicles(t *testing.T) {
	p := table(t)
	// The first stands from 60 s to 80 s, the second from 86 s to 106 s.
	first := func(s int) float64 {
		if s < 80 {
			return 0
		}
		u := float64(s-80) + 0.3
		return -0.9 * u * u
	}
	second := func(s int) float64 { return 7.5 * math.Max(0, math.Min(1, float64(86-s)/6)) }
	for _, x := range []struct {
		name                    string
		firstSends, secondSends bool
	}{{"both", true, true}, {"the first", true, false}, {"the second", false, true}} {
		obs := ambient(0, 140)
		sends := func(from, to int, x func(int) float64) {
			for s := from; s < to; s++ {
				for _, q := range []struct {
					sensor string
					at     float64
				}{{"stop", 0}, {"up", 12}} {
					d := x(s) - q.at
					obs = append(obs, rf.Observation{TS: at(s), Sensor: q.sensor, Kind: rf.Cell, Band: "B20", RSSI: -42 - 22*math.Log10(math.Hypot(d, 3)/3) - math.Min(8, math.Abs(d))})
				}
			}
		}
		if x.firstSends {
			sends(66, 83, first)
		}
		if x.secondSends {
			sends(83, 100, second)
		}
		slices.SortStableFunc(obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
		s, err := NewSite(Config{Lanes: []Lane{{ID: "lane", Stop: "stop", Upstream: "up"}}}, p)
		if err != nil {
			t.Fatal(err)
		}
		next := 0
		var said [2]float64
		for k := range 140 {
			switch k {
			case 60, 80, 86, 106:
				s.Vehicle(0, k == 60 || k == 86, at(k))
			}
			for ; next < len(obs) && !obs[next].TS.After(at(k)); next++ {
				s.Observe(obs[next])
			}
			s.Now(at(k))
			if k != 110 && k != 136 {
				continue
			}
			i := (k - 110) / 26
			_, bands, _ := s.Attributed(0, i)
			for _, b := range bands {
				said[i] = b.Probability
			}
		}
		if got := [2]bool{said[0] >= 0.5, said[1] >= 0.5}; got != [2]bool{x.firstSends, x.secondSends} {
			t.Errorf("%s: said %.3f", x.name, said)
		}
		t.Logf("%s: %.3f", x.name, said)
	}
}
