package gate

import (
	"strings"
	"time"
	"unicode"

	"sallyport/policy"
	"sallyport/vin"
)

// Outcome is how and when one passage ended.
type Outcome struct {
	Passage PassageID `json:"passage"`
	Lane    LaneID    `json:"lane"`
	Ending  Ending    `json:"ending"`
	At      time.Time `json:"at"`
	Note    string    `json:"note,omitempty"` // class of the failure, for EndArmFailed as barrier.Class; names no vehicle
	// Moment is that of the passage: an entry that is admitted begins a stay, an
	// exit that is admitted ends one.
	Moment policy.Moment `json:"moment,omitzero"`
}

// Reassessment is a later assessment of a vehicle still at the line.
type Reassessment struct {
	Passage PassageID  `json:"passage"`
	Lane    LaneID     `json:"lane"`
	At      time.Time  `json:"at"`
	Because string     `json:"because"` // radio, posture, policy, inspection, data
	Result  Assessment `json:"result"`
}

// EventKind is the kind of an Event.
type EventKind string

// The events of this version.
const (
	EventCreated      EventKind = "created"      // the site was made
	EventStarted      EventKind = "started"      // the program took the lanes into service
	EventStopped      EventKind = "stopped"      // the program left the lanes in order
	EventClockBehind  EventKind = "clock-behind" // the clock is behind the last record
	EventClockJump    EventKind = "clock-jump"   // the clock was set by more than a bound while the program ran
	EventStoreBack    EventKind = "store-back"   // records can be made durable again
	EventSignIn       EventKind = "sign-in"      // a person signed in
	EventSignInFailed EventKind = "sign-in-failed"
	EventExport       EventKind = "export"
	EventLogDamaged   EventKind = "log-damaged" // the log was read back and something does not fit
	EventRefdata      EventKind = "refdata"     // reference data was installed, or refused

	EventDeviceFault       EventKind = "device-fault"       // a field device failed or was lost
	EventDeviceBack        EventKind = "device-back"        // it works again
	EventAlarm             EventKind = "alarm"              // a lane raised an alarm
	EventAlarmAcknowledged EventKind = "alarm-acknowledged" // a person took note of it

	EventLaneClosed  EventKind = "lane-closed"  // a person took the lane out of service
	EventLaneOpened  EventKind = "lane-opened"  // and into service again
	EventLaneTurned  EventKind = "lane-turned"  // a reversible lane was turned
	EventEgressBegun EventKind = "egress-begun" // everybody leaves; also each further command to an arm meanwhile
	EventEgressEnded EventKind = "egress-ended"
	EventManualBegun EventKind = "manual-begun" // a person ordered manual procedure
	EventManualEnded EventKind = "manual-ended"

	EventUserAdded      EventKind = "user-added"
	EventDeviceEnrolled EventKind = "device-enrolled"
	EventDeviceRevoked  EventKind = "device-revoked"
	EventDeviceKey      EventKind = "device-key" // device tokens are signed with another key

	EventBackup         EventKind = "backup"          // a copy of the site was made, or could not be
	EventRestore        EventKind = "restore"         // the site was put back from a copy
	EventErasureRequest EventKind = "erasure-request" // a person asked that a vehicle's data be erased, and what was done
	EventWitness        EventKind = "witness"         // a witness cosigned a head of the log, or a cosignature was refused
)

// Event is something that happened at the site and is not about one passage.
type Event struct {
	Kind   EventKind `json:"kind"`
	Lane   LaneID    `json:"lane,omitempty"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
	Detail string    `json:"detail,omitempty"` // names no vehicle and no driver
}

// Registration is one line of the site's list of known vehicles: a VIN or a
// plate, or both, and the class of the vehicle.
type Registration struct {
	VIN    string        `json:"vin,omitempty"`
	Plate  string        `json:"plate,omitempty"`
	Class  policy.Class  `json:"class"`
	Market string        `json:"market,omitempty"` // ISO 3166-1 alpha-2 or "EU"
	Source policy.Source `json:"source"`           // which list, and of what date
	At     time.Time     `json:"at"`               // when it was entered

	// Of a fleet's vehicle, as the fleet says; nobody has seen papers for it, and
	// it counts in no vehicle's favour.
	Fleet     string     `json:"fleet,omitempty"` // empty: the site's own list
	By        string     `json:"by,omitempty"`    // who entered it
	Make      string     `json:"make,omitempty"`
	Model     string     `json:"model,omitempty"`
	ModelYear int        `json:"model_year,omitempty"` // 0 is unknown
	BuiltOn   string     `json:"built_on,omitempty"`   // year, month or day of build: RFC 3339 full-date or its beginning
	Declared  []Declared `json:"declared,omitempty"`

	// Exempt are the site's exemptions that the vehicle holds, of whatever time.
	// A store fills them when it is asked about a vehicle.
	Exempt []policy.Authorisation `json:"-"`
}

// Claims is what the fleet says of the vehicle beside its names.
func (r *Registration) Claims() Registered {
	if r.Make == "" && r.Model == "" && r.ModelYear == 0 && r.BuiltOn == "" {
		return Registered{}
	}
	return Registered{Make: r.Make, Model: r.Model, ModelYear: r.ModelYear, BuiltOn: r.BuiltOn, Claimed: true, From: policy.Source{Title: claimedByFleet}}
}

// claimedByFleet is the source of what a fleet says of a vehicle.
const claimedByFleet = "as the fleet declares; nobody has seen papers for it"

// PolicyDocument is the source text of a policy under which a verdict was
// given. It never changes: another text has another hash.
type PolicyDocument struct {
	Hash   string    `json:"hash"` // as in policy.Verdict.Hash
	ID     string    `json:"id"`   // id and version, as in policy.Verdict.Policy
	Source []byte    `json:"source"`
	At     time.Time `json:"at"` // when it was first kept
}

// PassageFilter chooses passages. A zero field does not restrict.
type PassageFilter struct {
	From, Until time.Time // [From, Until)
	Lane        LaneID
	VIN         string // exact
	Plate       string // exact
	Outcome     policy.Outcome
	Ending      Ending // EndOpen finds those not ended
	Limit       int    // at most 1000; 0 is 50
	Before      int64  // log sequence of the last passage of the page before; 0 is the newest page
}

// EndOpen in a PassageFilter finds passages that have not ended.
const EndOpen Ending = "open"

// PassageSummary is one line of a list of passages. VIN and Plate are empty
// once erased.
type PassageSummary struct {
	Seq     int64          `json:"seq"` // sequence of its log entry
	ID      PassageID      `json:"id"`
	Lane    LaneID         `json:"lane"`
	At      time.Time      `json:"at"`
	Outcome policy.Outcome `json:"outcome"` // of the last assessment
	VIN     string         `json:"vin,omitempty"`
	Plate   string         `json:"plate,omitempty"`
	Ending  Ending         `json:"ending,omitempty"` // empty while open
	Erased  bool           `json:"erased,omitempty"`
}

// PassageRecord is everything that is kept of one passage. Once erased,
// Passage holds no more than ID, lane and instant, and acts no reason.
type PassageRecord struct {
	Summary       PassageSummary `json:"summary"`
	Passage       Passage        `json:"passage"`
	Reassessments []Reassessment `json:"reassessments,omitempty"`
	Acts          []Act          `json:"acts,omitempty"`
	Outcome       *Outcome       `json:"outcome,omitempty"`
}

// NormalVIN is a VIN as the site files it: upper case, without what scanners and
// labels put around it (see vin.FromScan). A text in which no one VIN is found
// loses the blanks and the asterisks at its ends. It does not check or correct
// the VIN; that is for the Judge.
func NormalVIN(s string) string {
	if v := vin.FromScan([]byte(s)).VIN; v != "" {
		return string(v)
	}
	return strings.ToUpper(strings.Trim(s, " \t\r\n*"))
}

// NormalPlate is a plate as the site files it: upper case, without blanks,
// hyphens and dots, which are written in many ways. It is empty where nothing
// else is there.
func NormalPlate(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), r == '.', r == '·', r == '•', r == '−':
			return -1
		}
		return unicode.ToUpper(r)
	}, s)
}
