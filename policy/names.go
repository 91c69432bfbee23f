package policy

import "slices"

// The names that rule files, reports and screens use. They are part of the
// contract: a name never changes its meaning.
var (
	outcomeNames   = [...]string{Grant: "grant", Flag: "flag", Deny: "deny"}
	zoneNames      = [...]string{ZonePublic: "public", ZoneControlled: "controlled", ZoneRestricted: "restricted", ZoneCritical: "critical"}
	certaintyNames = [...]string{CertaintyNone: "none", CertaintyReported: "reported", CertaintyObserved: "observed", CertaintyDocumented: "documented", CertaintySettled: "settled"}
	truthNames     = [...]string{Unknown: "unknown", False: "false", True: "true"}
	classNames     = []string{string(ClassPrivate), string(ClassGovernment), string(ClassContractor), string(ClassEmergency), string(ClassMilitary), string(ClassDiplomatic), string(ClassAllied)}
	momentNames    = [...]string{MomentEntry: "entry", MomentExit: "exit", MomentInside: "inside"}
	weekdayNames   = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	passNames      = []string{PassValid, PassExpired, PassNotYet, PassNotHere, PassRevoked, PassForged, PassOtherVehicle, PassNone}
	roleNames      = []string{"tcu", "head-unit", "device"}
	basisNames     = []string{"catalogue", "declared", "inspected", "heard"}
)

// String gives the outcome's name: grant, flag or deny.
func (o Outcome) String() string { return nameOf(outcomeNames[:], int(o)) }

// String gives the zone's name: public, controlled, restricted or critical.
func (z Zone) String() string { return nameOf(zoneNames[:], int(z)) }

// String gives the certainty's name, from none to settled.
func (c Certainty) String() string { return nameOf(certaintyNames[:], int(c)) }

// String gives the moment's name: entry, exit or inside.
func (m Moment) String() string { return nameOf(momentNames[:], int(m)) }

// String gives unknown, false or true.
func (t Truth) String() string { return nameOf(truthNames[:], int(t)) }

// ParseOutcome reads an outcome's name.
func ParseOutcome(s string) (Outcome, bool) {
	i := indexOf(outcomeNames[:], s)
	return Outcome(i), i > 0
}

// ParseZone reads a zone's name.
func ParseZone(s string) (Zone, bool) {
	i := indexOf(zoneNames[:], s)
	return Zone(i), i > 0
}

// ParseCertainty reads a certainty's name.
func ParseCertainty(s string) (Certainty, bool) {
	i := indexOf(certaintyNames[:], s)
	return Certainty(max(i, 0)), i >= 0
}

// ParseMoment reads a moment's name.
func ParseMoment(s string) (Moment, bool) {
	i := indexOf(momentNames[:], s)
	return Moment(max(i, 0)), i >= 0
}

// ParseClass reads a class's name.
func ParseClass(s string) (Class, bool) {
	return Class(s), slices.Contains(classNames, s)
}

func nameOf(names []string, i int) string {
	if i < 0 || i >= len(names) || names[i] == "" {
		return "unknown"
	}
	return names[i]
}

// indexOf gives the place of a name that is not empty, or -1.
func indexOf(names []string, s string) int {
	if s == "" {
		return -1
	}
	return slices.Index(names, s)
}
