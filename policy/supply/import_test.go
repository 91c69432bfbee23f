package supply

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func options(t testing.TB) ImportOptions {
	t.Helper()
	m, err := NewMatcher(small(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return ImportOptions{List: "l", MatchWith: m, Edition: Edition{ID: "l-1", From: "2026-01-01", Ref: Ref{Source: "https://example.org/list", Date: "2026-01-01", Certainty: "official"}}}
}

func TestImportOpenSanctions(t *testing.T) {
	text, err := os.ReadFile("testdata/import/targets.simple.csv")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ImportOpenSanctions(bytes.NewReader(text), options(t))
	if err != nil {
		t.Fatal(err)
	}
	if got.Rows != 5 || got.Passed != 1 || got.Bad != 0 || got.Matched != 2 || len(got.Edition.Entries) != 4 {
		t.Errorf("%d rows, %d passed, %d bad, %d matched, %d entries", got.Rows, got.Passed, got.Bad, got.Matched, len(got.Edition.Entries))
	}
	e := got.Edition.Entries
	if e[0].ID != "NK-a" || e[0].Party != "acme" || e[0].Match != "same name" || !slices.Equal(e[0].Also, []string{"Acme Wireless", "艾克米通信"}) || !slices.Equal(e[0].Countries, []string{"CN"}) {
		t.Errorf("%+v", e[0])
	}
	if e[0].Source != "https://example.org/list" || e[0].Certainty != "official" || e[0].From != "" {
		t.Errorf("an entry's source and days: %+v", e[0])
	}
	if e[1].Party != "" || len(got.Proposals) == 0 || got.Proposals[0].Entry != "NK-b" || got.Proposals[0].Party != "acme" {
		t.Errorf("what looks alike: %+v, %+v", e[1], got.Proposals)
	}
	if e[2].Party != "lee" || e[3].Name != `Nowhere "Trading"` {
		t.Errorf("%+v %+v", e[2], e[3])
	}
	for _, personal := range []string{"1970-01-02", "1 Main St", "+44", "example.test"} {
		if s := fmt.Sprintf("%+v", got.Edition); strings.Contains(s, personal) {
			t.Errorf("personal data was kept: %s", personal)
		}
	}
	if !slices.Contains(got.Unread, "birth_date") || slices.Contains(got.Unread, "aliases") {
		t.Errorf("unread %q", got.Unread)
	}
	o := options(t)
	o.Where = map[string]string{"dataset": "Other List"}
	if got, err = ImportOpenSanctions(bytes.NewReader(text), o); err != nil || len(got.Edition.Entries) != 2 {
		t.Errorf("of one collection: %d entries, %v", len(got.Edition.Entries), err)
	}
	o.Where, o.Named = nil, true
	if got, err = ImportOpenSanctions(bytes.NewReader(text), o); err != nil || len(got.Edition.Entries) != 2 || got.Passed != 3 {
		t.Errorf("only parties: %d entries, %d passed, %v", len(got.Edition.Entries), got.Passed, err)
	}
}

// The columns of the public transcription of the 1260H list, which is how a
// table with named columns is imported.
func TestImportNamedColumns(t *testing.T) {
	const text = "\ufeffName,Clean Name,Alias,Parent Name,Start date,End date,Source Url\n" +
		"\"Acme Wireless Solutions Co., Ltd. (Acme)*\",\"Acme Wireless Solutions Co., Ltd.\",Acme,,2026-01-01,,https://example.org/2026\n" +
		"Gone Ltd.,Gone Ltd.,,,2026-01-01,2026-03-01,https://example.org/2026\n" +
		"Later Ltd.,Later Ltd.,,,2026-02-01,,\n" +
		"Old Ltd.,Old Ltd.,,,2021-06-03,,\n"
	o := options(t)
	o.Where = map[string]string{"End date": ""}
	got, err := ImportCSV(strings.NewReader(text), ',', Columns{Name: "Clean Name", Also: "Alias", From: "Start date", Until: "End date", Source: "Source Url", Split: ","}, o)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Edition.Entries); n != 3 || got.Passed != 1 {
		t.Fatalf("%d entries, %d passed", n, got.Passed)
	}
	e := got.Edition.Entries
	if e[0].Party != "acme" || e[0].Source != "https://example.org/2026" || e[0].From != "" || e[1].From != "2026-02-01" || e[1].Source != "https://example.org/list" {
		t.Errorf("%+v", e)
	}
	o = options(t)
	o.Remarks = true
	if got, err = ImportCSV(strings.NewReader(text), ',', Columns{Name: "Name"}, o); err != nil {
		t.Fatal(err)
	}
	if e := got.Edition.Entries[0]; e.Name != "Acme Wireless Solutions Co., Ltd." || !slices.Equal(e.Also, []string{"Acme"}) || e.Party != "acme" {
		t.Errorf("remarks: %+v", e)
	}
}

func TestImportNamesEveryBadRow(t *testing.T) {
	const header = "id,name,countries,from,until,certainty\n"
	for _, c := range []struct {
		name, text  string
		line, col   int
		field, says string
	}{
		{"nobody", header + "1,,,,,\n", 2, 3, "name", "names nobody"},
		{"no letter", header + "1,---,,,,\n", 2, 3, "name", "names nobody"},
		{"a date", header + "1,A,,soon,,\n", 2, 6, "from", "not a date"},
		{"never", header + "1,A,,2027-01-01,2026-06-01,\n", 2, 17, "until", "is never"},
		{"twice", header + "1,A,,,,\n1,B,,,,\n", 3, 1, "id", "line 2"},
		{"too many cells", header + "1,A,,,,,x\n", 2, 0, "", "7 cells"},
		{"too few", header + "1,A\n", 2, 0, "", "2 cells"},
		{"bytes", header + "1,A\xff,,,,\n", 2, 3, "name", "UTF-8"},
		{"a control character", header + "1,A\x01,,,,\n", 2, 3, "name", "U+0001"},
		{"letters reversed", header + "1,A\u202eB,,,,\n", 2, 3, "name", "U+202E"},
		{"a bare quotation mark", header + "1,A\"B,,,,\n", 2, 4, "", "quotation mark"},
		{"an open quotation mark", header + "1,\"A,,,,\n2,B,,,,\n", 2, 0, "", "not closed properly"},
		{"a certainty", header + "1,A,,,,sure\n", 2, 8, "certainty", "not one of"},
		{"a long cell", header + "1," + strings.Repeat("A", MaxImportCell+1) + ",,,,\n", 2, 3, "name", "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.text + "9,Good Ltd.,,,,\n"
			got, err := ImportCSV(strings.NewReader(text), ',', Columns{}, options(t))
			if !errors.Is(err, ErrRows) {
				t.Fatalf("got %v", err)
			}
			if len(got.Edition.Entries) != 0 {
				t.Errorf("half of it was imported: %+v", got.Edition.Entries)
			}
			if len(got.Errors) != 1 {
				t.Fatalf("errors %+v", got.Errors)
			}
			e := got.Errors[0]
			if e.Line != c.line || c.col != 0 && e.Column != c.col || e.Field != c.field || !strings.Contains(e.Reason, c.says) {
				t.Errorf("%+v, want line %d, column %d (%s): …%s…", e, c.line, c.col, c.field, c.says)
			}
			if c.name == "an open quotation mark" {
				return // it swallows what follows
			}
			o := options(t)
			o.GoodRows = true
			got, err = ImportCSV(strings.NewReader(text), ',', Columns{}, o)
			if err != nil || len(got.Edition.Entries) == 0 || got.Edition.Entries[len(got.Edition.Entries)-1].Name != "Good Ltd." {
				t.Errorf("the good rows: %+v, %v", got.Edition.Entries, err)
			}
		})
	}
}

// A cell of several lines is one line of an answer.
func TestImportedTextIsOneLine(t *testing.T) {
	got, err := ImportCSV(strings.NewReader("id,name,quote,note\n\"1\n2\",\"Good\nLtd.\",\"the words\r\n\tof it\",\"a\nnote\"\n"), ',', Columns{}, options(t))
	if err != nil {
		t.Fatal(err)
	}
	if e := got.Edition.Entries[0]; e.ID != "1 2" || e.Name != "Good Ltd." || e.Quote != "the words of it" || e.Note != "a note" {
		t.Errorf("%q %q %q %q", e.ID, e.Name, e.Quote, e.Note)
	}
}

func TestImportRefusesFiles(t *testing.T) {
	for name, c := range map[string]struct {
		text, says string
		change     func(*ImportOptions, *Columns)
	}{
		"empty":              {text: "", says: "empty"},
		"no name column":     {text: "id,nom\n1,A\n", says: `"name"`},
		"two of a name":      {text: "name,Name\nA,B\n", says: "one name"},
		"UTF-16":             {text: "\xff\xfen\x00", says: "UTF-16"},
		"a spreadsheet":      {text: "PK\x03\x04", says: "spreadsheet"},
		"an endless row":     {text: "name\n\"" + strings.Repeat("x", 3*MaxImportRecord), says: "quotation mark"},
		"too many columns":   {text: strings.Repeat("a,", maxColumns) + "name\n", says: "columns"},
		"a column not there": {text: "name\nA\n", says: `"Other"`, change: func(_ *ImportOptions, c *Columns) { c.Also = "Other" }},
		"a filter not there": {text: "name\nA\n", says: `"Other"`, change: func(o *ImportOptions, _ *Columns) { o.Where = map[string]string{"Other": "x"} }},
		"no source":          {text: "name\nA\n", says: "no source", change: func(o *ImportOptions, _ *Columns) { o.Edition.Source = "" }},
		"no first day":       {text: "name\nA\n", says: "first day", change: func(o *ImportOptions, _ *Columns) { o.Edition.From = "2026" }},
		"ends before":        {text: "name\nA\n", says: "is never", change: func(o *ImportOptions, _ *Columns) { o.Edition.Until = "2025-01-01" }},
		"no list":            {text: "name\nA\n", says: "id of its list", change: func(o *ImportOptions, _ *Columns) { o.List = "" }},
	} {
		o, cols := options(t), Columns{}
		if c.change != nil {
			c.change(&o, &cols)
		}
		got, err := ImportCSV(strings.NewReader(c.text), ',', cols, o)
		if err == nil || errors.Is(err, ErrRows) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, Imported{}) {
			t.Errorf("%s: something was kept: %+v", name, got)
		}
	}
	broken := errors.New("the stick was pulled")
	_, err := ImportCSV(io.MultiReader(strings.NewReader("name\nA\n"), failing{broken}), ',', Columns{}, options(t))
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// What was imported keeps none of the buffers that rows were read into.
func TestImportedTextsAreTheirOwn(t *testing.T) {
	var text strings.Builder
	text.WriteString("id,name,aliases,countries\n")
	for i := range 2000 {
		fmt.Fprintf(&text, "%d,Maker number %d Ltd.,Number %d;N-%d,cn\n", i, i, i, i)
	}
	got, err := ImportCSV(strings.NewReader(text.String()), ',', Columns{}, options(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range got.Edition.Entries {
		if e.ID != fmt.Sprint(i) || e.Name != fmt.Sprintf("Maker number %d Ltd.", i) || e.Also[1] != fmt.Sprintf("N-%d", i) || e.Countries[0] != "CN" || e.Quote != e.Name {
			t.Fatalf("entry %d: %+v", i, e)
		}
	}
}

func TestErrorsAreBounded(t *testing.T) {
	text := "name\n" + strings.Repeat("--\n", MaxRowErrors+500)
	got, err := ImportCSV(strings.NewReader(text), ',', Columns{}, options(t))
	if !errors.Is(err, ErrRows) || len(got.Errors) != MaxRowErrors || got.Bad != MaxRowErrors+500 {
		t.Errorf("%d errors kept of %d, %v", len(got.Errors), got.Bad, err)
	}
}

func fuzzOptions(t testing.TB) ImportOptions {
	o := options(t)
	o.GoodRows, o.Remarks = true, true
	return o
}

// checkImported holds what must be true of whatever was imported.
func checkImported(t *testing.T, g *Graph, got Imported, err error) {
	t.Helper()
	if err != nil {
		if !reflect.DeepEqual(got, Imported{}) && !errors.Is(err, ErrRows) {
			t.Fatalf("half an import: %+v, %v", got, err)
		}
		return
	}
	if got.Rows != got.Passed+got.Bad+len(got.Edition.Entries) {
		t.Fatalf("%d rows are not %d passed, %d bad and %d entries", got.Rows, got.Passed, got.Bad, len(got.Edition.Entries))
	}
	for _, e := range got.Errors {
		if e.Line < 1 || e.Reason == "" {
			t.Fatalf("an error that names no place: %+v", e)
		}
	}
	if _, err := g.WithLists(List{ID: "l", Title: "L", Editions: []Edition{got.Edition}}); err != nil {
		t.Fatalf("what was imported cannot be held: %v", err)
	}
}

func FuzzImportCSV(f *testing.F) {
	f.Add([]byte("id,name,countries,from,until\n1,Acme Wireless,cn,2026-02-01,\n"))
	f.Add([]byte("name;aliases\nAcme (AWS)*;\"a;b\"\n"))
	f.Add([]byte("\ufeffName,Source\n\"A\nB\",x\n"))
	f.Add([]byte("name\n\"open\n"))
	g := small(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ImportCSV(bytes.NewReader(text), ',', Columns{}, fuzzOptions(t))
		checkImported(t, g, got, err)
	})
}

func FuzzImportOpenSanctions(f *testing.F) {
	text, err := os.ReadFile("testdata/import/targets.simple.csv")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("id,schema,name,aliases,countries,dataset\nNK-1,Company,Acme Wireless,,cn,x\n"))
	g := small(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ImportOpenSanctions(bytes.NewReader(text), fuzzOptions(t))
		checkImported(t, g, got, err)
	})
}

func FuzzReadReviews(f *testing.F) {
	f.Add([]byte(`{"list":"l","name":"n","party":"acme","party_name":"A","score":0.7,"why":"w","seal":"s","decision":"same","by":"B","on":"2026-01-01","reason":"r"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ReadReviews(bytes.NewReader(text), "r")
		if err != nil {
			return
		}
		for _, r := range got {
			if r.Decision != "" && (r.By == "" || r.Reason == "" || r.On == "") {
				t.Fatalf("unsigned: %+v", r)
			}
		}
		var b bytes.Buffer
		if err := WriteReviews(&b, got); err != nil {
			t.Fatal(err)
		}
		again, err := ReadReviews(&b, "r")
		if err != nil || len(again) != len(got) {
			t.Fatalf("%d became %d, %v", len(got), len(again), err)
		}
	})
}

func FuzzReadTrusted(f *testing.F) {
	f.Add([]byte(`{"id":"a","title":"A","authority":"B","source":"s","certainty":"official","trusts":[{"name":"n","party":"p","from":"2025-01-01","until":"2026-01-01","source":"s","certainty":"official"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		lists, err := ReadTrusted(bytes.NewReader(text), "t")
		if err != nil {
			return
		}
		for _, l := range lists {
			for _, k := range l.Trusts {
				if k.Source == "" || k.Until == "" || l.Authority == "" {
					t.Fatalf("trusted on nobody's word, or for ever: %+v", l)
				}
			}
		}
	})
}

// targets writes a table like OpenSanctions' with n rows, as it is read.
type targets struct {
	n, at int
	buf   []byte
}

func (t *targets) Read(p []byte) (int, error) {
	for len(t.buf) < 32<<10 && t.at <= t.n {
		if t.at == 0 {
			t.buf = append(t.buf, "\"id\",\"schema\",\"name\",\"aliases\",\"birth_date\",\"countries\",\"addresses\",\"identifiers\",\"sanctions\",\"phones\",\"emails\",\"program_ids\",\"dataset\",\"first_seen\",\"last_seen\",\"last_change\"\n"...)
		} else {
			h := uint64(t.at) * 0x9e3779b97f4a7c15
			t.buf = fmt.Appendf(t.buf, "\"NK-%x\",\"%s\",\"%s %s %s Co., Ltd.\",\"%s %d;%s Group;%s Wireless\",\"\",\"%s\",\"%d Road of the People, District %d\",\"%d\",\"A list;2026-01-01\",\"\",\"\",\"XX-L\",\"List %d\",\"2024-02-01T00:00:00\",\"2026-09-28T06:00:00\",\"2026-09-15T10:40:01\"\n",
				h, []string{"Company", "Person", "Organization", "LegalEntity"}[h>>62], //nolint:misspell // the words of the table
				syllables[h>>10&15], syllables[h>>20&15]+syllables[h>>24&15], trades[h>>30&7], syllables[h>>10&15], h>>50, syllables[h>>34&15], syllables[h>>40&15],
				[]string{"cn", "ru", "ir", "us;hk"}[h>>44&3], h>>54, h>>56, h>>8, h>>60)
		}
		t.at++
	}
	if len(t.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(p, t.buf)
	t.buf = t.buf[:copy(t.buf, t.buf[n:])]
	return n, nil
}

var (
	syllables = [16]string{"Shan", "Zhen", "Quan", "Tel", "Fibo", "Roll", "Neo", "Go", "Sun", "Mei", "Volga", "Alma", "Kam", "Huan", "Rui", "Jin"}
	trades    = [8]string{"Wireless", "Technology", "Electronics", "Motors", "Trading", "Shipping", "Communications", "Industry"}
)

// BenchmarkImportOpenSanctions imports a table of a million rows against the
// graph that is shipped.
func BenchmarkImportOpenSanctions(b *testing.B) {
	g := graph(b)
	for _, named := range []bool{true, false} {
		b.Run(map[bool]string{true: "parties", false: "all"}[named], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := NewMatcher(g, nil)
				if err != nil {
					b.Fatal(err)
				}
				o := options(b)
				o.MatchWith, o.Named = m, named
				got, err := ImportOpenSanctions(&targets{n: 1_000_000}, o)
				if err != nil || got.Rows != 1_000_000 {
					b.Fatal(got.Rows, err)
				}
				b.ReportMetric(float64(len(got.Proposals)+got.MoreProposals), "proposals")
			}
		})
	}
}
