package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
)

// LogExport chooses a part of the log. Of Seqs, Passage and the period one is
// given; none is no entry, which proves older heads only.
type LogExport struct {
	Seqs        []int64        // these entries
	Passage     gate.PassageID // all entries of a passage
	From, Until time.Time      // entries of [From, Until); a zero Until is no end
	Disclose    bool           // with the personal data that is still kept, and its salts
	Older       [][]byte       // earlier heads to prove beside those that witnesses cosigned
	Made        time.Time
	Witnesses   []string // verifier keys of the site's witnesses
}

// LogExported says what an export holds.
type LogExported struct {
	Entries   int
	Disclosed int
	Head      translog.Checkpoint
	What      string
}

// ErrNothing says that an export would hold nothing.
var ErrNothing = errors.New("no entry is of it")

// ExportLog writes a bundle (translog.Bundle) of the log as of now.
func (r *Reader) ExportLog(ctx context.Context, w io.Writer, e LogExport) (out LogExported, err error) {
	out, b, hashes, end, err := r.bundle(ctx, e)
	if err != nil {
		return out, fmt.Errorf("export of the log: %w", err)
	}
	defer func() { err = errors.Join(err, end()) }()
	if err := translog.MakeBundle(w, hashes, b); err != nil {
		return out, fmt.Errorf("export of the log: %w", err)
	}
	return out, nil
}

func (r *Reader) bundle(ctx context.Context, e LogExport) (out LogExported, b translog.Bundle, hashes translog.HashReader, end func() error, err error) {
	if b.Key, err = readVerifierKey(r.s.dir); err != nil {
		return out, b, nil, nil, err
	}
	key, err := translog.NewVerifier(b.Key)
	if err != nil {
		return out, b, nil, nil, err
	}
	o := Outside{}
	for _, text := range e.Witnesses {
		v, err := translog.NewWitness(text)
		if err != nil {
			return out, b, nil, nil, err
		}
		o.Witnesses = append(o.Witnesses, v)
	}
	tx, err := r.s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return out, b, nil, nil, err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // nothing was written
		}
	}()
	hashes = txHashes{ctx, tx}
	if err := tx.QueryRowContext(ctx, "SELECT signed FROM log_checkpoint ORDER BY size DESC LIMIT 1").Scan(&b.Head); err != nil {
		return out, b, nil, nil, found("head", err)
	}
	if out.Head, err = translog.OpenCheckpoint(b.Head, key); err != nil {
		return out, b, nil, nil, err
	}
	if out.What, b.Entries, err = r.chosen(ctx, tx, e, out.Head.Size); err != nil {
		return out, b, nil, nil, err
	}
	if e.Disclose {
		for i := range b.Entries {
			if b.Entries[i].Disclosed, err = disclosed(ctx, tx, b.Entries[i]); err != nil {
				return out, b, nil, nil, err
			}
			if b.Entries[i].Salt != nil {
				out.Disclosed++
			}
		}
	}
	older := slices.Clone(e.Older)
	if seen, err := r.s.lastCosigned(key, o); err == nil && seen.Size > 0 {
		notes, _, err := readNotes(filepath.Join(r.s.dir, fileCosigned))
		if err != nil {
			return out, b, nil, nil, err
		}
		for _, n := range notes {
			if bytes.HasPrefix(n, seen.Log) {
				older = append(older, n)
				break
			}
		}
	}
	for _, signed := range older {
		h, err := translog.OpenCosigned(signed, key, o.Witnesses...)
		if err != nil {
			return out, b, nil, nil, err
		}
		if err := sameAt(hashes, out.Head, h.Checkpoint); err != nil {
			return out, b, nil, nil, err
		}
		o := translog.OlderHead{Signed: signed}
		if h.Size > 0 {
			if o.Proof, err = translog.ProveConsistency(hashes, out.Head.Size, h.Size); err != nil {
				return out, b, nil, nil, err
			}
		}
		b.Older = append(b.Older, o)
	}
	slices.SortStableFunc(b.Older, func(x, y translog.OlderHead) int { return int(min(max(sizeOf(x.Signed)-sizeOf(y.Signed), -1), 1)) })
	b.What, b.Made = out.What, e.Made
	out.Entries = len(b.Entries)
	return out, b, hashes, tx.Rollback, nil
}

// sizeOf is the size that a head names.
func sizeOf(signed []byte) int64 {
	text, _, _ := strings.Cut(string(signed), "\n\n")
	c, err := translog.ParseCheckpoint(text + "\n")
	if err != nil {
		return 0
	}
	return c.Size
}

// sameAt checks that an older head is one that this log had.
func sameAt(hashes translog.HashReader, newest, older translog.Checkpoint) error {
	if older.Size > newest.Size {
		return fmt.Errorf("a head of %d entries signed at %s, and the log has %d: %w", older.Size, older.At.Format(time.RFC3339), newest.Size, ErrNotContinued)
	}
	root, err := translog.Root(hashes, older.Size)
	if err != nil {
		return err
	}
	if root != older.Root {
		return fmt.Errorf("a head of %d entries signed at %s: %w", older.Size, older.At.Format(time.RFC3339), ErrNotContinued)
	}
	return nil
}

// chosen are the entries below size that an export asks for.
func (r *Reader) chosen(ctx context.Context, tx *sql.Tx, e LogExport, size int64) (what string, list []translog.BundleEntry, err error) {
	read := func(query string, args ...any) ([]translog.StoredEntry, error) {
		return collect(scanEntry)(tx.QueryContext(ctx, query, args...))
	}
	var stored []translog.StoredEntry
	keep := func(translog.Entry) bool { return true }
	switch {
	case len(e.Seqs) > 0:
		what = "entries by number"
		for _, seq := range slices.Compact(slices.Sorted(slices.Values(e.Seqs))) {
			one, err := read("SELECT seq, entry FROM log WHERE seq = ?", seq)
			if err == nil && len(one) == 0 {
				err = fmt.Errorf("entry %d: %w", seq, gate.ErrNotFound)
			}
			if err != nil {
				return "", nil, err
			}
			stored = append(stored, one...)
		}
	case e.Passage != "":
		what = "passage " + string(e.Passage)
		keep = func(x translog.Entry) bool { return x.Passage == string(e.Passage) }
		stored, err = read("SELECT seq, entry FROM log WHERE instr(entry, ?) > 0 ORDER BY seq", string(e.Passage))
	case !e.From.IsZero() || !e.Until.IsZero():
		what = "from " + e.From.UTC().Format(time.RFC3339)
		until := "9999"
		if !e.Until.IsZero() {
			until = e.Until.UTC().Format(time.RFC3339)
			what += " until " + until
		}
		keep = func(x translog.Entry) bool {
			return !x.At.Before(e.From) && (e.Until.IsZero() || x.At.Before(e.Until))
		}
		stored, err = read("SELECT seq, entry FROM log WHERE substr(json_extract(entry, '$.at'), 1, 19) BETWEEN ? AND ? ORDER BY seq", e.From.UTC().Format("2006-01-02T15:04:05"), until)
	default:
		return "heads", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	for _, s := range stored {
		entry, err := translog.DecodeEntry(s.Data)
		if err != nil {
			return "", nil, fmt.Errorf("entry %d: %w", s.Seq, err)
		}
		if s.Seq < size && keep(entry) {
			list = append(list, translog.BundleEntry{Seq: s.Seq, Data: s.Data})
		}
	}
	if len(list) == 0 {
		return "", nil, fmt.Errorf("%s: %w", what, ErrNothing)
	}
	return what, list, nil
}

// disclosed is the personal data of an entry's row; nothing where it has none,
// or it was erased.
func disclosed(ctx context.Context, tx *sql.Tx, b translog.BundleEntry) (d translog.Disclosed, err error) {
	e, err := translog.DecodeEntry(b.Data)
	if err != nil || e.Commit == nil {
		return d, err
	}
	if _, known := recordForm[e.Row]; !known {
		return d, fmt.Errorf("entry %d: no table %q", b.Seq, e.Row)
	}
	// The columns of personal data follow the salt.
	names, err := collect(func(rows *sql.Rows) (n string, err error) { return n, rows.Scan(&n) })(tx.QueryContext(ctx,
		"SELECT name FROM pragma_table_info(?1) WHERE cid > (SELECT cid FROM pragma_table_info(?1) WHERE name = 'salt') ORDER BY cid", e.Row))
	if err != nil {
		return d, err
	}
	columns := []string{"salt"}
	for _, n := range names {
		columns = append(columns, "CAST("+n+" AS BLOB)")
	}
	values, to := make([][]byte, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	if err := tx.QueryRowContext(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+e.Row+" WHERE seq = ?", b.Seq).Scan(to...); err != nil {
		return d, found(fmt.Sprintf("the row of entry %d", b.Seq), err)
	}
	if values[0] == nil {
		return d, nil
	}
	d.Salt = values[0]
	for i, n := range names {
		d.Fields = append(d.Fields, translog.Field{Name: n, Value: values[i+1]})
	}
	return d, nil
}

// txHashes reads stored hashes within a transaction.
type txHashes struct {
	ctx context.Context
	tx  *sql.Tx
}

// ReadHashes reads stored hashes by index.
func (r txHashes) ReadHashes(indexes []int64) ([]translog.Hash, error) {
	return readHashes(indexes, func(index int64) *sql.Row {
		return r.tx.QueryRowContext(r.ctx, "SELECT hash FROM log_hash WHERE idx = ?", index)
	})
}
