package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// explained is a policy of the kinds of rules that a gate has, and a vehicle
// whose class nobody looked up and whose module is only reported.
func explained(t *testing.T) (*Policy, *Facts) {
	p := load(t, policyOf("flag",
		"  - id: official\n    title: Official\n    outcome: deny\n    instrument: {authority: site, title: test}\n    say: {en: words}\n    when: {all: [{fact: registration.class, in: [government, military]}, {fact: site.zone, at_least: restricted}]}\n",
		"  - id: module\n    title: Module\n    outcome: deny\n    instrument: {authority: site, title: test}\n    say: {en: words}\n    when: {any_module: {all: [{fact: module.maker, is: acme}, {fact: module.certainty, at_least: documented}]}}\n",
		"  - id: cameras\n    title: Cameras\n    outcome: deny\n    instrument: {authority: site, title: test}\n    say: {en: words}\n    when: {all: [{fact: capability.camera_outside, is: true}, {not: {fact: capability.recording_off, is: true}}]}\n",
		"  - id: leaving\n    title: Leaving\n    outcome: flag\n    applies_on: [exit]\n    instrument: {authority: site, title: test}\n    say: {en: words}\n    when: {fact: modem, is: true}\n",
		"  - id: settled\n    title: Settled\n    outcome: grant\n    instrument: {authority: site, title: test}\n    say: {en: words}\n    when: {every_module: {all: [{fact: module.certainty, is: settled}, {not: {fact: module.maker, is: acme}}]}}\n"))
	f := &Facts{At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	from := Source{Title: "lane", Date: "2026-11-20"}
	f.Site.Zone, f.Modem = Know(ZoneRestricted, from), Know(true, from)
	f.Capabilities = CapabilityFacts{CameraOutside: Know(true, from), RecordingOff: Know(false, from)}
	f.Units = []Unit{{Role: "tcu", Fitted: Know(true, from), Candidates: []Candidate{{Maker: Know[Party]("acme", from), MakerName: "Acme", Certainty: CertaintyReported, Basis: "catalogue", Sources: []Source{from}}}}}
	return p, f
}

func TestTraceInWords(t *testing.T) {
	p, f := explained(t)
	var tr Trace
	p.Trace(f, nil, &tr)
	want := `random 1: deny on entry at 2026-11-20T08:00:00Z
official (deny): unknown, says flag
    unknown: all of
    » unknown: registration.class is one of government, military [registration.class = unknown]
    » true: site.zone is at least restricted [site.zone = restricted; lane, 2026-11-20]
module (deny): false, says nothing
    false: some module
      false: telematics unit [module.fitted = true; lane, 2026-11-20]
        false: Acme (reported)
          false: all of
            true: module.maker is acme [module.maker = acme; lane, 2026-11-20]
          » false: module.certainty is at least documented [module.certainty = reported; lane, 2026-11-20]
cameras (deny): true, says deny
    true: all of
    » true: capability.camera_outside is true [capability.camera_outside = true; lane, 2026-11-20]
      true: not
      » false: capability.recording_off is true [capability.recording_off = false; lane, 2026-11-20]
leaving (flag): it applies on exit only
settled (grant): false, says nothing
    false: every module
      false: telematics unit [module.fitted = true; lane, 2026-11-20]
        false: Acme (reported)
          false: all of
          » false: module.certainty is settled [module.certainty = reported; lane, 2026-11-20]
            false: not
              true: module.maker is acme [module.maker = acme; lane, 2026-11-20]
`
	if got := tr.Text(); got != want {
		t.Errorf("the trace reads\n%s\nwant\n%s", got, want)
	}
	b, err := json.Marshal(&tr)
	var back struct{ Rules []RuleTrace }
	if err == nil {
		err = json.Unmarshal(b, &back)
	}
	if err != nil || len(back.Rules) != 5 || back.Rules[0].When.Parts[0].Fact != "registration.class" {
		t.Errorf("%v: %s", err, b)
	}
}

func TestWhyNot(t *testing.T) {
	p, f := explained(t)
	var fs Findings
	rules := func(as []Against) (ids []string) {
		for _, a := range as {
			ids = append(ids, a.Rule)
		}
		return ids
	}
	p.Find(f, nil, &fs)
	if got := fs.WhyNot(Grant); !slices.Equal(rules(got), []string{"cameras", "official", DefaultRule, "settled"}) {
		t.Errorf("against a grant: %+v", got)
	}
	if got := fs.WhyNot(Flag); !slices.Equal(rules(got), []string{"cameras"}) || !strings.Contains(got[0].Because, "recording is neither switched off nor covered") {
		t.Errorf("against a flag: %+v", got)
	}
	f.Capabilities.RecordingOff.Value = true
	p.Find(f, nil, &fs)
	got := fs.WhyNot(Deny)
	if !slices.Equal(rules(got), []string{"official", "module", "cameras"}) || got[0].Value != "unknown" || got[1].Value != "false" {
		t.Errorf("against a denial: %+v", got)
	}
}

func TestWhatWouldChange(t *testing.T) {
	p, f := explained(t)
	var fs Findings
	p.Find(f, nil, &fs)
	c := fs.WhatWouldChange()
	if len(c.Stricter) != 0 || len(c.Milder) == 0 {
		t.Fatalf("of a denial: %+v", c)
	}
	first := c.Milder[0]
	if first.Outcome != Flag || len(first.Steps) != 1 || first.Steps[0].Fact != "capability.recording_off" || first.Steps[0].Now != "false" || first.Steps[0].Needed != "true" || first.Steps[0].Cost != 3 {
		t.Errorf("first of all, have recording switched off: %+v", first)
	}
	f.Capabilities.RecordingOff.Value = true
	p.Find(f, nil, &fs)
	c = fs.WhatWouldChange()
	var deny []string
	for _, s := range c.Stricter {
		deny = append(deny, s.Steps[0].Fact+" "+s.Steps[0].Needed)
	}
	if !slices.Contains(deny, "registration.class government, or military") || !slices.ContainsFunc(deny, func(s string) bool { return strings.HasPrefix(s, "module.maker it is Acme") }) {
		t.Errorf("a denial would come of %q", deny)
	}
	pair := slices.ContainsFunc(c.Milder, func(c Change) bool {
		return c.Outcome == Grant && len(c.Steps) == 2 && c.Steps[0].Fact == "registration.class" && c.Steps[1].Fact == "module.maker" &&
			c.Steps[0].Needed == "none of government, military" && c.Steps[1].Now == "module Acme (reported)"
	})
	if !pair || c.Partial == "" {
		t.Errorf("a class and a label would not do: %+v", c.Milder)
	}
}

// Of two unknowns that a rule needs both of, neither alone is said to settle
// it; an unknown that settles two rules comes before one that settles one.
func TestQuestionsAreRankedByWhatTheySettle(t *testing.T) {
	rule := func(id, when string) string {
		return "  - id: " + id + "\n    title: Rule\n    outcome: flag\n    instrument: {authority: site, title: test}\n    say: {en: words}\n    when: " + when + "\n"
	}
	const (
		class  = "{fact: registration.class, is: government}"
		camera = "{fact: capability.camera_outside, is: true}"
		year   = "{fact: vehicle.model_year, at_least: 2020}"
		plant  = "{fact: vehicle.built_in, is: CN}"
	)
	p := load(t, policyOf("flag",
		rule("both", "{any: [{all: ["+class+", "+camera+"]}, {all: ["+year+", "+plant+"]}]}"),
		rule("plant", plant), rule("plant-too", "{not: "+plant+"}"), rule("camera", camera)))
	open := p.Evaluate(&Facts{}, nil).Open
	var got []string
	for _, q := range open {
		s := q.Fact + " " + strings.Join(q.Rules, ",")
		if q.Partly {
			s += " partly"
		}
		got = append(got, s)
	}
	want := []string{"vehicle.built_in plant,plant-too", "capability.camera_outside camera", "registration.class both partly", "vehicle.model_year both partly"}
	if !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}
