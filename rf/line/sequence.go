package line

import "math"

// window is how many numbers back a frame may come late or be known again.
const window = 64

// sequence knows the last frames of one receiver by number and check.
type sequence struct {
	begun  bool
	last   uint32 // greatest number taken since the receiver's start
	span   uint32 // numbers since the first one heard, up to window
	seen   [window]bool
	checks [window]uint16

	// back is a number far behind the last; the next frame tells whether the
	// receiver goes on from there.
	back    uint32
	hasBack bool
}

type what int

const (
	next what = iota
	late
	repeated
	restarted
	stale
)

type outcome struct {
	what    what
	missing int64 // change of the frames that are missing
}

// take counts one frame whose check was right. Numbers are compared as RFC 1982
// does, so that 0 follows the greatest.
func (s *sequence) take(n uint32, check uint16) outcome {
	if !s.begun {
		s.start(n, check)
		return outcome{what: next}
	}
	ahead := int32(n - s.last)
	near := ahead <= 0 && ahead > -window
	seen := near && s.seen[n%window]
	switch {
	case seen && s.checks[n%window] == check:
		s.hasBack = false
		return outcome{what: repeated}
	case seen, n == 0 && !near && s.last != math.MaxUint32:
		s.start(n, check)
		return outcome{what: restarted}
	case near:
		s.keep(n, check)
		if s.last-n > s.span {
			return outcome{what: late} // from before the first one heard: nobody missed it
		}
		return outcome{what: late, missing: -1}
	case ahead > 0:
		if ahead >= window {
			s.seen = [window]bool{}
		} else {
			for m := s.last + 1; m != n; m++ {
				s.seen[m%window] = false
			}
		}
		s.span = min(window, s.span+uint32(ahead))
		s.last, s.hasBack = n, false
		s.keep(n, check)
		return outcome{what: next, missing: int64(ahead) - 1}
	}
	if on := int32(n - s.back); s.hasBack && on > 0 && on <= window {
		s.start(n, check)
		return outcome{what: restarted, missing: int64(on) - 1}
	}
	s.back, s.hasBack = n, true
	return outcome{what: stale}
}

func (s *sequence) start(n uint32, check uint16) {
	*s = sequence{begun: true, last: n}
	s.keep(n, check)
}

func (s *sequence) keep(n uint32, check uint16) {
	s.seen[n%window], s.checks[n%window] = true, check
}
