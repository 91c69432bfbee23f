package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"sallyport/gate"
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
	f, form, err := s.passageFilter(k)
	if err != nil {
		return err
	}
	f.Limit = rowsAtOnce + 1
	if before := k.FormValue("before"); before != "" {
		n, err := strconv.ParseInt(before, 10, 64)
		if err != nil || n < 0 {
			return bad("bad-request", "before: %q is not a log number", before)
		}
		f.Before = n
	}
	rows, err := s.listPassages(k.Request().Context(), f)
	if err != nil {
		return fmt.Errorf("list passages: %w", err)
	}
	b := s.base(k)
	b.Path = "/passages"
	p := view.Passages{Base: b, Form: form, Lanes: s.laneChoices()}
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
	return s.showPassage(k, id, nil)
}

// showPassage draws the page of a passage, with what was computed again.
func (s *Server) showPassage(k *call, id string, again []gate.Replayed) error {
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
	b := s.base(k)
	b.Path = "/passages/" + url.PathEscape(id)
	p := view.NewPassage(b, r, s.cfg.Say)
	p.Audited, p.Replay = s.cfg.Audit != nil, view.NewReplay(again)
	return s.page(k, http.StatusOK, p)
}

func (s *Server) data(k *call) error {
	sets, err := s.cfg.Data(k.Request().Context())
	if err != nil {
		return fmt.Errorf("read the editions: %w", err)
	}
	p := view.Data{Base: s.base(k), Sets: sets}
	if s.cfg.Knowledge != nil {
		p.Release = s.cfg.Knowledge.Release()
	}
	return s.page(k, http.StatusOK, p)
}
