package vin

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Length is the number of characters of a full VIN (49 CFR 565.13, ISO 3779).
const Length = 17

// VIN is a cleaned vehicle identification number as Parse makes it: upper
// case, without separators, at most 17 ASCII characters. It may be partial, and
// may hold `*` for an unknown character. A VIN that Parse did not make is
// decoded too, but then its faults are the caller's.
type VIN string

// WMI is the world manufacturer identifier: the first three characters, or,
// where the third is 9 (makers of fewer than 1,000 vehicles a year), these
// three and positions 12 to 14. It is shorter where the VIN is.
func (v VIN) WMI() string {
	if len(v) >= 14 && v[2] == '9' {
		return string(v[:3]) + string(v[11:14])
	}
	return string(v[:min(3, len(v))])
}

// Codes of problems.
const (
	ProblemEmpty       = "empty"
	ProblemTooShort    = "too_short"
	ProblemTooLong     = "too_long"
	ProblemNotUTF8     = "not_utf8"
	ProblemIllegalChar = "illegal_character"
	ProblemUnknownChar = "unknown_character"
	ProblemCheckDigit  = "check_digit"
)

// Problem is one thing that is wrong, or noteworthy, with a text given as VIN.
type Problem struct {
	Code string `json:"code"`
	At   int    `json:"at"`             // 1-based position in the VIN (in the text for not_utf8), 0 is the whole
	Text string `json:"text"`           // one plain sentence
	Note bool   `json:"note,omitempty"` // true when it does not make the VIN invalid
}

// Parse cleans a text given as VIN and names every problem. It takes away
// white space, hyphens, dots, slashes and underscores, and makes letters upper case.
// Parse never fails: what can be kept is in the VIN (at most its first 17
// characters, a character that is not ASCII as `?`). The VIN does not hold on
// to text.
//
// The check digit is a problem only where it is mandatory (North America, 49
// CFR 565.15; China, GB 16735); elsewhere ISO 3779 leaves position 9 to the
// maker, and a mismatch is a note.
func Parse(text string) (VIN, []Problem) {
	if bad := invalidUTF8(text); bad > 0 {
		return "", []Problem{{Code: ProblemNotUTF8, At: bad,
			Text: fmt.Sprintf("The text is not UTF-8: byte %d is not part of any character.", bad)}}
	}
	var buf [Length]byte
	n, total := 0, 0
	for _, r := range text {
		switch r {
		case ' ', '\t', '\r', '\n', '\v', '\f', '-', '.', '/', '_', '\u00a0', '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\ufeff', 0:
			continue
		}
		if total < Length {
			switch {
			case r >= 'a' && r <= 'z':
				buf[n] = byte(r) - 'a' + 'A'
			case r > ' ' && r < 0x7f:
				buf[n] = byte(r)
			default:
				buf[n] = '?'
			}
			n++
		}
		total++
	}
	v := VIN(buf[:n])
	return v, problems(v, total)
}

// Problems names what is wrong with a VIN that is already clean.
func (v VIN) Problems() []Problem { return problems(v, len(v)) }

// problems reports the faults of v, of which the text held total characters.
func problems(v VIN, total int) []Problem {
	if total == 0 {
		return []Problem{{Code: ProblemEmpty, Text: "No VIN was given."}}
	}
	if total == Length && len(v) == Length {
		if want, ok := CheckDigit(string(v)); ok && want == v[8] {
			return nil
		}
	}
	var out []Problem
	switch {
	case total < Length:
		out = append(out, Problem{Code: ProblemTooShort,
			Text: fmt.Sprintf("%s; a VIN has %d.", count(total), Length)})
	case total > Length:
		out = append(out, Problem{Code: ProblemTooLong, At: Length + 1,
			Text: fmt.Sprintf("%s; a VIN has %d. Only the first %d are looked at.", count(total), Length, Length)})
	}
	clean := true
	for i := range min(len(v), Length) {
		switch c := v[i]; {
		case c == '*':
			clean = false
			out = append(out, Problem{Code: ProblemUnknownChar, At: i + 1,
				Text: fmt.Sprintf("The character at position %d is not known.", i+1)})
		case c == 'I' || c == 'O' || c == 'Q':
			clean = false
			out = append(out, Problem{Code: ProblemIllegalChar, At: i + 1,
				Text: fmt.Sprintf("The letter %c at position %d is never used in a VIN; it is often misread for %s.", c, i+1, lookalike(c))})
		case value(c) < 0:
			clean = false
			out = append(out, Problem{Code: ProblemIllegalChar, At: i + 1,
				Text: fmt.Sprintf("The character %q at position %d is not a digit or capital letter.", rune(c), i+1)})
		}
	}
	if clean && total == Length {
		if want, ok := CheckDigit(string(v)); ok && want != v[8] {
			p := Problem{Code: ProblemCheckDigit, At: 9, Note: !checkDigitMandatory(v)}
			if p.Note {
				p.Text = fmt.Sprintf("Position 9 is %c, not the check digit %c. Outside North America and China a check digit is not required.", v[8], want)
			} else {
				p.Text = fmt.Sprintf("The check digit at position 9 is %c but must be %c: at least one character is wrong.", v[8], want)
			}
			out = append(out, p)
		}
	}
	return out
}

func count(n int) string {
	if n == 1 {
		return "The text has 1 character"
	}
	return fmt.Sprintf("The text has %d characters", n)
}

func lookalike(c byte) string {
	if c == 'I' {
		return "1"
	}
	return "0"
}

// invalidUTF8 is the 1-based position of the first byte that is not UTF-8, or
// 0.
func invalidUTF8(s string) int {
	if utf8.ValidString(s) {
		return 0
	}
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd") {
			return i + 1
		}
	}
	return 0
}

// checkDigitMandatory says whether the WMI belongs to a region whose law
// demands the check digit.
func checkDigitMandatory(v VIN) bool {
	return northAmerica(v) || chinese(v)
}

// northAmerica says whether the WMI is one of the United States, Canada or
// Mexico, where 49 CFR 565 (or its like) fixes positions 7, 9 and 10.
func northAmerica(v VIN) bool {
	if len(v) < 2 {
		return false
	}
	if v[0] == '7' {
		return v[1] >= 'F' || v[1] <= '9' // 7A–7E is New Zealand
	}
	return v[0] >= '1' && v[0] <= '5'
}

// chinese says whether the WMI is one of China's (L, and H since 2021).
func chinese(v VIN) bool {
	return len(v) > 0 && (v[0] == 'L' || v[0] == 'H')
}

// transliteration gives the value of each character in the check digit's sum
// (49 CFR 565.15, table III), -1 where a character is not allowed.
var transliteration = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i := range 10 {
		t['0'+i] = int8(i)
	}
	for i, c := range "ABCDEFGH" {
		t[c] = int8(i + 1)
	}
	for i, c := range "JKLMN" {
		t[c] = int8(i + 1)
	}
	t['P'], t['R'] = 7, 9
	for i, c := range "STUVWXYZ" {
		t[c] = int8(i + 2)
	}
	return t
}()

var weights = [Length]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}

func value(c byte) int { return int(transliteration[c]) }

// CheckDigit computes what position 9 must be (0–9 or X) from the other
// sixteen characters by 49 CFR 565.15. It is false where v has not 17
// characters or one of the sixteen is not allowed in a VIN.
func CheckDigit(v string) (byte, bool) {
	if len(v) != Length {
		return 0, false
	}
	sum := 0
	for i := range Length {
		if i == 8 {
			continue
		}
		d := value(v[i])
		if d < 0 {
			return 0, false
		}
		sum += d * weights[i]
	}
	if sum %= 11; sum < 10 {
		return byte('0' + sum), true
	}
	return 'X', true
}
