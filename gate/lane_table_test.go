package gate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// diagram draws the transition table in Mermaid's language.
func diagram() string {
	var b strings.Builder
	b.WriteString("%% drawn from the transition table by TestDiagram\nstateDiagram-v2\n")
	name := func(s State) string { return strings.ReplaceAll(string(s), "-", "_") }
	fmt.Fprintf(&b, "    [*] --> %s\n", name(OutOfService))
	for _, t := range transitions {
		fmt.Fprintf(&b, "    %s --> %s : %s\n", name(t.from), name(t.to), t.on)
	}
	return b.String()
}

// plainDiagram draws the table in plain text: a state a paragraph, and a line for
// each state that follows, with what leads there.
func plainDiagram() string {
	var b strings.Builder
	for i, t := range transitions {
		if i > 0 && transitions[i-1].from == t.from {
			continue
		}
		fmt.Fprintf(&b, "%s\n", t.from)
		var order []State
		by := make(map[State][]string)
		for _, row := range transitions {
			if row.from != t.from {
				continue
			}
			if by[row.to] == nil {
				order = append(order, row.to)
			}
			by[row.to] = append(by[row.to], string(row.on))
		}
		for _, to := range order {
			arrow := "-->"
			if to == t.from {
				arrow = "<->"
			}
			line := fmt.Sprintf("   %s %-17s", arrow, to)
			for i, on := range by[to] {
				word := on
				if i < len(by[to])-1 {
					word += ","
				}
				if len(line)+1+len(word) > 100 {
					b.WriteString(strings.TrimRight(line, " ") + "\n")
					line = strings.Repeat(" ", 24)
				}
				line += " " + word
			}
			b.WriteString(line + "\n")
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestDiagram: what is drawn is the table, in the file for tools that draw and on
// the page for people.
func TestDiagram(t *testing.T) {
	fence := func(language, text string) string { return "```" + language + "\n" + text + "```\n" }
	page := filepath.Join("..", "deploy", "lane.md")
	for _, c := range []struct{ path, begin, end, text string }{
		{filepath.Join("testdata", "lane.mmd"), "", "", diagram()},
		{page, "<!-- plain -->\n", "<!-- /plain -->\n", fence("text", plainDiagram())},
		{page, "<!-- drawn -->\n", "<!-- /drawn -->\n", fence("mermaid", diagram())},
	} {
		raw, err := os.ReadFile(c.path)
		if err != nil && (c.begin != "" || !*update) {
			t.Fatal(err)
		}
		before, rest, found := strings.Cut(string(raw), c.begin)
		have, after, ended := strings.Cut(rest, c.end)
		if c.begin == "" {
			before, have, after, found, ended = "", string(raw), "", true, true
		}
		if !found || !ended {
			t.Fatalf("%s has no place for the diagram: %q", c.path, c.begin)
		}
		if have == c.text {
			continue
		}
		if *update {
			if err := os.WriteFile(c.path, []byte(before+c.begin+c.text+c.end+after), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		t.Errorf("the diagram in %s is not that of the table; run with -update and look at the difference\n%s", c.path, c.text)
	}
}

func TestTableIsSound(t *testing.T) {
	states := []State{Idle, Approaching, AtLine, Deciding, Waiting, Admitting, Refusing, Redirected, OutOfService, Manual, Egress}
	seen := make(map[string]bool)
	to := make(map[State][]State)
	for _, row := range transitions {
		key := string(row.from) + "|" + string(row.on)
		if seen[key] {
			t.Errorf("two rows for %s", key)
		}
		seen[key] = true
		to[row.from] = append(to[row.from], row.to)
	}
	reach := func(from State) map[State]bool {
		got, todo := map[State]bool{from: true}, []State{from}
		for len(todo) > 0 {
			s := todo[0]
			todo = todo[1:]
			for _, n := range to[s] {
				if !got[n] {
					got[n] = true
					todo = append(todo, n)
				}
			}
		}
		return got
	}
	for _, s := range states {
		if !reach(OutOfService)[s] {
			t.Errorf("%s is never reached", s)
		}
		if !reach(s)[Idle] {
			t.Errorf("from %s a lane never becomes free", s)
		}
		if _, ok := next(s, onStopped); !ok && s != OutOfService {
			t.Errorf("%s cannot be stopped", s)
		}
		if _, ok := next(s, onStoreFailed); !ok && s != Manual && s != Egress { // an egress lasts, store or no store
			t.Errorf("%s has no way to manual procedure", s)
		}
	}
	for _, row := range transitions {
		if row.to == Admitting && row.from != Waiting && row.from != Admitting {
			t.Errorf("%s leads to admitting without a vehicle that waits", row.from)
		}
		if row.to == Waiting && row.on != onRecorded && row.on != onNext && row.from != Waiting {
			t.Errorf("%s shows a verdict without a record", row.from)
		}
	}
}
