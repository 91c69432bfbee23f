package serial

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/rf"
)

// Pauses between attempts to open a device that is gone.
const (
	FirstPause = 500 * time.Millisecond
	LastPause  = 30 * time.Second
)

// AskAfter is after how long a silence a device is asked again.
const AskAfter = 2 * time.Second

// Lines reads lines from a device for as long as its context lives, opening the
// device again whenever it is gone. The zero value is ready; its methods may be
// called while Run is under way.
type Lines struct {
	// MaxLine is the length of the longest line kept, in bytes; 0 is rf.MaxLine.
	MaxLine int
	// QuietEnds makes a pause of ReadTimeout end a line, for scanners that are
	// set to send no suffix.
	QuietEnds bool
	// Ask, where set, is written to a device that was opened, and again whenever
	// it has said nothing for AskAfter: for one that begins when it is told to, and
	// may still be starting when it is told first.
	Ask []byte
	// Notify, where set, hears of each change: nil when the device was opened,
	// and the reason when it was lost or could not be opened. It is called
	// from Run's goroutine, once a change and not once an attempt.
	Notify func(error)

	bytes, lines, tooLong, cut, opened, lost atomic.Uint64

	mu   sync.Mutex
	last time.Time
	up   bool
	why  string
}

// LineStats are the counters of Lines.
type LineStats struct {
	Bytes   uint64 // read
	Lines   uint64 // handed on
	TooLong uint64 // dropped for their length
	Cut     uint64 // begun when the device went, and dropped
	Opened  uint64 // how often the device was opened
	Lost    uint64 // how often it was lost
	Up      bool   // open now
	Last    time.Time
	Why     string // why it is not open, in words for a log
}

// LineStats returns the counters so far.
func (l *Lines) LineStats() LineStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LineStats{
		Bytes: l.bytes.Load(), Lines: l.lines.Load(), TooLong: l.tooLong.Load(), Cut: l.cut.Load(),
		Opened: l.opened.Load(), Lost: l.lost.Load(), Up: l.up, Last: l.last, Why: l.why,
	}
}

func (l *Lines) state(up bool, err error) {
	l.mu.Lock()
	changed := l.up != up || (!up && l.why == "")
	l.up, l.why = up, ""
	if err != nil {
		l.why = err.Error()
	}
	l.mu.Unlock()
	if changed && l.Notify != nil {
		l.Notify(err)
	}
}

// Run reads until ctx ends, and then returns ctx's error with the device
// closed. Each line goes to sink without its line end, valid only during the
// call, with the time at which its last byte was read; empty lines are passed
// over. sink runs on Run's goroutine.
func (l *Lines) Run(ctx context.Context, open func() (Port, error), sink func(line []byte, at time.Time)) error {
	return l.run(ctx, open, func(port Port) error { return l.read(ctx, port, sink) })
}

// Chunks does as Run does, but hands on what was read as it came, for devices
// that do not speak in lines. It hands on nothing, once, when the device has said
// nothing for two seconds, so that half of something need not be kept.
func (l *Lines) Chunks(ctx context.Context, open func() (Port, error), sink func(chunk []byte, at time.Time)) error {
	return l.run(ctx, open, func(port Port) error {
		chunk := make([]byte, 4096)
		defer clear(chunk)
		ask := l.asker(port)
		spoke, quiet := time.Now(), true
		for ctx.Err() == nil {
			n, err := port.Read(chunk)
			if err != nil {
				return err
			}
			ask(n > 0)
			at := time.Now()
			switch {
			case n > 0:
				spoke, quiet = at, false
				l.came(n, at)
				sink(chunk[:n], at)
				clear(chunk[:n])
			case !quiet && at.Sub(spoke) > halfway:
				quiet = true
				sink(nil, at)
			}
		}
		return ctx.Err()
	})
}

// asker asks a device that was just opened, and what it returns is called after
// each read and asks again after a silence. No read waits for it.
func (l *Lines) asker(port Port) func(spoke bool) {
	if len(l.Ask) == 0 {
		return func(bool) {}
	}
	asked := make(chan struct{}, 1)
	ask := func() {
		select {
		case asked <- struct{}{}:
			go func() {
				// A device that does not take it is found by its silence, or by the next read.
				_, _ = port.Write(l.Ask)
				<-asked
			}()
		default: // the last one is still under way
		}
	}
	ask()
	last := time.Now()
	return func(spoke bool) {
		now := time.Now()
		if spoke {
			last = now
		} else if now.Sub(last) >= AskAfter {
			last = now
			ask()
		}
	}
}

// came counts what was read.
func (l *Lines) came(n int, at time.Time) {
	l.bytes.Add(uint64(n))
	l.mu.Lock()
	l.last = at
	l.mu.Unlock()
}

func (l *Lines) run(ctx context.Context, open func() (Port, error), read func(Port) error) error {
	pause := FirstPause
	for ctx.Err() == nil {
		port, err := open()
		if err == nil {
			l.opened.Add(1)
			l.state(true, nil)
			before := l.bytes.Load()
			err = read(port)
			err = errors.Join(err, port.Close())
			if ctx.Err() != nil {
				l.state(false, ctx.Err())
				return ctx.Err()
			}
			l.lost.Add(1)
			// A device that opens and says nothing is not back yet: the pauses
			// go on growing.
			if l.bytes.Load() != before {
				pause = FirstPause
			}
		}
		l.state(false, err)
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

func (l *Lines) read(ctx context.Context, port Port, sink func([]byte, time.Time)) error {
	limit := l.MaxLine
	if limit <= 0 {
		limit = rf.MaxLine
	}
	ask := l.asker(port)
	var (
		chunk = make([]byte, 4096)
		line  = make([]byte, 0, limit+1)
		skip  bool // the rest of a line that is too long
		ends  = "\n"
	)
	if l.QuietEnds {
		// Scanners end a reading with a carriage return alone as well.
		ends = "\r\n"
	}
	// What was read is not kept a moment longer than it is needed: there are
	// addresses in it.
	forget := func() {
		clear(line)
		line = line[:0]
	}
	defer func() {
		clear(chunk)
		forget()
	}()
	deliver := func(at time.Time) {
		got := bytes.TrimRight(line, "\r")
		if len(got) > 0 {
			l.lines.Add(1)
			sink(got, at)
		}
		forget()
	}
	spoke := time.Now()
	for ctx.Err() == nil {
		n, err := port.Read(chunk)
		at := time.Now()
		if err != nil {
			if len(line) > 0 {
				l.cut.Add(1)
			}
			return err
		}
		ask(n > 0)
		if n == 0 {
			switch {
			case l.QuietEnds:
				deliver(at)
				skip = false
			case len(line) > 0 && at.Sub(spoke) > halfway:
				// Whatever comes of it now is the end of something else.
				l.cut.Add(1)
				forget()
				skip = true
			}
			continue
		}
		spoke = at
		l.came(n, at)
		for rest := chunk[:n]; len(rest) > 0; {
			part, after, ended := rest, []byte(nil), false
			if i := bytes.IndexAny(rest, ends); i >= 0 {
				part, after, ended = rest[:i], rest[i+1:], true
			}
			rest = after
			if !skip {
				// One byte more than the limit is kept for a carriage return.
				if room := limit + 1 - len(line); len(part) > room {
					l.tooLong.Add(1)
					forget()
					skip = true
				} else {
					line = append(line, part...)
				}
			}
			if !ended {
				continue
			}
			if !skip && len(bytes.TrimRight(line, "\r")) > limit {
				l.tooLong.Add(1)
				forget()
			}
			if !skip {
				deliver(at)
			}
			skip = false
		}
		clear(chunk[:n])
	}
	return ctx.Err()
}

// halfway is how long half a line is waited for.
const halfway = 2 * time.Second

// DefaultSkew is how far a sensor's clock may be off from ours before its
// observations are refused.
const DefaultSkew = 5 * time.Second

// Reader turns observation lines of a serial sensor into observations.
type Reader struct {
	Lines
	// MaxSkew replaces DefaultSkew where it is not 0.
	MaxSkew time.Duration

	parse                             func([]byte, time.Time) (rf.Observation, error)
	accepted, refused, clock, dropped atomic.Uint64

	whyMu sync.Mutex
	why   string
}

// NewReader makes a reader that parses each line with parse, which is told when
// the line's last byte was read.
func NewReader(parse func(line []byte, at time.Time) (rf.Observation, error)) *Reader {
	return &Reader{parse: parse}
}

// Stats are the counters of a Reader. Every line is in exactly one of Accepted,
// Refused, Clock and Dropped.
type Stats struct {
	LineStats
	Accepted uint64 // taken by the sink
	Refused  uint64 // parse did not take it
	Clock    uint64 // the sensor's clock is off by more than the skew allowed
	Dropped  uint64 // not taken by the sink
	Refusal  string // the last reason for a refusal; it never repeats what a line held
}

// Stats returns the counters so far.
func (r *Reader) Stats() Stats {
	r.whyMu.Lock()
	defer r.whyMu.Unlock()
	return Stats{
		LineStats: r.LineStats(), Accepted: r.accepted.Load(), Refused: r.refused.Load(),
		Clock: r.clock.Load(), Dropped: r.dropped.Load(), Refusal: r.why,
	}
}

// Run reads until ctx ends. sink takes an observation or, when it has no room,
// returns false at once: a reader that waits would let the device's buffer run
// over without a count.
func (r *Reader) Run(ctx context.Context, open func() (Port, error), sink func(rf.Observation) bool) error {
	skew := r.MaxSkew
	if skew <= 0 {
		skew = DefaultSkew
	}
	return r.Lines.Run(ctx, open, func(line []byte, at time.Time) {
		o, err := r.parse(line, at)
		if err != nil {
			r.refused.Add(1)
			r.whyMu.Lock()
			r.why = err.Error()
			r.whyMu.Unlock()
			return
		}
		if off := o.TS.Sub(at); off > skew || off < -skew {
			r.clock.Add(1)
			return
		}
		if !sink(o) {
			r.dropped.Add(1)
			return
		}
		r.accepted.Add(1)
	})
}
