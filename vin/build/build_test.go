package build

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/vin"
)

// keysOf is the keys string of spVinDecode_core: VIN 4–8, and if there is more
// than nine characters, a bar and VIN 10–17.
func keysOf(v string) string {
	switch {
	case len(v) <= 3:
		return ""
	case len(v) <= 8:
		return v[3:]
	case len(v) == 9:
		return v[3:8]
	}
	return v[3:8] + "|" + v[9:]
}

// fits says whether the compiled key matches the keys string.
func (k *key) fits(keys string) bool {
	for i, m := range k.match {
		bit := vin.ClassFree &^ vin.ClassAny
		if i < len(keys) {
			bit = vin.SymbolBit(keys[i])
		}
		if m&bit == 0 {
			return false
		}
	}
	return true
}

func TestCompileKey(t *testing.T) {
	for _, c := range []struct {
		key, vin string
		want     bool
	}{
		{"AB", "1AAABXXX0F1111111", true},        // the end is free
		{"AB", "1AAACXXX0F1111111", false},       //
		{"AB", "1AAA", false},                    // the key is longer
		{"*B*", "1AAXBX", true},                  // a star is any one character
		{"*B*", "1AAXB", false},                  // which must be there
		{"*****|*A", "1AAXXXXX0FA", true},        // the bar stands before position 10, A is the plant
		{"*****|*A", "1AAXXXXX0FB", false},       //
		{"*****|*A", "1AAXXXXX0", false},         // no bar before position 10 is there
		{"******", "1AAXXXXX0F", true},           // a star takes the bar
		{"*****A", "1AAXXXXX0A", false},          // nothing but a star or a bar can
		{"[AB]C", "1AABCXXX0F", true},            //
		{"[AB]C", "1AACCXXX0F", false},           //
		{"[A-D1-3]", "1AAC", true},               //
		{"[A-D1-3]", "1AA4", false},              //
		{"[^A-D]", "1AAE", true},                 //
		{"[^A-D]", "1AAB", false},                //
		{"*****|*[1-A-JT]", "1AAXXXXX0FT", true}, // NHTSA's mending: 1A-JT
		{"*****|*[1-A-JT]", "1AAXXXXX0F1", true},
		{"*****|*[1-A-JT]", "1AAXXXXX0FJ", true},
		{"*****|*[1-A-JT]", "1AAXXXXX0F9", false},
		{"A_", "1AAAZ", true},                         // LIKE's wildcard
		{"[CF]_", "1AACZ", false},                     // but not with brackets
		{"[CF__]*", "1AA_Z", false},                   // no VIN holds it
		{"A", "1AAa", false},                          // upper case only
		{"A", "1AA*", false},                          // an unknown character
		{"*", "1AA*", true},                           // fits a star alone
		{"*#", "1AAX5", false},                        // a digit fits # in formulas only
		{"*****|********", "1AAXXXXX012345678", true}, // as long as a VIN
	} {
		k, err := compileKey(c.key)
		if err != nil {
			t.Errorf("%s: %v", c.key, err)
			continue
		}
		if got := k.fits(keysOf(c.vin)); got != c.want {
			t.Errorf("key %s, VIN %s: %v, want %v", c.key, c.vin, got, c.want)
		}
	}
	for _, bad := range []string{"[AB", "A%", "*****|*********", "[AB]**************"} {
		if _, err := compileKey(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("key %s: error %v", bad, err)
		}
	}
}

// A key's named characters are what its place can hold, never a star's.
func TestNamedCharacters(t *testing.T) {
	k, err := compileKey("A*[B-D]#|*[12]")
	if err != nil {
		t.Fatal(err)
	}
	digits := uint64(1<<10 - 1)
	want := [9]uint64{vin.SymbolBit('A'), 0, vin.SymbolBit('B') | vin.SymbolBit('C') | vin.SymbolBit('D'), digits, vin.SymbolBit('|')}
	if k.named != want {
		t.Errorf("%x, want %x", k.named, want)
	}
	k, err = compileKey("*****|*[12]")
	if err != nil {
		t.Fatal(err)
	}
	if got := k.named[5]; got != vin.SymbolBit('1')|vin.SymbolBit('2') {
		t.Errorf("position 11: %x", got)
	}
}

// A key without brackets fits exactly the texts that start with it, stars
// being free.
func TestPlainKeysAreSelfMatching(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-HJ-NPR-Z0-9*]{1,5}`).Draw(t, "key")
		fill := rapid.SampledFrom([]byte("ABC123XYZ")).Draw(t, "filling")
		k, err := compileKey(text)
		if err != nil {
			t.Fatal(err)
		}
		keys := strings.ReplaceAll(text, "*", string(fill))
		if !k.fits(keys) || !k.fits(keys+"99") {
			t.Fatalf("key %s does not fit %s", text, keys)
		}
		at := rapid.IntRange(0, len(keys)-1).Draw(t, "place")
		other := []byte(keys)
		other[at] = '?'
		if got, want := k.fits(string(other)), text[at] == '*'; got != want {
			t.Fatalf("key %s, keys %s: %v", text, other, got)
		}
		if k.fits(keys[:len(keys)-1]) {
			t.Fatalf("key %s fits the shorter %s", text, keys[:len(keys)-1])
		}
	})
}

func FuzzCompileKey(f *testing.F) {
	for _, s := range []string{"", "*****|*[1-A-JT]", "[^A-Z]*", "*##", "[", "]", "[-]", "A_%", "[\xff-\x00]"} {
		f.Add(s, "ABCDE|12345678")
	}
	f.Fuzz(func(t *testing.T, text, keys string) {
		k, err := compileKey(text)
		if err == nil && k.length > len(k.match) {
			t.Fatalf("%q: length %d", text, k.length)
		}
		k.fits(keys)
		compareKeys(text, keys)
	})
}

func TestCompareKeys(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"A****", "AB***", -1}, {"A", "*A*", 1}, {"*A", "A", -1}, {"[AB]", "[AC]", -1}, {"[AB]", "AB**", 1}, {"A[B]", "[A]B", 0}} {
		if got := compareKeys(c.a, c.b); got != c.want {
			t.Errorf("%s against %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// The digits are those of PostgreSQL's numeric type.
func TestConvert(t *testing.T) {
	for _, c := range []struct{ formula, x, want string }{
		{"#x# * 1000", "2.4", "2400.0"},
		{"#x# * 1000", "2", "2000"},
		{"#x# / 1000.", "49", "0.04900000000000000000"},
		{"#x# / 1000.", "400", "0.40000000000000000000"},
		{"#x# / 1000.", "2500", "2.5000000000000000"},
		{"#x# / 0.016387064 ", "2.4", "146.4569858273574815"},
		{"#x# / 16.387064 ", "49", "2.9901634606418819"},
		{"#x# * 16.387064 ", "-1.5", "-24.5805960"},
		{"#x# / 1000.", "0", "0.00000000000000000000"},
		{"#x# * 1000", "TBD", "0"},
		{"#x# * 1000", "", "0"},
		{"#x# * 1000", "1,5", "0"},
		{"#x# * 1000", "1.2.3", "0"},
		{"#x# * 1000", " .5 ", "500.0"},
		{"#x# / 0", "5", "0"},
	} {
		got, err := convert(c.formula, c.x)
		if err != nil || got != c.want {
			t.Errorf("%s with %q: %q %v, want %q", c.formula, c.x, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "#x#", "x * 2", "#x# + 2", "#x# * y"} {
		if got, err := convert(bad, "1"); err == nil {
			t.Errorf("formula %q: %q", bad, got)
		}
	}
}

func FuzzReadLookups(f *testing.F) {
	f.Add([]byte(`{"bodystyle":[["5","Hatchback"]],"defaultvalue":[["1","25","1","10"]],"vindescriptor":[["1","KNDJH741*85","2009"]]}`))
	f.Add([]byte(`{"a":[[]]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var src Source
		if err := ReadLookups(bytes.NewReader(data), &src); err != nil && !strings.HasPrefix(err.Error(), "lookups: ") {
			t.Fatal(err)
		}
	})
}

func FuzzReadWorld(f *testing.F) {
	f.Add([]byte("wmi,manufacturer,make,country,sources,agree_or_conflict\nLSJ,SAIC,MG,China,x,agree\n"))
	f.Add([]byte("wmi\nLSJ\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var src Source
		if err := ReadWorld(bytes.NewReader(data), &src); err != nil && !strings.HasPrefix(err.Error(), "world WMIs: ") {
			t.Fatal(err)
		}
	})
}

// source is a small edition: one car maker with one NHTSA schema, one community
// WMI.
func source() *Source {
	return &Source{
		Elements: []Element{
			{ID: 5, Code: "BodyClass", Lookup: "BodyStyle", Decoded: true, Weight: 99},
			{ID: 28, Code: "Model", Lookup: "Model", Decoded: true, Weight: 99},
			{ID: 96, Code: "NCSABodyType", Decoded: true, Private: true},
		},
		Lookups:       map[string]map[string]string{"bodystyle": {"5": "Hatch\tback"}, "vehicletype": {"2": "Passenger Car"}, "country": {"6": "UNITED STATES (USA)"}},
		Makes:         map[int]string{1: "Acme"},
		Models:        map[int]string{10: "One"},
		MakeOfModel:   map[int]int{10: 1},
		Manufacturers: map[int]string{3: "Acme Works"},
		WMIs: []WMI{{ID: 1, Code: "1AA", Manufacturer: 3, Type: 2, Country: 6, PublicFrom: "2015-01-01 00:00:00"},
			{ID: 2, Code: "XAA", Manufacturer: 3, Type: 2, PublicFrom: "2015-01-01 00:00:00"}},
		WMIMakes: map[int][]int{1: {1}},
		Links:    []Link{{WMI: 1, Schema: 100, From: 2012}, {WMI: 2, Schema: 101, From: 2012, To: 2020}},
		Patterns: []Pattern{
			{ID: 1, Schema: 100, Element: 28, Keys: "A", Attribute: "10", Date: "2020-01-01 00:00:00"},
			{ID: 2, Schema: 100, Element: 5, Keys: "AB", Attribute: "5", Date: "2020-01-02 00:00:00"},
			{ID: 3, Schema: 100, Element: 96, Keys: "A", Attribute: "x", Date: "2020-01-02 00:00:00"},
			{ID: 900, Schema: 101, Element: 28, Keys: "A", Attribute: "10", Date: "2026-03-01T00:00:00Z"},
		},
		World: []World{{WMI: "LSJ", Make: "Mg", Manufacturer: "SAIC", Country: "China"}, {WMI: "1AA", Make: "Nobody"}},
	}
}

var ownRows = Community{WMIs: []string{"XAA"}}

func TestIndex(t *testing.T) {
	data, report, err := Index(source(), ownRows)
	if err != nil {
		t.Fatal(err)
	}
	want := Report{Edition: "NHTSA vPIC 2020-01-02", WMIs: 2, Links: 2, Schemas: 2, Patterns: 3, Keys: 2, CommunityWMIs: 1, CommunitySchemas: 1,
		CommunityPatterns: 1, WorldWMIs: 1, Values: 2, Strings: report.Strings, Left: 1, Bytes: len(data)}
	if report != want {
		t.Errorf("report %+v\nwant %+v", report, want)
	}
	ix, err := vin.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	d := ix.DecodeText("1AAABXA00F0000000", vin.Options{Year: 2020})
	if d.Make != "ACME" || d.Model != "One" || d.BodyClass != "Hatch back" || d.ModelYear != 2015 || d.Manufacturer != "ACME WORKS" || d.Community {
		t.Errorf("%+v", d.Answer())
	}
	d = ix.DecodeText("XAAABXA00F0000000", vin.Options{Year: 2020})
	if d.Model != "One" || !d.Community || !d.Codes.Has(vin.CodeUnknownMaker) {
		t.Errorf("community: %+v", d.Answer())
	}
	if d = ix.DecodeText("LSJABXA00F0000000", vin.Options{Year: 2020}); d.Make != "MG" || d.BuiltIn.Code != "CN" {
		t.Errorf("world: %+v", d.Answer())
	}
}

func TestIndexIsReproducible(t *testing.T) {
	a, _, err := Index(source(), ownRows)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := Index(source(), ownRows)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("the same source gives another index (%v)", err)
	}
}

// What does not fit together is refused, and named.
func TestIndexRefuses(t *testing.T) {
	for _, c := range []struct {
		name, says string
		hurt       func(*Source)
	}{
		{"no patterns", "no pattern carries a date", func(s *Source) { s.Patterns = nil }},
		{"orphan", "pattern 1 belongs to schema 7", func(s *Source) { s.Patterns[0].Schema = 7 }},
		{"mixed schema", "schema 101 is both NHTSA's, of WMI 1AA,", func(s *Source) { s.Links = append(s.Links, Link{WMI: 1, Schema: 101, From: 2012}) }},
		{"unknown element", "element 77", func(s *Source) { s.Patterns[0].Element = 77 }},
		{"lookup table missing", "BodyStyle", func(s *Source) { delete(s.Lookups, "bodystyle") }},
		{"bad key", "bracket is not closed", func(s *Source) { s.Patterns[0].Keys = "[A" }},
		{"bad WMI", `WMI "1A"`, func(s *Source) { s.WMIs[0].Code = "1A" }},
		{"WMI twice", "stands twice", func(s *Source) { s.WMIs[1].Code = "1AA" }},
		{"bad date", "is no date", func(s *Source) { s.WMIs[0].PublicFrom = "soon enough" }},
		{"bad years", "years 12 to 0", func(s *Source) { s.Links[0].From = 12 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := source()
			c.hurt(src)
			if _, _, err := Index(src, ownRows); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}
