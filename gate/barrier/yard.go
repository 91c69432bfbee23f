package barrier

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"sallyport/gate"
)

// The road of a Yard, in metres in the direction of travel. The stop line is 0.
const (
	yardComes  = -40.0 // where vehicles appear
	yardLine   = 0.0
	yardArm    = 3.0
	yardLeaves = 25.0
	yardSpeed  = 4.0 // metres a second
	yardGap    = 1.5 // that drivers keep; half of it when they tailgate
)

// yardDetectors are the stretches of road that detectors see.
var yardDetectors = []struct {
	point    Point
	from, to float64
}{{Approach, -25, -22}, {AtLine, -3, -0.2}, {UnderArm, 2, 4.5}, {Beyond, 7, 9}}

// Vehicle is a vehicle in a Yard.
type Vehicle struct {
	ID     string
	Length float64 // metres; 0 is 4.5
	// Tailgates is a driver who goes while the arm is open, whoever it was opened
	// for, close behind the one in front.
	Tailgates bool
}

// Failing is how a Yard's devices fail.
type Failing struct {
	Offline bool // nothing is read, and no command arrives
	Refuses bool // commands are refused, without effect
	Mute    bool // commands have their effect, and no answer comes
	Seized  bool // the arm does not move on command
	Held    bool // the arm does not close
	// Reads is what contacts read, whatever is there: a loop that does not see a
	// vehicle, a photocell in the rain, a broken switch.
	Reads map[Point]bool
}

// YardConfig is a yard of one lane.
type YardConfig struct {
	Name    string
	Travel  time.Duration // of the arm, from closed to open; 0 is 1.5 s
	Closing time.Duration // from the way under the arm being clear to the arm going down; 0 is 1 s
	Every   time.Duration // between two steps of the world; 0 is 20 ms
	Confirm time.Duration // of a Raise; 0 is DefaultConfirm
	// Events hears of each change of a detector or contact, from Run's goroutine.
	Events func(Event)
	// Gone hears of each vehicle that has left, with whether it went through.
	Gone func(v Vehicle, through bool)
}

// Yard is a lane that exists nowhere: a road with detectors, an arm that closes by
// itself behind a vehicle, two lamps, and vehicles whose drivers stop at the line
// and go when the arm has been opened for them. Its devices can be made to fail.
// What it counts about itself (commands, vehicles struck by the arm) is what a test
// of a lane holds to account. It may be used from several goroutines.
type Yard struct {
	cfg      YardConfig
	contacts *Contacts
	arm      *Arm
	once     sync.Once
	ended    chan struct{}

	mu       sync.Mutex
	failing  Failing
	now      time.Time
	open     float64 // of the arm: 0 closed, 1 open
	rising   bool
	passed   bool      // something was under the arm since it opened
	clear    time.Time // since when nothing is under it
	signal   Signal
	openings int // commands that opened the arm, less those that drivers have used
	pulses   int
	struck   int
	hit      bool // in this closing
	vehicles []*yardVehicle
}

type yardVehicle struct {
	Vehicle
	front    float64
	cleared  bool // the driver goes
	reverses bool
}

var (
	_ gate.Arm = (*Yard)(nil)
	_ Lamps    = (*Yard)(nil)
	_ Inputs   = (*Yard)(nil)
)

// NewYard makes an empty yard with a closed arm.
func NewYard(cfg YardConfig) (*Yard, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&cfg.Travel, 1500*time.Millisecond)
	def(&cfg.Closing, time.Second)
	def(&cfg.Every, 20*time.Millisecond)
	if cfg.Travel < 0 || cfg.Closing < 0 || cfg.Every < 0 {
		return nil, fmt.Errorf("yard %q: a time is negative", cfg.Name)
	}
	y := &Yard{cfg: cfg, ended: make(chan struct{})}
	y.contacts = NewContacts(cfg.Events, Approach, AtLine, UnderArm, Beyond, ArmDown, ArmUp)
	arm, err := NewArm(ArmConfig{Name: cfg.Name, Pulse: y.pulse, Contacts: y.contacts, Confirm: cfg.Confirm})
	if err != nil {
		return nil, fmt.Errorf("yard %q: %w", cfg.Name, err)
	}
	y.arm = arm
	return y, nil
}

// Run moves the world until ctx ends, and returns its error. It may be called
// once.
func (y *Yard) Run(ctx context.Context) error {
	first := false
	y.once.Do(func() { first = true })
	if !first {
		return fmt.Errorf("yard %q: run twice", y.cfg.Name)
	}
	defer close(y.ended)
	defer func() { y.contacts.Lost(time.Now()) }()
	tick := time.NewTicker(y.cfg.Every)
	defer tick.Stop()
	for {
		y.step(time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Arrive brings a vehicle to the beginning of the road, behind those that are
// there.
func (y *Yard) Arrive(v Vehicle) {
	if v.Length <= 0 {
		v.Length = 4.5
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	at := yardComes
	if n := len(y.vehicles); n > 0 {
		last := y.vehicles[n-1]
		at = min(at, last.front-last.Length-yardGap)
	}
	y.vehicles = append(y.vehicles, &yardVehicle{Vehicle: v, front: at})
}

// BackOut makes a vehicle reverse off the road, as far as the one behind it lets it.
// It tells whether there is one of that name before the arm.
func (y *Yard) BackOut(id string) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, v := range y.vehicles {
		if v.ID == id && v.front < yardArm {
			v.reverses, v.cleared = true, false
			return true
		}
	}
	return false
}

// Fail makes devices fail from now on; the zero Failing mends them.
func (y *Yard) Fail(f Failing) {
	f.Reads = maps.Clone(f.Reads)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.failing = f
}

// Force opens the arm by hand.
func (y *Yard) Force() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.open, y.rising, y.passed = 1, true, false
}

// Drop closes the arm at once, whatever is under it.
func (y *Yard) Drop() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.open, y.rising, y.openings = 0, false, 0
}

// Raise implements gate.Arm. It fails with a Fault.
func (y *Yard) Raise(ctx context.Context, id gate.PassageID) error {
	select {
	case <-y.ended:
		return Faultf(y.cfg.Name, Ended, NotMoved, "stopped")
	default:
		return y.arm.Raise(ctx, id)
	}
}

// pulse is the relay of the arm.
func (y *Yard) pulse(context.Context) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	switch f := y.failing; {
	case f.Offline:
		return Faultf(y.cfg.Name, Offline, NotMoved, "not connected")
	case f.Refuses:
		return Faultf(y.cfg.Name, Rejected, NotMoved, "the relay refuses")
	}
	y.pulses++
	if !y.failing.Seized {
		y.rising, y.passed = true, false
		y.openings++
	}
	if y.failing.Mute {
		return Faultf(y.cfg.Name, Offline, MayHaveMoved, "no answer")
	}
	return nil
}

// Show implements Lamps.
func (y *Yard) Show(_ context.Context, s Signal) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.signal = s
	if y.failing.Offline || y.failing.Mute {
		return &Fault{Device: y.cfg.Name, Class: Offline, Err: errors.New("no answer")}
	}
	return nil
}

// Level implements Inputs.
func (y *Yard) Level(p Point) (Level, time.Time) { return y.contacts.Level(p) }

// Scene is a yard at one instant.
type Scene struct {
	Open     float64 // of the arm: 0 closed, 1 open
	Signal   Signal
	Vehicles []Place // the first in the direction of travel first
	Pulses   int     // commands that the arm's controller has felt
	Struck   int     // vehicles on which the arm came down
}

// Place is where a vehicle is, in metres from the stop line.
type Place struct {
	Vehicle
	Front, Rear float64
}

// Scene is how the yard looks now.
func (y *Yard) Scene() Scene {
	y.mu.Lock()
	defer y.mu.Unlock()
	s := Scene{Open: y.open, Signal: y.signal, Pulses: y.pulses, Struck: y.struck}
	for _, v := range y.vehicles {
		s.Vehicles = append(s.Vehicles, Place{v.Vehicle, v.front, v.front - v.Length})
	}
	return s
}

// step moves the world on to an instant.
func (y *Yard) step(now time.Time) {
	y.mu.Lock()
	dt := 0.0
	if !y.now.IsZero() {
		dt = max(0, now.Sub(y.now).Seconds())
	}
	y.now = now
	y.drive(dt)
	y.move(now, dt)
	gone := y.leave()
	reading, lost := y.read(), y.failing.Offline
	y.mu.Unlock()

	if lost {
		reading = make(Reading, points)
		for p := range points {
			reading[p] = Unknown
		}
	}
	y.contacts.Set(now, reading)
	if y.cfg.Gone != nil {
		for _, v := range gone {
			y.cfg.Gone(v.Vehicle, !v.reverses)
		}
	}
}

// drive moves the vehicles, the first one first.
func (y *Yard) drive(dt float64) {
	for i, v := range y.vehicles {
		if v.reverses {
			least := v.front - yardSpeed*dt
			if i+1 < len(y.vehicles) {
				least = max(least, y.vehicles[i+1].front+v.Length+yardGap/2)
			}
			v.front = min(v.front, least)
			continue
		}
		if !v.cleared && v.front > yardLine-1 {
			switch {
			case v.Tailgates && y.open > 0.8:
				v.cleared = true
			case y.open == 1 && y.openings > 0 && y.signal != Red:
				v.cleared = true
				y.openings--
			}
		}
		most := v.front + yardSpeed*dt
		if !v.cleared && v.front <= yardLine {
			most = min(most, yardLine-0.1)
		}
		// Nobody drives into an arm that he sees.
		if y.open < 0.8 && v.front < yardArm {
			most = min(most, yardArm-0.5)
		}
		if i > 0 {
			ahead, gap := y.vehicles[i-1], yardGap
			if v.Tailgates {
				gap /= 2
			}
			most = min(most, ahead.front-ahead.Length-gap)
		}
		v.front = max(v.front, most)
	}
}

// under tells whether a vehicle is where the arm comes down.
func (y *Yard) under() bool {
	return slices.ContainsFunc(y.vehicles, func(v *yardVehicle) bool {
		return v.front > yardArm && v.front-v.Length < yardArm
	})
}

// move moves the arm. Its controller, not the lane, closes it: when something has
// passed and its detector has been clear for a while, and not over what the
// detector sees.
func (y *Yard) move(now time.Time, dt float64) {
	covered := y.sees(UnderArm)
	if covered {
		y.clear = time.Time{}
	} else if y.clear.IsZero() {
		y.clear = now
	}
	switch {
	case y.rising:
		y.open = min(1, y.open+dt/y.cfg.Travel.Seconds())
		y.hit = false
		y.passed = y.passed || y.open == 1 && covered
		if y.open == 1 && y.passed && !covered && now.Sub(y.clear) >= y.cfg.Closing && !y.failing.Held {
			y.rising, y.openings = false, 0
		}
	case covered && y.open > 0:
		y.rising = true // it opens again
	default:
		y.open = max(0, y.open-dt/y.cfg.Travel.Seconds())
	}
	if !y.rising && y.open < 0.6 && y.under() && !y.hit {
		y.hit = true
		y.struck++
	}
}

// sees is what a detector reads.
func (y *Yard) sees(p Point) bool {
	if said, ok := y.failing.Reads[p]; ok {
		return said
	}
	for _, d := range yardDetectors {
		if d.point == p {
			return slices.ContainsFunc(y.vehicles, func(v *yardVehicle) bool { return v.front > d.from && v.front-v.Length < d.to })
		}
	}
	return p == ArmDown && y.open == 0 || p == ArmUp && y.open == 1
}

func (y *Yard) read() Reading {
	r := make(Reading, points)
	for p := Approach; p <= ArmUp; p++ {
		r[p] = LevelOf(y.sees(p))
	}
	return r
}

// leave takes the vehicles off the road that have come to an end of it.
func (y *Yard) leave() (gone []*yardVehicle) {
	y.vehicles = slices.DeleteFunc(y.vehicles, func(v *yardVehicle) bool {
		left := v.front-v.Length > yardLeaves || v.reverses && v.front < yardComes
		if left {
			gone = append(gone, v)
		}
		return left
	})
	return gone
}
