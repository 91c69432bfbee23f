package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sallyport/gate"
)

// galleryOfWatch takes pictures of the pages of shifts, alarms and paper forms.
func galleryOfWatch(t *testing.T, s *site, shot func(name, role, path, lang, theme string, w, h int64, before ...chromedp.Action[chromedp.Void])) {
	t.Helper()
	everywhere := func(name, role, path string, before ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		for _, lang := range []string{"en", "pl", "de"} {
			for _, theme := range []string{"day", "night"} {
				shot(name, role, path, lang, theme, 1280, 800, before...)
				shot(name, role, path, lang, theme, 1920, 1080, before...)
			}
		}
	}
	post := func(c *http.Client, path string, form url.Values) {
		t.Helper()
		if r := s.do(t, c, "POST", path, form); r.code != http.StatusSeeOther {
			t.Fatalf("%s %v: %d %s", path, form, r.code, r.body)
		}
	}
	gallery(s)["deny"]()
	everywhere("watch-override", "guard", "/lane/north-1", chromedp.Click(chromedp.CSS(".signed summary")), chromedp.WaitVisible(chromedp.CSS(".pinpad button")))
	shot("watch-nobody", "guard", "/lane/south/desk", "en", "day", 1280, 800)
	guard, supervisor := s.as(t, "guard"), s.as(t, "supervisor")
	post(guard, "/lane/north-1/shift", url.Values{"step": {"begun"}})
	s.lanes.change("north-1", func(v *gate.LaneView) {
		v.LaneActs = []gate.ActKind{gate.ActClose, gate.ActManualStart, gate.ActEgress}
		v.Alarms = []gate.Alarm{{ID: 1, Kind: gate.AlarmHeldOpen, Since: s.clock.now()}, {ID: 2, Kind: gate.AlarmDeviceLost, Of: "loop-2", Since: s.clock.now(), Over: true}}
	})
	everywhere("watch-alarm", "guard", "/lane/north-1")
	everywhere("watch-desk", "guard", "/lane/north-1/desk")
	everywhere("watch-takeover", "supervisor", "/lane/north-1/desk")
	post(guard, "/lane/north-1/shift", url.Values{"step": {"offered"}, "to": {"supervisor"}, "note": {"Lamp 2 is dark; the fitter comes at nine."}})
	everywhere("watch-offered", "guard", "/lane/north-1/desk")
	post(guard, "/lane/north-1/forms", url.Values{"step": {"printed"}})
	s.clock.pass(30 * time.Minute)
	entry := url.Values{"step": {"entered"}, "form": {"4"}, "day": {"2026-11-22"}, "clock": {"12:10"}, "vin": {vinFlag}, "guard": {"jan"}, "act": {"open"}}
	post(guard, "/lane/north-1/forms", entry)
	post(guard, "/lane/north-1/forms", url.Values{"step": {"spoilt"}, "form": {"2"}, "reason": {"wet"}})
	everywhere("watch-forms", "supervisor", "/lane/north-1/forms")
	shot("watch-print", "guard", "/lane/north-1/forms/print?from=5&to=6", "pl", "day", 1280, 800)
	s.desk.Duress("north-1", "guard")
	s.alarms.Raise(gate.SiteAlarm{Lane: "south", Kind: gate.AlarmForced})
	id := s.alarms.Raise(gate.SiteAlarm{Lane: "south", Kind: gate.AlarmTailgating})
	post(supervisor, "/alarms/"+id, url.Values{"note": {"driver stopped and identified"}})
	everywhere("watch-alarms", "supervisor", "/alarms")
	everywhere("watch-shifts", "supervisor", "/shifts")
	gallery(s)["manual"]()
	everywhere("watch-manual", "guard", "/lane/north-1")
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Alarms = nil })
}

// TestBrowserWatchTargets: gloves work on the pages of the watch too, and the
// keypad's keys keep their size and distance.
func TestBrowserWatchTargets(t *testing.T) {
	ctx := chromium(t)
	s := newSite(t, nil)
	small := `[...document.querySelectorAll("button, summary, a, input:not([type=hidden]), select")].filter(e => e.checkVisibility() && !e.disabled).map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.height < 71.5 || r.width < 71.5 || r.right > innerWidth + .5).map(([e, r]) => e.outerHTML.slice(0, 90) + " " + Math.round(r.width) + "x" + Math.round(r.height) + " to " + Math.round(r.right))`
	guard := s.as(t, "guard")
	if r := s.do(t, guard, "POST", "/lane/north-1/shift", url.Values{"step": {"begun"}}); r.code != http.StatusSeeOther {
		t.Fatal(r.code)
	}
	s.lanes.change("north-1", func(v *gate.LaneView) {
		v.LaneActs = []gate.ActKind{gate.ActClose, gate.ActManualStart, gate.ActEgress}
		v.Alarms = []gate.Alarm{{ID: 1, Kind: gate.AlarmHeldOpen, Since: s.clock.now()}}
	})
	pages := func(name string) {
		t.Helper()
		for _, size := range [][2]int64{{1280, 800}, {1920, 1080}} {
			for _, lang := range []string{"en", "pl", "de"} {
				s.signInAs(t, ctx, "guard", langCookie, lang)
				for _, path := range []string{"/lane/north-1/desk", "/lane/north-1/forms"} {
					do(t, ctx, chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(s.URL+path))
					if got := eval[[]string](t, ctx, small); len(got) > 0 {
						t.Errorf("%s %s %s %d: too small or outside: %q", name, path, lang, size[0], got)
					}
				}
			}
		}
	}
	pages("mine")
	if r := s.do(t, guard, "POST", "/lane/north-1/shift", url.Values{"step": {"offered"}, "to": {"supervisor"}}); r.code != http.StatusSeeOther {
		t.Fatal(r.code)
	}
	pages("offered")
	gallery(s)["deny"]()
	for _, size := range [][2]int64{{1280, 800}, {1920, 1080}} {
		for _, lang := range []string{"en", "pl", "de"} {
			where := fmt.Sprintf("override %s %d", lang, size[0])
			s.signInAs(t, ctx, "guard", langCookie, lang)
			do(t, ctx, chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(s.URL+"/lane/north-1"))
			until(t, ctx, `document.body.dataset.version !== undefined`)
			do(t, ctx, chromedp.Click(chromedp.CSS(".signed summary")))
			if got := eval[[]string](t, ctx, small); len(got) > 0 {
				t.Errorf("%s: too small or outside: %q", where, got)
			}
			if got := eval[[]string](t, ctx, `[...document.querySelectorAll(".signed[open] button:not([hidden]), .signed[open] input:not([type=hidden]), .signed[open] select")].map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.bottom > innerHeight || r.top < 0).map(([e]) => e.outerHTML.slice(0, 80))`); len(got) > 0 {
				t.Errorf("%s: outside: %q", where, got)
			}
			if gaps := eval[[]float64](t, ctx, `(() => { const b = [...document.querySelectorAll(".signed[open] .pinpad button")].map(e => e.getBoundingClientRect()); return b.flatMap((p, i) => b.slice(i + 1).map(q => Math.max(q.top - p.bottom, p.top - q.bottom, q.left - p.right, p.left - q.right))).filter(g => g < 13); })()`); len(gaps) > 0 {
				t.Errorf("%s: keys too close: %v", where, gaps)
			}
		}
	}
}

// TestBrowserDuress: two seconds on the clock call for help, a tap does not, and
// nothing of it is seen.
func TestBrowserDuress(t *testing.T) {
	ctx := chromium(t)
	s := newSite(t, nil)
	gallery(s)["grant"]()
	s.signInAs(t, ctx, "guard")
	do(t, ctx, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.URL+"/lane/north-1"))
	until(t, ctx, `document.body.dataset.version !== undefined`)
	shown := `(() => { const b = document.body.cloneNode(true); b.querySelector("#clock").textContent = ""; return b.outerHTML; })()`
	before := eval[string](t, ctx, shown)
	press := func(hold string) {
		t.Helper()
		eval[bool](t, ctx, `(() => { document.getElementById("clock").dispatchEvent(new PointerEvent("pointerdown")); `+hold+` return true; })()`)
	}
	press(`document.getElementById("clock").dispatchEvent(new PointerEvent("pointerup"));`)
	ring := s.alarms.Subscribe(t.Context())
	press("")
	select {
	case <-ring:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody heard the call")
	}
	if open, _ := s.alarms.Open(); len(open) != 1 || open[0].Kind != gate.AlarmDuress || open[0].By != "guard" {
		t.Errorf("alarms %+v", open)
	}
	if after := eval[string](t, ctx, shown); after != before {
		t.Errorf("the screen changed:\n%s\nwas\n%s", after, before)
	}
}

// TestBrowserAlarmRings: a call for help is heard where the alarms are shown, and
// seen on the tab of the browser.
func TestBrowserAlarmRings(t *testing.T) {
	ctx := chromium(t)
	s := newSite(t, nil)
	s.signInAs(t, ctx, "supervisor")
	do(t, ctx, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.URL+"/alarms"))
	until(t, ctx, `document.getElementById("live").dataset.version !== undefined`)
	if eval[bool](t, ctx, `document.body.dataset.sound !== undefined || document.title.startsWith("(")`) {
		t.Error("it rings for nothing")
	}
	s.desk.Duress("north-1", "guard")
	until(t, ctx, `document.body.dataset.sound === "alarm" && document.title.startsWith("(1)")`)
	eval[bool](t, ctx, `delete document.body.dataset.sound`)
	until(t, ctx, `document.body.dataset.sound === "alarm"`) // and again, until it is heard
}

// TestBrowserEgressAsksFirst: a glove that slips does not raise every arm of the
// site.
func TestBrowserEgressAsksFirst(t *testing.T) {
	ctx := chromium(t)
	s := newSite(t, nil)
	s.lanes.change("north-1", func(v *gate.LaneView) { v.LaneActs = []gate.ActKind{gate.ActClose, gate.ActEgress} })
	s.signInAs(t, ctx, "guard")
	do(t, ctx, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.URL+"/lane/north-1/desk"))
	const button = `document.querySelector("[name=kind][value=egress]")`
	if eval[bool](t, ctx, button+`.checkVisibility()`) {
		t.Error("one touch raises every arm")
	}
	do(t, ctx, chromedp.Click(chromedp.CSS(".sure summary")))
	if !eval[bool](t, ctx, button+`.checkVisibility() && `+button+`.getBoundingClientRect().height >= 72`) {
		t.Error("the button is not there, or too small")
	}
	if gap := eval[float64](t, ctx, button+`.getBoundingClientRect().top - document.querySelector(".sure summary").getBoundingClientRect().bottom`); gap < 48 {
		t.Errorf("%.0f px from going back", gap)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS("[name=kind][value=egress]")), chromedp.WaitVisible(chromedp.CSS(".sure:not([open])")))
	if acts := s.lanes.done(); len(acts) != 1 || acts[0].Kind != gate.ActEgress || acts[0].By != "guard" {
		t.Errorf("%+v", acts)
	}
}
