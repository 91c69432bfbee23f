package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
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
	tables  []tableQuery
}

// tableQuery reads the records of a table between two entries.
type tableQuery struct {
	table, text string
	bulk        bool // all in one piece
	strays      string
	rows        bool // there are any
}

// worker is one connection, in a reading transaction.
type worker struct {
	conn          *sql.Conn
	stmts         map[string]*rawStmt
	between, null []byte // the marks of queryOf
}

// oneMoment is how often connections are asked to see the log at one moment. On
// a site that commits without a pause some tries are in vain.
const oneMoment = 100

// openBlocks opens the log with that many connections. Every change of a record
// adds an entry, so those that see the same last entry see the same records. It
// gives nil where no such moment was found.
func openBlocks(ctx context.Context, db *sql.DB, n int) (_ *blocks, err error) {
	b := &blocks{}
	between, null := rand.Text(), rand.Text()
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
		b.workers = append(b.workers, &worker{conn: c, stmts: make(map[string]*rawStmt), between: []byte(between), null: []byte(null)})
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
					q := queryOf(l, between, null)
					if err := b.workers[0].conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+l.table+")").Scan(&q.rows); err != nil {
						return nil, err
					}
					b.tables = append(b.tables, q)
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
		queries = append(queries, q.strays)
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
		take := func(seq int64, columns *[lineColumns][]byte) {
			r := &block.Rows[seq-from]
			twice := r.Row != ""
			*r = rowOf(q.table, columns)
			r.Damaged = r.Damaged || twice
		}
		if err == nil && q.rows {
			err = w.records(q, from, to, take)
		}
	}
	return block, errors.Join(err, ctx.Err())
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

// inPieces are the tables whose records may be so large that a block of them
// does not fit in one piece.
var inPieces = map[string]bool{tablePhoto: true}

// queryOf is the query for the records of a table. In one piece, the columns of
// all records stand one after the other with a mark between them, and another
// mark where a column is NULL: one call from Go into SQLite costs as much as
// several records. Nobody who wrote into the database can have known the marks.
func queryOf(l line, between, null string) tableQuery {
	from := "WITH l (tab, seq, " + lineNames + ") AS (" + l.query + ") SELECT "
	q := tableQuery{table: l.table, bulk: !inPieces[l.table], strays: from + "EXISTS (SELECT 1 FROM l WHERE seq < 0 OR seq >= ?)"}
	var columns []string
	for n := range strings.SplitSeq(lineNames, ", ") {
		if q.bulk {
			columns = append(columns, "coalesce("+n+", '"+null+"')")
		} else {
			columns = append(columns, "CAST("+n+" AS BLOB)")
		}
	}
	if q.bulk {
		q.text = from + "CAST(group_concat(concat_ws('" + between + "', seq, " + strings.Join(columns, ", ") + "), '" + between + "') AS BLOB) FROM l WHERE seq >= ? AND seq < ?"
	} else {
		q.text = from + "seq, " + strings.Join(columns, ", ") + " FROM l WHERE seq >= ? AND seq < ?"
	}
	return q
}

// records hands on the records of a table between two entries.
func (w *worker) records(q tableQuery, from, to int64, take func(seq int64, columns *[lineColumns][]byte)) error {
	var columns [lineColumns][]byte
	if !q.bulk {
		return w.each(q.text, from, to, func(v []driver.Value) {
			for i := range columns {
				columns[i] = blob(v[i+1])
			}
			take(number(v[0]), &columns)
		})
	}
	var damaged error
	err := w.each(q.text, from, to, func(v []driver.Value) {
		all := blob(v[0])
		if len(all) == 0 {
			return
		}
		for more := true; more && damaged == nil; {
			var text []byte
			if text, all, more = bytes.Cut(all, w.between); !more {
				damaged = errNotALine
				return
			}
			seq, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil || seq < from || seq >= to {
				damaged = errNotALine
				return
			}
			for i := range columns {
				if text, all, more = bytes.Cut(all, w.between); !more && i < lineColumns-1 {
					damaged = errNotALine
					return
				}
				if columns[i] = text[:len(text):len(text)]; bytes.Equal(text, w.null) {
					columns[i] = nil
				}
			}
			take(seq, &columns)
		}
	})
	return errors.Join(err, damaged)
}

var errNotALine = errors.New("records in one piece cannot be cut")

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

// rowOf is the record of a line. It may write into the columns.
func rowOf(table string, columns *[lineColumns][]byte) (r translog.BlockRow) {
	form := recordForm[table]
	a, b, c := columns[columnA], columns[columnB], columns[columnC]
	r.Row, r.Kind, r.Lane, r.Passage = table, form.kind, columns[columnLane], columns[columnPassage]
	r.Body = form.body(string(a), string(b), string(c))
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
