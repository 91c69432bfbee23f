package gate

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/policy"
)

// Honours says whether a policy lifts a rule for whoever holds the site's
// exemption from it.
func Honours(p *policy.Policy, rule string) bool {
	return slices.ContainsFunc(p.Rules(), func(r policy.RuleView) bool { return r.ID == ExemptionFrom(rule) && slices.Contains(r.Lifts, rule) })
}

// Honouring is the text of a policy with one rule more, which lifts a rule for
// whoever holds the site's exemption from it, and with a case that shows it. An
// exemption is a rule like others: what it lifts stands among the reasons, and
// two people stand behind the version that brings it.
func Honouring(src []byte, rule string) ([]byte, error) {
	p, err := policy.Load("policy", src)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(p.Rules(), func(r policy.RuleView) bool { return r.ID == rule })
	switch {
	case at < 0:
		return nil, fmt.Errorf("rule %q: %w", rule, ErrNotFound)
	case Honours(p, rule):
		return src, nil
	}
	lifted, id := p.Rules()[at], ExemptionFrom(rule)
	out, _, err := policy.AddRule(src, len(p.Rules())-1, policy.FormRule{
		ID: id, Title: "Vehicles that hold this site's exemption from " + rule, Outcome: "grant", AppliesOn: lifted.AppliesOn,
		Instrument: policy.Instrument{Authority: "site", Title: "Exemptions that the security manager grants, for named vehicles and for a time"},
		When:       &policy.FormCond{Op: "fact", Fact: "registration.authorisations", Test: "include", Values: []string{id}},
		Lifts:      []string{rule},
		Exemption:  policy.Exemption{Holder: "Vehicles of fleets, each by its own grant", Issuer: "The security manager of this site"},
		Say: map[string]string{
			"en": "The security manager has exempted this vehicle from a rule, for a time.",
			"pl": "Kierownik ochrony zwolnił ten pojazd z jednej z reguł na pewien czas.",
			"de": "Der Sicherheitsbeauftragte hat dieses Fahrzeug auf Zeit von einer Regel ausgenommen.",
		},
	})
	if err != nil {
		return nil, err
	}
	moment := ""
	if !slices.Contains(lifted.AppliesOn, policy.MomentEntry.String()) && len(lifted.AppliesOn) > 0 {
		moment = lifted.AppliesOn[0]
	}
	out, _, err = policy.AddExample(out, policy.FormCase{
		Name: "a vehicle that holds the exemption from " + rule, Why: "only what the exemption names is lifted", Moment: moment,
		Facts: []policy.FormFact{{Fact: "registration.authorisations", Value: id}}, Outcome: "grant", Rule: id,
	})
	if err != nil {
		return nil, err
	}
	return shown(out, id)
}

// shown puts right what the last case expects where other rules speak too.
func shown(src []byte, id string) ([]byte, error) {
	p, err := policy.Load("policy", src)
	if err != nil {
		return nil, err
	}
	cases, err := p.Examples("policy")
	if err != nil {
		return nil, err
	}
	last := len(cases) - 1
	got := p.RunExamples(cases[last:], nil)[0]
	if !got.Failed() {
		return src, nil
	}
	form, err := policy.ReadForm(src)
	if err != nil {
		return nil, err
	}
	by := policy.DefaultRule
	if len(got.Verdict.Reasons) > 0 {
		by = got.Verdict.Reasons[0].Rule
	}
	text := form.Examples[last].Text
	from := strings.LastIndex(text, "expect:")
	if from < 0 {
		return nil, fmt.Errorf("the case of %s expects nothing", id)
	}
	text = text[:from] + fmt.Sprintf("expect: {outcome: %s, rule: %s, reasons: [%s]}\n", got.Verdict.Outcome, by, id)
	out, _, err := policy.EditExample(src, last, text)
	return out, err
}
