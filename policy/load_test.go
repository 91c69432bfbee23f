package policy

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestProblems loads every faulty rule file of testdata/problems and compares
// what Load says of it with the golden file beside it.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("no rule files to load: %v %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(filepath.Base(file), src)
			if err == nil {
				t.Fatal("loaded without a word")
			}
			var ps Problems
			if !errors.As(err, &ps) || len(ps) == 0 {
				t.Fatalf("not problems: %v", err)
			}
			for _, p := range ps {
				if p.Line < 1 || p.Column < 1 || p.Text == "" || p.Suggest == "" {
					t.Errorf("no place or no suggestion: %+v", p)
				}
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
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
		})
	}
}

// TestHostileFiles refuses what was made to hurt, at once.
func TestHostileFiles(t *testing.T) {
	head := "policy: x\nversion: \"1\"\ntitle: t\nrules:\n  - id: a\n    title: t\n    outcome: flag\n    instrument: {authority: site, title: t}\n    say: {en: w}\n    when: "
	for name, tt := range map[string]struct{ src, want string }{
		"nothing":            {"", "holds no policy"},
		"only a comment":     {"# hello\n", "holds no policy"},
		"null":               {"~\n", "must be a mapping"},
		"two documents":      {"policy: x\n---\npolicy: y\n", "second document"},
		"not UTF-8":          {"policy: \xff\xfe\n", "not UTF-8"},
		"alias bomb":         {"a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b]\n", "anchors and aliases"},
		"merge key":          {"policy: x\n<<: {title: y}\n", "unknown key"},
		"tag":                {"policy: !!binary aGk=\n", "tags are not allowed"},
		"too big":            {strings.Repeat("# a comment\n", 100_000), "more than the"},
		"many values":        {head + "{fact: vehicle.make, in: [" + strings.Repeat("a, ", 40_000) + "a]}\n", "more than"},
		"deep flow":          {head + strings.Repeat("{not: ", 5000) + "{fact: modem, is: true}" + strings.Repeat("}", 5000), "nested too deep"},
		"deep enough":        {head + strings.Repeat("{not: ", 18) + "{fact: modem, is: true}" + strings.Repeat("}", 18), "nested deeper than 16"},
		"deeper than YAML":   {head + strings.Repeat("[", 20_000), "not valid YAML"},
		"unclosed quote":     {"policy: \"x\n", "not valid YAML"},
		"tab indentation":    {"policy: x\nrules:\n\t- id: a\n", "not valid YAML"},
		"control character":  {"policy: x\nversion: \"1\"\ntitle: \"a\\x07b\"\nrules: []\n", "control character"},
		"key that is a list": {"[a, b]: c\n", "must be a word"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load("hostile.yaml", []byte(tt.src))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCountries(t *testing.T) {
	n := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if isCountry(string([]rune{a, b})) {
				n++
			}
		}
	}
	if n != 249 {
		t.Errorf("%d countries, ISO 3166-1 assigns 249", n)
	}
	for _, s := range []string{"", "C", "CHN", "cn", " C", "N ", "UK", "EU", "XX"} {
		if isCountry(s) {
			t.Errorf("%q is taken for a country", s)
		}
	}
}

func TestEffectivePeriod(t *testing.T) {
	src := strings.Replace(ruleOf("deny", "{fact: capability.gnss, is: true}"), "title: test}", `title: test, from: "2026-03-01", to: "2026-03-31"}`, 1)
	p := load(t, src)
	for at, want := range map[string]Outcome{
		"2026-02-28T23:59:59Z": Flag, "2026-03-01T00:00:00Z": Deny, "2026-03-31T23:59:59Z": Deny, "2026-04-01T00:00:00Z": Flag,
		"2026-03-01T01:00:00+02:00": Flag,
	} {
		f := truthFacts()
		f.At, _ = time.Parse(time.RFC3339, at)
		if v := p.Evaluate(f, nil); v.Outcome != want {
			t.Errorf("at %s: %s, want %s", at, v.Outcome, want)
		}
	}
}

func TestAskedAsOfTheInstantsDay(t *testing.T) {
	p := load(t, ruleOf("flag", "{fact: vehicle.maker, controlled_from: {country: CN, at_least: 25}}"))
	f := &Facts{At: time.Date(2026, 3, 1, 0, 30, 0, 0, time.FixedZone("", 3600))}
	f.Vehicle.Maker = Know[Party]("acme", Source{})
	s := &recorder{}
	p.Evaluate(f, s)
	want := SupplyQuestion{Op: "controlled_from", Party: "acme", Arg: "CN", Pct: 25, Day: "2026-02-28"}
	if len(s.asked) != 1 || s.asked[0] != want {
		t.Errorf("asked %+v, want once %+v", s.asked, want)
	}
}

type recorder struct{ asked []SupplyQuestion }

func (r *recorder) Ask(q SupplyQuestion) SupplyAnswer {
	r.asked = append(r.asked, q)
	return SupplyAnswer{Value: True, Because: "recorded"}
}

func TestWordsForTheGuard(t *testing.T) {
	p := load(t, strings.Replace(ruleOf("flag", "{fact: vehicle.model_year, less_than: $year}"), "rules:", "parameters: {year: {value: 2009, words: chosen}}\nrules:", 1))
	if got := p.Say("only", "pl"); got != "words" {
		t.Errorf("no English where Polish is missing: %q", got)
	}
	if got := p.Say("none", "en"); got != "" {
		t.Errorf("words for a rule that is not there: %q", got)
	}
	if p.Say(DefaultRule, "de") == p.Say(DefaultRule, "en") || p.Say(DefaultRule, "fr") != p.Say(DefaultRule, "en") {
		t.Error("the default's words are not translated")
	}
	if got := p.Parameters(); len(got) != 1 || got[0] != (Parameter{"year", "2009", "chosen"}) {
		t.Errorf("parameters %+v", got)
	}
}

func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	packs, err := filepath.Glob("pack/packs/*.yaml")
	if err != nil || len(packs) == 0 {
		f.Fatal("no packs to begin with", err)
	}
	for _, name := range append(seeds, packs...) {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := Load("fuzz.yaml", src)
		if err != nil {
			var ps Problems
			if !errors.As(err, &ps) || len(ps) == 0 || len(ps) > maxProblems {
				t.Fatalf("not a bounded list of problems: %v", err)
			}
			return
		}
		again, err := Load("canonical.yaml", p.Canonical())
		if err != nil {
			t.Fatalf("the canonical form does not load: %v\n%s", err, p.Canonical())
		}
		if again.Hash() != p.Hash() {
			t.Fatalf("another hash by loading the canonical form\n%s\n%s", p.Canonical(), again.Canonical())
		}
		v := p.Evaluate(truthFacts(), oracle(1))
		if len(v.Reasons) == 0 {
			t.Fatal("a verdict without a reason")
		}
		p.Rules()
	})
}
