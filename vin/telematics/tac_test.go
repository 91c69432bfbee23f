package telematics

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const osmocomTACs = `Osmocom TAC database under CC-BY-SA v3.0 (c) Harald Welte 2016
tac,name,name,contributor,comment,gsmarena,gsmarena,aka
35104463,Apple,iPhone 13,tacdb submission,,,http://www.gsmarena.com/apple-phones-48.php,
86750000,Quectel Wireless Solutions Co Ltd,"EG25, ""G""",someone,,,,
86750000,Quectel Wireless Solutions Co Ltd,"EG25, ""G""",someone else,,,,
86750001,Telit Comunications S.p.A,LE910,someone,,,,
86750002,Fibocom Wireless,L860,,,,,
86750002,Quectel,EM160R-GL,,,,,
35361906,Harman Automotive,MIB2 Main Unit,tacdb submission,,,,FCC-ID T8GA270
1234567,Nokia,3310,,,,,
86750003,,nameless,,,,,
8675000X,Nokia,3310,,,,,
`

const gsmaTACs = "TAC|Manufacturer|Model Name|Marketing Name|Brand Name|Allocation Date|Device Type\n" +
	"86750000|Quectel Wireless Solutions Co Ltd|EG25-G|EG25|QUECTEL|01-Jan-2020|Module\n" +
	"86750004|Sierra Wireless, Incorporated|Not Known|AirPrime|Sierra|01-Jan-2020|Module\r\n" +
	"01234567|Contoso Ltd||Phone 1|Contoso|01-Jan-2020|Smartphone\n"

func TestImportTACs(t *testing.T) {
	for _, tc := range []struct {
		name   string
		from   string
		run    func(string) (*TACTable, TACReport, error)
		rep    TACReport
		head   [4]string // edition's layout, source, layout, licence
		answer map[string][]string
	}{
		{"osmocom", osmocomTACs, osmo, TACReport{Rows: 10, Codes: 6, Again: 1, Shared: 1, Bad: 3, Errors: []TACError{
			{10, "tac", `"1234567" is not eight digits`}, {11, "name", "no maker is named"}, {12, "tac", `"8675000X" is not eight digits`},
		}}, [4]string{"osmocom.", "http://tacdb.osmocom.org/export/tacdb.csv", "osmocom", "Osmocom TAC database under CC-BY-SA v3.0 (c) Harald Welte 2016"},
			map[string][]string{
				"86750000": {`Quectel EG25, "G"`}, "86750001": {"Telit Comunications S.p.A LE910 unit"}, "86750002": {"Fibocom L860", "Quectel EM160R-GL"},
				"35104463": {"Apple iPhone 13 unit"}, "35361906": {"Harman MIB2 Main Unit unit"}, "99999999": nil,
			}},
		{"gsma", gsmaTACs, gsma, TACReport{Rows: 3, Codes: 3}, [4]string{"gsma.", "https://imeidb.gsma.com/", "gsma", "GSMA TAC data under the site's own licence; not to be passed on"},
			map[string][]string{
				"86750000": {"Quectel EG25-G"}, "86750004": {"Sierra Wireless AirPrime"}, "01234567": {"Contoso Ltd Phone 1 unit"},
			}},
		{"gsma by tabs", strings.ReplaceAll(gsmaTACs, "|", "\t"), gsma, TACReport{Rows: 3, Codes: 3},
			[4]string{"gsma.", "https://imeidb.gsma.com/", "gsma", "GSMA TAC data under the site's own licence; not to be passed on"},
			map[string][]string{"86750000": {"Quectel EG25-G"}}},
		{"osmocom with names of columns", "\ufefftac,manufacturer,model\n86750000,Quectel,EC25\n", osmo, TACReport{Rows: 1, Codes: 1},
			[4]string{"osmocom.", "http://tacdb.osmocom.org/export/tacdb.csv", "osmocom", "Osmocom TAC database, CC-BY-SA 3.0"},
			map[string][]string{"86750000": {"Quectel EC25"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tab, rep, err := tc.run(tc.from)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.rep, rep); d != "" {
				t.Errorf("report (-want +got):\n%s", d)
			}
			b, err := tab.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if tab, err = OpenTACs(b); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(tab.Edition, tc.head[0]) || tab.Source != tc.head[1] || tab.Layout != tc.head[2] || tab.Licence != tc.head[3] || tab.Len() != tc.rep.Codes {
				t.Errorf("edition %s, source %s, layout %s, licence %q, %d codes", tab.Edition, tab.Source, tab.Layout, tab.Licence, tab.Len())
			}
			c := catalogue(t).WithTACs(tab)
			for code, want := range tc.answer {
				var got []string
				for _, f := range c.Identify("imei", withCheckDigit(code+"000001")).Makers {
					s := f.Maker + " " + f.Model
					if f.Unit {
						s += " unit"
					}
					got = append(got, s)
					if f.Sources[0].Note != tab.Licence && f.Sources[0].ID != "V0038" || f.Sources[0].Certainty == None {
						t.Errorf("%s: source %+v", code, f.Sources[0])
					}
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s (-want +got):\n%s", code, d)
				}
			}
		})
	}
}

func osmo(s string) (*TACTable, TACReport, error) {
	return ImportOsmocomTACs(strings.NewReader(s), TACSource{})
}

func gsma(s string) (*TACTable, TACReport, error) {
	return ImportGSMATACs(strings.NewReader(s), TACSource{})
}

func TestImportTACsRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		text, want string
		run        func(string) (*TACTable, TACReport, error)
	}{
		"nothing":         {"", "no header", osmo},
		"no header":       {strings.Repeat("86750000,Quectel,EC25\n", 9), "no header", osmo},
		"another layout":  {gsmaTACs, "no header", osmo},
		"not text":        {"\xff\xfe\x00", "UTF-8", gsma},
		"a header alone?": {strings.Repeat("x", 100<<10), "too long", gsma},
	} {
		tab, _, err := tc.run(tc.text)
		if err == nil || !errors.Is(err, ErrTACs) || !strings.Contains(err.Error(), tc.want) || tab != nil {
			t.Errorf("%s: %v, want one with %q", name, err, tc.want)
		}
	}
	// A reader that fails midway leaves nothing half-done.
	tab, _, err := ImportGSMATACs(&failing{b: []byte(gsmaTACs)[:150]}, TACSource{})
	if tab != nil || !errors.Is(err, errPlug) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a plug pulled: %v, %v", tab, err)
	}
}

var errPlug = errors.New("the plug was pulled")

type failing struct{ b []byte }

func (f *failing) Read(p []byte) (int, error) {
	if len(f.b) == 0 {
		return 0, errPlug
	}
	n := copy(p, f.b)
	f.b = f.b[n:]
	return n, nil
}

// Each bad row is named with its line, whatever is wrong with it, and the rest
// stands.
func TestBadTACRows(t *testing.T) {
	text := "TAC|Manufacturer|Model Name\n" + strings.Repeat("y", 70<<10) + "\n" + "86750000|Quectel|\xff\n" + "86750000|" + strings.Repeat("q", 201) + "|EC25\n" +
		"86750000|Quectel|EC\x0125\n\n" + "86750000|Quectel|EC25"
	tab, rep, err := gsma(text)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, e := range rep.Errors {
		lines = append(lines, e.Line)
		if !strings.Contains(e.Error(), fmt.Sprint("line ", e.Line)) || e.Reason == "" {
			t.Errorf("%v", e)
		}
	}
	if !reflect.DeepEqual(lines, []int{2, 3, 4, 5}) || rep.Bad != 4 || rep.Rows != 5 || tab.Len() != 1 {
		t.Errorf("lines %v, %+v", lines, rep)
	}
	many := "TAC|Manufacturer\n" + strings.Repeat("x\n", 5000)
	if _, rep, err = gsma(many); err != nil || rep.Bad != 5000 || len(rep.Errors) != maxTACErrors {
		t.Errorf("%d bad rows, %d kept, %v", rep.Bad, len(rep.Errors), err)
	}
}

// One changed byte of the compact form is noticed.
func TestDamagedTACs(t *testing.T) {
	tab, _, err := osmo(osmocomTACs)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tab.Encode()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := bytes.Clone(b)
		i := rapid.IntRange(0, len(d)-1).Draw(t, "byte")
		d[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		got, err := OpenTACs(d)
		if err == nil {
			if back, _ := got.Encode(); !bytes.Equal(back, b) {
				t.Fatalf("byte %d: a damaged table was opened: %s", i, d)
			}
		}
	})
}

// Order and repetition of rows do not matter, and every row is found again.
func TestTACsAreFoundAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type row struct{ code, maker, model string }
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) row {
			return row{rapid.StringMatching(`8675000[0-9]`).Draw(t, "code"), rapid.SampledFrom([]string{"Quectel", "Telit", "Contoso"}).Draw(t, "maker"), rapid.StringMatching(`[A-Z]{1,2}`).Draw(t, "model")}
		}), 0, 30).Draw(t, "rows")
		table := func(rows []row) *TACTable {
			var b strings.Builder
			b.WriteString("TAC\tManufacturer\tModel Name\n")
			for _, r := range rows {
				fmt.Fprintf(&b, "%s\t%s\t%s\n", r.code, r.maker, r.model)
			}
			tab, rep, err := ImportGSMATACs(strings.NewReader(b.String()), TACSource{Edition: "e"})
			if err != nil || rep.Bad != 0 || rep.Rows != len(rows) || rep.Codes+rep.Again != rep.Rows {
				t.Fatalf("%+v, %v", rep, err)
			}
			return tab
		}
		all := table(rows)
		for _, r := range rows {
			found := false
			all.Find(r.code, func(maker, model string) { found = found || maker == r.maker && model == r.model })
			if !found {
				t.Fatalf("%v is not found", r)
			}
		}
		again := table(append(rapid.Permutation(rows).Draw(t, "order"), rows...))
		if again.codes != all.codes || again.Len() != all.Len() {
			t.Fatal("order or repetition changed the table")
		}
	})
}

// A catalogue with a site's table shares everything with the one it was made of.
func TestWithTACs(t *testing.T) {
	c := catalogue(t)
	tab, _, err := gsma(gsmaTACs)
	if err != nil {
		t.Fatal(err)
	}
	with := c.WithTACs(tab)
	if c.TACs() != nil || with.TACs() != tab {
		t.Fatal("the catalogue changed, or the table is not used")
	}
	if len(c.Identify("imei", withCheckDigit("86750000000001")).Makers) != 0 {
		t.Error("the table is used where it was not added")
	}
	if a, b := c.ReadLabel("IMEI "+withCheckDigit("86750000000001")), with.ReadLabel("IMEI "+withCheckDigit("86750000000001")); a.Certain || b.Maker != "Quectel" {
		t.Errorf("%+v, %+v", a, b)
	}
	if l := with.ReadLabel("IMEI " + withCheckDigit("01234567000001")); l.Certain || len(l.Units) != 1 || l.Units[0].Maker != "Contoso Ltd" {
		t.Errorf("a name nobody reviewed: %+v", l)
	}
}

func FuzzImportOsmocomTACs(f *testing.F) { fuzzTACs(f, osmo, osmocomTACs) }

func FuzzImportGSMATACs(f *testing.F) { fuzzTACs(f, gsma, gsmaTACs) }

func fuzzTACs(f *testing.F, run func(string) (*TACTable, TACReport, error), seed string) {
	for _, s := range []string{seed, osmocomTACs, gsmaTACs, "", "tac,name\n", "TAC\tManufacturer\n12345678\tA\n", "TAC|Manufacturer\n12345678|\x00\n\xff", "\"tac\",\"name\",\"name\"\n\"12345678\",\"a\nb\",\"c\"\n"} {
		f.Add(s)
	}
	c, err := Embedded()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tab, rep, err := run(text)
		if err != nil {
			if tab != nil || !errors.Is(err, ErrTACs) {
				t.Fatalf("%v with %v", tab, err)
			}
			return
		}
		if rep.Codes != tab.Len() || rep.Bad < len(rep.Errors) || rep.Codes+rep.Again+rep.Bad != rep.Rows {
			t.Fatalf("%+v of %d codes", rep, tab.Len())
		}
		b, err := tab.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := OpenTACs(b)
		if err != nil {
			t.Fatalf("what was imported cannot be opened: %v\n%s", err, b)
		}
		for i := range again.Len() {
			c.WithTACs(again).Identify("imei", withCheckDigit(again.codes[8*i:8*i+8]+"000001"))
		}
	})
}

func BenchmarkTACs(b *testing.B) {
	var text strings.Builder
	text.WriteString("TAC|Manufacturer|Model Name|Marketing Name\n")
	for i := range 250_000 {
		fmt.Fprintf(&text, "%08d|Maker %d|Model %d|Name\n", 35_000_000+i*7, i%3000, i%60_000)
	}
	tab, _, err := gsma(text.String())
	if err != nil {
		b.Fatal(err)
	}
	form, err := tab.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("import 250,000", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(text.Len()))
		for b.Loop() {
			if _, _, err := gsma(text.String()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open 250,000", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(form)))
		for b.Loop() {
			if _, err := OpenTACs(form); err != nil {
				b.Fatal(err)
			}
		}
	})
	c := catalogue(b).WithTACs(tab)
	imei := withCheckDigit("35000007000001")
	b.Run("identify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Identify("imei", imei)
		}
	})
}
