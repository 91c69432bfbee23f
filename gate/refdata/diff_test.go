package refdata

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/vin/telematics"
)

func told(list []Change) (out []string) {
	for _, c := range list {
		out = append(out, strings.Join(strings.Fields(strings.Join([]string{c.What, c.Section, c.ID, c.Words()}, " ")), " "))
	}
	return out
}

// Who is trusted is told: a new root, a key that comes and one that goes, a
// threshold, a delegation.
func TestDiffOfTrust(t *testing.T) {
	c := newCouncil(t)
	v1 := c.release(c.agreement(Advice, "pl", "de", "us"), day0, small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	root := v1.Files[rootName(1)]
	v2 := c.release(c.agreement(Advice, "pl", "de", "us"), day0.Add(days), small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	v3 := c.release(c.agreement(Binding, "pl", "de", "us", "fr"), day0.Add(2*days), nil, "pl", "de")
	v4 := c.release(c.agreement(Binding, "pl", "de", "fr"), day0.Add(3*days), nil, "pl", "de", "fr")
	check := func(r *Repo) *Release {
		rel, err := r.Check(Trust{Root: root})
		c.ok(err)
		return rel
	}
	diff := func(old, now *Release) []string {
		list, err := Diff(old, now)
		c.ok(err)
		return told(list)
	}
	if got := diff(check(v1), check(v2)); len(got) > 0 {
		t.Errorf("nothing but the number of the release changed: %q", got)
	}
	fr, err := c.keys["fr"].Public()
	c.ok(err)
	us, err := c.keys["us"].Public()
	c.ok(err)
	var want []string
	roles := []string{"root", "timestamp", "snapshot", "targets", "catalogue", "supply", "rf"}
	for _, r := range roles {
		want = append(want, "changed threshold "+r+" of: 3 -> 4")
	}
	for _, r := range roles {
		want = append(want, "added key "+r+"/fr/"+short(fr.KeyID))
	}
	want = append(want, "changed delegation ally-cz standing: advice -> binding")
	got := diff(check(v2), check(v3))
	if len(got) == 0 || !strings.HasPrefix(got[0], "changed root number: 1 -> 2; sha256: ") {
		t.Fatalf("%q", got)
	}
	if diff := cmp.Diff(want, got[1:]); diff != "" {
		t.Error(diff)
	}
	got = diff(check(v3), check(v4))
	for _, want := range []string{"removed key root/us/" + short(us.KeyID), "removed key catalogue/us/" + short(us.KeyID), "changed threshold root of: 4 -> 3"} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("%q is not told: %q", want, got)
		}
	}
	if got := diff(nil, check(v1)); !strings.Contains(strings.Join(got, "\n"), "added threshold root need: 2; of: 3") {
		t.Errorf("from nothing: %q", got)
	}
}

const packOne = `
policy: one
version: "1"
title: Two rules
status: in force
default: flag
may_change: [security-manager]
rules:
  - id: young
    title: A young car
    outcome: flag
    instrument: {authority: test, title: test, status: in force, quote: test, link: "https://example.org/", date: "2026-01-01"}
    when: {fact: vehicle.model_year, at_least: 2015}
    say: {en: No., pl: Nie., de: Nein.}
  - id: tesla
    title: A Tesla
    outcome: deny
    instrument: {authority: test, title: test, status: in force, quote: test, link: "https://example.org/", date: "2026-01-01"}
    when: {fact: vehicle.make, is: Tesla}
    say: {en: No., pl: Nie., de: Nein.}
`

// Packs, radio prefixes, TACs and what other sites counted are compared row by
// row.
func TestDiffOfContents(t *testing.T) {
	tacs := func(edition, rows string) []byte {
		t.Helper()
		table, _, err := telematics.ImportOsmocomTACs(strings.NewReader("tac,name\n"+rows), telematics.TACSource{Edition: edition, Source: "https://example.org/tac", Licence: "CC0"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := table.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const rf = "sallyport-rf-prefixes 1\t2026-08\nS\toui\thttps://standards-oui.ieee.org/\t2026-08\tIEEE\nP\t000206\tTelit\tcell_module\tmixed\tDenmark\tTelital\nC\t00E0\tphone\tmixed\tGoogle\n"
	shares := func(n int) []byte {
		t.Helper()
		var a telematics.Aggregate
		if err := json.Unmarshal([]byte(aggregate), &a); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Replace(b, []byte(`"k":5`), []byte(`"k":`+string(rune('0'+n))), 1)
	}
	change := strings.NewReplacer
	for _, tc := range []struct {
		name    string
		kind    Kind
		was, is []byte
		want    []string
	}{
		{"a rule's outcome, one less and one more", Packs, []byte(packOne),
			[]byte(change("outcome: flag\n", "outcome: deny\n", "id: tesla", "id: elektro").Replace(packOne)),
			[]string{"changed policy hash: ", "removed rule tesla outcome: deny; title: A Tesla", "changed rule young outcome: flag -> deny", "added rule elektro outcome: deny; title: A Tesla"}},
		{"a rule's condition", Packs, []byte(packOne), []byte(change("2015", "2018").Replace(packOne)),
			[]string{"changed policy hash: ", "changed rule young when: "}},
		{"a policy that says nothing else", Packs, []byte(packOne), []byte("# read again\n" + packOne), nil},
		{"a policy that is new", Packs, nil, []byte(packOne), []string{"added policy id: one 1; title: Two rules; status: in force; default: flag", "added rule young outcome: flag", "added rule tesla outcome: deny"}},
		{"prefixes", RF, []byte(rf), []byte(change("Telit\t", "Cinterion\t", "C\t00E0", "C\t00E1").Replace(rf)),
			[]string{"removed prefix company/00E0 category: phone; name: Google", "changed prefix prefix/000206 maker: Telit -> Cinterion", "added prefix company/00E1 category: phone; name: Google"}},
		{"codes", TAC, tacs("1", "35000000,Telit LE910\n35000001,Quectel EC25\n"), tacs("2", "35000000,Telit LE920\n35000002,Sierra EM7\n"),
			[]string{"removed tac 35000001 ", "changed tac 35000000 ", "added tac 35000002 "}},
		{"what a site counted", Aggregates, shares(5), shares(6), []string{"changed site krk k: 5 -> 6"}},
	} {
		got, err := diffContent(nil, "p", tc.kind, tc.was, tc.is)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		lines := told(got)
		if len(lines) != len(tc.want) {
			t.Errorf("%s: %q", tc.name, lines)
			continue
		}
		for i, want := range tc.want {
			if !strings.HasPrefix(lines[i]+" ", want) {
				t.Errorf("%s: %q, want %q", tc.name, lines[i], want)
			}
		}
	}
	for kind, bad := range map[Kind]string{Packs: "rules: 7", RF: "x", TAC: "{}", Aggregates: "{}", Supply: `{"edition":"x","edgs":[]}`, Catalogue: "{}"} {
		if _, err := diffContent(nil, "p", kind, nil, []byte(bad)); err == nil || !strings.Contains(err.Error(), "newer file") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
