package sqlite_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/sqlite/faulty"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// backedUp makes a site with some records and a backup of it.
func backedUp(t *testing.T, keys bool) (dir, file string, s *sqlite.Store) {
	t.Helper()
	dir = newSite(t)
	s = open(t, dir)
	smallLog(t, s)
	for name, text := range map[string]string{"site.toml": "site = \"test\"\n", "device.key": "secret of devices", "radio-1.key": "secret of radios"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file = filepath.Join(t.TempDir(), "copy.sallyport")
	if _, err := s.Backup(t.Context(), sqlite.BackupOptions{To: file, Keys: keys, At: storetest.Noon.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	return dir, file, s
}

// contents are the files of a backup, by name.
func contents(t *testing.T, file string) (names []string, files map[string][]byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	r := tar.NewReader(z)
	files = map[string][]byte{}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

// repack writes a backup of files anew.
func repack(t *testing.T, names []string, files map[string][]byte) (file string) {
	t.Helper()
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, n := range names {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: n, Size: int64(len(files[n])), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "changed")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestBackupWhileRunning copies a site while eight writers work: the copy holds
// what had been acknowledged before it began, and its log fits.
func TestBackupWhileRunning(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	acknowledged := 0
	for g := range 8 {
		wg.Go(func() {
			for n := g; ctx.Err() == nil; n += 8 {
				if err := s.Record(context.Background(), storetest.Sample(n, policy.Grant)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged++
				mu.Unlock()
			}
		})
	}
	for range 3 {
		mu.Lock()
		before := acknowledged
		mu.Unlock()
		file := filepath.Join(t.TempDir(), "copy")
		m, err := s.Backup(t.Context(), sqlite.BackupOptions{To: file, At: storetest.Noon})
		if err != nil {
			t.Fatal(err)
		}
		rep, err := sqlite.Restore(t.Context(), sqlite.RestoreOptions{File: file, Key: s.VerifierKey()})
		if err != nil {
			t.Fatal(err)
		}
		if rep.Log.Entries != m.Entries || m.Entries < int64(before)+1 || rep.OwnKey {
			t.Errorf("%d entries proved of %d, %d had been acknowledged", rep.Log.Entries, m.Entries, before)
		}
	}
	stop()
	wg.Wait()
	verified(t, s)
}

// TestBackupKeepsKeysOut looks for the secret keys in the file.
func TestBackupKeepsKeysOut(t *testing.T) {
	_, file, s := backedUp(t, false)
	names, files := contents(t, file)
	if slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, ".key") }) || !slices.Contains(names, "log.pub") || !slices.Contains(names, "site.toml") || names[0] != "manifest" {
		t.Errorf("files %v", names)
	}
	for n, data := range files {
		if bytes.Contains(data, []byte("secret of")) || bytes.Contains(data, []byte("PRIVATE+KEY")) {
			t.Errorf("%s holds a secret key", n)
		}
	}
	_, file, _ = backedUp(t, true)
	names, _ = contents(t, file)
	for _, want := range []string{"log.key", "device.key", "radio-1.key"} {
		if !slices.Contains(names, want) {
			t.Errorf("asked for with keys, %s is not in %v", want, names)
		}
	}
	list, err := s.Entries(t.Context(), 0, 1000)
	if err != nil || !strings.Contains(string(list[len(list)-1].Data), string(gate.EventBackup)) {
		t.Errorf("the log does not speak of the backup: %v", err)
	}
	if _, err := s.Backup(t.Context(), sqlite.BackupOptions{To: file}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
}

// TestRestoreRefuses changes a backup in every way: it is found, and nothing is
// put in place.
func TestRestoreRefuses(t *testing.T) {
	_, file, s := backedUp(t, true)
	_, other, _ := backedUp(t, true)
	key := s.VerifierKey()
	names, files := contents(t, file)
	_, foreign := contents(t, other)
	change := func(f func(names []string, files map[string][]byte) []string) string {
		mine := map[string][]byte{}
		for n, d := range files {
			mine[n] = bytes.Clone(d)
		}
		return repack(t, f(slices.Clone(names), mine), mine)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, whole[:len(whole)*3/4], 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"cut off":                short,
		"a byte of the database": change(func(n []string, f map[string][]byte) []string { f["site.db"][5000] ^= 1; return n }),
		"a byte of site.toml":    change(func(n []string, f map[string][]byte) []string { f["site.toml"][0] ^= 1; return n }),
		"a file missing":         change(func(n []string, _ map[string][]byte) []string { return n[:len(n)-1] }),
		"a file more": change(func(n []string, f map[string][]byte) []string {
			f["../evil"] = []byte("x")
			return append(n, "../evil")
		}),
		"two files exchanged": change(func(n []string, _ map[string][]byte) []string { n[1], n[2] = n[2], n[1]; return n }),
		"the manifest's number": change(func(n []string, f map[string][]byte) []string {
			f["manifest"] = bytes.Replace(f["manifest"], []byte(`"schema":`), []byte(`"schema":1`), 1)
			return n
		}),
		"no manifest":              change(func(n []string, _ map[string][]byte) []string { return n[1:] }),
		"another site's":           other,
		"another site's database":  change(func(n []string, f map[string][]byte) []string { f["site.db"] = foreign["site.db"]; return n }),
		"another site's manifest":  change(func(n []string, f map[string][]byte) []string { f["manifest"] = foreign["manifest"]; return n }),
		"a directory of its own":   t.TempDir(),
		"a file that is not there": filepath.Join(t.TempDir(), "no"),
	} {
		to := filepath.Join(t.TempDir(), "site")
		if rep, err := sqlite.Restore(t.Context(), sqlite.RestoreOptions{File: path, Key: key, To: to}); err == nil {
			t.Errorf("%s: restored: %+v", name, rep)
		}
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was put in place", name)
		}
		left, err := os.ReadDir(filepath.Dir(to))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %v, %v", name, left, err)
		}
	}
}

// TestRestore puts backups in place, and refuses to where that would lose
// records.
func TestRestore(t *testing.T) {
	dir, file, s := backedUp(t, false)
	key := s.VerifierKey()
	at := storetest.Noon.Add(2 * time.Hour)
	to := filepath.Join(t.TempDir(), "new")
	if _, err := sqlite.Restore(t.Context(), sqlite.RestoreOptions{File: file, Key: key, To: to, At: at}); !errors.Is(err, sqlite.ErrNoKeys) {
		t.Fatalf("without keys: %v", err)
	}
	if _, err := sqlite.Restore(t.Context(), sqlite.RestoreOptions{File: file, Key: key, To: to, At: at, Keys: newSite(t)}); !errors.Is(err, sqlite.ErrNoKeys) {
		t.Fatalf("with the keys of another site: %v", err)
	}
	if _, err := sqlite.Restore(t.Context(), sqlite.RestoreOptions{File: file, Key: key, To: dir, At: at}); !errors.Is(err, sqlite.ErrInUse) {
		t.Fatalf("over a site that runs: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The event of the backup itself is what the site has and the backup lacks.
	if _, err := sqlite.Restore(t.Context(), sqlite.RestoreOptions{File: file, Key: key, To: dir, At: at}); !errors.Is(err, sqlite.ErrNewerSite) {
		t.Fatalf("over a newer site: %v", err)
	}
	rep, err := sqlite.Restore(t.Context(), sqlite.RestoreOptions{File: file, Key: key, To: to, At: at, Keys: dir})
	if err != nil {
		t.Fatal(err)
	}
	again := open(t, to)
	r := verified(t, again)
	if r.Entries != rep.Log.Entries+1 {
		t.Errorf("%d entries after a restore of %d", r.Entries, rep.Log.Entries)
	}
	list, err := again.Entries(t.Context(), rep.Log.Entries, 10)
	if err != nil || len(list) != 1 || !strings.Contains(string(list[0].Data), string(gate.EventRestore)) {
		t.Errorf("the log does not speak of the restore: %v", err)
	}
	if _, err := again.Passage(t.Context(), "pD"); err != nil {
		t.Error(err)
	}
	// A head that a witness has, and the backup lacks, is said so.
	heads, err := os.ReadFile(filepath.Join(dir, "log.heads"))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.SplitAfter(string(heads), "\n\n")
	newest := []byte(strings.TrimSuffix(strings.Join(all[len(all)-3:], ""), "\n"))
	rep, err = sqlite.Restore(t.Context(), sqlite.RestoreOptions{File: file, Key: key, Head: [][]byte{newest}})
	if err != nil || rep.Proved || rep.Newest <= rep.Log.Entries {
		t.Errorf("with the newest head: %+v, %v", rep, err)
	}
	// A later backup of the restored site replaces the restored site when that has
	// nothing more.
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRestoreOverTheSame puts a backup over a site whose database is damaged and
// whose heads the backup covers; what was there is moved aside.
func TestRestoreOverTheSame(t *testing.T) {
	dir, file, s := backedUp(t, false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rep, err := sqlite.Restore(t.Context(), sqlite.RestoreOptions{File: file})
	if err != nil || !rep.OwnKey {
		t.Fatalf("%+v, %v", rep, err)
	}
	// The site as it was at the backup: its heads, and a database that is rubbish.
	_, files := contents(t, file)
	if err := os.WriteFile(filepath.Join(dir, "log.heads"), files["log.heads"], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "site.db"), []byte(strings.Repeat("rubbish ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	rep, err = sqlite.Restore(t.Context(), sqlite.RestoreOptions{File: file, To: dir, At: storetest.Noon.Add(2 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(rep.Aside, "site.db")); err != nil || !strings.HasPrefix(string(data), "rubbish") {
		t.Errorf("what was there is not at %q: %v", rep.Aside, err)
	}
	again := open(t, dir)
	verified(t, again)
	if key, err := os.ReadFile(filepath.Join(dir, "device.key")); err != nil || string(key) != "secret of devices" {
		t.Errorf("the keys did not come along: %q, %v", key, err)
	}
}

// TestBackupOnABrokenDisk fills the disk of the copy: there is no half copy, the
// site goes on, and the log says that there was none.
func TestBackupOnABrokenDisk(t *testing.T) {
	s := open(t, newSite(t))
	smallLog(t, s)
	to := t.TempDir()
	disk, err := faulty.New(to)
	if err != nil {
		t.Fatal(err)
	}
	disk.Break(faulty.Fault{Op: faulty.Write, Code: faulty.Full, After: 5})
	if _, err := s.Backup(t.Context(), sqlite.BackupOptions{To: filepath.Join(to, "copy"), At: storetest.Noon}); err == nil {
		t.Error("copied to a full disk")
	}
	if disk.Heal() == 0 {
		t.Error("nothing failed")
	}
	if left, err := os.ReadDir(to); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	list, err := s.Entries(t.Context(), 0, 1000)
	if err != nil || !strings.Contains(string(list[len(list)-1].Data), "could not be made") {
		t.Errorf("the log does not speak of it: %v", err)
	}
	if _, err := s.Backup(t.Context(), sqlite.BackupOptions{To: filepath.Join(to, "copy"), At: storetest.Noon}); err != nil {
		t.Error(err)
	}
}
