package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
)

var _ gate.RadioSetStore = (*Memory)(nil)

// radioSet is a set and the entry of its row.
type radioSet struct {
	gate.RadioSet
	seq int64
}

// chosen are the sets that are still there and that a filter chooses, newest
// first. The caller holds the lock.
func (m *Memory) chosen(f gate.RadioSetFilter) (list []radioSet) {
	for _, s := range slices.Backward(m.radioSets) {
		p := m.byID[s.Passage].Summary
		row := slices.IndexFunc(m.store.RowsAt, func(r translog.Row) bool { return r.Claims.Seq == s.seq })
		switch {
		case m.store.RowsAt[row].Erased,
			f.Epoch > 0 && s.Epoch != f.Epoch,
			f.VIN != "" && p.VIN != gate.NormalVIN(f.VIN),
			f.Plate != "" && p.Plate != gate.NormalPlate(f.Plate):
			continue
		}
		s.VIN = p.VIN
		list = append(list, s)
	}
	return list
}

// RadioSet counts the visits of each emitter with a vehicle.
func (m *Memory) RadioSet(ctx context.Context, vin string, at time.Time) (map[uint64]int, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	visits := map[uint64]int{}
	if vin == "" {
		return visits, nil
	}
	n := 0
	for _, s := range m.chosen(gate.RadioSetFilter{VIN: vin}) {
		if !m.byID[s.Passage].Summary.At.Before(at) || n == gate.MaxRadioVisits {
			continue
		}
		n++
		for _, t := range s.Tags {
			visits[t]++
		}
	}
	return visits, nil
}

// KeepRadioSet keeps the set of one visit.
func (m *Memory) KeepRadioSet(ctx context.Context, s gate.RadioSet) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, ok := m.byID[s.Passage]
	if len(s.Tags) == 0 {
		return nil
	}
	if s.Epoch < 1 || len(s.Tags) > gate.MaxRadioSet || slices.Contains(s.Tags, 0) {
		return fmt.Errorf("no radio set: epoch %d, %d tags", s.Epoch, len(s.Tags))
	}
	if !ok {
		return gate.ErrNotFound
	}
	var made, gone bool
	for _, k := range m.radioKeys {
		made = made || k.Epoch == s.Epoch && k.Kind == gate.RadioKeyMade
		gone = gone || k.Epoch == s.Epoch && k.Kind == gate.RadioKeyDestroyed
	}
	switch {
	case rec.Summary.Erased || gone:
		return gate.ErrErased
	case !made:
		return gate.ErrNotFound
	case slices.ContainsFunc(m.radioSets, func(x radioSet) bool { return x.Passage == s.Passage }):
		return nil
	}
	s.Tags = slices.Compact(slices.Sorted(slices.Values(s.Tags)))
	seq, err := m.entry(translog.Entry{At: s.At, Kind: "radio_set", Lane: string(rec.Passage.Lane), Passage: string(s.Passage), Row: "radio_set",
		Body: object(map[string]string{"epoch": fmt.Sprint(s.Epoch)})}, text(s.Tags))
	if err != nil {
		return err
	}
	m.radioSets = append(m.radioSets, radioSet{s, seq})
	m.seqsOf[s.Passage] = append(m.seqsOf[s.Passage], seq)
	return nil
}

// RadioSetsOf are the sets of a vehicle.
func (m *Memory) RadioSetsOf(ctx context.Context, vin, plate string) ([]gate.RadioSet, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []gate.RadioSet
	for _, s := range m.chosen(gate.RadioSetFilter{VIN: vin, Plate: plate}) {
		s.At = s.At.UTC().Round(0)
		out = append(out, s.RadioSet)
	}
	return out, nil
}

// EraseRadioSets erases sets.
func (m *Memory) EraseRadioSets(ctx context.Context, which gate.RadioSetFilter, at time.Time, why string) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var seqs []int64
	for _, s := range m.chosen(which) {
		seqs = append(seqs, s.seq)
	}
	if len(seqs) == 0 {
		return 0, nil
	}
	slices.Sort(seqs)
	for i, r := range m.store.RowsAt {
		if slices.Contains(seqs, r.Claims.Seq) {
			m.store.RowsAt[i].Salt, m.store.RowsAt[i].Fields, m.store.RowsAt[i].Erased = nil, nil, true
		}
	}
	for id, of := range m.seqsOf {
		m.seqsOf[id] = slices.DeleteFunc(of, func(seq int64) bool { return slices.Contains(seqs, seq) })
	}
	_, err := m.entry(translog.Entry{At: at, Kind: translog.KindErased,
		Body: json.RawMessage(text(translog.Erasure{Before: at.UTC(), Why: why, Seqs: seqs}))})
	return len(seqs), err
}

// RecordRadioKey adds a step in the life of a key.
func (m *Memory) RecordRadioKey(ctx context.Context, s gate.RadioKeyStep) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Epoch < 1 || s.Kind != gate.RadioKeyMade && s.Kind != gate.RadioKeyDestroyed || s.Commitment == "" {
		return errors.New("no step of a radio key")
	}
	made := false
	for _, there := range m.radioKeys {
		if there.Epoch != s.Epoch {
			continue
		}
		made = made || there.Kind == gate.RadioKeyMade
		if there.Commitment != s.Commitment {
			return gate.ErrExists
		}
		if there.Kind == s.Kind {
			return nil
		}
	}
	if s.Kind == gate.RadioKeyDestroyed && !made {
		return gate.ErrNotFound
	}
	s.At = s.At.UTC().Round(0)
	if _, err := m.entry(translog.Entry{At: s.At, Kind: "radio_key", Row: "radio_key",
		Body: object(map[string]string{"epoch": fmt.Sprint(s.Epoch), "step": s.Kind, "doc": text(s)})}); err != nil {
		return err
	}
	m.radioKeys = append(m.radioKeys, s)
	return nil
}

// RadioKeys are all steps.
func (m *Memory) RadioKeys(ctx context.Context) ([]gate.RadioKeyStep, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.radioKeys), nil
}
