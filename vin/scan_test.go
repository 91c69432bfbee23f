package vin_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/vin"
)

func TestFromScan(t *testing.T) {
	ix := index(t)
	const v = "1HGCM82633A004352"
	for _, c := range []struct {
		name, raw, want, symbology string
		removed                    string // all, joined by "; "
	}{
		{"bare", v, v, "", ""},
		{"line end", v + "\r\n", v, "", ""},
		{"Code 128", "]C0" + v, v, "Code 128", "the AIM identifier ]C0 (Code 128)"},
		{"Code 39", "]A0" + v, v, "Code 39", "the AIM identifier ]A0 (Code 39)"},
		{"Code 39 with import character", "]A1I" + v, v, "Code 39", "the AIM identifier ]A1 (Code 39); the leading import character I"},
		{"import character, seen", "IJHLRD77874C026456", "JHLRD77874C026456", "", "the leading import character I"},
		{"import character, seen", "I5FNRL38488B411196", "5FNRL38488B411196", "", "the leading import character I"},
		{"import character, seen", "I1N6AA0ED4AN318993", "1N6AA0ED4AN318993", "", "the leading import character I"},
		{"start and stop characters", "*" + v + "*", v, "", "the start and stop characters of Code 39"},
		{"start, stop and import character", "*I" + v + "*", v, "", "the leading import character I; the start and stop characters of Code 39"},
		{"Data Matrix", "]d1" + v, v, "Data Matrix", "the AIM identifier ]d1 (Data Matrix)"},
		{"QR Code", "]Q1" + v, v, "QR Code", "the AIM identifier ]Q1 (QR Code)"},
		{"PDF417", "]L0" + v, v, "PDF417", "the AIM identifier ]L0 (PDF417)"},
		{"GS1-128, serial number", "]C121" + v, v, "Code 128", "the AIM identifier ]C1 (Code 128); the application identifier 21"},
		{"GS1 Data Matrix, two fields", "]d20109501101530003\x1d21WVGZZZ5NZEW069297", "WVGZZZ5NZEW069297", "Data Matrix",
			"the AIM identifier ]d2 (Data Matrix); the application identifier 21; other text around the VIN"},
		{"GS1 as people read it", "(01)09501101530003(21)" + v, v, "", "other text around the VIN"},
		{"envelope of ISO 15434", "[)>\x1e06\x1dI" + v + "\x1dP12345\x1e\x04", v, "", "the leading import character I; other text around the VIN"},
		{"label", "VIN:" + v, v, "", "other text around the VIN"},
		{"label and blank", "vin " + v, v, "", "other text around the VIN"},
		{"label without anything between", "VIN" + v, v, "", "the label VIN"},
		{"URL, last part", "https://example.com/vehicles/" + v, v, "", "other text around the VIN"},
		{"URL, argument", "https://example.com/check?vin=" + v + "&lang=en", v, "", "other text around the VIN"},
		{"URL, escaped", "https://example.com/?q=VIN%3A" + v + "%0A", v, "", "other text around the VIN"},
		{"JSON", `{"vin":"` + strings.ToLower(v) + `","year":2003}`, v, "", "other text around the VIN"},
		{"comma-separated", "0001,HONDA," + v + ",2003-05-01", v, "", "other text around the VIN"},
		{"separators", "1HG-CM826 33A.004352", v, "", "separators"},
		{"Israel's registry", "UU1*5SDA1C*F0078185", "UU15SDA1CF0078185", "", "separators"},
		{"label, broken up", "VIN: 1HG CM826 33A004352", v, "", "other text around the VIN"},
		{"within a longer run: the check digit finds it", "99" + v + "AB7", v, "", "other text around the VIN"},
		{"one character too many", "1HGCM826633A004352", "", "", ""},
		{"check digit before none", "1HGCM82643A004352," + v, v, "", "other text around the VIN"},
		{"a marked one before a better one", "ref " + v + ", VIN 1HGCM82643A004352", "1HGCM82643A004352", "", "other text around the VIN"},
		{"misread, for Correct to mend", "]C01HGCM82633AO04352", "1HGCM82633AO04352", "Code 128", "the AIM identifier ]C0 (Code 128)"},
		{"import character, but not 17 legal ones after it", "I1HGCM82633AO04352", "", "", ""},
		{"two vehicles", v + "," + "19UUA5645XA000927", "", "", ""},
		{"the same twice", v + "\n" + v, v, "", "other text around the VIN"},
		{"partial", "1HGCM826*3A", "", "", ""},
		{"words of 17 letters", "CHARACTERLESSNESS", "", "", ""},
		{"nothing", "", "", "", ""},
		{"identifier alone", "]C1", "", "Code 128", "the AIM identifier ]C1 (Code 128)"},
		{"not UTF-8", "\xff\xfe" + v + "\xff", v, "", "separators"},
		{"too long", strings.Repeat(" ,", 2048) + v, "", "", "all after the first 4096 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ix.FromScan([]byte(c.raw))
			if string(got.VIN) != c.want || got.Symbology != c.symbology || strings.Join(got.Removed, "; ") != c.removed {
				t.Errorf("%q: %+v", c.raw, got)
			}
		})
	}
}

// Several equally good windows are all given, and none is chosen.
func TestFromScanCandidates(t *testing.T) {
	got := vin.FromScan([]byte("1HGCM82633A004352;19UUA5645XA000927;1HGCM82633A004352"))
	if got.VIN != "" || !slices.Equal(got.Candidates, []vin.VIN{"1HGCM82633A004352", "19UUA5645XA000927"}) {
		t.Errorf("%+v", got)
	}
	// without an index both of these are alike; with one only the first has a known maker
	raw := []byte("WVGZZZ5NZEW069297 XX0ZZZ5NZEW069290")
	if got := vin.FromScan(raw); len(got.Candidates) != 2 {
		t.Errorf("%+v", got)
	}
	if got := index(t).FromScan(raw); got.VIN != "WVGZZZ5NZEW069297" {
		t.Errorf("%+v", got)
	}
}

// wrappers are what scanners and labels put around a VIN.
var wrappers = []string{"%s", "%s\r\n", "I%s", "*%s*", "*I%s*", "]A0%s", "]A1I%s", "]C0%s", "]C121%s", "]d1%s", "]d1I%s", "]Q1%s", "]L0%s", "]X0%s\r",
	"VIN:%s", "VIN: %s", "vin=%s", "FIN %s", "VIN%s", "https://example.com/v/%s", "https://example.com/?vin=%s&a=1", "HTTP://X.EXAMPLE/%s?b=%%20",
	`{"vin":"%s"}`, `{"make":"X","vin":"%s","year":2003}`, "a,%s,b", "%s,,", "[)>\x1e06\x1dI%s\x1e\x04", "\x02%s\x03", "]d2240%s\x1d10AB"}

func TestFromScanLaw(t *testing.T) {
	ix := index(t)
	rapid.Check(t, func(t *rapid.T) {
		v := goodVIN().Draw(t, "VIN")
		w := rapid.SampledFrom(wrappers).Draw(t, "wrapper")
		raw := fmt.Sprintf(w, v)
		if rapid.Bool().Draw(t, "lower") && raw[0] != ']' {
			raw = strings.ToLower(raw)
		}
		for _, got := range []vin.Scan{vin.FromScan([]byte(raw)), ix.FromScan([]byte(raw))} {
			if string(got.VIN) != v {
				t.Fatalf("%q: %+v", raw, got)
			}
			checkScan(t, []byte(raw), got)
		}
	})
}

// checkScan holds what must be true of every scan.
func checkScan(t fatal, raw []byte, s vin.Scan) {
	if s.VIN != "" && (len(s.VIN) != vin.Length || len(s.Candidates) > 0) {
		t.Fatalf("%q: %+v", raw, s)
	}
	for _, v := range append(s.Candidates, s.VIN) {
		if clean, _ := vin.Parse(string(v)); clean != v {
			t.Fatalf("%q: %q is not clean", raw, v)
		}
	}
	for _, r := range s.Removed {
		if r == "" {
			t.Fatalf("%q: %+v", raw, s)
		}
	}
}

func FuzzFromScan(f *testing.F) {
	ix := index(f)
	for _, w := range wrappers {
		f.Add([]byte(fmt.Sprintf(w, "1HGCM82633A004352")))
	}
	f.Add([]byte("UU1*5SDA1C*F0078185"))
	f.Add([]byte("]"))
	f.Add([]byte("%2%%zz%41\xff\x00VIN"))
	f.Add(bytes.Repeat([]byte("1"), 5000))
	f.Fuzz(func(t *testing.T, raw []byte) {
		checkScan(t, raw, vin.FromScan(raw))
		checkScan(t, raw, ix.FromScan(raw))
	})
}

// BenchmarkFromScan is a usual reading, and the one that offers most.
func BenchmarkFromScan(b *testing.B) {
	ix := index(b)
	for _, c := range []struct{ name, raw string }{{"label", "]A0I1HGCM82633A004352"}, {"URL", "https://example.com/?vin=1HGCM82633A004352&a=1"},
		{"worst", strings.Repeat("1", vin.MaxScan)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ix.FromScan([]byte(c.raw))
			}
		})
	}
}

// What a text stands for, and what is added to its answer.
func TestUnderstand(t *testing.T) {
	ix := index(t)
	const v = "1HGCM82633A004352"
	for _, c := range []struct {
		name, text, want string
		corrected        int // position
		candidates       []string
	}{
		{"as it stands", v, v, 0, nil},
		{"import character", "I" + v, v, 0, []string{v}},
		{"URL", "https://example.com/?vin=" + v, v, 0, []string{v}},
		{"misread", "1HGCM82633AO04352", v, 12, nil},
		{"misread in a URL", "https://example.com/?vin=1HGCM82633A0043S2", v, 16, nil},
		{"two misread", "1HGCM82633AOO4352", "", 0, []string{v}},
		{"two vehicles", v + ",19UUA5645XA000927", "", 0, []string{v, "19UUA5645XA000927"}},
		{"partial", "1HGCM826*3A", "", 0, nil},
		{"one character more: which one is not known", v + "1", "", 0, []string{v}},
		{"nothing", "", "", 0, nil},
		{"not UTF-8", "\xff" + v, v, 0, []string{v}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := ix.DecodeText(c.text, vin.Options{Year: 2026})
			r := ix.Understand(c.text, vin.CorrectOptions{Year: 2026})
			a := d.Answer()
			a.Read(r)
			var got []string
			for _, k := range a.Candidates {
				got = append(got, string(k.VIN))
			}
			if string(r.VIN) != c.want || !slices.Equal(got, c.candidates) || (a.Corrected != nil) != (c.corrected > 0) {
				t.Fatalf("%+v %v", r, got)
			}
			if a.Corrected != nil && (a.Corrected.At != c.corrected || a.Corrected.VIN != v || a.VIN == v) {
				t.Errorf("%+v", a.Corrected)
			}
		})
	}
}

// A partial VIN is decoded as far as it goes, and its problems say what lacks.
func TestPartial(t *testing.T) {
	ix := index(t)
	for _, c := range []struct {
		name, text, make, model string
		year                    int
		problems                string // codes
	}{
		{"17, the check digit not known", "1HGCM826*3A004352", "HONDA", "Accord", 2003, "unknown_character"},
		{"17, the serial not known", "1HGCM82633A******", "HONDA", "Accord", 2003,
			"unknown_character,unknown_character,unknown_character,unknown_character,unknown_character,unknown_character"},
		{"16", "1HGCM82633A00435", "HONDA", "Accord", 2003, "too_short"},
		{"descriptor of 11", "1HGCM826*3A", "HONDA", "Accord", 2003, "too_short,unknown_character"},
		{"10", "1HGCM82633", "HONDA", "Accord", 2003, "too_short"},
		{"10, the check digit not known", "5YJ3E1EA*K", "TESLA", "Model 3", 2019, "too_short,unknown_character"},
		{"8: no year", "1HGCM826", "HONDA", "Accord", 0, "too_short"},
		{"3: the maker alone", "1HG", "HONDA", "", 0, "too_short"},
		{"model not known", "1HG******3A004352", "HONDA", "", 2003,
			"unknown_character,unknown_character,unknown_character,unknown_character,unknown_character,unknown_character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := ix.DecodeText(c.text, vin.Options{Year: 2026})
			var codes []string
			for _, p := range d.Problems {
				codes = append(codes, p.Code)
			}
			if d.Valid || d.Make != c.make || d.Model != c.model || d.ModelYear != c.year || strings.Join(codes, ",") != c.problems {
				t.Errorf("%+v %s", d.Answer(), codes)
			}
		})
	}
}
