package translog

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Bundle is a part of a log that can be checked on another machine with nothing
// but the log's public key. As a file it is lines of JSON, in this order:
//
//	{"sallyport_log_bundle":1,"origin":…,"key":…,"made":…,"what":…,"entries":N}
//	{"older":{"head":…,"proof":[…]}}            an earlier head, and the proof that the last one continues it; any number, by rising size
//	{"entry":{…},"data":{"salt":…,"fields":[…]}} an entry in its canonical form, by rising sequence number; data only where personal data is disclosed
//	{"head":…,"proof":[…]}                      the head that all is proved under, and the hashes of the tree that the entries do not give
//
// key is Fingerprint of the log's verifier key; heads are signed notes (the
// older ones with cosignatures, where there are any); hashes are in base64, a
// salt in hexadecimal; a field is {"name":…,"text":…} or {"name":…,"base64":…}.
//
// The proof is for all entries together. It is read by descent through the tree
// of RFC 6962 §2.1, left before right: a subtree that holds no entry of the
// bundle and is complete is the next hash of the proof; one that is not complete
// is its two parts.
type Bundle struct {
	Key     string // the log's verifier key
	What    string // what was asked for, in words that name no vehicle
	Made    time.Time
	Older   []OlderHead
	Entries []BundleEntry // by rising sequence number
	Head    []byte        // signed by the log, over all entries
}

// OlderHead is an earlier head of the log.
type OlderHead struct {
	Signed []byte // by the log, perhaps by witnesses
	Proof  []Hash // that the bundle's head continues it
}

// BundleEntry is one entry of a bundle.
type BundleEntry struct {
	Seq  int64
	Data []byte // canonical form
	Disclosed
}

// Disclosed is the personal data that an entry commits to; the zero Disclosed
// where it stays where it is, or is gone.
type Disclosed struct {
	Salt   []byte
	Fields []Field
}

// Field is one column of personal data.
type Field struct {
	Name  string
	Value []byte
}

// Fingerprint is the SHA-256 of a verifier key's text, in hexadecimal.
func Fingerprint(verifierKey string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(verifierKey)))
	return hex.EncodeToString(sum[:])
}

// The lines of a bundle.
type (
	bundleHeader struct {
		Version int       `json:"sallyport_log_bundle"`
		Origin  string    `json:"origin"`
		Key     string    `json:"key"`
		Made    time.Time `json:"made"`
		What    string    `json:"what"`
		Entries int64     `json:"entries"`
	}
	bundleLine struct {
		Older *bundleHead     `json:"older,omitempty"`
		Entry json.RawMessage `json:"entry,omitempty"`
		Data  *bundleData     `json:"data,omitempty"`
		Head  string          `json:"head,omitempty"`
		Proof []Hash          `json:"proof,omitempty"`
	}
	bundleHead struct {
		Head  string `json:"head"`
		Proof []Hash `json:"proof"`
	}
	bundleData struct {
		Salt   string        `json:"salt"`
		Fields []bundleField `json:"fields"`
	}
	bundleField struct {
		Name   string  `json:"name"`
		Text   *string `json:"text,omitempty"`
		Base64 []byte  `json:"base64,omitempty"`
	}
)

const bundleVersion = 1

// MakeBundle proves the bundle's entries with the hashes of the log and writes
// it. The head must cover every entry.
func MakeBundle(w io.Writer, r HashReader, b Bundle) error {
	key, err := NewVerifier(b.Key)
	if err != nil {
		return err
	}
	head, err := OpenCheckpoint(b.Head, key)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	seqs := make([]int64, len(b.Entries))
	for i, e := range b.Entries {
		if seqs[i] = e.Seq; e.Seq < 0 || e.Seq >= head.Size || i > 0 && e.Seq <= seqs[i-1] {
			return fmt.Errorf("bundle: entry %d is out of order, or not under the head of %d entries", e.Seq, head.Size)
		}
	}
	proof, err := proveSet(r, head.Size, seqs)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	out := bufio.NewWriter(w)
	line := func(v any) error {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false) // an entry keeps its bytes
		return enc.Encode(v)
	}
	if err := line(bundleHeader{bundleVersion, key.Name(), Fingerprint(b.Key), b.Made.UTC(), b.What, int64(len(b.Entries))}); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	for _, o := range b.Older {
		if err := line(bundleLine{Older: &bundleHead{string(o.Signed), append([]Hash{}, o.Proof...)}}); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
	}
	for _, e := range b.Entries {
		l := bundleLine{Entry: e.Data}
		if e.Salt != nil {
			l.Data = &bundleData{Salt: hex.EncodeToString(e.Salt), Fields: []bundleField{}}
			for _, f := range e.Fields {
				field := bundleField{Name: f.Name, Base64: f.Value}
				if text := string(f.Value); utf8.Valid(f.Value) {
					field.Text, field.Base64 = &text, nil
				}
				l.Data.Fields = append(l.Data.Fields, field)
			}
		}
		if err := line(l); err != nil {
			return fmt.Errorf("bundle: entry %d: %w", e.Seq, err)
		}
	}
	if err := line(bundleLine{Head: string(b.Head), Proof: proof}); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return out.Flush()
}

// part is the power of two at which a subtree of so many entries is split.
func part(n int64) int64 {
	k := int64(1)
	for k*2 < n {
		k *= 2
	}
	return k
}

// proveSet gives the hashes of the tree that the entries do not give.
func proveSet(r HashReader, size int64, seqs []int64) ([]Hash, error) {
	var indexes []int64
	var walk func(lo, hi int64, seqs []int64)
	walk = func(lo, hi int64, seqs []int64) {
		switch n := hi - lo; {
		case n < 1:
		case len(seqs) == 0 && n&(n-1) == 0:
			level := 0
			for ; n > 1; n /= 2 {
				level++
			}
			indexes = append(indexes, tlog.StoredHashIndex(level, lo>>level))
		case n == 1:
		default:
			mid := lo + part(n)
			i, _ := slices.BinarySearch(seqs, mid)
			walk(lo, mid, seqs[:i])
			walk(mid, hi, seqs[i:])
		}
	}
	walk(0, size, seqs)
	if len(indexes) == 0 {
		return nil, nil
	}
	return r.ReadHashes(indexes)
}

// leaf is an entry of a bundle in the tree.
type leaf struct {
	seq  int64
	hash Hash
}

// rootOfSet is the root of the tree of that size that the entries and the proof
// give. The entries are below size, and rise.
func rootOfSet(size int64, leaves []leaf, proof []Hash) (Hash, bool) {
	ok := true
	var walk func(lo, hi int64, leaves []leaf) Hash
	walk = func(lo, hi int64, leaves []leaf) Hash {
		switch n := hi - lo; {
		case !ok:
			return Hash{}
		case len(leaves) == 0 && n&(n-1) == 0:
			if len(proof) == 0 {
				ok = false
				return Hash{}
			}
			h := proof[0]
			proof = proof[1:]
			return h
		case n == 1:
			return leaves[0].hash
		default:
			mid := lo + part(n)
			i, _ := slices.BinarySearchFunc(leaves, mid, func(l leaf, seq int64) int { return int(min(max(l.seq-seq, -1), 1)) })
			left := walk(lo, mid, leaves[:i])
			return tlog.NodeHash(left, walk(mid, hi, leaves[i:]))
		}
	}
	if size == 0 {
		return root(nil), len(proof) == 0 && len(leaves) == 0
	}
	h := walk(0, size, leaves)
	return h, ok && len(proof) == 0
}

// BundleReport is what a bundle proves.
type BundleReport struct {
	What      string        `json:"what"`
	Made      time.Time     `json:"made"`
	Key       string        `json:"key"` // fingerprint of the key that it was checked with
	Head      Checkpoint    `json:"head"`
	Older     []Checkpoint  `json:"older,omitempty"` // that the head continues
	Seen      []Cosignature `json:"seen,omitempty"`  // by whom the newest cosigned head was seen
	Entries   int64         `json:"entries"`
	Disclosed int64         `json:"disclosed"` // entries whose personal data is there, and is what was committed to
	Withheld  int64         `json:"withheld"`  // entries that commit to personal data that is not there
}

// A BundleError says what of a bundle does not fit, and in which line.
type BundleError struct {
	Line int
	Err  error
}

// Error names the line.
func (e *BundleError) Error() string { return fmt.Sprintf("bundle, line %d: %v", e.Line, e.Err) }

// Unwrap is the fault itself.
func (e *BundleError) Unwrap() error { return e.Err }

// maxBundleLine bounds a line of a bundle, in bytes: a photograph fits.
const maxBundleLine = 32 << 20

// CheckBundle reads a bundle and checks every word of it against the log's
// verifier key and those of the witnesses that are known. Whatever does not fit
// is a *BundleError, and then nothing is proved.
func CheckBundle(r io.Reader, verifierKey string, witnesses ...note.Verifier) (rep BundleReport, err error) {
	key, err := NewVerifier(verifierKey)
	if err != nil {
		return rep, err
	}
	c := bundleCheck{key: key, witnesses: witnesses, rep: BundleReport{Key: Fingerprint(verifierKey)}}
	lines := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := readBundleLine(lines)
		if errors.Is(err, io.EOF) {
			if !c.done {
				return BundleReport{}, &BundleError{n, errors.New("the bundle is cut off: no head at its end")}
			}
			return c.rep, nil
		}
		if err == nil {
			err = c.line(n, line)
		}
		if err != nil {
			return BundleReport{}, &BundleError{n, err}
		}
	}
}

// readBundleLine reads up to the next line feed; io.EOF where nothing is left.
func readBundleLine(r *bufio.Reader) (line []byte, err error) {
	for {
		piece, err := r.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case len(line) > maxBundleLine:
			return nil, fmt.Errorf("longer than %d bytes", maxBundleLine)
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, errors.New("the line is cut off")
		default:
			return nil, err
		}
	}
}

// strict reads JSON that holds what v knows, and nothing else.
func strict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.InputOffset() != int64(len(data)) {
		return errors.New("something follows the object")
	}
	return nil
}

type bundleCheck struct {
	key       note.Verifier
	witnesses []note.Verifier
	rep       BundleReport
	entries   int64 // as the first line says
	leaves    []leaf
	older     []OlderHead
	done      bool
}

func (c *bundleCheck) line(n int, data []byte) error {
	if n == 1 {
		return c.header(data)
	}
	var l bundleLine
	if err := strict(data, &l); err != nil {
		return err
	}
	kinds := 0
	for _, there := range []bool{l.Older != nil, l.Entry != nil, l.Head != ""} {
		if there {
			kinds++
		}
	}
	switch {
	case c.done:
		return errors.New("something follows the head")
	case kinds != 1 || l.Data != nil && l.Entry == nil || l.Proof != nil && l.Head == "":
		return errors.New("neither an older head, nor an entry, nor the head")
	case l.Older != nil && len(c.leaves) > 0:
		return errors.New("an older head after the first entry")
	case l.Older != nil:
		if len(c.older) >= maxOlder || len(l.Older.Proof) > maxProof {
			return fmt.Errorf("more than %d older heads, or a proof that is too long", maxOlder)
		}
		c.older = append(c.older, OlderHead{[]byte(l.Older.Head), l.Older.Proof})
		return nil
	case l.Entry != nil:
		return c.entry(l)
	}
	return c.finish(l)
}

// maxOlder bounds the older heads of one bundle.
const maxOlder = 1000

func (c *bundleCheck) header(data []byte) error {
	var h bundleHeader
	if err := strict(data, &h); err != nil {
		return fmt.Errorf("not a bundle: %w", err)
	}
	switch {
	case h.Version != bundleVersion:
		return fmt.Errorf("a bundle of version %d; this program reads version %d", h.Version, bundleVersion)
	case h.Key != c.rep.Key:
		return fmt.Errorf("made by the log with the key %.16s… of %s, and you brought %.16s… of %s", h.Key, h.Origin, c.rep.Key, c.key.Name())
	case h.Origin != c.key.Name():
		return fmt.Errorf("of %q, and the key is of %q", h.Origin, c.key.Name())
	case h.Entries < 0:
		return errors.New("a bundle of less than nothing")
	}
	c.entries, c.rep.What, c.rep.Made = h.Entries, h.What, h.Made
	return nil
}

func (c *bundleCheck) entry(l bundleLine) error {
	e, err := DecodeEntry(l.Entry)
	if err != nil {
		return err
	}
	if n := len(c.leaves); e.Seq < 0 || n > 0 && e.Seq <= c.leaves[n-1].seq {
		return fmt.Errorf("entry %d is out of order", e.Seq)
	}
	c.leaves = append(c.leaves, leaf{e.Seq, tlog.RecordHash(l.Entry)})
	switch {
	case l.Data == nil && e.Commit != nil:
		c.rep.Withheld++
		return nil
	case l.Data == nil:
		return nil
	case e.Commit == nil:
		return fmt.Errorf("entry %d commits to no personal data, and the bundle brings some", e.Seq)
	}
	salt, err := hex.DecodeString(l.Data.Salt)
	if err != nil || len(salt) != SaltSize {
		return fmt.Errorf("the salt of entry %d is damaged", e.Seq)
	}
	fields := make([][]byte, len(l.Data.Fields))
	for i, f := range l.Data.Fields {
		if fields[i] = f.Base64; f.Text != nil {
			if fields[i] = []byte(*f.Text); f.Base64 != nil {
				return fmt.Errorf("field %s of entry %d is there twice", f.Name, e.Seq)
			}
		}
	}
	if Commit([SaltSize]byte(salt), fields...) != *e.Commit {
		return fmt.Errorf("the personal data of entry %d is not what it commits to", e.Seq)
	}
	c.rep.Disclosed++
	return nil
}

func (c *bundleCheck) finish(l bundleLine) error {
	head, err := OpenCheckpoint([]byte(l.Head), c.key)
	if err != nil {
		return err
	}
	if n := len(c.leaves); int64(n) != c.entries {
		return fmt.Errorf("the bundle has %d entries, and its first line says %d", n, c.entries)
	} else if n > 0 && c.leaves[n-1].seq >= head.Size {
		return fmt.Errorf("entry %d is not under the head of %d entries", c.leaves[n-1].seq, head.Size)
	}
	if root, ok := rootOfSet(head.Size, c.leaves, l.Proof); !ok || root != head.Root {
		return fmt.Errorf("the entries are not those of the log that was signed with %d entries", head.Size)
	}
	for _, o := range c.older {
		old, err := OpenCosigned(o.Signed, c.key, c.witnesses...)
		if err != nil {
			return fmt.Errorf("older head: %w", err)
		}
		if n := len(c.rep.Older); n > 0 && old.Size < c.rep.Older[n-1].Size {
			return errors.New("the older heads are not in order")
		}
		if old.Size > 0 {
			if err := CheckConsistency(o.Proof, head, old.Checkpoint); err != nil {
				return err
			}
		}
		c.rep.Older = append(c.rep.Older, old.Checkpoint)
		if old.SeenBy() {
			c.rep.Seen = old.Seen
		}
	}
	c.rep.Head, c.rep.Entries, c.done = head, c.entries, true
	return nil
}
