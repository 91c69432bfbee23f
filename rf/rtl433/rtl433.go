package rtl433

import (
	"bytes"
	"hash/maphash"
	"io"
	"math"
	"strconv"
	"time"

	"sallyport/rf"
	"sallyport/rf/internal/intake"
)

// kPa of the units in which decoders print pressure.
const (
	kPaPerPSI = 6.894757293168361 // NIST SP 811, B.8
	kPaPerBar = 100
)

// vacuum is how far, in kPa, a pressure can lie below the standard atmosphere
// (ISO 2533): several decoders subtract one, so that a sensor without a tyre on a
// mountain has less than none.
const vacuum = 101.325

// burst is how long the repeats of one frame may go on.
const burst = 2 * time.Second

// Config says what the lines do not.
type Config struct {
	Sensor string         // name of the receiver, as in rf.Observation
	Zone   *time.Location // of times without a zone; nil: UTC
	Start  time.Time      // of the recording, for times counted from it; zero: such lines are refused
}

// Reasons of refusal.
const (
	tooLong = iota
	notJSON
	notVehicle
	noTime
	noStart
	badTime
	badID
	badModel
	badPressure
	badLevel
	repeat
)

// Decoder turns lines of rtl_433 into observations. It remembers the frames of
// the last moments, a fixed number of them, and is not safe for concurrent use;
// its Tally is.
type Decoder struct {
	c     Config
	tally *rf.Tally
	seed  maphash.Seed
	heard [64]frame // ring of the last frames
	next  int
}

type frame struct {
	key uint64
	at  time.Time
}

// New makes a decoder.
func New(c Config) *Decoder {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	return &Decoder{c: c, seed: maphash.MakeSeed(), tally: rf.NewTally(
		"longer than 4096 bytes",
		"not a JSON object",
		"neither a tyre sensor nor a vehicle's remote",
		"no time",
		"time counted from the start of a recording, which is not given",
		"time is not one, or not between 2015 and 2100",
		"id is not one",
		"model is not a name",
		"pressure is not between a vacuum's and 2000 kPa",
		"level is not between -150 and 20",
		"repeat of a frame in one burst",
	)}
}

// Tally counts lines.
func (d *Decoder) Tally() *rf.Tally { return d.tally }

// Decode reads lines until r ends. It returns r's error or sink's.
func (d *Decoder) Decode(r io.Reader, sink func(rf.Observation) error) error {
	return intake.Lines(r, rf.MaxLine, func(line []byte) error {
		if o, ok := d.Line(line); ok {
			return sink(o)
		}
		return nil
	}, func() { d.tally.Refuse(tooLong) })
}

// members are the white-listed members of a line, as written.
type members struct {
	time, model, kind, id        []byte
	kPa, psi, bar                []byte
	freq, freq1, freq2, strength []byte
}

func (m *members) take(key, value []byte) {
	switch string(key) {
	case "time":
		m.time = value
	case "model":
		m.model = value
	case "type":
		m.kind = value
	case "id":
		m.id = value
	case "pressure_kPa":
		m.kPa = value
	case "pressure_PSI":
		m.psi = value
	case "pressure_bar":
		m.bar = value
	case "freq":
		m.freq = value
	case "freq1":
		m.freq1 = value
	case "freq2":
		m.freq2 = value
	case "rssi":
		m.strength = value
	}
}

// Line decodes one line or one datagram. It tells whether there is an
// observation; where there is none the tally has the reason.
func (d *Decoder) Line(line []byte) (rf.Observation, bool) {
	o, reason := d.line(line)
	if reason >= 0 {
		d.tally.Refuse(reason)
		return rf.Observation{}, false
	}
	d.tally.Take()
	return o, true
}

func (d *Decoder) line(line []byte) (rf.Observation, int) {
	if len(line) > rf.MaxLine {
		return rf.Observation{}, tooLong
	}
	if len(line) > 0 && line[0] == '<' { // RFC 5424
		line = line[max(bytes.IndexByte(line, '{'), 0):]
	}
	var m members
	if intake.Object(line, m.take) != nil {
		return rf.Observation{}, notJSON
	}
	model, _ := intake.String(m.model)
	kind, _ := intake.String(m.kind)
	o := rf.Observation{Sensor: d.c.Sensor, RSSI: rf.LowestRSSI, Level: rf.NoLevel}
	switch {
	case string(kind) == "TPMS":
		o.Kind = rf.TPMS
	case isFob(model):
		o.Kind = rf.Fob
	default:
		return o, notVehicle
	}
	at, reason := d.time(m.time)
	if reason >= 0 {
		return o, reason
	}
	o.TS = at
	if m.strength != nil {
		v, ok := intake.Number(m.strength)
		if !ok || v < rf.LowestRSSI || v > rf.HighestRSSI {
			return o, badLevel
		}
		o.RSSI, o.Level = v, rf.Relative
	}
	o.FreqMHz = m.megahertz()
	if o.Kind == rf.Fob {
		o.Emitter = fobIn(o.FreqMHz)
		return o, d.fresh(o)
	}
	if !rf.ValidModel(string(model)) {
		return o, badModel
	}
	o.Model = string(model)
	var ok bool
	if o.Emitter, ok = id(m.id); !ok {
		return o, badID
	}
	if o.Pressure, ok = m.pressure(); !ok {
		return o, badPressure
	}
	return o, d.fresh(o)
}

// isFob tells whether a decoder is one of vehicles' remotes. Gate openers and
// alarm remotes use KeeLoq as well as cars do; the chip's decoder cannot tell
// them apart, and nor do we.
func isFob(model []byte) bool {
	switch string(model) {
	case "Honda-CarRemote", "Ford-CarRemote", "Microchip-HCS200", "Microchip-HCS200/HCS300":
		return true
	}
	return false
}

// fobIn names all fobs of a band alike: which one it was is not kept.
func fobIn(mhz float64) string {
	switch {
	case mhz >= 300 && mhz < 330:
		return "fob-315"
	case mhz >= 430 && mhz < 440:
		return "fob-433"
	case mhz >= 860 && mhz < 930:
		return "fob-868"
	}
	return "fob"
}

// time reads the three shapes of a time.
func (d *Decoder) time(v []byte) (time.Time, int) {
	if v == nil {
		return time.Time{}, noTime
	}
	s, ok := intake.String(v)
	if !ok {
		s = v
	}
	var at time.Time
	switch {
	case len(s) > 2 && s[0] == '@' && s[len(s)-1] == 's':
		if d.c.Start.IsZero() {
			return at, noStart
		}
		off, ok := intake.Number(s[1 : len(s)-1])
		if !ok || off < 0 || off > 1e8 {
			return at, badTime
		}
		at = d.c.Start.Add(time.Duration(math.Round(off*1e6)) * time.Microsecond)
	case len(s) >= 19 && s[4] == '-':
		layout := "2006-01-02 15:04:05Z0700"
		if s[10] == 'T' {
			layout = "2006-01-02T15:04:05Z0700"
		}
		text := string(s)
		zone := bytes.LastIndexAny(s[19:], "Z+-") // not a hyphen of the date
		if zone < 0 {
			layout = layout[:19]
		} else if bytes.IndexByte(s[19+zone:], ':') >= 0 {
			layout = layout[:19] + "Z07:00"
		}
		var err error
		if at, err = time.ParseInLocation(layout, text, d.c.Zone); err != nil {
			return at, badTime
		}
	default:
		// Microseconds since 1970 fit a float64 until the year 2255.
		sec, ok := intake.Number(s)
		if !ok || sec < 0 || sec > 1e10 {
			return at, badTime
		}
		at = time.UnixMicro(int64(math.Round(sec * 1e6)))
	}
	if !rf.ValidTime(at) {
		return at, badTime
	}
	return at.UTC(), -1
}

// megahertz is the carrier, or the middle of the two of a keyed one; 0 where it
// is not told.
func (m *members) megahertz() float64 {
	f, ok := intake.Number(m.freq)
	if !ok {
		a, first := intake.Number(m.freq1)
		b, second := intake.Number(m.freq2)
		switch {
		case first && second:
			f = (a + b) / 2
		case first:
			f = a
		}
	}
	if f = math.Round(f*1000) / 1000; f < 1 || f > 110_000 {
		return 0
	}
	return f
}

func (m *members) pressure() (rf.Quantity, bool) {
	v, unit := m.kPa, 1.0
	switch {
	case v != nil:
	case m.psi != nil:
		v, unit = m.psi, kPaPerPSI
	case m.bar != nil:
		v, unit = m.bar, kPaPerBar
	default:
		return rf.Quantity{}, true
	}
	p, ok := intake.Number(v)
	p = math.Round(p*unit*1000) / 1000
	switch {
	case !ok || p < -vacuum || p > rf.HighestKPa:
		return rf.Quantity{}, false
	case p < 0:
		return rf.Quantity{}, true
	}
	return rf.Known(p), true
}

func id(v []byte) (string, bool) {
	if s, ok := intake.String(v); ok {
		low := string(bytes.ToLower(s))
		return low, rf.ValidName(low, 32)
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < math.MinInt32 || n > math.MaxUint32 {
		return "", false
	}
	const zeros = "00000000"
	s := strconv.FormatUint(uint64(uint32(n)), 16)
	return zeros[len(s):] + s, true
}

// fresh says repeat for a frame that was heard within the burst.
func (d *Decoder) fresh(o rf.Observation) int {
	key := maphash.Comparable(d.seed, struct {
		kind      rf.Kind
		model, id string
		kPa       float64
	}{o.Kind, o.Model, o.Emitter, o.Pressure.Value})
	for i := range d.heard {
		if f := &d.heard[i]; f.key == key && o.TS.Sub(f.at).Abs() < burst {
			return repeat
		}
	}
	d.heard[d.next] = frame{key, o.TS}
	d.next = (d.next + 1) % len(d.heard)
	return -1
}
