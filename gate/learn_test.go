package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/vin/telematics"
)

// serial is a vehicle of the same kind as the VIN, with another serial number
// and its check digit (49 CFR 565.15).
func serial(vin string, n int) string {
	b := []byte(vin)
	copy(b[11:], fmt.Sprintf("%06d", n))
	weights := [17]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}
	sum := 0
	for i, c := range b {
		v := int(c - '0')
		if c >= 'A' {
			v = int("12345678-12345-7-923456789"[c-'A'] - '0')
		}
		sum += v * weights[i]
	}
	b[8] = "0123456789X"[sum%11]
	return string(b)
}

// several are inspections of different vehicles of one kind, by three people on
// five days.
func several(vin string, from, n int, changes ...change) []gate.Inspection {
	var list []gate.Inspection
	for i := from; i < from+n; i++ {
		c := append([]change{id(fmt.Sprint("s", vin[:3], i)), by([]string{"anna", "jan", "maria"}[i%3]), later(i % 5)}, changes...)
		list = append(list, inspected(serial(vin, i), "fcc_id", quectel, c...))
	}
	return list
}

func record(t testing.TB, m *storetest.Memory, list ...gate.Inspection) {
	t.Helper()
	for _, in := range list {
		if err := m.RecordInspection(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if len(in.Acts) > 0 {
			if err := m.RecordInspectionActs(t.Context(), in.Acts...); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func learning(t testing.TB, j *gate.Judge, m *storetest.Memory, change ...func(*gate.LearningConfig)) *gate.Learning {
	t.Helper()
	cfg := gate.LearningConfig{Judge: j, Store: m, Rules: rules}
	for _, f := range change {
		f(&cfg)
	}
	l, err := gate.NewLearning(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// observed lists what inspections of others say of a vehicle's units.
func observed(a gate.Assessment) []string {
	var out []string
	for _, u := range a.Facts.Units {
		for _, c := range u.Candidates {
			for _, s := range c.Sources {
				if s.ID == "inspections" {
					out = append(out, fmt.Sprintf("%s: %s %s %s: %s", u.Role, c.MakerName, c.Model.Value, c.Certainty, s.Quote))
				}
			}
		}
	}
	return out
}

// What was read in vehicles of a kind is told of the next one of it, and is
// gone with an inspection that was withdrawn.
func TestLearning(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	m := storetest.NewMemory()
	list := several(ex30, 10, 6)
	record(t, m, list[:4]...)
	l := learning(t, j, m)
	next := gate.Request{VIN: ex30, Zone: policy.ZoneRestricted, At: assessAt}
	if got := observed(l.Assess(next)); got != nil || l.Counted() != 4 {
		t.Fatalf("after four: %q, %d counted", got, l.Counted())
	}
	// Recorded while the site runs.
	record(t, m, list[4:]...)
	for _, in := range list[4:] {
		if err := l.Changed(t.Context(), strings.ToLower(in.VIN)); err != nil {
			t.Fatal(err)
		}
	}
	a := l.Assess(next)
	got := observed(a)
	if len(got) == 0 || !strings.HasPrefix(got[0], "tcu: Quectel AG525R-GL observed: 6 of 6 inspected at this site, 22–26 Oct 2026; 95 % bounds ") {
		t.Errorf("after six: %q", got)
	}
	if a.Verdict.Outcome != policy.Flag {
		t.Errorf("a share alone decides: %s", a.Verdict.Outcome)
	}
	if b := j.Assess(next); observed(b) != nil {
		t.Error("the Judge itself has learnt")
	}
	// Two are withdrawn, one of them after its unit was replaced: four are left.
	if err := m.RecordInspectionActs(t.Context(), gate.InspectionAct{Inspection: list[0].ID, Kind: gate.InspectionTCUReplaced, By: "maria", At: assessAt, Note: "n"}); err != nil {
		t.Fatal(err)
	}
	change := func(in gate.Inspection) []string {
		t.Helper()
		if err := l.Changed(t.Context(), in.VIN); err != nil {
			t.Fatal(err)
		}
		return observed(l.Assess(next))
	}
	if got := change(list[0]); !strings.Contains(fmt.Sprint(got), "6 of 6") {
		t.Errorf("an inspection whose unit was replaced since no longer counts: %q", got)
	}
	for i, in := range list[:2] {
		if err := m.RecordInspectionActs(t.Context(), gate.InspectionAct{Inspection: in.ID, Kind: gate.InspectionWithdrawn, By: "maria", At: assessAt, Note: "n"}); err != nil {
			t.Fatal(err)
		}
		got := change(in)
		if i == 0 && !strings.Contains(fmt.Sprint(got), "5 of 5") || i == 1 && got != nil {
			t.Errorf("after %d withdrawn: %q", i+1, got)
		}
	}
	// What was counted step by step is what a new start counts.
	if d := cmp.Diff(learning(t, j, m).Shares().Groups("", ""), l.Shares().Groups("", "")); d != "" {
		t.Errorf("a new start counts otherwise:\n%s", d)
	}
}

func TestWhichInspectionsCount(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	two := func(c *gate.LearningConfig) { c.Rules.TwoPeople = policy.ZoneRestricted }
	for _, tc := range []struct {
		name    string
		changes []change
		terms   []func(*gate.LearningConfig)
		want    string // inspected, found by maker, none, unread, could not tell
	}{
		{"as found", nil, nil, "6 [Quectel 6] none 0 unread 0 silent 0"},
		{"expired", []change{func(in *gate.Inspection) { in.Expires = in.At.AddDate(0, 0, 1) }}, nil, "6 [Quectel 6] none 0 unread 0 silent 0"},
		{"voided by another owner", []change{act(gate.InspectionOwner, "maria", 2)}, nil, "6 [Quectel 6] none 0 unread 0 silent 0"},
		{"withdrawn", []change{act(gate.InspectionWithdrawn, "maria", 2)}, nil, ""},
		{"voided, then withdrawn", []change{act(gate.InspectionRecalled, "maria", 2), act(gate.InspectionWithdrawn, "maria", 3)}, nil, ""},
		{"of a device", []change{device}, nil, ""},
		{"a dealer's word", []change{kind(gate.KindDealer)}, nil, ""},
		{"the maker's word", []change{kind(gate.KindMaker)}, nil, ""},
		{"isolated", []change{result(gate.ResultIsolated)}, nil, "6 [Quectel 6] none 0 unread 0 silent 0"},
		{"removed", []change{result(gate.ResultRemoved)}, nil, "6 [Quectel 6] none 0 unread 0 silent 0"},
		{"none", []change{result(gate.ResultNone), text("")}, nil, "6 [] none 6 unread 0 silent 0"},
		{"could not tell", []change{result(gate.ResultUnclear)}, nil, "0 [] none 0 unread 0 silent 6"},
		{"a label that names nobody", []change{text("SERIAL 12345")}, nil, "6 [] none 0 unread 6 silent 0"},
		{"a bus id alone", []change{func(in *gate.Inspection) { in.Read, in.Text = []gate.Reading{{Kind: "usb_id", Value: "1199"}}, "" }}, nil, "6 [] none 0 unread 6 silent 0"},
		{"two makers on one label", []change{func(in *gate.Inspection) {
			in.Read = []gate.Reading{{Kind: "module", Value: "EC25-EUX"}, {Kind: "module", Value: telit}}
		}}, nil, "6 [] none 0 unread 6 silent 0"},
		{"one person where two are asked for", nil, []func(*gate.LearningConfig){two}, ""},
		{"confirmed by a second", []change{act(gate.InspectionConfirmed, "ewa", 1)}, []func(*gate.LearningConfig){two}, "6 [Quectel 6] none 0 unread 0 silent 0"},
		{"a kind of vehicle that nobody can name", []change{func(in *gate.Inspection) { in.VIN = "ZZZ" + in.VIN[3:] }}, nil, ""},
		{"as described on the day", []change{func(in *gate.Inspection) {
			in.Vehicle = gate.InspectedVehicle{Make: "VOLVO", Model: "EX30", ModelYear: 2025, Market: "PL"}
		}}, nil, "6 [Quectel 6] none 0 unread 0 silent 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := storetest.NewMemory()
			record(t, m, several(ex30, 10, 6, tc.changes...)...)
			got := ""
			if g := learning(t, j, m, tc.terms...).Shares().Groups("", ""); len(g) > 0 {
				var by []string
				for _, s := range g[0].Makers {
					by = append(by, fmt.Sprint(s.Maker, " ", s.Found))
				}
				got = fmt.Sprintf("%d %v none %d unread %d silent %d", g[0].Inspected, by, g[0].None.Found, g[0].Unread, g[0].CouldNotTell)
			}
			if got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// What was found in other vehicles raises, and lifts no denial.
func TestSharesLiftNoDenial(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	m := storetest.NewMemory()
	record(t, m, several(modelX, 10, 60, func(in *gate.Inspection) { in.Read = []gate.Reading{{Kind: "module", Value: telit}} })...)
	l := learning(t, j, m)
	r := gate.Request{VIN: modelX, Zone: policy.ZoneRestricted, At: assessAt}
	if got := j.Assess(r).Verdict.Outcome; got != policy.Deny {
		t.Fatalf("without shares: %s", got)
	}
	a := l.Assess(r)
	if a.Verdict.Outcome != policy.Deny || !strings.Contains(strings.Join(a.Notes, "\n"), "lift no denial") {
		t.Errorf("with sixty others: %s, %q", a.Verdict.Outcome, a.Notes)
	}
	if got := l.Shares().Merge(telematics.Query{Make: "TESLA", Model: "Model X", Year: 2021}, telematics.Answer{}); len(got.Units) != 1 {
		t.Errorf("nothing was learnt: %+v", got)
	}
	// Seven in which none was found: nothing becomes a fact.
	m = storetest.NewMemory()
	record(t, m, several(ex30, 10, 7, result(gate.ResultNone), text(""))...)
	a = learning(t, j, m).Assess(gate.Request{VIN: ex30, Zone: policy.ZoneRestricted, At: assessAt})
	b := j.Assess(gate.Request{VIN: ex30, Zone: policy.ZoneRestricted, At: assessAt})
	if d := cmp.Diff(b.Facts.Modem, a.Facts.Modem); d != "" || a.Verdict.Outcome != b.Verdict.Outcome {
		t.Errorf("none found in seven others changed the facts of this one:\n%s", d)
	}
}

// A verdict under shares can be computed again from its record alone.
func TestReplayUnderShares(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	m := storetest.NewMemory()
	record(t, m, several(ex30, 10, 12)...)
	a := learning(t, j, m).Assess(gate.Request{VIN: ex30, Zone: policy.ZoneRestricted, At: assessAt})
	if observed(a) == nil {
		t.Fatal("nothing was learnt")
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var kept gate.Assessment
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(a.Verdict)
	got, _ := json.Marshal(gate.Replay(j.Policy(), kept))
	if string(want) != string(got) {
		t.Errorf("replayed: %s, was %s", got, want)
	}
}

// What leaves the site names no vehicle and nobody.
func TestLearningExport(t *testing.T) {
	m := storetest.NewMemory()
	list := append(several(ex30, 100, 40), several(modelX, 200, 30, text("FCC ID: XMR202003AG525RGL\nS/N WVWZZZ1KZAW000001"))...)
	record(t, m, list...)
	l := learning(t, packJudge(t, pack.PaperBaseline), m)
	agg, err := l.Export("north gate", assessAt)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(agg)
	if err != nil {
		t.Fatal(err)
	}
	if len(agg.Groups) < 4 || !strings.Contains(string(text), "AG525R-GL") {
		t.Fatalf("too little is exported: %s", text)
	}
	for _, in := range list {
		for _, s := range []string{in.VIN, in.VIN[11:], in.ID, `"` + in.By, in.By + `"`} {
			if s != "" && strings.Contains(string(text), s) {
				t.Errorf("%q leaves the site", s)
			}
		}
	}
	if m := regexp.MustCompile(`[A-Za-z0-9]{17}`).Find(text); m != nil {
		t.Errorf("%q leaves the site", m)
	}
	// Another site shows it as that site's.
	other := learning(t, packJudge(t, pack.PaperBaseline), storetest.NewMemory(), func(c *gate.LearningConfig) { c.Others = []telematics.Aggregate{agg} })
	got := observed(other.Assess(gate.Request{VIN: ex30, Zone: policy.ZoneRestricted, At: assessAt}))
	if len(got) == 0 || !strings.Contains(got[0], "reported: 40 of 40 inspected at site north gate") {
		t.Errorf("another site shows %q", got)
	}
	if len(other.Shares().Groups("", "")) != 0 {
		t.Error("another site's inspections are counted here")
	}
	// So it does when it comes in while the site runs, and after a Rebuild.
	late := learning(t, packJudge(t, pack.PaperBaseline), storetest.NewMemory())
	if err := errors.Join(late.Adopt(agg), late.Adopt(agg), late.Rebuild(t.Context())); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, observed(late.Assess(gate.Request{VIN: ex30, Zone: policy.ZoneRestricted, At: assessAt}))); d != "" {
		t.Errorf("adopted later, it shows otherwise:\n%s", d)
	}
	agg.Groups[0].Inspected++
	if err := late.Adopt(agg); !errors.Is(err, telematics.ErrAggregate) {
		t.Errorf("counts that do not add up were adopted: %v", err)
	}
}

// broken is a store that cannot be read.
type broken struct {
	*storetest.Memory
	err error
}

func (b *broken) EachInspection(ctx context.Context, take func(gate.Inspection) error) error {
	if b.err != nil {
		return b.err
	}
	return b.Memory.EachInspection(ctx, take)
}

func (b *broken) InspectionHistory(ctx context.Context, vin string) ([]gate.Inspection, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.Memory.InspectionHistory(ctx, vin)
}

func TestLearningFromABrokenStore(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	b := &broken{Memory: storetest.NewMemory(), err: errors.New("disk broken on purpose")}
	if _, err := gate.NewLearning(t.Context(), gate.LearningConfig{Judge: j, Store: b, Rules: rules}); !errors.Is(err, b.err) {
		t.Errorf("at the start: %v", err)
	}
	b.err = nil
	list := several(ex30, 10, 6)
	record(t, b.Memory, list...)
	l, err := gate.NewLearning(t.Context(), gate.LearningConfig{Judge: j, Store: b, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	want := l.Shares()
	b.err = errors.New("disk broken on purpose")
	if err := errors.Join(l.Changed(t.Context(), list[0].VIN), l.Rebuild(t.Context())); !errors.Is(err, b.err) {
		t.Errorf("later: %v", err)
	}
	if l.Shares() != want || l.Counted() != 6 {
		t.Error("what was counted does not stand after an error")
	}
	// Retention erased all: the next Rebuild counts none.
	b.err = nil
	b.Memory = storetest.NewMemory()
	if err := l.Rebuild(t.Context()); err != nil || l.Counted() != 0 || len(l.Shares().Groups("", "")) != 0 {
		t.Errorf("after erasure %d are counted, %v", l.Counted(), err)
	}
}

// Requests are decided while inspections are counted, each by the shares of one
// moment.
func TestLearningWhileDeciding(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	m := storetest.NewMemory()
	l := learning(t, j, m)
	next := gate.Request{VIN: ex30, Zone: policy.ZoneRestricted, At: assessAt}
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for _, s := range observed(l.Assess(next)) {
					var n, of int
					if i := strings.Index(s, "observed: "); i >= 0 {
						if _, err := fmt.Sscanf(s[i:], "observed: %d of %d inspected", &n, &of); err != nil || n != of {
							t.Errorf("half-counted: %s", s)
						}
					}
				}
			}
		})
	}
	for _, in := range several(ex30, 10, 25) {
		record(t, m, in)
		if err := l.Changed(t.Context(), in.VIN); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
	if l.Counted() != 25 {
		t.Errorf("%d counted", l.Counted())
	}
}

func BenchmarkAssessObserved(b *testing.B) {
	j := packJudge(b, pack.PaperBaseline)
	m := storetest.NewMemory()
	list := slices.Concat(several(ex30, 10, 20), several(modelX, 50, 20))
	record(b, m, list...)
	l := learning(b, j, m)
	for _, r := range []struct {
		name string
		vin  string
	}{{"nothing-documented", ex30}, {"documented", modelX}} {
		b.Run(r.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Assess(gate.Request{VIN: r.vin, Zone: policy.ZoneRestricted, At: assessAt})
			}
		})
	}
}
