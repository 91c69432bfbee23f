package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// ErrJSON says that bytes are not the JSON text they should be. It does not
// say what they were.
var ErrJSON = errors.New("not JSON")

// maxDepth is how deep arrays and objects may be nested. Kismet's records, the
// deepest known, stay below 16.
const maxDepth = 64

// Object walks the one JSON object that b holds and calls visit for each
// member, in order, with the bytes between the quotes of its key and with its
// value as written. Both are parts of b. A key is not unescaped: names that are
// white-listed have no escape. A member that comes twice is visited twice. The
// whole of b is checked against RFC 8259, but for the UTF-8 of its strings; on
// an error some members have been visited already.
func Object(b []byte, visit func(key, value []byte)) error {
	return Nested(b, nil, visit)
}

// Nested does the same, and walks an object whose key into names, instead of
// visiting it, with the same visit: it is read once only, however deep it lies.
func Nested(b []byte, into func(key []byte) bool, visit func(key, value []byte)) error {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return ErrJSON
	}
	end := members(b, i, 1, into, visit)
	if end < 0 || space(b, end) != len(b) {
		return ErrJSON
	}
	return nil
}

// Valid tells whether b holds one JSON value and nothing else.
func Valid(b []byte) bool {
	end := value(b, space(b, 0), 0)
	return end >= 0 && space(b, end) == len(b)
}

// String is the text of a JSON string. Without escapes it is a part of v.
func String(v []byte) ([]byte, bool) {
	if len(v) < 2 || v[0] != '"' {
		return nil, false
	}
	in := v[1 : len(v)-1]
	if bytes.IndexByte(in, '\\') < 0 {
		return in, true
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return nil, false
	}
	return []byte(s), true
}

// Number is the value of a JSON number.
func Number(v []byte) (float64, bool) {
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(v), 64)
	return n, err == nil
}

// Quoted is the value of a JSON number, or of a string that holds one: several
// programs write numbers as strings.
func Quoted(v []byte) (float64, bool) {
	if s, ok := String(v); ok {
		v = s
	}
	return Number(v)
}

// The functions below take the place of a value in b and return the place after
// it, or -1.

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

func value(b []byte, i, depth int) int {
	if i < 0 || i >= len(b) || depth > maxDepth {
		return -1
	}
	switch c := b[i]; c {
	case '{':
		return members(b, i, depth+1, nil, nil)
	case '[':
		return elements(b, i, depth+1)
	case '"':
		return text(b, i)
	case 't':
		return literal(b, i, "true")
	case 'f':
		return literal(b, i, "false")
	case 'n':
		return literal(b, i, "null")
	default:
		return number(b, i)
	}
}

func members(b []byte, i, depth int, into func(key []byte) bool, visit func(key, value []byte)) int {
	if i = space(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1
	}
	for i < len(b) && b[i] == '"' {
		end := text(b, i)
		if end < 0 {
			return -1
		}
		key := b[i+1 : end-1]
		if i = space(b, end); i >= len(b) || b[i] != ':' {
			return -1
		}
		i = space(b, i+1)
		if into != nil && i < len(b) && b[i] == '{' && depth < maxDepth && into(key) {
			end = members(b, i, depth+1, into, visit)
		} else if end = value(b, i, depth); end >= 0 && visit != nil {
			visit(key, b[i:end])
		}
		if end < 0 {
			return -1
		}
		if i = space(b, end); i >= len(b) {
			return -1
		}
		switch b[i] {
		case '}':
			return i + 1
		case ',':
			i = space(b, i+1)
		default:
			return -1
		}
	}
	return -1
}

func elements(b []byte, i, depth int) int {
	if i = space(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		end := value(b, i, depth)
		if end < 0 {
			return -1
		}
		if i = space(b, end); i >= len(b) {
			return -1
		}
		switch b[i] {
		case ']':
			return i + 1
		case ',':
			i = space(b, i+1)
		default:
			return -1
		}
	}
}

func text(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			if i++; i >= len(b) {
				return -1
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; i >= len(b) || !isHex(b[i]) {
						return -1
					}
				}
			default:
				return -1
			}
		}
	}
	return -1
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func literal(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

func number(b []byte, i int) int {
	digits := func() bool {
		from := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}
