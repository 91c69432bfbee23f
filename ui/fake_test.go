package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/rf"
	"sallyport/ui/view"
)

// The vehicles of the tests: one for each verdict.
const (
	vinDeny  = "5YJXCAE4XMF000001"
	vinFlag  = "WBA53BJ0XNW000017"
	vinGrant = "WVWZZZ3BZWE000042"
)

var (
	srcModule = policy.Source{ID: "V0003", Title: "owner's manual (regulatory certification table)", Address: "https://www.tesla.com/ownersmanual/modelx/en_us/",
		Quote: "Telematics: Quectel AG525R-GL, FCC ID XMR2020AG525RGL", Date: "2021-10-05"}
	srcList = policy.Source{ID: "us-1260h-2026", Title: "US DoD, Section 1260H list, edition 2026-06-08", Address: "https://media.defense.gov/2026/Jun/08/2003945537/-1/-1/1/1260H.PDF",
		Quote: "Quectel Wireless Solutions Co., Ltd.", Date: "2026-06-08", Reply: "Quectel has stated that it is not a military company."}
	srcSite = policy.Source{ID: "site-order-7", Title: "Site order 7: vehicles older than the site's chosen year", Address: "site", Date: "2026-03-01"}
)

var sayings = map[string]map[string]string{
	"prc-module-restricted": {
		"en": "Its module comes from a maker under PRC control. Not allowed in this zone.",
		"pl": "Moduł pochodzi od producenta kontrolowanego z ChRL. W tej strefie jest to niedozwolone.",
		"de": "Das Modul stammt von einem Hersteller unter Kontrolle der VR China. In dieser Zone nicht erlaubt.",
	},
	"module-unknown": {
		"en": "It has a modem, and nobody knows whose.",
		"pl": "Pojazd ma modem nieznanego producenta.",
		"de": "Das Fahrzeug hat ein Modem; der Hersteller ist unbekannt.",
	},
	"before-site-year": {
		"en": "Older than the year this site chose, and nothing is known against it.",
		"pl": "Starszy niż rok wybrany przez obiekt i nic przeciw niemu nie wiadomo.",
		"de": "Älter als das von der Liegenschaft gewählte Jahr; nichts liegt dagegen vor.",
	},
}

func say(_, rule, lang string) string { return sayings[rule][lang] }

// judge is the verdict that the fake lane gives a VIN.
func judge(vin, plate string, class policy.Class, at time.Time) gate.Assessment {
	a := gate.Assessment{VIN: vin, Plate: plate}
	a.Facts.At = at
	a.Facts.Vehicle.VIN = policy.Know(vin, policy.Source{Title: "as scanned"})
	a.Verdict.Policy, a.Verdict.Hash = "paper-baseline 1", strings.Repeat("ab12", 16)
	if class != "" {
		a.Facts.Registration.Class = policy.Know(class, policy.Source{Title: "plate or papers"})
	}
	switch vin {
	case vinDeny:
		a.Vehicle = gate.VehicleView{Valid: true, Make: "TESLA", Model: "Model X", ModelYear: 2021, BuiltIn: "United States (USA)", BuiltInBasis: "plant of the VIN"}
		a.Facts.Units = []policy.Unit{{Role: "tcu", Name: "Telematics unit", Candidates: []policy.Candidate{{
			Maker: policy.Know(policy.Party("quectel"), srcModule), MakerName: "Quectel", Model: policy.Know("AG525R-GL", srcModule),
			Certainty: policy.CertaintyDocumented, Basis: "catalogue", Sources: []policy.Source{srcModule}}}}}
		a.Facts.Modem = policy.Know(true, srcModule)
		a.Asked = []gate.Asked{{Q: policy.SupplyQuestion{Op: "controlled_from", Party: "quectel", Arg: "CN", Day: "2026-11-22"},
			A: policy.SupplyAnswer{Value: policy.True, Because: "Quectel is registered in Shanghai.", Sources: []policy.Source{srcList}}}}
		a.Verdict.Outcome = policy.Deny
		a.Verdict.Conditions, a.Verdict.ConditionIDs = []string{"park outside the fence"}, []string{"park-outside"}
		a.Verdict.WorkItems = []string{"fleet-office"}
		a.Verdict.Reasons = []policy.Reason{{
			Rule: "prc-module-restricted", Outcome: policy.Deny,
			Because: "Telematics unit: Quectel AG525R-GL is documented for this build; Quectel is controlled from CN.",
			Source:  srcModule.Address, Quote: srcModule.Quote, Date: srcModule.Date, Instrument: srcList, Evidence: []policy.Source{srcModule, srcList},
		}, {
			Rule: "module-unknown", Outcome: policy.Flag, Open: true, Because: "head unit: module is not known.", Instrument: srcSite,
		}}
	case vinGrant:
		a.Vehicle = gate.VehicleView{Valid: true, Make: "VOLKSWAGEN", Model: "Passat", ModelYear: 1998, BuiltIn: "Germany"}
		a.Verdict.Outcome, a.Verdict.Presumed = policy.Grant, true
		a.Verdict.Reasons = []policy.Reason{{Rule: "before-site-year", Outcome: policy.Grant, Because: "model_year 1998 is before 2009; modem is not known.", Instrument: srcSite}}
	default:
		a.Vehicle = gate.VehicleView{Valid: vin == vinFlag, Make: "BMW", Model: "540i", ModelYear: 2022, BuiltIn: "Germany"}
		if vin != vinFlag {
			a.Vehicle = gate.VehicleView{Problems: []string{fmt.Sprintf("%d characters, 17 are wanted", len(vin))}}
		}
		a.Verdict.Outcome = policy.Flag
		a.Verdict.Reasons = []policy.Reason{{Rule: "module-unknown", Outcome: policy.Flag, Open: true, Because: "modem is fitted; the module's maker is not known.", Instrument: srcSite}}
		a.Verdict.Open = []policy.OpenQuestion{
			{Fact: "module.maker", Unit: "telematics unit", Ask: "Read the label on the telematics unit: FCC ID, IC, IMEI or module type", Rules: []string{"module-unknown"}},
			{Fact: "vehicle.built_in", Ask: "Read the maker's plate on the door frame: plant or country of manufacture", Rules: []string{"module-unknown"}},
			{Fact: "supply.rolling-wireless", About: "Rolling Wireless", Ask: "No act at the gate settles who stands behind Rolling Wireless: refer it to the security manager"},
		}
	}
	return a
}

// fakeLanes is a working controller of a few lanes without devices.
type fakeLanes struct {
	mu      sync.Mutex
	views   map[gate.LaneID]gate.LaneView
	order   []gate.LaneID
	air     map[gate.LaneID]gate.LaneRadio
	subs    map[gate.LaneID]map[chan gate.LaneView]bool
	acts    []gate.Act
	offered []gate.Arrival // to Arrive, taken or not
	heard   []rf.Observation
	refused uint64
	n       int
	fail    error // of Arrive and Act
	now     func() time.Time
	store   *fakeStore
	waiting chan struct{} // gets a token for every subscription
}

func newFakeLanes(now func() time.Time, store *fakeStore) *fakeLanes {
	f := &fakeLanes{views: map[gate.LaneID]gate.LaneView{}, air: map[gate.LaneID]gate.LaneRadio{}, subs: map[gate.LaneID]map[chan gate.LaneView]bool{}, now: now, store: store, waiting: make(chan struct{}, 64)}
	f.add(gate.LaneView{Lane: "north-1", Name: "North 1", Zone: policy.ZoneRestricted, TurnOut: "Car park P3, left of the arm"})
	f.add(gate.LaneView{Lane: "south", Name: "South", Zone: policy.ZonePublic})
	return f
}

func (f *fakeLanes) add(v gate.LaneView) {
	v.State, v.Since, v.Arm, v.Durable = gate.Idle, f.now(), "closed", true
	v.Radio = gate.RadioState{Sensors: 1, LastHeard: f.now()}
	f.views[v.Lane] = v
	f.order = append(f.order, v.Lane)
}

func (f *fakeLanes) Lanes() []gate.LaneView {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []gate.LaneView
	for _, id := range f.order {
		out = append(out, f.views[id])
	}
	return out
}

func (f *fakeLanes) View(id gate.LaneID) (gate.LaneView, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.views[id]
	return v, ok
}

func (f *fakeLanes) Subscribe(ctx context.Context, id gate.LaneID) (<-chan gate.LaneView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.views[id]
	if !ok {
		return nil, gate.ErrUnknownLane
	}
	ch := make(chan gate.LaneView, 32)
	ch <- v
	if f.subs[id] == nil {
		f.subs[id] = map[chan gate.LaneView]bool{}
	}
	f.subs[id][ch] = true
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.subs[id][ch] {
			delete(f.subs[id], ch)
			close(ch)
		}
	})
	select {
	case f.waiting <- struct{}{}:
	default:
	}
	return ch, nil
}

// change publishes a changed view.
func (f *fakeLanes) change(id gate.LaneID, do func(*gate.LaneView)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changeLocked(id, do)
}

func (f *fakeLanes) changeLocked(id gate.LaneID, do func(*gate.LaneView)) {
	v := f.views[id]
	do(&v)
	v.Version++
	v.Since = f.now()
	f.views[id] = v
	for ch := range f.subs[id] {
		select {
		case ch <- v:
		default:
			delete(f.subs[id], ch)
			close(ch)
		}
	}
}

// drop closes every subscription, as to readers that are too slow.
func (f *fakeLanes) drop(id gate.LaneID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch := range f.subs[id] {
		delete(f.subs[id], ch)
		close(ch)
	}
}

func (f *fakeLanes) Arrive(_ context.Context, id gate.LaneID, a gate.Arrival) (gate.PassageID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offered = append(f.offered, a)
	if f.fail != nil {
		return "", fmt.Errorf("arrival at %q: %w", id, f.fail)
	}
	if st := f.views[id].State; a.VIN == "" && a.Pass == "" && st != gate.Idle && st != gate.Approaching && st != gate.AtLine {
		return "", fmt.Errorf("arrival at %q: %w", id, gate.ErrNotAllowed)
	}
	f.n++
	p := gate.Passage{ID: gate.PassageID(fmt.Sprintf("20261122T120000-%04d", f.n)), Lane: id, At: f.now(), Arrival: a, Result: judge(a.VIN, a.Plate, a.Class, f.now())}
	f.store.record(p)
	f.changeLocked(id, func(v *gate.LaneView) {
		v.State, v.Passage, v.Durable = gate.Waiting, &p, true
		v.Allowed = allowed(p.Result.Verdict.Outcome)
	})
	return p.ID, nil
}

func allowed(o policy.Outcome) []gate.ActKind {
	switch o {
	case policy.Grant:
		return []gate.ActKind{gate.ActOpen, gate.ActHold, gate.ActInspect, gate.ActTurnAway, gate.ActReset}
	case policy.Flag:
		return []gate.ActKind{gate.ActOpen, gate.ActHold, gate.ActInspect, gate.ActTurnAway, gate.ActReset}
	case policy.Deny:
	}
	return []gate.ActKind{gate.ActHold, gate.ActInspect, gate.ActTurnAway, gate.ActReset, gate.ActOverride}
}

func (f *fakeLanes) Act(_ context.Context, id gate.LaneID, a gate.Act) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.views[id]
	switch {
	case f.fail != nil:
		return f.fail
	case a.Kind.OfLane() && slices.Contains(v.LaneActs, a.Kind):
		f.acts = append(f.acts, a)
		return nil
	case v.Passage == nil || v.Passage.ID != a.Passage:
		return fmt.Errorf("act %q: %w", a.Kind, gate.ErrStale)
	case a.Seen != 0 && a.Seen != v.Decision:
		return fmt.Errorf("act %q: %w", a.Kind, gate.ErrDecidedAgain)
	case !slices.Contains(v.Allowed, a.Kind):
		return fmt.Errorf("act %q: %w", a.Kind, gate.ErrNotAllowed)
	case a.Kind == gate.ActOpen && v.Passage.Result.Verdict.Outcome == policy.Flag && a.Reason == "":
		return gate.ErrNeedsReason
	case a.Kind == gate.ActOverride && (a.Supervisor == "" || a.Supervisor == a.By):
		return gate.ErrNeedsSupervisor
	}
	f.acts = append(f.acts, a)
	f.store.act(a)
	f.changeLocked(id, func(v *gate.LaneView) {
		v.Allowed = []gate.ActKind{gate.ActReset}
		switch a.Kind {
		case gate.ActOpen, gate.ActOverride:
			v.State, v.Arm = gate.Admitting, "open"
		case gate.ActTurnAway:
			v.State = gate.Refusing
		case gate.ActInspect:
			v.State = gate.Redirected
		case gate.ActReset:
			v.State, v.Passage, v.Arm, v.Allowed = gate.Idle, nil, "closed", nil
		case gate.ActHold:
			v.Allowed = allowed(v.Passage.Result.Verdict.Outcome)
		}
	})
	return nil
}

func (f *fakeLanes) Observe(_ gate.LaneID, o rf.Observation) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.heard) >= 1000 {
		return false
	}
	f.heard = append(f.heard, o)
	return true
}

func (f *fakeLanes) Refused(_ gate.LaneID, n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused += n
}

func (f *fakeLanes) done() []gate.Act {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.acts)
}

// fakeStore is a working store in memory.
type fakeStore struct {
	mu       sync.Mutex
	users    map[string]User // by name
	sessions map[[32]byte]Session
	devices  map[string]Device
	passages []gate.PassageRecord
	events   []gate.Event
	fail     error
}

const password = "correct horse battery"

func newFakeStore(hash string) *fakeStore {
	s := &fakeStore{users: map[string]User{}, sessions: map[[32]byte]Session{}, devices: map[string]Device{}}
	for _, r := range auth.Roles() {
		s.users[string(r)] = User{ID: "u-" + string(r), Name: string(r), Role: string(r), Hash: hash}
	}
	s.users["left"] = User{ID: "u-left", Name: "left", Role: "guard", Hash: hash, Disabled: true}
	return s
}

func (s *fakeStore) UserByName(_ context.Context, name string) (User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return User{}, s.fail
	}
	u, ok := s.users[name]
	if !ok {
		return User{}, fmt.Errorf("user %q: %w", name, gate.ErrNotFound)
	}
	return u, nil
}

func (s *fakeStore) SetUserHash(_ context.Context, id, hash string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, u := range s.users {
		if u.ID == id {
			u.Hash = hash
			s.users[n] = u
			return nil
		}
	}
	return gate.ErrNotFound
}

func (s *fakeStore) CreateSession(_ context.Context, x Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[x.TokenHash] = x
	return s.fail
}

func (s *fakeStore) SessionByHash(_ context.Context, h [32]byte) (Session, User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return Session{}, User{}, s.fail
	}
	x, ok := s.sessions[h]
	if !ok {
		return Session{}, User{}, gate.ErrNotFound
	}
	for _, u := range s.users {
		if u.ID == x.UserID {
			return x, u, nil
		}
	}
	return Session{}, User{}, gate.ErrNotFound
}

func (s *fakeStore) DeleteSession(_ context.Context, h [32]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, h)
	return nil
}

func (s *fakeStore) DeviceByID(_ context.Context, id string) (Device, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.devices[id]
	if !ok {
		return Device{}, gate.ErrNotFound
	}
	return d, nil
}

func (s *fakeStore) record(p gate.Passage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passages = append(s.passages, gate.PassageRecord{Passage: p, Summary: gate.PassageSummary{
		Seq: int64(len(s.passages) + 1), ID: p.ID, Lane: p.Lane, At: p.At, Outcome: p.Result.Verdict.Outcome, VIN: p.Arrival.VIN, Plate: p.Arrival.Plate}})
}

func (s *fakeStore) act(a gate.Act) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.passages {
		if s.passages[i].Passage.ID == a.Passage {
			s.passages[i].Acts = append(s.passages[i].Acts, a)
		}
	}
}

func (s *fakeStore) Passages(_ context.Context, f gate.PassageFilter) ([]gate.PassageSummary, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []gate.PassageSummary
	for _, r := range slices.Backward(s.passages) {
		x := r.Summary
		if f.VIN != "" && x.VIN != f.VIN || f.Plate != "" && x.Plate != f.Plate || f.Outcome != 0 && x.Outcome != f.Outcome ||
			f.Before != 0 && x.Seq >= f.Before || len(out) == f.Limit {
			continue
		}
		out = append(out, x)
	}
	return out, s.fail
}

func (s *fakeStore) Passage(_ context.Context, id gate.PassageID) (gate.PassageRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.passages {
		if r.Passage.ID == id {
			return r, nil
		}
	}
	return gate.PassageRecord{}, fmt.Errorf("passage %q: %w", id, gate.ErrNotFound)
}

func (s *fakeStore) RecordEvent(_ context.Context, e gate.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	return nil
}

// arrivedAt is when the tests' clock begins.
var arrivedAt = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func fakePolicy(_ context.Context, lang string) (PolicyDoc, error) {
	d := PolicyDoc{ID: "paper-baseline 1", Hash: strings.Repeat("ab12", 16), Default: "flag", Change: view.PolicyChange{
		Version: 3, Authors: "J. Nowak, A. Lis", Approver: "M. Zając", Since: arrivedAt.AddDate(0, -1, 0),
		Next: 4, NextAt: arrivedAt.AddDate(0, 0, 9), Posture: "bravo", PostureThen: "alpha", PostureUntil: arrivedAt.Add(6 * time.Hour),
	}}
	for _, r := range []struct{ id, outcome, cond, unknown string }{
		{"prc-module-restricted", "deny", "zone is at least restricted, and every candidate module's maker is controlled from CN", "flag"},
		{"module-unknown", "flag", "a modem is fitted or may be, and the module's maker is not known", ""},
		{"before-site-year", "grant", "model_year is before 2009, and nothing is known, declared or heard", ""},
	} {
		c := view.Citation{Title: srcList.Title, Quote: srcList.Quote, Date: srcList.Date, Address: srcList.Address}
		d.Rules = append(d.Rules, view.Rule{ID: r.id, Outcome: r.outcome, Say: say("", r.id, lang), Condition: r.cond, IfUnknown: r.unknown, Instrument: c, From: "2026-06-30"})
	}
	return d, nil
}

func fakeData(context.Context) ([]view.DataSet, error) {
	return []view.DataSet{
		{Name: "vPIC", Edition: "2026-02", Date: "2026-02-14", AgeDays: 281, Rows: 799121, Licence: "US government work, public domain", Source: "https://vpic.nhtsa.dot.gov/api/"},
		{Name: "telematics catalogue", Edition: "2026-11", Date: "2026-11-20", AgeDays: 2, Rows: 106, Licence: "Apache-2.0", Source: "embedded"},
		{Name: "supply graph", Edition: "2026-08", AgeDays: -1, Rows: 412, Licence: "Apache-2.0", Source: "embedded"},
	}, nil
}

// fakeDevices are devices in every state.
func fakeDevices(now time.Time) []FieldDevice {
	north, both := []gate.LaneID{"north-1"}, []gate.LaneID{"north-1", "south"}
	return []FieldDevice{
		{Name: "board", Kind: "modbus", Lanes: both, State: "works", Since: now.Add(-72 * time.Hour), LastSeen: now, Faults: 1, Lost: 12},
		{Name: "relay", Kind: "lcus", Lanes: north, State: "fails", Fault: "stuck", Trouble: "relay: stuck: on since 11:59:02", Since: now.Add(-58 * time.Second), LastSeen: now, Faults: 1},
		{Name: "reader", Kind: "osdp", Lanes: north, State: "fails", Fault: "insecure", Trouble: "reader: insecure: the reader does not have the key", Since: now.Add(-time.Hour), Faults: 3, Read: 41},
		{Name: "north-1/gun", Kind: "scanner", Lanes: north, State: "works", Since: now.Add(-2 * time.Hour), LastSeen: now.Add(-4 * time.Minute), Read: 311, Unusable: 4, Lost: 2},
		{Name: "south/post", Kind: "scanner", Lanes: []gate.LaneID{"south"}, State: "starting"},
		{Name: "south/lamp", Kind: "hw-667", Lanes: []gate.LaneID{"south"}, State: "fails", Fault: "of a later edition", Trouble: "south/lamp: of a later edition", Since: now.Add(-time.Minute)},
		{Name: "q7x", Kind: "camera", Lanes: north, State: "enrolled"},
		{Name: "q8x", Kind: "camera", Lanes: []gate.LaneID{"west"}, State: "not enrolled", Trouble: "its token is for lane south"},
	}
}

// fakeJobs is the housekeeping of a site in every state.
func fakeJobs(now time.Time) []Job {
	yes, no := true, false
	return []Job{
		{Name: "verify", When: "02:30", Begun: now.Add(-9 * time.Hour), Ended: now.Add(-9 * time.Hour), OK: &yes, Took: 812 * time.Millisecond, Next: now.Add(14 * time.Hour), Runs: 40},
		{Name: "retention", When: "03:10", Begun: now.Add(-8 * time.Hour), Ended: now.Add(-8 * time.Hour), OK: &yes, Result: "412 records erased", Took: 230 * time.Millisecond, Next: now.Add(15 * time.Hour), Runs: 40, Failures: 1},
		{Name: "backup", When: "04:00", Begun: now.Add(-8 * time.Hour), Ended: now.Add(-8 * time.Hour), OK: &no, Result: "the directory /media/backup is not there", Took: time.Millisecond, Next: now.Add(20 * time.Minute), Runs: 12, Failures: 2},
		{Name: "checkpoint", When: "1 min", Begun: now.Add(-20 * time.Second), Running: true, Next: now.Add(40 * time.Second), Runs: 51234},
		{Name: "list", When: "5 min", Next: now.Add(time.Minute)},
	}
}
