package v2x

import (
	"bytes"
	"io"
	"math"
	"time"

	"sallyport/rf"
	"sallyport/rf/internal/intake"
)

// MaxMessage is the length of the longest message that is read, in bytes. With a
// full part II one has some 10,000 as text.
const MaxMessage = 1 << 16

// Config says what the messages do not.
type Config struct {
	Sensor string           // name of the receiver, as in rf.Observation
	At     func() time.Time // time of a message that has none; nil: such are refused
}

// Reasons of refusal.
const (
	tooLong = iota
	notJSON
	notBSM
	noTime
	badTime
	badID
	badSize
	cutShort
)

// Decoder turns messages into observations. Its methods may be called by several
// goroutines at once.
type Decoder struct {
	c     Config
	tally *rf.Tally
}

// New makes a decoder.
func New(c Config) *Decoder {
	return &Decoder{c: c, tally: rf.NewTally(
		"longer than 64 KiB",
		"not a JSON object",
		"not a basic safety message",
		"no time",
		"time is not one, or not between 2015 and 2100",
		"id is not four bytes",
		"width or length is not one of the standard's",
		"shorter than its core data",
	)}
}

// Tally counts messages.
func (d *Decoder) Tally() *rf.Tally { return d.tally }

// Decode reads messages until r ends. It returns r's error or sink's.
func (d *Decoder) Decode(r io.Reader, sink func(rf.Observation) error) error {
	return intake.Objects(r, MaxMessage, func(b []byte) error {
		if o, ok := d.Message(b); ok {
			return sink(o)
		}
		return nil
	}, func() { d.tally.Refuse(tooLong) })
}

// Message decodes one message. It tells whether there is an observation; where
// there is none the tally has the reason.
func (d *Decoder) Message(b []byte) (rf.Observation, bool) {
	o, reason := d.message(b)
	if reason >= 0 {
		d.tally.Refuse(reason)
		return rf.Observation{}, false
	}
	d.tally.Take()
	return o, true
}

// members are the white-listed members, as written.
type members struct {
	at, id, width, length []byte
	core, size            bool // gone into
}

// onPath tells whether what is looked for may lie beneath a member, and notes
// when the core data and its size begin. Part II, behind them, is not gone into.
func (m *members) onPath(key []byte) bool {
	switch string(key) {
	case "metadata":
		return m.at == nil // on either side of the payload
	case "payload", "data", "MessageFrame", "value", "BasicSafetyMessage":
		return !m.core
	case "coreData":
		if m.core {
			return false
		}
		m.core = true
		return true
	case "size":
		if !m.core || m.size {
			return false
		}
		m.size = true
		return true
	}
	return false
}

func (m *members) take(key, value []byte) {
	switch k := string(key); {
	case k == "recordGeneratedAt" && m.at == nil:
		m.at = value
	case k == "id" && m.core && m.id == nil:
		m.id = value
	case k == "width" && m.size && m.width == nil:
		m.width = value
	case k == "length" && m.size && m.length == nil:
		m.length = value
	}
}

func (d *Decoder) message(b []byte) (rf.Observation, int) {
	o := rf.Observation{Sensor: d.c.Sensor, Kind: rf.V2X, RSSI: rf.LowestRSSI, Level: rf.NoLevel}
	if len(b) > MaxMessage+1 {
		return o, tooLong
	}
	var m members
	if intake.Nested(b, m.onPath, m.take) != nil {
		return o, notJSON
	}
	if !m.core {
		return o, notBSM
	}
	switch {
	case m.at != nil:
		text, _ := intake.String(m.at)
		// Older editions add the zone's name: 2018-05-01T15:55:55.494Z[UTC].
		text, _, _ = bytes.Cut(text, []byte{'['})
		at, err := time.Parse(time.RFC3339, string(text))
		if err != nil {
			return o, badTime
		}
		o.TS = at.UTC()
	case d.c.At != nil:
		o.TS = d.c.At().UTC()
	default:
		return o, noTime
	}
	if !rf.ValidTime(o.TS) {
		return o, badTime
	}
	id, _ := intake.String(m.id)
	if len(id) != 8 {
		return o, badID
	}
	for _, c := range id {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return o, badID
		}
	}
	o.Emitter = string(bytes.ToLower(id))
	var ok bool
	if o.WidthCM, ok = centimetres(m.width, rf.HighestWidthCM); !ok {
		return o, badSize
	}
	if o.LengthCM, ok = centimetres(m.length, rf.HighestLengthCM); !ok {
		return o, badSize
	}
	return o, -1
}

// centimetres reads a size, a number or a string that holds one; 0 is unknown,
// as is a size that is not there.
func centimetres(v []byte, limit int) (int, bool) {
	if v == nil {
		return 0, true
	}
	n, ok := intake.Quoted(v)
	if !ok || n != math.Trunc(n) || n < 0 || n > float64(limit) {
		return 0, false
	}
	return int(n), true
}
