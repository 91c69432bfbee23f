package attribute

import (
	"math"
	"slices"
	"time"

	"sallyport/rf"
)

// Attributor is the attribution of one lane of a running site. One goroutine
// owns it.
//
// Law. Within one pass claims only rise: once Finding has said HotspotHeard,
// Maker, Make or Cellular of a vehicle, no later observation makes it unsaid
// until the next vehicle comes; and where the sensors are heard anyway, an
// observation of one emitter never changes what is thought of another, but
// where a flood has filled the table. Observations with equal times may come in
// any order. (One emitter's own observations may well speak against it: heard
// in an empty lane, it is not the vehicle's.)
type Attributor struct {
	site   *Site
	serial int // of the vehicle at the line, or the last one; −1: none yet
	said   rf.Finding
	asked  float64 // when the finding was worked out last; +Inf: not yet

	emitters  []Attribution // of which the finding was made
	bands     []Activity
	confirmed []Confirmed // not yet asked for, oldest first
}

// Confirmed is what is known of the emitters of a vehicle that has left, once it
// was weighed the last time. It holds pseudonyms only.
type Confirmed struct {
	Serial        int // as Attributor.Serial gave it while the vehicle stood
	Present, Gone time.Time
	Tags          []uint64 // of the emitters with a probability of at least 0.9 that have one, sorted, each once
	// Finding is what that last weighing says, of the emitters: of its uplink
	// nothing. What was said before and does not hold is not in it. Weighed says
	// that there was one: what was heard with a vehicle may be forgotten.
	Finding rf.Finding
	Weighed bool
}

// askS is for how many seconds a finding holds: what is heard is looked at by the
// second.
const askS = 1.0

// maxConfirmed is how many vehicles wait to be asked for, at most: the oldest
// are dropped then.
const maxConfirmed = 16

// NewAttributor makes the attributor of the first lane of the configuration.
// The others are neighbours, of which only the sensors are heard until
// NeighbourPresent tells of their vehicles.
func NewAttributor(cfg Config, p *rf.Prefixes) (*Attributor, error) {
	cfg.Lanes = slices.Clone(cfg.Lanes)
	for i := range cfg.Lanes {
		cfg.Lanes[i].Blind = i > 0
	}
	s, err := NewSite(cfg, p)
	if err != nil {
		return nil, err
	}
	a := &Attributor{site: s, serial: -1, asked: math.Inf(1)}
	s.lazy, s.settled = true, a.confirm
	return a, nil
}

// Observe takes one observation.
func (a *Attributor) Observe(o rf.Observation) {
	if a.site.now-a.site.swept >= sweepS {
		a.settle()
	}
	a.site.Observe(o)
}

// VehiclePresent says that a vehicle came to stand at the line, or left.
func (a *Attributor) VehiclePresent(present bool, at time.Time) {
	a.settle()
	before := a.serial
	if a.serial = a.site.Vehicle(0, present, at); a.serial != before {
		a.said, a.asked, a.emitters, a.bands = rf.Finding{}, math.Inf(1), nil, nil
	}
}

// NeighbourPresent says that a vehicle came to stand at the line of a lane
// beside, or left it, by that lane's own detector. From the first call on that
// lane's vehicles are weighed like this lane's; a lane of which nothing is ever
// told stays one of which only the sensors are heard. A lane that is not in the
// configuration is none, and nothing happens.
func (a *Attributor) NeighbourPresent(lane string, present bool, at time.Time) {
	for i, l := range a.site.lanes {
		if i > 0 && l.ID == lane {
			l.Blind = false
			a.site.Vehicle(i, present, at)
		}
	}
}

// Serial is the number of the vehicle at the line, or of the one that was there
// last, from 0; −1 before the first.
func (a *Attributor) Serial() int { return a.serial }

// confirm keeps what a departed vehicle's last weighing says for Confirmed.
func (a *Attributor) confirm(ln, serial int, p pass, found []Attribution) {
	if ln != 0 {
		return
	}
	c := Confirmed{Serial: serial, Present: a.site.time(p.start), Gone: a.site.time(p.end), Finding: a.site.finding(0, found, nil), Weighed: true}
	c.Finding.Sensed = a.site.sensed(0, p.start-1, p.end+1)
	for _, x := range found {
		if x.Probability >= sureEnough && x.from.tag != 0 {
			c.Tags = append(c.Tags, x.from.tag)
		}
	}
	slices.Sort(c.Tags)
	c.Tags = slices.Compact(c.Tags)
	if a.confirmed = append(a.confirmed, c); len(a.confirmed) > maxConfirmed {
		a.confirmed = slices.Delete(a.confirmed, 0, 1)
	}
}

// Confirmed gives the vehicles that were weighed the last time since it was
// asked before: half a minute after they left, if anything is asked or heard
// then. A vehicle of which nothing was heard is among them, without tags.
func (a *Attributor) Confirmed(now time.Time) []Confirmed {
	a.site.Now(now)
	a.settle()
	out := a.confirmed
	a.confirmed = nil
	return out
}

// Emitters are the emitters that the last finding was made of, sorted, without
// an address; Activities are its bands. Neither may be changed.
func (a *Attributor) Emitters() []Attribution { return a.emitters }

// Activities are the bands that the last finding was made of.
func (a *Attributor) Activities() []Activity { return a.bands }

// settle lets the site learn from vehicles that left a while ago.
func (a *Attributor) settle() {
	l := a.site.lanes[0]
	for i, p := range l.passes {
		if p.learned || a.site.now < p.end+settleS {
			continue
		}
		if serial := l.next - len(l.passes) + i; p.end > a.site.now-a.site.cfg.ForgetAfter.Seconds() {
			a.site.attributed(0, serial, a.site.now)
		} else {
			l.passes[i].learned = true // what was heard is forgotten
			a.confirm(0, serial, p, nil)
			a.confirmed[len(a.confirmed)-1].Weighed = false
		}
	}
}

// Finding is what the air says now of the vehicle at the line, or of the one
// that was there last. It is worked out anew where that was a second ago.
func (a *Attributor) Finding(now time.Time) rf.Finding {
	s := a.site
	s.Now(now)
	if a.serial < 0 {
		return rf.Finding{Sensor: s.lanes[0].Stop, Sensed: s.sensed(0, s.told-5, s.told+1)}
	}
	if s.told >= a.asked && s.told < a.asked+askS {
		return a.said
	}
	a.asked = s.told
	emitters, bands, ok := s.attributed(0, a.serial, s.told)
	if !ok {
		return a.said
	}
	a.emitters, a.bands = retain(emitters, a.emitters), bands
	f := s.finding(0, a.emitters, bands)
	f.Unattributed += s.left
	i, _ := s.lanes[0].find(a.serial)
	p := s.lanes[0].passes[i]
	f.Sensed = s.sensed(0, p.start-1, min(p.end, s.told)+1)
	keep(&f, a.said)
	a.said = f
	return f
}

// retain puts what was surely said of an emitter before in the place of what is
// thought of it now, where that is less.
func retain(now, before []Attribution) []Attribution {
	at := map[*emitter]int{}
	for i := range now {
		at[now[i].from] = i
	}
	for _, b := range before {
		if b.Probability < sureEnough {
			continue
		}
		if i, there := at[b.from]; !there {
			now = append(now, b)
		} else if now[i].Probability < b.Probability {
			now[i].Probability, now[i].Why = b.Probability, b.Why
		}
	}
	return now
}

// Known says which emitters, by their tags, were with the vehicle now at the
// line on how many earlier visits.
func (a *Attributor) Known(visits map[uint64]int) { a.site.Known(0, visits) }

// Stats returns the counters so far.
func (a *Attributor) Stats() Stats { return a.site.Stats() }
