// Package sheet reads the rows of a spreadsheet (Office Open XML, .xlsx) that
// somebody outside sent, within bounds.
//
// It may import policy/supply, whose importers take the rows, and is the one
// place that knows the spreadsheet library. Life of one file: the directory of
// the archive is read and judged by what it says it will unpack to, the
// workbook is opened under the same bounds, and the rows of one sheet are
// handed on one by one, each with its number as the spreadsheet shows it.
package sheet

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/xuri/excelize/v2"

	"sallyport/policy/supply"
)

// Bounds on a workbook. The largest list known to us is some hundred rows.
const (
	MaxFile     = 32 << 20  // bytes of the file
	MaxUnpacked = 256 << 20 // bytes of all its parts together, as its directory says and as they unpack
	MaxParts    = 2000
	MaxRows     = 200_000
	maxRatio    = 200     // of a part, unpacked to packed, above smallPart
	smallPart   = 1 << 20 // bytes
	maxMemory   = 16 << 20
)

// ErrWorkbook is wrapped where a file is no workbook that can be read, or is
// made to exhaust the machine.
var ErrWorkbook = errors.New("not a workbook that can be read")

// Rows yields the rows of a sheet; name is "" for the first. What is wrong with
// the file ends it. Formulas are not worked out: a cell holds the value that
// was saved with it.
func Rows(r io.ReaderAt, size int64, name string) iter.Seq2[supply.Row, error] {
	return func(yield func(supply.Row, error) bool) {
		if err := each(r, size, name, func(row supply.Row) bool { return yield(row, nil) }); err != nil {
			yield(supply.Row{}, fmt.Errorf("%w: %w", ErrWorkbook, err))
		}
	}
}

func each(r io.ReaderAt, size int64, name string, row func(supply.Row) bool) error {
	return eachWith(r, size, name, excelize.Options{UnzipSizeLimit: MaxUnpacked, UnzipXMLSizeLimit: maxMemory, RawCellValue: false}, row)
}

func eachWith(r io.ReaderAt, size int64, name string, how excelize.Options, row func(supply.Row) bool) (err error) {
	defer func() {
		if p := recover(); p != nil { // the library has met a file that it was not written for
			err = fmt.Errorf("the spreadsheet library gave up: %v", p)
		}
	}()
	if err := judge(r, size); err != nil {
		return err
	}
	f, err := excelize.OpenReader(io.NewSectionReader(r, 0, size), how)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sheets := f.GetSheetList()
	if len(sheets) == 0 {
		return errors.New("it has no sheet")
	}
	if name == "" {
		name = sheets[0]
	}
	rows, err := f.Rows(name)
	if err != nil {
		return fmt.Errorf("sheet %q (there are %q): %w", name, sheets, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for n := 1; rows.Next(); n++ {
		if n > MaxRows {
			return fmt.Errorf("sheet %q: more than %d rows", name, MaxRows)
		}
		cells, err := rows.Columns()
		if err != nil {
			return fmt.Errorf("sheet %q, row %d: %w", name, n, err)
		}
		if empty(cells) {
			continue
		}
		if !row(supply.Row{Line: n, Cells: cells, Short: true}) {
			return nil
		}
	}
	return rows.Error()
}

func empty(cells []string) bool {
	for _, c := range cells {
		if c != "" {
			return false
		}
	}
	return true
}

// judge refuses an archive by its directory, before anything is unpacked.
func judge(r io.ReaderAt, size int64) error {
	if size > MaxFile {
		return fmt.Errorf("the file has %d bytes, more than %d", size, MaxFile)
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return fmt.Errorf("it is no .xlsx file: %w", err)
	}
	if len(z.File) > MaxParts {
		return fmt.Errorf("it has %d parts, more than %d", len(z.File), MaxParts)
	}
	var sum uint64
	for _, p := range z.File {
		if sum += p.UncompressedSize64; sum > MaxUnpacked || p.UncompressedSize64 > MaxUnpacked {
			return fmt.Errorf("it would unpack to more than %d bytes", MaxUnpacked)
		}
		if p.UncompressedSize64 > smallPart && p.UncompressedSize64 > maxRatio*max(p.CompressedSize64, 1) {
			return fmt.Errorf("its part %q would unpack to %d times its size", p.Name, p.UncompressedSize64/max(p.CompressedSize64, 1))
		}
	}
	return nil
}
