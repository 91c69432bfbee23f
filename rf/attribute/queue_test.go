package attribute

import (
	"fmt"
	"math"
	"testing"
	"time"

	"sallyport/rf"
)

// A vehicle that waited in the queue is known by its radio however late it is
// called to the line, and its radio is not taken for that of the one before.
func TestSlowToFollow(t *testing.T) {
	p := table(t)
	const came, left = 30.0, 55.0
	for _, gap := range []float64{3, 7, 8.5, 10, 15, 25, 40} {
		t.Run(fmt.Sprint(gap), func(t *testing.T) {
			s, err := NewSite(Config{Lanes: []Lane{{ID: "a", Stop: "stop", Upstream: "up"}}, KeepAddress: true}, p)
			if err != nil {
				t.Fatal(err)
			}
			start := left + gap
			base := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
			at := func(sec float64) time.Time { return base.Add(time.Duration(sec * float64(time.Second))) }
			places := map[string]func(t float64) float64{
				"before": func(t float64) float64 {
					if t > left {
						return -travelled(t-left, leaveMS2)
					}
					return travelled(math.Max(0, came-t), brakeMS2)
				},
				"waits": func(t float64) float64 {
					switch {
					case t > start+20:
						return -travelled(t-start-20, leaveMS2)
					case t > start:
						return 0
					case t > start-5:
						return 7.5 * (start - t) / 5
					}
					return 7.5 + travelled(math.Max(0, came+4-t), brakeMS2)
				},
			}
			serials := map[string]int{}
			events := map[int]func(){
				int(came * 4):         func() { serials["before"] = s.Vehicle(0, true, at(came)) },
				int(left * 4):         func() { s.Vehicle(0, false, at(left)) },
				int(start * 4):        func() { serials["waits"] = s.Vehicle(0, true, at(start)) },
				int((start + 20) * 4): func() { s.Vehicle(0, false, at(start+20)) },
			}
			var found []Attribution
			for k := range int(4 * (start + 40)) {
				if do := events[k]; do != nil {
					do()
				}
				now := float64(k) / 4
				for name, where := range places {
					for sensor, x := range map[string]float64{"stop": 0, "up": 12} {
						d := where(now) - x
						level := -50 - 22*math.Log10(math.Hypot(d, 3)/3) - 8*(1-math.Exp(-d*d/25))
						if level > -95 {
							s.Observe(rf.Observation{TS: at(now), Sensor: sensor, Kind: rf.WiFi, Emitter: name, RSSI: level})
						}
					}
				}
			}
			for vehicle, serial := range serials {
				var ok bool
				if found, _, ok = s.attributed(0, serial, start+40); !ok {
					t.Fatalf("%s is not known", vehicle)
				}
				own := 0.0
				for _, a := range found {
					switch {
					case a.Emitter == vehicle:
						own = a.Probability
					case a.Probability > 0.1:
						t.Errorf("the radio of %s is in %s with %.3f", a.Emitter, vehicle, a.Probability)
					}
				}
				if own < 0.9 {
					t.Errorf("its own radio is in %s with %.4f", vehicle, own)
				}
			}
		})
	}
}
