package view

import (
	"strings"
	"testing"

	"sallyport/gate"
	"sallyport/policy"
)

// Whoever asks a year later on what a verdict rested finds the editions of the
// data, and a country that only the WMI gives.
func TestFactsNameTheEditionsAndTheWMICountry(t *testing.T) {
	var f policy.Facts
	f.Vehicle.WMICountry = policy.Know("CN", policy.Source{Title: "ISO 3780 region of the WMI (weak)"})
	f.Site.Zone = policy.Know(policy.ZoneRestricted, policy.Source{Title: "configuration of the lane"})
	f.Data = policy.DataFacts{VPICEdition: "NHTSA vPIC 2026-02-17", CatalogueEdition: "2026-11-22.c"}
	got := map[string]Fact{}
	for _, x := range facts(f) {
		got[x.Name] = x
	}
	for name, want := range map[string]string{
		"vehicle.wmi_country": "CN", "site.zone": "restricted",
		"data.vpic_edition": "NHTSA vPIC 2026-02-17", "data.catalogue_edition": "2026-11-22.c",
	} {
		if x := got[name]; !x.Known || x.Value != want {
			t.Errorf("%s is %+v, want %s", name, x, want)
		}
	}
	if x, ok := got["data.supply_edition"]; !ok || x.Known {
		t.Errorf("an edition that is not recorded: %+v", x)
	}
}

// Whoever asks why the air raised a verdict finds what was heard, how sure it
// was, what else it may be, and where that is known from.
func TestPassageTellsWhatTheAirSaid(t *testing.T) {
	from := policy.Source{Title: "passive sensor stop", Address: "https://github.com/teslamotors/vehicle-command", Quote: "A name was heard.", Date: "2026-11-22"}
	var a gate.Assessment
	a.Verdict.Outcome, a.Verdict.Policy = policy.Flag, "paper-baseline 2"
	a.Facts.Radio.Contradiction = policy.Know(true, from)
	a.Facts.Radio.Evidence = []policy.RadioEvidence{
		{Code: "tesla_name_differs", Says: "A name was heard.", Against: "vin", Strength: "strong", Probability: 0.979, Contradicts: true, Explains: []string{"behind", "second"}, From: from},
		{Code: "tyre_differs", Says: "A tyre was heard.", Against: "tyres", Strength: "weak", Probability: 0.6, Explains: []string{"wheels"}, From: from},
	}
	s := set(t)
	for lang, words := range map[string][]string{
		"en": {"What the air said", "contradicts", "strong", "97 %", "a vehicle that waits behind", "A name was heard.", "https://github.com/teslamotors/vehicle-command", "2026-11-22", "a hint", "weak"},
		"pl": {"przeczy", "mocne", "97 %", "pojazd czekający z tyłu", "poszlaka"},
		"de": {"widerspricht", "stark", "97 %", "ein Fahrzeug, das dahinter wartet", "ein Hinweis"},
	} {
		p := NewPassage(base(t, lang), gate.PassageRecord{Passage: gate.Passage{Result: a}}, nil)
		b, err := s.Render(&p)
		if err != nil {
			t.Fatal(err)
		}
		html := string(b)
		for _, w := range words {
			if !strings.Contains(html, w) {
				t.Errorf("%s: the page does not say %q", lang, w)
			}
		}
	}
}

// A guard who asks why finds the same among the reasons: a spoofed name, or a key
// in a pocket, is told from a vehicle by what else it may be.
func TestKioskTellsWhatElseTheAirMayBe(t *testing.T) {
	from := policy.Source{Title: "passive sensor stop", Address: "https://github.com/teslamotors/vehicle-command", Date: "2026-11-22"}
	v := waiting(policy.Flag, gate.ActInspect)
	v.Passage.Result.Facts.Radio.Evidence = []policy.RadioEvidence{
		{Code: "make_differs", Says: "A name was heard.", Against: "make", Strength: "moderate", Probability: 0.979, Contradicts: true, Explains: []string{"key", "near"}, From: from},
	}
	s := set(t)
	for lang, words := range map[string][]string{
		"en": {"contradicts", "97 %", "What else it may be: the key or app of another car in somebody&#39;s pocket; a vehicle close by.", "https://github.com/teslamotors/vehicle-command", "2026-11-22"},
		"pl": {"przeczy", "97 %"},
		"de": {"widerspricht", "Was es sonst sein kann: Schlüssel oder App eines anderen Autos in jemandes Tasche; ein Fahrzeug in der Nähe."},
	} {
		b, err := s.Render(NewKiosk(base(t, lang), v, nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if !strings.Contains(string(b), w) {
				t.Errorf("%s: the kiosk does not say %q", lang, w)
			}
		}
	}
}

// What the site's lists say of a vehicle, and what to do with it, stands on the
// lane's screen and among the records, in the guard's language.
func TestFindingsAreShown(t *testing.T) {
	var a gate.Assessment
	a.Verdict.Outcome, a.Verdict.Policy = policy.Flag, "paper-baseline 3"
	a.Facts.Arrival.WatchListed = policy.Know(true, policy.Source{Title: "the site's watch list"})
	a.Facts.Arrival.Findings = []policy.ArrivalFinding{
		{Code: "watch_listed", Says: "WX1 stands on the watch list.", Do: "Hold it, call 112", Reason: "stolen"},
		{Code: "watch_alike", Says: "WXI looks like it.", Hint: true},
	}
	lane := gate.LaneView{Lane: "north", State: gate.Waiting, Durable: true, Passage: &gate.Passage{ID: "p", Result: a}}
	s := set(t)
	for lang, words := range map[string][]string{
		"en": {"On the watch list", "Hold it, call 112", "Looks like one on the watch list", "a hint", "What the site&#39;s lists say"},
		"pl": {"Na liście obserwacyjnej", "Hold it, call 112", "Co mówią listy obiektu"},
		"de": {"Auf der Beobachtungsliste", "Hold it, call 112", "Was die Listen der Liegenschaft sagen"},
	} {
		k := NewKiosk(base(t, lang), lane, nil)
		p := NewPassage(base(t, lang), gate.PassageRecord{Passage: gate.Passage{Result: a}}, nil)
		for _, page := range []Page{k, &p} {
			b, err := s.Render(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range words {
				if !strings.Contains(string(b), w) {
					t.Errorf("%s: %T does not say %q", lang, page, w)
				}
			}
		}
	}
}
