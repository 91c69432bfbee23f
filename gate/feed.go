package gate

import (
	"context"
	"sync"
	"sync/atomic"
)

// feedDepth is how many views a reader may be behind before being dropped.
const feedDepth = 32

// feed publishes the views of one lane. The lane's goroutine is the only one
// to publish; anyone may read or subscribe.
type feed struct {
	accepted, refused, dropped atomic.Uint64 // observations

	mu     sync.Mutex
	view   LaneView
	subs   map[chan LaneView]struct{}
	closed bool
}

// now is the last view, with the counters of this moment.
func (f *feed) now() LaneView {
	f.mu.Lock()
	v := f.view
	f.mu.Unlock()
	f.count(&v.Radio)
	return v
}

func (f *feed) count(r *RadioState) {
	r.Accepted, r.Refused, r.Dropped = f.accepted.Load(), f.refused.Load(), f.dropped.Load()
}

// publish numbers the view and sends it to all who keep up.
func (f *feed) publish(v LaneView) {
	f.count(&v.Radio)
	f.mu.Lock()
	defer f.mu.Unlock()
	v.Version = f.view.Version + 1
	f.view = v
	for ch := range f.subs {
		select {
		case ch <- v:
		default:
			delete(f.subs, ch)
			close(ch)
		}
	}
}

// subscribe gives the view of now and all that follow.
func (f *feed) subscribe(ctx context.Context) <-chan LaneView {
	ch := make(chan LaneView, feedDepth)
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.view
	f.count(&v.Radio)
	ch <- v
	if f.closed {
		close(ch)
		return ch
	}
	if f.subs == nil {
		f.subs = make(map[chan LaneView]struct{})
	}
	f.subs[ch] = struct{}{}
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, here := f.subs[ch]; here {
			delete(f.subs, ch)
			close(ch)
		}
	})
	return ch
}

// close ends all subscriptions; the last view stays readable.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for ch := range f.subs {
		delete(f.subs, ch)
		close(ch)
	}
}
