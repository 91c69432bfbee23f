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
	"sallyport/policy"
)

// PoliciesConfig is what Policies is made of.
type PoliciesConfig struct {
	Store PolicyStore
	Clock *Clock // of all records of the site
	// Load compiles a text that was approved once.
	Load func(name string, source []byte) (*policy.Policy, error)
	// Check compiles a text that somebody proposes or approves, and refuses what
	// should not come into force here.
	Check func(name string, source []byte) (*policy.Policy, error)
	// Changed is told, after the record is durable, that another version is in
	// force; nil where no lane runs. Controller.Changed is one.
	Changed func(ctx context.Context, because string) error
	Log     *slog.Logger // nil: slog.Default
}

// Policies is what people do with the site's rules, and the rules in force at
// each instant: the one way in for screens and the command line. Its methods may
// be called concurrently. What is recorded is durable on return; an error that
// is ErrNotDecidedAgain comes after that.
//
// Which version decides is a function of the records alone (InForce). Between
// the stamp of an approval and its being durable nobody is told which version is
// in force, so that a vehicle that comes after the stamp is decided by what was
// approved, or by what was in force before if it was not.
type Policies struct {
	cfg PoliciesConfig

	acts sync.Mutex // held by whoever records

	mu       sync.RWMutex
	versions []PolicyVersion // without sources
	told     int             // the version in force of which lanes were told

	loading sync.Mutex
	loaded  map[int]*policy.Policy

	wake chan struct{}
}

// NewPolicies reads what is recorded.
func NewPolicies(ctx context.Context, cfg PoliciesConfig) (*Policies, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("policies: no store")
	case cfg.Clock == nil:
		return nil, errors.New("policies: no clock")
	case cfg.Load == nil, cfg.Check == nil:
		return nil, errors.New("policies: nothing reads a text")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Policies{cfg: cfg, loaded: make(map[int]*policy.Policy), wake: make(chan struct{}, 1)}
	last, err := cfg.Store.LastAt(ctx)
	if err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	cfg.Clock.AtLeast(last)
	if s.versions, err = cfg.Store.PolicyVersions(ctx); err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	at := cfg.Clock.Now()
	if v, ok := InForce(s.versions, at); ok {
		s.told = v.Number
	}
	return s, nil
}

// Versions are all versions with their steps and without their sources.
func (s *Policies) Versions() []PolicyVersion {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.versions)
}

// InForce is the version in force at an instant, and its rules. Before the first
// version took effect, it is the first: there is nothing else to decide by. It
// is ErrNotFound at a site that has none.
func (s *Policies) InForce(at time.Time) (PolicyVersion, *policy.Policy, error) {
	versions := s.Versions()
	v, ok := InForce(versions, at)
	if !ok {
		if len(versions) == 0 || versions[0].Author != SetUp {
			return v, nil, fmt.Errorf("a version in force: %w", ErrNotFound)
		}
		v = versions[0]
	}
	p, err := s.rules(v.Number)
	return v, p, err
}

// rules are the compiled rules of a version that was approved.
func (s *Policies) rules(number int) (*policy.Policy, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	if p, ok := s.loaded[number]; ok {
		return p, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), storePatience)
	defer cancel()
	v, err := s.cfg.Store.PolicyVersion(ctx, number)
	if err != nil {
		return nil, err
	}
	p, err := s.cfg.Load(v.name(), []byte(v.Source))
	if err != nil {
		return nil, fmt.Errorf("version %d cannot be read by this program: %w", number, err)
	}
	if p.Hash() != v.Hash {
		s.cfg.Log.Warn("this program reads a version otherwise than the one that recorded it", "version", number, "recorded", v.Hash, "now", p.Hash())
		if err := s.keep(ctx, v, p.Hash()); err != nil {
			return nil, err
		}
	}
	s.loaded[number] = p
	return p, nil
}

// storePatience bounds a step on the store that nobody's context should cut.
const storePatience = 10 * time.Second

func (v *PolicyVersion) name() string {
	if v.File != "" {
		return v.File
	}
	return fmt.Sprintf("version %d", v.Number)
}

// Ready compiles the version in force and those that are due, so that no vehicle
// waits for it. One that is due and cannot be read is for the log: the lanes
// would go to manual procedure when it takes effect.
func (s *Policies) Ready(at time.Time) error {
	if _, _, err := s.InForce(at); err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	versions := s.Versions()
	for t := at; ; {
		v, from, ok := NextInForce(versions, t)
		if !ok {
			return nil
		}
		if _, err := s.rules(v.Number); err != nil {
			s.cfg.Log.Error("a version that is due cannot be read; withdraw it", "version", v.Number, "from", from, "error", err)
		}
		t = from
	}
}

// Coming are the rules in force at an instant, and those that are due.
func (s *Policies) Coming(at time.Time) []*policy.Policy {
	var out []*policy.Policy
	if _, p, err := s.InForce(at); err == nil {
		out = append(out, p)
	}
	versions := s.Versions()
	for t := at; ; {
		v, from, ok := NextInForce(versions, t)
		if !ok {
			return out
		}
		if p, err := s.rules(v.Number); err == nil {
			out = append(out, p)
		}
		t = from
	}
}

// Words asks the rules that a verdict names by their hash: what a version decided
// is shown in its own words, for another may mean something else by the same id.
// Of rules that never were in force here there are none; the record has the
// sentence that was given then.
func (s *Policies) Words(hash string, ask func(*policy.Policy) string) string {
	for _, v := range slices.Backward(s.Versions()) {
		if _, ok := v.approval(); !ok || v.Hash != hash {
			continue
		}
		if p, err := s.rules(v.Number); err == nil {
			return ask(p)
		}
	}
	// This program may read a version otherwise than the one that recorded it.
	s.loading.Lock()
	defer s.loading.Unlock()
	for _, p := range s.loaded {
		if p.Hash() == hash {
			return ask(p)
		}
	}
	return ""
}

// Assessor decides each request by the rules in force at its instant. It panics
// where they cannot be read, which takes a lane to manual procedure.
func (s *Policies) Assessor(judge func() *Judge) Assessor {
	return AssessorFunc(func(r Request) Assessment {
		_, p, err := s.InForce(r.At)
		if err != nil {
			panic(err)
		}
		return judge().Under(p).Assess(r)
	})
}

// PolicyText is a text that somebody hands in.
type PolicyText struct {
	File    string   // its name, for messages
	Source  string   // all of it
	Editors []string // others who worked on it, beside who hands it in
	Note    string
	Of      int // roll-back: whose text it is
}

// SetUp makes version 1 of what the site was set up with, and has it in force at
// once. The record says that no two people stand behind it. It is ErrExists
// where there are versions.
func (s *Policies) SetUp(ctx context.Context, t PolicyText) (PolicyVersion, error) {
	if t.Note == "" {
		t.Note = "approved by nobody: the site was set up with it"
	}
	v, err := s.add(ctx, SetUp, t, StepApproved, t.Note)
	if err != nil {
		return v, err
	}
	return v, s.settle(ctx)
}

// Draft records a text without any effect.
func (s *Policies) Draft(ctx context.Context, who Person, t PolicyText) (PolicyVersion, error) {
	if err := s.person(who, auth.ProposePolicy); err != nil {
		return PolicyVersion{}, fmt.Errorf("draft: %w", err)
	}
	return s.add(ctx, who.Name, t, "", "")
}

// Submit records a text and proposes it.
func (s *Policies) Submit(ctx context.Context, who Person, t PolicyText) (PolicyVersion, error) {
	if err := s.person(who, auth.ProposePolicy); err != nil {
		return PolicyVersion{}, fmt.Errorf("propose: %w", err)
	}
	if err := plainNote("note", t.Note, true); err != nil {
		return PolicyVersion{}, fmt.Errorf("propose: %w", err)
	}
	return s.add(ctx, who.Name, t, StepProposed, t.Note)
}

// RollBack proposes the text of an earlier version as a new one. The rule stays:
// another person approves it.
func (s *Policies) RollBack(ctx context.Context, who Person, number int, note string) (PolicyVersion, error) {
	v, err := s.version(ctx, number)
	if err != nil {
		return PolicyVersion{}, fmt.Errorf("roll back: %w", err)
	}
	if _, ok := v.approval(); !ok {
		return PolicyVersion{}, fmt.Errorf("roll back: %w", refuse(ErrNotAllowed, "version %d never was in force", number))
	}
	at := s.cfg.Clock.Now()
	if now, ok := InForce(s.Versions(), at); ok && now.Hash == v.Hash {
		// Where other rules are due, going back after them can be planned.
		if _, _, due := NextInForce(s.Versions(), at); !due {
			return PolicyVersion{}, fmt.Errorf("roll back: %w", refuse(ErrNotAllowed, "the rules of version %d are in force, as version %d", number, now.Number))
		}
	}
	return s.Submit(ctx, who, PolicyText{File: v.File, Source: v.Source, Note: note, Of: number})
}

// person makes sure of who acts. Nobody acts in the name of the set-up.
func (s *Policies) person(who Person, need auth.Permission) error {
	if strings.EqualFold(who.Name, SetUp) {
		return ErrForbidden
	}
	return who.may(need)
}

// add records a new version, with its first step.
func (s *Policies) add(ctx context.Context, author string, t PolicyText, kind PolicyStepKind, note string) (PolicyVersion, error) {
	fail := func(err error) (PolicyVersion, error) {
		return PolicyVersion{}, fmt.Errorf("new version: %w", inWords(err))
	}
	read := s.cfg.Check
	if author == SetUp {
		read = s.cfg.Load
	}
	p, err := read(t.File, []byte(t.Source))
	if err != nil {
		return fail(err)
	}
	if err := changeable(p); err != nil {
		return fail(err)
	}
	s.acts.Lock()
	defer s.acts.Unlock()
	versions, err := s.cfg.Store.PolicyVersions(ctx)
	if err != nil {
		return fail(err)
	}
	v := PolicyVersion{
		Number: len(versions) + 1, ID: p.ID(), Hash: p.Hash(), Source: t.Source, File: t.File,
		Author: author, Of: t.Of, Note: t.Note,
	}
	if author == SetUp && len(versions) > 0 {
		return fail(ErrExists)
	}
	add := func(name string) {
		if name = strings.TrimSpace(name); name != "" && name != SetUp && !strings.EqualFold(name, author) && !named(v.Editors, name) {
			v.Editors = append(v.Editors, name)
		}
	}
	for _, name := range t.Editors {
		add(name)
	}
	for _, w := range versions {
		if w.Hash == v.Hash { // whoever wrote the same text before has written this one
			for _, name := range append([]string{w.Author}, w.Editors...) {
				add(name)
			}
		}
	}
	err = s.record(ctx, func(ctx context.Context, at time.Time) error {
		v.At = at
		var steps []PolicyStep
		if kind != "" {
			step := PolicyStep{Version: v.Number, Kind: kind, By: author, At: at, Note: note}
			if kind == StepApproved {
				step.From = at
			}
			steps = append(steps, step)
		}
		return s.cfg.Store.RecordPolicyVersion(ctx, v, steps...)
	}, func(now []PolicyVersion) bool {
		w := numbered(now, v.Number)
		return w != nil && w.Hash == v.Hash && w.Author == v.Author && w.At.Equal(v.At)
	})
	if err != nil {
		return fail(err)
	}
	if w := numbered(s.Versions(), v.Number); w != nil {
		v.Steps = slices.Clone(w.Steps)
	}
	if kind == StepApproved {
		err = s.keep(ctx, v, v.Hash)
	}
	return v, err
}

// changeable refuses rules that nobody could ever replace.
func changeable(p *policy.Policy) error {
	roles := p.MayChange()
	if len(roles) == 0 || slices.ContainsFunc(roles, func(r string) bool { return auth.May(auth.Role(r), auth.ApprovePolicy) }) {
		return nil
	}
	return fmt.Errorf("may_change: none of %s may approve rules, so that nobody could replace these", strings.Join(roles, ", "))
}

func (s *Policies) keep(ctx context.Context, v PolicyVersion, hash string) error {
	return s.cfg.Store.KeepPolicy(ctx, PolicyDocument{Hash: hash, ID: v.ID, Source: []byte(v.Source), At: v.At})
}

// record stamps and records, while nobody is told which version is in force, and
// publishes what then stands. An error of the store may hide that the record was
// made: there says whether it is among what is recorded. The caller holds acts.
func (s *Policies) record(ctx context.Context, do func(context.Context, time.Time) error, there func([]PolicyVersion) bool) error {
	// A caller who goes away must not leave the outcome unknown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	last, err := s.cfg.Store.LastAt(ctx)
	if err != nil {
		return err
	}
	s.cfg.Clock.AtLeast(last)
	s.mu.Lock()
	defer s.mu.Unlock()
	at, _ := s.cfg.Clock.Stamp()
	err = do(ctx, at)
	versions, unread := s.cfg.Store.PolicyVersions(ctx)
	if unread != nil {
		return errors.Join(err, unread)
	}
	s.versions = versions
	if err != nil && there(versions) {
		return nil
	}
	return err
}

// Propose puts a draft up for approval.
func (s *Policies) Propose(ctx context.Context, who Person, number int, note string) error {
	if err := s.person(who, auth.ProposePolicy); err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	if err := plainNote("note", note, true); err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	if err := s.checked(ctx, number); err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	return s.act(ctx, PolicyStep{Version: number, Kind: StepProposed, By: who.Name, Note: note})
}

// version is one version with its text.
func (s *Policies) version(ctx context.Context, number int) (PolicyVersion, error) {
	v, err := s.cfg.Store.PolicyVersion(ctx, number)
	if errors.Is(err, ErrNotFound) {
		err = refuse(ErrNotFound, "there is no version %d", number)
	}
	return v, err
}

// checked checks the text of a version anew.
func (s *Policies) checked(ctx context.Context, number int) error {
	v, err := s.version(ctx, number)
	if err != nil {
		return err
	}
	p, err := s.cfg.Check(v.name(), []byte(v.Source))
	if err == nil && p.Hash() != v.Hash {
		err = fmt.Errorf("version %d reads otherwise than when it was handed in; hand it in again", number)
	}
	return err
}

// approver makes sure that a person may decide on rules: by role, and by what
// the rules in force say of who may change them.
func (s *Policies) approver(who Person) error {
	if err := s.person(who, auth.ApprovePolicy); err != nil {
		return err
	}
	at := s.cfg.Clock.Now()
	v, p, err := s.InForce(at)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		// Rules that can no longer be read must not keep others from being put
		// in their place; the role has been asked.
		s.cfg.Log.Warn("who may change the rules in force cannot be read", "version", v.Number, "error", err)
		return nil
	}
	if roles := p.MayChange(); len(roles) > 0 && !slices.Contains(roles, string(who.Role)) {
		return fmt.Errorf("version %d, in force, is changed by %s: %w", v.Number, strings.Join(roles, ", "), ErrForbidden)
	}
	return nil
}

// Approve has a proposed version take effect: at an instant, or at once where
// from is the zero time. Nobody approves what they wrote or proposed.
func (s *Policies) Approve(ctx context.Context, who Person, number int, from time.Time, note string) error {
	if err := s.approver(who); err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	if err := s.checked(ctx, number); err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	if _, err := s.rules(number); err != nil { // ready before it decides
		return fmt.Errorf("approve: %w", err)
	}
	v, err := s.cfg.Store.PolicyVersion(ctx, number)
	if err == nil {
		err = s.keep(ctx, v, v.Hash)
	}
	if err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	return s.act(ctx, PolicyStep{Version: number, Kind: StepApproved, By: who.Name, From: from.UTC(), Note: note})
}

// Reject ends a proposal, with the reason.
func (s *Policies) Reject(ctx context.Context, who Person, number int, why string) error {
	if err := s.approver(who); err != nil {
		return fmt.Errorf("reject: %w", err)
	}
	return s.act(ctx, PolicyStep{Version: number, Kind: StepRejected, By: who.Name, Note: why})
}

// Withdraw takes back a draft or a proposal, or stops an approved version before
// it takes effect. Those whose it is may do the first; the second, which leaves
// in force what two people once approved, is for whoever may approve.
func (s *Policies) Withdraw(ctx context.Context, who Person, number int, why string) error {
	v, err := s.version(ctx, number)
	if err != nil {
		return fmt.Errorf("withdraw: %w", err)
	}
	if _, approved := v.approval(); approved || !named(v.People(), who.Name) {
		err = s.approver(who)
	} else {
		err = s.person(who, auth.ProposePolicy)
	}
	if err != nil {
		return fmt.Errorf("withdraw: %w", err)
	}
	return s.act(ctx, PolicyStep{Version: number, Kind: StepWithdrawn, By: who.Name, Note: why})
}

// act records one step of a person, and has it take effect.
func (s *Policies) act(ctx context.Context, step PolicyStep) error {
	s.acts.Lock()
	atOnce := step.Kind == StepApproved && step.From.IsZero()
	err := s.record(ctx, func(ctx context.Context, at time.Time) error {
		step.At = at
		if atOnce {
			step.From = at
		}
		return s.cfg.Store.RecordPolicyStep(ctx, step)
	}, func(now []PolicyVersion) bool {
		v := numbered(now, step.Version)
		return v != nil && slices.ContainsFunc(v.Steps, func(k PolicyStep) bool {
			return k.Kind == step.Kind && k.By == step.By && k.At.Equal(step.At) && k.From.Equal(step.From)
		})
	})
	s.acts.Unlock()
	// After an error too: what the store could not tell may have been recorded.
	select {
	case s.wake <- struct{}{}:
	default:
	}
	if err != nil {
		return fmt.Errorf("not %s: %w", step.Kind, inWords(err))
	}
	return s.settle(ctx)
}

// settle records that versions took effect by themselves, and has the lanes
// decide again where another version is in force than they were told of.
func (s *Policies) settle(ctx context.Context) error {
	s.acts.Lock()
	err := s.effective(ctx)
	s.mu.Lock()
	at := s.cfg.Clock.Now()
	v, ok := InForce(s.versions, at)
	turned := ok && v.Number != s.told
	if turned {
		s.told = v.Number
	}
	s.mu.Unlock()
	s.acts.Unlock()
	if turned {
		err = errors.Join(err, decideAgain(ctx, s.cfg.Changed, "policy"))
	}
	return err
}

// decideAgain has the lanes decide again, where there are any to tell.
func decideAgain(ctx context.Context, changed func(context.Context, string) error, because string) error {
	if changed == nil {
		return nil
	}
	if err := changed(ctx, because); err != nil {
		return fmt.Errorf("%w: %w", ErrNotDecidedAgain, err)
	}
	return nil
}

// effective records which versions took effect since. That one did does not
// depend on the record. The caller holds acts.
func (s *Policies) effective(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	versions, err := s.cfg.Store.PolicyVersions(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.versions = versions
	s.mu.Unlock()
	for _, v := range due(versions, s.cfg.Clock) {
		if err := s.record(ctx, func(ctx context.Context, at time.Time) error {
			return s.cfg.Store.RecordPolicyStep(ctx, PolicyStep{Version: v, Kind: StepEffective, At: at})
		}, func([]PolicyVersion) bool { return false }); err != nil {
			return fmt.Errorf("version %d took effect, and it is not recorded that it did: %w", v, err)
		}
	}
	return nil
}

// due are the versions that took effect without a record of it, in order.
func due(versions []PolicyVersion, clock *Clock) (numbers []int) {
	at := clock.Now()
	for t := (time.Time{}); ; {
		v, from, ok := NextInForce(versions, t)
		if !ok || from.After(at) {
			return numbers
		}
		if _, done := v.step(StepEffective); !done {
			numbers = append(numbers, v.Number)
		}
		t = from
	}
}

// Run has versions take effect when they are due, until the context ends. It
// returns nil.
func (s *Policies) Run(ctx context.Context) error {
	keepTime(ctx, s.cfg.Clock, s.wake, func(at time.Time) time.Time {
		_, from, _ := NextInForce(s.Versions(), at)
		return from
	}, func(ctx context.Context) error {
		err := s.settle(ctx)
		if err != nil {
			s.cfg.Log.ErrorContext(ctx, "policies", "error", err)
		}
		return err
	})
	return nil
}

// How long keepTime sleeps at most, because a clock that is set on wakes nobody,
// and how soon it tries again after an error.
const (
	timeNap   = 30 * time.Second
	timeRetry = 2 * time.Second
)

// keepTime calls due at each instant that next names, soon after a wake, and
// every timeNap, until the context ends. next is the zero time where nothing is
// to come.
func keepTime(ctx context.Context, clock *Clock, wake <-chan struct{}, next func(at time.Time) time.Time, due func(context.Context) error) {
	nap := time.NewTimer(0)
	defer nap.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-nap.C:
		}
		wait := timeNap
		if due(ctx) != nil {
			wait = timeRetry
		}
		at := clock.Now()
		if to := next(at); !to.IsZero() {
			// By the system's clock: while it is behind the last record, the
			// stamps stand still.
			wait = min(wait, max(to.Sub(clock.now()), time.Millisecond))
		}
		nap.Reset(wait)
	}
}
