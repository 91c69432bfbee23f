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
	"sallyport/policy"
)

var (
	_ gate.Recorder = (*Store)(nil)
	_ gate.Registry = (*Store)(nil)
)

// The tables that hold records, and the kinds of their entries.
const (
	tablePassage       = "passage"
	tableReassessment  = "reassessment"
	tableAct           = "act"
	tableOutcome       = "outcome"
	tableInspection    = "inspection"
	tableInspectionAct = "inspection_act"
	tablePhoto         = "photo"
	tableRegistration  = "registration"
	tablePolicy        = "policy"
	tablePolicyVersion = "policy_version"
	tablePolicyStep    = "policy_step"
	tablePosture       = "posture"

	kindReassessed = "reassessed" // the others are named like their tables
)

// layout is an instant in a column: UTC, of one width, so that it sorts.
const layout = "2006-01-02T15:04:05.000000000Z"

func stamp(t time.Time) string { return t.UTC().Format(layout) }

// instant reads what stamp writes, and nothing else.
func instant(s string) (time.Time, error) {
	t, err := time.Parse(layout, s)
	if err != nil || stamp(t) != s {
		return time.Time{}, fmt.Errorf("%q is not an instant", s)
	}
	return t, nil
}

// The outcomes, as columns and entries name them.
var outcomeNames = map[policy.Outcome]string{policy.Grant: "grant", policy.Flag: "flag", policy.Deny: "deny"}

func outcomeOf(name string) policy.Outcome {
	for o, n := range outcomeNames {
		if n == name {
			return o
		}
	}
	return 0
}

// body is the part of an entry that may be kept for ever: pairs of name and
// value, in their order.
func body(pairs ...string) json.RawMessage {
	size := 2
	for _, p := range pairs {
		size += len(p) + 3
	}
	b := append(make(json.RawMessage, 0, size), '{')
	for i, p := range pairs {
		switch {
		case i%2 == 1:
			b = append(b, ':')
		case i > 0:
			b = append(b, ',')
		}
		b = appendQuoted(b, p)
	}
	return append(b, '}')
}

// appendQuoted adds a string as an entry's encoder writes it.
func appendQuoted(b []byte, s string) []byte {
	if plain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	var quoted strings.Builder
	enc := json.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return append(b, strings.TrimSuffix(quoted.String(), "\n")...)
}

// plain tells whether s stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// clean keeps a text that comes from outside fit for a column: valid UTF-8.
func clean(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func document(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// sealed is personal data on its way to a row.
type sealed struct {
	salt   []byte
	commit translog.Commitment
}

func seal(fields ...string) sealed {
	var salt [translog.SaltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	raw := make([][]byte, len(fields))
	for i, f := range fields {
		raw[i] = []byte(f)
	}
	return sealed{salt: salt[:], commit: translog.Commit(salt, raw...)}
}

// recorded says whether the same document stands under that id already; another
// one there is gate.ErrExists.
func (t *txn) recorded(query, id, doc string) (bool, error) {
	var there sql.NullString
	err := t.get(query, []any{id}, &there)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err == nil && there.String != doc:
		err = gate.ErrExists
	}
	return err == nil, err
}

// Record makes a passage durable (gate.Recorder).
func (s *Store) Record(ctx context.Context, p gate.Passage) error {
	write, err := passageWriter(p)
	if err != nil {
		return err
	}
	return s.do(ctx, "record passage "+string(p.ID), write)
}

// passageWriter has a passage ready to be written, so that the writer only
// writes.
func passageWriter(p gate.Passage) (func(*txn) error, error) {
	doc, err := document(p)
	if err != nil {
		return nil, fmt.Errorf("passage %s: %w", p.ID, err)
	}
	if p.ID == "" {
		return nil, errors.New("passage without an id")
	}
	vin := clean(p.Result.VIN)
	if vin == "" {
		vin = clean(gate.NormalVIN(p.Arrival.VIN))
	}
	plate := clean(gate.NormalPlate(p.Arrival.Plate))
	outcome, hash := outcomeNames[p.Result.Verdict.Outcome], clean(p.Result.Verdict.Hash)
	id, lane := clean(string(p.ID)), clean(string(p.Lane))
	kept := seal(vin, plate, doc)
	e := translog.Entry{
		At: p.At, Kind: tablePassage, Lane: lane, Passage: id, Row: tablePassage,
		Body: body("outcome", outcome, "policy", hash), Commit: &kept.commit,
	}
	return func(t *txn) error {
		if done, err := t.recorded("SELECT doc FROM passage WHERE id = ?", id, doc); done || err != nil {
			return err
		}
		seq, err := t.entry(e)
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO passage (seq, at, lane, id, outcome, policy, salt, vin, plate, doc) VALUES (?,?,?,?,?,?,?,?,?,?)",
			seq, stamp(p.At), lane, id, outcome, hash, kept.salt, vin, plate, doc)
	}, nil
}

// laneOf is the lane of a passage; ErrNotFound when there is no such passage.
func (t *txn) laneOf(id string) (lane string, err error) {
	err = t.get("SELECT lane FROM passage WHERE id = ?", []any{id}, &lane)
	if errors.Is(err, sql.ErrNoRows) {
		err = gate.ErrNotFound
	}
	return lane, err
}

// RecordReassessment adds a later assessment to a passage (gate.Recorder).
func (s *Store) RecordReassessment(ctx context.Context, r gate.Reassessment) error {
	doc, err := document(r)
	if err != nil {
		return fmt.Errorf("reassessment of %s: %w", r.Passage, err)
	}
	id, because := clean(string(r.Passage)), clean(r.Because)
	outcome, hash := outcomeNames[r.Result.Verdict.Outcome], clean(r.Result.Verdict.Hash)
	kept := seal(doc)
	return s.do(ctx, "record reassessment of "+id, func(t *txn) error {
		lane, err := t.laneOf(id)
		if err != nil {
			return err
		}
		var ended int
		if err := t.get("SELECT count(*) FROM outcome WHERE passage = ?", []any{id}, &ended); err != nil {
			return err
		}
		if ended > 0 {
			return gate.ErrExists
		}
		seq, err := t.entry(translog.Entry{
			At: r.At, Kind: kindReassessed, Lane: lane, Passage: id, Row: tableReassessment,
			Body: body("outcome", outcome, "policy", hash, "because", because), Commit: &kept.commit,
		})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO reassessment (seq, at, lane, passage, outcome, policy, because, salt, doc) VALUES (?,?,?,?,?,?,?,?,?)",
			seq, stamp(r.At), lane, id, outcome, hash, because, kept.salt, doc)
	})
}

// RecordAct adds a person's act to a passage (gate.Recorder).
func (s *Store) RecordAct(ctx context.Context, a gate.Act) error {
	return s.do(ctx, "record act on "+string(a.Passage), func(t *txn) error { return t.act(a) })
}

func (t *txn) act(a gate.Act) error {
	id, kind, by, supervisor, reason := clean(string(a.Passage)), clean(string(a.Kind)), clean(a.By), clean(a.Supervisor), clean(a.Reason)
	kept := seal(reason)
	lane, err := t.laneOf(id)
	if err != nil {
		return err
	}
	seq, err := t.entry(translog.Entry{
		At: a.At, Kind: tableAct, Lane: lane, Passage: id, Row: tableAct,
		Body: body("act", kind, "by", by, "supervisor", supervisor), Commit: &kept.commit,
	})
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO act (seq, at, lane, passage, kind, by, supervisor, salt, reason) VALUES (?,?,?,?,?,?,?,?,?)",
		seq, stamp(a.At), lane, id, kind, by, supervisor, kept.salt, reason)
}

// RecordOutcome ends a passage (gate.Recorder).
func (s *Store) RecordOutcome(ctx context.Context, o gate.Outcome) error {
	return s.do(ctx, "record outcome of "+string(o.Passage), func(t *txn) error { return t.outcome(o) })
}

func (t *txn) outcome(o gate.Outcome) error {
	id, ending, note := clean(string(o.Passage)), clean(string(o.Ending)), clean(o.Note)
	lane, err := t.laneOf(id)
	if err != nil {
		return err
	}
	var there string
	err = t.get("SELECT ending FROM outcome WHERE passage = ?", []any{id}, &there)
	switch {
	case err == nil && there == ending:
		return nil
	case err == nil:
		return fmt.Errorf("%w as %s", gate.ErrExists, there)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	seq, err := t.entry(translog.Entry{
		At: o.At, Kind: tableOutcome, Lane: lane, Passage: id, Row: tableOutcome,
		Body: body("ending", ending, "note", note),
	})
	if err != nil {
		return err
	}
	if err := t.exec("INSERT INTO outcome (seq, at, lane, passage, ending, note) VALUES (?,?,?,?,?,?)",
		seq, stamp(o.At), lane, id, ending, note); err != nil || o.Ending != gate.EndAdmitted {
		return err
	}
	return t.ledger(id, lane, o)
}

// RecordEvent logs something that is not about a passage (gate.Recorder).
func (s *Store) RecordEvent(ctx context.Context, e gate.Event) error {
	return s.do(ctx, "record event "+string(e.Kind), func(t *txn) error { return t.event(e) })
}

func (t *txn) event(e gate.Event) error {
	_, err := t.entry(translog.Entry{
		At: e.At, Kind: clean(string(e.Kind)), Lane: clean(string(e.Lane)),
		Body: body("by", clean(e.By), "detail", clean(e.Detail)),
	})
	return err
}

// CloseOpen ends every open passage as unknown (gate.Recorder).
func (s *Store) CloseOpen(ctx context.Context, at time.Time) ([]gate.PassageID, error) {
	var closed []gate.PassageID
	err := s.do(ctx, "close open passages", func(t *txn) error {
		st, err := t.stmt("SELECT id, lane, coalesce(p.doc ->> '$.moment', 0) FROM passage p WHERE NOT EXISTS (SELECT 1 FROM outcome o WHERE o.passage = p.id) ORDER BY seq")
		if err != nil {
			return err
		}
		open, err := collect(func(rows *sql.Rows) (o gate.Outcome, err error) {
			o = gate.Outcome{Ending: gate.EndUnknown, At: at}
			return o, rows.Scan(&o.Passage, &o.Lane, &o.Moment)
		})(st.QueryContext(context.Background()))
		if err != nil {
			return err
		}
		for _, o := range open {
			if err := t.outcome(o); err != nil {
				return err
			}
			closed = append(closed, o.Passage)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return closed, nil
}

// LastAt is the latest instant of any record (gate.Recorder): that of the last
// checkpoint, which is never before any record it covers.
func (s *Store) LastAt(context.Context) (time.Time, error) { return s.currentHead().at, nil }

// collect reads all rows of a query.
func collect[T any](scan func(*sql.Rows) (T, error)) func(*sql.Rows, error) ([]T, error) {
	return func(rows *sql.Rows, err error) (list []T, rerr error) {
		if err != nil {
			return nil, err
		}
		defer func() { rerr = errors.Join(rerr, rows.Close()) }()
		for rows.Next() {
			v, err := scan(rows)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, rows.Err()
	}
}
