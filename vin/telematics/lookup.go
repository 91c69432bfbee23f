package telematics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query is a vehicle as far as it is known. An empty field is unknown.
type Query struct {
	Make         string    `json:"make"`
	Model        string    `json:"model"`
	Year         int       `json:"year"`          // model year
	Built        string    `json:"built"`         // year, month or day of build, as far as papers give it (RFC 3339 full-date or its beginning)
	Market       string    `json:"market"`        // ISO 3166-1 alpha-2, "UK" or "EU"
	VehicleType  string    `json:"vehicle_type"`  // vPIC vehicle type
	Fuel         string    `json:"fuel"`          // vPIC primary fuel type, such as "Electric"
	BuiltIn      string    `json:"built_in"`      // country of build, ISO 3166-1 alpha-2
	TypeApproved string    `json:"type_approved"` // day of the type approval, where papers give it (RFC 3339 full-date)
	Plant        string    `json:"plant"`         // city and country of the plant, as vPIC writes them; only observed shares tell plants apart
	At           time.Time `json:"at"`            // instant of the question
}

// Answer is what is publicly known of the vehicle's modem and modules.
type Answer struct {
	ModemFitted Fitted       `json:"modem_fitted"`
	Units       []Unit       `json:"units"` // empty where nothing is known of any unit
	Can         Capabilities `json:"can"`   // what the vehicle can record
}

// Fitted says whether something is there at all, and on what that rests.
type Fitted struct {
	Value     Tri       `json:"value"`
	Certainty Certainty `json:"certainty"`
	Because   string    `json:"because"` // one plain sentence
	Sources   []Source  `json:"sources"`
}

// Unit is one place in the vehicle where a module sits or may sit.
type Unit struct {
	Role       string      `json:"role"` // tcu, head-unit
	Name       string      `json:"name"`
	Fitted     Tri         `json:"fitted"`
	Place      Told        `json:"place"`      // where in the vehicle it sits
	Candidates []Candidate `json:"candidates"` // alternatives; never empty
}

// Candidate is one module that may be the one in a unit. Where Maker is empty
// the unit is known but no source names its module; Certainty is None then.
type Candidate struct {
	Maker         string    `json:"maker,omitempty"` // of the module; of the unit where ChipDown
	Model         string    `json:"model,omitempty"`
	Also          string    `json:"also,omitempty"` // a second, non-cellular module in the unit
	TCUMaker      string    `json:"tcu_maker,omitempty"`
	TCUPart       string    `json:"tcu_part,omitempty"`
	Chipset       string    `json:"chipset,omitempty"`
	ChipDown      bool      `json:"chip_down,omitempty"` // no separate module: the chip sits on the unit maker's own board
	Generation    string    `json:"generation,omitempty"`
	Certainty     Certainty `json:"certainty"`
	YearFrom      int       `json:"year_from,omitempty"`
	YearTo        int       `json:"year_to,omitempty"`
	From          string    `json:"from,omitempty"` // first day of which sources of that certainty speak, as precise as they are
	To            string    `json:"to,omitempty"`   // last day, likewise; empty is open
	Period        string    `json:"period,omitempty"`
	Market        string    `json:"market,omitempty"`
	Updater       Told      `json:"updater"`                  // who can change its software
	BackEnd       Told      `json:"back_end"`                 // country of the servers it talks to
	SIMHome       Told      `json:"sim_home"`                 // country of the SIM's home network
	EvidenceClass string    `json:"evidence_class,omitempty"` // of the first source
	Sources       []Source  `json:"sources"`                  // best first
	Replies       []string  `json:"counter_statements,omitempty"`
}

// Lookup says what is publicly known of a vehicle.
//
// A row speaks of the vehicle when its make and model match (see name.go), its
// markets hold the vehicle's or either is unknown, and its years match: a row
// on model years must hold the model year; a row on a period of build must
// hold the build where the query gives it, and else overlap the model year or
// the calendar year before it, in which cars of that model year are already
// built. So rows for two parts of one year both speak where the build is not
// known. A row without years matches any year, and any row matches an unknown
// year. Rows that name the same module become one candidate with several
// sources. A row that only shows that a unit is there never names a module.
//
// The slices of an answer are shared with other answers and must not be
// changed.
func (c *Catalogue) Lookup(q Query) Answer {
	var kb, sb [96]byte
	key := appendMake(kb[:0], q.Make, c.makes)
	key = append(key, '|')
	mk := len(key)
	key, _ = withoutMake(appendFold(key, cutBrackets(q.Model)), 0, mk, nil)
	when := whenOf(q)
	market := marketOf(q.Market)

	var rows [len(subset{}.of)]hit
	var abouts [16]aboutHit
	got, said := rows[:0], abouts[:0]
	if len(key) > mk {
		got, said = c.gather(got, said, key, false, &when, market)
		if line, ok := c.variants[string(key)]; ok {
			got, said = c.gather(got, said, append(append(sb[:0], key[:mk]...), line...), true, &when, market)
		}
	}
	got, said = c.gather(got, said, append(append(sb[:0], key[:mk]...), '*'), true, &when, market)
	if len(got)+len(said) == 0 {
		return Answer{ModemFitted: c.byRule(q, key, market, nil), Can: nothingTold}
	}
	a := c.answer(got, said)
	if a.ModemFitted.Value == Unknown {
		if f := c.byRule(q, key, market, got); f.Value != Unknown || len(a.ModemFitted.Sources) == 0 {
			a.ModemFitted = f
		}
	}
	return a
}

// hit is a row that speaks of a vehicle.
type hit struct {
	row     int32
	exact   bool // the query names the row's model, not only the line it belongs to
	anyYear bool // the row speaks of some years and the vehicle's year is unknown
}

// aboutHit is a statement that does.
type aboutHit struct {
	about   int32
	anyYear bool
}

// gather adds the rows and statements under a name that speak of a vehicle.
func (c *Catalogue) gather(got []hit, said []aboutHit, name []byte, ownOnly bool, w *when, market string) ([]hit, []aboutHit) {
	near, tag := c.rows.near(name)
next:
	for i := range near {
		e := &near[i]
		own := e.row&1 != 0
		if ownOnly && !own || !c.rows.is(e, tag, name) {
			continue
		}
		n := int32(e.row >> 1)
		for j := range got {
			if got[j].row == n {
				got[j].exact = got[j].exact || own
				continue next
			}
		}
		r := &c.rows.recs[n]
		from, to := int(r.from), int(r.to)
		if !w.within(from, to, r.flags&recBuild != 0) || r.markets != 0 && market != "" && !c.inMarkets(c.rows.markets[r.markets-1], market) ||
			r.flags&recDated != 0 && w.month() && !w.dated(c.rows.row(n)) {
			continue
		}
		got = append(got, hit{row: n, exact: own, anyYear: w.unknown() && (from != 0 || to != 0)})
	}
	for _, i := range c.abouts[string(name)] {
		a := &c.file.Abouts[i]
		if !w.within(a.From, a.To, a.Build) || len(a.Markets) > 0 && market != "" && !c.inMarkets(a.Markets, market) {
			continue
		}
		h := aboutHit{i, w.unknown() && (a.From != 0 || a.To != 0) || len(a.Markets) > 0 && market == ""}
		if !slices.Contains(said, h) {
			said = append(said, h)
		}
	}
	return got, said
}

// when is the time of a vehicle as far as it is known.
type when struct {
	model [2]int // first and last model year it may be of; 0 is unknown
	built [2]int // years in which it may have been built
	day   string // month or day of build; empty is unknown
}

func whenOf(q Query) when {
	var w when
	if q.Year != 0 {
		w.model, w.built = [2]int{q.Year, q.Year}, [2]int{q.Year - 1, q.Year}
	}
	if len(q.Built) >= 4 {
		y := 0
		for i := range 4 {
			if q.Built[i] < '0' || q.Built[i] > '9' {
				return w
			}
			y = 10*y + int(q.Built[i]-'0')
		}
		w.built = [2]int{y, y}
		if q.Year == 0 {
			w.model = [2]int{y, y + 1}
		}
		if partOfDay(q.Built) {
			w.day = q.Built
		}
	}
	return w
}

func (w *when) unknown() bool { return w.built[1] == 0 }

func (w *when) month() bool { return w.day != "" }

// within says whether a period of years, open where 0, may hold the vehicle.
func (w *when) within(from, to int, build bool) bool {
	y := w.model
	if build {
		y = w.built
	}
	return y[1] == 0 || (from == 0 || y[1] >= from) && (to == 0 || y[0] <= to)
}

// dated says whether a row's months or days hold the month or day of build.
func (w *when) dated(r *Row) bool {
	if !r.Build || r.Circa {
		return true
	}
	n := min(len(r.Since), len(w.day))
	if n > 0 && w.day[:n] < r.Since[:n] {
		return false
	}
	n = min(len(r.Until), len(w.day))
	return n == 0 || w.day[:n] <= r.Until[:n]
}

// answer puts together what a set of rows and statements says, or takes it
// from those put together before.
func (c *Catalogue) answer(got []hit, said []aboutHit) Answer {
	var k subset
	if len(got)+len(said) > len(k.of) {
		return c.assemble(got, said)
	}
	for i, h := range got {
		k.of[i] = h.row << 2
		if h.exact {
			k.of[i]++
		}
		if h.anyYear {
			k.of[i] += 2
		}
	}
	for i, h := range said {
		k.of[len(got)+i] = ^(h.about << 1)
		if h.anyYear {
			k.of[len(got)+i]--
		}
	}
	k.n = int32(len(got) + len(said))
	if a := c.answers.get(k); a != nil {
		return *a
	}
	a := c.assemble(got, said)
	c.answers.put(k, &a)
	return a
}

func (c *Catalogue) assemble(got []hit, said []aboutHit) Answer {
	rows := make([]found, len(got))
	for i, h := range got {
		rows[i] = found{hit: h, Row: c.rows.row(h.row)}
	}
	return Answer{Units: c.units(rows, said), ModemFitted: byRows(rows), Can: c.capabilities(said)}
}

// found is a hit with its row.
type found struct {
	hit
	*Row
}

func (c *Catalogue) inMarkets(markets []string, market string) bool {
	for _, m := range markets {
		if m == market || m == "EU" && c.eu[market] || market == "EU" && c.eu[m] {
			return true
		}
	}
	return false
}

func marketOf(m string) string {
	if m == "UK" {
		return "GB"
	}
	return strings.ToUpper(strings.TrimSpace(m))
}

func (c *Catalogue) units(got []found, said []aboutHit) []Unit {
	var units []Unit
	for _, role := range [...]string{"tcu", "head-unit"} {
		u := Unit{Role: role, Name: roleNames[role], Place: c.told(said, FactPlace, role)}
		named := false
		for _, r := range got {
			if r.Role != role {
				continue
			}
			named = named || r.Maker != ""
			if fit := fittedBy(r); fit > u.Fitted {
				u.Fitted = fit
			}
		}
		for _, r := range got {
			if r.Role != role || named && r.Maker == "" {
				continue
			}
			u.Candidates = merge(u.Candidates, r.Row)
		}
		updater, backEnd, sim := c.told(said, FactUpdater, role), c.told(said, FactBackEnd, role), c.told(said, FactSIMHome, role)
		if len(u.Candidates) == 0 {
			// That one talks to servers or holds a SIM shows that some vehicles
			// have a unit, and no more.
			shown := slices.Concat(backEnd.Sources, sim.Sources)
			if len(shown) == 0 {
				continue
			}
			u.Candidates = []Candidate{{EvidenceClass: shown[0].EvidenceClass, Sources: shown}}
		}
		u.Candidates = prefixed(u.Candidates)
		slices.SortStableFunc(u.Candidates, func(a, b Candidate) int { return int(b.Certainty) - int(a.Certainty) })
		for i := range u.Candidates {
			cd := &u.Candidates[i]
			cd.Updater, cd.BackEnd, cd.SIMHome = updater, backEnd, sim
		}
		units = append(units, u)
	}
	return units
}

var roleNames = map[string]string{"tcu": "telematics unit", "head-unit": "head unit"}

// fittedBy says whether a row shows its unit to be in every vehicle asked
// about. A module or chip found in, or documented for, the model does; an
// optional unit, one of a trim the query does not name, or of years that may
// not be the vehicle's, does not.
func fittedBy(r found) Tri {
	if r.Optional || r.anyYear || !r.exact && r.Maker == "" && r.Chipset == "" {
		return Unknown
	}
	return Yes
}

// merge adds a row to the candidates: to the one with the same module, else as
// a new one.
func merge(cs []Candidate, r *Row) []Candidate {
	model := fold(r.Model)
	for i := range cs {
		cd := &cs[i]
		if cd.Maker != r.Maker || fold(cd.Model) != model || cd.ChipDown != r.ChipDown || r.Maker == "" && (cd.Chipset != r.Chipset || cd.TCUMaker != r.TCUMaker) {
			continue
		}
		cd.add(r)
		return cs
	}
	cd := Candidate{Maker: r.Maker, Model: r.Model, Also: r.Also, TCUMaker: r.TCUMaker, TCUPart: strings.Join(r.TCUParts, " or "), Chipset: r.Chipset,
		ChipDown: r.ChipDown, Generation: r.Generation, YearFrom: r.From, YearTo: r.To, Period: r.Period, Market: r.Market,
		EvidenceClass: r.EvidenceClass, Sources: []Source{r.Source}}
	cd.From, cd.To = r.days()
	if r.Maker != "" {
		cd.Certainty = r.Certainty
	}
	if r.Reply != "" {
		cd.Replies = []string{r.Reply}
	}
	return append(cs, cd)
}

// add joins a row to a candidate for the same module.
func (cd *Candidate) add(r *Row) {
	if from, to := r.days(); cd.Maker == "" || r.Certainty == cd.Certainty {
		cd.From, cd.To = widen(cd.From, cd.To, from, to)
	} else if r.Certainty > cd.Certainty {
		cd.From, cd.To = from, to
	}
	if cd.Maker != "" && r.Certainty > cd.Certainty {
		cd.Certainty, cd.EvidenceClass, cd.Market = r.Certainty, r.EvidenceClass, r.Market
		cd.Sources = append([]Source{r.Source}, cd.Sources...)
	} else {
		cd.Sources = append(cd.Sources, r.Source)
	}
	for _, p := range r.TCUParts {
		if !strings.Contains(cd.TCUPart, p) {
			cd.TCUPart = strings.TrimPrefix(cd.TCUPart+" or "+p, " or ")
		}
	}
	cd.Chipset, cd.Also = first(cd.Chipset, r.Chipset), first(cd.Also, r.Also)
	cd.Generation, cd.TCUMaker = first(cd.Generation, r.Generation), first(cd.TCUMaker, r.TCUMaker)
	if r.From != 0 && (cd.YearFrom == 0 || r.From < cd.YearFrom) {
		cd.YearFrom = r.From
	}
	if cd.YearTo != 0 && (r.To == 0 || r.To > cd.YearTo) {
		cd.YearTo = r.To
	}
	if r.Period != "" && !strings.Contains(cd.Period, r.Period) {
		cd.Period = strings.TrimPrefix(cd.Period+"; "+r.Period, "; ")
	}
	if r.Reply != "" && !slices.Contains(cd.Replies, r.Reply) {
		cd.Replies = append(cd.Replies, r.Reply)
	}
}

// days are the first and the last day of which a row speaks, as precise as its
// source; empty is open.
func (r *Row) days() (from, to string) {
	from, to = r.Since, r.Until
	if from == "" && r.From != 0 {
		from = strconv.Itoa(r.From)
	}
	if to == "" && r.To != 0 {
		to = strconv.Itoa(r.To)
	}
	return from, to
}

// widen joins two periods. A year begins before and ends after its months.
func widen(from, to, from2, to2 string) (string, string) {
	from = min(from, from2)
	if to == "" || to2 == "" {
		return from, ""
	}
	if to2+"~" > to+"~" {
		to = to2
	}
	return from, to
}

// prefixed folds a candidate that names only the maker, or the family
// ("LE940B6"), into the better known one of the same maker whose model begins
// with it ("LE940B6-NA").
func prefixed(cs []Candidate) []Candidate {
	if len(cs) < 2 {
		return cs
	}
	out := cs[:0:0]
	for i := range cs {
		into := -1
		for j := range cs {
			a, b := fold(cs[i].Model), fold(cs[j].Model)
			if i != j && cs[i].Maker != "" && cs[i].Maker == cs[j].Maker && cs[i].ChipDown == cs[j].ChipDown &&
				len(a) < len(b) && strings.HasPrefix(b, a) && cs[j].Certainty >= cs[i].Certainty {
				into = j
				break
			}
		}
		if into < 0 {
			out = append(out, cs[i])
		}
	}
	for i := range cs {
		for j := range out {
			a, b := fold(cs[i].Model), fold(out[j].Model)
			if cs[i].Maker != "" && cs[i].Maker == out[j].Maker && cs[i].ChipDown == out[j].ChipDown && len(a) < len(b) &&
				strings.HasPrefix(b, a) && out[j].Certainty >= cs[i].Certainty {
				out[j].Sources = append(out[j].Sources[:len(out[j].Sources):len(out[j].Sources)], cs[i].Sources...)
				break
			}
		}
	}
	return out
}

// byRows answers whether a modem is fitted at all from rows that show a unit.
func byRows(got []found) Fitted {
	var best *Row
	for _, r := range got {
		if fittedBy(r) == Yes && (best == nil || r.Certainty > best.Certainty) {
			best = r.Row
		}
	}
	if best != nil {
		return Fitted{Value: Yes, Certainty: best.Certainty, Because: best.unitSentence(), Sources: []Source{best.Source}}
	}
	if len(got) == 0 {
		return Fitted{}
	}
	f := Fitted{Because: "Some vehicles of this model have a telematics unit; whether this one does is not known."}
	for _, r := range got {
		f.Sources = append(f.Sources, r.Source)
	}
	return f
}

// byRule answers it from a rule with a legal or historical source. A rule that
// says no gives way to any row that shows a unit in some vehicle of the model.
func (c *Catalogue) byRule(q Query, key []byte, market string, got []hit) Fitted {
	open, told := -1, -1
	for _, idx := range [...][]int32{c.rules[string(key)], c.rules[""]} {
		for _, i := range idx {
			r := &c.file.Rules[i]
			applies, almost := c.applies(r, q, market)
			switch {
			case applies && (r.Value == Yes || r.Value == No && len(got) == 0):
				return Fitted{Value: r.Value, Certainty: r.Certainty, Because: r.Because, Sources: c.ruleSources[i]}
			case applies && r.Value == Unknown && told < 0:
				told = int(i)
			case almost && open < 0:
				open = int(i)
			}
		}
	}
	if open >= 0 {
		return Fitted{Because: c.ruleOpen[open], Sources: c.ruleSources[open]}
	}
	if told >= 0 {
		return Fitted{Because: c.file.Rules[told].Because, Sources: c.ruleSources[told]}
	}
	return Fitted{Because: "No source at hand says whether this vehicle has a modem."}
}

func (r *Row) unitSentence() string {
	return fmt.Sprintf("A source shows a unit with a modem in it: %s.", first(r.TCUName, "telematics unit"))
}

// applies says whether a rule's conditions hold; almost, that all hold but the
// day of the type approval, which is unknown.
func (c *Catalogue) applies(r *Rule, q Query, market string) (ok, almost bool) {
	if len(r.Markets) > 0 && (market == "" || !c.inMarkets(r.Markets, market)) ||
		len(r.Types) > 0 && !containsFold(r.Types, q.VehicleType) ||
		len(r.Fuels) > 0 && !containsFold(r.Fuels, q.Fuel) ||
		(r.From != 0 || r.To != 0) && q.Year == 0 ||
		r.From != 0 && q.Year < r.From || r.To != 0 && q.Year > r.To {
		return false, false
	}
	if r.ApprovedSince != "" {
		if q.TypeApproved == "" {
			return false, true
		}
		return len(q.TypeApproved) == len(time.DateOnly) && q.TypeApproved >= r.ApprovedSince, false
	}
	return true, false
}

func containsFold(list []string, s string) bool {
	for _, x := range list {
		if strings.EqualFold(x, s) {
			return true
		}
	}
	return false
}
