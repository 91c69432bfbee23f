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

func TestDiagram(t *testing.T) {
	path := filepath.Join("testdata", "lane.mmd")
	got := diagram()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the diagram is not that of the table; run with -update and look at the difference\n%s", got)
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
