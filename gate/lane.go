package gate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"sallyport/policy"
	"sallyport/vin"
)

// repeatWithin is how soon the same arrival again is a scanner that read twice.
const repeatWithin = 2 * time.Second

// owedMost is how many events a lane keeps for a store that does not work.
const owedMost = 1000

// radioRefresh is how often a lane is shown again only because observations
// were counted.
const radioRefresh = 5 * time.Second

// message is work for the goroutine of a lane.
type message func(*lane)

// arriving is an arrival and the person or device that waits for its answer.
type arriving struct {
	ctx     context.Context
	arrival Arrival
	done    func(PassageID, error)
}

// vehicle is one identified vehicle of a lane.
type vehicle struct {
	passage *Passage // never changed, only replaced; nil: nobody
	durable bool     // passage is committed
	ended   bool     // passage has its outcome, or the outcome is in unsaved
	request Request  // what the assessor was asked for passage
	decided time.Time
	number  int    // LaneView.Decision
	again   string // LaneView.Again
	auto    bool   // policy would open for it, were it known by more than a plate, and nobody has acted on it
	seen    bool   // the detector of the line has seen it stand there
}

// open says that the passage has not ended.
func (v *vehicle) open() bool { return v.passage != nil && !v.ended }

// proven says that a vehicle is known by more than its plate, which is the first
// thing that anybody copies: by a VIN that was read, or a pass that was shown and
// is good for it. A VIN that the list has with the plate is the plate again.
func (v *vehicle) proven() bool {
	if NormalVIN(v.passage.Arrival.VIN) != "" {
		return true
	}
	found := v.request.Identity
	if found == nil {
		return false
	}
	pass, refused := &found.Facts.Pass, &found.Facts.PassRefused // the second is known of a pass that was shown
	return pass.Known && pass.Value == policy.PassValid && refused.Known && !refused.Value
}

// lane is one lane. Its goroutine (serve) owns every field below the line;
// others reach it by post, by ears and by feed, and read
// air.
type lane struct {
	ctl    *Controller
	cfg    LaneConfig
	inbox  chan message
	done   chan struct{} // closed when serve has returned
	feed   feed
	ears   *ears
	air    *air
	inputs *inputs

	beside []*lane // that hear this lane's sensors as well; set before Run

	// owned by serve
	ctx     context.Context // of serve, for values and logging only
	state   State
	since   time.Time
	started bool // Run has closed what a crash left open

	vehicle           // at the line
	follower *vehicle // in a tandem lane, the one behind it; it waits
	unsaved  []Outcome
	owed     []Event // that could not be recorded yet
	owedAt   time.Time
	lastEnd  Ending
	left     time.Time // when the vehicle before had left

	arm       string
	armWhy    string // armNote of the last command that failed
	armMoving bool
	armFreed  chan struct{} // holds one token while no Raise is running
	armDone   chan error
	held      *arriving // waits until the arm has settled
	raiseBy   time.Time // an arm that is not down yet is commanded when it is, until then; zero: none waits

	traffic
	orders
	signs *signs

	present bool
	stays   []stay // vehicles at the line and gone, oldest first, until they were weighed the last time
	radio   RadioState
	silent  bool
	shown   uint64 // observations counted in the last view
	shownAt time.Time
	storage bool // notices
	assess  bool
	behind  bool

	asides  asides
	setsBad bool // the last answer about earlier visits was an error

	clear *time.Timer
	retry *time.Timer
	due   *time.Timer // of review
}

func newLane(c *Controller, cfg LaneConfig) *lane {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&cfg.StoreTimeout, 3*time.Second)
	def(&cfg.ArmTimeout, 5*time.Second)
	def(&cfg.ClearAfter, 10*time.Second)
	def(&cfg.RetryAfter, 2*time.Second)
	def(&cfg.RadioEvery, 500*time.Millisecond)
	def(&cfg.SilentAfter, 60*time.Second)
	def(&cfg.SetsTimeout, 2*time.Second)
	def(&cfg.HeldOpenAfter, time.Minute)
	def(&cfg.CoveredAfter, 15*time.Minute)
	def(&cfg.TailgateWithin, 3*time.Second)
	def(&cfg.BackOutAfter, 3*time.Second)
	def(&cfg.LampTimeout, 2*time.Second)
	if cfg.Direction == "" {
		cfg.Direction = DirectionEntry
	}
	if cfg.Observations <= 0 {
		cfg.Observations = 8192
	}
	l := &lane{
		ctl: c, cfg: cfg,
		inbox:    make(chan message, 64),
		done:     make(chan struct{}),
		state:    OutOfService,
		arm:      ArmClosed,
		armFreed: make(chan struct{}, 1),
		armDone:  make(chan error, 1),
		air:      newAir(),
		inputs:   newInputs(),
		asides:   newAsides(),
	}
	l.ears = newEars(cfg, &l.feed)
	l.traffic = newTraffic()
	l.direction = cfg.Direction
	if cfg.Direction == DirectionReversible {
		l.direction, l.closed = DirectionEntry, closedToTurn
	}
	l.signs = newSigns(l)
	if cfg.Arm == nil {
		l.arm = ArmNone
	}
	l.armFreed <- struct{}{}
	l.feed.view = l.compose()
	return l
}

// post hands work to the lane.
func (l *lane) post(ctx context.Context, m message) error {
	select {
	case l.inbox <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return ErrOutOfService
	}
}

// serve is the lane's goroutine.
func (l *lane) serve(ctx context.Context) {
	defer close(l.done)
	defer l.feed.close()
	l.ctx = ctx
	l.since = time.Now().UTC().Round(0)
	l.ears.listen(time.Now())
	defer l.asides.Wait()
	l.clear, l.retry, l.due = stoppedTimer(), stoppedTimer(), stoppedTimer()
	defer l.clear.Stop()
	defer l.retry.Stop()
	defer l.due.Stop()
	defer l.signs.close()
	l.signs.open(ctx)
	var look <-chan time.Time
	if l.cfg.Attributor != nil {
		t := time.NewTicker(l.cfg.RadioEvery)
		defer t.Stop()
		look = t.C
	}
	l.publish()
	for {
		select {
		case <-ctx.Done():
			l.stop()
			return
		case m := <-l.inbox:
			m(l)
		case <-l.ears.wake:
			l.hear()
		case err := <-l.armDone:
			l.armSettled(err)
		case <-l.clear.C:
			l.cleared()
		case <-l.retry.C:
			l.tryAgain()
		case <-l.inputs.wake:
			l.takeInputs()
		case <-l.due.C:
		case <-look:
			l.look()
			continue
		}
		l.review()
	}
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// start takes the lane into service, or to where it was ordered to be in the life
// before.
func (l *lane) start(s LaneStanding) {
	l.started, l.begun = true, time.Now()
	l.storage = false
	l.resume(&s)
	l.takeInputs()
	if l.pressed {
		l.pressed = false
		_ = l.beginEgress(egressOrder{detail: "input"}) // what could not be recorded is tried again, and logged
	}
	l.publish()
}

// cannotStart says that the store could not be opened for records yet.
func (l *lane) cannotStart() {
	if l.state != Manual {
		l.storage = true
		l.to(onStoreFailed)
		l.publish()
	}
}

// stop leaves the lane in order: an arm that moves is waited for, so that its
// outcome is recorded. A vehicle that still waits stays open in the store and
// is closed as unknown by the next start.
func (l *lane) stop() {
	if l.held != nil {
		l.held.done("", ErrOutOfService)
		l.held = nil
	}
	if !l.raiseBy.IsZero() {
		l.raiseBy, l.armMoving = time.Time{}, false // recorded, and never commanded
	}
	if l.armMoving {
		l.armSettled(<-l.armDone)
	}
	if l.state != OutOfService {
		l.to(onStopped)
	}
	l.started = false
	l.vehicle, l.follower = vehicle{}, nil
	l.payOwed()
	l.publish()
}

// to moves the lane along the table. An event that the table does not know in
// this state is a fault of this program; it is logged and changes nothing.
func (l *lane) to(on event) {
	state, ok := next(l.state, on)
	if !ok {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "event without a row in the transition table",
			"lane", l.cfg.ID, "state", l.state, "event", on)
		return
	}
	if on == onSecond {
		return // nothing is different for the first, whose time goes on
	}
	if state != l.state {
		l.since = time.Now().UTC().Round(0)
	}
	l.state = state
	l.clear.Stop()
	l.retry.Stop()
	switch state {
	case Refusing, Redirected:
		l.clear.Reset(l.cfg.ClearAfter)
	case Manual:
		l.retry.Reset(l.cfg.RetryAfter)
	case Idle:
		l.vehicle = vehicle{}
		l.restArm()
		l.leave()
	case OutOfService, Egress:
		l.vehicle = vehicle{}
		l.leave()
	case Approaching, AtLine, Deciding, Waiting, Admitting:
	}
}

// gone takes the first vehicle off the lane; in a tandem lane the one behind it
// comes up.
func (l *lane) gone(on event) {
	l.opening, l.freeSince = opening{}, time.Time{}
	if l.follower == nil {
		l.to(on)
		return
	}
	l.leave()
	l.vehicle, l.follower = *l.follower, nil
	l.seen = l.sees(PointAtLine)
	l.restArm()
	l.to(onNext)
	l.come(time.Now().UTC().Round(0))
	l.identified(l.passage)
}

// allowed is what the guard may do now.
func (l *lane) allowed() []ActKind {
	switch l.state {
	case Waiting:
		acts := []ActKind{ActOpen, ActInspect, ActHold, ActTurnAway, ActReset}
		if l.passage.Result.Verdict.Outcome == policy.Deny {
			acts = []ActKind{ActTurnAway, ActInspect, ActHold, ActOverride, ActReset}
		}
		if l.sees(PointUnderArm) {
			acts = slices.DeleteFunc(acts, func(k ActKind) bool { return k == ActOpen || k == ActOverride })
		}
		return acts
	case Admitting:
		if l.armMoving {
			return nil
		}
		return []ActKind{ActReset}
	case Refusing, Redirected:
		return []ActKind{ActReset}
	case Idle, Approaching, AtLine, Deciding, OutOfService, Manual, Egress:
	}
	return nil
}

// allowedBehind is what may be done about the vehicle behind the one at the
// line: nothing for which the arm would move.
func (l *lane) allowedBehind() []ActKind {
	return []ActKind{ActInspect, ActHold, ActTurnAway, ActReset}
}

func (l *lane) notice() string {
	switch {
	case l.storage:
		return NoticeStorage
	case l.assess:
		return NoticeAssess
	case l.state == Egress && !l.egress.recorded:
		return NoticeEgress
	case l.arm == ArmFault:
		return NoticeArm
	case len(l.faults) > 0 || len(l.unread) > 0:
		return NoticeDevice
	case l.behind:
		return NoticeClock
	case l.ctl.clock.JustJumped():
		return NoticeClockJump
	case l.silent:
		return NoticeRadio
	case l.ctl.cfg.RadioLive && l.cfg.Attributor != nil:
		return NoticeRadioNoDPIA
	}
	return ""
}

// compose is the view of the lane as it is.
func (l *lane) compose() LaneView {
	v := LaneView{
		Lane: l.cfg.ID, Name: l.cfg.Name, Zone: l.cfg.Zone, TurnOut: l.cfg.TurnOut,
		State: l.state, Since: l.since,
		Passage: l.passage, Durable: l.durable,
		Allowed: l.allowed(), Notice: l.notice(), Arm: l.arm,
		LastEnd: l.lastEnd,
	}
	if l.passage != nil {
		v.Decision, v.Again = l.number, l.again
	}
	if l.arm == ArmFault {
		v.ArmFault = l.armWhy
	}
	if l.held != nil {
		v.Inbound = 1
	}
	v.Radio = l.radio
	v.Direction, v.Turns = l.direction, l.cfg.Direction == DirectionReversible
	if l.passage != nil {
		v.Vehicles = append(v.Vehicles, l.shownAs(l.state, &l.vehicle, v.Allowed))
	}
	if l.follower != nil {
		v.Vehicles = append(v.Vehicles, l.shownAs(Waiting, l.follower, l.allowedBehind()))
	}
	v.Alarms, v.Warnings, v.Closed, v.Ordered = slices.Clone(l.alarms), l.warnings(), l.closed, l.order()
	v.LaneActs, v.Devices = l.laneActs(), l.broken()
	if l.cfg.Lamps != nil || l.cfg.LampsBack != nil {
		v.Signal = l.signal()
	}
	return v
}

func (l *lane) shownAs(s State, v *vehicle, allowed []ActKind) LaneVehicle {
	return LaneVehicle{State: s, Passage: v.passage, Durable: v.durable, Decision: v.number, Again: v.again, Allowed: allowed}
}

// publish shows the lane as it is to all screens. It is called after what it
// shows has been committed, never before.
func (l *lane) publish() {
	l.shown = l.feed.accepted.Load() + l.feed.refused.Load() + l.feed.dropped.Load()
	l.shownAt = time.Now()
	l.shownRevision = l.revision
	l.feed.publish(l.compose())
	l.signs.want(l.signal(), l.sign())
}

// stamp is the instant of a record made now.
func (l *lane) stamp() time.Time {
	at, behind := l.ctl.clock.Stamp()
	if behind && !l.behind {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "clock is behind the last record", "lane", l.cfg.ID, "record", at)
		l.event(Event{Kind: EventClockBehind, At: at, Detail: "clock shows " + time.Now().UTC().Format(time.RFC3339)})
	}
	l.behind = behind
	return at
}

// event logs an event of this lane; where that is not possible it is owed, and
// the lane goes on.
func (l *lane) event(e Event) {
	e.Lane = l.cfg.ID
	if len(l.owed) == 0 {
		err := l.recordEvent(e)
		if err == nil {
			return
		}
		l.ctl.cfg.Log.ErrorContext(l.ctx, "event not recorded yet", "lane", l.cfg.ID, "kind", e.Kind, "error", err)
		l.owedAt = time.Now()
	}
	if len(l.owed) == owedMost {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "event lost", "lane", l.cfg.ID, "event", l.owed[0])
		l.owed = slices.Delete(l.owed, 0, 1)
	}
	l.owed = append(l.owed, e)
}

func (l *lane) recordEvent(e Event) error {
	switch e.Kind {
	case EventAlarm, EventStoreBack, EventEgressBegun:
		return l.recordStanding(e, l.stands(e.At))
	default:
	}
	ctx, cancel := l.work()
	defer cancel()
	return l.ctl.cfg.Store.RecordEvent(ctx, e)
}

// payOwed records the events that could not be, oldest first.
func (l *lane) payOwed() {
	l.owedAt = time.Now()
	for len(l.owed) > 0 {
		if err := l.recordEvent(l.owed[0]); err != nil {
			l.ctl.cfg.Log.WarnContext(l.ctx, "events still not recorded", "lane", l.cfg.ID, "owed", len(l.owed), "error", err)
			return
		}
		l.owed = slices.Delete(l.owed, 0, 1)
	}
}

// work is the context of one step on the store. The step is finished even when
// the program is asked to stop, so that its result is known.
func (l *lane) work() (context.Context, context.CancelFunc) {
	return l.ctl.storeContext(l.ctx, l.cfg.StoreTimeout)
}

// fail takes the lane to manual procedure. What was open stays to be closed
// when records can be made again.
func (l *lane) fail(step string, err error) error {
	l.ctl.cfg.Log.ErrorContext(l.ctx, "manual procedure", "lane", l.cfg.ID, "step", step, "error", err)
	l.abandon("")
	if !l.durable {
		l.passage = nil
	}
	l.to(onStoreFailed)
	l.publish()
	return fmt.Errorf("%s: %w: %w", step, ErrManual, err)
}

// abandon leaves the endings of the lane's vehicles, as unknown, to be recorded
// when that works again.
func (l *lane) abandon(note string) {
	if !l.raiseBy.IsZero() { // the arm has not been commanded, and is not now
		l.raiseBy, l.armMoving = time.Time{}, false
	}
	for _, v := range [...]*vehicle{&l.vehicle, l.follower} {
		// What an arm that moves comes to is known soon.
		if v != nil && v.open() && (v != &l.vehicle || !l.armMoving) {
			v.ended = true
			l.unsaved = append(l.unsaved, l.outcome(v, EndUnknown, l.stampQuiet(), note))
		}
	}
	l.follower = nil
}

func (l *lane) outcome(v *vehicle, e Ending, at time.Time, note string) Outcome {
	return Outcome{Passage: v.passage.ID, Lane: l.cfg.ID, Ending: e, At: at, Note: note, Moment: v.passage.Moment}
}

// stampQuiet is stamp for when the store is known not to work.
func (l *lane) stampQuiet() time.Time {
	at, behind := l.ctl.clock.Stamp()
	l.behind = behind
	return at
}

// tryAgain does what could not be recorded before.
func (l *lane) tryAgain() {
	if l.state == Egress {
		_ = l.recordEgress() // logged, and tried again
		return
	}
	l.comeBack()
}

// comeBack tries to make a record. When that works, what could not be recorded
// is recorded now, and the lane is back in service, unless a person has ordered
// manual procedure.
func (l *lane) comeBack() bool {
	if l.state != Manual || !l.started {
		return false
	}
	if l.armMoving {
		l.retry.Reset(l.cfg.RetryAfter)
		return false
	}
	if l.byHand && len(l.unsaved) == 0 && !l.storage && !l.assess {
		return false
	}
	err := l.recordEvent(Event{Kind: EventStoreBack, Lane: l.cfg.ID, At: l.stampQuiet(),
		Detail: fmt.Sprintf("%d outcomes waited", len(l.unsaved))})
	if err == nil {
		err = l.paySaved()
	}
	if err != nil {
		l.ctl.cfg.Log.WarnContext(l.ctx, "still in manual procedure", "lane", l.cfg.ID, "error", err)
		l.retry.Reset(l.cfg.RetryAfter)
		return false
	}
	l.payOwed()
	l.storage, l.assess = false, false
	l.ctl.cfg.Log.InfoContext(l.ctx, "records can be made again", "lane", l.cfg.ID)
	if l.byHand {
		l.publish()
		return false
	}
	l.to(onStoreBack)
	l.publish()
	return true
}

// paySaved records the outcomes that could not be.
func (l *lane) paySaved() error {
	ctx, cancel := l.work()
	defer cancel()
	for len(l.unsaved) > 0 {
		err := l.ctl.cfg.Store.RecordOutcome(ctx, l.unsaved[0])
		switch {
		case err == nil:
			l.lastEnd = l.unsaved[0].Ending
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrExists):
			// the passage never became durable, or its outcome had
		default:
			return err
		}
		l.unsaved = l.unsaved[1:]
	}
	return nil
}

// end makes the ending of the passage at the line durable.
func (l *lane) end(e Ending, note string) error { return l.endOf(&l.vehicle, e, note) }

// endOf makes the ending of a vehicle's passage durable.
func (l *lane) endOf(v *vehicle, e Ending, note string) error {
	o := l.outcome(v, e, l.stamp(), note)
	v.ended = true
	ctx, cancel := l.work()
	defer cancel()
	if err := l.ctl.cfg.Store.RecordOutcome(ctx, o); err != nil {
		l.unsaved = append(l.unsaved, o)
		l.storage = true
		return l.fail("record outcome", err)
	}
	l.lastEnd = e
	return nil
}

// arrive answers one arrival.
func (l *lane) arrive(a arriving) {
	if err := a.ctx.Err(); err != nil {
		a.done("", err)
		return
	}
	switch l.state {
	case OutOfService:
		a.done("", ErrOutOfService)
		return
	case Egress:
		a.done("", ErrEgress)
		return
	case Manual:
		if !l.comeBack() {
			a.done("", ErrManual)
			return
		}
	default:
	}
	if l.late(&a.arrival) {
		a.done("", ErrNotAllowed)
		return
	}
	if l.join(&a) {
		return
	}
	if l.behindFirst(a.arrival) {
		id, err := l.arriveBehind(a.arrival)
		a.done(id, err)
		return
	}
	if l.notNext(&a.arrival) {
		a.done("", ErrNotAllowed)
		return
	}
	if l.armMoving {
		if l.held != nil {
			a.done("", ErrBusy)
			return
		}
		l.held = &a
		l.publish()
		return
	}
	if l.state == Waiting {
		if reflect.DeepEqual(l.passage.Arrival, a.arrival) && time.Since(l.decided) < repeatWithin {
			a.done(l.passage.ID, nil)
			return
		}
		if err := l.end(EndLeft, ""); err != nil {
			a.done("", err)
			return
		}
	}
	id, err := l.decide(a.arrival)
	a.done(id, err)
	if err == nil {
		l.autoOpen()
	}
}

// behindFirst says whether an arrival is of the vehicle behind the one that the
// lane is dealing with.
func (l *lane) behindFirst(a Arrival) bool {
	if !l.cfg.Tandem || l.passage == nil || !l.durable {
		return false
	}
	switch l.state {
	case Waiting, Admitting, Refusing, Redirected:
	default:
		return false
	}
	first := l.passage.Arrival
	if a.VIN == "" { // another plate than that of the first, which is known
		return first.Plate != "" && a.Plate != "" && NormalPlate(first.Plate) != NormalPlate(a.Plate)
	}
	return NormalVIN(first.VIN) != NormalVIN(a.VIN)
}

// arriveBehind judges the vehicle behind the one that the lane is dealing with.
// The arm is not moved for it before it has come up.
func (l *lane) arriveBehind(a Arrival) (PassageID, error) {
	if f := l.follower; f != nil {
		switch {
		case reflect.DeepEqual(f.passage.Arrival, a) && time.Since(f.decided) < repeatWithin:
			return f.passage.ID, nil
		case a.VIN == "":
			return "", ErrNotAllowed
		}
		l.follower = nil
		if err := l.endOf(f, EndLeft, ""); err != nil {
			return "", err
		}
	}
	v, err := l.judge(a, l.stamp(), false)
	if err != nil {
		return "", err
	}
	l.follower = v
	l.to(onSecond)
	l.publish()
	return v.passage.ID, nil
}

// decide takes an arrival from Deciding to a durable, published verdict.
func (l *lane) decide(a Arrival) (PassageID, error) {
	if l.passage != nil { // the one before has gone
		l.leave()
	}
	l.owes()
	l.vehicle = vehicle{}
	l.note, l.opening, l.freeSince = nil, opening{}, time.Time{}
	l.restArm()
	l.to(onArrived)
	at := l.stamp()
	l.come(at)
	l.publish()

	v, err := l.judge(a, at, true)
	if err != nil {
		return "", err
	}
	l.vehicle = *v
	l.seen = l.sees(PointAtLine)
	l.to(onRecorded)
	l.publish()
	l.identified(l.passage)
	return l.passage.ID, nil
}

// judge takes an arrival to a durable verdict. Sensors are asked about the
// vehicle at the line only.
func (l *lane) judge(a Arrival, at time.Time, atLine bool) (*vehicle, error) {
	req, err := l.gather(a, at)
	if err != nil {
		l.storage = true
		return nil, l.fail("look up vehicle", err)
	}
	if !atLine {
		req.Radio = nil
	}
	result, err := l.assessment(req)
	if err != nil {
		l.assess = true
		return nil, l.fail("assess", err)
	}
	if v := result.VIN; v != "" && v != req.VIN && result.Vehicle.Valid {
		// The assessor corrected a misread VIN: what the site knows of the
		// vehicle is filed under the right one. The first 17 characters of a
		// longer text are no VIN, and may be another vehicle's.
		again, err := l.gatherUnder(v, a, at)
		if err != nil {
			l.storage = true
			return nil, l.fail("look up vehicle", err)
		}
		if !atLine {
			again.Radio = nil
		}
		if !reflect.DeepEqual(again, req) {
			req = again
			if result, err = l.assessment(req); err != nil {
				l.assess = true
				return nil, l.fail("assess", err)
			}
		}
	}
	p := Passage{ID: newPassageID(l.cfg.ID, at), Lane: l.cfg.ID, At: at, Arrival: a, Result: result, Moment: l.direction.Moment()}
	v := &vehicle{passage: &p, request: req, number: 1}
	ctx, cancel := l.work()
	defer cancel()
	if err := l.ctl.cfg.Store.Record(ctx, p); err != nil {
		l.storage = true
		// It may have become durable all the same.
		l.unsaved = append(l.unsaved, l.outcome(v, EndUnknown, l.stampQuiet(), ""))
		return nil, l.fail("record passage", err)
	}
	v.durable, v.decided = true, time.Now()
	l.tellWhereElse(req.Identity)
	verdict := &result.Verdict
	v.auto = l.cfg.AutoOpen && verdict.Outcome == policy.Grant && !verdict.Presumed && len(verdict.Conditions) == 0
	return v, nil
}

// gather fills the request from what the site itself knows.
func (l *lane) gather(a Arrival, at time.Time) (Request, error) {
	req := Request{
		VIN: NormalVIN(a.VIN), Plate: NormalPlate(a.Plate), Stated: a.Class, Zone: l.cfg.Zone, At: at,
		Moment: l.direction.Moment(),
		Market: l.cfg.Market, Declared: a.Declared, OnCall: a.OnCall, Posture: l.ctl.cfg.Posture(at), Inspecting: l.ctl.cfg.Inspecting,
	}
	ctx, cancel := l.work()
	defer cancel()
	var err error
	if req.VIN == "" && req.Plate != "" {
		if req.VIN, err = l.listed(ctx, req.Plate); err != nil {
			return Request{}, err
		}
		req.ByList = req.VIN != ""
	}
	if req.VIN != "" {
		if req.Inspections, err = l.ctl.cfg.Registry.Inspections(ctx, req.VIN, at); err != nil {
			return Request{}, err
		}
	}
	if misread(req.VIN) {
		if req.Expected, err = l.ctl.cfg.Registry.Alike(ctx, req.VIN); err != nil {
			return Request{}, err
		}
	}
	reg, err := l.ctl.cfg.Registry.Registration(ctx, req.VIN, req.Plate)
	switch {
	case err == nil:
		if reg.VIN != "" && req.VIN != "" && reg.VIN != req.VIN {
			// The plate is on the list for another vehicle. It may tell
			// against this one, and lends it no privilege.
			req.Stated = reg.Class
			break
		}
		req.Class = reg.Class
		if reg.Market != "" {
			req.Market = reg.Market
		}
		req.Registered = reg.Claims()
		req.Declared = slices.Concat(req.Declared, reg.Declared)
		if reg.VIN != "" && reg.VIN == req.VIN {
			req.Authorisations = reg.Exempt
		}
	case !errors.Is(err, ErrNotFound):
		return Request{}, err
	}
	if req.Identity, err = l.identity(ctx, a, &req); err != nil {
		return Request{}, err
	}
	if l.cfg.Attributor != nil && !l.ctl.cfg.RadioLive {
		f := l.cfg.Attributor.Finding(at)
		req.Radio = &f
	}
	return req, nil
}

// misread says whether a text has the length of a VIN and is none.
func misread(text string) bool {
	return len(text) == vin.Length && slices.ContainsFunc(vin.VIN(text).Problems(), func(p vin.Problem) bool { return !p.Note })
}

// gatherUnder is gather with what the site has filed under another VIN than
// the one that was read.
func (l *lane) gatherUnder(vin string, a Arrival, at time.Time) (Request, error) {
	read := a.VIN
	if read == "" { // it is the list that knows the VIN
		return l.gather(a, at)
	}
	a.VIN = vin
	req, err := l.gather(a, at)
	req.VIN = NormalVIN(read)
	return req, err
}

// assessment asks the assessor. A fault of the assessor takes this lane to
// manual procedure, not the program down.
func (l *lane) assessment(req Request) (a Assessment, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("assessor failed: %v", r)
		}
	}()
	return l.ctl.cfg.Assessor.Assess(req), nil
}

// act checks and carries out one act of one person.
func (l *lane) act(a Act) error {
	switch {
	case a.Kind.OfLane():
		return l.laneAct(a)
	case l.state == Manual:
		return ErrManual
	case l.state == OutOfService:
		return ErrOutOfService
	case l.follower != nil && a.Passage == l.follower.passage.ID:
		return l.actBehind(a)
	case l.passage == nil || !l.durable || a.Passage != l.passage.ID:
		return ErrStale
	case a.Seen != 0 && a.Seen != l.number:
		return ErrDecidedAgain
	case !slices.Contains(l.allowed(), a.Kind):
		return ErrNotAllowed
	case strings.TrimSpace(a.By) == "" || a.By == AutoOpen:
		return fmt.Errorf("%w: an act is a person's", ErrNotAllowed)
	}
	needsReason := a.Kind == ActOverride ||
		a.Kind == ActOpen && l.passage.Result.Verdict.Outcome != policy.Grant
	if needsReason && strings.TrimSpace(a.Reason) == "" {
		return ErrNeedsReason
	}
	if a.Kind == ActOverride && (strings.TrimSpace(a.Supervisor) == "" || a.Supervisor == a.By) {
		return ErrNeedsSupervisor
	}
	return l.carryOut(a)
}

// actBehind checks and carries out one act on the vehicle behind the one at the
// line.
func (l *lane) actBehind(a Act) error {
	f := l.follower
	switch {
	case a.Seen != 0 && a.Seen != f.number:
		return ErrDecidedAgain
	case !slices.Contains(l.allowedBehind(), a.Kind):
		return ErrNotAllowed
	case strings.TrimSpace(a.By) == "" || a.By == AutoOpen:
		return fmt.Errorf("%w: an act is a person's", ErrNotAllowed)
	}
	a.At = l.stamp()
	if err := l.recordAct(a); err != nil {
		l.storage = true
		return l.fail("record act", err)
	}
	f.auto = false
	if e, ends := map[ActKind]Ending{ActInspect: EndInspection, ActTurnAway: EndRefused, ActReset: EndLeft}[a.Kind]; ends {
		l.follower = nil
		if err := l.endOf(f, e, ""); err != nil {
			return err
		}
	}
	l.publish()
	return nil
}

// carryOut makes an allowed act durable, and then does it.
func (l *lane) carryOut(a Act) error {
	a.At = l.stamp()
	l.auto = false
	if err := l.recordAct(a); err != nil {
		l.storage = true
		return l.fail("record act", err)
	}
	switch a.Kind {
	case ActHold:
		l.to(onHeld)
	case ActOpen, ActOverride:
		return l.admit()
	case ActInspect:
		if err := l.end(EndInspection, ""); err != nil {
			return err
		}
		l.to(onInspected)
	case ActTurnAway:
		if err := l.end(EndRefused, ""); err != nil {
			return err
		}
		l.to(onTurnedAway)
	case ActReset:
		if !l.ended {
			if err := l.end(EndLeft, ""); err != nil {
				return err
			}
		}
		l.owes()
		l.gone(onReset)
	default:
	}
	l.publish()
	return nil
}

func (l *lane) recordAct(a Act) error {
	ctx, cancel := l.work()
	defer cancel()
	return l.ctl.cfg.Store.RecordAct(ctx, a)
}

// admit lets in the vehicle whose act has just been recorded. This is the only
// place that commands an arm; the table leads here once per passage.
func (l *lane) admit() error {
	if l.cfg.Arm == nil {
		if err := l.end(EndAdmitted, ""); err != nil {
			return err
		}
		l.to(onOpened)
		l.clear.Reset(l.cfg.ClearAfter)
		l.publish()
		return nil
	}
	l.notThrough()
	l.to(onOpened)
	l.armMoving = true
	switch {
	case l.covered():
		// A detector that has been covered for too long is no reason to keep the
		// vehicle, and none to move the arm: a person raises it by hand.
		l.armSettled(errCovered)
		return nil
	case l.armStands() == ArmOpen:
		l.raiseBy = time.Now().Add(l.cfg.ArmTimeout)
	default:
		l.arm = ArmOpening
		go l.raise(l.passage.ID)
	}
	l.publish()
	return nil
}

// errCovered and errUnread say why an arm was not commanded.
var (
	errCovered = errors.New("something is under the arm")
	errUnread  = errors.New("the arm's contacts cannot be read")
)

// errArmBusy says that the command before has not returned.
var errArmBusy = errors.New("arm still busy with the command before")

// raise commands the arm once and reports within ArmTimeout, even when the
// device's driver does not return.
func (l *lane) raise(id PassageID) {
	select {
	case <-l.armFreed:
	default:
		l.armDone <- errArmBusy
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), l.cfg.ArmTimeout)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		defer func() { l.armFreed <- struct{}{} }()
		defer func() {
			if r := recover(); r != nil {
				result <- fmt.Errorf("arm driver failed: %v", r)
			}
		}()
		result <- l.cfg.Arm.Raise(ctx, id)
	}()
	select {
	case err := <-result:
		l.armDone <- err
	case <-ctx.Done():
		l.armDone <- fmt.Errorf("arm did not confirm: %w", ctx.Err())
	}
}

// armSettled records how the command to the arm went.
func (l *lane) armSettled(err error) {
	l.armMoving = false
	if l.egress.raising {
		l.egressRaised(err)
		return
	}
	ending, note, on := EndAdmitted, "", onArmMoved
	l.arm = ArmOpen
	if l.state == Manual { // a step of the vehicle behind could not be recorded
		if err != nil {
			ending, note, l.arm = EndArmFailed, armNote(err), ArmFault
			l.armWhy = note
		}
		l.ended = true
		l.unsaved = append(l.unsaved, l.outcome(&l.vehicle, ending, l.stampQuiet(), note))
		l.publish()
		l.settledArm()
		return
	}
	if err != nil {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "arm", "lane", l.cfg.ID, "passage", l.passage.ID, "error", err)
		ending, note, on = EndArmFailed, armNote(err), onArmFailed
		l.arm, l.armWhy = ArmFault, note
	}
	if l.end(ending, note) == nil {
		l.to(on)
		if on == onArmMoved {
			l.clear.Reset(l.cfg.ClearAfter)
		}
		l.publish()
	}
	l.settledArm()
}

// settledArm does what had to wait until the arm had settled.
func (l *lane) settledArm() {
	if o := l.egress.wanted; o != nil {
		l.egress.wanted = nil
		_ = l.beginEgress(*o) // what could not be recorded is tried again, and logged
	}
	if a := l.held; a != nil {
		l.held = nil
		l.arrive(*a)
	}
}

// armNote is the class of an arm's failure, for the record and the screen: that of
// the driver's fault where it has one (barrier.Class), and else the one that says
// the same.
func armNote(err error) string {
	var fault interface {
		error
		FaultClass() string
	}
	switch {
	case errors.As(err, &fault) && fault.FaultClass() != "":
		return fault.FaultClass()
	case errors.Is(err, context.DeadlineExceeded):
		return "unconfirmed"
	case errors.Is(err, errArmBusy):
		return "busy"
	case errors.Is(err, errCovered):
		return "covered"
	case errors.Is(err, errUnread):
		return "unread"
	}
	return "failed"
}

// cleared means that the vehicle that was dealt with has left the line, or has
// had the time for it. What detectors see of it counts for more than time.
func (l *lane) cleared() {
	if _, ok := next(l.state, onCleared); !ok || l.armMoving {
		return
	}
	if l.stillThere() {
		l.clear.Reset(l.cfg.ClearAfter)
		return
	}
	if l.state == Admitting && l.arm == ArmOpen && l.through == 0 && (l.knows(PointUnderArm) || l.knows(PointBeyond)) {
		if time.Since(l.turned[l.point(PointAtLine)]) < l.cfg.BackOutAfter { // it may be between two detectors
			l.clear.Reset(l.cfg.BackOutAfter)
			return
		}
		l.alarm(AlarmNotThrough, "")
	}
	l.gone(onCleared)
	l.publish()
}

// detect follows the one detector of a lane without points.
func (l *lane) detect(covered bool) {
	switch {
	case covered && l.state == Idle:
		l.to(onDetected)
		l.come(time.Now().UTC().Round(0))
		l.publish()
	case !covered:
		l.cleared()
	}
}

// look asks what the air says now of the vehicle that waits, and how the
// sensors are.
func (l *lane) look() {
	now := time.Now().UTC().Round(0)
	l.listen(now)
	f, asked := l.weigh(now)
	if l.state != Waiting || !l.durable || l.ctl.cfg.RadioLive {
		return
	}
	if !asked {
		f = l.cfg.Attributor.Finding(now)
	}
	if !f.Adds(l.request.Radio) {
		return
	}
	req := l.request
	req.Radio, req.At = &f, l.stamp()
	req.Posture = l.ctl.cfg.Posture(req.At)
	result, err := l.assessment(req)
	if err != nil {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "reassess", "lane", l.cfg.ID, "passage", l.passage.ID, "error", err)
		return
	}
	l.request.Radio = &f
	if !raises(&result.Verdict, &l.passage.Result.Verdict) {
		return
	}
	if l.replace(&l.vehicle, result, req.At, "radio") == nil {
		l.to(onRaised)
		l.publish()
	}
}

// waiting are the vehicles of the lane that wait with a verdict.
func (l *lane) waiting() []*vehicle {
	var list []*vehicle
	if l.state == Waiting && l.durable {
		list = append(list, &l.vehicle)
	}
	if l.follower != nil {
		list = append(list, l.follower)
	}
	return list
}

// inspected decides again on the vehicle that waits where it is the one that
// was inspected.
func (l *lane) inspected(vin string) error {
	for _, v := range l.waiting() {
		r := v.passage.Result
		if NormalVIN(v.passage.Arrival.VIN) != vin && (r.VIN != vin || !r.Vehicle.Valid) {
			continue
		}
		if err := l.reassessOf(v, "inspection"); err != nil {
			return err
		}
	}
	return nil
}

// changed decides again on the vehicles that wait, if any do.
func (l *lane) changed(because string) error {
	for _, v := range l.waiting() {
		if err := l.reassessOf(v, because); err != nil {
			return err
		}
	}
	return nil
}

// reassess decides again on the vehicle that waits at the line.
func (l *lane) reassess(because string) error {
	switch {
	case l.state == Manual:
		return ErrManual
	case l.state != Waiting || !l.durable:
		return ErrNotAllowed
	}
	return l.reassessOf(&l.vehicle, because)
}

// reassessOf decides again on a vehicle that waits, after what the site knows
// has changed. What the air has said of it still counts.
func (l *lane) reassessOf(v *vehicle, because string) error {
	at := l.stamp()
	vin := v.passage.Arrival.VIN
	if r := v.passage.Result; r.VIN != "" && r.Vehicle.Valid {
		vin = r.VIN
	}
	req, err := l.gatherUnder(vin, v.passage.Arrival, at)
	if err != nil {
		l.storage = true
		return l.fail("look up vehicle", err)
	}
	req.Radio = v.request.Radio
	result, err := l.assessment(req)
	if err != nil {
		l.assess = true
		return l.fail("assess", err)
	}
	v.request = req
	if err := l.replace(v, result, at, because); err != nil {
		return err
	}
	if v == &l.vehicle {
		l.to(onReassessed)
	}
	l.publish()
	return nil
}

// replace makes a later assessment of a vehicle that waits durable.
func (l *lane) replace(v *vehicle, result Assessment, at time.Time, because string) error {
	ctx, cancel := l.work()
	defer cancel()
	if err := l.ctl.cfg.Store.RecordReassessment(ctx, Reassessment{
		Passage: v.passage.ID, Lane: l.cfg.ID, At: at, Because: because, Result: result,
	}); err != nil {
		// The verdict on the screen may no longer be the one on record.
		l.storage, v.durable = true, false
		return l.fail("record reassessment", err)
	}
	if actedOn(&result.Verdict) != actedOn(&v.passage.Result.Verdict) {
		v.number++
		v.again = because
		v.auto = false // what policy would have opened for is another vehicle now, as far as its verdict goes
	}
	renewed := *v.passage
	renewed.Result = result
	v.passage = &renewed
	return nil
}

// actedOn is what a person at the line acts on of a verdict, as one text.
func actedOn(v *policy.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %t %q %q", v.Outcome, v.Presumed, v.Conditions, v.WorkItems)
	for _, list := range [][]policy.Reason{v.Reasons, v.Lifted} {
		b.WriteByte('\n')
		for i := range list {
			fmt.Fprintf(&b, "%q %s %t %q\n", list[i].Rule, list[i].Outcome, list[i].Open, list[i].Because)
		}
	}
	for i := range v.Open {
		fmt.Fprintf(&b, "%q\n", v.Open[i].Ask)
	}
	return b.String()
}

// newPassageID sorts by time of arrival, says the lane, and does not repeat.
func newPassageID(l LaneID, at time.Time) PassageID {
	var salt [4]byte
	_, _ = rand.Read(salt[:]) // never fails
	return PassageID(at.UTC().Format("20060102T150405.000000Z") + "-" + string(l) + "-" + hex.EncodeToString(salt[:]))
}
