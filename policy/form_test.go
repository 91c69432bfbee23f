package policy_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport/policy"
)

// packFiles are the rule files that ship.
func packFiles(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("pack", "packs", "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no packs: %v", err)
	}
	out := map[string][]byte{}
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(name)] = src
	}
	return out
}

func form(t *testing.T, src []byte) *policy.Form {
	t.Helper()
	f, err := policy.ReadForm(src)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func hash(t *testing.T, src []byte) string {
	t.Helper()
	p, err := policy.Load("p", src)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return p.Hash()
}

// What a form changes of a rule and changes back is what it was, to the byte;
// nothing else in the file moves.
func TestFormGoesBothWays(t *testing.T) {
	for name, src := range packFiles(t) {
		src, err := policy.Format(src)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f := form(t, src)
		for i, r := range f.Rules {
			if i%4 > 0 && i+1 < len(f.Rules) { // each takes a while
				continue
			}
			if r.When == nil || strings.Contains(dumpCond(r.When), "yaml") {
				t.Errorf("%s: rule %s has rows that no form shows: %s", name, r.ID, dumpCond(r.When))
			}
			changed := r
			changed.Title += " changed"
			changed.When = &policy.FormCond{Op: "all", Kids: []*policy.FormCond{r.When, {Op: "fact", Fact: "site.zone", Test: "at_least", Values: []string{"public"}}}}
			out, lost, err := policy.EditRule(src, i, changed)
			if err != nil || len(lost) > 0 {
				t.Fatalf("%s: rule %s: %v, lost %q", name, r.ID, err, lost)
			}
			if g := form(t, out); g.Rules[i].Title != changed.Title || len(g.Rules[i].When.Kids) != 2 {
				t.Errorf("%s: rule %s was not changed: %+v", name, r.ID, g.Rules[i])
			}
			back, lost, err := policy.EditRule(out, i, r)
			if err != nil || len(lost) > 0 {
				t.Fatalf("%s: rule %s: back: %v, lost %q", name, r.ID, err, lost)
			}
			if string(back) != string(src) {
				t.Errorf("%s: rule %s: changed and changed back it is another text", name, r.ID)
			}
		}
	}
}

func dumpCond(c *policy.FormCond) string {
	if c == nil {
		return "none"
	}
	s := c.Op
	for _, k := range c.Kids {
		s += " " + dumpCond(k)
	}
	return s
}

// A condition that is written anew from its rows says the same.
func TestFormWritesConditions(t *testing.T) {
	for name, src := range packFiles(t) {
		f := form(t, src)
		want := hash(t, src)
		for i, r := range f.Rules {
			if i%4 > 0 && i+1 < len(f.Rules) {
				continue
			}
			gone := r
			gone.When = &policy.FormCond{Op: "fact", Fact: "modem", Test: "is", Values: []string{"true"}}
			gone.Say, gone.Instrument, gone.Conditions, gone.Lifts = map[string]string{"en": "x"}, policy.Instrument{Authority: "site", Title: "x"}, nil, nil
			out, _, err := policy.EditRule(src, i, gone)
			if err != nil {
				t.Fatal(err)
			}
			out, _, err = policy.EditRule(out, i, r)
			if err != nil {
				t.Fatal(err)
			}
			if got := hash(t, out); got != want {
				t.Errorf("%s: rule %s: written anew it is another policy", name, r.ID)
			}
		}
	}
}

func TestFormMovesRules(t *testing.T) {
	for name, src := range packFiles(t) {
		f := form(t, src)
		for i := range f.Rules {
			if i%5 > 0 && i+1 < len(f.Rules) { // each takes a while
				continue
			}
			down, lost, err := policy.MoveRule(src, i, true)
			if err != nil || len(lost) > 0 {
				t.Fatalf("%s: %v %q", name, err, lost)
			}
			if i+1 < len(f.Rules) {
				if g := form(t, down); g.Rules[i+1].ID != f.Rules[i].ID {
					t.Errorf("%s: rule %d did not move", name, i)
				}
				if down, _, err = policy.MoveRule(down, i+1, false); err != nil {
					t.Fatal(err)
				}
			}
			if string(down) != string(src) {
				t.Errorf("%s: rule %d moved down and up again is another text", name, i)
			}
			less, _, err := policy.RemoveRule(src, i)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if g := form(t, less); len(g.Rules) != len(f.Rules)-1 {
				t.Errorf("%s: %d rules", name, len(g.Rules))
			}
			more, _, err := policy.AddRule(less, i-1, f.Rules[i])
			if err != nil {
				t.Fatalf("%s: add %s: %v", name, f.Rules[i].ID, err)
			}
			if g := form(t, more); g.Rules[i].ID != f.Rules[i].ID {
				t.Errorf("%s: rule %s did not come back to its place", name, f.Rules[i].ID)
			}
			if hash(t, more) != hash(t, src) {
				t.Errorf("%s: rule %s came back as another", name, f.Rules[i].ID)
			}
		}
	}
}

const smallFile = `# as ordered
policy: gate
version: "1" # the first
title: A small policy
default: flag

conditions:
  park: {en: Park outside}

rules:
  # why this one is here
  - id: one
    title: One
    outcome: deny
    instrument: {authority: site, title: Choice}
    when:
      all:
        # the zone first
        - {fact: site.zone, at_least: restricted} # by order
        - any_module: {fact: module.maker, controlled_from: {country: CN, at_least: 50}}
    conditions: [park]
    say: {en: No}

  # at the end
  - id: two
    title: Two
    outcome: grant
    instrument: {authority: site, title: Choice}
    when: {fact: vehicle.built_in, is: "NO"}
    say: {en: Yes}
# last words
`

func TestFormKeepsComments(t *testing.T) {
	src := []byte(smallFile)
	f := form(t, src)
	r := f.Rules[0]
	r.When.Kids[1].Kids[0].AtLeast = "25"
	out, lost, err := policy.EditRule(src, 0, r)
	if err != nil || len(lost) > 0 {
		t.Fatalf("%v, lost %q", err, lost)
	}
	for _, want := range []string{"# as ordered", "# the first", "# why this one is here", "# the zone first", "# by order", "# at the end", "# last words", "at_least: 25"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	// A row that goes takes its comment with it, and that is said.
	r.When.Kids = r.When.Kids[1:]
	out, lost, err = policy.EditRule(out, 0, r)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lost)
	if !slices.Equal(lost, []string{"# by order", "# the zone first"}) {
		t.Errorf("lost %q\n%s", lost, out)
	}
}

func TestFormEditsTheHead(t *testing.T) {
	src := []byte(smallFile)
	f := *form(t, src)
	f.Version, f.Status, f.MayChange = "2", "proposed", []string{"security-manager"}
	f.Parameters = []policy.FormParameter{{Name: "old_before", Value: "2009", Words: "The site's year"}}
	f.Conditions = append(f.Conditions, policy.FormWords{ID: "told", Words: map[string]string{"en": "Duty officer told", "pl": "Powiadomiono oficera"}})
	out, lost, err := policy.EditHead(src, f)
	if err != nil || len(lost) > 0 {
		t.Fatalf("%v, lost %q\n%s", err, lost, out)
	}
	g := form(t, out)
	if g.Version != "2" || g.Status != "proposed" || len(g.Parameters) != 1 || g.Parameters[0].Value != "2009" || g.Conditions[1].Words["pl"] == "" || !slices.Equal(g.MayChange, f.MayChange) {
		t.Errorf("%+v\n%s", g, out)
	}
	if !strings.Contains(string(out), `version: "2" # the first`) {
		t.Errorf("the comment is gone:\n%s", out)
	}
}

func TestFormFindsThePlace(t *testing.T) {
	src := strings.Replace(smallFile, "at_least: restricted", "at_least: restrictid", 1)
	src = strings.Replace(src, "title: Two\n", "title: Two\n    colour: red\n", 1)
	src = strings.Replace(src, `is: "NO"`, `is: Norway`, 1)
	_, err := policy.Load("p", []byte(src))
	var ps policy.Problems
	if !errors.As(err, &ps) || len(ps) != 3 {
		t.Fatalf("%v", err)
	}
	f := form(t, []byte(src))
	want := []policy.FormPlace{{Rule: 0, Example: -1, Field: "when.0"}, {Rule: 1, Example: -1, Field: "colour"}, {Rule: 1, Example: -1, Field: "when"}}
	for i, p := range ps {
		if got := f.Place(p.Line, p.Column); got != want[i] {
			t.Errorf("%s: at %+v, want %+v", p, got, want[i])
		}
	}
}

// A case put together in a form is read as it was meant, and can go again.
func TestFormAddsExamples(t *testing.T) {
	src := []byte(smallFile)
	c := policy.FormCase{Name: "Chinese module", Facts: []policy.FormFact{{"at", "2026-11-22"}, {"site.zone", "restricted"}, {"module.maker", "quectel"}, {"module.certainty", "documented"}},
		Told: []policy.FormTold{{"quectel", "controlled_from", "NO", "false"}, {"quectel", "controlled_from", "CN", "true"}}, Outcome: "deny", Rule: "one"}
	out, _, err := policy.AddExample(src, c)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load("p", out)
	if err != nil {
		t.Fatal(err)
	}
	list, err := p.Examples("p")
	if err != nil || len(list) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	if r := p.RunExamples(list, nil); r[0].Failed() {
		t.Errorf("%v\n%s", r[0].Faults, out)
	}
	two, _, err := policy.AddExample(out, policy.FormCase{Name: "by VIN", Request: []policy.FormFact{{"vin", "5YJXCAE42MF000001"}, {"zone", "restricted"}, {"at", "2026-11-22T05:00:00Z"}}, Outcome: "flag"})
	if err != nil {
		t.Fatal(err)
	}
	f := form(t, two)
	if len(f.Examples) != 2 || !f.Examples[1].Request {
		t.Fatalf("%+v", f.Examples)
	}
	same, _, err := policy.EditExample(two, 0, f.Examples[0].Text)
	if err != nil || string(same) != string(two) {
		t.Errorf("a case written as it stands is another text: %v\n%s", err, same)
	}
	one, _, err := policy.EditExample(two, 1, "")
	if err != nil || string(one) != string(out) {
		t.Errorf("taken away: %v\n%s", err, one)
	}
	if none, _, err := policy.EditExample(one, 0, ""); err != nil || strings.Contains(string(none), "examples") {
		t.Errorf("the last taken away: %v\n%s", err, none)
	}
	for name, src := range packFiles(t) {
		for i, x := range form(t, src).Examples {
			if same, _, err := policy.EditExample(src, i, x.Text); err != nil || string(same) != string(src) {
				t.Errorf("%s: example %q: %v", name, x.Name, err)
			}
		}
		c := c
		c.Rule = policy.DefaultRule
		if more, _, err := policy.AddExample(src, c); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if p, err := policy.Load("p", more); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if _, err := p.Examples("p"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What no form shows stays as it is written.
func TestFormKeepsWhatItCannotShow(t *testing.T) {
	src := []byte(strings.Replace(smallFile, `{fact: vehicle.built_in, is: "NO"}`, `{fact: vehicle.built_in, is: "NO", in: [PL]}`, 1))
	f := form(t, src)
	r := f.Rules[1]
	if r.When.Op != "yaml" {
		t.Fatalf("%+v", r.When)
	}
	r.Title = "Other"
	out, _, err := policy.EditRule(src, 1, r)
	if err != nil || !strings.Contains(string(out), `is: "NO", in: [PL]`) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := policy.ReadForm([]byte("a: [")); err == nil {
		t.Error("no YAML, and a form of it")
	}
}

func FuzzForm(f *testing.F) {
	f.Add([]byte(smallFile), "vehicle.make", "TESLA # \" ' :")
	f.Add([]byte("policy: x\nrules: [{id: a}]\n"), "a", "b")
	f.Add([]byte("rules:\n- id: a\n- 7\n"), "modem", "true")
	f.Fuzz(func(t *testing.T, src []byte, fact, value string) {
		form, err := policy.ReadForm(src)
		if err != nil {
			return
		}
		for i, r := range form.Rules {
			r.Title = value
			r.When = &policy.FormCond{Op: "not", Kids: []*policy.FormCond{{Op: "fact", Fact: fact, Test: "in", Values: []string{value, "b"}}}}
			if out, _, err := policy.EditRule(src, i, r); err == nil {
				if _, err := policy.ReadForm(out); err != nil {
					t.Fatalf("what was written cannot be read: %v\n%s", err, out)
				}
			}
			policy.MoveRule(src, i, true)
			policy.RemoveRule(src, i)
		}
		policy.AddRule(src, len(form.Rules)-1, policy.FormRule{ID: "n"})
		policy.AddExample(src, policy.FormCase{Name: value, Facts: []policy.FormFact{{fact, value}}})
		form.Title = value
		policy.EditHead(src, *form)
	})
}
