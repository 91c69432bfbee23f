package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Example is one case that stands beside the rules: what is known of an
// arrival, and what the policy is to make of it. Exactly one of Facts and
// Request is set.
//
// An example over facts is pure: what it does not say is unknown, also of who
// stands behind a maker, so that no growth of the reference data changes it. An
// example over a request takes the whole way through the reference data.
type Example struct {
	Name    string
	Why     string // why the outcome is right; empty where the example does not say
	Line    int    // in the rule file, from 1
	Column  int
	Facts   *Facts
	Supply  Supply          // what the example says of the parties
	Request json.RawMessage // in the form that `sallyport assess` reads
	Expect  Expectation
}

// Expectation is what an example expects. A nil list was not asked for; an
// empty one expects nothing there.
type Expectation struct {
	Outcome    Outcome
	Rule       string   // of the first reason; "default" is the policy's own
	Unknown    *bool    // whether the first reason speaks because a fact is unknown
	Reasons    []string // rules that stand among the reasons beside the first
	Silent     []string // rules that do not stand among the reasons
	Open       []string // facts that are asked for, among others
	Lifted     []string // exactly these rules are lifted
	Conditions []string // exactly these conditions are imposed
	WorkItems  []string // exactly these offices get a work item
	Presumed   *bool
}

// ExampleResult is what came of one example.
type ExampleResult struct {
	Example Example
	Verdict Verdict
	Err     error    // the request could not be assessed
	Faults  []string // what was expected and what came, one sentence each; none is as expected
}

// Failed says whether the example did not come out as expected.
func (r ExampleResult) Failed() bool { return r.Err != nil || len(r.Faults) > 0 }

// The keys of an example.
var (
	exampleKeys = []string{"name", "why", "facts", "supply", "request", "expect"}
	expectKeys  = []string{"outcome", "rule", "unknown", "reasons", "silent", "open", "lifted", "conditions", "work_items", "presumed"}
	unitKeys    = []string{"name", "fitted", "one_of"}
)

// unknownWord takes a fact back that is given for all examples.
const unknownWord = "unknown"

// Examples reads the examples that stand in the rule file. They are no part of
// the policy: neither its hash nor a gate depends on them. The file's name is
// used in messages only. The error is a Problems.
//
// The key examples: holds a list of cases, or given: (facts and supply for all
// of them) and cases:.
func (p *Policy) Examples(file string) ([]Example, error) {
	n := p.ExamplesNode()
	if n == nil {
		return nil, nil
	}
	l := &loader{name: file, postures: p.doc.postures}
	out := l.examples(p, n)
	if len(l.problems) > 0 {
		return nil, l.problems.sorted()
	}
	return out, nil
}

// given is what holds for all examples of a file that do not say otherwise.
type given struct {
	facts  *Facts // nil where nothing is
	supply toldSupply
}

func (l *loader) examples(p *Policy, n *yaml.Node) []Example {
	all := given{supply: toldSupply{}}
	cases := n
	if n.Kind == yaml.MappingNode {
		f := l.fields(n, "examples", "given", "cases")
		if f["given"] != nil {
			g := l.fields(f["given"], "given", "facts", "supply")
			if g["facts"] != nil {
				all.facts = &Facts{}
				l.exampleFacts(g["facts"], all.facts)
			}
			if g["supply"] != nil {
				l.exampleSupply(g["supply"], all.supply)
			}
		}
		if cases = f["cases"]; cases == nil {
			l.err(n, "add cases: with at least one example", "examples has no cases")
			return nil
		}
	}
	var out []Example
	names := map[string]int{}
	for _, c := range l.list(cases, "examples") {
		x := l.example(p, c, all)
		if first, twice := names[x.Name]; twice {
			l.err(c, "say what sets the two apart", "example %q stands twice (first on line %d)", x.Name, first)
		}
		names[x.Name] = c.Line
		out = append(out, x)
	}
	return out
}

func (l *loader) example(p *Policy, n *yaml.Node, all given) Example {
	f := l.fields(n, "the example", exampleKeys...)
	x := Example{Line: n.Line, Column: n.Column}
	x.Name = l.must(n, f["name"], "name", "the example")
	x.Why = l.text(f["why"], "why")
	switch {
	case f["request"] != nil && (f["facts"] != nil || f["supply"] != nil):
		l.err(f["request"], "keep one of them", "an example is over a request or over facts, not both")
	case f["request"] != nil:
		x.Request = l.request(f["request"])
	case f["facts"] == nil && all.facts == nil:
		l.err(n, "add facts: {at: 2026-11-22, …} or request: {…}", "the example says nothing of the arrival")
	default:
		x.Facts = &Facts{}
		if all.facts != nil {
			*x.Facts = *all.facts
		}
		if f["facts"] != nil {
			l.exampleFacts(f["facts"], x.Facts)
		}
		if x.Facts.At.IsZero() {
			l.err(n, "add at: 2026-11-22, a day or an RFC 3339 instant", "the example names no instant, and rules have days on which they begin")
		}
		told := maps.Clone(all.supply)
		if f["supply"] != nil {
			l.exampleSupply(f["supply"], told)
		}
		x.Supply = told
	}
	if f["expect"] == nil {
		l.err(n, "add expect: {outcome: …, rule: …}", "the example expects nothing")
		return x
	}
	x.Expect = l.expect(p, f["expect"])
	return x
}

// request turns a request into the JSON that `sallyport assess` reads.
func (l *loader) request(n *yaml.Node) json.RawMessage {
	if !slices.ContainsFunc(l.entries(n, "request"), func(e entry) bool { return e.key.Value == "at" }) {
		l.err(n, "add at: 2026-11-22T05:00:00Z", "the request names no instant: what comes of it would change by itself")
	}
	var v map[string]any
	err := n.Decode(&v)
	if err == nil {
		var text []byte
		if text, err = json.Marshal(v); err == nil {
			return text
		}
	}
	l.err(n, "write it as `sallyport assess` reads it", "the request cannot be written as JSON: %v", err)
	return nil
}

func (l *loader) exampleFacts(n *yaml.Node, f *Facts) {
	for _, e := range l.entries(n, "facts") {
		switch key := e.key.Value; key {
		case "at":
			f.At = l.instant(e.val)
		case "moment":
			if m, ok := ParseMoment(l.choice(e.val, "moment", momentNames[:]...)); ok {
				f.Moment = m
			}
		case "units":
			f.Units = nil
			for _, u := range l.list(e.val, "units") {
				f.Units = append(f.Units, l.exampleUnit(u))
			}
		default:
			l.exampleFact(e, f)
		}
	}
}

func (l *loader) exampleFact(e entry, f *Facts) {
	name := e.key.Value
	if name == "radio.sensed" {
		l.err(e.key, "remove it", "radio.sensed decides nothing")
		return
	}
	fact, ok := factByName(name)
	switch {
	case !ok:
		names := []string{"at", "moment", "units"}
		for i := range factTable {
			names = append(names, factTable[i].name)
		}
		l.err(e.key, l.suggest(name, names), "unknown fact %q", name)
	case fact.module():
		l.err(e.key, "put it into units: [{"+name+": …}]", "%s is a fact of one module", name)
	case fact.kind() == kindCount:
		l.err(e.key, "write the units out in units:", "%s is counted, not said", name)
	case fact.kind() == kindAuthorisation:
		f.Registration.Authorisations = nil
		for _, a := range l.list(e.val, name) {
			f.Registration.Authorisations = append(f.Registration.Authorisations, l.authorisation(a))
		}
	default:
		v, known := l.exampleValue(fact, e.val)
		f.put(fact, v, known)
	}
}

// exampleValue reads a value as a rule would write it, or the word unknown.
func (l *loader) exampleValue(fact factID, n *yaml.Node) (v value, known bool) {
	if n.Kind == yaml.ScalarNode && n.Value == unknownWord {
		return value{}, false
	}
	return l.value(fact, n), true
}

// authorisation reads an id, or {id, issuer, from, until}.
func (l *loader) authorisation(n *yaml.Node) Authorisation {
	if n.Kind == yaml.ScalarNode {
		return Authorisation{ID: l.ident(n, "authorisation")}
	}
	f := l.fields(n, "the authorisation", "id", "issuer", "from", "until")
	a := Authorisation{ID: l.must(n, f["id"], "id", "the authorisation"), Issuer: l.text(f["issuer"], "issuer")}
	if f["from"] != nil {
		a.From = l.instant(f["from"])
	}
	if f["until"] != nil {
		a.Until = l.instant(f["until"])
	}
	return a
}

// instant reads an RFC 3339 instant, or a day, which begins at midnight UTC.
func (l *loader) instant(n *yaml.Node) time.Time {
	s := l.text(n, "instant")
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	if s != "" {
		l.err(n, "write 2026-11-22 or 2026-11-22T05:00:00Z", "%q is neither a day nor an RFC 3339 instant", s)
	}
	return time.Time{}
}

// exampleUnit reads one unit: its name, whether it is fitted, and one module or
// the alternatives under one_of.
func (l *loader) exampleUnit(n *yaml.Node) Unit {
	var u Unit
	own := Candidate{}
	said := false
	for _, e := range l.entries(n, "the unit") {
		switch e.key.Value {
		case "name":
			u.Name = l.text(e.val, "name")
		case "fitted":
			if v, known := l.exampleValue(fModem, e.val); known {
				u.Fitted = Know(v.num == 1, exampleSource)
			}
		case "one_of":
			for _, k := range l.list(e.val, "one_of") {
				var c Candidate
				for _, e := range l.entries(k, "the alternative") {
					l.moduleFact(e, &u, &c, "one_of")
				}
				u.Candidates = append(u.Candidates, c)
			}
		case fModuleRole.info().name:
			l.moduleFact(e, &u, &own, "")
		default:
			l.moduleFact(e, &u, &own, "")
			said = true
		}
	}
	switch {
	case said && u.Candidates != nil:
		l.err(n, "put all alternatives into one_of", "the unit holds one module and alternatives too")
	case said:
		u.Candidates = []Candidate{own}
	}
	if u.Role == "" {
		u.Role = unknownWord
	}
	if u.Name == "" {
		u.Name = u.Role
	}
	return u
}

func (l *loader) moduleFact(e entry, u *Unit, c *Candidate, in string) {
	fact, ok := factByName(e.key.Value)
	if !ok || !fact.module() || in != "" && fact == fModuleRole {
		var names []string
		if in == "" {
			names = slices.Clone(unitKeys)
		}
		for i := range factTable {
			if factID(i).module() && (in == "" || factID(i) != fModuleRole) {
				names = append(names, factTable[i].name)
			}
		}
		l.err(e.key, l.suggest(e.key.Value, names), "%q says nothing of a module", e.key.Value)
		return
	}
	if v, known := l.exampleValue(fact, e.val); known {
		c.put(u, fact, v)
	}
}

// exampleSource is where every fact of an example comes from.
var exampleSource = Source{Title: "as the example says"}

// put sets a fact of the vehicle, the arrival or the site.
func (f *Facts) put(fact factID, v value, known bool) {
	switch fact {
	case fVIN:
		putText(&f.Vehicle.VIN, v, known)
	case fMake:
		putText(&f.Vehicle.Make, v, known)
	case fModel:
		putText(&f.Vehicle.Model, v, known)
	case fModelYear:
		putNumber(&f.Vehicle.ModelYear, v, known)
	case fType:
		putText(&f.Vehicle.Type, v, known)
	case fBuiltIn:
		putText(&f.Vehicle.BuiltIn, v, known)
	case fBuiltOn:
		putText(&f.Vehicle.BuiltOn, v, known)
	case fWMICountry:
		putText(&f.Vehicle.WMICountry, v, known)
	case fWeight:
		putNumber(&f.Vehicle.WeightKg, v, known)
	case fWeightLeast:
		putNumber(&f.Vehicle.WeightLeastKg, v, known)
	case fVehicleMaker:
		putText(&f.Vehicle.Maker, v, known)
	case fModem:
		putFlag(&f.Modem, v, known)
	case fCameraOutside:
		putFlag(&f.Capabilities.CameraOutside, v, known)
	case fCameraInside:
		putFlag(&f.Capabilities.CameraInside, v, known)
	case fMicrophone:
		putFlag(&f.Capabilities.Microphone, v, known)
	case fGNSS:
		putFlag(&f.Capabilities.GNSS, v, known)
	case fSentry:
		putFlag(&f.Capabilities.Sentry, v, known)
	case fRecordingOff:
		putFlag(&f.Capabilities.RecordingOff, v, known)
	case fLookedFor:
		putFlag(&f.Devices.LookedFor, v, known)
	case fClass:
		putText(&f.Registration.Class, v, known)
	case fOnCall:
		putFlag(&f.Arrival.OnCall, v, known)
	case fPass:
		putText(&f.Arrival.Pass, v, known)
	case fInsideAlready:
		putFlag(&f.Arrival.InsideAlready, v, known)
	case fPlateDiffers:
		putFlag(&f.Arrival.PlateDiffers, v, known)
	case fSeenElsewhere:
		putFlag(&f.Arrival.SeenElsewhere, v, known)
	case fWatchListed:
		putFlag(&f.Arrival.WatchListed, v, known)
	case fLabelDiffers:
		putFlag(&f.Arrival.LabelDiffers, v, known)
	case fPassRefused:
		putFlag(&f.Arrival.PassRefused, v, known)
	case fHotspotHeard:
		putFlag(&f.Radio.HotspotHeard, v, known)
	case fHeardMaker:
		putText(&f.Radio.HeardMaker, v, known)
	case fCellular:
		putFlag(&f.Radio.Cellular, v, known)
	case fContradiction:
		putFlag(&f.Radio.Contradiction, v, known)
	case fTeslaMatches:
		putFlag(&f.Radio.TeslaNameMatches, v, known)
	case fTyreProtocol:
		putFlag(&f.Radio.TyreProtocol, v, known)
	case fDimensions:
		putFlag(&f.Radio.Dimensions, v, known)
	case fUplinkNoModem:
		putFlag(&f.Radio.UplinkWithoutModem, v, known)
	case fZone:
		putNumber(&f.Site.Zone, v, known)
	case fMarket:
		putText(&f.Site.Market, v, known)
	case fPosture:
		putNumber(&f.Site.Posture, v, known)
	case fLocalTime:
		putNumber(&f.Site.LocalTime, v, known)
	case fWeekday:
		putText(&f.Site.Weekday, v, known)
	case fVPICAge:
		putNumber(&f.Data.VPICAgeDays, v, known)
	case fCatalogueAge:
		putNumber(&f.Data.CatalogueAgeDays, v, known)
	case fSupplyAge:
		putNumber(&f.Data.SupplyAgeDays, v, known)
	}
}

// put sets a fact of one module.
func (c *Candidate) put(u *Unit, fact factID, v value) {
	switch fact {
	case fModuleMaker:
		putText(&c.Maker, v, true)
		c.MakerName = v.text
	case fModuleModel:
		putText(&c.Model, v, true)
	case fModuleChipDown:
		putFlag(&c.ChipDown, v, true)
	case fModuleCertainty:
		c.Certainty = Certainty(v.num)
	case fModuleBasis:
		c.Basis = v.text
	case fModuleRole:
		u.Role = v.text
	case fModuleUpdater:
		putText(&c.Updater, v, true)
	case fModuleBackEnd:
		putText(&c.BackEnd, v, true)
	case fModuleSIMHome:
		putText(&c.SIMHome, v, true)
	}
}

func putText[T ~string](leaf *Leaf[T], v value, known bool) {
	if *leaf = (Leaf[T]{}); known {
		*leaf = Know(T(v.text), exampleSource)
	}
}

func putNumber[T ~int | ~uint8](leaf *Leaf[T], v value, known bool) {
	if *leaf = (Leaf[T]{}); known {
		*leaf = Know(T(v.num), exampleSource)
	}
}

func putFlag(leaf *Leaf[bool], v value, known bool) {
	if *leaf = (Leaf[bool]{}); known {
		*leaf = Know(v.num == 1, exampleSource)
	}
}

// toldSupply answers what an example says of the parties, and nothing else.
type toldSupply map[toldKey]toldAnswer

type toldKey struct {
	party   Party
	op, arg string
}

type toldAnswer struct {
	value  Truth
	share  float64 // per cent held, where a share was told
	shared bool
}

// Ask answers as the example says; what it does not say is unknown.
func (t toldSupply) Ask(q SupplyQuestion) SupplyAnswer {
	a, ok := t[toldKey{q.Party, q.Op, q.Arg}]
	if !ok {
		return SupplyAnswer{Because: fmt.Sprintf("The example does not say %s of %s.", strings.TrimSpace(q.Op+" "+q.Arg), q.Party)}
	}
	if a.shared {
		return SupplyAnswer{Value: truth(a.share >= q.Pct), Because: fmt.Sprintf("The example says that %g %% of %s is held from %s.", a.share, q.Party, q.Arg), Sources: []Source{exampleSource}}
	}
	return SupplyAnswer{Value: a.value, Because: fmt.Sprintf("The example says of %s: %s is %s.", q.Party, strings.TrimSpace(q.Op+" "+q.Arg), a.value), Sources: []Source{exampleSource}}
}

// exampleSupply reads who stands behind the parties of an example:
//
//	quectel: {controlled_from: {CN: true}, owner_resolved: true}
//	mercedes: {share_from: {CN: 19.67}}
func (l *loader) exampleSupply(n *yaml.Node, into toldSupply) {
	var ops []string
	for t := range testCount {
		if t.supply() {
			ops = append(ops, testNames[t])
		}
	}
	for _, e := range l.entries(n, "supply") {
		party := l.ident(e.key, "party")
		for _, o := range l.entries(e.val, "what is told of "+party) {
			op := o.key.Value
			switch {
			case !slices.Contains(ops, op):
				l.err(o.key, l.suggest(op, ops), "unknown question %q to the supply graph", op)
			case op == testNames[testOwnerResolved]:
				into[toldKey{Party(party), op, ""}] = l.told(op, o.val)
			default:
				for _, a := range l.entries(o.val, op) {
					into[toldKey{Party(party), op, l.toldArg(op, a.key)}] = l.told(op, a.val)
				}
			}
		}
	}
}

// toldArg reads whom or what a question is asked with: a country, or an id.
func (l *loader) toldArg(op string, n *yaml.Node) string {
	switch op {
	case testNames[testControlledFrom], testNames[testShareFrom], testNames[testDesignFrom]:
		return l.country(n, false)
	case testNames[testLicenceFrom], testNames[testFirmwareBy]:
		if isCountry(n.Value) {
			return n.Value
		}
	}
	return l.ident(n, op)
}

func (l *loader) told(op string, n *yaml.Node) toldAnswer {
	if op == testNames[testControlledFrom] || op == testNames[testShareFrom] {
		if n.Tag == "!!int" && n.Value == "0" {
			return toldAnswer{shared: true}
		}
		if n.Tag == "!!int" || n.Tag == "!!float" {
			return toldAnswer{share: l.percent(n), shared: true}
		}
	}
	if n.Kind == yaml.ScalarNode && n.Value == unknownWord {
		return toldAnswer{}
	}
	return toldAnswer{value: truth(l.boolean(n) == 1)}
}

func (l *loader) expect(p *Policy, n *yaml.Node) Expectation {
	f := l.fields(n, "expect", expectKeys...)
	var x Expectation
	if f["outcome"] == nil {
		l.err(n, "add outcome: deny, flag or grant", "the example expects no outcome")
	} else {
		x.Outcome, _ = ParseOutcome(l.choice(f["outcome"], "outcome", "deny", "flag", "grant"))
	}
	var rules, conditions []string
	for _, r := range p.doc.rules {
		rules = append(rules, r.id)
	}
	for _, c := range p.doc.conditions {
		conditions = append(conditions, c.id)
	}
	named := func(n *yaml.Node, what string, allowed []string) []string {
		if n == nil {
			return nil
		}
		out := []string{}
		for _, c := range l.list(n, what) {
			if s := l.choice(c, what, allowed...); slices.Contains(out, s) {
				l.err(c, "remove one of them", "%q stands twice", s)
			} else {
				out = append(out, s)
			}
		}
		return out
	}
	if f["rule"] == nil {
		l.err(n, "add rule: the rule that decides, or default", "the example does not say which rule decides")
	} else {
		x.Rule = l.choice(f["rule"], "rule", append(slices.Clone(rules), DefaultRule)...)
	}
	x.Reasons = named(f["reasons"], "rule", rules)
	x.Silent = named(f["silent"], "rule", rules)
	x.Lifted = named(f["lifted"], "rule", rules)
	x.Conditions = named(f["conditions"], "condition", conditions)
	if f["open"] != nil {
		x.Open = []string{}
		for _, c := range l.list(f["open"], "open") {
			if name := l.asked(c); name != "" {
				x.Open = append(x.Open, name)
			}
		}
	}
	if f["work_items"] != nil {
		x.WorkItems = []string{}
		for _, c := range l.list(f["work_items"], "work_items") {
			x.WorkItems = append(x.WorkItems, l.ident(c, "work_item"))
		}
	}
	for key, to := range map[string]**bool{"unknown": &x.Unknown, "presumed": &x.Presumed} {
		if f[key] != nil {
			b := l.boolean(f[key]) == 1
			*to = &b
		}
	}
	return x
}

// asked reads the name of an open question: a fact, whether a unit is fitted,
// or who stands behind a party.
func (l *loader) asked(n *yaml.Node) string {
	s := l.text(n, "open")
	if s == "module.fitted" || strings.HasPrefix(s, "supply.") && isIdent(s) {
		return s
	}
	if fact, ok := l.fact(n); ok {
		return fact.info().name
	}
	return ""
}

// RunExamples decides every example and says what did not come as expected.
// Examples over facts are decided here; those over requests by assess, which
// brings the reference data.
func (p *Policy) RunExamples(examples []Example, assess func(request json.RawMessage) (Verdict, error)) []ExampleResult {
	out := make([]ExampleResult, len(examples))
	for i, x := range examples {
		r := ExampleResult{Example: x}
		if x.Facts != nil {
			r.Verdict = p.Evaluate(x.Facts, x.Supply)
		} else {
			r.Verdict, r.Err = assess(x.Request)
		}
		if r.Err == nil {
			r.Faults = x.Expect.faults(&r.Verdict)
		}
		out[i] = r
	}
	return out
}

// Unshown are the rules, in file order, of which no example shows what they do:
// none names them as its deciding rule or among its reasons and has them speak
// because their condition holds, and not because something is unknown.
func (p *Policy) Unshown(results []ExampleResult) []string {
	shown := map[string]bool{}
	for _, r := range results {
		for _, reason := range r.Verdict.Reasons {
			if !reason.Open && (reason.Rule == r.Example.Expect.Rule || slices.Contains(r.Example.Expect.Reasons, reason.Rule)) {
				shown[reason.Rule] = true
			}
		}
	}
	var out []string
	for _, r := range p.doc.rules {
		if !shown[r.id] {
			out = append(out, r.id)
		}
	}
	return out
}

// faults compares a verdict with what was expected of it.
func (x *Expectation) faults(v *Verdict) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	first := Reason{}
	if len(v.Reasons) > 0 {
		first = v.Reasons[0]
	}
	if x.Outcome != v.Outcome || x.Rule != first.Rule {
		say("expected %s by %s, came %s by %s: %s", x.Outcome, x.Rule, v.Outcome, first.Rule, first.Because)
	}
	if x.Unknown != nil && *x.Unknown != first.Open {
		say("expected that %s speaks %s, came %s: %s", first.Rule, speaks(*x.Unknown), speaks(first.Open), first.Because)
	}
	var reasons, lifted, open []string
	for _, r := range v.Reasons {
		reasons = append(reasons, r.Rule)
	}
	for _, r := range v.Lifted {
		lifted = append(lifted, r.Rule)
	}
	for _, q := range v.Open {
		open = append(open, q.Fact)
	}
	for _, id := range x.Reasons {
		if !slices.Contains(reasons, id) {
			say("expected %s among the reasons, came %s", id, listed(reasons))
		}
	}
	for _, id := range x.Silent {
		if slices.Contains(reasons, id) {
			say("expected no word of %s, came %s", id, listed(reasons))
		}
	}
	for _, fact := range x.Open {
		if !slices.Contains(open, fact) {
			say("expected the question of %s, came %s", fact, listed(open))
		}
	}
	if x.Open != nil && len(x.Open) == 0 && len(open) > 0 {
		say("expected no question, came %s", listed(open))
	}
	for _, c := range []struct {
		what      string
		want, got []string
	}{{"lifted", x.Lifted, lifted}, {"conditions", x.Conditions, v.ConditionIDs}, {"work items", x.WorkItems, v.WorkItems}} {
		if c.want != nil && !sameSet(c.want, c.got) {
			say("expected %s %s, came %s", c.what, listed(c.want), listed(c.got))
		}
	}
	if x.Presumed != nil && *x.Presumed != v.Presumed {
		say("expected presumed %t, came %t", *x.Presumed, v.Presumed)
	}
	return out
}

func speaks(open bool) string {
	if open {
		return "because a fact is unknown"
	}
	return "because its condition holds"
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func listed(of []string) string {
	if len(of) == 0 {
		return "none"
	}
	return strings.Join(of, ", ")
}
