package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestSecureFirstStart starts a new site over TLS: the fingerprint on the console
// is that of the certificate, the code on the console makes the administrator,
// and neither the code nor a password is in the database's log or the program's.
func TestSecureFirstStart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "site")
	if out, err := command(t, "", "init", "--data", dir, "--site", "kill", "--name", "North camp"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte("tls.generate = true\n"+killSite), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var console, logged strings.Builder
	ready, done := make(chan string, 1), make(chan error, 1)
	st, err := wireSite(ctx, dir, cfg, time.Now, quiet(&logged))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		done <- st.serve(ctx, "127.0.0.1:0", func(base string) { st.welcome(&console, base); ready <- base })
	}()
	var base string
	select {
	case base = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, ownCertFile))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if !strings.HasPrefix(base, "https://") || !strings.Contains(console.String(), printOf(block.Bytes)) {
		t.Fatalf("%s: the console says\n%s", base, console.String())
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Get(base + "/signin")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.Header.Get("Location") != "/first" || res.Header.Get("Strict-Transport-Security") != "" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	code := regexp.MustCompile(`[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}`).FindString(console.String())
	const password = "eine gelbe Straßenbahn"
	res, err = c.PostForm(base+"/first", url.Values{"code": {code}, "name": {"Ada Nowak"}, "password": {password}, "again": {password}})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/people" {
		t.Fatalf("%d %s\n%s", res.StatusCode, res.Header.Get("Location"), b)
	}
	ck := res.Header.Get("Set-Cookie")
	for _, want := range []string{"__Host-sallyport=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(ck, want) {
			t.Errorf("cookie %q lacks %s", ck, want)
		}
	}
	if res, err = c.Get(base + "/people"); err != nil {
		t.Fatal(err)
	}
	b, _ = io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusOK || !strings.Contains(string(b), "Ada Nowak") {
		t.Errorf("%d\n%s", res.StatusCode, b)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if strings.Contains(logged.String(), code) || strings.Contains(logged.String(), password) {
		t.Error("a secret is in the program's log")
	}
	// The next start prints no code, and keeps the certificate.
	again, err := wireSite(t.Context(), dir, cfg, time.Now, quiet(&logged))
	if err != nil {
		t.Fatal(err)
	}
	defer again.store.Close()
	if again.firstCode != "" {
		t.Error("a code is drawn though there is an administrator")
	}
	if _, same, err := cfg.TLS.open(dir, "127.0.0.1:0", time.Now()); err != nil || same != printOf(block.Bytes) {
		t.Errorf("%s, %v", same, err)
	}
	if _, other, err := cfg.TLS.open(dir, "127.0.0.1:0", time.Now().Add(ownCertLife-ownCertBefore)); err != nil || other == printOf(block.Bytes) {
		t.Errorf("it is not made anew before its end: %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, ownKeyFile), 0o604); err != nil {
		t.Fatal(err)
	}
	if _, _, err := cfg.TLS.open(dir, "127.0.0.1:0", time.Now()); err == nil {
		t.Error("a key that everybody can read is used")
	}
}

func TestTLSConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]tlsConfig{
		"half":            {Certificate: "a"},
		"both":            {Certificate: "a", Key: "b", Generate: true},
		"terminated too":  {Generate: true, Terminated: true},
		"nowhere to":      {Redirect: ":80"},
		"no such address": {Generate: true, Redirect: "80"},
	} {
		if c.check() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestRedirectToHTTPS(t *testing.T) {
	t.Parallel()
	ln := freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- redirect(ctx, ln, "0.0.0.0:8443") }()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var res *http.Response
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln+"/lane/north?x=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err = c.Do(req); err == nil {
			break
		}
		select {
		case err := <-done:
			t.Fatal(err)
		default:
		}
	}
	res.Body.Close()
	if res.StatusCode != http.StatusPermanentRedirect || res.Header.Get("Location") != "https://127.0.0.1:8443/lane/north?x=1" {
		t.Errorf("%d %s", res.StatusCode, res.Header.Get("Location"))
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func quiet(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
