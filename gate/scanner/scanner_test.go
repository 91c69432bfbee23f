package scanner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
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

func TestScannerOverASerialLine(t *testing.T) {
	m, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	name := slave.Name()
	if err := slave.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	up := make(chan error, 4)
	s := New(Format{}, func(err error) { up <- err })
	var got []string
	ended := make(chan error, 1)
	read := make(chan struct{}, 8)
	go func() {
		ended <- s.Run(ctx, func() (serial.Port, error) { return serial.Open(name, 9600) }, func(text string, _ time.Time) {
			got = append(got, text)
			read <- struct{}{}
		})
	}()
	if err := <-up; err != nil {
		t.Fatal(err)
	}
	// One with CR LF, two with CR alone, one of nothing, and one with no end.
	for _, part := range []string{"]C1AAA\r\n", "]A0BBB\rCCC\r", "]C1\r\nDD", "D"} {
		if _, err := m.WriteString(part); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		select {
		case <-read:
		case <-ctx.Done():
			t.Fatalf("%+v", s.Stats())
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if !slices.Equal(got, []string{"AAA", "BBB", "CCC", "DDD"}) {
		t.Fatalf("got %q", got)
	}
	if st := s.Stats(); st.Empty != 1 || st.Opened != 1 {
		t.Fatalf("%+v", st)
	}
}
