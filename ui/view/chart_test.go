package view

import (
	"encoding/xml"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestChartTop(t *testing.T) {
	for _, x := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{0}, 1}, {[]float64{1}, 1}, {[]float64{3}, 5}, {[]float64{7}, 10}, {[]float64{10}, 10}, {[]float64{11}, 20},
		{[]float64{412}, 500}, {[]float64{math.NaN(), 2}, 2}, {[]float64{-5}, 1},
	} {
		c := Chart{Points: make([]string, len(x.values)), Series: []Series{{Values: x.values}}}
		if got := c.top(); got != x.want {
			t.Errorf("%v: %v, want %v", x.values, got, x.want)
		}
	}
}

var (
	coordinate = regexp.MustCompile(`\b(x|y|width|height|cx|cy)="(-?[0-9.]+)"`)
	svgElement = regexp.MustCompile(`(?s)<svg class="timeline".*?</svg>`)
)

// Whatever the numbers, the picture stays on its paper, is well formed, and the
// table has every one of them, the unknown as a word.
func TestChartStaysOnItsPaper(t *testing.T) {
	set, err := Parse()
	if err != nil {
		t.Fatal(err)
	}
	b := base(t, "pl")
	rapid.Check(t, func(t *rapid.T) {
		c := Chart{Base: b, ID: "c1", Title: "Wjazdy <i>na godzinę</i>", About: "ą & ż", Rows: "h", Kind: ChartKind(rapid.IntRange(0, 2).Draw(t, "kind")), Digits: rapid.IntRange(0, 2).Draw(t, "digits"), Unit: rapid.SampledFrom([]string{"", "s"}).Draw(t, "unit")}
		n := rapid.IntRange(0, 40).Draw(t, "points")
		for i := range n {
			c.Points = append(c.Points, strings.Repeat("x", i)+rapid.StringMatching(`[a-z<>&"]{0,4}`).Draw(t, "name"))
		}
		unknown := 0
		for _, tone := range []string{"grant", "flag", "deny", "two"}[:rapid.IntRange(1, 4).Draw(t, "series")] {
			s := Series{Name: "n " + tone, Tone: tone}
			for range n {
				v := rapid.OneOf(rapid.Float64Range(-3, 1e6), rapid.Just(math.NaN()), rapid.Just(0.0)).Draw(t, "value")
				if math.IsNaN(v) {
					unknown++
				}
				s.Values = append(s.Values, v)
			}
			c.Series = append(c.Series, s)
		}
		html, err := set.execute("gallery", "chart", c)
		if err != nil {
			t.Fatal(err)
		}
		if c.Empty() {
			if !strings.Contains(string(html), b.T("chart.none")) {
				t.Fatal("an empty chart does not say so")
			}
			return
		}
		svg := svgElement.FindString(string(html))
		if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
		for _, m := range coordinate.FindAllStringSubmatch(svg, -1) {
			v, err := strconv.ParseFloat(m[2], 64)
			limit := float64(chartWidth)
			if m[1] == "y" || m[1] == "cy" || m[1] == "height" {
				limit = float64(c.Height())
			}
			if err != nil || v < 0 || v > limit+.1 {
				t.Fatalf("%s is off the paper of height %d", m[0], c.Height())
			}
		}
		if got := strings.Count(string(html), `<td class="num">`+b.T("chart.unknown")+`</td>`); got != unknown {
			t.Fatalf("the table has %d unknown values, there are %d", got, unknown)
		}
		if got := strings.Count(string(html), `<th scope="row">`); got != n {
			t.Fatalf("the table has %d rows, there are %d", got, n)
		}
	})
}

// Columns stand on each other without gaps, and together are as high as the sum.
func TestChartStacks(t *testing.T) {
	c := Chart{Base: base(t, "en"), Points: []string{"08:00", "09:00"}, Series: []Series{
		{Name: "Grant", Tone: "grant", Values: []float64{30, 0}}, {Name: "Deny", Tone: "deny", Values: []float64{10, 50}}}}
	marks := c.Marks()
	if len(marks) != 3 {
		t.Fatalf("%d marks", len(marks))
	}
	if marks[0].Says != "08:00 · Grant: 30" || marks[0].H != "181.2" || marks[1].H != "60.4" || marks[2].H != "302.0" || marks[1].Y != "74.4" {
		t.Errorf("%+v", marks)
	}
	if s := c.Scale(); len(s) != 5 || s[0].Label != "0" || s[4].Label != "50" {
		t.Errorf("%+v", s)
	}
	c.Kind = Lines
	c.Series[0].Values = []float64{math.NaN(), 4}
	if m := c.Marks(); len(m) != 2 || len(c.Dots()) != 3 {
		t.Errorf("%+v %+v", m, c.Dots())
	}
}
