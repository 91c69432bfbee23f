package sheet

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/xuri/excelize/v2"

	"sallyport/policy/supply"
)

// Line is a row of a table that somebody filled in.
type Line struct {
	Number  int // as the spreadsheet shows it
	Cells   []string
	Formula []bool // of the cells that are formulas; nil is none
}

// maxFormulas bounds how many formulas of a sheet are looked at; a table that
// somebody filled in has few.
const maxFormulas = 200_000

// Table reads the rows of the first sheet, of at most that many, and says which
// cells are formulas. Days stand as 2026-03-15.
func Table(r io.ReaderAt, size int64, most int) ([]Line, error) {
	var out []Line
	over := false
	err := eachWith(r, size, "", excelize.Options{UnzipSizeLimit: MaxUnpacked, UnzipXMLSizeLimit: maxMemory, ShortDatePattern: "yyyy-mm-dd"}, func(row supply.Row) bool {
		over = len(out) >= most
		out = append(out, Line{Number: row.Line, Cells: row.Cells})
		return !over
	})
	if err == nil && over {
		err = fmt.Errorf("more than %d rows", most)
	}
	var formulas map[int]map[int]bool
	if err == nil {
		formulas, err = formulasOf(r, size)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWorkbook, err)
	}
	for i := range out {
		for col := range formulas[out[i].Number] {
			l := &out[i]
			for len(l.Cells) <= col && col < 1<<14 {
				l.Cells = append(l.Cells, "")
			}
			if l.Formula == nil {
				l.Formula = make([]bool, len(l.Cells))
			}
			for len(l.Formula) < len(l.Cells) {
				l.Formula = append(l.Formula, false)
			}
			if col < len(l.Formula) {
				l.Formula[col] = true
			}
		}
	}
	return out, nil
}

// formulasOf finds the cells of the first sheet that are formulas, by row, from 1,
// and column, from 0.
func formulasOf(r io.ReaderAt, size int64) (map[int]map[int]bool, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	part := func(name string, do func(*xml.Decoder) error) error {
		for _, f := range z.File {
			if strings.TrimPrefix(f.Name, "/") != name {
				continue
			}
			in, err := f.Open()
			if err != nil {
				return err
			}
			err = do(xml.NewDecoder(io.LimitReader(in, MaxUnpacked)))
			return errors.Join(err, in.Close())
		}
		return fmt.Errorf("it has no part %q", name)
	}
	var book struct {
		Sheets []struct {
			ID string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := part("xl/workbook.xml", func(d *xml.Decoder) error { return d.Decode(&book) }); err != nil {
		return nil, err
	}
	var rels struct {
		List []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := part("xl/_rels/workbook.xml.rels", func(d *xml.Decoder) error { return d.Decode(&rels) }); err != nil {
		return nil, err
	}
	name := ""
	for _, rel := range rels.List {
		if len(book.Sheets) > 0 && rel.ID == book.Sheets[0].ID {
			if name = path.Join("xl", rel.Target); strings.HasPrefix(rel.Target, "/") {
				name = rel.Target[1:]
			}
		}
	}
	out := map[int]map[int]bool{}
	n, cell := 0, ""
	return out, part(name, func(d *xml.Decoder) error {
		for {
			t, err := d.Token()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			start, ok := t.(xml.StartElement)
			if !ok {
				continue
			}
			switch start.Name.Local {
			case "c":
				cell = ""
				for _, a := range start.Attr {
					if a.Name.Local == "r" {
						cell = a.Value
					}
				}
			case "f":
				col, row, err := excelize.CellNameToCoordinates(cell)
				if n++; err != nil || n > maxFormulas {
					return errors.New("its formulas cannot be read, or are too many")
				}
				if out[row] == nil {
					out[row] = map[int]bool{}
				}
				out[row][col-1] = true
			}
		}
	})
}

// Write makes a workbook of these rows, as Book does.
func Write(w io.Writer, name string, rows [][]string) error {
	b, err := NewBook(w, name)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := b.Row(row); err != nil {
			return errors.Join(err, b.f.Close())
		}
	}
	return b.Close()
}
