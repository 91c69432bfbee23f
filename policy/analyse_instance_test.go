package policy

import (
	"math/bits"
	"slices"
	"time"
)

// instance is a set of facts, with what the supply graph says of their parties, that the
// solver found or that were drawn to try rules on.
type instance struct {
	facts   *Facts
	answers map[instanceKey]instanceAnswer
}

type instanceKey struct {
	party Party
	op    string
	arg   string
}

// instanceAnswer is an answer at every threshold.
type instanceAnswer struct {
	pcts      []float64
	yes, open int
}

// Ask answers as the facts have it; what they do not say is false.
func (w *instance) Ask(q SupplyQuestion) SupplyAnswer {
	a, ok := w.answers[instanceKey{q.Party, q.Op, q.Arg}]
	if !ok {
		return SupplyAnswer{Value: False}
	}
	k, _ := slices.BinarySearch(a.pcts, q.Pct)
	switch {
	case k < a.yes:
		return SupplyAnswer{Value: True}
	case k < a.yes+a.open:
		return SupplyAnswer{Value: Unknown}
	}
	return SupplyAnswer{Value: False}
}

// drawer draws the cells that do not matter, always the same ones.
type drawer uint64

func (d *drawer) below(n int) int {
	*d ^= *d << 13
	*d ^= *d >> 7
	*d ^= *d << 17
	return int(uint64(*d) % uint64(n))
}

// cell draws one cell of a domain; unknown only where nothing else is possible,
// or one time in four where unknowns are wanted too.
func (d *drawer) cell(v *variable, dom []uint64, unknowns bool) int {
	n := 0
	for _, w := range dom {
		n += bits.OnesCount64(w)
	}
	skip := v.kind == varFact && v.fact.kind() != kindCount && n > 1 && dom[0]&1 != 0 && !(unknowns && d.below(4) == 0)
	if skip {
		n--
	}
	k := d.below(max(n, 1))
	if skip {
		k++
	}
	for i, w := range dom {
		c := bits.OnesCount64(w)
		if k >= c {
			k -= c
			continue
		}
		for ; k > 0; k-- {
			w &= w - 1
		}
		return i*64 + bits.TrailingZeros64(w)
	}
	return 0
}

// mostFiller bounds how many candidates are made up to fit a count.
const mostFiller = 40

// show turns domains and units into facts at an instant and moment. Where the
// counts cannot be met they are what the units make them.
func (sp *space) show(dom []uint64, units []world, at time.Time, m Moment, d *drawer, unknowns bool) *instance {
	w := &instance{facts: &Facts{At: at, Moment: m}, answers: map[instanceKey]instanceAnswer{}}
	parties := map[factID]Party{}
	known, claimed := int64(-1), int64(-1)
	for i := range sp.vars {
		v := &sp.vars[i]
		if v.fact.module() || v.kind == varAnswer {
			continue
		}
		c := d.cell(v, dom[v.at:v.at+v.words], unknowns)
		x := v.cells[c]
		switch {
		case v.kind == varHeld:
			if c == 1 {
				w.facts.Registration.Authorisations = append(w.facts.Registration.Authorisations, Authorisation{ID: v.arg})
			}
		case v.fact.kind() == kindCount && slices.Equal(dom[v.at:v.at+v.words], sp.full[v.at:v.at+v.words]):
		case v.fact == fModulesKnown:
			known = x.num
		case v.fact == fUnitsClaimed:
			claimed = x.num
		case c != 0:
			val := v.value(x, "another "+v.fact.info().name)
			w.facts.put(v.fact, val, true)
			parties[v.fact] = Party(val.text)
		}
	}
	for i := range sp.vars {
		if v := &sp.vars[i]; v.kind == varAnswer && !v.fact.module() && parties[v.fact] != "" {
			w.answer(v, parties[v.fact], v.cells[d.cell(v, dom[v.at:v.at+v.words], unknowns)])
		}
	}
	for _, u := range units {
		w.unit(sp, u, d)
	}
	w.fillUp(known, claimed)
	return w
}

// value is one that a cell stands for.
func (v *variable) value(x cell, party string) value {
	switch {
	case x.other && v.fact.kind() == kindParty:
		return value{text: party}
	case x.other && (v.fact.kind() == kindCountry || v.fact.kind() == kindMarket):
		return value{text: "ZZ"}
	case x.other:
		return value{text: "~another"}
	case v.fact.kind() == kindDate:
		return value{num: x.num, text: numberWords(kindDate, x.num)}
	}
	return value{num: x.num, text: x.text}
}

func (w *instance) answer(v *variable, p Party, x cell) {
	w.answers[instanceKey{p, testNames[v.op], v.arg}] = instanceAnswer{pcts: v.pcts, yes: x.yes, open: x.open}
}

func (w *instance) unit(sp *space, u world, d *drawer) {
	out := Unit{Role: u.role, Fitted: Know(false, Source{})}
	switch {
	case u.own:
	case u.fitted:
		out.Fitted = Know(true, Source{})
	default:
		out.Fitted = Leaf[bool]{}
	}
	for _, dom := range u.cands {
		var c Candidate
		party := map[factID]Party{}
		others := Party("another maker " + string(rune('a'+len(w.facts.Units)%26)) + string(rune('a'+len(out.Candidates)%26)))
		for i := range sp.vars {
			v := &sp.vars[i]
			if !v.fact.module() || v.kind == varAnswer || v.fact == fModuleRole {
				continue
			}
			k := d.cell(v, dom[v.at:v.at+v.words], false)
			if k == 0 {
				continue
			}
			name := string(others)
			if v.fact == fModuleUpdater {
				name += " updater"
			}
			val := v.value(v.cells[k], name)
			c.put(&Unit{}, v.fact, val)
			party[v.fact] = Party(val.text)
		}
		c.MakerName = ""
		for i := range sp.vars {
			if v := &sp.vars[i]; v.kind == varAnswer && v.fact.module() && party[v.fact] != "" {
				w.answer(v, party[v.fact], v.cells[d.cell(v, dom[v.at:v.at+v.words], false)])
			}
		}
		out.Candidates = append(out.Candidates, c)
	}
	w.facts.Units = append(w.facts.Units, out)
}

// fillUp adds units that are not fitted until the counts are met.
func (w *instance) fillUp(known, claimed int64) {
	for i := range w.facts.Units {
		u := &w.facts.Units[i]
		if len(u.Candidates) > 0 || u.Fitted.Known && u.Fitted.Value {
			claimed--
		}
		for k := range u.Candidates {
			if u.Candidates[k].known() {
				known--
			}
		}
	}
	if known <= 0 && claimed <= 0 || known > mostFiller || claimed > mostFiller {
		return
	}
	if k := slices.IndexFunc(w.facts.Units, func(u Unit) bool { return len(u.Candidates) > 0 }); k >= 0 && claimed <= 0 {
		// The same alternative once more changes nothing but the count.
		u := &w.facts.Units[k]
		again := u.Candidates[0]
		again.MakerName = "a maker"
		u.Candidates = append(u.Candidates, slices.Repeat([]Candidate{again}, int(known))...)
		return
	}
	for i := range max(claimed, 1) {
		u := Unit{Role: "unknown", Fitted: Know(false, Source{}), Candidates: []Candidate{{}}}
		if i == 0 && known > 0 {
			u.Candidates = slices.Repeat([]Candidate{{MakerName: "a maker"}}, int(known))
		}
		w.facts.Units = append(w.facts.Units, u)
	}
}

// usualInstant is when instances are unless a rule's period says otherwise.
const usualInstant = 1_790_000_000

// when is an instant and moment at which a rule applies.
func (a *analysis) when(i int) (time.Time, Moment) {
	r := &a.p.rules[i]
	at := min(max(usualInstant, r.from), r.to-1)
	for m := range Moment(len(momentNames)) {
		if r.moments.has(m) {
			return time.Unix(at, 0).UTC(), m
		}
	}
	return time.Unix(at, 0).UTC(), MomentEntry
}
