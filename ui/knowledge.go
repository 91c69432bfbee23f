package ui

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
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
	"sallyport/policy/supply"
	drawing "sallyport/policy/supply/picture"
	"sallyport/ui/view"
	"sallyport/vin/telematics"
)

var knowledgeRoutes = []route{
	{"GET", "/catalogue", forPeople, auth.SeeData, 0, (*Server).catalogue},
	{"GET", "/catalogue/vehicle", forPeople, auth.SeeData, 0, (*Server).knownVehicle},
	{"POST", "/catalogue/vin", forPeople, auth.SeeData, formLimit, (*Server).knownVIN},
	{"GET", "/supply", forPeople, auth.SeeData, 0, (*Server).supply},
	{"POST", "/supply/whatif", forPeople, auth.WeighChanges, formLimit, (*Server).whatIf},
	{"GET", "/lists", forPeople, auth.SeeData, 0, (*Server).lists},
	{"GET", "/lists/:list", forPeople, auth.SeeData, 0, (*Server).list},
	{"GET", "/suppliers", forPeople, auth.SeeData, 0, (*Server).suppliers},
	{"GET", "/watch", forPeople, auth.SeeWatch, 0, (*Server).watchPage},
	{"POST", "/watch/search", forPeople, auth.SeeWatch, formLimit, (*Server).watchPage},
	{"POST", "/watch", forPeople, auth.EditWatch, formLimit, (*Server).addWatch},
	{"POST", "/watch/:entry/removal", forPeople, auth.EditWatch, formLimit, (*Server).removeWatch},
	{"POST", "/watch/files", forPeople, auth.EditWatch, watchFileLimit, (*Server).readWatch},
	{"GET", "/watch/files/:file", forPeople, auth.EditWatch, 0, (*Server).watchFile},
	{"POST", "/watch/files/:file", forPeople, auth.EditWatch, formLimit, (*Server).enterWatch},
}

// Knowledge is the reference data that the site decides by, as people look into
// it. It may be called concurrently; what it returns nobody changes.
type Knowledge interface {
	Catalogue() *telematics.Catalogue
	Graph() *supply.Graph
	// Shares are what the site's inspections found; nil: it learns nothing.
	Shares() *telematics.Shares
	LookUp(vin, market string, at time.Time) gate.LookedUp
	Known(telematics.Query) telematics.Answer
	// Market is that of most vehicles here.
	Market() string
	// Touched are the vehicles that the site knows in which a party turned, and of
	// how many.
	Touched(ctx context.Context, turned []supply.Turn) (list []supply.Touched, of int, err error)
	// WhatIf judges by the graph with a change; nothing is written. A change that
	// does not fit is an ErrSupposed.
	WhatIf(ctx context.Context, ask Supposition) (Supposed, error)
	// Release is the signed release in use; nil: none is installed.
	Release() *view.Release
}

// ErrSupposed is wrapped by the error of a supposition that fits no graph. Its
// text says why, in English.
var ErrSupposed = errors.New("this cannot be supposed")

// Supposition is a change of the supply graph that somebody asks about. Names
// are ids, names or reviewed aliases of parties.
type Supposition struct {
	Party   string // whose page it is asked on
	Day     time.Time
	How     string   // drop, change, add: an edge; entry, drop-entry: of an edition
	Edge    string   // id, for drop and change
	Owner   string   // for change and add
	Share   *float64 // per cent
	Since   string
	Until   string
	Edition string // for entry and drop-entry
}

// Supposed is what came of a supposition.
type Supposed struct {
	Words        []string // the change, in English
	Zone, Policy string
	Report       gate.WhatIfReport
}

// WatchList is what people do with the watch list. *gate.WatchDesk is one.
type WatchList interface {
	List(who gate.Person, all bool) ([]gate.WatchEntry, error)
	Add(ctx context.Context, who gate.Person, list ...gate.WatchEntry) ([]gate.WatchEntry, error)
	Remove(ctx context.Context, who gate.Person, id, why string) (done bool, err error)
}

const (
	knownAtOnce    = 40
	foundParties   = 60
	shownEntries   = 100
	watchAtOnce    = 200
	watchFileLimit = 8 << 20
	whatIfPatience = 25 * time.Second
)

func (s *Server) knowledge() (Knowledge, error) {
	if s.cfg.Knowledge == nil {
		return nil, refuse(http.StatusNotFound, "not-found", errors.New("this site shows no reference data"))
	}
	return s.cfg.Knowledge, nil
}

// live says whether the page's own script asks for a part of it.
func live(k *call) bool { return k.Request().Header.Get("HX-Request") != "" }

// region sends one part of a page.
func (s *Server) region(k *call, p view.Live, name string) error {
	b, err := s.pages.RenderRegion(p, name)
	if err != nil {
		return err
	}
	return k.HTMLBlob(http.StatusOK, b)
}

// asked is a short text of the address.
func askedText(k *call, name string) (string, error) {
	text := strings.TrimSpace(k.QueryParam(name))
	if len(text) > 120 {
		return "", bad("too-large", "%s: %d bytes", name, len(text))
	}
	return text, nil
}

func (s *Server) catalogue(k *call) error {
	p := &view.Catalogue{}
	if err := s.fillCatalogue(k, p); err != nil {
		return err
	}
	if live(k) {
		return s.region(k, p, "rows")
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) fillCatalogue(k *call, p *view.Catalogue) error {
	kn, err := s.knowledge()
	if err != nil {
		return err
	}
	p.Base = s.base(k)
	p.Path = "/catalogue"
	if p.Text, err = askedText(k, "q"); err != nil {
		return err
	}
	if from := k.QueryParam("from"); from != "" {
		if p.From, err = strconv.Atoi(from); err != nil || p.From < 0 {
			return bad("bad-request", "from: %q is not a row", from)
		}
	}
	c, g := kn.Catalogue(), kn.Graph()
	p.Edition, p.All, p.Before = c.Edition(), c.Rows(), -1
	p.Market = cmp.Or(p.Market, kn.Market())
	rows, total := c.Search(p.Text, p.From, knownAtOnce)
	p.Total = total
	for _, r := range rows {
		row := view.CatalogueRow{Base: p.Base, Row: r}
		if party, ok := g.Find(r.Maker); ok && r.Maker != "" {
			row.Party = party.ID
		}
		p.Rows = append(p.Rows, row)
	}
	if p.From+len(rows) < total && len(rows) > 0 {
		p.Next = p.From + len(rows)
	}
	if p.From > 0 {
		p.Before = max(0, p.From-knownAtOnce)
	}
	return nil
}

// knownVehicle shows what is known of the modules of a kind of vehicle. It names
// no vehicle, so it may stand in an address.
func (s *Server) knownVehicle(k *call) error {
	kn, err := s.knowledge()
	if err != nil {
		return err
	}
	b := s.base(k)
	b.Path = "/catalogue/vehicle"
	p := &view.KnownVehicle{Base: b}
	for _, f := range [...]struct {
		name string
		to   *string
	}{{"make", &p.Ask.Make}, {"model", &p.Ask.Model}, {"market", &p.Ask.Market}} {
		if *f.to, err = askedText(k, f.name); err != nil {
			return err
		}
	}
	p.Ask.Market = strings.ToUpper(p.Ask.Market)
	if text := k.QueryParam("year"); text != "" {
		if p.Ask.Year, err = strconv.Atoi(text); err != nil || p.Ask.Year < 1900 || p.Ask.Year > 2200 {
			p.Ask.Year, p.Problem = 0, b.T("known.year.wrong")
		}
	}
	b.Path = k.Request().URL.RequestURI()
	p.Base = b
	q := telematics.Query{Make: p.Ask.Make, Model: p.Ask.Model, Year: p.Ask.Year, Market: p.Ask.Market, At: s.cfg.Now()}
	return s.showVehicle(k, kn, p, q, kn.Known(q))
}

// knownVIN says how a VIN would be looked up. It comes in the body: a VIN is
// personal data, and addresses are kept.
func (s *Server) knownVIN(k *call) error {
	kn, err := s.knowledge()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	text, market := strings.ToUpper(strings.TrimSpace(k.FormValue("vin"))), strings.ToUpper(strings.TrimSpace(k.FormValue("market")))
	refused := ""
	switch {
	case text == "":
		refused = "no-vin"
	case len(text) > maxVINTyped:
		refused = "long-vin"
	case len(market) > 2:
		return bad("bad-request", "market: %d characters", len(market))
	}
	if refused != "" {
		p := &view.Catalogue{VIN: text, Market: market}
		if err := s.fillCatalogue(k, p); err != nil {
			return err
		}
		p.Problem = p.T("error." + refused)
		return s.page(k, http.StatusBadRequest, p)
	}
	read := kn.LookUp(text, market, s.cfg.Now())
	b := s.base(k)
	b.Path = "/catalogue"
	q := read.Query
	p := &view.KnownVehicle{Base: b, VIN: text, Read: &read, Ask: view.VehicleAsk{Make: q.Make, Model: q.Model, Year: q.Year, Market: q.Market}}
	return s.showVehicle(k, kn, p, q, read.Answer)
}

func (s *Server) showVehicle(k *call, kn Knowledge, p *view.KnownVehicle, q telematics.Query, a telematics.Answer) error {
	p.Answer, p.Parties, p.Sees = a, map[string]string{}, auth.May(k.role, auth.SeeInspections)
	if q.Make == "" {
		return s.page(k, http.StatusOK, p)
	}
	g := kn.Graph()
	for _, u := range a.Units {
		for _, c := range u.Candidates {
			if party, ok := g.Find(c.Maker); ok && c.Maker != "" {
				p.Parties[c.Maker] = party.ID
			}
		}
	}
	p.Questions = kn.Catalogue().Questions(q, a)
	if sh := kn.Shares(); sh != nil && p.Sees {
		p.Found, p.Terms = sh.Groups(q.Make, q.Model), sh.Terms()
	} else {
		p.Sees = false
	}
	return s.page(k, http.StatusOK, p)
}

// firstDay is where the slider of days begins.
var firstDay = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)

// today is the day as the site counts it.
func (s *Server) today() time.Time {
	y, m, d := s.cfg.Now().In(s.cfg.Location).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// dayOf reads a day of the address, by its date or by its place on the slider.
func (s *Server) askedDay(date, place string) (time.Time, error) {
	switch {
	case date != "":
		d, err := time.Parse(time.DateOnly, date)
		if err != nil || d.Year() < 1900 || d.Year() > 2200 {
			return d, bad("clock", "day: %q", date)
		}
		return d, nil
	case place != "":
		n, err := strconv.Atoi(place)
		if err != nil || n < 0 || n > 200*366 {
			return firstDay, bad("bad-request", "n: %q is not a place on the slider", place)
		}
		return firstDay.AddDate(0, 0, n), nil
	}
	return s.today(), nil
}

func (s *Server) supply(k *call) error {
	day, err := s.askedDay(k.QueryParam("day"), k.QueryParam("n"))
	if err != nil {
		return err
	}
	text, err := askedText(k, "q")
	if err != nil {
		return err
	}
	party, err := askedText(k, "party")
	if err != nil {
		return err
	}
	p := &view.Supply{Base: s.base(k), Text: text}
	if err := s.fillSupply(k, p, party, day); err != nil {
		return err
	}
	if live(k) {
		return s.region(k, p, "drawn")
	}
	return s.page(k, http.StatusOK, p)
}

// fillSupply finds the party and draws it.
func (s *Server) fillSupply(k *call, p *view.Supply, party string, day time.Time) error {
	kn, err := s.knowledge()
	if err != nil {
		return err
	}
	g := kn.Graph()
	p.Path, p.Day, p.First, p.Last, p.Edition = "/supply", day, firstDay, s.today().AddDate(1, 0, 0), g.Edition()
	p.Last = later(p.Last, day)
	p.First = earlier(p.First, day)
	if party == "" {
		if exact, ok := g.Find(p.Text); ok && p.Text != "" {
			party = exact.ID
		} else {
			p.Found = findParties(g, p.Text, foundParties)
			return nil
		}
	}
	var ok bool
	if p.Party, ok = g.Party(party); !ok {
		return refuse(http.StatusNotFound, "not-found", fmt.Errorf("no party %q", party))
	}
	p.Path = "/supply?" + url.Values{"party": {party}, "day": {view.ISODay(day)}}.Encode()
	p.Turning = g.Turning(party)
	if p.Chain, err = drawing.Gather(g, party, day); err != nil {
		return err
	}
	svg, err := drawing.Draw(p.Chain)
	if err != nil {
		return err
	}
	p.SVG = template.HTML(svg) //nolint:gosec // Draw escapes every text, and its tests prove it
	for _, q := range [...]struct {
		key string
		a   supply.Answer
	}{
		{"supply.q.control", g.ControlledFrom(party, "CN", supply.Control, day)},
		{"supply.q.design", g.DesignFrom(party, "CN", day)},
		{"supply.q.owners", g.OwnerResolved(party, day)},
	} {
		p.Answers = append(p.Answers, view.SupplyAnswer{Question: p.T(q.key, p.Land("CN")), Answer: q.a})
	}
	for _, l := range g.Lists() {
		if ed := l.EditionOn(day); ed != nil {
			a := g.ListedOn(party, l.ID, day)
			if a.Value == supply.True {
				p.Answers = append(p.Answers, view.SupplyAnswer{Question: p.T("supply.q.listed", l.Title), Answer: a})
			}
		}
	}
	p.Asks = auth.May(k.role, auth.WeighChanges)
	if p.Asks {
		s.fillChoices(p, g)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// fillChoices offers what can be supposed otherwise: the edges that are drawn,
// and the editions of lists in force.
func (s *Server) fillChoices(p *view.Supply, g *supply.Graph) {
	in := map[string]string{}
	for _, b := range p.Chain.Boxes {
		in[b.ID] = b.Name
	}
	edges := g.Edges()
	for i := range edges {
		e := &edges[i]
		if in[e.From] == "" || in[e.To] == "" || !e.InForce(p.Day) {
			continue
		}
		words := p.T("edge."+string(e.Kind), in[e.From], in[e.To])
		if e.Share != nil {
			words += ", " + p.Share(e.Share)
		}
		if e.Since != "" {
			words += ", " + p.T("edge.since", e.Since)
		}
		p.Edges = append(p.Edges, view.EdgeChoice{ID: e.ID, Words: words, Chosen: p.If != nil && p.If.Edge == e.ID})
	}
	for _, l := range g.Lists() {
		if ed := l.EditionOn(p.Day); ed != nil {
			names := slices.ContainsFunc(ed.Entries, func(e supply.Entry) bool { return e.Party == p.Party.ID && e.InForce(p.Day) })
			p.Lists = append(p.Lists, view.EditionChoice{ID: ed.ID, Title: l.Title + " (" + ed.ID + ")", Names: names, Chosen: p.If != nil && p.If.Edition == ed.ID})
		}
	}
}

// findParties are the parties whose name, alias or id holds every word of a
// text; without words those that makers of modules are found among first.
func findParties(g *supply.Graph, text string, n int) (out []supply.Party) {
	words := strings.Fields(strings.ToLower(text))
	for _, p := range g.Parties() {
		all := strings.ToLower(p.ID + " " + p.Name + " " + strings.Join(p.Aliases, " "))
		if len(out) < n && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(all, w) }) {
			out = append(out, p)
		}
	}
	return out
}

func (s *Server) whatIf(k *call) error {
	kn, err := s.knowledge()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	day, err := s.askedDay(k.FormValue("day"), "")
	if err != nil {
		return err
	}
	typed := &view.Supposed{How: k.FormValue("how"), Edge: k.FormValue("edge"), Share: strings.TrimSpace(k.FormValue("share")),
		Since: k.FormValue("since"), Until: k.FormValue("until"), Owner: strings.TrimSpace(k.FormValue("owner")), Edition: k.FormValue("edition")}
	ask := Supposition{Party: k.FormValue("party"), Day: day, How: typed.How, Edge: typed.Edge, Owner: typed.Owner, Since: typed.Since, Until: typed.Until, Edition: typed.Edition}
	p := &view.Supply{Base: s.base(k), If: typed}
	status := http.StatusOK
	wrong := func(key string) { status, typed.Problem = http.StatusBadRequest, p.T(key) }
	switch typed.How {
	case "drop", "change":
		if typed.Edge == "" {
			wrong("if.wrong.edge")
		}
	case "add":
		if typed.Owner == "" {
			wrong("if.wrong.owner")
		}
	case "entry", "drop-entry":
		if typed.Edition == "" {
			wrong("if.wrong.list")
		}
	default:
		return bad("bad-request", "how: %q", typed.How)
	}
	if typed.Share != "" {
		v, err := strconv.ParseFloat(strings.ReplaceAll(typed.Share, ",", "."), 64)
		if err != nil || !(v >= 0 && v <= 100) {
			wrong("if.wrong.share")
		}
		ask.Share = &v
	}
	if typed.Problem == "" {
		if !s.weighing.TryLock() {
			return refuse(http.StatusTooManyRequests, "too-many", errors.New("another supposition is being judged"))
		}
		defer s.weighing.Unlock()
		ctx, cancel := context.WithTimeout(k.Request().Context(), whatIfPatience)
		defer cancel()
		begun := time.Now()
		done, err := kn.WhatIf(ctx, ask)
		switch {
		case errors.Is(err, ErrSupposed):
			wrong("if.wrong")
			typed.Detail = strings.TrimPrefix(err.Error(), ErrSupposed.Error()+": ")
		case err != nil:
			return err
		default:
			typed.Done, typed.Words, typed.Zone, typed.Policy, typed.Report, typed.Took = true, done.Words, done.Zone, done.Policy, done.Report, time.Since(begun)
		}
	}
	if err := s.fillSupply(k, p, ask.Party, day); err != nil {
		return err
	}
	return s.page(k, status, p)
}

func (s *Server) lists(k *call) error {
	kn, err := s.knowledge()
	if err != nil {
		return err
	}
	g := kn.Graph()
	p := &view.Lists{Base: s.base(k), Edition: g.Edition()}
	for _, l := range g.Lists() {
		p.Rows = append(p.Rows, view.ListRow{List: l, Now: l.EditionOn(s.today())})
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) list(k *call) error {
	kn, err := s.knowledge()
	if err != nil {
		return err
	}
	g := kn.Graph()
	l, ok := g.List(k.Param("list"))
	if !ok {
		return refuse(http.StatusNotFound, "not-found", fmt.Errorf("no list %q", k.Param("list")))
	}
	today := s.today()
	p := &view.OfficialList{Base: s.base(k), List: *l, Now: l.EditionOn(today), Today: today, Asks: auth.May(k.role, auth.WeighChanges)}
	if p.Text, err = askedText(k, "q"); err != nil {
		return err
	}
	if p.Now != nil {
		words := strings.Fields(strings.ToLower(p.Text))
		for _, e := range p.Now.Entries {
			all := strings.ToLower(e.Name + " " + strings.Join(e.Also, " ") + " " + e.Party)
			if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(all, w) }) {
				continue
			}
			if p.Total++; len(p.Entries) < shownEntries {
				p.Entries = append(p.Entries, e)
			}
		}
	}
	p.From, p.To = k.QueryParam("from"), k.QueryParam("to")
	ask := p.From != "" || p.To != ""
	if !ask {
		// The day before the edition in force began, where one was in force then.
		p.To = view.ISODay(today)
		p.From = view.ISODay(today.AddDate(-1, 0, 0))
		if p.Now != nil {
			if begun, err := time.Parse(time.DateOnly, p.Now.From); err == nil {
				p.From = view.ISODay(begun.AddDate(0, 0, -1))
			}
		}
		return s.page(k, http.StatusOK, p)
	}
	from, err := s.askedDay(p.From, "")
	if err != nil {
		return err
	}
	to, err := s.askedDay(p.To, "")
	if err != nil {
		return err
	}
	changes, err := g.DiffOn(l.ID, from, to)
	if err != nil { // a day without an edition, or days in the wrong order
		p.Problem, p.Detail = p.T("list.wrong"), err.Error()
		return s.page(k, http.StatusBadRequest, p)
	}
	p.Changes, p.Turned = &changes, g.Turns(l.ID, from, to)
	if p.Asks {
		ctx, cancel := context.WithTimeout(k.Request().Context(), whatIfPatience)
		defer cancel()
		if p.Touched, p.Judged, err = kn.Touched(ctx, p.Turned); err != nil {
			return err
		}
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) suppliers(k *call) error {
	kn, err := s.knowledge()
	if err != nil {
		return err
	}
	g := kn.Graph()
	p := &view.Suppliers{Base: s.base(k), Day: s.today(), Lists: g.Trusted(), Authorised: g.Authorisations(), Faults: g.Advisories(), Names: map[string]string{}, Edition: g.Edition()}
	for _, f := range p.Faults {
		for _, id := range f.Parties {
			if party, ok := g.Party(id); ok {
				p.Names[id] = party.Name
			}
		}
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) watchList() (WatchList, error) {
	if s.cfg.WatchList == nil {
		return nil, refuse(http.StatusNotFound, "not-found", errors.New("this site keeps no watch list"))
	}
	return s.cfg.WatchList, nil
}

// watchPage lists the entries. What is searched for comes in the body.
func (s *Server) watchPage(k *call) error {
	if err := parseForm(k); err != nil {
		return err
	}
	b := s.base(k)
	b.Path = "/watch"
	p := &view.Watch{Base: b, Seek: strings.TrimSpace(k.FormValue("q")), All: k.FormValue("all") != ""}
	switch k.QueryParam("done") {
	case "added", "asked", "removed", "imported":
		p.Done = "watch.done." + k.QueryParam("done")
	}
	return s.showWatch(k, http.StatusOK, p)
}

func (s *Server) showWatch(k *call, status int, p *view.Watch) error {
	w, err := s.watchList()
	if err != nil {
		return err
	}
	if len(p.Seek) > maxSought {
		return bad("too-large", "q: %d characters", len(p.Seek))
	}
	who := k.person()
	list, err := w.List(who, p.All)
	if err != nil {
		return err
	}
	sought := gate.FoldAlike(gate.NormalPlate(p.Seek))
	plain := strings.ToLower(p.Seek)
	for _, e := range slices.Backward(list) {
		if sought != "" && !strings.Contains(gate.FoldAlike(gate.NormalPlate(e.Value)), sought) && !strings.Contains(e.Reason, plain) {
			continue
		}
		if p.Total++; len(p.Rows) < watchAtOnce {
			p.Rows = append(p.Rows, p.NewWatchRow(e, who.Name, s.cfg.Now()))
		}
	}
	p.Edits = auth.May(k.role, auth.EditWatch)
	return s.page(k, status, p)
}

// refusedWatch shows the page with what was wrong.
func (s *Server) refusedWatch(k *call, p *view.Watch, err error) error {
	if errors.Is(err, gate.ErrNotDecidedAgain) {
		s.cfg.Log.ErrorContext(k.Request().Context(), "vehicles at the lines not decided again", "error", err)
		return nil
	}
	f := classify(err)
	switch {
	case errors.Is(err, gate.ErrSamePerson):
		f = &fault{status: http.StatusConflict, class: "watch-same", err: err}
	case errors.Is(err, gate.ErrExists), errors.Is(err, gate.ErrOver):
		f = &fault{status: http.StatusConflict, class: "watch-over", err: err}
	}
	if f.status >= 500 {
		return err
	}
	s.cfg.Log.InfoContext(k.Request().Context(), "request refused", "path", k.Path(), "status", f.status, "class", f.class, "error", err)
	p.Base = s.base(k)
	p.Path, p.Problem = "/watch", p.T("error."+f.class, f.args...)
	return s.showWatch(k, f.status, p)
}

func (s *Server) addWatch(k *call) error {
	w, err := s.watchList()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	p := &view.Watch{From: k.FormValue("from"), Until: k.FormValue("until"), Typed: gate.WatchEntry{
		Kind: gate.WatchKind(k.FormValue("kind")), Value: strings.TrimSpace(k.FormValue("value")), Reason: strings.TrimSpace(k.FormValue("reason")), Do: strings.TrimSpace(k.FormValue("do"))}}
	e := p.Typed
	for _, d := range [...]struct {
		text string
		to   *time.Time
	}{{p.From, &e.From}, {p.Until, &e.Until}} {
		if d.text == "" {
			continue
		}
		if *d.to, err = time.ParseInLocation(time.DateOnly, d.text, s.cfg.Location); err != nil {
			return s.refusedWatch(k, p, bad("clock", "day: %w", err))
		}
	}
	if _, err := w.Add(k.Request().Context(), k.person(), e); err != nil {
		var refused error
		if refused = asBad(err); errors.Is(err, gate.ErrNotDecidedAgain) {
			refused = err
		}
		if fault := s.refusedWatchEntry(k, p, refused, err); fault != nil || !errors.Is(err, gate.ErrNotDecidedAgain) {
			return fault
		}
	}
	return k.Redirect(http.StatusSeeOther, "/watch?done=added")
}

// asBad is an entry's own error, which names what is wrong with it; any other
// error stays what it is.
func asBad(err error) error {
	if classify(err).class == "internal" {
		return refuse(http.StatusBadRequest, "watch-entry", err)
	}
	return err
}

func (s *Server) refusedWatchEntry(k *call, p *view.Watch, refused, err error) error {
	if classify(refused).class == "watch-entry" {
		p.Detail = strings.TrimPrefix(err.Error(), "watch list: ")
	}
	return s.refusedWatch(k, p, refused)
}

func (s *Server) removeWatch(k *call) error {
	w, err := s.watchList()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	why := strings.TrimSpace(k.FormValue("why"))
	if len(why) > maxReason {
		return bad("too-large", "why: more than %d bytes", maxReason)
	}
	done, err := w.Remove(k.Request().Context(), k.person(), k.Param("entry"), why)
	if err != nil {
		if fault := s.refusedWatch(k, &view.Watch{}, err); fault != nil || !errors.Is(err, gate.ErrNotDecidedAgain) {
			return fault
		}
	}
	if done {
		return k.Redirect(http.StatusSeeOther, "/watch?done=removed")
	}
	return k.Redirect(http.StatusSeeOther, "/watch?done=asked")
}

// watchFiles are files of entries that were read and wait for a person to say
// that they be entered. They are few, and forgotten after a while.
type watchFiles struct {
	mu   sync.Mutex
	kept []watchFile
}

type watchFile struct {
	key, name, by string
	good          []gate.WatchEntry
	bad           []gate.RowError
	until         time.Time
}

const (
	watchFileLife = 15 * time.Minute
	watchFilesMax = 4
)

func (w *watchFiles) put(f watchFile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(slices.DeleteFunc(w.kept, func(o watchFile) bool { return o.by == f.by }), f)
	if len(w.kept) > watchFilesMax {
		w.kept = slices.Delete(w.kept, 0, 1)
	}
}

func (w *watchFiles) get(key, by string, now time.Time, take bool) (watchFile, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = slices.DeleteFunc(w.kept, func(o watchFile) bool { return !now.Before(o.until) })
	i := slices.IndexFunc(w.kept, func(o watchFile) bool { return o.key == key && o.by == by })
	if i < 0 {
		return watchFile{}, false
	}
	f := w.kept[i]
	if take {
		w.kept = slices.Delete(w.kept, i, i+1)
	}
	return f, true
}

// readWatch reads a file of entries; nothing of it is entered.
func (s *Server) readWatch(k *call) error {
	if _, err := s.watchList(); err != nil {
		return err
	}
	name, text, err := uploaded(k, "file")
	if err != nil {
		return s.refusedWatch(k, &view.Watch{}, err)
	}
	good, wrong, err := gate.ParseWatch(strings.NewReader(text))
	if err != nil {
		return s.refusedWatchEntry(k, &view.Watch{}, refuse(http.StatusBadRequest, "watch-entry", err), err)
	}
	f := watchFile{key: rand.Text()[:16], name: name, by: k.user.Name, good: good, bad: wrong, until: s.cfg.Now().Add(watchFileLife)}
	s.watchFiles.put(f)
	return k.Redirect(http.StatusSeeOther, "/watch/files/"+f.key)
}

// uploaded is the one file of a form, with its name made safe.
func uploaded(k *call, field string) (name, text string, err error) {
	r, err := k.Request().MultipartReader()
	if err != nil {
		return "", "", bad("no-file", "%w", err)
	}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return "", "", bad("no-file", "no field %s", field)
		}
		if err != nil {
			return "", "", tooLargeOr(err)
		}
		if part.FormName() != field || part.FileName() == "" {
			continue
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return "", "", tooLargeOr(err)
		}
		if len(b) == 0 {
			return "", "", bad("no-file", "an empty file")
		}
		name := part.FileName()
		return name[:min(len(name), 80)], string(b), nil
	}
}

func tooLargeOr(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return bad("bad-request", "upload: %w", err)
}

func (s *Server) watchFile(k *call) error {
	f, ok := s.watchFiles.get(k.Param("file"), k.user.Name, s.cfg.Now(), false)
	if !ok {
		return refuse(http.StatusNotFound, "not-found", errors.New("no such file is waiting"))
	}
	b := s.base(k)
	b.Path = "/watch"
	p := &view.WatchFile{Base: b, Name: f.name, Key: f.key, Good: len(f.good), BadIn: len(f.bad), Until: f.until,
		Bad: f.bad[:min(len(f.bad), 500)], Rows: f.good[:min(len(f.good), 20)]}
	return s.page(k, http.StatusOK, p)
}

// enterWatch enters the good rows of a file that was read.
func (s *Server) enterWatch(k *call) error {
	w, err := s.watchList()
	if err != nil {
		return err
	}
	f, ok := s.watchFiles.get(k.Param("file"), k.user.Name, s.cfg.Now(), true)
	if !ok {
		return refuse(http.StatusNotFound, "not-found", errors.New("no such file is waiting"))
	}
	if _, err := w.Add(k.Request().Context(), k.person(), f.good...); err != nil {
		if fault := s.refusedWatchEntry(k, &view.Watch{}, asBad(err), err); fault != nil || !errors.Is(err, gate.ErrNotDecidedAgain) {
			return fault
		}
	}
	return k.Redirect(http.StatusSeeOther, "/watch?done=imported")
}
