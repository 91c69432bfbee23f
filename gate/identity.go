package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/policy"
	"sallyport/policy/supply"
)

// IdentifierKind is what was read of a vehicle.
type IdentifierKind string

// The kinds of identifiers.
const (
	IdentVIN   IdentifierKind = "vin"
	IdentPlate IdentifierKind = "plate"
)

// Identifier is one more thing that was read of a vehicle within one arrival: the
// VIN of another label, the plate that a second camera saw. All are kept.
type Identifier struct {
	Kind  IdentifierKind `json:"kind"`
	Value string         `json:"value"` // as it was read
	Via   string         `json:"via"`   // scanner, keyboard, camera, api
}

// NoteIdentified is Outcome.Note of a passage that was opened for a plate alone
// and goes on, with the plate, as the one of the VIN that was read next.
const NoteIdentified = "identified"

// rankVia ranks how a VIN came in: what a machine read off the vehicle counts
// before what was typed.
func rankVia(via string) int {
	if via == "scanner" {
		return 1
	}
	return 0
}

// With is the arrival and what was read of the same vehicle besides. A scanned
// VIN takes the place of a typed one; a plate and a VIN stand side by side; what
// differs from what is there already is kept in Also. changed says whether
// anything is new.
func (a Arrival) With(b Arrival) (out Arrival, changed bool) {
	out = a
	out.Also = slices.Clone(a.Also)
	add := func(k IdentifierKind, value, via string) {
		norm := NormalVIN
		have := out.VIN
		if k == IdentPlate {
			norm, have = NormalPlate, out.Plate
		}
		switch i := (Identifier{k, value, via}); {
		case norm(value) == "" || norm(value) == norm(have):
		case slices.ContainsFunc(out.Also, func(o Identifier) bool { return o.Kind == k && norm(o.Value) == norm(value) }):
		default:
			out.Also = append(out.Also, i)
			changed = true
		}
	}
	switch {
	case b.VIN == "":
	case a.VIN == "":
		out.VIN, out.Via, changed = b.VIN, b.Via, true
	case rankVia(b.Via) > rankVia(a.Via):
		out.VIN, out.Via, changed = b.VIN, b.Via, true
		add(IdentVIN, a.VIN, a.Via)
	default:
		add(IdentVIN, b.VIN, b.Via)
	}
	switch {
	case b.Plate == "":
	case a.Plate == "":
		out.Plate, changed = b.Plate, true
	default:
		add(IdentPlate, b.Plate, b.Via)
	}
	for _, i := range b.Also {
		add(i.Kind, i.Value, i.Via)
	}
	out.Also = slices.DeleteFunc(out.Also, func(i Identifier) bool { return i.Kind == IdentVIN && NormalVIN(i.Value) == NormalVIN(out.VIN) })
	if len(out.Also) == 0 {
		out.Also = nil
	}
	if b.Pass != "" && b.Pass != a.Pass {
		out.Pass, changed = b.Pass, true
	}
	if b.Class != "" && a.Class == "" {
		out.Class, changed = b.Class, true
	}
	if b.OnCall != nil && a.OnCall == nil {
		out.OnCall, changed = b.OnCall, true
	}
	for _, d := range b.Declared {
		if !slices.Contains(out.Declared, d) {
			out.Declared, changed = append(slices.Clone(out.Declared), d), true
		}
	}
	return out, changed
}

// joinWithin is how close together a plate and a VIN are read that are taken for
// those of one vehicle without anybody saying so.
const joinWithin = 10 * time.Second

// sameVehicle says whether an arrival at a line where a vehicle waits is one more
// reading of that vehicle: somebody says so; or it is a plate, and the vehicle's
// was not read yet; or the other way round. onlyPlate says that it is the VIN of
// a vehicle of which only the plate was known.
func sameVehicle(p *Passage, b Arrival, since time.Duration) (same, onlyPlate bool) {
	a := p.Arrival
	switch {
	case b.Of != "":
		return b.Of == p.ID, b.Of == p.ID && a.VIN == "" && b.VIN != ""
	case b.VIN == "" && b.Plate == "": // a pass alone is shown by whoever stands there
		return b.Pass != "", false
	case a.VIN == "" && a.Plate == "": // only a pass was shown, by whoever stands there
		return true, b.VIN != ""
	case since > joinWithin:
		return false, false
	case b.VIN == "":
		return a.Plate == "" || NormalPlate(a.Plate) == NormalPlate(b.Plate), false
	case since <= repeatWithin && NormalVIN(a.VIN) == NormalVIN(b.VIN):
		// A scanner that reads twice, or a scan with the plate.
		return b.Class == "" && b.OnCall == nil && len(b.Declared) == 0 && len(b.Also) == 0, false
	case a.VIN == "":
		same = b.Plate == "" || NormalPlate(b.Plate) == NormalPlate(a.Plate)
		return same, same
	}
	return false, false
}

// Presented is who presents itself at a lane, as far as it was read: VIN and
// plate as the site files them.
type Presented struct {
	Lane   LaneID
	Zone   policy.Zone
	At     time.Time
	Moment policy.Moment
	VIN    string // empty where none was read
	Plate  string
	ByList bool // VIN was not read but taken from the list by the plate
	Also   []Identifier
	Pass   string // the text of the pass that was shown
}

// Identified is what the site finds about who presents itself.
type Identified struct {
	Facts policy.ArrivalFacts // without what a person said
	// Makers are the entries of the watch list to hold the vehicle's modules
	// against.
	Makers []WatchEntry
	// Beside are the lanes at which the same vehicle stands now.
	Beside []LaneID
}

// Identity holds who presents itself against what the site has. The Controller
// owns this port; IdentityDesk implements it. It is asked on the way to a
// verdict, by several lanes at once, and answers within a millisecond, from local
// data. An error means that there is no verdict by machine.
type Identity interface {
	Identify(ctx context.Context, p Presented) (Identified, error)
}

// IdentityConfig is what an IdentityDesk is made of.
type IdentityConfig struct {
	Ledger   LedgerStore
	Registry Registry
	Watch    *WatchDesk // nil: the site has no watch list
	Passes   *PassDesk  // nil: the site has no passes
	// Travel is the least time that a vehicle takes from one lane to another, to
	// be at the line of both; false where the site does not say. Nil says nothing.
	Travel func(from, to LaneID) (time.Duration, bool)
	// Farthest is the longest that Travel gives.
	Farthest time.Duration
}

// IdentityDesk is the Identity of a site. Its methods may be called concurrently.
type IdentityDesk struct {
	cfg IdentityConfig

	mu    sync.Mutex
	lines map[LaneID]Presented // who was last presented where
}

// NewIdentityDesk checks the configuration.
func NewIdentityDesk(cfg IdentityConfig) (*IdentityDesk, error) {
	if cfg.Ledger == nil || cfg.Registry == nil {
		return nil, errors.New("identity: no ledger or no registry")
	}
	if cfg.Travel == nil {
		cfg.Travel = func(LaneID, LaneID) (time.Duration, bool) { return 0, false }
	}
	return &IdentityDesk{cfg: cfg, lines: make(map[LaneID]Presented)}, nil
}

// The titles of sources.
const (
	fromLedger  = "the site's list of who is inside"
	fromList    = "the site's list of known vehicles"
	fromLanes   = "the site's own lanes"
	fromWatch   = "the site's watch list"
	fromLabels  = "two readings at the lane"
	fromPasses  = "the site's passes"
	atOnce      = 5 * time.Second // two lanes are asked about one vehicle before either has a record
	openTooLong = 30 * time.Minute
)

// Identify gathers what the site finds.
func (d *IdentityDesk) Identify(ctx context.Context, p Presented) (Identified, error) {
	var out Identified
	f := &out.Facts
	at := p.At.UTC().Format(time.RFC3339)
	find := func(to *policy.Leaf[bool], title string, finding policy.ArrivalFinding) {
		finding.From = policy.Source{Title: title, Quote: finding.Says, Date: at}
		f.Findings = append(f.Findings, finding)
		if to != nil && (!to.Known || !to.Value) {
			*to = policy.Know(true, finding.From)
		}
	}
	nothing := func(to *policy.Leaf[bool], title string) {
		if !to.Known {
			*to = policy.Know(false, policy.Source{Title: title, Date: at})
		}
	}
	beside := d.present(p)
	if p.VIN == "" && p.Plate == "" {
		d.worth(p, f)
		return out, nil
	}

	inside, err := d.inside(ctx, p, f, find)
	if err != nil {
		return out, err
	}
	if p.Moment == policy.MomentEntry {
		nothing(&f.InsideAlready, fromLedger)
	}
	if p.VIN != "" && p.Plate != "" && !p.ByList {
		for _, s := range inside {
			if s.Plate == p.Plate && s.VIN != "" && s.VIN != p.VIN {
				find(&f.PlateDiffers, fromLedger, policy.ArrivalFinding{Code: "plate_differs", Says: fmt.Sprintf("A vehicle with this plate and another VIN, %s, is inside since %s.", s.VIN, s.Since.UTC().Format(time.RFC3339))})
				break
			}
		}
		if err := d.plate(ctx, p, f, find, nothing); err != nil {
			return out, err
		}
	}
	if out.Beside, err = d.elsewhere(ctx, p, beside, f, find); err != nil {
		return out, err
	}
	nothing(&f.SeenElsewhere, fromLanes)

	for _, i := range p.Also {
		if i.Kind != IdentVIN || p.VIN == "" || p.ByList {
			continue
		}
		if other := NormalVIN(i.Value); other != p.VIN {
			find(&f.LabelDiffers, fromLabels, policy.ArrivalFinding{Code: "label_differs", Says: fmt.Sprintf("%s was read off it, and %s besides.", p.VIN, other)})
		} else {
			nothing(&f.LabelDiffers, fromLabels)
		}
	}
	if d.cfg.Watch != nil {
		out.Makers = d.watch(p, f, find)
		nothing(&f.WatchListed, fromWatch)
	}
	d.worth(p, f)
	return out, nil
}

type finder func(*policy.Leaf[bool], string, policy.ArrivalFinding)

// inside holds the vehicle against who is inside: on its way in it must not be,
// and on its way out it should. A plate that only looks like one that is inside
// is a hint.
func (d *IdentityDesk) inside(ctx context.Context, p Presented, f *policy.ArrivalFacts, find finder) ([]Stay, error) {
	plates := []string{p.Plate}
	if p.Plate != "" {
		plates = append(plates, Alike(p.Plate)...)
	}
	list, err := d.cfg.Ledger.Inside(ctx, p.VIN, plates...)
	if err != nil {
		return nil, fmt.Errorf("who is inside: %w", err)
	}
	came := func(s *Stay) string {
		if s.Lane == "" {
			return fmt.Sprintf("%s said on %s that it is inside", cmp.Or(s.By, "somebody"), s.Since.UTC().Format(time.RFC3339))
		}
		return fmt.Sprintf("it came in by lane %s at %s", s.Lane, s.Since.UTC().Format(time.RFC3339))
	}
	i := MatchStay(list, p.VIN, p.Plate)
	switch {
	case i >= 0 && p.Moment == policy.MomentEntry:
		find(&f.InsideAlready, fromLedger, policy.ArrivalFinding{Code: "inside_already", Says: sentence(came(&list[i]) + ", and has not left")})
	case i < 0 && p.Moment != policy.MomentInside:
		alike := slices.IndexFunc(list, func(s Stay) bool { return s.Plate != p.Plate && (p.VIN == "" || s.VIN == "") })
		if alike >= 0 {
			find(nil, fromLedger, policy.ArrivalFinding{Code: "inside_alike", Hint: true, Says: fmt.Sprintf("The plate %s of a vehicle that is inside looks like what was read: %s. Compare them.", list[alike].Plate, came(&list[alike]))})
		} else if p.Moment == policy.MomentExit {
			find(nil, fromLedger, policy.ArrivalFinding{Code: "not_inside", Hint: true, Says: "By the site's list it has not come in."})
		}
	}
	return list, nil
}

// sentence is a clause as a sentence.
func sentence(clause string) string { return strings.ToUpper(clause[:1]) + clause[1:] + "." }

// plate holds VIN and plate against the list of known vehicles.
func (d *IdentityDesk) plate(ctx context.Context, p Presented, f *policy.ArrivalFacts, find finder, nothing func(*policy.Leaf[bool], string)) error {
	byVIN, err := d.cfg.Registry.Registration(ctx, p.VIN, "")
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("list of known vehicles: %w", err)
	}
	if err == nil && byVIN.Plate != "" {
		if NormalPlate(byVIN.Plate) == p.Plate {
			nothing(&f.PlateDiffers, fromList)
			return nil
		}
		find(&f.PlateDiffers, fromList, policy.ArrivalFinding{Code: "plate_differs", Says: fmt.Sprintf("The list has plate %s with this VIN, and %s was read.", byVIN.Plate, p.Plate)})
	}
	byPlate, err := d.cfg.Registry.Registration(ctx, "", p.Plate)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return fmt.Errorf("list of known vehicles: %w", err)
	case byPlate.VIN != "" && byPlate.VIN != p.VIN:
		find(&f.PlateDiffers, fromList, policy.ArrivalFinding{Code: "plate_differs", Says: fmt.Sprintf("The list has VIN %s with this plate, and %s was read.", byPlate.VIN, p.VIN)})
	case byPlate.VIN == p.VIN:
		nothing(&f.PlateDiffers, fromList)
	}
	return nil
}

// present notes who is presented at a lane, and gives those that were presented
// at others at the same time. The store cannot tell: neither may have a record.
func (d *IdentityDesk) present(p Presented) []Presented {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Presented
	for lane, o := range d.lines {
		if lane != p.Lane && p.At.Sub(o.At).Abs() < atOnce && sameIdentity(p.VIN, p.Plate, o.VIN, o.Plate) {
			out = append(out, o)
		}
	}
	d.lines[p.Lane] = p
	slices.SortFunc(out, func(a, b Presented) int { return cmp.Compare(a.Lane, b.Lane) })
	return out
}

// sameIdentity says whether two readings name the same vehicle: by VIN where both
// have one, else by plate.
func sameIdentity(vin, plate, otherVIN, otherPlate string) bool {
	if vin != "" && otherVIN != "" {
		return vin == otherVIN
	}
	return plate != "" && plate == otherPlate
}

// elsewhere looks for the vehicle at other lanes: now, or too short a time ago.
// It gives the lanes at which it stands now.
func (d *IdentityDesk) elsewhere(ctx context.Context, p Presented, beside []Presented, f *policy.ArrivalFacts, find finder) (now []LaneID, err error) {
	for _, o := range beside {
		now = append(now, o.Lane)
		find(&f.SeenElsewhere, fromLanes, policy.ArrivalFinding{Code: "seen_elsewhere", Says: fmt.Sprintf("The same vehicle is at lane %s at the same time.", o.Lane)})
	}
	list, err := d.cfg.Ledger.Sightings(ctx, p.VIN, p.Plate, p.Lane, p.At.Add(-d.cfg.Farthest))
	if err != nil {
		return nil, fmt.Errorf("other lanes: %w", err)
	}
	for _, s := range list {
		least, said := d.cfg.Travel(s.Lane, p.Lane)
		switch {
		case !sameIdentity(p.VIN, p.Plate, s.VIN, s.Plate), slices.ContainsFunc(beside, func(o Presented) bool { return o.Lane == s.Lane }):
		case s.Until.IsZero() && p.At.Sub(s.At) < openTooLong:
			now = append(now, s.Lane)
			find(&f.SeenElsewhere, fromLanes, policy.ArrivalFinding{Code: "seen_elsewhere", Says: fmt.Sprintf("The same vehicle stands at lane %s since %s.", s.Lane, s.At.UTC().Format(time.RFC3339))})
		case said && !s.Until.IsZero() && p.At.Sub(s.Until) < least:
			find(&f.SeenElsewhere, fromLanes, policy.ArrivalFinding{Code: "seen_elsewhere", Says: fmt.Sprintf("The same vehicle was at lane %s until %s; from there it takes at least %s.", s.Lane, s.Until.UTC().Format(time.RFC3339), least)})
		}
	}
	return now, nil
}

// watch asks the watch list, and gives the entries for makers.
func (d *IdentityDesk) watch(p Presented, f *policy.ArrivalFacts, find finder) []WatchEntry {
	var makers []WatchEntry
	look := func(text, plate string) {
		h := d.cfg.Watch.Look(text, plate, p.At)
		makers = h.Makers
		for i := range h.Hits {
			finding := h.Hits[i].finding("%s stands on the watch list (%s, entered by %s on %s).")
			if !slices.ContainsFunc(f.Findings, func(o policy.ArrivalFinding) bool { return o.Says == finding.Says }) {
				find(&f.WatchListed, fromWatch, finding)
			}
		}
		for i := range h.Alike {
			finding := h.Alike[i].finding("%s stands on the watch list and looks like what was read (%s, entered by %s on %s): compare them.")
			finding.Code, finding.Hint = "watch_alike", true
			find(nil, fromWatch, finding)
		}
	}
	look(p.VIN, p.Plate)
	for _, i := range p.Also {
		switch i.Kind {
		case IdentVIN:
			look(NormalVIN(i.Value), "")
		case IdentPlate:
			look("", NormalPlate(i.Value))
		}
	}
	return makers
}

// finding tells of an entry.
func (e *WatchEntry) finding(says string) policy.ArrivalFinding {
	return policy.ArrivalFinding{Code: "watch_listed", Says: fmt.Sprintf(says, e.Value, e.Reason, e.By, e.At.UTC().Format(time.DateOnly)), Do: e.Do, Reason: e.Reason}
}

// worth says what the vehicle's pass is worth.
func (d *IdentityDesk) worth(p Presented, f *policy.ArrivalFacts) {
	if d.cfg.Passes == nil {
		return
	}
	read := p.VIN
	if p.ByList {
		read = ""
	}
	s := d.cfg.Passes.Worth(p.Pass, read, p.Plate, p.Lane, p.Zone, p.At)
	from := policy.Source{Title: fromPasses, Quote: s.Why, Date: p.At.UTC().Format(time.RFC3339)}
	if s.Pass != nil {
		from.ID, from.Expires = s.Pass.ID, s.Pass.Until.UTC().Format(time.RFC3339)
	}
	if s.State != "" {
		f.Pass = policy.Know(s.State, from)
	}
	if s.Shown && s.State != "" {
		f.PassRefused = policy.Know(s.State != policy.PassValid, from)
	}
	switch {
	case s.Shown && s.State == "":
		f.Findings = append(f.Findings, policy.ArrivalFinding{Code: "pass_unread", Says: s.Why, Hint: true, From: from})
	case s.Shown && s.State != policy.PassValid:
		f.Findings = append(f.Findings, policy.ArrivalFinding{Code: "pass_" + s.State, Says: s.Why, From: from})
	case s.State == policy.PassValid && len(s.Pass.Conditions) > 0:
		f.Findings = append(f.Findings, policy.ArrivalFinding{Code: "pass_conditions", Says: s.Why, Do: strings.Join(s.Pass.Conditions, "; "), Hint: true, From: from})
	}
}

// watchedModules holds the modules of the vehicle against the watch list: one of
// which it is known who makes it, and no mere alternative. What is only one of
// several possible makers is a hint; and while a module's maker is open, it is
// not known that the vehicle is not on the list.
func (j *Judge) watchedModules(f *policy.Facts, makers []WatchEntry) {
	open := len(f.Units) == 0
	for i := range makers {
		e := &makers[i]
		var may *policy.ArrivalFinding
		listed := false
		for u := range f.Units {
			unit := &f.Units[u]
			if unit.Fitted.Known && !unit.Fitted.Value {
				continue
			}
			open = open || len(unit.Candidates) == 0
			every, claimed, some := len(unit.Candidates) > 0, false, false
			var by policy.Candidate
			var behind policy.SupplyAnswer
			for _, c := range unit.Candidates {
				answer, hit := j.watched(e, c.Maker, f.At)
				open = open || !c.Maker.Known
				every = every && hit
				if hit {
					by, behind, some = c, answer, true
					claimed = claimed || c.Basis == "declared" || c.Basis == "inspected"
				}
			}
			if !some {
				continue
			}
			sure := every || claimed
			open = open || !sure
			finding := e.ofModule(by, behind, sure, f.At)
			if !sure {
				may = &finding
				continue
			}
			f.Arrival.Findings = append(f.Arrival.Findings, finding)
			if !f.Arrival.WatchListed.Known || !f.Arrival.WatchListed.Value {
				f.Arrival.WatchListed = policy.Know(true, finding.From)
			}
			listed = true
			break
		}
		if may != nil && !listed {
			f.Arrival.Findings = append(f.Arrival.Findings, *may)
		}
	}
	if len(makers) > 0 && open && !f.Arrival.WatchListed.Value {
		f.Arrival.WatchListed = policy.Leaf[bool]{}
	}
}

// ofModule tells of an entry for a maker or a group by a module of the vehicle,
// with who says so.
func (e *WatchEntry) ofModule(by policy.Candidate, behind policy.SupplyAnswer, sure bool, at time.Time) policy.ArrivalFinding {
	out := e.finding("%s stands on the watch list (%s, entered by %s on %s)")
	out.Evidence = slices.Clone(by.Sources)
	if by.Maker.From != (policy.Source{}) && !slices.Contains(out.Evidence, by.Maker.From) {
		out.Evidence = append(out.Evidence, by.Maker.From)
	}
	name := cmp.Or(by.MakerName, string(by.Maker.Value))
	who := ""
	if s := out.Evidence; len(s) > 0 {
		who = cmp.Or(s[0].Title, s[0].ID)
		if s[0].Date != "" {
			who += " (" + s[0].Date + ")"
		}
	}
	what := "as the maker of a module of this vehicle"
	if !sure {
		what = "as one of the possible makers of a module of this vehicle"
		out.Code, out.Hint, out.Do = "watch_may", true, ""
	}
	out.Says += fmt.Sprintf("; %s names %s %s", cmp.Or(who, "a source"), name, what)
	if behind.Because != "" {
		out.Says += "; " + strings.TrimSuffix(behind.Because, ".")
		out.Evidence = append(out.Evidence, behind.Sources...)
	}
	out.Says += "."
	out.From = policy.Source{Title: fromWatch, Quote: out.Says, Date: at.Format(time.RFC3339)}
	return out
}

// watched says whether an entry for a maker or a group means a maker, and for a
// group what says so.
func (j *Judge) watched(e *WatchEntry, maker policy.Leaf[policy.Party], at time.Time) (policy.SupplyAnswer, bool) {
	switch {
	case !maker.Known:
		return policy.SupplyAnswer{}, false
	case e.Kind == WatchMaker || string(maker.Value) == e.Value:
		return policy.SupplyAnswer{}, string(maker.Value) == e.Value
	}
	a := j.supply.controlledBy(maker.Value, e.Value, at)
	return a, a.Value == policy.True
}

// opControlledBy is asked by the watch list alone, and by no policy.
const opControlledBy = "controlled_by"

// controlledBy says whether a party is known to be controlled by another one, and
// who says so. The answer is kept with the others.
func (s *GraphSupply) controlledBy(maker policy.Party, group string, at time.Time) policy.SupplyAnswer {
	return s.Ask(policy.SupplyQuestion{Op: opControlledBy, Party: maker, Arg: group, Day: at.UTC().Format(time.DateOnly)})
}

// answerControlledBy asks the graph.
func (s *GraphSupply) answerControlledBy(q policy.SupplyQuestion, day time.Time) policy.SupplyAnswer {
	holders := s.graph.Behind(string(q.Party), day).Controllers
	i := slices.IndexFunc(holders, func(h supply.Holder) bool { return h.Party == q.Arg })
	if i < 0 {
		return policy.SupplyAnswer{Because: q.Arg + " is not known to control " + string(q.Party)}
	}
	out := policy.SupplyAnswer{Value: policy.True}
	steps := make([]string, 0, len(holders[i].Path))
	for _, e := range holders[i].Path {
		steps = append(steps, strings.TrimSuffix(e.Text, "."))
		out.Sources = append(out.Sources, policy.Source{ID: e.ID, Title: e.Text, Address: e.Source, Quote: e.Quote, Date: e.Date, Reply: e.Reply})
	}
	out.Because = "by its sources, " + strings.Join(steps, ", and ")
	return out
}
