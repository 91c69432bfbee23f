package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/gate/sheet"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
	"sallyport/policy/supply/picture"
)

// refdataBuildListCmd is `sallyport refdata build list`.
type refdataBuildListCmd struct {
	File      string            `arg:"" type:"existingfile" help:"Table to read: .csv or .xlsx."`
	List      string            `required:"" placeholder:"ID" help:"List that the edition belongs to, such as us-1260h." group:"The edition"`
	Title     string            `placeholder:"TEXT" help:"Title of a list that the graph does not hold yet." group:"The edition"`
	Edition   string            `required:"" placeholder:"ID" help:"Id of the edition." group:"The edition"`
	From      string            `required:"" placeholder:"DAY" help:"First day on which it is in force." group:"The edition"`
	Until     string            `placeholder:"DAY" help:"First day on which it no longer is, where that is known." group:"The edition"`
	Source    string            `required:"" placeholder:"ADDRESS" help:"Where the list was published." group:"The edition"`
	Published string            `placeholder:"DAY" help:"Day of the source; the default is the first day." group:"The edition"`
	Certainty string            `default:"official" enum:"official,reviewed,press,secondary" help:"What the source is." group:"The edition"`
	Complete  bool              `help:"The table holds every entry of the edition: who is not in it is not listed." group:"The edition"`
	Withdrawn bool              `help:"The edition was posted and withdrawn: it is kept and never in force." group:"The edition"`
	Format    string            `enum:",opensanctions,csv,xlsx" default:"" help:"opensanctions (targets.simple.csv), csv or xlsx; the default goes by the header and the name." group:"The table"`
	Column    map[string]string `placeholder:"FIELD=HEADER" help:"Column of a field: id, name, aliases, countries, schema, from, until, source, quote, date, certainty, note." group:"The table"`
	Split     string            `placeholder:"TEXT" help:"What stands between several values in a cell; the default is a semicolon." group:"The table"`
	Delimiter string            `default:"," help:"What stands between cells of a .csv file; tab is \\t." group:"The table"`
	Sheet     string            `placeholder:"NAME" help:"Sheet of a .xlsx file; the default is the first." group:"The table"`
	Where     map[string]string `placeholder:"HEADER=VALUE" help:"Only rows with this value in this column." group:"The table"`
	Remarks   bool              `help:"What stands in brackets at the end of a name is another name of it." group:"The table"`
	Named     bool              `help:"Keep only entries that name a party of the graph." group:"The table"`
	GoodRows  bool              `help:"Take the good rows where others are bad; the default is to take nothing." group:"The table"`
	Reviewed  string            `type:"existingfile" placeholder:"FILE" help:"Decisions that people signed off, in the form of --proposals." group:"Names and parties"`
	Proposals string            `type:"path" placeholder:"FILE" help:"Write what merely looks alike, for a person to decide; nobody is listed by it." group:"Names and parties"`
	Graph     string            `type:"existingfile" placeholder:"FILE" help:"Supply graph that the edition is added to; the default is the program's own."`
	Out       string            `required:"" type:"path" placeholder:"FILE" help:"Supply graph to write, with the edition in it."`
}

// Run reads the table and adds the edition to the graph. Both files appear
// whole or not at all, the graph last.
func (c *refdataBuildListCmd) Run(s *streams) error {
	src := supplySource{Graph: c.Graph}
	g, today, _, err := src.open(s.now())
	if err != nil {
		return err
	}
	matcher, err := c.matcher(g)
	if err != nil {
		return err
	}
	cols, err := c.columns()
	if err != nil {
		return err
	}
	got, err := c.read(cols, supply.ImportOptions{
		List: c.List, Where: c.Where, GoodRows: c.GoodRows, Remarks: c.Remarks, Named: c.Named, MatchWith: matcher,
		Edition: supply.Edition{ID: c.Edition, From: c.From, Until: c.Until, Complete: c.Complete, Withdrawn: c.Withdrawn,
			Ref: supply.Ref{Source: c.Source, Date: cmp.Or(c.Published, c.From), Certainty: c.Certainty}},
	})
	for _, e := range got.Errors {
		fmt.Fprintf(s.err, "%s: %v\n", c.File, e)
	}
	if more := got.Bad - len(got.Errors); more > 0 {
		fmt.Fprintf(s.err, "%s: and %d more bad rows\n", c.File, more)
	}
	if errors.Is(err, supply.ErrRows) {
		return fmt.Errorf("%s: %d of %d rows are bad and nothing was taken; --good-rows takes the others", c.File, got.Bad, got.Rows)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	with, err := g.WithLists(supply.List{ID: c.List, Title: c.Title, Editions: []supply.Edition{got.Edition}})
	if err != nil {
		return err
	}
	data, err := with.Stored(today)
	if err != nil {
		return err
	}
	if c.Proposals != "" {
		var b bytes.Buffer
		if err := supply.WriteReviews(&b, got.Proposals); err != nil {
			return err
		}
		if err := replaceFile(c.Proposals, b.Bytes()); err != nil {
			return fmt.Errorf("writing %s: %w", c.Proposals, err)
		}
	}
	if err := replaceFile(c.Out, data); err != nil {
		return fmt.Errorf("writing %s: %w", c.Out, err)
	}
	return c.say(s.out, &got)
}

func (c *refdataBuildListCmd) say(out io.Writer, got *supply.Imported) error {
	var b strings.Builder
	fmt.Fprintf(&b, "edition %s of list %s: %d entries from %d rows (%d passed over, %d bad), %d name a party\n", c.Edition, c.List, len(got.Edition.Entries), got.Rows, got.Passed, got.Bad, got.Matched)
	for _, e := range got.Edition.Entries {
		if e.Party != "" {
			fmt.Fprintf(&b, "  %s = %s (%s)\n", e.Name, e.Party, e.Match)
		}
	}
	for _, r := range got.Stale {
		fmt.Fprintf(&b, "  the decision of %s on %q no longer counts: the entry or the party reads otherwise now\n", r.By, r.Name)
	}
	if n := len(got.Proposals) + got.MoreProposals; n > 0 {
		fmt.Fprintf(&b, "%d names look like a party's; none of them is listed by that.", n)
		if c.Proposals != "" {
			fmt.Fprintf(&b, " %d stand in %s for a person to decide.", len(got.Proposals), c.Proposals)
		} else {
			b.WriteString(" --proposals writes them down for a person to decide.")
		}
		b.WriteByte('\n')
	}
	if c.Withdrawn {
		b.WriteString("It was posted and withdrawn: it is kept and is in force on no day.\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (c *refdataBuildListCmd) matcher(g *supply.Graph) (*supply.Matcher, error) {
	if c.Reviewed == "" {
		return supply.NewMatcher(g, nil)
	}
	b, err := os.ReadFile(c.Reviewed)
	if err != nil {
		return nil, err
	}
	reviews, err := supply.ReadReviews(bytes.NewReader(b), c.Reviewed)
	if err != nil {
		return nil, err
	}
	m, err := supply.NewMatcher(g, reviews)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Reviewed, err)
	}
	return m, nil
}

func (c *refdataBuildListCmd) columns() (supply.Columns, error) {
	cols := supply.Columns{Split: c.Split}
	fields := map[string]*string{
		"id": &cols.ID, "name": &cols.Name, "aliases": &cols.Also, "countries": &cols.Countries, "schema": &cols.Schema, "from": &cols.From,
		"until": &cols.Until, "source": &cols.Source, "quote": &cols.Quote, "date": &cols.Date, "certainty": &cols.Certainty, "note": &cols.Note,
	}
	for field, header := range c.Column {
		to, ok := fields[field]
		if !ok {
			return cols, fmt.Errorf("--column: no field %q; there are id, name, aliases, countries, schema, from, until, source, quote, date, certainty, note", field)
		}
		*to = header
	}
	return cols, nil
}

// read imports the table by its format.
func (c *refdataBuildListCmd) read(cols supply.Columns, o supply.ImportOptions) (_ supply.Imported, err error) {
	f, err := os.Open(c.File)
	if err != nil {
		return supply.Imported{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return supply.Imported{}, err
	}
	format := c.Format
	if format == "" {
		format = strings.TrimPrefix(strings.ToLower(filepath.Ext(c.File)), ".")
		if strings.HasSuffix(strings.ToLower(c.File), "targets.simple.csv") {
			format = "opensanctions"
		}
	}
	switch format {
	case "opensanctions":
		if len(c.Column) > 0 {
			return supply.Imported{}, errors.New("--column: the columns of OpenSanctions are known")
		}
		return supply.ImportOpenSanctions(f, o)
	case "xlsx":
		return supply.ImportRows(sheet.Rows(f, info.Size(), c.Sheet), cols, o)
	case "csv":
		comma := []rune(strings.ReplaceAll(c.Delimiter, `\t`, "\t"))
		if len(comma) != 1 {
			return supply.Imported{}, fmt.Errorf("--delimiter: %q is not one character", c.Delimiter)
		}
		return supply.ImportCSV(f, comma[0], cols, o)
	}
	return supply.Imported{}, fmt.Errorf("%s is neither .csv nor .xlsx: say --format", c.File)
}

// refdataSupplyDiffCmd is `sallyport refdata supply diff`.
type refdataSupplyDiffCmd struct {
	List  string `required:"" placeholder:"ID" help:"List, such as us-1260h."`
	From  string `required:"" placeholder:"DAY" help:"Day on which the older edition is in force."`
	To    string `placeholder:"DAY" help:"Day on which the newer one is; the default is today."`
	Past  int    `default:"90" placeholder:"DAYS" help:"Visitors are the vehicles that passed within so many days and are not registered."`
	All   bool   `help:"Print every party and vehicle, not the first of each kind."`
	Graph string `type:"existingfile" placeholder:"FILE" help:"Supply graph; the default is the site's where --data names one, else the program's own."`
	Data  string `type:"existingdir" placeholder:"DIR" help:"Data directory of a site, running or stopped: say which of its vehicles are touched."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// supplyDiff is what diff prints as JSON.
type supplyDiff struct {
	Edition string `json:"edition"`
	On      string `json:"on"` // second day
	supply.Changes
	Turned   []supply.Turn    `json:"turned"`
	Vehicles []supply.Touched `json:"vehicles"` // "by" points into turned
	Judged   int              `json:"judged"`   // vehicles of the site looked at
}

// Run compares the editions in force on two days, and says which parties, and
// which vehicles of the site, the difference touches.
func (c *refdataSupplyDiffCmd) Run(ctx context.Context, s *streams) (err error) {
	src := supplySource{Graph: c.Graph, Data: c.Data, Day: c.To}
	g, to, held, err := src.open(s.now())
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	from, err := time.Parse(time.DateOnly, c.From)
	if err != nil {
		return fmt.Errorf("--from: %q is not a day such as 2025-01-07", c.From)
	}
	out := supplyDiff{Edition: g.Edition(), On: to.Format(time.DateOnly)}
	if out.Changes, err = g.DiffOn(c.List, from, to); err != nil {
		return err
	}
	out.Turned = g.Turns(c.List, from, to)
	if c.Data != "" {
		if err := c.touched(ctx, s, held, &out); err != nil {
			return err
		}
	}
	if c.JSON {
		return printIndented(s.out, out)
	}
	_, err = io.WriteString(s.out, c.text(&out))
	return err
}

// touched adds the site's vehicles that the difference touches.
func (c *refdataSupplyDiffCmd) touched(ctx context.Context, s *streams, held *refdata.Data, out *supplyDiff) (err error) {
	site, err := openBeside(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	judge, err := site.judge(ctx, s, pack.PaperBaseline, held)
	if err != nil {
		return err
	}
	for v, err := range supply.Touch(out.Turned, site.vehicles(ctx, judge, s.now().UTC(), c.Past, &out.Judged)) {
		if err != nil {
			return err
		}
		out.Vehicles = append(out.Vehicles, v)
	}
	return nil
}

// vehicles are those that the site knows, with the parties that a verdict on
// them asks about: first the registered ones, by their class, then those that
// passed within so many days and are not registered.
func (k inspectedSite) vehicles(ctx context.Context, judge *gate.Judge, at time.Time, days int, judged *int) iter.Seq2[supply.Vehicle, error] {
	return func(yield func(supply.Vehicle, error) bool) {
		w := gate.WhatIf{At: at}
		registered, passages, failed, err := k.whatIf(ctx, &w)
		if err != nil {
			yield(supply.Vehicle{}, err)
			return
		}
		known := map[string]bool{}
		for q := range registered {
			if err := ctx.Err(); err != nil {
				yield(supply.Vehicle{}, err)
				return
			}
			q.At, q.Zone = at, policy.ZoneRestricted
			a := judge.Assess(q)
			known[q.VIN], known[q.Plate] = true, true
			*judged++
			if !yield(supply.Vehicle{ID: cmp.Or(q.VIN, q.Plate), Group: "registered, " + string(q.Class), Roles: rolesOf(&a.Facts)}, nil) {
				return
			}
		}
		last := map[string]supply.Vehicle{} // of each visitor, its last passage
		var order []string
		for p := range passages {
			id := cmp.Or(p.Result.VIN, p.Result.Plate)
			if id == "" || known[p.Result.VIN] && p.Result.VIN != "" || known[p.Result.Plate] && p.Result.Plate != "" || p.At.Before(at.AddDate(0, 0, -days)) {
				continue
			}
			if _, again := last[id]; !again {
				order = append(order, id)
			}
			last[id] = supply.Vehicle{ID: id, Group: "visitor, last passed " + p.At.Format(time.DateOnly), Roles: rolesOf(&p.Result.Facts)}
		}
		for _, id := range order {
			*judged++
			if !yield(last[id], nil) {
				return
			}
		}
		if err := failed(); err != nil {
			yield(supply.Vehicle{}, err)
		}
	}
}

// rolesOf are the parties of a vehicle's facts.
func rolesOf(f *policy.Facts) []supply.Role {
	var out []supply.Role
	if m := f.Vehicle.Maker; m.Known {
		out = append(out, supply.Role{Party: string(m.Value), As: "maker of the vehicle"})
	}
	for i := range f.Units {
		u := &f.Units[i]
		for k := range u.Candidates {
			c := &u.Candidates[k]
			as := fmt.Sprintf("maker of a module that may be in the %s (%s)", cmp.Or(u.Name, u.Role), c.Certainty)
			if len(u.Candidates) == 1 {
				as = fmt.Sprintf("maker of the module in the %s (%s)", cmp.Or(u.Name, u.Role), c.Certainty)
			}
			if c.Maker.Known {
				out = append(out, supply.Role{Party: string(c.Maker.Value), As: as})
			}
			if c.Updater.Known {
				out = append(out, supply.Role{Party: string(c.Updater.Value), As: fmt.Sprintf("who can update the %s", cmp.Or(u.Name, u.Role))})
			}
		}
	}
	if m := f.Radio.HeardMaker; m.Known {
		out = append(out, supply.Role{Party: string(m.Value), As: "maker heard by radio"})
	}
	return out
}

// text says a comparison for a person.
func (c *refdataSupplyDiffCmd) text(d *supplyDiff) string {
	var b strings.Builder
	edition := func(e supply.EditionRef) string {
		held := "held whole"
		if !e.Complete {
			held = "held in part"
		}
		return fmt.Sprintf("%s, in force from %s, %s (%d entries): %s", e.ID, e.From, held, e.Held, e.Source)
	}
	if d.OneOnly {
		fmt.Fprintf(&b, "%s\n  one edition is in force on %s and on %s: %s\n", d.Title, c.From, d.On, edition(d.To))
	} else {
		fmt.Fprintf(&b, "%s\n  older: %s\n  newer: %s\n", d.Title, edition(d.From), edition(d.To))
	}
	for _, e := range d.Between {
		switch e.State {
		case supply.EditionWithdrawn:
			fmt.Fprintf(&b, "  between: %s, posted on %s and withdrawn, was never in force and counts for nothing: %s\n", e.ID, e.From, e.Source)
		default:
			fmt.Fprintf(&b, "  between: %s, from %s: %s\n", e.ID, e.From, e.Source)
		}
	}
	fmt.Fprintf(&b, "By the supply graph %s.\n", d.Edition)
	group := func(title string, list []supply.Difference, line func(*supply.Difference) string) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s (%d)\n", title, len(list))
		for i := range list {
			if i == firstOfKind && !c.All {
				fmt.Fprintf(&b, "  and %d more (--all prints them)\n", len(list)-i)
				break
			}
			fmt.Fprintf(&b, "  %s\n", line(&list[i]))
		}
	}
	party := func(x *supply.Difference) string {
		if x.Party == "" {
			return ""
		}
		return " = " + x.Party
	}
	plain := func(x *supply.Difference) string { return x.Name + party(x) }
	group("Added", d.Added, func(x *supply.Difference) string {
		if d.OneOnly {
			return plain(x) + ", from " + x.On
		}
		if x.Proof != nil {
			return fmt.Sprintf("%s%s; that it was not on the older one: %s", x.Name, party(x), x.Proof.Source)
		}
		if x.On != "" && x.Entry.From == "" {
			return plain(x) + ", which had ended on " + x.On
		}
		return plain(x)
	})
	ended := "Ended between the two days, while an edition was in force"
	if d.OneOnly {
		ended = "Ended between the two days"
	}
	group(ended, d.Ended, func(x *supply.Difference) string { return plain(x) + ", on " + x.On })
	group("Removed", d.Removed, plain)
	group("Written otherwise", d.Renamed, func(x *supply.Difference) string { return fmt.Sprintf("%s%s, was %s", x.Name, party(x), x.Was) })
	group("Matched to another party, or for the first time", d.Matched, func(x *supply.Difference) string {
		return fmt.Sprintf("%s%s, was %s", x.Name, party(x), cmp.Or(x.WasParty, "nobody"))
	})
	group("On the newer one; whether the older one named them is not known, because it is held in part", d.OnlyNewer, plain)
	group("On the older one; whether the newer one names them is not known, because it is held in part", d.OnlyOlder, plain)
	if d.OneOnly {
		fmt.Fprintf(&b, "\nNamed on both days: %d.\n", d.Same)
	} else {
		fmt.Fprintf(&b, "\nThe same on both: %d.\n", d.Same)
	}
	fmt.Fprintf(&b, "\nParties of which the list says another thing now, by themselves or through an owner (%d)\n", len(d.Turned))
	for i, t := range d.Turned {
		if i == firstOfKind && !c.All {
			fmt.Fprintf(&b, "  and %d more (--all prints them)\n", len(d.Turned)-i)
			break
		}
		fmt.Fprintf(&b, "  %s: now %s, was %s\n    %s\n", t.Name, said(t.Now.Value), said(t.Was.Value), t.Now.Because)
		if n := len(t.Now.Path); n > 0 {
			fmt.Fprintf(&b, "    %s\n", strings.TrimSuffix(t.Now.Path[n-1].Source+", "+t.Now.Path[n-1].Date, ", "))
		}
	}
	if c.Data == "" {
		b.WriteString("\nVehicles are those of a site: name its directory by --data.\n")
		return b.String()
	}
	named := func(v supply.Touched) bool {
		return slices.ContainsFunc(v.By, func(k int) bool { return d.Turned[k].Now.Value == supply.True })
	}
	vehicles := slices.Clone(d.Vehicles)
	slices.SortStableFunc(vehicles, func(a, b supply.Touched) int {
		switch {
		case named(a) == named(b):
			return 0
		case named(a):
			return -1
		}
		return 1
	})
	n := 0
	for n < len(vehicles) && named(vehicles[n]) {
		n++
	}
	fmt.Fprintf(&b, "\nVehicles of the site that this touches: %d of %d; in %d of them a party is named now\n", len(vehicles), d.Judged, n)
	for i, v := range vehicles {
		if i == firstOfKind && !c.All {
			fmt.Fprintf(&b, "  and %d more (--all prints them)\n", len(d.Vehicles)-i)
			break
		}
		fmt.Fprintf(&b, "  %s (%s)\n", v.ID, v.Group)
		for _, k := range v.By {
			t := &d.Turned[k]
			for _, r := range v.Roles {
				if r.Party == t.Party {
					fmt.Fprintf(&b, "    %s, %s: now %s, was %s\n", t.Name, r.As, said(t.Now.Value), said(t.Was.Value))
				}
			}
		}
	}
	return b.String()
}

func said(v supply.Value) string {
	switch v {
	case supply.True:
		return "named"
	case supply.False:
		return "not named"
	}
	return "not known"
}

// refdataSupplyDrawCmd is `sallyport refdata supply draw`.
type refdataSupplyDrawCmd struct {
	Party string `arg:"" help:"Id, name or reviewed alias."`
	Out   string `required:"" type:"path" placeholder:"FILE.svg" help:"Picture to write."`
	Table string `type:"path" placeholder:"FILE.md" help:"Write the table to this file; the default is to print it."`
	supplySource
}

// Run draws who stands behind a party, and says the same as a table.
func (c *refdataSupplyDrawCmd) Run(s *streams) error {
	g, day, _, err := c.open(s.now())
	if err != nil {
		return err
	}
	p, err := partyOf(g, c.Party)
	if err != nil {
		return err
	}
	chain, err := picture.Gather(g, p.ID, day)
	if err != nil {
		return err
	}
	svg, err := picture.Draw(chain)
	if err != nil {
		return err
	}
	if err := replaceFile(c.Out, svg); err != nil {
		return fmt.Errorf("writing %s: %w", c.Out, err)
	}
	switch {
	case c.Table != "":
		if err := replaceFile(c.Table, []byte(chain.Markdown())); err != nil {
			return fmt.Errorf("writing %s: %w", c.Table, err)
		}
		return nil
	case c.JSON:
		return printIndented(s.out, chain)
	}
	_, err = io.WriteString(s.out, chain.Markdown())
	return err
}

// refdataSupplyTrustedCmd is `sallyport refdata supply trusted`.
type refdataSupplyTrustedCmd struct {
	Party string `arg:"" help:"Id, name or reviewed alias."`
	By    string `required:"" placeholder:"LIST" help:"List of trusted suppliers, by its id or its authority."`
	supplySource
}

// Run says whether an authority calls a party trusted, until when, and which
// published faults of its products are known.
func (c *refdataSupplyTrustedCmd) Run(s *streams) error {
	g, day, _, err := c.open(s.now())
	if err != nil {
		return err
	}
	p, err := partyOf(g, c.Party)
	if err != nil {
		return err
	}
	a := g.TrustedBy(p.ID, c.By, day)
	if c.JSON {
		return printIndented(s.out, a)
	}
	var b strings.Builder
	b.WriteString(a.Report())
	if len(a.Known) > 0 {
		b.WriteString("\nPublished faults; trusted is not free of faults\n")
		for _, k := range a.Known {
			fmt.Fprintf(&b, "  %s\n    %s, %s: “%s”\n", k.Text, k.Source, k.Date, k.Quote)
		}
	}
	_, err = io.WriteString(s.out, b.String())
	return err
}
