package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/vin"
)

// VehiclePass is a pass that the site has issued to one vehicle. It never changes;
// what was done with it stands in Steps. The vehicle shows it as a signed text,
// mostly in a QR code.
type VehiclePass struct {
	ID         string     `json:"id"`
	VIN        string     `json:"vin,omitempty"`
	Plate      string     `json:"plate,omitempty"`
	Lanes      []LaneID   `json:"lanes,omitempty"` // none is every lane
	Zones      []string   `json:"zones,omitempty"` // names; none is every zone
	From       time.Time  `json:"from"`            // whole seconds
	Until      time.Time  `json:"until"`           // likewise
	Conditions []string   `json:"conditions,omitempty"`
	By         string     `json:"by"`
	At         time.Time  `json:"at"`
	Steps      []PassStep `json:"steps,omitempty"`
}

// PassStepKind is what was done with a pass.
type PassStepKind string

// The steps of a pass.
const (
	PassStepRevoked PassStepKind = "revoked"
	PassStepExpired PassStepKind = "expired" // its time is over, and the site has taken note of it
)

// PassStep is one step.
type PassStep struct {
	Pass string       `json:"pass"`
	Kind PassStepKind `json:"kind"`
	By   string       `json:"by,omitempty"`
	Note string       `json:"note,omitempty"`
	At   time.Time    `json:"at"`
}

func (p *VehiclePass) has(k PassStepKind) bool {
	return slices.ContainsFunc(p.Steps, func(s PassStep) bool { return s.Kind == k })
}

// MaxPassLife bounds the life of a pass.
const MaxPassLife = 366 * 24 * time.Hour

// Check says what is wrong with a pass. Every store asks it.
func (p *VehiclePass) Check() error {
	switch {
	case p.ID == "" || strings.TrimSpace(p.By) == "" || p.At.IsZero():
		return errors.New("a pass has an id, a person and an instant")
	case p.VIN == "" && p.Plate == "":
		return errors.New("a pass names a vehicle: its VIN, its plate or both")
	case p.VIN != "" && (len(p.VIN) != vin.Length || p.VIN != NormalVIN(p.VIN)):
		return fmt.Errorf("VIN %q: not 17 letters and digits", p.VIN)
	case !plateText(p.Plate):
		return fmt.Errorf("plate %q: at most %d letters and digits", p.Plate, maxPlateText)
	case !p.Until.After(p.From):
		return errors.New("it ends before it begins")
	case p.Until.Sub(p.From) > MaxPassLife:
		return fmt.Errorf("a pass of %s; at most %s", p.Until.Sub(p.From), MaxPassLife)
	case len(p.Conditions) > 8 || len(p.Lanes) > 32 || len(p.Zones) > 4:
		return fmt.Errorf("%w: at most 8 conditions, 32 lanes and 4 zones", ErrTooMany)
	}
	for _, z := range p.Zones {
		if _, ok := policy.ParseZone(z); !ok {
			return fmt.Errorf("zone %q is none", z)
		}
	}
	for _, c := range p.Conditions {
		if strings.TrimSpace(c) == "" || len(c) > 120 {
			return fmt.Errorf("condition %q: 1 to 120 bytes", c)
		}
	}
	return nil
}

// CheckPassStep says whether a step may be added to a pass. Every store asks it
// within the transaction that records.
func CheckPassStep(p *VehiclePass, s PassStep) error {
	switch {
	case s.At.IsZero() || s.Kind == PassStepRevoked && strings.TrimSpace(s.By) == "":
		return errors.New("a step has a person and an instant")
	case p.has(s.Kind):
		return ErrExists
	case s.Kind == PassStepRevoked && strings.TrimSpace(s.Note) == "":
		return ErrNeedsReason
	case s.Kind == PassStepRevoked:
		return nil
	case s.Kind == PassStepExpired && s.At.Before(p.Until):
		return fmt.Errorf("%w: the pass holds until %s", ErrNotAllowed, p.Until.Format(time.RFC3339))
	case s.Kind == PassStepExpired:
		return nil
	}
	return fmt.Errorf("step %q is none of a pass", s.Kind)
}

// PassStore keeps passes, on the terms of WatchStore. PassDesk owns this port.
type PassStore interface {
	// RecordPass keeps a pass. The same again is no error, another one under its
	// id is ErrExists.
	RecordPass(ctx context.Context, p VehiclePass) error
	// RecordPassSteps adds all steps or none, each where CheckPassStep lets it.
	// ErrNotFound when there is no such pass.
	RecordPassSteps(ctx context.Context, steps ...PassStep) error
	// Passes are all that are kept, oldest first, with their steps; those that
	// were erased are left out.
	Passes(ctx context.Context) ([]VehiclePass, error)
}

// PassDesk issues passes and says what those that are shown are worth. Its
// methods may be called concurrently; what a person does is durable on return,
// and counts from then on.
type PassDesk struct {
	store PassStore
	clock *Clock
	keys  atomic.Pointer[passKeys]
	// changed is told, after the record is durable, that vehicles at the lines
	// are to be decided again.
	changed func(ctx context.Context) error

	acts sync.Mutex
	held atomic.Pointer[passIndex]
}

// passKeys are those of one moment.
type passKeys struct {
	signer *auth.PassSigner // nil: none can be issued
	reader *auth.PassReader
}

type passIndex struct {
	all  []VehiclePass
	byID map[string]int
	of   map[string][]int // by "vin:" or "plate:" and value
}

// NewPassDesk reads the passes. signer and changed may be nil.
func NewPassDesk(ctx context.Context, store PassStore, clock *Clock, signer *auth.PassSigner, reader *auth.PassReader, changed func(ctx context.Context) error) (*PassDesk, error) {
	if store == nil || clock == nil || reader == nil {
		return nil, errors.New("passes: no store, no clock or no key")
	}
	d := &PassDesk{store: store, clock: clock, changed: changed}
	d.Rekey(signer, reader)
	return d, d.Reload(ctx)
}

// Rekey puts other keys in the place of those that signed passes and were
// trusted until now. signer may be nil, reader may not.
func (d *PassDesk) Rekey(signer *auth.PassSigner, reader *auth.PassReader) {
	d.keys.Store(&passKeys{signer, reader})
}

// Reload reads the passes anew.
func (d *PassDesk) Reload(ctx context.Context) error {
	list, err := d.store.Passes(ctx)
	if err != nil {
		return fmt.Errorf("passes: %w", err)
	}
	x := &passIndex{all: list, byID: make(map[string]int, len(list)), of: make(map[string][]int, len(list))}
	for i := range list {
		p := &list[i]
		x.byID[p.ID] = i
		if p.VIN != "" {
			x.of["vin:"+p.VIN] = append(x.of["vin:"+p.VIN], i)
		}
		if p.Plate != "" {
			x.of["plate:"+p.Plate] = append(x.of["plate:"+p.Plate], i)
		}
	}
	d.held.Store(x)
	return nil
}

// Issue makes a pass and the text to show. ID, By and At are filled here; an
// empty From is now.
func (d *PassDesk) Issue(ctx context.Context, who Person, p VehiclePass) (VehiclePass, string, error) {
	fail := func(err error) (VehiclePass, string, error) {
		return VehiclePass{}, "", fmt.Errorf("pass: %w", err)
	}
	if err := who.may(auth.IssuePass); err != nil {
		return fail(err)
	}
	p.ID, p.By, p.Steps = newID("p"), who.Name, nil
	p.At, _ = d.clock.Stamp()
	if p.From.IsZero() {
		p.From = p.At
	}
	p.From, p.Until = p.From.UTC().Truncate(time.Second), p.Until.UTC().Truncate(time.Second)
	p.VIN, p.Plate = NormalVIN(p.VIN), NormalPlate(p.Plate)
	if err := p.Check(); err != nil {
		return fail(err)
	}
	if !p.Until.After(p.At) {
		return fail(errors.New("it has ended already"))
	}
	text, err := d.text(&p)
	if err != nil {
		return fail(err)
	}
	d.acts.Lock()
	defer d.acts.Unlock()
	if err := d.store.RecordPass(ctx, p); err != nil {
		return fail(err)
	}
	return p, text, d.tell(ctx)
}

// tell reads the passes anew and has the vehicles at the lines decided again.
func (d *PassDesk) tell(ctx context.Context) error {
	if err := d.Reload(ctx); err != nil {
		return errors.Join(ErrNotDecidedAgain, err)
	}
	if d.changed != nil {
		if err := d.changed(ctx); err != nil {
			return errors.Join(ErrNotDecidedAgain, err)
		}
	}
	return nil
}

func (d *PassDesk) text(p *VehiclePass) (string, error) {
	signer := d.keys.Load().signer
	if signer == nil {
		return "", errors.New("this site has no key to sign passes with")
	}
	s := auth.Pass{ID: p.ID, VIN: p.VIN, Plate: p.Plate, Zones: p.Zones, Conditions: p.Conditions, From: p.From, Until: p.Until}
	for _, l := range p.Lanes {
		s.Lanes = append(s.Lanes, string(l))
	}
	return signer.Sign(s)
}

// Text is the text to show of a pass that was issued.
func (d *PassDesk) Text(who Person, id string) (VehiclePass, string, error) {
	if err := who.may(auth.IssuePass); err != nil {
		return VehiclePass{}, "", fmt.Errorf("pass: %w", err)
	}
	x := d.held.Load()
	i, ok := x.byID[id]
	if !ok {
		return VehiclePass{}, "", fmt.Errorf("pass %q: %w", id, ErrNotFound)
	}
	text, err := d.text(&x.all[i])
	return x.all[i], text, err
}

// Revoke ends a pass.
func (d *PassDesk) Revoke(ctx context.Context, who Person, id, why string) error {
	if err := who.may(auth.IssuePass); err != nil {
		return fmt.Errorf("pass: %w", err)
	}
	at, _ := d.clock.Stamp()
	d.acts.Lock()
	defer d.acts.Unlock()
	if err := d.store.RecordPassSteps(ctx, PassStep{Pass: id, Kind: PassStepRevoked, By: who.Name, Note: strings.TrimSpace(why), At: at}); err != nil {
		return fmt.Errorf("pass %q: %w", id, err)
	}
	return d.tell(ctx)
}

// List are the passes for a person, oldest first: those that hold or will, or
// all.
func (d *PassDesk) List(who Person, all bool) ([]VehiclePass, error) {
	if err := who.may(auth.IssuePass); err != nil {
		return nil, fmt.Errorf("passes: %w", err)
	}
	at, x := d.clock.Now(), d.held.Load()
	var out []VehiclePass
	for i := range x.all {
		if p := &x.all[i]; all || !p.has(PassStepRevoked) && at.Before(p.Until) {
			out = append(out, *p)
		}
	}
	return out, nil
}

// Expire takes note of the passes whose time is over, and says how many. A pass
// does not hold any longer than it says, whether Expire is called or not.
func (d *PassDesk) Expire(ctx context.Context) (int, error) {
	d.acts.Lock()
	defer d.acts.Unlock()
	at, _ := d.clock.Stamp()
	var steps []PassStep
	x := d.held.Load()
	for i := range x.all {
		if p := &x.all[i]; !p.has(PassStepExpired) && !p.has(PassStepRevoked) && !at.Before(p.Until) {
			steps = append(steps, PassStep{Pass: p.ID, Kind: PassStepExpired, At: at})
		}
	}
	for chunk := range slices.Chunk(steps, 200) {
		if err := d.store.RecordPassSteps(ctx, chunk...); err != nil {
			return 0, fmt.Errorf("expire passes: %w", err)
		}
	}
	if len(steps) == 0 {
		return 0, nil
	}
	return len(steps), d.Reload(ctx)
}

// ShownPass is what a pass is worth for a vehicle at a lane.
type ShownPass struct {
	State string       // policy.PassValid …; empty is unknown
	Pass  *VehiclePass // as the site has it, or as it says; nil where there is none
	Shown bool         // it was shown, and is not merely on record
	Why   string       // one plain sentence
}

// Worth says what the pass that was shown is worth for a vehicle of which that
// VIN and plate were read; where none was shown, whether the site has one on
// record for it. What a pass itself says does not make the vehicle the one that
// it names: where nothing that it names was read, it is not known what it is
// worth.
func (d *PassDesk) Worth(text, readVIN, readPlate string, lane LaneID, zone policy.Zone, at time.Time) ShownPass {
	x := d.held.Load()
	if text == "" {
		return x.onRecord(readVIN, readPlate, lane, zone, at)
	}
	said, err := d.keys.Load().reader.Read(strings.TrimSpace(text), at)
	if err != nil {
		return ShownPass{State: policy.PassForged, Shown: true, Why: "The pass that was shown is not signed with a key of this site that is trusted now."}
	}
	i, ok := x.byID[said.ID]
	if !ok {
		return ShownPass{State: policy.PassForged, Shown: true, Why: "The pass " + said.ID + " bears this site's signature, and this site has not issued it."}
	}
	p := &x.all[i]
	s := ShownPass{Pass: p, Shown: true}
	s.State, s.Why = p.worth(readVIN, readPlate, lane, zone, at)
	return s
}

// onRecord looks for a pass that holds for the vehicle without having been shown.
func (x *passIndex) onRecord(readVIN, readPlate string, lane LaneID, zone policy.Zone, at time.Time) ShownPass {
	if readVIN == "" && readPlate == "" {
		return ShownPass{}
	}
	for _, i := range slices.Concat(x.of["vin:"+readVIN], x.of["plate:"+readPlate]) {
		p := &x.all[i]
		if state, why := p.worth(readVIN, readPlate, lane, zone, at); state == policy.PassValid {
			return ShownPass{State: state, Pass: p, Why: why}
		}
	}
	return ShownPass{State: policy.PassNone, Why: "No pass was shown, and none on record holds for the vehicle here and now."}
}

func (p *VehiclePass) worth(readVIN, readPlate string, lane LaneID, zone policy.Zone, at time.Time) (state, why string) {
	switch {
	case p.has(PassStepRevoked):
		i := slices.IndexFunc(p.Steps, func(s PassStep) bool { return s.Kind == PassStepRevoked })
		return policy.PassRevoked, fmt.Sprintf("The pass %s was revoked on %s.", p.ID, p.Steps[i].At.Format(time.DateOnly))
	case p.VIN != "" && readVIN != "" && p.VIN != readVIN, p.Plate != "" && readPlate != "" && p.Plate != readPlate:
		return policy.PassOtherVehicle, fmt.Sprintf("The pass %s names another vehicle than the one at the line.", p.ID)
	case !at.Before(p.Until):
		return policy.PassExpired, fmt.Sprintf("The pass %s ended on %s.", p.ID, p.Until.Format(time.RFC3339))
	case at.Before(p.From):
		return policy.PassNotYet, fmt.Sprintf("The pass %s begins on %s.", p.ID, p.From.Format(time.RFC3339))
	case len(p.Lanes) > 0 && !slices.Contains(p.Lanes, lane), len(p.Zones) > 0 && !slices.Contains(p.Zones, zone.String()):
		return policy.PassNotHere, fmt.Sprintf("The pass %s is not for this lane.", p.ID)
	case p.VIN != "" && readVIN == "", p.VIN == "" && readPlate == "":
		return "", fmt.Sprintf("What the pass %s names was not read off the vehicle.", p.ID)
	}
	return policy.PassValid, fmt.Sprintf("The pass %s holds until %s.", p.ID, p.Until.Format(time.RFC3339))
}
