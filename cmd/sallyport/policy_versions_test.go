package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
)

const (
	managerWord = "correct horse battery"
	otherWord   = "another long password"
)

// rulesSite is a site with two security managers, a supervisor and a guard, and
// with threat levels.
func rulesSite(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "d")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
	path := filepath.Join(dir, siteFile)
	config, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	was := `posture.levels = ["normal"]`
	if !strings.Contains(string(config), was) {
		t.Fatalf("%s says nothing of levels", config)
	}
	config = []byte(strings.Replace(string(config), was, `posture.levels = ["normal", "bravo", "delta"]`, 1))
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string][2]string{
		"anna": {"security-manager", managerWord}, "maria": {"security-manager", otherWord},
		"ewa": {"supervisor", managerWord}, "jan": {"guard", managerWord},
	} {
		runOK(t, of[1]+"\n", "user", "add", name, "--role", of[0], "--data", dir)
	}
	return dir
}

// ruleFile writes rules that say the same of every vehicle, and an example.
func ruleFile(t *testing.T, id, outcome, when string) string {
	t.Helper()
	if when == "" {
		when = "{fact: site.zone, at_least: public}"
	}
	name := filepath.Join(t.TempDir(), id+".yaml")
	// The words of the examples are those of `sallyport policy test`.
	text := `# as ordered on 22 November
policy: ` + id + `
version: "7"
title: A test
may_change: [security-manager]
postures: [normal, bravo, delta]
rules:
  - id: only
    title: The only rule
    outcome: ` + outcome + `
    instrument: {authority: site, title: Order 7, link: "https://example.org/7", date: 2026-11-01, quote: as ordered, from: 2026-01-01}
    say: {en: as ordered}
    when: ` + when + `
examples:
  given:
    facts: {at: 2026-11-22T05:00:00Z, site.zone: restricted, site.posture: delta}
  cases:
    - {name: it speaks, expect: {outcome: ` + outcome + `, rule: only, unknown: false}}
`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func rules(t *testing.T, dir, password string, args ...string) (code int, out, errs string) {
	t.Helper()
	c, o, e := runWith(t, []byte(password+"\n"), append(args, "--data", dir)...)
	return c, string(o), string(e)
}

func rulesOK(t *testing.T, dir, password string, args ...string) string {
	t.Helper()
	code, out, errs := rules(t, dir, password, args...)
	if code != 0 {
		t.Fatalf("%v: exit %d: %s%s", args, code, out, errs)
	}
	return out
}

func linesOf(t *testing.T, dir string) (out []policyLine) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(rulesOK(t, dir, "", "policy", "versions", "--json")))
	for dec.More() {
		var l policyLine
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

// The whole way at a stopped site, and what is refused on it.
func TestPolicyVersionsStopped(t *testing.T) {
	dir := rulesSite(t)
	soon := testNow.Add(time.Minute).UTC().Format(time.RFC3339)
	if l := linesOf(t, dir); len(l) != 1 || l[0].Author != gate.SetUp || l[0].State != gate.PolicyInForce || !strings.Contains(l[0].Note, "nobody approved") {
		t.Fatalf("after init: %+v", l)
	}
	file := ruleFile(t, "grants", "grant", "")
	untested := filepath.Join(t.TempDir(), "untested.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(text), "examples:")
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	levels := filepath.Join(t.TempDir(), "levels.yaml")
	for name, text := range map[string]string{
		untested: before,
		wrong:    strings.Replace(string(text), "expect: {outcome: grant", "expect: {outcome: deny", 1),
		levels:   strings.Replace(string(text), "[normal, bravo, delta]", "[calm, delta]", 1),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		password string
		args     []string
		want     string
	}{
		"a wrong password":         {otherWord, []string{"policy", "propose", file, "--by", "anna", "--note", "n"}, "password is wrong"},
		"nobody of that name":      {managerWord, []string{"policy", "propose", file, "--by", "nobody", "--note", "n"}, "password is wrong"},
		"no password":              {"", []string{"policy", "propose", file, "--by", "ewa", "--note", "n"}, "none was given"},
		"a guard":                  {managerWord, []string{"policy", "propose", file, "--by", "jan", "--note", "n"}, "not allowed"},
		"rules without examples":   {managerWord, []string{"policy", "propose", untested, "--by", "anna", "--note", "n"}, "no examples"},
		"an example that fails":    {managerWord, []string{"policy", "propose", wrong, "--by", "anna", "--note", "n"}, "it speaks"},
		"other threat levels":      {managerWord, []string{"policy", "propose", levels, "--by", "anna", "--note", "n"}, "postures"},
		"an editor of no site":     {managerWord, []string{"policy", "propose", file, "--by", "anna", "--note", "n", "--editor", "someone"}, "not found"},
		"approval of no version":   {otherWord, []string{"policy", "approve", "9", "--by", "maria"}, "there is no version 9"},
		"withdrawal of the set-up": {otherWord, []string{"policy", "withdraw", "1", "--by", "maria", "--why", "x"}, "not withdrawn: version 1 took effect on"},
		"a version that is not":    {"", []string{"policy", "show", "9"}, "has no version 9"},
	} {
		if code, out, errs := rules(t, dir, c.password, c.args...); code == 0 || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
	}
	if l := linesOf(t, dir); len(l) != 1 {
		t.Fatalf("what was refused is there: %+v", l)
	}

	rulesOK(t, dir, managerWord, "policy", "draft", file, "--by", "ewa", "--editor", "jan", "--note", "first words")
	if v := verdictOf(t, dir, inspectVIN, soon); v != "flag" {
		t.Errorf("a draft decides: %s", v)
	}
	if out := rulesOK(t, dir, managerWord, "policy", "propose", "2", "--by", "anna", "--note", "order 7"); !strings.Contains(out, "version 2, grants 7: proposed") {
		t.Error(out)
	}
	if v := verdictOf(t, dir, inspectVIN, soon); v != "flag" {
		t.Errorf("a proposal decides: %s", v)
	}
	for name, c := range map[string]struct{ by, password, from, want string }{
		"who proposed it":  {"anna", managerWord, "", "not approved: anna wrote or proposed version 2: somebody else approves it"},
		"the supervisor":   {"ewa", managerWord, "", "not allowed"},
		"into the past":    {"maria", otherWord, testNow.Add(-time.Hour).UTC().Format(time.RFC3339), "has passed, it is"},
		"another's word":   {"maria", managerWord, "", "password is wrong"},
		"the guard's hand": {"jan", managerWord, "", "not allowed"},
	} {
		args := []string{"policy", "approve", "2", "--by", c.by}
		if c.from != "" {
			args = append(args, "--from", c.from)
		}
		if code, out, errs := rules(t, dir, c.password, args...); code == 0 || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
	}
	from := testNow.Add(24 * time.Hour).UTC().Truncate(time.Second)
	if out := rulesOK(t, dir, otherWord, "policy", "approve", "2", "--by", "maria", "--from", from.Format(time.RFC3339), "--note", "read"); !strings.Contains(out, "next: version 2 takes effect at "+from.Format(time.RFC3339)) {
		t.Error(out)
	}
	for at, want := range map[time.Time]string{from.Add(-time.Second): "flag", from: "grant", from.AddDate(0, 1, 0): "grant", from.AddDate(-1, 0, 0): "flag"} {
		if v := verdictOf(t, dir, inspectVIN, at.Format(time.RFC3339)); v != want {
			t.Errorf("at %s: %s, want %s", at, v, want)
		}
	}
	code, out, errs := rules(t, dir, "", "policy", "show", "2")
	if code != 0 || out != string(text) || !strings.Contains(errs, "approved by maria") || !strings.Contains(errs, "written by ewa, jan") {
		t.Errorf("%s%s", out, errs)
	}
	// Back to the first, by the same rule.
	rulesOK(t, dir, managerWord, "policy", "rollback", "1", "--by", "anna", "--note", "the order was lifted")
	if code, _, errs := rules(t, dir, managerWord, "policy", "approve", "3", "--by", "anna"); code == 0 {
		t.Error("rolled back by one person", errs)
	}
	rulesOK(t, dir, otherWord, "policy", "reject", "3", "--by", "maria", "--why", "it was not")
	rulesOK(t, dir, otherWord, "policy", "withdraw", "2", "--by", "maria", "--why", "it was, after all")
	var states []gate.PolicyState
	for _, l := range linesOf(t, dir) {
		states = append(states, l.State)
	}
	if !slices.Equal(states, []gate.PolicyState{gate.PolicyInForce, gate.PolicyWithdrawn, gate.PolicyRejected}) {
		t.Errorf("%v", states)
	}
	table := rulesOK(t, dir, "", "policy", "versions")
	for _, want := range []string{"in force", "withdrawn", "rejected", gate.SetUp, "maria"} {
		if !strings.Contains(table, want) || strings.Count(table, gate.SetUp) != 1 || !strings.Contains(table, "nobody") {
			t.Errorf("the table says nothing of %q, or of who approved the first:\n%s", want, table)
		}
	}
	runOK(t, "", "log", "verify", "--data", dir)
}

// Whoever guesses waits.
func TestGuessingPasswords(t *testing.T) {
	dir := rulesSite(t)
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Now()
	r := &siteRules{store: store, clock: gate.NewClock(func() time.Time { return now })}
	for n := range 5 {
		if _, err := r.admit(t.Context(), "anna", "guess"); err == nil || !strings.Contains(err.Error(), errWrong.Error()) {
			t.Fatalf("guess %d: %v", n, err)
		}
	}
	if _, err := r.admit(t.Context(), "Anna", managerWord); err == nil || !strings.Contains(err.Error(), "wait") {
		t.Errorf("after five guesses: %v", err)
	}
	now = now.Add(10 * time.Second)
	if who, err := r.admit(t.Context(), "anna", managerWord); err != nil || who.Name != "anna" {
		t.Errorf("%+v, %v", who, err)
	}
}

// Whoever proposes or approves is told what of the rules this site cannot tell,
// as by policy check --data; and of an example that fails each expectation
// stands on a line of its own.
func TestPolicyWarnings(t *testing.T) {
	dir := rulesSite(t)
	file := ruleFile(t, "hears", "flag", "{any: [{fact: site.zone, at_least: public}, {fact: radio.hotspot_heard, is: true}]}")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	deaf := strings.Replace(string(text), "rules:\n", `rules:
  - id: deaf
    title: What is heard
    outcome: deny
    instrument: {authority: site, title: Order 8, link: "https://example.org/8", date: 2026-11-01, quote: as ordered, from: 2026-01-01}
    say: {en: heard}
    when: {fact: radio.hotspot_heard, is: true}
`, 1)
	deaf = strings.Replace(deaf, "  cases:\n", "  cases:\n    - {name: heard, facts: {radio.hotspot_heard: true}, expect: {outcome: deny, rule: deaf}}\n", 1)
	wrong := strings.Replace(deaf, "{outcome: deny, rule: deaf}", "{outcome: grant, rule: deaf, silent: [only]}", 1)
	for content, want := range map[string]int{deaf: 0, wrong: 1} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errs := rules(t, dir, managerWord, "policy", "propose", file, "--by", "anna", "--note", "n")
		if code != want {
			t.Fatalf("exit %d: %s%s", code, out, errs)
		}
		if want == 0 && !strings.Contains(errs, "sallyport policy diff 1 2") {
			t.Errorf("nothing says what comes next: %s", errs)
		}
		if want == 0 && (!strings.Contains(errs, "no lane of the site has a sensor") || !strings.Contains(errs, `Rule "deaf"`)) {
			t.Errorf("nothing says that the site cannot tell: %s", errs)
		}
		if want == 1 && (!strings.Contains(errs, "example \"heard\" does not come as expected:\n    ") || strings.Count(errs, "\n    ") < 2) {
			t.Errorf("not one expectation a line:\n%s", errs)
		}
	}
	code, _, errs := rules(t, dir, otherWord, "policy", "approve", "2", "--by", "maria")
	if code != 0 || !strings.Contains(errs, `Rule "deaf"`) {
		t.Errorf("the approver is not told: exit %d: %s", code, errs)
	}
}

// While the site runs, two people change its rules, then its threat level, and
// the vehicle that waits at the line is decided again each time, before the
// command returns.
func TestPolicyAndPostureRunning(t *testing.T) {
	dir := rulesSite(t)
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
	type state struct {
		Passage string      `json:"passage"`
		State   gate.State  `json:"state"`
		Answer  gate.Answer `json:"answer"`
	}
	line := func() (v state) {
		t.Helper()
		if code, err := p.call(ctx, "GET", "/api/v1/lanes/lane-1", token, nil, &v); err != nil || code != 200 {
			t.Fatalf("%d, %v", code, err)
		}
		return v
	}
	is := func(when, want string) {
		t.Helper()
		if v := line(); v.Passage != came.Passage || v.State != gate.Waiting || v.Answer.Verdict != want {
			t.Errorf("%s: %+v, want %s", when, v, want)
		}
	}
	file := ruleFile(t, "grants", "grant", "")
	rulesOK(t, dir, managerWord, "policy", "propose", file, "--by", "anna", "--note", "order 7")
	is("proposed", "flag")
	if v := verdictOf(t, dir, inspectVIN, time.Now().Add(time.Minute).UTC().Format(time.RFC3339)); v != "flag" {
		t.Errorf("assess beside the running site: %s", v)
	}
	if code, out, errs := rules(t, dir, managerWord, "policy", "approve", "2", "--by", "anna"); code == 0 {
		t.Errorf("approved by who proposed it: %s%s", out, errs)
	}
	is("refused", "flag")
	rulesOK(t, dir, otherWord, "policy", "approve", "2", "--by", "maria")
	is("approved", "grant")

	// Rules that deny from the highest level on, from an instant to come.
	file = ruleFile(t, "levels", "deny", "{fact: site.posture, at_least: delta}")
	rulesOK(t, dir, otherWord, "policy", "propose", file, "--by", "maria", "--note", "order 8")
	soon := time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339Nano)
	rulesOK(t, dir, managerWord, "policy", "approve", "3", "--by", "anna", "--from", soon)
	waitFor(ctx, t, func() bool { return line().Answer.Verdict == "flag" })
	is("in effect", "flag")

	if code, out, errs := rules(t, dir, managerWord, "posture", "set", "delta", "--by", "jan", "--why", "x"); code == 0 {
		t.Errorf("a guard set the threat level: %s%s", out, errs)
	}
	rulesOK(t, dir, managerWord, "posture", "set", "delta", "--by", "ewa", "--why", "a call", "--for", "3s")
	is("the highest level", "deny")
	waitFor(ctx, t, func() bool { return line().Answer.Verdict == "flag" }) // by itself
	if out := rulesOK(t, dir, "", "posture", "show"); !strings.Contains(out, "posture normal since") || !strings.Contains(out, "came to its end") {
		t.Error(out)
	}
	if code, _, errs := rules(t, dir, managerWord, "posture", "set", "bravo", "--by", "ewa", "--why", "exercise"); code != 0 {
		t.Error(errs)
	}
	if code, out, errs := rules(t, dir, managerWord, "posture", "set", "normal", "--by", "ewa", "--why", "over"); code == 0 || !strings.Contains(errs, "not lower") {
		t.Errorf("a supervisor lowered the threat level: %s%s", out, errs)
	}
	rulesOK(t, dir, otherWord, "posture", "set", "delta", "--by", "maria", "--why", "order 9", "--for", "8h", "--then", "bravo")
	is("the highest level again", "deny")

	// A power cut: the next start goes on with what is recorded, whatever
	// site.toml names.
	p.kill()
	path := filepath.Join(dir, siteFile)
	config, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(config), `policy = "paper-baseline"`, `policy = "us-s4429-proposed"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p = start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	if !strings.Contains(p.logs.String(), "site.toml names other rules than those in force") {
		t.Errorf("nothing is said of site.toml:\n%s", p.logs)
	}
	if code, err := p.call(ctx, "POST", "/api/v1/lanes/lane-1/arrivals", token, map[string]string{"vin": inspectVIN}, &came); err != nil || code != 201 || came.Answer.Verdict != "deny" {
		t.Errorf("after a power cut: %d, %v, %+v", code, err, came)
	}
	if out := rulesOK(t, dir, "", "posture", "show"); !strings.Contains(out, "posture delta") || !strings.Contains(out, "bravo from") {
		t.Error(out)
	}
	p.kill()
	runOK(t, "", "log", "verify", "--data", dir)
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	list, err := store.Passages(t.Context(), gate.PassageFilter{Limit: 10})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	rec, err := store.Passage(t.Context(), list[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	var because []string
	for _, r := range rec.Reassessments {
		because = append(because, r.Because)
	}
	if want := []string{"policy", "policy", "posture", "posture", "posture", "posture"}; !slices.Equal(because, want) {
		t.Errorf("decided again because of %v, want %v", because, want)
	}
	// A year later: which edition decided each time, and whose it was.
	for n, want := range map[string]string{
		"1": "assessment 1 of 7 (arrival), decided flag by version 1 (paper-baseline", "2": "(policy), decided grant by version 2 (", "4": "assessment 4 of 7 (posture), decided",
	} {
		code, out, errs := runWith(t, nil, "policy", "explain", "--passage", string(list[1].ID), "--assessment", n, "--data", dir)
		if code != 0 || !strings.Contains(string(out), want) || n == "2" && !strings.Contains(string(out), "written by anna, approved by maria") {
			t.Errorf("assessment %s: exit %d: %s%s, want %s", n, code, out, errs, want)
		}
	}
	if code, _, errs := runWith(t, nil, "policy", "explain", "--passage", string(list[1].ID), "--assessment", "8", "--data", dir); code != 1 || !strings.Contains(string(errs), "has 1 to 7") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestPostureSettings(t *testing.T) {
	for text, want := range map[string]string{
		`levels = ["normal", "delta"]`:                  "",
		`levels = []`:                                   "",
		`levels = ["normal", "normal"]`:                 "twice",
		`levels = ["Normal"]`:                           "a-z",
		`levels = [""]`:                                 "a-z",
		`levels = ["a"]` + "\nwords.b = \"x\"":          "none of",
		`levels = ["a"]` + "\nwords.a = \"x\"":          "",
		`levels = ["a"]` + "\nlevel = \"b\"":            "unknown key",
		`levels = [` + strings.Repeat(`"a",`, 17) + `]`: "at most",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(strings.Replace(demoSite, `posture.levels = ["normal", "alpha", "bravo", "charlie", "delta"]`, "[posture]\n"+text, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := loadSite(dir)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A site may be set up with rules of its own, and then has the threat levels
// that they name.
func TestInitWithRules(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	file := ruleFile(t, "own", "deny", "{fact: site.posture, at_least: delta}")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test", "--policy", file)
	cfg, err := loadSite(dir)
	if err != nil || cfg.Policy != "own.yaml" || !slices.Equal(cfg.levels(), []string{"normal", "bravo", "delta"}) {
		t.Errorf("%+v, %v", cfg, err)
	}
	if l := linesOf(t, dir); len(l) != 1 || l[0].ID != "own 7" || l[0].State != gate.PolicyInForce {
		t.Errorf("%+v", l)
	}
	if code, _, errs := runWith(t, nil, "init", "--data", filepath.Join(t.TempDir(), "e"), "--site", "t", "--name", "T", "--policy", "no-such"); code == 0 {
		t.Error("set up with rules that are not there", string(errs))
	}
}
