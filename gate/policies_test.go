package gate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/policy/pack"
)

var (
	author   = gate.Person{Name: "anna", Role: auth.SecurityManager}
	approver = gate.Person{Name: "maria", Role: auth.SecurityManager}
	third    = gate.Person{Name: "piotr", Role: auth.SecurityManager}
	officer  = gate.Person{Name: "ewa", Role: auth.Supervisor}
	watchman = gate.Person{Name: "jan", Role: auth.Guard}
)

// rulesOf is a rule file with one rule that holds for every vehicle, under the
// condition given.
func rulesOf(id, outcome, when string, more ...string) string {
	if when == "" {
		when = "{fact: site.zone, at_least: public}"
	}
	return fmt.Sprintf(`policy: %s
version: "1"
title: A test
%s
rules:
  - id: only
    title: The only rule  # comments are kept
    outcome: %s
    instrument: {authority: site, title: test}
    say: {en: words}
    when: %s
`, id, strings.Join(more, "\n"), outcome, when)
}

func handed(source, note string) gate.PolicyText {
	return gate.PolicyText{File: "rules.yaml", Source: source, Note: note}
}

// policed is a yard whose lane decides by the versions in its store.
type policed struct {
	*yard
	p     *gate.Policies
	s     *gate.Postures
	clock *gate.Clock
	t     *testing.T
	stop  context.CancelFunc
	wg    sync.WaitGroup
}

var testLevels = []string{"normal", "bravo", "delta"}

// newPoliced starts the yard on the store; where it is empty the site is set up
// with rules that flag.
func newPoliced(t *testing.T, memory *storetest.Memory, change ...func(*policed)) *policed {
	t.Helper()
	j := packJudge(t, pack.PaperBaseline)
	time.Sleep(time.Until(assessAt))
	d := &policed{t: t, clock: gate.NewClock(time.Now)}
	d.yard = newYardOf(t, memory, gate.AssessorFunc(func(r gate.Request) gate.Assessment {
		return d.p.Assessor(func() *gate.Judge { return j }).Assess(r)
	}), func(c *gate.Config) {
		c.Clock = d.clock
		c.Posture = func(at time.Time) int { return d.s.Rank(at) }
	})
	for _, f := range change {
		f(d)
	}
	log := slog.New(slog.NewTextHandler(testWriter{t}, nil))
	var err error
	if d.p, err = gate.NewPolicies(t.Context(), gate.PoliciesConfig{Store: d.store, Clock: d.clock, Load: policy.Load, Check: policy.Load, Changed: d.c.Changed, Log: log}); err != nil {
		t.Fatal(err)
	}
	if d.s, err = gate.NewPostures(t.Context(), gate.PosturesConfig{Store: d.store, Clock: d.clock, Levels: testLevels, Changed: d.c.Changed, Log: log}); err != nil {
		t.Fatal(err)
	}
	if len(d.p.Versions()) == 0 {
		if _, err := d.p.SetUp(t.Context(), handed(rulesOf("set-up", "flag", ""), "")); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	d.stop = stop
	d.wg.Go(func() { _ = d.p.Run(ctx) })
	d.wg.Go(func() { _ = d.s.Run(ctx) })
	synctest.Wait()
	return d
}

func (d *policed) close() {
	d.t.Helper()
	d.stop()
	d.wg.Wait()
	d.yard.close()
}

// decided wants the vehicle at the line to be decided so, by the rules of that id.
func (d *policed) decided(want policy.Outcome, id string) {
	d.t.Helper()
	got := d.view().Passage.Result.Verdict
	if got.Outcome != want || !strings.HasPrefix(got.Policy, id+" ") {
		d.t.Errorf("decided %s by %s, want %s by %s", got.Outcome, got.Policy, want, id)
	}
}

func (d *policed) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *policed) because(id gate.PassageID) (out []string) {
	d.t.Helper()
	rec, err := d.memory.Passage(d.t.Context(), id)
	d.must(err)
	for _, r := range rec.Reassessments {
		out = append(out, r.Because)
	}
	return out
}

// TestDraftDecidesNothing: rules that grant everything are drafted, proposed and
// approved; the vehicle at the line and those that come are decided by what is
// in force, until the approval, and at once by it then.
func TestDraftDecidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newPoliced(t, storetest.NewMemory())
		defer d.close()
		first := d.arrive(ex30)
		d.decided(policy.Flag, "set-up")
		v, err := d.p.Draft(t.Context(), officer, handed(rulesOf("grants", "grant", ""), "open the gate"))
		d.must(err)
		d.decided(policy.Flag, "set-up")
		d.must(d.p.Propose(t.Context(), author, v.Number, "as ordered"))
		d.decided(policy.Flag, "set-up")
		second := d.arrive(oldVan)
		d.decided(policy.Flag, "set-up")
		if got := append(d.because(first), d.because(second)...); len(got) != 0 {
			t.Errorf("decided again because of %v", got)
		}
		for name, who := range map[string]gate.Person{"who wrote it": {Name: "ewa", Role: auth.SecurityManager}, "who proposed it": author, "a guard": watchman, "a supervisor": {Name: "zofia", Role: auth.Supervisor}, "an administrator": {Name: "root", Role: auth.Administrator}} {
			want := gate.ErrForbidden
			if who.Name == "ewa" || who.Name == "anna" {
				want = gate.ErrSamePerson
			}
			if err := d.p.Approve(t.Context(), who, v.Number, time.Time{}, ""); !errors.Is(err, want) {
				t.Errorf("approved by %s: %v", name, err)
			}
		}
		d.decided(policy.Flag, "set-up")
		d.must(d.p.Approve(t.Context(), approver, v.Number, time.Time{}, "read"))
		d.decided(policy.Grant, "grants")
		if got := d.because(second); !slices.Equal(got, []string{"policy"}) {
			t.Errorf("decided again because of %v", got)
		}
		d.arrive(ex30)
		d.decided(policy.Grant, "grants")
		if state := gate.StateAt(d.p.Versions(), 1, d.clock.Now()); state != gate.PolicySuperseded {
			t.Errorf("version 1 is %s", state)
		}
		whole, err := d.memory.PolicyVersion(t.Context(), v.Number)
		if err != nil || whole.Source != rulesOf("grants", "grant", "") {
			t.Errorf("the text lost something: %q, %v", whole.Source, err)
		}
		kept, err := d.memory.Policy(t.Context(), v.Hash)
		if err != nil || string(kept.Source) != whole.Source {
			t.Errorf("not kept for who computes a verdict again: %v", err)
		}

		// Back again, by two people; the author of the text is the set-up.
		back, err := d.p.RollBack(t.Context(), approver, 1, "the order was lifted")
		d.must(err)
		if back.Of != 1 || back.Number != 3 || len(back.Editors) != 0 {
			t.Errorf("%+v", back)
		}
		d.decided(policy.Grant, "grants")
		if err := d.p.Approve(t.Context(), approver, back.Number, time.Time{}, ""); !errors.Is(err, gate.ErrSamePerson) {
			t.Errorf("rolled back by one person: %v", err)
		}
		d.must(d.p.Approve(t.Context(), author, back.Number, time.Time{}, ""))
		d.decided(policy.Flag, "set-up")
		// And back to what ewa wrote and anna proposed: still ewa's text.
		again, err := d.p.RollBack(t.Context(), approver, 2, "ordered anew")
		d.must(err)
		if !slices.Contains(again.Editors, "ewa") {
			t.Errorf("whose text it is was forgotten: %+v", again)
		}
		if err := d.p.Approve(t.Context(), gate.Person{Name: "Ewa", Role: auth.SecurityManager}, again.Number, time.Time{}, ""); !errors.Is(err, gate.ErrSamePerson) {
			t.Errorf("approved by who wrote it: %v", err)
		}
		d.must(d.p.Reject(t.Context(), third, again.Number, "not yet"))
		if _, err := d.p.RollBack(t.Context(), approver, again.Number, "x"); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("rolled back to what was never approved: %v", err)
		}
		if _, err := d.p.RollBack(t.Context(), approver, 1, "x"); !errors.Is(err, gate.ErrNotAllowed) || !strings.Contains(err.Error(), "in force, as version 3") {
			t.Errorf("rolled back to the rules in force: %v", err)
		}
		// What is refused says why, once, and what to do.
		for want, err := range map[string]error{
			"not approved: version 2 was approved already":                                                                                    d.p.Approve(t.Context(), third, 2, time.Time{}, ""),
			"not approved: version 4 was rejected, which ended it: hand its text in again":                                                    d.p.Approve(t.Context(), third, 4, time.Time{}, ""),
			"not withdrawn: version 3 took effect on " + now(d).Format(time.RFC3339) + ": to go back, propose the text of an earlier version": d.p.Withdraw(t.Context(), third, 3, "x"),
			"not rejected: version 3 was approved already: until it takes effect it can be withdrawn":                                         d.p.Reject(t.Context(), third, 3, "x"),
			"not proposed: version 3 was approved already":                                                                                    d.p.Propose(t.Context(), author, 3, "x"),
			"approve: there is no version 9":                                                                                                  d.p.Approve(t.Context(), third, 9, time.Time{}, ""),
		} {
			if err == nil || err.Error() != want {
				t.Errorf("%v, want %q", err, want)
			}
		}
	})
}

// now is when version 3 took effect.
func now(d *policed) time.Time {
	for _, k := range d.p.Versions()[2].Steps {
		if k.Kind == gate.StepApproved {
			return k.From
		}
	}
	return time.Time{}
}

// TestEffectiveAtATime: an approved version takes effect at its instant for the
// vehicle that waits then, over a restart as well, and can be stopped before.
func TestEffectiveAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		d := newPoliced(t, memory)
		submit := func(id, outcome string, from time.Time) int {
			t.Helper()
			v, err := d.p.Submit(t.Context(), author, handed(rulesOf(id, outcome, ""), "note"))
			d.must(err)
			d.must(d.p.Approve(t.Context(), approver, v.Number, from, ""))
			return v.Number
		}
		soon := time.Now().Add(time.Hour).UTC()
		v := submit("later", "deny", soon)
		if err := d.p.Approve(t.Context(), third, v, soon, ""); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("approved twice: %v", err)
		}
		time.Sleep(59*time.Minute + 50*time.Second)
		id := d.arrive(ex30)
		d.decided(policy.Flag, "set-up")
		time.Sleep(9*time.Second + 999*time.Millisecond)
		d.decided(policy.Flag, "set-up")
		time.Sleep(time.Millisecond)
		d.decided(policy.Deny, "later")
		if got := d.because(id); !slices.Equal(got, []string{"policy"}) {
			t.Errorf("decided again because of %v", got)
		}
		d.act(gate.ActTurnAway, id)
		versions, err := memory.PolicyVersions(t.Context())
		d.must(err)
		if k := versions[v-1].Steps; len(k) != 3 || k[2].Kind != gate.StepEffective || !k[2].At.Equal(soon) {
			t.Errorf("the record of its taking effect: %+v", k)
		}

		stopped := submit("stopped", "grant", time.Now().Add(time.Hour))
		if err := d.p.Withdraw(t.Context(), officer, stopped, "x"); !errors.Is(err, gate.ErrForbidden) {
			t.Errorf("a supervisor stopped what two people approved: %v", err)
		}
		d.must(d.p.Withdraw(t.Context(), third, stopped, "the order was lifted"))
		overnight := submit("overnight", "flag", time.Now().Add(10*time.Hour))
		time.Sleep(2 * time.Hour)
		d.arrive(ex30)
		d.decided(policy.Deny, "later")
		d.close()
		time.Sleep(24 * time.Hour) // it takes effect while nothing runs

		d = newPoliced(t, memory)
		defer d.close()
		d.arrive(ex30)
		d.decided(policy.Flag, "overnight")
		if versions, err = memory.PolicyVersions(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k := versions[overnight-1].Steps; len(k) != 3 || k[2].Kind != gate.StepEffective {
			t.Errorf("what happened while nothing ran is not recorded: %+v", k)
		}
		if _, from, ok := gate.NextInForce(versions, time.Now()); ok {
			t.Errorf("something is due at %s", from)
		}
	})
}

// TestOvertaken: what was looked at must be what changes.
func TestOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newPoliced(t, storetest.NewMemory())
		defer d.close()
		one, err := d.p.Submit(t.Context(), author, handed(rulesOf("one", "deny", ""), "n"))
		d.must(err)
		two, err := d.p.Submit(t.Context(), third, handed(rulesOf("two", "grant", ""), "n"))
		d.must(err)
		d.must(d.p.Approve(t.Context(), approver, two.Number, time.Time{}, ""))
		if err := d.p.Approve(t.Context(), approver, one.Number, time.Time{}, ""); !errors.Is(err, gate.ErrOvertaken) {
			t.Errorf("approved over another: %v", err)
		}
		if state := gate.StateAt(d.p.Versions(), one.Number, time.Now()); state != gate.PolicyOvertaken {
			t.Errorf("it is %s", state)
		}
		d.must(d.p.Withdraw(t.Context(), author, one.Number, "proposed anew"))
		anew, err := d.p.Submit(t.Context(), third, handed(rulesOf("one", "deny", ""), "n"))
		d.must(err)
		if !slices.Contains(anew.Editors, "anna") {
			t.Errorf("handed in by another, it is no longer anna's: %+v", anew)
		}
		if err := d.p.Approve(t.Context(), author, anew.Number, time.Time{}, ""); !errors.Is(err, gate.ErrSamePerson) {
			t.Errorf("approved by who wrote it: %v", err)
		}
		d.must(d.p.Approve(t.Context(), approver, anew.Number, time.Time{}, ""))
	})
}

// TestRefusedText is what never becomes a version.
func TestRefusedText(t *testing.T) {
	memory := storetest.NewMemory()
	p, err := gate.NewPolicies(t.Context(), gate.PoliciesConfig{
		Store: memory, Clock: gate.NewClock(func() time.Time { return assessAt }), Load: policy.Load,
		Check: func(name string, src []byte) (*policy.Policy, error) {
			if strings.Contains(string(src), "untested") {
				return nil, errors.New("no examples")
			}
			return policy.Load(name, src)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.InForce(assessAt); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("a site without rules: %v", err)
	}
	if _, err := p.SetUp(t.Context(), handed(rulesOf("set-up", "flag", ""), "")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.SetUp(t.Context(), handed(rulesOf("set-up", "flag", ""), "")); !errors.Is(err, gate.ErrExists) {
		t.Errorf("set up twice: %v", err)
	}
	for name, c := range map[string]struct {
		who   gate.Person
		text  gate.PolicyText
		want  error
		words string
	}{
		"a guard's":                  {watchman, handed(rulesOf("x", "flag", ""), "n"), gate.ErrForbidden, ""},
		"an auditor's":               {auditor, handed(rulesOf("x", "flag", ""), "n"), gate.ErrForbidden, ""},
		"the set-up's":               {gate.Person{Name: "Set-Up of the site", Role: auth.SecurityManager}, handed(rulesOf("x", "flag", ""), "n"), gate.ErrForbidden, ""},
		"no note":                    {author, handed(rulesOf("x", "flag", ""), " "), gate.ErrNeedsReason, ""},
		"no rules":                   {author, handed("hello", "n"), nil, "rules.yaml:1"},
		"a misspelt fact":            {author, handed(rulesOf("x", "flag", "{fact: site.zoen, is: public}"), "n"), nil, "site.zone"},
		"what the site's checks say": {author, handed(rulesOf("untested", "flag", ""), "n"), nil, "no examples"},
		"nobody could change it":     {author, handed(rulesOf("x", "flag", "", "may_change: [guard, commander]"), "n"), nil, "may_change"},
		"a crowd of editors":         {author, gate.PolicyText{Source: rulesOf("x", "flag", ""), Note: "n", Editors: strings.Fields(strings.Repeat("a b c d e f g h i j k l m n o p q r ", 1))}, gate.ErrTooMany, ""},
	} {
		_, err := p.Submit(t.Context(), c.who, c.text)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(p.Versions()); n != 1 {
		t.Errorf("%d versions", n)
	}
	// Who may change the rules in force is for those rules to narrow.
	v, err := p.Submit(t.Context(), author, handed(rulesOf("narrow", "flag", "", "may_change: [security-manager]"), "n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Approve(t.Context(), approver, v.Number, assessAt.Add(-time.Nanosecond), ""); !errors.Is(err, gate.ErrPast) {
		t.Errorf("in the past: %v", err)
	}
	if err := p.Approve(t.Context(), approver, v.Number, time.Time{}, ""); err != nil {
		t.Error(err)
	}
	if r, err := memory.Verify(t.Context()); err != nil || !r.Clean() {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestClockThatIsSet: whatever is done to the clock, no step is stamped before
// the record that it follows, and none takes effect before its own instant. Each
// row sets the clock by so much before the approval, which asks for an instant
// relative to the true time.
func TestClockThatIsSet(t *testing.T) {
	day := 24 * time.Hour
	for _, c := range []struct {
		name     string
		before   time.Duration // the clock is moved so far before it is proposed
		between  time.Duration // and so far from there before it is approved
		from     time.Duration // asked for, by the true time; 0 is at once
		want     error
		inForceA time.Duration // in force from then on, to a second, by the true time
	}{
		{"a true clock", 0, 0, 0, nil, 0},
		{"a true clock, later", 0, 0, day, nil, day},
		{"a true clock, yesterday", 0, 0, -day, gate.ErrPast, 0},
		{"set back, at once", -30 * day, 0, 0, nil, 0},
		{"set back after the proposal, at once", 0, -30 * day, 0, nil, 0},
		{"set back after the proposal, to date it back", 0, -30 * day, -29 * day, gate.ErrPast, 0},
		{"set back, to date it back", -30 * day, 0, -29 * day, gate.ErrPast, 0},
		{"set forward, at once", 30 * day, 0, 0, nil, 30 * day},
		{"set forward, to a time between", 0, 30 * day, 15 * day, gate.ErrPast, 0},
		{"set forward and back, to a time between", 30 * day, -30 * day, 15 * day, gate.ErrPast, 0},
		{"set forward and back, at once", 30 * day, -30 * day, 0, nil, 30 * day},
	} {
		t.Run(c.name, func(t *testing.T) {
			memory := storetest.NewMemory()
			now := assessAt
			open := func() *gate.Policies {
				// Each command is a program of its own, with a clock that knows nothing.
				p, err := gate.NewPolicies(t.Context(), gate.PoliciesConfig{Store: memory, Clock: gate.NewClock(func() time.Time { return now }), Load: policy.Load, Check: policy.Load})
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			if _, err := open().SetUp(t.Context(), handed(rulesOf("set-up", "flag", ""), "")); err != nil {
				t.Fatal(err)
			}
			if err := memory.RecordEvent(t.Context(), gate.Event{Kind: gate.EventStarted, At: now}); err != nil {
				t.Fatal(err)
			}
			now = now.Add(c.before)
			v, err := open().Submit(t.Context(), author, handed(rulesOf("new", "grant", ""), "n"))
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(c.between)
			from := time.Time{}
			if c.from != 0 {
				from = assessAt.Add(c.from)
			}
			if err := open().Approve(t.Context(), approver, v.Number, from, ""); !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			versions, err := memory.PolicyVersions(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			last := time.Time{}
			for _, w := range versions {
				for _, k := range w.Steps {
					if k.At.Before(last) || k.Kind == gate.StepApproved && k.From.Before(k.At) {
						t.Errorf("step %+v after %s", k, last)
					}
					last = k.At
				}
			}
			at := assessAt.Add(c.inForceA)
			if w, _ := gate.InForce(versions, at.Add(time.Second)); (w.Number == v.Number) != (c.want == nil) {
				t.Errorf("at %s version %d is in force", at, w.Number)
			}
			if w, _ := gate.InForce(versions, at.Add(-1)); w.Number == v.Number {
				t.Errorf("in force before %s", at)
			}
		})
	}
}

// TestInForceLaws: over random histories that the rules of the store let
// through, the version in force at an instant never changes by what is recorded
// later, and is never one that fewer than two people stand behind.
func TestInForceLaws(t *testing.T) {
	people := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		var versions []gate.PolicyVersion
		var history [][]gate.PolicyVersion
		var stamps []time.Time
		at, seq := assessAt, int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "records") {
			at = at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "later")) * time.Hour)
			seq++
			by := rapid.SampledFrom(people).Draw(t, "by")
			if len(versions) == 0 || rapid.IntRange(0, 3).Draw(t, "new") == 0 {
				v := gate.PolicyVersion{Number: len(versions) + 1, ID: "x@1", Hash: fmt.Sprint(seq), Source: "x", Author: by, At: at}
				if gate.CheckPolicyVersion(versions, v) != nil {
					t.Fatal("a version was refused")
				}
				versions = append(versions, v)
			} else {
				s := gate.PolicyStep{
					Version: rapid.IntRange(1, len(versions)).Draw(t, "version"), By: by, At: at, Note: "n", Seq: seq,
					Kind: rapid.SampledFrom([]gate.PolicyStepKind{gate.StepProposed, gate.StepProposed, gate.StepApproved, gate.StepApproved, gate.StepRejected, gate.StepWithdrawn, gate.StepEffective}).Draw(t, "kind"),
				}
				if s.Kind == gate.StepApproved {
					s.From = at.Add(time.Duration(rapid.IntRange(-2, 8).Draw(t, "from")) * time.Hour)
				}
				if s.Kind == gate.StepEffective {
					s.By = ""
				}
				if gate.CheckPolicyStep(versions, s) != nil {
					continue
				}
				versions = slices.Clone(versions)
				v := &versions[s.Version-1]
				v.Steps = append(slices.Clone(v.Steps), s)
			}
			history, stamps = append(history, slices.Clone(versions)), append(stamps, at)
		}
		for i, then := range history {
			if i+1 == len(history) {
				break
			}
			for h := -2; h < 200; h++ {
				when := assessAt.Add(time.Duration(h) * time.Hour)
				if !when.Before(stamps[i+1]) {
					break
				}
				was, okWas := gate.InForce(then, when)
				is, okIs := gate.InForce(versions, when)
				if okWas != okIs || was.Number != is.Number {
					t.Fatalf("at %s version %d was in force, and %d by what was recorded at %s or later", when, was.Number, is.Number, stamps[i+1])
				}
			}
		}
		for h := range 200 {
			v, ok := gate.InForce(versions, assessAt.Add(time.Duration(h)*time.Hour))
			if !ok {
				continue
			}
			for _, k := range v.Steps {
				if k.Kind == gate.StepApproved && slices.Contains(v.People(), k.By) {
					t.Fatalf("version %d: %s stands behind it twice", v.Number, k.By)
				}
			}
			if len(v.Steps) < 2 {
				t.Fatalf("version %d is in force with %d steps", v.Number, len(v.Steps))
			}
		}
	})
}

// TestPolicyFaults breaks every step between a person's act on rules and the
// lane, with and without its effect, once and for good. Whatever happens the log
// fits, the lane never shows a verdict by rules that are not recorded as
// approved, and in the end those decide that the records say.
func TestPolicyFaults(t *testing.T) {
	for _, act := range []string{"submit", "propose", "approve", "withdraw"} {
		for _, step := range []string{"nothing", storetest.StepPolicyVersion, storetest.StepPolicyStep, storetest.StepPolicyVersions, storetest.StepKeepPolicy, storetest.StepReassess} {
			for _, effect := range []bool{false, true} {
				for _, crash := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s: %s effect=%v crash=%v", act, step, effect, crash), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { policyFault(t, act, step, effect, crash) })
					})
				}
			}
		}
	}
}

func policyFault(t *testing.T, act, step string, effect, crash bool) {
	memory := storetest.NewMemory()
	d := newPoliced(t, memory)
	ctx := t.Context()
	grants := handed(rulesOf("grants", "grant", ""), "n")
	number := 2
	switch act {
	case "propose":
		_, err := d.p.Draft(ctx, author, grants)
		d.must(err)
	case "approve":
		_, err := d.p.Submit(ctx, author, grants)
		d.must(err)
	case "withdraw":
		_, err := d.p.Submit(ctx, author, grants)
		d.must(err)
		d.must(d.p.Approve(ctx, approver, number, time.Now().Add(time.Minute), ""))
	}
	d.arrive(ex30)
	d.decided(policy.Flag, "set-up")
	switch {
	case step == "nothing":
	case crash:
		d.store.BreakForGood(step, effect)
	default:
		d.store.Break(step, effect, 1)
	}
	do := func() error {
		switch act {
		case "submit":
			_, err := d.p.Submit(ctx, author, grants)
			return err
		case "propose":
			return d.p.Propose(ctx, author, number, "n")
		case "approve":
			return d.p.Approve(ctx, approver, number, time.Time{}, "n")
		}
		return d.p.Withdraw(ctx, third, number, "n")
	}
	err := do()
	if step == "nothing" && err != nil {
		t.Error(err)
	}
	recorded := func(at time.Time) (gate.PolicyVersion, []gate.PolicyVersion) {
		t.Helper()
		versions, bad := memory.PolicyVersions(ctx)
		d.must(bad)
		v, _ := gate.InForce(versions, at)
		return v, versions
	}
	// What is shown is by rules that the records say were in force.
	shown := func() {
		t.Helper()
		view := d.view()
		if view.Passage == nil {
			return
		}
		rec, bad := memory.Passage(ctx, view.Passage.ID)
		d.must(bad)
		at := rec.Passage.At
		if n := len(rec.Reassessments); n > 0 {
			at = rec.Reassessments[n-1].At
		}
		v, _ := recorded(at)
		if got := view.Passage.Result.Verdict.Hash; got != v.Hash {
			t.Errorf("shown by %s, and version %d was in force", view.Passage.Result.Verdict.Policy, v.Number)
		}
	}
	shown()
	// Of the act itself: an error says that it must be looked at; none says that
	// it is durable.
	_, versions := recorded(time.Now())
	done := false
	if len(versions) >= number {
		switch v := versions[number-1]; act {
		case "submit", "propose":
			done = gate.StateAt(versions, number, d.clock.Now()) == gate.PolicyProposed
		case "approve":
			done = slices.ContainsFunc(v.Steps, func(k gate.PolicyStep) bool { return k.Kind == gate.StepApproved })
		case "withdraw":
			done = gate.StateAt(versions, number, d.clock.Now()) == gate.PolicyWithdrawn
		}
	}
	if err == nil && !done {
		t.Errorf("%s answered well and is not recorded", act)
	}
	if errors.Is(err, gate.ErrNotDecidedAgain) && !done {
		t.Errorf("%v, and it is not recorded", err)
	}
	if crash && step != "nothing" {
		d.close()
		d = newPoliced(t, memory)
		d.arrive(oldVan)
	}
	d.store.Heal()
	time.Sleep(45 * time.Second) // records work again
	shown()
	if !done {
		if err := do(); err != nil && !errors.Is(err, gate.ErrExists) && !errors.Is(err, gate.ErrNotDecidedAgain) {
			t.Errorf("the same once more: %v", err)
		}
	}
	time.Sleep(2 * time.Minute)
	d.arrive(ex30)
	switch act {
	case "approve":
		d.decided(policy.Grant, "grants")
	default:
		d.decided(policy.Flag, "set-up")
	}
	shown()
	_, versions = recorded(time.Now())
	if len(versions) != 2 {
		t.Errorf("%d versions in the end", len(versions))
	}
	if n := count(d.store.Trace(), "arm"); n != 0 {
		t.Errorf("the arm was commanded %d times", n)
	}
	d.close()
}

// TestTwoApproversAtOnce: of many who decide at the same time one does, and the
// others are told.
func TestTwoApproversAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newPoliced(t, storetest.NewMemory())
		defer d.close()
		one, err := d.p.Submit(t.Context(), author, handed(rulesOf("one", "deny", ""), "n"))
		d.must(err)
		two, err := d.p.Submit(t.Context(), author, handed(rulesOf("two", "grant", ""), "n"))
		d.must(err)
		d.arrive(ex30)
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := map[string]int{}
		for n := range 6 {
			who := gate.Person{Name: fmt.Sprintf("manager %d", n), Role: auth.SecurityManager}
			for name, f := range map[string]func() error{
				"one":    func() error { return d.p.Approve(t.Context(), who, one.Number, time.Time{}, "") },
				"two":    func() error { return d.p.Approve(t.Context(), who, two.Number, time.Time{}, "") },
				"reject": func() error { return d.p.Reject(t.Context(), who, one.Number, "no") },
			} {
				wg.Go(func() {
					err := f()
					if err != nil && !errors.Is(err, gate.ErrNotAllowed) && !errors.Is(err, gate.ErrOvertaken) {
						t.Errorf("%s: %v", name, err)
					}
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						done[name]++
					}
				})
			}
		}
		wg.Wait()
		if done["one"]+done["two"] != 1 || done["reject"] > 1 || done["one"]+done["reject"] > 1 {
			t.Errorf("done: %v", done)
		}
		want := "one"
		if done["two"] == 1 {
			want = "two"
		}
		if got := d.view().Passage.Result.Verdict.Policy; got != want+" 1" {
			t.Errorf("the vehicle is decided by %s, approved was %s", got, want)
		}
	})
}
