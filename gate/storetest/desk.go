package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/translog"
)

// DeskStore is what a store keeps for the desk.
type DeskStore interface {
	gate.Recorder
	gate.AlarmStore
	gate.ShiftStore
	gate.FormStore
	gate.PINStore
	gate.OverrideStore
}

// deskRecords is that in memory.
type deskRecords struct {
	alarms []gate.SiteAlarm
	shifts []gate.ShiftStep
	forms  []gate.FormStep
	people map[string]gate.PINHolder
	faults []gate.Event // device faults and refused acts
}

// AddPerson lets a person sign in, without a PIN.
func (m *Memory) AddPerson(name string, role auth.Role) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.desk.people == nil {
		m.desk.people = make(map[string]gate.PINHolder)
	}
	m.desk.people[name] = gate.PINHolder{Name: name, Role: role}
}

// RecordAlarm adds an alarm.
func (m *Memory) RecordAlarm(ctx context.Context, a gate.SiteAlarm) error {
	if err := errors.Join(ctx.Err(), gate.CheckAlarm(a)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a.At, a.Ack, a.Durable = a.At.UTC(), nil, true
	for _, there := range m.desk.alarms {
		if there.ID == a.ID {
			if there.Ack = nil; text(there) != text(a) {
				return gate.ErrExists
			}
			return nil
		}
	}
	if _, err := m.entry(translog.Entry{At: a.At, Kind: "alarm_step", Lane: string(a.Lane), Row: "alarm_step",
		Body: object(map[string]string{"alarm": a.ID, "doc": text(a)})}); err != nil {
		return err
	}
	m.desk.alarms = append(m.desk.alarms, a)
	if a.Kind == gate.AlarmDuress && m.byID[a.Passage] != nil {
		return m.act(gate.Act{Kind: gate.ActDuress, Passage: a.Passage, By: a.By, At: a.At})
	}
	return nil
}

// RecordAlarmAck adds that a person took note.
func (m *Memory) RecordAlarmAck(ctx context.Context, k gate.AlarmAck) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k.At = k.At.UTC()
	var a *gate.SiteAlarm
	for i := range m.desk.alarms {
		if m.desk.alarms[i].ID == k.Alarm {
			a = &m.desk.alarms[i]
		}
	}
	if a != nil && a.Ack != nil && text(*a.Ack) == text(k) {
		return nil
	}
	if err := gate.CheckAlarmAck(a, k); err != nil {
		return err
	}
	if _, err := m.entry(translog.Entry{At: k.At, Kind: "alarm_step", Lane: string(a.Lane), Row: "alarm_step",
		Body: object(map[string]string{"alarm": k.Alarm, "doc": text(k)})}); err != nil {
		return err
	}
	a.Ack = &k
	return nil
}

// OpenAlarms are those of which nobody took note.
func (m *Memory) OpenAlarms(ctx context.Context) ([]gate.SiteAlarm, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []gate.SiteAlarm
	for _, a := range m.desk.alarms {
		if a.Ack == nil {
			out = append(out, a)
		}
	}
	return out, nil
}

// RecentAlarms are the last n, newest first.
func (m *Memory) RecentAlarms(ctx context.Context, n int) ([]gate.SiteAlarm, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := slices.Clone(m.desk.alarms)
	slices.Reverse(out)
	return out[:min(n, len(out))], nil
}

// RecordShift adds a step.
func (m *Memory) RecordShift(ctx context.Context, s gate.ShiftStep) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Seq, s.At = 0, s.At.UTC()
	var last *gate.ShiftStep
	for i := range m.desk.shifts {
		if there := m.desk.shifts[i]; there.Lane == s.Lane {
			last = &m.desk.shifts[i]
			if there.Seq = 0; text(there) == text(s) {
				return nil
			}
		}
	}
	if err := gate.CheckShift(last, s); err != nil {
		return err
	}
	seq, err := m.entry(translog.Entry{At: s.At, Kind: "shift_step", Lane: string(s.Lane), Row: "shift_step",
		Body: object(map[string]string{"number": strconv.Itoa(s.Number), "doc": text(s)})})
	if err != nil {
		return err
	}
	s.Seq = seq
	m.desk.shifts = append(m.desk.shifts, s)
	return nil
}

// LastShifts is the last step of each lane.
func (m *Memory) LastShifts(ctx context.Context) ([]gate.ShiftStep, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []gate.ShiftStep
	for _, s := range slices.Backward(m.desk.shifts) {
		if !slices.ContainsFunc(out, func(o gate.ShiftStep) bool { return o.Lane == s.Lane }) {
			out = append(out, s)
		}
	}
	return out, nil
}

// ShiftSteps are steps, newest first.
func (m *Memory) ShiftSteps(ctx context.Context, lane gate.LaneID, before int64, n int) ([]gate.ShiftStep, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []gate.ShiftStep
	for _, s := range slices.Backward(m.desk.shifts) {
		if (lane == "" || s.Lane == lane) && (before == 0 || s.Seq < before) && len(out) < n {
			out = append(out, s)
		}
	}
	return out, nil
}

// CountShift counts what happened at a lane.
func (m *Memory) CountShift(ctx context.Context, lane gate.LaneID, from, until time.Time) (c gate.ShiftCounts, err error) {
	if err := ctx.Err(); err != nil {
		return c, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	within := func(l gate.LaneID, at time.Time) bool { return l == lane && !at.Before(from) && at.Before(until) }
	count := func(n *int, yes bool) {
		if yes {
			*n++
		}
	}
	for _, rec := range m.passages {
		paper := rec.Passage.Afterwards != nil
		if within(rec.Summary.Lane, rec.Summary.At) && !paper {
			c.Arrivals++
			switch rec.Summary.Outcome.String() {
			case "grant":
				c.Grants++
			case "flag":
				c.Flags++
			case "deny":
				c.Denies++
			}
		}
		count(&c.Held, rec.Outcome == nil && rec.Summary.Lane == lane && rec.Summary.At.Before(until))
		if o := rec.Outcome; o != nil && within(o.Lane, o.At) && !paper {
			count(&c.Admitted, o.Ending == gate.EndAdmitted)
			count(&c.TurnedAway, o.Ending == gate.EndRefused)
			count(&c.Inspected, o.Ending == gate.EndInspection)
		}
		for _, a := range rec.Acts {
			count(&c.Overrides, a.Kind == gate.ActOverride && within(rec.Summary.Lane, a.At))
		}
	}
	for _, s := range m.desk.forms {
		count(&c.Forms, s.Kind == gate.FormEntered && within(s.Lane, s.At))
	}
	for _, a := range m.desk.alarms {
		count(&c.Alarms, !a.Silent && within(a.Lane, a.At))
		count(&c.Duress, a.Kind == gate.AlarmDuress && within(a.Lane, a.At))
	}
	for _, e := range m.desk.faults {
		count(&c.Faults, e.Kind == gate.EventDeviceFault && e.Lane == lane && !e.At.Before(from))
		count(&c.Refused, e.Kind == gate.EventActRefused && e.Lane == lane && !e.At.Before(from))
	}
	return c, nil
}

// RecordForm adds a step of a paper form.
func (m *Memory) RecordForm(ctx context.Context, s gate.FormStep, r *gate.FormRecord) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Seq, s.At = 0, s.At.UTC()
	var before []gate.FormStep
	for _, there := range m.desk.forms {
		if there.Lane == s.Lane {
			before = append(before, there)
			if there.Seq = 0; text(there) == text(s) {
				return nil
			}
		}
	}
	if err := gate.CheckForm(before, s, r); err != nil {
		return err
	}
	if r != nil {
		if err := m.record(r.Passage); err != nil {
			return err
		}
		if err := errors.Join(m.act(r.Act), m.end(r.Outcome)); err != nil {
			return err
		}
	}
	seq, err := m.entry(translog.Entry{At: s.At, Kind: "form_step", Lane: string(s.Lane), Row: "form_step",
		Body: object(map[string]string{"number": strconv.Itoa(s.Number), "doc": text(s)})})
	if err != nil {
		return err
	}
	s.Seq = seq
	m.desk.forms = append(m.desk.forms, s)
	return nil
}

// FormSteps are all steps of a lane.
func (m *Memory) FormSteps(ctx context.Context, lane gate.LaneID) ([]gate.FormStep, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []gate.FormStep
	for _, s := range m.desk.forms {
		if s.Lane == lane {
			out = append(out, s)
		}
	}
	return out, nil
}

// PINHolders are all who have a PIN.
func (m *Memory) PINHolders(ctx context.Context) ([]gate.PINHolder, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []gate.PINHolder
	for _, h := range m.desk.people {
		if h.PIN.Hash != "" {
			h.PIN.Hash = ""
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b gate.PINHolder) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out, nil
}

func (m *Memory) holder(name string) (gate.PINHolder, error) {
	h, ok := m.desk.people[name]
	if !ok || h.PIN.Hash == "" {
		return gate.PINHolder{}, gate.ErrNotFound
	}
	return h, nil
}

// PINOf is one of them.
func (m *Memory) PINOf(ctx context.Context, name string) (gate.PINHolder, error) {
	if err := ctx.Err(); err != nil {
		return gate.PINHolder{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.holder(name)
}

// TryPIN counts one try.
func (m *Memory) TryPIN(ctx context.Context, name string, at time.Time) (gate.PINHolder, bool, error) {
	if err := ctx.Err(); err != nil {
		return gate.PINHolder{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h, err := m.holder(name)
	if err != nil {
		return h, false, err
	}
	var ok bool
	h.PIN, ok = h.PIN.Try(at)
	m.desk.people[name] = h
	return h, ok, nil
}

// PINPassed forgets the tries.
func (m *Memory) PINPassed(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h, err := m.holder(name)
	if err == nil {
		h.PIN.Tries, h.PIN.LockedUntil = 0, time.Time{}
		m.desk.people[name] = h
	}
	return err
}

// SetPIN sets or takes away a PIN.
func (m *Memory) SetPIN(ctx context.Context, name, hash string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.desk.people[name]
	if !ok {
		return gate.ErrNotFound
	}
	h.PIN = auth.PINState{Hash: hash}
	m.desk.people[name] = h
	return nil
}

// OverridesSince are the overrides of all lanes.
func (m *Memory) OverridesSince(ctx context.Context, from time.Time) ([]gate.OverrideMade, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []gate.OverrideMade
	for _, rec := range m.passages {
		for _, a := range rec.Acts {
			if a.Kind == gate.ActOverride && !a.At.Before(from) {
				out = append(out, gate.OverrideMade{Lane: rec.Summary.Lane, By: a.By, Supervisor: a.Supervisor, At: a.At})
			}
		}
	}
	return out, nil
}
