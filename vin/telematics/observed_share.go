package telematics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Group is what was found in the vehicles of one group in one unit. What the
// group does not ask for is zero or empty.
type Group struct {
	Make         string  `json:"make"` // as mostly written
	Model        string  `json:"model"`
	ModelYear    int     `json:"model_year,omitempty"`
	Market       string  `json:"market,omitempty"`
	Plant        string  `json:"plant,omitempty"`
	Role         string  `json:"role"`
	YearFrom     int     `json:"year_from,omitempty"` // first and last model year inspected, whichever one inspector is left out
	YearTo       int     `json:"year_to,omitempty"`
	From         string  `json:"from"` // first and last day of an inspection that told something
	To           string  `json:"to"`
	Days         int     `json:"days"`
	Inspected    int     `json:"inspected"` // vehicles of which somebody could tell
	Makers       []Share `json:"makers"`    // by falling count
	None         Share   `json:"none"`      // no module found. It is a share, and no vehicle is free of a module for it
	Other        Share   `json:"other"`     // a module of no maker that is named: not read, told two ways, or found by one inspector only
	Unread       int     `json:"unread"`    // a module was found, its maker is not certain
	TwoWays      int     `json:"two_ways"`  // what was said contradicts itself
	CouldNotTell int     `json:"could_not_tell"`

	Inspectors int  `json:"-"` // who could tell; it does not leave the site
	Enough     bool `json:"-"` // vehicles, days and inspectors are enough for shares; else those are zero
	Firm       bool `json:"-"` // and vehicles are whichever one inspector is left out
}

// Share is one part of a group. See Learner for what its bounds hold against.
type Share struct {
	Maker    string        `json:"maker,omitempty"`
	ChipDown bool          `json:"chip_down,omitempty"`
	Modules  []ModuleShare `json:"modules,omitempty"` // by falling count; those told two ways are in none
	Found    int           `json:"found"`             // vehicles
	Named    bool          `json:"named"`             // at least two inspectors found it: it may be a candidate
	Share    float64       `json:"share"`
	Low      float64       `json:"low"`
	High     float64       `json:"high"`
}

// ModuleShare is one model of a maker's modules.
type ModuleShare struct {
	Module string `json:"module"`
	Found  int    `json:"found"`
}

// model is the one model that all modules of the maker are, as far as told.
func (s *Share) model() string {
	if len(s.Modules) == 1 {
		return s.Modules[0].Module
	}
	return ""
}

// show works a group out.
func (l *Learner) show(k groupKey, g *group) *Group {
	out := &Group{
		ModelYear: int(k.year), Market: k.market, Plant: k.plant, Role: roles[k.role], Days: len(g.days), Inspected: g.all.told,
		Unread: g.all.unread, TwoWays: g.all.twoWays, CouldNotTell: g.silent, Inspectors: len(g.people), Makers: []Share{},
	}
	if out.YearFrom, out.YearTo = g.span(); k.year != 0 {
		out.YearFrom, out.YearTo = int(k.year), int(k.year)
	}
	if n := len(g.days); n > 0 {
		out.From, out.To = dateOf(g.days[0].day).Format(time.DateOnly), dateOf(g.days[n-1].day).Format(time.DateOnly)
	}
	out.Enough = out.Inspected >= l.terms.K && out.Days >= l.terms.M && out.Inspectors >= l.terms.Inspectors()
	out.Firm = out.Enough
	for i := range g.people {
		out.Firm = out.Firm && g.all.told-g.people[i].lost.told >= l.terms.K
	}
	// Fractions are summed in an order that does not depend on who came first.
	slices.SortFunc(g.people, func(a, b inspector) int { return strings.Compare(l.word(a.by), l.word(b.by)) })
	w := l.weights(g.people)
	named := func(p party) bool {
		n := 0
		for i := range g.people {
			if g.people[i].own.of(p) > 0 {
				n++
			}
		}
		return n >= 2
	}
	for _, c := range g.all.named {
		s := Share{Maker: l.word(c.of.maker), ChipDown: c.of.chipDown, Found: c.n, Named: named(c.of)}
		for _, m := range g.modules {
			if m.of == c.of && m.module != 0 {
				s.Modules = append(s.Modules, ModuleShare{l.word(m.module), m.n})
			}
		}
		slices.SortFunc(s.Modules, func(a, b ModuleShare) int {
			return cmp.Or(b.Found-a.Found, strings.Compare(a.Module, b.Module))
		})
		l.bound(out, &s, g, w, func(t *tally) (int, int) { n := t.of(c.of); return n, n + t.unread + t.twoWays })
		out.Makers = append(out.Makers, s)
	}
	slices.SortFunc(out.Makers, func(a, b Share) int {
		return cmp.Or(b.Found-a.Found, strings.Compare(a.Maker, b.Maker), cmp.Compare(chipOrder(a), chipOrder(b)))
	})
	out.None.Found = g.all.none
	l.bound(out, &out.None, g, w, func(t *tally) (int, int) { return t.none, t.none + t.twoWays })
	other := func(t *tally) (int, int) {
		n := 0
		for _, c := range t.named {
			if !named(c.of) {
				n += c.n
			}
		}
		return n, n + t.unread + t.twoWays
	}
	_, out.Other.Found = other(&g.all)
	l.bound(out, &out.Other, g, w, other)
	return out
}

func chipOrder(s Share) int {
	if s.ChipDown {
		return 1
	}
	return 0
}

// bound works out a share and its bounds; part gives how many of a tally it is
// at the least and at the most.
func (l *Learner) bound(out *Group, s *Share, g *group, weights []float64, part func(*tally) (least, most int)) {
	if !out.Enough {
		return
	}
	least, most := part(&g.all)
	s.Low, s.High = l.bounds.low(least, g.all.told), l.bounds.high(most, g.all.told)
	sum, whole := 0.0, 0.0
	for i := range g.people {
		p := &g.people[i]
		n, _ := part(&p.own)
		sum += weights[i] * float64(n) / float64(p.own.told)
		whole += weights[i]
		rest := g.all.without(&p.lost)
		least, most := part(&rest)
		s.Low, s.High = min(s.Low, l.bounds.low(least, rest.told)), max(s.High, l.bounds.high(most, rest.told))
	}
	s.Share = sum / whole
	s.Low, s.High = min(s.Low, s.Share), max(s.High, s.Share)
	const digits = 1e6 // of a share that anybody may see; bounds are rounded away from it
	s.Share = math.Round(s.Share*digits) / digits
	s.Low, s.High = math.Floor(s.Low*digits)/digits, math.Ceil(s.High*digits)/digits
}

// without is a tally with another one taken out.
func (t *tally) without(lost *tally) tally {
	out := tally{told: t.told - lost.told, none: t.none - lost.none, unread: t.unread - lost.unread, twoWays: t.twoWays - lost.twoWays,
		named: slices.Clone(t.named)}
	for _, c := range lost.named {
		i := slices.IndexFunc(out.named, func(x count) bool { return x.of == c.of })
		if i < 0 {
			i, out.named = len(out.named), append(out.named, count{of: c.of})
		}
		out.named[i].n -= c.n
	}
	return out
}

// weights are the vehicles of each inspector, where the largest are cut until
// none is more than the part Weight of the sum. With too few inspectors there
// is no such cut and all weigh the same.
func (l *Learner) weights(people []inspector) []float64 {
	w := make([]float64, len(people))
	sorted := make([]float64, len(people))
	rest := 0.0
	for i := range people {
		w[i] = float64(people[i].own.told)
		sorted[i], rest = w[i], rest+w[i]
	}
	slices.SortFunc(sorted, func(a, b float64) int { return cmp.Compare(b, a) })
	most := math.Inf(1)
	for i, n := range sorted {
		if n <= l.terms.Weight*(float64(i)*n+rest) {
			break // the largest may stay as it is, with those before it cut to its size
		}
		rest -= n
		if left := 1 - l.terms.Weight*float64(i+1); left > 1e-9 {
			most = l.terms.Weight * rest / left
		} else {
			most = sorted[len(sorted)-1]
		}
	}
	for i := range w {
		w[i] = min(w[i], most)
	}
	return w
}

// words says a share in the words in which it is shown:
// "11 of 14 inspected at this site, 12 Mar–2 Nov 2026; 95 % bounds 49–96 %".
func (g *Group) words(s *Share, at string, t Terms) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d inspected at %s, %s; %s bounds %s", s.Found, g.Inspected, at, span(g.From, g.To), percent(t.Level), between(s.Low, s.High))
	if math.Abs(s.Share-float64(s.Found)/float64(g.Inspected)) >= 0.005 {
		fmt.Fprintf(&b, "; counted as %s, because no one inspector may weigh more than %s", percent(s.Share), percent(t.Weight))
	}
	if len(s.Modules) > 1 {
		b.WriteString("; of these")
		for i, m := range s.Modules {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, " %d %s", m.Found, m.Module)
		}
	}
	return b.String()
}

// Words says a share of this site's group in one line, with its counts and
// bounds. Of a group without shares it says the counts.
func (g *Group) Words(s *Share, t Terms) string {
	if !g.Enough {
		return fmt.Sprintf("%d of %d", s.Found, g.Inspected)
	}
	return g.words(s, "this site", t)
}

// Subject names the vehicles of a group: "TESLA Model 3, model year 2022,
// market EU".
func (g *Group) Subject() string { return g.subject(g.Make, g.Model) }

// Inspectors is how many inspectors a group needs: with fewer, one of them
// would weigh more than Weight.
func (t Terms) Inspectors() int { return max(2, int(math.Ceil(1/t.Weight-1e-9))) }

// subject names a group.
func (g *Group) subject(maker, model string) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(maker + " " + model))
	switch {
	case g.ModelYear != 0:
		fmt.Fprintf(&b, ", model year %d", g.ModelYear)
	case g.YearFrom != 0 && g.YearFrom == g.YearTo:
		fmt.Fprintf(&b, ", any model year (all inspected were %d)", g.YearFrom)
	case g.YearFrom != 0:
		fmt.Fprintf(&b, ", any model year (inspected were %d to %d)", g.YearFrom, g.YearTo)
	default:
		b.WriteString(", any model year")
	}
	if g.Market != "" {
		b.WriteString(", market " + g.Market)
	} else {
		b.WriteString(", any market")
	}
	if g.Plant != "" {
		b.WriteString(", built at " + g.Plant)
	}
	return b.String()
}

func percent(p float64) string { return fmt.Sprintf("%.3g %%", p*100) }

// between writes bounds in whole per cent, rounded away from what they hold.
func between(low, high float64) string {
	return fmt.Sprintf("%.0f–%.0f %%", math.Floor(low*100), math.Ceil(high*100))
}

// span writes two days as one period.
func span(from, to string) string {
	a, err1 := time.Parse(time.DateOnly, from)
	b, err2 := time.Parse(time.DateOnly, to)
	const full = "2 Jan 2006"
	switch {
	case err1 != nil || err2 != nil:
		return from + "–" + to
	case a.Equal(b):
		return a.Format(full)
	case a.Year() == b.Year() && a.Month() == b.Month():
		return a.Format("2") + "–" + b.Format(full)
	case a.Year() == b.Year():
		return a.Format("2 Jan") + "–" + b.Format(full)
	}
	return a.Format(full) + "–" + b.Format(full)
}
