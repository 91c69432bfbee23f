package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/gate"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// tenVehicles are the ten of the paper's mapping, section C: each one a vehicle
// that a single criterion passes or refuses wrongly. The serials are made up;
// WMI, description and plant are real.
var tenVehicles = []struct {
	name    string
	trap    string // why one criterion is not enough
	policy  string
	request string
	verdict string
	rule    string // the rule that decides
	because string // must stand in the deciding reason
	source  string // must stand in the deciding reason's source
}{
	{
		name:    "Tesla Model X 2021+",
		trap:    "passes brand, build and owner tests; its module is Quectel's",
		request: `{"vin":"5YJXCAE42MF000001","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"US"}`,
		verdict: "deny", rule: "module-restricted-zone", because: "AG525R-GL", source: "tesla.com",
	},
	{
		name:    "Tesla Model X 2021+, government",
		trap:    "the same car, another class, another outcome: not to be used, and a work item",
		request: `{"vin":"5YJXCAE42MF000001","class":"government","zone":"controlled","at":"2026-11-22T05:00:00Z","market":"US"}`,
		verdict: "deny", rule: "government-module", because: "AG525R-GL", source: "tesla.com",
	},
	{
		name:    "Tesla Model 3, China plant, under the Polish order",
		trap:    "US badge and owner; refused in Poland by country of build",
		policy:  "pl-general-staff-2026",
		request: `{"vin":"LRW3E7FAXMC000001","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"EU"}`,
		verdict: "deny", rule: "", because: "CN", source: "",
	},
	{
		name:    "Volvo EX30, built in China",
		trap:    "Swedish badge, plant by VIN, owner Chinese, module unknown",
		request: `{"vin":"YV4EK3ZL7SS000001","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"EU"}`,
		verdict: "flag", rule: "", because: "", source: "",
	},
	{
		name:    "Polestar 3 built in South Carolina, model year 2027, under the US rule",
		trap:    "denied whatever the plant: the maker's owner and no authorisation decide",
		policy:  "us-bis-connected-vehicle",
		request: `{"vin":"7SYFE3YB8VG000001","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"US"}`,
		verdict: "deny", rule: "", because: "", source: "",
	},
	{
		name:    "Mercedes with 19.67 % Chinese holders, under the proposed 15 % rule",
		trap:    "German badge and build, no controlling owner; an aggregate rule would refuse it",
		policy:  "us-s4429-proposed",
		request: `{"vin":"W1KLF6DB2TA000001","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"EU"}`,
		verdict: "deny", rule: "", because: "19.67", source: "",
	},
	{
		name:    "BYD Seal",
		trap:    "no separate module: a list of module makers alone passes it",
		request: `{"vin":"LGXC76C48R0000001","model":"Seal","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"EU"}`,
		verdict: "deny", rule: "", because: "BYD", source: "",
	},
	{
		name:    "old van with a comma 3X on the windscreen",
		trap:    "the car's own facts are clean; the module sits in a fitted device",
		request: `{"vin":"1FTNE24L7XHA00001","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"US","declared":[{"kind":"device","value":"comma 3X"}]}`,
		verdict: "deny", rule: "module-restricted-zone", because: "EG25", source: "github.com/commaai",
	},
	{
		name:    "truck with a Rolling Wireless unit",
		trap:    "the owner is unresolved: neither clean nor proven",
		request: `{"vin":"4V4NC9EH6LN000001","class":"contractor","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"EU","declared":[{"kind":"module","value":"Rolling Wireless"}]}`,
		verdict: "flag", rule: "", because: "", source: "",
	},
	{
		name:    "unit by Eagle Electronics",
		trap:    "the owner test passes, the design test fails",
		request: `{"vin":"1FTNE24L7XHA00001","class":"contractor","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"US","declared":[{"kind":"module","value":"Eagle Electronics"}]}`,
		verdict: "flag", rule: "", because: "Eagle", source: "",
	},
	{
		name:    "a 1998 car",
		trap:    "must be a quick enter, by the year that the site chose",
		request: `{"vin":"2HGEJ6672WH500001","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"US"}`,
		verdict: "grant", rule: "older-than-site-year", because: "2009", source: "",
	},
}

// TestTenVehicles sends the ten through the command itself and holds each
// answer whole in a golden file, which is reviewed against the sources.
func TestTenVehicles(t *testing.T) {
	for _, v := range tenVehicles {
		t.Run(v.name, func(t *testing.T) {
			args := []string{"assess", "--json"}
			if v.policy != "" {
				args = append(args, "--policy", v.policy)
			}
			out := runOK(t, v.request+"\n", args...)
			var a gate.Answer
			if err := json.Unmarshal(out, &a); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			if a.Verdict != v.verdict {
				t.Errorf("verdict %s, want %s: %s", a.Verdict, v.verdict, v.trap)
			}
			if len(a.Reasons) == 0 {
				t.Fatal("no reason")
			}
			r := a.Reasons[0]
			if r.Outcome != v.verdict {
				t.Errorf("the first reason says %s, the verdict %s", r.Outcome, a.Verdict)
			}
			if v.rule != "" && r.Rule != v.rule {
				t.Errorf("decided by rule %q, want %q", r.Rule, v.rule)
			}
			if !strings.Contains(r.Because, v.because) {
				t.Errorf("because %q does not speak of %q", r.Because, v.because)
			}
			if !strings.Contains(r.Source, v.source) {
				t.Errorf("source %q is not at %q", r.Source, v.source)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, out, "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, "ten-vehicles/"+slug(v.name)+".json", anyEdition(pretty.Bytes()))
		})
	}
}

// anyEdition takes the hashes off the names of editions: each new row of the
// reference data has another, and what the answers rest on stands in them.
func anyEdition(answer []byte) []byte {
	return editionHash.ReplaceAll(answer, []byte("$1"))
}

var editionHash = regexp.MustCompile(`("(?:catalogue|supply)": "\d{4}-\d\d-\d\d)\.[0-9a-f]{8}`)

// runOK runs the program with in as standard input and returns what it
// printed; a non-zero exit fails the test.
func runOK(t *testing.T, in string, args ...string) []byte {
	t.Helper()
	code, out, errs := runWith(t, []byte(in), args...)
	if code != 0 {
		t.Fatalf("sallyport %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// testNow is the instant at which tests take place.
var testNow = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

func runWith(t *testing.T, in []byte, args ...string) (code int, out, errs []byte) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), args, &streams{
		in: bytes.NewReader(in), out: &stdout, err: &stderr,
		now: func() time.Time { return testNow },
	})
	return code, stdout.Bytes(), stderr.Bytes()
}

// golden compares got with testdata/name, or rewrites the file with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update and review the file)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

func slug(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, s)
}
