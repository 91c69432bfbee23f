package policy

import (
	"strings"
	"testing"
)

// Control is a test that a rule applies to what sources say, so a reason says
// that a maker counts as controlled, never that it is.
func TestControlIsAttributed(t *testing.T) {
	f := &Facts{}
	f.Vehicle.Maker = Know(Party("acme"), Source{})
	for v, want := range map[Truth]string{
		True: "the car maker counts as under control from CN: a register says so", Unknown: "whether the car maker counts as under control from CN is not known: a register says so",
	} {
		p := load(t, ruleOf("flag", "{fact: vehicle.maker, controlled_from: {country: CN, at_least: 50}}"))
		got := p.Evaluate(f, oneAnswer{Value: v, Because: "A register says so."}).Reasons[0].Because
		if !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("%s: %q does not say %q", v, got, want)
		}
	}
	p := load(t, ruleOf("flag", "{not: {fact: vehicle.maker, controlled_from: {country: CN, at_least: 50}}}"))
	if got := p.Evaluate(f, oneAnswer{Value: False, Because: "A register says so."}).Reasons[0].Because; !strings.Contains(got, "does not count as under control from CN") {
		t.Errorf("false: %q", got)
	}
}

// oneAnswer answers every question alike.
type oneAnswer SupplyAnswer

func (a oneAnswer) Ask(SupplyQuestion) SupplyAnswer { return SupplyAnswer(a) }
