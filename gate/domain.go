package gate

import (
	"time"

	"sallyport/policy"
	"sallyport/rf"
	"sallyport/vin"
)

// SiteID names a site.
type SiteID string

// LaneID names a lane of a site.
type LaneID string

// PassageID names one passage of one vehicle through one lane; it sorts by
// time of arrival.
type PassageID string

// Declared is one thing that the driver or the fleet says of the vehicle. It
// can raise suspicion; it clears nothing.
type Declared struct {
	Kind  string `json:"kind"` // fcc_id, imei, usb_id, module, tcu_part, device, no_modem
	Value string `json:"value"`
}

// Request is one question to the Assessor: the facts of an arrival that do not
// come from reference data.
type Request struct {
	VIN            string
	Plate          string
	Class          policy.Class // as registered or listed; empty is unknown
	Stated         policy.Class // as entered at the lane; used only where Class is empty, and in no vehicle's favour
	Zone           policy.Zone  // zero is unknown
	At             time.Time
	Moment         policy.Moment // the zero value is entry
	OnCall         *bool         // whether it is on an emergency call, as a person at the lane said; nil is unknown
	Market         string
	Declared       []Declared
	Inspections    []Inspection    // of this VIN, with their acts; which of them count is for the Assessor to say
	Inspecting     InspectionRules // what the site asks of them
	Authorisations []policy.Authorisation
	Radio          *rf.Finding // nil when no sensor listened
	Posture        int
	Registered     Registered
	Identity       *Identified // what the site found about who presents itself; nil where nobody asked
	ByList         bool        // VIN was not read but is the one that the list has with the plate
	Expected       []vin.VIN   // vehicles of the site's list of whose VIN the one read may be a misreading
}

// Registered is what a registration, or the papers, say of the vehicle. It is
// used only where the VIN does not say.
type Registered struct {
	Make      string        `json:"make,omitempty"`
	Model     string        `json:"model,omitempty"`
	ModelYear int           `json:"model_year,omitempty"` // 0 is unknown
	BuiltOn   string        `json:"built_on,omitempty"`   // year, month or day of build: RFC 3339 full-date or its beginning
	From      policy.Source `json:"from,omitzero"`
	Claimed   bool          `json:"claimed,omitempty"` // somebody says so, and nobody has seen it: it counts in no vehicle's favour
}

// Arrival is a vehicle that presents itself at a lane.
type Arrival struct {
	VIN      string       `json:"vin"`
	Plate    string       `json:"plate,omitempty"`
	Class    policy.Class `json:"class,omitempty"` // as somebody entered it; it can raise a verdict and never lowers one
	Declared []Declared   `json:"declared,omitempty"`
	OnCall   *bool        `json:"on_call,omitempty"` // whether it is on an emergency call, as a person at the lane said; absent is unknown
	Via      string       `json:"via"`               // scanner, keyboard, camera, api, demo
	Also     []Identifier `json:"also,omitempty"`    // what else was read of the vehicle: the VIN of a second label, another plate
	// Pass is the text of the pass that was shown. It is not recorded: what it was
	// worth is, among the facts.
	Pass string `json:"-"`
	// Read is when a camera read the plate; zero where it does not say.
	Read time.Time `json:"-"`
	// Of is the vehicle at the line that this is one more reading of; empty is a
	// vehicle that comes, or that the lane finds to be the same.
	Of PassageID `json:"-"`
}

// State is a state of the lane controller.
type State string

// The states of a lane.
const (
	Idle         State = "idle"
	Approaching  State = "approaching"      // a vehicle comes up, no identity yet
	AtLine       State = "at-line"          // it stands at the stop line, no identity yet
	Deciding     State = "deciding"         // facts gathered, record being made durable
	Waiting      State = "waiting"          // verdict on screen, waiting for the guard
	Admitting    State = "admitting"        // act recorded, arm commanded
	Refusing     State = "refusing"         // turned away, on the way to the turn-out place
	Redirected   State = "redirected"       // sent to inspection
	OutOfService State = "out-of-service"   // the program does not run the lane, or a person has closed it
	Manual       State = "manual"           // no verdict by machine possible, or a person has ordered it so: paper form
	Egress       State = "emergency-egress" // everybody leaves: exit arms are up and stay so, nobody comes in
)

// ActKind is what a guard may do.
type ActKind string

// The guard's acts of this version.
const (
	ActOpen     ActKind = "open"    // let the vehicle in; allowed on grant, and on flag with a reason
	ActHold     ActKind = "hold"    // keep it waiting
	ActInspect  ActKind = "inspect" // send to inspection
	ActTurnAway ActKind = "turn-away"
	ActOverride ActKind = "override" // let in against deny: reason and a second person (supervisor)
	ActReset    ActKind = "reset"    // the lane is clear again
)

// The acts on a lane and not on a vehicle: Act.Passage is empty, and Act.Reason,
// where one is needed, is a code of lower-case words with hyphens, never free
// words: what is recorded of these acts is never erased, and must name nobody.
const (
	ActClose       ActKind = "out-of-service" // needs a reason; nobody may be dealt with at the lane
	ActReopen      ActKind = "in-service"
	ActTurnEntry   ActKind = "turn-entry" // a reversible lane, with nobody in it
	ActTurnExit    ActKind = "turn-exit"
	ActEgress      ActKind = "egress" // of all lanes; said again while it lasts, it raises this lane's arm once more
	ActEgressEnd   ActKind = "egress-end"
	ActManualStart ActKind = "manual-start" // needs a reason; a vehicle at the line ends as unknown
	ActManualEnd   ActKind = "manual-end"
	ActAcknowledge ActKind = "acknowledge" // of Act.Alarm
)

// Act is one act of one person.
type Act struct {
	Kind       ActKind   `json:"kind"`
	Passage    PassageID `json:"passage"`
	By         string    `json:"by"`                   // user name
	Supervisor string    `json:"supervisor,omitempty"` // second person, for override
	Reason     string    `json:"reason,omitempty"`
	At         time.Time `json:"at"`
	// Seen is the LaneView.Decision that the person's screen showed; 0 where it
	// is not told. It is not recorded: the order of records tells it.
	Seen int `json:"-"`
	// Alarm is the Alarm.ID that ActAcknowledge is about; the event tells its kind.
	Alarm int `json:"-"`
}

// Ending is how a passage ended.
type Ending string

// The endings. A passage that a crash left open becomes EndUnknown.
const (
	EndAdmitted   Ending = "admitted"
	EndRefused    Ending = "refused"
	EndInspection Ending = "inspection"
	EndLeft       Ending = "left" // backed out, or replaced by the next arrival
	EndArmFailed  Ending = "arm-failed"
	EndUnknown    Ending = "unknown"
)

// Passage is the record of one arrival: what was asked, what was known, what
// was decided. It is immutable; acts and the ending are recorded beside it.
type Passage struct {
	ID      PassageID  `json:"id"`
	Lane    LaneID     `json:"lane"`
	At      time.Time  `json:"at"`
	Arrival Arrival    `json:"arrival"`
	Result  Assessment `json:"result"`
	// Moment is that of the lane's direction when the vehicle came.
	Moment policy.Moment `json:"moment,omitzero"`
	// Afterwards says that it was dealt with on paper and entered later; nil is no.
	Afterwards *Afterwards `json:"afterwards,omitempty"`
}

// Assessment is the answer of the Assessor: the contract of `sallyport assess`
// (its JSON form is Answer) with everything needed to compute it again.
type Assessment struct {
	VIN     string         `json:"vin"`
	Facts   policy.Facts   `json:"facts"`
	Asked   []Asked        `json:"asked"` // every question put to the supply graph, with its answer
	Verdict policy.Verdict `json:"verdict"`
	Vehicle VehicleView    `json:"vehicle"`
	Plate   string         `json:"plate,omitempty"`
	Notes   []string       `json:"notes,omitempty"` // what the assessor could not use, in words: a bad Luhn digit, an unknown device
}

// Asked is one question to the supply graph and its answer, kept so that a
// past verdict can be computed again on any machine.
type Asked struct {
	Q policy.SupplyQuestion `json:"q"`
	A policy.SupplyAnswer   `json:"a"`
}

// VehicleView is the vehicle as a person is shown it.
type VehicleView struct {
	Valid        bool     `json:"valid"`
	Problems     []string `json:"problems,omitempty"`
	Make         string   `json:"make"`
	Model        string   `json:"model"`
	ModelYear    int      `json:"model_year,omitempty"` // 0 is unknown
	Manufacturer string   `json:"manufacturer"`
	Type         string   `json:"vehicle_type"`
	Body         string   `json:"body_class"`
	BuiltIn      string   `json:"built_in"`       // country name or code; empty is unknown
	BuiltInBasis string   `json:"built_in_basis"` // what says so
}

// LaneView is the whole state of a lane as a screen shows it. It is a value:
// once published nobody changes it.
type LaneView struct {
	Lane    LaneID      `json:"lane"`
	Name    string      `json:"name"`
	Zone    policy.Zone `json:"zone"`
	TurnOut string      `json:"turn_out"` // where a refused vehicle turns or parks
	State   State       `json:"state"`
	Since   time.Time   `json:"since"`
	Version uint64      `json:"version"`           // rises with every change
	Passage *Passage    `json:"passage,omitempty"` // the vehicle at the line
	// Decision numbers what was decided of this vehicle, from 1; it rises when
	// deciding again changes anything that a person acts on. Again is why it was
	// decided again last; empty where it was not, or where nothing changed.
	Decision int        `json:"decision,omitempty"`
	Again    string     `json:"again,omitempty"`  // Reassessment.Because
	Allowed  []ActKind  `json:"allowed"`          // what the guard may do now
	Notice   string     `json:"notice,omitempty"` // message key of a fault: storage, arm, clock, radio …
	Radio    RadioState `json:"radio"`
	Arm      string     `json:"arm"`                 // closed, opening, open, fault, none
	ArmFault string     `json:"arm_fault,omitempty"` // class of the fault, as barrier.Class, where a command failed
	Durable  bool       `json:"durable"`             // the passage shown is committed
	Inbound  int        `json:"inbound"`             // arrivals waiting behind
	LastEnd  Ending     `json:"last_end,omitempty"`

	Direction Direction      `json:"direction"`           // entry or exit; of a reversible lane, as it is turned now
	Turns     bool           `json:"turns,omitempty"`     // it is reversible
	Vehicles  []LaneVehicle  `json:"vehicles,omitempty"`  // the one at the line (Passage), and in a tandem lane the one behind it
	Alarms    []Alarm        `json:"alarms,omitempty"`    // oldest first
	Warnings  []string       `json:"warnings,omitempty"`  // message keys
	Closed    string         `json:"closed,omitempty"`    // code of why a person has closed the lane, or ordered manual procedure
	Ordered   *Ordered       `json:"ordered,omitempty"`   // who did, or ordered the emergency egress that it is in
	LaneActs  []ActKind      `json:"lane_acts,omitempty"` // acts on the lane, not on a vehicle, that are allowed now
	Signal    Signal         `json:"signal,omitempty"`    // what the lamps are to show; empty: it has none
	Devices   []DeviceStatus `json:"devices,omitempty"`   // that do not work
}

// RadioState says how the lane's sensors are.
type RadioState struct {
	Sensors   int       `json:"sensors"` // that were heard of late, and could be used
	LastHeard time.Time `json:"last_heard,omitzero"`
	Accepted  uint64    `json:"accepted"`
	Refused   uint64    `json:"refused"` // counted, never stored
	Dropped   uint64    `json:"dropped"`
	Silent    []string  `json:"silent,omitempty"` // sensors of the lane that should be heard and are not, by name
	Skewed    []string  `json:"skewed,omitempty"` // sensors whose clock is off, by name
	// Crowded says that within the last minute more emitters were heard than can
	// be told apart, as when somebody makes addresses up: the vehicle's own may
	// be among those that were not.
	Crowded bool `json:"crowded,omitempty"`
}
