package attribute

import (
	"slices"

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
		if a.Probability < sureEnough || !a.Identity.Automotive() {
			continue
		}
		if best == nil || a.Probability > best.Probability || a.Probability == best.Probability && a.Identity.Compare(best.Identity) < 0 {
			best = a
		}
	}
	f.Cellular = slices.ContainsFunc(bands, func(b Activity) bool { return b.Probability >= sureEnough })
	if best != nil {
		s.prefixes.Claim(&f, best.Identity, best.Probability)
	}
	return f
}

// sensed tells whether a lane's stop sensor reported anything between two times.
func (s *Site) sensed(ln int, from, to float64) bool {
	return s.sensors[s.lanes[ln].stop].alive.heard(int32(from), int32(to)) > 0
}

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
