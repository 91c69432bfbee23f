package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"sallyport/gate/translog"
)

// LimitPages lets the database grow to so many pages (or to what it has).
func LimitPages(t *testing.T, s *Store, pages int) {
	t.Helper()
	o := &op{ctx: t.Context(), done: make(chan error, 1), alone: func(c *sql.Conn) error {
		_, err := c.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		return err
	}}
	if err := s.queue("limit", o); err != nil {
		t.Fatal(err)
	}
}

// Reached tells whether every way of erasing and showing knows a table of
// personal data.
func Reached(table string) error {
	var errs []error
	if forget[table] == "" {
		errs = append(errs, errors.New("nothing erases a record of it"))
	}
	if !strings.Contains(expired(), "'"+table+"'") {
		errs = append(errs, errors.New("retention does not know it"))
	}
	if !slices.ContainsFunc(vehicleTables, func(v vehicleTable) bool { return v.table == table }) {
		errs = append(errs, errors.New("a request of a vehicle's keeper does not reach it"))
	}
	if recordForm[table].kind == "" || !slices.ContainsFunc(lines[:], func(l line) bool { return l.table == table }) {
		errs = append(errs, errors.New("the log is not compared with it"))
	}
	return errors.Join(errs...)
}

// Raw is a log as it lies in the database, in memory: a translog.Reader and a
// translog.Blocks by the way in which this package takes columns for records.
type Raw struct {
	Log         [][]byte
	Hash        [][]byte
	Checkpoint  []translog.StoredCheckpoint
	Row         []RawRow
	Key         note.Verifier
	checkedOnce map[string]bool
}

// RawRow is the columns of a record.
type RawRow struct {
	Table   string
	Seq     int64
	Columns [lineColumns][]byte // nil is NULL
}

// Held tells whether a column of a line is one of personal data, or their salt,
// that the table has: of others the query may have made up a blank or a NULL.
func (r *RawRow) Held(column int) bool {
	return column >= columnPersonal && column-columnPersonal < recordForm[r.Table].personal || column == columnSalt && recordForm[r.Table].personal > 0
}

// ReadRaw reads a log that is clean.
func ReadRaw(t testing.TB, s *Store) *Raw {
	t.Helper()
	key, err := translog.NewVerifier(s.verifierKey)
	if err != nil {
		t.Fatal(err)
	}
	raw := &Raw{checkedOnce: make(map[string]bool)}
	raw.Key = remembering{key, raw.checkedOnce}
	b, err := openBlocks(t.Context(), filepath.Join(s.dir, fileDB), 0, 1)
	if err != nil || b == nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	}()
	w := b.workers[0]
	each := func(query string, take func(*columns)) {
		w.forget()
		p, err := w.read(query, 0, b.size)
		if err != nil {
			t.Fatal(err)
		}
		for c := w.columns(p); len(c.rest) > 0; {
			take(&c)
		}
	}
	each("SELECT entry FROM log ORDER BY seq", func(c *columns) { raw.Log = append(raw.Log, bytes.Clone(c.next())) })
	each("SELECT hash FROM log_hash ORDER BY idx", func(c *columns) { raw.Hash = append(raw.Hash, bytes.Clone(c.next())) })
	each("SELECT size, signed FROM log_checkpoint ORDER BY size", func(c *columns) {
		raw.Checkpoint = append(raw.Checkpoint, translog.StoredCheckpoint{Size: c.number(), Signed: bytes.Clone(c.next())})
	})
	for _, q := range b.tables {
		each(q.text, func(c *columns) {
			r := RawRow{Table: q.table, Seq: c.number()}
			for i := range r.Columns {
				r.Columns[i] = bytes.Clone(c.next())
			}
			raw.Row = append(raw.Row, r)
		})
	}
	slices.SortFunc(raw.Row, func(a, b RawRow) int { return cmp.Compare(a.Seq, b.Seq) })
	return raw
}

// remembering is a key that remembers which signatures it has checked.
type remembering struct {
	note.Verifier
	known map[string]bool
}

// Verify checks the signature of a text (note.Verifier).
func (r remembering) Verify(text, sig []byte) bool {
	k := string(text) + "\x00" + string(sig)
	good, known := r.known[k]
	if !known {
		good = r.Verifier.Verify(text, sig)
		r.known[k] = good
	}
	return good
}

// Size is the number of entries (translog.Blocks).
func (r *Raw) Size() int64 { return int64(len(r.Log)) }

// Strays are never there (translog.Blocks).
func (r *Raw) Strays(context.Context) (bool, error) { return false, nil }

// Block is the whole log (translog.Blocks).
func (r *Raw) Block(context.Context, int, int64, int64) (b translog.Block, err error) {
	b = translog.Block{Entries: r.Log, Hashes: bytes.Join(r.Hash, nil), Checkpoints: r.Checkpoint, Rows: make([]translog.BlockRow, len(r.Log))}
	for _, row := range r.Row {
		line := row.Columns
		line[columnAt] = bytes.Clone(line[columnAt])
		rowOf(&b.Rows[row.Seq], tableQuery{table: row.Table, form: recordForm[row.Table]}, &line)
	}
	return b, nil
}

func each[T, V any](list []T, of func(int, T) V) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		for i, v := range list {
			if !yield(of(i, v), nil) {
				return
			}
		}
	}
}

// Entries streams the log (translog.Reader).
func (r *Raw) Entries() iter.Seq2[translog.StoredEntry, error] {
	return each(r.Log, func(i int, v []byte) translog.StoredEntry { return translog.StoredEntry{Seq: int64(i), Data: v} })
}

// Hashes streams the stored hashes (translog.Reader).
func (r *Raw) Hashes() iter.Seq2[translog.StoredHash, error] {
	return each(r.Hash, func(i int, v []byte) translog.StoredHash { return translog.StoredHash{Index: int64(i), Hash: v} })
}

// Checkpoints streams the signed heads (translog.Reader).
func (r *Raw) Checkpoints() iter.Seq2[translog.StoredCheckpoint, error] {
	return each(r.Checkpoint, func(_ int, v translog.StoredCheckpoint) translog.StoredCheckpoint { return v })
}

// Rows streams the records (translog.Reader).
func (r *Raw) Rows() iter.Seq2[translog.Row, error] {
	return each(r.Row, func(_ int, v RawRow) translog.Row {
		var kept [columnSalt]string
		for i := range kept {
			kept[i] = string(v.Columns[i])
		}
		return rowFrom(v.Table, v.Seq, kept, v.Columns[columnSalt], v.Columns[columnPersonal:]...)
	})
}

// MultiplyDigest adds what the digest has, shifted so many times by a time of its
// own length, as if the site had gone on like this. Only the newest entries are in
// the log; a search that asks for those alone finds what it shows.
func MultiplyDigest(ctx context.Context, d *Digest, times int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var span, entries int64
	if err := d.w.QueryRowContext(ctx, "SELECT max(at) - min(at) + 60000, (SELECT max(seq) + 1 FROM entry) FROM vehicle").Scan(&span, &entries); err != nil {
		return err
	}
	tx, err := d.w.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // once committed it does nothing
	for _, table := range []string{"vehicle", "reason", "entry", "person"} {
		if _, err := tx.ExecContext(ctx, "CREATE TEMP TABLE base_"+table+" AS SELECT * FROM "+table); err != nil {
			return err
		}
	}
	for n := int64(1); n < int64(times); n++ {
		// Figures go on into the future; entries, of which the log has the newest
		// only, into the past.
		for _, q := range []string{
			"INSERT INTO vehicle SELECT at + ?1 * ?2, seq + ?1 * ?3, lane, outcome, ending, seconds, override, counted, stale, open, sensed FROM base_vehicle",
			"INSERT INTO reason SELECT at + ?1 * ?2, seq + ?1 * ?3, rule, outcome FROM base_reason",
			"INSERT INTO entry SELECT seq - ?1 * ?3, at - ?1 * ?2, kind, lane, passage || ?1 FROM base_entry",
			"INSERT INTO person SELECT name, at - ?1 * ?2, seq - ?1 * ?3 FROM base_person",
		} {
			if _, err := tx.ExecContext(ctx, q, n, span, entries); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}
