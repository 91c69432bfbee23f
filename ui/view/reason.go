package view

import (
	"fmt"
	"slices"

	"sallyport/policy"
)

// Say gives the words of a rule, or of a condition, in a language, as the policy
// of that hash has them: another version may mean something else by the same id.
// It is empty when there are none.
type Say func(policy, id, lang string) string

// Reason is one rule's say as a page shows it.
type Reason struct {
	Rule       string
	Outcome    string // grant, flag, deny
	Open       bool
	Say        string // the policy's words in the page's language, else Because
	Because    string // the policy's English sentence naming the facts; empty when it is Say
	Evidence   []Citation
	Instrument *Citation
}

// reasons tells each rule's say. A rule that spoke only because a fact is not
// known must not sound as if the fact were.
func (b Base) reasons(hash string, rs []policy.Reason, say Say) []Reason {
	out := make([]Reason, 0, len(rs))
	for _, r := range rs {
		v := Reason{Rule: r.Rule, Outcome: outcomeName(r.Outcome), Open: r.Open, Because: r.Because}
		if say != nil {
			v.Say = say(hash, r.Rule, b.Lang())
		}
		if v.Say == "" {
			v.Say, v.Because = r.Because, ""
		} else if r.Open {
			v.Say = b.T("why.open.say", v.Say)
		}
		first, ok := cite(policy.Source{Address: r.Source, Quote: r.Quote, Date: r.Date})
		in, some := cite(r.Instrument)
		for _, s := range r.Evidence {
			c, some := cite(s)
			if !some || c == in || slices.Contains(v.Evidence, c) {
				continue
			}
			if c.Address == first.Address && c.Quote == first.Quote {
				ok = false // the deciding source is told in full here
			}
			v.Evidence = append(v.Evidence, c)
		}
		if some {
			v.Instrument = &in
			ok = ok && in.Address != first.Address
		}
		if ok {
			v.Evidence = append([]Citation{first}, v.Evidence...)
		}
		out = append(out, v)
	}
	return out
}

// asks says what would settle the open questions. The policy's own words are
// English; other languages have theirs by the fact that is asked for.
func (b Base) asks(qs []policy.OpenQuestion) []string {
	var out []string
	for _, q := range qs {
		key, about := "ask."+q.Fact, b.Words.Or("unit."+q.Unit, q.Unit)
		if q.About != "" {
			key, about = "ask.supply", q.About
		}
		if b.Lang() == "en" || !b.Words.Has(key) {
			out = append(out, q.Ask)
			continue
		}
		out = append(out, b.T(key, about))
	}
	return out
}

// conditions are a verdict's conditions in the page's language.
func (b Base) conditions(v policy.Verdict) []string {
	out := slices.Clone(v.Conditions)
	for i, id := range v.ConditionIDs {
		if b.Condition == nil || i >= len(out) {
			break
		}
		if words := b.Condition(v.Hash, id, b.Lang()); words != "" {
			out[i] = words
		}
	}
	return out
}

// offices are those that get a work item.
func (b Base) offices(v policy.Verdict) []string {
	var out []string
	for _, w := range v.WorkItems {
		out = append(out, b.Words.Or("office."+w, w))
	}
	return out
}

// Fact is one fact with its source.
type Fact struct {
	Name   string // as rules call it
	Value  string
	Known  bool
	Source *Citation
}

func fact[T any](name string, l policy.Leaf[T]) Fact {
	f := Fact{Name: name, Known: l.Known}
	if l.Known {
		f.Value = toString(l.Value)
	}
	if c, ok := cite(l.From); ok {
		f.Source = &c
	}
	return f
}

func edition(name, value string) Fact { return Fact{Name: name, Value: value, Known: value != ""} }

// facts lists every leaf by the name that rules use.
func facts(f policy.Facts) []Fact {
	return []Fact{
		fact("vehicle.vin", f.Vehicle.VIN),
		fact("vehicle.make", f.Vehicle.Make),
		fact("vehicle.model", f.Vehicle.Model),
		fact("vehicle.model_year", f.Vehicle.ModelYear),
		fact("vehicle.type", f.Vehicle.Type),
		fact("vehicle.built_in", f.Vehicle.BuiltIn),
		fact("vehicle.wmi_country", f.Vehicle.WMICountry),
		fact("vehicle.weight_kg", f.Vehicle.WeightKg),
		fact("vehicle.weight_at_least_kg", f.Vehicle.WeightLeastKg),
		fact("vehicle.maker", f.Vehicle.Maker),
		fact("modem", f.Modem),
		fact("capability.camera_outside", f.Capabilities.CameraOutside),
		fact("capability.camera_inside", f.Capabilities.CameraInside),
		fact("capability.microphone", f.Capabilities.Microphone),
		fact("capability.gnss", f.Capabilities.GNSS),
		fact("capability.recording_off", f.Capabilities.RecordingOff),
		fact("registration.class", f.Registration.Class),
		fact("arrival.on_call", f.Arrival.OnCall),
		fact("arrival.pass", f.Arrival.Pass),
		fact("arrival.inside_already", f.Arrival.InsideAlready),
		fact("arrival.plate_differs", f.Arrival.PlateDiffers),
		fact("arrival.seen_elsewhere", f.Arrival.SeenElsewhere),
		fact("arrival.watch_listed", f.Arrival.WatchListed),
		fact("arrival.label_differs", f.Arrival.LabelDiffers),
		fact("arrival.pass_refused", f.Arrival.PassRefused),
		fact("radio.sensed", f.Radio.Sensed),
		fact("radio.hotspot_heard", f.Radio.HotspotHeard),
		fact("radio.heard_maker", f.Radio.HeardMaker),
		fact("radio.cellular", f.Radio.Cellular),
		fact("radio.heard_make", f.Radio.HeardMake),
		fact("radio.contradiction", f.Radio.Contradiction),
		fact("radio.tesla_name_matches", f.Radio.TeslaNameMatches),
		fact("radio.tyre_protocol_differs", f.Radio.TyreProtocol),
		fact("radio.dimensions_differ", f.Radio.Dimensions),
		fact("radio.uplink_without_modem", f.Radio.UplinkWithoutModem),
		fact("site.zone", f.Site.Zone),
		fact("site.market", f.Site.Market),
		fact("site.posture", f.Site.Posture),
		fact("data.catalogue_age_days", f.Data.CatalogueAgeDays),
		fact("data.supply_age_days", f.Data.SupplyAgeDays),
		edition("data.vpic_edition", f.Data.VPICEdition),
		edition("data.catalogue_edition", f.Data.CatalogueEdition),
		edition("data.supply_edition", f.Data.SupplyEdition),
	}
}

// Module is one candidate module of a unit.
type Module struct {
	Unit, Maker, Model, Basis string
	Certainty                 int
	Sources                   []Citation
}

func modules(units []policy.Unit) []Module {
	var out []Module
	for _, u := range units {
		for _, c := range u.Candidates {
			m := Module{Unit: u.Role, Maker: c.MakerName, Model: c.Model.Value, Basis: c.Basis, Certainty: int(c.Certainty)}
			if u.Name != "" {
				m.Unit = u.Name
			}
			for _, s := range c.Sources {
				if q, ok := cite(s); ok {
					m.Sources = append(m.Sources, q)
				}
			}
			out = append(out, m)
		}
	}
	return out
}

func toString(v any) string {
	return fmt.Sprint(v)
}

// Evidence is one thing that the air said of the vehicle.
type Evidence struct {
	Code, Says, Against, Strength string
	Percent                       int // that its emitter was the vehicle's
	Contradicts                   bool
	Explains                      []string // words for what else would explain it
	Source                        *Citation
}

// evidence tells what the air said, the weightiest first.
func evidence(f policy.RadioFacts) []Evidence {
	var out []Evidence
	for _, e := range f.Evidence {
		v := Evidence{
			Code: e.Code, Says: e.Says, Against: e.Against, Strength: e.Strength, Contradicts: e.Contradicts, Explains: e.Explains,
			Percent: int(100 * e.Probability), // down: what is said to be sure is
		}
		from := e.From
		from.Quote = "" // it is Says
		if c, ok := cite(from); ok {
			v.Source = &c
		}
		out = append(out, v)
	}
	return out
}

// Finding is one thing that the site's own lists say of who presents itself. Says
// and Do stand as they were written.
type Finding struct {
	Code string // find.CODE are its words
	Says string
	Do   string // what the guard is to do; empty is nothing of its own
	Hint bool

	Source   *Citation  // the site's own list, and of when
	Evidence []Citation // what else it rests on
}

func findings(f policy.ArrivalFacts) []Finding {
	var out []Finding
	for _, x := range f.Findings {
		v := Finding{Code: x.Code, Says: x.Says, Do: x.Do, Hint: x.Hint}
		from := x.From
		from.Quote = "" // it is Says
		if c, ok := cite(from); ok {
			v.Source = &c
		}
		for _, s := range x.Evidence {
			if c, ok := cite(s); ok && !slices.Contains(v.Evidence, c) {
				v.Evidence = append(v.Evidence, c)
			}
		}
		out = append(out, v)
	}
	return out
}
