package sqlite_test

import (
	"testing"

	"sallyport/gate/auth"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/gate/translog"
)

func TestDesk(t *testing.T) {
	storetest.RunDesk(t, storetest.DeskKit{
		Open: func(t *testing.T) storetest.DeskStore { return open(t, newSite(t)) },
		Person: func(t *testing.T, s storetest.DeskStore, name string, role auth.Role) {
			t.Helper()
			if err := database(t, s).CreateUser(t.Context(), sqlite.User{ID: "id of " + name, Name: name, Role: string(role), Hash: "h", Lang: "en"}); err != nil {
				t.Fatal(err)
			}
		},
		Verify: func(t *testing.T, s storetest.DeskStore) translog.Report {
			t.Helper()
			r, err := database(t, s).Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return r.Report
		},
	})
}

func database(t *testing.T, s any) *sqlite.Store {
	t.Helper()
	db, ok := s.(*sqlite.Store)
	if !ok {
		t.Fatalf("not a database: %T", s)
	}
	return db
}

// TestPINOfWhoIsLockedOut: whoever may not sign in has no PIN either.
func TestPINOfWhoIsLockedOut(t *testing.T) {
	s := open(t, newSite(t))
	if err := s.CreateUser(t.Context(), sqlite.User{ID: "m", Name: "maria", Role: "supervisor", Hash: "h", Lang: "en"}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetPIN(t.Context(), "maria", "h"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetUserDisabled(t.Context(), "m", true); err != nil {
		t.Fatal(err)
	}
	if h, err := s.PINOf(t.Context(), "maria"); err == nil {
		t.Errorf("%+v", h)
	}
	if list, err := s.PINHolders(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
