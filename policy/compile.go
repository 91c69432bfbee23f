package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// DefaultRule is the id under which a verdict names the policy's own default,
// when no rule decided.
const DefaultRule = "default"

// Policy is a rule file that was checked and compiled. It never changes and is
// safe for concurrent use. It must not be copied.
type Policy struct {
	doc       *document
	prog      []node // every condition in pre-order
	rules     []rule
	questions []SupplyQuestion // distinct questions without party and day
	terms     terms
	lifting   bool
	canonical []byte
	hash      string
	reasons   map[string]*ruleDoc
	name      string
	machines  sync.Pool

	bandsOnce sync.Once
	banded    [factCount][]band
}

// node is one step of the flat program. Its kids begin right behind it; end
// is where the next sibling begins.
type node struct {
	end      int32
	question int32 // index into questions, for supply tests
	op       op
	how      how
	test     test
	fact     factID
	raise    bool
	presumes bool
	// quantified marks a condition that speaks of modules.
	quantified bool
	num        int64
	lo, hi     int64 // howNumber: the range that is true, for every test but in
	text       string
	vals       []value // for testIn
}

// how says how an atom gets its value, so that deciding need not look it up.
type how uint8

const (
	howNumber how = iota
	howWord
	howSupply
	howHolds
)

func howOf(c *cond) how {
	switch {
	case c.test.supply():
		return howSupply
	case c.test == testInclude:
		return howHolds
	case c.fact.kind().numeric():
		return howNumber
	default:
		return howWord
	}
}

// span is the range of numbers for which a test is true.
func span(t test, x int64) (lo, hi int64) {
	switch t {
	case testAtLeast, testOnOrAfter:
		return x, math.MaxInt64
	case testMore:
		return x + 1, math.MaxInt64
	case testAtMost:
		return math.MinInt64, x
	case testLess, testBefore:
		return math.MinInt64, x - 1
	default:
		return x, x
	}
}

type rule struct {
	root      int32
	outcome   Outcome
	ifUnknown Outcome
	presumes  bool
	moments   moments
	source    Source // the instrument, as a reason shows it
	from, to  int64  // seconds since 1970, from included, to excluded
	lifts     []int32
}

func compile(d *document) *Policy {
	p := &Policy{doc: d, reasons: map[string]*ruleDoc{}, name: d.id + " " + d.version}
	at, asked := map[string]int32{}, map[SupplyQuestion]int32{}
	for i, r := range d.rules {
		at[r.id] = int32(i)
	}
	for _, r := range d.rules {
		c := rule{root: int32(len(p.prog)), outcome: r.outcome, ifUnknown: r.ifUnknown, presumes: presumes(r.when), moments: r.moments, source: r.instrument.source()}
		c.from, c.to = period(r.instrument)
		for _, id := range r.lifts {
			c.lifts = append(c.lifts, at[id])
			p.lifting = true
		}
		p.emit(r.when, asked)
		p.rules = append(p.rules, c)
		p.reasons[r.id] = r
	}
	p.terms = lower(p.prog, p.rules)
	p.canonical = canonical(d)
	sum := sha256.Sum256(p.canonical)
	p.hash = hex.EncodeToString(sum[:])
	return p
}

// period turns first and last day into seconds.
func period(in Instrument) (from, to int64) {
	from, to = -1<<62, 1<<62
	if t, err := time.Parse(time.DateOnly, in.From); err == nil {
		from = t.Unix()
	}
	if t, err := time.Parse(time.DateOnly, in.To); err == nil {
		to = t.AddDate(0, 0, 1).Unix()
	}
	return from, to
}

func (p *Policy) emit(c *cond, asked map[SupplyQuestion]int32) {
	i := len(p.prog)
	n := node{op: c.op, how: howOf(c), test: c.test, fact: c.fact, raise: c.raise, presumes: c.presumes}
	if len(c.vals) > 0 {
		n.num, n.text = c.vals[0].num, c.vals[0].text
	}
	n.lo, n.hi = span(c.test, n.num)
	if c.op == opAtom && c.test == testIn {
		n.vals = c.vals
	}
	if c.op == opAtom && c.test.supply() {
		q := SupplyQuestion{Op: testNames[c.test], Arg: n.text, Pct: c.pct}
		k, ok := asked[q]
		if !ok {
			k = int32(len(p.questions))
			asked[q] = k
			p.questions = append(p.questions, q)
		}
		n.question = k
	}
	p.prog = append(p.prog, n)
	for _, k := range c.kids {
		p.emit(k, asked)
	}
	p.prog[i].quantified = c.op.quantifier() || slices.ContainsFunc(p.prog[i+1:], func(k node) bool { return k.quantified })
	p.prog[i].end = int32(len(p.prog))
}

// Asks are the questions that the policy may put to the supply graph, each once
// and of no party and day yet.
func (p *Policy) Asks() []SupplyQuestion { return slices.Clone(p.questions) }

// ID is the policy's id and version, as a verdict names it.
func (p *Policy) ID() string { return p.name }

// Title is the policy's title.
func (p *Policy) Title() string { return p.fill(p.doc.title) }

// Status is "in force", "proposed" or "superseded", as its author says.
func (p *Policy) Status() string { return p.doc.status }

// Default is the least outcome when no grant rule speaks: flag or deny.
func (p *Policy) Default() Outcome { return p.doc.floor }

// Postures names the site's threat levels, least first; none where the rules
// compare them by number.
func (p *Policy) Postures() []string { return slices.Clone(p.doc.postures) }

// ExamplesNode is what the rule file holds under examples, or nil. It is kept
// as it stands for whoever runs the examples, and is no part of the canonical
// form: a policy of which only examples change keeps its hash.
func (p *Policy) ExamplesNode() *yaml.Node { return p.doc.examples }

// Omits says, in words, what of its instruments the policy does not encode.
func (p *Policy) Omits() []string { return slices.Clone(p.doc.omits) }

// MayChange lists the roles that may change the policy.
func (p *Policy) MayChange() []string { return slices.Clone(p.doc.mayChange) }

// Hash is the sha256 of the canonical form, in hexadecimal.
func (p *Policy) Hash() string { return p.hash }

// Canonical is the policy in its one canonical form: JSON (which is YAML, so
// that Load reads it back to a policy of the same hash), keys in fixed order,
// defaults written out, comments gone.
func (p *Policy) Canonical() []byte { return slices.Clone(p.canonical) }

// fill puts the parameters' values into words.
func (p *Policy) fill(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	for _, pm := range p.doc.params {
		s = strings.ReplaceAll(s, "{"+pm.name+"}", pm.text)
	}
	return s
}

// defaultSay are the words for a verdict that no rule decided.
var defaultSay = map[string]string{
	"en": "No rule decides this vehicle: ask the duty officer.",
	"pl": "Żadna reguła nie rozstrzyga o tym pojeździe: zapytaj oficera dyżurnego.",
	"de": "Keine Regel entscheidet über dieses Fahrzeug: Offizier vom Dienst fragen.",
}

// Say gives a rule's words for the guard in a language (en, pl, de …); English
// where there are none, and the empty string for a rule the policy has not.
func (p *Policy) Say(ruleID, lang string) string {
	if ruleID == DefaultRule {
		return inLanguage(defaultSay, lang)
	}
	r := p.reasons[ruleID]
	if r == nil {
		return ""
	}
	return p.fill(inLanguage(r.say, lang))
}

// Condition gives the words of a condition (Verdict.ConditionIDs) in a
// language, English where there are none.
func (p *Policy) Condition(id, lang string) string {
	for _, c := range p.doc.conditions {
		if c.id == id {
			return p.fill(inLanguage(c.langs, lang))
		}
	}
	return ""
}

func inLanguage(words map[string]string, lang string) string {
	if s, ok := words[lang]; ok {
		return s
	}
	return words["en"]
}

// Parameter is a value that the site chose.
type Parameter struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Words string `json:"words"`
}

// Parameters lists what the site chose.
func (p *Policy) Parameters() []Parameter {
	var out []Parameter
	for _, pm := range p.doc.params {
		out = append(out, Parameter{pm.name, pm.text, pm.words})
	}
	return out
}

// RuleView is one rule as a page shows it.
type RuleView struct {
	ID          string            `json:"id"`
	Title       string            `json:"title"`
	Outcome     Outcome           `json:"outcome"`
	IfUnknown   Outcome           `json:"if_unknown,omitempty"` // 0 for grant rules
	Instrument  Instrument        `json:"instrument"`
	When        string            `json:"when"` // the condition in English
	Presumption string            `json:"presumption,omitempty"`
	Conditions  []string          `json:"conditions,omitempty"` // ids
	WorkItem    string            `json:"work_item,omitempty"`
	Lifts       []string          `json:"lifts,omitempty"`
	AppliesOn   []string          `json:"applies_on"` // entry, exit, inside
	Exemption   *Exemption        `json:"exemption,omitempty"`
	Say         map[string]string `json:"say"`
}

// Rules lists the rules in file order. The view shares nothing with the policy.
func (p *Policy) Rules() []RuleView {
	out := make([]RuleView, len(p.doc.rules))
	for i, r := range p.doc.rules {
		say := map[string]string{}
		for k, v := range r.say {
			say[k] = p.fill(v)
		}
		out[i] = RuleView{ID: r.id, Title: p.fill(r.title), Outcome: r.outcome, IfUnknown: r.ifUnknown, Instrument: r.instrument,
			When: p.describe(r.when), Presumption: p.fill(r.presumption), Conditions: slices.Clone(r.conditions),
			WorkItem: r.workItem, Lifts: slices.Clone(r.lifts), AppliesOn: r.moments.names(), Exemption: r.exemption, Say: say}
	}
	return out
}
