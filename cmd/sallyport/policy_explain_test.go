package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/gate/sqlite"
	"sallyport/policy"
	"sallyport/policy/pack"
)

const explainedRules = "testdata/explain/rules.yaml"

// What decides on two vehicles that look like what they are not: one with a
// foreign module, one with a foreign owner.
func TestPolicyExplain(t *testing.T) {
	for name, request := range map[string]string{
		"tesla-model-x": `{"vin":"5YJXCAE42MF000001","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z","market":"US"}`,
		"byd-seal":      `{"vin":"LGXC76C48R0000001","class":"private","zone":"public","at":"2026-11-22T05:00:00Z","market":"EU"}`,
	} {
		args := []string{"policy", "explain", "--policy", explainedRules}
		code, all, errs := runWith(t, []byte(request), args...)
		if code != 0 {
			t.Fatalf("%s: exit %d: %s", name, code, errs)
		}
		asked := append(args, "--why", "module", "--why-not", "grant", "--what-if")
		code, some, errs := runWith(t, []byte(request), asked...)
		if code != 0 {
			t.Fatalf("%s: exit %d: %s", name, code, errs)
		}
		golden(t, "explain/"+name+".txt", append(append(all, "\n--why module --why-not grant --what-if\n\n"...), some...))

		var e struct {
			Verdict string
			Reasons []struct{ Rule, Because string }
			Rules   []policy.RuleTrace
			WhyNot  []struct{ Rule, Outcome string } `json:"why_not"`
			Changes struct {
				Milder []struct {
					Outcome string
					Steps   []policy.Step
				}
			}
		}
		code, doc, errs := runWith(t, []byte(request), append(asked, "--json")...)
		if err := json.Unmarshal(doc, &e); err != nil || code != 0 || e.Verdict != "deny" || len(e.Rules) != 1 || e.Rules[0].Rule != "module" || len(e.WhyNot) == 0 || e.WhyNot[0].Outcome != "deny" {
			t.Errorf("%s: exit %d, %v: %s%s", name, code, err, doc, errs)
		}
		var whole struct {
			Trace struct{ Rules []policy.RuleTrace }
		}
		if _, doc, _ = runWith(t, []byte(request), append(args, "--json")...); json.Unmarshal(doc, &whole) != nil || len(whole.Trace.Rules) != 4 {
			t.Errorf("%s: %s", name, doc)
		}
	}
}

// A passage is explained from its record, by the policy that decided it, or by
// another.
func TestPolicyExplainPassage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	p, err := pack.Open("us-s4429-proposed")
	if err != nil {
		t.Fatal(err)
	}
	judge, err := newAssessor(pack.PaperBaseline, "", &refdata.Data{})
	if err != nil {
		t.Fatal(err)
	}
	at := testNow.AddDate(0, 0, -3)
	keep := func(id string, under *policy.Policy) {
		q := gate.Request{VIN: "W1KLF6DB2TA000001", Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "EU", At: at}
		if err := store.Record(t.Context(), gate.Passage{ID: gate.PassageID(id), Lane: "north", At: at, Arrival: gate.Arrival{VIN: q.VIN}, Result: judge.Under(under).Assess(q)}); err != nil {
			t.Fatal(err)
		}
	}
	keep("p1", p)
	keep("p2", judge.Policy())
	for _, id := range []string{"p1", "p2"} {
		if err := store.RecordOutcome(t.Context(), gate.Outcome{Passage: gate.PassageID(id), Lane: "north", Ending: gate.EndLeft, At: at}); err != nil {
			t.Fatal(err)
		}
	}
	explain := func(args ...string) (string, int) {
		code, out, errs := runWith(t, nil, append([]string{"policy", "explain", "--data", dir}, args...)...)
		return string(out) + string(errs), code
	}
	if out, code := explain("--passage", "p1"); code == 0 || !strings.Contains(out, "not kept") {
		t.Errorf("a policy that the site does not keep: exit %d: %s", code, out)
	}
	src, err := pack.Source("us-s4429-proposed")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.KeepPolicy(t.Context(), gate.PolicyDocument{Hash: p.Hash(), ID: p.ID(), Source: src, At: at}); err != nil {
		t.Fatal(err)
	}
	if out, code := explain("--passage", "p1"); code != 0 || !strings.Contains(out, "DENY under us-s4429-proposed") || !strings.Contains(out, "s4429-share (deny): true, says deny") {
		t.Errorf("by what decided: exit %d: %s", code, out)
	}
	if out, code := explain("--passage", "p2", "--policy", "us-s4429-proposed"); code != 0 || !strings.Contains(out, "DENY under us-s4429-proposed") || strings.Contains(out, "the record says") {
		t.Errorf("by another: exit %d: %s", code, out)
	}
	if _, err := store.EraseBefore(t.Context(), testNow, testNow, "retention"); err != nil {
		t.Fatal(err)
	}
	if out, code := explain("--passage", "p1"); code == 0 || !strings.Contains(out, "erased") {
		t.Errorf("erased: exit %d: %s", code, out)
	}
	if out, code := explain("--passage", "p9"); code == 0 || !strings.Contains(out, "not found") {
		t.Errorf("no such passage: exit %d: %s", code, out)
	}
}

func TestPolicyExplainRefuses(t *testing.T) {
	for args, says := range map[string]string{
		"--passage p1":         "--data",
		"--passage p1 x.json":  "either",
		"--why nobody":         `no rule "nobody"`,
		"--why-not perhaps":    "must be one of",
		"--policy nobody.yaml": "neither a shipped pack",
		"/does/not/exist":      "no such file",
		"--policy 3":           "name it by --data",
	} {
		code, out, errs := runWith(t, []byte(`{"vin":""}`), append([]string{"policy", "explain"}, strings.Fields(args)...)...)
		if code == 0 || !strings.Contains(string(errs), says) {
			t.Errorf("%s: exit %d, want %q in %s%s", args, code, says, out, errs)
		}
	}
	if code, _, errs := runWith(t, []byte(`{"vim":""}`), "policy", "explain"); code == 0 || !strings.Contains(string(errs), "vim") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// A request at a site is explained by the rules and under the threat level of
// its instant there, and a back-test of requests supposes the same, unless
// another level is named.
func TestAtTheSitesThreatLevel(t *testing.T) {
	dir := rulesSite(t)
	file := ruleFile(t, "alert", "deny", "{fact: site.posture, at_least: delta}")
	rulesOK(t, dir, managerWord, "policy", "propose", file, "--by", "anna", "--note", "n")
	rulesOK(t, dir, otherWord, "policy", "approve", "2", "--by", "maria", "--from", "2026-12-01")
	rulesOK(t, dir, managerWord, "posture", "set", "delta", "--by", "anna", "--why", "alert", "--until", "2027-02-01")
	request := func(at string) string {
		return `{"vin": "` + inspectVIN + `", "zone": "restricted", "at": "` + at + `"}` + "\n"
	}
	for at, want := range map[string]string{
		"2026-11-30T23:59:59Z": "FLAG under paper-baseline",
		"2026-12-01T00:00:00Z": "DENY under alert 7",
		"2027-01-31T23:59:59Z": "DENY under alert 7",
		"2027-02-01T00:00:00Z": "FLAG under alert 7",
	} {
		code, out, errs := runWith(t, []byte(request(at)), "policy", "explain", "--data", dir)
		if code != 0 || !strings.Contains(string(out), want) {
			t.Errorf("%s: exit %d: %s%s, want %s", at, code, out, errs, want)
		}
	}
	requests := filepath.Join(t.TempDir(), "requests")
	if err := os.WriteFile(requests, []byte(request("2026-12-24T12:00:00Z")), 0o600); err != nil {
		t.Fatal(err)
	}
	for level, want := range map[string]int{"": 1, "normal": 0, "bravo": 0, "delta": 1, "2": 1, "0": 0} {
		args := []string{"policy", "backtest", file, "--requests", requests, "--against", "paper-baseline", "--data", dir, "--json"}
		if level != "" {
			args = append(args, "--posture", level)
		}
		code, out, errs := runWith(t, nil, args...)
		var r gate.BacktestReport
		if err := json.Unmarshal(out, &r); err != nil || code != 0 || r.Judged != 1 || r.Changed != want {
			t.Errorf("under %q: exit %d, %v: %d of %d change, want %d: %s", level, code, err, r.Changed, r.Judged, want, errs)
		}
	}
	for level, want := range map[string]string{"alpha": "none of the site's levels: normal, bravo, delta", "3": "none of the site's levels", "-1": "none of the site's levels"} {
		if code, _, errs := runWith(t, nil, "policy", "backtest", file, "--requests", requests, "--data", dir, "--posture="+level); code != 1 || !strings.Contains(string(errs), want) {
			t.Errorf("%s: exit %d: %s", level, code, errs)
		}
	}
	if code, _, errs := rules(t, dir, managerWord, "posture", "set", "bravo", "--by", "anna", "--why", "x", "--until", "2026-01-01"); code != 1 || !strings.Contains(errs, "sallyport: posture: it would end before it begins: 2026-01-01T00:00:00Z has passed") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := rules(t, dir, otherWord, "policy", "approve", "2", "--by", "maria", "--from", "1 July"); code != 1 || !strings.Contains(errs, `"1 July" is neither a day such as`) {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// A day begins at midnight by the site's clock, whatever the season.
func TestDayOfTheSite(t *testing.T) {
	dir := rulesSite(t)
	path := filepath.Join(dir, siteFile)
	config, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte("timezone = \"Europe/Warsaw\"\n"), config...), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2027-01-01": "2026-12-31T23:00:00Z", "2027-07-01": "2027-06-30T22:00:00Z",
		"2027-03-29": "2027-03-28T22:00:00Z", "2027-03-28": "2027-03-27T23:00:00Z", "2027-07-01T00:00:00Z": "2027-07-01T00:00:00Z",
	} {
		if at, err := whenAt("--from", text, dir); err != nil || at.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %v, %v, want %s", text, at, err, want)
		}
	}
}
