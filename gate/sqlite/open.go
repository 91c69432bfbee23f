package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
	"github.com/pressly/goose/v3"

	"sallyport/gate"
	"sallyport/gate/translog"
	"sallyport/migrations"
)

// The files of a data directory.
const (
	fileDB   = "site.db"
	fileKey  = "log.key" // signs the log; readable by the owner only
	filePub  = "log.pub" // verifies the log; may be handed to anyone
	fileLock = "site.lock"
	fileHead = "log.heads" // signed heads of the log kept outside the database

	fileCosigned = "log.cosigned" // heads that a witness cosigned
)

// The sentinels of Open and Init.
var (
	// ErrNotInitialised says that the directory holds no site.
	ErrNotInitialised = errors.New("no site in this directory")
	// ErrNewer says that the database was written by a newer program.
	ErrNewer = errors.New("the database is newer than this program")
	// ErrInUse says that another process has the site open for writing.
	ErrInUse = errors.New("the site is in use by another process")
	// ErrClosed says that the store has been closed.
	ErrClosed = errors.New("store is closed")
	// ErrNotFound is gate.ErrNotFound, by a shorter name.
	ErrNotFound = gate.ErrNotFound
)

// oldestSQLite can no longer damage a WAL that two connections use
// (https://sqlite.org/changes.html, 3.51.3).
var oldestSQLite = [3]int{3, 51, 3}

// dsn is the address of a database file. Pragmas stand in it, because a PRAGMA
// statement reaches one connection of a pool only.
func dsn(path string, query string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query}
	return u.String()
}

// busyTimeout is how long a statement waits for a lock of another connection.
const busyTimeout = 5 * time.Second // as the addresses below have it

const (
	writing = "mode=rw&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=on&_busy_timeout=5000&_txlock=immediate&_secure_delete=on"
	reading = "mode=ro&_query_only=on&_foreign_keys=on&_busy_timeout=5000"
)

// Init makes a new site in the directory, which is created if need be: the
// key that signs its log, and an empty database. It returns the verifier key.
// Where a site is already, it changes nothing and returns an error that is
// fs.ErrExist. A crash on the way leaves no site, and Init can be called again.
func Init(ctx context.Context, dir, site string, at time.Time) (verifierKey string, err error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	if !validSite(site) {
		return "", fmt.Errorf("site name %q: 1 to 32 of a-z, 0-9 and hyphen", site)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	final := filepath.Join(path, fileDB)
	if _, err := os.Lstat(final); err == nil {
		return "", fmt.Errorf("%s: %w", final, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("data directory: %w", err)
	}
	signing, verifying, err := makeKey(path, site)
	if err != nil {
		return "", err
	}
	// The database is made under another name, and is the site's only once it
	// is complete.
	fresh := final + ".new"
	for _, leftover := range []string{fresh, fresh + "-wal", fresh + "-shm"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("data directory: %w", err)
		}
	}
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("database: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("database: %w", err)
	}
	if err := migrate(ctx, fresh, migrations.Site); err != nil {
		return "", err
	}
	s, err := openDB(ctx, fresh, signing)
	if err != nil {
		return "", err
	}
	err = s.RecordEvent(ctx, gate.Event{Kind: gate.EventCreated, At: at, Detail: "site " + site + ", log key " + verifying})
	if err = errors.Join(err, s.Close()); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, final); err != nil {
		return "", fmt.Errorf("database: %w", err)
	}
	return verifying, syncDir(path)
}

func validSite(s string) bool {
	if len(s) == 0 || len(s) > 32 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) < 0
}

// makeKey makes the log's key, or takes the one that an interrupted Init left.
func makeKey(dir, site string) (signing, verifying string, err error) {
	if signing, verifying, err = readKeys(dir); err == nil {
		return signing, verifying, nil
	}
	signing, verifying, err = translog.GenerateKey(rand.Reader, "sallyport/"+site)
	if err != nil {
		return "", "", fmt.Errorf("log key: %w", err)
	}
	if err := writeFile(filepath.Join(dir, fileKey), signing+"\n", 0o600); err != nil {
		return "", "", fmt.Errorf("log key: %w", err)
	}
	if err := writeFile(filepath.Join(dir, filePub), verifying+"\n", 0o644); err != nil {
		return "", "", fmt.Errorf("log key: %w", err)
	}
	return signing, verifying, syncDir(dir)
}

// readKeys reads the keys and checks that they belong together.
func readKeys(dir string) (signing, verifying string, err error) {
	info, err := os.Stat(filepath.Join(dir, fileKey))
	if err != nil {
		return "", "", fmt.Errorf("log key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", "", fmt.Errorf("log key: %s can be read by others (mode %04o); make it 0600", fileKey, info.Mode().Perm())
	}
	key, err := os.ReadFile(filepath.Join(dir, fileKey))
	if err != nil {
		return "", "", fmt.Errorf("log key: %w", err)
	}
	signing = strings.TrimSpace(string(key))
	verifying, err = translog.VerifierKey(signing)
	if err != nil {
		return "", "", err
	}
	public, err := readVerifierKey(dir)
	if err != nil {
		return "", "", err
	}
	if public != verifying {
		return "", "", fmt.Errorf("log key: %s does not belong to %s", filePub, fileKey)
	}
	return signing, verifying, nil
}

func readVerifierKey(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, filePub))
	if err != nil {
		return "", fmt.Errorf("log key: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// writeFile makes a small file durable before it returns.
func writeFile(path, content string, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteString(content); err != nil {
		return err
	}
	return f.Sync()
}

func syncDir(dir string) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Sync()
}

// Open opens the site in the directory for writing and brings its schema up to
// date. The directory and the site must be there: a misspelt path must not
// start an empty site.
func Open(ctx context.Context, dir string) (*Store, error) {
	path, err := existing(dir)
	if err != nil {
		return nil, err
	}
	signing, _, err := readKeys(path)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(path)
	if err != nil {
		return nil, err
	}
	db := filepath.Join(path, fileDB)
	if err := migrate(ctx, db, migrations.Site); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s, err := openDB(ctx, db, signing)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.dir, s.lock = path, lock
	return s, nil
}

// existing is the absolute path of a directory that holds a site.
func existing(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(path, fileDB)); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", path, ErrNotInitialised)
	} else if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	return path, nil
}

// lockDir makes this process the only writer. The kernel releases the lock
// when the process ends, in whatever way.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, fileLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), f.Close())
	}
	return f, nil
}

// migrate applies what the schema lacks, after a copy of the database beside
// it, and refuses a database from the future.
func migrate(ctx context.Context, path string, schema fs.FS) (err error) {
	db, err := sql.Open("sqlite3", dsn(path, writing))
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if err := checkSQLite(ctx, db); err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, schema)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("version of the database: %w", err)
	case have > want:
		return fmt.Errorf("%s: version %d, this program knows %d: %w", path, have, want, ErrNewer)
	case have == want:
		return nil
	}
	if have > 0 {
		if err := copyDB(ctx, db, fmt.Sprintf("%s.v%05d", path, have)); err != nil {
			return err
		}
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate from version %d to %d: %w", have, want, err)
	}
	return nil
}

// copyDB writes a consistent copy of the database to the file.
func copyDB(ctx context.Context, db *sql.DB, to string) error {
	part := to + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("copy of the database: %w", err)
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return fmt.Errorf("copy of the database: %w", err)
	}
	if err := os.Chmod(part, 0o600); err != nil {
		return fmt.Errorf("copy of the database: %w", err)
	}
	if err := os.Rename(part, to); err != nil {
		return fmt.Errorf("copy of the database: %w", err)
	}
	return syncDir(filepath.Dir(to))
}

// checkSQLite refuses a library that can damage the database.
func checkSQLite(ctx context.Context, db *sql.DB) error {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	ok, err := newEnough(version)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("SQLite %s can damage a database in WAL mode; %d.%d.%d or newer is needed",
			version, oldestSQLite[0], oldestSQLite[1], oldestSQLite[2])
	}
	return nil
}

func newEnough(version string) (bool, error) {
	parts := strings.Split(version, ".")
	for i, least := range oldestSQLite {
		if i >= len(parts) {
			return false, fmt.Errorf("SQLite version %q cannot be read", version)
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			return false, fmt.Errorf("SQLite version %q cannot be read", version)
		}
		if n != least {
			return n > least, nil
		}
	}
	return true, nil
}

// checkPragmas makes sure that the address had its effect.
func checkPragmas(ctx context.Context, c *sql.Conn) error {
	for _, p := range []struct{ query, want string }{
		{"PRAGMA journal_mode", "wal"},
		{"PRAGMA synchronous", "2"},
		{"PRAGMA foreign_keys", "1"},
		{"PRAGMA secure_delete", "1"},
	} {
		var got string
		if err := c.QueryRowContext(ctx, p.query).Scan(&got); err != nil {
			return fmt.Errorf("%s: %w", p.query, err)
		}
		if got != p.want {
			return fmt.Errorf("%s is %s, want %s", p.query, got, p.want)
		}
	}
	return nil
}

// openDB opens the pools and starts the writer.
func openDB(ctx context.Context, path, signingKey string) (*Store, error) {
	log, err := translog.New(signingKey)
	if err != nil {
		return nil, err
	}
	verifying, err := translog.VerifierKey(signingKey)
	if err != nil {
		return nil, err
	}
	w, err := sql.Open("sqlite3", dsn(path, writing))
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	w.SetMaxOpenConns(1)
	w.SetMaxIdleConns(1)
	w.SetConnMaxLifetime(0)
	r, err := openReaders(path)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	s := &Store{
		w: w, r: r, log: log, verifierKey: verifying,
		ops: make(chan *op, 1024), closing: make(chan struct{}), closed: make(chan struct{}),
		stmts: make(map[string]*sql.Stmt), hashes: make(map[int64]translog.Hash),
	}
	if s.conn, err = w.Conn(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("database: %w", err), w.Close(), r.Close())
	}
	err = checkPragmas(ctx, s.conn)
	if err == nil {
		s.path = path
		s.file, err = os.Stat(path)
	}
	if err == nil {
		s.head, err = lastHead(ctx, s.conn)
	}
	if err != nil {
		return nil, errors.Join(err, s.conn.Close(), w.Close(), r.Close())
	}
	go s.write()
	return s, nil
}

func openReaders(path string) (*sql.DB, error) {
	r, err := sql.Open("sqlite3", dsn(path, reading))
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	r.SetMaxOpenConns(4)
	r.SetMaxIdleConns(4)
	return r, nil
}
