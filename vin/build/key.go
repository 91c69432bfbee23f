package build

import (
	"cmp"
	"fmt"
	"strings"

	"sallyport/vin"
)

// key is a compiled pattern key.
type key struct {
	length int
	match  [14]uint64 // symbols that fit at VIN 4–8, at the `|`, and at VIN 10–17
	named  [9]uint64  // symbols that the key names for VIN 4–8 and 11–14
}

// compileKey compiles a pattern key as spVinDecode_core matches it: one without
// brackets by SQL's LIKE, one with brackets as a regular expression; `*` is any
// one character in both, and the end is free.
func compileKey(text string) (key, error) {
	const letters = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
	k := key{}
	for i := range k.match {
		k.match[i] = vin.ClassFree
	}
	like := !strings.Contains(text, "[")
	if !like {
		// NHTSA's own mending of two keys
		text = strings.ReplaceAll(text, "1-A", "1A")
	}
	for i := 0; i < len(text); i++ {
		if k.length == len(k.match) {
			return key{}, fmt.Errorf("key %q is longer than a VIN", text)
		}
		var match, named uint64
		switch c := text[i]; {
		case c == '*' || c == '_' && like:
			match = vin.ClassAny
		case c == '%' && like:
			return key{}, fmt.Errorf("key %q: %% is not supported", text)
		case c == '#':
			match = vin.SymbolBit(c)
			for d := byte('0'); d <= '9'; d++ {
				named |= vin.SymbolBit(d)
			}
		case c == '[':
			end := strings.IndexByte(text[i:], ']')
			if end < 0 {
				return key{}, fmt.Errorf("key %q: a bracket is not closed", text)
			}
			body := text[i+1 : i+end]
			match = class(body)
			named = match
			if strings.ContainsAny(body, "-^") {
				named = 0
				for j := range len(letters) {
					named |= match & vin.SymbolBit(letters[j])
				}
			}
			i += end
		default:
			match = vin.SymbolBit(c)
			named = match
		}
		k.match[k.length] = match
		switch {
		case k.length < 5:
			k.named[k.length] = named
		case k.length >= 7 && k.length <= 10:
			k.named[k.length-2] = named
		}
		k.length++
	}
	return k, nil
}

// class is the set of symbols of a bracket expression. Characters that no VIN
// holds are left out.
func class(body string) uint64 {
	var m uint64
	negated := strings.HasPrefix(body, "^")
	body = strings.TrimPrefix(body, "^")
	add := func(c byte) {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '*' || c == '|' || c == '#' {
			m |= vin.SymbolBit(c)
		}
	}
	for i := 0; i < len(body); i++ {
		if i+2 < len(body) && body[i+1] == '-' {
			for c := int(body[i]); c <= int(body[i+2]); c++ {
				add(byte(c))
			}
			i += 2
			continue
		}
		add(body[i])
	}
	if negated {
		return vin.ClassAny &^ m
	}
	return m
}

var unbracket = strings.NewReplacer("[", "", "]", "")

// compareKeys orders keys as the de-duplication does: the shorter text (stars
// not counted) first, then by bytes without brackets.
func compareKeys(a, b string) int {
	la := len(a) - strings.Count(a, "*")
	lb := len(b) - strings.Count(b, "*")
	return cmp.Or(cmp.Compare(la, lb), cmp.Compare(unbracket.Replace(a), unbracket.Replace(b)))
}
