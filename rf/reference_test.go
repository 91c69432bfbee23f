package rf

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sallyport/rf/internal/intake"
)

// This file reads a line in a second way, with encoding/json, and holds
// ParseLine against it.

// wire is how the standard library reads a line.
type wire struct {
	TS      *string  `json:"ts"`
	Sensor  string   `json:"sensor"`
	Kind    Kind     `json:"kind"`
	Emitter string   `json:"emitter"`
	RSSI    *float64 `json:"rssi_dbm"`
	Channel *int     `json:"channel"`
	FreqMHz *float64 `json:"freq_mhz"`
	Band    string   `json:"band"`
	Role    string   `json:"role"`
	Company *int     `json:"company"`
	SSID    string   `json:"ssid"`
	Model   string   `json:"model"`

	Level    Level    `json:"level"`
	Address  Address  `json:"address"`
	Name     string   `json:"name"`
	Pressure *float64 `json:"pressure_kpa"`
	WidthCM  *int     `json:"width_cm"`
	LengthCM *int     `json:"length_cm"`
}

// parseReference is ParseLine as the standard library would have it.
func (p *Prefixes) parseReference(line []byte) (Observation, error) {
	if len(line) > MaxLine {
		return refuse("", "longer than "+strconv.Itoa(MaxLine)+" bytes")
	}
	if !utf8.Valid(line) {
		return refuse("", "not UTF-8")
	}
	var w wire
	if err := json.Unmarshal(line, &w); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return refuse(t.Field, "is not a "+t.Type.String())
		}
		return refuse("", "not a JSON object")
	}
	o := Observation{Sensor: w.Sensor, Kind: w.Kind}
	switch w.Kind {
	case WiFi, BLE, TPMS, Cell, V2X, Fob:
	case "":
		return refuse("kind", "is missing")
	default:
		return refuse("kind", "is not one of wifi, ble, tpms, cell, v2x, fob")
	}
	if w.TS == nil {
		return refuse("ts", "is missing")
	}
	ts, err := time.Parse(time.RFC3339, *w.TS)
	if err != nil {
		return refuse("ts", "is not an RFC 3339 time")
	}
	o.TS = ts.UTC()
	if y := o.TS.Year(); y < 2015 || y >= 2100 {
		return refuse("ts", "is not between 2015 and 2100")
	}
	if !isName(o.Sensor, 64) {
		return refuse("sensor", "is not 1 to 64 letters, digits, . _ : -")
	}
	if w.RSSI == nil {
		return refuse("rssi_dbm", "is missing")
	}
	if o.RSSI = *w.RSSI; !(o.RSSI >= LowestRSSI && o.RSSI <= HighestRSSI) {
		return refuse("rssi_dbm", "is not between -150 and 20")
	}
	switch o.Level = w.Level; o.Level {
	case DBm, Relative:
	case NoLevel:
		o.RSSI = LowestRSSI
	default:
		return refuse("level", "is not one of relative, none")
	}
	if w.FreqMHz != nil {
		if o.FreqMHz = *w.FreqMHz; !(o.FreqMHz >= 1 && o.FreqMHz <= 110_000) {
			return refuse("freq_mhz", "is not between 1 and 110000")
		}
	}
	if o.Kind == Cell {
		if w.Emitter != "" {
			return refuse("emitter", "a cell observation carries no identifier")
		}
	} else if w.Emitter == "" {
		return refuse("emitter", "is missing")
	}

	switch o.Kind {
	case WiFi, BLE:
		mac, ok := parseMAC(w.Emitter)
		if !ok {
			return refuse("emitter", "is not an EUI-48 address")
		}
		// A Wi-Fi transmitter never has a group address. Random Bluetooth
		// addresses use that bit as any other.
		if o.Kind == WiFi && mac>>40&1 == 1 {
			return refuse("emitter", "is a group address")
		}
		o.Emitter = formatMAC(mac)
		if w.Channel != nil {
			low, high := 1, 233
			if o.Kind == BLE {
				low, high = 0, 39
			}
			if o.Channel = *w.Channel; o.Channel < low || o.Channel > high {
				return refuse("channel", fmt.Sprintf("is not between %d and %d", low, high))
			}
		}
	case Cell:
		if w.Band == "" {
			return refuse("band", "is missing")
		}
		if !isBand([]byte(w.Band)) {
			return refuse("band", "is not a 3GPP band")
		}
		o.Band = w.Band
	default:
		if !isName(w.Emitter, 32) {
			return refuse("emitter", "is not 1 to 32 letters, digits, . _ : -")
		}
		o.Emitter = w.Emitter
	}

	switch o.Kind {
	case WiFi:
		switch w.Role {
		case "", "ap", "client", "probe":
			o.Role = w.Role
		default:
			return refuse("role", "is not one of ap, client, probe")
		}
		if o.Role == "ap" {
			if _, ok := p.SSIDMake(w.SSID); ok {
				o.SSID = w.SSID
			}
		}
	case BLE:
		if w.Company != nil {
			if o.Company = *w.Company; o.Company < 0 || o.Company > math.MaxUint16 {
				return refuse("company", "is not between 0 and 65535")
			}
		}
		switch o.Address = w.Address; o.Address {
		case "", Public, Static, Resolvable, NonResolvable:
		default:
			return refuse("address", "is not one of public, static, resolvable, nonresolvable")
		}
		if _, ok := p.BLEName(w.Name); ok {
			o.Name = w.Name
		}
	case TPMS:
		if w.Model != "" && !isText(w.Model, 64) {
			return refuse("model", "is not up to 64 letters, digits, blanks, . _ -")
		}
		o.Model = w.Model
		if w.Pressure != nil {
			if o.Pressure = Known(*w.Pressure); !(o.Pressure.Value >= 0 && o.Pressure.Value <= HighestKPa) {
				return refuse("pressure_kpa", "is not between 0 and 2000")
			}
		}
	case V2X:
		if w.WidthCM != nil {
			if o.WidthCM = *w.WidthCM; o.WidthCM < 1 || o.WidthCM > HighestWidthCM {
				return refuse("width_cm", "is not between 1 and 1023")
			}
		}
		if w.LengthCM != nil {
			if o.LengthCM = *w.LengthCM; o.LengthCM < 1 || o.LengthCM > HighestLengthCM {
				return refuse("length_cm", "is not between 1 and 4095")
			}
		}
	}
	return o, nil
}

// listed are the names of the fields.
var listed = []string{
	"ts", "sensor", "kind", "emitter", "rssi_dbm", "channel", "freq_mhz", "band", "role", "company", "ssid", "model",
	"level", "address", "name", "pressure_kpa", "width_cm", "length_cm",
}

// exact drops from a line what only encoding/json takes for a listed field, in
// another case of letters or with escapes in its name, and tells whether one
// that is left comes twice.
func exact(t testing.TB, line []byte) (out []byte, double bool) {
	t.Helper()
	seen := map[string]bool{}
	var members []string
	if err := intake.Object(line, func(key, value []byte) {
		name := string(key)
		if slices.Contains(listed, name) {
			double = double || seen[name]
			seen[name] = true
			members = append(members, fmt.Sprintf("%q:%s", name, value))
		}
	}); err != nil {
		t.Fatal(err)
	}
	return []byte("{" + strings.Join(members, ",") + "}"), double
}

// compare fails where ParseLine and the reference differ in other ways than
// ParseLine's description says.
func compare(t testing.TB, p *Prefixes, line []byte) {
	t.Helper()
	got, err := p.ParseLine(line)
	if len(line) <= MaxLine && utf8.Valid(line) && intake.Object(line, func(_, _ []byte) {}) == nil {
		reduced, double := exact(t, line)
		if double {
			if le, ok := errors.AsType[*LineError](err); !ok || le.Field == "" {
				t.Fatalf("%q has a field twice and gives %+v, %v", line, got, err)
			}
			return
		}
		line = reduced
	} else if json.Valid(line) && strings.Count(string(line), "{")+strings.Count(string(line), "[") >= 64 {
		if err == nil {
			t.Fatalf("%q is nested too deep and gives %+v", line, got)
		}
		return
	}
	want, wantErr := p.parseReference(line)
	if got != want || (err == nil) != (wantErr == nil) {
		t.Fatalf("%q gives %+v, %v; the reference %+v, %v", line, got, err, want, wantErr)
	}
	if err == nil {
		return
	}
	if strings.Trim(string(line), " \t\r\n") == "null" {
		return // an object without members to the one, none to the other
	}
	a, ok := errors.AsType[*LineError](err)
	b, okRef := errors.AsType[*LineError](wantErr)
	if !ok || !okRef || a.Field != b.Field {
		t.Fatalf("%q is refused with %v; by the reference with %v", line, err, wantErr)
	}
}

// shapes are values that a field may come with, right and wrong.
var shapes = []string{
	`null`, `true`, `{}`, `[]`, `[1,{"ts":2}]`, `""`, `"a"`, `0`, `233`, `-0`, `1`, `7`, `37`, `76`, `-58.25`, `-1e2`, `1.0`, `1e2`, `2462`, `1e400`, `-1e400`, `1e-400`, `9223372036854775808`,
	`570`, `65535`, `65536`, `"2026-05-04T08:00:00.254Z"`, `"2026-05-04T10:00:00+02:00"`, `"2026-05-04T8:00:00Z"`, `"2026-05-04T08:00:00,5Z"`, `"2026-05-04t08:00:00z"`, `"2015-01-01T00:00:00+01:00"`, `"2099-12-31T23:59:59.999999999-00:01"`,
	`"wifi"`, `"ble"`, `"tpms"`, `"cell"`, `"v2x"`, `"fob"`, `"w\u0069fi"`, `"WIFI"`, `"ap"`, `"client"`, `"probe"`, `"relative"`, `"none"`, `"public"`, `"static"`, `"resolvable"`, `"nonresolvable"`,
	`"00:26:b4:01:02:03"`, `"0026B4010203"`, `"00-26-B4-01-02-03"`, `"01:26:b4:01:02:03"`, `"00:26:b4:01:02:0g"`, `"Audi_MMI_1234"`, `"Audi\u005fMMI_1234"`, `"S1a87a5a75f3df858C"`, `"Tesla 123456"`, `"Anna's iPhone"`,
	`"B7"`, `"n78"`, `"n512"`, `"GSM900"`, `"\ud800"`, `"\ud83d\ude00"`, `"\u0000"`, `"Renault"`, `"Schrader EG-53"`,
}

// TestParseLineIsThatOfTheStandardLibrary takes lines that are right and puts
// each value into each field of them, leaves each out, writes each name in
// another way, and cuts the line at every byte.
func TestParseLineIsThatOfTheStandardLibrary(t *testing.T) {
	p := table(t)
	n := 0
	try := func(line string) {
		n++
		compare(t, p, []byte(line))
	}
	for _, kind := range []string{"wifi", "ble", "tpms", "cell", "v2x", "fob", "x"} {
		good := map[string]string{
			"ts": `"2026-05-04T08:00:00.254Z"`, "sensor": `"s"`, "kind": `"` + kind + `"`, "rssi_dbm": "-58.5", "emitter": `"00:26:b4:01:02:03"`,
		}
		switch kind {
		case "wifi":
			good["role"] = `"ap"`
		case "cell":
			delete(good, "emitter")
			good["band"] = `"B7"`
		}
		write := func(change func(name, value string) (string, bool)) string {
			var out []string
			for _, name := range listed {
				if m, ok := change(name, good[name]); ok {
					out = append(out, m)
				}
			}
			return "{" + strings.Join(out, ",") + "}"
		}
		plain := func(name, value string) (string, bool) { return strconv.Quote(name) + ":" + value, value != "" }
		for _, field := range listed {
			for _, v := range append(shapes, "") {
				try(write(func(name, value string) (string, bool) {
					if name == field {
						value = v
					}
					return plain(name, value)
				}))
			}
			for _, other := range []string{strings.ToUpper(field), strings.ToUpper(field[:1]) + field[1:], "\\u00" + fmt.Sprintf("%02x", field[0]) + field[1:], strings.ReplaceAll(field, "k", "\u212a"), " " + field} {
				try(write(func(name, value string) (string, bool) {
					if name == field {
						return `"` + other + `":7`, true
					}
					return plain(name, value)
				}))
				line := write(plain)
				try(strings.TrimSuffix(line, "}") + `,"` + other + `":"x"}`)
			}
			line := write(plain)
			try(strings.TrimSuffix(line, "}") + `,"` + field + `":null}`)
		}
		line := write(plain)
		for i := range line {
			try(line[:i])
			try(line[:i] + " \t" + line[i:])
			try(line[:i] + "\xff" + line[i:])
		}
		try("\r\n" + line + "\n")
		try(line + line)
		try(strings.TrimSuffix(line, "}") + `,"x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}")
		try(strings.TrimSuffix(line, "}") + `,"x":"` + strings.Repeat("a", MaxLine) + `"}`)
	}
	t.Logf("%d lines", n)
}

// TestParseLineOfSimulatedLanes compares on what simulated sensors report.
func TestParseLineOfSimulatedLanes(t *testing.T) {
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
	p := table(t)
	for _, name := range []string{"dev", "single", "hard"} {
		path := filepath.Join(dir, "..", "shared", "data", "rf", "sim", name, "observations.ndjson.gz")
		lines, taken, err := compareFile(t, p, path)
		if errors.Is(err, os.ErrNotExist) {
			t.Skipf("SKIPPED, PROVES NOTHING: %s is not here (%v)", path, err)
		}
		if err != nil || taken < lines/2 || lines < 1000 {
			t.Fatalf("%s: %d of %d, %v", name, taken, lines, err)
		}
		t.Logf("%s: %d of %d lines taken", name, taken, lines)
	}
}

func compareFile(t *testing.T, p *Prefixes, path string) (lines, taken int, err error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return 0, 0, err
	}
	in := bufio.NewScanner(z)
	for in.Scan() && lines < 10_000 {
		compare(t, p, in.Bytes())
		if o, err := p.ParseLine(in.Bytes()); err == nil {
			taken++
			if back, err := p.ParseLine(Append(nil, o)); err != nil || back != o {
				t.Fatalf("%+v came back as %+v, %v", o, back, err)
			}
		}
		lines++
	}
	return lines, taken, in.Err()
}

func FuzzParseLineIsThatOfTheStandardLibrary(f *testing.F) {
	for _, s := range []string{
		`{"ts":"2026-05-04T08:00:00.254Z","sensor":"lane1-stop","kind":"wifi","rssi_dbm":-75.6,"emitter":"fc:32:10:77:da:af","role":"ap","channel":11,"ssid":"Audi_MMI_1234","freq_mhz":2462}`,
		`{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"ble","rssi_dbm":-81,"emitter":"56:2c:aa:09:e4:9b","company":76,"address":"resolvable","name":"Tesla 123456"}`,
		`{"ts":"2026-05-04T08:00:00+02:00","sensor":"s","kind":"tpms","rssi_dbm":-1e2,"level":"relative","emitter":"0ee9351c","model":"Renault","pressure_kpa":1}`,
		`{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"cell","rssi_dbm":-58,"band":"GSM900","TS":null,"ts":null}`,
		`{"ts":"2026-05-04T08:00:00Z","sensor":"s","kind":"v2x","rssi_dbm":-58,"level":"none","emitter":"\u0031","width_cm":190,"length_cm":570}`,
	} {
		f.Add([]byte(s))
	}
	p := table(f)
	f.Fuzz(func(t *testing.T, line []byte) { compare(t, p, line) })
}
