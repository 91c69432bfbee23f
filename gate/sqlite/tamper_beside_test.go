package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/gate/translog"
)

// holds fills the table of holds: one in force, one lifted.
func holds(t testing.TB, s *sqlite.Store) {
	t.Helper()
	at := storetest.Noon.Add(20 * time.Minute)
	for _, vin := range []string{"1M8", "1M9"} {
		id, err := s.PlaceHold(t.Context(), gate.Hold{DataSubject: gate.DataSubject{VIN: vin}, By: "maria", Why: "x", At: at})
		if err == nil && vin == "1M9" {
			err = s.LiftHold(t.Context(), id, "maria", "y", at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// scene is a site whose head a witness cosigned, an older copy of its whole
// directory, and another history signed with the same key.
type scene struct {
	dir, older, forged, stick string
	w                         *translog.Cosigner
	known                     note.Verifier
}

func newScene(t *testing.T) *scene {
	t.Helper()
	c := &scene{dir: newSite(t), older: t.TempDir(), forged: t.TempDir(), stick: t.TempDir()}
	secret, public, err := translog.GenerateWitnessKey(nil, "witness.example/1")
	if err != nil {
		t.Fatal(err)
	}
	if c.w, err = translog.NewCosigner(secret); err != nil {
		t.Fatal(err)
	}
	if c.known, err = translog.NewWitness(public); err != nil {
		t.Fatal(err)
	}
	events := func(s *sqlite.Store, n int, kind gate.EventKind) {
		for i := range n {
			if err := s.RecordEvent(t.Context(), gate.Event{Kind: kind, At: storetest.Noon.Add(time.Duration(i) * time.Minute)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	in(t, c.dir, func(s *sqlite.Store) { events(s, 4, gate.EventSignIn) })
	copyDir(t, c.dir, c.older)
	in(t, c.dir, func(s *sqlite.Store) {
		events(s, 3, gate.EventSignIn)
		s.WitnessedBy(sqlite.Outside{Witnesses: []note.Verifier{c.known}, Dir: c.stick})
		if err := s.MeetWitness(t.Context(), storetest.Noon); err != nil {
			t.Fatal(err)
		}
		c.cosign(t, s.VerifierKey())
		if err := s.MeetWitness(t.Context(), storetest.Noon); err != nil {
			t.Fatal(err)
		}
	})
	// The forger has the site's key, and begins anew with it.
	for _, f := range []string{"log.key", "log.pub"} {
		data, err := os.ReadFile(filepath.Join(c.dir, f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.forged, f), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sqlite.Init(t.Context(), c.forged, "test", storetest.Noon); err != nil {
		t.Fatal(err)
	}
	in(t, c.forged, func(s *sqlite.Store) { events(s, 12, gate.EventExport) })
	return c
}

// cosign does the witness's part: it looks at what lies on the stick.
func (c *scene) cosign(t *testing.T, logKey string) {
	t.Helper()
	key, err := translog.NewVerifier(logKey)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.on("head"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := translog.ParseWitnessRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := c.w.Cosign(r, key, nil, storetest.Noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.on("cosigned"), signed, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *scene) on(what string) string {
	all, _ := filepath.Glob(filepath.Join(c.stick, "*.head"))
	if len(all) != 1 {
		return ""
	}
	return strings.TrimSuffix(all[0], "head") + what
}

func in(t *testing.T, dir string, do func(*sqlite.Store)) {
	t.Helper()
	s, err := sqlite.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	do(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// copyDir copies a site that is closed.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	list, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		copyFile(t, from, to, f.Name())
	}
}

func copyFile(t *testing.T, from, to, name string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(from, name))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, name), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// swapIn puts files of one site in place of those of another.
func swapIn(t *testing.T, from, to string, names ...string) {
	t.Helper()
	for _, side := range []string{"-wal", "-shm"} {
		if err := os.Remove(filepath.Join(to, "site.db"+side)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	for _, n := range names {
		copyFile(t, from, to, n)
	}
}

// dropFiles removes files of a site.
func dropFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := os.Remove(filepath.Join(dir, n)); err != nil {
			t.Fatal(err)
		}
	}
}

// editFile changes a word in a file.
func editFile(t *testing.T, path, old, with string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(data, []byte(old), []byte(with), 1)
	if bytes.Equal(changed, data) {
		t.Fatalf("%s holds no %q", path, old)
	}
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wholeBlows are what somebody can do to the database as a whole, and to the
// heads beside it, who has the machine, or even its key.
var wholeBlows = []struct {
	name string
	do   func(t *testing.T, c *scene)
	away bool   // the stick is not there
	want string // what is said of it; empty is clean
}{
	{"nothing", func(*testing.T, *scene) {}, false, ""},
	{"nothing, without the stick", func(*testing.T, *scene) {}, true, ""},
	{"an older database", func(t *testing.T, c *scene) { swapIn(t, c.older, c.dir, "site.db") }, true, "cut off, or an older copy"},
	{"an older database, with the heads of then", func(t *testing.T, c *scene) { swapIn(t, c.older, c.dir, "site.db", "log.heads") }, true, "cut off, or an older copy"},
	{"an older copy of everything, the cosigned head removed", func(t *testing.T, c *scene) {
		swapIn(t, c.older, c.dir, "site.db", "log.heads")
		dropFiles(t, c.dir, "log.cosigned")
	}, false, "cut off, or an older copy"},
	{"another history, with the site's own key", func(t *testing.T, c *scene) { swapIn(t, c.forged, c.dir, "site.db") }, true, "the log is not the one that was signed"},
	{"another history, with its heads", func(t *testing.T, c *scene) { swapIn(t, c.forged, c.dir, "site.db", "log.heads") }, true, "the log is not the one that was signed"},
	{"another history, nothing left of the first", func(t *testing.T, c *scene) {
		swapIn(t, c.forged, c.dir, "site.db", "log.heads")
		dropFiles(t, c.dir, "log.cosigned")
	}, false, "the log is not the one that was signed"},
	{"another size in the heads", func(t *testing.T, c *scene) { editFile(t, filepath.Join(c.dir, "log.heads"), "\n5\n", "\n6\n") }, true, "log.heads, head 1 of"},
	{"a head without its signature", func(t *testing.T, c *scene) {
		editFile(t, filepath.Join(c.dir, "log.heads"), "\n\n— ", "\n\n- ")
	}, true, "log.heads, head 1 of"},
	{"two heads run together", func(t *testing.T, c *scene) {
		editFile(t, filepath.Join(c.dir, "log.heads"), "=\n\nsallyport/", "=\nsallyport/")
	}, true, "log.heads, head 1 of"},
	{"another instant in a cosigned head", func(t *testing.T, c *scene) { editFile(t, filepath.Join(c.dir, "log.cosigned"), "at 20", "at 19") }, true, "log.cosigned, head 1 of 1"},
	{"a cosignature under another name", func(t *testing.T, c *scene) {
		editFile(t, filepath.Join(c.dir, "log.cosigned"), "witness.example/1", "witness.example/2")
	}, true, "no witness that this site knows has cosigned it"},
	{"a cosignature by another key", func(t *testing.T, c *scene) {
		secret, _, err := translog.GenerateWitnessKey(nil, "witness.example/1")
		if err != nil {
			t.Fatal(err)
		}
		if c.w, err = translog.NewCosigner(secret); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(c.dir, "log.pub"))
		if err != nil {
			t.Fatal(err)
		}
		editFile(t, c.on("head"), "old 8\n", "old 0\n")
		c.cosign(t, string(text))
	}, false, "the cosignature of witness.example/1 is not valid"},
	{"the head on the stick", func(t *testing.T, c *scene) { editFile(t, c.on("head"), "at 20", "at 19") }, false, "not signed by this log's key"},
}
