package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/vin/telematics"
)

// alike are vehicles of one kind, an EX30 of model year 2025.
var alike = []string{"YV4EK3ZL8SS000010", "YV4EK3ZLXSS000011", "YV4EK3ZL1SS000012", "YV4EK3ZL3SS000013", "YV4EK3ZL5SS000014", "YV4EK3ZL7SS000015"}

// observedIn are the words of what was found in other vehicles, as `assess
// --data` gives them.
func observedIn(t *testing.T, dir, vin string) []string {
	t.Helper()
	at := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	code, out, errs := runWith(t, []byte(`{"vin":"`+vin+`","class":"private","zone":"restricted","market":"EU","at":"`+at+`"}`), "assess", "--data", dir)
	if code != 0 {
		t.Fatalf("assess: exit %d: %s%s", code, out, errs)
	}
	return regexp.MustCompile(`\d+ of \d+ inspected at [^"]*`).FindAllString(string(out), -1)
}

// record enters inspections of n of the vehicles alike, by two people on five
// days.
func recordAlike(t *testing.T, dir string, n int) (ids []string) {
	t.Helper()
	for i, vin := range alike[:n] {
		in := inspectOK[gate.Inspection](t, dir, "add", vin, "--by", []string{"anna", "jan"}[i%2], "--result", "found",
			"--read", "fcc_id=XMR202003AG525RGL", "--at", time.Now().AddDate(0, 0, -1-i%5).UTC().Format(time.RFC3339))
		ids = append(ids, in.ID)
	}
	return ids
}

// What was read in six vehicles is told of the seventh, on the command line and
// to another site; without one that was withdrawn, and not of four.
func TestInspectShares(t *testing.T) {
	dir := inspectSite(t, "")
	if got := observedIn(t, dir, inspectVIN); got != nil {
		t.Fatalf("before: %q", got)
	}
	ids := recordAlike(t, dir, 6)
	code, out, errs := inspect(t, dir, "shares", "--make", "volvo", "--model", "ex30")
	if code != 0 {
		t.Fatalf("%s%s", out, errs)
	}
	for _, want := range []string{"VOLVO EX30, model year 2025, any market (tcu)", "6 vehicles on 5 days by 2 inspectors", "Quectel: 6 of 6 inspected at this site, ", "95 % bounds ", "none found: 0 of 6"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	if g := inspectOK[sharesGroup](t, dir, "shares", "--json"); g.Inspected != 6 || g.Inspectors != 2 || !g.Enough || len(g.Makers) != 1 {
		t.Errorf("%+v", g)
	}
	if got := observedIn(t, dir, inspectVIN); len(got) == 0 || !strings.HasPrefix(got[0], "6 of 6 inspected at this site") {
		t.Errorf("of the seventh: %q", got)
	}

	// Export, and what another site makes of it.
	file := filepath.Join(t.TempDir(), "shares.json")
	if code, out, errs := inspect(t, dir, "export", "--out", file); code == 0 || !strings.Contains(errs, "[learning]") {
		t.Errorf("without a name: exit %d: %s%s", code, out, errs)
	}
	if code, out, errs := inspect(t, dir, "export", "--out", file, "--name", "north gate"); code != 0 {
		t.Fatalf("%s%s", out, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`[A-Za-z0-9]{17}|anna|jan\b`).Find(text); m != nil || !bytes.Contains(text, []byte("AG525R-GL")) {
		t.Errorf("%q leaves the site in %s", m, text)
	}
	if code, _, errs := inspect(t, dir, "export", "--out", file, "--name", "north gate"); code == 0 || !strings.Contains(errs, "exists") {
		t.Errorf("a file was written over: %s", errs)
	}
	other := inspectSite(t, "")
	for range 2 {
		if code, out, errs := inspect(t, other, "import", file); code != 0 || !strings.Contains(out, `of site "north gate"`) {
			t.Fatalf("exit %d: %s%s", code, out, errs)
		}
	}
	if got := observedIn(t, other, inspectVIN); len(got) == 0 || !strings.HasPrefix(got[0], "6 of 6 inspected at site north gate") {
		t.Errorf("at the other site: %q", got)
	}
	if code, out, errs := inspect(t, other, "shares"); code != 0 || out != "" || !strings.Contains(errs, "nothing was inspected") {
		t.Errorf("the other site counts as its own: exit %d: %s%s", code, out, errs)
	}
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, bytes.Replace(text, []byte(`"inspected": 6`), []byte(`"inspected": 7`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := inspect(t, other, "import", bad); code == 0 || !strings.Contains(errs, "bad.json") || !strings.Contains(errs, "add up") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	// A file that was damaged since is left out, and said.
	kept, err := filepath.Glob(filepath.Join(other, sharesDir, "*.json"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%q, %v", kept, err)
	}
	if err := os.WriteFile(kept[0], text[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := inspect(t, other, "shares"); code != 0 || !strings.Contains(errs, kept[0]) {
		t.Errorf("exit %d: %s", code, errs)
	}

	// Two are withdrawn: four are too few.
	for _, id := range ids[:2] {
		if code, out, errs := inspect(t, dir, "withdraw", id, "--by", "maria", "--why", "wrong label"); code != 0 {
			t.Fatalf("%s%s", out, errs)
		}
	}
	if got := observedIn(t, dir, inspectVIN); got != nil {
		t.Errorf("of four: %q", got)
	}
	if _, out, _ := inspect(t, dir, "shares"); !strings.Contains(out, "too few for a share: it takes 5 vehicles, 3 days and 2 inspectors") {
		t.Errorf("of four:\n%s", out)
	}
}

func TestLearningConfig(t *testing.T) {
	dir := inspectSite(t, "")
	path := filepath.Join(dir, siteFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for toml, want := range map[string]string{
		"[learning]\nk = 1\n":                                  "k: 1",
		"[learning]\nlevel = 95.0\n":                           "level: 95",
		"[learning]\nweight = 0.9\n":                           "weight: 0.9",
		"[learning]\nfraction = 0.9\n":                         "learning.fraction",
		"[learning]\nname = \"north gate\"\nk = 10\nm = 4\n":   "",
		"[learning]\nlevel = 0.9\nweight = 0.34\ncloses = 1.0": "",
	} {
		if err := os.WriteFile(path, append(bytes.Clone(text), "\n"+toml...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadSite(dir); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", toml, err)
		}
	}
}

// The running site counts at once, and decides by it.
func TestSharesOfTheRunningSite(t *testing.T) {
	dir := inspectSite(t, "")
	recordAlike(t, dir, 4)
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	st, err := wireSite(ctx, dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done, up := make(chan error, 1), make(chan string, 1)
	go func() { done <- st.serve(ctx, "127.0.0.1:0", func(base string) { up <- base }) }()
	select {
	case <-up:
	case err := <-done:
		t.Fatal(err)
	}
	found := func() int {
		t.Helper()
		q := telematics.Query{Make: "VOLVO", Model: "EX30", Year: 2025, Market: "EU"}
		n := 0
		for _, u := range st.learning.Shares().Merge(q, telematics.Answer{}).Units {
			n += len(u.Candidates)
		}
		return n
	}
	if n := found(); n != 0 {
		t.Errorf("of four: %d candidates", n)
	}
	in := inspectOK[gate.Inspection](t, dir, "add", alike[4], "--by", "anna", "--result", "found", "--read", "fcc_id=XMR202003AG525RGL")
	if n := found(); n == 0 {
		t.Error("the fifth was recorded while the site ran, and nothing was learnt")
	}
	var req gate.Request
	req.VIN, req.Market, req.At = inspectVIN, "EU", time.Now()
	if a := st.learning.Assess(req); !strings.Contains(fmt.Sprint(a.Facts.Units), "5 of 5 inspected at this site") {
		t.Errorf("units %+v", a.Facts.Units)
	}
	if g := inspectOK[sharesGroup](t, dir, "shares", "--json"); g.Inspected != 5 {
		t.Errorf("%+v", g)
	}
	if code, out, errs := inspect(t, dir, "withdraw", in.ID, "--by", "maria", "--why", "wrong"); code != 0 {
		t.Fatalf("%s%s", out, errs)
	}
	if n := found(); n != 0 {
		t.Errorf("with the fifth withdrawn: %d candidates", n)
	}
	// What another site sends is in use at once and after a new start.
	file := filepath.Join(t.TempDir(), "a.json")
	agg := telematics.Aggregate{Format: telematics.AggregateFormat, Version: telematics.AggregateVersion, Site: "south", Made: "2026-11-01", From: "2026-01-01", To: "2026-02-01",
		K: 5, M: 3, Level: 0.95, Weight: 0.5, Groups: []telematics.Group{{Make: "Volvo", Model: "EX30", Role: "tcu", YearFrom: 2025, YearTo: 2025, From: "2026-01-01", To: "2026-02-01",
			Days: 4, Inspected: 7, Makers: []telematics.Share{{Maker: "Telit", Found: 7, Named: true, Share: 1, Low: 0.5, High: 1}}, None: telematics.Share{High: 0.5}, Other: telematics.Share{High: 0.5}}}}
	text, err := json.Marshal(agg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := inspect(t, dir, "import", file); code != 0 {
		t.Fatalf("%s%s", out, errs)
	}
	if n := found(); n == 0 {
		t.Error("another site's shares are not in use")
	}
	// Retention erases what has expired: it is counted no longer.
	if _, err := retain(ctx, st.store, 1, time.Now().AddDate(3, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if err := st.learning.Rebuild(ctx); err != nil || st.learning.Counted() != 0 {
		t.Errorf("after erasure %d are counted, %v", st.learning.Counted(), err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	l, err := siteLearning(t.Context(), dir, cfg, store, st.live.Load().judge, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	if a := l.Assess(req); !strings.Contains(fmt.Sprint(a.Facts.Units), "7 of 7 inspected at site south") {
		t.Errorf("after a new start: %+v", a.Facts.Units)
	}
}
