package sheet

import (
	"errors"
	"io"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Book is a workbook of one sheet while it is written, row by row: the first is
// bold, and every cell is a text, so that nothing is turned into a number, a day
// or a formula. A cell longer than a sheet takes is cut. One goroutine writes it.
type Book struct {
	f          *excelize.File
	s          *excelize.StreamWriter
	w          io.Writer
	bold, text int
	rows       int
}

// NewBook begins a workbook whose sheet has that name; Close writes it to w.
func NewBook(w io.Writer, name string) (_ *Book, err error) {
	b := &Book{f: excelize.NewFile(), w: w}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.f.Close())
		}
	}()
	if err := b.f.SetSheetName(b.f.GetSheetName(0), name); err != nil {
		return nil, err
	}
	if b.bold, err = b.f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, NumFmt: 49}); err != nil {
		return nil, err
	}
	if b.text, err = b.f.NewStyle(&excelize.Style{NumFmt: 49}); err != nil {
		return nil, err
	}
	if b.s, err = b.f.NewStreamWriter(name); err != nil {
		return nil, err
	}
	return b, nil
}

// Row adds one row.
func (b *Book) Row(cells []string) error {
	style := b.text
	if b.rows == 0 {
		style = b.bold
		if err := b.s.SetColWidth(1, max(1, len(cells)), 22); err != nil {
			return err
		}
	}
	b.rows++
	row := make([]any, len(cells))
	for i, c := range cells {
		if utf8.RuneCountInString(c) > excelize.TotalCellChars {
			c = string([]rune(c)[:excelize.TotalCellChars])
		}
		row[i] = excelize.Cell{StyleID: style, Value: c}
	}
	at, err := excelize.CoordinatesToCellName(1, b.rows)
	if err != nil {
		return err
	}
	return b.s.SetRow(at, row)
}

// Close writes the workbook. It is not usable afterwards.
func (b *Book) Close() (err error) {
	defer func() { err = errors.Join(err, b.f.Close()) }()
	if err := b.s.Flush(); err != nil {
		return err
	}
	return b.f.Write(b.w)
}
