package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"sallyport/gate/sqlite/kismetfile"
	"sallyport/rf"
	"sallyport/rf/btmon"
	"sallyport/rf/kismet"
	"sallyport/rf/line"
	"sallyport/rf/nrf"
	"sallyport/rf/pcap"
	"sallyport/rf/rtl433"
	"sallyport/rf/sweep"
	"sallyport/rf/v2x"
)

// rfDecodeCmd turns what a receiver's program recorded into observations.
type rfDecodeCmd struct {
	Source string    `help:"Program or format: rtl433, kismet, kismetdb (its log), pcap (and pcapng), btmon (btsnoop), nrf (what Nordic's sniffer writes to its line), line (our own receivers), sweep (hackrf_sweep, rtl_power), v2x (basic safety messages)." required:"" enum:"rtl433,kismet,kismetdb,pcap,btmon,nrf,line,sweep,v2x"`
	Sensor string    `help:"Name of the receiver in the observations; without it, the source's."`
	Start  time.Time `help:"When the recording began, for sources that count from there or tell no time, and for captures whose clock was never set: 2026-05-04T08:00:00Z."`
	Zone   string    `help:"Time zone of times that tell none." default:"UTC"`
	Bands  []string  `help:"Uplink bands to listen to in a sweep; without it, those most used in Europe."`
	File   string    `arg:"" help:"Recording, - for standard input; .gz is unpacked."`
}

// Help is shown beneath the command's one line.
func (c *rfDecodeCmd) Help() string {
	return "Prints one observation a line, as rf attribute reads them, and on standard error how much was refused and why. " +
		"Observations hold addresses of strangers' devices: keep them no longer than the test that they are for."
}

// decoder is one source's decoder. Decode hands each observation to sink in the
// order of the input and ends with the input or with sink's error.
type decoder interface {
	Decode(r io.Reader, sink func(rf.Observation) error) error
	Tally() *rf.Tally
}

func (c *rfDecodeCmd) decoder(ctx context.Context, notes io.Writer) (decoder, error) {
	sensor := cmp.Or(c.Sensor, c.Source)
	if !rf.ValidName(sensor, 64) {
		return nil, fmt.Errorf("sensor %q is not 1 to 64 letters, digits, . _ : -", sensor)
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	prefixes, err := rf.EmbeddedPrefixes()
	if err != nil {
		return nil, err
	}
	switch c.Source {
	case "rtl433":
		return rtl433.New(rtl433.Config{Sensor: sensor, Zone: zone, Start: c.Start}), nil
	case "kismet":
		return kismet.New(kismet.Config{Sensor: sensor}, prefixes), nil
	case "kismetdb":
		frames := pcap.New(pcap.Config{Sensor: sensor}, prefixes)
		return logDecoder{ctx: ctx, path: c.File, frames: frames, notes: notes}, nil
	case "pcap":
		return pcap.New(pcap.Config{Sensor: sensor, Start: c.Start}, prefixes), nil
	case "btmon":
		return btmon.New(btmon.Config{Sensor: sensor}, prefixes), nil
	case "nrf":
		frames := pcap.New(pcap.Config{Sensor: sensor}, prefixes)
		return sniffed{line: nrf.New(frames.Frame), frames: frames, begun: c.Start, path: c.File, notes: notes}, nil
	case "line":
		return framed{line: line.New(line.Config{Parse: prefixes.ParseLine, Sensor: sensor, Plain: true}), at: c.Start}, nil
	case "sweep":
		return sweep.New(sweep.Config{Sensor: sensor, Zone: zone, Bands: c.Bands})
	}
	config := v2x.Config{Sensor: sensor}
	if !c.Start.IsZero() {
		config.At = func() time.Time { return c.Start }
	}
	return v2x.New(config), nil
}

// sniffed decodes what Nordic's sniffer wrote to its line. Its packets hold frames
// as captures do, whose decoder has reasons of its own.
type sniffed struct {
	line   *nrf.Decoder
	frames *pcap.Decoder
	begun  time.Time
	path   string
	notes  io.Writer
}

func (d sniffed) Tally() *rf.Tally { return d.line.Tally() }

func (d sniffed) Missing() uint64 { return d.line.Missing() }

func (d sniffed) Decode(r io.Reader, sink func(rf.Observation) error) error {
	err := d.line.Decode(r, d.begun, sink)
	writeRefused(d.notes, d.path, "frames refused", d.frames.Tally())
	return err
}

// framed decodes the frames of our own receivers. A record without a time is of
// the recording's beginning.
type framed struct {
	line *line.Decoder
	at   time.Time
}

func (d framed) Tally() *rf.Tally { return d.line.Tally() }

func (d framed) Missing() uint64 { return d.line.Stats().Missing }

func (d framed) Decode(r io.Reader, sink func(rf.Observation) error) error {
	return d.line.Decode(r, func() time.Time { return d.at }, sink)
}

// writeRefused writes what was refused, and why, in order of the reasons.
func writeRefused(w io.Writer, path, what string, t *rf.Tally) {
	refused := t.Refused()
	for _, reason := range slices.Sorted(maps.Keys(refused)) {
		fmt.Fprintf(w, "%s: %d %s: %s\n", path, refused[reason], what, reason)
	}
}

// logDecoder decodes the frames of a kismetdb file, which is no stream.
type logDecoder struct {
	ctx    context.Context
	path   string
	frames *pcap.Decoder
	notes  io.Writer
}

func (d logDecoder) Tally() *rf.Tally { return d.frames.Tally() }

func (d logDecoder) Decode(_ io.Reader, sink func(rf.Observation) error) error {
	n, err := kismetfile.Read(d.ctx, d.path, func(link uint32, at time.Time, b []byte) error {
		if o, ok := d.frames.Frame(link, at, b); ok {
			return sink(o)
		}
		return nil
	})
	fmt.Fprintf(d.notes, "%s: %d frames of data and %d of other kinds left in the file\n", d.path, n.Data, n.Other)
	return err
}

// Run prints the observations of one recording. What was read before a fault is
// printed all the same.
func (c *rfDecodeCmd) Run(ctx context.Context, s *streams) (err error) {
	d, err := c.decoder(ctx, s.err)
	if err != nil {
		return err
	}
	var in io.Reader = bufio.NewReader(s.in)
	if c.File != "-" && c.Source != "kismetdb" {
		file, done, err := openPlain(c.File)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		in = file
	}
	out := bufio.NewWriterSize(s.out, 1<<16)
	var text []byte
	err = d.Decode(in, func(o rf.Observation) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		text = append(rf.Append(text[:0], o), '\n')
		_, err := out.Write(text)
		return err
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", c.File, err)
	}
	err = errors.Join(err, out.Flush())
	t := d.Tally()
	fmt.Fprintf(s.err, "%s: %d read, %d taken\n", c.File, t.Total(), t.Taken())
	writeRefused(s.err, c.File, "refused", t)
	if numbered, ok := d.(interface{ Missing() uint64 }); ok && numbered.Missing() > 0 {
		fmt.Fprintf(s.err, "%s: %d were lost on the way to the recording\n", c.File, numbered.Missing())
	}
	return err
}
