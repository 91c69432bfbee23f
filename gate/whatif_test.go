package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/vin"
)

func supplyGraph(t testing.TB) *supply.Graph {
	t.Helper()
	g, err := supply.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// edge is an edge of the embedded graph between two parties.
func edge(t testing.TB, from, to string) supply.Edge {
	t.Helper()
	for _, e := range supplyGraph(t).Edges() {
		if e.From == from && e.To == to && (e.Kind == supply.OwnedBy || e.Kind == supply.ControlledBy) {
			return e
		}
	}
	t.Fatalf("no edge from %s to %s", from, to)
	return supply.Edge{}
}

func with(t testing.TB, w supply.WhatIf) *supply.Graph {
	t.Helper()
	g, err := supplyGraph(t).With(w)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// supposed is the source of rows that a test supposes.
var supposed = supply.Ref{Source: "what if", Certainty: "reviewed"}

func percent(v float64) *float64 { return &v }

const mercedes = "W1KLF6DB2TA000001"

// A change of owner on a day judges arrivals from that day on otherwise, and
// those before as they were.
func TestAChangeOfOwnerCountsFromItsDay(t *testing.T) {
	gone := func(day string) supply.WhatIf {
		e := edge(t, "mercedes_benz_group", "baic")
		e.Until = day
		return supply.WhatIf{Edges: []supply.Edge{e}}
	}
	sold := func(day string) supply.WhatIf {
		return supply.WhatIf{Edges: []supply.Edge{{
			ID: "what-if", From: "telit_cinterion", To: "quectel", Kind: supply.OwnedBy, Share: percent(100), Since: day,
			Ref: supposed,
		}}}
	}
	for _, tc := range []struct {
		name, pack     string
		change         func(day string) supply.WhatIf
		q              gate.Request
		before, after  policy.Outcome
		earliest, last string // arrivals; the owners of before the first are not known
	}{
		{"BAIC sells its share of Mercedes", "us-s4429-proposed", gone, gate.Request{VIN: mercedes, Market: "EU"}, policy.Deny, policy.Flag, "2025-01-01", "2026-12-31"},
		{"Telit Cinterion is sold to Quectel", "paper-baseline", sold,
			gate.Request{VIN: "2HGEJ6672WH500001", Market: "US", Declared: []gate.Declared{{Kind: "module", Value: "Telit LE940B6-NA"}}}, 0, policy.Deny, "2023-01-01", "2026-12-31"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j := packJudge(t, tc.pack)
			tc.q.Zone, tc.q.Class = policy.ZoneRestricted, policy.ClassPrivate
			at := func(j *gate.Judge, when time.Time) policy.Outcome {
				q := tc.q
				q.At = when
				return j.Assess(q).Verdict.Outcome
			}
			first, _ := time.Parse(time.DateOnly, tc.earliest)
			last, _ := time.Parse(time.DateOnly, tc.last)
			days := int(last.Sub(first).Hours() / 24)
			rapid.Check(t, func(r *rapid.T) {
				d := first.AddDate(0, 0, rapid.IntRange(1, days-1).Draw(r, "day of the change"))
				k := j.On(with(t, tc.change(d.Format(time.DateOnly))))
				for _, when := range []time.Time{
					first.Add(time.Duration(rapid.IntRange(0, days*24*3600).Draw(r, "arrival")) * time.Second),
					d.Add(-time.Second), d, d.AddDate(0, 0, 1),
				} {
					got, was := at(k, when), at(j, when)
					switch {
					case tc.before != 0 && was != tc.before:
						r.Fatalf("on %s, by the graph in force: %s", when, was)
					case when.Before(d) && got != was:
						r.Fatalf("changed on %s, arrived on %s: %s became %s", d, when, was, got)
					case !when.Before(d) && (got != tc.after || got == was):
						r.Fatalf("changed on %s, arrived on %s: %s stayed %s, want %s", d, when, was, got, tc.after)
					}
				}
			})
		})
	}
}

// fleet is n vehicles of a site's list: of real makes, plants and patterns,
// with serials, years, classes and markets drawn from a seed.
func fleet(n int) iter.Seq[gate.Request] {
	prefixes := []string{"5YJXCAE42", "5YJ3E1EA2", "LRW3E7FAX", "YV4EK3ZL7", "7SYFE3YB8", "W1KLF6DB2", "LGXC76C48", "1FTNE24L7", "4V4NC9EH6", "2HGEJ6672", "UU1DBG005", "WVWZZZ1KZ"}
	plants := []string{"F", "A", "C", "S", "B", "0", "H", "N", "M", "W"}
	return func(yield func(gate.Request) bool) {
		r := rand.New(rand.NewPCG(7, 8))
		for range n {
			v := []byte(fmt.Sprintf("%s%c%s%06d", prefixes[r.IntN(len(prefixes))], "JKLMNPRSTV"[r.IntN(10)], plants[r.IntN(len(plants))], r.IntN(1_000_000)))
			if c, ok := vin.CheckDigit(string(v)); ok && v[0] != 'W' && v[0] != 'U' {
				v[8] = c
			}
			if !yield(gate.Request{VIN: string(v), Class: classes[1+r.IntN(3)], Market: []string{"EU", "US"}[r.IntN(2)]}) {
				return
			}
		}
	}
}

func suppose(t testing.TB, j *gate.Judge, g *supply.Graph) gate.WhatIf {
	t.Helper()
	return gate.WhatIf{Before: j, After: g, Zone: policy.ZoneRestricted, Class: policy.ClassPrivate, Market: "EU", At: assessAt}
}

// Judging every group of vehicles alike once gives what judging each vehicle
// gives.
func TestWhatIfGroupsAsEachVehicle(t *testing.T) {
	e := edge(t, "mercedes_benz_group", "baic")
	e.Share = percent(60)
	bought := func(from, to string) supply.Edge {
		return supply.Edge{ID: "what-if/" + from, From: from, To: to, Kind: supply.OwnedBy, Share: percent(100), Ref: supposed}
	}
	g := with(t, supply.WhatIf{
		Edges:     []supply.Edge{e, bought("tesla", "baic"), bought("telit_cinterion", "quectel")},
		DropEdges: []string{edge(t, "volvo_cars", "geely_holding").ID},
	})
	outcomes := 0
	for _, name := range []string{"paper-baseline", "us-s4429-proposed"} {
		j := packJudge(t, name)
		k := j.On(g)
		w := suppose(t, j, g)
		list := slices.Collect(fleet(600))
		for i := range list {
			switch i % 40 {
			case 0:
				list[i].VIN, list[i].Plate = "", fmt.Sprint("PL", i)
			case 1:
				list[i].VIN = list[i].VIN[:8] + "?" + list[i].VIN[9:]
			case 2:
				list[i].Declared = []gate.Declared{{Kind: "module", Value: "EC25-EUX"}}
			}
		}
		r, err := w.Run(context.Background(), slices.Values(list), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]gate.Rejudged{}
		for _, l := range r.List {
			if l.Kind == gate.WhatIfVehicle {
				got[l.ID] = l
			}
		}
		changed := 0
		for _, q := range list {
			q.Zone, q.At = policy.ZoneRestricted, assessAt
			a, b := j.Assess(q), k.Assess(q)
			id := q.VIN
			if id == "" {
				id = q.Plate
			}
			l, ok := got[id]
			if a.Verdict.Outcome != b.Verdict.Outcome {
				changed++
				if !ok || l.Before != a.Verdict.Outcome.String() || l.After != b.Verdict.Outcome.String() || l.Because != b.Verdict.Reasons[0].Because || l.Was != a.Verdict.Reasons[0].Because {
					t.Errorf("%s: %s: %s became %s, reported %+v", name, id, a.Verdict.Outcome, b.Verdict.Outcome, l)
				}
			} else if ok && l.Before != l.After {
				t.Errorf("%s: %s stays %s, reported %+v", name, id, a.Verdict.Outcome, l)
			}
		}
		if n := r.Vehicles.Raised + r.Vehicles.Lowered; n != changed || r.Vehicles.Judged != len(list) || changed+r.Vehicles.Reasons == 0 {
			t.Errorf("%s: %+v, want %d changed of %d", name, r.Vehicles, changed, len(list))
		}
		if r.Makes.Judged == 0 || r.Rows.Judged < r.Makes.Judged || r.Rows.Raised+r.Rows.Lowered+r.Rows.Reasons == 0 {
			t.Errorf("%s: makes %+v, rows %+v", name, r.Makes, r.Rows)
		}
		outcomes += changed
	}
	if outcomes == 0 {
		t.Error("no outcome changed: choose another change")
	}
}

// Past passages are judged again from their records; those to which the change
// says nothing keep their verdict even where the graph in force is another than
// it was on their day.
func TestWhatIfOfPassages(t *testing.T) {
	j := packJudge(t, "us-s4429-proposed")
	record := func(n int, v string, at time.Time, j *gate.Judge) gate.WhatIfPast {
		a := j.Assess(gate.Request{VIN: v, Zone: policy.ZoneRestricted, Class: policy.ClassPrivate, Market: "EU", At: at})
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back gate.Assessment
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		return gate.WhatIfPast{Passage: gate.PassageID(fmt.Sprint("p", n)), At: at, Result: back}
	}
	october := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	baseline := packJudge(t, "paper-baseline")
	// What an older edition of the graph said: Volvo Cars was nobody's.
	older := j.On(with(t, supply.WhatIf{DropEdges: []string{edge(t, "volvo_cars", "geely_holding").ID}}))
	past := []gate.WhatIfPast{
		record(1, mercedes, october.AddDate(0, 0, -1), j),
		record(2, mercedes, october, j),
		record(3, "5YJXCAE42MF000001", october, j),
		record(4, "YV4EK3ZL7SS000001", october, older),
		record(5, mercedes, october, baseline),
		{Passage: "p6", At: october},
	}
	e := edge(t, "mercedes_benz_group", "baic")
	e.Until = "2026-10-01"
	w := suppose(t, j, with(t, supply.WhatIf{Edges: []supply.Edge{e}}))
	r, err := w.Run(context.Background(), nil, slices.Values(past))
	if err != nil {
		t.Fatal(err)
	}
	r.List = slices.DeleteFunc(r.List, func(l gate.Rejudged) bool { return l.Kind != gate.WhatIfPassage })
	if len(r.List) != 1 || r.List[0].ID != "p2" || r.List[0].Before != "deny" || r.List[0].After != "flag" || r.List[0].Day != "2026-10-01" {
		t.Errorf("%+v", r.List)
	}
	if want := (gate.WhatIfCount{Judged: 4, Lowered: 1, Passed: 2}); r.Passages != want {
		t.Errorf("%+v, want %+v", r.Passages, want)
	}
	w.Policy = func(hash string) *policy.Policy {
		if hash == baseline.Policy().Hash() {
			return baseline.Policy()
		}
		return nil
	}
	if r, err = w.Run(context.Background(), nil, slices.Values(past)); err != nil || r.Passages.Judged != 5 || r.Passages.Passed != 1 {
		t.Errorf("with the other policy at hand: %+v, %v", r.Passages, err)
	}
}

// A change of what no vehicle has to do with changes nothing.
func TestWhatIfOfNothing(t *testing.T) {
	j := packJudge(t, "paper-baseline")
	g := with(t, supply.WhatIf{
		Parties: []supply.Party{{ID: "x", Name: "X", Kind: "company", Country: "CN", Ref: supposed}, {ID: "y", Name: "Y", Kind: "company", Country: "US", Ref: supposed}},
		Edges:   []supply.Edge{{ID: "x/y", From: "y", To: "x", Kind: supply.OwnedBy, Share: percent(100), Ref: supposed}},
	})
	var past []gate.WhatIfPast
	for i, v := range vehicles {
		past = append(past, gate.WhatIfPast{Passage: gate.PassageID(fmt.Sprint(i)), Result: j.Assess(gate.Request{VIN: v, Zone: policy.ZoneRestricted, At: assessAt})})
	}
	r, err := suppose(t, j, g).Run(context.Background(), fleet(300), slices.Values(past))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]gate.Rejudged{}, r.List); diff != "" {
		t.Error(diff)
	}
	if r.Vehicles.Judged != 300 || r.Passages.Judged != len(vehicles) {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := suppose(t, j, g).Run(ctx, fleet(300), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// BenchmarkWhatIf asks what a changed share would change for 100,000 registered
// vehicles: the budget is 2 s.
func BenchmarkWhatIf(b *testing.B) {
	e := edge(b, "mercedes_benz_group", "baic")
	e.Share = percent(60)
	g := with(b, supply.WhatIf{Edges: []supply.Edge{e}})
	j := packJudge(b, "paper-baseline")
	list := slices.Collect(fleet(100_000))
	b.ReportAllocs()
	for b.Loop() {
		r, err := suppose(b, j, g).Run(context.Background(), slices.Values(list), nil)
		if err != nil || r.Vehicles.Judged != len(list) || r.Vehicles.Raised+r.Vehicles.Reasons == 0 {
			b.Fatalf("%+v, %v", r.Vehicles, err)
		}
	}
}

// A rule on one VIN tells that vehicle apart from others of its kind.
func TestWhatIfUnderARuleOnTheVIN(t *testing.T) {
	one := gate.Request{VIN: mustVIN(t, "5YJXCAE4?MF000001")}
	list := []gate.Request{one}
	for i := range 50 {
		list = append(list, gate.Request{VIN: mustVIN(t, fmt.Sprintf("5YJXCAE4?MF%06d", i+2))})
	}
	p, err := policy.Load("one.yaml", fmt.Appendf(nil, `
policy: one-vehicle
version: "1"
title: A rule on one vehicle
status: in force
default: flag
may_change: [security-manager]
rules:
  - id: one
    title: The one vehicle, if its maker is Chinese
    outcome: deny
    instrument: {authority: test, title: test, status: in force, quote: test, link: "https://example.org/", date: "2026-01-01"}
    when:
      all:
        - {fact: vehicle.vin, is: %s}
        - {fact: vehicle.maker, controlled_from: {country: CN, at_least: 50}}
    say: {en: No., pl: Nie., de: Nein.}
`, one.VIN))
	if err != nil {
		t.Fatal(err)
	}
	base := packJudge(t, "paper-baseline")
	j := base.Under(p)
	g := with(t, supply.WhatIf{Edges: []supply.Edge{{ID: "w", From: "tesla", To: "baic", Kind: supply.OwnedBy, Share: percent(100), Ref: supposed}}})
	r, err := suppose(t, j, g).Run(context.Background(), slices.Values(list), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Vehicles.Raised != 1 || r.List[len(r.List)-1].ID != one.VIN {
		t.Errorf("%+v: %+v", r.Vehicles, r.List)
	}
}

// mustVIN puts the check digit in the place of the question mark.
func mustVIN(t *testing.T, pattern string) string {
	t.Helper()
	c, ok := vin.CheckDigit(pattern[:8] + "0" + pattern[9:])
	if !ok {
		t.Fatalf("%s has no check digit", pattern)
	}
	return pattern[:8] + string(c) + pattern[9:]
}

// The threat level at which arrivals are supposed is the one given, the normal
// one too; none given leaves each at its own.
func TestWhatIfAtAPosture(t *testing.T) {
	p, err := policy.Load("posture", []byte(`
policy: posture
version: "1"
title: A rule of a raised threat
status: in force
default: flag
may_change: [security-manager]
rules:
  - id: raised
    title: A Chinese maker, while the threat is raised
    outcome: deny
    instrument: {authority: test, title: test, status: in force, quote: test, link: "https://example.org/", date: "2026-01-01"}
    when:
      all:
        - {fact: site.posture, at_least: 2}
        - {fact: vehicle.maker, controlled_from: {country: CN, at_least: 50}}
    say: {en: No., pl: Nie., de: Nein.}
`))
	if err != nil {
		t.Fatal(err)
	}
	j := packJudge(t, "paper-baseline").Under(p)
	g := with(t, supply.WhatIf{Edges: []supply.Edge{{ID: "w", From: "tesla", To: "baic", Kind: supply.OwnedBy, Share: percent(100), Ref: supposed}}})
	normal, raised := 0, 2
	for _, tc := range []struct {
		name    string
		posture *int
		own     int
		denied  int
	}{
		{"normal, of a vehicle that came at another", &normal, 2, 0},
		{"raised, of a vehicle that came at the normal one", &raised, 0, 1},
		{"not said, at the normal one", nil, 0, 0},
		{"not said, at another", nil, 2, 1},
	} {
		w := suppose(t, j, g)
		w.Posture = tc.posture
		r, err := w.Run(context.Background(), slices.Values([]gate.Request{{VIN: "5YJXCAE42MF000001", Posture: tc.own}}), nil)
		if err != nil || r.Vehicles.Judged != 1 || r.Vehicles.Raised != tc.denied {
			t.Errorf("%s: %+v, %v", tc.name, r.Vehicles, err)
		}
	}
}
