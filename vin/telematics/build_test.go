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

func TestOpenRefuses(t *testing.T) {
	for name, b := range map[string]string{
		"empty":            ``,
		"not JSON":         `edition`,
		"no edition":       `{"rows":[]}`,
		"row without id":   `{"edition":"x","rows":[{"makes":["A"],"models":["B"],"certainty":"none","role":"tcu"}]}`,
		"empty model name": `{"edition":"x","rows":[{"id":"1","makes":["A"],"models":["-"],"certainty":"none","role":"tcu"}]}`,
		"bad certainty":    `{"edition":"x","rows":[{"id":"1","makes":["A"],"models":["B"],"certainty":"sure","role":"tcu"}]}`,
		"bad pattern":      `{"edition":"x","patterns":[{"pattern":"(","certainty":"none"}]}`,
		"rule sans source": `{"edition":"x","rules":[{"value":"no","because":"so","certainty":"none"}]}`,
		"name of two":      `{"edition":"x","makers":[{"name":"A","also":["C"]},{"name":"B","also":["c"]}]}`,
	} {
		if _, err := Open([]byte(b)); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"edition":"2026-11-22.x","rows":[{"id":"1","makes":["A"],"models":["B"],"certainty":"reported","role":"tcu","maker":"M","model":"X"}]}`))
	f.Add([]byte(`{"edition":"x","rules":[{"value":"no","because":"so","source":"s","to":1995,"certainty":"none","approved_since":"2018-03-31"}]}`))
	f.Add([]byte(`{"edition":"x","modules":[{"makers":["A"],"model":"B","names":["B"],"certainty":"none"}],"patterns":[{"pattern":"^B","makers":["A"],"certainty":"none"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Open(b)
		if err != nil {
			return
		}
		for _, r := range c.File().Rows {
			c.Lookup(Query{Make: r.Makes[0], Model: r.Models[0], Year: r.From, Market: "EU"})
		}
		c.Identify("module", "B")
		c.Identify("fcc_id", "XMR2020AG525RGL")
		c.Identify("device", "B")
		c.Context("A")
	})
}
