package ui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
)

var errNoSession = errors.New("nobody is signed in")

const (
	langCookie  = "sallyport_lang"
	themeCookie = "sallyport_theme"
)

// sessionCookie is the cookie's name; with TLS the __Host- prefix makes the
// browser refuse one that another host or path tries to set.
func (s *Server) sessionCookie() string {
	if s.cfg.Secure {
		return "__Host-sallyport"
	}
	return "sallyport"
}

func (s *Server) setCookie(c echo.Context, name, value string, life time.Duration) {
	ck := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, Secure: s.cfg.Secure,
		SameSite: http.SameSiteStrictMode, MaxAge: int(life / time.Second),
	}
	if value == "" {
		ck.MaxAge = -1
	}
	c.SetCookie(ck)
}

// identify finds who sent the request by the session cookie.
func (s *Server) identify(k *call) error {
	none := func(err error) error {
		return refuse(http.StatusUnauthorized, "sign-in", fmt.Errorf("%w: %w", errNoSession, err))
	}
	ck, err := k.Cookie(s.sessionCookie())
	if err != nil {
		return none(err)
	}
	hash, err := auth.HashToken(ck.Value)
	if err != nil {
		return none(err)
	}
	ses, user, err := s.sessionOf(k.Request().Context(), hash)
	if err == nil && (ses.Kind == gate.SessionCode || ses.Kind == gate.SessionKiosk && ses.Address != k.RealIP()) {
		err = errNoSession
	}
	if err != nil {
		if errors.Is(err, gate.ErrNotFound) || errors.Is(err, errNoSession) {
			return none(err)
		}
		return refuse(http.StatusServiceUnavailable, "unavailable", fmt.Errorf("look up session: %w", err))
	}
	k.user, k.role, k.hash, k.session = user, auth.Role(user.Role), hash, ses
	k.Set("call", k)
	return nil
}

// sessionUser is the user of a session that holds now and sees what it asks for:
// what a live screen asks at each beat.
func (s *Server) sessionUser(ctx context.Context, hash [32]byte) (User, error) {
	ses, user, err := s.sessionOf(ctx, hash)
	switch {
	case err != nil:
		return User{}, err
	case ses.Kind == gate.SessionCode, ses.Kind == gate.SessionEnrol:
		return User{}, errNoSession
	case s.covered(ses):
		return User{}, errCovered
	}
	return user, nil
}

// sessionOf is a session that holds now, with its user.
func (s *Server) sessionOf(ctx context.Context, hash [32]byte) (Session, User, error) {
	ses, user, err := s.cfg.Store.SessionByHash(ctx, hash)
	if err != nil {
		return Session{}, User{}, err
	}
	if !s.cfg.Now().Before(ses.Expires) || user.Disabled {
		return Session{}, User{}, errNoSession
	}
	if ses.Device != "" { // a kiosk: it may have been revoked since
		d, err := s.cfg.Store.DeviceByID(ctx, ses.Device)
		if errors.Is(err, gate.ErrNotFound) || err == nil && d.Revoked {
			return Session{}, User{}, errNoSession
		} else if err != nil {
			return Session{}, User{}, err
		}
	}
	if _, err := auth.ParseRole(user.Role); err != nil {
		return Session{}, User{}, fmt.Errorf("%w: %w", errNoSession, err)
	}
	return ses, user, nil
}

// base is what every page of this request has.
func (s *Server) base(k *call) view.Base {
	if known, ok := k.Get("call").(*call); ok {
		k = known
	}
	req := k.Request()
	b := view.Base{
		Words: s.words.Words(s.language(k), s.cfg.Location), Languages: s.words.Languages(), Assets: s.assets,
		Site: s.cfg.Site, Path: req.URL.Path, Theme: "day", Now: s.cfg.Now(),
		Condition: s.cfg.Condition,
	}
	if req.Method != http.MethodGet {
		b.Path = "/"
	}
	if ck, err := k.Cookie(themeCookie); err == nil && ck.Value == "night" {
		b.Theme = "night"
	}
	if k.user.ID != "" {
		b.Person = &view.Person{Name: k.user.Name, Role: k.role}
	}
	b.Desk = s.cfg.Watch.there()
	if b.Desk && auth.May(k.role, auth.SeeAlarms) {
		open, _ := s.cfg.Watch.Alarms.Open()
		b.Ringing = len(notOf(k.user.Name, open))
	}
	return b
}

// language is chosen by the person's switch, else the person's own language,
// else the browser's, else the site's.
func (s *Server) language(k *call) string {
	var wanted []string
	if ck, err := k.Cookie(langCookie); err == nil {
		wanted = append(wanted, ck.Value)
	}
	wanted = append(wanted, k.user.Lang)
	if k.user.ID == "" {
		wanted = append(wanted, k.Request().Header.Get("Accept-Language"))
	}
	return s.words.Match(append(wanted, s.cfg.Language)...)
}

// prefs keeps language and theme in cookies of the browser.
func (s *Server) prefs(k *call) error {
	if err := parseForm(k); err != nil {
		return err
	}
	if l := k.FormValue("lang"); l != "" {
		if s.words.Match(l) != l {
			return bad("bad-request", "lang: %q is not offered", l)
		}
		s.setCookie(k, langCookie, l, 400*24*time.Hour)
	}
	switch t := k.FormValue("theme"); t {
	case "":
	case "day", "night":
		s.setCookie(k, themeCookie, t, 400*24*time.Hour)
	default:
		return bad("bad-request", "theme: %q is neither day nor night", t)
	}
	return k.Redirect(http.StatusSeeOther, localPath(k.FormValue("back")))
}

// localPath keeps a return address on this site: a path of its own, without
// the forms that browsers read as another host.
func localPath(p string) string {
	u, err := url.Parse(p)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.ContainsAny(p, "\\\t\r\n") {
		return "/"
	}
	clean := url.URL{Path: u.Path, RawQuery: u.RawQuery}
	return clean.String()
}

func signInAddress(r *http.Request) string {
	if r.URL.Path == "/" {
		return "/signin"
	}
	return "/signin?next=" + url.QueryEscape(r.URL.RequestURI())
}

func parseForm(k *call) error {
	if err := k.Request().ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return bad("bad-request", "form: %w", err)
	}
	return nil
}

// recognise finds who is signed in, on a page that asks for nobody.
func (s *Server) recognise(k *call) error {
	if err := s.identify(k); err != nil && !errors.Is(err, errNoSession) {
		return err
	}
	return nil
}

func (s *Server) signInPage(k *call) error {
	if err := s.recognise(k); err != nil {
		return err
	}
	next := localPath(k.QueryParam("next"))
	if k.user.ID != "" {
		return k.Redirect(http.StatusSeeOther, next)
	}
	if s.cfg.Access.Empty && s.cfg.Access.First.Open(s.cfg.Now()) {
		return k.Redirect(http.StatusSeeOther, "/first")
	}
	return s.showSignIn(k, http.StatusOK, "", next, "")
}

func (s *Server) showSignIn(k *call, status int, name, next, problem string) error {
	b := s.base(k)
	b.Path = "/signin"
	p := view.SignIn{Base: b, Name: name, Next: next, Problem: problem, Starts: s.cfg.Access.People != nil}
	if _, err := s.kioskHere(k); err == nil {
		p.Badge = s.cfg.Watch.there()
	}
	if s.cfg.Access.Provider != nil {
		p.Provider = s.cfg.Access.Provider.Name()
	}
	return s.page(k, status, p)
}

func (s *Server) signIn(k *call) error {
	if err := s.recognise(k); err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx := k.Request().Context()
	name, next := strings.TrimSpace(k.FormValue("name")), localPath(k.FormValue("next"))
	user, err := s.checkPassword(ctx, k.RealIP(), name, k.FormValue("password"))
	if err != nil {
		var f *fault
		if !errors.As(err, &f) || f.class == "internal" || f.status >= 500 {
			return err
		}
		s.cfg.Log.InfoContext(ctx, "sign-in refused", "address", k.RealIP(), "class", f.class, "error", f.err)
		return s.showSignIn(k, f.status, name, next, s.base(k).T("signin."+f.class, f.args...))
	}
	if next, err = s.proceed(k, user, next, false); err != nil {
		return err
	}
	if lane, ok := strings.CutPrefix(next, "/lane/"); ok {
		if _, known := s.cfg.Lanes.View(gate.LaneID(lane)); known {
			s.work(k, gate.LaneID(lane))
		}
	}
	return k.Redirect(http.StatusSeeOther, next)
}

func (s *Server) signOut(k *call) error {
	if err := s.leave(k); err != nil {
		return err
	}
	if _, err := s.kioskHere(k); err == nil && s.cfg.Watch.there() {
		return k.Redirect(http.StatusSeeOther, "/kiosk")
	}
	return k.Redirect(http.StatusSeeOther, "/signin")
}

// event puts something about people into the log. It must not keep a guard
// from the gate: when it fails, that is logged and the sign-in stands.
func (s *Server) event(ctx context.Context, kind gate.EventKind, by string) {
	if err := s.cfg.Store.RecordEvent(ctx, gate.Event{Kind: kind, At: s.cfg.Now().UTC(), By: by}); err != nil {
		s.cfg.Log.ErrorContext(ctx, "event not recorded", "event", kind, "error", err)
	}
}

// checkPassword finds the user whom name and password fit. Its refusals are
// faults of class "wrong" and "locked"; they do not tell whether the name
// exists.
func (s *Server) checkPassword(ctx context.Context, address, name, password string) (User, error) {
	// The turn comes first and the look at the lock second, so that a burst of
	// guesses sent at once is counted like one after the other.
	release, err := s.limits.hashing(ctx)
	if err != nil {
		return User{}, err
	}
	defer release()
	now := s.cfg.Now()
	if wait := s.limits.wait(address, name, now); wait > 0 {
		return User{}, &fault{status: http.StatusTooManyRequests, class: "locked",
			err: fmt.Errorf("locked for %s", wait), args: []any{int(wait/time.Second) + 1}}
	}
	user, err := s.cfg.Store.UserByName(ctx, name)
	known := err == nil
	if err != nil && !errors.Is(err, gate.ErrNotFound) {
		return User{}, refuse(http.StatusServiceUnavailable, "unavailable", fmt.Errorf("look up user: %w", err))
	}
	var ok, outdated bool
	if known && !user.Disabled && user.Hash != "" {
		if ok, outdated, err = auth.VerifyPassword(user.Hash, password); err != nil {
			return User{}, refuse(http.StatusInternalServerError, "internal", fmt.Errorf("user %q: %w", user.ID, err))
		}
	} else {
		auth.SpendVerification(password)
	}
	if !ok {
		if s.limits.failed(address, name, now) {
			s.event(ctx, gate.EventSignInFailed, "")
		}
		return User{}, refuse(http.StatusUnauthorized, "wrong", errors.New("name or password is wrong"))
	}
	s.limits.succeeded(name)
	if outdated {
		hash, err := auth.HashPassword(password)
		if err == nil {
			err = s.cfg.Store.SetUserHash(ctx, user.ID, hash)
		}
		if err != nil {
			s.cfg.Log.ErrorContext(ctx, "password not hashed anew", "error", err)
		}
	}
	return user, nil
}
