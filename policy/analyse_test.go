package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// aRule writes a rule; more are further lines of it.
func aRule(id, outcome, when string, more ...string) string {
	in := "instrument: {authority: site, title: what the site wants}"
	var lines []string
	for _, m := range more {
		if strings.HasPrefix(m, "instrument:") {
			in = m
			continue
		}
		lines = append(lines, "    "+m+"\n")
	}
	return fmt.Sprintf("  - id: %s\n    title: Rule %s\n    outcome: %s\n    %s\n    say: {en: words}\n%s    when: %s\n", id, id, outcome, in, strings.Join(lines, ""), when)
}

const instrumentOf = `instrument: {authority: Ministry, title: "%s", quote: words, link: "https://law.example", date: "2026"%s}`

func TestAnalyse(t *testing.T) {
	zone := "{fact: site.zone, at_least: restricted}"
	for _, tt := range []struct {
		name  string
		rules []string
		env   Environment
		want  []string // class and rules, one a line
		says  string   // that some text holds
	}{
		{"nothing wrong", []string{aRule("a", "deny", zone)}, Environment{}, nil, ""},
		{"excluded atoms", []string{aRule("a", "deny", "{all: [{fact: vehicle.model_year, less_than: 2000}, {fact: modem, is: true}, {fact: vehicle.model_year, at_least: 2000}]}")}, Environment{},
			[]string{"error never-matches a"}, "it can never be both that vehicle.model_year is less than 2000 and that vehicle.model_year is at least 2000; it speaks (flag) only while something is not known"},
		{"no value left", []string{aRule("a", "grant", "{fact: vehicle.weight_kg, less_than: -1000000000}")}, Environment{}, nil, ""},
		{"below the least zone", []string{aRule("a", "deny", "{all: [{fact: site.zone, less_than: public}, {fact: modem, is: true}]}")}, Environment{}, []string{"error never-matches a"}, "it can never be that site.zone is less than public"},
		{"a share that falls", []string{aRule("a", "deny", "{all: [{fact: vehicle.maker, share_from: {country: CN, at_least: 50}}, {not: {fact: vehicle.maker, share_from: {country: CN, at_least: 25}}}]}")}, Environment{}, []string{"error never-matches a"}, ""},
		{"a share that rises", []string{aRule("a", "deny", "{all: [{fact: vehicle.maker, share_from: {country: CN, at_least: 25}}, {not: {fact: vehicle.maker, share_from: {country: CN, at_least: 50}}}]}")}, Environment{}, nil, ""},
		{"two owners", []string{aRule("a", "deny", "{all: [{fact: vehicle.maker, owner_resolved: true}, {fact: vehicle.maker, owner_resolved: false}]}")}, Environment{}, []string{"error never-matches a"}, ""},
		{"two parties at once", []string{aRule("a", "deny", "{any_module: {all: [{fact: module.maker, is: quectel}, {fact: module.maker, is: telit}]}}")}, Environment{}, []string{"error never-matches a"}, ""},
		{"two modules", []string{aRule("a", "deny", "{all: [{any_module: {fact: module.maker, is: quectel}}, {any_module: {fact: module.maker, is: telit}}]}")}, Environment{}, nil, ""},
		{"every and none", []string{aRule("a", "deny", "{all: [{every_module: {fact: module.maker, is: quectel}}, {any_module: {fact: module.maker, is: telit}}]}")}, Environment{}, []string{"error never-matches a"}, ""},
		{"over before it begins", []string{aRule("a", "deny", zone, fmt.Sprintf(instrumentOf, "x", `, to: "2026-01-31"`)), aRule("b", "deny", "{fact: modem, is: true}")}, Environment{Day: "2026-11-01"}, []string{"warning never-matches a"}, "ended on 2026-01-31"},
		{"nobody asks", []string{aRule("a", "deny", zone, "applies_on: [inside]")}, Environment{Moments: []Moment{MomentEntry, MomentExit}}, []string{"warning never-matches a"}, "applies on inside"},
		{"hidden", []string{aRule("a", "deny", zone), aRule("b", "flag", "{fact: site.zone, is: critical}")}, Environment{}, []string{"error hidden b a"}, `wherever it speaks, rule "a" says flag or more`},
		{"not hidden where unknown is milder", []string{aRule("a", "deny", zone), aRule("b", "deny", "{fact: site.zone, is: critical}", "if_unknown: deny")}, Environment{}, nil, ""},
		{"hidden by one that adds no condition", []string{aRule("a", "deny", "{fact: modem, is: true}", fmt.Sprintf(instrumentOf, "one", "")), aRule("b", "deny", "{all: [{fact: modem, is: true}, "+zone+"]}", fmt.Sprintf(instrumentOf, "two", ""))}, Environment{}, []string{"warning hidden b a"}, "it only adds another instrument among the reasons"},
		{"not hidden by one that ends sooner", []string{aRule("a", "deny", zone, fmt.Sprintf(instrumentOf, "x", `, to: "2027-01-31"`)), aRule("b", "deny", "{fact: site.zone, is: critical}")}, Environment{}, nil, ""},
		{"not hidden by one that is lifted", []string{aRule("a", "deny", zone), aRule("b", "deny", "{fact: site.zone, is: critical}"), aRule("c", "flag", "{fact: registration.class, is: military}", "lifts: [a]")}, Environment{}, nil, ""},
		{"hidden by one that is lifted elsewhere", []string{aRule("a", "deny", zone), aRule("b", "deny", "{fact: site.zone, is: critical}"), aRule("c", "flag", "{surely: {fact: site.zone, is: restricted}}", "lifts: [a]", "presumption: words")}, Environment{}, []string{"error hidden b a"}, ""},
		{"two that say the same", []string{aRule("a", "deny", "{all: ["+zone+", {fact: modem, is: true}]}"), aRule("b", "deny", "{not: {any: [{not: {fact: modem, is: true}}, {fact: site.zone, less_than: restricted}]}}")}, Environment{}, []string{"error duplicate b a"}, "say the same of every vehicle"},
		{"a grant that never is", []string{aRule("a", "deny", "{fact: modem, is: true}"), aRule("b", "grant", "{all: [{fact: modem, is: true}, {fact: site.zone, is: public}]}")}, Environment{}, []string{"error contradicts b a"}, "the grant is never the outcome"},
		{"a grant that lifts", []string{aRule("a", "deny", "{fact: modem, is: true}"), aRule("b", "grant", "{all: [{fact: modem, is: true}, {fact: site.zone, is: public}]}", "lifts: [a]")}, Environment{}, nil, ""},
		{"a grant that another lets through", []string{aRule("a", "deny", "{fact: modem, is: true}"), aRule("b", "grant", "{all: [{fact: modem, is: true}, {fact: site.zone, is: public}]}"), aRule("c", "flag", "{fact: registration.class, is: military}", "lifts: [a]")}, Environment{}, nil, ""},
		{"granted twice", []string{aRule("a", "grant", "{fact: modem, is: false}"), aRule("b", "grant", "{all: [{fact: modem, is: false}, {fact: site.zone, is: public}]}")}, Environment{}, []string{"error hidden b a"}, "wherever it grants"},
		{"an exemption that never meets", []string{aRule("a", "deny", "{all: [{fact: site.zone, is: critical}, {fact: modem, is: true}]}"), aRule("b", "deny", "{fact: vehicle.built_in, is: CN}"), aRule("c", "grant", "{all: [{fact: site.zone, is: public}, {fact: registration.class, is: military}]}", "lifts: [a, b]")}, Environment{}, []string{"warning idle-exemption c a", "warning lifts-all c"}, "it lifts nothing"},
		{"periods that never meet", []string{aRule("a", "deny", zone, fmt.Sprintf(instrumentOf, "x", `, to: "2026-06-30"`)), aRule("b", "grant", "{fact: registration.class, is: military}", "lifts: [a]", fmt.Sprintf(instrumentOf, "y", `, from: "2026-07-01"`))}, Environment{}, []string{"error idle-exemption b a"}, ""},
		{"an exemption where nothing is known of one of two modules", []string{aRule("a", "deny", "{any_known_module: {all: [{fact: module.maker, is: acme}, {unknown: module.maker}]}}", "presumption: words"), aRule("b", "grant", "{fact: vehicle.model_year, less_than: 2009}", "lifts: [a]")}, Environment{}, []string{"error never-matches a"}, "speaks (flag) only while something is not known"},
		{"a grant for everybody", []string{aRule("a", "grant", "{fact: site.zone, at_least: public}"), aRule("b", "deny", zone)}, Environment{}, []string{"warning no-scope a"}, "the default (flag) is left for the others only"},
		{"hours past midnight", []string{aRule("a", "deny", "{all: [{fact: site.local_time, at_least: \"22:00\"}, {fact: site.local_time, less_than: \"06:00\"}]}")}, Environment{}, []string{"error never-matches a"}, "past midnight put the two into {any: [ … ]}"},
		{"an exemption for everybody", []string{aRule("a", "deny", zone), aRule("b", "grant", "{any: [{fact: modem, is: true}, {fact: modem, is: false}]}", "lifts: [a]")}, Environment{}, []string{"error no-scope b"}, "it has no scope"},
		{"an exemption without end", []string{aRule("a", "deny", zone), aRule("b", "grant", "{fact: vehicle.maker, is: volvo_cars}", "lifts: [a]", "exemption: {holder: Volvo Cars, issuer: BIS}")}, Environment{}, []string{"warning no-expiry b"}, ""},
		{"a gap", []string{aRule("a", "deny", zone, fmt.Sprintf(instrumentOf, "x", `, to: "2026-06-30"`)), aRule("b", "deny", "{fact: modem, is: true}", fmt.Sprintf(instrumentOf, "x", `, from: "2026-07-02"`))}, Environment{}, []string{"warning gap b a"}, "applies on 2026-07-01"},
		{"a threshold that changes with a gap", []string{aRule("a", "deny", "{fact: vehicle.model_year, at_least: 2027}", fmt.Sprintf(instrumentOf, "x", `, to: "2029-12-31"`)), aRule("b", "deny", "{fact: vehicle.model_year, at_least: 2030}", fmt.Sprintf(instrumentOf, "y", `, from: "2030-03-01"`))}, Environment{}, []string{"warning gap b a"}, "from 2030-01-01 to 2030-02-28"},
		{"no gap", []string{aRule("a", "deny", zone, fmt.Sprintf(instrumentOf, "x", `, to: "2026-06-30"`)), aRule("b", "deny", "{fact: modem, is: true}", fmt.Sprintf(instrumentOf, "x", `, from: "2026-07-01"`))}, Environment{}, nil, ""},
		{"an end", []string{aRule("a", "deny", zone, fmt.Sprintf(instrumentOf, "x", `, to: "2026-06-30"`))}, Environment{}, []string{"warning ends a"}, "only the default (flag) speaks"},
		{"no quote", []string{aRule("a", "deny", zone, `instrument: {authority: Ministry, title: x, link: "https://law.example", date: "2026"}`)}, Environment{}, []string{"warning source a"}, "has no words quoted from it"},
		{"no reason", []string{aRule("a", "deny", zone, "instrument: {authority: site, title: because}")}, Environment{}, []string{"warning source a"}, "gives no reason"},
		{"only proposed", []string{aRule("a", "deny", zone, fmt.Sprintf(instrumentOf, "x", `, status: proposed`))}, Environment{}, []string{"warning not-in-force a"}, ""},
		{"no such zone", []string{aRule("a", "deny", "{all: [{fact: site.zone, is: critical}, {fact: modem, is: true}]}")}, Environment{Zones: []Zone{ZonePublic, ZoneRestricted}}, []string{"warning not-supplied a"}, "the site's lanes lead to public and restricted zones only"},
		{"a zone that there is", []string{aRule("a", "deny", zone)}, Environment{Zones: []Zone{ZonePublic, ZoneRestricted}}, nil, ""},
		{"no such class", []string{aRule("a", "deny", zone), aRule("b", "grant", "{fact: registration.class, is: diplomatic}", "lifts: [a]")}, Environment{Classes: []Class{ClassPrivate}}, []string{"warning no-scope b"}, "lifts nothing there"},
		{"no sensor", []string{aRule("a", "flag", "{any: [{fact: radio.hotspot_heard, is: true}, {fact: modem, is: true}]}"), aRule("b", "deny", "{fact: radio.hotspot_heard, is: true}")}, Environment{Missing: map[string]string{"radio.hotspot_heard": "no sensor listens for it"}}, []string{"warning not-supplied b"}, "no sensor listens for it"},
		{"nobody tells the SIM", []string{aRule("a", "deny", "{any_module: {fact: module.sim_home, is: CN}}")}, Environment{Missing: map[string]string{"module.sim_home": "no source tells it"}}, []string{"warning not-supplied a"}, "at most it says flag, of every vehicle for which the rest of its condition holds"},
		{"an ended party", []string{aRule("a", "deny", "{any_module: {fact: module.maker, is: eagle}}")}, Environment{EndedParties: map[string]string{"eagle": "2025-01-01"}}, []string{"warning ended a"}, "no more since 2025-01-01"},
		{"an ended list", []string{aRule("a", "deny", "{any_module: {fact: module.maker, listed_on: old-list}}")}, Environment{EndedLists: map[string]string{"old-list": "2025-01-01"}}, []string{"warning ended a"}, ""},
		{"counts beside modules", []string{aRule("a", "flag", "{all: [{fact: modules.known, at_most: 0}, {any_module: {unknown: module.model}}]}")}, Environment{}, []string{"note partial a"}, "analysed in part"},
	} {
		src := policyOf("flag", tt.rules...)
		p, err := Load("t.yaml", []byte(src))
		if err != nil {
			if !strings.Contains(err.Error(), "add presumption") {
				t.Errorf("%s: %v\n%s", tt.name, err, src)
				continue
			}
			p = load(t, strings.ReplaceAll(src, "    say:", "    presumption: the site's choice\n    say:"))
		}
		var got []string
		texts := ""
		for _, f := range Analyse(p, tt.env) {
			got = append(got, fmt.Sprintf("%s %s %s", f.Severity, f.Class, strings.Join(f.Rules, " ")))
			texts += f.String() + "\n"
			if d := p.doc.rules[indexOfRule(p, f.Rules[0])]; f.Line != d.node.Line || f.Column != d.node.Column {
				t.Errorf("%s: at %d:%d, not at its rule", tt.name, f.Line, f.Column)
			}
		}
		if !slices.Equal(got, tt.want) || !strings.Contains(texts, tt.says) {
			t.Errorf("%s: %q, want %q saying %q\n%s", tt.name, got, tt.want, tt.says, texts)
		}
	}
}

func TestTooInvolvedIsSaid(t *testing.T) {
	var parts []string
	for i := range 9 {
		parts = append(parts, fmt.Sprintf("{any_module: {fact: module.maker, is: m%d}}", i))
	}
	p := load(t, policyOf("flag", aRule("a", "deny", "{not: {all: ["+strings.Join(parts, ", ")+"]}}"), aRule("b", "deny", "{all: ["+strings.Join(parts, ", ")+"]}")))
	found := Analyse(p, Environment{})
	if !slices.ContainsFunc(found, func(f Fault) bool { return f.Class == FaultPartial && f.Severity == SeverityNote && !f.Exact }) {
		t.Errorf("nothing said of what was not decided: %v", found)
	}
	if Refused(found) {
		t.Errorf("refused for what was not decided: %v", found)
	}
}

// Over every set of facts of a small world, what the analyser finds is what there is.
func TestAnalyseIsCompleteInASmallWorld(t *testing.T) {
	atoms := []string{
		"{fact: vehicle.model_year, less_than: 2009}", "{fact: vehicle.model_year, at_least: 2007}", "{fact: site.zone, at_least: restricted}",
		"{fact: site.zone, is: public}", "{fact: modem, is: true}", "{unknown: modem}", "{fact: registration.class, is: private}",
	}
	var conds []string
	for i, a := range atoms {
		conds = append(conds, a, "{surely: "+a+"}")
		for _, b := range atoms[:i] {
			conds = append(conds, fmt.Sprintf("{all: [%s, %s]}", a, b), fmt.Sprintf("{all: [%s, {not: %s}]}", a, b), fmt.Sprintf("{any: [%s, %s]}", a, b))
		}
	}
	var world []*Facts
	for _, year := range []int{0, 2006, 2008, 2010} {
		for zone := range Zone(5) {
			for _, modem := range []Truth{Unknown, False, True} {
				for _, class := range []Class{"", ClassPrivate, ClassMilitary} {
					f := &Facts{At: time.Unix(usualInstant, 0)}
					if year != 0 {
						f.Vehicle.ModelYear = Know(year, Source{})
					}
					if zone != 0 {
						f.Site.Zone = Know(zone, Source{})
					}
					if modem != Unknown {
						f.Modem = Know(modem == True, Source{})
					}
					if class != "" {
						f.Registration.Class = Know(class, Source{})
					}
					world = append(world, f)
				}
			}
		}
	}
	tried, hidden := 0, 0
	for i := 0; i < len(conds); i += 3 {
		for j := 1; j < len(conds); j += 4 {
			var p *Policy
			var src string
			for k := range 4 { // a presumption has to be named where there is one, and only there
				var x, y []string
				if k&1 != 0 {
					x = []string{"presumption: words"}
				}
				if k&2 != 0 {
					y = []string{"presumption: words"}
				}
				src = policyOf("flag", aRule("a", "flag", conds[i], x...), aRule("b", "deny", conds[j], y...))
				if q, err := Load("t.yaml", []byte(src)); err == nil {
					p = q
					break
				}
			}
			if p == nil {
				t.Fatalf("does not load: %s", src)
			}
			never, hides := true, true
			for _, f := range world {
				v := valuesOf(p, f, nil)
				never = never && v[0] != True
				hides = hides && (v[0] == False || v[1] != False)
			}
			found := Analyse(p, Environment{})
			has := func(c FaultClass) bool {
				return slices.ContainsFunc(found, func(f Fault) bool { return f.Class == c && f.Rules[0] == "a" })
			}
			bNever := slices.ContainsFunc(found, func(f Fault) bool { return f.Class == FaultNeverMatches && f.Rules[0] == "b" })
			if has(FaultNeverMatches) != never || has(FaultHidden) != (hides && !never && !bNever) {
				t.Fatalf("never %v, hidden %v; found %v\n%s", never, hides, found, src)
			}
			tried++
			if hides && !never {
				hidden++
			}
		}
	}
	t.Logf("%d pairs, %d hidden", tried, hidden)
}
