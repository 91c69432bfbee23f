package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/rf"
	"sallyport/rf/attribute"
)

// recordedLane is ten minutes of one lane: a mast that is always there, and a
// Ford's hotspot that comes, stands for twenty seconds and leaves.
func recordedLane(t *testing.T) (lane, stop, up string) {
	t.Helper()
	start := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	files := map[string]*bytes.Buffer{"stop": {}, "up": {}}
	say := func(sensor, emitter string, at time.Duration, level float64) {
		if level < -95 {
			return
		}
		b := files[sensor]
		b.Write(rf.Append(nil, rf.Observation{TS: start.Add(at), Sensor: "gate-" + sensor, Kind: rf.WiFi, Emitter: emitter, RSSI: math.Round(level), Role: "ap", Channel: 6}))
		b.WriteByte('\n')
	}
	for s := range 600 {
		at := time.Duration(s) * time.Second
		say("stop", "06:00:00:00:00:01", at, -72)
		say("up", "06:00:00:00:00:01", at+time.Millisecond, -78)
		x := 0.0
		switch {
		case s < 300:
			x = 0.5 * float64((300-s)*(300-s))
		case s > 320:
			x = -float64((s - 320) * (s - 320))
		}
		heard := func(d float64) float64 { return -50 - 23*math.Log10(math.Hypot(d, 3)/3) - math.Min(10, math.Abs(d)) }
		say("stop", "00:26:b4:01:02:03", at+100*time.Millisecond, heard(x))
		say("up", "00:26:b4:01:02:03", at+100*time.Millisecond, heard(x-12))
	}
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(append([]byte("no observation\n"), files["up"].Bytes()...)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	event := func(s int, what string) string {
		return fmt.Sprintf(`{"ts":%q,"lane":"north","event":%q,"arrival":"a1"}`+"\n", start.Add(time.Duration(s)*time.Second).Format(time.RFC3339), what)
	}
	lane = write("lane.ndjson", []byte(`{"lane":"north","stop":"gate-stop","upstream":"gate-up"}`+"\n"+event(300, attribute.Present)+event(320, attribute.Gone)))
	return lane, write("stop.ndjson", files["stop"].Bytes()), write("up.ndjson.gz", packed.Bytes())
}

func TestRFAttribute(t *testing.T) {
	lane, stop, up := recordedLane(t)
	code, out, notes := runWith(t, nil, "rf", "attribute", "--lane", lane, stop, up)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, notes)
	}
	var got []attribute.Arrival
	for _, line := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
		var a attribute.Arrival
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		got = append(got, a)
	}
	if len(got) != 1 || got[0].Arrival != "a1" || len(got[0].Emitters) != 2 {
		t.Fatalf("%s", out)
	}
	for _, e := range got[0].Emitters {
		if own := e.Emitter == "00:26:b4:01:02:03"; own != (e.Probability >= 0.9) || own != (e.AtDecision >= 0.5) || e.Kind != rf.WiFi {
			t.Errorf("%+v", e)
		}
	}
	if f := got[0].Findings; len(f) != 1 || f[0].Make != "Ford" || f[0].Prefix != "0026B4/24" {
		t.Errorf("%+v", got[0].Findings)
	}
	if !strings.Contains(string(notes), "up.ndjson.gz:1: observation: not a JSON object") || !strings.Contains(string(notes), "lines refused") {
		t.Errorf("notes: %s", notes)
	}
}

func TestRFAttributeNamesTheBadLine(t *testing.T) {
	_, stop, _ := recordedLane(t)
	for name, x := range map[string]struct{ text, want string }{
		"no JSON":          {"{}\nnothing\n", "bad.ndjson:1: lane is missing"},
		"no event":         {`{"ts":"2026-05-04T08:00:00Z","lane":"a","event":"vehicle_seen","arrival":"x"}`, "bad.ndjson:1: event is not"},
		"no time":          {`{"lane":"a","event":"vehicle_gone","arrival":"x"}`, "bad.ndjson:1: ts is missing"},
		"no arrival":       {`{"ts":"2026-05-04T08:00:00Z","lane":"a","event":"vehicle_gone"}`, "bad.ndjson:1: arrival is missing"},
		"empty":            {"\n", "holds no event"},
		"one sensor twice": {`{"ts":"2026-05-04T08:00:00Z","lane":"a","event":"vehicle_gone","arrival":"x"}` + "\n" + `{"lane":"b","stop":"a-stop"}`, "belongs to two places"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.ndjson")
			if err := os.WriteFile(path, []byte(x.text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, notes := runWith(t, nil, "rf", "attribute", "--lane", path, stop)
			if code == 0 || len(out) != 0 || !strings.Contains(string(notes), x.want) {
				t.Fatalf("exit code %d, %s%s; want %q", code, out, notes, x.want)
			}
		})
	}
}
