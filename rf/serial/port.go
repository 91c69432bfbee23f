package serial

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	tarm "github.com/tarm/serial"
)

// Port is a serial line as drivers see it.
//
// Read returns at least one byte, or 0 and nil when the line was quiet for the
// port's timeout, or an error after which the port is of no more use: ErrGone
// when the device went away, ErrClosed after Close. Write returns within a
// bounded time; after ErrWriteTimeout the port must be closed. Close returns
// after a Read that is under way has returned, and after CloseTimeout at the
// latest. One goroutine may read while
// another writes; Close may come from any.
type Port interface {
	io.ReadWriteCloser
}

// What a Port's methods fail with.
var (
	ErrGone         = errors.New("serial device is gone")
	ErrClosed       = errors.New("serial port is closed")
	ErrWriteTimeout = errors.New("serial device does not take what is written")
	ErrCloseTimeout = errors.New("serial device does not let go")
)

// Timeouts of a Guard.
const (
	ReadTimeout  = 100 * time.Millisecond // the least that a terminal's VTIME can count
	WriteTimeout = 500 * time.Millisecond
	CloseTimeout = 140 * time.Millisecond // a read that is under way ends within its own timeout

	fastEOFs = 3
)

// Open opens a device, such as one under /dev/serial/by-id, as 8N1 without flow
// control.
func Open(name string, baud int) (Port, error) {
	p, err := tarm.OpenPort(&tarm.Config{Name: name, Baud: baud, ReadTimeout: ReadTimeout})
	if err != nil {
		return nil, fmt.Errorf("serial port %s: %w", name, err)
	}
	return NewGuard(p), nil
}

// Guard makes a well-behaved Port of a device file whose reads end after
// ReadTimeout with end of file, as tarm/serial's do.
type Guard struct {
	raw     io.ReadWriteCloser
	reading chan struct{} // holds a token while a read is under way
	writing chan struct{} // holds a token while a write is under way in the driver

	mu      sync.Mutex
	closed  bool
	wedged  bool // a write timed out
	inWrite bool // a write is under way in the driver
	closing sync.Once
	err     error
}

// NewGuard wraps raw, which nobody else may use from now on.
func NewGuard(raw io.ReadWriteCloser) *Guard {
	return &Guard{raw: raw, reading: make(chan struct{}, 1), writing: make(chan struct{}, 1)}
}

func (g *Guard) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// Read implements Port.
func (g *Guard) Read(b []byte) (int, error) {
	g.reading <- struct{}{}
	defer func() { <-g.reading }()
	if len(b) == 0 {
		return 0, nil
	}
	for range fastEOFs {
		if g.isClosed() {
			return 0, ErrClosed
		}
		start := time.Now()
		n, err := g.raw.Read(b)
		switch {
		case n > 0:
			return n, nil
		case err != nil && !errors.Is(err, io.EOF):
			return 0, fmt.Errorf("%w: %w", ErrGone, err)
		case time.Since(start) >= ReadTimeout/4:
			return 0, nil
		}
	}
	return 0, fmt.Errorf("%w: end of file at once, %d times", ErrGone, fastEOFs)
}

// Write implements Port. What was written when it gives up is not known.
func (g *Guard) Write(b []byte) (int, error) {
	limit := time.NewTimer(WriteTimeout)
	defer limit.Stop()
	select {
	case g.writing <- struct{}{}:
	case <-limit.C:
		return 0, ErrWriteTimeout
	}
	g.mu.Lock()
	closed, wedged := g.closed, g.wedged
	g.inWrite = !closed && !wedged
	g.mu.Unlock()
	if closed || wedged {
		<-g.writing
		if closed {
			return 0, ErrClosed
		}
		return 0, ErrWriteTimeout
	}

	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	own := append([]byte(nil), b...)
	go func() {
		n, err := g.raw.Write(own)
		g.mu.Lock()
		g.inWrite = false
		g.mu.Unlock()
		<-g.writing
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return r.n, fmt.Errorf("serial write: %w", r.err)
		}
		return r.n, nil
	case <-limit.C:
		g.mu.Lock()
		g.wedged = true
		g.mu.Unlock()
		g.discard()
		return 0, ErrWriteTimeout
	}
}

// discard throws away what waits in the device's buffers, which lets a stuck
// write return on most drivers, and tells whether a write is stuck. The lock
// keeps the device from being closed meanwhile.
func (g *Guard) discard() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f, ok := g.raw.(interface{ Flush() error }); ok && g.inWrite {
		// The device is given up anyway; nothing follows from a failure here.
		_ = f.Flush()
	}
	return g.inWrite
}

// Close implements Port. Where the driver does not let go within CloseTimeout,
// be it of a read, a write or the closing itself, the device is closed when it
// does, and Close says so.
func (g *Guard) Close() error {
	g.closing.Do(func() {
		g.mu.Lock()
		g.closed = true
		g.mu.Unlock()
		done := make(chan error, 1)
		go func() {
			g.reading <- struct{}{}
			defer func() { <-g.reading }()
			g.writing <- struct{}{}
			defer func() { <-g.writing }()
			done <- g.raw.Close()
		}()
		discard, limit := time.NewTimer(CloseTimeout/2), time.NewTimer(CloseTimeout)
		defer discard.Stop()
		defer limit.Stop()
		for {
			select {
			case err := <-done:
				if err != nil {
					g.err = fmt.Errorf("serial close: %w", err)
				}
				return
			case <-discard.C:
				g.discard()
			case <-limit.C:
				g.err = ErrCloseTimeout
				if g.discard() {
					g.err = fmt.Errorf("%w: closing waits for a write", ErrWriteTimeout)
				}
				return
			}
		}
	})
	return g.err
}
