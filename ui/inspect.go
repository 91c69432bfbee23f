package ui

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
	"sallyport/vin"
	"sallyport/vin/telematics"
)

// InspectionDesk records what people saw. *gate.Inspections is one. What is
// recorded is durable on return, also where the error is gate.ErrNotDecidedAgain.
type InspectionDesk interface {
	Record(ctx context.Context, people []gate.Person, in gate.Inspection, pictures ...[]byte) (gate.Inspection, error)
	Confirm(ctx context.Context, who gate.Person, id, note string) error
	Show(ctx context.Context, who gate.Person, id string) (gate.InspectionView, error)
	Photo(ctx context.Context, who gate.Person, id, sum string) (data []byte, mediaType string, err error)
}

// Inspecting is what looking into a vehicle needs. Its zero value is a site that
// offers none on its screens.
type Inspecting struct {
	Desk      InspectionDesk
	Questions func(vin string) []telematics.Question // what would settle it, cheapest first
	ReadLabel func(text string) telematics.Label     // identifiers in a text
	Describe  func(vin string) gate.VehicleView      // of a VIN that came by no lane
	Rules     func() gate.InspectionRules            // what the site asks of inspections
	Photos    bool                                   // the site keeps photographs
}

func (i Inspecting) there() bool { return i.Desk != nil }

var inspectRoutes = []route{
	{"GET", "/lane/:lane/inspect", forPeople, auth.InspectVehicle, 0, (*Server).inspections},
	{"POST", "/lane/:lane/inspect", forPeople, auth.InspectVehicle, formLimit, (*Server).beginInspection},
	{"GET", "/lane/:lane/inspect/:draft", forPeople, auth.InspectVehicle, 0, (*Server).inspection},
	{"POST", "/lane/:lane/inspect/:draft", forPeople, auth.InspectVehicle, pictureLimit, (*Server).recordInspection},
	{"POST", "/lane/:lane/inspect/:draft/read", forPeople, auth.InspectVehicle, labelLimit, (*Server).readLabel},
	{"POST", "/lane/:lane/inspect/:draft/second", forPeople, auth.InspectVehicle, formLimit, (*Server).confirmInspection},
	{"POST", "/lane/:lane/inspect/:draft/again", forPeople, auth.WorkLane, formLimit, (*Server).presentAgain},
	{"GET", "/inspections/:id/photos/:sum", forPeople, auth.SeeInspections, 0, (*Server).inspectionPhoto},
}

// The bounds of what is sent: a photograph with its form, a label's text.
const (
	pictureLimit = gate.MaxPhoto + 64<<10
	labelLimit   = 4 * telematics.MaxLabel
)

// inspectHeader and inspectFeatures let the one page that reads labels by the
// camera do so: it compiles the reader, and it asks for the camera.
var (
	inspectHeader   = strings.Replace(strings.Replace(policyHeader, "script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", 1), "img-src 'self'", "img-src 'self' blob:", 1)
	inspectFeatures = "camera=(self), microphone=(), geolocation=()"
)

// draft is an inspection that is under way: nothing of it counts before it is
// recorded, and it is kept here only.
type draft struct {
	lane     gate.LaneID
	user     string // id
	until    time.Time
	vehicle  view.Vehicle
	vin      string
	plate    string
	text     string
	role     string
	note     string
	recorded string // id of the inspection; empty: not yet
	partly   bool   // something beside the record failed
}

const (
	draftLife = 2 * time.Hour
	maxDrafts = 256
)

// drafts are the inspections under way. The zero value is ready.
type drafts struct {
	mu   sync.Mutex
	open map[string]draft
}

func (d *drafts) add(v draft, now time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	oldest := ""
	for id, o := range d.open {
		if !now.Before(o.until) {
			delete(d.open, id)
		} else if oldest == "" || o.until.Before(d.open[oldest].until) {
			oldest = id
		}
	}
	if len(d.open) >= maxDrafts {
		delete(d.open, oldest)
	}
	if d.open == nil {
		d.open = map[string]draft{}
	}
	id := strings.ToLower(rand.Text())
	v.until = now.Add(draftLife)
	d.open[id] = v
	return id
}

func (d *drafts) get(id string, now time.Time) (draft, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.open[id]
	return v, ok && now.Before(v.until)
}

// change changes one, unless it has gone meanwhile.
func (d *drafts) change(id string, do func(*draft)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := d.open[id]; ok {
		do(&v)
		d.open[id] = v
	}
}

func (s *Server) inspecting() error {
	if !s.cfg.Inspecting.there() {
		return refuse(http.StatusNotFound, "not-found", errors.New("this site keeps no inspections"))
	}
	return nil
}

// inspections shows which vehicles may be looked into.
func (s *Server) inspections(k *call) error {
	if err := s.inspecting(); err != nil {
		return err
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	return s.showInspections(k, lv, nil)
}

// sentFor is how long ago a vehicle may have been sent to inspection to be still
// offered, and sentRows how many are.
const (
	sentFor  = 12 * time.Hour
	sentRows = 5
)

func (s *Server) showInspections(k *call, lv gate.LaneView, problem error) error {
	ctx := k.Request().Context()
	b := s.base(k)
	b.Path = lanePath(lv.Lane) + "/inspect"
	p := view.Inspections{Base: b, LaneID: string(lv.Lane), Name: cmp.Or(lv.Name, string(lv.Lane)), TurnOut: lv.TurnOut}
	if v := lv.Passage; v != nil && lv.Durable && (lv.State == gate.Waiting || lv.State == gate.Redirected) {
		p.Rows = append(p.Rows, view.NewSent(b, v, true))
	}
	rows, err := s.cfg.Store.Passages(ctx, gate.PassageFilter{Lane: lv.Lane, Ending: gate.EndInspection, From: s.cfg.Now().Add(-sentFor), Limit: sentRows + 1})
	if err != nil {
		return fmt.Errorf("vehicles sent to inspection: %w", err)
	}
	for _, r := range rows {
		if len(p.Rows) == sentRows || lv.Passage != nil && r.ID == lv.Passage.ID {
			continue
		}
		rec, err := s.cfg.Store.Passage(ctx, r.ID)
		if err != nil {
			return fmt.Errorf("passage %q: %w", r.ID, err)
		}
		if inspectable(&rec.Passage) == "" {
			continue
		}
		p.Rows = append(p.Rows, view.NewSent(b, &rec.Passage, false))
	}
	status := http.StatusOK
	if problem != nil {
		f := classify(problem)
		s.cfg.Log.InfoContext(ctx, "request refused", "path", k.Path(), "status", f.status, "class", f.class, "error", problem)
		status, p.Problem, p.VIN = f.status, p.T("error."+f.class, f.args...), k.FormValue("vin")
	}
	return s.page(k, status, p)
}

// inspectable is the VIN under which an inspection of a passage's vehicle is kept;
// empty where it has none.
func inspectable(p *gate.Passage) string {
	text := cmp.Or(p.Result.VIN, p.Arrival.VIN)
	if wholeVIN(text) != nil {
		return ""
	}
	return gate.NormalVIN(text)
}

func wholeVIN(text string) error {
	v := vin.VIN(gate.NormalVIN(text))
	if len(v) != vin.Length {
		return refuse(http.StatusBadRequest, "inspect-vin", fmt.Errorf("vin: %d characters", len(v)))
	}
	for _, p := range v.Problems() {
		if !p.Note {
			return refuse(http.StatusBadRequest, "inspect-vin", fmt.Errorf("vin: %s", p.Text))
		}
	}
	return nil
}

// beginInspection takes up the vehicle that was picked, or whose VIN was read.
func (s *Server) beginInspection(k *call) error {
	if err := s.inspecting(); err != nil {
		return err
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	d, err := s.picked(k, lv)
	if err != nil {
		return s.showInspections(k, lv, err)
	}
	id := s.drafts.add(d, s.cfg.Now())
	return k.Redirect(http.StatusSeeOther, draftPath(lv.Lane, id))
}

func draftPath(lane gate.LaneID, id string) string { return lanePath(lane) + "/inspect/" + id }

func (s *Server) picked(k *call, lv gate.LaneView) (draft, error) {
	d := draft{lane: lv.Lane, user: k.user.ID, role: "tcu"}
	b := s.base(k)
	if id := gate.PassageID(k.FormValue("passage")); id != "" {
		var p gate.Passage
		if lv.Passage != nil && lv.Passage.ID == id {
			p = *lv.Passage
		} else {
			rec, err := s.cfg.Store.Passage(k.Request().Context(), id)
			if err != nil {
				return d, fmt.Errorf("passage %q: %w", id, err)
			}
			p = rec.Passage
		}
		if d.vin = inspectable(&p); d.vin == "" {
			return d, refuse(http.StatusBadRequest, "inspect-vin", errors.New("the passage has no whole VIN"))
		}
		d.plate, d.vehicle = p.Arrival.Plate, view.NewSent(b, &p, false).Vehicle
		return d, nil
	}
	text := strings.TrimSpace(k.FormValue("vin"))
	if text == "" {
		return d, bad("no-vin", "vin: empty")
	}
	if err := wholeVIN(text); err != nil {
		return d, err
	}
	d.vin = gate.NormalVIN(text)
	p := gate.Passage{Arrival: gate.Arrival{VIN: d.vin}}
	if s.cfg.Inspecting.Describe != nil {
		p.Result.Vehicle = s.cfg.Inspecting.Describe(d.vin)
	}
	d.vehicle = view.NewSent(b, &p, false).Vehicle
	return d, nil
}

// underway is the inspection that the address names, of this person.
func (s *Server) underway(k *call) (gate.LaneView, string, draft, error) {
	if err := s.inspecting(); err != nil {
		return gate.LaneView{}, "", draft{}, err
	}
	lv, err := s.lane(k)
	if err != nil {
		return lv, "", draft{}, err
	}
	id := k.Param("draft")
	d, ok := s.drafts.get(id, s.cfg.Now())
	if !ok || d.user != k.user.ID || d.lane != lv.Lane {
		return lv, "", draft{}, refuse(http.StatusNotFound, "inspect-gone", errors.New("no such inspection is under way"))
	}
	return lv, id, d, nil
}

func (s *Server) inspection(k *call) error {
	lv, id, d, err := s.underway(k)
	if err != nil {
		return s.goneInspection(k, lv, err)
	}
	return s.showInspection(k, lv, id, d, nil)
}

// goneInspection leads back to the list where an inspection is no longer there.
func (s *Server) goneInspection(k *call, lv gate.LaneView, err error) error {
	var f *fault
	if errors.As(err, &f) && f.class == "inspect-gone" {
		return s.showInspections(k, lv, err)
	}
	return err
}

func (s *Server) showInspection(k *call, lv gate.LaneView, id string, d draft, problem error) error {
	ctx, in := k.Request().Context(), s.cfg.Inspecting
	b := s.base(k)
	b.Path = draftPath(lv.Lane, id)
	p := view.Inspect{
		Base: b, LaneID: string(lv.Lane), Name: cmp.Or(lv.Name, string(lv.Lane)), Draft: id, Vehicle: d.vehicle, Text: d.text, Role: d.role, Note: d.note,
		Photos: in.Photos, Looks: view.NewLooks(b, in.Questions(d.vin)), Two: s.needsTwo(lv), MayCall: auth.May(k.role, auth.WorkLane),
	}
	if d.text != "" {
		p.Found = view.NewReads(b, in.ReadLabel(d.text))
	}
	if v := lv.Passage; v != nil && lv.State == gate.Waiting {
		if inspectable(v) == d.vin {
			p.AtLine = true
		} else {
			p.Busy = b.T("inspect.busy")
		}
	} else if lv.State == gate.Deciding || lv.State == gate.Admitting || lv.State == gate.Manual || lv.State == gate.OutOfService || lv.State == gate.Egress {
		p.Busy = b.T("inspect.notnow")
	}
	if d.recorded != "" {
		v, err := in.Desk.Show(ctx, k.person(), d.recorded)
		if err != nil {
			return fmt.Errorf("inspection %q: %w", d.recorded, err)
		}
		p.Record = s.record(k, lv, v, d)
		if p.Record.Waits {
			p.People, p.ByPIN = s.seconds(k)
		}
	}
	status := http.StatusOK
	if problem != nil {
		f := classify(problem)
		s.cfg.Log.InfoContext(ctx, "request refused", "path", k.Path(), "status", f.status, "class", f.class, "error", problem)
		status, p.Problem = f.status, b.T("error."+f.class, f.args...)
	}
	h := k.Response().Header()
	h.Set("Content-Security-Policy", inspectHeader)
	h.Set("Permissions-Policy", inspectFeatures)
	return s.page(k, status, p)
}

func (s *Server) needsTwo(lv gate.LaneView) bool {
	return s.cfg.Inspecting.Rules().Needs(gate.KindSeen, lv.Zone) > 1
}

func (s *Server) record(k *call, lv gate.LaneView, v gate.InspectionView, d draft) *view.Record {
	now := s.cfg.Now()
	r := &view.Record{ID: v.ID, Result: string(v.Result), Role: v.Role, At: v.At, Expires: v.Expires, Partly: d.partly}
	people := v.People(now)
	r.By = people[0]
	if len(people) > 1 {
		r.Second = people[1]
	}
	r.Waits = s.cfg.Inspecting.Rules().Stands(v.Inspection, now, lv.Zone) == gate.StandsWaiting
	if l := s.cfg.Inspecting.ReadLabel(v.Text); l.Certain && v.Result != gate.ResultUnclear {
		r.Maker = l.Maker
	}
	for _, p := range v.Photos {
		r.Photos = append(r.Photos, "/inspections/"+v.ID+"/photos/"+p.SHA256)
	}
	return r
}

// seconds are those who can sign as the second person with a PIN.
func (s *Server) seconds(k *call) (names []string, byPIN bool) {
	if !s.cfg.Watch.there() {
		return nil, false
	}
	all, err := s.cfg.Watch.Desk.Workers(k.Request().Context())
	if err != nil {
		s.cfg.Log.ErrorContext(k.Request().Context(), "who can sign", "error", err)
		return nil, false
	}
	names = slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == k.user.Name })
	return names, len(names) > 0
}

// readLabel recognises the identifiers of a text.
func (s *Server) readLabel(k *call) error {
	lv, id, _, err := s.underway(k)
	if err != nil {
		return s.goneInspection(k, lv, err)
	}
	if err := parseForm(k); err != nil {
		return err
	}
	text := strings.TrimSpace(strings.ReplaceAll(k.FormValue("text"), "\r\n", "\n"))
	if len(text) > telematics.MaxLabel {
		return bad("too-large", "text: more than %d bytes", telematics.MaxLabel)
	}
	s.drafts.change(id, func(d *draft) { d.text = text })
	return k.Redirect(http.StatusSeeOther, draftPath(lv.Lane, id)+"#found")
}

// recordInspection makes what was seen part of the record.
func (s *Server) recordInspection(k *call) error {
	lv, id, d, err := s.underway(k)
	if err != nil {
		return s.goneInspection(k, lv, err)
	}
	if d.recorded != "" { // the form was sent twice
		return k.Redirect(http.StatusSeeOther, draftPath(lv.Lane, id))
	}
	pictures, err := pictureForm(k)
	if err != nil {
		return s.showInspection(k, lv, id, d, err)
	}
	d.role, d.note = k.FormValue("role"), strings.TrimSpace(k.FormValue("note"))
	s.drafts.change(id, func(v *draft) { v.role, v.note = d.role, d.note })
	in := gate.Inspection{VIN: d.vin, Subject: gate.SubjectUnit, Role: d.role, Kind: gate.KindSeen, Result: gate.InspectionResult(k.FormValue("result")), Text: d.text, Note: d.note, Via: "screen"}
	if d.role == "device" {
		in.Subject = gate.SubjectDevice
	}
	if len(pictures) > 0 && !s.cfg.Inspecting.Photos {
		return s.showInspection(k, lv, id, d, bad("photo", "%w", gate.ErrNoPhotos))
	}
	if err := checkInspection(in, k.user.Name, s.cfg.Now()); err != nil {
		return s.showInspection(k, lv, id, d, err)
	}
	got, err := s.cfg.Inspecting.Desk.Record(k.Request().Context(), []gate.Person{k.person()}, in, pictures...)
	if err != nil && got.ID == "" {
		if errors.Is(err, gate.ErrTooMany) {
			err = refuse(http.StatusConflict, "inspect-many", err)
		}
		return s.showInspection(k, lv, id, d, err)
	}
	if err != nil {
		s.cfg.Log.ErrorContext(k.Request().Context(), "inspection recorded, and something beside it failed", "inspection", got.ID, "error", err)
	}
	s.drafts.change(id, func(v *draft) { v.recorded, v.partly = got.ID, err != nil })
	return k.Redirect(http.StatusSeeOther, draftPath(lv.Lane, id))
}

// checkInspection says what a person has to mend before it can be recorded.
func checkInspection(in gate.Inspection, by string, now time.Time) error {
	switch {
	case in.Result == gate.ResultFound && in.Text == "":
		return bad("inspect-unread", "result: found, and nothing was read")
	case in.Result == gate.ResultNone && in.Text != "":
		return bad("inspect-none", "result: nothing was found, and a label was read")
	}
	in.ID, in.By, in.At, in.Expires = "x", by, now, now.Add(time.Hour)
	if err := in.Check(); err != nil {
		return refuse(http.StatusBadRequest, "bad-request", err)
	}
	return nil
}

// pictureForm reads a form that may hold one photograph.
func pictureForm(k *call) ([][]byte, error) {
	if !strings.HasPrefix(k.Request().Header.Get("Content-Type"), "multipart/form-data") {
		return nil, parseForm(k)
	}
	if err := k.Request().ParseMultipartForm(pictureLimit); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, refuse(http.StatusRequestEntityTooLarge, "photo", err)
		}
		return nil, bad("bad-request", "form: %w", err)
	}
	var out [][]byte
	for _, head := range k.Request().MultipartForm.File["photo"] {
		if head.Size == 0 {
			continue
		}
		data, err := photograph(head)
		if err != nil {
			return nil, err
		}
		if out = append(out, data); len(out) > 1 {
			return nil, bad("photo", "photo: one at a time")
		}
	}
	return out, nil
}

func photograph(head *multipart.FileHeader) ([]byte, error) {
	f, err := head.Open()
	if err != nil {
		return nil, bad("photo", "photo: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, gate.MaxPhoto+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, bad("photo", "photo: %w", err)
	}
	if typ := http.DetectContentType(data); len(data) > gate.MaxPhoto || typ != "image/jpeg" && typ != "image/png" && typ != "image/webp" {
		return nil, bad("photo", "photo: %d bytes of %s", len(data), typ)
	}
	return data, nil
}

// confirmInspection has a second person, who was there too, sign on this screen.
func (s *Server) confirmInspection(k *call) error {
	lv, id, d, err := s.underway(k)
	if err != nil {
		return s.goneInspection(k, lv, err)
	}
	if err := parseForm(k); err != nil {
		return err
	}
	if d.recorded == "" {
		return s.showInspection(k, lv, id, d, bad("bad-request", "nothing is recorded yet"))
	}
	who, err := s.secondPerson(k, lv.Lane)
	if err == nil {
		err = s.cfg.Inspecting.Desk.Confirm(k.Request().Context(), who, d.recorded, "")
	}
	switch {
	case errors.Is(err, gate.ErrNotDecidedAgain):
		s.cfg.Log.ErrorContext(k.Request().Context(), "inspection confirmed, vehicle not decided again", "inspection", d.recorded, "error", err)
		s.drafts.change(id, func(v *draft) { v.partly = true })
	case errors.Is(err, gate.ErrSamePerson):
		return s.showInspection(k, lv, id, d, refuse(http.StatusForbidden, "same-person", err))
	case err != nil:
		return s.showInspection(k, lv, id, d, err)
	}
	return k.Redirect(http.StatusSeeOther, draftPath(lv.Lane, id))
}

// secondPerson signs with a PIN, or with a password where nobody has a PIN.
func (s *Server) secondPerson(k *call, lane gate.LaneID) (gate.Person, error) {
	ctx, name := k.Request().Context(), strings.TrimSpace(k.FormValue("name"))
	if name == k.user.Name {
		return gate.Person{}, refuse(http.StatusForbidden, "same-person", gate.ErrSamePerson)
	}
	if pin := k.FormValue("pin"); pin != "" && s.cfg.Watch.there() {
		release, err := s.limits.hashing(ctx)
		if err != nil {
			return gate.Person{}, err
		}
		defer release()
		return s.cfg.Watch.Desk.Confirm(ctx, lane, name, pin)
	}
	user, err := s.checkPassword(ctx, k.RealIP(), name, k.FormValue("password"))
	var f *fault
	switch {
	case errors.As(err, &f) && f.class == "wrong":
		return gate.Person{}, refuse(http.StatusForbidden, "second", err)
	case errors.As(err, &f) && f.class == "locked":
		return gate.Person{}, refuse(http.StatusTooManyRequests, "too-many", err)
	case err != nil:
		return gate.Person{}, err
	}
	return gate.Person{Name: user.Name, Role: auth.Role(user.Role)}, nil
}

// presentAgain brings the vehicle to the line once more, where what was read of
// it counts.
func (s *Server) presentAgain(k *call) error {
	lv, id, d, err := s.underway(k)
	if err != nil {
		return s.goneInspection(k, lv, err)
	}
	if v := lv.Passage; v != nil && lv.State == gate.Waiting {
		if inspectable(v) == d.vin {
			return k.Redirect(http.StatusSeeOther, lanePath(lv.Lane))
		}
		// Another vehicle would be taken for one that has left.
		return s.showInspection(k, lv, id, d, refuse(http.StatusConflict, "inspect-busy", gate.ErrNotAllowed))
	}
	s.work(k, lv.Lane)
	if _, err := s.cfg.Lanes.Arrive(k.Request().Context(), lv.Lane, gate.Arrival{VIN: d.vin, Plate: d.plate, Via: "keyboard"}); err != nil {
		return s.showInspection(k, lv, id, d, err)
	}
	return k.Redirect(http.StatusSeeOther, lanePath(lv.Lane))
}

// inspectionPhoto is a photograph of an inspection: a picture and nothing else,
// whatever it holds.
func (s *Server) inspectionPhoto(k *call) error {
	if err := s.inspecting(); err != nil {
		return err
	}
	data, typ, err := s.cfg.Inspecting.Desk.Photo(k.Request().Context(), k.person(), k.Param("id"), k.Param("sum"))
	if err != nil {
		return err
	}
	h := k.Response().Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Content-Disposition", `inline; filename="photograph"`)
	h.Set("Cache-Control", "private, no-store")
	return k.Blob(http.StatusOK, typ, data)
}
