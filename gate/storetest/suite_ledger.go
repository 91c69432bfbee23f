package storetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/policy"
)

// visit is a passage of vehicle n at its instant, at a lane of that moment.
func visit(n, minute int, moment policy.Moment) gate.Passage {
	p := Sample(minute, policy.Flag)
	p.Result.VIN = fmt.Sprintf("5YJXCAE4XMF%06d", n)
	p.Arrival.VIN, p.Arrival.Plate = strings.ToLower(p.Result.VIN), fmt.Sprintf("wx-%05d", n)
	p.Result.Verdict.Conditions = []string{"Park outside", "„ż”"}
	p.Result.Verdict.ConditionIDs = []string{"park-outside", "z"}
	p.Moment, p.Lane = moment, "north"
	if moment == policy.MomentExit {
		p.Lane = "south"
	}
	return p
}

// let records a passage and its end.
func let(t require, s Store, p gate.Passage, e gate.Ending) gate.Outcome {
	t.Helper()
	o := gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: e, At: p.At.Add(10 * time.Second).UTC(), Moment: p.Moment}
	need(t, s.Record(context.Background(), p))
	need(t, s.RecordOutcome(context.Background(), o))
	return o
}

// require is a test, or a check of a law.
type require interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func need(t require, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func staysOf(t require, s Store, f gate.StayFilter) []gate.Stay {
	t.Helper()
	list, err := s.Stays(context.Background(), f)
	need(t, err)
	return list
}

// same compares stays without their places in the log.
func sameStays(t require, what string, got []gate.Stay, want ...gate.Stay) {
	t.Helper()
	bare := slices.Clone(got)
	for i := range bare {
		if bare[i].Seq == 0 {
			t.Errorf("%s: %s has no place in the log", what, bare[i].ID)
		}
		bare[i].Seq = 0
	}
	if len(bare) != len(want) || len(want) > 0 && !reflect.DeepEqual(bare, want) {
		t.Errorf("%s:\n%+v\nwant\n%+v", what, bare, want)
	}
}

func ledger(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	before := kit.fits(t, s)
	in := visit(1, 1, policy.MomentEntry)
	in.Result.Facts.Arrival.Pass = policy.Know(policy.PassValid, policy.Source{ID: "p-1", Expires: "2026-11-22T18:00:00Z"})
	in.Result.Facts.Arrival.Findings = []policy.ArrivalFinding{{Code: "pass_conditions", Do: "escort; „ż”", Hint: true}}
	o := let(t, s, in, gate.EndAdmitted)
	first := gate.Stay{ID: string(in.ID), VIN: in.Result.VIN, Plate: "WX00001", Lane: "north", Since: o.At, Passage: in.ID,
		Conditions: []string{"Park outside", "„ż”", "escort"}, ConditionIDs: in.Result.Verdict.ConditionIDs, Policy: in.Result.Verdict.Hash, Due: time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)}
	if n := kit.fits(t, s); n != before+3 {
		t.Fatalf("%d entries, want 3", n-before)
	}
	need(t, s.RecordOutcome(ctx, o)) // again
	if n := kit.fits(t, s); n != before+3 {
		t.Fatalf("the same outcome again left %d entries", n-before-3)
	}
	sameStays(t, "inside", staysOf(t, s, gate.StayFilter{Inside: true}), first)
	for _, who := range [][2]string{{"5yjxcae4xmf000001", ""}, {"", "wx 00001"}, {in.Result.VIN, "other"}, {"other", "WX00001"}} {
		got, err := s.Inside(ctx, who[0], who[1])
		need(t, err)
		sameStays(t, fmt.Sprint(who), got, first)
	}
	got, err := s.Inside(ctx, "", "WXOOOO1", "", "wx-00001", "WX00001")
	need(t, err)
	sameStays(t, "by one of several plates", got, first)
	for _, who := range [][2]string{{"", ""}, {"5YJXCAE4XMF000002", "WX00002"}} {
		if got, err := s.Inside(ctx, who[0], who[1]); err != nil || len(got) != 0 {
			t.Errorf("%v: %+v, %v", who, got, err)
		}
	}

	// Others that do not come in, or leave without having come.
	for i, e := range []gate.Ending{gate.EndRefused, gate.EndLeft, gate.EndInspection, gate.EndArmFailed, gate.EndUnknown} {
		let(t, s, visit(10+i, 2+i, policy.MomentEntry), e)
		let(t, s, visit(1, 10+i, policy.MomentExit), e)
	}
	stray := visit(7, 20, policy.MomentExit)
	left := let(t, s, stray, gate.EndAdmitted)
	lost := gate.Stay{VIN: stray.Result.VIN, Plate: "WX00007", Ended: gate.StayLeft, Until: left.At, ExitLane: "south", Exit: stray.ID}
	sameStays(t, "strays", staysOf(t, s, gate.StayFilter{Strays: true}), lost)
	sameStays(t, "inside", staysOf(t, s, gate.StayFilter{Inside: true}), first)

	// The same vehicle again: two stays, of which an exit ends the latest.
	again := visit(1, 30, policy.MomentEntry)
	o = let(t, s, again, gate.EndAdmitted)
	second := first
	second.ID, second.Passage, second.Since, second.Again, second.Due = string(again.ID), again.ID, o.At, true, time.Time{}
	second.Conditions = second.Conditions[:2:2]
	sameStays(t, "twice inside, longest first", staysOf(t, s, gate.StayFilter{Inside: true}), first, second)
	got, err = s.Inside(ctx, in.Result.VIN, "")
	need(t, err)
	sameStays(t, "latest first", got, second, first)
	out := visit(1, 40, policy.MomentExit)
	o = let(t, s, out, gate.EndAdmitted)
	second.Ended, second.Until, second.ExitLane, second.Exit = gate.StayLeft, o.At, "south", out.ID
	sameStays(t, "after the exit", staysOf(t, s, gate.StayFilter{Inside: true}), first)
	sameStays(t, "all, newest first", staysOf(t, s, gate.StayFilter{}), second, lost, first)
	page := staysOf(t, s, gate.StayFilter{Limit: 1})
	sameStays(t, "first page", page, second)
	sameStays(t, "second page", staysOf(t, s, gate.StayFilter{Limit: 2, After: page[0].Seq}), lost, first)
	sameStays(t, "by lane", staysOf(t, s, gate.StayFilter{Lane: "south"}), lost)
	sameStays(t, "by plate", staysOf(t, s, gate.StayFilter{Plate: "wx 00001", Inside: true}), first)

	// What was found later counts: a plate that came with a reassessment.
	bare := visit(3, 50, policy.MomentEntry)
	bare.Arrival.Plate = ""
	need(t, s.Record(ctx, bare))
	later := bare.Result
	later.Plate = "PL 00003"
	later.Verdict.Conditions = nil
	need(t, s.RecordReassessment(ctx, gate.Reassessment{Passage: bare.ID, Lane: bare.Lane, At: bare.At, Because: "identity", Result: later}))
	o = gate.Outcome{Passage: bare.ID, Lane: bare.Lane, Ending: gate.EndAdmitted, At: bare.At.UTC()}
	need(t, s.RecordOutcome(ctx, o))
	got, err = s.Inside(ctx, "", "PL00003")
	need(t, err)
	sameStays(t, "a plate found later", got, gate.Stay{ID: string(bare.ID), VIN: bare.Result.VIN, Plate: "PL00003", Lane: "north", Since: o.At, Passage: bare.ID})
	// It leaves, and nothing but its plate is read.
	out = visit(0, 55, policy.MomentExit)
	out.Result.VIN, out.Arrival.VIN, out.Arrival.Plate = "", "", "pl-00003"
	let(t, s, out, gate.EndAdmitted)
	if got, err = s.Inside(ctx, bare.Result.VIN, ""); err != nil || len(got) != 0 {
		t.Errorf("by its plate it has not left: %+v, %v", got, err)
	}

	// Retention takes what has ended, and leaves who is inside.
	need(t, s.CorrectStay(ctx, gate.Correction{ID: "in-1", Kind: gate.CorrectInside, VIN: "5YJXCAE4XMF000009", By: "jan", Why: "seen at P2", At: Noon.Add(time.Hour)}))
	n, err := s.EraseBefore(ctx, Noon.AddDate(0, 0, 1), Noon.AddDate(0, 1, 0), "retention")
	need(t, err)
	if n == 0 {
		t.Error("nothing was erased")
	}
	kit.fits(t, s)
	for _, x := range staysOf(t, s, gate.StayFilter{}) {
		if x.Inside() == x.Erased || x.Erased && (x.VIN+x.Plate+x.Why+x.EndedWhy != "" || x.Conditions != nil) || !x.Erased && x.VIN == "" {
			t.Errorf("after retention: %+v", x)
		}
	}
	if list := staysOf(t, s, gate.StayFilter{Inside: true}); len(list) != 2 {
		t.Errorf("after retention %d are inside", len(list))
	}
}

func corrections(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	in := visit(1, 1, policy.MomentEntry)
	let(t, s, in, gate.EndAdmitted)
	n := kit.fits(t, s)
	at := Noon.Add(time.Hour).UTC()
	left := gate.Correction{Kind: gate.CorrectLeft, Stay: string(in.ID), By: "jan", Why: "on the camera at 11:40", At: at}
	inside := gate.Correction{ID: "in-1", Kind: gate.CorrectInside, Plate: "ab 12", By: "jan", Why: "parked at P2", At: at}
	with := func(c gate.Correction, f func(*gate.Correction)) gate.Correction { f(&c); return c }
	for name, c := range map[string]gate.Correction{
		"no reason":          with(left, func(c *gate.Correction) { c.Why = " " }),
		"nobody":             with(left, func(c *gate.Correction) { c.By = "" }),
		"no instant":         with(left, func(c *gate.Correction) { c.At = time.Time{} }),
		"no stay":            with(left, func(c *gate.Correction) { c.Stay = "" }),
		"another kind":       with(left, func(c *gate.Correction) { c.Kind = "moved" }),
		"no vehicle":         with(inside, func(c *gate.Correction) { c.Plate = "" }),
		"inside and a stay":  with(inside, func(c *gate.Correction) { c.Stay = "x" }),
		"inside, without id": with(inside, func(c *gate.Correction) { c.ID = "" }),
	} {
		if err := s.CorrectStay(ctx, c); err == nil {
			t.Errorf("%s: recorded", name)
		}
	}
	fails(t, s.CorrectStay(ctx, with(left, func(c *gate.Correction) { c.Stay = "nobody" })), gate.ErrNotFound)
	fails(t, s.CorrectStay(ctx, with(inside, func(c *gate.Correction) { c.Plate, c.VIN = "", in.Result.VIN })), gate.ErrExists)
	if got := kit.fits(t, s); got != n {
		t.Errorf("what was refused left %d entries", got-n)
	}
	need(t, s.CorrectStay(ctx, left))
	fails(t, s.CorrectStay(ctx, left), gate.ErrOver)
	need(t, s.CorrectStay(ctx, inside))
	if got := kit.fits(t, s); got != n+2 {
		t.Errorf("%d entries, want 2", got-n)
	}
	want := gate.Stay{ID: "in-1", Plate: "AB12", Since: at, By: "jan", Why: "parked at P2"}
	sameStays(t, "inside", staysOf(t, s, gate.StayFilter{Inside: true}), want)
	all := staysOf(t, s, gate.StayFilter{VIN: in.Result.VIN})
	if len(all) != 1 || all[0].Ended != gate.StayUnseen || all[0].EndedBy != "jan" || all[0].EndedWhy != left.Why || !all[0].Until.Equal(at) || all[0].Exit != "" {
		t.Errorf("left unseen: %+v", all)
	}
	entries, err := s.Entries(ctx, n, 10)
	need(t, err)
	for _, e := range entries {
		if strings.Contains(string(e.Data), "AB12") || strings.Contains(string(e.Data), "parked") || !strings.Contains(string(e.Data), "jan") {
			t.Errorf("the log says %s", e.Data)
		}
	}
}

// ledgerLaws: in any order of entries, exits, corrections and crashes, who is
// inside is who was let in and has not left, every admitted passage is in the
// ledger once, and nothing is lost.
func ledgerLaws(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	run, minute := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		run++                           // each with vehicles of its own, on the records of those before
		inside := map[string][]string{} // of each vehicle, the stays, oldest first
		opened, closed, strays := 0, 0, 0
		before := len(staysOf(rt, s, gate.StayFilter{Inside: true, Limit: 1000}))
		first := int64(0)
		if all := staysOf(rt, s, gate.StayFilter{Limit: 1}); len(all) > 0 {
			first = all[0].Seq
		}
		for range rapid.IntRange(1, 14).Draw(rt, "steps") {
			minute++
			v := 3*run + rapid.IntRange(0, 2).Draw(rt, "vehicle")
			name := fmt.Sprintf("5YJXCAE4XMF%06d", v)
			switch rapid.SampledFrom([]string{"in", "in", "out", "out", "crash", "left", "is inside", "refused"}).Draw(rt, "step") {
			case "in":
				p := visit(v, minute, policy.MomentEntry)
				let(rt, s, p, gate.EndAdmitted)
				inside[name] = append(inside[name], string(p.ID))
				opened++
			case "out":
				let(rt, s, visit(v, minute, policy.MomentExit), gate.EndAdmitted)
				if n := len(inside[name]); n > 0 {
					inside[name] = inside[name][:n-1]
					closed++
				} else {
					strays++
				}
			case "crash": // between passage and outcome
				need(rt, s.Record(ctx, visit(v, minute, rapid.SampledFrom([]policy.Moment{policy.MomentEntry, policy.MomentExit}).Draw(rt, "moment"))))
				if _, err := s.CloseOpen(ctx, Noon.Add(time.Duration(minute)*time.Minute)); err != nil {
					rt.Fatal(err)
				}
			case "left":
				if n := len(inside[name]); n > 0 {
					i := rapid.IntRange(0, n-1).Draw(rt, "which")
					need(rt, s.CorrectStay(ctx, gate.Correction{Kind: gate.CorrectLeft, Stay: inside[name][i], By: "jan", Why: "x", At: Noon}))
					inside[name] = slices.Delete(inside[name], i, i+1)
					closed++
				}
			case "is inside":
				id := fmt.Sprintf("in-%d", minute)
				err := s.CorrectStay(ctx, gate.Correction{ID: id, Kind: gate.CorrectInside, VIN: name, By: "jan", Why: "x", At: Noon})
				if len(inside[name]) > 0 {
					fails(t, err, gate.ErrExists)
					continue
				}
				need(rt, err)
				inside[name] = append(inside[name], id)
				opened++
			case "refused":
				let(rt, s, visit(v, minute, policy.MomentEntry), gate.EndRefused)
			}
		}
		total := 0
		for name, ids := range inside {
			got, err := s.Inside(ctx, name, "")
			need(rt, err)
			var have []string
			for _, g := range slices.Backward(got) {
				have = append(have, g.ID)
			}
			if len(have)+len(ids) > 0 && !slices.Equal(have, ids) {
				rt.Fatalf("%s: inside %v, want %v", name, have, ids)
			}
			total += len(ids)
		}
		list := staysOf(rt, s, gate.StayFilter{Inside: true, Limit: 1000})
		if len(list)-before != total || opened-closed != total {
			rt.Fatalf("%d are inside, want %d: %d opened, %d closed", len(list)-before, total, opened, closed)
		}
		all := slices.DeleteFunc(staysOf(rt, s, gate.StayFilter{Limit: 1000}), func(x gate.Stay) bool { return x.Seq <= first })
		if len(all) != opened+strays {
			rt.Fatalf("%d stays, want %d and %d strays", len(all), opened, strays)
		}
	})
	kit.fits(t, s)
}

func sightings(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	open := visit(1, 1, policy.MomentEntry)
	need(t, s.Record(ctx, open))
	gone := visit(1, 2, policy.MomentExit)
	o := let(t, s, gone, gate.EndRefused)
	long := visit(1, 3, policy.MomentEntry)
	let(t, s, long, gate.EndLeft)
	at := func(vin, plate string, not gate.LaneID, since time.Time) (ids []gate.PassageID) {
		t.Helper()
		list, err := s.Sightings(ctx, vin, plate, not, since)
		need(t, err)
		for _, g := range list {
			if g.VIN != open.Result.VIN || g.Plate != "WX00001" || g.At.IsZero() || g.Until.IsZero() != (g.Passage == open.ID) {
				t.Errorf("%+v", g)
			}
			ids = append(ids, g.Passage)
		}
		return ids
	}
	for _, c := range []struct {
		vin, plate string
		not        gate.LaneID
		since      time.Time
		want       []gate.PassageID
	}{
		{open.Result.VIN, "", "east", time.Time{}, []gate.PassageID{long.ID, gone.ID, open.ID}},
		{"", "wx 00001", "east", time.Time{}, []gate.PassageID{long.ID, gone.ID, open.ID}},
		{open.Result.VIN, "WX00001", "north", time.Time{}, []gate.PassageID{gone.ID}},
		{open.Result.VIN, "", "east", o.At.Add(time.Second), []gate.PassageID{long.ID, open.ID}},
		{open.Result.VIN, "", "east", Noon.AddDate(0, 0, 1), []gate.PassageID{open.ID}},
		{"", "", "east", time.Time{}, nil},
		{"5YJXCAE4XMF000002", "", "east", time.Time{}, nil},
	} {
		if got := at(c.vin, c.plate, c.not, c.since); !slices.Equal(got, c.want) {
			t.Errorf("%q %q not %s since %s: %v, want %v", c.vin, c.plate, c.not, c.since, got, c.want)
		}
	}
}

// SampleWatch is an entry of the watch list.
func SampleWatch(id string, k gate.WatchKind, value string) gate.WatchEntry {
	return gate.WatchEntry{ID: id, Kind: k, Value: value, Reason: "stolen", Do: "Hold it, call „ż”", From: Noon.UTC().Truncate(time.Second), By: "anna", At: Noon.UTC()}
}

func watchList(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	before := kit.fits(t, s)
	a, b, c := SampleWatch("w1", gate.WatchVIN, "5YJXCAE42MF000001"), SampleWatch("w2", gate.WatchPlate, "WX00001"), SampleWatch("w3", gate.WatchGroup, "geely")
	b.Until = Noon.Add(time.Hour).UTC()
	bad := a
	bad.ID, bad.Reason = "w4", "Stolen by Mr X"
	if err := s.RecordWatch(ctx, c, bad); err == nil {
		t.Error("recorded words in the place of a code")
	}
	need(t, s.RecordWatch(ctx, a, b, c))
	need(t, s.RecordWatch(ctx, b))
	other := b
	other.Do = "let it in"
	fails(t, s.RecordWatch(ctx, other), gate.ErrExists)
	if n := kit.fits(t, s); n != before+3 {
		t.Fatalf("%d entries, want 3", n-before)
	}
	step := func(of string, k gate.WatchStepKind, by, note string) gate.WatchStep {
		return gate.WatchStep{Entry: of, Kind: k, By: by, Note: note, At: Noon.Add(time.Minute).UTC()}
	}
	fails(t, s.RecordWatchStep(ctx, step("w9", gate.WatchRemovalAsked, "anna", "found")), gate.ErrNotFound)
	fails(t, s.RecordWatchStep(ctx, step("w1", gate.WatchRemoved, "jan", "")), gate.ErrNotAllowed)
	fails(t, s.RecordWatchStep(ctx, step("w1", gate.WatchRemovalAsked, "anna", "")), gate.ErrNeedsReason)
	asked := step("w1", gate.WatchRemovalAsked, "anna", "found in the yard")
	need(t, s.RecordWatchStep(ctx, asked))
	fails(t, s.RecordWatchStep(ctx, asked), gate.ErrExists)
	fails(t, s.RecordWatchStep(ctx, step("w1", gate.WatchRemoved, "anna", "")), gate.ErrSamePerson)
	done := step("w1", gate.WatchRemoved, "jan", "")
	need(t, s.RecordWatchStep(ctx, done))
	fails(t, s.RecordWatchStep(ctx, step("w1", gate.WatchRemovalAsked, "anna", "x")), gate.ErrOver)
	a.Steps = []gate.WatchStep{asked, done}
	list, err := s.Watch(ctx)
	need(t, err)
	if want := []gate.WatchEntry{a, b, c}; !reflect.DeepEqual(list, want) {
		t.Errorf("%+v, want %+v", list, want)
	}
	entries, err := s.Entries(ctx, before, 10)
	need(t, err)
	for _, e := range entries {
		if d := string(e.Data); strings.Contains(d, "WX00001") || strings.Contains(d, "5YJ") || strings.Contains(d, "found") {
			t.Errorf("the log says %s", d)
		}
	}
	n, err := s.EraseBefore(ctx, Noon.AddDate(0, 1, 0), Noon.AddDate(0, 2, 0), "retention")
	need(t, err)
	if n != 4 { // w1 with its steps, and w2, which ended by itself
		t.Errorf("%d erased, want 4", n)
	}
	kit.fits(t, s)
	if list, err = s.Watch(ctx); err != nil || len(list) != 1 || list[0].ID != "w3" {
		t.Errorf("left: %+v, %v", list, err)
	}
}

// SamplePass is a pass of one day.
func SamplePass(id string) gate.VehiclePass {
	return gate.VehiclePass{ID: id, VIN: "5YJXCAE42MF000001", Plate: "WX00001", Lanes: []gate.LaneID{"north"}, Zones: []string{"restricted"},
		From: Noon.UTC().Truncate(time.Second), Until: Noon.UTC().Truncate(time.Second).Add(24 * time.Hour), Conditions: []string{"escort „ż”"}, By: "anna", At: Noon.UTC()}
}

func passes(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	before := kit.fits(t, s)
	p, q := SamplePass("p1"), SamplePass("p2")
	q.VIN = ""
	need(t, s.RecordPass(ctx, p))
	need(t, s.RecordPass(ctx, p))
	need(t, s.RecordPass(ctx, q))
	other := p
	other.Plate = "WX99999"
	fails(t, s.RecordPass(ctx, other), gate.ErrExists)
	other.ID, other.VIN, other.Plate = "p3", "", ""
	if err := s.RecordPass(ctx, other); err == nil {
		t.Error("recorded a pass of no vehicle")
	}
	revoked := gate.PassStep{Pass: "p1", Kind: gate.PassStepRevoked, By: "jan", Note: "sold", At: Noon.Add(time.Minute).UTC()}
	expired := gate.PassStep{Pass: "p2", Kind: gate.PassStepExpired, At: q.Until}
	fails(t, s.RecordPassSteps(ctx, gate.PassStep{Pass: "p9", Kind: gate.PassStepExpired, At: q.Until}), gate.ErrNotFound)
	early := expired
	early.At = Noon
	fails(t, s.RecordPassSteps(ctx, revoked, early), gate.ErrNotAllowed)
	silent := revoked
	silent.Note = ""
	fails(t, s.RecordPassSteps(ctx, silent), gate.ErrNeedsReason)
	if n := kit.fits(t, s); n != before+2 {
		t.Fatalf("%d entries, want 2", n-before)
	}
	need(t, s.RecordPassSteps(ctx, revoked, expired))
	fails(t, s.RecordPassSteps(ctx, revoked), gate.ErrExists)
	p.Steps, q.Steps = []gate.PassStep{revoked}, []gate.PassStep{expired}
	list, err := s.Passes(ctx)
	need(t, err)
	if want := []gate.VehiclePass{p, q}; !reflect.DeepEqual(list, want) {
		t.Errorf("%+v, want %+v", list, want)
	}
	entries, err := s.Entries(ctx, before, 10)
	need(t, err)
	for _, e := range entries {
		if d := string(e.Data); strings.Contains(d, "WX00001") || strings.Contains(d, "5YJ") || strings.Contains(d, "sold") {
			t.Errorf("the log says %s", d)
		}
	}
	n, err := s.EraseBefore(ctx, Noon.AddDate(0, 1, 0), Noon.AddDate(0, 2, 0), "retention")
	need(t, err)
	if n != 4 {
		t.Errorf("%d erased, want both with their steps", n)
	}
	kit.fits(t, s)
	if list, err = s.Passes(ctx); err != nil || len(list) != 0 {
		t.Errorf("left: %+v, %v", list, err)
	}
}
