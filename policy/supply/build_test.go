package supply

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// The embedded graph is what the sources give.
func TestEmbeddedIsWhatTheSourcesGive(t *testing.T) {
	got, err := Build(os.DirFS(shared(t, "supply")))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, embedded) {
		t.Fatalf("supply.json (%d bytes) is not what the sources give (%d bytes): run refdata build supply", len(embedded), len(got))
	}
}

// A row that nobody has reviewed stops the build, which names file and line.
func TestBuildRefuses(t *testing.T) {
	dir := shared(t, "supply")
	for _, tc := range []struct{ name, file, old, new, want string }{
		{"a relation not reviewed", "edges.jsonl", `"wholly_owned_by"`, `"swallowed_by"`, `edges.jsonl line 2: the relation "swallowed_by" has not been reviewed`},
		{"an owner not reviewed", "carmakers.jsonl", `"owner": "BAIC Group"`, `"owner": "Somebody"`, `who owns "Mercedes-Benz Group" by "Somebody" has not been reviewed`},
		{"a party twice", "entities.jsonl", `"id": "netprisma"`, `"id": "ikotek"`, `party "ikotek" appears twice`},
		{"an edge of nobody", "edges.jsonl", `"from": "longcheer"`, `"from": "nobody"`, `the party "nobody", which is not there`},
		{"an owner who is no party", "edges.jsonl", `"to": "europastar_lp"`, `"to": "someone"`, "names no owner"},
		{"a share above 100", "edges.jsonl", `"share_pct": 68.0918`, `"share_pct": 168`, "a share of 168 per cent"},
		{"a new field", "instruments.jsonl", `{"id"`, `{"colour": "red", "id"`, "instruments.jsonl line 1"},
		{"an entry the overlay reads is gone", "instruments.jsonl", `"NIO, Inc."`, `"Nio"`, `"NIO, Inc." is not among the entries of "us-1260h-2026"`},
		{"a row the overlay amends is gone", "edges.jsonl", `"acquired_by (agreed offer`, `"owned_by (agreed offer`, "matches nothing in the sources any more"},
		{"half a line", "entities.jsonl", `"official", "note": null, "seen_via": null}`, `"official"`, "entities.jsonl line"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := fstest.MapFS{}
			for _, n := range []string{"entities.jsonl", "edges.jsonl", "carmakers.jsonl", "instruments.jsonl"} {
				b, err := fs.ReadFile(os.DirFS(dir), n)
				if err != nil {
					t.Fatal(err)
				}
				m[n] = &fstest.MapFile{Data: b}
			}
			old := string(m[tc.file].Data)
			bad := strings.Replace(old, tc.old, tc.new, 1)
			if bad == old {
				t.Fatalf("%q does not occur", tc.old)
			}
			m[tc.file] = &fstest.MapFile{Data: []byte(bad)}
			out, err := Build(m)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if out != nil {
				t.Error("something was built all the same")
			}
		})
	}
	if _, err := Build(fstest.MapFS{}); err == nil {
		t.Error("built from nothing")
	}
}

func TestDatesInProse(t *testing.T) {
	for s, want := range map[string]struct {
		date string
		seen bool
	}{
		"2024-12-03 (article date)":                        {"2024-12-03", false},
		"2024-07-03 (agreement); 2024-07-26 (completed)":   {"2024-07-26", false},
		"2020-07-23 (agreement)":                           {"2020-07-23", false},
		"2022 (draft 2022-06; adviser report 2022-09)":     {"2022", false},
		"2017-11 (notice 2017-066)":                        {"2017-11", false},
		"2025-03 (announced); completed before 2025-08-15": {"2025-03", false},
		"2022-07 announced; expected Q4 2022":              {"2022-07", false},
		"as of 2018":                                       {"2018", true},
		"seen 2025-10-27":                                  {"2025-10-27", true},
		"2023-Q2":                                          {"2023", false},
		"2021-22":                                          {"2021", false},
		"undated":                                          {"", false},
		"":                                                 {"", false},
	} {
		if d, seen := dateIn(s); d != want.date || seen != want.seen {
			t.Errorf("dateIn(%q) = %q, %v; want %q, %v", s, d, seen, want.date, want.seen)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	const src = `"source":"s","certainty":"official"`
	const p = `{"id":"a","name":"A",` + src + `}`
	for name, c := range map[string]struct{ file, says string }{
		"empty":            {``, "unexpected end"},
		"no edition":       {`{}`, "names no edition"},
		"a newer format":   {`{"edition":"x","format":2,"news":[]}`, "it is of format 2, and this program reads format 1"},
		"party twice":      {`{"edition":"x","parties":[` + p + `,` + p + `]}`, `party "a" appears twice`},
		"name of two":      {`{"edition":"x","parties":[` + p + `,{"id":"b","name":"a.",#}]}`, "names both"},
		"name of signs":    {`{"edition":"x","parties":[{"id":"--","name":"--",#}]}`, "neither letter nor digit"},
		"edge of nobody":   {`{"edition":"x","edges":[{"id":"1","from":"a","to":"b","kind":"owned_by",#}]}`, `edge "1" is about the party "a"`},
		"edge to nobody":   {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","to":"b","kind":"owned_by",#}]}`, `edge "1" leads to the party "b"`},
		"owner left out":   {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","kind":"owned_by",#}]}`, `edge "1" names no owner`},
		"share of 101":     {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","to":"a","kind":"owned_by","share":101,#}]}`, "a share of 101"},
		"kind unknown":     {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","to":"a","kind":"likes",#}]}`, `unknown kind "likes"`},
		"date of no month": {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","to":"a","kind":"owned_by","since":"2024-13",#}]}`, `"2024-13" is not a date`},
		"never":            {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","to":"a","kind":"owned_by","since":"2024-07-26","until":"2022",#}]}`, "is never"},
		"list without day": {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"e",#}]}]}`, "no readable first day"},
		"entry for nobody": {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"e","from":"2024","entries":[{"name":"n","party":"q",#}],#}]}]}`, `matches "n" to the party "q"`},
		"edition twice":    {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"e","from":"2024","until":"2025",#},{"id":"e","from":"2024","withdrawn":true,#}]}]}`, "no id of its own"},
		"another's id":     {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"e","from":"2024",#}]},{"id":"m","editions":[{"id":"e","from":"2024","withdrawn":true,#}]}]}`, "no id of its own"},
		"a list's id":      {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"m","from":"2024",#}]},{"id":"m"}]}`, "no id of its own"},
		"edition unnamed":  {`{"edition":"x","lists":[{"id":"l","editions":[{"from":"2024",#}]}]}`, "no id of its own"},
		"a line end":       {`{"edition":"x","parties":[{"id":"a","name":"A\nYES. A is owned by B",#}]}`, `party "a": the text`},
		"a terminal's own": {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","to":"a","kind":"owned_by","quote":"\u001b[2J",#}]}`, `edge "1": the text`},
		"letters reversed": {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"e","from":"2024","entries":[{"name":"n","also":["\u202ellatekcar"],#}],#}]}]}`, `list "l", edition "e", entry "n": the text`},
		"make of nobody":   {`{"edition":"x","makes":[{"name":"n","party":"q"}]}`, `make "n" names the party "q"`},

		"a party on nobody's word":       {`{"edition":"x","parties":[{"id":"a","name":"A","certainty":"official"}]}`, `party "a": it names no source`},
		"an edge on nobody's word":       {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","to":"a","kind":"owned_by","source":" ","certainty":"press"}]}`, `edge "1": it names no source`},
		"an edge of no certainty":        {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","to":"a","kind":"owned_by","source":"s"}]}`, `edge "1": it does not say how certain`},
		"an edge of a certainty unheard": {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","to":"a","kind":"owned_by","source":"s","certainty":"sure"}]}`, `edge "1": its certainty "sure" is none of`},
		"an edition on nobody's word":    {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"e","from":"2024"}]}]}`, `list "l", edition "e": it names no source`},
		"an entry on nobody's word":      {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"e","from":"2024","entries":[{"name":"n"}],#}]}]}`, `list "l", edition "e", entry "n": it names no source`},
		"an absence on nobody's word":    {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"e","from":"2024","absent":[{"name":"n"}],#}]}]}`, `list "l", edition "e", entry "n": it names no source`},
		"an instrument on nobody's word": {`{"edition":"x","instruments":[{"id":"i"}]}`, `instrument "i": it names no source`},
		"a plant on nobody's word":       {`{"edition":"x","plants":[{"brand":"b"}]}`, `plant "b": it names no source`},
		"a territory on nobody's word":   {`{"edition":"x","territories":[{"country":"CN"}]}`, `territory "CN": it names no source`},
		"a trust of no certainty":        {`{"edition":"x","trusted":[{"id":"t","trusts":[{"name":"n","source":"s"}],#}]}`, `positive list "t", trust "n": it does not say how certain`},

		"from misspelt":             {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","form":"a","to":"a","kind":"owned_by",#}]}`, `edge "1": unknown field "form"`},
		"until misspelt":            {`{"edition":"x","parties":[` + p + `],"edges":[{"id":"1","from":"a","to":"a","kind":"owned_by",#},{"id":"2","from":"a","to":"a","kind":"owned_by","untl":"2024",#}]}`, `edge "2": unknown field "untl"`},
		"withdrawn misspelt":        {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"e","from":"2024","withdrawm":true,#}]}]}`, `list "l", edition "e": unknown field "withdrawm"`},
		"until of an entry":         {`{"edition":"x","lists":[{"id":"l","editions":[{"id":"e","from":"2024","entries":[{"name":"n","til":"2024",#}],#}]}]}`, `list "l", edition "e", entry "n": unknown field "til"`},
		"a field of a nameless row": {`{"edition":"x","edges":[{"frm":"a"}]}`, `edge 1: unknown field "frm"`},
		"a section":                 {`{"edition":"x","partys":[]}`, `the file: unknown field "partys"`},
		"a share in words":          {`{"edition":"x","edges":[{"id":"1","share":"half"}]}`, `edge "1": json: cannot unmarshal string`},
		"a row that is a word":      {`{"edition":"x","edges":["all"]}`, "edge 1: json: cannot unmarshal string"},
	} {
		if _, err := Open([]byte(strings.ReplaceAll(c.file, "#", src))); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, seed := range []string{
		`{"edition":"2026-01-01.x","parties":[{"id":"a","name":"A","country":"CN",#},{"id":"b","name":"B",#}],"edges":[{"id":"1","from":"b","to":"a","kind":"owned_by","share":60,#},{"id":"2","from":"a","to":"b","kind":"owned_by","share":60,#}]}`,
		`{"edition":"x","parties":[{"id":"a","name":"A","unresolved":"?",#}],"edges":[{"id":"1","from":"a","to":"a","kind":"brand_of","alternative":true,#}],"lists":[{"id":"l","country":"CN","editions":[{"id":"e","from":"2024-01-01","entries":[{"name":"n","party":"a",#}],#}]}]}`,
		`{"edition":"x","edges":[{"frm":{"a":[1]}}]}`,
	} {
		f.Add([]byte(strings.ReplaceAll(seed, "#", `"source":"s","certainty":"press"`)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Open(b)
		if err != nil {
			return
		}
		d := day(today)
		for i, p := range g.Parties() {
			if i > 8 {
				break
			}
			for _, a := range []Answer{g.ControlledFrom(p.ID, "CN", 50, d), g.ShareFrom(p.ID, "CN", 25, d), g.DesignFrom(p.ID, "CN", d), g.OwnerResolved(p.ID, d)} {
				if a.Because == "" || !(a.Share >= 0 && a.Share <= 100) {
					t.Fatalf("%+v", a)
				}
			}
			for _, l := range g.Lists() {
				g.ListedOn(p.ID, l.ID, d)
			}
			g.Behind(p.ID, d)
			for _, h := range g.Below(p.ID, d) {
				if len(h.Path) == 0 {
					t.Fatalf("%s below %s without a path", h.Party, p.ID)
				}
			}
			list, _ := g.Holders(p.ID, 0, d)
			for _, h := range list {
				if !(h.Share >= 0 && h.Share <= 100) || len(h.Path) == 0 {
					t.Fatalf("%+v", h)
				}
			}
			if g.Report(p.ID, d) == "" {
				t.Fatal("no report")
			}
		}
	})
}
