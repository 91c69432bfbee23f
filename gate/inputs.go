package gate

import (
	"context"
	"slices"
	"sync"
	"time"

	"sallyport/policy"
)

// Direction is the way in which vehicles go through a lane.
type Direction string

// The directions. A reversible lane is one or the other at any instant, and is
// closed until a person has turned it: no guess is made of which it is.
const (
	DirectionEntry      Direction = "entry" // also where none is named
	DirectionExit       Direction = "exit"
	DirectionReversible Direction = "reversible" // in a LaneConfig only
)

// Moment is the moment at which a lane of that direction looks at vehicles.
func (d Direction) Moment() policy.Moment {
	if d == DirectionExit {
		return policy.MomentExit
	}
	return policy.MomentEntry
}

// Point is what one detector, contact or button of a lane is about.
type Point string

// The points. PointApproach to PointBeyond are vehicle detectors in the order in
// which an entering vehicle comes to them (a leaving one, in a lane that is for
// exit only); in a reversible lane that is turned to exit, PointBeyond stands in
// for the stop line and PointAtLine for what lies beyond.
const (
	PointApproach Point = "approach"  // a vehicle comes up
	PointAtLine   Point = "at-line"   // a vehicle stands at the stop line
	PointUnderArm Point = "under-arm" // something is where the arm would come down
	PointBeyond   Point = "beyond"    // a vehicle has passed the arm
	PointArmDown  Point = "arm-down"  // limit switch: the arm is closed
	PointArmUp    Point = "arm-up"    // limit switch: the arm is open
	PointTamper   Point = "tamper"    // a cabinet or reader is open
	PointEgress   Point = "egress"    // fire alarm or egress button: everybody leaves
)

// Points are all of them.
func Points() []Point {
	return []Point{PointApproach, PointAtLine, PointUnderArm, PointBeyond, PointArmDown, PointArmUp, PointTamper, PointEgress}
}

// Level is what is known of a point.
type Level uint8

// The levels. LevelOn is a covered detector, a contact that is made or a button
// that is pressed.
const (
	LevelUnknown Level = iota // never read, or what reads it is lost
	LevelOff
	LevelOn
)

// String names the level.
func (l Level) String() string {
	switch l {
	case LevelOff:
		return "off"
	case LevelOn:
		return "on"
	default:
		return "unknown"
	}
}

// Input is a change of one point of a lane. One that changes nothing is no harm.
type Input struct {
	Point Point
	Level Level
	At    time.Time // of the reading that shows it
	// Forced says that the arm left its closed position and no command explains
	// it: a hand, a key switch, or a vehicle.
	Forced bool
}

// DeviceStatus is how one device of a lane is.
type DeviceStatus struct {
	Device string    `json:"device"`          // as the site calls it
	Fault  string    `json:"fault,omitempty"` // class of the fault, as barrier.Class; empty: it works
	Since  time.Time `json:"since"`
}

// Signal is what a lane's lamps show. There is none with both lamps lit.
type Signal string

// The signals.
const (
	SignalDark  Signal = "dark"
	SignalRed   Signal = "red"
	SignalGreen Signal = "green" // only while a vehicle is let through, and in emergency egress where the arm is up
)

// Lamps are the signal lamps of one side of a lane. Show returns when the device
// has taken the signal, or the context ends, and is not called concurrently; an
// error is told on the screen and stops nothing. The lane shows the last signal
// again after an error, and after the device was reported to be back.
type Lamps interface {
	Show(ctx context.Context, s Signal) error
}

// Sign is what a panel tells the driver at the line: a key, not words.
type Sign string

// The signs.
const (
	SignNone       Sign = ""           // nobody is there
	SignStop       Sign = "stop"       // stop at the line
	SignWait       Sign = "wait"       // you are being checked
	SignGo         Sign = "go"         // the arm opens for you
	SignTurn       Sign = "turn"       // you are turned away
	SignInspection Sign = "inspection" // drive to inspection
	SignClosed     Sign = "closed"     // use another lane
	SignLeave      Sign = "leave"      // emergency: drive out
)

// Panel speaks to the driver at the line. Tell is as Lamps.Show.
type Panel interface {
	Tell(ctx context.Context, s Sign) error
}

// AlarmKind is the kind of an Alarm.
type AlarmKind string

// The alarms. Those that a person must acknowledge stand until one has, even
// where what caused them is over; the last three end by themselves.
const (
	AlarmTailgating  AlarmKind = "tailgating"   // a second vehicle came through before the arm was down: it is inside, unidentified
	AlarmTwoInOne    AlarmKind = "two-in-one"   // two vehicles came through as one: the second is inside, unidentified
	AlarmForced      AlarmKind = "forced-arm"   // the arm opened without a command
	AlarmHeldOpen    AlarmKind = "held-open"    // the arm does not close
	AlarmWrongWay    AlarmKind = "wrong-way"    // a vehicle came through against the lane's direction
	AlarmRanThrough  AlarmKind = "ran-through"  // a vehicle came through that nobody had let in
	AlarmNotThrough  AlarmKind = "not-through"  // the arm was opened for a vehicle, and it has not come through: it is not inside
	AlarmEgressArm   AlarmKind = "egress-arm"   // in emergency egress an arm is not open: raise it by hand
	AlarmTamper      AlarmKind = "tamper"       // a cabinet or reader was opened
	AlarmCovered     AlarmKind = "covered-long" // a detector is covered for too long; Of names the point
	AlarmDeviceLost  AlarmKind = "device-lost"  // a device or detector cannot be read; Of names it
	AlarmUnconfirmed AlarmKind = "arm-unclear"  // the arm's contacts contradict each other
)

// Alarm is something at a lane that a person must look at.
type Alarm struct {
	ID     int       `json:"id"` // of the lane, from 1; with Since, never that of another
	Kind   AlarmKind `json:"kind"`
	Of     string    `json:"of,omitempty"` // the point or device, where there are several
	Since  time.Time `json:"since"`
	Over   bool      `json:"over"`             // what caused it is over
	By     string    `json:"by,omitempty"`     // who has acknowledged it
	Passed PassageID `json:"passed,omitempty"` // the passage in which it happened
}

// LaneVehicle is one vehicle of a lane as a screen shows it.
type LaneVehicle struct {
	State    State     `json:"state"` // deciding, waiting, admitting, refusing, redirected
	Passage  *Passage  `json:"passage,omitempty"`
	Durable  bool      `json:"durable"`
	Decision int       `json:"decision,omitempty"`
	Again    string    `json:"again,omitempty"`
	Allowed  []ActKind `json:"allowed"` // acts that name this passage
}

// The warnings of a LaneView: message keys. They are about what just happened,
// and go with the next vehicle.
const (
	WarnBackedOut  = "backed-out"  // the vehicle left backwards after its verdict
	WarnUnderArm   = "under-arm"   // something is under the arm: it is not raised
	WarnAutoPaused = "auto-paused" // policy would open by itself; a detector or an alarm leaves it to a person
	WarnAutoPlate  = "auto-plate"  // policy would open by itself; a plate alone, which anybody can copy, leaves it to a person
)

// inputsMost is how many changes of points may wait for a lane before only the
// last of each point is kept, and what must not be missed: that an arm was forced,
// a cabinet opened, or a button pressed.
const inputsMost = 256

// inputs are the changes that wait for the lane's goroutine. Devices never wait
// for the lane.
type inputs struct {
	mu      sync.Mutex
	queue   []Input
	devices []DeviceStatus
	wake    chan struct{}
}

func newInputs() *inputs { return &inputs{wake: make(chan struct{}, 1)} }

func (q *inputs) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *inputs) put(in Input) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) >= inputsMost {
		type told struct {
			point  Point
			forced bool
			on     bool
		}
		of := func(in *Input) told {
			lasting := in.Point == PointEgress || in.Point == PointTamper
			return told{in.Point, in.Forced, lasting && in.Level == LevelOn}
		}
		last, lastOf := make(map[Point]int, 8), make(map[told]int, 16)
		for i := range q.queue {
			last[q.queue[i].Point], lastOf[of(&q.queue[i])] = i, i
		}
		kept := q.queue[:0]
		for i := range q.queue {
			if t := of(&q.queue[i]); last[t.point] == i || (t.forced || t.on) && lastOf[t] == i {
				kept = append(kept, q.queue[i])
			}
		}
		q.queue = kept
	}
	q.queue = append(q.queue, in)
	q.ring()
}

func (q *inputs) status(s DeviceStatus) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.IndexFunc(q.devices, func(d DeviceStatus) bool { return d.Device == s.Device }); i >= 0 {
		q.devices[i] = s
	} else {
		q.devices = append(q.devices, s)
	}
	q.ring()
}

// take hands out what waits; devices wait until the lane is in service.
func (q *inputs) take(started bool) (in []Input, dev []DeviceStatus) {
	q.mu.Lock()
	defer q.mu.Unlock()
	in, q.queue = q.queue, nil
	if started {
		dev, q.devices = q.devices, nil
	}
	return in, dev
}

// Input tells a lane of a change of one of its points. It never waits, and may be
// called from any goroutine; changes of one goroutine keep their order. False
// says that there is no such lane or that the lane has no such point.
func (c *Controller) Input(id LaneID, in Input) bool {
	l, ok := c.lanes[id]
	if !ok || !slices.Contains(l.cfg.Points, in.Point) || in.Level > LevelOn {
		return false
	}
	l.inputs.put(in)
	if in.Point == PointEgress { // is heard by all lanes
		for _, o := range c.order {
			if o != l {
				o.inputs.put(in)
			}
		}
	}
	return true
}

// Device tells a lane how one of its devices is. It never waits; telling the same
// again is no harm. A fault is recorded once when it begins and once when it is
// over, and is shown; what the device does falls to a person meanwhile.
func (c *Controller) Device(id LaneID, s DeviceStatus) bool {
	l, ok := c.lanes[id]
	if !ok || s.Device == "" {
		return false
	}
	l.inputs.status(s)
	return true
}
