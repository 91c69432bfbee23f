package telematics

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Tri is yes, no or unknown. The zero value is Unknown.
type Tri uint8

// The three values.
const (
	Unknown Tri = iota
	No
	Yes
)

// String returns "unknown", "no" or "yes".
func (t Tri) String() string {
	switch t {
	case No:
		return "no"
	case Yes:
		return "yes"
	}
	return "unknown"
}

// MarshalText writes the value as its word.
func (t Tri) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *Tri) UnmarshalText(b []byte) error {
	switch string(b) {
	case "unknown":
		*t = Unknown
	case "no":
		*t = No
	case "yes":
		*t = Yes
	default:
		return fmt.Errorf("%q is not one of unknown, no, yes", b)
	}
	return nil
}

// Certainty says how well a module is known. The order is that of
// policy.Certainty; the catalogue itself only ever says none, reported or
// documented.
type Certainty uint8

// The certainties, in rising order.
const (
	None       Certainty = iota // nothing is known
	Reported                    // press, market research, community, teardown of another vehicle
	Observed                    // share of a site's inspections
	Documented                  // regulatory filing or maker's document for this build
	Settled                     // this very vehicle inspected
)

var certaintyWords = [...]string{"none", "reported", "observed", "documented", "settled"}

// String returns the certainty's word.
func (c Certainty) String() string {
	if int(c) < len(certaintyWords) {
		return certaintyWords[c]
	}
	return "none"
}

// MarshalText writes the certainty as its word.
func (c Certainty) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (c *Certainty) UnmarshalText(b []byte) error { return c.read(string(b)) }

func (c *Certainty) read(word string) error {
	for i, w := range certaintyWords {
		if w == word {
			*c = Certainty(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no certainty", word)
}

// Source is where a row comes from.
type Source struct {
	ID            string    `json:"id"`              // row id in its data set, such as "V0003"
	Title         string    `json:"title,omitempty"` // what kind of source
	Address       string    `json:"source"`
	Quote         string    `json:"quote,omitempty"`
	Date          string    `json:"date,omitempty"` // the source's own date, as precise as known
	Certainty     Certainty `json:"certainty"`
	EvidenceClass string    `json:"evidence_class,omitempty"` // regulatory, government, manufacturer-statement, teardown-or-dump, …
	Note          string    `json:"note,omitempty"`
	Reply         string    `json:"reply,omitempty"`  // the maker's reply, where there is one
	Reason        string    `json:"reason,omitempty"` // why a reviewer read the row the way it is
}

// Row is one sourced statement on vehicles of one model and period.
type Row struct {
	Makes      []string `json:"makes"`
	Models     []string `json:"models"`            // names without remarks; "*" is every model of the make
	Period     string   `json:"period,omitempty"`  // the source's words
	From       int      `json:"from,omitempty"`    // first year, 0 is open
	To         int      `json:"to,omitempty"`      // last year, 0 is open
	Since      string   `json:"since,omitempty"`   // first month or day, where the source gives one (RFC 3339 full-date or its year and month)
	Until      string   `json:"until,omitempty"`   // last month or day, likewise
	Circa      bool     `json:"circa,omitempty"`   // the source says "about" of its months and days: they are shown and exclude nothing
	Build      bool     `json:"build,omitempty"`   // years, months and days are of build; else model years
	Markets    []string `json:"markets,omitempty"` // ISO 3166-1 alpha-2 or "EU"; empty is every market
	Market     string   `json:"market,omitempty"`  // the source's words
	Role       string   `json:"role"`              // tcu, head-unit
	Optional   bool     `json:"optional,omitempty"`
	TCUMaker   string   `json:"tcu_maker,omitempty"`
	TCUName    string   `json:"tcu_name,omitempty"`
	TCUParts   []string `json:"tcu_parts,omitempty"`
	Approvals  []string `json:"approvals,omitempty"` // FCC ids of unit and module
	TAC        string   `json:"tac,omitempty"`
	USB        string   `json:"usb,omitempty"`
	Maker      string   `json:"maker,omitempty"` // of the module; of the unit where ChipDown; empty is not named
	Model      string   `json:"model,omitempty"`
	Also       string   `json:"also,omitempty"` // a second, non-cellular module in the unit
	ChipDown   bool     `json:"chip_down,omitempty"`
	Chipset    string   `json:"chipset,omitempty"`
	Generation string   `json:"generation,omitempty"`
	Resolves   string   `json:"resolves"` // module, maker, chip, unit-maker, unit
	Source
}

// Device is one sourced statement on a fitted or carried device.
type Device struct {
	Maker      string   `json:"maker"`
	Name       string   `json:"name"`
	Keys       []string `json:"keys"`
	Category   string   `json:"category,omitempty"`
	Module     string   `json:"module_maker,omitempty"`
	Model      string   `json:"model,omitempty"`
	ChipDown   bool     `json:"chip_down,omitempty"`
	Chipset    string   `json:"chipset,omitempty"`
	Generation string   `json:"generation,omitempty"`
	Approval   string   `json:"approval,omitempty"`
	TAC        string   `json:"tac,omitempty"`
	Source
}

// Context is a statement on a make or a market that says nothing of what is in
// a given car. It is shown, never used.
type Context struct {
	Makes []string `json:"makes,omitempty"`
	Role  string   `json:"role,omitempty"` // the data's supplier_role
	Fact  string   `json:"fact"`
	Years string   `json:"years,omitempty"`
	Source
}

// Grantee is a holder of an FCC grantee code.
type Grantee struct {
	Code   string `json:"code"`
	Holder string `json:"holder"` // reviewed short name
	Module bool   `json:"module"` // the holder makes modules; else whole units
	Source
}

// Module is a known module model.
type Module struct {
	Makers     []string `json:"makers"`
	Model      string   `json:"model"`
	Names      []string `json:"names"` // spellings under which it is found
	Type       string   `json:"type,omitempty"`
	Generation string   `json:"generation,omitempty"`
	FCC        string   `json:"fcc,omitempty"`
	TAC        string   `json:"tac,omitempty"`
	USB        string   `json:"usb,omitempty"`
	Source
}

// Pattern is a marking pattern of one or several makers.
type Pattern struct {
	Pattern string   `json:"pattern"` // RE2, anchored, on the upper-case marking
	Makers  []string `json:"makers"`
	Source
}

// Sold is a line of modules that one maker sold to another: a marking tells
// whose design it was, not who stands behind it since.
type Sold struct {
	Pattern string `json:"pattern"` // RE2, anchored, on the upper-case model
	By      string `json:"by"`
	To      string `json:"to"`
	Source
}

// TAC is a type allocation code seen in a public log.
type TAC struct {
	TAC   string `json:"tac"`
	Maker string `json:"maker"`
	Model string `json:"model,omitempty"`
	Unit  bool   `json:"unit,omitempty"` // the maker of the whole unit; the module in it is not named
	Source
}

// BusID is a USB or PCI vendor id under which a maker's devices enumerate.
type BusID struct {
	Bus    string `json:"bus"` // usb, pci
	Vendor string `json:"vendor"`
	Maker  string `json:"maker"`
	Source
}

// Company is a holder of a company number, with which the certification
// numbers of Canada's ISED begin ("10224A-2020AG525R").
type Company struct {
	Number string   `json:"number"`
	Holder string   `json:"holder"`
	Module bool     `json:"module"`         // the holder makes modules; else whole units
	Seen   []string `json:"seen,omitempty"` // product numbers seen in a source
	Source
}

// TypeName is a type designation of a whole unit, as EU declarations of
// conformity and type plates name it.
type TypeName struct {
	Name   string `json:"name"`
	Holder string `json:"holder"`
	Source
}

// MakerName is a maker as shown, with its reviewed other names.
type MakerName struct {
	Name string   `json:"name"`
	Also []string `json:"also,omitempty"`
}

// Rule says, with its legal or historical source, that a modem is or is not
// fitted. Every condition that is given must hold.
type Rule struct {
	Value         Tri         `json:"value"`
	Markets       []string    `json:"markets,omitempty"`
	Types         []string    `json:"types,omitempty"` // vPIC vehicle types
	Fuels         []string    `json:"fuels,omitempty"` // vPIC primary fuel types
	Models        []MakeModel `json:"models,omitempty"`
	From          int         `json:"from,omitempty"`           // first model year
	To            int         `json:"to,omitempty"`             // last model year
	ApprovedSince string      `json:"approved_since,omitempty"` // type approved on or after; needs Query.TypeApproved
	Because       string      `json:"because"`
	Source
}

// MakeModel names one model line.
type MakeModel struct {
	Make  string `json:"make"`
	Model string `json:"model"`
}

// File is the form in which a catalogue is stored and exchanged.
type File struct {
	Edition   string              `json:"edition"`
	Rows      []Row               `json:"rows"`
	Devices   []Device            `json:"devices"`
	Context   []Context           `json:"context"`
	Grantees  []Grantee           `json:"grantees"`
	Modules   []Module            `json:"modules"`
	Patterns  []Pattern           `json:"patterns"`
	Sold      []Sold              `json:"sold"`
	TACs      []TAC               `json:"tacs"`
	BusIDs    []BusID             `json:"bus_ids"`
	Companies []Company           `json:"companies"`
	Types     []TypeName          `json:"types"`
	Makers    []MakerName         `json:"makers"`
	Rules     []Rule              `json:"rules"`
	Abouts    []About             `json:"abouts"`
	Sunsets   []Sunset            `json:"sunsets"`
	Makes     map[string]string   `json:"makes"`    // other spellings of a make -> make
	Variants  map[string][]string `json:"variants"` // "make/model" -> model names that mean the same line
	EU        []string            `json:"eu"`       // members of the EU market
}

// Catalogue answers look-ups. Its content never changes; it is safe for
// concurrent use.
type Catalogue struct {
	file     File // without its rows, which rows holds
	rows     *rowSet
	makes    map[string]string
	variants map[string]string // make|model -> model of the line
	context  map[string][]int32
	abouts   map[string][]int32 // make|model -> statements
	eu       map[string]bool
	patterns []*regexp.Regexp
	sold     []*regexp.Regexp
	makers   map[string]string // folded name -> name
	modules  map[string][]int32
	fcc      map[string][]int32 // module by FCC id
	grantees map[string][]int32
	tacs     map[string][]TAC
	bus      map[string][]int32
	usb      map[string][]int32 // module by vendor:product
	devices  map[string][]int32
	rules    map[string][]int32 // make|model -> rules; "" -> rules for any model

	ruleSources [][]Source
	ruleOpen    []string // what is said where only the day of the type approval is unknown
	deviceFCC   map[string][]int32
	modelsOf    map[string][]named // models of each maker, long enough to be told in a product code
	ids         *idIndex           // what stands on labels, by the ways it is misread
	site        *TACTable          // the table of type allocation codes the site added, or nil

	answers *answers
}

// named is a name with the form in which it is compared.
type named struct{ key, name string }

// ErrFormat is wrapped by every error of Open.
var ErrFormat = errors.New("not a telematics catalogue")

//go:embed catalogue.json
var embedded []byte

var embeddedOnce = sync.OnceValues(func() (*Catalogue, error) { return Open(embedded) })

// Embedded returns the catalogue that is built into the program.
func Embedded() (*Catalogue, error) { return embeddedOnce() }

// Open reads a catalogue from the form that Build writes (see File.Encode). It
// keeps its own copy of b. A file that is not whole, or holds what a catalogue
// does not, is refused with an error that names the line; nothing of it is used.
func Open(b []byte) (*Catalogue, error) {
	c, line, err := open(string(b), b)
	switch {
	case err == nil:
		return c, nil
	case line > 0:
		return nil, fmt.Errorf("%w: line %d: %w", ErrFormat, line, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrFormat, err)
}

// open is Open, with the file as text and as it was given; line is where the error lies, or 0.
func open(text string, raw []byte) (c *Catalogue, line int, err error) {
	c = &Catalogue{
		makes: map[string]string{}, variants: map[string]string{}, context: map[string][]int32{}, abouts: map[string][]int32{}, eu: map[string]bool{}, makers: map[string]string{}, modules: map[string][]int32{},
		fcc: map[string][]int32{}, grantees: map[string][]int32{}, tacs: map[string][]TAC{}, bus: map[string][]int32{},
		usb: map[string][]int32{}, devices: map[string][]int32{}, rules: map[string][]int32{}, deviceFCC: map[string][]int32{},
		modelsOf: map[string][]named{}, ids: new(idIndex), answers: new(answers),
	}
	sections, line, err := c.file.sections(text, raw)
	if err != nil {
		return nil, line, err
	}
	f := &c.file
	for from, to := range f.Makes {
		c.makes[fold(from)] = fold(to)
	}
	for _, m := range f.EU {
		c.eu[m] = true
	}
	for name, names := range f.Variants {
		mk, md, ok := strings.Cut(name, "/")
		if !ok {
			return nil, 0, fmt.Errorf("the model line %q has no make", name)
		}
		for _, n := range names {
			_, line, _ := strings.Cut(c.key(mk, joined(md)), "|")
			c.variants[c.key(mk, joined(n))] = line
		}
	}
	var tacs []TAC
	var at int
	c.rows, tacs, at, err = readRows(sections.rows, c.makes)
	if err != nil {
		return nil, 1 + strings.Count(text[:sections.at+at], "\n"), err
	}
	for _, t := range tacs {
		c.tacs[t.TAC] = append(c.tacs[t.TAC], t)
	}
	if err := c.index(); err != nil {
		return nil, 0, err
	}
	return c, 0, nil
}

// index takes down under what the content of the small sections is found.
func (c *Catalogue) index() error {
	f := &c.file
	for i := range f.Context {
		for _, m := range f.Context[i].Makes {
			k := c.make(m)
			c.context[k] = append(c.context[k], int32(i))
		}
	}
	for _, m := range f.Makers {
		for _, n := range append([]string{m.Name}, m.Also...) {
			k := fold(n)
			if k == "" {
				return fmt.Errorf("the maker %q has an empty name", m.Name)
			}
			if o, taken := c.makers[k]; taken && o != m.Name {
				return fmt.Errorf("%q names both %q and %q", n, m.Name, o)
			}
			c.makers[k] = m.Name
		}
	}
	for i := range f.Modules {
		m := &f.Modules[i]
		for _, n := range m.Names {
			c.modules[fold(n)] = append(c.modules[fold(n)], int32(i))
		}
		if k := fold(m.Model); len(k) >= 4 {
			for _, mk := range m.Makers {
				c.modelsOf[mk] = append(c.modelsOf[mk], named{k, m.Model})
			}
		}
		if m.FCC != "" {
			c.fcc[fold(m.FCC)] = append(c.fcc[fold(m.FCC)], int32(i))
		}
		if m.USB != "" {
			c.usb[strings.ToLower(m.USB)] = append(c.usb[strings.ToLower(m.USB)], int32(i))
		}
		if m.TAC != "" && len(m.Makers) == 1 {
			c.tacs[m.TAC] = append(c.tacs[m.TAC], TAC{TAC: m.TAC, Maker: m.Makers[0], Model: m.Model, Source: m.Source})
		}
	}
	for i := range f.Patterns {
		re, err := regexp.Compile(f.Patterns[i].Pattern)
		if err != nil {
			return fmt.Errorf("pattern %q: %w", f.Patterns[i].Pattern, err)
		}
		c.patterns = append(c.patterns, re)
	}
	for i := range f.Sold {
		re, err := regexp.Compile(f.Sold[i].Pattern)
		if err != nil {
			return fmt.Errorf("sold line %q: %w", f.Sold[i].Pattern, err)
		}
		c.sold = append(c.sold, re)
	}
	for i := range f.Grantees {
		c.grantees[f.Grantees[i].Code] = append(c.grantees[f.Grantees[i].Code], int32(i))
	}
	for _, t := range f.TACs {
		c.tacs[t.TAC] = append(c.tacs[t.TAC], t)
	}
	for i := range f.BusIDs {
		k := f.BusIDs[i].Bus + ":" + strings.ToLower(f.BusIDs[i].Vendor)
		c.bus[k] = append(c.bus[k], int32(i))
	}
	for i := range f.Devices {
		d := &f.Devices[i]
		for _, n := range d.Keys {
			for _, k := range []string{fold(n), fold(d.Maker + n)} {
				if l := c.devices[k]; len(l) == 0 || l[len(l)-1] != int32(i) {
					c.devices[k] = append(l, int32(i))
				}
			}
		}
		if d.Approval != "" {
			c.deviceFCC[fold(d.Approval)] = append(c.deviceFCC[fold(d.Approval)], int32(i))
		}
		if d.TAC != "" {
			c.tacs[d.TAC] = append(c.tacs[d.TAC], TAC{TAC: d.TAC, Maker: first(d.Module, d.Maker), Model: first(d.Model, d.Name), Unit: d.Module == "", Source: d.Source})
		}
	}
	for i := range f.Rules {
		r := &f.Rules[i]
		if r.Address == "" || r.Because == "" {
			return fmt.Errorf("rule %q has no source or no reason", r.ID)
		}
		if r.Value == No && r.Quote == "" {
			return fmt.Errorf("rule %q says no and quotes nothing", r.ID)
		}
		if r.ApprovedSince != "" {
			if _, err := time.Parse(time.DateOnly, r.ApprovedSince); err != nil {
				return fmt.Errorf("rule %q: %w", r.ID, err)
			}
		}
		c.ruleSources = append(c.ruleSources, []Source{r.Source})
		c.ruleOpen = append(c.ruleOpen, fmt.Sprintf("%s Whether this vehicle's type was approved on or after %s is not known.", r.Because, r.ApprovedSince))
		if len(r.Models) == 0 {
			c.rules[""] = append(c.rules[""], int32(i))
		}
		for _, m := range r.Models {
			k := c.key(m.Make, joined(m.Model))
			c.rules[k] = append(c.rules[k], int32(i))
		}
	}
	return c.indexAbouts()
}

// Edition names the data: the day of its review and a hash of its content.
func (c *Catalogue) Edition() string { return c.file.Edition }

// Date is the day of the edition, or the zero time where its name holds none.
func (c *Catalogue) Date() time.Time {
	if len(c.file.Edition) < 10 {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, c.file.Edition[:10])
	if err != nil {
		return time.Time{}
	}
	return t
}

// File returns the whole content, for tables and tests. The rows are read anew
// on each call; the rest belongs to the catalogue and must not be changed.
func (c *Catalogue) File() *File {
	f := c.file
	f.Rows = make([]Row, c.Rows())
	for i := range f.Rows {
		f.Rows[i] = *c.rows.row(int32(i))
	}
	return &f
}

// Rows is the number of rows on vehicles.
func (c *Catalogue) Rows() int { return len(c.rows.recs) }

// Row returns one of them, by its number from 0 in the order of the file.
func (c *Catalogue) Row(i int) Row { return *c.rows.row(int32(i)) }

// Context returns the statements on a make that say nothing of a given car,
// such as its suppliers' market shares. They are background for a person.
func (c *Catalogue) Context(brand string) []Context {
	var out []Context
	for _, i := range c.context[c.make(brand)] {
		out = append(out, c.file.Context[i])
	}
	return out
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
