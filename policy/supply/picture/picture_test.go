package picture

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sallyport/policy/supply"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func day(s string) time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return d
}

func embedded(t testing.TB) *supply.Graph {
	t.Helper()
	g, err := supply.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// open makes a graph of parties and owned_by edges.
func open(t testing.TB, f supply.File) *supply.Graph {
	t.Helper()
	f.Edition = "2026-01-01.test"
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	g, err := supply.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func draw(t testing.TB, c Chain) string {
	t.Helper()
	b, err := Draw(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestGolden holds pictures and tables that were looked at. The data's edition
// is left out, because most of its changes touch none of them.
func TestGolden(t *testing.T) {
	g := embedded(t)
	for _, c := range []struct{ party, day string }{
		{"rolling_brand", "2026-11-22"}, {"rolling_lux", "2024-07-25"}, {"rolling_lux", "2024-07-26"}, {"smart", "2026-11-22"},
		{"mercedes", "2026-11-22"}, {"netprisma", "2026-11-22"}, {"eagle_electronics", "2026-11-22"}, {"telit_auto", "2026-11-22"},
	} {
		chain, err := Gather(g, c.party, day(c.day))
		if err != nil {
			t.Fatal(err)
		}
		chain.Edition = "test"
		for ext, got := range map[string]string{".svg": draw(t, chain), ".md": chain.Markdown()} {
			name := filepath.Join("testdata", c.party+"-"+c.day+ext)
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatalf("%v (run the test with -update and look at the picture)", err)
			}
			if got != string(want) {
				t.Errorf("%s has changed (run the test with -update and look at the picture)", name)
			}
		}
	}
}

// texts reads the texts of a picture and fails where it is not well formed, or
// holds anything that a script, a style or another address could stand in.
func texts(t testing.TB, svg string) []string {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	allowed := map[string]bool{"svg": true, "title": true, "desc": true, "rect": true, "text": true, "g": true, "path": true}
	var out []string
	var open []string
	for {
		k, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v\n%s", err, svg)
		}
		switch e := k.(type) {
		case xml.StartElement:
			if !allowed[e.Name.Local] {
				t.Fatalf("the element %q", e.Name.Local)
			}
			open = append(open, e.Name.Local)
			for _, a := range e.Attr {
				if n := a.Name.Local; n == "style" || n == "href" || strings.HasPrefix(n, "on") {
					t.Fatalf("the attribute %q", n)
				}
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 && open[len(open)-1] != "svg" && open[len(open)-1] != "g" {
				out = append(out, string(e))
			}
		}
	}
	return out
}

func TestShowsTheChain(t *testing.T) {
	g := embedded(t)
	for _, c := range []struct {
		party, day string
		shows      []string
		not        []string
	}{
		{"rolling_lux", "2026-11-22", []string{"EUROPASOLAR S.à r.l.", "owns 100 %", "from 2024-07-26 (press)", "owner unresolved", "shares engineering"}, nil},
		{"netprisma", "2026-11-22", []string{"Quectel Wireless", "shares engineering", "named by the US"}, nil},
		{"quectel", "2025-01-06", nil, []string{"named by"}},
		{"quectel", "2025-01-07", []string{"edition of 2025-01-07"}, nil},
		{"byd", "2026-02-13", nil, []string{"named by"}},
		{"byd", "2026-06-08", []string{"1260H", "edition of 2026-06-08"}, nil},
		{"fibocom", "2026-11-22", nil, []string{"named by"}},
		{"telit_cinterion", "2026-11-22", []string{"published fault: cve-2023-47610"}, []string{"trusted"}},
	} {
		chain, err := Gather(g, c.party, day(c.day))
		if err != nil {
			t.Fatal(err)
		}
		svg := draw(t, chain)
		drawn := strings.Join(texts(t, svg), "\n")
		flat := strings.Join(strings.Fields(drawn), " ")
		table := chain.Markdown()
		for _, s := range c.shows {
			if !strings.Contains(flat, s) {
				t.Errorf("%s on %s does not show %q:\n%s", c.party, c.day, s, drawn)
			}
		}
		for _, s := range c.not {
			if strings.Contains(flat, s) || strings.Contains(table, s) {
				t.Errorf("%s on %s shows %q", c.party, c.day, s)
			}
		}
	}
}

// Nothing drawn or tabled says that Fibocom is on the 1260H list, or that the
// FCC banned a maker of modules.
func TestNeverDrawn(t *testing.T) {
	g := embedded(t)
	banned := regexp.MustCompile(`(?i)fcc[- ]?banned|banned by the fcc`)
	for _, d := range []string{"2020-06-01", "2024-07-25", "2025-01-07", "2026-02-13", "2026-06-08", "2026-11-22"} {
		for _, p := range g.Parties() {
			c, err := Gather(g, p.ID, day(d))
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.Boxes {
				b := &c.Boxes[i]
				for _, m := range b.Marks {
					if strings.Contains(m.Text, "1260H") && (b.ID == "fibocom" || strings.HasPrefix(b.ID, "rolling")) {
						t.Errorf("%s on %s: %s", b.ID, d, m.Text)
					}
					if strings.Contains(m.Text, "FCC") && (b.ID == "fibocom" || b.ID == "quectel") {
						t.Errorf("%s on %s: %s", b.ID, d, m.Text)
					}
				}
			}
			if m := banned.FindString(c.Markdown()); m != "" {
				t.Errorf("%s on %s: %q", p.ID, d, m)
			}
		}
	}
}

// The table holds every statement of the picture with its source.
func TestTableSaysTheSame(t *testing.T) {
	g := embedded(t)
	for _, p := range g.Parties() {
		c, err := Gather(g, p.ID, day("2026-11-22"))
		if err != nil {
			t.Fatal(err)
		}
		says := 0
		for _, l := range c.Lines {
			says += len(l.Says)
		}
		marks := 0
		for _, b := range c.Boxes {
			marks += len(b.Marks)
		}
		rows := c.Rows()
		if want := says + marks + len(c.Boxes); len(rows) != want {
			t.Errorf("%s: %d rows for %d boxes, %d marks and %d statements", p.ID, len(rows), len(c.Boxes), marks, says)
		}
		for _, r := range rows {
			if r.Source == "" && r.Says != "owners not known" {
				t.Errorf("%s: no source: %+v", p.ID, r)
			}
		}
		if n := strings.Count(c.Markdown(), "\n| "); n != len(rows)+1 {
			t.Errorf("%s: %d lines of table for %d rows", p.ID, n, len(rows))
		}
	}
}

func TestHostileNames(t *testing.T) {
	src := supply.Ref{Source: "s", Certainty: "official"}
	names := []string{
		"</text><script>alert(1)</script>", "\"><image href=\"http://example.org/x\"/>", "a\u202egnp.exe", "zero\u200bwidth\u2066x", "line\nend | cell",
		strings.Repeat("Long", 3000), strings.Repeat("多", 500), "]]>&amp;<!-- ", "\x01\x02 control", strings.Repeat("W ", 4000), "![x](http://example.org)",
	}
	// A graph with such names is refused where it is read; what draws does not
	// count on that.
	f := supply.File{}
	var hostile []string
	for i, n := range names {
		standIn := fmt.Sprintf("name-%d-", i)
		js, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		hostile = append(hostile, standIn, string(js[1:len(js)-1]))
		n = standIn
		f.Parties = append(f.Parties, supply.Party{ID: fmt.Sprint("p", i), Name: n, Kind: "company", Unresolved: n, Ref: src})
		if i > 0 {
			f.Edges = append(f.Edges, supply.Edge{ID: fmt.Sprint("e", i), From: "p0", To: fmt.Sprint("p", i), Kind: supply.OwnedBy, Since: "2024", Ref: supply.Ref{Source: n, Quote: n, Certainty: "press"}})
		}
	}
	c, err := Gather(open(t, f), "p0", day("2026-01-01"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	c = Chain{}
	if err := json.Unmarshal([]byte(strings.NewReplacer(hostile...).Replace(string(b))), &c); err != nil {
		t.Fatal(err)
	}
	if c.Name != names[0] || c.Boxes[0].Name != names[0] || len(c.Boxes) != len(names) {
		t.Fatalf("%+v", c.Boxes)
	}
	svg := draw(t, c)
	for _, s := range texts(t, svg) {
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\u202e\u2066\u200b\x01") {
			t.Errorf("drawn: %q", s)
		}
	}
	if strings.Contains(svg, "<script") || strings.Contains(svg, "<image") {
		t.Error("a name became an element")
	}
	if n := len(svg); n > 200_000 {
		t.Errorf("%d bytes", n)
	}
	md := c.Markdown()
	if strings.Contains(md, "<script") || strings.Contains(md, "![x](") || strings.Count(md, "\n| ") != len(c.Rows())+1 {
		t.Error("a name left its cell")
	}
	p, err := layout("TB", c.Lines, shapes(&c), labelShapes(&c))
	if err != nil {
		t.Fatal(err)
	}
	checkPlan(t, &c, p)
}

func shapes(c *Chain) (out []shape) {
	for i := range c.Boxes {
		out = append(out, boxShape(&c.Boxes[i]))
	}
	out[0].frame = 4
	return out
}

func labelShapes(c *Chain) (out []shape) {
	for i := range c.Lines {
		out = append(out, labelShape(&c.Lines[i]))
	}
	return out
}

// checkPlan holds what a reader needs: no box or label lies on another, and no
// line runs behind a box that is none of its ends.
func checkPlan(t testing.TB, c *Chain, p *plan) {
	t.Helper()
	overlap := func(a, b *shape) bool {
		return a.x+a.w/2 > b.x-b.w/2+1 && b.x+b.w/2 > a.x-a.w/2+1 && a.y+a.h/2 > b.y-b.h/2+1 && b.y+b.h/2 > a.y-a.h/2+1
	}
	all := append(pointers(p.boxes), pointers(p.labels)...)
	for i, a := range all {
		if a.x-a.w/2 < 0 || a.y-a.h/2 < 0 || a.x+a.w/2 > p.w+1 || a.y+a.h/2 > p.h+1 {
			t.Errorf("box or label %d stands outside: %+v of %v × %v", i, *a, p.w, p.h)
		}
		for j := range i {
			if overlap(a, all[j]) {
				t.Errorf("%q lies on %q", a.lines[0].s, all[j].lines[0].s)
			}
		}
	}
	for i, r := range p.routes {
		at := r.start
		for _, s := range r.path {
			for k := range 21 {
				q := s.point(at, float64(k)/20)
				for b := range p.boxes {
					box := &p.boxes[b]
					if b != c.Lines[i].Above && b != c.Lines[i].Below && q.x > box.x-box.w/2+1 && q.x < box.x+box.w/2-1 && q.y > box.y-box.h/2+1 && q.y < box.y+box.h/2-1 {
						t.Errorf("line %d runs behind %q at %v", i, box.lines[0].s, q)
					}
				}
			}
			at = s.to
		}
		if len(r.path) == 0 {
			t.Errorf("line %d is not drawn", i)
		}
	}
}

func pointers(s []shape) (out []*shape) {
	for i := range s {
		out = append(out, &s[i])
	}
	return out
}

// point is the place at share f of a step that begins at from.
func (s *step) point(from point, f float64) point {
	if !s.curved {
		return point{from.x + f*(s.to.x-from.x), from.y + f*(s.to.y-from.y)}
	}
	mix := func(a, b, c, d float64) float64 {
		e := 1 - f
		return e*e*e*a + 3*e*e*f*b + 3*e*f*f*c + f*f*f*d
	}
	return point{mix(from.x, s.c1.x, s.c2.x, s.to.x), mix(from.y, s.c1.y, s.c2.y, s.to.y)}
}

// random makes a graph of n parties in which owners go in circles now and then.
func random(t testing.TB, seed uint64, n, edges int) *supply.Graph {
	r := rand.New(rand.NewPCG(seed, 1))
	src := supply.Ref{Source: "s", Certainty: "official"}
	f := supply.File{}
	for i := range n {
		f.Parties = append(f.Parties, supply.Party{ID: fmt.Sprint("p", i), Name: fmt.Sprintf("Party number %d %s", i, strings.Repeat("Holding ", r.IntN(8))), Kind: "company", Ref: src})
	}
	for i := range edges {
		a, b := i, r.IntN(max(i, 1))
		if i == 0 || i >= n {
			a, b = r.IntN(n), r.IntN(n)
		}
		share := float64(r.IntN(101))
		f.Edges = append(f.Edges, supply.Edge{ID: fmt.Sprint("e", i), From: fmt.Sprint("p", b), To: fmt.Sprint("p", a), Kind: supply.OwnedBy, Share: &share, Since: "2020", Ref: src})
	}
	return open(t, f)
}

func TestManyParties(t *testing.T) {
	for seed := range uint64(6) {
		n := 5 + int(seed)*7
		c, err := Gather(random(t, seed, n, n+int(seed)), "p0", day("2026-01-01"))
		if err != nil {
			t.Fatal(err)
		}
		texts(t, draw(t, c))
		for _, dir := range []string{"TB", "LR"} {
			p, err := layout(dir, c.Lines, shapes(&c), labelShapes(&c))
			if err != nil {
				t.Fatal(err)
			}
			checkPlan(t, &c, p)
		}
	}
	c, err := Gather(random(t, 9, 400, 500), "p0", day("2026-01-01"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Boxes) != MaxParties || c.LeftOut == 0 {
		t.Fatalf("%d drawn, %d left out", len(c.Boxes), c.LeftOut)
	}
	says := fmt.Sprintf("%d more parties stand behind it and are not drawn", c.LeftOut)
	if !strings.Contains(strings.Join(strings.Fields(strings.Join(texts(t, draw(t, c)), " ")), " "), says) || !strings.Contains(c.Markdown(), says) {
		t.Error("nobody says how many are left out")
	}
}

func TestSameChainSameBytes(t *testing.T) {
	g := random(t, 3, 20, 26)
	var first []byte
	for range 3 {
		c, err := Gather(g, "p0", day("2026-01-01"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := Draw(c)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if !bytes.Equal(b, first) {
			t.Fatal("another picture")
		}
	}
}

func TestRefusesWhatCannotBeDrawn(t *testing.T) {
	if _, err := Gather(embedded(t), "nobody", day("2026-01-01")); err == nil {
		t.Error("nobody was found")
	}
	for name, c := range map[string]Chain{
		"no party":      {},
		"too many":      {Boxes: make([]Box, MaxParties+1)},
		"a line astray": {Boxes: make([]Box, 1), Lines: []Line{{Above: 1, Says: make([]Statement, 1)}}},
		"a mute line":   {Boxes: make([]Box, 2), Lines: []Line{{Above: 1}}},
	} {
		if _, err := Draw(c); err == nil {
			t.Errorf("%s: drawn", name)
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	for _, n := range []int{8, MaxParties} {
		c, err := Gather(random(b, 5, n, n+n/5), "p0", day("2026-01-01"))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(len(c.Boxes), "parties"), func(b *testing.B) {
			for b.Loop() {
				if _, err := Draw(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
