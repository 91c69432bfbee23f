package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
)

var (
	_ gate.WatchStore = (*Store)(nil)
	_ gate.PassStore  = (*Store)(nil)
)

const (
	tableWatch     = "watch"
	tableWatchStep = "watch_step"
	tablePass      = "pass"
	tablePassStep  = "pass_step"
)

func watchBody(id, kind, by string) json.RawMessage { return body("id", id, "kind", kind, "by", by) }
func passBody(id, until, by string) json.RawMessage { return body("id", id, "until", until, "by", by) }
func stepBody(of, kind, by string) json.RawMessage  { return body("of", of, "step", kind, "by", by) }

// listed is an entry of the watch list or a pass on its way to its row.
type listed struct {
	entry            translog.Entry
	id, second, by   string // kept for ever
	vin, plate, doc  string
	kept             sealed
	there, intoTable string
}

// list records entries, or passes, all or none.
func (s *Store) list(ctx context.Context, what string, rows []listed) error {
	return s.do(ctx, what, func(t *txn) error {
		for _, w := range rows {
			if done, err := t.recorded(w.there, w.id, w.doc); err != nil {
				return fmt.Errorf("%s: %w", w.id, err)
			} else if done {
				continue
			}
			seq, err := t.entry(w.entry)
			if err != nil {
				return err
			}
			if err := t.exec(w.intoTable, seq, stamp(w.entry.At), w.id, w.second, w.by, w.kept.salt, w.vin, w.plate, w.doc); err != nil {
				return err
			}
		}
		return nil
	})
}

// step adds a step to what is listed under an id.
func (t *txn) step(table, into string, e translog.Entry, of, kind, by, note string) error {
	kept := seal(note)
	e.Kind, e.Row, e.Body, e.Commit = table, table, stepBody(of, kind, by), &kept.commit
	seq, err := t.entry(e)
	if err != nil {
		return err
	}
	return t.exec(into, seq, stamp(e.At), of, kind, by, kept.salt, note)
}

// RecordWatch adds entries to the watch list (gate.WatchStore).
func (s *Store) RecordWatch(ctx context.Context, list ...gate.WatchEntry) error {
	rows := make([]listed, len(list))
	for i, e := range list {
		e.Steps, e.At = nil, e.At.UTC()
		if err := e.Check(); err != nil {
			return fmt.Errorf("entry %d of %d: %w", i+1, len(list), err)
		}
		doc, err := document(e)
		if err != nil {
			return err
		}
		w := listed{
			id: clean(e.ID), second: clean(string(e.Kind)), by: clean(e.By), doc: doc,
			there:     "SELECT doc FROM watch WHERE id = ?",
			intoTable: "INSERT INTO watch (seq, at, id, kind, by, salt, vin, plate, doc) VALUES (?,?,?,?,?,?,?,?,?)",
		}
		switch e.Kind {
		case gate.WatchVIN:
			w.vin = clean(e.Value)
		case gate.WatchPlate:
			w.plate = clean(e.Value)
		case gate.WatchMaker, gate.WatchGroup:
		}
		w.kept = seal(w.vin, w.plate, doc)
		w.entry = translog.Entry{At: e.At, Kind: tableWatch, Row: tableWatch, Body: watchBody(w.id, w.second, w.by), Commit: &w.kept.commit}
		rows[i] = w
	}
	return s.list(ctx, "record on the watch list", rows)
}

// RecordWatchStep adds a step to an entry (gate.WatchStore).
func (s *Store) RecordWatchStep(ctx context.Context, k gate.WatchStep) error {
	k.Entry, k.By, k.Note = clean(k.Entry), clean(k.By), clean(k.Note)
	return s.do(ctx, "record a step of the watch list", func(t *txn) error {
		var doc sql.NullString
		err := t.get("SELECT doc FROM watch WHERE id = ?", []any{k.Entry}, &doc)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return gate.ErrNotFound
		case err != nil:
			return err
		case !doc.Valid:
			return gate.ErrErased
		}
		e := gate.WatchEntry{ID: k.Entry}
		if e.Steps, err = collect(scanWatchStep)(t.query("SELECT watch, at, kind, by, note FROM watch_step WHERE watch = ? ORDER BY seq", k.Entry)); err != nil {
			return err
		}
		if err := gate.CheckWatchStep(&e, k); err != nil {
			return err
		}
		return t.step(tableWatchStep, "INSERT INTO watch_step (seq, at, watch, kind, by, salt, note) VALUES (?,?,?,?,?,?,?)",
			translog.Entry{At: k.At}, k.Entry, clean(string(k.Kind)), k.By, k.Note)
	})
}

func scanWatchStep(rows *sql.Rows) (k gate.WatchStep, err error) {
	err = scanStep(rows, &k.Entry, &k.At, &k.Kind, &k.By, &k.Note)
	return k, err
}

// scanStep reads one step on something that is kept: what it is on, when, which,
// by whom, and the note, which may have been erased.
func scanStep(rows *sql.Rows, of any, at *time.Time, kind, by any, note *string) (err error) {
	var when string
	var said sql.NullString
	if err := rows.Scan(of, &when, kind, by, &said); err != nil {
		return err
	}
	*note = said.String
	*at, err = instant(when)
	return err
}

// Watch are all entries that are kept (gate.WatchStore).
func (s *Store) Watch(ctx context.Context) ([]gate.WatchEntry, error) {
	list, err := collect(scanDoc[gate.WatchEntry])(s.r.QueryContext(ctx, "SELECT doc FROM watch WHERE doc IS NOT NULL ORDER BY seq"))
	if err != nil {
		return nil, fmt.Errorf("watch list: %w", err)
	}
	steps, err := collect(scanWatchStep)(s.r.QueryContext(ctx, "SELECT watch, at, kind, by, note FROM watch_step ORDER BY seq"))
	if err != nil {
		return nil, fmt.Errorf("watch list: %w", err)
	}
	of := make(map[string][]gate.WatchStep)
	for _, k := range steps {
		of[k.Entry] = append(of[k.Entry], k)
	}
	for i := range list {
		list[i].Steps = of[list[i].ID]
	}
	return list, nil
}

// RecordPass keeps a pass (gate.PassStore).
func (s *Store) RecordPass(ctx context.Context, p gate.VehiclePass) error {
	p.Steps, p.At = nil, p.At.UTC()
	if err := p.Check(); err != nil {
		return err
	}
	doc, err := document(p)
	if err != nil {
		return err
	}
	w := listed{
		id: clean(p.ID), second: stamp(p.Until), by: clean(p.By), vin: clean(p.VIN), plate: clean(p.Plate), doc: doc,
		there:     "SELECT doc FROM pass WHERE id = ?",
		intoTable: "INSERT INTO pass (seq, at, id, until, by, salt, vin, plate, doc) VALUES (?,?,?,?,?,?,?,?,?)",
	}
	w.kept = seal(w.vin, w.plate, doc)
	w.entry = translog.Entry{At: p.At, Kind: tablePass, Row: tablePass, Body: passBody(w.id, w.second, w.by), Commit: &w.kept.commit}
	return s.list(ctx, "record a pass", []listed{w})
}

// RecordPassSteps adds steps to passes (gate.PassStore).
func (s *Store) RecordPassSteps(ctx context.Context, steps ...gate.PassStep) error {
	return s.do(ctx, "record steps of passes", func(t *txn) error {
		for _, k := range steps {
			k.Pass, k.By, k.Note = clean(k.Pass), clean(k.By), clean(k.Note)
			p := gate.VehiclePass{ID: k.Pass}
			var until string
			err := t.get("SELECT until FROM pass WHERE id = ?", []any{k.Pass}, &until)
			if errors.Is(err, sql.ErrNoRows) {
				err = gate.ErrNotFound
			}
			if err != nil {
				return err
			}
			if p.Until, err = instant(until); err != nil {
				return err
			}
			if p.Steps, err = collect(scanPassStep)(t.query("SELECT pass, at, kind, by, note FROM pass_step WHERE pass = ? ORDER BY seq", k.Pass)); err != nil {
				return err
			}
			if err := gate.CheckPassStep(&p, k); err != nil {
				return fmt.Errorf("pass %s: %w", k.Pass, err)
			}
			if err := t.step(tablePassStep, "INSERT INTO pass_step (seq, at, pass, kind, by, salt, note) VALUES (?,?,?,?,?,?,?)",
				translog.Entry{At: k.At}, k.Pass, clean(string(k.Kind)), k.By, k.Note); err != nil {
				return err
			}
		}
		return nil
	})
}

func scanPassStep(rows *sql.Rows) (k gate.PassStep, err error) {
	var at string
	var note sql.NullString
	if err := rows.Scan(&k.Pass, &at, &k.Kind, &k.By, &note); err != nil {
		return k, err
	}
	k.Note = note.String
	k.At, err = instant(at)
	return k, err
}

// Passes are all that are kept (gate.PassStore).
func (s *Store) Passes(ctx context.Context) ([]gate.VehiclePass, error) {
	list, err := collect(scanDoc[gate.VehiclePass])(s.r.QueryContext(ctx, "SELECT doc FROM pass WHERE doc IS NOT NULL ORDER BY seq"))
	if err != nil {
		return nil, fmt.Errorf("passes: %w", err)
	}
	steps, err := collect(scanPassStep)(s.r.QueryContext(ctx, "SELECT pass, at, kind, by, note FROM pass_step ORDER BY seq"))
	if err != nil {
		return nil, fmt.Errorf("passes: %w", err)
	}
	of := make(map[string][]gate.PassStep)
	for _, k := range steps {
		of[k.Pass] = append(of[k.Pass], k)
	}
	for i := range list {
		list[i].Steps = of[list[i].ID]
	}
	return list, nil
}
