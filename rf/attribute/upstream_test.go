package attribute

import (
	"math"
	"slices"
	"testing"

	"sallyport/rf"
)

// Each lane's second antenna stands where the lane says, and a vehicle is known
// by it: one that moves up by the antenna is not taken for one at the line.
func TestUpstreamDistance(t *testing.T) {
	p := table(t)
	s, err := NewSite(Config{UpstreamM: 15, Lanes: []Lane{
		{ID: "a", Stop: "a", Upstream: "a2", UpstreamM: 30}, {ID: "b", Stop: "b", Upstream: "b2", Place: 1}, {ID: "c", Stop: "c", Place: 2},
	}}, p)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]float64{"a": 0, "a2": 30, "b": 0, "b2": 15, "c": 0} {
		if got := s.sensors[s.bySensor[name]].x; got != x {
			t.Errorf("%s is %g m before the line", name, got)
		}
	}
	// A vehicle's radio at the line, heard as an antenna 30 m before hears it.
	obs := ambient(0, 110)
	for _, o := range riding(own, -50, 60, 80) {
		if o.Sensor == "stop" {
			obs = append(obs, o)
			o.Sensor = "up"
			if o.RSSI -= 23*math.Log10(30/2.5) + 10 - 2; o.RSSI > -95 {
				obs = append(obs, o)
			}
		}
	}
	slices.SortStableFunc(obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
	of := func(upstream float64) float64 {
		s, err := NewSite(Config{KeepAddress: true, Lanes: []Lane{{ID: "lane", Stop: "stop", Upstream: "up", UpstreamM: upstream}}}, p)
		if err != nil {
			t.Fatal(err)
		}
		next := 0
		for k := range 112 {
			if k == 60 || k == 80 {
				s.Vehicle(0, k == 60, at(k))
			}
			for ; next < len(obs) && !obs[next].TS.After(at(k)); next++ {
				s.Observe(obs[next])
			}
			s.Now(at(k))
		}
		found, _, _ := s.Attributed(0, 0)
		for _, x := range found {
			if x.Emitter == own {
				return x.Probability
			}
		}
		return 0
	}
	if right, wrong := of(30), of(4); right < 0.95 || wrong >= right {
		t.Errorf("%.3f where the antenna is, %.3f elsewhere", right, wrong)
	}
}
