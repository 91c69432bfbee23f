package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/ui/view"
)

// rowsAtOnce is the length of one page of passages.
const rowsAtOnce = 50

// passages lists past passages. What is searched for is a VIN or a plate, and
// comes in the body of a POST: addresses are kept by browsers and proxies.
func (s *Server) passages(k *call) error {
	if k.QueryParams().Has("q") {
		return bad("bad-request", "q: a search is posted, an address would keep it")
	}
	if err := parseForm(k); err != nil {
		return err
	}
	f := gate.PassageFilter{Limit: rowsAtOnce + 1}
	text := strings.ToUpper(strings.Join(strings.Fields(k.FormValue("q")), ""))
	switch {
	case len(text) > maxVINTyped:
		return bad("too-large", "q: %d characters", len(text))
	case len(text) == 17:
		f.VIN = text
	default:
		f.Plate = strings.ToUpper(strings.TrimSpace(k.FormValue("q")))
	}
	switch o := k.FormValue("outcome"); o {
	case "":
	case "grant":
		f.Outcome = policy.Grant
	case "flag":
		f.Outcome = policy.Flag
	case "deny":
		f.Outcome = policy.Deny
	default:
		return bad("bad-request", "outcome: %q is none of grant, flag, deny", o)
	}
	if before := k.FormValue("before"); before != "" {
		n, err := strconv.ParseInt(before, 10, 64)
		if err != nil || n < 0 {
			return bad("bad-request", "before: %q is not a log number", before)
		}
		f.Before = n
	}
	rows, err := s.cfg.Store.Passages(k.Request().Context(), f)
	if err != nil {
		return fmt.Errorf("list passages: %w", err)
	}
	b := s.base(k)
	b.Path = "/passages"
	p := view.Passages{Base: b, Text: strings.TrimSpace(k.FormValue("q")), Outcome: k.FormValue("outcome")}
	if len(rows) > rowsAtOnce {
		rows = rows[:rowsAtOnce]
		p.Older = rows[len(rows)-1].Seq
	}
	for _, r := range rows {
		p.Rows = append(p.Rows, view.NewPassageRow(r))
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) passage(k *call) error {
	id, err := url.PathUnescape(k.Param("id"))
	if err != nil {
		return refuse(http.StatusNotFound, "not-found", err)
	}
	r, err := s.cfg.Store.Passage(k.Request().Context(), gate.PassageID(id))
	if err != nil {
		return fmt.Errorf("read passage %q: %w", id, err)
	}
	// Whoever was forced may be the one whose screen this is.
	r.Acts = slices.DeleteFunc(slices.Clone(r.Acts), func(a gate.Act) bool { return a.Kind == gate.ActDuress && a.By == k.user.Name })
	for i, a := range r.Acts {
		if a.Supervisor == gate.UnderDuress && a.By == k.user.Name {
			r.Acts[i].Supervisor = ""
		}
	}
	return s.page(k, http.StatusOK, view.NewPassage(s.base(k), r, s.cfg.Say))
}

func (s *Server) data(k *call) error {
	sets, err := s.cfg.Data(k.Request().Context())
	if err != nil {
		return fmt.Errorf("read the editions: %w", err)
	}
	return s.page(k, http.StatusOK, view.Data{Base: s.base(k), Sets: sets})
}

func (s *Server) logPage(k *call) error {
	return s.page(k, http.StatusOK, view.Log{Base: s.base(k)})
}

func (s *Server) verifyLog(k *call) error {
	r, err := s.cfg.Verify(k.Request().Context())
	if err != nil {
		return fmt.Errorf("verify the log: %w", err)
	}
	b := s.base(k)
	b.Path = "/log"
	return s.page(k, http.StatusOK, view.Log{Base: b, Report: &r})
}
