package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/gate/auth"
)

// ShiftStepKind is what was done with the watch of a lane.
type ShiftStepKind string

// The steps of shifts. A handover is an offer and its acceptance, each by the
// person who says so.
const (
	ShiftBegun     ShiftStepKind = "begun"     // a person took a lane that nobody had
	ShiftOffered   ShiftStepKind = "offered"   // who has the lane hands it to a named person
	ShiftAccepted  ShiftStepKind = "accepted"  // that person has it from now on
	ShiftWithdrawn ShiftStepKind = "withdrawn" // the offer does not stand
	ShiftTakenOver ShiftStepKind = "taken-over"
	ShiftEnded     ShiftStepKind = "ended" // nobody has the lane
)

// ShiftStep is one step. It never changes. Its words name no vehicle and no
// driver, for they are never erased.
type ShiftStep struct {
	Lane   LaneID        `json:"lane"`
	Number int           `json:"number"` // of the lane, from 1, without gaps
	Shift  int           `json:"shift"`  // of the lane, from 1: the one that the step begins, or belongs to
	Kind   ShiftStepKind `json:"step"`
	By     string        `json:"by"`
	To     string        `json:"to,omitempty"`     // to whom it is offered
	Holder string        `json:"holder,omitempty"` // who has the lane after the step; empty: nobody
	Since  time.Time     `json:"since,omitzero"`   // when the shift of the holder began
	At     time.Time     `json:"at"`
	Note   string        `json:"note,omitempty"`   // what the next one should know; why, where it was taken over
	Counts *ShiftCounts  `json:"counts,omitempty"` // of the shift so far, where it is handed over or ends
	Seq    int64         `json:"seq,omitempty"`    // of its entry in the log; the store says
}

// ShiftCounts is what happened at a lane within a shift.
type ShiftCounts struct {
	Arrivals   int `json:"arrivals"` // vehicles that the machine decided
	Grants     int `json:"grants"`   // by the last verdict of each
	Flags      int `json:"flags"`
	Denies     int `json:"denies"`
	Admitted   int `json:"admitted"`
	TurnedAway int `json:"turned_away"`
	Inspected  int `json:"inspected"` // sent to inspection
	Overrides  int `json:"overrides"`
	Refused    int `json:"refused"` // acts that a limit refused
	Forms      int `json:"forms"`   // paper forms entered
	Faults     int `json:"faults"`  // of devices
	Alarms     int `json:"alarms"`  // raised, without silent ones
	OpenAlarms int `json:"open_alarms"`
	Held       int `json:"held"`             // vehicles still at the line, whoever had the lane when they came
	Duress     int `json:"duress,omitempty"` // never shown to guards
}

// ForGuards is the counts without what is not for their eyes.
func (c ShiftCounts) ForGuards() ShiftCounts {
	c.Duress = 0
	return c
}

// Open says whether somebody has the lane after the step.
func (s *ShiftStep) Open() bool { return s != nil && s.Holder != "" }

// Offered is to whom the lane is offered; empty is nobody.
func (s *ShiftStep) Offered() string {
	if s != nil && s.Kind == ShiftOffered {
		return s.To
	}
	return ""
}

// CheckShift says whether a step may follow the last one of its lane; nil is
// none. Every store asks it within the transaction that records; roles are for
// Shifts to ask before.
func CheckShift(last *ShiftStep, s ShiftStep) error {
	number, shift := 1, 0
	if last != nil {
		number, shift = last.Number+1, last.Shift
	}
	switch {
	case s.Lane == "":
		return errors.New("no lane is named")
	case s.Number != number:
		return refuse(ErrExists, "another step of the shift came before; look at the screen again")
	case last != nil && s.At.Before(last.At):
		return ErrBackdated
	case strings.TrimSpace(s.By) == "":
		return fmt.Errorf("nobody is named: %w", ErrNotAllowed)
	}
	if err := plainNote("note", s.Note, s.Kind == ShiftTakenOver); err != nil {
		return err
	}
	holder, since := "", time.Time{}
	if last.Open() {
		holder, since = last.Holder, last.Since
	}
	wrong := func(format string, args ...any) error { return refuse(ErrNotAllowed, format, args...) }
	want := ShiftStep{Holder: holder, Since: since, Shift: shift}
	begins := ShiftStep{Holder: s.By, Since: s.At, Shift: shift + 1}
	switch s.Kind {
	case ShiftBegun:
		if holder != "" {
			return wrong("%s has the lane", holder)
		}
		want = begins
	case ShiftOffered:
		switch {
		case s.By != holder:
			return wrong("only who has the lane can hand it over")
		case strings.TrimSpace(s.To) == "" || s.To == s.By:
			return refuse(ErrSamePerson, "a lane is handed to another person")
		case s.Counts == nil:
			return errors.New("a handover has its counts")
		}
	case ShiftAccepted:
		if last.Offered() == "" || s.By != last.Offered() {
			return wrong("the lane is not handed to %s", s.By)
		}
		want = begins
	case ShiftWithdrawn:
		if last.Offered() == "" || s.By != holder && s.By != last.Offered() {
			return wrong("there is no handover that %s could call off", s.By)
		}
	case ShiftTakenOver:
		switch {
		case holder == "":
			return wrong("nobody has the lane")
		case s.By == holder:
			return refuse(ErrSamePerson, "%s has the lane already", s.By)
		case s.Counts == nil:
			return errors.New("a handover has its counts")
		}
		want = begins
	case ShiftEnded:
		switch {
		case holder == "":
			return wrong("nobody has the lane")
		case s.By != holder:
			return wrong("only who has the lane can end the shift; take it over")
		case s.Counts == nil:
			return errors.New("the end of a shift has its counts")
		}
		want.Holder, want.Since = "", time.Time{}
	default:
		return fmt.Errorf("step %q is none that a shift has", s.Kind)
	}
	if s.Holder != want.Holder || !s.Since.Equal(want.Since) || s.Shift != want.Shift {
		return fmt.Errorf("step %d of lane %s: it leaves the lane with %q in shift %d, and must with %q in shift %d", s.Number, s.Lane, s.Holder, s.Shift, want.Holder, want.Shift)
	}
	return nil
}

// ShiftStore keeps shifts, on the terms of AlarmStore, with CheckShift in the
// transaction.
type ShiftStore interface {
	RecordShift(ctx context.Context, s ShiftStep) error
	// LastShifts is the last step of each lane that has one.
	LastShifts(ctx context.Context) ([]ShiftStep, error)
	// ShiftSteps are up to n steps, newest first, before that sequence number of
	// the log; 0 is the newest. An empty lane is all lanes.
	ShiftSteps(ctx context.Context, lane LaneID, before int64, n int) ([]ShiftStep, error)
	// CountShift counts what happened at a lane in [from, until). OpenAlarms is
	// left to the caller.
	CountShift(ctx context.Context, lane LaneID, from, until time.Time) (ShiftCounts, error)
}

// ShiftsConfig is what Shifts is made of.
type ShiftsConfig struct {
	Store  ShiftStore
	Clock  *Clock            // of all records of the site
	Alarms func(LaneID) int  // open alarms of a lane that may be told there; nil: none
	Lanes  func(LaneID) bool // whether the site has a lane; nil: any
	Work   auth.Permission   // what it takes to have a lane; empty: auth.WorkLane
	Log    *slog.Logger      // nil: slog.Default
}

// Shifts says who has which lane, and since when. A lane is somebody's from the
// first sign-in at it until it is handed over, taken over or the shift is ended;
// who acts on a vehicle is recorded with each act and need not be the one who has
// the lane. Its methods may be called concurrently. A step is durable on return.
type Shifts struct {
	cfg ShiftsConfig

	acts sync.Mutex // held by whoever records

	mu   sync.RWMutex
	last map[LaneID]ShiftStep
}

// NewShifts reads what is recorded.
func NewShifts(ctx context.Context, cfg ShiftsConfig) (*Shifts, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("shifts: no store")
	case cfg.Clock == nil:
		return nil, errors.New("shifts: no clock")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Work == "" {
		cfg.Work = auth.WorkLane
	}
	s := &Shifts{cfg: cfg, last: make(map[LaneID]ShiftStep)}
	list, err := cfg.Store.LastShifts(ctx)
	if err != nil {
		return nil, fmt.Errorf("shifts: %w", err)
	}
	for _, l := range list {
		s.last[l.Lane] = l
	}
	return s, nil
}

// At is the last step of a lane, and whether there is one.
func (s *Shifts) At(id LaneID) (ShiftStep, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, ok := s.last[id]
	return l, ok
}

// All are the last steps of all lanes.
func (s *Shifts) All() map[LaneID]ShiftStep {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.last)
}

// History are up to n steps, newest first, before that sequence number.
func (s *Shifts) History(ctx context.Context, lane LaneID, before int64, n int) ([]ShiftStep, error) {
	list, err := s.cfg.Store.ShiftSteps(ctx, lane, before, n)
	if err != nil {
		return nil, fmt.Errorf("shifts: %w", err)
	}
	return list, nil
}

// Counts is what happened at a lane since its shift began. Where nobody has the
// lane there is nothing to count.
func (s *Shifts) Counts(ctx context.Context, id LaneID) (ShiftCounts, error) {
	last, ok := s.At(id)
	if !ok || !last.Open() {
		return ShiftCounts{}, nil
	}
	at := s.cfg.Clock.Now()
	return s.counts(ctx, last, at)
}

func (s *Shifts) counts(ctx context.Context, last ShiftStep, at time.Time) (ShiftCounts, error) {
	c, err := s.cfg.Store.CountShift(ctx, last.Lane, last.Since, at)
	if err != nil {
		return c, fmt.Errorf("count the shift of %s: %w", last.Lane, err)
	}
	if s.cfg.Alarms != nil {
		c.OpenAlarms = s.cfg.Alarms(last.Lane)
	}
	return c, nil
}

// Work begins a shift of that person where nobody has the lane, and else does
// nothing: a colleague may lend a hand.
func (s *Shifts) Work(ctx context.Context, who Person, id LaneID) error {
	if last, ok := s.At(id); ok && last.Open() {
		return nil
	}
	if auth.May(who.Role, s.cfg.Work) {
		if _, err := s.step(ctx, who, id, ShiftStep{Kind: ShiftBegun}); err != nil && !errors.Is(err, ErrNotAllowed) && !errors.Is(err, ErrExists) {
			return err
		}
	}
	return nil
}

// Offer hands the lane to a person, who has it once they accept.
func (s *Shifts) Offer(ctx context.Context, who Person, id LaneID, to Person, note string) (ShiftStep, error) {
	if err := to.may(s.cfg.Work); err != nil {
		return ShiftStep{}, fmt.Errorf("hand over %q: %w", id, err)
	}
	return s.step(ctx, who, id, ShiftStep{Kind: ShiftOffered, To: to.Name, Note: note})
}

// Accept takes a lane that is offered to that person.
func (s *Shifts) Accept(ctx context.Context, who Person, id LaneID) (ShiftStep, error) {
	return s.step(ctx, who, id, ShiftStep{Kind: ShiftAccepted})
}

// Withdraw calls an offer off, by either of the two.
func (s *Shifts) Withdraw(ctx context.Context, who Person, id LaneID) (ShiftStep, error) {
	return s.step(ctx, who, id, ShiftStep{Kind: ShiftWithdrawn})
}

// TakeOver takes a lane from somebody who is not there to hand it over.
func (s *Shifts) TakeOver(ctx context.Context, who Person, id LaneID, why string) (ShiftStep, error) {
	return s.step(ctx, who, id, ShiftStep{Kind: ShiftTakenOver, Note: why})
}

// End leaves a lane to nobody.
func (s *Shifts) End(ctx context.Context, who Person, id LaneID, note string) (ShiftStep, error) {
	return s.step(ctx, who, id, ShiftStep{Kind: ShiftEnded, Note: note})
}

// step fills in what follows from the records, and records.
func (s *Shifts) step(ctx context.Context, who Person, id LaneID, step ShiftStep) (ShiftStep, error) {
	fail := func(err error) (ShiftStep, error) {
		return ShiftStep{}, fmt.Errorf("shift of %q, %s: %w", id, step.Kind, inWords(err))
	}
	if s.cfg.Lanes != nil && !s.cfg.Lanes(id) {
		return fail(ErrUnknownLane)
	}
	if err := who.may(s.cfg.Work); err != nil {
		return fail(err)
	}
	// A caller who goes away must not leave the outcome unknown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	s.acts.Lock()
	defer s.acts.Unlock()
	last, ok := s.At(id)
	step.Lane, step.By, step.Number, step.Shift = id, who.Name, last.Number+1, last.Shift
	step.Note = strings.TrimSpace(step.Note)
	step.At, _ = s.cfg.Clock.Stamp()
	step.Holder, step.Since = last.Holder, last.Since
	switch step.Kind {
	case ShiftBegun, ShiftAccepted, ShiftTakenOver:
		step.Holder, step.Since, step.Shift = who.Name, step.At, last.Shift+1
	case ShiftEnded:
		step.Holder, step.Since = "", time.Time{}
	case ShiftOffered, ShiftWithdrawn:
	}
	switch step.Kind {
	case ShiftOffered, ShiftTakenOver, ShiftEnded:
		if last.Open() {
			c, err := s.counts(ctx, last, step.At)
			if err != nil {
				return fail(err)
			}
			step.Counts = &c
		}
	case ShiftBegun, ShiftAccepted, ShiftWithdrawn:
	}
	before := &last
	if !ok {
		before = nil
	}
	if err := CheckShift(before, step); err != nil {
		return fail(err)
	}
	err := s.cfg.Store.RecordShift(ctx, step)
	if err != nil { // which may hide that the record was made
		list, unread := s.cfg.Store.LastShifts(ctx)
		if unread != nil {
			return fail(errors.Join(err, unread))
		}
		i := slices.IndexFunc(list, func(l ShiftStep) bool { return l.Lane == id })
		if i < 0 {
			return fail(err)
		}
		s.keep(list[i])
		if l := list[i]; l.Number != step.Number || l.By != step.By || !l.At.Equal(step.At) {
			return fail(err)
		}
	}
	s.keep(step)
	return step, nil
}

func (s *Shifts) keep(step ShiftStep) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[step.Lane] = step
}
