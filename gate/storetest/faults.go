package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"sallyport/gate"
)

// ErrBroken is what a fault answers.
var ErrBroken = errors.New("disk broken on purpose")

// The steps that Faults can break.
const (
	StepRecord     = "Record"
	StepReassess   = "RecordReassessment"
	StepAct        = "RecordAct"
	StepOutcome    = "RecordOutcome"
	StepEvent      = "RecordEvent"
	StepCloseOpen  = "CloseOpen"
	StepStandings  = "Standings"
	StepInspection = "Inspections"

	StepRecordInspection = "RecordInspection"
	StepInspectionActs   = "RecordInspectionActs"
	StepPhoto            = "RecordPhoto"
	StepHistory          = "InspectionHistory"

	StepPolicyVersion  = "RecordPolicyVersion"
	StepPolicyStep     = "RecordPolicyStep"
	StepPolicyVersions = "PolicyVersions"
	StepKeepPolicy     = "KeepPolicy"
	StepPosture        = "RecordPosture"
	StepPostures       = "PostureChanges"
)

// Faults is a store whose steps fail on purpose, with or without their effect.
type Faults struct {
	gate.Recorder
	gate.Registry
	gate.InspectionStore
	policies gate.PolicyStore
	postures gate.PostureStore

	mu    sync.Mutex
	plan  map[string]fault
	dead  bool
	trace []string
}

type fault struct {
	effect bool
	left   int
	last   bool
}

// NewFaults wraps a store that is all ports.
func NewFaults(s interface {
	gate.Recorder
	gate.Registry
	gate.InspectionStore
	gate.PolicyStore
	gate.PostureStore
}) *Faults {
	return &Faults{Recorder: s, Registry: s, InspectionStore: s, policies: s, postures: s, plan: make(map[string]fault)}
}

// Break makes the step fail that many times; with effect, what it records is
// durable although it answers with an error.
func (f *Faults) Break(step string, effect bool, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan[step] = fault{effect: effect, left: times}
}

// BreakForGood is Break, and from then on no step works: the process has died
// there, as far as the store can tell.
func (f *Faults) BreakForGood(step string, effect bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan[step] = fault{effect: effect, left: 1, last: true}
}

// Kill makes no step work from now on.
func (f *Faults) Kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

// Heal makes every step work again.
func (f *Faults) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.plan)
	f.dead = false
}

// Trace is the steps whose effect became durable, and the marks, in order.
func (f *Faults) Trace() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.trace...)
}

// Mark puts a word of the test's own into the trace.
func (f *Faults) Mark(word string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trace = append(f.trace, word)
}

func (f *Faults) step(name string, do func() error) error {
	f.mu.Lock()
	if f.dead {
		f.mu.Unlock()
		return ErrBroken
	}
	planned, broken := f.plan[name]
	f.dead = planned.last
	if broken {
		if planned.left--; planned.left <= 0 {
			delete(f.plan, name)
		} else {
			f.plan[name] = planned
		}
	}
	f.mu.Unlock()
	if broken && !planned.effect {
		return ErrBroken
	}
	if err := do(); err != nil {
		return err
	}
	switch name {
	case StepInspection, StepHistory, StepStandings, StepPolicyVersions, StepPostures:
	default:
		f.Mark(name)
	}
	if broken {
		return ErrBroken
	}
	return nil
}

// Record is broken as planned.
func (f *Faults) Record(ctx context.Context, p gate.Passage) error {
	return f.step(StepRecord, func() error { return f.Recorder.Record(ctx, p) })
}

// RecordReassessment is broken as planned.
func (f *Faults) RecordReassessment(ctx context.Context, r gate.Reassessment) error {
	return f.step(StepReassess, func() error { return f.Recorder.RecordReassessment(ctx, r) })
}

// RecordAct is broken as planned.
func (f *Faults) RecordAct(ctx context.Context, a gate.Act) error {
	return f.step(StepAct, func() error { return f.Recorder.RecordAct(ctx, a) })
}

// RecordOutcome is broken as planned.
func (f *Faults) RecordOutcome(ctx context.Context, o gate.Outcome) error {
	return f.step(StepOutcome, func() error { return f.Recorder.RecordOutcome(ctx, o) })
}

// RecordEvent is broken as planned.
func (f *Faults) RecordEvent(ctx context.Context, e gate.Event) error {
	return f.step(StepEvent, func() error { return f.Recorder.RecordEvent(ctx, e) })
}

// RecordStanding is broken as RecordEvent is.
func (f *Faults) RecordStanding(ctx context.Context, e gate.Event, s gate.LaneStanding) error {
	return f.step(StepEvent, func() error { return f.Recorder.RecordStanding(ctx, e, s) })
}

// Standings is broken as planned.
func (f *Faults) Standings(ctx context.Context) (list []gate.LaneStanding, err error) {
	err = f.step(StepStandings, func() (err error) { list, err = f.Recorder.Standings(ctx); return err })
	return list, err
}

// CloseOpen is broken as planned.
func (f *Faults) CloseOpen(ctx context.Context, at time.Time) (ids []gate.PassageID, err error) {
	err = f.step(StepCloseOpen, func() (err error) { ids, err = f.Recorder.CloseOpen(ctx, at); return err })
	return ids, err
}

// Inspections is broken as planned.
func (f *Faults) Inspections(ctx context.Context, vin string, at time.Time) (list []gate.Inspection, err error) {
	err = f.step(StepInspection, func() (err error) { list, err = f.Registry.Inspections(ctx, vin, at); return err })
	return list, err
}

// RecordInspection is broken as planned.
func (f *Faults) RecordInspection(ctx context.Context, i gate.Inspection) error {
	return f.step(StepRecordInspection, func() error { return f.InspectionStore.RecordInspection(ctx, i) })
}

// RecordInspectionActs is broken as planned.
func (f *Faults) RecordInspectionActs(ctx context.Context, acts ...gate.InspectionAct) error {
	return f.step(StepInspectionActs, func() error { return f.InspectionStore.RecordInspectionActs(ctx, acts...) })
}

// RecordPhoto is broken as planned.
func (f *Faults) RecordPhoto(ctx context.Context, p gate.PhotoData) error {
	return f.step(StepPhoto, func() error { return f.InspectionStore.RecordPhoto(ctx, p) })
}

// InspectionHistory is broken as planned.
func (f *Faults) InspectionHistory(ctx context.Context, vin string) (list []gate.Inspection, err error) {
	err = f.step(StepHistory, func() (err error) { list, err = f.InspectionStore.InspectionHistory(ctx, vin); return err })
	return list, err
}

// RecordPolicyVersion is broken as planned.
func (f *Faults) RecordPolicyVersion(ctx context.Context, v gate.PolicyVersion, steps ...gate.PolicyStep) error {
	return f.step(StepPolicyVersion, func() error { return f.policies.RecordPolicyVersion(ctx, v, steps...) })
}

// RecordPolicyStep is broken as planned.
func (f *Faults) RecordPolicyStep(ctx context.Context, s gate.PolicyStep) error {
	return f.step(StepPolicyStep, func() error { return f.policies.RecordPolicyStep(ctx, s) })
}

// PolicyVersions is broken as planned.
func (f *Faults) PolicyVersions(ctx context.Context) (list []gate.PolicyVersion, err error) {
	err = f.step(StepPolicyVersions, func() (err error) { list, err = f.policies.PolicyVersions(ctx); return err })
	return list, err
}

// PolicyVersion is broken when PolicyVersions is.
func (f *Faults) PolicyVersion(ctx context.Context, number int) (v gate.PolicyVersion, err error) {
	err = f.step(StepPolicyVersions, func() (err error) { v, err = f.policies.PolicyVersion(ctx, number); return err })
	return v, err
}

// KeepPolicy is broken as planned.
func (f *Faults) KeepPolicy(ctx context.Context, p gate.PolicyDocument) error {
	return f.step(StepKeepPolicy, func() error { return f.policies.KeepPolicy(ctx, p) })
}

// RecordPosture is broken as planned.
func (f *Faults) RecordPosture(ctx context.Context, c gate.PostureChange) error {
	return f.step(StepPosture, func() error { return f.postures.RecordPosture(ctx, c) })
}

// PostureChanges is broken as planned.
func (f *Faults) PostureChanges(ctx context.Context) (list []gate.PostureChange, err error) {
	err = f.step(StepPostures, func() (err error) { list, err = f.postures.PostureChanges(ctx); return err })
	return list, err
}
