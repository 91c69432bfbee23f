// Package picture draws who stands behind a party on a day, and says the same
// as rows of a table.
//
// It is pure and imports policy/supply. The places of boxes and lines come from
// dagre (vendored, MIT), a layout library in JavaScript that runs inside the
// program under goja; no browser and no network take part.
//
// Life of one picture: Gather walks the graph upwards from the party, nearest
// first, and keeps as many parties as can be read on a page; Rows says
// everything that was kept, with its sources; Draw sizes the boxes by their
// text, asks dagre for the places once from top to bottom and once from left
// to right, keeps the one that is larger on a page, and writes SVG. The same
// chain gives the same bytes.
package picture

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/policy/supply"
)

// MaxParties is the number of parties drawn at most. What is left out is
// counted in the picture and in the table.
const MaxParties = 40

// Chain is what stands behind a party on a day, ready to be drawn.
type Chain struct {
	Party   string `json:"party"` // id of the one asked about
	Name    string `json:"name"`
	Day     string `json:"day"`
	Edition string `json:"edition"` // of the graph
	Boxes   []Box  `json:"boxes"`   // the party first, then the nearest
	Lines   []Line `json:"lines"`
	LeftOut int    `json:"left_out"` // parties behind it that are not drawn
}

// Box is a party.
type Box struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Kind       string   `json:"kind"`
	Country    string   `json:"country,omitempty"`
	Marks      []Mark   `json:"marks,omitempty"`
	Unresolved string   `json:"unresolved,omitempty"`
	About      Evidence `json:"about"`
}

// Mark is something that a box says of its party besides its name.
type Mark struct {
	Text string `json:"text"`
	Evidence
}

// Evidence is where a statement comes from.
type Evidence struct {
	Since     string `json:"since,omitempty"`
	Until     string `json:"until,omitempty"`
	Source    string `json:"source,omitempty"`
	Date      string `json:"date,omitempty"`
	Certainty string `json:"certainty,omitempty"`
	Quote     string `json:"quote,omitempty"`
	Reply     string `json:"reply,omitempty"`
}

// Line joins two boxes. It says one or more statements of the same sort.
type Line struct {
	Above  int         `json:"above"`            // index of the owner, or of the one whose work it is
	Below  int         `json:"below"`            // index of the other
	Owning bool        `json:"owning,omitempty"` // a solid line; all other ties are dashed
	Says   []Statement `json:"says"`
}

// Statement is one row of the graph.
type Statement struct {
	Words string   `json:"words"` // "owns", "controls", "brand of", "licence from"
	Share *float64 `json:"share,omitempty"`
	Seen  bool     `json:"seen,omitempty"` // Since is when it was seen, not when it began
	Evidence
}

// Row is one line of the table. Every cell is plain text.
type Row struct {
	Party, Says, Other, Share, From, Until, Certainty, Date, Source, Quote, Reply string
}

// Header names the cells of a Row.
var Header = [...]string{"Party", "Says", "Other party", "Share", "From", "Until", "Certainty", "Date", "Source", "Quote", "Reply"}

// Cells are the cells of a row, in the order of Header.
func (r *Row) Cells() [len(Header)]string {
	return [...]string{r.Party, r.Says, r.Other, r.Share, r.From, r.Until, r.Certainty, r.Date, r.Source, r.Quote, r.Reply}
}

// evidence keeps what a reader needs of a reference. A day that is the
// statement's own is not said again as the source's.
func evidence(r supply.Ref, since, until string) Evidence {
	return Evidence{Since: since, Until: until, Source: r.Source, Date: r.Date, Certainty: r.Certainty, Quote: r.Quote, Reply: r.Reply}
}

// Gather finds what stands behind a party on a day: its owners and those of
// its owners, and those under whose licence, firmware or engineering its
// products are made, with their owners.
func Gather(g *supply.Graph, id string, day time.Time) (Chain, error) {
	root, ok := g.Party(id)
	if !ok {
		if root, ok = g.Find(id); !ok {
			return Chain{}, fmt.Errorf("no party %q is known as of edition %s", id, g.Edition())
		}
	}
	c := Chain{Party: root.ID, Name: root.Name, Day: day.UTC().Format(time.DateOnly), Edition: g.Edition()}
	up := map[string][]*supply.Edge{}
	edges := g.Edges()
	for i := range edges {
		if e := &edges[i]; e.To != "" && (owning(e.Kind) || tied(e.Kind)) && e.InForce(day) {
			up[e.From] = append(up[e.From], e)
		}
	}
	for _, es := range up {
		slices.SortStableFunc(es, func(a, b *supply.Edge) int {
			return cmp.Or(-cmp.Compare(order(a), order(b)), cmp.Compare(a.To, b.To), cmp.Compare(a.ID, b.ID))
		})
	}
	at := map[string]int{root.ID: 0}
	found := []string{root.ID}
	own := map[string]bool{root.ID: true} // its ties count: the party, and whose brand it is
	for i := 0; i < len(found); i++ {
		for _, e := range up[found[i]] {
			if tied(e.Kind) && !own[found[i]] {
				continue
			}
			if e.Kind == supply.BrandOf && own[found[i]] {
				own[e.To] = true
			}
			if _, seen := at[e.To]; !seen {
				at[e.To] = len(found)
				found = append(found, e.To)
			}
		}
	}
	drawn := found[:min(len(found), MaxParties)]
	c.LeftOut = len(found) - len(drawn)
	type pair struct {
		above, below int
		owning       bool
	}
	line := map[pair]int{}
	for i, id := range drawn {
		p, _ := g.Party(id)
		c.Boxes = append(c.Boxes, box(g, &p, day, up[id]))
		for _, e := range up[id] {
			above := at[e.To]
			if above >= len(drawn) || above == i || tied(e.Kind) && !own[id] {
				continue
			}
			k := pair{above, i, owning(e.Kind)}
			n, ok := line[k]
			if !ok {
				n = len(c.Lines)
				line[k] = n
				c.Lines = append(c.Lines, Line{Above: above, Below: i, Owning: k.owning})
			}
			c.Lines[n].Says = append(c.Lines[n].Says, Statement{Words: relation(e), Share: e.Share, Seen: e.Seen, Evidence: evidence(e.Ref, e.Since, e.Until)})
		}
	}
	return c, nil
}

func owning(k supply.Kind) bool {
	return k == supply.OwnedBy || k == supply.ControlledBy || k == supply.BrandOf
}

func tied(k supply.Kind) bool {
	return k == supply.LicenceFrom || k == supply.FirmwareBy || k == supply.EngineeringShared || k == supply.ProductEquivalent
}

// order puts control before shares, large ones before small ones, and ties
// last.
func order(e *supply.Edge) float64 {
	switch {
	case tied(e.Kind):
		return -1
	case e.Kind != supply.OwnedBy || e.Controlling:
		return 200
	case e.Share != nil:
		return *e.Share
	}
	return 0
}

// The words of a statement, about the party below.
const (
	ownedBy           = "owned by"
	controlledBy      = "controlled by"
	brandOf           = "brand of"
	possiblyBrandOf   = "possibly a brand of"
	licenceFrom       = "licence from"
	firmwareBy        = "firmware by"
	engineeringShared = "engineering shared with"
	sameProduct       = "product said to be that of"
)

func relation(e *supply.Edge) string {
	switch e.Kind {
	case supply.OwnedBy:
		return ownedBy
	case supply.ControlledBy:
		return controlledBy
	case supply.BrandOf:
		if e.Alternative {
			return possiblyBrandOf
		}
		return brandOf
	case supply.LicenceFrom:
		return licenceFrom
	case supply.FirmwareBy:
		return firmwareBy
	case supply.EngineeringShared:
		return engineeringShared
	default: // a line is drawn for owning and tied kinds only
		return sameProduct
	}
}

func box(g *supply.Graph, p *supply.Party, day time.Time, up []*supply.Edge) Box {
	above, meant := 0, 0
	for _, e := range up {
		if owning(e.Kind) {
			above++
		}
		if e.Alternative {
			meant++
		}
	}
	b := Box{ID: p.ID, Name: p.Name, Kind: p.Kind, Country: p.Country, Unresolved: p.Unresolved, About: evidence(p.Ref, "", "")}
	for _, l := range g.Lists() {
		ed := l.EditionOn(day)
		if ed == nil {
			continue
		}
		for i := range ed.Entries {
			if en := &ed.Entries[i]; en.Party == p.ID && en.InForce(day) {
				b.Marks = append(b.Marks, Mark{fmt.Sprintf("named by %s, edition of %s", lower(l.Title), ed.From), evidence(en.Ref, cmp.Or(en.From, ed.From), cmp.Or(en.Until, ed.Until))})
				break
			}
		}
	}
	for _, l := range g.Trusted() {
		for _, t := range l.Trusts {
			if t.Party == p.ID && t.InForce(day) {
				b.Marks = append(b.Marks, Mark{fmt.Sprintf("called trusted by %s until %s", l.Authority, t.Until), evidence(t.Ref, t.From, t.Until)})
			}
		}
	}
	for _, a := range g.Advisories() {
		if slices.Contains(a.Parties, p.ID) {
			b.Marks = append(b.Marks, Mark{"published fault: " + a.ID, evidence(a.Ref, "", "")})
		}
	}
	if meant > 1 {
		b.Marks = append(b.Marks, Mark{fmt.Sprintf("which of %d companies is meant is unresolved", meant), evidence(p.Ref, "", "")})
	}
	for _, e := range up {
		if e.From == e.To && owning(e.Kind) {
			text := "holds shares of itself"
			if e.Share != nil {
				text = "holds " + percent(*e.Share) + " of itself"
			}
			b.Marks = append(b.Marks, Mark{text, evidence(e.Ref, e.Since, e.Until)})
		}
	}
	switch {
	case p.Unresolved != "":
		b.Marks = append(b.Marks, Mark{"owner unresolved", evidence(p.Ref, "", "")})
	case above > 0 || p.Kind == "person" || p.Kind == "state":
	case p.Listed != "":
		b.Marks = append(b.Marks, Mark{"its shares are traded: " + p.Listed, evidence(p.Ref, "", "")})
	case p.Ultimate:
		b.Marks = append(b.Marks, Mark{"its own ultimate parent", evidence(p.Ref, "", "")})
	default:
		b.Marks = append(b.Marks, Mark{Text: "owners not known"})
	}
	return b
}

func lower(s string) string {
	if strings.HasPrefix(s, "The ") {
		return "the " + s[4:]
	}
	return s
}

// what is the second line of a box.
func (b *Box) what() string {
	if b.Country == "" && b.Kind == "brand" {
		return b.Kind
	}
	if b.Country == "" {
		return b.Kind + ", country not known"
	}
	return b.Kind + ", " + supply.CountryName(b.Country)
}

// Rows says what the picture says, and where each statement comes from: the
// party first, then line by line.
func (c *Chain) Rows() []Row {
	var out []Row
	add := func(party, says, other, share string, seen bool, e Evidence) {
		from := e.Since
		if seen && from != "" {
			from = "seen " + from
		}
		out = append(out, Row{party, says, other, share, from, e.Until, e.Certainty, e.Date, e.Source, e.Quote, e.Reply})
	}
	for i := range c.Boxes {
		b := &c.Boxes[i]
		add(b.Name, b.what(), "", "", false, b.About)
		for _, m := range b.Marks {
			text := m.Text
			if b.Unresolved != "" && text == "owner unresolved" {
				text += ": " + b.Unresolved
			}
			add(b.Name, text, "", "", false, m.Evidence)
		}
		for _, l := range c.Lines {
			if l.Below != i {
				continue
			}
			for _, s := range l.Says {
				share := ""
				if s.Share != nil {
					share = percent(*s.Share)
				}
				add(b.Name, s.Words, c.Boxes[l.Above].Name, share, s.Seen, s.Evidence)
			}
		}
	}
	if c.LeftOut > 0 {
		out = append(out, Row{Party: c.Name, Says: c.leftOut()})
	}
	return out
}

func (c *Chain) leftOut() string {
	if c.LeftOut == 1 {
		return "1 more party stands behind it and is not drawn"
	}
	return fmt.Sprintf("%d more parties stand behind it and are not drawn", c.LeftOut)
}

// Markdown is the table as text: what Rows says, with a heading.
func (c *Chain) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", cell(c.title()), cell(c.note()))
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(Header[:], " | "), strings.Repeat("---|", len(Header)))
	for _, r := range c.Rows() {
		cells := r.Cells()
		for i := range cells {
			cells[i] = cell(cells[i])
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells[:], " | "))
	}
	return b.String()
}

// cell is a text that cannot leave its cell of a Markdown table, nor be taken
// for a tag.
func cell(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "`", "\\`", "[", "\\[", "]", "\\]").Replace(plain(s))
}

func (c *Chain) title() string { return fmt.Sprintf("Who stands behind %s on %s", c.Name, c.Day) }

func (c *Chain) note() string {
	return fmt.Sprintf("Edition %s of the supply graph. Solid line: owned, controlled or a brand. Dashed line: licence, firmware or engineering; it says nothing of ownership. Sources stand in the table.", c.Edition)
}

func percent(v float64) string {
	return strconv.FormatFloat(float64(int(v*100+0.5))/100, 'f', -1, 64) + " %"
}
