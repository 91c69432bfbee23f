package view

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/rf"
	"sallyport/rf/privacy"
)

// Radio is the page of what the air says at one lane: the levels of the last
// minutes around the stop, what was attributed to the vehicle and why, and how
// the sensors are. It holds no address; nothing on it acts.
type Radio struct {
	Base
	LaneID   string
	Name     string
	At, From time.Time // of the picture

	Live     bool           // no impact assessment is named: what is heard enters no verdict and no record
	Raised   string         // outcome to which the air raised the verdict that stands at the line; empty: it did not
	Reason   string         // the first reason of it
	Vehicles []RadioVehicle // newest first
	Sensors  []Sensor
	Health   Health
	Line     Timeline
	Slots    []Slot
	Rows     []SlotRow

	law          AirLaw
	SeesLane     bool // this person may open the lane's screen
	SeesPassages bool // likewise past passages
}

func (Radio) template() string { return "radio" }

// Recent are the vehicles that are told of in words.
func (r *Radio) Recent() []RadioVehicle { return r.Vehicles[:min(len(r.Vehicles), recent)] }

const recent = 2

// RadioVehicle is one vehicle's stay and what was attributed to it.
type RadioVehicle struct {
	Passage  string
	Heading  string
	From, To time.Time
	Here     bool // at the line
	Pending  bool // it left, and will be weighed again
	Sensed   bool // a sensor was alive during the stay
	Hotspot  bool // a vehicle's own radio was attributed surely enough
	Emitters []Emitter
	More     string // emitters that are attributed and not listed, counted in words; empty: none
	Others   string // emitters that are not attributed, counted in words
	Uplink   string // in words
	Busy     bool   // the uplink was
	Bands    []Band
	Changed  []string // what is thought otherwise since it left
	Earlier  string   // emitters known from earlier visits, in words; empty: none
	Claims   []Citation
}

// Band is the uplink of one cellular band.
type Band struct {
	Name    string
	Belongs string // the probability that something in the vehicle used it, as a word
	Percent string
}

// Emitter is one emitter attributed to a vehicle.
type Emitter struct {
	Kind      string
	Says      []string // what it tells of who made it and what it is
	Belongs   string   // the probability as a word
	Percent   string
	Heard     string // for how long and how loud
	Otherwise string // what else would explain it
	Use       string // what it may do: raise a question, or why not
	Asks      bool   // it may raise a question
	Also      string // how many more say the same, in words; empty: none
	also      int
}

// alike tells whether two emitters say the same of themselves. A wheel's
// pressure is its own, so that the wheels of one vehicle stay apart.
func (e Emitter) alike(o Emitter) bool { return e.Kind == o.Kind && slices.Equal(e.Says, o.Says) }

// emittersShown bounds the list of one vehicle: a bus full of telephones, or a
// sensor that makes addresses up, must not bury what matters, which stands first.
const emittersShown = 12

// The least probability of an attribution, and of one that a claim may rest on.
const (
	attributed = 0.5
	sureEnough = 0.9
)

// NewRadio makes the page of a lane.
func NewRadio(b Base, lr gate.LaneRadio, lv gate.LaneView, law AirLaw, say Say) *Radio {
	r := &Radio{Base: b, law: law, LaneID: string(lr.Lane), Name: lr.Name, Live: lr.Live, At: lr.At.Truncate(time.Second)}
	if r.Name == "" {
		r.Name = r.LaneID
	}
	r.From = r.At.Add(-gate.RadioSpan * time.Second)
	for i, v := range slices.Backward(lr.Vehicles) {
		if len(r.Vehicles) < recent {
			r.Vehicles = append(r.Vehicles, r.vehicle(v, i == len(lr.Vehicles)-1))
		} else { // its stay alone is drawn
			r.Vehicles = append(r.Vehicles, RadioVehicle{From: v.From, To: v.To, Here: v.To.IsZero()})
		}
	}
	if p := lv.Passage; p != nil && lv.Durable && lv.Again == "radio" {
		v := p.Result.Verdict
		r.Raised = outcomeName(v.Outcome)
		if rs := r.reasons(v.Hash, v.Reasons, say); len(rs) > 0 {
			r.Reason = rs[0].Say
		}
	}
	r.Sensors, r.Health = r.sensors(lr)
	r.Line = r.timeline(lr)
	r.Slots, r.Rows = r.slots(lr)
	return r
}

func (r *Radio) vehicle(v gate.RadioVehicle, last bool) RadioVehicle {
	f := v.Finding
	out := RadioVehicle{
		Passage: string(v.Passage), From: v.From, To: v.To, Here: v.To.IsZero(), Sensed: f.Sensed,
		Pending: !v.To.IsZero() && !v.Final, Hotspot: f.HotspotHeard,
	}
	switch {
	case out.Here:
		out.Heading = r.T("radio.vehicle.here", r.Words.Clock(v.From))
	case last:
		out.Heading = r.T("radio.vehicle.last", r.Words.Clock(v.From), r.Words.Clock(v.To))
	default:
		out.Heading = r.T("radio.vehicle.before", r.Words.Clock(v.From), r.Words.Clock(v.To))
	}
	mine := slices.DeleteFunc(slices.Clone(f.Emitters), func(h rf.Heard) bool { return h.Probability < attributed })
	slices.SortStableFunc(mine, func(x, y rf.Heard) int {
		return cmp.Or(truthFirst(x.Automotive(), y.Automotive()), cmp.Compare(y.Probability, x.Probability))
	})
	told := 0
	for _, h := range mine {
		e := r.emitter(h)
		// Those that say the same follow the likeliest of them in one row.
		if i := slices.IndexFunc(out.Emitters, e.alike); i >= 0 {
			out.Emitters[i].also++
			told++
		} else if len(out.Emitters) < emittersShown {
			out.Emitters = append(out.Emitters, e)
			told++
		}
	}
	for i, e := range out.Emitters {
		if e.also > 0 {
			out.Emitters[i].Also = r.Words.N("radio.also", e.also)
		}
	}
	if n := f.Heard - told; n > 0 {
		out.More = r.Words.N("radio.more", n)
	}
	switch {
	case f.Unattributed > 0:
		out.Others = r.Words.N("radio.others", f.Unattributed)
	case f.Sensed:
		out.Others = r.T("radio.others.none")
	}
	out.Uplink = r.T("radio.uplink.quiet")
	switch {
	case f.Cellular:
		out.Uplink = r.T("radio.uplink.busy")
	case !f.Sensed:
		out.Uplink = r.T("radio.uplink.deaf")
	}
	for _, x := range v.Bands {
		out.Bands = append(out.Bands, Band{Name: x.Band, Belongs: r.T("radio.sure." + sureness(x.Probability)), Percent: r.percent(x.Probability)})
	}
	if v.Earlier > 0 {
		out.Earlier = r.Words.N("radio.earlier", v.Earlier)
	}
	for _, c := range v.Changed {
		out.Changed = append(out.Changed, r.K("radio.changed.", c))
	}
	for _, s := range f.Sources {
		out.Claims = append(out.Claims, Citation{Title: s.Claim, Address: s.Address, Date: s.Date})
	}
	return out
}

func truthFirst(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	}
	return 1
}

func (r *Radio) emitter(h rf.Heard) Emitter {
	e := Emitter{
		Kind: r.K("radio.kind.", h.Kind), Says: r.says(h),
		Belongs: r.T("radio.sure." + sureness(h.Probability)), Percent: r.percent(h.Probability),
		Heard: r.T("radio.not.heard"), Otherwise: r.T("radio.otherwise.none"),
	}
	if h.Role != "" {
		e.Kind += ", " + r.K("radio.role.", h.Role)
	}
	if h.Seconds > 0 {
		e.Heard = r.Words.N("radio.seconds", h.Seconds)
		if h.Level != rf.NoLevel && h.LoudestDBm != 0 {
			e.Heard += ", " + r.T("radio.strip.loudest", r.level(h.LoudestDBm, h.Level))
		}
	}
	switch {
	case h.Otherwise != "":
		e.Otherwise = fmt.Sprintf("%s (%s)", r.K("radio.otherwise.", h.Otherwise), r.percent(h.OtherwiseP))
	case h.Probability >= sureEnough:
		e.Otherwise = r.T("radio.otherwise.little") // explanations that come to nothing are not told
	}
	switch {
	case r.Live:
		e.Use = r.T("radio.use.live")
	case !h.Automotive():
		e.Use = r.T("radio.use.mixed")
	case h.Probability < sureEnough:
		e.Use = r.T("radio.use.unsure")
	default:
		e.Use, e.Asks = r.T("radio.use.asks"), true
	}
	return e
}

// says is what an emitter tells of who made it and what it is.
func (r *Radio) says(h rf.Heard) []string {
	var out []string
	if h.NameFits != nil {
		out = append(out, r.T("radio.says.name", h.NameFits.Make))
	}
	if h.Prefix != "" {
		who := h.Maker
		if h.Organisation != "" && !strings.EqualFold(h.Organisation, h.Maker) {
			who = strings.TrimPrefix(who+", "+h.Organisation, ", ")
		}
		key := "radio.says.prefix"
		if h.Derived {
			key = "radio.says.derived"
		}
		out = append(out, r.T(key, h.Prefix, who))
	}
	if h.Company != nil {
		out = append(out, r.T("radio.says.company", fmt.Sprintf("0x%04X", h.Company.ID), h.Company.Name))
	}
	if len(h.Models) > 0 {
		out = append(out, r.T("radio.says.protocol", strings.Join(h.Models[:min(len(h.Models), 4)], ", ")))
	}
	if h.Pressure.Known {
		out = append(out, r.T("radio.says.pressure", r.Words.Decimal(h.Pressure.Value, 0)))
	}
	if h.WidthCM > 0 || h.LengthCM > 0 {
		out = append(out, r.T("radio.says.size", r.Words.Decimal(float64(h.LengthCM)/100, 2), r.Words.Decimal(float64(h.WidthCM)/100, 2)))
	}
	if len(out) == 0 {
		out = append(out, r.T("radio.says.nothing"))
	}
	return out
}

// sureness is the word of a probability.
func sureness(p float64) string {
	switch {
	case p >= 0.99:
		return "almost"
	case p >= sureEnough:
		return "very"
	case p >= 0.7:
		return "likely"
	case p >= attributed:
		return "rather"
	}
	return "hardly"
}

// percent writes a probability, never as certainty: the model behind it does
// not know the third digit.
func (b Base) percent(p float64) string {
	switch {
	case p > 0.99:
		return ">\u00a099\u00a0%"
	case p < 0.01:
		return "<\u00a01\u00a0%"
	}
	// Rounded down: 89.7 % is not what the word for 90 % says.
	return b.Words.Decimal(math.Floor(p*100+1e-9), 0) + "\u00a0%"
}

// Sensor is one sensor as people read of it.
type Sensor struct {
	Name    string // with the place in the lane
	Heard   string // as its observations name it, where that is another
	Source  string
	State   string // as gate.SensorHealth.State
	Shape   string // of the state: grant, flag, none
	Words   string // of the state
	Trouble string // as its driver says, in English

	Last     string // in words; empty: never
	Rate     string
	Accepted string
	Refused  []Refused
	Dropped  string
	Lost     string
	Repeats  string // empty: none
	Clock    string // in words
	ClockBad bool
}

// Refused is how many observations were refused for one reason.
type Refused struct {
	Words   string
	English bool // the words are a driver's own, in no language of the page
	Count   string
}

// Health is how the sensors of a lane, or of all, are: in one line.
type Health struct {
	Shape string // grant: all report; flag: at least one does not; none: no sensor, or none that was due yet
	Words string
}

func (r *Radio) sensors(lr gate.LaneRadio) ([]Sensor, Health) {
	out := make([]Sensor, 0, len(lr.Sensors))
	for _, s := range lr.Sensors {
		out = append(out, r.sensor(s, lr.At))
	}
	return out, r.health(lr.Sensors)
}

// health counts those that report: one whose clock is wrong reports nothing
// that can be used.
func (b Base) health(all []gate.SensorHealth) Health {
	var alive, bad int
	for _, s := range all {
		switch s.State {
		case gate.SensorAlive:
			alive++
		case gate.SensorNew:
		default:
			bad++
		}
	}
	switch {
	case len(all) == 0:
		return Health{"none", b.T("radio.health.none")}
	case bad > 0:
		return Health{"flag", b.Words.N("radio.health.bad", bad, len(all))}
	case alive == len(all):
		return Health{"grant", b.Words.N("radio.health.good", alive)}
	}
	return Health{"none", b.T("radio.health.new")}
}

func (b Base) sensor(s gate.SensorHealth, now time.Time) Sensor {
	out := Sensor{
		Name: s.Name, Source: b.T("sensor.source.none"), State: s.State, Shape: "flag", Words: b.K("sensor.state.", s.State),
		Trouble:  s.Trouble,
		Rate:     b.T("sensor.rate", b.rate(s.Rate60), b.rate(s.Rate1)),
		Accepted: b.Words.Count(s.Accepted), Dropped: b.Words.Count(s.Dropped), Lost: b.Words.Count(s.Lost),
	}
	if s.Repeats > 0 {
		out.Repeats = b.Words.Count(s.Repeats)
	}
	if s.Heard != s.Name {
		out.Heard = s.Heard
	}
	if s.Place != "" {
		out.Name += ", " + b.K("sensor.place.", s.Place)
	}
	if s.Source != "" {
		out.Source = b.K("sensor.source.", s.Source)
	}
	switch s.State {
	case gate.SensorAlive:
		out.Shape = "grant"
	case gate.SensorNew:
		out.Shape = "none"
	case gate.SensorSilent:
		if !s.SilentSince.IsZero() {
			out.Words = b.T("sensor.state.since", b.Words.Clock(s.SilentSince))
		}
	}
	if !s.LastHeard.IsZero() {
		out.Last = b.T("sensor.last", b.Words.Ago(now.Sub(s.LastHeard)))
	}
	for reason, n := range s.Refused {
		if n == 0 {
			continue
		}
		x := Refused{Words: reason, English: true, Count: b.Words.Count(n)}
		class, profile, byLaw := strings.Cut(reason, ": only counted by the rules of ")
		key := "refused.by.counted"
		if !byLaw {
			class, profile, byLaw = strings.Cut(reason, ": refused by the rules of ")
			key = "refused.by.refused"
		}
		switch {
		case byLaw:
			x.Words, x.English = b.T(key, b.K("law.class.", class), b.K("law.land.", profile)), false
		case b.Words.Has("refused." + reason):
			x.Words, x.English = b.T("refused."+reason), false
		}
		out.Refused = append(out.Refused, x)
	}
	slices.SortFunc(out.Refused, func(x, y Refused) int { return cmp.Compare(x.Words, y.Words) })
	out.Clock, out.ClockBad = b.clockWords(s.Clock)
	return out
}

// rate writes observations a second: fewer than ten with a digit after the mark.
func (b Base) rate(v float64) string {
	if v > 0 && v < 9.95 {
		return b.Words.Decimal(v, 1)
	}
	return b.Words.Count(uint64(max(0, v) + 0.5))
}

// clockWords is the verdict on a sensor's clock.
func (b Base) clockWords(c gate.SensorClock) (words string, bad bool) {
	way, off := "ahead", c.Median
	if off < 0 {
		way, off = "behind", -off
	}
	span := b.span(off)
	switch c.Trust {
	case gate.ClockGood:
		if off < 0.05 {
			return b.T("sensor.clock.good"), false
		}
		return b.T("sensor.clock.good."+way, span), false
	case gate.ClockOff:
		if off < c.Spread {
			return b.T("sensor.clock.unsteady", b.span(c.Spread)), true
		}
		return b.T("sensor.clock.off."+way, span), true
	case gate.ClockWrong:
		return b.T("sensor.clock.wrong."+way, span), true
	}
	return b.T("sensor.clock.unknown"), false
}

// span writes a length of time in the coarsest unit that still tells something.
func (b Base) span(seconds float64) string {
	switch {
	case seconds < 100:
		return b.Words.Decimal(seconds, 1) + "\u00a0s"
	case seconds < 100*60:
		return b.Words.Decimal(seconds/60, 0) + "\u00a0min"
	case seconds < 48*3600:
		return b.Words.Decimal(seconds/3600, 0) + "\u00a0h"
	case seconds < 2*365*24*3600:
		return b.Words.N("span.day", int(seconds/(24*3600)))
	}
	return b.Words.N("span.year", int(seconds/(365.25*24*3600)))
}

// Sensors is the page of the health of all sensors, and of what the site may
// hear.
type Sensors struct {
	Base
	At     time.Time
	Health Health
	Lanes  []SensorLane
	Law    AirLaw
}

func (Sensors) template() string { return "sensors" }

// SensorLane is the sensors of one lane.
type SensorLane struct {
	Base
	LaneID, Name string
	Sensors      []Sensor
}

// NewSensors makes the page of all lanes.
func NewSensors(b Base, lanes []gate.LaneRadio, law AirLaw) *Sensors {
	p := &Sensors{Base: b, At: b.Now, Law: law}
	var all []gate.SensorHealth
	for _, lr := range lanes {
		l := SensorLane{Base: b, LaneID: string(lr.Lane), Name: lr.Name}
		if l.Name == "" {
			l.Name = l.LaneID
		}
		for _, s := range lr.Sensors {
			l.Sensors = append(l.Sensors, b.sensor(s, lr.At))
		}
		p.Lanes, all = append(p.Lanes, l), append(all, lr.Sensors...)
	}
	p.Health = b.health(all)
	return p
}

// AirLaw is what the site's jurisdiction lets it do with what is in the air.
type AirLaw struct {
	Named      bool   // the site names its jurisdiction
	Asked      string // that, or the one that holds without one
	Profile    string // the one whose rules are in force
	Classes    []AirClass
	Quotes     []Citation // what the rules rest on, each once
	Assessment string     // reference of the data-protection impact assessment; empty: none is recorded
	Keeps      bool       // pseudonyms are kept under it
}

// AirClass is one class of broadcast under that law.
type AirClass struct {
	Class     string // as privacy.Class
	Treatment string // kept, heard, counted, refused
	Verified  bool   // the source is of this jurisdiction and speaks of the matter
	Why       string // in English
	Source    Citation
}

// NewAirLaw tells what the rules of a jurisdiction, which the site has named or
// not, and an assessment allow, and whether the site makes use of it and keeps
// pseudonyms.
func NewAirLaw(rules *privacy.Rules, named bool, assessment string, keeps bool) AirLaw {
	a := AirLaw{Named: named, Asked: rules.Asked, Profile: rules.Profile, Assessment: assessment, Keeps: keeps && assessment != ""}
	for _, r := range rules.All() {
		c := Citation{Address: r.Source, Date: r.Date, Quote: r.Quote}
		a.Classes = append(a.Classes, AirClass{Class: r.Class.String(), Treatment: r.Treatment.String(), Verified: r.Verified, Why: r.Why, Source: c})
		if !slices.Contains(a.Quotes, c) {
			a.Quotes = append(a.Quotes, c)
		}
	}
	return a
}

// Decided says whether the rules of a jurisdiction are in force.
func (a AirLaw) Decided() bool { return a.Profile != "" }

// Borrowed says that the site's own jurisdiction has no rules here, and the
// strictest of the others' hold.
func (a AirLaw) Borrowed() bool {
	return a.Asked != a.Profile && (a.Asked != "GB" || a.Profile != "UK")
}

// deaf says that nothing of a kind is taken notice of: at most it is counted.
func (a AirLaw) deaf(k rf.Kind) bool {
	some := false
	for _, c := range a.Classes {
		// The names are attributes of what is heard, no broadcasts of their own.
		if kind, rest, _ := strings.Cut(c.Class, "-"); kind == string(k) && rest != "name" {
			if c.Treatment == "heard" || c.Treatment == "kept" {
				return false
			}
			some = true
		}
	}
	return some
}
