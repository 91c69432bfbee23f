package attribute

import (
	"slices"
	"time"

	"sallyport/rf"
)

// finding reduces what was attributed to what a decision may use. It names a
// prefix, a make or a maker only where one automotive emitter was attributed
// with a probability of at least 0.9, and says that an uplink was in use only
// where that is as sure.
func (s *Site) finding(ln int, emitters []Attribution, bands []Activity) rf.Finding {
	f := rf.Finding{Sensor: s.lanes[ln].Stop}
	var best *Attribution
	for i := range emitters {
		a := &emitters[i]
		if a.Probability < 0.5 {
			f.Unattributed++
			continue
		}
		f.Heard++
		f.Confidence = max(f.Confidence, a.Probability)
		if a.Probability < sureEnough || !a.from.auto {
			continue
		}
		if best == nil || a.Probability > best.Probability || a.Probability == best.Probability && a.from.identity.Compare(best.from.identity) < 0 {
			best = a
		}
	}
	f.Cellular = slices.ContainsFunc(bands, func(b Activity) bool { return b.Probability >= sureEnough })
	if best != nil {
		s.prefixes.Claim(&f, best.from.identity, best.Probability)
	}
	return f
}

// sensed tells whether a lane's stop sensor reported anything between two times.
func (s *Site) sensed(ln int, from, to float64) bool {
	return s.sensors[s.lanes[ln].stop].alive.heard(int32(from), int32(to)) > 0
}

// Attributor is the attribution of one lane of a running site. One goroutine
// owns it.
//
// Law. Within one pass claims only rise: once Finding has said HotspotHeard,
// Maker, Make or Cellular of a vehicle, no later observation makes it unsaid
// until the next vehicle comes; and where the sensors are heard anyway, an
// observation of one emitter never changes what is thought of another, but
// where a flood has filled the table. Observations with equal times may come in
// any order. (One emitter's own observations may well speak against it: heard
// in an empty lane, it is not the vehicle's.)
type Attributor struct {
	site   *Site
	serial int // of the vehicle at the line, or the last one; −1: none yet
	said   rf.Finding
	asked  float64 // when the finding was worked out last
}

// NewAttributor makes the attributor of the first lane of the configuration.
// The others are neighbours, of which only the sensors are heard.
func NewAttributor(cfg Config, p *rf.Prefixes) (*Attributor, error) {
	cfg.Lanes = slices.Clone(cfg.Lanes)
	for i := range cfg.Lanes {
		cfg.Lanes[i].Blind = i > 0
	}
	s, err := NewSite(cfg, p)
	if err != nil {
		return nil, err
	}
	return &Attributor{site: s, serial: -1}, nil
}

// Observe takes one observation.
func (a *Attributor) Observe(o rf.Observation) {
	if a.site.now-a.site.swept >= sweepS {
		a.settle()
	}
	a.site.Observe(o)
}

// VehiclePresent says that a vehicle came to stand at the line, or left.
func (a *Attributor) VehiclePresent(present bool, at time.Time) {
	a.settle()
	before := a.serial
	if a.serial = a.site.Vehicle(0, present, at); a.serial != before {
		a.said, a.asked = rf.Finding{}, 0
	}
}

// settle lets the site learn from vehicles that left a while ago.
func (a *Attributor) settle() {
	l := a.site.lanes[0]
	for i, p := range l.passes {
		if !p.learned && a.site.now >= p.end+settleS {
			if p.end > a.site.now-a.site.cfg.ForgetAfter.Seconds() {
				a.site.Attributed(0, l.next-len(l.passes)+i)
			}
			l.passes[i].learned = true
		}
	}
}

// Finding is what the air says now of the vehicle at the line, or of the one
// that was there last.
func (a *Attributor) Finding(now time.Time) rf.Finding {
	s := a.site
	s.Now(now)
	if a.serial < 0 {
		return rf.Finding{Sensor: s.lanes[0].Stop, Sensed: s.sensed(0, s.now-5, s.now)}
	}
	if a.asked == s.now {
		return a.said
	}
	a.asked = s.now
	emitters, bands, ok := s.Attributed(0, a.serial)
	if !ok {
		return a.said
	}
	f := s.finding(0, emitters, bands)
	i, _ := s.lanes[0].find(a.serial)
	p := s.lanes[0].passes[i]
	f.Sensed = s.sensed(0, p.start-1, min(p.end, s.now)+1)
	keep(&f, a.said)
	a.said = f
	return f
}

// Known says which emitters, by their tags, were with the vehicle now at the
// line on how many earlier visits.
func (a *Attributor) Known(visits map[uint64]int) { a.site.Known(0, visits) }

// Stats returns the counters so far.
func (a *Attributor) Stats() Stats { return a.site.Stats() }

// keep adds what was said of the same vehicle before. What has been said stays
// said, with the words it was said in.
func keep(f *rf.Finding, said rf.Finding) {
	f.Sensed = f.Sensed || said.Sensed
	f.Cellular = f.Cellular || said.Cellular
	if !said.HotspotHeard {
		return
	}
	now := *f
	*f = said
	f.Sensed, f.Cellular, f.Unattributed = now.Sensed, now.Cellular, now.Unattributed
	f.Heard, f.Confidence = max(now.Heard, 1), max(now.Confidence, said.Confidence)
	if f.Make == "" {
		f.Make = now.Make
	}
	if f.Maker == "" && now.Maker != "" {
		f.Maker, f.Prefix = now.Maker, now.Prefix
	}
	if f.Make != said.Make || f.Maker != said.Maker {
		f.Sources = append(slices.Clone(said.Sources), now.Sources...)
	}
}
