package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
)

// TestRestoreDrill is the exercise of a site that burns down: the real program
// runs and is backed up while vehicles come, the machine is lost, and from the
// file and the keys kept apart it stands again with everything acknowledged
// before the backup, and lets vehicles in.
func TestRestoreDrill(t *testing.T) {
	t.Parallel()
	program(t) // built before the clock of the first command runs
	place := t.TempDir()
	dir, file, safe := filepath.Join(place, "site"), filepath.Join(place, "copy.sallyport"), filepath.Join(place, "safe")
	must := func(args ...string) string {
		t.Helper()
		out, err := command(t, "", args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	must("init", "--data", dir, "--site", "kill", "--name", "Drill")
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(killSite), 0o600); err != nil {
		t.Fatal(err)
	}
	token := addDevice(t, dir, "kiosk", "north")
	p := start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	k := &killer{t: t, dir: dir, token: token, acts: map[gate.PassageID]bool{}}
	for n := range 6 {
		if !k.present(p, n+1) {
			t.Fatal("the program did not answer")
		}
	}
	out := must("backup", "--data", dir, "--to", file)
	if !strings.Contains(out, "site.db") || !strings.Contains(out, "not in it") {
		t.Errorf("backup says:\n%s", out)
	}
	acknowledged := append([]gate.PassageID(nil), k.passages...)
	k.present(p, 7) // after the backup: it is lost, and is said to be

	// The keys lie in a safe; the machine is lost.
	if err := os.Mkdir(safe, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"log.key", "device.key"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(safe, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := strings.TrimSpace(string(readAll(t, filepath.Join(dir, "log.pub"))))
	if out, err := command(t, "", "restore", "--verify", file, "--to", dir); err == nil {
		t.Errorf("restored over a site that runs:\n%s", out)
	}
	p.kill()
	if out, err := command(t, "", "restore", "--verify", file, "--to", dir); err == nil || !strings.Contains(out, "records that the backup lacks") {
		t.Errorf("restored over a newer site: %v\n%s", err, out)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}

	begun := time.Now()
	if out := must("restore", "--verify", file, "--key", key); !strings.Contains(out, "proved") {
		t.Errorf("restore --verify says:\n%s", out)
	}
	out = must("restore", "--verify", file, "--key", key, "--to", dir, "--keys", safe)
	p = start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	t.Logf("from the file to a site that answers: %s\n%s", time.Since(begun).Round(time.Millisecond), out)
	for n := range 3 {
		if !k.present(p, 100+n) { // by the token of before
			t.Fatalf("the restored site did not answer:\n%s", p.logs)
		}
	}
	out = must("jobs", "--data", dir)
	if !strings.Contains(out, "retention") || !strings.Contains(out, "03:10") {
		t.Errorf("jobs says:\n%s", out)
	}
	if out := must("jobs", "run", "retention", "--data", dir); !strings.Contains(out, "retention: ok") {
		t.Errorf("jobs run says:\n%s", out)
	}
	p.kill()
	must("log", "verify", "--data", dir, "--key", key)
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, id := range acknowledged {
		rec, err := store.Passage(t.Context(), id)
		if err != nil || len(rec.Acts) == 0 {
			t.Errorf("%s was acknowledged before the backup: %+v, %v", id, rec.Acts, err)
		}
	}
	if len(acknowledged) != 6 {
		t.Errorf("%d acknowledged", len(acknowledged))
	}
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRotate keeps the newest copies, and touches nothing else.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for n := range 20 {
		name := fmt.Sprintf("fort-202611%02dT040000Z%s", n+1, backupSuffix)
		if n >= 17 {
			want = append(want, name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"fort-before-the-move.sallyport", "other-20261101T040000Z.sallyport", "fort-20261101T040000Z.txt"} {
		want = append(want, name)
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := rotate(dir, "fort-", 3); err != nil || n != 17 {
		t.Errorf("%d removed, %v", n, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != len(want) {
		t.Errorf("%d left, want %d: %v", len(left), len(want), err)
	}
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
