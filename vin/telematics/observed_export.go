package telematics

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Aggregate is what a site gives to others of what its inspections found:
// groups and counts. It names no vehicle, no inspector and no day of a single
// inspection, and holds no group of fewer than K vehicles, nor groups whose
// difference would be one.
type Aggregate struct {
	Format  string  `json:"format"`  // AggregateFormat
	Version int     `json:"version"` // AggregateVersion
	Site    string  `json:"site"`    // as the site chose to be called
	Made    string  `json:"made"`    // RFC 3339 full-date
	Names   string  `json:"names"`   // edition of the catalogue by which models and makers were told
	From    string  `json:"from"`    // first and last day of an inspection in any group
	To      string  `json:"to"`
	K       int     `json:"k"`
	M       int     `json:"m"`
	Level   float64 `json:"level"`
	Weight  float64 `json:"weight"`
	Groups  []Group `json:"groups"`
}

// The form of an Aggregate.
const (
	AggregateFormat  = "sallyport-shares"
	AggregateVersion = 1
)

// MaxAggregate bounds the text of an aggregate, in bytes.
const MaxAggregate = 64 << 20

func (a *Aggregate) terms() Terms { return Terms{K: a.K, M: a.M, Level: a.Level, Weight: a.Weight} }

// Export makes the aggregate of this site's groups, under the name that the
// site chose for it, as of a day (RFC 3339 full-date).
//
// A finer group is left out where what remains of the coarser one without it,
// and without the others that are in, would be fewer than K vehicles: else the
// group left out could be told from the two.
func (o *Shares) Export(site, made string) (Aggregate, error) {
	out := Aggregate{Format: AggregateFormat, Version: AggregateVersion, Site: site, Made: made, Names: o.names.Edition(),
		K: o.terms.K, M: o.terms.M, Level: o.terms.Level, Weight: o.terms.Weight, Groups: []Group{}}
	keys := make([]string, 0, len(o.lines))
	for key := range o.lines {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		ln := o.lines[key]
		for r := range roles {
			k := groupKey{role: uint8(r), level: levelLine}
			g := ln.groups[k]
			if g == nil || !g.Enough {
				continue
			}
			for _, g := range o.releasable(ln, k, g) {
				named := *g
				named.Make, named.Model = ln.make, ln.model
				out.Groups = append(out.Groups, named)
				if out.From == "" || g.From < out.From {
					out.From = g.From
				}
				out.To = max(out.To, g.To)
			}
		}
	}
	if err := out.check(); err != nil {
		return Aggregate{}, fmt.Errorf("shares cannot be exported: %w", err)
	}
	return out, nil
}

// releasable are a group and those of its parts that may leave the site beside
// it.
func (o *Shares) releasable(ln *shownLine, k groupKey, g *Group) []*Group {
	type part struct {
		k groupKey
		g *Group
	}
	var parts []part
	for pk, pg := range ln.groups {
		if pg.Enough && pk.level+1 == k.level && pk.role == k.role && (k.year == 0 || pk.year == k.year) && (k.market == "" || pk.market == k.market) {
			parts = append(parts, part{pk, pg})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { // the largest first, the smallest is left out
		return cmp.Or(cmp.Compare(b.g.Inspected, a.g.Inspected), cmp.Compare(a.k.year, b.k.year), strings.Compare(a.k.market, b.k.market), strings.Compare(a.k.plant, b.k.plant))
	})
	hides := func(rest int) bool { return rest == 0 || rest >= o.terms.K }
	for len(parts) > 0 {
		told, seen := g.Inspected, g.Inspected+g.CouldNotTell
		for _, p := range parts {
			told, seen = told-p.g.Inspected, seen-p.g.Inspected-p.g.CouldNotTell
		}
		if hides(told) && hides(seen) {
			break
		}
		parts = parts[:len(parts)-1]
	}
	out := []*Group{g}
	for _, p := range parts {
		out = append(out, o.releasable(ln, p.k, p.g)...)
	}
	return out
}

// ErrAggregate is wrapped by every error of ReadAggregate.
var ErrAggregate = errors.New("not an aggregate of inspections")

// ReadAggregate reads an aggregate, of another site too, and refuses one that
// does not add up, that is of another version, or whose names could hide a VIN.
// The error says which group.
func ReadAggregate(text []byte) (Aggregate, error) {
	if len(text) > MaxAggregate {
		return Aggregate{}, fmt.Errorf("%w: more than %d bytes", ErrAggregate, MaxAggregate)
	}
	var a Aggregate
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return Aggregate{}, fmt.Errorf("%w: %w", ErrAggregate, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Aggregate{}, fmt.Errorf("%w: something follows it", ErrAggregate)
	}
	if err := a.check(); err != nil {
		return Aggregate{}, fmt.Errorf("%w: %w", ErrAggregate, err)
	}
	return a, nil
}

func (a *Aggregate) check() error {
	if a.Format != AggregateFormat || a.Version != AggregateVersion {
		return fmt.Errorf("format %q, version %d; this program reads %q, version %d", a.Format, a.Version, AggregateFormat, AggregateVersion)
	}
	if strings.TrimSpace(a.Site) == "" || a.Site != strings.TrimSpace(a.Site) {
		return fmt.Errorf("site: %q is no name", a.Site)
	}
	for _, f := range [...]struct{ name, text string }{{"site", a.Site}, {"names", a.Names}} {
		if err := plainName(f.text); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if _, err := dayOf(a.Made); err != nil {
		return fmt.Errorf("made: %w", err)
	}
	if t, err := a.terms().filled(); err != nil || t.K != a.K || t.M != a.M || t.Level != a.Level || t.Weight != a.Weight {
		return cmp.Or(err, errors.New("k, m, level or weight is missing"))
	}
	from, to := "", ""
	type id struct {
		maker, model, market, plant, role string
		year                              int
	}
	seen := make(map[id]bool, len(a.Groups))
	for i := range a.Groups {
		g := &a.Groups[i]
		if err := g.check(a.K, a.M); err != nil {
			return fmt.Errorf("group %d (%s): %w", i+1, g.subject(g.Make, g.Model), err)
		}
		k := id{fold(g.Make), fold(cutBrackets(g.Model)), g.Market, g.Plant, g.Role, g.ModelYear}
		if seen[k] {
			return fmt.Errorf("group %d (%s) stands there twice", i+1, g.subject(g.Make, g.Model))
		}
		seen[k] = true
		if from == "" || g.From < from {
			from = g.From
		}
		to = max(to, g.To)
	}
	if a.From != from || a.To != to {
		return fmt.Errorf("from %q and to %q are not those of its groups", a.From, a.To)
	}
	return nil
}

func (g *Group) check(k, m int) error {
	for _, f := range [...]struct{ name, text string }{{"make", g.Make}, {"model", g.Model}, {"market", g.Market}, {"plant", g.Plant}} {
		if err := plainName(f.text); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	from, err1 := dayOf(g.From)
	to, err2 := dayOf(g.To)
	sum := g.None.Found + g.Unread + g.TwoWays
	unnamed := g.Unread + g.TwoWays
	for i := range g.Makers {
		s := &g.Makers[i]
		if sum += s.Found; !s.Named {
			unnamed += s.Found
		}
		if s.Maker == "" || s.Found < 1 || slices.ContainsFunc(g.Makers[:i], func(o Share) bool { return o.Maker == s.Maker && o.ChipDown == s.ChipDown }) {
			return fmt.Errorf("maker %d has no name or no vehicle, or stands there twice", i+1)
		}
		if err := plainName(s.Maker); err != nil {
			return fmt.Errorf("maker %d: %w", i+1, err)
		}
		models := 0
		for _, md := range s.Modules {
			if md.Module == "" || md.Found < 1 || md.Found > s.Found {
				return fmt.Errorf("maker %s: module %q of %d vehicles", s.Maker, md.Module, md.Found)
			}
			if err := plainName(md.Module); err != nil {
				return fmt.Errorf("maker %s: module: %w", s.Maker, err)
			}
			models += md.Found
		}
		if models > s.Found {
			return fmt.Errorf("maker %s: more modules than vehicles", s.Maker)
		}
	}
	for _, s := range append([]Share{g.None, g.Other}, g.Makers...) {
		if s.Found < 0 || s.Found > g.Inspected || !(0 <= s.Low && s.Low <= s.Share && s.Share <= s.High && s.High <= 1) {
			return fmt.Errorf("a share of %d vehicles, %g to %g to %g, is none", s.Found, s.Low, s.Share, s.High)
		}
	}
	switch {
	case fold(g.Make) == "" || fold(cutBrackets(g.Model)) == "":
		return errors.New("no make or no model")
	case !slices.Contains(roles[:], g.Role):
		return fmt.Errorf("role: %q", g.Role)
	case g.ModelYear < 0 || g.ModelYear > longestYear || g.Plant != "" && g.Market == "" || g.Market != "" && g.ModelYear == 0:
		return errors.New("it is of no level")
	case g.YearFrom < 0 || g.YearFrom > g.YearTo || g.YearTo > longestYear || g.ModelYear != 0 && (g.YearFrom != g.ModelYear || g.YearTo != g.ModelYear):
		return fmt.Errorf("model years %d to %d", g.YearFrom, g.YearTo)
	case err1 != nil || err2 != nil || from > to:
		return fmt.Errorf("from %q to %q", g.From, g.To)
	case g.Inspected < k || g.Days < m || int64(g.Days) > int64(to)-int64(from)+1:
		return fmt.Errorf("%d vehicles on %d days", g.Inspected, g.Days)
	case g.Unread < 0 || g.TwoWays < 0 || g.CouldNotTell < 0 || sum != g.Inspected || g.Other.Found != unnamed:
		return errors.New("its counts do not add up")
	case g.None.Maker != "" || g.None.Named || g.None.Modules != nil || g.Other.Maker != "" || g.Other.Named || g.Other.Modules != nil:
		return errors.New("a maker is named where none is")
	}
	return nil
}

// farSite is an aggregate of another site, by line.
type farSite struct {
	from  *Aggregate
	lines map[string]map[groupKey]*Group
}

// Adopt takes what another site found, in the place of what the same site said
// before. It is shown as that site's and never counted here: two sites may have
// seen the same vehicle, and one cannot look into the other's inspections.
// Groups that are too small by this site's terms are not shown.
func (l *Learner) Adopt(a Aggregate) error {
	if err := a.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrAggregate, err)
	}
	f := farSite{from: &a, lines: map[string]map[groupKey]*Group{}}
	for i := range a.Groups {
		g := a.Groups[i]
		g.Enough = g.Inspected >= l.terms.K && g.Days >= l.terms.M
		g.Firm = g.Enough // who inspected there is not told
		g.Market, g.Plant = l.names.oneMarket(g.Market), plantOf(g.Plant)
		k := groupKey{year: int16(g.ModelYear), role: roleOf(g.Role), level: levelLine, market: g.Market, plant: g.Plant}
		switch {
		case g.Plant != "":
			k.level = levelPlant
		case g.Market != "":
			k.level = levelMarket
		case g.ModelYear != 0:
			k.level = levelYear
		}
		key := string(l.names.appendLine(nil, g.Make, g.Model))
		if f.lines[key] == nil {
			f.lines[key] = map[groupKey]*Group{}
		}
		if f.lines[key][k] != nil {
			return fmt.Errorf("%w: %s stands there twice", ErrAggregate, g.subject(g.Make, g.Model))
		}
		f.lines[key][k] = &g
	}
	l.Forget(a.Site)
	l.far = append(l.far, f)
	slices.SortFunc(l.far, func(a, b farSite) int { return strings.Compare(a.from.Site, b.from.Site) })
	for key := range f.lines {
		l.dirty[key] = struct{}{}
	}
	return nil
}

// Forget drops what another site found; of a site not known it does nothing.
func (l *Learner) Forget(site string) {
	i := slices.IndexFunc(l.far, func(f farSite) bool { return f.from.Site == site })
	if i < 0 {
		return
	}
	for key := range l.far[i].lines {
		l.dirty[key] = struct{}{}
	}
	l.far = slices.Delete(l.far, i, i+1)
}

func (l *Learner) farLines(key string) []farLine {
	var out []farLine
	for i := range l.far {
		if groups := l.far[i].lines[key]; groups != nil {
			out = append(out, farLine{l.far[i].from, groups})
		}
	}
	return out
}
