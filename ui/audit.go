package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/ui/view"
)

// Audit is what the site offers to who looks at its records. All methods may be
// called concurrently; none is retried. Erase, PlaceHold and LiftHold are durable
// on return, and record who did it.
type Audit interface {
	Search(context.Context, gate.LogFilter) (gate.LogPage, error)
	Kinds(context.Context) ([]string, error) // of entries that the log has
	Passages(context.Context, gate.PassageFilter) ([]gate.PassageSummary, error)
	Figures(ctx context.Context, from, until time.Time) (gate.Figures, error)
	// Replay computes every verdict of a passage again from its record.
	Replay(context.Context, gate.PassageID) ([]gate.Replayed, error)
	// Prove writes a bundle that `sallyport log verify --bundle` checks, or nothing.
	Prove(context.Context, io.Writer, gate.ProofAsk) error
	// VerifyAll reads the whole log back, and tells again and again how far it is.
	VerifyAll(ctx context.Context, tell func(done, total int64)) (view.LogReport, error)

	Subject(context.Context, gate.DataSubject) (gate.SubjectExport, error)
	Erase(context.Context, gate.ErasureAsk) (gate.ErasureReport, error)
	Holds(context.Context) ([]gate.Hold, error)
	PlaceHold(context.Context, gate.Hold) (string, error)
	LiftHold(ctx context.Context, id, by, why string, at time.Time) error
}

var auditRoutes = []route{
	{"GET", "/figures", forPeople, auth.SeeFigures, 0, (*Server).figures},
	{"GET", "/entries", forPeople, auth.SearchLog, 0, (*Server).entries},
	{"POST", "/entries", forPeople, auth.SearchLog, formLimit, (*Server).entries},
	{"POST", "/entries/export", forPeople, auth.ExportRecords, formLimit, (*Server).exportEntries},
	{"POST", "/passages/export", forPeople, auth.ExportRecords, formLimit, (*Server).exportPassages},
	{"POST", "/passages/:id/replay", forPeople, auth.SeePassages, formLimit, (*Server).replay},
	{"POST", "/proof", forPeople, auth.ExportRecords, formLimit, (*Server).proof},
	{"POST", "/log/stop", forPeople, auth.VerifyLog, formLimit, (*Server).stopVerifying},
	{"GET", "/records", forPeople, auth.ExportRecords, 0, (*Server).records},
	{"POST", "/records", forPeople, auth.ExportRecords, formLimit, (*Server).records},
	{"POST", "/records/copy", forPeople, auth.ExportRecords, formLimit, (*Server).copyOfRecords},
	{"POST", "/records/erase", forPeople, auth.EraseRecords, formLimit, (*Server).eraseRecords},
	{"POST", "/records/hold", forPeople, auth.EraseRecords, formLimit, (*Server).holdRecords},
	{"POST", "/records/lift", forPeople, auth.EraseRecords, formLimit, (*Server).liftHold},
}

// audit is the site's, or the answer that it has none.
func (s *Server) audit() (Audit, error) {
	if s.cfg.Audit == nil {
		return nil, refuse(http.StatusNotFound, "not-found", errors.New("the site offers no audit"))
	}
	return s.cfg.Audit, nil
}

// day reads a day of a form in the site's time zone; none is the zero time.
func (s *Server) day(k *call, name string) (time.Time, error) {
	text := strings.TrimSpace(k.FormValue(name))
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, s.cfg.Location)
	if err != nil {
		return t, bad("bad-request", "%s: %q is not a day", name, text)
	}
	return t, nil
}

// period reads the days from and until of a form; the last day is in it.
func (s *Server) formDays(k *call) (from, until time.Time, err error) {
	if from, err = s.day(k, "from"); err != nil {
		return from, until, err
	}
	if until, err = s.day(k, "until"); err == nil && !until.IsZero() {
		until = until.AddDate(0, 0, 1)
	}
	return from, until, err
}

// passageFilter reads what a list of passages is asked for.
func (s *Server) passageFilter(k *call) (f gate.PassageFilter, form view.PassageForm, err error) {
	form = view.PassageForm{Text: strings.TrimSpace(k.FormValue("q")), Outcome: k.FormValue("outcome"), Ending: k.FormValue("ending"),
		Lane: k.FormValue("lane"), From: k.FormValue("from"), Until: k.FormValue("until")}
	text := strings.ToUpper(strings.Join(strings.Fields(form.Text), ""))
	switch {
	case len(text) > maxVINTyped:
		return f, form, bad("too-large", "q: %d characters", len(text))
	case len(text) == 17:
		f.VIN = text
	default:
		f.Plate = strings.ToUpper(form.Text)
	}
	if o := form.Outcome; o != "" {
		for _, known := range [...]policy.Outcome{policy.Grant, policy.Flag, policy.Deny} {
			if known.String() == o {
				f.Outcome = known
			}
		}
		if f.Outcome == 0 {
			return f, form, bad("bad-request", "outcome: %q is none of grant, flag, deny", o)
		}
	}
	f.Ending, f.Lane = gate.Ending(form.Ending), gate.LaneID(form.Lane)
	if form.Ending != "" && !slices.Contains(view.Endings(), form.Ending) {
		return f, form, bad("bad-request", "ending: %q is none", form.Ending)
	}
	f.From, f.Until, err = s.formDays(k)
	return f, form, err
}

func (s *Server) listPassages(ctx context.Context, f gate.PassageFilter) ([]gate.PassageSummary, error) {
	if s.cfg.Audit != nil {
		return s.cfg.Audit.Passages(ctx, f)
	}
	return s.cfg.Store.Passages(ctx, f)
}

// laneChoices are the site's lanes.
func (s *Server) laneChoices() []view.Choose {
	var out []view.Choose
	for _, l := range s.cfg.Lanes.Lanes() {
		out = append(out, view.Choose{Value: string(l.Lane), Label: l.Name})
	}
	return out
}

// recordExport puts into the log that records leave, before they do.
func (s *Server) recordExport(k *call, what string) error {
	err := s.cfg.Store.RecordEvent(k.Request().Context(), gate.Event{Kind: gate.EventExport, At: s.cfg.Now().UTC(), By: k.user.Name, Detail: what})
	if err != nil {
		return fmt.Errorf("nothing is exported that is not recorded: %w", err)
	}
	return nil
}

// attach begins a file.
func (s *Server) attach(k *call, name, mime string) {
	h := k.Response().Header()
	h.Set("Content-Type", mime)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

// export streams pages of rows as a file. more gives the next page; an empty one
// is the end.
func (s *Server) export(k *call, what string, columns []string, more func() ([]exportRow, error)) error {
	format := k.FormValue("format")
	f, ok := exportFormats[format]
	if !ok {
		return bad("bad-request", "format: %q is none of csv, xlsx, ecs, syslog", format)
	}
	// What cannot be read is told before the file begins.
	page, err := more()
	if err != nil {
		return err
	}
	if err := s.recordExport(k, what+", as "+format); err != nil {
		return err
	}
	s.attach(k, "sallyport-"+what+"-"+s.cfg.Now().In(s.cfg.Location).Format("20060102-150405")+"."+f.ending, f.mime)
	res := k.Response()
	deadline := http.NewResponseController(res)
	out, err := newExporter(format, s.cfg.Site, columns, res)
	if err != nil {
		return err
	}
	most := mostExported
	if format == "xlsx" {
		most = mostInBook
	}
	for n := 0; err == nil && len(page) > 0; {
		_ = deadline.SetWriteDeadline(time.Now().Add(30 * time.Second)) // a recorder in tests has none
		for _, r := range page {
			if n++; n > most {
				cut := fmt.Sprintf("cut after %d rows: choose a shorter period", most)
				r = exportRow{At: s.cfg.Now(), Kind: "cut", Says: cut, Cells: make([]string, len(columns))}
				r.Cells[len(columns)-1] = cut
			}
			if err = out.row(r); err != nil || n > most {
				break
			}
		}
		if n > most || err != nil {
			break
		}
		page, err = more()
	}
	if err = errors.Join(err, out.end()); err != nil {
		// The file has begun: it must not look complete.
		s.cfg.Log.ErrorContext(k.Request().Context(), "export broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

var passageColumns = []string{"log_number", "time", "lane", "passage", "verdict", "ending", "vin", "plate", "erased"}

func (s *Server) exportPassages(k *call) error {
	if err := parseForm(k); err != nil {
		return err
	}
	f, _, err := s.passageFilter(k)
	if err != nil {
		return err
	}
	f.Limit = 1000
	done := false
	return s.export(k, "passages", passageColumns, func() ([]exportRow, error) {
		if done {
			return nil, nil
		}
		list, err := s.listPassages(k.Request().Context(), f)
		if err != nil {
			return nil, fmt.Errorf("list passages: %w", err)
		}
		rows := make([]exportRow, len(list))
		for i, p := range list {
			outcome := ""
			if p.Outcome != 0 {
				outcome = p.Outcome.String()
			}
			ending := string(p.Ending)
			if ending == "" {
				ending = string(gate.EndOpen)
			}
			rows[i] = exportRow{At: p.At, Seq: p.Seq, Kind: "passage", Outcome: outcome, Says: "passage " + string(p.ID) + " " + outcome + ", " + ending,
				Cells: []string{strconv.FormatInt(p.Seq, 10), p.At.UTC().Format(time.RFC3339Nano), string(p.Lane), string(p.ID), outcome, ending, p.VIN, p.Plate, strconv.FormatBool(p.Erased)}}
			f.Before = p.Seq
		}
		done = len(list) < f.Limit
		return rows, nil
	})
}

// logFilter reads what a search of the log is asked for.
func (s *Server) logFilter(k *call) (f gate.LogFilter, form view.EntryForm, err error) {
	field := func(name string) string { return strings.TrimSpace(k.FormValue(name)) }
	form = view.EntryForm{Text: field("q"), Kind: field("kind"), By: field("by"), Lane: field("lane"), Passage: field("passage"), Number: field("number"), From: field("from"), Until: field("until")}
	f = gate.LogFilter{Kind: form.Kind, By: form.By, Lane: gate.LaneID(form.Lane), Passage: gate.PassageID(form.Passage)}
	if form.Text != "" {
		if len(form.Text) > maxVINTyped {
			return f, form, bad("too-large", "q: %d characters", len(form.Text))
		}
		if text := strings.Join(strings.Fields(form.Text), ""); len(text) == 17 {
			f.Vehicle.VIN = text
		} else {
			f.Vehicle.Plate = form.Text
		}
		if f.Vehicle, err = f.Vehicle.Normal(); err != nil {
			return f, form, bad("bad-request", "q: %w", err)
		}
	}
	if form.Number != "" {
		f.HasSeq = true
		if f.Seq, err = strconv.ParseInt(form.Number, 10, 64); err != nil || f.Seq < 0 {
			return f, form, bad("bad-request", "number: %q is not a log number", form.Number)
		}
	}
	if text := k.FormValue("before"); text != "" {
		at, seq, _ := strings.Cut(text, ".")
		var err1, err2 error
		f.Before.At, err1 = strconv.ParseInt(at, 10, 64)
		f.Before.Seq, err2 = strconv.ParseInt(seq, 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return f, form, bad("bad-request", "before: %q is no place in the log", text)
		}
	}
	f.From, f.Until, err = s.formDays(k)
	return f, form, err
}

// entries searches the log. What is searched for may be a vehicle, and comes in
// the body of a POST.
func (s *Server) entries(k *call) error {
	a, err := s.audit()
	if err != nil {
		return err
	}
	if k.QueryParams().Has("q") {
		return bad("bad-request", "q: a search is posted, an address would keep it")
	}
	if err := parseForm(k); err != nil {
		return err
	}
	f, form, err := s.logFilter(k)
	if err != nil {
		return err
	}
	f.Limit = rowsAtOnce
	ctx := k.Request().Context()
	page, err := a.Search(ctx, f)
	if err != nil {
		return fmt.Errorf("search the log: %w", err)
	}
	kinds, err := a.Kinds(ctx)
	if err != nil {
		return err
	}
	b := s.base(k)
	b.Path = "/entries"
	return s.page(k, http.StatusOK, view.NewEntries(b, form, page, kinds, s.laneChoices(), notAbout(k.user.Name)))
}

// notAbout leaves out what a person must not see on a screen that may be theirs
// under somebody else's eyes: that they called for help in silence.
func notAbout(name string) func(gate.LogLine) bool {
	return func(l gate.LogLine) bool { return l.Body["by"] == name && l.Body["act"] == string(gate.ActDuress) }
}

var entryColumns = []string{"log_number", "time", "kind", "lane", "passage", "by", "second_person", "what", "detail", "entry"}

func (s *Server) exportEntries(k *call) error {
	a, err := s.audit()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	f, _, err := s.logFilter(k)
	if err != nil {
		return err
	}
	f.Limit, f.Before = 1000, gate.LogPlace{}
	done := false
	return s.export(k, "log", entryColumns, func() ([]exportRow, error) {
		if done {
			return nil, nil
		}
		page, err := a.Search(k.Request().Context(), f)
		if err != nil {
			return nil, fmt.Errorf("search the log: %w", err)
		}
		rows := make([]exportRow, len(page.Lines))
		for i, l := range page.Lines {
			what := view.WhatOf(l)
			rows[i] = exportRow{At: l.At, Seq: l.Seq, Kind: l.Kind, By: l.Body["by"], Outcome: l.Body["outcome"], Says: strings.TrimSpace(l.Kind + " " + what),
				Cells: []string{strconv.FormatInt(l.Seq, 10), l.At.UTC().Format(time.RFC3339Nano), l.Kind, string(l.Lane), string(l.Passage), l.Body["by"], l.Body["supervisor"], what, l.Body["detail"], l.Text}}
			f.Before = l.Place
		}
		done = !page.More
		return rows, nil
	})
}

// replay computes the verdicts of a passage again and shows both.
func (s *Server) replay(k *call) error {
	a, err := s.audit()
	if err != nil {
		return err
	}
	id, err := url.PathUnescape(k.Param("id"))
	if err != nil {
		return refuse(http.StatusNotFound, "not-found", err)
	}
	list, err := a.Replay(k.Request().Context(), gate.PassageID(id))
	if err != nil {
		return fmt.Errorf("compute passage %q again: %w", id, err)
	}
	return s.showPassage(k, id, list)
}

// proof hands out a bundle that proves entries of the log.
func (s *Server) proof(k *call) error {
	a, err := s.audit()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ask := gate.ProofAsk{Passage: gate.PassageID(k.FormValue("passage")), Disclose: k.FormValue("disclose") != "", At: s.cfg.Now().UTC()}
	for _, text := range k.Request().Form["number"] {
		seq, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seq < 0 {
			return bad("bad-request", "number: %q is not a log number", text)
		}
		ask.Seqs = append(ask.Seqs, seq)
	}
	if ask.Passage == "" && len(ask.Seqs) == 0 {
		if ask.From, ask.Until, err = s.formDays(k); err != nil {
			return err
		}
		if ask.From.IsZero() || ask.Until.IsZero() || !ask.From.Before(ask.Until) {
			return bad("bad-request", "a proof is of a passage, of entries, or of a period with its first and last day")
		}
	}
	if ask.Disclose && !auth.May(k.role, auth.SeePassages) {
		return refuse(http.StatusForbidden, "forbidden", errors.New("personal data is for who may see passages"))
	}
	what := "log"
	switch {
	case ask.Passage != "":
		what = "log of passage " + string(ask.Passage)
	case len(ask.Seqs) == 0:
		what = "log, " + k.FormValue("from") + " to " + k.FormValue("until")
	}
	if ask.Disclose {
		what += ", with personal data"
	}
	var file boundedFile
	if err := a.Prove(k.Request().Context(), &file, ask); err != nil {
		return err
	}
	if err := s.recordExport(k, what+", as proof"); err != nil {
		return err
	}
	s.attach(k, "sallyport-proof-"+s.cfg.Now().In(s.cfg.Location).Format("20060102-150405")+".jsonl", "application/x-ndjson")
	_, err = k.Response().Write(file.b)
	return err
}

// boundedFile is a file in memory, up to a bound.
type boundedFile struct{ b []byte }

const mostProof = 128 << 20

func (f *boundedFile) Write(p []byte) (int, error) {
	if len(f.b)+len(p) > mostProof {
		return 0, refuse(http.StatusRequestEntityTooLarge, "too-large", errors.New("the proof is too large: choose a shorter period"))
	}
	f.b = append(f.b, p...)
	return len(p), nil
}

// verifying is the one verification that runs, or the last that ran.
type verifying struct {
	mu          sync.Mutex
	stop        context.CancelFunc // nil: none runs
	by          string
	begun       time.Time
	done, total int64
	report      *view.LogReport
	failed      string // why it ended without a result
}

// begin starts a verification where none runs.
func (v *verifying) begin(s *Server, by string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	v.stop, v.by, v.begun, v.done, v.total, v.report, v.failed = stop, by, s.cfg.Now(), 0, 0, nil, ""
	go func() {
		defer stop()
		select {
		case <-s.closing:
			return
		default:
		}
		go func() {
			select {
			case <-s.closing:
				stop()
			case <-ctx.Done():
			}
		}()
		rep, err := s.cfg.Audit.VerifyAll(ctx, func(done, total int64) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.done, v.total = done, total
		})
		v.mu.Lock()
		defer v.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			v.failed = "stopped"
		case err != nil:
			v.failed = "failed"
			s.cfg.Log.ErrorContext(ctx, "the log could not be verified", "error", err)
		default:
			v.report = &rep
		}
		v.stop = nil
	}()
}

// fill says on a page how the verification stands.
func (v *verifying) fill(p *view.Log) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p.Report, p.Failed, p.By, p.Begun = v.report, v.failed, v.by, v.begun
	if v.stop != nil {
		p.Running, p.Done, p.Total = true, v.done, v.total
	}
}

func (s *Server) logPage(k *call) error {
	p := view.Log{Base: s.base(k), Offered: s.cfg.Audit != nil}
	s.verifying.fill(&p)
	if k.Request().Header.Get("HX-Request") == "true" {
		b, err := s.pages.RenderRegion(p, "verifying")
		if err != nil {
			return err
		}
		return k.HTMLBlob(http.StatusOK, b)
	}
	return s.page(k, http.StatusOK, p)
}

// verifyLog reads the whole log back: behind the page where the site tells how far
// it is, else before the answer.
func (s *Server) verifyLog(k *call) error {
	if s.cfg.Audit != nil {
		s.verifying.begin(s, k.user.Name)
		return k.Redirect(http.StatusSeeOther, "/log")
	}
	r, err := s.cfg.Verify(k.Request().Context())
	if err != nil {
		return fmt.Errorf("verify the log: %w", err)
	}
	b := s.base(k)
	b.Path = "/log"
	return s.page(k, http.StatusOK, view.Log{Base: b, Report: &r})
}

func (s *Server) stopVerifying(k *call) error {
	s.verifying.mu.Lock()
	if s.verifying.stop != nil {
		s.verifying.stop()
	}
	s.verifying.mu.Unlock()
	return k.Redirect(http.StatusSeeOther, "/log")
}

// figurePeriods are those that the page of figures offers, in days.
var figurePeriods = map[string]int{"day": 1, "three": 3, "week": 7, "month": 30, "quarter": 91, "year": 365}

// figures shows what happened at the site in a period that ends with a day.
func (s *Server) figures(k *call) error {
	a, err := s.audit()
	if err != nil {
		return err
	}
	span := k.QueryParam("period")
	if span == "" {
		span = "week"
	}
	days, ok := figurePeriods[span]
	if !ok {
		return bad("bad-request", "period: %q is none", span)
	}
	last, err := s.day(k, "until")
	if err != nil {
		return err
	}
	if last.IsZero() {
		now := s.cfg.Now().In(s.cfg.Location)
		last = time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, s.cfg.Location)
	}
	f, err := a.Figures(k.Request().Context(), last.AddDate(0, 0, 1-days), last.AddDate(0, 0, 1))
	if err != nil {
		return err
	}
	return s.page(k, http.StatusOK, view.NewFigures(s.base(k), f, span, last))
}

// subjectOf reads the vehicle of a form.
func subjectOf(k *call) (gate.DataSubject, error) {
	if err := parseForm(k); err != nil {
		return gate.DataSubject{}, err
	}
	v := gate.DataSubject{VIN: k.FormValue("vin"), Plate: k.FormValue("plate")}
	if len(v.VIN) > maxVINTyped || len(v.Plate) > maxVINTyped {
		return v, bad("too-large", "vin, plate: too long")
	}
	return v.Normal()
}

// records shows what is kept of a vehicle, and what can be done with it.
func (s *Server) records(k *call) error {
	if _, err := s.audit(); err != nil {
		return err
	}
	if k.Request().Method == http.MethodGet {
		return s.showRecords(k, gate.DataSubject{}, "", nil, http.StatusOK)
	}
	v, err := subjectOf(k)
	if err != nil {
		return s.showRecords(k, v, "records.which", nil, http.StatusBadRequest)
	}
	return s.showRecords(k, v, "", nil, http.StatusOK)
}

// showRecords draws the page; problem is the key of a sentence.
func (s *Server) showRecords(k *call, v gate.DataSubject, problem string, erased *gate.ErasureReport, status int) error {
	ctx := k.Request().Context()
	b := s.base(k)
	b.Path = "/records"
	p := view.Records{Base: b, VIN: v.VIN, Plate: v.Plate, MayErase: auth.May(k.role, auth.EraseRecords), Erased: erased}
	if problem != "" {
		p.Problem = b.T(problem)
	}
	if (v.VIN != "" || v.Plate != "") && problem != "records.which" {
		found, err := s.cfg.Audit.Subject(ctx, v)
		if err != nil {
			return fmt.Errorf("what is kept of a vehicle: %w", err)
		}
		p.Find(found)
	}
	holds, err := s.cfg.Audit.Holds(ctx)
	if err != nil {
		return err
	}
	p.Holds = holds
	return s.page(k, status, p)
}

// copyOfRecords hands out all that is kept of a vehicle, for its keeper.
func (s *Server) copyOfRecords(k *call) error {
	a, err := s.audit()
	if err != nil {
		return err
	}
	v, err := subjectOf(k)
	if err != nil {
		return s.showRecords(k, v, "records.which", nil, http.StatusBadRequest)
	}
	found, err := a.Subject(k.Request().Context(), v)
	if err != nil {
		return fmt.Errorf("what is kept of a vehicle: %w", err)
	}
	if err := s.recordExport(k, "what is kept of one vehicle, for its keeper"); err != nil {
		return err
	}
	s.attach(k, "sallyport-records-"+s.cfg.Now().In(s.cfg.Location).Format("20060102-150405")+".json", "application/json")
	return k.JSONPretty(http.StatusOK, found, "  ")
}

// eraseRecords erases what is kept of a vehicle, once the person has ticked that
// they mean it.
func (s *Server) eraseRecords(k *call) error {
	a, err := s.audit()
	if err != nil {
		return err
	}
	v, err := subjectOf(k)
	if err != nil {
		return s.showRecords(k, v, "records.which", nil, http.StatusBadRequest)
	}
	ask := gate.ErasureAsk{DataSubject: v, By: k.user.Name, Why: strings.TrimSpace(k.FormValue("why")), At: s.cfg.Now().UTC()}
	switch {
	case ask.Why == "":
		return s.showRecords(k, v, "records.noreason", nil, http.StatusBadRequest)
	case ask.Check() != nil:
		return s.showRecords(k, v, "records.names", nil, http.StatusBadRequest)
	case k.FormValue("sure") == "":
		return s.showRecords(k, v, "records.unsure", nil, http.StatusBadRequest)
	}
	rep, err := a.Erase(k.Request().Context(), ask)
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	return s.showRecords(k, v, "", &rep, http.StatusOK)
}

func (s *Server) holdRecords(k *call) error {
	a, err := s.audit()
	if err != nil {
		return err
	}
	v, err := subjectOf(k)
	if err != nil {
		return s.showRecords(k, v, "records.which", nil, http.StatusBadRequest)
	}
	why := strings.TrimSpace(k.FormValue("why"))
	if why == "" {
		return s.showRecords(k, v, "records.noreason", nil, http.StatusBadRequest)
	}
	if _, err := a.PlaceHold(k.Request().Context(), gate.Hold{DataSubject: v, By: k.user.Name, Why: why, At: s.cfg.Now().UTC()}); err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	return s.showRecords(k, v, "", nil, http.StatusOK)
}

func (s *Server) liftHold(k *call) error {
	a, err := s.audit()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	why := strings.TrimSpace(k.FormValue("why"))
	if why == "" {
		return s.showRecords(k, gate.DataSubject{}, "records.noreason", nil, http.StatusBadRequest)
	}
	if err := a.LiftHold(k.Request().Context(), k.FormValue("hold"), k.user.Name, why, s.cfg.Now().UTC()); err != nil && !errors.Is(err, gate.ErrExists) {
		return fmt.Errorf("lift hold: %w", err)
	}
	return k.Redirect(http.StatusSeeOther, "/records")
}
