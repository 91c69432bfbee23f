package gate

import (
	"context"
	"time"
)

// Jump is a step of the system's clock while the program ran: somebody set it, or
// a time source did, or the machine slept.
type Jump struct {
	At time.Time     // what the clock shows after it
	By time.Duration // forward where positive
}

// JumpBound is how far a clock may step without being called wrong: more than a
// time source moves it at once, less than matters to a rule.
const JumpBound = 5 * time.Second

// jumpShown is how long the lanes say that the clock jumped.
const jumpShown = time.Hour

// WatchClock compares the clock with the time that has passed, every so often,
// and hands on each step of more than bound, until the context ends. now is the
// clock; elapsed is time since some moment, by a count that nobody sets. A jump
// back is also found by Clock.Stamp, where it goes behind the last record; one
// forward is found here alone, because nothing recorded is against it.
func WatchClock(ctx context.Context, every, bound time.Duration, now func() time.Time, elapsed func() time.Duration, found func(Jump)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	clock, passed := now().Round(0), elapsed()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		clockNow, passedNow := now().Round(0), elapsed()
		if by := clockNow.Sub(clock) - (passedNow - passed); by > bound || by < -bound {
			found(Jump{At: clockNow.UTC(), By: by.Round(time.Millisecond)})
		}
		clock, passed = clockNow, passedNow
	}
}

// Jumped has the lanes say for an hour that the clock jumped.
func (c *Clock) Jumped(j Jump) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jumped = j.At
}

// JustJumped tells whether the clock jumped within the hour.
func (c *Clock) JustJumped() bool {
	now := c.now().UTC()
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.jumped.IsZero() && now.Sub(c.jumped).Abs() < jumpShown
}
