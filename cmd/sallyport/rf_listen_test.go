package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/bits"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"sallyport/gate"
	"sallyport/rf"
	"sallyport/rf/line"
	"sallyport/rf/nrf"
)

// open lets everybody publish and hear.
type open struct{ broker.HookBase }

func (*open) Provides(b byte) bool {
	return b == broker.OnConnectAuthenticate || b == broker.OnACLCheck
}
func (*open) OnConnectAuthenticate(*broker.Client, packets.Packet) bool { return true }
func (*open) OnACLCheck(*broker.Client, string, bool) bool              { return true }

// startBroker starts a broker on this machine.
func startBroker(t *testing.T, addr string) (say func(topic, text string), end func()) {
	t.Helper()
	b := broker.New(&broker.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := b.AddHook(new(open), nil); err != nil {
		t.Fatal(err)
	}
	if err := b.AddListener(listeners.NewTCP(listeners.Config{ID: "t", Address: addr})); err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() { _ = b.Close() })
	t.Cleanup(end)
	return func(topic, text string) {
		if err := b.Publish(topic, []byte(text), false, 1); err != nil {
			t.Error(err)
		}
	}, end
}

// freeAddress is an address of this machine that is free now and taken again at
// once.
func freeAddress(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := new(net.ListenConfig).ListenPacket(t.Context(), network, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), network, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// plugged is a serial line whose name stays when another is plugged in.
func plugged(t *testing.T, name string) *os.File {
	t.Helper()
	controller, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { controller.Close(); tty.Close() })
	_ = os.Remove(name)
	if err := os.Symlink(tty.Name(), name); err != nil {
		t.Fatal(err)
	}
	return controller
}

// Sensors on a serial line, in datagrams and at a broker feed one lane at once.
// Each is unplugged; what was heard, refused and lost is counted at the right
// one, and the end does not wait for any.
func TestThreeWaysFeedOneLane(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runOK(t, "", "init", "--data", dir, "--site", "s1", "--name", "Site 1")
	at, brokerAt, port := freeAddress(t, "udp"), freeAddress(t, "tcp"), filepath.Join(t.TempDir(), "by-id")
	text, err := os.ReadFile(filepath.Join(dir, siteFile))
	if err != nil {
		t.Fatal(err)
	}
	site := string(text) + fmt.Sprintf(`
[[lane.sensor]]
name = "stop"
port = %q
baud = 115200
[[lane.sensor]]
name = "upstream"
udp = %q
[[lane.sensor]]
name = "tyres"
source = "rtl433"
mqtt = "rtl_433/+/events"
qos = 1
[mqtt]
broker = "mqtt://%s"
[radio]
jurisdiction = "US"
`, port, at, brokerAt)
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(site), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	lane := gate.LaneID(cfg.Lanes[0].ID)
	tty := plugged(t, port)
	publish, endBroker := startBroker(t, brokerAt)

	st, err := wireSite(t.Context(), dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- st.serve(ctx, "127.0.0.1:0", func(base string) { ready <- base }) }()
	<-ready

	sensor := func(i int) gate.SensorHealth {
		r, ok := st.controller.Radio(lane)
		if !ok || len(r.Sensors) != 3 {
			t.Fatalf("%d sensors", len(r.Sensors))
		}
		return r.Sensors[i]
	}
	// until says what is still awaited after half a minute.
	until := func(what string, done func() bool) {
		t.Helper()
		for limit := time.Now().Add(30 * time.Second); !done(); {
			if time.Now().After(limit) {
				t.Fatalf("%s: %+v, %+v, %+v", what, sensor(0), sensor(1), sensor(2))
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	frame := func(n uint32) string {
		b, err := line.Append(nil, n, 5*time.Millisecond, []byte(`{"kind":"wifi","emitter":"00:11:22:33:44:55","rssi_dbm":-61,"role":"ap","channel":11}`))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	write := func(s string) {
		if _, err := tty.WriteString(s); err != nil {
			t.Error(err)
		}
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "udp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send := func(s string) { _, _ = conn.Write([]byte(s)) }
	pressure := 200
	tyre := func() string {
		pressure++ // the same again would be a repeat
		return fmt.Sprintf(`{"time":"%d.%06d","model":"Toyota","type":"TPMS","id":"fb0a43e7","pressure_kPa":%d,"rssi":-6.5}`, time.Now().Unix(), time.Now().Nanosecond()/1000, pressure)
	}

	until("the line", func() bool { write(frame(0)); return sensor(0).Accepted > 0 })
	until("the address", func() bool { send(frame(0)); return sensor(1).Accepted > 0 })
	until("the broker", func() bool { publish("rtl_433/mast/events", tyre()); return sensor(2).Accepted > 0 })

	// What is of no use is counted where it came from, by its reason.
	write("garbage\n" + strings.Repeat("x", 3000))
	write(strings.Repeat("y", 3000) + "\n" + frame(3))
	send(frame(2))
	send("$2,,{}*0000")
	publish("rtl_433/mast/events", `{"codes" : ["{1}8", {0}]}`)
	publish("rtl_433/mast/events", `{"time":"946684800","model":"Toyota","type":"TPMS","id":"fb0a43e7","pressure_kPa":1}`)
	publish("rtl_433/mast/events", "")
	until("the refusals of the line", func() bool {
		s := sensor(0)
		return s.Refused["not a frame"] == 1 && s.Refused[pieceTooLong] == 1 && s.Lost == 2
	})
	until("the refusals of the address", func() bool {
		s := sensor(1)
		return s.Refused["check of the frame is wrong"] == 1 && s.Lost == 1
	})
	until("the refusals of the broker", func() bool {
		s := sensor(2)
		return s.Refused["not a JSON object"] == 1 && s.Refused["time is not one, or not between 2015 and 2100"] == 1 && s.Refused[pieceEmpty] == 1
	})

	// Unplugged, each says so, and the others go on.
	tty.Close()
	until("that the line is gone", func() bool { return sensor(0).Trouble != "" })
	before := sensor(1).Accepted
	send(frame(10))
	until("the address, without the line", func() bool { return sensor(1).Accepted == before+1 })
	endBroker()
	until("that the broker is gone", func() bool { return sensor(2).Trouble != "" })
	before = sensor(1).Accepted
	send(frame(11))
	until("the address, alone", func() bool { return sensor(1).Accepted == before+1 })

	// Plugged in again they are heard again.
	tty = plugged(t, port)
	publish, _ = startBroker(t, brokerAt)
	before = sensor(0).Accepted
	n := uint32(100)
	until("the line again", func() bool { n++; write(frame(n)); return sensor(0).Accepted > before && sensor(0).Trouble == "" })
	before = sensor(2).Accepted
	until("the broker again", func() bool {
		publish("rtl_433/mast/events", tyre())
		return sensor(2).Accepted > before && sensor(2).Trouble == ""
	})

	// The lane's own sum agrees with that of its sensors.
	until("the lane's counts", func() bool {
		v, _ := st.controller.View(lane)
		var taken, vain uint64
		for i := range 3 {
			s := sensor(i)
			taken += s.Accepted
			for _, n := range s.Refused {
				vain += n
			}
		}
		return v.Radio.Accepted == taken && v.Radio.Refused == vain
	})
	begun := time.Now()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	took := time.Since(begun)
	t.Logf("the site ended in %v", took)
	if took > 3*250*time.Millisecond {
		t.Errorf("the site ended in %v", took)
	}
}

// What does not go together stops the start with its name and line.
func TestNonsenseOfASensorIsNamed(t *testing.T) {
	dir := t.TempDir()
	runOK(t, "", "init", "--data", dir, "--site", "s1", "--name", "Site 1")
	path := filepath.Join(dir, siteFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const fine = "\n[[lane.sensor]]\nname = \"fine\"\nudp = \"127.0.0.1:8471\"\n"
	at := strings.Count(string(text)+fine, "\n") + 2
	const mast = "[mqtt]\nbroker = \"mqtt://127.0.0.1\"\n"
	for _, x := range []struct{ sensor, rest, want string }{
		{`udp = "127.0.0.1:1"` + "\n" + `source = "rtl433"`, "", ""},
		{`port = "/dev/x"` + "\nbaud = 1000000\n" + `source = "nrf"`, "", ""},
		{`mqtt = "a/#"` + "\n" + `source = "kismet"`, mast, ""},
		{`mqtt = "a/b"` + "\n" + `source = "v2x"` + "\nqos = 1", mast, ""},
		{`device = "d"`, "", ""},

		{`mqtt = "a"`, "", "the site names no broker"},
		{`mqtt = "a/b+"`, mast, "wildcard"},
		{`mqtt = "$share/x/a"`, mast, "dollar sign"},
		{`mqtt = "a"` + "\nqos = 2", mast, "neither 0 nor 1"},
		{`mqtt = "a"` + "\n" + `source = "nrf"`, mast, `source "nrf" does not come over mqtt, but over serial`},
		{`udp = "127.0.0.1:1"` + "\n" + `source = "nrf"`, "", "does not come over udp"},
		{`port = "/dev/x"` + "\nbaud = 9600\n" + `source = "kismet"`, "", "does not come over serial"},
		{`device = "d"` + "\n" + `source = "rtl433"`, "", "does not come over device"},
		{`udp = "127.0.0.1:1"` + "\n" + `source = "sweep"`, "", "sallyport rf replay --source sweep"},
		{`udp = "127.0.0.1:1"` + "\n" + `source = "gsm"`, "", "none of line, nrf"},
		{`udp = "127.0.0.1:1"` + "\n" + `source = "rtl433"` + "\nplain = true", "", "plain belongs to"},
		{`udp = "127.0.0.1:1"` + "\n" + `zone = "Europe/Warsaw"`, "", "zone belongs to"},
		{`udp = "127.0.0.1:1"` + "\n" + `source = "rtl433"` + "\n" + `zone = "Mars"`, "", "zone"},
		{`udp = "127.0.0.1:1"` + "\nqos = 1", "", "qos belongs to"},
		{`udp = "127.0.0.1:8471"`, "", "has the udp 127.0.0.1:8471 of sensor fine"},
		{`udp = "0.0.0.0:8471"`, "", "from is missing"},
		{`udp = "127.0.0.1:1"` + "\n" + `mqtt = "a"`, mast, "needs either"},
	} {
		full := string(text) + fine + "\n[[lane.sensor]]\nname = \"odd\"\n" + x.sensor + "\n" + x.rest
		if err := os.WriteFile(path, []byte(full), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := loadSite(dir)
		switch {
		case x.want == "" && err != nil:
			t.Errorf("%s: %v", x.sensor, err)
		case x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), "sensor odd") && !strings.Contains(err.Error(), "odd has") || !strings.HasPrefix(err.Error(), fmt.Sprintf("%s:%d: ", path, at))):
			t.Errorf("%s: %v; want %q at line %d", x.sensor, err, x.want, at)
		}
	}
}

// A broker is shown what it asks for, and no secret goes over the wire in clear
// or lies open.
func TestBrokerIsConfiguredWithCare(t *testing.T) {
	for _, x := range []struct {
		c    mqttConfig
		want string
	}{
		{mqttConfig{}, ""},
		{mqttConfig{Broker: "mqtts://broker", User: "gate", PasswordFile: "p"}, ""},
		{mqttConfig{Broker: "mqtt://localhost:1884", User: "gate", PasswordFile: "p"}, ""},
		{mqttConfig{Broker: "mqtt://10.1.2.3"}, ""},
		{mqttConfig{User: "gate", PasswordFile: "p"}, "not a broker's address"},
		{mqttConfig{Broker: "mqtts://gate:secret@broker"}, "places of their own"},
		{mqttConfig{Broker: "mqtt://10.1.2.3", User: "gate", PasswordFile: "p"}, "in clear"},
		{mqttConfig{Broker: "mqtts://broker", User: "gate"}, "belong together"},
		{mqttConfig{Broker: "mqtts://broker", Cert: "c"}, "belong together"},
		{mqttConfig{Broker: "mqtt://127.0.0.1", CA: "c"}, "belong to mqtts"},
		{mqttConfig{Broker: "mqtts://broker", CA: "../c"}, "outside the data directory"},
	} {
		err := x.c.check()
		if (err == nil) != (x.want == "") || err != nil && (!strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%+v: %v, want %q", x.c, err, x.want)
		}
	}
	dir := t.TempDir()
	c := mqttConfig{Broker: "mqtts://broker", User: "gate", PasswordFile: "p", CA: "ca"}
	put := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	put("p", "s3cret\n", 0o644)
	if _, _, err := c.secrets(dir); err == nil || !strings.Contains(err.Error(), "can be read by others") {
		t.Errorf("an open password file: %v", err)
	}
	put("p", "two\nlines\n", 0o600)
	if _, _, err := c.secrets(dir); err == nil || strings.Contains(err.Error(), "two") {
		t.Errorf("two lines: %v", err)
	}
	put("p", "s3cret\n", 0o600)
	put("ca", "no certificate", 0o600)
	if _, _, err := c.secrets(dir); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("no authority: %v", err)
	}
	c.CA = ""
	if p, trust, err := c.secrets(dir); err != nil || p != "s3cret" || trust == nil {
		t.Errorf("%q, %v, %v", p, trust, err)
	}
}

// linkCRC is the check of a Bluetooth advertisement (Core Specification, vol. 6,
// part B, 3.1.1), as it is sent.
func linkCRC(b []byte) []byte {
	reg := uint32(0x555555)
	for _, x := range b {
		for i := range 8 {
			turn := reg>>23 ^ uint32(x>>i&1)
			if reg = reg << 1 & 0xFFFFFF; turn&1 == 1 {
				reg ^= 0x00065B
			}
		}
	}
	r := bits.Reverse32(reg) >> 8
	return []byte{byte(r), byte(r >> 8), byte(r >> 16)}
}

// Nordic's sniffer is told to listen, and what it hears reaches the lane, again
// after it was unplugged in the middle of a packet.
func TestSnifferOnALine(t *testing.T) {
	dir := t.TempDir()
	cfg := newTestSite(t, dir)
	name := filepath.Join(t.TempDir(), "by-id")
	tty := plugged(t, name)
	sn := sensorConfig{Name: "mast", Source: speaksNRF, Port: name, Baud: 1000000}
	if err := sn.check(); err != nil {
		t.Fatal(err)
	}
	st, err := wireSite(t.Context(), dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer st.store.Close()
	ears := make(heard, 64)
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

	pdu := []byte{0x02, 12, 0x35, 0x41, 0x02, 0xb4, 0x26, 0x00, 0x05, 0xff, 0x4c, 0x00, 0x02, 0x15} // ADV_NONCONN_IND of 00:26:b4:02:41:35
	packet := func(counter byte) []byte {
		body := append([]byte{10, 0x01, 37, 61, 0, 0, 0, 0, 0, 0, 0xD6, 0xBE, 0x89, 0x8E}, pdu[:2]...)
		body = append(append(append(body, 0), pdu[2:]...), linkCRC(pdu)...)
		out := []byte{0xAB}
		for _, c := range append([]byte{6, byte(len(body)), 1, counter, 0, 0x06}, body...) {
			switch c {
			case 0xAB, 0xBC, 0xCD:
				out = append(out, 0xCD, c+1)
			default:
				out = append(out, c)
			}
		}
		return append(out, 0xBC)
	}
	for i := range byte(2) {
		if _, err := io.ReadFull(tty, make([]byte, len(nrf.Scan()))); err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{{0xFF, 0x00}, packet(7), packet(9 + i)[:20]} {
			if _, err := tty.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if o := <-ears; o.Sensor != "mast" || o.Kind != rf.BLE || o.Emitter != "00:26:b4:02:41:35" || o.RSSI != -61 || time.Since(o.TS) > 5*time.Second {
			t.Errorf("heard %+v", o)
		}
		tty.Close()
		tty = plugged(t, name)
	}
	limit := time.After(30 * time.Second)
	for done := false; !done; {
		r, _ := st.controller.Radio("lane-1")
		// The second opening ends the packet that the first left behind.
		for _, s := range r.Sensors {
			done = done || s.Refused["cut off before its end"] >= 1 && s.Accepted == 2 && s.Lost == 0
		}
		select {
		case <-limit:
			t.Fatalf("%+v", r.Sensors)
		case <-time.After(5 * time.Millisecond):
		}
	}
	begun := time.Now()
	stop()
	for _, end := range []chan error{listen, run} {
		if err := <-end; err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(begun); took > 500*time.Millisecond {
		t.Errorf("the end took %v", took)
	}
}

// What the sensor guide shows of site.toml is taken by a site.
func TestGuidesConfigurationIsTaken(t *testing.T) {
	dir := t.TempDir()
	runOK(t, "", "init", "--data", dir, "--site", "s1", "--name", "Site 1")
	path := filepath.Join(dir, siteFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(moduleRoot(t), "deploy", "sensors", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	const mast = "[mqtt]\nbroker = \"mqtt://127.0.0.1\"\n"
	shown := 0
	for _, page := range pages {
		guide, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for block := range strings.SplitSeq(string(guide), "\n\n") {
			var own strings.Builder
			for l := range strings.Lines(block) {
				own.WriteString(strings.TrimLeft(l, " "))
			}
			config := own.String()
			switch {
			case strings.HasPrefix(config, "[mqtt]"):
			case strings.HasPrefix(config, "[[lane.sensor]]"):
				config += "\n" + mast
			default:
				continue
			}
			shown++
			if err := os.WriteFile(path, []byte(string(text)+"\n"+config), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := loadSite(dir); err != nil {
				t.Errorf("%s: %v\n%s", filepath.Base(page), err, config)
			}
		}
	}
	if shown < 6 {
		t.Errorf("only %d were found: the reading is wrong", shown)
	}
}
