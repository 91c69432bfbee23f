package sweep

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sallyport/rf"
)

func decode(t testing.TB, c Config, in string) ([]rf.Observation, *Decoder) {
	t.Helper()
	c.Sensor = "sdr"
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
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

// TestHackRF reads rows in the program's own order: two quarters of each tuning
// of 20 MHz, then the other two.
func TestHackRF(t *testing.T) {
	var in strings.Builder
	sweep := func(clock string, loud float64) {
		for _, low := range []int{2500, 2510, 2505, 2515, 880, 890, 885, 895} {
			fmt.Fprintf(&in, "2026-05-04, %s, %d000000, %d000000, 1000000.00, 20", clock, low, low+5)
			for i := range 5 {
				level := -70.5
				if low+i == 2506 {
					level = loud
				}
				fmt.Fprintf(&in, ", %.2f", level)
			}
			in.WriteString("\n")
		}
	}
	sweep("10:00:00.250000", -40.25)
	sweep("10:00:00.500000", -70.6)
	got, d := decode(t, Config{Bands: []string{"B7", "B8", "B20"}, Zone: time.FixedZone("", 7200)}, in.String())
	at := time.Date(2026, 5, 4, 8, 0, 0, 25e7, time.UTC)
	o := rf.Observation{TS: at, Sensor: "sdr", Kind: rf.Cell, Band: "B7", RSSI: -40.25, Level: rf.Relative, FreqMHz: 2506.5}
	b8 := o
	b8.Band, b8.RSSI, b8.FreqMHz = "B8", -70.5, 880.5
	later, later8 := o, b8
	later.TS, later8.TS = at.Add(25e7), at.Add(25e7)
	later.RSSI, later.FreqMHz = -70.5, 2500.5
	if want := []rf.Observation{o, b8, later, later8}; !slices.Equal(got, want) || d.Tally().Taken() != 16 {
		t.Fatalf("%+v, %v\nwant %+v", got, d.Tally().Refused(), want)
	}
}

func TestRTLPower(t *testing.T) {
	// The last level is there twice: were it not dropped, it would lie beyond
	// the band's lower end and be the loudest.
	in := "2026-05-04, 10:00:00, 829000000, 832000000, 1000000.00, 12, -20.1, -20.2, -20.3, -20.3\n" +
		"2026-05-04, 10:00:00, 832000000, 835000000, 1000000.00, 12, nan, -inf, -50.5, -10\n" +
		"2026-05-04, 10:00:10, 829000000, 832000000, 1000000.00, 12, -20.1, -20.2, -20.3, -20.3\n" +
		"2026-05-04, 10:00:10, 832000000, 835000000, 1000000.00, 12, nan, -inf, nan, nan\n"
	got, d := decode(t, Config{}, in)
	want := rf.Observation{TS: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC), Sensor: "sdr", Kind: rf.Cell, Band: "B20", RSSI: -50.5, Level: rf.Relative, FreqMHz: 834.5}
	if len(got) != 1 || got[0] != want || !maps.Equal(d.Tally().Refused(), map[string]uint64{"no uplink band that is listened to": 2, "no level in an uplink band": 1}) {
		t.Fatalf("%+v, %v", got, d.Tally().Refused())
	}
}

// TestNoRound tells of a sweep that never comes back to its first row.
func TestNoRound(t *testing.T) {
	in := "2026-05-04, 10:00:00, 832000000, 833000000, 1000000, 1, -50\n2026-05-04, 10:01:00, 833000000, 834000000, 1000000, 1, -60\n"
	if got, _ := decode(t, Config{}, in); len(got) != 2 || got[0].RSSI != -50 || got[1].RSSI != -60 {
		t.Fatalf("%+v", got)
	}
	// Where the bands lie does not depend on how wide the bins are.
	row := "2026-05-04, 10:00:00, 861000000, 863000000, 250000, 1, -50,-51,-52,-53,-20,-20,-20,-20\n"
	if got, _ := decode(t, Config{}, row); len(got) != 1 || got[0].RSSI != -50 || got[0].FreqMHz != 861.125 {
		t.Fatalf("%+v", got)
	}
}

func TestRefusals(t *testing.T) {
	good := "2026-05-04, 10:00:00, 832000000, 835000000, 1000000.00, 12, -50, -51, -52"
	for _, x := range []struct{ old, new, reason string }{
		{good, "dB", "not a row of a sweep"},
		{good, "2026-05-04, 10:00:00, 832000000, 835000000, 1000000.00, 12", "not a row of a sweep"},
		{"832000000", "x", "not a row of a sweep"},
		{"835000000", "832000000", "not a row of a sweep"},
		{"1000000.00", "0", "not a row of a sweep"},
		{"1000000.00", "NaN", "not a row of a sweep"},
		{"2026-05-04", "1970-01-01", "time is not one, or not between 2015 and 2100"},
		{"10:00:00", "25:00:00", "time is not one, or not between 2015 and 2100"},
		{"10:00:00", "10:00:00." + strings.Repeat("0", 50), "time is not one, or not between 2015 and 2100"},
		{", -51, -52", "", "frequencies do not fit the number of levels"},
		{"1000000.00", "1e-300", "frequencies do not fit the number of levels"},
		{"-50, -51, -52", "x, 1e9, ", "no level in an uplink band"},
		{"832000000, 835000000", "862000000, 865000000", "no uplink band that is listened to"},
		{good, strings.Repeat("x", MaxRow+1), "longer than 128 KiB"},
	} {
		if !strings.Contains(good, x.old) {
			t.Fatal(x.old)
		}
		got, d := decode(t, Config{}, strings.Replace(good, x.old, x.new, 1))
		if len(got) != 0 || !maps.Equal(d.Tally().Refused(), map[string]uint64{x.reason: 1}) {
			t.Errorf("%s → %.40s: %+v, %v", x.old, x.new, got, d.Tally().Refused())
		}
	}
	for name, want := range map[string]string{"B38": "same frequencies", "n78": "same frequencies", "B29": "not in the table", "": "not in the table"} {
		if _, err := New(Config{Bands: []string{name}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	if err := d.Decode(strings.NewReader(good+"\n"+good), func(rf.Observation) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

// TestBandsAreThoseOfTheirSource compares the table that is carried with what it
// was made of.
func TestBandsAreThoseOfTheirSource(t *testing.T) {
	all := Bands()
	if len(all) != strings.Count(bandsCSV, "\n")-1 || len(all) < 60 {
		t.Fatalf("%d bands", len(all))
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "..", "..", "..", "shared", "data", "rf", "bands_uplink.csv")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("SKIPPED, PROVES NOTHING: %s is not here (%v)", path, err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range rows[1:] {
		name, _, _ := strings.Cut(r[1], "(")
		if r[0] == "LTE" {
			name = "B" + name
		}
		if r[2] == "SDL" {
			continue
		}
		low, err := strconv.ParseFloat(r[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		high, err := strconv.ParseFloat(r[4], 64)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Band{name, r[2], low, high}); all[n] != want {
			t.Errorf("%+v, want %+v", all[n], want)
		}
		n++
	}
	if n != len(all) {
		t.Errorf("%d of %d", len(all), n)
	}
}

// FuzzRow holds that every row is counted, that an observation is canonical, and
// that it does not matter how the input is cut into reads.
func FuzzRow(f *testing.F) {
	f.Add([]byte("2019-01-03, 11:57:34.967805, 2400000000, 2405000000, 1000000.00, 20, -64.72, -63.36, -60.91, -61.74, -58.58\n2019-01-03, 11:57:34.967805, 2510000000, 2515000000, 1000000.00, 20, -69.22, -60.67, -59.50, -61.81, -58.16\n"), 150)
	f.Add([]byte("2026-05-04, 10:00:00, 832000000, 835000000, 1000000.00, 12, nan, -inf, -50.5, -10\r\n\n2026-05-04, 10:00:01, 832000000, 835000000, 1000000.00, 12, -1, -2, -3"), 60)
	f.Add([]byte("2026-05-04, 10:00:00, 0, 1e11, 1e-9, 12, 1"), 1)
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		rows := uint64(0)
		for row := range bytes.SplitSeq(b, []byte("\n")) {
			if len(bytes.TrimRight(row, " \t\r")) > 0 || len(row) > MaxRow {
				rows++
			}
		}
		at = max(0, at) % (len(b) + 1)
		var all [2][]rf.Observation
		var d [2]*Decoder
		for i, in := range []io.Reader{bytes.NewReader(b), io.MultiReader(bytes.NewReader(b[:at]), iotest.OneByteReader(bytes.NewReader(b[at:])))} {
			var err error
			if d[i], err = New(Config{Sensor: "s"}); err != nil {
				t.Fatal(err)
			}
			if err := d[i].Decode(in, func(o rf.Observation) error {
				all[i] = append(all[i], o)
				if back, err := rf.ParseLine(rf.Append(nil, o)); err != nil || back != o || math.IsNaN(o.RSSI) {
					t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
				}
				return nil
			}); err != nil || d[i].Tally().Total() != rows {
				t.Fatalf("%d of %d rows: %v, %v", d[i].Tally().Total(), rows, d[i].Tally().Refused(), err)
			}
		}
		if !slices.Equal(all[0], all[1]) || !maps.Equal(d[0].Tally().Refused(), d[1].Tally().Refused()) {
			t.Fatalf("cut at %d: %+v, whole %+v", at, all[1], all[0])
		}
	})
}

func BenchmarkRow(b *testing.B) {
	d, err := New(Config{Sensor: "s"})
	if err != nil {
		b.Fatal(err)
	}
	row := []byte("2026-05-04, 10:00:00.250000, 2510000000, 2515000000, 100000.00, 20" + strings.Repeat(", -69.22", 50))
	b.SetBytes(int64(len(row)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := d.Row(row, func(rf.Observation) error { return nil }); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkHackRF reads rows as hackrf_sweep writes them: five bins of 1 MHz, a
// whole sweep from 700 to 2,700 MHz.
func BenchmarkHackRF(b *testing.B) {
	var in bytes.Buffer
	for low := 700; low < 2700; low += 5 {
		fmt.Fprintf(&in, "2026-05-04, 10:00:00.250000, %d000000, %d000000, 1000000.00, 20, -64.72, -63.36, -60.91, -61.74, -58.58\n", low, low+5)
	}
	d, err := New(Config{Sensor: "s"})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(in.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(bytes.NewReader(in.Bytes()), func(rf.Observation) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(d.Tally().Total())/b.Elapsed().Seconds(), "lines/s")
}
