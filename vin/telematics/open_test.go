package telematics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// encoded is the stored form of a small catalogue.
func encoded(t testing.TB, change func(*File)) []byte {
	t.Helper()
	src := Source{ID: "1", Address: "https://example.org/1", Quote: "q", Certainty: Reported}
	f := File{
		Edition: "2026-11-22.x",
		Rows: []Row{
			{Makes: []string{"A"}, Models: []string{"B"}, Role: "tcu", Maker: "M", Model: "X", Resolves: "module", Source: src},
			{Makes: []string{"Škoda"}, Models: []string{"Ünit (x)", "*"}, Role: "tcu", Resolves: "unit", Period: "\"quoted\" \\ \u2028 \t", Markets: []string{"EU", "US"}, From: 2011, To: 2013, Since: "2011-05", Build: true, Source: src},
		},
		Modules: []Module{{Makers: []string{"A"}, Model: "B", Names: []string{"B"}, Source: src}},
		Rules:   []Rule{{Value: No, To: 1995, Because: "so", Source: src}},
		Abouts:  []About{{Makes: []string{"A"}, Models: []string{"*"}, Fact: FactGNSS, Value: "yes", Because: "so", Source: src}},
	}
	if change != nil {
		change(&f)
	}
	b, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is written is read again, every field of it.
func TestEncodeAndOpen(t *testing.T) {
	want := catalogue(t).File()
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, embedded) {
		t.Error("the embedded catalogue, read and written again, is another")
	}
	var plain File
	if err := json.Unmarshal(b, &plain); err != nil {
		t.Fatalf("any JSON reader should read it: %v", err)
	}
	if d := cmp.Diff(*want, plain, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("as encoding/json reads it (-ours +theirs):\n%s", d)
	}
	if _, err := Open(encoded(t, nil)); err != nil {
		t.Error(err)
	}
}

// A file that is not whole, or holds what no catalogue holds, is refused with
// the reason and the place.
func TestOpenRefuses(t *testing.T) {
	src := Source{ID: "1", Address: "a", Quote: "q", Certainty: Reported}
	for name, tc := range map[string]struct {
		change func(*File)
		want   string
	}{
		"no edition":              {func(f *File) { f.Edition = "" }, "line 1: it names no edition"},
		"row without id":          {func(f *File) { f.Rows[1].ID = "" }, "line 4: it has no id, make or model"},
		"row without make":        {func(f *File) { f.Rows[0].Makes = nil }, "line 3: "},
		"empty model name":        {func(f *File) { f.Rows[0].Models = []string{"-"} }, `line 3: row "1" has the model name "-"`},
		"model of only a remark":  {func(f *File) { f.Rows[0].Models = []string{"(x)"} }, "line 3: "},
		"years back to front":     {func(f *File) { f.Rows[1].To = 2001 }, `line 4: row "1" speaks of the years 2011 to 2001`},
		"a year nobody builds in": {func(f *File) { f.Rows[1].To = 20110 }, "line 4: "},
		"no month":                {func(f *File) { f.Rows[1].Since = "2011-13" }, "line 4: "},
		"a unit with a maker":     {func(f *File) { f.Rows[1].Maker = "M" }, "only shows a unit and names a module's maker"},
		"bad pattern":             {func(f *File) { f.Patterns = []Pattern{{Pattern: "(", Source: src}} }, `pattern "("`},
		"rule sans source":        {func(f *File) { f.Rules[0].Address = "" }, `rule "1" has no source`},
		"rule sans reason":        {func(f *File) { f.Rules[0].Because = "" }, `rule "1" has no source`},
		"rule that says no":       {func(f *File) { f.Rules[0].Quote = "" }, `rule "1" says no and quotes nothing`},
		"rule of no day":          {func(f *File) { f.Rules[0].ApprovedSince = "soon" }, `rule "1"`},
		"name of two":             {func(f *File) { f.Makers = []MakerName{{"A", []string{"C"}}, {"B", []string{"c"}}} }, `names both "B" and "A"`},
		"a fact nobody knows":     {func(f *File) { f.Abouts[0].Fact = "colour" }, `statement "1": "colour" is not a fact`},
		"a fact without quote":    {func(f *File) { f.Abouts[0].Quote = "" }, `statement "1": it lacks`},
		"a value of no fact":      {func(f *File) { f.Abouts[0].Value = "CN" }, `"CN" is not a value of gnss`},
		"a country of no unit":    {func(f *File) { f.Abouts[0].Fact, f.Abouts[0].Value = FactSIMHome, "RO" }, "in the unit"},
		"a sunset of no day":      {func(f *File) { f.Sunsets = []Sunset{{Generation: "3G", Country: "US", Because: "so", Source: src}} }, `sunset "1"`},
	} {
		if _, err := Open(encoded(t, tc.change)); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tc.want)
		}
	}
	whole := encoded(t, nil)
	for name, tc := range map[string]struct{ old, new, want string }{
		"a damaged quote":       {`"quote":"q"`, `"quote":"Q"`, `line 2: the section "rows" that begins here does not fit its checksum`},
		"half a row":            {`"resolves":"module",`, ``, "line 2: "},
		"another order":         {`"devices":[]`, `"devises":[]`, `line 5: the section "devices" does not begin here`},
		"no sums":               {`"sums":{`, `"sum":{`, "not whole"},
		"a sum that is no sum":  {`"sums":{"rows":"`, `"sums":{"rows":"x`, "line 2: "},
		"no line for a section": {"],\n\"context\"", "], \"context\"", "line 5: "},
	} {
		bad := bytes.Replace(whole, []byte(tc.old), []byte(tc.new), 1)
		if bytes.Equal(bad, whole) {
			t.Fatalf("%s: %q does not occur", name, tc.old)
		}
		if _, err := Open(bad); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tc.want)
		}
	}
	for n := range whole {
		if _, err := Open(whole[:n]); !errors.Is(err, ErrFormat) {
			t.Fatalf("the first %d of %d bytes: error %v", n, len(whole), err)
		}
	}
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 1 << (i % 8)
		if c, err := Open(bad); err == nil && c.Edition() == "2026-11-22.x" {
			t.Fatalf("byte %d damaged and not noticed: %q", i, bad[max(0, i-20):min(len(bad), i+20)])
		}
	}
}

// The place of a bad row is told whichever worker reads it.
func TestOpenNamesTheLineOfManyRows(t *testing.T) {
	const rows, bad = 5000, 4321
	b := encoded(t, func(f *File) {
		f.Rows = nil
		for i := range rows {
			f.Rows = append(f.Rows, Row{Makes: []string{"Make"}, Models: []string{fmt.Sprint("Model ", i%97)}, Role: "tcu", Resolves: "unit", From: 2000, To: 2020,
				Source: Source{ID: fmt.Sprint(i), Address: "https://example.org", Quote: strings.Repeat("words ", 20), Certainty: Reported}})
		}
		f.Rows[bad].To = 1999
	})
	want := fmt.Sprintf("line %d: row %q speaks of the years 2000 to 1999", bad+3, fmt.Sprint(bad))
	if _, err := Open(b); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}

// Rows are read as encoding/json reads them, and refused where it refuses.
func TestReadRow(t *testing.T) {
	for _, line := range []string{
		`{}`, ` { "makes" : [ "A" , "B" ] , "from":2011 , "build":true, "optional" : false }` + "\r",
		`{"note":"\u00e4\ud83d\ude97\n\"\\\/","certainty":"documented"}`, `{"from":-1,"to":0}`, `{"makes":[],"id":""}`,
		`{"id":"a","id":"b","makes":["x","y"],"makes":["z"]}`,
		``, `{`, `}`, `[]`, `null`, `{"id":}`, `{"id":"a"`, `{"id":"a",}`, `{"id":"a"}}`, `{"id":"a" "note":"b"}`, `{id:"a"}`, `{"id":'a'}`,
		`{"id":"a` + "\n" + `"}`, `{"id":"\x"}`, `{"id":"\u12"}`, `{"id":"\`, `{"id":1}`, `{"from":"1"}`, `{"from":01}`, `{"from":1.5}`, `{"from":-}`,
		`{"makes":"A"}`, `{"makes":["A",]}`, `{"makes":["A"`, `{"makes":[1]}`, `{"build":1}`, `{"build":tru}`, `{"certainty":"sure"}`, `{"colour":"red"}`,
		`{"Makes":["A"]}`, "{\"id\":\"\xff\"}",
	} {
		var ours, theirs Row
		err := readRow(line, &ours)
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		werr := dec.Decode(&theirs)
		if werr == nil {
			if _, more := dec.Token(); more != io.EOF {
				werr = errors.New("something follows")
			}
		}
		// Ours is the stricter where encoding/json guesses.
		stricter := strings.Contains(line, `"Makes"`) || line == "null" || !utf8.ValidString(line)
		if (err == nil) != (werr == nil) && !stricter || stricter && err == nil {
			t.Errorf("%q: %v, encoding/json: %v", line, err, werr)
			continue
		}
		if err != nil {
			continue
		}
		if d := cmp.Diff(theirs, ours, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%q (-json +ours):\n%s", line, d)
		}
	}
}

func FuzzReadRow(f *testing.F) {
	c := catalogue(f)
	for i := range c.rows.recs {
		r := c.rows.recs[i]
		f.Add(c.rows.text[r.off : r.off+r.n])
	}
	f.Fuzz(func(t *testing.T, line string) {
		var ours, theirs Row
		if err := readRow(line, &ours); err != nil {
			return
		}
		if err := json.Unmarshal([]byte(line), &theirs); err != nil {
			t.Fatalf("%q was read, and encoding/json says %v", line, err)
		}
		if d := cmp.Diff(theirs, ours, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%q (-json +ours):\n%s", line, d)
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add(encoded(f, nil))
	f.Add(encoded(f, func(f *File) { f.Rows, f.Edition = nil, "<" }))
	f.Add([]byte(`{"edition":"x",`))
	f.Fuzz(func(t *testing.T, b []byte) {
		// The checksums would hide the rest from the fuzzer.
		c, err := Open(resummed(b))
		if err != nil {
			return
		}
		for i := range c.Rows() {
			r := c.Row(i)
			c.Lookup(Query{Make: r.Makes[0], Model: r.Models[0], Year: r.From, Market: "EU", Built: r.Since})
		}
		c.Identify("module", "B")
		c.Identify("fcc_id", "XMR2020AG525RGL")
		c.Identify("tcu_part", "1098058")
		c.Identify("device", "B")
		c.Context("A")
		if again, err := c.File().Encode(); err != nil {
			t.Fatal(err)
		} else if _, err := Open(again); err != nil {
			t.Fatalf("what was opened cannot be written and opened again: %v", err)
		}
	})
}

// resummed gives a file the checksums that its sections have.
func resummed(b []byte) []byte {
	last := bytes.LastIndex(b, []byte("\n\"sums\":"))
	if last < 0 {
		return b
	}
	var sums []string
	at := bytes.IndexByte(b, '\n') + 1
	for i := range sectionList {
		size := last - at
		if i < len(sectionList)-1 && at <= last {
			size = bytes.Index(b[at:last+1], []byte("\n\""))
		}
		if size < 1 {
			return b
		}
		sums = append(sums, fmt.Sprintf("%q:\"%08x\"", sectionList[i].name, crc32.Checksum(b[at:at+size-1], castagnoli)))
		at += size + 1
	}
	return append(bytes.Clone(b[:last]), "\n\"sums\":{"+strings.Join(sums, ",")+"}}\n"...)
}
