package refdata

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The directory of a store:
//
//	HELD                  which release is in use, and the highest numbers seen
//	release-7-1f0c…/      its files as they stood in the bundle
//	incoming-…            left by a crash; removed by the next installation
//	lock                  held while something is installed
const (
	heldFile    = "HELD"
	lockFile    = "lock"
	releaseDir  = "release-"
	incomingDir = "incoming-"
)

// held is the content of the pointer file.
type held struct {
	Dir       string    `json:"dir"` // empty where nothing is installed
	Installed time.Time `json:"installed,omitzero"`
	Numbers
}

// disk is what an installation does to a file system. Each call is durable on
// return; none is retried. Tests let one fail at any call.
type disk interface {
	Mkdir(path string) error
	Write(path string, data []byte) error // a new file, flushed
	Rename(from, to string) error
	Sync(dir string) error
	RemoveAll(path string) error
}

// Store is a site's directory of installed reference data. Load may run beside
// anything; one Install runs at a time, in one process.
type Store struct {
	dir  string
	disk disk
}

// NewStore names the directory. Nothing is made until something is installed.
func NewStore(dir string) *Store { return &Store{dir: dir, disk: osDisk{}} }

// Numbers are the highest numbers that were ever installed here, or zero.
func (s *Store) Numbers() (Numbers, error) {
	h, err := s.held()
	return h.Numbers, err
}

func (s *Store) held() (h held, err error) {
	b, err := os.ReadFile(filepath.Join(s.dir, heldFile))
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("installed reference data: %w", err)
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return h, refuse(Damaged, err, "The note of what reference data is installed cannot be read.")
	}
	if h.Dir == "" || h.Dir != filepath.Base(h.Dir) || !strings.HasPrefix(h.Dir, releaseDir) || h.Release < 1 {
		return h, refuse(Damaged, nil, "The note of what reference data is installed names no release.")
	}
	return h, nil
}

// Installed is a release as it lies in a store.
type Installed struct {
	*Release
	At time.Time `json:"installed"`
}

// Load reads the release in use and verifies it against the pinned root:
// signatures, numbers and hashes. Its age is not looked at: what grows old
// stays in use and is shown as old. It returns nil where nothing is installed;
// what does not verify is an error, never a silent return to older data.
func (s *Store) Load(root []byte) (*Installed, error) {
	h, err := s.held()
	if err != nil || h.Dir == "" {
		return nil, err
	}
	files, err := readTree(filepath.Join(s.dir, h.Dir), DefaultLimits())
	if err != nil {
		return nil, fmt.Errorf("installed reference data: %w", err)
	}
	rel, err := check(files, Trust{Root: root})
	if err != nil {
		return nil, fmt.Errorf("installed reference data: %w", err)
	}
	if rel.Release != h.Release || rel.SignedHash != h.SignedHash || rel.RootHash != h.RootHash {
		return nil, refuse(Damaged, nil, "The installed files are release %d and not the release %d that was installed.", rel.Release, h.Release)
	}
	return &Installed{Release: rel, At: h.Installed}, nil
}

// Trust is what a bundle is held against: the pinned root, what is held here,
// and the highest numbers that the caller knows of from elsewhere (the site's
// log, the hub), so that a wiped directory forgets nothing.
func (s *Store) Trust(root []byte, known Numbers, at time.Time) (Trust, error) {
	now, err := s.Load(root)
	if err != nil {
		return Trust{}, err
	}
	t := Trust{Root: root, Roots: Files{}, Held: known, At: at}
	if now != nil {
		t.Held, t.InUse = Later(known, now.Numbers), now.Release.Release
		for name, b := range now.files {
			if _, ok := rootNumber(name); ok {
				t.Roots[name] = b
			}
		}
	}
	return t, nil
}

// Later is the higher of each number of two.
func Later(a, b Numbers) Numbers {
	out := a
	if b.Release > a.Release {
		out.Release, out.SignedHash = b.Release, b.SignedHash
	}
	if b.Root > a.Root || b.Root == a.Root && a.RootHash == "" {
		out.Root, out.RootHash = b.Root, b.RootHash
	}
	if b.Released.After(a.Released) {
		out.Released = b.Released
	}
	out.Snapshot = max(a.Snapshot, b.Snapshot)
	out.Roles = map[string]int64{}
	maps.Copy(out.Roles, a.Roles)
	for name, v := range b.Roles {
		out.Roles[name] = max(out.Roles[name], v)
	}
	return out
}

// Install puts a release that Read returned, and Open accepted, into use. It
// is durable on return. After an error, or a crash at any point, the release
// that was in use still is, or the new one is, whole.
func (s *Store) Install(rel *Release, t Trust) (err error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(s.dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // the kernel releases the lock with the file
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("install: another installation is under way: %w", err)
	}
	now, err := s.held()
	if err != nil {
		return err
	}
	if rel.Release <= now.Release {
		return refuse(Rollback, nil, "Release %d was installed meanwhile.", now.Release)
	}
	if err := s.install(rel, t, now); err != nil {
		return fmt.Errorf("install release %d: %w", rel.Release, err)
	}
	return nil
}

func (s *Store) install(rel *Release, t Trust, now held) error {
	if err := s.clear(now.Dir); err != nil {
		return err
	}
	name := releaseDir + strconv.FormatInt(rel.Release, 10) + "-" + rel.SignedHash[:16]
	incoming := filepath.Join(s.dir, incomingDir+name)
	// Roots that are held and that the bundle left out stay: the next start
	// walks from the pinned one again.
	files := maps.Clone(rel.files)
	for root, b := range t.Roots {
		files[root] = b
	}
	dirs := map[string]bool{}
	mkdir := func(rel string) error {
		for i := range len(rel) + 1 {
			if i < len(rel) && rel[i] != '/' {
				continue
			}
			if d := rel[:i]; !dirs[d] {
				dirs[d] = true
				if err := s.disk.Mkdir(filepath.Join(incoming, filepath.FromSlash(d))); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := mkdir(""); err != nil {
		return err
	}
	for _, f := range slices.Sorted(maps.Keys(files)) {
		if err := mkdir(path.Dir(f)); err != nil {
			return err
		}
		if err := s.disk.Write(filepath.Join(incoming, filepath.FromSlash(f)), files[f]); err != nil {
			return err
		}
	}
	for d := range dirs {
		if err := s.disk.Sync(filepath.Join(incoming, filepath.FromSlash(d))); err != nil {
			return err
		}
	}
	if err := s.disk.Rename(incoming, filepath.Join(s.dir, name)); err != nil {
		return err
	}
	if err := s.disk.Sync(s.dir); err != nil {
		return err
	}
	seen := Later(Later(t.Held, now.Numbers), rel.Numbers)
	b, err := json.MarshalIndent(held{Dir: name, Installed: t.At.UTC(), Numbers: seen}, "", " ")
	if err != nil {
		return err
	}
	note := filepath.Join(s.dir, incomingDir+heldFile)
	if err := s.disk.Write(note, append(b, '\n')); err != nil {
		return err
	}
	if err := s.disk.Rename(note, filepath.Join(s.dir, heldFile)); err != nil {
		return err
	}
	if err := s.disk.Sync(s.dir); err != nil {
		return err
	}
	return s.clear(name)
}

// clear removes what neither is in use nor will be.
func (s *Store) clear(keep string) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if n := e.Name(); n != keep && (strings.HasPrefix(n, releaseDir) || strings.HasPrefix(n, incomingDir)) {
			if err := s.disk.RemoveAll(filepath.Join(s.dir, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// readTree reads a directory laid out as a bundle is, with the same limits.
func readTree(dir string, lim Limits) (_ Files, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	out := Files{}
	total := int64(0)
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return refuse(NotAFile, nil, "%q is no plain file.", name)
		}
		if err := checkName(name); err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		limit := lim.File
		if strings.HasPrefix(name, metadataDir) {
			limit = lim.Metadata
		}
		if total += info.Size(); info.Size() > limit || total > lim.Total {
			return refuse(TooLarge, nil, "%q is larger than is read.", name)
		}
		if len(out) >= lim.Files {
			return refuse(TooMany, nil, "There are more than %d files.", lim.Files)
		}
		f, err := root.Open(filepath.FromSlash(name))
		if err != nil {
			return err
		}
		out[name] = make([]byte, info.Size())
		_, err = io.ReadFull(f, out[name])
		return errors.Join(err, f.Close())
	})
	return out, err
}

// osDisk is the real file system.
type osDisk struct{}

func (osDisk) Mkdir(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (osDisk) Write(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) Sync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (osDisk) RemoveAll(path string) error { return os.RemoveAll(path) }

// State is what status shows of an installed release.
type State struct {
	Expired bool
	AgeDays int // since it was released
}

// StateAt says how old a release is.
func (r *Release) StateAt(at time.Time) State {
	return State{Expired: at.After(r.Expires), AgeDays: int(at.Sub(r.Released).Hours() / 24)}
}
