package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/vin/telematics"
)

const (
	inspectVIN = "YV4EK3ZL7SS000001" // nothing is on record of its module
	boughtText = "TELEMATICS UNIT\nContains FCC ID: XMR202003AG525RGL\nIC: 10224A-202003AG525RGL"
)

// inspectSite makes a site with three people and the keys given.
func inspectSite(t *testing.T, keys string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "d")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
	path := filepath.Join(dir, siteFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range strings.Fields(keys) {
		key, _, _ := strings.Cut(kv, "=")
		lines := strings.Split(string(text), "\n")
		for i, l := range lines {
			if strings.HasPrefix(l, key+" =") {
				lines[i] = strings.Replace(kv, "=", " = ", 1)
			}
		}
		text = []byte(strings.Join(lines, "\n"))
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]string{"anna": "guard", "jan": "guard", "maria": "supervisor", "ewa": "auditor"} {
		runOK(t, "correct horse battery\n", "user", "add", name, "--role", role, "--data", dir)
	}
	return dir
}

func inspect(t *testing.T, dir string, args ...string) (code int, out, errs string) {
	t.Helper()
	c, o, e := runWith(t, nil, append(append([]string{"inspect"}, args...), "--data", dir)...)
	return c, string(o), string(e)
}

func inspectOK[T any](t *testing.T, dir string, args ...string) (v T) {
	t.Helper()
	code, out, errs := inspect(t, dir, args...)
	if code != 0 {
		t.Fatalf("inspect %v: exit %d: %s%s", args, code, out, errs)
	}
	dec := json.NewDecoder(strings.NewReader(out))
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("inspect %v: %v: %s", args, err, out)
	}
	return v
}

// verdictOf asks `assess` about the vehicle as the site knows it.
func verdictOf(t *testing.T, dir, vin, at string) string {
	t.Helper()
	req := `{"vin":"` + vin + `","class":"private","zone":"restricted","market":"EU","at":"` + at + `"}`
	code, out, errs := runWith(t, []byte(req), "assess", "--data", dir)
	if code != 0 {
		t.Fatalf("assess: exit %d: %s%s", code, out, errs)
	}
	var a gate.Answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatal(err)
	}
	return a.Verdict
}

// A label that is read changes the verdict at once and for later visits, until
// it expires; another unit voids it.
func TestInspectStopped(t *testing.T) {
	dir := inspectSite(t, `keep_photographs=true two_person_from="critical"`)
	soon := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	if v := verdictOf(t, dir, inspectVIN, soon); v != "flag" {
		t.Fatalf("before: %s", v)
	}
	picture := filepath.Join(t.TempDir(), "label.jpg")
	if err := os.WriteFile(picture, []byte("\xff\xd8\xff\xe0picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	label := filepath.Join(t.TempDir(), "label.txt")
	if err := os.WriteFile(label, []byte(boughtText), 0o600); err != nil {
		t.Fatal(err)
	}
	in := inspectOK[gate.Inspection](t, dir, "add", inspectVIN, "--by", "anna", "--result", "found", "--place", "under the seat, left",
		"--read", "fcc_id=XMR202003AG525RGL", "--text", "@"+label, "--photo", picture)
	if in.By != "anna" || in.Place != "under the seat, left" || len(in.Read) != 1 || in.Text != boughtText || len(in.Photos) != 1 || in.Vehicle.Make != "VOLVO" {
		t.Errorf("%+v", in)
	}
	for at, want := range map[string]string{
		soon: "deny",
		time.Now().AddDate(0, 11, 0).UTC().Format(time.RFC3339): "deny",
		time.Now().AddDate(0, 13, 0).UTC().Format(time.RFC3339): "flag",
		time.Now().AddDate(0, 0, -1).UTC().Format(time.RFC3339): "flag",
	} {
		if v := verdictOf(t, dir, inspectVIN, at); v != want {
			t.Errorf("at %s: %s, want %s", at, v, want)
		}
	}
	v := inspectOK[gate.InspectionView](t, dir, "list", inspectVIN)
	if v.ID != in.ID || v.Stands != gate.StandsWaiting || v.Needs != 2 {
		t.Errorf("%+v", v)
	}
	if v = inspectOK[gate.InspectionView](t, dir, "confirm", in.ID, "--by", "jan"); v.Stands != gate.StandsInForce || v.Vouched != 2 {
		t.Errorf("%+v", v)
	}
	got := filepath.Join(t.TempDir(), "out.jpg")
	if code, out, errs := inspect(t, dir, "photo", in.ID, "--get", in.Photos[0].SHA256, "--out", got); code != 0 {
		t.Fatalf("%s%s", out, errs)
	}
	if data, err := os.ReadFile(got); err != nil || !bytes.Equal(data, []byte("\xff\xd8\xff\xe0picture")) {
		t.Errorf("%q, %v", data, err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nobody of that name":        {[]string{"add", inspectVIN, "--by", "nobody", "--result", "found"}, "not found"},
		"an auditor":                 {[]string{"add", inspectVIN, "--by", "ewa", "--result", "found"}, "not allowed"},
		"a guard's letter":           {[]string{"add", inspectVIN, "--by", "anna", "--kind", "maker-statement", "--result", "found"}, "not allowed"},
		"a misread VIN":              {[]string{"add", "5YJXCAE43MF000001", "--by", "anna", "--result", "found"}, "vin:"},
		"a reading without a kind":   {[]string{"add", inspectVIN, "--by", "anna", "--result", "found", "--read", "XMR"}, "KIND=VALUE"},
		"confirmed by the inspector": {[]string{"confirm", in.ID, "--by", "anna"}, "another one"},
		"voided by a guard":          {[]string{"void", inspectVIN, "--cause", "tcu-replaced", "--by", "anna", "--why", "x"}, "not allowed"},
		"an inspection nobody made":  {[]string{"show", "nobody"}, "not found"},
		"no picture":                 {[]string{"photo", in.ID, label, "--by", "anna"}, "neither JPEG"},
	} {
		if code, out, errs := inspect(t, dir, c.args...); code == 0 || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
	}
	if code, out, errs := inspect(t, dir, "void", inspectVIN, "--cause", "tcu-replaced", "--by", "maria", "--why", "workshop paper"); code != 0 || !strings.Contains(out, in.ID) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if v := verdictOf(t, dir, inspectVIN, time.Now().Add(time.Minute).UTC().Format(time.RFC3339)); v != "flag" {
		t.Errorf("after the unit was replaced: %s", v)
	}
	if v = inspectOK[gate.InspectionView](t, dir, "withdraw", in.ID, "--by", "maria", "--why", "another car's label"); v.Stands != gate.StandsEnded || len(v.Acts) != 3 {
		t.Errorf("%+v", v)
	}
	q := inspectOK[telematics.Question](t, dir, "questions", inspectVIN)
	if q.ID == "" || q.Ask == "" {
		t.Errorf("%+v", q)
	}
	runOK(t, "", "log", "verify", "--data", dir)
}

// While the site runs the commands reach it, and the vehicle at the line is
// decided again before the command returns.
func TestInspectRunning(t *testing.T) {
	dir := inspectSite(t, "")
	token := addDevice(t, dir, "kiosk", "lane-1")
	p := start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var came struct {
		Passage string      `json:"passage"`
		Answer  gate.Answer `json:"answer"`
	}
	if code, err := p.call(ctx, "POST", "/api/v1/lanes/lane-1/arrivals", token, map[string]string{"vin": inspectVIN}, &came); err != nil || code != 201 || came.Answer.Verdict != "flag" {
		t.Fatalf("%d, %v, %+v", code, err, came)
	}
	line := func() (v struct {
		Passage string      `json:"passage"`
		State   gate.State  `json:"state"`
		Answer  gate.Answer `json:"answer"`
	}) {
		t.Helper()
		if code, err := p.call(ctx, "GET", "/api/v1/lanes/lane-1", token, nil, &v); err != nil || code != 200 {
			t.Fatalf("%d, %v", code, err)
		}
		return v
	}
	in := inspectOK[gate.Inspection](t, dir, "add", inspectVIN, "--by", "anna", "--second", "jan", "--result", "found", "--text", boughtText)
	if v := line(); v.Passage != came.Passage || v.State != gate.Waiting || v.Answer.Verdict != "deny" {
		t.Errorf("at the line: %+v", v)
	}
	if v := verdictOf(t, dir, inspectVIN, time.Now().Add(time.Second).UTC().Format(time.RFC3339)); v != "deny" {
		t.Errorf("assess beside the running site: %s", v)
	}
	inspectOK[gate.InspectionView](t, dir, "withdraw", in.ID, "--by", "maria", "--why", "another car's label")
	if v := line(); v.Answer.Verdict != "flag" {
		t.Errorf("after it was withdrawn: %+v", v.Answer)
	}
	if code, out, errs := inspect(t, dir, "photo", in.ID, filepath.Join(dir, siteFile), "--by", "anna"); code == 0 {
		t.Errorf("%s%s", out, errs)
	}
	if info, err := os.Stat(filepath.Join(dir, controlFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// A power cut leaves the socket behind; the next start takes its place, and
	// in between the commands work on the store.
	p.kill()
	inspectOK[gate.InspectionView](t, dir, "show", in.ID)
	start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	inspectOK[gate.InspectionView](t, dir, "show", in.ID)
	runOK(t, "", "log", "verify", "--data", dir)
}

func TestInspectionSettings(t *testing.T) {
	for keys, want := range map[string]string{
		"inspection_days=-1":                         "inspection_days",
		"statement_days=-1":                          "statement_days",
		"inspection_days=30 statement_days=31":       "statement_days",
		`two_person_from="sometimes"`:                "two_person_from",
		"inspection_days=30 statement_days=0":        "",
		`inspection_days=0 two_person_from="public"`: "",
	} {
		dir := filepath.Join(t.TempDir(), "d")
		runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
		cfg, err := loadSite(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, kv := range strings.Fields(keys) {
			key, value, _ := strings.Cut(kv, "=")
			switch key {
			case "inspection_days":
				err = json.Unmarshal([]byte(value), &cfg.InspectionDays)
			case "statement_days":
				err = json.Unmarshal([]byte(value), &cfg.StatementDays)
			case "two_person_from":
				err = json.Unmarshal([]byte(value), &cfg.TwoPersonFrom)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		err = cfg.check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", keys, err)
		}
	}
}

// A device file has no size and no end.
func TestReadBounded(t *testing.T) {
	if b, err := readBounded("/dev/zero", 100); err == nil {
		t.Errorf("%d bytes of a file without end", len(b))
	}
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := readBounded(name, 100); err != nil || len(b) != 100 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := readBounded(name, 99); err == nil {
		t.Error("one byte too many was read")
	}
}
