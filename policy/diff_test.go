package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// diffBase is a policy with something of everything.
const diffBase = `policy: base
version: "1"
title: A site's rules
status: in force
default: flag
postures: [normal, bravo, charlie]
may_change: [security-manager]
omits: [Boats and aircraft.]
parameters:
  old_before: {value: 2009, words: Model years before this one are presumed to have no modem.}
conditions:
  park-outside: {en: Park outside, pl: Zaparkować na zewnątrz}
  phone-unpaired: {en: No phone paired}
rules:
  - id: quectel
    title: Vehicles with a documented Quectel module
    outcome: flag
    instrument: {authority: Ministry, title: Order 7, status: in force, quote: no such modules, link: "https://orders.example/7", date: "2026-01", from: "2026-02-01"}
    when:
      all:
        - {fact: registration.class, is: private}
        - {fact: site.zone, at_least: restricted}
        - any_module:
            all:
              - {fact: module.maker, is: quectel}
              - {fact: module.certainty, at_least: documented}
    conditions: [park-outside]
    ask: {module.maker: Read the label}
    say: {en: Ask the duty officer., pl: Zapytaj oficera.}
  - id: old-cars
    title: Old cars come in
    outcome: grant
    instrument: {authority: site, title: Old cars have no modem}
    when: {fact: vehicle.model_year, less_than: $old_before}
    say: {en: Let it in.}
  - id: listed
    title: Makers on a list
    outcome: deny
    instrument: {authority: US DoD, title: Section 1260H list, quote: words, link: "https://list.example", date: "2026-06-08"}
    when: {any_module: {fact: module.maker, controlled_from: {country: CN, at_least: 50}}}
    work_item: fleet-office
    say: {en: Do not let it in.}
  - id: volvo
    title: Volvo Cars is authorised
    outcome: grant
    instrument: {authority: US BIS, title: Authorisation, quote: words, link: "https://bis.example", date: "2026-05", to: "2027-04-30"}
    when: {fact: vehicle.maker, is: volvo_cars}
    lifts: [listed]
    exemption: {holder: Volvo Cars, issuer: US BIS, number: VCS-1}
    say: {en: Let it in.}
`

// diffPairs are the changes that people make to rules, as replacements in the
// base policy.
var diffPairs = []struct {
	name string
	edit []string // old, new, old, new …
}{
	{"an outcome that is stricter from a day on", []string{"outcome: flag\n    instrument: {authority: Ministry", "outcome: deny\n    instrument: {authority: Ministry", `from: "2026-02-01"`, `from: "2027-07-01"`}},
	{"a rule that is gone", []string{"  - id: old-cars\n    title: Old cars come in\n    outcome: grant\n    instrument: {authority: site, title: Old cars have no modem}\n    when: {fact: vehicle.model_year, less_than: $old_before}\n    say: {en: Let it in.}\n", "",
		"parameters:\n  old_before: {value: 2009, words: Model years before this one are presumed to have no modem.}\n", ""}},
	{"a rule that is new and stricter than one that there is", []string{"  - id: old-cars\n", `  - id: quectel-critical
    title: No documented Quectel module in a critical zone
    outcome: deny
    instrument: {authority: Ministry, title: Order 8, quote: words, link: "https://orders.example/8", date: "2026-09", from: "2027-07-01"}
    when: {all: [{fact: registration.class, is: private}, {fact: site.zone, is: critical}, {any_module: {all: [{fact: module.maker, is: quectel}, {fact: module.certainty, at_least: documented}]}}]}
    say: {en: Do not let it in.}
  - id: old-cars
`}},
	{"a threshold that is lower", []string{"at_least: 50", "at_least: 25"}},
	{"a value that the site chose", []string{"value: 2009", "value: 2012"}},
	{"a wider zone", []string{"at_least: restricted}", "at_least: controlled}"}},
	{"one class more", []string{"registration.class, is: private", "registration.class, in: [private, contractor]"}},
	{"a part more", []string{"        - {fact: site.zone, at_least: restricted}\n", "        - {fact: site.zone, at_least: restricted}\n        - {fact: capability.camera_outside, is: true}\n        - {not: {surely: {fact: vehicle.built_in, is: PL}}}\n"}},
	{"a condition put otherwise", []string{"{fact: vehicle.maker, is: volvo_cars}", "{not: {not: {fact: vehicle.maker, is: volvo_cars}}}"}},
	{"unknown is refused", []string{"outcome: deny\n    instrument: {authority: US DoD", "outcome: deny\n    if_unknown: deny\n    instrument: {authority: US DoD"}},
	{"also those who leave", []string{"    work_item: fleet-office\n", "    work_item: fleet-office\n    applies_on: [entry, exit]\n"}},
	{"an exemption that ends sooner, with another number", []string{`to: "2027-04-30"`, `to: "2026-12-31"`, "VCS-1", "VCS-2"}},
	{"an exemption that is no more", []string{"    lifts: [listed]\n    exemption: {holder: Volvo Cars, issuer: US BIS, number: VCS-1}\n", ""}},
	{"words only", []string{"Ask the duty officer.", "Call the duty officer.", "Zapytaj oficera.", "Wezwij oficera.", "Read the label", "Photograph the label"}},
	{"other duties", []string{"    conditions: [park-outside]\n", "    conditions: [phone-unpaired]\n", "work_item: fleet-office", "work_item: security-office"}},
	{"another edition", []string{`link: "https://list.example", date: "2026-06-08"`, `link: "https://list.example/2027", date: "2027-01-31"`, `version: "1"`, `version: "2"`}},
	{"the policy as a whole", []string{"default: flag", "default: deny", "title: A site's rules", "title: The site's rules", "status: in force\ndefault", "status: proposed\ndefault", "[normal, bravo, charlie]", "[normal, bravo, charlie, delta]", "[security-manager]", "[duty-officer]", "Boats and aircraft.", "Boats.", "{en: No phone paired}", "{en: No phone paired or plugged in}"}},
	{"another name", []string{"id: quectel\n", "id: quectel-private\n"}},
	{"another order", []string{"  park-outside: {en: Park outside, pl: Zaparkować na zewnątrz}\n  phone-unpaired: {en: No phone paired}\n", "  phone-unpaired: {en: No phone paired}\n  park-outside: {en: Park outside, pl: Zaparkować na zewnątrz}\n"}},
}

// edited is the base policy with replacements.
func edited(t testing.TB, edit []string) *Policy {
	t.Helper()
	src := diffBase
	for i := 0; i+1 < len(edit); i += 2 {
		if !strings.Contains(src, edit[i]) {
			t.Fatalf("%q does not stand in the base policy", edit[i])
		}
		src = strings.Replace(src, edit[i], edit[i+1], 1)
	}
	return load(t, src)
}

func TestDiffInWords(t *testing.T) {
	base := load(t, diffBase)
	var b strings.Builder
	for _, pair := range diffPairs {
		next := edited(t, pair.edit)
		for _, way := range []struct {
			name     string
			old, new *Policy
		}{{"forth", base, next}, {"back", next, base}} {
			fmt.Fprintf(&b, "## %s, %s\n", pair.name, way.name)
			for _, x := range Diff(way.old, way.new) {
				fmt.Fprintf(&b, "%s %s %s\n    %s\n", x.Kind, x.Rule, x.Field, x.Text)
				if x.Effect != nil {
					fmt.Fprintf(&b, "    %s\n", x.Effect.Text)
				}
			}
			b.WriteString("\n")
		}
	}
	path := filepath.Join("testdata", "diff.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the words changed (-update writes them):\n%s", b.String())
	}
}

// allMutations change one thing each of a document.
func allMutations() map[string]func(d *document) {
	m := map[string]func(d *document){
		"policy": func(d *document) { d.id += "x" }, "version": func(d *document) { d.version += "x" }, "title": func(d *document) { d.title += "x" },
		"status": func(d *document) { d.status = "proposed" }, "default": func(d *document) { d.floor = Deny },
		"postures": func(d *document) { d.postures = d.postures[:2] }, "may_change": func(d *document) { d.mayChange = append(d.mayChange, "auditor") },
		"omits": func(d *document) { d.omits = nil }, "parameters.old_before": func(d *document) { d.params[0].text = "2010" },
		"parameters.old_before.words": func(d *document) { d.params[0].words += "x" }, "conditions.park-outside.pl": func(d *document) { delete(d.conditions[0].langs, "pl") },
		"conditions.more.en": func(d *document) {
			d.conditions = append(d.conditions, &wording{"more", map[string]string{"en": "more"}})
		},
		"order of rules": func(d *document) { d.rules[0], d.rules[1] = d.rules[1], d.rules[0] },
	}
	rule := func(field string, i int, f func(r *ruleDoc)) { m["rule "+field] = func(d *document) { f(d.rules[i]) } }
	rule("title", 0, func(r *ruleDoc) { r.title += "x" })
	rule("outcome", 0, func(r *ruleDoc) { r.outcome = Deny })
	rule("if_unknown", 2, func(r *ruleDoc) { r.ifUnknown = Deny })
	rule("applies_on", 0, func(r *ruleDoc) { r.moments |= 1 << MomentExit })
	rule("instrument.authority", 0, func(r *ruleDoc) { r.instrument.Authority += "x" })
	rule("instrument.title", 0, func(r *ruleDoc) { r.instrument.Title += "x" })
	rule("instrument.status", 0, func(r *ruleDoc) { r.instrument.Status = "" })
	rule("instrument.quote", 0, func(r *ruleDoc) { r.instrument.Quote += "x" })
	rule("instrument.link", 0, func(r *ruleDoc) { r.instrument.Link += "x" })
	rule("instrument.date", 0, func(r *ruleDoc) { r.instrument.Date = "2025" })
	rule("instrument.from", 0, func(r *ruleDoc) { r.instrument.From = "" })
	rule("instrument.to", 0, func(r *ruleDoc) { r.instrument.To = "2030-01-01" })
	rule("presumption", 0, func(r *ruleDoc) { r.presumption = "words" })
	rule("conditions", 0, func(r *ruleDoc) { r.conditions = append(r.conditions, "phone-unpaired") })
	rule("work_item", 2, func(r *ruleDoc) { r.workItem = "" })
	rule("lifts", 3, func(r *ruleDoc) { r.lifts = []string{"quectel"} })
	rule("exemption.number", 3, func(r *ruleDoc) { r.exemption = &Exemption{r.exemption.Holder, r.exemption.Issuer, "other"} })
	rule("exemption.holder", 3, func(r *ruleDoc) { r.exemption = nil })
	rule("say.pl", 0, func(r *ruleDoc) { r.say["pl"] += "x" })
	rule("ask.module.maker", 0, func(r *ruleDoc) { r.ask[fModuleMaker] += "x" })
	rule("when", 0, func(r *ruleDoc) { r.when = &cond{op: opNot, kids: []*cond{r.when}} })
	rule("when value", 0, func(r *ruleDoc) { r.when.kids[0].vals = []value{{text: "military"}} })
	rule("when pct", 2, func(r *ruleDoc) { r.when.kids[0].pct = 49.5 })
	rule("when order", 0, func(r *ruleDoc) { slices.Reverse(r.when.kids) })
	rule("when deep", 0, func(r *ruleDoc) { r.when.kids[2].kids[0].kids = r.when.kids[2].kids[0].kids[:1] })
	rule("when quantifier", 2, func(r *ruleDoc) { r.when.op = opEveryModule })
	return m
}

func TestDiffFindsEveryMutation(t *testing.T) {
	base := load(t, diffBase)
	for field, mutate := range allMutations() {
		d := load(t, diffBase).doc
		mutate(d)
		found := Diff(base, compile(d))
		name, isRule := strings.CutPrefix(field, "rule ")
		name = strings.Split(name, " value")[0]
		for _, w := range []string{" pct", " order", " deep", " quantifier"} {
			if isRule {
				name = strings.TrimSuffix(name, w)
			}
		}
		if !slices.ContainsFunc(found, func(x Difference) bool { return x.Field == name && x.Text != "" && isRule == (x.Kind == RuleChanged) }) {
			t.Errorf("%s: %+v", field, found)
		}
	}
}

func TestDiffOfItselfIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, rules, def := drawPolicy(t)
		q, err := Load("again.yaml", []byte(policyOf(def, rules...)))
		if err != nil {
			t.Fatal(err)
		}
		if d := Diff(p, q); d != nil {
			t.Fatalf("%+v", d)
		}
		other, _, _ := drawPolicy(t)
		a, b := Diff(p, other), Diff(p, other)
		if (len(a) == 0) != (p.Hash() == other.Hash()) {
			t.Fatalf("%d differences of %s and %s", len(a), p.Hash(), other.Hash())
		}
		x, errX := json.Marshal(a)
		y, errY := json.Marshal(b)
		if errX != nil || errY != nil || string(x) != string(y) {
			t.Fatalf("not the same twice: %v %v\n%s\n%s", errX, errY, x, y)
		}
		for _, d := range a {
			if !strings.HasSuffix(d.Text, ".") || strings.Contains(d.Text, "%!") || d.Effect != nil && (d.Effect.Text == "" || strings.Contains(d.Effect.Text, "%!")) {
				t.Fatalf("not a sentence: %+v", d)
			}
		}
	})
}

// In whatever order the rules stand, the same differences of rules are found.
func TestDiffTakesAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _, _ := drawPolicy(t)
		_, rules, def := drawPolicy(t)
		of := func(list []string) []string {
			q, err := Load("q.yaml", []byte(policyOf(def, list...)))
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, x := range Diff(p, q) {
				if x.Field != "order of rules" {
					b, err := json.Marshal(x)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, string(b))
				}
			}
			slices.Sort(out)
			return out
		}
		if a, b := of(rules), of(rapid.Permutation(rules).Draw(t, "order")); !slices.Equal(a, b) {
			t.Fatalf("%s\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	})
}

// What an effect says of before and after is so for facts of which the rule is
// true: the policies say no less.
func TestEffectsAreTrue(t *testing.T) {
	least := func(t *rapid.T, p *Policy, x Difference, claim string, f *Facts, s Supply) {
		want, ok := ParseOutcome(claim)
		if got := p.Decide(f, s); ok && got < want {
			t.Fatalf("%s\n%s says %s\n%s\nfacts %+v", x.Effect.Text, claim, got, p.Canonical(), f)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		old := drawRelated(t)
		src := drawRelated(t)
		both := &document{id: "random", version: "2", title: "Random", status: "in force", floor: old.doc.floor, rules: slices.Clone(old.doc.rules)}
		for _, r := range src.doc.rules {
			c := *r
			c.id, c.lifts = "new-"+r.id, nil
			both.rules = append(both.rules, &c)
		}
		next := compile(both)
		for _, pair := range [...][2]*Policy{{old, next}, {next, old}} {
			for _, x := range Diff(pair[0], pair[1]) {
				if x.Kind != RuleAdded && x.Kind != RuleRemoved {
					continue
				}
				holds := pair[1]
				if x.Kind == RuleRemoved {
					holds = pair[0]
				}
				i := indexOfRule(holds, x.Rule)
				for range 20 {
					f, s := drawAnalyseFacts(t), steady(rapid.Uint64().Draw(t, "supply"))
					if valuesOf(holds, f, s)[i] == True {
						least(t, pair[0], x, x.Effect.Before, f, s)
						least(t, pair[1], x, x.Effect.After, f, s)
					}
				}
			}
		}
	})
	// A milder rule beside a stricter one changes nothing.
	deny := aRule("a", "deny", "{fact: modem, is: true}")
	d := Diff(load(t, policyOf("flag", deny)), load(t, policyOf("flag", deny, aRule("b", "flag", "{all: [{fact: modem, is: true}, {fact: site.zone, is: public}]}"))))
	if len(d) != 1 || d[0].Effect.Text != "Vehicles with a modem: still deny at public zones." {
		t.Errorf("%+v", d[0].Effect)
	}
}

// No sentence lets what follows alternatives be taken for one of them.
func TestAlternativesAreNumbered(t *testing.T) {
	const cn = "{fact: vehicle.built_in, is: CN}"
	const code = "{fact: vehicle.wmi_country, is: CN}"
	for cond, want := range map[string]string{
		"{all: [{any: [" + cn + ", " + code + "]}, {fact: modem, is: true}]}":                                "with a modem, either (a) built in China or (b) whose maker's code was assigned in China",
		"{not: {all: [" + cn + ", {fact: modem, is: true}]}}":                                                "not both (a) built in China and (b) with a modem",
		"{not: {any: [" + cn + ", {fact: modem, is: true}]}}":                                                "neither (a) built in China nor (b) with a modem",
		"{not: {surely: {any: [" + cn + ", " + code + "]}}}":                                                 "not known to be either (a) built in China or (b) whose maker's code was assigned in China",
		"{any: [" + cn + ", {all: [" + code + ", {fact: modem, is: true}]}]}":                                "either (a) built in China or (b) both (1) whose maker's code was assigned in China and (2) with a modem",
		"{all: [{any: [" + cn + ", " + code + "]}, {any: [{fact: modem, is: true}, {known: modem}]}]}":       "either (a) built in China or (b) whose maker's code was assigned in China, and besides either (a) with a modem or (b) of which whether a modem is fitted is known",
		"{any_module: {all: [{any: [{fact: module.maker, is: acme}, {fact: module.chip_down, is: true}]}]}}": "with a module either (a) by Acme or (b) that is a chip on the unit's own board",
		"{fact: vehicle.weight_kg, more_than: 4536}":                                                         "of more than 4536 kg",
	} {
		r := aRule("r", "flag", cond, "presumption: words")
		if _, err := Load("t", []byte(policyOf("flag", r))); err != nil {
			r = aRule("r", "flag", cond)
		}
		p := load(t, policyOf("flag", r))
		if got := (english{}).sentence(p, p.doc.rules[0], "flag"); got != "Vehicles "+want+": flag." {
			t.Errorf("%s:\n%s\n%s", cond, got, want)
		}
	}
}
