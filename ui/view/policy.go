package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy"
)

// Policy is the page of the rules in force.
type Policy struct {
	Base
	ID, Hash, Default string
	Rules             []Rule
	Change            PolicyChange
	Edits             bool // the person may draft changes
	Histories         bool // the person may see the versions
}

func (Policy) template() string { return "policy" }

// PolicyChange is by whom the rules in force came into force and what is due,
// and the threat level, on which rules may depend.
type PolicyChange struct {
	Version  int    // 0 where versions are not kept
	Authors  string // empty where the site was set up with it
	Approver string // likewise
	Since    time.Time

	Next   int // takes effect by itself; 0 is none
	NextAt time.Time

	Posture      string // empty where the site has no levels
	PostureThen  string // holds from PostureUntil on; empty is none
	PostureUntil time.Time
}

// Rule is one rule in words.
type Rule struct {
	ID         string
	Outcome    string
	Say        string // words for the guard in the page's language
	Condition  string // the condition in words
	IfUnknown  string // outcome when the condition is unknown; empty is none
	Conditions []string
	Instrument Citation
	From, To   string // dates of effect; empty is open

	Index int       // in the file, from 0
	Title string    // what it is for, as its author writes it
	On    []string  // moments at which it speaks
	When  *RuleCond // the condition row by row; nil where only Condition is known
	Wrong []string  // what is wrong with it, in a draft
	Grave bool      // of what is wrong, something keeps it from being proposed

	OutcomeName, UnknownName string // in words
}

// RuleCond is one row of a condition in words of the page's language.
type RuleCond struct {
	Joins string // of a row that joins others, or is put before one
	Fact  string
	Asks  string
	Value string
	Text  string // what no row can show, as it is written
	Kids  []*RuleCond
}

// FactName is what a fact is called.
func (b Base) FactName(fact string) string { return b.Words.Or("fact."+fact, fact) }

// RuleValue is a value that a rule compares with, in words.
func (b Base) RuleValue(kind, v string) string {
	switch kind {
	case "country", "market", "origin":
		if name := b.Land(v); name != "" {
			return name + " (" + v + ")"
		}
		return v
	case "bool", "class", "zone", "certainty", "role", "basis", "weekday", "pass":
		return b.Words.Or("value."+v, v)
	}
	return v
}

// Land is a country's name, or nothing.
func (b Base) Land(code string) string {
	if code == "EU" {
		return "EU"
	}
	if !slices.Contains(policy.Countries(), code) {
		return ""
	}
	region, err := language.ParseRegion(code)
	if err != nil {
		return ""
	}
	tag, err := language.Parse(b.Lang())
	if err != nil {
		return ""
	}
	return display.Regions(tag).Name(region)
}

// NewRuleCond puts a condition into words.
func NewRuleCond(b Base, c *policy.FormCond) *RuleCond {
	if c == nil {
		return nil
	}
	switch {
	case c.Op == "yaml":
		return &RuleCond{Text: c.Text}
	case c.Op == "known" || c.Op == "unknown":
		return &RuleCond{Fact: b.FactName(c.Fact), Asks: b.T("join." + c.Op)}
	case c.Op == "fact":
		r := &RuleCond{Fact: b.FactName(c.Fact), Asks: b.Words.Or("test."+c.Test, c.Test)}
		kind := policy.ValueKind(c.Fact, c.Test)
		if kind == "share" {
			if r.Value = b.RuleValue("country", c.Country); c.AtLeast != "" {
				r.Value = b.T("rule.share", r.Value, c.AtLeast)
			}
			return r
		}
		var all []string
		for _, v := range c.Values {
			all = append(all, b.RuleValue(kind, v))
		}
		r.Value = strings.Join(all, ", ")
		return r
	}
	r := &RuleCond{Joins: b.Words.Or("join."+c.Op, c.Op)}
	for _, k := range c.Kids {
		r.Kids = append(r.Kids, NewRuleCond(b, k))
	}
	return r
}

// NewRules puts the rules of a form into words of the page's language.
func NewRules(b Base, f *policy.Form) []Rule {
	words := map[string]string{}
	for _, c := range f.Conditions {
		if words[c.ID] = c.Words[b.Lang()]; words[c.ID] == "" {
			words[c.ID] = c.Words["en"]
		}
	}
	var out []Rule
	for i, r := range f.Rules {
		row := Rule{
			ID: r.ID, Index: i, Title: r.Title, Outcome: r.Outcome, IfUnknown: r.IfUnknown, When: NewRuleCond(b, r.When), From: r.Instrument.From, To: r.Instrument.To,
			Instrument: Citation{Title: r.Instrument.Authority + ": " + r.Instrument.Title, Quote: r.Instrument.Quote, Date: r.Instrument.Date, Address: r.Instrument.Link},
		}
		if row.Say = r.Say[b.Lang()]; row.Say == "" {
			row.Say = r.Say["en"]
		}
		if row.IfUnknown == "" && r.Outcome != "grant" {
			row.IfUnknown = "flag"
		}
		row.OutcomeName = b.Words.Or("outcome."+row.Outcome, row.Outcome)
		row.UnknownName = b.Words.Or("outcome."+row.IfUnknown, row.IfUnknown)
		if row.IfUnknown == "" {
			row.UnknownName = "–"
		}
		for _, m := range r.AppliesOn {
			row.On = append(row.On, b.Words.Or("moment."+m, m))
		}
		for _, id := range r.Conditions {
			if w := words[id]; w != "" {
				id = w
			}
			row.Conditions = append(row.Conditions, id)
		}
		out = append(out, row)
	}
	return out
}

// Option is one choice of a form.
type Option struct {
	Value, Label string
	Chosen       bool
}

// Options are choices under a heading; an empty heading is none.
type Options struct {
	Label string
	List  []Option
}

// PolicyFault is one thing that is wrong with rules.
type PolicyFault struct {
	Severity string // error, warning, note
	Where    string // what it is about, in words
	Address  string // of the place where it can be put right; empty is none
	Line     int
	Text     string
	Suggest  string
}

// Grave says that rules with it cannot be proposed.
func (f PolicyFault) Grave() bool { return f.Severity == "error" }

// PolicyCase is one example with what came of it.
type PolicyCase struct {
	Index   int
	Name    string
	Why     string
	Wants   string // outcome
	Rule    string
	Came    string // outcome; empty where it could not be decided
	By      string // the rule that decided
	Faults  []string
	Request bool
	Text    string
}

// Passed says that it came as expected.
func (c PolicyCase) Passed() bool { return len(c.Faults) == 0 && c.Came != "" }

// PolicyCheck is what a check of rules found.
type PolicyCheck struct {
	Faults  []PolicyFault
	Cases   []PolicyCase
	Unshown []string // rules that no example shows
	Read    bool     // the rules read well, so that the examples ran
}

// Graves is the number of faults that keep the rules from being proposed.
func (c PolicyCheck) Graves() (n int) {
	for _, f := range c.Faults {
		if f.Grave() {
			n++
		}
	}
	return n
}

// Warnings are the faults that do not.
func (c PolicyCheck) Warnings() (n int) {
	for _, f := range c.Faults {
		if f.Severity == "warning" {
			n++
		}
	}
	return n
}

// Failed are the examples that came otherwise.
func (c PolicyCheck) Failed() (out []PolicyCase) {
	for _, x := range c.Cases {
		if !x.Passed() {
			out = append(out, x)
		}
	}
	return out
}

// Ready says that the rules may be proposed.
func (c PolicyCheck) Ready() bool {
	return c.Read && c.Graves() == 0 && len(c.Cases) > 0 && len(c.Failed()) == 0 && len(c.Unshown) == 0
}

// Tone is the outcome whose shape stands for how the check went.
func (c PolicyCheck) Tone() string {
	switch {
	case !c.Read || c.Graves() > 0:
		return "deny"
	case !c.Ready():
		return "flag"
	}
	return "grant"
}

// CheckPane is a check as a page shows it.
type CheckPane struct {
	Base
	Check PolicyCheck
	OOB   bool
}

// PolicyDiff is one thing in which rules differ.
type PolicyDiff struct {
	What   string // added, removed, changed …, in words
	Rule   string
	Field  string // in words
	Before string
	After  string
	Means  string // for whom, from when; English
}

// NewPolicyDiffs puts differences into words: what changes at the gate first.
func NewPolicyDiffs(b Base, list []policy.Difference) (gate, rest []PolicyDiff) {
	for _, d := range list {
		field, _, _ := strings.Cut(d.Field, ".")
		x := PolicyDiff{What: b.Words.Or("diff."+string(d.Kind), string(d.Kind)), Rule: d.Rule, Before: d.Old, After: d.New}
		if field != "" {
			x.Field = b.Words.Or("rule.field."+field, field)
			if _, more, ok := strings.Cut(d.Field, "."); ok {
				x.Field += " · " + more
			}
		}
		for _, s := range []*string{&x.Before, &x.After} {
			if b.Words.Has("outcome." + *s) {
				*s = b.T("outcome." + *s)
			}
		}
		if d.Effect != nil {
			x.Means = d.Effect.Text
			gate = append(gate, x)
			continue
		}
		if d.Kind == policy.RuleAdded || d.Kind == policy.RuleRemoved {
			x.Means = d.Text
		}
		rest = append(rest, x)
	}
	return gate, rest
}

// PolicyVersions is the page of all versions.
type PolicyVersions struct {
	Base
	Rows  []VersionRow // newest first
	Edits bool
}

func (PolicyVersions) template() string { return "policyversions" }

// VersionRow is one version.
type VersionRow struct {
	Number  int
	ID      string
	State   string // gate.PolicyState
	Authors string
	At      time.Time
	Note    string
	From    time.Time // of its approval
	Of      int       // the version whose text it is
}

// StateName is the state in words.
func (b Base) StateName(state string) string {
	return b.Words.Or("version.state."+strings.ReplaceAll(state, " ", "-"), state)
}

// NewVersionRow makes one row.
func NewVersionRow(v gate.PolicyVersion, state gate.PolicyState) VersionRow {
	r := VersionRow{Number: v.Number, ID: v.ID, State: string(state), At: v.At, Note: v.Note, Of: v.Of}
	if v.Author != gate.SetUp {
		r.Authors = strings.Join(append([]string{v.Author}, v.Editors...), ", ")
	}
	for _, s := range v.Steps {
		if s.Kind == gate.StepApproved {
			r.From = s.From
		}
	}
	return r
}

// PolicyVersion is the page of one version.
type PolicyVersion struct {
	Base
	Row       VersionRow
	Steps     []VersionStep
	Against   int // the version in force, which it is compared with; 0 is none
	Gate      []PolicyDiff
	Rest      []PolicyDiff
	Check     *PolicyCheck
	Rules     []Rule
	Text      string
	Acts      []string // propose, approve, reject, withdraw, rollback: what may be done
	Own       bool     // the person's own, which somebody else must approve
	Problem   string   // in words
	Detail    string   // in English
	Note      string   // as typed
	From      string   // as typed
	Trial     *Trial   // the latest back-test of its text
	Days      int
	Drafts    bool // the person may take its text for a draft
	HasAtOnce bool // vehicles that wait are decided again at once
}

func (PolicyVersion) template() string { return "policyversion" }

// May says whether an act is offered.
func (p PolicyVersion) May(act string) bool { return slices.Contains(p.Acts, act) }

// VersionStep is one step of a version.
type VersionStep struct {
	Kind string // in words
	By   string
	At   time.Time
	From time.Time
	Note string
}

// NewVersionSteps are the steps of a version, oldest first.
func NewVersionSteps(b Base, v gate.PolicyVersion) []VersionStep {
	out := []VersionStep{{Kind: b.T("version.step.drafted"), By: v.Author, At: v.At, Note: v.Note}}
	for _, s := range v.Steps {
		out = append(out, VersionStep{Kind: b.Words.Or("version.step."+string(s.Kind), string(s.Kind)), By: s.By, At: s.At, From: s.From, Note: s.Note})
	}
	for i := range out {
		if out[i].By == gate.SetUp {
			out[i].By = b.T("policy.nobody")
		}
	}
	return out
}

// PolicyStart is a text that a draft may begin with.
type PolicyStart struct{ Value, Label string }

// PolicyDraft is the page of a person's draft as a whole.
type PolicyDraft struct {
	Base
	There   bool // there is one
	Starts  []PolicyStart
	Of      int // the version that it began with; 0 is none
	Saved   time.Time
	Rev     int
	Tab     string
	Rules   []Rule
	Form    *policy.Form // nil where the text is no YAML
	Check   PolicyCheck
	Gate    []PolicyDiff
	Rest    []PolicyDiff
	Against int
	Lost    []string
	Problem string
	Detail  string
	Note    string
	Trial   *Trial
	Days    int
	Roles   []Option // that may change the rules
	Newest  int      // a version approved since the draft began; 0 is none
}

func (PolicyDraft) template() string { return "policydraft" }

// Pane is the check of the draft.
func (p PolicyDraft) Pane() CheckPane { return CheckPane{p.Base, p.Check, false} }

// Defaults are the outcomes where no rule speaks.
func (p PolicyDraft) Defaults() []Option {
	return options([]string{"flag", "deny"}, func(s string) string { return p.T("outcome." + s) }, p.Form.Default)
}

func options(values []string, label func(string) string, chosen ...string) (out []Option) {
	for _, v := range values {
		out = append(out, Option{v, label(v), slices.Contains(chosen, v)})
	}
	return out
}

// PolicyRule is the editor of one rule.
type PolicyRule struct {
	Base
	Index, Of int
	Rev       int
	Tab       string
	Rule      policy.FormRule
	Form      *policy.Form
	Names     RuleNames
	Problems  map[string][]string // by field
	Check     PolicyCheck
	YAML      string // the rule as it is written
	Lost      []string
	Problem   string
	Detail    string
	Saved     time.Time
	Whole     bool // the form itself is sent again, and what stands beside it with it
}

func (*PolicyRule) template() string { return "policyrule" }

// RuleNames are the names that the site's data hold, for completion.
type RuleNames struct {
	Parties, Lists, Trusted, Authorities, Makes, Models, WorkItems, Postures []Option
}

// FieldSlot is the place of the problems of one field.
type FieldSlot struct {
	ID       string
	Problems []string
	OOB      bool
}

func slotID(field string) string {
	return "p-" + strings.NewReplacer(".", "-", " ", "-").Replace(field)
}

// Slot is that of one field.
func (p *PolicyRule) Slot(field string) FieldSlot {
	return FieldSlot{ID: slotID(field), Problems: p.Problems[field]}
}

// Slots are those of all fields, to be put in place while somebody types.
func (p *PolicyRule) Slots() []FieldSlot {
	fields := []string{"", "id", "title", "outcome", "if_unknown", "applies_on", "instrument", "presumption", "conditions", "work_item", "lifts", "exemption", "say"}
	for _, k := range [...]string{"id", "authority", "title", "status", "quote", "link", "date", "from", "to"} {
		fields = append(fields, "instrument."+k)
	}
	for _, k := range [...]string{"holder", "issuer", "number"} {
		fields = append(fields, "exemption."+k)
	}
	for _, l := range p.Tongues() {
		fields = append(fields, "say."+l.Value)
	}
	var walk func(c *policy.FormCond, path string)
	walk = func(c *policy.FormCond, path string) {
		fields = append(fields, path)
		for i, k := range c.Kids {
			walk(k, path+"."+strconv.Itoa(i))
		}
	}
	if p.Rule.When != nil {
		walk(p.Rule.When, "when")
	} else {
		fields = append(fields, "when")
	}
	var out []FieldSlot
	for _, f := range fields {
		s := p.Slot(f)
		s.OOB = true
		out = append(out, s)
	}
	return out
}

// Pane is the check of the draft.
func (p *PolicyRule) Pane() CheckPane { return CheckPane{p.Base, p.Check, false} }

// TypedPane is it while somebody types.
func (p *PolicyRule) TypedPane() CheckPane { return CheckPane{p.Base, p.Check, true} }

// Number is the rule's place, from 1.
func (p *PolicyRule) Number() int { return p.Index + 1 }

// Outcomes that a rule may say.
func (p *PolicyRule) Outcomes() []Option {
	return options([]string{"deny", "flag", "grant"}, func(s string) string { return p.T("outcome." + s) }, p.Rule.Outcome)
}

// Unknowns are what a rule may say where its condition is not known.
func (p *PolicyRule) Unknowns() []Option {
	was := p.Rule.IfUnknown
	if was == "" {
		was = "flag"
	}
	return options([]string{"flag", "deny"}, func(s string) string { return p.T("outcome." + s) }, was)
}

// Moments at which a rule may speak.
func (p *PolicyRule) Moments() []Option {
	on := p.Rule.AppliesOn
	if len(on) == 0 {
		on = []string{"entry"}
	}
	return options([]string{"entry", "exit", "inside"}, func(s string) string { return p.T("moment." + s) }, on...)
}

// Tongue is a language with a rule's words in it.
type Tongue struct{ Value, Label, Text string }

// Tongues are the languages of the screens, and others that the rule has.
func (p *PolicyRule) Tongues() []Tongue {
	var out []Tongue
	seen := map[string]bool{}
	for _, l := range p.Languages {
		seen[l.Code] = true
		out = append(out, Tongue{l.Code, l.Name, p.Rule.Say[l.Code]})
	}
	var more []string
	for l := range p.Rule.Say {
		if !seen[l] {
			more = append(more, l)
		}
	}
	slices.Sort(more)
	for _, l := range more {
		out = append(out, Tongue{l, l, p.Rule.Say[l]})
	}
	return out
}

// Imposes are the conditions of the policy, and which the rule imposes.
func (p *PolicyRule) Imposes() (out []Option) {
	for _, c := range p.Form.Conditions {
		label := c.Words[p.Lang()]
		if label == "" {
			label = c.Words["en"]
		}
		if label == "" {
			label = c.ID
		}
		out = append(out, Option{c.ID, label, slices.Contains(p.Rule.Conditions, c.ID)})
	}
	for _, id := range p.Rule.Conditions {
		if !slices.ContainsFunc(out, func(o Option) bool { return o.Value == id }) {
			out = append(out, Option{id, id, true})
		}
	}
	return out
}

// Lifted are the rules that this one may lift, and which it lifts.
func (p *PolicyRule) Lifted() (out []Option) {
	for i, r := range p.Form.Rules {
		if i != p.Index && (r.Outcome != "grant" || slices.Contains(p.Rule.Lifts, r.ID)) {
			out = append(out, Option{r.ID, r.ID + " – " + r.Title, slices.Contains(p.Rule.Lifts, r.ID)})
		}
	}
	for _, id := range p.Rule.Lifts {
		if !slices.ContainsFunc(out, func(o Option) bool { return o.Value == id }) {
			out = append(out, Option{id, id, true})
		}
	}
	return out
}

// CondRow is one row of the editor of a condition.
type CondRow struct {
	Base
	Path  string
	Slot  FieldSlot
	Cond  *policy.FormCond
	Kids  []CondRow
	Kind  string // of the value
	Alone bool   // it cannot be taken away
	page  *PolicyRule
}

// Top is the uppermost row.
func (p *PolicyRule) Top() CondRow {
	c := p.Rule.When
	if c == nil {
		c = &policy.FormCond{Op: "fact"}
	}
	return p.row(c, "when", true)
}

func (p *PolicyRule) row(c *policy.FormCond, path string, alone bool) CondRow {
	r := CondRow{Base: p.Base, Path: path, Slot: p.Slot(path), Cond: c, Alone: alone, page: p}
	if c.Op == "fact" {
		r.Kind = policy.ValueKind(c.Fact, c.Test)
	}
	for i, k := range c.Kids {
		r.Kids = append(r.Kids, p.row(k, path+"."+strconv.Itoa(i), policy.OneKid(c.Op)))
	}
	return r
}

// ID names a control of the row on its page.
func (r CondRow) ID(part string) string {
	return "c-" + strings.ReplaceAll(r.Path, ".", "-") + "-" + part
}

// Joins are the words that a row may begin with.
func (r CondRow) Joins() []Option {
	ops := policy.FormOps()
	if r.Cond.Op == "yaml" {
		ops = append(ops, "yaml")
	}
	return options(ops, func(s string) string { return r.T("join." + s) }, r.Cond.Op)
}

// IsFact, Knows, Many and One say of what kind the row is.
func (r CondRow) IsFact() bool { return r.Cond.Op == "fact" }

// Knows says that the row asks whether something is known.
func (r CondRow) Knows() bool { return r.Cond.Op == "known" || r.Cond.Op == "unknown" }

// Many says that the row joins others.
func (r CondRow) Many() bool { return policy.ManyKids(r.Cond.Op) }

// Facts are the facts, by what they are about; those of a module only where a
// row above asks about modules.
func (r CondRow) Facts() (out []Options) {
	if r.Cond.Fact == "" {
		out = append(out, Options{List: []Option{{"", r.T("rule.choose"), true}}})
	}
	known := r.Cond.Fact == ""
	for _, f := range policy.Vocabulary() {
		family, _, _ := strings.Cut(f.Name, ".")
		label := r.Words.Or("facts."+family, family)
		if len(out) == 0 || out[len(out)-1].Label != label {
			out = append(out, Options{Label: label})
		}
		g := &out[len(out)-1]
		known = known || f.Name == r.Cond.Fact
		g.List = append(g.List, Option{f.Name, r.FactName(f.Name), f.Name == r.Cond.Fact})
	}
	if !known {
		out = append(out, Options{List: []Option{{r.Cond.Fact, r.Cond.Fact, true}}})
	}
	return out
}

// Tests are what may be asked of the row's fact.
func (r CondRow) Tests() []Option {
	i := slices.IndexFunc(policy.Vocabulary(), func(f policy.FactView) bool { return f.Name == r.Cond.Fact })
	var names []string
	if i >= 0 {
		names = policy.Vocabulary()[i].Operators
	}
	if !slices.Contains(names, r.Cond.Test) {
		names = append([]string{r.Cond.Test}, names...)
	}
	return options(names, func(s string) string { return r.Words.Or("test."+s, s) }, r.Cond.Test)
}

// Several says that the row compares with several values.
func (r CondRow) Several() bool { return r.Cond.Test == "in" }

// Choices are the values, where they are few.
func (r CondRow) Choices() []Option {
	var values []string
	switch r.Kind {
	case "bool":
		values = []string{"true", "false"}
	case "class", "zone", "certainty", "role", "basis", "weekday", "pass":
		for _, f := range policy.Vocabulary() {
			if f.Name == r.Cond.Fact {
				values = f.Values
			}
		}
	default:
		return nil
	}
	values = slices.Clone(values)
	for _, v := range r.Cond.Values {
		if v != "" && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	out := options(values, func(s string) string { return r.RuleValue(r.Kind, s) }, r.Cond.Values...)
	if !r.Several() && (len(r.Cond.Values) == 0 || r.Cond.Values[0] == "") {
		out = append([]Option{{"", r.T("rule.choose"), true}}, out...)
	}
	return out
}

// Value is what the row compares with, as it is typed.
func (r CondRow) Value() string { return strings.Join(r.Cond.Values, ", ") }

// Complete is the list of names that complete what is typed; empty is none.
func (r CondRow) Complete() string {
	switch r.Kind {
	case "party":
		return "names-parties"
	case "list":
		return "names-lists"
	case "trusted":
		return "names-trusted"
	case "authority":
		return "names-authorities"
	case "country", "market":
		return "names-lands"
	case "origin":
		return "names-origins"
	case "posture":
		return "names-postures"
	case "text":
		switch r.Cond.Fact {
		case "vehicle.make":
			return "names-makes"
		case "module.model":
			return "names-models"
		}
	}
	return ""
}

// Reads says a typed value in words, where it is a code or an id.
func (r CondRow) Reads() string {
	var out []string
	for _, v := range r.Cond.Values {
		switch r.Kind {
		case "country", "market", "origin":
			if n := r.Land(v); n != "" {
				out = append(out, n)
			}
		}
		var list []Option
		switch r.Kind {
		case "party", "origin":
			list = r.page.Names.Parties
		case "list":
			list = r.page.Names.Lists
		case "trusted":
			list = r.page.Names.Trusted
		case "authority":
			list = r.page.Names.Authorities
		}
		for _, o := range list {
			if o.Value == v && o.Label != v {
				out = append(out, o.Label)
			}
		}
	}
	if r.Kind == "share" {
		out = append(out, r.Land(r.Cond.Country))
	}
	return strings.Join(out, ", ")
}

// Lands are all countries.
func (b Base) Lands() (out []Option) {
	for _, c := range policy.Countries() {
		out = append(out, Option{c, b.Land(c), false})
	}
	slices.SortFunc(out, func(x, y Option) int { return strings.Compare(x.Label, y.Label) })
	return out
}

// PolicyText is the editor of the text of a draft.
type PolicyText struct {
	Base
	Text    string
	Rev     int
	Tab     string
	Check   PolicyCheck
	Problem string
	Saved   time.Time
}

func (*PolicyText) template() string { return "policytext" }

// Pane is the check of the draft.
func (p *PolicyText) Pane() CheckPane { return CheckPane{p.Base, p.Check, false} }

// TypedPane is it while somebody types.
func (p *PolicyText) TypedPane() CheckPane { return CheckPane{p.Base, p.Check, true} }

// PolicyExamples is the page of a draft's examples.
type PolicyExamples struct {
	Base
	Rev     int
	Tab     string
	Check   PolicyCheck
	Rules   []Option
	New     policy.FormCase
	Names   RuleNames
	Facts   []CaseFact
	Told    []policy.FormTold
	Came    string // of the case that is put together: what the rules make of it
	CameBy  string
	Because string
	Problem string
	Detail  string
	Lost    []string
	Request map[string]string
}

func (PolicyExamples) template() string { return "policyexamples" }

// CaseFact is one row of a case.
type CaseFact struct {
	Fact, Value string
	Facts       []Options
}

// NewCaseFact makes one row of a case.
func NewCaseFact(b Base, f policy.FormFact) CaseFact {
	out := CaseFact{Fact: f.Fact, Value: f.Value, Facts: []Options{{List: []Option{{"", "–", f.Fact == ""}}}}}
	for _, v := range policy.Vocabulary() {
		if v.Kind == "count" {
			continue
		}
		family, _, _ := strings.Cut(v.Name, ".")
		label := b.Words.Or("facts."+family, family)
		if out.Facts[len(out.Facts)-1].Label != label {
			out.Facts = append(out.Facts, Options{Label: label})
		}
		g := &out.Facts[len(out.Facts)-1]
		g.List = append(g.List, Option{v.Name, b.FactName(v.Name), v.Name == f.Fact})
	}
	return out
}

// Outcomes that a case may expect.
func (p PolicyExamples) Outcomes() []Option {
	return options([]string{"deny", "flag", "grant"}, func(s string) string { return p.T("outcome." + s) }, p.New.Outcome)
}

// Moments at which a case may be.
func (p PolicyExamples) Moments() []Option {
	was := p.New.Moment
	if was == "" {
		was = "entry"
	}
	return options([]string{"entry", "exit", "inside"}, func(s string) string { return p.T("moment." + s) }, was)
}

// Values are words that a fact may have, for completion.
func (p PolicyExamples) Values() (out []Option) {
	seen := map[string]bool{}
	for _, f := range policy.Vocabulary() {
		for _, v := range f.Values {
			if !seen[v] {
				seen[v] = true
				out = append(out, Option{v, p.RuleValue(f.Kind, v), false})
			}
		}
	}
	return out
}

// Classes and Zones of a vehicle that goes through the reference data.
func (p PolicyExamples) Classes() []Option {
	return options(valuesOf("registration.class"), func(s string) string { return p.RuleValue("class", s) }, p.Request["class"])
}

// Zones that the vehicle may come to.
func (p PolicyExamples) Zones() []Option {
	return options(valuesOf("site.zone"), func(s string) string { return p.RuleValue("zone", s) }, p.Request["zone"])
}

// Questions that may be answered of a party.
func (p PolicyExamples) Questions() []Option {
	return options([]string{"controlled_from", "listed_on", "design_from", "owner_resolved", "trusted_by", "authorised_by"}, func(s string) string { return p.Words.Or("test."+s, s) })
}

// Answers to them.
func (p PolicyExamples) Answers() []Option {
	return []Option{{"true", p.T("value.true"), false}, {"false", p.T("value.false"), false}, {"unknown", p.T("value.unknown"), false}}
}

// Pane is the check of the draft.
func (p PolicyExamples) Pane() CheckPane { return CheckPane{p.Base, p.Check, false} }

func valuesOf(fact string) []string {
	for _, f := range policy.Vocabulary() {
		if f.Name == fact {
			return f.Values
		}
	}
	return nil
}

// Trial is a back-test, under way or done.
type Trial struct {
	Base
	ID          string
	By          string
	Policy      string
	Version     int // 0: of a draft
	Days        int
	Begun       time.Time
	Ended       time.Time // zero: under way
	Done, Total int
	Cancelled   bool
	Failed      string
	Report      *gate.BacktestReport
	MayOpen     bool // the passages
}

func (*Trial) template() string  { return "policytrial" }
func (*Trial) regions() []string { return []string{"trial"} }

func (*PolicyRule) regions() []string { return []string{"form", "typed"} }
func (*PolicyText) regions() []string { return []string{"typed"} }

// Running says that it is under way.
func (t *Trial) Running() bool { return t.Ended.IsZero() }

// Percent of it that is done.
func (t *Trial) Percent() int {
	if t.Total == 0 {
		return 0
	}
	return min(100, 100*t.Done/t.Total)
}

// Matrix is before against after.
func (t *Trial) Matrix() (out []MatrixRow) {
	for i, r := range t.Report.Matrix {
		row := MatrixRow{Before: r.Before}
		for k, n := range [...]int{r.After.Grant, r.After.Flag, r.After.Deny} {
			row.Cells = append(row.Cells, MatrixCell{n, k == i})
		}
		out = append(out, row)
	}
	return out
}

// MatrixRow is one row of the matrix.
type MatrixRow struct {
	Before string
	Cells  []MatrixCell // grant, flag, deny
}

// MatrixCell is one number of the matrix.
type MatrixCell struct {
	N    int
	Same bool
}

// Charts of the report: verdicts over time before and under the rules tried, and
// what changes by make and class.
func (t *Trial) Charts() []Chart {
	list, per := t.Report.Periods()
	var names []string
	was, is := [3][]float64{}, [3][]float64{}
	for _, g := range list {
		names = append(names, g.Name)
		for i, n := range [...][2]int{{g.Before.Grant, g.After.Grant}, {g.Before.Flag, g.After.Flag}, {g.Before.Deny, g.After.Deny}} {
			was[i], is[i] = append(was[i], float64(n[0])), append(is[i], float64(n[1]))
		}
	}
	series := func(v [3][]float64) (out []Series) {
		for i, o := range [...]string{"grant", "flag", "deny"} {
			out = append(out, Series{t.T("outcome." + o), o, v[i]})
		}
		return out
	}
	rows := t.T("trial.per." + per)
	out := []Chart{
		{Base: t.Base, ID: "was", Title: t.T("trial.before"), About: t.T("trial.before.about"), Rows: rows, Kind: Columns, Points: names, Series: series(was)},
		{Base: t.Base, ID: "is", Title: t.T("trial.after"), About: t.T("trial.after.about"), Rows: rows, Kind: Columns, Points: names, Series: series(is)},
	}
	for _, g := range []struct {
		id, key string
		list    []gate.BacktestGroup
		kind    string
	}{{"makes", "trial.makes", t.Report.Makes, ""}, {"classes", "trial.classes", t.Report.Classes, "class"}, {"zones", "trial.zones", t.Report.Zones, "zone"}} {
		c := Chart{Base: t.Base, ID: g.id, Title: t.T(g.key), About: t.T("trial.changes.about"), Rows: t.T(g.key + ".row"), Kind: Bars, Series: []Series{{Name: t.T("trial.stricter"), Tone: "deny"}, {Name: t.T("trial.milder"), Tone: "grant"}}}
		for _, k := range g.list {
			if k.Stricter+k.Milder == 0 || len(c.Points) == 12 {
				continue
			}
			name := t.RuleValue(g.kind, k.Name)
			if k.Name == "unknown" {
				name = t.T("value.unknown")
			}
			c.Points = append(c.Points, name)
			c.Series[0].Values = append(c.Series[0].Values, float64(k.Stricter))
			c.Series[1].Values = append(c.Series[1].Values, float64(k.Milder))
		}
		if len(c.Points) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// Posture is the page of the threat level.
type Posture struct {
	Base
	Level   string
	State   gate.PostureState
	Levels  []PostureLevel
	Sets    bool                 // the person may change it
	Lowers  bool                 // and lower it
	History []gate.PostureChange // newest first
	Lines   []PostureLine        // who is at the line
	Rules   []PostureRule        // that look at the level
	Problem string
	Detail  string
	Ask     gate.PostureAsk // as asked for
	Hours   string          // likewise
	Said    bool            // it was just changed
}

func (Posture) template() string { return "posture" }

// PostureLevel is one of the site's levels.
type PostureLevel struct {
	Name, Words  string
	Here         bool
	Higher, Less bool // than what holds
}

// PostureLine is one vehicle at a lane.
type PostureLine struct {
	Lane    string
	Name    string
	Vehicle string
	Before  string // what was decided before the level was changed; empty where nothing was decided again for it
	Now     string
	Rule    string
	At      time.Time
	Waits   bool
}

// PostureRule is a rule that looks at the level.
type PostureRule struct {
	ID, Title, Outcome string
	When               *RuleCond
}

// LooksAt says whether a condition asks about a fact.
func LooksAt(c *policy.FormCond, fact string) bool {
	return c != nil && (c.Fact == fact || slices.ContainsFunc(c.Kids, func(k *policy.FormCond) bool { return LooksAt(k, fact) }))
}

// Waiting is the number of lanes with a vehicle that would be decided again.
func (p Posture) Waiting() (n int) {
	for _, l := range p.Lines {
		if l.Waits {
			n++
		}
	}
	return n
}

// PolicyPlace says in words where a fault is, and where it can be put right.
func (b Base) PolicyPlace(f *policy.Form, at policy.FormPlace) (where, address string) {
	name := func(field string) string {
		first, more, ok := strings.Cut(field, ".")
		if first == "" {
			return ""
		}
		s := b.Words.Or("rule.field."+first, first)
		if ok && first != "when" {
			s += " · " + more
		}
		return s
	}
	switch {
	case f == nil:
		return "", "/policy/draft/text"
	case at.Rule >= 0 && at.Rule < len(f.Rules):
		where, address = f.Rules[at.Rule].ID, fmt.Sprintf("/policy/draft/rules/%d", at.Rule)
		if n := name(at.Field); n != "" {
			where += " · " + n
			address += "#" + slotID(at.Field)
		}
		return where, address
	case at.Example >= 0 && at.Example < len(f.Examples):
		return f.Examples[at.Example].Name, fmt.Sprintf("/policy/draft/examples#x%d", at.Example)
	}
	return name(at.Field), "/policy/draft"
}

// MayRaise says whether the person may change the threat level, and MayEdit
// whether they may draft rules.
func MayRaise(b Base) bool { return b.Person != nil && auth.May(b.Person.Role, auth.RaisePosture) }
