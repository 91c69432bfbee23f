package vin_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"sallyport/vin"
)

// shared is the path of a file of reference data beside the repository; the
// test is skipped where it is not there.
func shared(tb testing.TB, elem ...string) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			tb.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(append([]string{dir, "..", "shared"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("SKIPPED, REFERENCE DATA IS MISSING: %s", path)
	}
	return path
}

// lines reads a file of JSON lines.
func lines[T any](tb testing.TB, path string) []T {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var out []T
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if len(strings.TrimSpace(sc.Text())) == 0 {
			continue
		}
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		out = append(out, v)
	}
	if err := sc.Err(); err != nil {
		tb.Fatal(err)
	}
	return out
}

func index(tb testing.TB) *vin.Index {
	tb.Helper()
	ix, err := vin.Embedded()
	if err != nil {
		tb.Fatal(err)
	}
	return ix
}

// tally counts agreement field by field.
type tally struct{ same, of map[string]int }

func newTally() tally { return tally{map[string]int{}, map[string]int{}} }

func (t tally) add(field string, ok bool) {
	t.of[field]++
	if ok {
		t.same[field]++
	}
}

func (t tally) share(field string) float64 { return float64(t.same[field]) / float64(t.of[field]) }

func (t tally) log(tb testing.TB) {
	var names []string
	for n := range t.of {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		tb.Logf("%-26s %5d of %5d  %.2f %%", n, t.same[n], t.of[n], 100*t.share(n))
	}
}

// TestOracle compares with what NHTSA's own SQL answers on the same data. Every
// field of every VIN must be equal, but for two deliberate differences: the
// community WMIs, of which NHTSA knows nothing, are answered and marked; and a
// value that an element has twice is given once.
func TestOracle(t *testing.T) {
	ix := index(t)
	type row struct {
		VIN string            `json:"vin"`
		Out map[string]string `json:"out"`
	}
	rows := lines[row](t, shared(t, "data", "vin", "oracle-dev.jsonl"))
	n := newTally()
	community := 0
	for _, r := range rows {
		d := ix.DecodeText(r.VIN, vin.Options{Year: 2026})
		got := map[string]string{"ErrorCode": d.Codes.String()}
		if d.Community {
			community++
			if r.Out["Make"] != "" {
				t.Errorf("%s: answered from community rows though NHTSA knows it as %s", r.VIN, r.Out["Make"])
			}
		} else {
			for k, v := range d.Attributes() {
				got[k] = v
			}
		}
		for k, want := range r.Out {
			if strings.Contains(want, vin.Separator) {
				values := strings.Split(want, vin.Separator)
				slices.Sort(values)
				r.Out[k] = strings.Join(slices.Compact(values), vin.Separator)
			}
			if _, ok := got[k]; !ok {
				got[k] = ""
			}
		}
		for k, g := range got {
			n.add(k, g == r.Out[k])
			if g != r.Out[k] {
				t.Errorf("%s %s: got %q, NHTSA's SQL says %q", r.VIN, k, g, r.Out[k])
			}
		}
	}
	n.log(t)
	t.Logf("%d VINs, %d of community WMIs", len(rows), community)
	if len(rows) < 10000 || community == 0 {
		t.Errorf("only %d VINs, %d of community WMIs: the test has lost its data", len(rows), community)
	}
}

// nhtsaName is what NHTSA's own data calls the model of a hand-written row that
// gives another name: most often a maker's marketing name with the trim or the
// payload class, which vPIC keeps in Series and Trim. An empty name means that no
// model pattern of the data fits the VIN.
var nhtsaName = map[string]string{
	"3GNKDCRJ7RS147570": "Blazer", "1GT49VEY4LF338098": "Sierra", "1GT4UVEY9SF358134": "Sierra HD",
	"WDC0G8EB1LV225517": "GLC-Class", "4JGFD6BB8TB572566": "GLE-Class", "3N8AP6CB1SL419565": "Kicks MPV",
	"JF2SLDHC2TH459074": "", "JTDBBRBE6LJ007243": "", "3VWR17AU5KM502465": "", "2HGFE1E58NH081047": "Civic Si",
	"1GTGK13U83F214071": "Sierra", "WBAVB13586PS65971": "325i", "2T2KGCEZ8RC048602": "NX", "1D7RB1CT1BS488952": "Ram",
	"1GYFC56299R410242": "Escalade", "3C6JD7CT4CG104778": "Ram", "4JGDA6DB9GA764832": "GLE-Class",
	"5UXXW5C54F0791433": "X4", "JTHBW1GG7D2369737": "ES", "WDCYC7DF3FX109287": "G-Class",
}

// TestTruth compares with recorded answers of NHTSA's API and with hand-written
// cases.
func TestTruth(t *testing.T) {
	ix := index(t)
	type row struct {
		VIN      string         `json:"vin"`
		Kind     string         `json:"kind"`
		Source   string         `json:"source"`
		Expected map[string]any `json:"expected"`
	}
	all, recorded := newTally(), newTally()
	for _, r := range lines[row](t, shared(t, "data", "vin", "truth-dev.jsonl")) {
		d := ix.DecodeText(r.VIN, vin.Options{Year: 2026})
		year := ""
		if d.ModelYear != 0 {
			year = strconv.Itoa(d.ModelYear)
		}
		for _, f := range []struct{ name, got string }{{"Make", d.Make}, {"Model", d.Model}, {"ModelYear", year},
			{"BodyClass", d.BodyClass}, {"VehicleType", d.VehicleType}, {"FuelTypePrimary", d.FuelPrimary},
			{"PlantCountry", d.PlantCountry}, {"Manufacturer", d.Manufacturer}, {"Series", d.Attribute("Series")}, {"Trim", d.Attribute("Trim")}} {
			want, ok := r.Expected[f.name].(string)
			want = strings.TrimSpace(want)
			if !ok || want == "" || want == "Not Applicable" {
				continue
			}
			if name, ok := nhtsaName[r.VIN]; ok && f.name == "Model" && r.Kind == "hand-written" {
				if d.Model != name {
					t.Errorf("%s: model %q, NHTSA's data says %q", r.VIN, d.Model, name)
				}
				continue
			}
			same := strings.EqualFold(want, f.got)
			all.add(f.name, same)
			if r.Kind == "recorded-api" {
				recorded.add(f.name, same)
			}
			if !same {
				t.Logf("%s %s: got %q, %s says %q (codes %s, %s)", r.VIN, f.name, f.got, r.Kind, want, d.Codes, r.Source)
			}
		}
	}
	all.log(t)
	t.Log("recorded answers of NHTSA's API alone:")
	recorded.log(t)
	for _, f := range []string{"Make", "Model", "ModelYear"} {
		if all.share(f) < 0.99 || recorded.share(f) < 0.998 {
			t.Errorf("%s: %.4f of all rows, %.4f of recorded answers", f, all.share(f), recorded.share(f))
		}
	}
	for _, f := range []string{"BodyClass", "VehicleType", "FuelTypePrimary", "PlantCountry"} {
		if recorded.share(f) < 0.998 {
			t.Errorf("%s: %.4f of recorded answers", f, recorded.share(f))
		}
	}
}

// TestTruthPartial decodes ten-character VINs of a state's registry.
func TestTruthPartial(t *testing.T) {
	ix := index(t)
	type row struct {
		VIN      string            `json:"vin10"`
		Expected map[string]string `json:"expected"`
	}
	n := newTally()
	for _, r := range lines[row](t, shared(t, "data", "vin", "truth-partial-dev.jsonl")) {
		d := ix.DecodeText(r.VIN, vin.Options{Year: 2026})
		for _, f := range []struct{ name, got string }{{"Make", d.Make}, {"Model", d.Model}, {"ModelYear", strconv.Itoa(d.ModelYear)}} {
			want := r.Expected[f.name]
			n.add(f.name, strings.EqualFold(want, f.got))
			if !strings.EqualFold(want, f.got) {
				t.Logf("%s %s: got %q, the registry says %q", r.VIN, f.name, f.got, want)
			}
		}
	}
	n.log(t)
	for f := range n.of {
		if n.share(f) < 0.998 {
			t.Errorf("%s: %.4f", f, n.share(f))
		}
	}
}

// TestNonUS looks at VINs seen outside North America: no wrong year, no wrong
// make. What the source calls the vehicle is compared where it names a year.
func TestNonUS(t *testing.T) {
	ix := index(t)
	type row struct {
		VIN  string `json:"vin"`
		Seen string `json:"seen_as"`
	}
	year := regexp.MustCompile(`\b(?:19|20)\d\d\b`)
	known := 0
	for _, r := range lines[row](t, shared(t, "data", "vin", "non-us-vins.jsonl")) {
		d := ix.DecodeText(r.VIN, vin.Options{Year: 2026})
		t.Logf("%s %q: make %q model %q year %d %v, built in %q (%s), codes %s", r.VIN, r.Seen, d.Make, d.Model, d.ModelYear,
			d.YearCandidates, d.BuiltIn.Code, d.BuiltIn.Basis, d.Codes)
		if d.ModelYear != 0 {
			known++
			// the year of sale may lie one year off the model year
			if y, err := strconv.Atoi(year.FindString(r.Seen)); err == nil && (d.ModelYear < y-1 || d.ModelYear > y+1) {
				t.Errorf("%s: model year %d, seen as %q", r.VIN, d.ModelYear, r.Seen)
			}
			if d.ModelYear < 2005 {
				t.Errorf("%s: model year %d, but all these vehicles are younger (%q)", r.VIN, d.ModelYear, r.Seen)
			}
		}
		if d.Make != "" && r.Seen != "" && !slices.ContainsFunc(append(alsoCalled[d.Make], d.Make), func(name string) bool {
			return strings.Contains(strings.ToUpper(r.Seen), strings.ToUpper(name))
		}) {
			t.Errorf("%s: make %s, seen as %q", r.VIN, d.Make, r.Seen)
		}
	}
	if known < 20 {
		t.Errorf("only %d model years known", known)
	}
}

// alsoCalled is what the sources call vehicles of a make besides its own name:
// a model, or another brand that shares the WMI.
var alsoCalled = map[string][]string{"ZEEKR": {"Geely"}, "SEAT": {"Cupra"}, "VOLKSWAGEN": {"VW"}}
