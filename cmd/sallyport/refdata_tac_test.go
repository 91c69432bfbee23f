package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const tacRows = "TAC|Manufacturer|Model Name|Marketing Name\n" +
	"86750000|Quectel Wireless Solutions Co Ltd|EG25-G|EG25\n" +
	"01234567|Contoso Ltd|Phone 1|Phone\n"

// The table is built from both layouts, or not at all where a row is bad.
func TestRefdataBuildTAC(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "tac.json")
	write := func(name, text string) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good := write("gsma.txt", tacRows)
	bad := write("bad.txt", tacRows+"1234|Nokia|3310|\n")
	osmo := write("tacdb.csv", "Osmocom TAC database under CC-BY-SA v3.0 (c) Harald Welte 2016\ntac,name,name,contributor,comment,gsmarena,gsmarena,aka\n86750000,Quectel,EG25-G,x,,,,\n")

	code, _, errs := runWith(t, nil, "refdata", "build", "tac", "--gsma", bad, "--out", out)
	if code != 1 || !strings.Contains(string(errs), "line 4, tac: ") || !strings.Contains(string(errs), "1 of 3 rows are bad, nothing was written") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
	code, said, errs := runWith(t, nil, "refdata", "build", "tac", "--gsma", bad, "--out", out, "--good-rows")
	if code != 0 || !strings.Contains(string(said), "2 codes of 3 rows") || !strings.Contains(string(errs), "line 4") {
		t.Errorf("exit code %d: %s%s", code, said, errs)
	}
	said = runOK(t, "", "refdata", "build", "tac", "--osmocom", osmo, "--out", out, "--edition", "2026-10")
	if !strings.Contains(string(said), "codes 2026-10: 1 codes") || !strings.Contains(string(said), "CC-BY-SA") {
		t.Errorf("%s", said)
	}
	for _, args := range [][]string{
		{"--gsma", good}, {"--out", out}, {"--gsma", good, "--osmocom", osmo, "--out", out}, {"--osmocom", good, "--out", out},
	} {
		if code, _, _ := runWith(t, nil, append([]string{"refdata", "build", "tac"}, args...)...); code == 0 {
			t.Errorf("%v is taken", args)
		}
	}
}

// A site's table is used where it is named, and a damaged or missing one is
// refused with its name, on every way in.
func TestTACsOfTheSite(t *testing.T) {
	dir := demoDir(t)
	rows, file, config := filepath.Join(dir, "gsma.txt"), filepath.Join(dir, "tac.json"), filepath.Join(dir, siteFile)
	for p, text := range map[string]string{rows: tacRows, config: `tac = "tac.json"` + "\n" + demoSite} {
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	request := `{"vin":"5YJXCAE42MF000001","zone":"restricted","at":"2026-11-22T05:00:00Z","declared":[{"kind":"imei","value":"867500000000019"}]}` + "\n"
	refused := func(why string) {
		t.Helper()
		for name, args := range map[string][]string{
			"assess by flag": {"assess", "--tac", file}, "assess by site": {"assess", "--data", dir}, "serve": {"serve", "--data", dir, "--addr", "127.0.0.1:0"},
			"identify": {"identify", "imei", "867500000000019", "--tac", file},
		} {
			if code, _, errs := runWith(t, []byte(request), args...); code == 0 || !strings.Contains(string(errs), "tac.json") {
				t.Errorf("%s with %s: exit code %d, %s", name, why, code, errs)
			}
		}
	}
	refused("no table")
	runOK(t, "", "refdata", "build", "tac", "--gsma", rows, "--out", file)
	own, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Replace(own, []byte("EG25-G"), []byte("EG25-E"), 1)
	if err := os.WriteFile(file, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("a damaged table")
	if err := os.WriteFile(file, own, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{"by flag": {"assess", "--tac", file}, "by site": {"assess", "--data", dir}} {
		if a := runOK(t, request, args...); !bytes.Contains(a, []byte("EG25-G")) {
			t.Errorf("%s: the declared IMEI names no module: %s", name, a)
		}
	}
	if a := runOK(t, request, "assess"); bytes.Contains(a, []byte("EG25-G")) {
		t.Errorf("the table is used though nobody named it: %s", a)
	}
	if err := os.WriteFile(config, []byte(`tac = "../tac.json"`+"\n"+demoSite), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runWith(t, nil, "serve", "--data", dir, "--addr", "127.0.0.1:0"); code != 1 || !strings.Contains(string(errs), "outside the data directory") {
		t.Errorf("a table outside the site: exit code %d, %s", code, errs)
	}
}

func TestIdentify(t *testing.T) {
	var label struct {
		Certain  bool
		Maker    string
		Readings []struct {
			Kind, Value string
			Line        int
			Mended      bool
		}
	}
	out := runOK(t, "FCC ID: T8GTCAM2\nContains FCC ID: XMR2O2OAG525RGL\n", "identify", "label")
	if err := json.Unmarshal(out, &label); err != nil {
		t.Fatal(err)
	}
	if !label.Certain || label.Maker != "Quectel" || len(label.Readings) != 2 || !label.Readings[1].Mended || label.Readings[1].Line != 2 || label.Readings[1].Value != "XMR2020AG525RGL" {
		t.Errorf("%s", out)
	}
	if out := runOK(t, "5131A-LE940B6NA\n", "identify", "ic"); !bytes.Contains(out, []byte(`"maker": "Telit"`)) {
		t.Errorf("%s", out)
	}
	if code, _, errs := runWith(t, nil, "identify", "ean", "4006381333931"); code != 1 || !strings.Contains(string(errs), "none of") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
