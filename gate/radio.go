package gate

import (
	"slices"
	"time"

	"sallyport/rf"
)

// LaneRadio is what the sensors of one lane have heard in the last minutes, as
// a screen shows it: kept in memory, by kind and second, without any address.
// It is a value: once given nobody changes it. Its JSON form is that of
// GET /api/v1/lanes/{lane}/radio.
type LaneRadio struct {
	Lane     LaneID         `json:"lane"`
	Name     string         `json:"name"`
	At       time.Time      `json:"at"`      // instant of this picture
	From     time.Time      `json:"from"`    // first second of the levels
	Seconds  int            `json:"seconds"` // from there to At, 1 to RadioSpan
	State    RadioState     `json:"state"`
	Live     bool           `json:"live"`     // no impact assessment is named: this enters no verdict and no record
	Levels   []RadioLevels  `json:"levels"`   // by kind; one that was not heard is absent
	Vehicles []RadioVehicle `json:"vehicles"` // that stood at the line, oldest first
	Sensors  []SensorHealth `json:"sensors"`  // as configured, then others in the order in which they were heard

	Neighbours RadioNeighbours `json:"neighbours"`
	Table      RadioTable      `json:"table"`
	Sets       RadioSetsState  `json:"sets"`
}

// RadioNeighbours is what a lane hears of the sensors of the lanes beside.
type RadioNeighbours struct {
	Lanes   []LaneID `json:"lanes"`
	Heard   uint64   `json:"heard"`   // observations
	Dropped uint64   `json:"dropped"` // for want of room at this lane
}

// RadioTable counts what the lane's attributor made of the observations that it
// was given.
type RadioTable struct {
	Observed  uint64 `json:"observed"`
	Foreign   uint64 `json:"foreign"`   // of a sensor that it knows no place of
	Stale     uint64 `json:"stale"`     // of a time that it cannot believe
	Dropped   uint64 `json:"dropped"`   // of an emitter for which the table had no room
	Evicted   uint64 `json:"evicted"`   // emitters heard for a moment that made room for others
	Forgotten uint64 `json:"forgotten"` // emitters, after their silence
	Emitters  int    `json:"emitters"`  // remembered now
}

// RadioSetsState counts what was asked of the emitters of earlier visits, and
// kept for later ones.
type RadioSetsState struct {
	Asked  uint64 `json:"asked"`
	Known  uint64 `json:"known"` // answers that named at least one
	Kept   uint64 `json:"kept"`
	Failed uint64 `json:"failed"` // neither answered nor kept in time
}

// RadioSpan is how many seconds of levels a lane remembers.
const RadioSpan = 300

// RadioLevels is what was heard of one kind, in one sort of level.
type RadioLevels struct {
	Kind    rf.Kind       `json:"kind"`
	Level   rf.Level      `json:"level,omitempty"` // as rf.Observation.Level
	Seconds []RadioSecond `json:"heard"`           // those in which something was heard, rising
}

// RadioSecond is one second of one kind. Only the lane's own sensors are in it.
type RadioSecond struct {
	At           int         `json:"at"`                // seconds after LaneRadio.From
	Stop         rf.Quantity `json:"stop,omitzero"`     // loudest at the sensor beside the line, by the level of its kind
	Upstream     rf.Quantity `json:"upstream,omitzero"` // loudest at the one before it
	Observations int         `json:"observations"`
	Emitters     int         `json:"emitters"` // different ones, estimated (±3 % to 10,000); 0 for cell, which tells none
}

// RadioVehicle is one vehicle's stay at the line, and what was attributed to it.
type RadioVehicle struct {
	Passage PassageID   `json:"passage,omitempty"` // empty where nothing was recorded of it
	From    time.Time   `json:"from"`
	To      time.Time   `json:"to,omitzero"` // zero while it stands there
	Finding rf.Finding  `json:"finding"`     // as it is thought now
	Bands   []RadioBand `json:"bands,omitempty"`
	Final   bool        `json:"final"` // it will not be weighed again
	// WhenLeft is what was thought when it drove off, where a claim has changed
	// since; Changed names what. The record of the passage, which has ended,
	// does not hold it.
	WhenLeft *rf.Finding `json:"when_left,omitempty"`
	Changed  []string    `json:"changed,omitempty"` // hotspot, make, maker, cellular
	Earlier  int         `json:"earlier"`           // emitters known from earlier visits of this VIN

	left *rf.Finding // what was thought when it drove off
}

// RadioBand is the uplink of one cellular band while a vehicle stood at the
// line. It cannot tell a modem from a telephone.
type RadioBand struct {
	Band        string  `json:"band"`
	Probability float64 `json:"probability"` // that something in the vehicle transmitted there
}

// SensorHealth is how one sensor is.
type SensorHealth struct {
	Lane        LaneID            `json:"lane"`
	Name        string            `json:"name"`               // as the site calls it
	Heard       string            `json:"heard_as,omitempty"` // as its observations name it, where that is another
	Source      string            `json:"source,omitempty"`   // how it reports: serial, udp, mqtt, device, file; empty: not configured here
	Place       string            `json:"place,omitempty"`    // stop, upstream; empty: unknown
	State       string            `json:"state"`              // one of the Sensor states
	Trouble     string            `json:"trouble,omitempty"`  // why its line is not open, as its driver says
	LastHeard   time.Time         `json:"last_heard,omitzero"`
	SilentSince time.Time         `json:"silent_since,omitzero"` // zero while it is heard
	Rate1       float64           `json:"rate_1s"`               // observations in the last whole second
	Rate60      float64           `json:"rate_60s"`              // observations a second over the last minute
	Accepted    uint64            `json:"accepted"`
	Refused     map[string]uint64 `json:"refused"` // by reason: one of the Refused constants, or its driver's words
	Dropped     uint64            `json:"dropped"` // for want of room, here or at its driver
	Lost        uint64            `json:"lost"`    // sent, by its own numbers, and never came
	Repeats     uint64            `json:"repeats"` // sent more than once, which costs nothing
	Clock       SensorClock       `json:"clock"`
}

// The states of a sensor, the worst first.
const (
	SensorNever  = "never"  // not heard since the program began, and that is too long
	SensorSilent = "silent" // heard once, and not for too long
	SensorSkewed = "skewed" // heard, but its clock is off or wrong
	SensorAlive  = "alive"
	SensorNew    = "new" // not heard yet, and that is not too long
)

// The places of a sensor.
const (
	PlaceStop     = "stop"
	PlaceUpstream = "upstream"
)

// SensorClock is how a sensor's clock stands to ours, over the last minute: its
// time of an observation less that of the observation's arrival. Transport
// makes it a little behind.
type SensorClock struct {
	Median  float64 `json:"median_s"` // seconds; ahead of ours is positive
	Spread  float64 `json:"spread_s"` // seconds from the 10th to the 90th of a hundred
	Samples int     `json:"samples"`
	Trust   string  `json:"trust"` // one of the Clock constants
}

// The trust in a sensor's clock.
const (
	ClockGood    = "good"    // within a second, which attribution allows for
	ClockOff     = "off"     // further off, or spread wider: what it hears is attributed badly
	ClockWrong   = "wrong"   // so far off that what it sends is refused
	ClockUnknown = "unknown" // too little was heard
)

// The reasons for which an observation is refused here. A driver, and what the
// site's jurisdiction does not allow, add their own.
const (
	RefusedAhead   = "clock-ahead"  // its time is in the future
	RefusedBehind  = "clock-behind" // its sensor's clock is behind, or it came so late that all else of then is forgotten
	RefusedForeign = "foreign"      // of a sensor that is none of this lane's
	RefusedLevel   = "level"        // its level is none that a receiver can report
	RefusedOther   = "other"        // of reasons too many to be told apart
)

// SensorReport is what the driver of a sensor counts. The counts are totals
// since the driver began; where they fall it is taken to have begun again.
type SensorReport struct {
	Sensor  string            // as its observations name it
	Open    bool              // its line or address is open
	Trouble string            // why not, in words without an address
	Refused map[string]uint64 // what could not be read, by reason; a reason repeats nothing of what was sent
	Dropped uint64            // by the driver or the system, for want of room
	Lost    uint64            // by the sensor's own numbers
	Repeats uint64            // that came already
}

// LaneSensor is one sensor of a lane, so that one that never speaks is missed.
type LaneSensor struct {
	Name   string // as the site calls it
	Heard  string // as its observations name it; empty: Name
	Source string // how it reports: serial, udp, mqtt, device, file
	Place  string // PlaceStop, PlaceUpstream
}

// Radio is what the sensors of a lane have heard, as of now. It does not wait
// for the lane.
func (c *Controller) Radio(id LaneID) (LaneRadio, bool) {
	l, ok := c.lanes[id]
	if !ok {
		return LaneRadio{}, false
	}
	now := time.Now()
	to := now.Unix()
	from := max(to-RadioSpan+1, l.air.begun.Unix())
	r := LaneRadio{
		Lane: id, Name: l.cfg.Name, At: now.UTC().Round(0), From: time.Unix(from, 0).UTC(), Seconds: int(to-from) + 1,
		Sensors: l.ears.health(now, l.cfg.SilentAfter),
		Live:    c.cfg.RadioLive,
	}
	r.State, _ = l.ears.state(now, l.cfg.SilentAfter)
	r.State.Crowded = l.air.crowded(now)
	r.Neighbours.Lanes = slices.Clone(l.cfg.Beside)
	r.Neighbours.Dropped = l.ears.besideDropped()
	l.air.fill(&r, from, to)
	return r, true
}

// Since is the picture with the levels from an instant on only.
func (r LaneRadio) Since(at time.Time) LaneRadio {
	skip := int(at.Unix() - r.From.Unix())
	if skip <= 0 {
		return r
	}
	skip = min(skip, r.Seconds-1)
	levels := r.Levels
	r.From, r.Seconds, r.Levels = r.From.Add(time.Duration(skip)*time.Second), r.Seconds-skip, []RadioLevels{}
	for _, l := range levels {
		kept := RadioLevels{Kind: l.Kind, Level: l.Level}
		for _, s := range l.Seconds {
			if s.At >= skip {
				s.At -= skip
				kept.Seconds = append(kept.Seconds, s)
			}
		}
		if len(kept.Seconds) > 0 {
			r.Levels = append(r.Levels, kept)
		}
	}
	return r
}

// Sensors is how the sensors of all lanes are, in the order of the lanes.
func (c *Controller) Sensors() []SensorHealth {
	now := time.Now()
	out := []SensorHealth{}
	for _, l := range c.order {
		out = append(out, l.ears.health(now, l.cfg.SilentAfter)...)
	}
	return out
}

// SensorReport takes what the driver of a sensor of that lane has counted so
// far. Drivers call it about once a second.
func (c *Controller) SensorReport(id LaneID, r SensorReport) {
	l, ok := c.lanes[id]
	if !ok {
		return
	}
	l.ears.told(r)
}
