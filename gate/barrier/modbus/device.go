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

	maxBits      = 2000 // of one request
	maxRegisters = 125
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
	Bell   *uint16 // coil that Ring switches; nil for a board without a bell
	// Contacts are those of the arm where other devices read some of them; nil
	// uses Inputs.
	Contacts *barrier.Contacts
	More     []Lane // what of the board belongs to other lanes

	Every   time.Duration // between two polls; 0 is DefaultEvery
	Timeout time.Duration // of one request; 0 is DefaultTimeout
	Confirm time.Duration // of a Raise; 0 is barrier.DefaultConfirm

	// Events hears of each change of an input, from Run's goroutine.
	Events func(barrier.Event)
	// Notify hears when the device comes (nil) and goes, or when its output is
	// stuck (a *barrier.Fault), from Run's goroutine, once a change.
	Notify func(error)
}

// Lane is what of a board belongs to one lane; its fields are those of Config.
type Lane struct {
	Pulse    *Pulse
	Lamps    *Lamps
	Inputs   []Input
	Contacts *barrier.Contacts
	Confirm  time.Duration
	Events   func(barrier.Event)
	Bell     *uint16 // of no lane, as a rule
}

// Device is one board, and its Side of the first lane. Its methods may be called
// concurrently, before, during and after Run.
type Device struct {
	*Side
	cfg    Config
	conf   modbus.ClientConfiguration
	sides  []*Side
	inputs span // of discrete inputs
	coils  span // of arms
	regs   span // likewise

	work  chan *request // to Run
	ended chan struct{} // closed when Run has returned
	once  sync.Once

	mu   sync.Mutex
	up   bool
	told barrier.Class // of the fault last told; "" when up
	gone uint64        // answers

	lost bool // owned by Run: nobody may wait for the board
}

// Side is what of a board belongs to one lane. Its methods may be called
// concurrently, before, during and after the Device's Run.
type Side struct {
	device   *Device
	cfg      Lane
	contacts *barrier.Contacts
	arm      *barrier.Arm // nil without a pulse

	// under the device's lock
	want  barrier.Signal
	shown bool // want is what the device has taken
	stuck bool // the output stays on

	onSince time.Time // owned by Run: since when the output has been read as on
}

var (
	_ gate.Arm       = (*Side)(nil)
	_ barrier.Lamps  = (*Side)(nil)
	_ barrier.Inputs = (*Side)(nil)
)

// span is a range of addresses that is read at once.
type span struct {
	first, last uint16
	any         bool
}

func (s *span) add(a uint16) {
	if !s.any || a < s.first {
		s.first = a
	}
	s.last, s.any = max(s.last, a), true
}

// quantity is how many addresses the span has.
func (s span) quantity() uint16 { return s.last - s.first + 1 }

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
	d := &Device{
		cfg: cfg, work: make(chan *request), ended: make(chan struct{}),
		conf: modbus.ClientConfiguration{
			URL: cfg.URL, Speed: cfg.Baud, DataBits: 8, Parity: parity, StopBits: cfg.StopBits, Timeout: cfg.Timeout,
			Logger: log.New(io.Discard, "", 0), // what matters comes back as an error
		},
	}
	outputs := map[uint16]bool{}
	for _, l := range append([]Lane{{cfg.Pulse, cfg.Lamps, cfg.Inputs, cfg.Contacts, cfg.Confirm, cfg.Events, cfg.Bell}}, cfg.More...) {
		side, err := d.side(l, outputs)
		if err != nil {
			return bad("%w", err)
		}
		d.sides = append(d.sides, side)
	}
	d.Side = d.sides[0]
	switch {
	case d.inputs.any && d.inputs.last-d.inputs.first >= maxBits:
		return bad("inputs %d to %d do not fit into one request", d.inputs.first, d.inputs.last)
	case d.coils.any && d.coils.last-d.coils.first >= maxBits:
		return bad("the arms' coils %d to %d do not fit into one request", d.coils.first, d.coils.last)
	case d.regs.any && d.regs.last-d.regs.first >= maxRegisters:
		return bad("the arms' registers %d to %d do not fit into one request", d.regs.first, d.regs.last)
	}
	if _, err := modbus.NewClient(&d.conf); err != nil {
		return bad("%w", err)
	}
	return d, nil
}

// side checks what belongs to one lane; outputs are the coils that have one.
func (d *Device) side(l Lane, outputs map[uint16]bool) (*Side, error) {
	if l.Pulse == nil && l.Lamps == nil && len(l.Inputs) == 0 && l.Bell == nil {
		return nil, errors.New("nothing is connected")
	}
	if l.Confirm < 0 {
		return nil, errors.New("a time is negative")
	}
	if p := l.Pulse; p != nil && p.Length == 0 {
		own := *p
		own.Length = DefaultLength
		l.Pulse = &own
	}
	var coils []uint16
	if l.Lamps != nil {
		coils = append(coils, l.Lamps.Red, l.Lamps.Green)
	}
	if l.Bell != nil {
		coils = append(coils, *l.Bell)
	}
	if p := l.Pulse; p != nil && p.Register {
		d.regs.add(p.Address)
	} else if p != nil {
		d.coils.add(p.Address)
		coils = append(coils, p.Address)
	}
	for _, c := range coils {
		if outputs[c] {
			return nil, errors.New("two outputs have the same coil")
		}
		outputs[c] = true
	}
	var has []barrier.Point
	byPoint, byAddress := map[barrier.Point]bool{}, map[uint16]bool{}
	for _, in := range l.Inputs {
		if byPoint[in.Point] || byAddress[in.Address] {
			return nil, fmt.Errorf("input %d (%s) stands there twice", in.Address, in.Point)
		}
		byPoint[in.Point], byAddress[in.Address] = true, true
		has = append(has, in.Point)
		d.inputs.add(in.Address)
	}
	s := &Side{device: d, cfg: l, contacts: barrier.NewContacts(l.Events, has...), want: barrier.Red}
	if s.cfg.Contacts == nil {
		s.cfg.Contacts = s.contacts
	}
	if l.Pulse != nil {
		arm, err := barrier.NewArm(barrier.ArmConfig{Name: d.cfg.Name, Pulse: s.pulse, Contacts: s.cfg.Contacts, Confirm: l.Confirm})
		if err != nil {
			return nil, err
		}
		s.arm = arm
	}
	return s, nil
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
}

// Sides are what belongs to each lane: that of Config first, and then More.
func (d *Device) Sides() []*Side { return slices.Clone(d.sides) }

// Level implements barrier.Inputs.
func (s *Side) Level(p barrier.Point) (barrier.Level, time.Time) { return s.contacts.Level(p) }

// Contacts are the board's inputs, for an arm whose output stands elsewhere.
func (s *Side) Contacts() *barrier.Contacts { return s.contacts }

// Up tells whether the board answers.
func (d *Device) Up() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.up
}

// Lost is how many answers of a board that had answered did not come, or made no
// sense.
func (d *Device) Lost() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.gone
}

// Raise implements gate.Arm. It fails with a barrier.Fault.
func (s *Side) Raise(ctx context.Context, id gate.PassageID) error {
	d := s.device
	select {
	case <-d.ended:
		return d.fault(barrier.Ended, barrier.NotMoved, errStopped)
	default:
	}
	if s.arm == nil {
		return d.fault(barrier.Rejected, barrier.NotMoved, errors.New("no arm is connected"))
	}
	return s.arm.Raise(ctx, id)
}

// pulse is the output of the arm.
func (s *Side) pulse(ctx context.Context) error {
	d, p := s.device, *s.cfg.Pulse
	d.mu.Lock()
	stuck := s.stuck
	d.mu.Unlock()
	if stuck {
		return d.fault(barrier.Stuck, barrier.NotMoved, nil)
	}
	return d.ask(ctx, func(c *modbus.ModbusClient) error {
		// A line that was opened again in between has cost time.
		if err := s.cfg.Contacts.MayRaise(d.cfg.Name); err != nil {
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
func (s *Side) Show(ctx context.Context, signal barrier.Signal) error {
	d := s.device
	if s.cfg.Lamps == nil {
		return d.fault(barrier.Rejected, barrier.NotMoved, errors.New("no lamps are connected"))
	}
	d.mu.Lock()
	s.want, s.shown = signal, false
	d.mu.Unlock()
	return d.ask(ctx, s.lamps)
}

// Ring switches the bell. It is on until it is switched off; whoever rings says
// so again from time to time, because a board that lost its power has forgotten.
func (s *Side) Ring(ctx context.Context, on bool) error {
	d := s.device
	if s.cfg.Bell == nil {
		return d.fault(barrier.Rejected, barrier.NotMoved, errors.New("no bell is connected"))
	}
	return d.ask(ctx, func(c *modbus.ModbusClient) error {
		return d.classify(c.WriteCoil(*s.cfg.Bell, on))
	})
}

// lamps shows what is wanted now, unless that has been done since it was asked
// for; the lamp that goes out is first.
func (s *Side) lamps(c *modbus.ModbusClient) error {
	d := s.device
	d.mu.Lock()
	want, shown := s.want, s.shown
	d.mu.Unlock()
	if shown {
		return nil
	}
	l := *s.cfg.Lamps
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
	s.shown = s.want == want
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
	defer d.lose()
	pause, failed := firstPause, 0
	d.lost = true
	for ctx.Err() == nil {
		answered, err := d.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		if answered {
			pause, failed = firstPause, 0
			d.mu.Lock()
			d.gone++
			d.mu.Unlock()
		}
		// A line that garbles one answer is opened again at once, which throws
		// away what waits in it; one that goes on so is lost. Until then whoever
		// asks for something waits.
		if failed++; failed < attempts {
			continue
		}
		d.lost = true
		d.lose()
		d.tell(err)
		if err := d.away(ctx, pause); err != nil {
			break
		}
		pause = min(2*pause, lastPause)
	}
	return ctx.Err()
}

// lose says that nothing is known of any input.
func (d *Device) lose() {
	at := time.Now()
	for _, s := range d.sides {
		s.contacts.Lost(at)
	}
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
		for _, s := range d.sides {
			s.shown = false
		}
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
			d.lose()
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

// refresh shows the wanted signals to a board that came back.
func (d *Device) refresh(ctx context.Context, client *modbus.ModbusClient) error {
	for _, s := range d.sides {
		d.mu.Lock()
		due := s.cfg.Lamps != nil && !s.shown
		d.mu.Unlock()
		if !due {
			continue
		}
		err := d.exchange(ctx, func() error { return s.lamps(client) })
		if barrier.ClassOf(err) == barrier.Rejected {
			// Whoever asks for it is told; it is not tried at every poll.
			d.mu.Lock()
			s.shown = true
			d.mu.Unlock()
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sample is what one poll reads.
type sample struct {
	levels []bool
	at     time.Time // of the inputs
	coils  []bool    // of the arms
	regs   []uint16
}

// on tells whether the output of an arm was read as on.
func (got *sample) on(d *Device, p *Pulse) bool {
	switch {
	case p == nil:
		return false
	case p.Register:
		return got.regs[p.Address-d.regs.first] != 0
	default:
		return got.coils[p.Address-d.coils.first]
	}
}

// poll reads inputs and outputs once, and tells of both.
func (d *Device) poll(ctx context.Context, c *modbus.ModbusClient) error {
	var got sample
	err := d.exchange(ctx, func() (err error) {
		got, err = d.read(c)
		return err
	})
	if err != nil {
		return err // where it was given up, got may still be written
	}
	// The reading of the outputs has shown that the one before it was no late one.
	for _, s := range d.sides {
		if len(s.cfg.Inputs) == 0 {
			continue
		}
		reading := make(barrier.Reading, len(s.cfg.Inputs))
		for _, in := range s.cfg.Inputs {
			reading[in.Point] = barrier.LevelOf(got.levels[in.Address-d.inputs.first] != in.Inverted)
		}
		s.contacts.Set(got.at, reading)
	}
	d.watch(&got)
	return nil
}

func (d *Device) read(c *modbus.ModbusClient) (got sample, err error) {
	if d.inputs.any {
		levels, err := c.ReadDiscreteInputs(d.inputs.first, d.inputs.quantity())
		if err != nil {
			return got, d.classify(err)
		}
		got.levels, got.at = levels, time.Now()
	}
	return got, d.classify(d.outputs(c, &got))
}

// outputs reads the arms' outputs back, or else a lamp: some reading of another
// kind than that of the inputs, and no two of one kind in a row.
func (d *Device) outputs(c *modbus.ModbusClient, got *sample) (err error) {
	if d.regs.any {
		if got.regs, err = c.ReadRegisters(d.regs.first, d.regs.quantity(), modbus.HOLDING_REGISTER); err != nil {
			return err
		}
	}
	if d.coils.any {
		got.coils, err = c.ReadCoils(d.coils.first, d.coils.quantity())
		return err
	}
	if d.regs.any {
		return nil
	}
	for _, s := range d.sides {
		if s.cfg.Lamps != nil {
			_, err = c.ReadCoil(s.cfg.Lamps.Red)
			return err
		}
	}
	return nil
}

// watch looks for outputs that stay on, and tells that the board answers.
func (d *Device) watch(got *sample) {
	now := time.Now()
	var since time.Time
	for _, s := range d.sides {
		on := got.on(d, s.cfg.Pulse)
		switch {
		case !on:
			s.onSince = time.Time{}
		case s.onSince.IsZero():
			s.onSince = now
		}
		stuck := on && now.Sub(s.onSince) > s.cfg.Pulse.Length+stuckAfter
		if stuck {
			since = s.onSince
		}
		d.mu.Lock()
		s.stuck = stuck
		d.mu.Unlock()
	}
	if !since.IsZero() {
		d.tell(barrier.Faultf(d.cfg.Name, barrier.Stuck, barrier.MayHaveMoved, "on since %s", since.UTC().Format(time.TimeOnly)))
	} else {
		d.tell(nil)
	}
}
