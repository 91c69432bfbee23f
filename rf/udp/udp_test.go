package udp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/rf"
)

var (
	here    = netip.MustParseAddr("127.0.0.1")
	another = netip.MustParseAddr("127.0.0.2")
	anyPort = netip.AddrPortFrom(here, 0)
)

// running starts a listener and returns it with its address and what ends it.
func running(t *testing.T, c Config, sink func(rf.Observation) bool) (*Listener, netip.AddrPort, func() time.Duration) {
	t.Helper()
	up := make(chan error, 8)
	c.Notify = func(err error) { up <- err }
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, sink) }()
	if err := <-up; err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceValue(func() time.Duration {
		start := time.Now()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		return time.Since(start)
	})
	t.Cleanup(func() { stop() })
	return l, l.Stats().Addr, stop
}

func dial(t *testing.T, from netip.Addr, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c *net.UDPConn, b string) {
	t.Helper()
	if _, err := c.Write([]byte(b)); err != nil {
		t.Fatal(err)
	}
}

// byWord takes a datagram for an observation whose sensor is its text; bad is
// refused and old has an old clock.
func byWord(from netip.Addr, b []byte, at time.Time) (rf.Observation, error) {
	o := rf.Observation{TS: at, Sensor: string(b), Emitter: from.String()}
	switch string(b) {
	case "bad":
		return o, errors.New("no record")
	case "old":
		o.TS = at.Add(-time.Minute)
	case "ahead":
		o.TS = at.Add(time.Minute)
	}
	return o, nil
}

func TestEveryDatagramIsCountedOnce(t *testing.T) {
	got := make(chan rf.Observation, 8)
	l, addr, stop := running(t, Config{Addr: anyPort, From: []netip.Addr{here}, Parse: byWord}, func(o rf.Observation) bool {
		if o.Sensor == "busy" {
			return false
		}
		got <- o
		return true
	})
	c, stranger := dial(t, here, addr), dial(t, another, addr)
	send(t, stranger, "foreign")
	for _, x := range []string{"one", "bad", "old", "ahead", "busy", "", strings.Repeat("x", MaxDatagram+1), strings.Repeat("y", 3*MaxDatagram), strings.Repeat("z", MaxDatagram), "last"} {
		send(t, c, x)
	}
	for _, want := range []string{"one", strings.Repeat("z", MaxDatagram), "last"} {
		if o := <-got; o.Sensor != want || o.Emitter != "127.0.0.1" {
			t.Fatalf("got %.40q, want %.40q", o.Sensor, want)
		}
	}
	took := stop()
	t.Logf("ended in %v", took)
	if took > 250*time.Millisecond {
		t.Errorf("the end took %v", took)
	}
	s := l.Stats()
	want := Stats{Received: 11, Accepted: 3, Refused: 1, Clock: 2, Dropped: 1, Foreign: 1, Empty: 1, TooLong: 2, Last: s.Last, Refusal: "no record"}
	if s != want || s.Last.IsZero() {
		t.Errorf("%+v, want %+v", s, want)
	}
	// Nothing was ever sent back: on this machine it would have come by now.
	for _, c := range []*net.UDPConn{c, stranger} {
		if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 16)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes came back, %v", n, err)
		}
	}
}

func TestNobodyIsHeardWithoutAnAllowedAddress(t *testing.T) {
	l, addr, stop := running(t, Config{Addr: anyPort, Parse: byWord}, func(rf.Observation) bool { return true })
	send(t, dial(t, here, addr), "x")
	for l.Stats().Received == 0 && t.Context().Err() == nil {
		<-time.After(time.Millisecond)
	}
	stop()
	if s := l.Stats(); s.Foreign != 1 || s.Accepted != 0 || !s.Last.IsZero() {
		t.Errorf("%+v", s)
	}
	for name, c := range map[string]Config{
		"no address":   {Parse: byWord},
		"no parser":    {Addr: anyPort},
		"from any":     {Addr: anyPort, Parse: byWord, From: []netip.Addr{netip.IPv4Unspecified()}},
		"from no one":  {Addr: anyPort, Parse: byWord, From: []netip.Addr{{}}},
		"from a group": {Addr: anyPort, Parse: byWord, From: []netip.Addr{netip.MustParseAddr("224.0.0.1")}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestEndsAtOnceWhileItIsQuiet(t *testing.T) {
	_, _, stop := running(t, Config{Addr: anyPort, From: []netip.Addr{here}, Parse: byWord}, func(rf.Observation) bool { return true })
	if took := stop(); took > 250*time.Millisecond {
		t.Errorf("the end took %v", took)
	}
}

// flood is a source that hands out its datagrams as fast as they are read.
type flood struct {
	words  []string
	lost   []uint32
	read   int
	closed bool
	done   func()
	buffer []byte // the last one read into
}

func (f *flood) ReadFrom(b []byte) (int, netip.AddrPort, uint32, error) {
	if f.read == len(f.words) {
		f.done()
		return 0, netip.AddrPort{}, 0, os.ErrDeadlineExceeded
	}
	f.buffer = b
	n := copy(b, f.words[f.read])
	var lost uint32
	if f.lost != nil {
		lost = f.lost[f.read]
	}
	f.read++
	return n, netip.AddrPortFrom(here, 9), lost, nil
}
func (f *flood) SetReadDeadline(time.Time) error { return nil }
func (f *flood) Close() error                    { f.closed = true; return nil }

func TestWhatFindsTheQueueFullIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		l, err := New(Config{Addr: anyPort, From: []netip.Addr{here}, Queue: 4, Parse: byWord})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		all := make(chan struct{})
		f := &flood{words: strings.Fields(strings.Repeat("secret ", 10)), lost: []uint32{0, 0, 3, 3, 3, 3, 3, 3, 3, 5}, done: sync.OnceFunc(func() { close(all) })}
		ended := make(chan error, 1)
		taken := 0
		var kept [][]byte
		l.c.Parse = func(from netip.Addr, b []byte, at time.Time) (rf.Observation, error) {
			kept = append(kept, b)
			return byWord(from, b, at)
		}
		go func() {
			f2 := &pausing{flood: f, ctx: ctx}
			ended <- l.receive(ctx, f2, func(rf.Observation) bool {
				<-release
				taken++
				return true
			})
		}()
		<-all
		synctest.Wait()
		if s := l.Stats(); s.Received != 10 || s.Full != 6 || s.Kernel != 5 {
			t.Fatalf("%+v", s)
		}
		close(release)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if s := l.Stats(); taken != 4 || s.Accepted != 4 {
			t.Fatalf("%d taken, %+v", taken, s)
		}
		for _, b := range append(kept, f.buffer) {
			if bytes.Contains(b[:cap(b)], []byte("secret")) {
				t.Fatal("what a datagram held is still there")
			}
		}
	})
}

// pausing waits as a socket does when nothing comes.
type pausing struct {
	*flood
	ctx context.Context
}

func (p *pausing) ReadFrom(b []byte) (int, netip.AddrPort, uint32, error) {
	n, from, lost, err := p.flood.ReadFrom(b)
	if err != nil {
		select {
		case <-p.ctx.Done():
		case <-time.After(ReadTimeout):
		}
		lost = p.lost[len(p.lost)-1]
	}
	return n, from, lost, err
}

func TestListensAgainWhenTheAddressIsFree(t *testing.T) {
	held, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(anyPort))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 8)
	l, err := New(Config{
		Addr: held.LocalAddr().(*net.UDPAddr).AddrPort(), From: []netip.Addr{here}, Parse: byWord,
		Notify: func(err error) { told <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, func(rf.Observation) bool { return true }) }()
	if err := <-told; err == nil {
		t.Fatal("it listens where another does")
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// The kernel's own count comes with the datagrams, where the system has it.
func TestWhatTheKernelThrowsAwayIsCounted(t *testing.T) {
	conn, err := listen(t.Context(), anyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.conn.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	c := dial(t, here, conn.addr)
	const sent = 200
	for range sent {
		send(t, c, strings.Repeat("x", 1000))
	}
	read := 0
	b := make([]byte, 2048)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(ReadTimeout)); err != nil {
			t.Fatal(err)
		}
		_, _, _, err := conn.ReadFrom(b)
		if err != nil {
			break
		}
		read++
	}
	// Room came back with the reading: the next datagram tells the count.
	send(t, c, "last")
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _, lost, err := conn.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d sent, %d read, %d thrown away", sent, read, lost)
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux tells what it throws away")
	}
	if read == sent || uint32(read)+lost != sent {
		t.Errorf("%d read and %d thrown away of %d", read, lost, sent)
	}
}

func BenchmarkReceive(b *testing.B) {
	l, err := New(Config{Addr: anyPort, From: []netip.Addr{here}, Parse: func(_ netip.Addr, _ []byte, at time.Time) (rf.Observation, error) {
		return rf.Observation{TS: at}, nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	f := &counted{n: b.N, end: cancel}
	b.ReportAllocs()
	b.ResetTimer()
	if err := l.receive(ctx, f, func(rf.Observation) bool { return true }); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "datagrams/s")
}

// counted hands out n datagrams without a kernel.
type counted struct {
	flood
	n   int
	end func()
}

func (c *counted) ReadFrom(b []byte) (int, netip.AddrPort, uint32, error) {
	if c.n--; c.n < 0 {
		c.end()
		return 0, netip.AddrPort{}, 0, os.ErrDeadlineExceeded
	}
	return copy(b, "0123456789012345678901234567890123456789"), netip.AddrPortFrom(here, 9), 0, nil
}
