package translog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Reader is a whole log and its rows, as of one moment: all four sequences
// belong to the same snapshot. They are read in step, so they may be open at
// the same time. Whatever is stored is handed on as it is; only a failure to
// read is an error.
type Reader interface {
	// Entries are the entries, by rising sequence number.
	Entries() iter.Seq2[StoredEntry, error]
	// Hashes are the hashes, by rising index.
	Hashes() iter.Seq2[StoredHash, error]
	// Checkpoints are the signed checkpoints, by rising size.
	Checkpoints() iter.Seq2[StoredCheckpoint, error]
	// Rows are the rows that hold records, of all tables, by rising sequence
	// number of their entries.
	Rows() iter.Seq2[Row, error]
}

// StoredEntry is an entry as it lies in the store.
type StoredEntry struct {
	Seq  int64
	Data []byte
}

// StoredHash is a hash as it lies in the store.
type StoredHash struct {
	Index int64
	Hash  []byte
}

// StoredCheckpoint is a checkpoint as it lies in the store.
type StoredCheckpoint struct {
	Size   int64
	Signed []byte
}

// Row is a record as it lies in the store: the entry that its columns claim
// to belong to, and its personal data.
type Row struct {
	Claims Entry    // all but Commit, rebuilt from the columns
	Damage string   // a column that cannot be read, in words; empty is none
	Erased bool     // salt and data are gone
	Salt   []byte   // SaltSize bytes
	Fields [][]byte // the personal data, in the order in which it was committed to; nil when the table holds none
}

// Misfit is one thing that does not fit, and the first entry it concerns; Beside
// where it concerns none.
type Misfit struct {
	Seq  int64  `json:"seq"`
	What string `json:"what"`
}

// Beside is the Seq of a Misfit that lies beside the entries: in heads kept
// elsewhere, or in the database as a whole.
const Beside = -1

// String is the misfit as people are told of it.
func (m Misfit) String() string {
	if m.Seq == Beside {
		return "beside the entries: " + m.What
	}
	return fmt.Sprintf("entry %d: %s", m.Seq, m.What)
}

// Report is the result of Verify.
type Report struct {
	Entries     int64      `json:"entries"`
	Rows        int64      `json:"rows"`
	Erased      int64      `json:"erased"` // rows whose personal data has been erased
	Checkpoints int64      `json:"checkpoints"`
	Head        Checkpoint `json:"head"`              // the last checkpoint that fits
	Misfits     []Misfit   `json:"misfits,omitempty"` // by rising sequence number, at most 100
}

// maxMisfits bounds a report: a log that was rewritten misfits everywhere.
const maxMisfits = 100

// Clean tells whether everything fits.
func (r Report) Clean() bool { return len(r.Misfits) == 0 }

// First is the first misfit; only to be called when the report is not clean.
func (r Report) First() Misfit { return r.Misfits[0] }

// errStop ends a walk that can tell nothing more.
var errStop = errors.New("stop")

// Verify reads the whole log, computes every hash again, checks every
// checkpoint's signature and root, and checks that entries and rows belong to
// each other one to one and that every row that still has its data matches its
// commitment. Outside are checkpoints kept elsewhere (a file, paper, the hub);
// a log that was cut off or replaced by an older copy does not fit them. The
// error is a failure to read, never a finding.
func Verify(r Reader, key note.Verifier, outside ...[]byte) (Report, error) {
	v := verifier{key: key, lastBad: -1, erasedBy: make(map[int64]int64), erasedRows: make(map[int64]bool)}
	for _, signed := range outside {
		c, err := OpenCheckpoint(signed, key)
		if err != nil {
			v.misfit(0, "a checkpoint kept outside the store is not signed by this log's key: %v", err)
			continue
		}
		v.outside = append(v.outside, c)
	}
	slices.SortStableFunc(v.outside, func(a, b Checkpoint) int { return cmp.Compare(a.Size, b.Size) })

	var stop func()
	v.hashes, stop = pull(r.Hashes())
	defer stop()
	v.checkpoints, stop = pull(r.Checkpoints())
	defer stop()
	v.rows, stop = pull(r.Rows())
	defer stop()
	err := v.walk(r.Entries())
	if err != nil && !errors.Is(err, errStop) {
		return Report{}, err
	}
	slices.SortStableFunc(v.report.Misfits, func(a, b Misfit) int { return cmp.Compare(a.Seq, b.Seq) })
	return v.report, nil
}

// cursor is a sequence with one element looked ahead.
type cursor[T any] struct {
	next func() (T, error, bool)
	head T
	ok   bool
}

func pull[T any](seq iter.Seq2[T, error]) (*cursor[T], func()) {
	next, stop := iter.Pull2(seq)
	return &cursor[T]{next: next}, stop
}

func (c *cursor[T]) advance() error {
	v, err, ok := c.next()
	c.head, c.ok = v, ok && err == nil
	return err
}

// subtree is the root of a complete subtree of 2^level entries.
type subtree struct {
	level int
	hash  Hash
}

type verifier struct {
	key         note.Verifier
	outside     []Checkpoint
	hashes      *cursor[StoredHash]
	checkpoints *cursor[StoredCheckpoint]
	rows        *cursor[Row]

	report     Report
	frontier   []subtree // complete subtrees, largest first: the tree so far
	index      int64     // of the next stored hash
	noHashes   bool      // the stored hashes have a gap: the rest is not compared
	covered    int64     // entries under the last good checkpoint
	bad        []int64   // the first entries found changed or missing, rising
	lastBad    int64     // the last such entry; -1 is none
	erasedBy   map[int64]int64
	erasedRows map[int64]bool
}

func (v *verifier) misfit(seq int64, format string, args ...any) {
	m := Misfit{Seq: seq, What: fmt.Sprintf(format, args...)}
	if len(v.report.Misfits) < maxMisfits {
		v.report.Misfits = append(v.report.Misfits, m)
		return
	}
	// Keep the lowest: the report names the first entry that does not fit.
	last := &v.report.Misfits[maxMisfits-1]
	for i := range v.report.Misfits {
		if v.report.Misfits[i].Seq > last.Seq {
			last = &v.report.Misfits[i]
		}
	}
	if m.Seq < last.Seq {
		*last = m
	}
}

// spoil notes an entry that was changed or is missing, so that what follows
// from it is not blamed on others.
func (v *verifier) spoil(seq int64) {
	if seq == v.lastBad {
		return
	}
	v.lastBad = seq
	if len(v.bad) < 10*maxMisfits {
		v.bad = append(v.bad, seq)
	}
}

// blame is the entry that explains why erasures concerning seq do not fit: the
// first changed or missing one after it, or else seq itself.
func (v *verifier) blame(seq int64) int64 {
	i, _ := slices.BinarySearch(v.bad, seq+1)
	if i < len(v.bad) {
		return v.bad[i]
	}
	return seq
}

func (v *verifier) walk(entries iter.Seq2[StoredEntry, error]) error {
	for _, advance := range []func() error{v.hashes.advance, v.checkpoints.advance, v.rows.advance} {
		if err := advance(); err != nil {
			return err
		}
	}
	if err := v.checkpointsAt(0); err != nil {
		return err
	}
	for stored, err := range entries {
		if err != nil {
			return err
		}
		n := v.report.Entries
		if stored.Seq != n {
			v.spoil(n)
			v.misfit(n, "entry %d is missing: the next one stored is %d", n, stored.Seq)
			return errStop
		}
		v.report.Entries++
		if err := v.hash(n, stored.Data); err != nil {
			return err
		}
		if err := v.content(n, stored.Data); err != nil {
			return err
		}
		if err := v.checkpointsAt(n + 1); err != nil {
			return err
		}
	}
	return v.finish()
}

// hash takes the entry into the tree and compares the hashes it completes.
func (v *verifier) hash(n int64, data []byte) error {
	s := subtree{0, tlog.RecordHash(data)}
	for {
		if err := v.compare(n, s); err != nil {
			return err
		}
		top := len(v.frontier) - 1
		if top < 0 || v.frontier[top].level != s.level {
			break
		}
		s = subtree{s.level + 1, tlog.NodeHash(v.frontier[top].hash, s.hash)}
		v.frontier = v.frontier[:top]
	}
	v.frontier = append(v.frontier, s)
	return nil
}

// compare compares a computed hash with the stored one.
func (v *verifier) compare(n int64, s subtree) error {
	if v.noHashes {
		return nil
	}
	if !v.hashes.ok || v.hashes.head.Index != v.index {
		v.misfit(n, "stored hash %d, completed by entry %d, is missing", v.index, n)
		v.noHashes = true
		return nil
	}
	if !bytes.Equal(v.hashes.head.Hash, s.hash[:]) {
		first := n - (int64(1)<<s.level - 1)
		switch {
		case s.level == 0:
			v.spoil(n)
			v.misfit(n, "entry %d does not match its stored hash: entry or hash was changed", n)
		case v.lastBad < first: // else it follows from what was found below
			v.misfit(first, "the stored hash over entries %d to %d does not match them", first, n)
		}
	}
	v.index++
	return v.hashes.advance()
}

// content checks what the entry says, and the row that belongs to it.
func (v *verifier) content(n int64, data []byte) error {
	e, err := DecodeEntry(data)
	if err != nil {
		v.spoil(n)
		v.misfit(n, "entry %d cannot be read: %v", n, err)
		return v.skipRows(n)
	}
	if e.Seq != n {
		v.spoil(n)
		v.misfit(n, "entry %d says that it is entry %d", n, e.Seq)
	}
	if e.Kind == KindErased {
		var what Erasure
		if err := json.Unmarshal(e.Body, &what); err != nil {
			v.misfit(n, "entry %d does not say what it erased: %v", n, err)
		}
		for _, seq := range what.Seqs {
			if seq < 0 || seq >= n {
				v.misfit(n, "entry %d erases entry %d, which does not come before it", n, seq)
				continue
			}
			v.erasedBy[seq] = n
		}
	}
	for v.rows.ok && v.rows.head.Claims.Seq < n {
		v.misfit(max(v.rows.head.Claims.Seq, 0), "a row of table %s claims entry %d, which has its row already or cannot have one",
			v.rows.head.Claims.Row, v.rows.head.Claims.Seq)
		if err := v.rows.advance(); err != nil {
			return err
		}
	}
	if e.Row == "" {
		return nil
	}
	if !v.rows.ok || v.rows.head.Claims.Seq != n {
		v.misfit(n, "the row of entry %d in table %s is missing", n, e.Row)
		return nil
	}
	v.row(e, v.rows.head)
	return v.rows.advance()
}

// skipRows passes over the rows of an entry that cannot be read.
func (v *verifier) skipRows(n int64) error {
	for v.rows.ok && v.rows.head.Claims.Seq <= n {
		if err := v.rows.advance(); err != nil {
			return err
		}
	}
	return nil
}

// row compares a row with its entry.
func (v *verifier) row(e Entry, r Row) {
	v.report.Rows++
	n := e.Seq
	c := r.Claims
	for _, col := range []struct {
		name string
		same bool
	}{
		{"table", c.Row == e.Row},
		{"kind", c.Kind == e.Kind},
		{"instant", c.At.Equal(e.At)},
		{"lane", c.Lane == e.Lane},
		{"passage", c.Passage == e.Passage},
		{"content", bytes.Equal(c.Body, e.Body)},
	} {
		if !col.same {
			v.misfit(n, "the row of entry %d in table %s was changed: its %s is not what was logged", n, e.Row, col.name)
		}
	}
	switch {
	case r.Damage != "":
		v.misfit(n, "the row of entry %d in table %s was changed: %s", n, e.Row, r.Damage)
	case r.Erased && e.Commit == nil:
		v.misfit(n, "the row of entry %d says that personal data was erased, and never had any", n)
	case r.Erased:
		v.report.Erased++
		v.erasedRows[n] = true
	case e.Commit == nil && r.Fields == nil:
	case e.Commit == nil:
		v.misfit(n, "the row of entry %d holds personal data that was never logged", n)
	case len(r.Salt) != SaltSize:
		v.misfit(n, "the row of entry %d in table %s was changed: its salt has %d bytes", n, e.Row, len(r.Salt))
	case Commit([SaltSize]byte(r.Salt), r.Fields...) != *e.Commit:
		v.misfit(n, "the row of entry %d in table %s was changed: its data does not match the commitment", n, e.Row)
	}
}

// root is the root of the tree of these complete subtrees, largest first.
func root(frontier []subtree) Hash {
	if len(frontier) == 0 {
		root, _ := tlog.TreeHash(0, nil) // never fails for the empty tree
		return root
	}
	h := frontier[len(frontier)-1].hash
	for i := len(frontier) - 2; i >= 0; i-- {
		h = tlog.NodeHash(frontier[i].hash, h)
	}
	return h
}

// checkpointsAt checks the checkpoints of this size.
func (v *verifier) checkpointsAt(size int64) error {
	concerns := max(size-1, 0)
	for v.checkpoints.ok && v.checkpoints.head.Size <= size {
		stored := v.checkpoints.head
		v.report.Checkpoints++
		c, err := OpenCheckpoint(stored.Signed, v.key)
		switch {
		case err != nil:
			v.misfit(min(v.covered, concerns), "the checkpoint over entries 0 to %d is not signed by this log's key or was changed: %v", stored.Size-1, err)
		case c.Size != stored.Size || c.Size != size:
			v.misfit(min(v.covered, concerns), "the checkpoint kept for %d entries was signed for %d", stored.Size, c.Size)
		case c.Root != root(v.frontier) && v.lastBad >= v.covered:
			v.misfit(v.lastBad, "the entries do not add up to the checkpoint over entries 0 to %d", size-1)
		case c.Root != root(v.frontier):
			v.misfit(min(v.covered, concerns), "the entries do not add up to the checkpoint over entries 0 to %d: something from entry %d on was changed", size-1, v.covered)
		default:
			v.covered, v.report.Head = size, c
		}
		if err := v.checkpoints.advance(); err != nil {
			return err
		}
	}
	for len(v.outside) > 0 && v.outside[0].Size <= size {
		c := v.outside[0]
		v.outside = v.outside[1:]
		if c.Root != root(v.frontier) {
			v.misfit(concerns, "the log is not the one that was signed at %s with %d entries", c.At.Format("2006-01-02 15:04:05 UTC"), c.Size)
		}
	}
	return nil
}

// finish looks at what is left over.
func (v *verifier) finish() error {
	n := v.report.Entries
	cutOff := v.checkpoints.ok || len(v.outside) > 0
	if cutOff {
		v.spoil(n)
	}
	if v.checkpoints.ok {
		v.misfit(n, "entry %d is missing: a checkpoint was signed for %d entries, and the log has %d", n, v.checkpoints.head.Size, n)
	}
	for _, c := range v.outside {
		v.misfit(n, "entry %d is missing: %d entries were signed at %s, and the log has %d (cut off, or an older copy)",
			n, c.Size, c.At.Format("2006-01-02 15:04:05 UTC"), n)
	}
	switch {
	case v.covered < n && cutOff: // which is why
		v.misfit(n, "no valid checkpoint covers the entries from %d on", v.covered)
	case v.covered < n:
		v.misfit(max(v.covered, min(v.lastBad, n-1)), "no valid checkpoint covers the entries from %d on", v.covered)
	}
	if !v.noHashes && v.hashes.ok {
		v.misfit(n, "entry %d is missing: there is a stored hash (%d) beyond the end of the log", n, v.hashes.head.Index)
	}
	for v.rows.ok {
		v.misfit(max(v.rows.head.Claims.Seq, 0), "a row of table %s claims entry %d, which has its row already or cannot have one",
			v.rows.head.Claims.Row, v.rows.head.Claims.Seq)
		if err := v.rows.advance(); err != nil {
			return err
		}
	}
	for seq := range v.erasedRows {
		if _, logged := v.erasedBy[seq]; !logged {
			v.misfit(v.blame(seq), "the personal data of entry %d is gone, and no entry says that it was erased", seq)
		}
	}
	for seq, by := range v.erasedBy {
		if !v.erasedRows[seq] {
			culprit := seq
			if _, changed := slices.BinarySearch(v.bad, by); changed {
				culprit = by
			}
			v.misfit(culprit, "entry %d says that the personal data of entry %d was erased, and it is still there", by, seq)
		}
	}
	return nil
}
