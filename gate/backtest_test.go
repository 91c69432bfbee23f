package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
)

// keep records what a Judge says of a request.
func keep(t testing.TB, s *storetest.Memory, j *gate.Judge, id string, lane gate.LaneID, q gate.Request) gate.Assessment {
	t.Helper()
	a := j.Assess(q)
	if err := s.Record(context.Background(), gate.Passage{ID: gate.PassageID(id), Lane: lane, At: q.At, Arrival: gate.Arrival{VIN: q.VIN, Plate: q.Plate}, Result: a}); err != nil {
		t.Fatal(err)
	}
	return a
}

// draftOf is a pack with rules added.
func draftOf(t testing.TB, name, rules string) *policy.Policy {
	t.Helper()
	src, err := pack.Source(name)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(src), "\nrules:\n") + len("\nrules:\n")
	p, err := policy.Load("draft.yaml", []byte(string(src[:at])+rules+string(src[at:])))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const noNewPrivateCars = `
  - id: no-new-private-cars
    title: Private cars of 2022 and later stay outside
    outcome: deny
    if_unknown: flag
    instrument: {authority: test, title: test, status: in force, quote: test, link: "https://example.org/", date: "2026-01-01"}
    when:
      all:
        - {fact: registration.class, is: private}
        - {fact: vehicle.model_year, at_least: 2022}
    say: {en: No., pl: Nie., de: Nein.}
`

// A hand-made past: what the draft changes is counted under its rule, class,
// make, lane, zone, day and hour, and what was erased is counted apart.
func TestBacktestTables(t *testing.T) {
	j := packJudge(t, "paper-baseline")
	s := storetest.NewMemory()
	day := func(d, hour int) time.Time { return time.Date(2026, 10, d, hour, 30, 0, 0, time.UTC) }
	for _, p := range []struct {
		id   string
		lane gate.LaneID
		q    gate.Request
		was  policy.Outcome
	}{
		{"p0", "north", gate.Request{VIN: "2HGEJ6672WH500001", Class: policy.ClassPrivate, At: day(1, 8)}, policy.Grant}, // Civic of 1998; erased below
		{"p1", "north", gate.Request{VIN: "2HGEJ6672WH500001", Class: policy.ClassPrivate, At: day(2, 8)}, policy.Grant},
		{"p2", "north", gate.Request{VIN: "YV4EK3ZL7SS000001", Class: policy.ClassPrivate, At: day(2, 9)}, policy.Flag}, // Volvo EX30 of 2025
		{"p3", "south", gate.Request{VIN: "YV4EK3ZL7SS000001", Class: policy.ClassContractor, At: day(4, 9)}, policy.Flag},
		{"p4", "south", gate.Request{VIN: "5YJXCAE42MF000001", Class: policy.ClassPrivate, At: day(4, 23)}, policy.Deny}, // Tesla Model X of 2021
		{"p5", "south", gate.Request{VIN: "", Class: policy.ClassPrivate, At: day(4, 23)}, policy.Flag},
	} {
		p.q.Zone, p.q.Market, p.q.Plate = policy.ZoneRestricted, "EU", "WX "+p.id
		if a := keep(t, s, j, p.id, p.lane, p.q); a.Verdict.Outcome != p.was {
			t.Fatalf("%s was %s", p.id, a.Verdict.Outcome)
		}
	}
	end := gate.Outcome{Passage: "p0", Lane: "north", Ending: gate.EndAdmitted, At: day(1, 9)}
	if err := s.RecordOutcome(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if _, err := s.EraseBefore(t.Context(), day(2, 0), day(5, 0), "retention"); err != nil {
		t.Fatal(err)
	}
	var told []gate.BacktestChange
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		t.Fatal(err)
	}
	b := gate.Backtest{
		Judge: j, Draft: draftOf(t, "paper-baseline", noNewPrivateCars), Zone: warsaw,
		Changed: func(c gate.BacktestChange) error { told = append(told, c); return nil },
	}
	r, err := b.Passages(t.Context(), s, day(1, 0), day(5, 0))
	if err != nil {
		t.Fatal(err)
	}
	type counts = gate.BacktestCounts
	if r.Judged != 5 || r.Erased != 1 || r.Changed != 1 || r.Stricter != 1 || r.Milder != 0 || r.Doubtful != 1 || r.Partial {
		t.Errorf("%+v", r)
	}
	if d := cmp.Diff([3]gate.BacktestRow{{"grant", counts{Grant: 1}}, {"flag", counts{Flag: 2, Deny: 1}}, {"deny", counts{Deny: 1}}}, r.Matrix); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]gate.BacktestRule{{"chinese-vehicle-unknown-module", "flag", "no-new-private-cars", "deny", 1, []string{"p2"}}}, r.Rules); d != "" {
		t.Error(d)
	}
	for _, tc := range []struct {
		name   string
		groups []gate.BacktestGroup
		want   string
	}{
		{"days", r.Days, "2026-10-02 2 (+1), 2026-10-03 0 (+0), 2026-10-04 1 (+0), 2026-10-05 2 (+0)"}, // 23:30 UTC is the next day in Warsaw
		{"hours", r.Hours, "01 2 (+0), 10 1 (+0), 11 2 (+1)"},
		{"classes", r.Classes, "private 4 (+1), contractor 1 (+0)"},
		{"makes", r.Makes, "VOLVO 2 (+1), HONDA 1 (+0), TESLA 1 (+0), unknown 1 (+0)"},
		{"lanes", r.Lanes, "north 2 (+1), south 3 (+0)"},
		{"zones", r.Zones, "restricted 5 (+1)"},
	} {
		var words []string
		for _, g := range tc.groups {
			words = append(words, fmt.Sprintf("%s %d (+%d)", g.Name, g.Judged, g.Stricter))
		}
		if got := strings.Join(words, ", "); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	if len(told) != 1 || told[0].ID != "p2" || told[0].VIN+told[0].Plate != "" || !strings.Contains(told[0].Because, "2025") || told[0].Was == "" {
		t.Errorf("%+v", told)
	}
	if d := cmp.Diff(told, r.List); d != "" {
		t.Error(d)
	}
	b.Named = true
	if r, err = b.Passages(t.Context(), s, day(1, 0), day(5, 0)); err != nil || r.List[0].VIN != "YV4EK3ZL7SS000001" || r.List[0].Plate != "WX p2" {
		t.Errorf("%+v, %v", r.List, err)
	}
	if r, err = b.Passages(t.Context(), s, day(4, 0), time.Time{}); err != nil || r.Judged != 3 || r.Changed != 0 {
		t.Errorf("from the fourth: %+v, %v", r, err)
	}
}

// past is a store of random passages under a pack, and what was said of each.
func past(t *rapid.T, tb testing.TB, j *gate.Judge, n int) (*storetest.Memory, []gate.Assessment) {
	s := storetest.NewMemory()
	var all []gate.Assessment
	for i := range n {
		q := anyRequest(t)
		if q.Class == "" {
			q.Stated = rapid.SampledFrom(classes).Draw(t, "stated")
		}
		q.At = assessAt.Add(time.Duration(i) * time.Hour)
		all = append(all, keep(tb, s, j, fmt.Sprint("p", i), "north", q))
	}
	return s, all
}

// By the policy in force its own past stays as it was, by the same rules, and
// no question is put that it had not put.
func TestBacktestOfThePolicyInForceChangesNothing(t *testing.T) {
	for _, name := range pack.Names() {
		j := packJudge(t, name)
		rapid.Check(t, func(r *rapid.T) {
			n := rapid.IntRange(1, 12).Draw(r, "passages")
			s, _ := past(r, t, j, n)
			got, err := gate.Backtest{Judge: j, Draft: j.Policy()}.Passages(t.Context(), s, time.Time{}, time.Time{})
			if err != nil || got.Judged != n || got.Changed != 0 || got.OtherRule != 0 || got.Unrecorded != (gate.BacktestUnrecorded{}) {
				r.Fatalf("%s: %+v, %v", name, got, err)
			}
			if len(got.Under) != 1 || got.Under[0].Hash != j.Policy().Hash() {
				r.Fatalf("under %+v", got.Under)
			}
		})
	}
}

// Every subject stands once in the matrix and once in every table, and a rule
// that only denies changes exactly those that it matches and that were not
// denied: those are found by evaluating the rule alone.
func TestBacktestOfOneMoreDenial(t *testing.T) {
	j := packJudge(t, "paper-baseline")
	draft := draftOf(t, "paper-baseline", strings.Replace(noNewPrivateCars, "    if_unknown: flag\n", "", 1))
	alone := loaded(t, "alone", noNewPrivateCars)
	rapid.Check(t, func(r *rapid.T) {
		s, all := past(r, t, j, 12)
		var want, got []string
		for i, a := range all {
			if a.Verdict.Outcome != policy.Deny && alone.Decide(&a.Facts, nil) == policy.Deny {
				want = append(want, fmt.Sprint("p", i))
			}
		}
		b := gate.Backtest{Judge: j, Draft: draft, Changed: func(c gate.BacktestChange) error {
			if c.After == "deny" {
				if got = append(got, c.ID); c.RuleAfter != "no-new-private-cars" {
					r.Errorf("%+v", c)
				}
			}
			return nil
		}}
		rep, err := b.Passages(t.Context(), s, time.Time{}, time.Time{})
		if err != nil {
			r.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			r.Fatal(d)
		}
		sum, changed := 0, 0
		for i, row := range rep.Matrix {
			sum += row.After.Sum()
			changed += row.After.Sum() - []int{row.After.Grant, row.After.Flag, row.After.Deny}[i]
		}
		if sum != rep.Judged || changed != rep.Changed || rep.Stricter+rep.Milder != rep.Changed || rep.Milder != 0 {
			r.Fatalf("%+v", rep)
		}
		for _, groups := range [][]gate.BacktestGroup{rep.Days, rep.Hours, rep.Classes, rep.Makes, rep.Lanes, rep.Zones} {
			n, up := 0, 0
			for _, g := range groups {
				n += g.Judged
				up += g.Stricter
				if g.Before.Sum() != g.Judged || g.After.Sum() != g.Judged {
					r.Fatalf("%+v", g)
				}
			}
			if n != rep.Judged || up != rep.Stricter {
				r.Fatalf("%+v", groups)
			}
		}
		n := 0
		for _, k := range rep.Rules {
			n += k.Count
		}
		if n != rep.Changed {
			r.Fatalf("%+v", rep.Rules)
		}
	})
}

// loaded is a policy of these rules alone, which flags where none speaks.
func loaded(t testing.TB, id, rules string) *policy.Policy {
	t.Helper()
	p, err := policy.Load(id, fmt.Appendf(nil, "policy: %s\nversion: \"1\"\ntitle: Test\nstatus: in force\ndefault: flag\nmay_change: [security-manager]\nrules:\n%s", id, rules))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Stopped, a back-test gives a prefix of what it would have given, and says so.
func TestBacktestStopped(t *testing.T) {
	j := packJudge(t, "paper-baseline")
	s := storetest.NewMemory()
	n := 0
	for q := range fleet(1000) {
		q.Zone, q.At = policy.ZoneRestricted, assessAt.Add(time.Duration(n)*time.Minute)
		keep(t, s, j, fmt.Sprintf("p%04d", n), "north", q)
		n++
	}
	var all []string
	b := gate.Backtest{Judge: j, Draft: draftOf(t, "paper-baseline", noNewPrivateCars)}
	b.Changed = func(c gate.BacktestChange) error { all = append(all, c.ID); return nil }
	whole, err := b.Passages(t.Context(), s, time.Time{}, time.Time{})
	if err != nil || len(all) != whole.Changed || len(all) < 100 || !slices.IsSorted(all) {
		t.Fatalf("%+v, %v", whole, err)
	}
	// Without the list of all the same examples are told, with the same words.
	b.Changed = nil
	if r, err := b.Passages(t.Context(), s, time.Time{}, time.Time{}); err != nil || cmp.Diff(whole, r, cmp.AllowUnexported(*r)) != "" || r.List[0].Because == "" {
		t.Errorf("%v, %+v", err, r.List)
	}
	enough := errors.New("enough")
	for _, after := range []int{1, 50, len(all)} {
		var got []string
		ctx, stop := context.WithCancel(t.Context())
		b.Changed = func(c gate.BacktestChange) error {
			if got = append(got, c.ID); len(got) == after {
				stop()
			}
			return nil
		}
		r, err := b.Passages(ctx, s, time.Time{}, time.Time{})
		stop()
		if !errors.Is(err, context.Canceled) || !r.Partial || r.Changed != after || r.Judged >= whole.Judged || !slices.Equal(got, all[:after]) {
			t.Errorf("stopped after %d: %d of %d judged, %d changed, %v", after, r.Judged, whole.Judged, r.Changed, err)
		}
		b.Changed = func(gate.BacktestChange) error {
			if after--; after == 0 {
				return enough
			}
			return nil
		}
		if r, err := b.Passages(t.Context(), s, time.Time{}, time.Time{}); !errors.Is(err, enough) || !r.Partial {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// What the policy of then never asked is answered by the graph as of the day of
// the passage, and counted; a draft whose rules were not yet in force says which.
func TestBacktestAsksWhatNoRecordAnswers(t *testing.T) {
	ask := func(from string) *policy.Policy {
		return loaded(t, "asks", fmt.Sprintf(`
  - id: baic-holds-some
    title: A holder from China
    outcome: deny
    instrument: {authority: test, title: test, status: in force, quote: test, link: "https://example.org/", date: "2026-01-01"%s}
    when: {fact: vehicle.maker, share_from: {country: CN, at_least: 5}}
    say: {en: No., pl: Nie., de: Nein.}
`, from))
	}
	j := packJudge(t, "paper-baseline")
	s := storetest.NewMemory()
	e := edge(t, "mercedes_benz_group", "baic")
	e.Until = "2026-10-02"
	later := j.On(with(t, supply.WhatIf{Edges: []supply.Edge{e}}))
	for i, day := range []int{1, 2} {
		keep(t, s, j, fmt.Sprint("p", i), "north", gate.Request{VIN: mercedes, Zone: policy.ZonePublic, Class: policy.ClassPrivate, Market: "EU", At: time.Date(2026, 10, day, 12, 0, 0, 0, time.UTC)})
	}
	r, err := gate.Backtest{Judge: later, Draft: ask("")}.Passages(t.Context(), s, time.Time{}, time.Time{})
	if err != nil || r.Unrecorded != (gate.BacktestUnrecorded{Questions: 2, Subjects: 2}) {
		t.Fatalf("%+v, %v", r, err)
	}
	denied := 0
	for _, d := range r.Days {
		denied += d.After.Deny
	}
	if r.Days[0].After.Deny != 1 || denied < 1 {
		t.Errorf("BAIC held its share on the first of October: %+v", r.Days)
	}
	future := ask(`, from: "2027-01-01"`)
	r, err = gate.Backtest{Judge: later, Draft: future}.Passages(t.Context(), s, time.Time{}, time.Time{})
	if d := cmp.Diff([]gate.BacktestIdle{{Rule: "baic-holds-some", From: "2027-01-01"}}, r.Idle); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	r, err = gate.Backtest{Judge: j, Draft: future, On: time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC)}.Passages(t.Context(), s, time.Time{}, time.Time{})
	if err != nil || len(r.Idle) != 0 || r.Unrecorded.Questions != 2 || r.Matrix[0].After.Deny+r.Matrix[1].After.Deny+r.Matrix[2].After.Deny != 2 {
		t.Errorf("as if on a day of 2027: %+v, %v", r, err)
	}
}

// Requests go through the Judge by both policies; alike vehicles judged once
// count like each of them.
func TestBacktestOfRequests(t *testing.T) {
	j := packJudge(t, "paper-baseline")
	draft := draftOf(t, "paper-baseline", noNewPrivateCars)
	k := j.Under(draft)
	list := slices.Collect(fleet(5000))
	for i := range list {
		list[i].Zone, list[i].At = policy.ZoneRestricted, assessAt
		switch i % 50 {
		case 0:
			list[i].VIN, list[i].Plate = "", fmt.Sprint("PL", i)
		case 1:
			list[i].VIN = list[i].VIN[:8] + "?" + list[i].VIN[9:]
		case 2:
			list[i].Declared = []gate.Declared{{Kind: "module", Value: "EC25-EUX"}}
		}
	}
	var want, got []string
	for i, q := range list {
		if x, y := j.Assess(q), k.Assess(q); x.Verdict.Outcome != y.Verdict.Outcome {
			want = append(want, fmt.Sprintf("%d %s %s %s %s", i+1, x.Verdict.Outcome, y.Verdict.Outcome, y.Verdict.Reasons[0].Rule, y.Verdict.Reasons[0].Because))
		}
	}
	b := gate.Backtest{Judge: j, Draft: draft, Changed: func(c gate.BacktestChange) error {
		got = append(got, fmt.Sprintf("%s %s %s %s %s", c.ID, c.Before, c.After, c.RuleAfter, c.Because))
		return nil
	}}
	each := func(err error, n int) iter.Seq2[gate.BacktestSubject, error] {
		return func(yield func(gate.BacktestSubject, error) bool) {
			for i, q := range list[:n] {
				if !yield(gate.BacktestSubject{ID: fmt.Sprint(i + 1), Request: q}, nil) {
					return
				}
			}
			if err != nil {
				yield(gate.BacktestSubject{}, err)
			}
		}
	}
	r, err := b.Requests(t.Context(), gate.SubjectVehicles, each(nil, len(list)))
	if err != nil || r.Judged != len(list) || r.Changed != len(want) || len(want) < 100 {
		t.Fatalf("%d of %d, %v", r.Changed, len(want), err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	bad := errors.New("line 4201: no request")
	if r, err = b.Requests(t.Context(), gate.SubjectRequests, each(bad, 4200)); !errors.Is(err, bad) || r.Judged != 4200 || !r.Partial {
		t.Errorf("%d judged, %v", r.Judged, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	b.Progress = func(int) { stop() }
	if r, err = b.Requests(ctx, gate.SubjectRequests, each(nil, len(list))); !errors.Is(err, context.Canceled) || r.Judged != 4096 || !r.Partial {
		t.Errorf("%d judged, %v", r.Judged, err)
	}
}

// A report without names holds no VIN and no plate, not even where a rule is
// on the VIN itself.
func TestBacktestWithholdsNames(t *testing.T) {
	rule := `
  - id: that-one
    title: That one
    outcome: deny
    instrument: {authority: test, title: test, status: in force, quote: test, link: "https://example.org/", date: "2026-01-01"}
    when: {fact: vehicle.vin, is: 2HGEJ6672WH500001}
    say: {en: No., pl: Nie., de: Nein.}
`
	j := packJudge(t, "paper-baseline")
	s := storetest.NewMemory()
	keep(t, s, j, "p1", "north", gate.Request{VIN: "2HGEJ6672WH500001", Plate: "WX 12345", Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "EU", At: assessAt})
	for _, named := range []bool{false, true} {
		b := gate.Backtest{Judge: j, Draft: draftOf(t, "paper-baseline", rule), Named: named}
		r, err := b.Passages(t.Context(), s, time.Time{}, time.Time{})
		if err != nil || r.Changed != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		doc, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"2HGEJ6672WH500001", "12345"} {
			if strings.Contains(string(doc), name) != named {
				t.Errorf("named %t: %s", named, doc)
			}
		}
	}
}
