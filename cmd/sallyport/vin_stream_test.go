package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sallyport/vin"
)

// someLines is n lines of VINs and of what is none.
func someLines(n int) string {
	kinds := []string{"1HGCM82633A004352", "LJ1EFAUU5MG068486", "", "5YJ3E1EA7KF317000\r", strings.Repeat("x", maxVINLine-1), strings.Repeat("y", maxVINLine),
		strings.Repeat("z", maxChunkText+5), "WBY7X4101MS156671", "1HG\xff", "4S9C69U79DT295150"}
	var b strings.Builder
	for i := range n {
		switch k := i * 7 % 13; {
		case k < 2:
			fmt.Fprintf(&b, "1HGCM82633A%06d\n", i)
		case k == 4 && i%50 != 4, k == 5 && i%50 != 5, k == 6 && i%50 != 6:
			b.WriteString("19UDE2F73JA111111\n")
		default:
			b.WriteString(kinds[k%len(kinds)] + "\n")
		}
	}
	return b.String()
}

// The answers to a stream are those to its lines one after the other, in their
// order, in whatever pieces the stream arrives.
func TestVINStreamKeepsOrder(t *testing.T) {
	ix, err := vin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }
	in := someLines(6000)
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	p := newVINPrinter(ix, &streams{now: now})
	for line := range strings.Lines(in) {
		text := line[:min(len(line), maxVINLine)]
		d := p.decode(text, len(line))
		a := d.Answer()
		if !d.Valid {
			a.Read(ix.Understand(text, vin.CorrectOptions{Year: 2026, NamedOnly: true}))
		}
		if err := enc.Encode(a); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range map[string]io.Reader{
		"at once":         strings.NewReader(in),
		"halves":          iotest.HalfReader(strings.NewReader(in)),
		"error with data": iotest.DataErrReader(strings.NewReader(in)),
	} {
		var got bytes.Buffer
		if err := newVINPrinter(ix, &streams{out: &got, now: now}).stream(t.Context(), r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: the answers differ from those one by one", name)
		}
	}
	short := in[:4000]
	var whole, bytewise bytes.Buffer
	for out, r := range map[*bytes.Buffer]io.Reader{&whole: strings.NewReader(short), &bytewise: iotest.OneByteReader(strings.NewReader(short))} {
		if err := newVINPrinter(ix, &streams{out: out, now: now}).stream(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if whole.Len() == 0 || !bytes.Equal(whole.Bytes(), bytewise.Bytes()) {
		t.Error("byte by byte the answers are others")
	}
}

// A line that has begun does not hold back the answer to the one before.
func TestVINAnswersBeforeTheNextLineEnds(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- (&vinCmd{VINs: []string{"-"}}).Run(t.Context(), &streams{in: inR, out: outW, err: io.Discard, now: time.Now})
	}()
	if _, err := io.WriteString(inW, "1HGCM82633A004352\n5YJ3E1EA7"); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(outR)
	for i, want := range []string{"1HGCM82633A004352", "5YJ3E1EA7KF317000"} {
		line, err := out.ReadString('\n')
		if err != nil || !strings.Contains(line, want) {
			t.Fatalf("%q %v, want %s", line, err, want)
		}
		if i == 0 {
			if _, err := io.WriteString(inW, "KF317000\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := inW.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

var errFull = errors.New("no space left")

// full takes the first bytes and then refuses.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// Answers that cannot be written, and input that cannot be read, end the
// command with that error, whatever more there is to read.
func TestVINStreamFails(t *testing.T) {
	ix, err := vin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	p := newVINPrinter(ix, &streams{out: &full{room: 1 << 20}, now: time.Now})
	if err := p.stream(t.Context(), &endless{line: "1HGCM82633A004352\n", n: 1 << 30}); !errors.Is(err, errFull) {
		t.Errorf("writing: %v", err)
	}
	var out bytes.Buffer
	p = newVINPrinter(ix, &streams{out: &out, now: time.Now})
	if err := p.stream(t.Context(), io.MultiReader(strings.NewReader("1HGCM82633A004352\n"), iotest.ErrReader(os.ErrPermission))); !errors.Is(err, os.ErrPermission) {
		t.Errorf("reading: %v", err)
	}
	if !strings.Contains(out.String(), "HONDA") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("what was read before the error has the answer %q", out.String())
	}
}

// BenchmarkVINStream is `sallyport vin -` from the lines to the answers.
func BenchmarkVINStream(b *testing.B) {
	ix, err := vin.Embedded()
	if err != nil {
		b.Fatal(err)
	}
	p := newVINPrinter(ix, &streams{out: io.Discard, now: time.Now})
	b.ReportAllocs()
	b.ResetTimer()
	if err := p.stream(b.Context(), &endless{line: "1HGCM82633A004352\n", n: b.N}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "VINs/s")
}
