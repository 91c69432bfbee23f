package gate

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/vin"
)

// WhatIf compares what two supply graphs make of the same makes, catalogue rows,
// registered vehicles and past passages under one policy: what would be judged
// otherwise if a row of the graph were another. It is pure.
type WhatIf struct {
	Before *Judge        // by the graph in force
	After  *supply.Graph // the graph with the change
	// Of the arrival that is supposed for a make, a catalogue row or a
	// registered vehicle, where it does not say itself.
	Zone   policy.Zone
	Class  policy.Class
	Market string
	At     time.Time
	// Posture is the threat level at which all of these arrive. Nil leaves each
	// at its own: 0 is a level, and says that the threat is the normal one.
	Posture *int
	// Policy finds the policy under which a past passage was decided, by its
	// hash; nil where it is not kept. A nil function knows that of Before only.
	Policy func(hash string) *policy.Policy
}

// What a Rejudged is about.
const (
	WhatIfMake    = "make"
	WhatIfRow     = "catalogue row"
	WhatIfVehicle = "registered vehicle"
	WhatIfPassage = "passage"
)

// Rejudged is one subject that would be judged otherwise.
type Rejudged struct {
	Kind    string `json:"kind"`              // make, catalogue row, registered vehicle, passage
	ID      string `json:"id"`                // make, row id, VIN or plate, passage id
	Vehicle string `json:"vehicle,omitempty"` // make, model and year, as far as they are known
	Day     string `json:"day"`               // RFC 3339 full-date of the arrival judged
	Before  string `json:"before"`            // grant, flag, deny
	After   string `json:"after"`
	Was     string `json:"was"`     // the first reason before
	Because string `json:"because"` // the first reason after
	Rule    string `json:"rule"`    // that gave it
}

// WhatIfCount counts the subjects of one kind.
type WhatIfCount struct {
	Judged  int `json:"judged"`
	Raised  int `json:"raised"`           // to a stricter outcome
	Lowered int `json:"lowered"`          // to a milder one
	Reasons int `json:"reasons"`          // the same outcome for other reasons
	Passed  int `json:"passed,omitempty"` // passages that could not be judged again: erased, or their policy is not kept
}

// WhatIfReport is what would be judged otherwise.
type WhatIfReport struct {
	Makes    WhatIfCount `json:"makes"`
	Rows     WhatIfCount `json:"rows"`
	Vehicles WhatIfCount `json:"vehicles"`
	Passages WhatIfCount `json:"passages"`
	List     []Rejudged  `json:"list"` // outcome or reasons differ; makes, rows, vehicles, passages in the order given
}

// WhatIfPast is the assessment that counted at the end of a past passage. An
// assessment without facts is of one that was erased.
type WhatIfPast struct {
	Passage PassageID
	At      time.Time
	Result  Assessment
}

// Run compares. Makes are those of the catalogue and those of vPIC to which a
// party of a graph answers. vehicles are the arrivals of registered vehicles, one each,
// with what a lane would know of them; passages are those of the past. Either
// may be nil. Vehicles of which the decoder says the same, and of which the site
// knows no more than class and market, are judged once. An error is the
// context's only.
func (w WhatIf) Run(ctx context.Context, vehicles iter.Seq[Request], passages iter.Seq[WhatIfPast]) (WhatIfReport, error) {
	after := w.Before.On(w.After)
	r := WhatIfReport{List: []Rejudged{}}
	var makes, rows []arrival
	seen := map[string]bool{}
	suppose := func(name, row string) {
		if k := strings.ToUpper(name); !seen[k] {
			seen[k] = true
			makes = append(makes, arrival{id: name, q: w.supposed(name, "", 0, row)})
		}
	}
	for _, row := range w.Before.catalogue.File().Rows {
		for _, m := range row.Makes {
			suppose(m, row.ID)
		}
		model, year := "", row.From
		if len(row.Models) > 0 && row.Models[0] != "*" {
			model = row.Models[0]
		}
		if year == 0 {
			year = row.To
		}
		a := arrival{id: row.ID, q: w.supposed(row.Makes[0], model, year, row.ID)}
		if len(row.Markets) > 0 && !slices.Contains(row.Markets, a.q.Market) {
			a.q.Market = row.Markets[0]
		}
		rows = append(rows, a)
	}
	// A make that stands for one company or another by the kind of vehicle goes
	// by the names of these companies.
	for _, g := range []*supply.Graph{w.Before.supply.graph, w.After} {
		for _, m := range g.Makes() {
			if p, ok := g.Party(m.Party); ok {
				suppose(p.Name, "")
			}
		}
		for m := range w.Before.index.Makes() {
			if _, ok := g.Find(m); ok {
				suppose(m, "")
			}
		}
	}
	all := func(yield func(arrival) bool) {
		if vehicles == nil {
			return
		}
		for q := range vehicles {
			if !yield(arrival{q: w.complete(q)}) {
				return
			}
		}
	}
	for _, of := range []struct {
		kind  string
		count *WhatIfCount
		all   iter.Seq[arrival]
	}{{WhatIfMake, &r.Makes, slices.Values(makes)}, {WhatIfRow, &r.Rows, slices.Values(rows)}, {WhatIfVehicle, &r.Vehicles, all}} {
		if err := w.judge(ctx, after, of.all, func(id string, p pair) { r.take(of.count, of.kind, id, p) }); err != nil {
			return WhatIfReport{}, err
		}
	}
	if passages != nil {
		for p := range passages {
			if err := ctx.Err(); err != nil {
				return WhatIfReport{}, err
			}
			w.passage(after, p, &r)
		}
	}
	return r, nil
}

// supposed is the arrival of a vehicle of which no more is known than a make, a
// model and a year.
func (w WhatIf) supposed(maker, model string, year int, row string) Request {
	from := policy.Source{ID: row, Title: "row of the telematics catalogue"}
	if row == "" {
		from.Title = "make that NHTSA's vPIC knows"
	}
	return w.complete(Request{Registered: Registered{Make: maker, Model: model, ModelYear: year, From: from}})
}

func (w WhatIf) complete(q Request) Request {
	if q.Zone == 0 {
		q.Zone = w.Zone
	}
	if q.Class == "" {
		q.Class = w.Class
	}
	if q.Market == "" {
		q.Market = w.Market
	}
	if q.At.IsZero() {
		q.At = w.At
	}
	if w.Posture != nil {
		q.Posture = *w.Posture
	}
	return q
}

// pair is what both graphs make of one arrival.
type pair struct{ before, after finding }

// finding is what is kept of an assessment: its vehicle, its day, its outcome
// and who spoke.
type finding struct {
	outcome policy.Outcome
	because string
	rule    string
	spoke   string // all rules that spoke, with what they said
	vehicle string
	day     string
}

func found(a *Assessment) finding {
	f := finding{outcome: a.Verdict.Outcome, day: a.Facts.At.UTC().Format(time.DateOnly)}
	var spoke strings.Builder
	for i := range a.Verdict.Reasons {
		k := &a.Verdict.Reasons[i]
		if i == 0 {
			f.because, f.rule = k.Because, k.Rule
		}
		fmt.Fprintf(&spoke, "%s %d %t;", k.Rule, k.Outcome, k.Open)
	}
	f.spoke = spoke.String()
	v := a.Vehicle
	f.vehicle = strings.TrimSpace(v.Make + " " + v.Model)
	if v.ModelYear > 0 {
		f.vehicle = strings.TrimSpace(fmt.Sprintf("%s %d", f.vehicle, v.ModelYear))
	}
	return f
}

// pair judges one arrival by both graphs.
func (w WhatIf) pair(after *Judge, q Request) pair {
	a := w.Before.Assess(q)
	b := after.Assess(q)
	return pair{found(&a), found(&b)}
}

// take counts a pair and keeps it where it differs.
func (r *WhatIfReport) take(c *WhatIfCount, kind, id string, p pair) {
	c.Judged++
	switch {
	case p.after.outcome > p.before.outcome:
		c.Raised++
	case p.after.outcome < p.before.outcome:
		c.Lowered++
	case p.after.spoke != p.before.spoke:
		c.Reasons++
	default:
		return
	}
	r.List = append(r.List, Rejudged{
		Kind: kind, ID: id, Vehicle: p.after.vehicle, Day: p.after.day, Before: p.before.outcome.String(), After: p.after.outcome.String(),
		Was: p.before.because, Because: p.after.because, Rule: p.after.rule,
	})
}

// alike is what arrivals have in common that are judged once.
type alike struct {
	decoded uint64 // of everything that the decoder says, but the VIN
	class   policy.Class
	market  string
	zone    policy.Zone
	posture int
	moment  policy.Moment
	at      time.Time
	reg     Registered
}

// arrival is a subject on its way to its verdict.
type arrival struct {
	id  string
	key alike
	q   Request
	own bool // judged for itself
}

// batch is how many arrivals one goroutine takes at a time, and chunk how many
// are sorted into groups before the next are read.
const (
	batch = 256
	chunk = 16 * batch
)

// judge judges arrivals and hands on what both graphs make of each, in order.
// Every group of those alike is judged once.
func (w WhatIf) judge(ctx context.Context, after *Judge, all iter.Seq[arrival], take func(id string, p pair)) error {
	// A rule on the VIN itself tells vehicles apart of which the decoder says
	// the same.
	byVIN := bytes.Contains(w.Before.policy.Canonical(), []byte("vehicle.vin"))
	seed := maphash.MakeSeed()
	var ids []string
	var at []int       // of each arrival, index into todo
	var todo []Request // of each group its first arrival, and all that are judged for themselves
	group := map[alike]int{}
	some := make([]arrival, 0, chunk)
	sort := func() {
		parallel(len(some), func(from, to int) {
			for i := from; i < to && ctx.Err() == nil; i++ {
				w.sort(&some[i], seed, byVIN)
			}
		})
		for i := range some {
			a := &some[i]
			k, known := group[a.key]
			if !known || a.own {
				k = len(todo)
				todo = append(todo, a.q)
				if !a.own {
					group[a.key] = k
				}
			}
			ids, at = append(ids, a.id), append(at, k)
		}
		some = some[:0]
	}
	for a := range all {
		if some = append(some, a); len(some) == chunk {
			sort()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	sort()
	pairs := make([]pair, len(todo))
	parallel(len(todo), func(from, to int) {
		for k := from; k < to && ctx.Err() == nil; k++ {
			pairs[k] = w.pair(after, todo[k])
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, id := range ids {
		take(id, pairs[at[i]])
	}
	return nil
}

// sort says with which other vehicles one is judged.
func (w WhatIf) sort(a *arrival, seed maphash.Seed, byVIN bool) {
	q := &a.q
	if a.id == "" {
		a.id = cmp.Or(q.VIN, q.Plate)
	}
	a.key = alike{class: q.Class, market: q.Market, zone: q.Zone, posture: q.Posture, moment: q.Moment, at: q.At, reg: q.Registered}
	if byVIN || q.Stated != "" || q.OnCall != nil || q.Radio != nil || len(q.Declared)+len(q.Inspections)+len(q.Authorisations)+len(q.Expected) > 0 {
		a.own = true
		return
	}
	if q.VIN == "" {
		return
	}
	d := w.Before.index.Decode(vin.VIN(q.VIN), vin.Options{Year: q.At.UTC().Year()})
	if !d.Valid {
		a.own = true // what it may be a misreading of is its own affair
		return
	}
	var h maphash.Hash
	h.SetSeed(seed)
	for _, s := range []string{
		d.Make, d.Model, d.MakeCandidates, d.YearBasis, d.Manufacturer, d.VehicleType, d.BodyClass, d.GVWR, d.FuelPrimary,
		d.PlantCountry, d.PlantState, d.PlantCity, d.Basis, d.BuiltIn.Code, d.BuiltIn.Country, d.BuiltIn.Basis, d.BuiltIn.Source, d.BuiltIn.Note,
	} {
		maphash.WriteComparable(&h, s)
	}
	maphash.WriteComparable(&h, [3]int{d.ModelYear, d.YearCandidates[0], d.YearCandidates[1]})
	maphash.WriteComparable(&h, [3]bool{d.BuiltIn.Weak, d.Community, d.Codes.Has(vin.CodeNoData)})
	for code, value := range d.Attributes() {
		maphash.WriteComparable(&h, [2]string{code, value})
	}
	a.key.decoded = h.Sum64()
}

// parallel hands out [0, n) in batches to as many goroutines as may run.
func parallel(n int, do func(from, to int)) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	next := 0
	for range min(runtime.GOMAXPROCS(0), (n+batch-1)/batch) {
		wg.Go(func() {
			for {
				mu.Lock()
				from := next
				next = min(n, next+batch)
				to := next
				mu.Unlock()
				if from == to {
					return
				}
				do(from, to)
			}
		})
	}
	wg.Wait()
}

// passage judges a past passage again, from its record: a question to which the
// two graphs give the same answer keeps the answer recorded, as Replay reads it;
// any other is answered by the graph with the change. The maker that the record
// names stays the one that it names.
func (w WhatIf) passage(after *Judge, past WhatIfPast, r *WhatIfReport) {
	a := past.Result
	p := w.Before.policy
	if a.Verdict.Hash != p.Hash() {
		p = nil
		if w.Policy != nil {
			p = w.Policy(a.Verdict.Hash)
		}
	}
	if a.Facts.At.IsZero() || p == nil {
		r.Passages.Passed++
		return
	}
	b := a
	b.Asked = nil
	b.Verdict = p.Evaluate(&a.Facts, changedAnswers{recorded: answered(a.Asked), before: w.Before.supply, after: after.supply})
	r.take(&r.Passages, WhatIfPassage, string(past.Passage), pair{found(&a), found(&b)})
}

// changedAnswers answers as recorded, but where a change of the graph changes
// the answer.
type changedAnswers struct {
	recorded      answered
	before, after *GraphSupply
}

func (c changedAnswers) Ask(q policy.SupplyQuestion) policy.SupplyAnswer {
	is := c.after.Ask(q)
	if was := c.before.Ask(q); was.Value != is.Value {
		return is
	}
	for _, k := range c.recorded {
		if k.Q == q {
			return k.A
		}
	}
	return is // the policy came to a question that it had not needed
}
