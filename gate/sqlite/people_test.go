package sqlite_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
)

func TestPeople(t *testing.T) {
	ctx := t.Context()
	s := open(t, newSite(t))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
	anna := sqlite.User{ID: "u1", Name: "anna", Role: "guard", Hash: "h", Lang: "pl"}
	must(s.CreateUser(ctx, anna))
	is(s.CreateUser(ctx, sqlite.User{ID: "u2", Name: "anna"}), gate.ErrExists)
	must(s.CreateUser(ctx, sqlite.User{ID: "u0", Name: "zofia", Disabled: true}))
	must(s.SetUserHash(ctx, "u1", "h2"))
	is(s.SetUserHash(ctx, "nobody", "h"), sqlite.ErrNotFound)
	anna.Hash = "h2"
	got, err := s.UserByName(ctx, "anna")
	must(err)
	if !reflect.DeepEqual(got, anna) {
		t.Errorf("%+v, want %+v", got, anna)
	}
	_, err = s.UserByName(ctx, "Anna")
	is(err, sqlite.ErrNotFound)
	users, err := s.Users(ctx)
	must(err)
	if len(users) != 2 || !reflect.DeepEqual(users[0], anna) || !users[1].Disabled {
		t.Errorf("users %+v", users)
	}

	v := sqlite.Session{TokenHash: [32]byte{1, 2}, UserID: "u1", Created: storetest.Noon, Expires: storetest.Noon.Add(time.Hour)}
	must(s.CreateSession(ctx, v))
	other := v
	other.TokenHash[0], other.Expires = 9, v.Expires.Add(time.Hour)
	must(s.CreateSession(ctx, other))
	if s.CreateSession(ctx, sqlite.Session{TokenHash: [32]byte{3}, UserID: "nobody"}) == nil {
		t.Error("a session of nobody")
	}
	gotV, gotU, err := s.SessionByHash(ctx, v.TokenHash)
	must(err)
	if !reflect.DeepEqual(gotV, v) || !reflect.DeepEqual(gotU, anna) {
		t.Errorf("session %+v of %+v", gotV, gotU)
	}
	n, err := s.DeleteExpiredSessions(ctx, v.Expires)
	must(err)
	if n != 1 {
		t.Errorf("%d sessions expired, want 1", n)
	}
	_, _, err = s.SessionByHash(ctx, v.TokenHash)
	is(err, sqlite.ErrNotFound)
	must(s.DeleteSession(ctx, other.TokenHash))
	must(s.DeleteSession(ctx, other.TokenHash))
	must(s.CreateSession(ctx, v))
	must(s.DeleteSessionsOf(ctx, "u1"))
	_, _, err = s.SessionByHash(ctx, v.TokenHash)
	is(err, sqlite.ErrNotFound)
	must(s.CreateSession(ctx, v))
	must(s.SetUserDisabled(ctx, "u1", true))
	_, _, err = s.SessionByHash(ctx, v.TokenHash)
	is(err, sqlite.ErrNotFound)

	d := sqlite.Device{ID: "d1", Name: "kiosk", Kind: "kiosk", Lane: "north", Created: storetest.Noon}
	must(s.CreateDevice(ctx, d))
	is(s.CreateDevice(ctx, d), gate.ErrExists)
	gotD, err := s.DeviceByID(ctx, "d1")
	must(err)
	if gotD != d {
		t.Errorf("%+v, want %+v", gotD, d)
	}
	must(s.RevokeDevice(ctx, "d1"))
	is(s.RevokeDevice(ctx, "d2"), sqlite.ErrNotFound)
	if gotD, err = s.DeviceByID(ctx, "d1"); err != nil || !gotD.Revoked {
		t.Errorf("%+v, %v", gotD, err)
	}
	if all, err := s.Devices(ctx); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	verified(t, s)
}

func TestChangePerson(t *testing.T) {
	ctx := t.Context()
	s := open(t, newSite(t))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
	fleet := sqlite.User{ID: "u1", Name: "fleet", Role: "fleet-manager", Hash: "h", Lang: "pl", Badge: "1234", Fleets: []string{"f1", "f2"}, Created: storetest.Noon, Subject: "https://id.example/ 7"}
	must(s.CreateUser(ctx, fleet))
	must(s.CreateUser(ctx, sqlite.User{ID: "u2", Name: "admin", Role: "administrator", Hash: "h"}))
	is(s.CreateUser(ctx, sqlite.User{ID: "u3", Name: "ewa", Badge: "1234"}), gate.ErrBadgeTaken)
	for name, find := range map[string]func() (sqlite.User, error){
		"id":      func() (sqlite.User, error) { return s.UserByID(ctx, "u1") },
		"badge":   func() (sqlite.User, error) { return s.UserByBadge(ctx, "1234") },
		"subject": func() (sqlite.User, error) { return s.UserBySubject(ctx, fleet.Subject) },
	} {
		if got, err := find(); err != nil || !reflect.DeepEqual(got, fleet) {
			t.Errorf("by %s: %+v, %v", name, got, err)
		}
	}
	// An empty badge is nobody's, whoever has none.
	_, err := s.UserByBadge(ctx, "")
	is(err, sqlite.ErrNotFound)
	_, err = s.UserBySubject(ctx, "")
	is(err, sqlite.ErrNotFound)

	_, err = s.ChangeUser(ctx, "u2", func(u *sqlite.User) error { u.Badge = "1234"; return nil })
	is(err, gate.ErrBadgeTaken)
	_, err = s.ChangeUser(ctx, "u2", func(u *sqlite.User) error { u.Role = "guard"; return nil })
	is(err, gate.ErrLastAdministrator)
	_, err = s.ChangeUser(ctx, "u2", func(u *sqlite.User) error { u.Disabled = true; return nil })
	is(err, gate.ErrLastAdministrator)
	_, err = s.ChangeUser(ctx, "u9", func(*sqlite.User) error { return nil })
	is(err, sqlite.ErrNotFound)
	refusal := errors.New("no")
	_, err = s.ChangeUser(ctx, "u1", func(u *sqlite.User) error { u.Fleets[0] = "other"; return refusal })
	is(err, refusal)

	session := func(n byte, user string) sqlite.Session {
		v := sqlite.Session{TokenHash: [32]byte{n}, UserID: user, Created: storetest.Noon.Add(time.Duration(n) * time.Minute), Expires: storetest.Noon.Add(time.Hour),
			Kind: gate.SessionKiosk, Device: "d", Seen: storetest.Noon, Address: "192.0.2.7", Agent: "browser"}
		must(s.CreateSession(ctx, v))
		return v
	}
	first, second, other := session(1, "u1"), session(2, "u1"), session(3, "u2")
	list, err := s.SessionsOf(ctx, "u1")
	must(err)
	if !reflect.DeepEqual(list, []sqlite.Session{second, first}) {
		t.Errorf("sessions %+v", list)
	}
	must(s.SeeSession(ctx, first.TokenHash, time.Time{}))
	if v, _, err := s.SessionByHash(ctx, first.TokenHash); err != nil || !v.Seen.IsZero() {
		t.Errorf("covered session %+v, %v", v, err)
	}
	must(s.EndSessions(ctx, "u1", [][32]byte{first.TokenHash, other.TokenHash}, gate.Event{Kind: gate.EventSessionEnded, At: storetest.Noon, By: "admin"}))
	_, _, err = s.SessionByHash(ctx, first.TokenHash)
	is(err, sqlite.ErrNotFound)
	if _, _, err = s.SessionByHash(ctx, other.TokenHash); err != nil {
		t.Errorf("another's session was ended: %v", err)
	}
	// A language ends no session; a role, a password, a secret and a lock-out do.
	for i, change := range []func(*sqlite.User){
		func(u *sqlite.User) { u.Lang = "de" },
		func(u *sqlite.User) { u.Role = "auditor" },
		func(u *sqlite.User) { u.Hash = "h2" },
		func(u *sqlite.User) { u.Secret = "S" },
		func(u *sqlite.User) { u.Disabled = true },
	} {
		v := session(byte(10+i), "u1")
		u, err := s.ChangeUser(ctx, "u1", func(u *sqlite.User) error { change(u); return nil })
		must(err)
		if got, err := s.UserByID(ctx, "u1"); err != nil || !reflect.DeepEqual(got, u) {
			t.Errorf("change %d: %+v is kept, %+v was returned, %v", i, got, u, err)
		}
		_, _, err = s.SessionByHash(ctx, v.TokenHash)
		if (err == nil) != (i == 0) {
			t.Errorf("change %d: session: %v", i, err)
		}
	}

	// A code works once, and so does none before it.
	for _, tt := range []struct {
		step  int64
		fresh bool
	}{{100, true}, {100, false}, {99, false}, {101, true}} {
		if fresh, err := s.UseCode(ctx, "u1", tt.step); err != nil || fresh != tt.fresh {
			t.Errorf("step %d: %v, %v", tt.step, fresh, err)
		}
	}
	if fresh, err := s.UseCode(ctx, "u2", 5); err != nil || fresh {
		t.Errorf("a code of who has no secret: %v, %v", fresh, err)
	}
	must(s.SetRecovery(ctx, "u1", [][32]byte{{1}, {2}}))
	for _, want := range []bool{true, false} {
		if was, err := s.UseRecovery(ctx, "u1", [32]byte{1}); err != nil || was != want {
			t.Errorf("recovery code: %v, %v, want %v", was, err, want)
		}
	}
	if was, _ := s.UseRecovery(ctx, "u2", [32]byte{2}); was {
		t.Error("the recovery code of another")
	}
	if n, err := s.RecoveryLeft(ctx, "u1"); err != nil || n != 1 {
		t.Errorf("%d left, %v", n, err)
	}
	_, err = s.ChangeUser(ctx, "u1", func(u *sqlite.User) error { u.Secret = "T"; return nil })
	must(err)
	if n, err := s.RecoveryLeft(ctx, "u1"); err != nil || n != 0 {
		t.Errorf("%d recovery codes of the secret before, %v", n, err)
	}
	must(s.SetPIN(ctx, "fleet", "p"))
	if u, err := s.UserByID(ctx, "u1"); err != nil || !u.HasPIN {
		t.Errorf("%+v has no PIN, %v", u, err)
	}

	must(s.CreateDevice(ctx, sqlite.Device{ID: "d1", Kind: "kiosk", Lane: "north", Created: storetest.Noon}))
	for _, from := range []string{"192.0.2.7", "192.0.2.8"} {
		if bound, err := s.BindKiosk(ctx, "d1", from, storetest.Noon); err != nil || bound != "192.0.2.7" {
			t.Errorf("bound to %q, %v", bound, err)
		}
	}
	must(s.KeepTries(ctx, gate.Tries{Of: "a", N: 3, Last: storetest.Noon}))
	must(s.KeepTries(ctx, gate.Tries{Of: "a", N: 4, Last: storetest.Noon.Add(time.Second)}))
	must(s.KeepTries(ctx, gate.Tries{Of: "b", N: 1, Last: storetest.Noon}))
	must(s.KeepTries(ctx, gate.Tries{Of: "b"}))
	tries, err := s.Tries(ctx)
	must(err)
	if !reflect.DeepEqual(tries, []gate.Tries{{Of: "a", N: 4, Last: storetest.Noon.Add(time.Second).UTC()}}) {
		t.Errorf("tries %+v", tries)
	}
	verified(t, s)
}
