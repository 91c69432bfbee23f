package pack

import (
	"fmt"
	"slices"

	"sallyport/policy"
)

// graph is a small working supply graph: parties with a country, stakes with
// dates, design origins, lists with dates and owners that nobody can name.
type graph struct {
	country    map[policy.Party]string
	stakes     []stake
	design     map[policy.Party]string
	unresolved []policy.Party
	lists      map[string]map[policy.Party]string // list → party → first day
	authorised map[string]map[policy.Party]string // authority → party → first day
}

type stake struct {
	in, by   policy.Party
	pct      float64
	from, to string
	src      string
}

func (g *graph) Ask(q policy.SupplyQuestion) policy.SupplyAnswer {
	if _, ok := g.country[q.Party]; !ok {
		return policy.SupplyAnswer{Because: fmt.Sprintf("%s is not in the graph", q.Party)}
	}
	switch q.Op {
	case "controlled_from":
		return g.controlled(q, q.Party, 0)
	case "share_from":
		pct, open := g.share(q, q.Party, 0)
		a := policy.SupplyAnswer{Value: policy.False, Because: fmt.Sprintf("%.2f %% of %s is held from %s", pct, q.Party, q.Arg), Sources: g.sources(q.Party)}
		if pct >= q.Pct {
			a.Value = policy.True
		} else if open {
			a.Value = policy.Unknown
		}
		return a
	case "listed_on":
		day, ok := g.lists[q.Arg][q.Party]
		if ok && day <= q.Day {
			return policy.SupplyAnswer{Value: policy.True, Because: fmt.Sprintf("%s is on %s since %s", q.Party, q.Arg, day), Sources: []policy.Source{{Address: "https://lists.example/" + q.Arg, Date: day}}}
		}
		return policy.SupplyAnswer{Value: policy.False, Because: fmt.Sprintf("%s is not on %s", q.Party, q.Arg)}
	case "design_from":
		if g.design[q.Party] == q.Arg {
			return policy.SupplyAnswer{Value: policy.True, Because: fmt.Sprintf("%s builds under licence from %s", q.Party, q.Arg), Sources: []policy.Source{{Address: "https://graph.example/licence/" + string(q.Party)}}}
		}
		return policy.SupplyAnswer{Value: policy.False}
	case "authorised_by":
		day, ok := g.authorised[q.Arg][q.Party]
		if ok && day <= q.Day {
			return policy.SupplyAnswer{Value: policy.True, Because: fmt.Sprintf("%s authorised %s on %s", q.Arg, q.Party, day), Sources: []policy.Source{{Address: "https://lists.example/" + q.Arg, Date: day}}}
		}
		return policy.SupplyAnswer{Value: policy.False, Because: fmt.Sprintf("%s has not authorised %s", q.Arg, q.Party)}
	case "owner_resolved":
		if slices.Contains(g.unresolved, q.Party) {
			return policy.SupplyAnswer{Value: policy.False, Because: fmt.Sprintf("the partners behind %s are unnamed", q.Party), Sources: g.sources(q.Party)}
		}
		return policy.SupplyAnswer{Value: policy.True}
	}
	return policy.SupplyAnswer{Because: "no such question"}
}

func (g *graph) controlled(q policy.SupplyQuestion, p policy.Party, depth int) policy.SupplyAnswer {
	if g.country[p] == q.Arg {
		return policy.SupplyAnswer{Value: policy.True, Because: fmt.Sprintf("%s is a company of %s", p, q.Arg), Sources: []policy.Source{{Address: "https://graph.example/" + string(p)}}}
	}
	if slices.Contains(g.unresolved, p) || depth > 8 {
		return policy.SupplyAnswer{Because: fmt.Sprintf("the partners behind %s are unnamed", p)}
	}
	for _, s := range g.stakes {
		if s.in != p || s.pct < q.Pct || !s.on(q.Day) {
			continue
		}
		if up := g.controlled(q, s.by, depth+1); up.Value == policy.True {
			up.Because = fmt.Sprintf("%s holds %.1f %% of %s, and %s", s.by, s.pct, p, up.Because)
			up.Sources = append([]policy.Source{{Address: s.src}}, up.Sources...)
			return up
		}
	}
	return policy.SupplyAnswer{Value: policy.False, Because: fmt.Sprintf("nobody from %s holds %.0f %% of %s", q.Arg, q.Pct, p)}
}

func (g *graph) share(q policy.SupplyQuestion, p policy.Party, depth int) (pct float64, open bool) {
	if g.country[p] == q.Arg {
		return 100, false
	}
	if slices.Contains(g.unresolved, p) || depth > 8 {
		return 0, true
	}
	for _, s := range g.stakes {
		if s.in == p && s.on(q.Day) {
			up, o := g.share(q, s.by, depth+1)
			pct, open = pct+s.pct*up/100, open || o
		}
	}
	return pct, open
}

func (s stake) on(day string) bool {
	return (s.from == "" || s.from <= day) && (s.to == "" || day < s.to)
}

func (g *graph) sources(p policy.Party) []policy.Source {
	var out []policy.Source
	for _, s := range g.stakes {
		if s.in == p {
			out = append(out, policy.Source{Address: s.src})
		}
	}
	return out
}

// world is what the sources say of the parties of the ten vehicles.
func world() *graph {
	return &graph{
		country: map[policy.Party]string{"quectel": "CN", "byd": "CN", "geely": "CN", "baic": "CN", "li-shufu": "CN", "fibocom": "CN",
			"tesla": "US", "volvo-cars": "SE", "polestar": "SE", "mercedes-benz": "DE", "rolling-lux": "LU", "eagle": "US", "ohio-fund": "US",
			"telit-cinterion": "GB", "vw": "DE", "daf": "NL"},
		stakes: []stake{
			{"volvo-cars", "geely", 78.7, "2023-11-01", "", "https://motori.ilmessaggero.it/economia/cinese_geely_vende_azioni_volvo_10_in_borsa_per_il_titolo_del_gruppo_svedese-7761875.html"},
			{"polestar", "li-shufu", 66, "2025-06-17", "", "https://www.electrive.com/2025/06/17/geely-founder-li-shifu-invests-200-million-in-polestar"},
			{"mercedes-benz", "baic", 9.98, "2024-09-30", "", "https://group.mercedes-benz.com/investors/share/shareholder-structure"},
			{"mercedes-benz", "li-shufu", 9.69, "2024-09-30", "", "https://group.mercedes-benz.com/investors/share/shareholder-structure"},
			{"eagle", "ohio-fund", 60, "2024-12-03", "", "https://theohiofund.com/news/ohio-startup-raises-14-million-to-onshore-cellular-module-manufacturing"},
			{"rolling-lux", "fibocom", 100, "2022-09-01", "2024-07-26", "https://q.stock.sohu.com/cn/gg/2024/300638/59162362.shtml"},
		},
		design:     map[policy.Party]string{"eagle": "CN"},
		unresolved: []policy.Party{"rolling-lux"},
		lists:      map[string]map[policy.Party]string{"us-1260h": {"quectel": "2025-01-07", "byd": "2026-06-08"}},
		authorised: map[string]map[policy.Party]string{"us-bis": {"volvo-cars": "2026-05-01"}},
	}
}
