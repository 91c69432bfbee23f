package lcus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/rf/serial"
)

// Baud is the speed of these boards (8N1).
const Baud = 9600

// Lengths of a pulse.
const (
	DefaultLength = 500 * time.Millisecond
	MaxLength     = 5 * time.Second
	ownLength     = time.Second // of HW-667, which counts by itself
)

// Kind is a family of boards.
type Kind string

// The kinds.
const (
	LCUS  Kind = "lcus"   // A0 channel state sum
	HW667 Kind = "hw-667" // one byte: AA on, BB off, CC a pulse of a second
)

// Config is one board.
type Config struct {
	Name    string
	Kind    Kind                        // "" is LCUS
	Open    func() (serial.Port, error) // at Baud
	Channel uint8                       // 1 to 8; 0 is 1; HW-667 has one
	Length  time.Duration               // of the pulse; 0 is DefaultLength; HW-667 gives a second
	// Contacts tell what came of a pulse. Another device writes them.
	Contacts *barrier.Contacts
	Confirm  time.Duration // 0 is barrier.DefaultConfirm
	// Notify hears when the board comes (nil) and goes (a *barrier.Fault), from
	// Run's goroutine, once a change.
	Notify func(error)
}

// Device is one board and the arm behind it. Its methods may be called
// concurrently, before, during and after Run.
type Device struct {
	cfg          Config
	on, off      []byte
	arm          *barrier.Arm
	work         chan *request
	ended        chan struct{}
	once         sync.Once
	told         barrier.Class // owned by Run: of the fault last told
	up, everTold bool          // owned by Run
}

var _ gate.Arm = (*Device)(nil)

// request is one pulse, waiting for Run to give it.
type request struct {
	ctx  context.Context
	done chan error
}

var (
	errNotConnected = errors.New("not connected")
	errStopped      = errors.New("stopped")
)

// Frame is the command of an LCUS board that switches a channel: A0, the channel,
// 1 or 0, and the sum of the three.
func Frame(channel uint8, on bool) []byte {
	state := byte(0)
	if on {
		state = 1
	}
	return []byte{0xA0, channel, state, 0xA0 + channel + state}
}

// New checks a configuration. Nothing is opened before Run.
func New(cfg Config) (*Device, error) {
	bad := func(format string, args ...any) (*Device, error) {
		return nil, fmt.Errorf("relay %q: %w", cfg.Name, fmt.Errorf(format, args...))
	}
	if cfg.Kind == "" {
		cfg.Kind = LCUS
	}
	if cfg.Channel == 0 {
		cfg.Channel = 1
	}
	d := &Device{work: make(chan *request), ended: make(chan struct{})}
	switch cfg.Kind {
	case LCUS:
		if cfg.Length == 0 {
			cfg.Length = DefaultLength
		}
		d.on, d.off = Frame(cfg.Channel, true), Frame(cfg.Channel, false)
	case HW667:
		if cfg.Length != 0 && cfg.Length != ownLength || cfg.Channel != 1 {
			return bad("an hw-667 board has one channel and gives pulses of %v", ownLength)
		}
		cfg.Length = ownLength
		d.on, d.off = []byte{0xCC}, []byte{0xBB}
	default:
		return bad("kind %q is none of %s, %s", cfg.Kind, LCUS, HW667)
	}
	if cfg.Channel > 8 {
		return bad("channel %d is none of 1 to 8", cfg.Channel)
	}
	if cfg.Length < 0 || cfg.Length > MaxLength {
		return bad("a pulse of %v is not between 0 and %v", cfg.Length, MaxLength)
	}
	if cfg.Open == nil {
		return bad("no serial line")
	}
	d.cfg = cfg
	arm, err := barrier.NewArm(barrier.ArmConfig{Name: cfg.Name, Pulse: d.pulse, Contacts: cfg.Contacts, Confirm: cfg.Confirm})
	if err != nil {
		return bad("%w", err)
	}
	d.arm = arm
	return d, nil
}

// Raise implements gate.Arm. It fails with a barrier.Fault.
func (d *Device) Raise(ctx context.Context, id gate.PassageID) error {
	select {
	case <-d.ended:
		return d.fault(barrier.Ended, barrier.NotMoved, errStopped)
	default:
		return d.arm.Raise(ctx, id)
	}
}

// pulse has Run give one. Once Run has taken it, the wait is bounded by the line's
// own limit for a write.
func (d *Device) pulse(ctx context.Context) error {
	r := &request{ctx: ctx, done: make(chan error, 1)}
	select {
	case d.work <- r:
		return <-r.done
	case <-d.ended:
		return d.fault(barrier.Ended, barrier.NotMoved, errStopped)
	case <-ctx.Done():
		return d.fault(barrier.Offline, barrier.NotMoved, ctx.Err())
	}
}

func (d *Device) fault(class barrier.Class, effect barrier.Effect, err error) error {
	return &barrier.Fault{Device: d.cfg.Name, Class: class, Effect: effect, Err: err}
}

// tell tells of a change.
func (d *Device) tell(err error) {
	class := barrier.ClassOf(err)
	if d.everTold && d.up == (err == nil) && d.told == class {
		return
	}
	d.everTold, d.up, d.told = true, err == nil, class
	if d.cfg.Notify != nil {
		d.cfg.Notify(err)
	}
}

// Run keeps the board until ctx ends, opening it again whenever it is lost, and
// returns ctx's error with the relay switched off, where the board lets it. It may
// be called once.
func (d *Device) Run(ctx context.Context) error {
	first := false
	d.once.Do(func() { first = true })
	if !first {
		return fmt.Errorf("relay %q: run twice", d.cfg.Name)
	}
	defer close(d.ended)
	pause := serial.FirstPause
	for ctx.Err() == nil {
		port, err := d.cfg.Open()
		class := barrier.Offline
		if err == nil {
			var on bool
			on, err = d.serve(ctx, port)
			if ctx.Err() != nil {
				break
			}
			if on {
				class = barrier.Stuck
			}
			if d.up {
				pause = serial.FirstPause
			}
		}
		d.tell(d.fault(class, barrier.MayHaveMoved, err))
		if d.away(ctx, pause) != nil {
			break
		}
		pause = min(2*pause, serial.LastPause)
	}
	return ctx.Err()
}

// away waits, and tells whoever asks that the board is lost.
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

// serve gives pulses until the line fails or ctx ends, and lets the line go. on
// tells whether the relay may have been left on.
func (d *Device) serve(ctx context.Context, port serial.Port) (on bool, err error) {
	gone := make(chan error, 1)
	go func() {
		// The board says nothing; a read that fails is how a cable that was pulled
		// is seen.
		b := make([]byte, 64)
		for {
			if _, err := port.Read(b); err != nil {
				gone <- err
				return
			}
		}
	}()
	on = true // perhaps, from another time
	defer func() {
		err = errors.Join(err, d.leave(port, on && ctx.Err() != nil))
	}()
	if err := d.put(ctx, port, d.off); err != nil {
		return on, err
	}
	on = false
	d.tell(nil)
	over := time.NewTimer(time.Hour)
	over.Stop()
	defer over.Stop()
	for {
		select {
		case <-over.C:
			if err := d.put(ctx, port, d.off); err != nil {
				return on, err
			}
			on = false
		case r := <-d.work:
			switch {
			case on:
				r.done <- d.fault(barrier.Busy, barrier.NotMoved, nil)
				continue
			case r.ctx.Err() != nil:
				r.done <- d.fault(barrier.Offline, barrier.NotMoved, r.ctx.Err())
				continue
			}
			on = true
			if err := d.put(ctx, port, d.on); err != nil {
				r.done <- d.fault(barrier.Offline, barrier.MayHaveMoved, err)
				return on, err
			}
			r.done <- nil
			over.Reset(d.cfg.Length)
		case err := <-gone:
			return on, err
		case <-ctx.Done():
			return on, ctx.Err()
		}
	}
}

// put writes, and does not wait any longer once ctx has ended.
func (d *Device) put(ctx context.Context, port serial.Port, b []byte) error {
	done := make(chan error, 1)
	go func() {
		_, err := port.Write(b)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave closes the line, after a last "off" where one is due, and waits no longer
// for it than Run may.
func (d *Device) leave(port serial.Port, due bool) error {
	done := make(chan error, 1)
	go func() {
		var err error
		if due {
			_, err = port.Write(d.off)
		}
		done <- errors.Join(err, port.Close())
	}()
	limit := time.NewTimer(barrier.CloseWithin - 20*time.Millisecond)
	defer limit.Stop()
	select {
	case err := <-done:
		return err
	case <-limit.C:
		return serial.ErrCloseTimeout
	}
}
