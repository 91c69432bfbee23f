package telematics

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// The embedded catalogue is what the sources give.
func TestEmbeddedIsWhatTheSourcesGive(t *testing.T) {
	got, err := Build(os.DirFS(shared(t, "telematics")), os.DirFS(shared(t, "supply")))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, embedded) {
		t.Fatalf("catalogue.json (%d bytes) is not what the sources give (%d bytes): run refdata build telematics", len(embedded), len(got))
	}
}

// A row that nobody has reviewed stops the build, which names file and line.
func TestBuildRefuses(t *testing.T) {
	tele, sup := shared(t, "telematics"), shared(t, "supply")
	read := func(dir string, names ...string) fstest.MapFS {
		m := fstest.MapFS{}
		for _, n := range names {
			b, err := fs.ReadFile(os.DirFS(dir), n)
			if err != nil {
				t.Fatal(err)
			}
			m[n] = &fstest.MapFile{Data: b}
		}
		return m
	}
	for _, tc := range []struct{ name, file, old, new, want string }{
		{"an unknown market", "vehicles.jsonl", `"market": "JP"`, `"market": "Mars"`, `the market "Mars" has not been reviewed`},
		{"an unknown maker", "vehicles.jsonl", `"module_maker": "Telit"`, `"module_maker": "Telitt"`, "vehicles.jsonl line 1: the module maker \"Telitt\" has not been reviewed"},
		{"an unknown kind of result", "vehicles.jsonl", `"resolves": "chip-only"`, `"resolves": "guess"`, `it resolves to "guess"`},
		{"a new field", "oem.jsonl", `{"make"`, `{"colour": "red", "make"`, "oem.jsonl line 1"},
		{"two rows of one id", "aftermarket.jsonl", `"A0002"`, `"A0001"`, "not its own"},
		{"a bad TAC", "observed-tac.csv", "86875903,", "8687590X,", "observed-tac.csv line 2"},
		{"half a line", "vehicles.jsonl", `"model_keys": ["Model 3"]}`, `"model_keys": ["Model 3"`, "vehicles.jsonl line 1"},
		{"a row the overlay reads is gone", "vehicles.jsonl", `"id": "V0069"`, `"id": "V9069"`, "matches nothing in the sources any more"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := read(tele, "vehicles.jsonl", "oem.jsonl", "aftermarket.jsonl", "fcc_grantees.csv", "module_models.csv", "module_patterns.csv", "observed-tac.csv")
			old := string(m[tc.file].Data)
			bad := strings.Replace(old, tc.old, tc.new, 1)
			if bad == old {
				t.Fatalf("%q does not occur", tc.old)
			}
			m[tc.file] = &fstest.MapFile{Data: []byte(bad)}
			out, err := Build(m, os.DirFS(sup))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if out != nil {
				t.Error("something was built all the same")
			}
		})
	}
}
