package gate

import (
	"encoding/json"
	"strings"
	"testing"

	"sallyport/policy"
	"sallyport/policy/supply"
)

// A policy asks by its operator whether a list trusts a supplier; the answer
// ends on the day on which the trust does, and the faults that are known stand
// in its words.
func TestPolicyAsksATrustedList(t *testing.T) {
	src := supply.Ref{Source: "https://example.org/list", Certainty: "official"}
	b, err := json.Marshal(supply.File{
		Edition: "2026-01-01.test", Parties: []supply.Party{{ID: "maker", Name: "Maker", Kind: "company", Ref: src}},
		Trusted:    []supply.TrustList{{ID: "xx-trusted", Title: "Trusted makers", Authority: "Ministry of X", Ref: src, Trusts: []supply.Trust{{Name: "Maker", Party: "maker", From: "2025-01-01", Until: "2026-01-01", Ref: src}}}},
		Advisories: []supply.Advisory{{ID: "cve", Title: "A fault", Parties: []string{"maker"}, Ref: src}},
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := supply.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	s := NewGraphSupply(g)
	for _, c := range []struct {
		list, day string
		want      policy.Truth
	}{{"xx-trusted", "2025-12-31", policy.True}, {"xx-trusted", "2026-01-01", policy.False}, {"another", "2025-12-31", policy.Unknown}} {
		a := s.Ask(policy.SupplyQuestion{Op: opTrustedBy, Party: "maker", Arg: c.list, Day: c.day})
		if a.Value != c.want || a.Because == "" {
			t.Errorf("%s on %s: %+v", c.list, c.day, a)
		}
		if c.want != policy.Unknown && (!strings.Contains(a.Because, "not free of faults") || len(a.Sources) == 0) {
			t.Errorf("%s on %s: %+v", c.list, c.day, a)
		}
	}
}
