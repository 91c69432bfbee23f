package rf

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseLine(t *testing.T) {
	at := time.Date(2026, 5, 4, 8, 0, 0, 254e6, time.UTC)
	for _, x := range []struct {
		name, line string
		want       Observation
		field      string // of the refusal; "-" for one of the whole line
	}{
		{name: "access point", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"lane1-stop","kind":"wifi","rssi_dbm":-75.6,"emitter":"FC-32-10-77-DA-AF","role":"ap","channel":11,"freq_mhz":2462}`,
			want: Observation{TS: at, Sensor: "lane1-stop", Kind: WiFi, Emitter: "fc:32:10:77:da:af", RSSI: -75.6, Channel: 11, FreqMHz: 2462, Role: "ap"}},
		{name: "time of another zone", line: `{"ts":"2026-05-04T10:00:00.254+02:00","sensor":"s","kind":"fob","rssi_dbm":-60,"emitter":"1a2b"}`,
			want: Observation{TS: at, Sensor: "s", Kind: Fob, Emitter: "1a2b", RSSI: -60}},
		{name: "vehicle's name is kept", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s","kind":"wifi","rssi_dbm":-40,"emitter":"00:26:b4:01:02:03","role":"ap","ssid":"Audi_MMI_1234"}`,
			want: Observation{TS: at, Sensor: "s", Kind: WiFi, Emitter: "00:26:b4:01:02:03", RSSI: -40, Role: "ap", SSID: "Audi_MMI_1234"}},
		{name: "person's name is dropped", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s","kind":"wifi","rssi_dbm":-40,"emitter":"00:26:b4:01:02:03","role":"ap","ssid":"Anna's iPhone"}`,
			want: Observation{TS: at, Sensor: "s", Kind: WiFi, Emitter: "00:26:b4:01:02:03", RSSI: -40, Role: "ap"}},
		{name: "name asked for by a client is dropped", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s","kind":"wifi","rssi_dbm":-40,"emitter":"00:26:b4:01:02:03","role":"probe","ssid":"Audi_MMI_1234"}`,
			want: Observation{TS: at, Sensor: "s", Kind: WiFi, Emitter: "00:26:b4:01:02:03", RSSI: -40, Role: "probe"}},
		{name: "fields not white-listed, and of other kinds, are dropped", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s","kind":"tpms","rssi_dbm":-85.5,"emitter":"0ee9351c","model":"Schrader-EG53MA4","pressure_kpa":201.5,"payload":"00ff","band":"B7","company":76,"role":"ap","channel":4000}`,
			want: Observation{TS: at, Sensor: "s", Kind: TPMS, Emitter: "0ee9351c", RSSI: -85.5, Model: "Schrader-EG53MA4", Pressure: Known(201.5)}},
		{name: "a sensor without a tyre, at a level of no unit", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s","kind":"tpms","rssi_dbm":-6.7,"level":"relative","emitter":"0ee9351c","pressure_kpa":0}`,
			want: Observation{TS: at, Sensor: "s", Kind: TPMS, Emitter: "0ee9351c", RSSI: -6.7, Level: Relative, Pressure: Known(0)}},
		{name: "no level is the lowest", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s","kind":"v2x","rssi_dbm":-3,"level":"none","emitter":"f03ad610","width_cm":200,"length_cm":500}`,
			want: Observation{TS: at, Sensor: "s", Kind: V2X, Emitter: "f03ad610", RSSI: LowestRSSI, Level: NoLevel, WidthCM: 200, LengthCM: 500}},
		{name: "a car's Bluetooth name is kept", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s","kind":"ble","rssi_dbm":-60,"emitter":"fc:32:10:77:da:af","address":"static","name":"S1a87a5a75f3df858C"}`,
			want: Observation{TS: at, Sensor: "s", Kind: BLE, Emitter: "fc:32:10:77:da:af", RSSI: -60, Address: Static, Name: "S1a87a5a75f3df858C"}},
		{name: "a person's Bluetooth name is dropped", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s","kind":"ble","rssi_dbm":-60,"emitter":"fc:32:10:77:da:af","name":"Anna's watch"}`,
			want: Observation{TS: at, Sensor: "s", Kind: BLE, Emitter: "fc:32:10:77:da:af", RSSI: -60}},
		{name: "uplink", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s","kind":"cell","rssi_dbm":-58.5,"band":"n78"}`,
			want: Observation{TS: at, Sensor: "s", Kind: Cell, RSSI: -58.5, Band: "n78"}},
		{name: "random Bluetooth address", line: `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s","kind":"ble","rssi_dbm":-81,"emitter":"57:2c:aa:09:e4:9b","company":76,"channel":37}`,
			want: Observation{TS: at, Sensor: "s", Kind: BLE, Emitter: "57:2c:aa:09:e4:9b", RSSI: -81, Company: 76, Channel: 37}},

		{name: "cell identity", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"cell","rssi_dbm":-58,"band":"B7","emitter":"310410123456789"}`, field: "emitter"},
		{name: "no band", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"cell","rssi_dbm":-58}`, field: "band"},
		{name: "bad band", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"cell","rssi_dbm":-58,"band":"B0"}`, field: "band"},
		{name: "no kind", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","rssi_dbm":-58,"emitter":"x"}`, field: "kind"},
		{name: "unknown kind", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"imsi","rssi_dbm":-58,"emitter":"x"}`, field: "kind"},
		{name: "no time", line: `{"sensor":"s","kind":"fob","rssi_dbm":-58,"emitter":"x"}`, field: "ts"},
		{name: "not a time", line: `{"ts":"yesterday","sensor":"s","kind":"fob","rssi_dbm":-58,"emitter":"x"}`, field: "ts"},
		{name: "1970", line: `{"ts":"1970-01-01T00:00:00Z","sensor":"s","kind":"fob","rssi_dbm":-58,"emitter":"x"}`, field: "ts"},
		{name: "2100", line: `{"ts":"2100-01-01T00:00:00Z","sensor":"s","kind":"fob","rssi_dbm":-58,"emitter":"x"}`, field: "ts"},
		{name: "no sensor", line: `{"ts":"2026-05-04T08:00:00Z","kind":"fob","rssi_dbm":-58,"emitter":"x"}`, field: "sensor"},
		{name: "sensor with a blank", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"a b","kind":"fob","rssi_dbm":-58,"emitter":"x"}`, field: "sensor"},
		{name: "no level", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"fob","emitter":"x"}`, field: "rssi_dbm"},
		{name: "level of no receiver", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"fob","rssi_dbm":21,"emitter":"x"}`, field: "rssi_dbm"},
		{name: "level in words", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"fob","rssi_dbm":"-40","emitter":"x"}`, field: "rssi_dbm"},
		{name: "no emitter", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"fob","rssi_dbm":-58}`, field: "emitter"},
		{name: "not an address", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"wifi","rssi_dbm":-58,"emitter":"00:26:b4:01:02"}`, field: "emitter"},
		{name: "group address", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"wifi","rssi_dbm":-58,"emitter":"01:00:5e:00:00:01"}`, field: "emitter"},
		{name: "channel", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"ble","rssi_dbm":-58,"emitter":"00:26:b4:01:02:03","channel":40}`, field: "channel"},
		{name: "frequency", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"fob","rssi_dbm":-58,"emitter":"x","freq_mhz":0.1}`, field: "freq_mhz"},
		{name: "role", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"wifi","rssi_dbm":-58,"emitter":"00:26:b4:01:02:03","role":"monitor"}`, field: "role"},
		{name: "company", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"ble","rssi_dbm":-58,"emitter":"00:26:b4:01:02:03","company":65536}`, field: "company"},
		{name: "model", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"tpms","rssi_dbm":-58,"emitter":"x","model":"<b>"}`, field: "model"},
		{name: "level of another name", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"fob","rssi_dbm":-58,"level":"dbuv","emitter":"x"}`, field: "level"},
		{name: "kind of address", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"ble","rssi_dbm":-58,"emitter":"00:26:b4:01:02:03","address":"home"}`, field: "address"},
		{name: "pressure", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"tpms","rssi_dbm":-58,"emitter":"x","pressure_kpa":-1}`, field: "pressure_kpa"},
		{name: "width", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"v2x","rssi_dbm":-58,"emitter":"x","width_cm":1024}`, field: "width_cm"},
		{name: "length", line: `{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"v2x","rssi_dbm":-58,"emitter":"x","length_cm":0}`, field: "length_cm"},
		{name: "empty", line: ``, field: "-"},
		{name: "half a line", line: `{"ts":"2026-05-04T08:00:00Z","sen`, field: "-"},
		{name: "array", line: `[]`, field: "-"},
		{name: "not UTF-8", line: "{\"ts\":\"\xff\"}", field: "-"},
		{name: "too long", line: `{"x":"` + strings.Repeat("a", MaxLine) + `"}`, field: "-"},
	} {
		t.Run(x.name, func(t *testing.T) {
			got, err := ParseLine([]byte(x.line))
			if x.field == "" {
				if err != nil || got != x.want {
					t.Fatalf("got %+v, %v\nwant %+v", got, err, x.want)
				}
				back, err := ParseLine(Append(nil, got))
				if err != nil || back != got {
					t.Fatalf("written and read back: %+v, %v", back, err)
				}
				return
			}
			var le *LineError
			if !errors.As(err, &le) || got != (Observation{}) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if le.Field != strings.Trim(x.field, "-") || le.Reason == "" {
				t.Fatalf("refused for %q: %s", le.Field, le.Reason)
			}
		})
	}
}

func TestRefusalsRepeatNothing(t *testing.T) {
	for _, line := range []string{
		`{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"wifi","rssi_dbm":-58,"emitter":"SECRET-VALUE"}`,
		`{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"SECRET-VALUE","rssi_dbm":-58,"emitter":"x"}`,
		`{"ts":"SECRET-VALUE"}`, `"SECRET-VALUE"`, `{"ts":{"SECRET-VALUE":1}}`, `{SECRET-VALUE`, `{"kind":["SECRET-VALUE"]}`,
		`{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"cell","rssi_dbm":-58,"band":"SECRET-VALUE"}`,
	} {
		if _, err := ParseLine([]byte(line)); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s is refused with %v", line, err)
		}
	}
}

func TestAppendOfNoNumberIsStillJSON(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		b := Append(nil, Observation{TS: time.Unix(1.7e9, 0), Sensor: "s\"\n", Kind: Fob, Emitter: "x", RSSI: v})
		if !json.Valid(b) || bytes.ContainsRune(b, '\n') {
			t.Fatalf("%s", b)
		}
		if _, err := ParseLine(b); err == nil {
			t.Fatalf("%s was read", b)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for _, s := range []string{
		`{"ts":"2026-05-04T08:00:00.254Z","sensor":"lane1-stop","kind":"wifi","rssi_dbm":-75.6,"emitter":"fc:32:10:77:da:af","role":"ap","channel":11,"ssid":"Audi_MMI_1234"}`,
		`{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"ble","rssi_dbm":-81,"emitter":"56:2c:aa:09:e4:9b","company":76}`,
		`{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"tpms","rssi_dbm":-1e2,"emitter":"0ee9351c","model":"Renault","pressure_kpa":1}`,
		`{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"cell","rssi_dbm":-58,"band":"GSM900"}`,
		`{"TS":null,"kind":0}`, `{`, "\x00\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		o, err := ParseLine(line)
		if err != nil {
			var le *LineError
			if !errors.As(err, &le) || o != (Observation{}) {
				t.Fatalf("%+v, %v", o, err)
			}
			return
		}
		if o.Kind == Cell && o.Emitter != "" || math.IsNaN(o.RSSI) || o.TS.Location() != time.UTC {
			t.Fatalf("%+v was let through", o)
		}
		back, err := ParseLine(Append(nil, o))
		if err != nil || back != o {
			t.Fatalf("%+v came back as %+v, %v", o, back, err)
		}
	})
}

func table(t testing.TB) *Prefixes {
	t.Helper()
	p, err := EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLookup(t *testing.T) {
	p := table(t)
	for _, x := range []struct {
		mac, maker string
		bits       int
		spec       Specificity
		derived    bool
	}{
		{"00:26:b4:01:02:03", "Ford", 24, Automotive, false},
		{"0026B4010203", "Ford", 24, Automotive, false},
		{"78-39-2d-9a-00-00", "Avatr", 28, Automotive, false},
		{"70:b3:d5:01:b0:00", "Audi", 36, Automotive, false},
		{"70:b3:d5:01:c0:00", "", 0, "", false}, // the block's next tenant is not in the table
		{"02:26:b4:01:02:03", "Ford", 24, Mixed, true},
		{"01:26:b4:01:02:03", "", 0, "", false}, // a group address
		{"00:26:b4:01:02", "", 0, "", false},
		{"00:26:b4:01:02:0g", "", 0, "", false},
		{"", "", 0, "", false},
	} {
		got, ok := p.Lookup(x.mac)
		if ok != (x.maker != "") || got.Maker != x.maker || got.Bits != x.bits || got.Specificity != x.spec || got.Derived != x.derived {
			t.Errorf("%s: %+v, %v", x.mac, got, ok)
		}
	}
	if n, ok := p.SSIDMake("MB WLAN 1A2B3C"); !ok || n.Make != "Mercedes-Benz" || n.Specificity != Automotive {
		t.Errorf("Mercedes-Benz: %+v", n)
	}
	if n, ok := p.SSIDMake("WiFi Hotspot 1A2B"); !ok || n.Specificity != Mixed {
		t.Errorf("a name that anybody may use: %+v", n)
	}
	if _, ok := p.SSIDMake("xAudi_MMI_1234"); ok {
		t.Error("a part of a name was taken for the whole")
	}
	if _, ok := p.SSIDMake("Tesla 123456"); ok {
		t.Error("a Bluetooth name was taken for a network's")
	}
	if c, ok := p.Company(0x022B); !ok || c.Specificity != Automotive {
		t.Errorf("company: %+v", c)
	}
	if p.Len() != 919 {
		t.Errorf("%d prefixes", p.Len())
	}
	for _, part := range []string{"oui", "company", "ssid"} {
		if s := p.Source(part); s.Address == "" || s.Date == "" {
			t.Errorf("%s has no source or date", part)
		}
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil || !bytes.Equal(b.Bytes(), embeddedPrefixes) {
		t.Errorf("written again it is not the same: %v", err)
	}
}

// TestPatternsBindBothEnds holds that a name fits as a whole, whatever
// alternatives a pattern has.
func TestPatternsBindBothEnds(t *testing.T) {
	p, err := ReadPrefixes(strings.NewReader(prefixHeader + "\tx\nN\twifi\tmixed\tX\t^ab|ac$\t\t\t\nN\twifi\tmixed\tY\t^(?i)car[0-9]$\t\t\t\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"ab": true, "ac": true, "abx": false, "xac": false, "a": false, "CAR1": true, "car1": true, "car": false, "": false} {
		_, ok := p.SSIDMake(name)
		if kept := p.Keep([]byte(name), WiFi); ok != want || (kept == name) != (want || name == "") || kept != "" && !want {
			t.Errorf("%q fits: %v, kept as %q", name, ok, kept)
		}
	}
}

func TestBadTablesNameTheLine(t *testing.T) {
	head := prefixHeader + "\tx\n"
	for _, x := range []struct{ name, in, want string }{
		{"empty", "", "empty"},
		{"header", "something\n", "line 1"},
		{"kind", head + "Q\tx\n", "line 2"},
		{"fields", head + "P\t0026B4\tFord\n", "line 2"},
		{"digits", head + "P\t0026\tFord\tcar_maker\tautomotive\tUS\tFord\n", "6, 7 or 9"},
		{"lower case", head + "P\t0026b4\tFord\tcar_maker\tautomotive\tUS\tFord\n", "upper-case"},
		{"specificity", head + "P\t0026B4\tFord\tcar_maker\tsure\tUS\tFord\n", "specificity"},
		{"twice", head + strings.Repeat("P\t0026B4\tFord\tcar_maker\tautomotive\tUS\tFord\n", 2), "line 3: prefix 0026B4 is there twice"},
		{"open pattern", head + "N\twifi\tautomotive\tX\tX.*\t\t\t\n", "anchored"},
		{"bad pattern", head + "N\twifi\tautomotive\tX\t^($\t\t\t\n", "line 2"},
	} {
		_, err := ReadPrefixes(strings.NewReader(x.in))
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

func FuzzReadPrefixes(f *testing.F) {
	f.Add([]byte(prefixHeader + "\tx\nP\t0026B4\tFord\tcar_maker\tautomotive\tUS\tFord\nC\t022B\tcar_maker\tautomotive\tTesla\nN\twifi\tmixed\tX\t^X$\t\t\t\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := ReadPrefixes(bytes.NewReader(in))
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := p.Write(&once); err != nil {
			t.Fatal(err)
		}
		q, err := ReadPrefixes(bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Write(&twice); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("%q became %q (%v)", once.Bytes(), twice.Bytes(), err)
		}
	})
}

// benchLines are one line of each kind, as sensors send them.
var benchLines = []struct{ name, line string }{
	{"wifi", `{"ts":"2026-05-04T08:00:00.254Z","sensor":"lane1-stop","kind":"wifi","rssi_dbm":-75.6,"emitter":"fc:32:10:77:da:af","role":"ap","channel":11}`},
	{"wifi of a person", `{"ts":"2026-05-04T08:00:00.254Z","sensor":"lane1-stop","kind":"wifi","rssi_dbm":-75.6,"emitter":"fc:32:10:77:da:af","role":"ap","channel":11,"ssid":"FRITZ!Box 7590 XY"}`},
	{"wifi of a car", `{"ts":"2026-05-04T08:00:00.254Z","sensor":"lane1-stop","kind":"wifi","rssi_dbm":-75.6,"emitter":"00:26:b4:01:02:03","role":"ap","channel":11,"ssid":"Audi_MMI_1234"}`},
	{"ble", `{"ts":"2026-05-04T08:00:00.359Z","sensor":"lane1-stop","kind":"ble","rssi_dbm":-72.2,"emitter":"da:9d:90:13:0b:bf","address":"static","company":76,"channel":37}`},
	{"tpms", `{"ts":"2026-05-04T08:00:00.359Z","sensor":"lane1-stop","kind":"tpms","rssi_dbm":-6.687,"level":"relative","emitter":"fb0a43e7","model":"Toyota","pressure_kpa":253.382,"freq_mhz":433.926}`},
	{"cell", `{"ts":"2026-05-04T08:00:00.359Z","sensor":"lane1-stop","kind":"cell","rssi_dbm":-58.5,"band":"B20","freq_mhz":847.5}`},
	{"v2x", `{"ts":"2026-05-04T08:00:00.359Z","sensor":"lane1-stop","kind":"v2x","rssi_dbm":-150,"level":"none","emitter":"f03ad610","width_cm":190,"length_cm":570}`},
}

// TestParseLineAllocatesWhatItKeeps counts the strings of an observation: sensor,
// and as the kind has them emitter, band, model and a vehicle's name.
func TestParseLineAllocatesWhatItKeeps(t *testing.T) {
	p := table(t)
	for _, x := range benchLines {
		line := []byte(x.line)
		o, err := p.ParseLine(line)
		if err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, s := range []string{o.Sensor, o.Emitter, o.Band, o.Model, o.SSID, o.Name} {
			if s != "" {
				kept++
			}
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = p.ParseLine(line) }); n > float64(kept) {
			t.Errorf("%s: %v allocations for %d strings", x.name, n, kept)
		}
		out := make([]byte, 0, 512)
		if n := testing.AllocsPerRun(100, func() { out = Append(out[:0], o) }); n > 0 {
			t.Errorf("%s: %v allocations to write it", x.name, n)
		}
	}
}

func BenchmarkParseLine(b *testing.B) {
	p := table(b)
	for _, x := range benchLines {
		b.Run(x.name, func(b *testing.B) {
			line := []byte(x.line)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.ParseLine(line); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	p := table(b)
	for _, x := range benchLines {
		b.Run(x.name, func(b *testing.B) {
			o, err := p.ParseLine([]byte(x.line))
			if err != nil {
				b.Fatal(err)
			}
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				out = Append(out[:0], o)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
