package ui

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
)

// errNotOffered says that this site is not made to answer.
var errNotOffered error = &fault{status: http.StatusServiceUnavailable, class: "unavailable", err: errors.New("this site does not offer it")}

// apiLive says that the program answers; whatever is wrong beside that, a start
// anew would not mend it.
func (s *Server) apiLive(k *call) error {
	return k.JSON(http.StatusOK, map[string]string{"status": "alive"})
}

// readiness says whether vehicles can be decided by machine at every lane.
type readiness struct {
	Status  string      `json:"status"` // ready, unavailable
	Reasons []unready   `json:"reasons"`
	Lanes   []laneReady `json:"lanes"`
}

type unready struct {
	Lane   gate.LaneID `json:"lane,omitempty"` // empty: the whole site
	Reason string      `json:"reason"`
}

type laneReady struct {
	Lane  gate.LaneID `json:"lane"`
	State gate.State  `json:"state"`
	Ready bool        `json:"ready"`
}

// apiReady gives every reason why no verdict could be given now. A lane that a
// person has closed is as it should be.
func (s *Server) apiReady(k *call) error {
	out := readiness{Status: "ready", Reasons: []unready{}, Lanes: []laneReady{}}
	for _, lv := range s.cfg.Lanes.Lanes() {
		r := laneReady{Lane: lv.Lane, State: lv.State, Ready: true}
		if (lv.State == gate.Manual || lv.State == gate.OutOfService) && lv.Closed == "" {
			r.Ready = false
			why := "the lane is " + string(lv.State)
			if lv.Notice != "" {
				why += ": " + lv.Notice
			}
			out.Reasons = append(out.Reasons, unready{Lane: lv.Lane, Reason: why})
		}
		out.Lanes = append(out.Lanes, r)
	}
	if err := s.cfg.Healthy(k.Request().Context()); err != nil {
		out.Reasons = append(out.Reasons, unready{Reason: s.toldToAnyone(k, err)})
	}
	status := http.StatusOK
	if len(out.Reasons) > 0 {
		status, out.Status = http.StatusServiceUnavailable, "unavailable"
	}
	return k.JSON(status, out)
}

// Unhealthy is why no verdict could be given now. Reason is what anybody may be
// told of it; Err, the whole chain, is for the log.
type Unhealthy struct {
	Reason string
	Err    error
}

func (u *Unhealthy) Error() string { return u.Reason + ": " + u.Err.Error() }
func (u *Unhealthy) Unwrap() error { return u.Err }

// toldToAnyone is what of the site's ill health concerns somebody who has shown
// no token.
func (s *Server) toldToAnyone(k *call, err error) string {
	s.cfg.Log.WarnContext(k.Request().Context(), "not ready", "error", err)
	if u, ok := errors.AsType[*Unhealthy](err); ok {
		return u.Reason
	}
	return "the site cannot decide; its log says why"
}

// insideList is a page of the vehicles inside, the one that is in for longest
// first.
type insideList struct {
	At    time.Time `json:"at"`
	Stays []stay    `json:"stays"`
	Next  int64     `json:"next,omitempty"` // after of the next page; absent on the last
}

// stay is one vehicle inside; VIN and plate are absent where they are not known
// or were erased.
type stay struct {
	VIN        string         `json:"vin,omitempty"`
	Plate      string         `json:"plate,omitempty"`
	Lane       gate.LaneID    `json:"lane,omitempty"` // through which it came
	Since      time.Time      `json:"since"`
	Passage    gate.PassageID `json:"passage,omitempty"` // absent: a person said that it is inside
	Conditions []string       `json:"conditions"`        // that were imposed on it
	Due        time.Time      `json:"due,omitzero"`      // when its pass ends
	Again      bool           `json:"again,omitempty"`   // by the list it was inside already when it came in
}

const (
	insidePage = 100
	insideMost = 1000
)

func (s *Server) apiInside(k *call) error {
	if s.cfg.Inside == nil {
		return errNotOffered
	}
	f := gate.StayFilter{Inside: true, Limit: insidePage}
	if k.device.Lane != auth.WholeSite {
		f.Lane = gate.LaneID(k.device.Lane)
	}
	var err error
	if text := k.QueryParam("limit"); text != "" {
		if f.Limit, err = strconv.Atoi(text); err != nil || f.Limit < 1 || f.Limit > insideMost {
			return badField("limit", "%.20q is not a number from 1 to %d", text, insideMost)
		}
	}
	if text := k.QueryParam("after"); text != "" {
		if f.After, err = strconv.ParseInt(text, 10, 64); err != nil || f.After < 0 {
			return badField("after", "%.20q is not the end of a page", text)
		}
	}
	list, err := s.cfg.Inside.Stays(k.Request().Context(), f)
	if err != nil {
		return fmt.Errorf("who is inside: %w", err)
	}
	out := insideList{At: s.cfg.Now().UTC(), Stays: []stay{}}
	for _, v := range list {
		c := v.Conditions
		if c == nil {
			c = []string{}
		}
		out.Stays = append(out.Stays, stay{v.VIN, v.Plate, v.Lane, v.Since, v.Passage, c, v.Due, v.Again})
	}
	if len(list) == f.Limit {
		out.Next = list[len(list)-1].Seq
	}
	return k.JSON(http.StatusOK, out)
}

// apiAcknowledge takes note of an alarm, in the name of the person who signs with
// a PIN on the machine's screen.
func (s *Server) apiAcknowledge(k *call) error {
	if s.cfg.Alarms == nil || s.cfg.Signer == nil {
		return errNotOffered
	}
	var in struct {
		By   string `json:"by"`
		PIN  string `json:"pin"`
		Note string `json:"note"`
	}
	if err := k.in(&in); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(in.By) == "":
		return badField("by", "missing: a person takes note, not a machine")
	case in.PIN == "":
		return badField("pin", "missing")
	case len(in.Note) > maxReason:
		return badField("note", "more than %d bytes", maxReason)
	}
	open, _ := s.cfg.Alarms.Open()
	at := slices.IndexFunc(open, func(a gate.SiteAlarm) bool { return a.ID == k.Param("id") && k.sees(a.Lane) })
	if at < 0 {
		return refuse(http.StatusNotFound, "not-found", fmt.Errorf("no open alarm %q", k.Param("id")))
	}
	ctx := k.Request().Context()
	release, err := s.limits.hashing(ctx)
	if err != nil {
		return err
	}
	who, err := s.cfg.Signer.Confirm(ctx, open[at].Lane, in.By, in.PIN)
	release()
	switch {
	case errors.Is(err, gate.ErrPINWrong):
		return refuse(http.StatusForbidden, "forbidden", err)
	case errors.Is(err, gate.ErrPINLocked):
		return refuse(http.StatusTooManyRequests, "too-many", err)
	case err != nil:
		return err
	case !auth.May(who.Role, auth.AcknowledgeAlarm):
		return refuse(http.StatusForbidden, "forbidden", fmt.Errorf("role %q lacks %q", who.Role, auth.AcknowledgeAlarm))
	}
	done, err := s.cfg.Alarms.Acknowledge(ctx, who, open[at].ID, in.Note)
	if errors.Is(err, gate.ErrExists) {
		return refuse(http.StatusConflict, "stale", err)
	}
	if err != nil {
		return err
	}
	return k.JSON(http.StatusOK, map[string]string{"acknowledged": done.ID, "by": who.Name})
}

func (s *Server) apiJobs(k *call) error {
	if s.cfg.Jobs == nil {
		return errNotOffered
	}
	if k.device.Lane != auth.WholeSite {
		return refuse(http.StatusForbidden, "forbidden", fmt.Errorf("device %q is of one lane, and the housekeeping is the site's", k.device.ID))
	}
	list, err := s.cfg.Jobs(k.Request().Context())
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	if list == nil {
		list = []Job{}
	}
	return k.JSON(http.StatusOK, map[string][]Job{"jobs": list})
}

// apiDocument is the description of this interface for programs.
func (s *Server) apiDocument(k *call) error {
	return k.Blob(http.StatusOK, "application/vnd.oai.openapi+json;version=3.1", s.api.JSON)
}

// apiPage is the same for people.
func (s *Server) apiPage(k *call) error {
	if err := s.recognise(k); err != nil {
		return err
	}
	return s.page(k, http.StatusOK, view.API{Base: s.base(k), Doc: s.api.Page})
}
