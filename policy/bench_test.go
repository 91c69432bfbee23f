package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// sixtyRules is a policy of sixty rules of the kinds the packs have: supply
// questions under quantifiers, knowledge, thresholds and classes.
func sixtyRules(t testing.TB) *Policy {
	conds := []string{
		"{all: [{fact: registration.class, in: [government, military]}, {any_known_module: {all: [{fact: module.maker, controlled_from: {country: CN}}, {fact: module.certainty, at_least: documented}]}}]}",
		"{all: [{fact: site.zone, at_least: restricted}, {any_known_module: {all: [{fact: module.maker, controlled_from: {country: CN}}, {not: {surely: {fact: module.chip_down, is: true}}}, {fact: module.certainty, at_least: documented}]}}]}",
		"{all: [{fact: vehicle.model_year, at_least: 2015}, {fact: vehicle.built_in, is: CN}, {any_module: {unknown: module.maker}}]}",
		"{any: [{fact: radio.heard_maker, controlled_from: {country: CN}}, {all: [{fact: radio.hotspot_heard, is: true}, {fact: modules.known, at_most: 0}]}]}",
		"{all: [{fact: vehicle.make, in: [BYD, NIO, XPENG]}, {fact: site.zone, at_least: controlled}, {fact: site.posture, at_least: 2}]}",
		"{any_module: {all: [{fact: module.maker, listed_on: us-1260h}, {fact: module.role, is: device}, {fact: module.basis, is: declared}]}}",
		"{all: [{fact: vehicle.model_year, at_least: 2027}, {fact: vehicle.weight_kg, at_most: 4536}, {fact: vehicle.maker, controlled_from: {country: CN}}]}",
		"{all: [{fact: capability.camera_outside, is: true}, {fact: site.zone, is: critical}, {not: {fact: capability.recording_off, is: true}}]}",
		"{any_device: {fact: module.maker, design_from: CN}}",
		"{all: [{fact: data.catalogue_age_days, more_than: 90}, {fact: site.zone, at_least: restricted}, {fact: registration.class, is: private}]}",
	}
	var rules []string
	for i := range 60 {
		cond := conds[i%len(conds)]
		rule := fmt.Sprintf("  - id: r%02d\n    title: Rule\n    outcome: %s\n    instrument: {authority: site, title: test}\n    say: {en: words}\n    when: %s\n",
			i, []string{"deny", "flag"}[i/10%2], cond)
		if strings.Contains(cond, "any_known_module") {
			rule = strings.Replace(rule, "    say:", "    presumption: the site's\n    say:", 1)
		}
		rules = append(rules, rule)
	}
	return load(t, policyOf("flag", rules...))
}

// fullFacts is a known car: every leaf a rule looks at has a value, and of the
// sixty rules twelve speak.
func fullFacts() *Facts {
	from := Source{ID: "V0003", Title: "owner's manual", Address: "https://www.tesla.com/ownersmanual", Quote: "Tesla 1960100 XMR2020AG525RGL", Date: "2024"}
	f := &Facts{At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	f.Vehicle = VehicleFacts{
		VIN: Know("5YJXCAE4XMF000001", from), Make: Know("TESLA", from), Model: Know("Model X", from), ModelYear: Know(2021, from),
		Type: Know("PASSENGER CAR", from), BuiltIn: Know("US", from), WeightKg: Know(2722, from), Maker: Know[Party]("tesla", from),
	}
	f.Modem = Know(true, from)
	f.Units = []Unit{{Role: "tcu", Name: "connectivity card", Fitted: Know(true, from), Candidates: []Candidate{{
		Maker: Know[Party]("quectel", from), MakerName: "Quectel", Model: Know("AG525R-GL", from), ChipDown: Know(false, from),
		Certainty: CertaintyDocumented, Basis: "catalogue", Sources: []Source{from}}}}}
	f.Capabilities = CapabilityFacts{CameraOutside: Know(true, from), CameraInside: Know(true, from), Microphone: Know(true, from), GNSS: Know(true, from), RecordingOff: Know(false, from)}
	f.Registration.Class = Know(ClassPrivate, from)
	f.Radio = RadioFacts{Know(true, from), Know(false, from), Leaf[Party]{}, Know(false, from)}
	f.Site = SiteFacts{Zone: Know(ZoneRestricted, from), Market: Know("EU", from), Posture: Know(0, from)}
	f.Data.CatalogueAgeDays, f.Data.SupplyAgeDays = Know(3, from), Know(3, from)
	return f
}

// table answers from memory, as a caller that keeps answers by question does.
type table map[SupplyQuestion]SupplyAnswer

func (s table) Ask(q SupplyQuestion) SupplyAnswer { return s[q] }

func quectelTable() table {
	src := []Source{{Title: "company statement", Address: "https://www.iotm2mcouncil.org/iot-library/news/iot-newsdesk/quectel-responds-to-us-select-committee-on-china/", Date: "2023-09-07"}}
	s := table{}
	for _, p := range []Party{"quectel", "tesla"} {
		v := map[Party]Truth{"quectel": True, "tesla": False}[p]
		for _, q := range []SupplyQuestion{{Op: "controlled_from", Arg: "CN", Pct: 50}, {Op: "listed_on", Arg: "us-1260h"}, {Op: "design_from", Arg: "CN"}} {
			q.Party, q.Day = p, "2026-11-20"
			s[q] = SupplyAnswer{Value: v, Because: "Quectel Wireless Solutions Co., Ltd. is incorporated in China.", Sources: src}
		}
	}
	return s
}

func TestBenchmarkFacts(t *testing.T) {
	v := sixtyRules(t).Evaluate(fullFacts(), quectelTable())
	if v.Outcome != Deny || len(v.Reasons) != 6 {
		t.Errorf("the benchmark decides %s with %d reasons", v.Outcome, len(v.Reasons))
	}
	p, f, s := sixtyRules(t), fullFacts(), Supply(quectelTable())
	if n := testing.AllocsPerRun(200, func() { p.Decide(f, s) }); n != 0 {
		t.Errorf("deciding allocates %v times", n)
	}
}

// BenchmarkRules measures the rules alone: sixty of them over full facts.
func BenchmarkRules(b *testing.B) {
	p, f, s := sixtyRules(b), fullFacts(), Supply(quectelTable())
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(f, s)
	}
}

// BenchmarkVerdict measures the same with all reasons kept, and reports the
// median and the 99th percentile.
func BenchmarkVerdict(b *testing.B) {
	p, f, s := sixtyRules(b), fullFacts(), Supply(quectelTable())
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		p.Evaluate(f, s)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "median-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
}

// BenchmarkLoad measures parsing, checking and compiling sixty rules.
func BenchmarkLoad(b *testing.B) {
	src := sixtyRules(b).Canonical()
	for b.Loop() {
		if _, err := Load("bench", src); err != nil {
			b.Fatal(err)
		}
	}
}
