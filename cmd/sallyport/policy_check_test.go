package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/policy"
	"sallyport/policy/pack"
)

// rulesOf writes a rule file of rules in short: id, outcome and condition.
func rulesOf(t *testing.T, rules ...[3]string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("policy: test\nversion: \"1\"\ntitle: Test\nrules:\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "  - id: %s\n    title: Rule\n    outcome: %s\n    instrument: {authority: site, title: the site's own choice}\n    say: {en: words}\n    when: %s\n", r[0], r[1], r[2])
	}
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPolicyCheck(t *testing.T) {
	good := rulesOf(t, [3]string{"a", "deny", "{fact: site.zone, at_least: restricted}"})
	bad := rulesOf(t, [3]string{"a", "deny", "{fact: site.zone, at_least: restricted}"}, [3]string{"b", "flag", "{fact: site.zone, is: critical}"})
	broken := rulesOf(t, [3]string{"a", "deny", "{fact: site.zome, at_least: restricted}"})
	if code, out, errs := runWith(t, nil, "policy", "check", good); code != 0 || string(out) != good+": nothing found\n" {
		t.Errorf("good rules: %d %s %s", code, out, errs)
	}
	code, out, _ := runWith(t, nil, "policy", "check", good, bad)
	if code != 1 || !strings.Contains(string(out), bad+`:11:5: error: Rule "b" never changes an outcome`) || !strings.Contains(string(out), bad+": may not be proposed\n") {
		t.Errorf("a hidden rule: %d %s", code, out)
	}
	code, out, _ = runWith(t, nil, "policy", "check", broken)
	if code != 1 || !strings.Contains(string(out), `:10:18: unknown fact "site.zome"; did you mean "site.zone"?: error`) {
		t.Errorf("a broken file: %d %s", code, out)
	}
	code, out, _ = runWith(t, nil, "policy", "check", "--json", bad)
	var r checkedFile
	if err := json.Unmarshal(out, &r); err != nil || code != 1 || !r.Refused || len(r.Faults) != 1 || r.Faults[0].Class != policy.FaultHidden || r.Faults[0].Line != 11 {
		t.Errorf("JSON: %d %v %s", code, err, out)
	}
	if code, _, errs := runWith(t, nil, "policy", "check", filepath.Join(t.TempDir(), "none.yaml")); code == 0 || !strings.Contains(string(errs), "neither a shipped pack nor a readable file") {
		t.Errorf("no file: %d %s", code, errs)
	}
}

// Every pack that ships may be proposed as it is.
func TestPacksMayBeProposed(t *testing.T) {
	code, out, errs := runWith(t, nil, append([]string{"policy", "check"}, pack.Names()...)...)
	if code != 0 {
		t.Errorf("%d %s\n%s", code, errs, out)
	}
}

func TestPolicyCheckOfASite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
	store, err := sqlite.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	err = store.PutRegistrations(context.Background(), gate.Registration{VIN: "5YJXCAE4XMF000001", Class: policy.ClassGovernment})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	rules := rulesOf(t,
		[3]string{"heard", "flag", "{fact: radio.hotspot_heard, is: true}"},
		[3]string{"diplomats", "grant", "{fact: registration.class, is: diplomatic}"},
		[3]string{"officials", "grant", "{fact: registration.class, is: government}"})
	code, out, errs := runWith(t, nil, "policy", "check", "--data", dir, rules)
	if code != 0 {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	sensors := 0
	for _, l := range cfg.Lanes {
		sensors += len(l.Sensors)
	}
	for id, want := range map[string]bool{"heard": sensors == 0, "diplomats": true, "officials": false} {
		if got := strings.Contains(string(out), fmt.Sprintf("Rule %q can never be true at this site", id)); got != want {
			t.Errorf("%s: %v, want %v\n%s", id, got, want, out)
		}
	}
}

func TestPolicyDiff(t *testing.T) {
	old := rulesOf(t, [3]string{"a", "flag", "{all: [{fact: registration.class, is: private}, {fact: site.zone, at_least: restricted}, {any_module: {all: [{fact: module.maker, is: quectel}, {fact: module.certainty, at_least: documented}]}}]}"})
	src, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(t.TempDir(), "next.yaml")
	edit := strings.NewReplacer("outcome: flag", "outcome: deny", "own choice}", "own choice, from: \"2027-07-01\"}")
	if err := os.WriteFile(next, []byte(edit.Replace(string(src))), 0o600); err != nil {
		t.Fatal(err)
	}
	out := string(runOK(t, "", "policy", "diff", old, next))
	if !strings.HasPrefix(out, "What changes at the gate:\n  From 1 July 2027, private vehicles with a documented Quectel module: flag → deny at restricted and critical zones") {
		t.Errorf("in words:\n%s", out)
	}
	if out := string(runOK(t, "", "policy", "diff", old, old)); out != "No difference.\n" {
		t.Errorf("of itself: %s", out)
	}
	var d policy.Difference
	first, _, _ := strings.Cut(string(runOK(t, "", "policy", "diff", "--json", old, next)), "\n")
	if err := json.Unmarshal([]byte(first), &d); err != nil || d.Field != "outcome" || d.Effect == nil || d.Effect.From != "2027-07-01" {
		t.Errorf("JSON: %v %s", err, first)
	}
}

// Versions of a site go by their number.
func TestPolicyDiffOfVersions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
	if out := string(runOK(t, "", "policy", "diff", "--data", dir, "1", pack.PaperBaseline)); out != "No difference.\n" {
		t.Errorf("version 1 and what it was made of: %s", out)
	}
	if code, _, errs := runWith(t, nil, "policy", "diff", "--data", dir, "7", "1"); code == 0 || !strings.Contains(string(errs), "version 7") {
		t.Errorf("no such version: %d %s", code, errs)
	}
}
