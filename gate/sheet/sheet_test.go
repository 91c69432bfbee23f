package sheet

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"sallyport/policy/supply"
)

func workbook(t testing.TB, rows ...[]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	for i, r := range rows {
		at, err := excelize.CoordinatesToCellName(1, i+1)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.SetSheetRow("Sheet1", at, &r); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte, sheet string) (rows []supply.Row, err error) {
	for r, e := range Rows(bytes.NewReader(b), int64(len(b)), sheet) {
		if e != nil {
			return rows, e
		}
		rows = append(rows, supply.Row{Line: r.Line, Cells: append([]string(nil), r.Cells...)})
	}
	return rows, nil
}

func options() supply.ImportOptions {
	return supply.ImportOptions{List: "l", Edition: supply.Edition{ID: "l-1", From: "2026-01-01", Ref: supply.Ref{Source: "s", Certainty: "official"}}}
}

func TestImportWorkbook(t *testing.T) {
	b := workbook(t, []any{"Name", "Country", "From"}, []any{"Acme Ltd.", "CN"}, nil, []any{"Ümläut GmbH", "DE", "2026-02-01"}, []any{"Bad", "DE", "soon"})
	cols := supply.Columns{Countries: "Country"}
	got, err := supply.ImportRows(Rows(bytes.NewReader(b), int64(len(b)), ""), cols, options())
	if !errors.Is(err, supply.ErrRows) || len(got.Errors) != 1 || got.Errors[0].Line != 5 || got.Errors[0].Column != 3 || got.Errors[0].Field != "From" {
		t.Fatalf("%+v, %v", got.Errors, err)
	}
	o := options()
	o.GoodRows = true
	got, err = supply.ImportRows(Rows(bytes.NewReader(b), int64(len(b)), "Sheet1"), cols, o)
	if err != nil || len(got.Edition.Entries) != 2 || got.Edition.Entries[1].Name != "Ümläut GmbH" || got.Edition.Entries[1].From != "2026-02-01" {
		t.Fatalf("%+v, %v", got.Edition.Entries, err)
	}
	if _, err := read(b, "Other"); !errors.Is(err, ErrWorkbook) || !strings.Contains(err.Error(), "Sheet1") {
		t.Errorf("a sheet that is not there: %v", err)
	}
}

// parts makes an archive of parts that say they unpack to size bytes of zeros.
func parts(t *testing.T, n int, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for i := range n {
		w, err := z.Create("xl/worksheets/sheet" + string(rune('0'+i%10)) + strings.Repeat("x", i/10) + ".xml")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, io.LimitReader(zeros{}, size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestRefusesWhatIsNoWorkbook(t *testing.T) {
	good := workbook(t, []any{"Name"}, []any{"A"})
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"empty":          {nil, "no .xlsx"},
		"CSV":            {[]byte("name\nA\n"), "no .xlsx"},
		"cut off":        {good[:len(good)/2], "no .xlsx"},
		"a bomb":         {parts(t, 1, 64<<20), "times its size"},
		"many parts":     {parts(t, MaxParts+1, 1), "parts"},
		"another format": {parts(t, 1, 10), ""},
	} {
		rows, err := read(c.file, "")
		if !errors.Is(err, ErrWorkbook) || !strings.Contains(err.Error(), c.says) || len(rows) != 0 {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
	}
}

func TestBoundsRows(t *testing.T) {
	f := excelize.NewFile()
	defer f.Close()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range MaxRows + 2 {
		at, _ := excelize.CoordinatesToCellName(1, i+1)
		if err := w.SetRow(at, []any{i}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range Rows(bytes.NewReader(b.Bytes()), int64(b.Len()), "") {
		if err = e; e == nil {
			n++
		}
	}
	if n != MaxRows || err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%d rows, then %v", n, err)
	}
}

// FuzzRows puts a sheet's text into a workbook that is whole otherwise: the
// archive's own checks would turn down nearly every change to the file.
func FuzzRows(f *testing.F) {
	whole := workbook(f, []any{"Name", "Country"}, []any{"Acme Ltd.", "CN"})
	f.Add(part(f, whole, sheetPart))
	f.Add([]byte(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Name</t></is></c></row><row r="9"><c r="C9"><v>1</v></c></row></sheetData></worksheet>`))
	f.Add([]byte(`<worksheet><sheetData><row r="1"><c r="XFD1" t="s"><v>99</v></c></row></sheetData></worksheet>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b := with(t, whole, sheetPart, text)
		o := options()
		o.GoodRows = true
		got, err := supply.ImportRows(Rows(bytes.NewReader(b), int64(len(b)), ""), supply.Columns{}, o)
		if err == nil && got.Rows != got.Passed+got.Bad+len(got.Edition.Entries) {
			t.Fatalf("%d rows are not %d passed, %d bad and %d entries", got.Rows, got.Passed, got.Bad, len(got.Edition.Entries))
		}
	})
}

const sheetPart = "xl/worksheets/sheet1.xml"

func part(t testing.TB, file []byte, name string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// with is a workbook with another text in one part.
func with(t testing.TB, file []byte, name string, text []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range z.File {
		if p.Name != name {
			if err := w.Copy(p); err != nil {
				t.Fatal(err)
			}
			continue
		}
		to, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
