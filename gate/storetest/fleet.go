package storetest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
	"sallyport/policy"
)

var _ gate.FleetStore = (*Memory)(nil)

// fleetRecords is what a store keeps for fleets, in memory.
type fleetRecords struct {
	fleets     []gate.Fleet
	exemptions []gate.Exemption
	documents  []gate.Document
	contents   map[string][]byte
	notices    []gate.Notice
	foreseen   map[int64]map[string]string
}

// SampleExemption is one that a fleet asks for.
func SampleExemption(id, fleet string) gate.Exemption {
	at := Noon.Add(40 * time.Minute)
	return gate.Exemption{ID: id, Fleet: fleet, VIN: "5YJXCAE4XMF000001", Rule: "module-restricted-zone", Reason: "brings the bread", From: at, Until: at.AddDate(0, 1, 0), By: "fred", At: at}
}

// SampleDocument is a paper of a vehicle.
func SampleDocument(id, fleet, text string) (gate.Document, []byte) {
	data := []byte("%PDF-1.7\n" + text + "\n%%EOF\n")
	d, err := gate.FileDocument(gate.Document{ID: id, Fleet: fleet, VIN: "5YJXCAE4XMF000001", Kind: "conformity", Name: `C:\papers\coc.pdf`, By: "fred", At: Noon.Add(45 * time.Minute)}, data)
	if err != nil {
		panic(err)
	}
	return d, data
}

// RecordFleet says how a fleet stands.
func (m *Memory) RecordFleet(ctx context.Context, f gate.Fleet) error {
	if err := cmp.Or(ctx.Err(), f.Check()); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.entry(translog.Entry{At: f.At, Kind: "fleet", Row: "fleet", Body: object(map[string]string{"fleet": f.ID, "doc": text(f)})}); err != nil {
		return err
	}
	m.fleet.fleets = append(slices.DeleteFunc(m.fleet.fleets, func(g gate.Fleet) bool { return g.ID == f.ID }), f)
	return nil
}

// Fleets are all, by name.
func (m *Memory) Fleets(ctx context.Context) ([]gate.Fleet, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := slices.Clone(m.fleet.fleets)
	slices.SortFunc(out, func(a, b gate.Fleet) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out, ctx.Err()
}

// onList are the lines of a vehicle that stand, by VIN and by plate.
func (m *Memory) onList(v gate.DataSubject) (list []gate.Registration) {
	last := func(match func(*gate.Registration) bool) *gate.Registration {
		for i := range slices.Backward(m.registrations) {
			if match(&m.registrations[i]) {
				return &m.registrations[i]
			}
		}
		return nil
	}
	if v.VIN != "" {
		if r := last(func(r *gate.Registration) bool { return r.VIN == v.VIN }); r != nil && r.Class != "" {
			list = append(list, *r)
		}
	}
	if v.Plate != "" {
		if r := last(func(r *gate.Registration) bool {
			return r.Plate == v.Plate && (r.VIN == "" || last(func(n *gate.Registration) bool { return n.VIN == r.VIN }).Plate == v.Plate)
		}); r != nil && r.Class != "" {
			list = append(list, *r)
		}
	}
	return list
}

// EnterVehicles puts lines of a fleet into the list.
func (m *Memory) EnterVehicles(ctx context.Context, fleet string, list ...gate.Registration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.registrations)
	for i, r := range list {
		r.VIN, r.Plate = gate.NormalVIN(r.VIN), gate.NormalPlate(r.Plate)
		err := m.enter(fleet, r)
		if err != nil {
			m.registrations = m.registrations[:before]
			return fmt.Errorf("line %d of %d: %w", i+1, len(list), err)
		}
		m.registrations = append(m.registrations, r)
	}
	for _, r := range m.registrations[before:] {
		seq, err := m.entry(translog.Entry{At: r.At, Kind: "registration", Row: "registration", Body: object(map[string]string{"class": string(r.Class)})}, text(r))
		if err != nil {
			return err
		}
		m.lines = append(m.lines, line{seq, r})
	}
	return nil
}

// line is a line of the list with its number.
type line struct {
	seq int64
	r   gate.Registration
}

func (m *Memory) enter(fleet string, r gate.Registration) error {
	if r.Fleet != fleet || fleet == "" || r.VIN == "" && r.Plate == "" {
		return fmt.Errorf("a line of the fleet %q among those of %q, or of no vehicle", r.Fleet, fleet)
	}
	there := false
	for _, was := range m.onList(gate.DataSubject{VIN: r.VIN, Plate: r.Plate}) {
		if was.Fleet != fleet {
			return gate.ErrElsewhere
		}
		there = there || was.VIN == r.VIN && (was.VIN != "" || was.Plate == r.Plate)
	}
	if r.Class == "" && !there {
		return gate.ErrNotFound
	}
	return nil
}

// OnList are the lines of these vehicles.
func (m *Memory) OnList(ctx context.Context, names ...gate.DataSubject) (list []gate.Registration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range names {
		list = append(list, m.onList(gate.DataSubject{VIN: gate.NormalVIN(n.VIN), Plate: gate.NormalPlate(n.Plate)})...)
	}
	return list, ctx.Err()
}

// standing are the lines of a fleet that hold, the newest first.
func (m *Memory) standing(fleet string) (list []line) {
	for i, l := range slices.Backward(m.lines) {
		later := slices.ContainsFunc(m.lines[i+1:], func(n line) bool {
			return l.r.VIN != "" && n.r.VIN == l.r.VIN || l.r.VIN == "" && n.r.VIN == "" && n.r.Plate == l.r.Plate
		})
		if l.r.Fleet == fleet && l.r.Class != "" && !later {
			l.r.Exempt = m.exempt(&l.r)
			list = append(list, l)
		}
	}
	return list
}

func (m *Memory) exempt(r *gate.Registration) []policy.Authorisation {
	if r.Fleet == "" || r.VIN == "" {
		return nil
	}
	var mine []gate.Exemption
	for _, e := range m.fleet.exemptions {
		if e.Fleet == r.Fleet && (e.VIN == "" || e.VIN == r.VIN) {
			mine = append(mine, e)
		}
	}
	return gate.Held(mine)
}

// Vehicles are those of a fleet.
func (m *Memory) Vehicles(ctx context.Context, f gate.VehicleFilter) (out []gate.FleetVehicle, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.standing(f.Fleet) {
		strictest := strictestOf(m.fleet.foreseen[l.seq])
		switch {
		case f.Text != "" && !strings.Contains(l.r.VIN, f.Text) && !strings.Contains(l.r.Plate, f.Text),
			f.Seq > 0 && f.Seq != l.seq, f.After > 0 && l.seq >= f.After, f.Outcome != "" && f.Outcome != strictest,
			len(out) == cmp.Or(f.Limit, 50):
			continue
		}
		v := gate.FleetVehicle{Seq: l.seq, Listed: l.r, Foreseen: m.fleet.foreseen[l.seq]}
		for _, d := range m.fleet.documents {
			if d.Fleet == f.Fleet && (d.VIN != "" && d.VIN == l.r.VIN || d.VIN == "" && d.Plate == l.r.Plate) {
				v.Papers++
			}
		}
		out = append(out, v)
	}
	return out, ctx.Err()
}

func strictestOf(outcomes map[string]string) string {
	best := policy.Outcome(0)
	for _, o := range outcomes {
		p, _ := policy.ParseOutcome(o)
		best = max(best, p)
	}
	if best == 0 {
		return "none"
	}
	return best.String()
}

// Foresee says what is foreseen of a line, and gives notice.
func (m *Memory) Foresee(seq int64, outcomes map[string]string, notices ...gate.Notice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fleet.foreseen == nil {
		m.fleet.foreseen = make(map[int64]map[string]string)
	}
	m.fleet.foreseen[seq] = outcomes
	for _, n := range notices {
		n.ID, n.Seq = int64(len(m.fleet.notices)+1), seq
		m.fleet.notices = append(m.fleet.notices, n)
	}
}

// EachVehicle hands on every vehicle of a fleet.
func (m *Memory) EachVehicle(ctx context.Context, fleet string, take func(gate.Registration) error) error {
	m.mu.Lock()
	list := m.standing(fleet)
	m.mu.Unlock()
	for _, l := range slices.Backward(list) {
		if err := cmp.Or(ctx.Err(), take(l.r)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// FleetCounts counts the vehicles of fleets.
func (m *Memory) FleetCounts(ctx context.Context, fleets ...string) (map[string]gate.FleetCount, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]gate.FleetCount)
	for _, fleet := range fleets {
		var c gate.FleetCount
		for _, l := range m.standing(fleet) {
			c.All++
			switch strictestOf(m.fleet.foreseen[l.seq]) {
			case "grant":
				c.Grant++
			case "flag":
				c.Flag++
			case "deny":
				c.Deny++
			default:
				c.None++
			}
		}
		out[fleet] = c
	}
	return out, ctx.Err()
}

// RecordExemption keeps what a fleet asks for.
func (m *Memory) RecordExemption(ctx context.Context, e gate.Exemption) error {
	e.Steps = nil
	if err := cmp.Or(ctx.Err(), e.Check()); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, there := range m.fleet.exemptions {
		if there.ID == e.ID {
			if there.Steps = nil; text(there) != text(e) {
				return gate.ErrExists
			}
			return nil
		}
	}
	if _, err := m.entry(translog.Entry{At: e.At, Kind: "exemption", Row: "exemption", Body: object(map[string]string{"id": e.ID, "fleet": e.Fleet, "by": e.By})}, text(e)); err != nil {
		return err
	}
	m.fleet.exemptions = append([]gate.Exemption{e}, m.fleet.exemptions...)
	return nil
}

// RecordExemptionStep adds a step.
func (m *Memory) RecordExemptionStep(ctx context.Context, k gate.ExemptionStep) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.fleet.exemptions, func(e gate.Exemption) bool { return e.ID == k.Exemption })
	if i < 0 {
		return gate.ErrNotFound
	}
	e := &m.fleet.exemptions[i]
	if err := gate.CheckExemptionStep(e, k); err != nil {
		return err
	}
	if _, err := m.entry(translog.Entry{At: k.At, Kind: "exemption_step", Row: "exemption_step", Body: object(map[string]string{"of": e.ID, "step": string(k.Kind), "by": k.By})}, k.Note); err != nil {
		return err
	}
	e.Steps = append(slices.Clone(e.Steps), k)
	return nil
}

// Exemptions are all, the newest first.
func (m *Memory) Exemptions(ctx context.Context) ([]gate.Exemption, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.fleet.exemptions), ctx.Err()
}

// RecordDocument files a document.
func (m *Memory) RecordDocument(ctx context.Context, d gate.Document, data []byte) error {
	if d.VIN != "" {
		d.Plate = ""
	}
	if err := cmp.Or(ctx.Err(), d.Check(data)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, there := range m.fleet.documents {
		if there.Fleet != d.Fleet || there.VIN != d.VIN || there.Plate != d.Plate {
			continue
		}
		if n++; there.SHA256 == d.SHA256 {
			return gate.ErrExists
		}
	}
	if n >= gate.MaxDocuments {
		return gate.ErrTooMany
	}
	if _, err := m.entry(translog.Entry{At: d.At, Kind: "document", Row: "document", Body: object(map[string]string{"id": d.ID, "type": d.Type, "by": d.By})}, text(d), string(data)); err != nil {
		return err
	}
	if m.fleet.contents == nil {
		m.fleet.contents = make(map[string][]byte)
	}
	m.fleet.contents[d.ID] = bytes.Clone(data)
	m.fleet.documents = append([]gate.Document{d}, m.fleet.documents...)
	return nil
}

// Documents are those of a vehicle.
func (m *Memory) Documents(ctx context.Context, fleet string, of gate.DataSubject) (out []gate.Document, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of = gate.DataSubject{VIN: gate.NormalVIN(of.VIN), Plate: gate.NormalPlate(of.Plate)}
	for _, d := range m.fleet.documents {
		if d.Fleet == fleet && (of.VIN != "" && d.VIN == of.VIN || of.VIN == "" && d.VIN == "" && d.Plate == of.Plate) {
			out = append(out, d)
		}
	}
	return out, ctx.Err()
}

// Document is one with its content.
func (m *Memory) Document(ctx context.Context, id string) (gate.Document, []byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.fleet.documents {
		if d.ID == id {
			return d, bytes.Clone(m.fleet.contents[id]), ctx.Err()
		}
	}
	return gate.Document{}, nil, gate.ErrNotFound
}

// Notices are those that the filter chooses.
func (m *Memory) Notices(ctx context.Context, f gate.NoticeFilter) (out []gate.Notice, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range slices.Backward(m.fleet.notices) {
		i := slices.IndexFunc(m.lines, func(l line) bool { return l.seq == n.Seq })
		if i < 0 || !slices.Contains(f.Fleets, m.lines[i].r.Fleet) || f.Seq > 0 && n.Seq != f.Seq || f.Future && !n.Future || f.Before > 0 && n.ID >= f.Before {
			continue
		}
		if n.Listed = m.lines[i].r; len(out) < cmp.Or(f.Limit, 50) {
			out = append(out, n)
		}
	}
	return out, ctx.Err()
}
