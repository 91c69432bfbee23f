package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sallyport/gate/barrier"
	"sallyport/gate/sqlite"
)

const kioskPassword = "correct horse battery"

// kioskSite makes the site of killSite with one guard, and more before it.
func kioskSite(t *testing.T, more string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	if out, err := command(t, "", "init", "--data", dir, "--site", "kill", "--name", "North camp"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(more+killSite), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t, kioskPassword+"\n", "user", "add", "anna", "--role", "guard", "--data", dir); err != nil {
		t.Fatalf("user add: %v\n%s", err, out)
	}
	return dir
}

// is waits until an expression in the page is true.
func (p page) is(js string) {
	p.t.Helper()
	var err error
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); {
		if _, err = chromedp.Run(p.ctx, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(time.Until(limit)))); err == nil {
			return
		}
	}
	text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	p.t.Fatalf("waiting for %s: %v\n%s", js, err, text)
}

func (p page) says(js string) string {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](js))
	if err != nil {
		p.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// touch presses what a selector names, once it may be pressed.
func (p page) touch(css string) {
	p.t.Helper()
	p.do(chromedp.WaitEnabled(chromedp.CSS(css)), chromedp.Click(chromedp.CSS(css)))
}

// TestInspectionOnTheRealProgram has a flagged car sent to inspection with one
// touch, its label read, what was read put on record, and the car let in by it.
func TestInspectionOnTheRealProgram(t *testing.T) {
	t.Parallel()
	p := page{t, browser(t)}
	dir := kioskSite(t, "keep_photographs = true\n")
	prog := start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	p.do(chromedp.EmulateViewport(1280, 800))
	p.signIn(prog.base, "/lane/north", "anna", kioskPassword)
	p.do(chromedp.WaitVisible(chromedp.CSS("#vin")), chromedp.KeyEvent(inspectVIN), chromedp.KeyEvent(kb.Enter))
	p.until("flag")
	p.touch("#primary")
	p.is(`document.querySelector(".act.leave button") !== null`)
	p.touch(".act.leave button")
	p.until("Where to look")
	p.do(chromedp.WaitVisible(chromedp.CSS("#label-text")))
	p.is(`document.activeElement.id === "label-text"`)
	p.do(chromedp.KeyEvent("EM7455"), chromedp.Click(chromedp.CSS(`form[action$="/read"] .primary`)))
	p.until("Sierra Wireless")
	p.shot("inspect-read")
	p.touch(`button[value="found"]`)
	text := p.until("It counts from now on")
	if !strings.Contains(text, "anna") {
		t.Errorf("the record does not say who saw it:\n%s", text)
	}
	p.shot("inspect-recorded")
	p.touch(`form[action$="/again"] button`)
	p.until("grant")
	p.touch("#primary")
	p.until("admit")
	prog.kill()

	moved, err := barrier.ReadJournal(filepath.Join(dir, "arm.journal"))
	if err != nil || len(moved) != 1 {
		t.Errorf("the arm was commanded %d times, %v", len(moved), err)
	}
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	list, err := store.InspectionHistory(t.Context(), inspectVIN)
	if err != nil || len(list) != 1 || list[0].By != "anna" || list[0].Text != "EM7455" || list[0].Via != "screen" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestKioskComesBack stops the program under an open screen, which says so and
// takes no touch, and is itself again once the program runs; and everything on the
// way is done by the keyboard.
func TestKioskComesBack(t *testing.T) {
	t.Parallel()
	p := page{t, browser(t)}
	dir := kioskSite(t, "")
	address := freeAddress(t, "tcp")
	prog := start(t, "serve", "--data", dir, "--addr", address)
	p.do(chromedp.EmulateViewport(1280, 800))
	p.signIn(prog.base, "/lane/north", "anna", kioskPassword)
	p.do(chromedp.WaitVisible(chromedp.CSS("#vin")), chromedp.KeyEvent("5YJXCAE42MF000001"), chromedp.KeyEvent(kb.Enter))
	p.until("deny")
	prog.kill()
	p.is(`!document.getElementById("lost").hidden && document.getElementById("primary").disabled`)
	again := start(t, "serve", "--data", dir, "--addr", address)
	defer again.kill()
	p.is(`document.getElementById("lost").hidden && !document.querySelector("#entry .check").disabled`)

	// A crash let nobody in: the car is brought up once more, and turned away by
	// the keyboard alone.
	p.is(`document.body.innerText.includes("Ready")`)
	p.do(chromedp.Focus(chromedp.CSS("#vin")), chromedp.KeyEvent("5YJXCAE42MF000001"), chromedp.KeyEvent(kb.Enter))
	p.is(`document.querySelector("#primary.stop:not([disabled])") !== null`)
	for range 40 {
		if p.says(`document.activeElement?.id ?? ""`) == "primary" {
			break
		}
		p.do(chromedp.KeyEvent(kb.Tab))
	}
	if at := p.says(`document.activeElement?.id ?? ""`); at != "primary" {
		t.Fatalf("the act cannot be reached by the keyboard: at %q", at)
	}
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until("turned away")
}
