package telematics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func candidates(a Answer) []string {
	var out []string
	for _, u := range a.Units {
		for _, c := range u.Candidates {
			out = append(out, u.Role+" "+u.Fitted.String()+": "+cand(c))
		}
	}
	return out
}

func TestMerge(t *testing.T) {
	l := learner(t, Terms{})
	model3 := Inspected{Make: "TESLA", Model: "Model 3", ModelYear: 2022, Market: "DE", Plant: "SHANGHAI, CHINA", Result: ModuleFound}
	with := func(in Inspected, edit func(*Inspected)) Inspected { edit(&in); return in }
	quectel := with(model3, func(in *Inspected) { in.Maker, in.Module = "Quectel", "AG525R-GL" })
	add(t, l, seen(11, quectel)...)
	add(t, l, seen(2, with(model3, func(in *Inspected) { in.Maker, in.Module = "Telit", "LE940B6-NA" }))...)
	add(t, l, seen(1, with(model3, func(in *Inspected) { in.Maker, in.Module = "u-blox", "TOBY-L2" }))...)
	// A unit that the catalogue knows, without its module; one it knows nothing
	// of; one where mostly nothing is fitted; a reported module; many of a kind.
	add(t, l, seen(6, Inspected{Make: "Volvo", Model: "EX90", ModelYear: 2025, Market: "SE", Result: ModuleFound, Maker: "Telit", Module: "LE920"})...)
	add(t, l, seen(6, Inspected{Make: "Mercedes-Benz", Model: "E-Class", ModelYear: 2023, Market: "DE", Result: ModuleFound, Maker: "Telit"})...)
	add(t, l, seen(7, Inspected{Make: "Honda", Model: "Civic", ModelYear: 1998, Market: "JP", Result: NoneFound})...)
	add(t, l, seen(9, Inspected{Make: "Tesla", Model: "Model S 75D", ModelYear: 2016, Market: "US", Result: ModuleFound, Maker: "Telit", Module: "LE940B6-NA"})...)
	add(t, l, seen(60, Inspected{Make: "Skoda", Model: "Octavia", ModelYear: 2021, Market: "CZ", Result: ModuleFound, Maker: "Cinterion", Module: "ALS3"})...)
	add(t, l, seen(3, Inspected{Make: "Kia", Model: "Ceed", ModelYear: 2019, Market: "SK", Result: ModuleFound, Maker: "Telit"})...)
	add(t, l, seen(3, Inspected{Make: "Kia", Model: "Ceed", ModelYear: 2021, Market: "SK", Result: ModuleFound, Maker: "Telit", Key: "b"})...)
	add(t, l, seen(8, Inspected{Make: "Ford", Model: "Focus", ModelYear: 2020, Market: "DE", Role: "head-unit", Result: ModuleFound, Maker: "Quectel"})...)
	s := l.Snapshot()
	c := catalogue(t)
	for _, tc := range []struct {
		name  string
		q     Query
		want  []string
		words string // of the first observed source
	}{
		{"documented candidates stay documented", Query{Make: "Tesla", Model: "Model 3", Year: 2022, Market: "PL", Plant: "Shanghai, China"},
			[]string{"tcu yes: Telit LE940B6-NA documented [V0002 V0013 S04 inspections]", "tcu yes: Quectel AG525R-GL documented [V0003 V0004 S03 inspections]"},
			"11 of 14 inspected at this site, 1–5 Jan 2026; 95 % bounds 39–100 %"},
		{"another plant: the group of the market speaks", Query{Make: "Tesla", Model: "Model 3", Year: 2022, Market: "PL", Plant: "FREMONT"},
			[]string{"tcu yes: Telit LE940B6-NA documented [V0002 V0013 S04 inspections]", "tcu yes: Quectel AG525R-GL documented [V0003 V0004 S03 inspections]"}, ""},
		{"another year: the group of all years does not hold it", Query{Make: "Tesla", Model: "Model 3", Year: 2024, Market: "PL"},
			[]string{"tcu yes: Quectel AG525R-GL documented [V0004 V0005]"}, ""},
		{"a year between those inspected: the line speaks", Query{Make: "Kia", Model: "Ceed", Year: 2020, Market: "SK"},
			[]string{"tcu unknown: Telit observed [inspections]", "tcu unknown: ? none [inspections]"}, "6 of 6 inspected at this site, 1–3 Jan 2026; 95 % bounds 39–100 %"},
		{"a year outside: nothing is said", Query{Make: "Kia", Model: "Ceed", Year: 2022, Market: "SK"}, nil, ""},
		{"no year: the line speaks", Query{Make: "Kia", Model: "Ceed"},
			[]string{"tcu unknown: Telit observed [inspections]", "tcu unknown: ? none [inspections]"}, ""},
		{"a unit known without its module keeps what is not known", Query{Make: "Volvo", Model: "EX90", Year: 2025, Market: "SE"},
			[]string{"tcu yes: Telit LE920 observed [inspections]", "tcu yes: ? none [V0016]"}, ""},
		{"a unit nothing was known of", Query{Make: "MERCEDES BENZ", Model: "E CLASS", Year: 2023},
			[]string{"tcu unknown: Telit observed [inspections]", "tcu unknown: ? none [inspections]"}, ""},
		{"none found in any is no fact", Query{Make: "Honda", Model: "Civic", Year: 1998, Market: "JP"}, nil, ""},
		{"a reported module that was found, and one that was not, of a trim of the line", Query{Make: "Tesla", Model: "Model S", Year: 2016},
			[]string{"tcu yes: Telit LE940B6-NA observed [inspections V0043]", "tcu yes: Cinterion ALS3-US reported [V0042]"}, ""},
		{"many of a kind leave no room for another", Query{Make: "SKODA", Model: "OCTAVIA", Year: 2021, Market: "DE"},
			[]string{"tcu unknown: Cinterion ALS3 observed [inspections]"}, ""},
		{"but only in its own market", Query{Make: "SKODA", Model: "OCTAVIA", Year: 2021, Market: "CN"},
			[]string{"tcu unknown: Cinterion ALS3 observed [inspections]", "tcu unknown: ? none [inspections]"}, ""},
		{"a head unit", Query{Make: "Ford", Model: "Focus", Year: 2020, Market: "DE"},
			[]string{"head-unit unknown: Quectel observed [inspections]", "head-unit unknown: ? none [inspections]"}, ""},
		{"a model that nobody inspected", Query{Make: "Tesla", Model: "Model X", Year: 2021}, []string{"tcu yes: Quectel AG525R-GL documented [V0010 V0011 S01]"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			base := c.Lookup(tc.q)
			before, _ := json.Marshal(base)
			a := s.Merge(tc.q, base)
			if d := cmp.Diff(tc.want, candidates(a)); d != "" {
				t.Errorf("candidates (-want +got):\n%s", d)
			}
			if d := cmp.Diff(a, s.Merge(tc.q, c.Lookup(tc.q))); d != "" {
				t.Errorf("the second answer is another:\n%s", d)
			}
			if after, _ := json.Marshal(base); !bytes.Equal(before, after) {
				t.Error("the catalogue's own answer changed")
			}
			if a.ModemFitted.Value != base.ModemFitted.Value || a.ModemFitted.Because != base.ModemFitted.Because {
				t.Errorf("whether a modem is fitted was %v and is %v", base.ModemFitted, a.ModemFitted)
			}
			text, _ := json.Marshal(a)
			if !strings.Contains(string(text), tc.words) {
				t.Errorf("%s is not in %s", tc.words, text)
			}
			for _, u := range base.Units {
				for _, k := range u.Candidates {
					if k.Maker != "" && !slices.ContainsFunc(a.Units, func(v Unit) bool {
						return v.Role == u.Role && slices.ContainsFunc(v.Candidates, func(o Candidate) bool {
							return o.Maker == k.Maker && o.Model == k.Model && o.Certainty >= k.Certainty && len(o.Sources) >= len(k.Sources)
						})
					}) {
						t.Errorf("%s of the catalogue is gone or less certain", cand(k))
					}
				}
			}
		})
	}
	// The none found stand among the sources of an unknown answer.
	a := s.Merge(Query{Make: "Honda", Model: "Civic", Year: 1998, Market: "JP"}, c.Lookup(Query{Make: "Honda", Model: "Civic", Year: 1998, Market: "JP"}))
	if a.ModemFitted.Value != Unknown || len(a.ModemFitted.Sources) == 0 {
		t.Fatalf("seven cars without a modem: %+v", a.ModemFitted)
	}
	if got := a.ModemFitted.Sources[len(a.ModemFitted.Sources)-1].Quote; !strings.HasPrefix(got, "no module in 7 of 7 inspected at this site") {
		t.Errorf("they say: %s", got)
	}
	// A module that one inspector found alone is no candidate; it is among the rest.
	g := s.Groups("tesla", "model 3")
	for _, m := range g[0].Makers {
		if m.Maker == "u-blox" && (m.Named || g[0].Other.Found != 1) {
			t.Errorf("what one inspector found alone: %+v of %+v", m, g[0])
		}
	}
}

// Whatever was inspected: a look-up's documented modules, and whether a modem is
// fitted, stay what they are.
func TestMergeTakesNothingAway(t *testing.T) {
	c := catalogue(t)
	rapid.Check(t, func(t *rapid.T) {
		l, err := NewLearner(c, Terms{K: 2, M: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range rapid.SliceOfN(someInspection(4), 0, 60).Draw(t, "inspections") {
			if err := l.Add(in); err != nil {
				t.Fatal(err)
			}
		}
		s := l.Snapshot()
		in := someInspection(1).Draw(t, "query")
		q := Query{Make: in.Make, Model: in.Model, Year: in.ModelYear, Market: in.Market, Plant: in.Plant}
		before, after := c.Lookup(q), s.Merge(q, c.Lookup(q))
		if before.ModemFitted.Value != after.ModemFitted.Value {
			t.Fatalf("a share changed whether a modem is fitted: %+v, %+v", before.ModemFitted, after.ModemFitted)
		}
		for _, u := range after.Units {
			if len(u.Candidates) == 0 {
				t.Fatalf("a unit without candidates: %+v", u)
			}
			i := slices.IndexFunc(before.Units, func(b Unit) bool { return b.Role == u.Role })
			if i < 0 && u.Fitted != Unknown || i >= 0 && u.Fitted != before.Units[i].Fitted {
				t.Fatalf("a share made a unit a fact: %+v", u)
			}
			for k, x := range u.Candidates {
				if k > 0 && x.Certainty > u.Candidates[k-1].Certainty {
					t.Fatalf("not ordered by certainty: %v", candidates(after))
				}
				if x.Certainty > Observed && i < 0 || x.Certainty == Settled {
					t.Fatalf("a share became %v", x.Certainty)
				}
				for _, src := range x.Sources {
					if src.ID == "inspections" && (src.Quote == "" || src.Date == "" || src.Title == "") {
						t.Fatalf("a share without its counts: %+v", src)
					}
				}
			}
		}
		for _, u := range before.Units {
			for _, k := range u.Candidates {
				if k.Certainty >= Documented && !slices.ContainsFunc(after.Units, func(v Unit) bool {
					return slices.ContainsFunc(v.Candidates, func(o Candidate) bool {
						return o.Maker == k.Maker && o.Model == k.Model && o.Certainty == k.Certainty && o.EvidenceClass == k.EvidenceClass
					})
				}) {
					t.Fatalf("%s is gone from %v", cand(k), candidates(after))
				}
			}
		}
	})
}

func exported(t testing.TB, l *Learner, site string) (Aggregate, []byte) {
	t.Helper()
	a, err := l.Snapshot().Export(site, "2026-11-22")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

var token17 = regexp.MustCompile(`[A-Za-z0-9]{17}`)

// What leaves the site of 10,000 inspections holds no vehicle and no inspector.
func TestExportNamesNobody(t *testing.T) {
	sim := simulate(catalogue(t), 3, simulatedSizes, 10_000)
	r := rand.New(rand.NewPCG(1, 1))
	const vinRunes = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
	vins := map[string]string{}
	vinFor := func(key string) string {
		if vins[key] == "" {
			b := make([]byte, 17)
			for i := range b {
				b[i] = vinRunes[r.IntN(len(vinRunes))]
			}
			vins[key] = string(b)
		}
		return vins[key]
	}
	l := learner(t, Terms{})
	secret := map[string]bool{}
	for _, in := range sim.list {
		in.Key, in.By = vinFor(in.Key), "kowalski-"+in.By[len(in.By)-1:]
		secret[in.Key], secret[in.By] = true, true
		add(t, l, in)
	}
	a, text := exported(t, l, "north gate")
	if len(a.Groups) < 50 {
		t.Fatalf("only %d groups leave the site: nothing is shown", len(a.Groups))
	}
	if m := token17.Find(text); m != nil {
		t.Errorf("17 letters and digits in a row: %s", m)
	}
	if strings.Contains(string(text), "kowalski") || strings.Contains(string(text), "inspector") {
		t.Error("an inspector's name leaves the site")
	}
	for s := range secret {
		if bytes.Contains(text, []byte(s)) {
			t.Errorf("%s leaves the site", s)
		}
	}
	for _, g := range a.Groups {
		if g.Inspected < a.K {
			t.Errorf("a group of %d vehicles leaves the site", g.Inspected)
		}
	}
	back, err := ReadAggregate(text)
	if err != nil {
		t.Fatal(err)
	}
	back.Groups, a.Groups = slices.Clone(back.Groups), slices.Clone(a.Groups)
	for i := range a.Groups {
		a.Groups[i].Inspectors, a.Groups[i].Enough, a.Groups[i].Firm = 0, false, false
	}
	if d := cmp.Diff(a, back); d != "" {
		t.Errorf("read back, it is another:\n%s", d)
	}
	_, again := exported(t, l, "north gate")
	if !bytes.Equal(text, again) {
		t.Error("two exports of the same counts differ")
	}
}

// No group that was held back can be had by taking one exported group from
// another.
func TestExportHidesSmallGroups(t *testing.T) {
	c := catalogue(t)
	rapid.Check(t, func(t *rapid.T) {
		l, err := NewLearner(c, Terms{K: 4, M: 1})
		if err != nil {
			t.Fatal(err)
		}
		// Each vehicle is of one kind, whoever looks at it.
		for v := range rapid.IntRange(1, 60).Draw(t, "vehicles") {
			kind := someInspection(3).Draw(t, "kind")
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				in := someInspection(3).Draw(t, "inspection")
				in.Make, in.Model, in.ModelYear, in.Market, in.Plant, in.Key = kind.Make, kind.Model, kind.ModelYear, kind.Market, kind.Plant, fmt.Sprint(v)
				if err := l.Add(in); err != nil {
					t.Fatal(err)
				}
			}
		}
		a, err := l.Snapshot().Export("s", "2026-11-22")
		if err != nil {
			t.Fatal(err)
		}
		within := func(p, k Group) bool {
			return fold(p.Model) == fold(k.Model) && (p.ModelYear == 0 || p.ModelYear == k.ModelYear) && (p.Market == "" || p.Market == k.Market) && (p.Plant == "" || p.Plant == k.Plant)
		}
		depth := func(g Group) (n int) {
			for _, there := range []bool{g.ModelYear != 0, g.Market != "", g.Plant != ""} {
				if there {
					n++
				}
			}
			return n
		}
		for _, p := range a.Groups {
			told, parts := p.Inspected, 0
			for _, k := range a.Groups {
				if within(p, k) && depth(k) == depth(p)+1 {
					told -= k.Inspected
					parts++
				}
			}
			if p.Inspected < a.K || parts > 0 && told != 0 && told < a.K {
				t.Fatalf("%d vehicles can be told from %s and its parts", told, p.subject(p.Make, p.Model))
			}
		}
	})
}

// Another site shows what was imported as that site's, and counts its own.
func TestAnotherSitesShares(t *testing.T) {
	c := catalogue(t)
	north, south := learner(t, Terms{}), learner(t, Terms{})
	golf := Inspected{Make: "VW", Model: "Golf", ModelYear: 2021, Market: "DE", Result: ModuleFound, Maker: "Quectel", Module: "AG525R-GL"}
	add(t, north, seen(12, golf)...)
	add(t, north, seen(8, Inspected{Make: "BMW", Model: "iX", ModelYear: 2022, Market: "DE", Result: ModuleFound, Maker: "Telit"})...)
	own := golf
	own.Maker, own.Module = "Cinterion", "ALS3"
	add(t, south, seen(6, own)...)
	before := south.Snapshot().Groups("", "")
	a, text := exported(t, north, "north gate")
	if err := south.Adopt(a); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, south.Snapshot().Groups("", "")); d != "" {
		t.Errorf("another site's inspections are counted here:\n%s", d)
	}
	if b, err := south.Snapshot().Export("south gate", "2026-11-22"); err != nil || strings.Contains(fmt.Sprint(b), "Quectel") {
		t.Errorf("another site's inspections are passed on: %+v, %v", b, err)
	}
	q := Query{Make: "Volkswagen", Model: "GOLF", Year: 2021, Market: "PL"}
	got := south.Snapshot().Merge(q, c.Lookup(q))
	want := []string{"tcu unknown: Cinterion ALS3 observed [inspections]", "tcu unknown: Quectel AG525R-GL reported [inspections]", "tcu unknown: ? none [inspections]"}
	if d := cmp.Diff(want, candidates(got)); d != "" {
		t.Errorf("candidates (-want +got):\n%s", d)
	}
	src := got.Units[0].Candidates[1].Sources[0]
	if !strings.Contains(src.Title, "north gate, as that site says") || !strings.HasPrefix(src.Quote, "12 of 12 inspected at site north gate, 1–5 Jan 2026; 95 % bounds ") {
		t.Errorf("the other site's finding says %q, %q", src.Title, src.Quote)
	}
	// A newer aggregate takes the place of the older one of the same site.
	newer := a
	newer.Groups = slices.DeleteFunc(slices.Clone(a.Groups), func(g Group) bool { return g.Make == "VW" })
	newer.From, newer.To = newer.Groups[0].From, newer.Groups[0].To
	if err := south.Adopt(newer); err != nil {
		t.Fatal(err)
	}
	if got := candidates(south.Snapshot().Merge(q, c.Lookup(q))); len(got) != 2 {
		t.Errorf("after a newer aggregate: %v", got)
	}
	south.Forget("north gate")
	ix := Query{Make: "BMW", Model: "iX", Year: 2022, Market: "DE"}
	if d := cmp.Diff(c.Lookup(ix), south.Snapshot().Merge(ix, c.Lookup(ix))); d != "" {
		t.Errorf("something of a forgotten site is left:\n%s", d)
	}
	for name, edit := range map[string]func(string) string{
		"another version":  func(s string) string { return strings.Replace(s, `"version": 1`, `"version": 2`, 1) },
		"an unknown field": func(s string) string { return strings.Replace(s, `"version": 1`, `"version": 1, "vin": "x"`, 1) },
		"counts that do not add up": func(s string) string {
			return strings.Replace(s, `"inspected": 12`, `"inspected": 13`, 1)
		},
		"a group too small": func(s string) string { return strings.Replace(s, `"k": 5`, `"k": 9`, 1) },
		"a VIN in a name":   func(s string) string { return strings.Replace(s, `"Golf"`, `"WVWZZZ1KZAW000001"`, 1) },
		"a group twice": func(s string) string {
			return strings.Replace(s, `"market": "EU"`, `"market": ""`, 1)
		},
		"bounds that hold nothing": func(s string) string {
			return strings.Replace(s, `"high": 1`, `"high": 0.2`, 1)
		},
		"something after it": func(s string) string { return s + "{}" },
		"no day":             func(s string) string { return strings.Replace(s, `"made": "2026-11-22"`, `"made": ""`, 1) },
		"a cut text":         func(s string) string { return s[:len(s)/2] },
	} {
		bad := edit(string(text))
		if bad == string(text) {
			t.Errorf("%s: the text was not changed", name)
		}
		if _, err := ReadAggregate([]byte(bad)); !errors.Is(err, ErrAggregate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadAggregate(f *testing.F) {
	l := learner(f, Terms{})
	add(f, l, seen(12, Inspected{Make: "VW", Model: "Golf", ModelYear: 2021, Market: "DE", Plant: "WOLFSBURG, GERMANY", Result: ModuleFound, Maker: "Quectel", Module: "AG525R-GL"})...)
	add(f, l, seen(7, Inspected{Make: "VW", Model: "Golf", ModelYear: 2021, Market: "DE", Result: NoneFound})...)
	_, text := exported(f, l, "north gate")
	f.Add(text)
	f.Add([]byte(`{"format":"sallyport-shares","version":1}`))
	c := catalogue(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := ReadAggregate(text)
		if err != nil {
			if !errors.Is(err, ErrAggregate) {
				t.Fatalf("an error of no class: %v", err)
			}
			return
		}
		out, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadAggregate(out); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		for _, g := range a.Groups {
			for _, name := range []string{g.Make, g.Model, g.Market, g.Plant} {
				if token17.MatchString(name) {
					t.Fatalf("the name %q may be a VIN", name)
				}
			}
		}
		l, err := NewLearner(c, Terms{})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Adopt(a); err != nil {
			if !errors.Is(err, ErrAggregate) {
				t.Fatalf("an error of no class: %v", err)
			}
			return
		}
		s := l.Snapshot()
		for _, g := range a.Groups {
			q := Query{Make: g.Make, Model: g.Model, Year: g.ModelYear, Market: g.Market, Plant: g.Plant}
			s.Merge(q, c.Lookup(q))
		}
	})
}
