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

	passage *Passage // the vehicle at the line; never changed, only replaced
	durable bool     // passage is committed
	ended   bool     // passage has its outcome, or the outcome is in unsaved
	request Request  // what the assessor was asked for passage
	decided time.Time
	number  int    // LaneView.Decision
	again   string // LaneView.Again
	unsaved []Outcome
	lastEnd Ending

	arm       string
	armMoving bool
	armFreed  chan struct{} // holds one token while no Raise is running
	armDone   chan error
	held      *arriving // waits until the arm has settled

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
	l.clear, l.retry = stoppedTimer(), stoppedTimer()
	defer l.clear.Stop()
	defer l.retry.Stop()
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
			l.comeBack()
		case <-look:
			l.look()
		}
	}
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// start takes the lane into service.
func (l *lane) start() {
	l.started = true
	l.storage = false
	if l.state == Manual {
		l.to(onStoreBack)
	} else {
		l.to(onStarted)
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
	if l.armMoving {
		l.armSettled(<-l.armDone)
	}
	if l.state != OutOfService {
		l.to(onStopped)
	}
	l.passage, l.durable = nil, false
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
		l.passage, l.durable = nil, false
		if l.cfg.Arm != nil {
			l.arm = ArmClosed
		}
		l.leave()
	case Approaching, Deciding, Waiting, Admitting, OutOfService:
	}
}

// allowed is what the guard may do now.
func (l *lane) allowed() []ActKind {
	switch l.state {
	case Waiting:
		if l.passage.Result.Verdict.Outcome == policy.Deny {
			return []ActKind{ActTurnAway, ActInspect, ActHold, ActOverride, ActReset}
		}
		return []ActKind{ActOpen, ActInspect, ActHold, ActTurnAway, ActReset}
	case Admitting:
		if l.armMoving {
			return nil
		}
		return []ActKind{ActReset}
	case Refusing, Redirected:
		return []ActKind{ActReset}
	case Idle, Approaching, Deciding, OutOfService, Manual:
	}
	return nil
}

func (l *lane) notice() string {
	switch {
	case l.storage:
		return NoticeStorage
	case l.assess:
		return NoticeAssess
	case l.arm == ArmFault:
		return NoticeArm
	case l.behind:
		return NoticeClock
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
	if l.held != nil {
		v.Inbound = 1
	}
	v.Radio = l.radio
	return v
}

// publish shows the lane as it is to all screens. It is called after what it
// shows has been committed, never before.
func (l *lane) publish() {
	l.shown = l.feed.accepted.Load() + l.feed.refused.Load() + l.feed.dropped.Load()
	l.shownAt = time.Now()
	l.feed.publish(l.compose())
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

// event logs an event of this lane where that is possible; the lane does not
// depend on it.
func (l *lane) event(e Event) {
	ctx, cancel := l.work()
	defer cancel()
	e.Lane = l.cfg.ID
	if err := l.ctl.cfg.Store.RecordEvent(ctx, e); err != nil {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "event not recorded", "lane", l.cfg.ID, "kind", e.Kind, "error", err)
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
	if l.passage != nil && !l.ended {
		l.ended = true
		l.unsaved = append(l.unsaved, Outcome{Passage: l.passage.ID, Lane: l.cfg.ID, Ending: EndUnknown, At: l.stampQuiet()})
	}
	if !l.durable {
		l.passage = nil
	}
	l.to(onStoreFailed)
	l.publish()
	return fmt.Errorf("%s: %w: %w", step, ErrManual, err)
}

// stampQuiet is stamp for when the store is known not to work.
func (l *lane) stampQuiet() time.Time {
	at, behind := l.ctl.clock.Stamp()
	l.behind = behind
	return at
}

// comeBack tries to make a record. When that works, what could not be recorded
// is recorded now, and the lane is back in service.
func (l *lane) comeBack() bool {
	if l.state != Manual || !l.started {
		return false
	}
	err := func() error {
		ctx, cancel := l.work()
		defer cancel()
		if err := l.ctl.cfg.Store.RecordEvent(ctx, Event{Kind: EventStoreBack, Lane: l.cfg.ID, At: l.stampQuiet(),
			Detail: fmt.Sprintf("%d outcomes waited", len(l.unsaved))}); err != nil {
			return err
		}
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
	}()
	if err != nil {
		l.ctl.cfg.Log.WarnContext(l.ctx, "still in manual procedure", "lane", l.cfg.ID, "error", err)
		l.retry.Reset(l.cfg.RetryAfter)
		return false
	}
	l.storage, l.assess = false, false
	l.ctl.cfg.Log.InfoContext(l.ctx, "records can be made again", "lane", l.cfg.ID)
	l.to(onStoreBack)
	l.publish()
	return true
}

// end makes the ending of the passage at the line durable.
func (l *lane) end(e Ending, note string) error {
	o := Outcome{Passage: l.passage.ID, Lane: l.cfg.ID, Ending: e, At: l.stamp(), Note: note}
	l.ended = true
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
	if l.state == OutOfService {
		a.done("", ErrOutOfService)
		return
	}
	if l.state == Manual && !l.comeBack() {
		a.done("", ErrManual)
		return
	}
	if a.arrival.VIN == "" && l.state != Idle && l.state != Approaching {
		// A camera sees the vehicle at the line again and again.
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
	if err == nil && l.cfg.AutoOpen && l.passage.Result.Verdict.Outcome == policy.Grant {
		if err := l.carryOut(Act{Kind: ActOpen, Passage: id, By: AutoOpen}); err != nil {
			l.ctl.cfg.Log.ErrorContext(l.ctx, "auto-open", "lane", l.cfg.ID, "passage", id, "error", err)
		}
	}
}

// decide takes an arrival from Deciding to a durable, published verdict.
func (l *lane) decide(a Arrival) (PassageID, error) {
	if l.passage != nil { // the one before has gone
		l.leave()
	}
	l.passage, l.durable, l.ended = nil, false, false
	if l.cfg.Arm != nil {
		l.arm = ArmClosed
	}
	l.to(onArrived)
	at := l.stamp()
	l.come(at)
	l.publish()

	req, err := l.gather(a, at)
	if err != nil {
		l.storage = true
		return "", l.fail("look up vehicle", err)
	}
	result, err := l.assessment(req)
	if err != nil {
		l.assess = true
		return "", l.fail("assess", err)
	}
	if v := result.VIN; v != "" && v != req.VIN && result.Vehicle.Valid {
		// The assessor corrected a misread VIN: what the site knows of the
		// vehicle is filed under the right one. The first 17 characters of a
		// longer text are no VIN, and may be another vehicle's.
		again, err := l.gatherUnder(v, a, at)
		if err != nil {
			l.storage = true
			return "", l.fail("look up vehicle", err)
		}
		if !reflect.DeepEqual(again, req) {
			req = again
			if result, err = l.assessment(req); err != nil {
				l.assess = true
				return "", l.fail("assess", err)
			}
		}
	}
	p := Passage{ID: newPassageID(l.cfg.ID, at), Lane: l.cfg.ID, At: at, Arrival: a, Result: result}
	l.passage, l.request = &p, req
	l.number, l.again = 1, ""
	ctx, cancel := l.work()
	defer cancel()
	if err := l.ctl.cfg.Store.Record(ctx, p); err != nil {
		l.storage = true
		return "", l.fail("record passage", err)
	}
	l.durable, l.decided = true, time.Now()
	l.to(onRecorded)
	l.publish()
	l.identified(&p)
	return p.ID, nil
}

// gather fills the request from what the site itself knows.
func (l *lane) gather(a Arrival, at time.Time) (Request, error) {
	req := Request{
		VIN: NormalVIN(a.VIN), Plate: NormalPlate(a.Plate), Stated: a.Class, Zone: l.cfg.Zone, At: at,
		Market: l.cfg.Market, Declared: a.Declared, OnCall: a.OnCall, Posture: l.ctl.cfg.Posture(at), Inspecting: l.ctl.cfg.Inspecting,
	}
	ctx, cancel := l.work()
	defer cancel()
	var err error
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
	case !errors.Is(err, ErrNotFound):
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
	case l.state == Manual:
		return ErrManual
	case l.state == OutOfService:
		return ErrOutOfService
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

// carryOut makes an allowed act durable, and then does it.
func (l *lane) carryOut(a Act) error {
	a.At = l.stamp()
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
		l.to(onReset)
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
	l.armMoving, l.arm = true, ArmOpening
	l.to(onOpened)
	go l.raise(l.passage.ID)
	l.publish()
	return nil
}

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
	ending, note, on := EndAdmitted, "", onArmMoved
	l.arm = ArmOpen
	if err != nil {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "arm", "lane", l.cfg.ID, "passage", l.passage.ID, "error", err)
		ending, note, on = EndArmFailed, armNote(err), onArmFailed
		l.arm = ArmFault
	}
	if l.end(ending, note) == nil {
		l.to(on)
		if on == onArmMoved {
			l.clear.Reset(l.cfg.ClearAfter)
		}
		l.publish()
	}
	if a := l.held; a != nil {
		l.held = nil
		l.arrive(*a)
	}
}

// armNote is the class of an arm's failure, for the record.
func armNote(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no confirmation in time"
	case errors.Is(err, errArmBusy):
		return "arm busy"
	}
	return "device error"
}

// cleared means that the vehicle that was dealt with has left the line.
func (l *lane) cleared() {
	if _, ok := next(l.state, onCleared); ok && !l.armMoving {
		l.to(onCleared)
		l.publish()
	}
}

// detect follows the detector of the lane.
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
	l.request.Radio = &f
	result, err := l.assessment(req)
	if err != nil {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "reassess", "lane", l.cfg.ID, "passage", l.passage.ID, "error", err)
		return
	}
	if result.Verdict.Outcome <= l.passage.Result.Verdict.Outcome {
		return // the air may raise a verdict, never lower it
	}
	if l.replace(result, req.At, "radio") == nil {
		l.to(onRaised)
		l.publish()
	}
}

// inspected decides again on the vehicle that waits where it is the one that
// was inspected.
func (l *lane) inspected(vin string) error {
	if l.state != Waiting || !l.durable {
		return nil
	}
	r := l.passage.Result
	if NormalVIN(l.passage.Arrival.VIN) != vin && (r.VIN != vin || !r.Vehicle.Valid) {
		return nil
	}
	return l.reassess("inspection")
}

// changed decides again on the vehicle that waits, if one does.
func (l *lane) changed(because string) error {
	if l.state != Waiting || !l.durable {
		return nil
	}
	return l.reassess(because)
}

// reassess decides again on the vehicle that waits, after what the site knows
// has changed. What the air has said of it still counts.
func (l *lane) reassess(because string) error {
	switch {
	case l.state == Manual:
		return ErrManual
	case l.state != Waiting || !l.durable:
		return ErrNotAllowed
	}
	at := l.stamp()
	vin := l.passage.Arrival.VIN
	if r := l.passage.Result; r.VIN != "" && r.Vehicle.Valid {
		vin = r.VIN
	}
	req, err := l.gatherUnder(vin, l.passage.Arrival, at)
	if err != nil {
		l.storage = true
		return l.fail("look up vehicle", err)
	}
	req.Radio = l.request.Radio
	result, err := l.assessment(req)
	if err != nil {
		l.assess = true
		return l.fail("assess", err)
	}
	l.request = req
	if err := l.replace(result, at, because); err != nil {
		return err
	}
	l.to(onReassessed)
	l.publish()
	return nil
}

// replace makes a later assessment of the vehicle that waits durable.
func (l *lane) replace(result Assessment, at time.Time, because string) error {
	ctx, cancel := l.work()
	defer cancel()
	if err := l.ctl.cfg.Store.RecordReassessment(ctx, Reassessment{
		Passage: l.passage.ID, Lane: l.cfg.ID, At: at, Because: because, Result: result,
	}); err != nil {
		// The verdict on the screen may no longer be the one on record.
		l.storage, l.durable = true, false
		return l.fail("record reassessment", err)
	}
	if actedOn(&result.Verdict) != actedOn(&l.passage.Result.Verdict) {
		l.number++
		l.again = because
	}
	renewed := *l.passage
	renewed.Result = result
	l.passage = &renewed
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
