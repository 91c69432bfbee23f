package ui

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"sallyport/gate"
)

const (
	replayFor    = 10 * time.Minute // how long the same key means the same arrival
	maxReplays   = 4096
	arriveWithin = 25 * time.Second // of an arrival that goes on though its sender has gone
	maxKey       = 128
)

var errKeyReused = errors.New("the key was used for another arrival")

// idempotencyKey is the request's Idempotency-Key, or empty.
func idempotencyKey(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		return "", badField("Idempotency-Key", "more than %d characters", maxKey)
	}
	for i := range len(key) {
		if key[i] < 0x21 || key[i] > 0x7e {
			return "", badField("Idempotency-Key", "a character that is not printable ASCII")
		}
	}
	return key, nil
}

// replays remembers which passage an arrival with a key became, so that a sender
// who lost the answer may send it again. They are kept in memory: a start ends
// every passage that was open, so that a vehicle which still stands at the line
// has to be presented anew, and its key with it. It may be used concurrently.
type replays struct {
	now func() time.Time

	mu    sync.Mutex
	seen  map[string]*replay
	order []*replay // of seen, and those that were replaced there; oldest first
}

type replay struct {
	key  string
	sum  [sha256.Size]byte // of the body
	at   time.Time
	done chan struct{} // closed when id and err are set
	id   gate.PassageID
	err  error
}

func newReplays(now func() time.Time) *replays { return &replays{now: now, seen: map[string]*replay{}} }

// do presents an arrival once for each key; again says that it was presented
// before. While it is being presented the same one waits for it. What failed is
// presented anew. The arrival itself does not end when its sender goes.
func (r *replays) do(ctx context.Context, key string, body []byte, present func(context.Context) (gate.PassageID, error)) (id gate.PassageID, again bool, err error) {
	sum := sha256.Sum256(body)
	now := r.now()
	r.mu.Lock()
	e, again := r.seen[key]
	if again && e.finished() && now.Sub(e.at) >= replayFor {
		again = false
	}
	switch {
	case again && e.sum != sum:
		r.mu.Unlock()
		return "", true, refuse(http.StatusUnprocessableEntity, "key-reused", errKeyReused)
	case !again:
		if !r.room(now) {
			r.mu.Unlock()
			return "", false, gate.ErrBusy
		}
		e = &replay{key: key, sum: sum, at: now, done: make(chan struct{})}
		r.seen[key] = e
		r.order = append(r.order, e)
	}
	r.mu.Unlock()
	if !again {
		go func() {
			work, cancel := context.WithTimeout(context.WithoutCancel(ctx), arriveWithin)
			defer cancel()
			defer func() {
				if p := recover(); p != nil {
					e.err = fmt.Errorf("panic: %v", p)
				}
				if e.err != nil {
					r.mu.Lock()
					r.forget(e)
					r.mu.Unlock()
				}
				close(e.done)
			}()
			e.id, e.err = present(work)
		}()
	}
	select {
	case <-e.done:
		return e.id, again, e.err
	case <-ctx.Done():
		return "", again, ctx.Err()
	}
}

func (e *replay) finished() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// forget forgets one. The caller holds the lock.
func (r *replays) forget(e *replay) {
	if r.seen[e.key] == e {
		delete(r.seen, e.key)
	}
}

// room forgets what is old, and what is oldest where there is too much. It is
// false where the oldest still goes on. The caller holds the lock.
func (r *replays) room(now time.Time) bool {
	for len(r.order) > 0 {
		e := r.order[0]
		if len(r.order) < maxReplays && now.Sub(e.at) < replayFor {
			return true
		}
		if !e.finished() {
			return len(r.order) < maxReplays
		}
		r.forget(e)
		r.order = r.order[1:]
	}
	return true
}
