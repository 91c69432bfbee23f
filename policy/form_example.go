package policy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// FormCase is a case that somebody puts together in a form.
type FormCase struct {
	Name, Why string
	Moment    string     // empty is on entry
	Facts     []FormFact // those of a module make one unit that is fitted
	Told      []FormTold
	Request   []FormFact // of a case that goes through the reference data: vin, class, zone, at, market
	Outcome   string
	Rule      string // empty: not asked for
}

// FormFact is one thing that a case says.
type FormFact struct{ Fact, Value string }

// FormTold is what a case says of who stands behind a party.
type FormTold struct {
	Party, Asks, Arg string // whom, controlled_from …, of which country, list or authority
	Answer           string // true, false, unknown
}

func (c FormCase) node() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	setKey(n, "name", textNode(c.Name))
	setKey(n, "why", wordNode(c.Why))
	flat := func() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle} }
	value := func(fact, s string) *yaml.Node {
		v := textNode(s)
		if f, ok := factByName(fact); ok && plainValue(f.kind(), s) {
			v.Tag = ""
		}
		return v
	}
	if len(c.Request) > 0 {
		q := flat()
		for _, f := range c.Request {
			setKey(q, f.Fact, wordNode(f.Value))
		}
		setKey(n, "request", q)
	} else {
		facts, unit := flat(), flat()
		setKey(facts, "moment", wordNode(c.Moment))
		for _, f := range c.Facts {
			switch at, ok := factByName(f.Fact); {
			case f.Fact == "" && f.Value == "":
			case ok && at.module():
				setKey(unit, f.Fact, value(f.Fact, f.Value))
			case ok && at.kind() == kindAuthorisation:
				setKey(facts, f.Fact, &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{textNode(f.Value)}})
			default:
				setKey(facts, f.Fact, value(f.Fact, f.Value))
			}
		}
		if len(unit.Content) > 0 {
			if pairs(unit)[factTable[fModuleRole].name] == nil {
				setKey(unit, factTable[fModuleRole].name, textNode(roleNames[0]))
			}
			setKey(unit, "fitted", &yaml.Node{Kind: yaml.ScalarNode, Value: "true"})
			setKey(facts, "units", &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{unit}})
		}
		setKey(n, "facts", facts)
		supply := &yaml.Node{Kind: yaml.MappingNode}
		for _, t := range c.Told {
			if t.Party == "" {
				continue
			}
			p := pairs(supply)[t.Party]
			if p == nil {
				p = flat()
				setKey(supply, t.Party, p)
			}
			answer := &yaml.Node{Kind: yaml.ScalarNode, Value: t.Answer}
			if t.Asks == testNames[testOwnerResolved] {
				setKey(p, t.Asks, answer)
				continue
			}
			of := pairs(p)[t.Asks]
			if of == nil {
				of = flat()
				setKey(p, t.Asks, of)
			}
			setKey(of, t.Arg, answer)
			for i, k := range of.Content { // a country may read as a word of YAML
				if i%2 == 0 {
					k.Tag = "!!str"
				}
			}
		}
		setKey(n, "supply", filled(supply))
	}
	want := flat()
	setKey(want, "outcome", wordNode(c.Outcome))
	setKey(want, "rule", wordNode(c.Rule))
	setKey(n, "expect", want)
	return n
}

// AddExample puts a case behind the others. A first one brings the list.
func AddExample(src []byte, c FormCase) (out []byte, lost []string, err error) {
	e, err := openEdit(src)
	if err != nil {
		return nil, nil, err
	}
	column, at, head := 3, len(e.lines)+1, "\nexamples:\n"
	if list := casesOf(pairs(e.root)["examples"]); len(ofSequence(list)) > 0 {
		if list.Style&yaml.FlowStyle != 0 {
			return nil, nil, fmt.Errorf("%w: the examples do not stand one below the other", ErrForm)
		}
		column, at, head = list.Content[0].Column-2, e.form.Examples[len(e.form.Examples)-1].Last+1, ""
	} else if pairs(e.root)["examples"] != nil {
		return nil, nil, fmt.Errorf("%w: examples holds no list of cases", ErrForm)
	}
	text, err := entryText(c.node(), column)
	if err != nil {
		return nil, nil, err
	}
	return e.whole(e.put(at, 0, head+text), func(was, is *Form) bool {
		if len(is.Examples) != len(was.Examples)+1 {
			return false
		}
		was.Examples = is.Examples
		return alike(was, is)
	})
}

// EditExample puts a text in the place of a case; an empty one takes it away.
func EditExample(src []byte, i int, text string) (out []byte, lost []string, err error) {
	e, err := openEdit(src)
	if err != nil {
		return nil, nil, err
	}
	if i < 0 || i >= len(e.form.Examples) {
		return nil, nil, fmt.Errorf("%w: there is no example %d", ErrForm, i+1)
	}
	list, x := casesOf(pairs(e.root)["examples"]), e.form.Examples[i]
	if list.Style&yaml.FlowStyle != 0 {
		return nil, nil, fmt.Errorf("%w: the examples do not stand one below the other", ErrForm)
	}
	text = strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), " \n")
	first, many := x.Line, 1
	if text == "" {
		if first, many = above1(e.lines, x.Line), 0; len(e.form.Examples) == 1 { // the list goes with it
			first = keyOf(e.root, "examples").Line
		}
	} else {
		dash := list.Content[0].Column - 2
		text = indent(text, dash+1)
		text = text[:dash-1] + "-" + text[dash:]
	}
	return e.whole(e.put(first, x.Last, text), func(was, is *Form) bool {
		if len(is.Examples) != len(was.Examples)-1+many {
			return false
		}
		rest := slices.Delete(slices.Clone(was.Examples), i, i+1)
		now := slices.Delete(slices.Clone(is.Examples), i, i+many)
		was.Examples, is.Examples = nil, nil
		return len(rest) == len(now) && (len(rest) == 0 || alike(rest, now)) && alike(was, is)
	})
}
