package pack

import (
	"slices"
	"strings"
	"testing"

	"sallyport/policy"
)

func open(t testing.TB, name string) *policy.Policy {
	t.Helper()
	p, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func with(f *policy.Facts, change func(*policy.Facts)) *policy.Facts {
	change(f)
	return f
}

func zone(z policy.Zone) func(*policy.Facts) {
	return func(f *policy.Facts) { f.Site.Zone = known(z, "") }
}

func class(c policy.Class) func(*policy.Facts) {
	return func(f *policy.Facts) { f.Registration.Class = known(c, "") }
}

func onCall(f *policy.Facts) { f.Arrival.OnCall = known(true, "") }

func TestBaselineOutcomes(t *testing.T) {
	p, s := open(t, PaperBaseline), world()
	tests := []struct {
		name  string
		facts *policy.Facts
		want  policy.Outcome
		rule  string // the first reason
		words string // what its sentence must say
	}{
		// The ten vehicles of the paper's trap table, private, restricted zone.
		{"Tesla Model X 2021+", teslaX(), policy.Deny, "module-restricted-zone", "Module Quectel AG525R-GL (documented)"},
		{"Tesla Model 3 from China, one of two modules", teslaChina(), policy.Flag, "module-restricted-zone", "one of several modules"},
		{"Volvo EX30", volvoEX30(), policy.Flag, "chinese-vehicle-unknown-module", "geely holds 78.7 % of volvo-cars"},
		{"Polestar 3", polestar3(), policy.Flag, "chinese-vehicle-unknown-module", "li-shufu holds 66.0 % of polestar"},
		{"Mercedes", mercedes(), policy.Flag, "unknown-module", "module of the telematics unit is not known"},
		{"BYD Seal", bydSeal(), policy.Deny, "chip-down-restricted-zone", "without a separate module"},
		{"old van with comma 3X", oldVanComma(), policy.Deny, "module-restricted-zone", "Device comma 3X with module Quectel EG25-G (declared)"},
		{"truck with a Rolling Wireless unit", rollingTruck(), policy.Flag, "module-restricted-zone", "not known"},
		{"unit by Eagle Electronics", eagleUnit(), policy.Flag, "design-from-prc", "licence"},
		{"car before eCall", oldCar(), policy.Grant, "older-than-site-year", "model year is 1998, before 2009"},

		{"Tesla Model X, government, public zone", with(with(teslaX(), class(policy.ClassGovernment)), zone(policy.ZonePublic)), policy.Deny, "government-module", "class is government"},
		{"Tesla Model X, military", with(teslaX(), class(policy.ClassMilitary)), policy.Deny, "government-module", ""},
		{"Tesla Model X, contractor", with(teslaX(), class(policy.ClassContractor)), policy.Deny, "module-restricted-zone", ""},
		{"Tesla Model X, diplomatic, critical", with(with(teslaX(), class(policy.ClassDiplomatic)), zone(policy.ZoneCritical)), policy.Deny, "module-restricted-zone", ""},
		{"Mercedes, diplomatic", with(mercedes(), class(policy.ClassDiplomatic)), policy.Flag, "diplomatic", "class is diplomatic"},
		{"Mercedes, allied", with(mercedes(), class(policy.ClassAllied)), policy.Flag, "unknown-module", ""},
		{"Tesla Model X, class unknown", with(teslaX(), func(f *policy.Facts) { f.Registration.Class.Known = false }), policy.Deny, "module-restricted-zone", ""},
		{"Tesla Model X, controlled zone", with(teslaX(), zone(policy.ZoneControlled)), policy.Flag, "module-open-zone", ""},
		{"Tesla Model X, public zone", with(teslaX(), zone(policy.ZonePublic)), policy.Flag, "module-open-zone", ""},
		{"Tesla Model X, zone unknown", with(teslaX(), func(f *policy.Facts) { f.Site.Zone.Known = false }), policy.Flag, "module-restricted-zone", "zone is not known"},
		{"Tesla Model X, only reported", with(teslaX(), func(f *policy.Facts) { f.Units[0].Candidates[0].Certainty = policy.CertaintyReported }), policy.Flag, "module-reported-only", "(reported)"},
		{"Tesla Model X, only observed", with(teslaX(), func(f *policy.Facts) { f.Units[0].Candidates[0].Certainty = policy.CertaintyObserved }), policy.Flag, "module-reported-only", "(observed)"},
		{"Tesla Model X, card taken out", with(teslaX(), func(f *policy.Facts) { f.Units[0].Fitted = known(false, ""); f.Modem = known(false, "") }), policy.Grant, "settled-trusted", ""},
		{"Tesla Model X, emergency, on a call", with(with(teslaX(), class(policy.ClassEmergency)), onCall), policy.Grant, "emergency", "class is emergency"},
		{"Tesla Model X, emergency, on no call", with(teslaX(), class(policy.ClassEmergency)), policy.Deny, "module-restricted-zone", ""},
		{"Tesla Model X, private, on a call", with(teslaX(), onCall), policy.Deny, "module-restricted-zone", ""},
		{"BYD Seal, public zone", with(bydSeal(), zone(policy.ZonePublic)), policy.Flag, "chip-down-open-zone", ""},
		{"BYD Seal, government", with(bydSeal(), class(policy.ClassGovernment)), policy.Deny, "government-module", ""},
		{"comma 3X found in an old van, controlled zone", with(oldVanComma(), zone(policy.ZoneControlled)), policy.Flag, "module-open-zone", ""},
		{"old car at a critical zone", with(oldCar(), zone(policy.ZoneCritical)), policy.Flag, "devices-not-looked-for", "looked for"},
		{"old car at a critical zone, looked into", with(with(oldCar(), zone(policy.ZoneCritical)), func(f *policy.Facts) { f.Devices.LookedFor = known(true, "") }), policy.Grant, "older-than-site-year", ""},
		{"old car, class and maker unknown", with(oldCar(), func(f *policy.Facts) {
			f.Registration.Class.Known = false
			f.Vehicle.Maker.Known = false
			f.Vehicle.BuiltIn.Known = false
		}), policy.Grant, "older-than-site-year", ""},
		{"old car with an empty unit on record", unit(oldCar(), "tcu", ""), policy.Grant, "older-than-site-year", ""},
		{"old car with a modem", with(oldCar(), func(f *policy.Facts) { f.Modem = known(true, "") }), policy.Flag, "unknown-module", "a modem is fitted"},
		{"old car whose hotspot was heard", with(oldCar(), func(f *policy.Facts) { f.Radio.HotspotHeard = known(true, "") }), policy.Flag, "air-contradiction", "a hotspot of the vehicle was heard"},
		{"old car with an undetermined device", unit(oldCar(), "device", "tracker", policy.Candidate{MakerName: "no name", Basis: "declared"}), policy.Flag, "unknown-module", ""},
		{"car of unknown year", with(oldCar(), func(f *policy.Facts) { f.Vehicle.ModelYear.Known = false }), policy.Flag, "unknown-module", "model year is not known"},
		{"settled Telit", settledTelit(), policy.Grant, "settled-trusted", ""},
		{"documented Telit", with(settledTelit(), func(f *policy.Facts) { f.Units[0].Candidates[0].Certainty = policy.CertaintyDocumented }), policy.Flag, policy.DefaultRule, ""},
		{"settled Telit, PRC maker heard", with(settledTelit(), func(f *policy.Facts) { f.Radio.HeardMaker = known(policy.Party("quectel"), "") }), policy.Flag, "air-contradiction", "quectel"},
		{"settled Telit, radio of another make", with(settledTelit(), func(f *policy.Facts) { f.Radio.Contradiction = known(true, "") }), policy.Flag, "air-contradiction", "contradicts VIN or record"},
		{"settled Telit, hints alone", with(settledTelit(), func(f *policy.Facts) {
			f.Radio.TyreProtocol, f.Radio.Dimensions, f.Radio.UplinkWithoutModem = known(true, ""), known(true, ""), known(true, "")
		}), policy.Grant, "settled-trusted", ""},
		{"Tesla Model X, named by its VIN", with(teslaX(), func(f *policy.Facts) { f.Radio.TeslaNameMatches = known(true, "") }), policy.Deny, "module-restricted-zone", ""},
		{"settled Telit, hotspot heard", with(settledTelit(), func(f *policy.Facts) { f.Radio.HotspotHeard = known(true, "") }), policy.Grant, "settled-trusted", ""},
		{"settled Eagle", with(eagleUnit(), func(f *policy.Facts) { f.Units[0].Candidates[0].Certainty = policy.CertaintySettled }), policy.Flag, "design-from-prc", ""},
		{"settled Telit and a comma 3X", unit(settledTelit(), "device", "comma 3X", comma3X()), policy.Deny, "module-restricted-zone", "comma 3X"},
		{"settled device alone clears nothing", unit(vehicle("vw", "Golf", 2020, "DE"), "device", "tracker", settledTelit().Units[0].Candidates[0]), policy.Flag, "unknown-module", ""},
		{"VIN from China, module unknown", with(vehicle("tesla", "Model 3", 2023, ""), func(f *policy.Facts) { f.Vehicle.WMICountry = known("CN", "") }), policy.Flag, "chinese-vehicle-unknown-module", "country that assigned the maker's code is CN"},
		{"declared module of unknown place clears nothing", unit(vehicle("vw", "Golf", 2020, "DE"), "unknown", "LE910C4",
			module("telit-cinterion", "Telit", "LE910C4", policy.CertaintyDocumented, "declared", "", "")), policy.Flag, "unknown-module", "not known whether a modem is fitted"},
		{"built in China, module unknown", vehicle("tesla", "Model 3", 2023, "CN"), policy.Flag, "chinese-vehicle-unknown-module", "country of build is CN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := p.Evaluate(tt.facts, s)
			if v.Outcome != tt.want || len(v.Reasons) == 0 || v.Reasons[0].Rule != tt.rule || !strings.Contains(strings.ToLower(v.Reasons[0].Because), strings.ToLower(tt.words)) {
				t.Errorf("got %s, want %s by %s saying %q", v.Outcome, tt.want, tt.rule, tt.words)
			}
			for _, r := range v.Reasons {
				t.Logf("%s %s open=%v: %s [%s]", r.Outcome, r.Rule, r.Open, r.Because, r.Source)
			}
			for _, q := range v.Open {
				t.Logf("open %s (%s): %s %v", q.Fact, q.Unit, q.Ask, q.Rules)
			}
			if d := p.Decide(tt.facts, s); d != v.Outcome {
				t.Errorf("Decide says %s, Evaluate %s", d, v.Outcome)
			}
		})
	}
}

func settledTelit() *policy.Facts {
	c := module("telit-cinterion", "Telit", "LE910C4", policy.CertaintySettled, "inspected", "inspection:1", "FCC ID RI7LE910C4")
	return unit(vehicle("vw", "Golf", 2020, "DE"), "tcu", "TCU", c)
}

func TestBaselineTeslaCarriesItsSource(t *testing.T) {
	v := open(t, PaperBaseline).Evaluate(teslaX(), world())
	r := v.Reasons[0]
	if r.Source != teslaSource || r.Quote != "Single worldwide modem variant for 2021+ Model X: AG525RGL" {
		t.Errorf("the deciding reason rests on %q %q", r.Source, r.Quote)
	}
	if !slices.ContainsFunc(r.Evidence, func(s policy.Source) bool { return s.Address == "https://graph.example/quectel" }) {
		t.Errorf("the path behind the maker is not among the evidence: %v", r.Evidence)
	}
	if r.Instrument.Address == "" || r.Instrument.Quote == "" {
		t.Errorf("the instrument has no address or quote: %+v", r.Instrument)
	}
	if len(v.WorkItems) != 0 {
		t.Errorf("a private vehicle makes work for %v", v.WorkItems)
	}
}

func TestBaselineGovernmentMakesWork(t *testing.T) {
	v := open(t, PaperBaseline).Evaluate(with(teslaX(), class(policy.ClassGovernment)), world())
	if !slices.Equal(v.WorkItems, []string{"fleet-office"}) || !slices.Contains(v.ConditionIDs, "fleet-not-used") {
		t.Errorf("work items %v, conditions %v", v.WorkItems, v.ConditionIDs)
	}
}

// A vehicle that leaves is not held, and the fleet office is told of an official
// one with a module of a maker under PRC control.
func TestBaselineLeaving(t *testing.T) {
	p := open(t, PaperBaseline)
	leaving := func(f *policy.Facts) { f.Moment = policy.MomentExit }
	if v := p.Evaluate(with(teslaX(), leaving), world()); v.Outcome != policy.Grant || len(v.WorkItems) != 0 {
		t.Errorf("a private vehicle leaves with %s and work for %v", v.Outcome, v.WorkItems)
	}
	v := p.Evaluate(with(with(teslaX(), leaving), class(policy.ClassGovernment)), world())
	if v.Outcome != policy.Flag || v.Reasons[0].Rule != "government-module-leaving" || !slices.Equal(v.WorkItems, []string{"fleet-office"}) {
		t.Errorf("an official vehicle leaves with %s by %+v, and work for %v", v.Outcome, v.Reasons, v.WorkItems)
	}
}

func TestBaselineOldCarIsOneStep(t *testing.T) {
	p := open(t, PaperBaseline)
	v := p.Evaluate(oldCar(), world())
	if len(v.Reasons) != 1 || len(v.Open) != 0 || len(v.Conditions) != 0 || len(v.Lifted) != 0 || !v.Presumed {
		t.Errorf("an old car needs more than one step: %+v", v)
	}
	if say := p.Say(v.Reasons[0].Rule, "de"); !strings.Contains(say, "2009") {
		t.Errorf("the guard is not told the year: %q", say)
	}
}

func TestBaselineEmergencyKeepsWhatItLifted(t *testing.T) {
	v := open(t, PaperBaseline).Evaluate(with(with(teslaX(), class(policy.ClassEmergency)), onCall), world())
	if len(v.Lifted) != 1 || v.Lifted[0].Rule != "module-restricted-zone" || v.Lifted[0].LiftedBy != "emergency" {
		t.Errorf("lifted: %+v", v.Lifted)
	}
	if !slices.Contains(v.Conditions, "Duty officer told") || v.Presumed {
		t.Errorf("conditions %v, presumed %v", v.Conditions, v.Presumed)
	}
}

func TestBaselineOpenQuestions(t *testing.T) {
	v := open(t, PaperBaseline).Evaluate(mercedes(), world())
	if len(v.Open) == 0 || v.Open[0].Fact != "module.maker" || v.Open[0].Ask != "Read the label on the telematics unit: FCC ID, IC, IMEI or module type" {
		t.Fatalf("open: %+v", v.Open)
	}
	if !slices.Contains(v.Open[0].Rules, "unknown-module") || !slices.Contains(v.Open[0].Rules, "module-restricted-zone") {
		t.Errorf("the label would settle %v", v.Open[0].Rules)
	}
}

func TestBaselineRollingByDate(t *testing.T) {
	p, s := open(t, PaperBaseline), world()
	f := rollingTruck()
	v := p.Evaluate(f, s)
	if !slices.ContainsFunc(v.Reasons, func(r policy.Reason) bool { return r.Rule == "owner-unresolved" && !r.Open }) {
		t.Errorf("the unresolved owner is not among the reasons: %+v", v.Reasons)
	}
}
