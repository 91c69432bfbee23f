package pack

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/policy"
)

func TestEveryPackLoads(t *testing.T) {
	want := []string{"cz-nukib-2025", "il-idf-2025", "paper-baseline", "pl-general-staff-2026", "uk-mod-sites",
		"us-1260h-s805", "us-bis-connected-vehicle", "us-s4429-proposed", "us-s4784-353-proposed"}
	if got := Names(); !slices.Equal(got, want) {
		t.Fatalf("packs %v, want %v", got, want)
	}
	for _, name := range Names() {
		p := open(t, name)
		src, err := Source(name)
		if err != nil || len(src) == 0 {
			t.Fatalf("%s has no source: %v", name, err)
		}
		if !strings.HasPrefix(p.ID(), name+" ") || len(p.Omits()) == 0 {
			t.Errorf("%s is called %q and omits %v", name, p.ID(), p.Omits())
		}
		again, err := policy.Load("canonical", p.Canonical())
		if err != nil || again.Hash() != p.Hash() {
			t.Errorf("the canonical form of %s does not load to the same hash: %v", name, err)
		}
		for _, r := range p.Rules() {
			for _, lang := range []string{"en", "pl", "de"} {
				if r.Say[lang] == "" {
					t.Errorf("%s: rule %s says nothing in %s", name, r.ID, lang)
				}
			}
			if r.When == "" || strings.Contains(r.Title, "{") {
				t.Errorf("%s: rule %s is not shown in full: %q %q", name, r.ID, r.Title, r.When)
			}
		}
	}
}

func TestUnknownPack(t *testing.T) {
	if _, err := Open("uk-baseline"); err == nil || !strings.Contains(err.Error(), "paper-baseline") {
		t.Errorf("the error does not name the packs there are: %v", err)
	}
}

// shared finds a file of the shared folder beside the repository.
func shared(t *testing.T, name string) *os.File {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
	}
	path := filepath.Join(dir, "..", "shared", filepath.FromSlash(name))
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("SKIPPED: %s is not there, so quotes were not checked against their sources: %v", path, err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestInstrumentsAreRows holds every rule that rests on more than the site's
// choice or the paper to a row of the reference data: its id, link and quote.
func TestInstrumentsAreRows(t *testing.T) {
	var data struct {
		Instruments []struct{ ID, Source, Quote string }
	}
	text, err := os.ReadFile(filepath.FromSlash("../supply/supply.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &data); err != nil || len(data.Instruments) < 40 {
		t.Fatalf("%d instruments: %v", len(data.Instruments), err)
	}
	for _, name := range Names() {
		for _, r := range open(t, name).Rules() {
			in := r.Instrument
			if in.Authority == "site" || strings.HasPrefix(in.Authority, "Charles Parton") {
				if in.ID != "" {
					t.Errorf("%s: rule %s rests on %q and has the id %q", name, r.ID, in.Authority, in.ID)
				}
				continue
			}
			k := slices.IndexFunc(data.Instruments, func(x struct{ ID, Source, Quote string }) bool { return x.ID == in.ID })
			if k < 0 {
				t.Errorf("%s: rule %s names the instrument %q, which is no row", name, r.ID, in.ID)
				continue
			}
			if row := data.Instruments[k]; row.Source != in.Link || in.Quote != "" && row.Quote != in.Quote {
				t.Errorf("%s: rule %s: instrument %s has %q at %s, and the rule says %q at %s", name, r.ID, in.ID, row.Quote, row.Source, in.Quote, in.Link)
			}
			if in.Date == "" || in.Status == "" {
				t.Errorf("%s: rule %s: instrument %s has the date %q and the status %q", name, r.ID, in.ID, in.Date, in.Status)
			}
		}
	}
}

// TestThePaperSaysSo checks what is quoted of the paper against it.
func TestThePaperSaysSo(t *testing.T) {
	var paper strings.Builder
	if _, err := bufio.NewReader(shared(t, "reference/paper.txt")).WriteTo(&paper); err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for _, name := range Names() {
		for _, r := range open(t, name).Rules() {
			if !strings.HasPrefix(r.Instrument.Authority, "Charles Parton") {
				continue
			}
			quoted++
			if !strings.Contains(paper.String(), r.Instrument.Quote) {
				t.Errorf("%s: rule %s quotes what the paper does not say: %q", name, r.ID, r.Instrument.Quote)
			}
		}
	}
	if quoted == 0 {
		t.Error("no rule quotes the paper")
	}
}

// An instrument's quotation stands beside every vehicle that its rule speaks
// of. One that names a company would be read as said of the maker at hand, and
// some of the paper's claims are disputed or borne out by no register.
func TestQuotesFitEveryMaker(t *testing.T) {
	not := []string{
		"Quectel", "Fibocom", "Ikotek", "Netprisma", "Rolling", "Eagle", "BYD", "Huawei", "Tesla",
		"wholly Chinese owned", "remains ultimately in Chinese hands", "70%", "80%", "31 billion", "Prime Minister", "Deere",
	}
	for _, name := range Names() {
		for _, r := range open(t, name).Rules() {
			for _, words := range not {
				if strings.Contains(r.Instrument.Quote, words) {
					t.Errorf("%s: rule %s prints %q beside every vehicle: %q", name, r.ID, words, r.Instrument.Quote)
				}
			}
		}
	}
}

// Before an instrument takes effect no rule of its pack decides anything, not
// even that a vehicle is outside it.
func TestNothingRestsOnAnInstrumentBeforeItsDay(t *testing.T) {
	f := &policy.Facts{At: time.Date(2024, 11, 22, 5, 0, 0, 0, time.UTC)}
	f.Vehicle.ModelYear = policy.Know(2020, policy.Source{})
	f.Vehicle.WeightKg = policy.Know(9000, policy.Source{})
	f.Vehicle.BuiltIn = policy.Know("DE", policy.Source{})
	f.Site.Zone = policy.Know(policy.ZoneRestricted, policy.Source{})
	f.Registration.Class = policy.Know(policy.ClassPrivate, policy.Source{})
	for _, name := range []string{"us-bis-connected-vehicle", "pl-general-staff-2026", "us-1260h-s805", "us-s4784-353-proposed", "cz-nukib-2025"} {
		if v := open(t, name).Evaluate(f, nil); v.Outcome != policy.Flag || v.Reasons[0].Rule != policy.DefaultRule {
			t.Errorf("%s in 2024: %s by %+v", name, v.Outcome, v.Reasons)
		}
	}
}
