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

	"sallyport/gate"
	"sallyport/gate/translog"
	"sallyport/policy"
)

var _ gate.FleetStore = (*Store)(nil)

const (
	tableFleet         = "fleet"
	tableExemption     = "exemption"
	tableExemptionStep = "exemption_step"
	tableDocument      = "document"
)

func fleetBody(fleet, by, doc string) json.RawMessage {
	return body("fleet", fleet, "by", by, "doc", doc)
}
func exemptionBody(id, fleet, by string) json.RawMessage {
	return body("id", id, "fleet", fleet, "by", by)
}
func documentBody(id, kind, by string) json.RawMessage { return body("id", id, "type", kind, "by", by) }

// RecordFleet says how a fleet stands (gate.FleetStore).
func (s *Store) RecordFleet(ctx context.Context, f gate.Fleet) error {
	if err := f.Check(); err != nil {
		return err
	}
	f.At, f.Name = f.At.UTC(), clean(f.Name)
	doc, err := document(f)
	if err != nil {
		return err
	}
	id, by := clean(f.ID), clean(f.By)
	return s.do(ctx, "record fleet "+id, func(t *txn) error {
		seq, err := t.entry(translog.Entry{At: f.At, Kind: tableFleet, Row: tableFleet, Body: fleetBody(id, by, doc)})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO fleet (seq, at, fleet, by, doc) VALUES (?,?,?,?,?)", seq, stamp(f.At), id, by, doc)
	})
}

// Fleets are all fleets, by name (gate.FleetStore).
func (s *Store) Fleets(ctx context.Context) ([]gate.Fleet, error) {
	list, err := collect(scanDoc[gate.Fleet])(s.r.QueryContext(ctx, `SELECT doc FROM fleet f
		WHERE NOT EXISTS (SELECT 1 FROM fleet n WHERE n.fleet = f.fleet AND n.seq > f.seq) ORDER BY doc ->> '$.name', fleet`))
	if err != nil {
		return nil, fmt.Errorf("fleets: %w", err)
	}
	return list, nil
}

// fleetOf is the fleet of a line r of the list, as the index on it has it: what
// somebody damaged is of none, and stops nothing else.
const fleetOf = "CASE WHEN json_valid(r.doc) THEN r.doc ->> '$.fleet' END"

// standing is the condition that a line r of the list is the one that holds of its
// vehicle.
const standing = `r.doc IS NOT NULL AND r.class <> ''
	AND NOT (r.vin <> '' AND EXISTS (SELECT 1 FROM registration n WHERE n.vin = r.vin AND n.seq > r.seq))
	AND NOT (r.vin = '' AND EXISTS (SELECT 1 FROM registration n WHERE n.plate = r.plate AND n.vin = '' AND n.seq > r.seq))`

// The lines that a vehicle has on the list, by VIN and by plate. A plate that a
// later line of the same VIN no longer has is free.
const (
	lineByVIN   = "SELECT doc FROM registration WHERE vin = ? AND vin <> '' ORDER BY seq DESC LIMIT 1"
	lineByPlate = `SELECT p.doc FROM registration p WHERE p.plate = ? AND p.plate <> ''
		AND NOT EXISTS (SELECT 1 FROM registration v WHERE p.vin <> '' AND v.vin = p.vin AND v.seq > p.seq AND v.plate <> p.plate)
		ORDER BY p.seq DESC LIMIT 1`
)

// EnterVehicles puts lines of a fleet into the list (gate.FleetStore).
func (s *Store) EnterVehicles(ctx context.Context, fleet string, list ...gate.Registration) error {
	rows, err := listRows(list)
	if err != nil {
		return err
	}
	return s.do(ctx, "enter vehicles", func(t *txn) error {
		for _, w := range rows {
			if w.r.Fleet != fleet || fleet == "" {
				return fmt.Errorf("a line of the fleet %q among those of %q", w.r.Fleet, fleet)
			}
			there := false
			for _, ask := range [...]struct{ query, name string }{{lineByVIN, w.r.VIN}, {lineByPlate, w.r.Plate}} {
				if ask.name == "" {
					continue
				}
				var doc string
				err := t.get(ask.query, []any{ask.name}, &doc)
				if errors.Is(err, sql.ErrNoRows) {
					continue
				}
				if err != nil {
					return err
				}
				var was gate.Registration
				if err := json.Unmarshal([]byte(doc), &was); err != nil {
					return err
				}
				if was.Class == "" {
					continue
				}
				if was.Fleet != fleet {
					return gate.ErrElsewhere
				}
				there = there || was.VIN == w.r.VIN && (was.VIN != "" || was.Plate == w.r.Plate)
			}
			if w.r.Class == "" && !there {
				return gate.ErrNotFound
			}
			if err := t.listed(w); err != nil {
				return err
			}
		}
		return nil
	})
}

// OnList are the lines that the list has of these vehicles (gate.FleetStore).
func (s *Store) OnList(ctx context.Context, names ...gate.DataSubject) (list []gate.Registration, err error) {
	var asks [2]*sql.Stmt
	for i, query := range [...]string{lineByVIN, lineByPlate} {
		if asks[i], err = s.r.PrepareContext(ctx, query); err != nil {
			return nil, fmt.Errorf("registrations: %w", err)
		}
		defer func() { err = errors.Join(err, asks[i].Close()) }()
	}
	for _, n := range names {
		for i, name := range [...]string{gate.NormalVIN(n.VIN), gate.NormalPlate(n.Plate)} {
			if name == "" {
				continue
			}
			var doc string
			err := asks[i].QueryRowContext(ctx, name).Scan(&doc)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			var r gate.Registration
			if err == nil {
				err = json.Unmarshal([]byte(doc), &r)
			}
			if err != nil {
				return nil, fmt.Errorf("registrations: %w", err)
			}
			if r.Class != "" {
				list = append(list, r)
			}
		}
	}
	return list, nil
}

// strictestForeseen is what was foreseen of a line r at the strictest of the
// site's zones; NULL before it was judged.
const strictestForeseen = "(SELECT max(CASE f.outcome WHEN 'deny' THEN 3 WHEN 'flag' THEN 2 ELSE 1 END) FROM foreseen f WHERE f.registration = r.seq)"

// Vehicles are those of a fleet (gate.FleetStore).
func (s *Store) Vehicles(ctx context.Context, f gate.VehicleFilter) ([]gate.FleetVehicle, error) {
	query := "SELECT r.seq, r.doc, (SELECT count(*) FROM document d WHERE d.vin = " + documentKey("r.vin", "r.plate") + " AND d.doc ->> '$.fleet' = r.doc ->> '$.fleet') FROM registration r WHERE " + fleetOf + " = ? AND " + standing
	args := []any{f.Fleet}
	where := func(cond string, more ...any) {
		query += " AND " + cond
		args = append(args, more...)
	}
	if f.Text != "" {
		where("(instr(r.vin, ?) > 0 OR instr(r.plate, ?) > 0)", f.Text, f.Text)
	}
	if f.Seq > 0 {
		where("r.seq = ?", f.Seq)
	}
	if f.After > 0 {
		where("r.seq < ?", f.After)
	}
	switch f.Outcome {
	case "":
	case "none":
		where(strictestForeseen + " IS NULL")
	default:
		o, _ := policy.ParseOutcome(f.Outcome)
		where(strictestForeseen+" = ?", int(o))
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	query += " ORDER BY r.seq DESC LIMIT ?"
	list, err := collect(func(rows *sql.Rows) (v gate.FleetVehicle, err error) {
		var doc string
		if err := rows.Scan(&v.Seq, &doc, &v.Papers); err != nil {
			return v, err
		}
		v.Foreseen = make(map[string]string)
		return v, json.Unmarshal([]byte(doc), &v.Listed)
	})(s.r.QueryContext(ctx, query, append(args, min(limit, maxPage))...))
	if err != nil {
		return nil, fmt.Errorf("vehicles: %w", err)
	}
	for i := range list {
		err := s.each(ctx, func(rows *sql.Rows) error {
			var zone, outcome string
			if err := rows.Scan(&zone, &outcome); err != nil {
				return err
			}
			list[i].Foreseen[zone] = outcome
			return nil
		}, "SELECT zone, outcome FROM foreseen WHERE registration = ?", list[i].Seq)
		if err != nil {
			return nil, fmt.Errorf("vehicles: %w", err)
		}
		if err := s.exempt(ctx, &list[i].Listed); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// each hands on the rows of a query.
func (s *Store) each(ctx context.Context, take func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := s.r.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := take(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// EachVehicle hands on every vehicle of a fleet (gate.FleetStore).
func (s *Store) EachVehicle(ctx context.Context, fleet string, take func(gate.Registration) error) error {
	held, err := s.exemptions(ctx)
	if err != nil {
		return err
	}
	err = s.each(ctx, func(rows *sql.Rows) error {
		r, err := scanDoc[gate.Registration](rows)
		if err != nil {
			return err
		}
		r.Exempt = held.of(&r)
		return take(r)
	}, "SELECT r.doc FROM registration r WHERE "+fleetOf+" = ? AND "+standing+" ORDER BY r.seq", fleet)
	if err != nil {
		return fmt.Errorf("vehicles: %w", err)
	}
	return nil
}

// FleetCounts counts the vehicles of fleets (gate.FleetStore).
func (s *Store) FleetCounts(ctx context.Context, fleets ...string) (map[string]gate.FleetCount, error) {
	out := make(map[string]gate.FleetCount, len(fleets))
	for _, fleet := range fleets {
		var c gate.FleetCount
		err := s.each(ctx, func(rows *sql.Rows) error {
			var n int
			var outcome sql.NullInt64
			if err := rows.Scan(&outcome, &n); err != nil {
				return err
			}
			c.All += n
			switch policy.Outcome(outcome.Int64) {
			case policy.Grant:
				c.Grant = n
			case policy.Flag:
				c.Flag = n
			case policy.Deny:
				c.Deny = n
			default:
				c.None = n
			}
			return nil
		}, "SELECT "+strictestForeseen+" AS o, count(*) FROM registration r WHERE "+fleetOf+" = ? AND "+standing+" GROUP BY o", fleet)
		if err != nil {
			return nil, fmt.Errorf("fleet %s: %w", fleet, err)
		}
		out[fleet] = c
	}
	return out, nil
}

// RecordExemption keeps what a fleet asks for (gate.FleetStore).
func (s *Store) RecordExemption(ctx context.Context, e gate.Exemption) error {
	e.Steps, e.At, e.Reason = nil, e.At.UTC(), clean(e.Reason)
	if err := e.Check(); err != nil {
		return err
	}
	doc, err := document(e)
	if err != nil {
		return err
	}
	id, fleet, by, vin := clean(e.ID), clean(e.Fleet), clean(e.By), clean(e.VIN)
	kept := seal(vin, doc)
	return s.do(ctx, "record an exemption", func(t *txn) error {
		if done, err := t.recorded("SELECT doc FROM exemption WHERE id = ?", id, doc); done || err != nil {
			return err
		}
		seq, err := t.entry(translog.Entry{At: e.At, Kind: tableExemption, Row: tableExemption, Body: exemptionBody(id, fleet, by), Commit: &kept.commit})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO exemption (seq, at, id, fleet, by, salt, vin, doc) VALUES (?,?,?,?,?,?,?,?)", seq, stamp(e.At), id, fleet, by, kept.salt, vin, doc)
	})
}

const exemptionSteps = "SELECT exemption, at, kind, by, note FROM exemption_step"

// RecordExemptionStep adds a step to an exemption (gate.FleetStore).
func (s *Store) RecordExemptionStep(ctx context.Context, k gate.ExemptionStep) error {
	k.Exemption, k.By, k.Note = clean(k.Exemption), clean(k.By), clean(k.Note)
	return s.do(ctx, "record a step of an exemption", func(t *txn) error {
		var doc sql.NullString
		err := t.get("SELECT doc FROM exemption WHERE id = ?", []any{k.Exemption}, &doc)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return gate.ErrNotFound
		case err != nil:
			return err
		case !doc.Valid:
			return gate.ErrErased
		}
		var e gate.Exemption
		if err := json.Unmarshal([]byte(doc.String), &e); err != nil {
			return err
		}
		if e.Steps, err = collect(scanExemptionStep)(t.query(exemptionSteps+" WHERE exemption = ? ORDER BY seq", k.Exemption)); err != nil {
			return err
		}
		if err := gate.CheckExemptionStep(&e, k); err != nil {
			return err
		}
		return t.step(tableExemptionStep, "INSERT INTO exemption_step (seq, at, exemption, kind, by, salt, note) VALUES (?,?,?,?,?,?,?)",
			translog.Entry{At: k.At}, k.Exemption, clean(string(k.Kind)), k.By, k.Note)
	})
}

func scanExemptionStep(rows *sql.Rows) (k gate.ExemptionStep, err error) {
	err = scanStep(rows, &k.Exemption, &k.At, &k.Kind, &k.By, &k.Note)
	return k, err
}

// Exemptions are all that are kept (gate.FleetStore).
func (s *Store) Exemptions(ctx context.Context) ([]gate.Exemption, error) {
	return s.exemptionsWhere(ctx, "1")
}

func (s *Store) exemptionsWhere(ctx context.Context, where string, args ...any) ([]gate.Exemption, error) {
	list, err := collect(scanDoc[gate.Exemption])(s.r.QueryContext(ctx, "SELECT doc FROM exemption WHERE doc IS NOT NULL AND ("+where+") ORDER BY seq DESC", args...))
	if err != nil || len(list) == 0 {
		return nil, found("exemptions", err)
	}
	steps, err := collect(scanExemptionStep)(s.r.QueryContext(ctx, exemptionSteps+" WHERE exemption IN (SELECT id FROM exemption WHERE doc IS NOT NULL AND ("+where+")) ORDER BY seq", args...))
	if err != nil {
		return nil, fmt.Errorf("exemptions: %w", err)
	}
	of := make(map[string][]gate.ExemptionStep)
	for _, k := range steps {
		of[k.Exemption] = append(of[k.Exemption], k)
	}
	for i := range list {
		list[i].Steps = of[list[i].ID]
	}
	return list, nil
}

// exempt fills in what a vehicle of the list holds by exemptions.
func (s *Store) exempt(ctx context.Context, r *gate.Registration) error {
	if r.Fleet == "" || r.VIN == "" {
		return nil
	}
	list, err := s.exemptionsWhere(ctx, "fleet = ? AND vin IN ('', ?)", r.Fleet, r.VIN)
	if err != nil {
		return err
	}
	r.Exempt = gate.Held(list)
	return nil
}

// heldExemptions are the exemptions that were granted, by fleet and by VIN.
type heldExemptions struct {
	byFleet, byVIN map[string][]policy.Authorisation
}

func (s *Store) exemptions(ctx context.Context) (h heldExemptions, err error) {
	list, err := s.exemptionsWhere(ctx, "1")
	if err != nil {
		return h, err
	}
	h.byFleet, h.byVIN = make(map[string][]policy.Authorisation), make(map[string][]policy.Authorisation)
	for i := range list {
		e := &list[i]
		a, ok := e.Authorisation()
		switch {
		case !ok:
		case e.VIN == "":
			h.byFleet[e.Fleet] = append(h.byFleet[e.Fleet], a)
		default:
			h.byVIN[e.Fleet+" "+e.VIN] = append(h.byVIN[e.Fleet+" "+e.VIN], a)
		}
	}
	return h, nil
}

func (h heldExemptions) of(r *gate.Registration) []policy.Authorisation {
	if r.Fleet == "" || r.VIN == "" || len(h.byFleet)+len(h.byVIN) == 0 {
		return nil
	}
	return slices.Concat(h.byVIN[r.Fleet+" "+r.VIN], h.byFleet[r.Fleet])
}

// documentKey is what documents of a vehicle are found by.
func documentKey(vin, plate string) string {
	return "CASE WHEN " + vin + " <> '' THEN " + vin + " ELSE ':' || " + plate + " END"
}

func keyOf(of gate.DataSubject) string {
	if of.VIN != "" {
		return clean(of.VIN)
	}
	return ":" + clean(of.Plate)
}

// RecordDocument files a document (gate.FleetStore).
func (s *Store) RecordDocument(ctx context.Context, d gate.Document, data []byte) error {
	d.VIN, d.Plate, d.At, d.Name = gate.NormalVIN(d.VIN), gate.NormalPlate(d.Plate), d.At.UTC(), clean(d.Name)
	if d.VIN != "" {
		d.Plate = ""
	}
	if err := d.Check(data); err != nil {
		return err
	}
	doc, err := document(d)
	if err != nil {
		return err
	}
	id, kind, by, key := clean(d.ID), clean(d.Type), clean(d.By), keyOf(gate.DataSubject{VIN: d.VIN, Plate: d.Plate})
	kept := seal(key, doc, string(data))
	return s.do(ctx, "file a document", func(t *txn) error {
		var same, all int
		if err := t.get("SELECT count(*) FILTER (WHERE doc ->> '$.sha256' = ?), count(*) FROM document WHERE vin = ? AND doc ->> '$.fleet' = ?", []any{d.SHA256, key, d.Fleet}, &same, &all); err != nil {
			return err
		}
		switch {
		case same > 0:
			return gate.ErrExists
		case all >= gate.MaxDocuments:
			return gate.ErrTooMany
		}
		seq, err := t.entry(translog.Entry{At: d.At, Kind: tableDocument, Row: tableDocument, Body: documentBody(id, kind, by), Commit: &kept.commit})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO document (seq, at, id, type, by, salt, vin, doc, data) VALUES (?,?,?,?,?,?,?,?,?)", seq, stamp(d.At), id, kind, by, kept.salt, key, doc, data)
	})
}

// Documents are those of a vehicle (gate.FleetStore).
func (s *Store) Documents(ctx context.Context, fleet string, of gate.DataSubject) ([]gate.Document, error) {
	of = gate.DataSubject{VIN: gate.NormalVIN(of.VIN), Plate: gate.NormalPlate(of.Plate)}
	list, err := collect(scanDoc[gate.Document])(s.r.QueryContext(ctx, "SELECT doc FROM document WHERE vin = ? AND doc ->> '$.fleet' = ? ORDER BY seq DESC", keyOf(of), fleet))
	if err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	return list, nil
}

// Document is a document with its content (gate.FleetStore).
func (s *Store) Document(ctx context.Context, id string) (d gate.Document, data []byte, err error) {
	var doc string
	err = s.r.QueryRowContext(ctx, "SELECT doc, data FROM document WHERE id = ? AND doc IS NOT NULL", id).Scan(&doc, &data)
	if err == nil {
		err = json.Unmarshal([]byte(doc), &d)
	}
	return d, data, found("document "+id, err)
}

// Notices are those that the filter chooses (gate.FleetStore).
func (s *Store) Notices(ctx context.Context, f gate.NoticeFilter) ([]gate.Notice, error) {
	fleets, err := json.Marshal(f.Fleets)
	if err != nil {
		return nil, err
	}
	query := `SELECT t.id, t.registration, t.at, t.zone, t.before, t.after, t.cause, t.version, t.takes, t.rule, t.because, r.doc
		FROM notice t JOIN registration r ON r.seq = t.registration
		WHERE r.doc IS NOT NULL AND ` + fleetOf + ` IN (SELECT value FROM json_each(?))`
	args := []any{string(fleets)}
	if f.Seq > 0 {
		query += " AND t.registration = ?"
		args = append(args, f.Seq)
	}
	if f.Future {
		query += " AND t.takes <> ''"
	}
	if f.Before > 0 {
		query += " AND t.id < ?"
		args = append(args, f.Before)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	list, err := collect(func(rows *sql.Rows) (n gate.Notice, err error) {
		var at, cause, takes, doc string
		if err := rows.Scan(&n.ID, &n.Seq, &at, &n.Zone, &n.Before, &n.After, &cause, &n.Version, &takes, &n.Rule, &n.Because, &doc); err != nil {
			return n, err
		}
		if cause != "" {
			n.Cause = strings.Split(cause, ",")
		}
		if n.At, err = instant(at); err != nil {
			return n, err
		}
		n.Future = takes != ""
		if n.From, err = instantOrNone(takes); err != nil {
			return n, err
		}
		return n, json.Unmarshal([]byte(doc), &n.Listed)
	})(s.r.QueryContext(ctx, query+" ORDER BY t.id DESC LIMIT ?", append(args, min(limit, maxPage))...))
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	return list, nil
}

// foreseenGroup is how many rows of what is foreseen one transaction changes, so
// that a lane never waits long behind it.
const foreseenGroup = 200

// noticeLife is how long a notice is kept.
const noticeLife = 400 * 24 * time.Hour

// PutForeseen keeps what would be decided, with what it gives notice of, and
// forgets what was foreseen of vehicles that are no longer listed. Each row and
// its notice become durable together; what was cut short is put right by the next
// run. Notices of what is to come are replaced by those given.
func (s *Store) PutForeseen(ctx context.Context, at time.Time, list []Foreseen, notices ...gate.Notice) error {
	type key struct {
		seq  int64
		zone string
	}
	was := make(map[key]string)
	if err := s.each(ctx, func(rows *sql.Rows) error {
		var k key
		var outcome string
		if err := rows.Scan(&k.seq, &k.zone, &outcome); err != nil {
			return err
		}
		was[k] = outcome
		return nil
	}, "SELECT registration, zone, outcome FROM foreseen"); err != nil {
		return fmt.Errorf("foreseen: %w", err)
	}
	told := make(map[key]gate.Notice)
	due := make(map[string]gate.Notice)
	future := func(seq int64, zone string, version int64, takes, after string) string {
		return fmt.Sprint(seq, " ", zone, " ", version, " ", takes, " ", after)
	}
	for _, n := range notices {
		if n.Future {
			due[future(n.Seq, n.Zone, int64(n.Version), stamp(n.From), n.After)] = n
		} else {
			told[key{n.Seq, n.Zone}] = n
		}
	}
	var changes []func(*txn) error
	notice := func(n gate.Notice) func(*txn) error {
		return func(t *txn) error {
			return t.exec("INSERT INTO notice (registration, at, zone, before, after, cause, version, takes, rule, because) VALUES (?,?,?,?,?,?,?,?,?,?)",
				n.Seq, stamp(n.At), n.Zone, n.Before, n.After, strings.Join(n.Cause, ","), n.Version, stampOrNone(n.From), n.Rule, clean(n.Because))
		}
	}
	for _, f := range list {
		for zone, outcome := range f.Outcomes {
			k := key{f.Registration, zone}
			if was[k] != outcome {
				changes = append(changes, func(t *txn) error {
					if err := t.exec("INSERT INTO foreseen (registration, zone, outcome) VALUES (?,?,?) ON CONFLICT (registration, zone) DO UPDATE SET outcome = excluded.outcome", k.seq, k.zone, outcome); err != nil {
						return err
					}
					if n, ok := told[k]; ok {
						return notice(n)(t)
					}
					return nil
				})
			}
			delete(was, k)
		}
	}
	for k := range was {
		changes = append(changes, func(t *txn) error {
			return t.exec("DELETE FROM foreseen WHERE registration = ? AND zone = ?", k.seq, k.zone)
		})
	}
	var stale []int64
	listed := make(map[int64]bool, len(list))
	for _, f := range list {
		listed[f.Registration] = true
	}
	if err := s.each(ctx, func(rows *sql.Rows) error {
		var id, seq, version int64
		var zone, after, takes, found string
		if err := rows.Scan(&id, &seq, &zone, &after, &version, &takes, &found); err != nil {
			return err
		}
		k := future(seq, zone, version, takes, after)
		_, still := due[k]
		switch {
		case !listed[seq], takes != "" && !still, found < stamp(at.Add(-noticeLife)):
			stale = append(stale, id)
		case takes != "":
			delete(due, k)
		}
		return nil
	}, "SELECT id, registration, zone, after, version, takes, at FROM notice"); err != nil {
		return fmt.Errorf("notices: %w", err)
	}
	for _, id := range stale {
		changes = append(changes, func(t *txn) error { return t.exec("DELETE FROM notice WHERE id = ?", id) })
	}
	for _, n := range due {
		changes = append(changes, notice(n))
	}
	for group := range slices.Chunk(changes, foreseenGroup) {
		err := s.do(ctx, "keep what is foreseen", func(t *txn) error {
			for _, change := range group {
				if err := change(t); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Fleets are all fleets, by name.
func (r *Reader) Fleets(ctx context.Context) ([]gate.Fleet, error) { return r.s.Fleets(ctx) }

// FleetCounts counts the vehicles of fleets.
func (r *Reader) FleetCounts(ctx context.Context, fleets ...string) (map[string]gate.FleetCount, error) {
	return r.s.FleetCounts(ctx, fleets...)
}
