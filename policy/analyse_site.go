package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// periods looks for days that rules which belong together leave uncovered, and
// for a policy that comes to an end.
func (a *analysis) periods() {
	type group struct {
		what  string
		rules []int
	}
	groups := map[string]*group{}
	var order []string
	add := func(key, what string, i int) {
		if groups[key] == nil {
			groups[key] = &group{what: what}
			order = append(order, key)
		}
		groups[key].rules = append(groups[key].rules, i)
	}
	for i := range a.p.rules {
		in := a.doc(i).instrument
		if in.From == "" && in.To == "" {
			continue
		}
		if in.Authority != "site" {
			add("i"+in.Authority+"\x00"+in.Title, fmt.Sprintf("the rules of %q", in.Title), i)
		}
		add("s"+in.Authority+"\x00"+a.doc(i).outcome.String()+"\x00"+skeleton(a.doc(i).when), "rules that follow one another", i)
	}
	told := map[string]bool{}
	for _, k := range order {
		g := groups[k]
		slices.SortStableFunc(g.rules, func(x, y int) int { return cmp.Compare(a.p.rules[x].from, a.p.rules[y].from) })
		last := g.rules[0]
		for _, i := range g.rules[1:] {
			if end := a.p.rules[last].to; end < a.p.rules[i].from {
				first, until := dayWords(end), dayWords(a.p.rules[i].from-1)
				if key := first + until; !told[key+fmt.Sprint(last, i)] {
					told[key+fmt.Sprint(last, i)] = true
					days := "from " + first + " to " + until
					if first == until {
						days = "on " + first
					}
					a.find(FaultGap, SeverityWarning, true, []int{i, last}, "Let one begin on the day after the other ends.",
						"No one of %s applies %s: rule %q ends before, and rule %q begins after.", g.what, days, a.doc(last).id, a.doc(i).id)
				}
			}
			if a.p.rules[i].to > a.p.rules[last].to {
				last = i
			}
		}
	}
	last := 0
	for i := range a.p.rules {
		if a.p.rules[i].to > a.p.rules[last].to {
			last = i
		}
	}
	if to := a.doc(last).instrument.To; to != "" {
		a.find(FaultEnds, SeverityWarning, true, []int{last}, "Give at least one rule no end, or plan the version that follows.",
			"The last rule to apply, %q, ends on %s: from the next day on only the default (%s) speaks.", a.doc(last).id, to, a.p.doc.floor)
	}
}

func dayWords(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format(time.DateOnly)
}

// skeleton is a condition without its numbers: two rules that share it differ
// in their thresholds at most.
func skeleton(c *cond) string {
	var b strings.Builder
	var walk func(c *cond)
	walk = func(c *cond) {
		b.WriteByte('(')
		b.WriteString(nodeName(c))
		if c.op == opAtom && (c.test.supply() || !c.fact.kind().numeric()) {
			for _, v := range c.vals {
				b.WriteByte(' ')
				b.WriteString(v.text)
			}
		}
		for _, k := range c.kids {
			walk(k)
		}
		b.WriteByte(')')
	}
	walk(c)
	return b.String()
}

func nodeName(c *cond) string {
	switch c.op {
	case opAtom:
		return c.fact.info().name + " " + testNames[c.test]
	case opKnown, opUnknown:
		return opNames[c.op] + " " + c.fact.info().name
	default:
		return opNames[c.op]
	}
}

// sources looks at what each rule says of where it comes from.
func (a *analysis) sources() {
	for i := range a.p.rules {
		d := a.doc(i)
		in := d.instrument
		if in.Authority == "site" {
			if len(strings.Fields(in.Title)) < 2 || strings.EqualFold(in.Title, d.title) {
				a.find(FaultSource, SeverityWarning, false, []int{i}, "Say in the instrument's title why the site wants it.", "Rule %q is the site's own choice and gives no reason.", d.id)
			}
			continue
		}
		var lacks []string
		if in.Quote == "" {
			lacks = append(lacks, "words quoted from it")
		}
		if in.Link == "" {
			lacks = append(lacks, "address where it can be read")
		}
		if in.Date == "" {
			lacks = append(lacks, "date")
		}
		if len(lacks) > 0 {
			a.find(FaultSource, SeverityWarning, true, []int{i}, "Add what is missing, so that it can be checked a year from now.",
				"The instrument of rule %q (%s) has no %s.", d.id, in.Title, listWords(lacks, "and no"))
		}
		if proposed(in.Status) && a.p.doc.status == "in force" && d.outcome != Grant && (in.From == "" || a.env.Day != "" && in.From <= a.env.Day) {
			a.find(FaultNotInForce, SeverityWarning, true, []int{i}, "Give it the day from which it is to apply (from:), or let it be the site's own choice.",
				"Rule %q applies an instrument that is only %s as if it were in force.", d.id, in.Status)
		}
	}
}

func proposed(status string) bool {
	s := strings.ToLower(status)
	return slices.ContainsFunc([]string{"proposed", "draft", "bill", "not adopted", "not in force", "pending"}, func(w string) bool { return strings.Contains(s, w) })
}

// limit is what keeps a fact from having all its values at a site.
type limit struct {
	fact  factID
	why   string
	apply func(dom []uint64)
}

// limits lists what the site cannot tell, of the facts that the policy asks for.
func (a *analysis) limits() []limit {
	var out []limit
	for _, name := range slices.Sorted(maps.Keys(a.env.Missing)) {
		if f, ok := factByName(name); ok {
			out = append(out, limit{f, a.env.Missing[name], func(dom []uint64) { a.forget(dom, f) }})
		}
	}
	among := func(f factID, why string, unknown bool, want func(cell) bool) {
		out = append(out, limit{f, why, func(dom []uint64) { a.keep(dom, f, unknown, want) }})
	}
	if zones := a.env.Zones; zones != nil {
		why := "no lane of the site has a zone"
		if len(zones) > 0 {
			why = "the site's lanes lead to " + listWords(namesOf(zones), "and") + " zones only"
		}
		among(fZone, why, len(zones) == 0, func(c cell) bool { return slices.Contains(zones, Zone(c.num)) })
	}
	if classes := a.env.Classes; classes != nil {
		why := "no vehicle is registered"
		if len(classes) > 0 {
			var names []string
			for _, c := range classes {
				names = append(names, string(c))
			}
			why = "the registration list has only " + listWords(names, "and") + " vehicles"
		}
		among(fClass, why, true, func(c cell) bool { return slices.Contains(classes, Class(c.text)) })
	}
	return out
}

func namesOf[T fmt.Stringer](list []T) []string {
	var out []string
	for _, x := range list {
		out = append(out, x.String())
	}
	return out
}

// site looks for rules that no source of the site can ever make true.
func (a *analysis) site() {
	limits := a.limits()
	if limits == nil {
		return
	}
	// What a rule that flags or denies asks of the class, a person at the lane may
	// state too.
	against, favour := slices.Clone(a.sp.full), slices.Clone(a.sp.full)
	for _, l := range limits {
		l.apply(favour)
		if l.fact != fClass {
			l.apply(against)
		}
	}
	hereAgainst, hereFavour := newSolver(a.sp), newSolver(a.sp)
	for i, n := range a.sp.rules {
		base, here := favour, hereFavour
		severe := a.p.rules[i].outcome != Grant && len(a.p.rules[i].lifts) == 0
		if severe {
			base, here = against, hereAgainst
		}
		uses := slices.DeleteFunc(slices.Clone(limits), func(l limit) bool { return !n.facts.has(l.fact) || severe && l.fact == fClass })
		if a.dead[i] || len(uses) == 0 {
			continue
		}
		switch here.ask(base, goal{n, mayTrue}) {
		case notDecided:
			a.open[i]++
		case impossible:
			a.notSupplied(i, uses, here.ask(base, goal{n, mayUnknown}) != impossible)
		}
	}
}

// notSupplied words a rule that is never true at the site, naming the one fact
// that suffices for it where one does. open says that the rule may be unknown.
func (a *analysis) notSupplied(i int, uses []limit, open bool) {
	d := a.doc(i)
	var reasons []string
	for _, l := range uses {
		text := l.fact.info().name + ": " + l.why
		only := slices.Clone(a.sp.full)
		l.apply(only)
		if newSolver(a.sp).ask(only, goal{a.sp.rules[i], mayTrue}) == impossible {
			reasons = []string{text}
			break
		}
		reasons = append(reasons, text)
	}
	class, what := FaultNotSupplied, "can never be true at this site"
	switch {
	case len(d.lifts) > 0:
		class, what = FaultNoScope, "can never be true at this site and lifts nothing there"
	case d.outcome != Grant && open && slices.ContainsFunc(uses, func(l limit) bool { return a.env.Missing[l.fact.info().name] != "" }):
		what += fmt.Sprintf(": at most it says %s, of every vehicle for which the rest of its condition holds", d.ifUnknown)
	case d.outcome != Grant && open:
		what += fmt.Sprintf(": at most it says %s, while something is not known", d.ifUnknown)
	case d.outcome != Grant:
		what += ", and says nothing there"
	}
	a.find(class, SeverityWarning, true, []int{i}, "Adopt it when the site can tell, or leave the rule out.", "Rule %q %s (%s).", d.id, what, strings.Join(reasons, "; "))
}

// forget leaves a fact nothing but unknown; an authorisation is then not held.
func (a *analysis) forget(dom []uint64, f factID) {
	for i := range a.sp.vars {
		v := &a.sp.vars[i]
		if v.fact == f && v.kind != varAnswer && f.kind() != kindCount {
			d := dom[v.at : v.at+v.words]
			clear(d)
			d[0] = 1
		}
	}
}

// keep leaves a fact the values wanted, and unknown where that may be.
func (a *analysis) keep(dom []uint64, f factID, unknown bool, want func(cell) bool) {
	k, ok := a.sp.index[varKey{fact: f}]
	if !ok {
		return
	}
	v := &a.sp.vars[k]
	for c := range v.cells {
		if c == 0 && !unknown || c > 0 && !want(v.cells[c]) {
			dom[v.at+int32(c/64)] &^= 1 << (c % 64)
		}
	}
}

// ended looks for parties and lists that are no more.
func (a *analysis) ended() {
	for i := range a.p.rules {
		told := map[string]bool{}
		var walk func(c *cond)
		walk = func(c *cond) {
			for _, k := range c.kids {
				walk(k)
			}
			if c.op != opAtom {
				return
			}
			for _, v := range c.vals {
				what, since := "", ""
				switch {
				case c.fact.kind() == kindParty && !c.test.supply() || c.test == testFirmwareBy || c.test == testLicenceFrom:
					what, since = "party", a.env.EndedParties[v.text]
				case c.test == testListedOn || c.test == testTrustedBy || c.test == testAuthorisedBy:
					what, since = "list", a.env.EndedLists[v.text]
				}
				if since == "" || told[v.text] {
					continue
				}
				told[v.text] = true
				a.find(FaultEnded, SeverityWarning, true, []int{i}, "Name what took its place.", "Rule %q names the %s %s, which is no more since %s.", a.doc(i).id, what, v.text, since)
			}
		}
		walk(a.doc(i).when)
	}
}
