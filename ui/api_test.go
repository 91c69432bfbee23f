package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/rf"
)

// token enrols a device and mints its token.
func (s *site) token(t testing.TB, d auth.Device) string {
	t.Helper()
	s.store.mu.Lock()
	s.store.devices[d.ID] = Device{ID: d.ID, Kind: string(d.Kind), Lane: d.Lane}
	s.store.mu.Unlock()
	tok, err := s.issuer.Mint(d, s.clock.now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func (s *site) api(t testing.TB, token, method, path, body string) reply {
	t.Helper()
	return s.send(t, http.DefaultClient, s.apiRequest(t, token, method, "/api/v1/lanes/"+path, body))
}

func (s *site) apiRequest(t testing.TB, token, method, path, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

func (r reply) problem(t testing.TB) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || p.Class == "" || p.Text == "" {
		t.Errorf("no error object: %d %s", r.code, r.body)
	}
	return p
}

var (
	kioskDevice  = auth.Device{ID: "kiosk-1", Kind: auth.KindKiosk, Lane: "north-1"}
	sensorDevice = auth.Device{ID: "sensor-1", Kind: auth.KindSensor, Lane: "north-1"}
	cameraDevice = auth.Device{ID: "camera-1", Kind: auth.KindCamera, Lane: "north-1"}
	alarmDevice  = auth.Device{ID: "panel-1", Kind: auth.KindAlarm, Lane: auth.WholeSite}
	laneAlarms   = auth.Device{ID: "panel-2", Kind: auth.KindAlarm, Lane: "north-1"}
	otherSystem  = auth.Device{ID: "desk-1", Kind: auth.KindIntegration, Lane: auth.WholeSite}
	laneSystem   = auth.Device{ID: "desk-2", Kind: auth.KindIntegration, Lane: "north-1"}
)

// apiDevices are one of each kind, and those of one lane where a kind may be of
// the whole site.
var apiDevices = []auth.Device{kioskDevice, sensorDevice, cameraDevice, alarmDevice, laneAlarms, otherSystem, laneSystem}

// Every route for devices × every kind, on the own and another lane.
func TestDevicesByKind(t *testing.T) {
	s := newSite(t, nil)
	fillAPI(t, s)
	for _, r := range routes {
		if r.face != forDevices {
			continue
		}
		for _, d := range apiDevices {
			tok := s.token(t, d)
			for _, lane := range []string{"north-1", "south"} {
				path := strings.NewReplacer(":lane", lane, ":shape", "axis", ":id", "x").Replace(r.path)
				resp, err := http.DefaultClient.Do(s.apiRequest(t, tok, r.method, path, "{}"))
				if err != nil {
					t.Fatal(err)
				}
				got := reply{code: resp.StatusCode, header: resp.Header}
				if resp.Header.Get("Content-Type") != "text/event-stream" { // which goes on
					b, err := io.ReadAll(resp.Body)
					if err != nil {
						t.Fatal(err)
					}
					got.body = string(b)
				}
				resp.Body.Close()
				allowed := auth.DeviceMay(d.Kind, r.need) && (lane == d.Lane || d.Lane == auth.WholeSite || !strings.Contains(r.path, ":lane"))
				if r.need == auth.SeeJobs && d.Lane != auth.WholeSite {
					allowed = false // the housekeeping is nobody's at a lane
				}
				if (got.code == http.StatusForbidden) == allowed || got.code == http.StatusUnauthorized {
					t.Errorf("%s %s as %s on %s: %d", r.method, r.path, d.ID, lane, got.code)
				}
				if got.code >= 400 {
					got.problem(t)
				}
			}
		}
	}
}

func TestDeviceTokens(t *testing.T) {
	s := newSite(t, nil)
	good := s.token(t, kioskDevice)
	change := func(do func(*Device)) {
		s.store.mu.Lock()
		defer s.store.mu.Unlock()
		d := s.store.devices["kiosk-1"]
		d.Kind, d.Lane, d.Revoked = "kiosk", "north-1", false
		do(&d)
		s.store.devices["kiosk-1"] = d
	}
	get := func(tok string) int { return s.api(t, tok, "GET", "north-1", "").code }
	if code := get(good); code != http.StatusOK {
		t.Fatalf("good token: %d", code)
	}
	change(func(d *Device) { d.Revoked = true })
	if code := get(good); code != http.StatusUnauthorized {
		t.Errorf("revoked: %d", code)
	}
	change(func(d *Device) { d.Lane = "south" })
	if code := get(good); code != http.StatusUnauthorized {
		t.Errorf("moved to another lane: %d", code)
	}
	change(func(d *Device) { d.Kind = "sensor" })
	if code := get(good); code != http.StatusUnauthorized {
		t.Errorf("of another kind now: %d", code)
	}
	change(func(*Device) {})
	s.store.fail = nil
	stranger, err := s.issuer.Mint(auth.Device{ID: "kiosk-9", Kind: auth.KindKiosk, Lane: "north-1"}, s.clock.now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, tok := range map[string]string{"not enrolled": stranger, "cut": good[:len(good)-2], "none": "", "rubbish": "x"} {
		r := s.api(t, tok, "GET", "north-1", "")
		if r.code != http.StatusUnauthorized || r.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %d", name, r.code)
		}
		if strings.Contains(r.body, "kiosk-9") {
			t.Errorf("%s: the answer tells why: %s", name, r.body)
		}
	}
	s.clock.pass(2 * time.Hour)
	if code := get(good); code != http.StatusUnauthorized {
		t.Errorf("expired: %d", code)
	}
	// A person's session is no device's token.
	if r := s.do(t, s.as(t, "administrator"), "GET", "/api/v1/lanes/north-1", nil); r.code != http.StatusUnauthorized {
		t.Errorf("session on the devices' interface: %d", r.code)
	}
}

func TestAPIArrive(t *testing.T) {
	s := newSite(t, nil)
	tok := s.token(t, kioskDevice)
	r := s.api(t, tok, "POST", "north-1/arrivals", `{"vin":"`+vinDeny+`","plate":"ab 12","class":"government","declared":[{"kind":"imei","value":"861234050000000"}]}`)
	var got arrived
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.code != http.StatusCreated {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if got.Passage == "" || got.Answer.Verdict != "deny" || len(got.Answer.Reasons) != 2 || got.Answer.Reasons[0].Source != srcModule.Address {
		t.Errorf("answer %+v", got)
	}
	lv, _ := s.lanes.View("north-1")
	if a := lv.Passage.Arrival; a.Via != "api" || a.Class != "government" || a.Plate != "AB 12" || len(a.Declared) != 1 {
		t.Errorf("arrival %+v", a)
	}
	for name, tt := range map[string]struct {
		body string
		code int
	}{
		"empty":            {``, 400},
		"not JSON":         {`vin=1`, 400},
		"two values":       {`{"vin":"A"}{"vin":"B"}`, 400},
		"unknown field":    {`{"vin":"A","verdict":"grant"}`, 400},
		"nothing":          {`{"class":"private"}`, 400},
		"a long plate":     {`{"plate":"` + strings.Repeat("A", 17) + `"}`, 400},
		"a long pass":      {`{"pass":"` + strings.Repeat("A", maxPass+1) + `"}`, 400},
		"a source":         {`{"vin":"A","source":"hearsay"}`, 400},
		"bad class":        {`{"vin":"A","class":"royal"}`, 400},
		"bad declaration":  {`{"vin":"A","declared":[{"kind":"colour","value":"red"}]}`, 400},
		"more than enough": {`{"vin":"` + strings.Repeat("A", formLimit) + `"}`, 413},
	} {
		r := s.api(t, tok, "POST", "north-1/arrivals", tt.body)
		if r.code != tt.code {
			t.Errorf("%s: %d %s, want %d", name, r.code, r.body, tt.code)
		}
		r.problem(t)
	}
	s.lanes.fail = gate.ErrManual
	if r := s.api(t, tok, "POST", "north-1/arrivals", `{"vin":"A"}`); r.code != http.StatusServiceUnavailable || r.problem(t).Class != "unavailable" {
		t.Errorf("manual: %d %s", r.code, r.body)
	}
	s.lanes.fail = errors.New("secret detail")
	if r := s.api(t, tok, "POST", "north-1/arrivals", `{"vin":"A"}`); r.code != http.StatusInternalServerError || strings.Contains(r.body, "secret") {
		t.Errorf("internal: %d %s", r.code, r.body)
	}
}

func TestAPILaneAndAct(t *testing.T) {
	s := newSite(t, nil)
	tok := s.token(t, kioskDevice)
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinFlag})
	if err != nil {
		t.Fatal(err)
	}
	r := s.api(t, tok, "GET", "north-1", "")
	var st laneState
	if err := json.Unmarshal([]byte(r.body), &st); err != nil || st.Passage != id || st.State != gate.Waiting || st.Answer == nil || st.Answer.Verdict != "flag" {
		t.Fatalf("state %s", r.body)
	}
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Durable = false })
	if r := s.api(t, tok, "GET", "north-1", ""); strings.Contains(r.body, `"answer"`) {
		t.Errorf("an answer without a record: %s", r.body)
	}
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Durable = true })
	for name, tt := range map[string]struct {
		body string
		code int
	}{
		"unknown act":     {`{"kind":"fire","passage":"` + string(id) + `"}`, 400},
		"override":        {`{"kind":"override","passage":"` + string(id) + `","reason":"x"}`, 403},
		"another passage": {`{"kind":"inspect","passage":"x"}`, 409},
		"no reason":       {`{"kind":"open","passage":"` + string(id) + `"}`, 400},
		"its own reason":  {`{"kind":"open","passage":"` + string(id) + `","reason":"looks fine"}`, 403},
		"by somebody":     {`{"kind":"inspect","passage":"` + string(id) + `","by":"guard"}`, 400},
	} {
		if r := s.api(t, tok, "POST", "north-1/acts", tt.body); r.code != tt.code {
			t.Errorf("%s: %d %s", name, r.code, r.body)
		}
	}
	if r := s.api(t, tok, "POST", "north-1/acts", `{"kind":"inspect","passage":"`+string(id)+`"}`); r.code != http.StatusOK {
		t.Fatalf("act: %d %s", r.code, r.body)
	}
	if a := s.lanes.done(); len(a) != 1 || a[0].By != "device:kiosk-1" {
		t.Errorf("acts %+v", a)
	}
}

func TestAPIPlate(t *testing.T) {
	s := newSite(t, nil)
	cam := s.token(t, cameraDevice)
	now := s.clock.now()
	for name, tt := range map[string]struct {
		body string
		code int
	}{
		"empty":                               {`{"plate":" "}`, 400},
		"long":                                {`{"plate":"` + strings.Repeat("A", 17) + `"}`, 400},
		"bad instant":                         {`{"plate":"AB 12","at":"now"}`, 400},
		"too much":                            {`{"plate":"AB 12","camera":"` + strings.Repeat("x", formLimit) + `"}`, 413},
		"a class, which a camera cannot know": {`{"plate":"AB 12","class":"emergency"}`, 400},
		"a VIN, which a camera cannot read":   {`{"plate":"AB 12","vin":"` + vinGrant + `"}`, 400},
	} {
		if r := s.api(t, cam, "POST", "north-1/plates", tt.body); r.code != tt.code {
			t.Errorf("%s: %d %s", name, r.code, r.body)
		}
	}
	post := func(path, body string) (reply, platesRead) {
		t.Helper()
		r := s.api(t, cam, "POST", "north-1/plates"+path, body)
		var got platesRead
		if err := json.Unmarshal([]byte(r.body), &got); err != nil {
			t.Fatalf("%d %s", r.code, r.body)
		}
		return r, got
	}
	// What a camera says too late, or of the other way, is none of the lane's.
	if r, got := post("", `{"plate":"AB 12","at":"`+now.Add(-2*time.Minute).Format(time.RFC3339)+`"}`); r.code != http.StatusOK || got.Left != "old" || got.Passage != "" {
		t.Errorf("old: %d %+v", r.code, got)
	}
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Direction = gate.DirectionEntry })
	if r, got := post("/axis", `{"carState":"new","plateText":"AB12","carMoveDirection":"out"}`); r.code != http.StatusOK || got.Left != "other-way" {
		t.Errorf("the other way: %d %+v", r.code, got)
	}
	if r, got := post("/axis", `{"carState":"lost","plateText":"AB12"}`); r.code != http.StatusOK || got.Read != 0 {
		t.Errorf("no plate: %d %+v", r.code, got)
	}
	if r, got := post("", `{"plate":"ab 12","at":"`+now.Format(time.RFC3339)+`"}`); r.code != http.StatusCreated || got.Passage == "" || strings.Contains(r.body, "answer") {
		t.Fatalf("plate: %d %s", r.code, r.body)
	}
	// The camera sees the same vehicle again while it is being decided.
	if r, got := post("/plate-recognizer", `{"results":[{"plate":"A812","score":0.4},{"plate":"cd34","score":0.9,"candidates":[{"plate":"cd3a","score":0.6},{"plate":"x","score":0.1}]}]}`); r.code != http.StatusOK || got.Read != 2 || got.Left != "lane" {
		t.Errorf("second reading: %d %s", r.code, r.body)
	}
	if n := len(s.lanes.offered); n != 2 || s.lanes.offered[1].Plate != "CD34" || len(s.lanes.offered[1].Also) != 1 || s.lanes.offered[1].Also[0].Value != "CD3A" {
		t.Errorf("the lane was offered %+v", s.lanes.offered)
	}
	if r := s.api(t, cam, "POST", "north-1/plates/morse", `{"plate":"AB 12"}`); r.code != http.StatusNotFound {
		t.Errorf("an unknown shape: %d", r.code)
	}
	// The guard's scan is of this vehicle, and keeps its plate.
	if r := s.do(t, s.as(t, "guard"), "POST", "/lane/north-1/arrivals", url.Values{"vin": {vinFlag}}); r.code != http.StatusSeeOther {
		t.Fatalf("scan: %d", r.code)
	}
	lv, _ := s.lanes.View("north-1")
	if a := lv.Passage.Arrival; a.VIN != vinFlag || a.Plate != "AB 12" || a.Class != "" {
		t.Errorf("arrival %+v", a)
	}
}

func observation(i int) string {
	return fmt.Sprintf(`{"ts":"2026-11-22T12:00:%02dZ","sensor":"sensor-1","kind":"tpms","emitter":"%08x","rssi_dbm":-60.5}`, i%60, i)
}

func TestAPIObserve(t *testing.T) {
	s := newSite(t, nil)
	tok := s.token(t, sensorDevice)
	for name, tt := range map[string]struct {
		body string
		want observed
		bad  int // line of the first refusal
	}{
		"nothing":                  {"", observed{}, 0},
		"lines":                    {observation(1) + "\n\r\n" + observation(2) + "\r\n" + observation(3), observed{Accepted: 3}, 0},
		"an array":                 {"  [" + observation(1) + ",\n " + observation(2) + "]", observed{Accepted: 2}, 0},
		"a bad line in the middle": {observation(1) + "\n{\"kind\":\"tpms\"}\n" + observation(2) + "\n", observed{Accepted: 2, Refused: 1}, 2},
		"a line too long":          {observation(1) + "\n" + strings.Repeat("x", 3*rf.MaxLine) + "\n" + observation(2) + "\n", observed{Accepted: 2, Refused: 1}, 2},
		"a bad element":            {"[" + observation(1) + ",7," + observation(2) + "]", observed{Accepted: 2, Refused: 1}, 2},
		"a cellular identifier":    {`{"ts":"2026-11-22T12:00:00Z","sensor":"sensor-1","kind":"cell","emitter":"310150123456789","rssi_dbm":-60}`, observed{Refused: 1}, 1},
	} {
		r := s.api(t, tok, "POST", "north-1/observations", tt.body)
		var got observed
		if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.code != http.StatusOK {
			t.Errorf("%s: %d %s", name, r.code, r.body)
			continue
		}
		line := 0
		if got.First != nil {
			line, got.First = got.First.Line, nil
		}
		if got != tt.want || line != tt.bad {
			t.Errorf("%s: %+v at %d, want %+v at %d", name, got, line, tt.want, tt.bad)
		}
		if strings.Contains(r.body, "310150123456789") {
			t.Errorf("%s: the answer repeats an identifier", name)
		}
	}
	if s.lanes.refused != 4 {
		t.Errorf("lane counts %d refused, want 4", s.lanes.refused)
	}
	// A device speaks for itself, whatever its lines say.
	s.api(t, tok, "POST", "north-1/observations", strings.Replace(observation(9), `"sensor-1"`, `"north"`, 1))
	if o := s.lanes.heard[len(s.lanes.heard)-1]; o.Sensor != "sensor-1:north" {
		t.Errorf("sensor %q", o.Sensor)
	}
	for name, body := range map[string]string{"broken array": "[" + observation(1), "array, then rubbish": "[" + observation(1) + "x"} {
		if r := s.api(t, tok, "POST", "north-1/observations", body); r.code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, r.code, r.body)
		}
	}
	if r := s.api(t, tok, "POST", "north-1/observations", strings.Repeat(observation(1)+"\n", 1+feedLimit/len(observation(1)))); r.code != http.StatusRequestEntityTooLarge {
		t.Errorf("too much: %d", r.code)
	}
	// What the lane has no room for is counted as dropped, not as accepted.
	r := s.api(t, tok, "POST", "north-1/observations", observation(1))
	if !strings.Contains(r.body, `"dropped":1`) {
		t.Errorf("a full lane: %s", r.body)
	}
}

func FuzzEachObservation(f *testing.F) {
	f.Add([]byte(observation(1) + "\n" + observation(2)))
	f.Add([]byte("[" + observation(1) + "," + observation(2) + "]"))
	f.Add([]byte(" \n[1,[2],{\"a\":3}"))
	f.Add(bytes.Repeat([]byte("y"), rf.MaxLine+5))
	f.Fuzz(func(t *testing.T, b []byte) {
		last := 0
		err := eachObservation(bytes.NewReader(b), func(n int, line []byte, err error) {
			if n <= last {
				t.Fatalf("line %d after line %d", n, last)
			}
			last = n
			if err == nil && len(line) > rf.MaxLine+2 {
				t.Fatalf("a line of %d bytes is handed on", len(line))
			}
		})
		var fault *fault
		if err != nil && !errors.As(err, &fault) {
			t.Fatalf("unclassed error %v", err)
		}
	})
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/lane/a?x=1", "//evil", `/\evil`, "https://evil", "/%2f%2fevil", "/a/../..//evil", "\t/x"} {
		f.Add(s)
	}
	here, err := url.Parse("http://here.example/signin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := localPath(s)
		u, err := here.Parse(got)
		if err != nil || u.Host != here.Host || u.Scheme != here.Scheme || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.Contains(got, `\`) {
			t.Fatalf("localPath(%q) = %q", s, got)
		}
	})
}
