package ui

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/rf"
)

// fill gives a lane a picture of some minutes.
func (f *fakeLanes) fill(id gate.LaneID, seconds int) gate.LaneRadio {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.now().UTC()
	r := gate.LaneRadio{
		Lane: id, At: at, From: at.Add(-time.Duration(seconds-1) * time.Second), Seconds: seconds, Levels: []gate.RadioLevels{{Kind: rf.BLE}},
		Vehicles: []gate.RadioVehicle{{From: at, Finding: rf.Finding{Sensed: true, Emitters: []rf.Heard{{Kind: rf.BLE, Probability: 0.97, Name: "S0123456789abcdefC"}}}}},
		Sensors: []gate.SensorHealth{{Lane: id, Name: "stop", State: gate.SensorAlive, Refused: map[string]uint64{gate.RefusedAhead: 2},
			Clock: gate.SensorClock{Trust: gate.ClockGood}}},
	}
	for i := range seconds {
		r.Levels[0].Seconds = append(r.Levels[0].Seconds, gate.RadioSecond{At: i, Stop: rf.Known(-50), Observations: 3, Emitters: 2})
	}
	f.air[id] = r
	return r
}

func TestAPIRadio(t *testing.T) {
	s := newSite(t, nil)
	tok := s.token(t, kioskDevice)
	want := s.lanes.fill("north-1", 120)
	s.lanes.fill("south", 10)
	r := s.api(t, tok, "GET", "north-1/radio", "")
	var got gate.LaneRadio
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.code != http.StatusOK {
		t.Fatalf("%d, %v: %s", r.code, err, r.body)
	}
	if got.Lane != "north-1" || got.Seconds != 120 || len(got.Levels) != 1 || len(got.Levels[0].Seconds) != 120 || !got.From.Equal(want.From) {
		t.Errorf("picture %+v", got)
	}
	if got := got.Levels[0].Seconds[7]; got != want.Levels[0].Seconds[7] {
		t.Errorf("second %+v, want %+v", got, want.Levels[0].Seconds[7])
	}
	if strings.Contains(r.body, "S0123456789abcdefC") {
		t.Error("a name that stands for one vehicle leaves the memory")
	}
	r = s.send(t, http.DefaultClient, s.apiRequest(t, tok, "GET", "/api/v1/sensors", ""))
	var health sensorHealth
	if err := json.Unmarshal([]byte(r.body), &health); err != nil || r.code != http.StatusOK {
		t.Fatalf("%d, %v: %s", r.code, err, r.body)
	}
	if len(health.Sensors) != 1 || health.Sensors[0].Lane != "north-1" || health.Sensors[0].Refused[gate.RefusedAhead] != 2 || !health.At.Equal(want.At) {
		t.Errorf("sensors %+v", health)
	}
}

func TestAPIRadioStream(t *testing.T) {
	s := newSite(t, func(c *Config, _ *httptest.Server) { c.Refresh = time.Millisecond })
	tok := s.token(t, kioskDevice)
	s.lanes.fill("north-1", 120)
	resp, err := http.DefaultClient.Do(s.apiRequest(t, tok, "GET", "/api/v1/lanes/north-1/radio/stream", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	next := func() (gate.LaneRadio, bool) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var r gate.LaneRadio
				if err := json.Unmarshal([]byte(data), &r); err != nil {
					t.Fatal(err)
				}
				return r, true
			}
		}
		return gate.LaneRadio{}, false
	}
	if r, ok := next(); !ok || len(r.Levels[0].Seconds) != 120 {
		t.Fatalf("the first event holds %d seconds", r.Seconds)
	}
	r, ok := next()
	if !ok || r.Seconds != 16 || len(r.Levels[0].Seconds) != 16 || r.Levels[0].Seconds[0].At != 0 || len(r.Sensors) != 1 || len(r.Vehicles) != 1 {
		t.Fatalf("the next event: %+v", r)
	}
	// A device that is revoked sees no more.
	s.store.mu.Lock()
	d := s.store.devices["kiosk-1"]
	d.Revoked = true
	s.store.devices["kiosk-1"] = d
	s.store.mu.Unlock()
	for ok {
		_, ok = next()
	}
}
