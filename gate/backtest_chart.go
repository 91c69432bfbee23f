package gate

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
	"time"

	"sallyport/policy"
)

// maxBars bounds the periods of a chart: more days than these are drawn by the
// week, more weeks by the month, more months by the year.
const maxBars = 31

// The periods of a chart.
const (
	perDay   = "day"
	perWeek  = "week"
	perMonth = "month"
	perYear  = "year"
)

// Periods are the days of the report, put together to weeks (named by their
// Monday), months or years where there are more than a chart can show; per is
// which.
func (r *BacktestReport) Periods() (list []BacktestGroup, per string) {
	for _, p := range []struct {
		per  string
		name func(day string) string
	}{
		{perDay, func(day string) string { return day }},
		{perWeek, monday},
		{perMonth, func(day string) string { return day[:len("2006-01")] }},
		{perYear, func(day string) string { return day[:len("2006")] }},
	} {
		list, per = together(r.Days, p.name), p.per
		if len(list) <= maxBars {
			break
		}
	}
	return list, per
}

func monday(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.AddDate(0, 0, -(int(t.Weekday())+6)%7).Format(time.DateOnly)
}

// together adds up neighbouring days of one name.
func together(days []BacktestGroup, name func(string) string) (out []BacktestGroup) {
	for _, d := range days {
		d.Name = name(d.Name)
		if n := len(out); n == 0 || out[n-1].Name != d.Name {
			out = append(out, d)
			continue
		}
		g := &out[len(out)-1]
		g.Judged += d.Judged
		g.Before, g.After = g.Before.plus(d.Before), g.After.plus(d.After)
		g.Stricter += d.Stricter
		g.Milder += d.Milder
	}
	return out
}

func (c BacktestCounts) plus(o BacktestCounts) BacktestCounts {
	return BacktestCounts{c.Grant + o.Grant, c.Flag + o.Flag, c.Deny + o.Deny}
}

// The measures of a chart, in units of its view box: an A4 page on its side has
// the same proportions.
const (
	chartWide  = 1120
	chartLeft  = 60
	chartRight = 640 // of the bars; the table begins tableGap further on
	chartTop   = 92
	chartFoot  = 640
	tableGap   = 40
	tableRow   = 17
	chartHigh  = 760
)

// Chart draws how many arrived, stacked by outcome, before and under the draft,
// as SVG, with the same numbers as a table beside it. It is made to be printed:
// without colour the outcomes differ by their pattern. The same report gives the
// same bytes.
func (r *BacktestReport) Chart() []byte {
	list, per := r.Periods()
	var b bytes.Buffer
	text := func(x, y float64, attrs, format string, args ...any) {
		fmt.Fprintf(&b, `<text x="%s" y="%s"%s>%s</text>`+"\n", coord(x), coord(y), attrs, html.EscapeString(fmt.Sprintf(format, args...)))
	}
	title := fmt.Sprintf("Arrivals per %s by outcome, before and under %s", per, r.Draft)
	if r.Of == SubjectVehicles {
		title = fmt.Sprintf("Registered vehicles by outcome, now and under %s", r.Draft)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#111">
<title id="t">%s</title>
<desc id="d">%s</desc>
<defs>
<pattern id="flag" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#f7e3a8"/><rect width="2.4" height="6" fill="#8a6a00"/></pattern>
</defs>
<rect width="%d" height="%d" fill="#fff"/>
`, chartWide, chartHigh, html.EscapeString(title), html.EscapeString(r.Words()), chartWide, chartHigh)
	text(20, 30, ` font-size="19" font-weight="bold"`, "%s", title)
	text(20, 52, "", "%s", r.Words())
	if r.Partial {
		text(20, 70, ` font-weight="bold"`, "Stopped before the end: these are the first of all.")
	}
	r.chartBars(&b, list, text)
	chartTable(&b, list, per, text)
	note := fmt.Sprintf("Draft %s, sha256 %.12s; supply edition %s.", r.Draft, r.DraftHash, r.Supply)
	if r.Erased > 0 {
		note += fmt.Sprintf(" %d passages were erased by retention and are not counted.", r.Erased)
	}
	text(20, chartHigh-14, ` font-size="11" fill="#444"`, "%s", note)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// coord writes a coordinate without needless digits.
func coord(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

// outcomeFill is how an outcome is filled.
func outcomeFill(o policy.Outcome) string {
	switch o {
	case policy.Grant:
		return "#e4ede0"
	case policy.Deny:
		return "#5a1a1a"
	default:
		return "url(#flag)"
	}
}

func (r *BacktestReport) chartBars(b *bytes.Buffer, list []BacktestGroup, text func(x, y float64, attrs, format string, args ...any)) {
	rect := func(x, y, w, h float64, o policy.Outcome) {
		fmt.Fprintf(b, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s" stroke="#111" stroke-width="0.7"/>`+"\n", coord(x), coord(y), coord(w), coord(h), outcomeFill(o))
	}
	x := float64(chartLeft)
	for _, o := range []policy.Outcome{policy.Grant, policy.Flag, policy.Deny} {
		rect(x, chartTop-14, 16, 11, o)
		text(x+21, chartTop-4, "", "%s", o)
		x += 72
	}
	text(x+8, chartTop-4, ` fill="#444"`, "left bar: before; right bar: under the draft")
	most := 1
	for _, g := range list {
		most = max(most, g.Judged)
	}
	top, step := niceTop(most)
	high := float64(chartFoot - chartTop - 10)
	for v := 0; v <= top; v += step {
		y := chartFoot - high*float64(v)/float64(top)
		fmt.Fprintf(b, `<line x1="%d" y1="%s" x2="%d" y2="%s" stroke="#ccc" stroke-width="0.7"/>`+"\n", chartLeft, coord(y), chartRight, coord(y))
		text(chartLeft-6, y+4, ` text-anchor="end" font-size="11"`, "%d", v)
	}
	if len(list) == 0 {
		return
	}
	slot := float64(chartRight-chartLeft) / float64(len(list))
	wide := min(slot*0.38, 40)
	label := (len(list) + 15) / 16
	for i, g := range list {
		mid := chartLeft + slot*(float64(i)+0.5)
		for k, c := range []BacktestCounts{g.Before, g.After} {
			left, y := mid-wide+float64(k)*wide, float64(chartFoot)
			for _, o := range []policy.Outcome{policy.Grant, policy.Flag, policy.Deny} {
				if n := *c.of(o); n > 0 {
					h := high * float64(n) / float64(top)
					y -= h
					rect(left, y, wide, h, o)
				}
			}
		}
		if i%label == 0 {
			text(0, 0, fmt.Sprintf(` text-anchor="end" font-size="11" transform="translate(%s %d) rotate(-45)"`, coord(mid+4), chartFoot+16), "%s", g.Name)
		}
	}
	fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#111"/>`+"\n", chartLeft, chartFoot, chartRight, chartFoot)
}

// niceTop is the end of an axis for numbers up to n, and the step of its marks.
func niceTop(n int) (top, step int) {
	step = 1
	for _, k := range []int{2, 5, 10} {
		if n <= step*8 {
			break
		}
		step = k
	}
	for base := 10; n > step*8; base *= 10 {
		for _, k := range []int{1, 2, 5} {
			if step = base * k; n <= step*8 {
				break
			}
		}
	}
	return (n + step - 1) / step * step, step
}

// chartTable writes the numbers of the bars. Its last row is the sum of all.
func chartTable(b *bytes.Buffer, list []BacktestGroup, per string, text func(x, y float64, attrs, format string, args ...any)) {
	const left = chartRight + tableGap
	columns := []float64{left + 130, left + 180, left + 230, left + 295, left + 345, left + 395}
	text(columns[1], chartTop-14, ` text-anchor="middle" font-weight="bold"`, "before")
	text(columns[4], chartTop-14, ` text-anchor="middle" font-weight="bold"`, "under the draft")
	y := float64(chartTop) + 4
	row := func(name, weight string, cells [6]string) {
		text(left, y, weight, "%s", name)
		for i, c := range cells {
			text(columns[i], y, weight+` text-anchor="end"`, "%s", c)
		}
		y += tableRow
	}
	row(per, ` font-weight="bold"`, [6]string{"grant", "flag", "deny", "grant", "flag", "deny"})
	fmt.Fprintf(b, `<line x1="%d" y1="%s" x2="%s" y2="%s" stroke="#111"/>`+"\n", left, coord(y-12.5), coord(columns[5]), coord(y-12.5))
	var sum BacktestGroup
	numbers := func(g BacktestGroup) (cells [6]string) {
		for i, n := range []int{g.Before.Grant, g.Before.Flag, g.Before.Deny, g.After.Grant, g.After.Flag, g.After.Deny} {
			cells[i] = strconv.Itoa(n)
		}
		return cells
	}
	for i, g := range list {
		sum.Before, sum.After = sum.Before.plus(g.Before), sum.After.plus(g.After)
		// Of more rows than the page takes, which only years can be, the first
		// stand in the sum alone.
		if i >= len(list)-maxBars {
			row(g.Name, "", numbers(g))
		}
	}
	fmt.Fprintf(b, `<line x1="%d" y1="%s" x2="%s" y2="%s" stroke="#111"/>`+"\n", left, coord(y-12.5), coord(columns[5]), coord(y-12.5))
	row("all", ` font-weight="bold"`, numbers(sum))
}
