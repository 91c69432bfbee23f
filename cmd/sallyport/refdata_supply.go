package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/policy"
	"sallyport/policy/supply"
)

// supplySource says which supply graph a command asks, and as of which day.
type supplySource struct {
	Graph string `help:"Supply graph made by refdata build supply; the default is the site's where --data names one, else the program's own." type:"existingfile" placeholder:"FILE"`
	Data  string `help:"Data directory of a site, running or stopped." type:"existingdir" placeholder:"DIR"`
	Day   string `help:"Day as of which to answer, such as 2024-07-26; the default is today." placeholder:"DAY"`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// open returns the graph and the day, and the other reference data of the site.
func (c *supplySource) open(now time.Time) (*supply.Graph, time.Time, *refdata.Data, error) {
	day := now.UTC()
	if c.Day != "" {
		d, err := time.Parse(time.DateOnly, c.Day)
		if err != nil {
			return nil, day, nil, fmt.Errorf("--day: %q is not a day such as 2024-07-26", c.Day)
		}
		day = d
	}
	held, err := (&assessCmd{Data: c.Data}).held()
	if err != nil {
		return nil, day, nil, err
	}
	switch {
	case c.Graph != "":
		b, err := os.ReadFile(c.Graph)
		if err != nil {
			return nil, day, nil, err
		}
		if held.Graph, err = supply.Open(b); err != nil {
			return nil, day, nil, fmt.Errorf("%s: %w", c.Graph, err)
		}
	case held.Graph == nil:
		if held.Graph, err = supply.Embedded(); err != nil {
			return nil, day, nil, err
		}
	}
	return held.Graph, day, held, nil
}

// partyOf finds a party by its id, its name or a reviewed alias.
func partyOf(g *supply.Graph, name string) (supply.Party, error) {
	if p, ok := g.Party(name); ok {
		return p, nil
	}
	if p, ok := g.Find(name); ok {
		return p, nil
	}
	return supply.Party{}, fmt.Errorf("no party of the supply graph %s answers to %q: neither an id, nor a name, nor a reviewed alias", g.Edition(), name)
}

// refdataSupplyShowCmd is `sallyport refdata supply show`.
type refdataSupplyShowCmd struct {
	Party string `arg:"" help:"Id, name or reviewed alias."`
	supplySource
}

// supplyShown is what show prints as JSON.
type supplyShown struct {
	Edition string `json:"edition"`
	supply.Chain
	Holders []supply.Holding  `json:"holders"`
	Below   []supply.Holder   `json:"below"`
	TiedTo  []supply.Evidence `json:"tied_to"`
}

// Run prints who stands behind a party, with the source of every statement.
func (c *refdataSupplyShowCmd) Run(s *streams) error {
	g, day, _, err := c.open(s.now())
	if err != nil {
		return err
	}
	p, err := partyOf(g, c.Party)
	if err != nil {
		return err
	}
	if !c.JSON {
		_, err = io.WriteString(s.out, g.Report(p.ID, day))
		return err
	}
	holders, _ := g.Holders(p.ID, 0, day)
	return printIndented(s.out, supplyShown{g.Edition(), g.Behind(p.ID, day), holders, g.Below(p.ID, day), g.TiedTo(p.ID, day)})
}

// refdataSupplyPathCmd is `sallyport refdata supply path`.
type refdataSupplyPathCmd struct {
	Party   string   `arg:"" help:"Id, name or reviewed alias."`
	Country string   `help:"Country asked about, ISO 3166-1 alpha-2." default:"CN" placeholder:"CODE"`
	Pct     float64  `help:"Threshold of the instrument, in per cent." default:"50" placeholder:"PCT"`
	List    []string `help:"Also ask whether this list, or edition of one, names it or a controller of it." placeholder:"ID"`
	supplySource
}

// supplyAnswers is what path prints as JSON.
type supplyAnswers struct {
	Edition    string                   `json:"edition"`
	Party      string                   `json:"party"`
	Day        string                   `json:"day"`
	Country    string                   `json:"country"`
	Pct        float64                  `json:"pct"`
	Controlled supply.Answer            `json:"controlled_from"`
	Share      supply.Answer            `json:"share_from"`
	Design     supply.Answer            `json:"design_from"`
	Resolved   supply.Answer            `json:"owner_resolved"`
	Listed     map[string]supply.Answer `json:"listed_on,omitempty"`
}

// Run answers the questions that a policy asks, each with its path.
func (c *refdataSupplyPathCmd) Run(s *streams) error {
	if !(c.Pct > 0 && c.Pct <= 100) {
		return fmt.Errorf("--pct: %v is no share: more than 0 and at most 100 per cent", c.Pct)
	}
	country := strings.ToUpper(c.Country)
	if len(country) != 2 {
		return fmt.Errorf("--country: %q is not a code of two letters such as CN", c.Country)
	}
	g, day, _, err := c.open(s.now())
	if err != nil {
		return err
	}
	p, err := partyOf(g, c.Party)
	if err != nil {
		return err
	}
	if c.JSON {
		out := supplyAnswers{
			Edition: g.Edition(), Party: p.ID, Day: day.Format(time.DateOnly), Country: country, Pct: c.Pct,
			Controlled: g.ControlledFrom(p.ID, country, c.Pct, day), Share: g.ShareFrom(p.ID, country, c.Pct, day),
			Design: g.DesignFrom(p.ID, country, day), Resolved: g.OwnerResolved(p.ID, day),
		}
		for _, l := range c.List {
			if out.Listed == nil {
				out.Listed = map[string]supply.Answer{}
			}
			out.Listed[l] = g.ListedOn(p.ID, l, day)
		}
		return printIndented(s.out, out)
	}
	if _, err := io.WriteString(s.out, g.PathReport(p.ID, country, c.Pct, day)); err != nil {
		return err
	}
	for _, l := range c.List {
		if _, err := fmt.Fprintf(s.out, "\nDoes %s name it, or a party that controls it?\n%s", l, g.ListedOn(p.ID, l, day).Report()); err != nil {
			return err
		}
	}
	return nil
}

// refdataSupplyWhatIfCmd is `sallyport refdata supply whatif`.
type refdataSupplyWhatIfCmd struct {
	Edge      string   `help:"Edge to change, by its row id as show prints it, or by the beginning of one: mercedes_benz_group/baic." placeholder:"ID" group:"The change"`
	Add       string   `help:"Edge to add: FROM:KIND:TO, such as telit_cinterion:owned_by:quectel." placeholder:"EDGE" group:"The change"`
	Drop      bool     `help:"Take the edge away." group:"The change"`
	Share     *float64 `help:"Share of the edge, in per cent." placeholder:"PCT" group:"The change"`
	Since     string   `help:"First day of the edge, or its month or year." placeholder:"DAY" group:"The change"`
	Until     string   `help:"First day on which the edge no longer holds." placeholder:"DAY" group:"The change"`
	Owner     string   `help:"Owner, or other far end, of the edge." placeholder:"PARTY" group:"The change"`
	Party     string   `help:"Party that the graph has not: ID:NAME:COUNTRY; the country may be empty." placeholder:"PARTY" group:"The change"`
	Entry     string   `help:"Entry to add to an edition of a list: EDITION=PARTY." placeholder:"ENTRY" group:"The change"`
	DropEntry string   `help:"Entry to take off an edition of a list: EDITION=PARTY." placeholder:"ENTRY" group:"The change"`
	Policy    string   `help:"Rule file (YAML), or the name of a pack; the default is the site's where --data names one, else paper-baseline." placeholder:"FILE"`
	Zone      string   `help:"Zone that vehicles are supposed to go to; the default is the strictest of the site's lanes, else restricted." placeholder:"ZONE"`
	Class     string   `help:"Class of a vehicle where no registration says it." default:"private" placeholder:"CLASS"`
	Market    string   `help:"Market of a vehicle where no registration says it." default:"EU" placeholder:"CODE"`
	Posture   int      `help:"Threat level at which all arrive, as the site counts them; 0 is the normal one." default:"0" placeholder:"LEVEL"`
	All       bool     `help:"Print every subject that would be judged otherwise, not the first of each kind."`
	supplySource
}

// change is the change asked about, in the graph's terms and in words.
func (c *refdataSupplyWhatIfCmd) change(g *supply.Graph) (w supply.WhatIf, words []string, err error) {
	if c.Party != "" {
		f := strings.Split(c.Party, ":")
		if len(f) != 3 || f[0] == "" || f[1] == "" {
			return w, nil, fmt.Errorf("--party: %q is not ID:NAME:COUNTRY", c.Party)
		}
		w.Parties = []supply.Party{{ID: f[0], Name: f[1], Kind: "company", Country: strings.ToUpper(f[2]), Ref: supposed}}
		words = append(words, fmt.Sprintf("there were a company %s", f[1]))
	}
	id := func(name string) (string, error) {
		if len(w.Parties) > 0 && w.Parties[0].ID == name {
			return name, nil
		}
		p, err := partyOf(g, name)
		return p.ID, err
	}
	var e *supply.Edge
	switch {
	case c.Edge != "" && c.Add != "":
		return w, nil, errors.New("either --edge or --add")
	case c.Edge != "":
		found, err := edgeOf(g, c.Edge)
		if err != nil {
			return w, nil, err
		}
		e = &found
		if c.Drop {
			w.DropEdges = []string{e.ID}
			words = append(words, fmt.Sprintf("the row %s were not there: %s", e.ID, edgeWords(*e)))
			e = nil
		}
	case c.Add != "":
		f := strings.Split(c.Add, ":")
		if len(f) != 3 {
			return w, nil, fmt.Errorf("--add: %q is not FROM:KIND:TO", c.Add)
		}
		from, err := id(f[0])
		if err != nil {
			return w, nil, fmt.Errorf("--add: %w", err)
		}
		to, err := id(f[2])
		if err != nil {
			return w, nil, fmt.Errorf("--add: %w", err)
		}
		e = &supply.Edge{ID: "what-if/" + from + "/" + to, From: from, To: to, Kind: supply.Kind(f[1]), Ref: supposed}
		e.Controlling = c.Share == nil && e.Kind == supply.OwnedBy
	case c.Drop || c.Share != nil || c.Since != "" || c.Until != "" || c.Owner != "":
		return w, nil, errors.New("--drop, --share, --since, --until and --owner are about the edge of --edge or --add")
	}
	if e != nil {
		was := edgeWords(*e)
		if c.Share != nil {
			e.Share, e.Controlling = c.Share, false
		}
		e.Since, e.Until = cmp.Or(c.Since, e.Since), cmp.Or(c.Until, e.Until)
		if c.Since != "" {
			e.Seen = false
		}
		if c.Owner != "" {
			if e.To, err = id(c.Owner); err != nil {
				return w, nil, fmt.Errorf("--owner: %w", err)
			}
		}
		w.Edges = []supply.Edge{*e}
		if c.Add != "" {
			words = append(words, "there were a row: "+edgeWords(*e))
		} else if edgeWords(*e) == was {
			return w, nil, fmt.Errorf("the edge %s is that already: %s", e.ID, was)
		} else {
			words = append(words, fmt.Sprintf("the row %s said: %s; it says: %s", e.ID, edgeWords(*e), was))
		}
	}
	entry := func(flag, text string) (supply.EditionEntry, error) {
		ed, name, ok := strings.Cut(text, "=")
		if !ok {
			return supply.EditionEntry{}, fmt.Errorf("%s: %q is not EDITION=PARTY", flag, text)
		}
		p, err := id(name)
		if err != nil {
			return supply.EditionEntry{}, fmt.Errorf("%s: %w", flag, err)
		}
		return supply.EditionEntry{Edition: ed, Entry: supply.Entry{Party: p, Ref: supposed}}, nil
	}
	if c.Entry != "" {
		en, err := entry("--entry", c.Entry)
		if err != nil {
			return w, nil, err
		}
		w.Entries = []supply.EditionEntry{en}
		words = append(words, fmt.Sprintf("%s named %s", en.Edition, en.Party))
	}
	if c.DropEntry != "" {
		en, err := entry("--drop-entry", c.DropEntry)
		if err != nil {
			return w, nil, err
		}
		w.DropEntries = []supply.EditionEntry{en}
		words = append(words, fmt.Sprintf("%s did not name %s", en.Edition, en.Party))
	}
	if words == nil {
		err = errors.New("say what to change: --edge, --add, --entry or --drop-entry")
	}
	return w, words, err
}

// supposed is the source of a row that is only supposed.
var supposed = supply.Ref{Source: "supposed on the command line, no source", Certainty: "secondary"}

// edgeOf finds an edge by its id, or by a beginning that only one has.
func edgeOf(g *supply.Graph, id string) (supply.Edge, error) {
	if e, ok := g.Edge(id); ok {
		return e, nil
	}
	var found []supply.Edge
	for _, e := range g.Edges() {
		if strings.HasPrefix(e.ID, strings.TrimSuffix(id, "/")+"/") {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return supply.Edge{}, fmt.Errorf("no edge %q in the supply graph %s; refdata supply show prints the ids", id, g.Edition())
	case 1:
		return found[0], nil
	}
	var b strings.Builder
	for _, e := range found {
		fmt.Fprintf(&b, "\n  %s: %s", e.ID, edgeWords(e))
	}
	return supply.Edge{}, fmt.Errorf("%d edges begin with %q:%s", len(found), id, b.String())
}

// edgeWords says an edge in short.
func edgeWords(e supply.Edge) string {
	s := fmt.Sprintf("%s %s %s", e.From, strings.ReplaceAll(string(e.Kind), "_", " "), cmp.Or(e.To, e.ToText))
	if e.Share != nil {
		s += fmt.Sprintf(", %v %%", *e.Share)
	} else if e.Controlling {
		s += ", controlling"
	}
	if e.Since != "" {
		s += ", from " + e.Since
	}
	if e.Until != "" {
		s += ", until " + e.Until
	}
	return s
}

// whatIfAnswer is what whatif prints as JSON.
type whatIfAnswer struct {
	Edition string `json:"edition"`
	Policy  string `json:"policy"`
	Day     string `json:"day"`
	If      string `json:"if"`
	gate.WhatIfReport
}

// Run judges makes, catalogue rows and the site's vehicles and passages by the
// graph and by the graph with the change. Nothing is written.
func (c *refdataSupplyWhatIfCmd) Run(ctx context.Context, s *streams) (err error) {
	g, day, held, err := c.open(s.now())
	if err != nil {
		return err
	}
	w, words, err := c.change(g)
	if err != nil {
		return err
	}
	after, err := g.With(w)
	if err != nil {
		return err
	}
	site, err := openBeside(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	p, err := site.policyNamed(ctx, c.Policy, s.now(), held)
	if err != nil {
		return err
	}
	judge, err := site.judgeBy(ctx, s, p, held)
	if err != nil {
		return err
	}
	what := gate.WhatIf{Before: judge, After: after, Market: c.Market, At: day, Zone: policy.ZoneRestricted, Posture: &c.Posture}
	if c.Day == "" {
		what.At = s.now().UTC()
	}
	if c.Posture < 0 {
		return fmt.Errorf("--posture: %d is below the normal level, which is 0", c.Posture)
	}
	if what.Class, err = gate.ParseClass(c.Class); err != nil {
		return fmt.Errorf("--%w", err)
	}
	if c.Zone != "" {
		if what.Zone, err = gate.ParseZone(c.Zone); err != nil {
			return fmt.Errorf("--%w", err)
		}
	} else if c.Data != "" {
		what.Zone = site.strictest()
	}
	vehicles, passages, failed, err := site.whatIf(ctx, &what)
	if err != nil {
		return err
	}
	r, err := what.Run(ctx, vehicles, passages)
	if err = errors.Join(err, failed()); err != nil {
		return err
	}
	if c.JSON {
		return printIndented(s.out, whatIfAnswer{g.Edition(), judge.Policy().ID(), what.At.Format(time.DateOnly), strings.Join(words, "; "), r})
	}
	return c.print(s.out, g, judge.Policy(), what, words, r)
}

// strictest is the most sensitive zone of the site's lanes.
func (k inspectedSite) strictest() policy.Zone {
	zone := policy.ZonePublic
	for _, l := range k.cfg.Lanes {
		if z, err := gate.ParseZone(l.Zone); err == nil && z > zone {
			zone = z
		}
	}
	return zone
}

// whatIf hands out the registered vehicles, as a lane would know them, and the
// past passages of the site; failed says afterwards what could not be read. No
// site has neither.
func (k inspectedSite) whatIf(ctx context.Context, w *gate.WhatIf) (vehicles iter.Seq[gate.Request], passages iter.Seq[gate.WhatIfPast], failed func() error, err error) {
	var bad error
	failed = func() error { return bad }
	if k.store == nil {
		return nil, nil, failed, nil
	}
	list, err := k.store.Registrations(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	inspected := map[string]bool{}
	if err := k.store.EachInspection(ctx, func(in gate.Inspection) error { inspected[in.VIN] = true; return nil }); err != nil {
		return nil, nil, nil, err
	}
	vehicles = func(yield func(gate.Request) bool) {
		for _, reg := range list {
			q := gate.Request{VIN: reg.VIN, Plate: reg.Plate, Class: reg.Class, Market: reg.Market, Inspecting: k.rules}
			if inspected[reg.VIN] {
				var err error
				if q.Inspections, err = k.store.Inspections(ctx, reg.VIN, w.At); err != nil {
					bad = errors.Join(bad, err)
					return
				}
			}
			if !yield(q) {
				return
			}
		}
	}
	enough := errors.New("enough")
	passages = func(yield func(gate.WhatIfPast) bool) {
		err := k.store.EachPast(ctx, func(p gate.WhatIfPast) error {
			if !yield(p) {
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			bad = errors.Join(bad, err)
		}
	}
	kept := map[string]*policy.Policy{}
	w.Policy = func(hash string) *policy.Policy {
		p, known := kept[hash]
		if !known {
			doc, err := k.store.Policy(ctx, hash)
			if err == nil {
				p, err = policy.Load(doc.ID, doc.Source)
			}
			if err != nil && !errors.Is(err, gate.ErrNotFound) {
				bad = errors.Join(bad, err)
			}
			kept[hash] = p
		}
		return p
	}
	return vehicles, passages, failed, nil
}

// firstOfKind is how many subjects of a kind are printed where not all are
// asked for.
const firstOfKind = 20

func (c *refdataSupplyWhatIfCmd) print(out io.Writer, g *supply.Graph, p *policy.Policy, w gate.WhatIf, words []string, r gate.WhatIfReport) error {
	fmt.Fprintf(out, "What if %s?\n", strings.Join(words, "; and "))
	fmt.Fprintf(out, "By the supply graph %s and the policy %s, for arrivals on %s to a %s zone; nothing was changed.\n\n", g.Edition(), p.ID(), w.At.Format(time.DateOnly), w.Zone)
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tjudged\tstricter\tmilder\tother reasons\tnot judged\t")
	kinds := []struct {
		kind, name string
		n          gate.WhatIfCount
	}{{gate.WhatIfMake, "makes", r.Makes}, {gate.WhatIfRow, "catalogue rows", r.Rows}, {gate.WhatIfVehicle, "registered vehicles", r.Vehicles}, {gate.WhatIfPassage, "past passages", r.Passages}}
	for _, k := range kinds {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t\n", k.name, k.n.Judged, k.n.Raised, k.n.Lowered, k.n.Reasons, k.n.Passed)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if c.Data == "" {
		fmt.Fprintln(out, "\nVehicles and passages are those of a site: name its directory by --data.")
	}
	for _, k := range kinds {
		list := slices.Collect(func(yield func(gate.Rejudged) bool) {
			for _, l := range r.List {
				if l.Kind == k.kind && !yield(l) {
					return
				}
			}
		})
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%s\n", strings.ToUpper(k.name[:1])+k.name[1:])
		for i, l := range list {
			if i == firstOfKind && !c.All {
				fmt.Fprintf(out, "  and %d more (--all prints them)\n", len(list)-i)
				break
			}
			about := l.ID
			if l.Vehicle != "" && !strings.EqualFold(l.Vehicle, l.ID) {
				about += " (" + l.Vehicle + ")"
			}
			change := l.Before + " -> " + l.After
			if l.Before == l.After {
				change = "stays " + l.After + ", for another reason"
			}
			if k.kind == gate.WhatIfPassage {
				about += " of " + l.Day
			}
			fmt.Fprintf(out, "  %s: %s\n    was: %s\n    now: %s\n", about, change, l.Was, l.Because)
		}
	}
	return nil
}
