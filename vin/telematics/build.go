package telematics

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"sallyport/policy/rows"
)

// The reviewed rows that say how the source rows are to be read, each with the
// reviewer's reason, and the rules on whether a modem is fitted, each with its
// legal or historical source.
//
//go:embed overlay.jsonl
var overlay []byte

//go:embed fitted_rules.jsonl
var fittedRules []byte

// Statements beside who made a module, and ends of networks, each with its
// source and the reviewer's reason.
//
//go:embed about.jsonl
var abouts []byte

//go:embed sunsets.jsonl
var sunsets []byte

// The company numbers of ISED and the type designations that sources show,
// each with its source.
//
//go:embed ids.jsonl
var labelIDs []byte

// raw is a row of vehicles.jsonl, oem.jsonl or aftermarket.jsonl.
type raw struct {
	ID            string   `json:"id"`
	Makes         []string `json:"makes"`
	Make          string   `json:"make"`
	ModelKeys     []string `json:"model_keys"`
	Years         string   `json:"years"`
	YearFrom      int      `json:"year_from"`
	YearTo        int      `json:"year_to"`
	Market        string   `json:"market"`
	TCUSupplier   string   `json:"tcu_supplier"`
	TCUName       string   `json:"tcu_name"`
	TCUPart       string   `json:"tcu_part"`
	TCUApproval   string   `json:"tcu_approval_id"`
	ModuleMaker   string   `json:"module_maker"`
	ModuleModel   string   `json:"module_model"`
	ModuleID      string   `json:"module_approval_id"`
	ModuleForm    string   `json:"module_form"`
	ModuleTAC     string   `json:"module_tac"`
	Chipset       string   `json:"chipset"`
	Generation    string   `json:"generation"`
	Resolves      string   `json:"resolves"`
	Fact          string   `json:"fact"`
	SupplierRole  string   `json:"supplier_role"`
	DeviceMaker   string   `json:"device_maker"`
	Device        string   `json:"device"`
	Category      string   `json:"category"`
	FCC           string   `json:"fcc_id"`
	TAC           string   `json:"tac"`
	Source        string   `json:"source"`
	SourceKind    string   `json:"source_kind"`
	Quote         string   `json:"quote"`
	SourceDate    string   `json:"source_date"`
	Confidence    string   `json:"confidence"`
	EvidenceClass string   `json:"evidence_class"`
	Note          string   `json:"note"`
}

// rawFinding is a row of the supply data's vehicle_modules.jsonl.
type rawFinding struct {
	Make       string `json:"make"`
	Model      string `json:"model"`
	Years      string `json:"years"`
	BuiltIn    string `json:"built_in"`
	Maker      string `json:"module_maker"`
	Module     string `json:"module"`
	Evidence   string `json:"evidence_level"`
	Source     string `json:"source"`
	Quote      string `json:"quote"`
	Confidence string `json:"confidence"`
	Note       string `json:"note"`
	SeenVia    string `json:"seen_via"`
}

// over is a row of the overlay; Row says which fields count.
type over struct {
	Row    string `json:"row"`
	Reason string `json:"reason"`
	Date   string `json:"date"`

	ID      string    `json:"id"`
	IDs     []string  `json:"ids"`
	Raw     string    `json:"raw"`
	Name    string    `json:"name"`
	Names   []string  `json:"names"`
	Markets *[]string `json:"markets"`

	Make      string    `json:"make"`
	Makes     []string  `json:"makes"`
	Models    []string  `json:"models"`
	Model     *string   `json:"model"`
	Maker     *string   `json:"maker"`
	TCUMaker  string    `json:"tcu_maker"`
	TCUName   string    `json:"tcu_name"`
	USB       string    `json:"usb"`
	Chipset   string    `json:"chipset"`
	ChipDown  bool      `json:"chip_down"`
	From      int       `json:"from"`
	To        int       `json:"to"`
	Since     string    `json:"since"`
	Until     string    `json:"until"`
	Circa     bool      `json:"circa"`
	Build     *bool     `json:"build"`
	Optional  bool      `json:"optional"`
	Role      string    `json:"role"`
	Class     string    `json:"class"`
	Certainty Certainty `json:"certainty"`
	Device    string    `json:"device"`
	Resolves  string    `json:"resolves"`
	Module    *bool     `json:"module"`
}

var (
	fccIn   = regexp.MustCompile(`\b(?:FCC )?([A-Z0-9]{3,5}-?[A-Z0-9-]{3,})\b`)
	partIn  = regexp.MustCompile(`[A-Z0-9][A-Z0-9-]{5,}`)
	busIn   = regexp.MustCompile(`(?i)(usb|pci(?: sub-vendor)?)?\s*\b([0-9a-f]{4})\b`)
	eightIn = regexp.MustCompile(`^\d{8}$`)
)

// Build reads the telematics data (vehicles.jsonl, oem.jsonl,
// aftermarket.jsonl, fcc_grantees.csv, module_models.csv, module_patterns.csv,
// observed-tac.csv) and, from the supply data, vehicle_modules.jsonl and the
// bus ids of edges.jsonl, and writes the compact catalogue that Open reads. It
// is a pure function of both and of the reviewed overlay; it fails, naming
// file and line, on a row it does not understand and on a market or overlay
// row that nobody has reviewed or that matches nothing any more.
func Build(telematics, supply fs.FS) ([]byte, error) {
	b := &builder{seen: map[string]bool{}, makers: map[string]string{}}
	b.file.Makes, b.file.Variants = map[string]string{}, map[string][]string{}
	if err := rows.Each(bytes.NewReader(overlay), "overlay.jsonl", func(_ int, line []byte) error {
		var o over
		if err := rows.Strict(line, &o); err != nil {
			return err
		}
		if o.Reason == "" && o.Row != "edition" {
			return errors.New("it gives no reason")
		}
		b.over = append(b.over, o)
		return nil
	}); err != nil {
		return nil, err
	}
	b.used = make([]bool, len(b.over))
	if err := b.tables(); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		from fs.FS
		name string
		read func(io.Reader, string) error
	}{
		{telematics, "vehicles.jsonl", b.each(b.vehicle)},
		{supply, "vehicle_modules.jsonl", b.findings},
		{telematics, "oem.jsonl", b.each(b.oem)},
		{telematics, "aftermarket.jsonl", b.each(b.aftermarket)},
		{telematics, "fcc_grantees.csv", b.records(b.grantee)},
		{telematics, "module_models.csv", b.records(b.module)},
		{telematics, "module_patterns.csv", b.records(b.pattern)},
		{telematics, "observed-tac.csv", b.records(b.tac)},
		{supply, "edges.jsonl", b.busIDs},
	} {
		b, err := rows.Read(f.from, f.name)
		if err != nil {
			return nil, fmt.Errorf("telematics data: %w", err)
		}
		if err := f.read(bytes.NewReader(b), f.name); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(
		reviewed("fitted_rules.jsonl", fittedRules, &b.file.Rules, func(r *Rule) *Source { return &r.Source }),
		reviewed("about.jsonl", abouts, &b.file.Abouts, func(a *About) *Source { return &a.Source }),
		reviewed("sunsets.jsonl", sunsets, &b.file.Sunsets, func(s *Sunset) *Source { return &s.Source }),
	); err != nil {
		return nil, err
	}
	if err := rows.Each(bytes.NewReader(labelIDs), "ids.jsonl", b.labelID); err != nil {
		return nil, err
	}
	b.soldLines()
	for i, u := range b.used {
		if !u {
			return nil, fmt.Errorf("overlay.jsonl line %d: the %s row matches nothing in the sources any more", i+1, b.over[i].Row)
		}
	}
	body, err := json.Marshal(b.file)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	b.file.Edition = b.edition + "." + hex.EncodeToString(sum[:4])
	out, err := b.file.Encode()
	if err != nil {
		return nil, err
	}
	if _, err := Open(out); err != nil {
		return nil, fmt.Errorf("the catalogue built cannot be opened: %w", err)
	}
	return out, nil
}

// reviewed reads a file of rows that a reviewer wrote. Each has an id of its
// own, a source, a quote and a reason.
func reviewed[T any](name string, text []byte, to *[]T, source func(*T) *Source) error {
	seen := map[string]bool{}
	return rows.Each(bytes.NewReader(text), name, func(_ int, line []byte) error {
		var v T
		if err := rows.Strict(line, &v); err != nil {
			return err
		}
		s := source(&v)
		if s.ID == "" || seen[s.ID] || s.Address == "" || s.Quote == "" || s.Reason == "" {
			return fmt.Errorf("row %q lacks an id of its own, a source, a quote or a reason", s.ID)
		}
		seen[s.ID] = true
		*to = append(*to, v)
		return nil
	})
}

type builder struct {
	file    File
	edition string
	over    []over
	used    []bool
	seen    map[string]bool
	makers  map[string]string
}

// tables applies the overlay's rows that stand for themselves.
func (b *builder) tables() error {
	for i, o := range b.over {
		switch o.Row {
		case "edition":
			b.edition = o.Date
		case "make":
			for _, n := range o.Names {
				b.file.Makes[n] = o.Make
			}
		case "variants":
			for _, n := range o.Models {
				k := o.Make + "/" + o.Name
				b.file.Variants[k] = append(b.file.Variants[k], n)
			}
		case "maker":
			b.file.Makers = append(b.file.Makers, MakerName{Name: o.Name, Also: o.Names})
			for _, n := range append([]string{o.Name}, o.Names...) {
				b.makers[fold(n)] = o.Name
			}
		case "eu":
			b.file.EU = o.Names
		default:
			continue
		}
		b.used[i] = true
	}
	if len(b.edition) != 10 {
		return errors.New("overlay.jsonl: no row names the edition's day")
	}
	return nil
}

// find returns the overlay rows of a kind for an id, and marks them used.
func (b *builder) find(row, id string) []over {
	var out []over
	for i, o := range b.over {
		if o.Row == row && (o.ID == id || o.Raw == id && id != "" || slices.Contains(o.IDs, id)) {
			b.used[i] = true
			out = append(out, o)
		}
	}
	return out
}

// maker returns the reviewed names behind a maker as a source writes it.
func (b *builder) maker(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if o := b.find("makers", s); len(o) > 0 {
		return o[0].Names, nil
	}
	if n, ok := b.makers[fold(s)]; ok {
		return []string{n}, nil
	}
	return nil, fmt.Errorf("the module maker %q has not been reviewed", s)
}

func (r *raw) source() Source {
	s := Source{ID: r.ID, Title: r.SourceKind, Address: r.Source, Quote: r.Quote, Date: r.SourceDate, EvidenceClass: r.EvidenceClass, Note: r.Note}
	s.Certainty = certainty(r.EvidenceClass, r.Confidence)
	return s
}

// certainty sorts the data's classes of evidence: a regulatory or government
// filing or the maker's own document is documented, unless the row was
// inferred; everything else, teardowns of another vehicle among it, reported.
func certainty(class, confidence string) Certainty {
	if strings.HasPrefix(confidence, "inferred") {
		return Reported
	}
	switch class {
	case "regulatory", "government", "manufacturer-statement", "securities-filing":
		return Documented
	}
	return Reported
}

func (b *builder) once(id string) error {
	if id == "" || b.seen[id] {
		return fmt.Errorf("the id %q is empty or not its own", id)
	}
	b.seen[id] = true
	return nil
}

func (b *builder) vehicle(r *raw) error {
	if err := b.once(r.ID); err != nil {
		return err
	}
	row := Row{Makes: r.Makes, Models: r.ModelKeys, Period: r.Years, From: r.YearFrom, To: r.YearTo, Market: r.Market, Role: "tcu",
		TCUMaker: r.TCUSupplier, TCUName: r.TCUName, Chipset: r.Chipset, Generation: r.Generation, TAC: r.ModuleTAC, Source: r.source()}
	switch r.Resolves {
	case "module-maker-and-model":
		row.Resolves = "module"
		m, err := b.maker(r.ModuleMaker)
		if err != nil {
			return err
		}
		if len(m) != 1 {
			return fmt.Errorf("%d makers of one module", len(m))
		}
		row.Maker = m[0]
		row.Model, row.Also = modelOf(r.ModuleModel)
	case "chip-only":
		row.Resolves = "chip"
		if strings.HasPrefix(r.ModuleForm, "chip-down") {
			row.ChipDown, row.Maker = true, r.TCUSupplier
		}
	case "tcu-supplier-only":
		row.Resolves = "unit-maker"
	case "unit-presence-or-generation-only":
		row.Resolves = "unit"
	default:
		return fmt.Errorf("it resolves to %q, which is not known", r.Resolves)
	}
	row.TCUParts = partIn.FindAllString(r.TCUPart, -1)
	row.Approvals = append(approvals(r.ModuleID), approvals(r.TCUApproval)...)
	mk := b.find("market", r.Market)
	if len(mk) == 0 && r.Market != "" {
		return fmt.Errorf("the market %q has not been reviewed", r.Market)
	}
	if len(mk) > 0 && mk[0].Markets != nil {
		row.Markets = *mk[0].Markets
	}
	b.amend(&row)
	b.file.Rows = append(b.file.Rows, row)
	return nil
}

// amend applies the overlay's readings of one row.
func (b *builder) amend(row *Row) {
	for _, o := range b.find("read", row.ID) {
		if o.Maker != nil {
			row.Maker = *o.Maker
		}
		if o.Model != nil {
			row.Model = *o.Model
		}
		if o.Build != nil {
			row.Build = *o.Build
		}
		if o.Markets != nil {
			row.Markets = *o.Markets
		}
		if o.Models != nil {
			row.Models = o.Models
		}
		if o.From != 0 || o.To != 0 {
			row.From, row.To = o.From, o.To
		}
		row.Since, row.Until, row.Circa = first(o.Since, row.Since), first(o.Until, row.Until), row.Circa || o.Circa
		row.ChipDown = row.ChipDown || o.ChipDown
		row.Optional = row.Optional || o.Optional
		row.Role, row.USB = first(o.Role, row.Role), first(o.USB, row.USB)
		row.Reason = strings.TrimPrefix(row.Reason+"; "+o.Reason, "; ")
	}
}

// modelOf takes the cellular module and a second one out of a source's words:
// "AG525R-GL (cellular) + AF51Y (Wi-Fi/BT)".
func modelOf(s string) (model, also string) {
	a, b, _ := strings.Cut(s, "+")
	return strings.TrimSpace(cutBrackets(a)), strings.TrimSpace(cutBrackets(b))
}

// approvals takes the FCC ids out of "FCC XMR2020AG525RGL, XMR202201AF51Y / IC
// 10224A-2020AG525R".
func approvals(s string) []string {
	s, _, _ = strings.Cut(s, " / IC")
	s, _, _ = strings.Cut(s, " (")
	var out []string
	for _, p := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '/' }) {
		if p != "FCC" && fccIn.MatchString(p) {
			out = append(out, p)
		}
	}
	return out
}

// findings reads vehicle_modules.jsonl. Its rows have no ids and say years and
// modules in prose, so each needs a reviewed reading.
func (b *builder) findings(r io.Reader, name string) error {
	return rows.Each(r, name, func(n int, line []byte) error {
		var f rawFinding
		if err := rows.Strict(line, &f); err != nil {
			return err
		}
		o := b.find("finding", f.Make+" | "+f.Model)
		if len(o) != 1 {
			return fmt.Errorf("%q has %d reviewed readings", f.Make+" | "+f.Model, len(o))
		}
		v := o[0]
		src := Source{ID: v.Name, Title: f.Evidence, Address: f.Source, Quote: f.Quote, Certainty: v.Certainty, EvidenceClass: v.Class, Note: f.Note, Date: v.Date, Reason: v.Reason}
		if err := b.once(v.Name); err != nil {
			return err
		}
		switch v.Resolves {
		case "context":
			b.file.Context = append(b.file.Context, Context{Makes: v.Makes, Fact: strings.TrimPrefix(f.Model+": "+f.Maker, ": "), Years: f.Years, Source: src})
			return nil
		case "device":
			b.file.Devices = append(b.file.Devices, Device{Maker: "comma.ai", Name: v.Device, Keys: v.Names, Category: "aftermarket driver assistance",
				Module: *v.Maker, Model: *v.Model, Source: src})
			return nil
		}
		row := Row{Makes: v.Makes, Models: v.Models, Period: f.Years, From: v.From, To: v.To, Role: "tcu", TCUMaker: v.TCUMaker, TCUName: v.TCUName, Chipset: v.Chipset,
			ChipDown: v.ChipDown, Optional: v.Optional, Resolves: v.Resolves, Source: src}
		if v.Maker != nil {
			row.Maker = *v.Maker
		}
		if v.Model != nil {
			row.Model = *v.Model
		}
		if v.Markets != nil {
			row.Markets = *v.Markets
		}
		if v.Build != nil {
			row.Build = *v.Build
		}
		b.file.Rows = append(b.file.Rows, row)
		return nil
	})
}

// oem keeps the rows on makes as context: they say nothing of a given car.
func (b *builder) oem(r *raw) error {
	if err := b.once(r.ID); err != nil {
		return err
	}
	makes := r.Makes
	if len(makes) == 0 && r.Make != "" && !strings.HasPrefix(r.Make, "(") {
		makes = []string{r.Make}
	}
	b.file.Context = append(b.file.Context, Context{Makes: makes, Role: r.SupplierRole, Fact: r.Fact, Years: r.Years, Source: r.source()})
	return nil
}

func (b *builder) aftermarket(r *raw) error {
	if err := b.once(r.ID); err != nil {
		return err
	}
	d := Device{Maker: r.DeviceMaker, Name: r.Device, Category: r.Category, Chipset: r.Chipset, Generation: r.Generation, Approval: r.FCC, TAC: r.TAC,
		ChipDown: r.ModuleForm == "chip-down", Source: r.source()}
	if strings.Contains(d.Approval, " ") {
		d.Approval, _, _ = strings.Cut(d.Approval, " ")
	}
	if d.TAC != "" && !eightIn.MatchString(d.TAC) {
		return fmt.Errorf("the TAC %q has not eight digits", d.TAC)
	}
	switch r.Resolves {
	case "module-maker-and-model", "module-maker-only":
		m, err := b.maker(r.ModuleMaker)
		if err != nil {
			return err
		}
		if len(m) != 1 {
			return fmt.Errorf("%d makers of one module", len(m))
		}
		d.Module = m[0]
		d.Model = r.ModuleModel
	case "chip-only", "unit-presence-or-generation-only":
	default:
		return fmt.Errorf("it resolves to %q, which is not known", r.Resolves)
	}
	d.Keys = deviceKeys(r.Device)
	for _, o := range b.find("device", r.ID) {
		if o.Names != nil {
			d.Keys = o.Names
		}
		if o.Model != nil {
			d.Model = *o.Model
		}
		d.Reason = o.Reason
	}
	b.file.Devices = append(b.file.Devices, d)
	return nil
}

// deviceKeys are the names under which a device is found: its name without
// remarks and product codes ("FMC130 8H****" is an FMC130), and a code that
// names the variant as well.
func deviceKeys(s string) []string {
	s = strings.TrimSpace(cutBrackets(s))
	keys := []string{s}
	words := strings.Fields(s)
	if len(words) == 2 && strings.HasSuffix(words[1], "****") {
		keys = []string{words[0], words[0] + words[1][:2]}
	}
	if len(words) == 1 {
		if base, variant, ok := strings.Cut(s, "-"); ok && len(base) >= 6 && len(variant) == 5 {
			keys = append(keys, base)
		}
	}
	return keys
}

func (b *builder) grantee(m map[string]string) error {
	o := b.find("grantee", m["code"]+"/"+m["holder"])
	if len(o) != 1 {
		return fmt.Errorf("the grantee %s/%s has %d reviewed readings", m["code"], m["holder"], len(o))
	}
	if o[0].Module == nil {
		return errors.New("it is not said whether the grantee makes modules")
	}
	b.file.Grantees = append(b.file.Grantees, Grantee{Code: m["code"], Holder: o[0].Name, Module: *o[0].Module,
		Source: csvSource(fmt.Sprintf("G%02d", len(b.file.Grantees)+1), m)})
	return nil
}

func csvSource(id string, m map[string]string) Source {
	return Source{ID: id, Title: m["source_kind"], Address: m["source"], Quote: m["quote"], Date: m["source_date"], EvidenceClass: m["evidence_class"], Note: m["note"],
		Certainty: certainty(m["evidence_class"], m["confidence"])}
}

func (b *builder) module(m map[string]string) error {
	makers, err := b.maker(m["maker"])
	if err != nil {
		return err
	}
	mod := Module{Makers: makers, Model: m["model"], Names: []string{strings.TrimSpace(cutBrackets(m["model"]))}, Type: m["type"], Generation: m["generation"], FCC: m["fcc_id"],
		TAC: m["tac"], USB: m["usb_id"], Source: csvSource(fmt.Sprintf("M%03d", len(b.file.Modules)+1), m)}
	for _, o := range b.find("module", m["maker"]+"/"+m["model"]) {
		mod.Names, mod.Reason = o.Names, o.Reason
		if o.Name != "" {
			mod.Model = o.Name
		}
	}
	b.file.Modules = append(b.file.Modules, mod)
	return nil
}

func (b *builder) pattern(m map[string]string) error {
	var makers []string
	for _, s := range strings.Split(m["makers_seen"], ";") {
		got, err := b.maker(strings.TrimSpace(s))
		if err != nil {
			return err
		}
		for _, n := range got {
			if !slices.Contains(makers, n) {
				makers = append(makers, n)
			}
		}
	}
	b.file.Patterns = append(b.file.Patterns, Pattern{Pattern: m["pattern"], Makers: makers, Source: Source{ID: fmt.Sprintf("P%02d", len(b.file.Patterns)+1),
		Title: "marking pattern; example " + m["example"], Address: m["example_source"], Quote: m["example_quote"], Certainty: Reported,
		Note: fmt.Sprintf("a naming habit of the maker, seen in %s models", m["matches"])}})
	return nil
}

// soldLines takes the sales of module lines from the facts that tell of them.
func (b *builder) soldLines() {
	for i := range b.file.Context {
		for _, o := range b.find("sold", b.file.Context[i].ID) {
			b.file.Sold = append(b.file.Sold, Sold{Pattern: o.Raw, By: *o.Maker, To: o.Name, Source: b.file.Context[i].Source})
		}
	}
}

func (b *builder) tac(m map[string]string) error {
	if !eightIn.MatchString(m["tac"]) {
		return fmt.Errorf("the TAC %q has not eight digits", m["tac"])
	}
	makers, err := b.maker(m["maker"])
	if err != nil {
		return err
	}
	model := strings.TrimSpace(cutBrackets(m["model"]))
	b.file.TACs = append(b.file.TACs, TAC{TAC: m["tac"], Maker: makers[0], Model: model, Source: Source{ID: fmt.Sprintf("T%02d", len(b.file.TACs)+1), Title: m["source_kind"],
		Address: m["source"], Quote: m["quote"], Certainty: Reported}})
	return nil
}

// busIDs reads the bus vendor ids from the supply data's edges.
func (b *builder) busIDs(r io.Reader, name string) error {
	return rows.Each(r, name, func(n int, line []byte) error {
		var e struct {
			From, To, Relation, Source, Quote, Note string
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if !strings.HasPrefix(e.Relation, "identified_by") {
			return nil
		}
		o := b.find("bus", e.From)
		if len(o) == 0 {
			return fmt.Errorf("the bus ids of %q have not been reviewed", e.From)
		}
		ids, _, _ := strings.Cut(e.To, "(also")
		bus := "usb"
		for _, m := range busIn.FindAllStringSubmatch(ids, -1) {
			if m[1] != "" {
				bus = strings.ToLower(m[1])[:3]
			}
			maker := o[0].Name
			for _, x := range o {
				if x.USB == m[2] {
					maker = x.Name
				}
			}
			b.file.BusIDs = append(b.file.BusIDs, BusID{Bus: bus, Vendor: m[2], Maker: maker, Source: Source{ID: fmt.Sprintf("B%02d", len(b.file.BusIDs)+1),
				Title: "open-source driver rules", Address: e.Source, Quote: e.Quote, Certainty: Reported, Note: EnumeratesNote}})
		}
		return nil
	})
}

// each turns a function on one row into a reader of JSON lines.
func (b *builder) each(row func(*raw) error) func(io.Reader, string) error {
	return func(r io.Reader, name string) error {
		return rows.Each(r, name, func(_ int, line []byte) error {
			var v raw
			if err := rows.Strict(line, &v, "models", "level", "suppliers"); err != nil {
				return err
			}
			return row(&v)
		})
	}
}

// records turns a function on one record into a reader of CSV with a header.
func (b *builder) records(row func(map[string]string) error) func(io.Reader, string) error {
	return func(r io.Reader, name string) error {
		cr := csv.NewReader(r)
		head, err := cr.Read()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for {
			rec, err := cr.Read()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			m := make(map[string]string, len(head))
			for i, h := range head {
				m[h] = strings.TrimSpace(rec[i])
			}
			if err := row(m); err != nil {
				line, _ := cr.FieldPos(0)
				return fmt.Errorf("%s line %d: %w", name, line, err)
			}
		}
	}
}
