package build

import (
	"bytes"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"sallyport/vin"
)

// dumpText is the small dump of testdata.
func dumpText(tb testing.TB) string {
	tb.Helper()
	b, err := os.ReadFile("testdata/vpic_dump.sql")
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestReadDump(t *testing.T) {
	text := dumpText(t)
	src, err := ReadDump(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if src.Manufacturers[3] != "Acme \\ Sons\tWorks" || src.Schemas[100] != "Ford - vans of 2012" {
		t.Errorf("escapes: %q %q", src.Manufacturers[3], src.Schemas[100])
	}
	if len(src.Patterns) != 20 || src.Patterns[5] != (Pattern{ID: 10, Schema: 200, Element: 28, Keys: "A", Attribute: "10", Date: "2021-05-06 07:08:09.123"}) {
		t.Errorf("%d patterns, the sixth %+v", len(src.Patterns), src.Patterns[5])
	}
	if p := src.Patterns[10]; p.Attribute != "first\tnote \\ with A and A" || p.Date != "2020-01-01 00:00:00" {
		t.Errorf("pattern %+v", p)
	}
	if len(src.Defaults) != 2 {
		t.Errorf("a missing default was taken for one: %+v", src.Defaults)
	}
	if !src.Unchecked[201] || src.Unchecked[200] || src.Unchecked[202] {
		t.Errorf("unchecked schemas %v", src.Unchecked)
	}
	if want := []string{"1AAABCDE0FK000001"}; !reflect.DeepEqual(src.Exceptions, want) {
		t.Errorf("exceptions %v", src.Exceptions)
	}
	chars := src.ValidChars[WMIYear{"1AA", 2015}]
	if want := (&[9]uint64{vin.SymbolBit('A'), vin.SymbolBit('B') | vin.SymbolBit('X'), vin.SymbolBit('C'), vin.SymbolBit('D'),
		vin.SymbolBit('E') | vin.SymbolBit('F') | vin.SymbolBit('G'), vin.SymbolBit('K') | vin.SymbolBit('L') | vin.SymbolBit('M')}); !reflect.DeepEqual(chars, want) {
		t.Errorf("valid characters %v", chars)
	}
	if s := src.SpecSchemas[1]; s.Make != 1 || s.Type != 2 || !reflect.DeepEqual(s.Models, []int{10}) || !reflect.DeepEqual(s.Years, []int{2015}) || len(src.Specs[0].Rows) != 4 {
		t.Errorf("specs %+v %+v", s, src.Specs[0])
	}
	if src.Lookups["fueltype"]["4"] != "Gasoline" || len(src.ErrorTexts) != 15 {
		t.Errorf("lookups %v, %d error texts", src.Lookups, len(src.ErrorTexts))
	}
	// the same in every reading: slowly, with Windows line ends, in capitals, in another schema
	for name, other := range map[string]io.Reader{
		"one byte at a time": iotest.OneByteReader(strings.NewReader(text)),
		"Windows line ends":  strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")),
		"other names": strings.NewReader(strings.NewReplacer("COPY vpic.pattern (vinschemaid", `copy "VPIC"."Pattern" ( "VinSchemaId"`,
			"FROM stdin;", "FROM STDIN;").Replace(text)),
	} {
		again, err := ReadDump(other)
		if err != nil || !reflect.DeepEqual(src, again) {
			t.Errorf("%s: another source (%v)", name, err)
		}
	}
}

// A damaged dump is refused, with the table and the line.
func TestReadDumpRefuses(t *testing.T) {
	text := dumpText(t)
	at := func(sub string) int {
		i := strings.Index(text, sub)
		if i < 0 {
			t.Fatalf("the dump has no %q", sub)
		}
		return i
	}
	for _, c := range []struct{ name, text, says string }{
		{"nothing", "", "there is no table element"},
		{"another file", strings.Repeat("no dump\n", 1000), "there is no table element"},
		{"cut inside a row", text[:at("\n200\t12\t")+6], "table pattern, line "},
		{"cut between rows", text[:at("\n200\t12\t")+1], "table pattern, line "},
		{"cut between tables", text[:at("--\n-- Data for Name: wmi_vinschema")], "no table wmi_vinschema"},
		{"a column too few", strings.Replace(text, "200\t12\t18\t", "200\t12\t", 1), "table pattern, line 207: the row has 6 columns, the table 7"},
		{"a column too many", strings.Replace(text, "200\t12\t18\t", "200\t12\t18\t\t", 1), "the row has 8 columns"},
		{"no number", strings.Replace(text, "200\t12\t18\t", "200\ttwelve\t18\t", 1), `table pattern, line 207: "twelve" is not a whole number`},
		{"no yes or no", strings.Replace(text, "1AAABCDE0FK000001\tt", "1AAABCDE0FK000001\tyes", 1), `table vinexception, line `},
		{"no UTF-8", strings.Replace(text, "big six", "big \\xff six", 1), "column 4 is not UTF-8"},
		{"a lone backslash", strings.Replace(text, "4\tGasoline", "4\tGasoline\\", 1), "table fueltype, line "},
		{"a column is missing", strings.Replace(text, "attributeid, keys,", "attributeid, keyz,", 1), "table pattern, line 199: there is no column keys"},
		{"a table twice", text + text, "stands twice"},
		{"endless line", strings.Replace(text, "big six", strings.Repeat("six", 1<<20), 1), "line 207: it is longer than"},
		{"a spec of nothing", strings.Replace(text, "12\t41\tf\t1\tof", "12\t99\tf\t1\tof", 1), "table vehiclespecpattern: row 12 belongs to pattern 99"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if src, err := ReadDump(strings.NewReader(c.text)); err == nil || src != nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestDumpEdition(t *testing.T) {
	for name, want := range map[string]string{
		"downloads/vPICList_lite_2026_08.plain.zip": "NHTSA vPIC 2026-08",
		"vpiclist_lite_2027_12.sql":                 "NHTSA vPIC 2027-12",
		"vPICList_lite_2026_13.sql":                 "",
		"dump.sql":                                  "",
	} {
		if got := DumpEdition(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func FuzzDump(f *testing.F) {
	text := dumpText(f)
	f.Add([]byte(text))
	f.Add([]byte(text[:len(text)/2]))
	f.Add([]byte("COPY vpic.bodystyle (id, name) FROM stdin;\n1\t\\x4g\\778\\\\\\N\\\n\\.\n"))
	f.Add([]byte("COPY vpic.wmiyearvalidchars (wmi, year, \"position\", \"char\") FROM stdin;\n1AA\t2015\t14\t\\N\n\\.\n"))
	f.Add([]byte("COPY x (a) FROM stdin;\n\t\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		src, err := ReadDump(bytes.NewReader(data))
		if err != nil {
			if src != nil || !strings.HasPrefix(err.Error(), "vPIC dump: ") {
				t.Fatalf("%v, %v", src, err)
			}
			return
		}
		// what was read can be compiled, or is refused with a reason
		com, _, err := AddCommunity(src, Community{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Index(src, com); err != nil && !strings.HasPrefix(err.Error(), "building the vPIC index: ") {
			t.Fatal(err)
		}
	})
}
