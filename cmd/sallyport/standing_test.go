package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/gate/sqlite"
)

// TestLaneStaysAsOrdered kills the real program in each state that a guard has
// ordered on the lane's page: the next start shows it, with the guard's name, the
// lane takes no vehicle, and the arm was never commanded.
func TestLaneStaysAsOrdered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	if out, err := command(t, "", "init", "--data", dir, "--site", "kill", "--name", "North camp"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(killSite), 0o600); err != nil {
		t.Fatal(err)
	}
	const password = "correct horse battery"
	if out, err := command(t, password+"\n", "user", "add", "anna", "--role", "guard", "--data", dir); err != nil {
		t.Fatalf("user add: %v\n%s", err, out)
	}
	token := addDevice(t, dir, "kiosk", "north")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	var prog *running
	ask := func(method, path string, form url.Values) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, prog.base+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %d, %v\n%s", method, path, res.StatusCode, err, b)
		}
		return string(b)
	}
	for _, c := range []struct {
		begin, end gate.ActKind
		state      gate.State
		word       string
	}{
		{gate.ActClose, gate.ActReopen, gate.OutOfService, "Lane out of service"},
		{gate.ActManualStart, gate.ActManualEnd, gate.Manual, "Manual procedure"},
		{gate.ActEgress, gate.ActEgressEnd, gate.Egress, "Emergency: everybody leaves"},
	} {
		stands := func(want gate.State) {
			t.Helper()
			var v gate.LaneView
			waitFor(t.Context(), t, func() bool {
				code, err := prog.call(t.Context(), http.MethodGet, "/api/v1/lanes/north", token, nil, &v)
				return err == nil && code == http.StatusOK && v.State == want
			})
		}
		life := func() {
			t.Helper()
			if prog != nil {
				prog.kill()
			}
			prog = start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
			ask(http.MethodPost, "/signin", url.Values{"name": {"anna"}, "password": {password}})
		}
		life()
		stands(gate.Idle)
		ask(http.MethodPost, "/lane/north/lane-act", url.Values{"kind": {string(c.begin)}, "reason": {"works"}})
		life()
		stands(c.state)
		if page := ask(http.MethodGet, "/lane/north", nil); !strings.Contains(page, c.word) || !strings.Contains(page, "Ordered by anna") {
			t.Errorf("%s: the guard's screen does not say so:\n%s", c.state, page)
		}
		if code, err := prog.call(t.Context(), http.MethodPost, "/api/v1/lanes/north/arrivals", token, map[string]string{"vin": "5YJXCAE42MF000001"}, nil); err != nil || code < 400 {
			t.Errorf("%s: an arrival is answered %d, %v", c.state, code, err)
		}
		ask(http.MethodPost, "/lane/north/lane-act", url.Values{"kind": {string(c.end)}})
		stands(gate.Idle)
		life()
		stands(gate.Idle)
	}
	prog.kill()
	if moved, err := barrier.ReadJournal(filepath.Join(dir, "arm.journal")); err == nil && len(moved) != 0 {
		t.Errorf("the arm was commanded %d times", len(moved))
	}
	r, err := sqlite.Verify(t.Context(), dir, "")
	if err != nil || !r.Clean() {
		t.Errorf("%+v, %v", r.Misfits, err)
	}
}
