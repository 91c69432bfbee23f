package scanner

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"

	"sallyport/rf/serial"
)

// stroke is one event.
func stroke(size int, kind, code uint16, value int32) []byte {
	b := make([]byte, size-8, size)
	if size == eventSize64 {
		binary.NativeEndian.PutUint64(b, 1<<33) // seconds: a time that 32 bits do not hold
	}
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, code)
	return binary.NativeEndian.AppendUint32(b, uint32(value))
}

// typist types as a scanner does.
type typist struct {
	size   int
	layout Layout
	out    []byte
}

func (y *typist) key(code int, down bool) {
	v := int32(0)
	if down {
		v = 1
	}
	y.out = append(y.out, stroke(y.size, 4, 4, int32(code))...) // MSC_SCAN, as keyboards send it
	y.out = append(y.out, stroke(y.size, evKey, uint16(code), v)...)
	y.out = append(y.out, stroke(y.size, evSyn, synReport, 0)...)
}

func (y *typist) tap(code int, with ...int) {
	for _, m := range with {
		y.key(m, true)
	}
	y.key(code, true)
	y.key(code, false)
	for _, m := range with {
		y.key(m, false)
	}
}

// text types each character by the first key that means it, and a control
// character with Ctrl.
func (y *typist) text(t *testing.T, s string) *typist {
	t.Helper()
	for _, c := range s {
		modifiers := []int{}
		want := c
		if c < ' ' && c != '\r' && c != '\t' {
			modifiers, want = []int{keyLeftCtrl}, c+'@'
			if 'A' <= want && want <= 'Z' {
				want += 'a' - 'A'
			}
		}
		code, level := y.find(want)
		if code < 0 {
			t.Fatalf("no key means %q", want)
		}
		switch level {
		case 1:
			modifiers = append(modifiers, keyRightShift)
		case 2:
			modifiers = append(modifiers, keyRightAlt)
		}
		y.tap(code, modifiers...)
	}
	return y
}

func (y *typist) find(c rune) (code, level int) {
	for code := range y.layout {
		for level := range 3 {
			if y.layout[code][level] == c {
				return code, level
			}
		}
	}
	return -1, 0
}

func TestKeysTypeEveryCharacter(t *testing.T) {
	var printable strings.Builder
	for c := ' '; c <= '~'; c++ {
		printable.WriteRune(c)
	}
	for name, layout := range map[string]Layout{"US": US(), "German": German()} {
		for _, size := range []int{eventSize64, eventSize32} {
			y := typist{size: size, layout: layout}
			want := printable.String() + "\t]C1\x1d5YJXCAE40MF000001\x02\x03\x1b\r"
			if name == "German" {
				want += "äÖß€"
			}
			y.text(t, want)
			for _, step := range []int{1, 7, size, len(y.out)} {
				k := keys{layout: layout, size: size}
				var got []byte
				for b := y.out; len(b) > 0; {
					n := min(step, len(b))
					got = append(got, k.feed(b[:n], func([]byte) { t.Fatal("lost") })...)
					b = b[n:]
				}
				if string(got) != want {
					t.Errorf("%s, events of %d, %d bytes at a time: %q, want %q", name, size, step, got, want)
				}
			}
		}
	}
}

func TestKeyCodes(t *testing.T) {
	us, german := US(), German()
	for code, want := range map[int][2]rune{21: {'y', 'z'}, 44: {'z', 'y'}, 2: {'1', '1'}, 11: {'0', '0'}, 30: {'a', 'a'}, 50: {'m', 'm'}, 12: {'-', 'ß'}, 53: {'/', '-'}} {
		if us[code][0] != want[0] || german[code][0] != want[1] {
			t.Errorf("key %d: %q and %q, want %q and %q", code, us[code][0], german[code][0], want[0], want[1])
		}
	}
}

func TestModifiers(t *testing.T) {
	for _, x := range []struct {
		name string
		do   func(y *typist)
		want string
	}{
		{"Caps Lock turns letters round", func(y *typist) {
			y.tap(keyCapsLock)
			y.tap(30)
			y.tap(30, keyLeftShift)
			y.tap(2)
			y.tap(keyCapsLock)
			y.tap(30)
		}, "Aa1a"},
		{"two Shifts, one of them released", func(y *typist) {
			y.key(keyLeftShift, true)
			y.key(keyRightShift, true)
			y.key(keyLeftShift, false)
			y.tap(30)
			y.key(keyRightShift, false)
			y.tap(30)
		}, "Aa"},
		{"Alt and a number", func(y *typist) {
			y.key(keyLeftAlt, true)
			for _, c := range []int{82, 82, 75, 79} { // 0041
				y.tap(c)
			}
			y.key(keyLeftAlt, false)
		}, ")"},
		{"Alt and no number", func(y *typist) { y.tap(30, keyLeftAlt) }, "a"},
		{"Alt and too long a number", func(y *typist) {
			y.key(keyLeftAlt, true)
			for range 40 {
				y.tap(73)
			}
			y.key(keyLeftAlt, false)
		}, "\uFFFD"},
		{"the keypad without Alt", func(y *typist) { y.tap(79); y.tap(96) }, "1\r"},
		{"Ctrl and what is no control character", func(y *typist) { y.tap(2, keyLeftCtrl); y.tap(30) }, "a"},
		{"a key that hangs", func(y *typist) {
			y.key(30, true)
			y.out = append(y.out, stroke(y.size, evKey, 30, 2)...)
			y.out = append(y.out, stroke(y.size, evKey, 30, 2)...)
			y.key(30, false)
		}, "a"},
		{"a key that nobody knows", func(y *typist) { y.tap(500); y.tap(127); y.tap(30) }, "a"},
	} {
		y := typist{size: eventSize64, layout: US()}
		x.do(&y)
		k := keys{layout: US(), size: eventSize64}
		got := k.feed(y.out, func([]byte) { t.Fatal("lost") })
		if string(got) != x.want {
			t.Errorf("%s: %q, want %q", x.name, got, x.want)
		}
	}
}

// TestLostEvents has the system drop events in the middle of a scan.
func TestLostEvents(t *testing.T) {
	y := typist{size: eventSize64, layout: US()}
	y.text(t, "ABC")
	y.key(keyLeftShift, true) // whose release is among what is lost
	y.out = append(y.out, stroke(y.size, evSyn, synDropped, 0)...)
	y.out = append(y.out, stroke(y.size, evKey, 30, 1)...) // until the next report nothing is to be believed
	y.out = append(y.out, stroke(y.size, evSyn, synReport, 0)...)
	y.tap(31)
	y.tap(keyEnter)
	k := keys{layout: US(), size: eventSize64}
	var before string
	got := k.feed(y.out, func(b []byte) { before = string(b) })
	if before != "ABC" || string(got) != "s\r" {
		t.Errorf("%q, and %q before", got, before)
	}
}

func TestKeyboardScanner(t *testing.T) {
	layout := German()
	events, open := terminalOf(t)
	s, got := run(t, Format{Suffix: "\t"}, open, func(s *Scanner) { s.layout = &layout })
	y := typist{size: eventSize, layout: layout}
	y.text(t, "]d2I5YJXCAE40MF000001\t")
	y.text(t, "ZWEI\r")
	if _, err := events.Write(y.out[:100]); err != nil {
		t.Fatal(err)
	}
	if _, err := events.Write(y.out[100:]); err != nil {
		t.Fatal(err)
	}
	if r := next(t, got); r.Text != "I5YJXCAE40MF000001" || r.AIM != "]d2" || !r.GS1 || !r.Ended {
		t.Errorf("%+v", r)
	}
	if r := next(t, got); r.Text != "ZWEI" {
		t.Errorf("%+v", r)
	}
	y.out = nil
	y.text(t, "FIRST\tHALF")
	y.out = append(y.out, stroke(y.size, evSyn, synDropped, 0)...)
	y.out = append(y.out, stroke(y.size, evSyn, synReport, 0)...)
	y.text(t, "WHOLE\t")
	if _, err := events.Write(y.out); err != nil {
		t.Fatal(err)
	}
	if r := next(t, got); r.Text != "FIRST" {
		t.Errorf("%+v", r)
	}
	if r := next(t, got); r.Text != "WHOLE" {
		t.Errorf("%+v", r)
	}
	if st := s.Stats(); st.Half != 1 || st.Readings != 4 {
		t.Errorf("%+v", st)
	}
}

func TestKeyboardThatGoes(t *testing.T) {
	events, open := terminalOf(t)
	p, err := open()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, eventSize)
	if n, err := p.Read(b); n != 0 || err != nil {
		t.Errorf("quiet: %d, %v", n, err)
	}
	if _, err := p.Write(b); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("written to: %v", err)
	}
	if err := events.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(b); !errors.Is(err, serial.ErrGone) {
		t.Errorf("gone: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(b); !errors.Is(err, serial.ErrGone) && !errors.Is(err, serial.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// terminalOf is a pipe of events, opened once.
func terminalOf(t *testing.T) (events *os.File, open func() (serial.Port, error)) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, func() (serial.Port, error) { return keyboardPort(r), nil }
}

// TestOnlyAKeyboardOfOurOwn opens what cannot be taken for this program alone. A
// device that can needs the kernel's uinput, which few test machines have.
func TestOnlyAKeyboardOfOurOwn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, eventSize), 0o600); err != nil {
		t.Fatal(err)
	}
	_, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	for _, name := range []string{file, slave.Name(), filepath.Join(t.TempDir(), "absent")} {
		if p, err := OpenKeyboard(name); err == nil {
			p.Close()
			t.Errorf("%s was taken for a keyboard", name)
		} else if !strings.Contains(err.Error(), "keyboard scanner") || !strings.Contains(err.Error(), name) {
			t.Errorf("error %q does not name the device", err)
		}
	}
}

func FuzzKeys(f *testing.F) {
	y := typist{size: eventSize64, layout: US()}
	for _, c := range []int{30, keyEnter} {
		y.tap(c, keyLeftShift)
	}
	f.Add(y.out)
	f.Add(stroke(eventSize64, evSyn, synDropped, 0))
	f.Add([]byte("rubbish"))
	f.Fuzz(func(t *testing.T, in []byte) {
		layout := German()
		whole := keys{layout: layout, size: eventSize64}
		events := 0
		got := string(whole.feed(in, func([]byte) { events++ }))
		if !utf8.ValidString(got) {
			t.Fatalf("typed %q", got)
		}
		var single []byte
		k := keys{layout: layout, size: eventSize64}
		for i := range in {
			single = append(single, k.feed(in[i:i+1], func([]byte) { single, events = nil, events-1 })...)
		}
		if string(single) != got || events != 0 {
			t.Fatalf("%q in one, %q byte by byte", got, single)
		}
	})
}
