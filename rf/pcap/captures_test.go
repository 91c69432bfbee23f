package pcap

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/rf"
)

// shared is a folder of reference material that lies beside the repository.
func shared(t testing.TB, name string) string {
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
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED, PROVES NOTHING: %s is not here (%v)", path, err)
	}
	return path
}

func prefixes(t testing.TB) *rf.Prefixes {
	t.Helper()
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tshark is one row of what tshark 4.0.17 said of a capture.
func tsharkRows(t *testing.T, path string) [][]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(b)) {
		rows = append(rows, strings.Split(strings.TrimRight(line, "\n"), "\t"))
	}
	return rows[1:]
}

// rowOf writes a management frame as tshark's columns are.
func (m *management) rowOf(number int, p packet) []string {
	row := make([]string, 11)
	row[0] = strconv.Itoa(number)
	row[1] = fmt.Sprintf("%d.%09d", p.at.Unix(), p.at.Nanosecond())
	row[2] = fmt.Sprintf("0x%04x", m.subtype)
	row[3], row[4] = rf.FormatMAC(m.sender), rf.FormatMAC(m.bssid)
	if m.named {
		if row[5] = hex.EncodeToString(m.ssid); len(m.ssid) == 0 {
			row[5] = "<MISSING>"
		}
	}
	if m.channel > 0 {
		row[6] = strconv.Itoa(m.channel)
	}
	if m.mhz > 0 {
		row[7] = strconv.Itoa(m.mhz)
	}
	var list []string
	for _, v := range m.dbm[:m.levels] {
		list = append(list, strconv.Itoa(int(v)))
	}
	row[8] = strings.Join(list, ",")
	if m.subtype == beacon || m.subtype == probeResponse {
		row[9] = strconv.Itoa(int(m.interval))
	}
	list = nil
	for _, v := range m.vendors[:m.vendorLen] {
		list = append(list, strconv.Itoa(int(v)))
	}
	row[10] = strings.Join(list, ",")
	return row
}

// TestManagementFramesAreThoseOfTshark compares every column of every
// management frame of every capture that tshark has read.
func TestManagementFramesAreThoseOfTshark(t *testing.T) {
	root := shared(t, "data/rf/captures")
	expected, err := filepath.Glob(filepath.Join(root, "expected", "*.mgmt.tsv"))
	if err != nil || len(expected) != 15 {
		t.Fatalf("%d files, %v", len(expected), err)
	}
	total, frames := 0, 0
	for _, path := range expected {
		name := strings.TrimSuffix(filepath.Base(path), ".tshark-4.0.17.mgmt.tsv")
		want := tsharkRows(t, path)
		b, err := os.ReadFile(filepath.Join(root, "aircrack-ng", name))
		if err != nil {
			t.Fatal(err)
		}
		d := New(Config{Sensor: "s"}, prefixes(t))
		var got [][]string
		n, observed := 0, uint64(0)
		err = read(bytes.NewReader(b), func(p packet) error {
			n++
			_, reason := d.parse(p)
			if reason == data || reason == control || reason == extension {
				return nil
			}
			if reason >= 0 {
				t.Errorf("%s: frame %d is refused: %d", name, n, reason)
				return nil
			}
			got = append(got, d.wifi.rowOf(n, p))
			return nil
		}, nil, func() { t.Logf("%s is cut short", name) })
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d frames, tshark has %d", name, len(got), len(want))
		}
		for i := range min(len(got), len(want)) {
			for c := range got[i] {
				if got[i][c] != want[i][c] {
					t.Errorf("%s: frame %s, column %d: %q, tshark has %q", name, want[i][0], c, got[i][c], want[i][c])
				}
			}
		}
		total += len(want)
		frames += n

		if err := d.Decode(bytes.NewReader(b), func(o rf.Observation) error {
			observed++
			if back, err := rf.ParseLine(rf.Append(nil, o)); err != nil || back != o {
				t.Errorf("%s: %+v is not canonical: %+v, %v", name, o, back, err)
			}
			return nil
		}); err != nil || observed != d.Tally().Taken() {
			t.Errorf("%s: %v", name, err)
		}
		if got := d.Tally().Total(); got < uint64(n) || got > uint64(n)+1 {
			t.Errorf("%s: %d of %d frames counted: %v", name, got, n, d.Tally().Refused())
		}
	}
	t.Logf("%d management frames of %d", total, frames)
	if total != 298 {
		t.Errorf("%d rows in all", total)
	}
}

func TestAdvertisementsAreThoseOfTshark(t *testing.T) {
	root := shared(t, "data/rf/captures")
	name := "le_secure_connections.pcapng"
	want := tsharkRows(t, filepath.Join(root, "expected", name+".tshark-4.0.17.adv.tsv"))
	b, err := os.ReadFile(filepath.Join(root, "crackle", name))
	if err != nil {
		t.Fatal(err)
	}
	d := New(Config{Sensor: "s"}, prefixes(t))
	n, rows := 0, 0
	if err := read(bytes.NewReader(b), func(p packet) error {
		n++
		bluetooth, reason := d.parse(p)
		if reason == data {
			return nil
		}
		if !bluetooth || reason >= 0 || rows >= len(want) {
			t.Errorf("frame %d: %d", n, reason)
			return nil
		}
		a := &d.ble
		random := "0"
		if a.random {
			random = "1"
		}
		level, _ := a.strongest()
		got := []string{strconv.Itoa(n), fmt.Sprintf("%d.%09d", p.at.Unix(), p.at.Nanosecond()), fmt.Sprintf("0x%02x", a.pdu), rf.FormatMAC(a.advertiser), random, strconv.Itoa(int(level)), string(a.Name)}
		for c := range got {
			if got[c] != want[rows][c] {
				t.Errorf("frame %s, column %d: %q, tshark has %q", want[rows][0], c, got[c], want[rows][c])
			}
		}
		rows++
		return nil
	}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if rows != len(want) || rows != 44 {
		t.Errorf("%d advertisements, tshark has %d", rows, len(want))
	}
	t.Logf("%d advertisements of %d frames", rows, n)
	// Its clock says January 1970: nothing of it may become an observation.
	if err := d.Decode(bytes.NewReader(b), func(o rf.Observation) error { t.Errorf("%+v", o); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := d.Tally().Refused(); got["time is not between 2015 and 2100"] != 44 || d.Tally().Total() != uint64(n) {
		t.Errorf("%v", got)
	}
}

// TestCapturesAreWhollyAccountedFor holds what comes of every frame of every
// capture, by reason. Several were made before 2015 or by a clock that was never
// set; told when the recording began, the same frames are observations.
func TestCapturesAreWhollyAccountedFor(t *testing.T) {
	const timed = "time is not between 2015 and 2100"
	const other, ctl, btw, ext = "data, not looked at", "control frame, not looked at", "management between two stations", "extension frame, not looked at"
	root := shared(t, "data/rf/captures")
	for name, x := range map[string]struct {
		taken, told uint64 // without and with the time of the beginning
		refused     map[string]uint64
	}{
		"aircrack-ng/3.pcap":                       {0, 0, map[string]uint64{other: 3}},
		"aircrack-ng/80211ad_beacon.pcap":          {0, 0, map[string]uint64{ext: 1}},
		"aircrack-ng/Chinese-SSID-Name.pcap":       {0, 1, map[string]uint64{timed: 1}},
		"aircrack-ng/MOM1.cap":                     {0, 1, map[string]uint64{other: 8, timed: 1}},
		"aircrack-ng/capture_wds-01.cap":           {4, 4, map[string]uint64{ctl: 77, other: 51, btw: 7}},
		"aircrack-ng/floatingpoint_exception.pcap": {0, 0, map[string]uint64{ctl: 10, other: 10}},
		"aircrack-ng/test1.pcap":                   {136, 136, map[string]uint64{other: 45, btw: 11}},
		"aircrack-ng/test23.pcap":                  {1, 1, map[string]uint64{other: 2}},
		"aircrack-ng/testm1m2m3.pcap":              {2, 2, map[string]uint64{other: 3}},
		"aircrack-ng/wpa-psk-linksys.cap":          {0, 113, map[string]uint64{ctl: 205, other: 265, timed: 117}},
		"aircrack-ng/wpa.cap":                      {0, 1, map[string]uint64{ctl: 6, other: 6, timed: 1}},
		"aircrack-ng/wpa2.eapol.cap":               {0, 1, map[string]uint64{other: 4, timed: 1}},
		"aircrack-ng/wpa3-psk.pcap":                {8, 8, map[string]uint64{ctl: 11, other: 4, btw: 1}},
		"aircrack-ng/wps2.0.pcap":                  {1, 1, map[string]uint64{}},
		"aircrack-ng/zn2i.pcap":                    {5, 5, map[string]uint64{other: 6, btw: 1}},
		"crackle/le_secure_connections.pcapng":     {0, 42, map[string]uint64{other: 259, timed: 44}},
		"crackle/numeric_pin.pcap":                 {0, 2, map[string]uint64{other: 304, timed: 3}},
		"crackle/pairing_and_ltk_exchange.pcap":    {0, 515, map[string]uint64{other: 197, timed: 516}},
	} {
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		d := New(Config{Sensor: "s"}, prefixes(t))
		if err := d.Decode(bytes.NewReader(b), func(rf.Observation) error { return nil }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d.Tally().Taken() != x.taken || !maps.Equal(d.Tally().Refused(), x.refused) {
			t.Errorf("%s: %d taken, %v", name, d.Tally().Taken(), d.Tally().Refused())
		}
		told := New(Config{Sensor: "s", Start: at}, prefixes(t))
		var last time.Time
		if err := told.Decode(bytes.NewReader(b), func(o rf.Observation) error {
			last = o.TS
			if back, err := rf.ParseLine(rf.Append(nil, o)); err != nil || back != o {
				t.Errorf("%s: %+v is not canonical: %+v, %v", name, o, back, err)
			}
			return nil
		}); err != nil || told.Tally().Taken() != x.told || told.Tally().Total() != d.Tally().Total() || told.Tally().Refused()[timed] != 0 {
			t.Errorf("%s: told when it began, %d taken, %v, %v", name, told.Tally().Taken(), told.Tally().Refused(), err)
		}
		if x.told > 0 && last.Sub(at).Abs() > time.Hour {
			t.Errorf("%s: ends at %v", name, last)
		}
	}
}

// TestRadiotapVectors walks the vectors of the radiotap library.
func TestRadiotapVectors(t *testing.T) {
	root := shared(t, "data/rf/captures/radiotap")
	bins, err := filepath.Glob(filepath.Join(root, "*.bin"))
	if err != nil || len(bins) != 10 {
		t.Fatalf("%d vectors, %v", len(bins), err)
	}
	for _, bin := range bins {
		b, err := os.ReadFile(bin)
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.ReadFile(strings.TrimSuffix(bin, ".bin") + ".out")
		if err != nil {
			t.Fatal(err)
		}
		// One vector is of the time when field 14 was a check sequence.
		_, err = os.Stat(strings.TrimSuffix(bin, ".bin") + ".args")
		older := err == nil
		var got []string
		n := walkRadiotap(b, func(field int, v []byte) {
			switch field {
			case 0:
				var tsft uint64
				for i := 7; i >= 0; i-- {
					tsft = tsft<<8 | uint64(v[i])
				}
				got = append(got, fmt.Sprintf("TSFT: %d", tsft))
			case 1:
				got = append(got, fmt.Sprintf("flags: %02x", v[0]))
			case 2:
				got = append(got, fmt.Sprintf("rate: %f", float64(v[0])/2))
			case 14:
				if older {
					return
				}
				got = append(got, fmt.Sprintf("RX flags: %02x%02x", v[1], v[0]))
			}
		})
		// The library prints what vendors' namespaces hold; we step over them.
		var want []string
		malformed := false
		for line := range strings.Lines(string(out)) {
			line = strings.TrimRight(line, "\n")
			switch text := strings.TrimSpace(line); {
			case strings.HasPrefix(text, "malformed"):
				malformed = true
			case strings.HasPrefix(text, "TSFT"), strings.HasPrefix(text, "flags"), strings.HasPrefix(text, "rate"), strings.HasPrefix(text, "RX flags"):
				want = append(want, text)
			}
		}
		if (n < 0) != malformed || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %d, %q\nwant %q", filepath.Base(bin), n, got, want)
		}
	}
}
