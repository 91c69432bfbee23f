package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"sallyport/gate"
	"sallyport/gate/translog"
)

// tableStanding holds how lanes stood after each order and alarm.
const tableStanding = "standing"

// standingBody has the whole standing in the log.
func standingBody(event, by, doc string) json.RawMessage {
	return body("event", event, "by", by, "doc", doc)
}

// RecordStanding logs an event, and how the lane stands after it (gate.Recorder).
func (s *Store) RecordStanding(ctx context.Context, e gate.Event, after gate.LaneStanding) error {
	if err := gate.CheckStanding(e, after); err != nil {
		return err
	}
	doc, err := document(after)
	if err != nil {
		return fmt.Errorf("standing of %s: %w", after.Lane, err)
	}
	lane, kind, by := clean(string(after.Lane)), clean(string(e.Kind)), clean(e.By)
	return s.do(ctx, "record event "+kind, func(t *txn) error {
		if err := t.event(e); err != nil {
			return err
		}
		seq, err := t.entry(translog.Entry{At: e.At, Kind: tableStanding, Lane: lane, Row: tableStanding, Body: standingBody(kind, by, doc)})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO standing (seq, at, lane, event, by, doc) VALUES (?,?,?,?,?,?)", seq, stamp(e.At), lane, kind, by, doc)
	})
}

// Standings are how the lanes stood last (gate.Recorder).
func (s *Store) Standings(ctx context.Context) ([]gate.LaneStanding, error) {
	list, err := collect(func(rows *sql.Rows) (s gate.LaneStanding, err error) {
		var doc string
		if err := rows.Scan(&doc); err != nil {
			return s, err
		}
		return s, json.Unmarshal([]byte(doc), &s)
	})(s.r.QueryContext(ctx, "SELECT doc FROM standing WHERE seq IN (SELECT max(seq) FROM standing GROUP BY lane) ORDER BY lane"))
	return list, found("standings of lanes", err)
}
