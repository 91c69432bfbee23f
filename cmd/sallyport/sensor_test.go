package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/creack/pty"

	"sallyport/gate"
	"sallyport/rf"
	"sallyport/rf/line"
)

// heard is an attributor that hands on what reaches it.
type heard chan rf.Observation

func (h heard) Observe(o rf.Observation)       { h <- o }
func (heard) VehiclePresent(bool, time.Time)   {}
func (heard) Finding(time.Time) (f rf.Finding) { return f }

// A sensor on a line speaks as the sensor of that line, whatever it says, and
// everything that it sends in vain is counted at the lane.
func TestListenTrustsTheLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := newTestSite(t, dir)
	controller, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer controller.Close()
	defer tty.Close()

	var journal bytes.Buffer
	st, err := wireSite(t.Context(), dir, cfg, time.Now, slog.New(slog.NewTextHandler(&journal, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer st.store.Close()
	ears := make(heard, 8)
	st.controller, err = gate.NewController(gate.Config{
		Lanes: []gate.LaneConfig{{ID: "lane-1", Attributor: ears}},
		Store: st.store, Registry: st.store, Assessor: st.live.Load().judge, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	run, listen := make(chan error, 1), make(chan error, 1)
	go func() { run <- st.controller.Run(ctx) }()
	go func() {
		listen <- st.listen(ctx, "lane-1", sensorConfig{Name: "lane-1-stop", Port: tty.Name(), Baud: 115200, Plain: true})
	}()

	line := func(at time.Time) string {
		return fmt.Sprintf(`{"ts":%q,"sensor":"another-lane","kind":"tpms","emitter":"aabbccdd","rssi_dbm":-60}`+"\n", at.UTC().Format(time.RFC3339Nano))
	}
	var o rf.Observation
	for o.Sensor == "" { // until the port is open, what is written may be thrown away
		if _, err := io.WriteString(controller, line(time.Now())); err != nil {
			t.Fatal(err)
		}
		select {
		case o = <-ears:
		case <-time.After(200 * time.Millisecond):
		}
	}
	if o.Sensor != "lane-1-stop" {
		t.Errorf("the sensor passed for %q", o.Sensor)
	}
	before, _ := st.controller.View("lane-1")
	for _, bad := range []string{"garbage\n", strings.Repeat("x", 3000) + strings.Repeat("y", 3000) + "\n", line(time.Now().Add(-time.Hour))} {
		for ; len(bad) > 1000; bad = bad[1000:] { // a terminal's buffer is short
			if _, err := io.WriteString(controller, bad[:1000]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.WriteString(controller, bad); err != nil {
			t.Fatal(err)
		}
	}
	views, err := st.controller.Subscribe(ctx, "lane-1")
	if err != nil {
		t.Fatal(err)
	}
	limit := time.After(30 * time.Second)
	for v := (gate.LaneView{}); v.Radio.Refused-before.Radio.Refused < 3 || v.Lane == ""; {
		select {
		case v = <-views:
		case <-ears:
		case <-limit:
			v, _ = st.controller.View("lane-1")
			t.Fatalf("counted %+v, want 3 more refused than %+v", v.Radio, before.Radio)
		}
	}
	stop()
	for _, end := range []chan error{run, listen} {
		if err := <-end; err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(journal.String(), "sensor opened") {
		t.Errorf("the log does not say that the sensor was opened: %s", journal.String())
	}
}

// A sensor that reports over the network is heard under the name of its token.
func TestEnrolledSensorIsTheLanesSensor(t *testing.T) {
	dir := t.TempDir()
	cfg := newTestSite(t, dir)
	cfg.Lanes[0].Sensors = []sensorConfig{{Name: "lane-1-stop", Device: "q7x:south"}}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	st, err := wireSite(t.Context(), dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer st.store.Close()
	lanes, err := st.laneConfigs()
	if err != nil {
		t.Fatal(err)
	}
	ears := lanes[0].Attributor
	now := time.Now()
	ears.VehiclePresent(true, now)
	ears.Observe(rf.Observation{TS: now.Add(time.Second), Sensor: "q7x:south", Kind: rf.TPMS, Emitter: "aabbccdd", RSSI: -50})
	if f := ears.Finding(now.Add(2 * time.Second)); !f.Sensed {
		t.Errorf("the lane does not hear its enrolled sensor: %+v", f)
	}

	for name, bad := range map[string]sensorConfig{
		"neither": {Name: "a"}, "no baud": {Name: "a", Port: "/dev/x"}, "no name": {Device: "d"},
		"both": {Name: "a", Port: "/dev/x", Baud: 9600, Device: "d"}, "three": {Name: "a", Port: "/dev/x", Baud: 9600, UDP: "127.0.0.1:1", Device: "d"},
		"no udp port": {Name: "a", UDP: "127.0.0.1"}, "from anybody": {Name: "a", UDP: "0.0.0.0:8471"}, "udp and baud": {Name: "a", UDP: "127.0.0.1:1", Baud: 9600},
		"from on a line": {Name: "a", Port: "/dev/x", Baud: 9600, From: []netip.Addr{netip.IPv6Loopback()}}, "plain device": {Name: "a", Device: "d", Plain: true},
		"a name with a quote": {Name: `a"b`, UDP: "127.0.0.1:1"},
	} {
		cfg.Lanes[0].Sensors = []sensorConfig{bad}
		if err := cfg.check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A sensor that sends datagrams is heard under the name that the site gives it;
// what is damaged, foreign or lost is counted at the lane, a repeat is not.
func TestListenHearsDatagrams(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := newTestSite(t, dir)
	// A port that is free now and taken again at once.
	held, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	at := held.LocalAddr().String()
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	text := "name = \"lane-1-stop\"\nudp = \"" + at + "\"\nfrom = [\"127.0.0.1\", \"127.0.0.2\"]\n"
	var sn sensorConfig
	if err := toml.Unmarshal([]byte(text), &sn); err != nil {
		t.Fatal(err)
	}
	if err := sn.check(); err != nil {
		t.Fatal(err)
	}
	st, err := wireSite(t.Context(), dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer st.store.Close()
	ears := make(heard, 8)
	st.controller, err = gate.NewController(gate.Config{
		Lanes: []gate.LaneConfig{{ID: "lane-1", Attributor: ears}},
		Store: st.store, Registry: st.store, Assessor: st.live.Load().judge, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	run, listen := make(chan error, 1), make(chan error, 1)
	go func() { run <- st.controller.Run(ctx) }()
	go func() { listen <- st.listen(ctx, "lane-1", sn) }()

	dial := func(from byte) net.Conn {
		d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, from)}}
		c, err := d.Dial("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	frame := func(n uint32) []byte {
		b, err := line.Append(nil, n, 10*time.Millisecond, []byte(`{"sensor":"another-lane","kind":"tpms","emitter":"aabbccdd","rssi_dbm":-60}`))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	one, two, stranger := dial(1), dial(2), dial(3)
	say := func(c net.Conn, b []byte) {
		// Until it listens, the kernel refuses what is sent.
		_, _ = c.Write(b)
	}
	var o rf.Observation
	for o.Sensor == "" {
		say(one, frame(0))
		select {
		case o = <-ears:
		case <-time.After(50 * time.Millisecond):
		}
	}
	if o.Sensor != "lane-1-stop" || time.Since(o.TS) > 5*time.Second {
		t.Errorf("heard %q at %v", o.Sensor, o.TS)
	}
	before, _ := st.controller.View("lane-1")
	say(one, frame(0)) // a repeat
	say(one, frame(3)) // two are lost
	say(two, frame(0)) // another receiver's first
	say(two, []byte("$0,,{}*0000"))
	say(two, []byte(`{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"tpms","emitter":"aabbccdd","rssi_dbm":-60}`))
	say(stranger, frame(1))
	for range 2 {
		<-ears
	}
	views, err := st.controller.Subscribe(ctx, "lane-1")
	if err != nil {
		t.Fatal(err)
	}
	const vain = 3 // two damaged or two lost, which may be the same, and the stranger's
	limit := time.After(30 * time.Second)
	for v := (gate.LaneView{}); v.Radio.Refused-before.Radio.Refused < vain || v.Lane == ""; {
		select {
		case v = <-views:
			if n := v.Radio.Refused - before.Radio.Refused; v.Lane != "" && n > vain {
				t.Fatalf("%d are counted, want %d", n, vain)
			}
		case <-limit:
			v, _ = st.controller.View("lane-1")
			t.Fatalf("counted %+v, want %d more refused than %+v", v.Radio, vain, before.Radio)
		}
	}
	stop()
	for _, end := range []chan error{run, listen} {
		if err := <-end; err != nil {
			t.Error(err)
		}
	}
}

// newTestSite makes a site and reads its configuration.
func newTestSite(t *testing.T, dir string) siteConfig {
	t.Helper()
	runOK(t, "", "init", "--data", dir, "--site", "s1", "--name", "Site 1")
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
