package supply

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// WhatIf is a change that one asks of a graph: what if these rows were otherwise. A row
// put takes the place of the row with its id, or is added where no row has it.
type WhatIf struct {
	Parties     []Party        // to put
	Edges       []Edge         // to put
	DropEdges   []string       // ids of edges to take away
	Entries     []EditionEntry // to put: the place is that of the edition's entry for the same party, else for the same name
	DropEntries []EditionEntry // to take away, by edition and party, or by edition and name
}

// EditionEntry is an entry of an edition, which it names by its id.
type EditionEntry struct {
	Edition string `json:"edition"`
	Entry
}

// ErrChange is wrapped by every error of With.
var ErrChange = errors.New("the change does not fit the graph")

// With returns a graph in which the rows are as the change says; this one stays
// as it is, and the two share what the change leaves alone. It refuses a change
// that changes nothing, that takes away what is not there, or after which the
// graph could not be opened. The edition of the changed graph says that it is
// one, so that no answer of it can pass for one of the reference data.
func (g *Graph) With(c WhatIf) (*Graph, error) {
	n := &Graph{
		file: g.file, party: g.party, names: g.names, makes: g.makes, country: g.country, codes: g.codes, code: g.code, traits: g.traits,
		rolls: g.rolls, rollOf: g.rollOf, ofList: g.ofList, own: g.own, tie: g.tie, other: g.other, span: g.span, to: g.to,
		arcs: g.arcs, first: g.first, twins: g.twins, order: g.order, components: g.components, componentOf: g.componentOf,
		turns: g.turns, held: g.held, heldFirst: g.heldFirst,
	}
	if !strings.HasSuffix(n.file.Edition, changed) {
		n.file.Edition += changed
	}
	parties, edges, lists := len(c.Parties) > 0, len(c.Edges)+len(c.DropEdges) > 0, len(c.Entries)+len(c.DropEntries) > 0
	if !parties && !edges && !lists {
		return nil, fmt.Errorf("%w: it changes nothing", ErrChange)
	}
	n.putParties(c.Parties)
	if err := errors.Join(n.changeEdges(c), n.changeEntries(c)); err != nil {
		return nil, err
	}
	err := checkRows(reflect.ValueOf(WhatIf{Parties: c.Parties, Edges: c.Edges, Entries: c.Entries}), "the file")
	if err == nil && parties {
		err = n.indexParties()
	}
	if err == nil && (parties || edges) {
		err = n.indexEdges()
	}
	if err == nil && (parties || lists) {
		err = n.indexLists()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChange, err)
	}
	return n, nil
}

// changed ends the name of the edition of a graph that With made.
const changed = "+what-if"

func (g *Graph) putParties(ps []Party) {
	if len(ps) == 0 {
		return
	}
	g.file.Parties = slices.Clone(g.file.Parties)
	for _, p := range ps {
		if i := slices.IndexFunc(g.file.Parties, func(q Party) bool { return q.ID == p.ID }); i >= 0 {
			g.file.Parties[i] = p
		} else {
			g.file.Parties = append(g.file.Parties, p)
		}
	}
}

// Edge returns an edge by its id.
func (g *Graph) Edge(id string) (Edge, bool) {
	i := g.edgeAt(id)
	if i < 0 {
		return Edge{}, false
	}
	return g.file.Edges[i], true
}

func (g *Graph) edgeAt(id string) int {
	return slices.IndexFunc(g.file.Edges, func(e Edge) bool { return e.ID == id })
}

func (g *Graph) changeEdges(c WhatIf) error {
	if len(c.Edges)+len(c.DropEdges) == 0 {
		return nil
	}
	g.file.Edges = slices.Clone(g.file.Edges)
	for _, id := range c.DropEdges {
		i := g.edgeAt(id)
		if i < 0 {
			return fmt.Errorf("%w: no edge %q to take away", ErrChange, id)
		}
		g.file.Edges = slices.Delete(g.file.Edges, i, i+1)
	}
	for _, e := range c.Edges {
		if e.ID == "" {
			return fmt.Errorf("%w: an edge from %q to %q has no id", ErrChange, e.From, e.To)
		}
		if i := g.edgeAt(e.ID); i >= 0 {
			g.file.Edges[i] = e
		} else {
			g.file.Edges = append(g.file.Edges, e)
		}
	}
	return nil
}

func (g *Graph) changeEntries(c WhatIf) error {
	if len(c.Entries)+len(c.DropEntries) == 0 {
		return nil
	}
	g.file.Lists = slices.Clone(g.file.Lists)
	own := map[string]*Edition{} // editions of which this graph has a copy of its own
	edition := func(id string) *Edition {
		if own[id] != nil {
			return own[id]
		}
		for i := range g.file.Lists {
			for j := range g.file.Lists[i].Editions {
				if g.file.Lists[i].Editions[j].ID != id {
					continue
				}
				g.file.Lists[i].Editions = slices.Clone(g.file.Lists[i].Editions)
				ed := &g.file.Lists[i].Editions[j]
				ed.Entries, ed.Absent = slices.Clone(ed.Entries), slices.Clone(ed.Absent)
				// The copy of the list's editions moves those copied before.
				for k := range g.file.Lists[i].Editions {
					if e := &g.file.Lists[i].Editions[k]; own[e.ID] != nil {
						own[e.ID] = e
					}
				}
				own[id] = ed
				return ed
			}
		}
		return nil
	}
	at := func(ed *Edition, en Entry) int {
		return slices.IndexFunc(ed.Entries, func(o Entry) bool {
			return en.Party != "" && o.Party == en.Party || (en.Party == "" || o.Party == "") && en.Name != "" && o.Name == en.Name
		})
	}
	for _, e := range c.DropEntries {
		ed := edition(e.Edition)
		if ed == nil {
			return fmt.Errorf("%w: no edition %q", ErrChange, e.Edition)
		}
		i := at(ed, e.Entry)
		if i < 0 {
			return fmt.Errorf("%w: %s does not name %s", ErrChange, e.Edition, e.Party+e.Name)
		}
		ed.Entries = slices.Delete(ed.Entries, i, i+1)
	}
	for _, e := range c.Entries {
		ed := edition(e.Edition)
		if ed == nil {
			return fmt.Errorf("%w: no edition %q", ErrChange, e.Edition)
		}
		if e.Name == "" {
			if i, ok := g.party[e.Party]; ok {
				e.Name = g.name(i)
			}
		}
		ed.Absent = slices.DeleteFunc(ed.Absent, func(o Entry) bool { return e.Party != "" && o.Party == e.Party })
		if i := at(ed, e.Entry); i >= 0 {
			ed.Entries[i] = e.Entry
		} else {
			ed.Entries = append(ed.Entries, e.Entry)
		}
	}
	return nil
}
