package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/policy"
	"sallyport/rf"
)

// policyExplainCmd is `sallyport policy explain`.
type policyExplainCmd struct {
	Request string `arg:"" optional:"" default:"-" help:"File with one request as assess reads it; - is standard input."`
	Passage string `help:"Explain a recorded passage of the site in place of a request." placeholder:"ID"`
	Which   int    `name:"assessment" help:"Which assessment of the passage: 1 is that at its arrival, 2 the first after it was decided again; the default is the last." placeholder:"N"`
	Data    string `help:"Data directory of a site, running or stopped." type:"existingdir" placeholder:"DIR"`
	Policy  string `help:"Rule file (YAML), name of a pack, or number of a version of the site's rules. The default is what decided the passage, or is in force at the site, else paper-baseline." placeholder:"FILE"`

	Why    []string `help:"Only this rule, atom by atom; may be repeated." placeholder:"RULE" sep:"none"`
	WhyNot string   `help:"What stands against an outcome: grant, flag or deny." enum:",grant,flag,deny" default:"" placeholder:"OUTCOME"`
	WhatIf bool     `name:"what-if" help:"What an act at the gate, or two, could change."`
	JSON   bool     `name:"json" help:"Print JSON."`
}

// explained is what explain prints as JSON: the answer of assess, and why.
type explained struct {
	gate.Answer
	Passage string            `json:"passage,omitempty"`
	Decided string            `json:"decided,omitempty"` // which assessment of the passage, and by which version of the rules
	Trace   *policy.Trace     `json:"trace,omitempty"`
	Rules   []json.RawMessage `json:"rules,omitempty"` // those asked for by --why
	WhyNot  []against         `json:"why_not,omitempty"`
	Changes *changes          `json:"changes,omitempty"`
}

// against says an outcome by its name.
type against struct {
	policy.Against
	Outcome string `json:"outcome"`
}

// changes likewise.
type changes struct {
	Milder   []change `json:"milder"`
	Stricter []change `json:"stricter"`
	Tried    int      `json:"tried"`
	Partial  string   `json:"partial"`
}

type change struct {
	policy.Change
	Outcome string `json:"outcome"`
}

// Run explains one decision: every rule's value, atom by atom, or what is asked.
func (c *policyExplainCmd) Run(ctx context.Context, s *streams) (err error) {
	if c.Passage != "" && c.Request != "-" {
		return errors.New("either --passage or a request")
	}
	if c.Passage != "" && c.Data == "" {
		return errors.New("--passage: name its site by --data")
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
	if c.Which != 0 && c.Passage == "" {
		return errors.New("--assessment: name the passage by --passage")
	}
	var a gate.Assessment
	var p *policy.Policy
	var judge *gate.Judge
	decided := ""
	if c.Passage != "" {
		a, p, judge, decided, err = c.passage(ctx, s, site, held)
	} else {
		a, p, judge, err = c.request(ctx, s, site, held)
	}
	if err != nil {
		return err
	}
	var t policy.Trace
	judge.Explain(p, &a, &t)
	recorded := a.Verdict
	a.Verdict = t.Verdict()
	out := explained{Answer: a.Answer(), Passage: c.Passage, Decided: decided}
	if out.Verdict != recorded.Outcome.String() && p.Hash() == recorded.Hash {
		out.Notes = append(out.Notes, fmt.Sprintf("the record says %s: by its facts the rules say %s", recorded.Outcome, out.Verdict))
	}
	if c.Passage != "" && c.Policy == "" && p.Hash() != recorded.Hash {
		out.Notes = append(out.Notes, fmt.Sprintf("this program reads the rules that decided otherwise than the one that recorded the passage: the record says %s, by rules with the hash %s", recorded.Outcome, recorded.Hash))
	}
	if c.Passage != "" {
		out.Notes = append(out.Notes, "what the record does not answer, because no rule came to ask, the supply graph of today answers as of the day")
	}
	text, err := c.fill(&out, &t)
	if err != nil {
		return err
	}
	if c.JSON {
		return printIndented(s.out, out)
	}
	return out.print(s.out, text)
}

// passage finds the decision of a recorded passage.
func (c *policyExplainCmd) passage(ctx context.Context, s *streams, site inspectedSite, held *refdata.Data) (a gate.Assessment, p *policy.Policy, j *gate.Judge, decided string, err error) {
	rec, err := site.store.Passage(ctx, gate.PassageID(c.Passage))
	if err != nil {
		return a, nil, nil, "", err
	}
	all := rec.Assessments()
	which := len(all)
	if c.Which != 0 {
		which = c.Which
	}
	if which < 1 || which > len(all) {
		return a, nil, nil, "", fmt.Errorf("--assessment: passage %s has 1 to %d", c.Passage, len(all))
	}
	if a = all[which-1].Result; a.Facts.At.IsZero() {
		return a, nil, nil, "", fmt.Errorf("passage %s: %w", c.Passage, gate.ErrErased)
	}
	versions, err := site.store.PolicyVersions(ctx)
	if err != nil {
		return a, nil, nil, "", err
	}
	decided = fmt.Sprintf("assessment %d of %d (%s), decided %s by %s", which, len(all), all[which-1].Because, a.Verdict.Outcome, editionOf(versions, &a))
	if c.Policy != "" {
		p, err = site.policyNamed(ctx, c.Policy, s.now(), held)
	} else if doc, kept := site.store.Policy(ctx, a.Verdict.Hash); kept == nil {
		p, err = policy.Load(doc.ID, doc.Source)
	} else if !errors.Is(kept, gate.ErrNotFound) {
		err = kept
	} else if p, err = site.policyNamed(ctx, "", s.now(), held); err == nil && p.Hash() != a.Verdict.Hash {
		err = fmt.Errorf("the policy that decided, %s, is not kept at the site: name one by --policy", a.Verdict.Policy)
	}
	if err != nil {
		return a, nil, nil, "", err
	}
	j, err = site.judgeBy(ctx, s, p, held)
	return a, p, j, decided, err
}

// editionOf says which version of the site's rules decided, and whose it is: two
// may give themselves the same name.
func editionOf(versions []gate.PolicyVersion, a *gate.Assessment) string {
	rules := fmt.Sprintf("%s, hash %s", a.Verdict.Policy, a.Verdict.Hash)
	v, ok := gate.InForce(versions, a.Facts.At)
	if !ok || v.Hash != a.Verdict.Hash {
		return rules + ", which is no version in force then that the site has recorded"
	}
	by, from := "nobody", time.Time{}
	for _, k := range v.Steps {
		if k.Kind == gate.StepApproved {
			if from = k.From; k.By != gate.SetUp {
				by = k.By
			}
		}
	}
	return fmt.Sprintf("version %d (%s), in force from %s, written by %s, approved by %s", v.Number, rules, from.Format(time.RFC3339), strings.Join(append([]string{v.Author}, v.Editors...), ", "), by)
}

// request judges the one request given.
func (c *policyExplainCmd) request(ctx context.Context, s *streams, site inspectedSite, held *refdata.Data) (a gate.Assessment, p *policy.Policy, j *gate.Judge, err error) {
	in := s.in
	if c.Request != "-" {
		f, err := os.Open(c.Request)
		if err != nil {
			return a, nil, nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxRequestLine+1))
	if err != nil {
		return a, nil, nil, err
	}
	if len(text) > maxRequestLine {
		return a, nil, nil, fmt.Errorf("request: longer than %d bytes", maxRequestLine)
	}
	req, err := gate.ParseAssessRequest(text)
	if err != nil {
		return a, nil, nil, err
	}
	prefixes, err := prefixesOf(held)
	if err != nil {
		return a, nil, nil, err
	}
	q, err := req.Request(s.now(), func(obs []rf.Observation) *rf.Finding { return rf.HearOnce(obs, prefixes) })
	if err != nil {
		return a, nil, nil, err
	}
	posture, err := site.posture(ctx, "")
	if err != nil {
		return a, nil, nil, err
	}
	q.Posture = posture(q.At)
	if p, err = c.rules(ctx, s, site, held, q.At); err != nil {
		return a, nil, nil, err
	}
	if j, err = site.judgeBy(ctx, s, p, held); err != nil {
		return a, nil, nil, err
	}
	a, err = site.assessor(j)(ctx, q)
	return a, p, j, err
}

// rules are those named, or those in force at the site at an instant.
func (c *policyExplainCmd) rules(ctx context.Context, s *streams, site inspectedSite, held *refdata.Data, at time.Time) (*policy.Policy, error) {
	if c.Policy == "" && site.store != nil {
		recorded, err := openRecordedRules(ctx, site.store)
		if err != nil {
			return nil, err
		}
		if p, err := recorded.at(ctx, at); err == nil || len(recorded.versions) > 0 {
			return p, err
		}
	}
	return site.policyNamed(ctx, c.Policy, s.now(), held)
}

// fill adds what was asked for, and gives the same in words.
func (c *policyExplainCmd) fill(out *explained, t *policy.Trace) (string, error) {
	var b strings.Builder
	rules := t.Rules()
	for _, id := range c.Why {
		found := false
		var ids []string
		for i := range rules {
			ids = append(ids, rules[i].Rule)
			if rules[i].Rule != id {
				continue
			}
			found = true
			doc, err := json.Marshal(rules[i])
			if err != nil {
				return "", err
			}
			out.Rules = append(out.Rules, doc)
			fmt.Fprintf(&b, "\n%s", rules[i].Text())
		}
		if !found {
			return "", fmt.Errorf("--why: %s has no rule %q; it has %s", out.Data.Policy, id, strings.Join(ids, ", "))
		}
	}
	if c.WhyNot != "" {
		out.WhyNot = []against{}
		fmt.Fprintf(&b, "\nAgainst %s stands\n", c.WhyNot)
		for _, k := range t.WhyNot(outcomeNamed(c.WhyNot)) {
			out.WhyNot = append(out.WhyNot, against{k, k.Outcome.String()})
			fmt.Fprintf(&b, "  %s (%s, %s): %s\n", k.Rule, k.Outcome, k.Value, k.Because)
		}
		if len(out.WhyNot) == 0 {
			b.WriteString("  nothing\n")
		}
	}
	if c.WhatIf {
		all := t.WhatWouldChange()
		out.Changes = &changes{Milder: []change{}, Stricter: []change{}, Tried: all.Tried, Partial: all.Partial}
		for _, k := range []struct {
			words string
			list  []policy.Change
			to    *[]change
		}{{"milder", all.Milder, &out.Changes.Milder}, {"stricter", all.Stricter, &out.Changes.Stricter}} {
			fmt.Fprintf(&b, "\nWhat would make it %s\n", k.words)
			for _, found := range k.list {
				*k.to = append(*k.to, change{found, found.Outcome.String()})
				presumed := ""
				if found.Presumed {
					presumed = ", on a presumption"
				}
				fmt.Fprintf(&b, "  %s%s, if\n", found.Outcome, presumed)
				for _, step := range found.Steps {
					fmt.Fprintf(&b, "    %s (now %s) is found: %s\n      %s.\n", step.Fact, step.Now, step.Needed, step.Ask)
				}
			}
			if len(k.list) == 0 {
				b.WriteString("  no act at the gate, nor two\n")
			}
		}
		fmt.Fprintf(&b, "%s\n", all.Partial)
	}
	if len(c.Why) == 0 && c.WhyNot == "" && !c.WhatIf {
		out.Trace = t
		fmt.Fprintf(&b, "\n%s", t.Text())
	}
	return b.String(), nil
}

func outcomeNamed(name string) policy.Outcome {
	for o := policy.Grant; o <= policy.Deny; o++ {
		if o.String() == name {
			return o
		}
	}
	return 0
}

// print writes the decision for a person, and behind it what was asked for.
func (e *explained) print(out io.Writer, text string) error {
	var b strings.Builder
	v := e.Vehicle
	what := strings.Join(strings.Fields(fmt.Sprintf("%s %s", v.Make, v.Model)), " ")
	if v.ModelYear > 0 {
		what = strings.TrimSpace(fmt.Sprintf("%s %d", what, v.ModelYear))
	}
	if what == "" {
		what = "vehicle of which nothing is known"
	}
	fmt.Fprintf(&b, "%s, %s: %s under %s\n", what, e.At, strings.ToUpper(e.Verdict), e.Data.Policy)
	if e.Decided != "" {
		fmt.Fprintf(&b, "  %s\n", e.Decided)
	}
	for _, r := range e.Reasons {
		fmt.Fprintf(&b, "  %s (%s): %s\n    %s, date: %s\n", r.Rule, r.Outcome, r.Because, r.Source, r.Date)
	}
	for _, r := range e.Lifted {
		fmt.Fprintf(&b, "  %s (%s, lifted): %s\n", r.Rule, r.Outcome, r.Because)
	}
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "  note: %s\n", n)
	}
	b.WriteString(text)
	_, err := io.WriteString(out, b.String())
	return err
}
