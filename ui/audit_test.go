package ui

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"sallyport/gate"
)

func auditSite(t *testing.T, a *fakeAudit) *site {
	t.Helper()
	return newSite(t, func(c *Config, _ *httptest.Server) {
		a.store = c.Store.(*fakeStore)
		c.Audit = a
	})
}

// entriesWith is a log of which one entry says what a spreadsheet would compute.
func entriesWith(n int) (list []gate.LogLine) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for i := n - 1; i >= 0; i-- {
		l := gate.LogLine{Seq: int64(i), At: at.Add(time.Duration(i) * time.Second), Place: gate.LogPlace{At: int64(i), Seq: int64(i)}, Kind: "sign-in", Body: map[string]string{"by": "anna"}, Text: "{}"}
		if i == 0 {
			l.Kind, l.Body = "export", map[string]string{"by": `=cmd|' /C calc'!A0`, "detail": "+1 \"x\"]\n<b>"}
		}
		list = append(list, l)
	}
	return list
}

// Each format holds every row, in order, and none that a spreadsheet would
// compute; and the log says who took it.
func TestExports(t *testing.T) {
	const n = 2300 // more than two pages
	s := auditSite(t, &fakeAudit{lines: entriesWith(n)})
	c := s.as(t, "auditor")
	get := func(format string) reply {
		r := s.do(t, c, "POST", "/entries/export", url.Values{"format": {format}})
		if r.code != 200 || !strings.Contains(r.header.Get("Content-Disposition"), "attachment") {
			t.Fatalf("%s: %d %s", format, r.code, r.header)
		}
		return r
	}
	rows, err := csv.NewReader(strings.NewReader(get("csv").body)).ReadAll()
	if err != nil || len(rows) != n+1 || rows[1][0] != "2299" || rows[n][5] != `'=cmd|' /C calc'!A0` || rows[n][8] != "'+1 \"x\"]\n<b>" {
		t.Errorf("csv: %d rows, %v, %q", len(rows), err, rows[len(rows)-1])
	}
	book, err := excelize.OpenReader(strings.NewReader(get("xlsx").body))
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := book.GetRows("Sallyport")
	if err != nil || len(sheet) != n+1 || !strings.HasPrefix(sheet[n][5], "'=cmd") {
		t.Errorf("xlsx: %d rows, %v", len(sheet), err)
	}
	if f, err := book.GetCellFormula("Sallyport", "F2301"); err != nil || f != "" {
		t.Errorf("a formula %q, %v", f, err)
	}
	lines := strings.Split(strings.TrimSpace(get("ecs").body), "\n")
	var doc struct {
		At    time.Time `json:"@timestamp"`
		Event struct {
			Sequence int
			Action   string
		} `json:"event"`
		User struct{ Name string } `json:"user"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &doc); err != nil || len(lines) != n || doc.Event.Action != "export" || doc.Event.Sequence != 0 || !strings.HasPrefix(doc.User.Name, "=cmd") || doc.At.IsZero() {
		t.Errorf("ecs: %d lines, %+v, %v", len(lines), doc, err)
	}
	lines = strings.Split(strings.TrimSpace(get("syslog").body), "\n")
	form := regexp.MustCompile(`^<110>1 2026-11-22T09:00:00\.000000Z Fort-Example sallyport - export \[sallyport@32473 (\w+="([^"\\\]]|\\.)*" ?)+\] \x{feff}export`)
	if len(lines) != n || !form.MatchString(lines[n-1]) {
		t.Errorf("syslog: %d lines, %q", len(lines), lines[len(lines)-1])
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	taken := 0
	for _, e := range s.store.events {
		if e.Kind == gate.EventExport && e.By == "auditor" && strings.HasPrefix(e.Detail, "log, as ") {
			taken++
		}
	}
	if taken != 4 {
		t.Errorf("the log names %d of 4 exports: %+v", taken, s.store.events)
	}
}

// A passage is exported as it is listed, and by who may.
func TestExportPassages(t *testing.T) {
	s := auditSite(t, &fakeAudit{})
	if _, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny, Plate: "=WX 1"}); err != nil {
		t.Fatal(err)
	}
	r := s.do(t, s.as(t, "auditor"), "POST", "/passages/export", url.Values{"format": {"csv"}, "outcome": {"deny"}})
	rows, err := csv.NewReader(strings.NewReader(r.body)).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][4] != "deny" || rows[1][6] != vinDeny {
		t.Errorf("%v, %v", rows, err)
	}
	for _, role := range []string{"guard", "supervisor", "administrator"} {
		if r := s.do(t, s.as(t, role), "POST", "/passages/export", url.Values{"format": {"csv"}}); r.code != 403 {
			t.Errorf("%s: %d", role, r.code)
		}
	}
	if r := s.do(t, s.as(t, "auditor"), "POST", "/passages/export", url.Values{"format": {"exe"}}); r.code != 400 {
		t.Errorf("another format: %d", r.code)
	}
}

// A verification runs behind the page, tells how far it is, can be stopped, and
// leaves its result.
func TestVerificationRunsBehindThePage(t *testing.T) {
	a := &fakeAudit{gate: make(chan struct{})}
	s := auditSite(t, a)
	c := s.as(t, "auditor")
	awaits := func(want string) {
		t.Helper()
		var last string
		for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); {
			r := s.do(t, c, "GET", "/log", nil, "HX-Request", "true")
			if last = r.body; strings.Contains(last, want) {
				if strings.Contains(last, "<html") {
					t.Fatal("a whole page where a part was asked for")
				}
				return
			}
		}
		t.Fatalf("waited for %q in vain:\n%s", want, last)
	}
	if r := s.do(t, c, "POST", "/log", url.Values{}); r.code != 303 {
		t.Fatal(r.code)
	}
	awaits("25 %, 250 of 1,000")
	if r := s.do(t, c, "POST", "/log/stop", url.Values{}); r.code != 303 {
		t.Fatal(r.code)
	}
	awaits("was stopped")
	s.do(t, c, "POST", "/log", url.Values{})
	awaits("25 %")
	close(a.gate)
	awaits("Every entry fits")
}

// What is erased is erased by a security manager only, with a reason that does not
// name the vehicle, and with the box ticked.
func TestErasureAsksTwice(t *testing.T) {
	a := &fakeAudit{}
	s := auditSite(t, a)
	m := s.as(t, "security-manager")
	form := url.Values{"vin": {vinDeny}, "why": {"letter of the keeper"}, "sure": {"1"}}
	with := func(k, v string) url.Values {
		f := url.Values{}
		for n, vs := range form {
			f[n] = vs
		}
		f.Set(k, v)
		return f
	}
	if r := s.do(t, s.as(t, "auditor"), "POST", "/records/erase", form); r.code != 403 {
		t.Errorf("an auditor: %d", r.code)
	}
	for _, f := range []url.Values{with("sure", ""), with("why", " "), with("why", "of "+strings.ToLower(vinDeny)), with("vin", "")} {
		if r := s.do(t, m, "POST", "/records/erase", f); r.code != 400 || len(a.erased) > 0 {
			t.Errorf("%v: %d, %d erased", f, r.code, len(a.erased))
		}
	}
	r := s.do(t, m, "POST", "/records/copy", form)
	var kept gate.SubjectExport
	if err := json.Unmarshal([]byte(r.body), &kept); err != nil || kept.VIN != vinDeny || len(kept.Records) != 1 {
		t.Errorf("%v %s", err, r.body)
	}
	if r := s.do(t, m, "POST", "/records/hold", with("why", "<script>alert(1)</script>")); r.code != 200 || strings.Contains(r.body, "<script>alert") || !strings.Contains(r.body, "&lt;script&gt;") {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := s.do(t, m, "POST", "/records/lift", url.Values{"hold": {"h1"}, "why": {"over"}}); r.code != 303 || a.holds[0].Lifted.IsZero() {
		t.Errorf("%d %+v", r.code, a.holds)
	}
	if r := s.do(t, m, "POST", "/records/erase", form); r.code != 200 || len(a.erased) != 1 || a.erased[0].By != "security-manager" || !strings.Contains(r.body, "1 record was erased") {
		t.Errorf("%d %+v", r.code, a.erased)
	}
}

// The page of figures holds whatever stands in the log inert, and a proof is of
// what was asked for.
func TestFiguresAndProof(t *testing.T) {
	s := auditSite(t, &fakeAudit{lines: entriesWith(3)})
	c := s.as(t, "auditor")
	for _, span := range []string{"day", "three", "week", "month", "quarter", "year"} {
		if r := s.do(t, c, "GET", "/figures?period="+span, nil); r.code != 200 || strings.Contains(r.body, "<script>alert") {
			t.Errorf("%s: %d", span, r.code)
		}
	}
	for _, bad := range []string{"/figures?period=x", "/figures?until=yesterday", "/entries?q=" + vinDeny} {
		if r := s.do(t, c, "GET", bad, nil); r.code != 400 {
			t.Errorf("%s: %d", bad, r.code)
		}
	}
	if r := s.do(t, c, "GET", "/entries", nil); r.code != 200 || strings.Contains(r.body, "<b>\n") || !strings.Contains(r.body, "&lt;b&gt;") {
		t.Errorf("%d", r.code)
	}
	r := s.do(t, c, "POST", "/proof", url.Values{"passage": {"p1"}, "disclose": {"1"}})
	var ask gate.ProofAsk
	if err := json.NewDecoder(bytes.NewBufferString(r.body)).Decode(&ask); err != nil || ask.Passage != "p1" || !ask.Disclose {
		t.Errorf("%+v %v", ask, err)
	}
	if r := s.do(t, c, "POST", "/proof", url.Values{}); r.code != 400 {
		t.Errorf("a proof of nothing: %d", r.code)
	}
}
