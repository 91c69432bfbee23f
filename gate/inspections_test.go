package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/policy/pack"
)

var (
	guard      = gate.Person{Name: "anna", Role: auth.Guard}
	second     = gate.Person{Name: "jan", Role: auth.Guard}
	supervisor = gate.Person{Name: "maria", Role: auth.Supervisor}
	auditor    = gate.Person{Name: "ewa", Role: auth.Auditor}
	rules      = gate.InspectionRules{Days: 365, StatementDays: 90}
)

func found(vin string) gate.Inspection {
	return gate.Inspection{VIN: vin, Subject: gate.SubjectUnit, Kind: gate.KindSeen, Role: "tcu", Place: "under the seat", Result: gate.ResultFound, Text: label}
}

// desk is the service on a store of its own.
func desk(t *testing.T, change ...func(*gate.InspectionsConfig)) (*gate.Inspections, *storetest.Memory) {
	t.Helper()
	m := storetest.NewMemory()
	cfg := gate.InspectionsConfig{Store: m, Rules: rules, KeepPhotos: true, Now: func() time.Time { return assessAt }}
	for _, f := range change {
		f(&cfg)
	}
	s, err := gate.NewInspections(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

func TestInspectionsRecord(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	var told []string
	s, m := desk(t, func(c *gate.InspectionsConfig) {
		c.Describe, c.Market = j.Describe, "EU"
		c.Changed = func(_ context.Context, vin string) error { told = append(told, vin); return nil }
	})
	ctx := t.Context()
	typed := found(" *" + strings.ToLower(modelX) + "* ")
	typed.At = assessAt.AddDate(0, 0, -2)
	in, err := s.Record(ctx, []gate.Person{guard, second}, typed, storetest.SamplePhoto("", 1).Data)
	if err != nil {
		t.Fatal(err)
	}
	if in.VIN != modelX || in.By != "anna" || in.Second != "jan" || !in.Expires.Equal(typed.At.AddDate(0, 0, 365)) || in.ID == "" || len(in.Photos) != 1 {
		t.Errorf("%+v", in)
	}
	if v := in.Vehicle; v.Make != "TESLA" || v.ModelYear != 2021 || v.Market != "EU" || !strings.Contains(v.Plant, "UNITED STATES") || strings.Contains(fmt.Sprint(v), modelX) {
		t.Errorf("vehicle %+v", v)
	}
	if !slices.Equal(told, []string{modelX}) {
		t.Errorf("told of %v", told)
	}
	again, err := s.Record(ctx, []gate.Person{guard, second}, in)
	if err != nil || again.ID != in.ID {
		t.Errorf("the same inspection again: %v", err)
	}
	if _, err := s.List(ctx, auditor, "no VIN"); err == nil || !strings.Contains(err.Error(), "17 characters") {
		t.Errorf("the inspections of no VIN: %v", err)
	}
	views, err := s.List(ctx, auditor, strings.ToLower(modelX))
	if err != nil || len(views) != 1 || views[0].Stands != gate.StandsInForce || views[0].Vouched != 2 || views[0].Needs != 1 {
		t.Errorf("%+v, %v", views, err)
	}
	data, kind, err := s.Photo(ctx, auditor, in.ID, in.Photos[0].SHA256)
	if err != nil || kind != "image/jpeg" || len(data) != in.Photos[0].Size {
		t.Errorf("photograph: %d bytes of %s, %v", len(data), kind, err)
	}
	if r, err := m.Verify(ctx); err != nil || !r.Clean() {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestInspectionsRefuse(t *testing.T) {
	s, m := desk(t)
	for name, c := range map[string]struct {
		people []gate.Person
		change change
		want   error
		words  string
	}{
		"an auditor changes nothing":  {[]gate.Person{auditor}, nil, gate.ErrForbidden, "inspect-vehicle"},
		"nobody":                      {nil, nil, nil, "0 people"},
		"a crowd":                     {[]gate.Person{guard, second, supervisor}, nil, nil, "3 people"},
		"one person twice":            {[]gate.Person{guard, guard}, nil, gate.ErrSamePerson, ""},
		"a second who may not":        {[]gate.Person{guard, auditor}, nil, gate.ErrForbidden, ""},
		"a person without a name":     {[]gate.Person{{Role: auth.Guard}}, nil, gate.ErrForbidden, ""},
		"a guard files no letter":     {[]gate.Person{guard}, kind(gate.KindMaker), gate.ErrForbidden, "file-statement"},
		"a misread VIN":               {[]gate.Person{guard}, func(in *gate.Inspection) { in.VIN = "5YJXCAE43MF000001" }, nil, "vin:"},
		"no VIN":                      {[]gate.Person{guard}, func(in *gate.Inspection) { in.VIN = "5YJXCAE4" }, nil, "vin:"},
		"tomorrow":                    {[]gate.Person{guard}, func(in *gate.Inspection) { in.At = assessAt.Add(time.Hour) }, nil, "future"},
		"long ago":                    {[]gate.Person{guard}, func(in *gate.Inspection) { in.At = assessAt.AddDate(-2, 0, 0) }, nil, "expired already"},
		"expires before it was made":  {[]gate.Person{guard}, func(in *gate.Inspection) { in.Expires = assessAt.AddDate(0, 0, -1) }, nil, "expired already"},
		"a unit in the role device":   {[]gate.Person{guard}, func(in *gate.Inspection) { in.Role = "device" }, nil, "role:"},
		"a device in the role tcu":    {[]gate.Person{guard}, func(in *gate.Inspection) { in.Subject = gate.SubjectDevice }, nil, "role:"},
		"no subject":                  {[]gate.Person{guard}, func(in *gate.Inspection) { in.Subject = "" }, nil, "subject:"},
		"no kind":                     {[]gate.Person{supervisor}, func(in *gate.Inspection) { in.Kind = "" }, nil, "kind:"},
		"no result":                   {[]gate.Person{guard}, func(in *gate.Inspection) { in.Result = "ok" }, nil, "result:"},
		"a statement removes nothing": {[]gate.Person{supervisor}, func(in *gate.Inspection) { in.Kind, in.Result = gate.KindDealer, gate.ResultRemoved }, nil, "result:"},
		"nothing found, and read": {[]gate.Person{guard}, func(in *gate.Inspection) {
			in.Result, in.Read = gate.ResultNone, []gate.Reading{{Kind: "imei", Value: "1"}}
		}, nil, "nothing was found"},
		"nothing found, and a label":    {[]gate.Person{guard}, func(in *gate.Inspection) { in.Result, in.Text = gate.ResultNone, label }, nil, "a label was read"},
		"an id that names the vehicle":  {[]gate.Person{guard}, func(in *gate.Inspection) { in.ID = "look-" + strings.ToLower(modelX[:9]) + "-" + modelX[9:] }, nil, "id: it names the vehicle"},
		"an id of words":                {[]gate.Person{guard}, func(in *gate.Inspection) { in.ID = "plate WX 123" }, nil, "id:"},
		"an id of two lines":            {[]gate.Person{guard}, func(in *gate.Inspection) { in.ID = "a\n\x1b[31m" }, nil, "id:"},
		"a long id":                     {[]gate.Person{guard}, func(in *gate.Inspection) { in.ID = strings.Repeat("x", 65) }, nil, "id:"},
		"a model of control characters": {[]gate.Person{guard}, func(in *gate.Inspection) { in.Vehicle.Model = "X\x1b" }, nil, "vehicle.model:"},
		"a kind of no identifier":       {[]gate.Person{guard}, func(in *gate.Inspection) { in.Read = []gate.Reading{{Kind: "colour", Value: "red"}} }, nil, "read[0]"},
		"no modem is no identifier":     {[]gate.Person{guard}, func(in *gate.Inspection) { in.Read = []gate.Reading{{Kind: "no_modem", Value: "x"}} }, nil, "read[0]"},
		"an empty identifier":           {[]gate.Person{guard}, func(in *gate.Inspection) { in.Read = []gate.Reading{{Kind: "imei", Value: " "}} }, nil, "read[0]"},
		"control characters":            {[]gate.Person{guard}, func(in *gate.Inspection) { in.Place = "seat\x00" }, nil, "place:"},
		"not UTF-8":                     {[]gate.Person{guard}, func(in *gate.Inspection) { in.Text = "\xff" }, nil, "text:"},
		"a book":                        {[]gate.Person{guard}, func(in *gate.Inspection) { in.Note = strings.Repeat("x", 1001) }, nil, "note:"},
	} {
		in := found(modelX)
		if c.change != nil {
			c.change(&in)
		}
		_, err := s.Record(t.Context(), c.people, in)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, picture := range map[string][]byte{"empty": nil, "a text": []byte("hello"), "too large": append([]byte("\xff\xd8\xff"), make([]byte, gate.MaxPhoto)...)} {
		if _, err := s.Record(t.Context(), []gate.Person{guard}, found(modelX), picture); err == nil {
			t.Errorf("photograph, %s: accepted", name)
		}
	}
	if list, err := m.InspectionHistory(t.Context(), modelX); err != nil || len(list) != 0 {
		t.Errorf("what was refused was recorded: %+v, %v", list, err)
	}
	none, _ := desk(t, func(c *gate.InspectionsConfig) { c.KeepPhotos = false })
	if _, err := none.Record(t.Context(), []gate.Person{guard}, found(modelX), storetest.SamplePhoto("", 1).Data); !errors.Is(err, gate.ErrNoPhotos) {
		t.Errorf("a site that keeps no photographs: %v", err)
	}
	if _, err := gate.NewInspections(gate.InspectionsConfig{Store: m, Now: time.Now}); err == nil {
		t.Error("inspections that never expire")
	}
}

// What stands of a vehicle is read again for each verdict, so that nobody can
// make the gate slow by recording without end. What has ended makes room.
func TestInspectionsOfOneVehicleAreBounded(t *testing.T) {
	s, _ := desk(t)
	ctx := t.Context()
	var last gate.Inspection
	for n := 0; ; n++ {
		in, err := s.Record(ctx, []gate.Person{guard}, found(modelX))
		if errors.Is(err, gate.ErrTooMany) {
			if n != 32 {
				t.Fatalf("refused after %d", n)
			}
			break
		}
		if err != nil || n > 32 {
			t.Fatal(n, err)
		}
		last = in
	}
	again := found(modelX)
	again.ID, again.At = last.ID, last.At
	if _, err := s.Record(ctx, []gate.Person{guard}, again); err != nil {
		t.Errorf("the same record again: %v", err)
	}
	if _, err := s.Record(ctx, []gate.Person{guard}, found(oldVan)); err != nil {
		t.Errorf("another vehicle: %v", err)
	}
	if err := s.End(ctx, supervisor, last.ID, gate.InspectionWithdrawn, "wrong car"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Record(ctx, []gate.Person{guard}, found(modelX)); err != nil {
		t.Errorf("after one was withdrawn: %v", err)
	}
}

func TestInspectionsConfirmAndEnd(t *testing.T) {
	s, m := desk(t, func(c *gate.InspectionsConfig) { c.Rules.TwoPeople = policy.ZoneCritical })
	ctx := t.Context()
	record := func(p gate.Person, change ...change) string {
		t.Helper()
		in := found(modelX)
		for _, f := range change {
			f(&in)
		}
		got, err := s.Record(ctx, []gate.Person{p}, in)
		if err != nil {
			t.Fatal(err)
		}
		return got.ID
	}
	is := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	tcu, head, tracker := record(guard), record(guard, func(in *gate.Inspection) { in.Role = "head-unit" }), record(guard, device)
	letter := record(supervisor, kind(gate.KindImporter))
	if v, err := s.Show(ctx, guard, tcu); err != nil || v.Stands != gate.StandsWaiting || v.Needs != 2 {
		t.Errorf("%+v, %v", v, err)
	}
	is(s.Confirm(ctx, guard, tcu, ""), gate.ErrSamePerson)
	is(s.Confirm(ctx, auditor, tcu, ""), gate.ErrForbidden)
	is(s.Confirm(ctx, second, "nobody", ""), gate.ErrNotFound)
	is(s.Confirm(ctx, second, letter, ""), gate.ErrNotAllowed)
	is(s.Confirm(ctx, second, tcu, "seen too"), nil)
	is(s.Confirm(ctx, second, tcu, ""), gate.ErrSamePerson)
	if v, err := s.Show(ctx, guard, tcu); err != nil || v.Stands != gate.StandsInForce || v.Vouched != 2 {
		t.Errorf("%+v, %v", v, err)
	}
	is(s.End(ctx, guard, tcu, gate.InspectionWithdrawn, "wrong car"), gate.ErrForbidden)
	is(s.End(ctx, supervisor, tcu, gate.InspectionWithdrawn, " "), gate.ErrNeedsReason)
	if s.End(ctx, supervisor, tcu, gate.InspectionConfirmed, "x") == nil {
		t.Error("a confirmation ended an inspection")
	}
	if _, err := s.Void(ctx, guard, modelX, gate.InspectionTCUReplaced, "x"); !errors.Is(err, gate.ErrForbidden) {
		t.Error(err)
	}
	voided := func(cause gate.InspectionActKind, want ...string) {
		t.Helper()
		list, err := s.Void(ctx, supervisor, modelX, cause, "workshop paper of 20 November")
		if err != nil {
			t.Errorf("%s: %v", cause, err)
		}
		var got []string
		for _, in := range list {
			got = append(got, in.ID)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s voids %v, want %v", cause, got, want)
		}
	}
	voided(gate.InspectionTCUReplaced, tcu, letter)
	voided(gate.InspectionRecalled, head)
	voided(gate.InspectionOwner, tracker)
	if _, err := s.Void(ctx, supervisor, modelX, gate.InspectionOwner, "x"); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("nothing is left: %v", err)
	}
	is(s.Confirm(ctx, second, head, ""), gate.ErrOver)
	if _, err := s.AddPhoto(ctx, guard, head, storetest.SamplePhoto("", 1).Data); !errors.Is(err, gate.ErrOver) {
		t.Error(err)
	}
	// What was voided may turn out to have been wrong.
	is(s.End(ctx, supervisor, tcu, gate.InspectionWithdrawn, "the label was another car's"), nil)
	in, err := m.Inspection(ctx, tcu)
	if err != nil || !in.Withdrawn(assessAt) || in.Withdrawn(assessAt.Add(-1)) {
		t.Errorf("%+v, %v", in, err)
	}
	is(s.End(ctx, supervisor, tcu, gate.InspectionWithdrawn, "again"), gate.ErrExists)
	if r, err := m.Verify(ctx); err != nil || !r.Clean() {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestInspectionAtTheLine: what is read off the vehicle at the line decides
// again at once and at later visits, until it expires; another unit voids it.
func TestInspectionAtTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := packJudge(t, pack.PaperBaseline)
		y := newYardOf(t, storetest.NewMemory(), j)
		defer y.close()
		s, err := gate.NewInspections(gate.InspectionsConfig{Store: y.memory, Rules: rules, Now: time.Now, Describe: j.Describe, Changed: y.c.Inspected})
		if err != nil {
			t.Fatal(err)
		}
		outcome := func() policy.Outcome { return y.view().Passage.Result.Verdict.Outcome }
		visit := func(want policy.Outcome) gate.PassageID {
			t.Helper()
			id := y.arrive(ex30)
			if got := outcome(); got != want {
				t.Errorf("%s, want %s: %+v", got, want, y.view().Passage.Result.Verdict.Reasons)
			}
			return id
		}
		first := visit(policy.Flag)
		version := y.view().Version
		if _, err := s.Record(t.Context(), []gate.Person{guard}, found(ex30)); err != nil {
			t.Fatal(err)
		}
		if v := y.view(); v.Passage.ID != first || v.Passage.Result.Verdict.Outcome != policy.Deny || v.Version == version || v.State != gate.Waiting || !slices.Contains(v.Allowed, gate.ActOverride) {
			t.Errorf("at the line: %+v", v)
		}
		rec, err := y.memory.Passage(t.Context(), first)
		if err != nil || len(rec.Reassessments) != 1 || rec.Reassessments[0].Because != "inspection" {
			t.Errorf("%+v, %v", rec.Reassessments, err)
		}
		y.act(gate.ActTurnAway, first)
		time.Sleep(100 * 24 * time.Hour)
		visit(policy.Deny)
		time.Sleep(266 * 24 * time.Hour)
		visit(policy.Flag) // expired

		in, err := s.Record(t.Context(), []gate.Person{guard}, found(ex30))
		if err != nil {
			t.Fatal(err)
		}
		if outcome() != policy.Deny {
			t.Error("inspected again, and not decided again")
		}
		voided, err := s.Void(t.Context(), supervisor, ex30, gate.InspectionTCUReplaced, "workshop paper")
		if err != nil || len(voided) != 2 { // the expired one too, whose life the site may lengthen again
			t.Fatalf("voided %d inspections: %v", len(voided), err)
		}
		if outcome() != policy.Flag {
			t.Errorf("the unit that was read is gone: %s", outcome())
		}
		if err := s.End(t.Context(), supervisor, in.ID, gate.InspectionWithdrawn, "wrong label"); err != nil {
			t.Fatal(err)
		}
		visit(policy.Flag)

		// Another vehicle's inspection is no business of this lane.
		version = y.view().Version
		if _, err := s.Record(t.Context(), []gate.Person{guard}, found(modelX)); err != nil {
			t.Fatal(err)
		}
		if v := y.view(); v.Version != version {
			t.Error("decided again over another vehicle's inspection")
		}
	})
}

// The lane asks for as many people as the site's rule says for its zone.
func TestLaneAsksForTwoPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := packJudge(t, pack.PaperBaseline)
		two := rules
		two.TwoPeople = policy.ZoneRestricted
		y := newYardOf(t, storetest.NewMemory(), j, func(c *gate.Config) { c.Inspecting = two })
		defer y.close()
		s, err := gate.NewInspections(gate.InspectionsConfig{Store: y.memory, Rules: two, Now: time.Now, Changed: y.c.Inspected})
		if err != nil {
			t.Fatal(err)
		}
		y.arrive(ex30)
		y.view()
		clean := found(ex30)
		clean.Text, clean.Read = "", []gate.Reading{{Kind: "module", Value: sierra}}
		in, err := s.Record(t.Context(), []gate.Person{guard}, clean)
		if err != nil {
			t.Fatal(err)
		}
		if got := y.view().Passage.Result.Verdict.Outcome; got != policy.Flag {
			t.Errorf("one person settled it: %s", got)
		}
		if err := s.Confirm(t.Context(), second, in.ID, ""); err != nil {
			t.Fatal(err)
		}
		if got := y.view().Passage.Result.Verdict.Outcome; got != policy.Grant {
			t.Errorf("two people did not settle it: %s", got)
		}
	})
}

// TestInspectionFaults breaks every step between a person's act on an
// inspection and the lane, with and without its effect. Whatever happens the
// log fits, no arm moves, the lane never shows a verdict that is not recorded,
// and the same act again leads to the same end.
func TestInspectionFaults(t *testing.T) {
	for _, c := range []struct {
		step    string
		effect  bool
		err     error
		kept    bool           // the inspection is durable
		line    policy.Outcome // shown at the line after; 0 is manual procedure
		settled bool           // at the next arrival, without trying again
	}{
		{"nothing", true, nil, true, policy.Deny, true},
		{storetest.StepRecordInspection, false, storetest.ErrBroken, false, policy.Flag, false},
		{storetest.StepRecordInspection, true, storetest.ErrBroken, true, policy.Flag, true},
		{storetest.StepPhoto, false, storetest.ErrBroken, true, policy.Deny, true},
		{storetest.StepPhoto, true, storetest.ErrBroken, true, policy.Deny, true},
		{storetest.StepInspection, false, gate.ErrNotDecidedAgain, true, 0, true},
		{storetest.StepReassess, false, gate.ErrNotDecidedAgain, true, 0, true},
		{storetest.StepReassess, true, gate.ErrNotDecidedAgain, true, 0, true},
	} {
		t.Run(fmt.Sprintf("record: %s effect=%v", c.step, c.effect), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := packJudge(t, pack.PaperBaseline)
				y := newYardOf(t, storetest.NewMemory(), j)
				defer y.close()
				s, err := gate.NewInspections(gate.InspectionsConfig{Store: y.store, Rules: rules, KeepPhotos: true, Now: time.Now, Changed: y.c.Inspected})
				if err != nil {
					t.Fatal(err)
				}
				y.arrive(ex30)
				y.view()
				y.store.Break(c.step, c.effect, 1)
				in := found(ex30)
				in.ID = "the-one"
				in.At = time.Now()
				_, err = s.Record(t.Context(), []gate.Person{guard}, in, storetest.SamplePhoto("", 1).Data)
				if !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				list, err := y.memory.InspectionHistory(t.Context(), ex30)
				if err != nil || (len(list) == 1) != c.kept {
					t.Errorf("%d inspections kept, %v", len(list), err)
				}
				v := y.view()
				if c.line == 0 {
					if v.State != gate.Manual || v.Notice != gate.NoticeStorage {
						t.Errorf("the lane is %s, %q", v.State, v.Notice)
					}
				} else if v.State != gate.Waiting || v.Passage.Result.Verdict.Outcome != c.line {
					t.Errorf("the lane is %s and shows %+v", v.State, v.Passage)
				}
				time.Sleep(10 * time.Second) // records work again
				y.arrive(ex30)
				y.view()
				if got := y.view().Passage.Result.Verdict.Outcome; (got == policy.Deny) != c.settled {
					t.Errorf("at the next arrival: %s", got)
				}
				if _, err := s.Record(t.Context(), []gate.Person{guard}, in, storetest.SamplePhoto("", 1).Data); err != nil {
					t.Errorf("the same again: %v", err)
				}
				if list, _ = y.memory.InspectionHistory(t.Context(), ex30); len(list) != 1 || len(list[0].Photos) != 1 {
					t.Errorf("kept: %+v", list)
				}
				if got := y.view().Passage.Result.Verdict.Outcome; got != policy.Deny {
					t.Errorf("in the end: %s", got)
				}
				if n := count(y.store.Trace(), "arm"); n != 0 {
					t.Errorf("the arm was commanded %d times", n)
				}
			})
		})
	}
	for _, c := range []struct {
		step   string
		effect bool
		err    error
		ended  bool
	}{
		{"nothing", true, nil, true},
		{storetest.StepInspectionActs, false, storetest.ErrBroken, false},
		{storetest.StepInspectionActs, true, storetest.ErrBroken, true},
		{storetest.StepHistory, false, storetest.ErrBroken, false},
		{storetest.StepReassess, false, gate.ErrNotDecidedAgain, true},
	} {
		t.Run(fmt.Sprintf("void: %s effect=%v", c.step, c.effect), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := packJudge(t, pack.PaperBaseline)
				y := newYardOf(t, storetest.NewMemory(), j)
				defer y.close()
				s, err := gate.NewInspections(gate.InspectionsConfig{Store: y.store, Rules: rules, Now: time.Now, Changed: y.c.Inspected})
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if _, err := s.Record(t.Context(), []gate.Person{guard}, found(ex30)); err != nil {
						t.Fatal(err)
					}
				}
				y.arrive(ex30)
				y.view()
				y.store.Break(c.step, c.effect, 1)
				if _, err := s.Void(t.Context(), supervisor, ex30, gate.InspectionTCUReplaced, "paper"); !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				list, err := y.memory.InspectionHistory(t.Context(), ex30)
				if err != nil || len(list) != 2 {
					t.Fatalf("%d inspections, %v", len(list), err)
				}
				for _, in := range list {
					if (len(in.Acts) == 1) != c.ended {
						t.Errorf("%s has %d acts: not all or none", in.ID, len(in.Acts))
					}
				}
			})
		})
	}
}
