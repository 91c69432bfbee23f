package vin_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/vin"
)

// The pairs that sources name (see correct.go): the character on the label and
// those it is read as.
var misreadAs = map[byte]string{'0': "OQ", '1': "I", '8': "B", 'B': "8", '5': "S", 'S': "5", '2': "Z", 'Z': "2", '9': "Q"}

// Other pairs that look alike, none of which is ever corrected.
var otherMisreads = map[byte]string{'0': "D8", 'D': "0", '1': "7LJT", '7': "1T", 'J': "1", 'L': "1", 'T': "17", '3': "589", '4': "9A", 'A': "4", '5': "368",
	'6': "58BG", '8': "0356", '9': "34", 'B': "6P", 'G': "6C", 'C': "G", 'P': "BR", 'R': "P", 'E': "F", 'F': "E", 'K': "X", 'X': "KY", 'U': "V", 'V': "UWY", 'W': "V", 'Y': "VX"}

// misread exchanges n characters of v, at random places, for ones they are read
// as. It is false where v has too few that can be misread.
func misread(rng *rand.Rand, v string, as map[byte]string, n int) (string, bool) {
	b := []byte(v)
	var at []int
	for i, c := range b {
		if as[c] != "" {
			at = append(at, i)
		}
	}
	if len(at) < n {
		return "", false
	}
	rng.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
	for _, i := range at[:n] {
		b[i] = as[b[i]][rng.IntN(len(as[b[i]]))]
	}
	return string(b), true
}

func lawDemandsCheckDigit(v string) bool { return strings.IndexByte("123457LH", v[0]) >= 0 }

// TestMisreads reads real VINs wrongly. A correction that is not the VIN on the
// label is an error, always; so is any correction of two misread characters.
func TestMisreads(t *testing.T) {
	ix := index(t)
	type row struct {
		VIN string `json:"vin"`
	}
	var all, demanded []string
	for _, r := range lines[row](t, shared(t, "data", "vin", "truth-dev.jsonl")) {
		if c, ok := vin.CheckDigit(r.VIN); ok && c == r.VIN[8] {
			all = append(all, r.VIN)
			if lawDemandsCheckDigit(r.VIN) {
				demanded = append(demanded, r.VIN)
			}
		}
	}
	if len(all) < 600 || len(demanded) < 450 {
		t.Fatalf("only %d VINs with a good check digit, %d where the law demands it: the test has lost its data", len(all), len(demanded))
	}
	const trials = 12_000
	for i, c := range []struct {
		name      string
		vins      []string
		as        map[byte]string
		errors    int
		namedOnly bool
		right     float64 // at least
		wrong     int     // at most
	}{
		{"one, named misreads only thought of, all VINs", all, misreadAs, 1, true, 0.74, 0},
		{"one, named misreads only thought of, check digit demanded", demanded, misreadAs, 1, true, 0.85, 0},
		{"one, all VINs", all, misreadAs, 1, false, 0.45, 0},
		{"one, check digit demanded", demanded, misreadAs, 1, false, 0.70, 0},
		{"one of another kind", demanded, otherMisreads, 1, false, 0, 0},
		{"two, named misreads only thought of, all VINs", all, misreadAs, 2, true, 0, 0},
		{"two, named misreads only thought of, check digit demanded", demanded, misreadAs, 2, true, 0, 0},
		{"two, all VINs", all, misreadAs, 2, false, 0, 0},
		{"two, check digit demanded", demanded, misreadAs, 2, false, 0, 0},
	} {
		seed := uint64(20260217 + i)
		rng := rand.New(rand.NewPCG(seed, 1))
		n, right, wrong, valid, among := 0, 0, 0, 0, 0
		for n < trials {
			truth := c.vins[rng.IntN(len(c.vins))]
			read, ok := misread(rng, truth, c.as, c.errors)
			if !ok {
				continue
			}
			n++
			got := ix.Correct(vin.VIN(read), vin.CorrectOptions{Year: 2026, NamedOnly: c.namedOnly})
			switch {
			case string(got.VIN) == truth:
				right++
			case got.VIN != "":
				if wrong++; wrong <= 5 {
					t.Logf("%s read as %s was corrected to %s", truth, read, got.VIN)
				}
			case strings.HasPrefix(got.Why, "The VIN is valid"):
				valid++
			default:
				for _, k := range got.Candidates {
					if string(k.VIN) == truth {
						among++
					}
				}
			}
		}
		share := func(k int) float64 { return 100 * float64(k) / float64(n) }
		t.Logf("%s: of %d (seed %d) right %.2f %%, wrong %d, among the candidates %.2f %%, valid as read %.2f %%, neither %.2f %%",
			c.name, n, seed, share(right), wrong, share(among), share(valid), share(n-right-wrong-among-valid))
		if n < 10_000 || float64(right) < c.right*float64(n) || wrong > c.wrong || c.errors > 1 && right > 0 {
			t.Errorf("%s: of %d, %d right and %d wrong", c.name, n, right, wrong)
		}
	}
}

// TestEveryMisread reads real VINs, and VINs of all kinds made for comparing
// with NHTSA's procedure, wrongly in every way that sources name: each character,
// and each two.
func TestEveryMisread(t *testing.T) {
	ix := index(t)
	type row struct {
		VIN string `json:"vin"`
	}
	for _, file := range []struct {
		name  string
		every int // takes one row in so many
		trials
	}{
		{"truth-dev.jsonl", 1, trials{5000, 18_000}},
		{"oracle-dev.jsonl", 16, trials{4500, 17_000}},
	} {
		n, right, doubles := 0, 0, 0
		opt := vin.CorrectOptions{Year: 2026, NamedOnly: true}
		for k, r := range lines[row](t, shared(t, "data", "vin", file.name)) {
			if c, ok := vin.CheckDigit(r.VIN); k%file.every != 0 || !ok || c != r.VIN[8] {
				continue
			}
			if d := ix.Decode(vin.VIN(r.VIN), vin.Options{Year: 2026}); d.Basis == "" || d.Codes&(vin.CodeCheckDigit|vin.CodeInvalidCharacters) != 0 {
				continue // no VIN of a known maker, though the check digit is right
			}
			b := []byte(r.VIN)
			for i, was := range b {
				for _, c := range []byte(misreadAs[was]) {
					b[i] = c
					n++
					if got := ix.Correct(vin.VIN(b), opt); string(got.VIN) == r.VIN {
						right++
					} else if got.VIN != "" {
						t.Errorf("%s read as %s was corrected to %s", r.VIN, b, got.VIN)
					}
					for j := i + 1; j < len(b); j++ {
						second := b[j]
						for _, c := range []byte(misreadAs[second]) {
							b[j] = c
							doubles++
							if got := ix.Correct(vin.VIN(b), opt); got.VIN != "" {
								t.Errorf("%s read as %s, in two characters, was corrected to %s", r.VIN, b, got.VIN)
							}
						}
						b[j] = second
					}
				}
				b[i] = was
			}
		}
		t.Logf("%s: of %d misread characters %.2f %% put right, none wrong; of %d pairs of misread characters none", file.name, n, 100*float64(right)/float64(n), doubles)
		if n < file.singles || doubles < file.doubles || right < n/2 {
			t.Errorf("%s: %d and %d trials, %d right", file.name, n, doubles, right)
		}
	}
}

type trials struct{ singles, doubles int } // at least

func TestCorrect(t *testing.T) {
	ix := index(t)
	for _, c := range []struct {
		name, read, want string
		at               int
		why              string
		candidates       int // at least
	}{
		{"S for 5 in the serial", "1HGCM82633A0043S2", "1HGCM82633A004352", 16, "must be 5", 0},
		{"O for 0", "1HGCM82633AO04352", "1HGCM82633A004352", 12, "must be 0", 0},
		{"I for 1 at the start", "IHGCM82633A004352", "1HGCM82633A004352", 1, "must be 1", 0},
		{"B for 8 in the VDS", "1HGCMB2633A004352", "1HGCM82633A004352", 6, "must be 8", 0},
		{"as it should be", "1HGCM82633A004352", "", 0, "valid as it was read", 0},
		{"two of one kind", "1HGCM82633AOO4352", "", 0, "one look-alike", 1},
		{"two of two kinds", "1HGCM82633AO043S2", "", 0, "one look-alike", 1},
		{"three", "IHGCM82633AO043S2", "", 0, "No exchange", 0},
		{"Germany, O for 0: the check digit proves nothing", "WVGZZZ5NZEWO69297", "", 0, "No exchange", 1},
		{"Japan, O for 0: a digit is certain where the check digit is right", "JHMCM5656OC404453", "", 0, "", 0},
		{"Sweden, I for 1 and B for 8: right by chance", "YVIMC5B51CJ126651", "", 0, "proves nothing", 1},
		{"16 characters", "1HGCM82633A00435", "", 0, "16 characters", 0},
		{"nothing", "", "", 0, "0 characters", 0},
		{"valid in Germany", "WVGZZZ5NZEW069297", "", 0, "valid as it was read", 0},
		{"one character not read", "1HGCM82633A0*4352", "", 0, "", 1},
		{"no VIN at all", "ABCDEFGHIJKLMNOPQ", "", 0, "No exchange", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ix.Correct(vin.VIN(c.read), vin.CorrectOptions{Year: 2026})
			if string(got.VIN) != c.want || got.Change.At != c.at || !strings.Contains(got.Why, c.why) || len(got.Candidates) < c.candidates {
				t.Errorf("%+v", got)
			}
			checkCorrection(t, ix, got)
		})
	}
}

// checkCorrection holds what must be true of every correction.
func checkCorrection(t fatal, ix *vin.Index, c vin.Correction) {
	if c.Why == "" || len(c.Candidates) > vin.MaxCandidates || c.VIN != "" && len(c.Candidates) > 0 {
		t.Fatalf("%+v", c)
	}
	if c.VIN != "" {
		d := ix.Decode(c.VIN, vin.Options{Year: 2026})
		if !d.Valid || d.Model == "" || len(c.VIN.Problems()) > 0 {
			t.Fatalf("corrected to what is not valid: %+v", c)
		}
		if apply(c.Read, []vin.Change{c.Change}) != c.VIN {
			t.Fatalf("the change does not make the VIN: %+v", c)
		}
		if again := ix.Correct(c.VIN, vin.CorrectOptions{Year: 2026}); again.VIN != "" || len(again.Candidates) > 0 {
			t.Fatalf("a corrected VIN is corrected again: %+v, %+v", c, again)
		}
	}
	for _, k := range c.Candidates {
		if apply(c.Read, k.Changes) != k.VIN || len(k.Changes) == 0 {
			t.Fatalf("the changes do not make candidate %s: %+v", k.VIN, c)
		}
	}
}

func apply(v vin.VIN, changes []vin.Change) vin.VIN {
	b := []byte(v)
	for _, c := range changes {
		if c.At < 1 || c.At > len(b) || string(rune(b[c.At-1])) != c.From || len(c.To) != 1 {
			return ""
		}
		b[c.At-1] = c.To[0]
	}
	return vin.VIN(b)
}

// What the site expects narrows what is ambiguous, and chooses nothing.
func TestCorrectExpected(t *testing.T) {
	ix := index(t)
	const truth, read = "1HGCM82633A004352", "1HGCM82633AOO43S2"
	expected := []vin.VIN{"5YJ3E1EA7KF317000", truth, "1HGCM82633A004"}
	c := ix.Correct(read, vin.CorrectOptions{Year: 2026, Expected: expected})
	if c.VIN != "" || len(c.Candidates) != 1 || c.Candidates[0].VIN != truth || !c.Candidates[0].Expected || len(c.Candidates[0].Changes) != 3 {
		t.Errorf("%+v", c)
	}
	if c := ix.Correct(read, vin.CorrectOptions{Year: 2026, Expected: expected[:1]}); len(c.Candidates) > 0 && c.Candidates[0].Expected {
		t.Errorf("another vehicle is expected: %+v", c)
	}
	// a European VIN, of which the check digit says nothing, is found too
	c = ix.Correct("WVGZZZ5NZEWO6929Z", vin.CorrectOptions{Year: 2026, Expected: []vin.VIN{"WVGZZZ5NZEW069292"}})
	if c.VIN != "" || len(c.Candidates) != 1 || !c.Candidates[0].Expected {
		t.Errorf("%+v", c)
	}
}

// O in a WMI that NHTSA has registered with it is no misread.
func TestCorrectRegisteredLetter(t *testing.T) {
	ix := index(t)
	found := 0
	for a := range 36 {
		for b := range 36 {
			const chars = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			for _, wmi := range []string{"O" + chars[a:a+1] + chars[b:b+1], chars[a:a+1] + "O" + chars[b:b+1], chars[a:a+1] + chars[b:b+1] + "O"} {
				v := vin.VIN(wmi + "AA0000A000000")
				v = v[:3] + "AA000000A00000"
				if d := ix.Decode(v, vin.Options{Year: 2026}); d.Codes.Has(vin.CodeUnknownMaker) {
					continue
				}
				found++
				if c := ix.Correct(v, vin.CorrectOptions{Year: 2026}); c.VIN != "" || !strings.Contains(c.Why, "registered") {
					t.Errorf("%s: %+v", v, c)
				}
			}
		}
	}
	t.Logf("%d WMIs of three characters with O", found)
}

// A VIN with a good check digit, of a maker that must have one.
func goodVIN() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		wmi := rapid.SampledFrom([]string{"1HG", "1M1", "5YJ", "LRW", "1FT", "3HT", "7SA", "2HG", "1GC"}).Draw(t, "WMI")
		v := []byte(wmi + rapid.StringMatching(`[0-9A-HJ-NPR-Z]{5}`).Draw(t, "VDS") + "0" + rapid.StringMatching(`[1-9A-HJ-NPR-TV-Y][0-9A-HJ-NPR-Z][0-9]{6}`).Draw(t, "VIS"))
		c, ok := vin.CheckDigit(string(v))
		if !ok {
			t.Fatal("no check digit")
		}
		v[8] = c
		return string(v)
	})
}

func TestCorrectLaws(t *testing.T) {
	ix := index(t)
	rapid.Check(t, func(t *rapid.T) {
		v := goodVIN().Draw(t, "VIN")
		if c := ix.Correct(vin.VIN(v), vin.CorrectOptions{Year: 2026}); c.VIN != "" || len(c.Candidates) > 0 {
			t.Fatalf("a valid VIN was changed: %+v", c)
		}
		b := []byte(v)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			b[rapid.IntRange(0, 16).Draw(t, "at")] = rapid.SampledFrom([]byte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*")).Draw(t, "to")
		}
		checkCorrection(t, ix, ix.Correct(vin.VIN(b), vin.CorrectOptions{Year: 2026, Expected: []vin.VIN{vin.VIN(v)}}))
	})
}

func FuzzCorrect(f *testing.F) {
	ix := index(f)
	for _, s := range []string{"", "1HGCM82633A0043S2", "IHGCM82633A004352", "1HGCM82633AOO4352", "WVGZZZ5NZEWO69297", "1HGCM82633A0*4352",
		"\xff1HGCM82633A00435", "*****************", "OOOOOOOOOOOOOOOOO", "1B9BBBB8BBB8BB888"} {
		f.Add(s, "1HGCM82633A004352")
	}
	f.Fuzz(func(t *testing.T, read, expected string) {
		checkCorrection(t, ix, ix.Correct(vin.VIN(read), vin.CorrectOptions{Year: 2026, Expected: []vin.VIN{vin.VIN(expected)}}))
	})
}

// BenchmarkCorrect is one misread character that can be corrected, and one that
// cannot.
func BenchmarkCorrect(b *testing.B) {
	ix := index(b)
	for _, c := range []struct{ name, read string }{{"certain", "1HGCM82633A0043S2"}, {"ambiguous", "1HGCM82643A004352"}, {"hopeless", "1B9BBBB8BBB8BB888"}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ix.Correct(vin.VIN(c.read), vin.CorrectOptions{Year: 2026})
			}
		})
	}
}
