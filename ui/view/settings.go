package view

import (
	"slices"
	"strings"
	"time"
)

// Sheet is what a site is, as its configuration says: read by people, changed
// where the configuration lies.
type Sheet struct {
	ID, Name, Timezone string
	File               string // where it lies
	Data               string // directory
	Program            string
	Policy             string // the version in force
	Retention          int    // days
	Inspection         int    // days
	Statement          int    // days
	TwoPerson          string // zone from which an inspection needs two people; empty: nowhere
	Photographs        bool
	LongestStay        time.Duration
	Levels             []string
	BackupTo           string
	BackupAt           string
	Overrides          int // a shift; 0 is any number
	Jurisdiction       string
	Assessment         string
	KeepsSets          bool
	KeyDays            int
	Witness            bool
	Lanes              []SheetLane
}

// SheetLane is one lane.
type SheetLane struct {
	ID, Name, Market, TurnOut, Direction, Arm string
	Zone                                      string // 1 to 4
	AutoOpen, Tandem                          bool
	Sensors                                   []SheetSensor
	Cameras, Scanners                         []string
}

// SheetSensor is a receiver at a lane.
type SheetSensor struct {
	Name, Source string
	Upstream     bool // before the line, else beside it
}

// Sensors are the receivers of all lanes.
func (s Sheet) Sensors() (n int) {
	for _, l := range s.Lanes {
		n += len(l.Sensors)
	}
	return n
}

// Sees are the kinds of devices that look at vehicles: cameras and scanners.
func (s Sheet) Cameras() (n int) {
	for _, l := range s.Lanes {
		n += len(l.Cameras)
	}
	return n
}

// Settings is the page of what the site is and of what can be changed while it
// runs.
type Settings struct {
	Base
	Sheet   Sheet
	Law     AirLaw
	Rows    []SettingRow
	Changes bool // may propose and decide
	Problem string
	Detail  string
	Done    string
	Past    []SettingChange
}

func (*Settings) template() string { return "settings" }

// Zones are the zones of the lanes, each with its lanes, the strictest first.
func (s *Settings) Zones() (out []SheetZone) {
	for _, z := range [...]string{"4", "3", "2", "1"} {
		var lanes []string
		for _, l := range s.Sheet.Lanes {
			if l.Zone == z {
				lanes = append(lanes, l.Name)
			}
		}
		if lanes != nil {
			out = append(out, SheetZone{z, lanes})
		}
	}
	return out
}

// SheetZone is one zone with the lanes that lead into it.
type SheetZone struct {
	Zone  string
	Lanes []string
}

// SettingRow is one thing that can be changed while the site runs.
type SettingRow struct {
	Key     string
	Value   string // in force
	Number  bool
	Long    bool
	Min     int
	Max     int
	Letters int // characters
	From    *SettingChange
	Waiting *SettingChange
	Mine    bool // this person proposed what waits
	Typed   string
	Why     string
}

// SettingChange is one change: proposed by one person, decided by another.
type SettingChange struct {
	ID, Key, Was, Value, Why, By string
	At                           time.Time
	Decided                      string // approved, rejected, withdrawn; empty: waits
	DecidedBy                    string
	DecidedAt                    time.Time
}

// Signs is the page of the notices at the gate, to print.
type Signs struct {
	Base
	Sheet      Sheet
	Law        AirLaw
	Controller string
	Contact    string
	Hears      bool // it has receivers
	Missing    []string
	Texts      []SignText
}

func (*Signs) template() string { return "signs" }

// SignText is the notice in one language.
type SignText struct {
	Base
	Sign *Signs
}

// Checks says what is looked at beside the air.
func (t SignText) Paragraphs() []string {
	s := t.Sign
	out := []string{t.T("sign.checks")}
	if s.Sheet.Cameras() > 0 {
		out = append(out, t.T("sign.cameras"))
	}
	if s.Hears {
		out = append(out, t.T("sign.radio"))
	}
	out = append(out, t.Words.N("sign.kept", s.Sheet.Retention))
	if s.Hears && s.Law.Keeps {
		out = append(out, t.Words.N("sign.sets", 2*s.Sheet.KeyDays))
	}
	return out
}

// ImpactAssessment is the page of the data-protection impact assessment, to print.
type ImpactAssessment struct {
	Base
	Sheet      Sheet
	Law        AirLaw
	Controller string
	Contact    string
	Basis      string
	Necessity  string
	Consulted  string
	Placement  string
	Data       []DataSet
	Missing    []string
}

func (*ImpactAssessment) template() string { return "dpia" }

// Treated are the classes of broadcasts by what is done with them, in the order
// kept, heard, counted, refused.
func (a *ImpactAssessment) Treated() (out []TreatedClasses) {
	for _, t := range [...]string{"kept", "heard", "counted", "refused"} {
		var names []string
		for _, c := range a.Law.Classes {
			if c.Treatment == t {
				names = append(names, a.T("law.class."+c.Class))
			}
		}
		if names != nil {
			key := t
			if t == "kept" && !a.Law.Keeps {
				key = "unkept"
			}
			out = append(out, TreatedClasses{a.T("law.treat." + key), strings.Join(names, "; ")})
		}
	}
	return out
}

// TreatedClasses are the classes that are treated alike.
type TreatedClasses struct{ How, Names string }

// Unverified are the classes for which no source of this jurisdiction was found.
func (a *ImpactAssessment) Unverified() bool {
	return slices.ContainsFunc(a.Law.Classes, func(c AirClass) bool { return !c.Verified })
}
