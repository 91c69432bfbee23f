package storetest

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"sallyport/gate"
	"sallyport/gate/translog"
)

// recorded is the versions in memory, without sources where they are not asked
// for.
func (m *Memory) recorded(sources bool) []gate.PolicyVersion {
	var out []gate.PolicyVersion
	for _, v := range m.versions {
		v.Steps, v.Editors = slices.Clone(v.Steps), slices.Clone(v.Editors)
		if !sources {
			v.Source = ""
		}
		out = append(out, v)
	}
	return out
}

// RecordPolicyVersion adds a version and its first steps.
func (m *Memory) RecordPolicyVersion(ctx context.Context, v gate.PolicyVersion, steps ...gate.PolicyStep) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v.Steps, v.At, v.Editors = nil, v.At.UTC(), slices.Clone(v.Editors)
	before := m.recorded(true)
	all := before
	if v.Number >= 1 && v.Number <= len(before) {
		was := before[v.Number-1]
		if was.Steps = nil; text(was) != text(v) {
			return gate.ErrExists
		}
	} else {
		if err := gate.CheckPolicyVersion(before, v); err != nil {
			return err
		}
		all = append(before, v)
	}
	// All or nothing: the steps are tried before anything is written.
	var fresh []gate.PolicyStep
	for _, s := range steps {
		s = plainStep(s)
		if m.hasStep(all, s) {
			continue
		}
		if err := gate.CheckPolicyStep(all, s); err != nil {
			return err
		}
		s.Seq = int64(len(m.store.EntriesAt) + 1 + len(fresh))
		all[s.Version-1].Steps = append(all[s.Version-1].Steps, s)
		fresh = append(fresh, s)
	}
	if len(all) > len(m.versions) {
		if _, err := m.entry(translog.Entry{At: v.At, Kind: "policy_version", Row: "policy_version",
			Body: object(map[string]string{"version": strconv.Itoa(v.Number), "author": v.Author})}); err != nil {
			return err
		}
		m.versions = append(m.versions, v)
	}
	for _, s := range fresh {
		if err := m.writeStep(s); err != nil {
			return err
		}
	}
	return nil
}

func plainStep(s gate.PolicyStep) gate.PolicyStep {
	s.Seq, s.At = 0, s.At.UTC()
	if !s.From.IsZero() {
		s.From = s.From.UTC()
	}
	return s
}

func (m *Memory) hasStep(versions []gate.PolicyVersion, s gate.PolicyStep) bool {
	if s.Version < 1 || s.Version > len(versions) {
		return false
	}
	return slices.ContainsFunc(versions[s.Version-1].Steps, func(k gate.PolicyStep) bool { return text(plainStep(k)) == text(s) })
}

func (m *Memory) writeStep(s gate.PolicyStep) error {
	s.Seq = 0
	seq, err := m.entry(translog.Entry{At: s.At, Kind: "policy_step", Row: "policy_step",
		Body: object(map[string]string{"version": strconv.Itoa(s.Version), "step": string(s.Kind), "doc": text(s)})})
	if err != nil {
		return err
	}
	s.Seq = seq
	v := &m.versions[s.Version-1]
	v.Steps = append(v.Steps, s)
	return nil
}

// RecordPolicyStep adds a step.
func (m *Memory) RecordPolicyStep(ctx context.Context, s gate.PolicyStep) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s = plainStep(s)
	versions := m.recorded(true)
	if m.hasStep(versions, s) {
		return nil
	}
	if err := gate.CheckPolicyStep(versions, s); err != nil {
		return err
	}
	return m.writeStep(s)
}

// PolicyVersions are all versions, without their sources.
func (m *Memory) PolicyVersions(ctx context.Context) ([]gate.PolicyVersion, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.recorded(false), nil
}

// PolicyVersion is one version with its source.
func (m *Memory) PolicyVersion(ctx context.Context, number int) (gate.PolicyVersion, error) {
	if err := ctx.Err(); err != nil {
		return gate.PolicyVersion{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if number < 1 || number > len(m.versions) {
		return gate.PolicyVersion{}, fmt.Errorf("policy version %d: %w", number, gate.ErrNotFound)
	}
	return m.recorded(true)[number-1], nil
}

// RecordPosture adds a change of the threat level.
func (m *Memory) RecordPosture(ctx context.Context, c gate.PostureChange) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c.Seq, c.At = 0, c.At.UTC()
	if !c.Until.IsZero() {
		c.Until = c.Until.UTC()
	}
	if c.Number >= 1 && c.Number <= len(m.postures) {
		was := m.postures[c.Number-1]
		if was.Seq = 0; text(was) != text(c) {
			return gate.ErrExists
		}
		return nil
	}
	if err := gate.CheckPosture(m.postures, c); err != nil {
		return err
	}
	seq, err := m.entry(translog.Entry{At: c.At, Kind: "posture", Row: "posture",
		Body: object(map[string]string{"change": strconv.Itoa(c.Number), "level": c.Level, "doc": text(c)})})
	if err != nil {
		return err
	}
	c.Seq = seq
	m.postures = append(m.postures, c)
	return nil
}

// PostureChanges are all changes of the threat level.
func (m *Memory) PostureChanges(ctx context.Context) ([]gate.PostureChange, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.postures), nil
}
