package gate_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/rf"
	"sallyport/rf/meaning"
)

// The observations of a bench test: what each would be heard of.
var (
	audiHotspot  = rf.Observation{Kind: rf.WiFi, Emitter: "c0ffee000001", SSID: "Audi_MMI_1234", RSSI: -50}
	volvoHotspot = rf.Observation{Kind: rf.WiFi, Emitter: "c0ffee000002", SSID: "MyVolvoAB12", RSSI: -50}
	benzHotspot  = rf.Observation{Kind: rf.WiFi, Emitter: "c0ffee000003", SSID: "MB Hotspot 0A1B2", RSSI: -50}
	genericSpot  = rf.Observation{Kind: rf.WiFi, Emitter: "c0ffee000004", SSID: "WiFi Hotspot 0A1B", RSSI: -50}
	fordPrefix   = rf.Observation{Kind: rf.WiFi, Emitter: "0026b4010203", RSSI: -50}
	otherTesla   = rf.Observation{Kind: rf.BLE, Emitter: "c0ffee000005", Address: rf.Static, Name: "S1a87a5a75f3df858C", RSSI: -50}
	toyotaTyre   = rf.Observation{Kind: rf.TPMS, Emitter: "fb0a43e7", Model: "Toyota", RSSI: -10, Level: rf.Relative}
	longVehicle  = rf.Observation{Kind: rf.V2X, Emitter: "f03ad610", WidthCM: 255, LengthCM: 1650, RSSI: -50}
	uplink       = rf.Observation{Kind: rf.Cell, Band: "B3", RSSI: -40}
)

func teslaKey(vin string) rf.Observation {
	return rf.Observation{Kind: rf.BLE, Emitter: "c0ffee000006", Address: rf.Static, Name: meaning.TeslaName(vin), RSSI: -50}
}

// prefixOf is an observation of an address of the first prefix of a maker.
func prefixOf(t testing.TB, p *rf.Prefixes, maker string) rf.Observation {
	t.Helper()
	var text strings.Builder
	if err := p.Write(&text); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if f := strings.Split(line, "\t"); f[0] == "P" && f[2] == maker {
			return rf.Observation{Kind: rf.WiFi, Emitter: (f[1] + "000000000000")[:12], RSSI: -50}
		}
	}
	t.Fatalf("no prefix of %s", maker)
	return rf.Observation{}
}

func shippedPrefixes(t testing.TB) *rf.Prefixes {
	t.Helper()
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTrapsOnTheAir says of each of the ten vehicles what its radio would be
// heard to say, and what another's would.
func TestTrapsOnTheAir(t *testing.T) {
	j, p := packJudge(t, "paper-baseline"), shippedPrefixes(t)
	quectel, rolling, geotab, valeo := prefixOf(t, p, "Quectel"), prefixOf(t, p, "Rolling Wireless"), prefixOf(t, p, "Geotab"), prefixOf(t, p, "Valeo")
	for _, tt := range []struct {
		name        string
		vin         string
		declared    []gate.Declared
		heard       []rf.Observation
		codes       []meaning.Code // all, in order
		contradicts bool
		heardMake   string
	}{
		{"Tesla Model X, its own name", "5YJXCAE42MF000001", nil, []rf.Observation{teslaKey("5YJXCAE42MF000001")}, []meaning.Code{meaning.TeslaMatches}, false, "Tesla"},
		{"Tesla Model X, another's name", "5YJXCAE42MF000001", nil, []rf.Observation{otherTesla}, []meaning.Code{meaning.TeslaDiffers}, true, "Tesla"},
		{"Tesla Model X, both", "5YJXCAE42MF000001", nil, []rf.Observation{teslaKey("5YJXCAE42MF000001"), otherTesla}, []meaning.Code{meaning.TeslaDiffers, meaning.TeslaMatches}, true, "Tesla"},
		{"Tesla Model X, Quectel's prefix", "5YJXCAE42MF000001", nil, []rf.Observation{quectel}, []meaning.Code{meaning.MixedHeard}, false, ""},
		{"Tesla Model 3 of Shanghai, its own name", "LRW3E7FAXMC000001", nil, []rf.Observation{teslaKey("LRW3E7FAXMC000001")}, []meaning.Code{meaning.TeslaMatches}, false, "Tesla"},
		{"Tesla Model 3 of Shanghai, tyres of a Toyota", "LRW3E7FAXMC000001", nil, []rf.Observation{toyotaTyre}, []meaning.Code{meaning.TyreDiffers}, false, ""},
		{"Volvo EX30, its hotspot", "YV4EK3ZL7SS000001", nil, []rf.Observation{volvoHotspot}, []meaning.Code{meaning.MakeAgrees}, false, "Volvo"},
		{"Volvo EX30, a Mercedes' hotspot", "YV4EK3ZL7SS000001", nil, []rf.Observation{benzHotspot}, []meaning.Code{meaning.MakeDiffers}, true, "Mercedes-Benz"},
		{"Polestar 3, a Volvo's hotspot: one owner", "7SYFE3YB8VG000001", nil, []rf.Observation{volvoHotspot}, []meaning.Code{meaning.MakeAgrees}, false, "Volvo"},
		{"Mercedes, its hotspot", "W1KLF6DB2TA000001", nil, []rf.Observation{benzHotspot}, []meaning.Code{meaning.MakeAgrees}, false, "Mercedes-Benz"},
		{"Mercedes, a generic name and a supplier's prefix", "W1KLF6DB2TA000001", nil, []rf.Observation{genericSpot, valeo}, []meaning.Code{meaning.UnitHeard, meaning.MixedHeard}, false, ""},
		{"Mercedes, a lorry's messages", "W1KLF6DB2TA000001", nil, []rf.Observation{longVehicle}, []meaning.Code{meaning.SizeDiffers}, false, ""},
		{"BYD Seal, a Mercedes' hotspot", "LGXC76C48R0000001", nil, []rf.Observation{benzHotspot}, []meaning.Code{meaning.MakeDiffers}, true, "Mercedes-Benz"},
		{"BYD Seal, an Audi's hotspot: the tables know no tie", "LGXC76C48R0000001", nil, []rf.Observation{audiHotspot}, []meaning.Code{meaning.MakeHeard}, false, "Audi"},
		{
			"old van with a comma 3X, Quectel's prefix and a telephone", "1FTNE24L7XHA00001",
			[]gate.Declared{{Kind: "device", Value: "comma 3X"}, {Kind: "no_modem"}},
			[]rf.Observation{quectel, uplink},
			[]meaning.Code{meaning.MixedHeard, meaning.UplinkWithoutModem}, false, "",
		},
		{
			"old van said to have no modem, a fleet's tracker", "1FTNE24L7XHA00001",
			[]gate.Declared{{Kind: "no_modem"}},
			[]rf.Observation{geotab},
			[]meaning.Code{meaning.UnitWithoutModem, meaning.UnitHeard}, true, "",
		},
		{"truck, Rolling Wireless as declared", "4V4NC9EH6LN000001", []gate.Declared{{Kind: "module", Value: "Rolling Wireless"}}, []rf.Observation{rolling}, []meaning.Code{meaning.UnitHeard}, false, ""},
		{"van with a unit by Eagle, a Ford's prefix", "1FTNE24L7XHA00001", []gate.Declared{{Kind: "module", Value: "Eagle Electronics"}}, []rf.Observation{fordPrefix}, []meaning.Code{meaning.MakeAgrees}, false, "Ford"},
		{"car of 1998, a Tesla's name", "2HGEJ6672WH500001", nil, []rf.Observation{otherTesla}, []meaning.Code{meaning.MakeDiffers}, true, "Tesla"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := gate.Request{VIN: tt.vin, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "US", At: assessAt, Declared: tt.declared}
			before := j.Assess(q)
			q.Radio = rf.HearOnce(tt.heard, p)
			a := j.Assess(q)
			var codes []meaning.Code
			for _, e := range a.Facts.Radio.Evidence {
				codes = append(codes, meaning.Code(e.Code))
				if e.From.Address == "" || e.From.Date == "" || e.From.Quote != e.Says || e.From.Title == "" {
					t.Errorf("%s has no source: %+v", e.Code, e.From)
				}
			}
			r := a.Facts.Radio
			if !slices.Equal(codes, tt.codes) || r.Contradiction.Value != tt.contradicts || r.HeardMake.Value != tt.heardMake {
				t.Errorf("got %v contradicts=%v make=%q, want %v contradicts=%v make=%q", codes, r.Contradiction.Value, r.HeardMake.Value, tt.codes, tt.contradicts, tt.heardMake)
			}
			switch {
			case a.Verdict.Outcome < before.Verdict.Outcome:
				t.Errorf("%s became %s", before.Verdict.Outcome, a.Verdict.Outcome)
			case tt.contradicts && a.Verdict.Outcome < policy.Flag:
				t.Errorf("contradicted, and %s", a.Verdict.Outcome)
			}
		})
	}
}

// A reader of the verdict sees what was heard, where that is known from and of
// what day it is.
func TestContradictionIsExplained(t *testing.T) {
	j, p := packJudge(t, "paper-baseline"), shippedPrefixes(t)
	q := gate.Request{VIN: "2HGEJ6672WH500001", Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "US", At: assessAt}
	if a := j.Assess(q); a.Verdict.Outcome != policy.Grant {
		t.Fatalf("the car of 1998 gets %s without a radio", a.Verdict.Outcome)
	}
	q.Radio = rf.HearOnce([]rf.Observation{otherTesla}, p)
	a := j.Assess(q)
	i := slices.IndexFunc(a.Verdict.Reasons, func(r policy.Reason) bool { return r.Rule == "air-contradiction" })
	if a.Verdict.Outcome != policy.Flag || i < 0 {
		t.Fatalf("%s by %+v", a.Verdict.Outcome, a.Verdict.Reasons)
	}
	r := a.Verdict.Reasons[i]
	if !strings.Contains(r.Because, "contradicts VIN or record") || !strings.Contains(r.Quote, "Tesla") || !strings.HasPrefix(r.Source, "https://") || r.Date == "" {
		t.Errorf("the reason is %+v", r)
	}
	if len(r.Evidence) == 0 || r.Evidence[0].Quote != a.Facts.Radio.Evidence[0].Says {
		t.Errorf("the evidence is %+v", r.Evidence)
	}
	var trace policy.Trace
	j.Explain(j.Policy(), &a, &trace)
	for _, w := range []string{"» true: ", "radio.contradiction = ", "A Bluetooth name of the shape that Tesla vehicles use", "https://github.com/teslamotors/vehicle-command, 2026-11-22"} {
		if text := trace.Text(); !strings.Contains(text, w) {
			t.Errorf("the trace does not say %q:\n%s", w, text)
		}
	}
	again := gate.Replay(j.Policy(), a)
	if again.Outcome != a.Verdict.Outcome {
		t.Errorf("computed again: %s", again.Outcome)
	}
}

// A rule may look at each of the new facts, and each rests on evidence.
func TestRadioHintsAreFacts(t *testing.T) {
	j, p := packJudge(t, "paper-baseline"), shippedPrefixes(t)
	q := gate.Request{VIN: "5YJXCAE42MF000001", Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "US", At: assessAt, Declared: []gate.Declared{{Kind: "no_modem"}}}
	q.Radio = rf.HearOnce([]rf.Observation{teslaKey(q.VIN), toyotaTyre, longVehicle, uplink}, p)
	r := j.Assess(q).Facts.Radio
	for name, l := range map[string]policy.Leaf[bool]{
		"tesla_name_matches": r.TeslaNameMatches, "tyre_protocol_differs": r.TyreProtocol, "dimensions_differ": r.Dimensions, "uplink_without_modem": r.UplinkWithoutModem,
	} {
		if !l.Known || !l.Value || l.From.Address == "" || l.From.Date == "" || l.From.Quote == "" {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if r.Contradiction.Known {
		t.Errorf("hints alone contradict: %+v", r.Contradiction)
	}
}

// TestEvidenceOnlyRaises holds for every shipped pack that a finding, and each
// further emitter in it, makes no verdict milder.
func TestEvidenceOnlyRaises(t *testing.T) {
	judges := map[string]*gate.Judge{}
	for _, n := range pack.Names() {
		judges[n] = packJudge(t, n)
	}
	p := shippedPrefixes(t)
	said := []rf.Observation{
		audiHotspot, volvoHotspot, benzHotspot, genericSpot, fordPrefix, otherTesla, toyotaTyre, longVehicle, uplink,
		teslaKey("5YJXCAE42MF000001"), teslaKey("LRW3E7FAXMC000001"),
		prefixOf(t, p, "Quectel"), prefixOf(t, p, "Rolling Wireless"), prefixOf(t, p, "Geotab"), prefixOf(t, p, "Valeo"), prefixOf(t, p, "Tesla"),
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(pack.Names()).Draw(t, "policy")
		q := anyRequest(t)
		before := judges[name].Assess(q).Verdict.Outcome
		heard := rapid.SliceOfN(rapid.SampledFrom(said), 1, 5).Draw(t, "heard")
		sure := rapid.SampledFrom([]float64{0.4, 0.7, 0.9, 1}).Draw(t, "probability")
		for i := range heard {
			q.Radio = rf.HearOnce(heard[:i+1], p)
			for k := range q.Radio.Emitters {
				q.Radio.Emitters[k].Probability = sure
			}
			after := judges[name].Assess(q).Verdict.Outcome
			if after < before {
				t.Fatalf("%s: hearing %+v lowered %s to %s", name, *q.Radio, before, after)
			}
			before = after
		}
	})
}

// What was recorded before the air's evidence was told reads as it did, and is
// written as it was.
func TestOldRadioFactsRead(t *testing.T) {
	const old = `{"sensed":{"value":true,"known":true},"hotspot_heard":{"value":true,"known":true,"from":{"title":"passive sensor stop"}},"heard_maker":{"value":"","known":false},"cellular":{"value":false,"known":false}}`
	var r policy.RadioFacts
	if err := json.Unmarshal([]byte(old), &r); err != nil {
		t.Fatal(err)
	}
	if !r.HotspotHeard.Value || r.Contradiction.Known || r.Evidence != nil {
		t.Errorf("%+v", r)
	}
	if b, err := json.Marshal(r); err != nil || string(b) != old {
		t.Errorf("written as %s, %v", b, err)
	}
}

// No address and no name that stands for one vehicle is among the facts.
func TestFactsHoldNoAddress(t *testing.T) {
	j, p := packJudge(t, "paper-baseline"), shippedPrefixes(t)
	q := gate.Request{VIN: "5YJXCAE42MF000001", At: assessAt, Zone: policy.ZoneRestricted}
	heard := []rf.Observation{audiHotspot, fordPrefix, otherTesla, teslaKey(q.VIN), toyotaTyre, longVehicle}
	q.Radio = rf.HearOnce(heard, p)
	kept, err := json.Marshal(j.Assess(q))
	if err != nil {
		t.Fatal(err)
	}
	finding, err := json.Marshal(q.Radio)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(kept), string(finding)} {
		for _, o := range heard {
			for _, secret := range []string{o.Emitter, o.SSID, o.Name} {
				if secret != "" && strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
					t.Errorf("%q stands in %s", secret, text)
				}
			}
		}
	}
}

// Of two makers that were heard the one that the policy is stricter on counts,
// whichever the finding names first.
func TestStricterOfTwoMakersHeard(t *testing.T) {
	j := packJudge(t, "paper-baseline")
	q := gate.Request{VIN: "2HGEJ6672WH500001", Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "US", At: assessAt}
	unit := func(maker string) rf.Heard {
		return rf.Heard{Kind: rf.WiFi, Probability: 0.95, Prefix: "0026B4/24",
			MakerInfo: rf.MakerInfo{Organisation: maker, Maker: maker, Category: "tier1_auto", Specificity: rf.Automotive}}
	}
	for _, tt := range []struct {
		maker  string
		others []string
		party  policy.Party
		want   policy.Outcome
	}{
		{"Telit", nil, "telit_cinterion", policy.Grant},
		{"Telit", []string{"Quectel"}, "quectel", policy.Flag},
		{"Quectel", []string{"Telit"}, "quectel", policy.Flag},
		{"", []string{"Telit", "Quectel", "nobody"}, "quectel", policy.Flag},
		{"nobody", []string{"Telit"}, "telit_cinterion", policy.Grant},
	} {
		q.Radio = &rf.Finding{Sensed: true, Sensor: "stop", Maker: tt.maker}
		for _, m := range tt.others {
			q.Radio.Emitters = append(q.Radio.Emitters, unit(m))
		}
		a := j.Assess(q)
		if a.Verdict.Outcome != tt.want || a.Facts.Radio.HeardMaker.Value != tt.party {
			t.Errorf("%s and %v: %s by %s", tt.maker, tt.others, a.Verdict.Outcome, a.Facts.Radio.HeardMaker.Value)
		}
	}
}
