package sweep

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"sallyport/rf"
	"sallyport/rf/internal/intake"
)

// MaxRow is the length of the longest row that is read, in bytes: rtl_power
// writes some 4,000 bins of 8 characters a row.
const MaxRow = 1 << 17

// European are the bands that networks in Europe use most with frequency
// division, and what a Decoder listens to where nothing else is said.
const European = "B1,B3,B7,B8,B20,B28"

// idle is how long a sweep may go on before it is taken for two.
const idle = 30 * time.Second

//go:embed bands.csv
var bandsCSV string

// Band is the range in which the terminals of a band transmit.
type Band struct {
	Name    string
	Duplex  string  // FDD, TDD
	LowMHz  float64 // of the uplink
	HighMHz float64
}

// Bands is the table of bands, as in bands.csv.
func Bands() []Band {
	var all []Band
	for line := range strings.Lines(bandsCSV) {
		f := strings.Split(strings.TrimSpace(line), ",")
		low, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			continue // the head line
		}
		high, err := strconv.ParseFloat(f[3], 64)
		if err != nil {
			continue
		}
		all = append(all, Band{Name: f[0], Duplex: f[1], LowMHz: low, HighMHz: high})
	}
	return all
}

// Config says what the rows do not.
type Config struct {
	Sensor string         // name of the receiver, as in rf.Observation
	Zone   *time.Location // of the times; nil: UTC
	Bands  []string       // to listen to; none: European
}

// Reasons of refusal.
const (
	tooLong = iota
	notRow
	badTime
	badRange
	noBand
	noLevel
)

// Decoder turns rows into observations. It is not safe for concurrent use; its
// Tally is.
type Decoder struct {
	c     Config
	bands []heard
	tally *rf.Tally

	begun bool
	first float64   // low end of the sweep's first row, in Hz
	from  time.Time // of that row
	last  timeText
}

type heard struct {
	Band
	any  bool
	best rf.Observation
}

// timeText remembers the reading of a row's time: a sweep's rows share it.
type timeText struct {
	text [40]byte
	n    int
	at   time.Time
}

// New makes a decoder. A band that is not in the table, or in which base
// stations share the terminals' frequencies, is an error.
func New(c Config) (*Decoder, error) {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if len(c.Bands) == 0 {
		c.Bands = strings.Split(European, ",")
	}
	d := &Decoder{c: c, tally: rf.NewTally(
		"longer than 128 KiB",
		"not a row of a sweep",
		"time is not one, or not between 2015 and 2100",
		"frequencies do not fit the number of levels",
		"no uplink band that is listened to",
		"no level in an uplink band",
	)}
	all := Bands()
	for _, name := range c.Bands {
		found := false
		for _, b := range all {
			if b.Name != name {
				continue
			}
			if b.Duplex != "FDD" {
				return nil, fmt.Errorf("band %s: base stations transmit on the same frequencies, so that a sweep says nothing of it", name)
			}
			d.bands = append(d.bands, heard{Band: b})
			found = true
		}
		if !found {
			return nil, fmt.Errorf("band %q is not in the table", name)
		}
	}
	return d, nil
}

// Tally counts rows. A row is taken when it says something of a band; an
// observation is made of all rows of a sweep.
func (d *Decoder) Tally() *rf.Tally { return d.tally }

// Decode reads rows until r ends, and tells of the last sweep then. It returns
// r's error or sink's.
func (d *Decoder) Decode(r io.Reader, sink func(rf.Observation) error) error {
	err := intake.Lines(r, MaxRow, func(row []byte) error { return d.Row(row, sink) }, func() { d.tally.Refuse(tooLong) })
	return errors.Join(err, d.Flush(sink))
}

// Flush tells of the sweep that was begun. A live source calls it when its
// program ends.
func (d *Decoder) Flush(sink func(rf.Observation) error) error {
	d.begun = false
	for i := range d.bands {
		b := &d.bands[i]
		if !b.any {
			continue
		}
		b.any = false
		if err := sink(b.best); err != nil {
			return err
		}
	}
	return nil
}

// Row decodes one row. Where it begins a new sweep, what the last one said goes
// to sink first, and the error is sink's.
func (d *Decoder) Row(row []byte, sink func(rf.Observation) error) error {
	if len(row) > MaxRow {
		d.tally.Refuse(tooLong)
		return nil
	}
	var f [6][]byte
	rest := row
	for i := range f {
		var ok bool
		if f[i], rest, ok = bytes.Cut(rest, []byte{','}); !ok {
			d.tally.Refuse(notRow)
			return nil
		}
		f[i] = bytes.TrimSpace(f[i])
	}
	low, okLow := number(f[2])
	high, okHigh := number(f[3])
	step, okStep := number(f[4])
	if !okLow || !okHigh || !okStep || low < 0 || high > 110e9 || high <= low || step <= 0 {
		d.tally.Refuse(notRow)
		return nil
	}
	at, ok := d.time(f[0], f[1])
	if !ok {
		d.tally.Refuse(badTime)
		return nil
	}
	levels := bytes.Count(rest, []byte{','}) + 1
	bins := (high - low) / step
	if math.Abs(bins-float64(levels)) > 1.5 {
		d.tally.Refuse(badRange)
		return nil
	}
	if d.begun && (low == d.first || at.Sub(d.from).Abs() > idle) {
		if err := d.Flush(sink); err != nil {
			return err
		}
	}
	if !d.begun {
		d.begun, d.first, d.from = true, low, at
	}
	// One level too many is rtl_power's last, written twice.
	levels = min(levels, max(int(math.Round(bins)), 1))
	overlaps, found := false, false
	for i := range d.bands {
		b := &d.bands[i]
		from := max(int(math.Ceil((b.LowMHz*1e6-low)/step-0.5)), 0)
		to := min(int(math.Ceil((b.HighMHz*1e6-low)/step-0.5)), levels)
		if from >= to {
			continue
		}
		overlaps = true
		n, values := 0, rest
		for len(values) > 0 && n < to {
			var v []byte
			v, values, _ = bytes.Cut(values, []byte{','})
			if n++; n <= from {
				continue
			}
			level, ok := number(bytes.TrimSpace(v))
			if !ok || !(level >= rf.LowestRSSI && level <= rf.HighestRSSI) {
				continue
			}
			found = true
			if !b.any || level > b.best.RSSI {
				middle := math.Round((low+(float64(n)-0.5)*step)/1e3) / 1e3
				b.any = true
				b.best = rf.Observation{TS: at, Sensor: d.c.Sensor, Kind: rf.Cell, RSSI: level, Level: rf.Relative, FreqMHz: middle, Band: b.Name}
			}
		}
	}
	switch {
	case !overlaps:
		d.tally.Refuse(noBand)
	case !found:
		d.tally.Refuse(noLevel)
	default:
		d.tally.Take()
	}
	return nil
}

func number(b []byte) (float64, bool) {
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

func (d *Decoder) time(date, clock []byte) (time.Time, bool) {
	text := append(append(append(make([]byte, 0, 40), date...), ' '), clock...)
	if len(text) > len(d.last.text) {
		return time.Time{}, false
	}
	if string(text) == string(d.last.text[:d.last.n]) {
		return d.last.at, true
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05", string(text), d.c.Zone)
	if err != nil || !rf.ValidTime(at) {
		return time.Time{}, false
	}
	d.last.n, d.last.at = copy(d.last.text[:], text), at.UTC()
	return d.last.at, true
}
