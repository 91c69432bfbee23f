package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sallyport/rf"
)

func prefixes(t testing.TB) *rf.Prefixes {
	t.Helper()
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func filter(t testing.TB, jurisdiction string) *Filter {
	t.Helper()
	f, err := NewFilter(jurisdiction, prefixes(t))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// samples is one observation of each class.
func samples() map[Class]rf.Observation {
	wifi := func(role string) rf.Observation {
		return rf.Observation{Kind: rf.WiFi, Emitter: "02:11:22:33:44:55", Role: role, Sensor: "s", RSSI: -50}
	}
	ble := func(a rf.Address) rf.Observation {
		return rf.Observation{Kind: rf.BLE, Emitter: "c2:11:22:33:44:55", Address: a, Sensor: "s", RSSI: -50}
	}
	return map[Class]rf.Observation{
		WiFiAP: wifi("ap"), WiFiClient: wifi("client"), WiFiProbe: wifi("probe"),
		BLEPublic: ble(rf.Public), BLEStatic: ble(rf.Static), BLEResolvable: ble(rf.Resolvable), BLENonResolvable: ble(rf.NonResolvable), BLEUntold: ble(""),
		TPMS: {Kind: rf.TPMS, Emitter: "aabbccdd"}, Cell: {Kind: rf.Cell, Band: "B20"}, V2X: {Kind: rf.V2X, Emitter: "01020304"}, Fob: {Kind: rf.Fob, Emitter: "77"},
	}
}

// TestTreatments holds what each profile does with each class; a change of the
// table is a change of what a site does and is made here as well.
func TestTreatments(t *testing.T) {
	want := map[string]string{
		"DE": "wifi-ap kept, wifi-client counted, wifi-probe counted, wifi-name heard, ble-public kept, ble-static kept, ble-resolvable heard, ble-nonresolvable heard, ble-untold heard, ble-name heard, tpms counted, cell heard, v2x heard, fob counted",
	}
	want["UK"] = want["DE"]
	want["PL"] = want["DE"]
	want["US"] = strings.Replace(want["DE"], "tpms counted", "tpms kept", 1)
	names, err := Jurisdictions()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(names); got != "[DE PL UK US]" {
		t.Errorf("jurisdictions %s", got)
	}
	for _, name := range names {
		r, err := RulesOf(name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, rule := range r.All() {
			got = append(got, rule.Class.String()+" "+rule.Treatment.String())
			if name == "PL" && rule.Verified {
				t.Errorf("PL, %s: nobody has verified it", rule.Class)
			}
			if rule.Verified == strings.Contains(rule.Why, "not verified") {
				t.Errorf("%s, %s: verified %t, but %q", name, rule.Class, rule.Verified, rule.Why)
			}
		}
		if list := strings.Join(got, ", "); list != want[name] {
			t.Errorf("%s:\n got %s\nwant %s", name, list, want[name])
		}
	}
}

func TestUnknownJurisdictionHasTheStrictest(t *testing.T) {
	de := filter(t, "DE")
	for _, name := range []string{"", "FR", "XX"} {
		f := filter(t, name)
		if f.Rules().Profile != "DE" || fmt.Sprint(f.Rules().All()) != fmt.Sprint(de.Rules().All()) {
			t.Errorf("%q has the rules of %s", name, f.Rules().Profile)
		}
	}
	if f := filter(t, "GB"); f.Rules().Profile != "UK" || f.Rules().Asked != "GB" {
		t.Errorf("GB has the rules of %s", f.Rules().Profile)
	}
	if f := filter(t, ""); f.Rules().Asked != "DE" {
		t.Errorf("without one: %q", f.Rules().Asked)
	}
}

func TestAdmit(t *testing.T) {
	for _, name := range []string{"DE", "UK", "US", "PL"} {
		f := filter(t, name)
		for c, o := range samples() {
			if got := ClassOf(&o); got != c {
				t.Errorf("%s is taken for %s", c, got)
			}
			rule := f.Rules().Rule(c)
			reason, ok := f.Admit(&o)
			if ok != (rule.Treatment >= Heard) || ok != (reason == "") {
				t.Errorf("%s, %s, which is %s: %t %q", name, c, rule.Treatment, ok, reason)
			}
			if !ok && (!strings.Contains(reason, c.String()) || !strings.Contains(reason, rule.Treatment.String())) {
				t.Errorf("%s, %s: %q", name, c, reason)
			}
			if _, keeps := f.Keeps(&o); keeps != (rule.Treatment == Kept) {
				t.Errorf("%s, %s, which is %s: keeps %t", name, c, rule.Treatment, keeps)
			}
		}
		if reason, ok := f.Admit(&rf.Observation{Kind: "gsm", Emitter: "1"}); ok || reason != notKnown {
			t.Errorf("%s: %q", name, reason)
		}
	}
}

// TestAdmitTakesAway names what an observation must not carry even where its
// class is heard.
func TestAdmitTakesAway(t *testing.T) {
	f := filter(t, "US")
	const vehicle, person = "Audi_MMI_1234", "Familie Kowalski"
	if _, ok := prefixes(t).SSIDMake(vehicle); !ok {
		t.Fatalf("%q fits no pattern: choose another", vehicle)
	}
	for _, c := range []struct {
		name     string
		in, want rf.Observation
	}{
		{"network name of a vehicle", rf.Observation{Kind: rf.WiFi, Role: "ap", SSID: vehicle}, rf.Observation{Kind: rf.WiFi, Role: "ap", SSID: vehicle}},
		{"network name of a person", rf.Observation{Kind: rf.WiFi, Role: "ap", SSID: person}, rf.Observation{Kind: rf.WiFi, Role: "ap"}},
		{"Bluetooth name of a person", rf.Observation{Kind: rf.BLE, Name: person}, rf.Observation{Kind: rf.BLE}},
		{"Bluetooth name of a vehicle", rf.Observation{Kind: rf.BLE, Name: "S1a87a5a75f3df858C"}, rf.Observation{Kind: rf.BLE, Name: "S1a87a5a75f3df858C"}},
		{"name at a kind that has none", rf.Observation{Kind: rf.TPMS, SSID: vehicle, Name: vehicle, Role: "ap", Company: 7, Address: rf.Public, Model: "Toyota", Pressure: rf.Known(230), WidthCM: 180, LengthCM: 400, Band: "B1"}, rf.Observation{Kind: rf.TPMS, Model: "Toyota", Pressure: rf.Known(230)}},
		{"id of a band", rf.Observation{Kind: rf.Cell, Band: "B20", Emitter: "262011234567890"}, rf.Observation{Kind: rf.Cell, Band: "B20"}},
		{"all at once", rf.Observation{Kind: rf.V2X, Emitter: "1", WidthCM: 180, LengthCM: 400, Model: "x", Name: vehicle, SSID: vehicle, Pressure: rf.Known(1)}, rf.Observation{Kind: rf.V2X, Emitter: "1", WidthCM: 180, LengthCM: 400}},
	} {
		o := c.in
		if reason, ok := f.Admit(&o); !ok || o != c.want {
			t.Errorf("%s: %t %q\n got %+v\nwant %+v", c.name, ok, reason, o, c.want)
		}
	}
	// What somebody's device searches for is dropped even where searches are heard.
	all := *f.rules
	all.rules[WiFiProbe].Treatment = Kept
	free := &Filter{rules: &all, prefixes: f.prefixes}
	o := rf.Observation{Kind: rf.WiFi, Role: "probe", SSID: vehicle}
	if _, ok := free.Admit(&o); !ok || o.SSID != "" {
		t.Errorf("%+v", o)
	}
}

// TestAdmitOnlyTakes: whatever comes, nothing is added, and what was admitted
// once is admitted unchanged.
func TestAdmitOnlyTakes(t *testing.T) {
	f := filter(t, "US")
	rapid.Check(t, func(t *rapid.T) {
		o := rf.Observation{
			Kind:    rf.Kind(rapid.SampledFrom([]string{"wifi", "ble", "tpms", "cell", "v2x", "fob", "gsm", ""}).Draw(t, "kind")),
			Role:    rapid.SampledFrom([]string{"ap", "client", "probe", "", "x"}).Draw(t, "role"),
			Address: rf.Address(rapid.SampledFrom([]string{"public", "static", "resolvable", "nonresolvable", "", "x"}).Draw(t, "address")),
			SSID:    rapid.String().Draw(t, "ssid"), Name: rapid.String().Draw(t, "name"), Emitter: "1",
			Model: "m", Band: "B1", Company: 1, WidthCM: 1, LengthCM: 2, Pressure: rf.Known(3),
		}
		once := o
		_, ok := f.Admit(&once)
		if !ok {
			if once != o {
				t.Fatalf("changed though it is not heard: %+v", once)
			}
			return
		}
		twice := once
		if _, ok := f.Admit(&twice); !ok || twice != once {
			t.Fatalf("%+v, then %t %+v", once, ok, twice)
		}
		for _, f := range []struct{ in, out string }{{o.SSID, once.SSID}, {o.Name, once.Name}, {o.Role, once.Role}, {o.Model, once.Model}, {o.Band, once.Band}, {o.Emitter, once.Emitter}} {
			if f.out != "" && f.out != f.in {
				t.Fatalf("%q became %q", f.in, f.out)
			}
		}
	})
}

func TestReadRulesRefuses(t *testing.T) {
	good := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	row := func(change func(f []string)) string {
		lines := append([]string{}, good...)
		f := strings.Split(lines[2], "\t")
		change(f)
		lines[2] = strings.Join(f, "\t")
		return strings.Join(lines, "\n")
	}
	for _, c := range []struct{ name, text, want string }{
		{"a row missing", strings.Join(append(append([]string{}, good[:5]...), good[6:]...), "\n"), "has none for"},
		{"twice", strings.Join(append(append([]string{}, good...), good[5]), "\n"), "stands there twice"},
		{"no source", row(func(f []string) { f[4] = "" }), "line 3: source is empty"},
		{"no address", row(func(f []string) { f[4] = "the law" }), "is no address"},
		{"no quote", row(func(f []string) { f[6] = " " }), "quote is empty"},
		{"no date", row(func(f []string) { f[5] = "2026" }), `date "2026"`},
		{"class", row(func(f []string) { f[1] = "phone" }), `class "phone"`},
		{"treatment", row(func(f []string) { f[2] = "sold" }), `treatment "sold"`},
		{"basis", row(func(f []string) { f[3] = "probably" }), `basis "probably"`},
		{"jurisdiction", row(func(f []string) { f[0] = "Germany" }), `jurisdiction "Germany"`},
		{"short", row(func(f []string) { f[3] += "x\ty" }), "9 fields"},

		{"no strictest", "# nothing", "none of DE"},
	} {
		_, err := readRules(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	lax := strings.Replace(table, "PL\ttpms\tcounted", "PL\ttpms\trefused", 1)
	if _, err := readRules(lax); err == nil || !strings.Contains(err.Error(), "PL is stricter than DE in tpms") {
		t.Errorf("%v", err)
	}
	for _, r := range good[2:] {
		if d := strings.Split(r, "\t")[5]; d > time.Now().Format(time.DateOnly) {
			t.Errorf("a date to come: %s", r)
		}
	}
}

func TestPseudonym(t *testing.T) {
	key := Key{1, 2, 3}
	// By the definition, written out a second time.
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte("sallyport emitter v1\n\x00\x00\x00\x00\x00\x00\x00\x07wifi-ap\x0002:11:22:33:44:55"))
	want := m.Sum(nil)
	p := key.Pseudonym(7, WiFiAP, "02:11:22:33:44:55")
	if string(p[:]) != string(want[:16]) {
		t.Errorf("%x, want %x", p, want[:16])
	}
	if tag := p.Tag(7); tag>>56 != 7 || tag<<8 != binary.BigEndian.Uint64(want)&^0xff || !OfEpoch(tag, 7) || OfEpoch(tag, 8) {
		t.Errorf("%016x of %x", tag, want)
	}
	if (Pseudonym{}).Tag(0) == 0 {
		t.Error("a tag is 0")
	}
	other := Key{1, 2, 4}
	seen := map[Pseudonym]string{}
	for _, k := range []*Key{&key, &other} {
		for _, epoch := range []int{1, 2, 257} {
			for _, c := range []Class{WiFiAP, BLEPublic, TPMS} {
				for _, a := range []string{"02:11:22:33:44:55", "02:11:22:33:44:56", ""} {
					what := fmt.Sprint(k[2], epoch, c, a)
					if before, twice := seen[k.Pseudonym(epoch, c, a)]; twice {
						t.Errorf("%s and %s have one pseudonym", before, what)
					}
					seen[k.Pseudonym(epoch, c, a)] = what
				}
			}
		}
	}
	if key.Commitment() == other.Commitment() || len(key.Commitment()) != 64 {
		t.Error(key.Commitment())
	}
}

func TestAdmitAllocatesNothing(t *testing.T) {
	f := filter(t, "US")
	var list []rf.Observation
	for _, o := range samples() {
		list = append(list, o)
	}
	if n := testing.AllocsPerRun(100, func() {
		for i := range list {
			f.Admit(&list[i])
		}
	}); n != 0 {
		t.Errorf("%.1f allocations", n)
	}
}

// BenchmarkAdmit is what each observation costs: 20,000,000 a second wanted.
func BenchmarkAdmit(b *testing.B) {
	f := filter(b, "US")
	list := make([]rf.Observation, 0, len(samples()))
	for _, o := range samples() {
		list = append(list, o)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n == len(list) {
			n = 0
		}
		f.Admit(&list[n])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "M/s")
}

// BenchmarkPseudonym is what each new emitter costs, twice.
func BenchmarkPseudonym(b *testing.B) {
	key := Key{1}
	for b.Loop() {
		key.Pseudonym(7, WiFiAP, "02:11:22:33:44:55")
	}
}
