package policy

import "time"

// Truth is one of Kleene's three values. The zero value is Unknown, so that a
// forgotten fact can never read as a known one.
type Truth uint8

// The three values.
const (
	Unknown Truth = iota
	False
	True
)

// Certainty says how well a module is known, weakest first
// (DESIGN: settled > documented > observed > reported > none).
type Certainty uint8

// The certainties, in rising order; comparisons use the order.
const (
	CertaintyNone       Certainty = iota // nothing is known
	CertaintyReported                    // press, market research, teardown of another vehicle
	CertaintyObserved                    // share of this site's inspections, with bounds
	CertaintyDocumented                  // regulatory filing or maker's document for this build
	CertaintySettled                     // this very vehicle inspected, and the inspection is in date
)

// Class is the class of a vehicle. It comes from the registration or the
// plate list, never from the driver.
type Class string

// The classes of the field.
const (
	ClassPrivate    Class = "private"
	ClassGovernment Class = "government"
	ClassContractor Class = "contractor"
	ClassEmergency  Class = "emergency"
	ClassMilitary   Class = "military"
	ClassDiplomatic Class = "diplomatic"
	ClassAllied     Class = "allied" // forces of another state, on orders
)

// Zone is the sensitivity of the zone that the lane leads to, least first.
type Zone uint8

// The zones, in rising sensitivity; comparisons use the order.
const (
	ZonePublic Zone = iota + 1
	ZoneControlled
	ZoneRestricted
	ZoneCritical
)

// Moment is when a vehicle is looked at. A rule says at which moments it
// applies; one that does not say applies on entry.
type Moment uint8

// The moments. The zero value is entry, so that a moment that nobody set can
// never be a milder one.
const (
	MomentEntry  Moment = iota // it wants to come in
	MomentExit                 // it leaves
	MomentInside               // it stands inside
)

// Party is the id of a party in the supply graph, such as "quectel".
type Party string

// Source is where a fact or a claim comes from. Claims are attributed, never
// asserted: whatever is shown to a person carries one of these.
type Source struct {
	ID      string `json:"id,omitempty"`      // row id in its data set, such as "V0003"
	Title   string `json:"title,omitempty"`   // what kind of source: "owner's manual (regulatory certification table)"
	Address string `json:"source,omitempty"`  // where it can be read
	Quote   string `json:"quote,omitempty"`   // the words relied on
	Date    string `json:"date,omitempty"`    // the source's own date, as precise as known; empty is unknown
	Reply   string `json:"reply,omitempty"`   // the maker's reply, where there is one
	Expires string `json:"expires,omitempty"` // RFC 3339 date after which it no longer holds
}

// Leaf is one fact: a value, or unknown, and where it came from.
// The zero value is unknown.
type Leaf[T any] struct {
	Value T      `json:"value"`
	Known bool   `json:"known"`
	From  Source `json:"from,omitzero"`
}

// Know makes a known leaf.
func Know[T any](v T, from Source) Leaf[T] { return Leaf[T]{Value: v, Known: true, From: from} }

// Facts is everything a decision may look at: one arrival, at one instant.
// It is data only, can be written as JSON and read back without loss, and is
// what a passage's record keeps so that the verdict can be computed again.
type Facts struct {
	At           time.Time         `json:"at"`              // instant of the decision, UTC
	Moment       Moment            `json:"moment,omitzero"` // 0 entry, 1 exit, 2 inside
	Vehicle      VehicleFacts      `json:"vehicle"`
	Modem        Leaf[bool]        `json:"modem"` // is any modem fitted (yes, no, unknown), with its own basis
	Units        []Unit            `json:"units"` // every place where a module is known or claimed to sit
	Capabilities CapabilityFacts   `json:"capabilities"`
	Devices      DeviceFacts       `json:"devices,omitzero"`
	Registration RegistrationFacts `json:"registration"`
	Arrival      ArrivalFacts      `json:"arrival,omitzero"`
	Radio        RadioFacts        `json:"radio"`
	Site         SiteFacts         `json:"site"`
	Data         DataFacts         `json:"data"`
}

// VehicleFacts is what the VIN and the registry say of the vehicle.
type VehicleFacts struct {
	VIN       Leaf[string] `json:"vin"`
	Make      Leaf[string] `json:"make"`
	Model     Leaf[string] `json:"model"`
	ModelYear Leaf[int]    `json:"model_year"`
	Type      Leaf[string] `json:"type"`              // vPIC vehicle type, such as "PASSENGER CAR"
	BuiltIn   Leaf[string] `json:"built_in"`          // ISO 3166-1 alpha-2 country of build
	BuiltOn   Leaf[string] `json:"built_on,omitzero"` // day of build, YYYY-MM-DD; anything less precise is unknown
	// WMICountry is the country that assigned the WMI: the seat of the maker of
	// record. It can raise a suspicion of where the vehicle was built; it proves
	// nothing (a Dacia Spring of WMI UU1 is built in China).
	WMICountry Leaf[string] `json:"wmi_country"`
	WeightKg   Leaf[int]    `json:"weight_kg"` // upper bound of the gross weight class
	// WeightLeastKg is the lower bound of the class: of the heaviest it is all
	// that a VIN tells.
	WeightLeastKg Leaf[int]   `json:"weight_at_least_kg,omitzero"`
	Maker         Leaf[Party] `json:"maker"` // the car maker, as a party of the supply graph
}

// Unit is one place in the vehicle where a module sits or may sit.
type Unit struct {
	Role       string      `json:"role"`   // tcu, head-unit, device (fitted or carried), unknown
	Name       string      `json:"name"`   // what a person would call it
	Fitted     Leaf[bool]  `json:"fitted"` // is this unit in this vehicle
	Candidates []Candidate `json:"candidates"`
}

// Candidate is one module that may be the one in a unit. Several candidates of
// one unit are alternatives: what holds for all of them holds for the unit.
type Candidate struct {
	Maker     Leaf[Party]  `json:"maker"`      // party of the supply graph; unknown where no party answers to MakerName
	MakerName string       `json:"maker_name"` // as the source writes it
	Model     Leaf[string] `json:"model"`      // "AG525R-GL"
	ChipDown  Leaf[bool]   `json:"chip_down"`  // no separate module: the chip sits on the unit maker's own board
	Certainty Certainty    `json:"certainty"`
	Basis     string       `json:"basis"` // catalogue, declared, inspected, heard
	Updater   Leaf[Party]  `json:"updater"`
	BackEnd   Leaf[string] `json:"back_end"` // country, ISO 3166-1 alpha-2
	SIMHome   Leaf[string] `json:"sim_home"` // country of the SIM's home network
	Sources   []Source     `json:"sources"`
}

// CapabilityFacts is what the vehicle can record.
type CapabilityFacts struct {
	CameraOutside Leaf[bool] `json:"camera_outside"`
	CameraInside  Leaf[bool] `json:"camera_inside"`
	Microphone    Leaf[bool] `json:"microphone"`
	GNSS          Leaf[bool] `json:"gnss"`
	Sentry        Leaf[bool] `json:"sentry,omitzero"` // watches and records its surroundings while parked
	RecordingOff  Leaf[bool] `json:"recording_off"`   // switched off or covered, and checked by a person
}

// DeviceFacts is what is known of fitted and carried devices as a whole; each
// device that is known is a Unit of role "device".
type DeviceFacts struct {
	LookedFor Leaf[bool] `json:"looked_for,omitzero"` // a person looked for them, and the inspection is in date
}

// What is said of a vehicle's pass: of the one that was shown, or else of one
// that the site has on record for it.
const (
	PassValid        = "valid"
	PassExpired      = "expired"
	PassNotYet       = "not_yet"       // it begins later
	PassNotHere      = "not_here"      // it is for other lanes or zones
	PassRevoked      = "revoked"       // somebody has ended it
	PassForged       = "forged"        // this site has not signed or not issued it
	PassOtherVehicle = "other_vehicle" // it names another vehicle
	PassNone         = "none"          // none was shown, and none is on record
)

// ArrivalFacts is what a person at the lane said of this arrival, and what the
// site found when it held who presents itself against its own lists. A finding
// may raise a verdict and never lowers one; that nothing was found, or that
// there was nothing to look for, leaves it unknown or false.
type ArrivalFacts struct {
	OnCall Leaf[bool]   `json:"on_call,omitzero"` // an emergency vehicle on a call
	Pass   Leaf[string] `json:"pass,omitzero"`    // PassValid …; unknown where the vehicle is not known well enough to tell

	InsideAlready Leaf[bool]       `json:"inside_already,omitzero"` // a vehicle of this VIN or plate came in and has not left
	PlateDiffers  Leaf[bool]       `json:"plate_differs,omitzero"`  // the site has another plate with this VIN, or another VIN with this plate
	SeenElsewhere Leaf[bool]       `json:"seen_elsewhere,omitzero"` // at another lane or site, too short a time ago
	WatchListed   Leaf[bool]       `json:"watch_listed,omitzero"`   // by VIN, plate, module maker or group
	LabelDiffers  Leaf[bool]       `json:"label_differs,omitzero"`  // two VINs were read off the vehicle
	PassRefused   Leaf[bool]       `json:"pass_refused,omitzero"`   // the pass that was shown is not good for it here and now
	Findings      []ArrivalFinding `json:"findings,omitempty"`      // all of it, for the screen and the record; no rule looks at it
}

// ArrivalFinding is one thing that the site found about who presents itself.
type ArrivalFinding struct {
	Code   string `json:"code"`             // inside_already, inside_alike, not_inside, plate_differs, seen_elsewhere, watch_listed, watch_alike, watch_may, label_differs, pass_expired …
	Says   string `json:"says"`             // one plain sentence
	Do     string `json:"do,omitempty"`     // what the guard is to do, as whoever entered it wrote
	Reason string `json:"reason,omitempty"` // its code on the watch list
	Hint   bool   `json:"hint,omitempty"`   // worth a look, and no rule counts it
	From   Source `json:"from,omitzero"`
	// Evidence are the sources beside the site's own that it rests on: who names
	// a module's maker, and who names its owners.
	Evidence []Source `json:"evidence,omitempty"`
}

// RegistrationFacts is what the site, or the fleet, has registered.
type RegistrationFacts struct {
	Class          Leaf[Class]     `json:"class"`
	Authorisations []Authorisation `json:"authorisations"`
}

// Authorisation is one that the vehicle or its maker holds.
type Authorisation struct {
	ID     string    `json:"id"`
	Issuer string    `json:"issuer"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Source Source    `json:"source"`
}

// RadioFacts is what passive sensors attributed to the vehicle at the line.
// A radio fact raises a question, never clears one: rules may only use it with
// outcome flag or deny. What was not heard is unknown and never false.
type RadioFacts struct {
	Sensed       Leaf[bool]  `json:"sensed"`        // was a working sensor listening at all
	HotspotHeard Leaf[bool]  `json:"hotspot_heard"` // a vehicle's own hotspot or telematics radio, attributed
	HeardMaker   Leaf[Party] `json:"heard_maker"`   // maker behind an attributed, automotive address prefix
	Cellular     Leaf[bool]  `json:"cellular"`      // uplink energy beyond the background while it stood

	HeardMake          Leaf[string]    `json:"heard_make,omitzero"`            // car make that an attributed, automotive radio names; of several, one that contradicts, so that no rule may look at it
	Contradiction      Leaf[bool]      `json:"contradiction,omitzero"`         // an attributed, automotive radio speaks against VIN or record
	TeslaNameMatches   Leaf[bool]      `json:"tesla_name_matches,omitzero"`    // the name of the Tesla of this very VIN
	TyreProtocol       Leaf[bool]      `json:"tyre_protocol_differs,omitzero"` // a tyre sensor speaks what was never seen on the make; a hint
	Dimensions         Leaf[bool]      `json:"dimensions_differ,omitzero"`     // its own messages tell another size than VIN or type
	UplinkWithoutModem Leaf[bool]      `json:"uplink_without_modem,omitzero"`  // uplink energy, and no modem is declared or on record; a hint
	Evidence           []RadioEvidence `json:"evidence,omitempty"`             // all of it, for the screen and the record; no rule looks at it
}

// RadioEvidence is one thing that the air says of the vehicle, and what else
// would explain it.
type RadioEvidence struct {
	Code        string   `json:"code"`                  // make_differs, tesla_name_matches, …
	Says        string   `json:"says"`                  // one plain sentence
	Against     string   `json:"against,omitempty"`     // the belief that it questions: vin, make, no_modem, module, tyres, size
	Strength    string   `json:"strength"`              // weak, moderate, strong
	Probability float64  `json:"probability"`           // that its emitter is the vehicle's
	Contradicts bool     `json:"contradicts,omitempty"` // a contradiction, and no mere hint
	Explains    []string `json:"explains,omitempty"`    // words for what else would explain it: phone, behind, wheels …
	From        Source   `json:"from,omitzero"`
}

// SiteFacts is the site's own state.
type SiteFacts struct {
	Zone    Leaf[Zone]   `json:"zone"`
	Market  Leaf[string] `json:"market"`  // market of the vehicle, ISO 3166-1 alpha-2 or "EU"
	Posture Leaf[int]    `json:"posture"` // threat level, 0 is normal
	// The site's own clock and calendar at the instant of the decision.
	LocalTime Leaf[int]    `json:"local_time,omitzero"` // minutes since midnight, 0..1439
	Weekday   Leaf[string] `json:"weekday,omitzero"`    // mon, tue, wed, thu, fri, sat, sun
}

// DataFacts is the edition and age of the reference data used.
type DataFacts struct {
	CatalogueEdition string    `json:"catalogue_edition"`
	SupplyEdition    string    `json:"supply_edition"`
	VPICEdition      string    `json:"vpic_edition"`
	VPICAgeDays      Leaf[int] `json:"vpic_age_days"`
	CatalogueAgeDays Leaf[int] `json:"catalogue_age_days"`
	SupplyAgeDays    Leaf[int] `json:"supply_age_days"`
}

// Outcome is what a rule or a verdict says. The order is strictness.
type Outcome uint8

// The outcomes, least strict first.
const (
	Grant Outcome = iota + 1
	Flag
	Deny
)

// SupplyQuestion is one question to the supply graph. It is comparable, so
// that answers can be kept by question.
type SupplyQuestion struct {
	Op    string  `json:"op"`            // a name that Policy.Asks may give: controlled_from, listed_on, authorised_by …
	Party Party   `json:"party"`         // whom the question is about
	Arg   string  `json:"arg,omitempty"` // country (ISO 3166-1 alpha-2), party, list or authority
	Pct   float64 `json:"pct,omitempty"` // threshold in per cent, for controlled_from and share_from
	Day   string  `json:"day"`           // RFC 3339 full-date, UTC, as of which the question is asked
}

// SupplyAnswer is the graph's answer. Unknown is an answer.
type SupplyAnswer struct {
	Value   Truth    `json:"value"`
	Because string   `json:"because"` // one plain sentence, the path as explanation
	Sources []Source `json:"sources"` // the edges and entries of the path
}

// Supply answers questions about who stands behind a party. It must be pure
// in the sense that the same question gets the same answer for the life of a
// policy evaluation, and safe for concurrent use. It never fails: what it
// cannot answer is Unknown with the reason in Because.
type Supply interface {
	Ask(SupplyQuestion) SupplyAnswer
}

// Verdict is the result of Evaluate.
type Verdict struct {
	Outcome    Outcome        `json:"outcome"`
	Reasons    []Reason       `json:"reasons"`    // every rule that decided or stays open, strictest first, then in file order
	Open       []OpenQuestion `json:"open"`       // ranked: settles most, cheapest act first
	Conditions []string       `json:"conditions"` // words for the guard, without duplicates
	WorkItems  []string       `json:"work_items"` // offices that get a work item, such as "fleet-office"
	// ConditionIDs are the ids of Conditions in the same order, by which
	// Policy.Condition gives the words in another language.
	ConditionIDs []string `json:"condition_ids"`
	Lifted       []Reason `json:"lifted"`   // rules that an exemption lifted, kept among the reasons
	Presumed     bool     `json:"presumed"` // the grant rests on a presumption the site chose, not on a fact
	Policy       string   `json:"policy"`   // id and version of the policy
	Hash         string   `json:"hash"`     // sha256 of the policy's canonical form
}

// Reason is one rule's say.
type Reason struct {
	Rule       string     `json:"rule"`
	Outcome    Outcome    `json:"outcome"`
	Open       bool       `json:"open"`    // true when the rule spoke because a fact was unknown (if_unknown)
	Because    string     `json:"because"` // one plain sentence naming the facts that decided
	Source     string     `json:"source"`  // address of the evidence that decided (else of the rule's instrument)
	Quote      string     `json:"quote"`
	Date       string     `json:"date"`
	Instrument Source     `json:"instrument"`          // the authority behind the rule
	Exemption  *Exemption `json:"exemption,omitempty"` // that the rule stands for, where it is one
	Evidence   []Source   `json:"evidence"`            // all sources the deciding atoms rested on
	LiftedBy   string     `json:"lifted_by,omitempty"` // in Verdict.Lifted: the rule that lifted this one
}

// OpenQuestion is an unknown fact that keeps a rule open.
type OpenQuestion struct {
	Fact  string   `json:"fact"`
	Unit  string   `json:"unit,omitempty"`  // name of the unit, where the fact is one of a module
	About string   `json:"about,omitempty"` // whom the facts name, where the question is who stands behind it
	Ask   string   `json:"ask"`             // the act that would settle it, in words a guard can follow
	Rules []string `json:"rules"`           // the rules that an answer would settle
	// Partly is true where no answer to it alone settles a rule; Rules are then
	// those that it keeps open together with others.
	Partly bool `json:"partly,omitempty"`
}
