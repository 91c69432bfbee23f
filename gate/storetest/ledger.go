package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
	"sallyport/policy"
)

var (
	_ gate.LedgerStore = (*Memory)(nil)
	_ gate.WatchStore  = (*Memory)(nil)
	_ gate.PassStore   = (*Memory)(nil)
)

// kept is a record, the entries of its rows with personal data, and whether these
// are gone.
type kept[T any] struct {
	is   T
	seqs []int64
	gone bool
}

// ledger begins or ends the stay of a passage that was admitted.
func (m *Memory) ledger(rec *gate.PassageRecord, o gate.Outcome) error {
	if o.Ending != gate.EndAdmitted {
		return nil
	}
	last := rec.Passage.Result
	if n := len(rec.Reassessments); n > 0 {
		last = rec.Reassessments[n-1].Result
	}
	stay := gate.BeginStay(rec.Passage, last, o, false)
	inside := m.insideOf(stay.VIN, []string{stay.Plate})
	var form gate.Afterwards
	if rec.Passage.Afterwards != nil {
		form = *rec.Passage.Afterwards
		inside = gate.StaysBefore(inside, form.HappenedAt)
	}
	i := gate.MatchStay(inside, stay.VIN, stay.Plate)
	switch rec.Passage.Moment {
	case policy.MomentEntry:
		stay.Again = i >= 0
		over := form.EnteredBy != "" && m.seenSince(stay.VIN, stay.Plate, form.HappenedAt)
		if err := m.begin(stay, o.At); err != nil || !over {
			return err
		}
		return m.leave(gate.Stay{ID: stay.ID, VIN: stay.VIN, Plate: stay.Plate, Ended: gate.StayUnseen, Until: o.At, EndedBy: form.EnteredBy, EndedWhy: gate.LeftSince})
	case policy.MomentExit:
		left := gate.Stay{VIN: stay.VIN, Plate: stay.Plate, Ended: gate.StayLeft, Until: o.At, ExitLane: o.Lane, Exit: o.Passage}
		if i >= 0 {
			left.ID = inside[i].ID
		}
		return m.leave(left)
	case policy.MomentInside:
	}
	return nil
}

// seenSince says whether a vehicle was seen to leave, or to come, after an instant.
func (m *Memory) seenSince(vin, plate string, at time.Time) bool {
	return slices.ContainsFunc(m.stays, func(s kept[gate.Stay]) bool {
		when := s.is.Since
		if s.is.Stray() {
			when = s.is.Until
		}
		return when.After(at) && (vin != "" && s.is.VIN == vin || plate != "" && s.is.Plate == plate && (vin == "" || s.is.VIN == ""))
	})
}

func (m *Memory) begin(s gate.Stay, at time.Time) error {
	s.Since = s.Since.UTC()
	seq, err := m.entry(translog.Entry{At: at.UTC(), Kind: "stay", Lane: string(s.Lane), Passage: string(s.Passage), Row: "stay",
		Body: object(map[string]string{"stay": s.ID, "by": s.By})}, s.VIN, s.Plate, text(s))
	if err != nil {
		return err
	}
	s.Seq = seq
	m.stays = append(m.stays, kept[gate.Stay]{is: s, seqs: []int64{seq}})
	return nil
}

func (m *Memory) leave(s gate.Stay) error {
	s.Until = s.Until.UTC()
	seq, err := m.entry(translog.Entry{At: s.Until, Kind: "stay_end", Lane: string(s.ExitLane), Passage: string(s.Exit), Row: "stay_end",
		Body: object(map[string]string{"stay": s.ID, "by": s.EndedBy})}, s.VIN, s.Plate, s.EndedWhy)
	if err != nil {
		return err
	}
	for i := range m.stays {
		if is := &m.stays[i].is; s.ID != "" && is.ID == s.ID {
			is.Ended, is.Until, is.ExitLane, is.Exit, is.EndedBy, is.EndedWhy = s.Ended, s.Until, s.ExitLane, s.Exit, s.EndedBy, s.EndedWhy
			m.stays[i].seqs = append(m.stays[i].seqs, seq)
			return nil
		}
	}
	s.Seq = seq
	m.stays = append(m.stays, kept[gate.Stay]{is: s, seqs: []int64{seq}})
	return nil
}

// insideOf are the open stays of a vehicle, latest first.
func (m *Memory) insideOf(vin string, plates []string) (out []gate.Stay) {
	for _, s := range slices.Backward(m.stays) {
		if s.is.Inside() && (vin != "" && s.is.VIN == vin || s.is.Plate != "" && slices.Contains(plates, s.is.Plate)) {
			out = append(out, s.is)
		}
	}
	return out
}

// Inside are the open stays of a vehicle.
func (m *Memory) Inside(ctx context.Context, vin string, plates ...string) ([]gate.Stay, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	normal := make([]string, len(plates))
	for i := range plates {
		normal[i] = gate.NormalPlate(plates[i])
	}
	return m.insideOf(gate.NormalVIN(vin), normal), nil
}

// Stays are those that the filter chooses.
func (m *Memory) Stays(ctx context.Context, f gate.StayFilter) ([]gate.Stay, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	list := make([]gate.Stay, 0, len(m.stays))
	for _, s := range m.stays {
		list = append(list, s.is)
	}
	slices.SortFunc(list, func(a, b gate.Stay) int {
		if f.Inside {
			return cmp.Compare(a.Seq, b.Seq)
		}
		return cmp.Compare(b.Seq, a.Seq)
	})
	var out []gate.Stay
	for _, s := range list {
		lane := s.Lane
		if s.Stray() {
			lane = s.ExitLane
		}
		switch {
		case f.Inside && !s.Inside(), f.Strays && !s.Stray(),
			f.VIN != "" && s.VIN != gate.NormalVIN(f.VIN), f.Plate != "" && s.Plate != gate.NormalPlate(f.Plate),
			f.Lane != "" && lane != f.Lane,
			f.After > 0 && f.Inside && s.Seq <= f.After, f.After > 0 && !f.Inside && s.Seq >= f.After:
			continue
		}
		if out = append(out, s); len(out) == limit {
			break
		}
	}
	return out, nil
}

// CorrectStay records what a person says of who is inside.
func (m *Memory) CorrectStay(ctx context.Context, c gate.Correction) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.VIN, c.Plate = gate.NormalVIN(c.VIN), gate.NormalPlate(c.Plate)
	if err := c.Check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Kind == gate.CorrectInside {
		if gate.MatchStay(m.insideOf(c.VIN, []string{c.Plate}), c.VIN, c.Plate) >= 0 {
			return gate.ErrExists
		}
		return m.begin(gate.Stay{ID: c.ID, VIN: c.VIN, Plate: c.Plate, Since: c.At, By: c.By, Why: c.Why}, c.At)
	}
	i := slices.IndexFunc(m.stays, func(s kept[gate.Stay]) bool { return s.is.ID == c.Stay })
	switch {
	case i < 0:
		return gate.ErrNotFound
	case !m.stays[i].is.Inside():
		return gate.ErrOver
	}
	s := m.stays[i].is
	return m.leave(gate.Stay{ID: s.ID, VIN: s.VIN, Plate: s.Plate, Ended: gate.StayUnseen, Until: c.At, EndedBy: c.By, EndedWhy: c.Why})
}

// Sightings are the passages of a vehicle at other lanes.
func (m *Memory) Sightings(ctx context.Context, vin, plate string, not gate.LaneID, since time.Time) ([]gate.Sighting, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	vin, plate = gate.NormalVIN(vin), gate.NormalPlate(plate)
	var out []gate.Sighting
	for _, rec := range slices.Backward(m.passages) {
		s := rec.Summary
		if (vin == "" || s.VIN != vin) && (plate == "" || s.Plate != plate) || s.Lane == not || rec.Outcome != nil && rec.Outcome.At.Before(since) {
			continue
		}
		g := gate.Sighting{Passage: s.ID, Lane: s.Lane, VIN: s.VIN, Plate: s.Plate, At: s.At}
		if rec.Outcome != nil {
			g.Until = rec.Outcome.At
		}
		if out = append(out, g); len(out) == 16 {
			break
		}
	}
	return out, nil
}

// RecordWatch adds entries to the watch list.
func (m *Memory) RecordWatch(ctx context.Context, list ...gate.WatchEntry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var fresh []gate.WatchEntry
	for i, e := range list {
		e.Steps, e.At = nil, e.At.UTC()
		if err := e.Check(); err != nil {
			return fmt.Errorf("entry %d of %d: %w", i+1, len(list), err)
		}
		at := slices.IndexFunc(m.watched, func(k kept[gate.WatchEntry]) bool { return k.is.ID == e.ID })
		if at < 0 {
			fresh = append(fresh, e)
			continue
		}
		there := m.watched[at].is
		if there.Steps = nil; text(there) != text(e) {
			return gate.ErrExists
		}
	}
	for _, e := range fresh {
		seq, err := m.entry(translog.Entry{At: e.At, Kind: "watch", Row: "watch", Body: object(map[string]string{"id": e.ID, "kind": string(e.Kind), "by": e.By})}, e.Value, text(e))
		if err != nil {
			return err
		}
		m.watched = append(m.watched, kept[gate.WatchEntry]{is: e, seqs: []int64{seq}})
	}
	return nil
}

// RecordWatchStep adds a step to an entry.
func (m *Memory) RecordWatchStep(ctx context.Context, k gate.WatchStep) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.watched, func(w kept[gate.WatchEntry]) bool { return w.is.ID == k.Entry })
	switch {
	case i < 0:
		return gate.ErrNotFound
	case m.watched[i].gone:
		return gate.ErrErased
	}
	if err := gate.CheckWatchStep(&m.watched[i].is, k); err != nil {
		return err
	}
	k.At = k.At.UTC()
	seq, err := m.entry(translog.Entry{At: k.At, Kind: "watch_step", Row: "watch_step", Body: object(map[string]string{"of": k.Entry, "step": string(k.Kind), "by": k.By})}, k.Note)
	if err != nil {
		return err
	}
	m.watched[i].is.Steps = append(slices.Clone(m.watched[i].is.Steps), k)
	m.watched[i].seqs = append(m.watched[i].seqs, seq)
	return nil
}

// Watch are all entries that are kept.
func (m *Memory) Watch(ctx context.Context) (out []gate.WatchEntry, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.watched {
		if !w.gone {
			out = append(out, w.is)
		}
	}
	return out, nil
}

// RecordPass keeps a pass.
func (m *Memory) RecordPass(ctx context.Context, p gate.VehiclePass) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.Steps, p.At = nil, p.At.UTC()
	if err := p.Check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.IndexFunc(m.passes, func(k kept[gate.VehiclePass]) bool { return k.is.ID == p.ID }); i >= 0 {
		there := m.passes[i].is
		if there.Steps = nil; text(there) != text(p) {
			return gate.ErrExists
		}
		return nil
	}
	seq, err := m.entry(translog.Entry{At: p.At, Kind: "pass", Row: "pass", Body: object(map[string]string{"id": p.ID, "by": p.By})}, p.VIN, p.Plate, text(p))
	if err != nil {
		return err
	}
	m.passes = append(m.passes, kept[gate.VehiclePass]{is: p, seqs: []int64{seq}})
	return nil
}

// RecordPassSteps adds all steps to passes, or none.
func (m *Memory) RecordPassSteps(ctx context.Context, steps ...gate.PassStep) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Clone(m.passes)
	for _, k := range steps {
		i := slices.IndexFunc(list, func(p kept[gate.VehiclePass]) bool { return p.is.ID == k.Pass })
		if i < 0 {
			return gate.ErrNotFound
		}
		if err := gate.CheckPassStep(&list[i].is, k); err != nil {
			return err
		}
		k.At = k.At.UTC()
		list[i].is.Steps = append(slices.Clone(list[i].is.Steps), k)
	}
	for _, k := range steps {
		i := slices.IndexFunc(list, func(p kept[gate.VehiclePass]) bool { return p.is.ID == k.Pass })
		seq, err := m.entry(translog.Entry{At: k.At.UTC(), Kind: "pass_step", Row: "pass_step", Body: object(map[string]string{"of": k.Pass, "step": string(k.Kind), "by": k.By})}, k.Note)
		if err != nil {
			return err
		}
		list[i].seqs = append(slices.Clone(list[i].seqs), seq)
	}
	m.passes = list
	return nil
}

// Passes are all that are kept.
func (m *Memory) Passes(ctx context.Context) (out []gate.VehiclePass, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.passes {
		if !p.gone {
			out = append(out, p.is)
		}
	}
	return out, nil
}

// forgetLedger erases stays that have ended, and entries of the watch list and
// passes that hold no more. The caller holds the lock.
func (m *Memory) forgetLedger(before time.Time) (seqs []int64) {
	for i := range m.stays {
		s := &m.stays[i]
		if s.gone || s.is.Inside() || !s.is.Until.Before(before) {
			continue
		}
		seqs = append(seqs, s.seqs...)
		s.gone, s.is.Erased = true, true
		s.is.VIN, s.is.Plate, s.is.Why, s.is.EndedWhy, s.is.Conditions, s.is.Due = "", "", "", "", nil, time.Time{}
	}
	for i := range m.watched {
		w := &m.watched[i]
		over := !w.is.Until.IsZero() && w.is.Until.Before(before) || slices.ContainsFunc(w.is.Steps, func(k gate.WatchStep) bool {
			return k.Kind == gate.WatchRemoved && k.At.Before(before)
		})
		if w.gone || !over || !w.is.At.Before(before) {
			continue
		}
		seqs, w.gone = append(seqs, w.seqs...), true
	}
	for i := range m.passes {
		if p := &m.passes[i]; !p.gone && p.is.Until.Before(before) {
			seqs, p.gone = append(seqs, p.seqs...), true
		}
	}
	return seqs
}
