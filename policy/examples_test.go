package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ruleFile is a policy of three rules; each test adds its examples.
const ruleFile = `policy: doors
version: "1"
title: Doors
conditions:
  park-outside: {en: Park outside}
rules:
  - id: built-there
    title: Built there
    outcome: deny
    instrument: {authority: site, title: Our own}
    when: {fact: vehicle.built_in, is: CN}
    conditions: [park-outside]
    work_item: fleet-office
    say: {en: "Not here."}
  - id: held-from-there
    title: Held from there
    outcome: flag
    instrument: {authority: site, title: Our own}
    when: {fact: vehicle.maker, share_from: {country: CN, at_least: 15}}
    say: {en: "Look."}
  - id: rescue
    title: Rescue
    outcome: grant
    instrument: {authority: site, title: Our own}
    when: {fact: registration.class, is: emergency}
    lifts: [built-there]
    say: {en: "Let it in."}
`

// examplesOf loads ruleFile with examples.
func examplesOf(t *testing.T, examples string) (*Policy, []Example) {
	t.Helper()
	p, err := Load("doors.yaml", []byte(ruleFile+examples))
	if err != nil {
		t.Fatal(err)
	}
	xs, err := p.Examples("doors.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return p, xs
}

// decided runs examples over facts; a request among them fails the test.
func decided(t *testing.T, p *Policy, xs []Example) []ExampleResult {
	t.Helper()
	return p.RunExamples(xs, func(json.RawMessage) (Verdict, error) {
		t.Fatal("an example over facts was sent through the reference data")
		return Verdict{}, nil
	})
}

func TestExamplesAsExpected(t *testing.T) {
	p, xs := examplesOf(t, `
examples:
  given:
    facts: {at: 2026-02-17, vehicle.built_in: DE, vehicle.maker: mercedes, registration.class: private}
    supply:
      mercedes: {share_from: {CN: 19.67}}
  cases:
    - name: built there
      why: the rule says so
      facts: {vehicle.built_in: CN}
      expect: {outcome: deny, rule: built-there, unknown: false, reasons: [held-from-there], conditions: [park-outside], work_items: [fleet-office], lifted: [], presumed: false}
    - name: held from there
      expect: {outcome: flag, rule: held-from-there, silent: [built-there], conditions: [], work_items: []}
    - name: one hundredth below
      supply:
        mercedes: {share_from: {CN: 14.99}}
      expect: {outcome: flag, rule: default}
    - name: at the threshold
      supply:
        mercedes: {share_from: {CN: 15}}
      expect: {outcome: flag, rule: held-from-there, unknown: false}
    - name: nobody knows who holds it
      supply:
        mercedes: {share_from: {CN: unknown}}
      expect: {outcome: flag, rule: held-from-there, unknown: true, open: [supply.mercedes]}
    - name: the country is taken back
      facts: {vehicle.built_in: unknown}
      expect: {outcome: flag, rule: built-there, unknown: true, open: [vehicle.built_in]}
    - name: rescue from there
      facts: {vehicle.built_in: CN, registration.class: emergency}
      expect: {outcome: flag, rule: held-from-there, reasons: [rescue], lifted: [built-there]}
    - name: rescue from there of a maker of whom nothing is held there
      facts: {vehicle.built_in: CN, registration.class: emergency}
      supply:
        mercedes: {share_from: {CN: 0}}
      expect: {outcome: grant, rule: rescue, lifted: [built-there], open: []}
`)
	results := decided(t, p, xs)
	for _, r := range results {
		if r.Failed() {
			t.Errorf("%s: %v %v", r.Example.Name, r.Err, r.Faults)
		}
	}
	if len(results) != 8 || xs[0].Why == "" || xs[0].Line == 0 {
		t.Errorf("%d results; the first is %+v", len(results), xs[0])
	}
	if left := p.Unshown(results); len(left) != 0 {
		t.Errorf("not shown: %v", left)
	}
}

func TestExamplesThatFail(t *testing.T) {
	p, xs := examplesOf(t, `
examples:
  - name: everything about it is wrong
    facts: {at: 2026-02-17, vehicle.built_in: CN}
    expect: {outcome: grant, rule: rescue, unknown: true, reasons: [rescue], silent: [built-there], open: [modem], lifted: [built-there], conditions: [], work_items: [duty-officer], presumed: true}
  - name: something is asked
    facts: {at: 2026-02-17, vehicle.built_in: CN}
    expect: {outcome: deny, rule: built-there, open: []}
`)
	results := decided(t, p, xs)
	want := []string{"expected grant by rescue, came deny by built-there", "unknown", "rescue among the reasons", "no word of built-there",
		"the question of modem", "lifted built-there, came none", "conditions none, came park-outside", "work items duty-officer, came fleet-office", "presumed true, came false"}
	for _, w := range want {
		if !slices.ContainsFunc(results[0].Faults, func(f string) bool { return strings.Contains(f, w) }) {
			t.Errorf("nothing is said of %q: %q", w, results[0].Faults)
		}
	}
	if len(results[0].Faults) != len(want) {
		t.Errorf("%d faults, want %d: %q", len(results[0].Faults), len(want), results[0].Faults)
	}
	if !results[1].Failed() {
		t.Error("a question was asked and none expected, and it passed")
	}
}

// A rule is shown by an example that names it and in which its condition holds:
// one that speaks because a fact is unknown, or of which no example speaks, is
// not shown.
func TestUnshown(t *testing.T) {
	p, xs := examplesOf(t, `
examples:
  - name: of unknown country
    facts: {at: 2026-02-17, vehicle.maker: mercedes}
    supply:
      mercedes: {share_from: {CN: 30}}
    expect: {outcome: flag, rule: built-there, unknown: true}
`)
	if got := p.Unshown(decided(t, p, xs)); !slices.Equal(got, []string{"built-there", "held-from-there", "rescue"}) {
		t.Errorf("not shown: %v", got)
	}
}

func TestRequestsGoThroughTheReferenceData(t *testing.T) {
	p, xs := examplesOf(t, `
examples:
  - name: a request
    request: {vin: 5YJXCAE42MF000001, at: 2026-11-22T05:00:00Z, model_year: 2021, declared: [{kind: device, value: comma 3X}]}
    expect: {outcome: deny, rule: built-there}
  - name: one that nobody can read
    request: {vin: [], at: 2026-11-22}
    expect: {outcome: deny, rule: built-there}
`)
	var asked []string
	results := p.RunExamples(xs, func(request json.RawMessage) (Verdict, error) {
		asked = append(asked, string(request))
		if len(asked) == 2 {
			return Verdict{}, errors.New("no such vin")
		}
		return Verdict{Outcome: Deny, Reasons: []Reason{{Rule: "built-there", Outcome: Deny}}}, nil
	})
	if want := `{"at":"2026-11-22T05:00:00Z","declared":[{"kind":"device","value":"comma 3X"}],"model_year":2021,"vin":"5YJXCAE42MF000001"}`; len(asked) != 2 || asked[0] != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
	if results[0].Failed() || !results[1].Failed() {
		t.Errorf("%+v", results)
	}
}

func TestExampleProblems(t *testing.T) {
	const file = "testdata/examples/faulty.yaml"
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Load("faulty.yaml", src)
	if err != nil {
		t.Fatalf("a gate does not load a policy whose examples are at fault: %v", err)
	}
	_, err = p.Examples("faulty.yaml")
	var ps Problems
	if !errors.As(err, &ps) {
		t.Fatalf("not problems: %v", err)
	}
	for _, p := range ps {
		if p.Line < 15 || p.Column < 1 || p.Suggest == "" {
			t.Errorf("no place or no suggestion: %+v", p)
		}
	}
	golden := filepath.Join("testdata", "examples", "faulty.golden")
	got := err.Error() + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Examples are no part of a policy: neither its hash nor its canonical form
// changes with them.
func TestExamplesAreNoPartOfThePolicy(t *testing.T) {
	bare, xs := examplesOf(t, "")
	p, _ := examplesOf(t, "\nexamples:\n  - name: one\n    facts: {at: 2026-01-01}\n    expect: {outcome: flag, rule: default}\n")
	if xs != nil || bare.Hash() != p.Hash() || !bytes.Equal(bare.Canonical(), p.Canonical()) {
		t.Error("the examples changed the policy")
	}
}

// TestEveryFactCanBeSaid keeps the examples up with the vocabulary: a fact that
// a rule may ask for and no example could say would be untested for ever.
func TestEveryFactCanBeSaid(t *testing.T) {
	values := map[factKind]value{kindText: {text: "x"}, kindCountry: {text: "CN"}, kindMarket: {text: "EU"}, kindClass: {text: "private"},
		kindRole: {text: "tcu"}, kindBasis: {text: "declared"}, kindParty: {text: "quectel"}, kindWeekday: {text: "mon"},
		kindDate: {num: 20000, text: "2024-10-04"}}
	for i := range factTable {
		fact := factID(i)
		if fact.kind() == kindCount || fact.kind() == kindAuthorisation {
			continue
		}
		v, ok := values[fact.kind()]
		if !ok {
			v = value{num: 1}
		}
		p, err := Load("x.yaml", []byte(ruleFile))
		if err != nil {
			t.Fatal(err)
		}
		known := func(v value, say bool) bool {
			f := &Facts{At: time.Unix(0, 0)}
			if fact.module() {
				f.Units = []Unit{{Candidates: make([]Candidate, 1)}}
				if say {
					f.Units[0].Candidates[0].put(&f.Units[0], fact, v)
				}
			} else {
				f.put(fact, v, say)
			}
			m := &Findings{}
			m.prepare(p, f, nil)
			if fact.module() {
				m.take(0, 0)
			}
			return m.leafKnown(fact)
		}
		if !known(v, true) || known(v, false) {
			t.Errorf("an example cannot say %s, or cannot leave it unknown", fact.info().name)
		}
	}
}

// TestExamplesConformToTheSchema: what reads conforms, and the schema refuses
// what is refused.
func TestExamplesConformToTheSchema(t *testing.T) {
	s := schema(t)
	const whole = `
examples:
  given:
    facts: {at: 2026-02-17, vehicle.built_in: unknown, registration.authorisations: [a, {id: b, until: 2027-01-01}]}
    supply:
      byd: {controlled_from: {CN: true, RU: 0}, share_from: {CN: 15.01}, listed_on: {us-1260h: unknown}, owner_resolved: false, firmware_by: {quectel: true, CN: false}}
  cases:
    - name: one
      why: the order says so
      facts: {moment: exit, modem: true, units: [{name: TCU, module.role: tcu, fitted: unknown, one_of: [{module.maker: byd}, {module.certainty: settled}]}]}
      expect: {outcome: grant, rule: default, unknown: false, reasons: [], silent: [rescue], open: [], lifted: [], conditions: [], work_items: [], presumed: false}
    - name: two
      request: {at: 2026-02-17, vin: X}
      expect: {outcome: flag, rule: default}
`
	examplesOf(t, whole)
	if err := s.Validate(plainly(t, ruleFile+whole)); err != nil {
		t.Errorf("%#v", err)
	}
	for _, change := range [][2]string{{"moment: exit", "moment: leaving"}, {"built_in: unknown", "built_in: China"}, {"modem: true", "modem: perhaps"},
		{"module.role: tcu", "module.role: boot"}, {"{module.maker: byd}", "{module.role: tcu}"}, {"CN: true, RU", "China: true, RU"}, {"owner_resolved: false", "owner_resolved: 7"},
		{"controlled_from", "controlld_from"}, {"CN: 15.01", "CN: 115"}, {"outcome: grant", "outcome: granted"}, {"unknown: false", "unknown: perhaps"},
		{"request: {at: 2026-02-17, vin: X}", "request: {vin: X}"}, {"request: {at", "facts: {at: 2026-01-01}\n      request: {at"}, {"expect: {outcome: flag, rule: default}", "why: so"},
		{"cases:", "case:"}, {"vehicle.built_in", "vehicle.build_in"}} {
		broken := strings.Replace(whole, change[0], change[1], 1)
		if broken == whole {
			t.Fatalf("nothing to break at %q", change[0])
		}
		if s.Validate(plainly(t, ruleFile+broken)) == nil {
			t.Errorf("the schema takes %q", change[1])
		}
		p, err := Load("doors.yaml", []byte(ruleFile+broken))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Examples("doors.yaml"); err == nil {
			t.Errorf("Examples takes %q", change[1])
		}
	}
}

// FuzzExamples reads whatever bytes as the examples of a rule file.
func FuzzExamples(f *testing.F) {
	faulty, err := os.ReadFile("testdata/examples/faulty.yaml")
	if err != nil {
		f.Fatal(err)
	}
	_, examples, _ := strings.Cut(string(faulty), "examples:")
	f.Add(examples)
	f.Add("\n  - name: a\n    facts: {at: 2026-01-01, vehicle.built_in: CN}\n    expect: {outcome: deny, rule: built-there}\n")
	f.Add(" {given: {supply: {a: {share_from: {CN: 1.5}}}}, cases: [{name: x, request: {at: 2026-01-01, a: {1: 2}}, expect: []}]}\n")
	f.Fuzz(func(t *testing.T, examples string) {
		p, err := Load("x.yaml", []byte(ruleFile+"examples:"+examples))
		if err != nil {
			return
		}
		xs, err := p.Examples("x.yaml")
		if err != nil {
			if ps := (Problems{}); !errors.As(err, &ps) || len(ps) == 0 {
				t.Fatalf("not problems: %v", err)
			}
			return
		}
		for _, r := range p.RunExamples(xs, func(json.RawMessage) (Verdict, error) { return Verdict{}, errors.New("no data") }) {
			if r.Example.Name == "" || r.Example.Expect.Outcome == 0 || r.Example.Facts == nil && !json.Valid(r.Example.Request) {
				t.Fatalf("an example with a hole passed the checks: %+v", r.Example)
			}
		}
	})
}
