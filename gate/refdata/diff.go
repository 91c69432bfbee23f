package refdata

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/rf"
	"sallyport/vin"
	"sallyport/vin/telematics"
)

// Change is one thing that two releases differ in.
type Change struct {
	Path    string          `json:"path,omitempty"`    // ROLE/FILE; empty for a delegation
	Section string          `json:"section"`           // root, threshold, key, delegation, file, or a kind of row of the file: row, edge, edition, entry, rule, prefix, tac, group …
	ID      string          `json:"id,omitempty"`      // of the row
	What    string          `json:"what"`              // added, removed, changed
	Was     json.RawMessage `json:"was,omitempty"`     // the old row
	Is      json.RawMessage `json:"is,omitempty"`      // the new row
	Edition string          `json:"edition,omitempty"` // of a file, as it is now
}

// Diff says what a release changes against an older one, which may be nil: who
// is trusted (root, thresholds, keys, delegations), files, and row by row what
// the files hold.
func Diff(old, now *Release) ([]Change, error) {
	if old == nil {
		old = &Release{}
	}
	out := diffRows(nil, "", "root", rootOf(old), rootOf(now), func(rootView) string { return "" })
	out = diffRows(out, "", "threshold", old.thresholds(), now.thresholds(), func(t threshold) string { return t.Role })
	out = diffRows(out, "", "key", old.holders(), now.holders(), func(h holder) string { return h.Role + "/" + h.Name + "/" + short(h.KeyID) })
	out = diffRows(out, "", "delegation", withoutSigners(old.Roles), withoutSigners(now.Roles), func(r Role) string { return r.Name })
	was, is := old.expected(), now.expected()
	paths := map[string]bool{}
	for p := range was {
		paths[p] = true
	}
	for p := range is {
		paths[p] = true
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		a, b := was[path], is[path]
		if a.SHA256 == b.SHA256 {
			continue
		}
		ch := Change{Path: path, Section: "file", What: "changed"}
		switch {
		case a.Path == "":
			ch.What = "added"
		case b.Path == "":
			ch.What = "removed"
		}
		x, y := contentOf(old, a), contentOf(now, b)
		ch.Edition = editionOf(cmp.Or(b.Kind, a.Kind), y)
		out = append(out, ch)
		var err error
		if out, err = diffContent(out, path, cmp.Or(b.Kind, a.Kind), x, y); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return out, nil
}

// withoutSigners keeps what the authorities agreed on: who signed, and until
// when, changes with every release.
func withoutSigners(roles []Role) []Role {
	out := slices.Clone(roles)
	for i := range out {
		out[i] = Role{Name: out[i].Name, Title: out[i].Title, Standing: out[i].Standing, Parts: out[i].Parts, Need: out[i].Need}
	}
	return out
}

func contentOf(r *Release, p Part) []byte {
	if p.Path == "" {
		return nil
	}
	return r.Content(p)
}

// rootView is the root of a release. Its number tells a new root of the same
// keys, made to hold longer.
type rootView struct {
	Number int64  `json:"number"`
	SHA256 string `json:"sha256"` // of its signed part
}

func rootOf(r *Release) []rootView {
	if r.Root == 0 {
		return nil
	}
	return []rootView{{r.Root, r.RootHash}}
}

// threshold is how many must sign for a role, of how many who may.
type threshold struct {
	Role string `json:"role"`
	Need int    `json:"need"`
	Of   int    `json:"of"`
}

func (r *Release) thresholds() (out []threshold) {
	for _, s := range r.Signing {
		out = append(out, threshold{s.Role, s.Need, len(s.Keys)})
	}
	return out
}

// holder is one key that may sign for a role.
type holder struct {
	Role string `json:"role"`
	KeyHolder
}

func (r *Release) holders() (out []holder) {
	for _, s := range r.Signing {
		for _, k := range s.Keys {
			out = append(out, holder{s.Role, k})
		}
	}
	return out
}

// editionOf reads the edition that a file names.
func editionOf(k Kind, b []byte) string {
	if len(b) == 0 {
		return ""
	}
	switch k {
	case VPIC:
		if ix, err := vin.Open(b); err == nil {
			return printable(ix.Edition())
		}
		return ""
	case RF:
		if p, err := rf.ReadPrefixes(bytes.NewReader(b)); err == nil {
			return printable(p.Edition())
		}
		return ""
	case Packs:
		return "" // a policy names none; its rules are compared
	case Catalogue, Supply, Lists, TAC, Aggregates:
	}
	var head struct {
		Edition string `json:"edition"`
		Made    string `json:"made"`
	}
	if json.Unmarshal(b, &head) != nil { // what it holds is compared, and refused, where it is opened
		return ""
	}
	return printable(cmp.Or(head.Edition, head.Made))
}

func diffContent(out []Change, path string, k Kind, was, is []byte) ([]Change, error) {
	switch k {
	case Catalogue:
		a, b, err := both(was, is, readCatalogue)
		if err != nil {
			return nil, err
		}
		for _, sec := range catalogueSections() {
			out = sec.diff(out, path, a, b)
		}
	case Supply, Lists:
		a, b, err := both(was, is, supply.ReadFile)
		if err != nil {
			return nil, err
		}
		for _, sec := range slices.Concat(graphSections(), listSections()) {
			out = sec.diff(out, path, a, b)
		}
	case RF:
		a, b, err := both(was, is, readPrefixes)
		if err != nil {
			return nil, err
		}
		out = diffRows(out, path, "prefix", *a, *b, func(r prefixRow) string { return r.id })
	case Packs:
		a, b, err := both(was, is, func(b []byte) (*packView, error) { return readPack(path, b) })
		if err != nil {
			return nil, err
		}
		out = diffRows(out, path, "policy", a.heads, b.heads, func(packHead) string { return "" })
		out = diffRows(out, path, "rule", a.rules, b.rules, func(r ruleRow) string { return r.ID })
	case TAC:
		a, b, err := both(was, is, telematics.OpenTACs)
		if err != nil {
			return nil, err
		}
		out = diffRows(out, path, "table", tableHead(a), tableHead(b), func(tacHead) string { return "" })
		out = diffRows(out, path, "tac", tacRows(a), tacRows(b), func(r tacRow) string { return r.TAC })
	case Aggregates:
		a, b, err := both(was, is, func(b []byte) (*telematics.Aggregate, error) {
			ag, err := telematics.ReadAggregate(b)
			return &ag, err
		})
		if err != nil {
			return nil, err
		}
		out = diffRows(out, path, "site", aggregateHead(a), aggregateHead(b), func(h telematics.Aggregate) string { return h.Site })
		out = diffRows(out, path, "group", a.Groups, b.Groups, groupID)
	case VPIC: // an index is made whole of NHTSA's tables; its edition says which
	}
	return out, nil
}

// both reads a file as it was and as it is; one that is not there is empty.
func both[T any](was, is []byte, read func([]byte) (*T, error)) (a, b *T, err error) {
	a, b = new(T), new(T)
	if len(was) > 0 {
		if a, err = read(was); err != nil {
			return nil, nil, fmt.Errorf("the older file: %w", err)
		}
	}
	if len(is) > 0 {
		if b, err = read(is); err != nil {
			return nil, nil, fmt.Errorf("the newer file: %w", err)
		}
	}
	return a, b, nil
}

func readCatalogue(b []byte) (*telematics.File, error) {
	c, err := telematics.Open(b)
	if err != nil {
		return nil, err
	}
	return c.File(), nil
}

// prefixRow is one line of a table of radio prefixes, its fields by their names.
type prefixRow struct {
	id     string
	Fields map[string]string
}

// MarshalJSON writes the fields alone.
func (r prefixRow) MarshalJSON() ([]byte, error) { return json.Marshal(r.Fields) }

// prefixFields are the fields of each kind of line (rf.Prefixes.Write), and how
// many of the first ones name the row.
var prefixFields = map[string]struct {
	what  string
	names []string
	key   []int
}{
	"S": {"source", []string{"part", "address", "date", "note"}, []int{0}},
	"P": {"prefix", []string{"prefix", "maker", "category", "specificity", "country", "organisation"}, []int{0}},
	"C": {"company", []string{"id", "category", "specificity", "name"}, []int{0}},
	"N": {"name", []string{"over", "specificity", "make", "pattern", "organisation", "source", "note"}, []int{0, 3}},
}

// readPrefixes reads the lines of a table that this program can use.
func readPrefixes(b []byte) (*[]prefixRow, error) {
	if _, err := rf.ReadPrefixes(bytes.NewReader(b)); err != nil {
		return nil, err
	}
	var out []prefixRow
	for i, line := range strings.Split(strings.TrimRight(string(b), "\n"), "\n") {
		f := strings.Split(strings.TrimRight(line, "\r"), "\t")
		of, known := prefixFields[f[0]]
		if i == 0 || !known || len(f) != 1+len(of.names) {
			continue // the header, which names the edition
		}
		r := prefixRow{id: of.what, Fields: map[string]string{}}
		for _, k := range of.key {
			r.id += "/" + f[1+k]
		}
		for k, name := range of.names {
			r.Fields[name] = f[1+k]
		}
		out = append(out, r)
	}
	return &out, nil
}

// packHead is what a policy says of itself, and a hash of all of it: what no
// rule shows changes that.
type packHead struct {
	ID         string             `json:"id"`
	Title      string             `json:"title"`
	Status     string             `json:"status"`
	Default    string             `json:"default"`
	MayChange  []string           `json:"may_change"`
	Postures   []string           `json:"postures,omitempty"`
	Parameters []policy.Parameter `json:"parameters,omitempty"`
	Hash       string             `json:"hash"`
}

type packView struct {
	heads []packHead
	rules []ruleRow
}

// ruleRow is a rule with its outcomes in words.
type ruleRow struct {
	policy.RuleView
	Outcome   string `json:"outcome"`
	IfUnknown string `json:"if_unknown,omitempty"`
}

func readPack(path string, b []byte) (*packView, error) {
	p, err := policy.Load(path, b)
	if err != nil {
		return nil, err
	}
	v := &packView{heads: []packHead{{p.ID(), p.Title(), p.Status(), p.Default().String(), p.MayChange(), p.Postures(), p.Parameters(), p.Hash()}}}
	for _, r := range p.Rules() {
		row := ruleRow{RuleView: r, Outcome: r.Outcome.String()}
		if r.IfUnknown != 0 {
			row.IfUnknown = r.IfUnknown.String()
		}
		v.rules = append(v.rules, row)
	}
	return v, nil
}

// tacHead is what a table of TACs says of itself.
type tacHead struct {
	Source  string `json:"source"`
	Layout  string `json:"layout"`
	Licence string `json:"licence"`
}

func tableHead(t *telematics.TACTable) []tacHead {
	if t.Edition == "" {
		return nil
	}
	return []tacHead{{t.Source, t.Layout, t.Licence}}
}

// tacRow is a code with one of the makers that the table gives for it.
type tacRow struct {
	TAC   string `json:"tac"`
	Maker string `json:"maker"`
	Model string `json:"model,omitempty"`
}

func tacRows(t *telematics.TACTable) []tacRow {
	out := make([]tacRow, 0, t.Len())
	t.Each(func(code, maker, model string) { out = append(out, tacRow{code, maker, model}) })
	return out
}

func aggregateHead(a *telematics.Aggregate) []telematics.Aggregate {
	if a.Format == "" {
		return nil
	}
	head := *a
	head.Groups = nil
	return []telematics.Aggregate{head}
}

func groupID(g telematics.Group) string {
	year := ""
	if g.ModelYear > 0 {
		year = strconv.Itoa(g.ModelYear)
	}
	return strings.Join([]string{g.Make, g.Model, year, g.Market, g.Plant, g.Role}, "/")
}

// MarshalJSON writes the row alone.
func (l listed[T]) MarshalJSON() ([]byte, error) { return json.Marshal(l.Row) }

func diffRows[T any](out []Change, path, section string, was, is []T, id func(T) string) []Change {
	index := func(list []T) (map[string]T, []string) {
		m, order, counts := make(map[string]T, len(list)), make([]string, 0, len(list)), map[string]int{}
		for _, r := range list {
			k := id(r)
			if counts[k]++; counts[k] > 1 {
				k += "#" + strconv.Itoa(counts[k])
			}
			m[k], order = r, append(order, k)
		}
		return m, order
	}
	a, oldOrder := index(was)
	b, order := index(is)
	for _, k := range oldOrder {
		if _, stays := b[k]; !stays {
			out = append(out, Change{Path: path, Section: section, ID: k, What: "removed", Was: raw(a[k])})
		}
	}
	for _, k := range order {
		old, both := a[k]
		switch {
		case !both:
			out = append(out, Change{Path: path, Section: section, ID: k, What: "added", Is: raw(b[k])})
		case !reflect.DeepEqual(old, b[k]):
			out = append(out, Change{Path: path, Section: section, ID: k, What: "changed", Was: raw(old), Is: raw(b[k])})
		}
	}
	return out
}

// Words say which fields of a row a change is in, for a person: "outcome: flag
// -> deny". Of a row that was added or removed they are those that tell it.
func (c Change) Words() string {
	var was, is map[string]json.RawMessage
	if json.Unmarshal(c.Was, &was) != nil && c.Was != nil || json.Unmarshal(c.Is, &is) != nil && c.Is != nil {
		return strings.TrimSpace(plain(c.Was) + " " + plain(c.Is))
	}
	var out []string
	if c.What == "changed" {
		names := map[string]bool{}
		for n := range was {
			names[n] = true
		}
		for n := range is {
			names[n] = true
		}
		for _, n := range slices.Sorted(maps.Keys(names)) {
			if !bytes.Equal(was[n], is[n]) {
				out = append(out, fmt.Sprintf("%s: %s -> %s", n, plain(was[n]), plain(is[n])))
			}
		}
		return strings.Join(out, "; ")
	}
	row := is
	if c.What == "removed" {
		row = was
	}
	for _, n := range telling[c.Section] {
		if v := row[n]; v != nil {
			out = append(out, n+": "+plain(v))
		}
	}
	return strings.Join(out, "; ")
}

// telling are the fields that tell a row of a kind to a person, where its id
// alone does not.
var telling = map[string][]string{
	"threshold": {"need", "of"}, "root": {"number"}, "delegation": {"standing", "parts", "need"}, "rule": {"outcome", "title"},
	"policy": {"id", "title", "status", "default"}, "edge": {"kind", "share", "since", "until", "source"}, "party": {"name", "country", "source"},
	"entry": {"party", "source"}, "prefix": {"maker", "category", "name", "make"}, "tac": {"maker", "model"}, "group": {"inspected"},
	"row": {"makes", "models", "maker", "model", "source"}, "edition": {"from", "withdrawn", "source"}, "list": {"title"},
}

// plain is a value of JSON for a person, and not longer than one reads.
func plain(v json.RawMessage) string {
	if len(v) == 0 {
		return "-"
	}
	s := string(v)
	var text string
	if json.Unmarshal(v, &text) == nil {
		s = text
	}
	const long = 120
	if r := []rune(s); len(r) > long {
		s = string(r[:long]) + "…"
	}
	return s
}
