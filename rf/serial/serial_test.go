package serial

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"

	"sallyport/rf"
)

// line opens a pseudo-terminal: what is written to the master is what a device
// sends, and the slave's name is what a driver opens.
func line(t *testing.T) (master *os.File, open func() (Port, error)) {
	t.Helper()
	m, s, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	name := s.Name()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, func() (Port, error) { return Open(name, 115200) }
}

func mustOpen(t *testing.T, open func() (Port, error)) Port {
	t.Helper()
	p, err := open()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
}

// collect runs l until enough lines came, or fails after ten seconds.
func collect(t *testing.T, l *Lines, open func() (Port, error), want int, during func()) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got []string
	ended := make(chan error, 1)
	go func() {
		ended <- l.Run(ctx, open, func(line []byte, _ time.Time) {
			got = append(got, string(line))
			if len(got) == want {
				cancel()
			}
		})
	}()
	if during != nil {
		during()
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("%d of %d lines came, then %v", len(got), want, err)
	}
	return got
}

// opened returns a channel that is told of each opening.
func opened(l *Lines) <-chan struct{} {
	c := make(chan struct{}, 16)
	l.Notify = func(err error) {
		if err == nil {
			c <- struct{}{}
		}
	}
	return c
}

func TestLineLaterThanTheTimeoutIsDelivered(t *testing.T) {
	m, open := line(t)
	var quiet int
	var l Lines
	up := opened(&l)
	counted := func() (Port, error) {
		p, err := open()
		return &quietPort{Port: p, quiet: &quiet, after: func() { write(t, m, "late\n") }}, err
	}
	got := collect(t, &l, counted, 1, func() { <-up })
	if got[0] != "late" || quiet < 3 {
		t.Fatalf("got %q after %d quiet reads", got, quiet)
	}
}

// quietPort counts quiet reads, and lets the device speak after the third.
type quietPort struct {
	Port
	quiet *int
	after func()
}

func (q *quietPort) Read(b []byte) (int, error) {
	n, err := q.Port.Read(b)
	if n == 0 && err == nil {
		if *q.quiet++; *q.quiet == 3 {
			q.after()
		}
	}
	return n, err
}

func TestCloseWaitsForTheReaderAndNoLonger(t *testing.T) {
	_, open := line(t)
	p := mustOpen(t, open)
	reading := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		b := make([]byte, 16)
		close(reading)
		for {
			if _, err := p.Read(b); err != nil {
				ended <- err
				return
			}
		}
	}()
	<-reading
	start := time.Now()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Fatalf("the reader ended with %v", err)
	}
	t.Logf("close took %v", took)
	if took > 2*time.Second {
		t.Fatalf("close took %v: it hung in a read without a timeout", took)
	}
	if err := p.Close(); err != nil {
		t.Fatalf("the second close: %v", err)
	}
}

func TestHangUpIsGone(t *testing.T) {
	m, open := line(t)
	p := mustOpen(t, open)
	defer p.Close()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(make([]byte, 16)); !errors.Is(err, ErrGone) {
		t.Fatalf("a hang-up reads as %v", err)
	}
}

func TestWriteThatDoesNotDrainGivesUp(t *testing.T) {
	m, open := line(t)
	p := mustOpen(t, open)
	big := make([]byte, 1<<20)
	if _, err := p.Write(big); !errors.Is(err, ErrWriteTimeout) {
		t.Fatalf("a write that nobody reads ended with %v", err)
	}
	if _, err := p.Write([]byte("x")); !errors.Is(err, ErrWriteTimeout) {
		t.Fatalf("the next write ended with %v", err)
	}
	start := time.Now()
	err := p.Close()
	if took := time.Since(start); took > 3*time.Second {
		t.Fatalf("close took %v", took)
	}
	if err != nil && !errors.Is(err, ErrWriteTimeout) {
		t.Fatal(err)
	}
	// The stuck write comes back when the other side goes, and with it the file.
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLinesAreCut(t *testing.T) {
	long := strings.Repeat("x", rf.MaxLine)
	for _, x := range []struct {
		name    string
		in      []string
		want    []string
		tooLong uint64
	}{
		{"plain", []string{"a\nb\r\n\r\n\nc\n"}, []string{"a", "b", "c"}, 0},
		{"split", []string{"he", "llo", "\nwor", "ld\n"}, []string{"hello", "world"}, 0},
		{"split at the end", []string{"a\r", "\nb", "\n"}, []string{"a", "b"}, 0},
		{"noise", []string{"\x00\xff\xfe\x1b[2J\n{}\n"}, []string{"\x00\xff\xfe\x1b[2J", "{}"}, 0},
		{"as long as may be", []string{long + "\r\nend\n"}, []string{long, "end"}, 0},
		{"one too long", []string{long + "y\nend\n"}, []string{"end"}, 1},
		{"much too long", []string{long + long, long + "\nend\n"}, []string{"end"}, 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			var l Lines
			got := collect(t, &l, func() (Port, error) { return &script{chunks: x.in}, nil }, len(x.want), nil)
			if strings.Join(got, "|") != strings.Join(x.want, "|") {
				t.Fatalf("got %.60q, want %.60q", got, x.want)
			}
			if s := l.LineStats(); s.TooLong != x.tooLong || s.Lines != uint64(len(x.want)) {
				t.Fatalf("counters %+v", s)
			}
		})
	}
}

// script is a port that hands out its chunks and is then quiet, in the time of
// whoever reads it, until it is closed.
type script struct {
	chunks []string
	gone   error // what comes after the last chunk; nil is quiet
	wait   time.Duration
	closed chan struct{}
	once   sync.Once
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.chunks) == 0 {
		if s.gone != nil {
			return 0, s.gone
		}
		time.Sleep(s.wait)
		return 0, nil
	}
	n := copy(b, s.chunks[0])
	if s.chunks[0] = s.chunks[0][n:]; s.chunks[0] == "" {
		s.chunks = s.chunks[1:]
	}
	return n, nil
}

func (s *script) Write(b []byte) (int, error) { return len(b), nil }

func (s *script) Close() error {
	s.once.Do(func() {
		if s.closed != nil {
			close(s.closed)
		}
	})
	return nil
}

func TestQuietEndsALineWithoutSuffix(t *testing.T) {
	m, open := line(t)
	l := Lines{QuietEnds: true}
	up := opened(&l)
	got := collect(t, &l, open, 1, func() {
		<-up
		write(t, m, "5YJXCAE40MF000001")
	})
	if got[0] != "5YJXCAE40MF000001" {
		t.Fatalf("got %q", got)
	}
}

func TestBurstOfOneMebibyteComesWhole(t *testing.T) {
	m, open := line(t)
	l := Lines{}
	up := opened(&l)
	const size, n = 1024, 1024
	row := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	row[size-1] = '\n'
	got := collect(t, &l, open, n, func() {
		<-up
		for range n {
			if _, err := m.Write(row); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i, g := range got {
		if g != string(row[:size-1]) {
			t.Fatalf("line %d is not as it was sent: %.40q", i, g)
		}
	}
	if s := l.LineStats(); s.Bytes != size*n || s.TooLong != 0 {
		t.Fatalf("counters %+v", s)
	}
}

func TestOpensAgainAfterUnplug(t *testing.T) {
	m1, open1 := line(t)
	m2, open2 := line(t)
	var l Lines
	up := opened(&l)
	tries, quiet := 0, 0
	open := func() (Port, error) {
		tries++
		switch tries {
		case 1:
			p, err := open1()
			return &quietPort{Port: p, quiet: &quiet, after: func() { m1.Close() }}, err
		case 2:
			return nil, os.ErrNotExist
		}
		return open2()
	}
	got := collect(t, &l, open, 2, func() {
		<-up
		write(t, m1, "first\nhalf a li")
		<-up
		write(t, m2, "second\n")
	})
	if strings.Join(got, "|") != "first|second" {
		t.Fatalf("got %q", got)
	}
	if s := l.LineStats(); s.Opened != 2 || s.Lost != 1 || s.Cut != 1 {
		t.Fatalf("counters %+v", s)
	}
}

func TestPausesGrowToThirtySecondsAndStartAnewAfterALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		var at []time.Duration
		var l Lines
		notes := 0
		l.Notify = func(error) { notes++ }
		err := l.Run(ctx, func() (Port, error) {
			at = append(at, time.Since(start))
			switch len(at) {
			case 10:
				return &script{chunks: []string{"back\n"}, gone: ErrGone}, nil
			case 12:
				cancel()
			}
			return nil, os.ErrNotExist
		}, func([]byte, time.Time) {})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		var pauses []time.Duration
		for i := range at[1:] {
			pauses = append(pauses, at[i+1]-at[i])
		}
		s, ms := time.Second, time.Millisecond
		want := []time.Duration{500 * ms, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s, 30 * s, 500 * ms, s}
		if len(pauses) != len(want) {
			t.Fatalf("pauses %v", pauses)
		}
		for i := range want {
			if pauses[i] != want[i] {
				t.Fatalf("pauses %v, want %v", pauses, want)
			}
		}
		if notes != 3 {
			t.Fatalf("%d changes were told: each of down, up, down is one", notes)
		}
	})
}

func TestEndOfFileTellsQuietFromGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(&eof{after: ReadTimeout})
		for range 5 {
			if n, err := g.Read(make([]byte, 4)); n != 0 || err != nil {
				t.Fatalf("a slow end of file reads as %d, %v", n, err)
			}
		}
		g = NewGuard(&eof{})
		if _, err := g.Read(make([]byte, 4)); !errors.Is(err, ErrGone) {
			t.Fatalf("ends of file at once read as %v", err)
		}
	})
}

type eof struct{ after time.Duration }

func (e *eof) Read([]byte) (int, error)    { time.Sleep(e.after); return 0, io.EOF }
func (e *eof) Write(b []byte) (int, error) { return len(b), nil }
func (e *eof) Close() error                { return nil }

// wedged is a device whose writes never come back.
type wedged struct {
	eof
	release chan struct{}
	closed  chan struct{}
}

func (w *wedged) Write(b []byte) (int, error) { <-w.release; return len(b), nil }
func (w *wedged) Close() error                { close(w.closed); return nil }

func TestADriverThatNeverComesBackIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wedged{release: make(chan struct{}), closed: make(chan struct{})}
		g := NewGuard(w)
		start := time.Now()
		if _, err := g.Write([]byte("x")); !errors.Is(err, ErrWriteTimeout) {
			t.Fatal(err)
		}
		if took := time.Since(start); took != WriteTimeout {
			t.Fatalf("the write took %v", took)
		}
		start = time.Now()
		if err := g.Close(); !errors.Is(err, ErrWriteTimeout) {
			t.Fatalf("close says %v", err)
		}
		if took := time.Since(start); took > 250*time.Millisecond {
			t.Fatalf("close took %v", took)
		}
		select {
		case <-w.closed:
			t.Fatal("closed under a write that is under way")
		default:
		}
		close(w.release)
		synctest.Wait()
		<-w.closed
	})
}

func TestReaderCountsEveryLineOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		good := func(off time.Duration) string {
			return string(rf.Append(nil, rf.Observation{TS: now.Add(off), Sensor: "s", Kind: rf.WiFi, Emitter: "00:26:b4:00:00:01", RSSI: -50})) + "\n"
		}
		// synctest's clock starts in the year 2000, before any canonical time.
		r := NewReader(func(b []byte, _ time.Time) (rf.Observation, error) {
			o, err := rf.ParseLine(bytes.ReplaceAll(b, []byte(`"2000-`), []byte(`"2020-`)))
			o.TS = o.TS.AddDate(-20, 0, 0)
			return o, err
		})
		in := good(0) + "noise\n" + good(6*time.Second) + good(time.Hour) + good(4*time.Second) + good(0) + "{\"ts\":\n"
		ctx, cancel := context.WithCancel(t.Context())
		s := &script{chunks: []string{in}, wait: ReadTimeout}
		took := 0
		ended := make(chan error, 1)
		go func() {
			ended <- r.Run(ctx, func() (Port, error) { return s, nil }, func(rf.Observation) bool {
				took++
				return took < 3
			})
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		st := r.Stats()
		if st.Lines != 7 || st.Accepted != 2 || st.Dropped != 1 || st.Clock != 2 || st.Refused != 2 {
			t.Fatalf("counters %+v", st)
		}
		if strings.Contains(st.Refusal, "noise") || st.Refusal == "" {
			t.Fatalf("the last refusal is told as %q", st.Refusal)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n"), uint8(3))
	f.Add([]byte("\r\n\r\r\n\x00"), uint8(1))
	f.Add(bytes.Repeat([]byte("x"), 200), uint8(7))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		// However the bytes are split, the lines are the same.
		run := func(size int) []string {
			var chunks []string
			for rest := in; len(rest) > 0; {
				n := min(size, len(rest))
				chunks = append(chunks, string(rest[:n]))
				rest = rest[n:]
			}
			var got []string
			l := Lines{MaxLine: 64}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			open := 0
			err := l.Run(ctx, func() (Port, error) {
				if open++; open > 1 {
					cancel()
					return nil, os.ErrNotExist
				}
				return &ending{script{chunks: chunks}, cancel}, nil
			}, func(b []byte, _ time.Time) { got = append(got, string(b)) })
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			return got
		}
		whole, split := run(4096), run(int(step)+1)
		if len(whole) != len(split) {
			t.Fatalf("%q and %q", whole, split)
		}
		for i := range whole {
			if whole[i] != split[i] || len(whole[i]) > 64 || strings.ContainsAny(whole[i], "\n") {
				t.Fatalf("%q and %q", whole[i], split[i])
			}
		}
	})
}

// ending cancels when its chunks are read.
type ending struct {
	script
	done func()
}

func (e *ending) Read(b []byte) (int, error) {
	if len(e.chunks) == 0 {
		e.done()
		return 0, ErrGone
	}
	return e.script.Read(b)
}

// closeLimit is what every Close keeps to, whatever the device does.
const closeLimit = 250 * time.Millisecond

// stuck is a device that hangs in the given call until it is released.
type stuck struct {
	in      string
	release chan struct{}
	closed  chan struct{}
}

func (s *stuck) hang(in string) {
	if s.in == in {
		<-s.release
	}
}

func (s *stuck) Read([]byte) (int, error) {
	time.Sleep(ReadTimeout)
	s.hang("read")
	return 0, io.EOF
}
func (s *stuck) Write(b []byte) (int, error) { s.hang("write"); return len(b), nil }
func (s *stuck) Close() error                { s.hang("close"); close(s.closed); return nil }

func TestCloseKeepsItsLimitWhateverHangs(t *testing.T) {
	for in, want := range map[string]error{"read": ErrCloseTimeout, "write": ErrWriteTimeout, "close": ErrCloseTimeout, "nothing": nil} {
		t.Run(in, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stuck{in: in, release: make(chan struct{}), closed: make(chan struct{})}
				g := NewGuard(s)
				ended := make(chan error, 2)
				go func() { // a reader that is at it the whole time
					for {
						if _, err := g.Read(make([]byte, 4)); err != nil {
							ended <- err
							return
						}
					}
				}()
				go func() {
					_, err := g.Write([]byte("x"))
					ended <- err
				}()
				time.Sleep(3*ReadTimeout + ReadTimeout/2)
				start := time.Now()
				err := g.Close()
				if took := time.Since(start); took > closeLimit {
					t.Fatalf("close took %v", took)
				}
				if !errors.Is(err, want) {
					t.Fatalf("close says %v", err)
				}
				close(s.release)
				<-s.closed
				<-ended
				<-ended
			})
		})
	}
}

// On a terminal, too: under a reader, before a device that takes nothing, and
// after a hang-up.
func TestCloseOfATerminalKeepsItsLimit(t *testing.T) {
	for _, x := range []struct {
		name string
		do   func(t *testing.T, m *os.File, p Port)
	}{
		{"quiet", func(*testing.T, *os.File, Port) {}},
		{"hang-up", func(t *testing.T, m *os.File, _ Port) {
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
		}},
		{"noise comes in", func(t *testing.T, m *os.File, _ Port) {
			go func() {
				noise := bytes.Repeat([]byte{0x00, 0xFF, 0x7E, 0x0D}, 256)
				for {
					if _, err := m.Write(noise); err != nil {
						return
					}
				}
			}()
		}},
		{"writes go nowhere", func(t *testing.T, _ *os.File, p Port) {
			if _, err := p.Write(make([]byte, 1<<20)); !errors.Is(err, ErrWriteTimeout) {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			m, open := line(t)
			p := mustOpen(t, open)
			reading, ended := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(ended)
				b := make([]byte, 256)
				close(reading)
				for {
					if _, err := p.Read(b); err != nil {
						return
					}
				}
			}()
			<-reading
			x.do(t, m, p)
			start := time.Now()
			err := p.Close()
			took := time.Since(start)
			t.Logf("close took %v", took)
			if took > closeLimit || err != nil && !errors.Is(err, ErrWriteTimeout) {
				t.Fatalf("close took %v: %v", took, err)
			}
			// The other side goes, so that a write that is stuck comes back.
			m.Close()
			<-ended
		})
	}
}

// A receiver is torn off within a line and comes back under the same name, as
// /dev/serial/by-id gives it, then says nothing for a while, then noise, then
// lines again.
func TestReplugSilenceNoiseAndHalfLines(t *testing.T) {
	dir := t.TempDir()
	name := dir + "/by-id"
	plug := func() *os.File {
		m, s, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := os.Symlink(s.Name(), name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	var l Lines
	changes := make(chan error, 16)
	l.Notify = func(err error) { changes <- err }
	got := make(chan string, 64)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	quiet := 0
	go func() {
		open := func() (Port, error) {
			p, err := Open(name, 115200)
			if err != nil {
				return nil, err
			}
			return &quietPort{Port: p, quiet: &quiet, after: func() { got <- "(silence)" }}, nil
		}
		ended <- l.Run(ctx, open, func(line []byte, _ time.Time) { got <- string(line) })
	}()
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if g := <-got; g != w {
				t.Fatalf("got %q, want %q", g, w)
			}
		}
	}
	if err := <-changes; err == nil {
		t.Fatal("opened what is not there")
	}
	m := plug()
	if err := <-changes; err != nil {
		t.Fatal(err)
	}
	write(t, m, "one\nhalf a li")
	expect("one")
	if err := errors.Join(os.Remove(name), m.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-changes; !errors.Is(err, ErrGone) {
		t.Fatalf("unplugged: %v", err)
	}
	m = plug()
	if err := <-changes; err != nil {
		t.Fatal(err)
	}
	for g := ""; g != "(silence)"; g = <-got {
	}
	noise := string([]byte{0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF})
	write(t, m, noise+"\n"+strings.Repeat(noise, 1000)+"\nne")
	write(t, m, "xt\nhalf")
	expect(noise, "next")
	start := time.Now()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if took := time.Since(start); took > closeLimit {
		t.Errorf("the end took %v", took)
	}
	if s := l.LineStats(); s.Opened != 2 || s.Lost != 1 || s.Cut != 1 || s.TooLong != 1 || s.Lines != 3 || s.Up {
		t.Errorf("counters %+v", s)
	}
}

// asked is a device that is quiet until it was asked often enough.
type asked struct {
	script
	mu    sync.Mutex
	times []time.Time
	after int
}

func (a *asked) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, time.Now())
	if a.after--; a.after == 0 {
		a.chunks = []string{"\xab\x01", "\x02\n"}
	}
	return len(b), nil
}

func (a *asked) Read(b []byte) (int, error) {
	time.Sleep(ReadTimeout)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.script.Read(b)
}

func TestADeviceIsAskedUntilItSpeaks(t *testing.T) {
	for _, lines := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			begun := time.Now()
			dev := &asked{after: 3}
			l := Lines{Ask: []byte("speak")}
			var got []byte
			sink := func(b []byte, _ time.Time) {
				if got = append(got, b...); len(got) >= 3 {
					cancel()
				}
			}
			run := l.Chunks
			if lines {
				run = l.Run
			}
			if err := run(ctx, func() (Port, error) { return dev, nil }, sink); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if want := "\xab\x01\x02\n"; string(got) != want && !lines || lines && string(got) != want[:3] {
				t.Errorf("got %q", got)
			}
			var after []time.Duration
			for _, at := range dev.times {
				after = append(after, at.Sub(begun))
			}
			if len(after) != 3 || after[0] != 0 || after[1] != AskAfter || after[2] != 2*AskAfter {
				t.Errorf("asked after %v", after)
			}
			if s := l.LineStats(); s.Bytes != 4 || s.Opened != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A device that does not take what is written does not hold up the end.
func TestAskingDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wedged{eof: eof{after: ReadTimeout}, release: make(chan struct{}), closed: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		l := Lines{Ask: []byte("speak")}
		ended := make(chan error, 1)
		go func() {
			ended <- l.Chunks(ctx, func() (Port, error) { return NewGuard(w), nil }, func([]byte, time.Time) {})
		}()
		synctest.Wait()
		begun := time.Now()
		cancel()
		<-ended
		if took := time.Since(begun); took > 250*time.Millisecond {
			t.Errorf("the end took %v", took)
		}
		close(w.release)
	})
}
