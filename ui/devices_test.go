package ui

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport/gate/barrier"
	"sallyport/ui/i18n"
)

// The page names every device with a word for what it is and how it is, and says
// what a fault means, in every language.
func TestDevicesPage(t *testing.T) {
	s := newSite(t, nil)
	words, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "pl", "de"} {
		w := words.Words(lang, s.ui.cfg.Location)
		for _, key := range []string{
			"modbus", "lcus", "hw-667", "osdp", "scanner", "camera", "yard",
		} {
			if !w.Has("hardware.kind." + key) {
				t.Errorf("%s: no word for a %s", lang, key)
			}
		}
		for _, key := range []string{"starting", "works", "fails", "enrolled", "not enrolled", "revoked"} {
			if !w.Has("hardware.state." + key) {
				t.Errorf("%s: no word for %s", lang, key)
			}
		}
		for _, class := range []barrier.Class{
			barrier.Covered, barrier.NotClosed, barrier.Busy, barrier.Twice, barrier.Unread, barrier.Offline, barrier.Rejected,
			barrier.Garbled, barrier.Unconfirmed, barrier.Halfway, barrier.Stuck, barrier.Replaced, barrier.Insecure, barrier.Ended,
		} {
			if !w.Has("fault." + string(class)) {
				t.Errorf("%s: no sentence for %s", lang, class)
			}
		}
		c := s.as(t, "supervisor")
		if r := s.do(t, c, "POST", "/prefs", map[string][]string{"lang": {lang}}); r.code != http.StatusSeeOther {
			t.Fatalf("language %s: %d", lang, r.code)
		}
		r := s.do(t, c, "GET", "/devices", nil)
		if r.code != http.StatusOK {
			t.Fatalf("%s: %d", lang, r.code)
		}
		for _, want := range []string{
			w.T("hardware.some_fail") + " 4", "board", "North 1</span>, <span class=\"nowrap\">South", w.T("hardware.kind.modbus"), w.T("hardware.state.not enrolled"), "its token is for lane south",
			w.T("fault.stuck", "relay"), w.T("fault.insecure", "reader"), w.T("fault.failed", "south/lamp"), w.T("hardware.unusable", 4), "west",
		} {
			if !strings.Contains(r.body, strings.ReplaceAll(want, "'", "&#39;")) {
				t.Errorf("%s: no %q", lang, want)
			}
		}
	}
	for role, want := range map[string]int{
		"guard": http.StatusForbidden, "fleet-manager": http.StatusForbidden, "supervisor": http.StatusOK,
		"security-manager": http.StatusOK, "auditor": http.StatusOK, "administrator": http.StatusOK,
	} {
		if r := s.do(t, s.as(t, role), "GET", "/devices", nil); r.code != want {
			t.Errorf("%s: %d", role, r.code)
		}
	}
}

// The page follows what happens, and one that cannot be made is no reason to stop
// the site.
func TestDevicesFollowed(t *testing.T) {
	fails := make(chan struct{})
	s := newSite(t, func(cfg *Config, _ *httptest.Server) {
		was := cfg.Devices
		cfg.Devices = func(ctx context.Context) ([]FieldDevice, error) {
			select {
			case <-fails:
				return nil, errors.New("disk I/O error")
			default:
				return was(ctx)
			}
		}
	})
	c := s.as(t, "administrator")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/devices/events?lang=de", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b := make([]byte, 64<<10)
	var got strings.Builder
	for !strings.Contains(got.String(), "event: beat") {
		n, err := resp.Body.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(b[:n])
	}
	if !strings.Contains(got.String(), "event: page") || !strings.Contains(got.String(), "Relaisplatine") {
		t.Errorf("stream begins with %.300s", got.String())
	}
	close(fails)
	if r := s.do(t, c, "GET", "/devices", nil); r.code != http.StatusInternalServerError || strings.Contains(r.body, "disk") {
		t.Errorf("without devices: %d", r.code)
	}
	none := newSite(t, func(cfg *Config, _ *httptest.Server) { cfg.Devices = nil })
	if r := none.do(t, none.as(t, "auditor"), "GET", "/devices", nil); r.code != http.StatusOK || !strings.Contains(r.body, "No lane has a device.") {
		t.Errorf("a site without devices: %d", r.code)
	}
}
