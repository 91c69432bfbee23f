package rf

import "slices"

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
	type emitter struct {
		kind Kind
		id   string
	}
	type known struct {
		Identity
		Heard
	}
	heard := map[emitter]*known{}
	f := Finding{Sensed: true, Sensor: obs[0].Sensor, Confidence: 1}
	for _, o := range obs {
		if o.Kind == Cell {
			f.Cellular = true
			continue
		}
		k := emitter{o.Kind, o.Emitter}
		e := heard[k]
		if e == nil {
			e = &known{Identity: p.Identity(o), Heard: Heard{Kind: o.Kind, Probability: 1, LoudestDBm: o.RSSI, Level: o.Level}}
			heard[k] = e
		} else {
			e.Hear(o, p)
		}
		e.add(o)
	}
	f.Heard = len(heard)
	var best *known
	emitters := make([]Heard, 0, len(heard))
	for _, e := range heard {
		e.Describe(&e.Heard)
		if e.Identity.Automotive() && (best == nil || e.Heard.Hotspot() && !best.Heard.Hotspot() || e.Heard.Hotspot() == best.Heard.Hotspot() && e.Compare(best.Identity) < 0) {
			best = e
		}
		emitters = append(emitters, e.Heard)
	}
	f.Keep(emitters)
	if best != nil {
		p.Claim(&f, best.Identity, best.Heard.Hotspot(), 1)
	}
	return &f
}

// add takes over what one more observation says of the emitter.
func (h *Heard) add(o Observation) {
	if o.Level == h.Level {
		h.LoudestDBm = max(h.LoudestDBm, o.RSSI)
	}
	if h.Role == "" || o.Role != "" && o.Role < h.Role {
		h.Role = o.Role
	}
	if o.Model != "" && !slices.Contains(h.Models, o.Model) {
		h.Models = append(h.Models, o.Model)
		slices.Sort(h.Models)
	}
	if !h.Pressure.Known {
		h.Pressure = o.Pressure
	}
	if h.WidthCM == 0 {
		h.WidthCM = o.WidthCM
	}
	if h.LengthCM == 0 {
		h.LengthCM = o.LengthCM
	}
}
