package supply

import (
	"strings"
	"testing"
)

func trusting(t *testing.T, change func(*TrustList)) (*Graph, error) {
	t.Helper()
	g := graph(t)
	src := Ref{Source: "https://example.org/list", Date: "2025-01-01", Certainty: "official"}
	l := TrustList{ID: "xx-trusted", Title: "Trusted module makers", Authority: "Ministry of X", Ref: src, Trusts: []Trust{
		{Name: "Telit Cinterion", Party: "telit_cinterion", Scope: "vehicle modules", From: "2025-01-01", Until: "2026-01-01", Ref: src},
		{Name: "Sequans", Party: "sequans", From: "2025-01-01", Until: "2027-01-01", Ref: src},
		{Name: "Rolling Wireless", Party: "rolling_lux", From: "2024-01-01", Until: "2027-01-01", Ref: src},
		{Name: "Geely", Party: "geely_holding", From: "2024-01-01", Until: "2027-01-01", Ref: src},
	}}
	change(&l)
	f := g.file
	f.Trusted = []TrustList{l}
	b, err := write(&f)
	if err != nil {
		t.Fatal(err)
	}
	return Open(b)
}

func TestTrustedBy(t *testing.T) {
	g, err := trusting(t, func(*TrustList) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		party, list, day string
		want             Value
		says             []string
	}{
		{"telit_cinterion", "xx-trusted", "2025-12-31", True, []string{"Ministry of X", "vehicle modules", "until 2026-01-01", "not free of faults"}},
		{"telit_cinterion", "xx-trusted", "2026-01-01", False, []string{"until 2026-01-01", "has ended", "not free of faults"}},
		{"telit_cinterion", "xx-trusted", "2024-12-31", False, nil},
		{"telit_cinterion", "ministry of x", "2025-06-01", True, nil},
		{"telit_cinterion", "nobody's", "2025-06-01", Unknown, []string{"No list of trusted suppliers"}},
		{"sequans", "xx-trusted", "2026-06-01", True, []string{"from 2025-01-01 until 2027-01-01"}},
		{"quectel", "xx-trusted", "2025-06-01", False, []string{"does not name"}},
		{"rolling_lux", "xx-trusted", "2024-07-25", True, nil},
		{"rolling_lux", "xx-trusted", "2024-07-26", True, []string{"owners have changed since, on 2024-07-26"}},
		{"volvo_cars", "xx-trusted", "2025-06-01", False, nil}, // an owner that is trusted does not make its subsidiaries so
		{"not there", "xx-trusted", "2025-06-01", Unknown, nil},
	} {
		a := g.TrustedBy(c.party, c.list, day(c.day))
		if a.Value != c.want {
			t.Errorf("%s by %s on %s: %v, want %v: %s", c.party, c.list, c.day, a.Value, c.want, a.Because)
		}
		for _, s := range c.says {
			if !strings.Contains(a.Because, s) {
				t.Errorf("%s on %s says %q, without %q", c.party, c.day, a.Because, s)
			}
		}
		if a.Value == True && (a.Until == "" || a.List != "xx-trusted" || len(a.Path) == 0 || a.Path[0].Source == "") {
			t.Errorf("%s on %s: no end, list or source: %+v", c.party, c.day, a)
		}
		if a.Value == False && len(a.Path) == 0 {
			t.Errorf("%s on %s: nothing says so", c.party, c.day)
		}
		if wantFault := c.party == "telit_cinterion"; wantFault != (len(a.Known) > 0) {
			t.Errorf("%s: known faults %+v", c.party, a.Known)
		}
	}
	a := g.TrustedBy("telit_cinterion", "xx-trusted", day("2025-06-01"))
	if f := a.Known[0]; f.ID != "cve-2023-47610" || f.Source == "" || f.Quote == "" {
		t.Errorf("the fault %+v", f)
	}
}

func TestTrustNeedsItsGrounds(t *testing.T) {
	for name, change := range map[string]func(*TrustList){
		"no source":           func(l *TrustList) { l.Trusts[1].Source = "" },
		"no end":              func(l *TrustList) { l.Trusts[1].Until = "" },
		"an end in some year": func(l *TrustList) { l.Trusts[1].Until = "2027" },
		"no first day":        func(l *TrustList) { l.Trusts[1].From = "" },
		"an end before it":    func(l *TrustList) { l.Trusts[1].Until = "2025-01-01" },
		"no authority":        func(l *TrustList) { l.Authority = "" },
		"a list without one":  func(l *TrustList) { l.Source = "" },
		"a party not there":   func(l *TrustList) { l.Trusts[1].Party = "nobody" },
		"an official list":    func(l *TrustList) { l.ID = "us-1260h" },
	} {
		if _, err := trusting(t, change); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	const good = `{"id":"a","title":"A","authority":"B","source":"s","certainty":"official","trusts":[{"name":"n","party":"p","from":"2025-01-01","until":"2026-01-01","source":"s","certainty":"official"}]}`
	if l, err := ReadTrusted(strings.NewReader(good), "t.jsonl"); err != nil || len(l) != 1 {
		t.Errorf("%v, %v", l, err)
	}
	for name, text := range map[string]string{
		"no source":  good + "\n" + strings.Replace(strings.Replace(good, `"id":"a"`, `"id":"b"`, 1), `"until":"2026-01-01","source":"s"`, `"until":"2026-01-01"`, 1),
		"twice":      good + "\n" + good,
		"a new word": good + "\n" + strings.Replace(good, `"id":"a"`, `"id":"b","rank":1`, 1),
	} {
		if l, err := ReadTrusted(strings.NewReader(text), "t.jsonl"); err == nil || !strings.Contains(err.Error(), "t.jsonl line 2") || l != nil {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
}

// Nothing that is shipped calls anybody trusted: no authority has said so in
// the sources.
func TestNobodyIsTrustedUnsaid(t *testing.T) {
	if l := graph(t).Trusted(); len(l) != 0 {
		t.Errorf("shipped: %+v", l)
	}
}
