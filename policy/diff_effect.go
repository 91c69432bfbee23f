package policy

import "slices"

// weigher compares conditions of two policies with the analyser's solver. The
// rules of the old policy come first.
type weigher struct {
	sp     *space
	solver *solver
	place  map[*ruleDoc]int
	lifted map[*ruleDoc]bool // by some rule of its policy
}

func (d *differ) weights() *weigher {
	if d.weigh == nil {
		both := &document{rules: slices.Concat(d.old.doc.rules, d.new.doc.rules)}
		sp := newSpace(&Policy{doc: both})
		d.weigh = &weigher{sp: sp, solver: newSolver(sp), place: map[*ruleDoc]int{}, lifted: map[*ruleDoc]bool{}}
		for i, r := range both.rules {
			d.weigh.place[r] = i
		}
		for _, p := range [...]*Policy{d.old, d.new} {
			for i := range p.rules {
				for _, t := range p.rules[i].lifts {
					d.weigh.lifted[p.doc.rules[t]] = true
				}
			}
		}
	}
	return d.weigh
}

// implies asks whether wherever one rule is true the other is.
func (w *weigher) implies(x, y *ruleDoc) answer {
	return w.solver.ask(w.sp.full, goal{w.sp.rules[w.place[x]], mayTrue}, goal{w.sp.rules[w.place[y]], mayFalse | mayUnknown})
}

// reach compares whom two conditions hold for.
func (w *weigher) reach(o, n *ruleDoc) Reach {
	fewer, more := w.implies(o, n), w.implies(n, o)
	switch {
	case fewer == notDecided || more == notDecided:
		return ReachUnknown
	case fewer == impossible && more == impossible:
		return ReachSame
	case fewer == impossible:
		return ReachWider
	case more == impossible:
		return ReachNarrow
	}
	return ReachOther
}

// surely is the strictest outcome that a policy's rules are sure to say
// wherever rule r is true, and at least o.
func (d *differ) surely(p *Policy, r *ruleDoc, o Outcome) Outcome {
	w := d.weights()
	from, to := period(r.instrument)
	for i, other := range p.doc.rules {
		c := &p.rules[i]
		if other.outcome <= o || w.lifted[other] || c.from > from || c.to < to || r.moments&^c.moments != 0 {
			continue
		}
		if w.implies(r, other) == impossible {
			o = other.outcome
		}
	}
	return o
}

// effect is the frame of an effect: when, where and to whom a rule applies.
func (d *differ) effect(r *ruleDoc) *Effect {
	s := scopeOf(r)
	e := &Effect{From: r.instrument.From, To: r.instrument.To, Moments: r.moments.names(), Classes: s.classes}
	for _, z := range s.zones {
		e.Zones = append(e.Zones, z.String())
	}
	return e
}

func (d *differ) addedEffect(r *ruleDoc) *Effect {
	e := d.effect(r)
	e.Before, e.After = outcomeText(d.surely(d.old, r, 0)), d.surely(d.new, r, r.outcome).String()
	e.Text = d.words.effect(d.new, r, e)
	return e
}

func (d *differ) removedEffect(r *ruleDoc) *Effect {
	e := d.effect(r)
	e.Before, e.After = d.surely(d.old, r, r.outcome).String(), outcomeText(d.surely(d.new, r, 0))
	e.Text = d.words.effect(d.old, r, e)
	return e
}

// changedEffect says what a changed rule means, where it means anything.
func (d *differ) changedEffect(o, n *ruleDoc) *Effect {
	e := d.effect(n)
	e.Before, e.After = o.outcome.String(), n.outcome.String()
	if o.outcome != n.outcome { // another rule may say as much as the stricter of the two
		e.Before, e.After = d.surely(d.old, n, o.outcome).String(), d.surely(d.new, n, n.outcome).String()
	}
	e.Reach = ReachSame
	if condText(o.when) != condText(n.when) || !d.sameValues(o.when, n.when) {
		e.Reach = d.weights().reach(o, n)
	}
	if o.outcome == n.outcome && o.ifUnknown == n.ifUnknown && e.Reach == ReachSame && o.moments == n.moments && slices.Equal(o.lifts, n.lifts) &&
		o.instrument.From == n.instrument.From && o.instrument.To == n.instrument.To && condText(o.when) == condText(n.when) && d.sameValues(o.when, n.when) {
		return nil
	}
	e.Text = d.words.changedEffect(d.old, o, d.new, n, e)
	return e
}

// scope is what a rule's plain parts say of where and whom.
type scope struct {
	zones   []Zone // nil where the rule says nothing of them
	classes []string
	rest    []*cond
}

// scopeOf splits a rule's condition into the zones and classes that it is for,
// and the rest.
func scopeOf(r *ruleDoc) scope {
	var s scope
	parts := []*cond{r.when}
	if r.when.op == opAll {
		parts = r.when.kids
	}
	for _, c := range parts {
		switch {
		case c.op == opAtom && c.fact == fZone:
			lo, hi := span(c.test, c.vals[0].num)
			was := s.zones
			if was == nil {
				was = []Zone{ZonePublic, ZoneControlled, ZoneRestricted, ZoneCritical}
			}
			s.zones = []Zone{}
			for _, z := range was {
				in := int64(z) >= lo && int64(z) <= hi
				if c.test == testIn {
					in = slices.ContainsFunc(c.vals, func(v value) bool { return v.num == int64(z) })
				}
				if in {
					s.zones = append(s.zones, z)
				}
			}
		case c.op == opAtom && c.fact == fClass && s.classes == nil:
			for _, v := range c.vals {
				s.classes = append(s.classes, v.text)
			}
		default:
			s.rest = append(s.rest, c)
		}
	}
	return s
}
