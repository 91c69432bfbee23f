package telematics

import (
	"strings"
	"unicode"
)

// Names of makes and models come from vPIC ("MODEL Y"), registries
// ("MODEL-Y"), and sources ("Model Y (2025+)"). They are compared so:
//
//   - bracketed remarks are cut;
//   - case and common Latin accents are dropped (ß is ss, æ is ae, œ is oe);
//   - the rest is split into words at everything that is neither letter nor
//     digit, and the words are joined: "E-TRON", "e-tron" and "etron" are one
//     name; "A6" and "A6L" are two, because a word is never split;
//   - other spellings of a make that a reviewer listed are the make ("VW");
//   - a model's name that begins with its make's loses that beginning, if
//     anything is left: vPIC's Chrysler 200 and Ram 1500 are "200" and "1500",
//     and sources write "Chrysler 200" and "Ram 1500".
//
// A name of fewer words stands for all longer names that begin with its words
// ("Model S" for "Model S 85"); the reverse only holds where a reviewer listed
// the longer name as one of the line.

// appendTokens appends the words of a name, joined, and the offset at which
// each of them ends.
func appendTokens(b []byte, s string, ends []int) ([]byte, []int) {
	in := false // a word
	for _, r := range cutBrackets(s) {
		if word := r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') || r >= 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)); !word {
			in = false
			continue
		}
		before := len(b)
		b = appendRune(b, r)
		switch {
		case len(b) == before:
		case in:
			ends[len(ends)-1] = len(b)
		default:
			in = true
			ends = append(ends, len(b))
		}
	}
	return b, ends
}

// joined returns the words of a name as one.
func joined(s string) string { return fold(cutBrackets(s)) }

func cutBrackets(s string) string {
	if !strings.ContainsAny(s, "([") {
		return s
	}
	var b strings.Builder
	depth := 0
	for _, r := range s {
		switch {
		case r == '(' || r == '[':
			depth++
		case (r == ')' || r == ']') && depth > 0:
			depth--
		case depth == 0:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// fold lowers the case, drops accents and keeps letters and digits only.
func fold(s string) string {
	clean := true
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	b := make([]byte, 0, 64)
	return string(appendFold(b, s))
}

func appendFold(b []byte, s string) []byte {
	for _, r := range s {
		b = appendRune(b, r)
	}
	return b
}

func appendRune(b []byte, r rune) []byte {
	switch {
	case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
		return append(b, byte(r))
	case r >= 'A' && r <= 'Z':
		return append(b, byte(r-'A'+'a'))
	case r < 0x80:
		return b
	}
	return append(b, plainOf(r)...)
}

func plainOf(r rune) string {
	for _, p := range accents {
		if strings.ContainsRune(p.from, r) {
			return p.to
		}
	}
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		return string(unicode.ToLower(r))
	}
	return ""
}

var accents = []struct{ to, from string }{
	{"a", "àáâãäåāăąÀÁÂÃÄÅĀĂĄ"}, {"c", "çćčÇĆČ"}, {"d", "ďđĎĐ"}, {"e", "èéêëēėęěÈÉÊËĒĖĘĚ"}, {"g", "ğĞ"}, {"i", "ìíîïīįıÌÍÎÏĪĮİ"},
	{"l", "łŁ"}, {"n", "ñńňÑŃŇ"}, {"o", "òóôõöøōőÒÓÔÕÖØŌŐ"}, {"r", "řŘ"}, {"s", "śšşŚŠŞ"}, {"ss", "ß"}, {"t", "ťŤ"},
	{"u", "ùúûüūůűÙÚÛÜŪŮŰ"}, {"y", "ýÿÝ"}, {"z", "źżžŹŻŽ"}, {"ae", "æÆ"}, {"oe", "œŒ"},
}

// make returns the form in which makes are compared.
func (c *Catalogue) make(s string) string {
	k := fold(s)
	if to, ok := c.makes[k]; ok {
		return to
	}
	return k
}

// appendMake appends it.
func appendMake(b []byte, s string, makes map[string]string) []byte {
	at := len(b)
	b = appendFold(b, s)
	if to, ok := makes[string(b[at:])]; ok {
		b = append(b[:at], to...)
	}
	return b
}

// key joins a make and an already joined model.
func (c *Catalogue) key(brand, model string) string {
	b := append(appendMake(nil, brand, c.makes), '|')
	n := len(b)
	b, _ = withoutMake(append(b, model...), 0, n, nil)
	return string(b)
}

// withoutMake takes a make's name off the beginning of a model's. The make lies
// in b from at, the bar before model; ends are as appendTokens gives them.
func withoutMake(b []byte, at, model int, ends []int) ([]byte, []int) {
	n := model - 1 - at
	if n < 1 || len(b)-model <= n || string(b[model:model+n]) != string(b[at:at+n]) {
		return b, ends
	}
	kept := ends[:0]
	for _, end := range ends {
		if end -= n; end > model {
			kept = append(kept, end)
		}
	}
	return append(b[:model], b[model+n:]...), kept
}
