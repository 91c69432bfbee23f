package ui

import (
	"context"
	"strings"
	"sync"
	"time"

	"sallyport/gate/auth"
)

const (
	triesPerMinute = 20   // wrong passwords from one address
	maxTracked     = 4096 // names, and addresses, remembered at a time
	hashAtOnce     = 2    // passwords checked at once: each takes 19 MiB
	forgetAfter    = 15 * time.Minute
	streamsAtOnce  = 32 // live screens of one person: every one costs a page each beat
)

// limits slows down guessing, by a lock-out delay a name and a rate an address,
// and bounds the live screens of one person. Memory is bounded; what is
// forgotten first is what was quiet longest.
type limits struct {
	slots chan struct{}

	mu        sync.Mutex
	names     map[string]tries
	addresses map[string]tries
	streams   map[string]int // open live screens, by user
}

type tries struct {
	n     int
	since time.Time // of the present minute, for an address
	last  time.Time
}

func newLimits() *limits {
	return &limits{slots: make(chan struct{}, hashAtOnce), names: map[string]tries{}, addresses: map[string]tries{}, streams: map[string]int{}}
}

// hashing waits for leave to compute a password hash.
func (l *limits) hashing(ctx context.Context) (release func(), err error) {
	select {
	case l.slots <- struct{}{}:
		return func() { <-l.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stream counts one more live screen of a user; false when there are too many.
func (l *limits) stream(user string) (release func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[user] >= streamsAtOnce {
		return nil, false
	}
	l.streams[user]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.streams[user]--; l.streams[user] == 0 {
			delete(l.streams, user)
		}
	}, true
}

// wait is how long this name, from this address, must wait.
func (l *limits) wait(address, name string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wait time.Duration
	if t, ok := l.names[key(name)]; ok {
		wait = t.last.Add(auth.LockDelay(t.n)).Sub(now)
	}
	if t, ok := l.addresses[address]; ok && t.n >= triesPerMinute {
		wait = max(wait, t.since.Add(time.Minute).Sub(now))
	}
	return max(wait, 0)
}

// failed counts a wrong password, and says whether the name just became
// locked.
func (l *limits) failed(address, name string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.names[key(name)]
	if now.Sub(t.last) > forgetAfter {
		t = tries{}
	}
	t.n, t.last = t.n+1, now
	keep(l.names, key(name), t, now)
	a := l.addresses[address]
	if now.Sub(a.since) >= time.Minute {
		a = tries{since: now}
	}
	a.n, a.last = a.n+1, now
	keep(l.addresses, address, a, now)
	return auth.LockDelay(t.n) > 0
}

func (l *limits) succeeded(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.names, key(name))
}

func key(name string) string { return strings.ToLower(name[:min(len(name), 64)]) }

func keep(m map[string]tries, k string, t tries, now time.Time) {
	if _, known := m[k]; !known && len(m) >= maxTracked {
		var oldest string
		for name, o := range m {
			if now.Sub(o.last) > forgetAfter {
				delete(m, name)
			} else if oldest == "" || o.last.Before(m[oldest].last) {
				oldest = name
			}
		}
		if len(m) >= maxTracked {
			delete(m, oldest)
		}
	}
	m[k] = t
}
