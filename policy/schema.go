package policy

import (
	"encoding/json"
	"slices"
	"strings"
)

// object is a JSON Schema under construction.
type object = map[string]any

// Schema is the JSON Schema (draft 2020-12) of a rule file, made of the same
// tables by which Load and Policy.Examples read one. A file that both take
// conforms to it, as long as its numbers and truth values stand without quotes.
// It cannot say everything that Load checks: names that are used must be defined,
// what comes from the air may only raise a verdict, a presumption is named
// exactly where there is one, and the values of parameters fit where they
// stand.
func Schema() []byte {
	facts, modules := atoms(false), atoms(true)
	s := object{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"$id":                  "urn:sallyport:policy",
		"title":                "Sallyport rule file",
		"description":          "A policy of a site: rules over facts of a vehicle, each with the instrument it stands for.",
		"type":                 "object",
		"additionalProperties": false,
		"required":             []string{"policy", "version", "title", "rules"},
		"properties": object{
			"policy":     ref("id", "The policy's id."),
			"version":    ref("text", "The version, as its author counts."),
			"title":      ref("text", "What people call it."),
			"status":     object{"enum": []string{"in force", "proposed", "superseded"}},
			"default":    object{"enum": []string{"flag", "deny"}, "description": "The least outcome for a vehicle that wants in and that no rule grants."},
			"postures":   object{"type": "array", "items": object{"type": "string", "pattern": `^[a-z_.\-][a-z0-9_.\-]*$`, "maxLength": 80}, "minItems": 2, "maxItems": maxValues, "uniqueItems": true, "description": "The site's threat levels, least first."},
			"may_change": object{"type": "array", "items": ref("id", ""), "maxItems": maxValues},
			"omits":      object{"type": "array", "items": ref("text", ""), "maxItems": maxValues, "description": "What of its instruments the policy does not encode."},
			"parameters": object{"type": "object", "maxProperties": maxValues, "propertyNames": ref("id", ""), "additionalProperties": closed(object{
				"value": object{"type": []string{"string", "number", "boolean"}}, "words": ref("text", "What the site chose, in words.")}, "value", "words")},
			"conditions": object{"type": "object", "maxProperties": maxValues, "propertyNames": ref("id", ""), "additionalProperties": ref("words", "")},
			"rules":      object{"type": "array", "items": ref("rule", ""), "minItems": 1, "maxItems": maxRules},
			"examples":   examplesSchema(),
		},
		"$defs": object{
			"id":     object{"type": []string{"string", "integer"}, "pattern": `^[a-z0-9_.\-]{1,80}$`},
			"text":   object{"type": []string{"string", "number", "boolean"}, "pattern": `\S`, "maxLength": maxText},
			"day":    object{"type": "string", "pattern": `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`},
			"date":   object{"type": []string{"string", "integer"}, "pattern": `^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$`},
			"clock":  object{"type": "string", "pattern": `^([01][0-9]|2[0-3]):[0-5][0-9]$`},
			"param":  object{"type": "string", "pattern": `^\$`},
			"words":  object{"type": "object", "propertyNames": object{"pattern": `^[a-z]{2}$`}, "additionalProperties": ref("text", ""), "required": []string{"en"}},
			"land":   object{"enum": strings.Fields(isoCountries), "description": "ISO 3166-1 alpha-2"},
			"rule":   ruleSchema(),
			"where":  condSchema(facts, "where", true),
			"module": condSchema(modules, "module", false),
			"instrument": object{
				"type": "object", "additionalProperties": false, "required": []string{"authority", "title"},
				"properties": object{
					"id":        ref("id", "Of its row in the reference data, where it has one."),
					"authority": ref("text", "Who ordered it; site for the site's own choice."), "title": ref("text", ""), "status": ref("text", ""), "quote": ref("text", ""),
					"link": object{"type": "string", "pattern": `^\s*https?://`}, "date": ref("date", ""), "from": ref("day", "First day, UTC."), "to": ref("day", "Last day."),
				},
				"if":   object{"properties": object{"authority": object{"not": object{"const": "site"}}}},
				"then": object{"anyOf": []object{{"required": []string{"quote"}}, {"required": []string{"link"}}}},
			},
		},
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil // maps, slices, strings and numbers always encode
	}
	return append(b, '\n')
}

func ref(name, description string) object {
	o := object{"$ref": "#/$defs/" + name}
	if description != "" {
		o["description"] = description
	}
	return o
}

// closed is an object of these properties and no others.
func closed(properties object, required ...string) object {
	return object{"type": "object", "additionalProperties": false, "properties": properties, "required": required}
}

func ruleSchema() object {
	ids := object{"type": "array", "items": ref("id", ""), "maxItems": maxValues, "uniqueItems": true}
	lifts := object{"type": "array", "items": ref("id", ""), "minItems": 1, "maxItems": maxValues, "uniqueItems": true, "description": "The rules that it lifts while it is true."}
	asked := object{}
	for f := range factCount {
		asked[f.info().name] = ref("text", "")
	}
	o := closed(object{
		"id":          object{"$ref": "#/$defs/id", "not": object{"const": DefaultRule}},
		"title":       ref("text", ""),
		"outcome":     object{"enum": []string{"deny", "flag", "grant"}},
		"if_unknown":  object{"enum": []string{"flag", "deny"}, "description": "What it says while a fact that decides is unknown; absent is flag."},
		"applies_on":  object{"type": "array", "items": object{"enum": momentNames[:]}, "minItems": 1, "uniqueItems": true, "description": "Absent is on entry."},
		"instrument":  ref("instrument", "The authority behind it."),
		"presumption": ref("text", "Whose choice it is, where it rests on what is not known."),
		"when":        ref("where", ""),
		"conditions":  ids,
		"work_item":   ref("id", "The office that gets a work item."),
		"lifts":       lifts,
		"exemption":   closed(object{"holder": ref("text", ""), "issuer": ref("text", ""), "number": ref("text", "")}, "holder", "issuer"),
		"say":         ref("words", "Words for the guard."),
		"ask":         object{"type": "object", "additionalProperties": false, "properties": asked, "description": "What to ask for where a fact is unknown."},
	}, "id", "title", "outcome", "instrument", "when", "say")
	is := func(outcome string) object {
		return object{"properties": object{"outcome": object{"const": outcome}}, "required": []string{"outcome"}}
	}
	o["dependentRequired"] = object{"exemption": []string{"lifts"}}
	o["allOf"] = []object{
		{"if": is("grant"), "then": object{"properties": object{"if_unknown": false}}},
		{"if": is("flag"), "then": object{"properties": object{"if_unknown": object{"const": "flag"}}}},
		{"if": is("deny"), "then": object{"properties": object{"lifts": object{"maxItems": 0}}}},
	}
	return o
}

// condSchema is a condition whose parts are conditions of the same name; on a
// vehicle it may speak of modules.
func condSchema(atoms []object, name string, vehicle bool) object {
	part := ref(name, "")
	of := []object{
		closed(object{"all": object{"type": "array", "items": part, "minItems": 1, "maxItems": maxValues}}, "all"),
		closed(object{"any": object{"type": "array", "items": part, "minItems": 1, "maxItems": maxValues}}, "any"),
		closed(object{"not": part}, "not"),
		closed(object{"surely": part}, "surely"),
	}
	var known []string
	for f := range factCount {
		if !f.finding() && f.kind() != kindCount && f.kind() != kindAuthorisation && (!vehicle || !f.module()) {
			known = append(known, f.info().name)
		}
	}
	for _, o := range []op{opKnown, opUnknown} {
		of = append(of, closed(object{opNames[o]: object{"enum": known}}, opNames[o]))
	}
	if vehicle {
		for o := opAnyModule; o <= opAnyDevice; o++ {
			of = append(of, closed(object{opNames[o]: ref("module", "")}, opNames[o]))
		}
	}
	return object{"oneOf": append(of, atoms...)}
}

// atoms are the comparisons with facts, those alike of one kind together.
func atoms(module bool) []object {
	type alike struct {
		kind  factKind
		tests string
	}
	var order []alike
	names := map[alike][]string{}
	tests := map[alike][]test{}
	for f := range factCount {
		if f.module() && !module {
			continue
		}
		ts := testsOf(f)
		var key strings.Builder
		for _, t := range ts {
			key.WriteString(testNames[t] + " ")
		}
		k := alike{f.kind(), key.String()}
		if f.finding() && f.kind() == kindBool {
			k.tests = "is heard"
		}
		if names[k] == nil {
			order = append(order, k)
			tests[k] = ts
		}
		names[k] = append(names[k], f.info().name)
	}
	var out []object
	for _, k := range order {
		asks := []object{}
		properties := object{"fact": object{"enum": names[k]}}
		for _, t := range tests[k] {
			v := operandSchema(k.kind, t)
			if k.tests == "is heard" {
				v = object{"const": true}
			}
			properties[testNames[t]] = v
			asks = append(asks, object{"required": []string{testNames[t]}})
		}
		o := closed(properties, "fact")
		o["oneOf"] = asks
		out = append(out, o)
	}
	return out
}

// operandSchema is what a test compares with.
func operandSchema(k factKind, t test) object {
	switch t {
	case testIn:
		return object{"type": "array", "items": valueSchema(k), "minItems": 1, "maxItems": maxValues}
	case testControlledFrom, testShareFrom:
		o := closed(object{"country": ref("land", ""), "at_least": object{"type": "number", "exclusiveMinimum": 0, "maximum": 100, "description": "per cent"}}, "country")
		if t == testShareFrom {
			o["required"] = []string{"country", "at_least"}
		}
		return o
	case testDesignFrom:
		return ref("land", "")
	case testLicenceFrom, testFirmwareBy:
		return object{"anyOf": []object{ref("land", ""), ref("id", "A party.")}}
	case testListedOn, testTrustedBy, testAuthorisedBy:
		return ref("id", "")
	case testOwnerResolved:
		return object{"type": "boolean"}
	case testInclude:
		return object{"anyOf": []object{ref("id", ""), ref("param", "")}}
	}
	return object{"anyOf": []object{valueSchema(k), ref("param", "A parameter.")}}
}

func valueSchema(k factKind) object {
	if words := wordsOf(k); words != nil {
		return object{"enum": slices.Clone(words)}
	}
	switch k {
	case kindBool:
		return object{"type": "boolean"}
	case kindInt, kindCount:
		return object{"type": "integer", "minimum": -1e9, "maximum": 1e9}
	case kindPosture:
		return object{"anyOf": []object{{"type": "integer", "minimum": 0, "maximum": 1000}, {"type": "string", "pattern": `^[a-z_.\-]`, "description": "A name of postures."}}}
	case kindCountry:
		return ref("land", "")
	case kindMarket:
		return object{"enum": append(strings.Fields(isoCountries), "EU")}
	case kindParty, kindAuthorisation:
		return ref("id", "")
	case kindDate:
		return ref("day", "")
	case kindTime:
		return ref("clock", "")
	}
	return ref("text", "")
}
