package supply

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func share60() *float64 { v := 60.0; return &v }

// A change answers otherwise from its day on, and the graph it was made from
// stays as it was.
func TestWith(t *testing.T) {
	g := graph(t)
	sold, ok := g.Edge(edgeBetween(t, g, "mercedes_benz_group", "baic"))
	if !ok {
		t.Fatal("no edge")
	}
	raised := sold
	raised.Share = share60()
	gone := sold
	gone.Until = "2026-10-01"
	listed := EditionEntry{Edition: "us-1260h-2026", Entry: Entry{Party: "fibocom", Ref: Ref{Source: "what if", Certainty: "reviewed"}}}
	for _, tc := range []struct {
		name   string
		change WhatIf
		ask    func(g *Graph) Answer
		before Value
		after  Value
	}{
		{"a share raised", WhatIf{Edges: []Edge{raised}}, func(g *Graph) Answer { return g.ControlledFrom("mercedes_benz_group", "CN", 50, day(today)) }, False, True},
		{"an edge ended", WhatIf{Edges: []Edge{gone}}, func(g *Graph) Answer { return g.ShareFrom("mercedes_benz_group", "CN", 15, day(today)) }, True, False},
		{"an edge ended, asked before", WhatIf{Edges: []Edge{gone}}, func(g *Graph) Answer { return g.ShareFrom("mercedes_benz_group", "CN", 15, day("2026-09-30")) }, True, True},
		{"an edge taken away", WhatIf{DropEdges: []string{sold.ID}}, func(g *Graph) Answer { return g.ShareFrom("mercedes_benz_group", "CN", 15, day(today)) }, True, False},
		{"an edge added", WhatIf{Edges: []Edge{{ID: "new", From: "tesla", To: "catl_investor", Kind: OwnedBy, Share: share60(), Ref: Ref{Source: "what if", Certainty: "reviewed"}}},
			Parties: []Party{{ID: "catl_investor", Name: "An investor", Kind: "fund", Country: "CN", Ref: Ref{Source: "what if", Certainty: "reviewed"}}}},
			func(g *Graph) Answer { return g.ControlledFrom("tesla", "CN", 50, day(today)) }, False, True},
		{"an entry added", WhatIf{Entries: []EditionEntry{listed}}, func(g *Graph) Answer { return g.ListedOn("fibocom", "us-1260h", day(today)) }, False, True},
		{"an entry added, asked before the edition", WhatIf{Entries: []EditionEntry{listed}}, func(g *Graph) Answer { return g.ListedOn("fibocom", "us-1260h", day("2026-06-07")) }, Unknown, Unknown},
		{"an entry taken away", WhatIf{DropEntries: []EditionEntry{{Edition: "us-1260h-2026", Entry: Entry{Party: "byd"}}}}, func(g *Graph) Answer { return g.ListedOn("byd", "us-1260h", day(today)) }, True, Unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := tc.ask(g)
			h, err := g.With(tc.change)
			if err != nil {
				t.Fatal(err)
			}
			if after := tc.ask(h); before.Value != tc.before || after.Value != tc.after {
				t.Errorf("%s became %s, want %s and %s: %s", before.Value, after.Value, tc.before, tc.after, after.Because)
			}
			if diff := cmp.Diff(before, tc.ask(g)); diff != "" {
				t.Errorf("the graph itself changed:\n%s", diff)
			}
			if !strings.HasSuffix(h.Edition(), "+what-if") || h.Date() != g.Date() {
				t.Errorf("edition %s", h.Edition())
			}
		})
	}
}

func edgeBetween(t *testing.T, g *Graph, from, to string) string {
	t.Helper()
	for _, e := range g.Edges() {
		if e.From == from && e.To == to {
			return e.ID
		}
	}
	t.Fatalf("no edge from %s to %s", from, to)
	return ""
}

func TestWithRefuses(t *testing.T) {
	g := graph(t)
	for name, c := range map[string]WhatIf{
		"nothing":                {},
		"an edge not there":      {DropEdges: []string{"a/b/c"}},
		"an edge without id":     {Edges: []Edge{{From: "tesla", To: "baic", Kind: OwnedBy}}},
		"an edge to nobody":      {Edges: []Edge{{ID: "n", From: "tesla", To: "nobody", Kind: OwnedBy}}},
		"a share of 101":         {Edges: []Edge{{ID: "n", From: "tesla", To: "baic", Kind: OwnedBy, Share: func() *float64 { v := 101.0; return &v }()}}},
		"an edition not there":   {Entries: []EditionEntry{{Edition: "x", Entry: Entry{Party: "tesla"}}}},
		"an entry not there":     {DropEntries: []EditionEntry{{Edition: "us-1260h-2026", Entry: Entry{Party: "tesla"}}}},
		"an entry for nobody":    {Entries: []EditionEntry{{Edition: "us-1260h-2026", Entry: Entry{Party: "nobody", Name: "n"}}}},
		"a name that two answer": {Parties: []Party{{ID: "n", Name: "Quectel"}}},
	} {
		giveSources(reflect.ValueOf(&c).Elem())
		if h, err := g.With(c); !errors.Is(err, ErrChange) || h != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is supposed has its source too: it says that it is supposed.
	if _, err := g.With(WhatIf{Edges: []Edge{{ID: "n", From: "tesla", To: "baic", Kind: OwnedBy}}}); !errors.Is(err, ErrChange) || !strings.Contains(err.Error(), `edge "n": it names no source`) {
		t.Errorf("on nobody's word: %v", err)
	}
}

// A graph changed answers as one opened with the rows changed, whatever the
// change and however often.
func TestWithIsOpenOfTheChangedRows(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := withLists(randomFile(r))
		g := open(t, f)
		for range rapid.IntRange(1, 3).Draw(r, "changes") {
			var c WhatIf
			e := owns(rapid.IntRange(0, 30).Draw(r, "edge"), pick(r, f), pick(r, f), float64(rapid.IntRange(0, 100).Draw(r, "share")))
			switch rapid.IntRange(0, 3).Draw(r, "change") {
			case 0:
				if len(g.file.Edges) > 0 {
					c.DropEdges = []string{g.file.Edges[rapid.IntRange(0, len(g.file.Edges)-1).Draw(r, "dropped")].ID}
				}
			case 1:
				c.Entries = []EditionEntry{{Edition: "l-2025", Entry: Entry{Party: pick(r, f), Ref: Ref{Source: "s", Certainty: "official"}}}}
			case 2:
				c.Parties = []Party{party("fresh", "CN")}
				e.To = "fresh"
			}
			if len(c.DropEdges)+len(c.Entries) == 0 {
				c.Edges = []Edge{e}
			}
			h, err := g.With(c)
			if err != nil {
				r.Fatal(err)
			}
			g = h
		}
		b, err := write(&g.file)
		if err != nil {
			r.Fatal(err)
		}
		opened, err := Open(b)
		if err != nil {
			r.Fatal(err)
		}
		for _, p := range g.Parties() {
			for _, ask := range []func(*Graph) any{
				func(g *Graph) any { return g.ControlledFrom(p.ID, "CN", 50, day(today)) },
				func(g *Graph) any { return g.ListedOn(p.ID, "l", day(today)) },
				func(g *Graph) any { return g.Behind(p.ID, day(today)) },
			} {
				a, _ := json.Marshal(ask(g))
				b, _ := json.Marshal(ask(opened))
				if string(a) != string(b) {
					r.Fatalf("changed: %s\nopened:  %s", a, b)
				}
			}
		}
	})
}

func BenchmarkWith(b *testing.B) {
	g := open(b, groups())
	e := g.file.Edges[100]
	e.Share = share60()
	for b.Loop() {
		if _, err := g.With(WhatIf{Edges: []Edge{e}}); err != nil {
			b.Fatal(err)
		}
	}
}
