package auth

import (
	"fmt"
	"slices"
)

// Role is what a person is at the site. A person has exactly one.
type Role string

// The roles of a site.
const (
	Guard           Role = "guard"
	Supervisor      Role = "supervisor"
	SecurityManager Role = "security-manager"
	FleetManager    Role = "fleet-manager"
	Auditor         Role = "auditor"
	Administrator   Role = "administrator"
)

// Roles lists every role, in the order in which they are offered.
func Roles() []Role {
	return []Role{Guard, Supervisor, SecurityManager, FleetManager, Auditor, Administrator}
}

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	for _, r := range Roles() {
		if string(r) == s {
			return r, nil
		}
	}
	return "", fmt.Errorf("auth: %q is not a role", s)
}

// Permission is one thing that a person or a device may be allowed to do.
type Permission string

// The permissions. Each guards at least one route, or one thing that the
// command line does too.
const (
	SeeLane           Permission = "see-lane"            // the live state of a lane
	WorkLane          Permission = "work-lane"           // bring in a vehicle, act on a verdict
	ApproveOverride   Permission = "approve-override"    // be the second person of an override
	SeePassages       Permission = "see-passages"        // past passages, which hold personal data
	SeePolicy         Permission = "see-policy"          // the rules in force
	SeeData           Permission = "see-data"            // editions and ages of the reference data
	VerifyLog         Permission = "verify-log"          // re-hash the log and see the result
	ReportRadio       Permission = "report-radio"        // hand in radio observations
	ReportPlate       Permission = "report-plate"        // hand in a plate that a camera read
	PresentVehicle    Permission = "present-vehicle"     // of devices: bring in a vehicle, and learn what became of it
	SeeInspections    Permission = "see-inspections"     // what was read off a vehicle, with photographs
	InspectVehicle    Permission = "inspect-vehicle"     // record what was seen, or confirm it as the second person
	FileStatement     Permission = "file-statement"      // file what a maker, importer or dealer states of a vehicle
	EndInspection     Permission = "end-inspection"      // withdraw or void an inspection
	ProposePolicy     Permission = "propose-policy"      // hand in rules, and propose them
	SeePolicyVersions Permission = "see-policy-versions" // what was proposed, by whom, and what became of it
	ApprovePolicy     Permission = "approve-policy"      // have proposed rules of others take effect
	RaisePosture      Permission = "raise-posture"       // set a threat level that is at no time lower than what holds
	SetPosture        Permission = "set-posture"         // set any threat level
	SeeRadio          Permission = "see-radio"           // what the air says at the lanes, how the sensors are, and what may be heard
	EraseRecords      Permission = "erase-records"       // erase what is kept of a vehicle, or keep it from erasure

	SeeAlarms        Permission = "see-alarms"        // the alarms of all lanes, with those that must not be seen at the lane
	AcknowledgeAlarm Permission = "acknowledge-alarm" // take note of an alarm
	KeepForms        Permission = "keep-forms"        // number blank paper forms, enter them, countersign them
	SeeShifts        Permission = "see-shifts"        // who had which lane, and what happened meanwhile

	SeeInside     Permission = "see-inside"     // which vehicles are inside
	CorrectInside Permission = "correct-inside" // say that one left, or is inside, unseen
	SeeWatch      Permission = "see-watch"      // the watch list
	EditWatch     Permission = "edit-watch"     // enter vehicles; ask for a removal, or be its second person
	IssuePass     Permission = "issue-pass"     // issue passes, see them and revoke them

	SeeFleet        Permission = "see-fleet"        // fleets with their vehicles and what would be decided of them; of a fleet manager: their own only
	EditFleet       Permission = "edit-fleet"       // enter and remove vehicles of a fleet, declare modules, file documents, ask for exemptions; likewise
	ManageFleets    Permission = "manage-fleets"    // make fleets, and say what classes of vehicles they may enter
	DecideExemption Permission = "decide-exemption" // grant, refuse or end an exemption that a fleet asks for

	SearchLog     Permission = "search-log"     // entries of the log, which name people and no vehicle
	ExportRecords Permission = "export-records" // take records and proofs out, each time in one's own name; answer a keeper who asks
	SeeFigures    Permission = "see-figures"    // how many vehicles, verdicts and overrides there were, and how long they took

	SeeJobs    Permission = "see-jobs"    // the site's housekeeping: when each job ran, and how it went
	SeeDevices Permission = "see-devices" // whether the boards, readers, scanners and cameras of the lanes work

	WeighChanges   Permission = "weigh-changes"   // which vehicles of the site a change of the reference data touches, and what if it were otherwise
	SeeSettings    Permission = "see-settings"    // what the site is and keeps, and for how long
	ChangeSettings Permission = "change-settings" // propose another setting, or decide on one that somebody else proposed
	EnrolMachine   Permission = "enrol-machine"   // give a machine the token by which it speaks, and revoke it

	ManagePeople Permission = "manage-people" // add people, say what they may do, give them a new start, end their sessions
	OwnAccount   Permission = "own-account"   // their own password, PIN, one-time codes, language and sessions
	EnrolKiosk   Permission = "enrol-kiosk"   // make a browser the terminal of a lane, and end that
)

// table is the one table of what people may do: a permission a line, and the
// roles that have it. What is not in it is refused.
//
// The administrator keeps the machine running and neither works a lane nor
// reads passages; the auditor reads everything and changes nothing; a guard
// cannot be the second person of an override. Whoever stands at the gate may
// look into a vehicle; to end an inspection, which can lower a verdict as well
// as raise it, and to file a letter takes somebody who answers for the site.
// Rules are approved by security managers only, and never by who wrote or
// proposed them; the duty officer (supervisor) may raise the threat level and
// not lower it. What the air says beyond a verdict's reasons is for those who can
// weigh it: a guard sees whether the lane's sensors hear, and the reasons. Alarms of
// all lanes are for those who send help, and never for a screen at a lane.
var table = [...]struct {
	p     Permission
	roles []Role
}{
	{SeeLane, []Role{Guard, Supervisor, SecurityManager, Administrator}},
	{WorkLane, []Role{Guard, Supervisor}},
	{ApproveOverride, []Role{Supervisor, SecurityManager}},
	{SeePassages, []Role{Supervisor, SecurityManager, Auditor}},
	{SeePolicy, []Role{Guard, Supervisor, SecurityManager, FleetManager, Auditor, Administrator}},
	{SeeData, []Role{Supervisor, SecurityManager, FleetManager, Auditor, Administrator}},
	{VerifyLog, []Role{Auditor, Administrator}},
	{ReportRadio, []Role{}},
	{ReportPlate, []Role{}},
	{PresentVehicle, []Role{}},
	{SeeInspections, []Role{Guard, Supervisor, SecurityManager, Auditor}},
	{InspectVehicle, []Role{Guard, Supervisor, SecurityManager}},
	{FileStatement, []Role{Supervisor, SecurityManager}},
	{EndInspection, []Role{Supervisor, SecurityManager}},
	{ProposePolicy, []Role{Supervisor, SecurityManager}},
	{SeePolicyVersions, []Role{Supervisor, SecurityManager, Auditor}},
	{ApprovePolicy, []Role{SecurityManager}},
	{RaisePosture, []Role{Supervisor, SecurityManager}},
	{SetPosture, []Role{SecurityManager}},
	{SeeRadio, []Role{Supervisor, SecurityManager, Auditor, Administrator}},
	{EraseRecords, []Role{SecurityManager}},
	{SeeAlarms, []Role{Supervisor, SecurityManager}},
	{AcknowledgeAlarm, []Role{Supervisor, SecurityManager}},
	{KeepForms, []Role{Guard, Supervisor, SecurityManager}},
	{SeeShifts, []Role{Supervisor, SecurityManager, Auditor}},
	{SeeInside, []Role{Guard, Supervisor, SecurityManager, Auditor}},
	{CorrectInside, []Role{Supervisor, SecurityManager}},
	{SeeWatch, []Role{Supervisor, SecurityManager, Auditor}},
	{EditWatch, []Role{Supervisor, SecurityManager}},
	{IssuePass, []Role{Supervisor, SecurityManager, FleetManager}},
	{SeeFleet, []Role{SecurityManager, FleetManager, Auditor}},
	{EditFleet, []Role{SecurityManager, FleetManager}},
	{ManageFleets, []Role{SecurityManager}},
	{DecideExemption, []Role{SecurityManager}},
	{WeighChanges, []Role{SecurityManager, Auditor}},
	{SeeSettings, []Role{Supervisor, SecurityManager, Auditor, Administrator}},
	{ChangeSettings, []Role{SecurityManager}},
	{EnrolMachine, []Role{Administrator}},
	{SearchLog, []Role{SecurityManager, Auditor}},
	{ExportRecords, []Role{SecurityManager, Auditor}},
	{SeeFigures, []Role{Supervisor, SecurityManager, Auditor}},
	{SeeJobs, []Role{SecurityManager, Auditor, Administrator}},
	{ManagePeople, []Role{Administrator}},
	{OwnAccount, []Role{Guard, Supervisor, SecurityManager, FleetManager, Auditor, Administrator}},
	{EnrolKiosk, []Role{Administrator}},
	{SeeDevices, []Role{Supervisor, SecurityManager, Auditor, Administrator}},
}

// Permissions lists every permission.
func Permissions() []Permission {
	out := make([]Permission, 0, len(table))
	for _, row := range table {
		out = append(out, row.p)
	}
	return out
}

// May says whether a person of that role may do something.
func May(r Role, p Permission) bool {
	for _, row := range table {
		if row.p == p {
			return slices.Contains(row.roles, r)
		}
	}
	return false
}

// DeviceKind is what a machine at the lane is.
type DeviceKind string

// The kinds of devices that speak to the interface for machines.
const (
	KindSensor DeviceKind = "sensor"       // passive radio sensor
	KindKiosk  DeviceKind = "kiosk"        // lane terminal
	KindCamera DeviceKind = "plate-camera" // plate reader
	KindAlarm  DeviceKind = "alarm-panel"  // shows or sounds alarms where help is: never at a lane

	// KindIntegration is another system of the site: a visitor desk, a car park, a
	// control room. It brings in vehicles and learns what became of them; it acts
	// on none.
	KindIntegration DeviceKind = "integration"
)

// WholeSite in the place of a device's lane says that it may speak of every lane,
// and ask what concerns none of them. It takes a kind for which MayBeWholeSite.
const WholeSite = "*"

// MayBeWholeSite says whether a device of that kind may be enrolled for the whole
// site. What stands at a lane may not.
func MayBeWholeSite(k DeviceKind) bool { return k == KindAlarm || k == KindIntegration }

// DeviceKinds lists every kind.
func DeviceKinds() []DeviceKind {
	return []DeviceKind{KindSensor, KindKiosk, KindCamera, KindAlarm, KindIntegration}
}

// ParseDeviceKind reads a kind's name.
func ParseDeviceKind(s string) (DeviceKind, error) {
	for _, k := range DeviceKinds() {
		if string(k) == s {
			return k, nil
		}
	}
	return "", fmt.Errorf("auth: %q is not a kind of device", s)
}

// DeviceMay is the one table of what devices may do, each only on the lane
// that it is enrolled for.
func DeviceMay(k DeviceKind, p Permission) bool {
	switch k {
	case KindSensor:
		return p == ReportRadio
	case KindKiosk:
		return p == SeeLane || p == WorkLane || p == PresentVehicle
	case KindCamera:
		return p == ReportPlate
	case KindAlarm:
		return p == SeeAlarms || p == AcknowledgeAlarm
	case KindIntegration:
		return p == SeeLane || p == PresentVehicle || p == SeeInside || p == SeeAlarms || p == SeeJobs
	}
	return false
}
