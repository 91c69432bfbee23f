package build

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sallyport/vin"
)

// maxDumpLine is the longest line of a table that is read. NHTSA's columns hold
// 500 characters, the descriptions of elements some thousands.
const maxDumpLine = 1 << 20

// dumpName is how NHTSA names its monthly download.
var dumpName = regexp.MustCompile(`(?i)vPICList_lite_(20\d\d)_(0[1-9]|1[0-2])`)

// DumpEdition is the edition that the name of a dump tells, as
// `vPICList_lite_2026_08.plain.zip` does; empty where it tells none.
func DumpEdition(name string) string {
	if m := dumpName.FindStringSubmatch(path.Base(name)); m != nil {
		return fmt.Sprintf("NHTSA vPIC %s-%s", m[1], m[2])
	}
	return ""
}

// ReadDump reads NHTSA's own monthly download, a plain PostgreSQL dump, from
// its COPY blocks (https://vpic.nhtsa.dot.gov/Downloads/). Tables and columns are
// known by their names, in any case and order; a table it has no use for is
// passed over. It holds one line at a time besides what it keeps. An error names
// the table and the line of the file; nothing of a damaged dump is given.
func ReadDump(r io.Reader) (*Source, error) {
	d := &dump{texts: map[string]string{}, seen: map[string]bool{}, models: map[int][]int{}, years: map[int][]int{}, specOf: map[int]int{}}
	d.src = &Source{Whole: true, Lookups: map[string]map[string]string{}, Makes: map[int]string{}, Models: map[int]string{},
		MakeOfModel: map[int]int{}, Manufacturers: map[int]string{}, WMIMakes: map[int][]int{}, Unchecked: map[int]bool{},
		EngineModels: map[int]string{}, Schemas: map[int]string{}}
	if err := d.read(r); err != nil {
		return nil, fmt.Errorf("vPIC dump: %w", err)
	}
	return d.src, nil
}

// dump is a dump on its way into a Source.
type dump struct {
	src    *Source
	line   int // of the file, from 1
	buf    []byte
	texts  map[string]string // one copy of each text: most repeat
	seen   map[string]bool
	models map[int][]int // vehicle spec schema → models
	years  map[int][]int // vehicle spec schema → model years
	specOf map[int]int   // vehicle spec pattern → its place in src.Specs
	specs  []SpecSchema
	rows   []specLine
}

// specLine is a row of VehicleSpecPattern, which may stand before the table
// that says whose it is.
type specLine struct {
	id, pattern int
	SpecRow
}

// table is how one table of the dump is taken in: the columns it must have,
// and what becomes of a row of them.
type table struct {
	columns []string
	add     func(d *dump, f []field) error
}

// field is one value of a row.
type field struct {
	text string
	null bool
}

func (f field) int() (int, error) {
	if f.null {
		return 0, nil
	}
	n, err := strconv.Atoi(f.text)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a whole number", f.text)
	}
	return n, nil
}

func (f field) bool() (bool, error) {
	switch {
	case f.null || f.text == "f":
		return false, nil
	case f.text == "t":
		return true, nil
	}
	return false, fmt.Errorf("%.40q is neither t nor f", f.text)
}

// ints reads whole numbers; a missing one is 0.
func ints(f []field, into ...*int) error {
	for i, p := range into {
		var err error
		if *p, err = f[i].int(); err != nil {
			return err
		}
	}
	return nil
}

// later is UpdatedOn, else CreatedOn.
func later(created, updated field) string {
	if updated.null {
		return created.text
	}
	return updated.text
}

// names takes in a table of ids and names.
func names(into func(*Source) map[int]string) table {
	return table{[]string{"id", "name"}, func(d *dump, f []field) error {
		id, err := f[0].int()
		into(d.src)[id] = f[1].text
		return err
	}}
}

// dumpTables are the tables that a Source is made of; those of needed must be
// there.
func dumpTables() map[string]table {
	return map[string]table{
		"make":         names(func(s *Source) map[int]string { return s.Makes }),
		"model":        names(func(s *Source) map[int]string { return s.Models }),
		"manufacturer": names(func(s *Source) map[int]string { return s.Manufacturers }),
		"enginemodel":  names(func(s *Source) map[int]string { return s.EngineModels }),
		"element": {[]string{"id", "weight", "code", "lookuptable", "decode", "isprivate"}, func(d *dump, f []field) (err error) {
			e := Element{Code: f[2].text, Lookup: f[3].text, Decoded: !f[4].null}
			if e.Private, err = f[5].bool(); err != nil {
				return err
			}
			err = ints(f, &e.ID, &e.Weight)
			d.src.Elements = append(d.src.Elements, e)
			return err
		}},
		"make_model": {[]string{"modelid", "makeid"}, func(d *dump, f []field) error {
			var model, mk int
			err := ints(f, &model, &mk)
			d.src.MakeOfModel[model] = mk
			return err
		}},
		"wmi_make": {[]string{"wmiid", "makeid"}, func(d *dump, f []field) error {
			var wmi, mk int
			err := ints(f, &wmi, &mk)
			d.src.WMIMakes[wmi] = append(d.src.WMIMakes[wmi], mk)
			return err
		}},
		"wmi": {[]string{"id", "manufacturerid", "vehicletypeid", "trucktypeid", "countryid", "wmi", "publicavailabilitydate"},
			func(d *dump, f []field) error {
				w := WMI{Code: f[5].text, PublicFrom: f[6].text}
				err := ints(f, &w.ID, &w.Manufacturer, &w.Type, &w.TruckType, &w.Country)
				d.src.WMIs = append(d.src.WMIs, w)
				return err
			}},
		"wmi_vinschema": {[]string{"wmiid", "vinschemaid", "yearfrom", "yearto"}, func(d *dump, f []field) error {
			var l Link
			err := ints(f, &l.WMI, &l.Schema, &l.From, &l.To)
			d.src.Links = append(d.src.Links, l)
			return err
		}},
		"vinschema": {[]string{"id", "name", "tobeqced"}, func(d *dump, f []field) error {
			id, err := f[0].int()
			if err != nil {
				return err
			}
			unchecked, err := f[2].bool()
			d.src.Schemas[id] = f[1].text
			if unchecked {
				d.src.Unchecked[id] = true
			}
			return err
		}},
		"pattern": {[]string{"id", "vinschemaid", "elementid", "keys", "attributeid", "createdon", "updatedon"}, func(d *dump, f []field) error {
			p := Pattern{Keys: f[3].text, Attribute: f[4].text, Date: later(f[5], f[6])}
			err := ints(f, &p.ID, &p.Schema, &p.Element)
			d.src.Patterns = append(d.src.Patterns, p)
			return err
		}},
		"enginemodelpattern": {[]string{"id", "enginemodelid", "elementid", "attributeid", "createdon", "updatedon"}, func(d *dump, f []field) error {
			v := EngineValue{Attribute: f[3].text, Date: later(f[4], f[5])}
			err := ints(f, &v.ID, &v.Engine, &v.Element)
			d.src.EngineValues = append(d.src.EngineValues, v)
			return err
		}},
		"conversion": {[]string{"id", "fromelementid", "toelementid", "formula"}, func(d *dump, f []field) error {
			v := Conversion{Formula: f[3].text}
			err := ints(f, &v.ID, &v.From, &v.To)
			d.src.Conversions = append(d.src.Conversions, v)
			return err
		}},
		"defaultvalue": {[]string{"elementid", "vehicletypeid", "defaultvalue"}, func(d *dump, f []field) error {
			v := Default{Value: f[2].text}
			err := ints(f, &v.Element, &v.Type)
			if !f[2].null {
				d.src.Defaults = append(d.src.Defaults, v)
			}
			return err
		}},
		"vindescriptor": {[]string{"descriptor", "modelyear"}, func(d *dump, f []field) error {
			y, err := f[1].int()
			d.src.Descriptors = append(d.src.Descriptors, Descriptor{Text: f[0].text, Year: y})
			return err
		}},
		"errorcode": {[]string{"id", "name", "additionalerrortext"}, func(d *dump, f []field) error {
			id, err := f[0].int()
			d.src.ErrorTexts = append(d.src.ErrorTexts, ErrorText{Code: id, Name: f[1].text, More: f[2].text})
			return err
		}},
		"vinexception": {[]string{"vin", "checkdigit"}, func(d *dump, f []field) error {
			yes, err := f[1].bool()
			if yes {
				d.src.Exceptions = append(d.src.Exceptions, f[0].text)
			}
			return err
		}},
		"wmiyearvalidchars": {[]string{"year", "position", "wmi", "char"}, validChar},
		"vehiclespecschema": {[]string{"id", "makeid", "vehicletypeid", "tobeqced"}, func(d *dump, f []field) error {
			unchecked, err := f[3].bool()
			if err != nil {
				return err
			}
			s := SpecSchema{Unchecked: unchecked}
			err = ints(f, &s.ID, &s.Make, &s.Type)
			d.specs = append(d.specs, s)
			return err
		}},
		"vehiclespecschema_model": {[]string{"vehiclespecschemaid", "modelid"}, func(d *dump, f []field) error {
			var schema, model int
			err := ints(f, &schema, &model)
			d.models[schema] = append(d.models[schema], model)
			return err
		}},
		"vehiclespecschema_year": {[]string{"vehiclespecschemaid", "year"}, func(d *dump, f []field) error {
			var schema, year int
			err := ints(f, &schema, &year)
			d.years[schema] = append(d.years[schema], year)
			return err
		}},
		"vspecschemapattern": {[]string{"id", "schemaid"}, func(d *dump, f []field) error {
			var p Spec
			err := ints(f, &p.ID, &p.Schema)
			d.specOf[p.ID] = len(d.src.Specs)
			d.src.Specs = append(d.src.Specs, p)
			return err
		}},
		"vehiclespecpattern": {[]string{"id", "vspecschemapatternid", "elementid", "iskey", "attributeid", "createdon", "updatedon"},
			func(d *dump, f []field) (err error) {
				l := specLine{SpecRow: SpecRow{Attribute: f[4].text, Date: later(f[5], f[6])}}
				if l.Key, err = f[3].bool(); err != nil {
					return err
				}
				err = ints(f, &l.id, &l.pattern, &l.Element)
				d.rows = append(d.rows, l)
				return err
			}},
	}
}

// validChar adds a character to what a WMI's VINs of a year may hold. The
// table has nine million rows; they are kept as sets.
func validChar(d *dump, f []field) error {
	var year, position int
	if err := ints(f, &year, &position); err != nil {
		return err
	}
	slot := validSlot(position)
	if slot < 0 || f[3].text == "" {
		return nil // never looked at
	}
	k := WMIYear{WMI: f[2].text, Year: year}
	if d.src.ValidChars == nil {
		d.src.ValidChars = map[WMIYear]*[9]uint64{}
	}
	set := d.src.ValidChars[k]
	if set == nil {
		set = new([9]uint64)
		d.src.ValidChars[k] = set
	}
	set[slot] |= vin.SymbolBit(f[3].text[0])
	return nil
}

// validSlot is the place of a VIN position among 4–8 and 11–14, -1 for any
// other.
func validSlot(position int) int {
	switch {
	case position >= 4 && position <= 8:
		return position - 4
	case position >= 11 && position <= 14:
		return position - 6
	}
	return -1
}

// needed are the tables without which nothing can be decoded.
var needed = []string{"element", "make", "model", "make_model", "manufacturer", "enginemodel", "enginemodelpattern", "wmi", "wmi_make",
	"wmi_vinschema", "vinschema", "pattern", "conversion", "defaultvalue", "vindescriptor", "errorcode", "vehicletype", "country"}

func (d *dump) read(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	tables := dumpTables()
	for {
		line, err := d.next(in, false)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", d.line, err)
		}
		name, columns, ok := copyHeader(line)
		if !ok {
			continue
		}
		if d.seen[name] {
			return fmt.Errorf("line %d: table %s stands twice", d.line, name)
		}
		d.seen[name] = true
		t, known := tables[name]
		if !known && slices.Contains(columns, "id") && slices.Contains(columns, "name") {
			t, known = lookup(name), true
		}
		if err := d.block(in, columns, t, known); err != nil {
			return fmt.Errorf("table %s, line %d: %w", name, d.line, err)
		}
	}
	for _, n := range needed {
		if !d.seen[n] {
			return fmt.Errorf("there is no table %s in it: it is no dump of vPIC, or not whole", n)
		}
	}
	return d.finish()
}

// lookup takes in a table of names that elements take their values from.
func lookup(name string) table {
	return table{[]string{"id", "name"}, func(d *dump, f []field) error {
		m := d.src.Lookups[name]
		if m == nil {
			m = map[string]string{}
			d.src.Lookups[name] = m
		}
		m[f[0].text] = f[1].text
		return nil
	}}
}

var errLong = fmt.Errorf("it is longer than %d bytes", maxDumpLine)

// next is the next line without its end. Outside tables a line may be of any
// length; only its beginning is given.
func (d *dump) next(in *bufio.Reader, whole bool) ([]byte, error) {
	d.line++
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		d.buf = append(d.buf[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = in.ReadSlice('\n')
			if len(d.buf)+len(line) > maxDumpLine {
				if whole {
					return nil, errLong
				}
				continue
			}
			d.buf = append(d.buf, line...)
		}
		line = d.buf
	}
	switch {
	case errors.Is(err, io.EOF) && len(line) == 0:
		return nil, io.EOF
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case err != nil && whole:
		return nil, io.ErrUnexpectedEOF // a row without its end may have lost some of it
	}
	line = bytes.TrimSuffix(line, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'}), nil
}

// copyHeader reads `COPY schema.table (column, …) FROM stdin;`.
func copyHeader(line []byte) (name string, columns []string, ok bool) {
	if len(line) > 1<<16 {
		return "", nil, false
	}
	rest, ok := cutPrefixFold(strings.TrimRight(string(line), " \t"), "COPY ")
	if !ok {
		return "", nil, false
	}
	name, rest, ok = strings.Cut(rest, "(")
	list, tail, closed := strings.Cut(rest, ")")
	if tail = strings.ToLower(strings.Join(strings.Fields(tail), " ")); !ok || !closed || tail != "from stdin;" {
		return "", nil, false
	}
	name = strings.TrimSpace(name)
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	for c := range strings.SplitSeq(list, ",") {
		columns = append(columns, identifier(c))
	}
	return identifier(name), columns, true
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func identifier(s string) string {
	return strings.ToLower(strings.Trim(strings.TrimSpace(s), `"`))
}

// block reads the rows of one table up to the line `\.`.
func (d *dump) block(in *bufio.Reader, columns []string, t table, known bool) error {
	at := make([]int, len(columns)) // column → its place among t.columns, -1 for one not asked for
	for i := range at {
		at[i] = -1
	}
	for want, c := range t.columns {
		i := slices.Index(columns, c)
		if i < 0 {
			return fmt.Errorf("there is no column %s", c)
		}
		at[i] = want
	}
	row := make([]field, len(t.columns))
	for {
		line, err := d.next(in, known)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the file ends inside the table")
		}
		if err != nil {
			return err
		}
		if string(line) == `\.` {
			return nil
		}
		if !known {
			continue
		}
		if err := d.fields(line, at, row); err != nil {
			return err
		}
		if err := t.add(d, row); err != nil {
			return err
		}
	}
}

// fields takes a line of COPY text apart: tabs between the values, `\N` for
// none, and backslash escapes
// (https://www.postgresql.org/docs/current/sql-copy.html, "Text Format").
func (d *dump) fields(line []byte, at []int, row []field) error {
	var buf [512]byte
	n := 0
	for {
		end := 0
		escaped := false
		for end < len(line) && line[end] != '\t' {
			if line[end] == '\\' {
				escaped = true
				end++
			}
			end++
		}
		if end > len(line) {
			return errors.New("a backslash stands before nothing")
		}
		if n < len(at) && at[n] >= 0 {
			raw := line[:end]
			switch {
			case string(raw) == null:
				row[at[n]] = field{null: true}
			case escaped:
				row[at[n]] = field{text: d.text(unescape(buf[:0], raw))}
			default:
				row[at[n]] = field{text: d.text(raw)}
			}
			if !utf8.ValidString(row[at[n]].text) {
				return fmt.Errorf("column %d is not UTF-8", n+1)
			}
		}
		n++
		if end >= len(line) {
			break
		}
		line = line[end+1:]
	}
	if n != len(at) {
		return fmt.Errorf("the row has %d columns, the table %d", n, len(at))
	}
	return nil
}

// unescape resolves the backslash escapes of a value.
func unescape(out, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' {
			out = append(out, c)
			continue
		}
		i++
		switch c = raw[i]; c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'v':
			c = '\v'
		case '0', '1', '2', '3', '4', '5', '6', '7':
			v := c - '0'
			for j := 0; j < 2 && i+1 < len(raw) && raw[i+1] >= '0' && raw[i+1] <= '7'; j++ {
				i++
				v = v<<3 | (raw[i] - '0')
			}
			c = v
		case 'x':
			v, digits := byte(0), 0
			for digits < 2 && i+1 < len(raw) {
				h := strings.IndexByte("0123456789abcdef", raw[i+1]|0x20)
				if raw[i+1] < '0' || h < 0 {
					break
				}
				v, digits = v<<4|byte(h), digits+1
				i++
			}
			if digits > 0 {
				c = v
			}
		}
		out = append(out, c)
	}
	return out
}

// text is one lasting copy of b.
func (d *dump) text(b []byte) string {
	s, ok := d.texts[string(b)]
	if !ok {
		s = string(b)
		d.texts[s] = s
	}
	return s
}

// finish puts together what stood in several tables.
func (d *dump) finish() error {
	slices.SortFunc(d.src.Patterns, func(a, b Pattern) int { return a.ID - b.ID })
	byID := make(map[int]SpecSchema, len(d.specs))
	for _, s := range d.specs {
		s.Models, s.Years = d.models[s.ID], d.years[s.ID]
		byID[s.ID] = s
	}
	d.src.SpecSchemas = byID
	slices.SortFunc(d.rows, func(a, b specLine) int { return a.id - b.id })
	for _, l := range d.rows {
		i, ok := d.specOf[l.pattern]
		if !ok {
			return fmt.Errorf("table vehiclespecpattern: row %d belongs to pattern %d, which table vspecschemapattern does not hold", l.id, l.pattern)
		}
		d.src.Specs[i].Rows = append(d.src.Specs[i].Rows, l.SpecRow)
	}
	for _, s := range d.src.Specs {
		if _, ok := byID[s.Schema]; !ok {
			return fmt.Errorf("table vspecschemapattern: row %d belongs to schema %d, which table vehiclespecschema does not hold", s.ID, s.Schema)
		}
	}
	return nil
}
