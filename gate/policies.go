package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The classes of error of Policies and Postures, beside those of Inspections.
var (
	// ErrOvertaken says that another version was approved after this one was
	// proposed: what it would change is no longer what was looked at.
	ErrOvertaken = errors.New("another version was approved since this one was proposed; propose it anew")
	// ErrPast says that an instant at which something shall take effect has
	// passed.
	ErrPast = errors.New("it would take effect in the past")
	// ErrBackdated says that a record would lie before the one it follows.
	ErrBackdated = errors.New("it would lie before the record that it follows")
)

// refusal says in words why something may not be recorded, and of which class of
// errors that is.
type refusal struct {
	words string
	class error
}

func (r *refusal) Error() string { return r.words }

func (r *refusal) Unwrap() error { return r.class }

func refuse(class error, format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...), class}
}

// inWords is a refusal without what the store put before it, or err.
func inWords(err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return err
}

// SetUp is who is named where the site's set-up did what later takes people. No
// person may bear the name.
const SetUp = "set-up of the site"

// PolicyVersion is one version of a site's rules. It never changes: what was
// done with it is recorded beside it, as steps. None of its words may name a
// vehicle or a driver, for they are never erased.
type PolicyVersion struct {
	Number  int       `json:"number"`            // from 1, without gaps
	ID      string    `json:"id"`                // id and version that the text gives itself
	Hash    string    `json:"hash"`              // of its canonical form, as verdicts name it
	Source  string    `json:"source,omitempty"`  // the whole text, with comments; left out of lists
	File    string    `json:"file,omitempty"`    // name of the file, for messages
	Author  string    `json:"author"`            // who handed the text in, or SetUp
	Editors []string  `json:"editors,omitempty"` // others whose text it is
	Of      int       `json:"of,omitempty"`      // roll-back: the version whose text it is
	Note    string    `json:"note"`
	At      time.Time `json:"at"`

	Steps []PolicyStep `json:"steps,omitempty"` // in the order in which they were recorded
}

// PolicyStepKind is what was done with a version.
type PolicyStepKind string

// The steps.
const (
	StepProposed  PolicyStepKind = "proposed"
	StepApproved  PolicyStepKind = "approved"
	StepRejected  PolicyStepKind = "rejected"
	StepWithdrawn PolicyStepKind = "withdrawn"
	StepEffective PolicyStepKind = "effective" // by itself, at the instant that the approval names
)

// PolicyStep is one step of one version.
type PolicyStep struct {
	Version int            `json:"version"`
	Kind    PolicyStepKind `json:"kind"`
	By      string         `json:"by,omitempty"` // nobody where it came by itself
	At      time.Time      `json:"at"`
	From    time.Time      `json:"from,omitzero"` // approved: in force from this instant on
	Note    string         `json:"note,omitempty"`
	Seq     int64          `json:"seq,omitempty"` // of its entry in the log; the store says
}

// step is the last step of a kind.
func (v *PolicyVersion) step(kind PolicyStepKind) (PolicyStep, bool) {
	for _, s := range slices.Backward(v.Steps) {
		if s.Kind == kind {
			return s, true
		}
	}
	return PolicyStep{}, false
}

// stands is the kind of the last step that people took; empty for a draft.
func (v *PolicyVersion) stands() PolicyStepKind {
	for _, s := range slices.Backward(v.Steps) {
		if s.Kind != StepEffective {
			return s.Kind
		}
	}
	return ""
}

// approval is the approval of a version that was not withdrawn since.
func (v *PolicyVersion) approval() (PolicyStep, bool) {
	if v.stands() != StepApproved {
		return PolicyStep{}, false
	}
	return v.step(StepApproved)
}

// People are those whose text a version is, and those who proposed it: none of
// them can approve it.
func (v *PolicyVersion) People() []string {
	out := append([]string{v.Author}, v.Editors...)
	for _, s := range v.Steps {
		if s.Kind == StepProposed {
			out = append(out, s.By)
		}
	}
	return out
}

func named(list []string, name string) bool {
	return slices.ContainsFunc(list, func(n string) bool { return strings.EqualFold(n, name) })
}

// InForce is the version in force at an instant: of those approved and not
// withdrawn, the one that took effect last; of two that take effect at the same
// instant, the one approved later. None before the first.
func InForce(versions []PolicyVersion, at time.Time) (PolicyVersion, bool) {
	best, when := -1, PolicyStep{}
	for i := range versions {
		a, ok := versions[i].approval()
		if !ok || a.From.After(at) || a.At.After(at) {
			continue
		}
		if best < 0 || cmp.Or(a.From.Compare(when.From), cmp.Compare(a.Seq, when.Seq)) > 0 {
			best, when = i, a
		}
	}
	if best < 0 {
		return PolicyVersion{}, false
	}
	return versions[best], true
}

// NextInForce is the version that takes effect next after an instant, and when.
func NextInForce(versions []PolicyVersion, at time.Time) (PolicyVersion, time.Time, bool) {
	var next time.Time
	for i := range versions {
		if a, ok := versions[i].approval(); ok && a.From.After(at) && (next.IsZero() || a.From.Before(next)) {
			next = a.From
		}
	}
	if next.IsZero() {
		return PolicyVersion{}, next, false
	}
	v, ok := InForce(versions, next)
	return v, next, ok
}

// PolicyState is where a version stands at an instant.
type PolicyState string

// The states of a version.
const (
	PolicyDraft      PolicyState = "draft"
	PolicyProposed   PolicyState = "proposed"
	PolicyOvertaken  PolicyState = "overtaken" // proposed, and another one was approved since
	PolicyScheduled  PolicyState = "approved"  // and not yet in effect
	PolicyInForce    PolicyState = "in force"
	PolicySuperseded PolicyState = "superseded"
	PolicyRejected   PolicyState = "rejected"
	PolicyWithdrawn  PolicyState = "withdrawn"
)

// StateAt is where the version of that number stands at an instant.
func StateAt(versions []PolicyVersion, number int, at time.Time) PolicyState {
	v := numbered(versions, number)
	if v == nil {
		return ""
	}
	switch v.stands() {
	case StepProposed:
		if overtaken(versions, v) {
			return PolicyOvertaken
		}
		return PolicyProposed
	case StepRejected:
		return PolicyRejected
	case StepWithdrawn:
		return PolicyWithdrawn
	case StepApproved:
		a, _ := v.approval()
		if now, ok := InForce(versions, at); ok && now.Number == number {
			return PolicyInForce
		}
		if a.From.After(at) {
			return PolicyScheduled
		}
		return PolicySuperseded
	case "", StepEffective:
	}
	return PolicyDraft
}

func numbered(versions []PolicyVersion, number int) *PolicyVersion {
	for i := range versions {
		if versions[i].Number == number {
			return &versions[i]
		}
	}
	return nil
}

// overtaken says whether another version was approved after this one was
// proposed.
func overtaken(versions []PolicyVersion, v *PolicyVersion) bool {
	p, ok := v.step(StepProposed)
	if !ok {
		return false
	}
	for i := range versions {
		if a, ok := versions[i].approval(); ok && versions[i].Number != v.Number && a.Seq > p.Seq {
			return true
		}
	}
	return false
}

// Bounds of what people write beside a version.
const (
	maxPolicyNote = 1000
	maxEditors    = 16
)

// plainNote refuses what no note should hold.
func plainNote(what, note string, needed bool) error {
	switch {
	case needed && strings.TrimSpace(note) == "":
		return fmt.Errorf("%s: %w", what, ErrNeedsReason)
	case len(note) > maxPolicyNote:
		return fmt.Errorf("%s: longer than %d bytes", what, maxPolicyNote)
	case !utf8.ValidString(note) || strings.ContainsFunc(note, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }):
		return fmt.Errorf("%s: it holds what is no text", what)
	}
	return nil
}

// lastOf is the latest instant of any record of the versions.
func lastOf(versions []PolicyVersion) (last time.Time) {
	for i := range versions {
		for _, at := range append([]time.Time{versions[i].At}, stepTimes(versions[i].Steps)...) {
			if at.After(last) {
				last = at
			}
		}
	}
	return last
}

func stepTimes(steps []PolicyStep) []time.Time {
	out := make([]time.Time, len(steps))
	for i, s := range steps {
		out[i] = s.At
	}
	return out
}

// CheckPolicyVersion says whether a version may be recorded after those that are
// there. Every store asks it within the transaction that records.
func CheckPolicyVersion(versions []PolicyVersion, v PolicyVersion) error {
	if err := plainNote("note", v.Note, false); err != nil {
		return err
	}
	switch {
	case v.Number != len(versions)+1:
		return fmt.Errorf("version %d after %d of them: %w", v.Number, len(versions), ErrExists)
	case v.Hash == "" || v.ID == "" || v.Source == "" || !utf8.ValidString(v.Source):
		return errors.New("a version is a text with an id and a hash")
	case strings.TrimSpace(v.Author) == "":
		return errors.New("a version has an author")
	case v.Author == SetUp && len(versions) > 0:
		return fmt.Errorf("the site has been set up: %w", ErrNotAllowed)
	case len(v.Editors) > maxEditors:
		return fmt.Errorf("%d editors: %w", len(v.Editors), ErrTooMany)
	case v.Of != 0 && numbered(versions, v.Of) == nil:
		return fmt.Errorf("version %d: %w", v.Of, ErrNotFound)
	case v.At.Before(lastOf(versions)):
		return ErrBackdated
	}
	// Whoever wrote a text cannot come to approve it by having somebody else
	// hand it in again.
	for i := range versions {
		if w := &versions[i]; w.Hash != v.Hash {
			continue
		} else if lost := slices.DeleteFunc(append([]string{w.Author}, w.Editors...), func(n string) bool { return n == SetUp || n == v.Author || named(v.Editors, n) }); len(lost) > 0 {
			return refuse(ErrNotAllowed, "version %d is the same, and is %s's text too", w.Number, strings.Join(lost, " and "))
		}
	}
	return nil
}

// CheckPolicyStep says whether a step may follow what is recorded of the
// versions: the order of steps, the second person, and the instants. Every
// store asks it within the transaction that records; roles are for Policies to
// ask before.
func CheckPolicyStep(versions []PolicyVersion, s PolicyStep) error {
	v := numbered(versions, s.Version)
	if v == nil {
		return refuse(ErrNotFound, "there is no version %d", s.Version)
	}
	if err := plainNote("note", s.Note, s.Kind == StepRejected || s.Kind == StepWithdrawn); err != nil {
		return err
	}
	if s.At.Before(lastOf(versions)) {
		return ErrBackdated
	}
	if (strings.TrimSpace(s.By) == "") != (s.Kind == StepEffective) {
		return fmt.Errorf("%s: by whom: %w", s.Kind, ErrNotAllowed)
	}
	stands := v.stands()
	a, approved := v.approval()
	setUp := v.Author == SetUp && s.By == SetUp
	ok := false
	switch s.Kind {
	case StepProposed:
		ok = stands == "" && !setUp
	case StepApproved:
		if s.From.Before(s.At) {
			return refuse(ErrPast, "%s has passed, it is %s: name an instant to come, or none for at once", s.From.UTC().Format(time.RFC3339), s.At.UTC().Format(time.RFC3339))
		}
		if setUp {
			ok = stands == "" && len(versions) == 1 && s.From.Equal(s.At)
			break
		}
		if ok = stands == StepProposed; !ok {
			break
		}
		if named(v.People(), s.By) || s.By == SetUp {
			return refuse(ErrSamePerson, "%s wrote or proposed version %d: somebody else approves it", s.By, v.Number)
		}
		if overtaken(versions, v) {
			return refuse(ErrOvertaken, "another version was approved since version %d was proposed, so that nobody looked at what it would change now: hand its text in again", v.Number)
		}
	case StepRejected:
		ok = stands == StepProposed
	case StepWithdrawn:
		ok = stands == "" || stands == StepProposed || approved && s.At.Before(a.From)
	case StepEffective:
		_, done := v.step(StepEffective)
		ok = approved && !done && !s.At.Before(a.From)
	}
	if !ok {
		return refuse(ErrNotAllowed, "version %d %s", v.Number, whyNot(s, stands, a))
	}
	return nil
}

// whyNot says in words what keeps a step from following the last one.
func whyNot(s PolicyStep, stands PolicyStepKind, approval PolicyStep) string {
	switch {
	case stands == "" && s.Kind == StepApproved, stands == "" && s.Kind == StepRejected:
		return "is a draft, which nobody has proposed yet"
	case stands == StepApproved && s.Kind == StepWithdrawn:
		return "took effect on " + approval.From.UTC().Format(time.RFC3339) + ": to go back, propose the text of an earlier version"
	case stands == StepApproved && s.Kind == StepRejected:
		return "was approved already: until it takes effect it can be withdrawn"
	case stands == "":
		return "is a draft"
	case stands == StepRejected, stands == StepWithdrawn:
		return "was " + string(stands) + ", which ended it: hand its text in again"
	}
	return "was " + string(stands) + " already"
}

// PolicyStore keeps the versions of a site's rules. Policies owns this port;
// gate/sqlite and gate/storetest implement it.
//
// Each Record method writes its records and an entry of the tamper-evident log
// for each in one transaction, in which it asks CheckPolicyVersion and
// CheckPolicyStep about what is there, and returns nil only when all would
// survive a power cut. An error that is none of those two's means that the
// caller does not know. To record the same thing again is no error. All methods
// may be called concurrently and end soon after their context does.
type PolicyStore interface {
	// RecordPolicyVersion adds a version and the steps that come with it, all or
	// nothing. Another version of that number is ErrExists.
	RecordPolicyVersion(ctx context.Context, v PolicyVersion, steps ...PolicyStep) error
	// RecordPolicyStep adds a step.
	RecordPolicyStep(ctx context.Context, s PolicyStep) error
	// PolicyVersions are all versions, by number, with their steps and without
	// their sources. None is not an error.
	PolicyVersions(ctx context.Context) ([]PolicyVersion, error)
	// PolicyVersion is one version with its source, or ErrNotFound.
	PolicyVersion(ctx context.Context, number int) (PolicyVersion, error)
	// KeepPolicy keeps the text under its hash, for those who compute a verdict
	// again; one that is kept already is no error.
	KeepPolicy(ctx context.Context, p PolicyDocument) error
	// LastAt is the latest instant of any record, as in Recorder.
	LastAt(ctx context.Context) (time.Time, error)
}
