package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The facts of a vehicle of which everything that the later words of the
// language ask is known.
func latelyKnown() *Facts {
	f := &Facts{At: time.Date(2026, 11, 20, 21, 30, 0, 0, time.UTC)}
	f.Vehicle.BuiltOn = Know("2026-12-31", Source{})
	f.Capabilities.Sentry = Know(true, Source{})
	f.Devices.LookedFor = Know(true, Source{})
	f.Arrival.OnCall = Know(false, Source{})
	f.Registration.Class = Know(ClassAllied, Source{})
	f.Site.LocalTime = Know(22*60+30, Source{})
	f.Site.Weekday = Know("fri", Source{})
	f.Site.Posture = Know(1, Source{})
	f.Data.VPICAgeDays = Know(91, Source{})
	return f
}

func TestLaterFacts(t *testing.T) {
	for cond, want := range map[string]Truth{
		"{fact: vehicle.built_on, before: 2027-01-01}":                                                 True,
		"{fact: vehicle.built_on, before: \"2026-12-31\"}":                                             False,
		"{fact: vehicle.built_on, on_or_after: 2026-12-31}":                                            True,
		"{fact: vehicle.built_on, on_or_after: 2027-01-01}":                                            False,
		"{fact: vehicle.built_on, is: 2026-12-31}":                                                     True,
		"{fact: capability.sentry, is: true}":                                                          True,
		"{fact: devices.looked_for, is: true}":                                                         True,
		"{fact: arrival.on_call, is: true}":                                                            False,
		"{fact: registration.class, in: [diplomatic, allied]}":                                         True,
		"{fact: site.local_time, at_least: 22:00}":                                                     True,
		"{fact: site.local_time, less_than: \"06:00\"}":                                                False,
		"{fact: site.local_time, at_most: 22:30}":                                                      True,
		"{fact: site.local_time, is: 22:30}":                                                           True,
		"{fact: site.weekday, in: [sat, sun]}":                                                         False,
		"{fact: site.weekday, is: fri}":                                                                True,
		"{fact: site.posture, at_least: 1}":                                                            True,
		"{fact: data.vpic_age_days, more_than: 90}":                                                    True,
		"{any: [{fact: site.local_time, at_least: 22:00}, {fact: site.local_time, less_than: 06:00}]}": True,
	} {
		if got := valueOf(t, cond, latelyKnown(), nil); got != want {
			t.Errorf("%s is %s, want %s", cond, got, want)
		}
		if got := valueOf(t, cond, &Facts{}, nil); got != Unknown {
			t.Errorf("%s of nothing known is %s", cond, got)
		}
	}
	f := latelyKnown()
	for _, vague := range []string{"2026", "2026-12", "2026-02-30", "soon", ""} {
		f.Vehicle.BuiltOn.Value = vague
		if got := valueOf(t, "{fact: vehicle.built_on, before: 2027-01-01}", f, nil); got != Unknown {
			t.Errorf("built on %q: %s", vague, got)
		}
	}
}

// What nobody looked for or said lets nobody in.
func TestNothingSaidGrantsNothing(t *testing.T) {
	for _, cond := range []string{
		"{all: [{fact: devices.looked_for, is: true}, {not: {any_device: {fact: module.maker, controlled_from: {country: CN}}}}]}",
		"{all: [{fact: arrival.on_call, is: true}, {fact: registration.class, is: emergency}]}",
		"{not: {fact: capability.sentry, is: true}}",
		"{not: {fact: vehicle.built_on, on_or_after: 2027-01-01}}",
	} {
		f := &Facts{}
		f.Registration.Class = Know(ClassEmergency, Source{})
		f.Modem = Know(false, Source{})
		if v := load(t, ruleOf("grant", cond)).Evaluate(f, nil); v.Outcome != Flag || len(v.Open) == 0 {
			t.Errorf("%s: %s with the questions %v", cond, v.Outcome, v.Open)
		}
	}
}

const threeMoments = `policy: moments
version: "1"
title: Moments
default: deny
rules:
  - id: way-out
    title: On the way out
    outcome: flag
    applies_on: [exit]
    instrument: {authority: site, title: test}
    say: {en: words}
    when: {fact: vehicle.built_in, is: CN}
  - id: always
    title: Whenever
    outcome: deny
    applies_on: [inside, entry, exit]
    instrument: {authority: site, title: test}
    say: {en: words}
    when: {fact: modem, is: true}
`

// A rule speaks at its moments only, and the default binds who wants in.
func TestMoments(t *testing.T) {
	p := load(t, threeMoments)
	china := &Facts{}
	china.Vehicle.BuiltIn, china.Modem = Know("CN", Source{}), Know(false, Source{})
	modem := &Facts{}
	modem.Vehicle.BuiltIn, modem.Modem = Know("DE", Source{}), Know(true, Source{})
	nothing := &Facts{}
	nothing.Vehicle.BuiltIn, nothing.Modem = Know("DE", Source{}), Know(false, Source{})
	for _, tt := range []struct {
		f    *Facts
		m    Moment
		want Outcome
		rule string
	}{
		{china, MomentEntry, Deny, DefaultRule}, {china, MomentExit, Flag, "way-out"}, {china, MomentInside, Grant, DefaultRule},
		{modem, MomentEntry, Deny, "always"}, {modem, MomentExit, Deny, "always"}, {modem, MomentInside, Deny, "always"},
		{nothing, MomentEntry, Deny, DefaultRule}, {nothing, MomentExit, Grant, DefaultRule}, {nothing, MomentInside, Grant, DefaultRule},
		{nothing, Moment(7), Deny, DefaultRule}, // a moment that does not exist is no milder one
		{&Facts{}, MomentExit, Flag, "way-out"}, {&Facts{}, MomentInside, Flag, "always"},
	} {
		f := *tt.f
		f.Moment = tt.m
		v := p.Evaluate(&f, nil)
		if v.Outcome != tt.want || v.Reasons[0].Rule != tt.rule || p.Decide(&f, nil) != tt.want {
			t.Errorf("built in %v, modem %v, on %s: %s by %+v, want %s by %s", f.Vehicle.BuiltIn.Value, f.Modem.Value, tt.m, v.Outcome, v.Reasons, tt.want, tt.rule)
		}
	}
	if again := load(t, string(p.Canonical())); again.Hash() != p.Hash() {
		t.Error("another hash by way of the canonical form")
	}
	same := load(t, strings.Replace(threeMoments, "[inside, entry, exit]", "[entry, exit, inside]", 1))
	if same.Hash() != p.Hash() {
		t.Error("the order of moments makes another policy")
	}
}

// A rule that says it applies on entry is one that says nothing of it, and
// examples are no part of a policy.
func TestHashOfWhatChangesNothing(t *testing.T) {
	src := ruleOf("flag", "{fact: modem, is: true}")
	plain := load(t, src)
	if p := load(t, strings.Replace(src, "    say:", "    applies_on: [entry]\n    say:", 1)); p.Hash() != plain.Hash() {
		t.Error("applies_on: [entry] makes another policy")
	}
	p := load(t, src+"examples:\n  - name: x\n    expect: {outcome: flag}\n")
	if p.Hash() != plain.Hash() || p.ExamplesNode() == nil || len(p.ExamplesNode().Content) != 1 || plain.ExamplesNode() != nil {
		t.Errorf("examples: %+v", p.ExamplesNode())
	}
}

func TestPostureByName(t *testing.T) {
	with := func(cond string) string {
		return strings.Replace(ruleOf("flag", cond), "rules:", "postures: [normal, bravo, charlie]\nrules:", 1)
	}
	for cond, want := range map[string]Truth{
		"{fact: site.posture, at_least: bravo}":  True,
		"{fact: site.posture, more_than: bravo}": False,
		"{fact: site.posture, in: [bravo, 2]}":   True,
		"{fact: site.posture, is: 0}":            False,
	} {
		p := load(t, with(cond))
		f := latelyKnown()
		if v := p.Evaluate(f, nil); v.Reasons[0].Rule == "only" != (want == True) {
			t.Errorf("%s: %+v", cond, v.Reasons)
		}
		if again := load(t, string(p.Canonical())); again.Hash() != p.Hash() {
			t.Errorf("%s: another hash by way of the canonical form", cond)
		}
	}
	v := load(t, with("{fact: site.posture, at_least: bravo}")).Evaluate(latelyKnown(), nil)
	if !strings.Contains(v.Reasons[0].Because, "bravo") {
		t.Errorf("%q does not name the threat level", v.Reasons[0].Because)
	}
}

func TestExemptionIsShown(t *testing.T) {
	src := ruleOf("deny", "{fact: modem, is: true}") + `  - id: let-off
    title: One vehicle is let off
    outcome: grant
    instrument: {authority: site, title: test, to: "2026-12-31"}
    lifts: [only]
    exemption: {holder: Example Haulage, issuer: the site's commander, number: 7/2026}
    say: {en: words}
    when: {fact: vehicle.vin, is: WVWZZZ1JZXW000001}
`
	p := load(t, src)
	f := &Facts{At: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}
	f.Modem, f.Vehicle.VIN = Know(true, Source{}), Know("WVWZZZ1JZXW000001", Source{})
	v := p.Evaluate(f, nil)
	want := Exemption{"Example Haulage", "the site's commander", "7/2026"}
	if v.Outcome != Grant || len(v.Lifted) != 1 || v.Reasons[0].Exemption == nil || *v.Reasons[0].Exemption != want {
		t.Fatalf("%+v", v)
	}
	if !strings.Contains(v.Reasons[0].Because, "exemption 7/2026 of Example Haulage, issued by the site's commander") {
		t.Errorf("%q", v.Reasons[0].Because)
	}
	if f.At = f.At.AddDate(0, 2, 0); p.Decide(f, nil) != Deny {
		t.Error("the exemption outlives its last day")
	}
	if again := load(t, string(p.Canonical())); again.Hash() != p.Hash() {
		t.Error("another hash by way of the canonical form")
	}
}

// Who updates a module is asked about apart from who made it.
func TestUpdaterIsAskedApart(t *testing.T) {
	p := load(t, ruleOf("flag", "{any_module: {all: [{fact: module.updater, listed_on: us-1260h}, {fact: module.maker, listed_on: us-1260h}, {fact: module.maker, firmware_by: quectel}, {fact: module.maker, licence_from: CN}]}}"))
	f := &Facts{At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	f.Units = []Unit{{Role: "tcu", Fitted: Know(true, Source{}), Candidates: []Candidate{{Maker: Know(Party("maker"), Source{}), Updater: Know(Party("updater"), Source{})}}}}
	s := &recorder{}
	if p.Decide(f, s) != Flag {
		t.Error("the rule does not speak")
	}
	want := []SupplyQuestion{{Op: "listed_on", Party: "updater", Arg: "us-1260h", Day: "2026-03-01"}, {Op: "listed_on", Party: "maker", Arg: "us-1260h", Day: "2026-03-01"},
		{Op: "firmware_by", Party: "maker", Arg: "quectel", Day: "2026-03-01"}, {Op: "licence_from", Party: "maker", Arg: "CN", Day: "2026-03-01"}}
	if !slices.Equal(s.asked, want) {
		t.Errorf("asked %+v", s.asked)
	}
}

// some are names of a small world.
type some struct{}

func (some) IDs(k NameKind) []string {
	return map[NameKind][]string{NameParty: {"mg", "quectel", "telit_cinterion"}, NameList: {"us-1260h", "us-1260h-2025"}, NameAuthority: {"us-bis"}}[k]
}

func (some) PartyCalled(name string) string {
	return map[string]string{"Quectel Wireless": "quectel"}[name]
}

func TestNamesThatAreNotHeld(t *testing.T) {
	for cond, want := range map[string]string{
		"{fact: vehicle.maker, is: quectl}":                      `10:37: the reference data hold no party "quectl"; did you mean "quectel"?`,
		"{fact: vehicle.maker, in: [quectel, Quectel Wireless]}": `10:47: the reference data hold no party "Quectel Wireless"; did you mean "quectel"?`,
		"{fact: vehicle.maker, listed_on: us-1260}":              `10:44: the reference data hold no list "us-1260"; did you mean "us-1260h"?`,
		"{fact: vehicle.maker, authorised_by: us-bsi}":           `10:48: the reference data hold no authority that authorises "us-bsi"; did you mean "us-bis"?`,
		"{fact: vehicle.maker, trusted_by: xx}":                  `10:45: the reference data hold no list of trusted suppliers "xx"; load reference data that hold it`,
		"{fact: vehicle.maker, firmware_by: cn}":                 `10:46: "cn" is neither a country (ISO 3166-1 alpha-2) nor a party; did you mean "CN"?`,
		"{fact: vehicle.maker, firmware_by: telit}":              `10:46: the reference data hold no party "telit"; one of: mg, quectel, telit_cinterion`,
		"{fact: vehicle.maker, licence_from: PRC}":               `10:47: "PRC" is not a country (ISO 3166-1 alpha-2); did you mean "CN"?`,
		"{fact: vehicle.maker, firmware_by: mg}":                 "",
		"{fact: vehicle.maker, firmware_by: CN}":                 "",
		"{fact: vehicle.maker, listed_on: us-1260h-2025}":        "",
	} {
		_, err := LoadKnowing("f", []byte(ruleOf("flag", cond)), some{})
		var ps Problems
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", cond, err)
		case want != "" && (!errors.As(err, &ps) || len(ps) != 1 || ps[0].String() != "f:"+want):
			t.Errorf("%s: %v\nwant %s", cond, err, want)
		}
	}
}

func TestVocabulary(t *testing.T) {
	list := Vocabulary()
	if len(list) != int(factCount) {
		t.Fatalf("%d facts", len(list))
	}
	for _, v := range list {
		if v.Name == "" || v.Kind == "" || v.Label == "" || v.Words == "" || len(v.Operators) == 0 || (v.Cost > 0) != (v.Ask != "") {
			t.Errorf("%+v", v)
		}
	}
}

// The canonical form writes strings as encoding/json does.
func TestCanonicalStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("aż \"\\\n\x7f\u2028\u2029€<&>\ufffd")))).Draw(t, "text")
		if rapid.Bool().Draw(t, "broken") {
			s += "\xff"
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
		w := &writer{}
		w.str(s)
		if w.String()+"\n" != want.String() {
			t.Fatalf("%q is written %s, not %s", s, w.String(), want.String())
		}
	})
}

// A word at the lane makes a verdict milder only for a vehicle whose registered
// class is one that the rule names.
func TestOnCallStandsBesideAClass(t *testing.T) {
	const onCall, class = "{fact: arrival.on_call, is: true}", "{fact: registration.class, in: [emergency, military]}"
	deny := aRule("severe", "deny", "{fact: modem, is: true}")
	for _, c := range []struct {
		rule string
		ok   bool
	}{
		{aRule("a", "grant", onCall), false},
		{aRule("a", "grant", "{any: ["+onCall+", "+class+"]}"), false},
		{aRule("a", "grant", "{all: ["+onCall+", {not: "+class+"}]}"), false},
		{aRule("a", "grant", "{all: ["+onCall+", {known: registration.class}]}", "presumption: words"), false},
		{aRule("a", "grant", onCall, "lifts: [severe]"), false},
		{aRule("a", "flag", onCall, "lifts: [severe]"), false},
		{aRule("a", "flag", "{not: "+onCall+"}"), false},
		{aRule("a", "flag", "{fact: arrival.on_call, is: false}"), false},
		{aRule("a", "grant", "{known: arrival.on_call}", "presumption: words"), false},
		{aRule("a", "grant", "{surely: "+onCall+"}"), false},
		{aRule("a", "flag", onCall), true},
		{aRule("a", "grant", "{all: ["+onCall+", "+class+"]}"), true},
		{aRule("a", "grant", "{all: [{any: ["+onCall+", {fact: site.zone, is: public}]}, "+class+"]}"), true},
		{aRule("a", "flag", "{all: ["+class+", "+onCall+"]}", "lifts: [severe]"), true},
		{aRule("a", "deny", "{all: [{fact: modem, is: true}, {not: {all: ["+class+", "+onCall+"]}}]}"), true},
	} {
		_, err := Load("t.yaml", []byte(policyOf("flag", deny, c.rule)))
		if c.ok && err != nil || !c.ok && (err == nil || !strings.Contains(err.Error(), "only beside a class that is registered")) {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
}

// That an authorisation is not held is what we do not know of: a verdict that
// would be stricter with it rests on a presumption.
func TestAnAuthorisationNotHeldIsAPresumption(t *testing.T) {
	const held = "{fact: registration.authorisations, include: barred}"
	for _, rule := range []string{aRule("a", "deny", held), aRule("a", "grant", "{not: "+held+"}")} {
		if _, err := Load("t.yaml", []byte(policyOf("flag", rule))); err == nil || !strings.Contains(err.Error(), "add presumption") {
			t.Errorf("%s: %v", rule, err)
		}
	}
	for _, rule := range []string{aRule("a", "grant", held), aRule("a", "deny", "{not: "+held+"}")} {
		if _, err := Load("t.yaml", []byte(policyOf("flag", rule))); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
	}
	p := load(t, policyOf("flag", aRule("a", "grant", "{not: "+held+"}", "presumption: words")))
	if v := p.Evaluate(&Facts{At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}, nil); v.Outcome != Grant || !v.Presumed {
		t.Errorf("%s, presumed %v", v.Outcome, v.Presumed)
	}
}

func TestAModelYearHasFourDigits(t *testing.T) {
	for year, ok := range map[string]bool{"2027": true, "1900": true, "20009": false, "27": false, "0": false} {
		_, err := Load("t.yaml", []byte(ruleOf("flag", "{fact: vehicle.model_year, less_than: "+year+"}")))
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "is not a model year") {
			t.Errorf("%s: %v", year, err)
		}
	}
}
