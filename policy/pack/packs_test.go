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
	want := []string{"paper-baseline", "pl-general-staff-2026", "us-bis-connected-vehicle", "us-s4429-proposed"}
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

func TestPolandOutcomes(t *testing.T) {
	p, s := open(t, "pl-general-staff-2026"), world()
	camera := func(f *policy.Facts) {
		f.Capabilities.CameraOutside = known(true, "https://www.tesla.com/ownersmanual")
	}
	off := func(f *policy.Facts) { f.Capabilities.RecordingOff = known(true, "") }
	controlled := zone(policy.ZoneControlled)
	runOutcomes(t, p, s, []outcome{
		{"Tesla from the China plant", teslaChina(), policy.Deny, "pl-built-in-prc"},
		{"Tesla from the China plant, controlled zone", with(teslaChina(), controlled), policy.Deny, "pl-built-in-prc"},
		{"Tesla from the China plant, public installation", with(teslaChina(), zone(policy.ZonePublic)), policy.Grant, "pl-public-installation"},
		{"Tesla from the China plant, zone unknown", with(teslaChina(), func(f *policy.Facts) { f.Site.Zone.Known = false }), policy.Deny, "pl-built-in-prc"},
		{"Tesla from the China plant, rescue service", with(teslaChina(), class(policy.ClassEmergency)), policy.Grant, "pl-exempt-class"},
		{"Tesla from the China plant, class unknown", with(teslaChina(), func(f *policy.Facts) { f.Registration.Class.Known = false }), policy.Deny, "pl-built-in-prc"},
		{"Tesla Model X from the US, cameras on", with(teslaX(), camera), policy.Flag, "pl-recording"},
		{"Tesla Model X from the US, cameras covered", with(with(teslaX(), camera), off), policy.Grant, "pl-built-elsewhere"},
		{"Tesla Model X from the US, capabilities unknown", teslaX(), policy.Flag, "pl-recording"},
		{"BYD Seal", bydSeal(), policy.Deny, "pl-built-in-prc"},
		{"Volvo EX30 from Ghent, recording off", with(volvoEX30(), off), policy.Grant, "pl-built-elsewhere"},
		{"country of build unknown", with(volvoEX30(), func(f *policy.Facts) { f.Vehicle.BuiltIn.Known = false }), policy.Flag, "pl-built-in-prc"},
		{"the day before the order", with(teslaChina(), func(f *policy.Facts) { f.At = time.Date(2026, 2, 16, 23, 59, 59, 0, time.UTC) }), policy.Flag, policy.DefaultRule},
		{"the day of the order", with(teslaChina(), func(f *policy.Facts) { f.At = time.Date(2026, 2, 17, 0, 0, 0, 0, time.UTC) }), policy.Deny, "pl-built-in-prc"},
	})
	v := p.Evaluate(teslaChina(), s)
	if !slices.Contains(v.ConditionIDs, "park-outside") {
		t.Errorf("a refusal offers no parking: %v", v.Conditions)
	}
	v = p.Evaluate(with(teslaX(), camera), s)
	if !slices.Contains(v.ConditionIDs, "recording-disabled") {
		t.Errorf("recording is not to be disabled: %v", v.Conditions)
	}
}

func TestBISOutcomes(t *testing.T) {
	p, s := open(t, "us-bis-connected-vehicle"), world()
	authorised := func(f *policy.Facts) {
		f.Registration.Authorisations = []policy.Authorisation{{ID: "bis-791", Issuer: "US Commerce BIS", From: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC),
			Source: policy.Source{Address: "https://go.ontomy.tv/post/566947/1144895"}}}
	}
	runOutcomes(t, p, s, []outcome{
		{"Polestar 3", polestar3(), policy.Deny, "bis-maker-nexus"},
		{"Polestar 3, weight unknown", with(polestar3(), func(f *policy.Facts) { f.Vehicle.WeightKg.Known = false }), policy.Deny, "bis-maker-nexus"},
		{"Volvo EX30, authorised", with(volvoEX30(), authorised), policy.Grant, "bis-authorised"},
		{"Volvo EX30, not authorised", volvoEX30(), policy.Deny, "bis-maker-nexus"},
		{"Volvo EX30, authorisation not yet in force", with(with(volvoEX30(), authorised), func(f *policy.Facts) { f.At = time.Date(2026, 4, 30, 0, 0, 0, 0, time.UTC) }), policy.Deny, "bis-maker-nexus"},
		{"Polestar 2 of 2024", with(polestar3(), func(f *policy.Facts) { f.Vehicle.ModelYear = known(2024, "") }), policy.Grant, "bis-older"},
		{"BYD Seal of 2027", with(bydSeal(), func(f *policy.Facts) { f.Vehicle.ModelYear = known(2027, "") }), policy.Deny, "bis-maker-nexus"},
		{"heavy lorry of a PRC maker", with(bydSeal(), func(f *policy.Facts) {
			f.Vehicle.ModelYear, f.Vehicle.WeightKg = known(2027, ""), known(18000, "")
		}), policy.Grant, "bis-heavy"},
		{"Mercedes of 2027", with(mercedes(), func(f *policy.Facts) { f.Vehicle.ModelYear = known(2027, "") }), policy.Grant, "bis-no-nexus"},
		{"maker unknown", with(mercedes(), func(f *policy.Facts) {
			f.Vehicle.ModelYear, f.Vehicle.Maker = known(2027, ""), policy.Leaf[policy.Party]{}
		}), policy.Flag, "bis-maker-nexus"},
	})
	v := p.Evaluate(with(volvoEX30(), authorised), s)
	if len(v.Lifted) != 1 || v.Lifted[0].Rule != "bis-maker-nexus" || v.Lifted[0].LiftedBy != "bis-authorised" {
		t.Errorf("what the authorisation lifted is not kept: %+v", v.Lifted)
	}
}

func TestS4429Outcomes(t *testing.T) {
	p, s := open(t, "us-s4429-proposed"), world()
	if p.Status() != "proposed" {
		t.Errorf("the bill is said to be %q", p.Status())
	}
	runOutcomes(t, p, s, []outcome{
		{"Mercedes", mercedes(), policy.Deny, "s4429-share"},
		{"Mercedes before the holdings were published", with(mercedes(), func(f *policy.Facts) { f.At = time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC) }), policy.Grant, "s4429-outside"},
		{"Tesla Model X", teslaX(), policy.Grant, "s4429-outside"},
		{"Tesla from the China plant", teslaChina(), policy.Deny, "s4429-origin"},
		{"Volvo EX30", volvoEX30(), policy.Deny, "s4429-share"},
		{"maker unknown", with(mercedes(), func(f *policy.Facts) { f.Vehicle.Maker.Known = false }), policy.Flag, "s4429-share"},
	})
	if v := p.Evaluate(mercedes(), s); !strings.Contains(v.Reasons[0].Because, "19.67 %") || v.Reasons[0].Source != "https://group.mercedes-benz.com/investors/share/shareholder-structure" {
		t.Errorf("the refusal does not show the sum and its source: %+v", v.Reasons[0])
	}
}

type outcome struct {
	name  string
	facts *policy.Facts
	want  policy.Outcome
	rule  string
}

func runOutcomes(t *testing.T, p *policy.Policy, s policy.Supply, tests []outcome) {
	t.Helper()
	for _, tt := range tests {
		v := p.Evaluate(tt.facts, s)
		if v.Outcome != tt.want || v.Reasons[0].Rule != tt.rule {
			t.Errorf("%s: got %s by %s (%s), want %s by %s", tt.name, v.Outcome, v.Reasons[0].Rule, v.Reasons[0].Because, tt.want, tt.rule)
		}
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

// TestQuotesStandInTheirSources checks every instrument's quote and link
// against the data set of instruments, and the paper's against the paper.
func TestQuotesStandInTheirSources(t *testing.T) {
	type row struct{ Source, Quote string }
	var rows []row
	sc := bufio.NewScanner(shared(t, "data/supply/instruments.jsonl"))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var r row
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	var paper strings.Builder
	if _, err := bufio.NewReader(shared(t, "reference/paper.txt")).WriteTo(&paper); err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		for _, r := range open(t, name).Rules() {
			in := r.Instrument
			switch {
			case in.Authority == "site":
			case strings.HasPrefix(in.Authority, "Charles Parton"):
				if !strings.Contains(paper.String(), in.Quote) {
					t.Errorf("%s: rule %s quotes what the paper does not say: %q", name, r.ID, in.Quote)
				}
			case !slices.ContainsFunc(rows, func(x row) bool { return x.Source == in.Link && (in.Quote == "" || x.Quote == in.Quote) }):
				t.Errorf("%s: rule %s: no instrument has quote %q at %s", name, r.ID, in.Quote, in.Link)
			}
		}
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
	for _, name := range []string{"us-bis-connected-vehicle", "pl-general-staff-2026"} {
		if v := open(t, name).Evaluate(f, nil); v.Outcome != policy.Flag || v.Reasons[0].Rule != policy.DefaultRule {
			t.Errorf("%s in 2024: %s by %+v", name, v.Outcome, v.Reasons)
		}
	}
}
