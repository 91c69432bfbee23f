package policy

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// The keys of a rule file, in the order in which the layout writes them.
var (
	documentKeys   = []string{"policy", "version", "title", "status", "default", "postures", "may_change", "omits", "parameters", "conditions", "rules", "examples"}
	ruleKeys       = []string{"id", "title", "outcome", "if_unknown", "applies_on", "instrument", "presumption", "when", "conditions", "work_item", "lifts", "exemption", "ask", "say"}
	instrumentKeys = []string{"id", "authority", "title", "status", "quote", "link", "date", "from", "to"}
	exemptionKeys  = []string{"holder", "issuer", "number"}
	parameterKeys  = []string{"value", "words"}
	shareKeys      = []string{"country", "at_least"}
)

// lineWidth is how long a line the layout puts a list or a condition on.
const lineWidth = 100

// ErrFormat says that a rule file could not be laid out anew without losing a
// comment or changing what it says. The file is then best left as it is.
var ErrFormat = errors.New("the rule file cannot be laid out anew")

// Format writes a rule file in its one layout: keys in fixed order, short lists
// and conditions on one line, an empty line before every rule. Comments are
// kept, examples stay as they were written, and the policy keeps its hash.
// Formatting twice is formatting once. The error is Load's Problems, or wraps
// ErrFormat.
func Format(src []byte) ([]byte, error) {
	before, err := Load("policy", src)
	if err != nil {
		return nil, err
	}
	out := src
	for range 8 {
		next, err := layOut(out)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(next, out) {
			return sameAs(before, src, out)
		}
		out = next
	}
	return nil, fmt.Errorf("%w: its comments do not come to rest", ErrFormat)
}

// sameAs gives out where it says what the source says.
func sameAs(before *Policy, src, out []byte) ([]byte, error) {
	after, err := Load("policy", out)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if after.Hash() != before.Hash() {
		return nil, fmt.Errorf("%w: it would be another policy", ErrFormat)
	}
	was, is := commentsOf(src), commentsOf(out)
	for _, c := range was {
		k := slices.Index(is, c)
		if k < 0 {
			return nil, fmt.Errorf("%w: the comment %q would be lost; move it to a line of its own before a key", ErrFormat, clip(c))
		}
		is = slices.Delete(is, k, k+1)
	}
	if len(is) > 0 {
		return nil, fmt.Errorf("%w: the comment %q would stand twice", ErrFormat, clip(is[0]))
	}
	return out, nil
}

func layOut(src []byte) ([]byte, error) {
	l := &loader{name: "policy"}
	if l.parse(src) == nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, l.problems.sorted())
	}
	doc := l.doc
	layDocument(doc.Content[0])
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return airy(b.Bytes()), nil
}

// pairs are the values of a mapping by their keys.
func pairs(n *yaml.Node) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		out[n.Content[i].Value] = n.Content[i+1]
	}
	return out
}

// arrange brings a mapping's keys into an order, in block style.
func arrange(n *yaml.Node, order []string) map[string]*yaml.Node {
	type pair struct{ key, val *yaml.Node }
	var list []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		n.Content[i].Style = 0
		list = append(list, pair{n.Content[i], n.Content[i+1]})
	}
	place := func(p pair) int {
		if i := slices.Index(order, p.key.Value); i >= 0 {
			return i
		}
		return len(order)
	}
	foot := ""
	if len(list) > 0 { // what stands below the mapping stays below it
		last := list[len(list)-1].key
		foot, last.FootComment = last.FootComment, ""
	}
	slices.SortStableFunc(list, func(a, b pair) int { return place(a) - place(b) })
	if len(list) > 0 {
		last := list[len(list)-1].key
		last.FootComment = both(last.FootComment, foot)
	}
	n.Content, n.Style = n.Content[:0], 0
	for _, p := range list {
		n.Content = append(n.Content, p.key, p.val)
	}
	return pairs(n)
}

// both are the comments of two places, one after the other.
func both(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n" + b
}

// above puts comments beside a list or mapping above it: beside one that stands
// on a line of its own there is no place.
func above(n *yaml.Node) {
	for i, c := range n.Content {
		above(c)
		if c.Kind == yaml.ScalarNode || c.LineComment == "" {
			continue
		}
		to := c
		if n.Kind == yaml.MappingNode {
			to = n.Content[i&^1]
		}
		to.HeadComment, c.LineComment = both(to.HeadComment, c.LineComment), ""
	}
}

func layDocument(n *yaml.Node) {
	above(n)
	f := arrange(n, documentKeys)
	for k, v := range f {
		switch k {
		case "postures", "may_change":
			layList(v)
		case "omits":
			layWords(v)
			v.Style = 0
		case "parameters":
			v.Style = 0
			for _, p := range pairs(v) {
				layWords(p)
				arrange(p, parameterKeys)
			}
		case "conditions":
			v.Style = 0
			for _, w := range pairs(v) {
				layWords(w)
				w.Style = 0
			}
		case "rules":
			v.Style = 0
			for _, r := range v.Content {
				layRule(r)
			}
		case "examples":
		default:
			layWords(v)
		}
	}
}

func layRule(n *yaml.Node) {
	for k, v := range arrange(n, ruleKeys) {
		layWords(v)
		switch k {
		case "instrument":
			arrange(v, instrumentKeys)
			oneLine(v)
		case "exemption":
			arrange(v, exemptionKeys)
			oneLine(v)
		case "applies_on", "conditions", "lifts":
			layList(v)
		case "when":
			layCond(v)
		case "ask", "say":
			v.Style = 0
		}
	}
}

// layCond puts a condition on one line where it fits, with its fact first.
func layCond(n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		arrange(n, append([]string{"fact"}, shareKeys...))
	case yaml.SequenceNode:
		n.Style = 0
	}
	for _, c := range n.Content {
		layCond(c)
	}
	oneLine(n)
}

// layList puts a list of words on one line where it fits.
func layList(n *yaml.Node) {
	layWords(n)
	n.Style = 0
	oneLine(n)
}

// layWords writes every word and sentence below n on one line, plainly where
// that can be read back. White space in a rule file's words has no meaning.
func layWords(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		n.Style, n.Value = 0, strings.Join(strings.Fields(n.Value), " ")
	}
	for _, c := range n.Content {
		layWords(c)
	}
}

// oneLine writes a collection in flow style where it is short and holds no
// comment.
func oneLine(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		return
	}
	above := n.HeadComment // stays above it
	n.HeadComment = ""
	if w, ok := width(n); ok && w <= lineWidth {
		flow(n)
	}
	n.HeadComment = above
}

func flow(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	for _, c := range n.Content {
		flow(c)
	}
}

// width is about how many characters a node takes on one line.
func width(n *yaml.Node) (int, bool) {
	if n.HeadComment+n.LineComment+n.FootComment != "" {
		return 0, false
	}
	w := 2
	if n.Kind == yaml.ScalarNode {
		w = utf8.RuneCountInString(n.Value)
	}
	for _, c := range n.Content {
		k, ok := width(c)
		if !ok {
			return 0, false
		}
		w += k + 2
	}
	return w, true
}

// airy puts an empty line before every rule and every part of the document that
// takes several lines, above the comments on it, and after the comments that
// open the file; elsewhere there is none. Examples stay as they are.
func airy(src []byte) []byte {
	lines := strings.Split(strings.TrimRight(string(src), "\n"), "\n")
	var out, comments []string
	for i, line := range lines {
		text := strings.TrimLeft(line, " ")
		indent := len(line) - len(text)
		switch {
		case text == "":
			continue
		case text[0] == '#':
			comments = append(comments, line)
			continue
		}
		own := len(comments) // those from here on are on this line
		for own > 0 && strings.HasPrefix(comments[own-1][min(indent, len(comments[own-1])):], "#") {
			own--
		}
		out = append(out, comments[:own]...)
		begins := indent == 0 && strings.HasSuffix(line, ":") || indent == 2 && strings.HasPrefix(text, "- id:")
		if n := len(out); begins && n > 0 && out[n-1] != "rules:" {
			out = append(out, "")
		}
		first := len(out) == 0 && len(comments) > 0
		out = append(out, comments[own:]...)
		if first {
			out = append(out, "")
		}
		comments = comments[:0]
		if strings.HasPrefix(line, "examples:") {
			out = append(out, lines[i:]...)
			break
		}
		out = append(out, line)
	}
	return []byte(strings.Join(append(out, comments...), "\n") + "\n")
}

// commentsOf finds the comments of a rule file, in order.
func commentsOf(src []byte) []string {
	var out []string
	quote, block := byte(0), -1 // inside quotes; inside a text whose lines stand further in than block
	for line := range strings.Lines(string(src)) {
		line = strings.TrimRight(line, "\r\n")
		text := strings.TrimLeft(line, " ")
		if block >= 0 && (text == "" || len(line)-len(text) > block) {
			continue
		}
		block = -1
		before, end := byte(':'), len(line) // before is the last character that is not white space
		for i := 0; i < len(line); i++ {
			c := line[i]
			switch {
			case quote == '"' && c == '\\':
				i++
			case quote == '\'' && c == quote && i+1 < len(line) && line[i+1] == quote:
				i++
			case quote != 0 && c == quote:
				quote, before = 0, c
			case quote != 0:
			case (c == '"' || c == '\'') && strings.IndexByte(":,[{-?", before) >= 0:
				quote = c
			case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
				out = append(out, strings.TrimSpace(line[i:]))
				end, i = i, len(line)
			case c != ' ' && c != '\t':
				before = c
			}
		}
		head := strings.TrimRight(line[:end], " +-0123456789")
		if quote == 0 && (strings.HasSuffix(head, ": |") || strings.HasSuffix(head, ": >") || strings.HasSuffix(head, "- |") || strings.HasSuffix(head, "- >")) {
			block = len(line) - len(text)
			for strings.HasPrefix(text, "- ") && !strings.HasPrefix(text, "- |") && !strings.HasPrefix(text, "- >") {
				text = strings.TrimLeft(text[2:], " ")
				block = len(line) - len(text)
			}
		}
	}
	return out
}
