package refdata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/policy/supply"
	"sallyport/vin/telematics"
)

// disagreeing is a release in which the ally says something else on a catalogue
// row, an edge, a list's edition and an entry, and has rows of its own.
func disagreeing(t *testing.T, standing Standing) (*council, *Data) {
	t.Helper()
	c := newCouncil(t)
	a := c.agreement(standing, "pl", "de", "us")
	cat, err := (&telematics.File{Edition: "2026-11-05.cz", Rows: []telematics.Row{row("V1", "Quectel"), row("V2", "Cinterion"), row("CZ1", "u-blox")}}).Encode()
	c.ok(err)
	graph := smallGraph(t, "2026-11-06.cz", func(f *supply.File) {
		f.Edges[0].Until = "2026-01-01"
		f.Lists[0].Editions[0].Withdrawn = true
		f.Lists[0].Editions[0].Entries[0].Until = "2026-06-01"
		f.Lists[0].Editions[0].Entries = append(f.Lists[0].Editions[0].Entries, supply.Entry{Name: "Maker GmbH", Party: "maker", Ref: f.Edges[0].Ref})
	})
	k, err := Contribute("ally-cz", 1, day0.Add(90*days), Put{Role: "ally-cz", Kind: Catalogue, Data: cat}, Put{Role: "ally-cz", Kind: Supply, Data: graph})
	c.ok(err)
	c.sign(k, "cz")
	_, err = c.repo.Draft(a, small(t, "2026-11-01", row("V1", "Telit"), row("V2", "Cinterion")), []*Repo{k}, day0)
	c.ok(err)
	c.sign(c.repo, "pl", "de")
	rel, err := c.repo.Verify(Trust{At: day0})
	c.ok(err)
	d, err := rel.Open()
	c.ok(err)
	return c, d
}

type said struct{ Part, Section, ID, Role, Standing, Used string }

func summary(ds []Disagreement) (out []said) {
	for _, d := range ds {
		out = append(out, said{string(d.Part), d.Section, d.ID, d.Role, string(d.Standing), d.Used})
	}
	return out
}

func TestAdviceIsShownAndNotUsed(t *testing.T) {
	_, d := disagreeing(t, Advice)
	want := []said{
		{"catalogue", "row", "V1", "ally-cz", "advice", "ours"},
		{"catalogue", "row", "CZ1", "ally-cz", "advice", "none"},
		{"supply", "edge", "E1", "ally-cz", "advice", "ours"},
		{"lists", "entry", "1260h/2025/Owner", "ally-cz", "advice", "ours"},
		{"lists", "entry", "1260h/2025/Maker GmbH", "ally-cz", "advice", "none"},
		{"lists", "edition", "1260h/2025", "ally-cz", "advice", "ours"},
	}
	if diff := cmp.Diff(want, summary(d.Disagreements)); diff != "" {
		t.Error(diff)
	}
	// Both rows are kept.
	var ours, theirs telematics.Row
	if err := json.Unmarshal(d.Disagreements[0].Ours, &ours); err != nil || ours.Maker != "Telit" {
		t.Errorf("ours: %+v %v", ours, err)
	}
	if err := json.Unmarshal(d.Disagreements[0].Theirs, &theirs); err != nil || theirs.Maker != "Quectel" {
		t.Errorf("theirs: %+v %v", theirs, err)
	}
	if f := d.Catalogue.File(); len(f.Rows) != 2 || f.Rows[0].Maker != "Telit" || f.Edition != "2026-11-01.c" {
		t.Errorf("used: %s %+v", f.Edition, f.Rows)
	}
	if e := d.Graph.Edges()[0]; e.Until != "" || d.Graph.Edition() != "2026-11-01.s" {
		t.Errorf("used: %s %+v", d.Graph.Edition(), e)
	}
}

func TestBindingTakesThePlaceOfOurs(t *testing.T) {
	_, d := disagreeing(t, Binding)
	for _, x := range d.Disagreements {
		if x.Used != "ally-cz" || x.Standing != Binding || len(x.Theirs) == 0 {
			t.Errorf("%+v", x)
		}
	}
	f := d.Catalogue.File()
	if diff := cmp.Diff([]telematics.Row{row("V1", "Quectel"), row("V2", "Cinterion"), row("CZ1", "u-blox")}, f.Rows); diff != "" {
		t.Error(diff)
	}
	if f.Edition != "2026-11-01.c + ally-cz 2026-11-05.cz" {
		t.Errorf("edition %q", f.Edition)
	}
	l := d.Graph.Lists()[0].Editions[0]
	if !l.Withdrawn || len(l.Entries) != 2 || l.Entries[0].Until != "2026-06-01" || d.Graph.Edges()[0].Until != "2026-01-01" {
		t.Errorf("list %+v, edge %+v", l, d.Graph.Edges()[0])
	}
}

func TestFirstBindingAllyWins(t *testing.T) {
	m := newMerger(Catalogue)
	a, b := Role{Name: "ally-a", Standing: Binding}, Role{Name: "ally-b", Standing: Binding}
	id := func(r telematics.Row) string { return r.ID }
	rows := mergeRows(m, "row", a, []telematics.Row{row("V1", "Telit")}, []telematics.Row{row("V1", "Quectel")}, id)
	rows = mergeRows(m, "row", b, rows, []telematics.Row{row("V1", "Fibocom")}, id)
	if rows[0].Maker != "Quectel" {
		t.Errorf("used: %+v", rows[0])
	}
	if diff := cmp.Diff([]said{{"catalogue", "row", "V1", "ally-a", "binding", "ally-a"}, {"catalogue", "row", "V1", "ally-b", "binding", "ally-a"}}, summary(m.found)); diff != "" {
		t.Error(diff)
	}
}

// TestMergeLaws: advice never changes what is used; nothing is lost; who agrees
// is not mentioned; our own rows are never written to.
func TestMergeLaws(t *testing.T) {
	gen := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) telematics.Row {
		return row(rapid.SampledFrom([]string{"V1", "V2", "V3", "V4"}).Draw(t, "id"), rapid.SampledFrom([]string{"Telit", "Quectel"}).Draw(t, "maker"))
	}), 0, 8)
	id := func(r telematics.Row) string { return r.ID }
	rapid.Check(t, func(t *rapid.T) {
		ours, theirs := gen.Draw(t, "ours"), gen.Draw(t, "theirs")
		standing := rapid.SampledFrom([]Standing{Advice, Binding}).Draw(t, "standing")
		was := append([]telematics.Row(nil), ours...)
		m := newMerger(Catalogue)
		out := mergeRows(m, "row", Role{Name: "ally", Standing: standing}, ours, theirs, id)
		if !cmp.Equal(was, ours) && len(was) > 0 {
			t.Fatal("our own rows were written to")
		}
		if standing == Advice && !cmp.Equal(ours, out) {
			t.Fatal("advice changed what is used")
		}
		if len(out) < len(ours) {
			t.Fatal("a row was lost")
		}
		again := newMerger(Catalogue)
		mergeRows(again, "row", Role{Name: "ally", Standing: standing}, ours, ours, id)
		if len(again.found) > 0 {
			t.Fatalf("disagrees with itself: %+v", again.found)
		}
		if standing == Binding {
			settled := newMerger(Catalogue)
			mergeRows(settled, "row", Role{Name: "ally", Standing: Advice}, out, theirs, id)
			if len(settled.found) > 0 {
				t.Fatalf("a binding ally's row is not used: %+v", settled.found)
			}
		}
	})
}

func TestDiff(t *testing.T) {
	c := newCouncil(t)
	a := c.agreement(Advice, "pl", "de", "us")
	v1 := c.release(a, day0, small(t, "2026-11-01", row("V1", "Telit"), row("V2", "Telit")), "pl", "de")
	puts := small(t, "2026-11-02", row("V1", "Quectel"), row("V3", "Telit"))
	puts[1].Data = smallGraph(t, "2026-11-02.s", func(f *supply.File) { f.Lists[0].Editions[0].Withdrawn = true })
	v2 := c.release(c.agreement(Binding, "pl", "de", "us"), day0.Add(days), puts, "pl", "de")
	one, err := v1.Check(Trust{Root: v1.Files[rootName(1)]})
	c.ok(err)
	two, err := v2.Check(Trust{Root: v1.Files[rootName(1)]})
	c.ok(err)
	list, err := Diff(one, two)
	c.ok(err)
	var got [][4]string
	for _, ch := range list {
		got = append(got, [4]string{ch.What, ch.Section, ch.Path, ch.ID})
	}
	want := [][4]string{
		{"changed", "delegation", "", "ally-cz"},
		{"changed", "file", "catalogue/catalogue.json", ""},
		{"removed", "row", "catalogue/catalogue.json", "V2"},
		{"changed", "row", "catalogue/catalogue.json", "V1"},
		{"added", "row", "catalogue/catalogue.json", "V3"},
		{"changed", "file", "rf/prefixes.tsv", ""},
		{"changed", "file", "supply/supply.json", ""},
		{"changed", "edition", "supply/supply.json", "1260h/2025"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Every row of a graph that an answer can turn on is compared.
func TestDiffMissesNoRow(t *testing.T) {
	c := newCouncil(t)
	a := c.agreement(Advice, "pl", "de", "us")
	check := func(at time.Time, change func(*supply.File)) *Release {
		puts := small(t, "2026-11-01", row("V1", "Telit"))
		puts[1].Data = smallGraph(t, "2026-11-01.s", change)
		r := c.release(a, at, puts, "pl", "de")
		rel, err := r.Check(Trust{Root: r.Files[rootName(1)]})
		c.ok(err)
		return rel
	}
	old := check(day0, func(f *supply.File) {})
	src := supply.Ref{Source: "https://example.org/other", Certainty: "press"}
	for section, change := range map[string]func(*supply.File){
		"party":      func(f *supply.File) { f.Parties[0].Country = "CN" },
		"edge":       func(f *supply.File) { f.Edges[0].Until = "2026" },
		"instrument": func(f *supply.File) { f.Instruments = []supply.Instrument{{ID: "i", Ref: src}} },
		"plant":      func(f *supply.File) { f.Plants = []supply.Plant{{Brand: "b", Country: "CN", Ref: src}} },
		"territory": func(f *supply.File) {
			f.Territories = []supply.Territory{{Country: "CN", Includes: []string{"DE"}, Ref: src}}
		},
		"make": func(f *supply.File) {
			f.Makes = []supply.MakeName{{Name: "Volvo", Types: []string{"TRUCK"}, Party: "maker"}}
		},
		"list": func(f *supply.File) { f.Lists[0].Country = "CN" },
		"edition": func(f *supply.File) {
			f.Lists[0].Editions[0].Absent = []supply.Entry{{Name: "Maker", Party: "maker", Ref: src}}
		},
		"entry":      func(f *supply.File) { f.Lists[0].Editions[0].Entries[0].Until = "2026" },
		"trust-list": func(f *supply.File) { f.Trusted = []supply.TrustList{{ID: "t", Ref: src}} },
		"advisory":   func(f *supply.File) { f.Advisories = []supply.Advisory{{ID: "a", Ref: src}} },
	} {
		list, err := Diff(old, check(day0.Add(days), change))
		c.ok(err)
		if len(list) != 2 || list[0].Section != "file" || list[1].Section != section {
			t.Errorf("%s: %+v", section, list)
		}
	}
}

func TestListsSignedApart(t *testing.T) {
	c := newCouncil(t)
	a := c.agreement(Advice, "pl", "de", "us")
	lists, err := ListsOf(smallGraph(t, "2026-11-09.l", func(f *supply.File) { f.Lists[0].Title = "as the keepers of lists have it" }))
	c.ok(err)
	r := c.release(a, day0, append(small(t, "2026-11-01", row("V1", "Telit")), Put{Role: "supply", Kind: Lists, Data: lists}), "pl", "de")
	rel, err := r.Verify(Trust{At: day0})
	c.ok(err)
	d, err := rel.Open()
	c.ok(err)
	if d.Graph.Lists()[0].Title != "as the keepers of lists have it" || d.Graph.Edition() != "2026-11-01.s + lists 2026-11-09.l" || len(d.Disagreements) > 0 {
		t.Errorf("%s %+v %+v", d.Graph.Edition(), d.Graph.Lists(), d.Disagreements)
	}
}

// aggregate is what a site's inspections showed.
const aggregate = `{"format":"sallyport-shares","version":1,"site":"krk","made":"2026-11-19","names":"2026-11-01.c","from":"","to":"","k":5,"m":3,"level":0.95,"weight":0.5,"groups":[]}`

func TestSignerSeesWhatIsSigned(t *testing.T) {
	c := newCouncil(t)
	a := c.agreement(Advice, "pl", "de", "us")
	_, err := c.repo.Draft(a, small(t, "2026-11-01", row("V1", "Telit")), nil, day0)
	c.ok(err)
	name := targetsDir + "catalogue/catalogue.json"
	if _, err := c.repo.clone().Sign(c.keys["mallory"]); ClassOf(err) != UnknownKey || !strings.Contains(err.Error(), "mallory may sign nothing") {
		t.Errorf("signed with a key of nobody: %v", err)
	}
	twice := c.repo.clone()
	c.sign(twice, "pl", "pl")
	shown := c.repo.clone()
	shown.Files[name] = append(bytes.Clone(shown.Files[name]), ' ')
	if _, err := shown.Sign(c.keys["pl"]); ClassOf(err) != BadHash {
		t.Errorf("signed for another file than the one shown: %v", err)
	}
	delete(shown.Files, name)
	if _, err := shown.Sign(c.keys["pl"]); ClassOf(err) != Missing {
		t.Errorf("signed for a file that was not shown: %v", err)
	}
	// A copy on which another has signed for other rows is not joined.
	other := c.repo.clone()
	_, err = other.Draft(a, small(t, "2026-11-01", row("V1", "Quectel")), nil, day0)
	c.ok(err)
	c.sign(other, "de")
	if _, err := c.repo.Join(other); ClassOf(err) != Mixed {
		t.Errorf("joined: %v", err)
	}
}

// Join takes over no signature that does not hold, whatever the copy says, and
// says which it left out; one that is broken here is mended.
func TestJoinVerifies(t *testing.T) {
	c := newCouncil(t)
	a := c.agreement(Advice, "pl", "de", "us")
	_, err := c.repo.Draft(a, small(t, "2026-11-01", row("V1", "Telit")), nil, day0)
	c.ok(err)
	c.sign(c.repo, "pl")
	stamp := metadataDir + "timestamp.json"
	other := c.repo.clone()
	c.sign(other, "de", "us")
	forceSign(c, other, stamp, "mallory")
	us, err := c.keys["us"].Public()
	c.ok(err)
	edit(t, other.Files, stamp, func(m map[string]any) {
		for _, s := range m["signatures"].([]any) {
			if s := s.(map[string]any); s["keyid"] == us.KeyID {
				s["sig"] = strings.Repeat("00", 64)
			}
		}
	})
	here := c.repo.clone()
	list, err := here.Join(other)
	c.ok(err)
	of := func(list []Signing, role string) Signing {
		i := slices.IndexFunc(list, func(s Signing) bool { return s.Role == role })
		return list[i]
	}
	if got := of(list, "timestamp"); !slices.Equal(got.Signed, []string{"de", "pl"}) || len(got.Dropped) != 2 ||
		!strings.Contains(strings.Join(got.Dropped, "; "), "signature of us does not fit") || !strings.Contains(strings.Join(got.Dropped, "; "), "may not sign it") {
		t.Errorf("%+v", got)
	}
	if n := strings.Count(string(here.Files[stamp]), `"sig"`); n != 2 {
		t.Errorf("%d signatures were kept:\n%s", n, here.Files[stamp])
	}
	if got := of(list, "snapshot"); len(got.Dropped) > 0 || len(got.Signed) != 3 {
		t.Errorf("%+v", got)
	}
	// What is broken here is replaced by what holds there.
	whole := c.repo.clone()
	c.sign(whole, "us")
	if list, err = other.Join(whole); err != nil || !slices.Contains(of(list, "timestamp").Signed, "us") {
		t.Errorf("%+v, %v", of(list, "timestamp"), err)
	}
}

func TestAgreementIsRefused(t *testing.T) {
	c := newCouncil(t)
	head := "[[authority]]\nname = \"pl\"\nkey = \"pl\"\n[[authority]]\nname = \"de\"\nkey = \"de\"\n"
	rules := func(need int, role string) string {
		q := fmt.Sprintf("sign = [\"pl\", \"de\"]\nneed = %d\ndays = 30\n", need)
		return head + "[root]\n" + q + "[policy]\n" + q + "[release]\n" + q + "[[role]]\n" + q + role
	}
	good := "name = \"supply\"\nstanding = \"ours\"\nparts = [\"supply\"]\n"
	for _, tt := range []struct{ name, text, says string }{
		{"a threshold of nought", rules(0, good), "need = 0"},
		{"more than there are", rules(3, good), "need = 3 of 2"},
		{"one key for two", "[[authority]]\nname = \"us\"\nkey = \"pl\"\n" + rules(2, good), "one signature, not two"},
		{"an unknown kind", rules(2, strings.Replace(good, `["supply"]`, `["gossip"]`, 1)), "no kind of data"},
		{"a standing that is none", rules(2, strings.Replace(good, "ours", "theirs", 1)), "none of ours, binding, advice"},
		{"the name of a TUF role", rules(2, strings.Replace(good, "supply", "snapshot", 1)), "no name of a role"},
		{"two for our own supply", rules(2, good+"[[role]]\nsign = [\"pl\"]\nneed = 1\ndays = 9\n"+strings.Replace(good, "supply", "other", 1)), "both supply and other"},
		{"no days", rules(2, good+"[[role]]\nsign = [\"pl\"]\nneed = 1\n"+strings.Replace(good, "supply", "other", 1)), "days = 0"},
		{"an unknown word", rules(2, good) + "quorum = 2\n", "unknown key"},
		{"a missing key file", strings.Replace(rules(2, good), `key = "de"`, `key = "xx"`, 1), `authority "de"`},
	} {
		if _, err := ParseAgreement([]byte(tt.text), c.public); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
	if _, err := ParseAgreement([]byte(rules(2, good)), c.public); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	c := newCouncil(t)
	for _, pass := range []string{"", "a long passphrase"} {
		b, err := c.keys["pl"].Encode([]byte(pass))
		c.ok(err)
		if Sealed(b) != (pass != "") {
			t.Errorf("sealed: %s", b)
		}
		k, err := ParsePrivateKey(b, []byte(pass))
		c.ok(err)
		if !k.key.Equal(c.keys["pl"].key) || k.Name != "pl" {
			t.Error("another key came back")
		}
		if pass == "" {
			continue
		}
		if _, err := ParsePrivateKey(b, []byte("another")); !errors.Is(err, ErrPassphrase) {
			t.Errorf("with another passphrase: %v", err)
		}
	}
	b, err := c.public("pl")
	c.ok(err)
	if _, err := ParsePublicKey(bytes.Replace(b, []byte(`"keyid": "`), []byte(`"keyid": "00`), 1)); err == nil {
		t.Error("a key under a name that is not its own was taken")
	}
}

func TestContributionIsVerifiedBeforeItIsTakenUp(t *testing.T) {
	c := newCouncil(t)
	a := c.agreement(Advice, "pl", "de", "us")
	draft := func(role string, version int64, signer string, spoil func(*Repo)) error {
		k, err := Contribute(role, version, day0.Add(90*days), Put{Role: role, Kind: Aggregates, Data: []byte(aggregate)})
		c.ok(err)
		c.sign(k, signer)
		if spoil != nil {
			spoil(k)
		}
		_, err = c.repo.Draft(a, nil, []*Repo{k}, day0)
		return err
	}
	for _, tt := range []struct {
		want    Class
		role    string
		version int64
		signer  string
		spoil   func(*Repo)
	}{
		{UnknownKey, "site-krk", 2, "mallory", nil},
		{Delegation, "site-waw", 2, "krk", nil},
		{Delegation, "ally-cz", 2, "cz", nil}, // trusted, but not for aggregates
		{BadHash, "site-krk", 2, "krk", func(r *Repo) {
			r.Files[targetsDir+"site-krk/aggregates.json"] = []byte(strings.Replace(aggregate, "krk", "waw", 1))
		}},
		{"", "site-krk", 2, "krk", nil},
		{Rollback, "site-krk", 1, "krk", nil},
	} {
		if err := draft(tt.role, tt.version, tt.signer, tt.spoil); ClassOf(err) != tt.want {
			t.Errorf("%s %d by %s: %v, want %q", tt.role, tt.version, tt.signer, err, tt.want)
		}
	}
}
