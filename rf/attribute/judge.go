package attribute

import (
	"cmp"
	"math"
	"slices"

	"sallyport/rf"
)

// Attribution is what is thought of one emitter and one vehicle, and all that a
// finding may be made of: finding.go reduces it to rf.Heard.
type Attribution struct {
	Emitter     string `json:"-"` // address; empty unless Config.KeepAddress
	Kind        rf.Kind
	Probability float64 // that it travelled in the vehicle
	Observed
	Why Why

	from *emitter
}

// Activity is what is thought of one band's uplink and one vehicle. It cannot
// tell a modem from a telephone.
type Activity struct {
	Band        string
	Probability float64 // that something in the vehicle transmitted there while it stood
}

// maxJudged is how many emitters are looked at for one vehicle, at most: those
// with a vehicle's prefix or name first, then those heard longest at the line.
const maxJudged = 256

// A running site looks at what is surely not the vehicle's (less than sureNot)
// only every againS seconds while it stands: most of what is heard stays where it
// is.
const (
	sureNot = 0.01
	againS  = 3.0
)

// Attributed tells of every emitter heard at the line while a vehicle stood
// there, sorted by address, and of every band. ok is false for a vehicle that
// is not known, or no longer. It is as of the time that Now told last: a sensor
// whose clock is ahead has no say in how late it is.
func (s *Site) Attributed(ln, serial int) (emitters []Attribution, bands []Activity, ok bool) {
	return s.attributed(ln, serial, s.told)
}

func (s *Site) attributed(ln, serial int, now float64) (emitters []Attribution, bands []Activity, ok bool) {
	b, ok := s.board(ln, serial, now)
	if !ok {
		return nil, nil, false
	}
	var judged []candidate
	judged, s.left = s.candidates(b)
	for _, c := range judged {
		p, was := c.e.thought(serial, now)
		if was && s.lazy && now < b.pass.end+settleS {
			s.scratch.rivals = [rivals]float64{}
		} else if p = s.judge(c.e, b, c.seconds); p < sureNot && !c.e.auto {
			c.e.not = thought{serial + 1, now, p}
		}
		emitters = append(emitters, Attribution{Emitter: c.e.addr, Kind: c.e.kind, Probability: p, Observed: c.e.Observed, Why: s.why(c.e, b, c.seconds), from: c.e})
	}
	slices.SortFunc(emitters, func(x, y Attribution) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Emitter, y.Emitter), cmp.Compare(x.Probability, y.Probability))
	})
	if m, _ := s.lanes[ln].find(serial); b.now >= b.pass.end+settleS && !b.pass.learned {
		s.lanes[ln].passes[m].learned = true
		s.learn(b, emitters)
		if s.settled != nil {
			s.settled(ln, serial, b.pass, emitters)
		}
	}
	for name, e := range s.bands {
		if p := s.activity(e, b); p > 0 {
			bands = append(bands, Activity{Band: name, Probability: p})
		}
	}
	slices.SortFunc(bands, func(x, y Activity) int { return cmp.Compare(x.Band, y.Band) })
	return emitters, bands, true
}

// thought is what was thought of an emitter and a vehicle at some time.
type thought struct {
	vehicle     int // its serial and one; 0: of none
	at          float64
	probability float64
}

// thought tells what was thought a moment ago of an emitter that is surely not
// the vehicle's.
func (e *emitter) thought(serial int, now float64) (float64, bool) {
	return e.not.probability, e.not.vehicle == serial+1 && now >= e.not.at && now < e.not.at+againS
}

type candidate struct {
	e       *emitter
	seconds int
}

// stood is the span of seconds in which the vehicle of a pass was at the line.
func (b *board) stood() (from, to int32) {
	return int32(math.Floor(b.pass.start)), int32(math.Floor(math.Min(b.pass.end, b.now)))
}

// candidates are the emitters that were heard at the line, and how many more
// there were.
func (s *Site) candidates(b *board) (judged []candidate, left int) {
	from, to := b.stood()
	for _, e := range s.emitters {
		if e.last < from {
			continue
		}
		if n := e.at[s.lanes[b.lane].stop].heard(from, to); n > 0 {
			judged = append(judged, candidate{e, n})
		}
	}
	if len(judged) > maxJudged {
		slices.SortFunc(judged, func(x, y candidate) int {
			if x.e.auto != y.e.auto {
				if x.e.auto {
					return -1
				}
				return 1
			}
			return cmp.Compare(y.seconds, x.seconds)
		})
		left = len(judged) - maxJudged
		judged = judged[:maxJudged]
	}
	return judged, left
}

// judge is the probability that an emitter, heard for some seconds at the line,
// travelled in the vehicle. One or two seconds are not yet an attribution.
func (s *Site) judge(e *emitter, b *board, seconds int) float64 {
	p := s.probability(e, b, b.t0, b.t1)
	if seconds < fewSeconds {
		p *= float64(seconds) / (2 * fewSeconds)
	}
	return p
}

// activity is the probability that a band's uplink was in use in the vehicle
// while it stood. Each burst is a transmitter of its own that may be anywhere:
// it is weighed as an emitter is, within its own seconds, so that what else the
// street sends in the band before and after has no say. What goes on while one
// vehicle makes way for another may be of both: a burst ends there.
func (s *Site) activity(e *emitter, b *board) float64 {
	from, to := b.stood()
	cuts := s.lanes[b.lane].changes()
	var busy []int32
	for _, x := range e.at {
		for _, y := range x.from(b.t0) {
			if y.at <= b.t1 {
				busy = append(busy, y.at)
			}
		}
	}
	slices.Sort(busy)
	none := 1.0
	for len(busy) > 0 {
		n := 1
		for n < len(busy) && busy[n]-busy[n-1] <= burstGapS && !cut(cuts, busy[n-1], busy[n]) {
			n++
		}
		first, last := busy[0], busy[n-1]
		busy = busy[n:]
		if e.at[s.lanes[b.lane].stop].heard(max(first, from), min(last, to)) > 0 {
			none *= 1 - s.probability(e, b, first, last)
		}
	}
	return 1 - none
}

// changes are the seconds from which on what is heard at a lane's line is rather
// of the next vehicle than of the one before: half of the time between them, or
// of that which a queued one takes.
func (l *lane) changes() (out []int32) {
	for i, p := range l.passes {
		if math.IsInf(p.end, 1) {
			break
		}
		took := followS
		if i+1 < len(l.passes) {
			took = math.Min(took, l.passes[i+1].start-p.end)
		}
		out = append(out, int32(math.Ceil(p.end+took/2)))
	}
	return out
}

// cut tells whether any of some rising seconds lies after one and not after
// another.
func cut(at []int32, after, until int32) bool {
	i, _ := slices.BinarySearch(at, after+1)
	return i < len(at) && at[i] <= until
}
