package gate_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
	"sallyport/rf"
	"sallyport/vin"
	"sallyport/vin/telematics"
)

var assessAt = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

func packJudge(t testing.TB, name string) *gate.Judge {
	t.Helper()
	index, err := vin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := telematics.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	graph, err := supply.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	p, err := pack.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return gate.NewJudge(index, catalogue, graph, p)
}

// vehicles are real descriptions with made-up serials.
var vehicles = []string{
	"5YJXCAE42MF000001", "5YJ3E1EA2NF000001", "LRW3E7FAXMC000001", "YV4EK3ZL7SS000001", "7SYFE3YB8VG000001",
	"W1KLF6DB2TA000001", "LGXC76C48R0000001", "1FTNE24L7XHA00001", "4V4NC9EH6LN000001", "2HGEJ6672WH500001",
	"UU1DBG005MU000001", "", "?", "5YJXCAE43MF000001", "WVWZZZ1KZAW000001", "2HGEJ6673WH500001", "5YJXCAE4",
}

var declarations = []gate.Declared{
	{Kind: "device", Value: "comma 3X"}, {Kind: "device", Value: "a box nobody knows"}, {Kind: "module", Value: "Rolling Wireless"},
	{Kind: "module", Value: "Eagle Electronics"}, {Kind: "module", Value: "LE940B6-NA"}, {Kind: "module", Value: "EC25-EUX"},
	{Kind: "fcc_id", Value: "XMR2020AG525RGL"}, {Kind: "imei", Value: "123456789012345"}, {Kind: "usb_id", Value: "2c7c:0125"}, {Kind: "no_modem"},
}

var classes = []policy.Class{"", "private", "government", "contractor", "military", "diplomatic", "emergency"}

func anyRequest(t *rapid.T) gate.Request {
	return gate.Request{
		VIN:        rapid.SampledFrom(vehicles).Draw(t, "vin"),
		Class:      rapid.SampledFrom(classes).Draw(t, "class"),
		Stated:     rapid.SampledFrom(classes).Draw(t, "stated"),
		Zone:       rapid.SampledFrom([]policy.Zone{0, policy.ZonePublic, policy.ZoneControlled, policy.ZoneRestricted, policy.ZoneCritical}).Draw(t, "zone"),
		Market:     rapid.SampledFrom([]string{"", "EU", "US", "PL"}).Draw(t, "market"),
		At:         assessAt,
		Declared:   rapid.SliceOfN(rapid.SampledFrom(declarations), 0, 2).Draw(t, "declared"),
		Registered: gate.Registered{Model: rapid.SampledFrom([]string{"", "Seal", "Model 3"}).Draw(t, "model")},
	}
}

// What was heard on the air, and what was declared, can only raise a verdict.
func TestAirAndDeclarationsOnlyRaise(t *testing.T) {
	judges := map[string]*gate.Judge{}
	for _, n := range pack.Names() {
		judges[n] = packJudge(t, n)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(pack.Names()).Draw(t, "policy")
		j := judges[name]
		q := anyRequest(t)
		before := j.Assess(q).Verdict.Outcome

		heard := q
		heard.Radio = &rf.Finding{
			Sensed: rapid.Bool().Draw(t, "sensed"), HotspotHeard: rapid.Bool().Draw(t, "hotspot"), Cellular: rapid.Bool().Draw(t, "cellular"),
			Maker: rapid.SampledFrom([]string{"", "Quectel", "Harman", "nobody"}).Draw(t, "maker"), Confidence: 1,
		}
		if after := j.Assess(heard).Verdict.Outcome; after < before {
			t.Fatalf("%s: hearing %+v lowered %s to %s", name, *heard.Radio, before, after)
		}
		said := q
		said.Declared = append(slices.Clone(q.Declared), rapid.SampledFrom(declarations).Draw(t, "more"))
		if after := j.Assess(said).Verdict.Outcome; after < before {
			t.Fatalf("%s: declaring %+v lowered %s to %s", name, said.Declared, before, after)
		}
	})
}

// What a VIN that is not valid seems to say counts in no vehicle's favour: one
// misread or forged character must not make a new car old, or its maker another.
func TestInvalidVINClearsNothing(t *testing.T) {
	q := gate.Request{Zone: policy.ZoneRestricted, Class: policy.ClassPrivate, Market: "US", At: assessAt}
	for _, name := range pack.Names() {
		j := packJudge(t, name)
		for what, text := range map[string]string{
			"wrong check digit":               "2HGEJ6673WH500001",
			"letter that no VIN has":          "2HGEJ6672WH50000O",
			"eleven characters":               "2HGEJ6672WH",
			"unknown character":               "2HGEJ667*WH",
			"sixteen characters":              "2HGEJ6672WH50000",
			"eighteen characters":             "2HGEJ6672WH5000011",
			"a new car's with its year older": "5YJXCAE42XF000001",
			"nothing":                         "",
		} {
			q := q
			q.VIN = text
			if a := j.Assess(q); a.Vehicle.Valid || a.Verdict.Outcome == policy.Grant {
				t.Errorf("%s: %s (%q): %s, valid %v, because %+v", name, what, text, a.Verdict.Outcome, a.Vehicle.Valid, a.Verdict.Reasons)
			}
		}
	}

	j := packJudge(t, "paper-baseline")
	q.VIN = "2HGEJ6673WH500001"
	a := j.Assess(q)
	if a.Vehicle.ModelYear != 1998 || a.Facts.Vehicle.ModelYear.Known {
		t.Errorf("the screen shows %d, the policy knew %+v", a.Vehicle.ModelYear, a.Facts.Vehicle.ModelYear)
	}
	if len(a.Notes) == 0 || !strings.Contains(a.Notes[0], "not valid") {
		t.Errorf("nobody is told why: %q", a.Notes)
	}
	q.VIN = "5YJXCAE4XMF000001" // what it seems to say still speaks against it
	if a := j.Assess(q); a.Vehicle.Valid || a.Verdict.Outcome != policy.Deny {
		t.Errorf("a misread VIN of a vehicle that is denied: %s", a.Verdict.Outcome)
	}

	// An inspection is of the vehicle that bears this very text, and of no other.
	in := sawNone("2HGEJ6672WH500001")
	q.VIN, q.Inspections = in.VIN+"1", []gate.Inspection{in}
	if a := j.Assess(q); a.Verdict.Outcome == policy.Grant {
		t.Errorf("granted by the inspection of the vehicle whose VIN it begins with: %+v", a.Verdict.Reasons)
	}
}

// A misread VIN that may be that of several vehicles names those of the site's
// list, and none is chosen.
func TestMisreadVINOfTheSitesList(t *testing.T) {
	j := packJudge(t, "paper-baseline")
	q := gate.Request{Zone: policy.ZoneRestricted, Class: policy.ClassPrivate, Market: "EU", At: assessAt, VIN: "WVGZZZ5NZEWO6929Z"}
	note := func() string { return strings.Join(j.Assess(q).Notes, "\n") }
	if got := note(); strings.Contains(got, "list") {
		t.Errorf("nothing is registered: %s", got)
	}
	q.Expected = []vin.VIN{"WVGZZZ5NZEW069292", "WVGZZZ5NZEW999999"}
	if got := note(); !strings.Contains(got, "may be a misreading of this site's list: WVGZZZ5NZEW069292.") || strings.Contains(got, "999999") {
		t.Errorf("the registered vehicle is not named: %s", got)
	}
	if a := j.Assess(q); a.Vehicle.Valid || a.Verdict.Outcome == policy.Grant {
		t.Errorf("a candidate was chosen: %+v", a.Verdict)
	}
}

// A scanner's text is judged as the VIN in it, and a misread VIN as the one it
// certainly must have been; never silently, and never on a guess.
func TestScannedAndMisreadVINs(t *testing.T) {
	const right = "2HGEJ6672WH500001"
	j := packJudge(t, "paper-baseline")
	q := gate.Request{Zone: policy.ZoneRestricted, Class: policy.ClassPrivate, Market: "US", At: assessAt, VIN: right}
	want := j.Assess(q)
	if !want.Vehicle.Valid || want.VIN != right || len(want.Notes) > 0 || want.Facts.Vehicle.VIN.From.Title != "as scanned or typed" {
		t.Fatalf("%+v", want)
	}
	for _, c := range []struct {
		name, text string
		valid      bool
		note       string // part of the last note; empty is none
	}{
		{"import character", "I" + right, true, ""},
		{"Code 39 with identifier and import character", "]A1I" + right, true, ""},
		{"QR code of a URL", "]Q1https://example.com/v?vin=" + right + "&x=1", true, ""},
		{"O for 0", "2HGEJ6672WH5O0001", true, "read as 2HGEJ6672WH5O0001 and corrected to " + right + ". Position 13"},
		{"O for 0 behind an identifier", "]C02HGEJ6672WH5O0001", true, "read as 2HGEJ6672WH5O0001 and corrected to " + right + ". Position 13"},
		{"S for 5, where a letter may stand", "2HGEJ6672WHS00001", false, "may be a misreading of " + right},
		{"O for 0 twice", "2HGEJ6672WH5OO001", false, "may be a misreading of " + right},
		{"two vehicles", right + " 1HGCM82633A004352", false, "none of them was chosen"},
		{"one character too many", "2HGEJ66722WH500001", false, ""},
	} {
		q := q
		q.VIN = c.text
		a := j.Assess(q)
		last := ""
		if n := len(a.Notes); n > 0 {
			last = a.Notes[n-1]
		}
		if a.Vehicle.Valid != c.valid || !strings.Contains(last, c.note) || c.valid && c.note == "" && last != "" {
			t.Errorf("%s: valid %v, notes %q", c.name, a.Vehicle.Valid, a.Notes)
		}
		if c.valid && (a.VIN != right || a.Verdict.Outcome != want.Verdict.Outcome || a.Facts.Vehicle.VIN.From.Title == "as scanned or typed") {
			t.Errorf("%s: %s is judged %s as %+v, want %s", c.name, a.VIN, a.Verdict.Outcome, a.Facts.Vehicle.VIN, want.Verdict.Outcome)
		}
		if !c.valid && a.Verdict.Outcome == policy.Grant {
			t.Errorf("%s: granted", c.name)
		}
	}
}

func TestNormalVIN(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " 2hgej6672wh500001\r\n": "2HGEJ6672WH500001", "*2HGEJ6672WH500001*": "2HGEJ6672WH500001", "I2HGEJ6672WH500001": "2HGEJ6672WH500001",
		"]C12HGEJ6672WH500001": "2HGEJ6672WH500001", "https://example.com/2HGEJ6672WH500001": "2HGEJ6672WH500001", "UU1*5SDA1C*F0078185": "UU15SDA1CF0078185",
		"*g1*": "G1", "2hgej667*wh": "2HGEJ667*WH", "2HGEJ66722WH500001": "2HGEJ66722WH500001",
	} {
		if got := gate.NormalVIN(text); got != want || gate.NormalVIN(got) != got {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// A class that somebody entered at the lane can raise the verdict; only the
// site's list can lower it.
func TestStatedClassOnlyRaises(t *testing.T) {
	judges := map[string]*gate.Judge{}
	for _, n := range pack.Names() {
		judges[n] = packJudge(t, n)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(pack.Names()).Draw(t, "policy")
		q := anyRequest(t)
		q.Class, q.Stated = "", ""
		stated := q
		stated.Stated = rapid.SampledFrom(classes).Draw(t, "class, as stated")
		before, after := judges[name].Assess(q).Verdict.Outcome, judges[name].Assess(stated).Verdict.Outcome
		if after < before {
			t.Fatalf("%s: class %q as stated lowered %s to %s", name, stated.Stated, before, after)
		}
	})

	j := judges["paper-baseline"]
	q := gate.Request{VIN: "5YJXCAE42MF000001", Zone: policy.ZonePublic, At: assessAt}
	called := true
	q.Stated, q.OnCall = policy.ClassEmergency, &called
	if a := j.Assess(q); a.Verdict.Outcome != policy.Flag || len(a.Verdict.Lifted) > 0 || !strings.Contains(strings.Join(a.Notes, "\n"), "class was entered") {
		t.Errorf("emergency, as somebody says: %s, lifted %+v, notes %q", a.Verdict.Outcome, a.Verdict.Lifted, a.Notes)
	}
	q.VIN, q.Zone = "5YJXCAE43MF000001", policy.ZoneRestricted // two doubts at once
	if a := j.Assess(q); a.Verdict.Outcome != policy.Deny {
		t.Errorf("emergency, as somebody says, with a misread VIN: %s", a.Verdict.Outcome)
	}
	q.VIN, q.Zone = "5YJXCAE42MF000001", policy.ZonePublic
	q.Stated = policy.ClassGovernment
	if a := j.Assess(q); a.Verdict.Outcome != policy.Deny || !strings.Contains(a.Facts.Registration.Class.From.Title, "entered") {
		t.Errorf("government, as somebody says: %s from %+v", a.Verdict.Outcome, a.Facts.Registration.Class)
	}
	q.Class, q.Stated = policy.ClassEmergency, policy.ClassPrivate
	if a := j.Assess(q); a.Verdict.Outcome != policy.Grant {
		t.Errorf("emergency on a call, as the site's list says: %s", a.Verdict.Outcome)
	}
	q.OnCall = nil
	if a := j.Assess(q); a.Verdict.Outcome != policy.Flag || len(a.Verdict.Lifted) > 0 {
		t.Errorf("emergency, and nobody asked whether it is on a call: %s", a.Verdict.Outcome)
	}
}

// A record read back from JSON gives the same verdict again, byte for byte,
// without the supply graph.
func TestReplay(t *testing.T) {
	judges := map[string]*gate.Judge{}
	for _, n := range pack.Names() {
		judges[n] = packJudge(t, n)
	}
	rapid.Check(t, func(t *rapid.T) {
		j := judges[rapid.SampledFrom(pack.Names()).Draw(t, "policy")]
		a := j.Assess(anyRequest(t))
		kept, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back gate.Assessment
		if err := json.Unmarshal(kept, &back); err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(a.Verdict)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(gate.Replay(j.Policy(), back))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Fatalf("replayed verdict differs (-recorded +replayed):\n%s", diff)
		}
	})
}

// saw is an inspection of the telematics unit in force at assessAt.
func saw(vin, kind, value string) gate.Inspection {
	return gate.Inspection{ID: "i1", VIN: vin, Subject: gate.SubjectUnit, Kind: gate.KindSeen, Role: "tcu", Result: gate.ResultFound,
		Read: []gate.Reading{{Kind: kind, Value: value}}, By: "anna", At: assessAt.AddDate(0, -1, 0), Expires: assessAt.AddDate(1, 0, 0)}
}

func sawNone(vin string) gate.Inspection {
	in := saw(vin, "", "")
	in.Read, in.Result = nil, gate.ResultNone
	return in
}

func TestInspectionSettles(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	ex30 := "YV4EK3ZL7SS000001"
	tcu := func(kind, value string) gate.Inspection {
		return saw(ex30, kind, value)
	}
	late := tcu("fcc_id", "XMR2020AG525RGL")
	late.Expires = assessAt
	other := tcu("fcc_id", "XMR2020AG525RGL")
	other.VIN = "YV4EK3ZL7SS000002"
	for name, c := range map[string]struct {
		in      []gate.Inspection
		want    policy.Outcome
		because string
	}{
		"nothing inspected":      {nil, policy.Flag, ""},
		"Quectel's FCC ID":       {[]gate.Inspection{tcu("fcc_id", "XMR2020AG525RGL")}, policy.Deny, "AG525R-GL"},
		"expired":                {[]gate.Inspection{late}, policy.Flag, ""},
		"another vehicle's":      {[]gate.Inspection{other}, policy.Flag, ""},
		"a marking nobody knows": {[]gate.Inspection{tcu("module", "no such marking 99")}, policy.Flag, ""},
		"Sierra Wireless":        {[]gate.Inspection{tcu("module", "EM7455")}, policy.Grant, "Sierra"},
	} {
		t.Run(name, func(t *testing.T) {
			a := j.Assess(gate.Request{VIN: ex30, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "EU", At: assessAt, Inspections: c.in})
			if a.Verdict.Outcome != c.want {
				t.Fatalf("%s, want %s: %+v", a.Verdict.Outcome, c.want, a.Verdict.Reasons)
			}
			if !strings.Contains(a.Verdict.Reasons[0].Because, c.because) {
				t.Errorf("because %q", a.Verdict.Reasons[0].Because)
			}
		})
	}
}

func BenchmarkAssess(b *testing.B) {
	j := packJudge(b, pack.PaperBaseline)
	for _, c := range []struct{ name, vin string }{
		{"documented", "5YJXCAE42MF000001"}, {"unknown", "YV4EK3ZL7SS000001"}, {"old", "2HGEJ6672WH500001"},
	} {
		b.Run(c.name, func(b *testing.B) {
			q := gate.Request{VIN: c.vin, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "US", At: assessAt}
			b.ReportAllocs()
			for b.Loop() {
				j.Assess(q)
			}
		})
	}
}

// The maker of a unit is not the maker of the module in it, and a Wi-Fi module
// is no modem: neither settles what the catalogue says, nor is it banned as a
// module.
func TestOnlyAModuleSettlesAModule(t *testing.T) {
	j := packJudge(t, "paper-baseline")
	const tesla, van = "5YJXCAE42MF000001", "1FTNE24L7XHA00001"
	for _, tt := range []struct {
		name, vin, kind, value string
		inspected, declared    policy.Outcome
	}{
		{"Tesla's own FCC ID on a car documented with Quectel", tesla, "fcc_id", "2AEIM-1098058", policy.Deny, policy.Deny},
		{"Tesla's own FCC ID on an old van", van, "fcc_id", "2AEIM-1098058", policy.Flag, policy.Flag},
		{"a label that no table has", tesla, "fcc_id", "NKRABC", policy.Deny, policy.Deny},
		{"Quectel's Wi-Fi module", van, "module", "AF51Y", policy.Flag, policy.Flag},
		{"the same by its FCC ID", van, "fcc_id", "XMR202201AF51Y", policy.Flag, policy.Flag},
		{"Quectel's modem", van, "module", "EC25-EUX", policy.Deny, policy.Deny},
		{"Sierra's automotive line, sold to Rolling Wireless", van, "module", "AR7592", policy.Flag, policy.Flag},
		{"the same by its FCC ID", van, "fcc_id", "N7NAR7592", policy.Flag, policy.Flag},
		{"the same by the name in the software", van, "module", "AR5550", policy.Flag, policy.Flag},
		{"Sierra's other modules", van, "module", "EM7455", policy.Grant, policy.Flag},
	} {
		q := gate.Request{VIN: tt.vin, Zone: policy.ZoneRestricted, Class: policy.ClassPrivate, Market: "EU", At: assessAt}
		said := q
		said.Declared = []gate.Declared{{Kind: tt.kind, Value: tt.value}}
		q.Inspections = []gate.Inspection{saw(tt.vin, tt.kind, tt.value)}
		if a := j.Assess(q); a.Verdict.Outcome != tt.inspected {
			t.Errorf("%s, inspected: %s, want %s; %+v", tt.name, a.Verdict.Outcome, tt.inspected, a.Facts.Units)
		}
		if a := j.Assess(said); a.Verdict.Outcome != tt.declared {
			t.Errorf("%s, declared: %s, want %s; %+v", tt.name, a.Verdict.Outcome, tt.declared, a.Facts.Units)
		}
	}
}

// A declared unit goes by what was declared of it, and the declaration is among
// the sources of every module that follows from it.
func TestDeclarationIsNamedAndCited(t *testing.T) {
	j := packJudge(t, "paper-baseline")
	for _, tt := range []struct{ kind, value, name string }{
		{"fcc_id", "ZZZFOO", "unit declared with FCC ID ZZZFOO"},
		{"imei", "490154203237518", "unit declared with IMEI 490154203237518"},
		{"usb_id", "2c7c:0125", "unit declared with bus id 2c7c:0125"},
		{"module", "Quectel", "unit declared to hold Quectel"},
		{"device", "comma 3X", "comma 3X"},
	} {
		q := gate.Request{VIN: "1FTNE24L7XHA00001", At: assessAt, Declared: []gate.Declared{{Kind: tt.kind, Value: tt.value}}}
		units := j.Assess(q).Facts.Units
		if len(units) != 1 || units[0].Name != tt.name {
			t.Errorf("%s %s: %+v", tt.kind, tt.value, units)
			continue
		}
		for _, c := range units[0].Candidates {
			if n := len(c.Sources); n == 0 || c.Sources[n-1].Quote != tt.kind+" "+tt.value || c.Sources[n-1].Date != "2026-11-22" {
				t.Errorf("%s %s: sources %+v", tt.kind, tt.value, c.Sources)
			}
		}
	}
}
