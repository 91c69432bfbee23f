package ui

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"sallyport/gate"
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
// forgotten first is what was quiet longest. Where the site keeps people, a name
// that was locked is so after a restart too.
type limits struct {
	slots chan struct{}
	keep  func(gate.Tries) // makes the tries of a name durable; nil: they are not

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
	n := l.count(address, name, now)
	l.write(gate.Tries{Of: key(name), N: n, Last: now})
	return auth.LockDelay(n) > 0
}

func (l *limits) count(address, name string, now time.Time) int {
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
	return t.n
}

func (l *limits) succeeded(name string) {
	l.mu.Lock()
	_, was := l.names[key(name)]
	delete(l.names, key(name))
	l.mu.Unlock()
	if was {
		l.write(gate.Tries{Of: key(name)})
	}
}

func (l *limits) write(t gate.Tries) {
	if l.keep != nil {
		l.keep(t)
	}
}

// key is under what the tries of a name are counted: a digest, for what is typed
// in place of a name may be a password.
func key(name string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(name[:min(len(name), 128)])))
	return hex.EncodeToString(sum[:16])
}

// recall takes over the tries that were counted before a restart.
func (l *limits) recall(list []gate.Tries, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range list {
		if now.Sub(t.Last) <= forgetAfter && len(l.names) < maxTracked {
			l.names[t.Of] = tries{n: t.N, last: t.Last}
		}
	}
}

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
