package storetest

import (
	"context"
	"slices"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
)

var _ gate.SettingStore = (*Memory)(nil)

// RecordSetting adds a change that waits.
func (m *Memory) RecordSetting(ctx context.Context, c gate.SettingChange) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.settings, func(o gate.SettingChange) bool { return o.ID == c.ID || o.Key == c.Key && o.Decided == "" }) {
		return gate.ErrExists
	}
	c.At, c.Decided, c.DecidedBy, c.DecidedAt = c.At.UTC(), "", "", time.Time{}
	if _, err := m.entry(translog.Entry{At: c.At, Kind: "setting", Row: "setting", Body: object(map[string]string{"act": "proposed", "by": c.By, "doc": text(c)})}); err != nil {
		return err
	}
	m.settings = append(m.settings, c)
	return nil
}

// DecideSetting decides one.
func (m *Memory) DecideSetting(ctx context.Context, id string, how gate.SettingStep, by string, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.settings, func(c gate.SettingChange) bool { return c.ID == id })
	if i < 0 {
		return gate.ErrNotFound
	}
	c := &m.settings[i]
	if err := gate.CheckSettingStep(c, how, by); err != nil {
		return err
	}
	if _, err := m.entry(translog.Entry{At: at.UTC(), Kind: "setting", Row: "setting", Body: object(map[string]string{"act": string(how), "by": by, "doc": text(gate.SettingChange{ID: id})})}); err != nil {
		return err
	}
	c.Decided, c.DecidedBy, c.DecidedAt = how, by, at.UTC()
	return nil
}

// SettingChanges are all, oldest first.
func (m *Memory) SettingChanges(ctx context.Context) ([]gate.SettingChange, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.settings), ctx.Err()
}
