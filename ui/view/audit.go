package view

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
)

// Choose is one choice of a list in a form.
type Choose struct{ Value, Label string }

// PassageForm is what a list of passages was asked for, as it was typed.
type PassageForm struct{ Text, Outcome, Ending, Lane, From, Until string }

// Endings are those that a list of passages can be asked for.
func Endings() []string {
	return []string{string(gate.EndAdmitted), string(gate.EndRefused), string(gate.EndInspection), string(gate.EndLeft), string(gate.EndArmFailed), string(gate.EndUnknown), string(gate.EndOpen)}
}

// Endings are the choices of the form.
func (Passages) Endings() []string { return Endings() }

// MayExport says whether this person may take records out.
func (b Base) MayExport() bool { return b.Person != nil && auth.May(b.Person.Role, auth.ExportRecords) }

// Formats are those of exports.
func (Base) Formats() []string { return []string{"csv", "xlsx", "ecs", "syslog"} }

// EntryForm is what the log was searched for, as it was typed.
type EntryForm struct{ Text, Kind, By, Lane, Passage, Number, From, Until string }

// Entries is the page that searches the log.
type Entries struct {
	Base
	Form   EntryForm
	Rows   []EntryRow
	Kinds  []string
	Lanes  []Choose
	Older  string // the next page begins after this place; empty at the end
	Behind int64
}

func (Entries) template() string { return "entries" }

// EntryRow is one entry in the list.
type EntryRow struct {
	Seq           int64
	At            time.Time
	Kind          string
	Lane, Passage string
	By, Second    string
	What          string
	Text          string
	Commits       bool
}

// NewEntries makes the page of a search. hide leaves out entries.
func NewEntries(b Base, form EntryForm, page gate.LogPage, kinds []string, lanes []Choose, hide func(gate.LogLine) bool) Entries {
	p := Entries{Base: b, Form: form, Kinds: kinds, Lanes: lanes, Behind: page.Behind}
	for _, l := range page.Lines {
		if hide(l) {
			continue
		}
		p.Rows = append(p.Rows, EntryRow{Seq: l.Seq, At: l.At, Kind: l.Kind, Lane: string(l.Lane), Passage: string(l.Passage),
			By: cmp.Or(l.Body["by"], l.Body["author"]), Second: l.Body["supervisor"], What: WhatOf(l), Text: l.Text, Commits: l.Commits})
	}
	if page.More && len(page.Lines) > 0 {
		last := page.Lines[len(page.Lines)-1].Place
		p.Older = fmt.Sprintf("%d.%d", last.At, last.Seq)
	}
	return p
}

// WhatOf is what an entry says beside its kind and who did it, as it stands in the
// log: in English, and in codes.
func WhatOf(l gate.LogLine) string {
	var parts []string
	for _, k := range [...]string{"outcome", "ending", "act", "step", "level", "class", "because", "event", "type", "note", "detail"} {
		if v := l.Body[k]; v != "" && v != l.Kind {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, " · ")
}

// ReplayRow is one verdict beside the one that its record gives.
type ReplayRow struct {
	At              time.Time
	Because         string
	Recorded, Again string
	Same            bool
	Policy, SHA256  string
	Differs         []string
	Problem         string
}

// NewReplay makes the rows of what was computed again.
func NewReplay(list []gate.Replayed) []ReplayRow {
	var out []ReplayRow
	for _, r := range list {
		out = append(out, ReplayRow{At: r.At, Because: r.Because, Recorded: outcomeName(r.Recorded), Again: outcomeName(r.Again), Same: r.Same, Policy: r.Policy, SHA256: r.SHA256, Differs: r.Differs, Problem: r.Problem})
	}
	return out
}

// Percent is how far a running verification is.
func (p Log) Percent() int {
	if p.Total <= 0 {
		return 0
	}
	return int(min(100, p.Done*100/p.Total))
}

// Far says the same in numbers.
func (p Log) Far() string {
	return p.T("log.far", p.Percent(), p.Words.Count(uint64(max(0, p.Done))), p.Words.Count(uint64(max(0, p.Total))))
}

func (Log) regions() []string { return []string{"verifying"} }

// Records is the page of what is kept of one vehicle.
type Records struct {
	Base
	VIN, Plate string
	Problem    string
	Looked     bool
	Found      []TableCount
	Total      int
	Mentions   int
	Also       []gate.DataSubject
	MayErase   bool
	Erased     *gate.ErasureReport
	Holds      []gate.Hold
}

func (Records) template() string { return "records" }

// TableCount is how many records of a kind there are.
type TableCount struct {
	Table string
	N     int
}

// Find puts what is kept on the page.
func (p *Records) Find(e gate.SubjectExport) {
	p.Looked, p.Total, p.Mentions, p.Also = true, len(e.Records), len(e.Mentions), e.Also
	n := map[string]int{}
	for _, r := range e.Records {
		n[r.Table]++
	}
	p.Found = countsOf(n)
}

func countsOf(n map[string]int) (out []TableCount) {
	for _, t := range slices.Sorted(maps.Keys(n)) {
		out = append(out, TableCount{t, n[t]})
	}
	return out
}

// Gone is what was erased.
func (p Records) Gone() []TableCount { return countsOf(p.Erased.Erased) }

// GoneTotal is how many records were erased.
func (p Records) GoneTotal() (n int) {
	for _, k := range p.Erased.Erased {
		n += k
	}
	return n
}

// Says writes a number of records.
func (p Records) Says(key string, n int) string { return p.Words.N(key, n) }

// Figures is the page of what happened at the site.
type Figures struct {
	Base
	Span     string
	Until    string // last day, RFC 3339 full-date
	Title    string // the days, in words
	Behind   int64
	Vehicles string
	Usage    []UsageRow
	Verdicts Chart
	Seconds  Chart
	Reasons  Chart
	Shifts   Chart
	Sensors  Chart
	Faults   Chart
}

func (Figures) template() string { return "figures" }

// UsageRow is one share.
type UsageRow struct {
	Key, Share, Of string
	Wrong          bool // it asks for attention
}

// Spans are the periods that can be chosen.
func (Figures) Spans() []string { return []string{"day", "three", "week", "month", "quarter", "year"} }

// NewFigures makes the page of a period that ends with a day.
func NewFigures(b Base, f gate.Figures, span string, last time.Time) Figures {
	p := Figures{Base: b, Span: span, Until: last.Format(time.DateOnly), Behind: f.Behind, Vehicles: b.Words.Count(uint64(f.Use.Vehicles))}
	p.Title = b.T("figures.days", b.Day(f.From), b.Day(last))
	u := f.Use
	share := func(key string, n, of int, wrong bool) {
		row := UsageRow{Key: key, Share: "–", Of: b.T("figures.of", b.Words.Count(uint64(n)), b.Words.Count(uint64(of))), Wrong: wrong && n > 0}
		if of > 0 {
			row.Share = b.Words.Decimal(float64(n)/float64(of)*100, 1) + "\u00a0%"
		}
		p.Usage = append(p.Usage, row)
	}
	share("checked", u.Checked, u.Vehicles, false)
	share("admitted", u.Admitted, u.Vehicles, false)
	share("overridden", u.Overridden, u.Vehicles, true)
	share("stale", u.Stale, u.Counted, true)
	share("open", u.Open, u.Counted, false)
	share("unheard", u.Unheard, u.Counted, true)

	var points []string
	n := len(f.Points)
	grants, flags, denies, none := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	median, p90 := make([]float64, n), make([]float64, n)
	heard, unheard, faults, back := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	seconds := func(s int64) float64 {
		if s < 0 {
			return math.NaN()
		}
		return float64(s)
	}
	for i, k := range f.Points {
		label := b.Day(k.At)
		if f.Hourly {
			label = b.Stamp(k.At)
			label = label[:len(label)-3] // without seconds
			if span == "day" {
				label = b.Words.Clock(k.At)[:5]
			}
		}
		points = append(points, label)
		grants[i], flags[i], denies[i], none[i] = float64(k.Grants), float64(k.Flags), float64(k.Denies), float64(k.None)
		median[i], p90[i] = seconds(k.Median), seconds(k.P90)
		heard[i], unheard[i], faults[i], back[i] = float64(k.Heard), float64(k.Unheard), float64(k.Faults), float64(k.Back)
	}
	rows := b.T("figures.day")
	if f.Hourly {
		rows = b.T("figures.hour")
	}
	chart := func(id string, kind ChartKind, series ...Series) Chart {
		c := Chart{Base: b, ID: id, Title: b.T("figures." + id), About: b.T("figures." + id + ".about"), Rows: rows, Kind: kind, Points: points, Series: series}
		some := false
		for _, s := range series {
			for _, v := range s.Values {
				some = some || v > 0 || kind == Lines && v == 0
			}
		}
		if !some {
			c.Points, c.Series = nil, nil
		}
		return c
	}
	p.Verdicts = chart("verdicts", Columns, Series{b.T("outcome.grant"), "grant", grants}, Series{b.T("outcome.flag"), "flag", flags}, Series{b.T("outcome.deny"), "deny", denies}, Series{b.T("figures.none"), "four", none})
	p.Seconds = chart("seconds", Lines, Series{b.T("figures.median"), "one", median}, Series{b.T("figures.p90"), "two", p90})
	p.Seconds.Unit = "s"
	p.Sensors = chart("sensors", Columns, Series{b.T("figures.heard"), "one", heard}, Series{b.T("figures.unheard"), "two", unheard})
	p.Faults = chart("faults", Columns, Series{b.T("figures.failed"), "two", faults}, Series{b.T("figures.back"), "three", back})

	var ids []string
	var rf, rd []float64
	for _, r := range f.Reasons[:min(len(f.Reasons), 15)] {
		ids, rf, rd = append(ids, r.Rule), append(rf, float64(r.Flags)), append(rd, float64(r.Denies))
	}
	p.Reasons = Chart{Base: b, ID: "reasons", Title: b.T("figures.reasons"), About: b.T("figures.reasons.about"), Rows: b.T("why.rule"), Kind: Bars, Points: ids,
		Series: []Series{{b.T("outcome.deny"), "deny", rd}, {b.T("outcome.flag"), "flag", rf}}}

	var names []string
	var over, denied []float64
	for _, s := range f.Shifts[:min(len(f.Shifts), 20)] {
		names = append(names, fmt.Sprintf("%s · %s · %s", s.Lane, s.Holder, b.Stamp(s.Since)[:max(0, len(b.Stamp(s.Since))-3)]))
		over, denied = append(over, float64(s.Overrides)), append(denied, float64(max(0, s.Denied-s.Overrides)))
	}
	p.Shifts = Chart{Base: b, ID: "shifts", Title: b.T("figures.shifts"), About: b.T("figures.shifts.about"), Rows: b.T("figures.shift"), Kind: Bars, Points: names,
		Series: []Series{{b.T("figures.overridden"), "two", over}, {b.T("figures.upheld"), "three", denied}}}
	return p
}
