package refdata

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
)

// What we say in metadata beside what TUF defines. TUF signs unknown fields and
// hands them on (specification §4.1).
const (
	xAuthorities = "x_authorities"   // root, targets: key id -> name of who holds it
	xReleased    = "x_released"      // timestamp: RFC 3339 instant
	xSigned      = "x_signed_sha256" // of the signed part of the file spoken of
	xParts       = "x_parts"         // delegation: kinds of data the role may bring
	xStanding    = "x_standing"      // delegation: ours, binding, advice
	xTitle       = "x_title"         // delegation: who that is
)

// maxLeap is how far a number may go ahead of the one held. TUF lets whoever
// holds a role's keys for a day publish the largest number there is, after
// which nothing can follow.
const maxLeap = 1_000_000

// Standing says how much a role's rows weigh at this site. Our authorities sign
// it; a role cannot give itself one.
type Standing string

// The standings.
const (
	Ours    Standing = "ours"    // the data itself
	Binding Standing = "binding" // an ally whose row is used in place of ours where they disagree
	Advice  Standing = "advice"  // an ally whose row is shown beside ours
)

// Role is one delegation, as the authorities signed it, and what it brought.
type Role struct {
	Name     string    `json:"name"`
	Title    string    `json:"title,omitempty"`
	Standing Standing  `json:"standing"`
	Parts    []Kind    `json:"parts"`
	Version  int64     `json:"version"` // 0 where it brought nothing yet
	Expires  time.Time `json:"expires,omitzero"`
	Need     int       `json:"need"`
	Signers  []string  `json:"signers"` // whose signatures hold
}

// Part is one file of data in a release.
type Part struct {
	Role   string `json:"role"`
	Kind   Kind   `json:"kind"`
	Path   string `json:"path"` // ROLE/FILE
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Numbers are the numbers of a release. They only go forward.
type Numbers struct {
	Release    int64            `json:"release"` // of the timestamp
	Root       int64            `json:"root"`
	Snapshot   int64            `json:"snapshot"`
	Roles      map[string]int64 `json:"roles"`       // targets and every delegated role
	SignedHash string           `json:"signed"`      // SHA-256 of the timestamp's signed part
	RootHash   string           `json:"root_signed"` // of the newest root's signed part
	Released   time.Time        `json:"released,omitzero"`
}

// Release is a verified release.
type Release struct {
	Numbers
	Expires     time.Time  `json:"expires"`      // the first day on which a part of the chain is too old
	ExpiresRole string     `json:"expires_role"` // which
	RootNeed    int        `json:"root_need"`
	RootSigners []string   `json:"root_signers"`
	Signers     []string   `json:"signers"` // of the timestamp
	Roles       []Role     `json:"delegations"`
	Parts       []Part     `json:"parts"`
	Signing     []RoleKeys `json:"signing"` // who may sign for each role, and how many must

	files Files
	held  bool // it is the very release that is in use
}

// RoleKeys are the keys that may sign for a role, and how many must.
type RoleKeys struct {
	Role string      `json:"role"` // root, timestamp, snapshot, targets, or a delegated role
	Need int         `json:"need"`
	Keys []KeyHolder `json:"keys"`
}

// KeyHolder is who holds a key.
type KeyHolder struct {
	Name  string `json:"name"`
	KeyID string `json:"keyid"`
}

// Content returns a part's bytes, which must not be changed.
func (r *Release) Content(p Part) []byte { return r.files[targetsDir+p.Path] }

// Drop lets go of the files' bytes, which Open has read. Content is nil from
// then on.
func (r *Release) Drop() { r.files = nil }

// Trust is what a site starts from: a root file that was brought to it by hand,
// what it holds since, and the time.
type Trust struct {
	Root  []byte    // the pinned root metadata
	Roots Files     // newer roots that are held, by their names in the archive
	Held  Numbers   // the highest numbers seen; zero where nothing was ever installed
	InUse int64     // the release that is installed; 0 where none is
	At    time.Time // the later of the clock and the last record
}

// CheckRoot says what is wrong with a root file that a site is to trust.
func CheckRoot(root []byte) error {
	if _, err := parse[metadata.RootType]("root", root); err != nil {
		return err
	}
	if _, err := trustedmetadata.New(root); err != nil {
		return refuse(FewSignatures, err, "The root file is not signed by as many as it says itself.")
	}
	return nil
}

// Read takes in a bundle and verifies it. Nothing is written. Every refusal is
// a *Refusal.
func Read(r io.Reader, lim Limits, t Trust) (*Release, error) {
	var rel *Release
	var expected map[string]Part
	verified := func(got Files) (err error) {
		if rel == nil {
			if rel, err = verify(got, t, true); err != nil {
				return err
			}
			expected = rel.expected()
		}
		return nil
	}
	files, err := readArchive(r, lim, func(name string, size int64, got Files) error {
		path, data := strings.CutPrefix(name, targetsDir)
		if !data {
			return nil
		}
		if err := verified(got); err != nil {
			return err
		}
		p, ok := expected[path]
		if !ok {
			return refuse(Unexpected, nil, "The bundle holds %q, which nobody signed for.", path)
		}
		if p.Bytes != size {
			return refuse(BadHash, nil, "%q is %d bytes; what was signed is %d.", path, size, p.Bytes)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := verified(files); err != nil {
		return nil, err
	}
	if err := rel.take(files); err != nil {
		return nil, err
	}
	if rel.held {
		return nil, refuse(Held, nil, "Release %d is installed already.", rel.Release)
	}
	return rel, nil
}

// check verifies files that are held already: signatures, numbers among
// themselves and hashes, but not their age.
func check(files Files, t Trust) (*Release, error) {
	rel, err := verify(files, t, false)
	if err != nil {
		return nil, err
	}
	expected := rel.expected()
	for name := range files {
		if path, data := strings.CutPrefix(name, targetsDir); data {
			if _, ok := expected[path]; !ok {
				return nil, refuse(Unexpected, nil, "%q is there, which nobody signed for.", path)
			}
		}
	}
	return rel, rel.take(files)
}

func (r *Release) expected() map[string]Part {
	m := make(map[string]Part, len(r.Parts))
	for _, p := range r.Parts {
		m[p.Path] = p
	}
	return m
}

// take compares every file that was signed for with what came.
func (r *Release) take(files Files) error {
	for _, p := range r.Parts {
		data, ok := files[targetsDir+p.Path]
		if !ok {
			return refuse(Missing, nil, "%q was signed for and is not there.", p.Path)
		}
		if sum := sha256.Sum256(data); int64(len(data)) != p.Bytes || hex.EncodeToString(sum[:]) != p.SHA256 {
			return refuse(BadHash, nil, "%q is not the file that was signed: it was changed or exchanged.", p.Path)
		}
	}
	r.files = files
	return nil
}

// chain is one verification under way.
type chain struct {
	files Files
	t     Trust
	tm    *trustedmetadata.TrustedMetadata
	rel   *Release
	names map[string]string // key id -> who holds it
}

// verify walks root, timestamp, snapshot, targets and the delegations. fresh
// asks that the release is newer than what is held and not expired.
func verify(files Files, t Trust, fresh bool) (*Release, error) {
	c := &chain{files: files, t: t, rel: &Release{}, names: map[string]string{}}
	steps := []func() error{c.roots, c.timestamp, c.snapshot, c.targets}
	if fresh {
		steps = []func() error{c.roots, c.timestamp, c.newer, c.snapshot, c.targets, c.forward, c.inDate}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return c.rel, nil
}

// parse reads one metadata file strictly enough that go-tuf meets no surprise:
// it asks an absent or empty entry for its version, and its Ed25519 takes a key
// of a wrong length for a fault of the program.
func parse[T metadata.Roles](what string, data []byte) (*metadata.Metadata[T], error) {
	if data == nil {
		return nil, absent(what)
	}
	m, err := new(metadata.Metadata[T]).FromBytes(data)
	if err != nil {
		return nil, refuse(Malformed, err, "The %s metadata cannot be read.", what)
	}
	if err := shape(m); err != nil {
		return nil, refuse(Malformed, err, "The %s metadata is not as it must be.", what)
	}
	return m, nil
}

func absent(what string) error {
	return refuse(Missing, nil, "The bundle holds no %s metadata: it is not whole, or it is a contribution that an authority must take up first.", what)
}

func shape(m any) error {
	files := func(meta map[string]*metadata.MetaFiles, must string) error {
		if meta[must] == nil {
			return fmt.Errorf("%s is not named", must)
		}
		for name, f := range meta {
			if f == nil || f.Version < 1 {
				return fmt.Errorf("%s has no version", name)
			}
		}
		return nil
	}
	switch m := m.(type) {
	case *metadata.Metadata[metadata.RootType]:
		if m.Signed.Version < 1 {
			return errors.New("no version")
		}
		for _, role := range metadata.TOP_LEVEL_ROLE_NAMES {
			r := m.Signed.Roles[role]
			if r == nil {
				return fmt.Errorf("no role %s", role)
			}
			if err := quorum(role, r.KeyIDs, r.Threshold, m.Signed.Keys); err != nil {
				return err
			}
		}
	case *metadata.Metadata[metadata.TimestampType]:
		if m.Signed.Version < 1 || len(m.Signed.Meta) != 1 {
			return errors.New("no version, or it names other than one snapshot")
		}
		return files(m.Signed.Meta, "snapshot.json")
	case *metadata.Metadata[metadata.SnapshotType]:
		if m.Signed.Version < 1 {
			return errors.New("no version")
		}
		return files(m.Signed.Meta, "targets.json")
	case *metadata.Metadata[metadata.TargetsType]:
		if m.Signed.Version < 1 {
			return errors.New("no version")
		}
		for name, f := range m.Signed.Targets {
			if f == nil || f.Length < 1 || len(f.Hashes["sha256"]) != sha256.Size || len(f.Hashes) != 1 {
				return fmt.Errorf("%s has no length or no SHA-256", name)
			}
		}
	}
	return nil
}

// quorum says what is wrong with a role's keys and the number of them needed.
func quorum(role string, ids []string, need int, keys map[string]*metadata.Key) error {
	if need < 1 || need > len(ids) {
		return fmt.Errorf("%s needs %d signatures of %d keys", role, need, len(ids))
	}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			return fmt.Errorf("%s names the key %s twice", role, short(id))
		}
		k := keys[id]
		if k == nil {
			return fmt.Errorf("%s names the key %s, which is not there", role, short(id))
		}
		if b, err := hex.DecodeString(k.Value.PublicKey); k.Type != metadata.KeyTypeEd25519 || k.Scheme != metadata.KeySchemeEd25519 || err != nil || len(b) != ed25519.PublicKeySize {
			return fmt.Errorf("the key %s of %s is no Ed25519 key", short(id), role)
		}
		if is, err := k.ID(); err != nil || is != id {
			return fmt.Errorf("the key %s of %s goes by a name that is not its own", short(id), role)
		}
	}
	return nil
}

func short(id string) string { return id[:min(8, len(id))] }

// signedHash is the SHA-256 of the signed part in canonical JSON: the same
// whoever signed it since.
func signedHash(signed any) (string, error) {
	b, err := cjson.EncodeCanonical(signed)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// holds returns the ids among ids whose signatures over signed hold.
func holds(signed any, sigs []metadata.Signature, ids []string, keys map[string]*metadata.Key) []string {
	payload, err := cjson.EncodeCanonical(signed)
	if err != nil {
		return nil
	}
	var out []string
	for _, s := range sigs {
		k := keys[s.KeyID]
		if k == nil || !slices.Contains(ids, s.KeyID) {
			continue
		}
		pub, err := hex.DecodeString(k.Value.PublicKey)
		if err == nil && len(pub) == ed25519.PublicKeySize && ed25519.Verify(pub, payload, s.Signature) {
			out = append(out, s.KeyID)
		}
	}
	return out
}

// name is who holds a key.
func (c *chain) name(id string) string {
	if n := c.names[id]; n != "" {
		return n
	}
	return "key " + short(id)
}

func (c *chain) nameAll(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = c.name(id)
	}
	slices.Sort(out)
	return out
}

// refused puts an error of go-tuf about one file into a class.
func (c *chain) refused(err error, what string, signed any, sigs []metadata.Signature, ids []string, need int, keys map[string]*metadata.Key) error {
	var few *metadata.ErrUnsignedMetadata
	if !errors.As(err, &few) {
		var version *metadata.ErrBadVersionNumber
		var length *metadata.ErrLengthOrHashMismatch
		switch {
		case errors.As(err, &version):
			return refuse(Mixed, err, "The %s metadata belongs to another release: pieces of two were put together.", what)
		case errors.As(err, &length):
			return refuse(BadHash, err, "The %s metadata is not the one that was signed for.", what)
		}
		return refuse(Malformed, err, "The %s metadata is not as it must be.", what)
	}
	valid := holds(signed, sigs, ids, keys)
	who := "nobody"
	if len(valid) > 0 {
		who = strings.Join(c.nameAll(valid), ", ")
	}
	var unknown, broken []string
	for _, s := range sigs {
		switch {
		case !slices.Contains(ids, s.KeyID):
			unknown = append(unknown, s.KeyID)
		case !slices.Contains(valid, s.KeyID):
			broken = append(broken, s.KeyID)
		}
	}
	switch {
	case len(broken) > 0:
		return refuse(BadSignature, err, "The %s metadata was changed after it was signed: the signature of %s does not fit.", what, strings.Join(c.nameAll(broken), ", "))
	case len(unknown) > 0:
		return refuse(UnknownKey, err, "The %s metadata needs %d signatures and has %d (%s); it also bears one of %s, which may not sign it.", what, need, len(valid), who, strings.Join(c.nameAll(unknown), ", "))
	}
	return refuse(FewSignatures, err, "The %s metadata needs %d signatures and has %d (%s).", what, need, len(valid), who)
}

// roots goes from the pinned root over those held to those of the bundle.
func (c *chain) roots() error {
	pinned, err := parse[metadata.RootType]("pinned root", c.t.Root)
	if err != nil {
		return err
	}
	if c.tm, err = trustedmetadata.New(c.t.Root); err != nil {
		return refuse(FewSignatures, err, "The root file that the site was given is not signed by as many as it says itself.")
	}
	// Age is looked at last and by itself: what is installed stays in use when
	// it grows old, and is shown as such.
	c.tm.RefTime = time.Time{}
	newest := int64(0)
	for name := range c.files {
		if v, ok := rootNumber(name); ok {
			newest = max(newest, v)
		}
	}
	if newest == 0 {
		return absent("root")
	}
	at := pinned
	seen := func(m *metadata.Metadata[metadata.RootType]) error {
		for id, name := range authorities(m.Signed.UnrecognizedFields) {
			c.names[id] = name
		}
		// Where the site's own roots were lost, keys given back since could sign
		// another way past the root that was held.
		if held := c.t.Held; m.Signed.Version == held.Root && held.RootHash != "" {
			if is, err := signedHash(m.Signed); err != nil || is != held.RootHash {
				return refuse(Mixed, err, "The bundle has another root %d than the one that was trusted here.", held.Root)
			}
		}
		other := c.files[rootName(m.Signed.Version)]
		if other == nil {
			return nil
		}
		o, err := parse[metadata.RootType]("root", other)
		if err != nil {
			return err
		}
		a, errA := signedHash(m.Signed)
		b, errB := signedHash(o.Signed)
		if a != b || errA != nil || errB != nil {
			return refuse(Mixed, errors.Join(errA, errB), "The bundle has another root %d than the one that is trusted here.", m.Signed.Version)
		}
		return nil
	}
	for {
		if err := seen(at); err != nil {
			return err
		}
		v := at.Signed.Version + 1
		data := c.t.Roots[rootName(v)]
		if data == nil {
			data = c.files[rootName(v)]
		}
		if data == nil {
			break
		}
		next, err := parse[metadata.RootType]("root "+strconv.FormatInt(v, 10), data)
		if err != nil {
			return err
		}
		for id, name := range authorities(next.Signed.UnrecognizedFields) {
			if c.names[id] == "" {
				c.names[id] = name
			}
		}
		if _, err := c.tm.UpdateRoot(data); err != nil {
			// Both the old root's keys and its own must have signed it.
			by, what := at, fmt.Sprintf("root %d (by the keys of root %d)", v, v-1)
			if at.VerifyDelegate(metadata.ROOT, next) == nil {
				by, what = next, fmt.Sprintf("root %d (by its own keys)", v)
			}
			r := by.Signed.Roles[metadata.ROOT]
			return c.refused(err, what, next.Signed, next.Signatures, r.KeyIDs, r.Threshold, by.Signed.Keys)
		}
		at = next
	}
	have := at.Signed.Version
	if newest > have {
		return refuse(Missing, nil, "The bundle has root %d, but not all from root %d on; the steps between must come with it.", newest, have+1)
	}
	if newest < have {
		return refuse(Rollback, nil, "The newest root of the bundle is %d; root %d is trusted here already.", newest, have)
	}
	r := at.Signed.Roles[metadata.ROOT]
	c.rel.Root, c.rel.RootNeed = have, r.Threshold
	c.rel.RootSigners = c.nameAll(holds(at.Signed, at.Signatures, r.KeyIDs, at.Signed.Keys))
	c.rel.RootHash, err = signedHash(at.Signed)
	if have < c.t.Held.Root {
		return refuse(Rollback, nil, "The newest root of the bundle is %d; root %d was trusted here already.", have, c.t.Held.Root)
	}
	c.expires("root", at.Signed.Expires)
	for _, name := range metadata.TOP_LEVEL_ROLE_NAMES {
		r := at.Signed.Roles[name]
		c.maySign(name, r.Threshold, r.KeyIDs)
	}
	return err
}

func rootName(v int64) string { return metadataDir + strconv.FormatInt(v, 10) + ".root.json" }

func rootNumber(name string) (int64, bool) {
	n, ok := strings.CutSuffix(strings.TrimPrefix(name, metadataDir), ".root.json")
	v, err := strconv.ParseInt(n, 10, 64)
	return v, ok && err == nil
}

// authorities reads who holds which key.
func authorities(fields map[string]any) map[string]string {
	out := map[string]string{}
	m, ok := fields[xAuthorities].(map[string]any)
	if !ok {
		return out
	}
	for id, v := range m {
		if name, ok := v.(string); ok {
			out[id] = printable(name)
		}
	}
	return out
}

// printable keeps what a screen or a log may show as a name: nothing that rules
// a terminal, ends a line or turns the order of letters round.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\ufffd' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > 80 {
		return string(r[:80])
	}
	return s
}

// maySign takes down whose keys may sign for a role.
func (c *chain) maySign(role string, need int, ids []string) {
	r := RoleKeys{Role: role, Need: need}
	for _, id := range slices.Sorted(slices.Values(ids)) {
		r.Keys = append(r.Keys, KeyHolder{c.name(id), id})
	}
	c.rel.Signing = append(c.rel.Signing, r)
}

// expires remembers the first end of validity in the chain.
func (c *chain) expires(role string, at time.Time) {
	if c.rel.Expires.IsZero() || at.Before(c.rel.Expires) {
		c.rel.Expires, c.rel.ExpiresRole = at, role
	}
}

func (c *chain) byRoot(err error, role, what string, signed any, sigs []metadata.Signature) error {
	r := c.tm.Root.Signed.Roles[role]
	return c.refused(err, what, signed, sigs, r.KeyIDs, r.Threshold, c.tm.Root.Signed.Keys)
}

func (c *chain) timestamp() error {
	m, err := parse[metadata.TimestampType]("timestamp", c.files.meta(metadata.TIMESTAMP))
	if err != nil {
		return err
	}
	if _, err := c.tm.UpdateTimestamp(c.files.meta(metadata.TIMESTAMP)); err != nil {
		return c.byRoot(err, metadata.TIMESTAMP, "timestamp", m.Signed, m.Signatures)
	}
	released, err := time.Parse(time.RFC3339, text(m.Signed.UnrecognizedFields, xReleased))
	if err != nil {
		return refuse(Malformed, err, "The timestamp metadata does not say when the release was made.")
	}
	c.rel.Release, c.rel.Released = m.Signed.Version, released.UTC()
	role := c.tm.Root.Signed.Roles[metadata.TIMESTAMP]
	c.rel.Signers = c.nameAll(holds(m.Signed, m.Signatures, role.KeyIDs, c.tm.Root.Signed.Keys))
	c.rel.SignedHash, err = signedHash(m.Signed)
	c.expires(metadata.TIMESTAMP, m.Signed.Expires)
	return err
}

func text(fields map[string]any, key string) string {
	s, _ := fields[key].(string)
	return s
}

// newer compares the release with the one held, before anything else of it is
// looked at: an old stick is told as that.
func (c *chain) newer() error {
	held := c.t.Held
	switch {
	case held.Release == 0:
	case c.rel.Release < held.Release:
		return refuse(Rollback, nil, "The bundle is release %d; release %d is held.", c.rel.Release, held.Release)
	case c.rel.Release == held.Release && c.rel.SignedHash == held.SignedHash:
		// Where it is not in use it was begun, or was here before the directory
		// was lost. Where it is, the rest is verified before that is said: what
		// goes by its number may still be changed, or cut short.
		c.rel.held = c.t.InUse == held.Release
	case c.rel.Release == held.Release:
		return refuse(Mixed, nil, "The bundle is another release %d than the one held: a number was given twice.", held.Release)
	}
	return leap("release", c.rel.Release, held.Release)
}

func leap(what string, is, held int64) error {
	if is-held > maxLeap {
		return refuse(Leap, nil, "The number of the %s goes from %d to %d at once: no release could follow it for long.", what, held, is)
	}
	return nil
}

// bound compares a file with what the file above it said of its signed part.
func bound(what string, says *metadata.MetaFiles, signed any) error {
	is, err := signedHash(signed)
	if err != nil {
		return err
	}
	if text(says.UnrecognizedFields, xSigned) != is {
		return refuse(Mixed, nil, "The %s metadata belongs to another release: pieces of two were put together.", what)
	}
	return nil
}

func (c *chain) snapshot() error {
	m, err := parse[metadata.SnapshotType]("snapshot", c.files.meta(metadata.SNAPSHOT))
	if err != nil {
		return err
	}
	if m.Signed.Version < c.t.Held.Snapshot {
		return refuse(Rollback, nil, "The snapshot of the bundle is number %d; %d is held.", m.Signed.Version, c.t.Held.Snapshot)
	}
	if _, err := c.tm.UpdateSnapshot(c.files.meta(metadata.SNAPSHOT), false); err != nil {
		return c.byRoot(err, metadata.SNAPSHOT, "snapshot", m.Signed, m.Signatures)
	}
	c.rel.Snapshot = m.Signed.Version
	c.expires(metadata.SNAPSHOT, m.Signed.Expires)
	return bound("snapshot", c.tm.Timestamp.Signed.Meta["snapshot.json"], m.Signed)
}

// role loads the targets metadata of one role and counts it.
func (c *chain) role(name, parent string) (*metadata.Metadata[metadata.TargetsType], error) {
	m, err := parse[metadata.TargetsType](name, c.files.meta(name))
	if err != nil {
		return nil, err
	}
	if held := c.t.Held.Roles[name]; m.Signed.Version < held {
		return nil, refuse(Rollback, nil, "The %s metadata of the bundle is number %d; %d is held.", name, m.Signed.Version, held)
	}
	if _, err := c.tm.UpdateDelegatedTargets(c.files.meta(name), name, parent); err != nil {
		if parent == metadata.ROOT {
			return nil, c.byRoot(err, metadata.TARGETS, name, m.Signed, m.Signatures)
		}
		d := c.tm.Targets[parent].Signed.Delegations
		for _, r := range d.Roles {
			if r.Name == name {
				return nil, c.refused(err, name, m.Signed, m.Signatures, r.KeyIDs, r.Threshold, d.Keys)
			}
		}
		return nil, refuse(Malformed, err, "The %s metadata is not as it must be.", name)
	}
	c.rel.Numbers.Roles[name] = m.Signed.Version
	c.expires(name, m.Signed.Expires)
	return m, bound(name, c.tm.Snapshot.Signed.Meta[name+".json"], m.Signed)
}

func (c *chain) targets() error {
	c.rel.Numbers.Roles = map[string]int64{}
	top, err := c.role(metadata.TARGETS, metadata.ROOT)
	if err != nil {
		return err
	}
	for id, name := range authorities(top.Signed.UnrecognizedFields) {
		if c.names[id] == "" { // who signs the root says who somebody is first
			c.names[id] = name
		}
	}
	roles, err := delegations(top.Signed)
	if err != nil {
		return refuse(Delegation, err, "What the authorities delegate cannot stand as it is written.")
	}
	listed := maps.Clone(c.tm.Snapshot.Signed.Meta)
	delete(listed, "targets.json")
	for i := range roles {
		r := &roles[i]
		c.maySign(r.Name, r.Need, top.Signed.Delegations.Roles[i].KeyIDs)
		if listed[r.Name+".json"] == nil {
			continue // it has brought nothing yet
		}
		delete(listed, r.Name+".json")
		m, err := c.role(r.Name, metadata.TARGETS)
		if err != nil {
			return err
		}
		parts, err := bring(*r, m.Signed)
		if err != nil {
			return err
		}
		d := top.Signed.Delegations
		r.Version, r.Expires = m.Signed.Version, m.Signed.Expires
		r.Signers = c.nameAll(holds(m.Signed, m.Signatures, d.Roles[i].KeyIDs, d.Keys))
		c.rel.Parts = append(c.rel.Parts, parts...)
	}
	for name := range listed {
		return refuse(Delegation, nil, "The snapshot names %q, which nobody is trusted for.", name)
	}
	for name := range c.files {
		role, ok := strings.CutSuffix(strings.TrimPrefix(name, metadataDir), ".json")
		if !strings.HasPrefix(name, metadataDir) || !ok || strings.HasSuffix(role, ".root") {
			continue
		}
		if _, used := c.rel.Numbers.Roles[role]; !used && role != metadata.TIMESTAMP && role != metadata.SNAPSHOT {
			return refuse(Unexpected, nil, "The bundle holds the metadata %q, which the snapshot does not name.", role)
		}
	}
	c.rel.Roles = roles
	return nil
}

// delegations reads what the authorities give to whom, in their order. They
// give parts of data one level deep and nothing of their own: who signed a row
// can then be told in one word.
func delegations(t metadata.TargetsType) ([]Role, error) {
	d := t.Delegations
	switch {
	case len(t.Targets) > 0:
		return nil, errors.New("targets carries files of its own")
	case d == nil || len(d.Roles) == 0:
		return nil, errors.New("nothing is delegated")
	case d.SuccinctRoles != nil:
		return nil, errors.New("succinct roles are not used")
	}
	var out []Role
	seen := map[string]bool{}
	owner := map[Kind]string{}
	for _, dr := range d.Roles {
		switch {
		case !isRole(dr.Name) || slices.Contains(metadata.TOP_LEVEL_ROLE_NAMES[:], dr.Name):
			return nil, fmt.Errorf("%q is no name of a role", dr.Name)
		case seen[dr.Name]:
			return nil, fmt.Errorf("%s stands there twice", dr.Name)
		case !dr.Terminating || len(dr.PathHashPrefixes) > 0 || len(dr.Paths) != 1 || dr.Paths[0] != dr.Name+"/*":
			return nil, fmt.Errorf("%s must be trusted for the paths %s/* and no other, and end the search there", dr.Name, dr.Name)
		}
		seen[dr.Name] = true
		if err := quorum(dr.Name, dr.KeyIDs, dr.Threshold, d.Keys); err != nil {
			return nil, err
		}
		r := Role{Name: dr.Name, Title: printable(text(dr.UnrecognizedFields, xTitle)), Standing: Standing(text(dr.UnrecognizedFields, xStanding)), Need: dr.Threshold}
		if r.Standing != Ours && r.Standing != Binding && r.Standing != Advice {
			return nil, fmt.Errorf("%s is marked %q, which is none of ours, binding, advice", r.Name, r.Standing)
		}
		list, _ := dr.UnrecognizedFields[xParts].([]any)
		for _, v := range list {
			word, _ := v.(string)
			k := Kind(word)
			if !k.known() {
				return nil, fmt.Errorf("%s is trusted for %q, which is no kind of data", r.Name, word)
			}
			if other := owner[k]; r.Standing == Ours && other != "" {
				return nil, fmt.Errorf("both %s and %s are trusted for our own %s", other, r.Name, k)
			}
			if r.Standing == Ours {
				owner[k] = r.Name
			}
			r.Parts = append(r.Parts, k)
		}
		if len(r.Parts) == 0 {
			return nil, fmt.Errorf("%s is trusted for nothing", r.Name)
		}
		out = append(out, r)
	}
	return out, nil
}

// bring lists a role's files and refuses what it may not bring.
func bring(r Role, t metadata.TargetsType) ([]Part, error) {
	if t.Delegations != nil {
		return nil, refuse(Delegation, nil, "%s hands its right on to others; only the authorities may.", r.Name)
	}
	var out []Part
	for _, path := range slices.Sorted(maps.Keys(t.Targets)) {
		f := t.Targets[path]
		base, ok := strings.CutPrefix(path, r.Name+"/")
		k, named := kindOf(base)
		if !ok || !named || checkName(targetsDir+path) != nil || !slices.Contains(r.Parts, k) {
			return nil, refuse(Delegation, nil, "%s signed for %.100q; it is trusted for %s only.", r.Name, path, join(r.Parts))
		}
		out = append(out, Part{Role: r.Name, Kind: k, Path: path, Bytes: f.Length, SHA256: hex.EncodeToString(f.Hashes["sha256"])})
	}
	return out, nil
}

func join(kinds []Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

// forward holds every number against the ones held.
func (c *chain) forward() error {
	held := c.t.Held
	if err := leap("snapshot", c.rel.Snapshot, held.Snapshot); err != nil {
		return err
	}
	if err := leap("root", c.rel.Root, held.Root); err != nil {
		return err
	}
	for _, r := range c.rel.Roles {
		if held.Roles[r.Name] > 0 && r.Version == 0 {
			return refuse(Rollback, nil, "The bundle leaves out %s, of which number %d is held, and does not end its delegation.", r.Name, held.Roles[r.Name])
		}
	}
	for name, v := range c.rel.Numbers.Roles {
		if err := leap(name, v, held.Roles[name]); err != nil {
			return err
		}
	}
	return nil
}

// clockSlack is how far a gate's clock may be behind that of who released.
const clockSlack = 24 * time.Hour

// inDate looks at the age of everything in the chain. What is in use stays in
// use when it grows old.
func (c *chain) inDate() error {
	if c.rel.held {
		return nil
	}
	at := c.t.At
	if c.t.Held.Released.After(at) {
		at = c.t.Held.Released
	}
	if behind := c.rel.Released.Sub(at); behind > clockSlack {
		return refuse(Clock, nil, "The clock says %s and the release was made on %s: set the clock, then try again.", day(c.t.At), day(c.rel.Released))
	}
	if at.After(c.rel.Expires) {
		return refuse(Expired, nil, "The %s metadata was valid until %s; it is %s.", c.rel.ExpiresRole, day(c.rel.Expires), day(at))
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// marshalMeta writes a metadata file as this package stores it: indented, so
// that two can be compared by eye.
func marshalMeta(m any) ([]byte, error) {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}
