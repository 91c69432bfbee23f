package btmon

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sallyport/rf"
)

var at = time.Date(2026, 5, 4, 8, 0, 0, 123456000, time.UTC)

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// The builders below write files and packets byte by byte, by the standards and
// not by the code under test.

// file is a btsnoop file of a data link.
func file(link uint32, records ...[]byte) []byte {
	return cat([]byte("btsnoop\x00"), binary.BigEndian.AppendUint32([]byte{0, 0, 0, 1}, link), cat(records...))
}

// epoch is the year 0 of the format, in days before 1970: 12 more than the
// calendar has, but so btmon writes and Wireshark reads it.
const epoch = 719_540

// recordAt writes a record.
func recordAt(when time.Time, flags, drops uint32, b []byte) []byte {
	us := uint64(when.UnixMicro() + epoch*86_400_000_000)
	out := binary.BigEndian.AppendUint32(nil, uint32(len(b)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(b)))
	out = binary.BigEndian.AppendUint32(out, flags)
	out = binary.BigEndian.AppendUint32(out, drops)
	return append(binary.BigEndian.AppendUint64(out, us), b...)
}

// monitored is a record of btmon's: the number of the adapter, and what it is.
func monitored(adapter, opcode uint32, b []byte) []byte {
	return recordAt(at, adapter<<16|opcode, 0, b)
}

func event(b []byte) []byte { return monitored(0, 3, b) }

// meta is an event of Bluetooth LE.
func meta(sub byte, b ...[]byte) []byte {
	all := cat(b...)
	return cat([]byte{0x3E, byte(len(all) + 1), sub}, all)
}

// legacy is a legacy report (Core Specification 5.4, vol. 4, part E, 7.7.65.2).
func legacy(kind, address byte, mac, data string, rssi int8) []byte {
	return cat([]byte{kind, address}, []byte(mac), []byte{byte(len(data))}, []byte(data), []byte{byte(rssi)})
}

// extended is an extended report (7.7.65.13): on the primary channels at
// 1 Mbit/s, then at 2, of set 5, at a power of 7 dBm.
func extended(kind uint16, address byte, mac, data string, rssi int8) []byte {
	return cat(binary.LittleEndian.AppendUint16(nil, kind), []byte{address}, []byte(mac), []byte{1, 2, 5, 7, byte(rssi), 0, 0, 0}, make([]byte, 6),
		[]byte{byte(len(data))}, []byte(data))
}

func ad(kind int, v string) string { return string([]byte{byte(len(v) + 1), byte(kind)}) + v }

func one(report []byte) []byte { return cat([]byte{1}, report) }

const (
	publicAir   = "\x03\x02\x01\xb4\x26\x00" // 00:26:b4:01:02:03, lowest byte first
	staticAir   = "\x03\x02\x01\xb4\x26\xc0"
	resolvedAir = "\x03\x02\x01\xb4\x26\x41"
)

var car = ad(1, "\x06") + ad(9, "S1a87a5a75f3df858C") + ad(255, "\x2b\x02")

func prefixes(t testing.TB) *rf.Prefixes {
	t.Helper()
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func decode(t testing.TB, in []byte) ([]rf.Observation, *Decoder, error) {
	t.Helper()
	d := New(Config{Sensor: "s"}, prefixes(t))
	var got []rf.Observation
	err := d.Decode(iotest.OneByteReader(bytes.NewReader(in)), func(o rf.Observation) error { got = append(got, o); return nil })
	for _, o := range got {
		if back, err := rf.ParseLine(rf.Append(nil, o)); err != nil || back != o {
			t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
		}
	}
	return got, d, err
}

// reported are reports of every kind that is taken, and what comes of them.
var reported = []struct {
	name string
	in   []byte
	want rf.Observation
}{
	{"a Tesla", meta(0x02, one(legacy(0, 0, publicAir, car, -60))), rf.Observation{RSSI: -60, Address: rf.Public, Name: "S1a87a5a75f3df858C", Company: 0x022B}},
	{"a person's name is dropped", meta(0x02, one(legacy(3, 0, publicAir, ad(9, "Anna"), -60))), rf.Observation{RSSI: -60, Address: rf.Public}},
	{"the complete name counts", meta(0x02, one(legacy(2, 0, publicAir, ad(9, "Tesla 123456")+ad(8, "S1"), 0))), rf.Observation{RSSI: 0, Address: rf.Public, Name: "Tesla 123456"}},
	{"static random", meta(0x02, one(legacy(0, 1, staticAir, "", -127))), rf.Observation{RSSI: -127, Emitter: "c0:26:b4:01:02:03", Address: rf.Static}},
	{"resolvable, level not measured", meta(0x02, one(legacy(0, 1, resolvedAir, "", 127))), rf.Observation{RSSI: rf.LowestRSSI, Level: rf.NoLevel, Emitter: "41:26:b4:01:02:03", Address: rf.Resolvable}},
	{"level that is reserved", meta(0x02, one(legacy(0, 1, publicAir, "", 21))), rf.Observation{RSSI: rf.LowestRSSI, Level: rf.NoLevel, Address: rf.NonResolvable}},
	{"extended", meta(0x0D, one(extended(0, 0, publicAir, car, -70))), rf.Observation{RSSI: -70, Address: rf.Public, Name: "S1a87a5a75f3df858C", Company: 0x022B}},
	{"legacy in the extended form", meta(0x0D, one(extended(0x13, 1, staticAir, car, 20))), rf.Observation{RSSI: 20, Emitter: "c0:26:b4:01:02:03", Address: rf.Static, Name: "S1a87a5a75f3df858C", Company: 0x022B}},
	{"truncated within an element", meta(0x0D, one(extended(2<<5, 0, publicAir, ad(255, "\x2b\x02")+"\x09\x09S1a", -70))), rf.Observation{RSSI: -70, Address: rf.Public, Company: 0x022B}},
	{"significant part", meta(0x02, one(legacy(0, 0, publicAir, ad(255, "\x2b\x02")+"\x00\x09S1", -60))), rf.Observation{RSSI: -60, Address: rf.Public, Company: 0x022B}},
}

func TestReports(t *testing.T) {
	for _, x := range reported {
		want := x.want
		want.TS, want.Sensor, want.Kind = at, "s", rf.BLE
		if want.Emitter == "" {
			want.Emitter = "00:26:b4:01:02:03"
		}
		for name, in := range map[string][]byte{
			"monitor": file(2001, event(x.in)),
			"HCI":     file(1001, recordAt(at, 3, 0, x.in)),
			"UART":    file(1002, recordAt(at, 3, 0, cat([]byte{4}, x.in))),
		} {
			got, d, err := decode(t, in)
			if err != nil || len(got) != 1 || got[0] != want || d.Tally().Total() != 1 {
				t.Errorf("%s, %s: %+v, %v, %v\nwant %+v", x.name, name, got, d.Tally().Refused(), err, want)
			}
		}
	}
	// Several in one event, each report after the other.
	got, d, err := decode(t, file(2001, event(meta(0x02, []byte{3}, legacy(0, 0, publicAir, car, -60), legacy(1, 0, publicAir, "", -60), legacy(3, 1, staticAir, "", -61)))))
	if err != nil || len(got) != 2 || got[1].RSSI != -61 || d.Tally().Total() != 3 {
		t.Errorf("%+v, %v, %v", got, d.Tally().Refused(), err)
	}
}

func TestRefusals(t *testing.T) {
	good := legacy(0, 0, publicAir, car, -60)
	for _, x := range []struct {
		name string
		in   []byte
		want string
	}{
		{"ACL received", monitored(0, 5, []byte("SECRET")), "data, not looked at"},
		{"ACL sent", monitored(0, 4, []byte("SECRET")), "data, not looked at"},
		{"SCO", monitored(0, 7, nil), "data, not looked at"},
		{"ISO", monitored(0, 19, make([]byte, 3000)), "data, not looked at"},
		{"command", monitored(0, 2, []byte{0x01, 0x04, 0}), "command to the adapter"},
		{"half a command", monitored(0, 2, []byte{0x0B}), "command to the adapter"},
		{"new adapter", monitored(0, 0, make([]byte, 16)), "the monitor's own record"},
		{"note", monitored(0xFFFF, 12, []byte("Linux version")), "the monitor's own record"},
		{"control", monitored(0xFFFF, 17, []byte{1, 2, 3}), "the monitor's own record"},
		{"disconnection", event([]byte{0x05, 4, 0, 1, 0, 0x13}), "event of another kind, not looked at"},
		{"connection", event(meta(0x0A, make([]byte, 30))), "event of another kind, not looked at"},
		{"empty LE event", event([]byte{0x3E, 0}), "event of another kind, not looked at"},
		{"directed", event(meta(0x02, one(legacy(1, 0, publicAir, "", -60)))), "meant for one device"},
		{"extended and directed", event(meta(0x0D, one(extended(1<<2, 0, publicAir, "", -60)))), "meant for one device"},
		{"scan response", event(meta(0x02, one(legacy(4, 0, publicAir, car, -60)))), "answer to a scan request, which the adapter must not send"},
		{"extended scan response", event(meta(0x0D, one(extended(0x1B, 0, publicAir, car, -60)))), "answer to a scan request, which the adapter must not send"},
		{"resolved", event(meta(0x02, one(legacy(0, 2, publicAir, "", -60)))), "address was resolved by a pairing, which a receiver must not have"},
		{"resolved, random", event(meta(0x0D, one(extended(0, 3, staticAir, "", -60)))), "address was resolved by a pairing, which a receiver must not have"},
		{"anonymous", event(meta(0x0D, one(extended(0, 0xFF, "\x00\x00\x00\x00\x00\x00", car, -60)))), "no sender's address"},
		{"reserved kind of random address", event(meta(0x02, one(legacy(0, 1, "\x03\x02\x01\xb4\x26\x80", "", -60)))), "no sender's address"},
		{"kind of event", event(meta(0x02, one(legacy(5, 0, publicAir, "", -60)))), "event is not one of the standard's"},
		{"kind of address", event(meta(0x02, one(legacy(0, 4, publicAir, "", -60)))), "event is not one of the standard's"},
		{"too much data", event(meta(0x02, one(legacy(0, 0, publicAir, strings.Repeat("\x00", 32), -60)))), "event is not one of the standard's"},
		{"status of data", event(meta(0x0D, one(extended(3<<5, 0, publicAir, "", -60)))), "event is not one of the standard's"},
		{"no report", event(meta(0x02, []byte{0})), "event is not one of the standard's"},
		{"no number of reports", event(meta(0x0D)), "event is not one of the standard's"},
		{"element over the end", event(meta(0x02, one(legacy(0, 0, publicAir, "\x09\x09Anna", -60)))), "an element runs over the advertisement's end"},
		{"half a report", event(meta(0x02, one(good[:len(good)-1]))), "shorter than its fields"},
		{"half an extended report", event(meta(0x0D, one(extended(0, 0, publicAir, "", -60)[:23]))), "shorter than its fields"},
		{"data over the end", event(meta(0x0D, one(extended(0, 0, publicAir, car, -60)[:30]))), "shorter than its fields"},
		{"half an event", event(meta(0x02, one(good))[:20]), "shorter than its fields"},
		{"no event", event([]byte{0x3E}), "shorter than its fields"},
		{"adapter 16", monitored(16, 3, meta(0x02, one(good))), "of an adapter beyond the sixteenth"},
		{"1970", recordAt(time.Unix(0, 0), 3, 0, meta(0x02, one(good))), "time is not between 2015 and 2100"},
		{"year 0", recordAt(time.UnixMicro(-epoch*86_400_000_000), 3, 0, meta(0x02, one(good))), "time is not between 2015 and 2100"},
		{"2100", recordAt(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), 3, 0, meta(0x02, one(good))), "time is not between 2015 and 2100"},
		{"no time", recordAt(time.UnixMicro(-1<<62), 3, 0, meta(0x02, one(good))), "time is not between 2015 and 2100"},
		{"cut in a record", event(meta(0x02, one(good)))[:40], "cut short by the end of the input"},
		{"cut in data", monitored(0, 5, make([]byte, 100))[:60], "cut short by the end of the input"},
		{"cut in a head", event(nil)[:23], "cut short by the end of the input"},
	} {
		got, d, err := decode(t, file(2001, x.in))
		if err != nil || len(got) != 0 || !maps.Equal(d.Tally().Refused(), map[string]uint64{x.want: 1}) {
			t.Errorf("%s: %+v, %v, %v", x.name, got, d.Tally().Refused(), err)
		}
	}
	for name, x := range map[string]struct {
		link  uint32
		flags uint32
		in    []byte
		want  string
	}{
		"ACL of HCI":         {1001, 1, []byte("SECRET"), "data, not looked at"},
		"command of HCI":     {1001, 2, []byte{3, 12, 0}, "command to the adapter"},
		"command on a UART":  {1002, 2, []byte{1, 3, 12, 0}, "command to the adapter"},
		"ACL on a UART":      {1002, 1, []byte("\x02SECRET"), "data, not looked at"},
		"ISO on a UART":      {1002, 1, []byte("\x05SECRET"), "data, not looked at"},
		"unknown on a UART":  {1002, 1, []byte("\x09SECRET"), "kind of packet that is not defined"},
		"nothing on a UART":  {1002, 1, nil, "kind of packet that is not defined"},
		"nothing after type": {1002, 3, []byte{4}, "shorter than its fields"},
	} {
		got, d, err := decode(t, file(x.link, recordAt(at, x.flags, 0, x.in)))
		if err != nil || len(got) != 0 || !maps.Equal(d.Tally().Refused(), map[string]uint64{x.want: 1}) {
			t.Errorf("%s: %+v, %v, %v", name, got, d.Tally().Refused(), err)
		}
	}
	// More reports announced than there are, and more bytes than reports.
	got, d, err := decode(t, file(2001, event(meta(0x02, []byte{2}, good)), event(meta(0x02, []byte{1}, good, []byte{0}))))
	if want := map[string]uint64{"shorter than its fields": 1, "event is not one of the standard's": 1}; err != nil || len(got) != 2 || !maps.Equal(d.Tally().Refused(), want) {
		t.Errorf("%+v, %v, %v", got, d.Tally().Refused(), err)
	}
}

func TestFiles(t *testing.T) {
	good := file(2001, event(meta(0x02, one(legacy(0, 0, publicAir, car, -60)))))
	edit := func(i int, v byte) []byte {
		b := bytes.Clone(good)
		b[i] = v
		return b
	}
	for _, x := range []struct {
		name, fails string
		in          []byte
		taken       int
	}{
		{"empty", "no file of this kind", nil, 0},
		{"half a head", "no file of this kind", good[:12], 0},
		{"text", "no file of this kind", []byte("Bluetooth monitor ver 5.66\n= Note: Linux version"), 0},
		{"version", "version 2", edit(11, 2), 0},
		{"simulator", "data link 2002", edit(15, 0xD2), 0},
		{"no record", "", good[:16], 0},
		{"a record", "", good, 1},
		{"length", "damaged file", edit(16+4, 1), 0},
		{"longer than it was", "damaged file", edit(16+7, 255), 0},
	} {
		got, _, err := decode(t, x.in)
		if (err == nil) != (x.fails == "") || err != nil && !strings.Contains(err.Error(), x.fails) || len(got) != x.taken {
			t.Errorf("%s: %d, %v", x.name, len(got), err)
		}
	}
	stop := errors.New("stop")
	d := New(Config{Sensor: "s"}, prefixes(t))
	if err := d.Decode(bytes.NewReader(good), func(rf.Observation) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	if err := d.Decode(iotest.ErrReader(stop), nil); !errors.Is(err, stop) {
		t.Error(err)
	}
	b := meta(0x02, one(legacy(0, 0, publicAir, "", -60)))
	_, d, err := decode(t, file(2001, recordAt(at, 3, 7, b), recordAt(at, 3, 9, b), recordAt(at, 3, 9, b)))
	if err != nil || d.Missing() != 9 {
		t.Errorf("%d missing, %v", d.Missing(), err)
	}
}

// An adapter that scans actively transmits: nothing of it is taken, by its
// commands as by its own word, until it is told to listen only.
func TestActiveScanning(t *testing.T) {
	heard := meta(0x02, one(legacy(0, 0, publicAir, "", -60)))
	scan := func(adapter uint32, opcode uint16, b ...byte) []byte {
		return monitored(adapter, 2, cat(binary.LittleEndian.AppendUint16(nil, opcode), []byte{byte(len(b))}, b))
	}
	for _, x := range []struct {
		name  string
		in    [][]byte
		taken int
	}{
		{"passive", [][]byte{scan(0, 0x200B, 0, 0x10, 0, 0x10, 0, 0, 0)}, 1},
		{"active", [][]byte{scan(0, 0x200B, 1, 0x10, 0, 0x10, 0, 0, 0)}, 0},
		{"active, then passive", [][]byte{scan(0, 0x200B, 1, 0x10, 0, 0x10, 0, 0, 0), scan(0, 0x200B, 0, 0x10, 0, 0x10, 0, 0, 0)}, 1},
		{"active, then reset", [][]byte{scan(0, 0x200B, 1), scan(0, 0x0C03)}, 1},
		{"active, by another adapter", [][]byte{scan(1, 0x200B, 1)}, 1},
		{"active, of no number", [][]byte{scan(99, 0x200B, 1)}, 1},
		{"extended, passive", [][]byte{scan(0, 0x2041, 0, 0, 5, 0, 0x60, 0, 0x30, 0, 0, 0x60, 0, 0x30, 0)}, 1},
		{"extended, active on one PHY", [][]byte{scan(0, 0x2041, 0, 0, 5, 0, 0x60, 0, 0x30, 0, 1, 0x60, 0, 0x30, 0)}, 0},
		{"no parameters", [][]byte{scan(0, 0x200B), scan(0, 0x2041, 0, 0)}, 1},
		{"an answer came", [][]byte{event(meta(0x02, one(legacy(4, 0, publicAir, "", -60))))}, 0},
	} {
		got, d, err := decode(t, file(2001, append(x.in, event(heard))...))
		if err != nil || len(got) != x.taken || x.taken == 0 && d.Tally().Refused()["heard while the adapter scans actively, which transmits"] != 1 {
			t.Errorf("%s: %d, %v, %v", x.name, len(got), d.Tally().Refused(), err)
		}
	}
}

// An advertisement longer than an event comes in several; what follows the first
// may begin anywhere within a structure, and is not read.
func TestContinuations(t *testing.T) {
	more := func(mac string) []byte {
		return event(meta(0x0D, one(extended(1<<5, 0, mac, ad(255, "\x2b\x02")+"\x14\x09S1a8", -70))))
	}
	last := func(mac string) []byte { return event(meta(0x0D, one(extended(0, 0, mac, car, -70)))) }
	other := "\x09" + publicAir[1:]
	got, d, err := decode(t, file(2001, more(publicAir), more(other), more(publicAir), last(publicAir), last(other), last(publicAir), last(other)))
	if err != nil || len(got) != 4 || d.Tally().Refused()["rest of an advertisement that was counted"] != 3 {
		t.Fatalf("%+v, %v, %v", got, d.Tally().Refused(), err)
	}
	for i, o := range got {
		if o.Company != 0x022B || (o.Name != "") != (i >= 2) {
			t.Errorf("%+v", o)
		}
	}
}

// Nothing of a connection leaves the file, and nothing stays behind.
func TestNothingIsKept(t *testing.T) {
	var records [][]byte
	for range 50 {
		records = append(records, monitored(0, 5, []byte("SECRET heart rate")), event(meta(0x02, one(legacy(0, 1, staticAir, ad(9, "SECRET watch")+ad(255, "\x4c\x00SECRET"), -60)))),
			event(cat([]byte{0x3E, 14, 0x01}, []byte("SECRET address"))))
	}
	got, d, err := decode(t, file(2001, records...))
	if err != nil || len(got) != 50 || d.Tally().Total() != 150 {
		t.Fatalf("%d, %v, %v", len(got), d.Tally().Refused(), err)
	}
	for _, o := range got {
		if bytes.Contains(rf.Append(nil, o), []byte("SECRET")) || o.Company != 0x4C {
			t.Fatalf("%+v", o)
		}
	}
}

// example is a file that holds one of everything.
func example() []byte {
	records := [][]byte{
		monitored(0xFFFF, 12, []byte("Linux version 6.1.0 (x86_64)\x00")),
		monitored(0, 0, cat([]byte{0, 1}, []byte(publicAir), []byte("hci0\x00\x00\x00\x00"))),
		monitored(0, 8, nil),
		monitored(0, 2, []byte{0x0B, 0x20, 7, 0, 0x10, 0, 0x10, 0, 0, 0}),
		event([]byte{0x0E, 4, 1, 0x0B, 0x20, 0}),
		monitored(0, 5, []byte("\x40\x20\x07\x00\x03\x00\x04\x00\x1b\x0a\x00")),
	}
	for _, x := range reported {
		records = append(records, event(x.in))
	}
	return file(2001, records...)
}

// TestExampleIsThatOfTheStore holds the file that btmon 5.66 was given to read;
// what it printed of it (btmon -T -r) lies beside it.
func TestExampleIsThatOfTheStore(t *testing.T) {
	stored, err := os.ReadFile("testdata/example.btsnoop")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored, example()) {
		t.Fatal("testdata/example.btsnoop is not what the builders write")
	}
	got, _, err := decode(t, stored)
	if err != nil || len(got) != len(reported) {
		t.Fatalf("%d, %v", len(got), err)
	}
	b, err := os.ReadFile("testdata/example.btmon.txt")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for part := range strings.SplitSeq(string(b), "Num reports: 1\n") {
		want = append(want, said(part))
	}
	if n := strings.Count(string(b), at.Format("2006-01-02 15:04:05.000000")); n != 6+len(reported) {
		t.Errorf("btmon reads %d of the times", n)
	}
	for i, o := range got {
		kind := map[rf.Address]string{rf.Static: "Static", rf.Resolvable: "Resolvable", rf.NonResolvable: "Non-Resolvable"}[o.Address]
		heard := fmt.Sprintf("%s %s %v %d %s", strings.ToUpper(o.Emitter), kind, o.RSSI, o.Company, o.Name)
		if heard != want[1+i] {
			t.Errorf("%s, btmon has %s", heard, want[1+i])
		}
	}
}

// said is what btmon's text of a report says: address, kind of a random one,
// level, company, name; as far as an observation holds it.
func said(report string) string {
	var address, kind, company, name string
	level := float64(rf.LowestRSSI)
	for line := range strings.Lines(report) {
		field, v, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		switch field {
		case "Address":
			address, kind, _ = strings.Cut(strings.TrimSuffix(v, ")"), " (")
			if strings.HasPrefix(kind, "Ford") {
				kind = ""
			}
		case "RSSI":
			if n, err := strconv.Atoi(strings.Fields(v)[0]); err == nil && n <= rf.HighestRSSI {
				level = float64(n)
			}
		case "Company":
			company = v[strings.LastIndex(v, "(")+1 : len(v)-1]
		case "Name (complete)":
			if v != "Anna" {
				name = v
			}
		}
	}
	return fmt.Sprintf("%s %s %v %s %s", address, kind, level, cmp.Or(company, "0"), name)
}

// whole counts the records of a file that are there as a whole, in a second way;
// -1 where the file is damaged.
func whole(b []byte) (records int, rest bool) {
	if len(b) < 16 {
		return 0, false
	}
	for b = b[16:]; len(b) >= 24; records++ {
		size := int(binary.BigEndian.Uint32(b[4:]))
		if size > len(b)-24 {
			return records, true
		}
		b = b[24+size:]
	}
	return records, len(b) > 0
}

// FuzzDecode holds that every record is counted, that what is taken is
// canonical, and that it does not matter how the file is cut into reads.
func FuzzDecode(f *testing.F) {
	f.Add(example(), 100)
	good := meta(0x02, one(legacy(0, 0, publicAir, car, -60)))
	f.Add(file(1001, recordAt(at, 3, 1, good), recordAt(at, 1, 1, []byte("data"))), 17)
	f.Add(file(1002, recordAt(at, 3, 0, cat([]byte{4}, good)), recordAt(at, 2, 0, []byte{1, 0x0B, 0x20, 1, 1})), 44)
	f.Add(file(2001, event(meta(0x0D, one(extended(1<<5, 1, staticAir, car[:5], 127)))), event(meta(0x0D, []byte{2}, extended(0, 1, staticAir, car, 0))), event(good)[:30]), 3)
	p := prefixes(f)
	f.Fuzz(func(t *testing.T, b []byte, split int) {
		d := New(Config{Sensor: "s"}, p)
		var got, again []rf.Observation
		err := d.Decode(bytes.NewReader(b), func(o rf.Observation) error {
			got = append(got, o)
			if back, err := p.ParseLine(rf.Append(nil, o)); err != nil || back != o {
				t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
			}
			return nil
		})
		if d.Tally().Taken() != uint64(len(got)) {
			t.Fatalf("%d of %d", len(got), d.Tally().Taken())
		}
		if n, rest := whole(b); err == nil && (d.Tally().Total() < uint64(n) || (d.Tally().Refused()["cut short by the end of the input"] == 1) != rest) {
			t.Fatalf("%d of %d records, rest %v: %v", d.Tally().Total(), n, rest, d.Tally().Refused())
		}
		at := max(0, split) % (len(b) + 1)
		other := New(Config{Sensor: "s"}, p)
		err2 := other.Decode(io.MultiReader(bytes.NewReader(b[:at]), iotest.OneByteReader(bytes.NewReader(b[at:]))), func(o rf.Observation) error {
			again = append(again, o)
			return nil
		})
		if !slices.Equal(got, again) || (err == nil) != (err2 == nil) || !maps.Equal(d.Tally().Refused(), other.Tally().Refused()) {
			t.Fatalf("cut at %d: %+v, %v; whole %+v, %v", at, again, err2, got, err)
		}
	})
}

func BenchmarkReports(b *testing.B) {
	var records [][]byte
	for range 200 {
		for _, x := range reported {
			records = append(records, event(x.in))
		}
		records = append(records, monitored(0, 5, make([]byte, 200)))
	}
	in := file(2001, records...)
	d := New(Config{Sensor: "s"}, prefixes(b))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(bytes.NewReader(in), func(rf.Observation) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(d.Tally().Total())/b.Elapsed().Seconds(), "frames/s")
}
