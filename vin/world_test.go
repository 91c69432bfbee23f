package vin_test

import (
	"encoding/csv"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sallyport/vin"
)

// withCheckDigit is the VIN with the right check digit.
func withCheckDigit(t *testing.T, v string) string {
	t.Helper()
	c, ok := vin.CheckDigit(v)
	if !ok {
		t.Fatalf("%s is no VIN", v)
	}
	return v[:8] + string(c) + v[9:]
}

// How the model year follows outside North America, maker by maker.
func TestWorldYears(t *testing.T) {
	ix := index(t)
	for _, c := range []struct {
		name, vin  string
		year       int
		candidates [2]int
		basis      string // part of it
	}{
		{"China: the latest, whatever position 7 is", "LSJWH4098PN070110", 2023, [2]int{}, "GB 16735"},
		{"China since 2021", "HESXR1C45PG000001", 2023, [2]int{}, "GB 16735"},
		{"China: no year further than the next", "LSJWH4098WN070110", 1998, [2]int{}, "GB 16735"},
		{"Volkswagen group: a type vPIC has since 2009", "WAUZZZ8K1DA006278", 2013, [2]int{}, "type 8K"},
		{"Volkswagen group: a type of the eighties", "WVWZZZ16ZDW211800", 1983, [2]int{}, "names the model"},
		{"Volkswagen group: a digit is one year only", "WVWZZZ99Z3W000001", 2003, [2]int{}, "filler ZZZ"},
		{"Volkswagen group: an unknown type leaves both", "WVWZZZ99ZDW000001", 0, [2]int{2013, 1983}, "both are given"},
		{"Volvo: digit in position 7 on a car of 2012", "YV1MC5851CJ126651", 2012, [2]int{}, "vPIC has MC"},
		{"Volvo: the S40 was sold in Europe before America", "YV1VS1750TF000001", 1996, [2]int{}, "vPIC has VS"},
		{"Ford of Europe: position 11", "WF0KXXGCBKBJ13223", 0, [2]int{2011, 1981}, "position 11"},
		{"Ford of Europe: position 11, though a check digit holds by chance", withCheckDigit(t, "WF0KXXGC0KBJ13223"), 0, [2]int{2011, 1981}, "position 11"},
		{"Ford of Europe: a letter on which the sources differ", "WF0KXXGCBKWJ13223", 0, [2]int{}, "position 11"},
		{"Mercedes-Benz: steering, not 2001", "WDD2470031J059461", 0, [2]int{}, "steering"},
		{"Mercedes-Benz: nor where a check digit holds by chance", withCheckDigit(t, "W1K2470030J059461"[:9]+"1J059461"), 0, [2]int{}, "steering"},
		{"a maker of whom nothing is known", "UU1HJDAG5MU043525", 0, [2]int{2021, 1991}, vin.BasisYearOpen},
		{"no year at all", "JMZGHA4E601474682", 0, [2]int{}, ""},
		{"North America", "1HGCM82633A004352", 2003, [2]int{}, vin.BasisYearRule},
		{"a pattern names the model", "WBAVB13586PS65971", 2006, [2]int{}, vin.BasisYearModel},
	} {
		d := ix.DecodeText(c.vin, vin.Options{Year: 2026})
		if d.ModelYear != c.year || d.YearCandidates != c.candidates || !strings.Contains(d.YearBasis, c.basis) || c.basis == "" && d.YearBasis != "" {
			t.Errorf("%s: %s is of %d %v by %q, want %d %v by %q", c.name, c.vin, d.ModelYear, d.YearCandidates, d.YearBasis, c.year, c.candidates, c.basis)
		}
	}
}

// The country of build, from the best basis there is to the weakest.
func TestWorldBuiltIn(t *testing.T) {
	ix := index(t)
	for _, c := range []struct{ name, vin, code, basis, says string }{
		{"plant pattern", "1HGCM82633A004352", "US", vin.BasisPlant, ""},
		{"Chinese WMI, but a Belgian plant", withCheckDigit(t, "LYVUZ10K0NB000001"[:10]+"2000001"), "BE", vin.BasisPlant, ""},
		{"Dacia Spring: not Romania", "UU1DBG005MU043525", "CN", vin.BasisPlantOfModel, "Wuhan"},
		{"BMW iX3: not Germany", "WBY7X4101MS156671", "CN", vin.BasisPlantOfModel, "Shenyang"},
		{"Cupra Tavascan: not Spain", "VSSZZZKR3RA007706", "CN", vin.BasisPlantOfModel, "Anhui"},
		{"smart", "HESXR1C45PG000001", "CN", vin.BasisPlantOfModel, "Xi'an"},
		{"another Dacia: Romania, weakly", "UU1HJDAG5MU043525", "RO", vin.BasisWorld, "need not be the country of build"},
		{"Volvo: the plant letter of other years", "YV1MC5851CJ126651", "SE", vin.BasisPlantCode, ""},
		{"Ford of Europe: position 11 is no plant", "WF0KXXGCBKBJ13223", "DE", vin.BasisRegion, "need not be"},
		{"a plant letter that meant two countries", "WDDZZZZZ0SN000001", "DE", vin.BasisRegion, "need not be"},
	} {
		d := ix.DecodeText(c.vin, vin.Options{Year: 2026})
		b := d.BuiltIn
		if b.Code != c.code || b.Basis != c.basis || !strings.Contains(b.Note, c.says) || b.Country != vin.CountryName(b.Code) {
			t.Errorf("%s: %s %+v, want %s by %s", c.name, c.vin, b, c.code, c.basis)
		}
		if b.Weak != strings.Contains(b.Basis, "weak") || (b.Source != "") != (b.Basis == vin.BasisPlantOfModel) {
			t.Errorf("%s: %+v", c.name, b)
		}
	}
}

// What the lists leave open is given as candidates, never as an answer.
func TestMakeCandidates(t *testing.T) {
	ix := index(t)
	for _, c := range []struct{ vin, make, candidates, manufacturer string }{
		{"LJ1EFAUU5MG068486", "", "JAC ~ NIO", "JAC"},
		{"LVSHCAMB5NE000001", "", "FORD ~ MAZDA", "Changan Ford"},
		{"LBEHDAEB5NZ000001", "HYUNDAI", "", "Beijing Hyundai"},
		{"SNTZZZZZ5NZ000001", "", "HONDA ~ TRABANT", ""},
		{"LA9ZZZZZ5NZ000001", "", "", ""},                   // shared by small makers
		{"L6T79L2Z9SG000317", "", "GEELY ~ ZEEKR", "ZEEKR"}, // NHTSA knows the WMI as Zeekr's
		{"LSGZZZZZ5NZ000001", "", "BUICK ~ CADILLAC ~ CHEVROLET", ""},
		{"VSSZZZKR3RA007706", "", "CUPRA ~ SEAT", "SEAT"}, // seen on a Cupra Tavascan; the lists name SEAT only
		{"X96ZZZZZ5NZ000001", "", "GAZ ~ MERCEDES-BENZ", "GAZ"},
	} {
		d := ix.DecodeText(c.vin, vin.Options{Year: 2026})
		if d.Make != c.make || d.MakeCandidates != c.candidates || !strings.Contains(d.Manufacturer, c.manufacturer) {
			t.Errorf("%s: make %q of %q by %q, want %q of %q", c.vin, d.Make, d.MakeCandidates, d.Manufacturer, c.make, c.candidates)
		}
	}
	d := ix.DecodeText("LJ1EFAUU5MG068486", vin.Options{Year: 2026})
	if z := ix.DecodeText("L6T79L2Z9SG000317", vin.Options{Year: 2026}); z.Attribute("Make") != "ZEEKR" {
		t.Errorf("NHTSA's own answer is lost: %q", z.Attribute("Make"))
	}
	if a := d.Answer(); a.Make != "" || !slices.Equal(a.MakeCandidates, []string{"JAC", "NIO"}) {
		t.Errorf("%+v", a)
	}
}

// How much of the VINs seen outside North America is known, and right. That
// nothing is wrong is TestNonUS.
func TestNonUSKnown(t *testing.T) {
	ix := index(t)
	type row struct {
		VIN  string `json:"vin"`
		Seen string `json:"seen_as"`
	}
	rows := lines[row](t, shared(t, "data", "vin", "non-us-vins.jsonl"))
	year := regexp.MustCompile(`\b(?:19|20)\d\d\b`)
	makes, years, sameYear, built := 0, 0, 0, 0
	for _, r := range rows {
		d := ix.DecodeText(r.VIN, vin.Options{Year: 2026})
		if d.Make != "" {
			makes++
		} else if d.MakeCandidates != "" && !slices.ContainsFunc(strings.Split(d.MakeCandidates, vin.Separator), func(m string) bool {
			return strings.Contains(strings.ToUpper(r.Seen), m)
		}) {
			t.Errorf("%s: candidates %s, seen as %s", r.VIN, d.MakeCandidates, r.Seen)
		}
		if d.ModelYear != 0 {
			years++
		}
		if y, err := strconv.Atoi(year.FindString(r.Seen)); err == nil && d.ModelYear >= y-1 && d.ModelYear <= y+1 {
			sameYear++
		}
		if d.BuiltIn.Code != "" && !d.BuiltIn.Weak {
			built++
		}
	}
	t.Logf("%d VINs: make known of %d, model year of %d (%d confirmed by what was seen), country of build of %d", len(rows), makes, years, sameYear, built)
	if makes < 28 || years < 32 || sameYear < 8 || built < 17 {
		t.Error("less is known than before")
	}
}

// Every row of the tables has an effect, a reason and a source; TestIndex opens
// them.
func TestWorldTables(t *testing.T) {
	for _, c := range []struct {
		path string
		rows int
	}{{"world_years.csv", 200}, {"built_in_china.csv", 12}} {
		f, err := os.Open(c.path)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		if cerr := f.Close(); err != nil || cerr != nil {
			t.Fatal(err, cerr)
		}
		if len(rows) <= c.rows {
			t.Errorf("%s has %d rows", c.path, len(rows)-1)
		}
		for _, r := range rows[1:] {
			if !regexp.MustCompile(`^[A-HJ-NPR-Z0-9]*$`).MatchString(r[0]) {
				t.Errorf("%s: %q is not the start of a VIN", c.path, r[0])
			}
		}
	}
}
