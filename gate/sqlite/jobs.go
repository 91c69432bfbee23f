package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"sallyport/gate"
)

// JobState is how a task of the site's housekeeping last went. A zero instant is
// none.
type JobState struct {
	Name     string
	Due      time.Time // the instant for which it last ran
	Begun    time.Time
	Ended    time.Time // zero while it runs, or when the program ended amid it
	Took     time.Duration
	Result   string // ok, failed, panicked; empty before the first end
	Detail   string // in words; names no vehicle and no driver
	Memory   string // what the task wants to know at its next run
	Runs     int64
	Failures int64
}

func stampOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

func instantOrNone(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return instant(s)
}

// PutJob keeps how a task went. It is durable on return.
func (s *Store) PutJob(ctx context.Context, j JobState) error {
	return s.do(ctx, "keep job "+j.Name, func(t *txn) error {
		return t.exec(`INSERT INTO job (name, due, begun, ended, took, result, detail, memory, runs, failures) VALUES (?,?,?,?,?,?,?,?,?,?)
			ON CONFLICT (name) DO UPDATE SET due = excluded.due, begun = excluded.begun, ended = excluded.ended, took = excluded.took,
				result = excluded.result, detail = excluded.detail, memory = excluded.memory, runs = excluded.runs, failures = excluded.failures`,
			j.Name, stampOrNone(j.Due), stampOrNone(j.Begun), stampOrNone(j.Ended), int64(j.Took), j.Result, clean(j.Detail), j.Memory, j.Runs, j.Failures)
	})
}

// Jobs are the tasks that ever ran, by name.
func (s *Store) Jobs(ctx context.Context) ([]JobState, error) {
	list, err := collect(func(rows *sql.Rows) (j JobState, err error) {
		var due, begun, ended string
		if err := rows.Scan(&j.Name, &due, &begun, &ended, &j.Took, &j.Result, &j.Detail, &j.Memory, &j.Runs, &j.Failures); err != nil {
			return j, err
		}
		for _, f := range []struct {
			text string
			into *time.Time
		}{{due, &j.Due}, {begun, &j.Begun}, {ended, &j.Ended}} {
			if *f.into, err = instantOrNone(f.text); err != nil {
				return j, err
			}
		}
		return j, nil
	})(s.r.QueryContext(ctx, "SELECT name, due, begun, ended, took, result, detail, memory, runs, failures FROM job ORDER BY name"))
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return list, nil
}

// Foreseen is what would be decided of one vehicle on the list.
type Foreseen struct {
	Registration int64 // sequence of the list's row in the log
	Listed       gate.Registration
	Outcomes     map[string]string // by zone
}

// Foreseen are the vehicles on the list as it stands, each with what was last
// foreseen of it.
func (s *Store) Foreseen(ctx context.Context) ([]Foreseen, error) {
	list, err := collect(func(rows *sql.Rows) (f Foreseen, err error) {
		var doc string
		if err := rows.Scan(&f.Registration, &doc); err != nil {
			return f, err
		}
		f.Outcomes = make(map[string]string, 2)
		return f, json.Unmarshal([]byte(doc), &f.Listed)
	})(s.r.QueryContext(ctx, `SELECT r.seq, r.doc FROM registration r
		WHERE `+standing+` ORDER BY r.seq`))
	if err != nil {
		return nil, fmt.Errorf("registrations: %w", err)
	}
	at := make(map[int64]int, len(list))
	held, err := s.exemptions(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		at[list[i].Registration] = i
		list[i].Listed.Exempt = held.of(&list[i].Listed)
	}
	rows, err := s.r.QueryContext(ctx, "SELECT registration, zone, outcome FROM foreseen")
	if err != nil {
		return nil, fmt.Errorf("foreseen: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var zone, outcome string
		if err := rows.Scan(&seq, &zone, &outcome); err != nil {
			return nil, fmt.Errorf("foreseen: %w", err)
		}
		if i, listed := at[seq]; listed {
			list[i].Outcomes[zone] = outcome
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("foreseen: %w", err)
	}
	return list, nil
}

// InspectionsExpired counts what was read off vehicles and ceased to hold in
// (from, until].
func (s *Store) InspectionsExpired(ctx context.Context, from, until time.Time) (n int, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT count(*) FROM inspection WHERE expires > ? AND expires <= ?", stamp(from), stamp(until)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("inspections: %w", err)
	}
	return n, nil
}
