package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sallyport/rf"
)

// roadside is two receivers at a lane, one beside the line and one before it,
// that send what they hear as datagrams: an access point that is always there,
// and a hotspot in a car that rolls up to the line and stands there.
type roadside struct {
	stop, up net.Conn
	stands   atomic.Int64 // when the car stands, ms since 1970
}

// send reports once from both receivers what is heard now.
func (r *roadside) send(now time.Time) error {
	u := float64(r.stands.Load()-now.UnixMilli()) / 1000
	x := 0.0 // metres before the line
	if u > 0 {
		x = 0.6 * u * u
	}
	for _, q := range []struct {
		conn  net.Conn
		place float64
		quiet float64
	}{{r.stop, 0, -72}, {r.up, 12, -78}} {
		heard := []rf.Observation{{TS: now, Sensor: "x", Kind: rf.WiFi, Emitter: "06:00:00:00:00:01", RSSI: q.quiet, Role: "ap"}}
		d := x - q.place
		if level := -50 - 23*math.Log10(math.Hypot(d, 2.5)/2.5) - math.Min(10, math.Abs(d)); level > -95 {
			heard = append(heard, rf.Observation{TS: now, Sensor: "x", Kind: rf.WiFi, Emitter: "00:26:b4:01:02:03", RSSI: math.Round(level), Role: "ap"})
		}
		for _, o := range heard {
			b, err := json.Marshal(o)
			if err != nil {
				return err
			}
			if _, err := q.conn.Write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestRadioOnTheRealProgram has the built program hear a car's hotspot while the
// car stands at the line, and a supervisor sees whose it is, how surely, and
// where in time; then the receivers fall silent, and the page says so.
func TestRadioOnTheRealProgram(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("SKIPPED: a receiver is silent after a minute, which this test waits for")
	}
	p := page{t, browser(t)}
	dir := filepath.Join(t.TempDir(), "site")
	if out, err := command(t, "", "init", "--data", dir, "--site", "kill", "--name", "North camp"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	ports := []string{freeAddress(t, "udp"), freeAddress(t, "udp")}
	site := strings.Replace(killSite, "[[lane]]", "[radio]\njurisdiction = \"US\"\ndpia = \"DPIA 2026-07\"\n[[lane]]", 1)
	for i, name := range []string{"stop", "up"} {
		site += fmt.Sprintf("[[lane.sensor]]\nname = %q\nudp = %q\nplain = true\n", "north-"+name, ports[i])
	}
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(site), 0o600); err != nil {
		t.Fatal(err)
	}
	const password = "correct horse battery"
	if out, err := command(t, password+"\n", "user", "add", "sofia", "--role", "supervisor", "--data", dir); err != nil {
		t.Fatalf("user add: %v\n%s", err, out)
	}
	prog := start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")

	var road roadside
	for i, c := range []*net.Conn{&road.stop, &road.up} {
		conn, err := net.Dial("udp", ports[i])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		*c = conn
	}
	road.stands.Store(time.Now().Add(20 * time.Second).UnixMilli())
	quiet, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				if err := road.send(now); err != nil {
					failed <- err
					return
				}
			case <-quiet:
				failed <- nil
				return
			}
		}
	}()

	p.do(chromedp.EmulateViewport(1280, 1600))
	p.signIn(prog.base, "/lane/north/radio", "sofia", password)
	p.until("2 sensors, all report")

	// The car has stopped; its VIN is typed at the lane's screen.
	p.do(chromedp.Navigate(prog.base+"/lane/north"), chromedp.WaitVisible(chromedp.CSS("#vin")))
	timer := time.NewTimer(time.Until(time.UnixMilli(road.stands.Load())))
	<-timer.C
	p.do(chromedp.KeyEvent("2HGEJ6672WH500001"), chromedp.KeyEvent(kb.Enter))
	p.until("grant")
	p.do(chromedp.Navigate(prog.base + "/lane/north/radio"))
	text := p.until("may raise a question")
	for _, want := range []string{"This vehicle: arrived", "still at the line", "address prefix 0026B4/24", "Ford", "In this vehicle?", "A radio finding raises a question, never clears one."} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(strings.ToLower(text), "00:26:b4:01") {
		t.Error("the page shows an address")
	}
	if n, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](`document.querySelectorAll(".timeline .stood.now").length`)); err != nil || n != 1 {
		t.Errorf("%d windows of this vehicle are shaded: %v", n, err)
	}
	p.shot("radio-heard")

	close(quiet)
	if err := <-failed; err != nil {
		t.Fatalf("the receivers could not send: %v", err)
	}
	p.untilWithin("2 of 2 sensors do not report as they should", 2*time.Minute)
	text = p.until("silent since")
	if !strings.Contains(text, "still at the line") {
		t.Errorf("the vehicle is gone from the page:\n%s", text)
	}
	p.shot("radio-silent")
}
