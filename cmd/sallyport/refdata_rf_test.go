package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// sharedRF finds the data next to the repository, or skips.
func sharedRF(t testing.TB, elem ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
	path := filepath.Join(append([]string{filepath.Dir(dir), "shared", "data"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED, NOTHING CHECKED: %s is missing", path)
	}
	return path
}

// TestEmbeddedPrefixesAreThoseOfTheTables fails when the embedded table and the
// public ones have parted.
func TestEmbeddedPrefixesAreThoseOfTheTables(t *testing.T) {
	from := sharedRF(t, "rf")
	out := filepath.Join(t.TempDir(), "prefixes.tsv")
	if err := (&refdataBuildRFCmd{From: from, Out: out, Edition: "2026-08"}).Run(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("..", "..", "rf", "prefixes.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("rf/prefixes.tsv (%d bytes) is not what the tables give (%d bytes): run refdata build rf", len(want), len(got))
	}
}

func TestBuildRFWritesNothingFromABadFolder(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.tsv")
	for name, text := range map[string]string{
		"ssid_patterns.csv":        "pattern,make,oui_organisation_seen,source,note\n",
		"ble_company_relevant.csv": "company_id_hex,name_as_registered,category\n",
		"oui_relevant.csv":         "prefix_hex,prefix_bits,organisation_as_registered,country_of_registration,category,maker,specificity\n0026B4,28,Ford,US,car_maker,Ford,automotive\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&refdataBuildRFCmd{From: dir, Out: out}).Run(); err == nil {
		t.Fatal("a prefix with the wrong length was accepted")
	}
	left, err := filepath.Glob(filepath.Join(dir, "*rf-*"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) || len(left) != 0 {
		t.Fatalf("something was written: %v %v", err, left)
	}
}
