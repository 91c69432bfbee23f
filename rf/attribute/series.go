package attribute

import (
	"math"

	"sallyport/rf"
)

// second is what one sensor heard of one emitter in one second: the sum of the
// levels in tenths of a dB, so that the order of arrival does not matter.
type second struct {
	at  int32 // seconds since the site's first observation
	sum int16
	top int16 // the loudest of them
	n   uint8 // levels in the sum; 0: it was heard, and nobody said how loud
}

func (s second) level() float64 { return float64(s.sum) / float64(s.n) / 10 }

func (s second) loudest() float64 { return float64(s.top) / 10 }

const (
	maxSeconds = 240 // seconds kept of one emitter at one sensor
	maxPerSec  = 20  // observations counted in one second
)

// scale says what the levels of a series are.
type scale uint8

const (
	inDBm    scale = 1
	relative scale = 2 // dB of the receiver's full scale
	mixed    scale = 3 // both: no two of them can be compared
)

func (c scale) level() rf.Level {
	switch c {
	case inDBm:
		return rf.DBm
	case relative:
		return rf.Relative
	case mixed:
	}
	return rf.NoLevel
}

// series holds the seconds in which something was heard, oldest first.
type series struct {
	bins  []second
	scale scale
}

// add puts a level into its second; one that is no level says only that
// something was heard. fresh tells whether the second is a new one, kept is
// false for one older than all that a full series keeps.
func (s *series) add(at int32, dbm float64, level rf.Level) (fresh, kept bool) {
	n := uint8(1)
	switch level {
	case rf.DBm:
		s.scale |= inDBm
	case rf.Relative:
		s.scale |= relative
	default:
		dbm, n = 0, 0
	}
	i := len(s.bins)
	for i > 0 && s.bins[i-1].at > at {
		i--
	}
	tenths := int16(math.Round(dbm * 10))
	if i > 0 && s.bins[i-1].at == at {
		if b := &s.bins[i-1]; b.n < maxPerSec {
			if b.n == 0 || n > 0 && tenths > b.top {
				b.top = tenths
			}
			b.n += n
			b.sum += tenths
		}
		return false, true
	}
	if len(s.bins) >= maxSeconds {
		if i == 0 {
			return false, false
		}
		copy(s.bins, s.bins[1:i])
		s.bins[i-1] = second{at, tenths, tenths, n}
		return true, true
	}
	s.bins = append(s.bins, second{})
	copy(s.bins[i+1:], s.bins[i:])
	s.bins[i] = second{at, tenths, tenths, n}
	return true, true
}

// level of one second of a series; NaN where it has none that can be compared
// with the others.
func (s *series) level(x second) float64 {
	if x.n == 0 || s.scale == mixed {
		return math.NaN()
	}
	return x.level()
}

// from is the part of a series that is not older than at.
func (s *series) from(at int32) []second {
	if s == nil {
		return nil
	}
	i := len(s.bins)
	for i > 0 && s.bins[i-1].at >= at {
		i--
	}
	return s.bins[i:]
}

// heard counts the seconds from, …, to in which something was heard.
func (s *series) heard(from, to int32) int {
	n := 0
	for _, b := range s.from(from) {
		if b.at > to {
			break
		}
		n++
	}
	return n
}
