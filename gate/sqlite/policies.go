package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"sallyport/gate"
	"sallyport/gate/translog"
)

var (
	_ gate.PolicyStore  = (*Store)(nil)
	_ gate.PostureStore = (*Store)(nil)
)

// policyVersionBody names the author in the log, and commits to the whole.
func policyVersionBody(number, author, doc string) json.RawMessage {
	sum := sha256.Sum256([]byte(doc))
	return body("version", number, "author", author, "doc_sha256", hex.EncodeToString(sum[:]))
}

// policyStepBody has the whole step in the log.
func policyStepBody(version, kind, doc string) json.RawMessage {
	return body("version", version, "step", kind, "doc", doc)
}

// postureBody has the whole change in the log.
func postureBody(number, level, doc string) json.RawMessage {
	return body("change", number, "level", level, "doc", doc)
}

// querier reads within a transaction of the writer, or beside it.
type querier func(query string, args ...any) (*sql.Rows, error)

func (t *txn) query(query string, args ...any) (*sql.Rows, error) {
	st, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(context.Background(), args...)
}

// policyVersions reads all versions, with their steps and without their sources.
func policyVersions(query querier) ([]gate.PolicyVersion, error) {
	list, err := collect(scanDoc[gate.PolicyVersion])(query("SELECT json_remove(doc, '$.source') FROM policy_version ORDER BY seq"))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	steps, err := collect(scanSeqDoc)(query("SELECT seq, doc FROM policy_step ORDER BY seq"))
	if err != nil {
		return nil, err
	}
	for _, s := range steps {
		if s.Version < 1 || s.Version > len(list) {
			return nil, fmt.Errorf("a step of version %d, which is not there", s.Version)
		}
		list[s.Version-1].Steps = append(list[s.Version-1].Steps, s)
	}
	return list, nil
}

func scanSeqDoc(rows *sql.Rows) (s gate.PolicyStep, err error) {
	var doc string
	var seq int64
	if err := rows.Scan(&seq, &doc); err != nil {
		return s, err
	}
	err = json.Unmarshal([]byte(doc), &s)
	s.Seq = seq
	return s, err
}

// RecordPolicyVersion adds a version and its first steps (gate.PolicyStore).
func (s *Store) RecordPolicyVersion(ctx context.Context, v gate.PolicyVersion, steps ...gate.PolicyStep) error {
	v.Steps, v.At = nil, v.At.UTC()
	doc, err := document(v)
	if err != nil {
		return fmt.Errorf("policy version %d: %w", v.Number, err)
	}
	number, author := strconv.Itoa(v.Number), clean(v.Author)
	return s.do(ctx, "record policy version "+number, func(t *txn) error {
		done, err := t.recorded("SELECT doc FROM policy_version WHERE number = ?", number, doc)
		if err != nil {
			return err
		}
		if !done {
			versions, err := policyVersions(t.query)
			if err != nil {
				return err
			}
			if err := gate.CheckPolicyVersion(versions, v); err != nil {
				return err
			}
			seq, err := t.entry(translog.Entry{At: v.At, Kind: tablePolicyVersion, Row: tablePolicyVersion, Body: policyVersionBody(number, author, doc)})
			if err != nil {
				return err
			}
			if err := t.exec("INSERT INTO policy_version (seq, at, number, author, doc) VALUES (?,?,?,?,?)", seq, stamp(v.At), number, author, doc); err != nil {
				return err
			}
		}
		for _, step := range steps {
			if err := t.policyStep(step); err != nil {
				return err
			}
		}
		return nil
	})
}

// RecordPolicyStep adds a step to a version (gate.PolicyStore).
func (s *Store) RecordPolicyStep(ctx context.Context, step gate.PolicyStep) error {
	return s.do(ctx, fmt.Sprintf("record %s of policy version %d", step.Kind, step.Version), func(t *txn) error {
		return t.policyStep(step)
	})
}

func (t *txn) policyStep(step gate.PolicyStep) error {
	step.Seq, step.At = 0, step.At.UTC()
	if !step.From.IsZero() {
		step.From = step.From.UTC()
	}
	doc, err := document(step)
	if err != nil {
		return err
	}
	version, kind := strconv.Itoa(step.Version), clean(string(step.Kind))
	var there int
	if err := t.get("SELECT count(*) FROM policy_step WHERE version = ? AND doc = ?", []any{version, doc}, &there); err != nil || there > 0 {
		return err
	}
	versions, err := policyVersions(t.query)
	if err != nil {
		return err
	}
	if err := gate.CheckPolicyStep(versions, step); err != nil {
		return err
	}
	seq, err := t.entry(translog.Entry{At: step.At, Kind: tablePolicyStep, Row: tablePolicyStep, Body: policyStepBody(version, kind, doc)})
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO policy_step (seq, at, version, kind, doc) VALUES (?,?,?,?,?)", seq, stamp(step.At), version, kind, doc)
}

// PolicyVersions are all versions, without their sources (gate.PolicyStore).
func (s *Store) PolicyVersions(ctx context.Context) (list []gate.PolicyVersion, err error) {
	err = s.beside(ctx, func(q querier) (err error) { list, err = policyVersions(q); return err })
	if err != nil {
		return nil, fmt.Errorf("policy versions: %w", err)
	}
	return list, nil
}

// PolicyVersion is one version with its source (gate.PolicyStore).
func (s *Store) PolicyVersion(ctx context.Context, number int) (v gate.PolicyVersion, err error) {
	err = s.beside(ctx, func(q querier) error {
		list, err := policyVersions(q)
		if err != nil {
			return err
		}
		if number < 1 || number > len(list) {
			return gate.ErrNotFound
		}
		whole, err := collect(scanDoc[gate.PolicyVersion])(q("SELECT doc FROM policy_version WHERE number = ?", strconv.Itoa(number)))
		if err != nil || len(whole) != 1 {
			return errors.Join(err, gate.ErrNotFound)
		}
		v = list[number-1]
		v.Source = whole[0].Source
		return nil
	})
	if err != nil {
		return gate.PolicyVersion{}, fmt.Errorf("policy version %d: %w", number, err)
	}
	return v, nil
}

// beside reads as of one moment.
func (s *Store) beside(ctx context.Context, read func(querier) error) error {
	tx, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return read(func(query string, args ...any) (*sql.Rows, error) { return tx.QueryContext(ctx, query, args...) })
}

func postureChanges(query querier) ([]gate.PostureChange, error) {
	return collect(func(rows *sql.Rows) (c gate.PostureChange, err error) {
		var doc string
		var seq int64
		if err := rows.Scan(&seq, &doc); err != nil {
			return c, err
		}
		err = json.Unmarshal([]byte(doc), &c)
		c.Seq = seq
		return c, err
	})(query("SELECT seq, doc FROM posture ORDER BY seq"))
}

// RecordPosture adds a change of the threat level (gate.PostureStore).
func (s *Store) RecordPosture(ctx context.Context, c gate.PostureChange) error {
	c.Seq, c.At = 0, c.At.UTC()
	if !c.Until.IsZero() {
		c.Until = c.Until.UTC()
	}
	doc, err := document(c)
	if err != nil {
		return fmt.Errorf("posture: %w", err)
	}
	number, level := strconv.Itoa(c.Number), clean(c.Level)
	return s.do(ctx, "record posture "+level, func(t *txn) error {
		if done, err := t.recorded("SELECT doc FROM posture WHERE number = ?", number, doc); done || err != nil {
			return err
		}
		changes, err := postureChanges(t.query)
		if err != nil {
			return err
		}
		if err := gate.CheckPosture(changes, c); err != nil {
			return err
		}
		seq, err := t.entry(translog.Entry{At: c.At, Kind: tablePosture, Row: tablePosture, Body: postureBody(number, level, doc)})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO posture (seq, at, number, level, doc) VALUES (?,?,?,?,?)", seq, stamp(c.At), number, level, doc)
	})
}

// PostureChanges are all changes of the threat level (gate.PostureStore).
func (s *Store) PostureChanges(ctx context.Context) ([]gate.PostureChange, error) {
	list, err := postureChanges(func(query string, args ...any) (*sql.Rows, error) { return s.r.QueryContext(ctx, query, args...) })
	if err != nil {
		return nil, fmt.Errorf("posture: %w", err)
	}
	return list, nil
}
