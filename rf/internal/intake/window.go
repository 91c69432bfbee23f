package intake

import (
	"errors"
	"io"
)

// Window reads ahead into one buffer, of which Need shows the next bytes.
type Window struct {
	r          io.Reader
	buf        []byte
	start, end int
}

// NewWindow makes a window of size bytes over r.
func NewWindow(r io.Reader, size int) *Window { return &Window{r: r, buf: make([]byte, size)} }

// Need returns the next n bytes, without passing over them, n being at most the
// window's size. At the end of the input it returns io.EOF where there is none
// left and io.ErrUnexpectedEOF where there are some.
func (w *Window) Need(n int) ([]byte, error) {
	for idle := 0; w.end-w.start < n; {
		if w.start > 0 && len(w.buf)-w.start < n {
			w.end = copy(w.buf, w.buf[w.start:w.end])
			w.start = 0
		}
		m, err := w.r.Read(w.buf[w.end:])
		w.end += m
		if m == 0 && err == nil {
			if idle++; idle > 100 {
				return nil, io.ErrNoProgress
			}
		}
		if err != nil && w.end-w.start < n {
			if errors.Is(err, io.EOF) && w.end > w.start {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return w.buf[w.start : w.start+n], nil
}

// Skip passes over n bytes, which nobody looks at.
func (w *Window) Skip(n int) error {
	for n > 0 {
		if have := min(n, w.end-w.start); have > 0 {
			w.start += have
			n -= have
			continue
		}
		if _, err := w.Need(1); err != nil {
			return err
		}
	}
	return nil
}

// Clear overwrites what the window held.
func (w *Window) Clear() { clear(w.buf) }

// Within turns an end of the input inside a record into an unexpected one.
func Within(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
