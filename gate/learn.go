package gate

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/vin/telematics"
)

// LearningStore is where Learning reads inspections, as in InspectionStore. It
// owns this port; gate/sqlite and gate/storetest implement it.
type LearningStore interface {
	EachInspection(ctx context.Context, take func(Inspection) error) error
	InspectionHistory(ctx context.Context, vin string) ([]Inspection, error)
}

// LearningConfig is what Learning is made of.
type LearningConfig struct {
	Judge  *Judge // decides, and reads the identifiers of inspections
	Store  LearningStore
	Rules  InspectionRules
	Terms  telematics.Terms       // when a share is shown; the zero value takes the defaults
	Others []telematics.Aggregate // what other sites found
}

// Learning keeps what the site's inspections say of kinds of vehicles. It is an
// Assessor: each request is decided with the shares of that moment, and no
// request waits for an inspection to be counted.
//
// An inspection counts when a person saw one of the vehicle's own units, when
// as many people vouch for it as the site's rule asks in its most sensitive
// zone, and when it has not been withdrawn. One that has expired counts, and so
// does one that was voided by a replaced unit, a recall or another owner: it was
// true of the vehicle as it was. What a statement says does not count, nor do
// fitted devices, which are the owner's. What retention has erased no longer
// counts from the next Rebuild on.
//
// Which vehicle it was, and who looked, is known to the counts only as hashes
// under a key that is drawn at each start and kept nowhere.
type Learning struct {
	cfg  LearningConfig
	salt [32]byte

	mu      sync.Mutex
	learner *telematics.Learner
	counted map[string]telematics.Inspected // by inspection
	of      map[string][]string             // inspections counted, by vehicle's key
	now     atomic.Pointer[learnt]
}

// learnt is what is known at one moment.
type learnt struct {
	judge  *Judge
	shares *telematics.Shares
}

var _ Assessor = (*Learning)(nil)

// NewLearning counts the inspections of the store.
func NewLearning(ctx context.Context, cfg LearningConfig) (*Learning, error) {
	if cfg.Judge == nil || cfg.Store == nil {
		return nil, errors.New("learning: no judge or no store")
	}
	l := &Learning{cfg: cfg}
	_, _ = rand.Read(l.salt[:]) // never fails
	if err := l.Rebuild(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// Rebuild counts the inspections of the store anew: at the start, and after
// retention has erased some. After an error what was counted before stands.
func (l *Learning) Rebuild(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	learner, err := telematics.NewLearner(l.cfg.Judge.catalogue, l.cfg.Terms)
	if err != nil {
		return fmt.Errorf("learning: %w", err)
	}
	for _, a := range l.cfg.Others {
		if err := learner.Adopt(a); err != nil {
			return fmt.Errorf("learning: shares of site %q: %w", a.Site, err)
		}
	}
	counted, of := map[string]telematics.Inspected{}, map[string][]string{}
	err = l.cfg.Store.EachInspection(ctx, func(in Inspection) error {
		if seen, counts := l.seen(in); counts && learner.Add(seen) == nil {
			counted[in.ID] = seen
			of[seen.Key] = append(of[seen.Key], in.ID)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("learning: %w", err)
	}
	l.learner, l.counted, l.of = learner, counted, of
	l.publish()
	return nil
}

// Changed counts the inspections of one vehicle as they stand now. It returns
// when every later request is decided by the new counts; a caller that decides
// again on a vehicle at the line (Controller.Inspected) does so after it. After
// an error what was counted before stands.
func (l *Learning) Changed(ctx context.Context, vin string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, err := l.cfg.Store.InspectionHistory(ctx, vin)
	if err != nil {
		return fmt.Errorf("learning: %w", err)
	}
	key := l.opaque("vehicle", NormalVIN(vin))
	before := l.of[key]
	var after []string
	changed := false
	for _, in := range list {
		seen, counts := l.seen(in)
		was, counted := l.counted[in.ID]
		if counted && (!counts || was != seen) {
			changed = true
			if err := l.learner.Withdraw(was); err != nil {
				return fmt.Errorf("learning: inspection %s: %w", in.ID, err)
			}
			delete(l.counted, in.ID)
			counted = false
		}
		if counts && !counted && l.learner.Add(seen) == nil {
			changed, counted = true, true
			l.counted[in.ID] = seen
		}
		if counted {
			after = append(after, in.ID)
		}
	}
	for _, id := range before {
		if was, counted := l.counted[id]; counted && !slices.Contains(after, id) { // erased
			changed = true
			if err := l.learner.Withdraw(was); err != nil {
				return fmt.Errorf("learning: inspection %s: %w", id, err)
			}
			delete(l.counted, id)
		}
	}
	if l.of[key] = after; len(after) == 0 {
		delete(l.of, key)
	}
	if changed {
		l.publish()
	}
	return nil
}

// publish lets every later request be decided by what is counted now.
func (l *Learning) publish() {
	s := l.learner.Snapshot()
	l.now.Store(&learnt{l.cfg.Judge.Observing(s), s})
}

// Assess decides by the shares of this moment.
func (l *Learning) Assess(r Request) Assessment { return l.now.Load().judge.Assess(r) }

// Judge is the Judge with the shares of this moment.
func (l *Learning) Judge() *Judge { return l.now.Load().judge }

// Shares are the shares of this moment.
func (l *Learning) Shares() *telematics.Shares { return l.now.Load().shares }

// Counted is how many inspections are counted.
func (l *Learning) Counted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.counted)
}

// Adopt takes what another site found, in the place of what the same site said
// before (telematics.Learner.Adopt). It is kept in memory: the caller hands it
// to NewLearning at the next start.
func (l *Learning) Adopt(a telematics.Aggregate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.learner.Adopt(a); err != nil {
		return fmt.Errorf("learning: shares of site %q: %w", a.Site, err)
	}
	others := slices.DeleteFunc(slices.Clone(l.cfg.Others), func(o telematics.Aggregate) bool { return o.Site == a.Site })
	l.cfg.Others = append(others, a)
	l.publish()
	return nil
}

// Renew decides by another Judge from now on: the inspections are counted anew by
// its catalogue, and what others found is what is given. install makes the change
// durable; it is called last, when nothing else can fail. After an error, its own
// too, what was in use stands. What of the others cannot be taken in is left out
// and returned.
func (l *Learning) Renew(ctx context.Context, judge *Judge, others []telematics.Aggregate, install func() error) (leftOut []error, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := &Learning{cfg: l.cfg, salt: l.salt}
	next.cfg.Judge, next.cfg.Others = judge, nil
	if err := next.Rebuild(ctx); err != nil {
		return nil, err
	}
	for _, a := range others {
		if err := next.Adopt(a); err != nil {
			leftOut = append(leftOut, err)
		}
	}
	if err := install(); err != nil {
		return nil, err
	}
	l.cfg, l.learner, l.counted, l.of = next.cfg, next.learner, next.counted, next.of
	l.publish()
	return leftOut, nil
}

// Terms are the terms on which shares are shown.
func (l *Learning) Terms() telematics.Terms { return l.Shares().Terms() }

// Export is what the site may give to others (telematics.Aggregate), under the
// name that it chose.
func (l *Learning) Export(site string, at time.Time) (telematics.Aggregate, error) {
	return l.Shares().Export(site, day(at))
}

// opaque is a word of which nobody outside can say what it was.
func (l *Learning) opaque(what, word string) string {
	h := hmac.New(sha256.New, l.salt[:])
	h.Write([]byte(what + "\x00" + word))
	return string(h.Sum(nil)[:16])
}

// seen is an inspection as it is counted; counts is false for one that is not.
func (l *Learning) seen(in Inspection) (seen telematics.Inspected, counts bool) {
	withdrawn := slices.ContainsFunc(in.Acts, func(a InspectionAct) bool { return a.Kind == InspectionWithdrawn })
	vouched := len(in.People(endOfTime)) >= l.cfg.Rules.Needs(in.Kind, 0)
	if withdrawn || !vouched || in.Kind != KindSeen || in.Subject != SubjectUnit {
		return seen, false
	}
	kind := in.Vehicle
	if kind.Make == "" || kind.Model == "" {
		kind = l.cfg.Judge.Describe(in.VIN, in.Vehicle.Market, in.At)
	}
	seen = telematics.Inspected{
		Make: kind.Make, Model: kind.Model, ModelYear: kind.ModelYear, Market: kind.Market, Plant: kind.Plant, Role: in.Role,
		Day: day(in.At), By: l.opaque("person", in.By), Key: l.opaque("vehicle", in.VIN),
	}
	switch in.Result {
	case ResultNone:
		seen.Result = telematics.NoneFound
		return seen, true
	case ResultFound:
		seen.Result = telematics.ModuleFound
	case ResultRemoved:
		seen.Result = telematics.ModuleRemoved
	case ResultIsolated:
		seen.Result = telematics.ModuleIsolated
	case ResultUnclear:
		return seen, true
	}
	// What may stand for several makers, names several modules of different
	// makers, or rests on a bus id is counted as a module whose maker is not
	// certain.
	claim := l.cfg.Judge.claim(in, l.cfg.Rules, &Assessment{})
	if claim.weak() {
		return seen, true
	}
	for i, group := range claim.modules {
		for k, m := range group {
			if i+k > 0 && (m.Maker != seen.Maker || m.ChipDown != seen.ChipDown) {
				seen.Maker, seen.Module, seen.ChipDown = "", "", false
				return seen, true
			}
			if i+k == 0 {
				seen.Maker, seen.Module, seen.ChipDown = m.Maker, m.Model, m.ChipDown
			} else if m.Model != seen.Module {
				seen.Module = ""
			}
		}
	}
	return seen, true
}

// endOfTime is after every act: whether somebody vouched for an inspection, or
// withdrew it, does not depend on a clock that was set back.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
