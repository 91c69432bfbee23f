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

// factFitted is the name of the question whether a unit is in the vehicle.
const factFitted = "module.fitted"

// ruleFact is an open fact of one rule.
type ruleFact struct {
	rule int
	openFact
}

// costOfOwner ranks what no act at the gate settles behind everything else.
const costOfOwner = 20

// asking is an open question with what ranks it.
type asking struct {
	q      OpenQuestion
	cost   int
	partly []string // rules that it keeps open together with others
}

// questions ranks what keeps rules open: what settles most first, then the
// cheapest act. That an answer would settle a rule is tried, not guessed; what
// settles none alone comes behind the rest.
func (fs *Findings) questions(v *Verdict) {
	if len(fs.lacking()) == 0 {
		return
	}
	fs.verify()
	var list []asking
	for i, o := range fs.open {
		q, cost := fs.question(o.openFact)
		d := fs.p.doc.rules[o.rule]
		if own := d.ask[o.fact]; own != "" && q.About == "" && !o.fitted {
			q.Ask = fs.p.fill(own)
		}
		k := slices.IndexFunc(list, func(e asking) bool { return e.q.Fact == q.Fact && e.q.Unit == q.Unit })
		if k < 0 {
			k = len(list)
			list = append(list, asking{q: q, cost: cost})
		}
		to := &list[k].partly
		if fs.settles[i] {
			to = &list[k].q.Rules
		}
		if !slices.Contains(*to, d.id) {
			*to = append(*to, d.id)
		}
	}
	for i := range list {
		if e := &list[i]; len(e.q.Rules) == 0 {
			e.q.Rules, e.q.Partly = e.partly, true
		}
	}
	slices.SortStableFunc(list, func(a, b asking) int {
		if a.q.Partly != b.q.Partly {
			if b.q.Partly {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(len(b.q.Rules), len(a.q.Rules)), cmp.Compare(a.cost, b.cost), cmp.Compare(a.q.Fact, b.q.Fact), cmp.Compare(a.q.Unit, b.q.Unit))
	})
	v.Open = make([]OpenQuestion, len(list))
	for i := range list {
		v.Open[i] = list[i].q
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
		return OpenQuestion{Fact: factFitted, Unit: noun, Ask: fmt.Sprintf("Look whether the %s is fitted in this vehicle", noun)}, 6
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
