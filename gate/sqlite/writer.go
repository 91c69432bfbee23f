package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"sallyport/gate/translog"
)

// maxGroup is how many records one commit takes.
const maxGroup = 256

// Store is the database of a site, open for writing.
type Store struct {
	dir         string
	path        string      // of the database
	file        os.FileInfo // of the database when it was opened
	lock        *os.File    // nil while Init works
	w, r        *sql.DB
	conn        *sql.Conn // the only connection of w
	log         *translog.Log
	verifierKey string

	ops     chan *op
	closing chan struct{}
	closed  chan struct{}
	close   sync.Once

	// owned by the writer goroutine
	stmts  map[string]*sql.Stmt
	hashes map[int64]translog.Hash // committed hashes, to save reads

	headMu  sync.Mutex
	head    head
	outside Outside
}

// head is what the last checkpoint says.
type head struct {
	size int64
	at   time.Time
}

// op is one record on its way to the disk.
type op struct {
	ctx context.Context
	run func(*txn) error
	// alone, instead of run, works on the connection outside a transaction.
	alone func(*sql.Conn) error
	err   error
	done  chan error
}

// txn is the transaction of one group of records.
type txn struct {
	s     *Store
	batch *translog.Batch
	at    time.Time // latest instant of any record so far
	fresh map[int64]translog.Hash
}

// Close waits for the records that are queued and closes the database.
func (s *Store) Close() error {
	var err error
	s.close.Do(func() {
		close(s.closing)
		<-s.closed
		if s.lock != nil {
			err = s.KeepHead(context.Background())
		}
		for _, st := range s.stmts {
			err = errors.Join(err, st.Close())
		}
		err = errors.Join(err, s.r.Close(), s.conn.Close(), s.w.Close())
		if s.lock != nil {
			err = errors.Join(err, s.lock.Close())
		}
	})
	return err
}

// VerifierKey is the public key that verifies the log.
func (s *Store) VerifierKey() string { return s.verifierKey }

// do runs f on the writer and returns when its transaction is durable. When
// the context ends first, the effect is unknown.
func (s *Store) do(ctx context.Context, what string, f func(*txn) error) error {
	return s.queue(what, &op{ctx: ctx, run: f, done: make(chan error, 1)})
}

func (s *Store) queue(what string, o *op) error {
	ctx := o.ctx
	select {
	case <-s.closing:
		return fmt.Errorf("%s: %w", what, ErrClosed)
	default:
	}
	select {
	case s.ops <- o:
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case <-s.closing:
		return fmt.Errorf("%s: %w", what, ErrClosed)
	}
	var err error
	select {
	case err = <-o.done:
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.closed:
		select {
		case err = <-o.done:
		default:
			err = ErrClosed
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// write is the writer goroutine.
func (s *Store) write() {
	defer close(s.closed)
	for {
		select {
		case o := <-s.ops:
			s.commit(s.group(o))
		case <-s.closing:
			for {
				select {
				case o := <-s.ops:
					s.commit(s.group(o))
				default:
					return
				}
			}
		}
	}
}

// group takes what is queued behind the first, without waiting for more: while
// one group syncs, the next one gathers.
func (s *Store) group(first *op) []*op {
	ops := []*op{first}
	for len(ops) < maxGroup {
		select {
		case o := <-s.ops:
			ops = append(ops, o)
		default:
			return ops
		}
	}
	return ops
}

// commit makes the records of a group durable, and answers each.
func (s *Store) commit(ops []*op) {
	if err := s.try(ops); err != nil {
		for _, o := range ops {
			if o.err == nil {
				o.err = err
			}
		}
	}
	for _, o := range ops {
		if o.alone != nil && o.err == nil {
			o.err = o.alone(s.conn)
		}
		o.done <- o.err
	}
}

// try runs the group in one transaction. A record that fails is taken out
// (op.err) without touching the others; an error of the transaction itself is
// returned, and then nothing of the group has become durable, as far as the
// database tells.
func (s *Store) try(ops []*op) (err error) {
	t := &txn{s: s, at: s.currentHead().at, fresh: make(map[int64]translog.Hash)}
	if err := t.beginGroup(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// Fails where the database has rolled back by itself.
			_ = t.exec("ROLLBACK")
		}
	}()
	if t.batch, err = s.log.Begin(t); err != nil {
		return err
	}
	for _, o := range ops {
		if o.err = o.ctx.Err(); o.err != nil || o.alone != nil {
			continue
		}
		if err := t.exec("SAVEPOINT record"); err != nil {
			return err
		}
		next, at := t.batch.Next(), t.at
		if o.err = o.run(t); o.err != nil {
			t.batch.Truncate(next)
			t.at = at
			// Where the database has rolled back by itself, this fails too.
			if err := t.exec("ROLLBACK TO record"); err != nil {
				return errors.Join(o.err, err)
			}
		}
		if err := t.exec("RELEASE record"); err != nil {
			return err
		}
	}
	c, err := t.batch.Seal(t.at)
	if err != nil {
		return err
	}
	if err = t.exec("COMMIT"); err != nil {
		return err
	}
	if c.Size > 0 {
		s.headMu.Lock()
		s.head = head{size: c.Size, at: c.At}
		s.headMu.Unlock()
		if len(s.hashes) > 1<<14 {
			clear(s.hashes)
		}
		for i, h := range t.fresh {
			s.hashes[i] = h
		}
	}
	return nil
}

func (s *Store) currentHead() head {
	s.headMu.Lock()
	defer s.headMu.Unlock()
	return s.head
}

// stmt is the prepared form of a statement on the writing connection.
func (t *txn) stmt(query string) (*sql.Stmt, error) {
	if st, ok := t.s.stmts[query]; ok {
		return st, nil
	}
	st, err := t.s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	t.s.stmts[query] = st
	return st, nil
}

// exec runs a statement.
func (t *txn) exec(query string, args ...any) error {
	_, err := t.change(query, args...)
	return err
}

// change runs a statement and counts the rows it changed.
func (t *txn) change(query string, args ...any) (int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// get reads one row; sql.ErrNoRows when there is none.
func (t *txn) get(query string, args []any, dest ...any) error {
	st, err := t.stmt(query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(context.Background(), args...).Scan(dest...)
}

// entry adds an entry for a record of that instant to the log.
func (t *txn) entry(e translog.Entry) (seq int64, err error) {
	if e.At.After(t.at) {
		t.at = e.At
	}
	return t.batch.Add(e)
}

// Size, ReadHashes, WriteEntry, WriteHashes and WriteCheckpoint are the log's
// translog.Storage on this transaction.
func (t *txn) Size() (int64, error) {
	var n int64
	err := t.get("SELECT coalesce(max(seq)+1, 0) FROM log", nil, &n)
	return n, err
}

// ReadHashes reads stored hashes.
func (t *txn) ReadHashes(indexes []int64) ([]translog.Hash, error) {
	hashes := make([]translog.Hash, len(indexes))
	for i, index := range indexes {
		h, ok := t.s.hashes[index]
		if !ok {
			var b []byte
			if err := t.get("SELECT hash FROM log_hash WHERE idx = ?", []any{index}, &b); err != nil {
				return nil, fmt.Errorf("stored hash %d: %w", index, err)
			}
			if len(b) != len(h) {
				return nil, fmt.Errorf("stored hash %d has %d bytes", index, len(b))
			}
			h = translog.Hash(b)
			t.s.hashes[index] = h
		}
		hashes[i] = h
	}
	return hashes, nil
}

// WriteEntry keeps one entry.
func (t *txn) WriteEntry(seq int64, data []byte) error {
	return t.exec("INSERT INTO log (seq, entry) VALUES (?, ?)", seq, string(data))
}

// WriteHashes keeps hashes.
func (t *txn) WriteHashes(first int64, hashes []translog.Hash) error {
	for i, h := range hashes {
		if err := t.exec("INSERT INTO log_hash (idx, hash) VALUES (?, ?)", first+int64(i), h[:]); err != nil {
			return err
		}
		t.fresh[first+int64(i)] = h
	}
	return nil
}

// WriteCheckpoint keeps a signed head, and forgets the one before it unless
// that was the last of its minute.
func (t *txn) WriteCheckpoint(size int64, at time.Time, signed []byte) error {
	before := t.s.currentHead()
	if before.size > 0 && before.at.Truncate(time.Minute).Equal(at.Truncate(time.Minute)) {
		if err := t.exec("DELETE FROM log_checkpoint WHERE size = ?", before.size); err != nil {
			return err
		}
	}
	return t.exec("INSERT INTO log_checkpoint (size, signed) VALUES (?, ?)", size, string(signed))
}

// lastHead reads the last checkpoint.
func lastHead(ctx context.Context, c *sql.Conn) (head, error) {
	var signed string
	err := c.QueryRowContext(ctx, "SELECT signed FROM log_checkpoint ORDER BY size DESC LIMIT 1").Scan(&signed)
	if errors.Is(err, sql.ErrNoRows) {
		return head{}, nil
	}
	if err != nil {
		return head{}, fmt.Errorf("last checkpoint: %w", err)
	}
	text, _, _ := strings.Cut(signed, "\n\n")
	cp, err := translog.ParseCheckpoint(text + "\n")
	if err != nil {
		return head{}, fmt.Errorf("last checkpoint: %w", err)
	}
	return head{size: cp.Size, at: cp.At}, nil
}
