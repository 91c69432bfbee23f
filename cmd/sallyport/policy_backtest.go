package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/rf"
)

// policyBacktestCmd is `sallyport policy backtest`.
type policyBacktestCmd struct {
	Draft string `arg:"" help:"What to try: a rule file (YAML), the name of a pack, or the number of a version of the site's rules."`
	Data  string `help:"Data directory of a site, running or stopped." type:"existingdir" placeholder:"DIR"`

	Days     int    `help:"How many whole days back, beside today." default:"30" group:"What is decided again: the site's passages, unless requests or the fleet are asked for"`
	From     string `help:"First day, in place of --days." placeholder:"DAY" group:"What is decided again: the site's passages, unless requests or the fleet are asked for"`
	Until    string `help:"Last day; the default is today." placeholder:"DAY" group:"What is decided again: the site's passages, unless requests or the fleet are asked for"`
	Requests string `help:"File of requests as assess reads them, one JSON object a line; - is standard input." placeholder:"FILE" group:"What is decided again: the site's passages, unless requests or the fleet are asked for"`
	Fleet    bool   `help:"The vehicles on the site's list." group:"What is decided again: the site's passages, unless requests or the fleet are asked for"`

	On      string `help:"Suppose that all arrived at noon of this day: the rules in force then decide. For rules that begin later." placeholder:"DAY"`
	Against string `help:"Requests and fleet: the policy that decides before; the default is the one in force at the site, else paper-baseline." placeholder:"FILE"`
	Zone    string `help:"Fleet: zone that the vehicles go to; the default is the strictest of the site's lanes." placeholder:"ZONE"`
	Class   string `help:"Fleet: class where the list does not say it." default:"private" placeholder:"CLASS"`
	Market  string `help:"Fleet: market where the list does not say it." default:"EU" placeholder:"CODE"`
	Posture string `help:"Requests and fleet: threat level of the site, by its name, or its number from 0; the default is the one that held at the site at the instant of each." placeholder:"LEVEL"`

	Vehicles bool   `help:"Name vehicles by VIN and plate. Without it the report names passages by their ids, and no vehicle."`
	Examples int    `help:"How many are named for each kind of change." default:"5"`
	Chart    string `help:"Write a chart for print, which must not exist yet." placeholder:"FILE.svg"`
	CSV      string `name:"csv" help:"Write every change as a row, to a file which must not exist yet." placeholder:"FILE.csv"`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Run decides again what was decided and prints what would change. Nothing is
// recorded. Stopped, it prints what was done so far, says so, and the exit code
// is 1.
func (c *policyBacktestCmd) Run(ctx context.Context, s *streams) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	held, err := (&assessCmd{Data: c.Data}).held()
	if err != nil {
		return err
	}
	site, err := openBeside(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	before, err := site.policyNamed(ctx, c.Against, s.now(), held)
	if err != nil {
		return err
	}
	b := gate.Backtest{Named: c.Vehicles, Examples: c.Examples, Zone: time.UTC}
	if b.Draft, err = site.policyNamed(ctx, c.Draft, s.now(), held); err != nil {
		return err
	}
	if b.Judge, err = site.judgeBy(ctx, s, before, held); err != nil {
		return err
	}
	if c.On != "" {
		day, err := dayOf("--on", c.On)
		if err != nil {
			return err
		}
		b.On = day.Add(12 * time.Hour)
	}
	list, err := c.list(&b)
	if err != nil {
		return err
	}
	r, stopped := c.run(ctx, s, b, site, held)
	if r == nil {
		return errors.Join(stopped, list(false))
	}
	if err := list(stopped == nil); err != nil {
		return err
	}
	if c.Chart != "" {
		if err := writeNew(c.Chart, r.Chart(), 0o644); err != nil {
			return err
		}
	}
	if c.JSON {
		err = printIndented(s.out, r)
	} else {
		err = c.print(s.out, r)
	}
	switch {
	case err != nil:
		return err
	case errors.Is(stopped, context.Canceled):
		fmt.Fprintf(s.err, "sallyport: stopped; the report is of the first %d %s\n", r.Judged+r.Erased+r.Unreadable, r.Of)
		return exitError(1)
	case stopped != nil:
		return fmt.Errorf("the report is of the first %d %s only: %w", r.Judged+r.Erased+r.Unreadable, r.Of, stopped)
	case r.Unreadable > 0:
		return fmt.Errorf("%d records cannot be read, the first: %s", r.Unreadable, r.Unread[0])
	}
	return nil
}

func (c *policyBacktestCmd) check() error {
	switch {
	case c.Requests != "" && c.Fleet:
		return errors.New("either --requests or --fleet")
	case c.Requests == "" && c.Data == "":
		return errors.New("name the site by --data, or requests by --requests")
	case c.Days < 0 || c.Days > 36500:
		return fmt.Errorf("--days: %d is no number of days from 0 to 36500", c.Days)
	case c.Examples < 1:
		return fmt.Errorf("--examples: %d is less than 1", c.Examples)
	}
	return nil
}

func dayOf(flag, day string) (time.Time, error) {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return d, fmt.Errorf("%s: %q is not a day such as 2026-07-26", flag, day)
	}
	return d, nil
}

// period is the time of the passages asked for, [from, until).
func (c *policyBacktestCmd) period(now time.Time) (from, until time.Time, err error) {
	today := now.UTC().Truncate(24 * time.Hour)
	from, until = today.AddDate(0, 0, -c.Days), today
	if c.From != "" {
		if from, err = dayOf("--from", c.From); err != nil {
			return from, until, err
		}
	}
	if c.Until != "" {
		if until, err = dayOf("--until", c.Until); err != nil {
			return from, until, err
		}
	}
	if until.Before(from) {
		err = fmt.Errorf("--until: %s is before %s", until.Format(time.DateOnly), from.Format(time.DateOnly))
	}
	return from, until.AddDate(0, 0, 1), err
}

// policyNamed finds a policy: a version of the site's by its number, a pack by its
// name, or a rule file. No name is the policy in force at the site, and without
// a site paper-baseline.
func (k inspectedSite) policyNamed(ctx context.Context, name string, now time.Time, held *refdata.Data) (*policy.Policy, error) {
	number, isNumber := 0, false
	if n, err := strconv.Atoi(name); err == nil {
		number, isNumber = n, true
	}
	switch {
	case isNumber && k.store == nil:
		return nil, fmt.Errorf("version %d is one of a site: name it by --data", number)
	case name == "" && k.store != nil:
		versions, err := k.store.PolicyVersions(ctx)
		if err != nil {
			return nil, err
		}
		if v, ok := gate.InForce(versions, asOf(now, versions)); ok {
			number, isNumber = v.Number, true
		} else if name = k.cfg.Policy; held.Packs[name].Policy == nil && !isPack(name) {
			name = filepath.Join(k.dir, name)
		}
	}
	if !isNumber {
		p, _, err := openPolicy(cmp.Or(name, pack.PaperBaseline), held)
		return p, err
	}
	v, err := versionOf(ctx, k.store, number)
	if err != nil {
		return nil, err
	}
	return policy.Load(fmt.Sprintf("version %d", number), []byte(v.Source))
}

// judgeBy is the Judge by a policy with the site's own index and with what its
// inspections say of kinds of vehicles.
func (k inspectedSite) judgeBy(ctx context.Context, s *streams, p *policy.Policy, held *refdata.Data) (*gate.Judge, error) {
	index := k.cfg.VPIC
	if index != "" {
		index = filepath.Join(k.dir, index)
	}
	j, err := assessorFor(p, index, held)
	if err != nil {
		return nil, err
	}
	return k.learnt(ctx, j, func(err error) { fmt.Fprintln(s.err, "sallyport:", err) }, held.Findings...)
}

// run decides again what was asked for. A nil report says that it did not begin.
func (c *policyBacktestCmd) run(ctx context.Context, s *streams, b gate.Backtest, site inspectedSite, held *refdata.Data) (*gate.BacktestReport, error) {
	switch {
	case c.Requests != "":
		subjects, end, err := c.requests(ctx, s, site, held)
		if err != nil {
			return nil, err
		}
		b.Progress = progressOf(s, "requests", 0)
		r, err := b.Requests(ctx, gate.SubjectRequests, subjects)
		return r, errors.Join(err, end())
	case c.Fleet:
		subjects, n, err := c.fleet(ctx, s, site, b.On)
		if err != nil {
			return nil, err
		}
		b.Progress = progressOf(s, "vehicles", n)
		return b.Requests(ctx, gate.SubjectVehicles, subjects)
	}
	from, until, err := c.period(s.now())
	if err != nil {
		return nil, err
	}
	n, err := site.store.CountRecords(ctx, from, until)
	if err != nil {
		return nil, err
	}
	b.Progress = progressOf(s, "passages", n)
	return b.Passages(ctx, site.store, from, until)
}

// progressEvery is the time between two words of progress.
const progressEvery = 2 * time.Second

// progressOf says on the side how far it is, no more often than every two
// seconds; no total is one that is not known.
func progressOf(s *streams, of string, total int) func(int) {
	began := s.now()
	last := began
	return func(done int) {
		now := s.now()
		if now.Sub(last) < progressEvery {
			return
		}
		last = now
		if total > 0 {
			fmt.Fprintf(s.err, "sallyport: %d of %d %s (%d %%), %s\n", done, total, of, 100*done/total, now.Sub(began).Round(time.Second))
			return
		}
		fmt.Fprintf(s.err, "sallyport: %d %s, %s\n", done, of, now.Sub(began).Round(time.Second))
	}
}

// requests reads a file of requests, with what the site has recorded of each
// vehicle. A line that holds none ends the reading with its number.
func (c *policyBacktestCmd) requests(ctx context.Context, s *streams, site inspectedSite, held *refdata.Data) (iter.Seq2[gate.BacktestSubject, error], func() error, error) {
	prefixes, err := prefixesOf(held)
	if err != nil {
		return nil, nil, err
	}
	posture, err := site.posture(ctx, c.Posture)
	if err != nil {
		return nil, nil, err
	}
	in, end := s.in, func() error { return nil }
	if c.Requests != "-" {
		f, err := os.Open(c.Requests)
		if err != nil {
			return nil, nil, err
		}
		in, end = f, f.Close
	}
	read := func(line []byte, long bool) (gate.Request, error) {
		if long {
			return gate.Request{}, fmt.Errorf("longer than %d bytes", maxRequestLine)
		}
		req, err := gate.ParseAssessRequest(line)
		if err != nil {
			return gate.Request{}, err
		}
		q, err := req.Request(s.now(), func(obs []rf.Observation) *rf.Finding { return rf.HearOnce(obs, prefixes) })
		q.Posture = posture(q.At)
		if err != nil || site.store == nil {
			return q, err
		}
		q.Inspecting = site.rules
		q.Inspections, err = site.store.Inspections(ctx, gate.NormalVIN(q.VIN), q.At)
		return q, err
	}
	return func(yield func(gate.BacktestSubject, error) bool) {
		r := bufio.NewReaderSize(in, 64<<10)
		for n := 1; ; n++ {
			line, long, err := readLine(r, maxRequestLine)
			last := errors.Is(err, io.EOF)
			if err != nil && !last {
				yield(gate.BacktestSubject{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if long || len(bytes.TrimSpace(line)) > 0 {
				q, err := read(line, long)
				if err != nil {
					err = fmt.Errorf("line %d: %w", n, err)
				}
				if !yield(gate.BacktestSubject{ID: fmt.Sprintf("line %d", n), Request: q}, err) {
					return
				}
			}
			if last {
				return
			}
		}
	}, end, nil
}

// fleet is the vehicles of the site's list, each as a lane would know it, and
// how many they are.
func (c *policyBacktestCmd) fleet(ctx context.Context, s *streams, site inspectedSite, on time.Time) (iter.Seq2[gate.BacktestSubject, error], int, error) {
	at := s.now().UTC()
	if !on.IsZero() {
		at = on
	}
	zone := site.strictest()
	var class policy.Class
	var err error
	if c.Zone != "" {
		if zone, err = gate.ParseZone(c.Zone); err != nil {
			return nil, 0, fmt.Errorf("--%w", err)
		}
	}
	if class, err = gate.ParseClass(c.Class); err != nil {
		return nil, 0, fmt.Errorf("--%w", err)
	}
	posture, err := site.posture(ctx, c.Posture)
	if err != nil {
		return nil, 0, err
	}
	list, err := site.store.Registrations(ctx)
	if err != nil {
		return nil, 0, err
	}
	inspected := map[string]bool{}
	if err := site.store.EachInspection(ctx, func(in gate.Inspection) error { inspected[in.VIN] = true; return nil }); err != nil {
		return nil, 0, err
	}
	return func(yield func(gate.BacktestSubject, error) bool) {
		for i, reg := range list {
			q := gate.Request{
				VIN: reg.VIN, Plate: reg.Plate, Class: cmp.Or(reg.Class, class), Market: cmp.Or(reg.Market, c.Market), Zone: zone, At: at,
				Posture: posture(at), Inspecting: site.rules,
			}
			var err error
			if inspected[reg.VIN] {
				q.Inspections, err = site.store.Inspections(ctx, reg.VIN, at)
			}
			if !yield(gate.BacktestSubject{ID: fmt.Sprintf("vehicle %d of the list", i+1), Request: q}, err) {
				return
			}
		}
	}, len(list), nil
}

// changeHeader names the columns of the list of changes.
var changeHeader = []string{"id", "at", "lane", "zone", "class", "make", "vehicle", "vin", "plate", "before", "after", "rule_before", "rule_after", "was", "because", "unrecorded"}

// list has every change written to the file asked for; the function that it
// returns ends the file, and says in it when it does not hold all.
func (c *policyBacktestCmd) list(b *gate.Backtest) (end func(whole bool) error, err error) {
	if c.CSV == "" {
		return func(bool) error { return nil }, nil
	}
	f, err := os.OpenFile(c.CSV, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	w := csv.NewWriter(f)
	if err := w.Write(changeHeader); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	b.Changed = func(k gate.BacktestChange) error {
		cells := []string{
			k.ID, k.At.UTC().Format(time.RFC3339Nano), string(k.Lane), k.Zone, k.Class, k.Make, k.Vehicle, k.VIN, k.Plate,
			k.Before, k.After, k.RuleBefore, k.RuleAfter, k.Was, k.Because, strconv.Itoa(k.Unrecorded),
		}
		for i := range cells {
			cells[i] = plainCell(cells[i])
		}
		return w.Write(cells)
	}
	return func(whole bool) error {
		if !whole {
			_ = w.Write([]string{"stopped: these are the first changes only"}) // Error gives it
		}
		w.Flush()
		return errors.Join(w.Error(), f.Sync(), f.Close())
	}, nil
}

// plainCell keeps a spreadsheet from taking words from outside, such as a make
// in the papers, for a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// print writes the report for a person.
func (c *policyBacktestCmd) print(out io.Writer, r *gate.BacktestReport) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "What %s would change\n\n", r.Draft)
	if r.Partial {
		fmt.Fprintf(w, "STOPPED BEFORE THE END: this is of the first %d.\n", r.Judged+r.Erased+r.Unreadable)
	}
	fmt.Fprintf(w, "%s\n", r.Words())
	if r.OtherRule > 0 {
		fmt.Fprintf(w, "%d keep their outcome, decided by another rule.\n", r.OtherRule)
	}
	for _, line := range r.Remarks() {
		fmt.Fprintf(w, "- %s\n", line)
	}
	if r.Judged == 0 {
		return w.Flush()
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\nbefore\tgrant\tflag\tdeny\tunder the draft\t\n")
	for _, row := range r.Matrix {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t\t\n", row.Before, row.After.Grant, row.After.Flag, row.After.Deny)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Rules) > 0 {
		fmt.Fprintf(w, "\nChanges by the rule that decides\n")
		t = tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintf(t, "  number\tbefore\tunder the draft\tsuch as\n")
		for _, k := range r.Rules {
			fmt.Fprintf(t, "  %d\t%s (%s)\t%s (%s)\t%s\n", k.Count, k.Before, k.RuleBefore, k.After, k.RuleAfter, k.Examples[0])
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for _, groups := range []struct {
		name string
		list []gate.BacktestGroup
	}{{"class", r.Classes}, {"make", r.Makes}, {"zone", r.Zones}, {"lane", r.Lanes}, {"hour", r.Hours}} {
		if err := printGroups(w, groups.name, groups.list); err != nil {
			return err
		}
	}
	printBars(w, r)
	for _, k := range r.List {
		fmt.Fprintf(w, "\n%s", k.ID)
		if k.Lane != "" {
			fmt.Fprintf(w, ", lane %s", k.Lane)
		}
		fmt.Fprintf(w, ", %s: %s, %s, %s zone\n", k.At.UTC().Format("2006-01-02 15:04"), k.Vehicle, k.Class, k.Zone)
		if k.VIN+k.Plate != "" {
			fmt.Fprintf(w, "  %s\n", strings.TrimSpace(k.VIN+" "+k.Plate))
		}
		fmt.Fprintf(w, "  was %s by %s: %s\n  now %s by %s: %s\n", k.Before, k.RuleBefore, k.Was, k.After, k.RuleAfter, k.Because)
	}
	return w.Flush()
}

// mostGroups is how many rows of a table are printed.
const mostGroups = 24

func printGroups(w io.Writer, name string, list []gate.BacktestGroup) error {
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\tjudged\tgrant\tflag\tdeny\t| grant\tflag\tdeny\tstricter\tmilder\t\n", name)
	for i, g := range list {
		if i == mostGroups {
			fmt.Fprintf(t, "and %d more\t\t\t\t\t|\t\t\t\t\t\n", len(list)-i)
			break
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t| %d\t%d\t%d\t%d\t%d\t\n", g.Name, g.Judged, g.Before.Grant, g.Before.Flag, g.Before.Deny, g.After.Grant, g.After.Flag, g.After.Deny, g.Stricter, g.Milder)
	}
	return t.Flush()
}

// barWidth is the length of the longest bar.
const barWidth = 50

// printBars draws how many arrived, stacked by outcome, before and under the
// draft.
func printBars(w io.Writer, r *gate.BacktestReport) {
	list, per := r.Periods()
	most := 0
	for _, g := range list {
		most = max(most, g.Judged)
	}
	if most == 0 || r.Of == gate.SubjectVehicles {
		return
	}
	bar := func(c gate.BacktestCounts) string {
		at := func(n int) int { return (n*barWidth + most/2) / most }
		grant, flag, deny := at(c.Grant), at(c.Grant+c.Flag), at(c.Sum())
		return strings.Repeat(".", grant) + strings.Repeat("+", flag-grant) + strings.Repeat("#", deny-flag)
	}
	fmt.Fprintf(w, "\nArrivals per %s: . grant, + flag, # deny; the upper bar is before, the lower one under the draft\n", per)
	for _, g := range list {
		fmt.Fprintf(w, "%-10s %6d %s\n%17s %s\n", g.Name, g.Judged, bar(g.Before), "", bar(g.After))
	}
}
