package main

import (
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/policy"
	"sallyport/policy/pack"
)

// What another site found and signed for counts for the commands that judge a
// site's vehicles beside it, as it does for serve and assess.
func TestCommandsBesideASiteCountSignedFindings(t *testing.T) {
	north, here := inspectSite(t, ""), inspectSite(t, "")
	recordAlike(t, north, 6)
	file := filepath.Join(t.TempDir(), "shares.json")
	if code, out, errs := inspect(t, north, "export", "--out", file, "--name", "north gate"); code != 0 {
		t.Fatalf("%s%s", out, errs)
	}
	shares, err := readAggregate(file)
	if err != nil {
		t.Fatal(err)
	}
	site, err := openBeside(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := site.Close(); err != nil {
			t.Error(err)
		}
	}()
	told := func(held *refdata.Data) bool {
		t.Helper()
		judge, err := site.judge(t.Context(), &streams{err: io.Discard}, pack.PaperBaseline, held)
		if err != nil {
			t.Fatal(err)
		}
		a := judge.Assess(gate.Request{VIN: inspectVIN, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "EU", At: time.Now().Add(time.Minute).UTC()})
		b, err := json.Marshal(a.Answer())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(b), "6 of 6 inspected at site north gate")
	}
	if told(&refdata.Data{}) {
		t.Fatal("it was told of before it came")
	}
	if !told(&refdata.Data{Findings: []refdata.Finding{{Role: "site-north", Aggregate: shares}}}) {
		t.Error("what another site signed for does not count")
	}
}
