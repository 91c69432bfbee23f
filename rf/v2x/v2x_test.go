package v2x

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
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

var at = time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)

func decode(t testing.TB, c Config, in string) ([]rf.Observation, *Decoder) {
	t.Helper()
	c.Sensor = "obu"
	d := New(c)
	var got []rf.Observation
	if err := d.Decode(strings.NewReader(in), func(o rf.Observation) error { got = append(got, o); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, o := range got {
		if back, err := rf.ParseLine(rf.Append(nil, o)); err != nil || back != o {
			t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
		}
	}
	return got, d
}

const ode = `{"metadata":{"bsmSource":"RV","recordType":"rxMsg","receivedMessageDetails":{"locationData":{"latitude":"40.5657881"}},"recordGeneratedAt":"2018-05-01T15:55:55.494Z","recordGeneratedBy":"OBU"},"payload":{"dataType":"us.dot.its.jpo.ode.plugin.j2735.J2735Bsm","data":{"coreData":{"msgCnt":119,"id":"F03AD610","secMark":55494,"position":{"latitude":40.5657881,"longitude":-105.0316742,"elevation":1489.0},"speed":0.40,"size":{"width":190,"length":570}},"partII":[{"id":"VehicleSafetyExtensions","value":{"coreData":{"id":"00000000"}}}]}}}`

const decoded = `{
    "MessageFrame": {
        "messageId": "20",
        "value": {
            "BasicSafetyMessage": {
                "coreData": {
                    "id": "9BBB000A",
                    "size": {
                        "width": "0",
                        "length": "314"
                    }
                }
            }
        }
    }
}
`

func TestMessages(t *testing.T) {
	when := time.Date(2018, 5, 1, 15, 55, 55, 494e6, time.UTC)
	first := rf.Observation{TS: when, Sensor: "obu", Kind: rf.V2X, Emitter: "f03ad610", RSSI: rf.LowestRSSI, Level: rf.NoLevel, WidthCM: 190, LengthCM: 570}
	second := rf.Observation{TS: at, Sensor: "obu", Kind: rf.V2X, Emitter: "9bbb000a", RSSI: rf.LowestRSSI, Level: rf.NoLevel, LengthCM: 314}
	got, d := decode(t, Config{At: func() time.Time { return at }}, ode+"\n"+decoded+strings.Replace(ode, `494Z"`, `494Z[UTC]"`, 1))
	if len(got) != 3 || got[0] != first || got[1] != second || got[2] != first {
		t.Fatalf("%+v, %v", got, d.Tally().Refused())
	}
}

// TestOnlyCoreDataCounts puts other members of the same names around it.
func TestOnlyCoreDataCounts(t *testing.T) {
	in := strings.NewReplacer(`"metadata":{`, `"metadata":{"id":"00000000","width":1,`, `"partII":[`, `"id":"00000000","size":{"width":1},"coreData":{"id":"00000001","size":{"length":2}},"partII":[`).Replace(ode)
	got, d := decode(t, Config{}, in)
	again, _ := decode(t, Config{}, `{"payload":`+strings.SplitAfter(strings.TrimSuffix(ode, "}"), `"payload":`)[1]+`,"metadata":{"recordGeneratedAt":"2018-05-01T15:55:55.494Z"}}`)
	if len(again) != 1 || len(got) == 1 && again[0] != got[0] {
		t.Errorf("metadata behind: %+v", again)
	}
	if len(got) != 1 || got[0].Emitter != "f03ad610" || got[0].WidthCM != 190 || got[0].LengthCM != 570 {
		t.Fatalf("%+v, %v", got, d.Tally().Refused())
	}
}

func TestRefusals(t *testing.T) {
	for _, x := range []struct{ old, new, reason string }{
		{`{"metadata"`, `"metadata"`, "not a JSON object"},
		{`"coreData":{"msgCnt"`, `"core":{"msgCnt"`, "not a basic safety message"},
		{`"data":{"coreData"`, `"other":{"coreData"`, "not a basic safety message"},
		{`"coreData":{"msgCnt":119,`, `"coreData":[],"x":{`, "not a basic safety message"},
		{`"recordGeneratedAt"`, `"at"`, "no time"},
		{`2018-05-01T`, `1970-01-01T`, "time is not one, or not between 2015 and 2100"},
		{`2018-05-01T`, `yesterday`, "time is not one, or not between 2015 and 2100"},
		{`"F03AD610"`, `"F03AD6100"`, "id is not four bytes"},
		{`"F03AD610"`, `"F03AD61G"`, "id is not four bytes"},
		{`"F03AD610"`, `12345678`, "id is not four bytes"},
		{`190`, `1024`, "width or length is not one of the standard's"},
		{`190`, `1.5`, "width or length is not one of the standard's"},
		{`570`, `"x"`, "width or length is not one of the standard's"},
		{`"OBU"`, `"` + strings.Repeat("x", MaxMessage) + `"`, "longer than 64 KiB"},
	} {
		if !strings.Contains(ode, x.old) {
			t.Fatal(x.old)
		}
		got, d := decode(t, Config{}, strings.Replace(ode, x.old, x.new, 1))
		if len(got) != 0 || !maps.Equal(d.Tally().Refused(), map[string]uint64{x.reason: 1}) {
			t.Errorf("%s → %.20s: %+v, %v", x.old, x.new, got, d.Tally().Refused())
		}
	}
}

func shared(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "..", "..", "..", "shared", "data", "rf", "captures", "v2x", name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("SKIPPED, PROVES NOTHING: %s is not here (%v)", path, err)
	}
	return string(b)
}

func TestRealMessages(t *testing.T) {
	in := shared(t, "bsmTx.json")
	got, d := decode(t, Config{}, in)
	var times []time.Time
	for line := range strings.Lines(in) {
		var m struct {
			Metadata struct{ RecordGeneratedAt time.Time }
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		times = append(times, m.Metadata.RecordGeneratedAt)
	}
	if len(got) != 16 || d.Tally().Total() != 16 {
		t.Fatalf("%d, %v", len(got), d.Tally().Refused())
	}
	for i, o := range got {
		if o.Emitter != "31325433" || o.WidthCM != 190 || o.LengthCM != 570 || !o.TS.Equal(times[i]) {
			t.Errorf("%+v", o)
		}
	}
	for name, want := range map[string]rf.Observation{
		"BSM_1_j2735decode.json": {Emitter: "f03ad610", WidthCM: 200, LengthCM: 500},
		"BSM_2_j2735decode.json": {Emitter: "9bbb000a", WidthCM: 159, LengthCM: 314},
	} {
		got, d := decode(t, Config{At: func() time.Time { return at }}, shared(t, name))
		want.TS, want.Sensor, want.Kind, want.RSSI, want.Level = at, "obu", rf.V2X, rf.LowestRSSI, rf.NoLevel
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v, %v", name, got, d.Tally().Refused())
		}
	}
}

// bsm1 is a published test payload
// (https://github.com/usdot-fhwa-stol/j2735decoder).
const bsm1 = "001425067c0eb5842562e66e8a2b9ea6c96408b97fffffff900027d9637d07d0007fff8000640fa0"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPayload(t *testing.T) {
	d := New(Config{Sensor: "obu"})
	want := rf.Observation{TS: at, Sensor: "obu", Kind: rf.V2X, Emitter: "f03ad610", RSSI: rf.LowestRSSI, Level: rf.NoLevel, WidthCM: 200, LengthCM: 500}
	if o, ok := d.Payload(at, unhex(t, bsm1)); !ok || o != want {
		t.Errorf("%+v, %v", o, d.Tally().Refused())
	}
	long := append(unhex(t, "00148085"), append(unhex(t, bsm1)[3:], make([]byte, 0x85-37)...)...)
	if o, ok := d.Payload(at, long); !ok || o != want {
		t.Errorf("%+v, %v", o, d.Tally().Refused())
	}
	for _, x := range []struct {
		in     []byte
		at     time.Time
		reason string
	}{
		{nil, at, "not a basic safety message"},
		{unhex(t, "001319"), at, "not a basic safety message"},
		{unhex(t, bsm1)[:39], at, "shorter than its core data"},
		{append(unhex(t, "001424"), make([]byte, 40)...), at, "shorter than its core data"},
		{unhex(t, "001480"), at, "longer than 64 KiB"},
		{unhex(t, "0014c1ff"), at, "longer than 64 KiB"},
		{unhex(t, bsm1), time.Unix(0, 0), "time is not one, or not between 2015 and 2100"},
	} {
		d := New(Config{Sensor: "obu"})
		if o, ok := d.Payload(x.at, x.in); ok || !maps.Equal(d.Tally().Refused(), map[string]uint64{x.reason: 1}) {
			t.Errorf("%x: %+v, %v, want %s", x.in, o, d.Tally().Refused(), x.reason)
		}
	}
	sizes := map[string]string{}
	for line := range strings.Lines(shared(t, "j2735_SampleHexPayloads.txt")) {
		name, text, ok := strings.Cut(line, " = ")
		if !ok {
			continue
		}
		b, err := hex.DecodeString(strings.Trim(strings.TrimSpace(text), `"`))
		if err != nil {
			continue
		}
		if o, ok := d.Payload(at, b); ok {
			sizes[name] = fmt.Sprintf("%s %d %d", o.Emitter, o.WidthCM, o.LengthCM)
		}
	}
	// As the JSON of the same messages has it; no other kind of message is taken.
	if want := map[string]string{"BSM_1": "f03ad610 200 500", "BSM_2": "9bbb000a 159 314"}; !maps.Equal(sizes, want) {
		t.Errorf("%v, want %v", sizes, want)
	}
}

func FuzzPayload(f *testing.F) {
	f.Add(unhex(f, bsm1))
	f.Add(unhex(f, "00148085"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, ok := New(Config{Sensor: "s"}).Payload(at, b)
		if !ok {
			return
		}
		if back, err := rf.ParseLine(rf.Append(nil, o)); err != nil || back != o {
			t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
		}
	})
}

// FuzzDecode holds that what is taken is canonical, that every message on a line
// is counted, and that it does not matter how the input is cut into reads.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(ode+"\n"+decoded), 300)
	f.Add([]byte("{\n{\"payload\":{\"coreData\":{\"id\":\"00000000\",\"size\":{\"width\":\"1e2\",\"length\":4095}}}}"), 3)
	f.Add([]byte(ode+"\r\nnot a message\n\n"+ode), 1000)
	f.Fuzz(func(t *testing.T, b []byte, split int) {
		split = max(0, split) % (len(b) + 1)
		var all [2][]rf.Observation
		var d [2]*Decoder
		for i, in := range []io.Reader{bytes.NewReader(b), io.MultiReader(bytes.NewReader(b[:split]), iotest.OneByteReader(bytes.NewReader(b[split:])))} {
			d[i] = New(Config{Sensor: "s", At: func() time.Time { return at }})
			if err := d[i].Decode(in, func(o rf.Observation) error {
				all[i] = append(all[i], o)
				if back, err := rf.ParseLine(rf.Append(nil, o)); err != nil || back != o {
					t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
				}
				return nil
			}); err != nil || uint64(len(all[i])) != d[i].Tally().Taken() {
				t.Fatalf("%d of %d, %v", len(all[i]), d[i].Tally().Taken(), err)
			}
		}
		if !slices.Equal(all[0], all[1]) || !maps.Equal(d[0].Tally().Refused(), d[1].Tally().Refused()) {
			t.Fatalf("cut at %d: %+v, whole %+v", split, all[1], all[0])
		}
		// Where every line is a message by itself, or has no braces at all, there
		// are as many messages as lines.
		lines := uint64(0)
		for line := range bytes.SplitSeq(b, []byte("\n")) {
			if line = bytes.TrimRight(line, " \t\r"); len(line) == 0 {
				continue
			}
			if !json.Valid(line) && bytes.ContainsAny(line, "{}\"") {
				return
			}
			lines++
		}
		if d[0].Tally().Total() != lines && len(b) <= MaxMessage {
			t.Fatalf("%d of %d counted: %v", d[0].Tally().Total(), lines, d[0].Tally().Refused())
		}
	})
}

func BenchmarkMessage(b *testing.B) {
	d := New(Config{Sensor: "s"})
	// With a part II of the usual length.
	line := []byte(strings.Replace(ode, `"partII":[`, `"partII":[`+strings.Repeat(`{"elevationOffset":1.0,"latOffset":0.0000051,"lonOffset":0.0000097,"timeOffset":0.90},`, 20), 1))
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, ok := d.Message(line); !ok {
			b.Fatal(d.Tally().Refused())
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkPayload(b *testing.B) {
	d := New(Config{Sensor: "s"})
	in := unhex(b, bsm1)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, ok := d.Payload(at, in); !ok {
			b.Fatal(d.Tally().Refused())
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "frames/s")
}
