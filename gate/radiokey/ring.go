package radiokey

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/gate"
	"sallyport/rf"
	"sallyport/rf/privacy"
)

// MaxDays is the longest epoch. A set lives for two at most, which stays under
// the six months for which the municipality of Enschede kept pseudonyms made
// under one key, and was fined (Autoriteit Persoonsgegevens, 2021).
const MaxDays = 90

const (
	day = 24 * time.Hour
	// behindBy is how far before the beginning of an epoch a clock is no longer
	// one that was merely set right by a little.
	behindBy = time.Hour
	// believeAfter is after how many looks, one an hour, a clock that stands
	// before the beginning of the epoch is believed.
	believeAfter = 24
)

// Config is what a Ring is made of.
type Config struct {
	Dir   string             // the data directory
	Store gate.RadioSetStore // the site's
	Days  int                // length of an epoch: 1 to MaxDays
	Now   func() time.Time
	// Assessment is the reference of the impact assessment that allows it, for
	// the log.
	Assessment string
	// Keeps tells the class of an observation's emitter, and whether a pseudonym
	// of it may be kept (privacy.Filter.Keeps).
	Keeps func(*rf.Observation) (privacy.Class, bool)

	disk disk // of tests; nil is the data directory
}

// Ring is the keys in use. Tag, RadioSet and KeepRadioSet may be called
// concurrently, and beside Look.
type Ring struct {
	cfg   Config
	using atomic.Pointer[pair]

	keeping sync.RWMutex // held while a set is kept, and alone while keys change: no set comes after its epoch's were erased
	behind  int          // looks in a row at which the clock was not believed
}

var _ gate.RadioSets = (*Ring)(nil)

// key is one epoch's.
type key struct {
	epoch int
	from  time.Time
	key   privacy.Key
}

// pair is the present key, and the one before it or nil.
type pair struct{ now, before *key }

// Open finishes what a crash left, makes or changes the key where that is due,
// and gives the ring.
func Open(ctx context.Context, cfg Config) (*Ring, error) {
	if cfg.Days < 1 || cfg.Days > MaxDays {
		return nil, fmt.Errorf("radio keys: an epoch of %d days; 1 to %d may be", cfg.Days, MaxDays)
	}
	if cfg.disk == nil {
		cfg.disk = folder(cfg.Dir)
	}
	r := &Ring{cfg: cfg}
	if err := r.Look(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Retire erases all sets and destroys all keys of a site that may not, or no
// longer, keep any. A site that never did is left as it is.
func Retire(ctx context.Context, cfg Config, why string) error {
	if cfg.disk == nil {
		cfg.disk = folder(cfg.Dir)
	}
	r := &Ring{cfg: cfg}
	all, err := r.sort(ctx)
	if err != nil {
		return err
	}
	for _, e := range slices.Sorted(maps.Keys(all.live)) {
		if err := r.retire(ctx, all.live[e], why); err != nil {
			return err
		}
	}
	return nil
}

// Look changes and destroys the keys that are due. It is asked about once an
// hour. After an error the keys in use are as before, and what was begun is
// finished or undone by the next look.
func (r *Ring) Look(ctx context.Context) error {
	r.keeping.Lock()
	defer r.keeping.Unlock()
	all, err := r.sort(ctx)
	if err != nil {
		return err
	}
	now := r.cfg.Now().UTC().Round(0)
	length := time.Duration(r.cfg.Days) * day
	var current *key
	// A lost key is not followed by the one before it.
	if n := len(all.keys); n > 0 && all.keys[n-1].epoch == slices.Max(slices.Collect(maps.Keys(all.live))) {
		current = all.keys[n-1]
	}
	believed := current == nil || !now.Before(current.from.Add(-behindBy))
	if believed {
		r.behind = 0
	} else if r.behind++; r.behind >= believeAfter {
		believed, current = true, nil
	}
	old := func(k *key) bool { return believed && now.Sub(k.from) >= 2*length }
	if current == nil || believed && now.Sub(current.from) >= length {
		if current, err = r.make(ctx, all.next, now); err != nil {
			return err
		}
		r.behind = 0
		all.keys = append(all.keys, current)
	}
	in := &pair{now: current}
	if n := len(all.keys); n > 1 && !old(all.keys[n-2]) {
		in.before = all.keys[n-2]
	}
	r.using.Store(in)
	for _, e := range slices.Sorted(maps.Keys(all.live)) {
		if e == in.now.epoch || in.before != nil && e == in.before.epoch {
			continue
		}
		why := "its time is over"
		if all.lost[e] {
			why = "its file was gone, damaged or another"
		}
		if err := r.retire(ctx, all.live[e], why); err != nil {
			return err
		}
	}
	return nil
}

// sorted is what the log and the files say together.
type sorted struct {
	live map[int]gate.RadioKeyStep // made and not destroyed, by the log
	lost map[int]bool              // of those, without their file
	keys []*key                    // the others, rising
	next int                       // number of the next epoch
}

// sort compares log and files, and destroys the files of keys that were never
// in use or are destroyed by the log.
func (r *Ring) sort(ctx context.Context) (sorted, error) {
	s := sorted{live: map[int]gate.RadioKeyStep{}, lost: map[int]bool{}, next: 1}
	steps, err := r.cfg.Store.RadioKeys(ctx)
	if err != nil {
		return s, err
	}
	for _, st := range steps {
		s.next = max(s.next, st.Epoch+1)
		switch st.Kind {
		case gate.RadioKeyMade:
			s.live[st.Epoch] = st
		case gate.RadioKeyDestroyed:
			delete(s.live, st.Epoch)
		}
	}
	names, err := r.cfg.disk.list()
	if err != nil {
		return s, fmt.Errorf("radio keys: %w", err)
	}
	found := map[int]*key{}
	for _, name := range names {
		epoch, _ := epochOf(name)
		s.next = max(s.next, epoch+1)
		data, err := r.cfg.disk.read(name)
		if err != nil {
			return s, fmt.Errorf("radio keys: %w", err)
		}
		k, ok := decodeKey(epoch, data)
		clear(data)
		made, live := s.live[epoch]
		if !ok || !live || k.Commitment() != made.Commitment {
			if err := r.cfg.disk.destroy(name); err != nil {
				return s, fmt.Errorf("radio keys: %w", err)
			}
			continue
		}
		found[epoch] = &key{epoch: epoch, from: made.At, key: k}
	}
	for _, e := range slices.Sorted(maps.Keys(s.live)) {
		if k := found[e]; k != nil {
			s.keys = append(s.keys, k)
		} else {
			s.lost[e] = true
		}
	}
	return s, nil
}

// make makes the key of an epoch: its file first, then its entry in the log. One
// without the other is undone by the next look.
func (r *Ring) make(ctx context.Context, epoch int, now time.Time) (*key, error) {
	k := &key{epoch: epoch, from: now}
	_, _ = rand.Read(k.key[:]) // never fails
	data := encodeKey(epoch, &k.key)
	defer clear(data)
	if err := r.cfg.disk.create(fileName(epoch), data); err != nil {
		return nil, fmt.Errorf("radio key of epoch %d: %w", epoch, err)
	}
	return k, r.cfg.Store.RecordRadioKey(ctx, gate.RadioKeyStep{
		Epoch: epoch, Kind: gate.RadioKeyMade, At: now, Commitment: k.key.Commitment(),
		Why: fmt.Sprintf("an epoch of %d days begins; assessment: %s", r.cfg.Days, r.cfg.Assessment),
	})
}

// retire erases the sets of an epoch and destroys its key: the sets first, so
// that none is left without its key, and the entry in the log last, so that
// whatever was not done is done again.
func (r *Ring) retire(ctx context.Context, made gate.RadioKeyStep, why string) error {
	now := r.cfg.Now().UTC().Round(0)
	n, err := r.cfg.Store.EraseRadioSets(ctx, gate.RadioSetFilter{Epoch: made.Epoch}, now, fmt.Sprintf("radio key of epoch %d: %s", made.Epoch, why))
	if err != nil {
		return err
	}
	if err := r.cfg.disk.destroy(fileName(made.Epoch)); err != nil {
		return fmt.Errorf("radio key of epoch %d: %w", made.Epoch, err)
	}
	return r.cfg.Store.RecordRadioKey(ctx, gate.RadioKeyStep{
		Epoch: made.Epoch, Kind: gate.RadioKeyDestroyed, At: now, Commitment: made.Commitment,
		Why: fmt.Sprintf("%s; %d sets erased", why, n),
	})
}

// Tag gives the pseudonyms of an emitter under the present key and the one
// before it (attribute.Config.Tag); 0 where there is none, or none may be.
func (r *Ring) Tag(o rf.Observation) (tag, before uint64) {
	in := r.using.Load()
	class, ok := r.cfg.Keeps(&o)
	if in == nil || !ok {
		return 0, 0
	}
	of := func(k *key) uint64 { return k.key.Pseudonym(k.epoch, class, o.Emitter).Tag(k.epoch) }
	if in.before != nil {
		before = of(in.before)
	}
	return of(in.now), before
}

// RadioSet tells what was with a vehicle on earlier visits (gate.RadioSets).
func (r *Ring) RadioSet(ctx context.Context, vin string, at time.Time) (map[uint64]int, error) {
	return r.cfg.Store.RadioSet(ctx, vin, at)
}

// KeepRadioSet keeps the set of one visit under the present key
// (gate.RadioSets). Tags of another epoch, of emitters that were first heard
// before the key was changed, are left out, and so is what is beyond
// gate.MaxRadioSet.
func (r *Ring) KeepRadioSet(ctx context.Context, s gate.RadioSet) error {
	if !r.keeping.TryRLock() {
		return errors.New("keep radio set: the keys are being changed")
	}
	defer r.keeping.RUnlock()
	in := r.using.Load()
	if in == nil {
		return errors.New("keep radio set: no key")
	}
	s.Epoch = in.now.epoch
	s.Tags = slices.DeleteFunc(slices.Clone(s.Tags), func(t uint64) bool { return t == 0 || !privacy.OfEpoch(t, s.Epoch) })
	s.Tags = s.Tags[:min(len(s.Tags), gate.MaxRadioSet)]
	return r.cfg.Store.KeepRadioSet(ctx, s)
}
