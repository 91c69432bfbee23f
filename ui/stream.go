package ui

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// errGone says that a live screen no longer takes what is sent.
var errGone = errors.New("screen gone")

// stream writes server-sent events (WHATWG HTML, 9.2).
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func newStream(k *call) *stream {
	return &stream{w: k.Response(), rc: http.NewResponseController(k.Response())}
}

// open sends the head and how soon to come back after a break.
func (st *stream) open() error {
	h := st.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy must not hold events back
	// The server's limit on reading a request would end the stream as well.
	if err := st.rc.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	st.w.WriteHeader(http.StatusOK)
	return st.write("retry: 500\n\n")
}

// send writes one event; data must not hold a line end.
func (st *stream) send(event string, data []byte) error {
	return st.write(fmt.Sprintf("event: %s\ndata: %s\n\n", event, data))
}

// sendAs is send with an id, which a reader that comes back names.
func (st *stream) sendAs(id, event string, data []byte) error {
	return st.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", id, event, data))
}

// beat tells a reader that the stream lives; no event comes of it.
func (st *stream) beat() error { return st.write(": beat\n\n") }

func (st *stream) write(text string) error {
	if err := st.rc.SetWriteDeadline(time.Now().Add(writeFor)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	if _, err := st.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	if err := st.rc.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}
