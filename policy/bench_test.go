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

// sixtyDistinct is a policy of sixty rules of which no two ask the same, nor
// for the same outcome: the kinds of sixtyRules, each with values of its own.
// It is harder than the packs are, whose rules repeat conditions.
func sixtyDistinct(t testing.TB) *Policy {
	conds := []string{
		"{all: [{fact: registration.class, in: [%[2]s, allied]}, {any_known_module: {all: [{fact: module.maker, controlled_from: {country: %[3]s}}, {fact: module.certainty, at_least: documented}]}}]}",
		"{all: [{fact: site.zone, at_least: restricted}, {fact: vehicle.model_year, more_than: 20%[4]d}, {any_known_module: {all: [{fact: module.maker, controlled_from: {country: %[3]s}}, {not: {surely: {fact: module.chip_down, is: true}}}, {fact: module.certainty, at_least: documented}]}}]}",
		"{all: [{fact: vehicle.model_year, at_least: 20%[4]d}, {fact: vehicle.built_in, is: %[3]s}, {any_module: {unknown: module.maker}}]}",
		"{any: [{fact: radio.heard_maker, controlled_from: {country: %[3]s}}, {all: [{fact: radio.hotspot_heard, is: true}, {fact: modules.known, at_most: %[1]d}]}]}",
		"{all: [{fact: vehicle.make, in: [BYD, NIO, \"MAKE %[1]d\"]}, {fact: site.zone, at_least: controlled}, {fact: site.posture, at_least: %[1]d}]}",
		"{any_module: {all: [{fact: module.maker, listed_on: us-1260h}, {fact: module.role, is: device}, {fact: module.basis, in: [declared, %[5]s]}, {fact: module.model, is: M%[1]d}]}}",
		"{all: [{fact: vehicle.model_year, at_least: 20%[4]d}, {fact: vehicle.weight_kg, at_most: 4%[4]d6}, {fact: vehicle.maker, controlled_from: {country: CN}}]}",
		"{all: [{fact: capability.camera_outside, is: true}, {fact: site.zone, is: critical}, {fact: data.supply_age_days, less_than: %[1]d}, {not: {fact: capability.recording_off, is: true}}]}",
		"{any_device: {all: [{fact: module.maker, design_from: CN}, {fact: module.model, is: D%[1]d}]}}",
		"{all: [{fact: data.catalogue_age_days, more_than: 6%[1]d}, {fact: site.zone, at_least: restricted}, {fact: registration.class, is: private}]}",
	}
	var rules []string
	for i := range 60 {
		k := i / 10
		cond := fmt.Sprintf(conds[i%len(conds)], i, classNames[k], []string{"CN", "RU"}[k%2], 16+3*k, []string{"inspected", "heard", "catalogue"}[k%3])
		rule := fmt.Sprintf("  - id: d%02d\n    title: Rule\n    outcome: %s\n    instrument: {authority: site, title: test}\n    say: {en: words}\n    when: %s\n",
			i, []string{"deny", "flag"}[k%2], cond)
		if strings.Contains(cond, "any_known_module") {
			rule = strings.Replace(rule, "    say:", "    presumption: the site's\n    say:", 1)
		}
		rules = append(rules, rule)
	}
	return load(t, policyOf("flag", rules...))
}

// sixty are the policies that the benchmarks run.
var sixty = []struct {
	name   string
	policy func(testing.TB) *Policy
}{{"repeated", sixtyRules}, {"distinct", sixtyDistinct}}

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
	f.Radio = RadioFacts{Sensed: Know(true, from), HotspotHeard: Know(false, from), Cellular: Know(false, from)}
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
	for _, bench := range sixty {
		p, f, s := bench.policy(t), fullFacts(), Supply(quectelTable())
		var fs Findings
		p.Find(f, s, &fs)
		if fs.Len() < 3 {
			t.Errorf("%s: only %d rules speak", bench.name, fs.Len())
		}
		if n := testing.AllocsPerRun(200, func() { p.Decide(f, s) }); n != 0 {
			t.Errorf("%s: deciding allocates %v times", bench.name, n)
		}
		if n := testing.AllocsPerRun(200, func() { p.Find(f, s, &fs) }); n != 0 {
			t.Errorf("%s: keeping the findings allocates %v times", bench.name, n)
		}
		var tr Trace
		if n := testing.AllocsPerRun(200, func() { p.Trace(f, s, &tr) }); n != 0 {
			t.Errorf("%s: tracing allocates %v times", bench.name, n)
		}
	}
	if d := sixtyDistinct(t); d.terms.kinds != 60 {
		t.Errorf("of the sixty distinct rules %d are distinct", d.terms.kinds)
	}
}

// measured runs the body and reports the median and the 99th percentile.
func measured(b *testing.B, body func()) {
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		body()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "median-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
}

// BenchmarkRules measures the outcome alone: sixty rules over full facts.
func BenchmarkRules(b *testing.B) {
	for _, bench := range sixty {
		b.Run(bench.name, func(b *testing.B) {
			p, f, s := bench.policy(b), fullFacts(), Supply(quectelTable())
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(f, s)
			}
		})
	}
}

// BenchmarkFindings measures a decision with all that it rests on kept, but not
// put into words.
func BenchmarkFindings(b *testing.B) {
	for _, bench := range sixty {
		b.Run(bench.name, func(b *testing.B) {
			p, f, s := bench.policy(b), fullFacts(), Supply(quectelTable())
			var fs Findings
			b.ReportAllocs()
			for b.Loop() {
				p.Find(f, s, &fs)
			}
		})
	}
}

// BenchmarkTrace measures a decision with every part of every rule worked out
// and kept.
func BenchmarkTrace(b *testing.B) {
	for _, bench := range sixty {
		b.Run(bench.name, func(b *testing.B) {
			p, f, s := bench.policy(b), fullFacts(), Supply(quectelTable())
			var t Trace
			b.ReportAllocs()
			for b.Loop() {
				p.Trace(f, s, &t)
			}
		})
	}
}

// BenchmarkVerdict measures the same put into words.
func BenchmarkVerdict(b *testing.B) {
	for _, bench := range sixty {
		b.Run(bench.name, func(b *testing.B) {
			p, f, s := bench.policy(b), fullFacts(), Supply(quectelTable())
			measured(b, func() { p.Evaluate(f, s) })
		})
	}
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
