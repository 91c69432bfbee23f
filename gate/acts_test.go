package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

var (
	guardAnna = gate.Person{Name: "anna", Role: auth.Guard}
	guardJan  = gate.Person{Name: "jan", Role: auth.Guard}
	superEwa  = gate.Person{Name: "ewa", Role: auth.Supervisor}
)

// breaking is a desk's store whose steps fail on purpose, with or without their
// effect.
type breaking struct {
	*storetest.Memory
	mu     sync.Mutex
	step   string
	effect bool
	times  int
}

func (b *breaking) broken(step string, do func() error) error {
	b.mu.Lock()
	fail := b.step == step && b.times > 0
	if fail {
		b.times--
	}
	b.mu.Unlock()
	if fail && !b.effect {
		return storetest.ErrBroken
	}
	if err := do(); err != nil || !fail {
		return err
	}
	return storetest.ErrBroken
}

func (b *breaking) RecordAlarm(ctx context.Context, a gate.SiteAlarm) error {
	return b.broken("alarm", func() error { return b.Memory.RecordAlarm(ctx, a) })
}

func (b *breaking) RecordAlarmAck(ctx context.Context, k gate.AlarmAck) error {
	return b.broken("ack", func() error { return b.Memory.RecordAlarmAck(ctx, k) })
}

func (b *breaking) RecordShift(ctx context.Context, s gate.ShiftStep) error {
	return b.broken("shift", func() error { return b.Memory.RecordShift(ctx, s) })
}

func (b *breaking) RecordForm(ctx context.Context, s gate.FormStep, r *gate.FormRecord) error {
	return b.broken("form", func() error { return b.Memory.RecordForm(ctx, s, r) })
}

// lanesOf stands for the controller.
type lanesOf struct {
	mu   sync.Mutex
	view gate.LaneView
	acts []gate.Act
	fail error
}

func (l *lanesOf) View(gate.LaneID) (gate.LaneView, bool) { return l.view, true }

func (l *lanesOf) Act(_ context.Context, _ gate.LaneID, a gate.Act) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	l.acts = append(l.acts, a)
	return nil
}

func (l *lanesOf) Subscribe(context.Context, gate.LaneID) (<-chan gate.LaneView, error) {
	return nil, gate.ErrUnknownLane
}

// counter is a clock that goes on by a second each time it is read.
func counter() *gate.Clock {
	var n atomic.Int64
	return gate.NewClock(func() time.Time { return storetest.Noon.Add(time.Duration(n.Add(1)) * time.Second) })
}

type office struct {
	store  *breaking
	clock  *gate.Clock
	lanes  *lanesOf
	alarms *gate.Alarms
	shifts *gate.Shifts
	forms  *gate.Forms
	desk   *gate.Desk
}

func newOffice(t *testing.T, store *breaking, rules gate.ActRules) *office {
	t.Helper()
	o := &office{store: store, clock: counter(), lanes: &lanesOf{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	last, err := store.LastAt(t.Context())
	must(err)
	o.clock.AtLeast(last)
	o.alarms, err = gate.NewAlarms(t.Context(), gate.AlarmsConfig{Store: store, Clock: o.clock})
	must(err)
	o.shifts, err = gate.NewShifts(t.Context(), gate.ShiftsConfig{Store: store, Clock: o.clock, Alarms: o.alarms.OpenAt})
	must(err)
	o.forms, err = gate.NewForms(t.Context(), gate.FormsConfig{Store: store, Clock: o.clock, Lanes: []gate.LaneID{"north"}})
	must(err)
	o.desk, err = gate.NewDesk(t.Context(), gate.DeskConfig{Lanes: o.lanes, Store: store, Clock: o.clock, Rules: rules, Alarms: o.alarms, Shifts: o.shifts})
	must(err)
	return o
}

func newStore(t *testing.T) *breaking {
	t.Helper()
	m := storetest.NewMemory()
	for _, p := range []gate.Person{guardAnna, guardJan, superEwa} {
		m.AddPerson(p.Name, p.Role)
	}
	phc, err := auth.SetPIN("80419")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetPIN(t.Context(), superEwa.Name, phc); err != nil {
		t.Fatal(err)
	}
	return &breaking{Memory: m}
}

// TestDeskFaultTable breaks the record of each step, before and after its
// effect. A step is answered as done exactly when it is on record, is on record
// at most once, and a restart knows as much.
func TestDeskFaultTable(t *testing.T) {
	ctx := t.Context()
	for _, step := range []struct {
		name  string
		setup func(*office) error
		do    func(*office) error
		there func(*testing.T, *office) int
	}{
		{"shift", nil, func(o *office) error { return o.shifts.Work(ctx, guardAnna, "north") }, func(t *testing.T, o *office) int {
			t.Helper()
			l, _ := o.shifts.At("north")
			if l.Open() != (l.Holder == "anna") {
				t.Errorf("%+v", l)
			}
			return l.Number
		}},
		{"form", nil, func(o *office) error { _, err := o.forms.Print(ctx, guardAnna, "north", 3); return err },
			func(_ *testing.T, o *office) int { return len(o.forms.At("north").Forms) / 3 }},
		{"ack", func(o *office) error {
			o.alarms.Raise(gate.SiteAlarm{Lane: "north", Kind: gate.AlarmForced})
			return nil
		},
			func(o *office) error {
				open, _ := o.alarms.Open()
				_, err := o.alarms.Acknowledge(ctx, superEwa, open[0].ID, "seen")
				return err
			}, func(_ *testing.T, o *office) int { open, _ := o.alarms.Open(); return 1 - len(open) }},
	} {
		for _, effect := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s effect=%v", step.name, effect), func(t *testing.T) {
				store := newStore(t)
				o := newOffice(t, store, gate.ActRules{})
				if step.setup != nil {
					if err := step.setup(o); err != nil {
						t.Fatal(err)
					}
				}
				store.step, store.effect, store.times = step.name, effect, 1
				err := step.do(o)
				if again := newOffice(t, store, gate.ActRules{}); step.name != "ack" || effect {
					want := 0
					if effect {
						want = 1
					}
					if got := step.there(t, again); got != want {
						t.Errorf("after a restart %d on record, want %d", got, want)
					}
				}
				if step.name != "ack" && (err == nil) != effect {
					t.Errorf("answered %v, and on record is %v", err, effect)
				}
				if step.name == "ack" { // whoever does not know asks again, and it is recorded once
					if err == nil {
						t.Error("a broken record was answered as done")
					}
					_ = step.do(o)
				} else if !effect {
					if err := step.do(o); err != nil {
						t.Errorf("the second try: %v", err)
					}
				}
				if got := step.there(t, o); got != 1 {
					t.Errorf("%d on record, want 1", got)
				}
				if r, err := store.Verify(ctx); err != nil || !r.Clean() {
					t.Errorf("%+v, %v", r.Misfits, err)
				}
			})
		}
	}
}

// TestAlarmsAreNeverDropped: an alarm is shown at once, and recorded as soon as
// anything can be.
func TestAlarmsAreNeverDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		store.step, store.times = "alarm", 5
		o := newOffice(t, store, gate.ActRules{})
		if err := store.Record(t.Context(), storetest.Sample(1, policy.Deny)); err != nil {
			t.Fatal(err)
		}
		p := storetest.Sample(1, policy.Deny)
		o.lanes.view = gate.LaneView{Lane: "north", Passage: &p, Durable: true}
		before := o.lanes.view
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- o.alarms.Run(ctx, o.lanes, nil) }()
		o.desk.Duress("north", "anna")
		if open, _ := o.alarms.Open(); len(open) != 1 || open[0].Durable || !open[0].Silent {
			t.Errorf("%+v", open)
		}
		if o.alarms.OpenAt("north") != 0 {
			t.Error("the lane is told of a silent alarm")
		}
		time.Sleep(time.Minute)
		if open, _ := o.alarms.Open(); len(open) != 1 || !open[0].Durable {
			t.Errorf("%+v", open)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		rec, err := store.Passage(t.Context(), p.ID)
		if err != nil || len(rec.Acts) != 1 || rec.Acts[0].Kind != gate.ActDuress || rec.Acts[0].By != "anna" {
			t.Errorf("%+v, %v", rec.Acts, err)
		}
		if o.lanes.view.Version != before.Version || len(o.lanes.acts) != 0 {
			t.Error("the lane was touched")
		}
		if list, err := newOffice(t, store, gate.ActRules{}).store.OpenAlarms(t.Context()); err != nil || len(list) != 1 {
			t.Errorf("after a restart: %+v, %v", list, err)
		}
	})
}

// TestOverrideLimits: many at once, and over restarts, get no more than the site
// allows; what surely is not on record does not count.
func TestOverrideLimits(t *testing.T) {
	store := newStore(t)
	o := newOffice(t, store, gate.ActRules{OverridesPerShift: 5, OverridesPerPerson: 8})
	ctx := t.Context()
	if err := o.shifts.Work(ctx, guardAnna, "north"); err != nil {
		t.Fatal(err)
	}
	o.lanes.fail = fmt.Errorf("act: %w", gate.ErrStale)
	for range 9 {
		if err := o.desk.Act(ctx, "north", gate.Act{Kind: gate.ActOverride, By: "anna", Supervisor: "ewa", Reason: "r"}); !errors.Is(err, gate.ErrStale) {
			t.Fatal(err)
		}
	}
	if n := o.desk.Left("north"); n != 5 {
		t.Errorf("%d left", n)
	}
	o.lanes.fail = nil
	race := func(lane gate.LaneID, by string) (through int) {
		var wg sync.WaitGroup
		var n atomic.Int32
		for range 20 {
			wg.Go(func() {
				switch err := o.desk.Act(ctx, lane, gate.Act{Kind: gate.ActOverride, By: by, Supervisor: "ewa", Reason: "r"}); {
				case err == nil:
					n.Add(1)
				case !errors.Is(err, gate.ErrOverrides):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return int(n.Load())
	}
	if n := race("north", "anna"); n != 5 {
		t.Errorf("%d overrides in one shift, want 5", n)
	}
	if n := race("south", "jan"); n != 3 { // of eight that one supervisor approves
		t.Errorf("%d more approved by one person, want 3", n)
	}
	for i, a := range o.lanes.acts { // as the store would have them
		p := storetest.Sample(i+1, policy.Deny)
		p.Lane = []gate.LaneID{"north", "south"}[i/5]
		if err := errors.Join(store.Record(ctx, p), store.RecordAct(ctx, gate.Act{Kind: a.Kind, Passage: p.ID, By: a.By, Supervisor: a.Supervisor, Reason: "r", At: o.clock.Now()})); err != nil {
			t.Fatal(err)
		}
	}
	again := newOffice(t, store, gate.ActRules{OverridesPerShift: 5, OverridesPerPerson: 8})
	if n := again.desk.Left("north"); n != 0 {
		t.Errorf("after a restart %d are left", n)
	}
	if _, err := again.shifts.TakeOver(ctx, guardJan, "north", "relief"); err != nil {
		t.Fatal(err)
	}
	if n := again.desk.Left("north"); n != 5 {
		t.Errorf("in the next shift %d are left", n)
	}
	err := again.desk.Act(ctx, "north", gate.Act{Kind: gate.ActOverride, By: "jan", Supervisor: "ewa", Reason: "r"})
	if !errors.Is(err, gate.ErrOverrides) {
		t.Errorf("a new shift forgets what one person approved: %v", err)
	}
	l, _ := again.shifts.At("north")
	if l.Counts == nil || l.Counts.Refused != 15 {
		t.Errorf("refused acts are not counted: %+v", l.Counts)
	}
}

// TestNobodySignsAsNobody: the words of the record cannot be had by a name.
func TestNobodySignsAsNobody(t *testing.T) {
	o := newOffice(t, newStore(t), gate.ActRules{})
	err := o.desk.Act(t.Context(), "north", gate.Act{Kind: gate.ActOverride, By: "anna", Supervisor: gate.UnderDuress, Reason: "r"})
	if !errors.Is(err, gate.ErrNotAllowed) {
		t.Error(err)
	}
	for name, pin := range map[string]string{"ewa": "80418", "anna": "80419", "": "80419", "nobody": "80419"} {
		if err := o.desk.Override(t.Context(), "north", guardAnna, gate.Act{Reason: "r"}, name, pin); !errors.Is(err, gate.ErrPINWrong) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := o.desk.Override(t.Context(), "north", superEwa, gate.Act{Reason: "r"}, "ewa", "80419"); !errors.Is(err, gate.ErrNeedsSupervisor) {
		t.Errorf("for herself: %v", err)
	}
	if len(o.lanes.acts) != 0 {
		t.Errorf("%+v", o.lanes.acts)
	}
	if names, err := o.desk.Signers(t.Context(), "anna"); err != nil || !slices.Equal(names, []string{"ewa"}) {
		t.Errorf("%v, %v", names, err)
	}
}

// feedOf are lanes whose views a test gives.
type feedOf struct {
	lanesOf
	ch chan gate.LaneView
}

func (f *feedOf) Subscribe(context.Context, gate.LaneID) (<-chan gate.LaneView, error) {
	return f.ch, nil
}

// TestDutyOfficerIsTold: a vehicle of which the rules want the duty officer told
// rings once, as soon as its verdict is on record, whatever the verdict is.
func TestDutyOfficerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, newStore(t), gate.ActRules{})
		feed := &feedOf{ch: make(chan gate.LaneView)}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- o.alarms.Run(ctx, feed, []gate.LaneID{"north"}) }()
		called := storetest.Sample(1, policy.Grant)
		called.Result.Verdict.ConditionIDs = []string{gate.TellDutyOfficer}
		called.Result.Verdict.Reasons = []policy.Reason{{Rule: "emergency"}}
		plain := storetest.Sample(2, policy.Grant)
		show := func(list ...gate.LaneVehicle) {
			feed.ch <- gate.LaneView{Lane: "north", Vehicles: list}
			synctest.Wait()
		}
		show(gate.LaneVehicle{Passage: &called}) // not on record yet
		if open, _ := o.alarms.Open(); len(open) != 0 {
			t.Errorf("before the record: %+v", open)
		}
		for range 3 {
			show(gate.LaneVehicle{Passage: &called, Durable: true}, gate.LaneVehicle{Passage: &plain, Durable: true})
		}
		show()
		open, _ := o.alarms.Open()
		if len(open) != 1 || open[0].Kind != gate.AlarmDutyOfficer || open[0].Passage != called.ID || open[0].Of != "emergency" || open[0].Silent || !open[0].Durable {
			t.Errorf("%+v", open)
		}
		stop()
		close(feed.ch)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// refusing is a store that takes no alarm of one kind.
type refusing struct{ *breaking }

func (r refusing) RecordAlarm(ctx context.Context, a gate.SiteAlarm) error {
	if a.Kind == gate.AlarmForced {
		return storetest.ErrBroken
	}
	return r.breaking.RecordAlarm(ctx, a)
}

// TestNoAlarmKeepsAnotherFromTheRecord: one that cannot be recorded does not stand
// before the others.
func TestNoAlarmKeepsAnotherFromTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		alarms, err := gate.NewAlarms(t.Context(), gate.AlarmsConfig{Store: refusing{store}, Clock: counter()})
		if err != nil {
			t.Fatal(err)
		}
		alarms.Raise(gate.SiteAlarm{Lane: "north", Kind: gate.AlarmForced})
		alarms.Raise(gate.SiteAlarm{Lane: "north", Kind: gate.AlarmDuress, Silent: true})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- alarms.Run(ctx, &lanesOf{}, nil) }()
		time.Sleep(time.Minute)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if open, _ := alarms.Open(); len(open) != 2 || open[0].Durable || !open[1].Durable {
			t.Errorf("%+v", open)
		}
	})
}

// TestGuessing: wrong PINs lock the person that they were said to be of, and tell
// who answers for the site; naming nobody gains no endless tries at the guard's
// own sign, which still calls for help.
func TestGuessing(t *testing.T) {
	store := newStore(t)
	phc, err := auth.SetPIN("2580")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.SetPIN(t.Context(), guardAnna.Name, phc); err != nil {
		t.Fatal(err)
	}
	o := newOffice(t, store, gate.ActRules{})
	override := func(name, pin string) error {
		return o.desk.Override(t.Context(), "north", guardAnna, gate.Act{Reason: "r"}, name, pin)
	}
	duress := auth.DuressPIN("2580")
	for n := range 25 {
		if err := override("nobody", "7731"); !errors.Is(err, gate.ErrPINWrong) {
			t.Fatalf("try %d: %v", n+1, err)
		}
		if n == 10 {
			if err := override("nobody", duress); err != nil {
				t.Errorf("after %d wrong tries a forced guard is let down: %v", n+1, err)
			}
		}
	}
	open, _ := o.alarms.Open()
	if err := override("nobody", duress); !errors.Is(err, gate.ErrPINLocked) {
		t.Errorf("guessed on: %v", err)
	}
	if now, _ := o.alarms.Open(); len(now) != len(open)+1 || now[len(open)].Kind != gate.AlarmDuress {
		t.Errorf("nobody was called: %+v", now)
	}
	if err := override("ewa", "80419"); err != nil { // who signs is not kept out by that
		t.Error(err)
	}
	if err := override("nobody", duress); err != nil {
		t.Errorf("after the right PIN: %v", err)
	}
	for range auth.PINTries + 1 {
		if err := override("ewa", "77310"); !errors.Is(err, gate.ErrPINWrong) {
			t.Error(err)
		}
	}
	open, _ = o.alarms.Open()
	if last := open[len(open)-1]; last.Kind != gate.AlarmPINLocked || last.By != "ewa" || last.Silent {
		t.Errorf("a locked PIN is not told: %+v", last)
	}
	if err := newOffice(t, store, gate.ActRules{}).desk.Override(t.Context(), "north", guardAnna, gate.Act{Reason: "r"}, "ewa", "80419"); !errors.Is(err, gate.ErrPINLocked) {
		t.Errorf("a restart forgets the lock: %v", err)
	}
}

// TestFormsCannotLie: a form says nothing of before it was printed or of later
// than now, names a person, and is entered once.
func TestFormsCannotLie(t *testing.T) {
	store := newStore(t)
	o := newOffice(t, store, gate.ActRules{})
	ctx := t.Context()
	if _, err := o.forms.Print(ctx, guardAnna, "north", 3); err != nil {
		t.Fatal(err)
	}
	printed := o.forms.At("north").Forms[0].Printed
	enter := func(change func(*gate.FormEntry)) error {
		e := gate.FormEntry{Form: 1, Plate: "WX 12345", HappenedAt: printed, Guard: "jan", Act: gate.ActOpen, Direction: gate.DirectionEntry}
		change(&e)
		_, err := o.forms.Enter(ctx, guardAnna, "north", e)
		return err
	}
	for name, c := range map[string]struct {
		change func(*gate.FormEntry)
		want   error
	}{
		"before it was printed": {func(e *gate.FormEntry) { e.HappenedAt = printed.Truncate(time.Minute).Add(-time.Second) }, gate.ErrBackdated},
		"later than now":        {func(e *gate.FormEntry) { e.HappenedAt = printed.Add(time.Hour) }, gate.ErrPast},
		"the policy decided":    {func(e *gate.FormEntry) { e.Guard = gate.AutoOpen }, gate.ErrNeedsReason},
		"a machine decided":     {func(e *gate.FormEntry) { e.Guard = "device:k1" }, gate.ErrNeedsReason},
		"nobody decided":        {func(e *gate.FormEntry) { e.Guard = " " + gate.UnderDuress }, gate.ErrNeedsReason},
	} {
		if err := enter(c.change); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// People write no seconds.
	if err := enter(func(e *gate.FormEntry) { e.HappenedAt = printed.Truncate(time.Minute) }); err != nil {
		t.Error(err)
	}
	if err := enter(func(*gate.FormEntry) {}); !errors.Is(err, gate.ErrExists) {
		t.Errorf("twice: %v", err)
	}
}
