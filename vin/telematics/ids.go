package telematics

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"sallyport/policy/rows"
)

// labelID is a row of ids.jsonl.
type labelID struct {
	Row    string   `json:"row"` // company, type
	Number string   `json:"number"`
	Name   string   `json:"name"`
	Holder string   `json:"holder"`
	Module bool     `json:"module"`
	Seen   []string `json:"seen"`
	Source
}

func (b *builder) labelID(_ int, line []byte) error {
	var r labelID
	if err := rows.Strict(line, &r); err != nil {
		return err
	}
	if r.Holder == "" || r.Address == "" || r.Reason == "" {
		return errors.New("it names no holder, source or reason")
	}
	switch {
	case r.Row == "company" && r.Number != "":
		r.ID = fmt.Sprintf("C%02d", len(b.file.Companies)+1)
		b.file.Companies = append(b.file.Companies, Company{Number: r.Number, Holder: r.Holder, Module: r.Module, Seen: r.Seen, Source: r.Source})
	case r.Row == "type" && r.Name != "":
		r.ID = fmt.Sprintf("Y%02d", len(b.file.Types)+1)
		b.file.Types = append(b.file.Types, TypeName{Name: r.Name, Holder: r.Holder, Source: r.Source})
	default:
		return fmt.Errorf("a %q row without its number or name", r.Row)
	}
	return nil
}

// idIndex finds known identifiers by the ways in which they are misread. It is
// made when the first label is read.
type idIndex struct {
	once  sync.Once
	near  map[string][]knownID // by near skeleton
	long  map[sized][]knownID  // by kind and length
	names map[string]string    // makers' names by near skeleton
	makes map[string]bool      // folded names of the makes whose parts are known
	lines idLines

	longNames map[int][][2]string // makers' names in upper case, and the makers, by length
}

// sized is a kind of identifiers of one length.
type sized struct {
	kind string
	n    int
}

// idLines says what makers make, and holds the tables of company numbers and
// type designations. It is made when it is first asked.
type idLines struct {
	once      sync.Once
	companies map[string][]int32
	types     map[string][]int32
	modules   map[string]bool // makers that make modules
	wifi      map[string]bool // maker and letters of a line that only has Wi-Fi and Bluetooth modules
}

// knownID is an identifier that a source shows.
type knownID struct {
	kind, value string
	shape       string
	makers      []string // whose module it may be
}

// Characters that are taken for each other. Near ones are those that readers of
// text in photographs confuse on every second label; a reading is mended by
// them alone. Far ones are further apart: what another maker's identifier may
// have been misread as settles nothing. Near classes do not overlap, far ones
// do.
var (
	nearAlike = alike("0OQD", "1IL|!", "5S$", "8B", "2Z", "6G")
	farAlike  = pairs("0OQDCUG689", "1IL|!7TJ", "5S$6", "8B36", "2Z7", "6GC", "4A", "EF", "PRB", "MNHW", "VYU", "KXH")
)

// maxMisread is how many characters of one identifier may have been misread.
const maxMisread = 3

func pairs(classes ...string) *[128][128]bool {
	var t [128][128]bool
	for _, class := range classes {
		for i := range len(class) {
			for k := range len(class) {
				t[class[i]][class[k]] = true
			}
		}
	}
	return &t
}

// mayBe says whether the upper-case text a may be b misread.
func mayBe(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	n := 0
	for i := range len(a) {
		if a[i] == b[i] {
			continue
		}
		if n++; n > maxMisread || a[i] > 127 || b[i] > 127 || !farAlike[a[i]][b[i]] {
			return false
		}
	}
	return true
}

// shape is a text in upper case without what is neither letter, digit nor taken
// for one.
func shape(s string) string {
	b := make([]byte, 0, 32)
	for i := range len(s) {
		if c := s[i]; c < 128 && nearAlike[c] != 0 {
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			b = append(b, c)
		}
	}
	return string(b)
}

func alike(classes ...string) *[128]byte {
	var t [128]byte
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c
	}
	for c := byte('A'); c <= 'Z'; c++ {
		t[c], t[c+'a'-'A'] = c, c
	}
	for _, class := range classes {
		for i := range len(class) {
			c := class[i]
			t[c] = class[0]
			if c >= 'A' && c <= 'Z' {
				t[c+'a'-'A'] = class[0]
			}
		}
	}
	return &t
}

// skeleton is a text with each character replaced by the first of those it is
// taken for; what is neither letter, digit nor taken for one is dropped.
func skeleton(s string, t *[128]byte) string {
	b := make([]byte, 0, 32)
	for i := range len(s) {
		if c := s[i]; c < 128 && t[c] != 0 {
			b = append(b, t[c])
		}
	}
	return string(b)
}

// plain is the text with letters in upper case and without what separates.
func plain(s string) string {
	b := make([]byte, 0, 32)
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z':
			b = append(b, c)
		case c >= 'a' && c <= 'z':
			b = append(b, c-'a'+'A')
		}
	}
	return string(b)
}

// labels returns the index of known identifiers.
func (c *Catalogue) labels() *idIndex {
	x := c.ids
	x.once.Do(func() {
		x.near, x.long = map[string][]knownID{}, map[sized][]knownID{}
		x.names, x.longNames, x.makes = map[string]string{}, map[int][][2]string{}, map[string]bool{}
		x.known(c)
		for _, m := range c.file.Makers {
			for _, n := range append([]string{m.Name}, m.Also...) {
				if s := skeleton(n, nearAlike); len(s) >= 4 && !shortOf(n, m.Name) {
					x.names[s] = m.Name
					x.longNames[len(shape(n))] = append(x.longNames[len(shape(n))], [2]string{shape(n), m.Name})
				}
			}
		}
	})
	return x
}

// shortOf says whether an alias is only the first word of the name: "Sierra"
// and "Rolling" are words of every day.
func shortOf(alias, name string) bool {
	return alias != name && strings.HasPrefix(name, alias+" ")
}

// lines returns the tables on makers.
func (c *Catalogue) lines() *idLines {
	x := &c.ids.lines
	x.once.Do(func() {
		x.companies, x.types = map[string][]int32{}, map[string][]int32{}
		x.modules, x.wifi = map[string]bool{}, map[string]bool{}
		f := &c.file
		for i := range f.Companies {
			x.companies[f.Companies[i].Number] = append(x.companies[f.Companies[i].Number], int32(i))
		}
		for i := range f.Types {
			x.types[fold(f.Types[i].Name)] = append(x.types[fold(f.Types[i].Name)], int32(i))
		}
		modem := map[string]bool{}
		for i := range f.Modules {
			m := &f.Modules[i]
			for _, mk := range m.Makers {
				x.modules[mk] = true
				for _, n := range m.Names {
					if k := mk + "|" + letters(n); cellular(m) {
						modem[k] = true
					} else {
						x.wifi[k] = true
					}
				}
			}
		}
		for k := range modem {
			delete(x.wifi, k)
		}
		for i := range f.Patterns {
			for _, mk := range f.Patterns[i].Makers {
				x.modules[mk] = true
			}
		}
		for i := range f.BusIDs {
			x.modules[f.BusIDs[i].Maker] = true
		}
		for i := range f.Grantees {
			x.modules[f.Grantees[i].Holder] = f.Grantees[i].Module
		}
	})
	return x
}

// letters are those with which a marking begins.
func letters(s string) string {
	s = plain(s)
	return s[:len(s)-len(strings.TrimLeft(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
}

// known takes down every identifier that a source shows.
func (x *idIndex) known(c *Catalogue) {
	seen := map[string]bool{}
	add := func(kind, value string) {
		if k := kind + fold(value); value == "" || seen[k] {
			return
		} else {
			seen[k] = true
		}
		id := knownID{kind: kind, value: value, shape: shape(value)}
		for _, f := range c.Identify(kind, value).Makers {
			if f.names() && !slices.Contains(id.makers, f.Maker) {
				id.makers = append(id.makers, f.Maker)
			}
		}
		n, l := skeleton(value, nearAlike), sized{kind, len(id.shape)}
		x.near[n], x.long[l] = append(x.near[n], id), append(x.long[l], id)
	}
	for i := range c.file.Modules {
		m := &c.file.Modules[i]
		add("fcc_id", m.FCC)
		for _, n := range m.Names {
			add("module", n)
		}
	}
	for i := range c.file.Devices {
		add("fcc_id", c.file.Devices[i].Approval)
	}
	for i := range c.file.Companies {
		for _, s := range c.file.Companies[i].Seen {
			add("ic", c.file.Companies[i].Number+"-"+s)
		}
	}
	for i := range c.rows.recs {
		r := c.rows.row(int32(i))
		for _, a := range r.Approvals {
			add("fcc_id", a)
		}
		for _, p := range r.TCUParts {
			add("tcu_part", p)
			for _, mk := range r.Makes {
				x.makes[fold(mk)] = true
			}
		}
	}
}

// others are the known identifiers that s may be, misread or not, and that are
// not of the makers alone.
func (x *idIndex) others(kind, s string, makers []string) []knownID {
	s = shape(s)
	var out []knownID
	for _, o := range x.long[sized{kind, len(s)}] {
		if mayBe(s, o.shape) && slices.ContainsFunc(o.makers, func(m string) bool { return !slices.Contains(makers, m) }) {
			out = append(out, o)
		}
	}
	return out
}

// nameLike is the maker whose name s may be, misread.
func (x *idIndex) nameLike(s string) string {
	s = shape(s)
	for _, n := range x.longNames[len(s)] {
		if mayBe(s, n[0]) {
			return n[1]
		}
	}
	return ""
}

// names says whether a finding names whose module it is.
func (f *Finding) names() bool { return !f.NotCellular && (!f.Unit || f.ChipDown) }

// ic reads the certification number of Canada's ISED: a company number, a
// hyphen and a product number of up to eleven letters and digits (RSP-100).
// Numbers of twelve stand in manuals and are read as well.
func (c *Catalogue) ic(id Identification, v string) Identification {
	u := strings.ToUpper(v)
	for _, lead := range []string{"CONTAINS", "CONTIENT", "ISED", "ID", "IC"} {
		u = strings.TrimPrefix(strings.TrimLeft(u, " :-"), lead)
	}
	u = strings.Map(func(r rune) rune {
		switch {
		case r == '–' || r == '—' || r == '‑':
			return '-'
		case unicode.IsSpace(r) || r == ':':
			return -1
		}
		return r
	}, u)
	number, product, ok := strings.Cut(u, "-")
	if !ok || !companyNumber(number) || product == "" || len(product) > 14 || strings.Trim(product, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
		return id.problem("format", "An IC number is a company number of three to five digits and mostly a letter, a hyphen, and a product number of up to eleven letters and digits.")
	}
	id.Normalised = u
	for _, i := range c.lines().companies[number] {
		o := &c.file.Companies[i]
		f := Finding{Maker: o.Holder, Unit: !o.Module, Certainty: o.Certainty, Sources: []Source{o.Source}}
		if o.Module {
			f.Model, f.NotCellular = c.inProduct(o.Holder, product)
			if f.NotCellular {
				id = id.problem("not_cellular", "%s %s is a Wi-Fi or Bluetooth module.", o.Holder, f.Model)
			}
		} else {
			f.Note = "The certificate is for the whole unit; the module in it is not named."
		}
		id.Makers = append(id.Makers, f)
	}
	if len(id.Makers) == 0 {
		return id.problem("unknown", "The company number %s is not in the table.", number)
	}
	return id
}

// companyNumber says whether s is three to five digits and at most one letter.
func companyNumber(s string) bool {
	d := strings.TrimRight(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	return len(s)-len(d) <= 1 && len(d) >= 3 && len(d) <= 5 && strings.Trim(d, "0123456789") == ""
}

// inProduct finds a model of a maker in a product code: a known one, or one of
// the maker's patterns after the digits that say the year. It says as well
// whether the model is known to have no modem.
func (c *Catalogue) inProduct(maker, product string) (model string, notCellular bool) {
	if m := c.modelIn(maker, product); m != "" {
		return m, !c.anyCellular(maker, m)
	}
	rest := strings.TrimLeft(plain(product), "0123456789")
	for i, re := range c.patterns {
		if len(rest) >= 5 && slices.Contains(c.file.Patterns[i].Makers, maker) && re.MatchString(rest) {
			return c.spelled(maker, rest), c.lines().wifi[maker+"|"+letters(rest)]
		}
	}
	return "", false
}

// spelled is the known model that a cut-off product code begins, or the code.
func (c *Catalogue) spelled(maker, code string) string {
	k := fold(code)
	for _, n := range c.modelsOf[maker] {
		if strings.HasPrefix(n.key, k) {
			return n.name
		}
	}
	return code
}

// anyCellular says whether a known model of a maker has a modem.
func (c *Catalogue) anyCellular(maker, model string) bool {
	for _, i := range c.modules[fold(model)] {
		if m := &c.file.Modules[i]; cellular(m) && slices.Contains(m.Makers, maker) {
			return true
		}
	}
	return len(c.modules[fold(model)]) == 0
}

// approvalMark is a mark of ECE or EU type approval, or CE with the number of a
// notified body.
var approvalMark = regexp.MustCompile(`^(?:E ?\d{1,2}[ *-]+(?:\d{2,3} ?R? ?-? ?\d{4,7}|\d{2,4}[*/].*)|CE ?-?\d{4})\b`)

// typeWords are the words before a type designation.
var typeWords = map[string]bool{"ce": true, "type": true, "typ": true, "typ:": true, "model": true, "modell": true, "radio": true, "equipment": true,
	"designation": true, "funkanlagentyp": true, "bezeichnung": true}

// ceType reads the type designation of a unit or module as EU declarations of
// conformity and type plates give it. Approval marks ("E4 10R-053456") and the
// numbers of notified bodies ("CE 0700") say who approved, never who made.
func (c *Catalogue) ceType(id Identification, v string) Identification {
	words := strings.Fields(v)
	for len(words) > 1 && typeWords[strings.ToLower(strings.Trim(words[0], ":."))] {
		words = words[1:]
	}
	v = strings.Trim(strings.Join(words, " "), " :")
	id.Normalised = strings.ToUpper(v)
	if approvalMark.MatchString(id.Normalised) {
		return id.problem("no_maker", "The mark says who approved the type, not who made it.")
	}
	for _, i := range c.lines().types[fold(v)] {
		t := &c.file.Types[i]
		id.Makers = append(id.Makers, Finding{Maker: t.Holder, Model: t.Name, Unit: true, Certainty: t.Certainty, Sources: []Source{t.Source},
			Note: "The type is that of the whole unit; the module in it is not named."})
	}
	m := c.marking(Identification{Kind: id.Kind, Value: id.Value}, v)
	id.Makers = append(id.Makers, m.Makers...)
	if len(id.Makers) == 0 {
		return id.problem("unknown", "The type designation is not in the table.")
	}
	for _, p := range m.Problems {
		if p.Code == "not_cellular" {
			id.Problems = append(id.Problems, p)
		}
	}
	return id
}
