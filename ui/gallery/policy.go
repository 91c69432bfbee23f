package gallery

import (
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/ui/view"
)

// shownRules is a rule file as a site may have it.
func shownRules() ([]byte, *policy.Form, error) {
	src, err := pack.Source(pack.PaperBaseline)
	if err != nil {
		return nil, nil, err
	}
	f, err := policy.ReadForm(src)
	return src, f, err
}

func shownNames() view.RuleNames {
	return view.RuleNames{
		Parties: []view.Option{{Value: "quectel", Label: "Quectel Wireless Solutions Co., Ltd."}, {Value: "telit_cinterion", Label: "Telit Cinterion"}},
		Lists:   []view.Option{{Value: "us-1260h", Label: "US DoD, Section 1260H list"}},
	}
}

func shownCheck(b view.Base) view.PolicyCheck {
	return view.PolicyCheck{Read: true, Unshown: []string{"new-rule"},
		Faults: []view.PolicyFault{
			{Severity: "error", Where: "module-restricted-zone · " + b.T("rule.field.when"), Address: "/policy/draft/rules/2#p-when-0", Line: 118, Text: `unknown zone "restrictid"`, Suggest: `did you mean "restricted"?`},
			{Severity: "warning", Where: "new-rule", Address: "/policy/draft/rules/24", Line: 401, Text: "rule new-rule never decides: unknown-module says at least as much wherever it speaks", Suggest: "narrow unknown-module, or remove new-rule"},
			{Severity: "note", Text: "the analysis did not compare rules that ask for counts of modules"},
		},
		Cases: []view.PolicyCase{
			{Name: "documented module of a maker under PRC control, restricted zone", Why: "measure 5b of the paper; the badge, the plant and the owner of the car are American", Wants: "deny", Rule: "module-restricted-zone", Came: "deny", By: "module-restricted-zone", Text: "name: documented module\nfacts: {site.zone: restricted}\nexpect: {outcome: deny, rule: module-restricted-zone}"},
			{Index: 1, Name: "the same module, only reported", Wants: "flag", Rule: "module-reported-only", Came: "deny", By: "new-rule", Faults: []string{"outcome: expected flag, came deny", "rule: expected module-reported-only, came new-rule"}, Text: "name: the same module, only reported"},
		}}
}

func shownDiffs(b view.Base) ([]view.PolicyDiff, []view.PolicyDiff) {
	return view.NewPolicyDiffs(b, []policy.Difference{
		{Kind: policy.RuleChanged, Rule: "module-open-zone", Field: "outcome", Old: "flag", New: "deny", Text: "says deny, and no longer flag", Effect: &policy.Effect{Text: "Vehicles in public or controlled zones with a module of a maker under control from CN: deny instead of flag, on entry, from 2026-12-01 on."}},
		{Kind: policy.RuleAdded, Rule: "no-parked-recording-at-critical-zones", New: "flag", Text: "is new", Effect: &policy.Effect{Text: "Vehicles at critical zones that watch their surroundings while parked: flag, where nothing was said before."}},
		{Kind: policy.RuleChanged, Rule: "emergency", Field: "say.pl", Old: "Pojazd ratunkowy w akcji: wpuścić i powiadomić oficera dyżurnego.", New: "Pojazd ratunkowy w akcji: wpuścić natychmiast i powiadomić oficera dyżurnego.", Text: "other words"},
	})
}

func shownTrial(b view.Base) *view.Trial {
	at := At()
	t := &view.Trial{Base: b, ID: "ABCDEFGHIJKL", By: "Maria Nowak-Lindqvist", Policy: "paper-baseline 4", Version: 7, Days: 30, Begun: at.Add(-time.Minute), Ended: at, MayOpen: true}
	r := &gate.BacktestReport{Draft: "paper-baseline 4", Of: gate.SubjectPassages, Judged: 4218, Changed: 173, Stricter: 160, Milder: 13, Supply: "2026-11-20", Erased: 12}
	r.Unrecorded = gate.BacktestUnrecorded{Questions: 40, Subjects: 31}
	for i, c := range []gate.BacktestCounts{{Grant: 2100, Flag: 61, Deny: 4}, {Grant: 13, Flag: 1700, Deny: 95}, {Deny: 245}} {
		r.Matrix[i] = gate.BacktestRow{Before: []string{"grant", "flag", "deny"}[i], After: c}
	}
	for i := range 30 {
		n := 60 + (i*37)%90
		g := gate.BacktestGroup{Name: at.AddDate(0, 0, i-30).Format(time.DateOnly), Judged: n, Before: gate.BacktestCounts{Grant: n / 2, Flag: n * 2 / 5, Deny: n / 10}}
		g.After = gate.BacktestCounts{Grant: g.Before.Grant - i%5, Flag: g.Before.Flag + i%5 - i%3, Deny: g.Before.Deny + i%3}
		r.Days = append(r.Days, g)
	}
	r.Makes = []gate.BacktestGroup{{Name: "TESLA", Judged: 400, Stricter: 88}, {Name: "MERCEDES-BENZ (Beijing Benz Automotive)", Judged: 210, Stricter: 40, Milder: 3}, {Name: "unknown", Judged: 90, Milder: 10}}
	r.Classes = []gate.BacktestGroup{{Name: "private", Judged: 3000, Stricter: 120, Milder: 13}, {Name: "contractor", Judged: 800, Stricter: 40}}
	r.Zones = []gate.BacktestGroup{{Name: "restricted", Judged: 3000, Stricter: 160, Milder: 13}}
	r.Rules = []gate.BacktestRule{{RuleBefore: "module-open-zone", Before: "flag", RuleAfter: "module-restricted-zone", After: "deny", Count: 95}, {RuleBefore: "settled-trusted", Before: "grant", RuleAfter: "no-parked-recording-at-critical-zones", After: "flag", Count: 61}}
	r.List = []gate.BacktestChange{{ID: "north-000412", At: at.AddDate(0, 0, -3), Lane: "north", Zone: "restricted", Class: "contractor", Vehicle: "TESLA Model Y 2023", Before: "flag", After: "deny", RuleBefore: "module-open-zone", RuleAfter: "module-restricted-zone", Was: "its maker (telematics unit: Quectel) is controlled from CN", Because: "the zone is restricted; its maker (telematics unit: Quectel) is controlled from CN"}}
	t.Report = r
	return t
}

// policyEntries are the pages of the rules and of the threat level.
func policyEntries() []Entry {
	at := At()
	steps := []gate.PolicyStep{
		{Version: 7, Kind: gate.StepProposed, By: "j.kowalczyk-brzezinska", At: at.Add(-30 * time.Hour), Note: "As ordered by the commander on 20 November: no vehicle with such a module on the inner roads."},
	}
	version := gate.PolicyVersion{Number: 7, ID: "paper-baseline 4", Hash: strings.Repeat("ab12", 16), Author: "j.kowalczyk-brzezinska", Editors: []string{"r.oyelaran"}, Note: steps[0].Note, At: at.Add(-31 * time.Hour), Steps: steps}
	page := func(b view.Base, state gate.PolicyState, acts ...string) (view.PolicyVersion, error) {
		src, f, err := shownRules()
		p := view.PolicyVersion{Base: b, Row: view.NewVersionRow(version, state), Steps: view.NewVersionSteps(b, version), Text: string(src), Against: 6, Acts: acts, Days: 30, Drafts: true}
		if err != nil {
			return p, err
		}
		p.Rules = view.NewRules(b, f)
		p.Gate, p.Rest = shownDiffs(b)
		c := shownCheck(b)
		c.Faults, c.Unshown, c.Cases = c.Faults[1:2], nil, c.Cases[:1]
		p.Check, p.Trial = &c, shownTrial(b)
		return p, nil
	}
	draft := func(b view.Base) (view.PolicyDraft, error) {
		_, f, err := shownRules()
		p := view.PolicyDraft{Base: b, There: true, Of: 6, Saved: at, Rev: 12, Tab: "T", Form: f, Against: 6, Days: 30, Check: shownCheck(b)}
		if err != nil {
			return p, err
		}
		p.Rules = view.NewRules(b, f)
		p.Rules[2].Wrong, p.Rules[2].Grave = []string{"x"}, true
		p.Gate, p.Rest = shownDiffs(b)
		p.Roles = []view.Option{{Value: "security-manager", Label: b.K("role.", auth.SecurityManager), Chosen: true}}
		return p, nil
	}
	rule := func(b view.Base, i int) (*view.PolicyRule, error) {
		src, f, err := shownRules()
		if err != nil {
			return nil, err
		}
		r := f.Rules[i]
		p := &view.PolicyRule{Base: b, Index: i, Of: len(f.Rules), Rev: 12, Tab: "T", Rule: r, Form: f, Names: shownNames(), Problems: map[string][]string{}, Check: shownCheck(b), Saved: at}
		p.YAML = strings.Join(strings.Split(string(src), "\n")[r.Line-1:r.Last], "\n")
		return p, nil
	}
	postures := func(b view.Base, lowers bool) view.Posture {
		p := view.Posture{Base: b, Level: "bravo", State: gate.PostureState{Level: "bravo", Since: at.Add(-3 * time.Hour), Until: at.Add(21 * time.Hour), Then: "alpha", By: "ewa.kwiatkowska", Why: "A vehicle of unknown owner was found at the south fence"},
			Sets: true, Lowers: lowers,
			History: []gate.PostureChange{{Number: 2, By: "ewa.kwiatkowska", At: at.Add(-3 * time.Hour), From: "alpha", Level: "bravo", Until: at.Add(21 * time.Hour), Then: "alpha", Why: "A vehicle of unknown owner was found at the south fence"}, {Number: 1, By: "m.nowak", At: at.Add(-90 * time.Hour), Level: "alpha", Why: "Order of the garrison"}},
			Lines:   []view.PostureLine{{Lane: "north", Name: "North gate, lane 1", Vehicle: "TESLA Model X", Before: "grant", Now: "flag", Rule: "devices-not-looked-for", At: at.Add(-3 * time.Hour), Waits: true}, {Lane: "south", Name: "South gate, deliveries", Vehicle: "MERCEDES-BENZ Actros", Now: "flag", Rule: "unknown-module"}},
		}
		for i, l := range []string{"normal", "alpha", "bravo", "charlie", "delta"} {
			p.Levels = append(p.Levels, view.PostureLevel{Name: l, Words: "As the garrison's standing order 12 says, with what each guard has to do", Here: i == 2, Less: i < 2, Higher: i > 2})
		}
		return p
	}
	return []Entry{
		{Name: "policy", Role: auth.SecurityManager, Path: "/policy", Page: func(b view.Base) (view.Page, error) {
			_, f, err := shownRules()
			if err != nil {
				return nil, err
			}
			p := view.Policy{Base: b, ID: "paper-baseline 3", Hash: version.Hash, Default: "flag", Rules: view.NewRules(b, f), Edits: true, Histories: true,
				Change: view.PolicyChange{Version: 6, Authors: "r.oyelaran", Approver: "m.nowak", Since: at.Add(-400 * time.Hour), Next: 7, NextAt: at.Add(20 * time.Hour), Posture: "bravo", PostureThen: "alpha", PostureUntil: at.Add(21 * time.Hour)}}
			return p, nil
		}},
		{Name: "policy-versions", Role: auth.Auditor, Path: "/policy/versions", Page: func(b view.Base) (view.Page, error) {
			p := view.PolicyVersions{Base: b}
			for i, s := range []gate.PolicyState{gate.PolicyDraft, gate.PolicyProposed, gate.PolicyOvertaken, gate.PolicyScheduled, gate.PolicyInForce, gate.PolicySuperseded, gate.PolicyRejected, gate.PolicyWithdrawn} {
				r := view.NewVersionRow(version, s)
				if r.Number = 8 - i; s == gate.PolicySuperseded {
					r.Of, r.From = 1, at.Add(-900*time.Hour)
				}
				p.Rows = append(p.Rows, r)
			}
			return p, nil
		}},
		{Name: "policy-version", Role: auth.SecurityManager, Path: "/policy/versions/7", Page: func(b view.Base) (view.Page, error) {
			return page(b, gate.PolicyProposed, "approve", "withdraw")
		}},
		{Name: "policy-version-own", Role: auth.SecurityManager, Path: "/policy/versions/7", Page: func(b view.Base) (view.Page, error) {
			p, err := page(b, gate.PolicyProposed, "withdraw")
			p.Own, p.Trial, p.Check = true, nil, nil
			p.Problem, p.Detail = b.T("rules.refused.same"), "approve: not approved: m.nowak wrote or proposed version 7: somebody else approves it"
			return p, err
		}},
		{Name: "policy-version-past", Role: auth.SecurityManager, Path: "/policy/versions/7", Page: func(b view.Base) (view.Page, error) {
			p, err := page(b, gate.PolicySuperseded, "rollback")
			p.Against, p.Gate, p.Rest, p.Trial, p.Check = 0, nil, nil, nil, nil
			return p, err
		}},
		{Name: "policy-draft-none", Role: auth.Supervisor, Path: "/policy/draft", Page: func(b view.Base) (view.Page, error) {
			return view.PolicyDraft{Base: b, Starts: []view.PolicyStart{{Value: "6", Label: b.T("draft.start.inforce", 6, "paper-baseline 3")}, {Value: "us-1260h-s805", Label: b.T("draft.start.pack", "US Section 1260H list and the contract ban of section 805")}}}, nil
		}},
		{Name: "policy-draft", Role: auth.SecurityManager, Path: "/policy/draft", Page: func(b view.Base) (view.Page, error) {
			p, err := draft(b)
			p.Lost, p.Newest = []string{"# by order of the commander, 3 March"}, 8
			return p, err
		}},
		{Name: "policy-draft-refused", Role: auth.SecurityManager, Path: "/policy/draft", Page: func(b view.Base) (view.Page, error) {
			p, err := draft(b)
			p.Problem, p.Detail = b.T("rules.refused.faults"), "propose: draft:118:24: unknown zone \"restrictid\"; did you mean \"restricted\"?\ndraft: no example shows rule new-rule"
			p.Form, p.Rules, p.Check = nil, nil, view.PolicyCheck{Faults: []view.PolicyFault{{Severity: "error", Address: "/policy/draft/text", Line: 22, Text: "not valid YAML: could not find expected ':'", Suggest: "check the indentation, quotes and colons near this line"}}}
			return p, err
		}},
		{Name: "policy-rule", Role: auth.SecurityManager, Path: "/policy/draft/rules/2", Page: func(b view.Base) (view.Page, error) {
			p, err := rule(b, 2)
			if err == nil {
				p.Rule.When.Kids[0].Values = []string{"restrictid"}
				p.Problems["when.0"] = []string{`unknown zone "restrictid"; did you mean "restricted"?`}
				p.Problems["say.de"] = []string{"say.de is empty; write words or remove the key"}
			}
			return p, err
		}},
		{Name: "policy-rule-exemption", Role: auth.SecurityManager, Path: "/policy/draft/rules/20", Page: func(b view.Base) (view.Page, error) {
			_, f, err := shownRules()
			if err != nil {
				return nil, err
			}
			for i, r := range f.Rules {
				if len(r.Lifts) > 0 {
					p, err := rule(b, i)
					if err == nil {
						p.Lost = []string{"# asked of the legal adviser"}
						p.Rule.When = &policy.FormCond{Op: "all", Kids: []*policy.FormCond{r.When, {Op: "yaml", Text: "{fact: vehicle.built_in, is: PL, in: [CZ]}"}, {Op: "known", Fact: "vehicle.built_on"}, {Op: "fact", Fact: "site.weekday", Test: "in", Values: []string{"sat", "sun"}}, {Op: "fact"}}}
						p.Check = view.PolicyCheck{Read: true, Cases: shownCheck(b).Cases[:1]}
					}
					return p, err
				}
			}
			return rule(b, 0)
		}},
		{Name: "policy-text", Role: auth.SecurityManager, Path: "/policy/draft/text", Page: func(b view.Base) (view.Page, error) {
			src, _, err := shownRules()
			return &view.PolicyText{Base: b, Text: string(src), Rev: 12, Tab: "T", Check: shownCheck(b), Saved: at}, err
		}},
		{Name: "policy-examples", Role: auth.SecurityManager, Path: "/policy/draft/examples", Page: func(b view.Base) (view.Page, error) {
			p := view.PolicyExamples{Base: b, Rev: 12, Tab: "T", Check: shownCheck(b), Names: shownNames(), Request: map[string]string{}, Rules: []view.Option{{Value: "new-rule", Label: "new-rule", Chosen: true}},
				New: policy.FormCase{Name: "An American car with a Chinese module at the inner gate", Outcome: "deny"}, Came: "flag", CameBy: "unknown-module", Because: "the module's maker is not known",
				Told: []policy.FormTold{{Party: "quectel", Asks: "controlled_from", Arg: "CN", Answer: "true"}}}
			for _, f := range []policy.FormFact{{Fact: "site.zone", Value: "restricted"}, {Fact: "module.maker", Value: "quectel"}, {}} {
				p.Facts = append(p.Facts, view.NewCaseFact(b, f))
			}
			return p, nil
		}},
		{Name: "policy-trial", Role: auth.SecurityManager, Path: "/policy/trials/ABCDEFGHIJKL", Page: func(b view.Base) (view.Page, error) { return shownTrial(b), nil }},
		{Name: "policy-trial-running", Role: auth.SecurityManager, Path: "/policy/trials/ABCDEFGHIJKL", Page: func(b view.Base) (view.Page, error) {
			t := shownTrial(b)
			t.Ended, t.Report, t.Done, t.Total = time.Time{}, nil, 1210, 4230
			return t, nil
		}},
		{Name: "posture", Role: auth.SecurityManager, Path: "/posture", Page: func(b view.Base) (view.Page, error) {
			p := postures(b, true)
			p.Rules = []view.PostureRule{{ID: "heightened-no-contractors", Title: "From bravo on, contractors are looked at", Outcome: "flag", When: view.NewRuleCond(b, &policy.FormCond{Op: "all", Kids: []*policy.FormCond{{Op: "fact", Fact: "site.posture", Test: "at_least", Values: []string{"bravo"}}, {Op: "fact", Fact: "registration.class", Test: "is", Values: []string{"contractor"}}}})}}
			return p, nil
		}},
		{Name: "posture-raise", Role: auth.Supervisor, Path: "/posture", Page: func(b view.Base) (view.Page, error) {
			p := postures(b, false)
			p.Problem, p.Detail, p.Lines = b.T("rules.refused.reason"), "posture: why: this act needs a reason", nil
			return p, nil
		}},
	}
}
