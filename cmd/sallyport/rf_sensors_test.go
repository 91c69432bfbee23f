package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/rf"
)

func TestRFSensors(t *testing.T) {
	dir := t.TempDir()
	cfg := newTestSite(t, dir)
	lane := cfg.Lanes[0].ID
	cfg.Lanes[0].Sensors = []sensorConfig{{Name: "stop", Device: "box:1"}}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(addDevice(t, dir, "kiosk", lane)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(c rfSensorsCmd) (string, error) {
		var out bytes.Buffer
		err := c.Run(t.Context(), &streams{out: &out, now: time.Now})
		return out.String(), err
	}
	if _, err := ask(rfSensorsCmd{Data: dir}); err == nil || !strings.Contains(err.Error(), "is not running") {
		t.Errorf("a site that does not run: %v", err)
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
	base := ""
	select {
	case base = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}

	radio := rf.Observation{Sensor: "box:1", Kind: rf.BLE, Address: rf.Public, Emitter: "aa:bb:cc:dd:ee:ff", RSSI: -50}
	for range 3 {
		radio.TS = time.Now()
		if !st.controller.Observe(gate.LaneID(lane), radio) {
			t.Error("not taken")
		}
	}
	radio.Sensor = "stranger"
	st.controller.Observe(gate.LaneID(lane), radio)
	st.controller.SensorReport(gate.LaneID(lane), gate.SensorReport{Sensor: "box:1", Lost: 4, Trouble: "port busy"})

	for _, c := range []rfSensorsCmd{{Data: dir}, {Site: base, TokenFile: token}} {
		out, err := ask(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{lane + "  stop", "device", "alive", "ago", lane + " stranger: 1 refused: foreign", lane + " stop: port busy", "not configured"} {
			if !strings.Contains(out, want) {
				t.Errorf("%+v: no %q in\n%s", c, want, out)
			}
		}
		if strings.Contains(out, "aa:bb:cc") {
			t.Errorf("an address in\n%s", out)
		}
		c.JSON = true
		out, err = ask(c)
		if err != nil {
			t.Fatal(err)
		}
		var a sensorsAnswer
		if err := json.Unmarshal([]byte(out), &a); err != nil {
			t.Fatal(err)
		}
		if len(a.Sensors) != 2 || a.Sensors[0].Heard != "box:1" || a.Sensors[0].Accepted != 3 || a.Sensors[0].Lost != 4 || a.At.IsZero() {
			t.Errorf("%+v: %+v", c, a)
		}
	}
	stale := filepath.Join(t.TempDir(), "stale")
	if err := os.WriteFile(stale, []byte("e30.e30.e30"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]rfSensorsCmd{
		"is not an address":     {Site: "gate", TokenFile: token},
		"token-file is missing": {Site: base},
		"401":                   {Site: base, TokenFile: stale},
		"holds no token":        {Site: base, TokenFile: filepath.Join(dir, siteFile)},
		"belongs to --site":     {Data: dir, TokenFile: token},
		"no such file":          {Site: base, TokenFile: filepath.Join(dir, "none")},
	} {
		if _, err := ask(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhichSensorIsAmiss(t *testing.T) {
	for _, c := range []struct {
		h    gate.SensorHealth
		want bool
	}{
		{gate.SensorHealth{Source: "udp", State: gate.SensorAlive}, false},
		{gate.SensorHealth{Source: "udp", State: gate.SensorNew}, false},
		{gate.SensorHealth{Source: "udp", State: gate.SensorSilent}, true},
		{gate.SensorHealth{Source: "udp", State: gate.SensorNever}, true},
		{gate.SensorHealth{Source: "udp", State: gate.SensorSkewed}, true},
		{gate.SensorHealth{State: gate.SensorSilent}, false}, // nobody counts on it
	} {
		if got := amiss(c.h); got != c.want {
			t.Errorf("%+v: %t", c.h, got)
		}
	}
}

// The usage line cannot say that one of two is wanted: the help does.
func TestRFSensorsHelpSaysWhichOfTwo(t *testing.T) {
	if help := new(rfSensorsCmd).Help(); !strings.Contains(help, "either --data or --site, exactly one of them") {
		t.Error(help)
	}
}
