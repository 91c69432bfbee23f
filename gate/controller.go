package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/policy"
	"sallyport/rf"
)

// The classes of error of the Controller. A screen shows a sentence for the
// class; the chain behind it is for the log.
var (
	// ErrManual says that no verdict by machine is possible now, and that the
	// guard proceeds by hand with the paper form.
	ErrManual = errors.New("manual procedure: the record cannot be made durable")
	// ErrUnknownLane says that the site has no such lane.
	ErrUnknownLane = errors.New("no such lane")
	// ErrStale says that the act was meant for a vehicle that is no longer the
	// one at the line.
	ErrStale = errors.New("the screen is out of date: another vehicle is at the line")
	// ErrDecidedAgain says that the act was meant for a verdict that is no longer
	// the one of the vehicle at the line.
	ErrDecidedAgain = errors.New("the vehicle was decided again since the screen showed its verdict")
	// ErrNotAllowed says that the act is not among those allowed now.
	ErrNotAllowed = errors.New("this act is not allowed now")
	// ErrNeedsReason says that the act needs a reason in words.
	ErrNeedsReason = errors.New("this act needs a reason")
	// ErrNeedsSupervisor says that the act needs a second person.
	ErrNeedsSupervisor = errors.New("this act needs a supervisor, who is another person")
	// ErrBusy says that more vehicles present themselves than the lane can
	// hold behind the one at the line.
	ErrBusy = errors.New("too many arrivals at this lane")
	// ErrOutOfService says that the controller is not running.
	ErrOutOfService = errors.New("the lane is out of service")
)

// The notices of a LaneView: message keys, not words.
const (
	NoticeStorage = "storage" // records cannot be made durable: manual procedure
	NoticeAssess  = "assess"  // the assessor failed: manual procedure
	NoticeArm     = "arm"     // the arm did not confirm: look at it, raise it by hand
	NoticeClock   = "clock"   // the clock is behind the last record
	NoticeRadio   = "radio"   // the sensors are silent
	NoticeDevice  = "device"  // a device of the lane does not work: LaneView.Devices and Alarms say which
	NoticeEgress  = "egress"  // emergency egress is not on record yet: raise the arms by hand
	// NoticeRadioNoDPIA: no impact assessment is named, so what the air says is
	// shown while it is heard, and neither decides nor is kept.
	NoticeRadioNoDPIA = "radio_no_dpia"
	// NoticeClockJump: the clock was set by more than a bound within the hour.
	NoticeClockJump = "clock-jump"
)

// The positions of an arm, as a LaneView names them.
const (
	ArmNone    = "none"
	ArmClosed  = "closed"
	ArmOpening = "opening"
	ArmOpen    = "open"
	ArmFault   = "fault"
)

// AutoOpen is who acts when the site's policy opens by itself.
const AutoOpen = "auto-open"

// LaneConfig is one lane of the site. A zero duration or size takes the
// default named beside it.
type LaneConfig struct {
	ID      LaneID
	Name    string
	Zone    policy.Zone
	TurnOut string // where a refused vehicle turns or parks
	Market  string // market assumed where the registration names none; empty is unknown
	// AutoOpen raises the arm without a person's act on a committed grant that is
	// neither presumed nor bound to conditions: once, for a vehicle of which a VIN
	// was read or a good pass shown, never with something under the arm, and never
	// while an alarm stands.
	AutoOpen bool

	Direction Direction // empty: entry
	Tandem    bool      // a second vehicle may be identified and judged while the first is at the arm
	Points    []Point   // detectors and contacts that the lane has; without any it goes by time and by Detect

	Arm        Arm          // nil: the lane has none, and the guard lets vehicles in by hand
	Lamps      Lamps        // nil: none; of a reversible lane, those that entering drivers see
	LampsBack  Lamps        // of a reversible lane, those that leaving drivers see
	Panel      Panel        // nil: none
	Attributor Attributor   // nil: no sensors at this lane
	Sensors    []LaneSensor // the lane's own; empty: whatever sensor is heard is taken for its own
	Beside     []LaneID     // lanes whose sensors the attributor is to hear as well

	StoreTimeout time.Duration // 3 s: longest wait for a record
	ArmTimeout   time.Duration // 5 s: longest wait for the arm to confirm
	ClearAfter   time.Duration // 10 s: time a vehicle that was let in, refused or redirected has to leave the line
	RetryAfter   time.Duration // 2 s: between attempts to record while in manual procedure
	RadioEvery   time.Duration // 500 ms: between looks at the radio finding
	SilentAfter  time.Duration // 60 s without an observation: a sensor is silent
	SetsTimeout  time.Duration // 2 s: longest wait for what was heard on earlier visits
	Observations int           // 8192: observations that may wait, and as many in hand

	HeldOpenAfter  time.Duration // 60 s: an arm that is open for longer with nothing under it is held open
	CoveredAfter   time.Duration // 15 min: a detector that is covered for longer is looked at
	TailgateWithin time.Duration // 3 s: without a contact of the arm, a second vehicle within that time came through with the first
	BackOutAfter   time.Duration // 3 s: the line is free for that long and nothing is under the arm: the vehicle has backed out
	LampTimeout    time.Duration // 2 s: longest wait for lamps and panel
}

// Config is what a Controller is made of.
type Config struct {
	Lanes      []LaneConfig
	Store      Recorder
	Registry   Registry
	Assessor   Assessor
	Posture    func(at time.Time) int // threat level at an instant, 0 the least; nil is always 0
	Clock      *Clock                 // of all records of the site; nil is one of its own
	Inspecting InspectionRules        // what the site asks of inspections
	Identity   Identity               // holds who presents itself against the site's lists; nil: nobody does
	RadioSets  RadioSets              // what was heard with vehicles on earlier visits; nil: nothing is kept
	RadioLive  bool                   // what the air says is shown while it is heard, and enters no verdict and no record
	// Admit says whether the site may take notice of an observation at all, and
	// if not, why. It may empty fields of it: the observation is the
	// controller's own. It is asked first of all, for up to tens of thousands of
	// observations a second and by several goroutines at once: it must be quick
	// and must not keep the observation. Nil admits all.
	Admit   func(*rf.Observation) (reason string, ok bool)
	Program string       // version of the program, for the record of each start
	Log     *slog.Logger // nil: slog.Default
}

// Controller runs the lanes of a site. Each lane is one goroutine that owns
// the lane's state and is sent messages; the methods may be called from any
// goroutine.
type Controller struct {
	cfg   Config
	lanes map[LaneID]*lane
	order []*lane
	clock *Clock
	run   atomic.Bool
}

// NewController checks the configuration and makes the lanes, all of them out
// of service until Run.
func NewController(cfg Config) (*Controller, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("controller: no store")
	case cfg.Registry == nil:
		return nil, errors.New("controller: no registry")
	case cfg.Assessor == nil:
		return nil, errors.New("controller: no assessor")
	case len(cfg.Lanes) == 0:
		return nil, errors.New("controller: the site has no lane")
	}
	if cfg.Posture == nil {
		cfg.Posture = func(time.Time) int { return 0 }
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Clock == nil {
		cfg.Clock = NewClock(time.Now)
	}
	c := &Controller{cfg: cfg, clock: cfg.Clock, lanes: make(map[LaneID]*lane, len(cfg.Lanes))}
	for i, lc := range cfg.Lanes {
		if !validLaneID(lc.ID) {
			return nil, fmt.Errorf("controller: lane %d: id %q: 1 to 32 of a-z, 0-9 and hyphen", i+1, lc.ID)
		}
		if _, twice := c.lanes[lc.ID]; twice {
			return nil, fmt.Errorf("controller: lane %d: id %q is used twice", i+1, lc.ID)
		}
		l := newLane(c, lc)
		c.lanes[lc.ID] = l
		c.order = append(c.order, l)
	}
	for _, l := range c.order {
		for i, id := range l.cfg.Beside {
			o, ok := c.lanes[id]
			switch {
			case !ok:
				return nil, fmt.Errorf("controller: lane %q: no lane %q is beside it", l.cfg.ID, id)
			case o == l:
				return nil, fmt.Errorf("controller: lane %q lies beside itself", l.cfg.ID)
			case slices.Contains(l.cfg.Beside[:i], id):
				return nil, fmt.Errorf("controller: lane %q: %q is beside it twice", l.cfg.ID, id)
			case l.cfg.Attributor != nil:
				o.beside = append(o.beside, l)
			}
		}
	}
	return c, nil
}

// validLaneID keeps lane ids fit for passage ids, addresses and file names.
func validLaneID(id LaneID) bool {
	if len(id) == 0 || len(id) > 32 {
		return false
	}
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}

// Run closes the passages that a crash left open, takes the lanes into service
// and keeps them until the context ends. It then waits for arms that are
// moving, takes the lanes out of service, and returns nil. It can be called
// once.
func (c *Controller) Run(ctx context.Context) error {
	if c.run.Swap(true) {
		return errors.New("controller: Run called twice")
	}
	var wg sync.WaitGroup
	for _, l := range c.order {
		wg.Go(func() { l.serve(ctx) })
	}
	if stood, ok := c.open(ctx); ok {
		for _, l := range c.order {
			_ = l.post(ctx, func(l *lane) { l.start(stood[l.cfg.ID]) }) // fails only when stopping
		}
		<-ctx.Done()
		wg.Wait()
		at, _ := c.clock.Stamp()
		end, cancel := c.storeContext(ctx, c.order[0].cfg.StoreTimeout)
		defer cancel()
		if err := c.cfg.Store.RecordEvent(end, Event{Kind: EventStopped, At: at}); err != nil {
			c.cfg.Log.ErrorContext(ctx, "stop not recorded", "error", err)
		}
		return nil
	}
	wg.Wait()
	return nil
}

// open brings the store into a state from which lanes may start, and tries
// until it succeeds (true) or the context ends (false). Meanwhile the lanes
// are in manual procedure. It returns how they stood in the life before.
func (c *Controller) open(ctx context.Context) (map[LaneID]LaneStanding, bool) {
	first := c.order[0].cfg
	stood := make(map[LaneID]LaneStanding, len(c.order))
	for {
		err := func() error {
			work, cancel := c.storeContext(ctx, first.StoreTimeout)
			defer cancel()
			last, err := c.cfg.Store.LastAt(work)
			if err != nil {
				return err
			}
			c.clock.AtLeast(last)
			list, err := c.cfg.Store.Standings(work)
			if err != nil {
				return err
			}
			for _, s := range list {
				stood[s.Lane] = s
			}
			at, _ := c.clock.Stamp()
			open, err := c.cfg.Store.CloseOpen(work, at)
			if err != nil {
				return err
			}
			for _, id := range open {
				c.cfg.Log.WarnContext(ctx, "passage closed as unknown", "passage", id)
			}
			return c.cfg.Store.RecordEvent(work, Event{Kind: EventStarted, At: at,
				Detail: fmt.Sprintf("%d lanes, %d passages closed as unknown, program %s", len(c.order), len(open), c.cfg.Program)})
		}()
		if err == nil {
			return stood, true
		}
		c.cfg.Log.ErrorContext(ctx, "lanes cannot start", "error", err)
		for _, l := range c.order {
			_ = l.post(ctx, (*lane).cannotStart)
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-time.After(first.RetryAfter):
		}
	}
}

// storeContext bounds work on the store in time and lets it finish when the
// program is asked to stop.
func (c *Controller) storeContext(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}

// Lanes are the views of all lanes, in the order of the configuration.
func (c *Controller) Lanes() []LaneView {
	views := make([]LaneView, len(c.order))
	for i, l := range c.order {
		views[i] = l.feed.now()
	}
	return views
}

// View is the lane as it is now.
func (c *Controller) View(id LaneID) (LaneView, bool) {
	l, ok := c.lanes[id]
	if !ok {
		return LaneView{}, false
	}
	return l.feed.now(), true
}

// Subscribe sends the whole state of the lane, then each change. A reader who
// falls behind is dropped: the channel is closed and the reader subscribes
// again. The channel is also closed when the context or Run ends.
func (c *Controller) Subscribe(ctx context.Context, id LaneID) (<-chan LaneView, error) {
	l, ok := c.lanes[id]
	if !ok {
		return nil, fmt.Errorf("subscribe to %q: %w", id, ErrUnknownLane)
	}
	return l.feed.subscribe(ctx), nil
}

// Arrive presents a vehicle at a lane. It returns when the passage is durable,
// and its ID; the view with the verdict has been published then. An error
// means that there is no verdict by machine; errors.Is(err, ErrManual) asks
// for the paper form. The same arrival again within two seconds (a scanner
// that reads twice) is the same passage. An arrival while a vehicle waits
// means that the one before has left; one while the arm moves is kept until
// the arm has settled. One without a VIN is taken by an empty line only, and is
// ErrNotAllowed else: a plate read twice must not replace a vehicle.
func (c *Controller) Arrive(ctx context.Context, id LaneID, a Arrival) (PassageID, error) {
	type answer struct {
		id  PassageID
		err error
	}
	a.Declared = slices.Clone(a.Declared)
	reply := make(chan answer, 1)
	got, err := ask(ctx, c, id, reply, func(l *lane) {
		l.arrive(arriving{ctx: ctx, arrival: a, done: func(id PassageID, err error) { reply <- answer{id, err} }})
	})
	if err == nil {
		err = got.err
	}
	if err != nil {
		return "", fmt.Errorf("arrival at %q: %w", id, err)
	}
	return got.id, nil
}

// Act carries out one act of one person on the vehicle that the person's
// screen showed. It returns when the act is durable and, where the act itself
// ends the passage, the ending too; an arm is then on its way, and the view
// tells how it went. Act.At is set by the lane.
//
// An emergency egress is of all lanes, wherever it was ordered or is ended: the
// error is then of all lanes that could not record it.
func (c *Controller) Act(ctx context.Context, id LaneID, a Act) error {
	if _, ok := c.lanes[id]; !ok || a.Kind != ActEgress && a.Kind != ActEgressEnd {
		return c.actAt(ctx, id, a)
	}
	err := c.actAt(ctx, id, a)
	for _, l := range c.order {
		v := l.feed.now()
		// Elsewhere an egress that lasts is no reason to command an arm again.
		if l.cfg.ID == id || (v.State == Egress) != (a.Kind == ActEgressEnd) {
			continue
		}
		if e := c.actAt(ctx, l.cfg.ID, a); e != nil && !errors.Is(e, ErrOutOfService) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (c *Controller) actAt(ctx context.Context, id LaneID, a Act) error {
	reply := make(chan error, 1)
	got, err := ask(ctx, c, id, reply, func(l *lane) {
		if err := ctx.Err(); err != nil {
			reply <- err
			return
		}
		reply <- l.act(a)
	})
	if err == nil {
		err = got
	}
	if err != nil {
		return fmt.Errorf("act %q at %q: %w", a.Kind, id, err)
	}
	return nil
}

// Reassess decides again on the vehicle that waits at the lane, after an
// inspection was recorded, the list or the posture changed, or a policy took
// effect; because says which. The verdict may rise or fall. It returns when
// the new assessment is durable and published.
func (c *Controller) Reassess(ctx context.Context, id LaneID, because string) error {
	reply := make(chan error, 1)
	got, err := ask(ctx, c, id, reply, func(l *lane) { reply <- l.reassess(because) })
	if err == nil {
		err = got
	}
	if err != nil {
		return fmt.Errorf("reassess at %q: %w", id, err)
	}
	return nil
}

// Inspected decides again on the vehicle of that VIN wherever it waits at a
// lane, after an inspection of it was recorded, confirmed or ended. That it
// waits nowhere is no error. An error is that of the lanes that could not
// decide; the others have.
func (c *Controller) Inspected(ctx context.Context, vin string) error {
	vin = NormalVIN(vin)
	var errs []error
	for _, l := range c.order {
		reply := make(chan error, 1)
		got, err := ask(ctx, c, l.cfg.ID, reply, func(l *lane) { reply <- l.inspected(vin) })
		if err == nil {
			err = got
		}
		// A lane out of service has no vehicle at its line.
		if err != nil && !errors.Is(err, ErrOutOfService) {
			errs = append(errs, fmt.Errorf("reassess at %q: %w", l.cfg.ID, err))
		}
	}
	return errors.Join(errs...)
}

// Changed decides again on every vehicle that waits at a lane, after a policy or
// a posture took effect; because says which. That nobody waits is no error. An
// error is that of the lanes that could not decide; the others have.
func (c *Controller) Changed(ctx context.Context, because string) error {
	var errs []error
	for _, l := range c.order {
		reply := make(chan error, 1)
		got, err := ask(ctx, c, l.cfg.ID, reply, func(l *lane) { reply <- l.changed(because) })
		if err == nil {
			err = got
		}
		// A lane out of service has no vehicle at its line.
		if err != nil && !errors.Is(err, ErrOutOfService) {
			errs = append(errs, fmt.Errorf("reassess at %q: %w", l.cfg.ID, err))
		}
	}
	return errors.Join(errs...)
}

// Detect tells the lane that its detector is covered, or free.
func (c *Controller) Detect(ctx context.Context, id LaneID, covered bool) error {
	reply := make(chan struct{}, 1)
	if _, err := ask(ctx, c, id, reply, func(l *lane) { l.detect(covered); reply <- struct{}{} }); err != nil {
		return fmt.Errorf("detector at %q: %w", id, err)
	}
	return nil
}

// ask runs f on the goroutine of the lane and waits for what it replies.
func ask[T any](ctx context.Context, c *Controller, id LaneID, reply chan T, f message) (T, error) {
	var none T
	l, ok := c.lanes[id]
	if !ok {
		return none, ErrUnknownLane
	}
	if !c.run.Load() {
		return none, ErrOutOfService
	}
	if err := l.post(ctx, f); err != nil {
		return none, err
	}
	select {
	case got := <-reply:
		return got, nil
	case <-ctx.Done():
		return none, ctx.Err()
	case <-l.done:
	}
	select { // the lane may have replied in its last breath
	case got := <-reply:
		return got, nil
	default:
		return none, ErrOutOfService
	}
}

// Observe takes one observation of a lane's own sensors, and lets the lanes
// beside overhear it. It never blocks. False says that it was not taken: the
// site may not take notice of it, it is of a sensor that is none of this lane's
// or has no level that a receiver can report, its time is in the future or long
// past, or the sensor's share of the lane's room is full. Each is counted at the
// sensor, by reason. Several sources may call it at once: those of different
// lanes do not wait for each other.
func (c *Controller) Observe(id LaneID, o rf.Observation) bool {
	l, ok := c.lanes[id]
	if !ok {
		return false
	}
	taken, admitted := l.ears.hear(&o, time.Now(), l.cfg.Attributor != nil, c.cfg.Admit)
	if admitted {
		for _, n := range l.beside {
			n.ears.overhear(&o)
		}
	}
	return taken
}

// Refused counts observations that a driver could not parse, so that the lane
// shows them. They are counted, never kept.
func (c *Controller) Refused(id LaneID, n uint64) {
	if l, ok := c.lanes[id]; ok {
		l.feed.refused.Add(n)
	}
}
