package telematics

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A site may add a table of type allocation codes (the first eight digits of an
// IMEI, 3GPP TS 23.003): that of the Osmocom project, which is free and knows
// phones, or the GSMA's, which is licensed to the site. An importer streams the
// source row by row into a TACTable; Encode writes its compact form, which
// OpenTACs reads and Catalogue.WithTACs uses.

// TACTable is a table of type allocation codes. Its content never changes; it
// is safe for concurrent use.
type TACTable struct {
	Edition string // as the importer was told, else of the source's content
	Source  string // as the importer was told, else the layout's public address
	Layout  string // osmocom, gsma
	Licence string // what the source says of its use

	codes  string  // eight digits each, ascending; a code may stand there for several makers
	makers []int32 // place in names, beside codes
	models []int32 // likewise; -1 where none is given
	names  []string
}

// TACSource says where a table comes from. What is empty is taken from the
// layout and the content.
type TACSource struct {
	Edition string
	Source  string
	Licence string
}

// TACReport says what an importer made of each row.
type TACReport struct {
	Rows   int // rows of data
	Codes  int // codes kept, each with each of its makers
	Again  int // rows that say what another row said
	Shared int // codes with more than one maker
	Bad    int // rows left out
	Errors []TACError
}

// TACError is what is wrong with one row.
type TACError struct {
	Line   int    // from 1
	Column string // as the file names it, or empty
	Reason string
}

func (e TACError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	}
	return fmt.Sprintf("line %d, %s: %s", e.Line, e.Column, e.Reason)
}

// The bounds of an import. The GSMA's list had some 250,000 codes in 2025.
const (
	maxTACRows   = 4_000_000
	maxTACLine   = 64 << 10
	maxTACName   = 200
	maxTACErrors = 1000 // of which the report keeps the words
)

// ErrTACs is wrapped by every error of the importers and of OpenTACs.
var ErrTACs = errors.New("not a table of type allocation codes")

// ImportOsmocomTACs reads the Osmocom project's table (tacdb.osmocom.org): CSV
// in UTF-8, a line on the licence, a header "tac,name,name,contributor,comment,
// gsmarena,gsmarena,aka" and a row a code, whose first name is the maker and
// whose second is the model. The licence line may be missing, and a header may
// name the columns manufacturer, brand or model.
//
// Rows it cannot use are left out and named in the report. It fails where the
// file has no such header, has more than 4,000,000 rows, or cannot be read.
func ImportOsmocomTACs(r io.Reader, from TACSource) (*TACTable, TACReport, error) {
	return importTACs(r, from, tacLayout{
		name: "osmocom", address: "http://tacdb.osmocom.org/export/tacdb.csv", commas: ',',
		maker: []string{"manufacturer", "brand", "make", "name"}, model: []string{"model", "device", "name"},
		licence: "Osmocom TAC database, CC-BY-SA 3.0",
	})
}

// ImportGSMATACs reads the layout of the GSMA's TAC list: a header and rows
// parted by "|" or tabs, "TAC|Manufacturer|Model Name|Marketing Name|Brand
// Name|…". Columns are found by their names; Standardised Manufacturer counts
// before Manufacturer, and where Model Name is empty Marketing Name stands for
// it. It fails as ImportOsmocomTACs does.
func ImportGSMATACs(r io.Reader, from TACSource) (*TACTable, TACReport, error) {
	return importTACs(r, from, tacLayout{
		name: "gsma", address: "https://imeidb.gsma.com/",
		maker: []string{"standardised manufacturer", "standardised full name", "manufacturer", "manufacturer (or) applicant", "brand name"},
		model: []string{"standardised device model", "model name", "marketing name", "standardised marketing name"}, licence: "GSMA TAC data under the site's own licence; not to be passed on",
	})
}

type tacLayout struct {
	name, address, licence string
	commas                 byte // 0: by "|" or tab, whichever parts the header
	maker, model           []string
}

type tacRow struct {
	code         [8]byte
	maker, model int32
}

func importTACs(r io.Reader, from TACSource, layout tacLayout) (*TACTable, TACReport, error) {
	var rep TACReport
	sum := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(r, sum), maxTACLine)
	t := &TACTable{Edition: from.Edition, Source: first(from.Source, layout.address), Layout: layout.name, Licence: from.Licence}
	fail := func(line int, err error) (*TACTable, TACReport, error) {
		return nil, rep, fmt.Errorf("%w: %s: line %d: %w", ErrTACs, layout.name, line, err)
	}
	var cols tacColumns
	var rows []tacRow
	known := map[string]int32{}
	name := func(s string) int32 {
		if s == "" {
			return -1
		}
		n, ok := known[s]
		if !ok {
			n = int32(len(t.names))
			s = strings.Clone(s)
			known[s], t.names = n, append(t.names, s)
		}
		return n
	}
	bad := func(line int, column, format string, args ...any) {
		if rep.Bad++; len(rep.Errors) < maxTACErrors {
			rep.Errors = append(rep.Errors, TACError{line, column, fmt.Sprintf(format, args...)})
		}
	}
	for line := 1; ; line++ {
		text, long, err := tacLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return fail(line, err)
		}
		end := err != nil
		if line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		switch {
		case cols.tac < 0 || cols.names == nil:
			if long || !utf8.ValidString(text) {
				return fail(line, errors.New("the header is too long or not UTF-8"))
			}
			if cols = layout.columns(text); cols.names == nil {
				if line > 5 || end {
					return fail(line, fmt.Errorf("no header names the columns TAC and %s", layout.maker[0]))
				}
				if t.Licence == "" && strings.TrimSpace(text) != "" {
					t.Licence = strings.Trim(text, ", \t\r")
				}
			}
		case long:
			rep.Rows++
			bad(line, "", "the row has more than %d bytes", maxTACLine)
		case strings.TrimSpace(text) == "":
		default:
			if rep.Rows++; rep.Rows > maxTACRows {
				return fail(line, fmt.Errorf("it has more than %d rows", maxTACRows))
			}
			if row, column, reason := cols.row(text, name); reason == "" {
				rows = append(rows, row)
			} else {
				bad(line, column, "%s", reason)
			}
		}
		if end {
			break
		}
	}
	t.Licence = first(t.Licence, layout.licence)
	if t.Edition == "" {
		t.Edition = layout.name + "." + hex.EncodeToString(sum.Sum(nil)[:4])
	}
	t.fill(rows, &rep)
	return t, rep, nil
}

// fill sorts the rows, and leaves out what was said before.
func (t *TACTable) fill(rows []tacRow, rep *TACReport) {
	slices.SortFunc(rows, func(a, b tacRow) int {
		if c := bytes.Compare(a.code[:], b.code[:]); c != 0 {
			return c
		}
		if c := strings.Compare(t.names[a.maker], t.names[b.maker]); c != 0 {
			return c
		}
		return strings.Compare(t.name(a.model), t.name(b.model))
	})
	kept := slices.Compact(slices.Clone(rows))
	rep.Again, rep.Codes = len(rows)-len(kept), len(kept)
	var codes strings.Builder
	codes.Grow(8 * len(kept))
	for i, r := range kept {
		codes.Write(r.code[:])
		t.makers, t.models = append(t.makers, r.maker), append(t.models, r.model)
		if i > 0 && kept[i-1].code == r.code && kept[i-1].maker != r.maker && (i == 1 || kept[i-2].code != r.code) {
			rep.Shared++
		}
	}
	t.codes = codes.String()
}

func (t *TACTable) name(i int32) string {
	if i < 0 {
		return ""
	}
	return t.names[i]
}

// tacLine reads one line without its end. Of a line that is too long nothing is
// kept.
func tacLine(in *bufio.Reader) (text string, long bool, err error) {
	var b []byte
	for {
		part, err := in.ReadSlice('\n')
		if !long {
			b = append(b, part...)
			if len(b) > maxTACLine {
				b, long = nil, true
			}
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return strings.TrimRight(string(b), "\r\n"), long, err
	}
}

// tacColumns says where what is needed stands in a row.
type tacColumns struct {
	by     byte
	names  []string
	tac    int
	makers []int
	models []int
}

// columns reads a header; without one, names is nil.
func (l *tacLayout) columns(line string) tacColumns {
	by := l.commas
	if by == 0 {
		if by = '|'; !strings.Contains(line, "|") {
			by = '\t'
		}
	}
	c := tacColumns{by: by, tac: -1}
	names, err := split(line, by)
	if err != nil {
		return tacColumns{}
	}
	for i, n := range names {
		names[i] = strings.ToLower(strings.TrimSpace(n))
		if names[i] == "tac" && c.tac < 0 {
			c.tac = i
		}
	}
	pick := func(wanted []string, taken []int) []int {
		var out []int
		for _, w := range wanted {
			for i, n := range names {
				if n == w && !slices.Contains(taken, i) && !slices.Contains(out, i) {
					out = append(out, i)
					break
				}
			}
		}
		return out
	}
	c.makers = pick(l.maker, nil)
	c.models = pick(l.model, c.makers)
	if c.tac < 0 || len(c.makers) == 0 {
		return tacColumns{}
	}
	c.names = names
	return c
}

// split parts a row into its fields. Only commas allow quotes.
func split(line string, by byte) ([]string, error) {
	if by != ',' {
		return strings.Split(line, string(by)), nil
	}
	if !strings.Contains(line, `"`) {
		return strings.Split(line, ","), nil
	}
	r := csv.NewReader(strings.NewReader(line))
	r.FieldsPerRecord = -1
	return r.Read()
}

// row reads one row; reason says what is wrong with it, and column where.
func (c *tacColumns) row(line string, name func(string) int32) (row tacRow, column, reason string) {
	if !utf8.ValidString(line) {
		return row, "", "it is not UTF-8"
	}
	fields, err := split(line, c.by)
	if err != nil {
		return row, "", "its quotes do not fit"
	}
	if len(fields) <= c.tac {
		return row, "", fmt.Sprintf("it has %d fields, and the TAC is the %dth", len(fields), c.tac+1)
	}
	code := strings.TrimSpace(fields[c.tac])
	if len(code) != 8 || strings.Trim(code, "0123456789") != "" {
		return row, c.names[c.tac], fmt.Sprintf("%.20q is not eight digits", code)
	}
	maker, column := firstOf(fields, c.makers, c.names)
	if maker == "" {
		return row, c.names[c.makers[0]], "no maker is named"
	}
	model, modelColumn := firstOf(fields, c.models, c.names)
	for _, n := range []struct{ s, column string }{{maker, column}, {model, modelColumn}} {
		if len(n.s) > maxTACName || strings.ContainsFunc(n.s, unicode.IsControl) {
			return row, n.column, fmt.Sprintf("it has more than %d bytes, or control characters", maxTACName)
		}
	}
	copy(row.code[:], code)
	row.maker, row.model = name(maker), name(model)
	return row, "", ""
}

// firstOf is the first of the columns that says something.
func firstOf(fields []string, columns []int, names []string) (value, column string) {
	for _, i := range columns {
		if i >= len(fields) {
			continue
		}
		switch v := strings.Join(strings.Fields(fields[i]), " "); strings.ToLower(v) {
		case "", "-", "n/a", "not known", "unknown", "null":
		default:
			return v, names[i]
		}
	}
	return "", ""
}

// Len is the number of codes, each counted with each of its makers.
func (t *TACTable) Len() int { return len(t.makers) }

// tacFile is the compact form: codes end to end, and beside them the places of
// maker and model among the names.
type tacFile struct {
	Format  string   `json:"format"`
	Edition string   `json:"edition"`
	Source  string   `json:"source"`
	Layout  string   `json:"layout"`
	Licence string   `json:"licence"`
	Codes   string   `json:"codes"`
	Makers  []int32  `json:"makers"`
	Models  []int32  `json:"models"`
	Names   []string `json:"names"`
	Sum     string   `json:"sum"` // SHA-256 of codes, names and places
}

const tacFormat = "sallyport tac 1"

func (f *tacFile) sum() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q\n%s\n", f.Edition, f.Source, f.Layout, f.Licence, f.Codes)
	var b []byte
	for i := range f.Makers {
		b = strconv.AppendInt(append(strconv.AppendInt(b[:0], int64(f.Makers[i]), 10), ' '), int64(f.Models[i]), 10)
		h.Write(append(b, '\n'))
	}
	for _, n := range f.Names {
		fmt.Fprintf(h, "%q\n", n)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Encode writes the compact form. The same table gives the same bytes.
func (t *TACTable) Encode() ([]byte, error) {
	f := tacFile{Format: tacFormat, Edition: t.Edition, Source: t.Source, Layout: t.Layout, Licence: t.Licence,
		Codes: t.codes, Makers: t.makers, Models: t.models, Names: t.names}
	f.Sum = f.sum()
	return json.Marshal(f)
}

// OpenTACs reads the form that Encode writes. What is damaged is refused.
func OpenTACs(b []byte) (*TACTable, error) {
	var f tacFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTACs, err)
	}
	n := len(f.Makers)
	switch {
	case f.Format != tacFormat:
		return nil, fmt.Errorf("%w: its format is %.40q, not %q", ErrTACs, f.Format, tacFormat)
	case f.Edition == "" || f.Source == "" || f.Licence == "":
		return nil, fmt.Errorf("%w: it names no edition, source or licence", ErrTACs)
	case len(f.Models) != n || len(f.Codes) != 8*n:
		return nil, fmt.Errorf("%w: it has %d digits of codes, %d makers and %d models", ErrTACs, len(f.Codes), n, len(f.Models))
	case strings.Trim(f.Codes, "0123456789") != "":
		return nil, fmt.Errorf("%w: its codes are not all digits", ErrTACs)
	}
	for i := range n {
		if f.Makers[i] < 0 || int(f.Makers[i]) >= len(f.Names) || f.Models[i] < -1 || int(f.Models[i]) >= len(f.Names) {
			return nil, fmt.Errorf("%w: code %d names nothing", ErrTACs, i+1)
		}
		if i > 0 && f.Codes[8*i-8:8*i] > f.Codes[8*i:8*i+8] {
			return nil, fmt.Errorf("%w: code %d is out of order", ErrTACs, i+1)
		}
	}
	if f.Sum != f.sum() {
		return nil, fmt.Errorf("%w: its checksum does not fit", ErrTACs)
	}
	return &TACTable{Edition: f.Edition, Source: f.Source, Layout: f.Layout, Licence: f.Licence, codes: f.Codes, makers: f.Makers, models: f.Models, names: f.Names}, nil
}

// Find calls yield with each maker and model of a code of eight digits. The
// model may be empty.
func (t *TACTable) Find(code string, yield func(maker, model string)) {
	n := len(t.makers)
	at := func(i int) string { return t.codes[8*i : 8*i+8] }
	low, high := 0, n
	for low < high {
		if mid := (low + high) / 2; at(mid) < code {
			low = mid + 1
		} else {
			high = mid
		}
	}
	for ; low < n && at(low) == code; low++ {
		yield(t.names[t.makers[low]], t.name(t.models[low]))
	}
}

// Each calls yield with every code, in order, and each of its makers and models.
func (t *TACTable) Each(yield func(code, maker, model string)) {
	for i := range t.makers {
		yield(t.codes[8*i:8*i+8], t.names[t.makers[i]], t.name(t.models[i]))
	}
}

// siteTAC finds a code in the table the site added. Only a maker whose name a
// reviewer has listed counts as a maker of modules; any other name stays a
// name, of whoever the code was allocated to.
func (c *Catalogue) siteTAC(code string) []Finding {
	if c.site == nil {
		return nil
	}
	t := c.site
	src := Source{ID: "TAC " + code, Title: "type allocation codes, edition " + t.Edition, Address: t.Source, Certainty: Reported,
		EvidenceClass: "community-database", Note: t.Licence}
	if t.Layout == "gsma" {
		src.Certainty, src.EvidenceClass = Documented, "register"
	}
	var out []Finding
	t.Find(code, func(maker, model string) {
		f := Finding{Maker: maker, Model: model, Unit: true, Certainty: src.Certainty, Sources: []Source{src},
			Note: "The type allocation code " + code + " was allocated to this maker; whose module is in its device is not said."}
		if name, ok := c.makers[fold(maker)]; ok {
			f.Maker = name
			if f.Unit = !c.lines().modules[name]; !f.Unit {
				f.Note = "Taken from the type allocation code " + code + "."
			}
		}
		f.Sources[0].Quote = strings.TrimRight(code+" "+maker+" "+model, " ")
		out = append(out, f)
	})
	return out
}

// WithTACs returns a catalogue that also looks up codes in a site's table. It
// shares everything else with c, which does not change.
func (c *Catalogue) WithTACs(t *TACTable) *Catalogue {
	with := *c
	with.site = t
	return &with
}

// TACs is the table the site added, or nil.
func (c *Catalogue) TACs() *TACTable { return c.site }
