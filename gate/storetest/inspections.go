package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
)

// inspected is one inspection in memory, with the entries that hold its
// personal data.
type inspected struct {
	in     gate.Inspection
	photos []gate.PhotoData
	seqs   []int64
	erased bool
}

// view is a copy that the reader may keep.
func (i *inspected) view(photos bool) gate.Inspection {
	in := i.in
	in.Read, in.Acts, in.Photos = slices.Clone(in.Read), slices.Clone(in.Acts), nil
	if photos {
		for _, p := range i.photos {
			in.Photos = append(in.Photos, p.Photo)
		}
	}
	return in
}

// RecordInspection files an inspection.
func (m *Memory) RecordInspection(ctx context.Context, i gate.Inspection) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i.VIN = gate.NormalVIN(i.VIN)
	if i.ID == "" || i.VIN == "" {
		return errors.New("inspection without an id or a VIN")
	}
	i.Acts, i.Photos, i.Read = nil, nil, slices.Clone(i.Read)
	if there := m.inspection(i.ID); there != nil {
		was := there.in
		was.Acts = nil
		if text(was) == text(i) {
			return nil
		}
		return gate.ErrExists
	}
	seq, err := m.entry(translog.Entry{At: i.At, Kind: "inspection", Row: "inspection", Body: object(map[string]string{"id": i.ID})}, text(i))
	if err != nil {
		return err
	}
	m.inspections = append(m.inspections, &inspected{in: i, seqs: []int64{seq}})
	return nil
}

func (m *Memory) inspection(id string) *inspected {
	for _, i := range m.inspections {
		if i.in.ID == id {
			return i
		}
	}
	return nil
}

// RecordInspectionActs adds acts, all or none.
func (m *Memory) RecordInspectionActs(ctx context.Context, acts ...gate.InspectionAct) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var fresh []gate.InspectionAct
	for _, a := range acts {
		there := m.inspection(a.Inspection)
		switch {
		case there == nil:
			return gate.ErrNotFound
		case there.erased:
			return gate.ErrErased
		}
		at := slices.IndexFunc(append(slices.Clone(there.in.Acts), fresh...), func(b gate.InspectionAct) bool {
			return b.Inspection == a.Inspection && b.Kind == a.Kind && (a.Kind.Ends() || a.By == b.By)
		})
		if at < 0 {
			fresh = append(fresh, a)
		} else if all := append(slices.Clone(there.in.Acts), fresh...); text(all[at]) != text(a) {
			return gate.ErrExists
		}
	}
	for _, a := range fresh {
		seq, err := m.entry(translog.Entry{At: a.At, Kind: "inspection_act", Row: "inspection_act",
			Body: object(map[string]string{"inspection": a.Inspection, "act": string(a.Kind), "by": a.By})}, a.Note)
		if err != nil {
			return err
		}
		i := m.inspection(a.Inspection)
		i.in.Acts, i.seqs = append(i.in.Acts, a), append(i.seqs, seq)
	}
	return nil
}

// RecordPhoto adds a photograph.
func (m *Memory) RecordPhoto(ctx context.Context, p gate.PhotoData) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.inspection(p.Inspection)
	switch {
	case i == nil:
		return gate.ErrNotFound
	case i.erased:
		return gate.ErrErased
	case slices.ContainsFunc(i.photos, func(q gate.PhotoData) bool { return q.SHA256 == p.SHA256 }):
		return nil
	case len(i.photos) >= gate.MaxPhotos:
		return gate.ErrTooMany
	}
	p.Data = bytes.Clone(p.Data)
	seq, err := m.entry(translog.Entry{At: p.At, Kind: "photo", Row: "photo", Body: object(map[string]string{"inspection": p.Inspection})}, p.SHA256, string(p.Data))
	if err != nil {
		return err
	}
	i.photos, i.seqs = append(i.photos, p), append(i.seqs, seq)
	return nil
}

// Photo is a picture.
func (m *Memory) Photo(_ context.Context, inspection, sum string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.inspection(inspection); i != nil {
		for _, p := range i.photos {
			if p.SHA256 == sum {
				return bytes.Clone(p.Data), nil
			}
		}
	}
	return nil, fmt.Errorf("photograph %s: %w", sum, gate.ErrNotFound)
}

// newestFirst lists the inspections that the filter lets through.
func (m *Memory) newestFirst(photos bool, pass func(gate.Inspection) bool) []gate.Inspection {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []gate.Inspection
	for _, i := range slices.Backward(m.inspections) {
		if !i.erased && pass(i.in) {
			list = append(list, i.view(photos))
		}
	}
	return list
}

// Inspections are those in time, newest first.
func (m *Memory) Inspections(_ context.Context, vin string, at time.Time) ([]gate.Inspection, error) {
	vin = gate.NormalVIN(vin)
	return m.newestFirst(false, func(i gate.Inspection) bool { return i.VIN == vin && !i.At.After(at) && i.Expires.After(at) }), nil
}

// InspectionHistory is all of a vehicle's.
func (m *Memory) InspectionHistory(_ context.Context, vin string) ([]gate.Inspection, error) {
	vin = gate.NormalVIN(vin)
	return m.newestFirst(true, func(i gate.Inspection) bool { return i.VIN == vin }), nil
}

// Inspection is one inspection.
func (m *Memory) Inspection(_ context.Context, id string) (gate.Inspection, error) {
	list := m.newestFirst(true, func(i gate.Inspection) bool { return i.ID == id })
	if len(list) == 0 {
		return gate.Inspection{}, fmt.Errorf("inspection %s: %w", id, gate.ErrNotFound)
	}
	return list[0], nil
}

// EachInspection hands on every inspection, oldest first.
func (m *Memory) EachInspection(_ context.Context, take func(gate.Inspection) error) error {
	for _, i := range slices.Backward(m.newestFirst(false, func(gate.Inspection) bool { return true })) {
		if err := take(i); err != nil {
			return err
		}
	}
	return nil
}

// forgetInspections erases those that no longer hold, and names their entries.
func (m *Memory) forgetInspections(before time.Time) (seqs []int64) {
	for _, i := range m.inspections {
		_, ended := i.in.EndAt(before.Add(-1))
		if i.erased || !i.in.At.Before(before) || !i.in.Expires.Before(before) && !ended {
			continue
		}
		seqs = append(seqs, i.seqs...)
		i.in, i.photos, i.seqs, i.erased = gate.Inspection{ID: i.in.ID}, nil, nil, true
	}
	return seqs
}
