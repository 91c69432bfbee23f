package sqlite

import (
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"sallyport/gate"
	"sallyport/migrations"
)

// later is the schema of a later program: this one's, and more files.
func later(t *testing.T, more map[string]string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	names, err := fs.Glob(migrations.Site, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		data, err := fs.ReadFile(migrations.Site, n)
		if err != nil {
			t.Fatal(err)
		}
		all[n] = &fstest.MapFile{Data: data}
	}
	for n, text := range more {
		all[n] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

func TestMigrate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileDB)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	if _, err := Init(t.Context(), dir, "test", at); err != nil {
		t.Fatal(err)
	}
	count := func(file, query string) (n int, err error) {
		db, err := sql.Open("sqlite3", dsn(file, reading))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return n, db.QueryRowContext(t.Context(), query).Scan(&n)
	}
	half := later(t, map[string]string{"99001_half.sql": "-- +goose Up\nCREATE TABLE extra (x INTEGER);\nINSERT INTO nowhere VALUES (1);\n"})
	if err := migrate(t.Context(), path, half); err == nil {
		t.Fatal("a migration that fails half-way succeeded")
	}
	if _, err := count(path, "SELECT count(*) FROM extra"); err == nil {
		t.Error("half of the migration stayed")
	}
	// The next start of the program works, and so does the repaired one.
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecordEvent(t.Context(), gate.Event{Kind: gate.EventStarted, At: at}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole := later(t, map[string]string{"99001_whole.sql": "-- +goose Up\nCREATE TABLE extra (x INTEGER);\n"})
	if err := migrate(t.Context(), path, whole); err != nil {
		t.Fatal(err)
	}
	if n, err := count(path, "SELECT count(*) FROM extra"); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	copies, err := filepath.Glob(path + ".v*")
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies %v, %v", copies, err)
	}
	if n, err := count(copies[0], "SELECT count(*) FROM log"); err != nil || n != 2 {
		t.Errorf("the copy has %d entries, %v; want 2", n, err)
	}
	if _, err := count(copies[0], "SELECT count(*) FROM extra"); err == nil {
		t.Error("the copy was made after the migration")
	}
	if _, err := Open(t.Context(), dir); !errors.Is(err, ErrNewer) {
		t.Errorf("the older program: %v", err)
	}
}

// TestUpgradeFromVersion2 fills a database as the program before this one would
// have, and walks it through the migration: it verifies before and after, and
// nothing is lost.
func TestUpgradeFromVersion2(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileDB)
	ctx, at := t.Context(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	before := fstest.MapFS{}
	for _, n := range []string{"00001_site.sql", "00002_inspections.sql"} {
		data, err := fs.ReadFile(migrations.Site, n)
		if err != nil {
			t.Fatal(err)
		}
		before[n] = &fstest.MapFile{Data: data}
	}
	signing, _, err := makeKey(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFile(path, "", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := migrate(ctx, path, before); err != nil {
		t.Fatal(err)
	}
	s, err := openDB(ctx, path, signing)
	if err != nil {
		t.Fatal(err)
	}
	in := gate.Inspection{ID: "i", VIN: "1M8", Subject: gate.SubjectUnit, Kind: gate.KindSeen, Role: "tcu", Result: gate.ResultNone, By: "anna", At: at, Expires: at.AddDate(1, 0, 0)}
	for _, err := range []error{
		s.RecordEvent(ctx, gate.Event{Kind: gate.EventCreated, At: at}),
		s.RecordInspection(ctx, in),
		s.RecordInspectionActs(ctx, gate.InspectionAct{Inspection: "i", Kind: gate.InspectionConfirmed, By: "jan", At: at}),
		s.KeepPolicy(ctx, gate.PolicyDocument{Hash: "be", ID: "b 1", Source: []byte("rules"), At: at}),
		s.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	was, err := Verify(ctx, dir, "")
	if err != nil || !was.Clean() || was.Entries != 4 {
		t.Fatalf("before: %+v, %v", was, err)
	}
	if r, err := OpenReader(ctx, dir); err == nil {
		_ = r.Close()
		t.Error("read before it was brought up to date")
	}
	up, err := Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	is, err := up.Verify(ctx)
	if err != nil || !is.Clean() || is.Entries != was.Entries || is.Head.Root != was.Head.Root {
		t.Errorf("after: %+v, %v; before %+v", is, err, was)
	}
	if got, err := up.Inspection(ctx, "i"); err != nil || len(got.Acts) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	v := gate.PolicyVersion{Number: 1, ID: "b 1", Hash: "be", Source: "rules", Author: gate.SetUp, At: at}
	if err := up.RecordPolicyVersion(ctx, v, gate.PolicyStep{Version: 1, Kind: gate.StepApproved, By: gate.SetUp, At: at, From: at}); err != nil {
		t.Error(err)
	}
	if is, err = up.Verify(ctx); err != nil || !is.Clean() || is.Entries != was.Entries+2 {
		t.Errorf("after: %+v, %v", is, err)
	}
	if copies, err := filepath.Glob(path + ".v00002"); err != nil || len(copies) != 1 {
		t.Errorf("copies %v, %v", copies, err)
	}
}

func TestNewEnough(t *testing.T) {
	for version, want := range map[string]bool{"3.51.3": true, "3.51.2": false, "3.54.1": true, "3.40.1": false, "4.0.0": true, "3.51.10": true} {
		if got, err := newEnough(version); err != nil || got != want {
			t.Errorf("%s: %v, %v", version, got, err)
		}
	}
	for _, bad := range []string{"", "3", "3.51", "3.x.1"} {
		if _, err := newEnough(bad); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

// TestGroupKeepsTheGood: one record that fails does not take its group along.
func TestGroupKeepsTheGood(t *testing.T) {
	dir := t.TempDir()
	if _, err := Init(t.Context(), dir, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	bad := errors.New("bad record")
	make := func(f func(*txn) error) *op { return &op{ctx: t.Context(), run: f, done: make(chan error, 1)} }
	event := func(id string) func(*txn) error {
		return func(t *txn) error {
			return t.exec("INSERT INTO user (id, name, role, hash, lang) VALUES (?,?,'','','')", id, id)
		}
	}
	group := []*op{
		make(event("a")),
		make(func(t *txn) error {
			if err := event("b")(t); err != nil {
				return err
			}
			return bad
		}),
		make(event("a")), // breaks a constraint
		make(event("c")),
	}
	s.commit(group)
	for i, want := range []bool{true, false, false, true} {
		if err := <-group[i].done; (err == nil) != want {
			t.Errorf("record %d: %v", i, err)
		}
	}
	users, err := s.Users(t.Context())
	if err != nil || len(users) != 2 || users[0].ID != "a" || users[1].ID != "c" {
		t.Errorf("users %+v, %v", users, err)
	}
	r, err := s.Verify(t.Context())
	if err != nil || !r.Clean() {
		t.Errorf("%+v, %v", r, err)
	}
}
