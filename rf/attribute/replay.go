package attribute

import (
	"slices"
	"time"

	"sallyport/rf"
)

// Event is what a lane's own detector says: a vehicle came to the line, or left
// it. One JSON object a line.
type Event struct {
	TS      time.Time `json:"ts"`
	Lane    string    `json:"lane"`
	Event   string    `json:"event"` // vehicle_present, vehicle_gone
	Arrival string    `json:"arrival"`
}

// The events.
const (
	Present = "vehicle_present"
	Gone    = "vehicle_gone"
)

// Arrival is what the air said of one vehicle.
type Arrival struct {
	Arrival  string       `json:"arrival"`
	Emitters []Emitter    `json:"emitters"`
	Cellular []Band       `json:"cellular"`
	Findings []rf.Finding `json:"findings"`
}

// Emitter is one emitter that was heard while the vehicle stood at the line.
type Emitter struct {
	Emitter     string  `json:"emitter"`
	Kind        rf.Kind `json:"kind"`
	AtDecision  float64 `json:"at_decision"` // ten seconds after the vehicle stood, or when it left, whichever came first
	Probability float64 `json:"probability"` // after it had left
}

// Band is one band of which the uplink was heard while the vehicle stood.
type Band struct {
	Band        string  `json:"band"`
	Probability float64 `json:"probability"`
}

// Replay runs recorded observations and events through a site, in the order of
// their times, and gives each vehicle's answer once it is settled. Its Site must
// keep addresses.
type Replay struct {
	site   *Site
	give   func(Arrival) error
	lanes  map[string]int
	events []Event // still to come
	open   []*visit
}

type visit struct {
	lane, serial int
	arrival      string
	decide       time.Time
	decided      bool
	settle       time.Time // zero while the vehicle stands
	early        map[rf.Kind]map[string]float64
}

// NewReplay makes a replay of events, in any order; those of a lane that the
// site has not are left out. give is called once for each vehicle, in the order
// in which they settle.
func NewReplay(site *Site, events []Event, give func(Arrival) error) *Replay {
	r := &Replay{site: site, give: give, lanes: map[string]int{}}
	for i, l := range site.lanes {
		r.lanes[l.ID] = i
	}
	for _, e := range events {
		if _, ok := r.lanes[e.Lane]; ok {
			r.events = append(r.events, e)
		}
	}
	slices.SortStableFunc(r.events, func(x, y Event) int { return x.TS.Compare(y.TS) })
	if len(r.events) > 0 {
		site.Now(r.events[0].TS.Add(-time.Duration(behindS * float64(time.Second))))
	}
	return r
}

func (r *Replay) event(e Event) {
	ln := r.lanes[e.Lane]
	switch e.Event {
	case Present:
		if r.standing(ln) != nil {
			return
		}
		r.open = append(r.open, &visit{
			lane: ln, serial: r.site.Vehicle(ln, true, e.TS), arrival: e.Arrival,
			decide: e.TS.Add(time.Duration(decideS * float64(time.Second))),
		})
	case Gone:
		v := r.standing(ln)
		if v == nil {
			return
		}
		r.site.Now(e.TS)
		r.decide(v)
		r.site.Vehicle(ln, false, e.TS)
		v.settle = e.TS.Add(time.Duration(settleS * float64(time.Second)))
	}
}

func (r *Replay) standing(ln int) *visit {
	for _, v := range r.open {
		if v.lane == ln && v.settle.IsZero() {
			return v
		}
	}
	return nil
}

// Observe takes the next observation.
func (r *Replay) Observe(o rf.Observation) error {
	if n, ok := r.site.bySensor[o.Sensor]; ok && r.site.believes(r.site.since(o.TS), r.site.sensors[n]) {
		if err := r.until(o.TS); err != nil {
			return err
		}
	}
	r.site.Observe(o)
	return nil
}

// until takes the events up to now, and gives the answers that are due by then,
// each as of its own time.
func (r *Replay) until(now time.Time) error {
	for len(r.events) > 0 && !r.events[0].TS.After(now) {
		e := r.events[0]
		r.events = r.events[1:]
		if err := r.due(e.TS); err != nil {
			return err
		}
		r.event(e)
	}
	return r.due(now)
}

func (r *Replay) due(now time.Time) error {
	for i := 0; i < len(r.open); {
		v := r.open[i]
		if !v.decided && !v.decide.After(now) {
			r.site.Now(v.decide)
			r.decide(v)
		}
		if v.settle.IsZero() || v.settle.After(now) {
			i++
			continue
		}
		r.site.Now(v.settle)
		if err := r.settled(v); err != nil {
			return err
		}
		r.open = slices.Delete(r.open, i, i+1)
	}
	return nil
}

// Close gives the answers that are left. A vehicle that never left gets none
// that is settled: what is known of it at the end is given.
func (r *Replay) Close() error {
	for len(r.events) > 0 {
		if err := r.until(r.events[0].TS); err != nil {
			return err
		}
	}
	for _, v := range r.open {
		r.decide(v)
		if err := r.settled(v); err != nil {
			return err
		}
	}
	r.open = nil
	return nil
}

func (r *Replay) decide(v *visit) {
	if v.decided {
		return
	}
	v.decided = true
	emitters, _, _ := r.site.Attributed(v.lane, v.serial)
	v.early = map[rf.Kind]map[string]float64{}
	for _, e := range emitters {
		if v.early[e.Kind] == nil {
			v.early[e.Kind] = map[string]float64{}
		}
		v.early[e.Kind][e.Emitter] = e.Probability
	}
}

func (r *Replay) settled(v *visit) error {
	a := Arrival{Arrival: v.arrival, Emitters: []Emitter{}, Cellular: []Band{}, Findings: []rf.Finding{}}
	emitters, bands, _ := r.site.Attributed(v.lane, v.serial)
	for _, e := range emitters {
		a.Emitters = append(a.Emitters, Emitter{Emitter: e.Emitter, Kind: e.Kind, AtDecision: v.early[e.Kind][e.Emitter], Probability: e.Probability})
	}
	if f := r.site.finding(v.lane, emitters, bands); f.HotspotHeard || f.Cellular {
		f.Sensed = true
		a.Findings = append(a.Findings, f)
	}
	for _, x := range bands {
		a.Cellular = append(a.Cellular, Band(x))
	}
	return r.give(a)
}
