package view

import (
	"fmt"
	"math"
	"strconv"
)

// Chart is a figure drawn on the server, with the same numbers as a table
// beside it: nothing is told by the picture alone. It is drawn without script,
// and prints.
type Chart struct {
	Base
	ID     string // unique on its page, of letters and digits
	Title  string // in the page's language, like all texts of it
	About  string // one sentence for who cannot see it; also its caption
	Rows   string // what the points along the axis are: hour, maker, shift
	Unit   string // of the values, after the numbers of the axis; may be empty
	Digits int    // after the decimal mark
	Kind   ChartKind
	Points []string // along the axis, oldest or largest first
	Series []Series // each as long as Points
}

// ChartKind is how a chart is drawn.
type ChartKind uint8

// The kinds of charts.
const (
	Columns ChartKind = iota // stacked, time from left to right
	Lines                    // one line a series, time from left to right
	Bars                     // stacked, one row a point, for names
)

// Series is one row of numbers. A NaN is a value that is not known: it is left
// out of the picture and a word in the table.
type Series struct {
	Name   string
	Tone   string // grant, flag, deny, or one, two, three, four
	Values []float64
}

// Size of the picture in its own units; it scales to the page.
const (
	chartWidth  = 1200
	chartHeight = 360
	chartLeft   = 70
	chartRight  = 16
	chartTop    = 14
	chartBottom = 44
	barHeight   = 34
	barLeft     = 300
)

// ChartMark is one rectangle or line of a chart.
type ChartMark struct {
	X, Y, W, H string
	Tone       string
	Points     string // of a line
	Says       string // on it, for a pointer that rests there
}

// ChartTick is a line of the grid or a label of an axis.
type ChartTick struct {
	X, Y, Label string
}

// Empty says that there is nothing to draw.
func (c Chart) Empty() bool {
	if len(c.Points) == 0 {
		return true
	}
	for _, s := range c.Series {
		for _, v := range s.Values {
			if !math.IsNaN(v) {
				return false
			}
		}
	}
	return true
}

// Sideways says that the bars lie.
func (c Chart) Sideways() bool { return c.Kind == Bars }

// Height of the picture.
func (c Chart) Height() int {
	if c.Kind == Bars {
		return len(c.Points)*barHeight + chartTop + chartBottom
	}
	return chartHeight
}

// Width of the picture.
func (Chart) Width() int { return chartWidth }

// top is the value at the end of the axis: the largest, rounded up to 1, 2 or 5
// times a power of ten, and never nothing.
func (c Chart) top() float64 {
	most := 0.0
	for i := range c.Points {
		sum := 0.0
		for _, s := range c.Series {
			v := s.at(i)
			if math.IsNaN(v) {
				continue
			}
			if c.Kind == Lines {
				most = max(most, v)
			}
			sum += max(0, v)
		}
		if c.Kind != Lines {
			most = max(most, sum)
		}
	}
	if most <= 0 || math.IsInf(most, 0) {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, f := range [...]float64{1, 2, 5, 10} {
		if f*unit >= most {
			most = f * unit
			break
		}
	}
	if c.Digits == 0 {
		most = max(most, 1)
	}
	return most
}

func (s Series) at(i int) float64 {
	if i >= len(s.Values) {
		return math.NaN()
	}
	return s.Values[i]
}

// span is where the values lie along their axis, in the picture's units.
func (c Chart) span() (from, length float64) {
	if c.Kind == Bars {
		return barLeft, chartWidth - barLeft - 70
	}
	return chartHeight - chartBottom, chartHeight - chartBottom - chartTop
}

func px(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// Marks are the columns, bars or lines.
func (c Chart) Marks() []ChartMark {
	if c.Empty() {
		return nil
	}
	if c.Kind == Lines {
		return c.lines()
	}
	var out []ChartMark
	from, length := c.span()
	top := c.top()
	wide := (chartWidth - chartLeft - chartRight) / float64(len(c.Points))
	for i, p := range c.Points {
		done := 0.0
		for _, s := range c.Series {
			v := s.at(i)
			if math.IsNaN(v) || v <= 0 {
				continue
			}
			size := v / top * length
			m := ChartMark{Tone: s.Tone, Says: fmt.Sprintf("%s · %s: %s", p, s.Name, c.value(v))}
			if c.Kind == Bars {
				m.X, m.Y, m.W, m.H = px(from+done), px(chartTop+float64(i)*barHeight+5), px(size), px(barHeight-10)
			} else {
				m.X, m.Y, m.W, m.H = px(chartLeft+(float64(i)+.12)*wide), px(from-done-size), px(wide*.76), px(size)
			}
			done += size
			out = append(out, m)
		}
	}
	return out
}

// lines draws each series from point to point; where a value is not known the
// line is broken.
func (c Chart) lines() []ChartMark {
	var out []ChartMark
	for _, s := range c.Series {
		var run string
		flush := func() {
			if run != "" {
				out = append(out, ChartMark{Tone: s.Tone, Points: run, Says: s.Name})
			}
			run = ""
		}
		for i := range c.Points {
			v := s.at(i)
			if math.IsNaN(v) {
				flush()
				continue
			}
			if run != "" {
				run += " "
			}
			run += c.x(i) + "," + c.y(v)
		}
		flush()
	}
	return out
}

// Dots are the points of lines, each with what it says: a point between two
// unknown ones has no line.
func (c Chart) Dots() []ChartMark {
	if c.Kind != Lines {
		return nil
	}
	var out []ChartMark
	for _, s := range c.Series {
		for i, p := range c.Points {
			if v := s.at(i); !math.IsNaN(v) {
				out = append(out, ChartMark{X: c.x(i), Y: c.y(v), Tone: s.Tone, Says: fmt.Sprintf("%s · %s: %s", p, s.Name, c.value(v))})
			}
		}
	}
	return out
}

func (c Chart) x(i int) string {
	wide := (chartWidth - chartLeft - chartRight) / float64(len(c.Points))
	return px(chartLeft + (float64(i)+.5)*wide)
}

func (c Chart) y(v float64) string {
	from, length := c.span()
	return px(from - max(0, v)/c.top()*length)
}

// Scale is the axis of the values: five labels with their lines.
func (c Chart) Scale() []ChartTick {
	if c.Empty() {
		return nil
	}
	var out []ChartTick
	from, length := c.span()
	top := c.top()
	steps := 4
	if c.Digits == 0 && top < 4 {
		steps = int(top)
	}
	for i := range steps + 1 {
		part := float64(i) / float64(steps)
		t := ChartTick{Label: c.value(top * part)}
		if c.Kind == Bars {
			t.X, t.Y = px(from+part*length), px(float64(c.Height()-chartBottom+22))
		} else {
			t.X, t.Y = px(chartLeft-10), px(from-part*length)
		}
		out = append(out, t)
	}
	return out
}

// Along is the axis of the points: of times at most twelve labels, of names all.
func (c Chart) Along() []ChartTick {
	if c.Empty() {
		return nil
	}
	var out []ChartTick
	every := 1
	if c.Kind != Bars {
		every = (len(c.Points) + 11) / 12
	}
	for i, p := range c.Points {
		if i%every != 0 {
			continue
		}
		t := ChartTick{Label: p}
		if c.Kind == Bars {
			if r := []rune(p); len(r) > 34 {
				t.Label = string(r[:33]) + "…"
			}
			t.X, t.Y = px(barLeft-12), px(chartTop+(float64(i)+.5)*barHeight)
		} else {
			t.X, t.Y = c.x(i), px(chartHeight-chartBottom+26)
		}
		out = append(out, t)
	}
	return out
}

func (c Chart) value(v float64) string {
	if math.IsNaN(v) {
		return c.T("chart.unknown")
	}
	s := c.Words.Decimal(v, c.Digits)
	if c.Digits == 0 && v >= 0 {
		s = c.Words.Count(uint64(math.Round(v)))
	}
	if c.Unit != "" {
		s += "\u00a0" + c.Unit
	}
	return s
}

// Table is the same in numbers: a row a point.
func (c Chart) Table() []ChartRow {
	out := make([]ChartRow, len(c.Points))
	for i, p := range c.Points {
		out[i].Name = p
		for _, s := range c.Series {
			out[i].Values = append(out[i].Values, c.value(s.at(i)))
		}
	}
	return out
}

// ChartRow is one row of a chart's table.
type ChartRow struct {
	Name   string
	Values []string
}
