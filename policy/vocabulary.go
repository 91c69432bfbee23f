package policy

import "slices"

// factID is a fact's place in the facts table.
type factID uint8

// The facts a rule may look at.
const (
	fVIN factID = iota
	fMake
	fModel
	fModelYear
	fType
	fBuiltIn
	fBuiltOn
	fWMICountry
	fWeight
	fWeightLeast
	fVehicleMaker
	fModem
	fModuleMaker
	fModuleModel
	fModuleChipDown
	fModuleCertainty
	fModuleBasis
	fModuleRole
	fModuleUpdater
	fModuleBackEnd
	fModuleSIMHome
	fModulesKnown
	fUnitsClaimed
	fCameraOutside
	fCameraInside
	fMicrophone
	fGNSS
	fSentry
	fRecordingOff
	fLookedFor
	fClass
	fAuthorisations
	fOnCall
	fPass
	fHotspotHeard
	fHeardMaker
	fCellular
	fContradiction
	fTeslaMatches
	fTyreProtocol
	fDimensions
	fUplinkNoModem
	fInsideAlready
	fPlateDiffers
	fSeenElsewhere
	fWatchListed
	fLabelDiffers
	fPassRefused
	fZone
	fMarket
	fPosture
	fLocalTime
	fWeekday
	fVPICAge
	fCatalogueAge
	fSupplyAge
	factCount
)

// factKind is the type of a fact's value.
type factKind uint8

const (
	kindBool factKind = iota
	kindInt
	kindText
	kindCountry
	kindMarket // country or "EU"
	kindClass
	kindZone
	kindCertainty
	kindRole
	kindBasis
	kindParty
	kindAuthorisation
	kindCount // always known
	kindDate
	kindTime
	kindWeekday
	kindPosture
	kindPass
)

func (k factKind) numeric() bool {
	switch k {
	case kindBool, kindInt, kindZone, kindCertainty, kindCount, kindDate, kindTime, kindPosture:
		return true
	}
	return false
}

func (k factKind) String() string {
	return [...]string{"true or false", "a whole number", "text", "a country (ISO 3166-1 alpha-2)", "a country (ISO 3166-1 alpha-2) or EU",
		"a class", "a zone", "a certainty", "a role", "a basis", "a party id", "an authorisation id", "a whole number",
		"a day (YYYY-MM-DD)", "a time of day (HH:MM)", "a day of the week", "a threat level", "what is said of a pass"}[k]
}

// factInfo describes one fact: how a rule names it, and how a person is told
// of it and asked for it. Cost ranks the act that would settle it, cheapest
// first; 0 means that no act at the gate settles it.
type factInfo struct {
	name  string
	kind  factKind
	label string
	ask   string
	cost  int
}

var factTable = [factCount]factInfo{
	fVIN:             {"vehicle.vin", kindText, "the VIN", "Scan or read the VIN again", 1},
	fMake:            {"vehicle.make", kindText, "the make", "Read the make off the registration document", 1},
	fModel:           {"vehicle.model", kindText, "the model", "Read the model off the registration document", 1},
	fModelYear:       {"vehicle.model_year", kindInt, "the model year", "Read the year of first registration off the registration document", 1},
	fType:            {"vehicle.type", kindText, "the vehicle type", "Read the vehicle type off the registration document", 1},
	fBuiltIn:         {"vehicle.built_in", kindCountry, "the country of build", "Read the maker's plate on the door frame: plant or country of manufacture", 2},
	fBuiltOn:         {"vehicle.built_on", kindDate, "the day of build", "Read the date of manufacture off the maker's plate or the registration document", 2},
	fWMICountry:      {"vehicle.wmi_country", kindCountry, "the country that assigned the maker's code", "", 0},
	fWeight:          {"vehicle.weight_kg", kindInt, "the gross weight in kg", "Read the permitted gross weight off the maker's plate", 2},
	fWeightLeast:     {"vehicle.weight_at_least_kg", kindInt, "the least gross weight in kg", "", 0},
	fVehicleMaker:    {"vehicle.maker", kindParty, "the car maker", "Read the manufacturer's name off the maker's plate or registration document", 2},
	fModem:           {"modem", kindBool, "whether a modem is fitted", "Look for an SOS or eCall button, an app of the maker or a SIM slot: is a modem fitted?", 2},
	fModuleMaker:     {"module.maker", kindParty, "its maker", "Read the label on the %s: FCC ID, IC, IMEI or module type", 4},
	fModuleModel:     {"module.model", kindText, "its model", "Read the label on the %s: FCC ID, IC, IMEI or module type", 4},
	fModuleChipDown:  {"module.chip_down", kindBool, "whether it has a separate module", "Open the %s or find its teardown: is there a separate module?", 6},
	fModuleCertainty: {"module.certainty", kindCertainty, "how well it is known", "Read the label on the %s: FCC ID, IC, IMEI or module type", 4},
	fModuleBasis:     {"module.basis", kindBasis, "its basis", "Read the label on the %s: FCC ID, IC, IMEI or module type", 4},
	fModuleRole:      {"module.role", kindRole, "where it sits", "Find where the %s sits: telematics unit, head unit or a fitted device", 4},
	fModuleUpdater:   {"module.updater", kindParty, "who updates it", "Ask the importer in writing who updates the %s", 8},
	fModuleBackEnd:   {"module.back_end", kindCountry, "the country it reports to", "Ask the importer in writing where the %s reports to", 8},
	fModuleSIMHome:   {"module.sim_home", kindCountry, "the home country of its SIM", "Read the SIM's card number in the %s or ask the importer", 7},
	fModulesKnown:    {"modules.known", kindCount, "the number of modules of which anything is known", "", 0},
	fUnitsClaimed:    {"units.claimed", kindCount, "the number of units known or claimed to be fitted", "", 0},
	fCameraOutside:   {"capability.camera_outside", kindBool, "whether it has a camera looking out", "Look for cameras outside: mirrors, bumpers, windscreen", 1},
	fCameraInside:    {"capability.camera_inside", kindBool, "whether it has a camera looking in", "Look for a camera inside, above the mirror or in the dashboard", 1},
	fMicrophone:      {"capability.microphone", kindBool, "whether it has a microphone", "Ask whether the vehicle takes calls or spoken commands", 1},
	fGNSS:            {"capability.gnss", kindBool, "whether it records its position", "Ask whether the vehicle has navigation or a tracker", 1},
	fSentry:          {"capability.sentry", kindBool, "whether it watches its surroundings while parked", "Ask whether the vehicle watches its surroundings while parked, and look in its settings", 1},
	fRecordingOff:    {"capability.recording_off", kindBool, "whether recording is switched off or covered", "Have recording switched off and the cameras covered, check it, and confirm", 3},
	fLookedFor:       {"devices.looked_for", kindBool, "whether a person looked for fitted and carried devices", "Look for fitted and carried devices: windscreen, dashboard, diagnostic socket, boot", 3},
	fClass:           {"registration.class", kindClass, "the vehicle's class", "Look the vehicle up in the registration or plate list: which class is it?", 1},
	fAuthorisations:  {"registration.authorisations", kindAuthorisation, "its authorisations", "Ask for the authorisation's number and look it up", 3},
	fOnCall:          {"arrival.on_call", kindBool, "whether it is on an emergency call", "Ask the crew and their dispatcher whether the vehicle is on an emergency call", 1},
	fPass:            {"arrival.pass", kindPass, "the vehicle's pass", "Ask for the vehicle's pass and scan it", 1},
	fHotspotHeard:    {"radio.hotspot_heard", kindBool, "whether a hotspot of the vehicle was heard", "", 0},
	fHeardMaker:      {"radio.heard_maker", kindParty, "the maker heard on the air", "", 0},
	fCellular:        {"radio.cellular", kindBool, "whether a mobile uplink was heard", "", 0},
	fContradiction:   {"radio.contradiction", kindBool, "whether a radio of the vehicle's own contradicts VIN or record", "", 0},
	fTeslaMatches:    {"radio.tesla_name_matches", kindBool, "whether a Tesla's name was heard that stands for this VIN", "", 0},
	fTyreProtocol:    {"radio.tyre_protocol_differs", kindBool, "whether a tyre sensor speaks what was never seen on the make", "", 0},
	fDimensions:      {"radio.dimensions_differ", kindBool, "whether a message of the vehicle tells of another size", "", 0},
	fUplinkNoModem:   {"radio.uplink_without_modem", kindBool, "whether a mobile uplink was heard where no modem is declared or on record", "", 0},
	fInsideAlready:   {"arrival.inside_already", kindBool, "whether the site's list has this vehicle inside already", "", 0},
	fPlateDiffers:    {"arrival.plate_differs", kindBool, "whether its plate is not the one that the site has with this VIN", "", 0},
	fSeenElsewhere:   {"arrival.seen_elsewhere", kindBool, "whether its VIN or plate was seen elsewhere, too short a time ago for one vehicle", "", 0},
	fWatchListed:     {"arrival.watch_listed", kindBool, "whether it stands on the site's watch list", "", 0},
	fLabelDiffers:    {"arrival.label_differs", kindBool, "whether two VINs were read off it", "", 0},
	fPassRefused:     {"arrival.pass_refused", kindBool, "whether the pass that was shown is not good for it here and now", "", 0},
	fZone:            {"site.zone", kindZone, "the zone", "Have the security manager set the zone of this lane", 1},
	fMarket:          {"site.market", kindMarket, "the market of the vehicle", "Read the country off the registration document", 1},
	fPosture:         {"site.posture", kindPosture, "the threat level", "Have the security manager set the threat level", 1},
	fLocalTime:       {"site.local_time", kindTime, "the time of day at the site", "Have the administrator set the site's time zone", 9},
	fWeekday:         {"site.weekday", kindWeekday, "the day of the week", "Have the administrator set the site's time zone", 9},
	fVPICAge:         {"data.vpic_age_days", kindInt, "the age of the vPIC data in days", "Have the administrator check the reference data", 9},
	fCatalogueAge:    {"data.catalogue_age_days", kindInt, "the age of the catalogue in days", "Have the administrator check the reference data", 9},
	fSupplyAge:       {"data.supply_age_days", kindInt, "the age of the supply data in days", "Have the administrator check the reference data", 9},
}

func (f factID) info() *factInfo { return &factTable[f] }
func (f factID) kind() factKind  { return factTable[f].kind }

// module says whether the fact is one of a module, so that it has a meaning
// only inside a quantifier.
func (f factID) module() bool { return f >= fModuleMaker && f <= fModuleSIMHome }

// radio says whether the fact comes from the air.
func (f factID) radio() bool { return f >= fHotspotHeard && f <= fUplinkNoModem }

// finding says whether the fact is one that is found or not: it comes from the
// air, or from holding the arrival against the site's own lists. That nothing
// was found is no fact, and a rule may only be stricter for what was.
func (f factID) finding() bool { return f >= fHotspotHeard && f <= fPassRefused }

func factByName(name string) (factID, bool) {
	i := slices.IndexFunc(factTable[:], func(f factInfo) bool { return f.name == name })
	return factID(max(i, 0)), i >= 0
}

// test is what an atom asks of its fact.
type test uint8

const (
	testIs test = iota
	testIn
	testAtLeast
	testAtMost
	testLess
	testMore
	testBefore
	testOnOrAfter
	testInclude // an authorisation of that id is held and in date
	testControlledFrom
	testShareFrom
	testListedOn
	testDesignFrom
	testTrustedBy
	testOwnerResolved
	testLicenceFrom
	testFirmwareBy
	testAuthorisedBy
	testCount
)

var testNames = [testCount]string{"is", "in", "at_least", "at_most", "less_than", "more_than", "before", "on_or_after", "include",
	"controlled_from", "share_from", "listed_on", "design_from", "trusted_by", "owner_resolved",
	"licence_from", "firmware_by", "authorised_by"}

func (t test) supply() bool  { return t >= testControlledFrom }
func (t test) ordered() bool { return t >= testAtLeast && t <= testMore }

// testsOf lists the tests that a fact allows.
func testsOf(f factID) []test {
	switch f {
	case fModuleUpdater:
		return []test{testIs, testIn, testControlledFrom, testShareFrom, testListedOn}
	case fHeardMaker: // what praises somebody is not asked of what was heard
		return []test{testIs, testIn, testControlledFrom, testShareFrom, testListedOn, testDesignFrom, testLicenceFrom, testFirmwareBy}
	}
	switch f.kind() {
	case kindBool:
		return []test{testIs}
	case kindInt, kindZone, kindCertainty, kindCount, kindPosture:
		return []test{testIs, testIn, testAtLeast, testAtMost, testLess, testMore}
	case kindParty:
		return []test{testIs, testIn, testControlledFrom, testShareFrom, testListedOn, testDesignFrom, testTrustedBy, testOwnerResolved, testLicenceFrom, testFirmwareBy, testAuthorisedBy}
	case kindTime:
		return []test{testIs, testAtLeast, testAtMost, testLess, testMore}
	case kindDate:
		return []test{testIs, testBefore, testOnOrAfter}
	case kindAuthorisation:
		return []test{testInclude}
	default:
		return []test{testIs, testIn}
	}
}

// op is what a node of a condition does.
type op uint8

const (
	opAll op = iota
	opAny
	opNot
	opSurely
	opAnyModule
	opEveryModule
	opAnyKnownModule
	opAnyDevice
	opKnown
	opUnknown
	opAtom
)

var opNames = [...]string{"all", "any", "not", "surely", "any_module", "every_module", "any_known_module", "any_device", "known", "unknown"}

func (o op) quantifier() bool { return o >= opAnyModule && o <= opAnyDevice }

// kindKeys name the kinds for a program, in the order of the constants.
var kindKeys = [...]string{"bool", "int", "text", "country", "market", "class", "zone", "certainty", "role", "basis", "party",
	"authorisation", "count", "date", "time", "weekday", "posture", "pass"}

// FactView describes one fact that a rule may look at, for an editor, a schema
// or a reader.
type FactView struct {
	Name      string   `json:"name"`              // as a rule writes it: "vehicle.built_in"
	Kind      string   `json:"kind"`              // bool, int, text, country, market, class, zone, certainty, role, basis, party, authorisation, count, date, time, weekday, posture, pass
	Words     string   `json:"words"`             // what its value is, in English
	Label     string   `json:"label"`             // what it is, in English
	Operators []string `json:"operators"`         // what a rule may ask of it
	Values    []string `json:"values,omitempty"`  // where its value is one of a few words
	Ask       string   `json:"ask,omitempty"`     // the act that settles it; %s stands for the unit; empty where no act does
	Cost      int      `json:"cost,omitempty"`    // ranks the acts, cheapest first
	Module    bool     `json:"module,omitempty"`  // one of a module: it needs a quantifier
	Radio     bool     `json:"radio,omitempty"`   // from the air
	Finding   bool     `json:"finding,omitempty"` // found or not, on the air or in the site's lists: it may raise a verdict, never lower one
	Always    bool     `json:"always,omitempty"`  // never unknown
}

// Vocabulary lists every fact that a rule may look at, in the order in which
// they are documented. The list shares nothing with the package.
func Vocabulary() []FactView {
	out := make([]FactView, factCount)
	for f := range factCount {
		info := f.info()
		v := FactView{Name: info.name, Kind: kindKeys[info.kind], Words: info.kind.String(), Label: info.label, Ask: info.ask, Cost: info.cost,
			Values: slices.Clone(wordsOf(info.kind)), Module: f.module(), Radio: f.radio(), Finding: f.finding(), Always: info.kind == kindCount || info.kind == kindAuthorisation}
		for _, t := range testsOf(f) {
			v.Operators = append(v.Operators, testNames[t])
		}
		out[f] = v
	}
	return out
}

// wordsOf lists the words of a kind whose values are few.
func wordsOf(k factKind) []string {
	switch k {
	case kindClass:
		return classNames
	case kindZone:
		return zoneNames[1:]
	case kindCertainty:
		return certaintyNames[1:]
	case kindRole:
		return roleNames
	case kindBasis:
		return basisNames
	case kindWeekday:
		return weekdayNames
	case kindPass:
		return passNames
	}
	return nil
}
