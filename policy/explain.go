package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Evaluate looks at every rule and gives the verdict with all its reasons and
// open questions. It is a pure function of its arguments and of the policy; f
// is only read, s may be asked from this goroutine only, each question once
// for a maker. A nil Supply answers nothing.
func (p *Policy) Evaluate(f *Facts, s Supply) Verdict {
	m := p.machine(f, s)
	defer p.release(m)
	v := Verdict{Outcome: m.decide(), Policy: p.ID(), Hash: p.hash}
	spoken := m.reasons(&v)
	if !spoken || m.belowFloor(&v) {
		v.Reasons = append(v.Reasons, p.defaultReason(m.floor()))
		slices.SortStableFunc(v.Reasons, func(a, b Reason) int { return cmp.Compare(b.Outcome, a.Outcome) })
	}
	m.duties(&v)
	if v.Outcome == Grant {
		v.Presumed = m.presumed()
	} else {
		m.questions(&v)
	}
	return v
}

// belowFloor says whether it is the policy's default that made the outcome.
func (m *machine) belowFloor(v *Verdict) bool {
	return !slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r.Outcome == v.Outcome })
}

func (p *Policy) defaultReason(floor Outcome) Reason {
	return Reason{
		Rule: DefaultRule, Outcome: floor,
		Because:    "No rule decided; the policy then says " + floor.String() + ".",
		Instrument: Source{ID: p.doc.id, Title: p.Title()},
	}
}

// reasons writes down every rule that speaks, strictest first, then in file
// order, and every rule that was lifted. It says whether any rule spoke.
func (m *machine) reasons(v *Verdict) bool {
	n := 0
	for i := range m.p.rules {
		if m.says(i) != 0 {
			n++
		}
	}
	if n == 0 {
		return false
	}
	v.Reasons = make([]Reason, 0, n)
	for o := Deny; o >= Grant; o-- {
		for i := range m.p.rules {
			if m.says(i) != o {
				continue
			}
			r := m.reason(i, o)
			if by := m.lifted[i]; by != 0 {
				r.LiftedBy = m.p.doc.rules[by-1].id
				v.Lifted = append(v.Lifted, r)
				continue
			}
			v.Reasons = append(v.Reasons, r)
		}
	}
	return len(v.Reasons) > 0
}

// reason accounts for one rule.
func (m *machine) reason(i int, o Outcome) Reason {
	d := m.p.doc.rules[i]
	a := &m.account
	a.reset()
	if m.vals[i] == Unknown {
		a.text = append(a.text, "Not settled: "...)
	}
	m.explain(m.p.rules[i].root, m.vals[i])
	if e := d.exemption; e != nil {
		a.exempts(e)
	}
	r := Reason{Rule: d.id, Outcome: o, Open: m.vals[i] == Unknown, Because: a.sentence(), Instrument: m.p.rules[i].source, Exemption: d.exemption}
	for _, open := range a.open {
		m.open = append(m.open, ruleFact{i, open})
	}
	r.Evidence = a.evidence()
	deciding := r.Instrument
	if k := slices.IndexFunc(r.Evidence, func(s Source) bool { return s.Address != "" }); k >= 0 {
		deciding = r.Evidence[k]
	}
	r.Source, r.Quote, r.Date = deciding.Address, deciding.Quote, deciding.Date
	return r
}

// duties collects conditions and work items. A refused vehicle is told only
// what comes with the refusal; a work item needs a rule that is true.
func (m *machine) duties(v *Verdict) {
	for i, d := range m.p.doc.rules {
		o := m.says(i)
		if o == 0 || m.lifted[i] != 0 {
			continue
		}
		if v.Outcome != Deny || o == Deny {
			for _, id := range d.conditions {
				if !slices.Contains(v.ConditionIDs, id) {
					v.ConditionIDs = append(v.ConditionIDs, id)
					v.Conditions = append(v.Conditions, m.p.Condition(id, "en"))
				}
			}
		}
		if d.workItem != "" && m.vals[i] == True && !slices.Contains(v.WorkItems, d.workItem) {
			v.WorkItems = append(v.WorkItems, d.workItem)
		}
	}
}

// account collects what decided one rule: words, and sources by their weight.
type account struct {
	text    []byte
	clauses int
	joined  string // written before the next clause
	mute    bool   // only open facts are wanted
	module  []*Source
	supply  []*Source
	leaf    []*Source
	once    []*Source // those of the three, each once
	open    []openFact
}

func (a *account) reset() {
	a.text, a.clauses, a.joined, a.mute = a.text[:0], 0, "; ", false
	a.module, a.supply, a.leaf, a.open = a.module[:0], a.supply[:0], a.leaf[:0], a.open[:0]
}

// forget lets go of the caller's sources.
func (a *account) forget() {
	a.reset()
	clear(a.module[:cap(a.module)])
	clear(a.supply[:cap(a.supply)])
	clear(a.leaf[:cap(a.leaf)])
	clear(a.once[:cap(a.once)])
}

// say adds one clause.
func (a *account) say(parts ...string) {
	if a.mute {
		return
	}
	if a.clauses > 0 {
		a.text = append(a.text, a.joined...)
	}
	a.clauses++
	for _, s := range parts {
		a.text = append(a.text, s...)
	}
}

// exempts adds whom an exemption lets off.
func (a *account) exempts(e *Exemption) {
	number := ""
	if e.Number != "" {
		number = " " + e.Number
	}
	a.say("exemption", number, " of ", e.Holder, ", issued by ", e.Issuer)
}

func (a *account) sentence() string {
	if a.clauses == 0 {
		a.text = append(a.text, "it applies to every vehicle"...)
	}
	a.text = append(a.text, '.')
	if c := a.text[0]; c >= 'a' && c <= 'z' {
		a.text[0] = c - 'a' + 'A'
	}
	return string(a.text)
}

// point adds the sources of a list.
func point(to []*Source, list []Source) []*Source {
	for i := range list {
		to = append(to, &list[i])
	}
	return to
}

// evidence lists all sources once: the modules' own first, then the owners',
// then the other facts'.
func (a *account) evidence() []Source {
	a.once = a.once[:0]
	for _, list := range [...][]*Source{a.module, a.supply, a.leaf} {
		for _, s := range list {
			if *s != (Source{}) && !slices.ContainsFunc(a.once, func(o *Source) bool { return o == s || *o == *s }) {
				a.once = append(a.once, s)
			}
		}
	}
	if len(a.once) == 0 {
		return nil
	}
	out := make([]Source, len(a.once))
	for i, s := range a.once {
		out[i] = *s
	}
	return out
}

// explain walks the part of a condition that made its value v and writes it
// down.
func (m *machine) explain(i int32, v Truth) {
	n := &m.p.prog[i]
	switch n.op {
	case opAtom:
		m.explainAtom(n)
	case opAll, opAny:
		m.explainGroup(i, n, v)
	case opNot:
		m.explain(i+1, not(v))
	case opSurely:
		m.explain(i+1, m.eval(i+1))
	case opKnown, opUnknown:
		m.explainKnown(n)
	default:
		m.explainQuantifier(i, n, v)
	}
}

func (m *machine) explainGroup(i int32, n *node, v Truth) {
	stop := False
	if n.op == opAny {
		stop = True
	}
	for _, want := range [...]Truth{v, not(stop)} {
		// What is said of a module comes before what is said of the rest.
		for _, quantified := range [...]bool{true, false} {
			for k := i + 1; k < n.end; k = m.p.prog[k].end {
				// Where nothing stopped the group, all its parts agree.
				if m.p.prog[k].quantified != quantified || v != not(stop) && m.eval(k) != want {
					continue
				}
				m.explain(k, want)
				if v == stop {
					return
				}
			}
		}
		// An open "all" also tells what already holds.
		if v != Unknown || n.op != opAll {
			return
		}
	}
}

func (m *machine) explainKnown(n *node) {
	known := m.leafKnown(n.fact)
	if m.sceptic && n.presumes {
		known = false
	}
	if !known {
		m.explainUnknown(n)
		return
	}
	m.explainValue(n)
}

func (m *machine) explainUnknown(n *node) {
	a := &m.account
	info := n.fact.info()
	if n.fact.kind() == kindCount {
		return
	}
	o := openFact{fact: n.fact, unit: -1}
	if n.fact.module() {
		o.unit = m.unitIndex()
	}
	if slices.Contains(a.open, o) {
		return
	}
	if info.cost > 0 {
		a.open = append(a.open, o)
	}
	a.say(info.label, " is not known")
}

func (m *machine) unitIndex() int {
	for i := range m.f.Units {
		if &m.f.Units[i] == m.unit {
			return i
		}
	}
	return -1
}

func (m *machine) explainAtom(n *node) {
	if n.test.supply() {
		m.explainSupply(n)
		return
	}
	if n.presumes && m.sceptic {
		return
	}
	switch v := m.atom(n); {
	case n.test == testInclude:
		m.explainAuthorisation(n, v)
	case v == Unknown:
		m.explainUnknown(n)
	default:
		m.explainValue(n)
	}
}

func (m *machine) explainAuthorisation(n *node, v Truth) {
	a := &m.account
	if v != True {
		a.say("no authorisation ", n.text, " is held")
		return
	}
	for i := range m.f.Registration.Authorisations {
		if h := &m.f.Registration.Authorisations[i]; h.covers(n.text, m.f.At) {
			a.say("authorisation ", n.text, " is held")
			if h.Issuer != "" {
				a.text = append(append(a.text, ", issued by "...), h.Issuer...)
			}
			a.leaf = append(a.leaf, &h.Source)
			return
		}
	}
}

// shown are facts that a module's name already tells.
func shown(f factID) bool {
	return f == fModuleCertainty || f == fModuleBasis || f == fModuleRole || f == fModuleChipDown || f == fModuleModel || f == fModuleMaker
}

// explainValue writes a known fact and how it stands to the rule's value.
func (m *machine) explainValue(n *node) {
	a := &m.account
	if from := m.leafSource(n.fact); from != nil {
		a.leaf = append(a.leaf, from)
	}
	if a.mute || shown(n.fact) {
		return
	}
	info := n.fact.info()
	switch n.fact {
	case fModulesKnown:
		if m.known == 0 {
			a.say("nothing is known of any module")
		} else {
			a.say("something is known of a module")
		}
		return
	case fUnitsClaimed:
		if m.claimed == 0 {
			a.say("no unit is known, declared or reported")
		} else {
			a.say("a unit is known, declared or reported")
		}
		return
	}
	if info.kind == kindBool {
		x, _ := m.number(n.fact)
		a.say(boolWords(n.fact, x == 1))
		return
	}
	a.say(info.label, " is ", m.actual(n.fact))
	if n.op == opAtom {
		m.compareWords(n)
	}
}

// compareWords adds how an ordered value compares.
func (m *machine) compareWords(n *node) {
	if !n.test.ordered() && n.test != testBefore && n.test != testOnOrAfter {
		if m.atom(n) == False && n.test == testIs {
			m.account.text = append(append(m.account.text, ", not "...), valueWords(n.fact, n.test, value{n.num, n.text})...)
		}
		return
	}
	x, _ := m.number(n.fact)
	words := "less than "
	switch {
	case (n.fact == fModelYear || n.fact == fBuiltOn || n.fact == fLocalTime) && x < n.num:
		words = "before "
	case (n.fact == fModelYear || n.fact == fBuiltOn || n.fact == fLocalTime) && x > n.num:
		words = "after "
	case x > n.num:
		words = "more than "
	case x == n.num:
		return
	}
	if n.fact == fZone {
		return
	}
	m.account.text = append(append(append(m.account.text, ", "...), words...), valueWords(n.fact, n.test, value{n.num, n.text})...)
}

func boolWords(f factID, yes bool) string {
	if yes {
		return strings.TrimPrefix(f.info().label, "whether ")
	}
	switch f {
	case fModem:
		return "no modem is fitted"
	case fCameraOutside:
		return "it has no camera looking out"
	case fCameraInside:
		return "it has no camera looking in"
	case fMicrophone:
		return "it has no microphone"
	case fGNSS:
		return "it does not record its position"
	case fSentry:
		return "it does not watch its surroundings while parked"
	case fLookedFor:
		return "nobody is on record as having looked for fitted and carried devices"
	case fOnCall:
		return "it is not on an emergency call"
	case fRecordingOff:
		return "recording is neither switched off nor covered"
	case fModuleChipDown:
		return "it has a separate module"
	default:
		return "no " + strings.TrimPrefix(f.info().label, "whether a ")
	}
}

// actual is a known fact's value in words.
func (m *machine) actual(f factID) string {
	if f.kind().numeric() {
		x, _ := m.number(f)
		if f == fPosture && x >= 0 && x < int64(len(m.p.doc.postures)) {
			return m.p.doc.postures[x]
		}
		return numberWords(f.kind(), x)
	}
	s, _ := m.word(f)
	return s
}

func (m *machine) explainSupply(n *node) {
	a := &m.account
	leaf, slot := m.party(n.fact)
	if !leaf.Known {
		if !n.fact.radio() {
			m.explainUnknown(n)
		}
		return
	}
	ans := m.ask(n, leaf.Value, slot)
	a.supply = point(a.supply, ans.Sources)
	if !n.fact.module() {
		a.leaf = append(a.leaf, &leaf.From)
	}
	if ans.Value == Unknown {
		a.open = append(a.open, openFact{fact: n.fact, unit: -1, party: leaf.Value})
	}
	if a.mute {
		return
	}
	m.supplyWords(n, ans)
}

// supplyWords writes a question to the supply graph with its answer.
func (m *machine) supplyWords(n *node, ans *SupplyAnswer) {
	a := &m.account
	who := "its maker"
	switch n.fact {
	case fModuleUpdater:
		who = "who updates it"
	case fVehicleMaker:
		who = "the car maker"
	case fHeardMaker:
		who = "the maker heard on the air"
	}
	not, before, after := "", "", ""
	switch ans.Value {
	case False:
		not = "not "
	case Unknown:
		before, after = "whether ", " is not known"
	}
	q := &m.p.questions[n.question]
	switch n.test {
	case testControlledFrom:
		verb := " counts as "
		if not != "" {
			verb = " does not count as "
		}
		a.say(before, who, verb, "under control from ", q.Arg, after)
	case testShareFrom:
		pct := strconv.FormatFloat(q.Pct, 'f', -1, 64)
		if ans.Value == False {
			a.say("holders from ", q.Arg, " have less than ", pct, " % of ", who)
		} else {
			a.say(before, "holders from ", q.Arg, " have ", pct, " % or more of ", who, after)
		}
	case testListedOn:
		a.say(before, who, " is ", not, "on the list ", q.Arg, after)
	case testDesignFrom:
		if ans.Value == False {
			a.say(who, " builds on no design, licence or firmware from ", q.Arg)
		} else {
			a.say(before, who, " builds on design, licence or firmware from ", q.Arg, after)
		}
	case testTrustedBy:
		a.say(before, who, " is ", not, "called trusted on the list ", q.Arg, after)
	case testLicenceFrom:
		a.tie(ans.Value, who, "builds under ", "licence from ", q.Arg)
	case testFirmwareBy:
		a.tie(ans.Value, who, "has ", "firmware or source code from ", q.Arg)
	case testAuthorisedBy:
		a.say(before, who, " is ", not, "authorised by ", q.Arg, after)
	default:
		switch ans.Value {
		case True:
			a.say("who owns ", who, " is resolved")
		case False:
			a.say("who owns ", who, " is not resolved")
		default:
			a.say("who owns ", who, " is not known")
		}
	}
	if why := strings.TrimRight(ans.Because, ". \n"); why != "" {
		a.text = append(append(a.text, ": "...), why...)
	}
}

// tie says that somebody's product comes from somebody, or that no such tie is
// known.
func (a *account) tie(v Truth, who, verb, what, from string) {
	switch v {
	case True:
		a.say(who, " ", verb, what, from)
	case False:
		a.say(who, " ", verb, "no ", what, from)
	default:
		a.say("whether ", who, " ", verb, what, from, " is not known")
	}
}

// explainQuantifier writes down the units that made the quantifier's value.
func (m *machine) explainQuantifier(i int32, n *node, v Truth) {
	every := n.op == opEveryModule
	own, spoke := false, false
	for u := range m.f.Units {
		own = own || m.f.Units[u].own()
		w, present := m.unitTruth(i, n, u)
		if !present || w != v {
			continue
		}
		spoke = true
		m.explainUnit(i, u, w)
		if v == True && !every || v == False && every {
			return
		}
	}
	if v == Unknown && !own && m.ownUnit(n) {
		m.explainOwnUnit()
		return
	}
	if !spoke && v != Unknown {
		m.account.leaf = append(m.account.leaf, &m.f.Modem.From)
		switch {
		case m.f.Modem.Known && !m.f.Modem.Value:
			m.account.say("no modem is fitted")
		case every:
			m.account.say("no unit is fitted")
		case n.op == opAnyDevice:
			m.account.say("no device is known or declared")
		default:
			m.account.say("nothing is known of any module")
		}
	}
}

// explainOwnUnit tells that the vehicle's own modem is not on record.
func (m *machine) explainOwnUnit() {
	a := &m.account
	a.open = append(a.open, openFact{fact: fModuleMaker, unit: -1})
	a.leaf = append(a.leaf, &m.f.Modem.From)
	if m.f.Modem.Known {
		a.say("a modem is fitted and its module is not known")
		return
	}
	a.open = append(a.open, openFact{fact: fModem, unit: -1})
	a.say("it is not known whether a modem is fitted, nor which module")
}

// explainUnit tells of one unit whose contribution is w.
func (m *machine) explainUnit(i int32, u int, w Truth) {
	a := &m.account
	unit := &m.f.Units[u]
	if len(unit.Candidates) == 0 {
		a.open = append(a.open, openFact{fact: fModuleMaker, unit: u})
		a.leaf = append(a.leaf, &unit.Fitted.From)
		a.say("the module of the ", unitNoun(unit), " is not known")
		return
	}
	agreed := m.agreed(i, u)
	if agreed == Unknown && len(unit.Candidates) > 1 {
		m.explainAlternatives(i, u)
		return
	}
	for k := range unit.Candidates {
		c := &unit.Candidates[k]
		a.module = append(point(a.module, c.Sources), &c.Maker.From)
	}
	m.nameModules(unit)
	before := a.clauses
	a.clauses, a.joined = 0, " and "
	mark := len(a.text)
	if !a.mute {
		a.text = append(a.text, " — "...)
	}
	m.take(u, 0)
	m.explain(i+1, agreed)
	m.unit, m.cand = nil, nil
	if a.clauses == 0 && !a.mute {
		a.text = a.text[:mark]
	}
	a.clauses, a.joined = before, "; "
	if agreed != w { // only whether it is fitted stays open
		a.open = append(a.open, openFact{fact: fModuleModel, unit: u, fitted: true})
		a.say("whether the ", unitNoun(unit), " is fitted is not known")
	}
}

// explainAlternatives tells of a unit whose candidates do not agree.
func (m *machine) explainAlternatives(i int32, u int) {
	a := &m.account
	unit := &m.f.Units[u]
	a.open = append(a.open, openFact{fact: fModuleMaker, unit: u})
	for k := range unit.Candidates {
		a.module = point(a.module, unit.Candidates[k].Sources)
	}
	if a.mute {
		return
	}
	a.say("the ", unitNoun(unit), " holds one of several modules, and which is not known: ")
	m.listModules(unit)
	for k := range unit.Candidates {
		if m.body(i, u, k) != True {
			continue
		}
		a.text = append(appendModule(append(a.text, "; of these, "...), unit, k), " — "...)
		before := a.clauses
		a.clauses, a.joined = 0, " and "
		m.take(u, k)
		m.explain(i+1, True)
		m.unit, m.cand = nil, nil
		if a.clauses == 0 {
			a.text = append(a.text, "it is the kind the rule names"...)
		}
		a.clauses, a.joined = before, "; "
		return
	}
}

// nameModules begins a clause with the unit's module, or modules where several
// agree.
func (m *machine) nameModules(unit *Unit) {
	m.account.say("")
	if !m.account.mute {
		m.listModules(unit)
	}
}

func (m *machine) listModules(unit *Unit) {
	a := &m.account
	for k := range unit.Candidates {
		switch {
		case k == 3 && len(unit.Candidates) > 4:
			a.text = append(strconv.AppendInt(append(a.text, " or "...), int64(len(unit.Candidates)-k), 10), " others"...)
			return
		case k > 0:
			a.text = append(a.text, " or "...)
		case unit.Candidates[k].ChipDown.Known && unit.Candidates[k].ChipDown.Value:
		case unit.Role == "device" && unit.Name != "":
			a.text = append(append(append(a.text, "device "...), unit.Name...), " with module "...)
		default:
			a.text = append(a.text, "module "...)
		}
		a.text = appendModule(a.text, unit, k)
	}
}

// appendModule writes a candidate as a person would call it, with how well it
// is known.
func appendModule(to []byte, unit *Unit, k int) []byte {
	c := &unit.Candidates[k]
	maker := cmp.Or(c.MakerName, string(c.Maker.Value))
	switch {
	case c.ChipDown.Known && c.ChipDown.Value:
		to = append(to, unitNoun(unit)...)
		to = append(to, " of "...)
		to = append(to, cmp.Or(maker, "unknown maker")...)
		to = append(to, " without a separate module"...)
	case c.Model.Known && c.Model.Value != "" && !strings.Contains(maker, c.Model.Value):
		if maker != "" {
			to = append(append(to, maker...), ' ')
		}
		to = append(to, c.Model.Value...)
	default:
		to = append(to, cmp.Or(maker, "of unknown maker")...)
	}
	how := c.Certainty.String()
	switch {
	case c.Basis == "declared" || c.Basis == "heard":
		how = c.Basis
	case c.Certainty == CertaintyNone:
		how = cmp.Or(c.Basis, "certainty unknown")
	}
	to = append(append(to, " ("...), how...)
	return append(to, ')')
}

func unitNoun(u *Unit) string {
	switch u.Role {
	case "tcu":
		return "telematics unit"
	case "head-unit":
		return "head unit"
	case "device":
		return cmp.Or(u.Name, "fitted device")
	default:
		return cmp.Or(u.Name, "telematics unit")
	}
}

// leafSource is where a fact came from.
func (m *machine) leafSource(f factID) *Source {
	v := &m.f.Vehicle
	switch f {
	case fVIN:
		return &v.VIN.From
	case fMake:
		return &v.Make.From
	case fModel:
		return &v.Model.From
	case fModelYear:
		return &v.ModelYear.From
	case fType:
		return &v.Type.From
	case fBuiltIn:
		return &v.BuiltIn.From
	case fBuiltOn:
		return &v.BuiltOn.From
	case fWMICountry:
		return &v.WMICountry.From
	case fWeight:
		return &v.WeightKg.From
	case fVehicleMaker:
		return &v.Maker.From
	case fModem:
		return &m.f.Modem.From
	case fModuleModel:
		return &m.cand.Model.From
	case fModuleChipDown:
		return &m.cand.ChipDown.From
	case fModuleUpdater:
		return &m.cand.Updater.From
	case fModuleBackEnd:
		return &m.cand.BackEnd.From
	case fModuleSIMHome:
		return &m.cand.SIMHome.From
	case fCameraOutside:
		return &m.f.Capabilities.CameraOutside.From
	case fCameraInside:
		return &m.f.Capabilities.CameraInside.From
	case fMicrophone:
		return &m.f.Capabilities.Microphone.From
	case fGNSS:
		return &m.f.Capabilities.GNSS.From
	case fSentry:
		return &m.f.Capabilities.Sentry.From
	case fRecordingOff:
		return &m.f.Capabilities.RecordingOff.From
	case fLookedFor:
		return &m.f.Devices.LookedFor.From
	case fOnCall:
		return &m.f.Arrival.OnCall.From
	case fClass:
		return &m.f.Registration.Class.From
	case fHotspotHeard:
		return &m.f.Radio.HotspotHeard.From
	case fHeardMaker:
		return &m.f.Radio.HeardMaker.From
	case fCellular:
		return &m.f.Radio.Cellular.From
	case fZone:
		return &m.f.Site.Zone.From
	case fMarket:
		return &m.f.Site.Market.From
	case fPosture:
		return &m.f.Site.Posture.From
	case fLocalTime:
		return &m.f.Site.LocalTime.From
	case fWeekday:
		return &m.f.Site.Weekday.From
	case fVPICAge:
		return &m.f.Data.VPICAgeDays.From
	case fCatalogueAge:
		return &m.f.Data.CatalogueAgeDays.From
	case fSupplyAge:
		return &m.f.Data.SupplyAgeDays.From
	}
	return nil
}
