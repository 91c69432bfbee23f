package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
	"sallyport/ui"
	"sallyport/ui/view"
	"sallyport/vin/telematics"
)

// screenRules is what the screens offer whoever answers for the rules.
func (st *site) screenRules() ui.Rules {
	tested := &trials{dir: st.dir, judge: func() (*gate.Judge, error) {
		_, p, err := st.inForce()
		if err != nil {
			return nil, err
		}
		return st.learning.Judge().Under(p), nil
	}, now: st.now, log: st.log}
	st.extra = append(st.extra, tested.Run)
	return ui.Rules{
		Desk: st.rules.policies, Now: st.rules.clock.Now, Read: st.store.PolicyVersion, Check: st.rules.found, Starts: st.ruleStarts, Names: st.ruleNames,
		Drafts:   &draftFiles{dir: st.dir},
		Trials:   tested,
		Postures: st.rules.postures, PostureWords: st.cfg.Posture.Words,
	}
}

// found is all that a check of a rule file finds, whether or not it may be
// proposed: what checkPolicy refuses, and what it lets pass.
func (r *siteRules) found(ctx context.Context, name string, src []byte) (ui.RuleCheck, error) {
	held := r.held.Load()
	graph := held.Graph
	if graph == nil {
		var err error
		if graph, err = supply.Embedded(); err != nil {
			return ui.RuleCheck{}, err
		}
	}
	var c ui.RuleCheck
	p, err := policy.LoadKnowing(name, src, gate.Names(graph))
	if errors.As(err, &c.Problems) {
		return c, nil
	} else if err != nil {
		return c, err
	}
	c.Policy = p
	if err := sameLevels(r.cfg, p); err != nil {
		c.Other = append(c.Other, err)
	}
	if c.Faults, err = analysed(ctx, r.cfg, r.store, held, p, r.clock.Now()); err != nil {
		return c, err
	}
	examples, err := p.Examples(name)
	if errors.As(err, &c.Problems) {
		return c, nil
	} else if err != nil {
		return c, err
	}
	c.Results = p.RunExamples(examples, requestsUnder(p, held))
	c.Unshown = p.Unshown(c.Results)
	return c, nil
}

// ruleStarts are the packs, which ship or were installed.
func (st *site) ruleStarts() []ui.RuleStart {
	var out []ui.RuleStart
	for _, name := range pack.Names() {
		p, err := pack.Open(name)
		src, err2 := pack.Source(name)
		if err := errors.Join(err, err2); err != nil { // tested with the program
			st.log.Error("a pack cannot be read", "pack", name, "error", err)
			continue
		}
		out = append(out, ui.RuleStart{Name: name, Title: p.Title(), Text: string(src)})
	}
	return out
}

// ruleNames are the names that the data in use hold.
func (st *site) ruleNames() view.RuleNames {
	held := st.rules.held.Load()
	var n view.RuleNames
	graph, catalogue := held.Graph, held.Catalogue
	if graph == nil {
		graph, _ = supply.Embedded() // tested with the program
	}
	if catalogue == nil {
		catalogue, _ = telematics.Embedded()
	}
	names := gate.Names(graph)
	options := func(kind policy.NameKind, called map[string]string) (out []view.Option) {
		for _, id := range names.IDs(kind) {
			out = append(out, view.Option{Value: id, Label: cmp.Or(called[id], id)})
		}
		return out
	}
	called := map[string]string{}
	for _, p := range graph.Parties() {
		called[p.ID] = p.Name
	}
	lists := map[string]string{}
	for _, l := range graph.Lists() {
		lists[l.ID] = l.Title
	}
	n.Parties, n.Lists, n.Trusted, n.Authorities = options(policy.NameParty, called), options(policy.NameList, lists), options(policy.NameTrusted, lists), options(policy.NameAuthority, called)
	for _, level := range st.rules.postures.Levels() {
		n.Postures = append(n.Postures, view.Option{Value: level, Label: level})
	}
	n.Makes, n.Models = catalogueNames(catalogue)
	return n
}

// catalogueNames are the makes and the models of modules that the catalogue
// holds, as rules write them.
func catalogueNames(c *telematics.Catalogue) (makes, models []view.Option) {
	if c == nil {
		return nil, nil
	}
	brands, modules := map[string]bool{}, map[string]string{}
	for i := range c.Rows() {
		r := c.Row(i)
		for _, m := range r.Makes {
			brands[strings.ToUpper(m)] = true
		}
		if r.Model != "" {
			modules[r.Model] = r.Maker
		}
	}
	for _, m := range slices.Sorted(maps.Keys(brands)) {
		makes = append(makes, view.Option{Value: m, Label: m})
	}
	for _, m := range slices.Sorted(maps.Keys(modules)) {
		models = append(models, view.Option{Value: m, Label: strings.TrimSpace(modules[m] + " " + m)})
	}
	return makes, models
}

// trials back-tests rules beside the lanes, one at a time. It keeps the latest,
// in memory: what counts is decided again in moments, and nothing of it is
// evidence.
type trials struct {
	dir   string
	judge func() (*gate.Judge, error)
	now   func() time.Time
	log   *slog.Logger

	mu   sync.Mutex
	list []*runningTrial // oldest first
	runs sync.WaitGroup
}

type runningTrial struct {
	ui.RuleTrial
	hash string
	stop context.CancelFunc
}

// keptTrials is how many back-tests can still be looked at.
const keptTrials = 16

// Start begins a back-test (ui.RuleTrials).
func (t *trials) Start(ctx context.Context, by string, version int, p *policy.Policy, days int) (string, error) {
	judge, err := t.judge()
	if err != nil {
		return "", err
	}
	now := t.now()
	until := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	from := until.AddDate(0, 0, -days)
	past, err := sqlite.OpenReader(ctx, t.dir)
	if err != nil {
		return "", err
	}
	total, err := past.CountRecords(ctx, from, until)
	if err != nil {
		return "", errors.Join(err, past.Close())
	}
	// It outlives the request, and ends with the store.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &runningTrial{hash: p.Hash(), stop: stop,
		RuleTrial: ui.RuleTrial{ID: rand.Text()[:12], By: by, Version: version, Policy: p.ID(), Days: days, Begun: now, Total: total}}
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.ContainsFunc(t.list, func(o *runningTrial) bool { return o.Ended.IsZero() }) {
		stop()
		return "", errors.Join(fmt.Errorf("another back-test runs: %w", gate.ErrBusy), past.Close())
	}
	if t.list = append(t.list, r); len(t.list) > keptTrials {
		t.list = slices.Delete(t.list, 0, 1)
	}
	b := gate.Backtest{Judge: judge, Draft: p, Zone: time.Local, Progress: func(done int) {
		t.mu.Lock()
		r.Done = done
		t.mu.Unlock()
	}}
	t.runs.Go(func() {
		defer stop()
		report, err := b.Passages(run, past, from, until)
		if bad := past.Close(); err == nil {
			err = bad
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		r.Ended = t.now()
		switch {
		case errors.Is(err, context.Canceled):
			r.Cancelled, r.Report = true, report
		case err != nil:
			t.log.Error("back-test", "error", err)
			r.Failed = err.Error()
		default:
			r.Report = report
		}
	})
	return r.ID, nil
}

// Run stops what still runs when the site does, and waits for it.
func (t *trials) Run(ctx context.Context) error {
	<-ctx.Done()
	t.mu.Lock()
	for _, r := range t.list {
		r.stop()
	}
	t.mu.Unlock()
	t.runs.Wait()
	return nil
}

// Trial is one of those that are kept (ui.RuleTrials).
func (t *trials) Trial(id string) (ui.RuleTrial, bool) {
	return t.find(func(r *runningTrial) bool { return r.ID == id })
}

// Latest is the newest of rules of that hash (ui.RuleTrials).
func (t *trials) Latest(hash string) (ui.RuleTrial, bool) {
	return t.find(func(r *runningTrial) bool { return r.hash == hash })
}

func (t *trials) find(is func(*runningTrial) bool) (ui.RuleTrial, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range slices.Backward(t.list) {
		if is(r) {
			return r.RuleTrial, true
		}
	}
	return ui.RuleTrial{}, false
}

// Cancel stops one that runs (ui.RuleTrials).
func (t *trials) Cancel(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.list {
		if r.ID == id {
			r.stop()
		}
	}
}
