package policy

// examplesSchema is what Policy.Examples reads: a list of cases, or what is
// given for all of them and the cases.
func examplesSchema() object {
	unknownToo := func(of object) object {
		return object{"anyOf": []object{of, {"const": unknownWord}}}
	}
	facts := object{
		"at":     ref("text", "A day, or an RFC 3339 instant."),
		"moment": object{"enum": momentNames[:]},
	}
	unit := object{"name": ref("text", ""), "fitted": unknownToo(object{"type": "boolean"})}
	alternative := object{}
	for f := range factCount {
		name, v := f.info().name, unknownToo(valueSchema(f.kind()))
		switch {
		case f == fModuleRole:
			unit[name] = v
		case f.module():
			unit[name], alternative[name] = v, v
		case f.kind() == kindCount:
		case f.kind() == kindAuthorisation:
			facts[name] = object{"type": "array", "maxItems": maxValues, "items": object{"anyOf": []object{
				ref("id", ""),
				closed(object{"id": ref("text", ""), "issuer": ref("text", ""), "from": ref("text", ""), "until": ref("text", "")}, "id"),
			}}}
		default:
			facts[name] = v
		}
	}
	unit["one_of"] = object{"type": "array", "items": someOf(alternative), "maxItems": maxValues}
	facts["units"] = object{"type": "array", "items": someOf(unit), "maxItems": maxValues}

	told := object{}
	answer := unknownToo(object{"type": "boolean"})
	for t := range testCount {
		switch {
		case !t.supply():
		case t == testOwnerResolved:
			told[testNames[t]] = answer
		case t == testControlledFrom || t == testShareFrom:
			told[testNames[t]] = object{"type": "object", "propertyNames": ref("land", ""), "additionalProperties": object{"anyOf": []object{
				answer, {"type": "number", "minimum": 0, "maximum": 100, "description": "per cent"},
			}}}
		case t == testDesignFrom:
			told[testNames[t]] = object{"type": "object", "propertyNames": ref("land", ""), "additionalProperties": answer}
		default:
			told[testNames[t]] = object{"type": "object", "additionalProperties": answer}
		}
	}
	supply := object{"type": "object", "propertyNames": ref("id", "A party."), "additionalProperties": someOf(told),
		"description": "Who stands behind the parties; what is not said is unknown."}

	ids := object{"type": "array", "items": ref("id", ""), "maxItems": maxValues, "uniqueItems": true}
	expect := closed(object{
		"outcome":    object{"enum": []string{"deny", "flag", "grant"}},
		"rule":       ref("id", "The rule of the first reason, or default."),
		"unknown":    object{"type": "boolean", "description": "Whether that rule speaks because a fact is unknown."},
		"reasons":    ids,
		"silent":     ids,
		"open":       object{"type": "array", "items": ref("id", ""), "maxItems": maxValues, "description": "Facts that are asked for, among others; none where empty."},
		"lifted":     ids,
		"conditions": ids,
		"work_items": object{"type": "array", "items": ref("id", ""), "maxItems": maxValues},
		"presumed":   object{"type": "boolean"},
	}, "outcome", "rule")
	said := someOf(facts)
	example := closed(object{
		"name": ref("text", ""), "why": ref("text", "Why the outcome is right, and by which source."),
		"facts": said, "supply": supply,
		"request": object{"type": "object", "required": []string{"at"}, "description": "A request as `sallyport assess` reads it."},
		"expect":  expect,
	}, "name", "expect")
	example["not"] = object{"anyOf": []object{{"required": []string{"request", "facts"}}, {"required": []string{"request", "supply"}}}}
	cases := object{"type": "array", "items": example, "maxItems": maxValues}
	return object{
		"description": "Cases with the outcome that they must have; no part of the policy.",
		"anyOf":       []object{cases, closed(object{"given": someOf(object{"facts": said, "supply": supply}), "cases": cases}, "cases")},
	}
}

// someOf is an object of any of these properties and no others.
func someOf(properties object) object {
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}
