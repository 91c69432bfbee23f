package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/refdata"
	"sallyport/gate/sqlite"
)

// jobMemory keeps jobs as the database does.
type jobMemory struct {
	mu   sync.Mutex
	kept map[string]sqlite.JobState
	fail error
}

func (m *jobMemory) Jobs(context.Context) (list []sqlite.JobState, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.kept {
		list = append(list, j)
	}
	return list, nil
}

func (m *jobMemory) PutJob(_ context.Context, j sqlite.JobState) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.kept == nil {
		m.kept = map[string]sqlite.JobState{}
	}
	m.kept[j.Name] = j
	return nil
}

func (m *jobMemory) of(name string) sqlite.JobState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[name]
}

// doing makes a task of a function.
func doing(f func(context.Context) error) func(context.Context, *string) (string, error) {
	return func(ctx context.Context, _ *string) (string, error) { return "done", f(ctx) }
}

// A task that panics or fails is logged and kept, and the next one still runs:
// gocron alone would let the panic end the program.
func TestJobsSurviveAPanic(t *testing.T) {
	var logs lockedBuffer
	store := &jobMemory{}
	ran := make(chan string, 64)
	table, err := newTimetable(t.Context(), store, time.Now, slog.New(slog.NewTextHandler(&logs, nil)), []job{
		{"bad", every(time.Hour), doing(func(context.Context) error { ran <- "bad"; panic("no paper in the printer") })},
		{"failing", every(time.Hour), doing(func(context.Context) error { ran <- "failing"; return errors.New("out of ink") })},
		{"good", every(time.Hour), doing(func(ctx context.Context) error {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("a task has no bound on its time")
			}
			ran <- "good"
			return nil
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	table.every = 10 * time.Millisecond
	sched, err := table.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for len(seen) < 3 {
		seen[<-ran] = true
	}
	if err := sched.Shutdown(); err != nil { // waits for what runs
		t.Fatal(err)
	}
	for name, want := range map[string]string{"bad": "panicked: panic: no paper in the printer", "failing": "failed: out of ink", "good": "ok: done"} {
		j := store.of(name)
		if got := j.Result + ": " + j.Detail; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if j.Runs < 1 || (name == "good") != (j.Failures == 0) {
			t.Errorf("%s: %d runs, %d failures", name, j.Runs, j.Failures)
		}
	}
	for _, want := range []string{"no paper in the printer", "out of ink"} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("the log does not speak of %q:\n%s", want, logs.String())
		}
	}
}

// spend lets that much time pass, with a look at every job each minute.
func spend(ctx context.Context, table *timetable, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Minute) {
		for _, e := range table.list {
			table.look(ctx, e)
		}
	}
}

// life is one run of the program for some hours, with a clock that is off by so
// much at each hour.
type life struct {
	hours int
	skew  func(hour int) time.Duration
}

// TestJobsAndTheClock runs a daily job through power cuts and clocks that are
// set: never twice for one day, and made up for after a start.
func TestJobsAndTheClock(t *testing.T) {
	right := func(int) time.Duration { return 0 }
	for _, c := range []struct {
		name  string
		off   time.Duration // without power between two lives
		lives []life
		runs  int
	}{
		{"three days", 0, []life{{72, right}}, 3},
		{"off at 03:10", 6 * time.Hour, []life{{1, right}, {1, right}}, 1},        // 00:00-01:00, then 07:00
		{"off for a week", 7 * 24 * time.Hour, []life{{4, right}, {1, right}}, 2}, // once for all that was missed
		{"on and off after it", time.Minute, []life{{5, right}, {1, right}, {1, right}}, 1},
		{"set back over it", 0, []life{{20, func(h int) time.Duration {
			if h >= 6 {
				return -4 * time.Hour
			}
			return 0
		}}}, 1},
		{"set forward over it", 0, []life{{12, func(h int) time.Duration {
			if h >= 1 {
				return 4 * time.Hour
			}
			return 0
		}}}, 1},
		{"a month ahead for an hour", 0, []life{{72, func(h int) time.Duration {
			if h == 5 {
				return 30 * 24 * time.Hour
			}
			return 0
		}}}, 3}, // 03:10; the false month's; then each 36 hours until the month is over
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &jobMemory{}
				ran := 0
				for _, l := range c.lives {
					begun := time.Now()
					site := gate.NewClock(func() time.Time {
						now := time.Now()
						return now.Add(l.skew(int(now.Sub(begun) / time.Hour)))
					})
					if j := store.of("nightly"); !j.Ended.IsZero() {
						site.AtLeast(j.Ended) // as the last record does
					}
					now := func() time.Time {
						at, _ := site.Stamp() // records are made all the time
						return at
					}
					table, err := newTimetable(t.Context(), store, now, slog.New(slog.DiscardHandler), []job{
						{"nightly", daily(3, 10, time.UTC), doing(func(context.Context) error { ran++; return nil })},
					})
					if err != nil {
						t.Fatal(err)
					}
					// A site that has run before.
					if len(store.kept) == 0 {
						if err := store.PutJob(t.Context(), table.list[0].state); err != nil {
							t.Fatal(err)
						}
					}
					spend(t.Context(), table, time.Duration(l.hours)*time.Hour)
					time.Sleep(c.off)
				}
				if ran != c.runs {
					t.Errorf("%d runs, want %d", ran, c.runs)
				}
			})
		})
	}
}

// TestJobNeverTwiceAtOnce asks for a job while it runs.
func TestJobNeverTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &jobMemory{}
		var mu sync.Mutex
		at, most := 0, 0
		table, err := newTimetable(t.Context(), store, time.Now, slog.New(slog.DiscardHandler), []job{
			{"slow", every(time.Minute), doing(func(context.Context) error {
				mu.Lock()
				at++
				most = max(most, at)
				mu.Unlock()
				time.Sleep(5 * time.Minute)
				mu.Lock()
				at--
				mu.Unlock()
				return nil
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		var looks sync.WaitGroup
		refused := 0
		for range 60 {
			time.Sleep(17 * time.Second)
			for range 3 {
				looks.Go(func() { table.look(t.Context(), table.list[0]) })
			}
			synctest.Wait()
			if table.lines()[0].Running {
				if _, err := table.runNow(t.Context(), "slow"); !errors.Is(err, errJobRuns) {
					t.Errorf("asked for while it runs: %v", err)
				}
				refused++
			}
		}
		looks.Wait()
		if most != 1 || refused == 0 || store.of("slow").Runs < 3 {
			t.Errorf("%d at once, %d refused, %d runs", most, refused, store.of("slow").Runs)
		}
		if _, err := table.runNow(t.Context(), "quick"); err == nil || !strings.Contains(err.Error(), "slow") {
			t.Errorf("a job that is not there: %v", err)
		}
	})
}

// TestJobCutShort finds a run that a power cut ended, and runs it again.
func TestJobCutShort(t *testing.T) {
	dir := demoDir(t)
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	yesterday := testNow.AddDate(0, 0, -1).UTC()
	cut := sqlite.JobState{Name: "nightly", Due: yesterday.AddDate(0, 0, -1), Begun: yesterday, Result: jobOK, Detail: "well", Memory: "m", Runs: 7, Failures: 1}
	if err := store.PutJob(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	if list, err := store.Jobs(t.Context()); err != nil || len(list) != 1 || list[0] != cut {
		t.Fatalf("%+v, %v", list, err)
	}
	var heard string
	table, err := newTimetable(t.Context(), store, func() time.Time { return testNow }, slog.New(slog.DiscardHandler), []job{
		{"nightly", daily(3, 10, time.UTC), func(_ context.Context, memory *string) (string, error) {
			heard, *memory = *memory, "n"
			return "again", nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	table.look(t.Context(), table.list[0])
	table.look(t.Context(), table.list[0])
	list, err := store.Jobs(t.Context())
	if err != nil || heard != "m" || list[0].Memory != "n" || list[0].Runs != 8 || list[0].Detail != "again" || list[0].Ended.IsZero() {
		t.Errorf("heard %q, %+v, %v", heard, list, err)
	}
	if v, err := store.Verify(t.Context()); err != nil || !v.Clean() {
		t.Errorf("%+v, %v", v.Misfits, err)
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
	if _, err := retain(t.Context(), store, 30, testNow); err != nil {
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

// TestDamagedLogAtStart starts a site whose log somebody has changed: no vehicle
// is judged, and the site says which entry; paper forms and duress still work, and
// once the log is whole the lanes begin by themselves.
func TestDamagedLogAtStart(t *testing.T) {
	dir := demoDir(t)
	db, err := sql.Open("sqlite3", filepath.Join(dir, "site.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	change := func(from, to string) {
		t.Helper()
		if _, err := db.Exec("UPDATE log SET entry = replace(entry, ?, ?) WHERE seq = 0", from, to); err != nil {
			t.Fatal(err)
		}
	}
	change("created", "creates")
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	st, err := wireSite(t.Context(), dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- st.serve(ctx, "127.0.0.1:0", func(base string) { ready <- base }) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	var base string
	select {
	case base = <-ready:
	case err := <-done:
		done <- nil
		t.Fatalf("the site does not start: %v", err)
	}
	resp, err := http.Get(base + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	why, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(st.healthy(ctx).Error(), "entry 0") {
		t.Errorf("healthz: %d %s", resp.StatusCode, why)
	}
	vehicle := gate.Arrival{VIN: "5YJXCAE42MF000001"}
	if id, err := st.controller.Arrive(ctx, "north", vehicle); err == nil {
		t.Errorf("a vehicle was judged on a damaged record: %s", id)
	}
	if v, _ := st.controller.View("north"); v.State != gate.Manual {
		t.Errorf("the lane is %s", v.State)
	}
	if _, err := st.watch.Forms.Print(ctx, gate.Person{Name: "anna", Role: auth.Guard}, "north", 2); err != nil {
		t.Errorf("no paper form: %v", err)
	}
	st.watch.Desk.Duress("north", "anna")
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	waitFor(limit, t, func() bool {
		open, err := st.store.OpenAlarms(ctx)
		return err == nil && slices.ContainsFunc(open, func(a gate.SiteAlarm) bool { return a.Kind == gate.AlarmDuress })
	})
	change("creates", "created")
	if err := st.verifyAll(ctx); err != nil {
		t.Errorf("whole again: %v", err)
	}
	waitFor(limit, t, func() bool {
		_, err := st.controller.Arrive(ctx, "north", vehicle)
		return err == nil
	})
	if err := st.healthy(ctx); err != nil {
		t.Errorf("whole again: %v", err)
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

// TestDamageWhileRunning changes the log under a site that runs: the next
// reading finds it, no vehicle is judged any more, and the log says why.
func TestDamageWhileRunning(t *testing.T) {
	dir := demoDir(t)
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	st, err := wireSite(t.Context(), dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer st.store.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- st.controller.Run(ctx) }()
	if err := st.inService(ctx); err != nil {
		t.Fatal(err)
	}
	if err := st.verifyAll(ctx); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", filepath.Join(dir, "site.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	change := func(from, to string) {
		t.Helper()
		if _, err := db.Exec("UPDATE log SET entry = replace(entry, ?, ?) WHERE seq = 0", from, to); err != nil {
			t.Fatal(err)
		}
	}
	change("created", "creates")
	if err := st.verifyAll(ctx); err == nil || st.healthy(ctx) == nil {
		t.Errorf("the damage is not found: %v", err)
	}
	if id, err := st.controller.Arrive(ctx, "north", gate.Arrival{VIN: "5YJXCAE42MF000001"}); !errors.Is(err, gate.ErrManual) {
		t.Errorf("a vehicle was judged on a damaged record: %s, %v", id, err)
	}
	if v, _ := st.controller.View("north"); v.State != gate.Manual {
		t.Errorf("the lane is %s", v.State)
	}
	change("creates", "created")
	if err := st.verifyAll(ctx); err != nil {
		t.Errorf("whole again: %v", err)
	}
	if _, err := st.controller.Arrive(ctx, "north", gate.Arrival{VIN: "5YJXCAE42MF000001"}); err != nil {
		t.Errorf("whole again, and the lane is not back: %v", err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
