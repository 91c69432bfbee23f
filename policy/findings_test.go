package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// tree decides by walking the rules as they were written, with nothing shared,
// kept or skipped. It says what is meant, slowly.
type tree struct {
	p       *Policy
	f       *Facts
	s       Supply
	sceptic bool
	hide    func(c *cond, u, k int) bool // atoms that count as unknown; nil hides none
}

// leaf gives a fact by the record's fields: a number or a word, and whether it
// is known.
func (w *tree) leaf(f factID, u, k int) (num int64, text string, known bool) {
	flag := func(l Leaf[bool]) (int64, string, bool) { return map[bool]int64{true: 1}[l.Value], "", l.Known }
	number := func(l Leaf[int]) (int64, string, bool) { return int64(l.Value), "", l.Known }
	word := func(s string, known bool) (int64, string, bool) { return 0, s, known }
	v := &w.f.Vehicle
	if f.module() {
		unit := &w.f.Units[u]
		c := &unit.Candidates[k]
		switch f {
		case fModuleMaker:
			return word(string(c.Maker.Value), c.Maker.Known)
		case fModuleModel:
			return word(c.Model.Value, c.Model.Known)
		case fModuleChipDown:
			return flag(c.ChipDown)
		case fModuleCertainty:
			return int64(c.Certainty), "", c.Certainty != 0
		case fModuleBasis:
			return word(c.Basis, c.Basis != "")
		case fModuleRole:
			return word(unit.Role, unit.Role != "" && unit.Role != "unknown")
		case fModuleUpdater:
			return word(string(c.Updater.Value), c.Updater.Known)
		case fModuleBackEnd:
			return word(c.BackEnd.Value, c.BackEnd.Known)
		case fModuleSIMHome:
			return word(c.SIMHome.Value, c.SIMHome.Known)
		}
	}
	switch f {
	case fModelYear:
		return number(v.ModelYear)
	case fBuiltIn:
		return word(v.BuiltIn.Value, v.BuiltIn.Known)
	case fBuiltOn:
		day, err := time.Parse(time.DateOnly, v.BuiltOn.Value)
		return day.Unix() / 86400, "", v.BuiltOn.Known && err == nil
	case fVehicleMaker:
		return word(string(v.Maker.Value), v.Maker.Known)
	case fModem:
		return flag(w.f.Modem)
	case fCameraOutside:
		return flag(w.f.Capabilities.CameraOutside)
	case fSentry:
		return flag(w.f.Capabilities.Sentry)
	case fLookedFor:
		return flag(w.f.Devices.LookedFor)
	case fOnCall:
		return flag(w.f.Arrival.OnCall)
	case fPass:
		return word(w.f.Arrival.Pass.Value, w.f.Arrival.Pass.Known)
	case fInsideAlready:
		return flag(w.f.Arrival.InsideAlready)
	case fPlateDiffers:
		return flag(w.f.Arrival.PlateDiffers)
	case fSeenElsewhere:
		return flag(w.f.Arrival.SeenElsewhere)
	case fWatchListed:
		return flag(w.f.Arrival.WatchListed)
	case fLabelDiffers:
		return flag(w.f.Arrival.LabelDiffers)
	case fPassRefused:
		return flag(w.f.Arrival.PassRefused)
	case fClass:
		return word(string(w.f.Registration.Class.Value), w.f.Registration.Class.Known)
	case fZone:
		return int64(w.f.Site.Zone.Value), "", w.f.Site.Zone.Known
	case fLocalTime:
		return number(w.f.Site.LocalTime)
	case fWeekday:
		return word(w.f.Site.Weekday.Value, w.f.Site.Weekday.Known)
	case fVPICAge:
		return number(w.f.Data.VPICAgeDays)
	case fHotspotHeard:
		return flag(w.f.Radio.HotspotHeard)
	case fCellular:
		return flag(w.f.Radio.Cellular)
	case fContradiction:
		return flag(w.f.Radio.Contradiction)
	case fTeslaMatches:
		return flag(w.f.Radio.TeslaNameMatches)
	case fTyreProtocol:
		return flag(w.f.Radio.TyreProtocol)
	case fDimensions:
		return flag(w.f.Radio.Dimensions)
	case fUplinkNoModem:
		return flag(w.f.Radio.UplinkWithoutModem)
	case fHeardMaker:
		return word(string(w.f.Radio.HeardMaker.Value), w.f.Radio.HeardMaker.Known)
	case fModulesKnown:
		for _, u := range w.f.Units {
			for _, c := range u.Candidates {
				if c.Maker.Known || c.MakerName != "" || c.Model.Known || c.ChipDown.Known {
					num++
				}
			}
		}
		return num, "", true
	case fUnitsClaimed:
		for _, u := range w.f.Units {
			if len(u.Candidates) > 0 || u.Fitted.Known && u.Fitted.Value {
				num++
			}
		}
		return num, "", true
	}
	panic("the reference has no fact " + f.info().name)
}

func (w *tree) atom(c *cond, u, k int) Truth {
	if c.presumes && w.sceptic || w.hide != nil && w.hide(c, u, k) {
		return Unknown
	}
	if c.test == testInclude {
		for _, a := range w.f.Registration.Authorisations {
			if a.ID == c.vals[0].text && !w.f.At.Before(a.From) && (a.Until.IsZero() || w.f.At.Before(a.Until)) {
				return True
			}
		}
		return False
	}
	num, text, known := w.leaf(c.fact, u, k)
	switch {
	case !known && c.fact.finding():
		return False
	case !known:
		return Unknown
	case c.test.supply():
		a := w.s.Ask(SupplyQuestion{Op: testNames[c.test], Party: Party(text), Arg: c.vals[0].text, Pct: c.pct, Day: w.f.At.UTC().Format(time.DateOnly)}).Value
		if c.test == testOwnerResolved && c.vals[0].num == 0 {
			return negated(a)
		}
		return a
	}
	for _, v := range c.vals {
		equal := v.num == num
		if !c.fact.kind().numeric() {
			equal = strings.EqualFold(v.text, text)
		}
		var yes bool
		switch c.test {
		case testIs, testIn:
			yes = equal
		case testAtLeast, testOnOrAfter:
			yes = num >= v.num
		case testAtMost:
			yes = num <= v.num
		case testLess, testBefore:
			yes = num < v.num
		case testMore:
			yes = num > v.num
		}
		if yes {
			return True
		}
	}
	return False
}

// negated is Kleene's.
func negated(v Truth) Truth { return map[Truth]Truth{True: False, False: True, Unknown: Unknown}[v] }

// value walks a condition; u and k are the unit and candidate in hand.
func (w *tree) value(c *cond, u, k int) Truth {
	switch c.op {
	case opAtom:
		return w.atom(c, u, k)
	case opKnown, opUnknown:
		_, _, known := w.leaf(c.fact, u, k)
		switch {
		case w.sceptic && c.presumes:
			return Unknown
		case known == (c.op == opKnown):
			return True
		}
		return False
	case opNot:
		return negated(w.value(c.kids[0], u, k))
	case opSurely:
		v := w.value(c.kids[0], u, k)
		if v == Unknown && !(w.sceptic && c.presumes) {
			return False
		}
		return v
	case opAll, opAny:
		var all []Truth
		for _, kid := range c.kids {
			all = append(all, w.value(kid, u, k))
		}
		return join3(all, c.op == opAll)
	}
	return w.quantifier(c)
}

// join3 joins values as "and" or as "or".
func join3(all []Truth, and bool) Truth {
	stop, rest := True, False
	if and {
		stop, rest = False, True
	}
	switch {
	case slices.Contains(all, stop):
		return stop
	case slices.Contains(all, Unknown):
		return Unknown
	}
	return rest
}

func (w *tree) quantifier(c *cond) Truth {
	doubting := w.sceptic && c.presumes
	var all []Truth
	own := false
	for u, unit := range w.f.Units {
		own = own || unit.Role == "tcu" || unit.Role == "head-unit"
		someMaker := slices.ContainsFunc(unit.Candidates, func(c Candidate) bool { return c.Maker.Known })
		switch {
		case unit.Fitted.Known && !unit.Fitted.Value:
			continue
		case c.op == opAnyDevice && unit.Role != "device":
			continue
		case c.op == opAnyKnownModule && !someMaker && !doubting:
			continue
		}
		var each []Truth
		for k := range unit.Candidates {
			each = append(each, w.value(c.kids[0], u, k))
		}
		v := Unknown
		if len(each) > 0 && !slices.ContainsFunc(each, func(t Truth) bool { return t != each[0] }) {
			v = each[0]
		}
		if !unit.Fitted.Known {
			// What is documented counts where it is stricter, and not where it
			// would be milder.
			if c.op == opEveryModule && v == False || c.op != opEveryModule && v == True && !c.raise {
				v = Unknown
			}
		}
		all = append(all, v)
	}
	if !own && c.op != opAnyDevice && (c.op != opAnyKnownModule || doubting) && !(w.f.Modem.Known && !w.f.Modem.Value) {
		all = append(all, Unknown)
	}
	return join3(all, c.op == opEveryModule)
}

// told is one rule's say as the reference has it.
type told struct {
	Rule     string
	Outcome  Outcome
	Open     bool
	LiftedBy string
}

// verdict decides by the reference.
func (w *tree) verdict() (o Outcome, presumed bool, says []told, vals []Truth) {
	decide := func(sceptic bool) (o Outcome, says []told, vals []Truth) {
		w.sceptic = sceptic
		defer func() { w.sceptic = false }()
		lifted := map[string]string{}
		for _, r := range w.p.doc.rules {
			v := False
			from, _ := time.Parse(time.DateOnly, cmp.Or(r.instrument.From, "0001-01-01"))
			to, _ := time.Parse(time.DateOnly, cmp.Or(r.instrument.To, "9999-12-30"))
			if r.moments.has(w.f.Moment) && !w.f.At.Before(from) && w.f.At.Before(to.AddDate(0, 0, 1)) {
				v = w.value(r.when, -1, -1)
			}
			vals = append(vals, v)
			for _, id := range r.lifts {
				if v == True && lifted[id] == "" {
					lifted[id] = r.id
				}
			}
		}
		granted := false
		for want := Deny; want >= Grant; want-- {
			for i, r := range w.p.doc.rules {
				says3 := map[Truth]Outcome{True: r.outcome, Unknown: r.ifUnknown}[vals[i]]
				if says3 != want {
					continue
				}
				says = append(says, told{r.id, want, vals[i] == Unknown, lifted[r.id]})
				if lifted[r.id] == "" {
					o = max(o, want)
					granted = granted || want == Grant
				}
			}
		}
		switch {
		case granted:
		case w.f.Moment == MomentEntry:
			o = max(o, w.p.doc.floor)
		default:
			o = max(o, Grant)
		}
		return o, says, vals
	}
	o, says, vals = decide(false)
	if o == Grant {
		doubted, _, _ := decide(true)
		presumed = doubted != Grant
	}
	return o, presumed, says, vals
}

func TestFindingsAgreeWithTheTree(t *testing.T) {
	var fs Findings // one for all policies and facts
	var tr Trace
	rapid.Check(t, func(t *rapid.T) {
		p, rules, _ := drawPolicy(t)
		f, s := drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply"))
		w := tree{p: p, f: f, s: s}
		o, presumed, says, vals := w.verdict()
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(rules, ""))
		}
		p.Find(f, s, &fs)
		p.Trace(f, s, &tr)
		v := p.Evaluate(f, s)
		if fs.Outcome() != o || p.Decide(f, s) != o || tr.Outcome() != o || v.Outcome != o {
			fail("found %s, decided %s, traced %s, evaluated %s, want %s", fs.Outcome(), p.Decide(f, s), tr.Outcome(), v.Outcome, o)
		}
		if fs.Presumed() != presumed || v.Presumed != presumed {
			fail("presumed: %t and %t, want %t", fs.Presumed(), v.Presumed, presumed)
		}
		var got, reasons, standing []told
		for i := range fs.Len() {
			a := fs.At(i)
			got = append(got, told{a.Rule, a.Outcome, a.Open, a.LiftedBy})
		}
		if !slices.Equal(got, says) {
			fail("found %+v, want %+v", got, says)
		}
		for _, r := range v.Reasons {
			if r.Rule != DefaultRule {
				reasons = append(reasons, told{r.Rule, r.Outcome, r.Open, r.LiftedBy})
			}
		}
		for _, a := range says {
			if a.LiftedBy == "" {
				standing = append(standing, a)
			}
		}
		if !slices.Equal(reasons, standing) || len(v.Lifted) != len(says)-len(standing) {
			fail("reasons %+v, lifted %d; want %+v", reasons, len(v.Lifted), standing)
		}
		for i, r := range tr.Rules() {
			if r.Value != vals[i].String() {
				fail("rule %s traced as %s, want %s", r.Rule, r.Value, vals[i])
			}
			k := slices.IndexFunc(says, func(a told) bool { return a.Rule == r.Rule })
			if k < 0 && r.Says != "" || k >= 0 && (r.Says != says[k].Outcome.String() || r.LiftedBy != says[k].LiftedBy) {
				fail("rule %s traced as saying %q, lifted by %q", r.Rule, r.Says, r.LiftedBy)
			}
			w.sameTree(t, p.doc.rules[i].when, &r.When, -1, -1)
		}
	})
}

// sameTree compares a traced condition with the reference part by part.
func (w *tree) sameTree(t *rapid.T, c *cond, n *Node, u, k int) {
	if want := w.value(c, u, k).String(); n.Value != want {
		t.Fatalf("%s traced as %s, want %s", n.Text, n.Value, want)
	}
	if !c.op.quantifier() {
		if len(n.Parts) != len(c.kids) {
			t.Fatalf("%s has %d parts, want %d", n.Text, len(n.Parts), len(c.kids))
		}
		for i, kid := range c.kids {
			w.sameTree(t, kid, &n.Parts[i], u, k)
		}
		return
	}
	for u := range w.f.Units {
		for k := range w.f.Units[u].Candidates {
			w.sameTree(t, c.kids[0], &n.Parts[u].Parts[k].Parts[0], u, k)
		}
	}
}

// single cuts every unit to one candidate: an account tells what decided for
// the first of several that agree.
func single(f *Facts) *Facts {
	for u := range f.Units {
		f.Units[u].Candidates = f.Units[u].Candidates[:min(1, len(f.Units[u].Candidates))]
	}
	return f
}

// asksOfKnowledge says whether a condition asks what is known.
func asksOfKnowledge(c *cond) bool {
	return c.op == opKnown || c.op == opUnknown || c.op == opSurely || slices.ContainsFunc(c.kids, asksOfKnowledge)
}

// What a reason names is enough: with everything else unknown the rule has the
// same value, unless it asks what is known.
func TestTheAtomsOfAReasonDecideIt(t *testing.T) {
	var fs Findings
	rapid.Check(t, func(t *rapid.T) {
		p, rules, _ := drawPolicy(t)
		f, s := single(drawFacts(t)), oracle(rapid.Uint64().Draw(t, "supply"))
		p.Find(f, s, &fs)
		for i := range fs.Len() {
			a := fs.At(i)
			if asksOfKnowledge(p.doc.rules[a.Index].when) {
				continue
			}
			named := slices.Collect(fs.Atoms(i))
			w := tree{p: p, f: f, s: s}
			_, _, _, vals := w.verdict()
			w.hide = func(c *cond, u, k int) bool {
				return !c.fact.finding() && c.fact.kind() != kindCount && !slices.ContainsFunc(named, func(n Atom) bool {
					return n.Fact == c.fact.info().name && (n.Unit < 0 || n.Unit == u && n.Candidate == k)
				})
			}
			if v := w.value(p.doc.rules[a.Index].when, -1, -1); v != vals[a.Index] {
				t.Fatalf("%s is %s, and %s by %+v alone\n%s", a.Rule, vals[a.Index], v, named, strings.Join(rules, ""))
			}
		}
	})
}

// What is not asked cannot settle a rule: answers to unknown facts of the
// vehicle that are no gap of an open rule leave it open, unless the rule asks
// what is known.
func TestWhatIsNoGapSettlesNothing(t *testing.T) {
	var fs Findings
	rapid.Check(t, func(t *rapid.T) {
		p, rules, _ := drawPolicy(t)
		f, s := single(drawFacts(t)), oracle(rapid.Uint64().Draw(t, "supply"))
		p.Find(f, s, &fs)
		if fs.Outcome() == Grant {
			return
		}
		for i := range fs.Len() {
			a := fs.At(i)
			if !a.Open || a.LiftedBy != "" || asksOfKnowledge(p.doc.rules[a.Index].when) {
				continue
			}
			gaps := map[string]bool{}
			for g := range fs.Gaps() {
				gaps[g.Fact] = gaps[g.Fact] || g.Index == a.Index
			}
			g := copyFacts(t, f)
			for fact := range factCount {
				if fact.module() || fact.kind() == kindCount || fact.finding() || fact == fAuthorisations || gaps[fact.info().name] || fs.leafKnown(fact) {
					continue
				}
				// A modem that is known to be missing speaks for the units.
				if bands := p.bands()[fact]; len(bands) > 0 && fact != fModem {
					g.put(fact, rapid.SampledFrom(bands).Draw(t, "answer").value, true)
				}
			}
			w := tree{p: p, f: g, s: s}
			if _, _, _, vals := w.verdict(); vals[a.Index] != Unknown {
				t.Fatalf("%s was settled as %s without an answer to %v\n%s", a.Rule, vals[a.Index], gaps, strings.Join(rules, ""))
			}
		}
	})
}

// Every gap is a fact that is not known, or not well enough.
func TestGapsAreNotKnown(t *testing.T) {
	var fs Findings
	rapid.Check(t, func(t *rapid.T) {
		p, rules, _ := drawPolicy(t)
		f, s := single(drawFacts(t)), oracle(rapid.Uint64().Draw(t, "supply"))
		p.Find(f, s, &fs)
		w := tree{p: p, f: f, s: s}
		for _, o := range fs.lacking() {
			switch {
			case o.party != "":
				continue // asked of the supply graph
			case o.fitted:
				if f.Units[o.unit].Fitted.Known {
					t.Fatalf("asked whether a unit is fitted that is known\n%s", strings.Join(rules, ""))
				}
			case o.fact.module() && (o.unit < 0 || len(f.Units[o.unit].Candidates) == 0):
			default:
				_, _, known := w.leaf(o.fact, o.unit, 0)
				unsettled := o.fact == fModuleMaker && p.doc.rules[o.rule].outcome == Grant
				sceptic := p.rules[o.rule].presumes // asked as if it were not known
				if known && !unsettled && !sceptic {
					t.Fatalf("asked for %s, which is known\n%s", o.fact.info().name, strings.Join(rules, ""))
				}
			}
		}
	})
}

// Of a question that claims to settle a rule, some answer does; of one that
// does not claim it, the rules stay open whatever the answer.
func TestQuestionsSettleWhatTheyClaim(t *testing.T) {
	var fs Findings
	rapid.Check(t, func(t *rapid.T) {
		p, rules, _ := drawPolicy(t)
		f, s := drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply"))
		p.Find(f, s, &fs)
		before := copyFacts(t, f)
		fs.verify()
		if !reflect.DeepEqual(before, copyFacts(t, f)) {
			t.Fatal("trying answers changed the facts")
		}
		for i, o := range fs.open {
			r := p.doc.rules[o.rule]
			settled := false
			for _, a := range fs.outcomes(o.openFact, nil) {
				trial := fs.suppose(a)
				w := tree{p: p, f: copyFacts(t, &trial.facts), s: &trial.supply}
				w.sceptic = r.outcome != Grant && fs.vals[o.rule] != Unknown
				v := w.value(r.when, -1, -1)
				settled = settled || v == True || v == False && r.outcome != Grant
			}
			if settled != fs.settles[i] {
				t.Fatalf("an answer to %s settles %s: %t, said to be %t\n%s", o.fact.info().name, r.id, settled, fs.settles[i], strings.Join(rules, ""))
			}
		}
	})
}

// Every change that is proposed comes about, and a pair is proposed only where
// neither act does it alone.
func TestProposedChangesComeAbout(t *testing.T) {
	var fs Findings
	rapid.Check(t, func(t *rapid.T) {
		p, rules, _ := drawPolicy(t)
		f, s := drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply"))
		p.Find(f, s, &fs)
		c := fs.WhatWouldChange()
		for _, list := range [][]Change{c.Milder, c.Stricter} {
			for _, change := range list {
				decide := func(found ...finding) Outcome {
					trial := fs.suppose(found...)
					w := tree{p: p, f: copyFacts(t, &trial.facts), s: &trial.supply}
					o, presumed, _, _ := w.verdict()
					if len(found) == len(change.found) && presumed != change.Presumed {
						t.Fatalf("presumed %t, said to be %t", presumed, change.Presumed)
					}
					return o
				}
				if got := decide(change.found...); got != change.Outcome || got == fs.Outcome() {
					t.Fatalf("%+v leads to %s, not %s\n%s", change.Steps, got, change.Outcome, strings.Join(rules, ""))
				}
				if len(change.found) == 2 && (decide(change.found[0]) != fs.Outcome() || decide(change.found[1]) != fs.Outcome()) {
					t.Fatalf("one of %+v does it alone\n%s", change.Steps, strings.Join(rules, ""))
				}
				for _, step := range change.Steps {
					if step.Ask == "" || step.Needed == "" || step.Cost == 0 {
						t.Fatalf("not an act: %+v", step)
					}
				}
			}
		}
		if slices.ContainsFunc(c.Milder, func(c Change) bool { return c.Outcome >= fs.Outcome() }) ||
			slices.ContainsFunc(c.Stricter, func(c Change) bool { return c.Outcome <= fs.Outcome() }) {
			t.Fatalf("%s: milder %+v, stricter %+v", fs.Outcome(), c.Milder, c.Stricter)
		}
	})
}

// Something stands against every other outcome than the one that was found,
// and nothing against that one.
func TestSomethingStandsAgainstEveryOtherOutcome(t *testing.T) {
	var fs Findings
	rapid.Check(t, func(t *rapid.T) {
		p, rules, _ := drawPolicy(t)
		f, s := drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply"))
		p.Find(f, s, &fs)
		before, err := json.Marshal(fs.Verdict())
		if err != nil {
			t.Fatal(err)
		}
		for o := Grant; o <= Deny; o++ {
			against := fs.WhyNot(o)
			switch {
			case o == fs.Outcome() && against != nil:
				t.Fatalf("%+v stands against what was found", against)
			case o < fs.Outcome() && len(against) == 0:
				t.Fatalf("nothing stands against %s, found %s\n%s", o, fs.Outcome(), strings.Join(rules, ""))
			}
			for _, a := range against {
				if !strings.HasSuffix(a.Because, ".") || o < fs.Outcome() && a.Outcome <= o && a.Outcome != Grant {
					t.Fatalf("against %s: %+v", o, a)
				}
			}
		}
		after, err := json.Marshal(fs.Verdict())
		if err != nil || string(before) != string(after) {
			t.Fatalf("asking changed the verdict: %v\n%s\n%s", err, before, after)
		}
	})
}

// One Findings serves policies and facts of any size in turn, and each decision
// is as if it were the first.
func TestFindingsAreUsedAgain(t *testing.T) {
	var used Findings
	rapid.Check(t, func(t *rapid.T) {
		p, _, _ := drawPolicy(t)
		f, s := drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply"))
		if rapid.Bool().Draw(t, "another day") {
			f.At = f.At.AddDate(0, 0, rapid.IntRange(-400, 400).Draw(t, "days"))
		}
		var fresh Findings
		p.Find(f, s, &used)
		p.Find(f, s, &fresh)
		a, err := json.Marshal(used.Verdict())
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(fresh.Verdict())
		if err != nil || string(a) != string(b) {
			t.Fatalf("used again: %s\nfresh: %s %v", a, b, err)
		}
		if rapid.Bool().Draw(t, "forget") {
			used.Forget()
		}
	})
}

// The effective dates hold to the second, whatever was decided before.
func TestRulesApplyBetweenTheirDates(t *testing.T) {
	src := policyOf("flag", `  - id: dated
    title: Dated
    outcome: deny
    applies_on: [entry, inside]
    instrument: {authority: site, title: test, from: 2026-03-01, to: 2026-03-31}
    say: {en: words}
    when: {fact: modules.known, at_least: 0}
    presumption: the site's
`)
	p := load(t, src)
	var fs Findings
	for _, tt := range []struct {
		at     string
		moment Moment
		want   Outcome
		silent string
	}{
		{"2026-02-28T23:59:59Z", MomentEntry, Flag, "it applies from 2026-03-01"},
		{"2026-03-01T00:00:00Z", MomentEntry, Deny, ""},
		{"2026-03-01T00:00:00Z", MomentExit, Grant, "it applies on entry and inside only"},
		{"2026-03-31T23:59:59Z", MomentInside, Deny, ""},
		{"2026-04-01T00:00:00Z", MomentInside, Grant, "it applied until 2026-03-31"},
		{"2026-03-15T12:00:00+02:00", MomentEntry, Deny, ""},
		{"2026-04-01T00:00:00Z", MomentEntry, Flag, "it applied until 2026-03-31"},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		f := &Facts{At: at, Moment: tt.moment}
		p.Find(f, nil, &fs)
		var tr Trace
		p.Trace(f, nil, &tr)
		if fs.Outcome() != tt.want || p.Decide(f, nil) != tt.want || tr.Rule(0).Silent != tt.silent {
			t.Errorf("%s %s: %s, %q; want %s, %q", tt.at, tt.moment, fs.Outcome(), tr.Rule(0).Silent, tt.want, tt.silent)
		}
	}
}

// The same facts give the same from many goroutines at once.
func TestManyAtOnce(t *testing.T) {
	p, f, s := sixtyRules(t), fullFacts(), quectelTable()
	f.Registration.Class = Leaf[Class]{}
	f.Units[0].Candidates = append(f.Units[0].Candidates, Candidate{MakerName: "Other"})
	say := func(fs *Findings, tr *Trace) string {
		p.Find(f, s, fs)
		p.Trace(f, s, tr)
		b, err := json.Marshal([]any{fs.Verdict(), tr, fs.WhatWouldChange(), fs.WhyNot(Grant)})
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	want := say(&Findings{}, &Trace{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var fs Findings
			var tr Trace
			for range 4 {
				if got := say(&fs, &tr); got != want {
					t.Errorf("another answer:\n%s\n%s", got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

// The same words mean something else where true is stricter than where it is
// milder: what is worked out for one place is not taken for the other.
func TestTheSameWordsInAnotherPlace(t *testing.T) {
	rule := func(id, outcome, presumption, when string) string {
		return "  - id: " + id + "\n    title: Rule\n    outcome: " + outcome + "\n    instrument: {authority: site, title: test}\n" + presumption + "    say: {en: words}\n    when: " + when + "\n"
	}
	const (
		acme     = "{any_module: {fact: module.maker, is: acme}}"
		noCamera = "{not: {surely: {fact: capability.camera_outside, is: true}}}"
		mine     = "    presumption: the site's\n"
	)
	f := &Facts{Units: []Unit{{Role: "tcu", Candidates: []Candidate{candidate("acme")}}}}
	f.Site.Zone = Know(ZoneRestricted, Source{})
	var fs Findings
	for _, flags := range [][]string{
		{rule("has", "flag", "", acme), rule("lacks", "flag", "", "{not: "+acme+"}")},
		{rule("lacks", "flag", "", "{not: "+acme+"}"), rule("has", "flag", "", acme)},
	} {
		load(t, policyOf("flag", flags...)).Find(f, nil, &fs)
		for i := range fs.Len() {
			if a := fs.At(i); a.Open != (a.Rule == "lacks") {
				t.Errorf("whether the unit is fitted is not known, and %s is open: %t", a.Rule, a.Open)
			}
		}
	}
	for _, rules := range [][]string{
		{rule("flags", "flag", "", "{all: ["+noCamera+", {fact: site.zone, is: public}]}"), rule("grants", "grant", mine, noCamera)},
		{rule("grants", "grant", mine, noCamera), rule("flags", "flag", "", "{all: ["+noCamera+", {fact: site.zone, is: public}]}")},
	} {
		load(t, policyOf("flag", rules...)).Find(f, nil, &fs)
		if fs.Outcome() != Grant || !fs.Presumed() {
			t.Errorf("%s, presumed %t: a grant because no camera is known is presumed", fs.Outcome(), fs.Presumed())
		}
	}
}
