package supply

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// small is a graph of a few parties whose names are easy to take for others.
func small(t testing.TB, more ...Party) *Graph {
	t.Helper()
	f := sourced(File{Edition: "2026-01-01.test", Parties: append([]Party{
		{ID: "acme", Name: "Acme Wireless Solutions Co., Ltd.", Kind: "company", Country: "CN", Aliases: []string{"Acme Wireless", "AWS", "艾克米通信"}},
		{ID: "acme_us", Name: "Acme Wireless Solutions Inc.", Kind: "company", Country: "US"},
		{ID: "rolling", Name: "Rolling Modules", Kind: "brand"},
		{ID: "lee", Name: "Jane Lee", Kind: "person", Country: "GB"},
		{ID: "somewhere", Name: "Somewhere Holding", Kind: "company"},
	}, more...)})
	b, err := write(&f)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestMatchByRule(t *testing.T) {
	m, err := NewMatcher(small(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		entry   Entry
		subject Subject
		party   string
		propose string // party of the first proposal
	}{
		{"the spelling of the legal form", Entry{Name: "ACME WIRELESS SOLUTIONS COMPANY LIMITED"}, AnySubject, "acme", ""},
		{"no blank in it", Entry{Name: "Acme Wireless Solutions Co.,Ltd"}, Enterprise, "acme", ""},
		{"another legal form is another company", Entry{Name: "Acme Wireless Solutions GmbH"}, Enterprise, "", "acme"},
		{"accents", Entry{Name: "Acmé Wireless Solutions Inc"}, Enterprise, "acme_us", ""},
		{"a reviewed alias", Entry{Name: "Acme Wireless"}, Enterprise, "acme", ""},
		{"an alias in another script", Entry{Name: "艾克米通信"}, Enterprise, "acme", ""},
		{"a short alias says nothing alone", Entry{Name: "AWS"}, Enterprise, "", "acme"},
		{"a short alias of the same country", Entry{Name: "AWS", Countries: []string{"CN"}}, Enterprise, "acme", ""},
		{"a contradicting country", Entry{Name: "Acme Wireless", Countries: []string{"FR"}}, Enterprise, "", "acme"},
		{"one of the countries", Entry{Name: "Acme Wireless", Countries: []string{"FR", "CN"}}, Enterprise, "acme", ""},
		{"a person of a company's name", Entry{Name: "Acme Wireless"}, Individual, "", "acme"},
		{"a ship of a company's name", Entry{Name: "Acme Wireless"}, NeitherKind, "", ""},
		{"a brand is several companies' at times", Entry{Name: "Rolling Modules"}, Enterprise, "", "rolling"},
		{"a person's name the other way round", Entry{Name: "LEE, Jane"}, Individual, "", "lee"},
		{"a person's name as it is", Entry{Name: "Jane Lee"}, Individual, "lee", ""},
		{"a slip of the pen", Entry{Name: "Acme Wireles Solution Co., Ltd."}, Enterprise, "", "acme"},
		{"the list's other name, countries agree", Entry{Name: "AW Group", Also: []string{"Acme Wireless"}, Countries: []string{"CN"}}, Enterprise, "acme", ""},
		{"the list's other name, no country", Entry{Name: "AW Group", Also: []string{"Acme Wireless"}}, Enterprise, "", "acme"},
		{"two parties in one entry", Entry{Name: "Acme Wireless", Also: []string{"Acme Wireless Solutions Inc"}, Countries: []string{"CN", "US"}}, Enterprise, "", "acme"},
		{"a stranger", Entry{Name: "Zhongshan Toys"}, Enterprise, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := m.Match("l", &c.entry, c.subject)
			if got.Party != c.party {
				t.Errorf("party %q (%s), want %q", got.Party, got.By, c.party)
			}
			if (got.Party == "") != (got.By == "") {
				t.Errorf("party %q by %q", got.Party, got.By)
			}
			first := ""
			if len(got.Proposals) > 0 {
				first = got.Proposals[0].Party
			}
			if first != c.propose {
				t.Errorf("proposes %q, want %q: %+v", first, c.propose, got.Proposals)
			}
			if c.party != "" && len(got.Proposals) > 0 {
				t.Errorf("a match also proposes: %+v", got.Proposals)
			}
		})
	}
}

// Who is from elsewhere than all of a list is on it only where a person or the
// entry says so.
func TestListOfOneCountryMatchesNobodyElseByRule(t *testing.T) {
	f := small(t).file
	f.Lists = []List{{ID: "of-cn", Title: "T", Country: "CN"}, {ID: "of-any", Title: "T"}}
	m, err := NewMatcher(open(t, f), nil)
	if err != nil {
		t.Fatal(err)
	}
	us, cn := Entry{Name: "Acme Wireless Solutions Inc."}, Entry{Name: "Acme Wireless Solutions Co., Ltd."}
	if got := m.Match("of-cn", &us, Enterprise); got.Party != "" || !slices.ContainsFunc(got.Proposals, func(r Review) bool { return r.Party == "acme_us" && strings.Contains(r.Why, "CN, as all of the list") }) {
		t.Errorf("%+v", got)
	}
	if got := m.Match("of-cn", &cn, Enterprise); got.Party != "acme" {
		t.Errorf("%+v", got)
	}
	if got := m.Match("of-any", &us, Enterprise); got.Party != "acme_us" {
		t.Errorf("%+v", got)
	}
	us.Countries = []string{"US"}
	if got := m.Match("of-cn", &us, Enterprise); got.Party != "acme_us" {
		t.Errorf("the entry says where it is: %+v", got)
	}
}

func TestProposalsBiteOnlyWhenSignedOff(t *testing.T) {
	g := small(t)
	m, err := NewMatcher(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := Entry{ID: "x1", Name: "Acme Wireles Solution Co., Ltd."}
	got := m.Match("l", &e, Enterprise)
	if got.Party != "" || len(got.Proposals) == 0 {
		t.Fatalf("got %+v, want a proposal only", got)
	}
	if s := got.Proposals[0].Score; s < LeastScore || s >= 1 {
		t.Errorf("score %v", s)
	}
	again := func(change func(*Review), e Entry) (Matched, error) {
		r := got.Proposals[0]
		change(&r)
		var b bytes.Buffer
		if err := WriteReviews(&b, []Review{r}); err != nil {
			t.Fatal(err)
		}
		read, err := ReadReviews(&b, "reviews.jsonl")
		if err != nil {
			return Matched{}, err
		}
		m, err := NewMatcher(g, read)
		if err != nil {
			t.Fatal(err)
		}
		return m.Match("l", &e, Enterprise), nil
	}
	signed := func(r *Review) {
		r.Decision, r.By, r.On, r.Reason = SameParty, "A. Clerk", "2026-02-01", "register extract"
	}

	if a, err := again(func(*Review) {}, e); err != nil || a.Party != "" || len(a.Proposals) == 0 {
		t.Errorf("undecided: %+v, %v", a, err)
	}
	if a, err := again(signed, e); err != nil || a.Party != "acme" || !strings.Contains(a.By, "A. Clerk") {
		t.Errorf("signed off: %+v, %v", a, err)
	}
	different := func(r *Review) { signed(r); r.Decision = DifferentParty }
	if a, err := again(different, e); err != nil || a.Party != "" || slices.ContainsFunc(a.Proposals, func(r Review) bool { return r.Party == "acme" }) {
		t.Errorf("said to be different: %+v, %v", a, err)
	}
	renamed := e
	renamed.Name = "Acme Wireles Solution (Xian) Co., Ltd."
	if a, err := again(signed, renamed); err != nil || a.Party != "" || len(a.Stale) != 1 {
		t.Errorf("the entry reads otherwise now: %+v, %v", a, err)
	}
	for name, spoil := range map[string]func(*Review){
		"no person":        func(r *Review) { signed(r); r.By = " " },
		"no day":           func(r *Review) { signed(r); r.On = "2026" },
		"no reason":        func(r *Review) { signed(r); r.Reason = "" },
		"no such decision": func(r *Review) { signed(r); r.Decision = "perhaps" },
		"no seal":          func(r *Review) { r.Seal = "" },
	} {
		if _, err := again(spoil, e); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	one := got.Proposals[0]
	signed(&one)
	other := one
	other.Party = "acme_us"
	if _, err := NewMatcher(g, []Review{one, other}); err == nil {
		t.Error("one entry was decided to be two parties")
	}
	other = one
	other.Decision = DifferentParty
	if _, err := NewMatcher(g, []Review{one, other}); err == nil {
		t.Error("two people contradict each other")
	}
}

// A name that is changed by one letter is never matched, whatever the letter.
func TestNeverMatchesFuzzily(t *testing.T) {
	g := small(t)
	m, err := NewMatcher(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, p := range g.Parties() {
		for _, n := range append([]string{p.Name}, p.Aliases...) {
			known[string(legalFold(nil, n))] = true
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		p := rapid.SampledFrom(g.Parties()).Draw(rt, "party")
		name := []rune(p.Name)
		at := rapid.IntRange(0, len(name)-1).Draw(rt, "at")
		name[at] = rune(rapid.IntRange('a', 'z').Draw(rt, "letter"))
		e := Entry{Name: string(name), Countries: []string{p.Country}}
		got := m.Match("l", &e, AnySubject)
		if got.Party != "" && !known[string(legalFold(nil, e.Name))] {
			rt.Fatalf("%q was matched to %q by %s", e.Name, got.Party, got.By)
		}
	})
}
