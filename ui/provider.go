package ui

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
)

// Provider is an OpenID Connect provider. It may be called concurrently.
type Provider interface {
	// Name is what people call it.
	Name() string
	// Begin is the address at which the provider asks who somebody is, with the
	// challenge of a PKCE verifier (RFC 7636).
	Begin(ctx context.Context, state, nonce, verifier string) (address string, err error)
	// Finish exchanges the code and checks what the provider signed: signature,
	// issuer, audience, expiry and nonce. ErrRefused says that it is not in order,
	// or that the site gives that person no role.
	Finish(ctx context.Context, code, nonce, verifier string) (Claimed, error)
}

// Claimed is who a provider says somebody is.
type Claimed struct {
	Subject string // issuer and subject: never another person's
	Name    string
	Role    auth.Role
	Strong  bool // the provider asked for a second factor
}

// ErrRefused says that a provider did not say who somebody is.
var ErrRefused = errors.New("the identity provider's answer is refused")

// asked are the sign-ins that are at the provider just now, by state. They are
// forgotten at a restart. The zero value is ready.
type asked struct {
	mu   sync.Mutex
	open map[string]asking
}

type asking struct {
	browser         string // the value of the cookie of the browser that asked
	nonce, verifier string
	next            string
	until           time.Time
}

const (
	askingLife = 10 * time.Minute
	maxAsking  = 1024
)

func (a *asked) add(state string, v asking, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s, o := range a.open {
		if !now.Before(o.until) {
			delete(a.open, s)
		}
	}
	if len(a.open) >= maxAsking {
		return refuse(http.StatusTooManyRequests, "too-many", errors.New("too many sign-ins are at the identity provider"))
	}
	if a.open == nil {
		a.open = map[string]asking{}
	}
	a.open[state] = v
	return nil
}

func (a *asked) take(state string, now time.Time) (asking, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, ok := a.open[state]
	delete(a.open, state)
	return v, ok && now.Before(v.until)
}

func (s *Server) askingCookie() string {
	if s.cfg.Secure {
		return "__Host-sallyport-asking"
	}
	return "sallyport_asking"
}

// toProvider sends a person to the identity provider. What comes back is taken
// from this browser only.
func (s *Server) toProvider(k *call) error {
	p := s.cfg.Access.Provider
	if p == nil || s.cfg.Access.People == nil {
		return refuse(http.StatusNotFound, "not-found", errors.New("there is no identity provider"))
	}
	now := s.cfg.Now()
	state := rand.Text()
	v := asking{browser: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text(), next: localPath(k.QueryParam("next")), until: now.Add(askingLife)}
	address, err := p.Begin(k.Request().Context(), state, v.nonce, v.verifier)
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "unavailable", err)
	}
	if err := s.asked.add(state, v, now); err != nil {
		return err
	}
	// Lax: the browser comes back from another site.
	k.SetCookie(&http.Cookie{Name: s.askingCookie(), Value: v.browser, Path: "/", HttpOnly: true, Secure: s.cfg.Secure,
		SameSite: http.SameSiteLaxMode, MaxAge: int(askingLife / time.Second)})
	return k.Redirect(http.StatusSeeOther, address)
}

func (s *Server) fromProvider(k *call) error {
	p := s.cfg.Access.Provider
	if p == nil || s.cfg.Access.People == nil {
		return refuse(http.StatusNotFound, "not-found", errors.New("there is no identity provider"))
	}
	ctx := k.Request().Context()
	refused := func(err error) error {
		s.cfg.Log.InfoContext(ctx, "sign-in refused", "address", k.RealIP(), "class", "provider", "error", err)
		return s.showSignIn(k, http.StatusUnauthorized, "", "/", s.base(k).T("signin.provider.refused"))
	}
	v, ok := s.asked.take(k.QueryParam("state"), s.cfg.Now())
	ck, err := k.Cookie(s.askingCookie())
	switch {
	case !ok:
		return refused(errors.New("state is not one that was asked with"))
	case err != nil || subtle.ConstantTimeCompare([]byte(ck.Value), []byte(v.browser)) != 1:
		return refused(errors.New("another browser asked"))
	case k.QueryParam("code") == "":
		return refused(fmt.Errorf("the provider says %q", k.QueryParam("error")))
	}
	k.SetCookie(&http.Cookie{Name: s.askingCookie(), Path: "/", HttpOnly: true, Secure: s.cfg.Secure, SameSite: http.SameSiteLaxMode, MaxAge: -1})
	who, err := p.Finish(ctx, k.QueryParam("code"), v.nonce, v.verifier)
	if errors.Is(err, ErrRefused) {
		return refused(err)
	} else if err != nil {
		return refuse(http.StatusServiceUnavailable, "unavailable", err)
	}
	user, err := s.claimed(ctx, who)
	if errors.Is(err, ErrRefused) {
		return refused(err)
	} else if err != nil {
		return err
	}
	next, err := s.proceed(k, user, v.next, who.Strong)
	if err != nil {
		return err
	}
	// A redirect would still count as coming from the provider, and the browser
	// would leave the new cookie out.
	k.Response().Header().Set("Refresh", "0; url="+next)
	return s.page(k, http.StatusOK, view.Onward{Base: s.base(k), Next: next})
}

// claimed is the person whom the provider means, with the role that it gives
// today; whoever comes for the first time is added.
func (s *Server) claimed(ctx context.Context, who Claimed) (User, error) {
	people := s.cfg.Access.People
	if who.Subject == "" {
		return User{}, fmt.Errorf("%w: no subject", ErrRefused)
	}
	if _, err := auth.ParseRole(string(who.Role)); err != nil {
		return User{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	user, err := people.UserBySubject(ctx, who.Subject)
	switch {
	case errors.Is(err, gate.ErrNotFound):
		users, err := people.Users(ctx)
		if err != nil {
			return User{}, err
		}
		// A name that is taken here is not handed to whom the provider calls so.
		if err := gate.CheckName(who.Name, slices.Clone(names(users))); err != nil {
			return User{}, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		user = User{ID: rand.Text(), Name: who.Name, Role: string(who.Role), Subject: who.Subject, Created: s.cfg.Now().UTC()}
		return user, people.CreateUser(ctx, user, s.stamped(gate.EventUserAdded, "", "%s, %s, by the identity provider", user.Name, user.Role))
	case err != nil:
		return User{}, refuse(http.StatusServiceUnavailable, "unavailable", err)
	case user.Disabled:
		return User{}, fmt.Errorf("%w: user %q is locked out here", ErrRefused, user.ID)
	case user.Role != string(who.Role):
		user, err = people.ChangeUser(ctx, user.ID, func(u *User) error { u.Role = string(who.Role); return nil },
			s.stamped(gate.EventUserChanged, "", "%s: role %s, by the identity provider", user.Name, who.Role))
		if errors.Is(err, gate.ErrLastAdministrator) {
			return User{}, fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return user, err
}
