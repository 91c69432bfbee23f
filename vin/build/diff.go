package build

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport/vin"
)

// Changes is what a new index holds that the old one did not, and the other
// way round. Texts stand in ascending order.
type Changes struct {
	Old, New                    string // editions
	NewMakes, LostMakes         []string
	NewWMIs, LostWMIs           []string // with the manufacturer in brackets
	NewModels, LostModels       []string // make and model
	PatternsBefore, PatternsNow int
	SchemasBefore, SchemasNow   int
	MovedWMIs                   []string // WMIs with another manufacturer than before
	LostCommunity               []string // community WMIs that the new index has no more
	OwnNow                      []string // community WMIs that are NHTSA's in the new index
	Carried                     Carried  // what the edition itself did not hold; Diff leaves it empty
}

// Diff compares two indexes.
func Diff(old, now *vin.Index) Changes {
	a, b := old.Counts(), now.Counts()
	c := Changes{Old: old.Edition(), New: now.Edition(), PatternsBefore: a.Patterns, PatternsNow: b.Patterns,
		SchemasBefore: a.Schemas, SchemasNow: b.Schemas}
	c.NewMakes, c.LostMakes = apart(makes(old), makes(now))
	c.NewModels, c.LostModels = apart(models(old), models(now))
	was, is := map[string]vin.Holding{}, map[string]vin.Holding{}
	for h := range old.WMIs() {
		was[h.WMI] = h
	}
	for h := range now.WMIs() {
		is[h.WMI] = h
	}
	for _, w := range slices.Sorted(maps.Keys(is)) {
		before, held := was[w]
		switch {
		case !held:
			c.NewWMIs = append(c.NewWMIs, named(is[w]))
		case strings.TrimSpace(before.Manufacturer) != strings.TrimSpace(is[w].Manufacturer):
			c.MovedWMIs = append(c.MovedWMIs, fmt.Sprintf("%s, before %s", named(is[w]), strings.TrimSpace(before.Manufacturer)))
		}
	}
	for _, w := range slices.Sorted(maps.Keys(was)) {
		after, held := is[w]
		switch {
		case held && was[w].Community && !after.Community:
			c.OwnNow = append(c.OwnNow, named(after))
		case held:
		case was[w].Community:
			c.LostCommunity = append(c.LostCommunity, w)
		default:
			c.LostWMIs = append(c.LostWMIs, named(was[w]))
		}
	}
	return c
}

func named(h vin.Holding) string {
	if m := strings.TrimSpace(h.Manufacturer); m != "" {
		return h.WMI + " (" + m + ")"
	}
	return h.WMI
}

func makes(ix *vin.Index) map[string]bool {
	m := map[string]bool{}
	for mk := range ix.Makes() {
		m[mk] = true
	}
	return m
}

func models(ix *vin.Index) map[string]bool {
	m := map[string]bool{}
	for mk, model := range ix.Models() {
		m[strings.TrimSpace(mk+" "+model)] = true
	}
	return m
}

// apart is what only b holds, and what only a holds.
func apart(a, b map[string]bool) (gained, lost []string) {
	for _, s := range slices.Sorted(maps.Keys(b)) {
		if !a[s] {
			gained = append(gained, s)
		}
	}
	for _, s := range slices.Sorted(maps.Keys(a)) {
		if !b[s] {
			lost = append(lost, s)
		}
	}
	return gained, lost
}

// shown is how many names of one kind String lists.
const shown = 40

// String is the report for a person, one kind of change a line.
func (c Changes) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s → %s\n", c.Old, c.New)
	fmt.Fprintf(&b, "patterns  %d → %d (%+d)\n", c.PatternsBefore, c.PatternsNow, c.PatternsNow-c.PatternsBefore)
	fmt.Fprintf(&b, "schemas   %d → %d (%+d)\n", c.SchemasBefore, c.SchemasNow, c.SchemasNow-c.SchemasBefore)
	for _, k := range []struct {
		name string
		list []string
	}{
		{"new makes", c.NewMakes}, {"makes no longer there", c.LostMakes},
		{"new WMIs", c.NewWMIs}, {"WMIs no longer there", c.LostWMIs}, {"WMIs with another manufacturer", c.MovedWMIs},
		{"new models", c.NewModels}, {"models no longer there", c.LostModels},
		{"community WMIs no longer there", c.LostCommunity}, {"community WMIs that NHTSA has registered now", c.OwnNow},
		{"community rows left out", c.Carried.Left},
	} {
		fmt.Fprintf(&b, "%s: %d\n", k.name, len(k.list))
		for _, s := range k.list[:min(len(k.list), shown)] {
			fmt.Fprintf(&b, "  %s\n", s)
		}
		if n := len(k.list) - shown; n > 0 {
			fmt.Fprintf(&b, "  and %d more\n", n)
		}
	}
	if len(c.Carried.WMIs) > 0 {
		fmt.Fprintf(&b, "community WMIs carried over: %s\n", strings.Join(c.Carried.WMIs, ", "))
	}
	return b.String()
}
