package vin_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
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

// TestOracle compares with what NHTSA's own SQL answers on the same data.
func TestOracle(t *testing.T) {
	ix := index(t)
	type row struct {
		VIN string            `json:"vin"`
		Out map[string]string `json:"out"`
	}
	rows := lines[row](t, shared(t, "data", "vin", "oracle-dev.jsonl"))
	show, _ := strconv.Atoi(os.Getenv("SHOW"))
	n := newTally()
	shown := map[string]int{}
	for _, r := range rows {
		d := ix.DecodeText(r.VIN, vin.Options{Year: 2026})
		got := d.Answer().Attributes
		got["ErrorCode"] = d.Codes.String()
		for k := range r.Out {
			if _, ok := got[k]; !ok {
				got[k] = ""
			}
		}
		for k, g := range got {
			ok := g == r.Out[k]
			n.add(k, ok)
			if !ok && shown[k] < show {
				shown[k]++
				t.Logf("%s %s: got %q, NHTSA's SQL says %q (codes %s / %s)", r.VIN, k, g, r.Out[k], d.Codes, r.Out["ErrorCode"])
			}
		}
	}
	n.log(t)
}

// TestNonUS looks at VINs seen outside North America.
func TestNonUS(t *testing.T) {
	ix := index(t)
	type row struct {
		VIN  string `json:"vin"`
		Seen string `json:"seen_as"`
	}
	for _, r := range lines[row](t, shared(t, "data", "vin", "non-us-vins.jsonl")) {
		d := ix.DecodeText(r.VIN, vin.Options{Year: 2026})
		t.Logf("%s %q: %s %s %d %v built %s (%s) codes %s attr %s", r.VIN, r.Seen, d.Make, d.Model, d.ModelYear, d.YearCandidates, d.BuiltIn.Code, d.BuiltIn.Basis, d.Codes, d.Attribute("ModelYear"))
	}
}

// TestTruth compares with recorded answers of NHTSA's API and hand-written
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
			if !ok || want == "" {
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
	recorded.log(t)
}
