package build

import (
	"fmt"
	"math/big"
	"strings"
)

// convert applies a formula of vPIC's Conversion, `#x# * n` or `#x# / n`, to
// the text of a value. The answer has the digits that PostgreSQL's numeric
// type gives; a text that is no number gives "0", as NHTSA's procedure does.
func convert(formula, x string) (string, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(formula), "#x#")
	rest = strings.TrimSpace(rest)
	if !ok || rest == "" || rest[0] != '*' && rest[0] != '/' {
		return "", fmt.Errorf("formula %q is not of the form `#x# * n` or `#x# / n`", formula)
	}
	n, err := parseNumeric(strings.TrimSpace(rest[1:]))
	if err != nil {
		return "", fmt.Errorf("formula %q: %w", formula, err)
	}
	v, err := parseNumeric(strings.TrimSpace(x))
	if err != nil {
		return "0", nil //nolint:nilerr // NHTSA's procedure swallows the failure too
	}
	if rest[0] == '*' {
		v.Rat.Mul(&v.Rat, &n.Rat)
		return v.Rat.FloatString(v.scale + n.scale), nil
	}
	if n.Rat.Sign() == 0 {
		return "0", nil
	}
	scale := divisionScale(v, n)
	v.Rat.Quo(&v.Rat, &n.Rat)
	return v.Rat.FloatString(scale), nil
}

// numeric is a decimal number with the digits after its point counted.
type numeric struct {
	big.Rat
	scale         int
	weight, first int // of the leading digit in base 10,000
}

// parseNumeric reads a plain decimal number.
func parseNumeric(s string) (*numeric, error) {
	whole, frac, _ := strings.Cut(s, ".")
	digits := strings.TrimLeft(whole, "+-")
	if digits+frac == "" || strings.Trim(digits+frac, "0123456789") != "" || len(whole)-len(digits) > 1 || len(s) > 64 {
		return nil, fmt.Errorf("%q is not a decimal number", s)
	}
	n := &numeric{scale: len(frac)}
	if _, ok := n.SetString("0" + digits + "." + frac + "0"); !ok {
		return nil, fmt.Errorf("%q is not a decimal number", s)
	}
	if strings.HasPrefix(whole, "-") {
		n.Neg(&n.Rat)
	}
	// group into base-10,000 digits around the point
	for len(digits)%4 != 0 {
		digits = "0" + digits
	}
	for len(frac)%4 != 0 {
		frac += "0"
	}
	all := digits + frac
	for i := 0; i < len(all); i += 4 {
		d := 0
		for _, c := range all[i : i+4] {
			d = d*10 + int(c-'0')
		}
		if d != 0 {
			n.weight, n.first = len(digits)/4-1-i/4, d
			break
		}
	}
	return n, nil
}

// divisionScale is how many digits after the point PostgreSQL gives a
// quotient (select_div_scale in numeric.c): at least 16 significant ones.
func divisionScale(a, b *numeric) int {
	weight := a.weight - b.weight
	if a.first <= b.first {
		weight--
	}
	return min(1000, max(16-4*weight, a.scale, b.scale, 0))
}
