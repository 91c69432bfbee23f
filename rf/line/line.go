package line

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"sallyport/rf"
	"sallyport/rf/internal/intake"
)

// Bounds of a frame.
const (
	MaxFrame = 1024            // bytes, from the dollar sign to the check's last digit
	MaxAge   = 5 * time.Second // between hearing a broadcast and the frame's last byte
)

// checkLen is the length of the asterisk and the check.
const checkLen = 5

// Checksum is CRC-16/CCITT-FALSE.
func Checksum(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, x := range b {
		c = c<<8 ^ crcTable[byte(c>>8)^x]
	}
	return c
}

var crcTable = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// ErrUnframable says that a record cannot be sent: the frame would be longer
// than MaxFrame, or its age is not between 0 and MaxAge.
var ErrUnframable = errors.New("record does not fit a frame")

// NoAge is the age of a record that carries its own time.
const NoAge time.Duration = -1

// Append writes the frame of one record, a JSON object on one line, with LF at
// its end. age is NoAge or counts in whole milliseconds.
func Append(dst []byte, sequence uint32, age time.Duration, record []byte) ([]byte, error) {
	if age != NoAge && (age < 0 || age > MaxAge) {
		return dst, ErrUnframable
	}
	from := len(dst)
	out := strconv.AppendUint(append(dst, '$'), uint64(sequence), 10)
	out = append(out, ',')
	if age != NoAge {
		out = strconv.AppendInt(out, age.Milliseconds(), 10)
	}
	out = append(out, ',')
	for _, c := range record {
		if c == '$' {
			out = append(out, `\u0024`...)
		} else {
			out = append(out, c)
		}
	}
	out = appendCheck(out, Checksum(out[from+1:]))
	if len(out)-from > MaxFrame {
		return dst, ErrUnframable
	}
	return append(out, '\n'), nil
}

func appendCheck(dst []byte, c uint16) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '*', digits[c>>12], digits[c>>8&15], digits[c>>4&15], digits[c&15])
}

// Encoder writes frames with the numbers that follow each other. The zero value
// is a receiver that has just been switched on.
type Encoder struct {
	next   uint32
	record []byte
}

// Append writes the frame of an observation with its own time. A frame that
// does not fit takes no number.
func (e *Encoder) Append(dst []byte, o rf.Observation) ([]byte, error) {
	e.record = rf.Append(e.record[:0], o)
	out, err := Append(dst, e.next, NoAge, e.record)
	if err == nil {
		e.next++
	}
	return out, err
}

// Refusal is why nothing came of a line. It never repeats what the line held.
type Refusal int

// The refusals.
const (
	NoFrame     Refusal = iota // no dollar sign, and plain records are not allowed
	TooLong                    // more than MaxFrame, or rf.MaxLine for a plain record
	Malformed                  // its parts are not there, or its numbers none
	BadCheck                   // the check does not fit
	Repeated                   // came already
	Stale                      // its number lies far back
	BadTime                    // both age and ts, or neither
	BadRecord                  // the record is not a canonical observation
	refusalsEnd                // how many there are
)

var refusals = [refusalsEnd]string{
	NoFrame:   "not a frame",
	TooLong:   "frame is too long",
	Malformed: "frame is malformed",
	BadCheck:  "check of the frame is wrong",
	Repeated:  "repeat of a frame",
	Stale:     "number of the frame lies far back",
	BadTime:   "not one of age and ts",
	BadRecord: "record is not an observation",
}

func (r Refusal) Error() string { return "sensor line: " + refusals[r] }

// Config says what the lines do not.
type Config struct {
	Parse  func([]byte) (rf.Observation, error) // such as (*rf.Prefixes).ParseLine
	Sensor string                               // stands in every observation; empty: the record names it
	Plain  bool                                 // records without a frame are taken, too
}

// Decoder decodes the lines of one receiver. It is not safe for concurrent use;
// its Tally and its Stats are.
type Decoder struct {
	c                        Config
	tally                    *rf.Tally
	sequence                 sequence
	record                   []byte
	missing                  atomic.Int64
	late, restarts, plain    atomic.Uint64
	noise, repeats           atomic.Uint64
	hasTime, hasSensor, bare bool
}

// Stats are counters beside the Tally.
type Stats struct {
	Missing  uint64 // frames whose numbers were passed over; falls when one comes late. What was lost about a restart is not known
	Late     uint64 // frames taken out of turn
	Restarts uint64 // of the receiver
	Plain    uint64 // records taken without a frame
	Repeats  uint64 // frames that came already
	Noise    uint64 // frames with something before their dollar sign
}

// New makes a decoder.
func New(c Config) *Decoder { return &Decoder{c: c, tally: rf.NewTally(refusals[:]...)} }

// Tally counts lines.
func (d *Decoder) Tally() *rf.Tally { return d.tally }

// Stats returns the counters so far.
func (d *Decoder) Stats() Stats {
	return Stats{
		Missing: uint64(max(0, d.missing.Load())), Late: d.late.Load(), Restarts: d.restarts.Load(),
		Plain: d.plain.Load(), Repeats: d.repeats.Load(), Noise: d.noise.Load(),
	}
}

// Decode reads lines until r ends, with now as the time of each line's last
// byte. It returns r's error or sink's.
func (d *Decoder) Decode(r io.Reader, now func() time.Time, sink func(rf.Observation) error) error {
	return intake.Lines(r, rf.MaxLine, func(line []byte) error {
		if o, err := d.Line(line, now()); err == nil {
			return sink(o)
		}
		return nil
	}, func() { d.tally.Refuse(int(TooLong)) })
}

// Line decodes one line or datagram whose last byte came at the given time. The
// error is a Refusal, or a *rf.LineError which is counted as BadRecord. Nothing
// of the line is kept.
func (d *Decoder) Line(line []byte, at time.Time) (rf.Observation, error) {
	o, reason, err := d.line(bytes.TrimRight(line, "\r\n"), at)
	if reason >= 0 {
		d.tally.Refuse(int(reason))
		if err == nil {
			err = reason
		}
		return rf.Observation{}, err
	}
	d.tally.Take()
	return o, nil
}

const taken Refusal = -1

func (d *Decoder) line(b []byte, at time.Time) (rf.Observation, Refusal, error) {
	start := bytes.LastIndexByte(b, '$')
	if start < 0 {
		if !d.c.Plain || len(b) == 0 || b[0] != '{' {
			return rf.Observation{}, NoFrame, nil
		}
		return d.unframed(b)
	}
	if d.c.Plain && b[0] == '{' {
		// A plain record may hold a dollar sign.
		return d.unframed(b)
	}
	if start > 0 {
		d.noise.Add(1)
	}
	if b = b[start:]; len(b) > MaxFrame {
		return rf.Observation{}, TooLong, nil
	}
	if len(b) < len("$0,,{}")+checkLen || b[len(b)-checkLen] != '*' {
		return rf.Observation{}, Malformed, nil
	}
	body := b[1 : len(b)-checkLen]
	check := Checksum(body)
	if want := appendCheck(make([]byte, 0, checkLen), check); !bytes.Equal(want, b[len(b)-checkLen:]) {
		return rf.Observation{}, BadCheck, nil
	}
	seq, rest, ok := number(body, math.MaxUint32)
	if !ok {
		return rf.Observation{}, Malformed, nil
	}
	age := NoAge
	if rest[0] == ',' {
		rest = rest[1:]
	} else {
		var ms uint64
		if ms, rest, ok = number(rest, uint64(MaxAge/time.Millisecond)); !ok {
			return rf.Observation{}, Malformed, nil
		}
		age = time.Duration(ms) * time.Millisecond
	}
	if reason := d.count(uint32(seq), check); reason != taken {
		return rf.Observation{}, reason, nil
	}
	return d.parse(rest, age, at)
}

// number reads decimal digits up to a comma, and returns what follows it, which
// is never empty.
func number(b []byte, most uint64) (n uint64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		if n = 10*n + uint64(b[i]-'0'); n > most || i > 0 && b[0] == '0' {
			return 0, nil, false
		}
	}
	if i == 0 || i+1 >= len(b) || b[i] != ',' {
		return 0, nil, false
	}
	return n, b[i+1:], true
}

func (d *Decoder) unframed(b []byte) (rf.Observation, Refusal, error) {
	o, reason, err := d.parse(b, NoAge, time.Time{})
	if reason == taken {
		d.plain.Add(1)
	}
	return o, reason, err
}

// parse reads a record. One of an age has no time of its own.
func (d *Decoder) parse(record []byte, age time.Duration, at time.Time) (rf.Observation, Refusal, error) {
	d.hasTime, d.hasSensor, d.bare = false, false, true
	if err := intake.Object(record, d.member); err != nil {
		return rf.Observation{}, BadRecord, nil
	}
	if d.hasTime != (age == NoAge) {
		return rf.Observation{}, BadTime, nil
	}
	if age != NoAge || !d.hasSensor && d.c.Sensor != "" {
		d.record = append(d.record[:0], '{')
		if age != NoAge {
			d.record = append(d.record, `"ts":"`...)
			d.record = at.Add(-age).UTC().AppendFormat(d.record, time.RFC3339Nano)
			d.record = append(d.record, '"')
		}
		if !d.hasSensor && d.c.Sensor != "" {
			if age != NoAge {
				d.record = append(d.record, ',')
			}
			d.record = append(d.record, `"sensor":"`...)
			d.record = append(d.record, d.c.Sensor...)
			d.record = append(d.record, '"')
		}
		if !d.bare {
			d.record = append(d.record, ',')
		}
		record = append(d.record, bytes.TrimLeft(record, " \t\r\n")[1:]...)
		d.record = record
	}
	o, err := d.c.Parse(record)
	clear(d.record)
	if err != nil {
		return rf.Observation{}, BadRecord, err
	}
	if d.c.Sensor != "" {
		o.Sensor = d.c.Sensor
	}
	return o, taken, nil
}

func (d *Decoder) member(key, _ []byte) {
	d.bare = false
	switch string(key) {
	case "ts":
		d.hasTime = true
	case "sensor":
		d.hasSensor = true
	}
}

// count holds a frame's number against those before it.
func (d *Decoder) count(n uint32, check uint16) Refusal {
	got := d.sequence.take(n, check)
	if got.missing != 0 {
		d.missing.Add(got.missing)
	}
	switch got.what {
	case repeated:
		d.repeats.Add(1)
		return Repeated
	case stale:
		return Stale
	case late:
		d.late.Add(1)
	case restarted:
		d.restarts.Add(1)
	case next:
	}
	return taken
}
