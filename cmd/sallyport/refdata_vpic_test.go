package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/vin"
)

// One command makes an index of NHTSA's monthly download, in each of its
// forms, and says what is new.
func TestBuildFromDump(t *testing.T) {
	text, err := os.ReadFile("../../vin/build/testdata/vpic_dump.sql")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	zipped := func(names ...string) []byte {
		t.Helper()
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, n := range names {
			w, err := z.Create(n)
			if err == nil {
				_, err = w.Write(text)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	whole := zipped("readme.txt", "vPICList_lite_2027_02.sql")
	for _, c := range []struct{ path, edition string }{
		{write("vPICList_lite_2027_02.plain.zip", whole), "NHTSA vPIC 2027-02"},
		{write("dump.zip", whole), "NHTSA vPIC 2027-02"},
		{write("dump.sql", text), "NHTSA vPIC 2021-05-06"},
		{write("dump.sql.gz", packed.Bytes()), "NHTSA vPIC 2021-05-06"},
	} {
		out := filepath.Join(dir, filepath.Base(c.path)+".idx")
		var says bytes.Buffer
		if err := (&refdataBuildVPICCmd{Dump: c.path, Out: out}).Run(t.Context(), &streams{out: &says}); err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		ix, err := vin.Open(data)
		if err != nil {
			t.Fatal(err)
		}
		if ix.Edition() != c.edition {
			t.Errorf("%s: edition %q, want %q", c.path, ix.Edition(), c.edition)
		}
		if !strings.Contains(says.String(), "→ "+c.edition) || !strings.Contains(says.String(), "  ACME One\n") || !strings.Contains(says.String(), "new WMIs: ") ||
			!strings.Contains(says.String(), "community WMIs carried over: LRW, XP7\n") || !strings.Contains(says.String(), "community WMIs no longer there: 0\n") {
			t.Errorf("%s: the report says:\n%s", c.path, says.String())
		}
		if d := ix.DecodeText("LRW3E7FAXRC093951", vin.Options{Year: 2027}); d.Make != "TESLA" || d.Model != "Model 3" || d.ModelYear != 2024 || !d.Community {
			t.Errorf("%s: a Model 3 of Shanghai is %+v", c.path, d.Answer())
		}
		says.Reset()
		if err := (&refdataBuildVPICCmd{Dump: c.path, Against: out, Out: filepath.Join(dir, "again.idx")}).Run(t.Context(), &streams{out: &says}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(says.String(), "new makes: 0\n") || !strings.Contains(says.String(), "WMIs no longer there: 0\n") {
			t.Errorf("%s against itself:\n%s", c.path, says.String())
		}
	}
	for _, c := range []struct {
		name, says string
		cmd        refdataBuildVPICCmd
	}{
		{"a zip cut short", "zip: not a valid zip file", refdataBuildVPICCmd{Dump: write("short.zip", whole[:len(whole)-30])}},
		{"a gzip cut short", "the file ends inside the table", refdataBuildVPICCmd{Dump: write("short.gz", packed.Bytes()[:packed.Len()/2])}},
		{"two dumps", "a dump is one .sql file", refdataBuildVPICCmd{Dump: write("two.zip", zipped("a.sql", "b.sql"))}},
		{"no dump", "no .sql file", refdataBuildVPICCmd{Dump: write("none.zip", zipped("a.txt"))}},
		{"an index that is none", "not a usable vPIC index", refdataBuildVPICCmd{Dump: write("good.sql", text), Against: write("bad.idx", text)}},
		{"the cut without the lookups", "--lookups", refdataBuildVPICCmd{SQLite: write("cut.sqlite", nil)}},
		{"a dump with lookups", "--lookups", refdataBuildVPICCmd{Dump: write("good2.sql", text), Lookups: write("l.json", nil)}},
	} {
		c.cmd.Out = filepath.Join(dir, "refused.idx")
		err := c.cmd.Run(t.Context(), &streams{out: new(bytes.Buffer)})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", c.name, err, c.says)
		}
		if _, err := os.Stat(c.cmd.Out); !os.IsNotExist(err) {
			t.Errorf("%s: something was written (%v)", c.name, err)
		}
	}
}
