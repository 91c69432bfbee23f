package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
	"sallyport/rf"
	"sallyport/vin"
	"sallyport/vin/telematics"
)

// yardPast fills the site in dir with n passages of the yard's vehicles, as its
// Judge decides them, over the ninety days before until.
func yardPast(t testing.TB, dir string, n int, until time.Time) *gate.Judge {
	t.Helper()
	ctx := context.Background()
	s, err := sqlite.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	index, err := vin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := telematics.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	graph, err := supply.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	p, err := pack.Open(pack.PaperBaseline)
	if err != nil {
		t.Fatal(err)
	}
	prefixes, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	judge := gate.NewJudge(index, catalogue, graph, p)
	const lanes, days = 8, 90
	var wg sync.WaitGroup
	for l := range lanes {
		wg.Go(func() {
			lane := yardLane{id: gate.LaneID(fmt.Sprint("lane", l)), queue: rand.New(rand.NewPCG(uint64(l), 1)), air: rand.New(rand.NewPCG(uint64(l), 2))}
			var several sync.WaitGroup
			for k := l; k < n; k += lanes {
				a, radios := lane.next()
				at := until.Add(-time.Duration(n-k) * (days * 24 * time.Hour / time.Duration(n)))
				q := gate.Request{VIN: a.VIN, Plate: a.Plate, Class: a.Class, Zone: policy.Zone(1 + l%4), Market: "EU", At: at, Declared: a.Declared}
				var heard []rf.Observation
				for _, r := range radios {
					r.TS, r.Sensor = at, "stop"
					heard = append(heard, r.Observation)
				}
				if q.Radio = rf.HearOnce(heard, prefixes); q.Radio == nil {
					q.Radio = &rf.Finding{Sensed: true, Sensor: "stop"}
				}
				rec := gate.Passage{ID: gate.PassageID(fmt.Sprintf("%s-%s-%06d", at.Format("20060102T150405.000000Z"), lane.id, k)), Lane: lane.id, At: at, Arrival: a, Result: judge.Assess(q)}
				several.Go(func() {
					if err := s.Record(ctx, rec); err != nil {
						t.Error(err)
					}
				})
				if k/lanes%32 == 0 {
					several.Wait()
				}
			}
			several.Wait()
		})
	}
	wg.Wait()
	return judge
}

// The site's passages, decided again beside it: numbers, chart, list of changes,
// and no vehicle named unless that is asked for. Nothing is recorded.
func TestPolicyBacktest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
	yardPast(t, dir, 300, testNow)
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	before, err := store.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	args := []string{"policy", "backtest", "us-s4429-proposed", "--data", dir, "--days", "60"}
	code, text, errs := runWith(t, nil, append(args, "--chart", filepath.Join(out, "a.svg"), "--csv", filepath.Join(out, "a.csv"))...)
	if code != 0 || len(errs) > 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	code, doc, errs := runWith(t, nil, append(args, "--json")...)
	var r gate.BacktestReport
	if err := json.Unmarshal(doc, &r); err != nil || code != 0 || r.Judged < 150 || r.Judged > 250 || r.Changed == 0 || r.Partial {
		t.Fatalf("exit %d, %v: %+v%s", code, err, r, errs)
	}
	for _, says := range []string{
		r.Words(), "decided before by paper-baseline ", "no record holds", "Arrivals per week", "government", "TESLA", "critical", "lane3",
	} {
		if !strings.Contains(string(text), says) {
			t.Errorf("does not say %q:\n%s", says, text)
		}
	}
	svg, err := os.ReadFile(filepath.Join(out, "a.svg"))
	if err != nil || !bytes.Equal(svg, r.Chart()) {
		t.Errorf("the chart is not that of the report: %v", err)
	}
	list, err := os.ReadFile(filepath.Join(out, "a.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(list)).ReadAll()
	if err != nil || len(rows) != r.Changed+1 {
		t.Errorf("%d rows of %d changes, %v", len(rows), r.Changed, err)
	}
	named, err := store.Passages(t.Context(), gate.PassageFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	_, withNames, _ := runWith(t, nil, append(args, "--vehicles", "--examples", "1000")...)
	vehicles := 0
	for _, p := range named {
		for _, is := range [][]byte{text, doc, svg, list} {
			if bytes.Contains(is, []byte(p.VIN)) || bytes.Contains(is, []byte(p.Plate)) {
				t.Fatalf("%s is named", p.VIN)
			}
		}
		if bytes.Contains(withNames, []byte(p.VIN)) {
			vehicles++
		}
	}
	if vehicles != r.Changed {
		t.Errorf("%d vehicles are named of %d", vehicles, r.Changed)
	}
	if code, _, errs := runWith(t, nil, append(args, "--csv", filepath.Join(out, "a.csv"))...); code != 1 || !strings.Contains(string(errs), "exists") {
		t.Errorf("a list that exists: exit %d, %s", code, errs)
	}
	after, err := store.Verify(t.Context())
	if err != nil || after.Entries != before.Entries {
		t.Errorf("the log had %d entries and has %d: %v", before.Entries, after.Entries, err)
	}
}

// Interrupted, it prints what was done so far and says so.
func TestPolicyBacktestInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
	yardPast(t, dir, 1200, testNow)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stdout, stderr bytes.Buffer
	asked := time.Duration(0)
	list := filepath.Join(t.TempDir(), "a.csv")
	code := run(ctx, []string{"policy", "backtest", "us-s4429-proposed", "--data", dir, "--days", "100", "--json", "--csv", list}, &streams{
		in: strings.NewReader(""), out: &stdout, err: &stderr,
		now: func() time.Time {
			asked++
			if stderr.Len() > 0 {
				stop()
			}
			return testNow.Add(asked * time.Second)
		},
	})
	var r gate.BacktestReport
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || code != 1 || !r.Partial || r.Judged == 0 || r.Judged >= 1200 {
		t.Errorf("exit %d, %v, %d judged, %s", code, err, r.Judged, stderr.String())
	}
	if !strings.Contains(stderr.String(), "of 1200 passages (") || !strings.Contains(stderr.String(), fmt.Sprintf("of the first %d passages", r.Judged)) {
		t.Errorf("%s", stderr.String())
	}
	if b, err := os.ReadFile(list); err != nil || !strings.Contains(string(b), "stopped") || strings.Count(string(b), "\n") != r.Changed+2 {
		t.Errorf("%v %s", err, b)
	}
}

// A file of requests, and the site's list, are decided by the policy in force
// and by the draft.
func TestPolicyBacktestOfRequests(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	runOK(t, "", "init", "--data", dir, "--site", "t", "--name", "Test")
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.PutRegistrations(t.Context(),
		gate.Registration{VIN: "W1KLF6DB2TA000001", Class: policy.ClassGovernment, Market: "EU", At: testNow},
		gate.Registration{VIN: "2HGEJ6672WH500001", Class: policy.ClassPrivate, Market: "US", At: testNow},
		gate.Registration{Plate: "WX 12345", Class: policy.ClassPrivate, At: testNow}); err != nil {
		t.Fatal(err)
	}
	backtest := func(in string, args ...string) (r gate.BacktestReport, code int, errs string) {
		code, out, e := runWith(t, []byte(in), append([]string{"policy", "backtest", "us-s4429-proposed", "--json"}, args...)...)
		if len(out) > 0 {
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatal(err)
			}
		}
		return r, code, string(e)
	}
	r, code, errs := backtest("", "--data", dir, "--fleet")
	if code != 0 || r.Judged != 3 || r.Stricter != 2 || r.List[1].ID != "vehicle 3 of the list" || r.List[1].After != "deny" {
		t.Errorf("fleet: exit %d: %+v%s", code, r, errs)
	}
	const mercedes = `{"vin":"W1KLF6DB2TA000001","zone":"restricted","class":"private"}`
	r, code, errs = backtest("\n"+mercedes+"\n"+`{"vin":"2HGEJ6672WH500001","zone":"restricted"}`, "--requests", "-")
	if code != 0 || r.Judged != 2 || r.Changed != 2 || r.List[0].ID != "line 2" {
		t.Errorf("requests: exit %d: %+v%s", code, r, errs)
	}
	r, code, errs = backtest(mercedes+"\n{\"vim\":1}\n"+mercedes, "--requests", "-")
	if code != 1 || r.Judged != 1 || !r.Partial || !strings.Contains(errs, "line 2") {
		t.Errorf("a line that is no request: exit %d: %+v%s", code, r, errs)
	}
	for args, says := range map[string]string{
		"":                                      "name the site",
		"--fleet --requests -":                  "either",
		"--data " + dir + " --from yesterday":   "is not a day",
		"--data " + dir + " --until 2026-01-01": "is before",
		"--data " + dir + " --days=-1":          "no number of days",
		"--data " + dir + " --examples 0":       "less than 1",
		"--data " + dir + " --fleet --zone x":   "zone",
		"--data " + dir + " --on 1.1.2027":      "is not a day",
		"--requests /does/not/exist":            "no such file",
		"--requests - --against nobody.yaml":    "neither a shipped pack",
	} {
		if _, code, errs := backtest("", strings.Fields(args)...); code == 0 || !strings.Contains(errs, says) {
			t.Errorf("%s: exit %d, want %q in %s", args, code, says, errs)
		}
	}
	if code, _, errs := runWith(t, nil, "policy", "backtest", "7", "--data", dir); code == 0 || !strings.Contains(string(errs), "version 7") {
		t.Errorf("a version that is not there: %s", errs)
	}
	if code, _, errs := runWith(t, nil, "policy", "backtest", "7", "--requests", "-"); code == 0 || !strings.Contains(string(errs), "--data") {
		t.Errorf("a version of no site: %s", errs)
	}
}

// BenchmarkBacktest decides the recorded passages of a site again under another
// policy: SALLYPORT_PASSAGES of them, else 5,000. The budget of 100,000 is 15 s.
func BenchmarkBacktest(b *testing.B) {
	n := 5000
	if s := os.Getenv("SALLYPORT_PASSAGES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	dir := b.TempDir()
	if _, err := sqlite.Init(b.Context(), dir, "yard", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		b.Fatal(err)
	}
	judge := yardPast(b, dir, n, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	draft, err := pack.Open("us-s4429-proposed")
	if err != nil {
		b.Fatal(err)
	}
	r, err := sqlite.OpenReader(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	size := 0
	if err := r.EachRecord(b.Context(), time.Time{}, time.Time{}, func(p gate.PastRecord) error { size += len(p.Doc); return nil }); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		got, err := gate.Backtest{Judge: judge, Draft: draft}.Passages(b.Context(), r, time.Time{}, time.Time{})
		if err != nil || got.Judged != n || got.Changed == 0 {
			b.Fatalf("%+v, %v", got, err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "passages/s")
	b.ReportMetric(float64(size)/float64(n), "bytes/record")
}
