package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sallyport/gate/auth"
)

// ViaForm is the Arrival.Via of a vehicle that was dealt with on paper.
const ViaForm = "form"

// FormNumber writes the number of a paper form of a lane as it is printed on it.
func FormNumber(lane LaneID, n int) string { return fmt.Sprintf("%s-%04d", lane, n) }

// Afterwards says of a passage that it was dealt with on a paper form and
// entered later. Passage.At is then when it was entered.
type Afterwards struct {
	Form       int       `json:"form"`
	HappenedAt time.Time `json:"happened_at"` // as the form says
	Guard      string    `json:"guard"`       // who decided, as the form says
	EnteredBy  string    `json:"entered_by"`
}

// FormStepKind is what was done with paper forms of a lane.
type FormStepKind string

// The steps of forms.
const (
	FormPrinted       FormStepKind = "printed"       // blank forms First to Last were numbered
	FormEntered       FormStepKind = "entered"       // what form First says is on record, as Passage
	FormSpoilt        FormStepKind = "spoilt"        // form First was not used, or cannot be; Note says why
	FormCountersigned FormStepKind = "countersigned" // a second person compared form First with its record
)

// FormStep is one step. It never changes. Its words name no vehicle and no
// driver, for they are never erased.
type FormStep struct {
	Lane    LaneID       `json:"lane"`
	Number  int          `json:"number"` // of the lane's steps, from 1, without gaps
	Kind    FormStepKind `json:"step"`
	First   int          `json:"first"`
	Last    int          `json:"last"` // as First but for FormPrinted
	By      string       `json:"by"`
	At      time.Time    `json:"at"`
	Passage PassageID    `json:"passage,omitempty"`
	Note    string       `json:"note,omitempty"`
	Seq     int64        `json:"seq,omitempty"` // of its entry in the log; the store says
}

// FormRecord is what goes on record with FormEntered, in one transaction.
type FormRecord struct {
	Passage Passage
	Act     Act
	Outcome Outcome
}

// FormState is how one form is.
type FormState struct {
	Number    int
	Kind      FormStepKind // the last step of it
	Printed   time.Time
	EnteredBy string // or who said that it was spoilt
	At        time.Time
	Passage   PassageID
	Note      string
	Second    string // who countersigned
}

// formStates is the state of a lane's forms, in order of their numbers.
func formStates(steps []FormStep) []FormState {
	var out []FormState
	for _, s := range steps {
		if s.Kind == FormPrinted {
			for n := s.First; n <= s.Last; n++ {
				out = append(out, FormState{Number: n, Kind: FormPrinted, Printed: s.At})
			}
			continue
		}
		if s.First < 1 || s.First > len(out) {
			continue // no store has taken it
		}
		f := &out[s.First-1]
		f.Kind = s.Kind
		if s.Kind == FormCountersigned {
			f.Second = s.By
			continue
		}
		f.EnteredBy, f.At, f.Passage, f.Note = s.By, s.At, s.Passage, s.Note
	}
	return out
}

// missingForms are the numbers below the highest that is accounted for which
// nobody has accounted for: forms are used in their order.
func missingForms(forms []FormState) []int {
	highest := 0
	for _, f := range forms {
		if f.Kind != FormPrinted {
			highest = f.Number
		}
	}
	var out []int
	for _, f := range forms[:highest] {
		if f.Kind == FormPrinted {
			out = append(out, f.Number)
		}
	}
	return out
}

// formsAtOnce bounds one printing.
const formsAtOnce = 100

// CheckForm says whether a step may follow the steps of its lane. Every store
// asks it within the transaction that records; roles are for Forms to ask before.
func CheckForm(before []FormStep, s FormStep, r *FormRecord) error {
	if s.Lane == "" {
		return errors.New("no lane is named")
	}
	if n := len(before); s.Number != n+1 {
		return refuse(ErrExists, "another step came before; look at the list again")
	} else if n > 0 && s.At.Before(before[n-1].At) {
		return ErrBackdated
	}
	if strings.TrimSpace(s.By) == "" {
		return fmt.Errorf("nobody is named: %w", ErrNotAllowed)
	}
	if err := plainNote("note", s.Note, s.Kind == FormSpoilt); err != nil {
		return err
	}
	if (s.Kind == FormEntered) != (r != nil) || s.Kind != FormPrinted && s.Last != s.First {
		return errors.New("an entered form, and no other, comes with its record")
	}
	forms := formStates(before)
	if s.Kind == FormPrinted {
		if s.First != len(forms)+1 || s.Last < s.First || s.Last-s.First >= formsAtOnce {
			return refuse(ErrNotAllowed, "the next form is %s, and %d are printed at once at the most", FormNumber(s.Lane, len(forms)+1), formsAtOnce)
		}
		return nil
	}
	if s.First < 1 || s.First > len(forms) {
		return refuse(ErrNotFound, "no form %s was printed", FormNumber(s.Lane, s.First))
	}
	f := forms[s.First-1]
	name := FormNumber(s.Lane, s.First)
	switch s.Kind {
	case FormEntered, FormSpoilt:
		if f.Kind != FormPrinted {
			return refuse(ErrExists, "form %s is %s already, by %s", name, f.Kind, f.EnteredBy)
		}
		if s.Kind == FormEntered {
			return checkFormRecord(s, *r, f.Printed)
		}
		return nil
	case FormCountersigned:
		switch {
		case f.Kind != FormEntered:
			return refuse(ErrNotAllowed, "form %s is %s", name, f.Kind)
		case f.EnteredBy == s.By:
			return refuse(ErrSamePerson, "%s entered form %s and cannot countersign it", s.By, name)
		}
		return nil
	case FormPrinted:
	}
	return fmt.Errorf("step %q is none that a form has", s.Kind)
}

// checkFormRecord says whether what an entered form puts on record belongs to it.
func checkFormRecord(s FormStep, r FormRecord, printed time.Time) error {
	p := r.Passage
	switch {
	case p.Afterwards == nil || p.Afterwards.Form != s.First || p.Afterwards.EnteredBy != s.By || p.Lane != s.Lane || p.ID != s.Passage || p.ID == "":
		return errors.New("the record is not that of the form")
	case r.Act.Passage != p.ID || r.Outcome.Passage != p.ID:
		return errors.New("act and outcome are of another passage")
	case p.Arrival.VIN == "" && p.Arrival.Plate == "":
		return errors.New("neither VIN nor plate")
	case p.Result.Verdict.Outcome != 0:
		return errors.New("a paper form has no verdict by machine")
	case p.Afterwards.HappenedAt.After(p.At):
		return refuse(ErrPast, "what the form says would happen only after it was entered")
	case p.Afterwards.HappenedAt.Before(printed.Truncate(time.Minute)): // people write no seconds
		return refuse(ErrBackdated, "the form says %s, and was printed only at %s", p.Afterwards.HappenedAt.Format(time.RFC3339), printed.Format(time.RFC3339))
	}
	return nil
}

// FormStore keeps paper forms, on the terms of AlarmStore, with CheckForm in the
// transaction.
type FormStore interface {
	// RecordForm adds a step and, for FormEntered, the passage with its act and
	// its outcome, in one transaction.
	RecordForm(ctx context.Context, s FormStep, r *FormRecord) error
	// FormSteps are all steps of a lane, by number.
	FormSteps(ctx context.Context, lane LaneID) ([]FormStep, error)
}

// FormsConfig is what Forms is made of.
type FormsConfig struct {
	Store FormStore
	Clock *Clock // of all records of the site
	Lanes []LaneID
	Log   *slog.Logger // nil: slog.Default
}

// Forms is what people do with the paper forms of the manual procedure. Its
// methods may be called concurrently. A step is durable on return. The numbers
// that were printed are known without the store, so that the screen can say which
// sheet comes next while nothing can be recorded.
type Forms struct {
	cfg FormsConfig

	acts sync.Mutex // held by whoever records

	mu    sync.RWMutex
	steps map[LaneID][]FormStep
}

// NewForms reads what is recorded.
func NewForms(ctx context.Context, cfg FormsConfig) (*Forms, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("forms: no store")
	case cfg.Clock == nil:
		return nil, errors.New("forms: no clock")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Forms{cfg: cfg, steps: make(map[LaneID][]FormStep)}
	for _, id := range cfg.Lanes {
		list, err := cfg.Store.FormSteps(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("forms: %w", err)
		}
		s.steps[id] = list
	}
	return s, nil
}

// FormList is the forms of a lane.
type FormList struct {
	Forms   []FormState
	Missing []int // numbers that nobody has accounted for, though higher ones are
	Blank   []int // printed and, as far as is known, not used yet
	Unsure  []int // entered by one person and not countersigned yet
}

// At is the forms of a lane.
func (s *Forms) At(id LaneID) FormList {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l := FormList{Forms: formStates(s.steps[id])}
	l.Missing = missingForms(l.Forms)
	for _, f := range l.Forms {
		switch {
		case f.Kind == FormPrinted && !slices.Contains(l.Missing, f.Number):
			l.Blank = append(l.Blank, f.Number)
		case f.Kind == FormEntered:
			l.Unsure = append(l.Unsure, f.Number)
		}
	}
	return l
}

// Print numbers so many blank forms of a lane.
func (s *Forms) Print(ctx context.Context, who Person, id LaneID, n int) (FormStep, error) {
	if n < 1 || n > formsAtOnce {
		return FormStep{}, fmt.Errorf("print forms of %q: %w", id, refuse(ErrNotAllowed, "1 to %d at once", formsAtOnce))
	}
	return s.step(ctx, who, id, func(before []FormStep, _ time.Time) (FormStep, *FormRecord, error) {
		first := len(formStates(before)) + 1
		return FormStep{Kind: FormPrinted, First: first, Last: first + n - 1}, nil, nil
	})
}

// FormEntry is what a paper form says.
type FormEntry struct {
	Form       int
	VIN, Plate string
	HappenedAt time.Time
	Guard      string  // who decided
	Act        ActKind // ActOpen, ActTurnAway or ActInspect
	Reason     string
	Direction  Direction // in which the vehicle went: that of the lane at that time
}

// formEndings are what can be decided on paper, and how the passage ended.
var formEndings = map[ActKind]Ending{ActOpen: EndAdmitted, ActTurnAway: EndRefused, ActInspect: EndInspection}

// Enter puts what a form says on record.
func (s *Forms) Enter(ctx context.Context, who Person, id LaneID, e FormEntry) (FormStep, error) {
	ending, known := formEndings[e.Act]
	fail := func(err error) (FormStep, error) {
		return FormStep{}, fmt.Errorf("enter form %s: %w", FormNumber(id, e.Form), err)
	}
	switch {
	case !known:
		return fail(refuse(ErrNotAllowed, "a form says that a vehicle was let in, turned away or sent to inspection"))
	case strings.TrimSpace(e.Guard) == "":
		return fail(refuse(ErrNeedsReason, "who decided at the lane is missing"))
	case noPerson(e.Guard):
		return fail(refuse(ErrNeedsReason, "%q stands in records for what no person did", strings.TrimSpace(e.Guard)))
	case plainNote("guard", e.Guard, true) != nil:
		return fail(plainNote("guard", e.Guard, true))
	case plainNote("reason", e.Reason, false) != nil:
		return fail(plainNote("reason", e.Reason, false))
	case NormalVIN(e.VIN) == "" && NormalPlate(e.Plate) == "":
		return fail(refuse(ErrNeedsReason, "neither VIN nor plate"))
	case e.HappenedAt.IsZero():
		return fail(refuse(ErrNeedsReason, "when it happened is missing"))
	}
	return s.step(ctx, who, id, func(_ []FormStep, at time.Time) (FormStep, *FormRecord, error) {
		if e.HappenedAt.After(at) {
			return FormStep{}, nil, refuse(ErrPast, "the form says %s, and it is %s", e.HappenedAt.Format(time.RFC3339), at.Format(time.RFC3339))
		}
		moment := e.Direction.Moment()
		p := Passage{
			ID: newPassageID(id, at), Lane: id, At: at, Moment: moment,
			Arrival: Arrival{VIN: NormalVIN(e.VIN), Plate: NormalPlate(e.Plate), Via: ViaForm},
			Result:  Assessment{VIN: NormalVIN(e.VIN), Plate: NormalPlate(e.Plate)},
			Afterwards: &Afterwards{
				Form: e.Form, HappenedAt: e.HappenedAt.UTC(), Guard: strings.TrimSpace(e.Guard), EnteredBy: who.Name,
			},
		}
		r := FormRecord{
			Passage: p,
			Act:     Act{Kind: e.Act, Passage: p.ID, By: p.Afterwards.Guard, Reason: strings.TrimSpace(e.Reason), At: at},
			Outcome: Outcome{Passage: p.ID, Lane: id, Ending: ending, At: at, Note: "entered afterwards, form " + FormNumber(id, e.Form), Moment: moment},
		}
		return FormStep{Kind: FormEntered, First: e.Form, Last: e.Form, Passage: p.ID}, &r, nil
	})
}

// noPerson says whether a name stands in records for what no person did.
func noPerson(name string) bool {
	name = strings.TrimSpace(name)
	return strings.EqualFold(name, AutoOpen) || strings.EqualFold(name, UnderDuress) || strings.EqualFold(name, SetUp) || strings.HasPrefix(name, "device:")
}

// Spoil accounts for a form that was not used, or that nobody can read or find.
func (s *Forms) Spoil(ctx context.Context, who Person, id LaneID, form int, why string) (FormStep, error) {
	return s.step(ctx, who, id, func([]FormStep, time.Time) (FormStep, *FormRecord, error) {
		return FormStep{Kind: FormSpoilt, First: form, Last: form, Note: strings.TrimSpace(why)}, nil, nil
	})
}

// Countersign says that a second person compared a form with its record.
func (s *Forms) Countersign(ctx context.Context, who Person, id LaneID, form int) (FormStep, error) {
	return s.step(ctx, who, id, func([]FormStep, time.Time) (FormStep, *FormRecord, error) {
		return FormStep{Kind: FormCountersigned, First: form, Last: form}, nil, nil
	})
}

// step stamps, fills in and records.
func (s *Forms) step(ctx context.Context, who Person, id LaneID, make func([]FormStep, time.Time) (FormStep, *FormRecord, error)) (FormStep, error) {
	fail := func(err error) (FormStep, error) {
		return FormStep{}, fmt.Errorf("forms of %q: %w", id, inWords(err))
	}
	if err := who.may(auth.KeepForms); err != nil {
		return fail(err)
	}
	if !slices.Contains(s.cfg.Lanes, id) {
		return fail(ErrUnknownLane)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	s.acts.Lock()
	defer s.acts.Unlock()
	before, err := s.cfg.Store.FormSteps(ctx, id)
	if err != nil {
		return fail(err)
	}
	s.keep(id, before)
	at, _ := s.cfg.Clock.Stamp()
	step, record, err := make(before, at)
	if err != nil {
		return fail(err)
	}
	step.Lane, step.Number, step.By, step.At = id, len(before)+1, who.Name, at
	if err := CheckForm(before, step, record); err != nil {
		return fail(err)
	}
	err = s.cfg.Store.RecordForm(ctx, step, record)
	after, unread := s.cfg.Store.FormSteps(ctx, id)
	if unread != nil {
		return fail(errors.Join(err, unread))
	}
	s.keep(id, after)
	for _, k := range after { // an error of the store may hide that the record was made
		if k.Number == step.Number && k.By == step.By && k.At.Equal(step.At) {
			return k, nil
		}
	}
	if err == nil {
		err = errors.New("the record is not there")
	}
	return fail(err)
}

func (s *Forms) keep(id LaneID, steps []FormStep) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps[id] = steps
}

// ParseForm reads the number of a form of a lane as a person types it: with or
// without the lane before it.
func ParseForm(lane LaneID, text string) (int, error) {
	text = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), string(lane)+"-")
	n, err := strconv.Atoi(strings.TrimLeft(text, "0"))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("form %q: %w", text, refuse(ErrNotFound, "this is no number of a form, such as %s", FormNumber(lane, 7)))
	}
	return n, nil
}
