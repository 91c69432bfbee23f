package supply

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var lawDays = []string{"2019-01-01", "2020-07-01", "2026-06-01", today}

// order is how much an answer says against a party.
func order(v Value) int {
	switch v {
	case True:
		return 2
	case Unknown:
		return 1
	case False:
	}
	return 0
}

// Raising one share never lowers an answer. (A share that comes to control is
// another matter: it can take a company out of the country it is incorporated
// in.)
func TestRaisingAShareNeverLowers(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := randomFile(r)
		if len(f.Edges) == 0 {
			return
		}
		i := rapid.IntRange(0, len(f.Edges)-1).Draw(r, "raised")
		e := f.Edges[i]
		if e.Share == nil {
			return
		}
		least, most := int(*e.Share), 100
		if least < Control {
			most = Control - 1
		}
		more := float64(rapid.IntRange(least, most).Draw(r, "to"))
		e.Share = &more
		g := open(t, f)
		h, err := g.With(WhatIf{Edges: []Edge{e}})
		if err != nil {
			r.Fatal(err)
		}
		d := day(rapid.SampledFrom(lawDays).Draw(r, "day"))
		pct := float64(rapid.IntRange(1, 100).Draw(r, "pct")) + 0.5001
		for _, p := range f.Parties {
			before, after := g.ControlledFrom(p.ID, "CN", pct, d), h.ControlledFrom(p.ID, "CN", pct, d)
			if order(after.Value) < order(before.Value) || after.Share < before.Share-1e-4 {
				r.Fatalf("%s: %s and %v became %s and %v", p.ID, before.Value, before.Share, after.Value, after.Share)
			}
			b, a := g.ShareFrom(p.ID, "CN", pct, d), h.ShareFrom(p.ID, "CN", pct, d)
			if order(a.Value) < order(b.Value) {
				r.Fatalf("%s: the share, %s, became %s", p.ID, b.Value, a.Value)
			}
		}
	})
}

// Ids are names for the program only: with others every answer is the same.
func TestIDsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := randomFile(r)
		other := clone(f)
		id := func(s string) string { return "another " + strings.ToUpper(s) + " id" }
		for i := range other.Parties {
			other.Parties[i].ID = id(other.Parties[i].ID)
		}
		for i := range other.Edges {
			e := &other.Edges[i]
			e.ID, e.From, e.To = "edge "+e.ID, id(e.From), id(e.To)
		}
		g, h := open(t, f), open(t, other)
		d := day(rapid.SampledFrom(lawDays).Draw(r, "day"))
		for _, p := range f.Parties {
			for name, ask := range map[string]func(*Graph, string) Answer{
				"control":  func(g *Graph, id string) Answer { return g.ControlledFrom(id, "CN", 50, d) },
				"share":    func(g *Graph, id string) Answer { return g.ShareFrom(id, "CN", 25, d) },
				"design":   func(g *Graph, id string) Answer { return g.DesignFrom(id, "CN", d) },
				"resolved": func(g *Graph, id string) Answer { return g.OwnerResolved(id, d) },
			} {
				a, b := ask(g, p.ID), ask(h, id(p.ID))
				if a.Value != b.Value || a.Share != b.Share || a.Because != b.Because || a.Certainty != b.Certainty || len(a.Path) != len(b.Path) {
					r.Fatalf("%s of %s:\n%+v\n%+v", name, p.ID, a, b)
				}
			}
		}
	})
}

// What one party holds of another is what a country comes to in which only
// that party is.
func TestHoldersAreCountriesOfOne(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := randomFile(r)
		x := pick(r, f)
		for i := range f.Parties {
			if f.Parties[i].ID == x {
				f.Parties[i].Country = "ZZ"
			}
		}
		f.Edges = slices.DeleteFunc(f.Edges, func(e Edge) bool { return e.From == x })
		g := open(t, f)
		d := day(rapid.SampledFrom(lawDays).Draw(r, "day"))
		for _, p := range f.Parties {
			if p.ID == x {
				continue
			}
			list, whole := g.Holders(p.ID, 0, d)
			var h Holding
			for _, l := range list {
				if !(l.Share >= 0 && l.Share <= 100) || l.Path == nil || l.Party == p.ID {
					r.Fatalf("%+v", l)
				}
				if l.Party == x {
					h = l
				}
			}
			a := g.ControlledFrom(p.ID, "ZZ", 50, d)
			if !whole || math.Abs(h.Share-a.Share) > 1e-4 || h.Controls != (a.Value == True) {
				r.Fatalf("%s holds %v of %s (controls %v), as a country %v (%s)", x, h.Share, p.ID, h.Controls, a.Share, a.Value)
			}
			some, _ := g.Holders(p.ID, 25, d)
			if want := slices.DeleteFunc(list, func(h Holding) bool { return !h.Controls && !reaches(h.Share, 25) }); len(some) != len(want) {
				r.Fatalf("%d hold 25 per cent or control, want %d", len(some), len(want))
			}
		}
	})
}

// Who holds a company, and at which threshold, by day.
func TestHolders(t *testing.T) {
	g := graph(t)
	for _, tc := range []struct {
		party, day string
		pct        float64
		want       map[string]float64
	}{
		{"mercedes_benz_group", today, 5, map[string]float64{"baic": 9.98, "li_shufu": 9.69, "prc_state": 9.98}},
		{"mercedes_benz_group", today, 15, nil},
		{"polestar", today, 50, map[string]float64{"li_shufu": 82}},
		{"polestar", today, 15, map[string]float64{"li_shufu": 82, "volvo_cars": 16, "geely_holding": 16}},
		{"smart", today, 25, map[string]float64{"geely_holding": 50, "mercedes_benz_group": 50, "li_shufu": 54.85}}, // 50, and 9.69 per cent of the other half
		{"rolling_lux", "2021-01-01", 50, map[string]float64{"chinese_investment_firms_x3": 51}},
		{"rolling_lux", "2021-01-01", 25, map[string]float64{"chinese_investment_firms_x3": 51, "fibocom": 49}},
		{"rolling_lux", "2024-07-25", 50, map[string]float64{"fibocom": 100}},
		{"rolling_lux", "2024-07-26", 50, map[string]float64{"europasolar": 100, "europastar_lp": 100, "aegis_gp": 100}},
		{"nobody", today, 0, nil},
	} {
		got := map[string]float64{}
		list, _ := g.Holders(tc.party, tc.pct, day(tc.day))
		for _, h := range list {
			got[h.Party] = math.Round(h.Share*100) / 100
		}
		same := len(got) == len(tc.want)
		for id, s := range tc.want {
			same = same && got[id] == s
		}
		if !same {
			t.Errorf("%s on %s at %v: %v, want %v", tc.party, tc.day, tc.pct, got, tc.want)
		}
	}
	below := map[string]bool{}
	for _, h := range g.Below("quectel", day(today)) {
		below[h.Party] = true
	}
	if !below["ikotek"] || !below["netprisma"] || below["eagle_electronics"] || len(below) != 2 {
		t.Errorf("below Quectel: %v", below)
	}
	for on, want := range map[string]bool{"2024-07-25": true, "2024-07-26": false} {
		owns := slices.ContainsFunc(g.Below("fibocom", day(on)), func(h Holder) bool { return h.Party == "rolling_lux" })
		if owns != want {
			t.Errorf("Fibocom owns Rolling Wireless S.à r.l. on %s: %v", on, owns)
		}
	}
}
