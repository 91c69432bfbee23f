package telematics

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

//go:embed testdata/labels/labels.txt
var labelTexts string

// labelCase is one text of testdata/labels/labels.txt.
type labelCase struct {
	number, sort, truth, title string
	certain                    bool
	beside                     []string // "unit Tesla", "other Quectel"
	text                       string
}

func labelCases(t testing.TB) []labelCase {
	t.Helper()
	var out []labelCase
	for _, block := range strings.Split(labelTexts, "\n=== ")[1:] {
		head, text, _ := strings.Cut(block, "\n")
		f := strings.Split(head, "|")
		if len(f) != 6 {
			t.Fatalf("%q has %d fields, want 6", head, len(f))
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		if f[3] != "certain" && f[3] != "open" || f[3] == "certain" && f[2] == "-" {
			t.Fatalf("%q: neither certain nor open", head)
		}
		c := labelCase{number: f[0], sort: f[1], truth: f[2], certain: f[3] == "certain", title: f[5], text: strings.TrimRight(text, "\n")}
		for _, b := range strings.Split(f[4], ";") {
			if b = strings.TrimSpace(b); b != "" {
				c.beside = append(c.beside, b)
			}
		}
		out = append(out, c)
	}
	return out
}

// Every label gets its right answer: the maker where the text settles it, else
// "not certain"; a wrong maker never.
func TestLabels(t *testing.T) {
	c := catalogue(t)
	type count struct{ right, open, wrong int }
	got := map[string]*count{}
	cases := labelCases(t)
	for i, tc := range cases {
		if n := fmt.Sprintf("%03d", i+1); tc.number != n {
			t.Fatalf("label %s stands at place %s", tc.number, n)
		}
		if got[tc.sort] == nil {
			got[tc.sort] = &count{}
		}
		l := c.ReadLabel(tc.text)
		checkLabel(t, tc.text, l)
		switch {
		case l.Certain && l.Maker != tc.truth:
			got[tc.sort].wrong++
			t.Errorf("%s (%s): %s, which is WRONG, want %s\n%s\n%s", tc.number, tc.title, l.Maker, tc.truth, tc.text, sayLabel(l))
		case l.Certain:
			got[tc.sort].right++
		default:
			got[tc.sort].open++
		}
		if l.Certain != tc.certain {
			t.Errorf("%s (%s): certain %v, want %v\n%s\n%s", tc.number, tc.title, l.Certain, tc.certain, tc.text, sayLabel(l))
		}
		for _, b := range tc.beside {
			what, maker, _ := strings.Cut(b, " ")
			among := l.Units
			if what == "other" {
				among = l.Others
			}
			if !slices.ContainsFunc(among, func(f Finding) bool { return f.Maker == maker }) {
				t.Errorf("%s (%s): %s is not said\n%s\n%s", tc.number, tc.title, b, tc.text, sayLabel(l))
			}
		}
		id := c.Identify("label", tc.text)
		if tc.certain != slices.ContainsFunc(id.Makers, func(f Finding) bool { return f.names() }) {
			t.Errorf("%s (%s): as an identification %+v", tc.number, tc.title, id)
		}
	}
	if len(cases) < 200 {
		t.Errorf("%d labels, want at least 200", len(cases))
	}
	for _, s := range []string{"clean", "ocr", "several", "check"} {
		t.Logf("%-8s right %3d, not certain %3d, wrong %d", s, got[s].right, got[s].open, got[s].wrong)
	}
}

func sayLabel(l Label) string {
	var b strings.Builder
	for i := range l.Readings {
		r := &l.Readings[i]
		fmt.Fprintf(&b, "  %s %q read as %q, weight %d, mended %v, contains %v, unit's %v: %v\n", r.Kind, r.Text, r.Value, r.weight, r.Mended, r.Contains, r.unitOf, r.names())
	}
	fmt.Fprintf(&b, "  %v", l.Problems)
	return b.String()
}

// checkLabel checks what holds of every label.
func checkLabel(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string, l Label) {
	t.Helper()
	at := 0
	for i := range l.Readings {
		r := &l.Readings[i]
		if r.From < at || r.To <= r.From || r.To > len(text) || text[r.From:r.To] != r.Text {
			t.Fatalf("reading %d of %q lies at %d to %d, after %d", i, text, r.From, r.To, at)
		}
		at = r.From
		if line := 1 + strings.Count(text[:r.From], "\n"); r.Line != line {
			t.Fatalf("%q stands on line %d of %q, and %d is said", r.Text, line, text, r.Line)
		}
		if r.Kind != "maker" && !slices.Contains(Kinds[:], r.Kind) {
			t.Fatalf("kind %q", r.Kind)
		}
		if len(r.Makers) == 0 && len(r.Problems) == 0 {
			t.Fatalf("reading %q names neither maker nor problem", r.Text)
		}
	}
	if l.Certain != (l.Maker != "") || l.Mended && !l.Certain {
		t.Fatalf("certain %v, maker %q, mended %v", l.Certain, l.Maker, l.Mended)
	}
	if l.Certain {
		for _, f := range l.Modules {
			if f.Maker != l.Maker {
				t.Fatalf("certain of %s, and %s is among the modules", l.Maker, f.Maker)
			}
		}
	} else if len(l.Problems) == 0 {
		t.Fatalf("%q is not certain, and nothing says why", text)
	}
	for _, f := range append(slices.Clone(l.Modules), l.Units...) {
		if f.NotCellular {
			t.Fatalf("%s %s has no modem", f.Maker, f.Model)
		}
	}
}

// noise are the look-alikes with which labels are spoilt: more than those that
// are mended.
var noise = [...]string{"0OQDCUG689", "1IL|!7TJ", "5S$6", "8B36", "2Z7", "6GC", "4A", "EF", "PRB", "MNHW", "VYU", "KXH"}

// spoil replaces up to n letters and digits by look-alikes.
func spoil(t *rapid.T, s string, n int, classes []string) string {
	b := []byte(s)
	var places []int
	for i, c := range b {
		for _, class := range classes {
			if strings.IndexByte(class, c) >= 0 {
				places = append(places, i)
				break
			}
		}
	}
	if len(places) == 0 {
		return s
	}
	for range rapid.IntRange(1, n).Draw(t, "changes") {
		i := rapid.SampledFrom(places).Draw(t, "place")
		for _, class := range rapid.Permutation(classes).Draw(t, "classes") {
			if strings.IndexByte(class, s[i]) >= 0 {
				b[i] = rapid.SampledFrom([]byte(class)).Draw(t, "as")
				break
			}
		}
	}
	return string(b)
}

var nearNoise = []string{"0OQD", "1IL|!", "5S$", "8B", "2Z", "6G"}

// No noise of up to three look-alikes on any label of the table yields a wrong
// maker.
func TestNoiseNeverYieldsAWrongMaker(t *testing.T) {
	c := catalogue(t)
	cases := labelCases(t)
	for name, classes := range map[string][]string{"near": nearNoise, "far": noise[:]} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				tc := rapid.SampledFrom(cases).Draw(t, "label")
				text := spoil(t, tc.text, 3, classes)
				l := c.ReadLabel(text)
				checkLabel(t, text, l)
				right := []string{tc.truth}
				if tc.truth == "-" { // a text that names several, or by what settles nothing, may be read as one of them
					for _, f := range c.ReadLabel(tc.text).Modules {
						right = append(right, f.Maker)
					}
				}
				if l.Certain && !slices.Contains(right, l.Maker) {
					t.Fatalf("label %s (%s) was taken for %s, not %s:\n%s\n%s", tc.number, tc.title, l.Maker, tc.truth, text, sayLabel(l))
				}
			})
		})
	}
}

// frames are ways in which one identifier stands on a label.
var frames = map[string][]string{
	"fcc_id":   {"FCC ID: %s", "Contains FCC ID: %s", "%s", "Modem\nFCC ID %s\nCE"},
	"ic":       {"IC: %s", "Contains IC: %s", "%s"},
	"module":   {"%s", "Model: %s", "LTE module %s\nMade in P.R.C.", "telematics board, %s inside"},
	"tcu_part": {"P/N %s", "Tesla %s", "%s"},
}

// Every known identifier, alone in every frame and with every one of its
// look-alikes, and with two and three of them, names its own maker or none.
func TestEveryKnownIdentifierSpoilt(t *testing.T) {
	c := catalogue(t)
	var ids []knownID
	for _, l := range c.labels().near {
		ids = append(ids, l...)
	}
	slices.SortFunc(ids, func(a, b knownID) int { return strings.Compare(a.kind+a.value, b.kind+b.value) })
	if len(ids) < 200 {
		t.Fatalf("%d known identifiers", len(ids))
	}
	named, open := 0, 0
	check := func(id knownID, frame, value string) {
		t.Helper()
		l := c.ReadLabel(fmt.Sprintf(frame, value))
		if !l.Certain {
			open++
			return
		}
		named++
		if len(id.makers) != 1 || id.makers[0] != l.Maker {
			t.Errorf("%s %s, read as %q, was taken for %s, not %v\n%s", id.kind, id.value, value, l.Maker, id.makers, sayLabel(l))
		}
	}
	for _, id := range ids {
		for _, frame := range frames[id.kind] {
			check(id, frame, id.value)
			for i := range len(id.value) {
				for _, class := range noise {
					if strings.IndexByte(class, id.value[i]) < 0 {
						continue
					}
					for k := range len(class) {
						check(id, frame, id.value[:i]+class[k:k+1]+id.value[i+1:])
					}
				}
			}
		}
	}
	t.Logf("%d identifiers: %d times the maker, %d times not certain", len(ids), named, open)
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom(ids).Draw(t, "identifier")
		frame := rapid.SampledFrom(frames[id.kind]).Draw(t, "frame")
		value := spoil(t, strings.ToUpper(id.value), 3, noise[:])
		if l := c.ReadLabel(fmt.Sprintf(frame, value)); l.Certain && (len(id.makers) != 1 || id.makers[0] != l.Maker) {
			t.Fatalf("%s %s, read as %q, was taken for %s, not %v\n%s", id.kind, id.value, value, l.Maker, id.makers, sayLabel(l))
		}
	})
}

// Two labels pasted one under the other never settle a maker that neither
// names, and none where they name two.
func TestTwoLabels(t *testing.T) {
	c := catalogue(t)
	cases := labelCases(t)
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SampledFrom(cases).Draw(t, "a"), rapid.SampledFrom(cases).Draw(t, "b")
		l := c.ReadLabel(a.text + "\n\n" + b.text)
		la, lb := c.ReadLabel(a.text), c.ReadLabel(b.text)
		if !l.Certain {
			return
		}
		if !slices.ContainsFunc(append(slices.Clone(la.Modules), lb.Modules...), func(f Finding) bool { return f.Maker == l.Maker }) {
			t.Fatalf("%s is named by neither %s nor %s", l.Maker, a.number, b.number)
		}
		contained := strings.Contains(sayLabel(l), "contains true")
		if la.Certain && lb.Certain && la.Maker != lb.Maker && !contained {
			t.Fatalf("%s and %s name %s and %s; together %s", a.number, b.number, la.Maker, lb.Maker, l.Maker)
		}
	})
}

func TestLabelBounds(t *testing.T) {
	c := catalogue(t)
	for name, tc := range map[string]struct{ text, code string }{
		"empty":    {"", "nothing"},
		"spaces":   {" \n\t\r\n", "nothing"},
		"too long": {strings.Repeat("FCC ID: XMR2020AG525RGL\n", 1000), "too_long"},
		"bytes":    {"\xff\xfe\x00\x01", "nothing"},
	} {
		l := c.ReadLabel(tc.text)
		if l.Certain || len(l.Problems) != 1 || l.Problems[0].Code != tc.code || len(l.Readings) != 0 {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if l := c.ReadLabel("\xff\xfeFCC ID: XMR2020AG525RGL\x00\x01"); l.Maker != "Quectel" {
		t.Errorf("dirt around an id: %+v", l)
	}
}

// What was read, where and as what.
func TestReadingPlaces(t *testing.T) {
	c := catalogue(t)
	text := "FCC ID: T8GTCAM2\r\nC0ntains FCC ID: XMR2O2OAG525RGL, XMR202201AF51Y\r\nIMEI: 868759030000007\r\nE4 10R-053456 żółw 1960100"
	var got []string
	for _, r := range c.ReadLabel(text).Readings {
		got = append(got, fmt.Sprintf("%d %s %s=%s mended %v contains %v", r.Line, r.Kind, text[r.From:r.To], r.Value, r.Mended, r.Contains))
	}
	want := []string{
		"1 fcc_id T8GTCAM2=T8GTCAM2 mended false contains false",
		"2 fcc_id XMR2O2OAG525RGL=XMR2020AG525RGL mended true contains true",
		"2 fcc_id XMR202201AF51Y=XMR202201AF51Y mended false contains true",
		"3 imei 868759030000007=868759030000007 mended false contains false",
		"4 ce_type E4 10R-053456=E4 10R-053456 mended false contains false",
		"4 tcu_part 1960100=1960100 mended false contains false",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("readings (-want +got):\n%s", d)
	}
}

func FuzzReadLabel(f *testing.F) {
	for _, tc := range labelCases(f) {
		f.Add(tc.text)
	}
	f.Add("\xff\x00FCC ID:")
	f.Add("FCC\nFCC ID FCC ID\nIMEI IMEI\nIC\ncontains")
	f.Add("VID_\nUSB : 2c7c:")
	c, err := Embedded()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := c.ReadLabel(text)
		checkLabel(t, text, l)
		for _, r := range l.Readings {
			if !utf8.ValidString(r.Value) {
				t.Fatalf("%q was read as %q", r.Text, r.Value)
			}
		}
		if id := l.Identification(); !l.Certain && slices.ContainsFunc(id.Makers, func(f Finding) bool { return f.names() }) {
			t.Fatalf("not certain, and it names %+v", id.Makers)
		}
	})
}

func BenchmarkReadLabel(b *testing.B) {
	c := catalogue(b)
	c.ReadLabel("")
	for _, tc := range []struct{ name, text string }{
		{"one id", "Contains FCC ID: XMR202003AG525RGL"},
		{"mended", "FCC lD: XMR2O2OA6525RGL"},
		{"table", "TCU Tesla 1763104 -- XMR2024AG555QGL XMR202401AF68E 10224A-024AG555QGL 10224A-202401AF68E"},
		{"lid", "QUECTEL\nEC25-EUX\nQ1-A3291\nIMEI: 862708041234560\nFCC ID: XMR201605EC25A"},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.ReadLabel(tc.text)
			}
		})
	}
}

// A label that names the module which its own stands in for says nothing
// certain of its own.
func TestLabelOfAnotherModule(t *testing.T) {
	c := catalogue(t)
	for _, text := range []string{
		"Compatible with EM7455", "Replacement for EM7455", "replaces LE940B6-NA", "LTE card, equivalent to Sierra Wireless EM7455",
		"Ersatz für EM7455", "kompatibel mit EM7455", "zamiennik EM7455", "does not contain FCC ID: N7NEM7455", "not FCC ID: XMR2020AG525RGL",
	} {
		if l := c.ReadLabel(text); l.Certain {
			t.Errorf("%q: %+v", text, l.Maker)
		}
	}
	if l := c.ReadLabel("EM7455\nFCC ID: N7NEM7455"); !l.Certain {
		t.Errorf("a plain label: %+v", l)
	}
}
