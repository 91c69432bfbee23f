package ui

import (
	"context"
	"time"

	"sallyport/gate"
	"sallyport/rf"
	"sallyport/ui/view"
)

// Lanes is the lane controller. All methods may be called concurrently.
// *gate.Controller is one.
type Lanes interface {
	// Lanes is the present state of every lane, in the site's order.
	Lanes() []gate.LaneView
	// View is the present state of one lane.
	View(gate.LaneID) (gate.LaneView, bool)
	// Subscribe sends the whole state first, then every change, until the
	// context ends. A closed channel means that the reader was too slow or the
	// lane ended; the reader may subscribe again.
	Subscribe(context.Context, gate.LaneID) (<-chan gate.LaneView, error)
	// Arrive presents a vehicle. When it returns without error the passage is
	// durable. It is not retried: a scan is repeated by a person.
	Arrive(context.Context, gate.LaneID, gate.Arrival) (gate.PassageID, error)
	// Act records a person's act and, once that is durable, carries it out. An
	// act for another passage than the one at the line is gate.ErrStale.
	Act(context.Context, gate.LaneID, gate.Act) error
	// Observe hands over one observation; false means that it was not taken.
	Observe(gate.LaneID, rf.Observation) bool
	// Refused counts observations that could not be read.
	Refused(gate.LaneID, uint64)
	// Radio is what the lane's sensors have heard, as of now. It does not wait
	// for the lane, and nobody changes what it gave.
	Radio(gate.LaneID) (gate.LaneRadio, bool)
}

// User is a person who may sign in.
type User = gate.User

// Session is one signed-in browser. The store never sees the token itself.
type Session = gate.Session

// Device is an enrolled machine.
type Device struct {
	ID      string
	Kind    string // one of auth.DeviceKinds
	Lane    string
	Created time.Time
	Revoked bool
}

// Store is what the screens read and keep. All methods may be called
// concurrently. What is not there is gate.ErrNotFound. CreateSession and
// DeleteSession are durable when they return.
type Store interface {
	UserByName(ctx context.Context, name string) (User, error)
	SetUserHash(ctx context.Context, userID, hash string) error
	CreateSession(context.Context, Session) error
	SessionByHash(context.Context, [32]byte) (Session, User, error)
	DeleteSession(context.Context, [32]byte) error
	DeviceByID(ctx context.Context, id string) (Device, error)

	Passages(context.Context, gate.PassageFilter) ([]gate.PassageSummary, error)
	Passage(context.Context, gate.PassageID) (gate.PassageRecord, error)
	// RecordEvent puts sign-ins, refused sign-ins and exports into the log.
	RecordEvent(context.Context, gate.Event) error
}

// PolicyDoc is the policy in force, in words.
type PolicyDoc struct {
	ID      string // id and version
	Hash    string
	Default string // outcome when no rule speaks: grant, flag, deny
	Rules   []view.Rule
	Source  string // the text; empty where it is not kept

	Change view.PolicyChange
}

// Inside says which vehicles are inside. It may be called concurrently. A
// gate/sqlite store is one.
type Inside interface {
	Stays(ctx context.Context, f gate.StayFilter) ([]gate.Stay, error)
}

// AlarmDesk is what the site's people must look at. It may be called
// concurrently. *gate.Alarms is one.
type AlarmDesk interface {
	// Open are the alarms of which nobody took note, oldest first, and a number
	// that rises with every change.
	Open() ([]gate.SiteAlarm, uint64)
	// Subscribe says that something has changed, until the context ends.
	Subscribe(context.Context) <-chan struct{}
	// Acknowledge is durable on return, and so is the alarm itself.
	Acknowledge(ctx context.Context, who gate.Person, id, note string) (gate.SiteAlarm, error)
}

// Signer says who signs with a PIN on a machine's screen. *gate.Desk is one.
type Signer interface {
	Confirm(ctx context.Context, lane gate.LaneID, name, pin string) (gate.Person, error)
}

// Job is one task of the site's housekeeping.
type Job struct {
	Name    string    `json:"name"`
	Running bool      `json:"running"`
	Begun   time.Time `json:"begun,omitzero"`   // the last run
	Ended   time.Time `json:"ended,omitzero"`   // of the last run that has ended
	OK      *bool     `json:"ok,omitempty"`     // of that run; absent: it never ran
	Result  string    `json:"result,omitempty"` // of that run, in words
	Next    time.Time `json:"next,omitzero"`

	When     string        `json:"-"` // 03:10, 1 h, 5 min
	Took     time.Duration `json:"-"` // the last run that has ended
	Runs     int64         `json:"-"`
	Failures int64         `json:"-"` // of them
}

// FieldDevice is a board, relay, reader, scanner or camera of the lanes.
type FieldDevice struct {
	Name     string
	Kind     string // as in site.toml, or scanner, camera, yard
	Lanes    []gate.LaneID
	State    string // starting, works, fails; of a camera: enrolled, not enrolled, revoked
	Fault    string // class, of one that fails
	Trouble  string // the whole chain, for whoever mends it
	Since    time.Time
	LastSeen time.Time // zero: never
	Faults   uint64    // that began since the program did
	Lost     uint64    // answers and scans that were lost or made no sense, and were got over
	Read     uint64    // codes, badges
	Unusable uint64    // of them
}
