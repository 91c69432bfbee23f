package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sallyport/gate/barrier"
	"sallyport/gate/sqlite"
)

// browser starts Debian's chromium, or skips the test loudly.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED, PROVES NOTHING: no chromium in PATH; `make test` installs it")
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewContext(alloc)
	ctx, end := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(func() { end(); cancel(); stop() })
	return ctx
}

type page struct {
	t   *testing.T
	ctx context.Context
}

func (p page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// until waits until the page's text, as a person reads it, speaks of want. A
// page that is being left while it waits is asked again.
func (p page) until(want string) string {
	p.t.Helper()
	return p.untilWithin(want, 30*time.Second)
}

func (p page) untilWithin(want string, patience time.Duration) string {
	p.t.Helper()
	js := "(document.body?.innerText ?? '').toLowerCase().includes(" + quoteJS(strings.ToLower(want)) + ")"
	var err error
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		if _, err = chromedp.Run(p.ctx, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(time.Until(limit)))); err == nil {
			break
		}
	}
	text, textErr := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil || textErr != nil {
		p.t.Fatalf("waiting for %q: %v %v\n%s", want, err, textErr, text)
	}
	return text
}

func quoteJS(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// shot keeps a picture of the page where SALLYPORT_SHOTS names a folder.
func (p page) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("SALLYPORT_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p page) signIn(base, path, name, password string) {
	p.t.Helper()
	p.do(chromedp.Navigate(base+path), chromedp.WaitVisible(chromedp.CSS(`input[name="name"]`)),
		chromedp.KeyEvent(name), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(password), chromedp.KeyEvent(kb.Enter))
}

// TestGuardOnTheRealProgram drives the built program as a guard does: sign in,
// type a VIN, see the verdict, act; and then as an auditor, who sees the record
// and verifies the log. Only the arm is simulated.
func TestGuardOnTheRealProgram(t *testing.T) {
	t.Parallel()
	p := page{t, browser(t)}
	dir := filepath.Join(t.TempDir(), "site")
	if out, err := command(t, "", "init", "--data", dir, "--site", "kill", "--name", "North camp"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(killSite), 0o600); err != nil {
		t.Fatal(err)
	}
	const password = "correct horse battery"
	for name, role := range map[string]string{"anna": "guard", "otto": "auditor"} {
		if out, err := command(t, password+"\n", "user", "add", name, "--role", role, "--data", dir); err != nil {
			t.Fatalf("user add: %v\n%s", err, out)
		}
	}
	prog := start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	p.do(chromedp.EmulateViewport(1280, 800))

	p.signIn(prog.base, "/lane/north", "anna", password)
	p.do(chromedp.WaitVisible(chromedp.CSS("#vin")))
	p.shot("kiosk-ready")

	// A Tesla Model X of 2021 at a restricted zone.
	p.do(chromedp.KeyEvent("5YJXCAE42MF000001"), chromedp.KeyEvent(kb.Enter))
	text := p.until("deny")
	for _, want := range []string{"TESLA", "Model X", "Bay"} {
		if !strings.Contains(text, want) {
			t.Errorf("the screen lacks %q:\n%s", want, text)
		}
	}
	p.shot("kiosk-deny")
	p.do(chromedp.WaitEnabled(chromedp.CSS("#primary")), chromedp.Click(chromedp.CSS("#primary")))
	p.until("turned away")
	p.shot("kiosk-refusing")

	// A car of 1998 is let in with one touch, and the arm moves once.
	p.do(chromedp.KeyEvent("2HGEJ6672WH500001"), chromedp.KeyEvent(kb.Enter))
	p.until("grant")
	p.shot("kiosk-grant")
	p.do(chromedp.WaitEnabled(chromedp.CSS("#primary")), chromedp.Click(chromedp.CSS("#primary")))
	p.until("admit")
	moved, err := barrier.ReadJournal(filepath.Join(dir, "arm.journal"))
	if err != nil {
		t.Fatal(err)
	}
	if len(moved) != 1 {
		t.Errorf("the arm was commanded %d times", len(moved))
	}

	// An EX30 built in China: nobody knows its module.
	p.do(chromedp.KeyEvent("YV4EK3ZL7SS000001"), chromedp.KeyEvent(kb.Enter))
	p.until("flag")
	p.do(chromedp.Click(chromedp.CSS(".why summary")))
	p.shot("kiosk-flag-reasons")

	// The auditor sees who got in and why.
	if _, err := chromedp.Call(p.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	p.signIn(prog.base, "/passages", "otto", password)
	text = p.until("WH500001")
	if !strings.Contains(text, "MF000001") {
		t.Errorf("the refused vehicle is not listed:\n%s", text)
	}
	p.shot("auditor-passages")
	p.do(chromedp.Navigate(prog.base + "/passages/" + string(moved[0].Passage)))
	text = p.until("2009")
	if !strings.Contains(text, "anna") {
		t.Errorf("the record does not name who acted:\n%s", text)
	}
	p.shot("auditor-passage")

	prog.kill()
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	rec, err := store.Passage(t.Context(), moved[0].Passage)
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Acts) != 1 || rec.Acts[0].By != "anna" || rec.Outcome == nil {
		t.Errorf("record %+v", rec)
	}
}
