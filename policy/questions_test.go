package policy

import (
	"testing"
)

// An open question names whom it is about as the facts do, and does not ask for
// a name that is known already.
func TestQuestionsNameThePartyAndAskForNoKnownName(t *testing.T) {
	const owner = "{fact: vehicle.maker, controlled_from: {country: CN, at_least: 50}}"
	referred := func(who string) string {
		return "No act at the gate settles who stands behind " + who + ": refer it to the security manager"
	}
	named, party, nobody := &Facts{}, &Facts{}, &Facts{}
	named.Vehicle.Make = Know("BMW", Source{})
	party.Vehicle.Make, party.Vehicle.Maker = Know("LOTUS", Source{}), Know(Party("lotus_cars"), Source{})
	module := &Facts{Units: []Unit{{Role: "tcu", Fitted: Know(true, Source{}), Candidates: []Candidate{
		{MakerName: "Telit", Maker: Know(Party("telit_cinterion"), Source{}), Certainty: CertaintyDocumented, Basis: "catalogue"},
	}}}}
	module.Modem = Know(true, Source{})
	for _, tt := range []struct {
		name, when string
		facts      *Facts
		fact, ask  string
	}{
		{"a make without a party", owner, named, "vehicle.maker", referred("BMW")},
		{"no name at all", owner, nobody, "vehicle.maker", factTable[fVehicleMaker].ask},
		{"a car maker whose owner is open", owner, party, "supply.lotus_cars", referred("LOTUS")},
		{"a module maker whose owner is open", "{any_module: {fact: module.maker, controlled_from: {country: CN, at_least: 50}}}", module, "supply.telit_cinterion", referred("Telit")},
	} {
		v := load(t, ruleOf("flag", tt.when)).Evaluate(tt.facts, nil)
		if len(v.Open) != 1 || v.Open[0].Fact != tt.fact || v.Open[0].Ask != tt.ask {
			t.Errorf("%s: asked %+v, want %s: %s", tt.name, v.Open, tt.fact, tt.ask)
		}
	}
}

// A list of trusted suppliers is asked about by its id, for makers that are
// known and not for one that was heard.
func TestTrustedBy(t *testing.T) {
	p := load(t, ruleOf("grant", "{fact: vehicle.maker, trusted_by: xx-trusted}"))
	var asked []SupplyQuestion
	s := supplyFunc(func(q SupplyQuestion) SupplyAnswer {
		asked = append(asked, q)
		return SupplyAnswer{Value: True, Because: "the ministry says so"}
	})
	f := &Facts{}
	f.Vehicle.Maker = Know(Party("acme"), Source{})
	v := p.Evaluate(f, s)
	if v.Outcome != Grant || len(asked) != 1 || asked[0].Op != "trusted_by" || asked[0].Arg != "xx-trusted" || asked[0].Party != "acme" {
		t.Errorf("%v, asked %+v", v.Outcome, asked)
	}
	if v = p.Evaluate(&Facts{}, s); v.Outcome == Grant {
		t.Error("a maker that nobody knows is trusted")
	}
	if _, err := Load("test.yaml", []byte(ruleOf("flag", "{fact: radio.heard_maker, trusted_by: xx-trusted}"))); err == nil {
		t.Error("what was heard was asked about trust")
	}
}

type supplyFunc func(SupplyQuestion) SupplyAnswer

func (f supplyFunc) Ask(q SupplyQuestion) SupplyAnswer { return f(q) }
