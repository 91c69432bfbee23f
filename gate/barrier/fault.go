package barrier

import (
	"errors"
	"fmt"
)

// Class is the kind of a fault. A screen chooses its words by it.
type Class string

// The classes.
const (
	Covered     Class = "covered"     // a vehicle is under the arm
	NotClosed   Class = "not-closed"  // the arm is not closed, so that it cannot be raised
	Busy        Class = "busy"        // another command is under way
	Twice       Class = "twice"       // this passage has had its command
	Unread      Class = "unread"      // a contact that is needed cannot be read
	Offline     Class = "offline"     // the device does not answer
	Rejected    Class = "rejected"    // the device says that it will not
	Garbled     Class = "garbled"     // the device's answers make no sense
	Unconfirmed Class = "unconfirmed" // commanded, and no contact changed
	Halfway     Class = "halfway"     // the arm left its place and did not arrive
	Stuck       Class = "stuck"       // the relay does not let go
	Replaced    Class = "replaced"    // another device answers than the one that was set up
	Insecure    Class = "insecure"    // the device does not keep to the secure channel
	Ended       Class = "ended"       // the driver has been stopped
)

// Effect is what a fault says about the arm.
type Effect uint8

// The effects. MayHaveMoved is the zero value, so that what nobody has thought
// about is not taken for harmless.
const (
	MayHaveMoved Effect = iota // commanded, or perhaps: a person looks
	NotMoved                   // nothing was sent, or the device said that it did nothing
)

// Fault is what drivers fail with.
type Fault struct {
	Device string
	Class  Class
	Effect Effect
	Err    error // what lies under it; may be nil
}

// Error is the whole chain, for a log.
func (f *Fault) Error() string {
	s := f.Device + ": " + string(f.Class)
	if f.Effect == NotMoved {
		s += ", not moved"
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// FaultClass is the class, for who does not know this package.
func (f *Fault) FaultClass() string { return string(f.Class) }

// Unwrap is what lies under the fault.
func (f *Fault) Unwrap() error { return f.Err }

// Sentence is the fault in one short sentence for the person at the lane.
func (f *Fault) Sentence() string {
	switch f.Class {
	case Covered:
		return "A vehicle is under the arm: the arm was not moved."
	case NotClosed:
		return "The arm is not closed: it was not moved."
	case Busy:
		return "The arm is still busy with the command before."
	case Twice:
		return "This passage has already opened the arm once."
	case Unread:
		return "A contact of the arm cannot be read: the arm was not moved."
	case Unconfirmed:
		return "The arm was told to open, and nothing says that it did: look at it."
	case Halfway:
		return "The arm left its place and did not arrive: look at it."
	case Stuck:
		return "The relay of the arm does not let go: the arm may stay open."
	case Replaced:
		return "Another device answers than the one that was set up."
	case Insecure:
		return "The reader does not keep to the protected connection."
	case Ended:
		return "The device has been switched off."
	case Offline, Rejected, Garbled:
	}
	said := map[Class]string{
		Offline:  "The device does not answer",
		Rejected: "The device refuses the command",
		Garbled:  "The device's answers cannot be understood",
	}[f.Class]
	if said == "" {
		said = "The device has failed"
	}
	if f.Effect == NotMoved {
		return said + ": the arm was not moved."
	}
	return said + ": look at the arm."
}

// ClassOf is the class of a fault in err's chain; "" when there is none.
func ClassOf(err error) Class {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.Class
	}
	return ""
}

// EffectOf tells whether the arm may have moved after err. An error that is no
// Fault says nothing, and counts as MayHaveMoved.
func EffectOf(err error) Effect {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.Effect
	}
	return MayHaveMoved
}

// Faultf makes a Fault with the chain that fmt.Errorf makes.
func Faultf(device string, class Class, effect Effect, format string, args ...any) *Fault {
	return &Fault{Device: device, Class: class, Effect: effect, Err: fmt.Errorf(format, args...)}
}
