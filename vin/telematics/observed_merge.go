package telematics

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Shares is what the inspections of a site say of kinds of vehicles, as of
// one moment. Its content never changes; it is safe for concurrent use.
type Shares struct {
	names *Catalogue
	terms Terms
	lines map[string]*shownLine

	mu     sync.RWMutex
	merged map[mergeKey]Answer // put together so far; keeping them changes no answer
}

// shownLine is one model line, of this site and of others.
type shownLine struct {
	make, model string
	groups      map[groupKey]*Group
	far         []farLine
}

// farLine is what another site says of a line.
type farLine struct {
	from   *Aggregate
	groups map[groupKey]*Group
}

// mergeKey is everything that the answer to a Merge depends on. The units of a
// catalogue's answer never change, so that their address stands for them.
type mergeKey struct {
	line          *shownLine
	year          int
	market, plant string
	units         *Unit
	n             int
	fitted        Tri
	because       string
	source        string
	sources       int
}

// keptMerges is how many answers are kept; then all are forgotten and put
// together again when asked for.
const keptMerges = 1 << 11

// Snapshot is what has been counted so far. It takes time by what has changed
// since the last one.
func (l *Learner) Snapshot() *Shares {
	if len(l.dirty) > 0 {
		l.shown = maps.Clone(l.shown)
	}
	for key := range l.dirty {
		far := l.farLines(key)
		ln := l.lines[key]
		if ln == nil && len(far) == 0 {
			delete(l.shown, key)
			continue
		}
		s := &shownLine{far: far}
		if ln != nil {
			s.groups = make(map[groupKey]*Group, len(ln.groups))
			for k, g := range ln.groups {
				if g.shown == nil {
					g.shown = l.show(k, g)
				}
				s.groups[k] = g.shown
			}
			s.make, s.model = l.mostly(ln.names)
		}
		l.shown[key] = s
	}
	clear(l.dirty)
	return &Shares{names: l.names, terms: l.terms, lines: l.shown, merged: map[mergeKey]Answer{}}
}

// mostly is the make and model as mostly written.
func (l *Learner) mostly(names map[int32]int) (maker, model string) {
	best, most := "", 0
	for id, n := range names {
		if w := l.word(id); n > most || n == most && w < best {
			best, most = w, n
		}
	}
	maker, model, _ = strings.Cut(best, nameGap)
	return maker, model
}

// Terms are the terms on which shares are shown.
func (o *Shares) Terms() Terms { return o.terms }

// Groups are this site's groups of the make given whose model begins with the
// one given, or all; also those that are too small for a share. They come by make, model,
// unit, and then the coarser before the finer.
func (o *Shares) Groups(maker, model string) []Group {
	mk, md := o.names.make(maker), joined(model)
	type row struct {
		key string
		k   groupKey
		g   Group
	}
	var list []row
	for key, ln := range o.lines {
		a, b, _ := strings.Cut(key, "|")
		if maker != "" && a != mk || !strings.HasPrefix(b, md) {
			continue
		}
		for k, g := range ln.groups {
			named := *g
			named.Make, named.Model = ln.make, ln.model
			list = append(list, row{key, k, named})
		}
	}
	slices.SortFunc(list, func(a, b row) int {
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.k.role, b.k.role), cmp.Compare(b.k.level, a.k.level),
			cmp.Compare(a.k.year, b.k.year), strings.Compare(a.k.market, b.k.market), strings.Compare(a.k.plant, b.k.plant))
	})
	out := make([]Group, len(list))
	for i := range list {
		out[i] = list[i].g
	}
	return out
}

// Merge adds to a catalogue's answer what inspections of vehicles of the same
// kind have found. The query is the one that was answered.
//
//   - The finest group that is large enough speaks (see Learner), of the model
//     year asked for; a group of all model years only where the year asked for
//     lies between the first and the last inspected, or is not known.
//     A group is passed over where one inspector made it large enough and a
//     coarser one is so without him.
//   - A module found becomes a candidate of certainty Observed. One that the
//     catalogue has already gets the share as one more source; it is raised to
//     Observed where it was only reported, and a documented one stays what it
//     is. Nothing is taken away.
//   - Whether the unit, or any modem, is fitted stays as it was: a share says
//     what was found in other vehicles. What was found, none included, stands
//     among the sources of an unknown answer.
//   - A unit of which inspections alone speak keeps a candidate without a maker,
//     for what was not found yet; so does one in which the catalogue has one.
//     It falls away where the group is of the vehicle's own model year and
//     market, and all else together is, at the terms' level and without any one
//     inspector, at most 1 - Closes.
//   - What other sites found (Learner.Adopt) is Reported, is shown with that
//     site's name and counts, and is in no count of this site.
//
// The slices of the answer are shared and must not be changed.
func (o *Shares) Merge(q Query, a Answer) Answer {
	var kb [96]byte
	ln := o.lines[string(o.names.appendLine(kb[:0], q.Make, q.Model))]
	if ln == nil {
		return a
	}
	k := mergeKey{line: ln, year: q.Year, market: q.Market, plant: q.Plant, n: len(a.Units), fitted: a.ModemFitted.Value,
		because: a.ModemFitted.Because, sources: len(a.ModemFitted.Sources)}
	if k.n > 0 {
		k.units = &a.Units[0]
	}
	if k.sources > 0 {
		k.source = a.ModemFitted.Sources[0].ID
	}
	o.mu.RLock()
	m, ok := o.merged[k]
	o.mu.RUnlock()
	if !ok {
		m = o.merge(ln, q, a)
		o.mu.Lock()
		if len(o.merged) >= keptMerges {
			clear(o.merged)
		}
		o.merged[k] = m
		o.mu.Unlock()
	}
	a.Units, a.ModemFitted.Sources = m.Units, m.ModemFitted.Sources
	return a
}

// Speaks says whether anything was inspected of the model line. Where not, Merge
// returns the answer as it was.
func (o *Shares) Speaks(q Query) bool {
	var kb [96]byte
	return o.lines[string(o.names.appendLine(kb[:0], q.Make, q.Model))] != nil
}

func (o *Shares) merge(ln *shownLine, q Query, a Answer) Answer {
	market, plant := o.names.oneMarket(q.Market), plantOf(q.Plant)
	known := a.Units
	a.Units = slices.Clone(a.Units)
	for r, role := range roles {
		v := voice{catalogued: slices.ContainsFunc(known, func(u Unit) bool {
			return u.Role == role && slices.ContainsFunc(u.Candidates, func(c Candidate) bool { return c.Maker != "" })
		})}
		if g, level := o.finest(ln.groups, q.Year, market, plant, uint8(r)); g != nil {
			v.at, v.title = "this site", "inspections at this site: "+g.subject(ln.make, ln.model)
			v.terms, v.certainty, v.class = o.terms, Observed, "inspections"
			v.closes = level <= levelMarket && g.Other.High <= 1-o.terms.Closes && g.named()
			a = v.speak(a, role, g)
		}
		for _, f := range ln.far {
			if g, _ := o.finest(f.groups, q.Year, market, plant, uint8(r)); g != nil {
				v.at, v.title = "site "+f.from.Site, "inspections at site "+f.from.Site+", as that site says: "+g.subject(g.Make, g.Model)
				v.terms, v.certainty, v.class = f.from.terms(), Reported, "inspections of another site"
				a = v.speak(a, role, g)
			}
		}
	}
	return a
}

// finest is the group of a vehicle that speaks, and its level.
func (o *Shares) finest(groups map[groupKey]*Group, year int, market, plant string, role uint8) (*Group, uint8) {
	if year < 0 || year > longestYear {
		year = 0
	}
	y := int16(year)
	keys := [...]groupKey{
		{y, role, levelPlant, market, plant}, {y, role, levelMarket, market, ""}, {y, role, levelYear, "", ""}, {0, role, levelLine, "", ""},
	}
	var thin *Group
	var level uint8
	for i, k := range keys {
		g := groups[k]
		if g == nil || !g.Enough || k.level == levelLine && year != 0 && (g.YearFrom == 0 || year < g.YearFrom || year > g.YearTo) {
			continue
		}
		if g.Firm {
			return g, uint8(i)
		}
		if thin == nil {
			thin, level = g, uint8(i)
		}
	}
	return thin, level
}

// voice is whose shares are spoken of, and what they can do.
type voice struct {
	at, title  string
	terms      Terms
	certainty  Certainty
	class      string
	catalogued bool // the catalogue names a module of the unit
	closes     bool // what this site found leaves no room for other modules
}

// source is a share as the source of a candidate.
func (v voice) source(g *Group, s *Share) Source {
	return Source{ID: "inspections", Title: v.title, Quote: g.words(s, v.at, v.terms), Date: g.To, Certainty: v.certainty, EvidenceClass: v.class}
}

// speak adds one group to an answer whose list of units may be changed.
func (v voice) speak(a Answer, role string, g *Group) Answer {
	if role == roles[0] && a.ModemFitted.Value == Unknown {
		none := v.source(g, &g.None)
		none.Quote = "no module in " + none.Quote + "; a share says nothing certain of one vehicle"
		a.ModemFitted.Sources = append(slices.Clone(a.ModemFitted.Sources), none)
	}
	at := slices.IndexFunc(a.Units, func(u Unit) bool { return u.Role == role })
	if at < 0 {
		if !g.named() && g.Unread == 0 {
			return a
		}
		if at = 0; role != roles[0] {
			at = len(a.Units)
		}
		a.Units = slices.Insert(a.Units, at, Unit{Role: role, Name: roleNames[role]})
	}
	nameless := func(c Candidate) bool { return c.Maker == "" }
	cs := slices.Clone(a.Units[at].Candidates)
	if v.closes {
		cs = slices.DeleteFunc(cs, nameless)
	}
	for i := range g.Makers {
		if s := &g.Makers[i]; s.Named {
			cs = v.join(cs, s, g)
		}
	}
	if !v.closes && !v.catalogued && !slices.ContainsFunc(cs, nameless) {
		rest := v.source(g, &g.Other)
		rest.Quote = "another module, or one not read: " + rest.Quote
		cs = append(cs, Candidate{EvidenceClass: v.class, YearFrom: g.YearFrom, YearTo: g.YearTo, Market: g.Market, Sources: []Source{rest}})
	}
	slices.SortStableFunc(cs, func(a, b Candidate) int { return int(b.Certainty) - int(a.Certainty) })
	a.Units[at].Candidates = cs
	return a
}

// named says whether any maker of the group may be a candidate.
func (g *Group) named() bool {
	return slices.ContainsFunc(g.Makers, func(s Share) bool { return s.Named })
}

// join adds a maker's share to the candidates: to every one of the same
// maker that may be the same module, else as a new one.
func (v voice) join(cs []Candidate, s *Share, g *Group) []Candidate {
	src, model, joined := v.source(g, s), fold(s.model()), false
	for i := range cs {
		c := &cs[i]
		m := fold(c.Model)
		if c.Maker != s.Maker || c.ChipDown != s.ChipDown || !strings.HasPrefix(m, model) && !strings.HasPrefix(model, m) {
			continue
		}
		joined = true
		if c.Certainty < v.certainty {
			c.Certainty, c.EvidenceClass = v.certainty, v.class
			c.Sources = append([]Source{src}, c.Sources...)
		} else {
			c.Sources = append(slices.Clone(c.Sources), src)
		}
	}
	if joined {
		return cs
	}
	return append(cs, Candidate{Maker: s.Maker, Model: s.model(), ChipDown: s.ChipDown, Certainty: v.certainty, YearFrom: g.YearFrom, YearTo: g.YearTo,
		Period: "inspected " + span(g.From, g.To), Market: g.Market, EvidenceClass: v.class, Sources: []Source{src}})
}
