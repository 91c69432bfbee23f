package gate

import (
	"sync"
	"time"
)

// Clock gives the instants of records. Each is later than the one before: while
// the system's clock is behind the last record, the instants go on from that
// record by a nanosecond each, so that effective dates cannot be dodged, and no
// approval back-dated, by setting the clock back, and so that it is always clear
// which of two came first. A site has one; its methods may be called
// concurrently.
type Clock struct {
	now  func() time.Time
	mu   sync.Mutex
	last time.Time

	jumped time.Time // when the clock last jumped; zero is never
}

// NewClock reads the system's time from now.
func NewClock(now func() time.Time) *Clock { return &Clock{now: now} }

// clockTolerance is how far behind the last record a clock may be without
// being called wrong: lanes stamp records concurrently.
const clockTolerance = time.Second

// Stamp is the instant of a record made now, in UTC. behind says that the
// system's clock is behind the last record.
func (c *Clock) Stamp() (at time.Time, behind bool) {
	now := c.now().UTC().Round(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.After(c.last) {
		c.last = now
		return now, false
	}
	behind = now.Before(c.last.Add(-clockTolerance))
	c.last = c.last.Add(time.Nanosecond)
	return c.last, behind
}

// Now is the instant to ask for what holds now: not before the last record.
func (c *Clock) Now() time.Time {
	now := c.now().UTC().Round(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.last) {
		return c.last
	}
	return now
}

// AtLeast tells the clock of a record that is there already.
func (c *Clock) AtLeast(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.last) {
		c.last = t.UTC()
	}
}
