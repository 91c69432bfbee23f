package telematics

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Query is a vehicle as far as it is known. An empty field is unknown.
type Query struct {
	Make         string    `json:"make"`
	Model        string    `json:"model"`
	Year         int       `json:"year"`          // model year
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
	ModemFitted Fitted `json:"modem_fitted"`
	Units       []Unit `json:"units"` // empty where nothing is known of any unit
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
	Period        string    `json:"period,omitempty"`
	Market        string    `json:"market,omitempty"`
	EvidenceClass string    `json:"evidence_class,omitempty"` // of the first source
	Sources       []Source  `json:"sources"`                  // best first
	Replies       []string  `json:"counter_statements,omitempty"`
}

// Lookup says what is publicly known of a vehicle.
//
// A row speaks of the vehicle when its make and model match (see tokens), its
// markets hold the vehicle's or either is unknown, and its years match: a row
// on model years must hold the model year; a row on a period of build must
// overlap the model year or the calendar year before it, in which cars of
// that model year are already built. A row without years matches any year, and
// any row matches an unknown year. Rows that name the same module become one
// candidate with several sources. A row that only shows that a unit is there
// never names a module.
//
// The slices of an answer are shared with other answers and must not be
// changed.
func (c *Catalogue) Lookup(q Query) Answer {
	var kb, sb [96]byte
	key := appendFold(kb[:0], q.Make)
	if to, ok := c.makes[string(key)]; ok {
		key = append(key[:0], to...)
	}
	key = append(key, '|')
	mk := len(key)
	key = appendFold(key, cutBrackets(q.Model))
	market := marketOf(q.Market)

	var rows [len(subset{}.rows)]hit
	got := rows[:0]
	add := func(h hit) {
		r := &c.file.Rows[h.row]
		h.anyYear = q.Year == 0 && (r.From != 0 || r.To != 0)
		if c.speaks(&c.file.Rows[h.row], q.Year, market) && !slices.Contains(got, h) {
			got = append(got, h)
		}
	}
	if len(key) > mk {
		for _, h := range c.models[string(key)] {
			add(h)
		}
		if line, ok := c.variants[string(key)]; ok {
			for _, h := range c.models[string(append(append(sb[:0], key[:mk]...), line...))] {
				if h.exact {
					add(h)
				}
			}
		}
	}
	for _, h := range c.models[string(append(append(sb[:0], key[:mk]...), '*'))] {
		add(h)
	}
	if len(got) == 0 {
		return Answer{ModemFitted: c.byRule(q, key, market, nil)}
	}
	a := c.answer(got)
	if a.ModemFitted.Value == Unknown {
		if f := c.byRule(q, key, market, got); f.Value != Unknown {
			a.ModemFitted = f
		}
	}
	return a
}

// subset names a set of rows that answers a query, so that the answer is put
// together once. Sets larger than it holds are put together each time.
type subset struct {
	rows [15]int32 // row number and, in the last bits, how it matches
	n    int32
}

// answer puts together what a set of rows says. The answers depend on nothing
// but the catalogue, so keeping them changes no answer.
func (c *Catalogue) answer(got []hit) Answer {
	var k subset
	if len(got) > len(k.rows) {
		return c.assemble(got)
	}
	for i, h := range got {
		k.rows[i] = h.row << 2
		if h.exact {
			k.rows[i]++
		}
		if h.anyYear {
			k.rows[i] += 2
		}
	}
	k.n = int32(len(got))
	c.mu.RLock()
	a, ok := c.answers[k]
	c.mu.RUnlock()
	if ok {
		return a
	}
	a = c.assemble(got)
	c.mu.Lock()
	c.answers[k] = a
	c.mu.Unlock()
	return a
}

func (c *Catalogue) assemble(got []hit) Answer {
	return Answer{Units: c.units(got), ModemFitted: c.byRows(got)}
}

// speaks applies a row's years and markets.
func (c *Catalogue) speaks(r *Row, year int, market string) bool {
	if year != 0 {
		low := year
		if r.Build {
			low--
		}
		if r.From != 0 && year < r.From || r.To != 0 && low > r.To {
			return false
		}
	}
	return market == "" || len(r.Markets) == 0 || c.inMarkets(r.Markets, market)
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

func (c *Catalogue) units(got []hit) []Unit {
	var units []Unit
	for _, role := range [...]string{"tcu", "head-unit"} {
		u := Unit{Role: role, Name: roleNames[role]}
		named := false
		for _, h := range got {
			r := &c.file.Rows[h.row]
			if r.Role != role {
				continue
			}
			named = named || r.Maker != ""
			if fit := fittedBy(r, h); fit > u.Fitted {
				u.Fitted = fit
			}
		}
		for _, h := range got {
			r := &c.file.Rows[h.row]
			if r.Role != role || named && r.Maker == "" {
				continue
			}
			u.Candidates = merge(u.Candidates, r)
		}
		if len(u.Candidates) == 0 {
			continue
		}
		u.Candidates = prefixed(u.Candidates)
		slices.SortStableFunc(u.Candidates, func(a, b Candidate) int { return int(b.Certainty) - int(a.Certainty) })
		units = append(units, u)
	}
	return units
}

var roleNames = map[string]string{"tcu": "telematics unit", "head-unit": "head unit"}

// fittedBy says whether a row shows its unit to be in every vehicle asked
// about. A module or chip found in, or documented for, the model does; an
// optional unit, one of a trim the query does not name, or of years that may
// not be the vehicle's, does not.
func fittedBy(r *Row, h hit) Tri {
	if r.Optional || h.anyYear || !h.exact && r.Maker == "" && r.Chipset == "" {
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
func (c *Catalogue) byRows(got []hit) Fitted {
	var best *Row
	for _, h := range got {
		r := &c.file.Rows[h.row]
		if fittedBy(r, h) == Yes && (best == nil || r.Certainty > best.Certainty) {
			best = r
		}
	}
	if best != nil {
		return Fitted{Value: Yes, Certainty: best.Certainty, Because: best.unitSentence(), Sources: []Source{best.Source}}
	}
	f := Fitted{Because: "Some vehicles of this model have a telematics unit; whether this one does is not known."}
	for _, h := range got {
		f.Sources = append(f.Sources, c.file.Rows[h.row].Source)
	}
	return f
}

// byRule answers it from a rule with a legal or historical source. A rule that
// says no gives way to any row that shows a unit in some vehicle of the model.
func (c *Catalogue) byRule(q Query, key []byte, market string, got []hit) Fitted {
	var open *Rule
	for _, idx := range [...][]int32{c.rules[string(key)], c.rules[""]} {
		for _, i := range idx {
			r := &c.file.Rules[i]
			applies, almost := c.applies(r, q, market)
			if applies && (r.Value == Yes || len(got) == 0) {
				return Fitted{Value: r.Value, Certainty: r.Certainty, Because: r.Because, Sources: c.ruleSources[i]}
			}
			if almost && open == nil {
				open = r
			}
		}
	}
	if open != nil {
		return Fitted{Because: fmt.Sprintf("%s Whether this vehicle's type was approved on or after %s is not known.", open.Because, open.ApprovedSince), Sources: []Source{open.Source}}
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
