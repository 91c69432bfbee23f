package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"

	"sallyport/gate/translog"
)

// blocks is the log as of one moment, read by several connections at once: a
// translog.Blocks.
type blocks struct {
	size    int64
	workers []*worker
	tables  []string // queries for the records of each table, between two entries
}

// worker is one connection, in a reading transaction.
type worker struct {
	conn  *sql.Conn
	stmts map[string]*rawStmt
}

// oneMoment is how often connections are asked to see the log at one moment. On
// a site that commits without a pause some tries are in vain.
const oneMoment = 100

// openBlocks opens the log with that many connections. Every change of a record
// adds an entry, so those that see the same last entry see the same records. It
// gives nil where no such moment was found.
func openBlocks(ctx context.Context, db *sql.DB, n int) (_ *blocks, err error) {
	b := &blocks{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	for range n {
		c, err := db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		b.workers = append(b.workers, &worker{conn: c, stmts: make(map[string]*rawStmt)})
	}
	for range oneMoment {
		same := true
		for i, w := range b.workers {
			if _, err := w.conn.ExecContext(ctx, "BEGIN"); err != nil {
				return nil, err
			}
			var size int64
			if err := w.conn.QueryRowContext(ctx, "SELECT coalesce(max(seq)+1, 0) FROM log").Scan(&size); err != nil {
				return nil, err
			}
			if i == 0 {
				b.size = size
			}
			same = same && size == b.size
		}
		if same {
			var there []string
			if there, err = tables(ctx, b.workers[0].conn.QueryContext); err != nil {
				return nil, err
			}
			for _, l := range lines {
				if slices.Contains(there, l.table) {
					b.tables = append(b.tables, "SELECT * FROM ("+l.query+") WHERE seq >= ? AND seq < ? ORDER BY seq")
				}
			}
			return b, nil
		}
		for _, w := range b.workers {
			if _, err := w.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
				return nil, err
			}
		}
	}
	return nil, b.close()
}

func (b *blocks) close() error {
	var errs []error
	for _, w := range b.workers {
		for _, s := range w.stmts {
			errs = append(errs, s.close(w.conn))
		}
		// Fails where the transaction has ended by itself, or never began.
		_, _ = w.conn.ExecContext(context.Background(), "ROLLBACK")
		errs = append(errs, w.conn.Close())
	}
	b.workers = nil
	return errors.Join(errs...)
}

// Size is the number of entries.
func (b *blocks) Size() int64 { return b.size }

// Strays looks for what lies before the first entry or after the last.
func (b *blocks) Strays(ctx context.Context) (found bool, err error) {
	queries := []string{
		"SELECT EXISTS (SELECT 1 FROM log WHERE seq < 0)",
		"SELECT EXISTS (SELECT 1 FROM log_checkpoint WHERE size < 0 OR size > ?)",
		"SELECT EXISTS (SELECT 1 FROM log_hash WHERE idx < 0 OR idx >= ?)",
	}
	args := [][]any{nil, {b.size}, {tlog.StoredHashIndex(0, b.size)}}
	for _, q := range b.tables {
		queries = append(queries, "SELECT EXISTS ("+strings.Replace(q, "seq >= ? AND seq < ? ORDER BY seq", "seq < 0 OR seq >= ?", 1)+")")
		args = append(args, []any{b.size})
	}
	for i, q := range queries {
		if err := b.workers[0].conn.QueryRowContext(ctx, q, args[i]...).Scan(&found); err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// Block reads one block. Entries and hashes come in one piece each, because
// reading them row by row costs more than all the rest.
func (b *blocks) Block(ctx context.Context, n int, from, to int64) (block translog.Block, err error) {
	w := b.workers[n]
	if to > from {
		if block.Entries, err = w.entries(from, to); err != nil {
			return block, err
		}
		if block.Hashes, err = w.hashes(tlog.StoredHashIndex(0, from), tlog.StoredHashIndex(0, to)); err != nil {
			return block, err
		}
	}
	first := from + 1
	if from == 0 {
		first = 0
	}
	err = w.each("SELECT size, signed FROM log_checkpoint WHERE size BETWEEN ? AND ? ORDER BY size", first, to, func(v []driver.Value) {
		block.Checkpoints = append(block.Checkpoints, translog.StoredCheckpoint{Size: number(v[0]), Signed: []byte(text(v[1]))})
	})
	block.Rows = make([]translog.BlockRow, to-from)
	for _, q := range b.tables {
		if err == nil {
			err = w.each(q, from, to, func(v []driver.Value) {
				r := &block.Rows[number(v[1])-from]
				twice := r.Row != ""
				*r = rowOf(v)
				r.Damaged = r.Damaged || twice
			})
		}
	}
	return block, errors.Join(err, ctx.Err())
}

// entries are cut at the line feeds between them: one that held a line feed of
// its own would make one piece too many.
func (w *worker) entries(from, to int64) (list [][]byte, err error) {
	err = w.each("SELECT count(*), group_concat(entry, char(10)) FROM log WHERE seq >= ? AND seq < ?", from, to, func(v []driver.Value) {
		if list = bytes.Split([]byte(text(v[1])), []byte("\n")); number(v[0]) != to-from {
			list = nil
		}
	})
	return list, err
}

func (w *worker) hashes(from, to int64) (all []byte, err error) {
	err = w.each("SELECT count(*) FILTER (WHERE length(hash) = 32), CAST(group_concat(hash, '') AS BLOB) FROM log_hash WHERE idx >= ? AND idx < ?", from, to, func(v []driver.Value) {
		if all = blob(v[1]); number(v[0]) != to-from {
			all = nil
		}
	})
	return all, err
}

// rowOf is the line of a record.
func rowOf(v []driver.Value) (r translog.BlockRow) {
	r.Row = text(v[0])
	at, lane, passage, a, b, c := text(v[2]), text(v[3]), text(v[4]), text(v[5]), text(v[6]), text(v[7])
	form := recordForm[r.Row]
	r.Kind, r.Lane, r.Passage, r.Body = form.kind, lane, passage, form.body(a, b, c)
	if len(at) == len(layout) {
		r.At = strings.TrimSuffix(strings.TrimRight(strings.TrimSuffix(at, "Z"), "0"), ".") + "Z"
	}
	var damage string
	r.Erased, damage, r.Salt, r.Fields = personal(form.personal, blob(v[8]), blob(v[9]), blob(v[10]), blob(v[11]))
	r.Damaged = damage != "" || !utf8.ValidString(a) || !utf8.ValidString(b)
	return r
}

// The values of a column, as the driver gives them. In a strict table a column
// has one type, or is NULL.
func number(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

func text(v driver.Value) string {
	switch s := v.(type) {
	case string:
		return s
	case []byte:
		return string(s)
	}
	return ""
}

func blob(v driver.Value) []byte {
	switch s := v.(type) {
	case string:
		return []byte(s)
	case []byte:
		return s
	}
	return nil
}

// rawStmt is a statement of the driver. What database/sql does for each column
// of each row would double the time of reading a log.
type rawStmt struct {
	stmt driver.Stmt
}

func (s *rawStmt) close(c *sql.Conn) error {
	return c.Raw(func(any) error { return s.stmt.Close() })
}

// each hands on the rows of a query between two numbers.
func (w *worker) each(query string, from, to int64, take func([]driver.Value)) error {
	return w.conn.Raw(func(c any) (err error) {
		s := w.stmts[query]
		if s == nil {
			prepare, ok := c.(driver.ConnPrepareContext)
			if !ok {
				return fmt.Errorf("the driver %T prepares nothing", c)
			}
			stmt, err := prepare.PrepareContext(context.Background(), query)
			if err != nil {
				return err
			}
			s = &rawStmt{stmt}
			w.stmts[query] = s
		}
		q, ok := s.stmt.(driver.StmtQueryContext)
		if !ok {
			return fmt.Errorf("the driver's %T queries nothing", s.stmt)
		}
		rows, err := q.QueryContext(context.Background(), []driver.NamedValue{{Ordinal: 1, Value: from}, {Ordinal: 2, Value: to}})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		values := make([]driver.Value, len(rows.Columns()))
		for {
			switch err := rows.Next(values); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			take(values)
		}
	})
}
