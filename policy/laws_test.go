package policy

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// oracle answers every question by a hash of it: a supply graph of which
// nothing can be guessed, and whose answers never change.
type oracle uint64

func (o oracle) Ask(q SupplyQuestion) SupplyAnswer {
	h := fnv.New64a()
	fmt.Fprint(h, uint64(o), q)
	return SupplyAnswer{Value: Truth(h.Sum64() % 3), Because: "so it is written", Sources: []Source{{Address: "https://oracle.example/" + string(q.Party)}}}
}

var vehicleAtoms = []string{
	"{fact: vehicle.model_year, less_than: 2009}", "{fact: vehicle.model_year, at_least: 2015}",
	"{fact: vehicle.built_in, is: CN}", "{fact: modem, is: true}", "{fact: modem, is: false}",
	"{fact: site.zone, at_least: restricted}", "{fact: registration.class, in: [government, military]}",
	"{fact: capability.camera_outside, is: true}", "{fact: vehicle.maker, controlled_from: {country: CN}}",
	"{fact: registration.authorisations, include: pass}", "{known: vehicle.built_in}", "{unknown: registration.class}",
	"{fact: vehicle.built_on, before: 2027-01-01}", "{fact: capability.sentry, is: true}", "{fact: devices.looked_for, is: true}", "{fact: arrival.pass, is: valid}",
	"{all: [{fact: arrival.on_call, is: true}, {fact: registration.class, is: emergency}]}", "{fact: site.local_time, at_least: 22:00}", "{fact: site.weekday, in: [sat, sun]}",
	"{fact: vehicle.maker, authorised_by: us-bis}", "{fact: data.vpic_age_days, more_than: 90}",
	"{fact: modules.known, at_most: 0}", "{fact: modules.known, at_least: 2}", "{fact: units.claimed, is: 1}",
}

var moduleAtoms = []string{
	"{fact: module.maker, is: acme}", "{fact: module.maker, controlled_from: {country: CN}}", "{fact: module.maker, design_from: CN}",
	"{fact: module.maker, owner_resolved: false}", "{fact: module.maker, trusted_by: xx-trusted}", "{fact: module.maker, listed_on: us-1260h}",
	"{fact: module.certainty, at_least: documented}", "{fact: module.certainty, at_most: observed}",
	"{fact: module.chip_down, is: true}", "{fact: module.basis, in: [declared, inspected]}", "{fact: module.role, is: device}",
	"{known: module.model}", "{unknown: module.maker}", "{fact: module.sim_home, is: CN}",
	"{fact: module.maker, licence_from: CN}", "{fact: module.maker, firmware_by: quectel}", "{fact: module.updater, controlled_from: {country: CN}}",
}

var radioAtoms = []string{
	"{fact: radio.hotspot_heard, is: true}", "{fact: radio.cellular, is: true}", "{fact: radio.contradiction, is: true}",
	"{fact: radio.tesla_name_matches, is: true}", "{fact: radio.tyre_protocol_differs, is: true}", "{fact: radio.dimensions_differ, is: true}",
	"{fact: radio.uplink_without_modem, is: true}", "{fact: radio.heard_maker, is: acme}",
	"{fact: radio.heard_maker, controlled_from: {country: CN}}",
	"{fact: arrival.inside_already, is: true}", "{fact: arrival.plate_differs, is: true}", "{fact: arrival.seen_elsewhere, is: true}",
	"{fact: arrival.watch_listed, is: true}", "{fact: arrival.label_differs, is: true}", "{fact: arrival.pass_refused, is: true}",
}

// findingsOf are the leaves of what is found, or is not, in the site's lists.
func findingsOf(f *Facts) map[string]*Leaf[bool] {
	a := &f.Arrival
	return map[string]*Leaf[bool]{"inside already": &a.InsideAlready, "plate": &a.PlateDiffers, "elsewhere": &a.SeenElsewhere,
		"watch list": &a.WatchListed, "label": &a.LabelDiffers, "pass refused": &a.PassRefused}
}

// drawCond draws a condition; radio atoms only where they may stand.
func drawCond(t *rapid.T, depth int, module, radio bool) string {
	kind := rapid.IntRange(0, 11).Draw(t, "kind")
	if depth <= 0 {
		kind = 0
	}
	sub := func(module, radio bool) string { return drawCond(t, depth-1, module, radio) }
	switch kind {
	default:
		pool := vehicleAtoms
		if module {
			pool = moduleAtoms
		}
		if radio {
			pool = append(slices.Clone(pool), radioAtoms...)
		}
		return rapid.SampledFrom(pool).Draw(t, "atom")
	case 4, 5:
		return fmt.Sprintf("{all: [%s, %s]}", sub(module, radio), sub(module, radio))
	case 6, 7:
		return fmt.Sprintf("{any: [%s, %s]}", sub(module, radio), sub(module, radio))
	case 8:
		return fmt.Sprintf("{not: %s}", sub(module, false))
	case 9:
		return fmt.Sprintf("{surely: %s}", sub(module, radio))
	case 10, 11:
		if module {
			return sub(module, radio)
		}
		q := rapid.SampledFrom([]string{"any_module", "every_module", "any_known_module", "any_device"}).Draw(t, "quantifier")
		return fmt.Sprintf("{%s: %s}", q, sub(true, radio))
	}
}

// drawRule draws a rule; lifts names rules that it lifts.
func drawRule(t *rapid.T, id string, outcome Outcome, lifts []string) string {
	cond := drawCond(t, 4, false, outcome != Grant && lifts == nil)
	var b strings.Builder
	fmt.Fprintf(&b, "  - id: %s\n    title: Rule %s\n    outcome: %s\n    instrument: {authority: site, title: test}\n", id, id, outcome)
	if outcome == Deny && rapid.Bool().Draw(t, "unknown denies") {
		b.WriteString("    if_unknown: deny\n")
	}
	if lifts != nil {
		fmt.Fprintf(&b, "    lifts: [%s]\n", strings.Join(lifts, ", "))
	}
	if on := rapid.SampledFrom([]string{"", "[entry, exit]", "[exit, inside]"}).Draw(t, "applies on"); on != "" {
		fmt.Fprintf(&b, "    applies_on: %s\n", on)
	}
	fmt.Fprintf(&b, "    say: {en: words}\n    when: %s\n", cond)
	rule := b.String()
	if _, err := Load("t", []byte(policyOf("flag", withoutLifts(rule)))); err != nil && strings.Contains(err.Error(), "add presumption") {
		rule = strings.Replace(rule, "    say:", "    presumption: the site's choice\n    say:", 1)
	}
	return rule
}

// withoutLifts lets a rule be checked alone: it lifts itself, which is another
// fault, but not one of presumption.
func withoutLifts(rule string) string {
	lines := strings.Split(rule, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "    lifts:") {
			lines[i] = "    lifts: [" + strings.TrimPrefix(lines[0], "  - id: ") + "]"
		}
	}
	return strings.Join(lines, "\n")
}

func policyOf(def string, rules ...string) string {
	return "policy: random\nversion: \"1\"\ntitle: Random\ndefault: " + def + "\nrules:\n" + strings.Join(rules, "")
}

// drawRules draws up to six rules, the last of which may lift others.
func drawRules(t *rapid.T) []string {
	var rules, severe []string
	for i := range rapid.IntRange(1, 5).Draw(t, "rules") {
		id := fmt.Sprintf("r%d", i)
		o := rapid.SampledFrom([]Outcome{Grant, Grant, Flag, Deny}).Draw(t, "outcome")
		if o != Grant {
			severe = append(severe, id)
		}
		rules = append(rules, drawRule(t, id, o, nil))
	}
	if len(severe) > 0 && rapid.Bool().Draw(t, "lifting") {
		o := rapid.SampledFrom([]Outcome{Grant, Flag}).Draw(t, "outcome")
		rules = append(rules, drawRule(t, "lifter", o, severe[:rapid.IntRange(1, len(severe)).Draw(t, "lifted")]))
	}
	return rules
}

func drawPolicy(t *rapid.T) (*Policy, []string, string) {
	rules := drawRules(t)
	def := rapid.SampledFrom([]string{"flag", "deny"}).Draw(t, "default")
	p, err := Load("random.yaml", []byte(policyOf(def, rules...)))
	if err != nil {
		t.Fatalf("%v\n%s", err, policyOf(def, rules...))
	}
	return p, rules, def
}

func drawLeaf[T any](t *rapid.T, name string, values ...T) Leaf[T] {
	if rapid.IntRange(0, 2).Draw(t, name+" known") == 0 {
		return Leaf[T]{}
	}
	return Know(rapid.SampledFrom(values).Draw(t, name), Source{Address: "https://facts.example/" + name})
}

func drawFacts(t *rapid.T) *Facts {
	f := &Facts{At: time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)}
	f.Vehicle.ModelYear = drawLeaf(t, "year", 1998, 2012, 2021)
	f.Vehicle.BuiltIn = drawLeaf(t, "built in", "CN", "DE")
	f.Vehicle.Maker = drawLeaf[Party](t, "maker", "acme", "bolt")
	f.Vehicle.BuiltOn = drawLeaf(t, "built on", "2026-12-31", "2027-01-01")
	f.Modem = drawLeaf(t, "modem", true, false)
	f.Capabilities.Sentry = drawLeaf(t, "sentry", true, false)
	f.Devices.LookedFor = drawLeaf(t, "looked for", true, false)
	f.Arrival.OnCall = drawLeaf(t, "on call", true, false)
	f.Site.LocalTime = drawLeaf(t, "local time", 0, 1320)
	f.Site.Weekday = drawLeaf(t, "weekday", "fri", "sun")
	f.Data.VPICAgeDays = drawLeaf(t, "vPIC age", 3, 300)
	f.Moment = Moment(rapid.IntRange(0, 2).Draw(t, "moment"))
	f.Capabilities.CameraOutside = drawLeaf(t, "camera", true, false)
	f.Registration.Class = drawLeaf(t, "class", ClassPrivate, ClassGovernment, ClassEmergency)
	f.Site.Zone = drawLeaf(t, "zone", ZonePublic, ZoneRestricted)
	f.Arrival.Pass = drawLeaf(t, "pass", passNames...)
	for _, name := range slices.Sorted(maps.Keys(findingsOf(f))) {
		*findingsOf(f)[name] = drawLeaf(t, name, true, false)
	}
	f.Radio.HotspotHeard = drawLeaf(t, "hotspot", true, false)
	f.Radio.Cellular = drawLeaf(t, "cellular", true, false)
	f.Radio.Contradiction = drawLeaf(t, "contradiction", true, false)
	f.Radio.TeslaNameMatches = drawLeaf(t, "tesla", true, false)
	f.Radio.TyreProtocol = drawLeaf(t, "tyres", true, false)
	f.Radio.Dimensions = drawLeaf(t, "dimensions", true, false)
	f.Radio.UplinkWithoutModem = drawLeaf(t, "uplink without modem", true, false)
	f.Radio.HeardMaker = drawLeaf[Party](t, "heard", "acme", "bolt")
	if rapid.Bool().Draw(t, "authorised") {
		f.Registration.Authorisations = []Authorisation{{ID: "pass", Issuer: "office", Until: f.At.AddDate(1, 0, 0)}}
	}
	for range rapid.IntRange(0, 3).Draw(t, "units") {
		u := Unit{Role: rapid.SampledFrom([]string{"tcu", "device", "unknown"}).Draw(t, "role"), Fitted: drawLeaf(t, "fitted", true, false)}
		for range rapid.IntRange(0, 3).Draw(t, "candidates") {
			c := Candidate{
				Maker: drawLeaf[Party](t, "module maker", "acme", "bolt", "cole"), Model: drawLeaf(t, "model", "M1", "M2"),
				Updater: drawLeaf[Party](t, "updater", "acme", "dora"), ChipDown: drawLeaf(t, "chip-down", true, false), SIMHome: drawLeaf(t, "SIM home", "CN", "PL"),
				Certainty: Certainty(rapid.IntRange(0, 4).Draw(t, "certainty")),
				Basis:     rapid.SampledFrom([]string{"", "catalogue", "declared", "inspected"}).Draw(t, "basis"),
				Sources:   []Source{{Address: "https://modules.example"}},
			}
			u.Candidates = append(u.Candidates, c)
		}
		f.Units = append(f.Units, u)
	}
	return f
}

// copyFacts makes facts that share nothing with f.
func copyFacts(t *rapid.T, f *Facts) *Facts {
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	out := &Facts{}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// leaves finds every known leaf and certainty below v, and gives functions that
// forget them.
func leaves(v reflect.Value, out []func()) []func() {
	switch v.Kind() {
	case reflect.Struct:
		if strings.HasPrefix(v.Type().Name(), "Leaf[") {
			if v.FieldByName("Known").Bool() {
				out = append(out, func() { v.SetZero() })
			}
			return out
		}
		if v.Type() == reflect.TypeFor[RadioFacts]() || v.Type() == reflect.TypeFor[time.Time]() {
			return out
		}
		if v.Type() == reflect.TypeFor[ArrivalFacts]() {
			return leaves(v.FieldByName("Pass"), leaves(v.FieldByName("OnCall"), out)) // the rest is found, or not
		}
		for i := range v.NumField() {
			out = leaves(v.Field(i), out)
		}
	case reflect.Slice:
		for i := range v.Len() {
			out = leaves(v.Index(i), out)
		}
	case reflect.Uint8:
		if v.Type() == reflect.TypeFor[Certainty]() && v.Uint() != 0 {
			out = append(out, func() { v.SetUint(0) })
		}
	}
	return out
}

func TestForgettingNeverClears(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, rules, _ := drawPolicy(t)
		f, s := drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply"))
		before := p.Evaluate(f, s)
		g := copyFacts(t, f)
		all := leaves(reflect.ValueOf(g).Elem(), nil)
		if len(all) == 0 {
			return
		}
		for range rapid.IntRange(1, 4).Draw(t, "forgotten") {
			all[rapid.IntRange(0, len(all)-1).Draw(t, "which")]()
		}
		after := p.Evaluate(g, s)
		if before.Outcome > Grant && after.Outcome == Grant && !after.Presumed {
			t.Fatalf("%s became a grant by forgetting\n%s", before.Outcome, strings.Join(rules, ""))
		}
	})
}

func TestHearingNeverLowers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, rules, _ := drawPolicy(t)
		f, s := drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply"))
		g := copyFacts(t, f)
		hear := func(l *Leaf[bool], name string) {
			if !l.Known || !l.Value {
				*l = drawLeaf(t, name+" later", true, l.Known && l.Value)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(findingsOf(g))) {
			hear(findingsOf(g)[name], name)
		}
		hear(&g.Radio.HotspotHeard, "hotspot")
		hear(&g.Radio.Cellular, "cellular")
		hear(&g.Radio.Sensed, "sensed")
		hear(&g.Radio.Contradiction, "contradiction")
		hear(&g.Radio.TeslaNameMatches, "tesla")
		hear(&g.Radio.TyreProtocol, "tyres")
		hear(&g.Radio.Dimensions, "dimensions")
		hear(&g.Radio.UplinkWithoutModem, "uplink without modem")
		if !g.Radio.HeardMaker.Known {
			g.Radio.HeardMaker = drawLeaf[Party](t, "heard later", "acme", "bolt")
		}
		before, after := p.Evaluate(f, s), p.Evaluate(g, s)
		if after.Outcome < before.Outcome {
			t.Fatalf("%s became %s by hearing more\n%s", before.Outcome, after.Outcome, strings.Join(rules, ""))
		}
	})
}

func TestOrderIsIrrelevant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, rules, def := drawPolicy(t)
		other, err := Load("permuted.yaml", []byte(policyOf(def, rapid.Permutation(rules).Draw(t, "order")...)))
		if err != nil {
			t.Fatal(err)
		}
		f, s := drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply"))
		a, b := p.Evaluate(f, s), other.Evaluate(f, s)
		if a.Outcome != b.Outcome || a.Presumed != b.Presumed || len(a.Reasons) != len(b.Reasons) || len(a.Lifted) != len(b.Lifted) {
			t.Fatalf("in another order: %+v, not %+v", b, a)
		}
	})
}

func TestAnotherRuleNeverLowers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, rules, def := drawPolicy(t)
		more := drawRule(t, "more", rapid.SampledFrom([]Outcome{Flag, Deny}).Draw(t, "outcome"), nil)
		stricter, err := Load("more.yaml", []byte(policyOf(def, append(slices.Clone(rules), more)...)))
		if err != nil {
			t.Fatal(err)
		}
		f, s := drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply"))
		if a, b := p.Decide(f, s), stricter.Decide(f, s); b < a {
			t.Fatalf("%s became %s by adding\n%s", a, b, more)
		}
	})
}

func TestSameInputSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _, _ := drawPolicy(t)
		f, s := drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply"))
		a := p.Evaluate(f, s)
		first, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Decide(f, s); got != a.Outcome {
			t.Fatalf("Decide says %s, Evaluate %s", got, a.Outcome)
		}
		again, err := Load("canonical", p.Canonical())
		if err != nil {
			t.Fatalf("the canonical form does not load: %v\n%s", err, p.Canonical())
		}
		for _, q := range []*Policy{p, again} {
			second, err := json.Marshal(q.Evaluate(copyFacts(t, f), s))
			if err != nil {
				t.Fatal(err)
			}
			if string(first) != string(second) {
				t.Fatalf("not the same bytes:\n%s\n%s", first, second)
			}
		}
	})
}

func TestConcurrentEvaluationsAgree(t *testing.T) {
	p, f, s := sixtyRules(t), fullFacts(), quectelTable()
	want, err := json.Marshal(p.Evaluate(f, s))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				got, err := json.Marshal(p.Evaluate(f, s))
				if err != nil || string(got) != string(want) {
					t.Errorf("another verdict: %s %v", got, err)
					return
				}
				if p.Decide(f, s) != Deny {
					t.Error("another outcome")
				}
			}
		})
	}
	wg.Wait()
}

func TestReasonsAgreeWithTheOutcome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _, _ := drawPolicy(t)
		v := p.Evaluate(drawFacts(t), oracle(rapid.Uint64().Draw(t, "supply")))
		if len(v.Reasons) == 0 || v.Reasons[0].Outcome != v.Outcome {
			t.Fatalf("the first reason does not give the outcome: %+v", v)
		}
		if !slices.IsSortedFunc(v.Reasons, func(a, b Reason) int { return int(b.Outcome) - int(a.Outcome) }) {
			t.Fatalf("reasons are not strictest first: %+v", v.Reasons)
		}
		for _, r := range v.Reasons {
			if !strings.HasSuffix(r.Because, ".") || strings.Contains(r.Because, "; ;") || strings.Contains(r.Because, "  ") || strings.Contains(r.Because, "%!") {
				t.Fatalf("not a sentence: %q", r.Because)
			}
		}
		for _, q := range v.Open {
			if q.Ask == "" || len(q.Rules) == 0 || strings.Contains(q.Ask, "%") {
				t.Fatalf("not a question: %+v", q)
			}
		}
	})
}
