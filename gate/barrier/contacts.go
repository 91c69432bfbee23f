package barrier

import (
	"context"
	"sync"
	"time"
)

// Point is what one detector or contact is about.
type Point uint8

// The points of a lane. Approach to Beyond are vehicle detectors (induction loop,
// photocell, radar) in the order in which a vehicle comes to them.
const (
	Approach Point = iota // a vehicle comes up
	AtLine                // a vehicle stands at the stop line
	UnderArm              // something is where the arm would come down
	Beyond                // a vehicle has passed the arm
	ArmDown               // limit switch: the arm is closed
	ArmUp                 // limit switch: the arm is open
	Tamper                // a cabinet or reader is open
	Egress                // fire alarm or egress button: everybody leaves
	points
)

var pointNames = [points]string{"approach", "at-line", "under-arm", "beyond", "arm-down", "arm-up", "tamper", "egress"}

// String names the point, as a configuration does.
func (p Point) String() string {
	if p < points {
		return pointNames[p]
	}
	return "?"
}

// PointOf is the point of that name.
func PointOf(name string) (Point, bool) {
	for p, n := range pointNames {
		if n == name {
			return Point(p), true
		}
	}
	return 0, false
}

// Level is what is known of a point.
type Level uint8

// The levels. On is a covered detector or a contact that is made.
const (
	Unknown Level = iota
	Off
	On
)

// LevelOf is On or Off.
func LevelOf(on bool) Level {
	if on {
		return On
	}
	return Off
}

// String names the level.
func (l Level) String() string {
	switch l {
	case Off:
		return "off"
	case On:
		return "on"
	default:
		return "unknown"
	}
}

// Event is a change of one point. The change itself lies after After and not
// after At.
type Event struct {
	Point Point
	Level Level
	At    time.Time // of the reading that shows it
	After time.Time // of the last reading that showed otherwise; zero where there was none
	// Forced says that the arm left its closed position and no command of this
	// program explains it: a hand, a key switch, or a vehicle.
	Forced bool
}

// Reading is the levels of some points at one instant.
type Reading map[Point]Level

// Contacts keep the last reading of some points and tell of changes. A driver
// writes them; everybody may read.
type Contacts struct {
	notify func(Event)

	order sync.Mutex // held while a reading is told, so that events keep their order

	mu       sync.Mutex
	has      [points]bool
	level    [points]Level
	at       [points]time.Time // of the last reading
	changed  chan struct{}
	openedBy time.Time // until when a command explains that the arm leaves its place
}

var _ Inputs = (*Contacts)(nil)

// NewContacts makes contacts of which nothing is known yet. notify, where not
// nil, hears of each change in order, from the goroutine of the writer; it must
// return soon and must not write. Readings of other points are not kept.
func NewContacts(notify func(Event), has ...Point) *Contacts {
	c := &Contacts{notify: notify, changed: make(chan struct{})}
	for _, p := range has {
		c.has[p] = true
	}
	return c
}

// Has tells whether there is such a point.
func (c *Contacts) Has(p Point) bool { return p < points && c.has[p] }

// Level implements Inputs.
func (c *Contacts) Level(p Point) (Level, time.Time) {
	if p >= points {
		return Unknown, time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.level[p], c.at[p]
}

// Set writes a reading that was complete at that instant, and returns when every
// change has been told.
func (c *Contacts) Set(at time.Time, r Reading) {
	c.order.Lock()
	defer c.order.Unlock()
	var told []Event
	c.mu.Lock()
	for p := range points {
		l, ok := r[p]
		if !ok || !c.has[p] {
			continue
		}
		was, before := c.level[p], c.at[p]
		c.level[p], c.at[p] = l, at
		if was == l {
			continue
		}
		e := Event{Point: p, Level: l, At: at, After: before}
		left := p == ArmDown && was == On && l == Off || p == ArmUp && !c.has[ArmDown] && was == Off && l == On
		e.Forced = left && at.After(c.openedBy)
		told = append(told, e)
	}
	if len(r) > 0 {
		close(c.changed)
		c.changed = make(chan struct{})
	}
	c.mu.Unlock()
	if c.notify != nil {
		for _, e := range told {
			c.notify(e)
		}
	}
}

// Lost says that nothing is known of any point from now on.
func (c *Contacts) Lost(at time.Time) {
	r := make(Reading, points)
	for p := range points {
		r[p] = Unknown
	}
	c.Set(at, r)
}

// explain says that an arm that leaves its place until then does so on command.
func (c *Contacts) explain(until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.openedBy = until
}

// MayRaise refuses, as a Fault of that device, an arm that must not move now: one
// that has a vehicle under it, is not closed, or cannot be seen.
func (c *Contacts) MayRaise(device string) error {
	for _, want := range []struct {
		point Point
		level Level
		class Class
	}{{UnderArm, Off, Covered}, {ArmDown, On, NotClosed}, {ArmUp, Off, NotClosed}} {
		if !c.Has(want.point) {
			continue
		}
		switch l, _ := c.Level(want.point); l {
		case want.level:
		case Unknown:
			return Faultf(device, Unread, NotMoved, "%s is unknown", want.point)
		default:
			return Faultf(device, want.class, NotMoved, "%s is %s", want.point, l)
		}
	}
	return nil
}

// Await returns nil as soon as ok says so of the levels, which it is asked about
// at once and after each reading, or else ctx's error. ok is told what At of
// Level would be told, and must not call the contacts.
func (c *Contacts) Await(ctx context.Context, ok func(level func(Point) (Level, time.Time)) bool) error {
	level := func(p Point) (Level, time.Time) { return c.level[p], c.at[p] }
	for {
		c.mu.Lock()
		done, changed := ok(level), c.changed
		c.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
