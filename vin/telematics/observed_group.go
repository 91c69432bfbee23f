package telematics

import (
	"cmp"
	"slices"
)

// class is what an inspection, or all of a vehicle's, says of a unit.
type class uint8

const (
	saidNothing class = iota
	saidNone          // nothing is fitted
	saidUnread        // a module, its maker not certain
	saidNamed         // a module of a maker
	saidTwoWays       // what was said contradicts itself
)

// outcome is a class and, where a maker is named, whose module it is.
type outcome struct {
	class    class
	chipDown bool
	maker    int32
	module   int32 // 0 where not told, or told two ways
}

// party is a maker as a share is counted of it.
type party struct {
	maker    int32
	chipDown bool
}

// saying is what one inspector said of one vehicle on one day.
type saying struct {
	day, by       int32
	what          outcome
	market, plant int32
	name          int32 // make and model as written
	year          int16
}

// told is a saying and how often it was recorded.
type told struct {
	saying
	n int32
}

// vehicle is what was said of one vehicle: mostly once.
type vehicle struct {
	first told
	more  []told
}

func (v vehicle) all() []told {
	if v.more != nil {
		return v.more
	}
	if v.first.n == 0 {
		return nil
	}
	return []told{v.first}
}

// with is the vehicle with a saying added, or taken out.
func (v vehicle) with(s saying, by int) vehicle {
	if v.first.n == 0 && v.more == nil {
		return vehicle{first: told{s, int32(by)}}
	}
	list := slices.Clone(v.all())
	i := slices.IndexFunc(list, func(t told) bool { return t.saying == s })
	if i < 0 {
		i, list = len(list), append(list, told{saying: s})
	}
	if list[i].n += int32(by); list[i].n == 0 {
		list = slices.Delete(list, i, i+1)
	}
	switch len(list) {
	case 0:
		return vehicle{}
	case 1:
		return vehicle{first: list[0]}
	}
	return vehicle{more: list}
}

// agreed is what several outcomes say together; their order does not matter.
func agreed(list []outcome) outcome {
	var all outcome
	twoModules := false
	for _, o := range list {
		switch {
		case o.class == saidNothing || all.class == saidTwoWays:
		case all.class == saidNothing:
			all = o
		case o.class == saidTwoWays || (o.class == saidNone) != (all.class == saidNone):
			all = outcome{class: saidTwoWays}
		case o.class != saidNamed:
		case all.class == saidUnread:
			all = o
		case o.maker != all.maker || o.chipDown != all.chipDown:
			all = outcome{class: saidTwoWays}
		case all.module == 0:
			all.module = o.module
		case o.module != 0 && o.module != all.module:
			twoModules = true
		}
	}
	if twoModules {
		all.module = 0
	}
	return all
}

// ofInspector is what one inspector says of a vehicle: all of the latest day on
// which he could tell.
func (v vehicle) ofInspector(by int32) outcome {
	var latest int32
	var list []outcome
	for _, t := range v.all() {
		if t.by != by || t.what.class == saidNothing {
			continue
		}
		if len(list) == 0 || t.day > latest {
			latest, list = t.day, list[:0]
		}
		if t.day == latest {
			list = append(list, t.what)
		}
	}
	return agreed(list)
}

// inspectors lists who said anything of a vehicle, each once.
func (v vehicle) inspectors() []int32 {
	var by []int32
	for _, t := range v.all() {
		if !slices.Contains(by, t.by) {
			by = append(by, t.by)
		}
	}
	return by
}

// tally counts vehicles by what is said of them.
type tally struct {
	told, none, unread, twoWays int
	named                       []count
}

type count struct {
	of party
	n  int
}

// add counts a vehicle, or takes it out; a vehicle of which nothing is said
// does not count.
func (t *tally) add(o outcome, n int) {
	switch o.class {
	case saidNothing:
		return
	case saidNone:
		t.none += n
	case saidUnread:
		t.unread += n
	case saidTwoWays:
		t.twoWays += n
	case saidNamed:
		p := party{o.maker, o.chipDown}
		i := slices.IndexFunc(t.named, func(c count) bool { return c.of == p })
		if i < 0 {
			i, t.named = len(t.named), append(t.named, count{of: p})
		}
		if t.named[i].n += n; t.named[i].n == 0 {
			t.named = slices.Delete(t.named, i, i+1)
		}
	}
	t.told += n
}

func (t *tally) of(p party) int {
	for _, c := range t.named {
		if c.of == p {
			return c.n
		}
	}
	return 0
}

// inspector is one inspector's part in a group.
type inspector struct {
	by   int32
	own  tally // what he alone says
	lost tally // what falls away from the group's tally without him
}

// group counts the vehicles of one group.
type group struct {
	cars    map[int32]vehicle
	all     tally
	silent  int // vehicles of which nobody could tell
	modules []moduleCount
	people  []inspector
	days    []dayCount  // on which somebody could tell, in order
	years   []yearCount // model years told of, in order, and by whom
	shown   *Group      // as last worked out; nil since a change
}

type (
	dayCount    struct{ day, n int32 }
	yearCount   struct{ year, by, n int32 }
	moduleCount struct {
		of     party
		module int32
		n      int
	}
)

// change adds a saying of a vehicle, or takes it out: the vehicle is taken out
// as it was counted before and counted again as it is now.
func (g *group) change(id int32, s saying, by int) {
	g.shown = nil
	v := g.cars[id]
	if v.first.n != 0 || v.more != nil {
		g.count(v, -1)
	}
	v = v.with(s, by)
	if v.first.n == 0 && v.more == nil {
		delete(g.cars, id)
	} else {
		g.cars[id] = v
		g.count(v, 1)
	}
	if s.what.class == saidNothing {
		return
	}
	i, there := slices.BinarySearchFunc(g.days, s.day, func(d dayCount, day int32) int { return cmp.Compare(d.day, day) })
	if !there {
		g.days = slices.Insert(g.days, i, dayCount{day: s.day})
	}
	if g.days[i].n += int32(by); g.days[i].n == 0 {
		g.days = slices.Delete(g.days, i, i+1)
	}
	if s.year == 0 {
		return
	}
	i, there = slices.BinarySearchFunc(g.years, yearCount{year: int32(s.year), by: s.by}, func(a, b yearCount) int {
		return cmp.Or(cmp.Compare(a.year, b.year), cmp.Compare(a.by, b.by))
	})
	if !there {
		g.years = slices.Insert(g.years, i, yearCount{year: int32(s.year), by: s.by})
	}
	if g.years[i].n += int32(by); g.years[i].n == 0 {
		g.years = slices.Delete(g.years, i, i+1)
	}
}

// span is the first and last model year, whichever one inspector is left out:
// up to the first, and from the last on, two have told of one. With one
// inspector they are his.
func (g *group) span() (from, to int) {
	years := g.years
	if len(years) == 0 {
		return 0, 0
	}
	first, last := years[0], years[len(years)-1]
	for _, y := range years {
		if y.by != first.by {
			first = y
			break
		}
	}
	for _, y := range slices.Backward(years) {
		if y.by != last.by {
			last = y
			break
		}
	}
	if first.year > last.year { // each saw other years: no year is told of by two
		return 0, 0
	}
	return int(first.year), int(last.year)
}

// count counts a vehicle in every tally, or takes it out of every one.
func (g *group) count(v vehicle, n int) {
	if v.more == nil { // one saying, which is all that is lost without its inspector
		if v.first.what.class == saidNothing {
			g.silent += n
			return
		}
		g.all.add(v.first.what, n)
		if v.first.what.class == saidNamed {
			g.countModule(v.first.what, n)
		}
		p := g.person(v.first.by)
		p.own.add(v.first.what, n)
		p.lost.add(v.first.what, n)
		g.dismiss(v.first.by)
		return
	}
	by := v.inspectors()
	own := make([]outcome, len(by))
	for i := range by {
		own[i] = v.ofInspector(by[i])
	}
	all := agreed(own)
	if all.class == saidNothing {
		g.silent += n
		return
	}
	g.all.add(all, n)
	if all.class == saidNamed {
		g.countModule(all, n)
	}
	for i := range by {
		if own[i].class == saidNothing {
			continue
		}
		p := g.person(by[i])
		p.own.add(own[i], n)
		p.lost.add(all, n)
		without := append(slices.Clone(own[:i]), own[i+1:]...)
		p.lost.add(agreed(without), -n)
		g.dismiss(by[i])
	}
}

// dismiss drops an inspector who has told nothing of the group.
func (g *group) dismiss(by int32) {
	g.people = slices.DeleteFunc(g.people, func(p inspector) bool { return p.by == by && p.own.told == 0 })
}

func (g *group) person(by int32) *inspector {
	for i := range g.people {
		if g.people[i].by == by {
			return &g.people[i]
		}
	}
	g.people = append(g.people, inspector{by: by})
	return &g.people[len(g.people)-1]
}

func (g *group) countModule(o outcome, n int) {
	p := party{o.maker, o.chipDown}
	i := slices.IndexFunc(g.modules, func(m moduleCount) bool { return m.of == p && m.module == o.module })
	if i < 0 {
		i, g.modules = len(g.modules), append(g.modules, moduleCount{of: p, module: o.module})
	}
	if g.modules[i].n += n; g.modules[i].n == 0 {
		g.modules = slices.Delete(g.modules, i, i+1)
	}
}
