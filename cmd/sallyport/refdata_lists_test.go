package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/gate/sqlite"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
)

// What changed between the two editions of the 1260H list, as a person reads
// it.
func TestRefdataSupplyDiff(t *testing.T) {
	out := refdataSupply(t, "diff", "--list", "us-1260h", "--from", "2025-01-07", "--to", "2026-06-08", "--all")
	for _, s := range []string{
		"older: us-1260h-2025", "newer: us-1260h-2026", "us-1260h-feb2026-withdrawn, posted on 2026-02-13 and withdrawn, was never in force",
		"Added (2)\n  BYD Company Limited = byd", "CXMT, which had ended on 2026-02-17", "Quectel Wireless Solutions Co., Ltd. = quectel, was Quectel",
		"BYD Company Limited: now named, was not named", "Shenzhen Fibocom Wireless Inc.: now not named",
	} {
		if !strings.Contains(out, s) {
			t.Errorf("it does not say %q:\n%s", s, out)
		}
	}
	if strings.Contains(out, "Removed") || strings.Contains(out, "Fibocom Wireless Inc.: now named") || strings.Contains(out, "= fibocom") {
		t.Errorf("it says too much:\n%s", out)
	}
	for _, args := range [][]string{
		{"--list", "no-such-list", "--from", "2025-01-07"}, {"--list", "us-1260h", "--from", "2026-06-08", "--to", "2025-01-07"},
		{"--list", "us-1260h", "--from", "soon"}, {"--list", "us-1260h", "--from", "2020-01-01"}, {"--list", "us-1260h", "--from", "2025-01-07", "--to", "soon"},
	} {
		if code, out, _ := runWith(t, nil, append([]string{"refdata", "supply", "diff"}, args...)...); code == 0 {
			t.Errorf("%v: %s", args, out)
		}
	}
}

// The vehicles of a site in which a party turned: registered ones and visitors.
func TestRefdataSupplyDiffOfASite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
	judge, err := newAssessor("paper-baseline", "", &refdata.Data{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	const byd, guest, tesla, old = "LC0CE4CC1N0000001", "LC0CE4CC1N0000003", "5YJXCAE42MF000001", "LC0CE4CC1N0000002"
	at := testNow.Add(-48 * time.Hour).UTC()
	if err := store.PutRegistrations(t.Context(),
		gate.Registration{VIN: byd, Class: policy.ClassGovernment, Market: "EU", At: at},
		gate.Registration{VIN: tesla, Class: policy.ClassPrivate, Market: "US", At: at}); err != nil {
		t.Fatal(err)
	}
	src, _, err := openPolicy("paper-baseline", &refdata.Data{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.KeepPolicy(t.Context(), gate.PolicyDocument{Hash: src.Hash(), ID: src.ID(), Source: []byte("x"), At: at}); err != nil {
		t.Fatal(err)
	}
	for i, v := range []struct {
		vin string
		at  time.Time
	}{{guest, at}, {byd, at.Add(time.Minute)}, {old, at.AddDate(-1, 0, 0)}} {
		p := gate.Passage{ID: gate.PassageID(v.at.Format("20060102T150405.000000Z") + "-north-000" + string(rune('1'+i))), Lane: "north-1", At: v.at, Arrival: gate.Arrival{VIN: v.vin, Via: "keyboard"},
			Result: judge.Assess(gate.Request{VIN: v.vin, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "EU", At: v.at})}
		if err := store.Record(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	var got supplyDiff
	args := []string{"diff", "--list", "us-1260h", "--from", "2025-01-07", "--to", "2026-06-08", "--data", dir}
	if err := json.Unmarshal([]byte(refdataSupply(t, append(args, "--json")...)), &got); err != nil {
		t.Fatal(err)
	}
	groups := map[string]string{}
	for _, v := range got.Vehicles {
		groups[v.ID] = v.Group
	}
	if !strings.HasPrefix(groups[byd], "registered, government") || !strings.HasPrefix(groups[guest], "visitor, last passed "+at.Format(time.DateOnly)) || groups[old] != "" || groups[tesla] != "" {
		t.Errorf("touched %v", groups)
	}
	if got.Judged != 3 {
		t.Errorf("%d were looked at", got.Judged)
	}
	out := refdataSupply(t, args...)
	if !strings.Contains(out, "BYD Company Limited, maker of the vehicle: now named, was not named") {
		t.Errorf("%s", out)
	}
}

// An edition is imported from a table, adds to the graph, and bites from its
// first day; what merely looks alike does not until a person has signed it off.
func TestRefdataBuildList(t *testing.T) {
	dir := t.TempDir()
	table, graph, proposals := filepath.Join(dir, "list.csv"), filepath.Join(dir, "supply.json"), filepath.Join(dir, "proposals.jsonl")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(table, "Entity,Country,Listed on\nFibocom Wireles Incorp,CN,2027-01-05\n\"BYD Company Ltd.\",CN,2027-01-05\nToys of Nowhere,CN,2027-02-01\n")
	base := []string{"refdata", "build", "list", table, "--list", "xx-list", "--title", "A list", "--edition", "xx-1", "--from", "2027-01-05", "--source", "https://example.org/list",
		"--column", "name=Entity", "--column", "countries=Country", "--column", "from=Listed on", "--complete", "--out", graph, "--proposals", proposals}
	code, out, errs := runWith(t, nil, base...)
	if code != 0 || !strings.Contains(string(out), "3 entries from 3 rows") || !strings.Contains(string(out), "BYD Company Ltd. = byd (same name)") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	listed := func(party, day string) string {
		return refdataSupply(t, "path", party, "--graph", graph, "--day", day, "--list", "xx-list")
	}
	if s := listed("byd", "2027-01-05"); !strings.Contains(s, "A list, edition of 2027-01-05, names BYD") {
		t.Errorf("%s", s)
	}
	if s := listed("byd", "2027-01-04"); strings.Contains(s, "names BYD") {
		t.Errorf("a day before: %s", s)
	}
	if s := listed("fibocom", "2027-01-05"); !strings.Contains(s, "does not name") {
		t.Errorf("what looks alike bit: %s", s)
	}
	b, err := os.ReadFile(proposals)
	if err != nil {
		t.Fatal(err)
	}
	reviews, err := supply.ReadReviews(strings.NewReader(string(b)), "p")
	if err != nil || len(reviews) == 0 || reviews[0].Party != "fibocom" {
		t.Fatalf("%+v, %v", reviews, err)
	}
	reviews[0].Decision, reviews[0].By, reviews[0].On, reviews[0].Reason = supply.SameParty, "A. Clerk", "2027-01-06", "test of the import"
	var signed strings.Builder
	if err := supply.WriteReviews(&signed, reviews); err != nil {
		t.Fatal(err)
	}
	decisions := filepath.Join(dir, "signed.jsonl")
	write(decisions, signed.String())
	if code, out, errs = runWith(t, nil, append(base, "--reviewed", decisions)...); code != 0 || !strings.Contains(string(out), "reviewed by A. Clerk on 2027-01-06") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if s := listed("fibocom", "2027-01-05"); !strings.Contains(s, "names Shenzhen Fibocom") {
		t.Errorf("signed off and does not bite: %s", s)
	}

	before, err := os.ReadFile(graph)
	if err != nil {
		t.Fatal(err)
	}
	write(table, "Entity,Country,Listed on\nGood Ltd.,CN,2027-01-05\n,CN,\nBad Ltd.,CN,soon\n")
	code, out, errs = runWith(t, nil, base...)
	if code == 0 || !strings.Contains(string(errs), "line 3, column 1 (Entity): the row names nobody") || !strings.Contains(string(errs), "line 4, column 13 (Listed on)") || !strings.Contains(string(errs), "2 of 3 rows are bad and nothing was taken") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if after, err := os.ReadFile(graph); err != nil || string(after) != string(before) {
		t.Errorf("a bad table changed the graph: %v", err)
	}
	if code, out, errs = runWith(t, nil, append(base, "--good-rows")...); code != 0 || !strings.Contains(string(out), "1 entries from 3 rows (0 passed over, 2 bad)") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	f := excelize.NewFile()
	defer func() { _ = f.Close() }()
	for i, r := range [][]any{{"Name", "Country"}, {"Quectel", "CN"}} {
		at, _ := excelize.CoordinatesToCellName(1, i+1)
		if err := f.SetSheetRow("Sheet1", at, &r); err != nil {
			t.Fatal(err)
		}
	}
	book := filepath.Join(dir, "list.xlsx")
	if err := f.SaveAs(book); err != nil {
		t.Fatal(err)
	}
	code, out, errs = runWith(t, nil, "refdata", "build", "list", book, "--list", "us-1260h", "--edition", "w-1", "--from", "2027-01-05", "--source", "s", "--withdrawn",
		"--column", "countries=Country", "--out", graph)
	if code != 0 || !strings.Contains(string(out), "Quectel = quectel") || !strings.Contains(string(out), "in force on no day") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if s := refdataSupply(t, "path", "quectel", "--graph", graph, "--day", "2027-01-05", "--list", "us-1260h"); !strings.Contains(s, "edition of 2026-06-08") {
		t.Errorf("an edition that was withdrawn took the place of the one in force: %s", s)
	}
}

func TestRefdataSupplyDraw(t *testing.T) {
	dir := t.TempDir()
	svg, md := filepath.Join(dir, "a.svg"), filepath.Join(dir, "a.md")
	printed := refdataSupply(t, "draw", "Rolling Wireless S.à r.l.", "--day", "2024-07-26", "--out", svg)
	if out := refdataSupply(t, "draw", "rolling_lux", "--day", "2024-07-26", "--out", svg, "--table", md); out != "" {
		t.Errorf("printed: %s", out)
	}
	table, err := os.ReadFile(md)
	if err != nil || string(table) != printed || !strings.Contains(printed, "| EUROPASOLAR S.à r.l. | 100 % | 2024-07-26 |") {
		t.Errorf("%v: %s", err, table)
	}
	if b, err := os.ReadFile(svg); err != nil || !strings.HasPrefix(string(b), "<svg ") || !strings.Contains(string(b), "owner unresolved") {
		t.Errorf("%v: %s", err, b)
	}
	if code, _, _ := runWith(t, nil, "refdata", "supply", "draw", "nobody", "--out", filepath.Join(dir, "b.svg")); code == 0 {
		t.Error("nobody was drawn")
	}
	if _, err := os.Stat(filepath.Join(dir, "b.svg")); !os.IsNotExist(err) {
		t.Errorf("a picture of nobody: %v", err)
	}
	if s := refdataSupply(t, "trusted", "telit_cinterion", "--by", "anybody"); !strings.Contains(s, "NOT KNOWN") || !strings.Contains(s, "CVE-2023-47610") || !strings.Contains(s, "not free of faults") {
		t.Errorf("%s", s)
	}
}

// No command and no shipped pack says that Fibocom is on the 1260H list, or
// that the FCC banned a maker of modules.
func TestNeverSaidByACommand(t *testing.T) {
	var texts []string
	svg := filepath.Join(t.TempDir(), "a.svg")
	for _, p := range []string{"quectel", "fibocom", "ikotek", "netprisma", "rolling_lux", "rolling_brand", "rolling_sz", "rolling_hk"} {
		for _, d := range []string{"2024-01-01", "2025-01-07", "2026-02-13", "2026-06-08", "2026-11-22"} {
			texts = append(texts, refdataSupply(t, "show", p, "--day", d), refdataSupply(t, "draw", p, "--day", d, "--out", svg),
				refdataSupply(t, "path", p, "--day", d, "--list", "us-1260h", "--list", "us-fcc-covered-list", "--list", "us-1260h-feb2026-withdrawn"))
			b, err := os.ReadFile(svg)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(b))
		}
	}
	texts = append(texts, refdataSupply(t, "diff", "--list", "us-1260h", "--from", "2025-01-07", "--all"))
	for _, name := range pack.Names() {
		b, err := pack.Source(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	banned := regexp.MustCompile(`(?i)fcc[- ]?banned|banned by the fcc`)
	on := regexp.MustCompile(`(?i)1260H list[^\n.]{0,60}, names [^\n]{0,40}(fibocom|rolling)|(fibocom|rolling)[^\n:]{0,60}(: now named| is on the list us-1260h)`)
	for _, s := range texts {
		for _, re := range []*regexp.Regexp{banned, on} {
			if m := re.FindString(s); m != "" {
				t.Errorf("said: %q", m)
			}
		}
	}
}
