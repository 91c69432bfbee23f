// Package scanner reads what barcode scanners send, over a serial line or as a
// keyboard, and takes off what is not the code itself.
//
// It may import rf/serial and anything of lower rank. It does not judge what was
// scanned: a leading import character ("I" before a VIN), separators, a wrong check
// digit or a code that holds more than a VIN are for package vin to see, whose
// FromScan takes AIM and Text of a Reading one after the other.
//
// Life of one reading: the device's bytes, or its keys turned into characters by
// Layout, are cut into readings at the scanner's suffix, at a carriage return or
// line feed, at its prefix where that is a control character, or at a pause.
// Format takes prefix, suffix and AIM identifier off, and the Reading goes to the
// lane as it would from the keyboard. When the device is gone it is opened again
// with growing pauses (rf/serial). A reading that was cut off is counted as half a
// scan and, where the Format says that every reading has an end, not handed on.
// The same code scanned twice comes twice; it is the lane that knows how long a
// repetition is one.
package scanner

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"sallyport/rf/serial"
)

// MaxReading is the length of the longest reading taken, in bytes.
const MaxReading = 4096

// Reading is what one pull of the trigger gave.
type Reading struct {
	// Text is the content of the code, as UTF-8 for people to see, without
	// framing; group separators (1D) inside stay.
	Text string
	// AIM is the symbology identifier that the scanner sent, such as "]C1"
	// (ISO/IEC 15424); empty when it sent none.
	AIM string
	// Symbology is the kind of code that AIM names, in words; empty when unknown.
	Symbology string
	// GS1 says that the content is made of GS1 application identifiers.
	GS1 bool
	// Ended says that the reading's end was seen; else a pause ended it.
	Ended bool
	At    time.Time // when its last byte was read
}

// Format is how a scanner is set up to frame what it reads. The zero value is
// the usual one: nothing before, CR, LF or both after, and an AIM identifier
// where the scanner sends one.
type Format struct {
	Prefix  string // taken off the front where it is there, such as "\x02"
	Suffix  string // ends a reading, beside CR and LF, such as "\x03" or "\t"
	KeepAIM bool   // keep the AIM identifier, for scanners that send none and codes that begin with ]
	// Strict is for scanners whose every reading has its Prefix, where one is
	// set, and an end: Suffix, where one is set, or else CR or LF. What comes
	// otherwise is half a scan and is not handed on.
	Strict bool
}

// symbologies are the code letters of AIM identifiers that scanners' manuals
// list.
var symbologies = map[byte]string{
	'A': "Code 39", 'C': "Code 128", 'E': "EAN/UPC", 'F': "Codabar", 'G': "Code 93", 'H': "Code 11", 'I': "Interleaved 2 of 5",
	'L': "PDF417", 'Q': "QR Code", 'U': "MaxiCode", 'X': "other", 'd': "Data Matrix", 'e': "GS1 DataBar", 'z': "Aztec Code",
}

// Parse takes the framing off one reading: at most one line end (CR, LF or both),
// the suffix, the prefix, and an AIM symbology identifier (ISO/IEC 15424: a right
// bracket, a letter, a modifier, such as "]C1"), which may stand before or after
// the prefix. Blanks and control characters at the ends go as well. What is not
// UTF-8 is replaced. ok is false where no text is left, or too much came.
func (f Format) Parse(reading []byte) (r Reading, ok bool) {
	if len(reading) > MaxReading {
		return Reading{}, false
	}
	s := string(reading)
	s = strings.TrimSuffix(s, "\n")
	s = strings.TrimSuffix(s, "\r")
	s = strings.TrimSuffix(s, f.ending())
	s, had := strings.CutPrefix(s, f.beginning())
	if !f.KeepAIM {
		s, r.AIM = cutAIM(s)
		if !had && r.AIM != "" {
			s = strings.TrimPrefix(s, f.beginning())
		}
	}
	if r.AIM != "" {
		r.Symbology = symbologies[r.AIM[1]]
		r.GS1 = r.AIM == "]C1" || r.AIM == "]d2" || r.AIM == "]Q3" || r.AIM == "]e0"
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	r.Text = strings.TrimFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f })
	return r, r.Text != ""
}

// cutAIM cuts an identifier off whose code letter is a known one.
func cutAIM(s string) (rest, aim string) {
	if len(s) < 3 || s[0] != ']' || symbologies[s[1]] == "" {
		return s, ""
	}
	m := s[2]
	if '0' <= m && m <= '9' || 'A' <= m && m <= 'Z' || 'a' <= m && m <= 'z' {
		return s[3:], s[:3]
	}
	return s, ""
}

// Clean is the text of Parse; "" where there is none.
func (f Format) Clean(reading []byte) string {
	r, _ := f.Parse(reading)
	return r.Text
}

// Clean is that of the zero Format.
func Clean(reading []byte) string { return Format{}.Clean(reading) }

// ending and beginning are suffix and prefix without line ends, which end a
// reading anyway and before a reading mean nothing.
func (f Format) ending() string    { return strings.TrimRight(f.Suffix, "\r\n") }
func (f Format) beginning() string { return strings.TrimLeft(f.Prefix, "\r\n") }

// cutter cuts a stream of characters into readings.
type cutter struct {
	format Format
	buf    []byte
	skip   bool // the rest of a reading that is too long
}

// cut is what a cutter hands on.
type cut struct {
	bytes []byte // without the suffix; valid during the call
	ended bool   // by its suffix, or by a line end where there is none
	half  bool   // its Format says that there was more
	long  bool   // it was too long, and bytes is empty
}

// feed takes characters and hands each reading to sink. Nothing that is empty is
// handed on.
func (c *cutter) feed(in []byte, sink func(cut)) {
	ending := c.format.ending()
	most := MaxReading + len(c.format.Prefix) + len(ending) + 3
	for _, b := range in {
		lineEnd := b == '\r' || b == '\n'
		switch {
		case c.skip:
			c.skip = !lineEnd
			continue
		case lineEnd:
			c.flush(ending == "", sink)
			continue
		case c.beginsAgain(b):
			c.flush(false, sink)
		}
		c.buf = append(c.buf, b)
		if ending != "" && bytes.HasSuffix(c.buf, []byte(ending)) {
			c.buf = c.buf[:len(c.buf)-len(ending)]
			c.flush(true, sink)
		} else if len(c.buf) > most {
			c.buf, c.skip = c.buf[:0], true
			sink(cut{long: true})
		}
	}
}

// beginsAgain tells whether b is the control character with which the scanner
// begins a reading, so that the end of the one before was lost.
func (c *cutter) beginsAgain(b byte) bool {
	p := c.format.beginning()
	if p == "" || p[0] >= ' ' || b != p[0] || len(c.buf) == 0 {
		return false
	}
	if rest, aim := cutAIM(string(c.buf)); aim != "" && rest == "" {
		return false
	}
	return !strings.HasPrefix(p, string(c.buf)+string(rune(b)))
}

// quiet says that the scanner paused.
func (c *cutter) quiet(sink func(cut)) {
	c.skip = false
	c.flush(false, sink)
}

// lost says that the device is gone. It tells whether a reading had begun.
func (c *cutter) lost() bool {
	begun := len(c.buf) > 0
	c.buf, c.skip = c.buf[:0], false
	return begun
}

func (c *cutter) flush(ended bool, sink func(cut)) {
	if len(c.buf) == 0 {
		return
	}
	p := c.format.beginning()
	rest, _ := cutAIM(string(c.buf))
	begun := bytes.HasPrefix(c.buf, []byte(p)) || strings.HasPrefix(rest, p)
	sink(cut{bytes: c.buf, ended: ended, half: c.format.Strict && (!ended || !begun)})
	c.buf = c.buf[:0]
}

// Scanner reads one scanner. Its methods may be called while Run is under way.
type Scanner struct {
	format Format
	layout *Layout // nil for a serial scanner
	lines  serial.Lines

	readings, empty, half, long atomic.Uint64
}

// New makes a reader of one serial scanner. notify, where not nil, hears when the
// device comes (nil) and goes (why), as serial.Lines.Notify says.
func New(format Format, notify func(error)) *Scanner {
	return &Scanner{format: format, lines: serial.Lines{MaxLine: MaxReading, QuietEnds: true, Notify: notify}}
}

// NewKeyboard makes a reader of one scanner that is a keyboard, to be opened by
// OpenKeyboard. The scanner must be set to the country that layout is of.
func NewKeyboard(format Format, layout Layout, notify func(error)) *Scanner {
	s := New(format, notify)
	s.layout = &layout
	return s
}

// Stats are the counters of a scanner.
type Stats struct {
	Readings uint64 // handed on
	Half     uint64 // cut off, and not handed on
	Empty    uint64 // of which nothing was left
	TooLong  uint64
	Opened   uint64 // how often the device was opened
	Lost     uint64 // how often it was lost
	Up       bool   // open now
	Last     time.Time
	Why      string // why it is not open, in words for a log
}

// Stats returns the counters so far.
func (s *Scanner) Stats() Stats {
	l := s.lines.LineStats()
	return Stats{
		Readings: s.readings.Load(), Half: s.half.Load(), Empty: s.empty.Load(), TooLong: s.long.Load(),
		Opened: l.Opened, Lost: l.Lost, Up: l.Up, Last: l.Last, Why: l.Why,
	}
}

// Run hands each reading to sink until ctx ends, opening the device again
// whenever it is gone. sink runs on Run's goroutine; scanners are slow, so it
// may take its time.
func (s *Scanner) Run(ctx context.Context, open func() (serial.Port, error), sink func(Reading)) error {
	return s.lines.Run(ctx, func() (serial.Port, error) {
		port, err := open()
		if err != nil {
			return nil, err
		}
		t := &tap{Port: port, scanner: s, cutter: cutter{format: s.format}, sink: sink}
		if s.layout != nil {
			t.keys = &keys{layout: *s.layout, size: eventSize}
		}
		return t, nil
	}, func([]byte, time.Time) {})
}

// tap reads along: it cuts what serial.Lines reads, which keeps the device open
// and its counters, but knows line ends and pauses only.
type tap struct {
	serial.Port
	scanner *Scanner
	cutter  cutter
	keys    *keys // nil for a serial scanner
	sink    func(Reading)
}

// Read implements serial.Port.
func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Port.Read(b)
	at := time.Now()
	take := func(c cut) { t.take(c, at) }
	switch {
	case err != nil:
		if t.cutter.lost() {
			t.scanner.half.Add(1)
		}
	case n == 0:
		t.cutter.quiet(take)
	case t.keys == nil:
		t.cutter.feed(b[:n], take)
	default:
		t.cutter.feed(t.keys.feed(b[:n], func(before []byte) {
			t.cutter.feed(before, take)
			if t.cutter.lost() {
				t.scanner.half.Add(1)
			}
		}), take)
	}
	return n, err
}

func (t *tap) take(c cut, at time.Time) {
	s := t.scanner
	switch {
	case c.long:
		s.long.Add(1)
	case c.half:
		s.half.Add(1)
	default:
		r, ok := s.format.Parse(c.bytes)
		switch {
		case ok:
			r.Ended, r.At = c.ended, at
			s.readings.Add(1)
			t.sink(r)
		case len(c.bytes) > MaxReading:
			s.long.Add(1)
		default:
			s.empty.Add(1)
		}
	}
}
