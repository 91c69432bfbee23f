package ui

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
)

// People is what a site keeps of people beside what Store has of them. A
// gate/sqlite store is one. What a method writes is durable when it returns nil.
// All methods may be called concurrently; what is not there is gate.ErrNotFound.
type People interface {
	Users(ctx context.Context) ([]User, error)
	UserByID(ctx context.Context, id string) (User, error)
	UserByBadge(ctx context.Context, badge string) (User, error)
	UserBySubject(ctx context.Context, subject string) (User, error)
	// CreateUser refuses with gate.ErrExists and gate.ErrBadgeTaken.
	CreateUser(ctx context.Context, u User, events ...gate.Event) error
	// ChangeUser changes a person in one transaction, and signs out whoever gets
	// another role, password or secret, or is locked out. It refuses with
	// gate.ErrBadgeTaken and gate.ErrLastAdministrator. change may be called more
	// than once.
	ChangeUser(ctx context.Context, id string, change func(*User) error, events ...gate.Event) (User, error)
	// UseCode takes the step of a one-time code; false: that one or a later one was
	// taken before.
	UseCode(ctx context.Context, id string, step int64) (fresh bool, err error)
	SetRecovery(ctx context.Context, id string, hashes [][32]byte, events ...gate.Event) error
	UseRecovery(ctx context.Context, id string, hash [32]byte) (was bool, err error)
	RecoveryLeft(ctx context.Context, id string) (int, error)
	SetPIN(ctx context.Context, name, hash string) error

	SessionsOf(ctx context.Context, userID string) ([]Session, error)
	SeeSession(ctx context.Context, hash [32]byte, at time.Time) error
	EndSessions(ctx context.Context, userID string, hashes [][32]byte, events ...gate.Event) error

	Tries(ctx context.Context) ([]gate.Tries, error)
	KeepTries(ctx context.Context, t gate.Tries) error
	// BindKiosk keeps the address of a kiosk where none is kept, and returns the
	// one that is.
	BindKiosk(ctx context.Context, device, address string, at time.Time) (bound string, err error)
}

// Access is how people come to be known and sign in, beside name and password.
// The zero value is a site that has no more than those.
type Access struct {
	People   People
	First    *auth.First   // the code of the first administrator; nil: there is one
	Empty    bool          // and nobody else could sign in either, at the start
	Codes    bool          // roles for which auth.NeedsCodes must have one-time codes
	Idle     time.Duration // after which the screen of a kiosk is locked; 0: never
	Provider Provider      // nil: none
	Kiosks   Kiosks        // nil: none can be enrolled here

	// Fleets are those that a fleet manager may be given; nil: none.
	Fleets func(ctx context.Context) ([]Fleet, error)
}

// Fleet is the id and the name of one.
type Fleet struct{ ID, Name string }

// Kiosks enrols browsers as terminals of lanes.
type Kiosks interface {
	// Enrol makes a device of kind kiosk and returns its token.
	Enrol(ctx context.Context, by, name string, lane gate.LaneID) (token string, err error)
	List(ctx context.Context) ([]Kiosk, error)
	Revoke(ctx context.Context, by, id string) error
}

// Kiosk is an enrolled one.
type Kiosk struct {
	ID, Name, Lane string
	Created        time.Time
	Revoked        bool
}

// LeastPassword is the shortest password that a person may choose, in
// characters.
const LeastPassword = 10

// there refuses what a site without people of its own has not.
func (s *Server) people() (People, error) {
	if s.cfg.Access.People == nil {
		return nil, refuse(http.StatusNotFound, "not-found", errors.New("this site keeps no people by its screens"))
	}
	return s.cfg.Access.People, nil
}

// stamped is an event of now.
func (s *Server) stamped(kind gate.EventKind, by, format string, args ...any) gate.Event {
	return gate.Event{Kind: kind, At: s.cfg.Now().UTC(), By: by, Detail: fmt.Sprintf(format, args...)}
}

var peopleRoutes = []route{
	{"GET", "/people", forPeople, auth.ManagePeople, 0, (*Server).peoplePage},
	{"POST", "/people", forPeople, auth.ManagePeople, formLimit, (*Server).addPerson},
	{"GET", "/people/:id", forPeople, auth.ManagePeople, 0, (*Server).personPage},
	{"POST", "/people/:id", forPeople, auth.ManagePeople, formLimit, (*Server).changePerson},
	{"POST", "/people/:id/sessions", forPeople, auth.ManagePeople, formLimit, (*Server).endSessions},

	{"GET", "/me", forPeople, auth.OwnAccount, 0, (*Server).mePage},
	{"POST", "/me", forPeople, auth.OwnAccount, formLimit, (*Server).changeMe},
	{"POST", "/me/sessions", forPeople, auth.OwnAccount, formLimit, (*Server).endMySessions},
	{"GET", "/me/codes", forPeople, auth.OwnAccount, 0, (*Server).codesPage},
	{"POST", "/me/codes", forPeople, auth.OwnAccount, formLimit, (*Server).setCodes},

	{"GET", "/signin/code", forAnyone, "", 0, (*Server).signInCodePage},
	{"POST", "/signin/code", forAnyone, "", formLimit, (*Server).signInCode},
	{"GET", "/signin/provider", forAnyone, "", 0, (*Server).toProvider},
	{"GET", "/signin/return", forAnyone, "", 0, (*Server).fromProvider},
	{"GET", "/start", forAnyone, "", 0, (*Server).startPage},
	{"POST", "/start", forAnyone, "", formLimit, (*Server).start},
	{"GET", "/first", forAnyone, "", 0, (*Server).firstPage},
	{"POST", "/first", forAnyone, "", formLimit, (*Server).first},

	{"GET", "/kiosk", forAnyone, "", 0, (*Server).kioskPage},
	{"POST", "/kiosk/enrol", forAnyone, "", formLimit, (*Server).enrolHere},
	{"POST", "/kiosk/signin", forAnyone, "", formLimit, (*Server).kioskSignIn},
	{"POST", "/kiosk/cover", forPeople, auth.OwnAccount, formLimit, (*Server).cover},
	{"POST", "/kiosk/here", forPeople, auth.OwnAccount, formLimit, (*Server).here},
	{"GET", "/kiosks", forPeople, auth.EnrolKiosk, 0, (*Server).kiosksPage},
	{"POST", "/kiosks", forPeople, auth.EnrolKiosk, formLimit, (*Server).addKiosk},
	{"POST", "/kiosks/:id/revoke", forPeople, auth.EnrolKiosk, formLimit, (*Server).revokeKiosk},
}

// The routes that a session answers to before its one-time codes are set up, and
// while its screen is locked: a vehicle may be brought in, and help called, by
// whoever stands there.
var (
	whileEnrolling = []string{"/me/codes"}
	whileCovered   = []string{"/lane/:lane/duress", "/lane/:lane/arrivals"}
)

// admit holds a session to what it is good for, and keeps when it was used.
func (s *Server) admit(k *call, r route) error {
	ctx, now := k.Request().Context(), s.cfg.Now()
	switch {
	case k.session.Kind == gate.SessionEnrol && !slices.Contains(whileEnrolling, r.path):
		return refuse(http.StatusForbidden, "codes-first", errors.New("one-time codes are not set up"))
	case s.covered(k.session) && !slices.Contains(whileCovered, r.path):
		return refuse(http.StatusLocked, "covered", errCovered)
	case s.cfg.Access.People == nil, s.covered(k.session), strings.HasSuffix(r.path, "/events"), now.Sub(k.session.Seen) < seenEvery:
		return nil
	}
	if err := s.cfg.Access.People.SeeSession(ctx, k.hash, now); err != nil {
		// Whoever works is not stopped by it: the screen locks early at worst.
		s.cfg.Log.ErrorContext(ctx, "use of a session not kept", "error", err)
	}
	return nil
}

// seenEvery is how finely it is kept when a session was used.
const seenEvery = 20 * time.Second

// errCovered ends live screens as the end of a session does.
var errCovered = fmt.Errorf("the screen is locked: %w", errNoSession)

// covered says whether the screen of a kiosk is locked.
func (s *Server) covered(v Session) bool {
	return v.Kind == gate.SessionKiosk && (v.Seen.IsZero() || s.cfg.Access.Idle > 0 && s.cfg.Now().Sub(v.Seen) > s.cfg.Access.Idle)
}

// begin signs a person in: a new session in the place of the one that this
// browser had, whose cookie is of no use any more.
func (s *Server) begin(k *call, user User, kind gate.SessionKind, device string, life time.Duration) error {
	ctx, now := k.Request().Context(), s.cfg.Now()
	if ck, err := k.Cookie(s.sessionCookie()); err == nil {
		if hash, err := auth.HashToken(ck.Value); err == nil {
			if err := s.cfg.Store.DeleteSession(ctx, hash); err != nil {
				return fmt.Errorf("end the former session: %w", err)
			}
		}
	}
	token, hash := auth.NewToken()
	agent := k.Request().UserAgent()
	v := Session{TokenHash: hash, UserID: user.ID, Created: now, Expires: now.Add(life), Kind: kind, Device: device, Seen: now,
		Address: k.RealIP(), Agent: strings.ToValidUTF8(agent[:min(len(agent), maxAgent)], "")}
	if err := s.cfg.Store.CreateSession(ctx, v); err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	s.setCookie(k, s.sessionCookie(), token, life)
	k.user, k.role, k.hash, k.session = user, auth.Role(user.Role), hash, v
	if kind == gate.SessionFull || kind == gate.SessionKiosk {
		s.event(ctx, gate.EventSignIn, user.Name)
	}
	return nil
}

// maxAgent bounds what is kept of how a browser calls itself.
const maxAgent = 200

// The life of a session that waits for its code, or for codes to be set up.
const (
	codeLife  = 5 * time.Minute
	enrolLife = 20 * time.Minute
)

// proceed is where a person goes once the password, or the identity provider, has
// said who it is: in, to the one-time code, or to where codes are set up.
func (s *Server) proceed(k *call, user User, next string, proven bool) (string, error) {
	onward := func(path string) string { return path + "?next=" + url.QueryEscape(next) }
	switch a := s.cfg.Access; {
	case proven || a.People == nil:
	case user.Secret != "":
		return onward("/signin/code"), s.begin(k, user, gate.SessionCode, "", codeLife)
	case a.Codes && auth.NeedsCodes(auth.Role(user.Role)):
		return onward("/me/codes"), s.begin(k, user, gate.SessionEnrol, "", enrolLife)
	}
	kind, device := gate.SessionFull, ""
	// At a kiosk a guard's screen locks however they signed in, where a PIN opens it.
	if d, err := s.kioskHere(k); err == nil && user.HasPIN && auth.MayUseKiosk(auth.Role(user.Role)) {
		kind, device = gate.SessionKiosk, d.ID
	}
	return next, s.begin(k, user, kind, device, s.cfg.SessionLife)
}

// pending is who gave the right password and still owes the one-time code.
func (s *Server) pending(k *call) (User, error) {
	ck, err := k.Cookie(s.sessionCookie())
	if err != nil {
		return User{}, errNoSession
	}
	hash, err := auth.HashToken(ck.Value)
	if err != nil {
		return User{}, errNoSession
	}
	v, user, err := s.cfg.Store.SessionByHash(k.Request().Context(), hash)
	switch {
	case errors.Is(err, gate.ErrNotFound):
		return User{}, errNoSession
	case err != nil:
		return User{}, refuse(http.StatusServiceUnavailable, "unavailable", err)
	case v.Kind != gate.SessionCode || !s.cfg.Now().Before(v.Expires) || user.Disabled || user.Secret == "":
		return User{}, errNoSession
	}
	return user, nil
}

func (s *Server) signInCodePage(k *call) error {
	user, err := s.pending(k)
	if errors.Is(err, errNoSession) {
		return k.Redirect(http.StatusSeeOther, "/signin")
	} else if err != nil {
		return err
	}
	return s.page(k, http.StatusOK, view.SignInCode{Base: s.base(k), Who: user.Name, Next: localPath(k.QueryParam("next"))})
}

func (s *Server) signInCode(k *call) error {
	if err := parseForm(k); err != nil {
		return err
	}
	user, err := s.pending(k)
	if errors.Is(err, errNoSession) {
		return k.Redirect(http.StatusSeeOther, "/signin")
	} else if err != nil {
		return err
	}
	next := localPath(k.FormValue("next"))
	err = s.checkCode(k, user, k.FormValue("code"))
	if f, ok := errors.AsType[*fault](err); ok && f.status < 500 {
		b := s.base(k)
		b.Path = "/signin/code"
		text := b.T("signin.code.wrong")
		if f.class == "locked" {
			text = b.T("signin.locked", f.args...)
		}
		return s.page(k, f.status, view.SignInCode{Base: b, Who: user.Name, Next: next, Problem: text})
	} else if err != nil {
		return err
	}
	if next, err = s.proceed(k, user, next, true); err != nil {
		return err
	}
	return k.Redirect(http.StatusSeeOther, next)
}

// checkCode takes a one-time code or a recovery code of a person, once. Its
// refusals are those of checkPassword.
func (s *Server) checkCode(k *call, user User, typed string) error {
	ctx, now, own := k.Request().Context(), s.cfg.Now(), "code of "+user.Name
	if wait := s.limits.wait(k.RealIP(), own, now); wait > 0 {
		return &fault{status: http.StatusTooManyRequests, class: "locked", err: fmt.Errorf("locked for %s", wait), args: []any{int(wait/time.Second) + 1}}
	}
	// The try counts before it is known whether it is right: many at once gain
	// nothing.
	locked := s.limits.failed(k.RealIP(), own, now)
	ok, err := false, error(nil)
	if code := strings.Join(strings.Fields(typed), ""); len(code) == 6 {
		var step int64
		if step, ok = auth.CheckCode(user.Secret, code, user.SecretStep, now); ok {
			ok, err = s.cfg.Access.People.UseCode(ctx, user.ID, step)
		}
	} else {
		ok, err = s.cfg.Access.People.UseRecovery(ctx, user.ID, auth.HashCode(typed))
	}
	switch {
	case err != nil:
		return refuse(http.StatusServiceUnavailable, "unavailable", err)
	case !ok:
		if locked {
			s.event(ctx, gate.EventSignInFailed, "")
		}
		return refuse(http.StatusUnauthorized, "wrong", errors.New("the one-time code is wrong or was used"))
	}
	s.limits.succeeded(own)
	return nil
}

// secretFor is the secret that this session is offered for one-time codes: the
// same until it is taken, kept nowhere, and another after the next start.
func (s *Server) secretFor(k *call) string {
	mac := hmac.New(sha256.New, s.pepper[:])
	for _, part := range [...]string{string(k.hash[:]), k.user.ID, k.user.Secret} {
		fmt.Fprintf(mac, "%d:%s", len(part), part)
	}
	return auth.SecretFrom([32]byte(mac.Sum(nil)))
}

func (s *Server) codesPage(k *call) error { return s.showCodes(k, http.StatusOK, "") }

func (s *Server) showCodes(k *call, status int, problem string) error {
	if _, err := s.people(); err != nil {
		return err
	}
	b, secret := s.base(k), s.secretFor(k)
	b.Path = "/me/codes"
	next := k.QueryParam("next")
	if k.Request().Method == http.MethodPost {
		next = k.FormValue("next")
	}
	if next == "" {
		next = "/me"
	}
	code, err := view.NewQR(auth.CodeAddress(s.cfg.Site, k.user.Name, secret))
	if err != nil {
		return err
	}
	if problem != "" {
		problem = b.T(problem)
	}
	return s.page(k, status, view.Codes{Base: b, Next: localPath(next), Must: k.session.Kind == gate.SessionEnrol, QR: code, Secret: secret,
		Replaces: k.user.Secret != "", Password: k.session.Kind != gate.SessionEnrol && k.user.Hash != "", Problem: problem})
}

// setCodes takes the secret that was offered, once a code shows that the app has
// it, and draws the recovery codes.
func (s *Server) setCodes(k *call) error {
	people, err := s.people()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx, now, secret := k.Request().Context(), s.cfg.Now(), s.secretFor(k)
	if k.session.Kind == gate.SessionKiosk {
		return refuse(http.StatusForbidden, "forbidden", errors.New("one-time codes are not set up at a kiosk"))
	}
	if k.session.Kind != gate.SessionEnrol && k.user.Hash != "" {
		if _, err := s.checkPassword(ctx, k.RealIP(), k.user.Name, k.FormValue("password")); err != nil {
			if f, ok := errors.AsType[*fault](err); ok && f.class == "wrong" {
				return s.showCodes(k, http.StatusForbidden, "me.wrong")
			}
			return err
		}
	}
	step, ok := auth.CheckCode(secret, strings.Join(strings.Fields(k.FormValue("code")), ""), 0, now)
	if !ok {
		return s.showCodes(k, http.StatusBadRequest, "codes.wrong")
	}
	user, err := people.ChangeUser(ctx, k.user.ID, func(u *User) error { u.Secret, u.SecretStep = secret, step; return nil })
	if err != nil {
		return err
	}
	codes, hashes := auth.NewRecoveryCodes()
	if err := people.SetRecovery(ctx, user.ID, hashes, s.stamped(gate.EventCodesSet, user.Name, "one-time codes were set up")); err != nil {
		return err
	}
	// Every session ended with the change; this browser goes on with a new one.
	if err := s.begin(k, user, gate.SessionFull, "", s.cfg.SessionLife); err != nil {
		return err
	}
	b := s.base(k)
	b.Path = "/me/codes"
	next := localPath(k.FormValue("next"))
	return s.page(k, http.StatusOK, view.Codes{Base: b, Next: next, Recovery: codes})
}

// guess counts a try of a code that anybody may type, and says how long to wait.
func (s *Server) guess(k *call, of string) error {
	now := s.cfg.Now()
	if wait := s.limits.wait(k.RealIP(), of, now); wait > 0 {
		return &fault{status: http.StatusTooManyRequests, class: "locked", err: fmt.Errorf("locked for %s", wait), args: []any{int(wait/time.Second) + 1}}
	}
	s.limits.failed(k.RealIP(), of, now)
	return nil
}

// newPassword reads the password that somebody chose, twice.
func newPassword(k *call, field string) (hash, problem string, err error) {
	chosen := k.FormValue(field)
	switch {
	case chosen != k.FormValue("again"):
		return "", "me.differ", nil
	case utf8.RuneCountInString(chosen) < LeastPassword:
		return "", "me.weak", nil
	}
	hash, err = auth.HashPassword(chosen)
	if errors.Is(err, auth.ErrPassword) {
		return "", "me.weak", nil
	}
	return hash, "", err
}

func (s *Server) showStart(k *call, status int, first bool, problem string, args ...any) error {
	b := s.base(k)
	b.Path = "/start"
	if first {
		b.Path = "/first"
	}
	p := view.Start{Base: b, First: first, Name: strings.TrimSpace(k.FormValue("name")), Least: LeastPassword}
	if problem != "" {
		p.Problem = b.T(problem, args...)
	}
	return s.page(k, status, p)
}

func (s *Server) startPage(k *call) error {
	if _, err := s.people(); err != nil {
		return err
	}
	return s.showStart(k, http.StatusOK, false, "")
}

// start has a person choose the password with the code that they were given.
func (s *Server) start(k *call) error {
	people, err := s.people()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx, name := k.Request().Context(), strings.TrimSpace(k.FormValue("name"))
	release, err := s.limits.hashing(ctx)
	if err != nil {
		return err
	}
	defer release()
	own := "start of " + name
	if err := s.guess(k, own); err != nil {
		f := classify(err)
		return s.showStart(k, f.status, false, "signin.locked", f.args...)
	}
	user, err := s.cfg.Store.UserByName(ctx, name)
	if err != nil && !errors.Is(err, gate.ErrNotFound) {
		return refuse(http.StatusServiceUnavailable, "unavailable", err)
	}
	ok := false
	if code := auth.TypedCode(k.FormValue("code")); err == nil && user.StartHash != "" && !user.Disabled && s.cfg.Now().Before(user.StartUntil) {
		if ok, _, err = auth.VerifyPassword(user.StartHash, code); err != nil {
			return err
		}
	} else {
		auth.SpendVerification(code)
	}
	if !ok {
		return s.showStart(k, http.StatusUnauthorized, false, "start.wrong")
	}
	s.limits.succeeded(own)
	hash, problem, err := newPassword(k, "password")
	if err != nil {
		return err
	} else if problem != "" {
		return s.showStart(k, http.StatusBadRequest, false, problem)
	}
	was := user.StartHash
	user, err = people.ChangeUser(ctx, user.ID, func(u *User) error {
		if u.StartHash != was || u.Disabled {
			return auth.ErrCode // somebody was faster
		}
		u.Hash, u.StartHash, u.StartUntil = hash, "", time.Time{}
		return nil
	}, s.stamped(gate.EventPasswordSet, user.Name, "with the start code"))
	if errors.Is(err, auth.ErrCode) {
		return s.showStart(k, http.StatusUnauthorized, false, "start.wrong")
	} else if err != nil {
		return err
	}
	next, err := s.proceed(k, user, "/", false)
	if err != nil {
		return err
	}
	return k.Redirect(http.StatusSeeOther, next)
}

func (s *Server) firstPage(k *call) error {
	if !s.cfg.Access.First.Open(s.cfg.Now()) {
		return k.Redirect(http.StatusSeeOther, "/signin")
	}
	return s.showStart(k, http.StatusOK, true, "")
}

// first makes the site's first administrator.
func (s *Server) first(k *call) error {
	people, err := s.people()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx, name := k.Request().Context(), strings.TrimSpace(k.FormValue("name"))
	if err := s.guess(k, "first"); err != nil {
		f := classify(err)
		return s.showStart(k, f.status, true, "signin.locked", f.args...)
	}
	release, err := s.limits.hashing(ctx)
	if err != nil {
		return err
	}
	defer release()
	var problem string
	var user User
	err = s.cfg.Access.First.Use(k.FormValue("code"), s.cfg.Now(), func() error {
		var hash string
		if hash, problem, err = newPassword(k, "password"); err != nil || problem != "" {
			return errors.Join(err, auth.ErrPassword)
		}
		users, err := people.Users(ctx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(users, func(u User) bool { return u.Role == string(auth.Administrator) && !u.Disabled }) {
			return auth.ErrCode // by the command line, meanwhile
		}
		if err := gate.CheckName(name, names(users)); err != nil {
			problem = "people.bad-name"
			return err
		}
		user = User{ID: rand.Text(), Name: name, Role: string(auth.Administrator), Hash: hash, Created: s.cfg.Now().UTC()}
		return people.CreateUser(ctx, user, s.stamped(gate.EventUserAdded, name, "%s, administrator, with the code of the console", name))
	})
	switch {
	case problem != "":
		s.limits.succeeded("first")
		return s.showStart(k, http.StatusBadRequest, true, problem)
	case errors.Is(err, auth.ErrCode):
		return s.showStart(k, http.StatusUnauthorized, true, "first.wrong")
	case err != nil:
		return err
	}
	s.limits.succeeded("first")
	next, err := s.proceed(k, user, "/people", false)
	if err != nil {
		return err
	}
	return k.Redirect(http.StatusSeeOther, next)
}

func names(users []User) []string {
	out := make([]string, len(users))
	for i, u := range users {
		out[i] = u.Name
	}
	return out
}

func (s *Server) fleetPicks(ctx context.Context) ([]view.Pick, error) {
	if s.cfg.Access.Fleets == nil {
		return nil, nil
	}
	list, err := s.cfg.Access.Fleets(ctx)
	if err != nil {
		return nil, err
	}
	var out []view.Pick
	for _, f := range list {
		out = append(out, view.Pick{Value: f.ID, Label: f.Name})
	}
	return out, nil
}

func (s *Server) peoplePage(k *call) error {
	return s.showPeople(k, http.StatusOK, User{Role: string(auth.Guard)}, "")
}

func (s *Server) showPeople(k *call, status int, typed User, problem string) error {
	people, err := s.people()
	if err != nil {
		return err
	}
	ctx, b := k.Request().Context(), s.base(k)
	b.Path = "/people"
	users, err := people.Users(ctx)
	if err != nil {
		return err
	}
	fleets, err := s.fleetPicks(ctx)
	if err != nil {
		return err
	}
	p := view.People{Base: b, Form: view.NewPersonForm(b, typed, fleets)}
	for _, u := range users {
		p.Rows = append(p.Rows, view.NewPersonRow(b, u))
	}
	if problem != "" {
		p.Problem = b.T(problem)
	}
	return s.page(k, status, p)
}

// typedPerson is a person as a form says, with the key of what is wrong.
func (s *Server) typedPerson(k *call) (u User, problem string, err error) {
	u = User{Name: strings.TrimSpace(k.FormValue("name")), Role: k.FormValue("role"), Lang: k.FormValue("lang"), Badge: k.FormValue("badge")}
	role, err := auth.ParseRole(u.Role)
	if err != nil {
		return u, "", bad("bad-request", "role: %w", err)
	}
	if u.Lang != "" && s.words.Match(u.Lang) != u.Lang {
		return u, "", bad("bad-request", "lang: %q is not offered", u.Lang)
	}
	picks, err := s.fleetPicks(k.Request().Context())
	if err != nil {
		return u, "", err
	}
	for _, f := range k.Request().PostForm["fleet"] {
		if !slices.ContainsFunc(picks, func(p view.Pick) bool { return p.Value == f }) {
			return u, "", bad("bad-request", "fleet: %q is not offered", f)
		}
		if role == auth.FleetManager && !slices.Contains(u.Fleets, f) {
			u.Fleets = append(u.Fleets, f)
		}
	}
	badge, err := auth.Badge(u.Badge)
	if err != nil {
		return u, "people.bad-badge", nil
	}
	u.Badge = badge
	return u, "", nil
}

// newStart is a start code, and how it is kept.
func (s *Server) newStart(ctx context.Context) (code, hash string, until time.Time, err error) {
	release, err := s.limits.hashing(ctx)
	if err != nil {
		return "", "", time.Time{}, err
	}
	defer release()
	code = auth.NewCode()
	hash, err = auth.HashPassword(code)
	return code, hash, s.cfg.Now().Add(auth.StartCodeLife).UTC(), err
}

func (s *Server) addPerson(k *call) error {
	people, err := s.people()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx := k.Request().Context()
	u, problem, err := s.typedPerson(k)
	if err != nil {
		return err
	} else if problem != "" {
		return s.showPeople(k, http.StatusBadRequest, u, problem)
	}
	users, err := people.Users(ctx)
	if err != nil {
		return err
	}
	if gate.CheckName(u.Name, names(users)) != nil {
		return s.showPeople(k, http.StatusBadRequest, u, "people.bad-name")
	}
	code, hash, until, err := s.newStart(ctx)
	if err != nil {
		return err
	}
	u.ID, u.Created, u.StartHash, u.StartUntil = rand.Text(), s.cfg.Now().UTC(), hash, until
	err = people.CreateUser(ctx, u, s.stamped(gate.EventUserAdded, k.user.Name, "%s, %s", u.Name, u.Role))
	switch {
	case errors.Is(err, gate.ErrBadgeTaken):
		return s.showPeople(k, http.StatusConflict, u, "people.badge-taken")
	case errors.Is(err, gate.ErrExists):
		return s.showPeople(k, http.StatusConflict, u, "people.bad-name")
	case err != nil:
		return err
	}
	return s.showPerson(k, http.StatusOK, u, code, "", "")
}

// person is the one that the address names.
func (s *Server) person(k *call) (People, User, error) {
	people, err := s.people()
	if err != nil {
		return nil, User{}, err
	}
	u, err := people.UserByID(k.Request().Context(), k.Param("id"))
	return people, u, err
}

func (s *Server) personPage(k *call) error {
	_, u, err := s.person(k)
	if err != nil {
		return err
	}
	done := ""
	if k.QueryParam("done") != "" {
		done = "people.saved"
	}
	return s.showPerson(k, http.StatusOK, u, "", "", done)
}

func (s *Server) showPerson(k *call, status int, u User, code, problem, done string) error {
	people, err := s.people()
	if err != nil {
		return err
	}
	ctx, b := k.Request().Context(), s.base(k)
	b.Path = "/people/" + u.ID
	fleets, err := s.fleetPicks(ctx)
	if err != nil {
		return err
	}
	sessions, err := people.SessionsOf(ctx, u.ID)
	if err != nil {
		return err
	}
	p := view.PersonPage{Base: b, Row: view.NewPersonRow(b, u), Form: view.NewPersonForm(b, u, fleets), Sessions: view.NewSessionRows(sessions, k.hash, b.Now),
		SessionsAt: b.Path + "/sessions", Self: u.ID == k.user.ID, StartCode: code}
	if problem != "" {
		p.Problem = b.T(problem)
	}
	if done != "" {
		p.Done = b.T(done)
	}
	return s.page(k, status, p)
}

// changePerson does one thing with a person.
func (s *Server) changePerson(k *call) error {
	people, u, err := s.person(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx, by := k.Request().Context(), k.user.Name
	change, event, code := func(*User) error { return nil }, gate.Event{}, ""
	switch do := k.FormValue("do"); do {
	case "save":
		typed, problem, err := s.typedPerson(k)
		if err != nil {
			return err
		} else if problem != "" {
			return s.showPerson(k, http.StatusBadRequest, u, "", problem, "")
		}
		change = func(u *User) error {
			u.Role, u.Lang, u.Badge, u.Fleets = typed.Role, typed.Lang, typed.Badge, typed.Fleets
			return nil
		}
		event = s.stamped(gate.EventUserChanged, by, "%s: role %s, fleets %q, badge %t", u.Name, typed.Role, typed.Fleets, typed.Badge != "")
	case "reset":
		var hash string
		var until time.Time
		if code, hash, until, err = s.newStart(ctx); err != nil {
			return err
		}
		change = func(u *User) error {
			u.Hash, u.Secret, u.SecretStep, u.StartHash, u.StartUntil = "", "", 0, hash, until
			return nil
		}
		event = s.stamped(gate.EventUserReset, by, "%s: password, one-time codes and PIN", u.Name)
		if err := people.SetPIN(ctx, u.Name, ""); err != nil {
			return err
		}
	case "disable", "enable":
		if u.ID == k.user.ID {
			return s.showPerson(k, http.StatusConflict, u, "", "people.last", "")
		}
		change = func(u *User) error { u.Disabled = do == "disable"; return nil }
		event = s.stamped(gate.EventUserDisabled, by, "%s: %s", u.Name, do)
	default:
		return bad("bad-request", "do: %q is nothing that is done with a person", do)
	}
	changed, err := people.ChangeUser(ctx, u.ID, change, event)
	switch {
	case errors.Is(err, gate.ErrBadgeTaken):
		return s.showPerson(k, http.StatusConflict, u, "", "people.badge-taken", "")
	case errors.Is(err, gate.ErrLastAdministrator):
		return s.showPerson(k, http.StatusConflict, u, "", "people.last", "")
	case err != nil:
		return err
	case code != "":
		if changed, err = people.UserByID(ctx, u.ID); err != nil {
			return err
		}
		return s.showPerson(k, http.StatusOK, changed, code, "", "")
	}
	return k.Redirect(http.StatusSeeOther, "/people/"+url.PathEscape(u.ID)+"?done=1")
}

// end ends one session of a person, or all but this browser's.
func (s *Server) end(k *call, people People, u User) error {
	ctx := k.Request().Context()
	list, err := people.SessionsOf(ctx, u.ID)
	if err != nil {
		return err
	}
	var hashes [][32]byte
	which := k.FormValue("end")
	for _, v := range list {
		if v.TokenHash != k.hash && (which == "all" || which == v.ID()) {
			hashes = append(hashes, v.TokenHash)
		}
	}
	if len(hashes) == 0 {
		return nil // it has ended already
	}
	return people.EndSessions(ctx, u.ID, hashes, s.stamped(gate.EventSessionEnded, k.user.Name, "%d of %s", len(hashes), u.Name))
}

func (s *Server) endSessions(k *call) error {
	people, u, err := s.person(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	if err := s.end(k, people, u); err != nil {
		return err
	}
	return k.Redirect(http.StatusSeeOther, "/people/"+url.PathEscape(u.ID))
}

func (s *Server) endMySessions(k *call) error {
	people, err := s.people()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	if err := s.end(k, people, k.user); err != nil {
		return err
	}
	return k.Redirect(http.StatusSeeOther, "/me?done=session.ended")
}

// meDone are the keys that the page of oneself may be told to say.
var meDone = []string{"people.saved", "me.password.done", "me.pin.done", "session.ended"}

func (s *Server) mePage(k *call) error { return s.showMe(k, http.StatusOK, "") }

func (s *Server) showMe(k *call, status int, problem string) error {
	people, err := s.people()
	if err != nil {
		return err
	}
	ctx, b := k.Request().Context(), s.base(k)
	b.Path = "/me"
	sessions, err := people.SessionsOf(ctx, k.user.ID)
	if err != nil {
		return err
	}
	p := view.Me{Base: b, Row: view.NewPersonRow(b, k.user), Langs: view.LangChoices(b, k.user.Lang), Sessions: view.NewSessionRows(sessions, k.hash, b.Now),
		SessionsAt: "/me/sessions", HasPassword: k.user.Hash != "", PINs: auth.May(k.role, auth.WorkLane) || auth.May(k.role, auth.ApproveOverride)}
	if p.Row.RecoverLeft, err = people.RecoveryLeft(ctx, k.user.ID); err != nil {
		return err
	}
	if problem != "" {
		p.Problem = b.T(problem)
	} else if done := k.QueryParam("done"); slices.Contains(meDone, done) {
		p.Done = b.T(done)
	}
	return s.page(k, status, p)
}

// changeMe does one thing that people do for themselves.
func (s *Server) changeMe(k *call) error {
	people, err := s.people()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx := k.Request().Context()
	done := func(key string) error { return k.Redirect(http.StatusSeeOther, "/me?done="+key) }
	do := k.FormValue("do")
	if do == "lang" {
		lang := k.FormValue("lang")
		if lang != "" && s.words.Match(lang) != lang {
			return bad("bad-request", "lang: %q is not offered", lang)
		}
		if _, err := people.ChangeUser(ctx, k.user.ID, func(u *User) error { u.Lang = lang; return nil }); err != nil {
			return err
		}
		s.setCookie(k, langCookie, "", 0) // a switch of this browser would hide it
		return done("people.saved")
	}
	if k.user.Hash != "" {
		_, err := s.checkPassword(ctx, k.RealIP(), k.user.Name, k.FormValue("password"))
		if f, ok := errors.AsType[*fault](err); ok && f.class == "wrong" {
			return s.showMe(k, http.StatusForbidden, "me.wrong")
		} else if err != nil {
			return err
		}
	}
	switch do {
	case "password":
		hash, problem, err := newPassword(k, "new")
		if err != nil {
			return err
		} else if problem != "" || k.user.Hash == "" {
			return s.showMe(k, http.StatusBadRequest, problem)
		}
		kind, device := k.session.Kind, k.session.Device
		user, err := people.ChangeUser(ctx, k.user.ID, func(u *User) error { u.Hash = hash; return nil }, s.stamped(gate.EventPasswordSet, k.user.Name, "by themselves"))
		if err != nil {
			return err
		}
		if err := s.begin(k, user, kind, device, s.cfg.SessionLife); err != nil {
			return err
		}
		return done("me.password.done")
	case "pin":
		pin := k.FormValue("pin")
		if pin != k.FormValue("again") {
			return s.showMe(k, http.StatusBadRequest, "me.differ")
		}
		hash, err := auth.SetPIN(pin)
		if err != nil {
			return s.showMe(k, http.StatusBadRequest, "me.bad-pin")
		}
		if err := people.SetPIN(ctx, k.user.Name, hash); err != nil {
			return err
		}
		if err := s.cfg.Store.RecordEvent(ctx, s.stamped(gate.EventPINSet, k.user.Name, "set by themselves")); err != nil {
			return err
		}
		return done("me.pin.done")
	}
	return bad("bad-request", "do: %q is nothing that people do for themselves", do)
}
