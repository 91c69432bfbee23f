package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sallyport/gate"
	"sallyport/gate/translog"
)

// Outside is what is known of a log outside its own directory. The zero Outside
// is nothing.
type Outside struct {
	Witnesses []note.Verifier // whose cosignatures count
	Dir       string          // where heads are handed to a witness, on what can be taken out; it need not be there
	Heads     [][]byte        // signed heads that somebody brings: from paper, from a stick
}

// headEnd ends each head in a file of heads.
const headEnd = "\n"

// readNotes reads a file of signed notes, and how many bytes they take. A note
// that a crash cut off while it was written is the last; it is passed over, and
// the next one written over it.
func readNotes(path string) (notes [][]byte, size int64, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("heads kept outside: %w", err)
	}
	for {
		// A note is text, a blank line, signatures; another blank line ends it.
		rest := data[size:]
		text := bytes.Index(rest, []byte("\n\n"))
		if text < 0 {
			return notes, size, nil
		}
		sigs := bytes.Index(rest[text+2:], []byte("\n\n"))
		if sigs < 0 {
			return notes, size, nil
		}
		end := text + 2 + sigs + 1
		notes = append(notes, rest[:end:end])
		size += int64(end + len(headEnd))
	}
}

// addNote adds a note to the end of a file of notes, durably.
func addNote(path string, whole int64, signed []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep head: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(whole); err != nil {
		return fmt.Errorf("keep head: %w", err)
	}
	if _, err := f.WriteAt(append(bytes.Clone(signed), headEnd...), whole); err != nil {
		return fmt.Errorf("keep head: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("keep head: %w", err)
	}
	return nil
}

// KeepHead writes the last signed head to a file beside the database, where an
// older copy of the database put in its place does not take it along. Verify
// compares the log with every head kept there. It is durable on return. Called
// again without new entries it does nothing.
func (s *Store) KeepHead(ctx context.Context) (err error) {
	last, err := s.Checkpoints(ctx, 1)
	if err != nil || len(last) == 0 {
		return err
	}
	path := filepath.Join(s.dir, fileHead)
	kept, whole, err := readNotes(path)
	if err != nil {
		return err
	}
	if n := len(kept); n > 0 && bytes.Equal(kept[n-1], last[0].Signed) {
		return nil
	}
	return addNote(path, whole, last[0].Signed)
}

// gathered are the heads kept outside the database, each with the log's
// signature alone, and what of them cannot be read.
type gathered struct {
	heads   [][]byte
	misfits []translog.Misfit
	seen    translog.CosignedHead // the last that a known witness cosigned
}

// gather reads the heads beside the database and those of o.
func gather(dir string, key note.Verifier, o Outside) (g gathered, err error) {
	take := func(where string, mustBeSeen bool, notes ...[]byte) {
		for i, signed := range notes {
			h, err := translog.OpenCosigned(signed, key, o.Witnesses...)
			if err == nil && mustBeSeen && !h.SeenBy() {
				err = errors.New("no witness that this site knows has cosigned it")
			}
			if err != nil {
				g.misfits = append(g.misfits, translog.Misfit{Seq: translog.Beside, What: fmt.Sprintf("%s, head %d of %d: not signed by this log's key and its witness, or changed: %v", where, i+1, len(notes), err)})
				continue
			}
			if g.heads = append(g.heads, h.Log); h.SeenBy() && h.Size >= g.seen.Size {
				g.seen = h
			}
		}
	}
	for _, f := range []struct {
		name string
		seen bool
	}{{fileHead, false}, {fileCosigned, len(o.Witnesses) > 0}} {
		notes, _, err := readNotes(filepath.Join(dir, f.name))
		if err != nil {
			return g, err
		}
		take(f.name, f.seen, notes...)
	}
	for i, signed := range o.Heads {
		take(fmt.Sprintf("head %d that was brought", i+1), false, signed)
	}
	for _, path := range []string{o.headFile(key), o.cosignedFile(key)} {
		data, err := os.ReadFile(path)
		if path == "" || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && path == o.headFile(key) {
			var r translog.WitnessRequest
			r, err = translog.ParseWitnessRequest(data)
			data = r.Head
		}
		if err != nil {
			g.misfits = append(g.misfits, translog.Misfit{Seq: translog.Beside, What: fmt.Sprintf("%s cannot be read: %v", path, err)})
			continue
		}
		take(path, false, data)
	}
	return g, nil
}

// fileBase is the name of a log in names of files.
func fileBase(key note.Verifier) string { return strings.ReplaceAll(key.Name(), "/", "-") }

func (o Outside) headFile(key note.Verifier) string {
	if o.Dir == "" {
		return ""
	}
	return filepath.Join(o.Dir, fileBase(key)+".head")
}

func (o Outside) cosignedFile(key note.Verifier) string {
	if o.Dir == "" {
		return ""
	}
	return filepath.Join(o.Dir, fileBase(key)+".cosigned")
}

// WitnessedBy says what is known of the log outside the site. It is called
// before the store is used.
func (s *Store) WitnessedBy(o Outside) {
	s.headMu.Lock()
	defer s.headMu.Unlock()
	s.outside = o
}

func (s *Store) knownOutside() Outside {
	s.headMu.Lock()
	defer s.headMu.Unlock()
	return s.outside
}

// ErrNotContinued says that a head signed with this log's key is not one that
// this log continues: the database is an older copy, or another.
var ErrNotContinued = errors.New("the log does not continue it")

// continues checks that a head is one that this log had.
func (s *Store) continues(ctx context.Context, head translog.Checkpoint) error {
	size := s.currentHead().size
	if head.Size > size {
		return fmt.Errorf("a head of %d entries signed at %s, and the log has %d: %w", head.Size, head.At.Format(time.RFC3339), size, ErrNotContinued)
	}
	root, err := translog.Root(s.Hashes(ctx), head.Size)
	if err != nil {
		return err
	}
	if root != head.Root {
		return fmt.Errorf("a head of %d entries signed at %s: %w", head.Size, head.At.Format(time.RFC3339), ErrNotContinued)
	}
	return nil
}

// MeetWitness hands the last head to the witness, where its directory is there,
// and takes back what the witness has cosigned. Both are files named after the
// log: NAME.head, a request to a witness with the proof that the head continues
// the one cosigned last, and NAME.cosigned. A head that lies there already, and
// that this log does not continue, is ErrNotContinued, and is left there. It is
// called by one goroutine at a time.
func (s *Store) MeetWitness(ctx context.Context, at time.Time) error {
	o := s.knownOutside()
	if info, err := os.Stat(o.Dir); o.Dir == "" || err != nil || !info.IsDir() {
		return nil
	}
	key, err := translog.NewVerifier(s.verifierKey)
	if err != nil {
		return err
	}
	last, err := s.Checkpoints(ctx, 1)
	if err != nil || len(last) == 0 {
		return err
	}
	there, err := os.ReadFile(o.headFile(key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("witness: %w", err)
	default:
		r, err := translog.ParseWitnessRequest(there)
		if err != nil {
			return fmt.Errorf("witness: %s: %w", o.headFile(key), err)
		}
		head, err := translog.OpenCheckpoint(r.Head, key)
		if err != nil {
			return fmt.Errorf("witness: %s: %w", o.headFile(key), err)
		}
		if err := s.continues(ctx, head); err != nil {
			return fmt.Errorf("witness: %s: %w", o.headFile(key), err)
		}
	}
	refused := s.takeCosigned(ctx, key, o, at)
	seen, err := s.lastCosigned(key, o)
	if err != nil {
		return errors.Join(refused, err)
	}
	r := translog.WitnessRequest{Old: seen.Size, Head: last[0].Signed}
	if seen.Size > 0 {
		if r.Proof, err = translog.ProveConsistency(s.Hashes(ctx), last[0].Size, seen.Size); err != nil {
			return errors.Join(refused, fmt.Errorf("witness: %w", err))
		}
	}
	if text := r.Text(); !bytes.Equal(text, there) {
		if err := replaceFile(o.headFile(key), text); err != nil {
			return errors.Join(refused, fmt.Errorf("witness: %w", err))
		}
	}
	return refused
}

// replaceFile puts a whole file in place of another.
func replaceFile(path string, data []byte) error {
	part := path + ".part"
	if err := writeFile(part, string(data), 0o644); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// lastCosigned is the last head that a known witness cosigned and the site
// keeps; a zero one when there is none.
func (s *Store) lastCosigned(key note.Verifier, o Outside) (last translog.CosignedHead, err error) {
	notes, _, err := readNotes(filepath.Join(s.dir, fileCosigned))
	if err != nil {
		return last, err
	}
	for _, signed := range notes {
		if h, err := translog.OpenCosigned(signed, key, o.Witnesses...); err == nil && h.SeenBy() && h.Size >= last.Size {
			last = h
		}
	}
	return last, nil
}

// takeCosigned keeps the head that the witness has cosigned, and logs it.
func (s *Store) takeCosigned(ctx context.Context, key note.Verifier, o Outside, at time.Time) error {
	data, err := os.ReadFile(o.cosignedFile(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	path := filepath.Join(s.dir, fileCosigned)
	notes, whole, err := readNotes(path)
	if err != nil {
		return err
	}
	for _, n := range notes {
		if bytes.Equal(n, data) {
			return nil
		}
	}
	h, err := translog.OpenCosigned(data, key, o.Witnesses...)
	switch {
	case err == nil && !h.SeenBy():
		err = errors.New("cosigned by nobody whom site.toml names")
	case err == nil:
		err = s.continues(ctx, h.Checkpoint)
	}
	if err != nil {
		return fmt.Errorf("witness: %s is refused: %w", o.cosignedFile(key), err)
	}
	if err := addNote(path, whole, data); err != nil {
		return err
	}
	var by []string
	for _, c := range h.Seen {
		if c.Known {
			by = append(by, c.Name+" at "+c.At.Format(time.RFC3339))
		}
	}
	return s.RecordEvent(ctx, gate.Event{Kind: gate.EventWitness, At: at, Detail: fmt.Sprintf("head of %d entries cosigned by %s", h.Size, strings.Join(by, ", "))})
}

// WitnessRequest asks a witness to cosign the last head, with the proof that it
// continues the older one; nil is none.
func (r *Reader) WitnessRequest(ctx context.Context, old []byte) (req translog.WitnessRequest, err error) {
	text, err := readVerifierKey(r.s.dir)
	if err != nil {
		return req, err
	}
	key, err := translog.NewVerifier(text)
	if err != nil {
		return req, err
	}
	last, err := r.s.Checkpoints(ctx, 1)
	if err != nil {
		return req, err
	}
	if len(last) == 0 {
		return req, fmt.Errorf("head: %w", ErrNotFound)
	}
	req.Head = last[0].Signed
	if old == nil {
		return req, nil
	}
	before, err := translog.OpenCosigned(old, key)
	if err != nil {
		return req, err
	}
	head, err := translog.OpenCheckpoint(req.Head, key)
	if err != nil {
		return req, err
	}
	if err := sameAt(r.s.Hashes(ctx), head, before.Checkpoint); err != nil {
		return req, err
	}
	req.Old = before.Size
	if before.Size > 0 {
		req.Proof, err = translog.ProveConsistency(r.s.Hashes(ctx), head.Size, before.Size)
	}
	return req, err
}
