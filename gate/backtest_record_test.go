package gate

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// wholeRecord is a passage with something in every part, as encoding/json
// writes it.
func wholeRecord() Passage {
	from := policy.Source{ID: "V0003", Title: "manual", Address: "https://example.org/?a=1&b=<2>", Quote: "„a\\b\" }] {[", Date: "2022-03"}
	f := policy.Facts{At: time.Date(2026, 11, 22, 12, 0, 0, 123, time.UTC)}
	f.Vehicle.VIN, f.Vehicle.Make, f.Vehicle.ModelYear = policy.Know(`5YJ"\`, from), policy.Know("TESLA", from), policy.Know(2021, from)
	f.Modem = policy.Know(true, from)
	f.Units = []policy.Unit{{Role: "tcu", Name: "a {unit}", Candidates: []policy.Candidate{{Maker: policy.Know(policy.Party("quectel"), from), Sources: []policy.Source{from}}}}}
	f.Registration.Authorisations = []policy.Authorisation{{ID: "x", From: f.At}}
	f.Site.Zone = policy.Know(policy.ZoneCritical, from)
	q := policy.SupplyQuestion{Op: opControlledFrom, Party: "quectel", Arg: "CN", Pct: 50, Day: "2026-11-22"}
	return Passage{
		ID: "p", Lane: "north", At: f.At, Arrival: Arrival{VIN: `{"result":{}}`, Plate: "WX 1"},
		Result: Assessment{
			VIN: `5YJ"\`, Plate: "WX 1", Facts: f, Notes: []string{"]"},
			Asked:   []Asked{{Q: q, A: policy.SupplyAnswer{Value: policy.True, Because: "owned", Sources: []policy.Source{from}}}},
			Verdict: policy.Verdict{Outcome: policy.Deny, Policy: "p@1", Hash: "feed", Reasons: []policy.Reason{{Rule: "r1", Outcome: policy.Deny, Because: "because", Evidence: []policy.Source{from}}}},
			Vehicle: VehicleView{Valid: true, Make: "TESLA", Model: "Model X", ModelYear: 2021},
		},
	}
}

// plainly is a record read by encoding/json alone.
func plainly(t testing.TB, doc []byte) pastDecision {
	t.Helper()
	var p struct{ Result Assessment }
	if err := json.Unmarshal(doc, &p); err != nil {
		t.Fatal(err)
	}
	a := p.Result
	out := pastDecision{vin: a.VIN, plate: a.Plate, facts: a.Facts, asked: a.Asked, hash: a.Verdict.Hash, id: a.Verdict.Policy, outcome: a.Verdict.Outcome, vehicle: a.Vehicle}
	for _, r := range a.Verdict.Reasons {
		out.reasons = append(out.reasons, pastReason{r.Rule, r.Outcome, r.Open, r.Because})
	}
	return out
}

var comparePast = cmp.AllowUnexported(pastDecision{})

// A record reads the same by its parts as by encoding/json, the second time as
// the first, and whatever was read in between.
func TestPastDecoder(t *testing.T) {
	whole := wholeRecord()
	other := whole
	other.Result.Facts.Units = nil
	other.Result.Facts.Vehicle.VIN = policy.Know("other", policy.Source{})
	other.Result.Facts.Vehicle.Make = policy.Know("BYD", policy.Source{})
	third := whole
	third.Result.Facts.Vehicle.VIN = policy.Leaf[string]{}
	d := newPastDecoder()
	for _, p := range []Passage{whole, other, third, whole, {}, other, third} {
		for _, indent := range []string{"", "\t"} {
			doc, err := json.MarshalIndent(p, "", indent)
			if indent == "" {
				doc, err = json.Marshal(p)
			}
			if err != nil {
				t.Fatal(err)
			}
			var got pastDecision
			if err := d.decode(doc, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plainly(t, doc), got, comparePast); diff != "" {
				t.Errorf("(-encoding/json +decoder):\n%s", diff)
			}
		}
	}
}

func TestPastDecoderRefuses(t *testing.T) {
	d := newPastDecoder()
	for _, doc := range []string{
		"", "null", "[]", "{", `{"result"`, `{"result":`, `{"result":{}`, `{"result":{"facts":{"modem":7}}}`, `{"other":{}}`, `{}`,
		`{"result":7}`, `{"result":{"facts":{"at":"x"}}}`, `{"result":{"vin":"a}`, `{"a":1 "result":{}}`, `{"result":{"asked":[{]}}`,
	} {
		var got pastDecision
		if err := d.decode([]byte(doc), &got); err == nil {
			t.Errorf("%q was read: %+v", doc, got)
		}
	}
}

// Whatever the bytes: no panic, and what encoding/json takes and writes anew
// reads the same.
func FuzzPastDecoder(f *testing.F) {
	doc, err := json.Marshal(wholeRecord())
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(doc), `{"result":{"facts":{"vehicle":{"vin":{"value":"a"}}}}}`, `{"result":{"asked":null},"x":"\"}"}`, `{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		d := newPastDecoder()
		_ = d.decode(doc, &pastDecision{})
		var p Passage
		if json.Unmarshal(doc, &p) != nil {
			return
		}
		doc, err := json.Marshal(p)
		if err != nil {
			return
		}
		for range 2 {
			var got pastDecision
			if err := d.decode(doc, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plainly(t, doc), got, comparePast); diff != "" {
				t.Fatalf("(-encoding/json +decoder):\n%s", diff)
			}
		}
	})
}
