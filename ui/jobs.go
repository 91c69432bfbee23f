package ui

import (
	"fmt"
	"net/http"

	"sallyport/ui/view"
)

// jobs shows the site's housekeeping.
func (s *Server) jobs(k *call) error {
	p := view.Jobs{Base: s.base(k)}
	if s.cfg.Jobs == nil {
		return s.page(k, http.StatusOK, p)
	}
	list, err := s.cfg.Jobs(k.Request().Context())
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	for _, j := range list {
		p.Rows = append(p.Rows, view.JobRow{Name: j.Name, When: j.When, Running: j.Running, Begun: j.Begun, Took: j.Took,
			OK: j.OK != nil && *j.OK, Result: j.Result, Next: j.Next, Runs: j.Runs, Failures: j.Failures})
	}
	return s.page(k, http.StatusOK, p)
}
