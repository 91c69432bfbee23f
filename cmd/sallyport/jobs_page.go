package main

import (
	"context"
	"errors"

	"sallyport/ui"
)

// screenJobs are the jobs as the screens show them.
func (st *site) screenJobs(context.Context) ([]ui.Job, error) {
	if st.table == nil {
		return nil, errors.New("the jobs have not begun")
	}
	var out []ui.Job
	for _, l := range st.table.lines() {
		j := ui.Job{Name: l.Name, Running: l.Running, Begun: l.Begun, Ended: l.Ended, Result: l.Detail, Next: l.Next,
			When: l.When, Took: l.Took, Runs: l.Runs, Failures: l.Failures}
		switch {
		case l.Running, l.Begun.IsZero():
		case l.Ended.IsZero():
			ok := false
			j.OK, j.Result = &ok, "the program ended amid it"
		default:
			ok := l.Result == jobOK
			j.OK = &ok
		}
		out = append(out, j)
	}
	return out, nil
}
