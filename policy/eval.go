package policy

import (
	"math"
	"slices"
	"strings"
	"time"
)

// machine is the working memory of one decision. Machines are reused, so that
// deciding allocates nothing once one has grown to the size of its policy and
// facts.
type machine struct {
	p       *Policy
	f       *Facts
	s       Supply
	sceptic bool // presumptions count as unknown

	force  []standing // the rules that apply, in file order
	within stretch    // seconds since 1970 for which force holds
	vals   []Truth    // per rule; one that does not apply is false
	lifted []int32    // per rule: 1 + index of the rule that lifts it

	terms   []term
	memo    []uint8 // per term, then per candidate and term: 0, or 1 + its value
	other   []uint8 // the same for the other view of presumptions, once doubted
	doubted bool
	here    int // where the candidate in hand begins in memo

	seats   []seat  // per unit
	own     bool    // a unit of the vehicle's own is on record
	parties []Party // that were asked about
	asked   []int32 // per party and question: 1 + index of the answer
	answers []SupplyAnswer

	now    int64   // seconds since 1970
	moment moments // the one that it is

	unit *Unit
	cand *Candidate
	u, k int // their indexes, -1 for none

	known, claimed int64
	numbers        [factCount]int64

	date [3]int
	day  string
}

// seat is what is known of a unit before any rule looks at it.
type seat struct {
	first      int32 // index of its first candidate among all
	absent     bool  // known not to be fitted
	fitted     bool  // known whether it is fitted
	device     bool
	makerKnown bool // of some candidate
}

// standing is a rule that applies at the instant of a decision.
type standing struct {
	rule      int32
	term      int32
	outcome   Outcome
	ifUnknown Outcome
	presumes  bool
}

// stretch is a half-open stretch of seconds since 1970.
type stretch struct{ from, to int64 }

func (s stretch) holds(at int64) bool { return s.from <= at && at < s.to }

// prepare takes up the facts of one decision.
func (m *machine) prepare(p *Policy, f *Facts, s Supply) {
	m.f, m.s, m.sceptic = f, s, false
	m.drop()
	was := m.moment
	m.now, m.moment = f.At.Unix(), onEntry
	if f.Moment <= MomentInside {
		m.moment = 1 << f.Moment
	}
	if m.p != p {
		m.p, m.terms, m.within = p, p.terms.all, stretch{}
		m.vals, m.lifted = make([]Truth, len(p.rules)), make([]int32, len(p.rules))
	}
	m.seats, m.own = m.seats[:0], false
	m.known, m.claimed = 0, 0
	n := 0
	for i := range f.Units {
		u := &f.Units[i]
		at := seat{first: int32(n), absent: u.Fitted.Known && !u.Fitted.Value, fitted: u.Fitted.Known, device: u.Role == "device"}
		n += len(u.Candidates)
		for k := range u.Candidates {
			if u.Candidates[k].known() {
				m.known++
			}
			at.makerKnown = at.makerKnown || u.Candidates[k].Maker.Known
		}
		if len(u.Candidates) > 0 || u.Fitted.Known && u.Fitted.Value {
			m.claimed++
		}
		m.own = m.own || u.own()
		m.seats = append(m.seats, at)
	}
	m.memo = zeroed(m.memo, p.terms.vehicle+n*p.terms.module)
	m.doubted = false
	m.parties, m.asked, m.answers = m.parties[:0], m.asked[:0], m.answers[:0]
	m.fill()
	at := f.At.UTC()
	y, mo, d := at.Date()
	if date := [3]int{y, int(mo), d}; m.day == "" || m.date != date {
		m.date, m.day = date, at.Format(time.DateOnly)
	}
	if was != m.moment || !m.within.holds(m.now) {
		m.inForce()
	}
}

// inForce lists the rules that apply at the instant and moment. The list is
// kept for as long as the instants stay between the same two effective dates,
// and the moment the same.
func (m *machine) inForce() {
	m.within = stretch{math.MinInt64, math.MaxInt64}
	m.force = m.force[:0]
	for i := range m.p.rules {
		r := &m.p.rules[i]
		m.vals[i] = False
		for _, edge := range [...]int64{r.from, r.to} {
			if edge <= m.now {
				m.within.from = max(m.within.from, edge)
			} else {
				m.within.to = min(m.within.to, edge)
			}
		}
		if m.applies(r) {
			m.force = append(m.force, standing{int32(i), m.p.terms.of[r.root], r.outcome, r.ifUnknown, r.presumes})
		}
	}
}

// zeroed makes a slice of n zeros of what there is.
func zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// forget lets go of the caller's facts.
func (m *machine) forget() {
	m.f, m.s = nil, nil
	m.drop()
	clear(m.answers[:cap(m.answers)])
	clear(m.parties[:cap(m.parties)])
}

// known says whether anything at all is known of the candidate.
func (c *Candidate) known() bool {
	return c.Maker.Known || c.MakerName != "" || c.Model.Known || c.ChipDown.Known
}

// Decide gives the outcome alone: what Evaluate would say, without reasons and
// without allocating. It is what a back-test runs.
func (p *Policy) Decide(f *Facts, s Supply) Outcome {
	fs := p.findings()
	fs.prepare(p, f, s)
	o := fs.decide()
	p.release(fs)
	return o
}

// decide runs every rule and takes the strictest outcome.
func (m *machine) decide() Outcome {
	var strictest Outcome
	granted := false
	for i := range m.force {
		r := &m.force[i]
		v := m.value(r.term)
		m.vals[r.rule] = v
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
	return m.now >= r.from && m.now < r.to && m.moment&r.moments != 0
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
	for i := range m.force {
		r := m.force[i].rule
		if m.vals[r] == True {
			for _, t := range m.p.rules[r].lifts {
				if m.lifted[t] == 0 {
					m.lifted[t] = r + 1
				}
			}
		}
	}
	var strictest Outcome
	granted := false
	for i := range m.force {
		r := &m.force[i]
		if m.lifted[r.rule] == 0 {
			o := r.says(m.vals[r.rule])
			strictest = max(strictest, o)
			granted = granted || o == Grant
		}
	}
	return m.atLeastDefault(strictest, granted)
}

// says is what a rule of that value contributes before lifting: 0 is nothing.
func (r *standing) says(v Truth) Outcome {
	switch v {
	case True:
		return r.outcome
	case Unknown:
		return r.ifUnknown
	default:
		return 0
	}
}

// presumed says whether a grant rests on a presumption: it would not stand if
// every question about our own knowledge were answered "unknown". It leaves
// what the rules say behind it as it was.
func (m *machine) presumed() bool {
	changed := false
	m.doubt()
	for i := range m.force {
		r := &m.force[i]
		if !r.presumes {
			continue
		}
		if v := m.value(r.term); v != m.vals[r.rule] {
			m.vals[r.rule], changed = v, true
		}
	}
	m.doubt()
	if !changed {
		return false
	}
	o := m.outcome()
	m.decide()
	return o != Grant
}

// eval computes the node at i of the program for the module in hand.
func (m *machine) eval(i int32) Truth { return m.value(m.p.terms.of[i]) }

// doubt turns to the other view of presumptions: that they count as unknown,
// and back. What rests on none has the same value in both.
func (m *machine) doubt() {
	if !m.doubted {
		m.doubted = true
		m.other = append(m.other[:0], m.memo...)
		ts := &m.p.terms
		for _, at := range ts.presuming {
			m.other[at] = 0
		}
		for from := ts.vehicle; from < len(m.other); from += ts.module {
			for _, at := range ts.presumingModule {
				m.other[from+int(at)] = 0
			}
		}
	}
	m.memo, m.other, m.sceptic = m.other, m.memo, !m.sceptic
}

// value gives a term's value for the module in hand.
func (m *machine) value(c int32) Truth {
	k := &m.terms[c]
	if v := m.memo[m.at(k)]; v != 0 {
		return Truth(v - 1)
	}
	return m.work(k)
}

// at is where the value of a term is kept.
func (m *machine) at(k *term) int { return int(k.place) + m.here&int(k.mask) }

// work computes a term and keeps its value. A quantifier moves the candidate in
// hand, but no term that speaks of one holds a quantifier.
func (m *machine) work(k *term) Truth {
	v := m.compute(k)
	m.memo[m.at(k)] = 1 + uint8(v)
	return v
}

func (m *machine) compute(c *term) Truth {
	switch c.op {
	case opAtom:
		return m.atom(&m.p.prog[c.node])
	case opAll:
		v := True
		for _, kid := range c.kids {
			k := &m.terms[kid]
			w := Truth(m.memo[m.at(k)] - 1)
			if w > True {
				w = m.work(k)
			}
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
		for _, kid := range c.kids {
			k := &m.terms[kid]
			w := Truth(m.memo[m.at(k)] - 1)
			if w > True {
				w = m.work(k)
			}
			switch w {
			case True:
				return True
			case Unknown:
				v = Unknown
			}
		}
		return v
	case opNot:
		return not(m.value(c.kids[0]))
	case opSurely:
		v := m.value(c.kids[0])
		if v == Unknown && !(m.sceptic && m.p.prog[c.node].presumes) {
			return False
		}
		return v
	case opKnown, opUnknown:
		n := &m.p.prog[c.node]
		if m.sceptic && n.presumes {
			return Unknown
		}
		return truth(m.leafKnown(n.fact) == (n.op == opKnown))
	default:
		return m.quantify(c.node, &m.p.prog[c.node])
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
	for u := range m.seats {
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
	if !m.own && m.ownUnit(n) {
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
	at := &m.seats[u]
	if at.absent || n.op == opAnyDevice && !at.device ||
		n.op == opAnyKnownModule && !at.makerKnown && !(m.sceptic && n.presumes) {
		return 0, false
	}
	v = m.agreed(i, u)
	if at.fitted {
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

// agreed is the body's value where all candidates of a unit give the same, and
// Unknown where they differ or there is none.
func (m *machine) agreed(i int32, u int) Truth {
	v, body := Unknown, m.p.terms.of[i+1]
	for k := range m.f.Units[u].Candidates {
		m.take(u, k)
		w := m.value(body)
		if w == Unknown || k > 0 && w != v {
			v = Unknown
			break
		}
		v = w
	}
	m.drop()
	return v
}

// body runs a quantifier's body for one candidate.
func (m *machine) body(i int32, u, k int) Truth {
	m.take(u, k)
	v := m.eval(i + 1)
	m.drop()
	return v
}

// take puts a candidate in hand.
func (m *machine) take(u, k int) {
	m.unit = &m.f.Units[u]
	m.cand = &m.unit.Candidates[k]
	m.u, m.k = u, k
	m.here = m.p.terms.vehicle + (int(m.seats[u].first)+k)*m.p.terms.module
}

// drop leaves no candidate in hand.
func (m *machine) drop() { m.unit, m.cand, m.u, m.k = nil, nil, -1, -1 }

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
// the air, or not found on the site's lists, is simply not found, so that
// finding more can only raise.
func (m *machine) absent(n *node) Truth {
	if n.fact.finding() {
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
	leaf := m.party(n.fact)
	if !leaf.Known {
		return m.absent(n)
	}
	a := m.ask(n, leaf.Value)
	if n.test == testOwnerResolved && n.num == 0 {
		return not(a.Value)
	}
	return a.Value
}

// party gives the party that a fact names.
func (m *machine) party(f factID) *Leaf[Party] {
	switch f {
	case fModuleMaker:
		return &m.cand.Maker
	case fModuleUpdater:
		return &m.cand.Updater
	case fVehicleMaker:
		return &m.f.Vehicle.Maker
	default:
		return &m.f.Radio.HeardMaker
	}
}

// ask puts a question to the supply graph, once for each party.
func (m *machine) ask(n *node, party Party) *SupplyAnswer {
	who := slices.Index(m.parties, party)
	if who < 0 {
		who = len(m.parties)
		m.parties = append(m.parties, party)
		for range m.p.questions {
			m.asked = append(m.asked, 0)
		}
	}
	at := &m.asked[who*len(m.p.questions)+int(n.question)]
	if *at == 0 {
		a := SupplyAnswer{Because: "no supply data is loaded"}
		if m.s != nil {
			q := m.p.questions[n.question]
			q.Party, q.Day = party, m.day
			a = m.s.Ask(q)
		}
		m.answers = append(m.answers, a)
		*at = int32(len(m.answers))
	}
	return &m.answers[*at-1]
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
	n[fWeightLeast] = numberOf(&f.Vehicle.WeightLeastKg)
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
	n[fContradiction] = boolOf(&f.Radio.Contradiction)
	n[fTeslaMatches] = boolOf(&f.Radio.TeslaNameMatches)
	n[fTyreProtocol] = boolOf(&f.Radio.TyreProtocol)
	n[fDimensions] = boolOf(&f.Radio.Dimensions)
	n[fUplinkNoModem] = boolOf(&f.Radio.UplinkWithoutModem)
	n[fInsideAlready] = boolOf(&f.Arrival.InsideAlready)
	n[fPlateDiffers] = boolOf(&f.Arrival.PlateDiffers)
	n[fSeenElsewhere] = boolOf(&f.Arrival.SeenElsewhere)
	n[fWatchListed] = boolOf(&f.Arrival.WatchListed)
	n[fLabelDiffers] = boolOf(&f.Arrival.LabelDiffers)
	n[fPassRefused] = boolOf(&f.Arrival.PassRefused)
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
	case fPass:
		return m.f.Arrival.Pass.Value, m.f.Arrival.Pass.Known
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
