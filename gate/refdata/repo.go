package refdata

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Repo is a release in the making: the newest metadata, signed by some, and the
// files it speaks of. It is a directory on an authority's machine, or a bundle.
// It is not safe for concurrent use.
type Repo struct {
	Files Files
}

// OpenRepo reads a directory, or a bundle where path is a file. A directory
// that is not there is an empty repository.
func OpenRepo(path string) (*Repo, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &Repo{Files: Files{}}, nil
	case err != nil:
		return nil, err
	case info.IsDir():
		files, err := readTree(path, DefaultLimits())
		return &Repo{Files: files}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	files, err := readArchive(f, DefaultLimits(), nil)
	return &Repo{Files: files}, errors.Join(err, f.Close())
}

// SaveDir makes dir hold the repository and nothing of an older state of it.
// Files of other names are left alone. What did not change is not written.
func (r *Repo) SaveDir(dir string) error {
	for name, data := range r.Files {
		if err := checkName(name); err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if was, err := os.ReadFile(path); err == nil && bytes.Equal(was, data) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path+".new", data, 0o644); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	old, err := readTree(dir, DefaultLimits())
	if err != nil {
		return err
	}
	for name := range old {
		if _, keep := r.Files[name]; !keep {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return err
			}
		}
	}
	return nil
}

// Save writes the repository where it came from: into a directory, or as a
// bundle where path names a file or ends in the bundle's suffix.
func (r *Repo) Save(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() || err != nil && !strings.HasSuffix(path, Suffix) {
		return r.SaveDir(path)
	}
	return r.SaveBundle(path)
}

// Suffix ends the name of a bundle.
const Suffix = ".refdata"

// SaveBundle writes the repository as a bundle. The file appears whole or not
// at all.
func (r *Repo) SaveBundle(path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already where all went well
	err = errors.Join(WriteArchive(f, r.Files), f.Sync(), f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// doc is one metadata file, whatever its type.
type doc struct {
	role    string // root, timestamp, snapshot, targets, or a delegated role
	file    string
	version int64
	expires time.Time
	signed  any
	sigs    *[]metadata.Signature
	sign    func(signature.Signer) error
	encode  func() ([]byte, error)
}

func docOf[T metadata.Roles](role, file string, m *metadata.Metadata[T], version int64, expires time.Time) *doc {
	return &doc{
		role: role, file: file, version: version, expires: expires, signed: m.Signed, sigs: &m.Signatures,
		sign:   func(s signature.Signer) error { _, err := m.Sign(s); return err },
		encode: func() ([]byte, error) { return marshalMeta(m) },
	}
}

// open reads one metadata file.
func (r *Repo) open(file string) (*doc, error) {
	role := strings.TrimSuffix(strings.TrimPrefix(file, metadataDir), ".json")
	data := r.Files[file]
	switch {
	case strings.HasSuffix(role, ".root"):
		m, err := parse[metadata.RootType](role, data)
		if err != nil {
			return nil, err
		}
		return docOf(metadata.ROOT, file, m, m.Signed.Version, m.Signed.Expires), nil
	case role == metadata.TIMESTAMP:
		m, err := parse[metadata.TimestampType](role, data)
		if err != nil {
			return nil, err
		}
		return docOf(role, file, m, m.Signed.Version, m.Signed.Expires), nil
	case role == metadata.SNAPSHOT:
		m, err := parse[metadata.SnapshotType](role, data)
		if err != nil {
			return nil, err
		}
		return docOf(role, file, m, m.Signed.Version, m.Signed.Expires), nil
	}
	m, err := parse[metadata.TargetsType](role, data)
	if err != nil {
		return nil, err
	}
	return docOf(role, file, m, m.Signed.Version, m.Signed.Expires), nil
}

func (r *Repo) put(d *doc) error {
	b, err := d.encode()
	if err == nil {
		r.Files[d.file] = b
	}
	return err
}

// newestRoot is the number of the newest root, or 0.
func (r *Repo) newestRoot() (n int64) {
	for name := range r.Files {
		if v, ok := rootNumber(name); ok {
			n = max(n, v)
		}
	}
	return n
}

func (r *Repo) root(v int64) (*metadata.Metadata[metadata.RootType], error) {
	return parse[metadata.RootType]("root", r.Files[rootName(v)])
}

// signer is one quorum that a metadata file has to satisfy.
type signer struct {
	by    string // whose rule it is
	ids   []string
	need  int
	keys  map[string]*metadata.Key
	names map[string]string
}

// signersOf says who must sign a file: for a new root both the old root's keys
// and its own. A contribution that stands alone has no rule here.
func (r *Repo) signersOf(d *doc) ([]signer, error) {
	n := r.newestRoot()
	if n == 0 {
		return nil, nil
	}
	if d.role == metadata.ROOT {
		n = d.version
	}
	root, err := r.root(n)
	if err != nil {
		return nil, err
	}
	of := func(m *metadata.Metadata[metadata.RootType], role string) signer {
		q := m.Signed.Roles[role]
		return signer{fmt.Sprintf("root %d", m.Signed.Version), q.KeyIDs, q.Threshold, m.Signed.Keys, authorities(m.Signed.UnrecognizedFields)}
	}
	if root.Signed.Roles[d.role] != nil {
		out := []signer{of(root, d.role)}
		if d.role == metadata.ROOT && r.Files[rootName(n-1)] != nil {
			old, err := r.root(n - 1)
			if err != nil {
				return nil, err
			}
			out = append(out, of(old, d.role))
		}
		return out, nil
	}
	top, err := parse[metadata.TargetsType](metadata.TARGETS, r.Files.meta(metadata.TARGETS))
	if err != nil {
		return nil, err
	}
	if top.Signed.Delegations != nil {
		for _, dr := range top.Signed.Delegations.Roles {
			if dr.Name == d.role {
				return []signer{{metadata.TARGETS, dr.KeyIDs, dr.Threshold, top.Signed.Delegations.Keys, authorities(top.Signed.UnrecognizedFields)}}, nil
			}
		}
	}
	return nil, fmt.Errorf("nothing is delegated to %s", d.role)
}

// Signing is one metadata file and its signatures.
type Signing struct {
	Role    string
	Version int64
	Expires time.Time
	Signed  []string // who signed, as far as it holds
	Need    int      // how many must; 0 where the file stands alone
	Whole   bool     // enough signed, by every quorum that is asked
	Files   []Part   // what a role's metadata signs for
	New     bool     // signed by this call
	Dropped []string // signatures that Join did not take over, each with why
}

// Sign adds the key's signature to every newest metadata file that the key may
// sign and has not signed yet. It says what is signed now and what is missing.
// Nothing is signed unless every file is here and is the one that the metadata
// speaks of: a signer can look at what the signature is for. A key that may sign
// none of them is refused.
func (r *Repo) Sign(k PrivateKey) ([]Signing, error) {
	pub, err := k.Public()
	if err != nil {
		return nil, err
	}
	s, err := signature.LoadED25519Signer(k.key)
	if err != nil {
		return nil, err
	}
	if err := r.present(); err != nil {
		return nil, err
	}
	named := false // as a signer of anything that is here
	list, err := r.each(func(d *doc, by []signer) (bool, error) {
		may := len(by) == 0
		for _, q := range by {
			may = may || slices.Contains(q.ids, pub.KeyID)
		}
		if !may {
			return false, nil
		}
		named = true
		if len(holds(d.signed, *d.sigs, []string{pub.KeyID}, map[string]*metadata.Key{pub.KeyID: pub.Key})) > 0 {
			return false, nil
		}
		*d.sigs = slices.DeleteFunc(*d.sigs, func(s metadata.Signature) bool { return s.KeyID == pub.KeyID })
		if err := d.sign(s); err != nil {
			return false, fmt.Errorf("sign %s: %w", d.role, err)
		}
		return true, r.put(d)
	})
	if err == nil && !named {
		return nil, refuse(UnknownKey, nil, "The key of %s may sign nothing that is here: no role names it.", k.Name)
	}
	return list, err
}

// present compares the files with what the metadata says of them.
func (r *Repo) present() error {
	list, err := r.Status()
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := (&Release{Parts: s.Files}).take(r.Files); err != nil {
			return err
		}
	}
	return nil
}

// Join adds the signatures that others put on their copies. A copy whose
// signed part differs is refused: two releases are not mixed. A signature that
// does not hold, or is by a key that may not sign there, is left out and said in
// Signing.Dropped. Only of a contribution that stands alone no key is known; it
// is verified where an authority takes it up.
func (r *Repo) Join(other *Repo) ([]Signing, error) {
	dropped := map[string][]string{}
	list, err := r.each(func(d *doc, by []signer) (bool, error) {
		if other.Files[d.file] == nil {
			return false, nil
		}
		o, err := other.open(d.file)
		if err != nil {
			return false, err
		}
		a, errA := signedHash(d.signed)
		b, errB := signedHash(o.signed)
		if err := errors.Join(errA, errB); err != nil {
			return false, err
		}
		if a != b {
			return false, refuse(Mixed, nil, "The other copy's %s says something else than this one's.", d.role)
		}
		added := false
		for _, s := range *o.sigs {
			i := slices.IndexFunc(*d.sigs, func(t metadata.Signature) bool { return t.KeyID == s.KeyID })
			if i >= 0 && (bytes.Equal((*d.sigs)[i].Signature, s.Signature) || len(by) == 0 || unsound(d, (*d.sigs)[i], by) == "") {
				continue
			}
			if why := unsound(d, s, by); why != "" {
				dropped[d.role] = append(dropped[d.role], why)
				continue
			}
			if added = true; i >= 0 {
				(*d.sigs)[i] = s // the one that is here does not hold
			} else {
				*d.sigs = append(*d.sigs, s)
			}
		}
		if !added {
			return false, nil
		}
		return true, r.put(d)
	})
	for i := range list {
		list[i].Dropped = dropped[list[i].Role]
	}
	return list, err
}

// unsound says why a signature does not count for any of those who must sign a
// file, or nothing.
func unsound(d *doc, s metadata.Signature, by []signer) string {
	if len(by) == 0 {
		return ""
	}
	name := "key " + short(s.KeyID)
	known := false
	for _, q := range by {
		if !slices.Contains(q.ids, s.KeyID) {
			continue
		}
		known = true
		if n := q.names[s.KeyID]; n != "" {
			name = n
		}
		if len(holds(d.signed, []metadata.Signature{s}, q.ids, q.keys)) > 0 {
			return ""
		}
	}
	if known {
		return fmt.Sprintf("the signature of %s does not fit what was signed", name)
	}
	return fmt.Sprintf("%s may not sign it", name)
}

// Status lists the newest metadata files and their signatures.
func (r *Repo) Status() ([]Signing, error) {
	return r.each(func(*doc, []signer) (bool, error) { return false, nil })
}

// each goes over the newest root and every other metadata file.
func (r *Repo) each(act func(*doc, []signer) (bool, error)) ([]Signing, error) {
	var out []Signing
	newest := rootName(r.newestRoot())
	for _, file := range slices.Sorted(maps.Keys(r.Files)) {
		if _, isRoot := rootNumber(file); !strings.HasPrefix(file, metadataDir) || isRoot && file != newest {
			continue
		}
		d, err := r.open(file)
		if err != nil {
			return nil, err
		}
		by, err := r.signersOf(d)
		if err != nil {
			return nil, err
		}
		now, err := act(d, by)
		if err != nil {
			return nil, err
		}
		s := Signing{Role: d.role, Version: d.version, Expires: d.expires, New: now, Whole: true}
		for _, q := range by {
			ids := holds(d.signed, *d.sigs, q.ids, q.keys)
			s.Need, s.Whole = max(s.Need, q.need), s.Whole && len(ids) >= q.need
			for _, id := range ids {
				name := q.names[id]
				if name == "" {
					name = "key " + short(id)
				}
				if !slices.Contains(s.Signed, name) {
					s.Signed = append(s.Signed, name)
				}
			}
		}
		if len(by) == 0 {
			s.Whole = len(*d.sigs) > 0
			for _, g := range *d.sigs {
				s.Signed = append(s.Signed, "key "+short(g.KeyID))
			}
		}
		slices.Sort(s.Signed)
		if t, ok := d.signed.(metadata.TargetsType); ok {
			for _, path := range slices.Sorted(maps.Keys(t.Targets)) {
				f := t.Targets[path]
				s.Files = append(s.Files, Part{Role: d.role, Path: path, Bytes: f.Length, SHA256: f.Hashes["sha256"].String()})
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// Put is one file for a role. A pack needs its name, without ".yaml".
type Put struct {
	Role string
	Kind Kind
	Name string
	Data []byte
}

func (p Put) path() (string, error) {
	file := p.Kind.file()
	if p.Kind == Packs {
		file = p.Name + ".yaml"
	}
	k, ok := kindOf(file)
	if !ok || k != p.Kind || checkName(targetsDir+p.Role+"/"+file) != nil {
		return "", fmt.Errorf("%s of %s: no such kind of data, role or name", p.Kind, p.Role)
	}
	if len(p.Data) == 0 {
		return "", fmt.Errorf("%s of %s is empty", p.Kind, p.Role)
	}
	return p.Role + "/" + file, nil
}

// Contribute makes what a role signs for by itself, to be sent to the
// authorities: its metadata and its files, without root, snapshot or timestamp.
func Contribute(role string, version int64, expires time.Time, puts ...Put) (*Repo, error) {
	if !isRole(role) || version < 1 || len(puts) == 0 {
		return nil, fmt.Errorf("a contribution needs a role, a number from 1 and a file; it has %q, %d and %d", role, version, len(puts))
	}
	r := &Repo{Files: Files{}}
	m := metadata.Targets(expires.UTC().Truncate(time.Second))
	m.Signed.Version = version
	if err := r.add(m, puts); err != nil {
		return nil, err
	}
	return r, r.put(docOf(role, metadataDir+role+".json", m, version, expires))
}

// add lays files into a role's metadata and the repository.
func (r *Repo) add(m *metadata.Metadata[metadata.TargetsType], puts []Put) error {
	for _, p := range puts {
		path, err := p.path()
		if err != nil {
			return err
		}
		sum := sha256.Sum256(p.Data)
		m.Signed.Targets[path] = &metadata.TargetFiles{Length: int64(len(p.Data)), Hashes: metadata.Hashes{"sha256": sum[:]}}
		r.Files[targetsDir+path] = p.Data
	}
	return nil
}

// Draft writes the next release after the agreement: a new root where keys or
// quorums changed, new targets where delegations did, new metadata for each
// role that gets files, the contributions of others as they signed them, and
// always a new snapshot and timestamp. What changed bears no signature. What
// nobody signed yet keeps its number.
func (r *Repo) Draft(a *Agreement, puts []Put, contributions []*Repo, at time.Time) ([]Signing, error) {
	steps := []func() error{
		func() error { return r.draftRoot(a, at) },
		func() error { return r.draftTargets(a, at) },
		func() error { return r.draftRoles(a, puts, at) },
		func() error { return r.include(contributions) },
		func() error { return r.draftRelease(a, at) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r.Status()
}

// soon is the last third of a validity, in which a draft renews.
func soon(expires, at time.Time, days int) bool {
	return expires.Sub(at) < time.Duration(days)*24*time.Hour/3
}

// next is the number of what replaces a metadata file: its own where nobody
// signed it yet.
func next(version int64, sigs []metadata.Signature) int64 {
	if len(sigs) == 0 {
		return max(version, 1)
	}
	return version + 1
}

func sameSigned(a, b any) (bool, error) {
	x, errA := signedHash(a)
	y, errB := signedHash(b)
	return x == y, errors.Join(errA, errB)
}

func (r *Repo) draftRoot(a *Agreement, at time.Time) error {
	want := a.root(at)
	n := r.newestRoot()
	want.Version = 1
	if n > 0 {
		old, err := r.root(n)
		if err != nil {
			return err
		}
		same := want
		same.Version, same.Expires = old.Signed.Version, old.Signed.Expires
		if eq, err := sameSigned(same, old.Signed); err != nil || eq && !soon(old.Signed.Expires, at, a.Root.Days) {
			return err
		}
		if want.Version = next(n, old.Signatures); want.Version > n {
			by, err := r.signersOf(docOf(metadata.ROOT, "", old, n, old.Signed.Expires))
			if err != nil {
				return err
			}
			for _, q := range by {
				if have := holds(old.Signed, old.Signatures, q.ids, q.keys); len(have) < q.need {
					return fmt.Errorf("root %d has %d of the %d signatures that %s asks for: have it signed first, or remove it", n, len(have), q.need, q.by)
				}
			}
		}
	}
	return r.put(docOf(metadata.ROOT, rootName(want.Version), &metadata.Metadata[metadata.RootType]{Signed: want, Signatures: []metadata.Signature{}}, want.Version, want.Expires))
}

func (r *Repo) draftTargets(a *Agreement, at time.Time) error {
	want, err := a.targets(at)
	if err != nil {
		return err
	}
	want.Version = 1
	if b := r.Files.meta(metadata.TARGETS); b != nil {
		old, err := parse[metadata.TargetsType](metadata.TARGETS, b)
		if err != nil {
			return err
		}
		same := want
		same.Version, same.Expires = old.Signed.Version, old.Signed.Expires
		if eq, err := sameSigned(same, old.Signed); err != nil || eq && !soon(old.Signed.Expires, at, a.Policy.Days) {
			return err
		}
		want.Version = next(old.Signed.Version, old.Signatures)
	}
	return r.put(docOf(metadata.TARGETS, metadataDir+"targets.json", &metadata.Metadata[metadata.TargetsType]{Signed: want, Signatures: []metadata.Signature{}}, want.Version, want.Expires))
}

func (r *Repo) draftRoles(a *Agreement, puts []Put, at time.Time) error {
	byRole := map[string][]Put{}
	for _, p := range puts {
		i := slices.IndexFunc(a.Roles, func(x RoleRule) bool { return x.Name == p.Role })
		if i < 0 || !slices.Contains(a.Roles[i].Parts, p.Kind) {
			return fmt.Errorf("the agreement trusts no role %q for %s", p.Role, p.Kind)
		}
		byRole[p.Role] = append(byRole[p.Role], p)
	}
	for _, rule := range a.Roles {
		file := metadataDir + rule.Name + ".json"
		m := metadata.Targets(validFor(at, rule.Days))
		var old *metadata.Metadata[metadata.TargetsType]
		if b := r.Files[file]; b != nil {
			var err error
			if old, err = parse[metadata.TargetsType](rule.Name, b); err != nil {
				return err
			}
			maps.Copy(m.Signed.Targets, old.Signed.Targets)
		}
		renew := old != nil && rule.Standing == Ours && soon(old.Signed.Expires, at, rule.Days)
		if len(byRole[rule.Name]) == 0 && !renew {
			continue
		}
		if err := r.add(m, byRole[rule.Name]); err != nil {
			return err
		}
		if old != nil {
			same := *m
			same.Signed.Version, same.Signed.Expires = old.Signed.Version, old.Signed.Expires
			if eq, err := sameSigned(same.Signed, old.Signed); err != nil {
				return err
			} else if eq && !renew {
				continue
			}
			m.Signed.Version = next(old.Signed.Version, old.Signatures)
		}
		if err := r.put(docOf(rule.Name, file, m, m.Signed.Version, m.Signed.Expires)); err != nil {
			return err
		}
	}
	return nil
}

// include takes up what roles signed by themselves.
func (r *Repo) include(contributions []*Repo) error {
	top, err := parse[metadata.TargetsType](metadata.TARGETS, r.Files.meta(metadata.TARGETS))
	if err != nil {
		return err
	}
	roles, err := delegations(top.Signed)
	if err != nil {
		return err
	}
	for _, c := range contributions {
		for _, file := range slices.Sorted(maps.Keys(c.Files)) {
			name, ok := strings.CutSuffix(strings.TrimPrefix(file, metadataDir), ".json")
			i := slices.IndexFunc(roles, func(x Role) bool { return x.Name == name })
			if !strings.HasPrefix(file, metadataDir) || !ok {
				continue
			}
			if i < 0 {
				return refuse(Delegation, nil, "The contribution is by %q, to which the agreement delegates nothing.", name)
			}
			m, err := parse[metadata.TargetsType](name, c.Files[file])
			if err != nil {
				return err
			}
			d := top.Signed.Delegations
			if err := top.VerifyDelegate(name, m); err != nil {
				ch := &chain{names: authorities(top.Signed.UnrecognizedFields)}
				return ch.refused(err, name, m.Signed, m.Signatures, d.Roles[i].KeyIDs, d.Roles[i].Threshold, d.Keys)
			}
			if b := r.Files[file]; b != nil && !bytes.Equal(b, c.Files[file]) {
				old, err := parse[metadata.TargetsType](name, b)
				if err != nil {
					return err
				}
				if eq, err := sameSigned(old.Signed, m.Signed); err != nil {
					return err
				} else if !eq && m.Signed.Version <= old.Signed.Version {
					return refuse(Rollback, nil, "The contribution of %s is number %d; number %d is here already.", name, m.Signed.Version, old.Signed.Version)
				}
			}
			parts, err := bring(roles[i], m.Signed)
			if err != nil {
				return err
			}
			if err := (&Release{Parts: parts}).take(c.Files); err != nil {
				return err
			}
			r.Files[file] = c.Files[file]
			for _, p := range parts {
				r.Files[targetsDir+p.Path] = c.Files[targetsDir+p.Path]
			}
		}
	}
	return nil
}

// draftRelease writes snapshot and timestamp, and drops what no role signs for
// any more.
func (r *Repo) draftRelease(a *Agreement, at time.Time) error {
	snap := metadata.Snapshot(validFor(at, a.Release.Days))
	snap.Signed.Meta = map[string]*metadata.MetaFiles{}
	wanted := map[string]bool{}
	for _, role := range append([]RoleRule{{Name: metadata.TARGETS}}, a.Roles...) {
		b := r.Files.meta(role.Name)
		if b == nil {
			continue
		}
		m, err := parse[metadata.TargetsType](role.Name, b)
		if err != nil {
			return err
		}
		says, err := says(m.Signed.Version, m.Signed)
		if err != nil {
			return err
		}
		snap.Signed.Meta[role.Name+".json"] = says
		for path := range m.Signed.Targets {
			wanted[targetsDir+path] = true
		}
		wanted[metadataDir+role.Name+".json"] = true
	}
	if b := r.Files.meta(metadata.SNAPSHOT); b != nil {
		old, err := parse[metadata.SnapshotType](metadata.SNAPSHOT, b)
		if err != nil {
			return err
		}
		snap.Signed.Version = next(old.Signed.Version, old.Signatures)
	}
	if err := r.put(docOf(metadata.SNAPSHOT, metadataDir+"snapshot.json", snap, snap.Signed.Version, snap.Signed.Expires)); err != nil {
		return err
	}
	ts := metadata.Timestamp(validFor(at, a.Release.Days))
	ts.Signed.UnrecognizedFields = map[string]any{xReleased: at.UTC().Truncate(time.Second).Format(time.RFC3339)}
	said, err := says(snap.Signed.Version, snap.Signed)
	if err != nil {
		return err
	}
	ts.Signed.Meta = map[string]*metadata.MetaFiles{"snapshot.json": said}
	if b := r.Files.meta(metadata.TIMESTAMP); b != nil {
		old, err := parse[metadata.TimestampType](metadata.TIMESTAMP, b)
		if err != nil {
			return err
		}
		ts.Signed.Version = next(old.Signed.Version, old.Signatures)
	}
	if err := r.put(docOf(metadata.TIMESTAMP, metadataDir+"timestamp.json", ts, ts.Signed.Version, ts.Signed.Expires)); err != nil {
		return err
	}
	for name := range r.Files {
		_, isRoot := rootNumber(name)
		if !wanted[name] && !isRoot && name != metadataDir+"snapshot.json" && name != metadataDir+"timestamp.json" {
			delete(r.Files, name)
		}
	}
	return nil
}

// says is what one metadata file says of the signed part of another.
func says(version int64, signed any) (*metadata.MetaFiles, error) {
	h, err := signedHash(signed)
	return &metadata.MetaFiles{Version: version, UnrecognizedFields: map[string]any{xSigned: h}}, err
}

// Check verifies the repository against a root, by way of the newer roots that
// are held, but not its age and not whether it is newer than anything: an old
// release may be compared.
func (r *Repo) Check(t Trust) (*Release, error) {
	newest, lent := r.newestRoot(), Files{}
	for name, b := range t.Roots {
		if v, ok := rootNumber(name); ok && v <= newest {
			lent[name] = b
		}
	}
	return check(r.Files, Trust{Root: t.Root, Roots: lent})
}

// Verify reads the repository as a site would, from the trust given, or from
// the repository's own first root where that names none.
func (r *Repo) Verify(t Trust) (*Release, error) {
	if t.Root == nil {
		lowest := r.newestRoot()
		for r.Files[rootName(lowest-1)] != nil {
			lowest--
		}
		t.Root = r.Files[rootName(lowest)]
	}
	pr, pw := io.Pipe()
	go func() { _ = pw.CloseWithError(WriteArchive(pw, r.Files)) }()
	rel, err := Read(pr, DefaultLimits(), t)
	return rel, errors.Join(err, pr.Close())
}
