package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/rf"
)

// Bounds of a listener.
const (
	MaxDatagram  = rf.MaxLine             // bytes, where nothing else is said
	DefaultQueue = 1024                   // datagrams
	ReadTimeout  = 100 * time.Millisecond // a read ends after it, heard or not
	kernelBuffer = 4 << 20                // asked for; the kernel may give less
)

// Pauses between attempts to listen where the address is not there yet.
const (
	FirstPause = 500 * time.Millisecond
	LastPause  = 30 * time.Second
)

// DefaultSkew is how far a sensor's clock may be off from ours before its
// observations are refused.
const DefaultSkew = 5 * time.Second

// Config says where to listen and to whom.
type Config struct {
	Addr  netip.AddrPort // port 0: any free one
	From  []netip.Addr   // who may send; none: nobody is heard
	Queue int            // datagrams that may wait; 0: DefaultQueue
	Limit int            // longest datagram, in bytes; 0: MaxDatagram
	Skew  time.Duration  // 0: DefaultSkew

	// Parse reads a datagram that came from an allowed address at the given
	// time. It runs on one goroutine, and may not keep what it is given.
	Parse func(from netip.Addr, datagram []byte, at time.Time) (rf.Observation, error)
	// Notify, where set, hears of each change: nil when it listens, and the
	// reason when it does not. Called from Run's goroutine.
	Notify func(error)
}

// Listener receives from one address. Its methods may be called while Run is
// under way.
type Listener struct {
	c     Config
	allow map[netip.Addr]struct{}

	received, accepted, refused, clock, dropped atomic.Uint64
	foreign, empty, tooLong, full, kernel       atomic.Uint64

	mu    sync.Mutex
	bound netip.AddrPort
	last  time.Time
	why   string
}

// Stats are the counters of a Listener. Every datagram Received is, once it was
// handled, in exactly one of the counters down to Full; those the kernel threw
// away were not received.
type Stats struct {
	Received uint64
	Accepted uint64 // taken by the sink
	Refused  uint64 // Parse did not take it
	Clock    uint64 // the sensor's clock is off by more than the skew allowed
	Dropped  uint64 // not taken by the sink
	Foreign  uint64 // from an address that is not allowed
	Empty    uint64
	TooLong  uint64
	Full     uint64 // the queue was full, or given up when Run ended
	Kernel   uint64 // thrown away by the kernel, which counts in 32 bits

	Addr    netip.AddrPort // where it listens; zero: it does not
	Last    time.Time      // when an allowed address was last heard
	Refusal string         // the last reason for a refusal; it never repeats what a datagram held
}

// New makes a listener.
func New(c Config) (*Listener, error) {
	if !c.Addr.IsValid() {
		return nil, errors.New("udp: no address to listen at")
	}
	if c.Parse == nil {
		return nil, errors.New("udp: nothing to parse with")
	}
	if c.Queue <= 0 {
		c.Queue = DefaultQueue
	}
	if c.Limit <= 0 {
		c.Limit = MaxDatagram
	}
	if c.Skew <= 0 {
		c.Skew = DefaultSkew
	}
	l := &Listener{c: c, allow: make(map[netip.Addr]struct{}, len(c.From))}
	for _, a := range c.From {
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
			return nil, fmt.Errorf("udp: %q is no address of a sensor", a)
		}
		l.allow[a.Unmap()] = struct{}{}
	}
	return l, nil
}

// Stats returns the counters so far.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{
		Received: l.received.Load(), Accepted: l.accepted.Load(), Refused: l.refused.Load(), Clock: l.clock.Load(),
		Dropped: l.dropped.Load(), Foreign: l.foreign.Load(), Empty: l.empty.Load(), TooLong: l.tooLong.Load(),
		Full: l.full.Load(), Kernel: l.kernel.Load(), Addr: l.bound, Last: l.last, Refusal: l.why,
	}
}

// Run receives until ctx ends, and returns ctx's error within ReadTimeout with
// the socket closed and its goroutines gone. sink takes an observation or, when
// it has no room, returns false at once. Where the address cannot be listened at,
// it is tried again with growing pauses.
func (l *Listener) Run(ctx context.Context, sink func(rf.Observation) bool) error {
	pause, told := FirstPause, ""
	for ctx.Err() == nil {
		conn, err := listen(ctx, l.c.Addr)
		if err == nil {
			l.listening(conn.addr)
			pause, told = FirstPause, ""
			if l.c.Notify != nil {
				l.c.Notify(nil)
			}
			err = errors.Join(l.receive(ctx, conn, sink), conn.Close())
			l.listening(netip.AddrPort{})
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if why := err.Error(); why != told && l.c.Notify != nil {
			told = why
			l.c.Notify(err)
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
		pause = min(2*pause, LastPause)
	}
	return ctx.Err()
}

func (l *Listener) listening(at netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bound = at
}

// source is a socket that can only be read. lost is what the kernel threw away
// since it was opened, or what it was before where the datagram does not say.
type source interface {
	ReadFrom(b []byte) (n int, from netip.AddrPort, lost uint32, err error)
	SetReadDeadline(time.Time) error
	Close() error
}

// datagram is one of a fixed number of buffers, of which one byte more than a
// datagram may have tells those too long.
type datagram struct {
	b    []byte
	n    int
	from netip.Addr
	at   time.Time
}

func (l *Listener) buffer() *datagram { return &datagram{b: make([]byte, l.c.Limit+1)} }

// receive reads until ctx ends or the socket fails.
func (l *Listener) receive(ctx context.Context, conn source, sink func(rf.Observation) bool) error {
	stop := context.AfterFunc(ctx, func() {
		// The next read ends by its own deadline where this one cannot be set.
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	})
	defer stop()
	free, queue := make(chan *datagram, l.c.Queue), make(chan *datagram, l.c.Queue)
	for range cap(free) {
		free <- nil // made when first used
	}
	var parsing sync.WaitGroup
	parsing.Go(func() {
		for d := range queue {
			if ctx.Err() != nil {
				l.full.Add(1)
			} else {
				l.hand(d, sink)
			}
			clear(d.b[:d.n])
			free <- d
		}
	})
	defer parsing.Wait()
	defer close(queue)

	spare := l.buffer() // read into when all others wait
	var lost uint32
	for ctx.Err() == nil {
		if err := conn.SetReadDeadline(time.Now().Add(ReadTimeout)); err != nil {
			return fmt.Errorf("udp: %w", err)
		}
		n, from, now, err := conn.ReadFrom(spare.b)
		if now != lost {
			l.kernel.Add(uint64(now - lost))
			lost = now
		}
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			continue
		}
		if err != nil {
			return fmt.Errorf("udp: %w", err)
		}
		spare.n, spare.from, spare.at = n, from.Addr().Unmap(), time.Now()
		if l.refuse(spare) {
			clear(spare.b[:n])
			continue
		}
		select {
		case another := <-free:
			queue <- spare // it has room for all
			if spare = another; spare == nil {
				spare = l.buffer()
			}
		default:
			l.full.Add(1)
			clear(spare.b[:n])
		}
	}
	return nil
}

// refuse counts a datagram, and tells whether it is not even to be parsed.
func (l *Listener) refuse(d *datagram) bool {
	l.received.Add(1)
	if _, ok := l.allow[d.from]; !ok {
		l.foreign.Add(1)
		return true
	}
	l.mu.Lock()
	l.last = d.at
	l.mu.Unlock()
	switch d.n {
	case 0:
		l.empty.Add(1)
		return true
	case len(d.b):
		l.tooLong.Add(1)
		return true
	}
	return false
}

func (l *Listener) hand(d *datagram, sink func(rf.Observation) bool) {
	o, err := l.c.Parse(d.from, d.b[:d.n], d.at)
	if err != nil {
		l.refused.Add(1)
		l.mu.Lock()
		l.why = err.Error()
		l.mu.Unlock()
		return
	}
	if off := o.TS.Sub(d.at); off > l.c.Skew || off < -l.c.Skew {
		l.clock.Add(1)
		return
	}
	if !sink(o) {
		l.dropped.Add(1)
		return
	}
	l.accepted.Add(1)
}

// socket is the source that the kernel gives.
type socket struct {
	conn *net.UDPConn
	addr netip.AddrPort
	oob  [64]byte
	lost uint32
}

func listen(ctx context.Context, at netip.AddrPort) (*socket, error) {
	lc := net.ListenConfig{Control: countOverflow}
	c, err := lc.ListenPacket(ctx, "udp", at.String())
	if err != nil {
		return nil, fmt.Errorf("udp: %w", err)
	}
	conn, ok := c.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("udp: a socket of the kind %T", c), c.Close())
	}
	// Less than asked for is no failure: what it costs is counted.
	_ = conn.SetReadBuffer(kernelBuffer)
	s := &socket{conn: conn}
	if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		s.addr = a.AddrPort()
	}
	return s, nil
}

func (s *socket) ReadFrom(b []byte) (int, netip.AddrPort, uint32, error) {
	n, oobn, _, from, err := s.conn.ReadMsgUDPAddrPort(b, s.oob[:])
	if lost, ok := overflow(s.oob[:max(0, oobn)]); ok {
		s.lost = lost
	}
	return n, from, s.lost, err
}

func (s *socket) SetReadDeadline(t time.Time) error { return s.conn.SetReadDeadline(t) }
func (s *socket) Close() error                      { return s.conn.Close() }
