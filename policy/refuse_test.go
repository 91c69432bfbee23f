package policy

import (
	"fmt"
	"strings"
	"testing"
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
		"just few enough":    "rules: {" + strings.Repeat("a,", maxMarks/3-10) + "a}\n",
		"as many keys":       strings.Repeat("a:\n", maxMarks/2-10),
		"commas in words":    "policy: " + strings.Repeat("a, ", 170_000) + "\n",
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
		ps, ok := err.(Problems)
		if !ok || len(ps) == 0 || len(ps) > maxProblems {
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
