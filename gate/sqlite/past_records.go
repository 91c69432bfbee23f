package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sallyport/gate"
)

var _ gate.PastReader = (*Reader)(nil)

// pastPeriod chooses passages by their arrival. An instant that does not
// restrict is NULL.
const pastPeriod = ` FROM passage p WHERE p.at >= coalesce(:from, '') AND p.at < coalesce(:until, 'Z')`

// pastPassages is the last assessment of every passage of a period: that of its
// latest reassessment, else its own. As blobs the documents are copied once.
const pastPassages = `SELECT p.id, p.lane, p.at,
	coalesce((SELECT a.outcome FROM reassessment a WHERE a.passage = p.id ORDER BY a.seq DESC LIMIT 1), p.outcome),
	CAST(coalesce((SELECT a.doc FROM reassessment a WHERE a.passage = p.id ORDER BY a.seq DESC LIMIT 1), p.doc) AS BLOB)` +
	pastPeriod + ` ORDER BY p.at, p.seq`

// period are the arguments of pastPeriod.
func period(from, until time.Time) []any {
	arg := func(name string, t time.Time) any {
		if t.IsZero() {
			return sql.Named(name, nil)
		}
		return sql.Named(name, stamp(t))
	}
	return []any{arg("from", from), arg("until", until)}
}

// EachRecord hands on the passages of a period (gate.PastReader).
func (r *Reader) EachRecord(ctx context.Context, from, until time.Time, take func(gate.PastRecord) error) (err error) {
	rows, err := r.s.r.QueryContext(ctx, pastPassages, period(from, until)...)
	if err != nil {
		return fmt.Errorf("passages: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var p gate.PastRecord
		var at, outcome string
		var doc sql.RawBytes
		if err := rows.Scan(&p.Passage, &p.Lane, &at, &outcome, &doc); err != nil {
			return fmt.Errorf("passages: %w", err)
		}
		if p.At, err = instant(at); err != nil {
			return fmt.Errorf("passage %s: %w", p.Passage, err)
		}
		p.Outcome, p.Doc = outcomeOf(outcome), doc
		if err := take(p); err != nil {
			return err
		}
	}
	if err := errors.Join(ctx.Err(), rows.Err()); err != nil {
		return fmt.Errorf("passages: %w", err)
	}
	return nil
}

// CountRecords is how many passages EachRecord would hand on.
func (r *Reader) CountRecords(ctx context.Context, from, until time.Time) (n int, err error) {
	if err := r.s.r.QueryRowContext(ctx, "SELECT count(*)"+pastPeriod, period(from, until)...).Scan(&n); err != nil {
		return 0, fmt.Errorf("passages: %w", err)
	}
	return n, nil
}

// Passage is everything kept of one passage, as of Store.
func (r *Reader) Passage(ctx context.Context, id gate.PassageID) (gate.PassageRecord, error) {
	return r.s.Passage(ctx, id)
}
