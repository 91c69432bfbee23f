package ui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// insideSite is a site with some vehicles inside.
func insideSite(t testing.TB) *site {
	t.Helper()
	var memory *storetest.Memory
	return newSite(t, func(c *Config, _ *httptest.Server) {
		memory = storetest.NewMemory()
		withStays(t, c, memory)
	})
}

// withStays gives a site a list of who is inside: one for days, one under
// conditions, one twice, one by a person's word, one without an entry.
func withStays(t testing.TB, c *Config, memory *storetest.Memory) {
	t.Helper()
	ctx, now := t.Context(), c.Now()
	clock := gate.NewClock(c.Now)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	let := func(vin, plate string, lane gate.LaneID, moment policy.Moment, ago time.Duration, change func(*gate.Passage)) {
		t.Helper()
		n++
		p := gate.Passage{ID: gate.PassageID(fmt.Sprintf("%s-%s-%d", now.Add(-ago).Format("20060102T150405"), lane, n)), Lane: lane, At: now.Add(-ago), Moment: moment,
			Arrival: gate.Arrival{VIN: vin, Plate: plate, Via: "scanner"}, Result: judge(vin, plate, "", now.Add(-ago))}
		p.Result.Verdict.Conditions, p.Result.Verdict.ConditionIDs = nil, nil
		if change != nil {
			change(&p)
		}
		must(memory.Record(ctx, p))
		must(memory.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Lane: lane, Ending: gate.EndAdmitted, At: p.At.Add(10 * time.Second), Moment: moment}))
	}
	let(vinGrant, "GD 4471", "south", policy.MomentEntry, 51*time.Hour, nil)
	let(vinDeny, "WE 4821K", "north-1", policy.MomentEntry, 95*time.Minute, func(p *gate.Passage) {
		p.Result.Verdict.Conditions = []string{"Park outside, at the place the guard names"}
		p.Result.Verdict.ConditionIDs = []string{"park-outside"}
		p.Result.Facts.Arrival.Pass = policy.Know(policy.PassValid, policy.Source{ID: "p-1", Expires: now.Add(-5 * time.Minute).Format(time.RFC3339)})
		p.Result.Facts.Arrival.Findings = []policy.ArrivalFinding{{Code: "pass_conditions", Do: "Escort by the workshop", Hint: true}}
	})
	let(vinFlag, "KR O158Z", "north-1", policy.MomentEntry, 40*time.Minute, nil)
	let(vinFlag, "KR O158Z", "north-1", policy.MomentEntry, 12*time.Minute, nil)
	let("WVWZZZ3BZWE000077", "PO 9", "south", policy.MomentExit, 7*time.Minute, nil)
	c.Ledger, c.LongestStay = mustLedger(t, memory, clock), 48*time.Hour
	_, err := c.Ledger.IsInside(ctx, gate.Person{Name: "maria", Role: auth.Supervisor}, "", "B MW 77", "seen at P2")
	must(err)
	c.Condition = func(_, id, lang string) string {
		return map[string]string{"pl": "Parkować na zewnątrz", "de": "Draußen parken, wo der Posten es sagt", "en": "Park outside, at the place the guard names"}[lang]
	}
}

func mustLedger(t testing.TB, memory *storetest.Memory, clock *gate.Clock) *gate.Ledger {
	t.Helper()
	l, err := gate.NewLedger(memory, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The list shows who is inside, since when and under which conditions, in every
// language, and to nobody else than who may see it.
func TestInside(t *testing.T) {
	s := insideSite(t)
	for lang, words := range map[string][]string{
		"en": {"2 d 2 h", "1 h 34 min", "Overdue", "Was inside already", "Park outside, at the place", "Escort by the workshop", "maria says so: “seen at P2”", "pass ends"},
		"pl": {"Po terminie", "Był już w środku", "Parkować na zewnątrz", "Podaje maria: “seen at P2”"},
		"de": {"Überfällig", "War schon drinnen", "Draußen parken", "Laut maria: “seen at P2”"},
	} {
		r := s.do(t, s.as(t, "guard"), "GET", "/inside?lane=north-1", nil, "Accept", "text/html", "Cookie", langCookie+"="+lang)
		for _, w := range append(words, "GD4471", "WE4821K", "KRO158Z", "BMW77", "5YJ XCAE4X MF000001", "/lane/north-1\"") {
			if r.code != http.StatusOK || !strings.Contains(r.body, w) {
				t.Errorf("%s: %d, without %q", lang, r.code, w)
			}
		}
		if strings.Contains(r.body, "/inside/corrections") || strings.Contains(r.body, "PO9") {
			t.Errorf("%s: a guard is offered corrections, or who left is inside", lang)
		}
	}
	for _, role := range auth.Roles() {
		want := http.StatusForbidden
		if auth.May(role, auth.SeeInside) {
			want = http.StatusOK
		}
		if r := s.do(t, s.as(t, string(role)), "GET", "/inside", nil); r.code != want {
			t.Errorf("%s: %d", role, r.code)
		}
	}
	if r := s.do(t, http.DefaultClient, "POST", "/inside", url.Values{"q": {"WE"}}); r.code == http.StatusOK {
		t.Error("shown to nobody")
	}
	guard := s.as(t, "guard")
	if r := s.do(t, guard, "GET", "/inside?q=WE4821K", nil); r.code != http.StatusBadRequest {
		t.Errorf("a plate in an address: %d", r.code)
	}
	if r := s.do(t, guard, "GET", "/inside?show=mine", nil); r.code != http.StatusBadRequest {
		t.Errorf("a list that is none: %d", r.code)
	}
	plates := []string{"GD4471", "WE4821K", "KRO158Z", "BMW77", "PO9"}
	for _, c := range []struct{ show, q, want string }{
		{"now", "", "GD4471 WE4821K KRO158Z BMW77"},
		{"now", "we-4821", "WE4821K"},
		{"now", "kr 01 58", "KRO158Z"}, // a letter for a digit
		{"now", "000042", "GD4471"},
		{"now", "bmw", "BMW77"},
		{"now", "xyz", ""},
		{"overdue", "", "GD4471 WE4821K"},
		{"overdue", "gd", "GD4471"},
		{"all", "", "GD4471 WE4821K KRO158Z BMW77 PO9"},
		{"all", "po 9", "PO9"},
		{"all", vinGrant, "GD4471"},
	} {
		r := s.do(t, guard, "POST", "/inside", url.Values{"q": {c.q}, "show": {c.show}})
		var got []string
		for _, p := range plates {
			if strings.Contains(r.body, `class="plate">`+p+`<`) {
				got = append(got, p)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %q: %d %v, want %s", c.show, c.q, r.code, got, c.want)
		}
	}
}

// Corrections take a reason and whoever may; what is wrong with one is said on the
// page.
func TestCorrectInside(t *testing.T) {
	s := insideSite(t)
	supervisor := s.as(t, "supervisor")
	stays := func(plate string) []gate.Stay {
		t.Helper()
		list, err := s.ui.cfg.Ledger.Stays(t.Context(), gate.Person{Name: "x", Role: auth.Auditor}, gate.StayFilter{Plate: plate})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	id := stays("GD4471")[0].ID
	for name, c := range map[string]struct {
		form url.Values
		code int
		says string
	}{
		"no reason":      {url.Values{"left": {id}, "why": {" "}}, http.StatusBadRequest, "reason"},
		"a long reason":  {url.Values{"left": {id}, "why": {strings.Repeat("x", maxReason+1)}}, http.StatusBadRequest, ""},
		"not on record":  {url.Values{"left": {"in-0"}, "why": {"seen"}}, http.StatusNotFound, ""},
		"nothing named":  {url.Values{"plate": {" - "}, "why": {"seen"}}, http.StatusBadRequest, "Neither VIN, plate nor pass"},
		"inside already": {url.Values{"plate": {"gd 4471"}, "why": {"seen"}}, http.StatusConflict, "on the list already"},
		"a long plate":   {url.Values{"plate": {strings.Repeat("A", 17)}, "why": {"seen"}}, http.StatusBadRequest, ""},
	} {
		if r := s.do(t, supervisor, "POST", "/inside/corrections", c.form); r.code != c.code || !strings.Contains(r.body, `class="problem"`) || !strings.Contains(r.body, c.says) {
			t.Errorf("%s: %d\n%s", name, r.code, r.body)
		}
	}
	for _, role := range []string{"guard", "auditor", "administrator", "fleet-manager"} {
		if r := s.do(t, s.as(t, role), "POST", "/inside/corrections", url.Values{"left": {id}, "why": {"seen"}}); r.code != http.StatusForbidden {
			t.Errorf("%s: %d", role, r.code)
		}
	}
	if !stays("GD4471")[0].Inside() {
		t.Fatal("it left all the same")
	}
	r := s.do(t, supervisor, "POST", "/inside/corrections", url.Values{"left": {id}, "why": {"seen outside"}, "lane": {"north-1"}, "show": {"overdue"}})
	if r.code != http.StatusSeeOther || r.header.Get("Location") != "/inside?done=1&lane=north-1&show=overdue" {
		t.Errorf("%d to %q", r.code, r.header.Get("Location"))
	}
	if got := stays("GD4471")[0]; got.Inside() || got.EndedBy != "supervisor" || got.EndedWhy != "seen outside" {
		t.Errorf("%+v", got)
	}
	if r := s.do(t, supervisor, "POST", "/inside/corrections", url.Values{"left": {id}, "why": {"again"}}); r.code != http.StatusConflict || !strings.Contains(r.body, "not on the list of those inside any more") {
		t.Errorf("left twice: %d", r.code)
	}
	if r := s.do(t, supervisor, "POST", "/inside/corrections", url.Values{"plate": {"gd 4471"}, "vin": {vinGrant}, "why": {"seen at P1"}}); r.code != http.StatusSeeOther {
		t.Errorf("is inside: %d\n%s", r.code, r.body)
	}
	if got := stays("GD4471")[0]; !got.Inside() || got.By != "supervisor" || got.VIN != vinGrant {
		t.Errorf("%+v", got)
	}
}

// brokenLedger cannot be read, and has its corrections recorded.
type brokenLedger struct{ Ledger }

func (brokenLedger) Stays(context.Context, gate.Person, gate.StayFilter) ([]gate.Stay, error) {
	return nil, errors.New("disk I/O error")
}

func (brokenLedger) Left(context.Context, gate.Person, string, string) error {
	return gate.ErrNotDecidedAgain
}

// A list that cannot be read is never shown as an empty one.
func TestInsideFails(t *testing.T) {
	s := newSite(t, func(c *Config, _ *httptest.Server) { c.Ledger = brokenLedger{} })
	c := s.as(t, "supervisor")
	if r := s.do(t, c, "GET", "/inside", nil); r.code != http.StatusInternalServerError || strings.Contains(r.body, "no vehicle is inside") || strings.Contains(r.body, "disk I/O") {
		t.Errorf("%d\n%s", r.code, r.body)
	}
	if r := s.do(t, c, "POST", "/inside/corrections", url.Values{"left": {"in-1"}, "why": {"seen"}}); r.code != http.StatusSeeOther {
		t.Errorf("recorded, and told as failed: %d", r.code)
	}
	bare := newSite(t, nil)
	for _, method := range []string{"GET", "POST"} {
		if r := bare.do(t, bare.as(t, "guard"), method, "/inside", nil); r.code != http.StatusNotFound {
			t.Errorf("%s at a site without a list: %d", method, r.code)
		}
	}
}

// What the VIN scanner reads of a pass, a plate that is typed alone and a second
// label reach the lane as what they are.
func TestKioskReadings(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	pass := "eyJhbGciOiJFZERTQSJ9." + strings.Repeat("x", 200) + ".sig"
	last := func() gate.Arrival {
		s.lanes.mu.Lock()
		defer s.lanes.mu.Unlock()
		return s.lanes.offered[len(s.lanes.offered)-1]
	}
	for name, step := range map[string]struct {
		waits bool
		form  url.Values
		code  int
		want  gate.Arrival
	}{
		"a plate alone":         {false, url.Values{"plate": {"we 4821k"}}, http.StatusSeeOther, gate.Arrival{Plate: "WE 4821K", Via: "keyboard"}},
		"a plate of who waits":  {true, url.Values{"plate": {"we 4821k"}}, 0, gate.Arrival{Plate: "WE 4821K", Via: "keyboard", Of: "p-" + vinDeny}},
		"a pass":                {false, url.Values{"vin": {pass}, "via": {"scanner"}}, http.StatusSeeOther, gate.Arrival{Pass: pass, Via: "scanner"}},
		"a pass of who waits":   {true, url.Values{"vin": {pass}, "via": {"scanner"}}, http.StatusSeeOther, gate.Arrival{Pass: pass, Via: "scanner", Of: "p-" + vinDeny}},
		"a second label":        {true, url.Values{"vin": {vinFlag}, "of": {"p-" + vinDeny}}, http.StatusSeeOther, gate.Arrival{VIN: vinFlag, Via: "keyboard", Of: "p-" + vinDeny}},
		"the next vehicle":      {true, url.Values{"vin": {vinFlag}}, http.StatusSeeOther, gate.Arrival{VIN: vinFlag, Via: "keyboard"}},
		"a plate of no letters": {false, url.Values{"plate": {" -· "}}, http.StatusBadRequest, gate.Arrival{}},
		"a code of another app": {false, url.Values{"vin": {strings.Repeat("HTTPS://", 20)}}, http.StatusBadRequest, gate.Arrival{}},
		"a pass of 5,000 bytes": {false, url.Values{"vin": {"eyJ." + strings.Repeat("x", 5000) + "."}}, http.StatusBadRequest, gate.Arrival{}},
	} {
		gallery(s)["idle"]()
		if step.waits {
			gallery(s)["deny"]()
		}
		before := len(s.lanes.offered)
		r := s.do(t, c, "POST", "/lane/north-1/arrivals", step.form)
		if step.code != 0 && r.code != step.code {
			t.Errorf("%s: %d", name, r.code)
		}
		if offered := len(s.lanes.offered) > before; offered != (step.want.Via != "") {
			t.Errorf("%s: offered to the lane: %v", name, offered)
		} else if got := last(); offered && (got.VIN != step.want.VIN || got.Plate != step.want.Plate || got.Pass != step.want.Pass || got.Of != step.want.Of || got.Via != step.want.Via) {
			t.Errorf("%s: %+v, want %+v", name, got, step.want)
		}
	}
}

// A camera that guesses is not taken at its word.
func TestPlateThatIsAGuess(t *testing.T) {
	s := newSite(t, nil)
	token := s.token(t, auth.Device{ID: "cam", Kind: auth.KindCamera, Lane: "north-1"})
	for body, left := range map[string]string{
		`{"plate": "WX 1", "confidence": 0.31}`: "unsure",
		`{"plate": "WX 1", "confidence": 0.5}`:  "",
		`{"plate": "WX 1"}`:                     "",
	} {
		gallery(s)["idle"]()
		r := s.send(t, http.DefaultClient, s.apiRequest(t, token, "POST", "/api/v1/lanes/north-1/plates", body))
		if strings.Contains(r.body, "unsure") != (left == "unsure") || left == "" && r.code != http.StatusCreated {
			t.Errorf("%s: %d %s", body, r.code, r.body)
		}
	}
}

// galleryOfInside takes pictures of the page of who is inside.
func galleryOfInside(t *testing.T, shot func(name, role, path, lang, theme string, w, h int64, before ...chromedp.Action[chromedp.Void])) {
	t.Helper()
	for _, lang := range []string{"en", "pl", "de"} {
		for _, theme := range []string{"day", "night"} {
			shot("stays", "guard", "/inside?lane=north-1", lang, theme, 1280, 800)
			shot("stays-correct", "supervisor", "/inside", lang, theme, 1280, 1500, chromedp.Click(chromedp.CSS(".correct summary")))
			shot("stays-all", "auditor", "/inside?show=all", lang, theme, 1920, 1080)
		}
	}
}

// TestBrowserInsideTargets: gloves work on the list too, and nothing that differs
// lies close together.
func TestBrowserInsideTargets(t *testing.T) {
	ctx := chromium(t)
	s := insideSite(t)
	for _, size := range [][2]int64{{1280, 800}, {1920, 1080}} {
		for _, lang := range []string{"en", "pl", "de"} {
			for _, role := range []string{"guard", "supervisor"} {
				s.signInAs(t, ctx, role, langCookie, lang)
				do(t, ctx, chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(s.URL+"/inside?lane=north-1"))
				if role == "supervisor" {
					do(t, ctx, chromedp.Click(chromedp.CSS(".correct summary")))
				}
				where := fmt.Sprintf("%s %s %d", role, lang, size[0])
				if got := eval[[]string](t, ctx, `[...document.querySelectorAll("button, summary, a, input:not([type=hidden]), select")].filter(e => e.checkVisibility() && !e.disabled).map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.height < 71.5 || r.width < 71.5 || r.right > innerWidth + .5).map(([e, r]) => e.outerHTML.slice(0, 90) + " " + Math.round(r.width) + "x" + Math.round(r.height) + " to " + Math.round(r.right))`); len(got) > 0 {
					t.Errorf("%s: too small or outside: %q", where, got)
				}
				if got := eval[[]string](t, ctx, `(() => { const b = [...document.querySelectorAll("main button, main summary")].filter(e => e.checkVisibility()).map(e => [e, e.getBoundingClientRect()]); return b.flatMap(([e, p], i) => b.slice(i + 1).map(([f, q]) => [e, f, Math.max(q.top - p.bottom, p.top - q.bottom, q.left - p.right, p.left - q.right)])).filter(([e, f, g]) => g < 13).map(([e, f, g]) => e.innerText + " / " + f.innerText + ": " + g); })()`); len(got) > 0 {
					t.Errorf("%s: too close: %q", where, got)
				}
			}
		}
	}
}
