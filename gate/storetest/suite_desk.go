package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/translog"
	"sallyport/policy"
)

// DeskKit is how the desk's suite gets at a kind of store.
type DeskKit struct {
	Open   func(t *testing.T) DeskStore
	Person func(t *testing.T, s DeskStore, name string, role auth.Role) // may sign in from now on
	Verify func(t *testing.T, s DeskStore) translog.Report
}

// fits has the log verified, and says how many entries it has.
func (k DeskKit) fits(t *testing.T, s DeskStore) int64 {
	t.Helper()
	r := k.Verify(t, s)
	if !r.Clean() {
		t.Fatalf("log does not fit: %+v", r.Misfits)
	}
	return r.Entries
}

func deskAt(seconds int) time.Time { return Noon.Add(time.Duration(seconds) * time.Second) }

// RunDesk runs the suite of what the desk keeps against one kind of store.
func RunDesk(t *testing.T, kit DeskKit) {
	t.Run("alarms", func(t *testing.T) { deskAlarms(t, kit) })
	t.Run("shifts", func(t *testing.T) { deskShifts(t, kit) })
	t.Run("counts of a shift", func(t *testing.T) { deskCounts(t, kit) })
	t.Run("forms", func(t *testing.T) { deskForms(t, kit) })
	t.Run("forms and who is inside", func(t *testing.T) { deskFormsInside(t, kit) })
	t.Run("PINs", func(t *testing.T) { deskPINs(t, kit) })
}

func deskAlarms(t *testing.T, kit DeskKit) {
	ctx := context.Background()
	s := kit.Open(t)
	before := kit.fits(t, s)
	p := Sample(1, policy.Deny)
	ok(t, s.Record(ctx, p))
	one := gate.SiteAlarm{ID: "a1", Lane: "north", Kind: gate.AlarmForced, Of: "arm-up", At: deskAt(1).UTC(), OfLane: 7}
	two := gate.SiteAlarm{ID: "a2", Lane: "north", Kind: gate.AlarmDuress, By: "anna „ż”", At: deskAt(2).UTC(), Passage: p.ID, Silent: true}
	three := gate.SiteAlarm{ID: "a3", Lane: "south", Kind: gate.AlarmDuress, By: "jan", At: deskAt(3).UTC(), Passage: "no-such-passage", Silent: true}
	for _, a := range []gate.SiteAlarm{one, two, two, three, one} {
		ok(t, s.RecordAlarm(ctx, a))
	}
	other := one
	other.Kind = gate.AlarmHeldOpen
	fails(t, s.RecordAlarm(ctx, other), gate.ErrExists)
	if s.RecordAlarm(ctx, gate.SiteAlarm{ID: "a9"}) == nil {
		t.Error("an alarm of no lane was recorded")
	}
	// The passage, three alarms, and the act of duress on the passage.
	if got := kit.fits(t, s); got != before+5 {
		t.Errorf("%d entries more, want 5", got-before)
	}
	ack := gate.AlarmAck{Alarm: "a2", By: "maria", At: deskAt(9).UTC(), Note: "patrol sent"}
	ok(t, s.RecordAlarmAck(ctx, ack))
	ok(t, s.RecordAlarmAck(ctx, ack))
	again := ack
	again.By = "otto"
	fails(t, s.RecordAlarmAck(ctx, again), gate.ErrExists)
	again.Alarm = "a7"
	fails(t, s.RecordAlarmAck(ctx, again), gate.ErrNotFound)
	early := gate.AlarmAck{Alarm: "a1", By: "maria", At: deskAt(0)}
	fails(t, s.RecordAlarmAck(ctx, early), gate.ErrBackdated)
	early.At, early.By = deskAt(5), " "
	fails(t, s.RecordAlarmAck(ctx, early), gate.ErrNotAllowed)
	one.Durable, two.Durable, three.Durable, two.Ack = true, true, true, &ack
	open, err := s.OpenAlarms(ctx)
	ok(t, err)
	if want := []gate.SiteAlarm{one, three}; !reflect.DeepEqual(open, want) {
		t.Errorf("open %+v\nwant %+v", open, want)
	}
	recent, err := s.RecentAlarms(ctx, 2)
	ok(t, err)
	if want := []gate.SiteAlarm{three, two}; !reflect.DeepEqual(recent, want) {
		t.Errorf("recent %+v\nwant %+v", recent, want)
	}
	kit.fits(t, s)

	// Many at once: an alarm is acknowledged by one person.
	var wg sync.WaitGroup
	var first atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			if err := s.RecordAlarmAck(ctx, gate.AlarmAck{Alarm: "a1", By: fmt.Sprint("person ", i), At: deskAt(10)}); err == nil {
				first.Add(1)
			} else if !errors.Is(err, gate.ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if first.Load() != 1 {
		t.Errorf("%d people acknowledged one alarm", first.Load())
	}
}

func deskShifts(t *testing.T, kit DeskKit) {
	ctx := context.Background()
	s := kit.Open(t)
	before := kit.fits(t, s)
	counts := &gate.ShiftCounts{Arrivals: 3, Overrides: 1, Duress: 1}
	at := func(n int) time.Time { return deskAt(n).UTC() }
	steps := []gate.ShiftStep{
		{Number: 1, Shift: 1, Kind: gate.ShiftBegun, By: "anna", Holder: "anna", Since: at(1), At: at(1)},
		{Number: 2, Shift: 1, Kind: gate.ShiftOffered, By: "anna", To: "jan", Holder: "anna", Since: at(1), At: at(2), Counts: counts, Note: "„klucz” u Piotra"},
		{Number: 3, Shift: 1, Kind: gate.ShiftWithdrawn, By: "jan", Holder: "anna", Since: at(1), At: at(3)},
		{Number: 4, Shift: 1, Kind: gate.ShiftOffered, By: "anna", To: "jan", Holder: "anna", Since: at(1), At: at(4), Counts: counts},
		{Number: 5, Shift: 2, Kind: gate.ShiftAccepted, By: "jan", Holder: "jan", Since: at(5), At: at(5)},
		{Number: 6, Shift: 3, Kind: gate.ShiftTakenOver, By: "ewa", Holder: "ewa", Since: at(6), At: at(6), Counts: counts, Note: "jan was called away"},
		{Number: 7, Shift: 3, Kind: gate.ShiftEnded, By: "ewa", At: at(7), Counts: counts},
	}
	for i := range steps {
		steps[i].Lane = "north"
		for range 2 {
			ok(t, s.RecordShift(ctx, steps[i]))
		}
	}
	south := steps[0]
	south.Lane, south.At, south.Since = "south", at(8), at(8)
	ok(t, s.RecordShift(ctx, south))
	if got := kit.fits(t, s); got != before+8 {
		t.Errorf("%d entries more, want 8", got-before)
	}
	next := gate.ShiftStep{Lane: "north", Number: 8, Shift: 4, Kind: gate.ShiftBegun, By: "anna", Holder: "anna", Since: at(9), At: at(9)}
	for name, c := range map[string]struct {
		change func(*gate.ShiftStep)
		want   error
	}{
		"a number that is taken":    {func(s *gate.ShiftStep) { s.Number = 7 }, gate.ErrExists},
		"a number too high":         {func(s *gate.ShiftStep) { s.Number = 9 }, gate.ErrExists},
		"back-dated":                {func(s *gate.ShiftStep) { s.At = at(6) }, gate.ErrBackdated},
		"by nobody":                 {func(s *gate.ShiftStep) { s.By = "" }, gate.ErrNotAllowed},
		"accepting what was ended":  {func(s *gate.ShiftStep) { s.Kind = gate.ShiftAccepted }, gate.ErrNotAllowed},
		"ending what nobody has":    {func(s *gate.ShiftStep) { s.Kind = gate.ShiftEnded }, gate.ErrNotAllowed},
		"taking over from nobody":   {func(s *gate.ShiftStep) { s.Kind, s.Note = gate.ShiftTakenOver, "x" }, gate.ErrNotAllowed},
		"taking over without a why": {func(s *gate.ShiftStep) { s.Kind = gate.ShiftTakenOver }, gate.ErrNeedsReason},
		"another's shift":           {func(s *gate.ShiftStep) { s.Holder = "jan" }, nil},
		"a shift number skipped":    {func(s *gate.ShiftStep) { s.Shift = 6 }, nil},
		"no such step":              {func(s *gate.ShiftStep) { s.Kind = "paused" }, nil},
	} {
		step := next
		c.change(&step)
		if err := s.RecordShift(ctx, step); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if got := kit.fits(t, s); got != before+8 {
		t.Errorf("what was refused left %d entries", got-before-8)
	}
	last, err := s.LastShifts(ctx)
	ok(t, err)
	if len(last) != 2 {
		t.Fatalf("last steps %+v", last)
	}
	list, err := s.ShiftSteps(ctx, "north", 0, 100)
	ok(t, err)
	if len(list) != len(steps) {
		t.Fatalf("%d steps, want %d", len(list), len(steps))
	}
	for i, got := range list {
		if got.Seq == 0 {
			t.Error("a step without its sequence number")
		}
		got.Seq = 0
		if want := steps[len(steps)-1-i]; !reflect.DeepEqual(got, want) {
			t.Errorf("step %+v\nwant %+v", got, want)
		}
	}
	older, err := s.ShiftSteps(ctx, "", list[4].Seq, 1)
	ok(t, err)
	if len(older) != 1 || older[0].Number != 2 {
		t.Errorf("before step 3: %+v", older)
	}

	// Many at once: a lane is begun by one person.
	var wg sync.WaitGroup
	var begun atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			step := next
			step.By = fmt.Sprint("person ", i)
			step.Holder = step.By
			if err := s.RecordShift(ctx, step); err == nil {
				begun.Add(1)
			} else if !errors.Is(err, gate.ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if begun.Load() != 1 {
		t.Errorf("%d people began one shift", begun.Load())
	}
}

func deskCounts(t *testing.T, kit DeskKit) {
	ctx := context.Background()
	s := kit.Open(t)
	from := Sample(10, policy.Grant).At
	begun := gate.ShiftStep{Lane: "north", Number: 1, Shift: 1, Kind: gate.ShiftBegun, By: "anna", Holder: "anna", Since: from.UTC(), At: from.UTC()}
	early := Sample(9, policy.Deny)
	ok(t, s.Record(ctx, early))
	ok(t, s.RecordEvent(ctx, gate.Event{Kind: gate.EventDeviceFault, Lane: "north", At: early.At}))
	ok(t, s.RecordShift(ctx, begun))
	for i, o := range []policy.Outcome{policy.Grant, policy.Grant, policy.Flag, policy.Deny, policy.Grant} {
		p := Sample(10+i, o)
		ok(t, s.Record(ctx, p))
		switch i {
		case 0:
			ok(t, s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: gate.EndAdmitted, At: p.At.Add(time.Second)}))
		case 1: // the air made it stricter
			r := p.Result
			r.Verdict.Outcome = policy.Flag
			ok(t, s.RecordReassessment(ctx, gate.Reassessment{Passage: p.ID, Lane: p.Lane, At: p.At, Because: "radio", Result: r}))
			ok(t, s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: gate.EndInspection, At: p.At.Add(time.Second)}))
		case 2:
			ok(t, s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: gate.EndRefused, At: p.At.Add(time.Second)}))
		case 3:
			ok(t, s.RecordAct(ctx, gate.Act{Kind: gate.ActOverride, Passage: p.ID, By: "anna", Supervisor: "maria", Reason: "r", At: p.At}))
			ok(t, s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: gate.EndAdmitted, At: p.At.Add(time.Second)}))
		}
	}
	elsewhere := Sample(16, policy.Grant)
	elsewhere.Lane = "south"
	ok(t, s.Record(ctx, elsewhere))
	at := from.Add(2 * time.Minute)
	ok(t, s.RecordAlarm(ctx, gate.SiteAlarm{ID: "a1", Lane: "north", Kind: gate.AlarmForced, At: at}))
	ok(t, s.RecordAlarm(ctx, gate.SiteAlarm{ID: "a2", Lane: "north", Kind: gate.AlarmDuress, By: "anna", At: at, Silent: true}))
	ok(t, s.RecordEvent(ctx, gate.Event{Kind: gate.EventDeviceFault, Lane: "north", At: at, Detail: "a, \"lane\":\"south\""}))
	ok(t, s.RecordEvent(ctx, gate.Event{Kind: gate.EventDeviceFault, Lane: "south", At: at}))
	ok(t, s.RecordEvent(ctx, gate.Event{Kind: gate.EventActRefused, Lane: "north", At: at}))
	until := from.Add(time.Hour)
	got, err := s.CountShift(ctx, "north", from, until)
	ok(t, err)
	want := gate.ShiftCounts{
		Arrivals: 5, Grants: 2, Flags: 2, Denies: 1, Admitted: 2, TurnedAway: 1, Inspected: 1,
		Overrides: 1, Refused: 1, Faults: 1, Alarms: 1, Held: 2, Duress: 1,
	}
	if got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if c := got.ForGuards(); c.Duress != 0 || c.Alarms != 1 {
		t.Errorf("for guards: %+v", c)
	}
	made, err := s.OverridesSince(ctx, from)
	ok(t, err)
	if o := (gate.OverrideMade{Lane: "north", By: "anna", Supervisor: "maria", At: Sample(13, 0).At}); !reflect.DeepEqual(made, []gate.OverrideMade{o}) {
		t.Errorf("overrides %+v, want %+v", made, o)
	}
	if made, err = s.OverridesSince(ctx, until); err != nil || len(made) != 0 {
		t.Errorf("overrides of the future: %+v, %v", made, err)
	}
	kit.fits(t, s)
}

// Form is what a paper form puts on record.
func Form(step gate.FormStep, vin string) *gate.FormRecord {
	p := gate.Passage{
		ID: step.Passage, Lane: step.Lane, At: step.At, Moment: policy.MomentExit,
		Arrival:    gate.Arrival{VIN: vin, Plate: "WX1", Via: gate.ViaForm},
		Result:     gate.Assessment{VIN: vin, Plate: "WX1"},
		Afterwards: &gate.Afterwards{Form: step.First, HappenedAt: step.At.Add(-time.Second), Guard: "jan", EnteredBy: step.By},
	}
	return &gate.FormRecord{
		Passage: p,
		Act:     gate.Act{Kind: gate.ActOpen, Passage: p.ID, By: "jan", Reason: "known driver", At: step.At},
		Outcome: gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: gate.EndAdmitted, At: step.At, Note: "entered afterwards", Moment: policy.MomentExit},
	}
}

// deskFormsInside: a form that is entered later says since when a vehicle is
// inside, and neither brings back one that has left nor sends away one that came
// after it.
func deskFormsInside(t *testing.T, kit DeskKit) {
	ctx := context.Background()
	s := kit.Open(t)
	ledger, keeps := s.(gate.LedgerStore)
	if !keeps {
		t.Fatal("the store does not keep who is inside")
	}
	at := func(n int) time.Time { return deskAt(n).UTC() }
	number := 1
	ok(t, s.RecordForm(ctx, gate.FormStep{Lane: "north", Number: 1, Kind: gate.FormPrinted, First: 1, Last: 9, By: "anna", At: at(0)}, nil))
	form := func(vin string, moment policy.Moment, happened, entered int) {
		t.Helper()
		number++
		step := gate.FormStep{Lane: "north", Number: number, Kind: gate.FormEntered, First: number - 1, Last: number - 1, By: "anna", At: at(entered), Passage: gate.PassageID(fmt.Sprintf("f%d", number))}
		r := Form(step, vin)
		r.Passage.Arrival.Plate, r.Passage.Result.Plate = "", ""
		r.Passage.Moment, r.Outcome.Moment = moment, moment
		r.Passage.Afterwards.HappenedAt = at(happened)
		r.Act.Kind, r.Outcome.Ending = gate.ActOpen, gate.EndAdmitted
		ok(t, s.RecordForm(ctx, step, r))
	}
	machine := func(vin string, moment policy.Moment, when int) {
		t.Helper()
		p := Sample(when, policy.Grant)
		p.ID, p.At, p.Moment = gate.PassageID(fmt.Sprintf("m-%s-%d", vin, when)), at(when), moment
		p.Arrival.VIN, p.Result.VIN, p.Arrival.Plate, p.Result.Plate = vin, vin, "", ""
		ok(t, s.Record(ctx, p))
		ok(t, s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: gate.EndAdmitted, At: at(when), Moment: moment}))
	}
	inside := func(vin string, since ...int) {
		t.Helper()
		list, err := ledger.Inside(ctx, vin)
		ok(t, err)
		if len(list) != len(since) {
			t.Fatalf("%s is inside %d times, want %d: %+v", vin, len(list), len(since), list)
		}
		for i, n := range since {
			if !list[i].Since.Equal(at(n)) {
				t.Errorf("%s is inside since %s, want %s", vin, list[i].Since, at(n))
			}
		}
	}
	const stays, left, again, still = "5YJXCAE4XMF000001", "5YJXCAE4XMF000002", "5YJXCAE4XMF000003", "5YJXCAE4XMF000004"
	form(stays, policy.MomentEntry, 70, 100)
	inside(stays, 70)
	machine(left, policy.MomentExit, 110)
	form(left, policy.MomentEntry, 80, 120)
	inside(left)
	machine(again, policy.MomentEntry, 130)
	form(again, policy.MomentEntry, 85, 140)
	inside(again, 130)
	machine(still, policy.MomentEntry, 150)
	form(still, policy.MomentExit, 90, 160)
	inside(still, 150)
	form(stays, policy.MomentExit, 95, 170)
	inside(stays)
	kit.fits(t, s)
}

func deskForms(t *testing.T, kit DeskKit) {
	ctx := context.Background()
	s := kit.Open(t)
	before := kit.fits(t, s)
	at := func(n int) time.Time { return deskAt(n).UTC() }
	printed := gate.FormStep{Lane: "north", Number: 1, Kind: gate.FormPrinted, First: 1, Last: 5, By: "anna", At: at(1)}
	entered := gate.FormStep{Lane: "north", Number: 2, Kind: gate.FormEntered, First: 3, Last: 3, By: "anna", At: at(2), Passage: "p3"}
	record := Form(entered, "5YJXCAE4XMF000003")
	spoilt := gate.FormStep{Lane: "north", Number: 3, Kind: gate.FormSpoilt, First: 2, Last: 2, By: "jan", At: at(3), Note: "wet"}
	second := gate.FormStep{Lane: "north", Number: 4, Kind: gate.FormCountersigned, First: 3, Last: 3, By: "maria", At: at(4)}
	more := gate.FormStep{Lane: "north", Number: 5, Kind: gate.FormPrinted, First: 6, Last: 6, By: "anna", At: at(5)}
	for range 2 {
		ok(t, s.RecordForm(ctx, printed, nil))
	}
	for range 2 {
		ok(t, s.RecordForm(ctx, entered, record))
	}
	for _, step := range []gate.FormStep{spoilt, second, more} {
		ok(t, s.RecordForm(ctx, step, nil))
	}
	const wrote = 5 + 4 // steps, and the passage with act, outcome and the end of its stay
	if got := kit.fits(t, s); got != before+wrote {
		t.Errorf("%d entries more, want %d", got-before, wrote)
	}
	next := gate.FormStep{Lane: "north", Number: 6, Kind: gate.FormEntered, First: 1, Last: 1, By: "anna", At: at(9), Passage: "p1"}
	for name, c := range map[string]struct {
		step gate.FormStep
		bare bool
		make func(*gate.FormRecord)
		want error
	}{
		"a number that was not printed": {step: with(next, func(s *gate.FormStep) { s.First, s.Last = 7, 7 }), want: gate.ErrNotFound},
		"entered twice":                 {step: with(next, func(s *gate.FormStep) { s.First, s.Last = 3, 3 }), want: gate.ErrExists},
		"entered when spoilt":           {step: with(next, func(s *gate.FormStep) { s.First, s.Last = 2, 2 }), want: gate.ErrExists},
		"entered without a record":      {step: next, bare: true},
		"a record of another form":      {step: next, make: func(r *gate.FormRecord) { r.Passage.Afterwards.Form = 4 }},
		"a record with a verdict":       {step: next, make: func(r *gate.FormRecord) { r.Passage.Result.Verdict.Outcome = policy.Grant }},
		"a record of no vehicle":        {step: next, make: func(r *gate.FormRecord) { r.Passage.Arrival.VIN, r.Passage.Arrival.Plate = "", "" }},
		"a record of tomorrow":          {step: next, make: func(r *gate.FormRecord) { r.Passage.Afterwards.HappenedAt = at(99) }, want: gate.ErrPast},
		"another step came before":      {step: with(next, func(s *gate.FormStep) { s.Number = 5 }), want: gate.ErrExists},
		"back-dated":                    {step: with(next, func(s *gate.FormStep) { s.At = at(0) }), want: gate.ErrBackdated},
		"countersigned by who entered":  {step: gate.FormStep{Lane: "north", Number: 6, Kind: gate.FormCountersigned, First: 3, Last: 3, By: "anna", At: at(9)}, bare: true, want: gate.ErrNotAllowed},
		"countersigned but blank":       {step: gate.FormStep{Lane: "north", Number: 6, Kind: gate.FormCountersigned, First: 1, Last: 1, By: "maria", At: at(9)}, bare: true, want: gate.ErrNotAllowed},
		"printed again":                 {step: gate.FormStep{Lane: "north", Number: 6, Kind: gate.FormPrinted, First: 5, Last: 9, By: "maria", At: at(9)}, bare: true, want: gate.ErrNotAllowed},
		"too many":                      {step: gate.FormStep{Lane: "north", Number: 6, Kind: gate.FormPrinted, First: 7, Last: 107, By: "maria", At: at(9)}, bare: true, want: gate.ErrNotAllowed},
		"spoilt without a why":          {step: gate.FormStep{Lane: "north", Number: 6, Kind: gate.FormSpoilt, First: 1, Last: 1, By: "maria", At: at(9)}, bare: true, want: gate.ErrNeedsReason},
	} {
		r := Form(c.step, "5YJXCAE4XMF000001")
		if c.make != nil {
			c.make(r)
		}
		if c.bare {
			r = nil
		}
		if err := s.RecordForm(ctx, c.step, r); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// Refused by its passage, it leaves nothing.
	clash := Form(next, "5YJXCAE4XMF000001")
	clash.Passage.ID, clash.Act.Passage, clash.Outcome.Passage = "p3", "p3", "p3"
	taken := with(next, func(s *gate.FormStep) { s.Passage = "p3" })
	fails(t, s.RecordForm(ctx, taken, clash), gate.ErrExists)
	if got := kit.fits(t, s); got != before+wrote {
		t.Errorf("what was refused left %d entries", got-before-wrote)
	}
	list, err := s.FormSteps(ctx, "north")
	ok(t, err)
	want := []gate.FormStep{printed, entered, spoilt, second, more}
	for i := range list {
		list[i].Seq = 0
	}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("%+v\nwant %+v", list, want)
	}
	if list, err := s.FormSteps(ctx, "south"); err != nil || len(list) != 0 {
		t.Errorf("forms of another lane: %+v, %v", list, err)
	}
}

func with[T any](v T, change func(*T)) T {
	change(&v)
	return v
}

func deskPINs(t *testing.T, kit DeskKit) {
	ctx := context.Background()
	s := kit.Open(t)
	kit.Person(t, s, "maria", auth.Supervisor)
	kit.Person(t, s, "anna", auth.Guard)
	fails(t, s.SetPIN(ctx, "nobody", "h"), gate.ErrNotFound)
	_, err := s.PINOf(ctx, "maria")
	fails(t, err, gate.ErrNotFound)
	_, _, err = s.TryPIN(ctx, "maria", deskAt(0))
	fails(t, err, gate.ErrNotFound)
	if list, err := s.PINHolders(ctx); err != nil || len(list) != 0 {
		t.Fatalf("holders %+v, %v", list, err)
	}
	ok(t, s.SetPIN(ctx, "maria", "hash-1"))
	ok(t, s.SetPIN(ctx, "anna", "hash-2"))
	list, err := s.PINHolders(ctx)
	ok(t, err)
	if want := []gate.PINHolder{{Name: "anna", Role: auth.Guard}, {Name: "maria", Role: auth.Supervisor}}; !reflect.DeepEqual(list, want) {
		t.Errorf("holders %+v, want %+v", list, want)
	}

	// Tries at once count one by one: five are let through, then it is locked.
	var wg sync.WaitGroup
	var through atomic.Int32
	for range 12 {
		wg.Go(func() {
			h, free, err := s.TryPIN(ctx, "maria", deskAt(0))
			if err != nil || h.PIN.Hash != "hash-1" {
				t.Errorf("%v, %v", h, err)
			}
			if free {
				through.Add(1)
			}
		})
	}
	wg.Wait()
	if through.Load() != 5 {
		t.Errorf("%d tries were let through, want 5", through.Load())
	}
	h, err := s.PINOf(ctx, "maria")
	ok(t, err)
	if until := deskAt(0).Add(auth.PINLock(5)); h.PIN.Tries != 5 || !h.PIN.LockedUntil.Equal(until) {
		t.Errorf("%v, want it locked until %s", h.PIN, until)
	}
	if h, err := s.PINOf(ctx, "anna"); err != nil || h.PIN.Tries != 0 {
		t.Errorf("another's PIN: %v, %v", h.PIN, err)
	}
	ok(t, s.PINPassed(ctx, "maria"))
	if _, free, err := s.TryPIN(ctx, "maria", deskAt(1)); err != nil || !free {
		t.Errorf("after the right one: %t, %v", free, err)
	}
	ok(t, s.SetPIN(ctx, "maria", "hash-3"))
	if h, err = s.PINOf(ctx, "maria"); err != nil || h.PIN.Hash != "hash-3" || h.PIN.Tries != 0 {
		t.Errorf("set anew: %v, %v", h.PIN, err)
	}
	ok(t, s.SetPIN(ctx, "maria", ""))
	_, err = s.PINOf(ctx, "maria")
	fails(t, err, gate.ErrNotFound)
	kit.fits(t, s)
}
