package osdp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/barrier"
)

// ArmOutput is the output of a reader to which a traffic arm is connected.
type ArmOutput struct {
	Output uint8
	Length time.Duration // of the pulse, which the reader ends; 0 is half a second
}

// Input is an input of a reader that tells of a point.
type Input struct {
	Number   uint8
	Point    barrier.Point
	Inverted bool // the contact is open when the point is on
}

// ReaderConfig is one reader.
type ReaderConfig struct {
	Name     string
	Address  uint8 // 0 to 126
	Key      Key   // its own; see Plain
	Plain    bool  // no secure channel: anybody on the line can speak for the reader
	Checksum bool  // one byte of checksum instead of a CRC
	// Identity is the reader that is expected; nil takes the one that answers
	// first.
	Identity *Identity

	Arm    *ArmOutput // nil for a reader without
	Inputs []Input
	// Contacts are those of the arm where another device reads them; nil uses
	// Inputs.
	Contacts *barrier.Contacts
	Confirm  time.Duration // 0 is barrier.DefaultConfirm

	// These run on Bus.Run's goroutine and must return soon. Notify hears when
	// the reader is in service (nil) and why it is not (a *barrier.Fault), once a
	// change.
	Events func(barrier.Event)
	Badge  func(barrier.Badge)
	Notify func(error)
}

// Status is what is known of a reader.
type Status struct {
	Up       bool
	Secure   bool
	Identity Identity // zero before it has answered
	Power    bool     // it reports a failure of its supply
	Repeats  uint64   // exchanges that needed a second try
	Garbled  uint64   // frames that were none
}

// Reader is one reader on a Bus. Its methods may be called concurrently, before,
// during and after the Bus's Run.
type Reader struct {
	cfg      ReaderConfig
	contacts *barrier.Contacts // its inputs and tamper
	arm      *barrier.Arm
	work     chan *request   // of its bus; nil before it has one
	ended    <-chan struct{} // of its bus

	mu       sync.Mutex
	status   Status
	told     barrier.Class
	everTold bool
	caps     map[uint8]capability
	keys     []Key // the one that is tried next first

	// owned by Run
	sequence  uint8
	session   *session
	turn      int       // alternates polls and readings of inputs
	failures  int       // in a row
	notBefore time.Time // when it is tried again
}

var (
	_ gate.Arm       = (*Reader)(nil)
	_ barrier.Inputs = (*Reader)(nil)
	_ barrier.Panel  = (*Reader)(nil)
)

// request is a command for a reader, waiting for Run to give it.
type request struct {
	reader *Reader
	ctx    context.Context
	code   uint8
	data   []byte
	once   bool // never repeated
	key    *Key // of a KEYSET
	done   chan error
}

var (
	errNotConnected = errors.New("not connected")
	errStopped      = errors.New("stopped")
)

// NewReader checks a configuration.
func NewReader(cfg ReaderConfig) (*Reader, error) {
	bad := func(format string, args ...any) (*Reader, error) {
		return nil, fmt.Errorf("reader %q: %w", cfg.Name, fmt.Errorf(format, args...))
	}
	if cfg.Address > 126 {
		return bad("address %d is none of 0 to 126", cfg.Address)
	}
	if cfg.Plain && cfg.Key != (Key{}) {
		return bad("it is declared plain and has a key")
	}
	if !cfg.Plain {
		if err := cfg.Key.check(); err != nil {
			return bad("%w", err)
		}
	}
	r := &Reader{cfg: cfg, keys: []Key{cfg.Key}}
	has := []barrier.Point{barrier.Tamper}
	byPoint, byNumber := map[barrier.Point]bool{barrier.Tamper: true}, map[uint8]bool{}
	for _, in := range cfg.Inputs {
		if byPoint[in.Point] || byNumber[in.Number] {
			return bad("input %d (%s) stands there twice, or is the reader's own tamper", in.Number, in.Point)
		}
		byPoint[in.Point], byNumber[in.Number] = true, true
		has = append(has, in.Point)
	}
	r.contacts = barrier.NewContacts(cfg.Events, has...)
	if cfg.Arm != nil {
		own := *cfg.Arm
		if own.Length == 0 {
			own.Length = 500 * time.Millisecond
		}
		if own.Length < 0 || own.Length > time.Minute {
			return bad("a pulse of %v is not between 0 and a minute", own.Length)
		}
		r.cfg.Arm = &own
		contacts := cfg.Contacts
		if contacts == nil {
			contacts = r.contacts
		}
		arm, err := barrier.NewArm(barrier.ArmConfig{Name: cfg.Name, Pulse: r.pulse, Contacts: contacts, Confirm: cfg.Confirm})
		if err != nil {
			return bad("%w", err)
		}
		r.arm = arm
	}
	return r, nil
}

// Level implements barrier.Inputs.
func (r *Reader) Level(p barrier.Point) (barrier.Level, time.Time) { return r.contacts.Level(p) }

// Status tells what is known of the reader.
func (r *Reader) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Raise implements gate.Arm. It fails with a barrier.Fault.
func (r *Reader) Raise(ctx context.Context, id gate.PassageID) error {
	switch {
	case r.arm == nil:
		return r.fault(barrier.Rejected, barrier.NotMoved, errors.New("no arm is connected"))
	case r.stopped():
		return r.fault(barrier.Ended, barrier.NotMoved, errStopped)
	default:
		return r.arm.Raise(ctx, id)
	}
}

func (r *Reader) stopped() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

func (r *Reader) pulse(ctx context.Context) error {
	return r.ask(&request{ctx: ctx, code: cmdOut, data: outPulse(r.cfg.Arm.Output, r.cfg.Arm.Length), once: true})
}

// Tell implements barrier.Panel: the LED, then the text, then the sound.
func (r *Reader) Tell(ctx context.Context, n barrier.Notice) error {
	if n.Beeps < 0 || n.Beeps > 10 {
		return r.fault(barrier.Rejected, barrier.NotMoved, fmt.Errorf("%d beeps are none of 0 to 10", n.Beeps))
	}
	if len(n.Text) > 32 {
		return r.fault(barrier.Rejected, barrier.NotMoved, errors.New("text is longer than 32 characters"))
	}
	for _, c := range []byte(n.Text) {
		if c < ' ' || c > '~' {
			return r.fault(barrier.Rejected, barrier.NotMoved, errors.New("text is not printable ASCII"))
		}
	}
	r.mu.Lock()
	caps := r.caps
	r.mu.Unlock()
	for _, part := range []struct {
		do   bool
		can  uint8
		code uint8
		data []byte
	}{
		{true, capLED, cmdLED, led(n.Signal)},
		{true, capText, cmdText, text(n.Text)},
		{n.Beeps > 0, capAudible, cmdBuz, buzz(n.Beeps)},
	} {
		// A reader that has not said yet what it can do is asked.
		if !part.do || caps != nil && caps[part.can].level == 0 {
			continue
		}
		if err := r.ask(&request{ctx: ctx, code: part.code, data: part.data}); err != nil {
			return err
		}
	}
	return nil
}

// SetKey gives the reader a new key over the secure channel. nil means that the
// reader has taken it: keep it, for the old one no longer works. After an error
// either may be in force; both are tried until one works.
func (r *Reader) SetKey(ctx context.Context, k Key) error {
	if err := k.check(); err != nil {
		return r.fault(barrier.Rejected, barrier.NotMoved, err)
	}
	if r.cfg.Plain {
		return r.fault(barrier.Insecure, barrier.NotMoved, errors.New("no key is sent in the open"))
	}
	return r.ask(&request{ctx: ctx, code: cmdKeySet, data: keySet(k), key: &k})
}

// ask has Run give a command. Once Run has taken it, the wait is bounded.
func (r *Reader) ask(q *request) error {
	q.reader, q.done = r, make(chan error, 1)
	select {
	case r.work <- q:
		return <-q.done
	case <-r.ended:
		return r.fault(barrier.Ended, barrier.NotMoved, errStopped)
	case <-q.ctx.Done():
		return r.fault(barrier.Offline, barrier.NotMoved, q.ctx.Err())
	}
}

func (r *Reader) fault(class barrier.Class, effect barrier.Effect, err error) error {
	return &barrier.Fault{Device: r.cfg.Name, Class: class, Effect: effect, Err: err}
}

// tell tells of a change.
func (r *Reader) tell(err error) {
	class := barrier.ClassOf(err)
	r.mu.Lock()
	changed := !r.everTold || r.status.Up != (err == nil) || r.told != class
	r.everTold, r.told = true, class
	r.status.Up = err == nil
	r.status.Secure = err == nil && r.session != nil
	r.mu.Unlock()
	if changed && r.cfg.Notify != nil {
		r.cfg.Notify(err)
	}
}
