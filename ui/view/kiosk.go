package view

import (
	"strconv"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/policy"
)

// silentAfter is how long a lane's sensors may hear nothing before the screen
// says that they are silent.
const silentAfter = 2 * time.Minute

// Kiosk is the screen of one lane. The regions status, verdict and acts are
// rendered from it again with every change of the lane.
type Kiosk struct {
	Base
	LaneID  string
	Name    string
	Zone    int
	TurnOut string
	State   gate.State
	Since   time.Time
	Version uint64

	Passage  string // id of the passage at the line; empty for none
	Decision int    // of it that is shown
	Again    string // why it was decided again, in words; empty where it was not
	Verdict  bool   // a recorded verdict is shown
	Outcome  string // grant, flag, deny; empty without a verdict
	Presumed bool
	Vehicle  Vehicle
	First    string // the first reason in one plain sentence
	Next     string // what to do now
	Reasons  []Reason
	Lifted   []Reason
	Found    []Finding  // what the site's lists say of the vehicle
	Air      []Evidence // what the air said of the vehicle, with what else each may be
	Open     []string
	Conds    []string
	Work     []string

	Primary *Act
	Others  []Act

	Notice  string // fault in words; empty is none
	Radio   string // state of the sensors in words
	RadioOK bool
	Arm     string
	Inbound int
	LastEnd string

	Choices []Choice // reasons for letting a vehicle in against the verdict
	Signers []string // who can be the second person with a PIN; none: by password
	Holder  string   // who has the lane; empty: nobody
	Sheet   string   // the paper form that comes next, in manual procedure; empty: none is printed
	Alarm   string   // the lane's alarm that nobody took note of, in words; empty is none
	Ring    int      // the newest of those alarms; 0: none

	Ordered  string   // who closed the lane, or ordered what it is in, and when, in words
	Warnings []string // about the vehicle that is there, or was there last, in words
	Way      string   // the direction, in words, where it is not always entry
	Behind   *Behind  // in a tandem lane, the vehicle behind the one at the line

	SeesRadio bool   // this person may open the page of what the air says here
	Watch     bool   // the page of the lane's watch is there
	Stays     bool   // this person may open the list of who is inside
	Inspects  bool   // this person may look into vehicles
	Working   bool   // this person may bring in vehicles and act
	Post      string // where acts go in training; empty: to the lane
	Problem   string // why the last form was refused
	VIN       string // what was typed into it
	Plate     string
	Class     string
}

func (Kiosk) template() string { return "kiosk" }

// Vehicle is the vehicle in a line.
type Vehicle struct {
	Title    string // make, model, year
	VIN      string // in groups of 3, 6, 8
	Plate    string
	BuiltIn  string
	Problems []string
}

// Act is one thing the guard may do now.
type Act struct {
	Kind       gate.ActKind
	Label      string
	Hint       string
	Tone       string // go, look, stop, calm
	Reason     bool   // asks why
	Supervisor bool   // asks for the second person
}

// OnCall is the choice that says of an emergency vehicle that it is on a call.
const OnCall = "emergency-on-call"

// Classes are the classes offered for choice; the empty one is not known.
func (Kiosk) Classes() []policy.Class {
	return []policy.Class{"", policy.ClassPrivate, policy.ClassGovernment, policy.ClassContractor,
		policy.ClassEmergency, OnCall, policy.ClassMilitary, policy.ClassDiplomatic, policy.ClassAllied}
}

// Keys are those of the on-screen keypad: a VIN has no I, O or Q (ISO 3779).
func (Kiosk) Keys() []string { return strings.Split("1234567890ABCDEFGHJKLMNPRSTUVWXYZ", "") }

// Settled says that the guard has acted on the verdict shown.
func (k Kiosk) Settled() bool { return k.Verdict && k.State != gate.Waiting }

// Waits says that a vehicle stands at the line of which more may be read.
func (k Kiosk) Waits() bool { return k.State == gate.Waiting && k.Passage != "" }

// Overruled says that a person let the vehicle in against the verdict shown.
func (k Kiosk) Overruled() bool {
	return k.State == gate.Admitting && k.Verdict && k.Outcome != "grant"
}

// AtDesk says that what can be done now is done to the lane, on the page of its
// watch.
func (k Kiosk) AtDesk() bool {
	return k.State == gate.Egress || k.State == gate.OutOfService || k.State == gate.Manual && k.Ordered != ""
}

// ActAt is where the forms of acts go.
func (k Kiosk) ActAt() string {
	if k.Post != "" {
		return k.Post
	}
	return "/lane/" + k.LaneID + "/act"
}

// ToInspect says that the vehicle was sent to inspection and may be looked into.
func (k Kiosk) ToInspect() bool { return k.Inspects && k.State == gate.Redirected && k.Passage != "" }

// ToIdentify says that somebody comes of whom nothing was read yet.
func (k Kiosk) ToIdentify() bool { return k.State == gate.Approaching || k.State == gate.AtLine }

// ReasonCodes are the codes of the offered reasons; "other" needs own words.
func ReasonCodes() []string { return []string{"ordered", "emergency", "checked", "other"} }

// Manual says that no verdict by machine is possible and paper takes over.
func (k Kiosk) Manual() bool { return k.State == gate.Manual }

// Behind is the second vehicle of a tandem lane. It is let in when it has come up,
// and not before.
type Behind struct {
	Passage  string
	Decision int
	Outcome  string
	Vehicle  Vehicle
	First    string
	Acts     []Act
}

// Cue names the sounds of this state: that of the vehicle and, after a bar, the
// number of an alarm. Each part changes exactly when a new sound is due.
func (k Kiosk) Cue() string {
	if k.Ring > 0 {
		return k.cue() + "|" + strconv.Itoa(k.Ring)
	}
	return k.cue()
}

func (k Kiosk) cue() string {
	switch {
	case k.State == gate.Egress:
		return "alarm:egress"
	case k.Manual():
		return "alarm"
	case k.State == gate.Waiting && k.Outcome != "":
		return k.Outcome + ":" + k.Passage + ":" + strconv.Itoa(k.Decision)
	}
	return ""
}

// NewKiosk makes the screen of a lane as it is now.
//
// A verdict is shown only for a passage that is committed: without its record
// the lane must not look as if it had decided.
func NewKiosk(b Base, lv gate.LaneView, say Say) *Kiosk {
	k := &Kiosk{
		Base: b, LaneID: string(lv.Lane), Name: lv.Name, Zone: int(lv.Zone), TurnOut: lv.TurnOut,
		State: lv.State, Since: lv.Since, Version: lv.Version, Arm: lv.Arm, Inbound: lv.Inbound,
		LastEnd: string(lv.LastEnd),
	}
	if k.Name == "" {
		k.Name = k.LaneID
	}
	k.radio(lv.Radio)
	switch lv.Notice {
	case "":
	case gate.NoticeRadioNoDPIA:
		// It lasts for as long as the site is set up so, and is nothing that a
		// guard can act on: a banner would teach not to read banners.
		k.Radio, k.RadioOK = b.T("radio.chip.live"), false
	case gate.NoticeDevice:
		if k.Notice = b.faults(lv.Devices); k.Notice == "" {
			k.Notice = b.T("notice.device")
		}
	case gate.NoticeArm:
		k.Notice = b.faultOf(lv.ArmFault, "arm")
		if lv.ArmFault == "" {
			k.Notice = b.T("notice.arm")
		}
	default:
		k.Notice = b.Words.Or("notice."+lv.Notice, lv.Notice)
	}
	shown := lv.State == gate.Waiting || lv.State == gate.Admitting || lv.State == gate.Refusing || lv.State == gate.Redirected
	if p := lv.Passage; p != nil {
		k.Passage, k.Decision = string(p.ID), lv.Decision
		k.Vehicle = k.vehicle(p)
		if lv.Durable && shown && outcomeName(p.Result.Verdict.Outcome) != "" {
			k.verdict(p.Result.Verdict, say)
			k.Air = evidence(p.Result.Facts.Radio)
			k.Found = findings(p.Result.Facts.Arrival)
			if lv.Again != "" {
				k.Again = b.Words.Or("again."+lv.Again, lv.Again)
			}
		}
	}
	k.acts(lv)
	k.Next = k.next(lv)
	k.Choices = b.ReasonChoices(nil)
	k.alarm(lv)
	k.ordered(lv)
	for _, w := range lv.Warnings {
		k.Warnings = append(k.Warnings, b.Words.Or("warn."+w, w))
	}
	if lv.Turns || lv.Direction == gate.DirectionExit {
		k.Way = b.Words.Or("lane.direction."+string(lv.Direction), string(lv.Direction))
	}
	if len(lv.Vehicles) > 1 {
		k.behind(lv.Vehicles[1], say)
	}
	return k
}

// ordered says who ordered what the lane is in.
func (k *Kiosk) ordered(lv gate.LaneView) {
	o := lv.Ordered
	why := ""
	if lv.Closed != "" {
		why = k.Words.Or("lanewhy."+lv.Closed, lv.Closed)
	}
	switch {
	case o == nil && lv.State == gate.OutOfService && why != "":
		k.Ordered = why
	case o == nil:
	case o.By == "":
		k.Ordered = k.T("lane.ordered.input", k.Stamp(o.At))
	case lv.State == gate.Egress || why == "":
		k.Ordered = k.T("lane.ordered", o.By, k.Stamp(o.At))
	default:
		k.Ordered = k.T("lane.ordered.why", o.By, k.Stamp(o.At), why)
	}
}

// behind is the vehicle behind the one at the line, once it is on record.
func (k *Kiosk) behind(v gate.LaneVehicle, say Say) {
	if v.Passage == nil || !v.Durable {
		return
	}
	one := Kiosk{Base: k.Base, State: gate.Waiting, TurnOut: k.TurnOut}
	one.verdict(v.Passage.Result.Verdict, say)
	k.Behind = &Behind{
		Passage: string(v.Passage.ID), Decision: v.Decision, Outcome: one.Outcome, Vehicle: k.vehicle(v.Passage), First: one.First,
	}
	for _, kind := range v.Allowed {
		k.Behind.Acts = append(k.Behind.Acts, one.act(kind))
	}
}

// alarm puts the lane's alarms into one line. One of duress is none of them,
// whoever hands it on. Of a lost device the notice speaks already.
func (k *Kiosk) alarm(lv gate.LaneView) {
	more := 0
	for _, a := range lv.Alarms {
		switch {
		case a.By != "" || a.Kind == gate.AlarmDuress:
			continue
		case a.Kind == gate.AlarmDeviceLost && lv.Notice == gate.NoticeDevice:
		case k.Alarm == "":
			k.Alarm = k.alarmWords(a.Kind, a.Of)
		default:
			more++
		}
		k.Ring = max(k.Ring, a.ID)
	}
	if more > 0 {
		k.Alarm = k.T("alarm.more", k.Alarm, more)
	}
}

func (k *Kiosk) radio(r gate.RadioState) {
	switch {
	case r.Sensors == 0 && len(r.Silent) == 0:
		k.Radio = k.T("radio.none")
	case r.LastHeard.IsZero():
		k.Radio = k.T("radio.never")
	case k.Now.Sub(r.LastHeard) > silentAfter:
		k.Radio = k.T("radio.silent", k.Words.Clock(r.LastHeard))
	case len(r.Silent) > 0:
		k.Radio = k.Words.N("radio.part", len(r.Silent))
	case len(r.Skewed) > 0:
		k.Radio = k.Words.N("radio.skewed", len(r.Skewed))
	case r.Crowded:
		k.Radio = k.T("radio.crowded")
	default:
		k.Radio, k.RadioOK = k.T("radio.on"), true
	}
}

func (k *Kiosk) vehicle(p *gate.Passage) Vehicle {
	v := p.Result.Vehicle
	out := Vehicle{VIN: groupVIN(p.Arrival.VIN), Plate: p.Arrival.Plate, BuiltIn: v.BuiltIn, Problems: v.Problems}
	if p.Result.VIN != "" {
		out.VIN = groupVIN(p.Result.VIN)
	}
	out.Title = vehicleTitle(v)
	if out.Title == "" {
		out.Title = k.T("vin.unknown")
	}
	return out
}

func vehicleTitle(v gate.VehicleView) string {
	parts := make([]string, 0, 3)
	for _, s := range []string{v.Make, v.Model} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if v.ModelYear != 0 {
		parts = append(parts, strconv.Itoa(v.ModelYear))
	}
	return strings.Join(parts, " ")
}

// groupVIN sets a VIN as people read it: maker, description, serial.
func groupVIN(vin string) string {
	if len(vin) != 17 {
		return vin
	}
	return vin[:3] + " " + vin[3:9] + " " + vin[9:]
}

func (k *Kiosk) verdict(v policy.Verdict, say Say) {
	k.Verdict = true
	k.Outcome = outcomeName(v.Outcome)
	k.Presumed = v.Presumed
	k.Reasons = k.reasons(v.Hash, v.Reasons, say)
	k.Lifted = k.reasons(v.Hash, v.Lifted, say)
	k.First = k.T("verdict.none")
	if len(k.Reasons) > 0 {
		k.First = k.Reasons[0].Say
	}
	k.Open = k.asks(v.Open)
	k.Conds, k.Work = k.conditions(v), k.offices(v)
}

// openShown is how many questions stand on the screen itself; the first settles
// most. All of them stand among the reasons. Two are shown where they are what
// the guard needs most, one where a refusal, a misread VIN or conditions are.
func (k Kiosk) openShown() int {
	if k.Outcome == "deny" || len(k.Conds) > 0 || len(k.Vehicle.Problems) > 0 {
		return 1
	}
	return 2
}

// OpenFirst are the questions to show beside the verdict.
func (k Kiosk) OpenFirst() []string { return k.Open[:min(len(k.Open), k.openShown())] }

// OpenMore is how many more there are.
func (k Kiosk) OpenMore() int { return max(0, len(k.Open)-k.openShown()) }

// acts puts what the lane allows into the order of the policy's verdict: the
// suggested act first and large, the others after it, and what lets a vehicle in
// against the verdict last, farthest from it.
func (k *Kiosk) acts(lv gate.LaneView) {
	suggested := gate.ActReset
	if lv.State == gate.Waiting {
		switch k.Outcome {
		case "grant":
			suggested = gate.ActOpen
		case "flag":
			suggested = gate.ActInspect
		case "deny":
			suggested = gate.ActTurnAway
		}
	}
	var all []Act
	for _, kind := range [...]gate.ActKind{gate.ActOpen, gate.ActTurnAway, gate.ActInspect, gate.ActHold, gate.ActReset, gate.ActOverride} {
		for _, a := range lv.Allowed {
			if a == kind {
				all = append(all, k.act(a))
			}
		}
	}
	for i, a := range all {
		if a.Kind == suggested && !a.Reason {
			k.Primary = &all[i]
		}
	}
	for _, asks := range [...]bool{false, true} {
		for _, a := range all {
			if a.Reason == asks && (k.Primary == nil || a.Kind != k.Primary.Kind) {
				k.Others = append(k.Others, a)
			}
		}
	}
}

func (k *Kiosk) act(kind gate.ActKind) Act {
	a := Act{Kind: kind, Label: k.Words.T("act." + string(kind)), Tone: "calm"}
	switch kind {
	case gate.ActOpen:
		a.Tone = "go"
		if k.Outcome != "grant" {
			a.Tone, a.Reason, a.Label = "calm", true, k.T("act.open.reason")
		}
	case gate.ActInspect:
		a.Tone = "look"
	case gate.ActTurnAway:
		a.Tone = "stop"
		if k.TurnOut != "" {
			a.Hint = k.T("act.to", k.TurnOut)
		}
	case gate.ActOverride:
		a.Reason, a.Supervisor = true, true
	case gate.ActReset:
		if k.State == gate.Waiting {
			a.Label = k.T("act.reset.waiting")
		}
	case gate.ActHold:
	default:
	}
	return a
}

func (k *Kiosk) next(lv gate.LaneView) string {
	place := k.TurnOut
	if place == "" {
		place = k.T("next.noplace")
	}
	switch lv.State {
	case gate.Waiting:
		switch k.Outcome {
		case "grant":
			return k.T("next.grant")
		case "flag":
			if k.Primary == nil || k.Primary.Kind != gate.ActInspect {
				return k.T("next.flag.hold")
			}
			return k.T("next.flag")
		case "deny":
			return k.T("next.deny", place)
		}
	case gate.Refusing:
		return k.T("state.refusing.text", place)
	case gate.Idle, gate.Approaching, gate.AtLine, gate.Deciding, gate.Admitting, gate.Redirected, gate.OutOfService, gate.Manual, gate.Egress:
	}
	return k.Words.T("state." + string(lv.State) + ".text")
}
