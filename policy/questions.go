package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// openFact is one unknown that keeps a rule open.
type openFact struct {
	fact   factID
	unit   int   // index of the unit, -1 where it is not one of a unit on record
	party  Party // set where it is not the fact but the ownership that is open
	fitted bool  // whether the unit is fitted at all
}

// ruleFact is an open fact of one rule.
type ruleFact struct {
	rule int
	openFact
}

// costOfOwner ranks what no act at the gate settles behind everything else.
const costOfOwner = 20

// questions collects what keeps rules open and ranks it: what settles most
// first, then the cheapest act. Presumptions are looked at sceptically, so that
// a rule which is silent only because nothing is known counts among those that
// a question would settle.
func (m *machine) questions(v *Verdict) {
	type entry struct {
		q    OpenQuestion
		cost int
	}
	var list []entry
	decided := slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r.Outcome != Grant && !r.Open && r.Rule != DefaultRule })
	for i := range m.p.rules {
		r := &m.p.rules[i]
		if !m.applies(r) || m.lifted[i] != 0 {
			continue
		}
		m.collect(i, decided)
	}
	slices.SortStableFunc(m.open, func(a, b ruleFact) int { return cmp.Compare(a.rule, b.rule) })
	for _, o := range m.open {
		if m.lifted[o.rule] != 0 {
			continue
		}
		q, cost := m.question(o.openFact)
		d := m.p.doc.rules[o.rule]
		if own := d.ask[o.fact]; own != "" && q.About == "" && !o.fitted {
			q.Ask = m.p.fill(own)
		}
		k := slices.IndexFunc(list, func(e entry) bool { return e.q.Fact == q.Fact && e.q.Unit == q.Unit })
		if k < 0 {
			k = len(list)
			list = append(list, entry{q, cost})
		}
		if !slices.Contains(list[k].q.Rules, d.id) {
			list[k].q.Rules = append(list[k].q.Rules, d.id)
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		return cmp.Or(cmp.Compare(len(b.q.Rules), len(a.q.Rules)), cmp.Compare(a.cost, b.cost), cmp.Compare(a.q.Fact, b.q.Fact), cmp.Compare(a.q.Unit, b.q.Unit))
	})
	for _, e := range list {
		v.Open = append(v.Open, e.q)
	}
}

// collect gathers the open facts of a rule that gave no reason: one that
// presumes, looked at sceptically, or one that grants and is not true. Once a
// rule that denies or flags is true, nothing that a grant rule lacks would help.
func (m *machine) collect(i int, decided bool) {
	r := &m.p.rules[i]
	if m.says(i) != 0 || r.outcome == Grant && decided || r.outcome != Grant && !r.presumes {
		return
	}
	m.account.reset()
	m.account.mute = true
	if r.outcome == Grant {
		m.unsettled(r.root)
	}
	m.sceptic = r.outcome != Grant
	if m.eval(r.root) == Unknown {
		m.explain(r.root, Unknown)
	}
	m.sceptic = false
	for _, open := range m.account.open {
		m.open = append(m.open, ruleFact{i, open})
	}
}

// unsettled names the modules that are known, but not well enough for a rule
// that grants.
func (m *machine) unsettled(root int32) {
	for i := root; i < m.p.prog[root].end; i++ {
		n := &m.p.prog[i]
		if !n.op.quantifier() {
			continue
		}
		for k := i + 1; k < n.end; k++ {
			if c := &m.p.prog[k]; c.op == opAtom && c.fact == fModuleCertainty {
				m.unsettledUnits(c)
			}
		}
	}
}

func (m *machine) unsettledUnits(n *node) {
	for u := range m.f.Units {
		if f := m.f.Units[u].Fitted; f.Known && !f.Value {
			continue
		}
		for k := range m.f.Units[u].Candidates {
			m.take(u, k)
			v := m.atom(n)
			m.unit, m.cand = nil, nil
			if v != True {
				m.account.open = append(m.account.open, openFact{fact: fModuleMaker, unit: u})
				break
			}
		}
	}
}

// question puts an open fact into words a guard can follow, and says what the
// act costs.
func (m *machine) question(o openFact) (q OpenQuestion, cost int) {
	info := o.fact.info()
	if o.party != "" {
		return refer("supply."+string(o.party), m.called(o.party)), costOfOwner
	}
	// A car maker that goes by its name and is no party of the supply graph is
	// not found there by reading the name once more.
	if v := &m.f.Vehicle; o.fact == fVehicleMaker && v.Make.Known {
		return refer(info.name, v.Make.Value), costOfOwner
	}
	noun := "telematics unit"
	if o.unit >= 0 {
		noun = unitNoun(&m.f.Units[o.unit])
	}
	if o.fitted {
		return OpenQuestion{Fact: "module.fitted", Unit: noun, Ask: fmt.Sprintf("Look whether the %s is fitted in this vehicle", noun)}, 6
	}
	q, cost = OpenQuestion{Fact: info.name, Ask: info.ask}, info.cost
	if o.fact.module() {
		q.Unit = noun
	}
	switch o.fact {
	case fModuleCertainty, fModuleBasis, fModuleModel:
		q.Fact = fModuleMaker.info().name // one act settles them
	case fModem:
		cost = 5 // a modem that is found says nothing of its module yet
	}
	if strings.Contains(q.Ask, "%s") {
		q.Ask = fmt.Sprintf(q.Ask, noun)
	}
	return q, cost
}

// refer is the question of who stands behind somebody.
func refer(fact, about string) OpenQuestion {
	return OpenQuestion{Fact: fact, About: about, Ask: fmt.Sprintf("No act at the gate settles who stands behind %s: refer it to the security manager", about)}
}

// called is a party by the name that the facts give it.
func (m *machine) called(p Party) string {
	for u := range m.f.Units {
		for k := range m.f.Units[u].Candidates {
			if c := &m.f.Units[u].Candidates[k]; c.Maker.Known && c.Maker.Value == p && c.MakerName != "" {
				return c.MakerName
			}
		}
	}
	if v := &m.f.Vehicle; v.Maker.Known && v.Maker.Value == p && v.Make.Known {
		return v.Make.Value
	}
	return string(p)
}
