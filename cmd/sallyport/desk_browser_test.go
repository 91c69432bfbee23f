package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/gate/sqlite"
)

// TestWatchOnTheRealProgram drives the built program: an override is signed with
// a PIN on the keypad, the limit of the shift refuses the next one, and the lane
// is handed to the next guard, who confirms on the same screen.
func TestWatchOnTheRealProgram(t *testing.T) {
	t.Parallel()
	p := page{t, browser(t)}
	dir := filepath.Join(t.TempDir(), "site")
	if out, err := command(t, "", "init", "--data", dir, "--site", "kill", "--name", "North camp"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte("acts.overrides_per_shift = 1\n"+killSite), 0o600); err != nil {
		t.Fatal(err)
	}
	const password = "correct horse battery"
	for name, role := range map[string]string{"anna": "guard", "jan": "guard", "ewa": "supervisor"} {
		if out, err := command(t, password+"\n", "user", "add", name, "--role", role, "--data", dir); err != nil {
			t.Fatalf("user add: %v\n%s", err, out)
		}
	}
	if out, err := command(t, "1234\n", "user", "pin", "ewa", "--data", dir); err == nil {
		t.Fatalf("a PIN that anybody would try: %s", out)
	}
	for name, pin := range map[string]string{"ewa": "80419", "jan": "2580"} {
		if out, err := command(t, pin+"\n", "user", "pin", name, "--data", dir); err != nil {
			t.Fatalf("user pin: %v\n%s", err, out)
		}
	}
	prog := start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	p.do(chromedp.EmulateViewport(1280, 800))
	p.signIn(prog.base, "/lane/north", "anna", password)
	p.do(chromedp.WaitVisible(chromedp.CSS("#vin")))

	keypad := func(pin string) {
		t.Helper()
		for _, d := range strings.Split(pin, "") {
			p.do(chromedp.Click(chromedp.CSS(`[open] [data-pin="` + d + `"], main form [data-pin="` + d + `"]`)))
		}
	}
	override := func(vin string) {
		t.Helper()
		p.do(chromedp.KeyEvent(vin), chromedp.KeyEvent(kb.Enter))
		p.until("deny")
		p.do(chromedp.WaitEnabled(chromedp.CSS("#primary")), chromedp.Click(chromedp.CSS(".signed summary")), chromedp.WaitVisible(chromedp.CSS(".signed[open] .pinpad")),
			chromedp.SetValue(chromedp.CSS(".signed [name=reason_code]"), "ordered"))
		keypad("80419")
		p.shot("watch-override")
		p.do(chromedp.Click(chromedp.CSS(".signed .confirm")))
	}
	override("5YJXCAE42MF000001")
	p.until("admit")
	if moved, err := barrier.ReadJournal(filepath.Join(dir, "arm.journal")); err != nil || len(moved) != 1 {
		t.Errorf("the arm was commanded %d times, %v", len(moved), err)
	}
	override("5YJXCAE42MF000001")
	p.until("no more overrides in this shift")
	p.shot("watch-limit")

	p.do(chromedp.Navigate(prog.base+"/lane/north/desk"), chromedp.WaitVisible(chromedp.CSS("select[name=to]")),
		chromedp.SetValue(chromedp.CSS("select[name=to]"), "jan"), chromedp.Click(chromedp.CSS(`[value="offered"]`)))
	p.until("jan confirms here")
	keypad("2580")
	p.do(chromedp.Click(chromedp.CSS(`[value="accepted"]`)))
	p.do(chromedp.WaitVisible(chromedp.CSS("#vin")))
	p.until("jan")
	p.shot("watch-handed")
	prog.kill()

	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	steps, err := store.ShiftSteps(t.Context(), "north", 0, 10)
	if err != nil || len(steps) != 3 || steps[2].By != "anna" || steps[0].Kind != gate.ShiftAccepted || steps[0].By != "jan" {
		t.Fatalf("%+v, %v", steps, err)
	}
	if c := steps[1].Counts; c == nil || c.Arrivals != 2 || c.Denies != 2 || c.Overrides != 1 || c.Refused != 1 || c.Held != 1 || c.Admitted != 1 {
		t.Errorf("counts %+v", c)
	}
	if r, err := store.Verify(t.Context()); err != nil || len(r.Misfits) > 0 {
		t.Errorf("%+v, %v", r.Misfits, err)
	}
}
