package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/vin/telematics"
)

// policyCheckCmd is `sallyport policy check`.
type policyCheckCmd struct {
	Data  string   `help:"Data directory of a site, running or stopped: rules are checked against its lanes, sensors, registered classes and reference data." type:"existingdir" placeholder:"DIR"`
	Day   string   `help:"First day on which the rules are to apply; the default is today." placeholder:"DAY"`
	JSON  bool     `name:"json" help:"Print JSON, one object a file."`
	Files []string `arg:"" help:"Rule files (YAML), names of packs, or numbers of versions of the site's rules."`
}

// checkedFile is what the check of one file prints as JSON.
type checkedFile struct {
	File     string           `json:"file"`
	Problems []policy.Problem `json:"problems"` // why it does not load
	Faults   []policy.Fault   `json:"faults"`
	Refused  bool             `json:"refused"` // it may not be proposed
}

// Run prints what is wrong with each file, by line and column. The exit code is
// 1 where one of them may not be proposed.
func (c *policyCheckCmd) Run(ctx context.Context, s *streams) (err error) {
	named, held, site, err := policyNames(ctx, c.Data, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	day := s.now().UTC()
	if c.Day != "" {
		if day, err = dayOf("--day", c.Day); err != nil {
			return err
		}
	}
	var list registered
	if site.store != nil {
		list = site.store
	}
	env, err := environmentOf(ctx, site.cfg, list, held, day)
	if err != nil {
		return err
	}
	refused := false
	for _, file := range c.Files {
		r := checkedFile{File: file, Problems: []policy.Problem{}, Faults: []policy.Fault{}}
		p, err := named(file)
		var bad policy.Problems
		switch {
		case errors.As(err, &bad):
			r.Problems, r.Refused = bad, true
		case err != nil:
			return err
		default:
			r.Faults = append(r.Faults, policy.Analyse(p, env)...)
			r.Refused = policy.Refused(r.Faults)
		}
		refused = refused || r.Refused
		if c.JSON {
			if err := printJSON(s.out, r); err != nil {
				return err
			}
			continue
		}
		printChecked(s.out, r)
	}
	if refused {
		return exitError(1)
	}
	return nil
}

func printChecked(out io.Writer, r checkedFile) {
	for _, p := range r.Problems {
		fmt.Fprintf(out, "%s: error\n", p)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(out, "%s:%s\n", r.File, f)
	}
	switch {
	case r.Refused:
		fmt.Fprintf(out, "%s: may not be proposed\n", r.File)
	case len(r.Faults) == 0:
		fmt.Fprintf(out, "%s: nothing found\n", r.File)
	default:
		fmt.Fprintf(out, "%s: may be proposed\n", r.File)
	}
}

// policyNames gives the way from a name to a policy: a rule file, a pack, or a
// version of the site in dir, where dir is not empty.
func policyNames(ctx context.Context, dir string, s *streams) (func(string) (*policy.Policy, error), *refdata.Data, inspectedSite, error) {
	held, err := (&assessCmd{Data: dir}).held()
	if err != nil {
		return nil, nil, inspectedSite{}, err
	}
	site, err := openBeside(ctx, dir)
	if err != nil {
		return nil, nil, inspectedSite{}, err
	}
	return func(name string) (*policy.Policy, error) { return site.policyNamed(ctx, name, s.now(), held) }, held, site, nil
}

// registered is a site's list of known vehicles.
type registered interface {
	Registrations(context.Context) ([]gate.Registration, error)
}

// environmentOf is what rules of a site can know: its lanes' zones, its sensors,
// the classes on its list, and what its reference data tell. Without a list it
// is of no site, and what holds everywhere.
func environmentOf(ctx context.Context, cfg siteConfig, list registered, held *refdata.Data, day time.Time) (policy.Environment, error) {
	env := policy.Environment{Day: day.Format(time.DateOnly), Missing: map[string]string{}, EndedLists: map[string]string{}}
	catalogue, graph := held.Catalogue, held.Graph
	var err error
	if catalogue == nil {
		if catalogue, err = telematics.Embedded(); err != nil {
			return env, err
		}
	}
	if graph == nil {
		if graph, err = supply.Embedded(); err != nil {
			return env, err
		}
	}
	for _, l := range graph.Lists() {
		if since := endedList(l, env.Day); since != "" {
			env.EndedLists[l.ID] = since
		}
	}
	told := map[string]bool{}
	for _, a := range catalogue.File().Abouts {
		told[a.Fact] = true
	}
	for fact, kind := range map[string]string{"module.sim_home": telematics.FactSIMHome, "module.back_end": telematics.FactBackEnd, "module.updater": telematics.FactUpdater} {
		if !told[kind] {
			env.Missing[fact] = "no row of the catalogue tells it, and no act at the gate asks for it"
		}
	}
	if list == nil {
		return env, nil
	}
	return env, siteSources(ctx, cfg, list, &env)
}

// endedList says since when no edition of a list is in force; empty where one is.
func endedList(l supply.List, day string) string {
	since := ""
	for _, e := range l.Editions {
		if e.Withdrawn {
			continue
		}
		if e.Until == "" || e.Until > day {
			return ""
		}
		since = max(since, e.Until)
	}
	return since
}

// siteSources adds what a site's own configuration and list say.
func siteSources(ctx context.Context, cfg siteConfig, known registered, env *policy.Environment) error {
	sensors := 0
	env.Zones = []policy.Zone{}
	for _, l := range cfg.Lanes {
		sensors += len(l.Sensors)
		if z, ok := policy.ParseZone(l.Zone); ok && !slices.Contains(env.Zones, z) {
			env.Zones = append(env.Zones, z)
		}
	}
	slices.Sort(env.Zones)
	if sensors == 0 {
		for _, fact := range policy.Vocabulary() {
			if fact.Radio {
				env.Missing[fact.Name] = "no lane of the site has a sensor"
			}
		}
	}
	list, err := known.Registrations(ctx)
	if err != nil {
		return fmt.Errorf("read the registration list: %w", err)
	}
	env.Classes = []policy.Class{}
	for _, r := range list {
		if class := cmp.Or(r.Class, policy.ClassPrivate); !slices.Contains(env.Classes, class) {
			env.Classes = append(env.Classes, class)
		}
	}
	slices.Sort(env.Classes)
	return nil
}

// policyDiffCmd is `sallyport policy diff`.
type policyDiffCmd struct {
	Old  string `arg:"" help:"A rule file (YAML), the name of a pack, or the number of a version of the site's rules."`
	New  string `arg:"" help:"Likewise."`
	Data string `help:"Data directory of the site whose versions are meant, running or stopped." type:"existingdir" placeholder:"DIR"`
	JSON bool   `name:"json" help:"Print JSON, one difference a line."`
}

// Run prints in what two policies differ, in words.
func (c *policyDiffCmd) Run(ctx context.Context, s *streams) (err error) {
	named, _, site, err := policyNames(ctx, c.Data, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	old, err := named(c.Old)
	if err != nil {
		return err
	}
	next, err := named(c.New)
	if err != nil {
		return err
	}
	found := policy.Diff(old, next)
	if len(found) == 0 && !c.JSON {
		fmt.Fprintln(s.out, "No difference.")
	}
	if c.JSON {
		for _, d := range found {
			if err := printJSON(s.out, d); err != nil {
				return err
			}
		}
		return nil
	}
	printDifferences(s.out, found)
	return nil
}

// printDifferences prints what changes at the gate before what is only put otherwise.
func printDifferences(out io.Writer, found []policy.Difference) {
	var rest []policy.Difference
	head := "What changes at the gate:\n"
	for _, d := range found {
		if d.Effect == nil {
			rest = append(rest, d)
			continue
		}
		fmt.Fprintf(out, "%s  %s\n      %s\n", head, d.Effect.Text, d.Text)
		head = ""
	}
	head = "What is said otherwise:\n"
	for _, d := range rest {
		fmt.Fprintf(out, "%s  %s\n", head, d.Text)
		head = ""
	}
}
