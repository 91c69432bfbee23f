package vin_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/vin"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestExplain(t *testing.T) {
	ix := index(t)
	for _, c := range []struct{ name, text string }{
		{"north-american-car", "1HGCM82633A004352"},
		{"community", "LRWYGCFS3RC500000"},
		{"world-list", "LSJWH4098PN070110"},
		{"small-maker", "109AFC3C8AA024523"},
		{"two-years", "1B71Z44X4EX221379"},
		{"partial", "5YJ3E1EA*K"},
		{"bad-check-digit", "1hgcm-82643-a00435o"},
		{"nothing", " "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ix.ExplainText(c.text, vin.Options{Year: 2026}).String()
			path := filepath.Join("testdata", "explain", c.name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// An explanation says what the answer says, covers every character once, and
// names a pattern for each value that has one.
func TestExplainAgreesWithDecode(t *testing.T) {
	ix := index(t)
	type row struct {
		VIN string `json:"vin"`
	}
	for i, r := range lines[row](t, shared(t, "data", "vin", "oracle-dev.jsonl")) {
		if i%20 != 0 {
			continue
		}
		d := ix.DecodeText(r.VIN, vin.Options{Year: 2026})
		e := ix.ExplainText(r.VIN, vin.Options{Year: 2026})
		var text strings.Builder
		for j, p := range e.Positions {
			if j > 0 && p.At != e.Positions[j-1].Last+1 {
				t.Errorf("%s: position %d follows %d", r.VIN, p.At, e.Positions[j-1].Last)
			}
			text.WriteString(p.Text)
		}
		if text.String() != string(d.VIN) || e.Codes != d.Codes.String() || e.Maker.Make != d.Make || e.BuiltIn != vin.AnswerBuiltIn(d.BuiltIn) {
			t.Errorf("%s: %+v, want %+v", r.VIN, e, d.Answer())
		}
		if (e.Year.Year == nil) != (d.ModelYear == 0) || e.Year.Year != nil && *e.Year.Year != d.ModelYear {
			t.Errorf("%s: model year %v, want %d", r.VIN, e.Year.Year, d.ModelYear)
		}
		taken := 0
		for _, p := range e.Year.Tried {
			if p.Taken {
				taken++
			}
		}
		if taken > 1 || taken == 0 && len(e.Year.Tried) > 0 {
			t.Errorf("%s: %d passes were taken", r.VIN, taken)
		}
		for _, v := range e.Values {
			if got := d.Attribute(v.Element); !strings.Contains(got, v.Value) {
				t.Errorf("%s: %s is %q, want %q", r.VIN, v.Element, v.Value, got)
			}
			if named := v.Pattern != 0 && v.Schema != 0 && v.Key != ""; named != (v.By == vin.ByPattern || v.By == vin.ByEngine || v.By == vin.ByFormula) {
				t.Errorf("%s: %+v", r.VIN, v)
			}
		}
		if _, err := json.Marshal(e); err != nil {
			t.Errorf("%s: %v", r.VIN, err)
		}
	}
}

func FuzzExplain(f *testing.F) {
	f.Add("1HGCM82633A004352", 0)
	f.Add("1A9", 2015)
	f.Add("LRWYGCFS3RC5", 1979)
	f.Add("5T9BP1023J1078\xff23", 2018)
	ix, err := vin.Embedded()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, year int) {
		e := ix.ExplainText(text, vin.Options{Year: 2026, ModelYear: year})
		if e.String() == "" {
			t.Fatal("nothing is said")
		}
		_ = ix.Explain(vin.VIN(text), vin.Options{}).String()
	})
}

// A caller's model year that the VIN contradicts is weighed with its error
// code.
func TestExplainCallersYear(t *testing.T) {
	e := index(t).ExplainText("1HGCM82633A004352", vin.Options{Year: 2026, ModelYear: 2004})
	if len(e.Year.Tried) != 1 || !e.Year.Tried[0].Taken || e.Year.Tried[0].Year != 2004 || e.Year.Tried[0].Codes != e.Codes || e.Codes != "12" && e.Codes != "0,12" {
		t.Errorf("%+v, codes %s", e.Year, e.Codes)
	}
	if want := -20; e.Year.Tried[0].ErrorWeight != want {
		t.Errorf("error weight %d, want %d", e.Year.Tried[0].ErrorWeight, want)
	}
}
