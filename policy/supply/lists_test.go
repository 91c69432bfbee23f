package supply

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func names1260(list []Difference) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.Name)
	}
	return out
}

// The two editions of the 1260H list as the source rows hold them.
func TestEditionsOf1260H(t *testing.T) {
	g := graph(t)
	c, err := g.DiffOn("us-1260h", day("2025-01-07"), day("2026-06-08"))
	if err != nil {
		t.Fatal(err)
	}
	if c.From.ID != "us-1260h-2025" || c.To.ID != "us-1260h-2026" || c.From.State != EditionSuperseded || c.To.State != EditionInForce {
		t.Errorf("from %+v to %+v", c.From, c.To)
	}
	if c.From.Complete || c.To.Complete {
		t.Error("an edition of which a part was transcribed says that it is complete")
	}
	if got := names1260(c.Added); !slices.Equal(got, []string{"BYD Company Limited", "CXMT"}) {
		t.Errorf("added %q", got)
	}
	if d := c.Added[0]; d.Party != "byd" || d.Proof == nil || !strings.Contains(d.Proof.Source, "kharon") {
		t.Errorf("what says that BYD was not on the older edition: %+v", d)
	}
	if len(c.Removed) != 0 {
		t.Errorf("removed %q, of an edition that is not held whole", names1260(c.Removed))
	}
	if got := c.Ended; len(got) != 1 || !strings.HasPrefix(got[0].Name, "CXMT") || got[0].On != "2026-02-17" {
		t.Errorf("ended %+v", got)
	}
	if got := names1260(c.OnlyNewer); !slices.Contains(got, "NIO, Inc.") || !slices.Contains(got, "DJI") || slices.Contains(got, "CATL") {
		t.Errorf("only on the newer, as held: %q", got)
	}
	if len(c.OnlyOlder) != 0 {
		t.Errorf("only on the older: %+v", c.OnlyOlder)
	}
	i := slices.IndexFunc(c.Renamed, func(d Difference) bool { return d.Party == "quectel" })
	if i < 0 || c.Renamed[i].Was != "Quectel" || c.Renamed[i].Name != "Quectel Wireless Solutions Co., Ltd." {
		t.Errorf("renamed %+v", c.Renamed)
	}
	if len(c.Between) != 1 || c.Between[0].ID != "us-1260h-feb2026-withdrawn" || c.Between[0].State != EditionWithdrawn {
		t.Errorf("between %+v", c.Between)
	}
}

// Two days are compared by whom the list names on them: what ended before the
// first is no news, and what is told of one edition is told as of one.
func TestDiffOnIsBoundByItsDays(t *testing.T) {
	g := graph(t)
	days := func(from, to string) Changes {
		t.Helper()
		c, err := g.DiffOn("us-1260h", day(from), day(to))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tc := range []struct {
		from, to     string
		one          bool
		ended, added []string
		same         int
		between      int
	}{
		{"2025-01-07", "2026-02-01", true, nil, nil, 5, 0},
		{"2025-01-07", "2026-02-16", true, nil, nil, 5, 1},
		{"2025-01-07", "2026-02-17", true, []string{"CXMT (ended 2026-02-17, relisted 2026-06-08)"}, nil, 4, 1},
		{"2026-02-17", "2026-06-07", true, nil, nil, 4, 0},
		{"2026-02-13", "2026-02-14", true, nil, nil, 5, 1},
		{"2026-03-01", "2026-06-08", false, nil, []string{"BYD Company Limited", "CXMT"}, 1, 0},
		{"2026-02-16", "2026-06-08", false, []string{"CXMT"}, []string{"BYD Company Limited", "CXMT"}, 1, 0},
		{"2026-06-08", "2026-11-22", true, nil, nil, 24, 0},
	} {
		c := days(tc.from, tc.to)
		if c.OneOnly != tc.one || !slices.Equal(names1260(c.Ended), tc.ended) || !slices.Equal(names1260(c.Added), tc.added) || c.Same != tc.same || len(c.Between) != tc.between {
			t.Errorf("%s to %s: one %t, ended %q, added %q, same %d, between %d", tc.from, tc.to, c.OneOnly, names1260(c.Ended), names1260(c.Added), c.Same, len(c.Between))
		}
	}
	if c := days("2026-03-01", "2026-06-08"); c.Added[1].On != "2026-02-17" {
		t.Errorf("since when it was not named: %+v", c.Added[1])
	}
	// Within one edition, what is named anew, and what comes and goes.
	ref := Ref{Source: "s", Certainty: "official"}
	ed := Edition{ID: "e", From: "2026-01-01", Ref: ref, Entries: []Entry{
		{Name: "later", From: "2026-03-01", Ref: ref}, {Name: "gone", Until: "2026-03-01", Ref: ref}, {Name: "between", From: "2026-02-10", Until: "2026-02-20", Ref: ref},
		{Name: "before", Until: "2026-01-15", Ref: ref}, {Name: "after", From: "2026-05-01", Ref: ref}, {Name: "always", Ref: ref}}}
	c := diffEditions(&ed, &ed, dayOf(day("2026-02-01")), dayOf(day("2026-04-01")))
	if !slices.Equal(names1260(c.Added), []string{"later"}) || !slices.Equal(names1260(c.Ended), []string{"gone"}) || c.Same != 1 {
		t.Errorf("added %q, ended %q, same %d", names1260(c.Added), names1260(c.Ended), c.Same)
	}
	// Between two: an entry that the newer edition ended again.
	next := Edition{ID: "f", From: "2026-03-01", Complete: true, Ref: ref, Entries: []Entry{
		{Name: "gone", Until: "2026-03-15", Ref: ref}, {Name: "brief", Until: "2026-03-20", Ref: ref}, {Name: "always", Ref: ref}, {Name: "after", From: "2026-05-01", Ref: ref}}}
	c = diffEditions(&ed, &next, dayOf(day("2026-02-01")), dayOf(day("2026-04-01")))
	if len(c.Added)+len(c.Removed)+len(c.OnlyNewer)+len(c.OnlyOlder) > 0 || !slices.Equal(names1260(c.Ended), []string{"gone"}) || c.Ended[0].On != "2026-03-15" || c.Same != 1 {
		t.Errorf("%+v", c)
	}
}

// The notice of 13 February 2026 was posted and withdrawn: it bit on no day,
// under no name, and cannot be compared with.
func TestWithdrawnEditionNeverBit(t *testing.T) {
	g := graph(t)
	const id = "us-1260h-feb2026-withdrawn"
	l, _ := g.List("us-1260h")
	for d := day("2026-02-10"); d.Before(day("2026-02-20")); d = d.AddDate(0, 0, 1) {
		if ed := l.EditionOn(d); ed == nil || ed.ID != "us-1260h-2025" {
			t.Errorf("on %s the edition is %+v", d, ed)
		}
		for _, p := range []string{"byd", "quectel", "fibocom"} {
			if a := g.ListedOn(p, id, d); a.Value == True {
				t.Errorf("%s on %s: %s", p, d, a.Because)
			}
		}
		if a := g.ListedOn("byd", "us-1260h", d); a.Value != False {
			t.Errorf("BYD on %s: %v, %s", d, a.Value, a.Because)
		}
	}
	for i := range l.Editions {
		if ed := &l.Editions[i]; ed.ID == id {
			for _, d := range []string{"2020-01-01", "2026-02-13", "2026-11-22", "2099-01-01"} {
				if s := ed.State(day(d)); s != EditionWithdrawn {
					t.Errorf("on %s it is %s", d, s)
				}
			}
		}
	}
}

// No text that the graph can say puts Fibocom on the 1260H list, or calls
// Quectel or Fibocom banned by the FCC.
func TestNeverSaid(t *testing.T) {
	g := graph(t)
	var texts []string
	say := func(v any) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	lists := []string{"us-1260h", "us-1260h-2025", "us-1260h-2026", "us-1260h-feb2026-withdrawn", "us-fcc-covered-list", "us-889"}
	for _, d := range []string{"2020-01-01", "2024-07-25", "2025-01-07", "2026-02-13", "2026-06-08", today} {
		for _, p := range g.Parties() {
			say(g.Behind(p.ID, day(d)))
			for _, l := range lists {
				a := g.ListedOn(p.ID, l, day(d))
				say(a)
				if a.Value == True && strings.HasPrefix(l, "us-1260h") && (p.ID == "fibocom" || strings.HasPrefix(p.ID, "rolling")) {
					t.Errorf("%s is on %s on %s: %s", p.ID, l, d, a.Because)
				}
				if a.Value == True && l == "us-fcc-covered-list" && (p.ID == "fibocom" || p.ID == "quectel" || p.ID == "ikotek" || p.ID == "netprisma") {
					t.Errorf("%s is on %s on %s: %s", p.ID, l, d, a.Because)
				}
			}
		}
	}
	for _, k := range [][2]string{{"2025-01-07", "2026-06-08"}, {"2025-01-07", today}} {
		c, err := g.DiffOn("us-1260h", day(k[0]), day(k[1]))
		if err != nil {
			t.Fatal(err)
		}
		say(c)
		turns := g.Turns("us-1260h", day(k[0]), day(k[1]))
		say(turns)
		for _, tu := range turns {
			if tu.Party == "fibocom" && tu.Now.Value != False {
				t.Errorf("Fibocom turned: %+v", tu)
			}
		}
	}
	banned := regexp.MustCompile(`(?i)fcc[- ]?banned|banned by the fcc`)
	names := regexp.MustCompile(`(?i)1260H[^"]{0,80} names [^"]{0,40}fibocom`)
	for _, s := range texts {
		if m := banned.FindString(s); m != "" {
			t.Errorf("said: %q", m)
		}
		for _, m := range names.FindAllString(s, -1) {
			if !strings.Contains(m, "does not name") && !strings.Contains(m, "none of those held names") {
				t.Errorf("said: %q", m)
			}
		}
	}
	if len(texts) < 100 {
		t.Fatalf("only %d texts were looked at", len(texts))
	}
}

func TestTurnsReachWhomAnAddedPartyControls(t *testing.T) {
	g := graph(t)
	turns := g.Turns("us-1260h", day("2025-01-07"), day("2026-06-08"))
	at := map[string]Turn{}
	for _, k := range turns {
		at[k.Party] = k
	}
	if k := at["byd"]; k.Was.Value != False || k.Now.Value != True {
		t.Errorf("BYD: %+v", k)
	}
	if _, ok := at["quectel"]; ok {
		t.Error("Quectel is on both editions and has not turned")
	}
	first := 0
	for i, k := range turns {
		if k.Now.Value == True {
			if i != first {
				t.Errorf("%s is named now and does not stand first", k.Party)
			}
			first++
		}
	}
	vehicles := func(yield func(Vehicle, error) bool) {
		for i, v := range []Vehicle{
			{ID: "BYD1", Group: "visitor", Roles: []Role{{"byd", "maker of the vehicle"}}},
			{ID: "Q1", Roles: []Role{{"quectel", "maker of the module"}}},
			{ID: "NONE"},
		} {
			if !yield(v, nil) {
				t.Errorf("stopped at %d", i)
			}
		}
	}
	var touched []Touched
	for v, err := range Touch(turns, vehicles) {
		if err != nil {
			t.Fatal(err)
		}
		touched = append(touched, v)
	}
	if len(touched) != 1 || touched[0].ID != "BYD1" || turns[touched[0].By[0]].Party != "byd" {
		t.Errorf("touched %+v", touched)
	}
	broken := errors.New("disk")
	for _, err := range Touch(turns, iter.Seq2[Vehicle, error](func(yield func(Vehicle, error) bool) { yield(Vehicle{}, broken) })) {
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}

func TestDiffOfWholeEditions(t *testing.T) {
	older := &Edition{ID: "a", From: "2025-01-01", Complete: true, Entries: []Entry{
		{Name: "Same"}, {ID: "7", Name: "Old name"}, {Name: "Gone"}, {Name: "Twice (Beijing)"}, {Name: "Twice (Shanghai)"}, {Name: "Unmatched"}, {Name: "Lapsed", Until: "2025-06-01"}}}
	newer := &Edition{ID: "b", From: "2026-01-01", Complete: true, Entries: []Entry{
		{Name: "SAME"}, {ID: "7", Name: "New name"}, {Name: "New"}, {Name: "Twice (Shenzhen)"}, {Name: "Twice (Beijing)"}, {Name: "Unmatched", Party: "p"}}}
	c := DiffEditions(older, newer)
	for _, k := range []struct {
		what string
		got  []Difference
		want []string
	}{
		{"added", c.Added, []string{"New"}},
		{"removed", c.Removed, []string{"Gone"}},
		{"renamed", c.Renamed, []string{"New name", "Twice (Shenzhen)"}},
		{"matched", c.Matched, []string{"Unmatched"}},
		{"ended", c.Ended, []string{"Lapsed"}},
		{"only newer", c.OnlyNewer, nil},
		{"only older", c.OnlyOlder, nil},
	} {
		if got := names1260(k.got); !slices.Equal(got, k.want) {
			t.Errorf("%s: %q, want %q", k.what, got, k.want)
		}
	}
	if c.Same != 2 {
		t.Errorf("%d the same", c.Same)
	}
	back := DiffEditions(newer, newer)
	if n := len(back.Added) + len(back.Removed) + len(back.Renamed) + len(back.Matched); n != 0 || back.Same != len(newer.Entries) {
		t.Errorf("an edition differs from itself: %+v", back)
	}
}

func TestWithLists(t *testing.T) {
	g := graph(t)
	next := Edition{ID: "us-1260h-2027", From: "2027-01-05", Complete: true, Entries: []Entry{{Name: "BYD", Party: "byd", Ref: Ref{Source: "x", Certainty: "official"}}}, Ref: Ref{Source: "x", Certainty: "official"}}
	n, err := g.WithLists(List{ID: "us-1260h", Editions: []Edition{next}})
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[string]Value{"2027-01-04": True, "2027-01-05": False} {
		if a := n.ListedOn("quectel", "us-1260h", day(d)); a.Value != want {
			t.Errorf("Quectel on %s: %v, %s", d, a.Value, a.Because)
		}
	}
	if a := g.ListedOn("quectel", "us-1260h", day("2027-01-05")); a.Value != True {
		t.Error("the graph it was made of has changed")
	}
	withdrawn := next
	withdrawn.Withdrawn = true
	if n, err = g.WithLists(List{ID: "us-1260h", Editions: []Edition{withdrawn}}); err != nil {
		t.Fatal(err)
	}
	if a := n.ListedOn("quectel", "us-1260h", day("2027-01-05")); a.Value != True {
		t.Error("an edition that was withdrawn ended the one before")
	}
	for name, l := range map[string]List{
		"held already":           {ID: "us-1260h", Editions: []Edition{{ID: "us-1260h-2026", From: "2028-01-01"}}},
		"before the last":        {ID: "us-1260h", Editions: []Edition{{ID: "n", From: "2026-06-08"}}},
		"an unknown list":        {ID: "new", Editions: []Edition{{ID: "n", From: "2026-06-08"}}},
		"a party not there":      {ID: "us-1260h", Editions: []Edition{{ID: "n", From: "2028-06-08", Entries: []Entry{{Name: "x", Party: "nobody"}}}}},
		"a date that is no date": {ID: "us-1260h", Editions: []Edition{{ID: "n", From: "soon"}}},
	} {
		giveSources(reflect.ValueOf(&l).Elem())
		if _, err := g.WithLists(l); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	f := g.file
	f.Lists = append(slices.Clone(f.Lists), List{ID: "two", Title: "Two", Editions: []Edition{{ID: "t1", From: "2025-01-01"}, {ID: "t2", From: "2026-01-01"}}})
	f = sourced(f)
	b, err := write(&f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(b); !errors.Is(err, ErrFormat) || !strings.Contains(fmt.Sprint(err), "same day") {
		t.Errorf("two editions in force at once: %v", err)
	}
}

// BenchmarkTurns asks of every party of a large graph what the change of an
// edition makes of it.
func BenchmarkTurns(b *testing.B) {
	g := open(b, layered())
	l := g.Lists()[0]
	from := day(l.Editions[0].From)
	for b.Loop() {
		g.Turns(l.ID, from.AddDate(0, 0, -1), from)
	}
	b.ReportMetric(float64(len(g.Turns(l.ID, from.AddDate(0, 0, -1), from))), "turned")
}
