package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
)

// staleDays is from what age on reference data is called old on the page of the
// jobs. What old data means for a verdict is for the rules to say.
const staleDays = 90

// jobs are the site's: the erasure of personal data past its retention, the
// whole log and every page of the database read back at night, the signed head
// of the log kept outside the database, a copy of the site, what ceased to hold,
// what would be decided of the vehicles on the list after new data or rules, the
// age of the data, who stands behind whom worked out before the day begins, the
// keys under which radios get pseudonyms, and the end of old sessions.
func (st *site) jobs() []job {
	zone := cmp.Or(st.cfg.zone(), time.Local)
	said := func(f func(context.Context) error) func(context.Context, *string) (string, error) {
		return func(ctx context.Context, _ *string) (string, error) { return "", f(ctx) }
	}
	list := []job{
		{"verify", daily(2, 30, zone), said(st.verifyAll)},
		{"retention", daily(3, 10, zone), func(ctx context.Context, _ *string) (string, error) {
			// What is erased proves nothing any more of who changed the record.
			if err := (sound{st.store, &st.damaged}).check(); err != nil {
				return "", fmt.Errorf("nothing is erased: %w", err)
			}
			n, err := retain(ctx, st.store, st.retention(), st.now())
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%d records erased", n), st.learning.Rebuild(ctx)
		}},
		{"freshness", daily(6, 0, zone), func(context.Context, *string) (string, error) { return st.freshness() }},
		{"checkpoint", every(time.Minute), said(st.keepHead)},
		{"expiry", every(time.Hour), st.expire},
		{"list", every(5 * time.Minute), st.foresee},
		{"owners", every(time.Hour), func(context.Context, *string) (string, error) {
			st.prepare(st.now().Add(2 * time.Hour)) // before the day on which owners may change
			return "", nil
		}},
		{"radio-keys", every(time.Hour), said(st.radio.look)},
		{"sessions", every(time.Hour), func(ctx context.Context, _ *string) (string, error) {
			n, err := st.store.DeleteExpiredSessions(ctx, st.now())
			return fmt.Sprintf("%d sessions ended", n), err
		}},
	}
	if st.cfg.Backup.Dir != "" {
		if hour, minute, err := st.cfg.Backup.time(); err == nil { // checked when the configuration was read
			list = append(list, job{"backup", daily(hour, minute, zone), st.backupJob})
		}
	}
	return list
}

// retain erases the personal data of passages older than the site's retention.
func retain(ctx context.Context, st *sqlite.Store, days int, now time.Time) (int, error) {
	return st.EraseBefore(ctx, now.AddDate(0, 0, -days), now, fmt.Sprintf("retention of %d days", days))
}

// verifyAll reads the whole log back, and every page of the database.
func (st *site) verifyAll(ctx context.Context) error {
	if err := st.verifyLog(ctx); err != nil {
		return err
	}
	err := st.store.CheckPages(ctx)
	if !errors.Is(err, sqlite.ErrDamaged) {
		return err
	}
	why := err.Error()
	st.damaged.Store(&why)
	return errors.Join(err, st.store.RecordEvent(ctx, gate.Event{Kind: gate.EventLogDamaged, At: st.now().UTC(), Detail: why}))
}

// sound is the store as the lanes use it: once the log or the database is found
// damaged no verdict is given by machine, and the lanes go to manual procedure
// at the next vehicle or act, until it is found whole again.
type sound struct {
	*sqlite.Store
	damaged *atomic.Pointer[string]
}

func (s sound) check() error {
	if why := s.damaged.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

// Record is refused while the record is damaged (gate.Recorder).
func (s sound) Record(ctx context.Context, p gate.Passage) error {
	if err := s.check(); err != nil {
		return err
	}
	return s.Store.Record(ctx, p)
}

// RecordReassessment is refused while the record is damaged (gate.Recorder).
func (s sound) RecordReassessment(ctx context.Context, r gate.Reassessment) error {
	if err := s.check(); err != nil {
		return err
	}
	return s.Store.RecordReassessment(ctx, r)
}

// RecordAct is refused while the record is damaged (gate.Recorder).
func (s sound) RecordAct(ctx context.Context, a gate.Act) error {
	if err := s.check(); err != nil {
		return err
	}
	return s.Store.RecordAct(ctx, a)
}

// CloseOpen waits until the record is whole, and with it the start of the lanes
// (gate.Recorder).
func (s sound) CloseOpen(ctx context.Context, at time.Time) ([]gate.PassageID, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return s.Store.CloseOpen(ctx, at)
}

// RecordEvent does not bring a lane back while the record is damaged
// (gate.Recorder).
func (s sound) RecordEvent(ctx context.Context, e gate.Event) error {
	if e.Kind == gate.EventStoreBack {
		if err := s.check(); err != nil {
			return err
		}
	}
	return s.Store.RecordEvent(ctx, e)
}

// RecordStanding is as RecordEvent (gate.Recorder).
func (s sound) RecordStanding(ctx context.Context, e gate.Event, after gate.LaneStanding) error {
	if e.Kind == gate.EventStoreBack {
		if err := s.check(); err != nil {
			return err
		}
	}
	return s.Store.RecordStanding(ctx, e, after)
}

// expire says what ceased to hold since it was last looked: a thing that has
// expired holds no longer, whether anybody looks or not.
func (st *site) expire(ctx context.Context, memory *string) (string, error) {
	now := st.rules.clock.Now()
	since, err := time.Parse(time.RFC3339Nano, *memory)
	if err != nil {
		since = now
	}
	inspections, err := st.store.InspectionsExpired(ctx, since, now)
	if err != nil {
		return "", err
	}
	exemptions, err := st.exemptionsExpired(since, now)
	if err != nil {
		return "", err
	}
	*memory = now.Format(time.RFC3339Nano)
	said := []string{fmt.Sprintf("%d inspections and %d rules ceased to hold", inspections, exemptions)}
	for _, look := range st.expiring {
		what, err := look(ctx)
		if err != nil {
			return "", err
		}
		said = append(said, what)
	}
	return strings.Join(said, ", "), nil
}

// exemptionsExpired counts the rules in force, exemptions among them, whose
// instrument ended in (since, now].
func (st *site) exemptionsExpired(since, now time.Time) (n int, err error) {
	_, p, err := st.inForce()
	if err != nil {
		return 0, err
	}
	for _, r := range p.Rules() {
		if r.Instrument.To == "" {
			continue
		}
		end, err := time.Parse(time.DateOnly, r.Instrument.To)
		if err != nil {
			continue // a day that is not written out is for the policy's check
		}
		if end = end.AddDate(0, 0, 1); end.After(since) && !end.After(now) {
			n++
		}
	}
	return n, nil
}

// freshness says how old the reference data in use is. Data that is old is no
// failure of the site, and is called so all the same: somebody should look.
func (st *site) freshness() (string, error) {
	var old, fine []string
	for _, d := range st.dataSets() {
		if d.AgeDays < 0 {
			continue
		}
		line := fmt.Sprintf("%s: %d days", d.Name, d.AgeDays)
		if d.AgeDays >= staleDays {
			old = append(old, line)
		} else {
			fine = append(fine, line)
		}
	}
	if len(old) > 0 {
		return "", fmt.Errorf("older than %d days: %s", staleDays, strings.Join(old, ", "))
	}
	return strings.Join(fine, ", "), nil
}

// jobOps are the jobs for the command line.
func (st *site) jobOps() map[string]operation {
	return map[string]operation{
		"/jobs": op(func(context.Context, struct{}) ([]jobLine, error) { return st.table.lines(), nil }),
		"/jobs/run": op(func(ctx context.Context, in struct{ Name string }) (sqlite.JobState, error) {
			// Whoever asked may go away; what was begun is brought to its end.
			return st.table.runNow(context.WithoutCancel(ctx), in.Name)
		}),
	}
}

// storedJobs are the jobs of a site that does not run.
func storedJobs(store *sqlite.Store) map[string]operation {
	return map[string]operation{
		"/jobs": op(func(ctx context.Context, _ struct{}) ([]jobLine, error) {
			list, err := store.Jobs(ctx)
			var out []jobLine
			for _, s := range list {
				out = append(out, jobLine{JobState: s})
			}
			return out, err
		}),
		"/jobs/run": op(func(context.Context, struct{ Name string }) (sqlite.JobState, error) {
			return sqlite.JobState{}, errors.New("the site does not run; its jobs do when it does, those that were missed among them")
		}),
	}
}

// jobsListCmd is `sallyport jobs`.
type jobsListCmd struct {
	Data string `help:"Data directory of the site." default:"./data" placeholder:"DIR"`
}

// Run prints how each job last went, and when it is due.
func (c *jobsListCmd) Run(ctx context.Context, s *streams) (err error) {
	call, end, err := reach(ctx, c.Data, func(store *sqlite.Store) (map[string]operation, error) { return storedJobs(store), nil })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	var list []jobLine
	if err := call("/jobs", struct{}{}, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "JOB\tWHEN\tLAST RUN\tTOOK\tRESULT\tNEXT\tIN WORDS")
	for _, l := range list {
		next := "when the site runs"
		if !l.Next.IsZero() {
			next = l.Next.UTC().Format(time.RFC3339)
		}
		last, result := "never", l.Result
		if !l.Begun.IsZero() {
			last = l.Begun.UTC().Format(time.RFC3339)
		}
		switch {
		case l.Running:
			result = "runs now"
		case !l.Begun.IsZero() && l.Ended.IsZero():
			result = "ended with the program"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.When, last, l.Took.Round(time.Millisecond), result, next, l.Detail)
	}
	return w.Flush()
}

// jobsRunCmd is `sallyport jobs run`.
type jobsRunCmd struct {
	Name string `arg:"" help:"Which job."`
	Data string `help:"Data directory of the site." default:"./data" placeholder:"DIR"`
}

// Run has the running site run a job now.
func (c *jobsRunCmd) Run(ctx context.Context, s *streams) (err error) {
	call, end, err := reach(ctx, c.Data, func(store *sqlite.Store) (map[string]operation, error) { return storedJobs(store), nil })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	var j sqlite.JobState
	if err := call("/jobs/run", struct{ Name string }{c.Name}, &j); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s: %s in %s: %s\n", j.Name, j.Result, j.Took.Round(time.Millisecond), j.Detail)
	return nil
}
