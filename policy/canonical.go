package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// writer writes JSON objects with keys in the order given.
type writer struct {
	bytes.Buffer
	first bool
}

func (w *writer) open()  { w.WriteByte('{'); w.first = true }
func (w *writer) close() { w.WriteByte('}'); w.first = false }

func (w *writer) key(k string) {
	if !w.first {
		w.WriteByte(',')
	}
	w.first = false
	w.str(k)
	w.WriteByte(':')
}

// str writes a string; HTML is not escaped, so that words stay readable.
func (w *writer) str(s string) {
	if plainJSON(s) {
		w.WriteByte('"')
		w.WriteString(s)
		w.WriteByte('"')
		return
	}
	enc := json.NewEncoder(&w.Buffer)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes, a buffer always takes it
	w.Truncate(w.Len() - 1)
}

// plainJSON says whether a string stands in JSON as it is. Those with a byte
// that begins the line separators U+2028 and U+2029 are left to the encoder.
func plainJSON(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == 0xe2 {
			return false
		}
	}
	return utf8.ValidString(s)
}

func (w *writer) field(k, s string) {
	if s != "" {
		w.key(k)
		w.str(s)
	}
}

func (w *writer) strings(k string, list []string) {
	if len(list) == 0 {
		return
	}
	w.key(k)
	w.WriteByte('[')
	for i, s := range list {
		if i > 0 {
			w.WriteByte(',')
		}
		w.str(s)
	}
	w.WriteByte(']')
}

func (w *writer) words(k string, langs map[string]string) {
	var names []string
	for n := range langs {
		names = append(names, n)
	}
	slices.Sort(names)
	w.key(k)
	w.open()
	for _, n := range names {
		w.field(n, langs[n])
	}
	w.close()
}

// canonical writes a document in its one form.
func canonical(d *document) []byte {
	w := &writer{}
	w.open()
	w.field("policy", d.id)
	w.field("version", d.version)
	w.field("title", d.title)
	w.field("status", d.status)
	w.field("default", d.floor.String())
	w.strings("postures", d.postures)
	w.strings("may_change", d.mayChange)
	w.strings("omits", d.omits)
	if len(d.params) > 0 {
		w.key("parameters")
		w.open()
		for _, p := range d.params {
			w.key(p.name)
			w.open()
			w.key("value")
			switch p.node.Tag {
			case "!!int", "!!float", "!!bool":
				w.WriteString(p.text)
			default:
				w.str(p.text)
			}
			w.field("words", p.words)
			w.close()
		}
		w.close()
	}
	if len(d.conditions) > 0 {
		w.key("conditions")
		w.open()
		for _, c := range d.conditions {
			w.words(c.id, c.langs)
		}
		w.close()
	}
	w.key("rules")
	w.WriteByte('[')
	for i, r := range d.rules {
		if i > 0 {
			w.WriteString(",\n")
		}
		w.rule(r)
	}
	w.WriteByte(']')
	w.close()
	w.WriteByte('\n')
	return w.Bytes()
}

func (w *writer) rule(r *ruleDoc) {
	w.open()
	w.field("id", r.id)
	w.field("title", r.title)
	w.field("outcome", r.outcome.String())
	if r.ifUnknown != 0 {
		w.field("if_unknown", r.ifUnknown.String())
	}
	if r.moments != onEntry {
		w.strings("applies_on", r.moments.names())
	}
	w.key("instrument")
	w.open()
	in := r.instrument
	w.field("id", in.ID)
	w.field("authority", in.Authority)
	w.field("title", in.Title)
	w.field("status", in.Status)
	w.field("quote", in.Quote)
	w.field("link", in.Link)
	w.field("date", in.Date)
	w.field("from", in.From)
	w.field("to", in.To)
	w.close()
	w.field("presumption", r.presumption)
	w.key("when")
	w.cond(r.when)
	w.strings("conditions", r.conditions)
	w.field("work_item", r.workItem)
	w.strings("lifts", r.lifts)
	if e := r.exemption; e != nil {
		w.key("exemption")
		w.open()
		w.field("holder", e.Holder)
		w.field("issuer", e.Issuer)
		w.field("number", e.Number)
		w.close()
	}
	w.words("say", r.say)
	if len(r.ask) > 0 {
		w.key("ask")
		w.open()
		for f := range factCount {
			w.field(f.info().name, r.ask[f])
		}
		w.close()
	}
	w.close()
}

func (w *writer) cond(c *cond) {
	w.open()
	switch c.op {
	case opAll, opAny:
		w.key(opNames[c.op])
		w.WriteByte('[')
		for i, k := range c.kids {
			if i > 0 {
				w.WriteByte(',')
			}
			w.cond(k)
		}
		w.WriteByte(']')
	case opKnown, opUnknown:
		w.field(opNames[c.op], c.fact.info().name)
	case opAtom:
		w.field("fact", c.fact.info().name)
		w.key(testNames[c.test])
		w.operand(c)
	default:
		w.key(opNames[c.op])
		w.cond(c.kids[0])
	}
	w.close()
}

func (w *writer) operand(c *cond) {
	switch {
	case c.param != "":
		w.str("$" + c.param)
	case c.test == testIn:
		w.WriteByte('[')
		for i, v := range c.vals {
			if i > 0 {
				w.WriteByte(',')
			}
			w.value(c, v)
		}
		w.WriteByte(']')
	case c.test == testControlledFrom || c.test == testShareFrom:
		w.open()
		w.field("country", c.vals[0].text)
		w.key("at_least")
		w.WriteString(strconv.FormatFloat(c.pct, 'f', -1, 64))
		w.close()
	default:
		w.value(c, c.vals[0])
	}
}

func (w *writer) value(c *cond, v value) {
	switch {
	case c.test == testOwnerResolved || !c.test.supply() && c.fact.kind() == kindBool:
		w.WriteString(strconv.FormatBool(v.num == 1))
	case !c.test.supply() && (c.fact.kind() == kindInt || c.fact.kind() == kindCount || c.fact.kind() == kindPosture && v.text == ""):
		w.WriteString(strconv.FormatInt(v.num, 10))
	default:
		w.str(valueWords(c.fact, c.test, v))
	}
}

// valueWords is a value as a rule file or a person writes it.
func valueWords(f factID, t test, v value) string {
	if t.supply() || t == testInclude || v.text != "" {
		return v.text
	}
	return numberWords(f.kind(), v.num)
}

// numberWords is a number of a fact as a rule file or a person writes it.
func numberWords(k factKind, x int64) string {
	switch k {
	case kindBool:
		return strconv.FormatBool(x == 1)
	case kindZone:
		return Zone(x).String()
	case kindCertainty:
		return Certainty(x).String()
	case kindDate:
		return time.Unix(x*daySeconds, 0).UTC().Format(time.DateOnly)
	case kindTime:
		return fmt.Sprintf("%02d:%02d", x/60, x%60)
	default:
		return strconv.FormatInt(x, 10)
	}
}

// describe puts a condition into English.
func (p *Policy) describe(c *cond) string {
	join := func(sep string) string {
		var parts []string
		for _, k := range c.kids {
			s := p.describe(k)
			if len(c.kids) > 1 && (k.op == opAll || k.op == opAny) && len(k.kids) > 1 {
				s = "(" + s + ")"
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, sep)
	}
	switch c.op {
	case opAll:
		return join(" and ")
	case opAny:
		return join(" or ")
	case opNot:
		return "not (" + join("") + ")"
	case opSurely:
		return "for certain (" + join("") + ")"
	case opAnyModule:
		return "some module: (" + join("") + ")"
	case opEveryModule:
		return "every module: (" + join("") + ")"
	case opAnyKnownModule:
		return "some module whose maker is known: (" + join("") + ")"
	case opAnyDevice:
		return "some fitted or carried device: (" + join("") + ")"
	case opKnown:
		return c.fact.info().name + " is known"
	case opUnknown:
		return c.fact.info().name + " is not known"
	}
	return c.fact.info().name + " " + p.describeTest(c)
}

func (p *Policy) describeTest(c *cond) string {
	words := make([]string, len(c.vals))
	for i, v := range c.vals {
		words[i] = valueWords(c.fact, c.test, v)
	}
	list := strings.Join(words, ", ")
	pct := strconv.FormatFloat(c.pct, 'f', -1, 64)
	switch c.test {
	case testIs:
		return "is " + list
	case testIn:
		return "is one of " + list
	case testAtLeast:
		return "is at least " + list
	case testAtMost:
		return "is at most " + list
	case testLess:
		return "is less than " + list
	case testMore:
		return "is more than " + list
	case testBefore:
		return "is before " + list
	case testOnOrAfter:
		return "is on or after " + list
	case testInclude:
		return "include " + list + ", in date"
	case testControlledFrom:
		return "is under control (" + pct + " % or more) from " + list
	case testShareFrom:
		return "has holders from " + list + " with " + pct + " % or more together"
	case testListedOn:
		return "is on the list " + list
	case testDesignFrom:
		return "builds on design, licence or firmware from " + list
	case testTrustedBy:
		return "is called trusted on the list " + list + ", in date"
	case testLicenceFrom:
		return "builds under licence from " + list
	case testFirmwareBy:
		return "has its firmware or source code from " + list
	case testAuthorisedBy:
		return "is authorised by " + list + ", in date"
	default:
		if c.vals[0].num == 1 {
			return "has a resolved owner"
		}
		return "has no resolved owner"
	}
}
