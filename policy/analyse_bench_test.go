package policy

import (
	"fmt"
	"strings"
	"testing"
)

// mixedRules is a large estate's policy: n rules of the kinds that instruments
// and sites have, no two the same.
func mixedRules(n int) string {
	makes := []string{"BYD", "NIO", "XPENG", "MG", "Polestar", "Volvo", "Smart", "Lotus", "Tesla", "BMW", "Zeekr", "Ora", "Lynk & Co", "Maxus", "Hongqi"}
	zones := []string{"public", "controlled", "restricted", "critical"}
	classes := []string{"private", "government", "contractor", "emergency", "military", "diplomatic"}
	lists := []string{"us-1260h", "us-bis-entity", "us-fcc-covered", "us-uflpa", "cz-nukib"}
	countries := []string{"CN", "RU", "BY", "IR", "KP"}
	caps := []string{"camera_outside", "camera_inside", "microphone", "gnss"}
	var rules []string
	for i := range n {
		k := i / 10
		make_, zone, class := makes[k%len(makes)], zones[1+k%3], classes[k%len(classes)]
		list, from, capability := lists[k%len(lists)], countries[k%len(countries)], caps[k%len(caps)]
		// What one threshold narrows from rule to rule another widens, so that few
		// rules hide others.
		year, pct := 2005+k%24, 60-k%41
		outcome := []string{"deny", "flag"}[k%2]
		var cond string
		switch i % 10 {
		case 0:
			cond = fmt.Sprintf("{all: [{fact: vehicle.model_year, at_least: %d}, {fact: site.zone, at_least: %s}, {any_known_module: {all: [{fact: module.maker, controlled_from: {country: %s, at_least: %d}}, {fact: module.certainty, at_least: documented}, {not: {surely: {fact: module.chip_down, is: true}}}]}}]}", year, zone, from, pct)
		case 1:
			cond = fmt.Sprintf("{all: [{fact: vehicle.make, is: %q}, {fact: vehicle.model, is: Model %d}, {fact: vehicle.model_year, at_least: %d}, {fact: site.zone, at_least: %s}]}", make_, k, year, zone)
		case 2:
			cond = fmt.Sprintf("{all: [{fact: registration.class, is: %s}, {any_module: {fact: module.maker, listed_on: %s}}, {fact: vehicle.model_year, at_least: %d}, {fact: vehicle.weight_kg, at_most: %d}]}", class, list, year, 1000+37*k)
		case 3:
			cond = fmt.Sprintf("{all: [{fact: vehicle.built_in, is: %s}, {fact: vehicle.model_year, at_least: %d}, {fact: capability.%s, is: true}, {fact: vehicle.weight_kg, at_most: %d}]}", from, year, capability, 2000+100*k)
		case 4:
			cond = fmt.Sprintf("{any: [{fact: radio.heard_maker, controlled_from: {country: %s, at_least: %d}}, {all: [{fact: radio.hotspot_heard, is: true}, {fact: vehicle.model_year, is: %d}, {fact: site.zone, is: %s}]}]}", from, pct, year, zone)
		case 5:
			cond = fmt.Sprintf("{all: [{fact: vehicle.maker, share_from: {country: %s, at_least: %d}}, {fact: registration.class, in: [%s, private]}, {not: {surely: {fact: capability.recording_off, is: true}}}, {fact: vehicle.model_year, more_than: %d}]}", from, pct, class, year)
		case 6:
			cond = fmt.Sprintf("{all: [{any_device: {fact: module.maker, design_from: %s}}, {fact: site.zone, at_least: %s}, {fact: site.weekday, in: [sat, sun]}, {fact: vehicle.weight_kg, at_most: %d}, {fact: site.local_time, at_least: \"%02d:%02d\"}]}", from, zone, 1000+50*k, k%24, k)
		case 7:
			cond = fmt.Sprintf("{all: [{fact: data.supply_age_days, more_than: %d}, {fact: site.zone, at_least: %s}, {fact: vehicle.maker, controlled_from: {country: %s, at_least: %d}}]}", 30+k, zone, from, pct)
		case 8:
			cond = fmt.Sprintf("{all: [{fact: vehicle.model_year, at_least: %d}, {any: [{surely: {fact: vehicle.built_in, is: %s}}, {fact: vehicle.wmi_country, is: %s}]}, {any_module: {unknown: module.maker}}, {fact: vehicle.weight_kg, more_than: %d}]}", 3034-year/2, from, from, 100*k)
		default:
			cond = fmt.Sprintf("{all: [{fact: registration.class, is: %s}, {fact: vehicle.make, in: [%q, %q]}, {fact: registration.authorisations, include: pass-%d}]}", class, make_, makes[(k+3)%len(makes)], k)
			outcome = "grant"
		}
		rule := fmt.Sprintf("  - id: r%03d\n    title: Rule\n    outcome: %s\n    instrument: {authority: Authority %d, title: Order %d of that year, quote: words, link: \"https://orders.example/%d\", date: \"2026\", from: \"2026-01-01\"}\n    say: {en: words}\n    when: %s\n", i, outcome, k%7, i, i, cond)
		if strings.Contains(cond, "any_known_module") || strings.Contains(cond, "surely") || strings.Contains(cond, "unknown:") {
			if _, err := Load("one", []byte(policyOf("flag", rule))); err != nil {
				rule = strings.Replace(rule, "    say:", "    presumption: the site's\n    say:", 1)
			}
		}
		rules = append(rules, rule)
	}
	return policyOf("flag", rules...)
}

// BenchmarkAnalyse500 measures loading a policy of 500 rules and analysing it.
func BenchmarkAnalyse500(b *testing.B) {
	src := []byte(mixedRules(500))
	b.ReportAllocs()
	for b.Loop() {
		p, err := Load("bench", src)
		if err != nil {
			b.Fatal(err)
		}
		Analyse(p, Environment{})
	}
}

// BenchmarkLoad500 is the part of it that loading takes.
func BenchmarkLoad500(b *testing.B) {
	src := []byte(mixedRules(500))
	for b.Loop() {
		if _, err := Load("bench", src); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMixedRulesAreDecided(t *testing.T) {
	p := load(t, mixedRules(500))
	counts := map[FaultClass]int{}
	for _, f := range Analyse(p, Environment{}) {
		counts[f.Class]++
	}
	if counts[FaultPartial] != 0 {
		t.Errorf("%d rules were not decided", counts[FaultPartial])
	}
	t.Log(counts)
}

// BenchmarkDiff500 measures comparing 500 rules with 500 others of which half
// have another id, so that for each it is asked what spoke there before.
func BenchmarkDiff500(b *testing.B) {
	src := mixedRules(500)
	p, q := load(b, src), load(b, strings.ReplaceAll(strings.ReplaceAll(src, "id: r1", "id: s1"), "at_least: 2", "at_least: 3"))
	b.ReportAllocs()
	for b.Loop() {
		Diff(p, q)
	}
}
