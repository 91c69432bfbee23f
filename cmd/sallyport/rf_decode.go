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
	"sallyport/rf/kismet"
	"sallyport/rf/pcap"
	"sallyport/rf/rtl433"
	"sallyport/rf/sweep"
	"sallyport/rf/v2x"
)

// rfDecodeCmd turns what a receiver's program recorded into observations.
type rfDecodeCmd struct {
	Source string    `help:"Program or format: rtl433, kismet, kismetdb (its log), pcap (and pcapng), sweep (hackrf_sweep, rtl_power), v2x (basic safety messages)." required:"" enum:"rtl433,kismet,kismetdb,pcap,sweep,v2x"`
	Sensor string    `help:"Name of the receiver in the observations; without it, the source's."`
	Start  time.Time `help:"When the recording began, for sources that count from there or tell no time: 2026-05-04T08:00:00Z."`
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
		return pcap.New(pcap.Config{Sensor: sensor}, prefixes), nil
	case "sweep":
		return sweep.New(sweep.Config{Sensor: sensor, Zone: zone, Bands: c.Bands})
	}
	config := v2x.Config{Sensor: sensor}
	if !c.Start.IsZero() {
		config.At = func() time.Time { return c.Start }
	}
	return v2x.New(config), nil
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
	var line []byte
	err = d.Decode(in, func(o rf.Observation) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		line = append(rf.Append(line[:0], o), '\n')
		_, err := out.Write(line)
		return err
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", c.File, err)
	}
	err = errors.Join(err, out.Flush())
	t := d.Tally()
	fmt.Fprintf(s.err, "%s: %d read, %d taken\n", c.File, t.Total(), t.Taken())
	refused := t.Refused()
	for _, reason := range slices.Sorted(maps.Keys(refused)) {
		fmt.Fprintf(s.err, "%s: %d refused: %s\n", c.File, refused[reason], reason)
	}
	return err
}
