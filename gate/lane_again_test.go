package gate_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/rf"
)

// An act is about the verdict that the person saw. Where the rules, the threat
// level or the data change what is on the screen while a finger is on its way,
// nothing is done, whichever way the verdict went; where deciding again changes
// nothing that a person acts on, the act holds.
func TestActIsAboutTheVerdictSeen(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after policy.Verdict
		stale         bool
	}{
		"lowered":          {policy.Verdict{Outcome: policy.Flag}, policy.Verdict{Outcome: policy.Grant}, true},
		"raised":           {policy.Verdict{Outcome: policy.Grant}, policy.Verdict{Outcome: policy.Flag}, true},
		"another reason":   {flagBy("a", "why"), flagBy("b", "why"), true},
		"said otherwise":   {flagBy("a", "why"), flagBy("a", "another"), true},
		"another question": {policy.Verdict{Outcome: policy.Flag, Open: []policy.OpenQuestion{{Ask: "x"}}}, policy.Verdict{Outcome: policy.Flag}, true},
		"a condition":      {policy.Verdict{Outcome: policy.Flag}, policy.Verdict{Outcome: policy.Flag, Conditions: []string{"escort"}}, true},
		"a presumption":    {policy.Verdict{Outcome: policy.Flag}, policy.Verdict{Outcome: policy.Flag, Presumed: true}, true},
		"only the edition": {policy.Verdict{Outcome: policy.Flag, Policy: "p@1"}, policy.Verdict{Outcome: policy.Flag, Policy: "p@2"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var changed atomic.Bool
				y := startYard(t, storetest.NewMemory(), gate.AssessorFunc(func(r gate.Request) gate.Assessment {
					a := gate.Assessment{VIN: r.VIN, Vehicle: gate.VehicleView{Valid: true}, Verdict: tt.before}
					if changed.Load() {
						a.Verdict = tt.after
					}
					a.Facts.At = r.At
					return a
				}), nil)
				defer y.close()
				id := y.arrive("V1")
				seen := y.view()
				if seen.Decision != 1 || seen.Again != "" {
					t.Fatalf("the first decision is number %d, again %q", seen.Decision, seen.Again)
				}
				changed.Store(true)
				if err := y.c.Changed(t.Context(), "posture"); err != nil {
					t.Fatal(err)
				}
				act := gate.Act{Kind: gate.ActOpen, Passage: id, By: "jan", Reason: "seen", Seen: seen.Decision}
				err := y.c.Act(t.Context(), "north", act)
				if tt.stale != errors.Is(err, gate.ErrDecidedAgain) || !tt.stale && err != nil {
					t.Fatalf("an act on what was on the screen: %v", err)
				}
				now := y.view()
				if !tt.stale {
					if now.Decision != 1 || now.Again != "" {
						t.Errorf("nothing changed, and it is decision %d, again %q", now.Decision, now.Again)
					}
					return
				}
				if n := count(y.store.Trace(), "arm"); n != 0 || now.State != gate.Waiting {
					t.Fatalf("%d commands, lane is %s", n, now.State)
				}
				if now.Decision != 2 || now.Again != "posture" {
					t.Errorf("decision %d, again %q", now.Decision, now.Again)
				}
				act.Seen = now.Decision
				if err := y.c.Act(t.Context(), "north", act); err != nil {
					t.Errorf("an act on what is on the screen: %v", err)
				}
				if next := y.arrive("V2"); next == id || y.view().Decision != 1 || y.view().Again != "" {
					t.Errorf("the next vehicle begins with decision %d, again %q", y.view().Decision, y.view().Again)
				}
			})
		})
	}
}

func flagBy(rule, because string) policy.Verdict {
	return policy.Verdict{Outcome: policy.Flag, Reasons: []policy.Reason{{Rule: rule, Outcome: policy.Flag, Because: because}}}
}

// A vehicle that is to be inspected anyway is inspected otherwise once the air
// contradicts it: what was heard is a reason on the screen and on record. What
// would leave out a reason, or a condition, changes nothing.
func TestRadioAddsAReason(t *testing.T) {
	escorted := flagBy("a", "why")
	escorted.Conditions = []string{"escort"}
	both := flagBy("a", "why")
	both.Reasons = append(both.Reasons, flagBy("air", "heard").Reasons...)
	for name, tt := range map[string]struct {
		before, after policy.Verdict
		recorded      bool
	}{
		"one more reason":           {flagBy("a", "why"), both, true},
		"the same reason":           {flagBy("a", "why"), flagBy("a", "why"), false},
		"another in its place":      {flagBy("a", "why"), flagBy("air", "heard"), false},
		"one more, and no more aid": {escorted, both, false},
		"milder":                    {flagBy("a", "why"), policy.Verdict{Outcome: policy.Grant}, false},
		"stricter":                  {flagBy("a", "why"), policy.Verdict{Outcome: policy.Deny}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := storetest.NewMemory()
				y := startYard(t, store, gate.AssessorFunc(func(r gate.Request) gate.Assessment {
					a := gate.Assessment{VIN: r.VIN, Vehicle: gate.VehicleView{Valid: true}, Verdict: tt.before}
					if r.Radio != nil && r.Radio.HotspotHeard {
						a.Verdict = tt.after
					}
					a.Facts.At = r.At
					return a
				}), nil)
				defer y.close()
				id := y.arrive("V1")
				y.ear.finds(rf.Finding{Sensed: true, HotspotHeard: true})
				time.Sleep(time.Second)
				rec, err := store.Passage(t.Context(), id)
				if err != nil || (len(rec.Reassessments) == 1) != tt.recorded {
					t.Fatalf("%d are on record, %v", len(rec.Reassessments), err)
				}
				want, number := tt.before, 1
				if tt.recorded {
					want, number = tt.after, 2
				}
				now := y.view()
				if now.Decision != number || !slices.EqualFunc(now.Passage.Result.Verdict.Reasons, want.Reasons, func(a, b policy.Reason) bool { return a.Rule == b.Rule }) || now.Passage.Result.Verdict.Outcome != want.Outcome {
					t.Errorf("decision %d: %+v", now.Decision, now.Passage.Result.Verdict)
				}
			})
		})
	}
}
