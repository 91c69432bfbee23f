package attribute

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"sallyport/rf"
)

// remembered gives what is remembered of one emitter that said these things.
func remembered(t interface {
	Helper()
	Fatal(...any)
}, p *rf.Prefixes, obs []rf.Observation) (Observed, bool) {
	t.Helper()
	a := listener(p, Config{})
	for _, o := range obs {
		a.Observe(o)
	}
	for _, e := range a.site.emitters {
		return e.Observed, e.auto
	}
	t.Fatal("nothing is remembered")
	return Observed{}, false
}

// A Bluetooth address that is made up has no prefix, whenever that becomes
// known.
func TestOnlyPublicAddressesHaveAPrefix(t *testing.T) {
	p := table(t)
	said := func(kinds ...rf.Address) []rf.Observation {
		var out []rf.Observation
		for i, k := range kinds {
			out = append(out, rf.Observation{TS: at(i), Sensor: "stop", Kind: rf.BLE, Emitter: fordHotspot, RSSI: -60, Address: k})
		}
		return out
	}
	for _, x := range []struct {
		kinds []rf.Address
		known bool
		want  rf.Address
	}{
		{[]rf.Address{""}, true, ""},
		{[]rf.Address{rf.Public}, true, rf.Public},
		{[]rf.Address{"", rf.Public, ""}, true, rf.Public},
		{[]rf.Address{rf.Resolvable}, false, rf.Resolvable},
		{[]rf.Address{"", rf.NonResolvable}, false, rf.NonResolvable},
		{[]rf.Address{rf.Public, rf.Static}, false, rf.Static},
		{[]rf.Address{rf.Static, rf.Public}, false, rf.Static},
	} {
		got, auto := remembered(t, p, said(x.kinds...))
		if got.Identity.Known != x.known || auto != x.known || got.Address != x.want {
			t.Errorf("%q: %+v", x.kinds, got)
		}
	}
}

// What is remembered of an emitter does not depend on the order in which it said
// it within one second.
func TestWhatIsRememberedHasNoOrder(t *testing.T) {
	p := table(t)
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]rf.Kind{rf.WiFi, rf.BLE, rf.TPMS, rf.V2X}).Draw(t, "kind")
		var obs []rf.Observation
		for range rapid.IntRange(1, 12).Draw(t, "n") {
			o := rf.Observation{TS: at(0), Sensor: "stop", Kind: kind, Emitter: "00:26:b4:01:02:03", RSSI: -60}
			switch kind {
			case rf.WiFi:
				o.Role = rapid.SampledFrom([]string{"", "ap", "client", "probe"}).Draw(t, "role")
			case rf.BLE:
				o.Company = rapid.SampledFrom([]int{0, 0x004c, 0x022b, 0x0006, 0x0723}).Draw(t, "company")
				o.Address = rapid.SampledFrom([]rf.Address{"", rf.Public, rf.Static, rf.Resolvable, rf.NonResolvable}).Draw(t, "address")
			case rf.TPMS:
				o.Model = rapid.SampledFrom([]string{"", "Toyota", "Citroen", "Ford", "Renault", "Schrader", "Hyundai-VDO"}).Draw(t, "model")
				if rapid.Bool().Draw(t, "measured") {
					o.Pressure = rf.Known(float64(rapid.IntRange(0, 300).Draw(t, "kPa")))
				}
			case rf.V2X:
				o.WidthCM, o.LengthCM = rapid.IntRange(0, 250).Draw(t, "width"), rapid.IntRange(0, 900).Draw(t, "length")
			}
			obs = append(obs, o)
		}
		one, _ := remembered(t, p, obs)
		other, _ := remembered(t, p, rapid.Permutation(obs).Draw(t, "order"))
		if !reflect.DeepEqual(one, other) {
			t.Fatalf("%+v\n%+v", one, other)
		}
		if len(one.Models) > maxModels {
			t.Fatalf("%d models", len(one.Models))
		}
	})
}
