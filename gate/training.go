package gate

import (
	"slices"
	"time"

	"sallyport/policy"
)

// Lesson is one sample arrival of the training mode: a vehicle as it might come
// to the line, and what is right to do with it. Its words for the guard stand in
// the screens' catalogues under its ID. The verdict on it is given by the same
// Judge as at the gate, under the pack that the lesson names.
type Lesson struct {
	ID          string
	Arrival     Arrival
	Pack        string // policy pack
	Zone        policy.Zone
	Market      string
	Inspections []Inspection // what was read off the vehicle before
	Outcome     policy.Outcome
	Manual      bool     // the record cannot be written: no verdict by machine
	Rescan      string   // VIN as it stands on the vehicle, where it was misread
	Right       TrainAct // what is right to do
}

// Request is what the Judge is asked of the lesson's vehicle. Its class is as a
// registration would name it.
func (l Lesson) Request(at time.Time) Request {
	return Request{VIN: l.Arrival.VIN, Plate: l.Arrival.Plate, Class: l.Arrival.Class, OnCall: l.Arrival.OnCall, Zone: l.Zone, Market: l.Market, At: at, Inspections: l.Inspections, Inspecting: InspectionRules{Days: 365, StatementDays: 180}}
}

// View is the lane's state as the lesson begins.
func (l Lesson) View(a Assessment, at time.Time) LaneView {
	v := LaneView{Lane: "training", Zone: l.Zone, State: Waiting, Since: at, Arm: "closed", Durable: true, Decision: 1}
	if l.Manual {
		v.State, v.Durable, v.Notice, v.Arm = Manual, false, NoticeStorage, "none"
		return v
	}
	v.Passage = &Passage{ID: PassageID("training-" + l.ID), Lane: v.Lane, At: at, Arrival: l.Arrival, Result: a}
	v.Allowed = []ActKind{ActOpen, ActInspect, ActHold, ActTurnAway, ActReset}
	if a.Verdict.Outcome == policy.Deny {
		v.Allowed = []ActKind{ActTurnAway, ActInspect, ActHold, ActOverride, ActReset}
	}
	return v
}

// TrainAct is what somebody in training did: the name of an act, or one of those
// that are none of a lane's.
type TrainAct string

// What is done in training beside the acts of a lane.
const (
	TrainDuress TrainAct = "duress"
	TrainRescan TrainAct = "rescan" // read the VIN again
	TrainPaper  TrainAct = "paper"  // the paper form, and the barrier stays down until it is filled in
	TrainByHand TrainAct = "by-hand"
	TrainWait   TrainAct = "wait"
)

// TrainedAct is one thing done with one lesson.
type TrainedAct struct {
	Lesson string
	Did    TrainAct
	Right  bool
	Took   time.Duration // since the vehicle was shown
}

// Training is one run through the lessons by one person. Nothing of it is
// recorded, and no lane knows of it. It is a value: Do gives the next one.
type Training struct {
	Lessons []Lesson
	At      int // the lesson shown; len(Lessons): all are done
	Shown   time.Time
	Done    []TrainedAct // one for each lesson that was answered
}

// NewTraining begins a run.
func NewTraining(lessons []Lesson, at time.Time) Training {
	return Training{Lessons: slices.Clone(lessons), Shown: at}
}

// Lesson is the one that is shown; false when all are done.
func (t Training) Lesson() (Lesson, bool) {
	if t.At >= len(t.Lessons) {
		return Lesson{}, false
	}
	return t.Lessons[t.At], true
}

// Answered is what was done with the lesson that is shown; false before.
func (t Training) Answered() (TrainedAct, bool) {
	if len(t.Done) <= t.At || t.At >= len(t.Lessons) {
		return TrainedAct{}, false
	}
	return t.Done[t.At], true
}

// Do answers the lesson that is shown. The first answer counts; a second one
// changes nothing.
func (t Training) Do(did TrainAct, at time.Time) Training {
	l, ok := t.Lesson()
	if _, before := t.Answered(); !ok || before {
		return t
	}
	t.Done = append(slices.Clone(t.Done), TrainedAct{Lesson: l.ID, Did: did, Right: did == l.Right, Took: at.Sub(t.Shown)})
	return t
}

// Next shows the next lesson, once this one is answered.
func (t Training) Next(at time.Time) Training {
	if _, ok := t.Answered(); ok {
		t.At++
		t.Shown = at
	}
	return t
}

// Score is how many lessons were answered right.
func (t Training) Score() int {
	n := 0
	for _, d := range t.Done {
		if d.Right {
			n++
		}
	}
	return n
}

// Over says that every lesson was answered, and the last answer was seen.
func (t Training) Over() bool { return t.At >= len(t.Lessons) }

// TrainingSigner is the second person of the training mode, and TrainingPIN what
// is signed with there. They are of nobody: both stand on the screen.
const (
	TrainingSigner = "Training supervisor"
	TrainingPIN    = "80419"
)

const (
	trainEX30  = "YV4EK3ZL7SS000001" // nothing is on record of its module
	trainTesla = "5YJXCAE42MF000001"
)

// Lessons are the sample arrivals, in the order in which they are shown: the easy
// ones first.
func Lessons() []Lesson {
	const baseline = "paper-baseline"
	yes := true
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	lesson := func(id, vin, plate string, o policy.Outcome, right TrainAct, change func(*Lesson)) Lesson {
		l := Lesson{ID: id, Pack: baseline, Zone: policy.ZoneRestricted, Market: "US", Outcome: o, Right: right, Arrival: Arrival{VIN: vin, Plate: plate, Class: policy.ClassPrivate, Via: "scanner"}}
		if change != nil {
			change(&l)
		}
		return l
	}
	return []Lesson{
		lesson("old-car", "2HGEJ6672WH500001", "TR 1998", policy.Grant, TrainAct(ActOpen), nil),
		lesson("known-module", trainTesla, "TR 4471", policy.Deny, TrainAct(ActTurnAway), nil),
		lesson("unknown-module", trainEX30, "TR 3030", policy.Flag, TrainAct(ActInspect), nil),
		lesson("after-inspection", trainEX30, "TR 3030", policy.Grant, TrainAct(ActOpen), func(l *Lesson) {
			l.Inspections = []Inspection{{ID: "training-1", VIN: trainEX30, Subject: SubjectUnit, Kind: KindSeen, Role: roleTCU, Result: ResultFound,
				Text: "EM7455", By: TrainingSigner, Via: "screen", At: at, Expires: at.AddDate(1, 0, 0)}}
		}),
		lesson("misread", "2HGEJ6672WH50001", "TR 1998", policy.Flag, TrainRescan, func(l *Lesson) { l.Rescan = "2HGEJ6672WH500001" }),
		lesson("in-a-hurry", "W1KLF6DB6TA000017", "TR 77", policy.Flag, TrainAct(ActInspect), func(l *Lesson) { l.Market = "EU" }),
		lesson("order", trainTesla, "TR 4471", policy.Deny, TrainAct(ActOverride), nil),
		lesson("no-order", trainTesla, "TR 4472", policy.Deny, TrainAct(ActTurnAway), nil),
		lesson("threat", trainEX30, "TR 3031", policy.Flag, TrainDuress, nil),
		lesson("ambulance", "1FTNE24L4XH000017", "TR 112", policy.Grant, TrainAct(ActOpen), func(l *Lesson) {
			l.Arrival.Class, l.Arrival.OnCall = policy.ClassEmergency, &yes
		}),
		lesson("other-rules", "LRW3E7FA3MC000017", "TR 900", policy.Deny, TrainAct(ActTurnAway), func(l *Lesson) {
			l.Pack, l.Market, l.Zone = "pl-general-staff-2026", "EU", policy.ZoneRestricted
		}),
		{ID: "no-record", Pack: baseline, Zone: policy.ZoneRestricted, Manual: true, Right: TrainPaper},
	}
}
