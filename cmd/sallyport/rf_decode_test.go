package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/rf"
	"sallyport/rf/line"
)

// decodeFile runs rf decode and returns what it printed.
func decodeFile(t *testing.T, in []byte, args ...string) (lines []string, notes string, code int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording")
	if err := os.WriteFile(path, in, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	s := &streams{in: bytes.NewReader(in), out: &out, err: &errs, now: time.Now}
	code = run(t.Context(), append([]string{"rf", "decode", path}, args...), s)
	for line := range strings.Lines(out.String()) {
		o, err := rf.ParseLine([]byte(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if back := string(rf.Append(nil, o)) + "\n"; back != line {
			t.Fatalf("%s came back as %s", line, back)
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines, errs.String(), code
}

const tyres = `{"time" : "@0.040004s", "model" : "Toyota", "type" : "TPMS", "id" : "fb0a43e7", "pressure_PSI" : 36.750, "freq1" : 433.956, "freq2" : 433.896, "rssi" : -6.687}
{"time" : "@0.105s", "model" : "Toyota", "type" : "TPMS", "id" : "fb0a43e7", "pressure_PSI" : 36.750}
{"codes" : ["{1}8", {0}, {0}]}
`

func TestRFDecode(t *testing.T) {
	want := `{"ts":"2026-05-04T08:00:00.040004Z","sensor":"lane1-stop","kind":"tpms","rssi_dbm":-6.687,"emitter":"fb0a43e7","freq_mhz":433.926,"model":"Toyota","level":"relative","pressure_kpa":253.382}`
	args := []string{"--source", "rtl433", "--sensor", "lane1-stop", "--start", "2026-05-04T08:00:00Z"}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(tyres)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{"plain": []byte(tyres), "packed": packed.Bytes()} {
		lines, notes, code := decodeFile(t, in, args...)
		if code != 0 || len(lines) != 1 || lines[0] != want {
			t.Errorf("%s: %d, %q", name, code, lines)
		}
		for _, note := range []string{"3 read, 1 taken", "1 refused: not a JSON object", "1 refused: repeat of a frame in one burst"} {
			if !strings.Contains(notes, note) {
				t.Errorf("%s: %q is not in %s", name, note, notes)
			}
		}
	}
	var out, errs bytes.Buffer
	s := &streams{in: strings.NewReader(tyres), out: &out, err: &errs, now: time.Now}
	if code := run(t.Context(), append([]string{"rf", "decode", "-"}, args...), s); code != 0 || strings.TrimSpace(out.String()) != want {
		t.Errorf("standard input: %d, %s", code, out.String())
	}

	monitored, err := os.ReadFile(filepath.Join("..", "..", "rf", "btmon", "testdata", "example.btsnoop"))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		source, in string
		args       []string
		kind       rf.Kind
	}{
		{"btmon", string(monitored), nil, rf.BLE},
		{"nrf", "noise \xab\x21\x00\x03\x01\x00\x02\x0a\x01\x26\x3d\x07\x00\x00\x00\x00\x00\xd6\xbe\x89\x8e\x02\x0d\xee\x01\x00\x00\xb4\x26\x00\x06\xff\x4c\x00\xcd\xac\xcd\xbd\xcd\xce\x9c\x6b\xfd\xbc", []string{"--start", "2026-05-04T08:00:00Z"}, rf.BLE},
		{"line", `$0,12,{"kind":"wifi","emitter":"00:11:22:33:44:55","rssi_dbm":-61,"role":"ap","channel":11}*C38E` + "\n", []string{"--start", "2026-05-04T08:00:00Z"}, rf.WiFi},
		{"kismet", `{"kismet.device.base.macaddr": "28:10:7B:94:BB:29","kismet.device.base.phyname": "IEEE802.11","kismet.device.base.type": "Wi-Fi AP","kismet.device.base.last_time": 1795349148,"last_signal": -65}`, nil, rf.WiFi},
		{"pcap", "\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x69\x00\x00\x00\x00\xf1\x53\x65\x00\x00\x00\x00\x18\x00\x00\x00\x18\x00\x00\x00" +
			"\x40\x00\x00\x00\xff\xff\xff\xff\xff\xff\x00\x26\xb4\x01\x02\x03\xff\xff\xff\xff\xff\xff\x10\x00", nil, rf.WiFi},
		{"sweep", "2026-05-04, 10:00:00, 703000000, 706000000, 1000000.00, 12, -50, -51, -52\n", []string{"--bands", "B28,B12", "--zone", "Europe/Berlin"}, rf.Cell},
		{"v2x", "{\n \"MessageFrame\":{\"value\":{\"BasicSafetyMessage\":{\"coreData\":{\"id\":\"F03AD610\",\"size\":{\"width\":\"200\",\"length\":\"500\"}}}}}\n}\n", []string{"--start", "2026-05-04T08:00:00Z"}, rf.V2X},
	} {
		lines, notes, code := decodeFile(t, []byte(x.in), append(x.args, "--source", x.source)...)
		if code != 0 || len(lines) == 0 || !strings.Contains(lines[0], `"kind":"`+string(x.kind)+`"`) || !strings.Contains(lines[0], `"sensor":"`+x.source+`"`) {
			t.Errorf("%s: %d, %q, %s", x.source, code, lines, notes)
		}
	}
}

// TestRFDecodeTellsOfLosses reads a line on which numbers were passed over, and a
// frame of a connection.
func TestRFDecodeTellsOfLosses(t *testing.T) {
	frame := func(n uint32) string {
		b, err := line.Append(nil, n, 0, []byte(`{"kind":"fob","emitter":"fob-433","rssi_dbm":-61}`))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	lines, notes, code := decodeFile(t, []byte(frame(0)+frame(5)), "--source", "line", "--start", "2026-05-04T08:00:00Z")
	if code != 0 || len(lines) != 2 || !strings.Contains(notes, "2 read, 2 taken") || !strings.Contains(notes, "4 were lost on the way") {
		t.Errorf("%d, %q, %s", code, lines, notes)
	}
	// An answer to a ping, and an advertisement with a wrong check sequence.
	sniffed := "\xab\x02\x00\x03\x01\x00\x0e\x5a\x04\xbc" +
		"\xab\x16\x00\x03\x09\x00\x02\x0a\x01\x25\x3d\x00\x00\x00\x00\x00\x00\xd6\xbe\x89\x8e\x00\x02\x00\x01\x02\x00\x00\x00\xbc"
	lines, notes, code = decodeFile(t, []byte(sniffed), "--source", "nrf", "--start", "2026-05-04T08:00:00Z")
	for _, want := range []string{"2 read, 0 taken", "1 refused: not a packet that was heard", "1 refused: frame was not taken", "1 frames refused: check sequence is wrong", "7 were lost"} {
		if code != 0 || len(lines) != 0 || !strings.Contains(notes, want) {
			t.Errorf("%d, %q, %q is not in %s", code, lines, want, notes)
		}
	}
}

func TestRFDecodeRefuses(t *testing.T) {
	for _, x := range []struct {
		in, want string
		code     int
		args     []string
	}{
		{tyres, "3 read, 0 taken", 0, []string{"--source", "rtl433"}},
		{tyres, "neither pcap nor pcapng", 1, []string{"--source", "pcap"}},
		{tyres, "not a kismetdb file", 1, []string{"--source", "kismetdb"}},
		{tyres, "same frequencies", 1, []string{"--source", "sweep", "--bands", "B38"}},
		{tyres, "sensor", 1, []string{"--source", "rtl433", "--sensor", "a b"}},
		{tyres, "zone", 1, []string{"--source", "rtl433", "--zone", "Nowhere/Else"}},
		{tyres, "must be one of", 2, []string{"--source", "gsm"}},
	} {
		lines, notes, code := decodeFile(t, []byte(x.in), x.args...)
		if code != x.code || len(lines) != 0 || !strings.Contains(notes, x.want) {
			t.Errorf("%v: %d, %q, %s", x.args, code, lines, notes)
		}
	}
}

// TestRFDecodeCaptures runs the command over every capture at hand.
func TestRFDecodeCaptures(t *testing.T) {
	for source, pattern := range map[string]string{"pcap": "aircrack-ng/*", "kismet": "kismet/*.json", "kismetdb": "kismet/*.kismet", "v2x": "v2x/*.json"} {
		files, err := filepath.Glob(filepath.Join(sharedFile(t, "data/rf/captures"), filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", source, len(files), err)
		}
		total := 0
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines, notes, code := decodeFile(t, b, "--source", source, "--start", "2026-05-04T08:00:00Z")
			if code != 0 {
				t.Errorf("%s: %d, %s", file, code, notes)
			}
			total += len(lines)
		}
		t.Logf("%s: %d observations of %d files", source, total, len(files))
		if total == 0 {
			t.Errorf("%s: nothing", source)
		}
	}
}
