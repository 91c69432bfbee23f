package gallery

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
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
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewContext(alloc)
	ctx, end := context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(func() { end(); cancel(); stop() })
	return ctx
}

func every(Entry) bool { return true }

// walk opens the entries of the gallery that are picked in a browser, in these
// languages, themes and sizes, and lets look judge them.
func walk(t *testing.T, picked func(Entry) bool, langs, themes []string, sizes [][2]int64, look func(ctx context.Context, e Entry, name string)) {
	t.Helper()
	ctx := chromium(t)
	g := open(t)
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	for _, size := range sizes {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(size[0], size[1])); err != nil {
			t.Fatal(err)
		}
		for _, e := range g.Entries() {
			if !picked(e) {
				continue
			}
			for _, lang := range langs {
				for _, theme := range themes {
					name := fmt.Sprintf("%s-%s-%s-%d", e.Name, lang, theme, size[0])
					if only := os.Getenv("SALLYPORT_SHOTS_ONLY"); only != "" && !strings.Contains(name, only) {
						continue
					}
					if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL+"/gallery/"+e.Name+"?lang="+lang+"&theme="+theme)); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					look(ctx, e, name)
				}
			}
		}
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.100s: %v", js, err)
	}
	return v
}

// cutOff finds what does not fit its place: a page wider than the window, a
// button or a line of text wider than what holds it.
const cutOff = `(() => {
const out = [], wide = document.documentElement.scrollWidth;
if (wide > innerWidth) { out.push("the page is " + wide + " wide"); }
for (const e of document.querySelectorAll("button, summary, a, label, h1, h2, h3, th, td, p, li, dt, dd, legend, .badge")) {
  if (!e.checkVisibility()) { continue; }
  const r = e.getBoundingClientRect();
  const scrolls = e.closest(".scroll, .sheet, pre, .tree");
  if (!scrolls && (r.right > innerWidth + 1 || r.left < -1) && !e.closest(".skip")) { out.push("outside: " + e.outerHTML.slice(0, 90)); }
  if (getComputedStyle(e).overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1 && !scrolls) { out.push("cut: " + e.outerHTML.slice(0, 90)); }
}
return out.slice(0, 5);
})()`

// measured are the languages and sizes in which pages are measured: those with
// the longest words at the smaller size, and where SALLYPORT_GALLERY is set, as
// make soak does, all of them.
func measured() (langs []string, sizes [][2]int64) {
	if os.Getenv("SALLYPORT_GALLERY") != "" {
		return []string{"en", "pl", "de"}, [][2]int64{{1280, 800}, {1920, 1080}}
	}
	return []string{"pl", "de"}, [][2]int64{{1280, 800}}
}

// Nothing overflows its page, in no language and at no size of the kiosks.
func TestNothingIsCut(t *testing.T) {
	langs, sizes := measured()
	walk(t, every, langs, []string{"day"}, sizes, func(ctx context.Context, _ Entry, name string) {
		if bad := evaluate[[]string](t, ctx, cutOff); len(bad) > 0 {
			t.Errorf("%s: %s", name, strings.Join(bad, "\n  "))
		}
	})
}

// Targets of the pages of a kiosk are for gloves: 72 px, and 48 px between acts
// of which one is the other's opposite.
const small = `[...document.querySelectorAll("button, summary, a[href], input:not([type=hidden]), select, textarea")].filter(e => e.checkVisibility() && !e.closest(".skip")).map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.height < 71.5 || r.width < 71.5).map(([e, r]) => e.outerHTML.slice(0, 90) + " " + Math.round(r.width) + "x" + Math.round(r.height)).slice(0, 5)`

const tooClose = `(() => { const out = [];
for (const g of document.querySelectorAll(".acts, .opposites")) {
  const b = [...g.querySelectorAll("button, summary, a[href]")].filter(e => e.checkVisibility() && !e.closest("details[open] > :not(summary)")).map(e => [e, e.getBoundingClientRect()]);
  b.forEach(([e, p], i) => b.slice(i + 1).forEach(([f, q]) => { const gap = Math.max(q.top - p.bottom, p.top - q.bottom, q.left - p.right, p.left - q.right); if (gap < 47.5) { out.push(e.textContent.trim().slice(0, 30) + " | " + f.textContent.trim().slice(0, 30) + " " + gap); } }));
}
return out.slice(0, 5); })()`

func TestGloves(t *testing.T) {
	langs, sizes := measured()
	walk(t, func(e Entry) bool { return e.Gloves }, langs, []string{"night"}, sizes, func(ctx context.Context, _ Entry, name string) {
		if bad := evaluate[[]string](t, ctx, small); len(bad) > 0 {
			t.Errorf("%s: too small:\n  %s", name, strings.Join(bad, "\n  "))
		}
		if bad := evaluate[[]string](t, ctx, tooClose); len(bad) > 0 {
			t.Errorf("%s: too close:\n  %s", name, strings.Join(bad, "\n  "))
		}
	})
}

// axe-core finds nothing on any page, in both themes. What the theme does not
// change is not looked at a second time.
func TestAccessible(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("..", "testdata", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	type violation struct {
		ID, Help string
		Nodes    []string
	}
	walk(t, every, []string{"en"}, []string{"day", "night"}, [][2]int64{{1280, 800}}, func(ctx context.Context, _ Entry, name string) {
		evaluate[bool](t, ctx, string(axe)+"; true")
		found := evaluate[string](t, ctx, `axe.run(document, Object.assign({resultTypes: ["violations"]}, document.documentElement.dataset.theme === "night" ? {runOnly: {type: "rule", values: ["color-contrast"]}} : {})).then(r => JSON.stringify(r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.map(n => n.html.slice(0, 160) + " " + (n.failureSummary || "").slice(0, 300))}))))`)
		var bad []violation
		if err := json.Unmarshal([]byte(found), &bad); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, v := range bad {
			t.Errorf("%s: %s: %s\n  %s", name, v.ID, v.Help, strings.Join(v.Nodes[:min(3, len(v.Nodes))], "\n  "))
		}
	})
}

// TestShots leaves pictures of every page, where SALLYPORT_SHOTS names a folder,
// to be looked at. SALLYPORT_SHOTS_ONLY picks those whose name holds it.
func TestShots(t *testing.T) {
	dir := os.Getenv("SALLYPORT_SHOTS")
	if dir == "" {
		t.Skip("SKIPPED: set SALLYPORT_SHOTS to a folder to get pictures of every page")
	}
	walk(t, every, []string{"en", "pl", "de"}, []string{"day", "night"}, [][2]int64{{1280, 800}, {1920, 1080}}, func(ctx context.Context, _ Entry, name string) {
		b, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644); err != nil {
			t.Fatal(err)
		}
	})
}
