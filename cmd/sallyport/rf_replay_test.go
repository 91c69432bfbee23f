package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/rf"
	"sallyport/rf/line"
	"sallyport/rf/udp"
)

// recorded are plain observations at the given offsets from an instant of May.
func recorded(offsets ...time.Duration) []byte {
	var b []byte
	for i, d := range offsets {
		b = append(rf.Append(b, rf.Observation{TS: testAir.Add(d), Sensor: "mast", Kind: rf.WiFi, Emitter: rf.FormatMAC(0x001122334400 + uint64(i%256)), RSSI: -60, Role: "ap", Channel: 11}), '\n')
	}
	return b
}

var testAir = time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)

// stamped notes when each frame was written.
type stamped struct {
	frames []string
	at     []time.Time
}

func (s *stamped) Write(b []byte) (int, error) {
	s.frames, s.at = append(s.frames, string(b)), append(s.at, time.Now())
	return len(b), nil
}

// replayed decodes what was sent.
func replayed(t *testing.T, frames []string, at time.Time) (out []rf.Observation) {
	t.Helper()
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	d := line.New(line.Config{Parse: p.ParseLine})
	for _, f := range frames {
		o, err := d.Line([]byte(f), at)
		if err != nil {
			t.Fatalf("%q: %v", f, err)
		}
		out = append(out, o)
	}
	if s := d.Stats(); s.Missing != 0 {
		t.Errorf("%+v", s)
	}
	return out
}

func TestReplayKeepsTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "air.jsonl.gz")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	s := time.Second
	if _, err := z.Write(recorded(0, 2*s, 2*s, s, 3600*s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	// The bubble's clock begins in 2000, before any time that a record may have.
	const decades = 30 * 365 * 24 * time.Hour
	for _, x := range []struct {
		speed string
		now   bool
		sent  []time.Duration // after the first
		ts    []time.Duration // of the records, after the first
	}{
		{"", false, []time.Duration{0, 2 * s, 2 * s, 2 * s, 3600 * s}, []time.Duration{0, 2 * s, 2 * s, s, 3600 * s}},
		{"2", false, []time.Duration{0, s, s, s, 1800 * s}, []time.Duration{0, 2 * s, 2 * s, s, 3600 * s}},
		{"2", true, []time.Duration{0, s, s, s, 1800 * s}, []time.Duration{0, s, s, s / 2, 1800 * s}},
		{"max", false, make([]time.Duration, 5), []time.Duration{0, 2 * s, 2 * s, s, 3600 * s}},
		{"max", true, make([]time.Duration, 5), make([]time.Duration, 5)},
	} {
		t.Run(fmt.Sprintf("speed %s now %v", x.speed, x.now), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out stamped
				var notes bytes.Buffer
				c := &rfReplayCmd{Source: speaksLine, Zone: "UTC", To: "-", Speed: x.speed, Now: x.now, File: file}
				if err := c.Run(t.Context(), &streams{out: &out, err: &notes, now: func() time.Time { return time.Now().Add(decades) }}); err != nil {
					t.Fatal(err)
				}
				if len(out.at) != len(x.sent) {
					t.Fatalf("%d sent: %s", len(out.at), notes.String())
				}
				obs := replayed(t, out.frames, time.Now().Add(decades))
				begun := testAir
				if x.now {
					begun = out.at[0].Add(decades)
				}
				for i := range x.sent {
					if got := out.at[i].Sub(out.at[0]); got != x.sent[i] {
						t.Errorf("record %d was sent after %v, want %v", i, got, x.sent[i])
					}
					if got := obs[i].TS.Sub(begun); got != x.ts[i] {
						t.Errorf("record %d is of %v later, want %v", i, got, x.ts[i])
					}
				}
			})
		})
	}
}

// While a record waits for its time, and while standard input says nothing, the
// command ends when it is asked to.
func TestReplayEndsWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		defer w.Close()
		for _, in := range []io.Reader{bytes.NewReader(recorded(0, time.Hour)), r} {
			ctx, cancel := context.WithCancel(t.Context())
			var out stamped
			ended := make(chan error, 1)
			c := &rfReplayCmd{Source: speaksLine, Zone: "UTC", To: "-", Speed: "1", File: "-"}
			go func() { ended <- c.Run(ctx, &streams{in: in, out: &out, err: io.Discard, now: time.Now}) }()
			synctest.Wait()
			cancel()
			begun := time.Now()
			if err := <-ended; err != nil || time.Since(begun) != 0 {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
		}
	})
}

// rtl_433's lines become a sensor's frames, by their age where the clock of the
// machine is not to be trusted, and everything refused or unsent is counted.
func TestReplayMakesASensor(t *testing.T) {
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	here := netip.MustParseAddr("127.0.0.1")
	d := line.New(line.Config{Parse: p.ParseLine, Sensor: "south-stop"})
	up := make(chan error, 4)
	got := make(chan rf.Observation, 16)
	l, err := udp.New(udp.Config{Addr: netip.AddrPortFrom(here, 0), From: []netip.Addr{here}, Notify: func(err error) { up <- err },
		Parse: func(_ netip.Addr, b []byte, at time.Time) (rf.Observation, error) { return d.Line(b, at) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, func(o rf.Observation) bool { got <- o; return true }) }()
	defer func() { cancel(); <-ended }()
	if err := <-up; err != nil {
		t.Fatal(err)
	}
	addr := "udp://" + l.Stats().Addr.String()
	// The machine's clock says that it is May; of then are the records.
	wrong := testAir.Add(10 * time.Second)
	lines := ""
	for i, ago := range []time.Duration{0, 100 * time.Millisecond, time.Minute} {
		lines += fmt.Sprintf(`{"time":"%d.%06d","model":"Toyota","type":"TPMS","id":"fb0a43e%d","pressure_kPa":250,"rssi":-6.5}`+"\n", wrong.Add(-ago).Unix(), wrong.Add(-ago).Nanosecond()/1000, i)
	}
	lines += "{\"codes\" : [\"{1}8\", {0}]}\n"
	var notes bytes.Buffer
	c := &rfReplayCmd{Source: speaksRTL433, Sensor: "pi", Zone: "UTC", To: addr, Age: true, File: "-"}
	if err := c.Run(t.Context(), &streams{in: strings.NewReader(lines), err: &notes, now: func() time.Time { return wrong }}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		id  string
		ago time.Duration
	}{{"fb0a43e0", 0}, {"fb0a43e1", 100 * time.Millisecond}} {
		o := <-got
		if o.Emitter != want.id || o.Sensor != "south-stop" || o.Pressure.Value != 250 || (time.Since(o.TS)-want.ago).Abs() > 2*time.Second {
			t.Errorf("%+v, want %s of %v ago", o, want.id, want.ago)
		}
	}
	for _, want := range []string{"-: 4 read, 3 taken", "1 refused: not a JSON object", addr + ": 2 sent", addr + ": 1 not sent or not taken: " + line.ErrUnframable.Error()} {
		if !strings.Contains(notes.String(), want) {
			t.Errorf("%q is not told: %s", want, notes.String())
		}
	}

	// Nobody listens: what the system tells of it is counted, and the rest sent.
	cancel()
	<-ended
	ended <- nil
	notes.Reset()
	c = &rfReplayCmd{Source: speaksLine, Zone: "UTC", To: addr, File: "-"}
	if err := c.Run(t.Context(), &streams{in: bytes.NewReader(recorded(make([]time.Duration, 50)...)), err: &notes, now: func() time.Time { return testAir }}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(notes.String(), "connection refused") || strings.Contains(notes.String(), "00:11") {
		t.Errorf("%s", notes.String())
	}
}

// A recording goes to a running site by the device API, with the sensor's own
// token, and the site's answer is told.
func TestReplayToTheDeviceAPI(t *testing.T) {
	dir := t.TempDir()
	cfg := newTestSite(t, dir)
	laneID := cfg.Lanes[0].ID
	token := filepath.Join(t.TempDir(), "token")
	var said bytes.Buffer
	add := &deviceAddCmd{Name: "mast", Kind: "sensor", Lane: laneID, Data: dir, Days: 1}
	if err := add.Run(t.Context(), &streams{out: &said, err: io.Discard, now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(token, said.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := wireSite(t.Context(), dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- st.serve(ctx, "127.0.0.1:0", func(base string) { ready <- base }) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	base := <-ready
	replay := func(to string) (string, error) {
		var notes bytes.Buffer
		c := &rfReplayCmd{Source: speaksLine, Zone: "UTC", To: to, Token: token, Now: true, File: "-"}
		err := c.Run(t.Context(), &streams{in: bytes.NewReader(recorded(make([]time.Duration, 30)...)), err: &notes, now: time.Now})
		return notes.String(), err
	}
	notes, err := replay(base + "/api/v1/lanes/" + laneID + "/observations")
	// The site of the test has no sensor: it counts what comes and has no use for it.
	if err != nil || !strings.Contains(notes, "30 not sent or not taken: the lane had no room or no use for it") && !strings.Contains(notes, "30 sent") {
		t.Errorf("%v: %s", err, notes)
	}
	if _, err := replay(base + "/api/v1/lanes/elsewhere/observations"); err == nil || !strings.Contains(err.Error(), "the gate answered 40") {
		t.Errorf("another lane: %v", err)
	}

	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer down.Close()
	if notes, err := replay(down.URL); err != nil || !strings.Contains(notes, "30 not sent or not taken: the gate answered 503") {
		t.Errorf("%v: %s", err, notes)
	}
	for to, want := range map[string]string{
		"http://10.0.0.1/x":  "in clear",
		"udp://127.0.0.1:1":  "--token-file",
		"mqtt://broker/x":    "--token-file",
		"ftp://x":            "--token-file",
		"gate:8471":          "neither udp",
		"https:///x":         "neither udp",
		"https://[::1]:bad/": "neither udp",
	} {
		if _, err := replay(to); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", to, err, want)
		}
	}
	for _, x := range []struct{ c rfReplayCmd }{
		{rfReplayCmd{Source: speaksLine, To: "udp://127.0.0.1", File: "-"}},
		{rfReplayCmd{Source: speaksLine, To: "udp://127.0.0.1:1/x", File: "-"}},
		{rfReplayCmd{Source: speaksLine, To: "mqtt://broker/x", File: "-"}},
		{rfReplayCmd{Source: speaksLine, To: "-", Speed: "0", File: "-"}},
		{rfReplayCmd{Source: speaksLine, To: "-", Speed: "fast", File: "-"}},
		{rfReplayCmd{Source: speaksLine, To: "-", Sensor: "a b", File: "-"}},
		{rfReplayCmd{Source: speaksLine, To: "-", File: "/nowhere"}},
	} {
		if err := x.c.Run(t.Context(), &streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard, now: time.Now}); err == nil {
			t.Errorf("%+v: accepted", x.c)
		}
	}
}

// BenchmarkReplay sends at full speed to nobody on this machine.
func BenchmarkReplay(b *testing.B) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	in := recorded(make([]time.Duration, 10_000)...)
	b.ReportAllocs()
	for b.Loop() {
		c := &rfReplayCmd{Source: speaksLine, Zone: "UTC", To: "udp://" + conn.LocalAddr().String(), File: "-"}
		if err := c.Run(b.Context(), &streams{in: bytes.NewReader(in), err: io.Discard, now: func() time.Time { return testAir }}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
