package attribute

import "math"

// lesson is the running mean and spread of what emitters that surely travelled
// with a vehicle showed while it stood at the line.
type lesson struct {
	n, mean, square float64
}

func (l *lesson) add(x float64) {
	// What is older than a few hundred emitters fades: antennas are moved.
	if l.n >= lessonMemory {
		l.n *= 1 - 1/lessonMemory
		l.square *= 1 - 1/lessonMemory
	}
	l.n++
	d := x - l.mean
	l.mean += d / l.n
	l.square += d * (x - l.mean)
}

// about is the mean and the spread of the next emitter, given what was thought
// before anything was learned, and how little the spread can become.
func (l *lesson) about(mean, sd, least float64) (float64, float64) {
	// Prior weights: one lesson's worth for the mean, lessonsNeeded for the spread.
	m := (mean + l.n*l.mean) / (1 + l.n)
	v := (sd*sd*lessonsNeeded + l.square) / (lessonsNeeded + l.n)
	return m, math.Max(least, math.Sqrt(v))
}

// family groups emitters whose level at the line is alike.
func (e *emitter) family() int {
	switch {
	case e.cell:
		return 0
	case e.wifi:
		return 1
	case e.ble:
		return 2
	}
	return 3
}

const families = 4

// learn takes what a settled vehicle's emitters showed: how loud their kind is
// at the line, and what each other sensor hears of a vehicle that stands there.
// Only emitters that are surely the vehicle's teach, and only sensors that heard
// them nearly as often: of the others only the louder moments are known.
func (s *Site) learn(b *board, found []Attribution) {
	from, to := b.stood()
	from, to = from+1, to-1
	stop := s.lanes[b.lane].stop
	for _, a := range found {
		if a.Probability < lessonFrom {
			continue
		}
		n, level := a.from.at[stop].mean(from, to)
		if n < lessonSeconds {
			continue
		}
		s.levels[a.from.family()].add(level)
		for i, se := range s.sensors {
			if i == stop {
				continue
			}
			if m, there := a.from.at[i].mean(from, to); m >= lessonSeconds && 10*m >= 7*n {
				apart := s.lanes[b.lane].Place - s.lanes[se.lane].Place
				s.biases[b.lane][i].add(there - level - float64(s.gains[max(apart, -apart)].at(se.x)))
			}
		}
	}
}

// mean of the levels in dBm that a series has in the seconds from, …, to, and
// their number. Other levels teach nothing.
func (s *series) mean(from, to int32) (n int, level float64) {
	if s == nil || s.scale != inDBm {
		return 0, 0
	}
	for _, x := range s.from(from) {
		if x.at <= to && x.n > 0 {
			n++
			level += x.level()
		}
	}
	return n, level / math.Max(1, float64(n))
}
