package view

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/rf"
)

// Timeline is what a lane's sensors heard in the last minutes, drawn: a strip
// of levels for each kind, one bar a second, with the times in which a vehicle
// stood shaded across all of them. Every coordinate is in units of the drawing,
// so that the template only writes them down. It needs neither colour nor a
// style of its own: what differs differs by shape, hatching and words.
type Timeline struct {
	Wide, High  int
	Left, Right string // of the strips
	Top, Foot   string // likewise
	PlotWide    string
	PlotHigh    string
	Title, Desc string
	Strips      []Strip
	Windows     []Window
	Quiet       []Quiet
	Ticks       []Tick
}

// Strip is one kind.
type Strip struct {
	Label, Note string
	LabelY      string
	NoteY       string
	Base        string // of the bars
	Middle      string
	Bars        string // path: loudest of each second at the sensor beside the line
	Dashes      string // path: loudest at the sensor before it
	Empty       bool
	Scale       []Mark
}

// Mark is a level beside a strip.
type Mark struct{ Y, TextY, Text string }

// Window is the time in which a vehicle stood at the line.
type Window struct {
	X, Wide string
	Now     bool // the vehicle at the line, or the last one; else one before it
	Begins  bool // its arrival lies within the drawing
	Ends    bool // likewise its leaving
	Right   string
	Label   string // empty: an earlier one, shaded only
	LabelX  string
	LabelY  string
	Anchor  string
}

// Quiet is a time in which no sensor reported anything.
type Quiet struct {
	X, Wide string
	Label   string // empty where it is too short for one
	LabelX  string
}

// Tick is an instant under the strips.
type Tick struct{ X, Label, Anchor string }

// The measures of a timeline.
const (
	lineWide   = 1200
	lineLeft   = 262 // of the strips; their names stand before it
	lineEdge   = 12
	lineHead   = 62 // two rows of labels
	stripHigh  = 56
	stripThin  = 26
	stripGap   = 12
	lineFoot   = 30
	quietAfter = 5 // seconds without any report that are worth a mark
	letterWide = 7.4
)

// radioKinds is the order of the strips.
var radioKinds = [...]rf.Kind{rf.WiFi, rf.BLE, rf.TPMS, rf.V2X, rf.Fob, rf.Cell}

func (r *Radio) timeline(lr gate.LaneRadio) Timeline {
	d := drawing{base: r.Base, from: r.From, to: r.At}
	t := Timeline{
		Wide: lineWide, Left: coord(lineLeft), Right: coord(lineWide - lineEdge),
		PlotWide: coord(lineWide - lineEdge - lineLeft), Top: coord(lineHead),
	}
	y := float64(lineHead)
	for _, s := range strips(lr) {
		strip, high := d.strip(s, y)
		if strip.Empty && r.law.deaf(s.kind) {
			strip.Note = r.T("radio.heard.law")
		}
		t.Strips = append(t.Strips, strip)
		y += high + stripGap
	}
	y -= stripGap / 2
	t.Foot, t.PlotHigh, t.High = coord(y), coord(y-lineHead), int(y)+lineFoot
	for i, v := range r.Vehicles {
		if w, ok := d.window(v, i); ok {
			t.Windows = append(t.Windows, w)
		}
	}
	slices.Reverse(t.Windows) // the newest is drawn last
	t.Quiet = d.quiet(lr)
	t.Ticks = d.ticks()
	t.Title = r.T("radio.line.title", r.Name)
	t.Desc = r.T("radio.line.desc", r.Words.Clock(d.from), r.Words.Clock(d.to))
	for _, v := range r.Recent() {
		t.Desc += " " + v.Heading + "."
	}
	return t
}

// drawing knows where an instant lies.
type drawing struct {
	base     Base
	from, to time.Time
}

func (d drawing) x(at time.Time) float64 {
	u := at.Sub(d.from).Seconds() / d.to.Sub(d.from).Seconds()
	return lineLeft + min(1, max(0, u))*(lineWide-lineEdge-lineLeft)
}

// series is what one strip shows: one kind in one sort of level.
type series struct {
	kind   rf.Kind
	level  rf.Level
	from   time.Time
	second []gate.RadioSecond
}

// strips are all kinds in their order; one that was not heard has no seconds.
func strips(lr gate.LaneRadio) []series {
	var out []series
	for _, k := range radioKinds {
		before := len(out)
		for _, l := range lr.Levels {
			if l.Kind == k && len(l.Seconds) > 0 {
				out = append(out, series{k, l.Level, lr.From, l.Seconds})
			}
		}
		if len(out) == before {
			out = append(out, series{kind: k, from: lr.From})
		}
	}
	return out
}

func (s series) label(b Base) string {
	label := b.K("radio.kind.", s.kind)
	if s.level == rf.Relative {
		label += " " + b.T("radio.relative")
	}
	return label
}

// scale is the range of a strip and the levels marked beside it.
func (s series) scale() (low, high float64, marks []float64) {
	if s.level == rf.Relative {
		return -60, 0, []float64{-15, -45}
	}
	return -100, -20, []float64{-40, -80}
}

// most is the loudest level and the most emitters of one second.
func (s series) most() (loudest rf.Quantity, emitters int) {
	for _, x := range s.second {
		loudest = louder(louder(loudest, x.Stop), x.Upstream)
		emitters = max(emitters, x.Emitters)
	}
	return loudest, emitters
}

func louder(a, b rf.Quantity) rf.Quantity {
	if !a.Known || b.Known && b.Value > a.Value {
		return b
	}
	return a
}

func (d drawing) strip(s series, y float64) (Strip, float64) {
	out := Strip{Label: s.label(d.base), Empty: len(s.second) == 0}
	if out.Empty {
		out.LabelY, out.Middle, out.Base = coord(y+18), coord(y+18), coord(y+stripThin)
		out.Note = d.base.T("radio.heard.nothing")
		return out, stripThin
	}
	bottom := y + stripHigh
	out.LabelY, out.NoteY, out.Base = coord(y+20), coord(y+40), coord(bottom)
	loudest, emitters := s.most()
	var note []string
	if loudest.Known && s.level != rf.NoLevel {
		note = append(note, d.base.T("radio.strip.loudest", d.base.level(loudest.Value, s.level)))
	}
	if emitters > 0 {
		note = append(note, d.base.T("radio.strip.emitters", d.base.Words.Count(uint64(emitters))))
	}
	out.Note = strings.Join(note, ", ")
	low, high, marks := s.scale()
	place := func(level float64) float64 {
		if s.level == rf.NoLevel {
			return bottom - stripHigh/2
		}
		u := (level - low) / (high - low)
		return bottom - max(0.06, min(1, u))*stripHigh
	}
	if s.level != rf.NoLevel {
		for _, m := range marks {
			out.Scale = append(out.Scale, Mark{Y: coord(place(m)), TextY: coord(place(m) + 4), Text: d.base.Words.Decimal(m, 0)})
		}
	}
	var bars, dashes strings.Builder
	wide := d.x(d.from.Add(time.Second)) - d.x(d.from)
	for _, x := range s.second {
		at := s.from.Add(time.Duration(x.At) * time.Second)
		if at.Before(d.from) || !at.Before(d.to) {
			continue
		}
		left := d.x(at)
		if x.Stop.Known || !x.Upstream.Known {
			top := bottom - 3 // heard, at no level
			if x.Stop.Known {
				top = place(x.Stop.Value)
			}
			bars.WriteString("M" + coord(left) + " " + coord(bottom) + "V" + coord(top) + "h" + coord(wide-0.6) + "V" + coord(bottom) + "z")
		}
		if x.Upstream.Known {
			dashes.WriteString("M" + coord(left) + " " + coord(place(x.Upstream.Value)) + "h" + coord(wide-0.4))
		}
	}
	out.Bars, out.Dashes = bars.String(), dashes.String()
	return out, stripHigh
}

// window is where a vehicle's stay lies; the newest is number 0. The newest two
// have a row of labels each.
func (d drawing) window(v RadioVehicle, number int) (Window, bool) {
	to := v.To
	if v.Here {
		to = d.to
	}
	if to.Before(d.from) || v.From.After(d.to) {
		return Window{}, false
	}
	left, right := d.x(v.From), d.x(to)
	right = max(right, left+2)
	w := Window{
		X: coord(left), Wide: coord(right - left), Right: coord(right), Now: number == 0,
		Begins: !v.From.Before(d.from), Ends: !v.Here,
	}
	if number >= recent {
		return w, true
	}
	y := 46.0
	if number == 1 {
		y = 22
	}
	w.Label, w.LabelY = v.Heading, coord(y)
	// From its beginning to the right where there is room, else to the left
	// from its end.
	room := float64(len([]rune(w.Label))) * letterWide
	switch {
	case left+room <= lineWide-lineEdge:
		w.LabelX, w.Anchor = coord(left), "start"
	case right-room >= 0:
		w.LabelX, w.Anchor = coord(right), "end"
	default:
		w.LabelX, w.Anchor = coord(lineWide-lineEdge), "end"
	}
	return w, true
}

// quiet are the times in which nothing at all was reported.
func (d drawing) quiet(lr gate.LaneRadio) []Quiet {
	span := int(d.to.Sub(d.from) / time.Second)
	begun := min(max(0, int(lr.From.Sub(d.from)/time.Second)), span) // before it nobody listened
	heard := make([]bool, span)
	for _, l := range lr.Levels {
		for _, s := range l.Seconds {
			if i := int(lr.From.Sub(d.from)/time.Second) + s.At; i >= 0 && i < span {
				heard[i] = true
			}
		}
	}
	var out []Quiet
	for i := 0; i < span; {
		j, label := i, d.base.T("radio.line.quiet")
		if i < begun {
			j, label = begun, d.base.T("radio.line.unborn")
		}
		for i >= begun && j < span && !heard[j] {
			j++
		}
		if j-i >= quietAfter {
			left, right := d.x(d.from.Add(time.Duration(i)*time.Second)), d.x(d.from.Add(time.Duration(j)*time.Second))
			q := Quiet{X: coord(left), Wide: coord(right - left)}
			if float64(len([]rune(label)))*letterWide < right-left {
				q.Label, q.LabelX = label, coord((left+right)/2)
			}
			out = append(out, q)
		}
		i = max(j, i+1)
	}
	return out
}

// ticks are the whole minutes.
func (d drawing) ticks() []Tick {
	var out []Tick
	for at := d.from.Truncate(time.Minute).Add(time.Minute); !at.After(d.to); at = at.Add(time.Minute) {
		t := Tick{X: coord(d.x(at)), Label: d.base.Words.Clock(at), Anchor: "middle"}
		if d.x(at) > lineWide-lineEdge-30 {
			t.Anchor = "end"
		}
		out = append(out, t)
	}
	return out
}

// level writes a level with its unit.
func (b Base) level(v float64, l rf.Level) string {
	if l == rf.Relative {
		return b.Words.Decimal(v, 0) + "\u00a0dB"
	}
	return b.Words.Decimal(v, 0) + "\u00a0dBm"
}

// coord writes a coordinate without needless digits.
func coord(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// Slot is half a minute of the table that says what the timeline draws.
type Slot struct {
	From  time.Time
	Stood bool // a vehicle stood at the line in some of it
}

// SlotRow is one strip of it.
type SlotRow struct {
	Label string
	Cells []SlotCell
}

// SlotCell is one kind in half a minute.
type SlotCell struct {
	Heard    bool
	Stop     string // loudest, with unit; empty: not heard there, or no level
	Upstream string
	Emitters string // most in one second; empty: the kind tells none
}

const slotLong = 30 * time.Second

func (r *Radio) slots(lr gate.LaneRadio) ([]Slot, []SlotRow) {
	n := int(r.At.Sub(r.From) / slotLong)
	slots := make([]Slot, n)
	for i := range slots {
		from := r.From.Add(time.Duration(i) * slotLong)
		slots[i] = Slot{From: from, Stood: slices.ContainsFunc(r.Vehicles, func(v RadioVehicle) bool {
			return v.From.Before(from.Add(slotLong)) && (v.Here || v.To.After(from))
		})}
	}
	var rows []SlotRow
	for _, s := range strips(lr) {
		row := SlotRow{Label: s.label(r.Base), Cells: make([]SlotCell, n)}
		loud := make([]gate.RadioSecond, n)
		for _, x := range s.second {
			i := int(s.from.Add(time.Duration(x.At)*time.Second).Sub(r.From) / slotLong)
			if i < 0 || i >= n {
				continue
			}
			row.Cells[i].Heard = true
			loud[i].Stop, loud[i].Upstream = louder(loud[i].Stop, x.Stop), louder(loud[i].Upstream, x.Upstream)
			loud[i].Emitters = max(loud[i].Emitters, x.Emitters)
		}
		for i, x := range loud {
			c := &row.Cells[i]
			if x.Stop.Known && s.level != rf.NoLevel {
				c.Stop = r.level(x.Stop.Value, s.level)
			}
			if x.Upstream.Known && s.level != rf.NoLevel {
				c.Upstream = r.level(x.Upstream.Value, s.level)
			}
			if x.Emitters > 0 {
				c.Emitters = r.Words.Count(uint64(x.Emitters))
			}
		}
		rows = append(rows, row)
	}
	return slots, rows
}
