package scanner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"

	"sallyport/rf/serial"
)

func TestClean(t *testing.T) {
	for _, x := range []struct {
		name   string
		format Format
		in     string
		want   string
	}{
		{"bare", Format{}, "5YJXCAE40MF000001", "5YJXCAE40MF000001"},
		{"CR LF", Format{}, "5YJXCAE40MF000001\r\n", "5YJXCAE40MF000001"},
		{"CR", Format{}, "5YJXCAE40MF000001\r", "5YJXCAE40MF000001"},
		{"Code 128", Format{}, "]C05YJXCAE40MF000001\r\n", "5YJXCAE40MF000001"},
		{"GS1-128", Format{}, "]C15YJXCAE40MF000001", "5YJXCAE40MF000001"},
		{"Code 39", Format{}, "]A05YJXCAE40MF000001", "5YJXCAE40MF000001"},
		{"Data Matrix", Format{}, "]d15YJXCAE40MF000001", "5YJXCAE40MF000001"},
		{"QR", Format{}, "]Q15YJXCAE40MF000001", "5YJXCAE40MF000001"},
		{"not an identifier", Format{}, "]?15YJX", "]?15YJX"},
		{"a bracket alone", Format{}, "]C", "]C"},
		{"identifier kept", Format{KeepAIM: true}, "]C1X", "]C1X"},
		{"identifier once", Format{}, "]C1]C1X", "]C1X"},
		{"framed", Format{Prefix: "\x02", Suffix: "\x03"}, "\x02]C05YJXCAE40MF000001\x03\r\n", "5YJXCAE40MF000001"},
		{"suffix in words", Format{Suffix: "END"}, "XEND\r\n", "X"},
		{"frame not there", Format{Prefix: "VIN:", Suffix: ";"}, "X", "X"},
		{"import character stays", Format{}, "I5YJXCAE40MF000001\r\n", "I5YJXCAE40MF000001"},
		{"group separators at the ends go, inside stay", Format{}, "\x1dA\x1dB\x1d\r\n", "A\x1dB"},
		{"blanks inside stay", Format{}, "  A B \r\n", "A B"},
		{"not UTF-8", Format{}, "A\xffB\r\n", "A\uFFFDB"},
		{"nothing", Format{}, "\r\n", ""},
		{"identifier of nothing", Format{}, "]C1\r\n", ""},
		{"too long", Format{}, strings.Repeat("A", MaxReading+1), ""},
	} {
		if got := x.format.Clean([]byte(x.in)); got != x.want {
			t.Errorf("%s: %.40q became %.40q, want %.40q", x.name, x.in, got, x.want)
		}
	}
	if got := Clean([]byte("]C1X\r\n")); got != "X" {
		t.Errorf("Clean: %q", got)
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("\x02]C15YJXCAE40MF000001\x03\r\n"), "\x02", "\x03")
	f.Add([]byte("]C1]C1X"), "]", "")
	f.Add([]byte("\xff\xfe\x00"), "", "\xff")
	f.Fuzz(func(t *testing.T, in []byte, prefix, suffix string) {
		got := Format{Prefix: prefix, Suffix: suffix}.Clean(in)
		if !utf8.ValidString(got) || got != strings.TrimSpace(got) {
			t.Fatalf("%q became %q", in, got)
		}
		// What is left is a part of what came, but for what was no text.
		if utf8.Valid(in) && utf8.ValidString(prefix) && utf8.ValidString(suffix) && !strings.Contains(string(in), got) {
			t.Fatalf("%q is not in %q", got, in)
		}
	})
}

// terminal is a serial line: what is written to it is what the scanner sends.
func terminal(t *testing.T) (scanner io.Writer, open func() (serial.Port, error)) {
	t.Helper()
	m, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	name := slave.Name()
	if err := slave.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, func() (serial.Port, error) { return serial.Open(name, 9600) }
}

// run reads a scanner until the test ends, from when it is open.
func run(t *testing.T, format Format, open func() (serial.Port, error), change func(*Scanner)) (s *Scanner, got <-chan Reading) {
	t.Helper()
	up := make(chan error, 16)
	s = New(format, func(err error) { up <- err })
	if change != nil {
		change(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	readings, ended := make(chan Reading, 64), make(chan error, 1)
	go func() { ended <- s.Run(ctx, open, func(r Reading) { readings <- r }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	if err := <-up; err != nil {
		t.Fatal(err)
	}
	return s, readings
}

func send(t *testing.T, to io.Writer, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if _, err := io.WriteString(to, p); err != nil {
			t.Fatal(err)
		}
	}
}

func next(t *testing.T, got <-chan Reading) Reading {
	t.Helper()
	select {
	case r := <-got:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("no reading")
		return Reading{}
	}
}

// TestEveryFraming sends a VIN with every prefix, AIM identifier and suffix over a
// serial line, in one piece and in several.
func TestEveryFraming(t *testing.T) {
	const vin = "I5YJXCAE40MF000001"
	aims := map[string]string{
		"": "", "]A0": "Code 39", "]C0": "Code 128", "]C1": "Code 128", "]d1": "Data Matrix", "]d2": "Data Matrix",
		"]Q1": "QR Code", "]Q3": "QR Code", "]L0": "PDF417", "]e0": "GS1 DataBar", "]z0": "Aztec Code", "]X0": "other",
	}
	gs1 := []string{"]C1", "]d2", "]Q3", "]e0"}
	for _, prefix := range []string{"", "\x02", "VIN:", "~", "\x02\x02"} {
		for _, suffix := range []string{"", "\r", "\n", "\r\n", "\t", "\x03", "\x03\r\n", ";", "END", "\x04\r"} {
			t.Run(fmt.Sprintf("%q %q", prefix, suffix), func(t *testing.T) {
				t.Parallel()
				strict := prefix != "~" && suffix != ""
				m, open := terminal(t)
				format := Format{Prefix: prefix, Suffix: suffix, Strict: strict}
				s, got := run(t, format, open, nil)
				sent, seen := 0, map[string]bool{}
				for aim, symbology := range aims {
					whole := prefix + aim + vin + suffix
					seen[aim] = true
					for i, parts := range [][]string{{whole}, {whole[:1], whole[1 : len(whole)-1], whole[len(whole)-1:]}} {
						if suffix == "" && i == len(seen)%2 {
							continue // each takes a pause: one of the two for each identifier
						}
						send(t, m, parts...)
						sent++
						want := Reading{Text: vin, AIM: aim, Symbology: symbology, GS1: slices.Contains(gs1, aim), Ended: suffix != ""}
						r := next(t, got)
						if r.At.IsZero() {
							t.Fatal("without an instant")
						}
						r.At = time.Time{}
						if r != want {
							t.Fatalf("%q gave %+v, want %+v", whole, r, want)
						}
					}
				}
				if st := s.Stats(); st.Readings != uint64(sent) || st.Half+st.Empty+st.TooLong != 0 {
					t.Errorf("%+v of %d", st, sent)
				}
			})
		}
	}
}

func TestCutting(t *testing.T) {
	long := strings.Repeat("A", MaxReading+10)
	for _, x := range []struct {
		name   string
		format Format
		in     []string // "" is a pause
		want   string   // texts; [x] is one whose end was not seen
		half   int
		long   int
	}{
		{"one and a half", Format{}, []string{"AAA\rBB", ""}, "AAA [BB]", 0, 0},
		{"one and a half, strict", Format{Strict: true}, []string{"AAA\rBB", ""}, "AAA", 1, 0},
		{"strict with its own suffix", Format{Strict: true, Suffix: "\x03"}, []string{"AAA\x03BB\r\nCCC\x03"}, "AAA CCC", 1, 0},
		{"strict, beginning lost", Format{Strict: true, Prefix: "\x02"}, []string{"AA\r", "\x02BBB\r"}, "BBB", 1, 0},
		{"strict, identifier before the prefix", Format{Strict: true, Prefix: "\x02"}, []string{"]C1\x02BBB\r"}, "BBB", 0, 0},
		{"two in one piece", Format{}, []string{"AAA\r\nAAA\r\n"}, "AAA AAA", 0, 0},
		{"two with a suffix in one piece", Format{Suffix: "\t"}, []string{"AAA\tBBB\t"}, "AAA BBB", 0, 0},
		{"two without an end, by their prefix", Format{Prefix: "\x02"}, []string{"\x02AAA\x02BBB", ""}, "[AAA] [BBB]", 0, 0},
		{"end lost, by the next prefix", Format{Prefix: "\x02", Suffix: "\x03", Strict: true}, []string{"\x02AA\x02BBB\x03"}, "BBB", 1, 0},
		{"a prefix of two", Format{Prefix: "\x02\x02"}, []string{"\x02\x02AAA\r"}, "AAA", 0, 0},
		{"a suffix in two pieces", Format{Suffix: "END"}, []string{"AAAE", "ND"}, "AAA", 0, 0},
		{"a suffix inside the code", Format{Suffix: ";"}, []string{"A;B;"}, "A B", 0, 0},
		{"a pause ends", Format{}, []string{"AA", "", "BB", ""}, "[AA] [BB]", 0, 0},
		{"too long", Format{}, []string{long, "B\rCCC\r"}, "CCC", 0, 1},
		{"too long, then a pause", Format{}, []string{long, "", "CCC\r"}, "CCC", 0, 1},
		{"empty lines", Format{}, []string{"\r\n\r\n\n", ""}, "", 0, 0},
	} {
		c := cutter{format: x.format}
		var got []string
		half, long := 0, 0
		sink := func(k cut) {
			r, ok := x.format.Parse(k.bytes)
			switch {
			case k.long:
				long++
			case k.half:
				half++
			case ok && k.ended:
				got = append(got, r.Text)
			case ok:
				got = append(got, "["+r.Text+"]")
			}
		}
		for _, in := range x.in {
			if in == "" {
				c.quiet(sink)
			} else {
				c.feed([]byte(in), sink)
			}
		}
		if s := strings.Join(got, " "); s != x.want || half != x.half || long != x.long {
			t.Errorf("%s: %q, %d half, %d long; want %q, %d, %d", x.name, s, half, long, x.want, x.half, x.long)
		}
	}
}

func FuzzCutter(f *testing.F) {
	f.Add([]byte("\x02]C15YJXCAE40MF000001\x03\r\n\x02A"), "\x02", "\x03", true)
	f.Add([]byte("A\rB\nC\r\nD"), "", "", false)
	f.Add([]byte("A;B;;C"), "~", ";\r", false)
	f.Fuzz(func(t *testing.T, in []byte, prefix, suffix string, strict bool) {
		if len(prefix)+len(suffix) > 64 {
			return
		}
		format := Format{Prefix: prefix, Suffix: suffix, Strict: strict}
		type part struct {
			text        string
			ended, half bool
		}
		run := func(step int) (got []part) {
			c := cutter{format: format}
			sink := func(k cut) { got = append(got, part{string(k.bytes), k.ended, k.half}) }
			for i := 0; i < len(in); i += step {
				c.feed(in[i:min(i+step, len(in))], sink)
			}
			c.quiet(sink)
			if c.lost() {
				t.Fatal("something was left after a pause")
			}
			return got
		}
		whole, single := run(len(in)+1), run(1)
		if !slices.Equal(whole, single) {
			t.Fatalf("%v in one, %v byte by byte", whole, single)
		}
		total := 0
		for _, p := range whole {
			total += len(p.text)
			if strings.ContainsAny(p.text, "\r\n") {
				t.Fatalf("a line end in %q", p.text)
			}
		}
		if total > len(in) {
			t.Fatalf("%d bytes of %d", total, len(in))
		}
	})
}

func TestScannerOverASerialLine(t *testing.T) {
	m, open := terminal(t)
	s, got := run(t, Format{}, open, nil)
	// One with CR LF, two with CR alone, one of nothing, and one with no end.
	send(t, m, "]C1AAA\r\n", "]A0BBB\rCCC\r", "]C1\r\nDD", "D")
	for _, want := range []string{"AAA", "BBB", "CCC", "DDD"} {
		if r := next(t, got); r.Text != want || r.Ended != (want != "DDD") {
			t.Fatalf("%+v, want %s", r, want)
		}
	}
	if st := s.Stats(); st.Empty != 1 || st.Opened != 1 || !st.Up {
		t.Fatalf("%+v", st)
	}
}

func TestTwoScannersDoNotMix(t *testing.T) {
	a, openA := terminal(t)
	b, openB := terminal(t)
	_, gotA := run(t, Format{Suffix: "\t"}, openA, nil)
	_, gotB := run(t, Format{}, openB, nil)
	for i := range 20 {
		send(t, a, fmt.Sprintf("A%d", i))
		send(t, b, fmt.Sprintf("B%d", i))
		send(t, b, "x\r")
		send(t, a, "x\t")
	}
	for i := range 20 {
		if ra, rb := next(t, gotA), next(t, gotB); ra.Text != fmt.Sprintf("A%dx", i) || rb.Text != fmt.Sprintf("B%dx", i) {
			t.Fatalf("%q and %q", ra.Text, rb.Text)
		}
	}
}

// port is a device that sends what a test writes to it, and goes when told.
type port struct {
	in   chan []byte
	gone chan struct{}
}

func newPort() *port { return &port{in: make(chan []byte, 64), gone: make(chan struct{})} }

func (p *port) Read(b []byte) (int, error) {
	select {
	case in := <-p.in:
		return copy(b, in), nil
	default:
	}
	quiet := time.NewTimer(serial.ReadTimeout)
	defer quiet.Stop()
	select {
	case in := <-p.in:
		return copy(b, in), nil
	case <-p.gone:
		return 0, serial.ErrGone
	case <-quiet.C:
		return 0, nil
	}
}

func (p *port) Write(b []byte) (int, error) {
	p.in <- append([]byte(nil), b...)
	return len(b), nil
}

func (p *port) Close() error { return nil }

func TestCablePulledInTheMiddleOfAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPort(), newPort()
		ports := make(chan *port, 2)
		ports <- first
		ports <- second
		s, got := run(t, Format{}, func() (serial.Port, error) { return <-ports, nil }, nil)
		send(t, first, "AAA\r5YJXCA")
		if r := next(t, got); r.Text != "AAA" {
			t.Fatalf("%+v", r)
		}
		close(first.gone)
		send(t, second, "E40MF000001\r")
		// Two halves are never put together.
		if r := next(t, got); r.Text != "E40MF000001" {
			t.Fatalf("%+v", r)
		}
		if st := s.Stats(); st.Half != 1 || st.Lost != 1 || st.Opened != 2 || st.Readings != 2 {
			t.Fatalf("%+v", st)
		}
	})
}
