package build

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/vin"
)

// wholeIndex is the index of the small dump.
func wholeIndex(tb testing.TB) *vin.Index {
	tb.Helper()
	src, err := ReadDump(strings.NewReader(dumpText(tb)))
	if err != nil {
		tb.Fatal(err)
	}
	data, report, err := Index(src, Community{})
	if err != nil {
		tb.Fatal(err)
	}
	if !report.Whole || report.Specs != 3 || report.LeftSpecs != 2 || report.Exceptions != 1 || report.ValidChars != 1 || report.Left != 2+1 {
		tb.Errorf("report %+v", report)
	}
	ix, err := vin.Open(data)
	if err != nil {
		tb.Fatal(err)
	}
	return ix
}

// signed puts the right check digit into a VIN.
func signed(v string) string {
	d, _ := vin.CheckDigit(v)
	return v[:8] + string(d) + v[9:]
}

// What the public cut cannot tell comes alive with the whole download: NHTSA's
// position checks, suggested VIN, vehicle specs, exceptions and words.
func TestWholeDownload(t *testing.T) {
	ix := wholeIndex(t)
	if !ix.Whole() {
		t.Fatal("the index does not know that it is whole")
	}
	const (
		checkDigit = "1 - Check Digit (9th position) does not calculate properly"
		unusedText = "14 - Unable to provide information for some of the characters in the VIN, based on the manufacturer submission."
		yearOpen   = "The Model Year decoded for this VIN may be incorrect. If you know the Model year, please enter it and decode again to get more accurate information."
		altered    = "Incomplete Vehicle Warning - Please be advised that the vehicle may have been altered and may not be an accurate representation of the vehicle in its current condition."
	)
	for _, c := range []struct {
		name, vin, codes string
		want             map[string]string
	}{
		{"one place wrong, one character suits the check digit", "1FBNE3BE1CDB23596", "1,3,14", map[string]string{
			"SuggestedVIN": "1FBNE3BL1CDB23596", "PossibleValues": "(8:L)", "AdditionalErrorText": "Unused position(s): 8.",
			"ErrorText": checkDigit + "; 3 - VIN corrected, error in one position (assuming Check Digit is correct); " + unusedText,
			"Model":     "E-350", "ModelYear": "2012", "FuelTypePrimary": "", "SteeringLocation": "Left-Hand Drive (LHD)"}},
		{"as suggested", "1FBNE3BL1CDB23596", "0", map[string]string{"SuggestedVIN": "", "PossibleValues": "", "AdditionalErrorText": "",
			"ErrorText": "0 - VIN decoded clean. Check Digit (9th position) is correct", "FuelTypePrimary": "Gasoline", "VehicleDescriptor": "1FBNE3BL*CD"}},
		{"one place wrong, one character fits", signed("1AAABXDE0FK000001"), "2,14", map[string]string{"SuggestedVIN": "1AAABCDE9FK000001", "PossibleValues": "(6:C)"}},
		{"the same with a wrong check digit", "1AAABXDE0FK000001", "1,2,14", map[string]string{"SuggestedVIN": "1AAABCDE0FK000001"}},
		{"one place wrong, several fit", "1AAABCDZ0FK000001", "1,4,14", map[string]string{"SuggestedVIN": "1AAABCD!0FK000001", "PossibleValues": "(8:EFG)",
			"AdditionalErrorText": "In the Possible values section, the Numeric value before the : indicates the position in error. Unused position(s): 8."}},
		{"two places wrong", signed("1AAAZXDE0FK000001"), "5,14", map[string]string{"SuggestedVIN": "1AAA!!DE4FK000001", "PossibleValues": "(5:BX)(6:C)",
			"AdditionalErrorText": "The error positions are indicated by ! in Suggested VIN. Unused position(s): 5,6."}},
		{"vehicle specs of 2015", signed("1AAABCDE0FK000001"), "0", map[string]string{"SteeringLocation": "Right-Hand Drive (RHD)", "BodyClass": "Hatchback",
			"BatteryInfo": "", "Note": `first note \ with A and A ~ from the specs ~ second`}},
		{"vehicle specs of 2016", signed("1AAABCDE0GK000001"), "0", map[string]string{"SteeringLocation": "", "BatteryInfo": "of another year"}},
		{"vehicle specs need their keys", signed("1AAAXCDE0FK000001"), "0,14", map[string]string{"EngineModel": "", "SteeringLocation": ""}},
		{"exception to the check digit", "1AAABCDE0FK000001", "0", map[string]string{"ErrorText": "0 - VIN decoded clean. Check Digit (9th position) is correct NOTE: " +
			"Check Digit Exception - The check digit was given an exception based on data from the OEM indicating an error on production."}},
		{"listed, but no exception", "1AAABCDE1FK000002", "1", map[string]string{"ErrorText": checkDigit}},
		{"a character not allowed", "1AAABCDE0FK00000A", "1,400", map[string]string{"SuggestedVIN": "1AAABCDE0FK00000!", "AdditionalErrorText": "Invalid character(s): 17:A."}},
		{"no year", "1AAZBCDE0UK000001", "1,11,14,400", map[string]string{"SuggestedVIN": "1AAZBCDE0!K000001",
			"AdditionalErrorText": "Unused position(s): 4. Invalid character(s): 10:U."}},
		{"glider", "1DDG00000A0000001", "1,9,14", map[string]string{"BodyClass": "Glider", "AdditionalErrorText": "Unused position(s): 5,6,7,8,11. " + altered + " " + yearOpen}},
		{"off-road, with a letter for check digit", "1DDS0000UA0000001", "1,10,14", map[string]string{"SuggestedVIN": "",
			"ErrorText": checkDigit + " NOTE: Disregard if this is an off-road vehicle PIN, as check digit calculation may not be accurate.; 10 - Off-Road Vehicle Warning; " + unusedText}},
		{"default that is no row of its table", "1CCA00000G0000001", "1,14", map[string]string{"FuelTypePrimary": "Not Applicable"}},
		{"short", "1AAABCDE", "6,11", map[string]string{"Model": "One", "VehicleDescriptor": "1AAABCDE***"}},
		{"unknown maker", "ZZZABCDE0FK000001", "7", map[string]string{"ErrorText": "7 - Manufacturer is not registered with NHTSA", "AdditionalErrorText": yearOpen}},
		{"small maker", "1B9A0000XF1001001", "1,14", map[string]string{"VehicleDescriptor": "1B9A0000*F1001", "Model": "One"}},
	} {
		d := ix.DecodeText(c.vin, vin.Options{Year: 2026})
		if d.Codes.String() != c.codes {
			t.Errorf("%s (%s): codes %s, want %s", c.name, c.vin, d.Codes, c.codes)
		}
		got := d.Answer().Attributes
		for k, want := range c.want {
			if got[k] != want {
				t.Errorf("%s (%s): %s is %q, want %q", c.name, c.vin, k, got[k], want)
			}
		}
	}
}

// A suggested VIN that has no open place is one that decodes without error of
// position.
func TestSuggestionHolds(t *testing.T) {
	ix := wholeIndex(t)
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]string{"1FBNE3BL1CDB23596", "1AAABCDE8FK000001", "1DDG00000A0000001"}).Draw(t, "vin")
		b := []byte(v)
		for range rapid.IntRange(0, 3).Draw(t, "errors") {
			b[rapid.IntRange(3, 16).Draw(t, "place")] = rapid.SampledFrom([]byte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*")).Draw(t, "character")
		}
		d := ix.DecodeText(string(b), vin.Options{Year: 2026})
		c := d.Corrections()
		if wrong := d.Codes&(vin.CodeCorrected|vin.CodeCorrectedByDigit|vin.CodeOneWrong|vin.CodeSeveralWrong) != 0; wrong != (c.PossibleValues != "") {
			t.Fatalf("%s: codes %s, possible values %q", b, d.Codes, c.PossibleValues)
		}
		if d.Codes&(vin.CodeCorrected|vin.CodeCorrectedByDigit) == 0 || strings.Contains(c.SuggestedVIN, "!") {
			return
		}
		again := ix.DecodeText(c.SuggestedVIN, vin.Options{Year: 2026})
		if s := again.Corrections(); s.PossibleValues != "" && again.Attribute("ModelYear") == d.Attribute("ModelYear") {
			t.Fatalf("%s: %s is suggested, of which %s is said", b, c.SuggestedVIN, s.PossibleValues)
		}
		if d.Codes.Has(vin.CodeCorrectedByDigit) && again.Codes.Has(vin.CodeCheckDigit) {
			t.Fatalf("%s: %s is suggested for its check digit, which is wrong", b, c.SuggestedVIN)
		}
	})
}

// FuzzOpenWhole changes bytes of an index of the whole download, mends its
// checksum and decodes and explains with whatever Open lets through.
func FuzzOpenWhole(f *testing.F) {
	src, err := ReadDump(strings.NewReader(dumpText(f)))
	if err != nil {
		f.Fatal(err)
	}
	whole, _, err := Index(src, Community{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), byte(0), uint32(0), byte(0))
	f.Add(uint32(8), byte(1), uint32(60), byte(1))
	f.Add(uint32(len(whole)-1), byte(9), uint32(len(whole)-40), byte(255))
	f.Fuzz(func(t *testing.T, at uint32, to byte, at2 uint32, to2 byte) {
		b := bytes.Clone(whole)
		b[at%uint32(len(b))], b[at2%uint32(len(b))] = to, to2
		binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(b[16:], crc32.MakeTable(crc32.Castagnoli)))
		ix, err := vin.Open(b)
		if err != nil {
			return
		}
		for _, v := range []string{"1FBNE3BE1CDB23596", "1AAABXDE0FK000001", "1AAABCDE6GK000001", "1DDS0000UA0000001", "1B9A0000XF1001001", "1AA", ""} {
			d := ix.DecodeText(v, vin.Options{Year: 2026})
			_ = d.Answer()
			_ = ix.ExplainText(v, vin.Options{Year: 2026}).String()
		}
		_ = Diff(ix, ix).String()
	})
}

func TestWholeDecodeAllocates(t *testing.T) {
	ix := wholeIndex(t)
	if n := testing.AllocsPerRun(200, func() { ix.Decode("1FBNE3BL1CDB23596", vin.Options{Year: 2026}) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
