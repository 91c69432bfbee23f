package policy

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("urn:sallyport:policy", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:sallyport:policy")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plainly is a YAML document as an editor hands it to a validator.
func plainly(t rapid.TB, src string) any {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(src), &doc); err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	var walk func(n *yaml.Node) any
	walk = func(n *yaml.Node) any {
		switch n.Kind {
		case yaml.MappingNode:
			m := map[string]any{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				m[n.Content[i].Value] = walk(n.Content[i+1])
			}
			return m
		case yaml.SequenceNode:
			l := []any{}
			for _, c := range n.Content {
				l = append(l, walk(c))
			}
			return l
		}
		switch n.Tag {
		case "!!int", "!!float":
			return json.Number(n.Value)
		case "!!bool":
			return n.Value == "true"
		case "!!null":
			return nil
		}
		return n.Value
	}
	return walk(doc.Content[0])
}

func TestPacksConformToTheSchema(t *testing.T) {
	s := schema(t)
	for name, src := range packs(t) {
		if err := s.Validate(plainly(t, string(src))); err != nil {
			t.Errorf("%s: %#v", name, err)
		}
		if err := s.Validate(plainly(t, string(load(t, string(src)).Canonical()))); err != nil {
			t.Errorf("%s in its canonical form: %v", name, err)
		}
	}
}

// What Load takes conforms.
func TestWhatLoadsConformsToTheSchema(t *testing.T) {
	s := schema(t)
	rapid.Check(t, func(t *rapid.T) {
		p, rules, def := drawPolicy(t)
		for _, src := range []string{policyOf(def, rules...), string(p.Canonical())} {
			if err := s.Validate(plainly(t, src)); err != nil {
				t.Fatalf("%v\n%s", err, src)
			}
		}
	})
}

// TestSchemaRefuses breaks one thing at a time: both the schema and Load refuse
// it.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	good := strings.Replace(ruleOf("deny", "{fact: modem, is: true}"), "    say:", "    if_unknown: deny\n    say:", 1) +
		"  - id: lifter\n    title: t\n    outcome: flag\n    instrument: {authority: site, title: t}\n    lifts: [only]\n    exemption: {holder: h, issuer: i}\n    say: {en: w}\n    when: {fact: registration.class, is: allied}\n"
	check := func(src string) (bySchema, byLoad error) {
		_, byLoad = Load("f", []byte(src))
		return s.Validate(plainly(t, src)), byLoad
	}
	if a, b := check(good); a != nil || b != nil {
		t.Fatalf("%v\n%v", a, b)
	}
	replace := func(a, b string) string {
		if !strings.Contains(good, a) {
			t.Fatalf("nothing to replace: %s", a)
		}
		return strings.Replace(good, a, b, 1)
	}
	when := func(cond string) string { return replace("{fact: modem, is: true}", cond) }
	for name, src := range map[string]string{
		"unknown key":                    replace("title: A test", "title: A test\ntitel: x"),
		"no id":                          replace("policy: test\n", ""),
		"no version":                     replace("version: \"1\"\n", ""),
		"no rules":                       "policy: a\nversion: \"1\"\ntitle: t\n",
		"empty rules":                    "policy: a\nversion: \"1\"\ntitle: t\nrules: []\n",
		"an id with blanks":              replace("policy: test", "policy: a test"),
		"default grant":                  replace("title: A test", "title: A test\ndefault: grant"),
		"unknown status":                 replace("title: A test", "title: A test\nstatus: perhaps"),
		"one posture":                    replace("title: A test", "title: A test\npostures: [normal]"),
		"a posture that is a number":     replace("title: A test", "title: A test\npostures: [normal, 2nd]"),
		"postures twice":                 replace("title: A test", "title: A test\npostures: [normal, normal]"),
		"a parameter without words":      replace("rules:", "parameters: {year: {value: 2009}}\nrules:"),
		"words without English":          replace("say: {en: words}", "say: {pl: words}"),
		"an unknown language":            replace("say: {en: words}", "say: {en: words, english: words}"),
		"no words":                       replace("    say: {en: words}\n", ""),
		"no outcome":                     replace("    outcome: deny\n", ""),
		"unknown outcome":                replace("outcome: deny", "outcome: refuse"),
		"no title":                       replace("    title: The only rule\n", ""),
		"no condition":                   replace("    when: {fact: modem, is: true}\n", ""),
		"the default's name":             replace("id: only", "id: default"),
		"unknown key of a rule":          replace("    if_unknown: deny\n", "    if_unknwn: deny\n"),
		"if_unknown grant":               replace("if_unknown: deny", "if_unknown: grant"),
		"if_unknown of a grant":          replace("outcome: deny", "outcome: grant"),
		"if_unknown stricter":            replace("outcome: deny", "outcome: flag"),
		"a rule that lifts and denies":   strings.Replace(good, "outcome: flag", "outcome: deny", 1),
		"an exemption that lifts none":   replace("    lifts: [only]\n", ""),
		"an exemption of nobody":         replace("holder: h, ", ""),
		"lifts nothing":                  replace("lifts: [only]", "lifts: []"),
		"lifts twice":                    replace("lifts: [only]", "lifts: [only, only]"),
		"applies never":                  replace("    if_unknown: deny\n", "    applies_on: []\n"),
		"applies on arrival":             replace("    if_unknown: deny\n", "    applies_on: [arrival]\n"),
		"applies twice":                  replace("    if_unknown: deny\n", "    applies_on: [exit, exit]\n"),
		"no instrument":                  replace("    instrument: {authority: site, title: test}\n", ""),
		"an instrument without source":   replace("{authority: site, title: test}", "{authority: Somebody, title: test}"),
		"an instrument without title":    replace("{authority: site, title: test}", "{authority: site}"),
		"a link that is none":            replace("{authority: site, title: test}", "{authority: site, title: test, link: \"javascript:x\"}"),
		"a date that is none":            replace("{authority: site, title: test}", "{authority: site, title: test, date: \"17.02.2026\"}"),
		"a first day that is a month":    replace("{authority: site, title: test}", "{authority: site, title: test, from: \"2026-02\"}"),
		"a month that is none":           replace("{authority: site, title: test}", "{authority: site, title: test, from: \"2026-13-01\"}"),
		"an unknown fact":                when("{fact: vehicle.maek, is: x}"),
		"an unknown operator":            when("{fact: modem, resembles: true}"),
		"an operator of another kind":    when("{fact: modem, at_least: true}"),
		"two operators":                  when("{fact: vehicle.model_year, at_least: 2000, at_most: 2010}"),
		"no operator":                    when("{fact: modem}"),
		"a truth value that is a word":   when("{fact: modem, is: maybe}"),
		"a number that is a word":        when("{fact: vehicle.model_year, at_least: new}"),
		"no country":                     when("{fact: vehicle.built_in, is: PRC}"),
		"a country in small letters":     when("{fact: vehicle.built_in, is: cn}"),
		"no class":                       when("{fact: registration.class, is: taxi}"),
		"no zone":                        when("{fact: site.zone, is: secret}"),
		"no certainty":                   when("{any_module: {fact: module.certainty, at_least: sure}}"),
		"no role":                        when("{any_module: {fact: module.role, is: radio}}"),
		"no basis":                       when("{any_module: {fact: module.basis, is: guessed}}"),
		"no weekday":                     when("{fact: site.weekday, is: friday}"),
		"no time":                        when("{fact: site.local_time, at_least: \"24:00\"}"),
		"a time without minutes":         when("{fact: site.local_time, at_least: \"9\"}"),
		"no day":                         when("{fact: vehicle.built_on, before: \"2027\"}"),
		"a share above all":              when("{fact: vehicle.maker, share_from: {country: CN, at_least: 101}}"),
		"a share of nothing":             when("{fact: vehicle.maker, share_from: {country: CN, at_least: 0}}"),
		"a share without a threshold":    when("{fact: vehicle.maker, share_from: {country: CN}}"),
		"control from nowhere":           when("{fact: vehicle.maker, controlled_from: {at_least: 50}}"),
		"a list with blanks":             when("{fact: vehicle.maker, listed_on: US 1260H}"),
		"in of nothing":                  when("{fact: vehicle.make, in: []}"),
		"in of no list":                  when("{fact: vehicle.make, in: BYD}"),
		"all of nothing":                 when("{all: []}"),
		"all of no list":                 when("{all: {fact: modem, is: true}}"),
		"two conditions in one":          when("{not: {fact: modem, is: true}, known: modem}"),
		"an unknown condition":           when("{none: [{fact: modem, is: true}]}"),
		"an empty condition":             when("{}"),
		"a condition that is a word":     when("yes"),
		"a module without a quantifier":  when("{fact: module.maker, is: acme}"),
		"known of a module outside one":  when("{known: module.maker}"),
		"a quantifier in a quantifier":   when("{any_module: {any_device: {fact: module.maker, is: acme}}}"),
		"known of the air":               when("{known: radio.cellular}"),
		"known of a count":               when("{known: modules.known}"),
		"silence on the air":             when("{fact: radio.cellular, is: false}"),
		"a sensor that listens":          when("{fact: radio.sensed, is: true}"),
		"an updater that is authorised":  when("{any_module: {fact: module.updater, authorised_by: us-bis}}"),
		"praise of what was heard":       when("{fact: radio.heard_maker, trusted_by: xx}"),
		"a threat level below the least": when("{fact: site.posture, at_least: -1}"),
	} {
		bySchema, byLoad := check(src)
		if bySchema == nil {
			t.Errorf("%s: the schema takes it", name)
		}
		if byLoad == nil {
			t.Errorf("%s: Load takes it", name)
		}
	}
}

// Every key that Load knows has its place in the schema.
func TestSchemaKnowsEveryKey(t *testing.T) {
	var s struct {
		Properties map[string]any
		Defs       map[string]struct {
			Properties map[string]struct{ Properties map[string]any }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	holds := func(where string, has func(string) bool, keys []string) {
		for _, k := range keys {
			if !has(k) {
				t.Errorf("the schema of %s has no %q", where, k)
			}
		}
	}
	holds("a policy", func(k string) bool { return s.Properties[k] != nil }, documentKeys)
	rule := s.Defs["rule"].Properties
	holds("a rule", func(k string) bool { _, ok := rule[k]; return ok }, ruleKeys)
	holds("an exemption", func(k string) bool { return rule["exemption"].Properties[k] != nil }, exemptionKeys)
	holds("an instrument", func(k string) bool { _, ok := s.Defs["instrument"].Properties[k]; return ok }, instrumentKeys)
}

func TestSchemaIsTheSameEveryTime(t *testing.T) {
	if !bytes.Equal(Schema(), Schema()) || len(Schema()) < 10_000 {
		t.Error("not the same, or next to nothing")
	}
}
