package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/policy"
)

// What a back-test was of.
const (
	SubjectPassages = "passages"
	SubjectRequests = "requests"
	SubjectVehicles = "registered vehicles"
)

// BacktestReport is what a draft would change. Every subject judged stands once
// in Matrix and once in each table of groups.
type BacktestReport struct {
	Draft      string    `json:"draft"`      // id and version
	DraftHash  string    `json:"draft_hash"` // of its canonical form
	Supply     string    `json:"supply"`     // edition of the graph that answers what no record does
	Of         string    `json:"of"`         // passages, requests, registered vehicles
	From       time.Time `json:"from,omitzero"`
	Until      time.Time `json:"until,omitzero"`
	On         time.Time `json:"on,omitzero"` // the instant on which all are supposed to have arrived
	Partial    bool      `json:"partial"`     // it was stopped: these are the first of all
	Judged     int       `json:"judged"`
	Erased     int       `json:"erased"`           // passages whose facts retention has erased: not judged
	Unreadable int       `json:"unreadable"`       // passages whose record cannot be read: not judged
	Unread     []string  `json:"unread,omitempty"` // the first of them, with what is wrong
	Changed    int       `json:"changed"`          // their outcome is another
	Stricter   int       `json:"stricter"`
	Milder     int       `json:"milder"`
	OtherRule  int       `json:"other_rule"` // the same outcome, decided by another rule

	// What a reader has to know of the records.
	Unrecorded BacktestUnrecorded `json:"unrecorded"`
	Doubtful   int                `json:"doubtful"` // the VIN was not valid; the draft judged what was recorded and not the vehicle once more without it
	Learnt     int                `json:"learnt"`   // what was found in other vehicles of the kind is among the facts
	Under      []BacktestPolicy   `json:"under"`    // the policies of the decisions before
	Idle       []BacktestIdle     `json:"idle"`     // rules of the draft in force on no day judged

	Matrix  [3]BacktestRow   `json:"matrix"` // before: grant, flag, deny
	Rules   []BacktestRule   `json:"rules"`  // changes by deciding rule, the most first
	Days    []BacktestGroup  `json:"days"`   // RFC 3339 full-dates, in order, without a gap
	Classes []BacktestGroup  `json:"classes"`
	Makes   []BacktestGroup  `json:"makes"`
	Lanes   []BacktestGroup  `json:"lanes,omitempty"`
	Zones   []BacktestGroup  `json:"zones"`
	Hours   []BacktestGroup  `json:"hours"`    // 00 to 23
	List    []BacktestChange `json:"examples"` // the first of every kind of change

	tally *backtestTally
}

// BacktestCounts are numbers of subjects by outcome.
type BacktestCounts struct {
	Grant int `json:"grant"`
	Flag  int `json:"flag"`
	Deny  int `json:"deny"`
}

// Of is the number with an outcome.
func (c *BacktestCounts) of(o policy.Outcome) *int {
	switch o {
	case policy.Grant:
		return &c.Grant
	case policy.Deny:
		return &c.Deny
	default:
		return &c.Flag
	}
}

// Sum is the number of all.
func (c BacktestCounts) Sum() int { return c.Grant + c.Flag + c.Deny }

// BacktestRow is one row of the matrix.
type BacktestRow struct {
	Before string         `json:"before"`
	After  BacktestCounts `json:"after"`
}

// BacktestUnrecorded counts what the policy of then never asked the supply graph.
type BacktestUnrecorded struct {
	Questions int `json:"questions"`
	Subjects  int `json:"subjects"` // judged with at least one answer that no record holds
}

// BacktestPolicy is a policy that decided before.
type BacktestPolicy struct {
	Policy string `json:"policy"`
	Hash   string `json:"hash"`
	Judged int    `json:"judged"`
}

// BacktestIdle is a rule of the draft that was in force on no day judged.
type BacktestIdle struct {
	Rule string `json:"rule"`
	From string `json:"from,omitempty"` // RFC 3339 date
	To   string `json:"to,omitempty"`
}

// BacktestRule counts the subjects that went from one deciding rule and outcome
// to another.
type BacktestRule struct {
	RuleBefore string   `json:"rule_before"`
	Before     string   `json:"before"`
	RuleAfter  string   `json:"rule_after"`
	After      string   `json:"after"`
	Count      int      `json:"count"`
	Examples   []string `json:"examples"` // ids
}

// BacktestGroup counts the subjects that have something in common.
type BacktestGroup struct {
	Name     string         `json:"name"` // "unknown" where it is not known
	Judged   int            `json:"judged"`
	Before   BacktestCounts `json:"before"`
	After    BacktestCounts `json:"after"`
	Stricter int            `json:"stricter"`
	Milder   int            `json:"milder"`
}

// backtestTally is what a report is made from.
type backtestTally struct {
	rules                                     map[ruleChange]*BacktestRule
	days, classes, makes, lanes, zones, hours map[string]*BacktestGroup
	under                                     map[string]*BacktestPolicy
	first, last                               time.Time // instants judged, UTC
}

type ruleChange struct {
	ruleBefore, ruleAfter string
	before, after         policy.Outcome
}

func (b *Backtest) report(of string) *BacktestReport {
	r := &BacktestReport{
		Draft: b.Draft.ID(), DraftHash: b.Draft.Hash(), Supply: b.Judge.supply.graph.Edition(), Of: of, On: b.On,
		List: []BacktestChange{},
		tally: &backtestTally{
			rules: map[ruleChange]*BacktestRule{}, under: map[string]*BacktestPolicy{},
			days: map[string]*BacktestGroup{}, classes: map[string]*BacktestGroup{}, makes: map[string]*BacktestGroup{},
			lanes: map[string]*BacktestGroup{}, zones: map[string]*BacktestGroup{}, hours: map[string]*BacktestGroup{},
		},
	}
	for i := range r.Matrix {
		r.Matrix[i].Before = policy.Outcome(i + 1).String()
	}
	return r
}

func (b *Backtest) progress(r *BacktestReport) {
	if b.Progress != nil {
		b.Progress(r.Judged + r.Erased + r.Unreadable)
	}
}

// examples is how many are named for each kind of change.
func (b *Backtest) examples() int { return cmp.Or(b.Examples, 5) }

// unreadShown is how many unreadable records are named.
const unreadShown = 5

// take counts one subject and tells of its change.
func (b *Backtest) take(r *BacktestReport, id string, d *decided) error {
	switch {
	case d.erased:
		r.Erased++
		return nil
	case d.bad != nil:
		if r.Unreadable++; len(r.Unread) < unreadShown {
			r.Unread = append(r.Unread, id+": "+d.bad.Error())
		}
		return nil
	}
	r.Judged++
	t := r.tally
	*r.Matrix[max(d.before, policy.Grant)-1].After.of(d.after)++
	if d.asked > 0 {
		r.Unrecorded.Questions += d.asked
		r.Unrecorded.Subjects++
	}
	if d.doubtful {
		r.Doubtful++
	}
	if d.learnt {
		r.Learnt++
	}
	if t.under[d.hash] == nil {
		t.under[d.hash] = &BacktestPolicy{Policy: d.policy, Hash: d.hash}
	}
	t.under[d.hash].Judged++
	at := d.at.UTC()
	if on := cmp.Or(b.On.UTC(), at); t.first.IsZero() {
		t.first, t.last = on, on
	} else if on.Before(t.first) {
		t.first = on
	} else if on.After(t.last) {
		t.last = on
	}
	if b.Zone != nil {
		at = at.In(b.Zone)
	}
	count(t.days, at.Format(time.DateOnly), d)
	count(t.hours, at.Format("15"), d)
	count(t.classes, d.class, d)
	count(t.makes, d.make, d)
	count(t.zones, d.zone, d)
	if r.Of == SubjectPassages {
		count(t.lanes, string(d.lane), d)
	}
	if d.before == d.after {
		if d.ruleBefore != d.ruleAfter {
			r.OtherRule++
		}
		return nil
	}
	if r.Changed++; d.after > d.before {
		r.Stricter++
	} else {
		r.Milder++
	}
	key := ruleChange{d.ruleBefore, d.ruleAfter, d.before, d.after}
	k := t.rules[key]
	if k == nil {
		k = &BacktestRule{RuleBefore: d.ruleBefore, Before: d.before.String(), RuleAfter: d.ruleAfter, After: d.after.String()}
		t.rules[key] = k
	}
	k.Count++
	listed := len(k.Examples) < b.examples()
	if !listed && b.Changed == nil {
		return nil
	}
	c := b.change(id, d)
	if listed {
		k.Examples = append(k.Examples, id)
		r.List = append(r.List, c)
	}
	if b.Changed != nil {
		return b.Changed(c)
	}
	return nil
}

func count(groups map[string]*BacktestGroup, name string, d *decided) {
	name = cmp.Or(name, unknownWord)
	g := groups[name]
	if g == nil {
		g = &BacktestGroup{Name: name}
		groups[name] = g
	}
	g.Judged++
	*g.Before.of(d.before)++
	*g.After.of(d.after)++
	switch {
	case d.after > d.before:
		g.Stricter++
	case d.after < d.before:
		g.Milder++
	}
}

// change says one change in words. Without names a rule on the VIN itself does
// not tell it either.
func (b *Backtest) change(id string, d *decided) BacktestChange {
	c := BacktestChange{
		ID: id, At: d.at, Lane: d.lane, Zone: cmp.Or(d.zone, unknownWord), Class: cmp.Or(d.class, unknownWord), Make: cmp.Or(d.make, unknownWord),
		Vehicle: cmp.Or(strings.TrimSpace(d.what), unknownWord), Before: d.before.String(), After: d.after.String(),
		RuleBefore: d.ruleBefore, RuleAfter: d.ruleAfter, Was: d.was, Because: d.because, Unrecorded: d.asked,
	}
	if b.Named {
		c.VIN, c.Plate = d.vin, d.plate
		return c
	}
	for _, name := range []string{d.vin, NormalVIN(d.vin), d.plate, NormalPlate(d.plate)} {
		if name != "" {
			c.Was, c.Because = strings.ReplaceAll(c.Was, name, withheld), strings.ReplaceAll(c.Because, name, withheld)
		}
	}
	return c
}

// withheld stands for a VIN or a plate in a report without names.
const withheld = "(withheld)"

// finish puts the tables in order. An error is why the back-test stopped.
func (b *Backtest) finish(r *BacktestReport, err error) (*BacktestReport, error) {
	t := r.tally
	r.Partial = err != nil
	r.Days, r.Hours = sorted(t.days, byName), sorted(t.hours, byName)
	r.Days = everyDay(r.Days)
	r.Classes, r.Makes, r.Lanes, r.Zones = sorted(t.classes, byNumber), sorted(t.makes, byNumber), sorted(t.lanes, byName), sorted(t.zones, byNumber)
	r.Rules, r.Under = []BacktestRule{}, []BacktestPolicy{}
	for _, k := range t.rules {
		r.Rules = append(r.Rules, *k)
	}
	slices.SortFunc(r.Rules, func(x, y BacktestRule) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), strings.Compare(x.RuleBefore, y.RuleBefore), strings.Compare(x.RuleAfter, y.RuleAfter), strings.Compare(x.Before, y.Before), strings.Compare(x.After, y.After))
	})
	for _, p := range t.under {
		r.Under = append(r.Under, *p)
	}
	slices.SortFunc(r.Under, func(x, y BacktestPolicy) int {
		return cmp.Or(cmp.Compare(y.Judged, x.Judged), strings.Compare(x.Hash, y.Hash))
	})
	r.Idle = b.idle(t.first, t.last)
	r.tally = nil
	return r, err
}

// idle are the rules of the draft whose time does not meet the days judged: a
// back-test says nothing of them.
func (b *Backtest) idle(first, last time.Time) []BacktestIdle {
	out := []BacktestIdle{}
	for _, rule := range b.Draft.Rules() {
		in := rule.Instrument
		if in.From != "" && last.Format(time.DateOnly) < in.From || in.To != "" && first.Format(time.DateOnly) > in.To {
			out = append(out, BacktestIdle{Rule: rule.ID, From: in.From, To: in.To})
		}
	}
	return out
}

func byName(x, y BacktestGroup) int { return strings.Compare(x.Name, y.Name) }

// byNumber puts what changes most first, then what is most.
func byNumber(x, y BacktestGroup) int {
	return cmp.Or(cmp.Compare(y.Stricter+y.Milder, x.Stricter+x.Milder), cmp.Compare(y.Judged, x.Judged), byName(x, y))
}

func sorted(groups map[string]*BacktestGroup, order func(x, y BacktestGroup) int) []BacktestGroup {
	out := make([]BacktestGroup, 0, len(groups))
	for _, g := range groups {
		out = append(out, *g)
	}
	slices.SortFunc(out, order)
	return out
}

// maxDays bounds the days of a report between which gaps are filled: a request
// file may name any two.
const maxDays = 4000

// everyDay adds the days on which nobody came.
func everyDay(days []BacktestGroup) []BacktestGroup {
	var out []BacktestGroup
	for i, d := range days {
		if i > 0 {
			last, err := time.Parse(time.DateOnly, days[i-1].Name)
			to, err2 := time.Parse(time.DateOnly, d.Name)
			if err == nil && err2 == nil && to.Sub(last) < maxDays*24*time.Hour {
				for last = last.AddDate(0, 0, 1); last.Before(to); last = last.AddDate(0, 0, 1) {
					out = append(out, BacktestGroup{Name: last.Format(time.DateOnly)})
				}
			}
		}
		out = append(out, d)
	}
	return out
}

// Words says in one sentence what the draft would change.
func (r *BacktestReport) Words() string {
	if r.Changed == 0 {
		return fmt.Sprintf("%d %s judged again: no outcome changes.", r.Judged, r.Of)
	}
	return fmt.Sprintf("%d %s judged again: %d outcomes change (%.1f %%), %d to a stricter and %d to a milder one.",
		r.Judged, r.Of, r.Changed, 100*float64(r.Changed)/float64(r.Judged), r.Stricter, r.Milder)
}

// Remarks are what a reader has to know of the records before relying on the
// numbers, one sentence each.
func (r *BacktestReport) Remarks() (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, p := range r.Under {
		say("%d were decided before by %s, sha256 %.12s.", p.Judged, p.Policy, p.Hash)
	}
	if !r.On.IsZero() {
		say("All are supposed to have arrived on %s, and the supply graph answers as of that day.", r.On.Format(time.DateOnly))
	}
	if r.Erased > 0 {
		say("%d passages were erased by retention: they cannot be judged again and are not counted.", r.Erased)
	}
	if r.Unreadable > 0 {
		say("%d records cannot be read and are not counted. The first: %s.", r.Unreadable, r.Unread[0])
	}
	if u := r.Unrecorded; u.Subjects > 0 {
		say("%d were judged with %d answers that no record holds, because the policy of then never asked: the supply graph %s gave them as of the day of each.", u.Subjects, u.Questions, r.Supply)
	}
	if r.Doubtful > 0 && r.Of == SubjectPassages {
		say("%d had no valid VIN: the draft judged what was recorded of them, and not once more the vehicle without what its VIN seems to say.", r.Doubtful)
	}
	if r.Learnt > 0 && r.Of == SubjectPassages {
		say("Of %d the record holds what was found in other vehicles of the kind: the draft judged with it.", r.Learnt)
	}
	for _, i := range r.Idle {
		when := "from " + i.From
		if i.From == "" {
			when = "until " + i.To
		}
		say("The rule %s (%s) was in force on no day judged: this says nothing of it.", i.Rule, when)
	}
	return out
}
