package bench

import (
	"fmt"
	"strings"
)

// Rule is one rule in four languages. All of them deny.
type Rule struct {
	ID    string
	YAML  string // condition in the language of package policy
	CEL   string // over f, a Facts
	Cedar string // condition over context
	Rego  string // body over input; alternatives are bodies apart
	Or    string // the second body, or empty
}

// anyModule writes a condition on one module out over all that there may be.
func anyModule(cond string) string {
	var parts []string
	for i := range MaxModules {
		m := fmt.Sprintf("m%d", i)
		parts = append(parts, fmt.Sprintf("(context has %s && %s)", m, strings.ReplaceAll(cond, "$", "context."+m)))
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

// Rules are sixty: six of each of ten kinds, no two with the same values.
func Rules() []Rule {
	var out []Rule
	for k := range 6 {
		class, country := someClasses[k], someCountries[k%2]
		year, weight, basis := 2012+3*k, 3500+400*k, []string{"inspected", "heard", "catalogue"}[k%3]
		add := func(r Rule) {
			r.ID = fmt.Sprintf("r%02d", len(out))
			out = append(out, r)
		}
		add(Rule{
			YAML:  fmt.Sprintf("{all: [{fact: registration.class, in: [%s, allied]}, {any_known_module: {all: [{fact: module.maker, controlled_from: {country: %s}}, {fact: module.certainty, at_least: documented}]}}]}", class, country),
			CEL:   fmt.Sprintf("f.Class in ['%s', 'allied'] && f.Modules.exists(m, '%s' in m.Controlled && m.Certainty >= 3)", class, country),
			Cedar: fmt.Sprintf(`["%s", "allied"].contains(context.Class) && %s`, class, anyModule(fmt.Sprintf(`$.Controlled.contains("%s") && $.Certainty >= 3`, country))),
			Rego:  fmt.Sprintf(`input.Class in {"%s", "allied"}; some m in input.Modules; "%s" in m.Controlled; m.Certainty >= 3`, class, country),
		})
		add(Rule{
			YAML:  fmt.Sprintf("{all: [{fact: site.zone, at_least: restricted}, {fact: vehicle.model_year, more_than: %d}, {any_known_module: {all: [{fact: module.maker, controlled_from: {country: %s}}, {not: {surely: {fact: module.chip_down, is: true}}}, {fact: module.certainty, at_least: documented}]}}]}", year, country),
			CEL:   fmt.Sprintf("f.Zone >= 3 && f.ModelYear > %d && f.Modules.exists(m, '%s' in m.Controlled && !m.ChipDown && m.Certainty >= 3)", year, country),
			Cedar: fmt.Sprintf(`context.Zone >= 3 && context.ModelYear > %d && %s`, year, anyModule(fmt.Sprintf(`$.Controlled.contains("%s") && !$.ChipDown && $.Certainty >= 3`, country))),
			Rego:  fmt.Sprintf(`input.Zone >= 3; input.ModelYear > %d; some m in input.Modules; "%s" in m.Controlled; m.ChipDown == false; m.Certainty >= 3`, year, country),
		})
		add(Rule{
			YAML:  fmt.Sprintf("{all: [{fact: vehicle.model_year, at_least: %d}, {fact: vehicle.built_in, is: %s}, {any_module: {fact: module.certainty, at_most: reported}}]}", year, country),
			CEL:   fmt.Sprintf("f.ModelYear >= %d && f.BuiltIn == '%s' && f.Modules.exists(m, m.Certainty <= 1)", year, country),
			Cedar: fmt.Sprintf(`context.ModelYear >= %d && context.BuiltIn == "%s" && %s`, year, country, anyModule(`$.Certainty <= 1`)),
			Rego:  fmt.Sprintf(`input.ModelYear >= %d; input.BuiltIn == "%s"; some m in input.Modules; m.Certainty <= 1`, year, country),
		})
		add(Rule{
			YAML:  fmt.Sprintf("{any: [{all: [{fact: radio.heard_maker, controlled_from: {country: %s}}, {fact: site.posture, at_least: %d}]}, {all: [{fact: radio.hotspot_heard, is: true}, {fact: data.supply_age_days, more_than: %d}]}]}", country, k, 10*k),
			CEL:   fmt.Sprintf("'%s' in f.HeardControlled && f.Posture >= %d || f.HotspotHeard && f.SupplyAge > %d", country, k, 10*k),
			Cedar: fmt.Sprintf(`context.HeardControlled.contains("%s") && context.Posture >= %d || context.HotspotHeard && context.SupplyAge > %d`, country, k, 10*k),
			Rego:  fmt.Sprintf(`"%s" in input.HeardControlled; input.Posture >= %d`, country, k),
			Or:    fmt.Sprintf(`input.HotspotHeard; input.SupplyAge > %d`, 10*k),
		})
		add(Rule{
			YAML:  fmt.Sprintf("{all: [{fact: vehicle.make, in: [BYD, NIO, \"MAKE %d\"]}, {fact: site.zone, at_least: controlled}, {fact: site.posture, at_least: %d}]}", k, k),
			CEL:   fmt.Sprintf("f.Make in ['BYD', 'NIO', 'MAKE %d'] && f.Zone >= 2 && f.Posture >= %d", k, k),
			Cedar: fmt.Sprintf(`["BYD", "NIO", "MAKE %d"].contains(context.Make) && context.Zone >= 2 && context.Posture >= %d`, k, k),
			Rego:  fmt.Sprintf(`input.Make in {"BYD", "NIO", "MAKE %d"}; input.Zone >= 2; input.Posture >= %d`, k, k),
		})
		add(Rule{
			YAML:  fmt.Sprintf("{any_module: {all: [{fact: module.maker, listed_on: us-1260h}, {fact: module.role, is: device}, {fact: module.basis, in: [declared, %s]}, {fact: module.model, is: M%d}]}}", basis, k),
			CEL:   fmt.Sprintf("f.Modules.exists(m, 'us-1260h' in m.Listed && m.Role == 'device' && m.Basis in ['declared', '%s'] && m.Model == 'M%d')", basis, k),
			Cedar: anyModule(fmt.Sprintf(`$.Listed.contains("us-1260h") && $.Role == "device" && ["declared", "%s"].contains($.Basis) && $.Model == "M%d"`, basis, k)),
			Rego:  fmt.Sprintf(`some m in input.Modules; "us-1260h" in m.Listed; m.Role == "device"; m.Basis in {"declared", "%s"}; m.Model == "M%d"`, basis, k),
		})
		add(Rule{
			YAML:  fmt.Sprintf("{all: [{fact: vehicle.model_year, at_least: %d}, {fact: vehicle.weight_kg, at_most: %d}, {fact: vehicle.maker, controlled_from: {country: CN}}]}", year, weight),
			CEL:   fmt.Sprintf("f.ModelYear >= %d && f.WeightKg <= %d && 'CN' in f.MakerControlled", year, weight),
			Cedar: fmt.Sprintf(`context.ModelYear >= %d && context.WeightKg <= %d && context.MakerControlled.contains("CN")`, year, weight),
			Rego:  fmt.Sprintf(`input.ModelYear >= %d; input.WeightKg <= %d; "CN" in input.MakerControlled`, year, weight),
		})
		add(Rule{
			YAML:  fmt.Sprintf("{all: [{fact: capability.camera_outside, is: true}, {fact: site.zone, is: critical}, {fact: data.supply_age_days, less_than: %d}, {not: {fact: capability.recording_off, is: true}}]}", 10*k+10),
			CEL:   fmt.Sprintf("f.CameraOutside && f.Zone == 4 && f.SupplyAge < %d && !f.RecordingOff", 10*k+10),
			Cedar: fmt.Sprintf(`context.CameraOutside && context.Zone == 4 && context.SupplyAge < %d && !context.RecordingOff`, 10*k+10),
			Rego:  fmt.Sprintf(`input.CameraOutside; input.Zone == 4; input.SupplyAge < %d; input.RecordingOff == false`, 10*k+10),
		})
		add(Rule{
			YAML:  fmt.Sprintf("{any_device: {all: [{fact: module.maker, design_from: CN}, {fact: module.model, is: D%d}]}}", k),
			CEL:   fmt.Sprintf("f.Modules.exists(m, m.Role == 'device' && 'CN' in m.Design && m.Model == 'D%d')", k),
			Cedar: anyModule(fmt.Sprintf(`$.Role == "device" && $.Design.contains("CN") && $.Model == "D%d"`, k)),
			Rego:  fmt.Sprintf(`some m in input.Modules; m.Role == "device"; "CN" in m.Design; m.Model == "D%d"`, k),
		})
		add(Rule{
			YAML:  fmt.Sprintf("{all: [{fact: data.catalogue_age_days, more_than: %d}, {fact: site.zone, at_least: restricted}, {fact: registration.class, is: %s}]}", 10*k, class),
			CEL:   fmt.Sprintf("f.CatalogueAge > %d && f.Zone >= 3 && f.Class == '%s'", 10*k, class),
			Cedar: fmt.Sprintf(`context.CatalogueAge > %d && context.Zone >= 3 && context.Class == "%s"`, 10*k, class),
			Rego:  fmt.Sprintf(`input.CatalogueAge > %d; input.Zone >= 3; input.Class == "%s"`, 10*k, class),
		})
	}
	return out
}
