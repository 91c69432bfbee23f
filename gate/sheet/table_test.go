package sheet_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"sallyport/gate/sheet"
)

// What was written is read back; formulas are named, days are written out.
func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := sheet.Write(&b, "Fleet", [][]string{{"VIN", "plate"}, {"5YJXCAE42MF000001", "0012"}, {"=1+1", "ŁÓDŹ"}}); err != nil {
		t.Fatal(err)
	}
	lines, err := sheet.Table(bytes.NewReader(b.Bytes()), int64(b.Len()), 10)
	if err != nil || len(lines) != 3 || lines[1].Cells[1] != "0012" || lines[2].Cells[1] != "ŁÓDŹ" || lines[2].Cells[0] != "=1+1" || lines[2].Formula != nil {
		t.Fatalf("%+v, %v", lines, err)
	}
	if _, err := sheet.Table(bytes.NewReader(b.Bytes()), int64(b.Len()), 2); !errors.Is(err, sheet.ErrWorkbook) || !strings.Contains(err.Error(), "more than 2 rows") {
		t.Errorf("too many rows: %v", err)
	}
	f := excelize.NewFile()
	for cell, v := range map[string]any{"A1": "VIN", "B1": "built", "A2": "5YJXCAE42MF000001", "B2": time.Date(2021, 3, 15, 0, 0, 0, 0, time.UTC)} {
		if err := f.SetCellValue("Sheet1", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	style, err := f.NewStyle(&excelize.Style{NumFmt: 14})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{f.SetCellStyle("Sheet1", "B2", "B2", style), f.SetCellFormula("Sheet1", "A4", "=A2"), f.SetCellFormula("Sheet1", "C2", "=1+1")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b.Reset()
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	if lines, err = sheet.Table(bytes.NewReader(b.Bytes()), int64(b.Len()), 10); err != nil {
		t.Fatal(err)
	}
	if len(lines) < 2 || lines[1].Number != 2 || lines[1].Cells[1] != "2021-03-15" || len(lines[1].Formula) != 3 || !lines[1].Formula[2] || lines[1].Formula[0] {
		t.Errorf("%+v", lines)
	}
	if _, err := sheet.Table(strings.NewReader("no zip"), 6, 10); !errors.Is(err, sheet.ErrWorkbook) {
		t.Errorf("no workbook: %v", err)
	}
}
