package ui

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// The PINs of the tests.
const (
	pinSupervisor = "80419"
	pinGuard      = "2580"
)

// watch gives the site of a test a real desk over the fake lanes, on a store in
// memory.
func (s *site) watch(t testing.TB, cfg *Config, rules gate.ActRules) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s.memory = storetest.NewMemory()
	for _, r := range auth.Roles() {
		s.memory.AddPerson(string(r), r)
	}
	for name, pin := range map[string]string{"supervisor": pinSupervisor, "guard": pinGuard} {
		phc, err := auth.SetPIN(pin)
		must(err)
		must(s.memory.SetPIN(ctx, name, phc))
	}
	clock := gate.NewClock(s.clock.now)
	alarms, err := gate.NewAlarms(ctx, gate.AlarmsConfig{Store: s.memory, Clock: clock})
	must(err)
	shifts, err := gate.NewShifts(ctx, gate.ShiftsConfig{Store: s.memory, Clock: clock, Alarms: alarms.OpenAt})
	must(err)
	forms, err := gate.NewForms(ctx, gate.FormsConfig{Store: s.memory, Clock: clock, Lanes: []gate.LaneID{"north-1", "south"}})
	must(err)
	s.desk, err = gate.NewDesk(ctx, gate.DeskConfig{Lanes: s.lanes, Store: s.memory, Clock: clock, Rules: rules, Alarms: alarms, Shifts: shifts})
	must(err)
	cfg.Watch = Watch{Desk: s.desk, Shifts: shifts, Alarms: alarms, Forms: forms}
	s.shifts, s.alarms = shifts, alarms
}

func overrideForm(id gate.PassageID, pin string) url.Values {
	return url.Values{"kind": {"override"}, "passage": {string(id)}, "reason_code": {"ordered"}, "supervisor": {"supervisor"}, "pin": {pin}}
}

func (s *site) denied(t testing.TB, lane gate.LaneID) gate.PassageID {
	t.Helper()
	id, err := s.lanes.Arrive(t.Context(), lane, gate.Arrival{VIN: vinDeny})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestOverrideByPIN: the right PIN opens, others do not, too many tries lock it,
// and the limit of the shift holds.
func TestOverrideByPIN(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	act := func(lane gate.LaneID, pin string) reply {
		t.Helper()
		id := s.denied(t, lane)
		return s.do(t, c, "POST", "/lane/"+string(lane)+"/act", overrideForm(id, pin))
	}
	for n := range 3 {
		if r := act("north-1", pinSupervisor); r.code != http.StatusSeeOther {
			t.Fatalf("override %d: %d %s", n+1, r.code, r.body)
		}
	}
	if r := act("north-1", pinSupervisor); r.code != http.StatusConflict || !strings.Contains(r.body, "No more overrides in this shift") {
		t.Errorf("beyond the limit: %d %s", r.code, r.body)
	}
	if acts := s.lanes.done(); len(acts) != 3 || acts[2].Supervisor != "supervisor" || acts[2].By != "guard" || acts[2].Reason == "" {
		t.Errorf("acts %+v", acts)
	}
	// Another lane has a shift of its own.
	if r := act("south", pinSupervisor); r.code != http.StatusSeeOther {
		t.Errorf("at another lane: %d %s", r.code, r.body)
	}
	for n := range 5 {
		if r := act("south", "77310"); r.code != http.StatusForbidden || !strings.Contains(r.body, "Name or PIN is wrong") {
			t.Errorf("wrong try %d: %d", n+1, r.code)
		}
	}
	if r := act("south", pinSupervisor); r.code != http.StatusTooManyRequests || !strings.Contains(r.body, "locked after too many tries") {
		t.Errorf("after five wrong tries: %d %s", r.code, r.body)
	}
	s.clock.pass(auth.PINLock(5) + time.Second)
	if r := act("south", pinSupervisor); r.code != http.StatusSeeOther {
		t.Errorf("after the lock: %d %s", r.code, r.body)
	}
	// Nobody approves for himself, and a guard's PIN approves nothing.
	id := s.denied(t, "south")
	form := overrideForm(id, pinGuard)
	form.Set("supervisor", "guard")
	if r := s.do(t, c, "POST", "/lane/south/act", form); r.code != http.StatusBadRequest {
		t.Errorf("for himself: %d %s", r.code, r.body)
	}
	form = overrideForm(id, pinSupervisor)
	form.Del("reason_code")
	if r := s.do(t, c, "POST", "/lane/south/act", form); r.code != http.StatusBadRequest {
		t.Errorf("without a reason: %d %s", r.code, r.body)
	}
	// Words that stand in the page for other things are no reason.
	for _, code := range []string{"choose", "more", "no-such"} {
		form = overrideForm(id, pinSupervisor)
		form.Set("reason_code", code)
		if r := s.do(t, c, "POST", "/lane/south/act", form); r.code != http.StatusBadRequest {
			t.Errorf("for the reason %q: %d", code, r.code)
		}
	}
	// Whoever answers for the site is told of the PIN that was locked.
	if open, _ := s.alarms.Open(); len(open) != 1 || open[0].Kind != gate.AlarmPINLocked || open[0].By != "supervisor" || open[0].Silent {
		t.Errorf("alarms %+v", open)
	}
}

// TestDuressIsHiddenFromWhomItIsAbout: a supervisor who works a lane may see
// alarms, and whoever forces them looks at the same screen.
func TestDuressIsHiddenFromWhomItIsAbout(t *testing.T) {
	run := func(t *testing.T, call bool) (seen []string, s *site) {
		s = newSite(t, nil)
		forced := s.as(t, "supervisor")
		id := s.denied(t, "north-1")
		if err := s.memory.Record(t.Context(), gate.Passage{ID: id, Lane: "north-1", At: s.clock.now(), Result: judge(vinDeny, "", "", s.clock.now())}); err != nil {
			t.Fatal(err)
		}
		s.do(t, forced, "POST", "/lane/north-1/shift", url.Values{"step": {"begun"}})
		if call {
			s.do(t, forced, "POST", "/lane/north-1/duress", url.Values{})
		}
		if r := s.do(t, forced, "POST", "/lane/north-1/shift", url.Values{"step": {"ended"}}); r.code != http.StatusSeeOther {
			t.Fatal(r.code)
		}
		for _, path := range []string{"/", "/alarms", "/passages", "/shifts", "/lane/north-1", "/lane/north-1/desk"} {
			seen = append(seen, s.do(t, forced, "GET", path, nil).body)
		}
		return seen, s
	}
	plain, _ := run(t, false)
	forced, s := run(t, true)
	if d := cmp.Diff(plain, forced); d != "" {
		t.Errorf("what the person is shown differs: %s", d)
	}
	open, _ := s.alarms.Open()
	if len(open) != 1 {
		t.Fatalf("alarms %+v", open)
	}
	if r := s.do(t, s.as(t, "supervisor"), "POST", "/alarms/"+open[0].ID, url.Values{}); r.code != http.StatusSeeOther {
		t.Errorf("%d %s", r.code, r.body)
	}
	if now, _ := s.alarms.Open(); len(now) != 1 {
		t.Error("whoever forces a person can switch the call for help off")
	}
	if page := s.do(t, s.as(t, "security-manager"), "GET", "/alarms", nil); !strings.Contains(page.body, "a guard is being forced") {
		t.Errorf("nobody is told: %s", page.body)
	}
}

// TestDuressCannotBeSeen compares everything that a lane's kiosk is given with
// and without duress, byte for byte: answers, pages, regions and the stream. The
// alarm is elsewhere.
func TestDuressCannotBeSeen(t *testing.T) {
	type seen struct{ code, page, regions, api, lanes, desk string }
	run := func(t *testing.T, pin string, call bool) (seen, *site) {
		s := newSite(t, nil)
		c := s.as(t, "guard")
		id := s.denied(t, "north-1")
		stream := s.laneStream(t, c, "/lane/north-1/events")
		stream()
		if call {
			if r := s.do(t, c, "POST", "/lane/north-1/duress", url.Values{}); r.code != http.StatusNoContent || r.body != "" {
				t.Fatalf("duress: %d %q", r.code, r.body)
			}
		}
		r := s.do(t, c, "POST", "/lane/north-1/act", overrideForm(id, pin), "Accept", "application/json")
		out := seen{code: r.body}
		if r.code != http.StatusOK {
			t.Fatalf("override: %d %s", r.code, r.body)
		}
		out.regions = stream()
		out.page = s.do(t, c, "GET", "/lane/north-1", nil).body
		out.lanes = s.do(t, c, "GET", "/", nil).body
		out.desk = s.do(t, c, "GET", "/lane/north-1/desk", nil).body
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/v1/lanes/north-1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.token(t, kioskDevice))
		out.api = s.send(t, http.DefaultClient, req).body
		return out, s
	}
	plain, quiet := run(t, pinSupervisor, false)
	if open, _ := quiet.alarms.Open(); len(open) != 0 {
		t.Fatalf("alarms without duress: %+v", open)
	}
	for name, c := range map[string]struct {
		pin  string
		call bool
		by   string
	}{
		"the clock pressed":           {pinSupervisor, true, "guard"},
		"the supervisor's PIN turned": {auth.DuressPIN(pinSupervisor), false, "supervisor"},
		"the guard's own PIN turned":  {auth.DuressPIN(pinGuard), false, gate.UnderDuress},
	} {
		t.Run(name, func(t *testing.T) {
			forced, s := run(t, c.pin, c.call)
			if forced != plain {
				t.Errorf("what the kiosk shows differs: %s", cmp.Diff(plain, forced, cmp.AllowUnexported(seen{})))
			}
			open, _ := s.alarms.Open()
			if len(open) != 1 || open[0].Kind != gate.AlarmDuress || open[0].Lane != "north-1" || !open[0].Silent || open[0].By != "guard" || open[0].Passage == "" {
				t.Fatalf("alarms %+v", open)
			}
			if page := s.do(t, s.as(t, "supervisor"), "GET", "/alarms", nil); !strings.Contains(page.body, "a guard is being forced") || !strings.Contains(page.body, `class="ringing">1<`) {
				t.Errorf("the supervisor's page: %s", page.body)
			}
			for _, who := range []string{"guard", "administrator", "auditor"} {
				if r := s.do(t, s.as(t, who), "GET", "/alarms", nil); r.code != http.StatusForbidden {
					t.Errorf("%s opens the alarms: %d", who, r.code)
				}
			}
			acts := s.lanes.done()
			if !c.call && (len(acts) != 1 || acts[0].Supervisor != c.by) {
				t.Errorf("acts %+v", acts)
			}
		})
	}
}

// TestDuressBeatsLimits: whoever is forced is let down by no limit and no lock.
func TestDuressBeatsLimits(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	for range 3 {
		s.do(t, c, "POST", "/lane/north-1/act", overrideForm(s.denied(t, "north-1"), pinSupervisor))
	}
	for range 6 {
		s.do(t, c, "POST", "/lane/north-1/act", overrideForm(s.denied(t, "north-1"), "77310"))
	}
	r := s.do(t, c, "POST", "/lane/north-1/act", overrideForm(s.denied(t, "north-1"), auth.DuressPIN(pinGuard)))
	if acts := s.lanes.done(); r.code != http.StatusSeeOther || len(acts) != 4 {
		t.Errorf("forced: %d, %d acts", r.code, len(acts))
	}
	if open, _ := s.alarms.Open(); len(open) != 2 || open[0].Kind != gate.AlarmPINLocked || open[1].Kind != gate.AlarmDuress {
		t.Errorf("alarms %+v", open)
	}
}

// laneStream follows a stream of server-sent events; each call gives the data of
// the last event of a lane before the stream falls silent but for heartbeats.
func (s *site) laneStream(t *testing.T, c *http.Client, path string) func() string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return func() string {
		var last []string
		beats, event := 0, ""
		for beats < 2 && lines.Scan() {
			switch text := lines.Text(); {
			case strings.HasPrefix(text, "event: "):
				if event = text; event == "event: beat" {
					beats++
				}
			case strings.HasPrefix(text, "data: ") && event == "event: lane":
				last = append(last, text)
			}
		}
		return strings.Join(last, "\n")
	}
}

// TestHandover: who has the lane hands it over, the next one confirms on the same
// screen, and the screen is the next one's.
func TestHandover(t *testing.T) {
	s := newSite(t, nil)
	guard := s.as(t, "guard")
	if r := s.do(t, guard, "GET", "/lane/north-1/desk", nil); r.code != http.StatusOK || !strings.Contains(r.body, "Nobody has this lane") {
		t.Fatalf("%d %s", r.code, r.body)
	}
	// The first work at the lane begins the shift.
	if r := s.do(t, guard, "POST", "/lane/north-1/arrivals", url.Values{"vin": {vinFlag}}); r.code != http.StatusSeeOther {
		t.Fatalf("arrival: %d", r.code)
	}
	step := func(c *http.Client, form url.Values, want int) reply {
		t.Helper()
		r := s.do(t, c, "POST", "/lane/north-1/shift", form)
		if r.code != want {
			t.Errorf("%v: %d, want %d\n%s", form, r.code, want, r.body)
		}
		return r
	}
	supervisor := s.as(t, "supervisor")
	step(supervisor, url.Values{"step": {"offered"}, "to": {"guard"}}, http.StatusConflict)
	step(guard, url.Values{"step": {"offered"}, "to": {"guard"}}, http.StatusConflict)
	step(guard, url.Values{"step": {"offered"}, "to": {"auditor"}}, http.StatusForbidden)
	step(guard, url.Values{"step": {"offered"}, "to": {"nobody"}}, http.StatusConflict)
	step(guard, url.Values{"step": {"offered"}, "to": {"supervisor"}, "note": {"lamp 2 is dark"}}, http.StatusSeeOther)
	if r := s.do(t, guard, "GET", "/lane/north-1/desk", nil); !strings.Contains(r.body, "lamp 2 is dark") || !strings.Contains(r.body, `name="pin"`) {
		t.Errorf("the offer is not shown: %s", r.body)
	}
	step(guard, url.Values{"step": {"accepted"}, "name": {"supervisor"}, "pin": {"77310"}}, http.StatusForbidden)
	step(guard, url.Values{"step": {"accepted"}, "name": {"supervisor"}, "password": {"wrong one, surely"}}, http.StatusForbidden)
	step(guard, url.Values{"step": {"accepted"}}, http.StatusConflict) // not by who hands over
	step(guard, url.Values{"step": {"accepted"}, "name": {"supervisor"}, "pin": {pinSupervisor}}, http.StatusSeeOther)
	if r := s.do(t, guard, "GET", "/lane/north-1/desk", nil); !strings.Contains(r.body, "<b>supervisor</b>") || !strings.Contains(r.body, "supervisor<small>") {
		t.Errorf("the screen is not the next one's: %s", r.body)
	}
	if l, ok := s.shifts.At("north-1"); !ok || l.Holder != "supervisor" || l.Shift != 2 {
		t.Errorf("%+v", l)
	}
	other := s.as(t, "guard")
	step(other, url.Values{"step": {"taken-over"}}, http.StatusBadRequest)
	step(other, url.Values{"step": {"taken-over"}, "note": {"called away"}}, http.StatusSeeOther)
	step(other, url.Values{"step": {"ended"}}, http.StatusSeeOther)
	page := s.do(t, s.as(t, "auditor"), "GET", "/shifts", nil)
	for _, want := range []string{"lamp 2 is dark", "called away", "taken over without a handover", "guard → supervisor"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the history lacks %q:\n%s", want, page.body)
		}
	}
}

// TestForms: printed, entered afterwards, countersigned; what is missing is named.
func TestForms(t *testing.T) {
	s := newSite(t, nil)
	guard, supervisor := s.as(t, "guard"), s.as(t, "supervisor")
	post := func(c *http.Client, form url.Values, want int) reply {
		t.Helper()
		r := s.do(t, c, "POST", "/lane/north-1/forms", form)
		if r.code != want {
			t.Errorf("%v: %d, want %d\n%s", form, r.code, want, r.body)
		}
		return r
	}
	printed := post(guard, url.Values{"step": {"printed"}}, http.StatusSeeOther)
	sheets := s.do(t, guard, "GET", printed.header.Get("Location"), nil)
	if n := strings.Count(sheets.body, "<article"); n != 20 || !strings.Contains(sheets.body, "north-1-0020") {
		t.Fatalf("%d sheets: %s", n, sheets.body)
	}
	s.clock.pass(45 * time.Minute)
	entry := url.Values{"step": {"entered"}, "form": {"north-1-0003"}, "day": {"2026-11-22"}, "clock": {"12:40"}, "vin": {vinFlag}, "guard": {"jan"}, "act": {"turn-away"}, "reason": {"no papers"}}
	change := func(key, value string) url.Values {
		f := url.Values{}
		for k, v := range entry {
			f[k] = slices.Clone(v)
		}
		f.Set(key, value)
		return f
	}
	post(guard, change("form", "north-1-0021"), http.StatusConflict)
	post(guard, change("form", "x"), http.StatusConflict)
	post(guard, change("clock", "half past"), http.StatusBadRequest)
	post(guard, change("clock", "15:00"), http.StatusBadRequest)
	if r := post(guard, change("clock", "11:40"), http.StatusBadRequest); !strings.Contains(r.body, "was printed later than that") {
		t.Errorf("%s", r.body)
	}
	post(guard, change("guard", "auto-open"), http.StatusBadRequest)
	post(guard, change("vin", ""), http.StatusBadRequest)
	post(guard, change("guard", " "), http.StatusBadRequest)
	post(guard, change("act", "override"), http.StatusConflict)
	post(guard, entry, http.StatusSeeOther)
	post(guard, entry, http.StatusConflict)
	page := s.do(t, guard, "GET", "/lane/north-1/forms", nil).body
	if !strings.Contains(page, "These forms are missing") || !strings.Contains(page, "north-1-0001, north-1-0002") {
		t.Errorf("what is missing is not named: %s", page)
	}
	post(guard, url.Values{"step": {"countersigned"}, "form": {"3"}}, http.StatusConflict)
	post(supervisor, url.Values{"step": {"countersigned"}, "form": {"3"}}, http.StatusSeeOther)
	post(supervisor, url.Values{"step": {"spoilt"}, "form": {"1"}}, http.StatusBadRequest)
	post(supervisor, url.Values{"step": {"spoilt"}, "form": {"1"}, "reason": {"wet"}}, http.StatusSeeOther)
	list, err := s.memory.Passages(t.Context(), gate.PassageFilter{})
	if err != nil || len(list) != 1 || list[0].Ending != gate.EndRefused || list[0].VIN != vinFlag {
		t.Fatalf("passages %+v, %v", list, err)
	}
	rec, err := s.memory.Passage(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	a := rec.Passage.Afterwards
	if a == nil || a.Form != 3 || a.Guard != "jan" || a.EnteredBy != "guard" || a.HappenedAt.Format("15:04") != "12:40" || rec.Passage.At.Minute() != 45 {
		t.Errorf("%+v at %s", a, rec.Passage.At)
	}
	// While nothing can be recorded the screen says which sheet comes next.
	s.lanes.change("north-1", func(v *gate.LaneView) { v.State, v.Passage, v.Allowed, v.Notice = gate.Manual, nil, nil, "storage" })
	if page := s.do(t, guard, "GET", "/lane/north-1", nil).body; !strings.Contains(page, "north-1-0004") {
		t.Errorf("the next sheet is not named: %s", page)
	}
}

// TestFormOfAReversibleLane: the sheet says which way the vehicle went, for the
// lane may have been turned since.
func TestFormOfAReversibleLane(t *testing.T) {
	s := newSite(t, nil)
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Turns, v.Direction = true, gate.DirectionEntry })
	guard := s.as(t, "guard")
	printed := s.do(t, guard, "POST", "/lane/north-1/forms", url.Values{"step": {"printed"}})
	if page := s.do(t, guard, "GET", printed.header.Get("Location"), nil).body; !strings.Contains(page, "Direction") {
		t.Errorf("the sheet does not ask: %s", page)
	}
	s.clock.pass(45 * time.Minute)
	entry := url.Values{"step": {"entered"}, "form": {"1"}, "day": {"2026-11-22"}, "clock": {"12:40"}, "vin": {vinFlag}, "guard": {"jan"}, "act": {"open"}}
	if r := s.do(t, guard, "POST", "/lane/north-1/forms", entry); r.code != http.StatusBadRequest {
		t.Errorf("without a direction: %d", r.code)
	}
	entry.Set("direction", "exit")
	if r := s.do(t, guard, "POST", "/lane/north-1/forms", entry); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	list, err := s.memory.Passages(t.Context(), gate.PassageFilter{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if rec, err := s.memory.Passage(t.Context(), list[0].ID); err != nil || rec.Passage.Moment != policy.MomentExit {
		t.Errorf("%+v, %v", rec.Passage, err)
	}
}

// TestAlarmsPage: an alarm is taken note of once, by whom and with what words.
func TestAlarmsPage(t *testing.T) {
	s := newSite(t, nil)
	s.alarms.Raise(gate.SiteAlarm{Lane: "south", Kind: gate.AlarmForced})
	open, _ := s.alarms.Open()
	supervisor := s.as(t, "supervisor")
	if r := s.do(t, supervisor, "GET", "/alarms", nil); !strings.Contains(r.body, "opened without a command") {
		t.Errorf("%s", r.body)
	}
	if r := s.do(t, s.as(t, "guard"), "POST", "/alarms/"+open[0].ID, url.Values{}); r.code != http.StatusForbidden {
		t.Errorf("a guard takes note: %d", r.code)
	}
	for range 2 {
		if r := s.do(t, supervisor, "POST", "/alarms/"+open[0].ID, url.Values{"note": {"hinge bent"}}); r.code != http.StatusSeeOther {
			t.Errorf("%d %s", r.code, r.body)
		}
	}
	r := s.do(t, supervisor, "GET", "/alarms", nil)
	if strings.Contains(r.body, `class="alarm`) || strings.Count(r.body, "hinge bent") != 1 {
		t.Errorf("%s", r.body)
	}
	list, err := s.memory.RecentAlarms(t.Context(), 9)
	if err != nil || len(list) != 1 || list[0].Ack == nil || list[0].Ack.By != "supervisor" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestWatchIsWhole(t *testing.T) {
	if err := (Watch{Shifts: &gate.Shifts{}}).check(); err == nil {
		t.Error("half a watch is taken")
	}
	if err := (Watch{}).check(); err != nil {
		t.Error(err)
	}
	s := newSite(t, func(c *Config, _ *httptest.Server) { c.Watch = Watch{} })
	for _, path := range []string{"/lane/north-1/desk", "/lane/north-1/forms"} {
		if r := s.do(t, s.as(t, "guard"), "GET", path, nil); r.code != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.code)
		}
	}
}
