package gate

import (
	"context"
	"errors"
	"time"

	"sallyport/rf"
	"sallyport/vin"
)

// The sentinels of the ports. An implementation wraps them; callers use
// errors.Is.
var (
	// ErrNotFound says that what was named is not in the store.
	ErrNotFound = errors.New("not found")
	// ErrExists says that a record with this name is there already, with
	// other content. Recording the same thing twice is not an error.
	ErrExists = errors.New("already recorded")
	// ErrErased says that the record is there but its personal data has been
	// erased, so that nothing can be added to it.
	ErrErased = errors.New("personal data erased")
)

// Recorder makes what happens at the lanes durable. The Controller owns this
// port; gate/sqlite and gate/storetest implement it.
//
// Every method writes its record and one entry of the tamper-evident log in
// one transaction, and returns nil only when both would survive a power cut.
// An error means that the caller does not know: the effect may or may not have
// become durable (a commit whose answer was lost, a context that ended while
// the transaction was queued). The caller never retries a Record, and treats
// the passage as open until CloseOpen or RecordOutcome succeeds.
//
// All methods may be called concurrently. They end soon after their context
// does.
type Recorder interface {
	// Record makes a passage durable. A second passage of the same ID is
	// ErrExists, unless it is the same passage byte for byte.
	Record(ctx context.Context, p Passage) error
	// RecordReassessment adds a later assessment to an open passage, such as
	// one raised by a radio finding. ErrNotFound when there is no such
	// passage, ErrExists when the passage has ended.
	RecordReassessment(ctx context.Context, r Reassessment) error
	// RecordAct adds a person's act to a passage. ErrNotFound when there is no
	// such passage.
	RecordAct(ctx context.Context, a Act) error
	// RecordOutcome ends a passage. A passage ends once: the same outcome
	// again is no error, another one is ErrExists. ErrNotFound when there is
	// no such passage.
	RecordOutcome(ctx context.Context, o Outcome) error
	// RecordEvent logs something that is not about a passage: a fault, a jump
	// of the clock, the start of the program. It must not name a vehicle or a
	// driver, because events are never erased.
	RecordEvent(ctx context.Context, e Event) error
	// RecordStanding is RecordEvent, and in the same transaction keeps how the
	// lane stands after it, with a log entry of its own.
	RecordStanding(ctx context.Context, e Event, s LaneStanding) error
	// Standings are how the lanes stood last, by lane; one of which nothing was
	// ever kept is not among them.
	Standings(ctx context.Context) ([]LaneStanding, error)
	// CloseOpen ends every passage without an outcome as EndUnknown and
	// returns them. The Controller calls it before any lane accepts a vehicle.
	CloseOpen(ctx context.Context, at time.Time) ([]PassageID, error)
	// LastAt is the latest instant of any record; the zero time when there is
	// none. A clock that is behind it is wrong.
	LastAt(ctx context.Context) (time.Time, error)
}

// Registry answers what the site has settled or registered of a vehicle. It is
// read on the way to a verdict, so it must answer within milliseconds and from
// local data. All methods may be called concurrently.
type Registry interface {
	// Inspections are those of this VIN that were made at or before that instant
	// and expire after it, newest first, with the acts on them; those that were
	// ended or wait for a second person are among them. None is not an error.
	Inspections(ctx context.Context, vin string, at time.Time) ([]Inspection, error)
	// Registration is what the site's list says of the vehicle, by VIN first
	// and by plate second. ErrNotFound when the list does not name it.
	Registration(ctx context.Context, vin, plate string) (Registration, error)
	// Alike are the VINs of the site's list of which the 17 characters read may
	// be a misreading of at most three: those that share characters 1–4, 5–8,
	// 9–12 or 13–17 with it. None is not an error. It is asked only about what
	// is no valid VIN.
	Alike(ctx context.Context, read string) ([]vin.VIN, error)
}

// Assessor turns a request into an assessment. It is pure: no clock, no
// database, no network; the same request gets the same assessment as long as
// policy and reference data stay the same. It may be called concurrently.
type Assessor interface {
	Assess(Request) Assessment
}

// AssessorFunc lets a function be an Assessor, so that the program can put the
// policy in force at the instant of the request behind it.
type AssessorFunc func(Request) Assessment

// Assess calls the function.
func (f AssessorFunc) Assess(r Request) Assessment { return f(r) }

// Attributor decides which broadcasts belong to the vehicle at the line of one
// lane. It is owned by the lane's goroutine: no method is called concurrently.
// Methods do no I/O. Observe returns within microseconds but for a few
// milliseconds every ten seconds, Finding within milliseconds.
type Attributor interface {
	Observe(rf.Observation)
	// VehiclePresent says that a vehicle came to stand at the line, or left.
	VehiclePresent(present bool, at time.Time)
	// Finding is what has been attributed since the vehicle came.
	Finding(now time.Time) rf.Finding
}

// Arm is a traffic arm. There is no port for an active (final-denial) barrier,
// and there must never be one.
//
// Raise commands the arm once and returns when the device has confirmed as
// much as it can, or when the context ends. It must not retry: after an error
// the arm may or may not have moved, and a person looks at it. The Controller
// calls Raise at most once per passage, after the passage and the act are
// durable, and never concurrently for one lane.
type Arm interface {
	Raise(ctx context.Context, id PassageID) error
}
