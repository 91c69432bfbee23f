package gate_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
)

// setClock is a clock that somebody sets.
type setClock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *setClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *setClock) set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += by
}

// TestWatchClock: steps beyond the bound are found, each once, in both
// directions; smaller ones, and time that passes, are none.
func TestWatchClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c setClock
		var found []time.Duration
		ctx, stop := context.WithCancel(t.Context())
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			gate.WatchClock(ctx, 10*time.Second, gate.JumpBound, c.now, func() time.Duration { return time.Since(start) }, func(j gate.Jump) {
				if !j.At.Equal(c.now()) {
					t.Errorf("at %s, and the clock shows %s", j.At, c.now())
				}
				found = append(found, j.By)
			})
		}()
		for _, by := range []time.Duration{0, 3 * time.Second, time.Hour, 0, 24 * time.Hour * 400, -4 * time.Second, -2 * time.Hour, 0} {
			time.Sleep(25 * time.Second)
			c.set(by)
		}
		time.Sleep(time.Hour)
		stop()
		<-done
		if want := []time.Duration{time.Hour, 400 * 24 * time.Hour, -2 * time.Hour}; !slices.Equal(found, want) {
			t.Errorf("%v, want %v", found, want)
		}
	})
}

// TestJumpIsShown: for an hour after it the lanes say so.
func TestJumpIsShown(t *testing.T) {
	var c setClock
	clock := gate.NewClock(c.now)
	if clock.JustJumped() {
		t.Error("it never jumped")
	}
	c.set(24 * time.Hour)
	clock.Jumped(gate.Jump{At: c.now(), By: 24 * time.Hour})
	if !clock.JustJumped() {
		t.Error("it jumped just now")
	}
	c.set(time.Hour + time.Minute)
	if clock.JustJumped() {
		t.Error("it jumped more than an hour ago")
	}
}
