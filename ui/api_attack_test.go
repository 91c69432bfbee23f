package ui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
)

// A body that two programs could read in two ways is refused, at any depth, and so
// is one that is declared as something else.
func TestAmbiguousBodies(t *testing.T) {
	s := newSite(t, nil)
	tok := s.token(t, kioskDevice)
	for body, field := range map[string]string{
		`{"vin":"` + vinDeny + `","vin":"` + vinGrant + `"}`:                                   `"vin"`,
		`{"vin":"` + vinDeny + `","VIN":"` + vinGrant + `"}`:                                   `"VIN"`,
		`{"vin":"` + vinDeny + `","\u0076in":"` + vinGrant + `"}`:                              `"vin"`,
		`{"vin":"A","source":"api","ſource":"scanner"}`:                                        `"ſource"`,
		`{"vin":"A","declared":[{"kind":"imei","value":"1"},{"kind":"imei","kind":"fcc_id"}]}`: `"kind"`,
		`{"vin":"A","declared":[{"kind":"imei","value":{"a":[],"a":1}}]}`:                      `"a"`,
	} {
		r := s.api(t, tok, "POST", "north-1/arrivals", body)
		if r.code != http.StatusBadRequest || !strings.Contains(r.body, `"field":`+field) || !strings.Contains(r.body, "twice") {
			t.Errorf("%s: %d %s", body, r.code, r.body)
		}
	}
	if len(s.lanes.offered) != 0 {
		t.Fatalf("the lane was offered %+v", s.lanes.offered)
	}
	// The same name in two objects is no repetition.
	if r := s.api(t, tok, "POST", "north-1/arrivals", `{"vin":"`+vinDeny+`","declared":[{"kind":"imei","value":"861234050000000"},{"kind":"fcc_id","value":"XMR2020EG25G"}]}`); r.code != http.StatusCreated {
		t.Errorf("two objects: %d %s", r.code, r.body)
	}
	for kind, want := range map[string]int{
		"": 201, "application/json": 201, "application/json; charset=utf-8": 201, "APPLICATION/JSON": 201,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415, "application/xml": 415, "nonsense; ;": 415,
	} {
		req := s.apiRequest(t, tok, "POST", "/api/v1/lanes/north-1/arrivals", `{"vin":"`+vinGrant+`"}`)
		req.Header.Set("Content-Type", kind)
		if r := s.send(t, http.DefaultClient, req); r.code != want {
			t.Errorf("%q: %d %s", kind, r.code, r.body)
		}
	}
}

// A sender that does not go on is not waited for longer than the server waits for
// any request, nor does it learn anything.
func TestSlowBody(t *testing.T) {
	s := newSite(t, func(_ *Config, srv *httptest.Server) { srv.Config.ReadTimeout = 300 * time.Millisecond })
	tok := s.token(t, kioskDevice)
	for name, cut := range map[string]bool{"slow": false, "cut off": true} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /api/v1/lanes/north-1/arrivals HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{\"vin\":\"%s\"}", tok, vinGrant)
		if cut {
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		want := http.StatusRequestTimeout
		if cut {
			want = http.StatusBadRequest
		}
		if resp.StatusCode != want || strings.Contains(string(b), "127.0.0.1") {
			t.Errorf("%s: %d %s", name, resp.StatusCode, b)
		}
	}
	if len(s.lanes.offered) != 0 {
		t.Errorf("the lane was offered %+v", s.lanes.offered)
	}
}

// What anybody may ask tells nothing of vehicles, files or addresses.
func TestHealthTellsNothing(t *testing.T) {
	s := newSite(t, nil)
	if _, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny, Plate: "WE 4821K"}); err != nil {
		t.Fatal(err)
	}
	secret := errors.New("read /srv/site/site.db: entry 9: plate WE 4821K of " + vinDeny)
	for _, err := range []error{nil, secret, &Unhealthy{"the log does not fit", secret}, fmt.Errorf("wrapped: %w", &Unhealthy{"the record cannot be read", secret})} {
		s.healthy = err
		for _, path := range []string{"/healthz", "/api/v1/health/live", "/api/v1/health/ready"} {
			r := s.do(t, browser(t), "GET", path, nil)
			for _, word := range []string{"/srv", "WE 4821K", vinDeny, "entry"} {
				if strings.Contains(r.body, word) {
					t.Errorf("%s with %v tells %q: %s", path, err, word, r.body)
				}
			}
			if want := err == nil || path == "/api/v1/health/live"; (r.code == http.StatusOK) != want {
				t.Errorf("%s with %v: %d", path, err, r.code)
			}
		}
	}
}

// A thousand streams get every change, one of whose readers does not read; when
// all are gone, nothing is left of them.
func TestAThousandStreams(t *testing.T) {
	s := newSite(t, func(cfg *Config, _ *httptest.Server) { cfg.Heartbeat = time.Minute })
	before := runtime.NumGoroutine()
	const devices = 32 // each with as many streams as it may have
	transport := &http.Transport{}
	client := &http.Client{Transport: transport}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var first, changed, ended sync.WaitGroup
	open := func(tok string) (*http.Response, error) {
		req := s.apiRequest(t, tok, "GET", "/api/v1/lanes/north-1/events", "")
		return client.Do(req.WithContext(ctx))
	}
	bad := make(chan error, devices*streamsAtOnce)
	for i := range devices {
		tok := s.token(t, auth.Device{ID: fmt.Sprintf("kiosk-%d", i), Kind: auth.KindKiosk, Lane: "north-1"})
		for range streamsAtOnce {
			first.Add(1)
			changed.Add(1)
			ended.Go(func() {
				told, seen := sync.OnceFunc(first.Done), sync.OnceFunc(changed.Done)
				defer told()
				defer seen()
				resp, err := open(tok)
				if err != nil {
					bad <- err
					return
				}
				defer resp.Body.Close()
				lines := bufio.NewScanner(resp.Body)
				lines.Buffer(nil, 1<<20)
				for lines.Scan() {
					if strings.HasPrefix(lines.Text(), "data: ") {
						told()
						if strings.Contains(lines.Text(), `"notice":"storage"`) {
							seen()
						}
					}
				}
			})
		}
		if i == devices-1 {
			first.Wait()
			if resp, err := open(tok); err != nil || resp.StatusCode != http.StatusTooManyRequests {
				t.Errorf("one stream too many: %v %v", resp, err)
			} else {
				resp.Body.Close()
			}
		}
	}
	stalled, err := new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	tok := s.token(t, auth.Device{ID: "kiosk-stalled", Kind: auth.KindKiosk, Lane: "north-1"})
	for len(s.lanes.waiting) > 0 {
		<-s.lanes.waiting
	}
	if err := s.apiRequest(t, tok, "GET", "/api/v1/lanes/north-1/events", "").Write(stalled); err != nil {
		t.Fatal(err)
	}
	<-s.lanes.waiting
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Notice = gate.NoticeStorage })
	changed.Wait()
	stalled.Close()
	select {
	case err := <-bad:
		t.Fatal(err)
	default:
	}
	leave()
	ended.Wait()
	transport.CloseIdleConnections()
	left := func() (goroutines, streams int) {
		s.ui.limits.mu.Lock()
		defer s.ui.limits.mu.Unlock()
		return runtime.NumGoroutine(), len(s.ui.limits.streams)
	}
	look, limit := time.NewTicker(10*time.Millisecond), time.After(30*time.Second)
	defer look.Stop()
	for g, n := left(); g > before+50 || n > 0; g, n = left() {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("%d goroutines are left, of %d before, and %d devices with streams", g, before, n)
		}
	}
}
