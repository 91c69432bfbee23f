package ui

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/ui/view"
)

// passwordHash is made once: a hash costs 20 ms.
var passwordHash = sync.OnceValue(func() string {
	h, err := auth.HashPassword(password)
	if err != nil {
		panic(err)
	}
	return h
})

// site is a whole site on fakes.
type site struct {
	*httptest.Server
	ui      *Server
	lanes   *fakeLanes
	store   *fakeStore
	issuer  *auth.Issuer
	clock   *clock
	healthy error
	memory  *storetest.Memory // of the watch
	desk    *gate.Desk
	shifts  *gate.Shifts
	alarms  *gate.Alarms
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newSite(t testing.TB, change func(*Config, *httptest.Server)) *site {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{clock: &clock{t: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}}
	if s.issuer, err = auth.NewIssuer("sallyport:test", "sallyport-api", "k1", priv); err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.NewVerifier("sallyport:test", "sallyport-api", map[string]ed25519.PublicKey{"k1": pub})
	if err != nil {
		t.Fatal(err)
	}
	s.store = newFakeStore(passwordHash())
	s.lanes = newFakeLanes(s.clock.now, s.store)
	cfg := Config{
		Site: "Fort Example", Location: time.UTC, Lanes: s.lanes, Store: s.store, Verifier: verifier,
		Say: say, Policy: fakePolicy, Data: fakeData, Now: s.clock.now,
		Verify: func(context.Context) (view.LogReport, error) {
			return view.LogReport{OK: true, Entries: 1234, Root: strings.Repeat("0f", 32), FirstBad: -1, Checkpoint: "sallyport/fort-example\n1234\nDw8PDw==\n", Took: 12 * time.Millisecond}, nil
		},
		Healthy:   func(context.Context) error { return s.healthy },
		Jobs:      func(context.Context) ([]Job, error) { return fakeJobs(s.clock.now()), nil },
		Devices:   func(context.Context) ([]FieldDevice, error) { return fakeDevices(s.clock.now()), nil },
		Law:       law(t, "DE", ""),
		Log:       slog.New(slog.DiscardHandler),
		Heartbeat: 50 * time.Millisecond,
	}
	s.watch(t, &cfg, gate.ActRules{OverridesPerShift: 3})
	srv := httptest.NewUnstartedServer(nil)
	if change != nil {
		change(&cfg, srv)
	}
	if s.ui, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = s.ui.Handler()
	srv.Config.RegisterOnShutdown(s.ui.Close)
	srv.Start()
	s.Server = srv
	t.Cleanup(func() { s.ui.Close(); srv.Close() })
	return s
}

// browser keeps cookies and does not follow redirects.
func browser(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// as signs in without the cost of a password.
func (s *site) as(t testing.TB, name string) *http.Client {
	t.Helper()
	c := browser(t)
	if name == "" {
		return c
	}
	token, hash := auth.NewToken()
	now := s.clock.now()
	if err := s.store.CreateSession(t.Context(), Session{TokenHash: hash, UserID: "u-" + name, Created: now, Expires: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.Jar.SetCookies(u, []*http.Cookie{{Name: "sallyport", Value: token, Path: "/"}})
	return c
}

type reply struct {
	code   int
	body   string
	header http.Header
}

func (s *site) do(t testing.TB, c *http.Client, method, path string, form url.Values, head ...string) reply {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	return s.send(t, c, req)
}

func (s *site) send(t testing.TB, c *http.Client, req *http.Request) reply {
	t.Helper()
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, string(b), res.Header}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Fatal("a server without anything is made")
	}
}

// wholeSite is a site with everything that a fake can offer.
func wholeSite(t testing.TB) *site {
	t.Helper()
	known, err := newFakeKnowledge()
	if err != nil {
		t.Fatal(err)
	}
	var people *fakePeople
	s := newSite(t, func(c *Config, _ *httptest.Server) {
		store, clock, m := c.Store.(*fakeStore), gate.NewClock(c.Now), storetest.NewMemory()
		people = newFakePeople(store, m)
		c.Access = Access{People: people, Kiosks: &fakeKiosks{store: store, now: c.Now}}
		c.Audit = &fakeAudit{store: store}
		c.Knowledge = known
		if c.WatchList, err = gate.NewWatchDesk(t.Context(), m, clock, nil); err != nil {
			t.Fatal(err)
		}
		if c.Manage.Settings, err = gate.NewSettingsDesk(t.Context(), m, clock); err != nil {
			t.Fatal(err)
		}
		c.Manage.Machines = &fakeMachines{}
		c.Manage.Sheet = func(context.Context) (view.Sheet, error) { return view.Sheet{ID: "x", Name: "Fort Example"}, nil }
	})
	people.memory = s.memory
	return s
}

// fillIn gives every parameter of a route's address its value; one without is
// an error, so that no route is tried by an address that nobody would send.
func fillIn(t testing.TB, path string, values map[string]string) string {
	t.Helper()
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			if parts[i] = values[name]; parts[i] == "" {
				t.Fatalf("%s: no value for :%s", path, name)
			}
		}
	}
	return strings.Join(parts, "/")
}

// Every route × every role, from the route table itself: allowed, refused,
// anonymous.
func TestRoutesByRole(t *testing.T) {
	s := wholeSite(t)
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"lane": "north-1", "id": string(id), "name": "style.css", "shape": "onvif", "fleet": "motor-pool", "seq": "1", "draft": "d1", "sum": strings.Repeat("0f", 32),
		"number": "1", "rule": "module-maker", "trial": "t1", "list": "us-1260h", "entry": "1", "file": "f1", "change": "c1", "machine": "m1",
	}
	// What asks for more than a role refuses an empty form by itself, until too
	// many were wrong: a password, a code, a terminal.
	proof := map[string]int{
		"POST /signin": http.StatusUnauthorized, "POST /start": http.StatusUnauthorized, "POST /kiosk/signin": http.StatusForbidden,
		"POST /me": http.StatusForbidden, "POST /me/codes": http.StatusForbidden,
	}
	names := append(auth.Roles(), "")
	for _, r := range routes {
		path := fillIn(t, r.path, values)
		for _, role := range names {
			t.Run(fmt.Sprintf("%s %s as %q", r.method, r.path, role), func(t *testing.T) {
				c := s.as(t, string(role))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var body io.Reader
				if r.method == http.MethodPost {
					body = strings.NewReader("")
				}
				req, err := http.NewRequestWithContext(ctx, r.method, s.URL+path, body)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				res, err := c.Do(req) // the event stream's head comes at once; its body is not read
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				got := res.StatusCode
				if res.Header.Get("Content-Security-Policy") != policyHeader {
					t.Error("answer without the content security policy")
				}
				switch want := proof[r.method+" "+r.path]; {
				case want != 0 && (r.face == forAnyone || role != ""):
					if got != want && got != http.StatusTooManyRequests {
						t.Errorf("status %d without proof, want %d", got, want)
					}
				case r.face == forAnyone:
					if got >= 500 || got == http.StatusForbidden || got == http.StatusUnauthorized {
						t.Errorf("status %d on a route for anyone", got)
					}
				case r.face == forDevices:
					if got != http.StatusUnauthorized {
						t.Errorf("status %d without a device token", got)
					}
				case role == "":
					if r.method == http.MethodGet && (got != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/signin")) {
						t.Errorf("status %d for nobody, want the way to the sign-in page", got)
					}
					if r.method == http.MethodPost && got != http.StatusUnauthorized {
						t.Errorf("status %d for nobody", got)
					}
				case r.need != "" && !auth.May(role, r.need):
					if got != http.StatusForbidden {
						t.Errorf("status %d, want 403", got)
					}
				default:
					if got == http.StatusForbidden || got == http.StatusUnauthorized || got >= 500 {
						t.Errorf("status %d for a role that may", got)
					}
				}
			})
		}
	}
}

func TestRoutesNeedAPermission(t *testing.T) {
	for _, r := range routes {
		if r.face != forAnyone && r.need == "" && r.path != "/" {
			t.Errorf("%s %s asks for no permission", r.method, r.path)
		}
		if r.method != http.MethodGet && r.limit == 0 {
			t.Errorf("%s %s has no limit on its body", r.method, r.path)
		}
	}
}

func TestSignIn(t *testing.T) {
	s := newSite(t, nil)
	c := browser(t)
	sign := func(name, pw string, head ...string) reply {
		return s.do(t, c, "POST", "/signin", url.Values{"name": {name}, "password": {pw}, "next": {"/lane/north-1"}}, head...)
	}
	if r := sign("guard", "wrong password"); r.code != http.StatusUnauthorized || !strings.Contains(r.body, "Name or password is wrong") {
		t.Fatalf("wrong password: %d %s", r.code, r.body)
	}
	unknown, disabled := sign("nobody", password), sign("left", password)
	if unknown.code != http.StatusUnauthorized || disabled.code != unknown.code {
		t.Errorf("unknown %d, disabled %d: they must look like a wrong password", unknown.code, disabled.code)
	}
	r := sign("guard", password)
	if r.code != http.StatusSeeOther || r.header.Get("Location") != "/lane/north-1" {
		t.Fatalf("sign-in: %d to %q", r.code, r.header.Get("Location"))
	}
	ck := r.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(ck, want) {
			t.Errorf("cookie %q lacks %s", ck, want)
		}
	}
	if r := s.do(t, c, "GET", "/lane/north-1", nil); r.code != http.StatusOK || !strings.Contains(r.body, "North 1") {
		t.Errorf("kiosk after sign-in: %d", r.code)
	}
	if n := len(s.store.events); n != 1 || s.store.events[0].Kind != gate.EventSignIn {
		t.Errorf("events %+v, want one sign-in", s.store.events)
	}
	// A second sign-in ends the first session.
	if r := sign("supervisor", password); r.code != http.StatusSeeOther || len(s.store.sessions) != 1 {
		t.Errorf("second sign-in: %d, %d sessions", r.code, len(s.store.sessions))
	}
	if r := s.do(t, c, "POST", "/signout", url.Values{}); r.code != http.StatusSeeOther || len(s.store.sessions) != 0 {
		t.Errorf("sign-out: %d, %d sessions left", r.code, len(s.store.sessions))
	}
	if r := s.do(t, c, "GET", "/lane/north-1", nil); r.code != http.StatusSeeOther {
		t.Errorf("kiosk after sign-out: %d", r.code)
	}
}

func TestSignInLocks(t *testing.T) {
	s := newSite(t, nil)
	c := browser(t)
	sign := func(pw string) reply {
		return s.do(t, c, "POST", "/signin", url.Values{"name": {"guard"}, "password": {pw}})
	}
	for range 5 {
		if r := sign("wrong password"); r.code != http.StatusUnauthorized {
			t.Fatalf("status %d", r.code)
		}
	}
	if r := sign(password); r.code != http.StatusTooManyRequests || !strings.Contains(r.body, "Wait 6 seconds") {
		t.Errorf("the right password on a locked name: %d", r.code)
	}
	s.clock.pass(6 * time.Second)
	if r := sign(password); r.code != http.StatusSeeOther {
		t.Errorf("after the delay: %d", r.code)
	}
	// One address that tries many names is slowed down too, whatever it says
	// of where it comes from.
	for i := range triesPerMinute {
		s.do(t, c, "POST", "/signin", url.Values{"name": {fmt.Sprint("n", i)}, "password": {"wrong password"}}, "X-Forwarded-For", fmt.Sprintf("10.0.0.%d", i))
	}
	if r := sign(password); r.code != http.StatusTooManyRequests {
		t.Errorf("after %d tries from one address: %d", triesPerMinute, r.code)
	}
}

func TestLimitsAreBounded(t *testing.T) {
	l, now := newLimits(), time.Now()
	for i := range maxTracked + 100 {
		l.failed(fmt.Sprint("a", i), fmt.Sprint("n", i), now.Add(time.Duration(i)))
	}
	if len(l.names) != maxTracked || len(l.addresses) != maxTracked {
		t.Errorf("%d names, %d addresses remembered", len(l.names), len(l.addresses))
	}
}

func TestSessionEnds(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	if r := s.do(t, c, "GET", "/", nil); r.code != http.StatusOK {
		t.Fatalf("status %d", r.code)
	}
	s.clock.pass(time.Hour)
	if r := s.do(t, c, "GET", "/", nil); r.code != http.StatusSeeOther {
		t.Errorf("expired session: %d", r.code)
	}
	c = s.as(t, "guard")
	s.store.mu.Lock()
	u := s.store.users["guard"]
	u.Disabled = true
	s.store.users["guard"] = u
	s.store.mu.Unlock()
	if r := s.do(t, c, "GET", "/", nil); r.code != http.StatusSeeOther {
		t.Errorf("disabled user: %d", r.code)
	}
}

func TestCrossOrigin(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinGrant})
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"kind": {"open"}, "passage": {string(id)}}
	for _, head := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example"},
	} {
		if r := s.do(t, c, "POST", "/lane/north-1/act", form, head...); r.code != http.StatusForbidden {
			t.Errorf("%v: %d", head, r.code)
		}
	}
	if len(s.lanes.done()) != 0 {
		t.Fatal("a forged request opened the barrier")
	}
	if r := s.do(t, c, "POST", "/lane/north-1/act", form, "Sec-Fetch-Site", "same-origin"); r.code != http.StatusSeeOther {
		t.Errorf("own form: %d", r.code)
	}
}

// No page has anything inline, whatever the role and the language: the policy
// header would break it.
func TestPagesKeepToTheirPolicy(t *testing.T) {
	s := wholeSite(t)
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny, Plate: "AB 12 CDE"})
	if err != nil {
		t.Fatal(err)
	}
	for path, role := range map[string]string{
		"/signin": "", "/": "guard", "/lane/north-1": "guard", "/passages": "auditor", "/passages/" + string(id): "auditor",
		"/policy": "auditor", "/data": "auditor", "/log": "auditor", "/jobs": "administrator", "/devices": "supervisor", "/nowhere": "guard",
		"/radio": "auditor", "/lane/north-1/radio": "supervisor",
		"/figures": "auditor", "/entries": "auditor", "/records": "auditor", "/proof": "auditor",
		"/people": "administrator", "/people/u-guard": "administrator", "/me": "guard", "/me/codes": "auditor", "/kiosks": "administrator", "/kiosk": "",
		"/first": "", "/start": "", "/signin/code": "",
		"/policy/versions": "auditor", "/policy/draft": "security-manager", "/posture": "guard",
		"/catalogue?q=tesla": "fleet-manager", "/catalogue/vehicle?make=Tesla&model=Model+3": "fleet-manager", "/supply?party=quectel": "auditor",
		"/lists": "auditor", "/lists/us-1260h": "auditor", "/suppliers": "auditor", "/watch": "security-manager",
		"/settings": "security-manager", "/signs": "security-manager", "/dpia": "security-manager", "/machines": "administrator",
		"/fleet": "fleet-manager", "/lane/north-1/inspect": "guard", "/train": "guard",
	} {
		r := s.do(t, s.as(t, role), "GET", path, nil)
		for _, inline := range []string{"<style", " style=", " onclick", " onload", " onsubmit", "javascript:", "http-equiv"} {
			if strings.Contains(r.body, inline) {
				t.Errorf("%s holds %q", path, inline)
			}
		}
		for rest := r.body; ; {
			_, after, ok := strings.Cut(rest, "<script")
			if !ok {
				break
			}
			if tag, _, _ := strings.Cut(after, ">"); !strings.Contains(tag, ` src="/asset/`) {
				t.Errorf("%s: inline script %q", path, tag)
			}
			rest = after
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": policyHeader, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if len(r.body) > 150<<10 {
			t.Errorf("%s weighs %d bytes", path, len(r.body))
		}
	}
}

func TestHostileText(t *testing.T) {
	s := newSite(t, nil)
	evil := `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: evil, Plate: evil})
	if err != nil {
		t.Fatal(err)
	}
	for path, role := range map[string]string{"/lane/north-1": "guard", "/": "guard", "/passages": "auditor", "/passages/" + string(id): "auditor"} {
		r := s.do(t, s.as(t, role), "GET", path, nil)
		if r.code != http.StatusOK {
			t.Errorf("%s: %d", path, r.code)
		}
		if strings.Contains(r.body, "<script>alert") || strings.Contains(r.body, "<img") {
			t.Errorf("%s lets markup through", path)
		}
	}
	if r := s.do(t, s.as(t, "auditor"), "POST", "/passages", url.Values{"q": {evil[:30]}}); r.code != http.StatusOK || strings.Contains(r.body, "<script>alert") {
		t.Errorf("what is searched for lets markup through, or is refused: %d", r.code)
	}
}

// The guard says of an emergency vehicle that it is on a call; of any other,
// nothing is said.
func TestOnCall(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	for choice, want := range map[string]gate.Arrival{
		view.OnCall: {Class: policy.ClassEmergency, OnCall: new(true)},
		"emergency": {Class: policy.ClassEmergency},
		"allied":    {Class: policy.ClassAllied},
	} {
		r := s.do(t, c, "POST", "/lane/north-1/arrivals", url.Values{"vin": {vinFlag}, "class": {choice}})
		lv, _ := s.lanes.View("north-1")
		want.VIN, want.Via = vinFlag, "keyboard"
		if r.code != http.StatusSeeOther || !reflect.DeepEqual(lv.Passage.Arrival, want) {
			t.Errorf("%s: %d, %+v", choice, r.code, lv.Passage.Arrival)
		}
	}
	r := s.api(t, s.token(t, kioskDevice), "POST", "north-1/arrivals", `{"vin":"`+vinFlag+`","class":"emergency","on_call":true}`)
	lv, _ := s.lanes.View("north-1")
	if a := lv.Passage.Arrival; r.code != http.StatusCreated || a.OnCall == nil || !*a.OnCall {
		t.Errorf("over the API: %d, %+v", r.code, a)
	}
}

func TestKioskByPlainForms(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	r := s.do(t, c, "POST", "/lane/north-1/arrivals", url.Values{"vin": {" " + vinDeny + " "}, "plate": {"ab 12 cde"}, "class": {"government"}, "via": {"scanner"}})
	if r.code != http.StatusSeeOther || r.header.Get("Location") != "/lane/north-1" {
		t.Fatalf("arrival: %d to %q", r.code, r.header.Get("Location"))
	}
	lv, _ := s.lanes.View("north-1")
	if a := lv.Passage.Arrival; a.VIN != vinDeny || a.Plate != "AB 12 CDE" || a.Class != "government" || a.Via != "scanner" {
		t.Errorf("arrival %+v", a)
	}
	r = s.do(t, c, "GET", "/lane/north-1", nil)
	for _, want := range []string{">DENY<", "TESLA Model X 2021", "AB 12 CDE", "5YJ XCAE4X MF000001",
		"Its module comes from a maker under PRC control", "Quectel AG525R-GL", "2021-10-05", "https://www.tesla.com/ownersmanual",
		"Turn it away. Way out: Car park P3", `id="primary"`, `value="turn-away"`, `name="supervisor"`, "park outside the fence", "fleet office"} {
		if !strings.Contains(r.body, want) {
			t.Errorf("kiosk lacks %q", want)
		}
	}
	r = s.do(t, c, "POST", "/lane/north-1/act", url.Values{"kind": {"turn-away"}, "passage": {string(lv.Passage.ID)}})
	if r.code != http.StatusSeeOther {
		t.Fatalf("act: %d %s", r.code, r.body)
	}
	done := s.lanes.done()
	if len(done) != 1 || done[0].Kind != gate.ActTurnAway || done[0].By != "guard" || done[0].Passage != lv.Passage.ID {
		t.Errorf("acts %+v", done)
	}
}

func TestStaleAct(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	old, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinGrant})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny}); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"kind": {"open"}, "passage": {string(old)}}
	r := s.do(t, c, "POST", "/lane/north-1/act", form)
	if r.code != http.StatusConflict || !strings.Contains(r.body, "The screen was old") || !strings.Contains(r.body, ">DENY<") {
		t.Errorf("stale act: %d", r.code)
	}
	r = s.do(t, c, "POST", "/lane/north-1/act", form, "Accept", "application/json")
	var p problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || p.Class != "stale" || r.code != http.StatusConflict {
		t.Errorf("stale act by script: %d %s", r.code, r.body)
	}
	if len(s.lanes.done()) != 0 {
		t.Error("a stale act was carried out")
	}
}

// What a guard presses is about the verdict on his screen.
func TestActOnAnotherVerdict(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinGrant})
	if err != nil {
		t.Fatal(err)
	}
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Decision, v.Again = 2, "posture" })
	form := url.Values{"kind": {"open"}, "passage": {string(id)}, "decision": {"1"}}
	r := s.do(t, c, "POST", "/lane/north-1/act", form)
	if r.code != http.StatusConflict || !strings.Contains(r.body, "The verdict has just changed") || !strings.Contains(r.body, "the threat level has changed") {
		t.Errorf("an act on the verdict before: %d", r.code)
	}
	r = s.do(t, c, "POST", "/lane/north-1/act", url.Values{"kind": {"open"}, "passage": {string(id)}, "decision": {"x"}})
	if r.code != http.StatusBadRequest {
		t.Errorf("no number: %d", r.code)
	}
	if len(s.lanes.done()) != 0 {
		t.Fatal("the act was carried out")
	}
	form.Set("decision", "2")
	if r = s.do(t, c, "POST", "/lane/north-1/act", form); r.code != http.StatusSeeOther || len(s.lanes.done()) != 1 {
		t.Errorf("an act on the verdict shown: %d", r.code)
	}
}

func TestRefusedForms(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	for name, tt := range map[string]struct {
		form url.Values
		code int
		text string
	}{
		"empty":      {url.Values{"vin": {"  "}}, 400, "Neither VIN, plate nor pass was given"},
		"one MB":     {url.Values{"vin": {strings.Repeat("A", 1<<20)}}, 413, "too long"},
		"65 letters": {url.Values{"vin": {strings.Repeat("A", 65)}}, 400, "17 characters are wanted"},
		"class":      {url.Values{"vin": {vinFlag}, "class": {"royal"}}, 400, "class does not exist"},
		"plate":      {url.Values{"vin": {vinFlag}, "plate": {strings.Repeat("A", 17)}}, 400, "too long"},
	} {
		if r := s.do(t, c, "POST", "/lane/north-1/arrivals", tt.form); r.code != tt.code || !strings.Contains(r.body, tt.text) {
			t.Errorf("%s: %d, want %d with %q", name, r.code, tt.code, tt.text)
		}
	}
	// What is no VIN but could be one with an error is the lane's to judge.
	for _, vin := range []string{"5YJXCAE4XMF00000", vinDeny + "1", "IOQIOQIOQIOQIOQIO", "\xff\xfe"} {
		if r := s.do(t, c, "POST", "/lane/north-1/arrivals", url.Values{"vin": {vin}}); r.code != http.StatusSeeOther {
			t.Errorf("vin %q: %d", vin, r.code)
		}
	}
	s.lanes.fail = gate.ErrManual
	if r := s.do(t, c, "POST", "/lane/north-1/arrivals", url.Values{"vin": {vinFlag}}); r.code != http.StatusServiceUnavailable || !strings.Contains(r.body, "manual procedure") {
		t.Errorf("manual: %d", r.code)
	}
	s.lanes.fail = errors.New("secret detail")
	if r := s.do(t, c, "POST", "/lane/north-1/arrivals", url.Values{"vin": {vinFlag}}); r.code != http.StatusInternalServerError || strings.Contains(r.body, "secret") {
		t.Errorf("internal: %d", r.code)
	}
}

func TestOverride(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny})
	if err != nil {
		t.Fatal(err)
	}
	form := func(change ...string) url.Values {
		v := url.Values{"kind": {"override"}, "passage": {string(id)}, "reason_code": {"ordered"}, "reason": {"Cpt. Nowak"}, "supervisor": {"supervisor"}, "password": {password}}
		for i := 0; i+1 < len(change); i += 2 {
			v.Set(change[i], change[i+1])
		}
		return v
	}
	for name, tt := range map[string]struct {
		form url.Values
		code int
	}{
		"no reason":       {form("reason_code", "", "reason", " "), 400},
		"other, unsaid":   {form("reason_code", "other", "reason", ""), 400},
		"unknown reason":  {form("reason_code", "bribe"), 400},
		"wrong password":  {form("password", "wrong password"), 403},
		"a guard":         {form("supervisor", "guard"), 403},
		"an auditor":      {form("supervisor", "auditor"), 403},
		"nobody":          {form("supervisor", ""), 403},
		"unknown act":     {form("kind", "fire"), 400},
		"another passage": {form("passage", "x"), 409},
	} {
		if r := s.do(t, c, "POST", "/lane/north-1/act", tt.form); r.code != tt.code {
			t.Errorf("%s: %d, want %d", name, r.code, tt.code)
		}
	}
	if len(s.lanes.done()) != 0 {
		t.Fatalf("acts %+v", s.lanes.done())
	}
	// The supervisor who works the lane alone is one person, not two.
	if r := s.do(t, s.as(t, "supervisor"), "POST", "/lane/north-1/act", form()); r.code != http.StatusForbidden {
		t.Errorf("self-approval: %d", r.code)
	}
	if r := s.do(t, c, "POST", "/lane/north-1/act", form()); r.code != http.StatusSeeOther {
		t.Fatalf("override: %d %s", r.code, r.body)
	}
	a := s.lanes.done()[0]
	if a.By != "guard" || a.Supervisor != "supervisor" || a.Reason != "Ordered by the duty officer: Cpt. Nowak" {
		t.Errorf("act %+v", a)
	}
}

func TestLanguages(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	if _, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny}); err != nil {
		t.Fatal(err)
	}
	for lang, words := range map[string][]string{
		"en": {`lang="en"`, "DENY", "Its module comes from", "Turn away"},
		"pl": {`lang="pl"`, "ODMOWA", "Moduł pochodzi", "Zawróć", "Telematics unit: Quectel AG525R-GL is documented"},
		"de": {`lang="de"`, "SPERRE", "Das Modul stammt", "Abweisen"},
	} {
		r := s.do(t, c, "POST", "/prefs", url.Values{"lang": {lang}, "back": {"/lane/north-1"}})
		if r.code != http.StatusSeeOther || r.header.Get("Location") != "/lane/north-1" {
			t.Fatalf("prefs: %d to %q", r.code, r.header.Get("Location"))
		}
		r = s.do(t, c, "GET", "/lane/north-1", nil)
		for _, w := range words {
			if !strings.Contains(r.body, w) {
				t.Errorf("%s page lacks %q", lang, w)
			}
		}
	}
	r := s.do(t, browser(t), "GET", "/signin", nil, "Accept-Language", "de-AT,de;q=0.9,en;q=0.8")
	if !strings.Contains(r.body, "Anmelden") {
		t.Error("the browser's language is not heeded")
	}
	for _, bad := range []url.Values{{"lang": {"xx"}}, {"theme": {"purple"}}} {
		if r := s.do(t, c, "POST", "/prefs", bad); r.code != http.StatusBadRequest {
			t.Errorf("prefs %v: %d", bad, r.code)
		}
	}
	for _, back := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "/\t/evil.example", "javascript:alert(1)", "", "x"} {
		if r := s.do(t, c, "POST", "/prefs", url.Values{"back": {back}, "theme": {"night"}}); r.header.Get("Location") != "/" {
			t.Errorf("back %q leads to %q", back, r.header.Get("Location"))
		}
	}
	if r := s.do(t, c, "GET", "/lane/north-1", nil); !strings.Contains(r.body, `data-theme="night"`) {
		t.Error("the night theme is not kept")
	}
}

func TestHealthz(t *testing.T) {
	s := newSite(t, nil)
	if r := s.do(t, browser(t), "GET", "/healthz", nil); r.code != http.StatusOK {
		t.Errorf("healthy: %d", r.code)
	}
	s.healthy = &Unhealthy{"no policy is loaded", errors.New("open /srv/site/policy: permission denied")}
	s.store.fail = errors.New("database is locked")
	if r := s.do(t, browser(t), "GET", "/healthz", nil); r.code != http.StatusServiceUnavailable || !strings.Contains(r.body, "no policy is loaded") || strings.Contains(r.body, "/srv") {
		t.Errorf("unhealthy: %d %s", r.code, r.body)
	}
}

func TestStoreDown(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "guard")
	s.store.fail = errors.New("database is locked")
	r := s.do(t, c, "GET", "/lane/north-1", nil)
	if r.code != http.StatusServiceUnavailable || strings.Contains(r.body, "locked") || !strings.Contains(r.body, "manual procedure") {
		t.Errorf("status %d: %s", r.code, r.body)
	}
}

func TestPanicIsAnError(t *testing.T) {
	s := newSite(t, func(c *Config, _ *httptest.Server) {
		c.Policy = func(context.Context, string) (PolicyDoc, error) { panic("secret detail") }
	})
	r := s.do(t, s.as(t, "auditor"), "GET", "/policy", nil)
	if r.code != http.StatusInternalServerError || strings.Contains(r.body, "secret") || !strings.Contains(r.body, r.header.Get("X-Request-Id")) {
		t.Errorf("status %d: %s", r.code, r.body)
	}
}

func TestAssets(t *testing.T) {
	s := newSite(t, nil)
	f, _ := s.ui.assets.Open("kiosk.js")
	r := s.do(t, browser(t), "GET", s.ui.assets.Path("kiosk.js"), nil)
	if r.code != http.StatusOK || r.body != string(f.Content) || !strings.Contains(r.header.Get("Cache-Control"), "immutable") {
		t.Errorf("versioned: %d %q", r.code, r.header.Get("Cache-Control"))
	}
	if r := s.do(t, browser(t), "GET", "/asset/kiosk.js?v=old", nil); r.header.Get("Cache-Control") != "no-store" {
		t.Error("another version is kept by the browser")
	}
	for _, name := range []string{"nothing.js", "..%2fserver.go", "asset.go"} {
		if r := s.do(t, browser(t), "GET", "/asset/"+name, nil); r.code != http.StatusNotFound {
			t.Errorf("%s: %d", name, r.code)
		}
	}
}

func TestBackOffice(t *testing.T) {
	s := newSite(t, nil)
	c := s.as(t, "auditor")
	for range rowsAtOnce + 3 {
		if _, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinGrant, Plate: "OLD 1"}); err != nil {
			t.Fatal(err)
		}
	}
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny, Plate: "AB 12"})
	if err != nil {
		t.Fatal(err)
	}
	r := s.do(t, c, "GET", "/passages", nil)
	if n := strings.Count(r.body, `href="/passages/`); n != rowsAtOnce {
		t.Errorf("%d rows, want %d", n, rowsAtOnce)
	}
	if !strings.Contains(r.body, `name="before" value="5"`) {
		t.Error("no way to older rows")
	}
	if r := s.do(t, c, "POST", "/passages", url.Values{"before": {"5"}}); strings.Count(r.body, `href="/passages/`) != 4 {
		t.Error("older rows are wrong")
	}
	for q, want := range map[string]int{"q=" + vinDeny: 1, "q=5yj+xcae4x+mf000001": 1, "q=ab+12": 1, "outcome=deny": 1, "q=nothing": 0} {
		form, err := url.ParseQuery(q)
		if err != nil {
			t.Fatal(err)
		}
		r := s.do(t, c, "POST", "/passages", form)
		if n := strings.Count(r.body, `href="/passages/`); n != want {
			t.Errorf("%s: %d rows, want %d", q, n, want)
		}
	}
	if r := s.do(t, c, "GET", "/passages?outcome=maybe", nil); r.code != http.StatusBadRequest {
		t.Errorf("bad outcome: %d", r.code)
	}
	// A VIN in an address would stay in the browser's history and in a proxy's log.
	if r := s.do(t, c, "GET", "/passages?q="+vinDeny, nil); r.code != http.StatusBadRequest || strings.Contains(r.body, vinDeny) {
		t.Errorf("a search by its address: %d", r.code)
	}
	if r := s.do(t, c, "GET", "/passages", nil); strings.Contains(r.body, `method="get"`) {
		t.Error("a form that puts what is searched for into an address")
	}
	if r := s.do(t, c, "GET", "/passages/none", nil); r.code != http.StatusNotFound {
		t.Errorf("unknown passage: %d", r.code)
	}
	r = s.do(t, c, "GET", "/passages/"+string(id), nil)
	for _, want := range []string{`href="https://www.tesla.com/ownersmanual/modelx/en_us/"`, "Quectel AG525R-GL", "dated 2021-10-05", "documented",
		"quectel controlled_from CN @ 2026-11-22", "Quectel has stated", "vehicle.make", "not known", "paper-baseline 1"} {
		if !strings.Contains(r.body, want) {
			t.Errorf("passage lacks %q", want)
		}
	}
	r = s.do(t, c, "POST", "/log", url.Values{})
	if r.code != http.StatusOK || !strings.Contains(r.body, "Every entry fits") || !strings.Contains(r.body, "1234") {
		t.Errorf("log: %d", r.code)
	}
	// The fleet manager sees no lanes and is led to what he may see.
	if r := s.do(t, s.as(t, "fleet-manager"), "GET", "/", nil); r.code != http.StatusSeeOther || r.header.Get("Location") != "/fleet" {
		t.Errorf("fleet manager: %d to %q", r.code, r.header.Get("Location"))
	}
}

// events reads a live stream event by event.
type events struct {
	r    *bufio.Reader
	stop context.CancelFunc
}

func (s *site) listen(t testing.TB, c *http.Client, path string) *events {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream: %d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	t.Cleanup(func() { cancel(); res.Body.Close() })
	e := &events{r: bufio.NewReader(res.Body), stop: cancel}
	if line, err := e.r.ReadString('\n'); err != nil || line != "retry: 500\n" {
		t.Fatalf("stream begins with %q, %v", line, err)
	}
	return e
}

// next is the next event of that name; others are skipped.
func (e *events) next(t testing.TB, name string) string {
	t.Helper()
	event := ""
	for {
		line, err := e.r.ReadString('\n')
		if err != nil {
			t.Fatalf("stream ended waiting for %q: %v", name, err)
		}
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			event = strings.TrimSpace(v)
		}
		if v, ok := strings.CutPrefix(line, "data: "); ok && event == name {
			return strings.TrimSpace(v)
		}
	}
}

func (e *events) lane(t testing.TB) message {
	t.Helper()
	var m message
	if err := json.Unmarshal([]byte(e.next(t, "lane")), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m message) html() string {
	var b strings.Builder
	for _, r := range m.Regions {
		b.WriteString(r.HTML)
	}
	return b.String()
}

func TestLiveScreen(t *testing.T) {
	s := newSite(t, func(_ *Config, srv *httptest.Server) {
		srv.Config.WriteTimeout, srv.Config.ReadTimeout = 300*time.Millisecond, 300*time.Millisecond
	})
	e := s.listen(t, s.as(t, "guard"), "/lane/north-1/events?lang=pl")
	m := e.lane(t)
	if len(m.Regions) != 3 || !strings.Contains(m.html(), "Gotowe") || m.Build != s.ui.assets.Version() {
		t.Fatalf("the first event is not the whole state: %+v", m)
	}
	// Beats go on long after the server's write timeout would have cut a
	// stream whose deadline is not renewed.
	for range 12 {
		if got := e.next(t, "beat"); got != "12:00:00" {
			t.Fatalf("beat %q", got)
		}
	}
	if _, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny}); err != nil {
		t.Fatal(err)
	}
	m = e.lane(t)
	if !strings.Contains(m.html(), "ODMOWA") || !strings.HasPrefix(m.Cue, "deny:") || m.Version != 1 {
		t.Errorf("verdict: %+v", m)
	}
	// What did not change is not sent again.
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Inbound = 2 })
	m = e.lane(t)
	if len(m.Regions) != 1 || m.Regions[0].Name != "status" || !strings.Contains(m.html(), "Czekają za nim: 2") {
		t.Errorf("a change of one region sends %+v", m)
	}
	// An instant that makes the sensors silent shows without a change of the
	// lane.
	s.clock.pass(10 * time.Minute)
	if m = e.lane(t); !strings.Contains(m.html(), "cisza od 12:00:00") {
		t.Errorf("silence: %+v", m)
	}
}

// One person, or what runs in one person's browser, cannot take the server with
// live screens; what ended does not count.
func TestLiveScreensAreBounded(t *testing.T) {
	s := newSite(t, nil)
	guard, supervisor := s.as(t, "guard"), s.as(t, "supervisor")
	var open []*events
	for range streamsAtOnce {
		open = append(open, s.listen(t, guard, "/lane/north-1/events"))
	}
	if r := s.do(t, guard, "GET", "/lane/north-1/events", nil); r.code != http.StatusTooManyRequests {
		t.Fatalf("one more: %d", r.code)
	}
	s.listen(t, supervisor, "/lane/north-1/events").lane(t)
	open[0].stop()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if release, ok := s.ui.limits.stream("u-guard"); ok {
			release()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a screen that was closed still counts")
		}
		runtime.Gosched()
	}
}

func TestLiveScreenEnds(t *testing.T) {
	ended := func(t *testing.T, e *events) {
		t.Helper()
		if _, err := io.Copy(io.Discard, e.r); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("stream did not end in order: %v", err)
		}
	}
	s := newSite(t, nil)
	t.Run("dropped as too slow", func(t *testing.T) {
		e := s.listen(t, s.as(t, "guard"), "/lane/north-1/events")
		e.lane(t)
		s.lanes.drop("north-1")
		ended(t, e)
	})
	t.Run("signed out elsewhere", func(t *testing.T) {
		e := s.listen(t, s.as(t, "guard"), "/lane/north-1/events")
		e.lane(t)
		s.store.mu.Lock()
		clear(s.store.sessions)
		s.store.mu.Unlock()
		e.next(t, "signin")
		ended(t, e)
	})
	t.Run("server closes", func(t *testing.T) {
		e := s.listen(t, s.as(t, "guard"), "/lane/north-1/events")
		e.lane(t)
		if err := s.Config.Shutdown(t.Context()); err != nil { // waits for streams that do not end
			t.Error(err)
		}
		ended(t, e)
	})
}
