package gate

import (
	"context"
	"slices"
	"sync"
	"time"

	"sallyport/policy"
	"sallyport/rf"
	"sallyport/rf/attribute"
)

// What an Attributor may be able to do beyond its port. Like the port's, these
// methods are called by the lane's goroutine alone.
type (
	// An attributor that knows the lanes beside is told of their vehicles.
	neighbourly interface {
		NeighbourPresent(lane string, present bool, at time.Time)
	}
	// One that knows radio sets is told on how many earlier visits which
	// emitters were with the vehicle at the line, and tells which surely were
	// with one that has left, once it was weighed the last time.
	remembering interface {
		Serial() int
		Known(visits map[uint64]int)
		Confirmed(now time.Time) []attribute.Confirmed
	}
	// One that weighs cellular bands tells of those of its last finding.
	banded interface{ Activities() []attribute.Activity }
	// One that counts what it was given says so.
	counting interface{ Stats() attribute.Stats }
)

// The attributor that there is can do all of it.
var _ interface {
	Attributor
	neighbourly
	remembering
	banded
	counting
} = (*attribute.Attributor)(nil)

const (
	hearAtOnce = 256              // observations taken before the lane looks at its inbox again
	weighFor   = 45 * time.Second // after its departure a vehicle is still weighed, by an attributor that does not say when it is done
	maxStays   = 16               // vehicles that wait to be weighed the last time
	asidesMost = 4                // questions about earlier visits that are open at once
)

// stay is one vehicle's stay at the line, as far as the radio goes.
type stay struct {
	serial   int // as the attributor numbers it
	from, to time.Time
	passage  PassageID
	vin      string // empty: none that is sure
}

// asides is work beside the lane's goroutine, a bounded number at a time.
type asides struct {
	sync.WaitGroup
	free chan struct{}
}

func newAsides() asides { return asides{free: make(chan struct{}, asidesMost)} }

// hear takes in what the sensors have sent so far, a bounded number at a time.
func (l *lane) hear() {
	for _, n := range l.ears.notices() {
		if a, ok := l.cfg.Attributor.(neighbourly); ok {
			a.NeighbourPresent(string(n.lane), n.present, n.at)
		}
	}
	for range hearAtOnce {
		h := l.ears.next()
		if h == nil {
			return
		}
		l.air.hear(&h.o, h.from)
		l.cfg.Attributor.Observe(h.o)
	}
	l.ears.ring()
}

// come and leave tell the attributor, and those of the lanes beside, who stands
// at the line, and when.
func (l *lane) come(at time.Time) {
	if l.cfg.Attributor != nil && !l.present {
		l.cfg.Attributor.VehiclePresent(true, at)
		s := stay{serial: -1, from: at}
		if a, ok := l.cfg.Attributor.(remembering); ok {
			s.serial = a.Serial()
		}
		if len(l.stays) >= maxStays {
			l.stays = slices.Delete(l.stays, 0, 1)
		}
		l.stays = append(l.stays, s)
		l.air.came(at)
		l.tellBeside(true, at)
	}
	l.present = true
}

func (l *lane) leave() {
	l.left = time.Now()
	if l.cfg.Attributor != nil && l.present {
		at := time.Now().UTC().Round(0)
		l.cfg.Attributor.VehiclePresent(false, at)
		s := &l.stays[len(l.stays)-1]
		s.to = at
		l.air.vehicle(s.from, func(v *RadioVehicle) {
			left := v.Finding
			v.To, v.left = at, &left
		})
		l.tellBeside(false, at)
	}
	l.present = false
}

func (l *lane) tellBeside(present bool, at time.Time) {
	for _, o := range l.beside {
		o.ears.note(passing{lane: l.cfg.ID, present: present, at: at})
	}
}

// listen looks after the sensors, and shows the lane again where that changes
// anything.
func (l *lane) listen(now time.Time) {
	r, deaf := l.ears.state(now, l.cfg.SilentAfter)
	silent := deaf || len(r.Silent) > 0 || len(r.Skewed) > 0
	r.Crowded = l.air.crowded(now)
	crowded := r.Crowded != l.radio.Crowded
	changed := silent != l.silent || !slices.Equal(r.Silent, l.radio.Silent) || !slices.Equal(r.Skewed, l.radio.Skewed)
	l.radio, l.silent = r, silent
	if crowded && r.Crowded {
		l.ctl.cfg.Log.WarnContext(l.ctx, "more emitters are heard than can be told apart", "lane", l.cfg.ID)
	}
	if changed {
		if silent {
			l.ctl.cfg.Log.WarnContext(l.ctx, "sensors", "lane", l.cfg.ID, "heard", r.Sensors, "silent", r.Silent, "clock", r.Skewed)
		} else {
			l.ctl.cfg.Log.InfoContext(l.ctx, "all sensors are heard", "lane", l.cfg.ID)
		}
	}
	if counted := r.Accepted + r.Refused + r.Dropped; changed || crowded || counted != l.shown && now.Sub(l.shownAt) >= radioRefresh {
		l.publish()
	}
}

// weigh asks what the air says of the vehicle at the line, or of the one that
// left last, and puts it into the picture; asked is false where nobody is there.
func (l *lane) weigh(now time.Time) (f rf.Finding, asked bool) {
	if n := len(l.stays); n > 0 {
		s := &l.stays[n-1]
		f, asked = l.cfg.Attributor.Finding(now), true
		var bands []RadioBand
		if a, ok := l.cfg.Attributor.(banded); ok {
			for _, b := range a.Activities() {
				bands = append(bands, RadioBand(b))
			}
		}
		l.air.vehicle(s.from, func(v *RadioVehicle) {
			v.Bands = bands
			v.weighed(f)
		})
	}
	if a, ok := l.cfg.Attributor.(counting); ok {
		l.air.counted(a.Stats(), now)
	}
	a, ok := l.cfg.Attributor.(remembering)
	if !ok {
		l.settled(func(s *stay) bool { return !s.to.IsZero() && now.Sub(s.to) > weighFor })
		return f, asked
	}
	for _, c := range a.Confirmed(now) {
		l.settled(func(s *stay) bool {
			if s.serial != c.Serial {
				return false
			}
			if c.Weighed {
				l.air.vehicle(s.from, func(v *RadioVehicle) {
					last := c.Finding
					last.Cellular = v.Finding.Cellular
					v.weighed(last)
				})
			}
			l.keepSet(s, c.Tags)
			return true
		})
	}
	return f, asked
}

// settled forgets the vehicles that will not be weighed again.
func (l *lane) settled(done func(*stay) bool) {
	l.stays = slices.DeleteFunc(l.stays, func(s stay) bool {
		if !done(&s) {
			return false
		}
		l.air.vehicle(s.from, func(v *RadioVehicle) { v.Final = true })
		return true
	})
}

// identified says which passage, and which VIN, the vehicle at the line is of,
// and asks what was heard with it on earlier visits.
func (l *lane) identified(p *Passage) {
	if l.cfg.Attributor == nil || len(l.stays) == 0 {
		return
	}
	s := &l.stays[len(l.stays)-1]
	s.passage = p.ID
	if p.Result.Vehicle.Valid {
		s.vin = p.Result.VIN
	}
	l.air.vehicle(s.from, func(v *RadioVehicle) { v.Passage = p.ID })
	a, ok := l.cfg.Attributor.(remembering)
	if !ok || s.vin == "" || l.ctl.cfg.RadioSets == nil {
		return
	}
	vin, from, at := s.vin, s.from, p.At
	l.air.set(func(st *RadioSetsState) { st.Asked++ })
	l.aside("ask", func(ctx context.Context) (message, error) {
		visits, err := l.ctl.cfg.RadioSets.RadioSet(ctx, vin, at)
		return func(l *lane) {
			if len(visits) == 0 {
				return
			}
			l.air.set(func(st *RadioSetsState) { st.Known++ })
			// Another vehicle may stand there by now.
			if n := len(l.stays); l.present && n > 0 && l.stays[n-1].from.Equal(from) {
				a.Known(visits)
				l.air.vehicle(from, func(v *RadioVehicle) { v.Earlier = len(visits) })
			}
		}, err
	})
}

// keepSet keeps which emitters were surely with a vehicle that has left.
func (l *lane) keepSet(s *stay, tags []uint64) {
	if l.ctl.cfg.RadioSets == nil || len(tags) == 0 || s.vin == "" {
		return
	}
	set := RadioSet{VIN: s.vin, Passage: s.passage, At: l.ctl.clock.Now(), Tags: tags}
	l.aside("keep", func(ctx context.Context) (message, error) {
		err := l.ctl.cfg.RadioSets.KeepRadioSet(ctx, set)
		return func(l *lane) { l.air.set(func(st *RadioSetsState) { st.Kept++ }) }, err
	})
}

// aside does work of a bounded time beside the lane's goroutine, and has the
// lane carry on with what came of it. What fails is counted, and logged when it
// begins to.
func (l *lane) aside(what string, work func(context.Context) (message, error)) {
	select {
	case l.asides.free <- struct{}{}:
	default:
		l.air.set(func(st *RadioSetsState) { st.Failed++ })
		return
	}
	l.asides.Go(func() {
		defer func() { <-l.asides.free }()
		ctx, cancel := context.WithTimeout(l.ctx, l.cfg.SetsTimeout)
		defer cancel()
		then, err := work(ctx)
		_ = l.post(l.ctx, func(l *lane) { // fails only when stopping
			if err == nil {
				l.setsBad = false
				then(l)
				return
			}
			l.air.set(func(st *RadioSetsState) { st.Failed++ })
			if !l.setsBad {
				l.setsBad = true
				l.ctl.cfg.Log.WarnContext(l.ctx, "radio sets of earlier visits", "lane", l.cfg.ID, "step", what, "error", err)
			}
		})
	})
}

// raises tells whether a verdict, with what was heard since, is stricter than the
// one that stands, or as strict and for one more reason: most vehicles are sent
// to inspection anyway, and who inspects one must know that the air contradicts
// it. The air lowers no verdict, and takes no reason, condition or work away.
func raises(now, was *policy.Verdict) bool {
	if now.Outcome != was.Outcome {
		return now.Outcome > was.Outcome
	}
	rules := func(v *policy.Verdict) (out []string) {
		for i := range v.Reasons {
			out = append(out, v.Reasons[i].Rule)
		}
		return out
	}
	return !within(rules(now), rules(was)) && within(rules(was), rules(now)) &&
		within(was.Conditions, now.Conditions) && within(was.WorkItems, now.WorkItems)
}

// within tells whether all of a list are in another.
func within(list, other []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(other, s) })
}
