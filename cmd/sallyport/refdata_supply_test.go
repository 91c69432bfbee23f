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

func refdataSupply(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := runWith(t, nil, append([]string{"refdata", "supply"}, args...)...)
	if code != 0 {
		t.Fatalf("refdata supply %v: exit %d: %s%s", args, code, out, errs)
	}
	return string(out)
}

// What show and path print says who stands behind a party on the day, by id,
// name or alias, with sources.
func TestRefdataSupplyAnswers(t *testing.T) {
	for _, tc := range []struct {
		args string
		says []string
		not  string
	}{
		{"show quectel", []string{"Ikotek is wholly owned by", "Netprisma is wholly owned by", "names Quectel Wireless Solutions", "We are an independent company"}, "FCC-ban"},
		{"show Fibocom --day 2024-07-25", []string{"Rolling Wireless S.à r.l. is wholly owned by Shenzhen Fibocom"}, "names Shenzhen Fibocom"},
		{"show Fibocom --day 2024-07-26", []string{"Shenzhen Rolling Wireless Technology Co., Ltd. is wholly owned"}, "Rolling Wireless S.à r.l. is wholly owned by Shenzhen"},
		{"path mercedes_benz_group --pct 15", []string{"YES. 19.67 % of Mercedes-Benz Group", "group.mercedes-benz.com"}, ""},
		{"path Mercedes-Benz --pct 25", []string{"less than 25 %"}, "YES. 19.67 %"},
		{"path telit_auto --country cn", []string{"TUS International Limited is unresolved"}, ""},
		{"path eagle_electronics", []string{"NO. No owner of Eagle Electronics", "builds under licence from Quectel", "not who owns the maker"}, ""},
		{"path quectel --list us-1260h-feb2026-withdrawn --day 2026-02-14", []string{"never in force"}, ""},
	} {
		out := refdataSupply(t, strings.Fields(tc.args)...)
		for _, s := range tc.says {
			if !strings.Contains(out, s) {
				t.Errorf("%s does not say %q:\n%s", tc.args, s, out)
			}
		}
		if tc.not != "" && strings.Contains(out, tc.not) {
			t.Errorf("%s says %q:\n%s", tc.args, tc.not, out)
		}
	}
	var shown struct {
		Owners  []struct{ Party string }
		Holders []struct{ Share float64 }
	}
	if err := json.Unmarshal([]byte(refdataSupply(t, "show", "volvo_cars", "--json")), &shown); err != nil || len(shown.Owners) != 1 || shown.Holders[0].Share != 78.7 {
		t.Errorf("%+v, %v", shown, err)
	}
	var path supplyAnswers
	if err := json.Unmarshal([]byte(refdataSupply(t, "path", "mercedes_benz_group", "--pct", "15", "--json", "--list", "us-1260h")), &path); err != nil ||
		path.Share.Share != 19.67 || len(path.Share.Path) != 4 || path.Listed["us-1260h"].Because == "" {
		t.Errorf("%+v, %v", path, err)
	}
	out := refdataSupply(t, "whatif", "--edge", "mercedes_benz_group/baic", "--until", "2026-10-01", "--policy", "us-s4429-proposed")
	if !strings.Contains(out, "Mercedes-Benz: deny -> flag") || !strings.Contains(out, "V0036") {
		t.Errorf("what if BAIC had sold:\n%s", out)
	}
}

func TestRefdataSupplyRefuses(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, says := range map[string]string{
		"show Quectell":                                                  `answers to "Quectell"`,
		"show quectel --day yesterday":                                   "is not a day",
		"show quectel --graph " + bad:                                    "names no edition",
		"path quectel --pct 0":                                           "is no share",
		"path quectel --pct NaN":                                         "is no share",
		"path quectel --country China":                                   "code of two letters",
		"whatif":                                                         "say what to change",
		"whatif --share 60":                                              "about the edge",
		"whatif --edge nobody/at/all --share 60":                         "no edge",
		"whatif --edge mercedes_benz_group --share 60":                   "2 edges begin with",
		"whatif --edge mercedes_benz_group/baic --share 9.98":            "is that already",
		"whatif --edge mercedes_benz_group/baic --share 101":             "a share of 101",
		"whatif --edge mercedes_benz_group/baic --owner nobody":          `answers to "nobody"`,
		"whatif --add tesla:likes:baic":                                  "unknown kind",
		"whatif --add tesla:baic":                                        "FROM:KIND:TO",
		"whatif --entry us-1260h-2026":                                   "EDITION=PARTY",
		"whatif --entry x=tesla":                                         `no edition "x"`,
		"whatif --drop-entry us-1260h-2026=tesla":                        "does not name tesla",
		"whatif --entry us-1260h-2026=tesla --policy nobody.yaml":        "nobody.yaml",
		"whatif --entry us-1260h-2026=tesla --zone moon":                 "zone",
		"whatif --entry us-1260h-2026=tesla --data " + filepath.Dir(bad): siteFile,
	} {
		code, out, errs := runWith(t, nil, append([]string{"refdata", "supply"}, strings.Fields(args)...)...)
		if code == 0 || !strings.Contains(string(errs), says) || len(out) > 0 {
			t.Errorf("%s: exit %d, want %q in: %s%s", args, code, says, out, errs)
		}
	}
}

// Beside a site that runs, whatif reads its list and its past, judges both
// again, and writes nothing.
func TestRefdataSupplyWhatIfOfASite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
	judge, err := newAssessor("us-s4429-proposed", "", &refdata.Data{})
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
	const mercedes, tesla = "W1KLF6DB2TA000001", "5YJXCAE42MF000001"
	src, err := pack.Source("us-s4429-proposed")
	if err != nil {
		t.Fatal(err)
	}
	at := testNow.Add(-48 * time.Hour).UTC()
	if err := store.KeepPolicy(t.Context(), gate.PolicyDocument{Hash: judge.Policy().Hash(), ID: judge.Policy().ID(), Source: src, At: at}); err != nil {
		t.Fatal(err)
	}
	if err := store.PutRegistrations(t.Context(),
		gate.Registration{VIN: mercedes, Class: policy.ClassGovernment, Market: "EU", At: at},
		gate.Registration{VIN: tesla, Class: policy.ClassPrivate, Market: "US", At: at},
		gate.Registration{Plate: "WX 12345", Class: policy.ClassPrivate, At: at}); err != nil {
		t.Fatal(err)
	}
	for i, v := range []string{mercedes, tesla} {
		when := at.Add(time.Duration(i) * time.Minute)
		p := gate.Passage{ID: gate.PassageID(when.Format("20060102T150405.000000Z") + "-north-0001"), Lane: "north-1", At: when, Arrival: gate.Arrival{VIN: v, Via: "keyboard"},
			Result: judge.Assess(gate.Request{VIN: v, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "EU", At: when})}
		if err := store.Record(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	before, err := store.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var r whatIfAnswer
	out := refdataSupply(t, "whatif", "--edge", "mercedes_benz_group/baic", "--drop", "--policy", "us-s4429-proposed", "--data", dir, "--json")
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if want := (gate.WhatIfCount{Judged: 3, Lowered: 1}); r.Vehicles != want {
		t.Errorf("vehicles %+v, want %+v", r.Vehicles, want)
	}
	if want := (gate.WhatIfCount{Judged: 2, Lowered: 1}); r.Passages != want {
		t.Errorf("passages %+v, want %+v", r.Passages, want)
	}
	var listed []string
	for _, l := range r.List {
		if l.Kind == gate.WhatIfVehicle || l.Kind == gate.WhatIfPassage {
			listed = append(listed, l.Vehicle+" "+l.Before+" "+l.After)
		}
	}
	if len(listed) != 2 || !strings.HasPrefix(listed[0], "MERCEDES-BENZ") || !strings.HasSuffix(listed[1], "deny flag") {
		t.Errorf("%q", listed)
	}
	after, err := store.Verify(t.Context())
	if err != nil || after.Entries != before.Entries || len(after.Misfits) > 0 {
		t.Errorf("the log had %d entries and has %d: %v", before.Entries, after.Entries, err)
	}
}
