package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Trace is a decision atom by atom: beside the findings, the value of every
// part of every rule, for the vehicle and for each candidate of each unit, also
// where it could no longer change the outcome. It is compact, may be used again
// like Findings, and is put into a tree or words when they are asked for.
type Trace struct {
	Findings
}

// Trace decides like Find and works out every part of every rule.
func (p *Policy) Trace(f *Facts, s Supply, into *Trace) {
	p.Find(f, s, &into.Findings)
	m := &into.machine
	for u := range f.Units {
		for k := range f.Units[u].Candidates {
			m.take(u, k)
			for i := range m.terms {
				if t := &m.terms[i]; t.mask != 0 && m.memo[m.at(t)] == 0 {
					m.work(t)
				}
			}
			m.drop()
		}
	}
	for i := range m.terms {
		if t := &m.terms[i]; t.mask == 0 && m.memo[t.place] == 0 {
			m.work(t)
		}
	}
}

// Node is one part of a rule in a trace.
type Node struct {
	Text    string   `json:"text"`  // what is asked, or of which unit or module the parts below speak
	Value   string   `json:"value"` // true, false or unknown
	Decided bool     `json:"decided,omitempty"`
	Fact    string   `json:"fact,omitempty"`    // as rules name it
	Actual  string   `json:"actual,omitempty"`  // the fact's value; "unknown" where there is none
	Because string   `json:"because,omitempty"` // what was heard on the air, and what the supply graph answered
	Sources []Source `json:"sources,omitempty"` // of the fact, then of what stands behind the party it names
	Parts   []Node   `json:"parts,omitempty"`
}

// RuleTrace is one rule in a trace.
type RuleTrace struct {
	Rule     string `json:"rule"`
	Title    string `json:"title"`
	Outcome  string `json:"outcome"`             // what it says when it is true
	Silent   string `json:"silent,omitempty"`    // why it does not apply at this instant and moment
	Value    string `json:"value"`               // true, false or unknown; false where it does not apply
	Says     string `json:"says,omitempty"`      // what it contributes; empty is nothing
	LiftedBy string `json:"lifted_by,omitempty"` // the rule that makes it count for nothing
	When     Node   `json:"when"`
}

// Rules gives every rule part by part, in the order of the file.
func (t *Trace) Rules() []RuleTrace {
	out := make([]RuleTrace, len(t.p.rules))
	for i := range out {
		out[i] = t.Rule(i)
	}
	return out
}

// Rule gives the rule at index i of the file part by part.
func (t *Trace) Rule(i int) RuleTrace {
	r, d := &t.p.rules[i], t.p.doc.rules[i]
	v := t.vals[i]
	out := RuleTrace{Rule: d.id, Title: t.p.fill(d.title), Outcome: d.outcome.String(), Value: v.String(), Silent: t.silent(r)}
	if st := t.standing(i); st != nil {
		if o := st.says(v); o != 0 {
			out.Says = o.String()
		}
		if by := t.lifted[i]; by != 0 {
			out.LiftedBy = t.p.doc.rules[by-1].id
		}
	}
	var by []clause
	if out.Silent == "" {
		by = t.account(i)
	}
	out.When = t.node(d.when, r.root, by)
	return out
}

// standing is a rule that applies, or nil.
func (m *machine) standing(rule int) *standing {
	i, ok := slices.BinarySearchFunc(m.force, int32(rule), func(s standing, r int32) int { return cmp.Compare(s.rule, r) })
	if !ok {
		return nil
	}
	return &m.force[i]
}

// silent says why a rule does not apply at all, or "".
func (m *machine) silent(r *rule) string {
	day := func(s int64) string { return time.Unix(s, 0).UTC().Format(time.DateOnly) }
	switch {
	case m.now < r.from:
		return "it applies from " + day(r.from)
	case m.now >= r.to:
		return "it applied until " + day(r.to-1)
	case m.moment&r.moments == 0:
		return "it applies on " + strings.Join(r.moments.names(), " and ") + " only"
	}
	return ""
}

// account is what decided a rule that applies, whatever its value is.
func (fs *Findings) account(rule int) []clause {
	kind := fs.p.terms.roots[rule]
	fs.tell(kind, fs.p.rules[rule].root, fs.vals[rule])
	t := &fs.told[kind]
	return fs.clauses[t.from:t.to]
}

// node traces the part of a rule at i of the program, which was written as c.
func (t *Trace) node(c *cond, i int32, by []clause) Node {
	n := &t.p.prog[i]
	out := Node{Value: t.eval(i).String()}
	switch {
	case n.op == opAll:
		out.Text = "all of"
	case n.op == opAny:
		out.Text = "any of"
	case n.op == opNot:
		out.Text = "not"
	case n.op == opSurely:
		out.Text = "for certain"
	case n.op.quantifier():
		out.Text = quantifierWords[n.op-opAnyModule]
		out.Parts = t.units(c, i, n, by)
		return out
	default:
		out.Text = t.p.describe(c)
		t.leaf(&out, i, n, by)
		return out
	}
	k := i + 1
	for _, kid := range c.kids {
		out.Parts = append(out.Parts, t.node(kid, k, by))
		k = t.p.prog[k].end
	}
	return out
}

var quantifierWords = [...]string{"some module", "every module", "some module whose maker is known", "some fitted or carried device"}

// leaf fills in what an atom compared.
func (t *Trace) leaf(out *Node, i int32, n *node, by []clause) {
	u := -1
	if n.fact.module() {
		u = t.u
	}
	out.Decided = slices.ContainsFunc(by, func(c clause) bool {
		return c.kind <= cSupply && t.p.terms.of[c.node] == t.p.terms.of[i] && (u < 0 || int(c.u) == u && int(c.k) == t.k)
	})
	out.Fact, out.Actual = n.fact.info().name, "unknown"
	switch {
	case n.fact == fAuthorisations:
		out.Actual = t.held()
		for k := range t.f.Registration.Authorisations {
			out.source(&t.f.Registration.Authorisations[k].Source)
		}
		return
	case t.leafKnown(n.fact):
		out.Actual = t.actual(n.fact)
	}
	if from := t.leafSource(n.fact); from != nil {
		out.source(from)
		if n.fact.finding() {
			out.Because = from.Quote // what was found: the fact alone says only that something was
		}
	}
	if n.fact.module() {
		for k := range t.cand.Sources {
			out.source(&t.cand.Sources[k])
		}
	}
	if n.how != howSupply {
		return
	}
	if leaf := t.party(n.fact); leaf.Known {
		out.source(&leaf.From)
		a := t.ask(n, leaf.Value)
		out.Because = strings.TrimSpace(out.Because + " " + a.Because)
		for k := range a.Sources {
			out.source(&a.Sources[k])
		}
	}
}

// source notes where a value came from, once.
func (n *Node) source(s *Source) {
	if *s != (Source{}) && !slices.Contains(n.Sources, *s) {
		n.Sources = append(n.Sources, *s)
	}
}

// held names the authorisations that are held at the instant.
func (m *machine) held() string {
	var ids []string
	for i := range m.f.Registration.Authorisations {
		if a := &m.f.Registration.Authorisations[i]; a.covers(a.ID, m.f.At) {
			ids = append(ids, a.ID)
		}
	}
	return cmp.Or(strings.Join(ids, ", "), "none")
}

// units traces what every unit contributes to a quantifier, candidate by
// candidate.
func (t *Trace) units(c *cond, i int32, n *node, by []clause) []Node {
	var out []Node
	for u := range t.f.Units {
		unit := &t.f.Units[u]
		part := Node{Text: unitNoun(unit), Fact: factFitted, Actual: "unknown"}
		if unit.Fitted.Known {
			part.Actual = fmt.Sprint(unit.Fitted.Value)
		}
		part.source(&unit.Fitted.From)
		v, present := t.unitTruth(i, n, u)
		part.Value = v.String()
		if !present {
			part.Value = ""
			part.Because = t.passedOver(n, u)
		}
		part.Decided = slices.ContainsFunc(by, func(k clause) bool {
			return (k.kind == cNoModule || k.kind == cFitted || k.kind == cOneOf) && int(k.u) == u && t.p.terms.of[k.node] == t.p.terms.of[i]
		})
		if len(unit.Candidates) == 0 {
			part.Because = cmp.Or(part.Because, "no module of it is known")
		}
		for k := range unit.Candidates {
			t.take(u, k)
			body := t.node(c.kids[0], i+1, by)
			t.drop()
			part.Parts = append(part.Parts, Node{Text: string(appendModule(nil, unit, k)), Value: body.Value, Parts: []Node{body}})
		}
		out = append(out, part)
	}
	if !t.own && t.ownUnit(n) {
		out = append(out, Node{
			Text: "the vehicle's own modem, of which no unit is on record", Value: Unknown.String(), Fact: fModem.info().name,
			Actual:  map[bool]string{true: "true", false: "unknown"}[t.f.Modem.Known],
			Decided: slices.ContainsFunc(by, func(k clause) bool { return k.kind == cOwn && t.p.terms.of[k.node] == t.p.terms.of[i] }),
		})
	}
	return out
}

// passedOver says why a unit contributes nothing to a quantifier.
func (m *machine) passedOver(n *node, u int) string {
	switch at := &m.seats[u]; {
	case at.absent:
		return "it is not fitted, and contributes nothing"
	case n.op == opAnyDevice && !at.device:
		return "it is no device, and contributes nothing"
	default:
		return "the maker of its module is not known, and it contributes nothing"
	}
}

// Text is the whole trace in words: a line for every part, indented below what
// it is a part of, with » before what decided.
func (t *Trace) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s on %s at %s\n", t.p.ID(), t.result, t.f.Moment, t.f.At.UTC().Format(time.RFC3339))
	for _, r := range t.Rules() {
		r.write(&b)
	}
	return b.String()
}

// Text is the trace of one rule in words, as in that of the whole.
func (r *RuleTrace) Text() string {
	var b strings.Builder
	r.write(&b)
	return b.String()
}

func (r *RuleTrace) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s (%s): ", r.Rule, r.Outcome)
	switch {
	case r.Silent != "":
		b.WriteString(r.Silent + "\n")
		return
	case r.LiftedBy != "":
		fmt.Fprintf(b, "%s, would say %s, lifted by %s\n", r.Value, r.Says, r.LiftedBy)
	case r.Says != "":
		fmt.Fprintf(b, "%s, says %s\n", r.Value, r.Says)
	default:
		fmt.Fprintf(b, "%s, says nothing\n", r.Value)
	}
	r.When.write(b, 1)
}

func (n *Node) write(b *strings.Builder, depth int) {
	mark := "  "
	if n.Decided {
		mark = "» "
	}
	b.WriteString(strings.Repeat("  ", depth) + mark)
	b.WriteString(cmp.Or(n.Value, "passed over") + ": " + n.Text)
	var about []string
	if n.Fact != "" {
		about = append(about, n.Fact+" = "+n.Actual)
	}
	if n.Because != "" {
		about = append(about, strings.TrimRight(n.Because, ". \n"))
	}
	for i := range n.Sources {
		about = append(about, n.Sources[i].words())
	}
	if len(about) > 0 {
		b.WriteString(" [" + strings.Join(about, "; ") + "]")
	}
	b.WriteByte('\n')
	for i := range n.Parts {
		n.Parts[i].write(b, depth+1)
	}
}

// words names a source in one line: its title or address, and its date.
func (s *Source) words() string {
	name := cmp.Or(s.Title, s.Address, s.ID)
	if s.Address != "" && s.Address != name {
		name += ", " + s.Address
	}
	if s.Date != "" {
		name += ", " + s.Date
	}
	return name
}

// Why gives the reason of every rule that spoke, strictest first, those that
// were lifted behind the rest.
func (fs *Findings) Why() []Reason {
	v := fs.Verdict()
	return append(v.Reasons, v.Lifted...)
}

// Against is what stands between a decision and another outcome.
type Against struct {
	Rule     string   `json:"rule"`    // DefaultRule for the policy's own default
	Outcome  Outcome  `json:"outcome"` // what it says, or could have said
	Value    string   `json:"value"`   // true, false or unknown
	Because  string   `json:"because"` // one plain sentence
	LiftedBy string   `json:"lifted_by,omitempty"`
	Evidence []Source `json:"evidence,omitempty"`
}

// WhyNot says what stands against an outcome. For a milder one than was found,
// these are the rules that say something stricter and, where only the policy's
// default is stricter, every rule that could have granted with what it lacks.
// For a stricter one, they are the rules that could have said it, with what
// kept them from it. There is nothing against the outcome that was found.
func (fs *Findings) WhyNot(o Outcome) []Against {
	var out []Against
	if o == fs.result || o < Grant || o > Deny {
		return nil
	}
	for i := range fs.p.rules {
		r := &fs.p.rules[i]
		says := Outcome(0)
		if st := fs.standing(i); st != nil && fs.lifted[i] == 0 {
			says = st.says(fs.vals[i])
		}
		switch {
		case o < fs.result && says > o:
			out = append(out, fs.against(i, says))
		case o > fs.result && (r.outcome == o || r.ifUnknown == o):
			out = append(out, fs.against(i, o))
		}
	}
	if o < fs.result && fs.floor() > o && !slices.ContainsFunc(fs.spoke, func(s spoken) bool { return s.outcome == Grant && s.by == 0 }) {
		out = append(out, Against{Rule: DefaultRule, Outcome: fs.floor(), Value: True.String(), Because: "No rule grants; the policy then says " + fs.floor().String() + "."})
		for i := range fs.p.rules {
			if fs.p.rules[i].outcome == Grant {
				out = append(out, fs.against(i, Grant))
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Against) int { return cmp.Compare(b.Outcome, a.Outcome) })
	return out
}

// against accounts for one rule, whatever its value is.
func (fs *Findings) against(i int, o Outcome) Against {
	out := Against{Rule: fs.p.doc.rules[i].id, Outcome: o, Value: fs.vals[i].String()}
	a := &fs.words
	a.clear()
	if why := fs.silent(&fs.p.rules[i]); why != "" {
		a.say(why)
		a.close(0)
		out.Because = string(a.text)
		return out
	}
	if by := fs.lifted[i]; by != 0 {
		out.LiftedBy = fs.p.doc.rules[by-1].id
	}
	if fs.vals[i] == Unknown {
		a.text = append(a.text, "Not settled: "...)
	}
	fs.recite(fs.account(i))
	a.close(0)
	a.cite()
	if out.Because, out.Evidence = a.all(); len(out.Evidence) == 0 {
		out.Evidence = nil
	}
	return out
}

// MarshalJSON writes the whole trace as one object.
func (t *Trace) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Policy   string      `json:"policy"`
		Hash     string      `json:"hash"`
		At       time.Time   `json:"at"`
		Moment   string      `json:"moment"`
		Outcome  string      `json:"outcome"`
		Presumed bool        `json:"presumed,omitempty"`
		Rules    []RuleTrace `json:"rules"`
	}{t.p.ID(), t.p.hash, t.f.At, t.f.Moment.String(), t.result.String(), t.presume, t.Rules()})
}
