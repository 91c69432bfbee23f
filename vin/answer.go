package vin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Answer is the JSON form of a decoded VIN: what `sallyport vin` prints.
type Answer struct {
	VIN            string            `json:"vin"`
	Valid          bool              `json:"valid"`
	Problems       []Problem         `json:"problems"`
	Make           string            `json:"make"`
	MakeCandidates []string          `json:"make_candidates,omitempty"` // where the make is unknown: those the sources name
	Model          string            `json:"model"`
	ModelYear      *int              `json:"model_year"` // null is unknown
	YearCandidates []int             `json:"model_year_candidates,omitempty"`
	YearBasis      string            `json:"model_year_basis,omitempty"`
	Manufacturer   string            `json:"manufacturer"`
	VehicleType    string            `json:"vehicle_type"`
	BodyClass      string            `json:"body_class"`
	BuiltIn        AnswerBuiltIn     `json:"built_in"`
	Basis          string            `json:"basis,omitempty"`
	Community      bool              `json:"community,omitempty"`
	Corrected      *AnswerCorrected  `json:"corrected,omitempty"`  // what a misread VIN must have been
	Candidates     []Candidate       `json:"candidates,omitempty"` // where that is not certain: what it may have been
	ErrorCode      string            `json:"error_code"`           // NHTSA's codes, joined by commas
	Attributes     map[string]string `json:"attributes"`           // vPIC variable code → value
}

// AnswerBuiltIn is the country of build in an Answer.
type AnswerBuiltIn struct {
	Country string `json:"country"`
	Code    string `json:"code,omitempty"` // ISO 3166-1 alpha-2
	Basis   string `json:"basis"`
	Weak    bool   `json:"weak,omitempty"`
	Note    string `json:"note,omitempty"`
	Source  string `json:"source,omitempty"` // address
}

// Answer is the JSON form of d.
func (d *Decoded) Answer() Answer {
	a := d.answer()
	a.Attributes = make(map[string]string, len(d.items)+4)
	for k, v := range d.Attributes() {
		a.Attributes[k] = v
	}
	return a
}

// answer is the JSON form of d but for the attributes.
func (d *Decoded) answer() Answer {
	a := Answer{
		VIN: string(d.VIN), Valid: d.Valid, Problems: d.Problems, Make: d.Make, Model: d.Model,
		Manufacturer: d.Manufacturer, VehicleType: d.VehicleType, BodyClass: d.BodyClass,
		BuiltIn:   AnswerBuiltIn(d.BuiltIn),
		YearBasis: d.YearBasis,
		Basis:     d.Basis,
		Community: d.Community,
		ErrorCode: d.Codes.String(),
	}
	if a.Problems == nil {
		a.Problems = []Problem{}
	}
	if d.MakeCandidates != "" {
		a.MakeCandidates = strings.Split(d.MakeCandidates, Separator)
	}
	if y := d.ModelYear; y != 0 {
		a.ModelYear = &y
	}
	for _, y := range d.YearCandidates {
		if y != 0 {
			a.YearCandidates = append(a.YearCandidates, y)
		}
	}
	return a
}

type pair struct{ key, value string }

func comparePairs(a, b pair) int { return cmp.Compare(a.key, b.key) }

// AppendJSON appends the JSON form of d, as d.Answer() has it, to b without
// making an Answer's map: byte for byte what an encoding/json Encoder without
// HTML escaping writes, but for the line feed at its end.
func (d *Decoded) AppendJSON(b []byte) []byte {
	a := d.answer()
	b = a.appendHead(b)
	if d.ix != nil && d.corrections == nil && len(d.ix.names) <= fewNames {
		return append(d.appendAttributes(b), '}')
	}
	var pairs []pair
	for k, v := range d.Attributes() {
		pairs = append(pairs, pair{k, v})
	}
	slices.SortFunc(pairs, comparePairs)
	return append(appendPairs(b, pairs), '}')
}

// attributeName is the name of an attribute as it stands in JSON, with the
// colon.
type attributeName struct {
	slot int // of the element; below 0 one of those that are not from patterns
	json string
}

// Attributes that are not from patterns, as slots.
const (
	nameModelYear = iota - 4
	nameManufacturer
	nameVehicleType
	nameMake
)

// fewNames is how many names of attributes an index may have for the shorter
// way to write them. NHTSA's public cut has about thirty, its whole download more
// than a hundred.
const fewNames = 64

// attributeNames is the names of all attributes but those of corrections, in
// their order.
func attributeNames(elems []element) []attributeName {
	type named struct {
		code string
		slot int
	}
	all := []named{{"ModelYear", nameModelYear}, {"Manufacturer", nameManufacturer}, {"VehicleType", nameVehicleType}, {"Make", nameMake}}
	for i, e := range elems {
		all = append(all, named{e.code, i})
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Compare(a.code, b.code) })
	out := make([]attributeName, len(all))
	for i, n := range all {
		out[i] = attributeName{slot: n.slot, json: string(append(appendText(nil, n.code), ':'))}
	}
	return out
}

// appendAttributes appends the object of what Attributes yields.
func (d *Decoded) appendAttributes(b []byte) []byte {
	b = append(b, '{')
	if d.manufacturer == "" && d.VehicleType == "" && len(d.items) == 0 {
		return append(b, '}')
	}
	var first [fewNames]uint8 // item of a slot, plus 1
	for i := len(d.items) - 1; i >= 0; i-- {
		first[d.items[i].slot] = uint8(i + 1)
	}
	start := len(b)
	for _, n := range d.ix.names {
		text := ""
		switch n.slot {
		case nameModelYear:
			if d.given != 0 {
				text = yearText(d.given)
			}
		case nameManufacturer:
			text = d.manufacturer
		case nameVehicleType:
			text = d.VehicleType
		case nameMake:
			text = d.vpicMake
		default:
			i := int(first[n.slot]) - 1
			if i < 0 {
				continue
			}
			end := i + 1
			for end < len(d.items) && int(d.items[end].slot) == n.slot {
				end++
			}
			text = d.text(i, end)
		}
		if text == "" {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = appendText(append(b, n.json...), text)
	}
	return append(b, '}')
}

// AppendJSON appends a to b: byte for byte what an encoding/json Encoder
// without HTML escaping writes, but for the line feed at its end.
func (a *Answer) AppendJSON(b []byte) []byte {
	b = a.appendHead(b)
	if a.Attributes == nil {
		return append(b, "null}"...)
	}
	pairs := make([]pair, 0, len(a.Attributes))
	for k, v := range a.Attributes {
		pairs = append(pairs, pair{k, v})
	}
	slices.SortFunc(pairs, comparePairs)
	return append(appendPairs(b, pairs), '}')
}

// appendHead appends a up to the value of its attributes.
func (a *Answer) appendHead(b []byte) []byte {
	b = appendText(append(b, `{"vin":`...), a.VIN)
	b = strconv.AppendBool(append(b, `,"valid":`...), a.Valid)
	b = appendProblems(append(b, `,"problems":`...), a.Problems)
	b = appendText(append(b, `,"make":`...), a.Make)
	for i, m := range a.MakeCandidates {
		if i == 0 {
			b = append(b, `,"make_candidates":[`...)
		} else {
			b = append(b, ',')
		}
		if b = appendText(b, m); i == len(a.MakeCandidates)-1 {
			b = append(b, ']')
		}
	}
	b = appendText(append(b, `,"model":`...), a.Model)
	if b = append(b, `,"model_year":`...); a.ModelYear != nil {
		b = strconv.AppendInt(b, int64(*a.ModelYear), 10)
	} else {
		b = append(b, "null"...)
	}
	for i, y := range a.YearCandidates {
		if i == 0 {
			b = append(b, `,"model_year_candidates":[`...)
		} else {
			b = append(b, ',')
		}
		if b = strconv.AppendInt(b, int64(y), 10); i == len(a.YearCandidates)-1 {
			b = append(b, ']')
		}
	}
	b = appendUnlessEmpty(b, `,"model_year_basis":`, a.YearBasis)
	b = appendText(append(b, `,"manufacturer":`...), a.Manufacturer)
	b = appendText(append(b, `,"vehicle_type":`...), a.VehicleType)
	b = appendText(append(b, `,"body_class":`...), a.BodyClass)
	b = appendText(append(b, `,"built_in":{"country":`...), a.BuiltIn.Country)
	b = appendUnlessEmpty(b, `,"code":`, a.BuiltIn.Code)
	b = appendText(append(b, `,"basis":`...), a.BuiltIn.Basis)
	if a.BuiltIn.Weak {
		b = append(b, `,"weak":true`...)
	}
	b = appendUnlessEmpty(b, `,"note":`, a.BuiltIn.Note)
	b = appendUnlessEmpty(b, `,"source":`, a.BuiltIn.Source)
	b = append(b, '}')
	b = appendUnlessEmpty(b, `,"basis":`, a.Basis)
	if a.Community {
		b = append(b, `,"community":true`...)
	}
	b = a.appendMisread(b)
	b = appendText(append(b, `,"error_code":`...), a.ErrorCode)
	return append(b, `,"attributes":`...)
}

func appendProblems(b []byte, problems []Problem) []byte {
	if problems == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, p := range problems {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"code":`...), p.Code)
		b = strconv.AppendInt(append(b, `,"at":`...), int64(p.At), 10)
		b = appendText(append(b, `,"text":`...), p.Text)
		if p.Note {
			b = append(b, `,"note":true`...)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendPairs appends an object of pairs, which stand in order of their keys.
func appendPairs(b []byte, pairs []pair) []byte {
	b = append(b, '{')
	for i, p := range pairs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, p.key)
		b = appendText(append(b, ':'), p.value)
	}
	return append(b, '}')
}

func appendUnlessEmpty(b []byte, key, text string) []byte {
	if text == "" {
		return b
	}
	return appendText(append(b, key...), text)
}

// plain says which bytes stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendText appends text as a JSON string (RFC 8259) in the form that
// encoding/json gives it: what is not UTF-8 becomes U+FFFD, and U+2028 and
// U+2029, which JavaScript takes for line ends, are escaped.
func appendText(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if plain[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = append(b, text[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, `\b`...)
			case '\f':
				b = append(b, `\f`...)
			case '\n':
				b = append(b, `\n`...)
			case '\r':
				b = append(b, `\r`...)
			case '\t':
				b = append(b, `\t`...)
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(append(b, text[start:i]...), `\ufffd`...)
			start = i + n
		case r == '\u2028' || r == '\u2029':
			b = append(append(b, text[start:i]...), '\\', 'u', '2', '0', '2', hex[r&0xf])
			start = i + n
		}
		i += n
	}
	b = append(b, text[start:]...)
	return append(b, '"')
}
