package supply

import (
	"strings"
	"testing"
	"time"
)

func onDay(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return t
}

// One owner, one authority, two answers.
func TestAuthorisedBy(t *testing.T) {
	g, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		party, list, day string
		want             Value
		says             string
	}{
		{"volvo_cars", "us-bis", "2026-04-30", False, "No authorisation of Volvo Cars by US Commerce BIS is known"},
		{"volvo_cars", "us-bis", "2026-05-10", Unknown, "On which day is not known"},
		{"volvo_cars", "us-bis", "2026-05-31", True, "US Commerce BIS authorised Volvo Cars"},
		{"volvo_cars", "us-bis", "2026-11-22", True, "according to a secondary source"},
		{"polestar", "us-bis", "2026-11-22", False, "US Commerce BIS refused to authorise Polestar"},
		{"geely_holding", "us-bis", "2026-11-22", False, "No authorisation of"},
		{"ab_volvo", "us-bis", "2026-11-22", False, "No authorisation of"},
		{"volvo_cars", "xx-nobody", "2026-11-22", Unknown, "No list of authorisations"},
		{"nobody", "us-bis", "2026-11-22", Unknown, "No party"},
	} {
		a := g.AuthorisedBy(tt.party, tt.list, onDay(tt.day))
		if a.Value != tt.want || !strings.Contains(a.Because, tt.says) {
			t.Errorf("%s by %s on %s: %s, %q", tt.party, tt.list, tt.day, a.Value, a.Because)
		}
		if a.Value != Unknown && (len(a.Path) == 0 || a.Path[len(a.Path)-1].Source == "" || a.Certainty == "") {
			t.Errorf("%s on %s: no source: %+v", tt.party, tt.day, a.Path)
		}
	}
}

// withRulings is a small graph with a list of authorisations.
func withRulings(t *testing.T, rulings ...Ruling) (*Graph, error) {
	t.Helper()
	ref := Ref{Source: "https://register.example/", Certainty: "official"}
	for i := range rulings {
		rulings[i].Ref, rulings[i].Name = ref, "Acme"
		if rulings[i].ID == "" {
			rulings[i].ID = string(rune('a' + i))
		}
	}
	f := &File{
		Edition:        "2026-11-22.test",
		Parties:        []Party{{ID: "acme", Name: "Acme", Kind: "company", Country: "SE", Ref: ref}, {ID: "badge", Name: "Badge", Kind: "brand", Ref: ref}, {ID: "cole", Name: "Cole", Kind: "company", Country: "CN", Ref: ref}, {ID: "dora", Name: "Dora", Kind: "company", Ref: ref}, {ID: "arm", Name: "Cole Arm", Kind: "company", Country: "SE", Ref: ref}},
		Edges:          []Edge{{ID: "1", From: "badge", To: "acme", Kind: BrandOf, Ref: ref}, {ID: "2", From: "acme", To: "arm", Kind: LicenceFrom, Since: "2026-01-01", Ref: ref}, {ID: "3", From: "arm", To: "cole", Kind: OwnedBy, Controlling: true, Ref: ref}, {ID: "4", From: "acme", To: "dora", Kind: FirmwareBy, Ref: ref}},
		Authorisations: []Authorisations{{ID: "xx", Title: "Register", Authority: "Xx", Rulings: rulings, Ref: ref}},
	}
	b, err := write(f)
	if err != nil {
		t.Fatal(err)
	}
	return Open(b)
}

func TestTheLatestRulingCounts(t *testing.T) {
	g, err := withRulings(t,
		Ruling{Party: "acme", From: "2026-01-01", Until: "2026-03-01"}, Ruling{Party: "acme", From: "2026-04-01"},
		Ruling{Party: "acme", From: "2026-06-01", Refused: true}, Ruling{Party: "badge", From: "2026-02-01", Until: "2026-02-10", Refused: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		party, day string
		want       Value
	}{
		{"acme", "2025-12-31", False}, {"acme", "2026-01-01", True}, {"acme", "2026-02-28", True}, {"acme", "2026-03-01", False},
		{"acme", "2026-04-01", True}, {"acme", "2026-05-31", True}, {"acme", "2026-06-01", False},
		{"badge", "2026-01-15", True}, {"badge", "2026-02-05", False}, {"badge", "2026-02-10", True}, {"cole", "2026-01-15", False},
	} {
		if a := g.AuthorisedBy(tt.party, "xx", onDay(tt.day)); a.Value != tt.want {
			t.Errorf("%s on %s: %s, %q", tt.party, tt.day, a.Value, a.Because)
		}
	}
}

func TestRulingsOfNobody(t *testing.T) {
	for want, r := range map[string]Ruling{
		"no party":      {Party: "nobody", From: "2026"},
		"needs an id":   {Party: "acme"},
		"is never":      {Party: "acme", From: "2026-02-01", Until: "2026-01-01"},
		"is not a date": {Party: "acme", From: "soon"},
	} {
		if _, err := withRulings(t, r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
}

func TestLicenceAndFirmware(t *testing.T) {
	g, err := withRulings(t)
	if err != nil {
		t.Fatal(err)
	}
	day := onDay("2026-06-01")
	for _, tt := range []struct {
		name string
		got  Answer
		want Value
	}{
		{"licence from a country", g.LicenceFrom("acme", "CN", day), True},
		{"licence of a brand", g.LicenceFrom("badge", "CN", day), True},
		{"licence from the party that licenses", g.LicenceFrom("acme", "arm", day), True},
		{"licence from the party that controls it", g.LicenceFrom("acme", "cole", day), True},
		{"licence from another party", g.LicenceFrom("acme", "dora", day), False},
		{"licence from another country", g.LicenceFrom("acme", "SE", day), False},
		{"licence before it was given", g.LicenceFrom("acme", "CN", onDay("2025-12-31")), False},
		{"licence of somebody else", g.LicenceFrom("cole", "CN", day), False},
		{"firmware from a country not known", g.FirmwareBy("acme", "CN", day), Unknown},
		{"firmware of the party", g.FirmwareBy("acme", "dora", day), True},
		{"a licence is no firmware", g.FirmwareBy("acme", "cole", day), False},
		{"from nobody known", g.FirmwareBy("acme", "zed", day), Unknown},
		{"of nobody known", g.FirmwareBy("zed", "CN", day), Unknown},
	} {
		if tt.got.Value != tt.want || tt.got.Because == "" {
			t.Errorf("%s: %s, %q", tt.name, tt.got.Value, tt.got.Because)
		}
	}
	e, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []Answer{e.LicenceFrom("eagle_electronics", "CN", onDay("2026-11-22")), e.LicenceFrom("eagle_electronics", "quectel", onDay("2026-11-22"))} {
		if a.Value != True || len(a.Path) == 0 || a.Path[0].Source == "" {
			t.Errorf("Eagle Electronics: %s, %q, %+v", a.Value, a.Because, a.Path)
		}
	}
}
