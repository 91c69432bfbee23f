package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// hostile are files made to hurt, by what they are made of.
func hostile() map[string]string {
	head := "policy: x\nversion: \"1\"\ntitle: t\nrules:\n  - id: a\n    title: t\n    outcome: flag\n    instrument: {authority: site, title: t}\n    say: {en: w}\n    when: "
	bomb := strings.Builder{}
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 60 {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9))
	}
	anchors := strings.Builder{}
	for i := range 30_000 {
		fmt.Fprintf(&anchors, "- &a%d x\n", i)
	}
	garbage := make([]byte, maxSource)
	x := uint32(1)
	for i := range garbage {
		x = x*1664525 + 1013904223
		garbage[i] = "abc: -[]{},\"'#&*!|>%@\n \t?"[int(x>>16)%25]
	}
	keys := strings.Builder{}
	for range 40_000 {
		keys.WriteString("policy: x\n")
	}
	return map[string]string{
		"alias bomb":         bomb.String(),
		"many anchors":       anchors.String(),
		"list of a million":  head + "{fact: vehicle.make, in: [" + strings.Repeat("a,", 1_000_000) + "a]}\n",
		"list within bounds": head + "{fact: vehicle.make, in: [" + strings.Repeat("a,", 250_000) + "a]}\n",
		"block list":         "rules:\n" + strings.Repeat("- a\n", 120_000),
		"lists of lists":     "rules: [" + strings.Repeat("[],", 160_000) + "]\n",
		"braces":             "rules: [" + strings.Repeat("{a: b},", 70_000) + "]\n",
		"open brackets":      "a: " + strings.Repeat("[", maxSource-10),
		"closed brackets":    "a: " + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
		"open braces":        head + strings.Repeat("{not: ", 80_000),
		"dashes":             strings.Repeat("- ", 250_000),
		"deep block":         deepBlock(700),
		"questions":          strings.Repeat("? ", 250_000),
		"duplicate keys":     keys.String(),
		"one long line":      "policy: " + strings.Repeat("a", maxSource-20),
		"one long key":       strings.Repeat("a", maxSource-20) + ": x",
		"quoted":             "policy: \"" + strings.Repeat("\\u0041", 80_000) + "\"",
		"garbage":            string(garbage),
		"NUL bytes":          "policy: " + strings.Repeat("\x00", maxSource-20),
		"spaces":             strings.Repeat(" ", maxSource-2),
		"tabs":               strings.Repeat("\t", maxSource-2),
		"new lines":          strings.Repeat("\n", maxSource-2),
		"comments":           strings.Repeat("# a\n", 120_000),
		"documents":          strings.Repeat("---\n", 120_000),
		"unknown operators":  head + "{all: [" + strings.Repeat("{fact: vehicle.make, resembles: x},", 14_000) + "]}\n",
		"unknown facts":      head + "{all: [" + strings.Repeat("{fact: vehicle.maek, is: x},", 450) + "]}\n",
		"too big":            strings.Repeat("# a comment\n", 1_000_000),
		"colons":             strings.Repeat("a:\n", 150_000),
		"tags":               "rules: [" + strings.Repeat("!!str a,", 60_000) + "]\n",
		"directives":         strings.Repeat("%YAML 1.1\n", 50_000),
		"just few enough":    "rules: {" + strings.Repeat("a,", maxNodes/2-10) + "a}\n",
		"as many keys":       strings.Repeat("a:\n", maxNodes/2-10),
		"commas in words":    "policy: " + strings.Repeat("a, ", 170_000) + "\n",
		"old line ends":      strings.Repeat("a:\r", 170_000),
		"rare line ends":     strings.Repeat("a:\u2028", 100_000),
		"tabs for blanks":    strings.Repeat("a:\tb\r", 100_000),
		"times":              "a: [" + strings.Repeat("2001-1-1t1:1:1.1 +1x,", 21_000) + "]",
		"a huge number":      "a: " + strings.Repeat("9", maxSource-10),
		"comments and items": "a:\n" + strings.Repeat("# c\n- b\n", 65_000),
		"many unknown names": unknownNames(),
		"as many rules":      manyRules(),
		"as many pairs":      "a: [" + strings.Repeat("a: b,", maxNodes/2-10) + "]",
	}
}

// longID is a word as long as what is meant is looked for at all.
func longID(letter string, i int) string { return fmt.Sprintf("%s%063d", letter, i) }

// ruleHead begins a rule that has no fault, but for what is asked in when.
const ruleHead = "- {id: %s, title: t, outcome: flag, instrument: {authority: site, title: t}, say: {en: w}, "

// unknownNames lifts many rules that there are not beside as many that there are.
func unknownNames() string {
	var b strings.Builder
	b.WriteString("policy: x\nversion: \"1\"\ntitle: t\nrules:\n")
	for i := range 700 {
		fmt.Fprintf(&b, ruleHead+"when: {fact: modem, is: true}}\n", longID("a", i))
	}
	fmt.Fprintf(&b, ruleHead+"when: {fact: modem, is: true}, lifts: [", "last")
	for i := range 300 {
		b.WriteString(longID("b", i) + ", ")
	}
	b.WriteString("last]}\n")
	return b.String()
}

// manyRules is as many rules without a fault as a file may hold, and one fault.
func manyRules() string {
	var b strings.Builder
	b.WriteString("parameters: {unused: {value: 1, words: w}}\npolicy: x\nversion: \"1\"\ntitle: t\nrules:\n")
	for i := 0; ; i++ {
		r := fmt.Sprintf(ruleHead+"when: {fact: modem, is: true}}\n", longID("a", i))
		if _, _, fault := fewMarks([]byte(b.String()+r), maxNodes); fault != "" {
			return b.String()
		}
		b.WriteString(r)
	}
}

// YAML never finds many more values in a file than the marks that are counted
// before it is read: half as many again, in a list of pairs.
func TestMarksAreAboutTheValues(t *testing.T) {
	words := []string{"a", "b c", ":", ": ", ":\n", ":\r", ":\t", ":\u0085", ":\u2028", "- ", "-\n", "-\r", "-\t", "? ", "?\r", ",", ", ", "[", "]", "{", "}",
		"\n", "\r", "\r\n", "\n  ", "\r ", "\"", "'", "\"x\":", "# c\n", " # c\r", "|\n ", "2001-01-01", "1:20", "~", "{a}", "[a, b]", "{a: b}", "- a\n", "a: b\n", "a:\r"}
	count := func(n *yaml.Node) int {
		k := 0
		var walk func(*yaml.Node)
		walk = func(n *yaml.Node) {
			k++
			for _, c := range n.Content {
				walk(c)
			}
		}
		walk(n)
		return k
	}
	read := 0
	check := func(src string) error {
		var n yaml.Node
		if valid := yaml.Unmarshal([]byte(src), &n) == nil; !valid || len(n.Content) == 0 {
			return nil
		}
		read++
		values := count(n.Content[0])
		if _, _, fault := fewMarks([]byte(src), (values-3)*2/3-1); values > 3 && fault == "" {
			return fmt.Errorf("%q: too few marks for %d values", src, values)
		}
		return nil
	}
	for _, src := range []string{"a:\r", "a:\rb:\rc:\r", "- - a\r- - b", "{a,b,c,d}", "[a: b, c: d]", "? a\r? b", "[[[[]]]]", "- a: b\r- c: d", "{\"a\":1,\"b\":2}", "{a: , b: }", "a:\tb\rc:\td"} {
		if err := check(src); err != nil {
			t.Error(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := check(strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 14).Draw(t, "words"), "")); err != nil {
			t.Fatal(err)
		}
	})
	if read < 15 {
		t.Errorf("only %d files could be read", read)
	}
}

// Looking for what was probably meant ends, however many names are wrong.
func TestSuggestionsEnd(t *testing.T) {
	_, err := Load("names.yaml", []byte(unknownNames()))
	var ps Problems
	if errors.As(err, &ps); len(ps) != maxProblems {
		t.Fatalf("%d problems", len(ps))
	}
	if s := ps[len(ps)-1].Suggest; s != "" {
		t.Errorf("the last of many wrong names still gets the suggestion %q", s)
	}
	l := &loader{}
	for range 1000 {
		l.suggest(longID("b", 1), []string{longID("a", 1)})
	}
	if l.effort > maxEffort+5000 {
		t.Errorf("an effort of %d", l.effort)
	}
}

// deepBlock nests mappings by indentation.
func deepBlock(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// BenchmarkRefuse measures how long it takes to refuse each.
func BenchmarkRefuse(b *testing.B) {
	for name, src := range hostile() {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			for b.Loop() {
				if _, err := Load("hostile.yaml", []byte(src)); err == nil {
					b.Fatal("loaded")
				}
			}
		})
	}
}

// Every hostile file is refused, with words that a person can read.
func TestHostileFilesAreRefused(t *testing.T) {
	for name, src := range hostile() {
		_, err := Load("hostile.yaml", []byte(src))
		var ps Problems
		if !errors.As(err, &ps) || len(ps) == 0 || len(ps) > maxProblems {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, p := range ps {
			if len(p.Text) > 600 || len(p.Suggest) > 300 || p.Line < 1 || p.Column < 1 {
				t.Errorf("%s: not for a person: %d:%d, %d and %d bytes", name, p.Line, p.Column, len(p.Text), len(p.Suggest))
			}
		}
	}
}

// What a reviewer cannot see, or takes for another letter, decides nothing.
func TestWhatIsNotSeenIsRefused(t *testing.T) {
	rule := func(what string) string {
		return "policy: x\nversion: \"1\"\ntitle: t\nrules:\n  - id: a\n    title: t\n    outcome: deny\n    instrument: {authority: site, title: t}\n    " + what + "\n"
	}
	for name, c := range map[string]struct{ src, want string }{
		"turned round":           {rule("say: {en: \"let \u202e it in\"}\n    when: {fact: modem, is: true}"), "x.yaml:9:20: a character (U+202E)"},
		"turned round, escaped":  {rule("say: {en: \"let \\u202e it in\"}\n    when: {fact: modem, is: true}"), "not seen"},
		"turned in a comment":    {rule("say: {en: w}\n    when: {fact: modem, is: true} # \u2066 is: false"), "(U+2066)"},
		"no width":               {rule("say: {en: w}\n    when: {fact: vehicle.make, is: B\u200bYD}"), "(U+200B)"},
		"a Cyrillic letter":      {rule("say: {en: w}\n    when: {fact: vehicle.make, in: [NIO, \u0412YD]}"), "several alphabets"},
		"a Greek letter":         {rule("say: {en: w}\n    when: {fact: vehicle.model, is: \u0391tto 3}"), "several alphabets"},
		"the same in a value":    {"parameters: {m: {value: \u0412YD, words: w}}\n" + rule("say: {en: w}\n    when: {fact: vehicle.make, is: $m}"), "several alphabets"},
		"a confusable key":       {rule("say: {en: w}\n    wh\u0435n: {fact: modem, is: true}"), "unknown key"},
		"a confusable id":        {rule("say: {en: w}\n    lifts: [\u0430]\n    when: {fact: modem, is: true}"), "may hold only"},
		"a mark inside the file": {rule("say: {en: \"w\ufeff\"}\n    when: {fact: modem, is: true}"), "(U+FEFF)"},
	} {
		_, err := Load("x.yaml", []byte(c.src))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, src := range map[string]string{
		"a mark at the beginning": "\ufeff" + rule("say: {en: w}\n    when: {fact: vehicle.make, is: \u0160KODA}"),
		"line ends of Windows":    strings.ReplaceAll(rule("say: {en: w}\n    when: {fact: vehicle.make, is: \u0412\u0410\u0417}"), "\n", "\r\n"),
	} {
		if _, err := Load("x.yaml", []byte(src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
