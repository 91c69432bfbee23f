package view

import "time"

// Jobs is the page of the site's housekeeping.
type Jobs struct {
	Base
	Rows []JobRow
}

func (Jobs) template() string { return "jobs" }

// JobRow is one task.
type JobRow struct {
	Name     string // "job." and the name is its key in the catalogues
	When     string // 03:10, 1 h, 5 min
	Running  bool
	Begun    time.Time // zero: never
	Took     time.Duration
	OK       bool // of the last run
	Result   string
	Next     time.Time
	Runs     int64
	Failures int64
}

// State is the key of how the last run went.
func (r JobRow) State() string {
	switch {
	case r.Running:
		return "job.running"
	case r.Begun.IsZero():
		return "job.never"
	case r.OK:
		return "job.ok"
	}
	return "job.failed"
}

// Sign is the shape and colour of how the last run went.
func (r JobRow) Sign() string {
	switch {
	case r.Running, r.Begun.IsZero():
		return "flag"
	case r.OK:
		return "grant"
	}
	return "deny"
}

// Spent is how long the last run took.
func (r JobRow) Spent() string { return r.Took.Round(time.Millisecond).String() }

// Failing are the tasks whose last run failed.
func (j Jobs) Failing() (n int) {
	for _, r := range j.Rows {
		if r.State() == "job.failed" {
			n++
		}
	}
	return n
}
