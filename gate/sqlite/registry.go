package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"sallyport/gate"
	"sallyport/gate/translog"
	"sallyport/vin"
)

func scanDoc[T any](rows *sql.Rows) (v T, err error) {
	var doc string
	if err := rows.Scan(&doc); err != nil {
		return v, err
	}
	return v, json.Unmarshal([]byte(doc), &v)
}

// PutRegistrations enters vehicles into the site's list, all or none. A later
// line replaces an earlier one of the same VIN, or of the same plate where no
// VIN is given; one with an empty class takes the vehicle off the list.
func (s *Store) PutRegistrations(ctx context.Context, list ...gate.Registration) error {
	rows, err := listRows(list)
	if err != nil {
		return err
	}
	return s.do(ctx, "put registrations", func(t *txn) error {
		for _, w := range rows {
			if err := t.listed(w); err != nil {
				return err
			}
		}
		return nil
	})
}

// listRow is a line of the list on its way to its row.
type listRow struct {
	r    gate.Registration
	doc  string
	kept sealed
}

func listRows(list []gate.Registration) ([]listRow, error) {
	rows := make([]listRow, len(list))
	for i, r := range list {
		r.VIN, r.Plate = clean(gate.NormalVIN(r.VIN)), clean(gate.NormalPlate(r.Plate))
		if r.VIN == "" && r.Plate == "" {
			return nil, fmt.Errorf("registration %d of %d: neither VIN nor plate", i+1, len(list))
		}
		doc, err := document(r)
		if err != nil {
			return nil, fmt.Errorf("registration %d of %d: %w", i+1, len(list), err)
		}
		rows[i] = listRow{r, doc, seal(r.VIN, r.Plate, doc)}
	}
	return rows, nil
}

func (t *txn) listed(w listRow) error {
	class := clean(string(w.r.Class))
	seq, err := t.entry(translog.Entry{
		At: w.r.At, Kind: tableRegistration, Row: tableRegistration,
		Body: body("class", class), Commit: &w.kept.commit,
	})
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO registration (seq, at, class, salt, vin, plate, doc) VALUES (?,?,?,?,?,?,?)",
		seq, stamp(w.r.At), class, w.kept.salt, w.r.VIN, w.r.Plate, w.doc)
}

// Registration is what the list says of a vehicle (gate.Registry).
func (s *Store) Registration(ctx context.Context, vin, plate string) (gate.Registration, error) {
	vin, plate = gate.NormalVIN(vin), gate.NormalPlate(plate)
	if vin != "" {
		r, err := s.registration(ctx, "SELECT doc FROM registration WHERE vin = ? ORDER BY seq DESC LIMIT 1", vin)
		if !errors.Is(err, sql.ErrNoRows) {
			return s.inForce(ctx, r, err)
		}
	}
	if plate != "" {
		// A plate that a later line of the same VIN no longer has is free.
		r, err := s.registration(ctx, `SELECT p.doc FROM registration p WHERE p.plate = ?
			AND NOT EXISTS (SELECT 1 FROM registration v WHERE p.vin <> '' AND v.vin = p.vin AND v.seq > p.seq AND v.plate <> p.plate)
			ORDER BY p.seq DESC LIMIT 1`, plate)
		if !errors.Is(err, sql.ErrNoRows) {
			return s.inForce(ctx, r, err)
		}
	}
	return gate.Registration{}, fmt.Errorf("registration: %w", gate.ErrNotFound)
}

// Alike are the VINs on the list that may have been misread as what was read
// (gate.Registry).
func (s *Store) Alike(ctx context.Context, read string) ([]vin.VIN, error) {
	read = gate.NormalVIN(read)
	if len(read) != vin.Length {
		return nil, nil
	}
	list, err := collect(func(rows *sql.Rows) (v vin.VIN, err error) {
		return v, rows.Scan(&v)
	})(s.r.QueryContext(ctx, `SELECT r.vin FROM registration r WHERE length(r.vin) = 17 AND r.class <> ''
		AND (substr(r.vin, 1, 4) = ? OR substr(r.vin, 5, 4) = ? OR substr(r.vin, 9, 4) = ? OR substr(r.vin, 13) = ?)
		AND NOT EXISTS (SELECT 1 FROM registration n WHERE n.vin = r.vin AND n.seq > r.seq)
		ORDER BY r.vin`, read[:4], read[4:8], read[8:12], read[12:]))
	if err != nil {
		return nil, fmt.Errorf("registrations: %w", err)
	}
	return list, nil
}

func (s *Store) registration(ctx context.Context, query, arg string) (r gate.Registration, err error) {
	var doc string
	if err := s.r.QueryRowContext(ctx, query, arg).Scan(&doc); err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(doc), &r)
}

func (s *Store) inForce(ctx context.Context, r gate.Registration, err error) (gate.Registration, error) {
	if err != nil {
		return gate.Registration{}, fmt.Errorf("registration: %w", err)
	}
	if r.Class == "" {
		return gate.Registration{}, fmt.Errorf("registration: %w", gate.ErrNotFound)
	}
	return r, s.exempt(ctx, &r)
}

// Registrations is the list as it stands, by VIN and plate.
func (s *Store) Registrations(ctx context.Context) ([]gate.Registration, error) {
	list, err := collect(scanDoc[gate.Registration])(s.r.QueryContext(ctx, `SELECT doc FROM registration r
		WHERE doc IS NOT NULL AND class <> '' AND NOT EXISTS (
			SELECT 1 FROM registration n WHERE n.seq > r.seq AND
				(r.vin <> '' AND n.vin = r.vin OR r.vin = '' AND n.vin = '' AND n.plate = r.plate))
		ORDER BY vin, plate`))
	if err != nil {
		return nil, fmt.Errorf("registrations: %w", err)
	}
	return list, nil
}

// KeepPolicy keeps the source of a policy under which verdicts are given. One
// that is kept already is no error.
func (s *Store) KeepPolicy(ctx context.Context, p gate.PolicyDocument) error {
	hash, id := clean(p.Hash), clean(p.ID)
	if hash == "" {
		return errors.New("policy without a hash")
	}
	return s.do(ctx, "keep policy "+id, func(t *txn) error {
		var there int
		if err := t.get("SELECT count(*) FROM policy WHERE hash = ?", []any{hash}, &there); err != nil || there > 0 {
			return err
		}
		seq, err := t.entry(translog.Entry{At: p.At, Kind: tablePolicy, Row: tablePolicy, Body: policyBody(hash, id, p.Source)})
		if err != nil {
			return err
		}
		source := p.Source
		if source == nil {
			source = []byte{}
		}
		return t.exec("INSERT INTO policy (seq, at, hash, id, source) VALUES (?,?,?,?,?)", seq, stamp(p.At), hash, id, source)
	})
}

func policyBody(hash, id string, source []byte) json.RawMessage {
	sum := sha256.Sum256(source)
	return body("hash", hash, "id", id, "source_sha256", hex.EncodeToString(sum[:]))
}

// Policy is the policy of that hash, or gate.ErrNotFound.
func (s *Store) Policy(ctx context.Context, hash string) (gate.PolicyDocument, error) {
	p := gate.PolicyDocument{Hash: hash}
	var at string
	err := s.r.QueryRowContext(ctx, "SELECT id, source, at FROM policy WHERE hash = ?", hash).Scan(&p.ID, &p.Source, &at)
	if errors.Is(err, sql.ErrNoRows) {
		err = gate.ErrNotFound
	}
	if err == nil {
		p.At, err = instant(at)
	}
	if err != nil {
		return gate.PolicyDocument{}, fmt.Errorf("policy %s: %w", hash, err)
	}
	return p, nil
}

// Policies are all that have been kept, newest first, without their sources.
func (s *Store) Policies(ctx context.Context) ([]gate.PolicyDocument, error) {
	list, err := collect(func(rows *sql.Rows) (p gate.PolicyDocument, err error) {
		var at string
		if err := rows.Scan(&p.Hash, &p.ID, &at); err != nil {
			return p, err
		}
		p.At, err = instant(at)
		return p, err
	})(s.r.QueryContext(ctx, "SELECT hash, id, at FROM policy ORDER BY seq DESC"))
	if err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	return list, nil
}

const maxPage = 1000

// Passages are those that the filter chooses, newest first.
func (s *Store) Passages(ctx context.Context, f gate.PassageFilter) ([]gate.PassageSummary, error) {
	query := `SELECT seq, id, lane, at, latest, vin, plate, ending, doc IS NULL FROM (
		SELECT p.*, o.ending AS ending, coalesce(
			(SELECT r.outcome FROM reassessment r WHERE r.passage = p.id ORDER BY r.seq DESC LIMIT 1), p.outcome) AS latest
		FROM passage p LEFT JOIN outcome o ON o.passage = p.id) WHERE 1`
	var args []any
	where := func(cond string, arg any) {
		query += " AND " + cond
		args = append(args, arg)
	}
	if !f.From.IsZero() {
		where("at >= ?", stamp(f.From))
	}
	if !f.Until.IsZero() {
		where("at < ?", stamp(f.Until))
	}
	if f.Lane != "" {
		where("lane = ?", string(f.Lane))
	}
	if f.VIN != "" {
		where("vin = ?", gate.NormalVIN(f.VIN))
	}
	if f.Plate != "" {
		where("plate = ?", gate.NormalPlate(f.Plate))
	}
	if f.Outcome != 0 {
		where("latest = ?", outcomeNames[f.Outcome])
	}
	switch f.Ending {
	case "":
	case gate.EndOpen:
		query += " AND ending IS NULL"
	default:
		where("ending = ?", string(f.Ending))
	}
	if f.Before > 0 {
		where("seq < ?", f.Before)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	query += " ORDER BY seq DESC LIMIT ?"
	args = append(args, min(limit, maxPage))
	list, err := collect(scanSummary)(s.r.QueryContext(ctx, query, args...))
	if err != nil {
		return nil, fmt.Errorf("passages: %w", err)
	}
	return list, nil
}

func scanSummary(rows *sql.Rows) (p gate.PassageSummary, err error) {
	var at, outcome string
	var vin, plate, ending sql.NullString
	if err := rows.Scan(&p.Seq, &p.ID, &p.Lane, &at, &outcome, &vin, &plate, &ending, &p.Erased); err != nil {
		return p, err
	}
	p.Outcome, p.VIN, p.Plate, p.Ending = outcomeOf(outcome), vin.String, plate.String, gate.Ending(ending.String)
	p.At, err = instant(at)
	return p, err
}

// Passage is everything kept of one passage, or gate.ErrNotFound.
func (s *Store) Passage(ctx context.Context, id gate.PassageID) (rec gate.PassageRecord, err error) {
	tx, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return rec, fmt.Errorf("passage %s: %w", id, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	if rec, err = readPassage(ctx, tx, string(id)); err != nil {
		return gate.PassageRecord{}, fmt.Errorf("passage %s: %w", id, err)
	}
	return rec, nil
}

func readPassage(ctx context.Context, tx *sql.Tx, id string) (rec gate.PassageRecord, err error) {
	var at, lane, outcome string
	var vin, plate, doc sql.NullString
	var seq int64
	err = tx.QueryRowContext(ctx, "SELECT seq, at, lane, outcome, vin, plate, doc FROM passage WHERE id = ?", id).
		Scan(&seq, &at, &lane, &outcome, &vin, &plate, &doc)
	if errors.Is(err, sql.ErrNoRows) {
		return rec, gate.ErrNotFound
	}
	if err != nil {
		return rec, err
	}
	when, err := instant(at)
	if err != nil {
		return rec, err
	}
	rec.Summary = gate.PassageSummary{
		Seq: seq, ID: gate.PassageID(id), Lane: gate.LaneID(lane), At: when, Outcome: outcomeOf(outcome),
		VIN: vin.String, Plate: plate.String, Erased: !doc.Valid,
	}
	rec.Passage = gate.Passage{ID: gate.PassageID(id), Lane: gate.LaneID(lane), At: when}
	rec.Passage.Result.Verdict.Outcome = rec.Summary.Outcome
	if doc.Valid {
		if err := json.Unmarshal([]byte(doc.String), &rec.Passage); err != nil {
			return rec, err
		}
	}
	rec.Reassessments, err = collect(func(rows *sql.Rows) (r gate.Reassessment, err error) {
		var at, outcome string
		var doc sql.NullString
		if err := rows.Scan(&at, &outcome, &r.Because, &doc); err != nil {
			return r, err
		}
		r.Passage, r.Lane = gate.PassageID(id), gate.LaneID(lane)
		r.Result.Verdict.Outcome = outcomeOf(outcome)
		if doc.Valid {
			if err := json.Unmarshal([]byte(doc.String), &r); err != nil {
				return r, err
			}
		}
		r.At, err = instant(at)
		return r, err
	})(tx.QueryContext(ctx,
		"SELECT at, outcome, because, doc FROM reassessment WHERE passage = ? ORDER BY seq", id))
	if err != nil {
		return rec, err
	}
	if n := len(rec.Reassessments); n > 0 {
		rec.Summary.Outcome = rec.Reassessments[n-1].Result.Verdict.Outcome
	}
	rec.Acts, err = collect(func(rows *sql.Rows) (a gate.Act, err error) {
		var at string
		var reason sql.NullString
		if err := rows.Scan(&at, &a.Kind, &a.By, &a.Supervisor, &reason); err != nil {
			return a, err
		}
		a.Passage, a.Reason = gate.PassageID(id), reason.String
		a.At, err = instant(at)
		return a, err
	})(tx.QueryContext(ctx,
		"SELECT at, kind, by, supervisor, reason FROM act WHERE passage = ? ORDER BY seq", id))
	if err != nil {
		return rec, err
	}
	o := gate.Outcome{Passage: gate.PassageID(id), Lane: gate.LaneID(lane), Moment: rec.Passage.Moment}
	err = tx.QueryRowContext(ctx, "SELECT at, ending, note FROM outcome WHERE passage = ?", id).Scan(&at, &o.Ending, &o.Note)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return rec, nil
	case err != nil:
		return rec, err
	}
	if o.At, err = instant(at); err != nil {
		return rec, err
	}
	rec.Outcome, rec.Summary.Ending = &o, o.Ending
	return rec, nil
}
