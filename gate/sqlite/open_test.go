package sqlite_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/gate/translog"
	"sallyport/policy"
)

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b c%?#")
	key, err := sqlite.Init(t.Context(), dir, "gate-7", storetest.Noon)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(key, "sallyport/gate-7+") {
		t.Errorf("verifier key %q", key)
	}
	for file, mode := range map[string]fs.FileMode{"log.key": 0o600, "site.db": 0o600} {
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	before, err := os.ReadFile(filepath.Join(dir, "site.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Init(t.Context(), dir, "gate-7", storetest.Noon); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Init: %v", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, "site.db"))
	if err != nil || string(before) != string(after) {
		t.Error("second Init changed the database")
	}
	r, err := sqlite.Verify(t.Context(), dir, key)
	if err != nil || !r.Clean() || r.Entries != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := sqlite.Init(t.Context(), t.TempDir(), "no good", storetest.Noon); err == nil {
		t.Error("a site name with a blank was accepted")
	}
}

func TestInitAfterACrash(t *testing.T) {
	dir := newSite(t)
	// As if the process had died before the last step.
	if err := os.Rename(filepath.Join(dir, "site.db"), filepath.Join(dir, "site.db.new")); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), dir); !errors.Is(err, sqlite.ErrNotInitialised) {
		t.Errorf("half a site was opened: %v", err)
	}
	if _, err := sqlite.Init(t.Context(), dir, "test", storetest.Noon); err != nil {
		t.Fatal(err)
	}
	verified(t, open(t, dir))
}

func TestOpenRefuses(t *testing.T) {
	t.Run("a directory that is not there", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "typo")
		if _, err := sqlite.Open(t.Context(), dir); !errors.Is(err, sqlite.ErrNotInitialised) {
			t.Errorf("error %v", err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Error("Open made the directory")
		}
		if _, err := sqlite.Verify(t.Context(), dir, ""); !errors.Is(err, sqlite.ErrNotInitialised) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a second process", func(t *testing.T) {
		dir := newSite(t)
		s := open(t, dir)
		if _, err := sqlite.Open(t.Context(), dir); !errors.Is(err, sqlite.ErrInUse) {
			t.Errorf("error %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		open(t, dir)
	})
	t.Run("a newer database", func(t *testing.T) {
		dir := newSite(t)
		if _, err := intruder(t, dir).Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)"); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Open(t.Context(), dir); !errors.Is(err, sqlite.ErrNewer) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a key that others can read", func(t *testing.T) {
		dir := newSite(t)
		if err := os.Chmod(filepath.Join(dir, "log.key"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a key of another site", func(t *testing.T) {
		dir, other := newSite(t), newSite(t)
		key, err := os.ReadFile(filepath.Join(other, "log.pub"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "log.pub"), key, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Open(t.Context(), dir); err == nil {
			t.Error("opened")
		}
		r, err := sqlite.Verify(t.Context(), dir, "")
		if err != nil || r.Clean() {
			t.Errorf("a foreign key verifies: %+v, %v", r, err)
		}
	})
	t.Run("not a database", func(t *testing.T) {
		dir := newSite(t)
		if err := os.WriteFile(filepath.Join(dir, "site.db"), []byte(strings.Repeat("rubbish ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Open(t.Context(), dir); err == nil {
			t.Error("opened")
		}
	})
}

// TestVerifyWhileRunning reads the log of a site that another connection
// writes to.
func TestVerifyWhileRunning(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			if err := s.Record(context.Background(), storetest.Sample(n, policy.Grant)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var last int64
	for range 20 {
		r, err := sqlite.Verify(t.Context(), dir, "")
		if err != nil || !r.Clean() {
			t.Fatalf("%+v, %v", r.Misfits, err)
		}
		if r.Entries < last {
			t.Errorf("%d entries after %d", r.Entries, last)
		}
		last = r.Entries
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestClosedStore(t *testing.T) {
	s := open(t, newSite(t))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.RecordEvent(t.Context(), gate.Event{Kind: gate.EventStopped}); !errors.Is(err, sqlite.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// TestReopen finds everything again, and goes on with the log.
func TestReopen(t *testing.T) {
	dir := newSite(t)
	for n := range 3 {
		s := open(t, dir)
		last, err := s.LastAt(t.Context())
		if err != nil || n > 0 && !last.Equal(storetest.Sample(n-1, 0).At) {
			t.Errorf("last instant %v, %v", last, err)
		}
		if err := s.Record(t.Context(), storetest.Sample(n, policy.Flag)); err != nil {
			t.Fatal(err)
		}
		if r := verified(t, s); r.Entries != int64(n)+2 {
			t.Errorf("%d entries", r.Entries)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestErasedIsGone looks for erased words in the files themselves.
func TestErasedIsGone(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	p := storetest.Sample(123456, policy.Deny)
	for _, err := range []error{
		s.Record(t.Context(), p),
		s.RecordAct(t.Context(), gate.Act{Kind: gate.ActTurnAway, Passage: p.ID, By: "anna", Reason: "driver Kowalska", At: p.At}),
		s.RecordOutcome(t.Context(), gate.Outcome{Passage: p.ID, Ending: gate.EndRefused, At: p.At}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	holds := func(word string) bool {
		t.Helper()
		for _, f := range []string{"site.db", "site.db-wal", "log.heads"} {
			data, err := os.ReadFile(filepath.Join(dir, f))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if strings.Contains(string(data), word) {
				return true
			}
		}
		return false
	}
	words := []string{p.Result.VIN, "Kowalska", "WX123456"}
	for _, w := range words {
		if !holds(w) {
			t.Errorf("%q is not there to be erased", w)
		}
	}
	if n, err := s.EraseBefore(t.Context(), p.At.Add(time.Hour), p.At.Add(2*time.Hour), "on request"); err != nil || n != 2 {
		t.Fatalf("erased %d, %v", n, err)
	}
	for _, w := range words {
		if holds(w) {
			t.Errorf("%q is still in the files", w)
		}
	}
	verified(t, s)
}

func TestProofsFromTheDatabase(t *testing.T) {
	s := open(t, newSite(t))
	smallLog(t, s)
	heads, err := s.Checkpoints(t.Context(), 10)
	if err != nil || len(heads) < 2 {
		t.Fatalf("%d checkpoints, %v", len(heads), err)
	}
	v, err := translog.NewVerifier(s.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	newest, err := translog.OpenCheckpoint(heads[0].Signed, v)
	if err != nil {
		t.Fatal(err)
	}
	older, err := translog.OpenCheckpoint(heads[len(heads)-1].Signed, v)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := s.Entries(t.Context(), 0, 100)
	if err != nil || int64(len(entries)) != newest.Size {
		t.Fatalf("%d entries under a head of %d, %v", len(entries), newest.Size, err)
	}
	for _, e := range entries {
		proof, err := translog.ProveInclusion(s.Hashes(t.Context()), newest.Size, e.Seq)
		if err != nil {
			t.Fatal(err)
		}
		if err := translog.CheckInclusion(proof, newest, e.Seq, e.Data); err != nil {
			t.Error(err)
		}
	}
	proof, err := translog.ProveConsistency(s.Hashes(t.Context()), newest.Size, older.Size)
	if err != nil {
		t.Fatal(err)
	}
	if err := translog.CheckConsistency(proof, newest, older); err != nil {
		t.Error(err)
	}
}
