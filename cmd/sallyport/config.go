package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"sallyport/gate"
	"sallyport/rf/attribute"
)

// siteFile is the name of the site's configuration in its data directory.
const siteFile = "site.toml"

// siteConfig is site.toml: what a site is. Every key is checked at start; an
// unknown or missing one stops the start with its name and line.
type siteConfig struct {
	Site          string         `toml:"site"`           // short id, part of every log entry
	Name          string         `toml:"name"`           // as people call it
	Timezone      string         `toml:"timezone"`       // IANA name of the zone whose clock rules on the time of day mean, such as Europe/Warsaw; absent is UTC
	Policy        string         `toml:"policy"`         // what version 1 of the rules is made of: a shipped pack's name, or a rule file relative to the data directory
	VPIC          string         `toml:"vpic"`           // VIN index made by refdata build vpic, relative to the data directory; empty is the one in the program
	TAC           string         `toml:"tac"`            // type allocation codes made by refdata build tac, relative to the data directory; empty is none
	RetentionDays int            `toml:"retention_days"` // personal data older than this is erased; the log stays whole
	Refdata       refdataTrust   `toml:"refdata"`        // whose bundles of reference data are trusted; empty is nobody's
	Lanes         []laneConfig   `toml:"lane"`
	Devices       []deviceConfig `toml:"device"` // boards and readers that lanes use

	InspectionDays  int    `toml:"inspection_days"`  // what a person saw in a vehicle holds so long; absent is 365
	StatementDays   int    `toml:"statement_days"`   // what a maker, importer or dealer states holds so long; absent is 180 or inspection_days
	TwoPersonFrom   string `toml:"two_person_from"`  // zone from which an inspection needs two people: public (always) … critical; absent is nowhere
	KeepPhotographs bool   `toml:"keep_photographs"` // keep photographs of inspections

	Learning learningConfig `toml:"learning"` // what is learnt from inspections
	Backup   backupConfig   `toml:"backup"`   // copies of the site, made each day; absent: none
	Identity identityConfig `toml:"identity"` // what the site says of vehicles that present themselves
	Posture  postureConfig  `toml:"posture"`  // the site's threat levels; absent is one, normal
	Acts     actsConfig     `toml:"acts"`     // limits of overrides and the reasons offered for them
	Bell     *bellConfig    `toml:"bell"`     // an output that is on while somebody calls for help; absent: none
	MQTT     mqttConfig     `toml:"mqtt"`     // the broker of sensors that publish to one
	Witness  witnessConfig  `toml:"witness"`  // who else sees the heads of the log
	People   peopleConfig   `toml:"people"`   // how people sign in
	TLS      tlsConfig      `toml:"tls"`      // HTTPS; absent: plain HTTP
	OIDC     oidcConfig     `toml:"oidc"`     // an identity provider of the site's; absent: none
	Radio    radioConfig    `toml:"radio"`    // what may be heard and kept; absent: the strictest law, and nothing is kept
}

// refdataTrust is [refdata] of site.toml.
type refdataTrust struct {
	Root string `toml:"root"` // the authorities' root metadata, brought here by hand, relative to the data directory
}

// laneConfig is one [[lane]] of site.toml.
type laneConfig struct {
	ID       string `toml:"id"`
	Name     string `toml:"name"`
	Zone     string `toml:"zone"`      // public, controlled, restricted, critical
	Market   string `toml:"market"`    // market of most vehicles here: EU, US, PL …
	TurnOut  string `toml:"turn_out"`  // where a refused vehicle turns or parks, in words for the guard
	AutoOpen bool   `toml:"auto_open"` // open on a committed grant without a person's act

	Direction      string   `toml:"direction"`       // entry (also where absent), exit, reversible
	Tandem         bool     `toml:"tandem"`          // a second vehicle may be identified while the first is at the arm
	HeldOpenAfter  duration `toml:"held_open_after"` // an arm that is open for longer with nothing under it is held open; absent is 60s
	CoveredAfter   duration `toml:"covered_after"`   // a detector that is covered for longer is looked at; absent is 15m
	TailgateWithin duration `toml:"tailgate_within"` // without a contact of the arm, a second vehicle within that time came through with the first; absent is 3s
	BackOutAfter   duration `toml:"back_out_after"`  // the line is free for that long: the vehicle has backed out; absent is 3s
	ClearAfter     duration `toml:"clear_after"`     // time a vehicle that was dealt with has to leave the line; absent is 10s

	Arm       armConfig       `toml:"arm"`
	Lamps     *lampsConfig    `toml:"lamps"`
	LampsBack *lampsConfig    `toml:"lamps_back"` // of a reversible lane: those that leaving drivers see
	Inputs    []inputConfig   `toml:"input"`
	Scanners  []scannerConfig `toml:"scanner"`
	Cameras   []cameraConfig  `toml:"camera"`
	Panels    []panelConfig   `toml:"panel"`

	Sensors   []sensorConfig `toml:"sensor"`     // the one beside the stop line first, then the one before it
	UpstreamM *float64       `toml:"upstream_m"` // how far before the line that second one stands, metres, 3 to 40; absent is 12
	Beside    []string       `toml:"beside"`     // lanes whose sensors this one overhears, by id; lanes lie side by side in the order of the file
}

// listening are the lane's sensors as the controller misses and counts them.
func (l laneConfig) listening() []gate.LaneSensor {
	out := make([]gate.LaneSensor, len(l.Sensors))
	for i, s := range l.Sensors {
		out[i] = gate.LaneSensor{Name: s.Name, Heard: s.speaks(), Source: s.source()}
		if i < 2 {
			out[i].Place = []string{gate.PlaceStop, gate.PlaceUpstream}[i]
		}
	}
	return out
}

// earshot are the lanes whose sensors a lane hears: itself first, then those
// beside.
func (c siteConfig) earshot(lane int) []attribute.Lane {
	var out []attribute.Lane
	for i, l := range c.Lanes {
		if i != lane && !slices.Contains(c.Lanes[lane].Beside, l.ID) {
			continue
		}
		heard := attribute.Lane{ID: l.ID, Stop: l.Sensors[0].speaks(), Place: i}
		if len(l.Sensors) > 1 {
			heard.Upstream = l.Sensors[1].speaks()
			if l.UpstreamM != nil {
				heard.UpstreamM = *l.UpstreamM
			}
		}
		if i == lane {
			out = slices.Insert(out, 0, heard)
		} else {
			out = append(out, heard)
		}
	}
	return out
}

// checkBeside says what is wrong with the neighbours of a lane.
func (c siteConfig) checkBeside(l laneConfig) error {
	for i, id := range l.Beside {
		n := slices.IndexFunc(c.Lanes, func(o laneConfig) bool { return o.ID == id })
		switch {
		case n < 0:
			return fmt.Errorf("lane %q: beside names %q, and there is no such lane", l.ID, id)
		case id == l.ID:
			return fmt.Errorf("lane %q: beside names the lane itself", l.ID)
		case slices.Contains(l.Beside[:i], id):
			return fmt.Errorf("lane %q: beside names %q twice", l.ID, id)
		case len(l.Sensors) == 0 || len(c.Lanes[n].Sensors) == 0:
			return fmt.Errorf("lane %q: beside names %q: both need a sensor", l.ID, id)
		}
	}
	return nil
}

// duration reads "300ms" from TOML.
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = duration(v)
	return err
}

// loadSite reads and checks the configuration in dir.
func loadSite(dir string) (siteConfig, error) {
	path := filepath.Join(dir, siteFile)
	var c siteConfig
	meta, err := toml.DecodeFile(path, &c)
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("%s holds no %s: is it a site's data directory? `sallyport demo --data %s` makes a demonstration site", dir, siteFile, dir)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		if err := activeBarrier(extra[0].String()); err != nil {
			return c, fmt.Errorf("%s: unknown key %w", path, err)
		}
		return c, fmt.Errorf("%s: unknown key %q", path, extra[0].String())
	}
	if err := c.Radio.check(meta.IsDefined("radio", "dpia")); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.check(); err != nil {
		return c, placed(dir, err)
	}
	return c, nil
}

// placed says where in the site's configuration an error is, as far as it tells.
func placed(dir string, err error) error {
	path := filepath.Join(dir, siteFile)
	if at, ok := errors.AsType[*placeError](err); ok {
		if text, readErr := os.ReadFile(path); readErr == nil {
			if n := lineOf(text, at.at); n > 0 {
				return fmt.Errorf("%s:%d: %w", path, n, err)
			}
		}
	}
	return fmt.Errorf("%s: %w", path, err)
}

func (c siteConfig) check() error {
	if c.Site == "" || strings.ContainsAny(c.Site, " /\n") {
		return fmt.Errorf("site: %q is not a short id without spaces", c.Site)
	}
	if err := checkZone(c.Timezone); err != nil {
		return fmt.Errorf("timezone: %w", err)
	}
	if c.Policy == "" {
		return errors.New("policy: missing; name a shipped pack or a rule file")
	}
	if c.VPIC != "" && !filepath.IsLocal(c.VPIC) {
		return fmt.Errorf("vpic: %q lies outside the data directory", c.VPIC)
	}
	if c.Refdata.Root != "" && !filepath.IsLocal(c.Refdata.Root) {
		return fmt.Errorf("refdata.root: %q lies outside the data directory", c.Refdata.Root)
	}
	if c.TAC != "" && !filepath.IsLocal(c.TAC) {
		return fmt.Errorf("tac: %q lies outside the data directory", c.TAC)
	}
	if c.RetentionDays < 1 {
		return fmt.Errorf("retention_days: %d; it must be at least 1, and is the site's decision", c.RetentionDays)
	}
	if err := c.checkInspections(); err != nil {
		return err
	}
	if err := c.Learning.check(); err != nil {
		return err
	}
	if err := c.Posture.check(); err != nil {
		return err
	}
	if err := c.Backup.check(); err != nil {
		return err
	}
	if err := c.Acts.check(); err != nil {
		return err
	}
	for _, check := range [...]func() error{c.People.check, c.TLS.check, c.OIDC.check} {
		if err := check(); err != nil {
			return err
		}
	}
	if err := c.Witness.check(); err != nil {
		return err
	}
	if len(c.Lanes) == 0 {
		return errors.New("lane: a site has at least one [[lane]]")
	}
	seen := map[string]bool{}
	for i, l := range c.Lanes {
		if l.ID == "" || strings.ContainsAny(l.ID, " /\n") {
			return fmt.Errorf("lane %d: id %q is not a short id without spaces", i+1, l.ID)
		}
		if seen[l.ID] {
			return fmt.Errorf("lane %q stands there twice", l.ID)
		}
		seen[l.ID] = true
		if z, err := gate.ParseZone(l.Zone); err != nil {
			return fmt.Errorf("lane %q: %w", l.ID, err)
		} else if z == 0 {
			return fmt.Errorf("lane %q: zone is missing", l.ID)
		}
		if l.TurnOut == "" {
			return fmt.Errorf("lane %q: turn_out is missing: a refused vehicle needs a place to turn", l.ID)
		}
		if err := c.checkBeside(l); err != nil {
			return err
		}
	}
	if err := c.checkDevices(); err != nil {
		return err
	}
	if err := c.checkIdentity(); err != nil {
		return err
	}
	return c.checkSensors()
}

// demoSite is the configuration of the demonstration site.
const demoSite = `# The demonstration site. Everything here is made up but the reference data.
site = "demo"
name = "Demonstration site"
policy = "paper-baseline"
retention_days = 30
radio.jurisdiction = "US" # of the profiles the one that hears most, so that all of it can be seen; a real site names its own
radio.dpia = "demonstration, made-up data"
radio.keep_sets = true
people.codes = "optional" # so that its people can sign in with the passwords that are printed; a real site leaves this out
posture.levels = ["normal", "alpha", "bravo", "charlie", "delta"]

[[lane]]
id = "north"
name = "North gate, lane 1"
zone = "restricted"
market = "EU"
turn_out = "Turn-out bay on the right, before the arm"
[lane.arm]
kind = "yard" # a made-up road with detectors, an arm and lamps

[[lane]]
id = "south"
name = "South gate, lane 1"
zone = "controlled"
market = "US"
turn_out = "Car park P2, first left"
[lane.arm]
kind = "yard" # a made-up road with detectors, an arm and lamps

[[lane]]
id = "exit"
name = "North gate, exit"
zone = "restricted"
market = "EU"
turn_out = "Inspection yard, left of the exit"
direction = "exit"
[lane.arm]
kind = "yard"
`

// writeNew writes a file that must not exist yet.
func writeNew(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
