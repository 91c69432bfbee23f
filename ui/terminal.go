package ui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
)

// kioskLife is how long a browser keeps the token that makes it a kiosk.
const kioskLife = 366 * 24 * time.Hour

func (s *Server) kioskCookie() string {
	if s.cfg.Secure {
		return "__Host-sallyport-kiosk"
	}
	return "sallyport_kiosk"
}

// errNoKiosk says that this browser is not an enrolled kiosk.
var errNoKiosk = errors.New("not an enrolled kiosk")

// kioskHere is the kiosk that this browser is: its token is good, the device is
// enrolled, and the request comes from the machine that it was first used on.
func (s *Server) kioskHere(k *call) (auth.Device, error) {
	if s.cfg.Access.People == nil {
		return auth.Device{}, errNoKiosk
	}
	ck, err := k.Cookie(s.kioskCookie())
	if err != nil {
		return auth.Device{}, errNoKiosk
	}
	return s.kioskOf(k, ck.Value)
}

func (s *Server) kioskOf(k *call, token string) (auth.Device, error) {
	ctx := k.Request().Context()
	d, err := s.cfg.Verifier.Verify(token, s.cfg.Now())
	if err != nil {
		return auth.Device{}, fmt.Errorf("%w: %w", errNoKiosk, err)
	}
	known, err := s.cfg.Store.DeviceByID(ctx, d.ID)
	switch {
	case errors.Is(err, gate.ErrNotFound):
		return auth.Device{}, fmt.Errorf("%w: device %q is not there", errNoKiosk, d.ID)
	case err != nil:
		return auth.Device{}, refuse(http.StatusServiceUnavailable, "unavailable", err)
	case known.Revoked || d.Kind != auth.KindKiosk || known.Kind != string(d.Kind) || known.Lane != d.Lane:
		return auth.Device{}, fmt.Errorf("%w: device %q is revoked, or no kiosk of lane %q", errNoKiosk, d.ID, d.Lane)
	}
	if _, ok := s.cfg.Lanes.View(gate.LaneID(d.Lane)); !ok {
		return auth.Device{}, fmt.Errorf("%w: there is no lane %q", errNoKiosk, d.Lane)
	}
	bound, err := s.cfg.Access.People.BindKiosk(ctx, d.ID, k.RealIP(), s.cfg.Now())
	if err != nil {
		return auth.Device{}, refuse(http.StatusServiceUnavailable, "unavailable", err)
	}
	if bound != k.RealIP() {
		if s.strays.news(d.ID+" "+k.RealIP(), s.cfg.Now()) {
			e := s.stamped(gate.EventKioskRefused, "", "device %s is enrolled at %s, its token came from %s", d.ID, bound, k.RealIP())
			e.Lane = gate.LaneID(d.Lane)
			if err := s.cfg.Store.RecordEvent(ctx, e); err != nil {
				s.cfg.Log.ErrorContext(ctx, "event not recorded", "event", e.Kind, "error", err)
			}
		}
		return auth.Device{}, fmt.Errorf("%w: device %q is bound to %s", errNoKiosk, d.ID, bound)
	}
	return d, nil
}

// strays are tokens of kiosks that came from elsewhere, so that each is recorded
// once an hour and not at every request. The zero value is ready.
type strays struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (t *strays) news(of string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.last[of]) < time.Hour {
		return false
	}
	if t.last == nil || len(t.last) >= maxTracked {
		t.last = map[string]time.Time{}
	}
	t.last[of] = now
	return true
}

// enrolments are the codes by which browsers become kiosks. They are kept here
// only, each for a few minutes. The zero value is ready.
type enrolments struct {
	mu   sync.Mutex
	open map[[32]byte]enrolment
}

type enrolment struct {
	by, name string
	lane     gate.LaneID
	until    time.Time
}

// The life of such a code, and how many are open at a time.
const (
	enrolCodeLife = 10 * time.Minute
	maxEnrolments = 64
)

func (e *enrolments) add(v enrolment, now time.Time) (code string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for h, o := range e.open {
		if !now.Before(o.until) {
			delete(e.open, h)
		}
	}
	if len(e.open) >= maxEnrolments {
		return "", refuse(http.StatusTooManyRequests, "too-many", errors.New("too many codes of kiosks are open"))
	}
	if e.open == nil {
		e.open = map[[32]byte]enrolment{}
	}
	code = auth.NewCode()
	e.open[auth.HashCode(code)] = v
	return code, nil
}

// take uses a code up.
func (e *enrolments) take(code string, now time.Time) (enrolment, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := auth.HashCode(code)
	v, ok := e.open[h]
	delete(e.open, h)
	return v, ok && now.Before(v.until)
}

func (s *Server) kioskPage(k *call) error { return s.showKiosk(k, http.StatusOK, "") }

// showKiosk is the screen between two guards, or of one that was locked.
func (s *Server) showKiosk(k *call, status int, problem string, args ...any) error {
	if _, err := s.people(); err != nil {
		return err
	}
	if err := s.recognise(k); err != nil {
		return err
	}
	b := s.base(k)
	b.Path, b.Person = "/kiosk", nil
	p := view.KioskSignIn{Base: b, Next: localPath(k.FormValue("next"))}
	if problem != "" {
		p.Problem = b.T(problem, args...)
	}
	d, err := s.kioskHere(k)
	switch {
	case errors.Is(err, errNoKiosk):
		return s.page(k, status, p)
	case err != nil:
		return err
	}
	lv, _ := s.cfg.Lanes.View(gate.LaneID(d.Lane))
	p.Enrolled, p.LaneID, p.Name, p.Waiting = true, d.Lane, lv.Name, lv.Passage != nil && lv.State == gate.Waiting
	if p.Next == "/" {
		p.Next = lanePath(lv.Lane)
	}
	if s.covered(k.session) {
		p.Covered = k.user.Name
	} else if badge, err := auth.Badge(k.FormValue("badge")); err == nil {
		p.Badge = badge
	}
	return s.page(k, status, p)
}

// enrolHere makes this browser a kiosk, by the code that an administrator drew or
// by the token of a device that was enrolled on the command line.
func (s *Server) enrolHere(k *call) error {
	if _, err := s.people(); err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx := k.Request().Context()
	if err := s.guess(k, "kiosk from "+k.RealIP()); err != nil {
		f := classify(err)
		return s.showKiosk(k, f.status, "signin.locked", f.args...)
	}
	token := strings.TrimSpace(k.FormValue("code"))
	if strings.Count(token, ".") != 2 {
		v, ok := s.enrolling.take(token, s.cfg.Now())
		if !ok || s.cfg.Access.Kiosks == nil {
			return s.showKiosk(k, http.StatusUnauthorized, "kiosk.enrol.wrong")
		}
		var err error
		if token, err = s.cfg.Access.Kiosks.Enrol(ctx, v.by, v.name, v.lane); err != nil {
			return err
		}
	}
	if _, err := s.kioskOf(k, token); errors.Is(err, errNoKiosk) {
		return s.showKiosk(k, http.StatusUnauthorized, "kiosk.enrol.wrong")
	} else if err != nil {
		return err
	}
	s.limits.succeeded("kiosk from " + k.RealIP())
	// Whoever enrolled it is not to stay signed in at the gate.
	if err := s.leave(k); err != nil {
		return err
	}
	s.setCookie(k, s.kioskCookie(), token, kioskLife)
	return k.Redirect(http.StatusSeeOther, "/kiosk")
}

// leave ends the session of this browser, if there is one.
func (s *Server) leave(k *call) error {
	if err := s.recognise(k); err != nil {
		return err
	}
	if k.user.ID != "" {
		if err := s.cfg.Store.DeleteSession(k.Request().Context(), k.hash); err != nil {
			return fmt.Errorf("end session: %w", err)
		}
	}
	s.setCookie(k, s.sessionCookie(), "", 0)
	return nil
}

// kioskSignIn signs a guard or supervisor in with badge and PIN, or opens a
// locked screen with the PIN of who works there.
func (s *Server) kioskSignIn(k *call) error {
	people, err := s.people()
	if err != nil {
		return err
	}
	if err := s.watching(); err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx, next := k.Request().Context(), localPath(k.FormValue("next"))
	d, err := s.kioskHere(k)
	if errors.Is(err, errNoKiosk) {
		return s.showKiosk(k, http.StatusForbidden, "")
	} else if err != nil {
		return err
	}
	if err := s.recognise(k); err != nil {
		return err
	}
	// The turn comes first and the look at the lock second, as for passwords.
	release, err := s.limits.hashing(ctx)
	if err != nil {
		return err
	}
	defer release()
	from := "badge at " + d.ID
	if wait := s.limits.wait(k.RealIP(), from, s.cfg.Now()); wait > 0 {
		return s.showKiosk(k, http.StatusTooManyRequests, "signin.locked", int(wait/time.Second)+1)
	}
	user, err := s.badgeUser(ctx, k, people)
	if err != nil && !errors.Is(err, gate.ErrNotFound) {
		return refuse(http.StatusServiceUnavailable, "unavailable", err)
	}
	// Whoever may not sign in here is refused after the same work, as an unknown
	// badge is: the PIN of a manager is neither confirmed nor counted.
	name := ""
	if err == nil && !user.Disabled && auth.MayUseKiosk(auth.Role(user.Role)) {
		name = user.Name
	}
	who, err := s.cfg.Watch.Desk.Confirm(ctx, gate.LaneID(d.Lane), name, k.FormValue("pin"))
	switch {
	case errors.Is(err, gate.ErrPINLocked):
		return s.showKiosk(k, http.StatusTooManyRequests, "kiosk.locked")
	case errors.Is(err, gate.ErrPINWrong):
		if s.limits.failed(k.RealIP(), from, s.cfg.Now()) {
			s.event(ctx, gate.EventSignInFailed, "")
		}
		return s.showKiosk(k, http.StatusUnauthorized, "kiosk.wrong")
	case err != nil:
		return err
	case who.Name != user.Name || name == "":
		return s.showKiosk(k, http.StatusUnauthorized, "kiosk.wrong")
	}
	s.limits.succeeded(from)
	if err := s.begin(k, user, gate.SessionKiosk, d.ID, s.cfg.SessionLife); err != nil {
		return err
	}
	if next == "/" {
		next = lanePath(gate.LaneID(d.Lane))
	}
	if next == lanePath(gate.LaneID(d.Lane)) {
		s.work(k, gate.LaneID(d.Lane))
	}
	return k.Redirect(http.StatusSeeOther, next)
}

// badgeUser is whose badge was read; without one, whose screen is locked.
func (s *Server) badgeUser(ctx context.Context, k *call, people People) (User, error) {
	badge, err := auth.Badge(k.FormValue("badge"))
	switch {
	case err != nil:
		return User{}, gate.ErrNotFound
	case badge != "":
		return people.UserByBadge(ctx, badge)
	case k.user.ID != "" && k.session.Kind == gate.SessionKiosk:
		return k.user, nil
	}
	return User{}, gate.ErrNotFound
}

// cover locks the screen of a kiosk by hand.
func (s *Server) cover(k *call) error {
	if k.session.Kind == gate.SessionKiosk && s.cfg.Access.People != nil {
		if err := s.cfg.Access.People.SeeSession(k.Request().Context(), k.hash, time.Time{}); err != nil {
			return err
		}
	}
	return k.Redirect(http.StatusSeeOther, "/kiosk")
}

// here says that somebody is at the screen, which the use of every route does.
func (s *Server) here(k *call) error { return k.NoContent(http.StatusNoContent) }

func (s *Server) kiosks() (Kiosks, error) {
	if s.cfg.Access.Kiosks == nil {
		return nil, refuse(http.StatusNotFound, "not-found", errors.New("kiosks are not enrolled here"))
	}
	return s.cfg.Access.Kiosks, nil
}

func (s *Server) kiosksPage(k *call) error { return s.showKiosks(k, "", time.Time{}) }

func (s *Server) showKiosks(k *call, code string, until time.Time) error {
	kiosks, err := s.kiosks()
	if err != nil {
		return err
	}
	list, err := kiosks.List(k.Request().Context())
	if err != nil {
		return err
	}
	b := s.base(k)
	b.Path = "/kiosks"
	scheme := "http"
	if s.cfg.Secure {
		scheme = "https"
	}
	p := view.Kiosks{Base: b, Code: code, Until: until, Address: scheme + "://" + k.Request().Host + "/kiosk"}
	for _, x := range list {
		p.Rows = append(p.Rows, view.KioskRow(x))
	}
	for _, lv := range s.cfg.Lanes.Lanes() {
		p.Lanes = append(p.Lanes, view.Pick{Value: string(lv.Lane), Label: lv.Name})
	}
	return s.page(k, http.StatusOK, p)
}

// maxKioskName is the longest name of a kiosk, in bytes.
const maxKioskName = 60

func (s *Server) addKiosk(k *call) error {
	if _, err := s.kiosks(); err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	name, lane := strings.TrimSpace(k.FormValue("name")), gate.LaneID(k.FormValue("lane"))
	if name == "" || len(name) > maxKioskName {
		return bad("bad-request", "name: one to %d bytes", maxKioskName)
	}
	if _, ok := s.cfg.Lanes.View(lane); !ok {
		return refuse(http.StatusNotFound, "not-found", fmt.Errorf("lane %q: %w", lane, gate.ErrUnknownLane))
	}
	now := s.cfg.Now()
	v := enrolment{by: k.user.Name, name: name, lane: lane, until: now.Add(enrolCodeLife)}
	code, err := s.enrolling.add(v, now)
	if err != nil {
		return err
	}
	return s.showKiosks(k, code, v.until)
}

func (s *Server) revokeKiosk(k *call) error {
	kiosks, err := s.kiosks()
	if err != nil {
		return err
	}
	if err := kiosks.Revoke(k.Request().Context(), k.user.Name, k.Param("id")); err != nil {
		return err
	}
	return k.Redirect(http.StatusSeeOther, "/kiosks")
}
