package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/gate/auth"
)

// ActDuress is that the person who acts is being forced. It changes nothing that
// can be seen at the lane.
const ActDuress ActKind = "duress"

// UnderDuress stands as the second person of an override for which the guard's
// own sign of duress was given. No person may bear the name.
const UnderDuress = "nobody, under duress"

// overridesOver is the time over which the overrides of one person count.
const overridesOver = 24 * time.Hour

// The classes of error of Desk, beside those of the Controller.
var (
	// ErrOverrides says that no more overrides are allowed in the shift, or with
	// this person.
	ErrOverrides = errors.New("no more overrides are allowed")
	// ErrPINWrong says that the PIN is wrong, or that the person has none or may
	// not be the second person.
	ErrPINWrong = errors.New("name or PIN is wrong")
	// ErrPINLocked says that there were too many wrong tries.
	ErrPINLocked = errors.New("the PIN is locked after too many wrong tries")
)

// The events of acts that a rule of the site refused, and of PINs.
const (
	EventActRefused EventKind = "act-refused"
	EventPINLocked  EventKind = "pin-locked"
	EventPINSet     EventKind = "pin-set"
)

// ActReason is one reason that a person may choose for letting a vehicle in
// against a verdict. The record keeps its English words.
type ActReason struct {
	Code       string // lower-case words with hyphens
	En, Pl, De string // empty: the words that the program has for the code
}

// ReasonOther is the code of a reason in the person's own words. It is always
// offered.
const ReasonOther = "other"

// ActRules are what the site asks of acts.
type ActRules struct {
	Reasons            []ActReason // offered, in this order; empty: those of the program
	OverridesPerShift  int         // at one lane in one shift; 0: no limit
	OverridesPerPerson int         // asked for by one guard, or approved by one supervisor, within 24 hours; 0: no limit
}

// PINHolder is a person who has a PIN.
type PINHolder struct {
	Name string
	Role auth.Role
	PIN  auth.PINState
}

// PINStore keeps PINs. Desk owns this port; gate/sqlite and gate/storetest
// implement it. Names are those under which people sign in; whoever may not sign
// in has no PIN. What a method writes is durable when it returns nil. All methods
// may be called concurrently; tries at once count one after the other.
type PINStore interface {
	// PINHolders are all who have a PIN, by name, without its hash.
	PINHolders(ctx context.Context) ([]PINHolder, error)
	// PINOf is one of them, or ErrNotFound.
	PINOf(ctx context.Context, name string) (PINHolder, error)
	// TryPIN counts one try (auth.PINState.Try) and returns the state with it; ok
	// is false where none may be made. ErrNotFound for who has no PIN.
	TryPIN(ctx context.Context, name string, at time.Time) (h PINHolder, ok bool, err error)
	// PINPassed forgets the tries.
	PINPassed(ctx context.Context, name string) error
	// SetPIN sets or, with an empty hash, takes away the PIN of a person, and
	// forgets the tries. ErrNotFound when there is no such person.
	SetPIN(ctx context.Context, name, hash string) error
}

// OverrideStore says which overrides were made.
type OverrideStore interface {
	// OverridesSince are the overrides of all lanes from that instant on.
	OverridesSince(ctx context.Context, from time.Time) ([]OverrideMade, error)
}

// OverrideMade is an override as limits count it.
type OverrideMade struct {
	Lane       LaneID
	By         string
	Supervisor string
	At         time.Time
}

// DeskLanes is the part of the Controller that Desk works with.
type DeskLanes interface {
	View(id LaneID) (LaneView, bool)
	Act(ctx context.Context, id LaneID, a Act) error
}

// DeskConfig is what Desk is made of.
type DeskConfig struct {
	Lanes DeskLanes
	Store interface {
		PINStore
		OverrideStore
		RecordEvent(context.Context, Event) error
	}
	Clock  *Clock // of all records of the site
	Rules  ActRules
	Alarms *Alarms
	Shifts *Shifts      // nil: a day is one shift
	Log    *slog.Logger // nil: slog.Default
}

// Desk is the one way for people to act at the lanes: it stands before the
// Controller, holds acts to the site's limits, has second persons sign, and
// raises the alarm where somebody is forced. Its methods may be called
// concurrently.
type Desk struct {
	cfg DeskConfig

	mu   sync.Mutex
	made []OverrideMade // of the last day or of shifts that last; those being made are among them

	guesses map[string]guesses // by guard
}

// guesses are the wrong PINs in a row that were typed on a guard's screen,
// whoever was named with them. What bounds them is that the guard's own sign of
// duress opens too: whoever names nobody that there is locks no PIN.
type guesses struct {
	n     int
	until time.Time // none opens by the guard's own sign until then
}

// guessTries is how many are let pass: many more than lock the PIN of a second
// person, so that a guard who is forced can still call for help after those.
const guessTries = 20

// NewDesk reads which overrides were made of late.
func NewDesk(ctx context.Context, cfg DeskConfig) (*Desk, error) {
	switch {
	case cfg.Lanes == nil:
		return nil, errors.New("desk: no lanes")
	case cfg.Store == nil:
		return nil, errors.New("desk: no store")
	case cfg.Clock == nil:
		return nil, errors.New("desk: no clock")
	case cfg.Alarms == nil:
		return nil, errors.New("desk: no alarms")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	d := &Desk{cfg: cfg, guesses: make(map[string]guesses)}
	made, err := cfg.Store.OverridesSince(ctx, d.horizon(cfg.Clock.Now()))
	if err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	d.made = made
	return d, nil
}

// horizon is from when on an override can still count.
func (d *Desk) horizon(now time.Time) time.Time {
	from := now.Add(-overridesOver)
	if d.cfg.Shifts != nil {
		for _, s := range d.cfg.Shifts.All() {
			if s.Open() && s.Since.Before(from) {
				from = s.Since
			}
		}
	}
	return from
}

// since is when the shift of a lane began.
func (d *Desk) since(lane LaneID, now time.Time) time.Time {
	if d.cfg.Shifts != nil {
		if s, ok := d.cfg.Shifts.At(lane); ok && s.Open() {
			return s.Since
		}
	}
	return now.Add(-overridesOver)
}

// Reasons are the reasons that the site offers.
func (d *Desk) Reasons() []ActReason { return slices.Clone(d.cfg.Rules.Reasons) }

// Left is how many more overrides the lane's shift allows; -1 is any number.
func (d *Desk) Left(lane LaneID) int {
	if d.cfg.Rules.OverridesPerShift == 0 {
		return -1
	}
	now := d.cfg.Clock.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(0, d.cfg.Rules.OverridesPerShift-d.inShift(lane, now))
}

func (d *Desk) inShift(lane LaneID, now time.Time) (n int) {
	since := d.since(lane, now)
	for _, m := range d.made {
		if m.Lane == lane && !m.At.Before(since) {
			n++
		}
	}
	return n
}

// take reserves an override, or says why there is none to be had. Reserving
// before the record is made is what makes a limit hold for many at once. Whoever
// is forced is let down by no limit, and uses it up as every other: what is left
// can be seen.
func (d *Desk) take(lane LaneID, a Act, forced bool) (release func(), err error) {
	now := d.cfg.Clock.Now()
	horizon := d.horizon(now)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made = slices.DeleteFunc(d.made, func(m OverrideMade) bool { return m.At.Before(horizon) })
	if most := d.cfg.Rules.OverridesPerShift; most > 0 && !forced && d.inShift(lane, now) >= most {
		return nil, refuse(ErrOverrides, "the limit of %d in a shift is reached", most)
	}
	if most := d.cfg.Rules.OverridesPerPerson; most > 0 && !forced {
		by, approved := 0, 0
		for _, m := range d.made {
			if m.At.Before(now.Add(-overridesOver)) {
				continue
			}
			if m.By == a.By {
				by++
			}
			if m.Supervisor == a.Supervisor {
				approved++
			}
		}
		if by >= most || approved >= most {
			return nil, refuse(ErrOverrides, "the limit of %d of one person in 24 hours is reached", most)
		}
	}
	mine := OverrideMade{Lane: lane, By: a.By, Supervisor: a.Supervisor, At: now}
	d.made = append(d.made, mine)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if i := slices.Index(d.made, mine); i >= 0 {
			d.made = slices.Delete(d.made, i, i+1)
		}
	}, nil
}

// notRecorded are the errors that say for sure that an act is not on record.
var notRecorded = [...]error{
	ErrStale, ErrDecidedAgain, ErrNotAllowed, ErrNeedsReason, ErrNeedsSupervisor, ErrOutOfService, ErrUnknownLane, ErrBusy,
}

// Act carries out one act of one person at a lane, as Controller.Act, within the
// site's limits. An override needs the name of the second person, who has signed.
func (d *Desk) Act(ctx context.Context, lane LaneID, a Act) error {
	if a.Kind == ActDuress {
		d.Duress(lane, a.By)
		return nil
	}
	if a.By == UnderDuress || a.Supervisor == UnderDuress {
		return fmt.Errorf("act %q at %q: %w", a.Kind, lane, ErrNotAllowed)
	}
	return d.act(ctx, lane, a, false)
}

func (d *Desk) act(ctx context.Context, lane LaneID, a Act, forced bool) error {
	if a.Kind != ActOverride {
		return d.cfg.Lanes.Act(ctx, lane, a)
	}
	release, err := d.take(lane, a, forced)
	if err != nil {
		d.event(ctx, Event{Kind: EventActRefused, Lane: lane, By: a.By, Detail: "override: " + err.Error()})
		return fmt.Errorf("act %q at %q: %w", a.Kind, lane, err)
	}
	err = d.cfg.Lanes.Act(ctx, lane, a)
	for _, known := range notRecorded {
		if errors.Is(err, known) {
			release()
			return err
		}
	}
	return err // where it is not known whether it is on record, it counts
}

// Duress raises the silent alarm of a lane. Nothing that the lane shows changes,
// and nothing is waited for.
func (d *Desk) Duress(lane LaneID, by string) {
	a := SiteAlarm{Lane: lane, Kind: AlarmDuress, By: by, Silent: true}
	if v, ok := d.cfg.Lanes.View(lane); ok && v.Passage != nil && v.Durable {
		a.Passage = v.Passage.ID
	}
	d.cfg.Alarms.Raise(a)
}

// Override is Act for an override that a second person signs with a PIN on the
// guard's screen. The second person's or the guard's own PIN with its last digit
// one higher lets the vehicle in as the right PIN does, whatever the limits, and
// raises the silent alarm. What is done, and so how long it takes, is the same
// either way.
func (d *Desk) Override(ctx context.Context, lane LaneID, guard Person, a Act, supervisor, pin string) error {
	a.Kind, a.By = ActOverride, guard.Name
	if strings.TrimSpace(a.Reason) == "" {
		return fmt.Errorf("act %q at %q: %w", a.Kind, lane, ErrNeedsReason)
	}
	name, forced, err := d.sign(ctx, lane, guard, strings.TrimSpace(supervisor), pin)
	if err != nil {
		return fmt.Errorf("act %q at %q: %w", a.Kind, lane, err)
	}
	a.Supervisor = name
	if forced {
		d.Duress(lane, guard.Name)
	}
	return d.act(ctx, lane, a, forced)
}

// sign says who signs with that PIN, and whether somebody is forced.
func (d *Desk) sign(ctx context.Context, lane LaneID, guard Person, supervisor, pin string) (name string, forced bool, err error) {
	at := d.cfg.Clock.Now()
	second, free, err := d.cfg.Store.TryPIN(ctx, supervisor, at)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", false, err
	}
	known := err == nil
	own, err := d.cfg.Store.PINOf(ctx, guard.Name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", false, err
	}
	match, err := check(second, pin)
	if err != nil {
		return "", false, err
	}
	ownMatch, err := check(own, pin)
	if err != nil {
		return "", false, err
	}
	may := known && free && match != auth.PINWrong && second.Name != guard.Name && auth.May(second.Role, auth.ApproveOverride)
	switch {
	case ownMatch == auth.PINDuress && !(may && match == auth.PINRight):
		if d.guessing(guard.Name, at) { // it may be nobody's sign; help comes all the same
			d.Duress(lane, guard.Name)
			return "", false, ErrPINLocked
		}
		// The same write as for the right PIN; the second person's tries stay.
		return UnderDuress, true, d.cfg.Store.PINPassed(ctx, guard.Name)
	case known && !free:
		return "", false, ErrPINLocked
	case match == auth.PINWrong:
		d.guessed(guard.Name, at)
		d.tried(ctx, lane, second, at)
		return "", false, ErrPINWrong
	}
	if err := d.cfg.Store.PINPassed(ctx, second.Name); err != nil {
		return "", false, err
	}
	d.mu.Lock()
	delete(d.guesses, guard.Name)
	d.mu.Unlock()
	switch {
	case second.Name == guard.Name:
		return "", false, ErrNeedsSupervisor
	case !may:
		return "", false, ErrPINWrong
	}
	return second.Name, match == auth.PINDuress, nil
}

// tried says so where a wrong try has locked the PIN.
func (d *Desk) tried(ctx context.Context, lane LaneID, h PINHolder, at time.Time) {
	if !h.PIN.Locked(at) {
		return
	}
	d.event(ctx, Event{Kind: EventPINLocked, Lane: lane, By: h.Name, Detail: fmt.Sprintf("%d wrong tries", h.PIN.Tries)})
	d.cfg.Alarms.Raise(SiteAlarm{Lane: lane, Kind: AlarmPINLocked, By: h.Name})
}

// guessing says whether too many wrong PINs were typed on a guard's screen.
func (d *Desk) guessing(guard string, at time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return at.Before(d.guesses[guard].until)
}

func (d *Desk) guessed(guard string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.guesses[guard]
	if g.n++; g.n > guessTries {
		g.until = at.Add(auth.PINLock(g.n - guessTries + auth.PINTries))
	}
	d.guesses[guard] = g
}

func check(h PINHolder, pin string) (auth.PINMatch, error) {
	if h.PIN.Hash == "" {
		auth.SpendPIN(pin)
		return auth.PINWrong, nil
	}
	return auth.CheckPIN(h.PIN.Hash, pin)
}

// Confirm says who signs a handover with a PIN on another's screen. The sign of
// duress is as good as the PIN there, and raises the alarm.
func (d *Desk) Confirm(ctx context.Context, lane LaneID, name, pin string) (Person, error) {
	fail := func(err error) (Person, error) {
		return Person{}, fmt.Errorf("confirm at %q: %w", lane, err)
	}
	at := d.cfg.Clock.Now()
	h, free, err := d.cfg.Store.TryPIN(ctx, strings.TrimSpace(name), at)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fail(err)
	}
	match, err := check(h, pin)
	switch {
	case err != nil:
		return fail(err)
	case h.Name != "" && !free:
		return fail(ErrPINLocked)
	case match == auth.PINWrong:
		d.tried(ctx, lane, h, at)
		return fail(ErrPINWrong)
	}
	if err := d.cfg.Store.PINPassed(ctx, h.Name); err != nil {
		return fail(err)
	}
	if match == auth.PINDuress {
		d.Duress(lane, h.Name)
	}
	return Person{Name: h.Name, Role: h.Role}, nil
}

// Signers are the people with a PIN who may be the second person of an override
// of that guard.
func (d *Desk) Signers(ctx context.Context, guard string) ([]string, error) {
	holders, err := d.cfg.Store.PINHolders(ctx)
	if err != nil {
		return nil, fmt.Errorf("who has a PIN: %w", err)
	}
	var out []string
	for _, h := range holders {
		if auth.May(h.Role, auth.ApproveOverride) && h.Name != guard {
			out = append(out, h.Name)
		}
	}
	return out, nil
}

// Workers are the people with a PIN who may have a lane.
func (d *Desk) Workers(ctx context.Context) ([]string, error) {
	holders, err := d.cfg.Store.PINHolders(ctx)
	if err != nil {
		return nil, fmt.Errorf("who has a PIN: %w", err)
	}
	var out []string
	for _, h := range holders {
		if auth.May(h.Role, auth.WorkLane) {
			out = append(out, h.Name)
		}
	}
	return out, nil
}

// event logs something that must not keep a guard from the gate.
func (d *Desk) event(ctx context.Context, e Event) {
	e.At, _ = d.cfg.Clock.Stamp()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	if err := d.cfg.Store.RecordEvent(ctx, e); err != nil {
		d.cfg.Log.ErrorContext(ctx, "event not recorded", "event", e.Kind, "lane", e.Lane, "error", err)
	}
}
