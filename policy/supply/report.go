package supply

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// report writes answers as plain text for a person to read or print. Every
// statement carries the number of its source, and the sources stand at the end.
type report struct {
	strings.Builder
	rows []Evidence
}

// cite returns the numbers of rows, in brackets.
func (r *report) cite(rows ...Evidence) string {
	var out strings.Builder
	var last int
	for _, e := range rows {
		i := slices.IndexFunc(r.rows, func(o Evidence) bool { return o.Kind == e.Kind && o.ID == e.ID && o.Text == e.Text })
		if i < 0 {
			i = len(r.rows)
			r.rows = append(r.rows, e)
		}
		if i+1 != last {
			fmt.Fprintf(&out, "[%d]", i+1)
		}
		last = i + 1
	}
	return out.String()
}

func (r *report) line(format string, args ...any) {
	fmt.Fprintf(r, "%s\n", strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// steps writes rows below each other with their sources.
func (r *report) steps(indent string, rows []Evidence) {
	for _, e := range rows {
		r.line("%s%s%s %s", indent, e.Text, e.when(), r.cite(e))
	}
}

// when is the time that a row states for itself.
func (e Evidence) when() string {
	if e.Kind != "edge" {
		return ""
	}
	switch {
	case e.Since != "" && e.Until != "":
		return fmt.Sprintf(" (from %s until %s)", e.Since, e.Until)
	case e.Since != "":
		return fmt.Sprintf(" (from %s)", e.Since)
	case e.Until != "":
		return fmt.Sprintf(" (until %s)", e.Until)
	}
	return ""
}

// sources ends a report with the rows cited.
func (r *report) sources() string {
	if len(r.rows) > 0 {
		r.line("\nSources")
	}
	for i, e := range r.rows {
		r.line("[%d] %s", i+1, e.Source)
		dated := e.Certainty
		if e.Date != "" {
			dated += ", " + e.Date
		}
		if e.SeenVia != "" {
			dated += ", read by way of " + e.SeenVia
		}
		if e.Kind == "edge" || e.Kind == "statement" || e.Kind == "entry" {
			dated += "; row " + e.ID
		}
		r.line("    %s", dated)
		if e.Quote != "" && !strings.Contains(e.Text, e.Quote) {
			r.line("    “%s”", e.Quote)
		}
		if e.Note != "" {
			r.line("    note: %s", e.Note)
		}
		if e.Reply != "" {
			r.line("    reply: %s", e.Reply)
		}
	}
	return r.String()
}

// Report is the answer as text: its value, the reason, the path and the
// sources of every step.
func (a Answer) Report() string {
	var r report
	r.answer(a)
	return r.sources()
}

func (r *report) answer(a Answer) {
	word := map[Value]string{True: "YES", False: "NO", Unknown: "NOT KNOWN"}[a.Value]
	r.line("%s. %s", word, a.Because)
	r.steps("  ", a.Path)
	if a.Omitted > 0 {
		r.line("  (%d more steps are not printed; the answer counts them)", a.Omitted)
	}
	if a.Certainty != "" {
		r.line("  certainty of the weakest step: %s", a.Certainty)
	}
}

// Report is everything known of who stands behind a party on a day, as text
// with its sources. It says so where no party answers to the id.
func (g *Graph) Report(id string, day time.Time) string {
	c := g.Behind(id, day)
	if c.Party.ID == "" {
		return g.notThere(id).Because + "\n"
	}
	var r report
	p := c.Party
	self := g.partyEvidence(g.party[p.ID])
	r.line("%s (%s), %s %s", p.Name, p.ID, p.Kind, r.cite(self))
	if p.Kind != "brand" {
		r.line("%s", self.Text)
	}
	if p.Listed != "" {
		r.line("Listed: %s", p.Listed)
	}
	r.line("As of %s, by the supply graph %s.", c.Day, g.Edition())

	r.line("\nOwners")
	if len(c.Owners) == 0 {
		r.line("  none is known")
	}
	for _, h := range c.Owners {
		r.line("  %s%s %s", h.Path[0].Text, h.Path[0].when(), r.cite(h.Path...))
	}
	if len(c.Ultimate) > 0 {
		r.line("\nAt the top")
		for _, h := range c.Ultimate {
			r.line("  %s %s", g.seat(h.Party), r.cite(h.Path...))
		}
	}
	if holders, whole := g.Holders(id, 0, day); len(holders) > 0 {
		r.line("\nHeld over all paths")
		for _, h := range holders {
			r.line("  %s", g.holding(&r, h))
		}
		if !whole {
			r.line("  (the nearest %d above it; what lies beyond can only add)", maxHolders)
		}
	}
	section := func(title string, rows []Evidence) {
		if len(rows) > 0 {
			r.line("\n%s", title)
			r.steps("  ", rows)
		}
	}
	section("Jurisdictions, of it and of whoever controls it", c.Jurisdictions)
	section("Unresolved", c.Unresolved)
	r.line("\nOn official lists, by itself or by a controller")
	if len(c.Lists) == 0 {
		r.line("  no entry in force names it or a party known to control it, on the lists held")
	}
	for _, e := range c.Lists {
		r.line("  %s %s%s", e.Text, r.cite(e), g.by(&r, &c, e.From))
	}
	section("Licence, firmware and engineering: not ownership", c.Ties)
	if below := g.Below(id, day); len(below) > 0 {
		r.line("\nIt owns, controls or uses as a name")
		for _, h := range below {
			r.line("  %s%s %s", h.Path[0].Text, h.Path[0].when(), r.cite(h.Path...))
		}
	}
	section("Others build by its licence, firmware or engineers: not ownership", g.TiedTo(id, day))
	section("What it says itself", c.Statements)
	section("Sales, offers, funding, exchanges", c.Other)
	return r.sources()
}

// by names the way to a controller, where the list names not the party itself.
func (g *Graph) by(r *report, c *Chain, controller string) string {
	for _, h := range c.Controllers {
		if h.Party == controller {
			return fmt.Sprintf(" by way of %s %s", h.Name, r.cite(h.Path...))
		}
	}
	return ""
}

func (g *Graph) seat(id string) string {
	p, _ := g.Party(id)
	where := "where is not known"
	if p.Country != "" {
		where = countryName(p.Country)
	}
	return fmt.Sprintf("%s (%s)", p.Name, where)
}

func (g *Graph) holding(r *report, h Holding) string {
	var what string
	switch {
	case h.Controls && h.Share > 0:
		what = percent(h.Share) + ", controls it"
	case h.Controls:
		what = "controls it; no share is stated"
	case h.Share > 0:
		what = percent(h.Share)
	default:
		what = "no share is known"
	}
	return fmt.Sprintf("%s: %s %s", g.seat(h.Party), what, r.cite(h.Path...))
}

// PathReport is the answer to the question who holds pct per cent of a party
// from a country on a day, as text: the question of control, that of shares,
// that of engineering, and whether the owners are known to the top.
func (g *Graph) PathReport(id, country string, pct float64, day time.Time) string {
	var r report
	name := id
	if p, ok := g.Party(id); ok {
		name = p.Name
	}
	r.line("%s, as of %s, by the supply graph %s.", name, day.UTC().Format(time.DateOnly), g.Edition())
	ask := func(title string, a Answer) {
		r.line("\n%s", title)
		r.answer(a)
	}
	where := countryName(country)
	ask(fmt.Sprintf("Is it controlled from %s, at %s?", where, asked(pct)), g.ControlledFrom(id, country, pct, day))
	ask(fmt.Sprintf("Do shares held from %s reach %s?", where, asked(pct)), g.ShareFrom(id, country, pct, day))
	ask(fmt.Sprintf("Are its products designed, or kept in firmware, from %s?", where), g.DesignFrom(id, country, day))
	ask("Are its owners known to the top?", g.OwnerResolved(id, day))
	return r.sources()
}
