package telematics

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func learner(t testing.TB, terms Terms) *Learner {
	t.Helper()
	l, err := NewLearner(catalogue(t), terms)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func add(t testing.TB, l *Learner, list ...Inspected) {
	t.Helper()
	for _, in := range list {
		if err := l.Add(in); err != nil {
			t.Fatal(err)
		}
	}
}

// day is a day of 2026.
func day(n int) string { return dateOf(20454 + int32(n)).Format("2006-01-02") }

// seen is an inspection of a vehicle of one kind; those of one call differ by
// vehicle, day and inspector.
func seen(n int, in Inspected) []Inspected {
	var list []Inspected
	for i := range n {
		v := in
		v.Role = first(v.Role, "tcu")
		v.Key = fmt.Sprintf("%s-%s-%s-%d-%s-%s-%d", in.Make, in.Model, in.Maker, in.ModelYear, in.Market, in.Key, i)
		v.By = fmt.Sprintf("inspector %d", i%3)
		v.Day = day(i % 5)
		list = append(list, v)
	}
	return list
}

// someInspection draws from few values, so that vehicles, days and inspectors
// meet again and again.
func someInspection(people int) *rapid.Generator[Inspected] {
	return rapid.Custom(func(t *rapid.T) Inspected {
		in := Inspected{
			Make: rapid.SampledFrom([]string{"TESLA", "Tesla"}).Draw(t, "make"), Model: rapid.SampledFrom([]string{"Model 3", "MODEL-3", "Model Y"}).Draw(t, "model"),
			ModelYear: rapid.SampledFrom([]int{0, 2021, 2022}).Draw(t, "year"), Market: rapid.SampledFrom([]string{"", "DE", "EU", "US"}).Draw(t, "market"),
			Plant: rapid.SampledFrom([]string{"", "SHANGHAI, CHINA", "shanghai,  China"}).Draw(t, "plant"), Role: "tcu",
			Result: InspectionResult(rapid.IntRange(0, 4).Draw(t, "result")), Day: day(rapid.IntRange(0, 3).Draw(t, "day")),
			By: fmt.Sprint("p", rapid.IntRange(1, people).Draw(t, "by")), Key: fmt.Sprint("v", rapid.IntRange(1, 9).Draw(t, "vehicle")),
		}
		if in.Result != ToldNothing && in.Result != NoneFound {
			in.Maker = rapid.SampledFrom([]string{"", "Quectel", "Telit"}).Draw(t, "maker")
			if in.Maker != "" {
				in.Module = rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "module")
				in.ChipDown = rapid.Bool().Draw(t, "chip")
			}
		}
		return in
	})
}

// What is shown depends on the set of inspections alone.
func TestLearningForgetsOrderAndWhatWasWithdrawn(t *testing.T) {
	c := catalogue(t)
	rapid.Check(t, func(t *rapid.T) {
		terms := Terms{K: 3, M: 1, Weight: rapid.SampledFrom([]float64{0.3, 0.5}).Draw(t, "weight")}
		list := rapid.SliceOfN(someInspection(4), 0, 40).Draw(t, "inspections")
		wrong := rapid.SliceOfN(someInspection(4), 0, 10).Draw(t, "withdrawn later")
		one, err := NewLearner(c, terms)
		if err != nil {
			t.Fatal(err)
		}
		two, _ := NewLearner(c, terms)
		for _, in := range list {
			if err := one.Add(in); err != nil {
				t.Fatal(err)
			}
		}
		mixed := rapid.Permutation(append(slices.Clone(list), wrong...)).Draw(t, "order")
		for i, in := range mixed {
			if err := two.Add(in); err != nil {
				t.Fatal(err)
			}
			if i%7 == 3 {
				two.Snapshot()
			}
		}
		for _, in := range wrong {
			if err := two.Withdraw(in); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(one.Snapshot().Groups("", ""), two.Snapshot().Groups("", "")); d != "" {
			t.Fatalf("the same inspections show differently:\n%s", d)
		}
		if one.Len() != len(list) || two.Len() != len(list) {
			t.Fatalf("%d and %d inspections count, want %d", one.Len(), two.Len(), len(list))
		}
		for _, in := range list {
			if err := two.Withdraw(in); err != nil {
				t.Fatal(err)
			}
		}
		if two.Len() != 0 || len(two.lines) != 0 || len(two.Snapshot().lines) != 0 {
			t.Fatal("something is left where everything was withdrawn")
		}
		if err := two.Withdraw(mixedOr(mixed)); !errors.Is(err, ErrNotLearnt) {
			t.Fatalf("an inspection that does not count was withdrawn: %v", err)
		}
	})
}

func mixedOr(list []Inspected) Inspected {
	if len(list) > 0 {
		return list[0]
	}
	return seen(1, Inspected{Make: "Tesla", Model: "Model 3", Result: NoneFound})[0]
}

// The tallies without one inspector are those of a learner that never heard of
// him: what the bounds rest on.
func TestLeavingOneInspectorOut(t *testing.T) {
	c := catalogue(t)
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(someInspection(4), 1, 60).Draw(t, "inspections")
		all, _ := NewLearner(c, Terms{})
		for _, in := range list {
			if err := all.Add(in); err != nil {
				t.Fatal(err)
			}
		}
		out := fmt.Sprint("p", rapid.IntRange(1, 4).Draw(t, "left out"))
		less, _ := NewLearner(c, Terms{})
		for _, in := range list {
			if in.By != out {
				if err := less.Add(in); err != nil {
					t.Fatal(err)
				}
			}
		}
		text := func(l *Learner, y tally) string {
			var named []string
			for _, c := range y.named {
				if c.n != 0 {
					named = append(named, fmt.Sprint(l.word(c.of.maker), c.of.chipDown, c.n))
				}
			}
			slices.Sort(named)
			return fmt.Sprint(y.told, y.none, y.unread, y.twoWays, named)
		}
		for key, ln := range all.lines {
			for k, g := range ln.groups {
				rest := g.all
				for i := range g.people {
					if all.word(g.people[i].by) == out {
						rest = g.all.without(&g.people[i].lost)
					}
				}
				var want tally
				if l := less.lines[key]; l != nil && l.groups[k] != nil {
					want = l.groups[k].all
				}
				if a, b := text(all, rest), text(less, want); a != b {
					t.Fatalf("%s %+v without %s: %s, want %s", key, k, out, a, b)
				}
			}
		}
	})
}

// One inspector who says what he likes, as often as he likes: see Learner.
func TestOneLiarIsBounded(t *testing.T) {
	c := catalogue(t)
	rapid.Check(t, func(t *rapid.T) {
		terms := Terms{K: 2, M: 1, Weight: rapid.SampledFrom([]float64{0.25, 0.34, 0.5}).Draw(t, "weight")}
		honest := rapid.SliceOfN(someInspection(5), 1, 60).Draw(t, "honest")
		lies := rapid.SliceOfN(someInspection(1), 0, 120).Draw(t, "lies")
		for i := range lies {
			lies[i].By = "liar"
			// The liar may look at vehicles of his own, and at those of others.
			lies[i].Key = fmt.Sprint("v", rapid.IntRange(1, 120).Draw(t, "vehicle"))
		}
		checkLiar(t, c, terms, honest, lies)
	})
}

func checkLiar(t interface{ Fatalf(string, ...any) }, c *Catalogue, terms Terms, honest, lies []Inspected) {
	truth, err := NewLearner(c, terms)
	if err != nil {
		t.Fatalf("%v", err)
	}
	both, _ := NewLearner(c, terms)
	for i, in := range append(slices.Clone(honest), lies...) {
		if i < len(honest) {
			err = truth.Add(in)
		}
		if err := errors.Join(err, both.Add(in)); err != nil {
			t.Fatalf("%v", err)
		}
	}
	w := both.Terms().Weight
	for key, ln := range both.lines {
		for k, g := range ln.groups {
			shown := both.show(k, g)
			if !shown.Enough {
				continue
			}
			var h tally
			if l := truth.lines[key]; l != nil && l.groups[k] != nil {
				h = l.groups[k].all
			}
			// What the others say in the weights that they have.
			weights, part := both.weights(g.people), func(of func(*tally) int) (s, whole, liar float64) {
				for i, x := range both.weights(g.people) {
					if both.word(g.people[i].by) == "liar" {
						liar = x
						continue
					}
					s += x * float64(of(&g.people[i].own)) / float64(g.people[i].own.told)
					whole += x
				}
				return s, whole, liar
			}
			sum := 0.0
			for _, x := range weights {
				sum += x
			}
			check := func(what string, s Share, inH func(*tally) (least, most int)) {
				least, most := inH(&h)
				if low := truth.bounds.low(least, h.told); s.Low > low+1e-12 {
					t.Fatalf("%s of %s %+v: the liar lifts the lower bound from %g to %g", what, key, k, low, s.Low)
				}
				if high := truth.bounds.high(most, h.told); s.High < high-1e-12 {
					t.Fatalf("%s of %s %+v: the liar presses the upper bound from %g to %g", what, key, k, high, s.High)
				}
				others, whole, liar := part(func(y *tally) int { n, _ := inH(y); return n })
				if liar > w*sum+1e-9 {
					t.Fatalf("%s of %s %+v: the liar weighs %g of %g", what, key, k, liar, sum)
				}
				if whole == 0 {
					t.Fatalf("%s %+v: shares are shown of one inspector", key, k)
				}
				others /= whole
				if s.Share > w+(1-w)*others+1e-6 || s.Share < (1-w)*others-1e-6 {
					t.Fatalf("%s of %s %+v: the share is %g; the others say %g", what, key, k, s.Share, others)
				}
			}
			for _, s := range shown.Makers {
				p := func(l *Learner) party { return party{l.ids[s.Maker], s.ChipDown} }
				if s.Named {
					found := false
					for i := range g.people {
						found = found || both.word(g.people[i].by) != "liar" && g.people[i].own.of(p(both)) > 0
					}
					if !found {
						t.Fatalf("%s %+v: %s is named and only the liar found it", key, k, s.Maker)
					}
				}
				// Words have other numbers in the other learner.
				check(s.Maker, s, func(y *tally) (int, int) {
					q := p(both)
					if y == &h {
						q = p(truth)
						if q.maker == 0 {
							return 0, y.unread + y.twoWays
						}
					}
					n := y.of(q)
					return n, n + y.unread + y.twoWays
				})
			}
			check("none", shown.None, func(y *tally) (int, int) { return y.none, y.none + y.twoWays })
		}
	}
}

// Five true inspections of Telit, and one who records Quectel a thousand times.
func TestAThousandLies(t *testing.T) {
	truth := seen(8, Inspected{Make: "Tesla", Model: "Model 3", ModelYear: 2022, Result: ModuleFound, Maker: "Telit", Module: "LE940B6-NA"})
	truth[7].Maker, truth[7].Module = "Quectel", "AG525R-GL"
	var lies []Inspected
	for i := range 1000 {
		lies = append(lies, Inspected{Make: "Tesla", Model: "Model 3", ModelYear: 2022, Role: "tcu", Result: ModuleFound, Maker: "Quectel", Module: "AG525R-GL",
			Day: day(i % 90), By: "liar", Key: fmt.Sprint("x", i)})
	}
	l := learner(t, Terms{})
	add(t, l, truth...)
	before := l.Snapshot().Groups("Tesla", "Model 3")[0]
	add(t, l, lies...)
	after := l.Snapshot().Groups("Tesla", "Model 3")[0]
	low := func(g Group, maker string) (s Share) {
		for _, s = range g.Makers {
			if s.Maker == maker {
				return s
			}
		}
		t.Fatalf("%s is not there", maker)
		return s
	}
	b, a := low(before, "Quectel"), low(after, "Quectel")
	if honest := newBounds(0.95).low(1, 8); a.Low > honest {
		t.Errorf("a thousand lies lift the lower bound from %g to %g", honest, a.Low)
	}
	if a.Share > 0.5+0.5*b.Share+1e-9 {
		t.Errorf("a thousand lies lift the share from %g to %g", b.Share, a.Share)
	}
	if x, honest := low(after, "Telit"), newBounds(0.95).high(7, 8); x.High < honest {
		t.Errorf("a thousand lies press the upper bound of Telit from %g to %g", honest, x.High)
	}
	checkLiar(t, catalogue(t), Terms{}, truth, lies)
	t.Logf("Quectel before: %+v; after: %+v", b, a)

	// Alone he brings no candidate at all, and no share.
	alone := learner(t, Terms{})
	add(t, alone, lies...)
	q := Query{Make: "Tesla", Model: "Model 3", Year: 2022}
	if d := cmp.Diff(catalogue(t).Lookup(q), alone.Snapshot().Merge(q, catalogue(t).Lookup(q))); d != "" {
		t.Errorf("one inspector alone changed an answer:\n%s", d)
	}
}

// Lies on vehicles that others inspected: none of their findings is lost.
func TestLiesOnTheVehiclesOfOthers(t *testing.T) {
	truth := seen(30, Inspected{Make: "Tesla", Model: "Model 3", ModelYear: 2022, Result: ModuleFound, Maker: "Telit"})
	lies := slices.Clone(truth)
	for i := range lies {
		lies[i].By, lies[i].Maker, lies[i].Day = "liar", "Quectel", day(100)
	}
	checkLiar(t, catalogue(t), Terms{}, truth, lies)
	l := learner(t, Terms{})
	add(t, l, append(truth, lies...)...)
	g := l.Snapshot().Groups("Tesla", "Model 3")[0]
	if g.Inspected != 30 || g.TwoWays != 30 || len(g.Makers) != 0 {
		t.Errorf("thirty vehicles told two ways are %+v", g)
	}
	for _, in := range lies {
		if err := l.Withdraw(in); err != nil {
			t.Fatal(err)
		}
	}
	if g = l.Snapshot().Groups("Tesla", "Model 3")[0]; g.TwoWays != 0 || g.Makers[0].Found != 30 {
		t.Errorf("with the lies withdrawn it is %+v", g)
	}
}

// He cannot hide what others found behind a finer group of his own making, nor
// carry it to other model years.
func TestLiarMakesNoGroup(t *testing.T) {
	golf := Inspected{Make: "VW", Model: "Golf", ModelYear: 2021, Market: "DE", Role: "tcu", Result: ModuleFound, Maker: "Quectel"}
	truth := seen(40, golf)
	truth[0].Plant = "WOLFSBURG"
	lie := golf
	lie.Plant, lie.Result, lie.Maker, lie.By = "WOLFSBURG", NoneFound, "", "liar"
	early := golf
	early.ModelYear, early.By, early.Day = 2012, "liar", day(3)
	l := learner(t, Terms{})
	add(t, l, truth...)
	for i := range 50 {
		lie.Key, lie.Day = fmt.Sprint("x", i), day(i)
		early.Key = fmt.Sprint("y", i)
		add(t, l, lie, early)
	}
	s := l.Snapshot()
	q := Query{Make: "VW", Model: "Golf", Year: 2021, Market: "DE", Plant: "WOLFSBURG"}
	got := candidates(s.Merge(q, Answer{}))
	if len(got) == 0 || !strings.Contains(got[0], "Quectel observed") {
		t.Errorf("behind fifty lies on one plant: %v", got)
	}
	// Where nobody else looked at all, the group that is there speaks, and names nobody.
	if got := s.Merge(Query{Make: "VW", Model: "Golf", Year: 2012}, Answer{}); len(got.Units) != 0 {
		t.Errorf("of a year that only the liar saw: %v", candidates(got))
	}
	if got := s.Merge(Query{Make: "VW", Model: "Golf", Year: 2016}, Answer{}); len(got.Units) != 0 {
		t.Errorf("of a year between the liar's and the others': %v", candidates(got))
	}
	if g := s.Groups("VW", "Golf")[0]; g.YearFrom != 2021 || g.YearTo != 2021 {
		t.Errorf("model years %d to %d", g.YearFrom, g.YearTo)
	}
}

func TestOneVehicleCountsOnce(t *testing.T) {
	l := learner(t, Terms{})
	one := Inspected{Make: "VW", Model: "Golf", ModelYear: 2020, Role: "tcu", Result: ModuleFound, Maker: "Cinterion", By: "a", Key: "x"}
	for i := range 5 {
		one.Day = day(i)
		one.By = fmt.Sprint("a", i%2)
		add(t, l, one)
	}
	g := l.Snapshot().Groups("VW", "Golf")
	if len(g) != 2 || g[0].Inspected != 1 || g[0].Makers[0].Found != 1 || g[0].Enough || g[0].Makers[0].High != 0 {
		t.Errorf("one vehicle inspected five times is %+v", g)
	}
	// A later inspection by the same person replaces what he said before.
	one.Day, one.Maker = day(9), "Telit"
	one.By = "a0"
	add(t, l, one)
	one.By = "a1"
	add(t, l, one)
	if g := l.Snapshot().Groups("VW", "Golf")[0]; len(g.Makers) != 1 || g.Makers[0].Maker != "Telit" || g.Inspected != 1 {
		t.Errorf("corrected by both, it is %+v", g)
	}
}

func TestWhatCannotBeLearntFrom(t *testing.T) {
	l := learner(t, Terms{})
	good := seen(1, Inspected{Make: "VW", Model: "Golf", ModelYear: 2020, Market: "DE", Plant: "WOLFSBURG", Result: ModuleFound, Maker: "Telit", Module: "LE910"})[0]
	for name, bad := range map[string]func(*Inspected){
		"no make":               func(in *Inspected) { in.Make = "--" },
		"no model":              func(in *Inspected) { in.Model = "(facelift)" },
		"a fitted device":       func(in *Inspected) { in.Role = "device" },
		"no inspector":          func(in *Inspected) { in.By = "" },
		"no vehicle":            func(in *Inspected) { in.Key = "" },
		"no day":                func(in *Inspected) { in.Day = "2026-13-01" },
		"a maker of nothing":    func(in *Inspected) { in.Result = NoneFound },
		"a module of no maker":  func(in *Inspected) { in.Maker = "" },
		"a VIN as a model":      func(in *Inspected) { in.Model = "Golf WVWZZZ1KZAW000001" },
		"a VIN as a plant":      func(in *Inspected) { in.Plant = "wvwzzz1kzaw000001" },
		"a line break":          func(in *Inspected) { in.Market = "D\nE" },
		"a result of no number": func(in *Inspected) { in.Result = 9 },
		"a year of no calendar": func(in *Inspected) { in.ModelYear = 99999 },
	} {
		in := good
		bad(&in)
		if err := l.Add(in); !errors.Is(err, ErrNotLearnt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l.Len() != 0 || len(l.Snapshot().Groups("", "")) != 0 {
		t.Error("something was learnt from what was refused")
	}
	for name, bad := range map[string]Terms{"k": {K: 1}, "m": {M: -1}, "level": {Level: 1}, "weight": {Weight: 0.6}, "closes": {Closes: 0.5}} {
		if _, err := NewLearner(catalogue(t), bad); err == nil || !strings.Contains(err.Error(), name+":") {
			t.Errorf("terms %+v: %v", bad, err)
		}
	}
}

// A candidate appears from k vehicles of m days and two inspectors on, by the
// site's own numbers.
func TestWhenAShareAppears(t *testing.T) {
	q := Query{Make: "VW", Model: "Golf", Year: 2019}
	for _, tc := range []struct {
		name            string
		terms           Terms
		n, days, people int
		want            bool
	}{
		{"four vehicles", Terms{}, 4, 4, 2, false},
		{"five on two days", Terms{}, 5, 2, 2, false},
		{"five by one", Terms{}, 5, 5, 1, false},
		{"five", Terms{}, 5, 3, 2, true},
		{"five where the site asks for ten", Terms{K: 10}, 5, 5, 2, false},
		{"ten where the site asks for ten", Terms{K: 10, M: 10}, 10, 10, 2, true},
		{"three where the site asks for three", Terms{K: 3, M: 1}, 3, 1, 2, true},
		{"two inspectors where none may weigh more than a third", Terms{Weight: 1.0 / 3}, 9, 5, 2, false},
		{"three inspectors where none may weigh more than a third", Terms{Weight: 1.0 / 3}, 9, 5, 3, true},
	} {
		l := learner(t, tc.terms)
		list := seen(tc.n, Inspected{Make: "VW", Model: "Golf", ModelYear: 2019, Result: ModuleFound, Maker: "Telit"})
		for i := range list {
			list[i].Day, list[i].By = day(i%tc.days), fmt.Sprint(i%tc.people)
		}
		add(t, l, list...)
		a := l.Snapshot().Merge(q, catalogue(t).Lookup(q))
		if got := len(a.Units) > 0; got != tc.want {
			t.Errorf("%s: a candidate appears: %v", tc.name, got)
		}
	}
}

func TestSnapshotNeverChanges(t *testing.T) {
	l := learner(t, Terms{})
	list := seen(12, Inspected{Make: "VW", Model: "Golf", ModelYear: 2019, Market: "DE", Result: ModuleFound, Maker: "Telit"})
	add(t, l, list[:6]...)
	early := l.Snapshot()
	want, _ := json.Marshal(early.Groups("", ""))
	add(t, l, list[6:]...)
	add(t, l, seen(9, Inspected{Make: "BMW", Model: "i3", ModelYear: 2019, Result: NoneFound})...)
	late := l.Snapshot()
	if err := l.Withdraw(list[0]); err != nil {
		t.Fatal(err)
	}
	l.Snapshot()
	got, _ := json.Marshal(early.Groups("", ""))
	if string(got) != string(want) {
		t.Errorf("a snapshot changed: %s, was %s", got, want)
	}
	if g := late.Groups("VW", "Golf"); g[0].Inspected != 12 {
		t.Errorf("the later one shows %+v", g[0])
	}
}

// labels are what stands on units with modules of a maker.
var labels = map[string][]string{
	"Quectel": {"XMR2020AG525RGL", "XMR202003AG525RGL", "XMR201903EG25G"},
	"Telit":   {"RI7LE940B6NA", "RI7LE910CXNF"},
	"u-blox":  {"XPYUBX19KM01"},
}

const lookalikes = "0O1I5S8B2Z6G"

// misread is what a camera, or somebody with cold hands, makes of it.
func misread(r *rand.Rand, s string) string {
	b := []byte(s)
	for range 20 {
		i := r.IntN(len(b))
		if k := strings.IndexByte(lookalikes, b[i]); k >= 0 {
			b[i] = lookalikes[k^1]
			return string(b)
		}
	}
	return string(b)
}

// simulated draws inspections of groups whose shares are known.
type simulated struct {
	list  []Inspected
	truth map[string]map[string]float64 // model -> maker, or "" for none -> share
	read  map[string]int                // how labels were read: right, wrong, not certain, could not tell
}

func simulate(c *Catalogue, seed uint64, sizes []int, total int) simulated {
	r := rand.New(rand.NewPCG(seed, 4))
	out := simulated{truth: map[string]map[string]float64{}, read: map[string]int{}}
	for n := 0; len(out.list) < total; n++ {
		model := fmt.Sprintf("Line %d", n)
		a, b := r.Float64(), r.Float64()
		p := map[string]float64{"Quectel": a * b, "Telit": a * (1 - b), "": (1 - a) * 0.7, "u-blox": (1 - a) * 0.3}
		out.truth[model] = p
		for v := range sizes[n%len(sizes)] {
			in := Inspected{Make: "Sim", Model: model, ModelYear: 2022, Market: "EU", Role: "tcu", Key: fmt.Sprintf("%d/%d", n, v),
				By: fmt.Sprint("inspector ", r.IntN(6)), Day: day(r.IntN(250))}
			maker, x := "", r.Float64()
			for _, m := range []string{"Quectel", "Telit", "u-blox"} {
				if x < p[m] {
					maker = m
					break
				}
				x -= p[m]
			}
			switch {
			case r.Float64() < 0.08: // dark, wet, glued shut
				out.read["could not tell"]++
			case maker == "":
				in.Result = NoneFound
			default:
				in.Result = ModuleFound
				id := labels[maker][r.IntN(len(labels[maker]))]
				if r.Float64() < 0.06 {
					id = misread(r, id)
				}
				found := c.Identify("fcc_id", id)
				var makers []string
				for _, f := range found.Makers {
					if !f.Unit && !f.NotCellular && !slices.Contains(makers, f.Maker) {
						makers = append(makers, f.Maker)
					}
				}
				if len(makers) == 1 {
					in.Maker = makers[0]
				}
				switch in.Maker {
				case maker:
					out.read["right"]++
				case "":
					out.read["not certain"]++
				default:
					out.read["wrong"]++
				}
			}
			out.list = append(out.list, in)
			if r.Float64() < 0.1 { // looked at again by somebody else
				again := in
				again.By, again.Day = fmt.Sprint("inspector ", r.IntN(6)), day(r.IntN(250))
				out.list = append(out.list, again)
			}
		}
	}
	return out
}

var simulatedSizes = []int{5, 6, 8, 10, 14, 20, 30, 50, 80, 130, 200, 320, 500}

// coverage counts how many true shares the bounds hold.
type coverage struct {
	shares, covered, plain       int // plain: by bounds that leave nobody out
	first, firstCovered          int // of the first round
	small, smallCovered          int // of groups under 30 vehicles
	width, plainWidth            float64
	right, wrong, unsure, silent int
}

// 10,000 inspections with known shares: the bounds cover the true share at the
// stated level or better. One round is the 10,000; the others make the
// coverage itself more than chance.
func TestBoundsCoverTheTrueShare(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 1
	}
	c := catalogue(t)
	levels := []float64{0.90, 0.95, 0.99}
	got := make([]coverage, len(levels))
	for round := range rounds {
		sim := simulate(c, uint64(round+1), simulatedSizes, 10_000)
		for i, level := range levels {
			l, b, k := learner(t, Terms{Level: level}), newBounds(level), &got[i]
			add(t, l, sim.list...)
			for _, g := range l.Snapshot().Groups("Sim", "") {
				if !g.Enough || g.ModelYear == 0 || g.Market == "" {
					continue
				}
				for maker, p := range sim.truth[g.Model] {
					s := Share{High: g.Other.High} // of a maker not found
					if maker == "" {
						s = g.None
					}
					for _, m := range g.Makers {
						if m.Maker == maker {
							s = m
						}
					}
					in := 0
					if s.Low <= p && p <= s.High {
						in = 1
					}
					k.shares++
					k.covered += in
					if round == 0 {
						k.first++
						k.firstCovered += in
					}
					if g.Inspected < 30 {
						k.small++
						k.smallCovered += in
					}
					low, high := b.low(s.Found, g.Inspected), b.high(s.Found+g.Unread, g.Inspected)
					if low <= p && p <= high {
						k.plain++
					}
					k.width += s.High - s.Low
					k.plainWidth += high - low
				}
			}
			k.right, k.wrong, k.unsure, k.silent = k.right+sim.read["right"], k.wrong+sim.read["wrong"], k.unsure+sim.read["not certain"], k.silent+sim.read["could not tell"]
		}
	}
	for i, level := range levels {
		k := got[i]
		of := func(a, b int) float64 { return float64(a) / float64(b) }
		t.Logf("level %.2f: %d shares, %.4f covered, %.4f in groups under 30, %d of %d in the first 10,000 inspections; leaving nobody out %.4f; mean width %.3f, leaving nobody out %.3f",
			level, k.shares, of(k.covered, k.shares), of(k.smallCovered, k.small), k.firstCovered, k.first, of(k.plain, k.shares),
			k.width/float64(k.shares), k.plainWidth/float64(k.shares))
		if of(k.covered, k.shares) < level || of(k.plain, k.shares) < level || of(k.smallCovered, k.small) < level || of(k.firstCovered, k.first) < level {
			t.Errorf("level %.2f: too few true shares are covered", level)
		}
		if k.wrong > 0 || k.unsure == 0 || k.silent == 0 {
			t.Errorf("labels were read right %d times, wrong %d, unsure %d, not at all %d: a label named a wrong maker, or nothing was misread", k.right, k.wrong, k.unsure, k.silent)
		}
	}
	t.Logf("labels read right %d, not certain %d, wrong %d; could not tell %d", got[0].right, got[0].unsure, got[0].wrong, got[0].silent)
}

// The same simulation with one liar beside the honest: in every group, of every
// size, the bounds of the law hold.
func TestLiarInTheSimulation(t *testing.T) {
	sim := simulate(catalogue(t), 7, simulatedSizes, 10_000)
	r := rand.New(rand.NewPCG(9, 9))
	var lies []Inspected
	for i, in := range sim.list {
		if i%3 != 0 {
			continue
		}
		in.By, in.Result, in.Maker, in.Module = "liar", ModuleFound, "Quectel", ""
		if r.IntN(2) == 0 {
			in.Key = fmt.Sprint("invented ", i)
		}
		lies = append(lies, in)
	}
	checkLiar(t, catalogue(t), Terms{}, sim.list, lies)
}

func BenchmarkLearn(b *testing.B) {
	c := catalogue(b)
	sim := simulate(c, 1, []int{5, 8, 14, 30, 80}, 100_000)
	b.Run("add-100000", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			l := learner(b, Terms{})
			add(b, l, sim.list...)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(sim.list)), "ns/inspection")
	})
	b.Run("add-100000-and-show", func(b *testing.B) {
		for range b.N {
			l := learner(b, Terms{})
			add(b, l, sim.list...)
			l.Snapshot()
		}
	})
	b.Run("one-more-and-show", func(b *testing.B) {
		l := learner(b, Terms{})
		add(b, l, sim.list...)
		l.Snapshot()
		one := sim.list[0]
		one.Key = "one more"
		b.ResetTimer()
		for range b.N {
			add(b, l, one)
			l.Snapshot()
			if err := l.Withdraw(one); err != nil {
				b.Fatal(err)
			}
			l.Snapshot()
		}
	})
}

func BenchmarkLookupObserved(b *testing.B) {
	c := catalogue(b)
	l := learner(b, Terms{})
	for _, m := range []string{"Model 3", "Model Y", "Model S", "Model X"} {
		for y := 2016; y < 2026; y++ {
			add(b, l, seen(14, Inspected{Make: "Tesla", Model: m, ModelYear: y, Market: "DE", Result: ModuleFound, Maker: "Quectel", Module: "AG525R-GL"})...)
			add(b, l, seen(9, Inspected{Make: "Tesla", Model: m, ModelYear: y, Market: "US", Result: ModuleFound, Maker: "Telit"})...)
		}
	}
	s := l.Snapshot()
	queries := []Query{
		{Make: "TESLA", Model: "Model 3", Year: 2022, Market: "DE"}, {Make: "TESLA", Model: "MODEL Y", Year: 2025, Market: "PL"},
		{Make: "Tesla", Model: "Model S", Year: 2016, Market: "US"}, {Make: "TESLA", Model: "Model X", Year: 2021},
		{Make: "Tesla", Model: "Model 3 Long Range", Year: 2019, Market: "DE"},
	}
	b.ReportAllocs()
	for i := range b.N {
		q := queries[i%len(queries)]
		if a := s.Merge(q, c.Lookup(q)); len(a.Units) == 0 {
			b.Fatal("nothing found")
		}
	}
}
