package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/gate/translog"
)

// eraseGroup is how many records one transaction erases, so that a lane never
// waits long behind retention.
const eraseGroup = 500

// lookAhead is how many records are looked up at a time, to be erased in groups.
const lookAhead = 200 * eraseGroup

// oldRecords says which records of a table have personal data that is older than
// allowed.
type oldRecords struct {
	table, seq string // seq is the column of the entry
	from       string
}

// allOld are the records whose personal data is older than allowed: of passages
// that have ended, with their acts, reassessments and radio sets; of inspections that have
// expired or were ended, with their acts and photographs; of lines of the list
// that a later line has replaced; of stays that have ended; of entries of the
// watch list and passes that no longer hold; of exemptions whose time is over; of papers whose vehicle is on
// no list any more; of holds that were lifted. What a hold is on
// stays.
var allOld = []oldRecords{
	{tablePassage, "p.seq", "passage p WHERE p.salt IS NOT NULL AND " + over},
	{tableReassessment, "r.seq", "reassessment r JOIN passage p ON p.id = r.passage WHERE r.salt IS NOT NULL AND " + over},
	{tableAct, "a.seq", "act a JOIN passage p ON p.id = a.passage WHERE a.salt IS NOT NULL AND " + over},
	{tableRadioSet, "w.seq", "radio_set w JOIN passage p ON p.id = w.passage WHERE w.salt IS NOT NULL AND " + over},
	{tableInspection, "i.seq", "inspection i WHERE i.id IN (SELECT id FROM done) AND i.salt IS NOT NULL"},
	{tableInspectionAct, "e.seq", "inspection_act e WHERE e.inspection IN (SELECT id FROM done) AND e.salt IS NOT NULL"},
	{tablePhoto, "f.seq", "photo f WHERE f.inspection IN (SELECT id FROM done) AND f.salt IS NOT NULL"},
	{tableRegistration, "g.seq", `registration g WHERE g.at < :before AND g.salt IS NOT NULL AND (g.class = '' OR EXISTS (
		SELECT 1 FROM registration n WHERE n.seq > g.seq AND (g.vin <> '' AND n.vin = g.vin OR g.vin = '' AND n.vin = '' AND n.plate = g.plate)))
		AND NOT ` + heldBy("g.vin", "g.plate")},
	{tableStay, "s.seq", "stay s JOIN stay_end e ON e.stay = s.id AND e.stay <> '' WHERE s.salt IS NOT NULL AND e.at < :before AND NOT " + heldBy("s.vin", "s.plate")},
	{tableStayEnd, "e.seq", "stay_end e WHERE e.salt IS NOT NULL AND e.at < :before AND NOT " + heldBy("e.vin", "e.plate")},
	{tableWatch, "w.seq", "watch w WHERE w.salt IS NOT NULL AND " + unwatched},
	{tableWatchStep, "k.seq", "watch_step k JOIN watch w ON w.id = k.watch WHERE k.salt IS NOT NULL AND " + unwatched},
	{tablePass, "q.seq", "pass q WHERE q.salt IS NOT NULL AND q.until < :before AND NOT " + heldBy("q.vin", "q.plate")},
	{tablePassStep, "k.seq", "pass_step k JOIN pass q ON q.id = k.pass WHERE k.salt IS NOT NULL AND q.until < :before AND NOT " + heldBy("q.vin", "q.plate")},
	{tableExemption, "x.seq", "exemption x WHERE x.salt IS NOT NULL AND " + overExemption},
	{tableExemptionStep, "k.seq", "exemption_step k JOIN exemption x ON x.id = k.exemption WHERE k.salt IS NOT NULL AND " + overExemption},
	{tableDocument, "d.seq", "document d WHERE d.salt IS NOT NULL AND d.at < :before AND NOT " + heldBy("d.vin", "substr(d.vin, 2)") + `
		AND NOT EXISTS (SELECT 1 FROM registration r WHERE (r.vin = d.vin OR r.vin = '' AND ':' || r.plate = d.vin) AND ` + standing + ")"},
	{tableHold, "h.seq", "hold h WHERE h.salt IS NOT NULL AND EXISTS (SELECT 1 FROM hold l WHERE l.id = h.id AND l.kind = 'lifted' AND l.at < :before)"},
}

// doneInspections are those that no longer hold.
var doneInspections = `WITH done (id) AS (
	SELECT i.id FROM inspection i WHERE i.at < :before AND (i.expires < :before OR EXISTS (
		SELECT 1 FROM inspection_act e WHERE e.inspection = i.id AND e.kind <> 'confirmed' AND e.at < :before))
		AND NOT ` + heldBy("i.vin", "NULL") + `)
`

// expired finds all old records.
func expired() string {
	var parts []string
	for _, o := range allOld {
		parts = append(parts, "SELECT "+o.seq+", '"+o.table+"' FROM "+o.from)
	}
	return doneInspections + strings.Join(parts, "\nUNION ALL ") + "\nORDER BY 1 LIMIT :limit"
}

// still finds those of some records that are old.
func (o oldRecords) still() string {
	return doneInspections + "SELECT " + o.seq + " FROM " + o.from + " AND " + o.seq + " IN (SELECT value FROM json_each(:seqs))"
}

// over is the condition of a passage p that has ended and is past its retention.
// A passage that was erased is held by nothing: what hangs on it goes with it.
var over = "p.at < :before AND EXISTS (SELECT 1 FROM outcome o WHERE o.passage = p.id) AND NOT " + heldBy("p.vin", "p.plate")

// overExemption is the condition of an exemption x whose time is over, or that
// never held, and that is past its retention. Of one that was erased the steps
// go too.
var overExemption = `(x.doc IS NULL OR x.doc ->> '$.until' < :before
	OR EXISTS (SELECT 1 FROM exemption_step e WHERE e.exemption = x.id AND e.kind <> 'granted' AND e.at < :before)) AND x.at < :before AND NOT ` + heldBy("x.vin", "NULL")

// unwatched is the condition of an entry w of the watch list that was removed, or
// ended by itself, and is past its retention. One that was erased before is too.
var unwatched = `(w.doc IS NULL OR coalesce(w.doc ->> '$.until' < :before, 0)
	OR EXISTS (SELECT 1 FROM watch_step d WHERE d.watch = w.id AND d.kind = 'removed' AND d.at < :before)) AND w.at < :before AND NOT ` + heldBy("w.vin", "w.plate")

// forget is the statement that erases one record of each table.
var forget = map[string]string{
	tablePassage:       "UPDATE passage SET salt = NULL, vin = NULL, plate = NULL, doc = NULL WHERE seq = ?",
	tableReassessment:  "UPDATE reassessment SET salt = NULL, doc = NULL WHERE seq = ?",
	tableAct:           "UPDATE act SET salt = NULL, reason = NULL WHERE seq = ?",
	tableRadioSet:      "UPDATE radio_set SET salt = NULL, tags = NULL WHERE seq = ?",
	tableInspection:    "UPDATE inspection SET salt = NULL, vin = NULL, doc = NULL WHERE seq = ?",
	tableInspectionAct: "UPDATE inspection_act SET salt = NULL, note = NULL WHERE seq = ?",
	tablePhoto:         "UPDATE photo SET salt = NULL, sha256 = NULL, data = NULL WHERE seq = ?",
	tableRegistration:  "UPDATE registration SET salt = NULL, vin = NULL, plate = NULL, doc = NULL WHERE seq = ?",
	tableStay:          "UPDATE stay SET salt = NULL, vin = NULL, plate = NULL, doc = NULL WHERE seq = ?",
	tableStayEnd:       "UPDATE stay_end SET salt = NULL, vin = NULL, plate = NULL, doc = NULL WHERE seq = ?",
	tableWatch:         "UPDATE watch SET salt = NULL, vin = NULL, plate = NULL, doc = NULL WHERE seq = ?",
	tableWatchStep:     "UPDATE watch_step SET salt = NULL, note = NULL WHERE seq = ?",
	tablePass:          "UPDATE pass SET salt = NULL, vin = NULL, plate = NULL, doc = NULL WHERE seq = ?",
	tablePassStep:      "UPDATE pass_step SET salt = NULL, note = NULL WHERE seq = ?",
	tableExemption:     "UPDATE exemption SET salt = NULL, vin = NULL, doc = NULL WHERE seq = ?",
	tableExemptionStep: "UPDATE exemption_step SET salt = NULL, note = NULL WHERE seq = ?",
	tableDocument:      "UPDATE document SET salt = NULL, vin = NULL, doc = NULL, data = NULL WHERE seq = ?",
	tableHold:          "UPDATE hold SET salt = NULL, vin = NULL, plate = NULL, why = NULL WHERE seq = ?",
}

// EraseBefore erases the personal data of records older than before, and logs
// that it did, as of the instant at. It returns how many records it erased.
// What has ended but may still be needed stays: open passages, inspections in
// force, registrations that hold. The log's entries and commitments stay.
func (s *Store) EraseBefore(ctx context.Context, before, at time.Time, why string) (total int, err error) {
	for {
		// What is old is looked up beside the writer, which lanes wait for: among the
		// records of years that takes long. The writer looks again at each group.
		list, err := collect(func(rows *sql.Rows) (o oldRecord, err error) { return o, rows.Scan(&o.seq, &o.table) })(
			s.r.QueryContext(ctx, expired(), sql.Named("before", stamp(before)), sql.Named("limit", lookAhead)))
		if err != nil {
			return total, fmt.Errorf("erase personal data: %w", err)
		}
		erased := 0
		for group := range slices.Chunk(list, eraseGroup) {
			n, err := s.eraseOld(ctx, group, before, at, why)
			if err != nil {
				return total, err
			}
			erased += n
			total += n
		}
		if len(list) < lookAhead || erased == 0 {
			break
		}
	}
	if total == 0 {
		return 0, nil
	}
	return total, s.Truncate(ctx)
}

// oldRecord is one record whose personal data is old.
type oldRecord struct {
	seq   int64
	table string
}

// eraseOld erases those of a group of records that are old, in one transaction.
func (s *Store) eraseOld(ctx context.Context, group []oldRecord, before, at time.Time, why string) (n int, err error) {
	seqs := make(map[string][]int64)
	for _, o := range group {
		seqs[o.table] = append(seqs[o.table], o.seq)
	}
	err = s.do(ctx, "erase personal data", func(t *txn) error {
		what := translog.Erasure{Before: before.UTC(), Why: clean(why)}
		for _, o := range allOld {
			if len(seqs[o.table]) == 0 {
				continue
			}
			asked, err := json.Marshal(seqs[o.table])
			if err != nil {
				return err
			}
			list, err := collect(func(rows *sql.Rows) (seq int64, err error) { return seq, rows.Scan(&seq) })(
				t.query(o.still(), sql.Named("before", stamp(before)), sql.Named("seqs", string(asked))))
			if err != nil {
				return fmt.Errorf("%s: %w", o.table, err)
			}
			for _, seq := range list {
				if err := t.must(forget[o.table], seq); err != nil {
					return fmt.Errorf("%s of entry %d: %w", o.table, seq, err)
				}
			}
			what.Seqs = append(what.Seqs, list...)
		}
		if len(what.Seqs) == 0 {
			return nil
		}
		slices.Sort(what.Seqs)
		content, err := json.Marshal(what)
		if err != nil {
			return err
		}
		if _, err := t.entry(translog.Entry{At: at, Kind: translog.KindErased, Body: content}); err != nil {
			return err
		}
		n = len(what.Seqs)
		return nil
	})
	return n, err
}

// The write-ahead log is tried to be emptied so often, with a pause between; each
// try waits for readers no longer than a lane can.
const (
	truncateTries = 50
	truncatePause = 100 * time.Millisecond
	truncateWait  = 20 * time.Millisecond
)

// Truncate moves what the write-ahead log holds into the database file and
// empties it, so that it keeps no copy of what was erased. Readers that stay
// busy put it off to the next time.
func (s *Store) Truncate(ctx context.Context) error {
	for range truncateTries {
		var busy, pages, moved int
		o := &op{ctx: ctx, done: make(chan error, 1), alone: func(c *sql.Conn) (err error) {
			// The pragma waits for readers as long as any statement, and lanes wait
			// for the pragma.
			if _, err := c.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", truncateWait.Milliseconds())); err != nil {
				return err
			}
			defer func() {
				_, end := c.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("PRAGMA busy_timeout = %d", busyTimeout.Milliseconds()))
				err = errors.Join(err, end)
			}()
			return c.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
		}}
		if err := s.queue("empty the write-ahead log", o); err != nil || busy == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(truncatePause):
		}
	}
	return nil
}
