package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The commands write what the packages embed, and nothing from a bad folder.
func TestRefdataBuildSupplyAndTelematics(t *testing.T) {
	var out bytes.Buffer
	k := &streams{out: &out}
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.MkdirAll(filepath.Join(dir, "supply"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(bad, 0o700); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(dir, "out.json")
	for name, run := range map[string]func() error{
		"supply":     func() error { return (&refdataBuildSupplyCmd{From: bad, Out: target}).Run(k) },
		"telematics": func() error { return (&refdataBuildTelematicsCmd{From: bad, Out: target}).Run(k) },
	} {
		if err := run(); err == nil {
			t.Errorf("%s: built from an empty folder", name)
		}
		if _, err := os.Stat(target); !os.IsNotExist(err) {
			t.Errorf("%s: something was written: %v", name, err)
		}
	}

	from := sharedRF(t, "supply")
	for _, tc := range []struct {
		name, embedded, says string
		run                  func() error
	}{
		{"supply", "../../policy/supply/supply.json", "50 instruments", func() error { return (&refdataBuildSupplyCmd{From: from, Out: target}).Run(k) }},
		{"telematics", "../../vin/telematics/catalogue.json", "208 module models", func() error {
			return (&refdataBuildTelematicsCmd{From: filepath.Join(filepath.Dir(from), "telematics"), Out: target}).Run(k)
		}},
	} {
		out.Reset()
		if err := tc.run(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(target)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(tc.embedded)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the command writes", tc.embedded)
		}
		if !strings.Contains(out.String(), tc.says) {
			t.Errorf("%s says %q", tc.name, out.String())
		}
	}
}
