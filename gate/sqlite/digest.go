package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
)

// fileDigest is the digest's file, beside the database.
const fileDigest = "digest.db"

// digestForm changes with the tables below: a file of another form is made anew.
const digestForm = "1"

const digestTables = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE entry (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, lane TEXT NOT NULL, passage TEXT NOT NULL
) STRICT;
CREATE INDEX entry_at ON entry (at);
CREATE INDEX entry_kind ON entry (kind, at);
CREATE INDEX entry_lane ON entry (lane, at) WHERE lane <> '';
CREATE INDEX entry_passage ON entry (passage) WHERE passage <> '';
CREATE TABLE person (name TEXT, at INTEGER, seq INTEGER, PRIMARY KEY (name, at, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE vehicle (
  at INTEGER NOT NULL, seq INTEGER NOT NULL, lane TEXT NOT NULL, outcome INTEGER NOT NULL, ending TEXT NOT NULL, seconds INTEGER NOT NULL,
  override INTEGER NOT NULL, counted INTEGER NOT NULL, stale INTEGER NOT NULL, open INTEGER NOT NULL, sensed INTEGER NOT NULL,
  PRIMARY KEY (at, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX vehicle_outcome ON vehicle (outcome, seq, lane);
CREATE INDEX vehicle_ending ON vehicle (ending, seq, lane);
CREATE TABLE reason (at INTEGER, seq INTEGER, rule TEXT, outcome INTEGER, PRIMARY KEY (at, seq, rule, outcome)) STRICT, WITHOUT ROWID;
CREATE TABLE shift (lane TEXT, number INTEGER, holder TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (lane, number)) STRICT, WITHOUT ROWID;
CREATE INDEX shift_since ON shift (since);
`

// Digest is a second file that is derived from the log: where its entries are
// found by kind, person, lane and time, and what the figures count. It holds no
// personal data of vehicles or drivers, no record rests on it, and it may be
// deleted: it is made again from the log. The lanes never wait for it. Its methods
// may be called concurrently.
type Digest struct {
	s    *Store
	path string

	mu   sync.Mutex // one catches up at a time
	w    *sql.DB
	r    *sql.DB
	next int64 // the first entry that is not in it
}

// OpenDigest opens the digest, or begins a new one where there is none, where it
// is damaged, of another form, or of another log. It is behind the log until
// CatchUp has run.
func (s *Store) OpenDigest(ctx context.Context) (*Digest, error) {
	d := &Digest{s: s, path: filepath.Join(s.dir, fileDigest)}
	if err := d.open(ctx); err == nil {
		return d, nil
	}
	if err := d.begin(ctx); err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	return d, nil
}

// connect opens the file. What is lost of it in a power cut is made again.
func (d *Digest) connect() (err error) {
	if d.w, err = sql.Open("sqlite3", dsn(d.path, "_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000&_txlock=immediate")); err != nil {
		return err
	}
	d.w.SetMaxOpenConns(1)
	if d.r, err = sql.Open("sqlite3", dsn(d.path, "_query_only=on&_busy_timeout=5000")); err != nil {
		return errors.Join(err, d.w.Close())
	}
	d.r.SetMaxOpenConns(3)
	return nil
}

// Close closes the file.
func (d *Digest) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return errors.Join(d.r.Close(), d.w.Close())
}

func (d *Digest) meta(ctx context.Context, key string) (v string, err error) {
	err = d.w.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", key).Scan(&v)
	return v, err
}

var errOtherDigest = errors.New("of another form, or of another log")

// open takes the file that is there.
func (d *Digest) open(ctx context.Context) (err error) {
	if _, err := os.Stat(d.path); err != nil {
		return err
	}
	if err := d.connect(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.w.Close(), d.r.Close())
		}
	}()
	form, err := d.meta(ctx, "form")
	if err == nil && form != digestForm+" "+d.s.verifierKey {
		err = errOtherDigest
	}
	if err != nil {
		return err
	}
	return d.place(ctx)
}

// place reads how far it goes, and that the log still goes there: one that was
// put back from a copy may not.
func (d *Digest) place(ctx context.Context) error {
	text, err := d.meta(ctx, "next")
	if err != nil {
		return err
	}
	if d.next, err = strconv.ParseInt(text, 10, 64); err != nil {
		return err
	}
	if d.next == 0 {
		return nil
	}
	last, err := d.meta(ctx, "last")
	if err != nil {
		return err
	}
	list, err := d.s.Entries(ctx, d.next-1, 1)
	if err == nil && (len(list) == 0 || list[0].Seq != d.next-1 || string(list[0].Data) != last) {
		err = errOtherDigest
	}
	return err
}

// begin makes a new file.
func (d *Digest) begin(ctx context.Context) error {
	for _, end := range [...]string{"", "-wal", "-shm"} {
		if err := os.Remove(d.path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := d.connect(); err != nil {
		return err
	}
	_, err := d.w.ExecContext(ctx, digestTables)
	if err == nil {
		_, err = d.w.ExecContext(ctx, "INSERT INTO meta VALUES ('form', ?), ('next', '0'), ('last', '')", digestForm+" "+d.s.verifierKey)
	}
	if err == nil {
		err = os.Chmod(d.path, 0o600)
	}
	if err != nil {
		return errors.Join(err, d.w.Close(), d.r.Close())
	}
	d.next = 0
	return nil
}

// digestGroup is how many entries one transaction takes over.
const digestGroup = 2000

// CatchUp takes over what the log has beyond the digest, until the context ends.
// It says how many entries are left.
func (d *Digest) CatchUp(ctx context.Context) (behind int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		behind = d.s.currentHead().size - d.next
		if behind <= 0 || ctx.Err() != nil {
			return max(behind, 0), nil
		}
		if err := d.take(ctx); err != nil {
			if ctx.Err() != nil {
				return behind, nil
			}
			return behind, fmt.Errorf("digest: %w", err)
		}
	}
}

// take takes over one group of entries.
func (d *Digest) take(ctx context.Context) (err error) {
	stored, err := collect(scanEntry)(d.s.r.QueryContext(ctx, "SELECT seq, entry FROM log WHERE seq >= ? ORDER BY seq LIMIT ?", d.next, digestGroup))
	if err != nil {
		return err
	}
	if len(stored) == 0 || stored[0].Seq != d.next {
		return fmt.Errorf("entry %d is not in the log", d.next)
	}
	tx, err := d.w.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback()
		}
	}()
	g := digesting{ctx: ctx, d: d, tx: tx, stmts: map[string]*sql.Stmt{}}
	for _, e := range stored {
		if err := g.entry(e); err != nil {
			return fmt.Errorf("entry %d: %w", e.Seq, err)
		}
	}
	last := stored[len(stored)-1]
	for key, value := range map[string]string{"next": strconv.FormatInt(last.Seq+1, 10), "last": string(last.Data)} {
		if err := g.exec("UPDATE meta SET value = ? WHERE key = ?", value, key); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	d.next = last.Seq + 1
	return nil
}

// digesting is one transaction of the digest.
type digesting struct {
	ctx   context.Context
	d     *Digest
	tx    *sql.Tx
	stmts map[string]*sql.Stmt
}

func (g *digesting) exec(query string, args ...any) error {
	st, err := g.stmt(query)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(g.ctx, args...)
	return err
}

func (g *digesting) stmt(query string) (*sql.Stmt, error) {
	if st, ok := g.stmts[query]; ok {
		return st, nil
	}
	st, err := g.tx.PrepareContext(g.ctx, query) // ends with the transaction
	if err == nil {
		g.stmts[query] = st
	}
	return st, err
}

// entry takes over one entry. An entry that cannot be read stands there without
// its words: what is wrong with it is for the verification to say.
func (g *digesting) entry(stored translog.StoredEntry) error {
	e, err := translog.DecodeEntry(stored.Data)
	if err != nil {
		return g.exec("INSERT INTO entry VALUES (?, 0, 'unreadable', '', '')", stored.Seq)
	}
	at := e.At.UnixMilli()
	if err := g.exec("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", stored.Seq, at, e.Kind, e.Lane, e.Passage); err != nil {
		return err
	}
	words := bodyWords(e.Body)
	for _, who := range peopleOf(words) {
		if err := g.exec("INSERT OR IGNORE INTO person VALUES (?, ?, ?)", who, at, stored.Seq); err != nil {
			return err
		}
	}
	switch e.Kind {
	case tablePassage:
		return g.vehicle(e, stored.Seq, "SELECT CAST(doc AS BLOB) FROM passage WHERE seq = ?")
	case kindReassessed:
		return g.vehicle(e, stored.Seq, "SELECT CAST(doc AS BLOB) FROM reassessment WHERE seq = ?")
	case tableAct:
		if words["act"] == string(gate.ActOverride) {
			return g.ofPassage(e.Passage, "UPDATE vehicle SET override = 1 WHERE at = ? AND seq = ?")
		}
	case tableOutcome:
		return g.ofPassage(e.Passage, "UPDATE vehicle SET ending = ?3, seconds = max(0, (?4 - at) / 1000) WHERE at = ?1 AND seq = ?2", words["ending"], at)
	case tableShiftStep:
		return g.shift(words["doc"])
	}
	return nil
}

// bodyWords are the words of an entry's body. What is no text is left out.
func bodyWords(body json.RawMessage) map[string]string {
	var all map[string]any
	words := map[string]string{}
	if json.Unmarshal(body, &all) == nil {
		for k, v := range all {
			if s, ok := v.(string); ok {
				words[k] = s
			}
		}
	}
	return words
}

// peopleOf are the people whom an entry names.
func peopleOf(words map[string]string) (list []string) {
	for _, k := range [...]string{"by", "supervisor", "author"} {
		if words[k] != "" {
			list = append(list, words[k])
		}
	}
	var doc struct {
		By     string `json:"by"`
		To     string `json:"to"`
		Holder string `json:"holder"`
	}
	if json.Unmarshal([]byte(words["doc"]), &doc) == nil {
		for _, w := range [...]string{doc.By, doc.To, doc.Holder} {
			if w != "" {
				list = append(list, w)
			}
		}
	}
	return list
}

// vehicle counts a passage, or counts it anew by a later assessment.
func (g *digesting) vehicle(e translog.Entry, seq int64, query string) error {
	at := e.At.UnixMilli()
	var doc []byte
	err := g.d.s.r.QueryRowContext(g.ctx, query, seq).Scan(&doc)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	f := gate.VehicleFigure{Outcome: outcomeOf(bodyWords(e.Body)["outcome"])}
	if doc != nil {
		counted, err := gate.CountVehicle(doc)
		if err == nil {
			counted.Outcome = f.Outcome
			f = counted
		}
	}
	if e.Kind == tablePassage {
		if err := g.exec("INSERT OR REPLACE INTO vehicle VALUES (?, ?, ?, ?, '', -1, 0, ?, ?, ?, ?)", at, seq, e.Lane, int(f.Outcome), f.Counted, f.Stale, f.Open, f.Sensed); err != nil {
			return err
		}
	} else {
		var ok bool
		if at, seq, ok, err = g.first(e.Passage); err != nil || !ok {
			return err
		}
		if err := g.exec("UPDATE vehicle SET outcome = ?, counted = ?, stale = ?, open = ?, sensed = ? WHERE at = ? AND seq = ?", int(f.Outcome), f.Counted, f.Stale, f.Open, f.Sensed, at, seq); err != nil {
			return err
		}
		if err := g.exec("DELETE FROM reason WHERE at = ? AND seq = ?", at, seq); err != nil {
			return err
		}
	}
	for _, r := range f.Reasons {
		if err := g.exec("INSERT OR IGNORE INTO reason VALUES (?, ?, ?, ?)", at, seq, r.Rule, int(r.Outcome)); err != nil {
			return err
		}
	}
	return nil
}

// first is where a passage began.
func (g *digesting) first(passage string) (at, seq int64, ok bool, err error) {
	st, err := g.stmt("SELECT at, seq FROM entry WHERE passage = ? AND passage <> '' AND kind = 'passage' ORDER BY seq LIMIT 1")
	if err != nil {
		return 0, 0, false, err
	}
	err = st.QueryRowContext(g.ctx, passage).Scan(&at, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, false, nil
	}
	return at, seq, err == nil, err
}

func (g *digesting) ofPassage(passage, query string, more ...any) error {
	at, seq, ok, err := g.first(passage)
	if err != nil || !ok {
		return err
	}
	return g.exec(query, append([]any{at, seq}, more...)...)
}

// shift keeps when a shift began and ended, and who had the lane.
func (g *digesting) shift(doc string) error {
	var s gate.ShiftStep
	if json.Unmarshal([]byte(doc), &s) != nil || s.Lane == "" {
		return nil
	}
	at := s.At.UnixMilli()
	if s.Open() {
		since := s.Since
		if since.IsZero() {
			since = s.At
		}
		if err := g.exec("UPDATE shift SET until = ? WHERE lane = ? AND until = 0 AND number <> ?", at, string(s.Lane), s.Shift); err != nil {
			return err
		}
		return g.exec("INSERT INTO shift VALUES (?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET holder = excluded.holder", string(s.Lane), s.Shift, s.Holder, since.UnixMilli())
	}
	return g.exec("UPDATE shift SET until = ? WHERE lane = ? AND until = 0", at, string(s.Lane))
}

// milli is an instant of the digest.
func milli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// behind brings the digest up to date as far as a moment's patience goes, and
// says how many entries are left.
func (d *Digest) behind(ctx context.Context) (int64, error) {
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	n, err := d.CatchUp(short)
	return n, errors.Join(err, ctx.Err())
}
