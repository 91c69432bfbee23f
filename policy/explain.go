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
// for a party. A nil Supply answers nothing.
func (p *Policy) Evaluate(f *Facts, s Supply) Verdict {
	fs := p.findings()
	defer p.release(fs)
	p.Find(f, s, fs)
	return fs.Verdict()
}

// Verdict puts the findings into words. It shares nothing with them.
func (fs *Findings) Verdict() Verdict {
	p := fs.p
	v := Verdict{Outcome: fs.result, Presumed: fs.presume, Policy: p.ID(), Hash: p.hash}
	fs.write(&v)
	if len(v.Reasons) == 0 || belowFloor(&v) {
		v.Reasons = append(v.Reasons, p.defaultReason(fs.floor()))
		slices.SortStableFunc(v.Reasons, func(a, b Reason) int { return cmp.Compare(b.Outcome, a.Outcome) })
	}
	fs.duties(&v)
	fs.questions(&v)
	return v
}

// belowFloor says whether it is the policy's default that made the outcome.
func belowFloor(v *Verdict) bool {
	return !slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r.Outcome == v.Outcome })
}

func (p *Policy) defaultReason(floor Outcome) Reason {
	return Reason{
		Rule: DefaultRule, Outcome: floor,
		Because:    "No rule decided; the policy then says " + floor.String() + ".",
		Instrument: Source{ID: p.doc.id, Title: p.Title()},
	}
}

// draft is a reason whose words and sources lie in an account.
type draft struct {
	text, end   int // of the words
	first, last int // of the sources
}

// write puts down the reason of every rule that spoke. The words of all are one
// string and their sources one slice, so that a verdict is a handful of
// allocations whatever it says.
func (fs *Findings) write(v *Verdict) {
	if len(fs.spoke) == 0 {
		return
	}
	a := &fs.words
	a.clear()
	fs.drafts = fs.drafts[:0]
	lifted := 0
	for i := range fs.spoke {
		fs.drafts = append(fs.drafts, fs.draft(i))
		if fs.spoke[i].by != 0 {
			lifted++
		}
	}
	text, sources := a.all()
	reasons := make([]Reason, len(fs.spoke))
	at := [2]int{0, len(fs.spoke) - lifted}
	for i := range fs.spoke {
		to := &at[0]
		if fs.spoke[i].by != 0 {
			to = &at[1]
		}
		fs.reason(&reasons[*to], i, &fs.drafts[i], text, sources)
		*to++
	}
	if n := len(fs.spoke) - lifted; n > 0 {
		v.Reasons = reasons[:n:n]
	}
	if lifted > 0 {
		v.Lifted = reasons[len(fs.spoke)-lifted:]
	}
}

// Reason puts the say of one rule into words.
func (fs *Findings) Reason(i int) Reason {
	fs.words.clear()
	fs.drafts = fs.drafts[:0]
	d := fs.draft(i)
	text, sources := fs.words.all()
	var r Reason
	fs.reason(&r, i, &d, text, sources)
	return r
}

// draft accounts for one rule in words. Rules with the same condition that
// stand for no exemption have the same words.
func (fs *Findings) draft(i int) draft {
	s := &fs.spoke[i]
	e := fs.p.doc.rules[s.rule].exemption
	if e == nil {
		for k := range min(i, len(fs.drafts)) {
			if o := &fs.spoke[k]; o.kind == s.kind && fs.p.doc.rules[o.rule].exemption == nil {
				return fs.drafts[k]
			}
		}
	}
	t := &fs.told[s.kind]
	a := &fs.words
	a.reset()
	d := draft{text: len(a.text), first: len(a.once)}
	if s.open {
		a.text = append(a.text, "Not settled: "...)
	}
	fs.recite(fs.clauses[t.from:t.to])
	if e != nil {
		a.exempts(e)
	}
	a.close(d.text)
	a.cite()
	d.end, d.last = len(a.text), len(a.once)
	return d
}

// reason makes a reason of a draft.
func (fs *Findings) reason(r *Reason, i int, d *draft, text string, sources []Source) {
	s := &fs.spoke[i]
	doc := fs.p.doc.rules[s.rule]
	r.Rule, r.Outcome, r.Open, r.Because = doc.id, s.outcome, s.open, text[d.text:d.end]
	r.Instrument, r.Exemption = fs.p.rules[s.rule].source, doc.exemption
	deciding := &r.Instrument
	if d.last > d.first {
		r.Evidence = sources[d.first:d.last:d.last]
		if k := slices.IndexFunc(r.Evidence, func(s Source) bool { return s.Address != "" }); k >= 0 {
			deciding = &r.Evidence[k]
		}
	}
	r.Source, r.Quote, r.Date = deciding.Address, deciding.Quote, deciding.Date
	if s.by != 0 {
		r.LiftedBy = fs.p.doc.rules[s.by-1].id
	}
}

// duties collects conditions and work items. A refused vehicle is told only
// what comes with the refusal; a work item needs a rule that is true.
func (fs *Findings) duties(v *Verdict) {
	for i := range fs.force {
		r := &fs.force[i]
		d := fs.p.doc.rules[r.rule]
		o := r.says(fs.vals[r.rule])
		if o == 0 || fs.lifted[r.rule] != 0 {
			continue
		}
		if v.Outcome != Deny || o == Deny {
			for _, id := range d.conditions {
				if !slices.Contains(v.ConditionIDs, id) {
					v.ConditionIDs = append(v.ConditionIDs, id)
					v.Conditions = append(v.Conditions, fs.p.Condition(id, "en"))
				}
			}
		}
		if d.workItem != "" && fs.vals[r.rule] == True && !slices.Contains(v.WorkItems, d.workItem) {
			v.WorkItems = append(v.WorkItems, d.workItem)
		}
	}
}

// account collects what decided one rule: words, and sources by their weight.
type account struct {
	text    []byte
	clauses int
	joined  string // written before the next clause
	module  []*Source
	supply  []*Source
	leaf    []*Source
	once    []*Source // those of the three, each once for a rule
}

// clear begins the accounts of a decision.
func (a *account) clear() {
	a.reset()
	a.text, a.once = a.text[:0], a.once[:0]
}

// reset begins the account of one rule behind those that are written.
func (a *account) reset() {
	a.clauses, a.joined = 0, "; "
	a.module, a.supply, a.leaf = a.module[:0], a.supply[:0], a.leaf[:0]
}

// all gives what was written and cited.
func (a *account) all() (string, []Source) {
	sources := make([]Source, len(a.once))
	for i, s := range a.once {
		sources[i] = *s
	}
	return string(a.text), sources
}

// forget lets go of the caller's sources.
func (a *account) forget() {
	a.clear()
	clear(a.module[:cap(a.module)])
	clear(a.supply[:cap(a.supply)])
	clear(a.leaf[:cap(a.leaf)])
	clear(a.once[:cap(a.once)])
}

// say adds one clause.
func (a *account) say(parts ...string) {
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

// close makes one sentence of what was written since from.
func (a *account) close(from int) {
	if a.clauses == 0 {
		a.text = append(a.text, "it applies to every vehicle"...)
	}
	a.text = append(a.text, '.')
	if c := a.text[from]; c >= 'a' && c <= 'z' {
		a.text[from] = c - 'a' + 'A'
	}
}

// point adds the sources of a list.
func point(to []*Source, list []Source) []*Source {
	for i := range list {
		to = append(to, &list[i])
	}
	return to
}

// cite lists all sources of a rule once: the modules' own first, then the
// owners', then the other facts'.
func (a *account) cite() {
	from := len(a.once)
	for _, list := range [...][]*Source{a.module, a.supply, a.leaf} {
		for _, s := range list {
			if *s != (Source{}) && !slices.ContainsFunc(a.once[from:], func(o *Source) bool { return o == s || *o == *s }) {
				a.once = append(a.once, s)
			}
		}
	}
}

// recite puts an account into words.
func (fs *Findings) recite(clauses []clause) {
	a := &fs.words
	before, mark := 0, 0
	for i := range clauses {
		c := &clauses[i]
		n := &fs.p.prog[c.node]
		if c.kind <= cSupply && c.u >= 0 {
			fs.take(int(c.u), int(c.k))
		}
		switch c.kind {
		case cValue:
			fs.sayValue(n, c.v)
		case cUnknown:
			a.say(n.fact.info().label, " is not known")
		case cHolds:
			fs.sayAuthorisation(n, c.v)
		case cSupply:
			fs.saySupply(n)
		case cNoModule:
			unit := &fs.f.Units[c.u]
			a.leaf = append(a.leaf, &unit.Fitted.From)
			a.say("the module of the ", unitNoun(unit), " is not known")
		case cUnit:
			unit := &fs.f.Units[c.u]
			for k := range unit.Candidates {
				k := &unit.Candidates[k]
				a.module = append(point(a.module, k.Sources), &k.Maker.From)
			}
			a.say("")
			a.listModules(unit)
			before, a.clauses, a.joined = a.clauses, 0, " and "
			mark = len(a.text)
			a.text = append(a.text, " — "...)
		case cUnitEnd:
			if a.clauses == 0 {
				a.text = a.text[:mark]
			}
			a.clauses, a.joined = before, "; "
		case cFitted:
			a.say("whether the ", unitNoun(&fs.f.Units[c.u]), " is fitted is not known")
		case cOneOf:
			unit := &fs.f.Units[c.u]
			for k := range unit.Candidates {
				a.module = point(a.module, unit.Candidates[k].Sources)
			}
			a.say("the ", unitNoun(unit), " holds one of several modules, and which is not known: ")
			a.listModules(unit)
		case cOfThese:
			a.text = append(appendModule(append(a.text, "; of these, "...), &fs.f.Units[c.u], int(c.k)), " — "...)
			before, a.clauses, a.joined = a.clauses, 0, " and "
		case cTheseEnd:
			if a.clauses == 0 {
				a.text = append(a.text, "it is the kind the rule names"...)
			}
			a.clauses, a.joined = before, "; "
		case cOwn:
			a.leaf = append(a.leaf, &fs.f.Modem.From)
			if fs.f.Modem.Known {
				a.say("a modem is fitted and its module is not known")
			} else {
				a.say("it is not known whether a modem is fitted, nor which module")
			}
		case cNothing:
			fs.sayNothing(n)
		}
		fs.drop()
	}
}

// sayNothing tells why a quantifier found no unit to speak of.
func (fs *Findings) sayNothing(n *node) {
	a := &fs.words
	a.leaf = append(a.leaf, &fs.f.Modem.From)
	switch {
	case fs.f.Modem.Known && !fs.f.Modem.Value:
		a.say("no modem is fitted")
	case n.op == opEveryModule:
		a.say("no unit is fitted")
	case n.op == opAnyDevice:
		a.say("no device is known or declared")
	default:
		a.say("nothing is known of any module")
	}
}

func (fs *Findings) sayAuthorisation(n *node, v Truth) {
	a := &fs.words
	if v != True {
		a.say("no authorisation ", n.text, " is held")
		return
	}
	for i := range fs.f.Registration.Authorisations {
		if h := &fs.f.Registration.Authorisations[i]; h.covers(n.text, fs.f.At) {
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

// sayValue writes a known fact and how it stands to the rule's value.
func (fs *Findings) sayValue(n *node, v Truth) {
	a := &fs.words
	if from := fs.leafSource(n.fact); from != nil {
		a.leaf = append(a.leaf, from)
	}
	if shown(n.fact) {
		return
	}
	info := n.fact.info()
	switch n.fact {
	case fModulesKnown:
		if fs.known == 0 {
			a.say("nothing is known of any module")
		} else {
			a.say("something is known of a module")
		}
		return
	case fUnitsClaimed:
		if fs.claimed == 0 {
			a.say("no unit is known, declared or reported")
		} else {
			a.say("a unit is known, declared or reported")
		}
		return
	}
	if info.kind == kindBool {
		x, _ := fs.number(n.fact)
		a.say(boolWords(n.fact, x == 1))
		return
	}
	a.say(info.label, " is ", fs.actual(n.fact))
	if n.op == opAtom {
		fs.compareWords(n, v)
	}
}

// compareWords adds how an ordered value compares.
func (fs *Findings) compareWords(n *node, v Truth) {
	a := &fs.words
	if !n.test.ordered() && n.test != testBefore && n.test != testOnOrAfter {
		if v == False && n.test == testIs {
			a.text = append(append(a.text, ", not "...), valueWords(n.fact, n.test, value{n.num, n.text})...)
		}
		return
	}
	x, _ := fs.number(n.fact)
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
	a.text = append(append(append(a.text, ", "...), words...), valueWords(n.fact, n.test, value{n.num, n.text})...)
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
	case fInsideAlready:
		return "the site's list does not have it inside"
	case fPlateDiffers:
		return "its plate is the one that the site has with this VIN"
	case fSeenElsewhere:
		return "it was not seen elsewhere just before"
	case fWatchListed:
		return "it is not on the site's watch list"
	case fLabelDiffers:
		return "no second VIN was read off it"
	case fPassRefused:
		return "no pass was refused"
	case fRecordingOff:
		return "recording is neither switched off nor covered"
	case fModuleChipDown:
		return "it has a separate module"
	default:
		return "no " + strings.TrimPrefix(f.info().label, "whether a ")
	}
}

// actual is a known fact's value in words.
func (fs *Findings) actual(f factID) string {
	if f.kind().numeric() {
		x, _ := fs.number(f)
		if f == fPosture && x >= 0 && x < int64(len(fs.p.doc.postures)) {
			return fs.p.doc.postures[x]
		}
		return numberWords(f.kind(), x)
	}
	s, _ := fs.word(f)
	return s
}

// saySupply writes a question to the supply graph with its answer.
func (fs *Findings) saySupply(n *node) {
	a := &fs.words
	leaf := fs.party(n.fact)
	ans := fs.ask(n, leaf.Value)
	a.supply = point(a.supply, ans.Sources)
	if !n.fact.module() {
		a.leaf = append(a.leaf, &leaf.From)
	}
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
	q := &fs.p.questions[n.question]
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

// listModules writes the modules that a unit holds, or may hold.
func (a *account) listModules(unit *Unit) {
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
	to = appendName(to, unit, k)
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

// appendName writes a candidate as a person would call it.
func appendName(to []byte, unit *Unit, k int) []byte {
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
	return to
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
	case fWeightLeast:
		return &v.WeightLeastKg.From
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
	case fPass:
		return &m.f.Arrival.Pass.From
	case fInsideAlready:
		return &m.f.Arrival.InsideAlready.From
	case fPlateDiffers:
		return &m.f.Arrival.PlateDiffers.From
	case fSeenElsewhere:
		return &m.f.Arrival.SeenElsewhere.From
	case fWatchListed:
		return &m.f.Arrival.WatchListed.From
	case fLabelDiffers:
		return &m.f.Arrival.LabelDiffers.From
	case fPassRefused:
		return &m.f.Arrival.PassRefused.From
	case fClass:
		return &m.f.Registration.Class.From
	case fHotspotHeard:
		return &m.f.Radio.HotspotHeard.From
	case fHeardMaker:
		return &m.f.Radio.HeardMaker.From
	case fCellular:
		return &m.f.Radio.Cellular.From
	case fContradiction:
		return &m.f.Radio.Contradiction.From
	case fTeslaMatches:
		return &m.f.Radio.TeslaNameMatches.From
	case fTyreProtocol:
		return &m.f.Radio.TyreProtocol.From
	case fDimensions:
		return &m.f.Radio.Dimensions.From
	case fUplinkNoModem:
		return &m.f.Radio.UplinkWithoutModem.From
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
