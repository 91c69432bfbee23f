package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

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
