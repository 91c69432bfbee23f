package sqlite

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/note"

	"sallyport/gate"
	"sallyport/gate/translog"
	"sallyport/migrations"
)

// The sentinels of a backup.
var (
	// ErrBackup says that a backup is not what it claims to be.
	ErrBackup = errors.New("not a whole backup")
	// ErrNewerSite says that the site to be replaced has records that the backup
	// lacks, or others.
	ErrNewerSite = errors.New("the site there has records that the backup lacks")
	// ErrNoKeys says that the keys that a site works with are neither in the backup
	// nor at hand.
	ErrNoKeys = errors.New("the keys of the site are missing")
)

// backupHead begins the text that a backup's signature is over, so that it is
// never taken for a head of the log.
const backupHead = "sallyport backup 1\n"

// manifestFile is the first file of a backup.
const manifestFile = "manifest"

// maxFile bounds one file of a backup, and maxManifest its list of files.
const (
	maxFile     = 1 << 40
	maxManifest = 16 << 20
)

// Manifest is what a backup says of itself, signed by the key of the log.
type Manifest struct {
	Site    string       `json:"site"` // name of the log's key
	At      time.Time    `json:"at"`
	Program string       `json:"program,omitempty"`
	Schema  int64        `json:"schema"`         // version of the database
	Head    string       `json:"head"`           // the log's last signed head in it
	Entries int64        `json:"entries"`        // that the head covers
	Keys    bool         `json:"keys,omitempty"` // secret keys are in it: whoever has the file can speak as the site
	Files   []BackupFile `json:"files"`
}

// BackupFile is one file of a backup.
type BackupFile struct {
	Name   string      `json:"name"` // relative to the data directory, with slashes
	Size   int64       `json:"size"`
	Mode   fs.FileMode `json:"mode"`
	SHA256 string      `json:"sha256"`
}

// BackupOptions says what is copied, and where to.
type BackupOptions struct {
	To      string // the file to make; it must not be there yet
	Keys    bool   // take the secret keys along
	Program string
	At      time.Time
	Skip    []string // further files and directories of the data directory that are left out, such as other backups
}

// secret says whether a file holds a secret key.
func secret(name string) bool { return strings.HasSuffix(name, ".key") }

// leftOut says whether a file of the data directory is no part of the site: it is
// made anew by each start, or is the database itself, which is copied otherwise.
func leftOut(name string) bool {
	switch name {
	case fileDB, fileDB + "-wal", fileDB + "-shm", fileDB + ".new", fileDB + ".new-wal", fileDB + ".new-shm", fileLock, manifestFile:
		return true
	}
	return strings.HasPrefix(name, fileDB+".v") || strings.HasSuffix(name, ".part") || strings.HasSuffix(name, ".sock")
}

// Backup copies the site into one file while it runs, reads the copy back, and
// logs that it was made. The file is there whole and durable on return, or not
// at all. A backup holds personal data, and nothing erases it from there: how
// many are kept is the site's decision.
func (s *Store) Backup(ctx context.Context, o BackupOptions) (m Manifest, err error) {
	m, err = s.backup(ctx, o)
	detail := fmt.Sprintf("%d entries to %s, %d files, keys %v", m.Entries, filepath.Base(o.To), len(m.Files), m.Keys)
	if err != nil {
		detail = "to " + filepath.Base(o.To) + " could not be made"
	}
	return m, errors.Join(err, s.RecordEvent(ctx, gate.Event{Kind: gate.EventBackup, At: o.At, Detail: detail}))
}

func (s *Store) backup(ctx context.Context, o BackupOptions) (m Manifest, err error) {
	signing, verifying, err := readKeys(s.dir)
	if err != nil {
		return m, err
	}
	to, err := filepath.Abs(o.To)
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	if _, err := os.Lstat(to); err == nil {
		return m, fmt.Errorf("backup: %s: %w", to, fs.ErrExist)
	}
	// Everything is made beside its place, so that there is room for it or it
	// fails there and not where the site works.
	work, err := os.MkdirTemp(filepath.Dir(to), ".backup-*.part")
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	// The heads outside come first: a log may be ahead of them, never behind.
	if err := s.KeepHead(ctx); err != nil {
		return m, err
	}
	if m.Files, err = s.copyFiles(work, o); err != nil {
		return m, err
	}
	if err := snapshotDB(ctx, s.path, filepath.Join(work, fileDB)); err != nil {
		return m, err
	}
	db, err := hashFile(work, fileDB, 0o600)
	if err != nil {
		return m, err
	}
	m.Files = append(m.Files, db)

	rep, err := Verify(ctx, work, verifying, s.knownOutside())
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	if !rep.Clean() {
		return m, fmt.Errorf("backup: the log does not fit: %s", rep.First())
	}
	// Verify may have left an index beside it.
	for _, more := range []string{"-wal", "-shm"} {
		if err := os.Remove(filepath.Join(work, fileDB+more)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return m, fmt.Errorf("backup: %w", err)
		}
	}
	if m.Schema, m.Head, err = headAndSchema(ctx, filepath.Join(work, fileDB)); err != nil {
		return m, err
	}
	signer, err := note.NewSigner(signing)
	if err != nil {
		return m, fmt.Errorf("log key: %w", err)
	}
	m.Site, m.At, m.Program, m.Entries, m.Keys = signer.Name(), o.At.UTC(), o.Program, rep.Entries, o.Keys
	text, err := json.Marshal(m)
	if err != nil {
		return m, err
	}
	signed, err := note.Sign(&note.Note{Text: backupHead + string(text) + "\n"}, signer)
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	part := filepath.Join(work, "backup.part")
	if err := pack(part, work, signed, m); err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	if err := os.Link(part, to); err != nil { // never over another file
		return m, fmt.Errorf("backup: %w", err)
	}
	return m, syncDir(filepath.Dir(to))
}

// copyFiles copies the files of the data directory but the database.
func (s *Store) copyFiles(to string, o BackupOptions) (list []BackupFile, err error) {
	skip := append([]string{filepath.Dir(to)}, o.Skip...)
	err = filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.dir, path)
		if err != nil {
			return err
		}
		if path != s.dir && (leftOut(name) || slices.Contains(skip, path)) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || secret(name) && !o.Keys {
			return nil
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o600); err != nil {
			return err
		}
		f, err := hashFile(to, name, info.Mode().Perm())
		list = append(list, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return list, nil
}

func hashFile(dir, name string, mode fs.FileMode) (BackupFile, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return BackupFile{}, fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return BackupFile{}, fmt.Errorf("backup: %w", err)
	}
	return BackupFile{Name: filepath.ToSlash(name), Size: n, Mode: mode, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// snapshotDB writes the database as of one moment to a file, without what was
// erased. The site goes on meanwhile.
func snapshotDB(ctx context.Context, from, to string) (err error) {
	db, err := sql.Open("sqlite3", dsn(from, "mode=ro&_busy_timeout=5000"))
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return fmt.Errorf("backup: copy of the database: %w", err)
	}
	return os.Chmod(to, 0o600)
}

// headAndSchema reads a database's last signed head and its version.
func headAndSchema(ctx context.Context, path string) (schema int64, head string, err error) {
	db, err := openReaders(path)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&schema); err != nil {
		return 0, "", fmt.Errorf("version of the database: %w", err)
	}
	if err := db.QueryRowContext(ctx, "SELECT signed FROM log_checkpoint ORDER BY size DESC LIMIT 1").Scan(&head); err != nil {
		return 0, "", fmt.Errorf("last checkpoint: %w", err)
	}
	return schema, head, nil
}

// pack writes the archive, durably.
func pack(to, from string, manifest []byte, m Manifest) (err error) {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z, err := zstd.NewWriter(out)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	head := func(name string, size int64, mode fs.FileMode) error {
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: int64(mode), ModTime: m.At, Format: tar.FormatPAX})
	}
	if err := head(manifestFile, int64(len(manifest)), 0o600); err != nil {
		return err
	}
	if _, err := w.Write(manifest); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := head(f.Name, f.Size, f.Mode); err != nil {
			return err
		}
		in, err := os.Open(filepath.Join(from, filepath.FromSlash(f.Name)))
		if err != nil {
			return err
		}
		_, err = io.Copy(w, in)
		if err = errors.Join(err, in.Close()); err != nil {
			return err
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		return err
	}
	return out.Sync()
}

// unpack reads an archive into an empty directory and holds every file against
// the manifest. An empty key takes the one in the backup, which proves that
// nothing was damaged, and not who made it.
func unpack(file, to, key string) (m Manifest, err error) {
	in, err := os.Open(file)
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	defer in.Close()
	z, err := zstd.NewReader(in)
	if err != nil {
		return m, fmt.Errorf("%s: %w: %w", file, ErrBackup, err)
	}
	defer z.Close()
	r := tar.NewReader(z)
	h, err := r.Next()
	if err != nil || h.Name != manifestFile || h.Size > maxManifest {
		return m, fmt.Errorf("%s: %w: it does not begin with a manifest (%w)", file, ErrBackup, err)
	}
	signed, err := io.ReadAll(r)
	if err != nil {
		return m, fmt.Errorf("%s: %w: manifest: %w", file, ErrBackup, err)
	}
	text, err := signedText(signed)
	if err != nil {
		return m, fmt.Errorf("%s: %w: manifest: %w", file, ErrBackup, err)
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, fmt.Errorf("%s: %w: manifest: %w", file, ErrBackup, err)
	}
	for _, want := range m.Files {
		h, err := r.Next()
		if err != nil {
			return m, fmt.Errorf("%s: %w: %s is missing: %w", file, ErrBackup, want.Name, err)
		}
		if h.Name != want.Name || h.Size != want.Size || h.Typeflag != tar.TypeReg || !filepath.IsLocal(want.Name) || want.Size > maxFile {
			return m, fmt.Errorf("%s: %w: %s of %d bytes where the manifest has %s of %d", file, ErrBackup, h.Name, h.Size, want.Name, want.Size)
		}
		if err := unpackOne(filepath.Join(to, filepath.FromSlash(want.Name)), r, want); err != nil {
			return m, fmt.Errorf("%s: %w: %s: %w", file, ErrBackup, want.Name, err)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("%s: %w: more in it than the manifest names (%w)", file, ErrBackup, err)
	}
	if key == "" {
		if key, err = readVerifierKey(to); err != nil {
			return m, err
		}
	}
	v, err := translog.NewVerifier(key)
	if err != nil {
		return m, err
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		return m, fmt.Errorf("%s: %w: the manifest is not signed by the key of this site's log: %w", file, ErrBackup, err)
	}
	return m, nil
}

// signedText is the text of a manifest whose signature is yet to be checked.
func signedText(signed []byte) (string, error) {
	text, found := bytes.CutPrefix(signed, []byte(backupHead))
	end := bytes.Index(text, []byte("\n\n"))
	if !found || end < 0 {
		return "", errors.New("it is none")
	}
	return string(text[:end]), nil
}

func unpackOne(path string, r io.Reader, want BackupFile) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, want.Mode.Perm())
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), r)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.SHA256 {
		return fmt.Errorf("its hash is %s, the manifest has %s", got, want.SHA256)
	}
	return nil
}

// RestoreOptions says which backup, and what of it.
type RestoreOptions struct {
	File string
	Key  string   // verifier key, as an auditor keeps it; empty: that of the site at To, else the one in the backup
	To   string   // data directory to restore into; empty proves the backup only
	Keys string   // directory that holds the secret keys, where they are not in the backup
	Head [][]byte // heads known from elsewhere, such as the newest that a witness has
	At   time.Time
}

// RestoreReport is what was proved of a backup.
type RestoreReport struct {
	Manifest Manifest
	Log      VerifyReport
	Schema   int64 // version after the migrations of this program
	OwnKey   bool  // the key was the one in the backup: nobody outside vouches for it
	// Newest is the size of the log by the newest head known outside the backup,
	// and Proved that the log in the backup continues it or is continued by it.
	Newest int64
	Proved bool
	Aside  string // where the site that was there lies now; empty when there was none
}

// Restore proves a backup: its manifest, every file, the whole log against the
// heads in it and those that are known elsewhere, every page of the database,
// and that the migrations of this program bring it up to date. Where asked to it
// then puts it in place, whole or not at all. A site that has records which the
// backup lacks is never replaced (ErrNewerSite); one that has not is moved aside.
func Restore(ctx context.Context, o RestoreOptions) (rep RestoreReport, err error) {
	beside := os.TempDir()
	if o.To != "" {
		if o.To, err = filepath.Abs(o.To); err != nil {
			return rep, fmt.Errorf("restore: %w", err)
		}
		beside = filepath.Dir(o.To)
	}
	work, err := os.MkdirTemp(beside, ".restore-*.part")
	if err != nil {
		return rep, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	fresh := filepath.Join(work, "site")
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return rep, fmt.Errorf("restore: %w", err)
	}
	there := false
	if o.To != "" {
		switch list, err := os.ReadDir(o.To); {
		case err == nil:
			there = len(list) > 0
		case !errors.Is(err, fs.ErrNotExist):
			return rep, fmt.Errorf("restore: %w", err)
		}
	}
	if there {
		lock, err := lockDir(o.To) // nobody works there, nor begins to
		if err != nil {
			return rep, err
		}
		defer func() { err = errors.Join(err, lock.Close()) }()
		if o.Key == "" {
			if o.Key, err = readVerifierKey(o.To); err != nil {
				return rep, fmt.Errorf("restore: %s holds files and is no site's data directory: %w", o.To, err)
			}
		}
	}
	rep.OwnKey = o.Key == ""
	if rep.Manifest, err = unpack(o.File, fresh, o.Key); err != nil {
		return rep, err
	}
	if err := rep.prove(ctx, fresh, o, there); err != nil {
		return rep, err
	}
	if o.To == "" {
		return rep, nil
	}
	return rep, rep.install(ctx, fresh, o, there)
}

// prove reads everything of an unpacked backup back.
func (rep *RestoreReport) prove(ctx context.Context, fresh string, o RestoreOptions, there bool) (err error) {
	verify := func() error {
		rep.Log, err = Verify(ctx, fresh, o.Key)
		if err == nil && !rep.Log.Clean() {
			err = fmt.Errorf("%w: the log does not fit: %s", ErrBackup, rep.Log.First())
		}
		if err == nil && rep.Log.Entries != rep.Manifest.Entries {
			err = fmt.Errorf("%w: %d entries, the manifest has %d", ErrBackup, rep.Log.Entries, rep.Manifest.Entries)
		}
		return err
	}
	if err := verify(); err != nil {
		return err
	}
	if err := rep.compare(ctx, fresh, o, there); err != nil {
		return err
	}
	// The migrations run on the copy, and the log must still fit after them.
	db := filepath.Join(fresh, fileDB)
	if err := migrate(ctx, db, migrations.Site); err != nil {
		return err
	}
	if rep.Schema, _, err = headAndSchema(ctx, db); err != nil {
		return err
	}
	if err := verify(); err != nil {
		return err
	}
	r, err := openReaders(db)
	if err != nil {
		return err
	}
	return errors.Join((&Store{r: r}).CheckPages(ctx), r.Close())
}

// compare holds the log of the backup against the newest head that is known
// outside it, and against the site that it would replace.
func (rep *RestoreReport) compare(ctx context.Context, fresh string, o RestoreOptions, there bool) (err error) {
	key, err := translog.NewVerifier(rep.Log.Key)
	if err != nil {
		return err
	}
	outside := Outside{Heads: o.Head}
	var g gathered
	if there {
		g, err = gather(o.To, key, outside)
	} else {
		g, err = gather(fresh, key, outside)
	}
	if err != nil {
		return err
	}
	if len(g.misfits) > 0 {
		return fmt.Errorf("restore: %s", g.misfits[0].What)
	}
	own := &Store{}
	if own.r, err = openReaders(filepath.Join(fresh, fileDB)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, own.r.Close()) }()
	rep.Proved = true
	for _, signed := range g.heads {
		h, err := translog.OpenCheckpoint(signed, key)
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		if rep.Newest = max(rep.Newest, h.Size); h.Size > rep.Log.Entries {
			rep.Proved = false
			continue
		}
		root, err := translog.Root(own.Hashes(ctx), h.Size)
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		if root != h.Root {
			return fmt.Errorf("restore: a head of %d entries, signed at %s, is of another log than the one in the backup: %w", h.Size, h.At.Format(time.RFC3339), ErrNotContinued)
		}
	}
	if !there {
		return nil
	}
	if rep.Newest > rep.Log.Entries {
		return fmt.Errorf("restore: the heads in %s cover %d entries, the backup has %d: %w; restore into another directory, and keep this one", o.To, rep.Newest, rep.Log.Entries, ErrNewerSite)
	}
	return rep.notNewer(ctx, own, o.To)
}

// notNewer makes sure that the database of a site, as far as it can be read, has
// nothing that the backup lacks.
func (rep *RestoreReport) notNewer(ctx context.Context, own *Store, dir string) (err error) {
	if _, err := os.Stat(filepath.Join(dir, fileDB)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	present := &Store{}
	if present.r, err = openReaders(filepath.Join(dir, fileDB)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, present.r.Close()) }()
	list, err := present.Checkpoints(ctx, 1)
	if err != nil || len(list) == 0 {
		return nil // it is damaged: the heads outside have been asked
	}
	size := list[0].Size
	if size > rep.Log.Entries {
		return fmt.Errorf("restore: the log in %s has %d entries, the backup has %d: %w; restore into another directory, and keep this one", dir, size, rep.Log.Entries, ErrNewerSite)
	}
	was, err := translog.Root(present.Hashes(ctx), size)
	if err != nil {
		return nil // damaged, as above
	}
	is, err := translog.Root(own.Hashes(ctx), size)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if was != is {
		return fmt.Errorf("restore: the log in %s is another than the one in the backup: %w", dir, ErrNewerSite)
	}
	return nil
}

// install puts the unpacked backup in place and logs that it was.
func (rep *RestoreReport) install(ctx context.Context, fresh string, o RestoreOptions, there bool) error {
	from := o.Keys
	if from == "" && there {
		from = o.To
	}
	if !rep.Manifest.Keys {
		if from == "" {
			return fmt.Errorf("restore: %w: they are not in the backup; name the directory where they are kept", ErrNoKeys)
		}
		list, err := os.ReadDir(from)
		if err != nil {
			return fmt.Errorf("restore: keys: %w", err)
		}
		for _, f := range list {
			if !f.Type().IsRegular() || !secret(f.Name()) {
				continue
			}
			data, err := os.ReadFile(filepath.Join(from, f.Name()))
			if err != nil {
				return fmt.Errorf("restore: keys: %w", err)
			}
			if err := writeFile(filepath.Join(fresh, f.Name()), string(data), 0o600); err != nil {
				return fmt.Errorf("restore: keys: %w", err)
			}
		}
		if _, _, err := readKeys(fresh); err != nil {
			return fmt.Errorf("restore: %w: %w", ErrNoKeys, err)
		}
	}
	s, err := Open(ctx, fresh)
	if err != nil {
		return err
	}
	at := o.At
	if last, err := s.LastAt(ctx); err != nil {
		return errors.Join(err, s.Close())
	} else if last.After(at) {
		at = last
	}
	err = s.RecordEvent(ctx, gate.Event{Kind: gate.EventRestore, At: at, Detail: fmt.Sprintf("from %s of %s, %d entries; the newest head known covered %d",
		filepath.Base(o.File), rep.Manifest.At.Format(time.RFC3339), rep.Log.Entries, rep.Newest)})
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	if there {
		rep.Aside = o.To + ".before-" + o.At.UTC().Format("20060102T150405Z")
		if err := os.Rename(o.To, rep.Aside); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	} else if err := os.Remove(o.To); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Rename(fresh, o.To); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return syncDir(filepath.Dir(o.To))
}
