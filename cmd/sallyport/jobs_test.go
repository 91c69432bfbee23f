package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-co-op/gocron/v2"
	_ "github.com/mattn/go-sqlite3"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/gate/sqlite"
)

// A task that panics or fails is logged, and the next one still runs: gocron
// alone would let the panic end the program.
func TestJobsSurviveAPanic(t *testing.T) {
	var logs lockedBuffer
	log := slog.New(slog.NewTextHandler(&logs, nil))
	ran := make(chan string, 8)
	sched, err := startJobs(t.Context(), []job{
		{"bad", gocron.DurationJob(time.Hour), func(context.Context) error { ran <- "bad"; panic("no paper in the printer") }},
		{"failing", gocron.DurationJob(time.Hour), func(context.Context) error { ran <- "failing"; return errors.New("out of ink") }},
		{"good", gocron.DurationJob(time.Hour), func(ctx context.Context) error {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("a task has no bound on its time")
			}
			ran <- "good"
			return nil
		}},
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range sched.Jobs() {
		if err := j.RunNow(); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for len(seen) < 3 {
		seen[<-ran] = true
	}
	if err := sched.Shutdown(); err != nil { // waits for what runs
		t.Fatal(err)
	}
	for _, want := range []string{"no paper in the printer", "out of ink"} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("the log does not speak of %q:\n%s", want, logs.String())
		}
	}
}

// Retention erases VIN and plate, and the log stays whole.
func TestRetention(t *testing.T) {
	dir := demoDir(t)
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	a := packAssessment(t, "5YJXCAE42MF000001")
	old := gate.Passage{ID: "old", Lane: "north", At: testNow.AddDate(0, 0, -31), Arrival: gate.Arrival{VIN: a.VIN, Plate: "B-XY 12", Via: "keyboard"}, Result: a}
	young := old
	young.ID, young.At = "young", testNow.AddDate(0, 0, -29)
	for _, p := range []gate.Passage{old, young} {
		if err := store.Record(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if err := store.RecordOutcome(t.Context(), gate.Outcome{Passage: p.ID, Ending: gate.EndRefused, At: p.At.Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := retain(t.Context(), store, 30, testNow); err != nil {
		t.Fatal(err)
	}
	list, err := store.Passages(t.Context(), gate.PassageFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if erased := s.ID == "old"; s.Erased != erased || (s.VIN == "") != erased {
			t.Errorf("%s: %+v", s.ID, s)
		}
	}
	rep, err := store.Verify(t.Context())
	if err != nil || len(rep.Misfits) > 0 || len(list) != 2 {
		t.Errorf("%d passages, %v %+v", len(list), err, rep.Misfits)
	}
}

// A site whose log somebody has changed does not start, and says which entry.
func TestDamagedLogStopsTheStart(t *testing.T) {
	dir := demoDir(t)
	db, err := sql.Open("sqlite3", filepath.Join(dir, "site.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE log SET entry = replace(entry, 'created', 'creates')"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	s := &streams{in: strings.NewReader(""), out: io.Discard, err: &errs, now: time.Now}
	code := run(t.Context(), []string{"serve", "--data", dir, "--addr", "127.0.0.1:0"}, s)
	if code != 1 || !strings.Contains(errs.String(), "entry 0") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

// demoDir makes the demonstration's site, without anybody in it.
func demoDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	s := &streams{out: io.Discard, err: io.Discard, now: func() time.Time { return testNow.AddDate(0, 0, -60) }}
	if _, err := makeSite(t.Context(), dir, "demo", demoSite, s); err != nil {
		t.Fatal(err)
	}
	return dir
}

func packAssessment(t *testing.T, vin string) gate.Assessment {
	t.Helper()
	j, err := newAssessor("paper-baseline", "", &refdata.Data{})
	if err != nil {
		t.Fatal(err)
	}
	return j.Assess(gate.Request{VIN: vin, At: testNow})
}
