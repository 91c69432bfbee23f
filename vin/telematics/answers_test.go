package telematics

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// However many vehicles are asked about, a bounded number of answers is kept,
// and an answer kept, forgotten and put together again is the same.
func TestAnswersKeptAreBounded(t *testing.T) {
	var k answers
	of := func(i int) subset { return subset{of: [24]int32{1<<30 + int32(i)}, n: 1} }
	first := &Answer{}
	k.put(of(0), first)
	for i := 1; i < 10*keptAnswers; i++ {
		k.put(of(i), &Answer{})
		if i%keptAnswers == keptAnswers/2 && k.get(of(0)) != first {
			t.Fatalf("an answer used lately was forgotten after %d others", i)
		}
		if n := len(k.young) + len(k.old); n > 2*keptAnswers+1 {
			t.Fatalf("%d answers kept", n)
		}
	}
	if k.get(of(1)) != nil {
		t.Error("an answer not used for long is still kept")
	}
	fresh, err := Open(embedded)
	if err != nil {
		t.Fatal(err)
	}
	want := catalogue(t)
	var wg sync.WaitGroup
	for lane := range 4 {
		wg.Go(func() {
			for i, q := range queries(want, 2000) {
				if i%4 != lane {
					fresh.answers.put(of(i), &Answer{})
					continue
				}
				if d := cmp.Diff(want.Lookup(q), fresh.Lookup(q)); d != "" {
					t.Errorf("%+v:\n%s", q, d)
				}
			}
		})
	}
	wg.Wait()
}

// What is told beside the maker changes neither who may have made a module nor
// how certain that is, and no told value is without a source.
func TestStatementsChangeNoMaker(t *testing.T) {
	c := catalogue(t)
	f := c.File()
	f.Abouts, f.Sunsets = nil, nil
	b, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	bare, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	type who struct {
		maker, model string
		certainty    Certainty
	}
	makers := func(a Answer) (out []who) {
		for _, u := range a.Units {
			for _, cd := range u.Candidates {
				if cd.Maker != "" {
					out = append(out, who{cd.Maker, cd.Model, cd.Certainty})
				}
			}
		}
		return out
	}
	qs := queries(c, 1<<20)
	rapid.Check(t, func(t *rapid.T) {
		q := rapid.SampledFrom(qs).Draw(t, "query")
		q.Market = rapid.SampledFrom([]string{"", "US", "DE", "CN", "NO"}).Draw(t, "market")
		with, without := c.Lookup(q), bare.Lookup(q)
		if !slices.Equal(makers(with), makers(without)) {
			t.Fatalf("%v with statements, %v without", makers(with), makers(without))
		}
		if with.ModemFitted.Value != without.ModemFitted.Value {
			t.Fatalf("modem fitted %s with statements, %s without", with.ModemFitted.Value, without.ModemFitted.Value)
		}
		for _, can := range []Fitted{with.Can.CameraOutside, with.Can.CameraInside, with.Can.Microphone, with.Can.GNSS, with.Can.Sentry} {
			if can.Because == "" || can.Value != Unknown && len(can.Sources) == 0 {
				t.Fatalf("%+v", can)
			}
		}
		for _, u := range with.Units {
			for _, cd := range u.Candidates {
				for _, told := range []Told{u.Place, cd.Updater, cd.BackEnd, cd.SIMHome} {
					if told.Value != "" && (len(told.Sources) == 0 || told.Because == "" || told.Certainty == None) {
						t.Fatalf("%+v", told)
					}
				}
			}
		}
	})
}

// Statements that contradict each other leave the question open, with both
// sources; the better known of two that agree comes first.
func TestTold(t *testing.T) {
	about := func(id, value string, c Certainty, optional bool) About {
		return About{Makes: []string{"A"}, Models: []string{"B"}, Role: "tcu", Fact: FactBackEnd, Value: value, Optional: optional, Because: id + " says " + value + ".",
			Source: Source{ID: id, Address: "a", Quote: "q", Certainty: c}}
	}
	for name, tc := range map[string]struct {
		said    []About
		value   string
		because string
		sources []string
	}{
		"one":                  {[]About{about("1", "CN", Reported, false)}, "CN", "1 says CN.", []string{"1"}},
		"two that agree":       {[]About{about("1", "CN", Reported, false), about("2", "CN", Documented, false)}, "CN", "2 says CN.", []string{"2", "1"}},
		"two that do not":      {[]About{about("1", "CN", Reported, false), about("2", "DE", Documented, false)}, "", "Sources contradict each other: 1 says CN. 2 says DE.", []string{"1", "2"}},
		"some of the vehicles": {[]About{about("1", "CN", Reported, true)}, "", "1 says CN. Whether that holds for this vehicle is not known.", []string{"1"}},
		"some, and all":        {[]About{about("1", "CN", Reported, true), about("2", "CN", Reported, false)}, "CN", "2 says CN.", []string{"1", "2"}},
	} {
		c, err := Open(encoded(t, func(f *File) { f.Abouts = tc.said }))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		a := c.Lookup(Query{Make: "A", Model: "B"})
		if len(a.Units) != 1 {
			t.Fatalf("%s: %+v", name, a)
		}
		got := a.Units[0].Candidates[0].BackEnd
		var ids []string
		for _, s := range got.Sources {
			ids = append(ids, s.ID)
		}
		if got.Value != tc.value || got.Because != tc.because || !slices.Equal(ids, tc.sources) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
