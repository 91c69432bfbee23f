package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
)

// TestRadioKeys: every key of [radio] that is unknown, malformed or contradicts
// another stops the start by its name.
func TestRadioKeys(t *testing.T) {
	base := strings.NewReplacer(
		"radio.jurisdiction = \"US\" # of the profiles the one that hears most, so that all of it can be seen; a real site names its own\n", "",
		"radio.dpia = \"demonstration, made-up data\"\n", "", "radio.keep_sets = true\n", "RADIO").Replace(demoSite)
	if strings.Count(base, "radio") != 0 || strings.Count(base, "RADIO") != 1 {
		t.Fatal("the demonstration's own keys are not taken out")
	}
	for _, c := range []struct{ name, text, want string }{
		{"none", "", ""},
		{"law only", `radio.jurisdiction = "PL"`, ""},
		{"law that the table does not hold", `radio.jurisdiction = "FR"`, ""},
		{"assessment", `radio.dpia = "DPIA 7"`, ""},
		{"sets", "radio.dpia = \"DPIA 7\"\nradio.keep_sets = true\nradio.key_days = 90", ""},
		{"sets said off", "radio.keep_sets = false", ""},
		{"unknown key", "radio.keep = true", `unknown key "radio.keep"`},
		{"law in words", `radio.jurisdiction = "Germany"`, "radio.jurisdiction"},
		{"law in small letters", `radio.jurisdiction = "de"`, "radio.jurisdiction"},
		{"empty assessment", `radio.dpia = ""`, "radio.dpia"},
		{"blank assessment", `radio.dpia = "   "`, "radio.dpia"},
		{"assessment of two lines", `radio.dpia = "a b c\nd"`, "radio.dpia"},
		{"sets without assessment", "radio.keep_sets = true", "radio.dpia is missing"},
		{"days without sets", "radio.dpia = \"DPIA 7\"\nradio.key_days = 30", "radio.key_days"},
		{"no days", "radio.dpia = \"DPIA 7\"\nradio.keep_sets = true\nradio.key_days = 0", "radio.key_days: 0"},
		{"too many days", "radio.dpia = \"DPIA 7\"\nradio.keep_sets = true\nradio.key_days = 91", "radio.key_days: 91"},
		{"days in words", "radio.dpia = \"DPIA 7\"\nradio.keep_sets = true\nradio.key_days = \"30\"", "key_days"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(strings.Replace(base, "RADIO", c.text+"\n", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := loadSite(dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestRFRules(t *testing.T) {
	for _, c := range []struct {
		args       []string
		code       int
		want, lack string
	}{
		{nil, 0, "DE\n  wifi-ap            kept", "https://"},
		{[]string{"--jurisdiction", "PL"}, 0, "not verified for PL", "US\n"},
		{[]string{"--jurisdiction", "FR"}, 0, "FR: not in the table; these are the rules of DE", ""},
		{[]string{"--jurisdiction", "US", "--sources"}, 0, "1986-10-21", ""},
		{[]string{"--jurisdiction", "Polska"}, 1, "", "kept"},
	} {
		code, said, notes := runWith(t, nil, append([]string{"rf", "rules"}, c.args...)...)
		if out := string(said); code != c.code || !strings.Contains(out, c.want) || c.lack != "" && strings.Contains(out, c.lack) {
			t.Errorf("%v: %d\n%s%s", c.args, code, out, notes)
		}
	}
}

// TestKeptAndForgotten answers a vehicle's keeper: what is kept of its radios is
// told, and erased on request, at a site that is stopped.
func TestKeptAndForgotten(t *testing.T) {
	dir := t.TempDir()
	newTestSite(t, dir)
	ctx := t.Context()
	store, err := sqlite.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC()
	p := gate.Passage{ID: "p1", Lane: "lane-1", At: at, Arrival: gate.Arrival{VIN: "5YJXCAE42MF000001", Plate: "WX 1"}}
	for _, err := range []error{
		store.Record(ctx, p),
		store.RecordRadioKey(ctx, gate.RadioKeyStep{Epoch: 1, Kind: gate.RadioKeyMade, At: at, Commitment: "c"}),
		store.KeepRadioSet(ctx, gate.RadioSet{Passage: "p1", At: at, Epoch: 1, Tags: []uint64{0xfeedfacecafe0001, 2}}),
		store.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	kept := func(args ...string) string {
		return string(runOK(t, "", append([]string{"rf", "kept", "--data", dir}, args...)...))
	}
	if out := kept("--plate", "wx-1"); !strings.Contains(out, "p1") || strings.Contains(strings.ToLower(out), "feedface") {
		t.Errorf("kept:\n%s", out)
	}
	if out := kept("--vin", "5YJXCAE42MF000001", "--plate", "OTHER"); !strings.Contains(out, "no radio set") {
		t.Errorf("of another vehicle:\n%s", out)
	}
	for _, args := range [][]string{{"rf", "kept", "--data", dir}, {"rf", "forget", "--data", dir, "--why", "x"}, {"rf", "forget", "--data", dir, "--vin", "5YJXCAE42MF000001", "--why", " "}} {
		if code, out, errs := runWith(t, nil, args...); code == 0 {
			t.Errorf("%v: %s%s", args, out, errs)
		}
	}
	if out := string(runOK(t, "", "rf", "forget", "--data", dir, "--vin", "5yjxcae42mf000001", "--why", "asked by the keeper")); out != "1 radio sets erased\n" {
		t.Errorf("forget said %q", out)
	}
	if out := kept("--vin", "5YJXCAE42MF000001"); !strings.Contains(out, "no radio set") {
		t.Errorf("still kept:\n%s", out)
	}
	runOK(t, "", "log", "verify", "--data", dir)
}
