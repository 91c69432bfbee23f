package gate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/gate/auth"
)

// AlarmDuress says that a person at a lane is being forced. It is silent: it is
// never shown at that lane, nor to the person whom it is about.
const AlarmDuress AlarmKind = "duress"

// The alarms that no lane raises.
const (
	// AlarmDutyOfficer says that a vehicle came of which the rules want the duty
	// officer told, such as one on an emergency call: Of is the rule.
	AlarmDutyOfficer AlarmKind = "duty-officer"
	// AlarmPINLocked says that somebody tried a person's PIN too often.
	AlarmPINLocked AlarmKind = "pin-locked"
	// AlarmRecords says that records of a lane cannot be made: it is in manual
	// procedure.
	AlarmRecords AlarmKind = "no-records"
	// AlarmDamaged says that the record does not verify: somebody has changed it,
	// or a disk has.
	AlarmDamaged AlarmKind = "record-damaged"
	// AlarmUnguarded says that a lane is open and nobody has its watch: a shift
	// ended, and nobody followed.
	AlarmUnguarded AlarmKind = "unguarded"
	// AlarmBell says that the site's bell cannot be rung: Of is the device.
	AlarmBell AlarmKind = "bell-lost"
)

// TellDutyOfficer is the condition by which a policy's rules say that the duty
// officer is told of a vehicle.
const TellDutyOfficer = "duty-officer-told"

// SiteAlarm is something that somebody who answers for the site must look at. It
// never changes; that somebody has taken note of it is recorded beside it. Its
// words name no vehicle and no driver, for they are never erased.
type SiteAlarm struct {
	ID      string    `json:"id"` // sorts by time
	Lane    LaneID    `json:"lane"`
	Kind    AlarmKind `json:"kind"`
	Of      string    `json:"of,omitempty"` // the point or device, where there are several
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"`         // the person whom it is about
	Passage PassageID `json:"passage,omitempty"`    // the vehicle that was at the line
	OfLane  int       `json:"lane_alarm,omitempty"` // Alarm.ID, of an alarm that a lane raised
	Silent  bool      `json:"silent,omitempty"`     // not to be seen or heard at the lane

	Ack     *AlarmAck `json:"-"`
	Durable bool      `json:"-"` // it is on record
}

// AlarmAck is that a person took note of an alarm.
type AlarmAck struct {
	Alarm string    `json:"alarm"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Note  string    `json:"note,omitempty"`
}

// AlarmStore keeps alarms. Alarms owns this port; gate/sqlite and gate/storetest
// implement it. What a method records is durable when it returns nil, with its
// entry in the log; after an error the caller does not know, and may repeat the
// same record, which is then no error. All methods may be called concurrently.
type AlarmStore interface {
	// RecordAlarm adds an alarm. One of duress with a passage adds the act to the
	// passage in the same transaction. Another alarm of that ID is ErrExists.
	RecordAlarm(ctx context.Context, a SiteAlarm) error
	// RecordAlarmAck adds that a person took note. ErrNotFound when there is no
	// such alarm, ErrExists when somebody has already, with another record.
	RecordAlarmAck(ctx context.Context, k AlarmAck) error
	// OpenAlarms are those of which nobody took note, oldest first.
	OpenAlarms(ctx context.Context) ([]SiteAlarm, error)
	// RecentAlarms are the last n, newest first, with what was said to them.
	RecentAlarms(ctx context.Context, n int) ([]SiteAlarm, error)
}

// AlarmsConfig is what Alarms is made of.
type AlarmsConfig struct {
	Store AlarmStore
	Clock *Clock // of all records of the site
	// Tell is told of each alarm once, at once and before it is on record, for a
	// bell or an output point elsewhere on the site; nil: none. It must not wait.
	Tell       func(SiteAlarm)
	RetryAfter time.Duration // 2 s: between attempts to record
	Log        *slog.Logger  // nil: slog.Default
}

// alarmsWatching is the part of the Controller that Alarms listens to.
type alarmsWatching interface {
	Subscribe(ctx context.Context, id LaneID) (<-chan LaneView, error)
}

// Alarms is what the site's people must look at: raised by lanes and by people,
// shown at once, and kept until somebody takes note of it. An alarm is shown
// before it is on record, because help must not wait for a disk, and Run goes on
// trying to record it for as long as it takes. Its methods may be called
// concurrently.
type Alarms struct {
	cfg AlarmsConfig

	mu      sync.Mutex
	open    []SiteAlarm // oldest first
	pending []string    // IDs not on record yet
	seen    map[laneAlarm]string
	before  map[laneAlarm]string // alarms of lanes that were on record when the program started
	told    map[PassageID]LaneID // of which the duty officer was told, while the lane shows them
	lasts   map[state]bool       // what was raised and is not over
	subs    map[chan struct{}]struct{}
	version uint64

	wake chan struct{}
}

// alarmsBefore is how many alarms of the life before are told from new ones.
const alarmsBefore = 1000

// laneAlarm tells an alarm of a lane from every other.
type laneAlarm struct {
	lane  LaneID
	id    int
	since time.Time
}

// state is something that lasts and is raised once while it does.
type state struct {
	lane LaneID
	kind AlarmKind
	of   string
}

// NewAlarms reads what is open.
func NewAlarms(ctx context.Context, cfg AlarmsConfig) (*Alarms, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("alarms: no store")
	case cfg.Clock == nil:
		return nil, errors.New("alarms: no clock")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.RetryAfter <= 0 {
		cfg.RetryAfter = 2 * time.Second
	}
	s := &Alarms{cfg: cfg, seen: make(map[laneAlarm]string), told: make(map[PassageID]LaneID), lasts: make(map[state]bool), subs: make(map[chan struct{}]struct{}), wake: make(chan struct{}, 1)}
	var err error
	if s.open, err = cfg.Store.OpenAlarms(ctx); err != nil {
		return nil, fmt.Errorf("alarms: %w", err)
	}
	for _, a := range s.open {
		switch a.Kind {
		case AlarmRecords, AlarmDamaged, AlarmUnguarded, AlarmBell: // it may last still
			s.lasts[state{a.Lane, a.Kind, a.Of}] = true
		default:
		}
	}
	// A lane brings its alarms back with it. They are those of before.
	recent, err := cfg.Store.RecentAlarms(ctx, alarmsBefore)
	if err != nil {
		return nil, fmt.Errorf("alarms: %w", err)
	}
	s.before = make(map[laneAlarm]string, len(recent))
	for _, a := range slices.Concat(s.open, recent) {
		if a.OfLane != 0 {
			s.before[laneAlarm{a.Lane, a.OfLane, a.At.UTC()}] = a.ID
		}
	}
	return s, nil
}

// newAlarmID sorts by time, says lane and nothing of the kind: it may stand in
// an address.
func newAlarmID(l LaneID, at time.Time) string {
	var salt [4]byte
	_, _ = rand.Read(salt[:]) // never fails
	return at.UTC().Format("20060102T150405.000000Z") + "-" + string(l) + "-" + hex.EncodeToString(salt[:])
}

// Raise raises an alarm and returns its ID. It does no I/O and does not wait: the
// alarm is shown when it returns, and Run records it.
func (s *Alarms) Raise(a SiteAlarm) string {
	a.At, _ = s.cfg.Clock.Stamp()
	a.ID, a.Ack, a.Durable = newAlarmID(a.Lane, a.At), nil, false
	s.mu.Lock()
	s.add(a)
	s.mu.Unlock()
	s.ring(a)
	return a.ID
}

// Stands says whether something lasts at a lane. It is raised when that begins,
// and again only after it was over; what was raised stays until somebody has
// taken note of it, over or not. It does no I/O and does not wait.
func (s *Alarms) Stands(lane LaneID, kind AlarmKind, of string, lasts bool) {
	s.mu.Lock()
	raised := s.stands(lane, kind, of, lasts)
	s.mu.Unlock()
	for _, a := range raised {
		s.ring(a)
	}
}

// stands is Stands without the bell; the caller holds the lock.
func (s *Alarms) stands(lane LaneID, kind AlarmKind, of string, lasts bool) []SiteAlarm {
	key := state{lane, kind, of}
	switch {
	case !lasts:
		delete(s.lasts, key)
		return nil
	case s.lasts[key]:
		return nil
	}
	s.lasts[key] = true
	a := SiteAlarm{Lane: lane, Kind: kind, Of: of}
	a.At, _ = s.cfg.Clock.Stamp()
	a.ID = newAlarmID(lane, a.At)
	s.add(a)
	return []SiteAlarm{a}
}

// UnguardedAfter is how long a lane may be open with nobody on its watch.
const UnguardedAfter = 2 * time.Minute

// Unguarded says whether a lane stands without a guard: its last shift has ended,
// nobody has followed, and nobody has closed it. A lane on which nobody ever
// began a shift is one of a site that keeps none.
func Unguarded(v LaneView, last ShiftStep, at time.Time) bool {
	if v.State == OutOfService && v.Closed != "" {
		return false
	}
	return last.Number > 0 && !last.Open() && at.Sub(last.At) >= UnguardedAfter
}

// add is Raise without a stamp; the caller holds the lock.
func (s *Alarms) add(a SiteAlarm) {
	s.open = append(s.open, a)
	s.pending = append(s.pending, a.ID)
	s.changed()
}

// ring tells who waits of a new alarm.
func (s *Alarms) ring(a SiteAlarm) {
	if s.cfg.Tell != nil {
		s.cfg.Tell(a)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// changed tells every page; the caller holds the lock.
func (s *Alarms) changed() {
	s.version++
	for ch := range s.subs {
		select {
		case ch <- struct{}{}:
		default: // one is waiting there already
		}
	}
}

// Open are the alarms of which nobody took note, oldest first, and a number that
// rises with every change.
func (s *Alarms) Open() ([]SiteAlarm, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.open), s.version
}

// OpenAt counts the open alarms of a lane that may be told there.
func (s *Alarms) OpenAt(id LaneID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.open {
		if a.Lane == id && !a.Silent {
			n++
		}
	}
	return n
}

// Recent are the last n alarms on record, newest first.
func (s *Alarms) Recent(ctx context.Context, n int) ([]SiteAlarm, error) {
	list, err := s.cfg.Store.RecentAlarms(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("alarms: %w", err)
	}
	return list, nil
}

// Subscribe says that something has changed, as often as it does but never twice
// before it was read, until the context ends. Nobody is dropped: the reader asks
// for the whole list.
func (s *Alarms) Subscribe(ctx context.Context) <-chan struct{} {
	ch := make(chan struct{}, 1)
	s.mu.Lock()
	s.subs[ch] = struct{}{}
	s.mu.Unlock()
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		delete(s.subs, ch)
		s.mu.Unlock()
	})
	return ch
}

// Acknowledge records that a person took note of an alarm, once. It is durable
// on return, and so is the alarm itself.
func (s *Alarms) Acknowledge(ctx context.Context, who Person, id, note string) (SiteAlarm, error) {
	fail := func(err error) (SiteAlarm, error) {
		return SiteAlarm{}, fmt.Errorf("acknowledge alarm %q: %w", id, inWords(err))
	}
	if err := who.may(auth.AcknowledgeAlarm); err != nil {
		return fail(err)
	}
	if err := plainNote("note", note, false); err != nil {
		return fail(err)
	}
	return s.acknowledge(ctx, who.Name, id, strings.TrimSpace(note))
}

func (s *Alarms) acknowledge(ctx context.Context, by, id, note string) (SiteAlarm, error) {
	fail := func(err error) (SiteAlarm, error) {
		return SiteAlarm{}, fmt.Errorf("acknowledge alarm %q: %w", id, inWords(err))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	s.mu.Lock()
	at := slices.IndexFunc(s.open, func(a SiteAlarm) bool { return a.ID == id })
	var a SiteAlarm
	if at >= 0 {
		a = s.open[at]
	}
	s.mu.Unlock()
	if at < 0 {
		return fail(refuse(ErrExists, "somebody has taken note of it already, or there is no such alarm"))
	}
	if err := s.record(ctx, a); err != nil {
		return fail(err)
	}
	stamp, _ := s.cfg.Clock.Stamp()
	k := AlarmAck{Alarm: id, By: by, At: stamp, Note: note}
	err := s.cfg.Store.RecordAlarmAck(ctx, k)
	if err != nil && !errors.Is(err, ErrExists) {
		return fail(err)
	}
	s.mu.Lock()
	if at := slices.IndexFunc(s.open, func(a SiteAlarm) bool { return a.ID == id }); at >= 0 {
		s.open = slices.Delete(s.open, at, at+1)
		s.changed()
	}
	s.mu.Unlock()
	if err != nil {
		return fail(refuse(ErrExists, "somebody has taken note of it already"))
	}
	a.Ack, a.Durable = &k, true
	return a, nil
}

// record makes an alarm durable, if it is not.
func (s *Alarms) record(ctx context.Context, a SiteAlarm) error {
	if a.Durable {
		return nil
	}
	if err := s.cfg.Store.RecordAlarm(ctx, a); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = slices.DeleteFunc(s.pending, func(id string) bool { return id == a.ID })
	for i := range s.open {
		if s.open[i].ID == a.ID {
			s.open[i].Durable = true
		}
	}
	return nil
}

// Run records what is raised, and raises what the lanes raise, until the context
// ends. What could not be recorded by then has been tried once more.
func (s *Alarms) Run(ctx context.Context, lanes alarmsWatching, ids []LaneID) error {
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() { s.watch(ctx, lanes, id) })
	}
	retry := stoppedTimer()
	defer retry.Stop()
	for ctx.Err() == nil {
		if !s.flush(ctx) {
			retry.Reset(s.cfg.RetryAfter)
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-retry.C:
		}
	}
	wg.Wait()
	s.flush(ctx)
	return nil
}

// flush records what is pending, oldest first, and says whether nothing is left.
// One that cannot be recorded keeps none of the others from being.
func (s *Alarms) flush(ctx context.Context) bool {
	all := true
	for _, next := range s.unrecorded() {
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
		err := s.record(work, next)
		cancel()
		if err != nil {
			s.cfg.Log.ErrorContext(ctx, "alarm not on record yet", "alarm", next.ID, "error", err)
			all = false
		}
	}
	return all
}

// unrecorded are the alarms that are not on record yet, oldest first.
func (s *Alarms) unrecorded() []SiteAlarm {
	s.mu.Lock()
	defer s.mu.Unlock()
	// One that is not open any more was acknowledged, and so recorded.
	s.pending = slices.DeleteFunc(s.pending, func(id string) bool {
		return !slices.ContainsFunc(s.open, func(a SiteAlarm) bool { return a.ID == id })
	})
	var out []SiteAlarm
	for _, a := range s.open {
		if slices.Contains(s.pending, a.ID) {
			out = append(out, a)
		}
	}
	return out
}

// watch follows the alarms of one lane.
func (s *Alarms) watch(ctx context.Context, lanes alarmsWatching, id LaneID) {
	for ctx.Err() == nil {
		feed, err := lanes.Subscribe(ctx, id)
		if err != nil {
			s.cfg.Log.ErrorContext(ctx, "alarms of the lane are not followed", "lane", id, "error", err)
			return
		}
		for v := range feed {
			s.follow(ctx, v)
		}
		select { // dropped as too slow, or the lane has stopped
		case <-ctx.Done():
		case <-time.After(s.cfg.RetryAfter):
		}
	}
}

// follow raises what the lane has raised, and takes note where somebody has at
// the lane.
func (s *Alarms) follow(ctx context.Context, v LaneView) {
	var fresh []SiteAlarm
	type noted struct{ id, by string }
	var taken []noted
	s.mu.Lock()
	for _, a := range v.Alarms {
		key := laneAlarm{v.Lane, a.ID, a.Since}
		id, known := s.seen[key]
		if !known {
			if id, known = s.before[key]; known {
				s.seen[key] = id
			}
		}
		if !known {
			raised := SiteAlarm{Lane: v.Lane, Kind: a.Kind, Of: a.Of, At: a.Since.UTC(), Passage: a.Passed, OfLane: a.ID}
			raised.ID = newAlarmID(v.Lane, a.Since)
			id = raised.ID
			s.seen[key] = id
			s.add(raised)
			fresh = append(fresh, raised)
		}
		if a.By != "" && slices.ContainsFunc(s.open, func(o SiteAlarm) bool { return o.ID == id }) {
			taken = append(taken, noted{id, a.By})
		}
	}
	for key := range s.seen { // what the lane no longer shows never comes again
		if key.lane == v.Lane && !slices.ContainsFunc(v.Alarms, func(a Alarm) bool { return a.ID == key.id && a.Since.Equal(key.since) }) {
			delete(s.seen, key)
		}
	}
	fresh = append(fresh, s.tell(v)...)
	fresh = append(fresh, s.stands(v.Lane, AlarmRecords, "", v.Notice == NoticeStorage && !s.lasts[state{v.Lane, AlarmDamaged, ""}])...)
	s.mu.Unlock()
	for _, a := range fresh {
		s.ring(a)
	}
	for _, k := range taken {
		if _, err := s.acknowledge(ctx, k.by, k.id, "at the lane"); err != nil && !errors.Is(err, ErrExists) {
			s.cfg.Log.ErrorContext(ctx, "acknowledgement at the lane not on record", "alarm", k.id, "error", err)
		}
	}
}

// tell raises an alarm for each vehicle of a lane of which the rules want the
// duty officer told, once; the caller holds the lock.
func (s *Alarms) tell(v LaneView) (fresh []SiteAlarm) {
	shown := make(map[PassageID]bool, len(v.Vehicles))
	for _, w := range v.Vehicles {
		if w.Passage == nil {
			continue
		}
		id, verdict := w.Passage.ID, &w.Passage.Result.Verdict
		shown[id] = true
		if _, told := s.told[id]; told || !w.Durable || !slices.Contains(verdict.ConditionIDs, TellDutyOfficer) {
			continue
		}
		raised := SiteAlarm{Lane: v.Lane, Kind: AlarmDutyOfficer, Passage: id}
		if len(verdict.Reasons) > 0 {
			raised.Of = verdict.Reasons[0].Rule
		}
		raised.At, _ = s.cfg.Clock.Stamp()
		raised.ID = newAlarmID(v.Lane, raised.At)
		s.told[id] = v.Lane
		s.add(raised)
		fresh = append(fresh, raised)
	}
	for id, lane := range s.told {
		if lane == v.Lane && !shown[id] {
			delete(s.told, id)
		}
	}
	return fresh
}

// CheckAlarmAck says whether an acknowledgement may follow the alarm that is
// recorded; nil is none. Every store asks it within the transaction that records.
func CheckAlarmAck(a *SiteAlarm, k AlarmAck) error {
	switch {
	case a == nil:
		return refuse(ErrNotFound, "there is no alarm %q", k.Alarm)
	case strings.TrimSpace(k.By) == "":
		return fmt.Errorf("nobody is named: %w", ErrNotAllowed)
	case k.At.Before(a.At):
		return ErrBackdated
	case a.Ack != nil:
		return refuse(ErrExists, "%s has taken note of it already", a.Ack.By)
	}
	return plainNote("note", k.Note, false)
}

// CheckAlarm says whether an alarm may be recorded.
func CheckAlarm(a SiteAlarm) error {
	if a.ID == "" || a.Lane == "" || a.Kind == "" || a.At.IsZero() {
		return errors.New("an alarm has an id, a lane, a kind and an instant")
	}
	return nil
}
