package ui

import (
	"context"
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

var settingsRoutes = []route{
	{"GET", "/settings", forPeople, auth.SeeSettings, 0, (*Server).settings},
	{"POST", "/settings", forPeople, auth.ChangeSettings, formLimit, (*Server).proposeSetting},
	{"POST", "/settings/:change", forPeople, auth.ChangeSettings, formLimit, (*Server).decideSetting},
	{"GET", "/signs", forPeople, auth.SeeSettings, 0, (*Server).signs},
	{"GET", "/dpia", forPeople, auth.SeeSettings, 0, (*Server).dpia},
	{"GET", "/machines", forPeople, auth.EnrolMachine, 0, (*Server).machines},
	{"POST", "/machines", forPeople, auth.EnrolMachine, formLimit, (*Server).enrolMachine},
	{"POST", "/machines/:machine/revoke", forPeople, auth.EnrolMachine, formLimit, (*Server).revokeMachine},
}

// SettingsDesk is what people do with the settings that can be changed while the
// site runs. *gate.SettingsDesk is one.
type SettingsDesk interface {
	// Value is what is in force; empty where nobody has set it.
	Value(key string) string
	// Changes are all changes, oldest first.
	Changes() []gate.SettingChange
	// Propose and Decide are durable on return.
	Propose(ctx context.Context, who gate.Person, key, value, why string) error
	Decide(ctx context.Context, who gate.Person, id string, how gate.SettingStep) error
}

// Machines enrols what speaks to the interface for machines. It may be called
// concurrently.
type Machines interface {
	// Enrol is durable on return; the token is kept nowhere.
	Enrol(ctx context.Context, by, name string, kind auth.DeviceKind, lane string, life time.Duration) (id, token string, err error)
	List(ctx context.Context) ([]Machine, error)
	// Revoke is durable on return, and ends what the machine is listening to.
	Revoke(ctx context.Context, by, id string) error
}

// Machine is an enrolled machine.
type Machine struct {
	ID, Name, Kind, Lane string
	Created              time.Time
	Revoked              bool
}

// Manage is what people read and set of the site as a whole. What is nil is not
// offered.
type Manage struct {
	Sheet    func(ctx context.Context) (view.Sheet, error) // what the configuration says
	Settings SettingsDesk
	Machines Machines
}

func (s *Server) sheet(k *call) (view.Sheet, error) {
	if s.cfg.Manage.Sheet == nil {
		return view.Sheet{}, refuse(http.StatusNotFound, "not-found", errors.New("this site does not show its configuration"))
	}
	return s.cfg.Manage.Sheet(k.Request().Context())
}

func (s *Server) setting(key string) string {
	if s.cfg.Manage.Settings == nil {
		return ""
	}
	return s.cfg.Manage.Settings.Value(key)
}

func (s *Server) settings(k *call) error {
	p := &view.Settings{}
	switch done := k.QueryParam("done"); done {
	case "proposed", string(gate.SettingApproved), string(gate.SettingRejected), string(gate.SettingWithdrawn):
		p.Done = "set.done." + done
	}
	return s.showSettings(k, http.StatusOK, p, "", "", "")
}

// pastSettings is how many decided changes are shown.
const pastSettings = 50

func (s *Server) showSettings(k *call, status int, p *view.Settings, key, typed, why string) error {
	b := s.base(k)
	b.Path = "/settings"
	p.Base = b
	var err error
	if p.Sheet, err = s.sheet(k); err != nil {
		return err
	}
	p.Law = s.cfg.Law
	if desk := s.cfg.Manage.Settings; desk != nil {
		p.Changes = auth.May(k.role, auth.ChangeSettings)
		all := desk.Changes()
		for _, of := range gate.Settings() {
			row := view.SettingRow{Key: of.Key, Value: desk.Value(of.Key), Number: of.Max > 0, Long: of.Letters > 200, Min: of.Min, Max: of.Max, Letters: of.Letters}
			if row.Value == "" && of.Key == gate.SettingRetention {
				row.Value = strconv.Itoa(p.Sheet.Retention)
			}
			for _, c := range all {
				v := view.SettingChange{ID: c.ID, Key: c.Key, Was: c.Was, Value: c.Value, Why: c.Why, By: c.By, At: c.At, Decided: string(c.Decided), DecidedBy: c.DecidedBy, DecidedAt: c.DecidedAt}
				switch {
				case c.Key != of.Key:
				case c.Decided == "":
					row.Waiting, row.Mine = &v, c.By == k.user.Name
				case c.Decided == gate.SettingApproved:
					row.From = &v
				}
			}
			if of.Key == key {
				row.Typed, row.Why = typed, why
			}
			p.Rows = append(p.Rows, row)
		}
		for _, c := range slices.Backward(all) {
			if c.Decided != "" && len(p.Past) < pastSettings {
				p.Past = append(p.Past, view.SettingChange{ID: c.ID, Key: c.Key, Was: c.Was, Value: c.Value, Why: c.Why, By: c.By, At: c.At, Decided: string(c.Decided), DecidedBy: c.DecidedBy, DecidedAt: c.DecidedAt})
			}
		}
	}
	return s.page(k, status, p)
}

// settingRefused shows the page with what was wrong.
func (s *Server) settingRefused(k *call, err error, key, typed, why string) error {
	f := classify(err)
	p := &view.Settings{}
	switch {
	case errors.Is(err, gate.ErrSamePerson):
		f = &fault{status: http.StatusConflict, class: "setting-same", err: err}
	case errors.Is(err, gate.ErrExists), errors.Is(err, gate.ErrOver):
		f = &fault{status: http.StatusConflict, class: "setting-over", err: err}
	case errors.Is(err, gate.ErrSetting):
		f = &fault{status: http.StatusBadRequest, class: "setting", err: err}
		p.Detail = strings.TrimPrefix(err.Error(), "settings: ")
	case f.status >= 500:
		return err
	}
	s.cfg.Log.InfoContext(k.Request().Context(), "request refused", "path", k.Path(), "status", f.status, "class", f.class, "error", err)
	p.Problem = s.base(k).T("error."+f.class, f.args...)
	return s.showSettings(k, f.status, p, key, typed, why)
}

func (s *Server) proposeSetting(k *call) error {
	if s.cfg.Manage.Settings == nil {
		return refuse(http.StatusNotFound, "not-found", errors.New("nothing can be set here"))
	}
	if err := parseForm(k); err != nil {
		return err
	}
	key, value, why := k.FormValue("key"), strings.TrimSpace(k.FormValue("value")), strings.TrimSpace(k.FormValue("why"))
	if err := s.cfg.Manage.Settings.Propose(k.Request().Context(), k.person(), key, value, why); err != nil {
		return s.settingRefused(k, err, key, value, why)
	}
	return k.Redirect(http.StatusSeeOther, "/settings?done=proposed")
}

func (s *Server) decideSetting(k *call) error {
	if s.cfg.Manage.Settings == nil {
		return refuse(http.StatusNotFound, "not-found", errors.New("nothing can be set here"))
	}
	if err := parseForm(k); err != nil {
		return err
	}
	how := gate.SettingStep(k.FormValue("decide"))
	switch how {
	case gate.SettingApproved, gate.SettingRejected, gate.SettingWithdrawn:
	default:
		return bad("bad-request", "decide: %q", how)
	}
	if err := s.cfg.Manage.Settings.Decide(k.Request().Context(), k.person(), k.Param("change"), how); err != nil {
		return s.settingRefused(k, err, "", "", "")
	}
	return k.Redirect(http.StatusSeeOther, "/settings?done="+string(how))
}

// missing are the settings that a paper asks for and nobody has set.
func (s *Server) missing(keys ...string) (out []string) {
	for _, key := range keys {
		if s.cfg.Manage.Settings != nil && s.setting(key) == "" {
			out = append(out, key)
		}
	}
	return out
}

// signs are the notices at the gate in every language, whatever the page's.
func (s *Server) signs(k *call) error {
	sheet, err := s.sheet(k)
	if err != nil {
		return err
	}
	p := &view.Signs{Base: s.base(k), Sheet: sheet, Law: s.cfg.Law, Controller: s.setting(gate.SettingController), Contact: s.setting(gate.SettingContact),
		Hears: sheet.Sensors() > 0, Missing: s.missing(gate.SettingController, gate.SettingContact)}
	for _, l := range s.words.Languages() {
		b := p.Base
		b.Words = s.words.Words(l.Code, s.cfg.Location)
		p.Texts = append(p.Texts, view.SignText{Base: b, Sign: p})
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) dpia(k *call) error {
	sheet, err := s.sheet(k)
	if err != nil {
		return err
	}
	sets, err := s.cfg.Data(k.Request().Context())
	if err != nil {
		return fmt.Errorf("read the editions: %w", err)
	}
	return s.page(k, http.StatusOK, &view.ImpactAssessment{Base: s.base(k), Sheet: sheet, Law: s.cfg.Law, Data: sets,
		Controller: s.setting(gate.SettingController), Contact: s.setting(gate.SettingContact), Basis: s.setting(gate.SettingBasis),
		Necessity: s.setting(gate.SettingNecessity), Consulted: s.setting(gate.SettingConsulted), Placement: s.setting(gate.SettingPlacement),
		Missing: s.missing(gate.SettingController, gate.SettingContact, gate.SettingBasis, gate.SettingNecessity, gate.SettingPlacement, gate.SettingConsulted)})
}

func (s *Server) machineDesk() (Machines, error) {
	if s.cfg.Manage.Machines == nil {
		return nil, refuse(http.StatusNotFound, "not-found", errors.New("machines are not enrolled here"))
	}
	return s.cfg.Manage.Machines, nil
}

// machineDays is how long a token lives where nobody says otherwise.
const machineDays = 365

func (s *Server) machines(k *call) error {
	p := &view.Machines{}
	p.Typed.Days = machineDays
	return s.showMachines(k, http.StatusOK, p)
}

func (s *Server) showMachines(k *call, status int, p *view.Machines) error {
	desk, err := s.machineDesk()
	if err != nil {
		return err
	}
	list, err := desk.List(k.Request().Context())
	if err != nil {
		return fmt.Errorf("machines: %w", err)
	}
	b := s.base(k)
	b.Path = "/machines"
	p.Base = b
	names := map[string]string{}
	for _, lv := range s.cfg.Lanes.Lanes() {
		p.Lanes = append(p.Lanes, view.Pick{Value: string(lv.Lane), Label: lv.Name})
		names[string(lv.Lane)] = lv.Name
	}
	for _, m := range list {
		row := view.MachineRow(m)
		if name := names[m.Lane]; name != "" {
			row.Lane = name
		}
		p.Rows = append(p.Rows, row)
	}
	for _, kind := range auth.DeviceKinds() {
		if kind != auth.KindKiosk { // a kiosk is enrolled at its own screen
			p.Kinds = append(p.Kinds, string(kind))
		}
	}
	return s.page(k, status, p)
}

func (s *Server) enrolMachine(k *call) error {
	desk, err := s.machineDesk()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	p := &view.Machines{}
	p.Typed.Name, p.Typed.Kind, p.Typed.Lane = strings.TrimSpace(k.FormValue("name")), k.FormValue("kind"), k.FormValue("lane")
	kind, err := auth.ParseDeviceKind(p.Typed.Kind)
	if err != nil || kind == auth.KindKiosk {
		return bad("bad-request", "kind: %q", p.Typed.Kind)
	}
	p.Typed.Days, err = strconv.Atoi(k.FormValue("days"))
	life := time.Duration(p.Typed.Days) * 24 * time.Hour
	if err != nil || life <= 0 || life > auth.MaxTokenLife {
		return bad("bad-request", "days: %q", k.FormValue("days"))
	}
	_, known := s.cfg.Lanes.View(gate.LaneID(p.Typed.Lane))
	wrong := ""
	switch {
	case p.Typed.Name == "" || len(p.Typed.Name) > maxKioskName:
		wrong = "machine.wrong.name"
	case p.Typed.Lane == auth.WholeSite && !auth.MayBeWholeSite(kind):
		wrong = "machine.wrong.lane"
	case p.Typed.Lane != auth.WholeSite && !known:
		return refuse(http.StatusNotFound, "not-found", fmt.Errorf("lane %q: %w", p.Typed.Lane, gate.ErrUnknownLane))
	}
	if wrong != "" {
		p.Problem = s.base(k).T(wrong)
		return s.showMachines(k, http.StatusBadRequest, p)
	}
	if p.ID, p.Token, err = desk.Enrol(k.Request().Context(), k.user.Name, p.Typed.Name, kind, p.Typed.Lane, life); err != nil {
		return err
	}
	// The token is shown by the answer itself: it is kept nowhere, so there is no
	// page to be led to.
	p.Typed.Name, p.Typed.Days = "", machineDays
	return s.showMachines(k, http.StatusOK, p)
}

func (s *Server) revokeMachine(k *call) error {
	desk, err := s.machineDesk()
	if err != nil {
		return err
	}
	if err := desk.Revoke(k.Request().Context(), k.user.Name, k.Param("machine")); err != nil {
		return err
	}
	return k.Redirect(http.StatusSeeOther, "/machines")
}
