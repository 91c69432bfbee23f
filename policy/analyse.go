package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says what a finding means for a draft.
type Severity string

// The severities. A draft with an error may not be proposed.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNote    Severity = "note" // says what was not looked at
)

// FaultClass says what kind of fault it is. The names are part of the
// contract: a name never changes its meaning.
type FaultClass string

// The classes of faults.
const (
	FaultNeverMatches FaultClass = "never-matches"  // no facts make the rule true
	FaultHidden       FaultClass = "hidden"         // another rule says at least as much wherever this one speaks
	FaultDuplicate    FaultClass = "duplicate"      // two rules say the same
	FaultContradicts  FaultClass = "contradicts"    // a grant where another rule always flags or denies
	FaultIdleLift     FaultClass = "idle-exemption" // lifts a rule that it can never meet
	FaultLiftsAll     FaultClass = "lifts-all"      // nothing that flags or denies is left
	FaultNoExpiry     FaultClass = "no-expiry"      // an exemption without an end
	FaultNoScope      FaultClass = "no-scope"       // an exemption for every vehicle, or for none that this site can tell
	FaultGap          FaultClass = "gap"            // days between two periods that no rule covers
	FaultEnds         FaultClass = "ends"           // from a day on only the default speaks
	FaultSource       FaultClass = "source"         // what is missing of a rule's source
	FaultNotInForce   FaultClass = "not-in-force"   // a proposed instrument is applied as if it were law
	FaultNotSupplied  FaultClass = "not-supplied"   // a fact that no source of this site can supply
	FaultEnded        FaultClass = "ended"          // a party or list that is no more on the policy's day
	FaultPartial      FaultClass = "partial"        // what the analysis could not decide
)

// Fault is one thing that the analyser found wrong, or worth a question.
type Fault struct {
	Class    FaultClass `json:"class"`
	Severity Severity   `json:"severity"`
	// Exact findings are proved for all facts that atoms can express. The others
	// are what a careful reader would ask about.
	Exact   bool     `json:"exact"`
	Rules   []string `json:"rules"` // whom it concerns, the rule at the place first
	Line    int      `json:"line"`
	Column  int      `json:"column"`
	Text    string   `json:"text"`    // one sentence
	Suggest string   `json:"suggest"` // what to do about it
}

func (f Fault) String() string {
	s := fmt.Sprintf("%d:%d: %s: %s", f.Line, f.Column, f.Severity, f.Text)
	if f.Suggest != "" {
		s += " " + f.Suggest
	}
	return s
}

// Environment is what the analyser is told of where and when a policy is to
// apply. What it is not told it does not check.
type Environment struct {
	Day     string   // first day on which the policy is to apply, YYYY-MM-DD
	Zones   []Zone   // that the site's lanes lead to
	Classes []Class  // that the registration list has; one that is stated at the lane counts in no vehicle's favour
	Moments []Moment // at which vehicles are looked at
	// Missing says why no source of the site ever supplies a fact, by the fact's
	// name: "no sensor listens for it".
	Missing map[string]string
	// EndedParties and EndedLists say since when a party or list is no more, by id.
	EndedParties map[string]string
	EndedLists   map[string]string
}

// Refused says whether findings keep a draft from being proposed.
func Refused(found []Fault) bool {
	return slices.ContainsFunc(found, func(f Fault) bool { return f.Severity == SeverityError })
}

// Analyse looks for what is wrong with a policy whose every rule is well
// formed. It is a pure function, and its work is bounded: what it could not
// decide within its bounds it says in findings of class FaultPartial.
//
// A rule that is said never to match, or to be hidden, is so for all facts and
// all answers of a supply graph in which a share that reaches a threshold also
// reaches the lower ones. The reverse does not hold. Where a policy asks at
// once for counts of modules and for modules, or for a party by name and for
// who stands behind it at several places, the solver takes more combinations
// for possible than there are; a rule hidden by several others together is not
// looked for.
func Analyse(p *Policy, env Environment) []Fault {
	a := newAnalysis(p, env)
	a.matching()
	a.outline()
	a.pairs()
	a.lifting()
	a.periods()
	a.sources()
	a.site()
	a.ended()
	a.partial()
	slices.SortStableFunc(a.found, func(x, y Fault) int {
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column), cmp.Compare(x.Class, y.Class))
	})
	return a.found
}

type analysis struct {
	p      *Policy
	env    Environment
	sp     *space
	solver *solver
	found  []Fault

	dead    []bool    // per rule: never true
	lifters [][]int32 // per rule: who lifts it
	open    []int     // per rule: questions without an answer
	seen    [][]snap  // per rule: some domains under which it is true
	shapes  []shape   // per rule
}

func newAnalysis(p *Policy, env Environment) *analysis {
	sp := newSpace(p)
	n := len(p.rules)
	a := &analysis{p: p, env: env, sp: sp, solver: newSolver(sp), dead: make([]bool, n), lifters: make([][]int32, n), open: make([]int, n), seen: make([][]snap, n)}
	for i := range p.rules {
		for _, t := range p.rules[i].lifts {
			a.lifters[t] = append(a.lifters[t], int32(i))
		}
	}
	return a
}

func (a *analysis) doc(i int) *ruleDoc { return a.p.doc.rules[i] }

// find adds a finding at a rule.
func (a *analysis) find(class FaultClass, sev Severity, exact bool, rules []int, suggest, format string, args ...any) {
	d := a.doc(rules[0])
	f := Fault{Class: class, Severity: sev, Exact: exact, Line: d.node.Line, Column: d.node.Column, Text: fmt.Sprintf(format, args...), Suggest: suggest}
	for _, i := range rules {
		f.Rules = append(f.Rules, a.doc(i).id)
	}
	a.found = append(a.found, f)
}

// matching finds rules that can never be true.
func (a *analysis) matching() {
	for i, n := range a.sp.rules {
		switch a.solver.ask(a.sp.full, goal{n, mayTrue}) {
		case impossible:
			a.dead[i] = true
			a.neverTrue(i)
		case possible:
			a.keepSnap(i)
		default:
			a.open[i]++
		}
		d, r := a.doc(i), &a.p.rules[i]
		if r.outcome == Grant && len(r.lifts) == 0 && !a.dead[i] && a.solver.ask(a.sp.full, goal{n, mayFalse}) == impossible {
			a.find(FaultNoScope, SeverityWarning, true, []int{i}, "Say in when: whom it is for.",
				"Rule %q is never false: it grants every vehicle of which enough is known, and the default (%s) is left for the others only.", d.id, a.p.doc.floor)
		}
		if d.instrument.To != "" && a.env.Day != "" && d.instrument.To < a.env.Day {
			a.find(FaultNeverMatches, SeverityWarning, true, []int{i}, "Remove the rule, or give it a later end.",
				"Rule %q ended on %s, before the policy begins on %s.", d.id, d.instrument.To, a.env.Day)
		}
		if a.env.Moments != nil && !slices.ContainsFunc(a.env.Moments, r.moments.has) {
			a.find(FaultNeverMatches, SeverityWarning, true, []int{i}, "Add entry to applies_on, or have vehicles looked at then.",
				"Rule %q applies on %s, and at this site vehicles are never looked at then.", d.id, listWords(r.moments.names(), "and"))
		}
	}
}

// neverTrue words a rule that can never be true, and names the parts that
// exclude each other where two of them do.
func (a *analysis) neverTrue(i int) {
	d, n := a.doc(i), a.sp.rules[i]
	why, suggest := "", "Change what excludes each other, or remove the rule."
	if d.when.op == opAll {
		if k, l, ok := a.excluded(n); ok && k == l {
			why = fmt.Sprintf(": it can never be that %s", a.p.describe(d.when.kids[k]))
		} else if ok {
			x, y := d.when.kids[k], d.when.kids[l]
			why = fmt.Sprintf(": it can never be both that %s and that %s", a.p.describe(x), a.p.describe(y))
			if x.op == opAtom && y.op == opAtom && x.fact == fLocalTime && y.fact == fLocalTime {
				suggest = "For hours that go past midnight put the two into {any: [ … ]}."
			}
		}
	}
	what := "says nothing, ever"
	if d.outcome != Grant {
		what = fmt.Sprintf("speaks (%s) only while something is not known", d.ifUnknown)
	}
	a.find(FaultNeverMatches, SeverityError, true, []int{i}, suggest,
		"Rule %q can never be true%s; it %s.", d.id, why, what)
}

// excluded finds one part, or two, of an "all" that can never be true.
func (a *analysis) excluded(n *form) (k, l int, ok bool) {
	for k := range n.kids {
		if a.solver.ask(a.sp.full, goal{n.kids[k], mayTrue}) == impossible {
			return k, k, true
		}
	}
	const most = 12
	for k := range min(len(n.kids), most) {
		for l := range k {
			if a.solver.ask(a.sp.full, goal{n.kids[l], mayTrue}, goal{n.kids[k], mayTrue}) == impossible {
				return l, k, true
			}
		}
	}
	return 0, 0, false
}

// partial says what was not decided.
func (a *analysis) partial() {
	for i, n := range a.open {
		if n > 0 {
			a.find(FaultPartial, SeverityNote, false, []int{i}, "Split the rule, or look at it by hand.",
				"Rule %q is too involved for %s: whether it can match, or is hidden, was not decided there.", a.doc(i).id, countWords(n, "question"))
		}
	}
	for i, n := range a.sp.rules {
		if why := beyond(n); why != "" {
			a.find(FaultPartial, SeverityNote, false, []int{i}, "", "Rule %q is analysed in part: %s. What is found of it is so; there may be more.", a.doc(i).id, why)
		}
	}
}

// beyond says why a condition is not decided exactly.
func beyond(n *form) string {
	counts, quantified := 0, quantified(n)
	if n.facts.has(fModulesKnown) {
		counts++
	}
	if n.facts.has(fUnitsClaimed) {
		counts++
	}
	switch {
	case counts > 1:
		return "it counts both modules and units, and the two counts are taken to be independent"
	case counts > 0 && quantified:
		return "it counts modules and asks about modules, and the two are taken to be independent"
	case namedAndAsked(n):
		return "it names a party and asks who stands behind it in several places, which are taken to be independent"
	}
	return ""
}

// namedAndAsked says whether a condition compares a party with a name and also
// asks who stands behind modules, or behind parties in several places: one
// party named twice could then get two answers.
func namedAndAsked(n *form) bool {
	named, asked := false, map[factID]bool{}
	var walk func(n *form)
	walk = func(n *form) {
		if n.op == opAtom && n.fact.kind() == kindParty {
			if n.party < 0 {
				named = true
			} else {
				asked[n.fact] = true
			}
		}
		for _, k := range n.kids {
			walk(k)
		}
	}
	walk(n)
	return named && (len(asked) > 1 || asked[fModuleMaker] || asked[fModuleUpdater])
}

// listWords joins words: "a, b and c".
func listWords(list []string, and string) string {
	switch len(list) {
	case 0:
		return "nothing"
	case 1:
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " " + and + " " + list[len(list)-1]
}

func countWords(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
