package kismet

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

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

func decode(t testing.TB, in []byte) ([]rf.Observation, *Decoder) {
	t.Helper()
	d := New(Config{Sensor: "gate"}, prefixes(t))
	var got []rf.Observation
	if err := d.Decode(bytes.NewReader(in), func(o rf.Observation) error { got = append(got, o); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, o := range got {
		if back, err := rf.ParseLine(rf.Append(nil, o)); err != nil || back != o {
			t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
		}
	}
	return got, d
}

const simplified = `{"kismet.device.base.macaddr": "28:10:7B:94:BB:29","kismet.device.base.phyname": "IEEE802.11","kismet.device.base.type": "Wi-Fi AP","kismet.device.base.manuf": "D-Link International","kismet.device.base.name": "Audi_MMI_1234","kismet.device.base.channel": "6","kismet.device.base.frequency": 2437000,"kismet.device.base.first_time": 1537621366,"kismet.device.base.last_time": 1537621458,"kismet.device.base.packets.total": 86,"last_signal": -65,"max_signal": -63}`

func TestShapes(t *testing.T) {
	want := rf.Observation{TS: time.Unix(1537621458, 0).UTC(), Sensor: "gate", Kind: rf.WiFi, Emitter: "28:10:7b:94:bb:29", RSSI: -65, Channel: 6, FreqMHz: 2437, Role: "ap", SSID: "Audi_MMI_1234"}
	for name, in := range map[string]string{
		"record":     simplified,
		"array":      " [" + simplified + "]\n",
		"event":      `{"NEW_DEVICE": ` + simplified + `}`,
		"lines":      `{"TIMESTAMP": {"kismet.system.timestamp.sec": 1795349147}}` + "\n" + simplified + "\n{half",
		"whole":      strings.Replace(simplified, `"last_signal": -65,"max_signal": -63`, `"kismet.device.base.packets.tx_total":86,"kismet.device.base.signal":{"kismet.common.signal.type":"dbm","kismet.common.signal.last_signal":-65}`, 1),
		"cut":        "[" + simplified + `,{"kismet.device.base`,
		"HT channel": strings.Replace(simplified, `"6"`, `"6HT40+"`, 1),
	} {
		got, d := decode(t, []byte(in))
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v, %v", name, got, d.Tally().Refused())
		}
	}
	for name, x := range map[string]struct {
		in   string
		want func(*rf.Observation)
	}{
		"a person's name is dropped": {strings.Replace(simplified, "Audi_MMI_1234", "Anna", 1), func(o *rf.Observation) { o.SSID = "" }},
		"a client's name is dropped": {strings.Replace(simplified, "Wi-Fi AP", "Wi-Fi Client", 1), func(o *rf.Observation) { o.SSID, o.Role = "", "client" }},
		"level of no unit":           {strings.Replace(simplified, `"last_signal"`, `"kismet.common.signal.type":"rssi","last_signal"`, 1), func(o *rf.Observation) { o.Level = rf.Relative }},
		"no level, but sent":         {strings.Replace(simplified, `"last_signal": -65`, `"kismet.device.base.packets.tx_total":1`, 1), func(o *rf.Observation) { o.RSSI, o.Level = rf.LowestRSSI, rf.NoLevel }},
		"Bluetooth": {strings.NewReplacer("IEEE802.11", "BTLE", "Wi-Fi AP", "BTLE", "Audi_MMI_1234", "S1a87a5a75f3df858C", `"6"`, `"37"`).Replace(simplified),
			func(o *rf.Observation) {
				o.Kind, o.Role, o.SSID, o.Name, o.Channel = rf.BLE, "", "", "S1a87a5a75f3df858C", 37
			}},
	} {
		w := want
		x.want(&w)
		if got, d := decode(t, []byte(x.in)); len(got) != 1 || got[0] != w {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, d.Tally().Refused(), w)
		}
	}
}

func TestRefusals(t *testing.T) {
	sub := func(old, new string) string {
		if !strings.Contains(simplified, old) {
			t.Fatal(old)
		}
		return strings.Replace(simplified, old, new, 1)
	}
	for _, x := range []struct{ in, reason string }{
		{"{", "not a JSON object"},
		{`[1]`, "not a JSON object"},
		{`{"NEW_DEVICE": 7}`, "an event without a device"},
		{`{"MESSAGE": {"kismet.messagebus.message_string": "Detected new 802.11 Wi-Fi device 90:A4:DE:C0:46:11"}}`, "an event without a device"},
		{sub("IEEE802.11", "RTL433"), "a tyre sensor by way of Kismet, which loses its id and pressure"},
		{sub("IEEE802.11", "ADSB"), "neither Wi-Fi nor Bluetooth"},
		{sub("Wi-Fi AP", "Wi-Fi Bridged"), "a device behind an access point's wire"},
		{sub(`"last_signal": -65`, `"last_signal": 0`), "a device that was not heard itself"},
		{sub(`"kismet.device.base.channel"`, `"kismet.device.base.packets.tx_total":0,"kismet.device.base.channel"`), "a device that was not heard itself"},
		{sub("28:10:7B:94:BB:29", "28:10:7B:94:BB"), "address is not an EUI-48"},
		{sub("28:10", "29:10"), "address is a group's"},
		{sub("1537621458", "0"), "time is not one, or not between 2015 and 2100"},
		{sub("1537621458", `"x"`), "time is not one, or not between 2015 and 2100"},
		{sub("-65", "-650"), "level is not between -150 and 20"},
		{sub(`"last_signal": -65`, `"kismet.device.base.signal":[]`), "level is not between -150 and 20"},
		{"[" + strings.Repeat("1", MaxRecord+1) + "]", "longer than 1 MiB"},
		{`[{"a"`, "cut short by the end of the input"},
	} {
		got, d := decode(t, []byte(x.in))
		if len(got) != 0 || !maps.Equal(d.Tally().Refused(), map[string]uint64{x.reason: 1}) {
			t.Errorf("%.90s: %+v, %v, want %s", x.in, got, d.Tally().Refused(), x.reason)
		}
	}
}

func shared(t testing.TB, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, "..", "shared", filepath.FromSlash(name))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("SKIPPED, PROVES NOTHING: %s is not here (%v)", path, err)
	}
	return b
}

// TestRealRecords reads Kismet's own output by a second way, with the standard
// library, and compares.
func TestRealRecords(t *testing.T) {
	for file, level := range map[string]func(map[string]any) any{
		"simplified": func(r map[string]any) any { return r["last_signal"] },
		"full": func(r map[string]any) any {
			return r["kismet.device.base.signal"].(map[string]any)["kismet.common.signal.last_signal"]
		},
	} {
		b := shared(t, "data/rf/captures/kismet/test1.devices."+file+".json")
		var records []map[string]any
		if err := json.Unmarshal(b, &records); err != nil {
			t.Fatal(err)
		}
		got, d := decode(t, b)
		heard := map[string]rf.Observation{}
		for _, o := range got {
			heard[strings.ToUpper(o.Emitter)] = o
			if o.SSID != "" {
				t.Errorf("the name of %+v is no vehicle's", o)
			}
		}
		for _, r := range records {
			mac := r["kismet.device.base.macaddr"].(string)
			rssi := level(r).(float64)
			sent, counted := r["kismet.device.base.packets.tx_total"].(float64)
			o, ok := heard[mac]
			if want := rssi != 0 || counted && sent > 0; ok != want {
				t.Errorf("%s: %s heard %v, want %v", file, mac, ok, want)
				continue
			}
			if !ok {
				continue
			}
			if rssi == 0 && o.Level != rf.NoLevel || rssi != 0 && o.RSSI != rssi || float64(o.TS.Unix()) != r["kismet.device.base.last_time"] || o.FreqMHz*1000 != r["kismet.device.base.frequency"] ||
				(o.Role == "ap") != (r["kismet.device.base.type"] == "Wi-Fi AP") {
				t.Errorf("%s: %+v", file, o)
			}
		}
		if d.Tally().Total() != uint64(len(records)) || len(got) != len(heard) {
			t.Errorf("%s: %d of %d counted, %d twice", file, d.Tally().Total(), len(records), len(got)-len(heard))
		}
		t.Logf("%s: %d heard, refused %v", file, len(got), d.Tally().Refused())
	}
	// The long lines of this one were cut when it was recorded.
	b := shared(t, "data/rf/captures/kismet/eventbus.ndjson")
	_, d := decode(t, b)
	if n := uint64(bytes.Count(b, []byte("\n"))); d.Tally().Total() != n || d.Tally().Refused()["not a JSON object"] != 2 {
		t.Errorf("%d of %d counted: %v", d.Tally().Total(), n, d.Tally().Refused())
	}
}

// FuzzRecord holds that what is taken is canonical, that of an array every
// record is counted, and that it does not matter how the input is cut into reads.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(simplified), 10)
	f.Add([]byte(`{"NEW_DEVICE": `+simplified+`}`+"\n\n"+simplified), 200)
	f.Add([]byte(`[{"kismet.device.base.macaddr":"00:1E:42:AA:BB:CD","kismet.device.base.phyname":"BTLE","kismet.device.base.signal":{"kismet.common.signal.last_signal":-1e0},"kismet.device.base.last_time":1.7e9,"kismet.device.base.channel":"37"},{]`), 100)
	f.Add([]byte(" [ "+simplified+" ,\n 7,"+simplified+"]"), 600)
	p := prefixes(f)
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		at = max(0, at) % (len(b) + 1)
		var all [2][]rf.Observation
		var d [2]*Decoder
		for i, in := range []io.Reader{bytes.NewReader(b), io.MultiReader(bytes.NewReader(b[:at]), iotest.OneByteReader(bytes.NewReader(b[at:])))} {
			d[i] = New(Config{Sensor: "s"}, p)
			if err := d[i].Decode(in, func(o rf.Observation) error {
				all[i] = append(all[i], o)
				if back, err := p.ParseLine(rf.Append(nil, o)); err != nil || back != o {
					t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
				}
				return nil
			}); err != nil || uint64(len(all[i])) != d[i].Tally().Taken() {
				t.Fatalf("%d of %d, %v", len(all[i]), d[i].Tally().Taken(), err)
			}
		}
		if !slices.Equal(all[0], all[1]) || !maps.Equal(d[0].Tally().Refused(), d[1].Tally().Refused()) {
			t.Fatalf("cut at %d: %+v, whole %+v", at, all[1], all[0])
		}
		if n, ok := items(b); ok && d[0].Tally().Total() != n {
			t.Fatalf("%d of %d counted: %v", d[0].Tally().Total(), n, d[0].Tally().Refused())
		}
	})
}

// items is how many records an input has: the elements of an array where the
// standard library can read it, else the lines of what is none.
func items(b []byte) (uint64, bool) {
	if b = bytes.TrimLeft(b, " \t\r\n"); len(b) > 0 && b[0] == '[' {
		var all []json.RawMessage
		err := json.Unmarshal(b, &all)
		return uint64(len(all)), err == nil
	}
	n := uint64(0)
	for line := range bytes.SplitSeq(b, []byte("\n")) {
		if len(bytes.TrimRight(line, " \t\r")) > 0 {
			n++
		}
	}
	return n, true
}

func BenchmarkRecord(b *testing.B) {
	d := New(Config{Sensor: "s"}, prefixes(b))
	line := []byte(strings.Replace(simplified, "Audi_MMI_1234", "ogogo", 1))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, ok := d.Record(line); !ok {
			b.Fatal(d.Tally().Refused())
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkArray(b *testing.B) {
	in := []byte("[" + strings.Repeat(simplified+",", 999) + simplified + "]")
	d := New(Config{Sensor: "s"}, prefixes(b))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(bytes.NewReader(in), func(rf.Observation) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(d.Tally().Taken())/b.Elapsed().Seconds(), "records/s")
}
