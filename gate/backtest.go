package gate

import (
	"bytes"
	"cmp"
	"context"
	"hash/maphash"
	"iter"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"sallyport/policy"
)

// Backtest decides again under a draft what was decided, or would be, under the
// policy in force, and says what would change. It is pure: the caller hands in
// the records and the requests, and nothing is written.
//
// A past passage is decided again from what its record holds: the facts of then,
// and the answers that the supply graph gave then. What the policy of then never
// asked is answered by the Judge's graph as of the day of the passage, and
// counted. Requests, and the vehicles of a list, go through the Judge like
// arrivals, once by its own policy and once by the draft.
type Backtest struct {
	Judge *Judge         // the reference data in use; for requests and vehicles also the policy in force
	Draft *policy.Policy // what is tried
	// On, where set, is the instant on which all are supposed to have arrived:
	// the rules in force then decide, on the graph as of that day.
	On       time.Time
	Examples int            // how many are named for each kind of change; 0 is 5
	Named    bool           // name vehicles by VIN and plate; a report without names says passages by their ids only
	Zone     *time.Location // of days and hours; nil is UTC
	// Changed, where set, is told every subject whose outcome changes, in order.
	Changed func(BacktestChange) error
	// Progress, where set, is told now and then how many subjects are done.
	Progress func(done int)
}

// BacktestChange is one subject that the draft decides otherwise.
type BacktestChange struct {
	ID         string    `json:"id"` // passage id, or the number of a request or vehicle in its list
	At         time.Time `json:"at"`
	Lane       LaneID    `json:"lane,omitempty"`
	Zone       string    `json:"zone"`
	Class      string    `json:"class"`
	Make       string    `json:"make"`
	Vehicle    string    `json:"vehicle"` // make, model and year, as far as they are known
	VIN        string    `json:"vin,omitempty"`
	Plate      string    `json:"plate,omitempty"`
	Before     string    `json:"before"` // grant, flag, deny
	After      string    `json:"after"`
	RuleBefore string    `json:"rule_before"` // that decided
	RuleAfter  string    `json:"rule_after"`
	Was        string    `json:"was"`                  // what the deciding rule said
	Because    string    `json:"because"`              // what it says under the draft
	Unrecorded int       `json:"unrecorded,omitempty"` // questions that the record does not answer
}

// maxAlike bounds how many groups of alike vehicles a back-test remembers.
const maxAlike = 1 << 16

// decided is what is kept of one decision for the tables.
type decided struct {
	before, after            policy.Outcome
	ruleBefore, ruleAfter    string
	was, because             string // only where the outcomes differ
	at                       time.Time
	lane                     LaneID
	zone, class, make, what  string
	vin, plate               string
	hash, policy             string // of the decision before
	asked                    int
	erased, doubtful, learnt bool
	bad                      error
}

// pastBatch is how many records one goroutine takes at a time.
const pastBatch = 64

// pastRecords is a batch on its way through a back-test.
type pastRecords struct {
	list []PastRecord
	docs []byte // of all, one after the other
	out  []decided
	done chan struct{} // one is sent when out is filled
}

func (p *pastRecords) add(rec PastRecord) {
	at := len(p.docs)
	p.docs = append(p.docs, rec.Doc...)
	rec.Doc = p.docs[at:len(p.docs):len(p.docs)]
	p.list = append(p.list, rec)
}

// Passages decides the passages of [from, until) again. Where it stops before
// the end, because ctx ends or by an error of past or of Changed, it gives that
// error and the report of those done until then, which are the first of all. A
// record that cannot be read is counted and passed over.
func (b Backtest) Passages(ctx context.Context, past PastReader, from, until time.Time) (*BacktestReport, error) {
	r := b.report(SubjectPassages)
	r.From, r.Until = from, until
	work, stop := context.WithCancel(ctx)
	defer stop()
	// No more batches than these are under way, so no channel ever blocks its
	// sender.
	n := runtime.GOMAXPROCS(0)
	free, todo, order := make(chan *pastRecords, 4*n), make(chan *pastRecords, 4*n), make(chan *pastRecords, 4*n)
	for range cap(free) {
		free <- &pastRecords{done: make(chan struct{}, 1)}
	}
	var wg sync.WaitGroup
	var unread error
	wg.Go(func() {
		defer close(order)
		defer close(todo)
		var p *pastRecords
		send := func() {
			todo <- p
			order <- p
			p = nil
		}
		unread = past.EachRecord(work, from, until, func(rec PastRecord) error {
			if p == nil {
				select {
				case p = <-free:
					p.list, p.docs = p.list[:0], p.docs[:0]
				case <-work.Done():
					return work.Err()
				}
			}
			if p.add(rec); len(p.list) == pastBatch {
				send()
			}
			return nil
		})
		if p != nil {
			send()
		}
	})
	for range n {
		wg.Go(func() {
			w := pastWorker{pastDecoder: newPastDecoder(), told: map[ruleChange]int{}}
			for p := range todo {
				p.out = p.out[:0]
				for i := range p.list {
					p.out = append(p.out, b.again(&w, &p.list[i]))
				}
				p.done <- struct{}{}
			}
		})
	}
	var failed error
	for p := range order {
		<-p.done
		for i := range p.out {
			if failed != nil {
				break
			}
			if failed = ctx.Err(); failed == nil {
				failed = b.take(r, string(p.list[i].Passage), &p.out[i])
			}
		}
		if failed != nil {
			stop()
		}
		b.progress(r)
		free <- p
	}
	wg.Wait()
	if failed == nil {
		failed = unread
	}
	return b.finish(r, failed)
}

// pastWorker decides records again, one after the other. It meets them in the
// order of all, so that the first of a kind of change are among the first that
// it meets: only to these it gives words.
type pastWorker struct {
	*pastDecoder
	was   pastDecision
	asked recordedFirst
	found policy.Findings
	told  map[ruleChange]int
}

// again decides one passage again.
func (b *Backtest) again(w *pastWorker, rec *PastRecord) decided {
	if len(rec.Doc) == 0 {
		return decided{before: rec.Outcome, at: rec.At, lane: rec.Lane, erased: true}
	}
	was := &w.was
	*was = pastDecision{}
	if err := w.decode(rec.Doc, was); err != nil {
		return decided{bad: err}
	}
	out := decided{before: was.outcome, at: rec.At, lane: rec.Lane, hash: was.hash, policy: was.id}
	out.describe(&was.facts, &was.vehicle, was.vin, was.plate)
	out.doubtful = !was.vehicle.Valid
	for u := range was.facts.Units {
		for _, c := range was.facts.Units[u].Candidates {
			out.learnt = out.learnt || c.Certainty == policy.CertaintyObserved
		}
	}
	if out.ruleBefore = policy.DefaultRule; len(was.reasons) > 0 {
		out.ruleBefore = was.reasons[0].Rule
	}
	if !b.On.IsZero() {
		was.facts.At = b.On
	}
	asked, found := &w.asked, &w.found
	*asked = recordedFirst{recorded: was.asked, graph: b.Judge.supply, besides: asked.besides[:0]}
	f := &was.facts
	b.Draft.Find(f, asked, found)
	// A class that somebody entered at the lane counts in no vehicle's favour,
	// as with the Judge.
	if class := f.Registration.Class; class.Known && class.From.Title == statedAtLane {
		without := *f
		without.Registration.Class = policy.Leaf[policy.Class]{}
		if b.Draft.Decide(&without, asked) > found.Outcome() {
			b.Draft.Find(&without, asked, found)
		}
	}
	out.after, out.ruleAfter = found.Outcome(), decidedBy(found)
	key := ruleChange{out.ruleBefore, out.ruleAfter, out.before, out.after}
	if out.after != out.before && (b.Changed != nil || w.told[key] < b.examples()) {
		w.told[key]++
		if len(was.reasons) > 0 {
			out.was = was.reasons[0].Because
		}
		if v := found.Verdict(); len(v.Reasons) > 0 {
			out.because = v.Reasons[0].Because
		}
	}
	out.asked = len(asked.besides)
	return out
}

// decidedBy is the rule that a verdict names first: the first of those that say
// its outcome.
func decidedBy(fs *policy.Findings) string {
	for i := range fs.Len() {
		if f := fs.At(i); f.LiftedBy == "" && f.Outcome == fs.Outcome() {
			return f.Rule
		}
	}
	return policy.DefaultRule
}

// describe says what the tables count the subject under.
func (d *decided) describe(f *policy.Facts, v *VehicleView, vin, plate string) {
	d.vin, d.plate, d.make, d.what = vin, plate, v.Make, v.Make
	if v.Model != "" {
		d.what += " " + v.Model
	}
	if v.ModelYear > 0 {
		d.what += " " + strconv.Itoa(v.ModelYear)
	}
	if f.Registration.Class.Known {
		d.class = string(f.Registration.Class.Value)
	}
	if f.Site.Zone.Known {
		d.zone = f.Site.Zone.Value.String()
	}
}

// recordedFirst answers as recorded, and what the record lacks by the graph.
type recordedFirst struct {
	recorded answered
	graph    *GraphSupply
	besides  []policy.SupplyQuestion
}

func (s *recordedFirst) Ask(q policy.SupplyQuestion) policy.SupplyAnswer {
	for i := range s.recorded {
		if s.recorded[i].Q == q {
			return s.recorded[i].A
		}
	}
	if !slices.Contains(s.besides, q) {
		s.besides = append(s.besides, q)
	}
	return s.graph.Ask(q)
}

// BacktestSubject is a request of which a back-test is made.
type BacktestSubject struct {
	ID      string // by which the report names it: it names neither vehicle nor driver
	Request Request
}

// Requests decides about requests by the policy in force and by the draft, each
// as if it arrived; of says what they are. An error that comes with one stops
// the back-test, as the end of ctx does: the report is then of those before it.
func (b Backtest) Requests(ctx context.Context, of string, requests iter.Seq2[BacktestSubject, error]) (*BacktestReport, error) {
	r := b.report(of)
	was, is := b.Judge, b.Judge.Under(b.Draft)
	// A rule on the VIN itself tells vehicles apart of which the decoder says
	// the same.
	byVIN := bytes.Contains(was.policy.Canonical(), []byte("vehicle.vin")) || bytes.Contains(b.Draft.Canonical(), []byte("vehicle.vin"))
	seed := maphash.MakeSeed()
	group := map[alike]decided{}
	some, out := make([]arrival, 0, chunk), make([]decided, chunk)
	judge := func() error {
		if len(group) > maxAlike {
			clear(group)
		}
		parallel(len(some), func(from, to int) {
			for i := from; i < to && ctx.Err() == nil; i++ {
				WhatIf{Before: was}.sort(&some[i], seed, byVIN)
			}
		})
		// Of each group only its first arrival is judged, and of a group that
		// was judged before none.
		first := map[alike]int{}
		var todo []int
		for i := range some {
			if _, known := group[some[i].key]; some[i].own {
				todo = append(todo, i)
			} else if _, now := first[some[i].key]; !known && !now {
				first[some[i].key] = i
				todo = append(todo, i)
			}
		}
		parallel(len(todo), func(from, to int) {
			for _, i := range todo[from:to] {
				if ctx.Err() != nil {
					return
				}
				out[i] = both(was, is, &some[i].q)
			}
		})
		if err := ctx.Err(); err != nil {
			return err
		}
		for key, i := range first {
			group[key] = out[i]
		}
		for i := range some {
			d, a := out[i], &some[i]
			if !a.own {
				d = group[a.key]
				d.at, d.vin, d.plate = a.q.At, a.q.VIN, a.q.Plate
			}
			if err := b.take(r, a.id, &d); err != nil {
				return err
			}
		}
		some = some[:0]
		b.progress(r)
		return nil
	}
	var bad, failed error
	for s, err := range requests {
		if bad = err; bad != nil {
			break
		}
		if !b.On.IsZero() {
			s.Request.At = b.On
		}
		if some = append(some, arrival{id: s.ID, q: s.Request}); len(some) == chunk {
			if failed = judge(); failed != nil {
				break
			}
		}
	}
	if failed == nil {
		failed = cmp.Or(judge(), bad)
	}
	return b.finish(r, failed)
}

// both judges one arrival by both policies.
func both(was, is *Judge, q *Request) decided {
	x, y := was.Assess(*q), is.Assess(*q)
	d := decided{before: x.Verdict.Outcome, after: y.Verdict.Outcome, at: q.At, hash: x.Verdict.Hash, policy: x.Verdict.Policy}
	d.describe(&x.Facts, &x.Vehicle, q.VIN, q.Plate)
	if rs := x.Verdict.Reasons; len(rs) > 0 {
		d.ruleBefore, d.was = rs[0].Rule, rs[0].Because
	}
	if rs := y.Verdict.Reasons; len(rs) > 0 {
		d.ruleAfter, d.because = rs[0].Rule, rs[0].Because
	}
	return d
}
