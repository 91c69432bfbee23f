package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sallyport/vin"
)

func TestVINExplain(t *testing.T) {
	run := func(c vinCmd) (string, error) {
		var out bytes.Buffer
		s := &streams{in: strings.NewReader("1HGCM82633A004352\n"), out: &out, now: func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }}
		err := c.Run(t.Context(), s)
		return out.String(), err
	}
	text, err := run(vinCmd{Explain: true, VINs: []string{"1hgcm-82633-a004352", "nonsense"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"1HGCM82633A004352   NHTSA vPIC ", "  11    A      speaks of PlantCity, PlantCountry, PlantState\n",
		"Model: Accord   (pattern 421977, key CM82[67], schema 9774)\n", "\n\nNONSENSE   ", "Not a valid VIN.\nThe text has 8 characters"} {
		if !strings.Contains(text, says) {
			t.Errorf("the text does not say %q:\n%s", says, text)
		}
	}
	text, err = run(vinCmd{Explain: true, JSON: true, VINs: []string{"1HGCM82633A004352"}})
	if err != nil {
		t.Fatal(err)
	}
	var e vin.Explanation
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	if e.Maker.Make != "HONDA" || len(e.Values) == 0 || e.Values[0].Pattern == 0 || e.PlantSays == nil || strings.Count(text, "\n") != 1 {
		t.Errorf("%s", text)
	}
	if _, err := run(vinCmd{Explain: true, VINs: []string{"-"}}); err == nil || !strings.Contains(err.Error(), "not from standard input") {
		t.Errorf("a stream was explained (%v)", err)
	}
}
