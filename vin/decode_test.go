package vin_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"sallyport/vin"
)

// TestDecode is one case a rule of NHTSA's procedure, on real patterns.
func TestDecode(t *testing.T) {
	ix := index(t)
	for _, c := range []struct {
		name, vin string
		want      map[string]string
	}{
		{"car, letter in position 7: from 2010 on", "19UDE2F73JA111111",
			map[string]string{"Make": "ACURA", "Model": "ILX", "ModelYear": "2018", "BodyClass": "Sedan/Saloon", "ErrorCode": "0",
				"DisplacementCC": "2400.0", "DisplacementCI": "146.4569858273574815", "EngineModel": "K24V7", "PlantCity": "MARYSVILLE"}},
		{"car, digit in position 7: before 2010", "102RA94A0BB585438",
			map[string]string{"Make": "CAMELOT", "Model": "Model A", "ModelYear": "1981", "VehicleType": "PASSENGER CAR", "ErrorCode": "0"}},
		{"trailer, two years possible, the older has the patterns", "13NKNC0BXP5957547",
			map[string]string{"Make": "FONTAINE TRAILER CO.", "ModelYear": "1993", "VehicleType": "TRAILER", "PlantCountry": "UNITED STATES (USA)"}},
		{"six-character WMI", "109AFC3C8AA024523",
			map[string]string{"Make": "OTTAWA BRIMONT CORPORATION", "Manufacturer": "OTTAWA TRUCK CORPORATION", "ModelYear": "2010",
				"GVWR": "Class 7: 26,001 - 33,000 lb (11,794 - 14,969 kg)", "ErrorCode": "0"}},
		{"six-character WMI does not fall back to three", "1H9454J1", map[string]string{"Make": "", "ErrorCode": "6,7,11"}},
		{"formula: digits of the VIN are the value", "4S9C69U79DT295150",
			map[string]string{"DisplacementCC": "69", "Make": "WRENCH", "ModelYear": "2013"}},
		{"engine model brings its own values", "3BKXG16X96F741932",
			map[string]string{"EngineModel": "CG", "EngineManufacturer": "Cummins", "EngineHP": "275", "EngineHP_to": "280", "DisplacementCC": "8300.0"}},
		{"glider", "3BKXG16X96F741932", map[string]string{"ErrorCode": "0,9", "BodyClass": "Incomplete - Glider"}},
		{"off-road", "1A9202VX6R1914775", map[string]string{"ErrorCode": "0,10", "Make": "METRO TRAM"}},
		{"eleven characters: the plant is not known", "17NGHMA00HB",
			map[string]string{"Make": "JOHN DEERE", "Model": "LB/Bus", "ModelYear": "2017", "ErrorCode": "6", "PlantCountry": ""}},
		{"position 10 is no year: all schemas, code 11", "1A9436007*5288446",
			map[string]string{"Make": "NABI", "Model": "SFW", "ModelYear": "", "ErrorCode": "1,11,400"}},
		{"no pattern fits", "1A9AA##A?WA277111", map[string]string{"Make": "ACTION EQUIPMENT", "ErrorCode": "8,400"}},
		{"plant key with a bar", "1HGCM82633A004352",
			map[string]string{"Make": "HONDA", "Model": "Accord", "ModelYear": "2003", "PlantCity": "MARYSVILLE", "PlantState": "OHIO"}},
		{"vehicle descriptor overrides position 7", "KNDJH741*85", map[string]string{"Make": "KIA", "ModelYear": "2009"}},
		{"wrong check digit", "19UDE2F74JA111111", map[string]string{"Model": "ILX", "ErrorCode": "1"}},
		{"letter in the serial of a car", "19UDE2F73JA1A1111", map[string]string{"ErrorCode": "1,400"}},
		{"no VIN", "", map[string]string{"ErrorCode": "6,7,11", "Make": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := ix.DecodeText(c.vin, vin.Options{Year: 2026})
			got := d.Answer().Attributes
			got["ErrorCode"] = d.Codes.String()
			for k, want := range c.want {
				if got[k] != want {
					t.Errorf("%s is %q, want %q", k, got[k], want)
				}
			}
		})
	}
}

func TestCallersModelYear(t *testing.T) {
	ix := index(t)
	for _, c := range []struct {
		vin        string
		year, want int
		codes      vin.Codes
	}{
		{"19UDE2F73JA111111", 2018, 2018, vin.CodeClean},                                         // the same year
		{"19UDE2F73JA111111", 2017, 2017, vin.CodeOtherYear},                                     // another year with patterns: it is believed, and said
		{"19UDE2F73JA111111", 1985, 2018, vin.CodeOtherYear},                                     // another year without any: position 10 is
		{"19UDE2F73JA111111", 1900, 2018, vin.CodeClean},                                         // no plausible year
		{"1A9AA##A?WA277111", 1998, 1998, vin.CodeNoData | vin.CodeInvalidCharacters},            // breaks the tie
		{"1A9AA##A?WA277111", 0, 1998, vin.CodeNoData | vin.CodeInvalidCharacters},               // 2028 cannot be yet
		{"WDD2470031J059461", 0, 0, vin.CodeNoData | vin.CodeCheckDigit},                         // position 10 is no year there
		{"JF2SLDHC2TH459074", 0, 2026, vin.CodeNoData},                                           // American scheme, known maker
		{"L6T79P4N7RD091732", 0, 2024, vin.CodeNoData},                                           // Chinese scheme
		{"UU1HJDAG5MU043525", 0, 0, vin.CodeUnknownMaker},                                        // European
		{"1HG", 0, 0, vin.CodeIncomplete | vin.CodeBadYear},                                      // too short
		{"1ZZZZZZZ1ZZZZZZZZ", 0, 0, vin.CodeUnknownMaker | vin.CodeBadYear | vin.CodeCheckDigit}, // position 10 is no code
	} {
		d := ix.DecodeText(c.vin, vin.Options{Year: 2026, ModelYear: c.year})
		if d.ModelYear != c.want || !d.Codes.Has(c.codes) {
			t.Errorf("%s with %d: model year %d %v codes %s, want %d and %s", c.vin, c.year, d.ModelYear, d.YearCandidates, d.Codes, c.want, c.codes)
		}
	}
}

// What does not come from NHTSA says so.
func TestBasis(t *testing.T) {
	ix := index(t)
	for _, c := range []struct {
		vin, mk, model string
		year           int
		basis          string
		community      bool
		country, from  string
		weak           bool
	}{
		{"LRW3E7FAXRC093951", "TESLA", "Model 3", 2024, vin.BasisCommunity, true, "CN", vin.BasisPlantCommunity, false},
		{"XP7YGFER1SK808921", "TESLA", "Model Y", 2025, vin.BasisCommunity, true, "DE", vin.BasisPlantCommunity, false},
		{"5YJ3E1EA7KF317000", "TESLA", "Model 3", 2019, vin.BasisVPIC, false, "US", vin.BasisPlant, false},
		{"LSJWH4098PN070110", "MG", "", 2023, vin.BasisWorldList, false, "CN", vin.BasisWorld, true},
		{"LJ1EFAUU5MG068486", "", "", 2021, vin.BasisWorldList, false, "CN", vin.BasisWorld, true}, // the builder is known, not the make
		{"UU1HJDAG5MU043525", "DACIA", "", 0, vin.BasisWorldList, false, "RO", vin.BasisWorld, true},
		{"UU1DBG005MU043525", "DACIA", "", 2021, vin.BasisWorldList, false, "CN", vin.BasisPlantOfModel, false},
		{"WBY7X4101MS156671", "BMW", "", 2021, vin.BasisVPIC, false, "CN", vin.BasisPlantOfModel, false},
		{"YV1MC5851CJ126651", "VOLVO", "", 2012, vin.BasisVPIC, false, "SE", vin.BasisPlantCode, false},
		{"00000000000000000", "MASERATI", "", 0, vin.BasisWorldList, false, "", "", false},
	} {
		d := ix.DecodeText(c.vin, vin.Options{Year: 2026})
		if d.Make != c.mk || d.Model != c.model || d.ModelYear != c.year || d.Basis != c.basis || d.Community != c.community {
			t.Errorf("%s: %s %s %d by %q, community %v", c.vin, d.Make, d.Model, d.ModelYear, d.Basis, d.Community)
		}
		if b := d.BuiltIn; b.Code != c.country || b.Basis != c.from || b.Weak != c.weak || (b.Code != "") != (b.Country != "") {
			t.Errorf("%s: built in %+v, want %s by %s", c.vin, b, c.country, c.from)
		}
	}
}

func TestAnswerJSON(t *testing.T) {
	ix := index(t)
	d := ix.DecodeText("1HGCM82633A004352", vin.Options{Year: 2026})
	b, err := json.Marshal(d.Answer())
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"vin", "valid", "problems", "make", "model", "model_year", "manufacturer", "vehicle_type", "body_class", "built_in", "attributes"} {
		if _, ok := m[k]; !ok {
			t.Errorf("the answer has no %s: %s", k, b)
		}
	}
	if m["model_year"] != float64(2003) || m["valid"] != true || m["make"] != "HONDA" {
		t.Errorf("%s", b)
	}
	u := ix.DecodeText("UU1HJDAG5MU043525", vin.Options{Year: 2026})
	if b, err := json.Marshal(u.Answer()); err != nil || !bytes.Contains(b, []byte(`"model_year":null,"model_year_candidates":[2021,1991]`)) {
		t.Errorf("a year that is not known must be null: %s %v", b, err)
	}
	if n, ok := m["problems"].([]any); !ok || len(n) != 0 {
		t.Errorf("problems must be an empty list: %s", b)
	}
}

// The attributes, the fields and the codes of an answer agree with each other.
func checkDecoded(t fatal, ix *vin.Index, text string) {
	for _, d := range []vin.Decoded{ix.DecodeText(text, vin.Options{Year: 2026}), ix.Decode(vin.VIN(text), vin.Options{Year: 2026, ModelYear: 2020})} {
		n := 0
		for code, value := range d.Attributes() {
			if n++; code == "" || value == "" {
				t.Fatalf("%q: attribute %q is %q", text, code, value)
			}
			if d.Attribute(code) != value {
				t.Fatalf("%q: attribute %q stands twice", text, code)
			}
		}
		if d.Codes.Has(vin.CodeUnknownMaker) && !d.Community && n > 0 {
			t.Fatalf("%q: %d attributes of an unknown maker", text, n)
		}
		if d.Codes.Has(vin.CodeClean) && d.Codes&^(vin.CodeClean|vin.CodeGlider|vin.CodeOffRoad|vin.CodeOtherYear) != 0 {
			t.Fatalf("%q: clean, and %s", text, d.Codes)
		}
		if (d.Make != "" || d.MakeCandidates != "" || d.Manufacturer != "") != (d.Basis != "") && d.Codes.Has(vin.CodeUnknownMaker) {
			t.Fatalf("%q: make %q on basis %q", text, d.Make, d.Basis)
		}
		if d.ModelYear != 0 && (d.ModelYear < 1980 || d.ModelYear > 2028 || d.YearCandidates != [2]int{}) {
			t.Fatalf("%q: model year %d, candidates %v", text, d.ModelYear, d.YearCandidates)
		}
		if d.Make != "" && d.MakeCandidates != "" {
			t.Fatalf("%q: make %s, candidates %s", text, d.Make, d.MakeCandidates)
		}
		if d.ModelYear != 0 && d.YearBasis == "" {
			t.Fatalf("%q: model year %d without a basis", text, d.ModelYear)
		}
		if d.BuiltIn.Weak && d.BuiltIn.Note == "" || d.BuiltIn.Source != "" && d.BuiltIn.Weak {
			t.Fatalf("%q: built in %+v", text, d.BuiltIn)
		}
		if d.Valid && len(d.VIN) != vin.Length {
			t.Fatalf("%q: valid with %d characters", text, len(d.VIN))
		}
		if (d.BuiltIn.Code != "" || d.BuiltIn.Country != "") && d.BuiltIn.Basis == "" {
			t.Fatalf("%q: built in %+v without a basis", text, d.BuiltIn)
		}
	}
}

var someWMIs = []string{"1HG", "1M1", "5YJ", "LRW", "XP7", "KND", "JTD", "WBA", "1FT", "3HT", "4S9", "109", "L6T", "ZAM", "7SA", "1HD"}

func TestDecodeNeverFails(t *testing.T) {
	ix := index(t)
	text := rapid.OneOf(rapid.String(), fullVIN(), rapid.StringMatching(`[0-9A-Z*#|?!]{0,20}`),
		rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom(someWMIs).Draw(t, "WMI") + rapid.StringMatching(`[0-9A-Z*]{0,14}`).Draw(t, "rest")
		}))
	rapid.Check(t, func(t *rapid.T) { checkDecoded(t, ix, text.Draw(t, "text")) })
}

func FuzzDecode(f *testing.F) {
	ix := index(f)
	for _, s := range []string{"", "1HGCM82633A004352", "4S9C69U79DT295150", "1A9AA##A?WA277111", "LRW3E7FAXRC093951", "17NGHMA00HB",
		"KNDJH741*85", "\xff\xff\xff", "1M1|||||||||||||||", "109AFC3C8AA024523XXXX"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkDecoded(t, ix, s) })
}

func TestDecodeConcurrently(t *testing.T) {
	ix := index(t)
	vins := []string{"1HGCM82633A004352", "19UDE2F73JA111111", "LRW3E7FAXRC093951", "13NKNC0BXP5957547", "3BKXG16X96F741932"}
	want := make([]vin.Answer, len(vins))
	for i, v := range vins {
		d := ix.DecodeText(v, vin.Options{Year: 2026})
		want[i] = d.Answer()
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 400 {
				k := (g + i) % len(vins)
				d := ix.DecodeText(vins[k], vin.Options{Year: 2026})
				if a := d.Answer(); a.Make != want[k].Make || a.Model != want[k].Model || len(a.Attributes) != len(want[k].Attributes) {
					t.Errorf("%s: %s %s", vins[k], a.Make, a.Model)
				}
			}
		})
	}
	wg.Wait()
}

func TestEdition(t *testing.T) {
	ix := index(t)
	if e := ix.Edition(); !strings.HasPrefix(e, "NHTSA vPIC 20") {
		t.Errorf("edition %q", e)
	}
	c := ix.Counts()
	if c.WMIs < 12000 || c.Patterns < 790000 || c.CommunityWMIs != 2 || c.WorldWMIs < 1000 || c.Schemas < 24000 || c.Bytes > 12_000_000 {
		t.Errorf("%+v", c)
	}
}

func readIndex(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile("vpic.idx")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// A damaged file is refused with an error that names what is wrong.
func TestOpenDamaged(t *testing.T) {
	whole := readIndex(t)
	sum := func(b []byte) {
		binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(b[16:], crc32.MakeTable(crc32.Castagnoli)))
	}
	for _, c := range []struct {
		name string
		hurt func([]byte) []byte
		says string
	}{
		{"empty", func([]byte) []byte { return nil }, "header"},
		{"another file", func([]byte) []byte { return bytes.Repeat([]byte("SQLite format 3\x00"), 100) }, "does not start as one"},
		{"later version", func(b []byte) []byte { b[8] = 99; return b }, "format version 99"},
		{"cut short", func(b []byte) []byte { return b[:len(b)/2] }, "bytes but says"},
		{"one bit", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, "checksum"},
		{"section outside", func(b []byte) []byte { binary.LittleEndian.PutUint32(b[24:], 1<<31); sum(b); return b }, "section meta lies outside"},
		{"section of a strange size", func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[24+8*13+4:], binary.LittleEndian.Uint32(b[24+8*13+4:])-1)
			sum(b)
			return b
		}, "not a multiple of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := vin.Open(c.hurt(bytes.Clone(whole)))
			if !errors.Is(err, vin.ErrIndex) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

// tiny is a small but whole index: one WMI, one schema, one pattern of each of
// two elements.
func tiny(tb testing.TB) []byte {
	tb.Helper()
	key, _ := vin.WMIKey("1AA")
	tables := vin.Tables{
		Meta:     "edition=tiny\nyear=2026\n",
		Strings:  []string{"", "BodyClass", "Model", "Hatchback", "One", "ACME", "ACME WORKS", "MOTORCYCLE"},
		Elements: []vin.ElementRow{{ID: 5, Weight: 99, Code: 1}, {ID: 28, Weight: 99, Code: 2}},
		Classes:  []uint64{vin.ClassFree, vin.ClassAny, vin.SymbolBit('A')},
		Keys:     []vin.KeyRow{{VDS: [5]uint16{2, 1, 0, 0, 0}}},
		Tails:    make([][9]uint16, 1),
		Values:   []vin.ValueRow{{Slot: 0, Text: 3}, {Slot: 1, Text: 4, Extra: 5}},
		Schemas: []vin.SchemaRow{{ID: 7, Groups: []vin.GroupRow{{Key: 0, Patterns: []vin.PatternRow{
			{Value: 0, Date: 1, ID: 1}, {Value: 1, Date: 2, ID: 2}}}}}},
		Charsets: make([][9]uint16, 1),
		WMIs: []vin.WMIRow{{Key: key, Manufacturer: 6, Make: 5, PublicFrom: 20150101, Type: 1,
			Links: []vin.LinkRow{{Schema: 0, From: 80, To: vin.OpenYear}}}},
		Types: []vin.TypeRow{{ID: 1, Name: 7}},
	}
	data, err := tables.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestTinyIndex(t *testing.T) {
	ix, err := vin.Open(tiny(t))
	if err != nil {
		t.Fatal(err)
	}
	d := ix.DecodeText("1AAAB0000F0000000", vin.Options{})
	if d.Make != "ACME" || d.Model != "One" || d.BodyClass != "Hatchback" || d.ModelYear != 2015 || d.VehicleType != "MOTORCYCLE" {
		t.Errorf("%+v", d.Answer())
	}
	if d := ix.DecodeText("1AABB0000F0000000", vin.Options{}); d.Model != "" || !d.Codes.Has(vin.CodeNoData) {
		t.Errorf("another key fits: %+v", d.Answer())
	}
}

// FuzzOpen changes bytes of a small index, mends its checksum and decodes with
// whatever Open lets through.
func FuzzOpen(f *testing.F) {
	whole := tiny(f)
	f.Add(uint32(0), byte(0), uint32(0), byte(0))
	f.Add(uint32(30), byte(200), uint32(60), byte(1))
	f.Add(uint32(len(whole)-1), byte(9), uint32(len(whole)/2), byte(255))
	f.Fuzz(func(t *testing.T, at uint32, to byte, at2 uint32, to2 byte) {
		b := bytes.Clone(whole)
		b[at%uint32(len(b))], b[at2%uint32(len(b))] = to, to2
		if ix, err := vin.Open(b); err == nil {
			ix.Decode("1AAAB0000F0000000", vin.Options{})
		}
		binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(b[16:], crc32.MakeTable(crc32.Castagnoli)))
		ix, err := vin.Open(b)
		if err != nil {
			return
		}
		for _, v := range []vin.VIN{"1AAAB0000F0000000", "1AA", "", "9ZZZZZZZZZZZZZZZZ", "1AAAB000"} {
			d := ix.Decode(v, vin.Options{Year: 2026})
			_ = d.Answer()
		}
		ix.Counts()
	})
}

func TestDecodeAllocates(t *testing.T) {
	ix := index(t)
	for _, v := range []vin.VIN{"1HGCM82633A004352", "19UDE2F73JA111111", "13NKNC0BXP5957547"} {
		if n := testing.AllocsPerRun(200, func() { ix.Decode(v, vin.Options{Year: 2026}) }); n > 2 {
			t.Errorf("%s: %s allocations", v, strconv.FormatFloat(n, 'f', 1, 64))
		}
	}
}
