package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"sallyport/gate"
)

// Registrations is the list as it stands, as of Store.
func (r *Reader) Registrations(ctx context.Context) ([]gate.Registration, error) {
	return r.s.Registrations(ctx)
}

// Policy is the policy of that hash, as of Store.
func (r *Reader) Policy(ctx context.Context, hash string) (gate.PolicyDocument, error) {
	return r.s.Policy(ctx, hash)
}

// EachPast hands on, oldest first, the last assessment of every passage: that
// of its latest reassessment, else its own. The assessment of a passage that
// was erased is empty. It stops at the first error of take and returns it.
func (r *Reader) EachPast(ctx context.Context, take func(gate.WhatIfPast) error) (err error) {
	rows, err := r.s.r.QueryContext(ctx, `SELECT p.id, p.at, coalesce(
			(SELECT a.doc FROM reassessment a WHERE a.passage = p.id ORDER BY a.seq DESC LIMIT 1), p.doc)
		FROM passage p ORDER BY p.seq`)
	if err != nil {
		return fmt.Errorf("passages: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var p gate.WhatIfPast
		var at string
		var doc sql.NullString
		if err := rows.Scan(&p.Passage, &at, &doc); err != nil {
			return fmt.Errorf("passages: %w", err)
		}
		if p.At, err = instant(at); err != nil {
			return fmt.Errorf("passage %s: %w", p.Passage, err)
		}
		if doc.Valid {
			var kept struct {
				Result gate.Assessment `json:"result"`
			}
			if err := json.Unmarshal([]byte(doc.String), &kept); err != nil {
				return fmt.Errorf("passage %s: %w", p.Passage, err)
			}
			p.Result = kept.Result
		}
		if err := take(p); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("passages: %w", err)
	}
	return nil
}
