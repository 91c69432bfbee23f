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

var _ gate.InspectionStore = (*Store)(nil)

// RecordInspection makes an inspection durable, without its acts and
// photographs (gate.InspectionStore).
func (s *Store) RecordInspection(ctx context.Context, i gate.Inspection) error {
	i.VIN = clean(gate.NormalVIN(i.VIN))
	if i.ID == "" || i.VIN == "" {
		return errors.New("inspection without an id or a VIN")
	}
	i.Acts, i.Photos = nil, nil
	doc, err := document(i)
	if err != nil {
		return fmt.Errorf("inspection %s: %w", i.ID, err)
	}
	id, by := clean(i.ID), clean(i.By)
	kept := seal(i.VIN, doc)
	return s.do(ctx, "record inspection "+id, func(t *txn) error {
		if done, err := t.recorded("SELECT doc FROM inspection WHERE id = ?", id, doc); done || err != nil {
			return err
		}
		seq, err := t.entry(translog.Entry{
			At: i.At, Kind: tableInspection, Row: tableInspection,
			Body: body("id", id, "by", by, "expires", stamp(i.Expires)), Commit: &kept.commit,
		})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO inspection (seq, at, id, by, expires, salt, vin, doc) VALUES (?,?,?,?,?,?,?,?)",
			seq, stamp(i.At), id, by, stamp(i.Expires), kept.salt, i.VIN, doc)
	})
}

// onInspection makes sure that something can be added to an inspection.
func (t *txn) onInspection(id string) error {
	var there bool
	err := t.get("SELECT doc IS NOT NULL FROM inspection WHERE id = ?", []any{id}, &there)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("inspection %s: %w", id, gate.ErrNotFound)
	case err == nil && !there:
		return fmt.Errorf("inspection %s: %w", id, gate.ErrErased)
	}
	return err
}

// RecordInspectionActs adds acts to inspections, all or none
// (gate.InspectionStore).
func (s *Store) RecordInspectionActs(ctx context.Context, acts ...gate.InspectionAct) error {
	return s.do(ctx, "record acts on inspections", func(t *txn) error {
		for _, a := range acts {
			if err := t.inspectionAct(a); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *txn) inspectionAct(a gate.InspectionAct) error {
	id, kind, by, note := clean(a.Inspection), clean(string(a.Kind)), clean(a.By), clean(a.Note)
	if err := t.onInspection(id); err != nil {
		return err
	}
	// An inspection is confirmed once by each person, and ended once in each way.
	once, args := "SELECT at, by, coalesce(note, '') FROM inspection_act WHERE inspection = ? AND kind = ?", []any{id, kind}
	if !a.Kind.Ends() {
		once, args = once+" AND by = ?", append(args, by)
	}
	var thereAt, thereBy, thereNote string
	err := t.get(once, args, &thereAt, &thereBy, &thereNote)
	switch {
	case err == nil && thereAt == stamp(a.At) && thereBy == by && thereNote == note:
		return nil
	case err == nil:
		return fmt.Errorf("inspection %s is %s: %w", id, kind, gate.ErrExists)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	kept := seal(note)
	seq, err := t.entry(translog.Entry{
		At: a.At, Kind: tableInspectionAct, Row: tableInspectionAct,
		Body: inspectionActBody(id, kind, by), Commit: &kept.commit,
	})
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO inspection_act (seq, at, inspection, kind, by, salt, note) VALUES (?,?,?,?,?,?,?)",
		seq, stamp(a.At), id, kind, by, kept.salt, note)
}

func inspectionActBody(id, kind, by string) json.RawMessage {
	return body("inspection", id, "act", kind, "by", by)
}

// RecordPhoto adds a photograph to an inspection (gate.InspectionStore).
func (s *Store) RecordPhoto(ctx context.Context, p gate.PhotoData) error {
	id, by, kind, sum := clean(p.Inspection), clean(p.By), clean(p.Type), clean(p.SHA256)
	kept := seal(sum, string(p.Data))
	return s.do(ctx, "record photograph of "+id, func(t *txn) error {
		if err := t.onInspection(id); err != nil {
			return err
		}
		var there, all int
		if err := t.get("SELECT count(*) FILTER (WHERE sha256 = ?), count(*) FROM photo WHERE inspection = ?", []any{sum, id}, &there, &all); err != nil || there > 0 {
			return err
		}
		if all >= gate.MaxPhotos {
			return fmt.Errorf("inspection %s has %d photographs: %w", id, all, gate.ErrTooMany)
		}
		seq, err := t.entry(translog.Entry{
			At: p.At, Kind: tablePhoto, Row: tablePhoto, Body: photoBody(id, kind, by), Commit: &kept.commit,
		})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO photo (seq, at, inspection, type, by, salt, sha256, data) VALUES (?,?,?,?,?,?,?,?)",
			seq, stamp(p.At), id, kind, by, kept.salt, sum, p.Data)
	})
}

func photoBody(id, kind, by string) json.RawMessage {
	return body("inspection", id, "type", kind, "by", by)
}

// Photo is the picture of a photograph (gate.InspectionStore).
func (s *Store) Photo(ctx context.Context, inspection, sum string) (data []byte, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT data FROM photo WHERE inspection = ? AND sha256 = ?", inspection, sum).Scan(&data)
	return data, found("photograph "+sum, err)
}

// Inspections are those in time (gate.Registry): made at or before the instant,
// and expiring after it, with their acts.
func (s *Store) Inspections(ctx context.Context, vin string, at time.Time) ([]gate.Inspection, error) {
	list, err := s.inspections(ctx, false, "vin = ? AND at <= ? AND expires > ?", gate.NormalVIN(vin), stamp(at), stamp(at))
	if err != nil {
		return nil, fmt.Errorf("inspections: %w", err)
	}
	return list, nil
}

// InspectionHistory is all that is kept of a vehicle's inspections, newest
// first (gate.InspectionStore).
func (s *Store) InspectionHistory(ctx context.Context, vin string) ([]gate.Inspection, error) {
	list, err := s.inspections(ctx, true, "vin = ?", gate.NormalVIN(vin))
	if err != nil {
		return nil, fmt.Errorf("inspections: %w", err)
	}
	return list, nil
}

// Inspection is one inspection (gate.InspectionStore).
func (s *Store) Inspection(ctx context.Context, id string) (gate.Inspection, error) {
	list, err := s.inspections(ctx, true, "id = ?", id)
	if err == nil && len(list) == 0 {
		err = gate.ErrNotFound
	}
	if err != nil {
		return gate.Inspection{}, fmt.Errorf("inspection %s: %w", id, err)
	}
	return list[0], nil
}

// inspectionPage is how many inspections are read at a time.
const inspectionPage = 500

// EachInspection hands on every inspection that is kept, oldest first, with its
// acts and without its photographs (gate.InspectionStore).
func (s *Store) EachInspection(ctx context.Context, take func(gate.Inspection) error) error {
	type keyed struct {
		seq int64
		in  gate.Inspection
	}
	for after := int64(-1); ; {
		page, err := collect(func(rows *sql.Rows) (k keyed, err error) {
			var doc string
			if err := rows.Scan(&k.seq, &doc); err != nil {
				return k, err
			}
			k.in, err = readInspection(doc)
			return k, err
		})(s.r.QueryContext(ctx, "SELECT seq, doc FROM inspection WHERE doc IS NOT NULL AND seq > ? ORDER BY seq LIMIT ?", after, inspectionPage))
		if err != nil {
			return fmt.Errorf("inspections: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		last := page[len(page)-1].seq
		acts, err := s.inspectionActs(ctx, "seq > ? AND seq <= ?", after, last)
		if err != nil {
			return fmt.Errorf("inspections: %w", err)
		}
		for _, k := range page {
			k.in.Acts = acts[k.in.ID]
			if err := take(k.in); err != nil {
				return err
			}
		}
		after = last
	}
}

// inspections reads those that the condition chooses, newest first.
func (s *Store) inspections(ctx context.Context, photos bool, where string, args ...any) ([]gate.Inspection, error) {
	list, err := collect(func(rows *sql.Rows) (gate.Inspection, error) {
		var doc string
		if err := rows.Scan(&doc); err != nil {
			return gate.Inspection{}, err
		}
		return readInspection(doc)
	})(s.r.QueryContext(ctx, "SELECT doc FROM inspection WHERE doc IS NOT NULL AND "+where+" ORDER BY seq DESC", args...))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	acts, err := s.inspectionActs(ctx, where, args...)
	if err != nil {
		return nil, err
	}
	var pictures map[string][]gate.Photo
	if photos {
		if pictures, err = s.photos(ctx, where, args...); err != nil {
			return nil, err
		}
	}
	for i := range list {
		list[i].Acts, list[i].Photos = acts[list[i].ID], pictures[list[i].ID]
	}
	return list, nil
}

// inspectionActs are the acts on the inspections that the condition chooses.
func (s *Store) inspectionActs(ctx context.Context, where string, args ...any) (map[string][]gate.InspectionAct, error) {
	list, err := collect(func(rows *sql.Rows) (a gate.InspectionAct, err error) {
		var at string
		var note sql.NullString
		if err := rows.Scan(&a.Inspection, &a.Kind, &a.By, &at, &note); err != nil {
			return a, err
		}
		a.Note = note.String
		a.At, err = instant(at)
		return a, err
	})(s.r.QueryContext(ctx, `SELECT inspection, kind, by, at, note FROM inspection_act
		WHERE inspection IN (SELECT id FROM inspection WHERE doc IS NOT NULL AND `+where+`) ORDER BY seq`, args...))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	m := make(map[string][]gate.InspectionAct)
	for _, a := range list {
		m[a.Inspection] = append(m[a.Inspection], a)
	}
	return m, nil
}

func (s *Store) photos(ctx context.Context, where string, args ...any) (map[string][]gate.Photo, error) {
	type of struct {
		id string
		p  gate.Photo
	}
	list, err := collect(func(rows *sql.Rows) (o of, err error) {
		var at string
		if err := rows.Scan(&o.id, &o.p.SHA256, &o.p.Type, &o.p.Size, &o.p.By, &at); err != nil {
			return o, err
		}
		o.p.At, err = instant(at)
		return o, err
	})(s.r.QueryContext(ctx, `SELECT inspection, sha256, type, length(data), by, at FROM photo
		WHERE data IS NOT NULL AND inspection IN (SELECT id FROM inspection WHERE doc IS NOT NULL AND `+where+`) ORDER BY seq`, args...))
	if err != nil {
		return nil, err
	}
	m := make(map[string][]gate.Photo)
	for _, o := range list {
		m[o.id] = append(m[o.id], o.p)
	}
	return m, nil
}

// readInspection reads an inspection in its stored form. The first version of
// the program kept one identifier, seen by a person, and its kind:
//
//	{"id":…,"vin":…,"role":"tcu","kind":"fcc_id","value":"…","by":…,"at":…,"expires":…}
func readInspection(doc string) (i gate.Inspection, err error) {
	if err := json.Unmarshal([]byte(doc), &i); err != nil || i.Subject != "" {
		return i, err
	}
	var old struct{ Kind, Value string }
	if err := json.Unmarshal([]byte(doc), &old); err != nil {
		return i, err
	}
	i.Subject, i.Kind, i.Result = gate.SubjectUnit, gate.KindSeen, gate.ResultFound
	if i.Role == "device" {
		i.Subject = gate.SubjectDevice
	}
	if old.Kind == "no_modem" {
		i.Result = gate.ResultNone
	} else if old.Kind != "" {
		i.Read = []gate.Reading{{Kind: old.Kind, Value: old.Value}}
	}
	return i, nil
}
