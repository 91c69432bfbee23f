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
	"sallyport/policy"
)

var _ gate.LedgerStore = (*Store)(nil)

const (
	tableStay    = "stay"
	tableStayEnd = "stay_end"

	tableStayOpen = "stay_open"
)

// How a stay began, as the column kind says.
const (
	stayEntered = "entered"
	stayAgain   = "again" // and the vehicle was inside already
	staySaid    = "said"  // by a person
)

func stayBody(stay, kind, by string) json.RawMessage {
	return body("stay", stay, "kind", kind, "by", by)
}

// stayDoc is what a stay's row keeps of it besides its columns.
type stayDoc struct {
	Conditions []string  `json:"conditions,omitempty"`
	IDs        []string  `json:"condition_ids,omitempty"` // of the first of them
	Policy     string    `json:"policy,omitempty"`        // whose ids they are, by its hash
	Due        time.Time `json:"due,omitzero"`
	Why        string    `json:"why,omitempty"`
	Since      time.Time `json:"since,omitzero"` // as a paper form says that was entered later
}

// ledger begins or ends the stay of a passage that was admitted.
func (t *txn) ledger(id, lane string, o gate.Outcome) error {
	var vin, plate, lastVIN, lastPlate, verdict, findings, pass, due, formAt, formBy string
	var moment int
	err := t.get(`SELECT coalesce(p.vin, ''), coalesce(p.plate, ''), coalesce(p.doc ->> '$.moment', 0),
			coalesce(d ->> '$.result.vin', ''), coalesce(d ->> '$.result.plate', ''), coalesce(d -> '$.result.verdict', 'null'), coalesce(d -> '$.result.facts.arrival.findings', 'null'),
			coalesce(d ->> '$.result.facts.arrival.pass.value', ''), coalesce(d ->> '$.result.facts.arrival.pass.from.expires', ''),
			coalesce(p.doc ->> '$.afterwards.happened_at', ''), coalesce(p.doc ->> '$.afterwards.entered_by', '')
		FROM (SELECT q.*, coalesce((SELECT r.doc FROM reassessment r WHERE r.passage = q.id ORDER BY r.seq DESC LIMIT 1), q.doc) AS d FROM passage q WHERE q.id = ?) p`,
		[]any{id}, &vin, &plate, &moment, &lastVIN, &lastPlate, &verdict, &findings, &pass, &due, &formAt, &formBy)
	if err != nil {
		return fmt.Errorf("who is inside: %w", err)
	}
	if lastVIN != "" {
		vin = clean(lastVIN)
	}
	if lastPlate != "" {
		plate = clean(gate.NormalPlate(lastPlate))
	}
	var happened time.Time
	if formAt != "" {
		if happened, err = time.Parse(time.RFC3339, formAt); err != nil {
			return fmt.Errorf("who is inside: %w", err)
		}
	}
	switch policy.Moment(moment) {
	case policy.MomentEntry:
		var v policy.Verdict
		var found []policy.ArrivalFinding
		if err := errors.Join(json.Unmarshal([]byte(verdict), &v), json.Unmarshal([]byte(findings), &found)); err != nil {
			return fmt.Errorf("who is inside: %w", err)
		}
		d := stayDoc{Since: happened}
		d.Conditions, d.IDs, d.Policy = gate.StayConditions(&v, found)
		if pass == policy.PassValid {
			d.Due, _ = time.Parse(time.RFC3339, due)
		}
		inside, err := t.inside(vin, plate)
		if err != nil {
			return err
		}
		kind := stayEntered
		if gate.MatchStay(gate.StaysBefore(inside, happened), vin, plate) >= 0 {
			kind = stayAgain
		}
		over := false
		if formAt != "" {
			if over, err = t.seenSince(vin, plate, happened); err != nil {
				return err
			}
		}
		if err := t.enter(lane, id, id, kind, "", o.At, vin, plate, d); err != nil || !over {
			return err
		}
		return t.depart("", "", id, string(gate.StayUnseen), formBy, o.At, vin, plate, gate.LeftSince)
	case policy.MomentExit:
		inside, err := t.inside(vin, plate)
		if err != nil {
			return err
		}
		stay := ""
		inside = gate.StaysBefore(inside, happened)
		if i := gate.MatchStay(inside, vin, plate); i >= 0 {
			stay = inside[i].ID
		}
		return t.depart(lane, id, stay, string(gate.StayLeft), "", o.At, vin, plate, "")
	case policy.MomentInside:
	}
	return nil
}

// seenSince says whether a vehicle was seen to leave, or to come, after an instant.
func (t *txn) seenSince(vin, plate string, at time.Time) (seen bool, err error) {
	const same = "(vin = ?1 AND ?1 <> '' OR plate = ?2 AND ?2 <> '' AND (?1 = '' OR coalesce(vin, '') = ''))"
	err = t.get("SELECT EXISTS (SELECT 1 FROM stay_end WHERE stay = '' AND at > ?3 AND "+same+") OR EXISTS (SELECT 1 FROM stay WHERE at > ?3 AND "+same+")",
		[]any{vin, plate, stamp(at)}, &seen)
	if err != nil {
		return false, fmt.Errorf("who is inside: %w", err)
	}
	return seen, nil
}

func (t *txn) enter(lane, passage, id, kind, by string, at time.Time, vin, plate string, d stayDoc) error {
	doc, err := document(d)
	if err != nil {
		return err
	}
	kept := seal(vin, plate, doc)
	seq, err := t.entry(translog.Entry{At: at, Kind: tableStay, Lane: lane, Passage: passage, Row: tableStay, Body: stayBody(id, kind, by), Commit: &kept.commit})
	if err != nil {
		return err
	}
	if err := t.exec("INSERT INTO stay (seq, at, lane, passage, id, kind, by, salt, vin, plate, doc) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
		seq, stamp(at), lane, passage, id, kind, by, kept.salt, vin, plate, doc); err != nil {
		return err
	}
	return t.exec("INSERT INTO stay_open (seq) VALUES (?)", seq)
}

func (t *txn) depart(lane, passage, stay, kind, by string, at time.Time, vin, plate, why string) error {
	kept := seal(vin, plate, why)
	seq, err := t.entry(translog.Entry{At: at, Kind: tableStayEnd, Lane: lane, Passage: passage, Row: tableStayEnd, Body: stayBody(stay, kind, by), Commit: &kept.commit})
	if err != nil {
		return err
	}
	if err := t.exec("INSERT INTO stay_end (seq, at, lane, passage, stay, kind, by, salt, vin, plate, doc) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
		seq, stamp(at), lane, passage, stay, kind, by, kept.salt, vin, plate, why); err != nil {
		return err
	}
	return t.exec("DELETE FROM stay_open WHERE seq = (SELECT seq FROM stay WHERE id = ?)", stay)
}

// The columns of a stay, from its beginning s and its end e.
const stayColumns = `coalesce(s.seq, e.seq), s.at, s.lane, s.passage, s.id, s.kind, s.by, coalesce(s.vin, e.vin), coalesce(s.plate, e.plate), s.doc,
	coalesce(s.salt, e.salt) IS NULL, e.at, e.lane, e.passage, e.kind, e.by, e.doc`

const openStays = "SELECT " + stayColumns + ` FROM stay s LEFT JOIN stay_end e ON 0
	WHERE s.seq IN (SELECT seq FROM stay WHERE vin = ?1 AND ?1 <> '' UNION SELECT seq FROM stay WHERE plate IN (SELECT value FROM json_each(?2) WHERE value <> ''))
	AND NOT EXISTS (SELECT 1 FROM stay_end x WHERE x.stay = s.id AND x.stay <> '') ORDER BY s.seq DESC`

func (t *txn) inside(vin, plate string) ([]gate.Stay, error) {
	plates, err := document([]string{plate})
	if err != nil {
		return nil, fmt.Errorf("who is inside: %w", err)
	}
	list, err := collect(scanStay)(t.query(openStays, vin, plates))
	if err != nil {
		return nil, fmt.Errorf("who is inside: %w", err)
	}
	return list, nil
}

func scanStay(rows *sql.Rows) (s gate.Stay, err error) {
	var at, lane, passage, id, kind, by, vin, plate, doc, endAt, endLane, exit, ending, endBy, why sql.NullString
	if err := rows.Scan(&s.Seq, &at, &lane, &passage, &id, &kind, &by, &vin, &plate, &doc, &s.Erased, &endAt, &endLane, &exit, &ending, &endBy, &why); err != nil {
		return s, err
	}
	s.ID, s.VIN, s.Plate, s.Lane, s.Passage, s.By, s.Again = id.String, vin.String, plate.String, gate.LaneID(lane.String), gate.PassageID(passage.String), by.String, kind.String == stayAgain
	s.ExitLane, s.Exit, s.Ended, s.EndedBy, s.EndedWhy = gate.LaneID(endLane.String), gate.PassageID(exit.String), gate.StayEnding(ending.String), endBy.String, why.String
	var d stayDoc
	if doc.Valid {
		if err := json.Unmarshal([]byte(doc.String), &d); err != nil {
			return s, err
		}
		s.Conditions, s.ConditionIDs, s.Policy, s.Due, s.Why = d.Conditions, d.IDs, d.Policy, d.Due, d.Why
	}
	if at.Valid {
		if s.Since, err = instant(at.String); err != nil {
			return s, err
		}
	}
	if !d.Since.IsZero() {
		s.Since = d.Since
	}
	if endAt.Valid {
		s.Until, err = instant(endAt.String)
	}
	return s, err
}

// Inside are the open stays of a vehicle (gate.LedgerStore).
func (s *Store) Inside(ctx context.Context, vin string, plates ...string) ([]gate.Stay, error) {
	normal := make([]string, len(plates))
	for i := range plates {
		normal[i] = gate.NormalPlate(plates[i])
	}
	list, err := document(normal)
	if err != nil {
		return nil, fmt.Errorf("who is inside: %w", err)
	}
	return s.inside(ctx, gate.NormalVIN(vin), list)
}

// inside are the open stays of a VIN, or of plates as a JSON array.
func (s *Store) inside(ctx context.Context, vin, plates string) ([]gate.Stay, error) {
	list, err := collect(scanStay)(s.r.QueryContext(ctx, openStays, vin, plates))
	if err != nil {
		return nil, fmt.Errorf("who is inside: %w", err)
	}
	return list, nil
}

// Stays are those that the filter chooses (gate.LedgerStore).
func (s *Store) Stays(ctx context.Context, f gate.StayFilter) ([]gate.Stay, error) {
	list, err := stays(ctx, s.r, f)
	if err != nil {
		return nil, fmt.Errorf("stays: %w", err)
	}
	return list, nil
}

func stays(ctx context.Context, db *sql.DB, f gate.StayFilter) ([]gate.Stay, error) {
	var args []any
	conds := func(table string) string {
		text := ""
		add := func(cond string, arg any) {
			text += " AND " + table + "." + cond
			args = append(args, arg)
		}
		if f.VIN != "" {
			add("vin = ?", gate.NormalVIN(f.VIN))
		}
		if f.Plate != "" {
			add("plate = ?", gate.NormalPlate(f.Plate))
		}
		if f.Lane != "" {
			add("lane = ?", string(f.Lane))
		}
		switch {
		case f.After == 0:
		case f.Inside:
			add("seq > ?", f.After)
		default:
			add("seq < ?", f.After)
		}
		return text
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, maxPage)
	var query string
	switch strays := "SELECT " + stayColumns + " FROM stay_end e LEFT JOIN stay s ON 0 WHERE e.stay = ''"; {
	case f.Inside && f.Strays:
		return nil, nil
	case f.Inside:
		query = "SELECT " + stayColumns + ` FROM stay_open o JOIN stay s ON s.seq = o.seq LEFT JOIN stay_end e ON 0
			WHERE NOT EXISTS (SELECT 1 FROM stay_end x WHERE x.stay = s.id AND x.stay <> '')` + conds("s") + " ORDER BY s.seq"
	case f.Strays:
		query = strays + conds("e") + " ORDER BY 1 DESC"
	default:
		query = "SELECT " + stayColumns + " FROM stay s LEFT JOIN stay_end e ON e.stay = s.id AND e.stay <> '' WHERE 1" + conds("s") + " UNION ALL " + strays + conds("e") + " ORDER BY 1 DESC"
	}
	return collect(scanStay)(db.QueryContext(ctx, query+" LIMIT ?", append(args, limit)...))
}

// CorrectStay records what a person says of who is inside (gate.LedgerStore).
func (s *Store) CorrectStay(ctx context.Context, c gate.Correction) error {
	c.VIN, c.Plate = clean(gate.NormalVIN(c.VIN)), clean(gate.NormalPlate(c.Plate))
	c.ID, c.Stay, c.By, c.Why = clean(c.ID), clean(c.Stay), clean(c.By), clean(c.Why)
	if err := c.Check(); err != nil {
		return err
	}
	return s.do(ctx, "correct who is inside", func(t *txn) error {
		if c.Kind == gate.CorrectInside {
			inside, err := t.inside(c.VIN, c.Plate)
			if err != nil {
				return err
			}
			if gate.MatchStay(inside, c.VIN, c.Plate) >= 0 {
				return gate.ErrExists
			}
			return t.enter("", "", c.ID, staySaid, c.By, c.At, c.VIN, c.Plate, stayDoc{Why: c.Why})
		}
		var vin, plate string
		var over bool
		err := t.get("SELECT coalesce(vin, ''), coalesce(plate, ''), EXISTS (SELECT 1 FROM stay_end e WHERE e.stay = s.id AND e.stay <> '') FROM stay s WHERE s.id = ?", []any{c.Stay}, &vin, &plate, &over)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return gate.ErrNotFound
		case err != nil:
			return err
		case over:
			return gate.ErrOver
		}
		return t.depart("", "", c.Stay, string(gate.StayUnseen), c.By, c.At, vin, plate, c.Why)
	})
}

// Sightings are the passages of a vehicle at other lanes (gate.LedgerStore). Of
// each name the last few passages are looked at: those before have ended long
// ago.
func (s *Store) Sightings(ctx context.Context, vin, plate string, not gate.LaneID, since time.Time) ([]gate.Sighting, error) {
	list, err := collect(func(rows *sql.Rows) (g gate.Sighting, err error) {
		var at string
		var until sql.NullString
		if err := rows.Scan(&g.Passage, &g.Lane, &g.VIN, &g.Plate, &at, &until); err != nil {
			return g, err
		}
		if g.At, err = instant(at); err != nil {
			return g, err
		}
		if until.Valid {
			g.Until, err = instant(until.String)
		}
		return g, err
	})(s.r.QueryContext(ctx, `SELECT p.id, p.lane, p.vin, p.plate, p.at, o.at FROM passage p LEFT JOIN outcome o ON o.passage = p.id
		WHERE p.seq IN (SELECT * FROM (SELECT seq FROM passage WHERE vin = ?1 AND ?1 <> '' ORDER BY seq DESC LIMIT 32)
			UNION SELECT * FROM (SELECT seq FROM passage WHERE plate = ?2 AND ?2 <> '' ORDER BY seq DESC LIMIT 32))
		AND p.lane <> ?3 AND (o.at IS NULL OR o.at >= ?4) ORDER BY p.seq DESC LIMIT 16`, gate.NormalVIN(vin), gate.NormalPlate(plate), string(not), stamp(since)))
	if err != nil {
		return nil, fmt.Errorf("sightings: %w", err)
	}
	return list, nil
}
