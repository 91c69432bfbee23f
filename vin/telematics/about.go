package telematics

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// About is one sourced statement on vehicles of a model and period that says
// something beside who made the module.
type About struct {
	Makes    []string `json:"makes"`
	Models   []string `json:"models"` // "*" is every model of the make
	From     int      `json:"from,omitempty"`
	To       int      `json:"to,omitempty"`
	Build    bool     `json:"build,omitempty"`
	Markets  []string `json:"markets,omitempty"`
	Role     string   `json:"role,omitempty"`     // the unit it speaks of; empty where it speaks of the vehicle
	Fact     string   `json:"fact"`               // one of AboutFacts
	Value    string   `json:"value"`              // yes or no; a country; who updates; or where the unit sits, in words
	Name     string   `json:"name,omitempty"`     // of who updates, where the source names it
	Optional bool     `json:"optional,omitempty"` // the source says that some of these vehicles have it
	Because  string   `json:"because"`            // what the source says, in one plain sentence
	Source
}

// The facts that a statement may be of.
const (
	FactUpdater       = "updater"  // who can change the unit's software: maker, tier-1, module maker
	FactBackEnd       = "back_end" // country of the servers the unit talks to (ISO 3166-1 alpha-2)
	FactSIMHome       = "sim_home" // country of the SIM's home network, likewise
	FactPlace         = "place"    // where the unit sits
	FactCameraOutside = "camera_outside"
	FactCameraInside  = "camera_inside"
	FactMicrophone    = "microphone"
	FactGNSS          = "gnss"
	FactSentry        = "sentry" // records while parked and locked
)

// Who can update a unit. The empty value is unknown.
const (
	UpdaterMaker       = "maker" // of the vehicle
	UpdaterTier1       = "tier-1"
	UpdaterModuleMaker = "module maker"
)

// Told is a value as sources tell it. It is empty, which is unknown, where no
// source tells it, and where sources contradict each other.
type Told struct {
	Value     string    `json:"value,omitempty"`
	Name      string    `json:"name,omitempty"` // of who updates
	Certainty Certainty `json:"certainty"`
	Because   string    `json:"because,omitempty"`
	Sources   []Source  `json:"sources,omitempty"`
}

// Capabilities are what a vehicle can record.
type Capabilities struct {
	CameraOutside Fitted `json:"camera_outside"`
	CameraInside  Fitted `json:"camera_inside"`
	Microphone    Fitted `json:"microphone"`
	GNSS          Fitted `json:"gnss"`
	Sentry        Fitted `json:"sentry"` // records while parked and locked
}

// nothingTold is Capabilities of which no source tells anything.
var nothingTold = Capabilities{
	CameraOutside: Fitted{Because: "No source at hand says whether this vehicle has a camera that looks outside."},
	CameraInside:  Fitted{Because: "No source at hand says whether this vehicle has a camera that looks inside."},
	Microphone:    Fitted{Because: "No source at hand says whether this vehicle has a microphone."},
	GNSS:          Fitted{Because: "No source at hand says whether this vehicle knows its position."},
	Sentry:        Fitted{Because: "No source at hand says whether this vehicle records while parked."},
}

// Sunset is the end of a generation's network of one operator, or of all, in a
// country. It says that a unit of that generation reaches that network no more.
// It never says that there is no modem: the unit is still there, other
// operators may still run such a network, and units were exchanged for newer
// ones (see the rows on retrofits).
type Sunset struct {
	Generation string `json:"generation"` // 2G, 3G
	Country    string `json:"country"`    // ISO 3166-1 alpha-2
	Operator   string `json:"operator"`   // "every large operator" where the source says so
	Day        string `json:"day"`        // last day, as precise as known
	Because    string `json:"because"`
	Source
}

// indexAbouts checks the statements and takes down of whom they speak.
func (c *Catalogue) indexAbouts() error {
	for i := range c.file.Abouts {
		a := &c.file.Abouts[i]
		if err := a.check(); err != nil {
			return fmt.Errorf("statement %q: %w", a.ID, err)
		}
		for _, mk := range a.Makes {
			for _, md := range a.Models {
				k := c.key(mk, "*")
				if md != "*" {
					k = c.key(mk, joined(md))
				}
				if l := c.abouts[k]; len(l) == 0 || l[len(l)-1] != int32(i) {
					c.abouts[k] = append(l, int32(i))
				}
			}
		}
	}
	for i := range c.file.Sunsets {
		s := &c.file.Sunsets[i]
		if s.Address == "" || s.Because == "" || len(s.Country) != 2 || len(generations(s.Generation)) != 1 {
			return fmt.Errorf("sunset %q lacks a source, a reason, a country or a generation", s.ID)
		}
		if !partOfDay(s.Day) || s.Day == "" {
			return fmt.Errorf("sunset %q: %q is not a month or day", s.ID, s.Day)
		}
	}
	return nil
}

func (a *About) check() error {
	if a.ID == "" || a.Address == "" || a.Quote == "" || a.Because == "" || a.Certainty == None {
		return errors.New("it lacks its id, source, quote, sentence or certainty")
	}
	if len(a.Makes) == 0 || len(a.Models) == 0 {
		return errors.New("it names no vehicles")
	}
	for _, md := range a.Models {
		if md != "*" && joined(md) == "" {
			return fmt.Errorf("the model name %q has neither letter nor digit", md)
		}
	}
	var ok, unit bool
	switch a.Fact {
	case FactUpdater:
		ok, unit = a.Value == UpdaterMaker || a.Value == UpdaterTier1 || a.Value == UpdaterModuleMaker, true
	case FactBackEnd, FactSIMHome:
		ok, unit = len(a.Value) == 2 && strings.ToUpper(a.Value) == a.Value, true
	case FactPlace:
		ok, unit = a.Value != "", true
	case FactCameraOutside, FactCameraInside, FactMicrophone, FactGNSS, FactSentry:
		ok = a.Value == "yes" || a.Value == "no"
	default:
		return fmt.Errorf("%q is not a fact", a.Fact)
	}
	if !ok {
		return fmt.Errorf("%q is not a value of %s", a.Value, a.Fact)
	}
	if unit != (a.Role != "") || a.Role != "" && roleNames[a.Role] == "" {
		return fmt.Errorf("it speaks of %s in the unit %q", a.Fact, a.Role)
	}
	return nil
}

// told puts together what the statements say of one fact of a unit.
func (c *Catalogue) told(said []aboutHit, fact, role string) Told {
	var t Told
	for _, h := range said {
		a := &c.file.Abouts[h.about]
		if a.Fact != fact || a.Role != role {
			continue
		}
		switch {
		case h.anyYear || a.Optional:
			if t.Because == "" {
				t.Because = a.Because + " Whether that holds for this vehicle is not known."
			}
		case len(t.Sources) == 0 || t.Value == "":
			t.Value, t.Name, t.Certainty, t.Because = a.Value, a.Name, a.Certainty, a.Because
		case t.Value != a.Value:
			t.Because = "Sources contradict each other: " + t.Because + " " + a.Because
			t.Value, t.Name, t.Certainty = "", "", None
			t.Sources = append(t.Sources, a.Source)
			return t
		case a.Certainty > t.Certainty:
			t.Certainty, t.Because, t.Name = a.Certainty, a.Because, first(a.Name, t.Name)
			t.Sources = slices.Insert(t.Sources, 0, a.Source)
			continue
		}
		t.Sources = append(t.Sources, a.Source)
	}
	return t
}

// capabilities are what the statements say the vehicle can record.
func (c *Catalogue) capabilities(said []aboutHit) Capabilities {
	can := nothingTold
	for _, f := range [...]struct {
		fact string
		to   *Fitted
	}{{FactCameraOutside, &can.CameraOutside}, {FactCameraInside, &can.CameraInside}, {FactMicrophone, &can.Microphone}, {FactGNSS, &can.GNSS}, {FactSentry, &can.Sentry}} {
		t := c.told(said, f.fact, "")
		if len(t.Sources) == 0 {
			continue
		}
		*f.to = Fitted{Certainty: t.Certainty, Because: t.Because, Sources: t.Sources}
		switch t.Value {
		case "yes":
			f.to.Value = Yes
		case "no":
			f.to.Value = No
		}
	}
	return can
}

// Sunsets returns the ends of networks that concern an answer: those in the
// country, past on the day, of the one generation that a candidate's source
// gives it. A candidate whose source names several generations, or a
// replacement, is concerned by none.
func (c *Catalogue) Sunsets(a Answer, country string, on time.Time) []Sunset {
	var out []Sunset
	country, day := marketOf(country), on.UTC().Format(time.DateOnly)
	for i := range c.file.Sunsets {
		s := &c.file.Sunsets[i]
		if s.Country != country || day[:len(s.Day)] <= s.Day {
			continue
		}
		concerned := slices.ContainsFunc(a.Units, func(u Unit) bool {
			return slices.ContainsFunc(u.Candidates, func(cd Candidate) bool {
				g := generations(cd.Generation)
				return len(g) == 1 && g[0] == s.Generation && !strings.Contains(cd.Generation, "replaced")
			})
		})
		if concerned {
			out = append(out, *s)
		}
	}
	return out
}

// generations are the distinct network generations that a text names.
func generations(s string) []string {
	var out []string
	for i := 0; i+1 < len(s); i++ {
		if g := s[i : i+2]; s[i+1] == 'G' && s[i] >= '2' && s[i] <= '6' && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}
