package sqlite

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/mod/sumdb/tlog"

	"sallyport/gate/translog"
)

// blocks is the log as of one moment, read by several connections at once: a
// translog.Blocks.
type blocks struct {
	size    int64
	workers []*blockWorker // each in a reading transaction
	tables  []tableQuery
}

// blockWorker is one connection, and what it makes of a block: used again for the
// next.
type blockWorker struct {
	*blockReader
	parts   []part
	entries [][]byte
	rows    []translog.BlockRow
	lines   [][lineColumns][]byte
}

// tableQuery reads the records of a table between two entries.
type tableQuery struct {
	table, text, strays string
	form                form
}

// oneMoment is how often connections are asked to see the log at one moment. On
// a site that commits without a pause some tries are in vain.
const oneMoment = 100

// openBlocks opens the log with that many connections, each of which maps so many
// bytes of the database into memory. Every change of a record
// adds an entry, so those that see the same last entry see the same records. It
// gives nil where no such moment was found.
func openBlocks(ctx context.Context, path string, mapped int64, n int) (_ *blocks, err error) {
	b := &blocks{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	for range n {
		w, err := openBlockReader(path)
		if err != nil {
			return nil, err
		}
		b.workers = append(b.workers, &blockWorker{blockReader: w})
		if err := w.exec("PRAGMA mmap_size = " + strconv.FormatInt(mapped, 10)); err != nil {
			return nil, err
		}
	}
	for range oneMoment {
		same := true
		for i, w := range b.workers {
			if err := w.exec("BEGIN"); err != nil {
				return nil, err
			}
			size, err := w.number("SELECT coalesce(max(seq)+1, 0) FROM log", 0, 0)
			if err != nil {
				return nil, err
			}
			if i == 0 {
				b.size = size
			}
			same = same && size == b.size
		}
		if same {
			return b, b.find()
		}
		for _, w := range b.workers {
			if err := w.exec("ROLLBACK"); err != nil {
				return nil, err
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return nil, b.close()
}

// find finds the tables that hold records.
func (b *blocks) find() error {
	w := b.workers[0]
	p, err := w.read("SELECT name FROM sqlite_schema WHERE type = 'table'", 0, 0)
	if err != nil {
		return err
	}
	there := make(map[string]bool)
	for c := w.columns(p); len(c.rest) > 0; {
		there[string(c.next())] = true
	}
	for _, l := range lines {
		if !there[l.table] {
			continue
		}
		rows, err := w.number("SELECT EXISTS (SELECT 1 FROM "+l.table+")", 0, 0)
		if err != nil {
			return err
		}
		if rows > 0 {
			b.tables = append(b.tables, queryOf(l))
		}
	}
	return nil
}

func (b *blocks) close() error {
	var errs []error
	for _, w := range b.workers {
		errs = append(errs, w.close()) // which ends the transaction
	}
	b.workers = nil
	return errors.Join(errs...)
}

// Size is the number of entries.
func (b *blocks) Size() int64 { return b.size }

// Strays looks for what lies before the first entry or after the last.
func (b *blocks) Strays(ctx context.Context) (bool, error) {
	w := b.workers[0]
	look := func(query string, end int64) (bool, error) {
		w.forget()
		n, err := w.number(query, end, 0)
		return n > 0, errors.Join(err, ctx.Err())
	}
	for _, q := range []struct {
		query string
		end   int64
	}{
		{"SELECT EXISTS (SELECT 1 FROM log WHERE seq < 0)", 0},
		{"SELECT EXISTS (SELECT 1 FROM log_checkpoint WHERE size < 0 OR size > ?)", b.size},
		{"SELECT EXISTS (SELECT 1 FROM log_hash WHERE idx < 0 OR idx >= ?)", tlog.StoredHashIndex(0, b.size)},
	} {
		if found, err := look(q.query, q.end); found || err != nil {
			return found, err
		}
	}
	for _, q := range b.tables {
		if found, err := look(q.strays, b.size); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// Block reads one block. What it gives holds until the worker reads the next; the
// hashes hold for longer.
func (b *blocks) Block(ctx context.Context, n int, from, to int64) (block translog.Block, err error) {
	w := b.workers[n]
	w.forget()
	first := from + 1
	if from == 0 {
		first = 0
	}
	firstHash, endHash := tlog.StoredHashIndex(0, from), tlog.StoredHashIndex(0, to)
	if to == from {
		endHash = firstHash
	}
	read := func(query string, from, to int64) (p part) {
		if err == nil {
			p, err = w.read(query, from, to)
		}
		return p
	}
	entries := read("SELECT entry FROM log WHERE seq >= ? AND seq < ? ORDER BY seq", from, to)
	hashes := read("SELECT hash FROM log_hash WHERE idx >= ? AND idx < ? ORDER BY idx", firstHash, endHash)
	heads := read("SELECT size, signed FROM log_checkpoint WHERE size BETWEEN ? AND ? ORDER BY size", first, to)
	w.parts = w.parts[:0]
	var most int64
	for _, q := range b.tables {
		p := read(q.text, from, to)
		w.parts, most = append(w.parts, p), most+p.rows
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		return block, err
	}
	// Everything is in the buffer: from here on it stays where it is.
	w.entries = w.entries[:0]
	for c := w.columns(entries); len(c.rest) > 0; {
		w.entries = append(w.entries, c.next())
	}
	block.Entries = w.entries
	block.Hashes = make([]byte, 0, hashes.rows*tlog.HashSize)
	for c := w.columns(hashes); len(c.rest) > 0; {
		h := c.next()
		if len(h) != tlog.HashSize {
			return translog.Block{}, nil // it fits nothing
		}
		block.Hashes = append(block.Hashes, h...)
	}
	for c := w.columns(heads); len(c.rest) > 0; {
		block.Checkpoints = append(block.Checkpoints, translog.StoredCheckpoint{Size: c.number(), Signed: c.next()})
	}
	w.rows = slices.Grow(w.rows[:0], int(to-from))[:to-from]
	clear(w.rows)
	w.lines = slices.Grow(w.lines[:0], int(most))[:0]
	for i, p := range w.parts {
		for c := w.columns(p); len(c.rest) > 0; {
			r := &w.rows[c.number()-from]
			w.lines = w.lines[:len(w.lines)+1]
			line := &w.lines[len(w.lines)-1]
			for j := range line {
				line[j] = c.next()
			}
			twice := r.Row != ""
			rowOf(r, b.tables[i], line)
			r.Damaged = r.Damaged || twice
		}
	}
	block.Rows = w.rows
	return block, nil
}

// The columns of a line after its table and its entry.
const (
	columnAt = iota
	columnLane
	columnPassage
	columnA
	columnB
	columnC
	columnSalt
	columnPersonal // the first of three
	lineColumns    = columnPersonal + 3
)

// lineNames names the columns of a line.
const lineNames = "at, lane, passage, a, b, c, salt, p1, p2, p3"

// queryOf is the query for the records of a table.
func queryOf(l line) tableQuery {
	from := "WITH l (tab, seq, " + lineNames + ") AS (" + l.query + ") SELECT "
	return tableQuery{
		table:  l.table,
		form:   recordForm[l.table],
		text:   from + "seq, " + lineNames + " FROM l WHERE seq >= ? AND seq < ?",
		strays: from + "EXISTS (SELECT 1 FROM l WHERE seq < 0 OR seq >= ?)",
	}
}

// rowOf makes the record of a line. It keeps the columns, and may write into
// them.
func rowOf(r *translog.BlockRow, q tableQuery, columns *[lineColumns][]byte) {
	*r = translog.BlockRow{}
	form := q.form
	a, b, c := columns[columnA], columns[columnB], columns[columnC]
	r.Row, r.Kind, r.Lane, r.Passage = q.table, form.kind, columns[columnLane], columns[columnPassage]
	r.Body = form.body(still(a), still(b), still(c))
	if at := columns[columnAt]; len(at) == len(layout) && at[len(at)-1] == 'Z' {
		n := len(at) - 1
		for at[n-1] == '0' && n > len("2006-01-02T15:04:05.") {
			n--
		}
		if at[n-1] == '.' {
			n--
		}
		at[n] = 'Z'
		r.At = at[:n+1]
	}
	var damage string
	r.Erased, damage, r.Salt, r.Fields = personal(form.personal, columns[columnSalt], columns[columnPersonal:]...)
	r.Damaged = damage != "" || !utf8.Valid(a) || !utf8.Valid(b)
}

// still is bytes as a string without copying them, for as long as they stay as
// they are.
func still(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
