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
	if got != anna {
		t.Errorf("%+v, want %+v", got, anna)
	}
	_, err = s.UserByName(ctx, "Anna")
	is(err, sqlite.ErrNotFound)
	users, err := s.Users(ctx)
	must(err)
	if len(users) != 2 || users[0] != anna || !users[1].Disabled {
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
	if !reflect.DeepEqual(gotV, v) || gotU != anna {
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
