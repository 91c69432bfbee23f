package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/gate/auth"
	"sallyport/policy"
)

// EventFleetImport is that a person put the rows of a file into a fleet.
const EventFleetImport EventKind = "fleet-import"

// FleetPerson is a person, and the fleets that are theirs.
type FleetPerson struct {
	Person
	Fleets []string
}

// FleetDeskConfig is what FleetDesk is made of.
type FleetDeskConfig struct {
	Store    FleetStore
	Events   func(context.Context, Event) error // records one
	Clock    *Clock
	Passes   *PassDesk // nil: the site issues none
	Policies *Policies // nil: exemptions are granted, and no rule is proposed
	// Foresight is what would be decided at an instant, under the rules and data
	// of now. Nil pages say that nothing is foreseen.
	Foresight func(at time.Time) (*Foresight, error)
	// Changed is told, after the record is durable, that what is known of vehicles
	// of a list has changed; nil where no lane runs.
	Changed func(ctx context.Context) error
}

// FleetDesk is what people do with fleets: the one way in for screens and the
// command line. A fleet manager sees and touches their own fleets only; a
// security manager all of them; an auditor sees all and touches none. What is
// not theirs is not there: the desk answers ErrNotFound, and does not tell that
// somebody else has it. Its methods may be called concurrently; what a person
// does is durable on return, also where the error is ErrNotDecidedAgain.
type FleetDesk struct{ cfg FleetDeskConfig }

// NewFleetDesk makes a desk.
func NewFleetDesk(cfg FleetDeskConfig) (*FleetDesk, error) {
	if cfg.Store == nil || cfg.Clock == nil || cfg.Events == nil {
		return nil, errors.New("fleets: no store, no clock or nothing records events")
	}
	return &FleetDesk{cfg}, nil
}

// has says whether a fleet is the person's to see.
func (p *FleetPerson) has(fleet string) bool {
	return p.Role != auth.FleetManager || slices.Contains(p.Fleets, fleet)
}

// open is a fleet that a person may do something with.
func (d *FleetDesk) open(ctx context.Context, who FleetPerson, fleet string, need auth.Permission) (Fleet, error) {
	if err := who.may(need); err != nil {
		return Fleet{}, fmt.Errorf("fleet: %w", err)
	}
	list, err := d.cfg.Store.Fleets(ctx)
	if err != nil {
		return Fleet{}, err
	}
	i := slices.IndexFunc(list, func(f Fleet) bool { return f.ID == fleet })
	if i < 0 || !who.has(fleet) {
		return Fleet{}, fmt.Errorf("fleet %q: %w", fleet, ErrNotFound)
	}
	if list[i].Closed && need != auth.SeeFleet && need != auth.ManageFleets {
		return Fleet{}, fmt.Errorf("fleet %q is closed: %w", fleet, ErrNotAllowed)
	}
	return list[i], nil
}

// Fleets are those that a person may see.
func (d *FleetDesk) Fleets(ctx context.Context, who FleetPerson) ([]Fleet, error) {
	if err := who.may(auth.SeeFleet); err != nil {
		return nil, fmt.Errorf("fleets: %w", err)
	}
	list, err := d.cfg.Store.Fleets(ctx)
	return slices.DeleteFunc(list, func(f Fleet) bool { return !who.has(f.ID) }), err
}

// Fleet is one that a person may see.
func (d *FleetDesk) Fleet(ctx context.Context, who FleetPerson, fleet string) (Fleet, error) {
	return d.open(ctx, who, fleet, auth.SeeFleet)
}

// Counts counts the vehicles of the fleets that a person may see.
func (d *FleetDesk) Counts(ctx context.Context, who FleetPerson) (map[string]FleetCount, error) {
	list, err := d.Fleets(ctx, who)
	if err != nil {
		return nil, err
	}
	return d.cfg.Store.FleetCounts(ctx, ids(list)...)
}

func ids(list []Fleet) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	return out
}

// PutFleet makes a fleet, or says otherwise how it stands.
func (d *FleetDesk) PutFleet(ctx context.Context, who FleetPerson, f Fleet) error {
	if err := who.may(auth.ManageFleets); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	f.By, f.Name = who.Name, strings.TrimSpace(f.Name)
	f.At, _ = d.cfg.Clock.Stamp()
	return d.cfg.Store.RecordFleet(ctx, f)
}

// Vehicles are those of a fleet that the filter chooses.
func (d *FleetDesk) Vehicles(ctx context.Context, who FleetPerson, f VehicleFilter) ([]FleetVehicle, error) {
	if _, err := d.open(ctx, who, f.Fleet, auth.SeeFleet); err != nil {
		return nil, err
	}
	f.Text = NormalPlate(f.Text)
	return d.cfg.Store.Vehicles(ctx, f)
}

// Vehicle is one vehicle of a fleet, by the number that lists call it by.
func (d *FleetDesk) Vehicle(ctx context.Context, who FleetPerson, fleet string, seq int64) (FleetVehicle, error) {
	if _, err := d.open(ctx, who, fleet, auth.SeeFleet); err != nil {
		return FleetVehicle{}, err
	}
	return d.vehicle(ctx, fleet, seq)
}

func (d *FleetDesk) vehicle(ctx context.Context, fleet string, seq int64) (FleetVehicle, error) {
	if seq <= 0 {
		return FleetVehicle{}, fmt.Errorf("vehicle %d: %w", seq, ErrNotFound)
	}
	list, err := d.cfg.Store.Vehicles(ctx, VehicleFilter{Fleet: fleet, Seq: seq, Limit: 1})
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return FleetVehicle{}, fmt.Errorf("vehicle %d: %w", seq, err)
	}
	return list[0], nil
}

// Foresight is what would be decided now.
func (d *FleetDesk) Foresight() (*Foresight, error) {
	if d.cfg.Foresight == nil {
		return nil, fmt.Errorf("foresight: %w", ErrNotFound)
	}
	return d.cfg.Foresight(d.cfg.Clock.Now())
}

// EachVehicle hands on every vehicle of a fleet.
func (d *FleetDesk) EachVehicle(ctx context.Context, who FleetPerson, fleet string, take func(Registration) error) error {
	if _, err := d.open(ctx, who, fleet, auth.SeeFleet); err != nil {
		return err
	}
	return d.cfg.Store.EachVehicle(ctx, fleet, take)
}

// Enter puts vehicles into a fleet, all or none. What is wrong with a line is
// told by its place in the list: a *VehicleFault.
func (d *FleetDesk) Enter(ctx context.Context, who FleetPerson, fleet string, list ...Registration) error {
	f, err := d.open(ctx, who, fleet, auth.EditFleet)
	if err != nil {
		return err
	}
	at, _ := d.cfg.Clock.Stamp()
	lines := make([]Registration, len(list))
	for i, r := range list {
		r.VIN, r.Plate = NormalVIN(r.VIN), NormalPlate(r.Plate)
		r.Fleet, r.By, r.At, r.Exempt = fleet, who.Name, at, nil
		r.Source = policy.Source{Title: "fleet " + fleet, Date: at.UTC().Format(time.DateOnly)}
		if faults := CheckVehicle(&r, &f, at); len(faults) > 0 {
			return fmt.Errorf("line %d of %d: %w", i+1, len(list), &faults[0])
		}
		lines[i] = r
	}
	if err := d.cfg.Store.EnterVehicles(ctx, fleet, lines...); err != nil {
		return err
	}
	return d.tell(ctx)
}

// Remove takes a vehicle off the list.
func (d *FleetDesk) Remove(ctx context.Context, who FleetPerson, fleet string, seq int64) error {
	if _, err := d.open(ctx, who, fleet, auth.EditFleet); err != nil {
		return err
	}
	v, err := d.vehicle(ctx, fleet, seq)
	if err != nil {
		return err
	}
	at, _ := d.cfg.Clock.Stamp()
	if err := d.cfg.Store.EnterVehicles(ctx, fleet, Registration{VIN: v.Listed.VIN, Plate: v.Listed.Plate, Fleet: fleet, By: who.Name, At: at}); err != nil {
		return err
	}
	return d.tell(ctx)
}

// tell has what depends on the list worked out anew.
func (d *FleetDesk) tell(ctx context.Context) error {
	if d.cfg.Changed == nil {
		return nil
	}
	if err := d.cfg.Changed(ctx); err != nil {
		return errors.Join(ErrNotDecidedAgain, err)
	}
	return nil
}

// File files a paper of a vehicle.
func (d *FleetDesk) File(ctx context.Context, who FleetPerson, fleet string, seq int64, kind, name string, data []byte) (Document, error) {
	if _, err := d.open(ctx, who, fleet, auth.EditFleet); err != nil {
		return Document{}, err
	}
	v, err := d.vehicle(ctx, fleet, seq)
	if err != nil {
		return Document{}, err
	}
	at, _ := d.cfg.Clock.Stamp()
	doc, err := FileDocument(Document{ID: newID("d"), Fleet: fleet, VIN: v.Listed.VIN, Plate: v.Listed.Plate, Kind: kind, Name: name, By: who.Name, At: at}, data)
	if err != nil {
		return doc, err
	}
	return doc, d.cfg.Store.RecordDocument(ctx, doc, data)
}

// Documents are the papers of a vehicle.
func (d *FleetDesk) Documents(ctx context.Context, who FleetPerson, fleet string, of DataSubject) ([]Document, error) {
	if _, err := d.open(ctx, who, fleet, auth.SeeFleet); err != nil {
		return nil, err
	}
	return d.cfg.Store.Documents(ctx, fleet, of)
}

// Document is a paper with its content.
func (d *FleetDesk) Document(ctx context.Context, who FleetPerson, fleet, id string) (Document, []byte, error) {
	if _, err := d.open(ctx, who, fleet, auth.SeeFleet); err != nil {
		return Document{}, nil, err
	}
	doc, data, err := d.cfg.Store.Document(ctx, id)
	if err == nil && doc.Fleet != fleet {
		err = fmt.Errorf("document %q: %w", id, ErrNotFound)
	}
	if err != nil {
		return Document{}, nil, err
	}
	return doc, data, nil
}

// Ask asks for an exemption: of the vehicle of that number, or of the whole fleet
// where it is 0. ID, Fleet, VIN, By and At are filled here.
func (d *FleetDesk) Ask(ctx context.Context, who FleetPerson, fleet string, seq int64, e Exemption) (Exemption, error) {
	fail := func(err error) (Exemption, error) { return Exemption{}, fmt.Errorf("exemption: %w", err) }
	if _, err := d.open(ctx, who, fleet, auth.EditFleet); err != nil {
		return fail(err)
	}
	e.VIN = ""
	if seq != 0 {
		v, err := d.vehicle(ctx, fleet, seq)
		if err != nil {
			return fail(err)
		}
		if e.VIN = v.Listed.VIN; e.VIN == "" {
			return fail(fmt.Errorf("%w: a plate can be put on any vehicle; enter its VIN first", ErrNotAllowed))
		}
	}
	if d.cfg.Policies != nil {
		_, p, err := d.cfg.Policies.InForce(d.cfg.Clock.Now())
		if err != nil {
			return fail(err)
		}
		if !slices.ContainsFunc(p.Rules(), func(r policy.RuleView) bool { return r.ID == e.Rule }) {
			return fail(fmt.Errorf("rule %q: %w", e.Rule, ErrNotFound))
		}
	}
	e.ID, e.Fleet, e.By, e.Reason, e.Steps = newID("x"), fleet, who.Name, strings.TrimSpace(e.Reason), nil
	e.At, _ = d.cfg.Clock.Stamp()
	if err := e.Check(); err != nil {
		return fail(err)
	}
	if !e.Until.After(e.At) {
		return fail(errors.New("its time is over already"))
	}
	return e, d.cfg.Store.RecordExemption(ctx, e)
}

// Exemptions are those of the fleets that a person may see, the newest first.
func (d *FleetDesk) Exemptions(ctx context.Context, who FleetPerson) ([]Exemption, error) {
	if err := who.may(auth.SeeFleet); err != nil {
		return nil, fmt.Errorf("exemptions: %w", err)
	}
	list, err := d.cfg.Store.Exemptions(ctx)
	return slices.DeleteFunc(list, func(e Exemption) bool { return !who.has(e.Fleet) }), err
}

// Exemption is one that a person may see.
func (d *FleetDesk) Exemption(ctx context.Context, who FleetPerson, id string) (Exemption, error) {
	list, err := d.Exemptions(ctx, who)
	if err != nil {
		return Exemption{}, err
	}
	i := slices.IndexFunc(list, func(e Exemption) bool { return e.ID == id })
	if i < 0 {
		return Exemption{}, fmt.Errorf("exemption %q: %w", id, ErrNotFound)
	}
	return list[i], nil
}

// Granted is what came of a grant.
type Granted struct {
	Honoured bool // the rules in force lift the rule: it counts from its first day on
	// Version was proposed, which will: another person approves it first. 0 where
	// none was needed, or one that does is due.
	Version int
}

// Decide grants, refuses, withdraws or ends an exemption. Where it is granted and
// the rules in force would not honour it, a version that does is proposed in the
// granter's name.
func (d *FleetDesk) Decide(ctx context.Context, who FleetPerson, id string, kind ExemptionStepKind, note string) (Granted, error) {
	var g Granted
	need := auth.DecideExemption
	if kind == ExemptionWithdrawn {
		need = auth.EditFleet
	}
	if err := who.may(need); err != nil {
		return g, fmt.Errorf("exemption: %w", err)
	}
	e, err := d.Exemption(ctx, who, id)
	if err != nil {
		return g, err
	}
	at, _ := d.cfg.Clock.Stamp()
	if err := d.cfg.Store.RecordExemptionStep(ctx, ExemptionStep{Exemption: id, Kind: kind, By: who.Name, Note: strings.TrimSpace(note), At: at}); err != nil {
		return g, fmt.Errorf("exemption %s: %w", id, err)
	}
	err = d.tell(ctx)
	if kind == ExemptionGranted {
		var unheard error
		if g, unheard = d.honour(ctx, who, &e); unheard != nil {
			err = errors.Join(err, fmt.Errorf("exemption %s is granted, and the rules that would honour it were not proposed: %w", id, unheard))
		}
	}
	return g, err
}

// Honoured says whether the rules in force, or those that are due, lift a rule
// for who holds the exemption from it.
func (d *FleetDesk) Honoured(rule string) bool {
	if d.cfg.Policies == nil {
		return false
	}
	_, p, err := d.cfg.Policies.InForce(d.cfg.Clock.Now())
	return err == nil && Honours(p, rule)
}

// honour proposes rules that honour an exemption, where none do.
func (d *FleetDesk) honour(ctx context.Context, who FleetPerson, e *Exemption) (g Granted, err error) {
	if d.cfg.Policies == nil {
		return g, nil
	}
	at := d.cfg.Clock.Now()
	v, p, err := d.cfg.Policies.InForce(at)
	if err != nil {
		return g, err
	}
	if g.Honoured = Honours(p, e.Rule); g.Honoured {
		return g, nil
	}
	for _, p := range d.cfg.Policies.Coming(at) {
		if Honours(p, e.Rule) {
			return g, nil
		}
	}
	// What waits for approval already is not proposed twice.
	for _, w := range d.cfg.Policies.Versions() {
		if StateAt(d.cfg.Policies.Versions(), w.Number, at) != PolicyProposed {
			continue
		}
		if text, err := d.cfg.Policies.version(ctx, w.Number); err == nil {
			if q, err := policy.Load(text.name(), []byte(text.Source)); err == nil && Honours(q, e.Rule) {
				g.Version = w.Number
				return g, nil
			}
		}
	}
	v, err = d.cfg.Policies.version(ctx, v.Number)
	if err != nil {
		return g, err
	}
	src, err := Honouring([]byte(v.Source), e.Rule)
	if err != nil {
		return g, err
	}
	v, err = d.cfg.Policies.Submit(ctx, who.Person, PolicyText{File: v.File, Source: string(src), Note: "honours exemptions from the rule " + e.Rule + ", of which " + e.ID + " was granted"})
	g.Version = v.Number
	return g, err
}

// Notices are those of the fleets that a person may see; Fleets of the filter
// narrow them.
func (d *FleetDesk) Notices(ctx context.Context, who FleetPerson, f NoticeFilter) ([]Notice, error) {
	list, err := d.Fleets(ctx, who)
	if err != nil {
		return nil, err
	}
	mine := ids(list)
	if len(f.Fleets) > 0 {
		mine = slices.DeleteFunc(mine, func(id string) bool { return !slices.Contains(f.Fleets, id) })
	}
	if f.Fleets = mine; len(mine) == 0 {
		return nil, nil
	}
	return d.cfg.Store.Notices(ctx, f)
}

// IssuePass issues a pass to a vehicle of a fleet.
func (d *FleetDesk) IssuePass(ctx context.Context, who FleetPerson, fleet string, seq int64, p VehiclePass) (VehiclePass, error) {
	if _, err := d.open(ctx, who, fleet, auth.EditFleet); err != nil {
		return VehiclePass{}, err
	}
	v, err := d.vehicle(ctx, fleet, seq)
	if err != nil {
		return VehiclePass{}, err
	}
	if d.cfg.Passes == nil {
		return VehiclePass{}, fmt.Errorf("pass: %w", ErrNotFound)
	}
	p.VIN, p.Plate = v.Listed.VIN, v.Listed.Plate
	out, _, err := d.cfg.Passes.Issue(ctx, who.Person, p)
	return out, err
}

// Passes are those of a vehicle of a fleet, the newest first, also those that no
// longer hold.
func (d *FleetDesk) Passes(ctx context.Context, who FleetPerson, fleet string, seq int64) ([]VehiclePass, error) {
	v, err := d.Vehicle(ctx, who, fleet, seq)
	if err != nil || d.cfg.Passes == nil || !auth.May(who.Role, auth.IssuePass) {
		return nil, err
	}
	list, err := d.cfg.Passes.List(who.Person, true)
	list = slices.DeleteFunc(list, func(p VehiclePass) bool { return !ofListed(&p, &v.Listed) })
	slices.Reverse(list)
	return list, err
}

// ofListed says whether a pass names the vehicle.
func ofListed(p *VehiclePass, r *Registration) bool {
	return r.VIN != "" && p.VIN == r.VIN || r.VIN == "" && p.VIN == "" && p.Plate == r.Plate
}

// PassText is a pass of a vehicle of a fleet with the text to show.
func (d *FleetDesk) PassText(ctx context.Context, who FleetPerson, fleet string, seq int64, id string) (VehiclePass, string, error) {
	list, err := d.Passes(ctx, who, fleet, seq)
	if err == nil && !slices.ContainsFunc(list, func(p VehiclePass) bool { return p.ID == id }) {
		err = fmt.Errorf("pass %q: %w", id, ErrNotFound)
	}
	if err != nil {
		return VehiclePass{}, "", err
	}
	return d.cfg.Passes.Text(who.Person, id)
}

// RevokePass ends a pass of a vehicle of a fleet.
func (d *FleetDesk) RevokePass(ctx context.Context, who FleetPerson, fleet string, seq int64, id, why string) error {
	if _, err := d.open(ctx, who, fleet, auth.EditFleet); err != nil {
		return err
	}
	list, err := d.Passes(ctx, who, fleet, seq)
	if err == nil && !slices.ContainsFunc(list, func(p VehiclePass) bool { return p.ID == id }) {
		err = fmt.Errorf("pass %q: %w", id, ErrNotFound)
	}
	if err != nil {
		return err
	}
	return d.cfg.Passes.Revoke(ctx, who.Person, id, why)
}
