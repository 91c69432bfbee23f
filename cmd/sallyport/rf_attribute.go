package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"sallyport/rf"
	"sallyport/rf/attribute"
)

// rfAttributeCmd replays recorded observations and says, vehicle by vehicle,
// which of the emitters were in it.
type rfAttributeCmd struct {
	Lane         string   `help:"Events of the lanes: {\"ts\",\"lane\",\"event\",\"arrival\"} a line; a line {\"lane\",\"stop\",\"upstream\",\"place\"} names a lane's sensors where they are not called LANE-stop and LANE-upstream." required:"" type:"existingfile"`
	Observations []string `arg:"" help:"Observations, one a line, each file in the order of its times; .gz is unpacked." type:"existingfile"`
}

// refusedShown is how many refused lines are told of one by one.
const refusedShown = 5

// laneLine is one line of a lane file: an event, or a lane's sensors.
type laneLine struct {
	attribute.Event
	Stop     string `json:"stop"`
	Upstream string `json:"upstream"`
	Place    *int   `json:"place"`
}

// Run prints one arrival a line, in the order in which they settle.
func (c *rfAttributeCmd) Run(s *streams) (err error) {
	lanes, events, err := readLanes(c.Lane)
	if err != nil {
		return err
	}
	prefixes, err := rf.EmbeddedPrefixes()
	if err != nil {
		return err
	}
	site, err := attribute.NewSite(attribute.Config{Lanes: lanes, KeepAddress: true}, prefixes)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Lane, err)
	}
	out := bufio.NewWriter(s.out)
	enc := json.NewEncoder(out)
	replay := attribute.NewReplay(site, events, func(a attribute.Arrival) error { return enc.Encode(a) })

	var tracks []*track
	defer func() {
		for _, t := range tracks {
			err = errors.Join(err, t.close())
		}
	}()
	for _, name := range c.Observations {
		t, err := openTrack(name, prefixes, s.err)
		if err != nil {
			return err
		}
		tracks = append(tracks, t)
		if err := t.next(); err != nil {
			return err
		}
	}
	for {
		var first *track
		for _, t := range tracks {
			if t.more && (first == nil || t.head.TS.Before(first.head.TS)) {
				first = t
			}
		}
		if first == nil {
			break
		}
		if err := replay.Observe(first.head); err != nil {
			return err
		}
		if err := first.next(); err != nil {
			return err
		}
	}
	if err := replay.Close(); err != nil {
		return err
	}
	for _, t := range tracks {
		if t.refused > 0 {
			fmt.Fprintf(s.err, "%s: %d of %d lines refused\n", t.name, t.refused, t.line)
		}
	}
	if st := site.Stats(); st.Foreign+st.Stale+st.Dropped > 0 {
		fmt.Fprintf(s.err, "%d observations taken; %d of sensors that no lane has, %d with an impossible time or level, %d of new emitters while a sensor's share of the table was full\n",
			st.Observed, st.Foreign, st.Stale, st.Dropped)
	}
	return out.Flush()
}

// readLanes reads a lane file. Lanes lie side by side in the order of the
// numbers in their names, or of the names, where no line says otherwise.
func readLanes(name string) (_ []attribute.Lane, _ []attribute.Event, err error) {
	r, done, err := openPlain(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	named := map[string]*laneLine{}
	var events []attribute.Event
	sc := bufio.NewScanner(r)
	for n := 1; sc.Scan(); n++ {
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		var l laneLine
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			return nil, nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		switch {
		case l.Lane == "":
			return nil, nil, fmt.Errorf("%s:%d: lane is missing", name, n)
		case l.Event.Event == "" && l.Stop != "":
			named[l.Lane] = &l
			continue
		case l.Event.Event != attribute.Present && l.Event.Event != attribute.Gone:
			return nil, nil, fmt.Errorf("%s:%d: event is not %s or %s", name, n, attribute.Present, attribute.Gone)
		case l.TS.IsZero():
			return nil, nil, fmt.Errorf("%s:%d: ts is missing", name, n)
		case l.Arrival == "":
			return nil, nil, fmt.Errorf("%s:%d: arrival is missing", name, n)
		}
		if named[l.Lane] == nil {
			named[l.Lane] = &laneLine{Event: attribute.Event{Lane: l.Lane}}
		}
		events = append(events, l.Event)
	}
	if err := sc.Err(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(events) == 0 {
		return nil, nil, fmt.Errorf("%s holds no event", name)
	}
	var lanes []attribute.Lane
	for id, l := range named {
		a := attribute.Lane{ID: id, Stop: cmp.Or(l.Stop, id+"-stop"), Upstream: l.Upstream}
		if l.Stop == "" {
			a.Upstream = id + "-upstream"
		}
		lanes = append(lanes, a)
	}
	slices.SortFunc(lanes, func(x, y attribute.Lane) int {
		return cmp.Or(cmp.Compare(numberIn(x.ID), numberIn(y.ID)), strings.Compare(x.ID, y.ID))
	})
	for i := range lanes {
		lanes[i].Place = i
		if p := named[lanes[i].ID].Place; p != nil {
			lanes[i].Place = *p
		}
	}
	return lanes, events, nil
}

// numberIn is the number at the end of a name, or 0.
func numberIn(name string) int {
	n, err := strconv.Atoi(name[len(strings.TrimRight(name, "0123456789")):])
	if err != nil {
		return 0
	}
	return n
}

// openPlain opens a file, unpacking one that gzip packed.
func openPlain(name string) (io.Reader, func() error, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(f, 1<<16)
	if magic, _ := r.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return r, f.Close, nil
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return z, f.Close, nil
}

// track is one file of observations, read line by line.
type track struct {
	name     string
	prefixes *rf.Prefixes
	notes    io.Writer
	close    func() error
	lines    *bufio.Reader
	line     int
	refused  int
	head     rf.Observation
	more     bool
}

func openTrack(name string, p *rf.Prefixes, notes io.Writer) (*track, error) {
	r, done, err := openPlain(name)
	if err != nil {
		return nil, err
	}
	return &track{name: name, prefixes: p, notes: notes, close: done, lines: bufio.NewReaderSize(r, 2*rf.MaxLine), more: true}, nil
}

// next reads the next observation. A line that is none is refused and counted.
func (t *track) next() error {
	for {
		line, err := t.lines.ReadSlice('\n')
		long := false
		for errors.Is(err, bufio.ErrBufferFull) {
			long = true
			_, err = t.lines.ReadSlice('\n')
		}
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return fmt.Errorf("%s:%d: %w", t.name, t.line+1, err)
		}
		line = bytes.TrimSpace(line)
		if len(line) > 0 || long {
			t.line++
			o, err := t.parse(line, long)
			if err == nil {
				t.head = o
				return nil
			}
			if t.refused++; t.refused <= refusedShown {
				fmt.Fprintf(t.notes, "%s:%d: %v\n", t.name, t.line, err)
			}
		} else if !ended {
			t.line++
		}
		if ended {
			t.more, t.head = false, rf.Observation{}
			return nil
		}
	}
}

func (t *track) parse(line []byte, long bool) (rf.Observation, error) {
	if long {
		return rf.Observation{}, fmt.Errorf("observation: longer than %d bytes", rf.MaxLine)
	}
	return t.prefixes.ParseLine(line)
}
