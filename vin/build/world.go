package build

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sallyport/vin"
)

// worldDecisions is what was decided by hand on WMIs of the public lists,
// with the reason for each: where the lists contradict each other, and where
// what they agree on is the name of a works rather than of a make. What cannot
// be decided from the row stays open, with the makes that it names.
//
//go:embed world_overlay.csv
var worldDecisions string

// ReadWorld adds to src the WMIs of a list gathered from public sources: CSV
// with the columns wmi, manufacturer, make, country, sources and
// agree_or_conflict. Only rows are taken on which the sources agree, that one
// good source gives, or on which the package's own list of decisions says what
// to make of them; a make that names several is left unknown. A WMI whose third
// character is 9 is left out: it is shared by many small makers.
func ReadWorld(r io.Reader, src *Source) error {
	decided, err := readDecisions(strings.NewReader(worldDecisions))
	if err != nil {
		return fmt.Errorf("decisions on world WMIs: %w", err)
	}
	rows, err := csvRows(r, "wmi", "manufacturer", "make", "country", "agree_or_conflict")
	if err != nil {
		return fmt.Errorf("world WMIs: %w", err)
	}
	for _, row := range rows {
		w := World{WMI: row[0], Manufacturer: row[1], Make: row[2], Country: row[3]}
		if len(w.WMI) == 3 && w.WMI[2] == '9' {
			continue
		}
		if d, ok := decided[w.WMI]; ok && row[4] != "single-weak" {
			if d.Manufacturer == "" && !strings.Contains(d.Make, vin.Separator) {
				d.Manufacturer = w.Manufacturer
			}
			src.World = append(src.World, d)
			continue
		}
		if row[4] != "agree" && row[4] != "single" {
			continue
		}
		if strings.ContainsAny(w.Make, ",&/") {
			w.Make = ""
		}
		src.World = append(src.World, w)
	}
	return nil
}

// readDecisions reads the rows by WMI. A row names one make or the candidates,
// never both, and a reason.
func readDecisions(r io.Reader) (map[string]World, error) {
	rows, err := csvRows(r, "wmi", "make", "candidates", "manufacturer", "country", "reason")
	if err != nil {
		return nil, err
	}
	out := make(map[string]World, len(rows))
	for _, row := range rows {
		w := World{WMI: row[0], Make: row[1], Manufacturer: row[3], Country: row[4]}
		if _, ok := vin.WMIKey(w.WMI); !ok {
			return nil, fmt.Errorf("%q is no WMI", w.WMI)
		}
		if _, twice := out[w.WMI]; twice {
			return nil, fmt.Errorf("WMI %s stands twice", w.WMI)
		}
		if (row[1] == "") == (row[2] == "") || row[5] == "" {
			return nil, fmt.Errorf("WMI %s must have either a make or candidates, and a reason", w.WMI)
		}
		if vin.CountryCode(w.Country) == "" {
			return nil, fmt.Errorf("WMI %s: there is no country %q", w.WMI, w.Country)
		}
		if row[2] != "" {
			w.Make = strings.Join(strings.Split(row[2], "; "), vin.Separator)
		}
		out[w.WMI] = w
	}
	return out, nil
}

// csvRows reads a table and gives the named columns of its rows.
func csvRows(r io.Reader, columns ...string) ([][]string, error) {
	cr := csv.NewReader(r)
	head, err := cr.Read()
	if err != nil {
		return nil, err
	}
	at := make([]int, len(columns))
	for i, name := range columns {
		if at[i] = slices.Index(head, name); at[i] < 0 {
			return nil, fmt.Errorf("there is no column %s", name)
		}
	}
	var out [][]string
	for {
		row, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		picked := make([]string, len(at))
		for i, a := range at {
			picked[i] = row[a]
		}
		out = append(out, picked)
	}
}
