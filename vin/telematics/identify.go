package telematics

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Identification is what an identifier on a label, in a document or in a
// driver's words says of a module's maker. Several makers mean that one of
// them is right and the identifier cannot tell which.
type Identification struct {
	Kind       string    `json:"kind"`
	Value      string    `json:"value"`
	Normalised string    `json:"normalised,omitempty"`
	Makers     []Finding `json:"makers"`
	Candidates []Finding `json:"candidates,omitempty"` // of a label: whose module it may be, where nothing on it is certain
	NoModem    bool      `json:"no_modem,omitempty"`   // it says that there is no modem
	Problems   []Problem `json:"problems"`
}

// Finding is one maker an identifier may stand for.
type Finding struct {
	Maker       string    `json:"maker"`
	Model       string    `json:"model,omitempty"`
	Unit        bool      `json:"unit,omitempty"`         // the maker of the whole unit; the module in it is not named
	NotCellular bool      `json:"not_cellular,omitempty"` // a Wi-Fi or Bluetooth module
	ChipDown    bool      `json:"chip_down,omitempty"`
	Chipset     string    `json:"chipset,omitempty"`
	Certainty   Certainty `json:"certainty"`
	Note        string    `json:"note,omitempty"`
	Sources     []Source  `json:"sources"`
}

// Problem is what is wrong with an identifier, or what it cannot tell.
type Problem struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Kinds are the kinds of identifiers that Identify knows.
var Kinds = [...]string{"fcc_id", "ic", "ce_type", "imei", "usb_id", "module", "tcu_part", "device", "label", "no_modem"}

const maxIdentifier = 256

// Identify turns an identifier into the makers it may stand for. It never
// fails: what is wrong with the input stands in Problems, by code:
//
//	kind       the kind is unknown
//	empty      nothing is given
//	too_long   more than 256 bytes, of a label more than 16 KiB
//	not_text   not UTF-8, or control characters
//	format     not of the form the kind has
//	luhn       the IMEI's check digit does not fit; nothing is concluded
//	unknown    well formed, but not in the tables
//	unnamed    a known unit, but no source names its maker or its module
//	several    more than one maker is possible
//	not_cellular  the module named has no modem
//	no_maker   an approval mark, which says who approved and not who made
//	not_certain  a label that settles no maker; see ReadLabel
func (c *Catalogue) Identify(kind, value string) Identification {
	id := Identification{Kind: kind, Value: value}
	v := strings.TrimSpace(value)
	if kind == "label" {
		return c.ReadLabel(value).Identification()
	}
	switch {
	case len(value) > maxIdentifier:
		id.Value = strings.ToValidUTF8(value[:maxIdentifier], "")
		return id.problem("too_long", "The identifier has more than %d bytes.", maxIdentifier)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		id.Value = strings.ToValidUTF8(value, "")
		return id.problem("not_text", "The identifier is not plain text.")
	case kind == "no_modem":
		id.NoModem = true
		return id
	case v == "":
		return id.problem("empty", "No identifier is given.")
	}
	switch kind {
	case "fcc_id":
		id = c.fccID(id, v)
	case "ic":
		id = c.ic(id, v)
	case "ce_type":
		id = c.ceType(id, v)
	case "imei":
		id = c.imei(id, v)
	case "usb_id":
		id = c.usbID(id, v)
	case "module":
		id = c.marking(id, v)
	case "tcu_part":
		id = c.tcuPart(id, v)
	case "device":
		id = c.device(id, v)
	default:
		return id.problem("kind", "The kind %q is not known.", kind)
	}
	id.Makers = c.buyers(settle(id.Makers), id)
	if names := id.names(); len(names) > 1 {
		return id.problem("several", "It may stand for %s; it cannot tell which.", strings.Join(names, " or "))
	}
	return id
}

func (id Identification) problem(code, format string, args ...any) Identification {
	if p := (Problem{code, fmt.Sprintf(format, args...)}); !slices.Contains(id.Problems, p) {
		id.Problems = append(id.Problems, p)
	}
	return id
}

func (id Identification) names() []string {
	var names []string
	for _, m := range id.Makers {
		if !slices.Contains(names, m.Maker) {
			names = append(names, m.Maker)
		}
	}
	return names
}

// buyers adds the makers to whom the line of a module found was sold.
func (c *Catalogue) buyers(found []Finding, id Identification) []Finding {
	product := ""
	switch {
	case id.Kind == "fcc_id" && len(id.Normalised) > 3:
		product = id.Normalised[3:]
	case id.Kind == "ic":
		_, product, _ = strings.Cut(id.Normalised, "-")
	}
	for _, f := range slices.Clone(found) {
		for i, re := range c.sold {
			s := &c.file.Sold[i]
			if f.Maker != s.By || !re.MatchString(strings.ToUpper(f.Model)) && !re.MatchString(product) {
				continue
			}
			found = append(found, Finding{Maker: s.To, Model: f.Model, Certainty: Reported, Sources: []Source{s.Source},
				Note: "The line was sold by " + s.By + " to " + s.To + "."})
		}
	}
	return found
}

// settle joins findings of one maker and model, best first, and drops a
// finding without a model where the same maker has one with.
func settle(fs []Finding) []Finding {
	var out []Finding
next:
	for _, f := range fs {
		for i := range out {
			o := &out[i]
			if o.Maker != f.Maker || o.Unit != f.Unit || fold(o.Model) != fold(f.Model) && o.Model != "" && f.Model != "" {
				continue
			}
			if o.Model == "" {
				o.Model = f.Model
			}
			if f.Certainty > o.Certainty {
				o.Certainty = f.Certainty
				o.Sources = append(append([]Source(nil), f.Sources...), o.Sources...)
			} else {
				for _, s := range f.Sources {
					if !slices.ContainsFunc(o.Sources, func(t Source) bool { return t.ID == s.ID }) {
						o.Sources = append(o.Sources, s)
					}
				}
			}
			o.Note, o.Chipset = first(o.Note, f.Note), first(o.Chipset, f.Chipset)
			o.ChipDown, o.NotCellular = o.ChipDown || f.ChipDown, o.NotCellular || f.NotCellular
			continue next
		}
		f.Sources = slices.Clone(f.Sources)
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return int(b.Certainty) - int(a.Certainty) })
	return out
}

// fccID reads "FCC ID: XMR2020AG525RGL": a grantee code of three characters,
// or of five when it begins with a digit, and a product code of up to 14
// (47 CFR 2.926).
func (c *Catalogue) fccID(id Identification, v string) Identification {
	u := strings.ToUpper(v)
	for _, lead := range []string{"CONTAINS", "FCCID", "FCC"} {
		u = strings.TrimLeft(u, " :-")
		if lead == "FCCID" {
			u = strings.TrimPrefix(strings.Replace(u, "FCC ID", "FCCID", 1), lead)
			continue
		}
		u = strings.TrimPrefix(u, lead)
	}
	var b strings.Builder
	for _, r := range u {
		switch {
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-':
			b.WriteRune(r)
		case r == '–' || r == '—':
			b.WriteByte('-')
		case r == ' ' || r == ':':
		default:
			return id.problem("format", "An FCC ID has letters, digits and hyphens only.")
		}
	}
	u = strings.TrimLeft(b.String(), "-")
	n := 3
	if u != "" && u[0] >= '0' && u[0] <= '9' {
		n = 5
	}
	if len(u) <= n || len(u) > n+14 || strings.Contains(u[:n], "-") {
		return id.problem("format", "An FCC ID is a grantee code of %d characters and a product code of up to 14.", n)
	}
	id.Normalised = u
	k := fold(u)
	for _, i := range c.fcc[k] {
		m := &c.file.Modules[i]
		if !cellular(m) {
			id = id.problem("not_cellular", "%s %s is a Wi-Fi or Bluetooth module.", strings.Join(m.Makers, "/"), m.Model)
		}
		for _, mk := range m.Makers {
			id.Makers = append(id.Makers, Finding{Maker: mk, Model: m.Model, NotCellular: !cellular(m), Certainty: m.Certainty, Sources: []Source{m.Source}})
		}
	}
	for _, i := range c.rows.under(nameApproval, u) {
		r := c.rows.row(i)
		switch {
		case r.ChipDown:
			id.Makers = append(id.Makers, Finding{Maker: r.Maker, Model: r.TCUName, Unit: true, ChipDown: true, Chipset: r.Chipset, Certainty: r.Certainty, Sources: []Source{r.Source}})
		case r.Maker != "" && c.holds(u[:n], r.Maker):
			id.Makers = append(id.Makers, c.ofProduct(r, u[n:]))
		case r.TCUMaker != "":
			id.Makers = append(id.Makers, Finding{Maker: r.TCUMaker, Model: r.TCUName, Unit: true, Chipset: r.Chipset, Certainty: r.Certainty, Sources: []Source{r.Source}})
		}
	}
	for _, i := range c.deviceFCC[k] {
		d := &c.file.Devices[i]
		id.Makers = append(id.Makers, Finding{Maker: d.Maker, Model: d.Name, Unit: true, Certainty: d.Certainty, Sources: []Source{d.Source}})
	}
	for _, i := range c.grantees[u[:n]] {
		g := &c.file.Grantees[i]
		f := Finding{Maker: g.Holder, Unit: !g.Module, Certainty: g.Certainty, Sources: []Source{g.Source}}
		if g.Module {
			f.Model, f.NotCellular = c.inProduct(g.Holder, u[n:])
			if f.NotCellular {
				id = id.problem("not_cellular", "%s %s is a Wi-Fi or Bluetooth module.", g.Holder, f.Model)
			}
		} else {
			f.Note = "The grant is for the whole unit; the module in it is not named."
		}
		id.Makers = append(id.Makers, f)
	}
	if len(id.Makers) == 0 {
		return id.problem("unknown", "The grantee code %s is not in the table.", u[:n])
	}
	return id
}

// holds says whether a grantee code is the maker's own.
func (c *Catalogue) holds(code, maker string) bool {
	for _, i := range c.grantees[code] {
		if c.file.Grantees[i].Holder == maker {
			return true
		}
	}
	return false
}

// ofProduct says which of a row's two modules a product code is.
func (c *Catalogue) ofProduct(r *Row, product string) Finding {
	f := Finding{Maker: r.Maker, Model: r.Model, Certainty: r.Certainty, Sources: []Source{r.Source}}
	if r.Also != "" && strings.Contains(fold(product), fold(r.Also)) {
		f.Model, f.NotCellular, f.Note = r.Also, true, "A Wi-Fi and Bluetooth module, not a modem."
	}
	return f
}

// modelIn finds the longest known model of a maker that a product code holds.
func (c *Catalogue) modelIn(maker, product string) string {
	p := fold(product)
	var best named
	for _, n := range c.modelsOf[maker] {
		if len(n.key) > len(best.key) && strings.Contains(p, n.key) {
			best = n
		}
	}
	return best.name
}

// imei reads an IMEI of 15 digits with its check digit, or an IMEISV of 16
// (3GPP TS 23.003). The first two digits of a TAC are no test of a country.
func (c *Catalogue) imei(id Identification, v string) Identification {
	v = strings.TrimSpace(strings.TrimLeft(strings.TrimPrefix(strings.ToUpper(v), "IMEI"), " :SV"))
	var b strings.Builder
	for _, r := range v {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == ' ' || r == '-' || r == '/' || r == '.':
		default:
			return id.problem("format", "An IMEI has digits only.")
		}
	}
	d := b.String()
	if len(d) != 15 && len(d) != 16 {
		return id.problem("format", "An IMEI has 15 digits, an IMEISV 16; this has %d.", len(d))
	}
	id.Normalised = d
	if len(d) == 15 && !luhn(d) {
		return id.problem("luhn", "The check digit of the IMEI does not fit: at least one digit is misread.")
	}
	for _, t := range c.tacs[d[:8]] {
		if name, ok := c.makers[fold(t.Maker)]; ok {
			t.Maker = name
		}
		id.Makers = append(id.Makers, Finding{Maker: t.Maker, Model: t.Model, Unit: t.Unit, Certainty: t.Certainty, Sources: []Source{t.Source},
			Note: "Taken from the type allocation code " + d[:8] + "."})
	}
	id.Makers = append(id.Makers, c.siteTAC(d[:8])...)
	if len(id.Makers) == 0 {
		return id.problem("unknown", "The type allocation code %s is not in the table; free tables know few car modules.", d[:8])
	}
	return id
}

func luhn(d string) bool {
	sum := 0
	for i := range len(d) {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// NameOnlyNote stands on every finding from a maker's name without a known model.
const NameOnlyNote = "The maker is named, no known model is."

// EnumeratesNote stands on every finding from a bus id.
const EnumeratesNote = "A bus id shows who enumerates, not who made it."

// usbID reads "2c7c:0125", "0x2c7c", "USB 2c7c" or "PCI 1eac".
func (c *Catalogue) usbID(id Identification, v string) Identification {
	v = strings.ToLower(v)
	buses := []string{"usb", "pci"}
	for _, b := range buses {
		if rest, ok := strings.CutPrefix(v, b); ok {
			v, buses = strings.TrimLeft(rest, " :id"), []string{b}
			break
		}
	}
	parts := strings.FieldsFunc(v, func(r rune) bool { return r == ':' || r == '-' || r == '/' || r == ' ' || r == ',' })
	if len(parts) == 0 || len(parts) > 2 {
		return id.problem("format", "A bus id is a vendor id of four hexadecimal digits and, after a colon, a product id.")
	}
	for i, p := range parts {
		p = strings.TrimPrefix(p, "0x")
		if len(p) != 4 || strings.Trim(p, "0123456789abcdef") != "" {
			return id.problem("format", "%q is not four hexadecimal digits.", parts[i])
		}
		parts[i] = p
	}
	id.Normalised = strings.Join(parts, ":")
	if len(parts) == 2 {
		for _, i := range c.usb[id.Normalised] {
			m := &c.file.Modules[i]
			for _, mk := range m.Makers {
				id.Makers = append(id.Makers, Finding{Maker: mk, Model: m.Model, Certainty: Reported, Note: EnumeratesNote, Sources: []Source{m.Source}})
			}
		}
	}
	for _, b := range buses {
		for _, i := range c.bus[b+":"+parts[0]] {
			e := &c.file.BusIDs[i]
			id.Makers = append(id.Makers, Finding{Maker: e.Maker, Certainty: Reported, Note: EnumeratesNote, Sources: []Source{e.Source}})
		}
	}
	if len(id.Makers) == 0 {
		return id.problem("unknown", "The vendor id %s is not in the table.", parts[0])
	}
	return id
}

// marking reads what is printed on a module: "QUECTEL EC25-EUX", "SIM7600G-H",
// or a maker's name alone.
func (c *Catalogue) marking(id Identification, v string) Identification {
	id.Normalised = strings.ToUpper(strings.Join(strings.Fields(v), " "))
	if name, ok := c.makers[fold(v)]; ok {
		id.Makers = []Finding{{Maker: name, Certainty: Reported, Note: NameOnlyNote}}
		return id
	}
	model, named := c.cutMaker(id.Normalised)
	if named != "" {
		id.Makers = append(id.Makers, Finding{Maker: named, Certainty: Reported})
	}
	found := false
	for _, i := range c.modules[fold(model)] {
		m := &c.file.Modules[i]
		found = true
		if !cellular(m) {
			id = id.problem("not_cellular", "%s %s is a Wi-Fi or Bluetooth module.", strings.Join(m.Makers, "/"), m.Model)
		}
		for _, mk := range m.Makers {
			id.Makers = append(id.Makers, Finding{Maker: mk, Model: m.Model, NotCellular: !cellular(m), Certainty: m.Certainty, Sources: []Source{m.Source}})
		}
	}
	for i, re := range c.patterns {
		if !re.MatchString(model) {
			continue
		}
		p := &c.file.Patterns[i]
		for _, mk := range p.Makers {
			f := Finding{Maker: mk, Model: model, Certainty: Reported, Sources: []Source{p.Source}}
			if c.lines().wifi[mk+"|"+letters(model)] {
				f.NotCellular, f.Note = true, "Every known model of this line is a Wi-Fi or Bluetooth module."
				if !found {
					id = id.problem("not_cellular", "%s models that begin so are Wi-Fi or Bluetooth modules.", mk)
				}
			}
			id.Makers = append(id.Makers, f)
		}
		found = true
	}
	if !found {
		if named != "" {
			id.Makers[0].Model, id.Makers[0].Note = model, NameOnlyNote
			return id.problem("unknown", "%q is not a known model; only the maker's name is relied on.", model)
		}
		return id.problem("unknown", "The marking is neither a known model nor of a known pattern.")
	}
	return id
}

// cutMaker takes a maker's name off the front of a marking.
func (c *Catalogue) cutMaker(s string) (model, maker string) {
	words := strings.Fields(s)
	for n := min(len(words)-1, 4); n > 0; n-- {
		if name, ok := c.makers[fold(strings.Join(words[:n], ""))]; ok {
			return strings.Join(words[n:], " "), name
		}
	}
	return s, ""
}

// tcuPart reads the part number of a telematics unit.
func (c *Catalogue) tcuPart(id Identification, v string) Identification {
	id.Normalised = strings.ToUpper(strings.Join(strings.Fields(v), ""))
	rows := c.rows.under(namePart, v)
	if len(rows) == 0 {
		if base, _, ok := strings.Cut(id.Normalised, "-"); ok { // a revision, as in 1960100-00-B
			rows = c.rows.under(namePart, base)
		}
	}
	for _, i := range rows {
		r := c.rows.row(i)
		if r.Maker == "" {
			id.Makers = append(id.Makers, Finding{Maker: r.TCUMaker, Model: r.TCUName, Unit: true, Chipset: r.Chipset, Certainty: r.Certainty,
				Note: "The unit is known; the module in it is not named.", Sources: []Source{r.Source}})
			continue
		}
		id.Makers = append(id.Makers, Finding{Maker: r.Maker, Model: r.Model, ChipDown: r.ChipDown, Chipset: r.Chipset, Certainty: r.Certainty, Sources: []Source{r.Source}})
	}
	id.Makers = slices.DeleteFunc(id.Makers, func(f Finding) bool { return f.Maker == "" })
	switch {
	case len(rows) > 0 && len(id.Makers) == 0:
		r := c.rows.row(rows[0])
		return id.problem("unnamed", "The part is a known unit (%s %s), but no source names its maker or its module.", strings.Join(r.Makes, "/"), r.TCUName)
	case len(rows) == 0:
		return id.problem("unknown", "The part number is not in the table.")
	}
	return id
}

// device reads the name of a fitted or carried device.
func (c *Catalogue) device(id Identification, v string) Identification {
	id.Normalised = strings.Join(strings.Fields(v), " ")
	rows := c.devices[fold(v)]
	if len(rows) == 0 {
		rows = c.devices[joined(v)]
	}
	for _, i := range rows {
		d := &c.file.Devices[i]
		if d.Module == "" {
			id.Makers = append(id.Makers, Finding{Maker: d.Maker, Model: d.Name, Unit: true, ChipDown: d.ChipDown, Chipset: d.Chipset, Certainty: d.Certainty,
				Note: first(d.Note, "The device is known; the module in it is not named."), Sources: []Source{d.Source}})
			continue
		}
		id.Makers = append(id.Makers, Finding{Maker: d.Module, Model: d.Model, Certainty: d.Certainty, Note: d.Note, Sources: []Source{d.Source}})
	}
	if len(id.Makers) > 0 {
		return id
	}
	if name, ok := c.makers[fold(v)]; ok {
		id.Makers = []Finding{{Maker: name, Certainty: Reported, Note: "The maker is named, the device is not."}}
		return id
	}
	return id.problem("unknown", "The device is not in the table.")
}

func cellular(m *Module) bool {
	return !strings.Contains(m.Type, "not cellular") && !strings.Contains(m.Type, "only") && !strings.Contains(m.Generation, "only")
}
