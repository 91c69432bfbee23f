package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
)

var _ gate.SettingStore = (*Store)(nil)

const (
	tableSetting    = "setting"
	settingProposed = "proposed" // the other kinds are steps
)

func settingBody(kind, by, doc string) json.RawMessage {
	return body("act", kind, "by", by, "doc", doc)
}

// settingRow is one row of the history: a proposal, or what became of one.
type settingRow struct {
	kind, by string
	at       time.Time
	change   gate.SettingChange // of a step, its id only
}

// foldSettings makes the changes of a history, oldest first.
func foldSettings(rows []settingRow) (list []gate.SettingChange) {
	place := map[string]int{}
	for _, r := range rows {
		if r.kind == settingProposed {
			place[r.change.ID] = len(list)
			list = append(list, r.change)
			continue
		}
		if i, ok := place[r.change.ID]; ok {
			list[i].Decided, list[i].DecidedBy, list[i].DecidedAt = gate.SettingStep(r.kind), r.by, r.at
		}
	}
	return list
}

const settingRows = "SELECT at, kind, by, doc FROM setting ORDER BY seq"

func scanSetting(rows *sql.Rows) (r settingRow, err error) {
	var at, doc string
	if err := rows.Scan(&at, &r.kind, &r.by, &doc); err != nil {
		return r, err
	}
	if r.at, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(doc), &r.change)
}

// RecordSetting adds a change that waits (gate.SettingStore).
func (s *Store) RecordSetting(ctx context.Context, c gate.SettingChange) error {
	if err := c.Check(); err != nil {
		return err
	}
	c.At, c.By, c.Was, c.Value, c.Why = c.At.UTC(), clean(c.By), clean(c.Was), clean(c.Value), clean(c.Why)
	c.Decided, c.DecidedBy, c.DecidedAt = "", "", time.Time{}
	return s.setting(ctx, settingProposed, c.By, c.At, c, func(list []gate.SettingChange) error {
		for _, o := range list {
			if o.ID == c.ID || o.Key == c.Key && o.Decided == "" {
				return gate.ErrExists
			}
		}
		return nil
	})
}

// DecideSetting decides one (gate.SettingStore).
func (s *Store) DecideSetting(ctx context.Context, id string, how gate.SettingStep, by string, at time.Time) error {
	by = clean(by)
	return s.setting(ctx, string(how), by, at.UTC(), gate.SettingChange{ID: clean(id)}, func(list []gate.SettingChange) error {
		for i := range list {
			if list[i].ID == id {
				return gate.CheckSettingStep(&list[i], how, by)
			}
		}
		return gate.ErrNotFound
	})
}

// setting adds a row where the history allows it.
func (s *Store) setting(ctx context.Context, kind, by string, at time.Time, c gate.SettingChange, may func([]gate.SettingChange) error) error {
	doc, err := document(c)
	if err != nil {
		return err
	}
	return s.do(ctx, "setting "+c.ID, func(t *txn) error {
		all, err := collect(scanSetting)(t.query(settingRows))
		if err != nil {
			return err
		}
		if err := may(foldSettings(all)); err != nil {
			return err
		}
		seq, err := t.entry(translog.Entry{At: at, Kind: tableSetting, Row: tableSetting, Body: settingBody(kind, by, doc)})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO setting (seq, at, kind, by, doc) VALUES (?,?,?,?,?)", seq, stamp(at), kind, by, doc)
	})
}

// SettingChanges are all changes, oldest first (gate.SettingStore).
func (s *Store) SettingChanges(ctx context.Context) ([]gate.SettingChange, error) {
	all, err := collect(scanSetting)(s.r.QueryContext(ctx, settingRows))
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return foldSettings(all), nil
}
