package supply

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
)

// CSVRows reads a table of comma-separated values (RFC 4180) in UTF-8, row by
// row; comma is the separator, 0 is ",". A row that cannot be read is yielded
// as a RowError and reading goes on with the next; any other error ends it.
func CSVRows(r io.Reader, comma rune) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		in := &limited{r: r, left: MaxImportRecord}
		br := bufio.NewReaderSize(in, 64<<10)
		if head, err := br.Peek(3); len(head) >= 2 {
			switch {
			case head[0] == 0xff && head[1] == 0xfe, head[0] == 0xfe && head[1] == 0xff:
				yield(Row{}, errors.New("the file is UTF-16 text: save it as UTF-8"))
				return
			case string(head[:2]) == "PK":
				yield(Row{}, errors.New("the file is a ZIP archive or a spreadsheet, not CSV"))
				return
			case string(head) == "\ufeff":
				if _, err := br.Discard(3); err != nil {
					yield(Row{}, err)
					return
				}
			}
		} else if err != nil && !errors.Is(err, io.EOF) {
			yield(Row{}, err)
			return
		}
		c := csv.NewReader(br)
		c.FieldsPerRecord = -1
		c.ReuseRecord = true
		if comma != 0 {
			c.Comma = comma
		}
		at := func(cell int) int {
			_, col := c.FieldPos(cell)
			return col
		}
		for {
			in.left = MaxImportRecord
			cells, err := c.Read()
			var bad *csv.ParseError
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.As(err, &bad):
				if !yield(Row{}, RowError{Line: bad.StartLine, Column: bad.Column, Reason: csvReason(bad)}) {
					return
				}
				continue
			case err != nil:
				yield(Row{}, fmt.Errorf("after byte %d: %w", c.InputOffset(), err))
				return
			}
			line, _ := c.FieldPos(0)
			if !yield(Row{Line: line, Cells: cells, At: at}, nil) {
				return
			}
		}
	}
}

func csvReason(e *csv.ParseError) string {
	switch {
	case errors.Is(e.Err, csv.ErrQuote) && e.Line != e.StartLine:
		return fmt.Sprintf("a quotation mark that opens here is not closed properly on line %d", e.Line)
	case errors.Is(e.Err, csv.ErrQuote):
		return "a quotation mark is missing, or is followed by something else than a separator"
	case errors.Is(e.Err, csv.ErrBareQuote):
		return "a quotation mark stands in a cell that is not quoted"
	}
	return e.Err.Error()
}

// ImportCSV reads an edition from a table of comma-separated values.
func ImportCSV(r io.Reader, comma rune, c Columns, o ImportOptions) (Imported, error) {
	return ImportRows(CSVRows(r, comma), c, o)
}

// OpenSanctions are the columns of the simplified table that OpenSanctions
// publishes of each of its collections (targets.simple.csv): id, schema, name,
// aliases, birth_date, countries, addresses, identifiers, sanctions, phones,
// emails, program_ids (in newer exports), dataset, first_seen, last_seen,
// last_change. Several values in a cell are separated by semicolons.
//
// first_seen is when OpenSanctions first read the row, not when the party was
// listed, so an entry's first day is not taken from it: an entry counts from
// the first day of the edition it is imported as. Birth dates, addresses,
// telephone numbers and mail addresses are personal data that no question of a
// gate needs; they are not kept.
//
// https://www.opensanctions.org/docs/bulk/csv/
var OpenSanctions = Columns{ID: "id", Name: "name", Also: "aliases", Countries: "countries", Schema: "schema", Split: ";"}

// ImportOpenSanctions reads an edition from the simplified table of
// OpenSanctions. Rows about things that are no parties (ships, aircraft,
// securities, wallets) are passed over.
func ImportOpenSanctions(r io.Reader, o ImportOptions) (Imported, error) {
	if len(o.Schemas) == 0 {
		o.Schemas = []string{"Company", "Organization", "LegalEntity", "PublicBody", "Person"} //nolint:misspell // the word of the table
	}
	return ImportRows(CSVRows(r, ','), OpenSanctions, o)
}
