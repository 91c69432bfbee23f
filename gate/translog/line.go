package translog

import (
	"bytes"
	"unicode/utf8"
)

// line is an entry in canonical form, cut into its fields without copying.
type line struct {
	seq     int64
	at      []byte // RFC 3339, UTC
	kind    []byte
	lane    []byte
	passage []byte
	row     []byte
	body    []byte
	commit  []byte // hexadecimal, or nil
}

// readLine reads an entry of the plain kind that nearly all are: in canonical
// form, without an escape in any field but the body. Of such a one it says
// what DecodeEntry would; of any other it says nothing.
// Known is what the body may be, in the form that an entry has it in: such a one
// need not be walked through.
func readLine(data, known []byte) (e line, plain bool) {
	c := scan{rest: data, ok: utf8.Valid(data)}
	c.want(`{"seq":`)
	e.seq = c.number()
	c.want(`,"at":`)
	e.at = c.text()
	c.ok = c.ok && isInstant(e.at)
	c.want(`,"kind":`)
	e.kind = c.text()
	for _, f := range []struct {
		key string
		to  *[]byte
	}{{`,"lane":`, &e.lane}, {`,"passage":`, &e.passage}, {`,"row":`, &e.row}} {
		if c.has(f.key) {
			*f.to = c.text()
			c.ok = c.ok && len(*f.to) > 0
		}
	}
	if c.has(`,"body":`) {
		before := c.rest
		if len(known) > 0 && bytes.HasPrefix(c.rest, known) {
			c.rest = c.rest[len(known):]
		} else {
			c.value(0)
		}
		e.body = before[:len(before)-len(c.rest)]
	}
	if c.has(`,"commit":`) {
		e.commit = c.text()
		c.ok = c.ok && len(e.commit) == 2*len(Commitment{})
		for _, d := range e.commit {
			c.ok = c.ok && (d >= '0' && d <= '9' || d >= 'a' && d <= 'f')
		}
	}
	c.want(`}`)
	return e, c.ok && len(c.rest) == 0
}

// isInstant tells whether a text is an instant as RFC 3339 has it, in UTC, with
// up to nine digits of a second's fraction of which the last is not zero: what
// time.RFC3339Nano writes.
func isInstant(b []byte) bool {
	const form = "0000-00-00T00:00:00"
	if len(b) < len(form)+1 || b[len(b)-1] != 'Z' {
		return false
	}
	for i := range len(form) {
		if digit := b[i] >= '0' && b[i] <= '9'; digit != (form[i] == '0') || !digit && b[i] != form[i] {
			return false
		}
	}
	two := func(at int) int { return int(b[at]-'0')*10 + int(b[at+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	days := 31
	switch month {
	case 4, 6, 9, 11:
		days = 30
	case 2:
		if days = 28; year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			days = 29
		}
	}
	if month < 1 || month > 12 || day < 1 || day > days || two(11) > 23 || two(14) > 59 || two(17) > 59 {
		return false
	}
	fraction := b[len(form) : len(b)-1]
	if len(fraction) == 0 {
		return true
	}
	if fraction[0] != '.' || len(fraction) < 2 || len(fraction) > 10 || fraction[len(fraction)-1] == '0' {
		return false
	}
	for _, d := range fraction[1:] {
		if d < '0' || d > '9' {
			return false
		}
	}
	return true
}

// scan walks compact JSON. Once ok is false it stays so.
type scan struct {
	rest []byte
	ok   bool
}

func (c *scan) has(text string) bool {
	if !c.ok || len(c.rest) < len(text) || string(c.rest[:len(text)]) != text {
		return false
	}
	c.rest = c.rest[len(text):]
	return true
}

func (c *scan) want(text string) {
	if !c.has(text) {
		c.ok = false
	}
}

// number reads a whole number that is not negative and has at most 18 digits.
func (c *scan) number() int64 {
	var n int64
	i := 0
	for i < len(c.rest) && i < 18 && c.rest[i] >= '0' && c.rest[i] <= '9' {
		n = n*10 + int64(c.rest[i]-'0')
		i++
	}
	if i == 0 || i > 1 && c.rest[0] == '0' {
		c.ok = false
		return 0
	}
	c.rest = c.rest[i:]
	return n
}

// text reads a string that has no escape and would need none: the bytes
// between its quotes.
func (c *scan) text() []byte {
	if !c.has(`"`) {
		c.ok = false
		return nil
	}
	for i, b := range c.rest {
		switch {
		case b == '"':
			s := c.rest[:i]
			c.rest = c.rest[i+1:]
			return s
		case b < ' ' || b == '\\' || b == 0xe2: // U+2028 and U+2029 begin with it
			c.ok = false
			return nil
		}
	}
	c.ok = false
	return nil
}

// deepest is how deep a body may be nested to be read here.
const deepest = 16

// value passes over one value of compact JSON.
func (c *scan) value(depth int) {
	if !c.ok || len(c.rest) == 0 || depth > deepest {
		c.ok = false
		return
	}
	switch b := c.rest[0]; {
	case b == '"':
		c.escaped()
	case b == '{':
		c.list('}', func() {
			c.escaped()
			c.want(`:`)
			c.value(depth + 1)
		})
	case b == '[':
		c.list(']', func() { c.value(depth + 1) })
	case b >= '0' && b <= '9':
		c.number()
		if c.ok && len(c.rest) > 0 {
			switch c.rest[0] {
			case '.', 'e', 'E': // no body of ours has one
				c.ok = false
			}
		}
	default:
		c.ok = c.has("true") || c.has("false") || c.has("null")
	}
}

func (c *scan) list(end byte, item func()) {
	c.rest = c.rest[1:]
	if c.has(string(end)) {
		return
	}
	for c.ok {
		item()
		if c.has(string(end)) {
			return
		}
		c.want(`,`)
	}
}

// escaped passes over a string that may have escapes.
func (c *scan) escaped() {
	if !c.has(`"`) {
		c.ok = false
		return
	}
	for i := 0; i < len(c.rest); i++ {
		switch b := c.rest[i]; {
		case b == '"':
			c.rest = c.rest[i+1:]
			return
		case b < ' ':
			c.ok = false
			return
		case b == '\\':
			i++
			if i >= len(c.rest) || bytes.IndexByte([]byte(`"\/bfnrt`), c.rest[i]) < 0 { // \u is for DecodeEntry
				c.ok = false
				return
			}
		}
	}
	c.ok = false
}
