package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/vin"
)

// vinAnswers runs `sallyport vin` and reads its lines.
func vinAnswers(t *testing.T, in io.Reader, args ...string) []vin.Answer {
	t.Helper()
	var out bytes.Buffer
	s := &streams{in: in, out: &out, err: io.Discard, now: func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }}
	if err := (&vinCmd{VINs: args}).Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	var answers []vin.Answer
	for line := range strings.Lines(out.String()) {
		if !strings.HasSuffix(line, "}\n") {
			t.Errorf("not one object a line: %.80q", line)
		}
		var a vin.Answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%.80q: %v", line, err)
		}
		answers = append(answers, a)
	}
	return answers
}

// Bad input gets a clear answer each, in order, and the program goes on.
func TestVINBadInput(t *testing.T) {
	lines := []struct{ text, problem string }{
		{"1HGCM82633A004352", ""},
		{"", "empty"},
		{"1HGCM82633A00435", "too_short"},
		{"1HGCM82633A0043521", "too_long"},
		{"1HGCM82633AOO4352", "illegal_character"},
		{"1HGCM82633AIQ4352", "illegal_character"},
		{"1HGCM82643A004352", "check_digit"},
		{"1HGCM8\xff\xfe33A004352", "not_utf8"},
		{strings.Repeat("1HGCM82633A004352", 1<<20/17), "too_long"},
		{strings.Repeat("ü", 1<<19), "too_long"},       // the cut falls between two bytes or not
		{"x" + strings.Repeat("ü", 1<<19), "too_long"}, // and here the other way round
		{strings.Repeat(" ", 1<<20), "too_long"},
		{"1HGCM82633A004352\r", ""},
		{"1hgcm82633a004352", ""},
	}
	var in strings.Builder
	for i, l := range lines {
		if i > 0 {
			in.WriteByte('\n')
		}
		in.WriteString(l.text) // the last line has no end
	}
	for name, answers := range map[string][]vin.Answer{
		"standard input": vinAnswers(t, strings.NewReader(in.String()), "-"),
		"arguments": func() []vin.Answer {
			var args []string
			for _, l := range lines {
				args = append(args, l.text)
			}
			return vinAnswers(t, nil, args...)
		}(),
	} {
		if len(answers) != len(lines) {
			t.Fatalf("%s: %d answers to %d lines", name, len(answers), len(lines))
		}
		for i, a := range answers {
			text, want := lines[i].text, lines[i].problem
			if want == "" {
				if !a.Valid || len(a.Problems) != 0 || a.Make != "HONDA" || a.ModelYear == nil || *a.ModelYear != 2003 {
					t.Errorf("%s, %.30q: %+v", name, text, a)
				}
				continue
			}
			if name == "arguments" && strings.TrimSpace(text) == "" {
				want = "empty"
			}
			if a.Valid || !slices.ContainsFunc(a.Problems, func(p vin.Problem) bool { return p.Code == want }) {
				t.Errorf("%s, %.30q: %v %v, want %s", name, text, a.Valid, a.Problems, want)
			}
			if slices.ContainsFunc(a.Problems, func(p vin.Problem) bool { return p.Code == "not_utf8" }) != (want == "not_utf8") {
				t.Errorf("%s, %.30q: %v", name, text, a.Problems)
			}
		}
	}
}

// endless gives the same line again and again, n times.
type endless struct {
	line string
	n    int
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	k := copy(p, e.line[e.at:])
	if e.at += k; e.at == len(e.line) {
		e.at = 0
		e.n--
	}
	return k, nil
}

// A stream is answered as it comes and is not gathered in memory.
func TestVINStreamIsBounded(t *testing.T) {
	ix, err := vin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	s := &streams{out: io.Discard, now: time.Now}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if err := newVINPrinter(ix, s).stream(t.Context(), &endless{line: strings.Repeat("A", 1<<20) + "\n", n: 64}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("64 MB of input allocated %d bytes", grown)
	}
}

// An answer comes before the next line is written: a program can hold a
// conversation.
func TestVINAnswersLineByLine(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	s := &streams{in: inR, out: outW, err: io.Discard, now: time.Now}
	done := make(chan error, 1)
	go func() { done <- (&vinCmd{VINs: []string{"-"}}).Run(t.Context(), s) }()
	out := bufio.NewReader(outR)
	for _, text := range []string{"1HGCM82633A004352", "nonsense", "5YJ3E1EA7KF317000"} {
		if _, err := io.WriteString(inW, text+"\n"); err != nil {
			t.Fatal(err)
		}
		line, err := out.ReadString('\n')
		if err != nil || !strings.Contains(line, strings.ToUpper(text)) {
			t.Fatalf("%s: %q %v", text, line, err)
		}
	}
	if err := inW.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A command that waits for input ends when it is told to.
func TestVINStopsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, w := io.Pipe()
	defer w.Close()
	done := make(chan error, 1)
	go func() {
		done <- (&vinCmd{VINs: []string{"-"}}).Run(ctx, &streams{in: in, out: io.Discard, now: time.Now})
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestVINWithoutArguments(t *testing.T) {
	if err := (&vinCmd{}).Run(t.Context(), &streams{now: time.Now}); err == nil || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("error %v", err)
	}
}

// The committed index is what the importer makes of the public sources.
func TestRefdataBuildVPIC(t *testing.T) {
	t.Parallel()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Dir(filepath.Dir(dir))
	data := filepath.Join(root, "..", "shared", "data", "vin")
	c := refdataBuildVPICCmd{SQLite: filepath.Join(data, "vpic-lite-2026.sqlite.gz"), Lookups: filepath.Join(data, "vpic-2026-08-lookups.json"),
		World: filepath.Join(data, "wmi-world.csv"), Out: filepath.Join(t.TempDir(), "vpic.idx")}
	if _, err := os.Stat(c.SQLite); err != nil {
		t.Skipf("SKIPPED, REFERENCE DATA IS MISSING: %s", c.SQLite)
	}
	if testing.Short() {
		t.Skip("building the index takes half a minute")
	}
	var out bytes.Buffer
	if err := c.Run(t.Context(), &streams{out: &out}); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"799207 patterns", "community rows kept apart: 2 WMIs, 2 schemas, 86 patterns", "12767 WMIs"} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("the report does not say %q: %s", says, out.String())
		}
	}
	got, err := os.ReadFile(c.Out)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(root, "vin", "vpic.idx"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the committed index (%d bytes) is not what the sources give (%d bytes): run `sallyport refdata build vpic`", len(want), len(got))
	}
}

// A failed build leaves what was there.
func TestRefdataBuildVPICFails(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "vpic.idx")
	bad := filepath.Join(dir, "bad.sqlite")
	for _, f := range []string{out, bad} {
		if err := os.WriteFile(f, []byte("what was there"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := refdataBuildVPICCmd{SQLite: bad, Lookups: bad, Out: out}
	if err := c.Run(t.Context(), &streams{out: io.Discard}); err == nil {
		t.Error("a file that is no database was accepted")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(out); err != nil || string(b) != "what was there" || len(entries) != 2 {
		t.Errorf("%q %v, %d files", b, err, len(entries))
	}
}

// A misread VIN is answered as it was read, and beside it what it must have
// been, or may have been.
func TestVINMisread(t *testing.T) {
	const right = "1HGCM82633A004352"
	a := vinAnswers(t, nil, "1HGCM82633AO04352", "I"+right, "1HGCM82633AOO4352", right)
	if len(a) != 4 {
		t.Fatalf("%d answers", len(a))
	}
	if c := a[0].Corrected; a[0].Valid || a[0].VIN != "1HGCM82633AO04352" || c == nil || c.VIN != right || c.At != 12 || c.From != "O" || c.To != "0" || c.Why == "" {
		t.Errorf("%+v %+v", a[0], c)
	}
	for _, b := range a[1:3] {
		if b.Valid || b.Corrected != nil || len(b.Candidates) != 1 || b.Candidates[0].VIN != right {
			t.Errorf("%+v", b)
		}
	}
	if !a[3].Valid || a[3].Corrected != nil || a[3].Candidates != nil {
		t.Errorf("%+v", a[3])
	}
}
