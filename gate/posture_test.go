package gate_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// byPosture grants below the level delta and denies from it on.
func byPosture(d *policed) {
	d.t.Helper()
	src := `policy: levels
version: "1"
title: A test
postures: [normal, bravo, delta]
rules:
  - id: high
    title: At the highest level
    outcome: deny
    instrument: {authority: site, title: test}
    say: {en: words}
    when: {fact: site.posture, at_least: delta}
  - id: low
    title: Else
    outcome: grant
    instrument: {authority: site, title: test}
    say: {en: words}
    when: {fact: site.zone, at_least: public}
`
	v, err := d.p.Submit(d.t.Context(), author, handed(src, "n"))
	d.must(err)
	d.must(d.p.Approve(d.t.Context(), approver, v.Number, time.Time{}, ""))
}

// TestPostureAtTheLine: a change decides again on the vehicle that waits, its
// end does so by itself, over a restart as well, and the log shows both.
func TestPostureAtTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		d := newPoliced(t, memory)
		byPosture(d)
		versions := d.p.Versions()
		for _, c := range []struct{ hash, rule, want string }{
			{versions[1].Hash, "high", "words"}, {versions[1].Hash, "only", ""}, {versions[0].Hash, "only", "words"}, {versions[0].Hash, "high", ""}, {"beef", "high", ""},
		} {
			if got := d.p.Words(c.hash, func(p *policy.Policy) string { return p.Say(c.rule, "en") }); got != c.want {
				t.Errorf("the words of rule %s in %.6s: %q", c.rule, c.hash, got)
			}
		}
		id := d.arrive(ex30)
		d.decided(policy.Grant, "levels")
		set := func(who gate.Person, ask gate.PostureAsk) {
			t.Helper()
			_, err := d.s.Set(t.Context(), who, ask)
			d.must(err)
		}
		set(officer, gate.PostureAsk{Level: "bravo", Why: "exercise"})
		d.decided(policy.Grant, "levels")
		set(officer, gate.PostureAsk{Level: "delta", Why: "a call at 12:00", Until: time.Now().Add(8 * time.Hour)})
		d.decided(policy.Deny, "levels")
		time.Sleep(8*time.Hour - time.Millisecond)
		d.decided(policy.Deny, "levels")
		time.Sleep(time.Millisecond)
		d.decided(policy.Grant, "levels")
		if got := d.because(id); !slices.Equal(got, []string{"posture", "posture", "posture"}) {
			t.Errorf("decided again because of %v", got)
		}
		list, err := memory.PostureChanges(t.Context())
		d.must(err)
		if n := len(list); n != 3 || list[2].Ends != 2 || list[2].Level != "bravo" || list[2].By != "" {
			t.Fatalf("the end is not in the log: %+v", list)
		}
		if p := d.s.At(time.Now()); p.Level != "bravo" || !p.Ended || p.By != "ewa" {
			t.Errorf("%+v", p)
		}
		set(approver, gate.PostureAsk{Level: "delta", Why: "night", Until: time.Now().Add(time.Hour), Then: "normal"})
		d.decided(policy.Deny, "levels")
		d.close()
		time.Sleep(2 * time.Hour)

		d = newPoliced(t, memory)
		defer d.close()
		if p := d.s.At(time.Now()); p.Level != "normal" {
			t.Errorf("after the restart: %+v", p)
		}
		d.arrive(ex30)
		d.decided(policy.Grant, "levels")
		if list, err = memory.PostureChanges(t.Context()); err != nil || len(list) != 5 || list[4].Ends != 4 {
			t.Errorf("what ended while nothing ran is not in the log: %+v, %v", list, err)
		}
	})
}

// TestPostureRefused is the table of who may change what.
func TestPostureRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		d := newPoliced(t, memory)
		defer d.close()
		now := time.Now()
		_, err := d.s.Set(t.Context(), approver, gate.PostureAsk{Level: "bravo", Why: "order 7", Until: now.Add(10 * time.Hour), Then: "normal"})
		d.must(err)
		for name, c := range map[string]struct {
			who  gate.Person
			ask  gate.PostureAsk
			want error
		}{
			"a guard":                                     {watchman, gate.PostureAsk{Level: "delta", Why: "x"}, gate.ErrForbidden},
			"an auditor":                                  {auditor, gate.PostureAsk{Level: "delta", Why: "x"}, gate.ErrForbidden},
			"an officer lowers it":                        {officer, gate.PostureAsk{Level: "normal", Why: "x"}, gate.ErrForbidden},
			"an officer has it fall below":                {officer, gate.PostureAsk{Level: "delta", Why: "x", Until: now.Add(time.Hour), Then: "normal"}, gate.ErrForbidden},
			"an officer has it fall too soon":             {officer, gate.PostureAsk{Level: "bravo", Why: "x", Until: now.Add(time.Hour), Then: "normal"}, gate.ErrForbidden},
			"no reason":                                   {approver, gate.PostureAsk{Level: "delta"}, gate.ErrNeedsReason},
			"no level of the site":                        {approver, gate.PostureAsk{Level: "charlie", Why: "x"}, nil},
			"no level":                                    {approver, gate.PostureAsk{Why: "x"}, nil},
			"falls to no level of the site":               {approver, gate.PostureAsk{Level: "delta", Why: "x", Until: now.Add(time.Hour), Then: "charlie"}, nil},
			"ends in the past":                            {approver, gate.PostureAsk{Level: "delta", Why: "x", Until: now.Add(-time.Hour)}, gate.ErrPast},
			"a level after no end":                        {approver, gate.PostureAsk{Level: "delta", Why: "x", Then: "normal"}, nil},
			"in the name of the set-up":                   {gate.Person{Name: gate.SetUp, Role: approver.Role}, gate.PostureAsk{Level: "delta", Why: "x"}, gate.ErrForbidden},
			"an officer, whose end is before the other's": {officer, gate.PostureAsk{Level: "delta", Why: "x", Until: now.Add(time.Hour), Then: "bravo"}, errNone},
		} {
			_, err := d.s.Set(t.Context(), c.who, c.ask)
			if errors.Is(c.want, errNone) {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				// Put back for the others, which are asked in no order.
				_, err = d.s.Set(t.Context(), approver, gate.PostureAsk{Level: "bravo", Why: "order 7", Until: now.Add(10 * time.Hour), Then: "normal"})
				d.must(err)
				continue
			}
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if p := d.s.At(d.clock.Now()); p.Level != "bravo" {
			t.Errorf("%+v", p)
		}
	})
	for level, want := range map[string]int{"": 0, "normal": 0, "bravo": 1, "delta": 2, "charlie": 2} {
		if got := gate.PostureRank(testLevels, level); got != want {
			t.Errorf("%q ranks %d, want %d", level, got, want)
		}
	}
}

var errNone = errors.New("no error")

// TestPostureFaults breaks every step between a change and the lane. The level
// by which a vehicle is decided is always one that is recorded.
func TestPostureFaults(t *testing.T) {
	for _, step := range []string{"nothing", storetest.StepPosture, storetest.StepPostures, storetest.StepReassess} {
		for _, effect := range []bool{false, true} {
			for _, crash := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s effect=%v crash=%v", step, effect, crash), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						memory := storetest.NewMemory()
						d := newPoliced(t, memory)
						byPosture(d)
						d.arrive(ex30)
						d.decided(policy.Grant, "levels")
						switch {
						case step == "nothing":
						case crash:
							d.store.BreakForGood(step, effect)
						default:
							d.store.Break(step, effect, 1)
						}
						set := func() error {
							_, err := d.s.Set(t.Context(), approver, gate.PostureAsk{Level: "delta", Why: "alarm", Until: time.Now().Add(time.Hour), Then: "normal"})
							return err
						}
						err := set()
						list, bad := memory.PostureChanges(t.Context())
						d.must(bad)
						if err == nil && len(list) != 1 || errors.Is(err, gate.ErrNotDecidedAgain) && len(list) != 1 {
							t.Errorf("%v, and %d changes are recorded", err, len(list))
						}
						if v := d.view(); v.Passage != nil && v.Passage.Result.Verdict.Outcome == policy.Deny && len(list) == 0 {
							t.Error("decided by a level that is not recorded")
						}
						if crash && step != "nothing" {
							d.close()
							d = newPoliced(t, memory)
						}
						d.store.Heal()
						time.Sleep(45 * time.Second) // records work again
						if len(list) == 0 {
							d.must(set())
						}
						d.arrive(ex30)
						d.decided(policy.Deny, "levels")
						time.Sleep(2 * time.Hour)
						d.decided(policy.Grant, "levels")
						if list, bad = memory.PostureChanges(t.Context()); bad != nil || len(list) != 2 || list[1].Ends != 1 {
							t.Errorf("%+v, %v", list, bad)
						}
						d.close()
					})
				})
			}
		}
	}
}
