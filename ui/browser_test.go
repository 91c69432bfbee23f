package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/ui/view"
)

// chromium starts a browser, or skips the test loudly where there is none.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: no chromium in PATH; install Debian's chromium to run the browser tests")
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	ctx, cancel := chromedp.NewContext(alloc)
	ctx, end := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(func() { end(); cancel(); stop() })
	return ctx
}

func do(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

func eval[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	if err != nil {
		t.Fatalf("%s: %v", js, err)
	}
	return v
}

// until waits in the page until an expression is true.
func until(t *testing.T, ctx context.Context, js string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		t.Fatalf("waiting for %s: %v\n%s", js, err, eval[string](t, ctx, "document.body.innerText"))
	}
}

// signInAs gives the browser the session of a role.
func (s *site) signInAs(t *testing.T, ctx context.Context, role string, prefs ...string) {
	t.Helper()
	c := s.as(t, role)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookies := c.Jar.Cookies(u)
	for i := 0; i+1 < len(prefs); i += 2 {
		cookies = append(cookies, &http.Cookie{Name: prefs[i], Value: prefs[i+1]})
	}
	for _, ck := range cookies {
		if _, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: ck.Name, Value: ck.Value, URL: s.URL}); err != nil {
			t.Fatal(err)
		}
	}
}

const text = "document.body.innerText"

// complaints collects what the page says went wrong, the content security
// policy's refusals among it.
const complaints = `window.__bad = []; addEventListener("securitypolicyviolation", e => __bad.push(e.violatedDirective + " " + e.blockedURI)); addEventListener("error", e => __bad.push(e.message)); true`

func TestBrowserGuard(t *testing.T) {
	ctx := chromium(t)
	s := newSite(t, func(c *Config, _ *httptest.Server) { c.Heartbeat = 200 * time.Millisecond })
	do(t, ctx, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.URL+"/lane/north-1"))
	// Sign in as a person does, by the keyboard alone, once the page has put
	// the focus where it belongs.
	until(t, ctx, `document.activeElement.id === "name"`)
	do(t, ctx, chromedp.KeyEvent("guard"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(password), chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible(chromedp.CSS("#vin")))
	eval[bool](t, ctx, complaints)
	until(t, ctx, `document.body.dataset.version !== undefined`)

	// A scanner types the VIN and Enter while the focus is elsewhere.
	eval[bool](t, ctx, `document.activeElement.blur(); true`)
	do(t, ctx, chromedp.KeyEvent(vinDeny), chromedp.KeyEvent(kb.Enter))
	until(t, ctx, `document.querySelector("#region-verdict .word")?.innerText === "DENY"`)
	got := eval[string](t, ctx, text)
	for _, want := range []string{"TESLA Model X 2021", "Its module comes from a maker under PRC control", "Car park P3", "Override"} {
		if !strings.Contains(got, want) {
			t.Errorf("screen lacks %q:\n%s", want, got)
		}
	}
	if v := eval[string](t, ctx, `document.getElementById("vin").value`); v != "" {
		t.Errorf("the VIN field still holds %q", v)
	}
	if v := eval[string](t, ctx, `document.body.dataset.sound || ""`); v != "deny" {
		t.Errorf("sound %q", v)
	}
	if lv, _ := s.lanes.View("north-1"); lv.Passage.Arrival.Via != "scanner" {
		t.Errorf("entered by %q", lv.Passage.Arrival.Via)
	}

	// The opened reasons stay open when the stream renews the region.
	do(t, ctx, chromedp.Click(chromedp.CSS(".why summary")))
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Notice = "clock" })
	until(t, ctx, `document.querySelector(".notice") !== null && document.querySelector(".why").open`)
	if got := eval[string](t, ctx, `document.querySelector(".why .sheet").innerText`); !strings.Contains(got, "Quectel AG525R-GL, FCC ID") || !strings.Contains(got, "2021-10-05") {
		t.Errorf("reasons lack the source:\n%s", got)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS(".why summary")))

	// A scan into the override's reason, with Enter at its end, must not act.
	do(t, ctx, chromedp.Click(chromedp.CSS(".ask summary")), chromedp.Click(chromedp.CSS(`.ask input[name="reason"]`)),
		chromedp.KeyEvent(vinGrant), chromedp.KeyEvent(kb.Enter))
	if n := len(s.lanes.done()); n != 0 {
		t.Fatalf("a scan acted: %+v", s.lanes.done())
	}
	do(t, ctx, chromedp.Click(chromedp.CSS(".ask summary")))

	// One touch turns the vehicle away.
	do(t, ctx, chromedp.Click(chromedp.CSS("#primary")))
	until(t, ctx, `document.querySelector("#region-verdict .word")?.innerText.includes("Turned away")`)
	if done := s.lanes.done(); len(done) != 1 || done[0].Kind != gate.ActTurnAway || done[0].By != "guard" {
		t.Errorf("acts %+v", done)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS("#primary")))
	until(t, ctx, `document.querySelector("#region-verdict .word")?.innerText === "Ready"`)

	// The keypad has no I, O, Q and types into the VIN.
	do(t, ctx, chromedp.Click(chromedp.CSS("#pad-toggle")))
	if keys := eval[string](t, ctx, `[...document.querySelectorAll("#pad [data-key]")].map(b => b.dataset.key).filter(k => k.length === 1).sort().join("")`); keys != "0123456789ABCDEFGHJKLMNPRSTUVWXYZ" {
		t.Errorf("keypad %q", keys)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS(`#pad [data-key="W"]`)), chromedp.Click(chromedp.CSS(`#pad [data-key="V"]`)), chromedp.Click(chromedp.CSS(`#pad [data-key="delete"]`)))
	if v := eval[string](t, ctx, `document.getElementById("vin").value`); v != "W" {
		t.Errorf("keypad typed %q", v)
	}

	// A vehicle that replaces another under a finger takes no touch at first.
	if _, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinGrant}); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `document.querySelector("#region-verdict .word")?.innerText === "GRANT"`)
	eval[bool](t, ctx, `window.__held = false; new MutationObserver(() => { if (document.getElementById("primary")?.disabled) { __held = true; } }).observe(document.getElementById("region-acts"), {subtree: true, attributes: true, childList: true}); true`)
	if _, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny}); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `window.__held && !document.getElementById("primary").disabled && document.querySelector("#region-verdict .word").innerText === "DENY"`)

	if bad := eval[[]string](t, ctx, "window.__bad"); len(bad) > 0 {
		t.Errorf("the page complains: %q", bad)
	}
}

func TestBrowserLosesServer(t *testing.T) {
	ctx := chromium(t)
	s := newSite(t, func(c *Config, _ *httptest.Server) { c.Heartbeat = 200 * time.Millisecond })
	s.signInAs(t, ctx, "guard")
	if _, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinGrant}); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Navigate(s.URL+"/lane/north-1"))
	until(t, ctx, `document.body.dataset.version !== undefined`)
	addr := s.Listener.Addr().String()
	s.ui.Close()
	if err := s.Config.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `!document.getElementById("lost").hidden && document.getElementById("primary").disabled`)
	// It comes back by itself, with the state of then.
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Inbound = 7 })
	again, err := New(s.ui.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	srv := &http.Server{Addr: addr, Handler: again.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = srv.ListenAndServe() }()
	t.Cleanup(func() { again.Close(); _ = srv.Close() })
	until(t, ctx, `document.getElementById("lost").hidden && !document.getElementById("primary").disabled && document.body.innerText.includes("Waiting behind: 7")`)
}

// Every target on the kiosk is at least 72 px high and wide, and acts that
// differ lie at least 48 px apart; nothing is cut and nothing scrolls.
func TestBrowserTargets(t *testing.T) {
	ctx := chromium(t)
	s := insideSite(t)
	s.signInAs(t, ctx, "guard")
	for _, size := range [][2]int64{{1280, 800}, {1920, 1080}} {
		for name, set := range gallery(s) {
			for _, lang := range []string{"en", "pl", "de"} {
				set()
				role := "guard"
				if strings.HasPrefix(name, "radio") {
					role = "supervisor" // who has one button more
				}
				s.signInAs(t, ctx, role, langCookie, lang)
				do(t, ctx, chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(s.URL+"/lane/north-1"))
				until(t, ctx, `document.body.dataset.version !== undefined`)
				where := fmt.Sprintf("%s %s %dx%d", name, lang, size[0], size[1])
				if small := eval[[]string](t, ctx, `[...document.querySelectorAll("button, summary, a, input:not([type=hidden]), select")].filter(e => e.checkVisibility() && !e.disabled).map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.height < 71.5 || r.width < 71.5 || r.right > innerWidth || r.bottom > innerHeight).map(([e, r]) => e.outerHTML.slice(0, 90) + " " + Math.round(r.width) + "x" + Math.round(r.height) + " at " + Math.round(r.right) + "," + Math.round(r.bottom))`); len(small) > 0 {
					t.Errorf("%s: too small or outside: %q", where, small)
				}
				if gaps := eval[[]float64](t, ctx, `(() => { const b = [...document.querySelectorAll("#region-acts button, #region-acts summary")].filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect()); return b.flatMap((p, i) => b.slice(i + 1).map(q => Math.max(q.top - p.bottom, p.top - q.bottom, q.left - p.right, p.left - q.right))).filter(g => g < 48); })()`); len(gaps) > 0 {
					t.Errorf("%s: acts too close: %v", where, gaps)
				}
				if cut := eval[[]string](t, ctx, `[...document.querySelectorAll(".right, .panel, .panel .body, header, #live, .entry, .act button")].filter(e => e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1).map(e => (e.className || e.id || e.tagName) + " " + e.scrollWidth + "x" + e.scrollHeight + " in " + e.clientWidth + "x" + e.clientHeight)`); len(cut) > 0 {
					t.Errorf("%s: cut off: %q", where, cut)
				}
			}
		}
	}
}

// gallery is every state of a lane's screen, each set by a function.
func gallery(s *site) map[string]func() {
	at := s.clock.now()
	state := func(st gate.State, vin string, change func(*gate.LaneView)) func() {
		return func() {
			s.lanes.change("north-1", func(v *gate.LaneView) {
				*v = gate.LaneView{Lane: "north-1", Name: "North 1", Zone: policy.ZoneRestricted, TurnOut: "Car park P3, left of the arm",
					State: st, Version: v.Version, Arm: "closed", Durable: true, Radio: gate.RadioState{Sensors: 1, LastHeard: at}, LastEnd: gate.EndAdmitted}
				if vin != "" {
					p := gate.Passage{ID: gate.PassageID("p-" + vin), Lane: "north-1", At: at, Arrival: gate.Arrival{VIN: vin, Plate: "WE 4821K"}, Result: judge(vin, "WE 4821K", "", at)}
					v.Passage = &p
					v.Allowed = allowed(p.Result.Verdict.Outcome)
				}
				if st != gate.Waiting && v.Passage != nil {
					v.Allowed = []gate.ActKind{gate.ActReset}
				}
				if change != nil {
					change(v)
				}
			})
		}
	}
	return withLaneStates(at, state, map[string]func(){
		"worst": state(gate.Waiting, vinDeny, func(v *gate.LaneView) {
			p := *v.Passage
			v.Passage, v.TurnOut = &p, "Turn-out bay on the right, before the arm"
			p.Result.Vehicle.Problems = []string{"The check digit at position 9 is X but must be 2: at least one character is wrong."}
			p.Result.Verdict.Conditions = []string{"Park outside, at the place the guard names", "No phone paired or plugged in"}
			p.Result.Verdict.WorkItems = nil
			p.Result.Verdict.Open = judge(vinFlag, "", "", at).Verdict.Open
			v.Decision, v.Again = 2, "posture"
		}),
		"found": state(gate.Waiting, vinFlag, func(v *gate.LaneView) {
			p := *v.Passage
			v.Passage = &p
			from := policy.Source{Title: "the site's watch list", Date: "2026-11-22T12:00:00Z"}
			p.Result.Verdict.Conditions = []string{"Tell the duty officer"}
			p.Result.Facts.Arrival.Findings = []policy.ArrivalFinding{
				{Code: "watch_listed", Says: "quectel stands on the watch list (follow-up, entered by olga on 2026-11-20); owner's manual (2021-10-05) names Quectel as the maker of a module of this vehicle.", Do: "Hold it and call the duty officer, 4711", Reason: "follow-up", From: from, Evidence: []policy.Source{srcModule}},
				{Code: "plate_differs", Says: "The list has plate KR 5 with this VIN, and WE4821K was read.", From: policy.Source{Title: "the site's list of known vehicles", Date: "2026-11-22T12:00:00Z"}},
				{Code: "inside_alike", Says: "The plate WE4B21K of a vehicle that is inside looks like what was read: it came in by lane south at 2026-11-22T08:00:00Z. Compare them.", Hint: true, From: policy.Source{Title: "the site's list of who is inside", Date: "2026-11-22T12:00:00Z"}},
			}
		}),
		"radio-part":   state(gate.Waiting, vinGrant, func(v *gate.LaneView) { v.Radio.Silent = []string{"north-up"} }),
		"radio-skewed": state(gate.Deciding, "", func(v *gate.LaneView) { v.Radio.Skewed, v.Inbound = []string{"north-up", "north-stop"}, 3 }),
		"radio-nodpia": state(gate.Waiting, vinFlag, func(v *gate.LaneView) { v.Notice, v.Arm = gate.NoticeRadioNoDPIA, "fault" }),
		"again":        state(gate.Waiting, vinFlag, func(v *gate.LaneView) { v.Decision, v.Again = 2, "policy" }),
		"idle":         state(gate.Idle, "", nil),
		"deciding":     state(gate.Deciding, "", func(v *gate.LaneView) { v.Inbound = 2 }),
		"grant":        state(gate.Waiting, vinGrant, nil),
		"flag":         state(gate.Waiting, vinFlag, func(v *gate.LaneView) { v.Radio = gate.RadioState{} }),
		"badvin":       state(gate.Waiting, vinDeny[:16], nil),
		"deny":         state(gate.Waiting, vinDeny, nil),
		"clock":        state(gate.Waiting, vinDeny, func(v *gate.LaneView) { v.Notice = "clock"; v.Inbound = 3 }),
		"admitting":    state(gate.Admitting, vinGrant, func(v *gate.LaneView) { v.Arm = "open" }),
		"armfailed":    state(gate.Admitting, vinGrant, func(v *gate.LaneView) { v.Arm, v.Notice = "fault", "arm" }),
		"refusing":     state(gate.Refusing, vinDeny, nil),
		"redirected":   state(gate.Redirected, vinFlag, nil),
		"manual":       state(gate.Manual, "", func(v *gate.LaneView) { v.Notice, v.Durable = "storage", false }),
		"out":          state(gate.OutOfService, "", nil),
	})
}

// TestGallery renders every page and, where SALLYPORT_SHOTS names a folder,
// leaves pictures of them there to be looked at.
func TestGallery(t *testing.T) {
	dir := os.Getenv("SALLYPORT_SHOTS")
	if dir == "" {
		t.Skip("SKIPPED: set SALLYPORT_SHOTS to a folder to get pictures of every page")
	}
	only := os.Getenv("SALLYPORT_SHOTS_ONLY")
	ctx := chromium(t)
	s := insideSite(t)
	shot := func(name, role, path, lang, theme string, w, h int64, before ...chromedp.Action[chromedp.Void]) {
		name = fmt.Sprintf("%s-%s-%s-%d", name, lang, theme, w)
		if only != "" && !strings.Contains(name, only) {
			return
		}
		if role != "" {
			s.signInAs(t, ctx, role)
		}
		s.signInAs(t, ctx, "", langCookie, lang, themeCookie, theme)
		do(t, ctx, chromedp.EmulateViewport(w, h), chromedp.Navigate(s.URL+path))
		if lane, ok := strings.CutPrefix(path, "/lane/"); ok && !strings.Contains(lane, "/") {
			until(t, ctx, `document.body.dataset.version !== undefined`)
		}
		do(t, ctx, before...)
		b, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shot("signin", "", "/signin", "en", "day", 1280, 800)
	for name, set := range gallery(s) {
		set()
		role := "guard"
		if strings.HasPrefix(name, "radio") {
			role = "supervisor"
		}
		for _, lang := range []string{"en", "de", "pl"} {
			for _, theme := range []string{"day", "night"} {
				shot(name, role, "/lane/north-1", lang, theme, 1280, 800)
				shot(name, role, "/lane/north-1", lang, theme, 1920, 1080)
			}
		}
	}
	for _, lang := range []string{"en", "de", "pl"} {
		shot("on-call", "guard", "/lane/north-1", lang, "day", 1280, 800, chromedp.SetValue(chromedp.CSS("[name=class]"), view.OnCall))
	}
	gallery(s)["deny"]()
	shot("deny-why", "guard", "/lane/north-1", "en", "day", 1280, 800, chromedp.Click(chromedp.CSS(".why summary")))
	gallery(s)["found"]()
	shot("found-why", "guard", "/lane/north-1", "pl", "day", 1280, 800, chromedp.Click(chromedp.CSS(".why summary")))
	gallery(s)["deny"]()
	shot("deny-override", "guard", "/lane/north-1", "de", "day", 1280, 800, chromedp.Click(chromedp.CSS(".ask summary")))
	shot("deny-keypad", "guard", "/lane/north-1", "en", "night", 1280, 800, chromedp.Click(chromedp.CSS("#pad-toggle")))
	galleryOfWatch(t, s, shot)
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny, Plate: "WE 4821K", Via: "scanner"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.lanes.Arrive(t.Context(), "south", gate.Arrival{VIN: vinGrant, Plate: "GD 1"}); err != nil {
		t.Fatal(err)
	}
	for _, theme := range []string{"day", "night"} {
		shot("lanes", "supervisor", "/", "en", theme, 1280, 800)
		shot("passages", "auditor", "/passages", "en", theme, 1280, 800)
		shot("passage", "auditor", "/passages/"+string(id), "de", theme, 1280, 800)
		shot("policy", "auditor", "/policy", "pl", theme, 1280, 800)
		shot("data", "auditor", "/data", "en", theme, 1280, 800)
		shot("devices", "supervisor", "/devices", map[string]string{"day": "de", "night": "pl"}[theme], theme, 1280, 800)
		shot("jobs", "administrator", "/jobs", map[string]string{"day": "de", "night": "pl"}[theme], theme, 1280, 800)
		shot("log", "auditor", "/log", "en", theme, 1280, 800)
	}
	galleryOfRadio(t, s, shot)
	galleryOfInside(t, shot)
	shot("log-done", "auditor", "/log", "en", "day", 1280, 800, chromedp.Click(chromedp.CSS("main button")), chromedp.WaitVisible(chromedp.CSS(".summary")))
	shot("error", "guard", "/passages", "en", "day", 1280, 800)
}
