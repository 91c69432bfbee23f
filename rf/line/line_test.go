package line

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"sallyport/rf"
)

// arrival is when every line of the vectors ends.
var arrival = time.Date(2026, 5, 4, 8, 0, 0, 500e6, time.UTC)

func newDecoder(plain bool) *Decoder {
	return New(Config{Parse: rf.ParseLine, Sensor: "lane-stop", Plain: plain})
}

func TestCheckValue(t *testing.T) {
	if got := Checksum([]byte("123456789")); got != 0x29B1 {
		t.Fatalf("%04X", got)
	}
	if got := Checksum(nil); got != 0xFFFF {
		t.Fatalf("%04X", got)
	}
}

type vector struct {
	Name     string `json:"name"`
	Plain    bool   `json:"plain"`
	Missing  uint64 `json:"missing"`
	Late     uint64 `json:"late"`
	Restarts uint64 `json:"restarts"`
	Noise    uint64 `json:"noise"`
	Unframed uint64 `json:"unframed"`
	Lines    []struct {
		Line    string `json:"line"`
		Want    string `json:"want"`
		Refused string `json:"refused"`
	} `json:"lines"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	f, err := os.Open("testdata/vectors.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []vector
	for in := bufio.NewScanner(f); in.Scan(); {
		var v vector
		if err := json.Unmarshal(in.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if len(all) < 25 {
		t.Fatalf("%d vectors", len(all))
	}
	return all
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			d := newDecoder(v.Plain)
			refused := map[string]uint64{}
			for i, l := range v.Lines {
				o, err := d.Line([]byte(l.Line), arrival)
				if l.Refused != "" {
					refused[l.Refused]++
					if err == nil {
						t.Errorf("line %d is taken as %s", i, rf.Append(nil, o))
					}
					continue
				}
				if err != nil {
					t.Errorf("line %d: %v", i, err)
				} else if got := string(rf.Append(nil, o)); got != l.Want {
					t.Errorf("line %d: got %s, want %s", i, got, l.Want)
				}
			}
			if got := d.Tally().Refused(); fmt.Sprint(got) != fmt.Sprint(refused) || d.Tally().Total() != uint64(len(v.Lines)) {
				t.Errorf("refused %v, want %v", got, refused)
			}
			want := Stats{Missing: v.Missing, Late: v.Late, Restarts: v.Restarts, Noise: v.Noise, Plain: v.Unframed, Repeats: refused[refusals[Repeated]]}
			if got := d.Stats(); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

var sample = rf.Observation{
	TS: arrival, Sensor: "s", Kind: rf.WiFi, Emitter: "00:26:b4:00:00:01", RSSI: -50, Channel: 11, FreqMHz: 2462, Role: "ap",
}

func TestEncoder(t *testing.T) {
	e := Encoder{next: math.MaxUint32}
	long := sample
	long.Model = strings.Repeat("x", MaxFrame)
	if out, err := e.Append([]byte("kept"), long); !errors.Is(err, ErrUnframable) || string(out) != "kept" {
		t.Fatalf("%q, %v", out, err)
	}
	money := sample
	money.SSID = "a$b"
	var got []byte
	for _, o := range []rf.Observation{sample, money} {
		var err error
		if got, err = e.Append(got, o); err != nil {
			t.Fatal(err)
		}
	}
	if n := bytes.Count(got, []byte("$")); n != 2 || !bytes.HasPrefix(got, []byte("$4294967295,,{")) || !bytes.Contains(got, []byte("\n$0,,{")) || !bytes.Contains(got, []byte(`"a\u0024b"`)) {
		t.Fatalf("%s", got)
	}
	for _, age := range []time.Duration{-2, MaxAge + 1} {
		if _, err := Append(nil, 0, age, []byte(`{}`)); !errors.Is(err, ErrUnframable) {
			t.Errorf("age %v: %v", age, err)
		}
	}
}

// However a stream is cut into reads, and whatever stands between its frames,
// every whole frame comes out once and is counted once.
func TestStreamSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			stream []byte
			whole  []int
			lost   uint64
			seq    uint32
			e      Encoder
		)
		frame := func() []byte {
			o := sample
			o.RSSI = float64(-int(seq % 100))
			b, err := e.Append(nil, o)
			if err != nil {
				t.Fatal(err)
			}
			seq++
			return b
		}
		first := frame()
		stream, whole = append(stream, first...), append(whole, 0)
		last := first
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"frame", "frame", "repeat", "noise", "half", "lose"}).Draw(t, "what") {
			case "frame":
				whole = append(whole, int(seq%100))
				last = frame()
				stream = append(stream, last...)
			case "repeat":
				stream = append(stream, last...)
			case "noise":
				for _, c := range rapid.SliceOfN(rapid.Byte(), 1, 30).Draw(t, "noise") {
					if c != '$' && c != '\n' {
						stream = append(stream, c)
					}
				}
			case "half":
				b := frame()
				stream = append(stream, b[:rapid.IntRange(1, len(b)-2).Draw(t, "cut")]...)
				lost++
			case "lose":
				frame()
				lost++
			}
		}
		// The last frame tells of what was lost before it.
		whole = append(whole, int(seq%100))
		stream = append(stream, frame()...)
		d := newDecoder(false)
		var got []int
		var in io.Reader = bytes.NewReader(stream)
		if rapid.Bool().Draw(t, "split") {
			in = iotest.OneByteReader(in)
		}
		err := d.Decode(in, func() time.Time { return arrival }, func(o rf.Observation) error {
			got = append(got, int(-o.RSSI))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(whole) || d.Stats().Missing != lost {
			t.Fatalf("got %v with %d missing, want %v with %d; %v", got, d.Stats().Missing, whole, lost, d.Tally().Refused())
		}
	})
}

// A frame in which up to three bits have turned is never taken, but for turns
// into a shorter frame's noise, which cannot happen: only a dollar sign begins
// one.
func TestTurnedBitsAreFound(t *testing.T) {
	b, err := Append(nil, 7, NoAge, rf.Append(nil, sample))
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	bits := 8 * len(b)
	try := func(turned ...int) {
		c := bytes.Clone(b)
		for _, i := range turned {
			c[i/8] ^= 1 << (i % 8)
		}
		for _, part := range bytes.Split(c, []byte("\n")) {
			if o, err := newDecoder(false).Line(part, arrival); err == nil {
				t.Fatalf("with bits %v turned %q is %+v", turned, c, o)
			}
		}
	}
	for i := range bits {
		try(i)
	}
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.SliceOfNDistinct(rapid.IntRange(0, bits-1), 2, 3, rapid.ID[int]).Draw(t, "bits")
		try(i...)
	})
}

// Whatever is sent, a decoder keeps no address of it.
func TestNothingIsKept(t *testing.T) {
	d := newDecoder(false)
	for n, at := range []time.Duration{12 * time.Millisecond, NoAge} {
		record := []byte(`{"kind":"wifi","emitter":"00:26:b4:aa:bb:cc","rssi_dbm":-50}`)
		b, err := Append(nil, uint32(n), at, record)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Line(b, arrival)
		if (err == nil) != (at >= 0) {
			t.Fatal(err)
		}
		if err != nil && strings.Contains(err.Error(), "26:b4") {
			t.Fatal(err)
		}
		if bytes.Contains(d.record[:cap(d.record)], []byte("26:b4")) {
			t.Fatal("the address is still there")
		}
	}
}

func TestDecodeEndsWithItsSink(t *testing.T) {
	b, err := Append(nil, 0, NoAge, rf.Append(nil, sample))
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	now := func() time.Time { return arrival }
	if err := newDecoder(false).Decode(bytes.NewReader(b), now, func(rf.Observation) error { return stop }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	d := newDecoder(true)
	if err := d.Decode(strings.NewReader(strings.Repeat("x", 2*rf.MaxLine)+"\n"), now, nil); err != nil || d.Tally().Refused()[refusals[TooLong]] != 1 {
		t.Fatalf("%v, %v", err, d.Tally().Refused())
	}
}

func FuzzLine(f *testing.F) {
	for _, v := range vectors(f) {
		for _, l := range v.Lines {
			f.Add([]byte(l.Line), v.Plain)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, plain bool) {
		d := newDecoder(plain)
		lines := bytes.Split(in, []byte("\n"))
		for _, l := range lines {
			before := bytes.Clone(l)
			o, err := d.Line(l, arrival)
			if !bytes.Equal(l, before) {
				t.Fatal("the line was changed")
			}
			if err != nil {
				continue
			}
			if _, err := rf.ParseLine(rf.Append(nil, o)); err != nil || o.Sensor != "lane-stop" {
				t.Fatalf("%q is taken as %+v, which is not canonical: %v", l, o, err)
			}
		}
		if d.Tally().Total() != uint64(len(lines)) {
			t.Fatalf("%d lines are counted of %d", d.Tally().Total(), len(lines))
		}
	})
}

// FuzzDecode holds that every line is counted, and that it does not matter how
// the stream is cut into reads.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		var in []byte
		for i, l := range v.Lines {
			in = append(append(in, l.Line...), "\r\n"[i&1:]...)
		}
		f.Add(in, v.Plain, len(in)/2)
	}
	f.Fuzz(func(t *testing.T, b []byte, plain bool, at int) {
		lines := uint64(0)
		for l := range bytes.SplitSeq(b, []byte("\n")) {
			if len(bytes.TrimRight(l, " \t\r")) > 0 || len(l) > rf.MaxLine {
				lines++
			}
		}
		at = max(0, at) % (len(b) + 1)
		var all [2][]rf.Observation
		var d [2]*Decoder
		for i, in := range []io.Reader{bytes.NewReader(b), io.MultiReader(bytes.NewReader(b[:at]), iotest.OneByteReader(bytes.NewReader(b[at:])))} {
			d[i] = newDecoder(plain)
			if err := d[i].Decode(in, func() time.Time { return arrival }, func(o rf.Observation) error { all[i] = append(all[i], o); return nil }); err != nil {
				t.Fatal(err)
			}
			if n := d[i].Tally(); n.Taken() != uint64(len(all[i])) || n.Total() != lines {
				t.Fatalf("%d taken of %d of %d lines: %v", len(all[i]), n.Total(), lines, n.Refused())
			}
		}
		if !slices.Equal(all[0], all[1]) || d[0].Stats() != d[1].Stats() || !maps.Equal(d[0].Tally().Refused(), d[1].Tally().Refused()) {
			t.Fatalf("cut at %d: %+v, whole %+v", at, all[1], all[0])
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, x := range []struct {
		name, record string
		age          time.Duration
	}{
		{"wifi own clock", string(rf.Append(nil, sample)), NoAge},
		{"wifi without clock", `{"kind":"wifi","emitter":"00:11:22:33:44:55","rssi_dbm":-61,"role":"ap","channel":11}`, 12 * time.Millisecond},
		{"tpms own clock", `{"ts":"2026-05-04T08:00:00.254Z","sensor":"s7","kind":"tpms","emitter":"fb0a43e7","rssi_dbm":-6.5,"level":"relative","model":"Toyota","pressure_kpa":253.382}`, NoAge},
	} {
		b.Run(x.name, func(b *testing.B) {
			frames := make([][]byte, 1024)
			for i := range frames {
				var err error
				if frames[i], err = Append(nil, uint32(i), x.age, []byte(x.record)); err != nil {
					b.Fatal(err)
				}
			}
			d := newDecoder(false)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if _, err := d.Line(frames[n%len(frames)], arrival); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	var e Encoder
	var out []byte
	for b.Loop() {
		var err error
		if out, err = e.Append(out[:0], sample); err != nil {
			b.Fatal(err)
		}
	}
}
