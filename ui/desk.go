package ui

import (
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

// Desk is what people do at a lane beside plain acts. *gate.Desk is one. All
// methods may be called concurrently.
type Desk interface {
	// Override is an override that a second person signs with a PIN.
	Override(ctx context.Context, lane gate.LaneID, guard gate.Person, a gate.Act, supervisor, pin string) error
	// Duress raises the silent alarm. It does not wait.
	Duress(lane gate.LaneID, by string)
	// Confirm says who signs with a PIN on another's screen.
	Confirm(ctx context.Context, lane gate.LaneID, name, pin string) (gate.Person, error)
	// Signers and Workers are those with a PIN who may approve an override of a
	// guard, and who may have a lane.
	Signers(ctx context.Context, guard string) ([]string, error)
	Workers(ctx context.Context) ([]string, error)
	// Reasons are those that the site offers; none: the program's.
	Reasons() []gate.ActReason
	// Left is how many overrides the lane's shift still allows; -1 is any number.
	Left(lane gate.LaneID) int
}

// Watch is what a site keeps beside its lanes: who has which lane, alarms, paper
// forms. All of it is set, or none.
type Watch struct {
	Desk   Desk
	Shifts *gate.Shifts
	Alarms *gate.Alarms
	Forms  *gate.Forms
}

func (w Watch) there() bool { return w.Desk != nil }

func (w Watch) check() error {
	some := w.Desk != nil || w.Shifts != nil || w.Alarms != nil || w.Forms != nil
	if some && (w.Desk == nil || w.Shifts == nil || w.Alarms == nil || w.Forms == nil) {
		return errors.New("ui: desk, shifts, alarms and forms belong together")
	}
	return nil
}

// watching refuses what a site without a desk has not.
func (s *Server) watching() error {
	if !s.cfg.Watch.there() {
		return refuse(http.StatusNotFound, "not-found", errors.New("this site keeps no shifts"))
	}
	return nil
}

func (k *call) person() gate.Person { return gate.Person{Name: k.user.Name, Role: k.role} }

// furnish puts onto a lane's screen what the desk knows. A database that does
// not answer leaves the way by password.
func (s *Server) furnish(k *call, p *view.Kiosk, lv gate.LaneView) {
	w := s.cfg.Watch
	if !w.there() {
		return
	}
	p.Watch = true
	if step, ok := w.Shifts.At(lv.Lane); ok {
		p.Holder = step.Holder
	}
	p.Choices = p.ReasonChoices(w.Desk.Reasons())
	if lv.State == gate.Manual {
		if blank := w.Forms.At(lv.Lane).Blank; len(blank) > 0 {
			p.Sheet = gate.FormNumber(lv.Lane, blank[0])
		}
	}
	if slices.Contains(lv.Allowed, gate.ActOverride) {
		var err error
		if p.Signers, err = w.Desk.Signers(k.Request().Context(), k.user.Name); err != nil {
			s.cfg.Log.ErrorContext(k.Request().Context(), "who can sign", "lane", lv.Lane, "error", err)
		}
	}
}

// work begins the shift of whoever is the first to work at a lane. It must not
// keep a guard from the gate.
func (s *Server) work(k *call, lane gate.LaneID) {
	if !s.cfg.Watch.there() {
		return
	}
	if err := s.cfg.Watch.Shifts.Work(k.Request().Context(), k.person(), lane); err != nil {
		s.cfg.Log.ErrorContext(k.Request().Context(), "shift not begun", "lane", lane, "error", err)
	}
}

// duress takes the silent call for help. Its answer is always the same.
func (s *Server) duress(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	s.cfg.Watch.Desk.Duress(lv.Lane, k.user.Name)
	return k.NoContent(http.StatusNoContent)
}

// override is an act that a second person signs with a PIN.
func (s *Server) override(ctx context.Context, k *call, lane gate.LaneID, a gate.Act) error {
	release, err := s.limits.hashing(ctx)
	if err != nil {
		return err
	}
	defer release()
	return s.cfg.Watch.Desk.Override(ctx, lane, k.person(), a, k.FormValue("supervisor"), k.FormValue("pin"))
}

// deskPage shows the watch of a lane.
func (s *Server) deskPage(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	return s.showDesk(k, lv, nil)
}

func (s *Server) showDesk(k *call, lv gate.LaneView, problem error) error {
	w, ctx := s.cfg.Watch, k.Request().Context()
	b := s.base(k)
	b.Path = lanePath(lv.Lane) + "/desk"
	step, _ := w.Shifts.At(lv.Lane)
	counts, err := w.Shifts.Counts(ctx, lv.Lane)
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "unavailable", err)
	}
	p := view.NewDesk(b, lv, step, counts)
	p.Teaches = s.cfg.Teaching.there()
	workers, err := w.Desk.Workers(ctx)
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "unavailable", err)
	}
	for _, name := range workers {
		if name != k.user.Name {
			p.People = append(p.People, name)
		}
		if name == p.Offered {
			p.Signers = append(p.Signers, name)
		}
	}
	if n := w.Desk.Left(lv.Lane); n >= 0 {
		p.Left = p.T("shift.overrides.left", n)
	}
	status := http.StatusOK
	if problem != nil {
		f := classify(problem)
		s.cfg.Log.InfoContext(ctx, "request refused", "path", k.Path(), "status", f.status, "class", f.class, "error", problem)
		status, p.Problem = f.status, p.T("error."+f.class, f.args...)
	}
	return s.page(k, status, p)
}

// shift does one step of the watch of a lane.
func (s *Server) shift(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	next, err := s.shiftStep(k, lv.Lane)
	if err != nil {
		return s.showDesk(k, lv, shiftFault(err))
	}
	return k.Redirect(http.StatusSeeOther, next)
}

// shiftFault gives errors of shifts words of their own.
func shiftFault(err error) error {
	if errors.Is(err, gate.ErrNotAllowed) || errors.Is(err, gate.ErrExists) || errors.Is(err, gate.ErrSamePerson) {
		return refuse(http.StatusConflict, "shift", err)
	}
	return err
}

func (s *Server) shiftStep(k *call, lane gate.LaneID) (next string, err error) {
	ctx, sh, who := k.Request().Context(), s.cfg.Watch.Shifts, k.person()
	note := strings.TrimSpace(k.FormValue("note"))
	if len(note) > maxNote {
		return "", bad("too-large", "note: more than %d bytes", maxNote)
	}
	here := lanePath(lane) + "/desk"
	switch step := gate.ShiftStepKind(k.FormValue("step")); step {
	case gate.ShiftBegun:
		return lanePath(lane), sh.Work(ctx, who, lane)
	case gate.ShiftOffered:
		user, err := s.cfg.Store.UserByName(ctx, strings.TrimSpace(k.FormValue("to")))
		if errors.Is(err, gate.ErrNotFound) || err == nil && user.Disabled {
			return "", refuse(http.StatusConflict, "shift", fmt.Errorf("hand over to %q: %w", k.FormValue("to"), gate.ErrNotFound))
		} else if err != nil {
			return "", refuse(http.StatusServiceUnavailable, "unavailable", err)
		}
		_, err = sh.Offer(ctx, who, lane, gate.Person{Name: user.Name, Role: auth.Role(user.Role)}, note)
		return here, err
	case gate.ShiftAccepted:
		return s.accept(k, lane)
	case gate.ShiftWithdrawn:
		_, err := sh.Withdraw(ctx, who, lane)
		return here, err
	case gate.ShiftTakenOver:
		_, err := sh.TakeOver(ctx, who, lane, note)
		return here, err
	case gate.ShiftEnded:
		_, err := sh.End(ctx, who, lane, note)
		return here, err
	}
	return "", bad("bad-request", "step: %q is none of a shift", k.FormValue("step"))
}

// maxNote is the longest note of a handover or an alarm, in bytes.
const maxNote = 500

// accept has a lane taken over by whom it is offered to: who is signed in, or
// who signs on this screen and is then signed in instead.
func (s *Server) accept(k *call, lane gate.LaneID) (next string, err error) {
	ctx, sh := k.Request().Context(), s.cfg.Watch.Shifts
	name := strings.TrimSpace(k.FormValue("name"))
	if name == "" || name == k.user.Name {
		_, err := sh.Accept(ctx, k.person(), lane)
		return lanePath(lane), err
	}
	var who gate.Person
	if pin := k.FormValue("pin"); pin != "" {
		release, err := s.limits.hashing(ctx)
		if err != nil {
			return "", err
		}
		who, err = s.cfg.Watch.Desk.Confirm(ctx, lane, name, pin)
		release()
		if err != nil {
			return "", err
		}
	}
	var user User
	if who.Name == "" {
		if user, err = s.checkPassword(ctx, k.RealIP(), name, k.FormValue("password")); err != nil {
			var f *fault
			if errors.As(err, &f) && f.class == "wrong" {
				return "", refuse(http.StatusForbidden, "pin", err)
			} else if errors.As(err, &f) && f.class == "locked" {
				return "", refuse(http.StatusTooManyRequests, "too-many", err)
			}
			return "", err
		}
		who = gate.Person{Name: user.Name, Role: auth.Role(user.Role)}
	} else if user, err = s.cfg.Store.UserByName(ctx, who.Name); err != nil {
		return "", refuse(http.StatusServiceUnavailable, "unavailable", err)
	}
	if _, err := sh.Accept(ctx, who, lane); err != nil {
		return "", err
	}
	// The screen is the next one's from here on.
	kind, device := gate.SessionFull, ""
	if d, err := s.kioskHere(k); err == nil && user.HasPIN && auth.MayUseKiosk(auth.Role(user.Role)) {
		kind, device = gate.SessionKiosk, d.ID
	}
	if err := s.begin(k, user, kind, device, s.cfg.SessionLife); err != nil {
		return "", err
	}
	return lanePath(lane), nil
}

// laneAct carries out an act on the lane itself.
func (s *Server) laneAct(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	if err := s.carryOutOnLane(k, lv); err != nil {
		return s.showDesk(k, lv, err)
	}
	return k.Redirect(http.StatusSeeOther, lanePath(lv.Lane)+"/desk")
}

func (s *Server) carryOutOnLane(k *call, lv gate.LaneView) error {
	a := gate.Act{Kind: gate.ActKind(k.FormValue("kind")), By: k.user.Name, At: s.cfg.Now().UTC()}
	switch {
	case a.Kind == gate.ActAcknowledge:
		var err error
		if a.Alarm, err = strconv.Atoi(k.FormValue("alarm")); err != nil {
			return bad("bad-request", "alarm: %q is no number of one", k.FormValue("alarm"))
		}
	case !slices.Contains(view.LaneActKinds(), a.Kind):
		return bad("bad-request", "kind: %q is not an act on a lane", k.FormValue("kind"))
	}
	if why := k.FormValue("reason"); why != "" {
		if !slices.Contains(view.LaneReasons(), why) {
			return bad("bad-request", "reason: %q is not offered", why)
		}
		a.Reason = why
	}
	return s.cfg.Lanes.Act(k.Request().Context(), lv.Lane, a)
}

// forms shows the paper forms of a lane.
func (s *Server) forms(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	return s.showForms(k, lv, nil)
}

func (s *Server) showForms(k *call, lv gate.LaneView, problem error) error {
	b := s.base(k)
	b.Path = lanePath(lv.Lane) + "/forms"
	p := view.NewForms(b, lv, s.cfg.Watch.Forms.At(lv.Lane))
	p.Entry.Direction = string(lv.Direction)
	status := http.StatusOK
	if problem != nil {
		f := classify(problem)
		s.cfg.Log.InfoContext(k.Request().Context(), "request refused", "path", k.Path(), "status", f.status, "class", f.class, "error", problem)
		status, p.Problem = f.status, p.T("error."+f.class, f.args...)
		p.Entry = view.FormTyped{
			Number: k.FormValue("form"), Day: k.FormValue("day"), Clock: k.FormValue("clock"), VIN: k.FormValue("vin"),
			Plate: k.FormValue("plate"), Guard: k.FormValue("guard"), Act: k.FormValue("act"), Reason: k.FormValue("reason"),
			Direction: k.FormValue("direction"),
		}
	}
	return s.page(k, status, p)
}

// form does one step with a paper form.
func (s *Server) form(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	next, err := s.formStep(k, lv)
	if err != nil {
		return s.showForms(k, lv, formFault(err))
	}
	return k.Redirect(http.StatusSeeOther, next)
}

// formFault gives errors of forms words of their own.
func formFault(err error) error {
	switch {
	case errors.Is(err, gate.ErrUnknownLane):
		return err
	case errors.Is(err, gate.ErrNotFound):
		return refuse(http.StatusConflict, "form-number", err)
	case errors.Is(err, gate.ErrExists), errors.Is(err, gate.ErrSamePerson), errors.Is(err, gate.ErrNotAllowed):
		return refuse(http.StatusConflict, "form-taken", err)
	case errors.Is(err, gate.ErrPast):
		return refuse(http.StatusBadRequest, "in-future", err)
	case errors.Is(err, gate.ErrBackdated):
		return refuse(http.StatusBadRequest, "form-before", err)
	case errors.Is(err, gate.ErrNeedsReason):
		return refuse(http.StatusBadRequest, "missing", err)
	}
	return err
}

// printAtOnce is how many blank forms are numbered with one touch.
const printAtOnce = 20

func (s *Server) formStep(k *call, lv gate.LaneView) (next string, err error) {
	ctx, forms, who := k.Request().Context(), s.cfg.Watch.Forms, k.person()
	here := lanePath(lv.Lane) + "/forms"
	step := gate.FormStepKind(k.FormValue("step"))
	if step == gate.FormPrinted {
		done, err := forms.Print(ctx, who, lv.Lane, printAtOnce)
		return here + "/print?" + url.Values{"from": {strconv.Itoa(done.First)}, "to": {strconv.Itoa(done.Last)}}.Encode(), err
	}
	n, err := gate.ParseForm(lv.Lane, k.FormValue("form"))
	if err != nil {
		return "", err
	}
	reason := strings.TrimSpace(k.FormValue("reason"))
	if len(reason) > maxReason {
		return "", bad("too-large", "reason: more than %d bytes", maxReason)
	}
	switch step {
	case gate.FormEntered:
		at, err := time.ParseInLocation("2006-01-02 15:04", strings.TrimSpace(k.FormValue("day"))+" "+strings.TrimSpace(k.FormValue("clock")), s.cfg.Location)
		if err != nil {
			return "", refuse(http.StatusBadRequest, "clock", fmt.Errorf("day, clock: %w", err))
		}
		e := gate.FormEntry{
			Form: n, VIN: strings.TrimSpace(k.FormValue("vin")), Plate: strings.TrimSpace(k.FormValue("plate")), HappenedAt: at,
			Guard: k.FormValue("guard"), Act: gate.ActKind(k.FormValue("act")), Reason: reason, Direction: lv.Direction,
		}
		if lv.Turns {
			if e.Direction = gate.Direction(k.FormValue("direction")); e.Direction != gate.DirectionEntry && e.Direction != gate.DirectionExit {
				return "", refuse(http.StatusBadRequest, "missing", fmt.Errorf("direction: %q is neither entry nor exit", e.Direction))
			}
		}
		if len(e.VIN) > maxVINTyped || len(e.Plate) > maxPlate || len(e.Guard) > maxGuard {
			return "", bad("too-large", "VIN, plate or guard is too long")
		}
		_, err = forms.Enter(ctx, who, lv.Lane, e)
		return here, err
	case gate.FormSpoilt:
		_, err := forms.Spoil(ctx, who, lv.Lane, n, reason)
		return here, err
	case gate.FormCountersigned:
		_, err := forms.Countersign(ctx, who, lv.Lane, n)
		return here, err
	case gate.FormPrinted:
	}
	return "", bad("bad-request", "step: %q is none of a form", k.FormValue("step"))
}

// maxGuard is the longest name of a guard on a paper form, in bytes.
const maxGuard = 100

// formsPrint is the sheets of forms that were numbered.
func (s *Server) formsPrint(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	from, err1 := strconv.Atoi(k.QueryParam("from"))
	to, err2 := strconv.Atoi(k.QueryParam("to"))
	if err := errors.Join(err1, err2); err != nil {
		return bad("bad-request", "from, to: %w", err)
	}
	p := view.FormsPrint{Base: s.base(k), LaneID: string(lv.Lane), Name: lv.Name, TurnOut: lv.TurnOut, Turns: lv.Turns}
	for _, f := range s.cfg.Watch.Forms.At(lv.Lane).Forms {
		if f.Number >= from && f.Number <= to && f.Kind == gate.FormPrinted {
			p.Numbers = append(p.Numbers, gate.FormNumber(lv.Lane, f.Number))
		}
	}
	if len(p.Numbers) == 0 {
		return refuse(http.StatusNotFound, "form-number", fmt.Errorf("no blank forms %d to %d at %q: %w", from, to, lv.Lane, gate.ErrNotFound))
	}
	return s.page(k, http.StatusOK, p)
}

// recentAlarms is how many alarms that were taken note of a page shows.
const recentAlarms = 50

// notOf leaves out the silent alarms about a person: whoever is forced may be
// the one whose screen this is, with somebody looking on.
func notOf(name string, list []gate.SiteAlarm) []gate.SiteAlarm {
	return slices.DeleteFunc(list, func(a gate.SiteAlarm) bool { return a.Silent && a.By == name })
}

func (s *Server) alarmsOf(k *call, b view.Base) *view.Alarms {
	ctx := k.Request().Context()
	open, _ := s.cfg.Watch.Alarms.Open()
	recent, err := s.cfg.Watch.Alarms.Recent(ctx, recentAlarms)
	if err != nil {
		// What is open is shown all the same.
		s.cfg.Log.ErrorContext(ctx, "alarms of the past", "error", err)
	}
	b.Path = "/alarms"
	p := view.NewAlarms(b, notOf(k.user.Name, open), notOf(k.user.Name, recent))
	p.May = auth.May(k.role, auth.AcknowledgeAlarm)
	return p
}

func (s *Server) alarmsPage(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	return s.page(k, http.StatusOK, s.alarmsOf(k, s.base(k)))
}

func (s *Server) alarmsEvents(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	return s.follow(k, func() (view.Live, error) { return s.alarmsOf(k, s.liveBase(k)), nil })
}

// acknowledge takes note of an alarm. One that a lane raised is taken note of
// there too.
func (s *Server) acknowledge(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	id, err := url.PathUnescape(k.Param("id"))
	if err != nil {
		return refuse(http.StatusNotFound, "not-found", err)
	}
	if len(k.FormValue("note")) > maxNote {
		return bad("too-large", "note: more than %d bytes", maxNote)
	}
	ctx := k.Request().Context()
	if open, _ := s.cfg.Watch.Alarms.Open(); slices.ContainsFunc(open, func(a gate.SiteAlarm) bool { return a.ID == id && a.Silent && a.By == k.user.Name }) {
		return k.Redirect(http.StatusSeeOther, "/alarms") // as where there is none
	}
	a, err := s.cfg.Watch.Alarms.Acknowledge(ctx, k.person(), id, k.FormValue("note"))
	switch {
	case errors.Is(err, gate.ErrExists):
		return k.Redirect(http.StatusSeeOther, "/alarms") // which shows by whom
	case err != nil:
		return err
	}
	if a.OfLane != 0 {
		act := gate.Act{Kind: gate.ActAcknowledge, Alarm: a.OfLane, By: k.user.Name, At: s.cfg.Now().UTC()}
		if err := s.cfg.Lanes.Act(ctx, a.Lane, act); err != nil {
			// The lane was started again since, or somebody did it there.
			s.cfg.Log.InfoContext(ctx, "alarm not at the lane any more", "lane", a.Lane, "alarm", id, "error", err)
		}
	}
	return k.Redirect(http.StatusSeeOther, "/alarms")
}

// shiftRows is the length of one page of the history.
const shiftRows = 100

func (s *Server) shifts(k *call) error {
	if err := s.watching(); err != nil {
		return err
	}
	before := int64(0)
	if t := k.QueryParam("before"); t != "" {
		var err error
		if before, err = strconv.ParseInt(t, 10, 64); err != nil || before < 0 {
			return bad("bad-request", "before: %q is not a log number", t)
		}
	}
	steps, err := s.cfg.Watch.Shifts.History(k.Request().Context(), "", before, shiftRows+1)
	if err != nil {
		return err
	}
	b := s.base(k)
	b.Path = "/shifts"
	p := view.Shifts{Base: b}
	if len(steps) > shiftRows {
		steps = steps[:shiftRows]
		p.Older = steps[len(steps)-1].Seq
	}
	for _, step := range steps {
		// Whoever may work a lane may be looked over the shoulder there.
		p.Rows = append(p.Rows, view.NewShiftRow(step, !auth.May(k.role, auth.WorkLane)))
	}
	return s.page(k, http.StatusOK, p)
}
