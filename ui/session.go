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
	user, err := s.sessionUser(k.Request().Context(), hash)
	if err != nil {
		if errors.Is(err, gate.ErrNotFound) || errors.Is(err, errNoSession) {
			return none(err)
		}
		return refuse(http.StatusServiceUnavailable, "unavailable", fmt.Errorf("look up session: %w", err))
	}
	k.user, k.role, k.hash = user, auth.Role(user.Role), hash
	k.Set("call", k)
	return nil
}

// sessionUser is the user of a session that holds now.
func (s *Server) sessionUser(ctx context.Context, hash [32]byte) (User, error) {
	ses, user, err := s.cfg.Store.SessionByHash(ctx, hash)
	if err != nil {
		return User{}, err
	}
	if !s.cfg.Now().Before(ses.Expires) || user.Disabled {
		return User{}, errNoSession
	}
	if _, err := auth.ParseRole(user.Role); err != nil {
		return User{}, fmt.Errorf("%w: %w", errNoSession, err)
	}
	return user, nil
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
	b := s.base(k)
	return s.page(k, http.StatusOK, view.SignIn{Base: b, Next: next})
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
		b := s.base(k)
		b.Path = "/signin"
		return s.page(k, f.status, view.SignIn{Base: b, Name: name, Next: next, Problem: b.T("signin."+f.class, f.args...)})
	}
	// A session that this browser already had ends here: a fixed or shared
	// cookie gains nothing from a sign-in.
	if k.user.ID != "" {
		if err := s.cfg.Store.DeleteSession(ctx, k.hash); err != nil {
			return fmt.Errorf("end the former session: %w", err)
		}
	}
	token, hash := auth.NewToken()
	now := s.cfg.Now()
	if err := s.cfg.Store.CreateSession(ctx, Session{TokenHash: hash, UserID: user.ID, Created: now, Expires: now.Add(s.cfg.SessionLife)}); err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	s.setCookie(k, s.sessionCookie(), token, s.cfg.SessionLife)
	s.event(ctx, gate.EventSignIn, user.Name)
	k.user, k.role = user, auth.Role(user.Role)
	if lane, ok := strings.CutPrefix(next, "/lane/"); ok {
		if _, known := s.cfg.Lanes.View(gate.LaneID(lane)); known {
			s.work(k, gate.LaneID(lane))
		}
	}
	return k.Redirect(http.StatusSeeOther, next)
}

func (s *Server) signOut(k *call) error {
	if err := s.recognise(k); err != nil {
		return err
	}
	if k.user.ID != "" {
		if err := s.cfg.Store.DeleteSession(k.Request().Context(), k.hash); err != nil {
			return fmt.Errorf("end session: %w", err)
		}
	}
	s.setCookie(k, s.sessionCookie(), "", 0)
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
	if known && !user.Disabled {
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
