package rf

import "math"

// HearOnce reduces observations that the caller already knows to be of one
// vehicle, such as those of a bench test or of a request to the command line,
// to a Finding. Nothing is attributed: that they belong to the vehicle is the
// caller's word, and the confidence says so by being 1. Only automotive
// prefixes and network names decide; a mixed one is counted and says nothing.
// No observations give nil.
func HearOnce(obs []Observation, p *Prefixes) *Finding {
	if len(obs) == 0 {
		return nil
	}
	a := NewAttributor(Config{ForgetAfter: math.MaxInt64}, p) // however far apart the observations are
	f := Finding{Sensed: true, Sensor: obs[0].Sensor, Confidence: 1}
	for _, o := range obs {
		o.RSSI = math.Max(-150, math.Min(20, o.RSSI))
		a.Observe(o)
	}
	f.Heard, f.Cellular = len(a.emitters), len(a.bands) > 0
	var best *emitter
	for _, e := range a.emitters {
		if e.auto && (e.kind == WiFi || e.kind == BLE) && (best == nil || e.tells(1, best, 1)) {
			best = e
		}
	}
	if best != nil {
		a.claim(&f, best, 1)
	}
	return &f
}
