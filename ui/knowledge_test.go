package ui

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/ui/view"
)

// knowing is a site with its reference data, a watch list and settings.
func knowing(t *testing.T) *site {
	t.Helper()
	k, err := newFakeKnowledge()
	if err != nil {
		t.Fatal(err)
	}
	return newSite(t, func(c *Config, _ *httptest.Server) {
		clock := gate.NewClock(c.Now)
		m := storetest.NewMemory()
		c.Knowledge = k
		if c.WatchList, err = gate.NewWatchDesk(t.Context(), m, clock, nil); err != nil {
			t.Fatal(err)
		}
		if c.Manage.Settings, err = gate.NewSettingsDesk(t.Context(), m, clock); err != nil {
			t.Fatal(err)
		}
		c.Manage.Machines = &fakeMachines{}
		c.Manage.Sheet = func(context.Context) (view.Sheet, error) {
			return view.Sheet{ID: "x", Name: "Fort Example", Retention: 30, Lanes: []view.SheetLane{{ID: "north-1", Name: "North 1", Zone: "3", Direction: "entry", Sensors: []view.SheetSensor{{Name: "s"}}}}}, nil
		}
	})
}

func TestKnowledgePages(t *testing.T) {
	s := knowing(t)
	c := s.as(t, "security-manager")
	for path, want := range map[string][]string{
		"/catalogue?q=tesla":                           {"Tesla", "Quectel", "/supply?party=quectel"},
		"/catalogue/vehicle?make=Tesla&model=Model+3":  {"Why it is believed", "What would settle it"},
		"/supply?q=quec":                               {"/supply?party=quectel"},
		"/supply?party=telit_cinterion&day=2024-01-01": {"<svg", "2024-01-01", "What if it were otherwise?"},
		"/lists": {"/lists/us-1260h"},
		"/lists/us-1260h?from=2025-02-01&to=2026-11-01": {"Added", vinDeny},
		"/suppliers": {"All published faults"},
		"/data":      {"No signed release is installed"},
		"/watch":     {"Put on the list"},
		"/settings":  {"Retention of personal data", "North 1"},
		"/signs":     {"Funksignale von Fahrzeugen", "sygnały radiowe", "Radio signals of vehicles", "30 Tage"},
		"/dpia":      {"Receive only", "30 days", "North 1"},
		"/supply?q=%3Cscript%3Ealert%281%29%3C%2Fscript": {"&lt;script&gt;"},
	} {
		r := s.do(t, c, http.MethodGet, path, nil)
		if r.code != http.StatusOK {
			t.Errorf("%s: %d", path, r.code)
		}
		for _, w := range want {
			if !strings.Contains(r.body, w) {
				t.Errorf("%s lacks %q", path, w)
			}
		}
		if strings.Contains(r.body, "<script>alert") {
			t.Errorf("%s: a script in a text runs", path)
		}
	}
	r := s.do(t, c, http.MethodGet, "/supply?party=quectel&n=5000", nil, "HX-Request", "true")
	if r.code != http.StatusOK || !strings.HasPrefix(r.body, `<div id="drawn">`) || !strings.Contains(r.body, "2023-09-10") {
		t.Errorf("the slider: %d %.200s", r.code, r.body)
	}
	r = s.do(t, c, http.MethodPost, "/supply/whatif", url.Values{"party": {"quectel"}, "how": {"add"}, "owner": {"telit_cinterion"}, "day": {"2026-01-01"}})
	if r.code != http.StatusOK || !strings.Contains(r.body, vinDeny) {
		t.Errorf("what if: %d", r.code)
	}
	for _, form := range []url.Values{{"how": {"drop"}}, {"how": {"add"}, "owner": {"nobody at all"}}, {"how": {"change"}, "edge": {"x"}, "share": {"101"}}} {
		form.Set("party", "quectel")
		if r := s.do(t, c, http.MethodPost, "/supply/whatif", form); r.code != http.StatusBadRequest {
			t.Errorf("%v: %d", form, r.code)
		}
	}
	if r := s.do(t, c, http.MethodPost, "/catalogue/vin", url.Values{"vin": {"5YJ3E1EA7NF000001"}, "market": {"EU"}}); r.code != http.StatusOK || !strings.Contains(r.body, "How this VIN is read") {
		t.Errorf("VIN: %d", r.code)
	}
	if r := s.do(t, s.as(t, "fleet-manager"), http.MethodGet, "/lists/us-1260h?from=2025-02-01&to=2026-11-01", nil); r.code != http.StatusOK || strings.Contains(r.body, vinDeny) {
		t.Errorf("a fleet manager is told of the site's vehicles: %d", r.code)
	}
}

// An entry goes on the list with hostile words, which stay words; one person asks
// that it be removed, and only another removes it.
func TestWatchPages(t *testing.T) {
	s := knowing(t)
	manager, other := s.as(t, "security-manager"), s.as(t, "supervisor")
	hostile := `<script>alert(1)</script>`
	form := url.Values{"kind": {"vin"}, "value": {vinDeny}, "reason": {"stolen"}, "do": {hostile}}
	if r := s.do(t, manager, http.MethodPost, "/watch", form); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	form.Set("value", "TOO SHORT")
	if r := s.do(t, manager, http.MethodPost, "/watch", form); r.code != http.StatusBadRequest || !strings.Contains(r.body, "TOO SHORT") {
		t.Errorf("a bad VIN: %d", r.code)
	}
	list, err := s.ui.cfg.WatchList.List(gate.Person{Name: "security-manager", Role: "security-manager"}, true)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	page := s.do(t, manager, http.MethodGet, "/watch", nil).body
	if strings.Contains(page, hostile) || !strings.Contains(page, html.EscapeString(hostile)) {
		t.Error("the instruction is not shown as text")
	}
	removal := "/watch/" + list[0].ID + "/removal"
	for _, step := range []struct {
		c    *http.Client
		code int
	}{{manager, http.StatusSeeOther}, {manager, http.StatusConflict}, {other, http.StatusSeeOther}, {other, http.StatusConflict}} {
		if r := s.do(t, step.c, http.MethodPost, removal, url.Values{"why": {"found"}}); r.code != step.code {
			t.Errorf("removal: %d, want %d", r.code, step.code)
		}
	}
	upload := func(text string) reply {
		body := "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"list.csv\"\r\nContent-Type: text/csv\r\n\r\n" + text + "\r\n--B--\r\n"
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/watch/files", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "multipart/form-data; boundary=B")
		return s.send(t, manager, req)
	}
	r := upload("kind,value,reason,do\nvin,1M8GDM9AXKP042788,stolen,hold it\nvin,SHORT,stolen,hold it\n")
	at := r.header.Get("Location")
	if r.code != http.StatusSeeOther || !strings.HasPrefix(at, "/watch/files/") {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if page := s.do(t, manager, http.MethodGet, at, nil); !strings.Contains(page.body, "SHORT") || !strings.Contains(page.body, "1 good row · 1 bad row") {
		t.Errorf("the file: %d", page.code)
	}
	if r := s.do(t, other, http.MethodPost, at, nil); r.code != http.StatusNotFound {
		t.Errorf("another enters the file: %d", r.code)
	}
	if r := s.do(t, manager, http.MethodPost, at, url.Values{}); r.code != http.StatusSeeOther {
		t.Errorf("enter: %d", r.code)
	}
	if r := upload(strings.Repeat("x", watchFileLimit+1)); r.code != http.StatusRequestEntityTooLarge {
		t.Errorf("a file too large: %d", r.code)
	}
}

// Retention changes when a second person approves it, and stands on the paper.
func TestSettingsPages(t *testing.T) {
	s := knowing(t)
	manager := s.as(t, "security-manager")
	if r := s.do(t, manager, http.MethodPost, "/settings", url.Values{"key": {"retention-days"}, "value": {"0"}, "why": {"x"}}); r.code != http.StatusBadRequest {
		t.Errorf("no days: %d", r.code)
	}
	if r := s.do(t, manager, http.MethodPost, "/settings", url.Values{"key": {"controller"}, "value": {"The <b>Commander</b>"}, "why": {"first entry"}}); r.code != http.StatusSeeOther {
		t.Fatalf("propose: %d %s", r.code, r.body)
	}
	id := s.ui.cfg.Manage.Settings.Changes()[0].ID
	if r := s.do(t, manager, http.MethodPost, "/settings/"+id, url.Values{"decide": {"approved"}}); r.code != http.StatusConflict {
		t.Errorf("one person alone: %d", r.code)
	}
	if err := s.ui.cfg.Manage.Settings.Decide(t.Context(), gate.Person{Name: "jan", Role: "security-manager"}, id, gate.SettingApproved); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/signs", "/dpia"} {
		if r := s.do(t, manager, http.MethodGet, path, nil); !strings.Contains(r.body, "The &lt;b&gt;Commander") {
			t.Errorf("%s does not name the controller", path)
		}
	}
	admin := s.as(t, "administrator")
	if r := s.do(t, admin, http.MethodPost, "/machines", url.Values{"name": {"mast"}, "kind": {"sensor"}, "lane": {"north-1"}, "days": {"30"}}); r.code != http.StatusOK || !strings.Contains(r.body, "the-token") {
		t.Errorf("enrol: %d", r.code)
	}
	if r := s.do(t, admin, http.MethodPost, "/machines", url.Values{"name": {"mast"}, "kind": {"sensor"}, "lane": {"*"}, "days": {"30"}}); r.code != http.StatusBadRequest {
		t.Errorf("a sensor of the whole site: %d", r.code)
	}
	if r := s.do(t, admin, http.MethodPost, "/machines/m1/revoke", url.Values{}); r.code != http.StatusSeeOther {
		t.Errorf("revoke: %d", r.code)
	}
}
