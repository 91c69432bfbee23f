package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/refdata"
	"sallyport/gate/sqlite"
	"sallyport/policy/pack"
	"sallyport/vin/telematics"
)

// inspectCmd is `sallyport inspect`: what was read off vehicles. It works on a
// running site as on a stopped one. It names people and does not ask for their
// passwords: who may read the data directory is the site's administrator.
type inspectCmd struct {
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`

	Add       inspectAddCmd       `cmd:"" help:"Record what was read off a vehicle, or stated of it."`
	List      inspectListCmd      `cmd:"" help:"List the inspections of a vehicle: one JSON object a line."`
	Show      inspectShowCmd      `cmd:"" help:"Show one inspection."`
	Confirm   inspectConfirmCmd   `cmd:"" help:"Confirm an inspection as the second person."`
	Void      inspectVoidCmd      `cmd:"" help:"End all inspections of a vehicle that what happened to it voids."`
	Withdraw  inspectWithdrawCmd  `cmd:"" help:"Withdraw an inspection that was wrong."`
	Photo     inspectPhotoCmd     `cmd:"" help:"Add a photograph to an inspection, or write one to a file."`
	Questions inspectQuestionsCmd `cmd:"" help:"List the acts that would settle a vehicle, cheapest first."`
	Shares    inspectSharesCmd    `cmd:"" help:"Say what was found in vehicles of a kind, with counts and bounds."`
	Export    inspectExportCmd    `cmd:"" help:"Write what the site may give to others: groups and counts, no vehicle."`
	Import    inspectImportCmd    `cmd:"" help:"Take in what another site found, to be shown as that site's."`
}

// The operations of inspections, as the control socket names them.
const (
	opInspectAdd       = "/inspections/add"
	opInspectList      = "/inspections/list"
	opInspectShow      = "/inspections/show"
	opInspectConfirm   = "/inspections/confirm"
	opInspectVoid      = "/inspections/void"
	opInspectEnd       = "/inspections/end"
	opInspectPhoto     = "/inspections/photo"
	opInspectPicture   = "/inspections/picture"
	opInspectQuestions = "/inspections/questions"
)

// inspectAsk is a request about inspections. Each operation uses what it needs.
type inspectAsk struct {
	By         string                 `json:"by,omitempty"`
	Second     string                 `json:"second,omitempty"`
	VIN        string                 `json:"vin,omitempty"`
	ID         string                 `json:"id,omitempty"`
	Cause      gate.InspectionActKind `json:"cause,omitempty"`
	Note       string                 `json:"note,omitempty"`
	Photo      string                 `json:"photo,omitempty"` // SHA-256
	Market     string                 `json:"market,omitempty"`
	Inspection gate.Inspection        `json:"inspection,omitzero"`
	Pictures   [][]byte               `json:"pictures,omitempty"`
}

// reader is who reads on the command line: a person who may read the data
// directory, and sees what an auditor sees.
var reader = gate.Person{Name: "command line", Role: auth.Auditor}

// inspectionRules is what the site asks of inspections.
func (c siteConfig) inspectionRules() (gate.InspectionRules, error) {
	r := gate.InspectionRules{Days: c.InspectionDays, StatementDays: c.StatementDays}
	if r.Days == 0 {
		r.Days = defaultInspectionDays
	}
	if r.StatementDays == 0 {
		r.StatementDays = min(defaultStatementDays, r.Days)
	}
	z, err := gate.ParseZone(c.TwoPersonFrom)
	r.TwoPeople = z
	return r, err
}

// inspectionDesk wires the inspections of a site. judge is asked at each use, as
// reference data may be exchanged meanwhile; changed is nil where no lane runs.
func inspectionDesk(cfg siteConfig, store *sqlite.Store, judge func() *gate.Judge, now func() time.Time, changed func(context.Context, string) error) (*gate.Inspections, error) {
	rules, err := cfg.inspectionRules()
	if err != nil {
		return nil, err
	}
	return gate.NewInspections(gate.InspectionsConfig{
		Store: store, Rules: rules, Market: cfg.market(), KeepPhotos: cfg.KeepPhotographs, Changed: changed, Now: now,
		Describe: func(vin, market string, at time.Time) gate.InspectedVehicle { return judge().Describe(vin, market, at) },
	})
}

// market is that of most vehicles at the site, where its lanes agree.
func (c siteConfig) market() string {
	for _, l := range c.Lanes {
		if l.Market != c.Lanes[0].Market {
			return ""
		}
	}
	return c.Lanes[0].Market
}

// inspectionOps are the operations of the command line on a site.
func inspectionOps(desk *gate.Inspections, store *sqlite.Store, judge func() *gate.Judge, now func() time.Time) map[string]operation {
	people := func(ctx context.Context, names ...string) ([]gate.Person, error) {
		var out []gate.Person
		for _, name := range names {
			if name == "" {
				continue
			}
			u, err := store.UserByName(ctx, name)
			if err != nil {
				return nil, err
			}
			if u.Disabled {
				return nil, fmt.Errorf("%s is locked out: %w", name, gate.ErrForbidden)
			}
			out = append(out, gate.Person{Name: u.Name, Role: auth.Role(u.Role)})
		}
		if len(out) == 0 {
			return nil, errors.New("nobody is named")
		}
		return out, nil
	}
	return map[string]operation{
		opInspectAdd: op(func(ctx context.Context, a inspectAsk) (gate.Inspection, error) {
			who, err := people(ctx, a.By, a.Second)
			if err != nil {
				return gate.Inspection{}, err
			}
			a.Inspection.Via = "command line"
			return desk.Record(ctx, who, a.Inspection, a.Pictures...)
		}),
		opInspectList: op(func(ctx context.Context, a inspectAsk) ([]gate.InspectionView, error) {
			return desk.List(ctx, reader, a.VIN)
		}),
		opInspectShow: op(func(ctx context.Context, a inspectAsk) (gate.InspectionView, error) {
			return desk.Show(ctx, reader, a.ID)
		}),
		opInspectConfirm: op(func(ctx context.Context, a inspectAsk) (gate.InspectionView, error) {
			who, err := people(ctx, a.By)
			if err != nil {
				return gate.InspectionView{}, err
			}
			err = desk.Confirm(ctx, who[0], a.ID, a.Note)
			v, shown := desk.Show(ctx, reader, a.ID)
			return v, errors.Join(err, shown)
		}),
		opInspectEnd: op(func(ctx context.Context, a inspectAsk) (gate.InspectionView, error) {
			who, err := people(ctx, a.By)
			if err != nil {
				return gate.InspectionView{}, err
			}
			err = desk.End(ctx, who[0], a.ID, a.Cause, a.Note)
			v, shown := desk.Show(ctx, reader, a.ID)
			return v, errors.Join(err, shown)
		}),
		opInspectVoid: op(func(ctx context.Context, a inspectAsk) ([]gate.Inspection, error) {
			who, err := people(ctx, a.By)
			if err != nil {
				return nil, err
			}
			return desk.Void(ctx, who[0], a.VIN, a.Cause, a.Note)
		}),
		opInspectPhoto: op(func(ctx context.Context, a inspectAsk) (gate.Photo, error) {
			who, err := people(ctx, a.By)
			if err != nil {
				return gate.Photo{}, err
			}
			if len(a.Pictures) != 1 {
				return gate.Photo{}, fmt.Errorf("%d pictures; one at a time", len(a.Pictures))
			}
			return desk.AddPhoto(ctx, who[0], a.ID, a.Pictures[0])
		}),
		opInspectPicture: op(func(ctx context.Context, a inspectAsk) ([]byte, error) {
			data, _, err := desk.Photo(ctx, reader, a.ID, a.Photo)
			return data, err
		}),
		opInspectQuestions: op(func(_ context.Context, a inspectAsk) ([]telematics.Question, error) {
			return judge().Questions(a.VIN, a.Market, now()), nil
		}),
	}
}

// call reaches the site and has one operation done.
func (c *inspectCmd) call(ctx context.Context, s *streams, path string, in inspectAsk, out any) (err error) {
	cfg, err := loadSite(c.Data)
	if err != nil {
		return err
	}
	if in.Market == "" {
		in.Market = cfg.market()
	}
	call, end, err := reach(ctx, c.Data, func(store *sqlite.Store) (map[string]operation, error) {
		judge, err := siteJudge(c.Data, cfg)
		if err != nil {
			return nil, err
		}
		as := func() *gate.Judge { return judge }
		desk, err := inspectionDesk(cfg, store, as, s.now, nil)
		if err != nil {
			return nil, err
		}
		return inspectionOps(desk, store, as, s.now), nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return call(path, in, out)
}

// siteJudge reads vehicles as the site in dir does. What it is asked here does
// not depend on the policy.
func siteJudge(dir string, cfg siteConfig) (*gate.Judge, error) {
	pol, err := pack.Open(pack.PaperBaseline)
	if err != nil {
		return nil, err
	}
	held, err := openRefdata(dir, cfg)
	if err != nil {
		return nil, err
	}
	index := cfg.VPIC
	if index != "" {
		index = filepath.Join(dir, index)
	}
	data, err := withTACs(held.parts(), cfg.tacFile(dir))
	if err != nil {
		return nil, err
	}
	return assessorFor(pol, index, data)
}

// Where site.toml names no life of inspections: a year, in which a car of a
// known module is seldom given another, and half of it for a letter.
const (
	defaultInspectionDays = 365
	defaultStatementDays  = 180
)

// checkInspections checks the site's rules on inspections.
func (c siteConfig) checkInspections() error {
	switch r, err := c.inspectionRules(); {
	case c.InspectionDays < 0:
		return fmt.Errorf("inspection_days: %d; every inspection expires", c.InspectionDays)
	case c.StatementDays < 0:
		return fmt.Errorf("statement_days: %d; every statement expires", c.StatementDays)
	case err != nil:
		return fmt.Errorf("two_person_from: %w", err)
	case r.StatementDays > r.Days:
		return fmt.Errorf("statement_days: %d; a statement holds no longer than an inspection (%d)", r.StatementDays, r.Days)
	}
	return nil
}

// assessor decides about one request.
type assessor func(context.Context, gate.Request) (gate.Assessment, error)

// inspectedSite is what a site's records say of vehicles; the zero value is of
// no site.
type inspectedSite struct {
	store *sqlite.Reader
	rules gate.InspectionRules
	dir   string
	cfg   siteConfig
}

// openInspected reads the inspections of the site in dir, which may be running;
// no dir is no site.
func openInspected(ctx context.Context, dir string) (inspectedSite, error) {
	if dir == "" {
		return inspectedSite{}, nil
	}
	cfg, err := loadSite(dir)
	if err != nil {
		return inspectedSite{}, err
	}
	rules, err := cfg.inspectionRules()
	if err != nil {
		return inspectedSite{}, err
	}
	store, err := sqlite.OpenReader(ctx, dir)
	return inspectedSite{store, rules, dir, cfg}, err
}

// openBeside is openInspected with words for the person whose command needs the
// site beside whatever runs it.
func openBeside(ctx context.Context, dir string) (inspectedSite, error) {
	site, err := openInspected(ctx, dir)
	if err != nil {
		return site, fmt.Errorf("the site in %s cannot be read beside whatever runs it: %w", dir, err)
	}
	return site, nil
}

// judge is the Judge by a policy with the site's own index and with what its
// inspections, and those that other sites signed for, say of kinds of vehicles;
// no site is the program's own.
func (k inspectedSite) judge(ctx context.Context, s *streams, policyName string, held *refdata.Data) (*gate.Judge, error) {
	index := k.cfg.VPIC
	if index != "" {
		index = filepath.Join(k.dir, index)
	}
	j, err := newAssessor(policyName, index, held)
	if err != nil {
		return nil, err
	}
	return k.learnt(ctx, j, func(err error) { fmt.Fprintln(s.err, "sallyport:", err) }, held.Findings...)
}

// learnt is the Judge with what the site's inspections say of kinds of vehicles.
func (k inspectedSite) learnt(ctx context.Context, j *gate.Judge, warn func(error), signed ...refdata.Finding) (*gate.Judge, error) {
	if k.store == nil {
		return j, nil
	}
	l, err := siteLearning(ctx, k.dir, k.cfg, k.store, j, warn, signed...)
	if err != nil {
		return nil, err
	}
	return j.In(k.cfg.zone()).Observing(l.Shares()), nil
}

// Close ends the reading.
func (k inspectedSite) Close() error {
	if k.store == nil {
		return nil
	}
	return k.store.Close()
}

// assessor is the Judge with what the site has recorded of the vehicle: under
// the VIN that was read, or the one that it certainly must have been.
func (k inspectedSite) assessor(j *gate.Judge) assessor {
	return func(ctx context.Context, q gate.Request) (gate.Assessment, error) {
		if k.store == nil {
			return j.Assess(q), nil
		}
		q.Inspecting = k.rules
		read := gate.NormalVIN(q.VIN)
		var err error
		if q.Inspections, err = k.store.Inspections(ctx, read, q.At); err != nil {
			return gate.Assessment{}, err
		}
		a := j.Assess(q)
		if a.VIN == "" || a.VIN == read || !a.Vehicle.Valid {
			return a, nil
		}
		if q.Inspections, err = k.store.Inspections(ctx, a.VIN, q.At); err != nil || len(q.Inspections) == 0 {
			return a, err
		}
		return j.Assess(q), nil
	}
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// inspectAddCmd is `sallyport inspect add`.
type inspectAddCmd struct {
	VIN     string    `arg:"" help:"VIN of the vehicle."`
	By      string    `required:"" help:"Name of the inspector, as enrolled."`
	Second  string    `help:"Name of the second person who was there."`
	Device  bool      `help:"It is about a fitted or carried device, not about the vehicle's own unit."`
	Unit    string    `help:"Which unit: tcu or head-unit." default:"tcu" enum:"tcu,head-unit"`
	Kind    string    `help:"seen, maker-statement, importer-statement or dealer-statement." default:"seen"`
	Result  string    `required:"" help:"found, none, removed, isolated or unclear."`
	Place   string    `help:"Where in the vehicle."`
	Read    []string  `help:"An identifier as KIND=VALUE, such as fcc_id=XMR2020AG525RGL; may be repeated." placeholder:"KIND=VALUE" sep:"none"`
	Text    string    `help:"Text of the label or letter; @FILE reads a file, - standard input."`
	Note    string    `help:"Anything else."`
	Photo   []string  `help:"Photograph to keep (JPEG, PNG, WebP); may be repeated." type:"existingfile" sep:"none"`
	At      time.Time `help:"When it was made (RFC 3339); the default is now."`
	Expires time.Time `help:"When it ends, sooner than the site's rule (RFC 3339)."`
	ID      string    `help:"Name of the record; with --at too, the same command again is the same record."`
}

// Run records the inspection and prints it. A vehicle of that VIN at a lane of
// the running site is decided again at once.
func (c *inspectAddCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	in := gate.Inspection{
		ID: c.ID, VIN: c.VIN, Subject: gate.SubjectUnit, Role: c.Unit, Kind: gate.InspectionKind(c.Kind), Result: gate.InspectionResult(c.Result),
		Place: c.Place, Note: c.Note, At: c.At, Expires: c.Expires,
	}
	if in.ID == "" {
		// A command that is repeated after an answer was lost is another record,
		// unless it says which it is.
		in.ID = "cli-" + strings.ToLower(rand.Text())
	}
	if c.Device {
		in.Subject, in.Role = gate.SubjectDevice, "device"
	}
	for _, r := range c.Read {
		kind, value, ok := strings.Cut(r, "=")
		if !ok {
			return fmt.Errorf("read: %q is not KIND=VALUE", r)
		}
		in.Read = append(in.Read, gate.Reading{Kind: strings.TrimSpace(kind), Value: strings.TrimSpace(value)})
	}
	var err error
	if in.Text, err = textOf(c.Text, s.in); err != nil {
		return err
	}
	ask := inspectAsk{By: c.By, Second: c.Second, Inspection: in}
	for _, name := range c.Photo {
		data, err := readPicture(name)
		if err != nil {
			return err
		}
		ask.Pictures = append(ask.Pictures, data)
	}
	var got gate.Inspection
	err = cmd.Inspect.call(ctx, s, opInspectAdd, ask, &got)
	if got.ID != "" {
		err = errors.Join(err, printJSON(s.out, got))
	}
	return err
}

// textOf is a text given in words, in a file (@FILE) or on standard input (-).
func textOf(arg string, in io.Reader) (string, error) {
	const limit = telematics.MaxLabel
	name, file := strings.CutPrefix(arg, "@")
	switch {
	case arg == "-":
	case file:
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	default:
		return arg, nil
	}
	b, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return "", fmt.Errorf("text: %w", err)
	}
	if len(b) > limit {
		return "", fmt.Errorf("text: longer than %d bytes", limit)
	}
	return string(b), nil
}

func readPicture(name string) ([]byte, error) {
	return readBounded(name, gate.MaxPhoto)
}

// readBounded reads a file of at most limit bytes, whatever size it claims.
func readBounded(name string, limit int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%s: it has more than %d bytes", name, limit)
	}
	return b, nil
}

// inspectListCmd is `sallyport inspect list`.
type inspectListCmd struct {
	VIN string `arg:"" help:"VIN of the vehicle."`
}

// Run prints the inspections, newest first.
func (c *inspectListCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	var list []gate.InspectionView
	if err := cmd.Inspect.call(ctx, s, opInspectList, inspectAsk{VIN: c.VIN}, &list); err != nil {
		return err
	}
	for _, v := range list {
		if err := printJSON(s.out, v); err != nil {
			return err
		}
	}
	return nil
}

// inspectShowCmd is `sallyport inspect show`.
type inspectShowCmd struct {
	ID string `arg:"" help:"Id of the inspection."`
}

// Run prints the inspection.
func (c *inspectShowCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	return cmd.Inspect.one(ctx, s, opInspectShow, inspectAsk{ID: c.ID})
}

// one has an operation done and prints the inspection that it is about.
func (c *inspectCmd) one(ctx context.Context, s *streams, path string, ask inspectAsk) error {
	var v gate.InspectionView
	err := c.call(ctx, s, path, ask, &v)
	if v.ID != "" {
		err = errors.Join(err, printJSON(s.out, v))
	}
	return err
}

// inspectConfirmCmd is `sallyport inspect confirm`.
type inspectConfirmCmd struct {
	ID   string `arg:"" help:"Id of the inspection."`
	By   string `required:"" help:"Name of the second person, as enrolled."`
	Note string `help:"Anything to add."`
}

// Run confirms the inspection and prints it.
func (c *inspectConfirmCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	return cmd.Inspect.one(ctx, s, opInspectConfirm, inspectAsk{ID: c.ID, By: c.By, Note: c.Note})
}

// inspectWithdrawCmd is `sallyport inspect withdraw`.
type inspectWithdrawCmd struct {
	ID  string `arg:"" help:"Id of the inspection."`
	By  string `required:"" help:"Name of the supervisor or security manager, as enrolled."`
	Why string `required:"" help:"What was wrong."`
}

// Run withdraws the inspection and prints it.
func (c *inspectWithdrawCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	return cmd.Inspect.one(ctx, s, opInspectEnd, inspectAsk{ID: c.ID, By: c.By, Cause: gate.InspectionWithdrawn, Note: c.Why})
}

// inspectVoidCmd is `sallyport inspect void`.
type inspectVoidCmd struct {
	VIN   string `arg:"" help:"VIN of the vehicle."`
	Cause string `required:"" help:"tcu-replaced, recall or owner-changed." enum:"tcu-replaced,recall,owner-changed"`
	By    string `required:"" help:"Name of the supervisor or security manager, as enrolled."`
	Why   string `required:"" help:"How it is known."`
}

// Run voids what the cause voids and prints the inspections that ended.
func (c *inspectVoidCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	var list []gate.Inspection
	err := cmd.Inspect.call(ctx, s, opInspectVoid, inspectAsk{VIN: c.VIN, By: c.By, Cause: gate.InspectionActKind(c.Cause), Note: c.Why}, &list)
	for _, in := range list {
		if err == nil {
			_, err = fmt.Fprintf(s.out, "%s no longer counts: %s\n", in.ID, c.Cause)
		}
	}
	return err
}

// inspectPhotoCmd is `sallyport inspect photo`.
type inspectPhotoCmd struct {
	ID   string `arg:"" help:"Id of the inspection."`
	File string `arg:"" optional:"" help:"Photograph to add (JPEG, PNG, WebP)." type:"existingfile"`
	By   string `help:"Name of the person who took it, as enrolled."`
	Get  string `help:"SHA-256 of a photograph to write to --out instead."`
	Out  string `help:"File to write, which must not exist yet." placeholder:"FILE"`
}

// Run adds a photograph and prints what was kept, or writes one to a file.
func (c *inspectPhotoCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	if c.Get != "" {
		if c.File != "" || c.Out == "" {
			return errors.New("photo: --get writes one photograph to --out, and adds none")
		}
		var data []byte
		if err := cmd.Inspect.call(ctx, s, opInspectPicture, inspectAsk{ID: c.ID, Photo: c.Get}, &data); err != nil {
			return err
		}
		return writeNew(c.Out, data, 0o600)
	}
	if c.File == "" {
		return errors.New("photo: name a file to add, or --get and --out")
	}
	data, err := readPicture(c.File)
	if err != nil {
		return err
	}
	var p gate.Photo
	if err := cmd.Inspect.call(ctx, s, opInspectPhoto, inspectAsk{ID: c.ID, By: c.By, Pictures: [][]byte{data}}, &p); err != nil {
		return err
	}
	return printJSON(s.out, p)
}

// inspectQuestionsCmd is `sallyport inspect questions`.
type inspectQuestionsCmd struct {
	VIN    string `arg:"" help:"VIN of the vehicle."`
	Market string `help:"Market of the vehicle; the default is the site's."`
}

// Run prints the acts, one JSON object a line, cheapest first.
func (c *inspectQuestionsCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	var list []telematics.Question
	if err := cmd.Inspect.call(ctx, s, opInspectQuestions, inspectAsk{VIN: c.VIN, Market: c.Market}, &list); err != nil {
		return err
	}
	for _, q := range list {
		if err := printJSON(s.out, q); err != nil {
			return err
		}
	}
	return nil
}
