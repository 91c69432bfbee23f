package policy

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzAnalyse: whatever loads can be analysed, within the bounds of the work,
// and the same twice.
func FuzzAnalyse(f *testing.F) {
	packs, err := filepath.Glob("pack/packs/*.yaml")
	if err != nil || len(packs) == 0 {
		f.Fatalf("no packs: %v", err)
	}
	for _, name := range packs {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte(mixedRules(20)))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := Load("fuzz.yaml", src)
		if err != nil {
			return
		}
		env := Environment{Day: "2026-11-22", Zones: []Zone{ZonePublic}, Classes: []Class{}, Moments: []Moment{MomentEntry}, Missing: map[string]string{"modem": "nobody looks"}}
		one, two := Analyse(p, env), Analyse(p, env)
		if len(one) != len(two) {
			t.Fatalf("%d faults, then %d", len(one), len(two))
		}
		for i := range one {
			if one[i].String() != two[i].String() {
				t.Fatalf("not the same twice: %s, %s", one[i], two[i])
			}
		}
		a := newAnalysis(p, env)
		a.matching()
		a.outline()
		a.pairs()
		a.lifting()
		if a.solver.spent > workInAll+workPerQuestion {
			t.Fatalf("%d looks at a node", a.solver.spent)
		}
	})
}
