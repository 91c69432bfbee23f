// Package scanner reads what a barcode scanner on a serial line sends and takes
// off what is not the code itself.
//
// It may import rf/serial and anything of lower rank. It does not judge what
// was scanned: a leading import character or a wrong check digit is for
// package vin to see. Life of one reading: serial.Lines cuts the scanner's
// bytes at carriage return, line feed or a pause, Format.Clean takes off the
// framing, and the text goes to the lane as it would from the keyboard.
package scanner

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"sallyport/rf/serial"
)

// MaxReading is the length of the longest reading taken, in bytes.
const MaxReading = 4096

// Format is how a scanner is set up to frame what it reads. The zero value is
// the usual one: nothing before, CR, LF or both after, and an AIM identifier
// where the scanner sends one.
type Format struct {
	Prefix  string // taken off the front where it is there, such as "\x02"
	Suffix  string // taken off the end where it is there, such as "\x03"
	KeepAIM bool   // keep the AIM identifier, for scanners that send none and codes that begin with ]
}

// Clean takes the framing off one reading: at most one line end (CR, LF or
// both), the suffix, the prefix, and an AIM symbology identifier (ISO/IEC
// 15424: a right bracket, a letter, a modifier, such as "]C1"). Blanks and
// control characters at the ends go as well. What is not UTF-8 is replaced, as
// a text for people to see. A reading that is too long gives "".
func (f Format) Clean(reading []byte) string {
	if len(reading) > MaxReading {
		return ""
	}
	s := string(reading)
	s = strings.TrimSuffix(s, "\n")
	s = strings.TrimSuffix(s, "\r")
	s = strings.TrimSuffix(s, f.Suffix)
	s = strings.TrimPrefix(s, f.Prefix)
	if !f.KeepAIM {
		s = trimAIM(s)
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// Clean is that of the zero Format.
func Clean(reading []byte) string { return Format{}.Clean(reading) }

// trimAIM takes off an identifier whose code letter is one that scanners'
// manuals list.
func trimAIM(s string) string {
	const letters = "ACEFGHILQUXdez"
	if len(s) < 3 || s[0] != ']' || strings.IndexByte(letters, s[1]) < 0 {
		return s
	}
	m := s[2]
	if '0' <= m && m <= '9' || 'A' <= m && m <= 'Z' || 'a' <= m && m <= 'z' {
		return s[3:]
	}
	return s
}

// Scanner reads one scanner. Its methods may be called while Run is under way.
type Scanner struct {
	format Format
	lines  serial.Lines
	empty  atomic.Uint64
}

// New makes a reader of one scanner. notify, where not nil, hears when the
// device comes (nil) and goes (why), as serial.Lines.Notify says.
func New(format Format, notify func(error)) *Scanner {
	return &Scanner{format: format, lines: serial.Lines{MaxLine: MaxReading, QuietEnds: true, Notify: notify}}
}

// Stats are the counters of a scanner.
type Stats struct {
	serial.LineStats
	Empty uint64 // readings of which nothing was left
}

// Stats returns the counters so far.
func (s *Scanner) Stats() Stats {
	return Stats{LineStats: s.lines.LineStats(), Empty: s.empty.Load()}
}

// Run hands each reading to sink until ctx ends, opening the device again
// whenever it is gone. sink runs on Run's goroutine; scanners are slow, so it
// may take its time.
func (s *Scanner) Run(ctx context.Context, open func() (serial.Port, error), sink func(text string, at time.Time)) error {
	return s.lines.Run(ctx, open, func(line []byte, at time.Time) {
		text := s.format.Clean(line)
		if text == "" {
			s.empty.Add(1)
			return
		}
		sink(text, at)
	})
}
