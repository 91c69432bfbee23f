package attribute

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"time"

	"sallyport/rf"
)

// Stats counts what a site took and did not take: of what it was given, each is
// one of the first four.
type Stats struct {
	Observed  uint64 // observations taken
	Foreign   uint64 // of a sensor that is of no lane
	Stale     uint64 // with an impossible level, too old, or too far ahead
	Dropped   uint64 // of a new emitter while its sensor's share of the table was full
	Evicted   uint64 // emitters heard for a moment that made room for others
	Forgotten uint64 // emitters forgotten after their silence
	Emitters  int    // remembered now
	LastHeard time.Time
}

const (
	sweepS    = 10.0 // seconds between two looks for what may be forgotten
	maxBands  = 64
	maxPasses = 64   // of one lane, kept
	aheadS    = 30.0 // an observation further ahead than this needs a witness
	behindS   = 240.0
	farthestS = 1 << 30 // seconds from the first one: no site runs as long
)

// sensor is one receiver.
type sensor struct {
	lane   int
	x      float64 // metres before the line
	alive  series
	ahead  float64 // time of its last observation that was too far ahead
	shares int     // emitters of the table that it brought
	autos  int     // of those, with a vehicle's prefix or name

	strangers, strangeAutos queue // of them, those heard for a moment: others, and those with such a name
	refused                 refusals
}

type lane struct {
	Lane
	stop, up  int // sensors; up −1: none
	queueM    float64
	passes    []pass // oldest first
	next      int    // serial of the next pass
	known     map[uint64]int
	knownPass int
}

func (l *lane) open() *pass {
	if n := len(l.passes); n > 0 && math.IsInf(l.passes[n-1].end, 1) {
		return &l.passes[n-1]
	}
	return nil
}

func (l *lane) find(serial int) (int, bool) {
	i := serial - (l.next - len(l.passes))
	return i, i >= 0 && i < len(l.passes)
}

type identity struct {
	kind rf.Kind
	id   string
}

// emitter is what is remembered of one emitter, in memory only. The table's key is a hash under
// a key drawn for this site and kept in memory only.
type emitter struct {
	described
	addr            string
	kind            rf.Kind
	wifi, ble, cell bool
	by              int    // the sensor that brought it
	first, last     int32  // when it was heard
	seconds         int    // in which it was heard, over all sensors
	tag, before     uint64 // its pseudonyms, 0: none
	at              []*series
	not             thought // when it was last held to be surely not the vehicle's

	key          uint64 // in the table
	waits        *queue // in which it stands; nil: in none
	older, newer *emitter
}

// Site attributes what the sensors of a site's lanes hear to the vehicles that
// come to their lines. It is pure but for the key of its table: the same calls
// give the same answers. It has no clock; time comes with the calls. One
// goroutine owns it.
type Site struct {
	cfg      Config
	prefixes *rf.Prefixes
	seed     maphash.Seed
	lanes    []*lane
	sensors  []*sensor
	bySensor map[string]int
	anySense bool // a sensor without a name stands for all that are not named
	gains    []gains
	emitters map[uint64]*emitter
	bands    map[string]*emitter
	base     int64
	begun    bool    // a first time has been seen, from which seconds are counted
	timed    bool    // now means something
	now      float64 // the latest time that was told or heard
	told     float64 // the latest that was told by Now
	swept    float64
	stats    Stats
	levels   [families]lesson                                  // how loud a kind is at the line
	biases   [][]lesson                                        // by lane and sensor: what a vehicle at the line is heard like
	lazy     bool                                              // do not look again at once at what is surely not the vehicle's
	left     int                                               // emitters heard at the line that were too many to be looked at
	settled  func(ln, serial int, p pass, found []Attribution) // told of each vehicle that is weighed the last time; nil: nobody
	scratch  scratch
}

// NewSite makes the attribution of a site. Lanes and sensors must have
// different names.
func NewSite(cfg Config, p *rf.Prefixes) (*Site, error) {
	s := &Site{
		cfg: cfg.withDefaults(), prefixes: p, seed: maphash.MakeSeed(),
		bySensor: map[string]int{}, emitters: map[uint64]*emitter{}, bands: map[string]*emitter{},
	}
	widest := 0
	for i, l := range cfg.Lanes {
		ln := &lane{Lane: l, up: -1, queueM: s.cfg.QueueM, knownPass: -1}
		for j, name := range []string{l.Stop, l.Upstream} {
			if j == 1 && name == "" {
				continue
			}
			if _, twice := s.bySensor[name]; twice {
				return nil, fmt.Errorf("sensor %q belongs to two places", name)
			}
			s.bySensor[name] = len(s.sensors)
			s.sensors = append(s.sensors, &sensor{lane: i, x: float64(j) * cmp.Or(l.UpstreamM, s.cfg.UpstreamM)})
		}
		ln.stop = s.bySensor[l.Stop]
		if l.Upstream != "" {
			ln.up = s.bySensor[l.Upstream]
		}
		for j, o := range s.lanes {
			if o.ID == l.ID || o.Place == l.Place {
				return nil, fmt.Errorf("lanes %q and %q are in one place", s.lanes[j].ID, l.ID)
			}
			widest = max(widest, o.Place-l.Place, l.Place-o.Place)
		}
		s.lanes = append(s.lanes, ln)
	}
	if len(s.lanes) == 0 {
		return nil, fmt.Errorf("a site needs a lane")
	}
	_, s.anySense = s.bySensor[""]
	for k := range widest + 1 {
		s.gains = append(s.gains, s.cfg.gains(k))
	}
	for range s.lanes {
		s.biases = append(s.biases, make([]lesson, len(s.sensors)))
	}
	s.scratch.init(s)
	return s, nil
}

// since turns a time into seconds since the first one that was seen.
func (s *Site) since(t time.Time) float64 {
	if !s.begun {
		s.begun, s.base = true, t.Unix()
	}
	return float64(t.Unix()-s.base) + float64(t.Nanosecond())/1e9
}

// time is the time at a second of the site.
func (s *Site) time(at float64) time.Time {
	return time.Unix(s.base, int64(at*1e9)).UTC()
}

// Now tells the time by a clock that is trusted, unlike a sensor's. Where
// sensors had told another, what they told is forgotten.
func (s *Site) Now(t time.Time) {
	at := s.since(t)
	if s.timed && (at < s.now-aheadS || at > farthestS) {
		clear(s.emitters)
		clear(s.bands)
		for _, se := range s.sensors {
			*se = sensor{lane: se.lane, x: se.x}
		}
		moved := float64(t.Unix() - s.base)
		for _, l := range s.lanes {
			for i := range l.passes {
				l.passes[i].start -= moved
				l.passes[i].end -= moved
			}
		}
		s.base = t.Unix()
		at -= moved
		s.now, s.swept = at, at
	}
	s.told = at
	s.now, s.timed = math.Max(s.now, at), true
}

// believes tells whether an observation's time may be true. A leap ahead, such
// as that over a quiet night, needs a second sensor that agrees, or silence of
// all others; and none may happen while a vehicle stands, when time is told.
func (s *Site) believes(at float64, se *sensor) bool {
	switch {
	case !s.timed:
		s.now = at
		return true
	case at < s.now-behindS || at > farthestS:
		return false
	case at <= s.now+aheadS:
		return true
	}
	for _, l := range s.lanes {
		if l.open() != nil {
			return false
		}
	}
	se.ahead = at
	alone := true
	for _, o := range s.sensors {
		if o == se {
			continue
		}
		if math.Abs(o.ahead-at) < aheadS {
			return true
		}
		alone = alone && o.alive.heard(int32(s.now-behindS), math.MaxInt32) == 0
	}
	return alone
}

// Observe takes one observation. Its time is the sensor's.
func (s *Site) Observe(o rf.Observation) {
	n, ok := s.bySensor[o.Sensor]
	if !ok {
		if n = s.bySensor[""]; !s.anySense {
			s.stats.Foreign++
			return
		}
	}
	if !(o.RSSI >= -150 && o.RSSI <= 20) {
		s.stats.Stale++
		return
	}
	se := s.sensors[n]
	t := s.since(o.TS)
	if !s.believes(t, se) {
		s.stats.Stale++
		return
	}
	s.now, s.timed = math.Max(s.now, t), true
	at := int32(math.Floor(t))
	if o.TS.After(s.stats.LastHeard) {
		s.stats.LastHeard = o.TS
	}
	se.alive.add(at, 0, rf.NoLevel)
	if s.now-s.swept >= sweepS {
		s.forget()
	}
	var e *emitter
	if o.Kind == rf.Cell {
		e = s.band(o.Band, at)
	} else {
		key := maphash.Comparable(s.seed, identity{o.Kind, o.Emitter})
		if e = s.emitters[key]; e == nil {
			e = s.admit(key, o, n, at)
		}
		if e != nil {
			s.describe(e, &o, t)
		}
	}
	if e == nil {
		s.stats.Dropped++
		return
	}
	e.first, e.last = min(e.first, at), max(e.last, at)
	if e.at[n] == nil {
		e.at[n] = &series{}
	}
	switch fresh, kept := e.at[n].add(at, o.RSSI, o.Level); {
	case !kept:
		s.stats.Stale++
		return
	case fresh:
		if e.seconds++; e.seconds <= fewSeconds {
			s.waiting(e)
		}
	}
	s.stats.Observed++
}

func (s *Site) band(name string, at int32) *emitter {
	e := s.bands[name]
	if e == nil && len(s.bands) < maxBands {
		e = &emitter{kind: rf.Cell, cell: true, first: at, last: at, at: make([]*series, len(s.sensors))}
		s.bands[name] = e
	}
	return e
}

// admit takes a new emitter into the table, or returns nil. Each sensor has its
// share of it: a flood of made-up addresses at one sensor cannot push out what
// another one hears, nor what has been heard here for a while.
func (s *Site) admit(key uint64, o rf.Observation, n int, at int32) *emitter {
	e := &emitter{kind: o.Kind, wifi: o.Kind == rf.WiFi, ble: o.Kind == rf.BLE, by: n, first: at, last: at, key: key}
	e.Identity = s.prefixes.Identity(o)
	e.Identity.Text = strings.Clone(e.Identity.Text)
	e.auto = e.Identity.Automotive()
	se := s.sensors[n]
	if !s.room(se, e.auto, key, at) {
		return nil
	}
	se.shares++
	if e.auto {
		se.autos++
	}
	if s.cfg.KeepAddress {
		e.addr = o.Emitter
	}
	if s.cfg.Tag != nil {
		e.tag, e.before = s.cfg.Tag(o)
	}
	e.at = make([]*series, len(s.sensors))
	s.emitters[key] = e
	s.waiting(e)
	return e
}

// describe remembers what an observation says of its emitter.
func (s *Site) describe(e *emitter, o *rf.Observation, t float64) {
	was := e.auto
	switch e.hear(o, t, s.prefixes); {
	case e.auto && !was:
		s.sensors[e.by].autos++
	case was && !e.auto:
		s.sensors[e.by].autos--
	default:
		return
	}
	s.waiting(e)
}

// forget drops what has been silent for long.
func (s *Site) forget() {
	s.swept = s.now
	limit := int32(s.now - s.cfg.ForgetAfter.Seconds())
	for _, e := range s.emitters {
		if e.last < limit {
			s.drop(e)
			s.stats.Forgotten++
		}
	}
	for k, e := range s.bands {
		if e.last < limit {
			delete(s.bands, k)
		}
	}
}

// Vehicle says that a vehicle came to the line of a lane, or left it, and gives
// the serial number of that vehicle in its lane, from 0; −1 where there is
// none. A second call that says the same changes nothing.
func (s *Site) Vehicle(ln int, present bool, at time.Time) int {
	s.Now(at)
	l := s.lanes[ln]
	t := s.since(at)
	open := l.open()
	switch {
	case present && open == nil:
		if n := len(l.passes); n > 0 {
			t = math.Max(t, l.passes[n-1].end)
		}
		l.passes = append(l.passes, pass{start: t, end: math.Inf(1)})
		l.next++
		if len(l.passes) > maxPasses {
			l.passes = slices.Delete(l.passes, 0, 1)
		}
	case !present && open != nil:
		open.end = math.Max(t, open.start+1)
	}
	return l.next - 1
}

// Known says which emitters, by their tags, were with the vehicle now at a
// lane's line on how many earlier visits. It holds until the next vehicle.
func (s *Site) Known(ln int, visits map[uint64]int) {
	l := s.lanes[ln]
	l.known, l.knownPass = visits, l.next-1
}

// Stats returns the counters so far.
func (s *Site) Stats() Stats {
	st := s.stats
	st.Emitters = len(s.emitters)
	return st
}
