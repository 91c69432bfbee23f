package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
)

const (
	maxVINTyped = 64 // what is longer is no VIN with a typing error
	maxPlate    = 16
	maxReason   = 200
)

func (s *Server) home(k *call) error {
	b := s.base(k)
	if auth.May(k.role, auth.SeeLane) {
		return s.page(k, http.StatusOK, view.NewLanes(b, s.cfg.Lanes.Lanes(), s.cfg.Say))
	}
	for _, g := range b.Menu() {
		return k.Redirect(http.StatusSeeOther, g.Address)
	}
	return refuse(http.StatusForbidden, "forbidden", fmt.Errorf("role %q may open nothing", k.role))
}

func (s *Server) kiosk(k *call) error {
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	return s.page(k, http.StatusOK, s.screen(k, lv))
}

func (s *Server) screen(k *call, lv gate.LaneView) *view.Kiosk { return s.screenIn(k, s.base(k), lv) }

func (s *Server) screenIn(k *call, b view.Base, lv gate.LaneView) *view.Kiosk {
	b.Path = lanePath(lv.Lane)
	p := view.NewKiosk(b, lv, s.cfg.Say)
	p.Working, p.SeesRadio = auth.May(k.role, auth.WorkLane), auth.May(k.role, auth.SeeRadio)
	p.Inspects = s.cfg.Inspecting.there() && auth.May(k.role, auth.InspectVehicle)
	p.Stays = s.cfg.Ledger != nil && auth.May(k.role, auth.SeeInside)
	s.furnish(k, p, lv)
	return p
}

func lanePath(id gate.LaneID) string { return "/lane/" + url.PathEscape(string(id)) }

// arrive brings in the vehicle whose VIN was scanned or typed.
func (s *Server) arrive(k *call) error {
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	a := gate.Arrival{VIN: k.FormValue("vin"), Plate: k.FormValue("plate"), Via: "keyboard", Of: gate.PassageID(k.FormValue("of"))}
	if k.FormValue("via") == "scanner" {
		a.Via = "scanner"
	}
	class := k.FormValue("class")
	if class == view.OnCall {
		class, a.OnCall = "emergency", new(true)
	}
	s.work(k, lv.Lane)
	id, err := s.present(k.Request().Context(), lv, a, class)
	if err != nil {
		return s.refuseOnLane(k, lv.Lane, err)
	}
	if wantsJSON(k.Request()) {
		return k.JSON(http.StatusOK, map[string]string{"passage": string(id)})
	}
	return k.Redirect(http.StatusSeeOther, lanePath(lv.Lane))
}

// present checks an arrival that names a vehicle and hands it to the lane.
func (s *Server) present(ctx context.Context, lv gate.LaneView, a gate.Arrival, class string) (gate.PassageID, error) {
	a.VIN, a.Plate = strings.TrimSpace(a.VIN), strings.ToUpper(strings.TrimSpace(a.Plate))
	if gate.NormalPlate(a.Plate) == "" {
		a.Plate = ""
	}
	if passText(a.VIN) { // read by the scanner that reads VINs
		a.VIN, a.Pass = "", a.VIN
	}
	if a.VIN == "" && a.Plate == "" && a.Pass == "" {
		return "", bad("no-vin", "vin: empty")
	}
	if len(a.VIN) > maxVINTyped {
		return "", bad("long-vin", "vin: %d characters", len(a.VIN))
	}
	if len(a.Plate) > maxPlate {
		return "", bad("too-large", "plate: more than %d characters", maxPlate)
	}
	c, err := gate.ParseClass(class)
	if err != nil {
		return "", refuse(http.StatusBadRequest, "class", err)
	}
	a.Class = c
	// A camera that read the plate before the guard scanned the VIN has made
	// the vehicle at the line known by its plate alone: it is this vehicle.
	if p := lv.Passage; a.Plate == "" && a.VIN != "" && p != nil && p.Arrival.VIN == "" && lv.State == gate.Waiting {
		a.Plate = p.Arrival.Plate
	}
	// A plate or a pass without a VIN is one more thing that the guard read of
	// the vehicle that waits.
	if p := lv.Passage; a.VIN == "" && p != nil && lv.State == gate.Waiting {
		a.Of = p.ID
	}
	return s.cfg.Lanes.Arrive(ctx, lv.Lane, a)
}

// passText says whether a text is a signed one, as a pass is: nothing else that a
// scanner reads begins so. What it is worth is for the lane to find out.
func passText(s string) bool {
	return len(s) > maxVINTyped && len(s) <= maxPass && strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2
}

// act carries out what the guard pressed.
func (s *Server) act(k *call) error {
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	if err := s.carryOut(k, lv.Lane); err != nil {
		return s.refuseOnLane(k, lv.Lane, err)
	}
	if wantsJSON(k.Request()) {
		return k.JSON(http.StatusOK, map[string]string{"done": k.FormValue("kind")})
	}
	return k.Redirect(http.StatusSeeOther, lanePath(lv.Lane))
}

func (s *Server) carryOut(k *call, lane gate.LaneID) error {
	kind, err := parseAct(k.FormValue("kind"))
	if err != nil {
		return err
	}
	a := gate.Act{Kind: kind, Passage: gate.PassageID(k.FormValue("passage")), By: k.user.Name, At: s.cfg.Now().UTC()}
	if seen := k.FormValue("decision"); seen != "" {
		if a.Seen, err = strconv.Atoi(seen); err != nil || a.Seen < 0 {
			return bad("bad-request", "decision: %q is no number of one", seen)
		}
	}
	if a.Reason, err = s.reason(k.FormValue("reason_code"), k.FormValue("reason")); err != nil {
		return err
	}
	ctx := k.Request().Context()
	s.work(k, lane)
	if kind == gate.ActOverride {
		if a.Reason == "" {
			return fmt.Errorf("override: %w", gate.ErrNeedsReason)
		}
		if s.cfg.Watch.there() && k.FormValue("pin") != "" {
			return s.override(ctx, k, lane, a)
		}
		if a.Supervisor, err = s.supervisor(ctx, k); err != nil {
			return err
		}
	}
	return s.cfg.Lanes.Act(ctx, lane, a)
}

func parseAct(kind string) (gate.ActKind, error) {
	switch a := gate.ActKind(kind); a {
	case gate.ActOpen, gate.ActHold, gate.ActInspect, gate.ActTurnAway, gate.ActOverride, gate.ActReset:
		return a, nil
	}
	return "", bad("bad-request", "kind: %q is not an act", kind)
}

// reason joins the chosen reason and the person's own words. The record keeps
// it in English whatever the screen's language was, so that it reads the same
// for every auditor; own words stay as they were typed.
func (s *Server) reason(code, own string) (string, error) {
	own = strings.TrimSpace(own)
	if len(own) > maxReason {
		return "", bad("too-large", "reason: more than %d bytes", maxReason)
	}
	if s.cfg.Watch.there() {
		if site := s.cfg.Watch.Desk.Reasons(); len(site) > 0 && code != "" && code != gate.ReasonOther {
			i := slices.IndexFunc(site, func(r gate.ActReason) bool { return r.Code == code })
			if i < 0 {
				return "", bad("bad-request", "reason_code: %q is not offered", code)
			}
			text := cmp.Or(site[i].En, s.words.Words("en", nil).Or("act.reason."+code, code))
			if own != "" {
				text += ": " + own
			}
			return text, nil
		}
	}
	switch {
	case code == "" || code == gate.ReasonOther:
		return own, nil
	case !slices.Contains(view.ReasonCodes(), code):
		return "", bad("bad-request", "reason_code: %q is not offered", code)
	}
	text := s.words.Words("en", nil).T("act.reason." + code)
	if own != "" {
		text += ": " + own
	}
	return text, nil
}

// supervisor is the second person of an override, who signs with a password on
// the guard's screen.
func (s *Server) supervisor(ctx context.Context, k *call) (string, error) {
	user, err := s.checkPassword(ctx, k.RealIP(), strings.TrimSpace(k.FormValue("supervisor")), k.FormValue("password"))
	var f *fault
	switch {
	case errors.As(err, &f) && f.class == "wrong":
		return "", refuse(http.StatusForbidden, "supervisor", err)
	case errors.As(err, &f) && f.class == "locked":
		return "", refuse(http.StatusTooManyRequests, "too-many", err)
	case err != nil:
		return "", err
	case user.ID == k.user.ID:
		return "", refuse(http.StatusForbidden, "same-person", fmt.Errorf("user %q approves for himself", user.ID))
	case !auth.May(auth.Role(user.Role), auth.ApproveOverride):
		return "", refuse(http.StatusForbidden, "supervisor", fmt.Errorf("role %q lacks %q", user.Role, auth.ApproveOverride))
	}
	return user.Name, nil
}

// refuseOnLane shows why a form was refused on the lane's own screen, where the
// guard stands, with what was typed; a script gets the error itself.
func (s *Server) refuseOnLane(k *call, lane gate.LaneID, err error) error {
	f := classify(err)
	lv, ok := s.cfg.Lanes.View(lane)
	if wantsJSON(k.Request()) || !ok || f.status >= 500 && f.class == "internal" {
		return err
	}
	s.cfg.Log.InfoContext(k.Request().Context(), "request refused", "path", k.Path(), "status", f.status, "class", f.class, "error", err)
	p := s.screen(k, lv)
	p.Problem = p.T("error."+f.class, f.args...)
	p.VIN, p.Plate, p.Class = k.FormValue("vin"), k.FormValue("plate"), k.FormValue("class")
	return s.page(k, f.status, p)
}

// message is what a live screen is sent when its lane changed.
type message struct {
	Version uint64        `json:"version"`
	Build   string        `json:"build"` // of scripts and styles: another one makes the page reload
	Cue     string        `json:"cue"`   // a new one makes its sound; of a lane's screen alone
	Regions []view.Region `json:"regions"`
}

// events is the live stream of one lane's screen: every region at once, then
// each region that changed, and a heartbeat. It ends when the browser goes, the
// session ends, the lane drops a slow reader, or the server closes; the browser
// comes back after half a second and gets everything anew.
func (s *Server) events(k *call) error {
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	release, ok := s.limits.stream(k.user.ID)
	if !ok {
		return refuse(http.StatusTooManyRequests, "too-many", fmt.Errorf("user %q has %d live screens", k.user.ID, streamsAtOnce))
	}
	defer release()
	ctx, cancel := context.WithCancel(k.Request().Context())
	defer cancel()
	feed, err := s.cfg.Lanes.Subscribe(ctx, lv.Lane)
	if err != nil {
		return err
	}
	out := newStream(k)
	if err := out.open(); err != nil {
		return nil //nolint:nilerr // the browser has gone, and nobody else waits for an answer
	}
	beat := time.NewTicker(s.cfg.Heartbeat)
	defer beat.Stop()
	sent := map[string]string{}
	show := func() error { return s.show(k, out, lv, sent) }
	for {
		select {
		case next, ok := <-feed:
			if !ok {
				return nil
			}
			if lv, ok = newest(feed, next); !ok {
				cancel()
			}
			err = show()
		case <-beat.C:
			if _, err := s.sessionUser(ctx, k.hash); err != nil {
				if errors.Is(err, errNoSession) || errors.Is(err, gate.ErrNotFound) {
					_ = out.send("signin", nil) // the stream ends either way
					return nil
				}
			}
			if err = show(); err == nil {
				err = out.send("beat", []byte(s.words.Words("", s.cfg.Location).Clock(s.cfg.Now())))
			}
		case <-s.closing:
			return nil
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			if !errors.Is(err, errGone) {
				s.cfg.Log.ErrorContext(ctx, "live screen", "lane", lv.Lane, "error", err)
			}
			return nil
		}
	}
}

// newest skips the states that were overtaken while the last one was written.
func newest(feed <-chan gate.LaneView, lv gate.LaneView) (gate.LaneView, bool) {
	for {
		select {
		case next, ok := <-feed:
			if !ok {
				return lv, false
			}
			lv = next
		default:
			return lv, true
		}
	}
}

// show sends what differs from what this screen was sent before.
func (s *Server) show(k *call, out *stream, lv gate.LaneView, sent map[string]string) error {
	b := s.base(k)
	if l := k.QueryParam("lang"); l != "" && s.words.Match(l) == l {
		b.Words = s.words.Words(l, s.cfg.Location)
	}
	p := s.screenIn(k, b, lv)
	regions, err := s.pages.RenderRegions(p)
	if err != nil {
		return err
	}
	m := message{Version: lv.Version, Build: s.assets.Version(), Cue: p.Cue(), Regions: changed(regions, sent)}
	if len(m.Regions) == 0 {
		return nil
	}
	data, err := m.encode()
	if err != nil {
		return err
	}
	return out.send("lane", data)
}
