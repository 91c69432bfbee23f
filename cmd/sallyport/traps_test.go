package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
)

// trapRequests are the ten vehicles under every pack, each as a private vehicle
// at a restricted zone. The Volvo stands there twice: the connected-vehicle rule
// begins with model year 2027.
var trapRequests = []struct{ name, request string }{
	{"Tesla Model X 2021", `"vin":"5YJXCAE42MF000001","market":"US"`},
	{"Tesla Model 3, Shanghai", `"vin":"LRW3E7FAXMC000001","market":"EU"`},
	{"Volvo EX30 2025, China", `"vin":"YV4EK3ZL7SS000001","market":"EU"`},
	{"Volvo EX30 2027, China", `"vin":"YV4EK3ZL1VS000001","market":"US"`},
	{"Polestar 3 2027, US", `"vin":"7SYFE3YB8VG000001","market":"US"`},
	{"Mercedes E-Class, Germany", `"vin":"W1KLF6DB2TA000001","market":"EU"`},
	{"BYD Seal", `"vin":"LGXC76C48R0000001","model":"Seal","market":"EU"`},
	{"van 1999 with comma 3X", `"vin":"1FTNE24L7XHA00001","market":"US","declared":[{"kind":"device","value":"comma 3X"}]`},
	{"truck, Rolling Wireless", `"vin":"4V4NC9EH6LN000001","market":"EU","declared":[{"kind":"module","value":"Rolling Wireless"}]`},
	{"van 1999, Eagle Electronics", `"vin":"1FTNE24L7XHA00001","market":"US","declared":[{"kind":"module","value":"Eagle Electronics"}]`},
	{"Honda Civic 1998", `"vin":"2HGEJ6672WH500001","market":"US"`},
}

// trapDays are the days on which each pack is asked: today, and for one whose
// instrument is of the future the first day of it.
func trapDays(name string) []string {
	if name == "us-s4784-353-proposed" {
		return []string{"2026-11-22", "2027-07-02"}
	}
	return []string{"2026-11-22"}
}

const trapTable = "testdata/traps.tsv"

// trapSource is the id of a row that a reviewer's reason rests on.
var trapSource = regexp.MustCompile(`\[([^\]]+)\]`)

// trapRow is one line of the table without the reviewer's reason.
type trapRow struct {
	pack, day, vehicle, outcome, rule string
	unknown                           bool // the rule speaks because a fact is unknown
}

func (r trapRow) key() string { return r.pack + "\t" + r.day + "\t" + r.vehicle }

func (r trapRow) String() string {
	how := "holds"
	if r.unknown {
		how = "unknown"
	}
	return r.key() + "\t" + r.outcome + "\t" + r.rule + "\t" + how
}

// TestTrapsUnderEveryPack holds outcome and deciding rule of each of the ten
// vehicles under each pack, through the command and the embedded data, in a
// table of which every line was reviewed: the last column says why it is right
// and by which rows of the data.
func TestTrapsUnderEveryPack(t *testing.T) {
	reviewed, head := readTraps(t)
	sources := trapSources(t)
	var table bytes.Buffer
	table.WriteString(head)
	seen := map[string]bool{}
	for _, name := range pack.Names() {
		for _, day := range trapDays(name) {
			var in strings.Builder
			for _, v := range trapRequests {
				fmt.Fprintf(&in, `{%s,"class":"private","zone":"restricted","at":"%sT05:00:00Z"}`+"\n", v.request, day)
			}
			dec := json.NewDecoder(bytes.NewReader(runOK(t, in.String(), "assess", "--policy", name)))
			for _, v := range trapRequests {
				var a gate.Answer
				if err := dec.Decode(&a); err != nil {
					t.Fatal(err)
				}
				row := trapRow{name, day, v.name, a.Verdict, a.Reasons[0].Rule, a.Reasons[0].Open}
				was := reviewed[row.key()]
				seen[row.key()] = true
				fmt.Fprintf(&table, "%s\t%s\n", row, was.why)
				if *update {
					continue
				}
				if was.row != row.String() {
					t.Errorf("came %q, and the table holds %q: %s", row, was.row, a.Reasons[0].Because)
				}
				if strings.TrimSpace(was.why) == "" {
					t.Errorf("%s: nobody wrote down why it is right", row)
				}
				for _, m := range trapSource.FindAllStringSubmatch(was.why, -1) {
					if !sources[m[1]] {
						t.Errorf("%s: %q is no row of the data", row.key(), m[1])
					}
				}
			}
		}
	}
	if *update {
		if err := os.WriteFile(trapTable, table.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for key := range reviewed {
		if !seen[key] {
			t.Errorf("the table holds %q, which was not asked", key)
		}
	}
}

type reviewedTrap struct{ row, why string }

// readTraps reads the table: its head, and each line by its first three columns.
func readTraps(t *testing.T) (rows map[string]reviewedTrap, head string) {
	t.Helper()
	text, err := os.ReadFile(trapTable)
	if err != nil {
		t.Fatal(err)
	}
	rows = map[string]reviewedTrap{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			head += line
			continue
		}
		cols := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cols) != 7 {
			t.Fatalf("%d columns in %q", len(cols), line)
		}
		rows[strings.Join(cols[:3], "\t")] = reviewedTrap{strings.Join(cols[:6], "\t"), cols[6]}
	}
	return rows, head
}

// trapSources are the ids that a reviewer may cite: instruments and edges of the
// supply data, vehicles of the catalogue, and the site's own choice.
func trapSources(t *testing.T) map[string]bool {
	t.Helper()
	ids := map[string]bool{"paper": true, "site": true, "no row": true}
	for _, file := range []string{"../../policy/supply/supply.json", "../../vin/telematics/catalogue.json"} {
		text, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"id": ?"([^"]+)"`).FindAllSubmatch(text, -1) {
			ids[string(m[1])] = true
		}
	}
	if _, err := supply.Embedded(); err != nil || len(ids) < 100 {
		t.Fatalf("%d ids: %v", len(ids), err)
	}
	return ids
}

// TestTrapsThatMatter holds the lines of the table that no edition of the data
// may lose, by name.
func TestTrapsThatMatter(t *testing.T) {
	rows, _ := readTraps(t)
	for key, want := range map[string]string{
		"pl-general-staff-2026\t2026-11-22\tTesla Model 3, Shanghai":   "deny\tpl-built-in-prc\tholds",
		"pl-general-staff-2026\t2026-11-22\tTesla Model X 2021":        "flag\tpl-recording\tunknown",
		"us-s4429-proposed\t2026-11-22\tMercedes E-Class, Germany":     "deny\ts4429-share\tholds",
		"us-bis-connected-vehicle\t2026-11-22\tVolvo EX30 2027, China": "grant\tbis-authorised\tholds",
		"us-bis-connected-vehicle\t2026-11-22\tPolestar 3 2027, US":    "deny\tbis-maker-nexus\tholds",
		"us-s4784-353-proposed\t2026-11-22\tPolestar 3 2027, US":       "flag\tdefault\tholds",
		"us-s4784-353-proposed\t2027-07-02\tPolestar 3 2027, US":       "deny\ts353-covered-vehicle\tholds",
		"paper-baseline\t2026-11-22\tBYD Seal":                         "deny\tchip-down-restricted-zone\tholds",
		"paper-baseline\t2026-11-22\tTesla Model X 2021":               "deny\tmodule-restricted-zone\tholds",
		"paper-baseline\t2026-11-22\tvan 1999, Eagle Electronics":      "flag\tdesign-from-prc\tholds",
		"paper-baseline\t2026-11-22\ttruck, Rolling Wireless":          "flag\tmodule-restricted-zone\tunknown",
		"paper-baseline\t2026-11-22\tHonda Civic 1998":                 "grant\tolder-than-site-year\tholds",
		"paper-baseline\t2026-11-22\tvan 1999 with comma 3X":           "deny\tmodule-restricted-zone\tholds",
	} {
		if got := strings.TrimPrefix(rows[key].row, key+"\t"); got != want {
			t.Errorf("%s: the table holds %q, want %q", key, got, want)
		}
	}
}

// TestMercedesUnder25 puts the same Mercedes under a test of 25 %: its module is
// still a question, and its holders are none.
func TestMercedesUnder25(t *testing.T) {
	src, err := pack.Source("us-s4429-proposed")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "at-25.yaml")
	if err := os.WriteFile(file, bytes.ReplaceAll(src, []byte("at_least: 15.01"), []byte("at_least: 25.01")), 0o600); err != nil {
		t.Fatal(err)
	}
	var a gate.Answer
	if err := json.Unmarshal(runOK(t, `{"vin":"W1KLF6DB2TA000001","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z"}`, "assess", "--policy", file), &a); err != nil {
		t.Fatal(err)
	}
	if a.Verdict != "flag" || a.Reasons[0].Rule != "s4429-hardware" || !a.Reasons[0].Open {
		t.Errorf("%s by %+v", a.Verdict, a.Reasons[0])
	}
	if slices.ContainsFunc(a.Reasons, func(r gate.AnswerReason) bool { return r.Rule == "s4429-share" }) {
		t.Errorf("19.67 %% is held against it: %+v", a.Reasons)
	}
}

// TestEveryPackPassesItsExamples runs `policy test` over all packs at once, the
// examples over requests too, through the embedded data.
func TestEveryPackPassesItsExamples(t *testing.T) {
	names := pack.Names()
	out := runOK(t, "", append([]string{"policy", "test"}, names...)...)
	if lines := strings.Split(strings.TrimSpace(string(out)), "\n"); len(lines) != len(names) {
		t.Errorf("something did not come as expected:\n%s", out)
	}
}

// TestPolicyTestRefuses holds what keeps a rule file from passing.
func TestPolicyTestRefuses(t *testing.T) {
	const rules = `policy: doors
version: "1"
title: Doors
rules:
  - id: built-there
    title: Built there
    outcome: deny
    instrument: {authority: site, title: Our own}
    when: {fact: vehicle.built_in, is: CN}
    say: {en: "Not here."}
  - id: old
    title: Old
    outcome: grant
    instrument: {authority: site, title: Our own}
    when: {fact: vehicle.model_year, less_than: 1999}
    say: {en: "Let it in."}
`
	shown := `
examples:
  - name: old
    facts: {at: 2026-01-01, vehicle.built_in: DE, vehicle.model_year: 1998}
    expect: {outcome: grant, rule: old}
`
	tests := []struct {
		name, examples string
		code           int
		says           []string
	}{
		{"no examples", "", 1, []string{"no examples: nothing shows what it does"}},
		{"no cases", "\nexamples: []\n", 1, []string{"no examples"}},
		{"a rule that nothing shows", shown, 1, []string{"no example shows rule built-there", "1 examples, 1 as expected; 1 of 2 rules shown"}},
		{"an example that fails", shown + `  - name: there
    facts: {at: 2026-01-01, vehicle.built_in: CN, vehicle.model_year: 1998}
    expect: {outcome: flag, rule: built-there}
`, 1, []string{"doors.yaml:22:5: there", "expected flag by built-there, came deny by built-there: ", "2 examples, 1 as expected; 2 of 2 rules shown"}},
		{"a request that nobody can read", shown + `  - name: there
    facts: {at: 2026-01-01, vehicle.built_in: CN}
    expect: {outcome: deny, rule: built-there}
  - name: misspelt
    request: {at: 2026-01-01, viin: X}
    expect: {outcome: flag, rule: built-there}
`, 1, []string{"misspelt", `unknown field "viin"`}},
		{"a fault in an example", shown + "    exspect: {}\n", 1, []string{"doors.yaml:22:5", `did you mean "expect"?`}},
		{"all as it should be", shown + `  - name: there
    facts: {at: 2026-01-01, vehicle.built_in: CN}
    expect: {outcome: deny, rule: built-there, open: []}
  - name: a real one
    request: {vin: LRW3E7FAXMC000001, at: 2026-01-01}
    expect: {outcome: deny, rule: built-there}
`, 0, []string{"doors.yaml: 3 examples, 3 as expected; 2 of 2 rules shown"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "doors.yaml")
			if err := os.WriteFile(file, []byte(rules+tt.examples), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errs := runWith(t, nil, "policy", "test", file)
			if (code != 0) != (tt.code != 0) {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, says := range tt.says {
				if !strings.Contains(string(out)+string(errs), says) {
					t.Errorf("nothing says %q:\n%s%s", says, out, errs)
				}
			}
		})
	}
}

// TestPacksSayWhatTheyLeaveOut holds `policy packs` to every pack and to all
// that it leaves out.
func TestPacksSayWhatTheyLeaveOut(t *testing.T) {
	out := string(runOK(t, "", "policy", "packs"))
	for _, name := range pack.Names() {
		p, err := pack.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, name+" (") || len(p.Omits()) < 5 {
			t.Errorf("%s is not listed, or leaves out only %d things", name, len(p.Omits()))
		}
		for _, o := range p.Omits() {
			if !strings.Contains(out, o) {
				t.Errorf("nothing says that %s leaves out: %s", name, o)
			}
		}
	}
}

// TestPacksAreInactive: a pack that ships decides nothing until a site names it.
func TestPacksAreInactive(t *testing.T) {
	if !slices.Contains(pack.Names(), pack.PaperBaseline) {
		t.Fatal("no pack to begin with")
	}
	var a gate.Answer
	if err := json.Unmarshal(runOK(t, `{"vin":"LRW3E7FAXMC000001","class":"private","zone":"restricted","at":"2026-11-22T05:00:00Z"}`, "assess"), &a); err != nil {
		t.Fatal(err)
	}
	baseline, err := pack.Open(pack.PaperBaseline)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Reasons {
		if r.Rule != policy.DefaultRule && !slices.ContainsFunc(baseline.Rules(), func(b policy.RuleView) bool { return b.ID == r.Rule }) {
			t.Errorf("rule %s of another pack decided", r.Rule)
		}
	}
}
