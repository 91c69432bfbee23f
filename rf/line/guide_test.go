package line

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The guide for builders of sensors shows how frames are written in C and in
// Python. Both write what Append writes, byte for byte.
func TestGuidesFramesAreOurs(t *testing.T) {
	guide := filepath.Join("..", "..", "deploy", "sensors")
	type row struct {
		age    int // milliseconds; negative: none
		record string
	}
	rows := []row{
		{12, `{"kind":"wifi","emitter":"00:11:22:33:44:55","rssi_dbm":-61,"role":"ap","channel":11}`},
		{-1, `{"ts":"2026-05-04T08:00:00.254Z","kind":"tpms","emitter":"fb0a43e7","rssi_dbm":-6.5}`},
		{0, `{"kind":"wifi","ssid":"a$b$"}`},
		{5000, `{"name":"ä"}`},
		{5001, `{"too":"old"}`},
	}
	for n := 970; n < 1030; n++ { // up to the length of a frame, and beyond
		rows = append(rows, row{n % 2 * 40, `{"x":"` + strings.Repeat("y", n) + `"}`})
	}
	var in strings.Builder
	var want []byte
	for i, r := range rows {
		fmt.Fprintf(&in, "%d %s\n", r.age, r.record)
		age := NoAge
		if r.age >= 0 {
			age = time.Duration(r.age) * time.Millisecond
		}
		if b, err := Append(nil, uint32(i), age, []byte(r.record)); err == nil {
			want = append(want, b...)
		}
	}
	run := func(t *testing.T, name string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Stdin, cmd.Stderr = strings.NewReader(in.String()), os.Stderr
		got, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("it wrote %.300q, want %.300q", got, want)
		}
	}
	t.Run("C", func(t *testing.T) {
		cc, err := exec.LookPath("cc")
		if err != nil {
			t.Skip("SKIPPED: the guide's C is not tried, for there is no cc")
		}
		bin := filepath.Join(t.TempDir(), "frame")
		out, err := exec.CommandContext(t.Context(), cc, "-std=c99", "-Wall", "-Wextra", "-Werror", "-DTRY", "-o", bin, filepath.Join(guide, "frame.c")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		run(t, bin)
	})
	t.Run("Python", func(t *testing.T) {
		python, err := exec.LookPath("python3")
		if err != nil {
			t.Skip("SKIPPED: the guide's Python is not tried, for there is no python3")
		}
		run(t, python, filepath.Join(guide, "frame.py"))
	})
}
