package attribute

import "math"

// pass is one vehicle at the line of a lane. Times are in seconds of the site.
type pass struct {
	start, end float64 // end: +Inf while it stands
	learned    bool    // the site has learned from it
}

const (
	followS   = 8.0  // a queued vehicle is at the line within these: a car length from rest to rest at 1 m/s², and a driver's reaction
	slowS     = 45.0 // … or within these, where it was called to the line: the one before was let in first
	rangeS    = 30.0 // a vehicle that comes freely is within range for these before it stands
	brakeMS2  = 1.0  // of a vehicle that rolls up
	leaveMS2  = 1.5  // of one that leaves
	townMS    = 8.0  // the speed of either, at most
	rollUp    = 0.6  // of the time between two vehicles at the line is the second one's way to it; then it comes to rest
	maxQueued = 13   // cars on 100 m
)

// joined tells where vehicle m of a lane was at t if it came in that way.
func (l *lane) joined(m int, t, now float64, w way) (x float64, there bool) {
	if t >= w.join {
		return l.place(m, t, now, w.follow)
	}
	x, there = l.place(m, w.join, now, w.follow)
	return x + travelled(w.join-t, brakeMS2), there && w.join-t < rangeS
}

// free is the last vehicle up to m that came to an empty lane: to which the one
// before had left longer than follow ago. It is −1 where m has not come yet.
func (l *lane) free(m int, now, follow float64) int {
	n := len(l.passes)
	if n == 0 || m >= n && now-l.passes[n-1].end > follow {
		return -1
	}
	free := min(m, n-1)
	for free > 0 && l.passes[free].start-l.passes[free-1].end <= follow {
		free--
	}
	return free
}

// place tells where vehicle m of a lane was at t: metres before the line, and
// whether it was there at all. m may be beyond the last known one: the first,
// second … that queues behind it. now is how far the lane is known, and follow
// within which time a queued vehicle is at the line.
func (l *lane) place(m int, t, now, follow float64) (x float64, there bool) {
	n := len(l.passes)
	if m < n && t >= l.passes[m].end {
		u := t - l.passes[m].end
		return -travelled(u, leaveMS2), true
	}
	free := l.free(m, now, follow)
	if free < 0 {
		return 0, false
	}
	if t < l.passes[free].start {
		u := l.passes[free].start - t
		return travelled(u, brakeMS2) + l.queueM*float64(m-free), u < rangeS
	}
	// In the queue: c is at the line, or the next that will be.
	c := free
	for c < n && l.passes[c].end <= t {
		c++
	}
	ahead := float64(m - c)
	if c < n && t >= l.passes[c].start {
		return l.queueM * ahead, ahead <= maxQueued
	}
	left := l.passes[c-1].end
	took := followS / 2
	if c < n {
		took = math.Max(l.passes[c].start-left, 1)
	}
	return l.queueM * (ahead + 1 - math.Min(1, (t-left)/(rollUp*took))), ahead <= maxQueued
}

// travelled is the way of a vehicle that starts from rest, after u seconds.
func travelled(u, accel float64) float64 {
	up := townMS / accel
	if u <= up {
		return accel * u * u / 2
	}
	return townMS*up/2 + townMS*(u-up)
}

// since is the earliest time at which vehicle m of a lane can have been there.
func (l *lane) since(m int, now, follow float64) float64 {
	n := len(l.passes)
	t := math.Inf(-1)
	if k := m - maxQueued - 1; k >= 0 && k < n {
		t = l.passes[k].end
	} else if k >= n {
		return now
	}
	for free := min(m, n-1); free >= 0; free-- {
		if free == 0 || l.passes[free].start-l.passes[free-1].end > follow {
			return math.Max(t, l.passes[free].start-rangeS)
		}
	}
	return t
}

// queued is how likely it is that another vehicle queues behind one, by how
// often it was so with those that are remembered (Laplace's rule of succession).
func (l *lane) queued() float64 {
	left, followed := 2.0, 1.0
	for i, p := range l.passes[:max(0, len(l.passes)-1)] {
		left++
		if l.passes[i+1].start-p.end <= followS {
			followed++
		}
	}
	return followed / left
}

// way is one way in which a vehicle may have come.
type way struct {
	join   float64 // to the end of the queue; −Inf: before all that is looked at
	follow float64 // within which time a queued vehicle is at the line
	prior  float64 // log
}

// ways are those in which vehicle m may have come. One that is slow to follow was
// in the queue nevertheless, as likely as vehicles queue in this lane at all, or
// came freely: nobody tells.
func (l *lane) ways(m int, now float64) (out []way) {
	follows, priors := []float64{followS}, []float64{0}
	if l.free(m, now, followS) != l.free(m, now, slowS) {
		queued := l.queued()
		follows, priors = append(follows, slowS), []float64{math.Log(1 - queued), math.Log(queued)}
	}
	for i, f := range follows {
		joins := l.joins(m, now, f)
		for _, j := range joins {
			out = append(out, way{j, f, priors[i] - math.Log(float64(len(joins)))})
		}
	}
	return out
}

// joins are the times at which vehicle m may have come to the end of the queue:
// before all that is looked at, or some time before the one ahead of it left.
func (l *lane) joins(m int, now, follow float64) []float64 {
	n := len(l.passes)
	if m == 0 || m < n && l.passes[m].start-l.passes[m-1].end > follow {
		return []float64{math.Inf(-1)}
	}
	e := now
	if m <= n {
		e = math.Min(e, l.passes[m-1].end)
	}
	return []float64{math.Inf(-1), e - 2, e - 8, e - 16, e - 28}
}
