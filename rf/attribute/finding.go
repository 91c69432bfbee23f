package attribute

import (
	"slices"

	"sallyport/rf"
)

// finding reduces what was attributed to what a decision may use. It names a
// prefix, a make or a maker only where one automotive emitter was attributed
// with a probability of at least 0.9, and says that an uplink was in use only
// where that is as sure. It lists every emitter that is rather the vehicle's
// than not, with what else would explain it.
func (s *Site) finding(ln int, emitters []Attribution, bands []Activity) rf.Finding {
	f := rf.Finding{Sensor: s.lanes[ln].Stop}
	var best *Attribution
	var heard []rf.Heard
	for i := range emitters {
		a := &emitters[i]
		if a.Probability < 0.5 {
			f.Unattributed++
			continue
		}
		f.Heard++
		f.Confidence = max(f.Confidence, a.Probability)
		heard = append(heard, a.heard())
		if a.Probability >= sureEnough && a.Identity.Automotive() && (best == nil || a.before(best)) {
			best = a
		}
	}
	f.Keep(heard)
	f.Cellular = slices.ContainsFunc(bands, func(b Activity) bool { return b.Probability >= sureEnough })
	if best != nil {
		s.prefixes.Claim(&f, best.Identity, best.hotspot(), best.Probability)
	}
	return f
}

// before tells whether a tells more of a vehicle than b: a hotspot before what is
// none, then the likelier.
func (a *Attribution) before(b *Attribution) bool {
	if h := a.hotspot(); h != b.hotspot() {
		return h
	}
	return a.Probability > b.Probability || a.Probability == b.Probability && a.Identity.Compare(b.Identity) < 0
}

func (a *Attribution) hotspot() bool { return a.Identity.Hotspot(a.Kind, a.Role) }

// heard is the attribution without what two visits could be linked by.
func (a *Attribution) heard() rf.Heard {
	h := rf.Heard{
		Kind: a.Kind, Role: a.Role, Probability: a.Probability, Seconds: a.Why.Seconds,
		Models: a.Models, Pressure: a.Pressure, WidthCM: a.WidthCM, LengthCM: a.LengthCM,
	}
	if a.Why.Stop.Seconds > 0 {
		h.LoudestDBm, h.Level = a.Why.Stop.Loudest, a.Why.Stop.Level
	} else {
		h.Level = rf.NoLevel
	}
	if len(a.Why.Rivals) > 0 {
		h.Otherwise, h.OtherwiseP = a.Why.Rivals[0].Word, a.Why.Rivals[0].Probability
	}
	a.Identity.Describe(&h)
	return h
}

// sensed tells whether a lane's stop sensor reported anything between two times.
func (s *Site) sensed(ln int, from, to float64) bool {
	return s.sensors[s.lanes[ln].stop].alive.heard(int32(from), int32(to)) > 0
}

// keep adds what was said of the same vehicle before. What has been said stays
// said, with the words it was said in; of the emitters retain has seen to that.
func keep(f *rf.Finding, said rf.Finding) {
	f.Sensed = f.Sensed || said.Sensed
	f.Cellular = f.Cellular || said.Cellular
	if !said.HotspotHeard && said.Make == "" && said.Maker == "" {
		return
	}
	now := *f
	*f = said
	f.Sensed, f.Cellular, f.Unattributed, f.Emitters = now.Sensed, now.Cellular, now.Unattributed, now.Emitters
	f.HotspotHeard = said.HotspotHeard || now.HotspotHeard
	f.Heard, f.Confidence = max(now.Heard, 1), max(now.Confidence, said.Confidence)
	if f.Make == "" {
		f.Make = now.Make
	}
	if f.Maker == "" && now.Maker != "" {
		f.Maker, f.Prefix = now.Maker, now.Prefix
	}
	if f.HotspotHeard != said.HotspotHeard || f.Make != said.Make || f.Maker != said.Maker {
		f.Sources = append(slices.Clone(said.Sources), now.Sources...)
	}
}
