package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sallyport/gate"
	"sallyport/gate/translog"
	"sallyport/vin"
)

// ofVehicle are the vehicle's passages, its inspections and its lines of the
// list, each with why it cannot be erased, or nothing. Lines of one VIN are
// erased together: an older one must not come into force again.
var ofVehicle = `WITH
mine (id, why) AS (SELECT p.id, CASE
	WHEN ` + heldBy("p.vin", "p.plate") + ` THEN 'held'
	WHEN NOT EXISTS (SELECT 1 FROM outcome o WHERE o.passage = p.id) THEN 'open' ELSE '' END
	FROM passage p WHERE p.vin = :vin OR p.plate = :plate),
seen (id, why) AS (SELECT i.id, CASE WHEN ` + heldBy("i.vin", "NULL") + ` THEN 'held' ELSE '' END
	FROM inspection i WHERE i.vin = :vin),
listed (seq, why) AS (SELECT r.seq, CASE WHEN EXISTS (SELECT 1 FROM registration x
		WHERE (x.seq = r.seq OR r.vin <> '' AND x.vin = r.vin) AND ` + heldBy("x.vin", "x.plate") + `) THEN 'held' ELSE '' END
	FROM registration r WHERE r.vin = :vin OR r.plate = :plate OR r.vin IN (SELECT x.vin FROM registration x WHERE x.plate = :plate AND x.vin <> ''))
`

// watchWhy is why an entry w of the watch list cannot be erased: while it is
// there, somebody still looks for the vehicle.
var watchWhy = "CASE WHEN " + heldBy("w.vin", "w.plate") + " THEN 'held' WHEN NOT EXISTS (SELECT 1 FROM watch_step d WHERE d.watch = w.id AND d.kind = 'removed') THEN 'open' ELSE '' END"

// vehicleTable is a table in which a vehicle has records.
type vehicleTable struct {
	table, query string
	shown        bool // to the keeper; nothing in it can be erased
}

// vehicleTables say of each table which records are the vehicle's, and why one
// cannot be erased. What hangs on another record comes before it, so that an
// erasure that was cut short finds the rest again. A record that is only shown
// to the keeper holds no personal data of its own.
var vehicleTables = []vehicleTable{
	{table: tableRadioSet, query: "SELECT w.seq, m.why FROM radio_set w JOIN mine m ON m.id = w.passage WHERE w.salt IS NOT NULL"},
	{table: tableAct, query: "SELECT a.seq, m.why FROM act a JOIN mine m ON m.id = a.passage WHERE a.salt IS NOT NULL"},
	{table: tableReassessment, query: "SELECT r.seq, m.why FROM reassessment r JOIN mine m ON m.id = r.passage WHERE r.salt IS NOT NULL"},
	{table: tableOutcome, query: "SELECT o.seq, m.why FROM outcome o JOIN mine m ON m.id = o.passage", shown: true},
	{table: tablePhoto, query: "SELECT f.seq, n.why FROM photo f JOIN seen n ON n.id = f.inspection WHERE f.salt IS NOT NULL"},
	{table: tableInspectionAct, query: "SELECT e.seq, n.why FROM inspection_act e JOIN seen n ON n.id = e.inspection WHERE e.salt IS NOT NULL"},
	{table: tablePassage, query: "SELECT p.seq, m.why FROM passage p JOIN mine m ON m.id = p.id WHERE p.salt IS NOT NULL"},
	{table: tableInspection, query: "SELECT i.seq, n.why FROM inspection i JOIN seen n ON n.id = i.id WHERE i.salt IS NOT NULL"},
	{table: tableExemptionStep, query: "SELECT k.seq, CASE WHEN " + heldBy("x.vin", "NULL") + " THEN 'held' ELSE '' END FROM exemption_step k JOIN exemption x ON x.id = k.exemption WHERE k.salt IS NOT NULL AND x.vin = :vin"},
	{table: tableExemption, query: "SELECT x.seq, CASE WHEN " + heldBy("x.vin", "NULL") + " THEN 'held' ELSE '' END FROM exemption x WHERE x.salt IS NOT NULL AND x.vin = :vin"},
	{table: tableDocument, query: "SELECT d.seq, CASE WHEN " + heldBy("d.vin", "substr(d.vin, 2)") + " THEN 'held' ELSE '' END FROM document d WHERE d.salt IS NOT NULL AND (d.vin = :vin OR d.vin = ':' || :plate OR d.vin IN (SELECT x.vin FROM registration x WHERE x.plate = :plate AND x.vin <> ''))"},
	{table: tableRegistration, query: "SELECT r.seq, l.why FROM registration r JOIN listed l ON l.seq = r.seq WHERE r.salt IS NOT NULL ORDER BY coalesce(r.vin = :vin OR r.plate = :plate, 0)"},
	{table: tableStayEnd, query: "SELECT e.seq, CASE WHEN " + heldBy("e.vin", "e.plate") + " THEN 'held' ELSE '' END FROM stay_end e WHERE e.salt IS NOT NULL AND (e.vin = :vin OR e.plate = :plate)"},
	{table: tableStay, query: "SELECT s.seq, CASE WHEN " + heldBy("s.vin", "s.plate") + " THEN 'held' WHEN NOT EXISTS (SELECT 1 FROM stay_end e WHERE e.stay = s.id AND e.stay <> '') THEN 'open' ELSE '' END FROM stay s WHERE s.salt IS NOT NULL AND (s.vin = :vin OR s.plate = :plate)"},
	{table: tableWatchStep, query: "SELECT k.seq, " + watchWhy + " FROM watch_step k JOIN watch w ON w.id = k.watch WHERE k.salt IS NOT NULL AND (w.vin = :vin OR w.plate = :plate)"},
	{table: tableWatch, query: "SELECT w.seq, " + watchWhy + " FROM watch w WHERE w.salt IS NOT NULL AND (w.vin = :vin OR w.plate = :plate)"},
	{table: tablePassStep, query: "SELECT k.seq, CASE WHEN " + heldBy("q.vin", "q.plate") + " THEN 'held' ELSE '' END FROM pass_step k JOIN pass q ON q.id = k.pass WHERE k.salt IS NOT NULL AND (q.vin = :vin OR q.plate = :plate)"},
	{table: tablePass, query: "SELECT q.seq, CASE WHEN " + heldBy("q.vin", "q.plate") + " THEN 'held' ELSE '' END FROM pass q WHERE q.salt IS NOT NULL AND (q.vin = :vin OR q.plate = :plate)"},
	{table: tableHold, query: `SELECT h.seq, CASE WHEN EXISTS (SELECT 1 FROM hold l WHERE l.id = h.id AND l.kind = 'lifted') THEN '' ELSE 'held' END FROM hold h
		WHERE h.salt IS NOT NULL AND h.id IN (SELECT x.id FROM hold x WHERE x.kind = 'placed' AND (x.vin = :vin OR x.plate = :plate)) ORDER BY h.kind`},
}

// mentions are the columns of text in which a record of one vehicle may name
// another: candidates of a misread VIN, what a person wrote.
var mentions = []struct{ table, column string }{
	{tablePassage, "doc"}, {tableReassessment, "doc"}, {tableAct, "reason"},
	{tableInspection, "doc"}, {tableInspectionAct, "note"}, {tableRegistration, "doc"},
}

// named are the arguments of queries on a vehicle. A name that is not asked for
// is NULL, and equals nothing.
func named(v gate.DataSubject) []any {
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return []any{sql.Named("vin", null(v.VIN)), sql.Named("plate", null(v.Plate))}
}

// found in one table of a vehicle.
type ofOne struct {
	seq int64
	why string
}

func ofTable(query querier, i int, v gate.DataSubject) ([]ofOne, error) {
	return collect(func(rows *sql.Rows) (o ofOne, err error) { return o, rows.Scan(&o.seq, &o.why) })(query(ofVehicle+vehicleTables[i].query, named(v)...))
}

// EraseSubject erases the personal data of a vehicle on request, and logs who
// asked for it and why. Open passages, and what a hold is on, stay and are named.
// It is durable on return; where it returns an error, part of it may be, and the
// same request again does the rest. Copies of the database made before still
// hold the data.
func (s *Store) EraseSubject(ctx context.Context, ask gate.ErasureAsk) (rep gate.ErasureReport, err error) {
	if ask.DataSubject, err = ask.Normal(); err != nil {
		return rep, fmt.Errorf("erase: %w", err)
	}
	if err := ask.Check(); err != nil {
		return rep, fmt.Errorf("erase: %w", err)
	}
	rep.Erased = make(map[string]int)
	if rep.Also, err = s.also(ctx, ask.DataSubject); err != nil {
		return rep, err
	}
	for first, more := true, true; more; first = false {
		err := s.do(ctx, "erase on request", func(t *txn) error {
			if first {
				by := "VIN and plate"
				switch {
				case ask.Plate == "":
					by = "VIN"
				case ask.VIN == "":
					by = "plate"
				}
				if _, err := t.entry(translog.Entry{At: ask.At, Kind: string(gate.EventErasureRequest), Body: body("by", clean(ask.By), "detail", "by "+by+": "+clean(ask.Why))}); err != nil {
					return err
				}
			}
			n, err := t.eraseSome(ask, &rep)
			more = n == eraseGroup
			return err
		})
		if err != nil {
			return rep, err
		}
	}
	beside, err := s.mentioned(ctx, ask.DataSubject)
	if err != nil {
		return rep, err
	}
	rep.Kept = append(rep.Kept, beside...)
	slices.SortFunc(rep.Kept, func(a, b gate.KeptRecord) int { return cmp.Compare(a.Seq, b.Seq) })
	return rep, s.Truncate(ctx)
}

// eraseSome erases up to eraseGroup records of the vehicle.
func (t *txn) eraseSome(ask gate.ErasureAsk, rep *gate.ErasureReport) (n int, err error) {
	what := translog.Erasure{Before: ask.At.UTC(), Why: clean(ask.Why), By: clean(ask.By)}
	kept := []gate.KeptRecord{}
	erased := make(map[string]int)
	for i, of := range vehicleTables {
		if of.shown {
			continue
		}
		list, err := ofTable(t.query, i, ask.DataSubject)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", of.table, err)
		}
		for _, o := range list {
			switch {
			case o.why != "":
				kept = append(kept, gate.KeptRecord{Table: of.table, Seq: o.seq, Why: o.why})
				continue
			case n == eraseGroup:
				continue
			}
			if err := t.must(forget[of.table], o.seq); err != nil {
				return 0, fmt.Errorf("%s of entry %d: %w", of.table, o.seq, err)
			}
			what.Seqs = append(what.Seqs, o.seq)
			erased[of.table]++
			n++
		}
	}
	if n > 0 {
		slices.Sort(what.Seqs)
		content, err := json.Marshal(what)
		if err != nil {
			return 0, err
		}
		if _, err := t.entry(translog.Entry{At: ask.At, Kind: translog.KindErased, Body: content}); err != nil {
			return 0, err
		}
	}
	rep.Kept = kept
	for table, k := range erased {
		rep.Erased[table] += k
	}
	return n, nil
}

// also are the names that stand beside the one asked for.
func (s *Store) also(ctx context.Context, v gate.DataSubject) ([]gate.DataSubject, error) {
	list, err := collect(func(rows *sql.Rows) (o gate.DataSubject, err error) { return o, rows.Scan(&o.VIN, &o.Plate) })(s.r.QueryContext(ctx, `
		SELECT DISTINCT CASE WHEN vin = :vin THEN '' ELSE vin END, CASE WHEN plate = :plate THEN '' ELSE plate END FROM (
			SELECT coalesce(vin, '') AS vin, coalesce(plate, '') AS plate FROM passage WHERE vin = :vin OR plate = :plate
			UNION SELECT coalesce(vin, ''), coalesce(plate, '') FROM registration WHERE vin = :vin OR plate = :plate) ORDER BY 1, 2`, named(v)...))
	if err != nil {
		return nil, fmt.Errorf("other names of the vehicle: %w", err)
	}
	return slices.DeleteFunc(list, func(o gate.DataSubject) bool { return o == gate.DataSubject{} }), nil
}

// mentioned are the records of other vehicles that name this one by its VIN.
func (s *Store) mentioned(ctx context.Context, v gate.DataSubject) (list []gate.KeptRecord, err error) {
	if len(v.VIN) != vin.Length {
		return nil, nil // less would be found in what has nothing to do with it
	}
	own := make(map[int64]bool)
	for i := range vehicleTables {
		of, err := ofTable(func(query string, args ...any) (*sql.Rows, error) { return s.r.QueryContext(ctx, query, args...) }, i, v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", vehicleTables[i].table, err)
		}
		for _, o := range of {
			own[o.seq] = true
		}
	}
	for _, m := range mentions {
		seqs, err := collect(func(rows *sql.Rows) (seq int64, err error) { return seq, rows.Scan(&seq) })(s.r.QueryContext(ctx,
			"SELECT seq FROM "+m.table+" WHERE "+m.column+" IS NOT NULL AND instr(upper("+m.column+"), ?) > 0 ORDER BY seq", v.VIN))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.table, err)
		}
		for _, seq := range seqs {
			if !own[seq] {
				list = append(list, gate.KeptRecord{Table: m.table, Seq: seq, Why: gate.KeptMention})
			}
		}
	}
	return list, nil
}

// Subject is everything that is kept of a vehicle, for its keeper.
func (s *Store) Subject(ctx context.Context, of gate.DataSubject) (out gate.SubjectExport, err error) {
	if out.DataSubject, err = of.Normal(); err != nil {
		return out, fmt.Errorf("subject: %w", err)
	}
	for i, t := range vehicleTables {
		list, err := ofTable(func(query string, args ...any) (*sql.Rows, error) { return s.r.QueryContext(ctx, query, args...) }, i, out.DataSubject)
		if err != nil {
			return out, fmt.Errorf("%s: %w", t.table, err)
		}
		for _, o := range list {
			rec, err := s.wholeRow(ctx, t.table, o.seq)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return out, fmt.Errorf("%s of entry %d: %w", t.table, o.seq, err)
			}
			out.Records = append(out.Records, gate.SubjectRecord{Table: t.table, Seq: o.seq, Record: rec})
		}
	}
	slices.SortFunc(out.Records, func(a, b gate.SubjectRecord) int { return cmp.Compare(a.Seq, b.Seq) })
	if out.Mentions, err = s.mentioned(ctx, out.DataSubject); err != nil {
		return out, err
	}
	out.Also, err = s.also(ctx, out.DataSubject)
	return out, err
}

// wholeRow is a row as JSON shows it: documents as documents, bytes in base64,
// without the salt, which is no data of anybody's.
func (s *Store) wholeRow(ctx context.Context, table string, seq int64) (m map[string]any, err error) {
	rows, err := s.r.QueryContext(ctx, "SELECT * FROM "+table+" WHERE seq = ?", seq)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	if !rows.Next() {
		return nil, errors.Join(rows.Err(), sql.ErrNoRows)
	}
	values, to := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	if err := rows.Scan(to...); err != nil {
		return nil, err
	}
	m = make(map[string]any, len(columns))
	for i, c := range columns {
		switch v := values[i].(type) {
		case []byte:
			if c != "salt" {
				m[c] = base64.StdEncoding.EncodeToString(v)
			}
		case string:
			if m[c] = v; c == "doc" && strings.HasPrefix(v, "{") && json.Valid([]byte(v)) {
				m[c] = json.RawMessage(v)
			}
		case nil:
		default:
			m[c] = v
		}
	}
	return m, nil
}
