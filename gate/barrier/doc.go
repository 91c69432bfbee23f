// Package barrier holds what a lane is given of its traffic arm, lamps, detectors
// and panels, and what the drivers of such devices share. It has no output for an
// active (final-denial) barrier, and must never get one: those are for people's
// hands (UFC 4-022-01: no activation by automatic detection and response).
//
// It imports gate. The drivers stand in packages of their own, which import this
// one: barrier/modbus (relay boards), barrier/lcus (USB relays), barrier/osdp
// (readers and panels). Yard is a world made up of vehicles, detectors and arms,
// for tests and demonstration; Sim is an arm on paper.
//
// # What the lane is given
//
// Arm (gate.Arm, built by NewArm around a driver's pulse) raises a traffic arm.
// Lamps show red or green. Inputs say what detectors and contacts last told.
// Panel speaks to the driver at a reader. Each is a small interface; a driver has
// those that its device has.
//
// Life of one Raise: the lane's controller calls it once, after passage and act
// are durable. The arm refuses what must not move (a vehicle under the arm, an
// arm that is not closed, a contact that cannot be read, the same passage again);
// nothing has been sent then. Else it marks the passage as used and sends one
// pulse, which the device ends by itself. What counts as raised is a contact of
// the arm that changes afterwards; an answer of the relay to its own command is
// no proof that anything moved. Every failure is a Fault, which tells whether the
// arm cannot have moved or may have; nothing is ever sent again.
//
// Life of one event: a driver polls its device in one goroutine and writes each
// reading into Contacts, which calls the lane once for each change, with the
// instant of the reading that showed it and of the last that did not. A device
// that is lost makes every point of it unknown, which is an event like any other.
//
// # Durability, retries, concurrency
//
// Nothing here is durable: what must survive a power cut is recorded by the
// caller before and after. Reading is tried again until it succeeds, and lamps
// are shown again when a device comes back, because both do no harm; pulses are
// not. All methods may be called concurrently; an arm that is moving refuses a
// second command instead of queueing it. Drivers run in Run, which returns within
// CloseWithin of its context's end, whatever the device does.
package barrier

import (
	"context"
	"time"
)

// CloseWithin is how long a driver's Run takes to return, at the most, once its
// context has ended.
const CloseWithin = 250 * time.Millisecond

// Signal is what lamps show to the driver of a vehicle.
type Signal uint8

// The signals. There is no state with both lamps lit.
const (
	Dark Signal = iota
	Red
	Green
)

// String names the signal.
func (s Signal) String() string {
	switch s {
	case Red:
		return "red"
	case Green:
		return "green"
	default:
		return "dark"
	}
}

// Lamps are a lane's signal lamps.
//
// Show returns nil when the device has taken the signal; nobody has seen whether
// a lamp is lit. After an error the lamps may show either the old signal or the
// new, or be dark, but never both lamps: the one to go out is switched first. The
// signal stays wanted, and is shown when a device comes back. May be called
// concurrently; the last one counts.
type Lamps interface {
	Show(ctx context.Context, s Signal) error
}

// Inputs are the detectors and contacts of a lane.
//
// Level is the last reading of a point with the instant of it, which is not older
// than a few polls; Unknown with the instant of the loss when the device is gone
// or the lane has no such point. It does not wait and may be called concurrently.
type Inputs interface {
	Level(p Point) (Level, time.Time)
}

// Notice is what a panel tells the driver.
type Notice struct {
	Signal Signal // of the reader's lamp
	Beeps  int    // 0 to 10
	Text   string // for a reader with a display; at most 32 printable ASCII characters
}

// Panel is a reader that can speak to the driver.
//
// Tell returns nil when the device has taken every part that it has an output
// for; a reader without a display takes the rest. After an error any part may
// have been shown. It is not tried again. May be called concurrently.
type Panel interface {
	Tell(ctx context.Context, n Notice) error
}

// Badge is a credential held to a reader, or keys pressed there. It is personal
// data: it may be shown and used, and belongs in no log.
type Badge struct {
	Reader uint8
	Bits   int    // of a card; 0 for keys
	Data   []byte // of a card: its bits, first one highest, the last byte filled up with zeros
	Keys   string // of a keypad: 0-9, * and #
	At     time.Time
}
