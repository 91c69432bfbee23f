package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
)

const tableHold = "hold"

func holdBody(id, kind, by string) json.RawMessage {
	return body("hold", id, "act", kind, "by", by)
}

// inForceHold is the condition of a hold h that has not been lifted.
const inForceHold = "h.kind = 'placed' AND h.salt IS NOT NULL AND NOT EXISTS (SELECT 1 FROM hold l WHERE l.id = h.id AND l.kind = 'lifted')"

// heldBy is the condition that a hold in force names the VIN or the plate.
func heldBy(vin, plate string) string {
	return "EXISTS (SELECT 1 FROM hold h WHERE " + inForceHold + " AND (h.vin <> '' AND h.vin = " + vin + " OR h.plate <> '' AND h.plate = " + plate + "))"
}

// PlaceHold keeps the records of a vehicle from erasure, and gives the hold's id.
func (s *Store) PlaceHold(ctx context.Context, h gate.Hold) (id string, err error) {
	if h.DataSubject, err = h.Normal(); err != nil {
		return "", fmt.Errorf("hold: %w", err)
	}
	if strings.TrimSpace(h.By) == "" || strings.TrimSpace(h.Why) == "" {
		return "", errors.New("hold: nobody places it, or no reason")
	}
	id = strings.ToLower(rand.Text()[:10])
	return id, s.recordHold(ctx, id, gate.HoldPlaced, h)
}

// LiftHold ends a hold: gate.ErrNotFound where there is none, gate.ErrExists
// where it has been lifted.
func (s *Store) LiftHold(ctx context.Context, id, by, why string, at time.Time) error {
	return s.recordHold(ctx, clean(id), gate.HoldLifted, gate.Hold{By: by, Why: why, At: at})
}

func (s *Store) recordHold(ctx context.Context, id, kind string, h gate.Hold) error {
	by, vin, plate, why := clean(h.By), clean(h.VIN), clean(h.Plate), clean(h.Why)
	kept := seal(vin, plate, why)
	return s.do(ctx, "hold "+id, func(t *txn) error {
		var placed, lifted int
		if err := t.get("SELECT count(*) FILTER (WHERE kind = 'placed' AND salt IS NOT NULL), count(*) FILTER (WHERE kind = 'lifted') FROM hold WHERE id = ?", []any{id}, &placed, &lifted); err != nil {
			return err
		}
		switch {
		case kind == gate.HoldLifted && lifted > 0:
			return gate.ErrExists
		case kind == gate.HoldLifted && placed == 0:
			return gate.ErrNotFound
		}
		seq, err := t.entry(translog.Entry{At: h.At, Kind: tableHold, Row: tableHold, Body: holdBody(id, kind, by), Commit: &kept.commit})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO hold (seq, at, id, kind, by, salt, vin, plate, why) VALUES (?,?,?,?,?,?,?,?,?)",
			seq, stamp(h.At), id, kind, by, kept.salt, vin, plate, why)
	})
}

// Holds are all that are kept, oldest first, also those that were lifted.
func (s *Store) Holds(ctx context.Context) ([]gate.Hold, error) {
	list, err := collect(func(rows *sql.Rows) (h gate.Hold, err error) {
		var at string
		var lifted sql.NullString
		if err := rows.Scan(&h.ID, &at, &h.By, &h.VIN, &h.Plate, &h.Why, &lifted); err != nil {
			return h, err
		}
		if h.At, err = instant(at); err == nil && lifted.Valid {
			h.Lifted, err = instant(lifted.String)
		}
		return h, err
	})(s.r.QueryContext(ctx, `SELECT h.id, h.at, h.by, h.vin, h.plate, h.why, (SELECT l.at FROM hold l WHERE l.id = h.id AND l.kind = 'lifted')
		FROM hold h WHERE h.kind = 'placed' AND h.salt IS NOT NULL ORDER BY h.seq`))
	if err != nil {
		return nil, fmt.Errorf("holds: %w", err)
	}
	return list, nil
}
