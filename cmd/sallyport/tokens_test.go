package main

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// ask sends a GET with a token and says how it was answered.
func askStatus(t testing.TB, base, token, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// Devices are enrolled, renewed, revoked and listed, and the key is changed, while
// the program runs: at once, and for streams that are open as well.
func TestDevicesOfARunningSite(t *testing.T) {
	dir := t.TempDir()
	if out, err := command(t, "", "init", "--data", dir, "--site", "kill", "--name", "Tokens"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(killSite), 0o600); err != nil {
		t.Fatal(err)
	}
	said := func(args ...string) string {
		t.Helper()
		out, err := command(t, "", append(args, "--data", dir)...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	last := func(out string) string {
		lines := strings.Split(strings.TrimSpace(out), "\n")
		return lines[len(lines)-1]
	}
	id := func(out string) string {
		m := regexp.MustCompile(`device (\w{26}) `).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("no device in %q", out)
		}
		return m[1]
	}
	before := said("device", "add", "stopped", "--kind", "kiosk", "--lane", "north")
	p := start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	const lane, lanes = "/api/v1/lanes/north", "/api/v1/lanes"
	if got := askStatus(t, p.base, last(before), lane); got != http.StatusOK {
		t.Fatalf("enrolled before the start: %d", got)
	}
	during := said("device", "enrol", "running", "--kind", "integration", "--lane", "*")
	if got := askStatus(t, p.base, last(during), lanes); got != http.StatusOK {
		t.Errorf("enrolled while it runs: %d", got)
	}
	if out, err := command(t, "", "device", "add", "x", "--kind", "kiosk", "--lane", "*", "--data", dir); err == nil {
		t.Errorf("a kiosk of the whole site: %s", out)
	}

	// The key changes under way, and the overlap counts.
	said("device", "rotate", "--overlap", "1")
	renewed := said("device", "renew", id(before))
	for name, tok := range map[string]string{"former key": last(before), "new key": last(renewed)} {
		if got := askStatus(t, p.base, tok, lane); got != http.StatusOK {
			t.Errorf("%s: %d", name, got)
		}
	}
	said("device", "rotate", "--overlap", "0")
	for name, tok := range map[string]string{"former key": last(renewed), "the one before": last(during)} {
		want := http.StatusUnauthorized
		if name == "the one before" {
			want = http.StatusOK // its own overlap lasts
		}
		if got := askStatus(t, p.base, tok, lanes); got != want {
			t.Errorf("without an overlap, %s: %d", name, got)
		}
	}
	renewed = said("device", "renew", id(before))

	// A revocation ends what is open.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+lane+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+last(renewed))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") {
	}
	said("device", "revoke", id(before))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") {
			t.Log("an event was on its way")
		}
	}
	if err := lines.Err(); err != nil || ctx.Err() != nil {
		t.Errorf("the stream did not end: %v, %v", err, ctx.Err())
	}
	if got := askStatus(t, p.base, last(renewed), lane); got != http.StatusUnauthorized {
		t.Errorf("revoked: %d", got)
	}
	list := said("device", "list")
	if !regexp.MustCompile(id(before)+`\s+kiosk\s+north\s+\S+\s+revoked\s+stopped`).MatchString(list) || !regexp.MustCompile(id(during)+`\s+integration\s+\*\s+\S+\s+good\s+running`).MatchString(list) {
		t.Errorf("list:\n%s", list)
	}
	if out, err := command(t, "", "device", "renew", id(before), "--data", dir); err == nil {
		t.Errorf("a revoked device gets a token: %s", out)
	}
}
