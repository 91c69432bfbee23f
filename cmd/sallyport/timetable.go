package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"

	"sallyport/gate/sqlite"
)

// jobTimeout bounds one run of a job; what is left is done at the next.
const jobTimeout = 10 * time.Minute

// lookEvery is how often it is looked whether a job is due. The clock may be set
// and the machine may sleep: what was due meanwhile is found at the next look.
const lookEvery = 15 * time.Second

// retryAfter is when a job that failed is tried again, if it is not due before.
const retryAfter = time.Hour

// The results of a job's run.
const (
	jobOK       = "ok"
	jobFailed   = "failed"
	jobPanicked = "panicked"
)

// errJobRuns says that the job runs already.
var errJobRuns = errors.New("it runs already")

// job is one task of the site's housekeeping.
type job struct {
	name string
	when schedule
	// task does it, and says in words what it did. memory is what it wants to know
	// at its next run; it may change it.
	task func(ctx context.Context, memory *string) (detail string, err error)
}

// jobStore keeps how jobs went. Both are durable on return.
type jobStore interface {
	Jobs(context.Context) ([]sqlite.JobState, error)
	PutJob(context.Context, sqlite.JobState) error
}

// timetable runs jobs when they are due by the site's clock: each at most once
// for an instant at which it is due, never twice at once, and after a start for
// what was missed while the site was off. Its methods may be called
// concurrently.
type timetable struct {
	store jobStore
	now   func() time.Time // the site's clock, which never goes back behind a record
	log   *slog.Logger
	list  []*entry
	every time.Duration // between two looks whether a job is due
}

// entry is a job and how it goes.
type entry struct {
	job
	busy sync.Mutex // held by the run

	mu      sync.Mutex // guards what follows
	state   sqlite.JobState
	running bool
	since   time.Time // when it last ended in this program, or the program began
}

// newTimetable reads how the jobs went. A job that never ran is due next time: a
// new site has missed nothing.
func newTimetable(ctx context.Context, store jobStore, now func() time.Time, log *slog.Logger, jobs []job) (*timetable, error) {
	known, err := store.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	t := &timetable{store: store, now: now, log: log, every: lookEvery}
	for _, j := range jobs {
		e := &entry{job: j, since: time.Now(), state: sqlite.JobState{Name: j.name}}
		if i := slices.IndexFunc(known, func(s sqlite.JobState) bool { return s.Name == j.name }); i >= 0 {
			e.state = known[i]
		} else if j.when.every == 0 {
			e.state.Due = j.when.last(now())
		}
		t.list = append(t.list, e)
	}
	return t, nil
}

// start has gocron look at each job. The caller shuts the scheduler down, which
// waits for what runs.
func (t *timetable) start(ctx context.Context) (gocron.Scheduler, error) {
	sched, err := gocron.NewScheduler()
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	for _, e := range t.list {
		_, err := sched.NewJob(gocron.DurationJob(t.every), gocron.NewTask(func() { t.look(ctx, e) }),
			gocron.WithName(e.name), gocron.WithSingletonMode(gocron.LimitModeReschedule))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("jobs: %s: %w", e.name, err), sched.Shutdown())
		}
	}
	sched.Start()
	return sched, nil
}

// look runs a job if it is due.
func (t *timetable) look(ctx context.Context, e *entry) {
	if due, is := e.due(t.now()); is && ctx.Err() == nil {
		// What went wrong is on the page and in the program's log.
		_, _ = t.run(ctx, e, due)
	}
}

// due says whether a job is due, and for which instant.
func (e *entry) due(now time.Time) (time.Time, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := e.when.last(now)
	quiet := time.Since(e.since) // not by the clock on the wall, which may be set
	switch {
	case e.running:
		return at, false
	case at.After(e.state.Due):
		failed := e.state.Result != "" && e.state.Result != jobOK && !e.state.Ended.IsZero()
		return at, !failed || quiet >= min(retryAfter, e.when.period()) || e.state.Ended.Before(now.Add(-retryAfter))
	}
	// A clock that was ahead for a while must not put it off until then.
	return at, quiet > e.when.period()*3/2
}

// runNow runs a job of that name because somebody asks for it.
func (t *timetable) runNow(ctx context.Context, name string) (sqlite.JobState, error) {
	i := slices.IndexFunc(t.list, func(e *entry) bool { return e.name == name })
	if i < 0 {
		var names []string
		for _, e := range t.list {
			names = append(names, e.name)
		}
		return sqlite.JobState{}, fmt.Errorf("there is no job %q; there are %v", name, names)
	}
	return t.run(ctx, t.list[i], t.list[i].when.last(t.now()))
}

// run runs a job for the instant at which it was due, and keeps how it went.
func (t *timetable) run(ctx context.Context, e *entry, due time.Time) (sqlite.JobState, error) {
	if !e.busy.TryLock() {
		return sqlite.JobState{}, fmt.Errorf("job %s: %w", e.name, errJobRuns)
	}
	defer e.busy.Unlock()
	e.mu.Lock()
	s := e.state
	s.Begun, s.Ended = t.now(), time.Time{}
	e.state, e.running = s, true
	e.mu.Unlock()
	if e.when.period() >= time.Hour {
		// So that a run that a power cut ended is known for one.
		t.keep(ctx, s)
	}
	begun := time.Now()
	err := t.attempt(ctx, e, &s)
	s.Took, s.Ended = time.Since(begun), t.now()
	s.Runs++
	if err != nil {
		s.Failures++
		s.Detail = err.Error()
		t.log.ErrorContext(ctx, "job failed", slog.String("job", e.name), slog.Any("error", err))
	} else {
		s.Result = jobOK
		s.Due = later(s.Due, due)
	}
	e.mu.Lock()
	e.state, e.running, e.since = s, false, time.Now()
	e.mu.Unlock()
	t.keep(ctx, s)
	return s, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// keep writes down how a job goes. That it cannot be is no reason not to run it.
func (t *timetable) keep(ctx context.Context, s sqlite.JobState) {
	if err := t.store.PutJob(context.WithoutCancel(ctx), s); err != nil {
		t.log.WarnContext(ctx, "how a job went cannot be kept", slog.String("job", s.Name), slog.Any("error", err))
	}
}

// attempt runs the task with a bound on its time. A panic ends the task and not
// the program: gocron would let it through.
func (t *timetable) attempt(ctx context.Context, e *entry, s *sqlite.JobState) (err error) {
	s.Result = jobFailed
	defer func() {
		if r := recover(); r != nil {
			s.Result = jobPanicked
			err = fmt.Errorf("panic: %v", r)
			t.log.ErrorContext(ctx, "job panicked", slog.String("job", e.name), slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	detail, err := e.task(ctx, &s.Memory)
	if err == nil {
		s.Detail = detail
	}
	return err
}

// jobLine is a job and how it goes, for people and machines.
type jobLine struct {
	sqlite.JobState
	When    string    `json:"when"`
	Running bool      `json:"running"`
	Next    time.Time `json:"next"`
}

// lines are all jobs as they stand.
func (t *timetable) lines() []jobLine {
	now := t.now()
	var out []jobLine
	for _, e := range t.list {
		e.mu.Lock()
		l := jobLine{JobState: e.state, When: e.when.String(), Running: e.running, Next: e.when.next(now)}
		at, quiet := e.when.last(now), time.Since(e.since)
		if failed := l.Result != "" && l.Result != jobOK; failed && at.After(l.Due) && !l.Ended.IsZero() {
			l.Next = now.Add(max(0, min(retryAfter, e.when.period())-quiet))
		} else if at.After(l.Due) {
			l.Next = now
		}
		e.mu.Unlock()
		out = append(out, l)
	}
	return out
}
