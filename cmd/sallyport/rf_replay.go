package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"sallyport/rf"
	"sallyport/rf/line"
)

// rfReplayCmd sends what a receiver recorded, or hears now, to a running site.
type rfReplayCmd struct {
	Source string    `help:"What the input is: line (observations, one a line, framed or plain), or a source of rf decode." default:"line" enum:"line,rtl433,kismet,kismetdb,pcap,btmon,nrf,sweep,v2x"`
	Sensor string    `help:"Name of the receiver in the observations; without it, the record's or the source's."`
	Start  time.Time `help:"When the recording began, for sources that count from there or tell no time; without it, now: 2026-05-04T08:00:00Z."`
	Zone   string    `help:"Time zone of times that tell none." default:"UTC"`
	Bands  []string  `help:"Uplink bands to listen to in a sweep; without it, those most used in Europe."`
	To     string    `help:"Where to: udp://gate:8471 (a frame a datagram), https://gate/api/v1/lanes/LANE/observations (with --token-file), or - (frames on standard output)." required:""`
	Token  string    `name:"token-file" help:"File with the token that device add printed." type:"existingfile"`
	Speed  string    `help:"1 is real speed, 2 twice that; max does not wait. Without it, 1 for a file and max for standard input, which comes when it comes."`
	Now    bool      `help:"Give each record the time at which it is sent: the gate refuses records of another time."`
	Age    bool      `help:"Tell how long ago a record was heard by this machine's clock, and not when: for a machine whose clock is not set."`
	File   string    `arg:"" help:"Recording, - for standard input; .gz is unpacked."`
}

// Help is shown beneath the command's one line.
func (c *rfReplayCmd) Help() string {
	return "Makes any machine with a receiver a sensor: rtl_433 -M time:unix:usec:utc -M level -F json | sallyport rf replay --source rtl433 --to udp://gate:8471 -\n" +
		"Datagrams are numbered and checked, so that the gate counts what is lost. What was refused here or could not be sent is told on standard error at the end."
}

// clockTolerance is how far a sensor's clock may be off at the gate.
const clockTolerance = 5 * time.Second

// Run sends until the input or ctx ends.
func (c *rfReplayCmd) Run(ctx context.Context, s *streams) (err error) {
	p, err := c.pace(s.now)
	if err != nil {
		return err
	}
	d, err := c.decoder(ctx, s)
	if err != nil {
		return err
	}
	to, err := c.dial(ctx, s)
	if err != nil {
		return err
	}
	in, done, err := c.open(ctx, s.in)
	if err != nil {
		return errors.Join(err, to.close())
	}
	defer func() { err = errors.Join(err, done()) }()
	told := false
	err = d.Decode(in, func(o rf.Observation) error {
		if off := s.now().Sub(o.TS); !told && !c.Now && c.To != "-" && off.Abs() > clockTolerance {
			told = true
			fmt.Fprintf(s.err, "%s: is of %s; the gate refuses what is of another time: --now\n", c.File, o.TS.Format(time.RFC3339))
		}
		if err := p.wait(ctx, &o); err != nil {
			return err
		}
		return to.send(o)
	})
	if ctx.Err() != nil {
		err = nil // asked to stop, it has done its work
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", c.File, err)
	}
	err = errors.Join(err, to.close())
	t := d.Tally()
	fmt.Fprintf(s.err, "%s: %d read, %d taken\n", c.File, t.Total(), t.Taken())
	writeRefused(s.err, c.File, "refused", t)
	sent := to.sent()
	fmt.Fprintf(s.err, "%s: %d sent\n", c.To, sent.taken)
	for _, reason := range slices.Sorted(maps.Keys(sent.lost)) {
		fmt.Fprintf(s.err, "%s: %d not sent or not taken: %s\n", c.To, sent.lost[reason], reason)
	}
	return err
}

// decoder reads the input.
func (c *rfReplayCmd) decoder(ctx context.Context, s *streams) (decoder, error) {
	if c.Start.IsZero() {
		c.Start = s.now()
	}
	if c.Source != speaksLine {
		return (&rfDecodeCmd{Source: c.Source, Sensor: c.Sensor, Start: c.Start, Zone: c.Zone, Bands: c.Bands, File: c.File}).decoder(ctx, s.err)
	}
	if c.Sensor != "" && !rf.ValidName(c.Sensor, 64) {
		return nil, fmt.Errorf("sensor %q is not 1 to 64 letters, digits, . _ : -", c.Sensor)
	}
	prefixes, err := rf.EmbeddedPrefixes()
	if err != nil {
		return nil, err
	}
	return heardNow{line.New(line.Config{Parse: prefixes.ParseLine, Sensor: c.Sensor, Plain: true}), s.now}, nil
}

// heardNow decodes lines as they come.
type heardNow struct {
	*line.Decoder
	now func() time.Time
}

func (d heardNow) Decode(r io.Reader, sink func(rf.Observation) error) error {
	return d.Decoder.Decode(r, d.now, sink)
}

// open opens the input. A read of standard input that is under way does not hold
// up the end.
func (c *rfReplayCmd) open(ctx context.Context, in io.Reader) (io.Reader, func() error, error) {
	none := func() error { return nil }
	switch {
	case c.Source == "kismetdb":
		return nil, none, nil // which its decoder opens
	case c.File != "-":
		return openPlain(c.File)
	}
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, in)
		w.CloseWithError(err)
	}()
	stop := context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	return r, func() error { stop(); return nil }, nil
}

// pace has each record wait for its time.
type pace struct {
	speed float64 // 0: nothing waits
	shift bool    // records get the time at which they are sent
	now   func() time.Time

	begun        bool
	first, start time.Time // of the first record; when it was sent
}

func (c *rfReplayCmd) pace(now func() time.Time) (*pace, error) {
	p := &pace{shift: c.Now, now: now}
	switch {
	case c.Speed == "max", c.Speed == "" && c.File == "-":
	case c.Speed == "":
		p.speed = 1
	default:
		v, err := strconv.ParseFloat(c.Speed, 64)
		if err != nil || !(v >= 0.001 && v <= 1e6) {
			return nil, fmt.Errorf("speed %q is neither max nor a number from 0.001 to 1000000", c.Speed)
		}
		p.speed = v
	}
	return p, nil
}

// wait returns when the record is due, and gives it its time. Records out of
// order are due at once.
func (p *pace) wait(ctx context.Context, o *rf.Observation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := p.now()
	if !p.begun {
		p.begun, p.first, p.start = true, o.TS, now
	}
	due := now
	if p.speed > 0 {
		due = p.start.Add(time.Duration(float64(o.TS.Sub(p.first)) / p.speed))
		if left := due.Sub(now); left > 0 {
			t := time.NewTimer(left)
			defer t.Stop()
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-t.C:
			}
		}
	}
	if p.shift {
		o.TS = due.UTC()
	}
	return nil
}

// outlet takes records for a site. An error of send says that no further record
// will be taken, either.
type outlet interface {
	send(rf.Observation) error
	close() error
	sent() sent // after close
}

// sent is what became of the records.
type sent struct {
	taken uint64
	lost  map[string]uint64 // by reason
}

func (s *sent) lose(reason string, n uint64) {
	if n == 0 {
		return
	}
	if s.lost == nil {
		s.lost = map[string]uint64{}
	}
	s.lost[reason] += n
}

// dial makes ready to send.
func (c *rfReplayCmd) dial(ctx context.Context, s *streams) (outlet, error) {
	if c.To == "-" {
		return &framesTo{w: s.out, age: c.Age, now: s.now, whole: true}, nil
	}
	u, err := url.Parse(c.To)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("to: %q is neither udp://host:port, nor an address of the device API, nor -", c.To)
	}
	if (c.Token != "") != strings.HasPrefix(u.Scheme, "http") {
		return nil, errors.New("to: the device API, and nothing else, needs --token-file")
	}
	switch u.Scheme {
	case "udp":
		if u.Port() == "" || u.Path != "" {
			return nil, fmt.Errorf("to: %q is not udp://host:port", c.To)
		}
		conn, err := new(net.Dialer).DialContext(ctx, "udp", u.Host)
		if err != nil {
			return nil, fmt.Errorf("to: %w", err)
		}
		return &framesTo{w: conn, done: conn.Close, age: c.Age, now: s.now}, nil
	case "http", "https":
		if u.Scheme == "http" && !loopback(u.Hostname()) {
			return nil, fmt.Errorf("to: the token would go to %s in clear: use https://", u.Hostname())
		}
		token, err := readOwn(c.Token)
		if err != nil {
			return nil, fmt.Errorf("token-file: %w", err)
		}
		if c.Age {
			return nil, errors.New("age belongs to udp:// and -")
		}
		return postTo(ctx, u.String(), strings.TrimSpace(string(token))), nil
	case "mqtt", "mqtts":
		return nil, fmt.Errorf("to: this program publishes nothing; print the frames and have another publish them: --to - | mosquitto_pub -l -h %s -t TOPIC", u.Hostname())
	}
	return nil, fmt.Errorf("to: %q is neither udp://host:port, nor an address of the device API, nor -", c.To)
}

// framesTo writes a frame for each record.
type framesTo struct {
	w     io.Writer
	done  func() error
	age   bool
	now   func() time.Time
	whole bool // a write that fails is the end

	next   uint32
	record []byte
	frame  []byte
	n      sent
}

func (t *framesTo) send(o rf.Observation) error {
	t.record = rf.Append(t.record[:0], o)
	age, record := line.NoAge, t.record
	if t.age {
		// The time stands first.
		age = max(0, t.now().Sub(o.TS))
		record = record[bytes.IndexByte(record, ','):]
		record[0] = '{'
	}
	var err error
	if t.frame, err = line.Append(t.frame[:0], t.next, age, record); err != nil {
		t.n.lose(err.Error(), 1)
		return nil
	}
	// A number is spent on a frame that is not sent, so that the gate misses it.
	t.next++
	if _, err := t.w.Write(t.frame); err != nil {
		if t.whole {
			return err
		}
		reason := err.Error()
		if e, ok := errors.AsType[syscall.Errno](err); ok {
			reason = e.Error()
		}
		t.n.lose(reason, 1)
		return nil
	}
	t.n.taken++
	return nil
}

func (t *framesTo) sent() sent { return t.n }

func (t *framesTo) close() error {
	if t.done == nil {
		return nil
	}
	return t.done()
}

// Bounds of a batch to the device API.
const (
	batchBytes   = 256 << 10
	batchWait    = 500 * time.Millisecond
	batchTimeout = 10 * time.Second
)

// posts sends batches of records to the device API. A batch that fails is lost
// and counted: what was heard a minute ago is of no use to the gate.
type posts struct {
	url, token string
	client     *http.Client
	ctx        context.Context

	mu     sync.Mutex
	batch  []byte
	n      uint64
	sum    sent
	failed error

	full chan struct{}
	stop chan struct{}
	over chan struct{}
}

func postTo(ctx context.Context, to, token string) *posts {
	p := &posts{
		url: to, token: token, ctx: context.WithoutCancel(ctx), full: make(chan struct{}, 1), stop: make(chan struct{}), over: make(chan struct{}),
		client: &http.Client{Timeout: batchTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	go p.run()
	return p
}

func (p *posts) run() {
	defer close(p.over)
	tick := time.NewTicker(batchWait)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.full:
		case <-p.stop:
			p.flush()
			return
		}
		p.flush()
	}
}

func (p *posts) send(o rf.Observation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return p.failed
	}
	if len(p.batch) >= 2*batchBytes {
		p.sum.lose("sent faster than the gate takes", 1)
		return nil
	}
	p.batch = append(rf.Append(p.batch, o), '\n')
	p.n++
	if len(p.batch) >= batchBytes {
		select {
		case p.full <- struct{}{}:
		default:
		}
	}
	return nil
}

func (p *posts) flush() {
	p.mu.Lock()
	batch, n := p.batch, p.n
	p.batch, p.n = nil, 0
	p.mu.Unlock()
	if n == 0 {
		return
	}
	took, err := p.post(batch)
	clear(batch)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.sum.lose(err.Error(), n)
		if e, ok := errors.AsType[statusError](err); ok && (e == http.StatusUnauthorized || e == http.StatusForbidden || e == http.StatusNotFound) {
			p.failed = err
		}
		return
	}
	p.sum.taken += took.Accepted
	p.sum.lose("the gate could not read it", took.Refused)
	p.sum.lose("the lane had no room or no use for it", took.Dropped)
}

// statusError is an answer other than 200.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("the gate answered %d", int(e)) }

// apiTook is the device API's answer.
type apiTook struct{ Accepted, Refused, Dropped uint64 }

func (p *posts) post(batch []byte) (took apiTook, err error) {
	req, err := http.NewRequestWithContext(p.ctx, http.MethodPost, p.url, bytes.NewReader(batch))
	if err != nil {
		return took, err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := p.client.Do(req)
	if err != nil {
		return took, err
	}
	defer func() { _ = resp.Body.Close() }() // all that was needed of it is read
	if resp.StatusCode != http.StatusOK {
		return took, statusError(resp.StatusCode)
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&took)
	return took, err
}

func (p *posts) close() error {
	close(p.stop)
	<-p.over
	p.client.CloseIdleConnections()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

func (p *posts) sent() sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum
}
