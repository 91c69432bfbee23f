package rf

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestIdentityByAddressNameAndCompany(t *testing.T) {
	p := table(t)
	const (
		ford    = "00:26:b4:01:02:03"
		visteon = "00:0a:30:01:02:03"
		local   = "02:0a:30:01:02:03"
		geotab  = "e8:ff:1e:a1:02:03"
	)
	for _, tt := range []struct {
		name                string
		heard               []Observation
		prefix, make        string
		company             int
		automotive, hotspot bool
	}{
		{"access point", []Observation{{Kind: WiFi, Role: "ap", Emitter: ford}}, "0026B4/24", "", 0, true, true},
		{"wifi of a role not told", []Observation{{Kind: WiFi, Emitter: ford}}, "0026B4/24", "", 0, true, false},
		{"client", []Observation{{Kind: WiFi, Role: "client", Emitter: ford}}, "0026B4/24", "", 0, true, false},
		{"head unit that looks for a network", []Observation{{Kind: WiFi, Role: "probe", Emitter: visteon}}, "000A30/24", "", 0, true, false},
		{"access point of a head unit", []Observation{{Kind: WiFi, Role: "ap", Emitter: visteon}}, "000A30/24", "", 0, true, true},
		{"head unit over ble", []Observation{{Kind: BLE, Emitter: visteon, Address: Public}}, "000A30/24", "", 0, true, false},
		{"telematics unit over ble", []Observation{{Kind: BLE, Emitter: geotab, Address: Public}}, "E8FF1EA/28", "", 0, true, true},
		{"telematics unit as a client", []Observation{{Kind: WiFi, Role: "client", Emitter: geotab}}, "E8FF1EA/28", "", 0, true, true},
		{"access point of a head unit with a bit set", []Observation{{Kind: WiFi, Role: "ap", Emitter: local}}, "000A30/24", "", 0, false, false},
		{"telephone that looks for a vehicle's network", []Observation{{Kind: WiFi, Role: "probe", Emitter: "02:00:00:00:00:09", SSID: "Audi_MMI_1234"}}, "", "Audi", 0, true, false},
		{"ble of a kind not told", []Observation{{Kind: BLE, Emitter: ford}}, "0026B4/24", "", 0, true, false},
		{"ble public", []Observation{{Kind: BLE, Emitter: ford, Address: Public}}, "0026B4/24", "", 0, true, false},
		{"ble static", []Observation{{Kind: BLE, Emitter: ford, Address: Static}}, "", "", 0, false, false},
		{"ble resolvable", []Observation{{Kind: BLE, Emitter: ford, Address: Resolvable}}, "", "", 0, false, false},
		{"ble not resolvable", []Observation{{Kind: BLE, Emitter: ford, Address: NonResolvable}}, "", "", 0, false, false},
		{"tyre with an address's digits", []Observation{{Kind: TPMS, Emitter: "0026b4010203"}}, "", "", 0, false, false},
		{"ble name", []Observation{{Kind: BLE, Address: Static, Name: "S1a87a5a75f3df858C"}}, "", "Tesla", 0, true, false},
		{"the same name over wifi", []Observation{{Kind: WiFi, SSID: "S1a87a5a75f3df858C"}}, "", "", 0, false, false},
		{"a network's name over ble", []Observation{{Kind: BLE, Address: Static, Name: "Audi_MMI_1234"}}, "", "", 0, false, false},
		{"a network that leads to no modem", []Observation{{Kind: WiFi, Role: "ap", Emitter: "02:00:00:00:00:09", SSID: "SmartGate_0123AB"}}, "", "Skoda", 0, true, false},
		{"a network that leads to one", []Observation{{Kind: WiFi, Role: "ap", Emitter: "02:00:00:00:00:09", SSID: "Audi_MMI_1234"}}, "", "Audi", 0, true, true},
		{"name that comes later", []Observation{{Kind: BLE, Address: Static}, {Kind: BLE, Address: Static, Name: "Tesla 123456"}}, "", "Tesla", 0, true, false},
		{"company of a car maker", []Observation{{Kind: BLE, Address: Static, Company: 0x022B}}, "", "", 0x022B, true, false},
		{"company of a module maker", []Observation{{Kind: BLE, Address: Static, Company: 0x0D87}}, "", "", 0x0D87, false, false},
		{"company that comes later", []Observation{{Kind: BLE, Address: Static}, {Kind: BLE, Address: Static, Company: 0x022B}}, "", "", 0x022B, true, false},
		{"company that says nothing of a vehicle", []Observation{{Kind: BLE, Address: Static, Company: 0x004C}}, "", "", 0, false, false},
		{"company over wifi", []Observation{{Kind: WiFi, Company: 0x022B}}, "", "", 0, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := p.Identity(tt.heard[0])
			for _, o := range tt.heard[1:] {
				i.Hear(o, p)
			}
			if hotspot := HearOnce(tt.heard, p).HotspotHeard; hotspot != tt.hotspot {
				t.Errorf("claimed to be a hotspot: %v", hotspot)
			}
			spot := i.Hotspot(tt.heard[0].Kind, tt.heard[0].Role)
			var h Heard
			i.Describe(&h)
			var fits string
			if h.NameFits != nil {
				fits = h.NameFits.Make
			}
			var company int
			if h.Company != nil {
				company = h.Company.ID
			}
			if h.Prefix != tt.prefix || fits != tt.make || company != tt.company || i.Automotive() != tt.automotive || h.Automotive() != tt.automotive || spot != tt.hotspot {
				t.Errorf("%+v: automotive %v, hotspot %v", h, i.Automotive(), spot)
			}
		})
	}
}

// A claim cites the page that its pattern comes from, with that page's date and
// not that of another.
func TestClaimsCiteTheirOwnPage(t *testing.T) {
	p := table(t)
	for _, tt := range []struct {
		o             Observation
		address, date string
	}{
		{Observation{Kind: BLE, Address: Static, Emitter: "c6:26:b4:01:02:03", Name: "S1a87a5a75f3df858C"}, "https://github.com/teslamotors/vehicle-command", "2026-11-22"},
		{Observation{Kind: WiFi, Role: "ap", Emitter: "02:00:00:00:00:09", SSID: "Audi_MMI_1234"}, "https://martin.heiland.io/2017/03/12/reverse-wardriving", "2017-03-12"},
		{Observation{Kind: WiFi, Role: "ap", Emitter: "00:26:b4:01:02:03"}, "https://standards-oui.ieee.org/", "2026-08"},
	} {
		f := HearOnce([]Observation{tt.o}, p)
		if len(f.Sources) != 1 || f.Sources[0].Address != tt.address || f.Sources[0].Date != tt.date {
			t.Errorf("%+v: %+v, want %s of %s", tt.o, f.Sources, tt.address, tt.date)
		}
	}
}

func TestHearOnceListsTheEmitters(t *testing.T) {
	p := table(t)
	at := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	obs := []Observation{
		{TS: at, Kind: TPMS, Emitter: "6c253c", Model: "Schrader-SMD3MA4", RSSI: -12, Level: Relative},
		{TS: at, Kind: TPMS, Emitter: "6c253c", Model: "Nissan", RSSI: -9, Level: Relative, Pressure: Known(177.5)},
		{TS: at, Kind: TPMS, Emitter: "6c253c", Model: "Nissan", RSSI: -30, Pressure: Known(158.6)},
		{TS: at, Kind: V2X, Emitter: "f03ad610", WidthCM: 200, LengthCM: 500, RSSI: -60},
		{TS: at, Kind: BLE, Emitter: "c6:26:b4:01:02:03", Address: Static, Name: "S1a87a5a75f3df858C", RSSI: -70},
		{TS: at, Kind: WiFi, Emitter: "00:26:b4:01:02:03", Role: "client", RSSI: -50},
		{TS: at, Kind: WiFi, Emitter: "00:26:b4:01:02:03", Role: "ap", RSSI: -45},
		{TS: at, Kind: WiFi, Emitter: "02:00:00:00:00:09", RSSI: -45},
	}
	f := HearOnce(obs, p)
	if f.Heard != 5 || len(f.Emitters) != 5 {
		t.Fatalf("%+v", f)
	}
	tyre := f.Emitters[slices.IndexFunc(f.Emitters, func(h Heard) bool { return h.Kind == TPMS })]
	if !slices.Equal(tyre.Models, []string{"Nissan", "Schrader-SMD3MA4"}) || tyre.Pressure != Known(177.5) || tyre.LoudestDBm != -9 || tyre.Level != Relative {
		t.Errorf("%+v", tyre)
	}
	spot := f.Emitters[slices.IndexFunc(f.Emitters, func(h Heard) bool { return h.Prefix != "" })]
	if spot.Role != "ap" || spot.LoudestDBm != -45 || spot.Organisation == "" || spot.Specificity != Automotive {
		t.Errorf("%+v", spot)
	}
	if !f.HotspotHeard || f.Prefix != "0026B4/24" {
		t.Errorf("the name of a key hides the hotspot: %+v", f)
	}
	if last := f.Emitters[4]; last.Automotive() {
		t.Errorf("what says nothing comes last, not %+v", last)
	}
	slices.Reverse(obs[3:])
	if d := cmp.Diff(f.Emitters, HearOnce(obs, p).Emitters); d != "" {
		t.Errorf("the order in which emitters are heard matters:\n%s", d)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range obs {
		for _, secret := range []string{o.Emitter, o.Name} {
			if secret != "" && strings.Contains(strings.ToLower(string(text)), strings.ToLower(secret)) {
				t.Errorf("%q stands in %s", secret, text)
			}
		}
	}
}

// A key's name alone is no hotspot, and names the make all the same.
func TestKeyIsNoHotspot(t *testing.T) {
	f := HearOnce([]Observation{{Kind: BLE, Emitter: "c626b4010203", Address: Static, Name: "S1a87a5a75f3df858C", RSSI: -50}}, table(t))
	if f.HotspotHeard || f.Make != "Tesla" || len(f.Sources) != 1 || !strings.HasPrefix(f.Sources[0].Claim, "a Bluetooth name") {
		t.Errorf("%+v", f)
	}
}

func TestKeepIsBounded(t *testing.T) {
	var many []Heard
	for i := range 5000 {
		many = append(many, Heard{Kind: TPMS, Probability: 1, Models: []string{"Toyota"}, LoudestDBm: float64(-i)}, Heard{Kind: WiFi, Probability: 1, Seconds: i})
	}
	spot := Heard{Kind: WiFi, Probability: 0.6, Prefix: "0026B4/24", MakerInfo: MakerInfo{Specificity: Automotive}}
	var f Finding
	f.Keep(append(many, spot))
	if len(f.Emitters) != MaxHeard || f.Emitters[0].Prefix != spot.Prefix || !f.Emitters[1].Automotive() {
		t.Errorf("%d kept, first %+v", len(f.Emitters), f.Emitters[0])
	}
}

func TestAdds(t *testing.T) {
	spot := Heard{Kind: WiFi, Probability: 0.95, Prefix: "0026B4/24", MakerInfo: MakerInfo{Specificity: Automotive}}
	maybe := spot
	maybe.Probability = 0.7
	plain := Heard{Kind: WiFi, Probability: 1}
	of := func(hs ...Heard) *Finding { return &Finding{Emitters: hs} }
	for _, tt := range []struct {
		name        string
		now, before *Finding
		want        bool
	}{
		{"nothing", of(), nil, false},
		{"what says nothing", of(plain), nil, false},
		{"a radio of a vehicle", of(spot), nil, true},
		{"the same once more", of(spot), of(spot), false},
		{"the same, surer", of(spot), of(maybe), true},
		{"the same, less sure", of(maybe), of(spot), false},
		{"a hotspot", &Finding{HotspotHeard: true}, of(), true},
		{"an uplink", &Finding{Cellular: true}, &Finding{Cellular: true}, false},
		{"another make", &Finding{Make: "Audi"}, &Finding{Make: "Ford"}, true},
		{"a maker", &Finding{Maker: "Valeo"}, nil, true},
	} {
		if got := tt.now.Adds(tt.before); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
