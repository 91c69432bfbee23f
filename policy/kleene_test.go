package policy

import (
	"fmt"
	"strings"
	"testing"
)

// ruleOf wraps one condition into a policy of one rule.
func ruleOf(outcome, when string) string {
	return fmt.Sprintf(`policy: test
version: "1"
title: A test
rules:
  - id: only
    title: The only rule
    outcome: %s
    instrument: {authority: site, title: test}
    say: {en: words}
    when: %s
`, outcome, when)
}

func load(t testing.TB, src string) *Policy {
	t.Helper()
	p, err := Load("test.yaml", []byte(src))
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return p
}

// atomOf is a condition with the given truth for truthFacts: three facts of
// which one is true, one false and one unknown.
func atomOf(v Truth) string {
	return map[Truth]string{
		True:    "{fact: capability.gnss, is: true}",
		False:   "{fact: capability.microphone, is: true}",
		Unknown: "{fact: capability.camera_inside, is: true}",
	}[v]
}

func truthFacts() *Facts {
	f := &Facts{}
	f.Capabilities.GNSS = Know(true, Source{})
	f.Capabilities.Microphone = Know(false, Source{})
	return f
}

// valueOf evaluates a condition in a flag rule.
func valueOf(t testing.TB, when string, f *Facts, s Supply) Truth {
	t.Helper()
	p := load(t, ruleOf("flag", when))
	m := p.findings()
	defer p.release(m)
	m.prepare(p, f, s)
	m.decide()
	return m.vals[0]
}

func TestKleene(t *testing.T) {
	T, F, U := True, False, Unknown
	for _, tt := range []struct{ a, b, all, any Truth }{
		{T, T, T, T}, {T, F, F, T}, {T, U, U, T},
		{F, T, F, T}, {F, F, F, F}, {F, U, F, U},
		{U, T, U, T}, {U, F, F, U}, {U, U, U, U},
	} {
		for opn, want := range map[string]Truth{"all": tt.all, "any": tt.any} {
			when := fmt.Sprintf("{%s: [%s, %s]}", opn, atomOf(tt.a), atomOf(tt.b))
			if got := valueOf(t, when, truthFacts(), nil); got != want {
				t.Errorf("%s of %s and %s is %s, want %s", opn, tt.a, tt.b, got, want)
			}
		}
	}
	for v, want := range map[Truth]Truth{T: F, F: T, U: U} {
		if got := valueOf(t, "{not: "+atomOf(v)+"}", truthFacts(), nil); got != want {
			t.Errorf("not %s is %s, want %s", v, got, want)
		}
	}
	for v, want := range map[Truth]Truth{T: F, F: T, U: T} {
		if got := valueOf(t, "{not: {surely: "+atomOf(v)+"}}", truthFacts(), nil); got != want {
			t.Errorf("not surely %s is %s, want %s", v, got, want)
		}
	}
}

// candidate makes one of a maker; an empty maker is unknown.
func candidate(maker Party) Candidate {
	c := Candidate{MakerName: string(maker), Certainty: CertaintyDocumented, Basis: "catalogue"}
	if maker != "" {
		c.Maker = Know(maker, Source{})
	}
	return c
}

func TestQuantifiers(t *testing.T) {
	yes, no, unknown := Know(true, Source{}), Know(false, Source{}), Leaf[bool]{}
	a, b, open := candidate("acme"), candidate("bolt"), candidate("")
	unit := func(fitted Leaf[bool], role string, cs ...Candidate) Unit {
		return Unit{Role: role, Fitted: fitted, Candidates: cs}
	}
	tests := []struct {
		name                   string
		modem                  Leaf[bool]
		units                  []Unit
		any, every, device     Truth // of "maker is acme", in a flag rule
		anyBelow, anyKnownSure Truth // any_module below not; any_known_module
	}{
		{"no units, modem unknown", unknown, nil, Unknown, Unknown, False, Unknown, False},
		{"no units, modem known", yes, nil, Unknown, Unknown, False, Unknown, False},
		{"no units, no modem", no, nil, False, True, False, False, False},
		{"acme fitted", unknown, []Unit{unit(yes, "tcu", a)}, True, True, False, True, True},
		{"acme, fitting unknown", unknown, []Unit{unit(unknown, "tcu", a)}, True, True, False, Unknown, True},
		{"bolt, fitting unknown", unknown, []Unit{unit(unknown, "tcu", b)}, False, Unknown, False, False, False},
		{"acme not fitted", unknown, []Unit{unit(no, "tcu", a)}, False, True, False, False, False},
		{"acme or bolt", unknown, []Unit{unit(yes, "tcu", a, b)}, Unknown, Unknown, False, Unknown, Unknown},
		{"acme or unknown", unknown, []Unit{unit(yes, "tcu", a, open)}, Unknown, Unknown, False, Unknown, Unknown},
		{"acme or acme", unknown, []Unit{unit(yes, "tcu", a, a)}, True, True, False, True, True},
		{"maker unknown", unknown, []Unit{unit(yes, "tcu", open)}, Unknown, Unknown, False, Unknown, False},
		{"no candidates", unknown, []Unit{unit(yes, "tcu")}, Unknown, Unknown, False, Unknown, False},
		{"acme and bolt", unknown, []Unit{unit(yes, "tcu", a), unit(yes, "head-unit", b)}, True, False, False, True, True},
		{"bolt and unknown", unknown, []Unit{unit(yes, "tcu", b), unit(yes, "head-unit", open)}, Unknown, False, False, Unknown, False},
		{"device acme, own modem unknown", unknown, []Unit{unit(yes, "device", a)}, True, Unknown, True, True, True},
		{"device bolt, own modem unknown", unknown, []Unit{unit(yes, "device", b)}, Unknown, False, False, Unknown, False},
		{"device acme, no modem", no, []Unit{unit(yes, "device", a)}, True, True, True, True, True},
	}
	const is = "{fact: module.maker, is: acme}"
	for _, tt := range tests {
		f := &Facts{Modem: tt.modem, Units: tt.units}
		check := func(what string, got, want Truth) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s is %s, want %s", tt.name, what, got, want)
			}
		}
		check("any_module", valueOf(t, "{any_module: "+is+"}", f, nil), tt.any)
		check("every_module", valueOf(t, "{every_module: "+is+"}", f, nil), tt.every)
		check("any_device", valueOf(t, "{any_device: "+is+"}", f, nil), tt.device)
		check("not any_module", valueOf(t, "{not: {any_module: "+is+"}}", f, nil), not(tt.anyBelow))
		src := strings.Replace(ruleOf("flag", "{any_known_module: "+is+"}"), "    when:", "    presumption: the site's\n    when:", 1)
		p := load(t, src)
		m := &Findings{}
		m.prepare(p, f, nil)
		m.decide()
		check("any_known_module", m.vals[0], tt.anyKnownSure)
		m.doubt()
		check("any_known_module, sceptically", m.eval(0), tt.any)
	}
}

func TestOperators(t *testing.T) {
	f := &Facts{}
	f.Vehicle.ModelYear = Know(2021, Source{})
	f.Vehicle.Make = Know("TESLA", Source{})
	f.Vehicle.BuiltIn = Know("US", Source{})
	f.Site.Zone = Know(ZoneRestricted, Source{})
	f.Registration.Class = Know(ClassPrivate, Source{})
	for when, want := range map[string]Truth{
		"{fact: vehicle.model_year, is: 2021}":                     True,
		"{fact: vehicle.model_year, in: [2020, 2021]}":             True,
		"{fact: vehicle.model_year, in: [2019, 2020]}":             False,
		"{fact: vehicle.model_year, at_least: 2021}":               True,
		"{fact: vehicle.model_year, more_than: 2021}":              False,
		"{fact: vehicle.model_year, at_most: 2021}":                True,
		"{fact: vehicle.model_year, less_than: 2021}":              False,
		"{fact: vehicle.make, is: Tesla}":                          True,
		"{fact: vehicle.make, in: [Volvo, tesla]}":                 True,
		"{fact: vehicle.model, is: Model X}":                       Unknown,
		"{fact: vehicle.built_in, in: [CN, US]}":                   True,
		"{fact: site.zone, at_least: restricted}":                  True,
		"{fact: site.zone, at_least: critical}":                    False,
		"{fact: site.zone, is: restricted}":                        True,
		"{fact: registration.class, in: [government, private]}":    True,
		"{fact: registration.class, is: military}":                 False,
		"{fact: radio.hotspot_heard, is: true}":                    False,
		"{fact: radio.heard_maker, is: quectel}":                   False,
		"{not: {fact: registration.authorisations, include: bis}}": True,
		"{fact: modules.known, at_most: 0}":                        True,
		"{unknown: vehicle.model}":                                 True,
		"{unknown: vehicle.make}":                                  False,
		"{not: {known: vehicle.model}}":                            True,
		"{fact: vehicle.maker, controlled_from: {country: CN}}":    Unknown,
		"{not: {fact: vehicle.maker, listed_on: us-1260h}}":        Unknown,
		"{all: [{fact: site.zone, is: public}, {unknown: modem}]}": False,
	} {
		if got := valueOf(t, when, f, nil); got != want {
			t.Errorf("%s is %s, want %s", when, got, want)
		}
	}
}
