package ui

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
)

// peopled is a site with people of its own.
type peopled struct {
	*site
	people *fakePeople
	code   string // of the first administrator
}

func newPeopled(t testing.TB, change func(*Config, *fakePeople)) *peopled {
	t.Helper()
	p := &peopled{}
	kiosks := &fakeKiosks{}
	p.site = newSite(t, func(cfg *Config, _ *httptest.Server) {
		store := cfg.Store.(*fakeStore)
		kiosks.store, kiosks.now = store, cfg.Now
		p.people = newFakePeople(store, nil)
		cfg.Access = Access{People: p.people, Codes: true, Idle: 10 * time.Minute, Kiosks: kiosks}
		if change != nil {
			change(cfg, p.people)
		}
	})
	kiosks.issuer, p.people.memory = p.issuer, p.memory
	for name, badge := range map[string]string{"guard": "1001", "supervisor": "1002", "administrator": "1006"} {
		u := p.store.users[name]
		u.Badge, u.HasPIN = badge, true
		p.store.users[name] = u
	}
	return p
}

// fakeKiosks enrols into the fakeStore.
type fakeKiosks struct {
	store  *fakeStore
	issuer *auth.Issuer
	now    func() time.Time
}

func (f *fakeKiosks) Enrol(_ context.Context, _, name string, lane gate.LaneID) (string, error) {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	id := fmt.Sprintf("kiosk-%d", len(f.store.devices)+1)
	f.store.devices[id] = Device{ID: id, Kind: "kiosk", Lane: string(lane), Created: f.now()}
	return f.issuer.Mint(auth.Device{ID: id, Kind: auth.KindKiosk, Lane: string(lane)}, f.now(), 24*time.Hour)
}

func (f *fakeKiosks) List(context.Context) ([]Kiosk, error) {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	var out []Kiosk
	for _, d := range f.store.devices {
		out = append(out, Kiosk{ID: d.ID, Name: "Terminal", Lane: d.Lane, Created: d.Created, Revoked: d.Revoked})
	}
	return out, nil
}

func (f *fakeKiosks) Revoke(_ context.Context, _, id string) error {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	d, ok := f.store.devices[id]
	if !ok {
		return gate.ErrNotFound
	}
	d.Revoked = true
	f.store.devices[id] = d
	return nil
}

// send posts a form, or gets a page where there is none, and returns status,
// where it leads, and the page.
func (p *peopled) send(t testing.TB, c *http.Client, path string, form url.Values) (int, string, string) {
	t.Helper()
	var res *http.Response
	var err error
	if form == nil {
		res, err = c.Get(p.URL + path)
	} else {
		res, err = c.PostForm(p.URL+path, form)
	}
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Location"), read(t, res)
}

func (p *peopled) want(t testing.TB, c *http.Client, path string, form url.Values, status int, to string) string {
	t.Helper()
	got, where, page := p.send(t, c, path, form)
	if got != status || where != to {
		t.Fatalf("%s: %d to %q, want %d to %q\n%s", path, got, where, status, to, page)
	}
	return page
}

var secretOnPage = regexp.MustCompile(`<p class="handover">((?:<span>[A-Z2-7]{4}</span> ?)+)</p>`)
var codeOnPage = regexp.MustCompile(`[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}`)

func (p *peopled) codeNow(t testing.TB, secret string, off int64) string {
	t.Helper()
	c, err := auth.CodeAt(secret, auth.CodeStep(p.clock.now())+off)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// setUp signs a manager in for the first time and sets up one-time codes.
func (p *peopled) setUp(t testing.TB, name string) (c *http.Client, secret string, recovery []string) {
	t.Helper()
	c = browser(t)
	p.want(t, c, "/signin", url.Values{"name": {name}, "password": {password}}, http.StatusSeeOther, "/me/codes?next=%2F")
	p.want(t, c, "/policy", nil, http.StatusSeeOther, "/me/codes?next=%2Fpolicy")
	m := secretOnPage.FindStringSubmatch(p.want(t, c, "/me/codes", nil, http.StatusOK, ""))
	if m == nil {
		t.Fatal("no secret on the page")
	}
	secret = strings.NewReplacer("<span>", "", "</span>", "", " ", "").Replace(m[1])
	p.want(t, c, "/me/codes", url.Values{"code": {"000000"}}, http.StatusBadRequest, "")
	page := p.want(t, c, "/me/codes", url.Values{"code": {p.codeNow(t, secret, 0)}}, http.StatusOK, "")
	recovery = codeOnPage.FindAllString(page, -1)
	if len(recovery) != auth.RecoveryCodes {
		t.Fatalf("%d recovery codes", len(recovery))
	}
	p.want(t, c, "/policy", nil, http.StatusOK, "")
	return c, secret, recovery
}

func TestOneTimeCodes(t *testing.T) {
	p := newPeopled(t, nil)
	first, secret, recovery := p.setUp(t, "security-manager")
	used := p.codeNow(t, secret, 0)
	p.clock.pass(time.Minute)

	half := func() *http.Client {
		t.Helper()
		c := browser(t)
		p.want(t, c, "/signin", url.Values{"name": {"security-manager"}, "password": {password}}, http.StatusSeeOther, "/signin/code?next=%2F")
		// The password alone opens nothing.
		p.want(t, c, "/policy", nil, http.StatusSeeOther, "/signin?next=%2Fpolicy")
		p.want(t, c, "/me/codes", nil, http.StatusSeeOther, "/signin?next=%2Fme%2Fcodes")
		return c
	}
	c := half()
	p.want(t, c, "/signin/code", url.Values{"code": {used}}, http.StatusUnauthorized, "")
	p.want(t, c, "/signin/code", url.Values{"code": {"12345"}}, http.StatusUnauthorized, "")
	good := p.codeNow(t, secret, 0)
	before := cookieOf(t, p, c)
	p.want(t, c, "/signin/code", url.Values{"code": {good}}, http.StatusSeeOther, "/")
	if after := cookieOf(t, p, c); after == before {
		t.Error("the session of the password became the one of the code: it was there to be fixed")
	}
	p.want(t, c, "/policy", nil, http.StatusOK, "")
	// The same code again, from another browser, in the same minute.
	c = half()
	p.want(t, c, "/signin/code", url.Values{"code": {good}}, http.StatusUnauthorized, "")
	p.want(t, c, "/signin/code", url.Values{"code": {strings.ToLower(recovery[0])}}, http.StatusSeeOther, "/")
	c = half()
	p.want(t, c, "/signin/code", url.Values{"code": {recovery[0]}}, http.StatusUnauthorized, "")
	// Guesses lock, whatever the browser.
	locked := false
	for range 12 {
		status, _, _ := p.send(t, half(), "/signin/code", url.Values{"code": {"000000"}})
		locked = locked || status == http.StatusTooManyRequests
	}
	if !locked {
		t.Error("one-time codes can be guessed at leisure")
	}
	p.want(t, first, "/policy", nil, http.StatusOK, "")
	// Without the code page: a password does not replace what is set up.
	if u := p.store.users["security-manager"]; u.Secret != secret {
		t.Error("the secret was changed")
	}
}

func cookieOf(t testing.TB, p *peopled, c *http.Client) string {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, ck := range c.Jar.Cookies(u) {
		if ck.Name == "sallyport" {
			return ck.Value
		}
	}
	return ""
}

func TestFirstAdministrator(t *testing.T) {
	var code string
	p := newPeopled(t, func(cfg *Config, people *fakePeople) {
		clear(people.users)
		cfg.Access.First, code = auth.NewFirst(cfg.Now())
		cfg.Access.Empty = true
	})
	clear(p.store.users)
	c := browser(t)
	p.want(t, c, "/signin", nil, http.StatusSeeOther, "/first")
	p.want(t, c, "/first", nil, http.StatusOK, "")
	form := func(code, name, pw string) url.Values {
		return url.Values{"code": {code}, "name": {name}, "password": {pw}, "again": {pw}}
	}
	p.want(t, c, "/first", form("AAAA-BBBB-CCCC", "Ada Nowak", password), http.StatusUnauthorized, "")
	p.want(t, c, "/first", form(code, "Ada Nowak", "short"), http.StatusBadRequest, "")
	p.want(t, c, "/first", form(code, " \u202e", password), http.StatusBadRequest, "")
	if len(p.store.users) != 0 {
		t.Fatal("somebody was made all the same")
	}
	p.want(t, c, "/first", form(strings.ToLower(code), "Ada Nowak", password), http.StatusSeeOther, "/me/codes?next=%2Fpeople")
	if u := p.store.users["Ada Nowak"]; u.Role != "administrator" {
		t.Fatalf("%+v", u)
	}
	// It works once, and then there is nothing to open.
	p.want(t, browser(t), "/first", form(code, "Mal Ory", password), http.StatusUnauthorized, "")
	p.want(t, browser(t), "/signin", nil, http.StatusOK, "")
	p.want(t, browser(t), "/first", nil, http.StatusSeeOther, "/signin")
	for _, e := range p.store.events {
		if strings.Contains(e.Detail, code) {
			t.Error("the code stands in the log")
		}
	}
	// Guessing ends the code for good.
	var other string
	q := newPeopled(t, func(cfg *Config, _ *fakePeople) {
		cfg.Access.First, other = auth.NewFirst(cfg.Now())
		cfg.Access.Empty = true
	})
	clear(q.store.users)
	for range auth.FirstTries {
		q.send(t, browser(t), "/first", form("AAAA-BBBB-CCCC", "Mal Ory", password))
		q.clock.pass(6 * time.Minute)
	}
	q.want(t, browser(t), "/first", form(other, "Mal Ory", password), http.StatusUnauthorized, "")
}

func TestPeoplePages(t *testing.T) {
	p := newPeopled(t, func(cfg *Config, _ *fakePeople) {
		cfg.Access.Fleets = func(context.Context) ([]Fleet, error) { return []Fleet{{"f1", "Lorries <i>"}, {"f2", "Buses"}}, nil }
	})
	admin := p.as(t, "administrator")
	page := p.want(t, admin, "/people", url.Values{"name": {"Zofia Żak"}, "role": {"fleet-manager"}, "lang": {"pl"}, "badge": {"04:a2"}, "fleet": {"f2"}}, http.StatusOK, "")
	start := codeOnPage.FindString(page)
	u := p.store.users["Zofia Żak"]
	if start == "" || u.Badge != "04A2" || len(u.Fleets) != 1 || u.Fleets[0] != "f2" || u.Hash != "" || strings.Contains(u.StartHash, start) {
		t.Fatalf("%q, %#v", start, u)
	}
	for _, bad := range []url.Values{
		{"name": {"Zofia Żak"}, "role": {"guard"}}, {"name": {"Zofia Zak\u200b"}, "role": {"guard"}}, {"name": {"x"}, "role": {"root"}},
		{"name": {"y"}, "role": {"guard"}, "badge": {"04A2"}}, {"name": {"z"}, "role": {"guard"}, "badge": {"<b>"}}, {"name": {"w"}, "role": {"fleet-manager"}, "fleet": {"f9"}},
	} {
		if status, _, _ := p.send(t, admin, "/people", bad); status < 400 || status >= 500 {
			t.Errorf("%v: %d", bad, status)
		}
	}
	// Nobody signs in without having started; the start code is wrong for others.
	p.want(t, browser(t), "/signin", url.Values{"name": {"Zofia Żak"}, "password": {""}}, http.StatusUnauthorized, "")
	const chosen = "zielona lokomotywa"
	form := func(name, code string) url.Values {
		return url.Values{"name": {name}, "code": {code}, "password": {chosen}, "again": {chosen}}
	}
	p.want(t, browser(t), "/start", form("Zofia Żak", "AAAA-BBBB-CCCC"), http.StatusUnauthorized, "")
	p.want(t, browser(t), "/start", form("guard", start), http.StatusUnauthorized, "")
	fleet := browser(t)
	p.want(t, fleet, "/start", form("Zofia Żak", start), http.StatusSeeOther, "/me/codes?next=%2F")
	p.want(t, browser(t), "/start", form("Zofia Żak", start), http.StatusUnauthorized, "")
	// A role that changes ends what is open, at once.
	guard := p.as(t, "guard")
	p.want(t, guard, "/me", nil, http.StatusOK, "")
	p.want(t, admin, "/people/u-guard", url.Values{"do": {"save"}, "role": {"supervisor"}, "badge": {"1001"}}, http.StatusSeeOther, "/people/u-guard?done=1")
	p.want(t, guard, "/me", nil, http.StatusSeeOther, "/signin?next=%2Fme")
	// The last administrator stays.
	p.want(t, admin, "/people/u-administrator", url.Values{"do": {"save"}, "role": {"guard"}}, http.StatusConflict, "")
	p.want(t, admin, "/people/u-administrator", url.Values{"do": {"disable"}}, http.StatusConflict, "")
	// One session of somebody, then all.
	one, two := p.as(t, "auditor"), p.as(t, "auditor")
	list, err := p.people.SessionsOf(t.Context(), "u-auditor")
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	p.want(t, admin, "/people/u-auditor/sessions", url.Values{"end": {list[0].ID()}}, http.StatusSeeOther, "/people/u-auditor")
	gone := 0
	for _, c := range []*http.Client{one, two} {
		if status, _, _ := p.send(t, c, "/me", nil); status == http.StatusSeeOther {
			gone++
		}
	}
	if gone != 1 {
		t.Errorf("%d sessions ended, want one", gone)
	}
	p.want(t, admin, "/people/u-auditor/sessions", url.Values{"end": {"all"}}, http.StatusSeeOther, "/people/u-auditor")
	for _, c := range []*http.Client{one, two} {
		p.want(t, c, "/me", nil, http.StatusSeeOther, "/signin?next=%2Fme")
	}
	// Whoever is reset is out, and starts anew.
	p.want(t, p.as(t, "auditor"), "/people", nil, http.StatusForbidden, "")
	page = p.want(t, admin, "/people/u-auditor", url.Values{"do": {"reset"}}, http.StatusOK, "")
	if codeOnPage.FindString(page) == "" || p.store.users["auditor"].Hash != "" {
		t.Error("not reset")
	}
	for _, e := range p.store.events {
		if strings.Contains(e.Detail, start) {
			t.Error("a start code stands in the log")
		}
	}
}

// enrol makes a browser the kiosk of the lane.
func (p *peopled) enrol(t testing.TB) *http.Client {
	t.Helper()
	page := p.want(t, p.as(t, "administrator"), "/kiosks", url.Values{"name": {"Gate <b>"}, "lane": {"north-1"}}, http.StatusOK, "")
	code := codeOnPage.FindString(page)
	c := browser(t)
	p.want(t, c, "/kiosk/enrol", url.Values{"code": {"AAAA-BBBB-CCCC"}}, http.StatusUnauthorized, "")
	p.want(t, c, "/kiosk/enrol", url.Values{"code": {code}}, http.StatusSeeOther, "/kiosk")
	p.want(t, browser(t), "/kiosk/enrol", url.Values{"code": {code}}, http.StatusUnauthorized, "")
	return c
}

func TestKioskSwitch(t *testing.T) {
	p := newPeopled(t, nil)
	enter := func(badge, pin string) url.Values { return url.Values{"badge": {badge}, "pin": {pin}} }
	// A browser that is no kiosk takes no badge.
	p.want(t, browser(t), "/kiosk/signin", enter("1001", pinGuard), http.StatusForbidden, "")
	c := p.enrol(t)
	p.want(t, c, "/kiosk/signin", enter("1001", pinSupervisor), http.StatusUnauthorized, "")
	p.want(t, c, "/kiosk/signin", enter("10 01", pinGuard), http.StatusSeeOther, "/lane/north-1")
	guard := cookieOf(t, p, c)
	p.want(t, c, "/lane/north-1", nil, http.StatusOK, "")
	// Another guard takes over in one step; the former session is over.
	p.want(t, c, "/kiosk/signin", enter("1002", pinSupervisor), http.StatusSeeOther, "/lane/north-1")
	old := browser(t)
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	old.Jar.SetCookies(u, []*http.Cookie{{Name: "sallyport", Value: guard}})
	p.want(t, old, "/lane/north-1", nil, http.StatusSeeOther, "/signin?next=%2Flane%2Fnorth-1")
	// Nobody above a supervisor, with whatever PIN.
	phc, err := auth.SetPIN("7391")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.memory.SetPIN(t.Context(), "administrator", phc); err != nil {
		t.Fatal(err)
	}
	p.want(t, c, "/kiosk/signin", enter("1006", "7391"), http.StatusUnauthorized, "")
	// Under duress the lane opens as ever, and help is called.
	last := string(rune('0' + (pinGuard[len(pinGuard)-1]-'0'+1)%10))
	p.want(t, c, "/kiosk/signin", enter("1001", pinGuard[:len(pinGuard)-1]+last), http.StatusSeeOther, "/lane/north-1")
	// PINs cannot be guessed.
	var locked bool
	for i := range 10 {
		status, _, _ := p.send(t, c, "/kiosk/signin", enter("1002", fmt.Sprintf("90%02d", i)))
		locked = locked || status == http.StatusTooManyRequests
		p.clock.pass(time.Minute)
	}
	if !locked {
		t.Error("PINs can be guessed at leisure")
	}
	if status, _, _ := p.send(t, c, "/kiosk/signin", enter("1002", pinSupervisor)); status == http.StatusSeeOther {
		t.Error("the right PIN opens while it is locked")
	}
}

// The token of a kiosk is of no use on another machine, nor after it is revoked;
// and then whoever signed in with it is out.
func TestKioskToken(t *testing.T) {
	p := newPeopled(t, nil)
	c := p.enrol(t)
	enter := url.Values{"badge": {"1001"}, "pin": {pinGuard}}
	p.want(t, c, "/kiosk/signin", enter, http.StatusSeeOther, "/lane/north-1")
	p.people.mu.Lock()
	for id := range p.people.bound {
		p.people.bound[id] = "192.0.2.99" // where the kiosk stands; the cookie came elsewhere
	}
	p.people.mu.Unlock()
	stray := browser(t)
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, ck := range c.Jar.Cookies(u) {
		if ck.Name == "sallyport_kiosk" {
			stray.Jar.SetCookies(u, []*http.Cookie{ck})
		}
	}
	p.want(t, stray, "/kiosk/signin", enter, http.StatusForbidden, "")
	told := 0
	for _, e := range p.store.events {
		if e.Kind == gate.EventKioskRefused {
			told++
		}
	}
	if told != 1 {
		t.Errorf("%d records of a stray token, want one", told)
	}
	p.people.mu.Lock()
	clear(p.people.bound)
	p.people.mu.Unlock()
	p.want(t, c, "/lane/north-1", nil, http.StatusOK, "")
	p.want(t, p.as(t, "administrator"), "/kiosks/kiosk-1/revoke", url.Values{}, http.StatusSeeOther, "/kiosks")
	p.want(t, c, "/lane/north-1", nil, http.StatusSeeOther, "/signin?next=%2Flane%2Fnorth-1")
	p.want(t, c, "/kiosk/signin", enter, http.StatusForbidden, "")
	// Nor is a forged one, or that of another kind of device.
	for name, token := range map[string]string{"none": "eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.eyJzdWIiOiJraW9zay0xIn0.", "sensor": p.token(t, "s1", auth.KindSensor)} {
		forged := browser(t)
		forged.Jar.SetCookies(u, []*http.Cookie{{Name: "sallyport_kiosk", Value: token}})
		if status, _, _ := p.send(t, forged, "/kiosk/signin", enter); status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
		if status, _, _ := p.send(t, browser(t), "/kiosk/enrol", url.Values{"code": {token}}); status != http.StatusUnauthorized {
			t.Errorf("%s enrols: %d", name, status)
		}
	}
}

func (p *peopled) token(t testing.TB, id string, kind auth.DeviceKind) string {
	t.Helper()
	p.store.mu.Lock()
	p.store.devices[id] = Device{ID: id, Kind: string(kind), Lane: "north-1"}
	p.store.mu.Unlock()
	tok, err := p.issuer.Mint(auth.Device{ID: id, Kind: kind, Lane: "north-1"}, p.clock.now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestIdleKioskIsCovered(t *testing.T) {
	p := newPeopled(t, nil)
	c := p.enrol(t)
	p.want(t, c, "/kiosk/signin", url.Values{"badge": {"1001"}, "pin": {pinGuard}}, http.StatusSeeOther, "/lane/north-1")
	p.clock.pass(9 * time.Minute)
	p.want(t, c, "/kiosk/here", url.Values{}, http.StatusNoContent, "")
	p.clock.pass(9 * time.Minute)
	p.want(t, c, "/lane/north-1", nil, http.StatusOK, "")
	// A live screen is no sign that somebody is there, and ends when it is covered.
	res, err := c.Get(p.URL + "/lane/north-1/events")
	if err != nil {
		t.Fatal(err)
	}
	p.clock.pass(11 * time.Minute)
	if got := read(t, res); !strings.Contains(got, "event: signin") {
		t.Errorf("the live screen of a locked kiosk ended with %q", got)
	}
	p.want(t, c, "/lane/north-1", nil, http.StatusSeeOther, "/kiosk?next=%2Flane%2Fnorth-1")
	if page := p.want(t, c, "/kiosk?next=%2Flane%2Fnorth-1", nil, http.StatusOK, ""); !strings.Contains(page, `data-lane="/lane/north-1/"`) {
		t.Error("nobody could call for help from the locked screen")
	}
	p.want(t, c, "/lane/north-1/act", url.Values{"kind": {"open"}}, http.StatusLocked, "")
	p.want(t, c, "/me", nil, http.StatusSeeOther, "/kiosk?next=%2Fme")
	// The lane goes on: a vehicle comes in, and help is called.
	p.want(t, c, "/lane/north-1/arrivals", url.Values{"vin": {vinGrant}}, http.StatusSeeOther, "/lane/north-1")
	p.want(t, c, "/lane/north-1/duress", url.Values{}, http.StatusNoContent, "")
	p.want(t, c, "/lane/north-1", nil, http.StatusSeeOther, "/kiosk?next=%2Flane%2Fnorth-1")
	p.want(t, c, "/kiosk/signin", url.Values{"pin": {"0000"}}, http.StatusUnauthorized, "")
	p.want(t, c, "/kiosk/signin", url.Values{"pin": {pinGuard}, "next": {"//evil.example/x"}}, http.StatusSeeOther, "/lane/north-1")
	p.want(t, c, "/lane/north-1", nil, http.StatusOK, "")
	p.want(t, c, "/kiosk/cover", url.Values{}, http.StatusSeeOther, "/kiosk")
	p.want(t, c, "/lane/north-1", nil, http.StatusSeeOther, "/kiosk?next=%2Flane%2Fnorth-1")
}

func TestLockOutOutlivesARestart(t *testing.T) {
	p := newPeopled(t, nil)
	for range 8 {
		p.send(t, browser(t), "/signin", url.Values{"name": {"Guard"}, "password": {"wrong wrong"}})
	}
	again, err := New(p.ui.cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(again.Handler())
	defer srv.Close()
	res, err := browser(t).PostForm(srv.URL+"/signin", url.Values{"name": {"guard"}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	if read(t, res); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("after a restart: %d", res.StatusCode)
	}
	for _, k := range p.people.tries {
		if strings.Contains(strings.ToLower(k.Of), "guard") {
			t.Error("what was typed is kept as it was")
		}
	}
}

func TestOwnAccount(t *testing.T) {
	p := newPeopled(t, nil)
	c, other := p.as(t, "guard"), p.as(t, "guard")
	const chosen = "eine gelbe Straßenbahn"
	change := func(old, pw, again string) url.Values {
		return url.Values{"do": {"password"}, "password": {old}, "new": {pw}, "again": {again}}
	}
	p.want(t, c, "/me", change("wrong wrong", chosen, chosen), http.StatusForbidden, "")
	p.want(t, c, "/me", change(password, chosen, "x"), http.StatusBadRequest, "")
	p.want(t, c, "/me", change(password, "short", "short"), http.StatusBadRequest, "")
	before := cookieOf(t, p, c)
	p.want(t, c, "/me", change(password, chosen, chosen), http.StatusSeeOther, "/me?done=me.password.done")
	if cookieOf(t, p, c) == before {
		t.Error("the session is the one of before")
	}
	p.want(t, c, "/me", nil, http.StatusOK, "")
	p.want(t, other, "/me", nil, http.StatusSeeOther, "/signin?next=%2Fme")
	p.want(t, browser(t), "/signin", url.Values{"name": {"guard"}, "password": {password}}, http.StatusUnauthorized, "")
	pin := func(pin string) url.Values {
		return url.Values{"do": {"pin"}, "password": {chosen}, "pin": {pin}, "again": {pin}}
	}
	p.want(t, c, "/me", pin("1234"), http.StatusBadRequest, "")
	p.want(t, c, "/me", pin("72913"), http.StatusSeeOther, "/me?done=me.pin.done")
	p.want(t, c, "/me", url.Values{"do": {"lang"}, "lang": {"xx"}}, http.StatusBadRequest, "")
	p.want(t, c, "/me", url.Values{"do": {"lang"}, "lang": {"pl"}}, http.StatusSeeOther, "/me?done=people.saved")
	if page := p.want(t, c, "/me?done=%3Cb%3E", nil, http.StatusOK, ""); !strings.Contains(page, "Moje konto") || strings.Contains(page, `role="status"`) {
		t.Error("language, or what the address says")
	}
}

// read is the whole answer; a live one is read to its end.
func read(t testing.TB, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
