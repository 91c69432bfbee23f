package privacy

import (
	_ "embed"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/rf"
)

// Class is a class of emitter, or of name, that the law treats alike.
type Class uint8

// The classes.
const (
	NoClass          Class = iota
	WiFiAP                 // an access point's beacons
	WiFiClient             // whoever speaks to an access point, and whose role is not told
	WiFiProbe              // whoever searches for a network
	WiFiName               // a network's name
	BLEPublic              // Bluetooth, by the kind of address
	BLEStatic              //
	BLEResolvable          //
	BLENonResolvable       //
	BLEUntold              // of a kind that the receiver does not tell
	BLEName                // a Bluetooth device's name
	TPMS                   // a tyre's sensor
	Cell                   // energy of an uplink band
	V2X                    // a vehicle's safety messages
	Fob                    // a key
	classes
)

var classNames = [classes]string{
	"", "wifi-ap", "wifi-client", "wifi-probe", "wifi-name", "ble-public", "ble-static", "ble-resolvable",
	"ble-nonresolvable", "ble-untold", "ble-name", "tpms", "cell", "v2x", "fob",
}

// String is the name that the table uses.
func (c Class) String() string {
	if c >= classes {
		return ""
	}
	return classNames[c]
}

// ClassOf is the class of an observation's emitter; NoClass for a kind that is
// not known. Of two that it may be it is the one that less is allowed of.
func ClassOf(o *rf.Observation) Class {
	switch o.Kind {
	case rf.WiFi:
		switch o.Role {
		case "ap":
			return WiFiAP
		case "probe":
			return WiFiProbe
		}
		return WiFiClient
	case rf.BLE:
		switch o.Address {
		case rf.Public:
			return BLEPublic
		case rf.Static:
			return BLEStatic
		case rf.Resolvable:
			return BLEResolvable
		case rf.NonResolvable:
			return BLENonResolvable
		}
		return BLEUntold
	case rf.TPMS:
		return TPMS
	case rf.Cell:
		return Cell
	case rf.V2X:
		return V2X
	case rf.Fob:
		return Fob
	}
	return NoClass
}

// Treatment is what a site may do with a class.
type Treatment uint8

// The treatments, the strictest first.
const (
	Refused Treatment = iota
	Counted
	Heard
	Kept
)

var treatmentNames = [...]string{"refused", "counted", "heard", "kept"}

func (t Treatment) String() string { return treatmentNames[min(int(t), len(treatmentNames)-1)] }

// Rule is one row of the table.
type Rule struct {
	Class     Class
	Treatment Treatment
	Verified  bool   // the source is of this jurisdiction and speaks of the matter
	Source    string // address of the text
	Date      string // of the text, 2006-01-02
	Quote     string // from it
	Why       string // how the treatment follows
}

// Rules are those of one jurisdiction.
type Rules struct {
	Asked   string // the jurisdiction that was asked for
	Profile string // the one whose rules these are: Asked, or the strictest where the table does not hold it
	rules   [classes]Rule
}

// Strictest is the profile that holds where nothing else is known.
const Strictest = "DE"

//go:embed rules.tsv
var table string

var profiles = sync.OnceValues(func() (map[string]*Rules, error) { return readRules(table) })

// RulesOf gives the rules of a jurisdiction: an ISO 3166-1 alpha-2 code, or UK.
// One that the table does not hold has the strictest; so has the empty one.
func RulesOf(jurisdiction string) (*Rules, error) {
	all, err := profiles()
	if err != nil {
		return nil, err
	}
	asked := jurisdiction
	switch jurisdiction {
	case "":
		asked = Strictest
	case "GB":
		jurisdiction = "UK"
	}
	r, ok := all[jurisdiction]
	if !ok {
		r = all[Strictest]
	}
	own := *r
	own.Asked = asked
	return &own, nil
}

// Jurisdictions are those that the table holds, the strictest first.
func Jurisdictions() ([]string, error) {
	all, err := profiles()
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range all {
		if name != Strictest {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return append([]string{Strictest}, names...), nil
}

// Rule is that of one class.
func (r *Rules) Rule(c Class) Rule {
	if c >= classes {
		c = NoClass
	}
	return r.rules[c]
}

// All are the rules, in the order of the classes.
func (r *Rules) All() []Rule { return slices.Clone(r.rules[1:]) }

// readRules reads the table: tab-separated jurisdiction, class, treatment,
// basis (cited, not verified), source, date, quote, reason. Every jurisdiction
// has every class once, and no other profile is stricter in any than Strictest.
func readRules(text string) (map[string]*Rules, error) {
	all := map[string]*Rules{}
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		bad := func(what string) error { return fmt.Errorf("rules of what may be heard: line %d: %s", n+1, what) }
		f := strings.Split(line, "\t")
		if len(f) != 8 {
			return nil, bad(fmt.Sprintf("%d fields, want 8", len(f)))
		}
		for i, name := range []string{"jurisdiction", "class", "treatment", "basis", "source", "date", "quote", "reason"} {
			if strings.TrimSpace(f[i]) == "" {
				return nil, bad(name + " is empty")
			}
		}
		if !ValidJurisdiction(f[0]) {
			return nil, bad(fmt.Sprintf("jurisdiction %q", f[0]))
		}
		c := slices.Index(classNames[:], f[1])
		t := slices.Index(treatmentNames[:], f[2])
		switch {
		case c < 1:
			return nil, bad(fmt.Sprintf("class %q", f[1]))
		case t < 0:
			return nil, bad(fmt.Sprintf("treatment %q", f[2]))
		case f[3] != "cited" && f[3] != "not verified":
			return nil, bad(fmt.Sprintf("basis %q", f[3]))
		}
		if u, err := url.Parse(f[4]); err != nil || u.Scheme != "https" || u.Host == "" {
			return nil, bad(fmt.Sprintf("source %q is no address", f[4]))
		}
		if _, err := time.Parse(time.DateOnly, f[5]); err != nil {
			return nil, bad(fmt.Sprintf("date %q", f[5]))
		}
		r := all[f[0]]
		if r == nil {
			r = &Rules{Asked: f[0], Profile: f[0]}
			all[f[0]] = r
		}
		if r.rules[c].Class != NoClass {
			return nil, bad(f[0] + " " + f[1] + " stands there twice")
		}
		r.rules[c] = Rule{Class: Class(c), Treatment: Treatment(t), Verified: f[3] == "cited", Source: f[4], Date: f[5], Quote: f[6], Why: f[7]}
	}
	strictest := all[Strictest]
	if strictest == nil {
		return nil, fmt.Errorf("rules of what may be heard: none of %s", Strictest)
	}
	for name, r := range all {
		for c := Class(1); c < classes; c++ {
			if r.rules[c].Class == NoClass {
				return nil, fmt.Errorf("rules of what may be heard: %s has none for %s", name, c)
			}
			if r.rules[c].Treatment < strictest.rules[c].Treatment {
				return nil, fmt.Errorf("rules of what may be heard: %s is stricter than %s in %s", name, Strictest, c)
			}
		}
	}
	return all, nil
}

// ValidJurisdiction tells whether s has the form of a jurisdiction: two letters,
// upper case.
func ValidJurisdiction(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}
