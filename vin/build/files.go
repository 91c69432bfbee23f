package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// null is how PostgreSQL's COPY text writes a missing value.
const null = `\N`

// ReadLookups adds to src the small tables of a lookups file: one JSON object,
// table → rows of texts in the column order of NHTSA's dump. A name that
// src already has is replaced: the lookups are NHTSA's own, and the later.
func ReadLookups(r io.Reader, src *Source) error {
	var tables map[string][][]string
	if err := json.NewDecoder(r).Decode(&tables); err != nil {
		return fmt.Errorf("lookups: %w", err)
	}
	need := func(name string, i int, row []string, n int) error {
		if len(row) < n {
			return fmt.Errorf("lookups: table %s row %d has %d columns, expected %d", name, i+1, len(row), n)
		}
		return nil
	}
	if src.Lookups == nil {
		src.Lookups = map[string]map[string]string{}
	}
	for name, rows := range tables {
		switch name {
		case "element", "conversion", "enginemodel", "defaultvalue", "vindescriptor", "defs_body", "defs_make":
			continue
		}
		for i, row := range rows {
			if err := need(name, i, row, 2); err != nil {
				return err
			}
			if src.Lookups[name] == nil {
				src.Lookups[name] = map[string]string{}
			}
			src.Lookups[name][row[0]] = row[1]
		}
	}
	for i, row := range tables["defaultvalue"] {
		if err := need("defaultvalue", i, row, 4); err != nil {
			return err
		}
		e, err1 := strconv.Atoi(row[1])
		t, err2 := strconv.Atoi(row[2])
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("lookups: table defaultvalue row %d: %w", i+1, err)
		}
		if row[3] != null {
			src.Defaults = append(src.Defaults, Default{Element: e, Type: t, Value: row[3]})
		}
	}
	for i, row := range tables["vindescriptor"] {
		if err := need("vindescriptor", i, row, 3); err != nil {
			return err
		}
		y, err := strconv.Atoi(row[2])
		if err != nil {
			return fmt.Errorf("lookups: table vindescriptor row %d: %w", i+1, err)
		}
		src.Descriptors = append(src.Descriptors, Descriptor{Text: row[1], Year: y})
	}
	return nil
}
