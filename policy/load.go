package policy

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of a rule file. They make a hostile file cheap to refuse.
const (
	maxSource = 512 << 10
	maxDepth  = 16
	maxRules  = 2000
	maxNodes  = 34000 // values, as the marks between them tell before they are read
	maxRun    = 8000  // bytes without a blank or a mark
	maxText   = 2000
	maxValues = 500
	maxEffort = 300_000 // steps of looking for what was probably meant
)

// document is a rule file after its checks: what the canonical form writes
// and what the program is compiled from.
type document struct {
	id         string
	version    string
	title      string
	status     string
	floor      Outcome
	postures   []string // the site's threat levels, least first
	mayChange  []string
	omits      []string
	params     []*param
	conditions []*wording
	rules      []*ruleDoc
	examples   *yaml.Node // kept for whoever runs them; no part of the policy
}

type param struct {
	name  string
	words string
	text  string // as written, for the words of rules
	node  *yaml.Node
	used  bool
}

// wording is words in several languages; en is always there.
type wording struct {
	id    string
	langs map[string]string
}

type ruleDoc struct {
	id          string
	title       string
	outcome     Outcome
	ifUnknown   Outcome // 0 for grant rules: unknown does not apply
	moments     moments
	instrument  Instrument
	presumption string
	when        *cond
	conditions  []string
	workItem    string
	lifts       []string
	exemption   *Exemption
	say         map[string]string
	ask         map[factID]string
	node        *yaml.Node
	liftNodes   []*yaml.Node
}

// moments is a set of moments, one bit each.
type moments uint8

func (s moments) has(m Moment) bool { return s&(1<<m) != 0 }

func (s moments) names() []string {
	var out []string
	for m := range Moment(len(momentNames)) {
		if s.has(m) {
			out = append(out, momentNames[m])
		}
	}
	return out
}

// onEntry is the set of a rule that does not say when it applies.
const onEntry moments = 1 << MomentEntry

// Exemption is what a rule that lifts others stands for: whom an authority let
// off, and by which decision. What it covers is the rule's own condition and
// the rules that it lifts; when it ends is the last day of its instrument.
type Exemption struct {
	Holder string `json:"holder"`
	Issuer string `json:"issuer"`
	Number string `json:"number,omitempty"`
}

// cond is one node of a condition.
type cond struct {
	op    op
	kids  []*cond
	fact  factID
	test  test
	vals  []value
	param string // the value was written as $param
	pct   float64
	raise bool // in a position where true makes the verdict stricter
	// presumes marks a question about our own knowledge that could lower a
	// verdict when something is forgotten.
	presumes bool
}

type value struct {
	num  int64
	text string
}

// Instrument is the authority behind a rule, as the rule file states it.
type Instrument struct {
	ID        string `json:"id,omitempty"` // of its row in the reference data, where it has one
	Authority string `json:"authority"`
	Title     string `json:"title"`
	Status    string `json:"status,omitempty"` // "in force", "proposed" …
	Quote     string `json:"quote,omitempty"`
	Link      string `json:"link,omitempty"`
	Date      string `json:"date,omitempty"` // YYYY, YYYY-MM or YYYY-MM-DD
	From      string `json:"from,omitempty"` // first day on which the rule applies, YYYY-MM-DD, UTC
	To        string `json:"to,omitempty"`   // last day on which it applies
}

func (in Instrument) source() Source {
	return Source{ID: in.Authority, Title: in.Title, Address: in.Link, Quote: in.Quote, Date: in.Date, Expires: in.To}
}

// Load reads a rule file in YAML, checks all of it and compiles it. The name
// is used in messages only. The error is a Problems with every fault's line,
// column and a suggestion; a policy with a fault is never returned.
func Load(name string, src []byte) (*Policy, error) { return LoadKnowing(name, src, nil) }

// NameKind is a kind of name that a rule file takes from the reference data.
type NameKind uint8

// The kinds of names.
const (
	NameParty     NameKind = iota // a party of the supply graph
	NameList                      // an official list, or an edition of one
	NameTrusted                   // a list of trusted suppliers, or its authority
	NameAuthority                 // an authority whose authorisations are held
)

var nameKinds = [...]string{NameParty: "party", NameList: "list", NameTrusted: "list of trusted suppliers", NameAuthority: "authority that authorises"}

// Names says which names the reference data hold. What it answers must not
// change while a file is loaded.
type Names interface {
	// IDs are all names of that kind that a rule may write, in byte order.
	IDs(NameKind) []string
	// PartyCalled is the id of the party that goes by a name or alias, or "".
	PartyCalled(name string) string
}

// LoadKnowing is Load, which also refuses a party, list or authority that the
// reference data do not hold. With nil names it checks how they are written.
func LoadKnowing(name string, src []byte, names Names) (*Policy, error) {
	l := &loader{name: name, names: names}
	root := l.parse(src)
	if root == nil {
		return nil, l.problems.sorted()
	}
	d := l.document(root)
	if len(l.problems) > 0 {
		return nil, l.problems.sorted()
	}
	return compile(d), nil
}

type loader struct {
	name       string
	problems   Problems
	params     map[string]*param
	postures   []string
	names      Names
	ids        [len(nameKinds)][]string // of names, once asked for
	nodes      int
	effort     int             // spent on suggestions
	conditions map[string]bool // by id
	doc        *yaml.Node      // the whole document, with the comments around it
}

func (l *loader) errAt(line, col int, suggest, format string, args ...any) {
	if !l.full() {
		for i, a := range args {
			if s, ok := a.(string); ok {
				args[i] = clip(s)
			}
		}
		l.problems = append(l.problems, Problem{l.name, max(line, 1), max(col, 1), fmt.Sprintf(format, args...), suggest})
	}
}

// full says that enough faults were found of a hopeless file.
func (l *loader) full() bool { return len(l.problems) >= 4*maxProblems }

// suggest is what was probably meant. It compares a word with many, and so is
// not asked once enough faults were found, or enough was compared.
func (l *loader) suggest(got string, allowed []string) string {
	if l.full() || l.effort > maxEffort {
		return ""
	}
	for _, a := range allowed {
		if near(got, a) {
			l.effort += len(got) * len(a)
		}
	}
	if l.effort > maxEffort {
		return ""
	}
	return suggest(got, allowed)
}

// clip keeps a message readable whatever the file holds.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func (l *loader) err(n *yaml.Node, suggest, format string, args ...any) {
	l.errAt(n.Line, n.Column, suggest, format, args...)
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// parse turns the bytes into a tree, or says why not.
func (l *loader) parse(src []byte) *yaml.Node {
	if len(src) > maxSource {
		l.errAt(1, 1, "split it into several policies", "the file has %d bytes, more than the %d allowed", len(src), maxSource)
		return nil
	}
	if line, col, r := validText(src); r == utf8.RuneError {
		l.errAt(line, col, "save the file as plain UTF-8 text", "a byte that is not UTF-8 text")
		return nil
	} else if r != 0 {
		l.errAt(line, col, "remove it", "a character (%U) that hides, or changes the order of, what stands beside it", r)
		return nil
	}
	if line, col, fault := fewMarks(src, maxNodes); fault != "" {
		l.errAt(line, col, "split it into several policies", "%s", fault)
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		line := 1
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			line, _ = strconv.Atoi(m[1])
		}
		if err.Error() == "EOF" {
			l.errAt(1, 1, "begin with: policy: NAME", "the file holds no policy")
			return nil
		}
		text := strings.TrimPrefix(yamlLine.ReplaceAllString(err.Error(), ""), "yaml: ")
		l.errAt(line, 1, "check the indentation, quotes and colons near this line", "not valid YAML: %s", strings.TrimPrefix(text, ": "))
		return nil
	}
	if err := dec.Decode(&more); err == nil || err.Error() != "EOF" {
		l.errAt(max(more.Line, 1), max(more.Column, 1), "keep one policy in a file", "a second document")
		return nil
	}
	if len(doc.Content) == 0 {
		l.errAt(1, 1, "begin with: policy: NAME", "the file holds no policy")
		return nil
	}
	if !l.plain(doc.Content[0], 0) {
		return nil
	}
	l.doc = &doc
	return doc.Content[0]
}

// plain refuses what a rule file has no use for: aliases, anchors, tags of its
// own, and depth.
func (l *loader) plain(n *yaml.Node, depth int) bool {
	l.nodes++
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		l.err(n, "write the value out where it is needed", "anchors and aliases are not allowed")
		return false
	case depth > 2*maxDepth+8:
		l.err(n, "split the condition into several rules", "nested too deep")
		return false
	case l.nodes > maxNodes:
		l.err(n, "split it into several policies", "more than %d values", maxNodes)
		return false
	case n.Style&yaml.TaggedStyle != 0:
		l.err(n, "remove the tag "+n.Tag, "tags are not allowed")
		return false
	}
	for _, c := range n.Content {
		if !l.plain(c, depth+1) {
			return false
		}
	}
	return true
}

// validText finds the first place that is no text that a person can read as it
// stands: utf8.RuneError for a byte that is not UTF-8; 0 where there is none.
func validText(src []byte) (line, col int, bad rune) {
	line, col = 1, 1
	for i := 0; i < len(src); {
		r, n := rune(src[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(src[i:])
		}
		if r == utf8.RuneError && n == 1 || r >= utf8.RuneSelf && i > 0 && unicode.Is(unicode.Cf, r) {
			return line, col, r
		}
		i += n
		col++
		if r == '\n' {
			line, col = line+1, 1
		}
	}
	return 0, 0, 0
}

// fewMarks says whether so few marks part the values of a file that reading it
// is quick. What YAML takes them for is not looked at: those that stand in words
// count too.
func fewMarks(src []byte, most int) (line, col int, fault string) {
	marks, run, start := 1, 0, 0
	line = 1
	paired := false // a colon was seen since the last comma or bracket
	for i, c := range src {
		run++
		switch c {
		case ',':
			if !paired { // in braces, a key without a value
				marks += 2
			}
			paired, run = false, 0
		case '[', '{':
			marks++
			paired, run = false, 0
		case '\n':
			line, start = line+1, i+1
			run = 0
		case ' ', '\t', '\r', '"', '\'', '}', ']':
			run = 0
		case ':', '?':
			if parts(src, i) {
				marks += 2
				paired, run = true, 0
			} else if i+1 < len(src) && src[i+1] >= '0' && src[i+1] <= '9' { // may be a time, which takes long to read
				marks++
			}
		case '-':
			if parts(src, i) {
				marks++
				run = 0
			} else if i+1 < len(src) && src[i+1] >= '0' && src[i+1] <= '9' { // likewise a day
				marks++
			}
		case '&', '*', '!': // an anchor, an alias or a tag, none of which a rule file may hold
			if i > 0 && i+1 < len(src) && strings.IndexByte(" \n[{,", src[i-1]) >= 0 && src[i+1] > ' ' {
				marks += 8
			}
		case '#': // a comment, which is kept
			if i > 0 && src[i-1] <= ' ' {
				marks++
			}
		}
		switch {
		case marks > most:
			return line, i - start + 1, fmt.Sprintf("more than %d values", most)
		case run > maxRun:
			return line, i - start + 1, fmt.Sprintf("a word of more than %d bytes", maxRun)
		}
	}
	return 0, 0, ""
}

// parts says whether the mark at i parts two values: one that is followed by a
// blank, by any break of a line that YAML knows, or by another mark.
func parts(src []byte, i int) bool {
	if i+1 == len(src) {
		return true
	}
	switch src[i+1] {
	case ' ', '\t', '\r', '\n', ',', '[', ']', '{', '}', '"', '\'', 0xc2, 0xe2: // the last two begin U+0085, U+2028 and U+2029
		return true
	}
	return false
}

// entry is one key of a mapping.
type entry struct {
	key, val *yaml.Node
}

// fields reads a mapping whose keys are all known and appear once.
func (l *loader) fields(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for _, e := range l.entries(n, what) {
		if !slices.Contains(known, e.key.Value) {
			l.err(e.key, l.suggest(e.key.Value, known), "unknown key %q in %s", e.key.Value, what)
			continue
		}
		out[e.key.Value] = e.val
	}
	return out
}

// entries reads a mapping with free keys.
func (l *loader) entries(n *yaml.Node, what string) []entry {
	if n.Kind != yaml.MappingNode {
		l.err(n, "write key: value lines", "%s must be a mapping", what)
		return nil
	}
	if len(n.Content) > 2*maxValues {
		l.err(n, "split it", "%s has %d keys, more than the %d allowed", what, len(n.Content)/2, maxValues)
		return nil
	}
	seen := map[string]int{}
	var out []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode {
			l.err(k, "write a plain word", "a key of %s must be a word", what)
			continue
		}
		if first, dup := seen[k.Value]; dup {
			l.err(k, "remove one of them", "key %q stands twice (first on line %d)", k.Value, first)
			continue
		}
		seen[k.Value] = k.Line
		out = append(out, entry{k, n.Content[i+1]})
	}
	return out
}

func (l *loader) list(n *yaml.Node, what string) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		l.err(n, "write it as a list: [a, b]", "%s must be a list", what)
		return nil
	}
	if len(n.Content) > maxValues {
		l.err(n, "split it", "%s has %d entries, more than the %d allowed", what, len(n.Content), maxValues)
		return nil
	}
	return n.Content
}

// text reads one line or paragraph of words.
func (l *loader) text(n *yaml.Node, what string) string {
	if n == nil {
		return ""
	}
	s := strings.TrimSpace(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode:
		l.err(n, "write words", "%s must be text", what)
		return ""
	case s == "" || n.Tag == "!!null":
		l.err(n, "write words or remove the key", "%s is empty", what)
		return ""
	case len(s) > maxText:
		l.err(n, "shorten it", "%s has %d bytes, more than the %d allowed", what, len(s), maxText)
		return ""
	case strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' || r == utf8.RuneError || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Cf, r)
	}):
		l.err(n, "remove it", "%s holds a control character, or another that is not seen", what)
		return ""
	}
	return strings.Join(strings.Fields(s), " ")
}

// must reads text that has to be there.
func (l *loader) must(parent, n *yaml.Node, key, what string) string {
	if n == nil {
		l.err(parent, fmt.Sprintf("add %s: …", key), "%s has no %s", what, key)
		return ""
	}
	return l.text(n, key)
}

// ident reads an id: lower-case letters, digits, dots, dashes, underscores.
func (l *loader) ident(n *yaml.Node, what string) string {
	s := l.text(n, what)
	if s == "" {
		return ""
	}
	if !isIdent(s) {
		l.err(n, fmt.Sprintf("write it like %q", toIdent(s)), "%s %q may hold only lower-case letters, digits, dots, dashes and underscores", what, s)
		return ""
	}
	return s
}

func isIdent(s string) bool {
	return s != "" && len(s) <= 80 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	})
}

func toIdent(s string) string {
	out := strings.Trim(strings.Map(func(r rune) rune {
		r = unicode.ToLower(r)
		if isIdent(string(r)) {
			return r
		}
		return '-'
	}, s), "-")
	if out == "" || len(out) > 80 {
		return "an-id"
	}
	return out
}

// choice reads one of a few words.
func (l *loader) choice(n *yaml.Node, what string, allowed ...string) string {
	s := l.text(n, what)
	if s != "" && !slices.Contains(allowed, s) {
		l.err(n, l.suggest(s, allowed), "unknown %s %q", what, s)
		return ""
	}
	return s
}

// date reads a day, or a year or month where only those are known.
func (l *loader) date(n *yaml.Node, what string, full bool) string {
	s := l.text(n, what)
	if s == "" {
		return ""
	}
	layouts := []string{time.DateOnly, "2006-01", "2006"}
	if full {
		layouts = layouts[:1]
	}
	for _, layout := range layouts {
		if _, err := time.Parse(layout, s); err == nil {
			return s
		}
	}
	want := "write it as YYYY-MM-DD"
	for _, layout := range []string{"02.01.2006", "2006/01/02", "2.1.2006", "2 January 2006", "January 2, 2006", time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			want = fmt.Sprintf("did you mean %q?", t.Format(time.DateOnly))
		}
	}
	l.err(n, want, "%s %q is not a date", what, s)
	return ""
}

func (l *loader) document(n *yaml.Node) *document {
	f := l.fields(n, "the policy", documentKeys...)
	d := &document{floor: Flag, status: "in force"}
	if f["policy"] == nil {
		l.err(n, "add policy: an-id", "the policy has no id")
	} else {
		d.id = l.ident(f["policy"], "policy id")
	}
	d.version = l.must(n, f["version"], "version", "the policy")
	d.title = l.must(n, f["title"], "title", "the policy")
	if f["status"] != nil {
		d.status = l.choice(f["status"], "status", "in force", "proposed", "superseded")
	}
	if f["default"] != nil {
		if v, ok := ParseOutcome(l.choice(f["default"], "default", "flag", "deny")); ok {
			d.floor = v
		}
	}
	l.levels(d, f["postures"])
	d.examples = f["examples"]
	for _, c := range l.list(f["may_change"], "may_change") {
		d.mayChange = append(d.mayChange, l.ident(c, "role"))
	}
	for _, c := range l.list(f["omits"], "omits") {
		d.omits = append(d.omits, l.text(c, "what is omitted"))
	}
	l.params, l.conditions = map[string]*param{}, map[string]bool{}
	if f["parameters"] != nil {
		for _, e := range l.entries(f["parameters"], "parameters") {
			name := l.ident(e.key, "parameter")
			p := l.fields(e.val, "parameter "+name, parameterKeys...)
			if name == "" || p["value"] == nil || p["value"].Kind != yaml.ScalarNode {
				l.err(e.key, "add value: and words:", "parameter %q has no single value", e.key.Value)
				continue
			}
			pm := &param{name: name, words: l.must(e.val, p["words"], "words", "parameter "+name), text: l.text(p["value"], "value"), node: p["value"]}
			l.params[name] = pm
			d.params = append(d.params, pm)
		}
	}
	if f["conditions"] != nil {
		for _, e := range l.entries(f["conditions"], "conditions") {
			id := l.ident(e.key, "condition")
			d.conditions = append(d.conditions, &wording{id, l.langs(e.val, "condition "+e.key.Value)})
			l.conditions[id] = true
		}
	}
	l.rules(d, n, f["rules"])
	for _, p := range d.params {
		if !p.used {
			l.err(p.node, "use it as $"+p.name+" in a rule, or remove it", "parameter %q is never used", p.name)
		}
	}
	return d
}

// levels reads the names of the site's threat levels.
func (l *loader) levels(d *document, n *yaml.Node) {
	for _, c := range l.list(n, "postures") {
		name := l.ident(c, "posture")
		switch {
		case name != "" && name[0] >= '0' && name[0] <= '9':
			l.err(c, "begin with a letter, so that it is no number", "posture %q begins with a digit", name)
		case slices.Contains(d.postures, name):
			l.err(c, "remove one of them", "posture %q stands twice", name)
		}
		d.postures = append(d.postures, name)
	}
	if n != nil && n.Kind == yaml.SequenceNode && len(n.Content) < 2 {
		l.err(n, "name at least two, the least first", "postures names no levels to choose from")
	}
	l.postures = d.postures
}

// langs reads words by language: two small letters each, English required.
func (l *loader) langs(n *yaml.Node, what string) map[string]string {
	out := map[string]string{}
	for _, e := range l.entries(n, what) {
		k := e.key.Value
		if len(k) != 2 || !isIdent(k) || strings.ContainsAny(k, "-_.0123456789") {
			l.err(e.key, l.suggest(k, []string{"en", "pl", "de"}), "unknown language %q in %s", k, what)
			continue
		}
		out[k] = l.expand(e.val, l.text(e.val, what))
	}
	if n.Kind == yaml.MappingNode && out["en"] == "" {
		l.err(n, "add en: …", "%s has no English words", what)
	}
	return out
}

// expand checks the {parameter} places in words.
func (l *loader) expand(n *yaml.Node, s string) string {
	for rest := s; ; {
		i := strings.IndexByte(rest, '{')
		if i < 0 {
			return s
		}
		j := strings.IndexByte(rest[i:], '}')
		if j < 0 {
			l.err(n, "close the brace", "an open brace in words")
			return s
		}
		name := rest[i+1 : i+j]
		p := l.params[name]
		if p == nil {
			l.err(n, l.suggest(name, l.paramNames()), "unknown parameter %q in words", name)
			return s
		}
		rest = rest[i+j:]
	}
}

func (l *loader) paramNames() []string {
	if l.full() || l.effort > maxEffort {
		return nil
	}
	var names []string
	for n := range l.params {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (l *loader) rules(d *document, root, n *yaml.Node) {
	if n == nil {
		l.err(root, "add rules: with at least one rule", "the policy has no rules")
		return
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || len(n.Content) > maxRules {
		l.err(n, "write a list of 1 to "+strconv.Itoa(maxRules)+" rules, each beginning with - id:", "rules must be a list")
		return
	}
	byID := map[string]*ruleDoc{}
	var ids []string
	for _, rn := range n.Content {
		r := l.rule(d, rn)
		if r.id == "" {
			continue
		}
		if first := byID[r.id]; first != nil {
			l.err(rn, "give each rule its own id", "rule id %q stands twice (first on line %d)", r.id, first.node.Line)
			continue
		}
		byID[r.id] = r
		ids = append(ids, r.id)
		d.rules = append(d.rules, r)
	}
	for _, r := range d.rules {
		for i, id := range r.lifts {
			t := byID[id]
			switch {
			case t == nil:
				l.err(r.liftNodes[i], l.suggest(id, ids), "lifts an unknown rule %q", id)
			case len(t.lifts) > 0:
				l.err(r.liftNodes[i], "name the rules that deny or flag", "rule %q lifts others itself and cannot be lifted", id)
			case t.outcome == Grant:
				l.err(r.liftNodes[i], "name the rules that deny or flag", "rule %q grants: there is nothing to lift", id)
			}
		}
	}
}

func (l *loader) rule(d *document, n *yaml.Node) *ruleDoc {
	r := &ruleDoc{node: n}
	f := l.fields(n, "the rule", ruleKeys...)
	if n.Kind != yaml.MappingNode {
		return r
	}
	if f["id"] == nil {
		l.err(n, "add id: a-short-name", "the rule has no id")
	} else if r.id = l.ident(f["id"], "rule id"); r.id == DefaultRule {
		l.err(f["id"], "choose another id", "%q is the name of the policy's own default", DefaultRule)
	}
	what := fmt.Sprintf("rule %q", r.id)
	r.title = l.expand(n, l.must(n, f["title"], "title", what))
	if f["outcome"] == nil {
		l.err(n, "add outcome: deny, flag or grant", "%s has no outcome", what)
	} else {
		r.outcome, _ = ParseOutcome(l.choice(f["outcome"], "outcome", "deny", "flag", "grant"))
	}
	l.ifUnknown(r, f["if_unknown"], what)
	l.moments(r, f["applies_on"])
	if f["instrument"] == nil {
		l.err(n, "add instrument: {authority: …, title: …}; for the site's own choice: authority: site", "%s names no instrument", what)
	} else {
		r.instrument = l.instrument(f["instrument"], what)
	}
	imposed := map[string]bool{}
	for _, c := range l.list(f["conditions"], "conditions") {
		id := l.ident(c, "condition")
		switch {
		case id != "" && !l.conditions[id]:
			var ids []string
			for _, w := range d.conditions {
				ids = append(ids, w.id)
			}
			l.err(c, l.suggest(id, ids), "unknown condition %q", id)
		case imposed[id]:
			l.err(c, "remove one of them", "condition %q stands twice", id)
		}
		imposed[id] = true
		r.conditions = append(r.conditions, id)
	}
	if f["work_item"] != nil {
		r.workItem = l.ident(f["work_item"], "work_item")
	}
	lifted := map[string]bool{}
	for _, c := range l.list(f["lifts"], "lifts") {
		id := l.ident(c, "rule id")
		if lifted[id] {
			l.err(c, "remove one of them", "rule %q stands twice", id)
		}
		lifted[id] = true
		r.lifts, r.liftNodes = append(r.lifts, id), append(r.liftNodes, c)
	}
	if f["lifts"] != nil && len(r.lifts) == 0 && f["lifts"].Kind == yaml.SequenceNode {
		l.err(f["lifts"], "name at least one rule or remove the key", "lifts names no rule")
	}
	if len(r.lifts) > 0 && r.outcome == Deny {
		l.err(f["lifts"], "use outcome: grant or outcome: flag", "a rule that lifts others cannot deny")
	}
	if n := f["exemption"]; n != nil {
		if len(r.lifts) == 0 {
			l.err(n, "add lifts: [the rules it lets off], or remove the key", "an exemption that lifts no rule")
		}
		e := l.fields(n, "the exemption", exemptionKeys...)
		r.exemption = &Exemption{Holder: l.must(n, e["holder"], "holder", "the exemption"), Issuer: l.must(n, e["issuer"], "issuer", "the exemption"), Number: l.text(e["number"], "number")}
	}
	if f["presumption"] != nil {
		r.presumption = l.expand(f["presumption"], l.text(f["presumption"], "presumption"))
	}
	if f["say"] == nil {
		l.err(n, "add say: {en: …, pl: …, de: …}", "%s has no words for the guard", what)
	} else {
		r.say = l.langs(f["say"], "say")
	}
	l.asks(r, f["ask"])
	if f["when"] == nil {
		l.err(n, "add when: {fact: …, is: …}", "%s has no condition", what)
		return r
	}
	p := place{raise: r.outcome != Grant, both: r.outcome != Grant && len(r.lifts) > 0, radio: r.outcome != Grant && len(r.lifts) == 0}
	if p.both {
		p.raise = false
	}
	r.when = l.cond(f["when"], p, 0)
	if presumes(r.when) && r.presumption == "" {
		l.err(f["when"], "add presumption: words saying whose choice it is", "%s rests on what is not known (known, unknown, surely, any_known_module, a count, or an authorisation not held), which is a presumption", what)
	}
	if !presumes(r.when) && r.presumption != "" && f["presumption"] != nil {
		l.err(f["presumption"], "remove the presumption", "%s presumes nothing", what)
	}
	return r
}

func (l *loader) ifUnknown(r *ruleDoc, n *yaml.Node, what string) {
	if r.outcome != Grant && r.outcome != 0 {
		r.ifUnknown = Flag
	}
	if n == nil {
		return
	}
	s := l.text(n, "if_unknown")
	v, ok := ParseOutcome(s)
	switch {
	case r.outcome == Grant:
		l.err(n, "remove it: a grant rule that is unknown does not apply", "%s grants and cannot say if_unknown", what)
	case !ok || v == Grant:
		l.err(n, l.suggest(s, []string{"flag", "deny"}), "if_unknown %q: what is unknown is flagged or denied, never granted", s)
	case v > r.outcome && r.outcome != 0:
		l.err(n, "write if_unknown: flag, or a second rule that denies", "if_unknown: deny is stricter than the rule's own outcome")
	default:
		r.ifUnknown = v
	}
}

// moments reads when a rule applies: on entry, where it does not say.
func (l *loader) moments(r *ruleDoc, n *yaml.Node) {
	if n == nil {
		r.moments = onEntry
		return
	}
	for _, c := range l.list(n, "applies_on") {
		m, ok := ParseMoment(l.choice(c, "moment", momentNames[:]...))
		if ok && r.moments.has(m) {
			l.err(c, "remove one of them", "%s stands twice", m)
		}
		if ok {
			r.moments |= 1 << m
		}
	}
	if r.moments == 0 && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		l.err(n, "list entry, exit or inside, or remove the key", "the rule would never apply")
	}
}

func (l *loader) asks(r *ruleDoc, n *yaml.Node) {
	if n == nil {
		return
	}
	r.ask = map[factID]string{}
	for _, e := range l.entries(n, "ask") {
		if fact, ok := l.fact(e.key); ok {
			r.ask[fact] = l.text(e.val, "ask")
		}
	}
}

func (l *loader) instrument(n *yaml.Node, what string) Instrument {
	f := l.fields(n, "the instrument", instrumentKeys...)
	in := Instrument{Authority: l.must(n, f["authority"], "authority", "the instrument of "+what), Title: l.must(n, f["title"], "title", "the instrument of "+what)}
	in.Quote, in.Link, in.Status = l.text(f["quote"], "quote"), l.text(f["link"], "link"), l.text(f["status"], "status")
	if f["id"] != nil {
		in.ID = l.ident(f["id"], "instrument id")
	}
	if f["date"] != nil {
		in.Date = l.date(f["date"], "date", false)
	}
	if f["from"] != nil {
		in.From = l.date(f["from"], "from", true)
	}
	if f["to"] != nil {
		in.To = l.date(f["to"], "to", true)
	}
	if in.From != "" && in.To != "" && in.To < in.From {
		l.err(f["to"], "swap the two days", "the rule ends (%s) before it begins (%s)", in.To, in.From)
	}
	if in.Link != "" && !strings.HasPrefix(in.Link, "https://") && !strings.HasPrefix(in.Link, "http://") {
		l.err(f["link"], "begin with https://", "link %q is not a web address", in.Link)
	}
	if in.Authority != "" && in.Authority != "site" && in.Link == "" && in.Quote == "" {
		l.err(n, "add quote: and link:, or authority: site when it is the site's own choice", "the instrument of %s has neither quote nor link", what)
	}
	return in
}

// place is where in a rule a condition stands.
type place struct {
	raise  bool // true here makes the verdict stricter
	both   bool // an exemption that flags: neither direction is safe to presume
	radio  bool // radio facts may stand in this rule
	module bool // inside a quantifier
	class  bool // only where a registered class is one that is named
}

func (p place) negate() place { p.raise = !p.raise; p.radio = false; return p }

func (l *loader) cond(n *yaml.Node, p place, depth int) *cond {
	c := &cond{op: opAll, raise: p.raise}
	if depth > maxDepth {
		l.err(n, "split the condition into several rules", "nested deeper than %d", maxDepth)
		return c
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		l.err(n, "write {fact: …, is: …} or {all: [ … ]}", "a condition must be a mapping")
		return c
	}
	entries := l.entries(n, "the condition")
	if len(entries) == 0 {
		return c
	}
	if slices.ContainsFunc(entries, func(e entry) bool { return e.key.Value == "fact" }) {
		return l.atom(entries, p)
	}
	e := entries[0]
	i := slices.Index(opNames[:], e.key.Value)
	if i < 0 {
		sug := l.suggest(e.key.Value, append(opNames[:], "fact"))
		if slices.Contains(testNames[:], e.key.Value) {
			sug = "add fact: before it"
		}
		l.err(e.key, sug, "unknown condition %q", e.key.Value)
		return c
	}
	if len(entries) > 1 {
		l.err(entries[1].key, "put the two into {all: [ … ]}", "a condition holds one of all, any, not, a quantifier or a fact, not also %q", entries[1].key.Value)
		return c
	}
	c.op = op(i)
	switch c.op {
	case opAll, opAny:
		kids := l.list(e.val, e.key.Value)
		p.class = p.class || c.op == opAll && slices.ContainsFunc(kids, namesClass)
		if len(kids) == 0 && e.val.Kind == yaml.SequenceNode {
			l.err(e.val, "list at least one condition", "%s of nothing", e.key.Value)
		}
		for _, k := range kids {
			c.kids = append(c.kids, l.cond(k, p, depth+1))
		}
	case opNot:
		c.kids = []*cond{l.cond(e.val, p.negate(), depth+1)}
	case opSurely:
		c.presumes = p.raise || p.both
		c.kids = []*cond{l.cond(e.val, p, depth+1)}
	case opKnown, opUnknown:
		l.knowledge(c, e.val, p)
	default:
		if p.module {
			l.err(e.key, "write two quantifiers side by side in {all: [ … ]}", "a quantifier inside a quantifier")
			return c
		}
		c.presumes = c.op == opAnyKnownModule && (p.raise || p.both)
		p.module = true
		c.kids = []*cond{l.cond(e.val, p, depth+1)}
	}
	return c
}

// namesClass says whether a condition holds only of a vehicle whose registered
// class is one that it names.
func namesClass(n *yaml.Node) bool {
	var fact, test bool
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		switch n.Content[i].Value {
		case "fact":
			fact = n.Content[i+1].Value == factTable[fClass].name
		case testNames[testIs], testNames[testIn]:
			test = true
		}
	}
	return fact && test
}

// said checks where a person's word at the lane may stand: where it could make a
// verdict milder, the vehicle has to be registered in a class besides.
func (l *loader) said(n *yaml.Node, fact factID, harmless bool, p place) {
	if fact == fOnCall && !p.class && (p.both || !harmless) {
		l.err(n, "put it into {all: [ … ]} together with {fact: "+factTable[fClass].name+", is: emergency}", "%s may make a verdict milder only beside a class that is registered", fact.info().name)
	}
}

// knowledge reads known: FACT and unknown: FACT. Whether one presumes depends
// on the direction: forgetting a fact makes unknown true, which is harmless
// where true is stricter.
func (l *loader) knowledge(c *cond, n *yaml.Node, p place) {
	fact, ok := l.fact(n)
	if !ok {
		return
	}
	c.fact = fact
	switch {
	case fact.finding():
		if fact.radio() {
			l.err(n, "use {fact: "+fact.info().name+", …}: what was not heard is simply not heard", "silence on the air is not a fact")
		} else {
			l.err(n, "use {fact: "+fact.info().name+", is: true}: what was not found is simply not found", "that nothing was found is not a fact")
		}
		return
	case fact.kind() == kindCount || fact.kind() == kindAuthorisation:
		l.err(n, "compare it instead", "%s is always known", fact.info().name)
		return
	default:
		l.inModule(n, fact, p)
	}
	l.said(n, fact, p.raise == (c.op == opKnown), p)
	c.presumes = p.both || p.raise == (c.op == opKnown)
}

// fact reads a fact's name.
func (l *loader) fact(n *yaml.Node) (factID, bool) {
	name := l.text(n, "fact")
	if name == "" {
		return 0, false
	}
	if name == "radio.sensed" {
		l.err(n, "use a fact of what was heard, such as radio.hotspot_heard or radio.contradiction", "radio.sensed decides nothing: silence proves nothing, and a working sensor must never lower a verdict")
		return 0, false
	}
	fact, ok := factByName(name)
	if !ok {
		var names []string
		for i := range factTable {
			names = append(names, factTable[i].name)
		}
		l.err(n, l.suggest(name, names), "unknown fact %q", name)
	}
	return fact, ok
}

func (l *loader) inModule(n *yaml.Node, fact factID, p place) {
	if fact.module() && !p.module {
		l.err(n, "put it into any_module, every_module, any_known_module or any_device", "%s is a fact of one module and needs a quantifier", fact.info().name)
	}
}

func (l *loader) atom(entries []entry, p place) *cond {
	c := &cond{op: opAtom, raise: p.raise}
	var fn *yaml.Node
	var rest []entry
	for _, e := range entries {
		if e.key.Value == "fact" {
			fn = e.val
		} else {
			rest = append(rest, e)
		}
	}
	fact, ok := l.fact(fn)
	if !ok {
		return c
	}
	c.fact = fact
	l.inModule(fn, fact, p)
	allowed := testsOf(fact)
	var names []string
	for _, t := range allowed {
		names = append(names, testNames[t])
	}
	if len(rest) != 1 {
		at := fn
		if len(rest) > 1 {
			at = rest[1].key
		}
		l.err(at, "give exactly one of: "+strings.Join(names, ", "), "an atom asks one thing of its fact, not %d", len(rest))
		return c
	}
	e := rest[0]
	i := slices.Index(names, e.key.Value)
	if i < 0 {
		what := "unknown operator"
		if slices.Contains(testNames[:], e.key.Value) {
			what = fact.info().name + " (" + fact.kind().String() + ") has no operator"
		}
		l.err(e.key, l.suggest(e.key.Value, names), "%s %q", what, e.key.Value)
		return c
	}
	c.test = allowed[i]
	l.operand(c, e.val)
	l.said(fn, fact, p.raise && len(c.vals) == 1 && c.vals[0].num == 1, p)
	if fact == fPass && (p.both || !p.raise) && (c.test != testIs || len(c.vals) == 1 && c.vals[0].text != PassValid) {
		l.err(e.val, "write is: "+PassValid, "%s may make a verdict milder only where the pass is valid", fact.info().name)
	}
	if fact.kind() == kindAuthorisation {
		// Of an authorisation nobody knows, the vehicle holds none.
		c.presumes = p.raise
	}
	if fact.finding() {
		switch {
		case !p.radio || !p.raise:
			l.err(fn, "use it in a rule that flags or denies, outside not", "%s may raise a verdict, never lower one", fact.info().name)
		case fact.kind() == kindBool && len(c.vals) == 1 && c.vals[0].num == 0:
			if fact.radio() {
				l.err(e.val, "write is: true", "silence on the air proves nothing")
			} else {
				l.err(e.val, "write is: true", "that nothing was found proves nothing")
			}
		}
	}
	if fact.kind() == kindCount {
		// More knowledge makes a count rise and never fall.
		rises := c.test == testAtLeast || c.test == testMore
		falls := c.test == testAtMost || c.test == testLess
		c.presumes = p.both || (p.raise && !falls) || (!p.raise && !rises)
	}
	return c
}

// operand reads the value an atom compares with.
func (l *loader) operand(c *cond, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, "$") {
		name := n.Value[1:]
		p := l.params[name]
		if p == nil {
			l.err(n, l.suggest(name, l.paramNames()), "unknown parameter %q", name)
			return
		}
		if c.test.supply() || c.test == testIn {
			l.err(n, "write the value out", "a parameter cannot stand here")
			return
		}
		p.used, c.param = true, name
		at := *p.node
		at.Line, at.Column = n.Line, n.Column
		n = &at
	}
	switch c.test {
	case testIn:
		for _, v := range l.list(n, "in") {
			c.vals = append(c.vals, l.value(c.fact, v))
		}
		if len(c.vals) == 0 && n.Kind == yaml.SequenceNode {
			l.err(n, "list at least one value", "in of nothing")
		}
	case testControlledFrom, testShareFrom:
		if n.Kind != yaml.MappingNode {
			l.err(n, "write {country: CN, at_least: 50}", "%s needs a country and a threshold", testNames[c.test])
			return
		}
		f := l.fields(n, testNames[c.test], shareKeys...)
		if f["country"] == nil {
			l.err(n, "add country: CN", "%s names no country", testNames[c.test])
			return
		}
		c.vals = []value{{text: l.country(f["country"], false)}}
		c.pct = 50
		if f["at_least"] != nil {
			c.pct = l.percent(f["at_least"])
		} else if c.test == testShareFrom {
			l.err(n, "add at_least: 25", "share_from names no threshold")
		}
	case testDesignFrom:
		c.vals = []value{{text: l.country(n, false)}}
	case testLicenceFrom, testFirmwareBy:
		c.vals = []value{{text: l.origin(n)}}
	case testListedOn:
		c.vals = []value{{text: l.named(n, NameList)}}
	case testTrustedBy:
		c.vals = []value{{text: l.named(n, NameTrusted)}}
	case testAuthorisedBy:
		c.vals = []value{{text: l.named(n, NameAuthority)}}
	case testInclude:
		c.vals = []value{{text: l.ident(n, "authorisation")}}
	case testOwnerResolved:
		c.vals = []value{{num: l.boolean(n)}}
	default:
		c.vals = []value{l.value(c.fact, n)}
	}
}

func (l *loader) value(fact factID, n *yaml.Node) value {
	name := fact.info().name
	switch fact.kind() {
	case kindBool:
		return value{num: l.boolean(n)}
	case kindInt, kindCount:
		s := l.text(n, name)
		v, err := strconv.ParseInt(s, 10, 64)
		if s != "" && (err != nil || n.Tag != "!!int" || v < -1e9 || v > 1e9) {
			l.err(n, "write a whole number", "%q is not a whole number for %s", s, name)
		} else if s != "" && fact == fModelYear && (v < 1900 || v > 2100) {
			l.err(n, "write it with four digits: 2027", "%q is not a model year", s)
		}
		return value{num: v}
	case kindZone:
		z, _ := ParseZone(l.choice(n, "zone", zoneNames[1:]...))
		return value{num: int64(z)}
	case kindCertainty:
		v, _ := ParseCertainty(l.choice(n, "certainty", certaintyNames[1:]...))
		return value{num: int64(v)}
	case kindClass:
		return value{text: l.choice(n, "class", classNames...)}
	case kindRole:
		return value{text: l.choice(n, "role", roleNames...)}
	case kindBasis:
		return value{text: l.choice(n, "basis", basisNames...)}
	case kindCountry:
		return value{text: l.country(n, false)}
	case kindMarket:
		return value{text: l.country(n, true)}
	case kindParty:
		return value{text: l.named(n, NameParty)}
	case kindDate:
		return l.day(n, name)
	case kindTime:
		return l.clock(n)
	case kindWeekday:
		return value{text: l.choice(n, "day of the week", weekdayNames...)}
	case kindPass:
		return value{text: l.choice(n, "word for a pass", passNames...)}
	case kindPosture:
		return l.posture(n)
	default:
		s := l.text(n, name)
		if alphabets(s) > 1 {
			l.err(n, "type it anew in one alphabet", "%q mixes letters of several alphabets, and is like no name that a register holds", s)
		}
		return value{text: s}
	}
}

// alphabets counts those of Latin, Greek and Cyrillic, whose letters look alike,
// in words that a rule compares with.
func alphabets(s string) int {
	n := 0
	for _, t := range [...]*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic} {
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(t, r) }) {
			n++
		}
	}
	return n
}

// day reads a day, counted from 1970.
func (l *loader) day(n *yaml.Node, what string) value {
	s := l.date(n, what, true)
	d, _ := dayNumber(s)
	return value{num: d, text: s}
}

// clock reads a time of day, in minutes since midnight.
func (l *loader) clock(n *yaml.Node) value {
	s := l.text(n, "time of day")
	if s == "" {
		return value{}
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != 5 {
		want := `write it as HH:MM between 00:00 and 23:59, in quotes: "22:00"`
		if err == nil {
			want = fmt.Sprintf("did you mean %q?", t.Format("15:04"))
		}
		l.err(n, want, "%q is not a time of day", s)
	}
	return value{num: int64(t.Hour()*60 + t.Minute()), text: s}
}

// posture reads a threat level: its name, or its number from 0.
func (l *loader) posture(n *yaml.Node) value {
	s := l.text(n, "threat level")
	if s == "" {
		return value{}
	}
	if i := slices.Index(l.postures, s); i >= 0 {
		return value{num: int64(i), text: s}
	}
	v, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil || n.Tag != "!!int":
		if len(l.postures) == 0 {
			l.err(n, "write its number, or name the levels: postures: [normal, …]", "%q is not a threat level", s)
		} else {
			l.err(n, l.suggest(s, l.postures), "%q is not a threat level", s)
		}
	case v < 0 || v > 1000 || len(l.postures) > 0 && v >= int64(len(l.postures)):
		l.err(n, "write a number from 0", "there is no threat level %d", v)
	}
	return value{num: v}
}

// named reads a name that the reference data hold.
func (l *loader) named(n *yaml.Node, kind NameKind) string {
	what := nameKinds[kind]
	if l.names == nil {
		return l.ident(n, what)
	}
	s := l.text(n, what)
	ids := l.known(kind)
	if _, ok := slices.BinarySearch(ids, s); s == "" || ok && isIdent(s) {
		return s
	}
	want := ""
	if kind == NameParty {
		want = l.names.PartyCalled(s)
	}
	if want != "" && isIdent(want) {
		want = fmt.Sprintf("did you mean %q?", want)
	} else if want = l.suggest(s, ids); want == "" {
		want = "load reference data that hold it"
	}
	l.err(n, want, "the reference data hold no %s %q", what, s)
	return ""
}

func (l *loader) known(kind NameKind) []string {
	if l.ids[kind] == nil {
		l.ids[kind] = l.names.IDs(kind)
	}
	return l.ids[kind]
}

// origin reads whose licence or firmware it is: a country or a party.
func (l *loader) origin(n *yaml.Node) string {
	s := l.text(n, "country or party")
	_, alias := countryAliases[strings.ToUpper(s)]
	switch up := strings.ToUpper(s); {
	case isCountry(s) || s == "":
		return s
	case alias:
		return l.country(n, false)
	case l.names != nil && isCountry(up) && !slices.Contains(l.known(NameParty), s):
		l.err(n, fmt.Sprintf("did you mean %q?", up), "%q is neither a country (ISO 3166-1 alpha-2) nor a party", s)
		return ""
	case l.names == nil && !isIdent(s):
		l.err(n, "write a country's two-letter code, such as CN, or a party's id, such as quectel", "%q is neither a country (ISO 3166-1 alpha-2) nor a party", s)
		return ""
	}
	return l.named(n, NameParty)
}

func (l *loader) boolean(n *yaml.Node) int64 {
	switch {
	case n.Kind == yaml.ScalarNode && n.Value == "true":
		return 1
	case n.Kind == yaml.ScalarNode && n.Value == "false":
		return 0
	}
	l.err(n, l.suggest(n.Value, []string{"true", "false"}), "%q is neither true nor false", n.Value)
	return 0
}

func (l *loader) percent(n *yaml.Node) float64 {
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || err != nil || math.IsNaN(v) || v <= 0 || v > 100 {
		l.err(n, "write a number above 0 and up to 100, without a per-cent sign", "%q is not a percentage", n.Value)
		return 50
	}
	return v
}

func (l *loader) country(n *yaml.Node, market bool) string {
	s := l.text(n, "country")
	if s == "" || isCountry(s) || market && s == "EU" {
		return s
	}
	want := "write the two-letter code, such as CN or PL"
	up := strings.ToUpper(s)
	if a, ok := countryAliases[up]; ok {
		want = fmt.Sprintf("did you mean %q?", a)
	} else if isCountry(up) {
		want = fmt.Sprintf("did you mean %q?", up)
	} else if s == "NO" || n.Tag == "!!bool" {
		want = "put it in quotes"
	}
	l.err(n, want, "%q is not a country (ISO 3166-1 alpha-2)", s)
	return ""
}

// presumes says whether any part of a condition rests on a presumption.
func presumes(c *cond) bool {
	return c.presumes || slices.ContainsFunc(c.kids, presumes)
}
