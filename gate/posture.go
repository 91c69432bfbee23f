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

// PostureChange is one change of the site's threat level, or its end. It never
// changes. Its words name no vehicle and no driver, for they are never erased.
type PostureChange struct {
	Number int       `json:"number"`         // from 1, without gaps
	Ends   int       `json:"ends,omitempty"` // it records that this change came to its end, by itself
	By     string    `json:"by,omitempty"`   // nobody where it came by itself
	At     time.Time `json:"at"`
	From   string    `json:"from"`           // the level before; empty where nobody had set one
	Level  string    `json:"level"`          // the level from At on
	Until  time.Time `json:"until,omitzero"` // from this instant on Then holds; zero is until the next change
	Then   string    `json:"then,omitempty"`
	Why    string    `json:"why,omitempty"`
	Seq    int64     `json:"seq,omitempty"` // of its entry in the log; the store says
}

// PostureState is the threat level at an instant.
type PostureState struct {
	Level string    `json:"level"` // empty where nobody has set one: the site's least
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"` // the end that comes by itself
	Then  string    `json:"then,omitempty"`
	By    string    `json:"by,omitempty"` // of the change that holds, or that came to its end
	Why   string    `json:"why,omitempty"`
	Ended bool      `json:"ended,omitempty"` // that change came to its end
}

// PostureAt is the level at an instant, by the records alone: the last change
// made by then, or what it falls back to. The record of an end is for the reader
// of the log and decides nothing.
func PostureAt(changes []PostureChange, at time.Time) PostureState {
	for _, c := range slices.Backward(changes) {
		switch {
		case c.Ends != 0 || c.At.After(at):
		case !c.Until.IsZero() && !c.Until.After(at):
			return PostureState{Level: c.Then, Since: c.Until, By: c.By, Why: c.Why, Ended: true}
		default:
			return PostureState{Level: c.Level, Since: c.At, Until: c.Until, Then: c.Then, By: c.By, Why: c.Why}
		}
	}
	return PostureState{}
}

// lastPosture is the last change that somebody made.
func lastPosture(changes []PostureChange) (PostureChange, bool) {
	for _, c := range slices.Backward(changes) {
		if c.Ends == 0 {
			return c, true
		}
	}
	return PostureChange{}, false
}

// CheckPosture says whether a change may follow those that are recorded. Every
// store asks it within the transaction that records; roles and the site's levels
// are for Postures to ask before.
func CheckPosture(changes []PostureChange, c PostureChange) error {
	if c.Number != len(changes)+1 {
		return fmt.Errorf("change %d after %d of them: %w", c.Number, len(changes), ErrExists)
	}
	if n := len(changes); n > 0 && c.At.Before(changes[n-1].At) {
		return ErrBackdated
	}
	if c.Ends != 0 {
		last, ok := lastPosture(changes)
		done := slices.ContainsFunc(changes, func(k PostureChange) bool { return k.Ends == c.Ends })
		if !ok || done || last.Number != c.Ends || last.Until.IsZero() || c.At.Before(last.Until) || c.By != "" || c.Level != last.Then || c.From != last.Level {
			return fmt.Errorf("the end of change %d: %w", c.Ends, ErrNotAllowed)
		}
		return nil
	}
	if err := plainNote("why", c.Why, true); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(c.By) == "":
		return fmt.Errorf("nobody is named: %w", ErrNotAllowed)
	case c.Level == "":
		return errors.New("no level is named")
	case c.From != PostureAt(changes, c.At).Level:
		return refuse(ErrExists, "the level is %q and no longer %q", PostureAt(changes, c.At).Level, c.From)
	case c.Until.IsZero() != (c.Then == ""):
		return errors.New("an end and the level after it belong together")
	case !c.Until.IsZero() && !c.Until.After(c.At):
		return refuse(ErrPast, "it would end before it begins: %s has passed, it is %s", c.Until.UTC().Format(time.RFC3339), c.At.UTC().Format(time.RFC3339))
	}
	return nil
}

// PostureStore keeps the changes of the threat level. Postures owns this port;
// gate/sqlite and gate/storetest implement it, on the terms of PolicyStore, with
// CheckPosture in the transaction.
type PostureStore interface {
	RecordPosture(ctx context.Context, c PostureChange) error
	// PostureChanges are all changes, by number.
	PostureChanges(ctx context.Context) ([]PostureChange, error)
	// LastAt is the latest instant of any record, as in Recorder.
	LastAt(ctx context.Context) (time.Time, error)
}

// PosturesConfig is what Postures is made of.
type PosturesConfig struct {
	Store  PostureStore
	Clock  *Clock   // of all records of the site
	Levels []string // as the site names them, least first
	// Changed is told, after the record is durable, that another level holds;
	// nil where no lane runs. Controller.Changed is one.
	Changed func(ctx context.Context, because string) error
	Log     *slog.Logger // nil: slog.Default
}

// Postures is what people do with the site's threat level, and the level at each
// instant. Its methods may be called concurrently. A change is durable on
// return, and no vehicle is decided by it before; an error that is
// ErrNotDecidedAgain comes after that.
type Postures struct {
	cfg PosturesConfig

	acts sync.Mutex // held by whoever records

	mu      sync.RWMutex // held for writing from a stamp until its record is durable
	changes []PostureChange
	told    string // the level of which lanes were told

	wake chan struct{}
}

// NewPostures reads what is recorded.
func NewPostures(ctx context.Context, cfg PosturesConfig) (*Postures, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("posture: no store")
	case cfg.Clock == nil:
		return nil, errors.New("posture: no clock")
	case len(cfg.Levels) == 0:
		return nil, errors.New("posture: the site has no level")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Postures{cfg: cfg, wake: make(chan struct{}, 1)}
	last, err := cfg.Store.LastAt(ctx)
	if err != nil {
		return nil, fmt.Errorf("posture: %w", err)
	}
	cfg.Clock.AtLeast(last)
	if s.changes, err = cfg.Store.PostureChanges(ctx); err != nil {
		return nil, fmt.Errorf("posture: %w", err)
	}
	at := cfg.Clock.Now()
	s.told = s.At(at).Level
	return s, nil
}

// At is the level at an instant. Where nobody has set one it is the site's
// least.
func (s *Postures) At(at time.Time) PostureState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state(at)
}

func (s *Postures) state(at time.Time) PostureState {
	p := PostureAt(s.changes, at)
	if p.Level == "" {
		p.Level = s.cfg.Levels[0]
	}
	return p
}

// Rank is the level at an instant as rules compare it (PostureRank).
func (s *Postures) Rank(at time.Time) int { return PostureRank(s.cfg.Levels, s.At(at).Level) }

// PostureRank is a level as rules compare it: its place among the site's levels,
// 0 the least, which holds where nobody has set one. A level that the site no
// longer names counts as the highest.
func PostureRank(levels []string, level string) int {
	if level == "" {
		return 0
	}
	if i := slices.Index(levels, level); i >= 0 {
		return i
	}
	return max(len(levels)-1, 0)
}

func (s *Postures) place(level string) int { return slices.Index(s.cfg.Levels, level) }

// Levels are the site's levels, least first.
func (s *Postures) Levels() []string { return slices.Clone(s.cfg.Levels) }

// Changes are all changes, oldest first.
func (s *Postures) Changes() []PostureChange {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.changes)
}

// PostureAsk is a change that somebody asks for.
type PostureAsk struct {
	Level string
	Why   string
	Until time.Time // zero: until the next change
	Then  string    // level after Until; empty is the level that holds now
}

// Set changes the level, in one act. Whoever may only raise it sets none that
// is, at any instant, lower than what would hold without the act.
func (s *Postures) Set(ctx context.Context, who Person, ask PostureAsk) (PostureChange, error) {
	fail := func(err error) (PostureChange, error) {
		return PostureChange{}, fmt.Errorf("posture: %w", inWords(err))
	}
	if strings.EqualFold(who.Name, SetUp) {
		return fail(ErrForbidden)
	}
	if err := who.may(auth.RaisePosture); err != nil {
		return fail(err)
	}
	for _, level := range []string{ask.Level, ask.Then} {
		if s.place(level) < 0 && (level != "" || ask.Level == "") {
			return fail(fmt.Errorf("%q is none of the site's levels: %s", level, strings.Join(s.cfg.Levels, ", ")))
		}
	}
	if ask.Until.IsZero() && ask.Then != "" {
		return fail(errors.New("the level after the end needs an end"))
	}
	s.acts.Lock()
	if err := s.ended(ctx); err != nil { // before it is no longer the last
		s.acts.Unlock()
		return fail(err)
	}
	change, err := s.record(ctx, func(now []PostureChange, at time.Time) (PostureChange, error) {
		c := PostureChange{
			Number: len(now) + 1, By: who.Name, At: at, From: PostureAt(now, at).Level, Level: ask.Level,
			Until: ask.Until.UTC(), Then: ask.Then, Why: ask.Why,
		}
		if ask.Until.IsZero() {
			c.Until = time.Time{}
		} else if c.Then == "" {
			if c.Then = c.From; c.Then == "" {
				c.Then = s.cfg.Levels[0]
			}
		}
		if !auth.May(who.Role, auth.SetPosture) && s.lowers(now, c) {
			return c, fmt.Errorf("%s, %q may raise the level and not lower it: %w", who.Name, who.Role, ErrForbidden)
		}
		return c, nil
	})
	s.acts.Unlock()
	if err != nil {
		return fail(err)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return change, s.settle(ctx)
}

// lowers says whether the level is lower with the change than without it, at any
// instant from then on.
func (s *Postures) lowers(before []PostureChange, c PostureChange) bool {
	after := append(slices.Clone(before), c)
	instants := []time.Time{c.At}
	for _, k := range []PostureChange{c, func() PostureChange { l, _ := lastPosture(before); return l }()} {
		if k.Until.After(c.At) {
			instants = append(instants, k.Until)
		}
	}
	rank := func(list []PostureChange, at time.Time) int {
		level := PostureAt(list, at).Level
		if level == "" {
			return 0
		}
		if i := s.place(level); i >= 0 {
			return i
		}
		return len(s.cfg.Levels) // a level that the site no longer names: whoever may lower it says what holds
	}
	return slices.ContainsFunc(instants, func(at time.Time) bool { return rank(after, at) < rank(before, at) })
}

// record stamps and records a change, while nobody is told which level holds,
// and publishes what then stands. The caller holds acts.
func (s *Postures) record(ctx context.Context, make func([]PostureChange, time.Time) (PostureChange, error)) (PostureChange, error) {
	// A caller who goes away must not leave the outcome unknown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	last, err := s.cfg.Store.LastAt(ctx)
	if err != nil {
		return PostureChange{}, err
	}
	s.cfg.Clock.AtLeast(last)
	now, err := s.cfg.Store.PostureChanges(ctx)
	if err != nil {
		return PostureChange{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, _ := s.cfg.Clock.Stamp()
	c, err := make(now, at)
	if err != nil {
		return c, err
	}
	err = s.cfg.Store.RecordPosture(ctx, c)
	now, unread := s.cfg.Store.PostureChanges(ctx)
	if unread != nil {
		return c, errors.Join(err, unread)
	}
	s.changes = now
	for _, k := range now { // an error of the store may hide that the record was made
		if k.Number == c.Number && k.By == c.By && k.Level == c.Level && k.At.Equal(c.At) {
			return k, nil
		}
	}
	return c, err
}

// settle records an end that came by itself, and has the lanes decide again
// where another level holds than they were told of.
func (s *Postures) settle(ctx context.Context) error {
	s.acts.Lock()
	err := s.ended(ctx)
	s.mu.Lock()
	at := s.cfg.Clock.Now()
	level := s.state(at).Level
	turned := level != s.told
	s.told = level
	s.mu.Unlock()
	s.acts.Unlock()
	if turned {
		err = errors.Join(err, decideAgain(ctx, s.cfg.Changed, "posture"))
	}
	return err
}

// ended records that the last change came to its end. The caller holds acts.
func (s *Postures) ended(ctx context.Context) error {
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	now, err := s.cfg.Store.PostureChanges(short)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.changes = now
	s.mu.Unlock()
	last, ok := lastPosture(now)
	at := s.cfg.Clock.Now()
	done := slices.ContainsFunc(now, func(c PostureChange) bool { return c.Ends == last.Number })
	if !ok || done || last.Until.IsZero() || last.Until.After(at) {
		return nil
	}
	_, err = s.record(ctx, func(now []PostureChange, at time.Time) (PostureChange, error) {
		return PostureChange{Number: len(now) + 1, Ends: last.Number, At: at, From: last.Level, Level: last.Then}, nil
	})
	if err != nil {
		return fmt.Errorf("posture %s came to its end, and it is not recorded that it did: %w", last.Level, err)
	}
	return nil
}

// Run has changes come to their end when they are due, until the context ends.
// It returns nil.
func (s *Postures) Run(ctx context.Context) error {
	keepTime(ctx, s.cfg.Clock, s.wake, func(at time.Time) time.Time { return s.At(at).Until }, func(ctx context.Context) error {
		err := s.settle(ctx)
		if err != nil {
			s.cfg.Log.ErrorContext(ctx, "posture", "error", err)
		}
		return err
	})
	return nil
}
