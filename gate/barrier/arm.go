package barrier

import (
	"context"
	"errors"
	"time"

	"sallyport/gate"
)

// DefaultConfirm is how long an arm may take to be open, from the command on.
const DefaultConfirm = 8 * time.Second

// remembered is how many passages an arm knows to have had their command.
const remembered = 256

// ArmConfig is an arm: something that gives one pulse, and contacts that tell
// what came of it.
type ArmConfig struct {
	Name string
	// Pulse gives the arm's controller one pulse that ends by itself, and returns
	// when the device has taken the command. It fails with a Fault; any other
	// error counts as one after which the arm may have moved. It sends at most
	// once and is not called concurrently.
	Pulse func(ctx context.Context) error
	// Contacts hold ArmDown, ArmUp or both, from inputs that do not depend on
	// the output, and UnderArm where the lane has it.
	Contacts *Contacts
	Confirm  time.Duration // from the command to the arm being open; 0 is DefaultConfirm
}

// Arm is a traffic arm that is believed only when a contact has changed. It may
// be used from several goroutines; at most one command is under way.
type Arm struct {
	cfg  ArmConfig
	idle chan struct{} // holds a token while no Raise is under way

	used  map[gate.PassageID]bool // owned by the holder of the token
	order []gate.PassageID
}

var _ gate.Arm = (*Arm)(nil)

// NewArm makes an arm. Without a contact of the arm there is nothing by which it
// could be believed, and that is an error.
func NewArm(cfg ArmConfig) (*Arm, error) {
	switch {
	case cfg.Pulse == nil:
		return nil, errors.New("arm: no output")
	case cfg.Contacts == nil || !cfg.Contacts.Has(ArmDown) && !cfg.Contacts.Has(ArmUp):
		return nil, errors.New("arm: neither arm-down nor arm-up is connected: nothing would say whether the arm moved")
	case cfg.Confirm < 0:
		return nil, errors.New("arm: confirm is negative")
	case cfg.Confirm == 0:
		cfg.Confirm = DefaultConfirm
	}
	a := &Arm{cfg: cfg, idle: make(chan struct{}, 1), used: make(map[gate.PassageID]bool)}
	a.idle <- struct{}{}
	return a, nil
}

// Raise implements gate.Arm. It fails with a Fault.
func (a *Arm) Raise(ctx context.Context, id gate.PassageID) error {
	select {
	case <-a.idle:
		defer func() { a.idle <- struct{}{} }()
	default:
		return a.fault(Busy, NotMoved, nil)
	}
	if err := a.mayMove(ctx, id); err != nil {
		return err
	}
	a.use(id)

	sent := time.Now()
	ctx, cancel := context.WithDeadline(ctx, sent.Add(a.cfg.Confirm))
	defer cancel()
	a.cfg.Contacts.explain(sent.Add(a.cfg.Confirm))
	if err := a.cfg.Pulse(ctx); err != nil {
		if EffectOf(err) == NotMoved {
			a.cfg.Contacts.explain(sent)
		}
		if _, ok := errors.AsType[*Fault](err); ok {
			return err
		}
		return a.fault(Offline, MayHaveMoved, err)
	}
	return a.confirm(ctx, sent)
}

// mayMove refuses what must not move.
func (a *Arm) mayMove(ctx context.Context, id gate.PassageID) error {
	if err := ctx.Err(); err != nil {
		return a.fault(Ended, NotMoved, err)
	}
	if a.used[id] {
		return a.fault(Twice, NotMoved, nil)
	}
	return a.cfg.Contacts.MayRaise(a.cfg.Name)
}

// use marks the passage as one that has had its command.
func (a *Arm) use(id gate.PassageID) {
	if len(a.order) == remembered {
		delete(a.used, a.order[0])
		a.order = a.order[1:]
	}
	a.used[id] = true
	a.order = append(a.order, id)
}

// confirm waits until a reading made after the command shows the arm open.
func (a *Arm) confirm(ctx context.Context, sent time.Time) error {
	c := a.cfg.Contacts
	left := false
	err := c.Await(ctx, func(level func(Point) (Level, time.Time)) bool {
		open := true
		if c.Has(ArmDown) {
			l, at := level(ArmDown)
			off := l == Off && at.After(sent)
			left, open = left || off, open && off
		}
		if c.Has(ArmUp) {
			l, at := level(ArmUp)
			open = open && l == On && at.After(sent)
		}
		return open
	})
	switch {
	case err == nil:
		c.explain(time.Now())
		return nil
	case left:
		return a.fault(Halfway, MayHaveMoved, err)
	default:
		return a.fault(Unconfirmed, MayHaveMoved, err)
	}
}

func (a *Arm) fault(class Class, effect Effect, err error) error {
	return &Fault{Device: a.cfg.Name, Class: class, Effect: effect, Err: err}
}
