package ui

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/openapi"
)

// document is the description as a program reads it, and a compiler of its
// schemas. Schemas of OpenAPI 3.1 are JSON Schema of draft 2020-12; the validator
// is the one that the rules' schema is tested with: it passes the official suite
// of that draft, pulls nothing else in, and is kept.
type document struct {
	raw    map[string]any
	schema *jsonschema.Compiler
}

const documentAddress = "https://sallyport.example/openapi.json"

func readDocument(t testing.TB, s *site) document {
	t.Helper()
	r := s.send(t, http.DefaultClient, s.apiRequest(t, "", "GET", "/api/v1/openapi.json", ""))
	if r.code != http.StatusOK {
		t.Fatalf("document: %d", r.code)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	d := document{raw: v.(map[string]any), schema: jsonschema.NewCompiler()}
	// What is answered holds nothing that the document does not name.
	close, err := jsonschema.UnmarshalJSON(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	closeObjects(close)
	d.schema.DefaultDraft(jsonschema.Draft2020)
	d.schema.AssertFormat()
	if err := d.schema.AddResource(documentAddress, close); err != nil {
		t.Fatal(err)
	}
	return d
}

// closeObjects lets no object hold a member that is not described, but where the
// document says that it may.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, sub := range v {
			closeObjects(sub)
		}
	case []any:
		for _, sub := range v {
			closeObjects(sub)
		}
	}
}

// at follows keys into the document, through a reference where there is one.
func (d document) at(v any, keys ...string) any {
	for _, k := range append(keys, "") {
		if m, ok := v.(map[string]any); ok {
			if ref, ok := m["$ref"].(string); ok {
				v = d.at(d.raw, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
			}
		}
		if k == "" {
			return v
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

// fits holds a JSON value to the schema at a place of the document.
func (d document) fits(t testing.TB, what string, text []byte, place ...string) {
	t.Helper()
	var b strings.Builder
	for _, p := range place {
		b.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(p)))
	}
	sch, err := d.schema.Compile(documentAddress + "#" + b.String())
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = sch.Validate(v)
	}
	if err != nil {
		t.Errorf("%s does not fit: %v\n%s", what, err, text)
	}
}

// call finds what the document says of a route.
func (d document) operation(method, path string) (map[string]any, []string) {
	var parts []string
	for p := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			p = "{" + name + "}"
		}
		parts = append(parts, p)
	}
	place := []string{"paths", strings.Join(parts, "/"), strings.ToLower(method)}
	op, _ := d.at(d.raw, place...).(map[string]any)
	return op, place
}

// answer holds what a handler said to the document: its status and type are
// there, and its body fits.
func (d document) answer(t testing.TB, what, method, path string, r reply) {
	t.Helper()
	op, place := d.operation(method, path)
	status := fmt.Sprint(r.code)
	kind := r.header.Get("Content-Type")
	if semi := strings.Index(kind, ";"); semi > 0 && !strings.Contains(kind, "openapi") {
		kind = kind[:semi]
	}
	kind = strings.TrimSpace(strings.Replace(kind, "text/html; charset=UTF-8", "text/html", 1))
	if d.at(op, "responses", status) == nil {
		status = "default"
		if r.code < 400 {
			t.Errorf("%s: status %d is not in the document", what, r.code)
			return
		}
	}
	place = append(place, "responses", status)
	if m, ok := d.at(op, "responses").(map[string]any)[status].(map[string]any); ok && m["$ref"] != nil {
		place = strings.Split(strings.TrimPrefix(m["$ref"].(string), "#/"), "/")
	}
	if d.at(op, "responses", status, "content", kind) == nil {
		t.Errorf("%s: %d is answered as %q, which is not in the document", what, r.code, kind)
		return
	}
	if strings.Contains(kind, "json") {
		d.fits(t, what, []byte(r.body), append(place, "content", kind, "schema")...)
	}
}

// The document and the router name the same, there and back, and ask for the same
// devices.
func TestDocumentNamesEveryRoute(t *testing.T) {
	s := newSite(t, nil)
	d := readDocument(t, s)
	if d.raw["openapi"] != "3.1.0" {
		t.Errorf("version %v", d.raw["openapi"])
	}
	named := map[string]bool{}
	for path, item := range d.raw["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				named[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	ids := map[string]bool{}
	for _, r := range routes {
		if !strings.HasPrefix(r.path, "/api/") {
			continue
		}
		op, place := d.operation(r.method, r.path)
		if op == nil {
			t.Errorf("%s %s is not in the document", r.method, r.path)
			continue
		}
		delete(named, r.method+" "+place[1])
		open := op["security"] != nil && len(op["security"].([]any)) == 0
		if open != (r.face == forAnyone) {
			t.Errorf("%s %s: the document says that a token is needed: %v", r.method, r.path, !open)
		}
		var kinds, may []string
		list, _ := op["x-kinds"].([]any)
		for _, k := range list {
			kinds = append(kinds, k.(string))
		}
		for _, k := range auth.DeviceKinds() {
			if r.face == forDevices && auth.DeviceMay(k, r.need) {
				may = append(may, string(k))
			}
		}
		slices.Sort(kinds)
		slices.Sort(may)
		if !slices.Equal(kinds, may) {
			t.Errorf("%s %s: for %v, and the document says %v", r.method, r.path, may, kinds)
		}
		if (op["requestBody"] != nil) != (r.method == http.MethodPost) {
			t.Errorf("%s %s: body", r.method, r.path)
		}
		id, _ := op["operationId"].(string)
		if id == "" || ids[id] {
			t.Errorf("%s %s: operationId %q", r.method, r.path, id)
		}
		ids[id] = true
		// Every part of the address that varies is described.
		for part := range strings.SplitSeq(place[1], "/") {
			name, varies := strings.CutPrefix(strings.TrimSuffix(part, "}"), "{")
			if !varies {
				continue
			}
			item := d.raw["paths"].(map[string]any)[place[1]].(map[string]any)
			found := false
			for _, q := range slices.Concat(asList(item["parameters"]), asList(op["parameters"])) {
				p := d.at(q).(map[string]any)
				found = found || p["name"] == name && p["in"] == "path" && p["required"] == true
			}
			if !found {
				t.Errorf("%s: {%s} is not described", place[1], name)
			}
		}
	}
	for n := range named {
		t.Errorf("%s stands in the document, and nothing answers it", n)
	}
	// Every schema compiles, every reference leads somewhere, and every example of
	// an answer fits.
	for name := range d.at(d.raw, "components", "schemas").(map[string]any) {
		if _, err := d.schema.Compile(documentAddress + "#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
	d.examples(t, d.raw, nil)
}

func asList(v any) []any { l, _ := v.([]any); return l }

// examples holds every example to the schema beside it.
func (d document) examples(t *testing.T, v any, place []string) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	if ref, ok := m["$ref"].(string); ok && d.at(d.raw, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...) == nil {
		t.Errorf("%v leads nowhere", ref)
	}
	check := func(example any) {
		text, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		d.fits(t, "example of "+strings.Join(place, " "), text, append(slices.Clone(place), "schema")...)
	}
	if m["schema"] != nil && m["example"] != nil {
		check(m["example"])
	}
	if ex, ok := m["examples"].(map[string]any); ok && m["schema"] != nil {
		for _, e := range ex {
			check(e.(map[string]any)["value"])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if list, ok := m[k].([]any); ok {
			for _, e := range list {
				if em, ok := e.(map[string]any); ok && em["$ref"] != nil {
					d.examples(t, e, nil)
				}
			}
			continue
		}
		d.examples(t, m[k], append(slices.Clone(place), k))
	}
}

// fakeAlarms is a working desk of alarms in memory.
type fakeAlarms struct {
	mu      sync.Mutex
	open    []gate.SiteAlarm
	version uint64
	subs    map[chan struct{}]bool
}

func (f *fakeAlarms) Open() ([]gate.SiteAlarm, uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.open), f.version
}

func (f *fakeAlarms) Subscribe(ctx context.Context) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	ch := make(chan struct{}, 1)
	f.subs[ch] = true
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subs, ch)
	})
	return ch
}

func (f *fakeAlarms) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	f.version++
	for ch := range f.subs {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (f *fakeAlarms) Acknowledge(_ context.Context, who gate.Person, id, note string) (gate.SiteAlarm, error) {
	var out gate.SiteAlarm
	err := fmt.Errorf("acknowledge: %w", gate.ErrExists)
	f.change(func() {
		if i := slices.IndexFunc(f.open, func(a gate.SiteAlarm) bool { return a.ID == id }); i >= 0 {
			out, err = f.open[i], nil
			out.Ack = &gate.AlarmAck{Alarm: id, By: who.Name, Note: note}
			f.open = slices.Delete(f.open, i, i+1)
		}
	})
	return out, err
}

type fakeInside []gate.Stay

func (f fakeInside) Stays(_ context.Context, w gate.StayFilter) ([]gate.Stay, error) {
	var out []gate.Stay
	for _, s := range f {
		if (w.Lane == "" || s.Lane == w.Lane) && s.Seq > w.After && len(out) < w.Limit {
			out = append(out, s)
		}
	}
	return out, nil
}

type fakeSigner map[string]gate.Person

func (f fakeSigner) Confirm(_ context.Context, _ gate.LaneID, name, pin string) (gate.Person, error) {
	if pin != "482913" {
		return gate.Person{}, fmt.Errorf("confirm: %w", gate.ErrPINWrong)
	}
	return f[name], nil
}

// fillAPI gives a site what machines may ask of it beside its lanes.
func fillAPI(t testing.TB, s *site) *fakeAlarms {
	t.Helper()
	now := s.clock.now()
	alarms := &fakeAlarms{subs: map[chan struct{}]bool{}, version: 1, open: []gate.SiteAlarm{
		{ID: "a-1", Lane: "north-1", Kind: gate.AlarmForced, At: now, OfLane: 3, Durable: true},
		{ID: "a-2", Lane: "south", Kind: gate.AlarmDuress, At: now, By: "guard", Passage: "p", Silent: true},
		{ID: "a-3", Lane: "north-1", Kind: gate.AlarmDuress, At: now, By: "guard", Silent: true, Durable: true},
	}}
	s.ui.cfg.Alarms = alarms
	s.ui.cfg.Inside = fakeInside{
		{ID: "p1", Seq: 4, VIN: vinGrant, Plate: "AB12", Lane: "north-1", Since: now.Add(-time.Hour), Passage: "p1", Conditions: []string{"escort"}, Due: now.Add(time.Hour)},
		{ID: "p2", Seq: 9, VIN: vinFlag, Lane: "south", Since: now.Add(-time.Minute), Passage: "p2", Again: true},
		{ID: "in-1", Seq: 12, Plate: "CD34", Since: now.Add(-time.Second), By: "guard", Why: "came on foot"},
	}
	s.ui.cfg.Signer = fakeSigner{"supervisor": {Name: "supervisor", Role: auth.Supervisor}, "guard": {Name: "guard", Role: auth.Guard}}
	s.ui.cfg.Jobs = func(context.Context) ([]Job, error) {
		return []Job{{Name: "backup", Begun: now.Add(-time.Hour), Ended: now.Add(-time.Hour), OK: new(true), Result: "12 MB", Next: now.Add(time.Hour)}, {Name: "verify", Running: true}}, nil
	}
	return alarms
}

// Every example of a request is sent, every operation is called for and without
// success, and every answer fits what the document says of it.
func TestHandlersKeepToTheDocument(t *testing.T) {
	s := newSite(t, nil)
	alarms := fillAPI(t, s)
	d := readDocument(t, s)
	tokens := map[string]string{}
	for _, dev := range []auth.Device{kioskDevice, sensorDevice, cameraDevice, alarmDevice, otherSystem} {
		tokens[string(dev.Kind)] = s.token(t, dev)
	}
	s.lanes.fill("north-1", 30)
	deny, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny, Plate: "AB 12"})
	if err != nil {
		t.Fatal(err)
	}
	s.store.mu.Lock()
	last := &s.store.passages[len(s.store.passages)-1]
	last.Acts = append(last.Acts, gate.Act{Kind: gate.ActTurnAway, At: s.clock.now()}, gate.Act{Kind: gate.ActDuress, At: s.clock.now()})
	last.Outcome = &gate.Outcome{Passage: deny, Ending: gate.EndRefused, At: s.clock.now()}
	s.store.mu.Unlock()
	s.lanes.change("north-1", func(v *gate.LaneView) {
		v.Direction, v.Signal, v.Notice, v.LastEnd, v.Inbound, v.Decision = gate.DirectionEntry, gate.SignalRed, gate.NoticeDevice, gate.EndRefused, 1, 2
		v.Alarms = []gate.Alarm{{ID: 1, Kind: gate.AlarmHeldOpen, Of: "arm", Since: s.clock.now(), By: "guard", Passed: deny}}
		v.Warnings = []string{gate.WarnBackedOut}
		v.Devices = []gate.DeviceStatus{{Device: "arm", Fault: "lost", Since: s.clock.now()}}
		v.Vehicles = []gate.LaneVehicle{{State: gate.Waiting, Passage: v.Passage, Durable: true}, {State: gate.Deciding, Passage: &gate.Passage{ID: "behind", Result: judge(vinFlag, "", "", s.clock.now())}, Durable: true, Decision: 1}}
	})

	path := func(r route, shape string) string {
		p := strings.NewReplacer(":lane", "north-1", ":shape", shape).Replace(r.path)
		if strings.Contains(r.path, "/passages/") {
			return strings.Replace(p, ":id", string(deny), 1)
		}
		return strings.Replace(p, ":id", "a-1", 1)
	}
	reached := map[string]bool{} // status by operation
	call := func(what string, r route, token, address, body string) reply {
		t.Helper()
		req := s.apiRequest(t, token, r.method, address, body)
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		got := s.send(t, http.DefaultClient, req)
		d.answer(t, fmt.Sprintf("%s %s (%s)", r.method, address, what), r.method, r.path, got)
		op, _ := d.operation(r.method, r.path)
		reached[fmt.Sprint(op["operationId"], " ", got.code)] = true
		return got
	}
	for _, r := range routes {
		op, _ := d.operation(r.method, r.path)
		if op == nil {
			continue
		}
		token := ""
		if kinds := asList(op["x-kinds"]); len(kinds) > 0 {
			token = tokens[kinds[len(kinds)-1].(string)]
		}
		if d.at(op, "responses", "200", "content", "text/event-stream") != nil {
			call("without a token", r, "", path(r, ""), "")
			continue // its events: TestStreamsKeepToTheDocument
		}
		if r.method == http.MethodGet {
			call("as it is", r, token, path(r, ""), "")
			if r.face == forDevices {
				call("without a token", r, "", path(r, ""), "")
				call("for another device", r, tokens["sensor"], path(r, ""), "")
			}
			continue
		}
		content := d.at(op, "requestBody", "content", "application/json", "examples").(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(content)) {
			e := content[name].(map[string]any)
			text, err := json.Marshal(e["value"])
			if err != nil {
				t.Fatal(err)
			}
			body := strings.Replace(string(text), "20261122T120000-0001", string(deny), 1)
			shape, _ := e["x-shape"].(string)
			s.lanes.mu.Lock()
			if r.need == auth.ReportPlate {
				s.lanes.changeLocked("north-1", func(v *gate.LaneView) { v.State = gate.Idle })
			}
			if strings.HasSuffix(r.path, "/acts") {
				s.lanes.changeLocked("north-1", func(v *gate.LaneView) {
					v.Passage, v.Allowed = &gate.Passage{ID: deny}, []gate.ActKind{gate.ActInspect}
				})
			}
			s.lanes.mu.Unlock()
			got := call("example "+name, r, token, path(r, shape), body)
			if got.code >= 300 {
				t.Errorf("%s: example %s is refused: %d %s", r.path, name, got.code, got.body)
			}
		}
		call("no JSON", r, token, path(r, "axis"), "{")
		call("without a token", r, "", path(r, "axis"), "{}")
		call("for another device", r, tokens["kiosk"], path(r, "axis"), "{}")
		call("too much", r, token, path(r, "generic"), `{"a":"`+strings.Repeat("x", int(r.limit))+`"}`)
	}
	// What else the handlers can say.
	find := func(id string) route {
		for _, r := range routes {
			if op, _ := d.operation(r.method, r.path); op != nil && op["operationId"] == id {
				return r
			}
		}
		t.Fatalf("no operation %q", id)
		return route{}
	}
	s.lanes.fail = gate.ErrManual
	call("manual", find("presentVehicle"), tokens["kiosk"], "/api/v1/lanes/north-1/arrivals", `{"vin":"A"}`)
	s.lanes.fail = gate.ErrBusy
	call("busy", find("presentVehicle"), tokens["kiosk"], "/api/v1/lanes/north-1/arrivals", `{"vin":"A"}`)
	s.lanes.fail = errors.New("something")
	call("internal", find("presentVehicle"), tokens["kiosk"], "/api/v1/lanes/north-1/arrivals", `{"vin":"A"}`)
	s.lanes.fail = nil
	call("unknown lane", find("readLane"), tokens["integration"], "/api/v1/lanes/west", "")
	call("an old plate", find("reportPlate"), tokens["plate-camera"], "/api/v1/lanes/north-1/plates", `{"plate":"AB 12","at":"2020-01-01T00:00:00Z"}`)
	call("stale", find("act"), tokens["kiosk"], "/api/v1/lanes/north-1/acts", `{"kind":"hold","passage":"x"}`)
	call("not its lane's", find("readPassage"), tokens["integration"], "/api/v1/lanes/south/passages/"+string(deny), "")
	call("a bad page", find("listInside"), tokens["integration"], "/api/v1/inside?limit=0", "")
	call("a page", find("listInside"), tokens["integration"], "/api/v1/inside?limit=1&after=4", "")
	call("bad observations", find("report"), tokens["sensor"], "/api/v1/lanes/north-1/observations", `[7]`)
	call("somebody was quicker", find("acknowledge"), tokens["alarm-panel"], "/api/v1/alarms/a-1/acknowledgement", `{"by":"supervisor","pin":"482913"}`)
	call("a wrong PIN", find("acknowledge"), tokens["alarm-panel"], "/api/v1/alarms/a-2/acknowledgement", `{"by":"supervisor","pin":"0"}`)
	call("who may not", find("acknowledge"), tokens["alarm-panel"], "/api/v1/alarms/a-2/acknowledgement", `{"by":"guard","pin":"482913"}`)
	s.healthy = &Unhealthy{"the log does not fit", errors.New("entry 7: the plate AB 12 is another")}
	s.lanes.change("south", func(v *gate.LaneView) { v.State, v.Notice = gate.Manual, gate.NoticeStorage })
	if r := call("not ready", find("isReady"), "", "/api/v1/health/ready", ""); r.code != http.StatusServiceUnavailable || !strings.Contains(r.body, "does not fit") || strings.Contains(r.body, "AB 12") || !strings.Contains(r.body, `"lane":"south","reason":"the lane is manual: storage"`) {
		t.Errorf("not ready: %d %s", r.code, r.body)
	}
	s.healthy = nil
	s.lanes.change("south", func(v *gate.LaneView) { v.Closed = "road-works" })
	if r := call("closed by a person", find("isReady"), "", "/api/v1/health/ready", ""); r.code != http.StatusOK {
		t.Errorf("a lane that a person closed: %d %s", r.code, r.body)
	}
	// Each answer that the document promises was seen.
	for place, item := range d.raw["paths"].(map[string]any) {
		for method, v := range item.(map[string]any) {
			op, ok := v.(map[string]any)
			if !ok || method == "parameters" {
				continue
			}
			for status := range op["responses"].(map[string]any) {
				id := fmt.Sprint(op["operationId"], " ", status)
				if status != "default" && !reached[id] && d.at(op, "responses", status, "content", "text/event-stream") == nil && id != "presentVehicle 200" {
					t.Errorf("%s: %s was never answered", place, id)
				}
			}
		}
	}
	if open, _ := alarms.Open(); len(open) != 2 {
		t.Errorf("%d alarms are open", len(open))
	}
}

// event is one event of a stream.
type event struct{ id, name, data string }

// events reads a stream; the returned function gives the next event.
func (s *site) events(t testing.TB, token, path, last string) (next func() (event, bool), end func()) {
	t.Helper()
	req := s.apiRequest(t, token, "GET", path, "")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := http.DefaultClient.Do(req.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	end = func() { cancel(); resp.Body.Close() }
	t.Cleanup(end)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		b, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %d %s", path, resp.StatusCode, b)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return func() (e event, ok bool) {
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					return e, true
				}
			}
		}
		return e, false
	}, end
}

// Every stream sends what the document says, under the name that it says.
func TestStreamsKeepToTheDocument(t *testing.T) {
	s := newSite(t, nil)
	fillAPI(t, s)
	d := readDocument(t, s)
	s.lanes.fill("north-1", 30)
	if _, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny}); err != nil {
		t.Fatal(err)
	}
	tok := s.token(t, otherSystem)
	n := 0
	for _, r := range routes {
		op, place := d.operation(r.method, r.path)
		promised, ok := d.at(op, "responses", "200", "content", "text/event-stream", "x-events").(map[string]any)
		if !ok {
			continue
		}
		n++
		next, end := s.events(t, tok, strings.Replace(r.path, ":lane", "north-1", 1), "")
		e, ok := next()
		if !ok || promised[e.name] == nil {
			t.Errorf("%s: event %q", r.path, e.name)
		}
		d.fits(t, "event "+e.name+" of "+r.path, []byte(e.data), append(slices.Clone(place), "responses", "200", "content", "text/event-stream", "x-events", e.name)...)
		end()
	}
	if n != 3 {
		t.Errorf("%d streams", n)
	}
}

// The page holds every operation and every object, needs nothing from elsewhere,
// and is there in every language.
func TestDocumentPage(t *testing.T) {
	s := newSite(t, nil)
	doc, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "pl", "de"} {
		r := s.do(t, browser(t), "GET", "/api/v1", nil, "Accept-Language", lang)
		if r.code != http.StatusOK || !strings.Contains(r.body, `<html lang="`+lang+`"`) {
			t.Fatalf("%s: %d", lang, r.code)
		}
		for _, bad := range []string{`src="http`, "<script>", " style=", `href="http`, "//cdn"} {
			if strings.Contains(r.body, bad) {
				t.Errorf("%s: the page has %s", lang, bad)
			}
		}
		for _, g := range doc.Page.Groups {
			for _, o := range g.Operations {
				if !strings.Contains(r.body, `<article id="`+o.ID+`">`) || !strings.Contains(r.body, o.Method+" "+o.Path) {
					t.Errorf("%s: %s is missing", lang, o.ID)
				}
			}
		}
		for _, o := range doc.Page.Objects {
			if !strings.Contains(r.body, `id="object-`+o.Name+`"`) {
				t.Errorf("%s: %s is missing", lang, o.Name)
			}
		}
	}
}
