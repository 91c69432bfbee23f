package gallery

import (
	"time"

	"sallyport/gate/auth"
	"sallyport/ui/view"
)

// siteEntries are the pages of signing in and of the site's housekeeping.
func siteEntries() []Entry {
	at := At()
	return []Entry{
		{Name: "signin", Path: "/signin", Page: func(b view.Base) (view.Page, error) { return view.SignIn{Base: b, Next: "/"}, nil }},
		{Name: "signin-wrong", Path: "/signin", Page: func(b view.Base) (view.Page, error) {
			return view.SignIn{Base: b, Name: "m.nowak", Next: "/", Problem: b.T("signin.wrong")}, nil
		}},
		{Name: "error", Role: auth.Auditor, Path: "/passages/none", Page: func(b view.Base) (view.Page, error) {
			return view.Error{Base: b, Text: b.T("error.not-found")}, nil
		}},
		{Name: "error-internal", Role: auth.Auditor, Path: "/passages", Page: func(b view.Base) (view.Page, error) {
			return view.Error{Base: b, Text: b.T("error.internal"), Number: "MZQ7KPD2AX3VB6YTWE4NCR5LJH"}, nil
		}},
		{Name: "jobs", Role: auth.Administrator, Path: "/jobs", Page: func(b view.Base) (view.Page, error) {
			return view.Jobs{Base: b, Rows: []view.JobRow{
				{Name: "checkpoint", When: "1 min", Begun: at.Add(-20 * time.Second), Took: 3 * time.Millisecond, OK: true, Result: "signed 184,220 entries", Next: at.Add(40 * time.Second), Runs: 40218},
				{Name: "verify", When: "02:40", Begun: at.Add(-9 * time.Hour), Took: 1904 * time.Millisecond, OK: true, Result: "184,012 entries, nothing misfits", Next: at.Add(15 * time.Hour), Runs: 28},
				{Name: "backup", When: "03:10", Begun: at.Add(-8 * time.Hour), Took: 12 * time.Second, Result: "backup: write /var/backups/sallyport/2026-11-23.sallyport: no space left on device", Next: at.Add(15 * time.Hour), Runs: 28, Failures: 2},
				{Name: "retention", When: "1 h", Running: true, Begun: at.Add(-time.Second), Runs: 671},
				{Name: "list", When: "03:40", Next: at.Add(16 * time.Hour)},
			}}, nil
		}},
		{Name: "jobs-none", Role: auth.Administrator, Path: "/jobs", Page: func(b view.Base) (view.Page, error) { return view.Jobs{Base: b}, nil }},
	}
}
