package privacy

import (
	"sallyport/rf"
)

// Filter applies the rules of one jurisdiction. It does not change, and may be
// used concurrently.
type Filter struct {
	rules    *Rules
	prefixes *rf.Prefixes
	reasons  [classes]string
}

// Reasons that no jurisdiction changes.
const notKnown = "a kind that is not known"

// NewFilter makes the filter of a jurisdiction. The patterns of vehicles' names
// are those of prefixes.
func NewFilter(jurisdiction string, prefixes *rf.Prefixes) (*Filter, error) {
	r, err := RulesOf(jurisdiction)
	if err != nil {
		return nil, err
	}
	f := &Filter{rules: r, prefixes: prefixes}
	f.reasons[NoClass] = notKnown
	for c := Class(1); c < classes; c++ {
		switch r.rules[c].Treatment {
		case Refused:
			f.reasons[c] = c.String() + ": refused by the rules of " + r.Profile
		case Counted:
			f.reasons[c] = c.String() + ": only counted by the rules of " + r.Profile
		case Heard, Kept:
		}
	}
	return f, nil
}

// Rules are those that the filter applies.
func (f *Filter) Rules() *Rules { return f.rules }

// Admit tells whether the site may take notice of an observation, and takes
// from one that it may what its class must not carry. The reason names the
// class and the profile, nothing of the observation.
func (f *Filter) Admit(o *rf.Observation) (reason string, ok bool) {
	c := ClassOf(o)
	if reason := f.reasons[c]; reason != "" {
		return reason, false
	}
	if o.SSID != "" && (c != WiFiAP || !f.fits(WiFiName, o.SSID)) {
		o.SSID = ""
	}
	if o.Name != "" && (o.Kind != rf.BLE || !f.fits(BLEName, o.Name)) {
		o.Name = ""
	}
	switch o.Kind {
	case rf.WiFi:
		o.Company, o.Address = 0, ""
	case rf.BLE:
		o.Role = ""
	case rf.Cell:
		o.Emitter = ""
		fallthrough
	default:
		o.Role, o.Company, o.Address = "", 0, ""
	}
	if o.Kind != rf.TPMS {
		o.Model, o.Pressure = "", rf.Quantity{}
	}
	if o.Kind != rf.V2X {
		o.WidthCM, o.LengthCM = 0, 0
	}
	if o.Kind != rf.Cell {
		o.Band = ""
	}
	return "", true
}

// fits tells whether a name may be heard at all and is a vehicle's.
func (f *Filter) fits(c Class, name string) (ok bool) {
	if f.rules.rules[c].Treatment < Heard {
		return false
	}
	if c == WiFiName {
		_, ok = f.prefixes.SSIDMake(name)
	} else {
		_, ok = f.prefixes.BLEName(name)
	}
	return ok
}

// Keeps tells whether a pseudonym of the emitter may be kept with a vehicle's
// record.
func (f *Filter) Keeps(o *rf.Observation) (Class, bool) {
	c := ClassOf(o)
	return c, o.Emitter != "" && f.rules.rules[c].Treatment == Kept
}
