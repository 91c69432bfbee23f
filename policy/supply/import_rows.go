package supply

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// Row is one row of a table that is imported. Cells belong to the reader and
// change with the next row.
type Row struct {
	Line  int                // of the file; from 1
	Cells []string           // in the order of the header
	At    func(cell int) int // column of a cell, from 1, in the file's own count; nil counts cells
	Short bool               // the file leaves out empty cells at the end
}

// Bounds on what is imported. A published list is far below them; a file made
// to exhaust the machine is refused at once.
const (
	MaxImportRows   = 5_000_000
	MaxImportRecord = 1 << 20 // bytes of one row
	MaxImportCell   = 64 << 10
	MaxRowErrors    = 1000   // kept; more are counted
	MaxProposals    = 10_000 // kept; more are counted
	maxColumns      = 512
)

// Columns says in which column of a table, by its header, an entry's fields
// stand. Only Name must be there. A field left empty is looked for under its
// own name and is left out where there is none.
type Columns struct {
	ID, Name, Also, Countries, Schema, From, Until, Source, Quote, Date, Certainty, Note string
	Split                                                                                string // between several names or countries in one cell; ";" where empty
}

// ImportOptions say what is imported and as what.
type ImportOptions struct {
	List      string // id of the list
	Edition   Edition
	Where     map[string]string // only rows of which these columns hold these values, or one of theirs
	Schemas   []string          // only rows about these; none is all
	GoodRows  bool              // take the good rows where others are bad
	Remarks   bool              // what stands in brackets at the end of a name is another name
	Named     bool              // keep only entries in which a party was found
	Subject   Subject           // of rows that do not say
	MatchWith *Matcher          // nil matches nothing
}

// RowError says what is wrong with a row, and where.
type RowError struct {
	Line   int    `json:"line"`
	Column int    `json:"column,omitempty"` // from 1; 0 is the whole row
	Field  string `json:"field,omitempty"`  // header of the column
	Reason string `json:"reason"`
}

func (e RowError) Error() string {
	switch {
	case e.Column == 0:
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	case e.Field == "":
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
	}
	return fmt.Sprintf("line %d, column %d (%s): %s", e.Line, e.Column, e.Field, e.Reason)
}

// Imported is an edition that was read, and what is to be said of it.
type Imported struct {
	Edition       Edition    `json:"edition"`
	Rows          int        `json:"rows"`    // read, without the header
	Passed        int        `json:"passed"`  // left out by Where, Schemas or Named
	Bad           int        `json:"bad"`     // rows with an error
	Matched       int        `json:"matched"` // entries in which a party was found
	Errors        []RowError `json:"errors"`
	Proposals     []Review   `json:"proposals"`
	MoreProposals int        `json:"more_proposals,omitempty"`
	Stale         []Review   `json:"stale"`  // decisions that no longer count
	Unread        []string   `json:"unread"` // columns of the file that nothing is taken from
}

// ErrRows is wrapped where rows are bad and the good ones were not asked for:
// nothing is imported then.
var ErrRows = errors.New("the file has bad rows")

// importer takes rows one by one.
type importer struct {
	o      ImportOptions
	header []string
	at     map[string]int // folded header -> cell
	cols   struct{ id, name, also, countries, schema, from, until, source, quote, date, certainty, note int }
	split  string
	where  []filter
	seen   map[string]int // ids, with their lines
	texts  map[string]string
	out    Imported
	row    Row
	fold   []byte // scratch
}

type filter struct {
	cell  int
	value string
}

// ImportRows reads an edition from a table, whose first row is the header. The
// table is read as it comes and only the edition is kept. An error of the table itself
// ends the import; what is wrong with a row is among Errors, and then nothing
// is imported (ErrRows) unless the good rows are asked for.
func ImportRows(table iter.Seq2[Row, error], c Columns, o ImportOptions) (Imported, error) {
	im := &importer{o: o, seen: map[string]int{}, texts: map[string]string{}}
	im.out.Edition = o.Edition
	im.out.Edition.Entries = nil
	if err := checkEdition(o.List, &o.Edition); err != nil {
		return Imported{}, err
	}
	for row, err := range table {
		var bad RowError
		switch {
		case errors.As(err, &bad) && im.header != nil:
			im.out.Rows++
			im.out.Bad++
			im.report(bad)
			continue
		case err != nil:
			return Imported{}, err
		case im.header == nil:
			if err := im.readHeader(row, c); err != nil {
				return Imported{}, err
			}
			continue
		}
		if im.out.Rows++; im.out.Rows > MaxImportRows {
			return Imported{}, fmt.Errorf("line %d: more than %d rows", row.Line, MaxImportRows)
		}
		im.row = row
		if err := im.take(); err != nil {
			im.out.Bad++
			im.report(*err)
		}
	}
	if im.header == nil {
		return Imported{}, errors.New("the file is empty: there is no header")
	}
	if im.out.Bad > 0 && !o.GoodRows {
		out := im.out
		out.Edition.Entries = nil
		return out, fmt.Errorf("%w: %d of %d; the first: %w", ErrRows, out.Bad, out.Rows, out.Errors[0])
	}
	return im.out, nil
}

// checkEdition refuses an edition that a graph would refuse, before the file is
// read.
func checkEdition(list string, ed *Edition) error {
	switch {
	case list == "" || ed.ID == "":
		return errors.New("an edition needs the id of its list and one of its own")
	case ed.Source == "":
		return fmt.Errorf("the edition %q names no source", ed.ID)
	}
	if _, err := wholeDay(ed.From); err != nil {
		return fmt.Errorf("edition %q: the first day: %w", ed.ID, err)
	}
	if ed.Until != "" {
		if until, err := wholeDay(ed.Until); err != nil {
			return fmt.Errorf("edition %q: the last day: %w", ed.ID, err)
		} else if from, _ := wholeDay(ed.From); until <= from {
			return fmt.Errorf("edition %q: from %s until %s is never", ed.ID, ed.From, ed.Until)
		}
	}
	return nil
}

func (im *importer) report(e RowError) {
	if len(im.out.Errors) < MaxRowErrors {
		im.out.Errors = append(im.out.Errors, e)
	}
}

// readHeader finds the columns.
func (im *importer) readHeader(row Row, c Columns) error {
	if len(row.Cells) > maxColumns {
		return fmt.Errorf("line %d: more than %d columns", row.Line, maxColumns)
	}
	im.header = slices.Clone(row.Cells)
	im.at = make(map[string]int, len(im.header))
	for i, h := range im.header {
		im.header[i] = strings.Clone(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))
		if k := fold(im.header[i]); k != "" {
			if was, twice := im.at[k]; twice {
				return fmt.Errorf("line %d: the columns %q and %q have one name", row.Line, im.header[was], im.header[i])
			}
			im.at[k] = i
		}
	}
	im.split = c.Split
	if im.split == "" {
		im.split = ";"
	}
	used := map[int]bool{}
	for _, f := range []struct {
		cell        *int
		named, from string
	}{
		{&im.cols.id, c.ID, "id"}, {&im.cols.name, c.Name, "name"}, {&im.cols.also, c.Also, "aliases"}, {&im.cols.countries, c.Countries, "countries"},
		{&im.cols.schema, c.Schema, "schema"}, {&im.cols.from, c.From, "from"}, {&im.cols.until, c.Until, "until"}, {&im.cols.source, c.Source, "source"},
		{&im.cols.quote, c.Quote, "quote"}, {&im.cols.date, c.Date, "date"}, {&im.cols.certainty, c.Certainty, "certainty"}, {&im.cols.note, c.Note, "note"},
	} {
		name := f.named
		if name == "" {
			name = f.from
		}
		i, ok := im.at[fold(name)]
		switch {
		case ok:
			*f.cell = i
			used[i] = true
		case f.named != "" || f.from == "name":
			return fmt.Errorf("line %d: there is no column %q; there are %s", row.Line, name, quoted(im.header))
		default:
			*f.cell = -1
		}
	}
	for name, value := range im.o.Where {
		i, ok := im.at[fold(name)]
		if !ok {
			return fmt.Errorf("line %d: there is no column %q; there are %s", row.Line, name, quoted(im.header))
		}
		used[i] = true
		im.where = append(im.where, filter{i, value})
	}
	if len(im.o.Schemas) > 0 && im.cols.schema < 0 {
		return fmt.Errorf("line %d: no column says what a row is about, so none can be chosen by it", row.Line)
	}
	for i, h := range im.header {
		if !used[i] {
			im.out.Unread = append(im.out.Unread, h)
		}
	}
	return nil
}

func quoted(list []string) string {
	if len(list) > 20 {
		return fmt.Sprintf("%q and %d more", list[:20], len(list)-20)
	}
	return fmt.Sprintf("%q", list)
}

// bad is an error at a cell of the row at hand.
func (im *importer) bad(cell int, format string, args ...any) *RowError {
	e := &RowError{Line: im.row.Line, Reason: fmt.Sprintf(format, args...)}
	if cell >= 0 {
		e.Column = cell + 1
		if im.row.At != nil {
			e.Column = im.row.At(cell)
		}
		e.Field = im.header[cell]
	}
	return e
}

// cell is the text of a cell, without blanks around it.
func (im *importer) cell(i int) string {
	if i < 0 || i >= len(im.row.Cells) {
		return ""
	}
	return strings.TrimSpace(im.row.Cells[i])
}

// take reads the row at hand.
func (im *importer) take() *RowError {
	if len(im.row.Cells) > len(im.header) {
		for i := len(im.header); i < len(im.row.Cells); i++ {
			if strings.TrimSpace(im.row.Cells[i]) != "" {
				return im.bad(-1, "%d cells, and the header has %d", len(im.row.Cells), len(im.header))
			}
		}
		im.row.Cells = im.row.Cells[:len(im.header)]
	}
	if len(im.row.Cells) < len(im.header) && !im.row.Short {
		return im.bad(-1, "%d cells, and the header has %d", len(im.row.Cells), len(im.header))
	}
	for i, c := range im.row.Cells {
		if err := im.text(i, c); err != nil {
			return err
		}
	}
	if im.passes() {
		im.out.Passed++
		return nil
	}
	e, subject, err := im.entry()
	if err != nil {
		return err
	}
	if im.o.MatchWith != nil {
		m, likes := im.o.MatchWith.match(im.o.List, &e, subject)
		e.Party, e.Match = m.Party, m.By
		im.out.Stale = append(im.out.Stale, m.Stale...)
		for _, l := range likes {
			if len(im.out.Proposals) == MaxProposals {
				im.out.MoreProposals++
				continue
			}
			im.out.Proposals = append(im.out.Proposals, own(im.o.MatchWith.review(im.o.List, &e, l)))
		}
	}
	if e.Party != "" {
		im.out.Matched++
	} else if im.o.Named {
		im.out.Passed++
		return nil
	}
	im.keep(&e)
	im.out.Edition.Entries = append(im.out.Edition.Entries, e)
	return nil
}

// own copies the texts of a proposal out of the row.
func own(r Review) Review {
	r.Entry, r.Name = strings.Clone(r.Entry), strings.Clone(r.Name)
	r.Also, r.Countries = slices.Clone(r.Also), slices.Clone(r.Countries)
	for _, l := range [][]string{r.Also, r.Countries} {
		for i := range l {
			l[i] = strings.Clone(l[i])
		}
	}
	return r
}

// keep copies the texts of an entry out of the row; those that repeat are kept
// once.
func (im *importer) keep(e *Entry) {
	e.ID, e.Name, e.Quote = strings.Clone(e.ID), strings.Clone(e.Name), strings.Clone(e.Quote)
	for _, l := range [][]string{e.Also} {
		for i := range l {
			l[i] = strings.Clone(l[i])
		}
	}
	for i := range e.Countries {
		e.Countries[i] = im.once(e.Countries[i])
	}
	for _, s := range []*string{&e.From, &e.Until, &e.Source, &e.Date, &e.Certainty, &e.Note} {
		*s = im.once(*s)
	}
}

func (im *importer) once(s string) string {
	if s == "" {
		return ""
	}
	if t, ok := im.texts[s]; ok {
		return t
	}
	s = strings.Clone(s)
	if len(im.texts) < 1<<16 {
		im.texts[s] = s
	}
	return s
}

// text refuses what is no readable text.
func (im *importer) text(i int, s string) *RowError {
	if len(s) > MaxImportCell {
		return im.bad(i, "the cell is longer than %d bytes", MaxImportCell)
	}
	plain := true
	for k := range len(s) {
		if s[k] < ' ' || s[k] >= utf8.RuneSelf || s[k] == 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return nil
	}
	if !utf8.ValidString(s) {
		return im.bad(i, "the cell is not UTF-8 text")
	}
	for _, r := range s {
		if r == utf8.RuneError || unseen(r) && r != '\n' && r != '\r' && r != '\t' {
			return im.bad(i, "the cell holds the character %U", r)
		}
	}
	return nil
}

// passes says whether the row is not among those asked for.
func (im *importer) passes() bool {
	for _, f := range im.where {
		c := im.cell(f.cell)
		if c != f.value && !slices.ContainsFunc(strings.Split(c, im.split), func(s string) bool { return strings.TrimSpace(s) == f.value }) {
			return true
		}
	}
	return len(im.o.Schemas) > 0 && !slices.Contains(im.o.Schemas, im.cell(im.cols.schema))
}

// entry reads the row's entry.
func (im *importer) entry() (e Entry, subject Subject, err *RowError) {
	c := &im.cols
	e = Entry{ID: squeeze(im.cell(c.id)), Name: squeeze(im.cell(c.name)), From: im.cell(c.from), Until: im.cell(c.until), Ref: im.o.Edition.Ref}
	e.Quote, e.Note, e.Reason = "", "", ""
	if im.fold = legalFold(im.fold[:0], e.Name); len(im.fold) == 0 {
		return e, 0, im.bad(c.name, "the row names nobody")
	}
	if e.ID != "" {
		if line, twice := im.seen[e.ID]; twice {
			return e, 0, im.bad(c.id, "the id %q is that of line %d too", e.ID, line)
		}
		im.seen[strings.Clone(e.ID)] = im.row.Line
	}
	e.Quote = e.Name
	for _, f := range []struct {
		cell int
		to   *string
	}{{c.source, &e.Source}, {c.quote, &e.Quote}, {c.date, &e.Date}, {c.certainty, &e.Certainty}, {c.note, &e.Note}} {
		if s := im.cell(f.cell); s != "" {
			*f.to = squeeze(s)
		}
	}
	if strength(e.Certainty) == 0 && e.Certainty != "" {
		return e, 0, im.bad(c.certainty, "%q is not one of official, reviewed, press, secondary", e.Certainty)
	}
	for _, d := range []struct {
		cell int
		text *string
	}{{c.from, &e.From}, {c.until, &e.Until}, {c.date, &e.Date}} {
		if d.cell < 0 || im.cell(d.cell) == "" {
			continue
		}
		if *d.text = dayText(*d.text); *d.text == "" {
			return e, 0, im.bad(d.cell, "%q is not a date like 2024-07-26", im.cell(d.cell))
		}
	}
	if e.From != "" && e.Until != "" && e.Until <= e.From {
		return e, 0, im.bad(c.until, "from %s until %s is never", e.From, e.Until)
	}
	if e.From != "" && e.From <= im.o.Edition.From {
		e.From = "" // listed before, and on this edition from its first day
	}
	e.Also, e.Countries = im.list(c.also), im.list(c.countries)
	if im.o.Remarks {
		bare := withoutRemark(strings.TrimRight(e.Name, "* "))
		if rest := strings.TrimSpace(strings.TrimRight(e.Name, "* ")[len(bare):]); len(rest) > 2 && bare != "" {
			e.Also = append(e.Also, strings.TrimSpace(rest[1:len(rest)-1]))
		}
		e.Name = bare
	}
	for i, k := range e.Countries {
		e.Countries[i] = strings.ToUpper(k)
	}
	subject, known := subjects[im.cell(c.schema)]
	if !known {
		subject = NeitherKind
	}
	if im.cell(c.schema) == "" {
		subject = im.o.Subject
	}
	return e, subject, nil
}

// subjects are what the schemata of OpenSanctions are about (FollowTheMoney);
// "" is a row that does not say. All others name things, not parties.
var subjects = map[string]Subject{
	"": AnySubject, "Company": Enterprise, "Organization": Enterprise, "LegalEntity": AnySubject, "PublicBody": Enterprise, "Person": Individual, //nolint:misspell // the words of the table
}

func (im *importer) list(i int) []string {
	s := im.cell(i)
	if s == "" {
		return nil
	}
	var out []string
	for part := range strings.SplitSeq(s, im.split) {
		if part = squeeze(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// squeeze puts one blank where a text has several, or a line end.
func squeeze(s string) string {
	gap := false
	for i := range len(s) {
		blank := s[i] == ' '
		if s[i] < ' ' || blank && (gap || i == 0) || s[i] >= utf8.RuneSelf {
			return strings.Join(strings.Fields(s), " ")
		}
		gap = blank
	}
	return strings.TrimSpace(s)
}

// dayText is the day at the head of a date or an instant, or "".
func dayText(s string) string {
	if len(s) > 10 && (s[10] == 'T' || s[10] == ' ') {
		s = s[:10]
	}
	if _, err := wholeDay(s); err != nil {
		return ""
	}
	return s
}

// limited bounds what one record of a table may take from r.
type limited struct {
	r    io.Reader
	left int
}

var errRecord = fmt.Errorf("a row is longer than %d bytes: a quotation mark may be missing", MaxImportRecord)

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRecord
	}
	if len(p) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}
