package policy

import (
	"math"
	"strings"
	"time"
)

// machine is the working memory of one evaluation. Machines are reused, so
// that deciding allocates nothing once one has grown to the size of its facts.
type machine struct {
	p       *Policy
	f       *Facts
	s       Supply
	sceptic bool // presumptions count as unknown

	vals   []Truth // per rule
	lifted []int32 // per rule: 1 + index of the rule that lifts it

	base    []int32 // per unit: index of its first candidate
	slots   int     // candidates' makers, their updaters, vehicle maker, heard maker
	updater int     // slot of the first candidate's updater
	asked   []bool  // per question and slot
	answers []SupplyAnswer

	at     int64   // seconds since 1970
	moment moments // the one that it is

	unit *Unit
	cand *Candidate
	slot int

	known, claimed int64
	numbers        [factCount]int64

	date    [3]int
	day     string
	account account
	open    []ruleFact
}

const (
	slotVehicle = -2 // from the end of the slots
	slotHeard   = -1
)

func (p *Policy) machine(f *Facts, s Supply) *machine {
	m, _ := p.machines.Get().(*machine)
	if m == nil {
		m = &machine{p: p, vals: make([]Truth, len(p.rules)), lifted: make([]int32, len(p.rules))}
	}
	m.f, m.s, m.sceptic, m.unit, m.cand = f, s, false, nil, nil
	m.at, m.moment = f.At.Unix(), onEntry
	if f.Moment <= MomentInside {
		m.moment = 1 << f.Moment
	}
	m.base = m.base[:0]
	m.known, m.claimed = 0, 0
	n := 0
	for i := range f.Units {
		u := &f.Units[i]
		m.base = append(m.base, int32(n))
		n += len(u.Candidates)
		for k := range u.Candidates {
			if u.Candidates[k].known() {
				m.known++
			}
		}
		if len(u.Candidates) > 0 || u.Fitted.Known && u.Fitted.Value {
			m.claimed++
		}
	}
	m.slots, m.updater = 2*n+2, n
	size := m.slots * len(p.questions)
	if cap(m.asked) < size {
		m.asked, m.answers = make([]bool, size), make([]SupplyAnswer, size)
	}
	m.asked, m.answers = m.asked[:size], m.answers[:size]
	clear(m.asked)
	m.fill()
	at := f.At.UTC()
	y, mo, d := at.Date()
	if date := [3]int{y, int(mo), d}; m.day == "" || m.date != date {
		m.date, m.day = date, at.Format(time.DateOnly)
	}
	return m
}

// release gives the machine back and lets go of the caller's facts.
func (p *Policy) release(m *machine) {
	m.f, m.s, m.unit, m.cand = nil, nil, nil, nil
	clear(m.answers)
	m.account.forget()
	m.open = m.open[:0]
	p.machines.Put(m)
}

// known says whether anything at all is known of the candidate.
func (c *Candidate) known() bool {
	return c.Maker.Known || c.MakerName != "" || c.Model.Known || c.ChipDown.Known
}

// Decide gives the outcome alone: what Evaluate would say, without reasons and
// without allocating. It is what a back-test runs.
func (p *Policy) Decide(f *Facts, s Supply) Outcome {
	m := p.machine(f, s)
	o := m.decide()
	p.release(m)
	return o
}

// decide runs every rule and takes the strictest outcome.
func (m *machine) decide() Outcome {
	rules := m.p.rules
	var strictest Outcome
	granted := false
	for i := range rules {
		r := &rules[i]
		v := False
		if m.applies(r) {
			v = m.eval(r.root)
		}
		m.vals[i] = v
		switch v {
		case True:
			strictest = max(strictest, r.outcome)
			granted = granted || r.outcome == Grant
		case Unknown:
			strictest = max(strictest, r.ifUnknown)
		}
	}
	if m.p.lifting {
		return m.outcome()
	}
	return m.atLeastDefault(strictest, granted)
}

// applies says whether a rule speaks at the instant and moment at all.
func (m *machine) applies(r *rule) bool {
	return m.at >= r.from && m.at < r.to && m.moment&r.moments != 0
}

// floor is the least outcome where no grant rule speaks: the policy's default
// for a vehicle that wants in. Nothing holds one that leaves or stands inside
// unless a rule says so.
func (m *machine) floor() Outcome {
	if m.moment == onEntry {
		return m.p.doc.floor
	}
	return Grant
}

// atLeastDefault: unless a grant rule speaks, the outcome is at least the
// default; so adding a rule that flags or denies can never lower it.
func (m *machine) atLeastDefault(strictest Outcome, granted bool) Outcome {
	if !granted {
		return max(strictest, m.floor())
	}
	return strictest
}

// outcome takes the strictest of what the rules say, after lifting.
func (m *machine) outcome() Outcome {
	clear(m.lifted)
	for i := range m.p.rules {
		if m.vals[i] == True {
			for _, t := range m.p.rules[i].lifts {
				if m.lifted[t] == 0 {
					m.lifted[t] = int32(i) + 1
				}
			}
		}
	}
	var strictest Outcome
	granted := false
	for i := range m.p.rules {
		if m.lifted[i] == 0 {
			o := m.says(i)
			strictest = max(strictest, o)
			granted = granted || o == Grant
		}
	}
	return m.atLeastDefault(strictest, granted)
}

// says is what a rule contributes before lifting: 0 is nothing.
func (m *machine) says(i int) Outcome {
	switch m.vals[i] {
	case True:
		return m.p.rules[i].outcome
	case Unknown:
		return m.p.rules[i].ifUnknown
	default:
		return 0
	}
}

// presumed says whether a grant rests on a presumption: it would not stand if
// every question about our own knowledge were answered "unknown".
func (m *machine) presumed() bool {
	changed := false
	m.sceptic = true
	for i := range m.p.rules {
		r := &m.p.rules[i]
		if r.presumes && m.applies(r) {
			if v := m.eval(r.root); v != m.vals[i] {
				m.vals[i], changed = v, true
			}
		}
	}
	m.sceptic = false
	return changed && m.outcome() != Grant
}

// eval computes the node at i for the module in hand.
func (m *machine) eval(i int32) Truth {
	n := &m.p.prog[i]
	switch n.op {
	case opAtom:
		return m.atom(n)
	case opAll:
		v := True
		for k := i + 1; k < n.end; {
			kid := &m.p.prog[k]
			var w Truth
			if kid.op == opAtom {
				w = m.atom(kid)
			} else {
				w = m.eval(k)
			}
			k = kid.end
			switch w {
			case False:
				return False
			case Unknown:
				v = Unknown
			}
		}
		return v
	case opAny:
		v := False
		for k := i + 1; k < n.end; {
			kid := &m.p.prog[k]
			var w Truth
			if kid.op == opAtom {
				w = m.atom(kid)
			} else {
				w = m.eval(k)
			}
			k = kid.end
			switch w {
			case True:
				return True
			case Unknown:
				v = Unknown
			}
		}
		return v
	case opNot:
		return not(m.eval(i + 1))
	case opSurely:
		v := m.eval(i + 1)
		if v == Unknown && !(m.sceptic && n.presumes) {
			return False
		}
		return v
	case opKnown, opUnknown:
		if m.sceptic && n.presumes {
			return Unknown
		}
		return truth(m.leafKnown(n.fact) == (n.op == opKnown))
	default:
		return m.quantify(i, n)
	}
}

func not(v Truth) Truth {
	switch v {
	case True:
		return False
	case False:
		return True
	default:
		return Unknown
	}
}

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// quantify runs a quantifier's body over the units. See the package comment
// for what a unit contributes.
func (m *machine) quantify(i int32, n *node) Truth {
	every := n.op == opEveryModule
	stop, v := True, False
	if every {
		stop, v = False, True
	}
	own := false
	for u := range m.f.Units {
		own = own || m.f.Units[u].own()
		w, present := m.unitTruth(i, n, u)
		if !present {
			continue
		}
		if w == stop {
			return w
		}
		if w == Unknown {
			v = Unknown
		}
	}
	if !own && m.ownUnit(n) {
		v = Unknown
	}
	return v
}

// own says whether the unit is the vehicle's own. A module that was declared
// without saying where it sits may be anything, and stands in for nothing.
func (u *Unit) own() bool { return u.Role == "tcu" || u.Role == "head-unit" }

// ownUnit says whether the vehicle's own modem, of which no unit is on record,
// keeps a quantifier open.
func (m *machine) ownUnit(n *node) bool {
	if n.op == opAnyDevice || n.op == opAnyKnownModule && !(m.sceptic && n.presumes) {
		return false
	}
	return !(m.f.Modem.Known && !m.f.Modem.Value)
}

// unitTruth is what one unit contributes to a quantifier; present is false
// where it contributes nothing.
func (m *machine) unitTruth(i int32, n *node, u int) (v Truth, present bool) {
	unit := &m.f.Units[u]
	if unit.Fitted.Known && !unit.Fitted.Value {
		return 0, false
	}
	if n.op == opAnyDevice && unit.Role != "device" {
		return 0, false
	}
	if n.op == opAnyKnownModule && !(m.sceptic && n.presumes) && !unit.makerKnown() {
		return 0, false
	}
	v = m.agreed(i, u)
	if unit.Fitted.Known {
		return v, true
	}
	switch {
	case n.op == opEveryModule && v == False:
		return Unknown, true
	case n.op != opEveryModule && v == True && !n.raise:
		return Unknown, true
	}
	return v, true
}

// makerKnown says whether the maker of any candidate is known.
func (u *Unit) makerKnown() bool {
	for k := range u.Candidates {
		if u.Candidates[k].Maker.Known {
			return true
		}
	}
	return false
}

// agreed is the body's value where all candidates of a unit give the same, and
// Unknown where they differ or there is none.
func (m *machine) agreed(i int32, u int) Truth {
	unit := &m.f.Units[u]
	v := Unknown
	m.unit = unit
	for k := range unit.Candidates {
		m.cand, m.slot = &unit.Candidates[k], int(m.base[u])+k
		w := m.eval(i + 1)
		if w == Unknown || k > 0 && w != v {
			return Unknown
		}
		v = w
	}
	return v
}

// body runs a quantifier's body for one candidate.
func (m *machine) body(i int32, u, k int) Truth {
	m.take(u, k)
	return m.eval(i + 1)
}

func (m *machine) take(u, k int) {
	m.unit = &m.f.Units[u]
	m.cand = &m.unit.Candidates[k]
	m.slot = int(m.base[u]) + k
}

// atom computes one comparison.
func (m *machine) atom(n *node) Truth {
	if n.presumes && m.sceptic {
		return Unknown
	}
	switch n.how {
	case howNumber:
		x, ok := m.number(n.fact)
		if !ok {
			return m.absent(n)
		}
		return compare(n, x)
	case howSupply:
		return m.supply(n)
	case howHolds:
		return m.holds(n.text)
	}
	s, ok := m.word(n.fact)
	if !ok {
		return m.absent(n)
	}
	if n.test == testIs {
		return truth(same(s, n.text))
	}
	for k := range n.vals {
		if same(s, n.vals[k].text) {
			return True
		}
	}
	return False
}

// absent is the value of an atom whose fact is unknown. What was not heard on
// the air is simply not heard, so that hearing more can only raise.
func (m *machine) absent(n *node) Truth {
	if n.fact.radio() {
		return False
	}
	return Unknown
}

// same compares without regard to case: registers write TESLA, people Tesla.
func same(a, b string) bool { return a == b || len(a) == len(b) && strings.EqualFold(a, b) }

func compare(n *node, x int64) Truth {
	if n.test != testIn {
		return truth(x >= n.lo && x <= n.hi)
	}
	for k := range n.vals {
		if n.vals[k].num == x {
			return True
		}
	}
	return False
}

// holds says whether an authorisation of that id is held at the instant.
func (m *machine) holds(id string) Truth {
	for i := range m.f.Registration.Authorisations {
		if m.f.Registration.Authorisations[i].covers(id, m.f.At) {
			return True
		}
	}
	return False
}

func (a *Authorisation) covers(id string, at time.Time) bool {
	return a.ID == id && !at.Before(a.From) && (a.Until.IsZero() || at.Before(a.Until))
}

func (m *machine) supply(n *node) Truth {
	leaf, slot := m.party(n.fact)
	if !leaf.Known {
		return m.absent(n)
	}
	a := m.ask(n, leaf.Value, slot)
	if n.test == testOwnerResolved && n.num == 0 {
		return not(a.Value)
	}
	return a.Value
}

// party gives a maker and its place among the slots.
func (m *machine) party(f factID) (*Leaf[Party], int) {
	switch f {
	case fModuleMaker:
		return &m.cand.Maker, m.slot
	case fModuleUpdater:
		return &m.cand.Updater, m.updater + m.slot
	case fVehicleMaker:
		return &m.f.Vehicle.Maker, m.slots + slotVehicle
	default:
		return &m.f.Radio.HeardMaker, m.slots + slotHeard
	}
}

// ask puts a question to the supply graph, once for each maker.
func (m *machine) ask(n *node, party Party, slot int) *SupplyAnswer {
	k := int(n.question)*m.slots + slot
	if !m.asked[k] {
		m.asked[k] = true
		if m.s == nil {
			m.answers[k] = SupplyAnswer{Because: "no supply data is loaded"}
		} else {
			q := m.p.questions[n.question]
			q.Party, q.Day = party, m.day
			m.answers[k] = m.s.Ask(q)
		}
	}
	return &m.answers[k]
}

// unknownNumber stands for a number that is not known. No fact reaches it.
const unknownNumber = math.MinInt64

// number gives a numeric fact.
func (m *machine) number(f factID) (int64, bool) {
	switch f {
	case fModuleChipDown:
		return flagOf(&m.cand.ChipDown)
	case fModuleCertainty:
		return int64(m.cand.Certainty), m.cand.Certainty != CertaintyNone
	}
	x := m.numbers[f]
	return x, x != unknownNumber
}

// fill takes the vehicle's numbers out of the facts once for all rules.
func (m *machine) fill() {
	f, n := m.f, &m.numbers
	n[fModelYear] = numberOf(&f.Vehicle.ModelYear)
	n[fBuiltOn] = dayOf(&f.Vehicle.BuiltOn)
	n[fWeight] = numberOf(&f.Vehicle.WeightKg)
	n[fModem] = boolOf(&f.Modem)
	n[fModulesKnown], n[fUnitsClaimed] = m.known, m.claimed
	n[fCameraOutside] = boolOf(&f.Capabilities.CameraOutside)
	n[fCameraInside] = boolOf(&f.Capabilities.CameraInside)
	n[fMicrophone] = boolOf(&f.Capabilities.Microphone)
	n[fGNSS] = boolOf(&f.Capabilities.GNSS)
	n[fSentry] = boolOf(&f.Capabilities.Sentry)
	n[fLookedFor] = boolOf(&f.Devices.LookedFor)
	n[fOnCall] = boolOf(&f.Arrival.OnCall)
	n[fRecordingOff] = boolOf(&f.Capabilities.RecordingOff)
	n[fHotspotHeard] = boolOf(&f.Radio.HotspotHeard)
	n[fCellular] = boolOf(&f.Radio.Cellular)
	n[fZone] = numberOf(&f.Site.Zone)
	n[fPosture] = numberOf(&f.Site.Posture)
	n[fLocalTime] = numberOf(&f.Site.LocalTime)
	n[fVPICAge] = numberOf(&f.Data.VPICAgeDays)
	n[fCatalogueAge] = numberOf(&f.Data.CatalogueAgeDays)
	n[fSupplyAge] = numberOf(&f.Data.SupplyAgeDays)
}

func numberOf[T ~int | ~uint8](l *Leaf[T]) int64 {
	if !l.Known {
		return unknownNumber
	}
	return int64(l.Value)
}

const daySeconds = 24 * 60 * 60

// dayOf counts days from 1970; what is no day is not known.
func dayOf(l *Leaf[string]) int64 {
	if d, ok := dayNumber(l.Value); ok && l.Known {
		return d
	}
	return unknownNumber
}

// dayNumber reads YYYY-MM-DD as days since 1970.
func dayNumber(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	t, err := time.Parse(time.DateOnly, s)
	return t.Unix() / daySeconds, err == nil
}

func boolOf(l *Leaf[bool]) int64 {
	if x, known := flagOf(l); known {
		return x
	}
	return unknownNumber
}

func flagOf(l *Leaf[bool]) (int64, bool) {
	if l.Value {
		return 1, l.Known
	}
	return 0, l.Known
}

// word gives a fact that is a word.
func (m *machine) word(f factID) (string, bool) {
	switch f {
	case fVIN:
		return m.f.Vehicle.VIN.Value, m.f.Vehicle.VIN.Known
	case fMake:
		return m.f.Vehicle.Make.Value, m.f.Vehicle.Make.Known
	case fModel:
		return m.f.Vehicle.Model.Value, m.f.Vehicle.Model.Known
	case fType:
		return m.f.Vehicle.Type.Value, m.f.Vehicle.Type.Known
	case fBuiltIn:
		return m.f.Vehicle.BuiltIn.Value, m.f.Vehicle.BuiltIn.Known
	case fWMICountry:
		return m.f.Vehicle.WMICountry.Value, m.f.Vehicle.WMICountry.Known
	case fVehicleMaker:
		return string(m.f.Vehicle.Maker.Value), m.f.Vehicle.Maker.Known
	case fModuleMaker:
		return string(m.cand.Maker.Value), m.cand.Maker.Known
	case fModuleModel:
		return m.cand.Model.Value, m.cand.Model.Known
	case fModuleBasis:
		return m.cand.Basis, m.cand.Basis != ""
	case fModuleRole:
		return m.unit.Role, m.unit.Role != "" && m.unit.Role != "unknown"
	case fModuleUpdater:
		return string(m.cand.Updater.Value), m.cand.Updater.Known
	case fModuleBackEnd:
		return m.cand.BackEnd.Value, m.cand.BackEnd.Known
	case fModuleSIMHome:
		return m.cand.SIMHome.Value, m.cand.SIMHome.Known
	case fClass:
		return string(m.f.Registration.Class.Value), m.f.Registration.Class.Known
	case fHeardMaker:
		return string(m.f.Radio.HeardMaker.Value), m.f.Radio.HeardMaker.Known
	case fMarket:
		return m.f.Site.Market.Value, m.f.Site.Market.Known
	case fWeekday:
		return m.f.Site.Weekday.Value, m.f.Site.Weekday.Known
	}
	return "", false
}

// leafKnown says whether a fact has a value.
func (m *machine) leafKnown(f factID) bool {
	var ok bool
	if f.kind().numeric() {
		_, ok = m.number(f)
	} else {
		_, ok = m.word(f)
	}
	return ok
}
