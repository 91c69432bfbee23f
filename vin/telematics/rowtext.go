package telematics

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Rows are read from their lines by the reader below and not by encoding/json:
// a catalogue of 100,000 rows is checked whole when it is opened, and with
// encoding/json that takes seconds. A row keeps no copy of what it reads, its
// strings lie in the line.

var errEnd = errors.New("the line ends within the row")

// rowReader reads one JSON object of known fields.
type rowReader struct {
	s string
	i int
}

// readRow reads a row from its line. The row's slices are reused; what the line
// does not name is emptied. It refuses what json.Unmarshal would refuse, and
// fields that a row does not have.
func readRow(line string, r *Row) error {
	*r = Row{Makes: r.Makes[:0], Models: r.Models[:0], Markets: r.Markets[:0], TCUParts: r.TCUParts[:0], Approvals: r.Approvals[:0]}
	if !utf8.ValidString(line) {
		return errors.New("it is not UTF-8")
	}
	p := rowReader{s: line}
	err := p.object(r)
	if err == nil {
		if p.space(); p.i < len(p.s) {
			err = errors.New("something follows the row")
		}
	}
	if err != nil {
		return fmt.Errorf("byte %d: %w", p.i+1, err)
	}
	return nil
}

func (p *rowReader) field(key string, r *Row) error {
	switch key {
	case "makes":
		return p.list(&r.Makes)
	case "models":
		return p.list(&r.Models)
	case "period":
		return p.text(&r.Period)
	case "from":
		return p.number(&r.From)
	case "to":
		return p.number(&r.To)
	case "since":
		return p.text(&r.Since)
	case "until":
		return p.text(&r.Until)
	case "circa":
		return p.boolean(&r.Circa)
	case "build":
		return p.boolean(&r.Build)
	case "markets":
		return p.list(&r.Markets)
	case "market":
		return p.text(&r.Market)
	case "role":
		return p.text(&r.Role)
	case "optional":
		return p.boolean(&r.Optional)
	case "tcu_maker":
		return p.text(&r.TCUMaker)
	case "tcu_name":
		return p.text(&r.TCUName)
	case "tcu_parts":
		return p.list(&r.TCUParts)
	case "approvals":
		return p.list(&r.Approvals)
	case "tac":
		return p.text(&r.TAC)
	case "usb":
		return p.text(&r.USB)
	case "maker":
		return p.text(&r.Maker)
	case "model":
		return p.text(&r.Model)
	case "also":
		return p.text(&r.Also)
	case "chip_down":
		return p.boolean(&r.ChipDown)
	case "chipset":
		return p.text(&r.Chipset)
	case "generation":
		return p.text(&r.Generation)
	case "resolves":
		return p.text(&r.Resolves)
	case "id":
		return p.text(&r.ID)
	case "title":
		return p.text(&r.Title)
	case "source":
		return p.text(&r.Address)
	case "quote":
		return p.text(&r.Quote)
	case "date":
		return p.text(&r.Date)
	case "certainty":
		var word string
		if err := p.text(&word); err != nil {
			return err
		}
		return r.Certainty.read(word)
	case "evidence_class":
		return p.text(&r.EvidenceClass)
	case "note":
		return p.text(&r.Note)
	case "reply":
		return p.text(&r.Reply)
	case "reason":
		return p.text(&r.Reason)
	}
	return fmt.Errorf("a row has no field %q", key)
}

func (p *rowReader) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\r' || p.s[p.i] == '\n') {
		p.i++
	}
}

// expect passes over white space and one character.
func (p *rowReader) expect(c byte) error {
	if p.space(); p.i >= len(p.s) {
		return errEnd
	}
	if p.s[p.i] != c {
		return fmt.Errorf("%q stands where %q belongs", p.s[p.i], c)
	}
	p.i++
	return nil
}

// next says whether c follows, and passes over it.
func (p *rowReader) next(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *rowReader) object(r *Row) error {
	if err := p.expect('{'); err != nil {
		return err
	}
	if p.next('}') {
		return nil
	}
	for {
		var key string
		if err := p.text(&key); err != nil {
			return err
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		if err := p.field(key, r); err != nil {
			return err
		}
		if p.next('}') {
			return nil
		}
		if err := p.expect(','); err != nil {
			return err
		}
	}
}

func (p *rowReader) list(to *[]string) error {
	*to = (*to)[:0]
	if err := p.expect('['); err != nil {
		return err
	}
	if p.next(']') {
		return nil
	}
	for {
		var s string
		if err := p.text(&s); err != nil {
			return err
		}
		*to = append(*to, s)
		if p.next(']') {
			return nil
		}
		if err := p.expect(','); err != nil {
			return err
		}
	}
}

// special are the bytes that end the plain part of a string.
var special = func() (t [256]bool) {
	for c := range 0x20 {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// plain passes over the plain part of a string, eight bytes at a time while
// there are as many: most of a catalogue is prose.
func (p *rowReader) plain() {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	s, i := p.s, p.i
	for ; i+8 <= len(s); i += 8 {
		w := s[i : i+8]
		x := uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 | uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
		quote, slash := x^'"'*ones, x^'\\'*ones
		// The top bit of each byte that is a quote, a backslash or below a
		// space; those above the lowest such byte may be wrong.
		if m := ((quote-ones)&^quote | (slash-ones)&^slash | (x-' '*ones)&^x) & tops; m != 0 {
			p.i = i + bits.TrailingZeros64(m)/8
			return
		}
	}
	for i < len(s) && !special[s[i]] {
		i++
	}
	p.i = i
}

func (p *rowReader) text(to *string) error {
	if err := p.expect('"'); err != nil {
		return err
	}
	start, escaped := p.i, false
	for {
		p.plain()
		if p.i >= len(p.s) {
			break
		}
		switch p.s[p.i] {
		case '\\':
			escaped = true
			p.i += 2
		case '"':
			p.i++
			if !escaped {
				*to = p.s[start : p.i-1]
				return nil
			}
			return unescape(p.s[start:p.i-1], to)
		default:
			return errors.New("a control character stands in a string")
		}
	}
	p.i = len(p.s)
	return errEnd
}

// unescape takes the escapes out of a string (RFC 8259, section 7). As
// encoding/json does, it puts U+FFFD for a lone surrogate.
func unescape(s string, to *string) error {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		i++ // the string does not end with a backslash: it would have gone on
		if at := strings.IndexByte(`"\/bfnrt`, s[i]); at >= 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[at])
			continue
		}
		r, ok := hex4(s, i)
		if !ok {
			return fmt.Errorf("%q is not an escape", s[i-1:min(i+5, len(s))])
		}
		i += 4
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), false
			if strings.HasPrefix(s[i+1:], `\u`) {
				low, ok = hex4(s, i+2)
			}
			if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
				i += 6
			}
		}
		b = utf8.AppendRune(b, r)
	}
	*to = string(b)
	return nil
}

// hex4 reads uXXXX at an offset.
func hex4(s string, i int) (rune, bool) {
	if i+5 > len(s) || s[i] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[i+1:i+5], 16, 16)
	return rune(n), err == nil && s[i+1] != '+' && s[i+1] != '_'
}

// number reads a whole number of up to nine digits.
func (p *rowReader) number(to *int) error {
	p.space()
	start, n, sign := p.i, 0, 1
	if p.i < len(p.s) && p.s[p.i] == '-' {
		sign = -1
		p.i++
	}
	digits := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' && p.i-digits < 9 {
		n = n*10 + int(p.s[p.i]-'0')
		p.i++
	}
	if p.i == digits || p.s[digits] == '0' && p.i > digits+1 {
		p.i = start
		return errors.New("a whole number belongs here")
	}
	*to = sign * n
	return nil
}

func (p *rowReader) boolean(to *bool) error {
	p.space()
	switch rest := p.s[p.i:]; {
	case strings.HasPrefix(rest, "true"):
		*to = true
		p.i += len("true")
	case strings.HasPrefix(rest, "false"):
		*to = false
		p.i += len("false")
	default:
		return errors.New("true or false belongs here")
	}
	return nil
}
