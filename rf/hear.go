package rf

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
	heard := map[emitter]*Identity{}
	f := Finding{Sensed: true, Sensor: obs[0].Sensor, Confidence: 1}
	for _, o := range obs {
		if o.Kind == Cell {
			f.Cellular = true
			continue
		}
		k := emitter{o.Kind, o.Emitter}
		if i := heard[k]; i != nil {
			i.Hear(o, p)
			continue
		}
		i := p.Identity(o)
		heard[k] = &i
	}
	f.Heard = len(heard)
	var best *Identity
	for _, i := range heard {
		if i.Automotive() && (best == nil || i.Compare(*best) < 0) {
			best = i
		}
	}
	if best != nil {
		p.Claim(&f, *best, 1)
	}
	return &f
}
