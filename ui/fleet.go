package ui

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/ui/view"
)

// Fleets is what the pages of fleets need of the site; the zero value is a site
// that keeps none.
type Fleets struct {
	Desk    *gate.FleetDesk
	Imports *gate.FleetImports
	// Of are the fleets of a fleet manager, by the name that they sign in with.
	Of func(ctx context.Context, name string) ([]string, error)
	// Book reads the first sheet of a workbook.
	Book func(data []byte) (*gate.Table, error)
	// Sheet makes a workbook of one sheet.
	Sheet func(name string, rows [][]string) ([]byte, error)
	// Rules are those in force, which an exemption may be asked from.
	Rules func() []view.RuleChoice
	// Zones are those behind the site's lanes.
	Zones []string
}

func (f *Fleets) there() bool { return f.Desk != nil }

var fleetRoutes = []route{
	{"GET", "/fleet", forPeople, auth.SeeFleet, 0, (*Server).fleets},
	{"POST", "/fleet", forPeople, auth.ManageFleets, formLimit, (*Server).makeFleet},
	{"GET", "/fleet/notices", forPeople, auth.SeeFleet, 0, (*Server).fleetNotices},
	{"GET", "/fleet/exemptions", forPeople, auth.SeeFleet, 0, (*Server).fleetExemptions},
	{"POST", "/fleet/exemptions", forPeople, auth.EditFleet, formLimit, (*Server).askForFleet},
	{"POST", "/fleet/exemptions/:id", forPeople, auth.EditFleet, formLimit, (*Server).decideExemption},
	{"GET", "/fleet/template.csv", forPeople, auth.EditFleet, 0, (*Server).fleetTemplate},
	{"GET", "/fleet/template.xlsx", forPeople, auth.EditFleet, 0, (*Server).fleetTemplate},
	{"GET", "/fleet/of/:fleet", forPeople, auth.SeeFleet, 0, (*Server).fleet},
	{"POST", "/fleet/of/:fleet", forPeople, auth.SeeFleet, formLimit, (*Server).fleet},
	{"GET", "/fleet/of/:fleet/add", forPeople, auth.EditFleet, 0, (*Server).fleetForm},
	{"POST", "/fleet/of/:fleet/add", forPeople, auth.EditFleet, formLimit, (*Server).addVehicle},
	{"POST", "/fleet/of/:fleet/check", forPeople, auth.EditFleet, formLimit, (*Server).checkVehicle},
	{"GET", "/fleet/of/:fleet/exposure", forPeople, auth.SeeFleet, 0, (*Server).fleetExposure},
	{"GET", "/fleet/of/:fleet/import", forPeople, auth.EditFleet, 0, (*Server).fleetImport},
	{"POST", "/fleet/of/:fleet/import", forPeople, auth.EditFleet, gate.MaxImportFile + formLimit, (*Server).readImport},
	{"GET", "/fleet/of/:fleet/import/:id", forPeople, auth.EditFleet, 0, (*Server).fleetImport},
	{"POST", "/fleet/of/:fleet/import/:id", forPeople, auth.EditFleet, formLimit, (*Server).doImport},
	{"GET", "/fleet/of/:fleet/import/:id/bad.csv", forPeople, auth.EditFleet, 0, (*Server).badRows},
	{"GET", "/fleet/of/:fleet/documents/:id", forPeople, auth.SeeFleet, 0, (*Server).fleetDocument},
	{"GET", "/fleet/of/:fleet/vehicles/:seq", forPeople, auth.SeeFleet, 0, (*Server).fleetVehicle},
	{"GET", "/fleet/of/:fleet/vehicles/:seq/edit", forPeople, auth.EditFleet, 0, (*Server).fleetForm},
	{"POST", "/fleet/of/:fleet/vehicles/:seq/edit", forPeople, auth.EditFleet, formLimit, (*Server).addVehicle},
	{"POST", "/fleet/of/:fleet/vehicles/:seq/remove", forPeople, auth.EditFleet, formLimit, (*Server).removeVehicle},
	{"POST", "/fleet/of/:fleet/vehicles/:seq/documents", forPeople, auth.EditFleet, gate.MaxDocument + formLimit, (*Server).fileDocument},
	{"POST", "/fleet/of/:fleet/vehicles/:seq/exemption", forPeople, auth.EditFleet, formLimit, (*Server).askForVehicle},
	{"POST", "/fleet/of/:fleet/vehicles/:seq/passes", forPeople, auth.EditFleet, formLimit, (*Server).issuePass},
	{"GET", "/fleet/of/:fleet/vehicles/:seq/passes/:id", forPeople, auth.IssuePass, 0, (*Server).fleetPass},
	{"POST", "/fleet/of/:fleet/vehicles/:seq/passes/:id", forPeople, auth.EditFleet, formLimit, (*Server).revokePass},
}

const (
	fleetRows     = 40
	noticeRows    = 50
	noticesLately = 14 * 24 * time.Hour // what the first page counts
)

// fleetPerson is who asks, with the fleets that are theirs.
func (s *Server) fleetPerson(k *call) (gate.FleetPerson, error) {
	who := gate.FleetPerson{Person: k.person()}
	if !s.cfg.Fleets.there() {
		return who, refuse(http.StatusNotFound, "not-found", errors.New("this site keeps no fleets"))
	}
	if k.role != auth.FleetManager {
		return who, nil
	}
	var err error
	if who.Fleets, err = s.cfg.Fleets.Of(k.Request().Context(), k.user.Name); err != nil {
		return who, fmt.Errorf("fleets of %s: %w", k.user.Name, err)
	}
	return who, nil
}

// settled takes an error that came after what was asked for became durable.
func (s *Server) settled(k *call, err error) error {
	if errors.Is(err, gate.ErrNotDecidedAgain) {
		s.cfg.Log.ErrorContext(k.Request().Context(), "fleet: not decided again", "error", err)
		return nil
	}
	return err
}

// inFleet is who asks, and the fleet that the address names.
func (s *Server) inFleet(k *call) (gate.FleetPerson, gate.Fleet, error) {
	who, err := s.fleetPerson(k)
	if err != nil {
		return who, gate.Fleet{}, err
	}
	f, err := s.cfg.Fleets.Desk.Fleet(k.Request().Context(), who, k.Param("fleet"))
	return who, f, err
}

func (s *Server) fleetHead(k *call, f gate.Fleet, here string) view.FleetHead {
	h := view.NewFleetHead(f, here, auth.May(k.role, auth.EditFleet))
	return h
}

// told is what a page says of what was just done, by a word in its address.
func told(b view.Base, k *call, words ...string) string {
	if w := k.QueryParam("done"); slices.Contains(words, w) {
		return b.T("fleet.done." + w)
	}
	return ""
}

// wrong is what a page says of an error, which the log gets whole.
func (s *Server) wrong(k *call, b view.Base, err error) (int, string) {
	f := classify(err)
	switch {
	case errors.Is(err, gate.ErrDocument):
		f = &fault{status: http.StatusBadRequest, class: "fleet-document", err: err}
	case errors.Is(err, gate.ErrExists):
		f = &fault{status: http.StatusConflict, class: "fleet-exists", err: err}
	case errors.Is(err, gate.ErrTooMany):
		f = &fault{status: http.StatusConflict, class: "fleet-too-many", err: err}
	case errors.Is(err, gate.ErrElsewhere):
		f = &fault{status: http.StatusConflict, class: "fleet-elsewhere", err: err}
	case errors.Is(err, gate.ErrTable):
		f = &fault{status: http.StatusBadRequest, class: "fleet-table", err: err}
	case errors.Is(err, gate.ErrNoNames):
		f = &fault{status: http.StatusBadRequest, class: "fleet-no-names", err: err}
	case errors.Is(err, gate.ErrSamePerson):
		f = &fault{status: http.StatusConflict, class: "same-person", err: err}
	case errors.Is(err, gate.ErrOver):
		f = &fault{status: http.StatusConflict, class: "fleet-over", err: err}
	case f.class == "internal":
		f = &fault{status: http.StatusBadRequest, class: "fleet-input", err: err}
	}
	s.cfg.Log.InfoContext(k.Request().Context(), "request refused", "path", k.Path(), "status", f.status, "class", f.class, "error", err)
	return f.status, b.T("error."+f.class, f.args...)
}

func (s *Server) fleets(k *call) error { return s.showFleets(k, nil) }

func (s *Server) showFleets(k *call, problem error) error {
	who, err := s.fleetPerson(k)
	if err != nil {
		return err
	}
	ctx, desk := k.Request().Context(), s.cfg.Fleets.Desk
	list, err := desk.Fleets(ctx, who)
	if err != nil {
		return err
	}
	counts, err := desk.Counts(ctx, who)
	if err != nil {
		return err
	}
	b := s.base(k)
	b.Path = "/fleet"
	p := view.Fleets{Base: b, Manages: auth.May(k.role, auth.ManageFleets), Done: k.QueryParam("done") != ""}
	for _, f := range list {
		p.Rows = append(p.Rows, view.FleetRow{FleetHead: s.fleetHead(k, f, ""), Count: counts[f.ID]})
	}
	for _, c := range policyClasses {
		p.All = append(p.All, string(c))
	}
	asked, err := desk.Exemptions(ctx, who)
	if err != nil {
		return err
	}
	for i := range asked {
		if asked[i].State(b.Now) == gate.ExemptionAsked {
			p.Asked++
		}
	}
	notices, err := desk.Notices(ctx, who, gate.NoticeFilter{Limit: 1000})
	if err != nil {
		return err
	}
	for i := range notices {
		if notices[i].Future || b.Now.Sub(notices[i].At) < noticesLately {
			p.Notices++
		}
	}
	status := http.StatusOK
	if problem != nil {
		status, p.Problem = s.wrong(k, b, problem)
		p.ID, p.Name, p.Checked = k.FormValue("id"), k.FormValue("name"), k.Request().PostForm["class"]
	}
	return s.page(k, status, p)
}

// policyClasses are the classes of vehicles, in the order in which they are
// offered.
var policyClasses = []policy.Class{policy.ClassContractor, policy.ClassPrivate, policy.ClassGovernment, policy.ClassMilitary, policy.ClassEmergency, policy.ClassDiplomatic, policy.ClassAllied}

func (s *Server) makeFleet(k *call) error {
	who, err := s.fleetPerson(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	f := gate.Fleet{ID: strings.TrimSpace(k.FormValue("id")), Name: k.FormValue("name"), Closed: k.FormValue("closed") != ""}
	for _, c := range k.Request().PostForm["class"] {
		f.Classes = append(f.Classes, policy.Class(c))
	}
	if err := s.cfg.Fleets.Desk.PutFleet(k.Request().Context(), who, f); err != nil {
		return s.showFleets(k, err)
	}
	return k.Redirect(http.StatusSeeOther, "/fleet?done=1")
}

// fleet lists the vehicles of a fleet. What is searched for is a VIN or a plate,
// and comes in the body of a POST: addresses are kept by browsers and proxies.
func (s *Server) fleet(k *call) error {
	who, f, err := s.inFleet(k)
	if err != nil {
		return err
	}
	if k.QueryParams().Has("q") {
		return bad("bad-request", "q: a search is posted, an address would keep it")
	}
	if err := parseForm(k); err != nil {
		return err
	}
	b := s.base(k)
	p := view.Fleet{Base: b, FleetHead: s.fleetHead(k, f, "vehicles"), Text: strings.TrimSpace(k.FormValue("q")), Outcome: k.FormValue("outcome"), Zones: s.cfg.Fleets.Zones}
	p.Path, p.Said = p.Address(""), told(b, k, "removed")
	if len(p.Text) > maxSought || p.Outcome != "" && !slices.Contains(p.Outcomes(), p.Outcome) {
		return bad("bad-request", "q or outcome: %q, %q", p.Text, p.Outcome)
	}
	var after int64
	if text := k.FormValue("after"); text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil {
			return bad("bad-request", "after: %q is not the end of a page", text)
		}
	}
	ctx, desk := k.Request().Context(), s.cfg.Fleets.Desk
	list, err := desk.Vehicles(ctx, who, gate.VehicleFilter{Fleet: f.ID, Text: p.Text, Outcome: p.Outcome, After: after, Limit: fleetRows + 1})
	if err != nil {
		return err
	}
	if len(list) > fleetRows {
		list = list[:fleetRows]
		p.More = list[fleetRows-1].Seq
	}
	counts, err := desk.Counts(ctx, who)
	if err != nil {
		return err
	}
	p.Count = counts[f.ID]
	for i := range list {
		assessed, err := s.foresee(ctx, &list[i].Listed)
		if err != nil {
			return err
		}
		p.Rows = append(p.Rows, b.Row(&list[i], s.cfg.Fleets.Zones, assessed, s.cfg.Say))
	}
	return s.page(k, http.StatusOK, p)
}

// foresee is what would be decided of a vehicle now, a zone each; nothing where
// its VIN is not known, for then it depends on what is read at the lane.
func (s *Server) foresee(ctx context.Context, r *gate.Registration) ([]gate.Assessment, error) {
	if r.VIN == "" {
		return nil, nil
	}
	f, err := s.cfg.Fleets.Desk.Foresight()
	if errors.Is(err, gate.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return f.Assess(ctx, r)
}

// vehicleOf is the vehicle that the address names.
func (s *Server) vehicleOf(k *call) (gate.FleetPerson, gate.Fleet, gate.FleetVehicle, error) {
	who, f, err := s.inFleet(k)
	if err != nil {
		return who, f, gate.FleetVehicle{}, err
	}
	seq, err := strconv.ParseInt(k.Param("seq"), 10, 64)
	if err != nil {
		return who, f, gate.FleetVehicle{}, refuse(http.StatusNotFound, "not-found", err)
	}
	v, err := s.cfg.Fleets.Desk.Vehicle(k.Request().Context(), who, f.ID, seq)
	return who, f, v, err
}

func (s *Server) fleetVehicle(k *call) error { return s.showFleetVehicle(k, nil) }

func (s *Server) showFleetVehicle(k *call, problem error) error {
	who, f, v, err := s.vehicleOf(k)
	if err != nil {
		return err
	}
	ctx, desk := k.Request().Context(), s.cfg.Fleets.Desk
	b := s.base(k)
	p := view.FleetVehicle{Base: b, FleetHead: s.fleetHead(k, f, "vehicles"), Market: v.Listed.Market, By: v.Listed.By, Since: v.Listed.At, Declared: v.Listed.Declared,
		Kinds: gate.DocumentKinds(), ZoneNames: s.cfg.Fleets.Zones, IssuesPass: auth.May(k.role, auth.IssuePass), Today: b.Now.In(s.cfg.Location).Format(time.DateOnly)}
	p.Path, p.Said = vehicleAddress(f.ID, v.Seq), told(b, k, "added", "saved", "filed", "asked", "revoked")
	list, err := s.foresee(ctx, &v.Listed)
	if err != nil {
		return err
	}
	p.Row = b.Row(&v, s.cfg.Fleets.Zones, list, s.cfg.Say)
	for i, a := range list {
		p.Zones = append(p.Zones, b.Zone(s.cfg.Fleets.Zones[i], a, s.cfg.Say))
		p.Problems, p.Basis = a.Vehicle.Problems, a.Vehicle.BuiltInBasis
	}
	if p.Documents, err = desk.Documents(ctx, who, f.ID, gate.DataSubject{VIN: v.Listed.VIN, Plate: v.Listed.Plate}); err != nil {
		return err
	}
	exemptions, err := desk.Exemptions(ctx, who)
	if err != nil {
		return err
	}
	for _, e := range exemptions {
		if e.Fleet == f.ID && (e.VIN == "" || e.VIN == v.Listed.VIN) {
			p.Exemptions = append(p.Exemptions, b.Exemption(e, f.Name, true, false, false))
		}
	}
	if v.Listed.VIN != "" && s.cfg.Fleets.Rules != nil {
		p.Rules = s.cfg.Fleets.Rules()
	}
	passes, err := desk.Passes(ctx, who, f.ID, v.Seq)
	if err != nil {
		return err
	}
	for _, pass := range passes {
		p.Passes = append(p.Passes, b.Pass(pass))
	}
	notices, err := desk.Notices(ctx, who, gate.NoticeFilter{Fleets: []string{f.ID}, Seq: v.Seq, Limit: 10})
	if err != nil {
		return err
	}
	for _, n := range notices {
		p.Notices = append(p.Notices, b.Notice(n, f.Name, ""))
	}
	status := http.StatusOK
	if problem != nil {
		status, p.Problem = s.wrong(k, b, problem)
		p.Reason = k.FormValue("reason")
	}
	return s.page(k, status, p)
}

func vehicleAddress(fleet string, seq int64) string {
	return fmt.Sprintf("/fleet/of/%s/vehicles/%d", url.PathEscape(fleet), seq)
}

func (s *Server) fleetForm(k *call) error {
	_, f, err := s.inFleet(k)
	if err != nil {
		return err
	}
	p := &view.FleetForm{Base: s.base(k), FleetHead: s.fleetHead(k, f, "add"), V: map[string]string{"class": string(f.Classes[0])}}
	if k.Param("seq") != "" {
		_, _, v, err := s.vehicleOf(k)
		if err != nil {
			return err
		}
		p.Seq, p.Here = v.Seq, "vehicles"
		r := &v.Listed
		p.V = map[string]string{"vin": r.VIN, "plate": r.Plate, "class": string(r.Class), "market": r.Market, "make": r.Make, "model": r.Model, "built_on": r.BuiltOn}
		if r.ModelYear > 0 {
			p.V["model_year"] = strconv.Itoa(r.ModelYear)
		}
		for _, d := range r.Declared {
			p.V[d.Kind] = d.Value
		}
	}
	return s.page(k, http.StatusOK, p)
}

// typed is the vehicle that a form holds, and what is wrong with it.
func typed(k *call, f *gate.Fleet, now time.Time) (gate.Registration, []gate.VehicleFault) {
	fields := gate.VehicleFields()
	row := gate.TableRow{Cells: make([]string, len(fields))}
	for i, name := range fields {
		row.Cells[i] = k.FormValue(name)
	}
	r, faults := gate.ParseVehicle(&row, fields, f.Classes[0])
	r.Fleet = f.ID
	if len(faults) == 0 {
		faults = gate.CheckVehicle(&r, f, now)
	}
	return r, faults
}

// showForm shows a form again, with what would be decided of what it holds.
func (s *Server) showForm(k *call, f gate.Fleet, seq int64, r gate.Registration, faults []gate.VehicleFault, problem error) error {
	b := s.base(k)
	p := &view.FleetForm{Base: b, FleetHead: s.fleetHead(k, f, "add"), Seq: seq, V: map[string]string{}, Wrong: map[string]string{}}
	if seq > 0 {
		p.Here = "vehicles"
	}
	p.Path = p.Address("add")
	for _, name := range gate.VehicleFields() {
		p.V[name] = k.FormValue(name)
	}
	status := http.StatusOK
	for _, fault := range faults {
		if k.FormValue(cmp.Or(fault.Field, "vin")) != "" || problem != nil || fault.Code == "no-name" {
			p.Wrong[cmp.Or(fault.Field, "vin")] = b.FaultWords(fault)
		}
	}
	if problem != nil {
		status, p.Problem = s.wrong(k, b, problem)
	}
	if len(r.VIN) == 17 {
		list, err := s.foresee(k.Request().Context(), &r)
		if err != nil {
			return err
		}
		row := b.Row(&gate.FleetVehicle{Listed: r}, s.cfg.Fleets.Zones, list, s.cfg.Say)
		p.Row = &row
		if len(list) > 0 {
			p.Problems = list[0].Vehicle.Problems
		}
	}
	if problem == nil && k.Request().Header.Get("HX-Request") != "" {
		return s.fleetRegion(k, p, 0)
	}
	return s.page(k, status, p)
}

// region answers with one part of a page, for a script that puts it in place.
func (s *Server) fleetRegion(k *call, p view.Live, i int) error {
	parts, err := s.pages.RenderRegions(p)
	if err != nil {
		return err
	}
	return k.HTML(http.StatusOK, parts[i].HTML)
}

func (s *Server) checkVehicle(k *call) error {
	_, f, err := s.inFleet(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	r, faults := typed(k, &f, s.cfg.Now())
	return s.showForm(k, f, 0, r, faults, nil)
}

var errFields = errors.New("a field is wrong")

func (s *Server) addVehicle(k *call) error {
	who, f, err := s.inFleet(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	var was gate.FleetVehicle
	if k.Param("seq") != "" {
		if _, _, was, err = s.vehicleOf(k); err != nil {
			return err
		}
	}
	r, faults := typed(k, &f, s.cfg.Now())
	if was.Seq > 0 && r.VIN != was.Listed.VIN {
		faults = append(faults, gate.VehicleFault{Field: gate.FieldVIN, Code: "vin-letters", Value: r.VIN})
	}
	if len(faults) > 0 {
		return s.showForm(k, f, was.Seq, r, faults, refuse(http.StatusBadRequest, "fleet-fields", errFields))
	}
	ctx, desk := k.Request().Context(), s.cfg.Fleets.Desk
	if err := s.settled(k, desk.Enter(ctx, who, f.ID, r)); err != nil {
		return s.showForm(k, f, was.Seq, r, nil, err)
	}
	word := "added"
	if was.Seq > 0 {
		word = "saved"
	}
	list, err := desk.Vehicles(ctx, who, gate.VehicleFilter{Fleet: f.ID, Text: cmp.Or(r.VIN, r.Plate), Limit: 1})
	if err != nil || len(list) == 0 {
		return k.Redirect(http.StatusSeeOther, "/fleet/of/"+f.ID)
	}
	return k.Redirect(http.StatusSeeOther, vehicleAddress(f.ID, list[0].Seq)+"?done="+word)
}

func (s *Server) removeVehicle(k *call) error {
	who, f, v, err := s.vehicleOf(k)
	if err != nil {
		return err
	}
	if err := s.settled(k, s.cfg.Fleets.Desk.Remove(k.Request().Context(), who, f.ID, v.Seq)); err != nil {
		return s.showFleetVehicle(k, err)
	}
	return k.Redirect(http.StatusSeeOther, "/fleet/of/"+f.ID+"?done=removed")
}

// upload is the file of a form, whole.
func upload(k *call, most int64) (name string, data []byte, err error) {
	if err := k.Request().ParseMultipartForm(most + formLimit); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return "", nil, err
		}
		return "", nil, bad("fleet-file", "file: %w", err)
	}
	file, head, err := k.Request().FormFile("file")
	if err != nil {
		return "", nil, bad("fleet-file", "file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if data, err = io.ReadAll(io.LimitReader(file, most+1)); err == nil && int64(len(data)) > most {
		err = refuse(http.StatusRequestEntityTooLarge, "too-large", fmt.Errorf("file: more than %d bytes", most))
	}
	return head.Filename, data, err
}

func (s *Server) fileDocument(k *call) error {
	who, f, v, err := s.vehicleOf(k)
	if err != nil {
		return err
	}
	name, data, err := upload(k, gate.MaxDocument)
	if err == nil {
		_, err = s.cfg.Fleets.Desk.File(k.Request().Context(), who, f.ID, v.Seq, k.FormValue("kind"), name, data)
	}
	if err != nil {
		return s.showFleetVehicle(k, err)
	}
	return k.Redirect(http.StatusSeeOther, vehicleAddress(f.ID, v.Seq)+"?done=filed")
}

// fleetDocument sends a paper as a file to keep: never as a page of this site.
func (s *Server) fleetDocument(k *call) error {
	who, f, err := s.inFleet(k)
	if err != nil {
		return err
	}
	doc, data, err := s.cfg.Fleets.Desk.Document(k.Request().Context(), who, f.ID, k.Param("id"))
	if err != nil {
		return err
	}
	return attachment(k, doc.Name, doc.Type, data)
}

// attachment sends a file to keep.
func attachment(k *call, name, kind string, data []byte) error {
	h := k.Response().Header()
	h.Set("Content-Disposition", cmp.Or(mime.FormatMediaType("attachment", map[string]string{"filename": name}), "attachment"))
	h.Set("Content-Security-Policy", policyHeader+"; sandbox")
	return k.Blob(http.StatusOK, kind, data)
}

// period reads the days of a form: from the beginning of the first to the end of
// the last, by the site's clock.
func (s *Server) period(k *call) (from, until time.Time, err error) {
	if from, err = time.ParseInLocation(time.DateOnly, k.FormValue("from"), s.cfg.Location); err == nil {
		until, err = time.ParseInLocation(time.DateOnly, k.FormValue("until"), s.cfg.Location)
	}
	if err != nil {
		return from, until, bad("fleet-period", "period: %w", err)
	}
	return from, until.AddDate(0, 0, 1), nil
}

func (s *Server) askForVehicle(k *call) error {
	who, f, v, err := s.vehicleOf(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	e := gate.Exemption{Rule: k.FormValue("rule"), Reason: k.FormValue("reason")}
	if e.From, e.Until, err = s.period(k); err == nil {
		_, err = s.cfg.Fleets.Desk.Ask(k.Request().Context(), who, f.ID, v.Seq, e)
	}
	if err != nil {
		return s.showFleetVehicle(k, err)
	}
	return k.Redirect(http.StatusSeeOther, vehicleAddress(f.ID, v.Seq)+"?done=asked")
}

func (s *Server) askForFleet(k *call) error {
	who, err := s.fleetPerson(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	e := gate.Exemption{Rule: k.FormValue("rule"), Reason: k.FormValue("reason")}
	if e.From, e.Until, err = s.period(k); err == nil {
		_, err = s.cfg.Fleets.Desk.Ask(k.Request().Context(), who, k.FormValue("fleet"), 0, e)
	}
	if err != nil {
		return s.showExemptions(k, err)
	}
	return k.Redirect(http.StatusSeeOther, "/fleet/exemptions?done=asked")
}

func (s *Server) fleetExemptions(k *call) error { return s.showExemptions(k, nil) }

func (s *Server) showExemptions(k *call, problem error) error {
	who, err := s.fleetPerson(k)
	if err != nil {
		return err
	}
	ctx, desk := k.Request().Context(), s.cfg.Fleets.Desk
	list, err := desk.Exemptions(ctx, who)
	if err != nil {
		return err
	}
	fleets, err := desk.Fleets(ctx, who)
	if err != nil {
		return err
	}
	names := map[string]string{}
	b := s.base(k)
	b.Path = "/fleet/exemptions"
	p := view.FleetExemptions{Base: b, Said: told(b, k, "asked", "granted", "refused", "ended", "withdrawn"), Today: b.Now.In(s.cfg.Location).Format(time.DateOnly)}
	p.Version, _ = strconv.Atoi(k.QueryParam("version"))
	for _, f := range fleets {
		names[f.ID] = f.Name
		if !f.Closed && auth.May(k.role, auth.EditFleet) {
			p.Fleets = append(p.Fleets, view.FleetRow{FleetHead: s.fleetHead(k, f, "")})
		}
	}
	if s.cfg.Fleets.Rules != nil {
		p.Rules = s.cfg.Fleets.Rules()
	}
	for _, e := range list {
		p.Rows = append(p.Rows, b.Exemption(e, names[e.Fleet], desk.Honoured(e.Rule), auth.May(k.role, auth.DecideExemption), auth.May(k.role, auth.EditFleet)))
	}
	status := http.StatusOK
	if problem != nil {
		status, p.Problem = s.wrong(k, b, problem)
		p.Reason = k.FormValue("reason")
	}
	return s.page(k, status, p)
}

func (s *Server) decideExemption(k *call) error {
	who, err := s.fleetPerson(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	kind := gate.ExemptionStepKind(k.FormValue("do"))
	g, err := s.cfg.Fleets.Desk.Decide(k.Request().Context(), who, k.Param("id"), kind, k.FormValue("note"))
	if err = s.settled(k, err); err != nil {
		return s.showExemptions(k, err)
	}
	q := url.Values{"done": {string(kind)}}
	if g.Version > 0 {
		q.Set("version", strconv.Itoa(g.Version))
	}
	return k.Redirect(http.StatusSeeOther, "/fleet/exemptions?"+q.Encode())
}

func (s *Server) issuePass(k *call) error {
	who, f, v, err := s.vehicleOf(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	var p gate.VehiclePass
	if z := k.FormValue("zone"); z != "" {
		p.Zones = []string{z}
	}
	if c := strings.TrimSpace(k.FormValue("condition")); c != "" {
		p.Conditions = []string{c}
	}
	if p.From, p.Until, err = s.period(k); err == nil {
		if now := s.cfg.Now(); p.From.Before(now) && now.Sub(p.From) < 24*time.Hour {
			p.From = time.Time{} // of today: from now on
		}
		p, err = s.cfg.Fleets.Desk.IssuePass(k.Request().Context(), who, f.ID, v.Seq, p)
		err = s.settled(k, err)
	}
	if err != nil {
		return s.showFleetVehicle(k, err)
	}
	return k.Redirect(http.StatusSeeOther, vehicleAddress(f.ID, v.Seq)+"/passes/"+p.ID)
}

func (s *Server) fleetPass(k *call) error {
	who, f, v, err := s.vehicleOf(k)
	if err != nil {
		return err
	}
	p, text, err := s.cfg.Fleets.Desk.PassText(k.Request().Context(), who, f.ID, v.Seq, k.Param("id"))
	if err != nil {
		return err
	}
	code, err := view.NewQR(text)
	if err != nil {
		return err
	}
	return s.page(k, http.StatusOK, view.NewFleetPass(s.base(k), s.fleetHead(k, f, "vehicles"), v.Seq, p, code,
		func(lang, key string) string { return s.words.Words(lang, s.cfg.Location).T(key) }))
}

func (s *Server) revokePass(k *call) error {
	who, f, v, err := s.vehicleOf(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	if err := s.settled(k, s.cfg.Fleets.Desk.RevokePass(k.Request().Context(), who, f.ID, v.Seq, k.Param("id"), k.FormValue("why"))); err != nil {
		return s.showFleetVehicle(k, err)
	}
	return k.Redirect(http.StatusSeeOther, vehicleAddress(f.ID, v.Seq)+"?done=revoked")
}

func (s *Server) fleetNotices(k *call) error {
	who, err := s.fleetPerson(k)
	if err != nil {
		return err
	}
	b := s.base(k)
	p := view.FleetNotices{Base: b, Future: k.QueryParam("show") == "future"}
	f := gate.NoticeFilter{Future: p.Future, Limit: noticeRows + 1}
	if text := k.QueryParam("before"); text != "" {
		if f.Before, err = strconv.ParseInt(text, 10, 64); err != nil {
			return bad("bad-request", "before: %q is not the end of a page", text)
		}
	}
	ctx, desk := k.Request().Context(), s.cfg.Fleets.Desk
	list, err := desk.Notices(ctx, who, f)
	if err != nil {
		return err
	}
	if len(list) > noticeRows {
		list = list[:noticeRows]
		p.More = list[noticeRows-1].ID
	}
	fleets, err := desk.Fleets(ctx, who)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, f := range fleets {
		names[f.ID] = f.Name
	}
	for _, n := range list {
		p.Rows = append(p.Rows, b.Notice(n, names[n.Listed.Fleet], ""))
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) fleetExposure(k *call) error {
	who, f, err := s.inFleet(k)
	if err != nil {
		return err
	}
	ctx, desk := k.Request().Context(), s.cfg.Fleets.Desk
	look, err := desk.Foresight()
	if err != nil {
		return err
	}
	x, err := look.Expose(ctx, vehiclesOf(ctx, desk, who, f.ID))
	if err != nil {
		return err
	}
	zone := ""
	if len(s.cfg.Fleets.Zones) > 0 {
		zone = s.cfg.Fleets.Zones[0]
	}
	return s.page(k, http.StatusOK, view.NewFleetExposure(s.base(k), s.fleetHead(k, f, "exposure"), zone, x))
}

// vehiclesOf are the vehicles of a fleet of which the VIN is known.
func vehiclesOf(ctx context.Context, desk *gate.FleetDesk, who gate.FleetPerson, fleet string) iter.Seq2[*gate.Registration, error] {
	return func(yield func(*gate.Registration, error) bool) {
		enough := errors.New("enough")
		err := desk.EachVehicle(ctx, who, fleet, func(r gate.Registration) error {
			if r.VIN != "" && !yield(&r, nil) {
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			yield(nil, err)
		}
	}
}

// fleetTemplate is the table to fill in, in the page's language.
func (s *Server) fleetTemplate(k *call) error {
	if _, err := s.fleetPerson(k); err != nil {
		return err
	}
	b := s.base(k)
	var head, example []string
	for _, f := range gate.VehicleFields() {
		head = append(head, b.T("fleet.field."+f))
		example = append(example, map[string]string{gate.FieldVIN: "5YJXCAE42MF000001", gate.FieldPlate: "WE 4821K", gate.FieldClass: b.T("class.contractor"), gate.FieldMarket: "EU", gate.FieldMake: "TESLA", gate.FieldModel: "Model X", gate.FieldYear: "2021", gate.FieldBuilt: "2021-03-15", gate.FieldFCC: "XMR2020AG525RGL"}[f])
	}
	rows := [][]string{head, example}
	if strings.HasSuffix(k.Path(), ".xlsx") && s.cfg.Fleets.Sheet != nil {
		data, err := s.cfg.Fleets.Sheet(b.T("fleet.vehicles"), rows)
		if err != nil {
			return err
		}
		return attachment(k, "sallyport-fleet.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", data)
	}
	return csvFile(k, "sallyport-fleet.csv", rows)
}

// csvFile sends rows as UTF-8 with a mark, and semicolons: as the spreadsheets of
// most of Europe open it rightly.
func csvFile(k *call, name string, rows [][]string) error {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = ';', true
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return attachment(k, name, "text/csv; charset=utf-8", b.Bytes())
}

func (s *Server) fleetImport(k *call) error { return s.showImport(k, nil) }

func (s *Server) showImport(k *call, problem error) error {
	who, f, err := s.inFleet(k)
	if err != nil {
		return err
	}
	var v *gate.ImportView
	if id := k.Param("id"); id != "" {
		one, err := s.cfg.Fleets.Imports.View(who, f.ID, id)
		if err != nil {
			return err
		}
		v = &one
	}
	b := s.base(k)
	p := view.NewFleetImport(b, s.fleetHead(k, f, "import"), v)
	if p.Path = p.Address("import"); v != nil {
		p.Path += "/" + v.ID
	}
	if problem == nil && v != nil && k.Request().Header.Get("HX-Request") != "" {
		if !v.Running() {
			k.Response().Header().Set("HX-Refresh", "true") // the whole page is another now
		}
		return s.fleetRegion(k, p, 0)
	}
	status := http.StatusOK
	if problem != nil {
		status, p.Problem = s.wrong(k, b, problem)
		if errors.Is(problem, gate.ErrTable) {
			p.Detail = problem.Error()
		}
	} else if v != nil && v.Problem != nil {
		_, p.Problem = s.wrong(k, b, v.Problem)
	}
	return s.page(k, status, p)
}

func (s *Server) readImport(k *call) error {
	who, f, err := s.inFleet(k)
	if err != nil {
		return err
	}
	name, data, err := upload(k, gate.MaxImportFile)
	if err != nil {
		return s.showImport(k, err)
	}
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	if r := []rune(name); len(r) > 80 {
		name = string(r[:80])
	}
	var book *gate.Table
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) && s.cfg.Fleets.Book != nil {
		if book, err = s.cfg.Fleets.Book(data); err != nil {
			return s.showImport(k, err)
		}
		data = nil
	}
	v, err := s.cfg.Fleets.Imports.Read(k.Request().Context(), who, f.ID, name, data, book)
	if err != nil {
		return s.showImport(k, err)
	}
	return k.Redirect(http.StatusSeeOther, "/fleet/of/"+f.ID+"/import/"+v.ID)
}

func (s *Server) doImport(k *call) error {
	who, f, err := s.inFleet(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx, imports, id := k.Request().Context(), s.cfg.Fleets.Imports, k.Param("id")
	here := "/fleet/of/" + f.ID + "/import/" + id
	switch do := k.FormValue("do"); do {
	case "check":
		err = imports.Check(ctx, who, f.ID, id, gate.ImportChoice{Fields: k.Request().PostForm["field"], Class: policy.Class(k.FormValue("class")), Encoding: k.FormValue("encoding")})
	case "enter", "good":
		err = imports.Enter(ctx, who, f.ID, id, do == "good")
	case "stop":
		v, unknown := imports.View(who, f.ID, id)
		if err = cmp.Or(unknown, imports.Stop(who, f.ID, id)); err == nil && !v.Running() {
			here = "/fleet/of/" + f.ID + "/import"
		}
	default:
		err = bad("bad-request", "do: %q is none of check, enter, good, stop", do)
	}
	if err != nil {
		return s.showImport(k, err)
	}
	return k.Redirect(http.StatusSeeOther, here)
}

// badRows is every bad row as a table, in the page's language.
func (s *Server) badRows(k *call) error {
	who, f, err := s.inFleet(k)
	if err != nil {
		return err
	}
	v, err := s.cfg.Fleets.Imports.View(who, f.ID, k.Param("id"))
	if err != nil {
		return err
	}
	b := s.base(k)
	rows := [][]string{{b.T("fleet.import.line"), b.T("fleet.import.column"), b.T("fleet.import.head"), b.T("fleet.import.reason")}}
	for _, fault := range v.Bad {
		column := ""
		if fault.Column > 0 {
			column = strconv.Itoa(fault.Column)
		}
		rows = append(rows, []string{strconv.Itoa(fault.Line), column, gate.BadCell(fault.Header), gate.BadCell(b.FaultWords(fault.VehicleFault))})
	}
	return csvFile(k, "bad-rows.csv", rows)
}
