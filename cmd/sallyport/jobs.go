package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/go-co-op/gocron/v2"

	"sallyport/gate/sqlite"
)

// jobTimeout bounds one run of a job; what is left is done at the next.
const jobTimeout = 10 * time.Minute

// job is one task of the site's housekeeping.
type job struct {
	name string
	when gocron.JobDefinition
	task func(context.Context) error
}

// jobs are the site's: the erasure of personal data past its retention, the
// whole log read back at night, the signed head of the log kept outside the
// database, who stands behind whom worked out before the day begins,
// the keys under which radios get pseudonyms, and the end of old sessions.
func (st *site) jobs() []job {
	return []job{
		{"retention", gocron.DailyJob(1, gocron.NewAtTimes(gocron.NewAtTime(3, 10, 0))), func(ctx context.Context) error {
			if err := retain(ctx, st.store, st.cfg.RetentionDays, st.now()); err != nil {
				return err
			}
			return st.learning.Rebuild(ctx)
		}},
		{"verify", gocron.DailyJob(1, gocron.NewAtTimes(gocron.NewAtTime(2, 30, 0))), st.verifyLog},
		{"checkpoint", gocron.DurationJob(time.Minute), st.keepHead},
		{"owners", gocron.DurationJob(time.Hour), func(context.Context) error {
			st.prepare(st.now().Add(2 * time.Hour)) // before the day on which owners may change
			return nil
		}},
		{"radio keys", gocron.DurationJob(time.Hour), st.radio.look},
		{"sessions", gocron.DurationJob(time.Hour), func(ctx context.Context) error {
			_, err := st.store.DeleteExpiredSessions(ctx, st.now())
			return err
		}},
	}
}

// startJobs schedules jobs. The caller shuts the scheduler down.
func startJobs(ctx context.Context, jobs []job, log *slog.Logger) (gocron.Scheduler, error) {
	sched, err := gocron.NewScheduler()
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	for _, j := range jobs {
		_, err := sched.NewJob(j.when, gocron.NewTask(func() { runJob(ctx, log, j.name, j.task) }),
			gocron.WithName(j.name), gocron.WithSingletonMode(gocron.LimitModeReschedule))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("jobs: %s: %w", j.name, err), sched.Shutdown())
		}
	}
	sched.Start()
	return sched, nil
}

// retain erases the personal data of passages older than the site's retention.
func retain(ctx context.Context, st *sqlite.Store, days int, now time.Time) error {
	_, err := st.EraseBefore(ctx, now.AddDate(0, 0, -days), now, fmt.Sprintf("retention of %d days", days))
	return err
}

// runJob runs a task with a bound on its time. A panic ends the task and not
// the program: gocron would let it through.
func runJob(ctx context.Context, log *slog.Logger, name string, task func(context.Context) error) {
	defer func() {
		if r := recover(); r != nil {
			log.ErrorContext(ctx, "job panicked", slog.String("job", name), slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	if err := task(ctx); err != nil {
		log.ErrorContext(ctx, "job failed", slog.String("job", name), slog.Any("error", err))
	}
}
