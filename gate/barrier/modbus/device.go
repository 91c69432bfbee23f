package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/simonvetter/modbus"

	"sallyport/gate"
	"sallyport/gate/barrier"
)

// Defaults of a Config.
const (
	DefaultEvery   = 50 * time.Millisecond
	DefaultTimeout = 150 * time.Millisecond
	DefaultLength  = time.Second

	maxTimeout = time.Second
	firstPause = 250 * time.Millisecond
	lastPause  = 10 * time.Second
	attempts   = 3
	letGo      = 120 * time.Millisecond // of barrier.CloseWithin, for a request under way
	letClose   = 80 * time.Millisecond  // and for the closing after it
	stuckAfter = time.Second            // beyond Length
)

// Pulse is how the arm's output gives one pulse that the board ends.
type Pulse struct {
	Register bool          // write Value to the register Address; else switch the coil Address on
	Address  uint16        // as on the wire, counted from 0
	Value    uint16        // of a register
	Length   time.Duration // how long the board keeps the output on; 0 is DefaultLength
}

// Lamps are the coils of the signal lamps.
type Lamps struct{ Red, Green uint16 }

// Input is a discrete input that tells of a point.
type Input struct {
	Address  uint16
	Point    barrier.Point
	Inverted bool // the contact is open when the point is on
}

// Config is one board.
type Config struct {
	Name string
	// URL is rtu:///dev/serial/by-id/…, tcp://host:port or rtuovertcp://host:port.
	URL      string
	Baud     uint   // rtu; 0 is 9600
	Parity   string // rtu: "none" (or ""), "even", "odd"
	StopBits uint   // rtu; 0 is 1
	Unit     uint8  // 0 is 1

	Pulse  *Pulse // nil for a board without an arm
	Lamps  *Lamps // nil for a board without lamps
	Inputs []Input

	Every   time.Duration // between two polls; 0 is DefaultEvery
	Timeout time.Duration // of one request; 0 is DefaultTimeout
	Confirm time.Duration // of a Raise; 0 is barrier.DefaultConfirm

	// Events hears of each change of an input, from Run's goroutine.
	Events func(barrier.Event)
	// Notify hears when the device comes (nil) and goes, or when its output is
	// stuck (a *barrier.Fault), from Run's goroutine, once a change.
	Notify func(error)
}

// Device is one board. Its methods may be called concurrently, before, during and
// after Run.
type Device struct {
	cfg         Config
	conf        modbus.ClientConfiguration
	first, last uint16 // of the inputs
	contacts    *barrier.Contacts
	arm         *barrier.Arm // nil without a pulse

	work  chan *request // to Run
	ended chan struct{} // closed when Run has returned
	once  sync.Once

	mu    sync.Mutex
	want  barrier.Signal
	shown bool // want is what the device has taken
	up    bool
	told  barrier.Class // of the fault last told; "" when up
	stuck bool          // the output stays on

	// owned by Run
	onSince time.Time // since when the output has been read as on
	lost    bool      // nobody may wait for the board
}

var (
	_ gate.Arm       = (*Device)(nil)
	_ barrier.Lamps  = (*Device)(nil)
	_ barrier.Inputs = (*Device)(nil)
)

// request is one write, waiting for Run to do it.
type request struct {
	ctx  context.Context
	do   func(*modbus.ModbusClient) error
	done chan error
}

// What a request ends with without having been sent.
var (
	errNotConnected = errors.New("not connected")
	errStopped      = errors.New("stopped")
	errAbandoned    = errors.New("stopped while a request was under way")
)

// New checks a configuration. Nothing is opened before Run.
func New(cfg Config) (*Device, error) {
	bad := func(format string, args ...any) (*Device, error) {
		return nil, fmt.Errorf("modbus device %q: %w", cfg.Name, fmt.Errorf(format, args...))
	}
	setDefaults(&cfg)
	mode, _, _ := strings.Cut(cfg.URL, "://")
	if !slices.Contains([]string{"rtu", "tcp", "rtuovertcp"}, mode) {
		return bad("url %q begins with none of rtu://, tcp://, rtuovertcp://", cfg.URL)
	}
	parity, ok := map[string]uint{"": modbus.PARITY_NONE, "none": modbus.PARITY_NONE, "even": modbus.PARITY_EVEN, "odd": modbus.PARITY_ODD}[cfg.Parity]
	if !ok {
		return bad("parity %q is none of none, even, odd", cfg.Parity)
	}
	if cfg.Timeout > maxTimeout {
		return bad("timeout %v is longer than %v, and a board that is silent shall be seen soon", cfg.Timeout, maxTimeout)
	}
	if cfg.Every < 0 || cfg.Timeout < 0 || cfg.Confirm < 0 {
		return bad("a time is negative")
	}
	if cfg.Pulse == nil && cfg.Lamps == nil && len(cfg.Inputs) == 0 {
		return bad("nothing is connected")
	}
	d := &Device{
		cfg: cfg, work: make(chan *request), ended: make(chan struct{}),
		conf: modbus.ClientConfiguration{
			URL: cfg.URL, Speed: cfg.Baud, DataBits: 8, Parity: parity, StopBits: cfg.StopBits, Timeout: cfg.Timeout,
			Logger: log.New(io.Discard, "", 0), // what matters comes back as an error
		},
	}
	if l := cfg.Lamps; l != nil && (l.Red == l.Green || cfg.Pulse != nil && !cfg.Pulse.Register && (l.Red == cfg.Pulse.Address || l.Green == cfg.Pulse.Address)) {
		return bad("two outputs have the same coil")
	}
	var has []barrier.Point
	byPoint, byAddress := map[barrier.Point]bool{}, map[uint16]bool{}
	for i, in := range cfg.Inputs {
		if byPoint[in.Point] || byAddress[in.Address] {
			return bad("input %d (%s) stands there twice", in.Address, in.Point)
		}
		byPoint[in.Point], byAddress[in.Address] = true, true
		has = append(has, in.Point)
		if i == 0 || in.Address < d.first {
			d.first = in.Address
		}
		d.last = max(d.last, in.Address)
	}
	if d.last-d.first >= 2000 {
		return bad("inputs %d to %d do not fit into one request", d.first, d.last)
	}
	d.contacts = barrier.NewContacts(cfg.Events, has...)
	d.want = barrier.Red
	if cfg.Pulse != nil {
		arm, err := barrier.NewArm(barrier.ArmConfig{Name: cfg.Name, Pulse: d.pulse, Contacts: d.contacts, Confirm: cfg.Confirm})
		if err != nil {
			return bad("%w", err)
		}
		d.arm = arm
	}
	if _, err := modbus.NewClient(&d.conf); err != nil {
		return bad("%w", err)
	}
	return d, nil
}

func setDefaults(cfg *Config) {
	if cfg.Every == 0 {
		cfg.Every = DefaultEvery
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Baud == 0 {
		cfg.Baud = 9600
	}
	if cfg.StopBits == 0 {
		cfg.StopBits = 1
	}
	if cfg.Unit == 0 {
		cfg.Unit = 1
	}
	if p := cfg.Pulse; p != nil && p.Length == 0 {
		own := *p
		own.Length = DefaultLength
		cfg.Pulse = &own
	}
}

// Level implements barrier.Inputs.
func (d *Device) Level(p barrier.Point) (barrier.Level, time.Time) { return d.contacts.Level(p) }

// Contacts are the board's inputs, for an arm whose output stands elsewhere.
func (d *Device) Contacts() *barrier.Contacts { return d.contacts }

// Up tells whether the board answers.
func (d *Device) Up() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.up
}

// Raise implements gate.Arm. It fails with a barrier.Fault.
func (d *Device) Raise(ctx context.Context, id gate.PassageID) error {
	select {
	case <-d.ended:
		return d.fault(barrier.Ended, barrier.NotMoved, errStopped)
	default:
	}
	if d.arm == nil {
		return d.fault(barrier.Rejected, barrier.NotMoved, errors.New("no arm is connected"))
	}
	return d.arm.Raise(ctx, id)
}

// pulse is the output of the arm.
func (d *Device) pulse(ctx context.Context) error {
	p := *d.cfg.Pulse
	d.mu.Lock()
	stuck := d.stuck
	d.mu.Unlock()
	if stuck {
		return d.fault(barrier.Stuck, barrier.NotMoved, nil)
	}
	return d.ask(ctx, func(c *modbus.ModbusClient) error {
		// A line that was opened again in between has cost time.
		if err := d.contacts.MayRaise(d.cfg.Name); err != nil {
			return err
		}
		if p.Register {
			return d.classify(c.WriteRegister(p.Address, p.Value))
		}
		return d.classify(c.WriteCoil(p.Address, true))
	})
}

// Show implements barrier.Lamps. Red is shown until it is called, so that no
// green of another time stays lit.
func (d *Device) Show(ctx context.Context, s barrier.Signal) error {
	if d.cfg.Lamps == nil {
		return d.fault(barrier.Rejected, barrier.NotMoved, errors.New("no lamps are connected"))
	}
	d.mu.Lock()
	d.want, d.shown = s, false
	d.mu.Unlock()
	return d.ask(ctx, d.lamps)
}

// lamps shows what is wanted now, unless that has been done since it was asked
// for; the lamp that goes out is first.
func (d *Device) lamps(c *modbus.ModbusClient) error {
	d.mu.Lock()
	want, shown := d.want, d.shown
	d.mu.Unlock()
	if shown {
		return nil
	}
	l := *d.cfg.Lamps
	order := []struct {
		coil uint16
		on   bool
	}{{l.Green, want == barrier.Green}, {l.Red, want == barrier.Red}}
	if want == barrier.Green {
		slices.Reverse(order)
	}
	for _, o := range order {
		if err := c.WriteCoil(o.coil, o.on); err != nil {
			return d.classify(err)
		}
	}
	d.mu.Lock()
	d.shown = d.want == want
	d.mu.Unlock()
	return nil
}

// ask has Run do one write. Once Run has taken it, ask waits for its end, which
// is bounded, so that the answer says what happened.
func (d *Device) ask(ctx context.Context, do func(*modbus.ModbusClient) error) error {
	r := &request{ctx: ctx, do: do, done: make(chan error, 1)}
	select {
	case d.work <- r:
		return <-r.done
	case <-d.ended:
		return d.fault(barrier.Ended, barrier.NotMoved, errStopped)
	case <-ctx.Done():
		return d.fault(barrier.Offline, barrier.NotMoved, ctx.Err())
	}
}

// classify says what the library's error says about the output.
func (d *Device) classify(err error) error {
	if err == nil {
		return nil
	}
	class, effect := barrier.Offline, barrier.MayHaveMoved
	switch {
	case isAny(err, modbus.ErrIllegalFunction, modbus.ErrIllegalDataAddress, modbus.ErrIllegalDataValue, modbus.ErrServerDeviceBusy, modbus.ErrGWPathUnavailable):
		class, effect = barrier.Rejected, barrier.NotMoved
	case isAny(err, modbus.ErrServerDeviceFailure, modbus.ErrAcknowledge, modbus.ErrMemoryParityError):
		class = barrier.Rejected
	case isAny(err, modbus.ErrBadCRC, modbus.ErrShortFrame, modbus.ErrProtocolError, modbus.ErrBadUnitId):
		class = barrier.Garbled
	}
	return d.fault(class, effect, err)
}

func isAny(err error, list ...modbus.Error) bool {
	return slices.ContainsFunc(list, func(e modbus.Error) bool { return errors.Is(err, e) })
}

func (d *Device) fault(class barrier.Class, effect barrier.Effect, err error) error {
	return &barrier.Fault{Device: d.cfg.Name, Class: class, Effect: effect, Err: err}
}

// Run keeps the board until ctx ends, opening it again whenever it is lost, and
// returns ctx's error. It may be called once.
func (d *Device) Run(ctx context.Context) error {
	first := false
	d.once.Do(func() { first = true })
	if !first {
		return fmt.Errorf("modbus device %q: run twice", d.cfg.Name)
	}
	defer close(d.ended)
	defer func() { d.contacts.Lost(time.Now()) }()
	pause, failed := firstPause, 0
	d.lost = true
	for ctx.Err() == nil {
		answered, err := d.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		if answered {
			pause, failed = firstPause, 0
		}
		// A line that garbles one answer is opened again at once, which throws
		// away what waits in it; one that goes on so is lost. Until then whoever
		// asks for something waits.
		if failed++; failed < attempts {
			continue
		}
		d.lost = true
		d.contacts.Lost(time.Now())
		d.tell(err)
		if err := d.away(ctx, pause); err != nil {
			break
		}
		pause = min(2*pause, lastPause)
	}
	return ctx.Err()
}

// away waits, and tells whoever asks that the device is lost.
func (d *Device) away(ctx context.Context, pause time.Duration) error {
	wait := time.NewTimer(pause)
	defer wait.Stop()
	for {
		select {
		case r := <-d.work:
			r.done <- d.fault(barrier.Offline, barrier.NotMoved, errNotConnected)
		case <-wait.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell tells of a change.
func (d *Device) tell(err error) {
	class := barrier.ClassOf(err)
	d.mu.Lock()
	up := err == nil || class == barrier.Stuck
	changed := d.up != up || d.told != class
	d.up, d.told = up, class
	if err != nil && class != barrier.Stuck {
		d.shown = false
	}
	d.mu.Unlock()
	if changed && d.cfg.Notify != nil {
		d.cfg.Notify(err)
	}
}

// exchange runs one use of the library, which nobody can interrupt, and gives it
// up when ctx has ended and it does not return soon. What it held is closed then
// by whoever is still in it.
func (d *Device) exchange(ctx context.Context, use func() error) error {
	return d.within(ctx, letGo, use)
}

func (*Device) within(ctx context.Context, after time.Duration, use func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("modbus library: %v", p)
			}
		}()
		done <- use()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	limit := time.NewTimer(after)
	defer limit.Stop()
	select {
	case err := <-done:
		return err
	case <-limit.C:
		return errAbandoned
	}
}

// connect opens the board and serves it until something fails. answered tells
// whether a whole poll succeeded.
func (d *Device) connect(ctx context.Context) (answered bool, err error) {
	client, err := modbus.NewClient(&d.conf)
	if err != nil {
		return false, d.fault(barrier.Offline, barrier.NotMoved, err)
	}
	opened := make(chan error, 1)
	go func() { opened <- d.exchange(ctx, client.Open) }()
	old := time.NewTimer(attempts * d.cfg.Timeout)
	defer old.Stop()
	for err = errNotConnected; errors.Is(err, errNotConnected); {
		work := d.work
		if !d.lost {
			work = nil
		}
		select {
		case err = <-opened:
		case <-old.C:
			// What was read last is too old to be believed.
			d.lost = true
			d.contacts.Lost(time.Now())
			d.tell(d.fault(barrier.Offline, barrier.NotMoved, errNotConnected))
		case r := <-work:
			r.done <- d.fault(barrier.Offline, barrier.NotMoved, errNotConnected)
		}
	}
	if errors.Is(err, errAbandoned) {
		go client.Close() //nolint:errcheck // nobody is left to hear it; it waits for the opening
		return false, err
	}
	if err != nil {
		return false, d.fault(barrier.Offline, barrier.NotMoved, err)
	}
	// Close waits for a request under way; one that was given up must not be
	// waited for twice.
	defer func() {
		if errors.Is(err, errAbandoned) {
			go client.Close() //nolint:errcheck // as above
			return
		}
		if cerr := d.within(ctx, letClose, client.Close); cerr != nil {
			err = errors.Join(err, cerr)
		}
	}()
	if err := client.SetUnitId(d.cfg.Unit); err != nil {
		return false, d.fault(barrier.Offline, barrier.NotMoved, err)
	}
	tick := time.NewTicker(d.cfg.Every)
	defer tick.Stop()
	for {
		if err := d.poll(ctx, client); err != nil {
			return answered, err
		}
		answered, d.lost = true, false
		if err := d.refresh(ctx, client); err != nil {
			return answered, err
		}
		select {
		case r := <-d.work:
			if err := d.serve(ctx, client, r); err != nil {
				return answered, err
			}
		case <-tick.C:
		case <-ctx.Done():
			return answered, ctx.Err()
		}
	}
}

// serve does one write. It fails where the line is of no more use.
func (d *Device) serve(ctx context.Context, client *modbus.ModbusClient, r *request) error {
	if err := r.ctx.Err(); err != nil {
		r.done <- d.fault(barrier.Offline, barrier.NotMoved, err)
		return nil
	}
	err := d.exchange(ctx, func() error { return r.do(client) })
	if errors.Is(err, errAbandoned) {
		r.done <- d.fault(barrier.Ended, barrier.MayHaveMoved, err)
		return err
	}
	r.done <- err
	switch barrier.ClassOf(err) {
	case barrier.Offline, barrier.Garbled:
		return err
	default:
		return nil // the board answered, or was not asked
	}
}

// refresh shows the wanted signal to a board that came back.
func (d *Device) refresh(ctx context.Context, client *modbus.ModbusClient) error {
	d.mu.Lock()
	due := d.cfg.Lamps != nil && !d.shown
	d.mu.Unlock()
	if !due {
		return nil
	}
	err := d.exchange(ctx, func() error { return d.lamps(client) })
	if barrier.ClassOf(err) == barrier.Rejected {
		// Whoever asks for it is told; it is not tried at every poll.
		d.mu.Lock()
		d.shown = true
		d.mu.Unlock()
		return nil
	}
	return err
}

// sample is what one poll reads.
type sample struct {
	levels []bool
	at     time.Time // of the inputs
	on     bool      // the arm's output
}

// poll reads inputs and output once, and tells of both.
func (d *Device) poll(ctx context.Context, c *modbus.ModbusClient) error {
	var got sample
	err := d.exchange(ctx, func() (err error) {
		got, err = d.read(c)
		return err
	})
	if err != nil {
		return err // where it was given up, got may still be written
	}
	// The reading of the output has shown that the one before it was no late one.
	if !got.at.IsZero() {
		reading := make(barrier.Reading, len(d.cfg.Inputs))
		for _, in := range d.cfg.Inputs {
			reading[in.Point] = barrier.LevelOf(got.levels[in.Address-d.first] != in.Inverted)
		}
		d.contacts.Set(got.at, reading)
	}
	d.watch(got.on)
	return nil
}

func (d *Device) read(c *modbus.ModbusClient) (got sample, err error) {
	if len(d.cfg.Inputs) > 0 {
		levels, err := c.ReadDiscreteInputs(d.first, d.last-d.first+1)
		if err != nil {
			return got, d.classify(err)
		}
		got.levels, got.at = levels, time.Now()
	}
	got.on, err = d.output(c)
	return got, d.classify(err)
}

// output reads the arm's output back, or else a lamp: some reading of another
// kind than that of the inputs.
func (d *Device) output(c *modbus.ModbusClient) (on bool, err error) {
	switch {
	case d.cfg.Pulse != nil && d.cfg.Pulse.Register:
		v, err := c.ReadRegister(d.cfg.Pulse.Address, modbus.HOLDING_REGISTER)
		return v != 0, err
	case d.cfg.Pulse != nil:
		return c.ReadCoil(d.cfg.Pulse.Address)
	case d.cfg.Lamps != nil:
		_, err := c.ReadCoil(d.cfg.Lamps.Red)
		return false, err
	default:
		return false, nil
	}
}

// watch looks for an output that stays on, and tells that the board answers.
func (d *Device) watch(on bool) {
	now := time.Now()
	switch {
	case !on:
		d.onSince = time.Time{}
	case d.onSince.IsZero():
		d.onSince = now
	}
	stuck := on && now.Sub(d.onSince) > d.cfg.Pulse.Length+stuckAfter
	d.mu.Lock()
	d.stuck = stuck
	d.mu.Unlock()
	if stuck {
		d.tell(barrier.Faultf(d.cfg.Name, barrier.Stuck, barrier.MayHaveMoved, "on since %s", d.onSince.UTC().Format(time.TimeOnly)))
	} else {
		d.tell(nil)
	}
}
