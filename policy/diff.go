package policy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// DifferenceKind says what a difference is of.
type DifferenceKind string

// The kinds of difference.
const (
	DifferentPolicy DifferenceKind = "policy"  // of the policy as a whole
	RuleAdded       DifferenceKind = "added"   // a rule that the old policy has not
	RuleRemoved     DifferenceKind = "removed" // a rule that the new policy has not
	RuleRenamed     DifferenceKind = "renamed" // the same rule under another id
	RuleChanged     DifferenceKind = "changed" // one thing about a rule
)

// Difference is one thing in which two policies differ. Field, Old and New are
// as the rule file has them; the rest says it in words.
type Difference struct {
	Kind   DifferenceKind `json:"kind"`
	Rule   string         `json:"rule,omitempty"`  // its id in the new policy, or in the old one where it was removed
	Field  string         `json:"field,omitempty"` // such as outcome, instrument.from, when, say.pl, parameters.old_before
	Old    string         `json:"old,omitempty"`   // empty where there was nothing
	New    string         `json:"new,omitempty"`
	Text   string         `json:"text"`             // one sentence
	Effect *Effect        `json:"effect,omitempty"` // of a difference that can change an outcome
}

// Effect is what a difference means at the gate.
type Effect struct {
	From    string   `json:"from,omitempty"` // first day, YYYY-MM-DD
	To      string   `json:"to,omitempty"`   // last day
	Moments []string `json:"moments"`        // entry, exit, inside
	Zones   []string `json:"zones,omitempty"`
	Classes []string `json:"classes,omitempty"`
	// Before and After are outcomes, open for what a rule says while something is
	// not known. Empty is nothing: no rule is sure to speak there.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Reach says how the vehicles that the rule is true of changed.
	Reach Reach  `json:"reach,omitempty"`
	Text  string `json:"text"` // whom it concerns, before and after, where and from when, in one sentence
}

// Reach compares whom two conditions hold for.
type Reach string

// The ways in which two conditions can stand to each other.
const (
	ReachSame    Reach = "same"
	ReachWider   Reach = "wider"    // all it held for, and more
	ReachNarrow  Reach = "narrower" // some of those only
	ReachOther   Reach = "other"    // some fewer and some more
	ReachUnknown Reach = "undecided"
)

// Diff lists in what two policies differ: the policy as a whole first, then the
// rules in the order of the new file, then those that are gone. It is
// deterministic, and empty for a policy and itself only.
func Diff(old, new *Policy) []Difference {
	d := &differ{old: old, new: new, words: english{}}
	if old.hash == new.hash {
		return nil
	}
	d.policy()
	d.rules()
	if len(d.out) == 0 {
		d.add(Difference{Kind: DifferentPolicy, Field: "order", Text: d.words.order()})
	}
	return d.out
}

type differ struct {
	old, new *Policy
	words    sentences
	out      []Difference
	weigh    *weigher
}

func (d *differ) add(x Difference) { d.out = append(d.out, x) }

// field adds a difference of one value.
func (d *differ) field(kind DifferenceKind, rule, field, old, new string) {
	if old != new {
		d.add(Difference{Kind: kind, Rule: rule, Field: field, Old: old, New: new, Text: d.words.field(kind, rule, field, old, new)})
	}
}

// list adds a difference for each entry that came or went, and one where only
// the order or the number of times differs.
func (d *differ) list(kind DifferenceKind, rule, field string, old, new []string) {
	n := len(d.out)
	for _, s := range old {
		if !slices.Contains(new, s) {
			d.field(kind, rule, field, s, "")
		}
	}
	for _, s := range new {
		if !slices.Contains(old, s) {
			d.field(kind, rule, field, "", s)
		}
	}
	if n == len(d.out) {
		d.field(kind, rule, field, strings.Join(old, ", "), strings.Join(new, ", "))
	}
}

// langs adds a difference for each language whose words differ.
func (d *differ) langs(kind DifferenceKind, rule, field string, old, new map[string]string) {
	for _, k := range keysOf(old, new) {
		d.field(kind, rule, field+"."+k, old[k], new[k])
	}
}

func keysOf[K cmp.Ordered, V any](maps ...map[K]V) []K {
	var out []K
	for _, m := range maps {
		for k := range m {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (d *differ) policy() {
	o, n := d.old.doc, d.new.doc
	d.field(DifferentPolicy, "", "policy", o.id, n.id)
	d.field(DifferentPolicy, "", "version", o.version, n.version)
	d.field(DifferentPolicy, "", "title", o.title, n.title)
	d.field(DifferentPolicy, "", "status", o.status, n.status)
	if o.floor != n.floor {
		d.add(Difference{Kind: DifferentPolicy, Field: "default", Old: o.floor.String(), New: n.floor.String(),
			Text:   d.words.field(DifferentPolicy, "", "default", o.floor.String(), n.floor.String()),
			Effect: &Effect{Moments: onEntry.names(), Before: o.floor.String(), After: n.floor.String(), Text: d.words.floor(o.floor, n.floor)}})
	}
	d.list(DifferentPolicy, "", "postures", o.postures, n.postures)
	d.list(DifferentPolicy, "", "may_change", o.mayChange, n.mayChange)
	d.list(DifferentPolicy, "", "omits", o.omits, n.omits)
	d.params()
	before, after := map[string]map[string]string{}, map[string]map[string]string{}
	for _, c := range o.conditions {
		before[c.id] = c.langs
	}
	for _, c := range n.conditions {
		after[c.id] = c.langs
	}
	for _, id := range keysOf(before, after) {
		d.langs(DifferentPolicy, "", "conditions."+id, before[id], after[id])
	}
	names := func(list []*wording) (out []string) {
		for _, c := range list {
			out = append(out, c.id)
		}
		return out
	}
	if a, b := names(o.conditions), names(n.conditions); sameMembers(a, b) {
		d.field(DifferentPolicy, "", "order of conditions", strings.Join(a, ", "), strings.Join(b, ", "))
	}
}

func sameMembers(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// params compares what the site chose; a value that changed is told once, and
// not again in each rule that uses it.
func (d *differ) params() {
	before, after := map[string]*param{}, map[string]*param{}
	var a, b []string
	for _, p := range d.old.doc.params {
		before[p.name], a = p, append(a, p.name)
	}
	for _, p := range d.new.doc.params {
		after[p.name], b = p, append(b, p.name)
	}
	for _, name := range keysOf(before, after) {
		o, n := before[name], after[name]
		var ov, nv, ow, nw string
		if o != nil {
			ov, ow = o.text, o.words
			if n != nil && o.text == n.text && (o.node.Tag == "!!str") != (n.node.Tag == "!!str") {
				ov = strconv.Quote(ov)
			}
		}
		if n != nil {
			nv, nw = n.text, n.words
		}
		d.field(DifferentPolicy, "", "parameters."+name, ov, nv)
		d.field(DifferentPolicy, "", "parameters."+name+".words", ow, nw)
	}
	if sameMembers(a, b) {
		d.field(DifferentPolicy, "", "order of parameters", strings.Join(a, ", "), strings.Join(b, ", "))
	}
}

// bodyText is a rule's canonical form without its id.
func bodyText(r *ruleDoc) string {
	w := &writer{}
	c := *r
	c.id = ""
	w.rule(&c)
	return w.String()
}

func ruleText(r *ruleDoc) []byte {
	w := &writer{}
	w.rule(r)
	return w.Bytes()
}

func (d *differ) rules() {
	before := map[string]*ruleDoc{}
	after := map[string]*ruleDoc{}
	for _, r := range d.old.doc.rules {
		before[r.id] = r
	}
	for _, r := range d.new.doc.rules {
		after[r.id] = r
	}
	gone := map[string]*ruleDoc{} // by body
	for _, r := range d.old.doc.rules {
		if after[r.id] == nil {
			gone[bodyText(r)] = r
		}
	}
	renamed := map[string]bool{}
	for _, r := range d.new.doc.rules {
		o := before[r.id]
		if o == nil {
			if was := gone[bodyText(r)]; was != nil && !renamed[was.id] {
				renamed[was.id] = true
				d.add(Difference{Kind: RuleRenamed, Rule: r.id, Field: "id", Old: was.id, New: r.id, Text: d.words.renamed(was.id, r.id)})
				continue
			}
			d.add(Difference{Kind: RuleAdded, Rule: r.id, New: d.new.fill(r.title), Text: d.words.added(d.new, r), Effect: d.addedEffect(r)})
			continue
		}
		d.changed(o, r)
	}
	for _, r := range d.old.doc.rules {
		if after[r.id] == nil && !renamed[r.id] {
			d.add(Difference{Kind: RuleRemoved, Rule: r.id, Old: d.old.fill(r.title), Text: d.words.removed(d.old, r), Effect: d.removedEffect(r)})
		}
	}
	if a, b := ids(d.old.doc.rules), ids(d.new.doc.rules); sameMembers(a, b) {
		d.field(DifferentPolicy, "", "order of rules", strings.Join(a, ", "), strings.Join(b, ", "))
	}
}

func ids(rules []*ruleDoc) []string {
	var out []string
	for _, r := range rules {
		out = append(out, r.id)
	}
	return out
}

// changed compares two rules of the same id.
func (d *differ) changed(o, n *ruleDoc) {
	if bytes.Equal(ruleText(o), ruleText(n)) && d.sameValues(o.when, n.when) {
		return
	}
	first := len(d.out)
	f := func(field, old, new string) { d.field(RuleChanged, n.id, field, old, new) }
	f("outcome", o.outcome.String(), n.outcome.String())
	f("if_unknown", outcomeText(o.ifUnknown), outcomeText(n.ifUnknown))
	f("instrument.from", o.instrument.From, n.instrument.From)
	f("instrument.to", o.instrument.To, n.instrument.To)
	d.list(RuleChanged, n.id, "applies_on", o.moments.names(), n.moments.names())
	d.cond(n.id, o.when, n.when)
	d.list(RuleChanged, n.id, "lifts", o.lifts, n.lifts)
	d.list(RuleChanged, n.id, "conditions", o.conditions, n.conditions)
	f("work_item", o.workItem, n.workItem)
	outcomes := len(d.out)
	f("title", o.title, n.title)
	d.instrument(n.id, o.instrument, n.instrument)
	d.langs(RuleChanged, n.id, "exemption", exemptionText(o.exemption), exemptionText(n.exemption))
	f("presumption", o.presumption, n.presumption)
	d.langs(RuleChanged, n.id, "say", o.say, n.say)
	for _, k := range keysOf(o.ask, n.ask) {
		f("ask."+k.info().name, o.ask[k], n.ask[k])
	}
	if e := d.changedEffect(o, n); e != nil {
		if first == len(d.out) { // only the value of a parameter changed
			d.add(Difference{Kind: RuleChanged, Rule: n.id, Field: "when", Text: d.words.byParameter(n.id)})
			outcomes = len(d.out)
		}
		if first < outcomes {
			d.out[first].Effect = e
		}
	}
}

func outcomeText(o Outcome) string {
	if o == 0 {
		return ""
	}
	return o.String()
}

// instrument compares all that an instrument says but its period.
func (d *differ) instrument(rule string, o, n Instrument) {
	d.langs(RuleChanged, rule, "instrument", instrumentText(o), instrumentText(n))
}

// instrumentText is what an instrument says but its period, by the key in the
// rule file: through JSON, so that nothing that is added to it is forgotten.
func instrumentText(in Instrument) map[string]string {
	in.From, in.To = "", ""
	m := map[string]string{}
	b, err := json.Marshal(in)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		m = map[string]string{"": err.Error()}
	}
	return m
}

func exemptionText(e *Exemption) map[string]string {
	if e == nil {
		return nil
	}
	m := map[string]string{"holder": e.Holder, "issuer": e.Issuer}
	if e.Number != "" {
		m["number"] = e.Number
	}
	return m
}

// condText is a condition as the rule file has it.
func condText(c *cond) string {
	w := &writer{}
	w.cond(c)
	return w.String()
}

// sameValues says whether two conditions of the same text have the same
// values: a parameter's may differ.
func (d *differ) sameValues(o, n *cond) bool {
	if !slices.Equal(o.vals, n.vals) || len(o.kids) != len(n.kids) {
		return false
	}
	for i := range o.kids {
		if !d.sameValues(o.kids[i], n.kids[i]) {
			return false
		}
	}
	return true
}

// cond compares two conditions part by part.
func (d *differ) cond(rule string, o, n *cond) {
	if condText(o) == condText(n) {
		return
	}
	switch {
	case o.op == n.op && (o.op == opAll || o.op == opAny):
		d.parts(rule, o, n)
	case o.op == n.op && len(o.kids) == 1:
		d.cond(rule, o.kids[0], n.kids[0])
	default:
		d.part(rule, o, n)
	}
}

// part adds the difference of one part that became another, came or went.
func (d *differ) part(rule string, o, n *cond) {
	x := Difference{Kind: RuleChanged, Rule: rule, Field: "when"}
	if o != nil {
		x.Old = condText(o)
	}
	if n != nil {
		x.New = condText(n)
	}
	x.Text = d.words.part(rule, d.old, o, d.new, n)
	d.add(x)
}

// parts compares the parts of all or any: those alike first, then those about
// the same fact.
func (d *differ) parts(rule string, o, n *cond) {
	before, after := slices.Clone(o.kids), slices.Clone(n.kids)
	first := len(d.out)
	pair := func(alike func(x, y *cond) bool, then func(x, y *cond)) {
		for i := 0; i < len(before); i++ {
			k := slices.IndexFunc(after, func(y *cond) bool { return alike(before[i], y) })
			if k < 0 {
				continue
			}
			then(before[i], after[k])
			before, after = slices.Delete(before, i, i+1), slices.Delete(after, k, k+1)
			i--
		}
	}
	recurse := func(x, y *cond) { d.cond(rule, x, y) }
	pair(func(x, y *cond) bool { return condText(x) == condText(y) }, func(x, y *cond) {})
	pair(func(x, y *cond) bool { return x.op == opAtom && y.op == opAtom && x.fact == y.fact && x.test == y.test }, recurse)
	pair(func(x, y *cond) bool { return x.op == opAtom && y.op == opAtom && x.fact == y.fact }, recurse)
	pair(func(x, y *cond) bool { return x.op == y.op && x.op != opAtom && len(x.kids) > 0 }, recurse)
	for _, x := range before {
		d.part(rule, x, nil)
	}
	for _, y := range after {
		d.part(rule, nil, y)
	}
	if first == len(d.out) { // the same parts in another order
		d.part(rule, o, n)
	}
}
