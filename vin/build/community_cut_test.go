package build_test

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/csv"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the driver

	"sallyport/gate/sqlite/vpicfile"
	"sallyport/vin/build"
)

var update = flag.Bool("update", false, "write the community rows of the cut into their files")

// cutFiles unpacks the published cut; the lookups and the WMIs of public lists
// stand beside it.
func cutFiles(t *testing.T) (cut, lookups, world string) {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data", "vin")
	packed := filepath.Join(dir, "vpic-lite-2026.sqlite.gz")
	in, err := os.Open(packed)
	if os.IsNotExist(err) {
		t.Skipf("SKIPPED: %s is missing; the community rows were not compared with their source", packed)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	cut = filepath.Join(t.TempDir(), "cut.sqlite")
	out, err := os.Create(cut)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, z); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return cut, filepath.Join(dir, "vpic-2026-08-lookups.json"), filepath.Join(dir, "wmi-world.csv")
}

// communityOf writes the community rows of a source with names for numbers.
func communityOf(t *testing.T, src *build.Source, com build.Community, schemas map[int]string) (wmis, patterns string) {
	t.Helper()
	var bw, bp strings.Builder
	w, p := csv.NewWriter(&bw), csv.NewWriter(&bp)
	put := func(to *csv.Writer, row ...string) {
		if err := to.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	put(w, "wmi", "manufacturer", "make", "vehicle_type", "truck_type", "country", "schema", "year_from", "year_to", "changed")
	put(p, "wmi", "keys", "element", "value")
	for _, row := range src.WMIs {
		if !slices.Contains(com.WMIs, row.Code) {
			continue
		}
		if len(src.WMIMakes[row.ID]) != 1 || row.PublicFrom != "" {
			t.Fatalf("%+v: makes %v", row, src.WMIMakes[row.ID])
		}
		mk := src.WMIMakes[row.ID][0]
		links := 0
		for _, l := range src.Links {
			if l.WMI != row.ID {
				continue
			}
			if links++; links > 1 || schemas[l.Schema] == "" {
				t.Fatalf("%s has several schemas, or one that is not marked as a contribution", row.Code)
			}
			changed := ""
			for _, r := range src.Patterns {
				if r.Schema != l.Schema {
					continue
				}
				if changed != "" && changed != r.Date {
					t.Fatalf("%s: patterns of %s and of %s", row.Code, changed, r.Date)
				}
				changed = r.Date
				e := src.Elements[slices.IndexFunc(src.Elements, func(e build.Element) bool { return e.ID == r.Element })]
				value := r.Attribute
				switch id, _ := strconv.Atoi(r.Attribute); {
				case e.Code == "Model":
					if value = src.Models[id]; src.MakeOfModel[id] != mk {
						t.Fatalf("%s: model %s is not of its make", row.Code, value)
					}
				case e.Lookup != "":
					value = src.Lookups[strings.ToLower(e.Lookup)][r.Attribute]
				}
				put(p, row.Code, r.Keys, e.Code, value)
			}
			put(w, row.Code, src.Manufacturers[row.Manufacturer], src.Makes[mk], src.Lookups["vehicletype"][strconv.Itoa(row.Type)], number(row.TruckType),
				src.Lookups["country"][strconv.Itoa(row.Country)], schemas[l.Schema], number(l.From), number(l.To), changed)
		}
	}
	w.Flush()
	p.Flush()
	return bw.String(), bp.String()
}

// without takes the WMIs with their schemas out of a source.
func without(src *build.Source, com build.Community) {
	gone, schemas := map[int]bool{}, map[int]bool{}
	src.WMIs = slices.DeleteFunc(src.WMIs, func(w build.WMI) bool {
		if slices.Contains(com.WMIs, w.Code) {
			gone[w.ID] = true
			delete(src.WMIMakes, w.ID)
		}
		return gone[w.ID]
	})
	src.Links = slices.DeleteFunc(src.Links, func(l build.Link) bool {
		if gone[l.WMI] {
			schemas[l.Schema] = true
		}
		return gone[l.WMI]
	})
	src.Patterns = slices.DeleteFunc(src.Patterns, func(p build.Pattern) bool { return schemas[p.Schema] })
}

// The embedded rows are those of the cut; and where the cut has lost them,
// they give the same index, byte by byte, as the program carries.
func TestCommunityRowsAreTheCuts(t *testing.T) {
	cut, lookups, world := cutFiles(t)
	src, err := vpicfile.Read(t.Context(), cut)
	if err != nil {
		t.Fatal(err)
	}
	for path, read := range map[string]func(io.Reader, *build.Source) error{lookups: build.ReadLookups, world: build.ReadWorld} {
		data, err := os.ReadFile(path)
		if err == nil {
			err = read(bytes.NewReader(data), src)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite3", "file:"+cut+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT Id, Name FROM VinSchema WHERE Notes = 'Community contribution'`)
	if err != nil {
		t.Fatal(err)
	}
	schemas := map[int]string{}
	for rows.Next() {
		var id int
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			t.Fatal(err)
		}
		schemas[id] = name
	}
	if err := rows.Err(); err != nil || len(schemas) != len(build.CorgiCommunity.WMIs) {
		t.Fatalf("schemas %v are marked as contributions (%v)", schemas, err)
	}
	wmis, patterns := communityOf(t, src, build.CorgiCommunity, schemas)
	for name, want := range map[string]string{"community.csv": wmis, "community_patterns.csv": patterns} {
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s is not what the cut holds (%v); go test -run %s -update writes it", name, err, t.Name())
		}
	}
	if n := strings.Count(patterns, "\n") - 1; n != 86 {
		t.Errorf("%d community patterns", n)
	}

	com, carried, err := build.AddCommunity(src, build.CorgiCommunity)
	if err != nil || len(carried.WMIs)+len(carried.Left) != 0 || !slices.Equal(com.WMIs, build.CorgiCommunity.WMIs) {
		t.Fatalf("the whole cut: %v, %+v, %v", com, carried, err)
	}
	without(src, com)
	com, carried, err = build.AddCommunity(src, build.Community{})
	if err != nil || !slices.Equal(carried.WMIs, build.CorgiCommunity.WMIs) || len(carried.Left) != 0 || !slices.Equal(com.WMIs, carried.WMIs) {
		t.Fatalf("the cut without them: %v, %+v, %v", com, carried, err)
	}
	data, _, err := build.Index(src, com)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile("../vpic.idx"); err != nil || !bytes.Equal(data, want) {
		t.Errorf("the index with rows carried over differs from vin/vpic.idx (%d and %d bytes, %v)", len(data), len(want), err)
	}
}
