package policy

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Form is a rule file as a form shows it: every value as it is written, whether
// or not the file loads. The text stays the truth; a form is read from it, and
// what somebody changes in a form is written into the text where it stands
// (EditRule and its like), with everything else as it was.
type Form struct {
	ID, Version, Title, Status, Default string
	Postures, MayChange, Omits          []string
	Parameters                          []FormParameter
	Conditions                          []FormWords
	Rules                               []FormRule
	Examples                            []FormExample

	places []formPlace
}

// FormParameter is one parameter of a form.
type FormParameter struct{ Name, Value, Words string }

// FormWords are words by language.
type FormWords struct {
	ID    string
	Words map[string]string
}

// FormRule is one rule of a form.
type FormRule struct {
	ID, Title, Outcome, IfUnknown string
	AppliesOn                     []string
	Instrument                    Instrument
	Presumption                   string
	When                          *FormCond // nil where there is none
	Conditions                    []string
	WorkItem                      string
	Lifts                         []string
	Exemption                     Exemption
	Ask                           map[string]string // what a guard is asked for, by fact, where it is not the usual
	Say                           map[string]string // words for the guard, by language

	Line, Last int // in the text, from 1
}

// FormCond is one row of a condition. Op is a word of the language (all, any,
// not, any_module, known …), fact for a comparison, or yaml for what a form
// cannot show, which then stands in Text as it is written.
type FormCond struct {
	Op   string
	Kids []*FormCond

	Fact    string
	Test    string
	Values  []string
	Country string // of controlled_from and share_from
	AtLeast string // likewise, in per cent; empty where it is not written

	Text string
}

// FormExample is one case that stands beside the rules, as it is written.
type FormExample struct {
	Name, Why, Outcome, Rule string
	Request                  bool // it goes through the reference data
	Text                     string
	Line, Last               int // in the text, from 1
}

// FormPlace is where in a form a fault belongs.
type FormPlace struct {
	Rule    int    // -1: none
	Example int    // -1: none
	Field   string // of the rule, else of the file: id, say.pl, instrument.link, when.0.1 …; empty is the whole
}

type formPlace struct {
	line, col int
	at        FormPlace
}

// FormOps are the words that join conditions, in the order in which a form
// offers them.
func FormOps() []string {
	return slices.Concat([]string{"fact"}, opNames[:opAtom])
}

// ManyKids says whether a word joins several conditions, and OneKid that it is
// put before one.
func ManyKids(op string) bool { return op == opNames[opAll] || op == opNames[opAny] }

// OneKid says whether a word is put before one condition.
func OneKid(op string) bool {
	i := slices.Index(opNames[:], op)
	return i == int(opNot) || i == int(opSurely) || i >= 0 && opOf(i).quantifier()
}

// Quantifier says whether a word asks about modules.
func Quantifier(name string) bool {
	i := slices.Index(opNames[:], name)
	return i >= 0 && opOf(i).quantifier()
}

func opOf(i int) op { return op(i) } //nolint:gosec // an index of opNames

// ReadForm reads a rule file for a form. The error is a Problems, of a text that
// is no YAML at all or is not made like a rule file.
func ReadForm(src []byte) (*Form, error) {
	l := &loader{name: "policy"}
	root := l.parse(src)
	if root == nil {
		return nil, l.problems.sorted()
	}
	if root.Kind != yaml.MappingNode {
		l.err(root, "begin with: policy: NAME", "the policy must be a mapping")
		return nil, l.problems.sorted()
	}
	f := &Form{}
	lines := linesOf(src)
	top := pairs(root)
	for _, k := range [...]struct {
		key string
		to  *string
	}{{"policy", &f.ID}, {"version", &f.Version}, {"title", &f.Title}, {"status", &f.Status}, {"default", &f.Default}} {
		*k.to = f.word(top[k.key], FormPlace{-1, -1, k.key})
	}
	for _, k := range [...]struct {
		key string
		to  *[]string
	}{{"postures", &f.Postures}, {"may_change", &f.MayChange}, {"omits", &f.Omits}} {
		*k.to = f.words(top[k.key], FormPlace{-1, -1, k.key})
	}
	for _, e := range ofMapping(top["parameters"]) {
		at := FormPlace{-1, -1, "parameters." + e.key.Value}
		f.all(e.val, at)
		f.mark(e.key, at)
		v := pairs(e.val)
		f.Parameters = append(f.Parameters, FormParameter{e.key.Value, wordOf(v["value"]), wordOf(v["words"])})
	}
	for _, e := range ofMapping(top["conditions"]) {
		at := FormPlace{-1, -1, "conditions." + e.key.Value}
		f.all(e.val, at)
		f.mark(e.key, at)
		f.Conditions = append(f.Conditions, FormWords{e.key.Value, langsOf(e.val)})
	}
	if n := top["rules"]; n != nil {
		if n.Kind != yaml.SequenceNode {
			l.err(n, "write a list, each rule beginning with - id:", "rules must be a list")
			return nil, l.problems.sorted()
		}
		for i, r := range n.Content {
			rule := f.rule(r, i)
			rule.Line, rule.Last = extent(lines, root, n, i)
			f.Rules = append(f.Rules, rule)
		}
	}
	cases := casesOf(top["examples"])
	for i := range ofSequence(cases) {
		c := cases.Content[i]
		v := pairs(c)
		x := FormExample{Name: wordOf(v["name"]), Why: wordOf(v["why"]), Request: v["request"] != nil}
		want := pairs(orNothing(v["expect"]))
		x.Outcome, x.Rule = wordOf(want["outcome"]), wordOf(want["rule"])
		x.Line, x.Last = extent(lines, root, cases, i)
		x.Text = dedent(lines[x.Line-1:x.Last], c.Column-1)
		f.Examples = append(f.Examples, x)
	}
	return f, nil
}

// Place finds where in the form a fault at a place of the text belongs.
func (f *Form) Place(line, col int) FormPlace {
	for _, p := range f.places {
		if p.line == line && p.col == col {
			return p.at
		}
	}
	for i := range f.Rules {
		if r := &f.Rules[i]; line >= r.Line && line <= r.Last {
			return FormPlace{i, -1, ""}
		}
	}
	for i := range f.Examples {
		if x := &f.Examples[i]; line >= x.Line && line <= x.Last {
			return FormPlace{-1, i, ""}
		}
	}
	return FormPlace{-1, -1, ""}
}

func (f *Form) mark(n *yaml.Node, at FormPlace) {
	f.places = append(f.places, formPlace{n.Line, n.Column, at})
}

// all marks a node and everything in it.
func (f *Form) all(n *yaml.Node, at FormPlace) {
	if n == nil {
		return
	}
	f.mark(n, at)
	for _, c := range n.Content {
		f.all(c, at)
	}
}

func (f *Form) word(n *yaml.Node, at FormPlace) string {
	f.all(n, at)
	return wordOf(n)
}

func (f *Form) words(n *yaml.Node, at FormPlace) []string {
	f.all(n, at)
	return wordsIn(n)
}

func wordOf(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return strings.Join(strings.Fields(n.Value), " ")
}

func wordsIn(n *yaml.Node) (out []string) {
	for _, c := range ofSequence(n) {
		out = append(out, wordOf(c))
	}
	return out
}

func langsOf(n *yaml.Node) map[string]string {
	out := map[string]string{}
	for _, e := range ofMapping(n) {
		out[e.key.Value] = wordOf(e.val)
	}
	return out
}

func ofSequence(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

func ofMapping(n *yaml.Node) (out []entry) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, entry{n.Content[i], n.Content[i+1]})
	}
	return out
}

func orNothing(n *yaml.Node) *yaml.Node {
	if n == nil {
		return &yaml.Node{}
	}
	return n
}

func casesOf(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.MappingNode {
		return pairs(n)["cases"]
	}
	return n
}

func (f *Form) rule(n *yaml.Node, i int) FormRule {
	at := func(field string) FormPlace { return FormPlace{i, -1, field} }
	f.mark(n, at(""))
	v := pairs(n)
	r := FormRule{Say: langsOf(v["say"]), Ask: langsOf(v["ask"])}
	for _, k := range [...]struct {
		key string
		to  *string
	}{
		{"id", &r.ID}, {"title", &r.Title}, {"outcome", &r.Outcome}, {"if_unknown", &r.IfUnknown},
		{"presumption", &r.Presumption}, {"work_item", &r.WorkItem},
	} {
		*k.to = f.word(v[k.key], at(k.key))
	}
	for _, k := range [...]struct {
		key string
		to  *[]string
	}{{"applies_on", &r.AppliesOn}, {"conditions", &r.Conditions}, {"lifts", &r.Lifts}} {
		*k.to = f.words(v[k.key], at(k.key))
	}
	if n := v["instrument"]; n != nil {
		f.mark(n, at("instrument"))
		in := pairs(n)
		for key, to := range r.Instrument.fields() {
			*to = f.word(in[key], at("instrument."+key))
		}
	}
	if n := v["exemption"]; n != nil {
		f.mark(n, at("exemption"))
		in := pairs(n)
		for key, to := range r.Exemption.fields() {
			*to = f.word(in[key], at("exemption."+key))
		}
	}
	if n := v["say"]; n != nil {
		f.mark(n, at("say"))
		for _, e := range ofMapping(n) {
			f.all(e.val, at("say."+e.key.Value))
			f.mark(e.key, at("say."+e.key.Value))
		}
	}
	f.all(v["ask"], at("ask"))
	if w := v["when"]; w != nil {
		r.When = f.cond(w, i, "when")
	}
	for _, e := range ofMapping(n) { // a key that no row has, or whose value is of another shape
		f.mark(e.key, at(e.key.Value))
	}
	return r
}

func (in *Instrument) fields() map[string]*string {
	return map[string]*string{"id": &in.ID, "authority": &in.Authority, "title": &in.Title, "status": &in.Status, "quote": &in.Quote,
		"link": &in.Link, "date": &in.Date, "from": &in.From, "to": &in.To}
}

func (e *Exemption) fields() map[string]*string {
	return map[string]*string{"holder": &e.Holder, "issuer": &e.Issuer, "number": &e.Number}
}

// cond reads one row of a condition, and those below it.
func (f *Form) cond(n *yaml.Node, rule int, path string) *FormCond {
	at := FormPlace{rule, -1, path}
	f.mark(n, at)
	list := ofMapping(n)
	keys := pairs(n)
	switch {
	case len(list) == 0 || len(keys) != len(list):
	case keys["fact"] != nil && len(list) <= 2 && keys["fact"].Kind == yaml.ScalarNode:
		c := &FormCond{Op: "fact", Fact: wordOf(keys["fact"])}
		if len(list) == 1 {
			f.all(n, at)
			return c
		}
		e := list[0]
		if e.key.Value == "fact" {
			e = list[1]
		}
		c.Test = e.key.Value
		share := pairs(e.val)
		switch {
		case e.val.Kind == yaml.ScalarNode:
			c.Values = []string{wordOf(e.val)}
		case e.val.Kind == yaml.SequenceNode && !slices.ContainsFunc(e.val.Content, func(v *yaml.Node) bool { return v.Kind != yaml.ScalarNode }):
			c.Values = wordsIn(e.val)
		case sharing(c.Test) && len(share) == len(ofMapping(e.val)) && len(share) <= 2 && plainShare(share):
			c.Country, c.AtLeast = wordOf(share["country"]), wordOf(share["at_least"])
		default:
			return f.opaque(n, at)
		}
		if in := c.Test == testNames[testIn]; in != (e.val.Kind == yaml.SequenceNode) || sharing(c.Test) && e.val.Kind != yaml.MappingNode {
			return f.opaque(n, at)
		}
		f.all(n, at)
		return c
	case len(list) > 1:
	case ManyKids(list[0].key.Value) && list[0].val.Kind == yaml.SequenceNode:
		f.mark(list[0].val, at)
		c := &FormCond{Op: list[0].key.Value}
		for k, v := range list[0].val.Content {
			c.Kids = append(c.Kids, f.cond(v, rule, path+"."+strconv.Itoa(k)))
		}
		return c
	case OneKid(list[0].key.Value) && list[0].val.Kind == yaml.MappingNode:
		return &FormCond{Op: list[0].key.Value, Kids: []*FormCond{f.cond(list[0].val, rule, path+".0")}}
	case (list[0].key.Value == opNames[opKnown] || list[0].key.Value == opNames[opUnknown]) && list[0].val.Kind == yaml.ScalarNode:
		f.all(n, at)
		return &FormCond{Op: list[0].key.Value, Fact: wordOf(list[0].val)}
	}
	return f.opaque(n, at)
}

func plainShare(share map[string]*yaml.Node) bool {
	for k, v := range share {
		if !slices.Contains(shareKeys, k) || v.Kind != yaml.ScalarNode {
			return false
		}
	}
	return true
}

func sharing(name string) bool {
	return name == testNames[testControlledFrom] || name == testNames[testShareFrom]
}

// opaque keeps what a form cannot show as it is written.
func (f *Form) opaque(n *yaml.Node, at FormPlace) *FormCond {
	f.all(n, at)
	b, err := yaml.Marshal(n)
	if err != nil {
		return &FormCond{Op: "yaml"}
	}
	return &FormCond{Op: "yaml", Text: strings.TrimRight(string(b), "\n")}
}

// linesOf are the lines of a text, without their ends.
func linesOf(src []byte) []string {
	return strings.Split(strings.TrimRight(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n"), "\n")
}

// extent is the first and last line of an entry of a list: without the comments
// and empty lines around it, which belong to nobody or to the next.
func extent(lines []string, root, list *yaml.Node, i int) (first, last int) {
	first = list.Content[i].Line
	end := len(lines)
	if i+1 < len(list.Content) {
		end = list.Content[i+1].Line - 1
	} else {
		for _, e := range ofMapping(root) {
			if e.key.Line > first {
				end = min(end, e.key.Line-1)
			}
		}
	}
	return first, bare(lines, first, end)
}

// bare is end without the comments and empty lines at the end.
func bare(lines []string, first, end int) int {
	for end = min(end, len(lines)); end > first; end-- {
		if t := strings.TrimSpace(lines[end-1]); t != "" && t[0] != '#' {
			break
		}
	}
	return max(end, first)
}

// dedent writes lines of which the first begins with a dash at column-1 without
// dash and indentation.
func dedent(lines []string, by int) string {
	out := slices.Clone(lines)
	for i, s := range out {
		if i == 0 {
			s = strings.Replace(s, "-", " ", 1)
		}
		cut := 0
		for cut < by && cut < len(s) && s[cut] == ' ' {
			cut++
		}
		out[i] = s[cut:]
	}
	return strings.Join(out, "\n")
}

// ErrForm says that a form could not be written into the text without changing
// something else. The text is then best changed by hand.
var ErrForm = errors.New("this cannot be written into the rule file from a form; change the text itself")

// edit is a text on its way through a change.
type edit struct {
	src   []byte
	lines []string
	root  *yaml.Node
	form  *Form
}

func openEdit(src []byte) (*edit, error) {
	f, err := ReadForm(src)
	if err != nil {
		return nil, err
	}
	l := &loader{name: "policy"}
	return &edit{src: src, lines: linesOf(src), root: l.parse(src), form: f}, nil
}

// put replaces the lines from first to last by those of a text, if any; last
// before first puts them before first.
func (e *edit) put(first, last int, text string) []byte {
	out := slices.Clone(e.lines[:first-1])
	if text != "" {
		out = append(out, strings.Split(text, "\n")...)
	}
	out = append(out, e.lines[max(last, first-1):]...)
	return []byte(strings.Join(out, "\n") + "\n")
}

// entryText writes one entry of a list, whose dash stands at the column (from 1).
func entryText(n *yaml.Node, column int) (string, error) {
	text, err := encoded(&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{n}})
	if err != nil {
		return "", err
	}
	return indent(text, column-1), nil
}

func encoded(n *yaml.Node) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return "", fmt.Errorf("%w: %w", ErrForm, err)
	}
	if err := enc.Close(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrForm, err)
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

func indent(text string, by int) string {
	lines := strings.Split(text, "\n")
	for i, s := range lines {
		if s != "" {
			lines[i] = strings.Repeat(" ", by) + s
		}
	}
	return strings.Join(lines, "\n")
}

// ruleList is the list of rules, where its entries stand on lines of their own.
func (e *edit) ruleList() (*yaml.Node, error) {
	n := pairs(e.root)["rules"]
	if n == nil || n.Kind != yaml.SequenceNode || n.Style&yaml.FlowStyle != 0 {
		return nil, fmt.Errorf("%w: the rules do not stand one below the other", ErrForm)
	}
	return n, nil
}

// whole makes sure that a change touched nothing but what it should, and says
// which comments it lost.
func (e *edit) whole(out []byte, same func(was, is *Form) bool) ([]byte, []string, error) {
	is, err := ReadForm(out)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if !same(e.form.plain(), is.plain()) {
		return nil, nil, ErrForm
	}
	left := commentsOf(out)
	var lost []string
	for _, c := range commentsOf(e.src) {
		if k := slices.Index(left, c); k >= 0 {
			left = slices.Delete(left, k, k+1)
		} else {
			lost = append(lost, c)
		}
	}
	return out, lost, nil
}

// plain is the form without where things stand in the text.
func (f *Form) plain() *Form {
	c := *f
	c.places = nil
	c.Rules = slices.Clone(f.Rules)
	for i := range c.Rules {
		c.Rules[i].Line, c.Rules[i].Last = 0, 0
	}
	c.Examples = slices.Clone(f.Examples)
	for i := range c.Examples {
		c.Examples[i].Line, c.Examples[i].Last = 0, 0
	}
	return &c
}

func alike(a, b any) bool { return reflect.DeepEqual(a, b) }

// EditRule writes a rule of a form into the text, in the place of the rule at an
// index. What the form does not show of it stays. lost are comments that stood
// within what was changed and have no place any more.
func EditRule(src []byte, i int, r FormRule) (out []byte, lost []string, err error) {
	e, err := openEdit(src)
	if err != nil {
		return nil, nil, err
	}
	list, err := e.ruleList()
	if err != nil {
		return nil, nil, err
	}
	if i < 0 || i >= len(list.Content) {
		return nil, nil, fmt.Errorf("%w: there is no rule %d", ErrForm, i+1)
	}
	was := e.form.Rules[i]
	r.Line, r.Last = was.Line, was.Last
	r.tidy()
	if alike(was, r) {
		return src, nil, nil
	}
	n := list.Content[i]
	if n.Kind != yaml.MappingNode {
		return nil, nil, fmt.Errorf("%w: the rule is no mapping", ErrForm)
	}
	r.into(n, was)
	above(n)
	n.HeadComment, n.FootComment, n.Content[0].HeadComment = "", "", ""
	column := n.Column
	if w := pairs(n)["when"]; w != nil && !alike(was.When, r.When) {
		layCond(w)
	}
	arrange(n, ruleKeys)
	for _, c := range n.Content[len(n.Content)-2:] {
		c.FootComment = ""
	}
	text, err := entryText(n, column-2)
	if err != nil {
		return nil, nil, err
	}
	return e.whole(e.put(was.Line, was.Last, text), func(was, is *Form) bool {
		if len(is.Rules) != len(was.Rules) {
			return false
		}
		was.Rules[i] = is.Rules[i]
		return alike(was, is)
	})
}

// tidy makes one of the ways in which nothing can be said.
func (r *FormRule) tidy() {
	for _, l := range []*[]string{&r.AppliesOn, &r.Conditions, &r.Lifts} {
		*l = slices.DeleteFunc(slices.Clone(*l), func(s string) bool { return s == "" })
		if len(*l) == 0 {
			*l = nil
		}
	}
	for _, m := range []*map[string]string{&r.Ask, &r.Say} {
		some := map[string]string{}
		for k, v := range *m {
			if v != "" {
				some[k] = v
			}
		}
		*m = some
	}
}

// into writes what differs into the rule's node.
func (r *FormRule) into(n *yaml.Node, was FormRule) {
	for _, k := range [...]struct{ key, old, new string }{
		{"id", was.ID, r.ID}, {"title", was.Title, r.Title}, {"outcome", was.Outcome, r.Outcome}, {"if_unknown", was.IfUnknown, r.IfUnknown},
		{"presumption", was.Presumption, r.Presumption}, {"work_item", was.WorkItem, r.WorkItem},
	} {
		if k.old != k.new {
			setKey(n, k.key, wordNode(k.new))
		}
	}
	for _, k := range [...]struct {
		key      string
		old, new []string
	}{{"applies_on", was.AppliesOn, r.AppliesOn}, {"conditions", was.Conditions, r.Conditions}, {"lifts", was.Lifts, r.Lifts}} {
		if !slices.Equal(k.old, k.new) {
			setKey(n, k.key, listNode(k.new))
		}
	}
	if was.Instrument != r.Instrument {
		setFields(n, "instrument", instrumentKeys, was.Instrument.fields(), r.Instrument.fields())
	}
	if was.Exemption != r.Exemption {
		setFields(n, "exemption", exemptionKeys, was.Exemption.fields(), r.Exemption.fields())
	}
	if !maps.Equal(was.Say, r.Say) {
		setKey(n, "say", langsNode(pairs(n)["say"], r.Say))
	}
	if !maps.Equal(was.Ask, r.Ask) {
		setKey(n, "ask", langsNode(pairs(n)["ask"], r.Ask))
	}
	if !alike(was.When, r.When) {
		var w *yaml.Node
		if r.When != nil {
			w = condNode(r.When, was.When, pairs(n)["when"])
		}
		setKey(n, "when", w)
	}
}

// setKey gives a mapping's key a value, or takes it away. A comment on the line
// of the old value stays.
func setKey(n *yaml.Node, key string, v *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			continue
		}
		if v == nil {
			n.Content = slices.Delete(n.Content, i, i+2)
			return
		}
		if old := n.Content[i+1]; v != old && v.LineComment == "" {
			v.LineComment = old.LineComment
		}
		n.Content[i+1] = v
		return
	}
	if v != nil {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, v)
	}
}

func setFields(n *yaml.Node, key string, order []string, was, is map[string]*string) {
	m := pairs(n)[key]
	if m == nil || m.Kind != yaml.MappingNode {
		m = &yaml.Node{Kind: yaml.MappingNode}
	}
	for _, k := range order {
		if *was[k] != *is[k] {
			setKey(m, k, wordNode(*is[k]))
		}
	}
	if len(m.Content) == 0 {
		m = nil
	}
	setKey(n, key, m)
}

// wordNode is a text as a rule file has it, or nil for none.
func wordNode(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	return textNode(s)
}

func textNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.Join(strings.Fields(s), " ")}
}

func listNode(list []string) *yaml.Node {
	if len(list) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, s := range list {
		n.Content = append(n.Content, textNode(s))
	}
	oneLine(n)
	return n
}

func langsNode(old *yaml.Node, words map[string]string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if old != nil && old.Kind == yaml.MappingNode {
		n = old
	}
	was := langsOf(n)
	for _, k := range langOrder(was, words) {
		if was[k] != words[k] {
			setKey(n, k, wordNode(words[k]))
		}
	}
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

// langOrder is English first, then what a file has, then the rest.
func langOrder(maps ...map[string]string) []string {
	keys := keysOf(maps...)
	slices.SortStableFunc(keys, func(a, b string) int {
		rank := func(s string) int {
			if i := slices.Index([]string{"en", "pl", "de"}, s); i >= 0 {
				return i
			}
			return 9
		}
		return rank(a) - rank(b)
	})
	return keys
}

// condNode writes a condition. Of what stands in the text, the parts that are
// the same stay as they are, with their comments.
func condNode(c, was *FormCond, old *yaml.Node) *yaml.Node {
	if old != nil && was != nil && alike(c, was) {
		return old
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	if old != nil {
		n.HeadComment, n.LineComment = old.HeadComment, old.LineComment
	}
	key := func(k string, v *yaml.Node) {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: k}, v)
	}
	switch {
	case c.Op == "yaml":
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(c.Text), &doc); err != nil || len(doc.Content) == 0 {
			return textNode(c.Text) // which the loader refuses, at its place
		}
		return doc.Content[0]
	case c.Op == "fact":
		key("fact", textNode(c.Fact))
		if c.Test == "" {
			break
		}
		key(c.Test, valueNode(c))
	case c.Op == opNames[opKnown], c.Op == opNames[opUnknown]:
		key(c.Op, textNode(c.Fact))
	case ManyKids(c.Op):
		list := &yaml.Node{Kind: yaml.SequenceNode}
		if old != nil {
			if v := pairs(old)[c.Op]; v != nil {
				list.HeadComment, list.LineComment = v.HeadComment, v.LineComment
			}
		}
		kids, nodes := kidsOf(was, old)
		used := make([]bool, len(kids))
		for i, k := range c.Kids {
			from := -1
			for j := range kids {
				if !used[j] && alike(k, kids[j]) {
					from = j
					break
				}
			}
			if from < 0 && len(kids) == len(c.Kids) && !used[i] {
				from = i
			}
			if from >= 0 {
				used[from] = true
				list.Content = append(list.Content, condNode(k, kids[from], nodes[from]))
			} else {
				list.Content = append(list.Content, condNode(k, nil, nil))
			}
		}
		key(c.Op, list)
	default:
		var k, o *FormCond
		var on *yaml.Node
		if len(c.Kids) > 0 {
			k = c.Kids[0]
		} else {
			k = &FormCond{Op: "fact"}
		}
		if kids, nodes := kidsOf(was, old); len(kids) == 1 {
			o, on = kids[0], nodes[0]
		}
		key(c.Op, condNode(k, o, on))
	}
	return n
}

// kidsOf are the rows below a row, and their nodes.
func kidsOf(c *FormCond, n *yaml.Node) ([]*FormCond, []*yaml.Node) {
	if c == nil || n == nil || len(c.Kids) == 0 || len(n.Content) != 2 {
		return nil, nil
	}
	if ManyKids(c.Op) {
		return c.Kids, n.Content[1].Content
	}
	return c.Kids, n.Content[1:]
}

// valueNode writes what a row compares with.
func valueNode(c *FormCond) *yaml.Node {
	fact, known := factByName(c.Fact)
	one := func(s string) *yaml.Node {
		n := textNode(s)
		if known && plainValue(fact.kind(), s) || c.Test == testNames[testOwnerResolved] && (s == "true" || s == "false") {
			n.Tag = ""
		}
		return n
	}
	switch {
	case sharing(c.Test):
		n := &yaml.Node{Kind: yaml.MappingNode}
		setKey(n, "country", textNode(c.Country))
		if c.AtLeast != "" {
			setKey(n, "at_least", &yaml.Node{Kind: yaml.ScalarNode, Value: strings.Join(strings.Fields(c.AtLeast), " ")})
		}
		return n
	case c.Test == testNames[testIn]:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, s := range c.Values {
			n.Content = append(n.Content, one(s))
		}
		return n
	case len(c.Values) == 0:
		return textNode("")
	}
	return one(c.Values[0])
}

// plainValue says whether a value stands without quotes.
func plainValue(k factKind, s string) bool {
	switch k {
	case kindBool:
		return s == "true" || s == "false"
	case kindInt, kindCount, kindPosture:
		_, err := strconv.Atoi(s)
		return err == nil
	}
	return false
}

// AddRule puts a rule behind the one at an index; -1 is before all.
func AddRule(src []byte, after int, r FormRule) (out []byte, lost []string, err error) {
	e, err := openEdit(src)
	if err != nil {
		return nil, nil, err
	}
	r.tidy()
	r.Line, r.Last = 0, 0
	n := &yaml.Node{Kind: yaml.MappingNode}
	r.into(n, FormRule{})
	if pairs(n)["id"] == nil {
		n.Content = append([]*yaml.Node{{Kind: yaml.ScalarNode, Value: "id"}, textNode(r.ID)}, n.Content...)
	}
	layRule(n)
	if pairs(e.root)["rules"] == nil {
		text, err := entryText(n, 3)
		if err != nil {
			return nil, nil, err
		}
		at := len(e.lines) + 1
		if x := keyOf(e.root, "examples"); x != nil {
			at = above1(e.lines, x.Line)
		}
		return e.whole(e.put(at, 0, "rules:\n"+text), func(was, is *Form) bool {
			was.Rules = is.Rules
			return len(is.Rules) == 1 && alike(was, is)
		})
	}
	list, err := e.ruleList()
	if err != nil {
		return nil, nil, err
	}
	if after < -1 || after >= len(list.Content) {
		return nil, nil, fmt.Errorf("%w: there is no rule %d", ErrForm, after+1)
	}
	column, at := 3, keyOf(e.root, "rules").Line+1
	if len(list.Content) > 0 {
		column = list.Content[0].Column - 2
	}
	text, err := entryText(n, column)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case after >= 0:
		at = e.form.Rules[after].Last + 1
		text = "\n" + text
	case len(list.Content) > 0:
		at = above1(e.lines, e.form.Rules[0].Line)
		text += "\n"
	}
	return e.whole(e.put(at, 0, text), func(was, is *Form) bool {
		if len(is.Rules) != len(was.Rules)+1 {
			return false
		}
		is.Rules = slices.Delete(is.Rules, after+1, after+2)
		return alike(was, is)
	})
}

// above1 is the first line of the comments that stand right above a line.
func above1(lines []string, line int) int {
	for line > 1 && strings.HasPrefix(strings.TrimSpace(lines[line-2]), "#") {
		line--
	}
	return line
}

func keyOf(n *yaml.Node, key string) *yaml.Node {
	for _, e := range ofMapping(n) {
		if e.key.Value == key {
			return e.key
		}
	}
	return nil
}

// RemoveRule takes a rule away, with the comments right above it.
func RemoveRule(src []byte, i int) (out []byte, lost []string, err error) {
	e, err := openEdit(src)
	if err != nil {
		return nil, nil, err
	}
	if _, err := e.ruleList(); err != nil {
		return nil, nil, err
	}
	if i < 0 || i >= len(e.form.Rules) {
		return nil, nil, fmt.Errorf("%w: there is no rule %d", ErrForm, i+1)
	}
	r := e.form.Rules[i]
	first, last := above1(e.lines, r.Line), r.Last
	if last < len(e.lines) && strings.TrimSpace(e.lines[last]) == "" {
		last++
	}
	return e.whole(e.put(first, last, ""), func(was, is *Form) bool {
		was.Rules = slices.Delete(was.Rules, i, i+1)
		if len(was.Rules) == 0 {
			was.Rules = nil
		}
		return alike(was, is)
	})
}

// MoveRule puts a rule one place up or down, with the comments right above it.
func MoveRule(src []byte, i int, down bool) (out []byte, lost []string, err error) {
	e, err := openEdit(src)
	if err != nil {
		return nil, nil, err
	}
	if _, err := e.ruleList(); err != nil {
		return nil, nil, err
	}
	if !down {
		i--
	}
	if i < 0 || i+1 >= len(e.form.Rules) {
		return src, nil, nil
	}
	a, b := e.form.Rules[i], e.form.Rules[i+1]
	a0, b0 := above1(e.lines, a.Line), above1(e.lines, b.Line)
	text := slices.Concat(e.lines[b0-1:b.Last], e.lines[a.Last:b0-1], e.lines[a0-1:a.Last])
	return e.whole(e.put(a0, b.Last, strings.Join(text, "\n")), func(was, is *Form) bool {
		was.Rules[i], was.Rules[i+1] = was.Rules[i+1], was.Rules[i]
		return alike(was, is)
	})
}

// EditHead writes what a form says of the policy as a whole, its parameters and
// its conditions into the text.
func EditHead(src []byte, f Form) (out []byte, lost []string, err error) {
	e, err := openEdit(src)
	if err != nil {
		return nil, nil, err
	}
	was := e.form
	type part struct {
		key string
		val *yaml.Node
		new bool
	}
	old := pairs(e.root)
	var parts []part
	for _, k := range [...]struct{ key, old, new string }{
		{"policy", was.ID, f.ID}, {"version", was.Version, f.Version}, {"title", was.Title, f.Title}, {"status", was.Status, f.Status}, {"default", was.Default, f.Default},
	} {
		parts = append(parts, part{k.key, wordNode(k.new), k.old != k.new})
	}
	parts = append(parts, part{"may_change", listNode(f.MayChange), !slices.Equal(was.MayChange, f.MayChange)},
		part{"omits", listNode(f.Omits), !slices.Equal(was.Omits, f.Omits)})
	params := &yaml.Node{Kind: yaml.MappingNode}
	for _, p := range f.Parameters {
		v := pairs(orNothing(old["parameters"]))[p.Name]
		if i := slices.IndexFunc(was.Parameters, func(o FormParameter) bool { return o.Name == p.Name }); v == nil || i < 0 || was.Parameters[i] != p {
			v = &yaml.Node{Kind: yaml.MappingNode}
			n := textNode(p.Value)
			if plainValue(kindInt, p.Value) {
				n.Tag = ""
			}
			v.Content = append(v.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "value"}, n)
			setKey(v, "words", wordNode(p.Words))
		}
		setKey(params, p.Name, v)
	}
	parts = append(parts, part{"parameters", filled(params), !alike(was.Parameters, f.Parameters)})
	words := &yaml.Node{Kind: yaml.MappingNode}
	for _, c := range f.Conditions {
		v := pairs(orNothing(old["conditions"]))[c.ID]
		if v == nil || !maps.Equal(langsOf(v), c.Words) {
			if v = langsNode(v, c.Words); v == nil {
				v = &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
			}
		}
		setKey(words, c.ID, v)
	}
	parts = append(parts, part{"conditions", filled(words), !alike(was.Conditions, f.Conditions)})
	for _, p := range slices.Backward(parts) {
		if !p.new {
			continue
		}
		if e, err = e.top(p.key, p.val); err != nil {
			return nil, nil, err
		}
	}
	first := &edit{src: src, form: was}
	return first.whole(e.src, func(was, is *Form) bool { return alike(was.Rules, is.Rules) && alike(was.Examples, is.Examples) })
}

func filled(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

// top writes one key of the file itself.
func (e *edit) top(key string, v *yaml.Node) (*edit, error) {
	text := ""
	if v != nil {
		m := &yaml.Node{Kind: yaml.MappingNode}
		setKey(m, key, v)
		layDocument(m)
		var err error
		if text, err = encoded(m); err != nil {
			return nil, err
		}
	}
	list := ofMapping(e.root)
	var out []byte
	i := slices.IndexFunc(list, func(x entry) bool { return x.key.Value == key })
	switch {
	case i >= 0:
		end := len(e.lines)
		if i+1 < len(list) {
			end = list[i+1].key.Line - 1
		}
		if t := list[i].val.LineComment; t != "" && text != "" && !strings.Contains(text, "\n") && !strings.Contains(text, t) {
			text += " " + t
		}
		out = e.put(list[i].key.Line, bare(e.lines, list[i].key.Line, end), text)
	case text == "":
		return e, nil
	default: // before the first key that comes after it in the layout
		at, rank := len(e.lines)+1, slices.Index(documentKeys, key)
		for _, x := range list {
			if slices.Index(documentKeys, x.key.Value) > rank {
				at = above1(e.lines, x.key.Line)
				break
			}
		}
		if strings.Contains(text, "\n") {
			text += "\n"
		}
		out = e.put(at, 0, text)
	}
	return openEdit(out)
}

// Countries are the codes that a rule may write (ISO 3166-1 alpha-2), in order.
func Countries() []string { return strings.Fields(isoCountries) }

// FormDepth is how deep conditions may nest.
const FormDepth = maxDepth

// Become turns a row into another kind, as a person means it who picks another
// word: what it asked stays, as far as there is a place for it.
func (c *FormCond) Become(op string) {
	if op == c.Op || op == "yaml" || !slices.Contains(FormOps(), op) {
		return
	}
	knows := func(op string) bool { return op == opNames[opKnown] || op == opNames[opUnknown] }
	was := *c
	switch {
	case ManyKids(op):
		if !ManyKids(was.Op) {
			c.Kids = was.Kids
			if !OneKid(was.Op) {
				c.Kids = []*FormCond{&was}
			}
		}
	case OneKid(op):
		switch {
		case OneKid(was.Op):
		case ManyKids(was.Op) && len(was.Kids) == 1:
		default:
			c.Kids = []*FormCond{&was}
		}
	case len(was.Kids) > 0: // a comparison in the place of several: of the first that is one
		for k := was.Kids; len(k) > 0; k = k[0].Kids {
			if k[0].Op == "fact" || knows(k[0].Op) {
				*c = *k[0]
				break
			}
		}
		c.Kids = nil
	}
	if c.Op = op; len(c.Kids) > 0 {
		c.Fact, c.Test, c.Values, c.Country, c.AtLeast, c.Text = "", "", nil, "", "", ""
	} else if knows(op) {
		c.Test, c.Values, c.Country, c.AtLeast = "", nil, "", ""
	}
}

// Fits makes a comparison ask what its fact can answer.
func (c *FormCond) Fits() {
	fact, ok := factByName(c.Fact)
	if !ok || c.Op != "fact" {
		return
	}
	tests := testsOf(fact)
	if !slices.ContainsFunc(tests, func(t test) bool { return testNames[t] == c.Test }) {
		c.Test, c.Values, c.Country, c.AtLeast = testNames[tests[0]], nil, "", ""
	}
	switch {
	case sharing(c.Test):
		c.Values = nil
	case c.Test == testNames[testIn]:
		c.Country, c.AtLeast = "", ""
	default:
		c.Country, c.AtLeast = "", ""
		if len(c.Values) > 1 {
			c.Values = c.Values[:1]
		}
	}
	if len(c.Values) == 0 && (fact.kind() == kindBool && c.Test == testNames[testIs] || c.Test == testNames[testOwnerResolved]) {
		c.Values = []string{"true"}
	}
}

// ValueKind is of what kind a comparison's value is, as FactView.Kind names
// kinds: that of the fact, or of what stands behind the party; share of a country
// and a percentage, list, trusted, authority or origin.
func ValueKind(fact, name string) string {
	switch name {
	case testNames[testControlledFrom], testNames[testShareFrom]:
		return "share"
	case testNames[testDesignFrom]:
		return kindKeys[kindCountry]
	case testNames[testLicenceFrom], testNames[testFirmwareBy]:
		return "origin"
	case testNames[testListedOn]:
		return "list"
	case testNames[testTrustedBy]:
		return "trusted"
	case testNames[testAuthorisedBy]:
		return "authority"
	case testNames[testOwnerResolved]:
		return kindKeys[kindBool]
	}
	if f, ok := factByName(fact); ok {
		return kindKeys[f.kind()]
	}
	return kindKeys[kindText]
}
