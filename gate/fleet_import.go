package gate

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"sallyport/policy"
	"sallyport/vin"
)

// Bounds on a file of vehicles.
const (
	MaxImportFile    = 32 << 20 // bytes
	MaxImportRows    = 100_000
	MaxImportColumns = 64
	maxCell          = 500 // characters
)

// ErrTable says that a file is none of which rows can be read.
var ErrTable = errors.New("not a table that can be read")

// TableRow is one row of a file as it came.
type TableRow struct {
	Line    int // in the file or the sheet, from 1
	Cells   []string
	Formula []bool // of cells that are formulas; nil is none
	Broken  string // why the row cannot be read as cells; empty: it can
}

// Table is a file of rows.
type Table struct {
	Head     []string // of the columns; empty where the first row is one of values
	Rows     []TableRow
	Encoding string // utf-8, utf-16, windows-1250, windows-1252; empty of a workbook
	Comma    rune   // 0 of a workbook
}

// The encodings that a file may be read by. Auto finds out.
const (
	EncodingAuto = ""
	EncodingUTF8 = "utf-8"
	Encoding16   = "utf-16"
	Encoding1250 = "windows-1250"
	Encoding1252 = "windows-1252"
)

// polish are the bytes of Windows-1250 that are Polish letters and in
// Windows-1252 mostly signs. German letters are the same in both.
const polish = "\xb9\x9c\x9f\xbf\xb3\xea\xf1\xe6\xa5\xa3\x8c\x8f\xaf\xca\xd1\xc6"

// decodeText is a file's text, and what it was written in.
func decodeText(data []byte, as string) (string, string, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		little := data[0] == 0xff
		units := make([]uint16, 0, len(data)/2)
		for i := 2; i+1 < len(data); i += 2 {
			a, b := uint16(data[i]), uint16(data[i+1])
			if little {
				a, b = b, a
			}
			units = append(units, a<<8|b)
		}
		return string(utf16.Decode(units)), Encoding16, nil
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data, as = data[3:], EncodingUTF8
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return "", "", fmt.Errorf("%w: it holds a zero byte, and is no text", ErrTable)
	}
	if as == EncodingAuto {
		as = Encoding1252
		if utf8.Valid(data) {
			as = EncodingUTF8
		} else if slices.ContainsFunc([]byte(polish), func(b byte) bool { return bytes.IndexByte(data, b) >= 0 }) {
			as = Encoding1250
		}
	}
	switch as {
	case EncodingUTF8:
		if !utf8.Valid(data) {
			at := 0
			for rest := data; len(rest) > 0; {
				r, n := utf8.DecodeRune(rest)
				if r == utf8.RuneError && n == 1 {
					break
				}
				at, rest = at+n, rest[n:]
			}
			return "", "", fmt.Errorf("%w: line %d is not UTF-8", ErrTable, 1+bytes.Count(data[:at], []byte("\n")))
		}
		return string(data), as, nil
	case Encoding1250:
		text, err := charmap.Windows1250.NewDecoder().Bytes(data)
		return string(text), as, err
	case Encoding1252:
		text, err := charmap.Windows1252.NewDecoder().Bytes(data)
		return string(text), as, err
	}
	return "", "", fmt.Errorf("%w: encoding %q is none that is known", ErrTable, as)
}

// commaOf is what separates the cells of a text: what its first line has most of.
func commaOf(text string) rune {
	head, _, _ := strings.Cut(text, "\n")
	best, most := ',', 0
	for _, c := range []rune{',', ';', '\t', '|'} {
		quoted, n := false, 0
		for _, r := range head {
			switch {
			case r == '"':
				quoted = !quoted
			case r == c && !quoted:
				n++
			}
		}
		if n > most {
			best, most = c, n
		}
	}
	return best
}

// ReadCSV reads a file of separated values. A row that cannot be read stands among
// the rows with the reason; a file of which nothing can is an error.
func ReadCSV(data []byte, encoding string) (*Table, error) {
	if len(data) > MaxImportFile {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrTable, len(data), MaxImportFile)
	}
	text, as, err := decodeText(data, encoding)
	if err != nil {
		return nil, err
	}
	t := &Table{Encoding: as}
	skipped := 0
	if rest, found := strings.CutPrefix(text, "sep="); found && len(rest) > 0 { // as Excel writes it
		t.Comma, _ = utf8.DecodeRuneInString(rest)
		_, text, _ = strings.Cut(text, "\n")
		skipped = 1
	} else {
		t.Comma = commaOf(text)
	}
	if !strings.ContainsRune(",;\t|", t.Comma) {
		return nil, fmt.Errorf("%w: line 1: the separator %q is none of comma, semicolon, tabulator and bar", ErrTable, t.Comma)
	}
	rd := csv.NewReader(strings.NewReader(text))
	rd.Comma, rd.FieldsPerRecord = t.Comma, -1
	for {
		cells, err := rd.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		row := TableRow{Cells: cells}
		if err != nil {
			var at *csv.ParseError
			if !errors.As(err, &at) {
				return nil, fmt.Errorf("%w: %w", ErrTable, err)
			}
			row.Line, row.Broken = at.StartLine+skipped, at.Err.Error()
		} else {
			line, _ := rd.FieldPos(0)
			row.Line = line + skipped
		}
		if err := t.add(row); err != nil {
			return nil, err
		}
	}
	return t.headed()
}

// add keeps a row that is not empty.
func (t *Table) add(row TableRow) error {
	if row.Broken == "" && !slices.ContainsFunc(row.Cells, func(c string) bool { return strings.TrimSpace(c) != "" }) {
		return nil
	}
	switch {
	case len(t.Rows) > MaxImportRows:
		return fmt.Errorf("%w: more than %d rows", ErrTable, MaxImportRows)
	case len(row.Cells) > MaxImportColumns:
		if len(t.Rows) == 0 {
			return fmt.Errorf("%w: line %d has %d columns, more than %d", ErrTable, row.Line, len(row.Cells), MaxImportColumns)
		}
		row.Broken, row.Cells = fmt.Sprintf("%d columns", len(row.Cells)), nil
	}
	t.Rows = append(t.Rows, row)
	return nil
}

// NewTable is a table of rows that were read elsewhere, as from a workbook.
func NewTable(rows []TableRow) (*Table, error) {
	t := &Table{}
	for _, r := range rows {
		if err := t.add(r); err != nil {
			return nil, err
		}
	}
	return t.headed()
}

// headed takes the first row for the names of the columns, unless it holds a VIN.
func (t *Table) headed() (*Table, error) {
	if len(t.Rows) == 0 {
		return nil, fmt.Errorf("%w: there is no row in it", ErrTable)
	}
	if first := t.Rows[0]; first.Broken != "" || !slices.ContainsFunc(first.Cells, func(c string) bool {
		c = NormalVIN(c)
		return len(c) == vin.Length && strings.ContainsAny(c, "0123456789") && !misread(c)
	}) {
		t.Head, t.Rows = first.Cells, t.Rows[1:]
	}
	if len(t.Rows) == 0 {
		return nil, fmt.Errorf("%w: there is no row but that of the names", ErrTable)
	}
	return t, nil
}

// Columns is how many columns the table has.
func (t *Table) Columns() int {
	n := len(t.Head)
	for i := range t.Rows {
		n = max(n, len(t.Rows[i].Cells))
	}
	return n
}

// The fields of a vehicle that a column may hold.
const (
	FieldVIN     = "vin"
	FieldPlate   = "plate"
	FieldClass   = "class"
	FieldMarket  = "market"
	FieldMake    = "make"
	FieldModel   = "model"
	FieldYear    = "model_year"
	FieldBuilt   = "built_on"
	FieldModule  = "module"
	FieldFCC     = "fcc_id"
	FieldIMEI    = "imei"
	FieldTCUPart = "tcu_part"
)

// VehicleFields are all of them, in the order of the template.
func VehicleFields() []string {
	return []string{FieldVIN, FieldPlate, FieldClass, FieldMarket, FieldMake, FieldModel, FieldYear, FieldBuilt, FieldModule, FieldFCC, FieldIMEI, FieldTCUPart}
}

// fieldNames are the names by which files call the fields, folded.
var fieldNames = map[string][]string{
	FieldVIN:     {"vin", "vinnumber", "vinnumer", "numervin", "fin", "fahrgestellnummer", "fahrzeugidentifizierungsnummer", "fahrzeugidentnummer", "chassis", "chassisnumber", "nrvin", "vehicleidentificationnumber", "numernadwozia"},
	FieldPlate:   {"plate", "registrationnumber", "licenceplate", "licenseplate", "regno", "numerrejestracyjny", "nrrejestracyjny", "nrrej", "tablica", "kennzeichen", "amtlicheskennzeichen", "rejestracja"},
	FieldClass:   {"class", "vehicleclass", "klasa", "klasapojazdu", "klasse", "fahrzeugklasse"},
	FieldMarket:  {"market", "country", "rynek", "kraj", "markt", "land"},
	FieldMake:    {"make", "brand", "marka", "marke", "hersteller"},
	FieldModel:   {"model", "modell"},
	FieldYear:    {"modelyear", "year", "rokmodelowy", "rok", "modelljahr", "baujahr"},
	FieldBuilt:   {"builton", "built", "dayofbuild", "buildday", "builddate", "dataprodukcji", "produkcja", "datumderherstellung", "herstellungsdatum", "gebautam", "fertigung"},
	FieldModule:  {"module", "modem", "modul", "modul4g", "telematicsmodule", "modultelematyczny", "telematikmodul"},
	FieldFCC:     {"fccid", "fcc"},
	FieldIMEI:    {"imei", "numerimei"},
	FieldTCUPart: {"tcupart", "tcu", "tcupartnumber", "numertcu", "teilenummertcu", "tcuteilenummer", "numerczescitcu"},
}

// fold writes a name without case, accents and signs.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch r = unicode.ToLower(r); r {
		case 'ą', 'ä':
			return 'a'
		case 'ć':
			return 'c'
		case 'ę':
			return 'e'
		case 'ł':
			return 'l'
		case 'ń':
			return 'n'
		case 'ó', 'ö':
			return 'o'
		case 'ś':
			return 's'
		case 'ü':
			return 'u'
		case 'ź', 'ż':
			return 'z'
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// Guess says which field each column holds, by its name, and where there are no
// names by its values; empty is none.
func (t *Table) Guess() []string {
	out := make([]string, t.Columns())
	used := map[string]bool{}
	take := func(i int, f string) {
		if !used[f] {
			out[i], used[f] = f, true
		}
	}
	for i, h := range t.Head {
		h = fold(h)
		for _, f := range VehicleFields() {
			if slices.Contains(fieldNames[f], h) {
				take(i, f)
			}
		}
	}
	if used[FieldVIN] || used[FieldPlate] {
		return out
	}
	for i := range out {
		for _, r := range t.Rows[:min(len(t.Rows), 20)] {
			if i < len(r.Cells) && len(NormalVIN(r.Cells[i])) == vin.Length && strings.ContainsAny(r.Cells[i], "0123456789") {
				take(i, FieldVIN)
			}
		}
	}
	return out
}

// VehicleFault is what is wrong with a vehicle, in one of its fields.
type VehicleFault struct {
	Field string // one of VehicleFields; empty: of all
	Code  string // by which pages have words for it
	Value string // that is wrong, or that it is held against
}

// Error says it in English.
func (f *VehicleFault) Error() string {
	return strings.TrimSpace(strings.TrimPrefix(f.Field+": ", ": ") + strings.ReplaceAll(f.Code, "-", " ") + " " + f.Value)
}

// VehicleFaultCodes are all codes, for who has words for them.
func VehicleFaultCodes() []string {
	return []string{
		"no-name", "vin-length", "vin-letters", "vin-check-digit", "plate-form", "class-unknown", "class-not-allowed", "market-form", "year-form", "year-range",
		"date-form", "date-future", "date-year", "text-long", "imei-form", "fcc-form", "module-unknown", "formula", "broken", "twice", "plate-twice", "elsewhere", "plate-other",
	}
}

// CheckVehicle says what is wrong with a vehicle that a fleet enters.
func CheckVehicle(r *Registration, f *Fleet, at time.Time) (out []VehicleFault) {
	add := func(field, code, value string) { out = append(out, VehicleFault{field, code, value}) }
	if r.VIN == "" && r.Plate == "" {
		add(FieldVIN, "no-name", "")
	}
	if r.VIN != "" {
		switch v := vin.VIN(r.VIN); {
		case utf8.RuneCountInString(r.VIN) != vin.Length:
			add(FieldVIN, "vin-length", strconv.Itoa(utf8.RuneCountInString(r.VIN)))
		default:
			for _, p := range v.Problems() {
				if p.Note {
					continue
				}
				code := "vin-letters"
				if p.Code == vin.ProblemCheckDigit {
					code = "vin-check-digit"
				}
				add(FieldVIN, code, r.VIN)
				break
			}
		}
	}
	if n := utf8.RuneCountInString(r.Plate); r.Plate != "" && (n < 2 || !plateText(r.Plate)) {
		add(FieldPlate, "plate-form", r.Plate)
	}
	if _, ok := policy.ParseClass(string(r.Class)); !ok {
		add(FieldClass, "class-unknown", string(r.Class))
	} else if !slices.Contains(f.Classes, r.Class) {
		add(FieldClass, "class-not-allowed", string(r.Class))
	}
	if r.Market != "" && (len(r.Market) != 2 || strings.ContainsFunc(r.Market, func(c rune) bool { return c < 'A' || c > 'Z' })) {
		add(FieldMarket, "market-form", r.Market)
	}
	for _, c := range [...]struct{ field, text string }{{FieldMake, r.Make}, {FieldModel, r.Model}} {
		if utf8.RuneCountInString(c.text) > 60 || strings.ContainsFunc(c.text, unicode.IsControl) {
			add(c.field, "text-long", c.text[:min(len(c.text), 40)])
		}
	}
	if r.ModelYear != 0 && (r.ModelYear < 1900 || r.ModelYear > at.Year()+2) {
		add(FieldYear, "year-range", strconv.Itoa(r.ModelYear))
	}
	if r.BuiltOn != "" {
		day, ok := builtOn(r.BuiltOn)
		switch {
		case !ok:
			add(FieldBuilt, "date-form", r.BuiltOn)
		case day.After(at):
			add(FieldBuilt, "date-future", r.BuiltOn)
		case r.ModelYear != 0 && !mayBeBuilt(r.BuiltOn, r.ModelYear):
			add(FieldBuilt, "date-year", r.BuiltOn)
		}
	}
	if len(r.Declared) > 8 {
		add(FieldModule, "text-long", strconv.Itoa(len(r.Declared)))
	}
	for _, d := range r.Declared {
		field := FieldModule
		switch d.Kind {
		case FieldFCC, FieldIMEI, FieldTCUPart:
			field = d.Kind
		}
		switch {
		case d.Check() != nil:
			add(field, "module-unknown", d.Kind)
		case utf8.RuneCountInString(d.Value) > 80 || strings.ContainsFunc(d.Value, unicode.IsControl):
			add(field, "text-long", d.Value[:min(len(d.Value), 40)])
		case d.Kind == FieldIMEI && !imei(d.Value):
			add(field, "imei-form", d.Value)
		case d.Kind == FieldFCC && (len(d.Value) < 4 || len(d.Value) > 19 || strings.ContainsFunc(d.Value, func(c rune) bool { return !alnum(unicode.ToUpper(c)) && c != '-' })):
			add(field, "fcc-form", d.Value)
		}
	}
	return out
}

// imei says whether a text is an IMEI: 15 digits of which the last is the check
// digit of 3GPP TS 23.003 B.2 (Luhn), or 14 without it.
func imei(s string) bool {
	s = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '/' {
			return -1
		}
		return r
	}, s)
	if len(s) != 14 && len(s) != 15 {
		return false
	}
	sum := 0
	for i, c := range s {
		d := int(c - '0')
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(s) == 14 || sum%10 == 0
}

// builtOn reads a year, month or day of build; of a year or month it gives its
// first day.
func builtOn(s string) (time.Time, bool) {
	for _, layout := range [...]string{time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1900 {
			return t, true
		}
	}
	return time.Time{}, false
}

// plainDay writes a day of build as the site keeps it. Days with points are as in
// Poland and Germany, the day first; those with strokes are refused: they mean
// one thing in London and another in Detroit.
func plainDay(s string) string {
	for _, l := range [...][2]string{{"2.1.2006", time.DateOnly}, {"1.2006", "2006-01"}, {"1/2006", "2006-01"}, {"2006.01.02", time.DateOnly}, {"2006-01-02T15:04:05Z07:00", time.DateOnly}, {"2006-01-02 15:04:05", time.DateOnly}} {
		if t, err := time.Parse(l[0], s); err == nil {
			return t.Format(l[1])
		}
	}
	return s
}

// classNames are the words for classes in the languages of the program, folded.
var classNames = map[string]policy.Class{
	"private": policy.ClassPrivate, "prywatny": policy.ClassPrivate, "prywatna": policy.ClassPrivate, "privat": policy.ClassPrivate,
	"contractor": policy.ClassContractor, "wykonawca": policy.ClassContractor, "kontrahent": policy.ClassContractor, "auftragnehmer": policy.ClassContractor, "dienstleister": policy.ClassContractor,
	"government": policy.ClassGovernment, "rzadowy": policy.ClassGovernment, "panstwowy": policy.ClassGovernment, "regierung": policy.ClassGovernment, "behorde": policy.ClassGovernment,
	"military": policy.ClassMilitary, "wojskowy": policy.ClassMilitary, "militar": policy.ClassMilitary,
	"emergency": policy.ClassEmergency, "ratunkowy": policy.ClassEmergency, "rettungsdienst": policy.ClassEmergency,
	"diplomatic": policy.ClassDiplomatic, "dyplomatyczny": policy.ClassDiplomatic, "diplomatisch": policy.ClassDiplomatic, //nolint:misspell // German
	"allied": policy.ClassAllied, "sojuszniczy": policy.ClassAllied, "verbundet": policy.ClassAllied,
}

// ParseVehicle reads a row by the fields of its columns. A class that no column
// names is the one given.
func ParseVehicle(row *TableRow, fields []string, class policy.Class) (r Registration, faults []VehicleFault) {
	if row.Broken != "" {
		return r, []VehicleFault{{Code: "broken", Value: row.Broken}}
	}
	r.Class = class
	for i, f := range fields {
		if f == "" || i >= len(row.Cells) {
			continue
		}
		cell := strings.TrimSpace(row.Cells[i])
		if i < len(row.Formula) && row.Formula[i] || cell != "" && strings.ContainsRune("=+@", rune(cell[0])) {
			faults = append(faults, VehicleFault{f, "formula", cell[:min(len(cell), 40)]})
			continue
		}
		if utf8.RuneCountInString(cell) > maxCell {
			faults = append(faults, VehicleFault{f, "text-long", cell[:40]})
			continue
		}
		if cell == "" {
			continue
		}
		switch f {
		case FieldVIN:
			r.VIN = NormalVIN(strings.Join(strings.Fields(cell), ""))
		case FieldPlate:
			r.Plate = NormalPlate(cell)
		case FieldClass:
			r.Class = cmp.Or(classNames[fold(cell)], policy.Class(strings.ToLower(cell)))
		case FieldMarket:
			r.Market = strings.ToUpper(cell)
		case FieldMake:
			r.Make = cell
		case FieldModel:
			r.Model = cell
		case FieldYear:
			n, err := strconv.Atoi(cell)
			if err != nil {
				faults = append(faults, VehicleFault{f, "year-form", cell})
			}
			r.ModelYear = n
		case FieldBuilt:
			r.BuiltOn = plainDay(cell)
		case FieldModule, FieldFCC, FieldIMEI, FieldTCUPart:
			r.Declared = append(r.Declared, Declared{Kind: f, Value: cell})
		}
	}
	return r, faults
}
