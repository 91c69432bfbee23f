package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A site's own edition of the VIN index is used where it is named, and a
// damaged or missing one is refused with its name, on every way in.
func TestIndexOfTheSite(t *testing.T) {
	own, err := os.ReadFile(filepath.Join(moduleRoot(t), "vin", "vpic.idx"))
	if err != nil {
		t.Fatal(err)
	}
	dir := demoDir(t)
	file := filepath.Join(dir, "next.idx")
	config := filepath.Join(dir, siteFile)
	if err := os.WriteFile(config, []byte(`vpic = "next.idx"`+"\n"+demoSite), 0o600); err != nil {
		t.Fatal(err)
	}
	ways := map[string][]string{
		"vin":    {"vin", "--index", file, "5YJXCAE42MF000001"},
		"assess": {"assess", "--index", file},
		"serve":  {"serve", "--data", dir, "--addr", "127.0.0.1:0"},
	}
	refused := func(why, says string) {
		t.Helper()
		for name, args := range ways {
			code, _, errs := runWith(t, nil, args...)
			if code != 1 || !strings.Contains(string(errs), says) || !strings.Contains(string(errs), "next.idx") {
				t.Errorf("%s with %s: exit code %d, %s", name, why, code, errs)
			}
		}
	}
	refused("no index", "no such file")
	damaged := bytes.Clone(own)
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(file, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("a damaged index", "checksum")

	if err := os.WriteFile(file, own, 0o600); err != nil {
		t.Fatal(err)
	}
	in := `{"vin":"5YJXCAE42MF000001","zone":"restricted","at":"2026-11-22T05:00:00Z"}` + "\n"
	if a, b := runOK(t, in, "assess", "--index", file), runOK(t, in, "assess"); !bytes.Equal(a, b) {
		t.Errorf("the same index answers differently:\n%s\n%s", a, b)
	}
}
