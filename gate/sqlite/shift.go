package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/translog"
)

var (
	_ gate.AlarmStore    = (*Store)(nil)
	_ gate.ShiftStore    = (*Store)(nil)
	_ gate.FormStore     = (*Store)(nil)
	_ gate.PINStore      = (*Store)(nil)
	_ gate.OverrideStore = (*Store)(nil)
)

// The tables of what people do beside acts on vehicles.
const (
	tableAlarmStep = "alarm_step"
	tableShiftStep = "shift_step"
	tableFormStep  = "form_step"

	alarmRaised       = "raised"
	alarmAcknowledged = "acknowledged"
)

// alarmStepBody, shiftStepBody and formStepBody have the whole step in the log.
func alarmStepBody(alarm, kind, doc string) json.RawMessage {
	return body("alarm", alarm, "step", kind, "doc", doc)
}

func shiftStepBody(number, kind, doc string) json.RawMessage {
	return body("number", number, "step", kind, "doc", doc)
}

func formStepBody(number, kind, doc string) json.RawMessage {
	return body("number", number, "step", kind, "doc", doc)
}

// RecordAlarm adds an alarm (gate.AlarmStore).
func (s *Store) RecordAlarm(ctx context.Context, a gate.SiteAlarm) error {
	if err := gate.CheckAlarm(a); err != nil {
		return err
	}
	a.At = a.At.UTC()
	doc, err := document(a)
	if err != nil {
		return fmt.Errorf("alarm %s: %w", a.ID, err)
	}
	id, lane := clean(a.ID), clean(string(a.Lane))
	return s.do(ctx, "record alarm "+id, func(t *txn) error {
		if done, err := t.recorded("SELECT doc FROM alarm_step WHERE alarm = ? AND kind = 'raised'", id, doc); done || err != nil {
			return err
		}
		seq, err := t.entry(translog.Entry{At: a.At, Kind: tableAlarmStep, Lane: lane, Row: tableAlarmStep, Body: alarmStepBody(id, alarmRaised, doc)})
		if err != nil {
			return err
		}
		if err := t.exec("INSERT INTO alarm_step (seq, at, lane, alarm, kind, doc) VALUES (?,?,?,?,?,?)", seq, stamp(a.At), lane, id, alarmRaised, doc); err != nil {
			return err
		}
		if a.Kind != gate.AlarmDuress || a.Passage == "" {
			return nil
		}
		err = t.act(gate.Act{Kind: gate.ActDuress, Passage: a.Passage, By: a.By, At: a.At})
		if errors.Is(err, gate.ErrNotFound) {
			return nil // the alarm stands without the passage
		}
		return err
	})
}

// RecordAlarmAck adds that a person took note (gate.AlarmStore).
func (s *Store) RecordAlarmAck(ctx context.Context, k gate.AlarmAck) error {
	k.At = k.At.UTC()
	doc, err := document(k)
	if err != nil {
		return fmt.Errorf("alarm %s: %w", k.Alarm, err)
	}
	id := clean(k.Alarm)
	return s.do(ctx, "acknowledge alarm "+id, func(t *txn) error {
		if done, err := t.recorded("SELECT doc FROM alarm_step WHERE alarm = ? AND kind = 'acknowledged'", id, doc); done || err != nil {
			return err
		}
		var raised string
		err := t.get("SELECT doc FROM alarm_step WHERE alarm = ? AND kind = 'raised'", []any{id}, &raised)
		var a *gate.SiteAlarm
		switch {
		case err == nil:
			a = new(gate.SiteAlarm)
			if err := json.Unmarshal([]byte(raised), a); err != nil {
				return err
			}
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if err := gate.CheckAlarmAck(a, k); err != nil {
			return err
		}
		lane := clean(string(a.Lane))
		seq, err := t.entry(translog.Entry{At: k.At, Kind: tableAlarmStep, Lane: lane, Row: tableAlarmStep, Body: alarmStepBody(id, alarmAcknowledged, doc)})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO alarm_step (seq, at, lane, alarm, kind, doc) VALUES (?,?,?,?,?,?)", seq, stamp(k.At), lane, id, alarmAcknowledged, doc)
	})
}

func scanAlarm(rows *sql.Rows) (a gate.SiteAlarm, err error) {
	var doc string
	var ack sql.NullString
	if err := rows.Scan(&doc, &ack); err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(doc), &a); err != nil {
		return a, err
	}
	a.Durable = true
	if ack.Valid {
		a.Ack = new(gate.AlarmAck)
		err = json.Unmarshal([]byte(ack.String), a.Ack)
	}
	return a, err
}

const alarms = "SELECT r.doc, k.doc FROM alarm_step r LEFT JOIN alarm_step k ON k.alarm = r.alarm AND k.kind = 'acknowledged' WHERE r.kind = 'raised'"

// OpenAlarms are those of which nobody took note (gate.AlarmStore).
func (s *Store) OpenAlarms(ctx context.Context) ([]gate.SiteAlarm, error) {
	list, err := collect(scanAlarm)(s.r.QueryContext(ctx, alarms+" AND k.seq IS NULL ORDER BY r.seq"))
	return list, found("open alarms", err)
}

// RecentAlarms are the last n (gate.AlarmStore).
func (s *Store) RecentAlarms(ctx context.Context, n int) ([]gate.SiteAlarm, error) {
	list, err := collect(scanAlarm)(s.r.QueryContext(ctx, alarms+" ORDER BY r.seq DESC LIMIT ?", min(n, maxPage)))
	return list, found("alarms", err)
}

func scanShift(rows *sql.Rows) (s gate.ShiftStep, err error) {
	var doc string
	var seq int64
	if err := rows.Scan(&seq, &doc); err != nil {
		return s, err
	}
	err = json.Unmarshal([]byte(doc), &s)
	s.Seq = seq
	return s, err
}

// RecordShift adds a step of a shift (gate.ShiftStore).
func (s *Store) RecordShift(ctx context.Context, step gate.ShiftStep) error {
	step.Seq, step.At = 0, step.At.UTC()
	doc, err := document(step)
	if err != nil {
		return fmt.Errorf("shift of %s: %w", step.Lane, err)
	}
	lane, number, kind := clean(string(step.Lane)), strconv.Itoa(step.Number), clean(string(step.Kind))
	return s.do(ctx, "record shift of "+lane, func(t *txn) error {
		var there string
		err := t.get("SELECT doc FROM shift_step WHERE lane = ? AND number = ?", []any{lane, number}, &there)
		switch {
		case err == nil && there == doc:
			return nil
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return err
		}
		list, err := collect(scanShift)(t.query("SELECT seq, doc FROM shift_step WHERE lane = ? ORDER BY seq DESC LIMIT 1", lane))
		if err != nil {
			return err
		}
		var last *gate.ShiftStep
		if len(list) == 1 {
			last = &list[0]
		}
		if err := gate.CheckShift(last, step); err != nil {
			return err
		}
		seq, err := t.entry(translog.Entry{At: step.At, Kind: tableShiftStep, Lane: lane, Row: tableShiftStep, Body: shiftStepBody(number, kind, doc)})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO shift_step (seq, at, lane, number, kind, doc) VALUES (?,?,?,?,?,?)", seq, stamp(step.At), lane, number, kind, doc)
	})
}

// LastShifts is the last step of each lane (gate.ShiftStore).
func (s *Store) LastShifts(ctx context.Context) ([]gate.ShiftStep, error) {
	list, err := collect(scanShift)(s.r.QueryContext(ctx, "SELECT seq, doc FROM shift_step WHERE seq IN (SELECT max(seq) FROM shift_step GROUP BY lane) ORDER BY lane"))
	return list, found("shifts", err)
}

// ShiftSteps are steps, newest first (gate.ShiftStore).
func (s *Store) ShiftSteps(ctx context.Context, lane gate.LaneID, before int64, n int) ([]gate.ShiftStep, error) {
	list, err := collect(scanShift)(s.r.QueryContext(ctx,
		"SELECT seq, doc FROM shift_step WHERE (? = '' OR lane = ?) AND (? = 0 OR seq < ?) ORDER BY seq DESC LIMIT ?",
		string(lane), string(lane), before, before, min(n, maxPage)))
	return list, found("shifts", err)
}

// CountShift counts what happened at a lane (gate.ShiftStore).
func (s *Store) CountShift(ctx context.Context, lane gate.LaneID, from, until time.Time) (c gate.ShiftCounts, err error) {
	within := []any{sql.Named("lane", string(lane)), sql.Named("from", stamp(from)), sql.Named("until", stamp(until))}
	err = s.beside(ctx, func(q querier) error {
		one := func(query string, to ...any) error {
			rows, err := q(query, within...)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }() // read to the end
			if rows.Next() {
				err = rows.Scan(to...)
			}
			return errors.Join(err, rows.Err())
		}
		return errors.Join(
			one(`SELECT count(*), coalesce(sum(latest = 'grant'), 0), coalesce(sum(latest = 'flag'), 0), coalesce(sum(latest = 'deny'), 0)
				FROM (SELECT coalesce((SELECT r.outcome FROM reassessment r WHERE r.passage = p.id ORDER BY r.seq DESC LIMIT 1), p.outcome) AS latest
				FROM passage p WHERE p.lane = :lane AND p.at >= :from AND p.at < :until AND p.outcome <> '')`, &c.Arrivals, &c.Grants, &c.Flags, &c.Denies),
			// Who is still at the line is among the last who came, in whosever shift.
			one(`SELECT count(*) FROM (SELECT id FROM passage WHERE lane = :lane AND at < :until ORDER BY at DESC LIMIT 100) p
				WHERE NOT EXISTS (SELECT 1 FROM outcome o WHERE o.passage = p.id)`, &c.Held),
			one(`SELECT coalesce(sum(ending = 'admitted'), 0), coalesce(sum(ending = 'refused'), 0), coalesce(sum(ending = 'inspection'), 0)
				FROM outcome WHERE lane = :lane AND at >= :from AND at < :until AND passage NOT IN (SELECT id FROM passage WHERE lane = :lane AND at >= :from AND outcome = '')`, &c.Admitted, &c.TurnedAway, &c.Inspected),
			one("SELECT count(*) FROM act WHERE kind = 'override' AND lane = :lane AND at >= :from AND at < :until", &c.Overrides),
			one("SELECT count(*) FROM form_step WHERE kind = 'entered' AND lane = :lane AND at >= :from AND at < :until", &c.Forms),
			one(`SELECT coalesce(sum(json_extract(doc, '$.silent') IS NULL), 0), coalesce(sum(json_extract(doc, '$.kind') = 'duress'), 0)
				FROM alarm_step WHERE kind = 'raised' AND lane = :lane AND at >= :from AND at < :until`, &c.Alarms, &c.Duress),
			one(`SELECT coalesce(sum(json_extract(entry, '$.kind') = 'device-fault'), 0), coalesce(sum(json_extract(entry, '$.kind') = 'act-refused'), 0)
				FROM log WHERE seq > coalesce((SELECT max(seq) FROM shift_step WHERE lane = :lane AND at <= :from), -1)
				AND json_extract(entry, '$.lane') = :lane AND json_extract(entry, '$.kind') IN ('device-fault', 'act-refused')`, &c.Faults, &c.Refused),
		)
	})
	return c, found("count of a shift", err)
}

func scanForm(rows *sql.Rows) (s gate.FormStep, err error) {
	var doc string
	var seq int64
	if err := rows.Scan(&seq, &doc); err != nil {
		return s, err
	}
	err = json.Unmarshal([]byte(doc), &s)
	s.Seq = seq
	return s, err
}

const formSteps = "SELECT seq, doc FROM form_step WHERE lane = ? ORDER BY seq"

// RecordForm adds a step of a paper form and, where it was entered, its record
// (gate.FormStore).
func (s *Store) RecordForm(ctx context.Context, step gate.FormStep, r *gate.FormRecord) error {
	step.Seq, step.At = 0, step.At.UTC()
	doc, err := document(step)
	if err != nil {
		return fmt.Errorf("form of %s: %w", step.Lane, err)
	}
	passage := func(*txn) error { return nil }
	if r != nil {
		if passage, err = passageWriter(r.Passage); err != nil {
			return err
		}
	}
	lane, number, kind := clean(string(step.Lane)), strconv.Itoa(step.Number), clean(string(step.Kind))
	return s.do(ctx, "record form of "+lane, func(t *txn) error {
		var there string
		err := t.get("SELECT doc FROM form_step WHERE lane = ? AND number = ?", []any{lane, number}, &there)
		switch {
		case err == nil && there == doc:
			return nil
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return err
		}
		before, err := collect(scanForm)(t.query(formSteps, lane))
		if err != nil {
			return err
		}
		if err := gate.CheckForm(before, step, r); err != nil {
			return err
		}
		if r != nil {
			if err := passage(t); err != nil {
				return err
			}
			if err := t.act(r.Act); err != nil {
				return err
			}
			if err := t.outcome(r.Outcome); err != nil {
				return err
			}
		}
		seq, err := t.entry(translog.Entry{At: step.At, Kind: tableFormStep, Lane: lane, Row: tableFormStep, Body: formStepBody(number, kind, doc)})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO form_step (seq, at, lane, number, kind, doc) VALUES (?,?,?,?,?,?)", seq, stamp(step.At), lane, number, kind, doc)
	})
}

// FormSteps are all steps of a lane (gate.FormStore).
func (s *Store) FormSteps(ctx context.Context, lane gate.LaneID) ([]gate.FormStep, error) {
	list, err := collect(scanForm)(s.r.QueryContext(ctx, formSteps, string(lane)))
	return list, found("forms", err)
}

const pinColumns = "SELECT u.name, u.role, p.hash, p.tries, p.locked_until FROM pin p JOIN user u ON u.id = p.user_id WHERE u.disabled = 0"

func scanPIN(scan func(...any) error) (h gate.PINHolder, err error) {
	var role, until string
	if err := scan(&h.Name, &role, &h.PIN.Hash, &h.PIN.Tries, &until); err != nil {
		return gate.PINHolder{}, err
	}
	h.Role = auth.Role(role)
	if until != "" {
		h.PIN.LockedUntil, err = instant(until)
	}
	return h, err
}

// PINHolders are all who have a PIN, without its hash (gate.PINStore).
func (s *Store) PINHolders(ctx context.Context) ([]gate.PINHolder, error) {
	list, err := collect(func(rows *sql.Rows) (gate.PINHolder, error) {
		h, err := scanPIN(rows.Scan)
		h.PIN.Hash = ""
		return h, err
	})(s.r.QueryContext(ctx, pinColumns+" ORDER BY u.name"))
	return list, found("people with a PIN", err)
}

// PINOf is one of them (gate.PINStore).
func (s *Store) PINOf(ctx context.Context, name string) (gate.PINHolder, error) {
	h, err := scanPIN(s.r.QueryRowContext(ctx, pinColumns+" AND u.name = ?", name).Scan)
	return h, found("PIN of "+name, err)
}

// TryPIN counts one try (gate.PINStore).
func (s *Store) TryPIN(ctx context.Context, name string, at time.Time) (h gate.PINHolder, ok bool, err error) {
	err = s.do(ctx, "try PIN of "+name, func(t *txn) error {
		st, err := t.stmt(pinColumns + " AND u.name = ?")
		if err != nil {
			return err
		}
		if h, err = scanPIN(st.QueryRowContext(context.Background(), name).Scan); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				err = gate.ErrNotFound
			}
			return err
		}
		if h.PIN, ok = h.PIN.Try(at); !ok {
			return nil
		}
		until := ""
		if !h.PIN.LockedUntil.IsZero() {
			until = stamp(h.PIN.LockedUntil)
		}
		return t.must("UPDATE pin SET tries = ?, locked_until = ? WHERE user_id = (SELECT id FROM user WHERE name = ?)", h.PIN.Tries, until, name)
	})
	if err != nil {
		return gate.PINHolder{}, false, err
	}
	return h, ok, nil
}

// PINPassed forgets the tries (gate.PINStore).
func (s *Store) PINPassed(ctx context.Context, name string) error {
	return s.do(ctx, "PIN of "+name, func(t *txn) error {
		return t.must("UPDATE pin SET tries = 0, locked_until = '' WHERE user_id = (SELECT id FROM user WHERE name = ?)", name)
	})
}

// SetPIN sets or takes away a PIN (gate.PINStore).
func (s *Store) SetPIN(ctx context.Context, name, hash string) error {
	return s.do(ctx, "set PIN of "+name, func(t *txn) error {
		var id string
		if err := t.get("SELECT id FROM user WHERE name = ?", []any{name}, &id); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				err = gate.ErrNotFound
			}
			return err
		}
		if hash == "" {
			return t.exec("DELETE FROM pin WHERE user_id = ?", id)
		}
		return t.exec("INSERT INTO pin (user_id, hash) VALUES (?, ?) ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, tries = 0, locked_until = ''", id, hash)
	})
}

// OverridesSince are the overrides of all lanes (gate.OverrideStore).
func (s *Store) OverridesSince(ctx context.Context, from time.Time) ([]gate.OverrideMade, error) {
	list, err := collect(func(rows *sql.Rows) (m gate.OverrideMade, err error) {
		var at string
		if err := rows.Scan(&m.Lane, &m.By, &m.Supervisor, &at); err != nil {
			return m, err
		}
		m.At, err = instant(at)
		return m, err
	})(s.r.QueryContext(ctx, "SELECT lane, by, supervisor, at FROM act WHERE kind = 'override' AND at >= ? ORDER BY seq", stamp(from)))
	return list, found("overrides", err)
}
