package vin_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"sallyport/vin"
)

// encoded is what encoding/json makes of v, without HTML escaping.
func encoded(t fatal, v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatalf("%v", err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// anyText holds what JSON must escape more often than chance would.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Z0-9 ]{0,12}`), rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "bytes"))
	}), rapid.SampledFrom([]string{"\u2028", "a\u2029b", "\x7f", "\ufffd", "<&>", "\"\\/", "\x00\x1f\b\f\n\r\t", "é\xff"}))
}

// The answer written by hand is the answer encoding/json writes, whatever its
// texts hold.
func TestAppendJSONOfAnyAnswer(t *testing.T) {
	text := anyText()
	rapid.Check(t, func(t *rapid.T) {
		a := vin.Answer{
			VIN: text.Draw(t, "vin"), Valid: rapid.Bool().Draw(t, "valid"), Make: text.Draw(t, "make"), Model: text.Draw(t, "model"),
			MakeCandidates: rapid.SliceOfN(text, 0, 3).Draw(t, "makes"), YearCandidates: rapid.SliceOfN(rapid.Int(), 0, 3).Draw(t, "years"),
			YearBasis: text.Draw(t, "year by"), Manufacturer: text.Draw(t, "manufacturer"), VehicleType: text.Draw(t, "type"), BodyClass: text.Draw(t, "body"),
			BuiltIn: vin.AnswerBuiltIn{Country: text.Draw(t, "country"), Code: text.Draw(t, "code"), Basis: text.Draw(t, "basis"),
				Weak: rapid.Bool().Draw(t, "weak"), Note: text.Draw(t, "note"), Source: text.Draw(t, "source")},
			Basis: text.Draw(t, "said by"), Community: rapid.Bool().Draw(t, "community"), ErrorCode: text.Draw(t, "codes"),
		}
		if rapid.Bool().Draw(t, "year known") {
			y := rapid.Int().Draw(t, "year")
			a.ModelYear = &y
		}
		if rapid.Bool().Draw(t, "attributes") {
			a.Attributes = rapid.MapOf(rapid.StringMatching(`[A-Za-z_]{1,8}`), text).Draw(t, "attributes")
		}
		for range rapid.IntRange(-1, 3).Draw(t, "problems") {
			a.Problems = append(a.Problems, vin.Problem{Code: text.Draw(t, "code"), At: rapid.Int().Draw(t, "at"),
				Text: text.Draw(t, "text"), Note: rapid.Bool().Draw(t, "note")})
		}
		if rapid.Bool().Draw(t, "corrected") {
			a.Corrected = &vin.AnswerCorrected{VIN: text.Draw(t, "right"), At: rapid.Int().Draw(t, "at"),
				From: text.Draw(t, "from"), To: text.Draw(t, "to"), Why: text.Draw(t, "why")}
		}
		for range rapid.IntRange(0, 3).Draw(t, "candidates") {
			c := vin.Candidate{VIN: vin.VIN(text.Draw(t, "candidate")), Expected: rapid.Bool().Draw(t, "expected")}
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				c.Changes = append(c.Changes, vin.Change{At: rapid.Int().Draw(t, "at"), From: text.Draw(t, "from"), To: text.Draw(t, "to")})
			}
			a.Candidates = append(a.Candidates, c)
		}
		if got, want := string(a.AppendJSON([]byte("before"))), "before"+encoded(t, a); got != want {
			t.Fatalf("\n got %q\nwant %q", got, want)
		}
	})
}

// What is appended of a decoded VIN is what encoding/json makes of its Answer.
func TestAppendJSONOfDecoded(t *testing.T) {
	ix := index(t)
	same := func(t fatal, text string) {
		d := ix.DecodeText(text, vin.Options{Year: 2026})
		if got, want := string(d.AppendJSON(nil)), encoded(t, d.Answer()); got != want {
			t.Fatalf("%q\n got %s\nwant %s", text, got, want)
		}
	}
	for _, text := range []string{"", "1HGCM82633A004352", "LJ1EFAUU5MG068486", "UU1DBG005MU043525", "UU1HJDAG5MU043525", "WF0KXXGCBKBJ13223", "WBY7X4101MS156671", "\xff",
		"1A9436007*5288446", "4S9C69U79DT295150", "LRW3E7FAXRC093951", "VF1\u2028\"<>&"} {
		same(t, text)
	}
	wmi := rapid.SampledFrom(someWMIs)
	text := rapid.OneOf(anyText(), fullVIN(), rapid.Custom(func(t *rapid.T) string {
		return wmi.Draw(t, "WMI") + rapid.StringMatching(`[0-9A-Z*]{0,14}`).Draw(t, "rest")
	}))
	rapid.Check(t, func(t *rapid.T) { same(t, text.Draw(t, "text")) })
	if testing.Short() {
		return
	}
	type row struct {
		VIN string `json:"vin"`
	}
	for _, r := range lines[row](t, shared(t, "data", "vin", "oracle-dev.jsonl")) {
		same(t, r.VIN)
	}
}

var jsonSink []byte

func BenchmarkAppendJSON(b *testing.B) {
	ix := index(b)
	d := ix.DecodeText("1HGCM82633A004352", vin.Options{Year: 2026})
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			jsonSink = d.AppendJSON(jsonSink[:0])
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			jsonSink, _ = json.Marshal(d.Answer())
		}
	})
}
