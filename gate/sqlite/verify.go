package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"sallyport/gate/translog"
)

// VerifyReport is the result of reading the whole log back.
type VerifyReport struct {
	translog.Report
	Key      string                `json:"key"`      // the verifier key that was used
	Heads    int                   `json:"heads"`    // signed heads kept outside the database, which the log was compared with
	Cosigned translog.CosignedHead `json:"cosigned"` // the last of them that a known witness cosigned; zero when there is none
}

// Verify reads the log of the site in the directory and checks all of it. It
// only reads, and works on a site that is running as on one that is stopped.
// An empty key means the one that lies beside the database: enough against
// damage, but an auditor brings their own copy. The error is a failure to
// read; what does not fit is in the report.
func Verify(ctx context.Context, dir, key string, outside ...Outside) (VerifyReport, error) {
	path, err := existing(dir)
	if err != nil {
		return VerifyReport{}, err
	}
	if key == "" {
		if key, err = readVerifierKey(path); err != nil {
			return VerifyReport{}, err
		}
	}
	r, err := openReaders(filepath.Join(path, fileDB))
	if err != nil {
		return VerifyReport{}, err
	}
	var o Outside
	for _, more := range outside {
		o.Witnesses, o.Heads = append(o.Witnesses, more.Witnesses...), append(o.Heads, more.Heads...)
		if more.Dir != "" {
			o.Dir = more.Dir
		}
	}
	report, err := verify(ctx, r, path, key, o, readable(filepath.Join(path, fileDB)), nil)
	return report, errors.Join(err, r.Close())
}

// Verify checks the log of the open site.
func (s *Store) Verify(ctx context.Context) (VerifyReport, error) {
	return s.VerifyTelling(ctx, nil)
}

// VerifyTelling is Verify, and tells again and again how many entries of how many
// have been read. Where something does not fit, the log is read a second time to
// say what, and the count begins anew. tell may be called by several goroutines
// at once.
func (s *Store) VerifyTelling(ctx context.Context, tell func(done, total int64)) (VerifyReport, error) {
	return verify(ctx, s.r, s.dir, s.verifierKey, s.knownOutside(), 0, tell)
}

// told counts the blocks that are read.
type told struct {
	*blocks
	done *atomic.Int64
	tell func(done, total int64)
}

// Block reads one part (translog.Blocks).
func (b told) Block(ctx context.Context, worker int, from, to int64) (translog.Block, error) {
	part, err := b.blocks.Block(ctx, worker, from, to)
	b.tell(b.done.Add(to-from), b.Size())
	return part, err
}

// verify may map so many bytes of the database into memory.
func verify(ctx context.Context, r *sql.DB, dir, key string, o Outside, mapped int64, tell func(done, total int64)) (rep VerifyReport, err error) {
	v, err := translog.NewVerifier(key)
	if err != nil {
		return rep, err
	}
	// The heads outside are read before the snapshot is taken: a log may be
	// ahead of them, never behind.
	g, err := gather(dir, v, o)
	if err != nil {
		return rep, err
	}
	rep.Key, rep.Heads, rep.Cosigned = strings.TrimSpace(key), len(g.heads), g.seen
	wrong, err := besideLog(ctx, r)
	if err != nil {
		return rep, fmt.Errorf("verify: %w", err)
	}
	g.misfits = append(g.misfits, wrong...)
	if fast, clean := verifyBlocks(ctx, filepath.Join(dir, fileDB), mapped, v, tell, g.heads); clean && len(g.misfits) == 0 {
		rep.Report = fast
		return rep, nil
	}
	tx, err := r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return rep, fmt.Errorf("verify: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	rep.Report, err = translog.Verify(&snapshot{ctx: ctx, tx: tx, tell: tell}, v, g.heads...)
	if err != nil {
		return VerifyReport{}, fmt.Errorf("verify: %w", err)
	}
	// What is wrong in the log comes before what is wrong beside it.
	rep.Misfits = append(rep.Misfits, g.misfits...)
	return rep, nil
}

// A log is read by so many connections at once, so many entries at a time.
const (
	verifiers = 2
	perBlock  = 512
)

// verifyBlocks tells whether the log is clean, in a fraction of the time that it
// takes to say what is not. Where it cannot tell, for whatever reason, it is not
// clean.
func verifyBlocks(ctx context.Context, path string, mapped int64, key note.Verifier, tell func(done, total int64), outside [][]byte) (translog.Report, bool) {
	b, err := openBlocks(ctx, path, mapped, verifiers)
	if err != nil || b == nil {
		return translog.Report{}, false
	}
	var all translog.Blocks = b
	if tell != nil {
		all = told{b, new(atomic.Int64), tell}
	}
	report, clean, err := translog.VerifyBlocks(ctx, all, verifiers, perBlock, key, outside...)
	return report, errors.Join(err, b.close()) == nil && clean
}

// Checkpoints are the last n signed heads of the log, newest first.
func (s *Store) Checkpoints(ctx context.Context, n int) ([]translog.StoredCheckpoint, error) {
	list, err := collect(scanCheckpoint)(s.r.QueryContext(ctx, "SELECT size, signed FROM log_checkpoint ORDER BY size DESC LIMIT ?", n))
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	return list, nil
}

func scanCheckpoint(rows *sql.Rows) (c translog.StoredCheckpoint, err error) {
	return c, rows.Scan(&c.Size, &c.Signed)
}

// Entries are up to n entries of the log from that sequence number on, in
// their stored form.
func (s *Store) Entries(ctx context.Context, from int64, n int) ([]translog.StoredEntry, error) {
	list, err := collect(scanEntry)(s.r.QueryContext(ctx, "SELECT seq, entry FROM log WHERE seq >= ? ORDER BY seq LIMIT ?", from, min(n, maxPage)))
	if err != nil {
		return nil, fmt.Errorf("entries: %w", err)
	}
	return list, nil
}

func scanEntry(rows *sql.Rows) (e translog.StoredEntry, err error) {
	return e, rows.Scan(&e.Seq, &e.Data)
}

// snapshot is the log as of one moment: a translog.Reader.
type snapshot struct {
	ctx  context.Context
	tx   *sql.Tx
	tell func(done, total int64) // nil: nobody listens
}

// stream runs a query and hands its rows on.
func stream[T any](s *snapshot, query string, scan func(*sql.Rows) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		// The driver watches a context that can end at a cost for each row; the
		// walk looks at it by itself.
		rows, err := s.tx.QueryContext(context.WithoutCancel(s.ctx), query)
		if err != nil {
			yield(none, err)
			return
		}
		for n := 0; rows.Next(); n++ {
			v, err := scan(rows)
			if err == nil && n%1024 == 0 {
				err = s.ctx.Err()
			}
			if !yield(v, err) || err != nil {
				_ = rows.Close()
				return
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			yield(none, err)
		}
	}
}

// Entries streams the log.
func (s *snapshot) Entries() iter.Seq2[translog.StoredEntry, error] {
	all := stream(s, "SELECT seq, entry FROM log ORDER BY seq", scanEntry)
	if s.tell == nil {
		return all
	}
	var total int64
	if err := s.tx.QueryRowContext(s.ctx, "SELECT count(*) FROM log").Scan(&total); err != nil {
		return all // which says so itself
	}
	return func(yield func(translog.StoredEntry, error) bool) {
		done := int64(0)
		for e, err := range all {
			if done++; done%1024 == 0 || done == total {
				s.tell(done, total)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// Hashes streams the stored hashes.
func (s *snapshot) Hashes() iter.Seq2[translog.StoredHash, error] {
	return stream(s, "SELECT idx, hash FROM log_hash ORDER BY idx", func(rows *sql.Rows) (h translog.StoredHash, err error) {
		return h, rows.Scan(&h.Index, &h.Hash)
	})
}

// Checkpoints streams the signed heads.
func (s *snapshot) Checkpoints() iter.Seq2[translog.StoredCheckpoint, error] {
	return stream(s, "SELECT size, signed FROM log_checkpoint ORDER BY size", scanCheckpoint)
}

// line says how the records of a table are read.
type line struct{ table, query string }

// lines are the records of each table, one uniform line each: table, entry,
// instant, lane, passage, up to three columns kept for ever, salt, up to three
// columns of personal data.
var lines = [...]line{
	{tablePassage, "SELECT 'passage' AS tab, seq, at, lane, id, outcome, policy, '', salt, vin, plate, doc FROM passage"},
	{tableReassessment, "SELECT 'reassessment', seq, at, lane, passage, outcome, policy, because, salt, doc, NULL, NULL FROM reassessment"},
	{tableAct, "SELECT 'act', seq, at, lane, passage, kind, by, supervisor, salt, reason, NULL, NULL FROM act"},
	{tableOutcome, "SELECT 'outcome', seq, at, lane, passage, ending, note, '', NULL, NULL, NULL, NULL FROM outcome"},
	{tableInspection, "SELECT 'inspection', seq, at, '', '', id, by, expires, salt, vin, doc, NULL FROM inspection"},
	{tableInspectionAct, "SELECT 'inspection_act', seq, at, '', '', inspection, kind, by, salt, note, NULL, NULL FROM inspection_act"},
	{tablePhoto, "SELECT 'photo', seq, at, '', '', inspection, type, by, salt, sha256, data, NULL FROM photo"},
	{tableRegistration, "SELECT 'registration', seq, at, '', '', class, '', '', salt, vin, plate, doc FROM registration"},
	{tablePolicy, "SELECT 'policy', seq, at, '', '', hash, id, CAST(source AS TEXT), NULL, NULL, NULL, NULL FROM policy"},
	{tablePolicyVersion, "SELECT 'policy_version', seq, at, '', '', number, author, doc, NULL, NULL, NULL, NULL FROM policy_version"},
	{tablePolicyStep, "SELECT 'policy_step', seq, at, '', '', version, kind, doc, NULL, NULL, NULL, NULL FROM policy_step"},
	{tablePosture, "SELECT 'posture', seq, at, '', '', number, level, doc, NULL, NULL, NULL, NULL FROM posture"},
	{tableRadioSet, "SELECT 'radio_set', seq, at, lane, passage, epoch, '', '', salt, tags, NULL, NULL FROM radio_set"},
	{tableRadioKey, "SELECT 'radio_key', seq, at, '', '', epoch, kind, doc, NULL, NULL, NULL, NULL FROM radio_key"},
	{tableAlarmStep, "SELECT 'alarm_step', seq, at, lane, '', alarm, kind, doc, NULL, NULL, NULL, NULL FROM alarm_step"},
	{tableShiftStep, "SELECT 'shift_step', seq, at, lane, '', number, kind, doc, NULL, NULL, NULL, NULL FROM shift_step"},
	{tableFormStep, "SELECT 'form_step', seq, at, lane, '', number, kind, doc, NULL, NULL, NULL, NULL FROM form_step"},
	{tableStay, "SELECT 'stay', seq, at, lane, passage, id, kind, by, salt, vin, plate, doc FROM stay"},
	{tableStayEnd, "SELECT 'stay_end', seq, at, lane, passage, stay, kind, by, salt, vin, plate, doc FROM stay_end"},
	{tableWatch, "SELECT 'watch', seq, at, '', '', id, kind, by, salt, vin, plate, doc FROM watch"},
	{tableWatchStep, "SELECT 'watch_step', seq, at, '', '', watch, kind, by, salt, note, NULL, NULL FROM watch_step"},
	{tablePass, "SELECT 'pass', seq, at, '', '', id, until, by, salt, vin, plate, doc FROM pass"},
	{tablePassStep, "SELECT 'pass_step', seq, at, '', '', pass, kind, by, salt, note, NULL, NULL FROM pass_step"},
	{tableStanding, "SELECT 'standing', seq, at, lane, '', event, by, doc, NULL, NULL, NULL, NULL FROM standing"},
	{tableFleet, "SELECT 'fleet', seq, at, '', '', fleet, by, doc, NULL, NULL, NULL, NULL FROM fleet"},
	{tableSetting, "SELECT 'setting', seq, at, '', '', kind, by, doc, NULL, NULL, NULL, NULL FROM setting"},
	{tableExemption, "SELECT 'exemption', seq, at, '', '', id, fleet, by, salt, vin, doc, NULL FROM exemption"},
	{tableExemptionStep, "SELECT 'exemption_step', seq, at, '', '', exemption, kind, by, salt, note, NULL, NULL FROM exemption_step"},
	{tableDocument, "SELECT 'document', seq, at, '', '', id, type, by, salt, vin, doc, data FROM document"},
	{tableHold, "SELECT 'hold', seq, at, '', '', id, kind, by, salt, vin, plate, why FROM hold"},
}

// allRows is the query for all records. A database that an older program wrote
// lacks some tables, and can be verified all the same: a table that somebody
// has dropped leaves entries without their rows.
func (s *snapshot) allRows() (string, error) {
	there, err := tables(s.ctx, s.tx.QueryContext)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, l := range lines {
		if slices.Contains(there, l.table) {
			parts = append(parts, l.query)
		}
	}
	return strings.Join(parts, "\nUNION ALL ") + "\nORDER BY seq", nil
}

// tables are the tables that are there.
func tables(ctx context.Context, query func(context.Context, string, ...any) (*sql.Rows, error)) ([]string, error) {
	return collect(func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) })(query(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table'"))
}

// form says how the line of a table reads.
type form struct {
	kind     string
	personal int                         // columns of personal data
	body     func(a, b, c string) []byte // keeps none of them
}

// recordForm is the form of each table.
var recordForm = map[string]form{
	tablePassage:       {tablePassage, 3, func(a, b, _ string) []byte { return body("outcome", a, "policy", b) }},
	tableReassessment:  {kindReassessed, 1, func(a, b, c string) []byte { return body("outcome", a, "policy", b, "because", c) }},
	tableAct:           {tableAct, 1, func(a, b, c string) []byte { return body("act", a, "by", b, "supervisor", c) }},
	tableOutcome:       {tableOutcome, 0, func(a, b, _ string) []byte { return body("ending", a, "note", b) }},
	tableInspection:    {tableInspection, 2, func(a, b, c string) []byte { return body("id", a, "by", b, "expires", c) }},
	tableInspectionAct: {tableInspectionAct, 1, func(a, b, c string) []byte { return inspectionActBody(a, b, c) }},
	tablePhoto:         {tablePhoto, 2, func(a, b, c string) []byte { return photoBody(a, b, c) }},
	tableRegistration:  {tableRegistration, 3, func(a, _, _ string) []byte { return body("class", a) }},
	tablePolicy:        {tablePolicy, 0, func(a, b, c string) []byte { return policyBody(a, b, []byte(c)) }},
	tablePolicyVersion: {tablePolicyVersion, 0, func(a, b, c string) []byte { return policyVersionBody(a, b, c) }},
	tablePolicyStep:    {tablePolicyStep, 0, func(a, b, c string) []byte { return policyStepBody(a, b, c) }},
	tablePosture:       {tablePosture, 0, func(a, b, c string) []byte { return postureBody(a, b, c) }},
	tableRadioSet:      {tableRadioSet, 1, func(a, _, _ string) []byte { return radioSetBody(a) }},
	tableRadioKey:      {tableRadioKey, 0, func(a, b, c string) []byte { return radioKeyBody(a, b, c) }},
	tableAlarmStep:     {tableAlarmStep, 0, func(a, b, c string) []byte { return alarmStepBody(a, b, c) }},
	tableShiftStep:     {tableShiftStep, 0, func(a, b, c string) []byte { return shiftStepBody(a, b, c) }},
	tableFormStep:      {tableFormStep, 0, func(a, b, c string) []byte { return formStepBody(a, b, c) }},
	tableStay:          {tableStay, 3, func(a, b, c string) []byte { return stayBody(a, b, c) }},
	tableStayEnd:       {tableStayEnd, 3, func(a, b, c string) []byte { return stayBody(a, b, c) }},
	tableWatch:         {tableWatch, 3, func(a, b, c string) []byte { return watchBody(a, b, c) }},
	tableWatchStep:     {tableWatchStep, 1, func(a, b, c string) []byte { return stepBody(a, b, c) }},
	tablePass:          {tablePass, 3, func(a, b, c string) []byte { return passBody(a, b, c) }},
	tablePassStep:      {tablePassStep, 1, func(a, b, c string) []byte { return stepBody(a, b, c) }},
	tableStanding:      {tableStanding, 0, func(a, b, c string) []byte { return standingBody(a, b, c) }},
	tableFleet:         {tableFleet, 0, func(a, b, c string) []byte { return fleetBody(a, b, c) }},
	tableSetting:       {tableSetting, 0, func(a, b, c string) []byte { return settingBody(a, b, c) }},
	tableExemption:     {tableExemption, 2, func(a, b, c string) []byte { return exemptionBody(a, b, c) }},
	tableExemptionStep: {tableExemptionStep, 1, func(a, b, c string) []byte { return stepBody(a, b, c) }},
	tableDocument:      {tableDocument, 3, func(a, b, c string) []byte { return documentBody(a, b, c) }},
	tableHold:          {tableHold, 3, func(a, b, c string) []byte { return holdBody(a, b, c) }},
}

// Rows streams the records.
func (s *snapshot) Rows() iter.Seq2[translog.Row, error] {
	query, err := s.allRows()
	if err != nil {
		return func(yield func(translog.Row, error) bool) { yield(translog.Row{}, err) }
	}
	return stream(s, query, scanRow)
}

func scanRow(rows *sql.Rows) (r translog.Row, err error) {
	var at, lane, passage, a, b, c string
	var salt, p1, p2, p3 []byte
	e := &r.Claims
	if err := rows.Scan(&e.Row, &e.Seq, &at, &lane, &passage, &a, &b, &c, &salt, &p1, &p2, &p3); err != nil {
		return r, err
	}
	return rowFrom(e.Row, e.Seq, [...]string{at, lane, passage, a, b, c}, salt, p1, p2, p3), nil
}

// rowFrom is the record of a line: its instant, lane, passage and the columns
// kept for ever, then its salt and personal data.
func rowFrom(table string, seq int64, kept [columnSalt]string, salt []byte, columns ...[]byte) (r translog.Row) {
	e := &r.Claims
	form := recordForm[table]
	at, lane, passage, a, b, c := kept[columnAt], kept[columnLane], kept[columnPassage], kept[columnA], kept[columnB], kept[columnC]
	e.Row, e.Seq = table, seq
	e.Kind, e.Lane, e.Passage, e.Body = form.kind, lane, passage, form.body(a, b, c)
	var err error
	if e.At, err = instant(at); err != nil {
		r.Damage = "its instant: " + err.Error()
	}
	for _, text := range []string{lane, passage, a, b} {
		if !utf8.ValidString(text) {
			r.Damage = "a column is not text"
		}
	}
	var part string
	if r.Erased, part, r.Salt, r.Fields = personal(form.personal, salt, columns...); part != "" {
		r.Damage = part
	}
	return r
}

// personal is what a row still has of its n columns of personal data, of which
// the fields are a part.
func personal(n int, salt []byte, columns ...[]byte) (erased bool, damage string, kept []byte, fields [][]byte) {
	if n == 0 {
		return false, "", nil, nil
	}
	fields = columns[:n:n]
	gone := 0
	for _, f := range fields {
		if f == nil {
			gone++
		}
	}
	switch {
	case salt == nil && gone == n:
		return true, "", nil, nil
	case salt == nil || gone > 0:
		return false, "part of its personal data is gone", nil, nil
	}
	return false, "", salt, fields
}

// Hashes reads the stored hashes, for proofs.
func (s *Store) Hashes(ctx context.Context) translog.HashReader { return hashReader{ctx, s.r} }

type hashReader struct {
	ctx context.Context
	db  *sql.DB
}

// ReadHashes reads stored hashes by index.
func (r hashReader) ReadHashes(indexes []int64) ([]translog.Hash, error) {
	return readHashes(indexes, func(index int64) *sql.Row {
		return r.db.QueryRowContext(r.ctx, "SELECT hash FROM log_hash WHERE idx = ?", index)
	})
}

func readHashes(indexes []int64, read func(index int64) *sql.Row) ([]translog.Hash, error) {
	hashes := make([]translog.Hash, len(indexes))
	for i, index := range indexes {
		var b []byte
		if err := read(index).Scan(&b); err != nil {
			return nil, found(fmt.Sprintf("stored hash %d", index), err)
		}
		if len(b) != len(hashes[i]) {
			return nil, fmt.Errorf("stored hash %d has %d bytes", index, len(b))
		}
		hashes[i] = translog.Hash(b)
	}
	return hashes, nil
}
