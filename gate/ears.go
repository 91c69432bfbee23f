package gate

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"sallyport/rf"
)

const (
	maxSensors = 32 // of a lane, told apart; what comes after them is counted as one without a name
	maxReasons = 24 // of a sensor, told apart

	clockFar      = 5 * time.Second // how far the clock of a sensor may be off ours
	observeBehind = 4 * time.Minute // how late an observation may come: what is older belongs to no vehicle that is still weighed

	ratesOver    = 60 // seconds
	clockSamples = 4  // a second, at most
	clockLeast   = 5  // samples that say something
	clockOff     = 1  // seconds that attribution allows for
	clockWanders = 10 // seconds of spread that no way of sending makes
)

// ears is how a lane hears: the observations that wait for its goroutine, and
// what is counted of each sensor. All methods but next and notices may be called
// concurrently; they never block for longer than another one takes.
type ears struct {
	feed   *feed
	lane   LaneID
	limit  int // observations that may wait
	share  int // of them, one sensor's
	beside int // of them, those of the neighbours' sensors
	wake   chan struct{}

	mu      sync.Mutex
	queue   []heard // with room for one more than may wait, where the next is looked at
	gen     uint64  // of queue
	waiting int     // in queue, of the neighbours'
	missed  uint64  // the neighbours', for want of room
	notes   []passing
	sensors map[string]*ear
	order   []*ear
	listed  bool // only configured sensors are this lane's
	any     *ear // configured without a name: it stands for all that are not named
	since   time.Time

	// owned by the lane's goroutine
	hand []heard
	at   int
}

// heard is one observation that waits, and the sensor that made it; nil where
// that is a neighbour's.
type heard struct {
	o    rf.Observation
	from *ear
}

// passing says that a vehicle came to a neighbour's line, or left it.
type passing struct {
	lane    LaneID
	present bool
	at      time.Time
}

// ear is what is counted of one sensor.
type ear struct {
	LaneSensor
	configured bool

	accepted, dropped, lost uint64
	refused                 map[string]uint64
	report                  SensorReport // the last one

	gen     uint64 // of the queue in which …
	waiting int    // … so many are this sensor's

	last, used time.Time // when it was heard, and when it could be used
	behind     bool      // its clock is: what it says of now would be believed of a vehicle that has gone
	counts     [ratesOver + 4]perSecond
	clock      [ratesOver * clockSamples]clockSample
}

type perSecond struct {
	at int64
	n  uint32
}

type clockSample struct {
	slot int64 // quarters of a second since 1970
	lead float64
}

func newEars(cfg LaneConfig, f *feed) *ears {
	e := &ears{
		feed: f, lane: cfg.ID, limit: cfg.Observations, wake: make(chan struct{}, 1),
		sensors: make(map[string]*ear), listed: len(cfg.Sensors) > 0, since: time.Now(),
	}
	if len(cfg.Beside) > 0 {
		e.beside = max(1, e.limit/4)
	}
	for _, s := range cfg.Sensors {
		s.Heard = cmp.Or(s.Heard, s.Name)
		h := e.add(s)
		h.configured = true
		if s.Heard == "" {
			e.any = h
		}
	}
	e.share = max(1, (e.limit-e.beside)/max(1, len(cfg.Sensors)))
	return e
}

func (e *ears) add(s LaneSensor) *ear {
	h := &ear{LaneSensor: s, refused: map[string]uint64{}}
	e.sensors[s.Heard] = h
	e.order = append(e.order, h)
	return h
}

// of finds a sensor by what its observations name it, or begins to count it.
func (e *ears) of(name string) *ear {
	if h, ok := e.sensors[name]; ok {
		return h
	}
	if e.any != nil {
		return e.any
	}
	if len(e.order) >= maxSensors {
		name = ""
		if h, ok := e.sensors[name]; ok {
			return h
		}
	}
	return e.add(LaneSensor{Name: name, Heard: name})
}

// hear takes one observation of the lane's own sensors, or refuses or drops it,
// and counts which. admitted says that it was not refused; what admit has
// emptied is empty in o then.
func (e *ears) hear(o *rf.Observation, now time.Time, used bool, admit func(*rf.Observation) (string, bool)) (taken, admitted bool) {
	e.mu.Lock()
	h := e.of(o.Sensor)
	lead := o.TS.Sub(now)
	h.arrived(now, lead)
	slot := e.slot()
	slot.o = *o
	reason, ok := "", true
	if admit != nil {
		reason, ok = admit(&slot.o)
	}
	switch {
	case !ok:
	case !used || e.listed && !h.configured:
		reason = RefusedForeign
	case !(o.RSSI >= rf.LowestRSSI && o.RSSI <= rf.HighestRSSI):
		reason = RefusedLevel
	case lead > clockFar:
		reason = RefusedAhead
	case lead < -observeBehind || h.behind && lead < -clockFar:
		reason = RefusedBehind
	default:
		admitted = true
	}
	if !admitted {
		*slot = heard{}
		h.refuse(reason, 1)
		e.mu.Unlock()
		e.feed.refused.Add(1)
		return false, false
	}
	if admit != nil {
		*o = slot.o
	}
	if h.gen != e.gen {
		h.gen, h.waiting = e.gen, 0
	}
	if len(e.queue) >= e.limit || h.waiting >= e.share {
		*slot = heard{}
		h.dropped++
		e.mu.Unlock()
		e.feed.dropped.Add(1)
		return false, true
	}
	h.waiting++
	h.accepted++
	h.used = now
	slot.from = h
	e.queue = e.queue[:len(e.queue)+1]
	first := len(e.queue) == 1
	e.mu.Unlock()
	e.feed.accepted.Add(1)
	if first {
		e.ring()
	}
	return true, true
}

// overhear takes one admitted observation of a neighbour's sensor. Those have a
// share of the room of their own, and are counted by themselves.
func (e *ears) overhear(o *rf.Observation) {
	e.mu.Lock()
	if e.waiting >= e.beside || len(e.queue) >= e.limit {
		e.missed++
		e.mu.Unlock()
		return
	}
	e.slot().o = *o
	e.waiting++
	e.queue = e.queue[:len(e.queue)+1]
	first := len(e.queue) == 1
	e.mu.Unlock()
	if first {
		e.ring()
	}
}

// slot is the place behind the last observation that waits.
func (e *ears) slot() *heard {
	n := len(e.queue)
	if n == cap(e.queue) {
		grown := make([]heard, n, min(e.limit+1, max(64, 2*n)))
		copy(grown, e.queue)
		clear(e.queue)
		e.queue = grown
	}
	return &e.queue[:n+1][n]
}

// note tells of a neighbour's vehicle. Only the last few matter.
func (e *ears) note(p passing) {
	e.mu.Lock()
	if len(e.notes) >= 64 {
		e.notes = slices.Delete(e.notes, 0, 1)
	}
	e.notes = append(e.notes, p)
	e.mu.Unlock()
	e.ring()
}

func (e *ears) ring() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// notices are the neighbours' vehicles since the last call.
func (e *ears) notices() []passing {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.notes
	e.notes = nil
	return n
}

// next is the observation that has waited longest, or nil. It is forgotten with
// the next call.
func (e *ears) next() *heard {
	if e.at == len(e.hand) {
		clear(e.hand) // addresses are in it
		e.mu.Lock()
		e.hand, e.queue = e.queue, e.hand[:0]
		e.gen++
		e.waiting = 0
		e.mu.Unlock()
		e.at = 0
		if len(e.hand) == 0 {
			return nil
		}
	}
	e.at++
	return &e.hand[e.at-1]
}

// arrived counts what came of a sensor, whatever becomes of it.
func (h *ear) arrived(now time.Time, lead time.Duration) {
	h.last = now
	at := now.Unix()
	c := &h.counts[at%int64(len(h.counts))]
	if c.at != at {
		*c = perSecond{at: at}
	}
	c.n++
	slot := at*clockSamples + int64(now.Nanosecond())*clockSamples/int64(time.Second)
	if s := &h.clock[slot%int64(len(h.clock))]; s.slot != slot {
		*s = clockSample{slot, lead.Seconds()}
	}
}

// refuse counts a refusal, by reason as far as reasons can be told apart.
func (h *ear) refuse(reason string, n uint64) {
	if n == 0 {
		return
	}
	if _, known := h.refused[reason]; !known && len(h.refused) >= maxReasons {
		reason = RefusedOther
	}
	h.refused[reason] += n
}

// told takes a driver's totals.
func (e *ears) told(r SensorReport) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := e.of(r.Sensor)
	var refused uint64
	for reason, n := range r.Refused {
		more := risen(h.report.Refused[reason], n)
		h.refuse(reason, more)
		refused += more
	}
	dropped := risen(h.report.Dropped, r.Dropped)
	h.dropped += dropped
	h.lost += risen(h.report.Lost, r.Lost)
	e.feed.refused.Add(refused)
	e.feed.dropped.Add(dropped)
	r.Refused = maps.Clone(r.Refused)
	h.report = r
}

// risen is by how much a total has risen; one that fell began again.
func risen(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// health is how each sensor is, now.
func (e *ears) health(now time.Time, silentAfter time.Duration) []SensorHealth {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]SensorHealth, len(e.order))
	for i, h := range e.order {
		out[i] = h.health(e.lane, e.since, now, silentAfter)
	}
	return out
}

func (h *ear) health(lane LaneID, since, now time.Time, silentAfter time.Duration) SensorHealth {
	s := SensorHealth{
		Lane: lane, Name: h.Name, Source: h.Source, Place: h.Place,
		Trouble: h.report.Trouble, Accepted: h.accepted, Refused: maps.Clone(h.refused), Dropped: h.dropped, Lost: h.lost, Repeats: h.report.Repeats,
		Clock: h.skew(now),
	}
	if h.Heard != h.Name {
		s.Heard = h.Heard
	}
	at := now.Unix()
	var sum uint64
	for _, c := range h.counts {
		switch age := at - c.at; {
		case age < 1 || age > ratesOver:
			continue
		case age == 1:
			s.Rate1 = float64(c.n)
		}
		sum += uint64(c.n)
	}
	s.Rate60 = float64(sum) / ratesOver
	if !h.last.IsZero() {
		s.LastHeard = h.last.UTC().Round(0)
	}
	switch {
	case h.last.IsZero() && now.Sub(since) > silentAfter:
		s.State, s.SilentSince = SensorNever, since.UTC().Round(0)
	case h.last.IsZero():
		s.State = SensorNew
	case now.Sub(h.last) > silentAfter:
		s.State, s.SilentSince = SensorSilent, s.LastHeard
	case s.Clock.Trust == ClockOff || s.Clock.Trust == ClockWrong:
		s.State = SensorSkewed
	default:
		s.State = SensorAlive
	}
	return s
}

// skew weighs the clock by the observations that came soonest after they were
// made: some ways of sending gather for seconds what they have, and none makes a
// clock seem ahead.
func (h *ear) skew(now time.Time) SensorClock {
	var leads []float64
	least := (now.Unix() - ratesOver) * clockSamples
	for _, s := range h.clock {
		if s.slot > least {
			leads = append(leads, s.lead)
		}
	}
	c := SensorClock{Samples: len(leads), Trust: ClockUnknown}
	if len(leads) == 0 {
		return c
	}
	slices.SortFunc(leads, cmp.Compare[float64])
	of := func(hundredths int) float64 { return leads[(len(leads)-1)*hundredths/100] }
	round := func(x float64) float64 { return math.Round(x*1000)/1000 + 0 } // and no minus before a zero
	c.Median, c.Spread = round(of(50)), round(of(90)-of(10))
	if len(leads) < clockLeast {
		return c
	}
	switch best := of(90); {
	case math.Abs(best) > clockFar.Seconds():
		c.Trust = ClockWrong
	case math.Abs(best) > clockOff || c.Spread > clockWanders:
		c.Trust = ClockOff
	default:
		c.Trust = ClockGood
	}
	return c
}

// state sums up how the sensors are, and says whether none of them could be used
// for so long that the lane is deaf.
func (e *ears) state(now time.Time, silentAfter time.Duration) (r RadioState, deaf bool) {
	e.mu.Lock()
	var last time.Time
	for _, h := range e.order {
		if !h.used.IsZero() && now.Sub(h.used) <= silentAfter {
			r.Sensors++
		}
		if h.used.After(last) {
			last = h.used
		}
		c := h.skew(now)
		h.behind = c.Trust == ClockWrong && c.Median < 0
		if e.listed && !h.configured {
			continue
		}
		switch s := h.health(e.lane, e.since, now, silentAfter); {
		case s.State == SensorSkewed:
			r.Skewed = append(r.Skewed, h.Name)
		case h.configured && (s.State == SensorNever || s.State == SensorSilent):
			r.Silent = append(r.Silent, h.Name)
		}
	}
	r.LastHeard = last.UTC().Round(0)
	if last.Before(e.since) {
		last = e.since
	}
	e.mu.Unlock()
	e.feed.count(&r)
	return r, now.Sub(last) > silentAfter
}

// besideDropped is how many observations of neighbours' sensors had no room.
func (e *ears) besideDropped() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.missed
}

// listen says from when on silence counts.
func (e *ears) listen(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.since = now
}
