package telematics

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func questionIDs(qs []Question) []string {
	ids := make([]string, len(qs))
	for i, q := range qs {
		ids[i] = q.ID
	}
	return ids
}

// An ended network is a reason to ask for a replacement, from its last day on
// and in its own country.
func TestQuestionsOfEndedNetworks(t *testing.T) {
	c := catalogue(t)
	for _, tc := range []struct {
		market, day string
		want        []string
	}{
		{"US", "2026-11-22", []string{"N01", "N02", "N03"}},
		{"US", "2022-07-15", []string{"N01", "N02"}},
		{"US", "2021-12-31", nil},
		{"", "2026-11-22", nil},
	} {
		at, err := time.Parse(time.DateOnly, tc.day)
		if err != nil {
			t.Fatal(err)
		}
		q := Query{Make: "SUBARU", Model: "Outback", Year: 2018, Market: tc.market, At: at}
		first := c.Questions(q, c.Lookup(q))[0]
		var got []string
		for _, s := range first.Sources {
			if strings.HasPrefix(s.ID, "N") {
				got = append(got, s.ID)
			}
		}
		if first.ID != AskReplacements || !slices.Equal(got, tc.want) || strings.Contains(first.Because, "3G") != (tc.want != nil) {
			t.Errorf("%s on %s: %s by %v, want %v: %s", tc.market, tc.day, first.ID, got, tc.want, first.Because)
		}
	}
}

func TestQuestions(t *testing.T) {
	c := catalogue(t)
	for _, tc := range []struct {
		name  string
		q     Query
		want  []string
		place string // in the question for the label
		from  string // source of the place
	}{
		{"nothing known, in the Union", Query{Make: "MERCEDES-BENZ", Model: "E-Class", Year: 2023, Market: "DE"},
			[]string{AskDevices, AskPapers, AskIMEI, AskManual, AskLabel, AskPart, AskSIM, AskDeclaration, AskLetter, AskBench}, "", ""},
		{"the market is not known", Query{Make: "MERCEDES-BENZ", Model: "E-Class", Year: 2023},
			[]string{AskDevices, AskPapers, AskIMEI, AskManual, AskLabel, AskPart, AskSIM, AskDeclaration, AskLetter, AskBench}, "", ""},
		{"two makers", Query{Make: "TESLA", Model: "Model 3", Year: 2022, Market: "US"},
			[]string{AskReplacements, AskDevices, AskIMEI, AskManual, AskLabel, AskPart, AskSIM, AskLetter, AskBench}, "", ""},
		{"one documented module: is it still the one", Query{Make: "TESLA", Model: "Model X", Year: 2021, Market: "US"},
			[]string{AskReplacements, AskDevices, AskIMEI, AskLabel}, "", ""},
		{"no modem: devices only", Query{Make: "HONDA", Model: "Civic", Year: 1990, Market: "US"}, []string{AskDevices}, "", ""},
		{"a place that a source tells", Query{Make: "SKODA", Model: "CITIGO E IV", Year: 2020, Market: "PL"},
			[]string{AskReplacements, AskDevices, AskIMEI, AskManual, AskLabel, AskPart, AskSIM, AskDeclaration, AskLetter, AskBench}, "under the front passenger seat", "X15"},
		{"another place", Query{Make: "NISSAN", Model: "LEAF", Year: 2011, Market: "US"},
			[]string{AskReplacements, AskDevices, AskIMEI, AskManual, AskLabel, AskPart, AskSIM, AskLetter, AskBench}, "at the lower right of the instrument panel", "X16"},
		{"the same model in years of which the source does not speak", Query{Make: "NISSAN", Model: "LEAF", Year: 2014, Market: "US"},
			[]string{AskReplacements, AskDevices, AskIMEI, AskManual, AskLabel, AskPart, AskSIM, AskLetter, AskBench}, "", ""},
		{"the SIM's home is told", Query{Make: "YUTONG", Model: "electric bus", Year: 2025, Market: "NO"},
			[]string{AskReplacements, AskDevices, AskIMEI, AskManual, AskLabel, AskPart, AskLetter, AskBench}, "", ""},
		{"the American rule's declaration", Query{Make: "FORD", Model: "Explorer", Year: 2027, Market: "US"},
			[]string{AskDevices, AskPapers, AskIMEI, AskManual, AskLabel, AskPart, AskSIM, AskCertificate, AskLetter, AskBench}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			qs := c.Questions(tc.q, c.Lookup(tc.q))
			if d := cmp.Diff(tc.want, questionIDs(qs)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			i := slices.IndexFunc(qs, func(q Question) bool { return q.ID == AskLabel })
			if i < 0 {
				return
			}
			from := ""
			if len(qs[i].Sources) > 0 {
				from = qs[i].Sources[0].ID
			}
			if qs[i].Place != tc.place || from != tc.from {
				t.Errorf("the unit sits %q as %q says, want %q and %q", qs[i].Place, from, tc.place, tc.from)
			}
		})
	}
}

// Every act has words and a kind that Identify takes, a place is never told
// without its source, and the cheapest act comes first, for every vehicle.
func TestQuestionsOfEveryVehicle(t *testing.T) {
	c := catalogue(t)
	if len(questionWords) != len(acts) {
		t.Errorf("%d acts have words, of %d", len(questionWords), len(acts))
	}
	for _, a := range acts {
		if questionWords[a.id] == "" || a.kind != "" && !slices.Contains(Kinds[:], a.kind) {
			t.Errorf("%s: words %q, kind %q", a.id, questionWords[a.id], a.kind)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(c.File().Rows).Draw(t, "row")
		q := Query{
			Make: rapid.SampledFrom(append(r.Makes, "Nobody")).Draw(t, "make"), Model: rapid.SampledFrom(r.Models).Draw(t, "model"),
			Year:   rapid.SampledFrom([]int{0, 1990, r.From, r.To, 2020, 2027}).Draw(t, "year"),
			Market: rapid.SampledFrom([]string{"", "US", "DE", "GB", "CN", "NO"}).Draw(t, "market"),
			At:     time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		}
		a := c.Lookup(q)
		qs := c.Questions(q, a)
		if !slices.IsSortedFunc(qs, func(x, y Question) int { return x.Cost - y.Cost }) {
			t.Fatalf("not cheapest first: %v", questionIDs(qs))
		}
		if !slices.Contains(questionIDs(qs), AskDevices) {
			t.Fatal("fitted devices are not asked for")
		}
		settles := false
		for _, k := range qs {
			if k.Because == "" || k.Place != "" && len(k.Sources) == 0 {
				t.Fatalf("%+v", k)
			}
			settles = settles || k.Settles && k.ID != AskDevices
		}
		if a.ModemFitted.Value != No && !settles {
			t.Fatalf("nothing asked would settle the module: %v", questionIDs(qs))
		}
	})
}

// A sunset says what a unit cannot reach, and changes no answer.
func TestSunsets(t *testing.T) {
	c := catalogue(t)
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tc := range []struct {
		name    string
		q       Query
		country string
		on      string
		want    []string
	}{
		{"a 3G unit after the last operator's end", Query{Make: "Ford", Model: "Fusion Energi", Year: 2015, Market: "US"}, "US", "2026-11-22", []string{"N01", "N02", "N03"}},
		{"in the month of the first's", Query{Make: "Ford", Model: "Fusion Energi", Year: 2015, Market: "US"}, "US", "2022-02-28", nil},
		{"after that month", Query{Make: "Ford", Model: "Fusion Energi", Year: 2015, Market: "US"}, "US", "2022-03-01", []string{"N01"}},
		{"elsewhere", Query{Make: "Ford", Model: "Fusion Energi", Year: 2015, Market: "US"}, "PL", "2026-11-22", nil},
		{"a 4G unit", Query{Make: "Tesla", Model: "Model X", Year: 2021}, "US", "2026-11-22", nil},
		{"units of several generations", Query{Make: "Ford", Model: "Focus Electric", Year: 2018, Market: "US"}, "US", "2026-11-22", nil},
		{"nothing known", Query{Make: "Honda", Model: "Civic", Year: 1998}, "US", "2026-11-22", nil},
	} {
		a := c.Lookup(tc.q)
		var got []string
		for _, s := range c.Sunsets(a, tc.country, day(tc.on)) {
			got = append(got, s.ID)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
		if a.ModemFitted.Value == No {
			t.Errorf("%s: the end of a network became no modem", tc.name)
		}
	}
}
