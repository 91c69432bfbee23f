package gate

import (
	"cmp"
	"context"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"time"

	"sallyport/policy"
)

// ForeseenZone is a zone behind lanes of the site, and the market of most of
// them.
type ForeseenZone struct {
	Name   string
	Zone   policy.Zone
	Market string
}

// Foresight says what would be decided of vehicles of a list if they came now, or
// at another instant. It decides nothing at a lane, asks no sensor, and does not
// know who will really come.
type Foresight struct {
	Judge      *Judge // with the policy that would decide
	At         time.Time
	Zones      []ForeseenZone
	Posture    int
	Inspecting InspectionRules
	// Inspections are those of a vehicle; nil where none was inspected.
	Inspections func(ctx context.Context, vin string) ([]Inspection, error)
}

// Foresaw is what would be decided of one vehicle at one zone.
type Foresaw struct {
	Zone    string
	Outcome policy.Outcome
	Rule    string // that decides
	Because string // what it says
	Open    bool   // it speaks because something is not known
}

// request is a vehicle of a list as a lane would know it once its VIN was read.
func (f *Foresight) request(r *Registration, z ForeseenZone, seen []Inspection) Request {
	return Request{
		VIN: r.VIN, Plate: r.Plate, Class: r.Class, Zone: z.Zone, Market: cmp.Or(r.Market, z.Market), At: f.At, Posture: f.Posture,
		Inspecting: f.Inspecting, Inspections: seen, Registered: r.Claims(), Declared: r.Declared, Authorisations: r.Exempt,
	}
}

// Assess is what would be decided of one vehicle, in full, a zone each.
func (f *Foresight) Assess(ctx context.Context, r *Registration) ([]Assessment, error) {
	var seen []Inspection
	if f.Inspections != nil && r.VIN != "" {
		var err error
		if seen, err = f.Inspections(ctx, r.VIN); err != nil {
			return nil, err
		}
	}
	out := make([]Assessment, 0, len(f.Zones))
	for _, z := range f.Zones {
		out = append(out, f.Judge.Assess(f.request(r, z, seen)))
	}
	return out, nil
}

// One is what would be decided of one vehicle, a zone each.
func (f *Foresight) One(ctx context.Context, r *Registration) ([]Foresaw, error) {
	list, err := f.Assess(ctx, r)
	if err != nil {
		return nil, err
	}
	out := make([]Foresaw, len(list))
	for i := range list {
		out[i] = foresaw(f.Zones[i].Name, &list[i])
	}
	return out, nil
}

func foresaw(zone string, a *Assessment) Foresaw {
	o := Foresaw{Zone: zone, Outcome: a.Verdict.Outcome, Rule: policy.DefaultRule}
	if rs := a.Verdict.Reasons; len(rs) > 0 {
		o.Rule, o.Because, o.Open = rs[0].Rule, rs[0].Because, rs[0].Open
	}
	return o
}

// Strictest is the strictest of what would be decided.
func Strictest(list []Foresaw) (o policy.Outcome) {
	for i := range list {
		o = max(o, list[i].Outcome)
	}
	return o
}

// ForeseenVehicle is what would be decided of a vehicle, and what its telematics
// exposes it to. Those of vehicles alike share it: nobody changes it.
type ForeseenVehicle struct {
	At      []Foresaw // by zone, in the order of Foresight.Zones
	Vehicle VehicleView
	Exposed []Exposure // makers of modules that may be in it, each once
}

// Exposure is one maker whose module may be in a vehicle.
type Exposure struct {
	Maker     policy.Party // empty where no party answers to the name
	Name      string       // of the maker; empty is not known
	Certainty policy.Certainty
}

// All foresees every vehicle, in order. Those of which everything that decides is
// alike are judged once, so that a million take seconds.
func (f *Foresight) All(ctx context.Context, list iter.Seq2[*Registration, error], take func(*Registration, *ForeseenVehicle) error) error {
	byVIN := strings.Contains(string(f.Judge.policy.Canonical()), "vehicle.vin")
	seed := maphash.MakeSeed()
	group := map[alike]*ForeseenVehicle{}
	regs := make([]*Registration, 0, chunk)
	some := make([]arrival, chunk)
	out := make([]*ForeseenVehicle, chunk)
	fails := make([]error, chunk)
	judge := func() error {
		if len(group) > maxAlike {
			clear(group)
		}
		parallel(len(regs), func(from, to int) {
			for i := from; i < to && ctx.Err() == nil; i++ {
				some[i] = arrival{id: "-"}
				var seen []Inspection
				if f.Inspections != nil && regs[i].VIN != "" {
					if seen, fails[i] = f.Inspections(ctx, regs[i].VIN); fails[i] != nil {
						continue
					}
				}
				some[i].q = f.request(regs[i], ForeseenZone{}, seen)
				some[i].q.Market = regs[i].Market
				WhatIf{Before: f.Judge}.sort(&some[i], seed, byVIN)
			}
		})
		first := map[alike]int{}
		var todo []int
		for i := range regs {
			if fails[i] != nil {
				return fails[i]
			}
			if some[i].own {
				todo = append(todo, i)
			} else if _, known := group[some[i].key]; !known {
				if _, now := first[some[i].key]; !now {
					first[some[i].key] = i
					todo = append(todo, i)
				}
			}
		}
		parallel(len(todo), func(from, to int) {
			for _, i := range todo[from:to] {
				if ctx.Err() != nil {
					return
				}
				out[i] = f.vehicle(&some[i].q)
			}
		})
		if err := ctx.Err(); err != nil {
			return err
		}
		for key, i := range first {
			group[key] = out[i]
		}
		for i, r := range regs {
			v := out[i]
			if !some[i].own {
				v = group[some[i].key]
			}
			if err := take(r, v); err != nil {
				return err
			}
		}
		regs = regs[:0]
		return nil
	}
	for r, err := range list {
		if err != nil {
			return err
		}
		if regs = append(regs, r); len(regs) == chunk {
			if err := judge(); err != nil {
				return err
			}
		}
	}
	return judge()
}

// vehicle judges one request at every zone.
func (f *Foresight) vehicle(q *Request) *ForeseenVehicle {
	v := &ForeseenVehicle{At: make([]Foresaw, 0, len(f.Zones))}
	market := q.Market
	for i, z := range f.Zones {
		at := *q
		at.Zone, at.Market = z.Zone, cmp.Or(market, z.Market)
		a := f.Judge.Assess(at)
		v.At = append(v.At, foresaw(z.Name, &a))
		if i == 0 {
			v.Vehicle, v.Exposed = a.Vehicle, exposed(&a.Facts)
		}
	}
	return v
}

// exposed are the makers whose modules may be in the vehicle, with the best that
// is known of each; one without a name where of some unit nothing is known.
func exposed(f *policy.Facts) (out []Exposure) {
	if f.Modem.Known && !f.Modem.Value && len(f.Units) == 0 {
		return nil
	}
	nothing := true
	for u := range f.Units {
		unit := &f.Units[u]
		if unit.Fitted.Known && !unit.Fitted.Value {
			continue
		}
		for c := range unit.Candidates {
			k := &unit.Candidates[c]
			if k.MakerName == "" && !k.Maker.Known {
				continue
			}
			nothing = false
			e := Exposure{Maker: k.Maker.Value, Name: cmp.Or(k.MakerName, string(k.Maker.Value)), Certainty: k.Certainty}
			i := slices.IndexFunc(out, func(o Exposure) bool { return e.Maker != "" && o.Maker == e.Maker || e.Maker == "" && o.Name == e.Name })
			if i < 0 {
				out = append(out, e)
			} else {
				out[i].Certainty = max(out[i].Certainty, e.Certainty)
			}
		}
	}
	if nothing {
		out = append(out, Exposure{Certainty: policy.CertaintyNone})
	}
	return out
}

// Exposures is how a fleet is exposed: how many vehicles, by what may be in them
// and by the verdict that the strictest zone would give.
type Exposures struct {
	At       time.Time
	Vehicles int
	Outcomes ExposureRow // of all
	Makers   []ExposureRow
	Owners   []ExposureRow
	Country  []ExposureRow // of who controls the maker
	Certain  []ExposureRow // by the best that is known of any module of the vehicle
}

// ExposureRow counts the vehicles of one line. Of a vehicle with two candidates
// each counts it: the rows need not add up.
type ExposureRow struct {
	Name              string // empty is not known
	Grant, Flag, Deny int
}

// All is how many vehicles the row counts.
func (r ExposureRow) All() int { return r.Grant + r.Flag + r.Deny }

func (r *ExposureRow) add(o policy.Outcome) {
	switch o {
	case policy.Grant:
		r.Grant++
	case policy.Flag:
		r.Flag++
	case policy.Deny:
		r.Deny++
	}
}

// Expose counts how the vehicles of a list are exposed.
func (f *Foresight) Expose(ctx context.Context, list iter.Seq2[*Registration, error]) (x Exposures, err error) {
	x.At = f.At
	type behind struct{ owner, country string }
	owners := map[policy.Party]behind{}
	tables := [4]map[string]*ExposureRow{{}, {}, {}, {}}
	err = f.All(ctx, list, func(_ *Registration, v *ForeseenVehicle) error {
		x.Vehicles++
		o := Strictest(v.At)
		x.Outcomes.add(o)
		var names [4][]string
		best := policy.CertaintyNone
		for _, e := range v.Exposed {
			b := owners[e.Maker]
			if e.Maker != "" && b == (behind{}) {
				b.owner, b.country = f.Judge.behindMaker(e.Maker, f.At)
				owners[e.Maker] = b
			}
			names[0], names[1], names[2] = append(names[0], e.Name), append(names[1], b.owner), append(names[2], b.country)
			best = max(best, e.Certainty)
		}
		if len(v.Exposed) > 0 {
			names[3] = append(names[3], best.String())
		}
		for t := range tables {
			slices.Sort(names[t])
			for _, n := range slices.Compact(names[t]) {
				if tables[t][n] == nil {
					tables[t][n] = &ExposureRow{Name: n}
				}
				tables[t][n].add(o)
			}
		}
		return nil
	})
	for t, to := range [...]*[]ExposureRow{&x.Makers, &x.Owners, &x.Country, &x.Certain} {
		for _, r := range tables[t] {
			*to = append(*to, *r)
		}
		slices.SortFunc(*to, func(a, b ExposureRow) int { return cmp.Or(cmp.Compare(b.All(), a.All()), cmp.Compare(a.Name, b.Name)) })
	}
	return x, err
}

// behindMaker is the last known holder of more than half of a maker on a day, and
// its country; the maker itself where the data names nobody above it, and nothing
// where the data says that its owner could not be found.
func (j *Judge) behindMaker(id policy.Party, day time.Time) (owner, country string) {
	g := j.supply.graph
	p, ok := g.Party(string(id))
	if !ok {
		return "", ""
	}
	holders, _ := g.Holders(string(id), 50, day)
	if len(holders) > 0 {
		last := holders[0]
		for _, h := range holders {
			if len(h.Path) > len(last.Path) {
				last = h
			}
		}
		return last.Name, last.Country
	}
	if p.Unresolved != "" {
		return "", p.Country
	}
	return p.Name, p.Country
}
