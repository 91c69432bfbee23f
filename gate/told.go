package gate

import (
	"sallyport/policy"
	"sallyport/vin/telematics"
)

// told fills in what sources tell of a candidate beside who made it: who can update
// it, and where its servers and its SIM's home network are. What no source
// tells, or sources contradict, stays unknown.
func (j *Judge) told(k *policy.Candidate, c telematics.Candidate, maker policy.Leaf[policy.Party]) {
	k.BackEnd, k.SIMHome = leaf(c.BackEnd), leaf(c.SIMHome)
	if c.Updater.Value == "" {
		return
	}
	party := func(name string) policy.Leaf[policy.Party] {
		if p, ok := j.supply.graph.Find(name); ok && name != "" {
			return policy.Know(policy.Party(p.ID), policy.Source{})
		}
		return policy.Leaf[policy.Party]{}
	}
	who := party(c.Updater.Name)
	if !who.Known {
		switch c.Updater.Value {
		case telematics.UpdaterMaker:
			who = maker
		case telematics.UpdaterTier1:
			who = party(c.TCUMaker)
		case telematics.UpdaterModuleMaker:
			who = k.Maker
		}
	}
	if who.Known {
		k.Updater = policy.Know(who.Value, leaf(c.Updater).From)
	}
}

// leaf turns what sources tell into a fact.
func leaf(t telematics.Told) policy.Leaf[string] {
	if t.Value == "" || len(t.Sources) == 0 {
		return policy.Leaf[string]{}
	}
	from := source(t.Sources[0])
	from.Title = t.Because
	return policy.Know(t.Value, from)
}

// capabilities fills in what the catalogue says that the vehicle can record;
// what is known already stays.
func capabilities(known policy.CapabilityFacts, can telematics.Capabilities) policy.CapabilityFacts {
	for _, c := range [...]struct {
		to  *policy.Leaf[bool]
		can telematics.Fitted
	}{{&known.CameraOutside, can.CameraOutside}, {&known.CameraInside, can.CameraInside}, {&known.Microphone, can.Microphone}, {&known.GNSS, can.GNSS}, {&known.Sentry, can.Sentry}} {
		if !c.to.Known {
			*c.to = fitted(c.can)
		}
	}
	return known
}
