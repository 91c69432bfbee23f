package supply

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"sallyport/policy/rows"
)

// The reviewed rows that turn the source data's prose into a graph: names,
// countries, kinds of relations, dates, car makers and list entries. Each row
// keeps the reason of the reviewer.
//
//go:embed overlay.jsonl
var overlay []byte

// rawEntity is a row of entities.jsonl.
type rawEntity struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Country  string   `json:"country_of_incorporation"`
	Ticker   string   `json:"listed_ticker"`
	Ultimate string   `json:"ultimate_parent"`
	Aliases  []string `json:"aliases"`
	Role     string   `json:"role"`
	rawRef
}

type rawRef struct {
	Source     string `json:"source"`
	Quote      string `json:"quote"`
	Confidence string `json:"confidence"`
	Note       string `json:"note"`
	SeenVia    string `json:"seen_via"`
}

func (r rawRef) ref() Ref {
	return Ref{Source: r.Source, Quote: r.Quote, Certainty: r.Confidence, Note: r.Note, SeenVia: r.SeenVia}
}

// rawEdge is a row of edges.jsonl.
type rawEdge struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	Relation string   `json:"relation"`
	Share    *float64 `json:"share_pct"`
	Since    string   `json:"from_date"`
	Until    string   `json:"to_date"`
	rawRef
}

// rawCar is a row of carmakers.jsonl, of one of its three kinds.
type rawCar struct {
	Kind    string   `json:"kind"`
	Brand   string   `json:"brand"`
	Owner   string   `json:"owner"`
	Share   *float64 `json:"share_pct"`
	Date    string   `json:"date"`
	Model   string   `json:"model"`
	Plant   string   `json:"plant"`
	Partner string   `json:"partner"`
	rawRef
}

// rawInstrument is a row of instruments.jsonl.
type rawInstrument struct {
	ID         string   `json:"id"`
	Authority  string   `json:"authority"`
	Instrument string   `json:"instrument"`
	Date       string   `json:"date"`
	Effective  string   `json:"effective"`
	Status     string   `json:"status"`
	Scope      string   `json:"scope"`
	Criterion  string   `json:"gate_criterion"`
	Entries    []string `json:"entries"`
	rawRef
}

// overRow is a row of the overlay; Row says which fields count.
type overRow struct {
	Row string `json:"row"`

	Date   string `json:"date"`
	Reason string `json:"reason"`

	Party      string   `json:"party"`
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Names      []string `json:"names"`
	Types      []string `json:"types"`
	Kind       string   `json:"kind"`
	Country    string   `json:"country"`
	Basis      string   `json:"basis"`
	Listed     string   `json:"listed"`
	Role       string   `json:"role"`
	Unresolved string   `json:"unresolved"`
	Ultimate   bool     `json:"ultimate"`
	Includes   []string `json:"includes"`

	From        string   `json:"from"`
	To          string   `json:"to"`
	ToText      string   `json:"to_text"`
	Relation    string   `json:"relation"`
	Share       *float64 `json:"share"`
	Controlling bool     `json:"controlling"`
	Alternative bool     `json:"alternative"`
	Since       string   `json:"since"`
	Until       string   `json:"until"`
	Seen        bool     `json:"seen"`

	Brand string    `json:"brand"`
	Owner string    `json:"owner"`
	Edges []overRow `json:"edges"`

	List      string  `json:"list"`
	Edition   string  `json:"edition"`
	Withdrawn bool    `json:"withdrawn"`
	Complete  bool    `json:"complete"`
	Title     string  `json:"title"`
	Raw       string  `json:"raw"`
	On        []on    `json:"on"`
	Reply     *rawRef `json:"reply"`

	rawRef
}

// on points a maker's reply at the rows it answers.
type on struct {
	From string `json:"from"`
	To   string `json:"to"`
	List string `json:"list"`
}

func (o overRow) ref() Ref {
	r := o.rawRef.ref()
	r.Date, r.Reason = o.Date, o.Reason
	if r.Certainty == "" {
		r.Certainty = "reviewed"
	}
	return r
}

var (
	fullDate = regexp.MustCompile(`^\s*(?:as of |seen )?(\d{4}(?:-\d{2}(?:-\d{2})?)?)\b`)
	quarter  = regexp.MustCompile(`^\d{4}-(Q\d|\d\d/)`)
	cjk      = regexp.MustCompile(`\p{Han}`)
)

// Build reads entities, edges, carmakers and instruments (JSON lines) from src
// and writes the compact graph that Open reads. It is a pure function of src
// and of the reviewed overlay. It fails, naming file and line, on a row it does
// not understand, on an ownership row nobody has reviewed, on an edge whose
// ends are no parties, and on an overlay row that matches nothing any more; so
// a new edition of the sources is reviewed before it is shipped.
func Build(src fs.FS) ([]byte, error) { return build(src, overlay) }

func build(src fs.FS, over []byte) ([]byte, error) {
	b := &builder{relations: map[string]overRow{}, partyAt: map[string]int{}, used: map[int]bool{}}
	if err := rows.Each(bytes.NewReader(over), "overlay.jsonl", func(n int, raw []byte) error {
		var r overRow
		if err := rows.Strict(raw, &r); err != nil {
			return err
		}
		if r.Row != "edition" && r.Reason == "" && r.Row != "relation" {
			return errors.New("it gives no reason")
		}
		b.over = append(b.over, r)
		return nil
	}); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name string
		row  func(int, []byte) error
	}{
		{"entities.jsonl", b.entity}, {"", b.overParties}, {"edges.jsonl", b.edge},
		{"carmakers.jsonl", b.car}, {"instruments.jsonl", b.instrument},
	} {
		if f.name == "" {
			if err := f.row(0, nil); err != nil {
				return nil, err
			}
			continue
		}
		text, err := rows.Read(src, f.name)
		if err != nil {
			return nil, fmt.Errorf("supply data: %w", err)
		}
		if err := rows.Each(bytes.NewReader(text), f.name, f.row); err != nil {
			return nil, err
		}
	}
	if err := b.overRest(); err != nil {
		return nil, err
	}
	for i, r := range b.over {
		if !b.used[i] {
			return nil, fmt.Errorf("overlay.jsonl line %d: the %s row matches nothing in the sources any more", i+1, r.Row)
		}
	}
	b.number()
	body, err := json.Marshal(b.file)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	b.file.Edition = b.edition + "." + hex.EncodeToString(sum[:4])
	out, err := write(&b.file)
	if err != nil {
		return nil, err
	}
	if _, err := Open(out); err != nil {
		return nil, fmt.Errorf("the graph built cannot be opened: %w", err)
	}
	return out, nil
}

// write puts one row on a line, so that two editions can be compared by eye.
func write(f *File) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"edition\":%q", f.Edition)
	section := func(name string, n int, row func(int) any) error {
		fmt.Fprintf(&out, ",\n%q:[", name)
		for i := range n {
			if i > 0 {
				out.WriteByte(',')
			}
			out.WriteByte('\n')
			b, err := rows.Compact(row(i))
			if err != nil {
				return err
			}
			out.Write(b)
		}
		out.WriteByte(']')
		return nil
	}
	err := errors.Join(
		section("parties", len(f.Parties), func(i int) any { return f.Parties[i] }),
		section("edges", len(f.Edges), func(i int) any { return f.Edges[i] }),
		section("lists", len(f.Lists), func(i int) any { return f.Lists[i] }),
		section("instruments", len(f.Instruments), func(i int) any { return f.Instruments[i] }),
		section("plants", len(f.Plants), func(i int) any { return f.Plants[i] }),
		section("territories", len(f.Territories), func(i int) any { return f.Territories[i] }),
		section("makes", len(f.Makes), func(i int) any { return f.Makes[i] }),
		section("trusted", len(f.Trusted), func(i int) any { return f.Trusted[i] }),
		section("advisories", len(f.Advisories), func(i int) any { return f.Advisories[i] }),
		section("authorisations", len(f.Authorisations), func(i int) any { return f.Authorisations[i] }),
	)
	out.WriteString("}\n")
	return out.Bytes(), err
}

type builder struct {
	file      File
	edition   string
	over      []overRow
	used      map[int]bool
	relations map[string]overRow
	partyAt   map[string]int
}

func (b *builder) entity(_ int, raw []byte) error {
	var r rawEntity
	if err := rows.Strict(raw, &r, "parent"); err != nil {
		return err
	}
	p := Party{ID: r.ID, Kind: r.Type, CountryBasis: r.Country, Listed: r.Ticker, Role: r.Role, Ref: r.ref()}
	p.Name, p.Aliases = names(r.Name)
	p.Aliases = append(p.Aliases, r.Aliases...)
	if r.Name != p.Name {
		p.Aliases = append(p.Aliases, r.Name)
	}
	p.Ultimate = r.Ultimate == r.ID
	if strings.Contains(p.Kind, "/") {
		p.Kind = "company"
	}
	return b.add(p)
}

// names splits a name from the one in another script that it carries in
// brackets; other brackets are remarks and go.
func names(s string) (string, []string) {
	var name strings.Builder
	var also []string
	depth, start := 0, 0
	for i, r := range s {
		switch {
		case r == '(' || r == '（':
			if depth == 0 {
				start = i + len(string(r))
			}
			depth++
		case (r == ')' || r == '）') && depth > 0:
			if depth--; depth > 0 {
				break
			}
			for _, part := range strings.FieldsFunc(s[start:i], func(r rune) bool { return r == ',' || r == ';' }) {
				part = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(part), "formerly "))
				if cjk.MatchString(part) {
					also = append(also, part)
				}
			}
		case depth == 0:
			name.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(name.String()), " "), also
}

func (b *builder) add(p Party) error {
	if _, dup := b.partyAt[p.ID]; dup {
		return fmt.Errorf("party %q appears twice", p.ID)
	}
	b.partyAt[p.ID] = len(b.file.Parties)
	b.file.Parties = append(b.file.Parties, p)
	return nil
}

// overParties applies the overlay's rows on parties and relations.
func (b *builder) overParties(int, []byte) error {
	for i, r := range b.over {
		at := fmt.Sprintf("overlay.jsonl line %d", i+1)
		switch r.Row {
		case "edition":
			if _, _, err := period(r.Date); err != nil || len(r.Date) != 10 {
				return fmt.Errorf("%s: the edition needs a full date", at)
			}
			b.edition = r.Date
		case "party":
			j, known := b.partyAt[r.ID]
			if !known {
				if r.Name == "" || r.Kind == "" || r.Source == "" {
					return fmt.Errorf("%s: a new party needs name, kind and source", at)
				}
				p := Party{ID: r.ID, Name: r.Name, Kind: r.Kind, Country: r.Country, CountryBasis: r.Basis, Listed: r.Listed, Role: r.Role,
					Aliases: r.Names, Unresolved: r.Unresolved, Ultimate: r.Ultimate, Ref: r.ref()}
				if err := b.add(p); err != nil {
					return fmt.Errorf("%s: %w", at, err)
				}
				break
			}
			p := &b.file.Parties[j]
			setIf(&p.Name, r.Name)
			setIf(&p.Kind, r.Kind)
			setIf(&p.Country, r.Country)
			setIf(&p.CountryBasis, r.Basis)
			setIf(&p.Listed, r.Listed)
			setIf(&p.Role, r.Role)
			setIf(&p.Unresolved, r.Unresolved)
			setIf(&p.Date, r.Date)
			p.Ultimate = p.Ultimate || r.Ultimate
			p.Aliases = append(p.Aliases, r.Names...)
			p.Reason = strings.TrimPrefix(p.Reason+"; "+r.Reason, "; ")
			if r.Source != "" {
				p.Note = strings.TrimPrefix(fmt.Sprintf("%s; also %s: “%s”", p.Note, r.Source, r.Quote), "; ")
			}
		case "relation":
			b.relations[r.Raw] = r
			continue
		case "territory":
			b.file.Territories = append(b.file.Territories, Territory{Country: r.Country, Includes: r.Includes, Ref: r.ref()})
		case "make":
			for _, n := range r.Names {
				b.file.Makes = append(b.file.Makes, MakeName{Name: n, Types: r.Types, Party: r.Party})
			}
		default:
			continue
		}
		b.used[i] = true
	}
	if b.edition == "" {
		return errors.New("overlay.jsonl: no row names the edition")
	}
	return nil
}

func setIf(to *string, v string) {
	if v != "" {
		*to = v
	}
}

func (b *builder) edge(_ int, raw []byte) error {
	var r rawEdge
	if err := rows.Strict(raw, &r); err != nil {
		return err
	}
	rel, ok := b.relations[relationWord(r.Relation)]
	if !ok {
		return fmt.Errorf("the relation %q has not been reviewed", relationWord(r.Relation))
	}
	b.useRelation(relationWord(r.Relation))
	e := Edge{From: r.From, Kind: Kind(rel.Kind), Share: r.Share, Controlling: rel.Controlling, When: r.Since, Relation: r.Relation, Ref: r.ref()}
	if e.Share == nil {
		e.Share = rel.Share
	}
	if e.Share != nil && e.Kind == OwnedBy {
		e.Controlling = false
	}
	if e.Kind != OwnedBy && e.Kind != ControlledBy {
		e.Share = nil
	}
	if to := strings.ToLower(r.To); b.has(to) && to != r.From {
		e.To = to
	} else if r.To != r.From {
		e.ToText = r.To
	}
	e.Since, e.Seen = dateIn(r.Since)
	e.Until, _ = dateIn(r.Until)
	e.Date = e.Since
	for i, o := range b.over {
		if o.Row != "amend" || o.From != r.From || o.To != r.To || !strings.HasPrefix(r.Relation, o.Relation) ||
			o.Share != nil && (r.Share == nil || *r.Share != *o.Share) {
			continue
		}
		b.used[i] = true
		setIf(&e.Since, o.Since)
		setIf(&e.Until, o.Until)
		setIf(&e.ToText, o.ToText)
		if o.Kind != "" {
			e.Kind = Kind(o.Kind)
		}
		if o.Seen {
			e.Seen = true
		}
		e.Reason = o.Reason
	}
	b.file.Edges = append(b.file.Edges, e)
	return nil
}

func (b *builder) has(id string) bool { _, ok := b.partyAt[id]; return ok }

func (b *builder) useRelation(word string) {
	for i, o := range b.over {
		if o.Row == "relation" && o.Raw == word {
			b.used[i] = true
		}
	}
}

// relationWord is the relation without what stands in brackets or follows.
func relationWord(s string) string {
	if i := strings.IndexAny(s, " ("); i > 0 {
		return s[:i]
	}
	return s
}

// dateIn reads the date at the head of a source's words, and whether the words
// say when the thing was seen rather than when it began.
func dateIn(s string) (string, bool) {
	seen := strings.HasPrefix(s, "as of ") || strings.HasPrefix(s, "seen ")
	if i := strings.LastIndex(s, "; "); i >= 0 && strings.Contains(s, "(completed)") {
		s = s[i+2:]
	}
	m := fullDate.FindStringSubmatch(s)
	if m == nil {
		return "", seen
	}
	if _, _, err := period(m[1]); err != nil || quarter.MatchString(s) {
		return m[1][:4], seen
	}
	return m[1], seen
}

func (b *builder) car(_ int, raw []byte) error {
	var r rawCar
	if err := rows.Strict(raw, &r, "ultimate", "wmi", "maker", "country"); err != nil {
		return err
	}
	switch r.Kind {
	case "wmi":
		return nil // WMIs are the business of package vin/build
	case "built_in_china":
		ref := r.ref()
		ref.Date = r.Date
		b.file.Plants = append(b.file.Plants, Plant{Brand: r.Brand, Model: r.Model, Plant: r.Plant, Partner: strings.Trim(r.Partner, "-"), Country: "CN", Ref: ref})
		return nil
	case "ownership":
	default:
		return fmt.Errorf("a row of the unknown kind %q", r.Kind)
	}
	for i, o := range b.over {
		if o.Row != "carmaker" || o.Brand != r.Brand || o.Owner != r.Owner {
			continue
		}
		b.used[i] = true
		for _, oe := range o.Edges {
			ref := r.ref()
			ref.Date, ref.Reason = r.Date, o.Reason
			e := Edge{From: oe.From, To: oe.To, Kind: Kind(oe.Kind), Share: oe.Share, Controlling: oe.Controlling, When: r.Date,
				Relation: "ownership: " + r.Owner, Seen: oe.Since == "", Ref: ref}
			e.Since = oe.Since
			if e.Since == "" {
				e.Since, _ = dateIn(r.Date)
			}
			b.file.Edges = append(b.file.Edges, e)
		}
		return nil
	}
	return fmt.Errorf("who owns %q by %q has not been reviewed", r.Brand, r.Owner)
}

func (b *builder) instrument(_ int, raw []byte) error {
	var r rawInstrument
	if err := rows.Strict(raw, &r); err != nil {
		return err
	}
	in := Instrument{ID: r.ID, Authority: r.Authority, Title: r.Instrument, Status: r.Status, State: state(r.Status), Effective: r.Effective,
		Scope: r.Scope, Criterion: r.Criterion, Entries: r.Entries, Ref: r.ref()}
	in.Date = r.Date
	if len(r.Effective) == 10 {
		if _, _, err := period(r.Effective); err == nil {
			in.EffectiveFrom = r.Effective
		}
	}
	for i, o := range b.over {
		if o.Row == "effective" && o.ID == r.ID {
			in.EffectiveFrom, in.Reason = o.Since, o.Reason
			b.used[i] = true
		}
		if o.Row == "note" && o.ID == r.ID {
			in.Note = o.Note
			b.used[i] = true
		}
	}
	b.file.Instruments = append(b.file.Instruments, in)
	return nil
}

// state sorts the source data's words for a status.
func state(s string) string {
	for _, w := range []struct{ word, state string }{
		{"withdrawn", "withdrawn"}, {"superseded", "superseded"}, {"not adopted", "reported"}, {"future", "future"},
		{"introduced", "proposed"}, {"proposal", "proposed"}, {"senate text", "proposed"}, {"committee text", "proposed"},
		{"in force", "in-force"}, {"finding", "finding"}, {"decided", "decided"}, {"reported", "reported"}, {"advice", "advice"},
	} {
		if strings.Contains(strings.ToLower(s), w.word) {
			return w.state
		}
	}
	return "published"
}

// overRest applies the overlay's edges, lists, advisories and replies.
func (b *builder) overRest() error {
	lists := map[string]*List{}
	for i, r := range b.over {
		at := fmt.Sprintf("overlay.jsonl line %d", i+1)
		switch r.Row {
		case "edge":
			if r.Source == "" {
				return fmt.Errorf("%s: an edge needs a source", at)
			}
			b.file.Edges = append(b.file.Edges, Edge{From: r.From, To: r.To, ToText: r.ToText, Kind: Kind(r.Kind), Share: r.Share, Controlling: r.Controlling,
				Alternative: r.Alternative, Since: r.Since, Until: r.Until, Seen: r.Seen, When: r.Basis, Relation: r.Relation, Ref: r.ref()})
		case "list":
			b.file.Lists = append(b.file.Lists, List{ID: r.ID, Title: r.Title, Country: r.Country})
		case "edition-of":
			for j := range b.file.Lists {
				if b.file.Lists[j].ID == r.List {
					lists[r.Edition] = &b.file.Lists[j]
				}
			}
			if lists[r.Edition] == nil {
				return fmt.Errorf("%s: no list %q comes before it", at, r.List)
			}
			in, ok := b.instrumentOf(r.Edition)
			if !ok {
				return fmt.Errorf("%s: no instrument %q", at, r.Edition)
			}
			ref := in.Ref
			ref.Reason = r.Reason
			lists[r.Edition].Editions = append(lists[r.Edition].Editions, Edition{ID: r.Edition, From: r.Since, Until: r.Until, Withdrawn: r.Withdrawn, Complete: r.Complete, Ref: ref})
		case "entry", "absent":
			l := lists[r.Edition]
			if l == nil {
				return fmt.Errorf("%s: the edition %q has not been opened by an edition-of row", at, r.Edition)
			}
			var ed *Edition
			for j := range l.Editions {
				if l.Editions[j].ID == r.Edition {
					ed = &l.Editions[j]
				}
			}
			in, _ := b.instrumentOf(r.Edition)
			for _, n := range r.Names {
				name, party, _ := strings.Cut(n, "=")
				if party != "" {
					if _, ok := b.partyAt[party]; !ok {
						return fmt.Errorf("%s: no party %q", at, party)
					}
				}
				if r.Row == "entry" && r.Source == "" && !slices.Contains(in.Entries, name) {
					return fmt.Errorf("%s: %q is not among the entries of %q", at, name, r.Edition)
				}
				ref := in.Ref
				if r.Source != "" {
					ref = r.ref()
				} else if first, _, _ := strings.Cut(name, " "); !strings.Contains(ref.Quote, first) {
					ref.Quote = name // the instrument's quote is on another entry
				}
				if r.Source == "" {
					ref.Note = ""
				}
				ref.Reason = r.Reason
				en := Entry{Name: name, Party: party, From: r.Since, Until: r.Until, Ref: ref}
				if r.Row == "entry" {
					ed.Entries = append(ed.Entries, en)
				} else {
					if r.Source == "" {
						en.Quote, en.Note = "", in.Note // the compiler's note is what says so
					}
					ed.Absent = append(ed.Absent, en)
				}
			}
		case "advisory":
			in, ok := b.instrumentOf(r.ID)
			if !ok || in.State != "finding" && in.State != "published" {
				return fmt.Errorf("%s: no published finding %q", at, r.ID)
			}
			for _, p := range r.Names {
				if !b.has(p) {
					return fmt.Errorf("%s: no party %q", at, p)
				}
			}
			ref := in.Ref
			ref.Reason = r.Reason
			b.file.Advisories = append(b.file.Advisories, Advisory{ID: r.ID, Title: in.Title, Parties: r.Names, Products: in.Scope, Ref: ref})
		case "authorisations":
			in, ok := b.instrumentOf(r.Edition)
			if !ok {
				return fmt.Errorf("%s: no instrument %q", at, r.Edition)
			}
			ref := in.Ref
			ref.Reason = r.Reason
			b.file.Authorisations = append(b.file.Authorisations, Authorisations{ID: r.ID, Title: r.Title, Authority: in.Authority, Ref: ref})
		case "authorised", "refused":
			if err := b.ruling(r); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
		case "reply":
			if err := b.reply(r); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
		default:
			continue
		}
		b.used[i] = true
	}
	return nil
}

// ruling adds what an authority decided on one party to its list.
func (b *builder) ruling(r overRow) error {
	i := slices.IndexFunc(b.file.Authorisations, func(l Authorisations) bool { return l.ID == r.List })
	if i < 0 {
		return fmt.Errorf("no authorisations %q come before it", r.List)
	}
	in, ok := b.instrumentOf(r.Edition)
	if !ok || in.State != "decided" {
		return fmt.Errorf("no instrument %q that was decided", r.Edition)
	}
	if in.Scope != r.Name || !b.has(r.Party) {
		return fmt.Errorf("%q is not whom %q is about, or %q is no party", r.Name, r.Edition, r.Party)
	}
	ref := in.Ref
	ref.Reason = r.Reason
	l := &b.file.Authorisations[i]
	l.Rulings = append(l.Rulings, Ruling{ID: in.ID, Name: r.Name, Party: r.Party, Refused: r.Row == "refused", Scope: in.Effective, From: r.Since, Until: r.Until, Ref: ref})
	return nil
}

func (b *builder) reply(r overRow) error {
	text := fmt.Sprintf("%s (%s, %s)", r.Reply.Quote, r.Date, r.Reply.Source)
	for _, o := range r.On {
		hits := 0
		if o.List != "" {
			for i := range b.file.Lists {
				for j := range b.file.Lists[i].Editions {
					ed := &b.file.Lists[i].Editions[j]
					for k := range ed.Entries {
						if b.file.Lists[i].ID == o.List && ed.Entries[k].Party == o.From {
							ed.Entries[k].Reply = text
							hits++
						}
					}
				}
			}
		} else {
			for i := range b.file.Edges {
				if e := &b.file.Edges[i]; e.From == o.From && (e.To == o.To) && e.Kind != CounterStatement {
					e.Reply = text
					hits++
				}
			}
			if o.To == "" {
				for i := range b.file.Parties {
					if b.file.Parties[i].ID == o.From {
						b.file.Parties[i].Reply = text
						hits++
					}
				}
			}
		}
		if hits == 0 {
			return fmt.Errorf("the reply answers %+v, which is not there", o)
		}
	}
	return nil
}

func (b *builder) instrumentOf(id string) (Instrument, bool) {
	for _, in := range b.file.Instruments {
		if in.ID == id {
			return in, true
		}
	}
	return Instrument{}, false
}

// number gives each edge an id that stays the same as long as its row does.
func (b *builder) number() {
	taken := map[string]bool{}
	for i := range b.file.Edges {
		e := &b.file.Edges[i]
		far := e.To
		if far == "" {
			far = "-"
		}
		sum := sha256.Sum256([]byte(strings.Join([]string{e.From, e.To, e.ToText, e.Relation, e.Source, e.Quote, e.Since, e.Until}, "\x00")))
		for n := 2; ; n++ {
			e.ID = fmt.Sprintf("%s/%s/%s", e.From, far, hex.EncodeToString(sum[:n]))
			if !taken[e.ID] {
				break
			}
		}
		taken[e.ID] = true
	}
}
