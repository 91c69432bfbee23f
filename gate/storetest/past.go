package storetest

import (
	"context"
	"slices"
	"time"

	"sallyport/gate"
)

var _ gate.PastReader = (*Memory)(nil)

// EachRecord hands on the passages of a period (gate.PastReader).
func (m *Memory) EachRecord(ctx context.Context, from, until time.Time, take func(gate.PastRecord) error) error {
	m.mu.Lock()
	var list []gate.PastRecord
	for _, rec := range m.passages {
		s := rec.Summary
		if !from.IsZero() && s.At.Before(from) || !until.IsZero() && !s.At.Before(until) {
			continue
		}
		p := gate.PastRecord{Passage: s.ID, Lane: s.Lane, At: s.At, Outcome: s.Outcome}
		switch n := len(rec.Reassessments); {
		case s.Erased:
		case n > 0:
			p.Doc = []byte(text(rec.Reassessments[n-1]))
		default:
			p.Doc = []byte(text(rec.Passage))
		}
		list = append(list, p)
	}
	m.mu.Unlock()
	slices.SortStableFunc(list, func(a, b gate.PastRecord) int { return a.At.Compare(b.At) })
	for _, p := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := take(p); err != nil {
			return err
		}
	}
	return nil
}
