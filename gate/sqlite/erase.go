package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"sallyport/gate/translog"
)

// eraseGroup is how many records one transaction erases, so that a lane never
// waits long behind retention.
const eraseGroup = 500

// expired finds records whose personal data is older than allowed: of passages
// that have ended, with their acts, reassessments and radio sets; of inspections that have
// expired or were ended, with their acts and photographs; of lines of the list
// that a later line has replaced; of stays that have ended; of entries of the
// watch list and passes that no longer hold; of holds that were lifted. What a hold is on
// stays.
var expired = `
WITH done (id) AS (
	SELECT i.id FROM inspection i WHERE i.at < :before AND (i.expires < :before OR EXISTS (
		SELECT 1 FROM inspection_act e WHERE e.inspection = i.id AND e.kind <> 'confirmed' AND e.at < :before))
		AND NOT ` + heldBy("i.vin", "NULL") + `)
SELECT p.seq, 'passage' FROM passage p WHERE p.salt IS NOT NULL AND ` + over + `
UNION ALL SELECT r.seq, 'reassessment' FROM reassessment r JOIN passage p ON p.id = r.passage WHERE r.salt IS NOT NULL AND ` + over + `
UNION ALL SELECT a.seq, 'act' FROM act a JOIN passage p ON p.id = a.passage WHERE a.salt IS NOT NULL AND ` + over + `
UNION ALL SELECT w.seq, 'radio_set' FROM radio_set w JOIN passage p ON p.id = w.passage WHERE w.salt IS NOT NULL AND ` + over + `
UNION ALL SELECT i.seq, 'inspection' FROM inspection i WHERE i.id IN (SELECT id FROM done) AND i.salt IS NOT NULL
UNION ALL SELECT e.seq, 'inspection_act' FROM inspection_act e WHERE e.inspection IN (SELECT id FROM done) AND e.salt IS NOT NULL
UNION ALL SELECT f.seq, 'photo' FROM photo f WHERE f.inspection IN (SELECT id FROM done) AND f.salt IS NOT NULL
UNION ALL SELECT g.seq, 'registration' FROM registration g WHERE g.at < :before AND g.salt IS NOT NULL AND (g.class = '' OR EXISTS (
	SELECT 1 FROM registration n WHERE n.seq > g.seq AND (g.vin <> '' AND n.vin = g.vin OR g.vin = '' AND n.vin = '' AND n.plate = g.plate)))
	AND NOT ` + heldBy("g.vin", "g.plate") + `
UNION ALL SELECT s.seq, 'stay' FROM stay s JOIN stay_end e ON e.stay = s.id AND e.stay <> '' WHERE s.salt IS NOT NULL AND e.at < :before AND NOT ` + heldBy("s.vin", "s.plate") + `
UNION ALL SELECT e.seq, 'stay_end' FROM stay_end e WHERE e.salt IS NOT NULL AND e.at < :before AND NOT ` + heldBy("e.vin", "e.plate") + `
UNION ALL SELECT w.seq, 'watch' FROM watch w WHERE w.salt IS NOT NULL AND ` + unwatched + `
UNION ALL SELECT k.seq, 'watch_step' FROM watch_step k JOIN watch w ON w.id = k.watch WHERE k.salt IS NOT NULL AND ` + unwatched + `
UNION ALL SELECT q.seq, 'pass' FROM pass q WHERE q.salt IS NOT NULL AND q.until < :before AND NOT ` + heldBy("q.vin", "q.plate") + `
UNION ALL SELECT k.seq, 'pass_step' FROM pass_step k JOIN pass q ON q.id = k.pass WHERE k.salt IS NOT NULL AND q.until < :before AND NOT ` + heldBy("q.vin", "q.plate") + `
UNION ALL SELECT h.seq, 'hold' FROM hold h WHERE h.salt IS NOT NULL AND EXISTS (SELECT 1 FROM hold l WHERE l.id = h.id AND l.kind = 'lifted' AND l.at < :before)
ORDER BY 1 LIMIT :limit`

// over is the condition of a passage p that has ended and is past its retention.
// A passage that was erased is held by nothing: what hangs on it goes with it.
var over = "p.at < :before AND EXISTS (SELECT 1 FROM outcome o WHERE o.passage = p.id) AND NOT " + heldBy("p.vin", "p.plate")

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
	tableHold:          "UPDATE hold SET salt = NULL, vin = NULL, plate = NULL, why = NULL WHERE seq = ?",
}

// EraseBefore erases the personal data of records older than before, and logs
// that it did, as of the instant at. It returns how many records it erased.
// What has ended but may still be needed stays: open passages, inspections in
// force, registrations that hold. The log's entries and commitments stay.
func (s *Store) EraseBefore(ctx context.Context, before, at time.Time, why string) (total int, err error) {
	for {
		n := 0
		err := s.do(ctx, "erase personal data", func(t *txn) error {
			type old struct {
				seq   int64
				table string
			}
			st, err := t.stmt(expired)
			if err != nil {
				return err
			}
			list, err := collect(func(rows *sql.Rows) (o old, err error) { return o, rows.Scan(&o.seq, &o.table) })(st.QueryContext(context.Background(), sql.Named("before", stamp(before)), sql.Named("limit", eraseGroup)))
			if err != nil || len(list) == 0 {
				return err
			}
			what := translog.Erasure{Before: before.UTC(), Why: clean(why)}
			for _, o := range list {
				if err := t.must(forget[o.table], o.seq); err != nil {
					return fmt.Errorf("%s of entry %d: %w", o.table, o.seq, err)
				}
				what.Seqs = append(what.Seqs, o.seq)
			}
			content, err := json.Marshal(what)
			if err != nil {
				return err
			}
			if _, err := t.entry(translog.Entry{At: at, Kind: translog.KindErased, Body: content}); err != nil {
				return err
			}
			n = len(list)
			return nil
		})
		if err != nil {
			return total, err
		}
		total += n
		if n < eraseGroup {
			break
		}
	}
	if total == 0 {
		return 0, nil
	}
	return total, s.Truncate(ctx)
}

// Truncate moves what the write-ahead log holds into the database file and
// empties it, so that it keeps no copy of what was erased. Readers that are
// busy put it off to the next time.
func (s *Store) Truncate(ctx context.Context) error {
	o := &op{ctx: ctx, done: make(chan error, 1), alone: func(c *sql.Conn) error {
		var busy, pages, moved int
		return c.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
	}}
	return s.queue("empty the write-ahead log", o)
}
