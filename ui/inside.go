package ui

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
)

// Ledger is what people do with the list of who is inside. It may be called
// concurrently. *gate.Ledger is one.
type Ledger interface {
	Stays(ctx context.Context, who gate.Person, f gate.StayFilter) ([]gate.Stay, error)
	// Left and IsInside are durable on return, also where the error is
	// gate.ErrNotDecidedAgain.
	Left(ctx context.Context, who gate.Person, stay, why string) error
	IsInside(ctx context.Context, who gate.Person, vin, plate, why string) (string, error)
}

const (
	insideRows   = 40     // of one page
	insideAtOnce = 1000   // read at a time where the whole list is looked through
	insideFar    = 20_000 // how many vehicles are looked through at most
	maxSought    = 64
)

// insidePage lists who is inside. What is searched for is a VIN or a plate, and
// comes in the body of a POST: addresses are kept by browsers and proxies.
func (s *Server) insidePage(k *call) error {
	if k.QueryParams().Has("q") {
		return bad("bad-request", "q: a search is posted, an address would keep it")
	}
	if err := parseForm(k); err != nil {
		return err
	}
	return s.showInside(k, nil)
}

// correctInside records what a person says of who is inside.
func (s *Server) correctInside(k *call) error {
	if s.cfg.Ledger == nil {
		return refuse(http.StatusNotFound, "not-found", errors.New("this site keeps no list of who is inside"))
	}
	if err := parseForm(k); err != nil {
		return err
	}
	err := s.correction(k)
	if errors.Is(err, gate.ErrNotDecidedAgain) {
		s.cfg.Log.ErrorContext(k.Request().Context(), "vehicles at the lines not decided again", "error", err)
		err = nil
	}
	if err != nil {
		return s.showInside(k, err)
	}
	return k.Redirect(http.StatusSeeOther, insideAddress(s.from(k), k.FormValue("show"), true))
}

func (s *Server) correction(k *call) error {
	why := strings.TrimSpace(k.FormValue("why"))
	if len(why) > maxReason {
		return bad("too-large", "why: more than %d bytes", maxReason)
	}
	ctx, who := k.Request().Context(), k.person()
	if stay := k.FormValue("left"); stay != "" {
		err := s.cfg.Ledger.Left(ctx, who, stay, why)
		if errors.Is(err, gate.ErrOver) {
			return refuse(http.StatusConflict, "inside-over", err)
		}
		return err
	}
	vin, plate := strings.TrimSpace(k.FormValue("vin")), strings.TrimSpace(k.FormValue("plate"))
	switch {
	case gate.NormalVIN(vin) == "" && gate.NormalPlate(plate) == "":
		return bad("no-vin", "neither VIN nor plate")
	case len(vin) > maxVINTyped:
		return bad("long-vin", "vin: %d characters", len(vin))
	case len([]rune(gate.NormalPlate(plate))) > maxPlate:
		return bad("too-large", "plate: more than %d characters", maxPlate)
	}
	_, err := s.cfg.Ledger.IsInside(ctx, who, vin, plate, why)
	if errors.Is(err, gate.ErrExists) {
		return refuse(http.StatusConflict, "inside-already", err)
	}
	return err
}

// from is the lane whose screen the page was opened from; empty is none.
func (s *Server) from(k *call) gate.LaneID {
	id := gate.LaneID(cmp.Or(k.FormValue("lane"), k.QueryParam("lane")))
	if _, ok := s.cfg.Lanes.View(id); !ok {
		return ""
	}
	return id
}

func insideAddress(lane gate.LaneID, show string, done bool) string {
	q := url.Values{}
	if lane != "" {
		q.Set("lane", string(lane))
	}
	if show == view.InsideOverdue || show == view.InsideAll {
		q.Set("show", show)
	}
	if done {
		q.Set("done", "1")
	}
	if len(q) == 0 {
		return "/inside"
	}
	return "/inside?" + q.Encode()
}

func (s *Server) showInside(k *call, problem error) error {
	if s.cfg.Ledger == nil {
		return refuse(http.StatusNotFound, "not-found", errors.New("this site keeps no list of who is inside"))
	}
	p := &view.Inside{Base: s.base(k), Lane: string(s.from(k)), Show: view.InsideNow, Text: strings.TrimSpace(k.FormValue("q")),
		Corrects: auth.May(k.role, auth.CorrectInside), Done: problem == nil && k.QueryParam("done") != ""}
	switch show := cmp.Or(k.FormValue("show"), k.QueryParam("show")); show {
	case "":
	case view.InsideNow, view.InsideOverdue, view.InsideAll:
		p.Show = show
	default:
		return bad("bad-request", "show: %q is none of now, overdue, all", show)
	}
	p.Path = insideAddress(gate.LaneID(p.Lane), p.Show, false)
	if len(p.Text) > maxSought {
		return bad("too-large", "q: %d characters", len(p.Text))
	}
	var after int64
	if text := k.FormValue("after"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return bad("bad-request", "after: %q is not the end of a page", text)
		}
		after = n
	}
	if err := s.findInside(k, p, after); err != nil {
		return err
	}
	status := http.StatusOK
	if problem != nil {
		f := classify(problem)
		s.cfg.Log.InfoContext(k.Request().Context(), "request refused", "path", k.Path(), "status", f.status, "class", f.class, "error", problem)
		status, p.Problem = f.status, p.T("error."+f.class, f.args...)
		p.VIN, p.Plate, p.Why, p.Left = k.FormValue("vin"), k.FormValue("plate"), k.FormValue("why"), k.FormValue("left")
	}
	return s.page(k, status, p)
}

// findInside fills the rows. Where only some of those inside are wanted, all of
// them are looked through: they are as many as fit on the site.
func (s *Server) findInside(k *call, p *view.Inside, after int64) error {
	lanes, now := map[gate.LaneID]string{}, s.cfg.Now()
	for _, lv := range s.cfg.Lanes.Lanes() {
		lanes[lv.Lane] = lv.Name
	}
	ctx, who := k.Request().Context(), k.person()
	f := gate.StayFilter{Inside: p.Show != view.InsideAll, Limit: insideRows + 1, After: after}
	through := p.Show == view.InsideOverdue || f.Inside && p.Text != ""
	if !f.Inside && p.Text != "" {
		// Years of stays are not looked through: of those the whole name is asked.
		if vin := gate.NormalVIN(p.Text); len(vin) == 17 {
			f.VIN = vin
		} else {
			f.Plate = p.Text
		}
	}
	if through {
		f.Limit = insideAtOnce
	}
	sought := gate.FoldAlike(gate.NormalPlate(p.Text))
	for seen := 0; ; {
		list, err := s.cfg.Ledger.Stays(ctx, who, f)
		if err != nil {
			return err
		}
		for i := range list {
			v := &list[i]
			late := v.Overdue(now, s.cfg.LongestStay)
			switch {
			case p.Show == view.InsideOverdue && !late, through && !soughtAs(v, sought):
				continue
			case len(p.Rows) == insideRows:
				p.More = p.Rows[insideRows-1].Seq
				return nil
			}
			p.Rows = append(p.Rows, p.Row(v, lanes, late))
		}
		seen += len(list)
		switch {
		case !through || len(list) < f.Limit:
			return nil
		case seen >= insideFar:
			p.Cut = seen
			return nil
		}
		f.After = list[len(list)-1].Seq
	}
}

// soughtAs says whether a stay bears what is sought in its VIN or plate, also
// where somebody took a letter for a digit.
func soughtAs(v *gate.Stay, sought string) bool {
	return sought == "" || strings.Contains(gate.FoldAlike(v.VIN), sought) || strings.Contains(gate.FoldAlike(v.Plate), sought)
}
