package sqlite_test

import (
	"testing"

	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/gate/translog"
)

// newSite makes a site in a directory of its own.
func newSite(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if _, err := sqlite.Init(t.Context(), dir, "test", storetest.Noon.AddDate(-1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Kit{
		Open: func(t *testing.T) storetest.Store { return open(t, newSite(t)) },
		Verify: func(t *testing.T, s storetest.Store) translog.Report {
			t.Helper()
			db, ok := s.(*sqlite.Store)
			if !ok {
				t.Fatalf("not a database: %T", s)
			}
			r, err := db.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return r.Report
		},
	})
}
