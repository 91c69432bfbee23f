package vin_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/vin"
)

func TestParse(t *testing.T) {
	type problem struct {
		code string
		at   int
		note bool
	}
	for _, c := range []struct {
		name, text string
		want       vin.VIN
		problems   []problem
	}{
		{"clean", "1HGCM82633A004352", "1HGCM82633A004352", nil},
		{"lower case and blanks", "  1hgcm82633a004352\r\n", "1HGCM82633A004352", nil},
		{"separators", "1HG-CM826.33A 004352", "1HGCM82633A004352", nil},
		{"byte order mark", "\ufeff1HGCM82633A004352", "1HGCM82633A004352", nil},
		{"empty", "", "", []problem{{"empty", 0, false}}},
		{"only separators", " - \t", "", []problem{{"empty", 0, false}}},
		{"16 characters", "1HGCM82633A00435", "1HGCM82633A00435", []problem{{"too_short", 0, false}}},
		{"18 characters", "I1HGCM82633A004352", "I1HGCM82633A00435", []problem{{"too_long", 18, false}, {"illegal_character", 1, false}}},
		{"letters I, O, Q", "IHGCM826O3A0Q4352", "IHGCM826O3A0Q4352",
			[]problem{{"illegal_character", 1, false}, {"illegal_character", 9, false}, {"illegal_character", 13, false}}},
		{"sign", "1HGCM82633A00435!", "1HGCM82633A00435!", []problem{{"illegal_character", 17, false}}},
		{"not ASCII", "1HGCM82633A00435é", "1HGCM82633A00435?", []problem{{"illegal_character", 17, false}}},
		{"unknown character", "1HGCM826*3A004352", "1HGCM826*3A004352", []problem{{"unknown_character", 9, false}}},
		{"wrong check digit, United States", "1HGCM82643A004352", "1HGCM82643A004352", []problem{{"check_digit", 9, false}}},
		{"wrong check digit, China", "LSJWH4099PN070110", "LSJWH4099PN070110", []problem{{"check_digit", 9, false}}},
		{"no check digit, Germany", "WVGZZZ5NZEW069297", "WVGZZZ5NZEW069297", []problem{{"check_digit", 9, true}}},
		{"no check digit, New Zealand", "7A8AA000000000000", "7A8AA000000000000", []problem{{"check_digit", 9, true}}},
		{"wrong check digit, United States in the range of 7", "7SAYGDEE2NF000000", "7SAYGDEE2NF000000", []problem{{"check_digit", 9, false}}},
		{"not UTF-8", "1HGCM8\xff2633A004352", "", []problem{{"not_utf8", 7, false}}},
		{"half a character at the end", "1HGCM82633A00435\xe2\x82", "", []problem{{"not_utf8", 17, false}}},
		{"replacement character is UTF-8", "\ufffd", "?", []problem{{"too_short", 0, false}, {"illegal_character", 1, false}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, problems := vin.Parse(c.text)
			if v != c.want {
				t.Errorf("VIN %q, want %q", v, c.want)
			}
			var got []problem
			for _, p := range problems {
				if p.Text == "" {
					t.Errorf("problem %s says nothing", p.Code)
				}
				got = append(got, problem{p.Code, p.At, p.Note})
			}
			if d := cmp.Diff(c.problems, got, cmp.AllowUnexported(problem{})); d != "" {
				t.Error(d)
			}
		})
	}
}

// One megabyte on one line gets one short answer.
func TestParseLong(t *testing.T) {
	v, problems := vin.Parse(strings.Repeat("1HGCM82633A004352", 1<<20/17+1))
	if len(v) != vin.Length || len(problems) != 1 || problems[0].Code != vin.ProblemTooLong {
		t.Fatalf("VIN %q, problems %v", v, problems)
	}
	if !strings.Contains(problems[0].Text, "1048577 characters") {
		t.Errorf("the answer does not name the length: %s", problems[0].Text)
	}
}

func TestCheckDigit(t *testing.T) {
	for _, c := range []struct {
		vin  string
		want byte
	}{
		{"11111111111111111", '1'}, // the usual first test: ones check themselves
		{"1HGCM82633A004352", '3'},
		{"1M8GDM9AXKP042788", 'X'},
		{"5GZCZ43D13S812715", '1'},
		{"LSJWH409XPN070089", 'X'},
		{"WVGZZZ5NZEW069297", 'X'}, // what it would be; the maker uses Z as filler
	} {
		got, ok := vin.CheckDigit(c.vin)
		if !ok || got != c.want {
			t.Errorf("%s: check digit %c %v, want %c", c.vin, got, ok, c.want)
		}
	}
	for _, bad := range []string{"", "1HGCM82633A00435", "1HGCM82633A0043521", "1HGCM82633A00435I", "1HGCM82633A00435*", "1hgcm82633a004352"} {
		if d, ok := vin.CheckDigit(bad); ok {
			t.Errorf("%q: check digit %c, want none", bad, d)
		}
	}
	// position 9 itself takes no part
	if d, ok := vin.CheckDigit("1HGCM826*3A004352"); !ok || d != '3' {
		t.Errorf("with position 9 unknown: %c %v", d, ok)
	}
}

func TestWMI(t *testing.T) {
	for v, want := range map[vin.VIN]string{"1HGCM82633A004352": "1HG", "109AFC3C8AA024523": "109024", "109AFC3C8AA02": "109", "1H": "1H", "": ""} {
		if got := v.WMI(); got != want {
			t.Errorf("%q: WMI %q, want %q", v, got, want)
		}
	}
}

func TestCountry(t *testing.T) {
	for name, want := range map[string]string{"UNITED STATES (USA)": "US", "ENGLAND": "GB", "QATAR  ": "QA", "Germany": "DE",
		"South Korea": "KR", "SAINT VINCENT AND  THE GRENADINES": "VC", "Atlantis": "", "": ""} {
		if got := vin.CountryCode(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := vin.CountryName("CN"); got != "China" {
		t.Errorf("CN is %q", got)
	}
}

const alphabet = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"

// sameValue groups the characters by their value in the check digit's sum.
var sameValue = []string{"0", "1AJ", "2BKS", "3CLT", "4DMU", "5ENV", "6FW", "7GPX", "8HY", "9RZ"}

func valueClass(c byte) int {
	for i, s := range sameValue {
		if strings.IndexByte(s, c) >= 0 {
			return i
		}
	}
	return -1
}

func fullVIN() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		b := make([]byte, vin.Length)
		for i := range b {
			b[i] = rapid.SampledFrom([]byte(alphabet)).Draw(t, "character")
		}
		b[8] = '0'
		b[8], _ = vin.CheckDigit(string(b))
		return string(b)
	})
}

// The check digit finds any one wrong character that has another value, and
// never one that has the same.
func TestCheckDigitDetects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := fullVIN().Draw(t, "VIN")
		at := rapid.IntRange(0, vin.Length-1).Filter(func(i int) bool { return i != 8 }).Draw(t, "position")
		c := rapid.SampledFrom([]byte(alphabet)).Draw(t, "wrong character")
		b := []byte(v)
		b[at] = c
		got, ok := vin.CheckDigit(string(b))
		if !ok {
			t.Fatalf("%s has no check digit", b)
		}
		if same := valueClass(c) == valueClass(v[at]); (got == v[8]) != same {
			t.Fatalf("%s → %s: check digit %c, position 9 says %c", v, b, got, v[8])
		}
	})
}

// What Parse gives is short, of legal form, and parses to itself.
func TestParseIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkParsed(t, rapid.OneOf(rapid.String(), fullVIN(), rapid.StringMatching(`[ -~]{0,40}`)).Draw(t, "text"))
	})
}

type fatal interface{ Fatalf(string, ...any) }

func checkParsed(t fatal, text string) {
	v, problems := vin.Parse(text)
	if len(v) > vin.Length || !utf8.ValidString(string(v)) {
		t.Fatalf("%q: VIN %q", text, v)
	}
	if len(v) < vin.Length && len(problems) == 0 {
		t.Fatalf("%q: VIN %q without a problem", text, v)
	}
	for _, p := range problems {
		if p.Code == "" || p.Text == "" || p.At < 0 || p.Code != vin.ProblemNotUTF8 && p.At > vin.Length+1 || len(p.Text) > 200 {
			t.Fatalf("%q: problem %+v", text, p)
		}
	}
	if again, _ := vin.Parse(string(v)); again != v {
		t.Fatalf("%q: VIN %q parses to %q", text, v, again)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "1HGCM82633A004352", " 1hg-cm826.33a004352\n", "IOQ", "\xff\xfe", "1HGCM826*3A004352", "UU1*5SDA1C*F0078185", "ÄÖÜ", "\x00\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkParsed(t, s) })
}
