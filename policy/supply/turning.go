package supply

import (
	"slices"
	"time"
)

// Turning are the days on which something that is known of who stands behind a
// party begins or ends, oldest first: an edge of ownership, brand, licence,
// firmware or engineering of it, of its owners and of theirs, at whatever time.
// What is known to a month or year only counts from its first day; what was
// merely seen on a day did not begin then.
func (g *Graph) Turning(id string) []time.Time {
	up := map[string][]*Edge{}
	for i := range g.file.Edges {
		switch e := &g.file.Edges[i]; e.Kind {
		case OwnedBy, ControlledBy, BrandOf, LicenceFrom, FirmwareBy, EngineeringShared, ProductEquivalent:
			if e.To != "" {
				up[e.From] = append(up[e.From], e)
			}
		default:
		}
	}
	seen, todo := map[string]bool{id: true}, []string{id}
	days := map[int32]bool{}
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		for _, e := range up[p] {
			if first, _, err := period(e.Since); err == nil && !e.Seen {
				days[first] = true
			}
			if first, _, err := period(e.Until); err == nil {
				days[first] = true
			}
			if !seen[e.To] {
				seen[e.To] = true
				todo = append(todo, e.To)
			}
		}
	}
	out := make([]time.Time, 0, len(days))
	for d := range days {
		out = append(out, time.Unix(int64(d)*86400, 0).UTC())
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}
