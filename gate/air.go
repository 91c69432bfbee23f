package gate

import (
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"time"

	"sallyport/rf"
	"sallyport/rf/attribute"
)

const (
	airVehicles = 8 // remembered, the oldest forgotten first
	crowdedFor  = time.Minute
	sketchFor   = 16   // seconds that what comes late may still be told apart in
	sketchBits  = 4096 // of one second; 2 % of error at 10,000 emitters, and 34,000 are the most that is said
)

// airKinds and airLevels are what a picture tells apart, in the order in which
// it shows them.
var (
	airKinds  = [...]rf.Kind{rf.WiFi, rf.BLE, rf.TPMS, rf.Cell, rf.V2X, rf.Fob}
	airLevels = [...]rf.Level{rf.DBm, rf.Relative, rf.NoLevel}
)

// air is the picture of what a lane's own sensors heard in the last minutes, and
// of the vehicles that stood there. Its size is bounded whatever is sent: kept of
// a second is how loud and how much, and of an address nothing but one bit, by a
// hash under a key drawn at the start, for as long as the second may be added to.
type air struct {
	seed  maphash.Seed
	begun time.Time

	mu       sync.Mutex
	series   [len(airKinds)][len(airLevels)]*airSeries
	vehicles []RadioVehicle
	sets     RadioSetsState
	beside   uint64 // neighbours' observations that were heard
	table    attribute.Stats
	full     time.Time // when the attributor's table had no room last
}

// airSeries is one kind in one sort of level. A second has the place of its
// number.
type airSeries struct {
	cells    [RadioSpan]airCell
	sketches [sketchFor]airSketch
}

type airCell struct {
	at        int64    // seconds since 1970
	loudest   [2]int16 // at the stop and upstream, tenths of a decibel; lowest: not heard there
	heard     uint32   // observations
	different uint16   // bits of the sketch
}

const airSilence = math.MinInt16

// airSketch estimates how many different emitters a second held by linear
// counting (Whang, Vander-Zanden, Taylor, ACM TODS 15, 1990).
type airSketch struct {
	at  int64
	set [sketchBits / 64]uint64
}

// emitters is the estimate from the number of bits that are set.
func emitters(set uint16) int {
	free := max(1, sketchBits-int(set))
	return int(math.Round(sketchBits * math.Log(sketchBits/float64(free))))
}

func newAir() *air { return &air{seed: maphash.MakeSeed(), begun: time.Now()} }

// hear adds one observation. Of the neighbours' sensors it is only counted.
func (a *air) hear(o *rf.Observation, from *ear) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if from == nil {
		a.beside++
		return
	}
	kind := slices.Index(airKinds[:], o.Kind)
	level := max(0, slices.Index(airLevels[:], o.Level))
	if kind < 0 {
		return
	}
	s := a.series[kind][level]
	if s == nil {
		s = &airSeries{}
		a.series[kind][level] = s
	}
	at := o.TS.Unix()
	c := &s.cells[at%RadioSpan]
	switch {
	case c.at > at:
		return // as long ago as the picture is long
	case c.at < at:
		*c = airCell{at: at, loudest: [2]int16{airSilence, airSilence}}
	}
	c.heard++
	if o.Level != rf.NoLevel {
		place := 0
		if from.Place == PlaceUpstream {
			place = 1
		}
		c.loudest[place] = max(c.loudest[place], int16(math.Round(o.RSSI*10)))
	}
	if o.Emitter == "" {
		return
	}
	k := &s.sketches[at%sketchFor]
	switch {
	case k.at > at:
		return
	case k.at < at:
		*k = airSketch{at: at}
	}
	h := maphash.String(a.seed, o.Emitter) % sketchBits
	if bit := uint64(1) << (h % 64); k.set[h/64]&bit == 0 {
		k.set[h/64] |= bit
		c.different++
	}
}

// fill puts into a picture what was heard from one second to another, and the
// vehicles.
func (a *air) fill(r *LaneRadio, from, to int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.Levels = []RadioLevels{}
	for i, byLevel := range a.series {
		for j, s := range byLevel {
			if s == nil {
				continue
			}
			l := RadioLevels{Kind: airKinds[i], Level: airLevels[j]}
			for at := from; at <= to; at++ {
				if c := &s.cells[at%RadioSpan]; c.at == at && c.heard > 0 {
					l.Seconds = append(l.Seconds, RadioSecond{
						At: int(at - from), Stop: c.level(0), Upstream: c.level(1),
						Observations: int(c.heard), Emitters: emitters(c.different),
					})
				}
			}
			if len(l.Seconds) > 0 {
				r.Levels = append(r.Levels, l)
			}
		}
	}
	r.Vehicles = append([]RadioVehicle{}, a.vehicles...)
	r.Sets, r.Neighbours.Heard = a.sets, a.beside
	r.Table = RadioTable{
		Observed: a.table.Observed, Foreign: a.table.Foreign, Stale: a.table.Stale, Dropped: a.table.Dropped,
		Evicted: a.table.Evicted, Forgotten: a.table.Forgotten, Emitters: a.table.Emitters,
	}
}

func (c *airCell) level(place int) rf.Quantity {
	if c.loudest[place] == airSilence {
		return rf.Quantity{}
	}
	return rf.Known(float64(c.loudest[place]) / 10)
}

func (a *air) counted(t attribute.Stats, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.Dropped+t.Evicted > a.table.Dropped+a.table.Evicted {
		a.full = now
	}
	a.table = t
}

// crowded tells whether the attributor's table had no room of late.
func (a *air) crowded(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.full.IsZero() && now.Sub(a.full) < crowdedFor
}

// set changes the counts of what was asked about earlier visits.
func (a *air) set(change func(*RadioSetsState)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.sets)
}

// came begins a vehicle's stay at the line.
func (a *air) came(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.vehicles) >= airVehicles {
		a.vehicles = slices.Delete(a.vehicles, 0, 1)
	}
	a.vehicles = append(a.vehicles, RadioVehicle{From: at})
}

// vehicle changes what is said of the vehicle that came at that instant, if it
// is still remembered.
func (a *air) vehicle(from time.Time, change func(*RadioVehicle)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.vehicles {
		if a.vehicles[i].From.Equal(from) {
			change(&a.vehicles[i])
		}
	}
}

// weighed sets what is thought now of a vehicle.
func (v *RadioVehicle) weighed(f rf.Finding) {
	v.Finding = f
	if v.To.IsZero() || v.left == nil {
		return
	}
	v.Changed, v.WhenLeft = nil, nil
	for _, c := range []struct {
		word    string
		changed bool
	}{
		{"hotspot", f.HotspotHeard != v.left.HotspotHeard},
		{"make", f.Make != v.left.Make},
		{"maker", f.Maker != v.left.Maker},
		{"cellular", f.Cellular != v.left.Cellular},
	} {
		if c.changed {
			v.Changed = append(v.Changed, c.word)
			v.WhenLeft = v.left
		}
	}
}
