package view

import (
	"cmp"
	"html/template"
	"strconv"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/policy/supply"
	"sallyport/policy/supply/picture"
	"sallyport/vin/telematics"
)

// Sourced is a statement's source as the pages of the knowledge show it: the
// words, who says them, of what date and how surely, and what the maker replies.
type Sourced struct {
	Base
	Citation
	Certainty string // in words
	Note      string // what a reader could get wrong
	Reason    string // why a reviewer read the row the way it is
	Row       string // id of the row
}

// Known cites a source of the catalogue.
func (b Base) Known(s telematics.Source) Sourced {
	return Sourced{Base: b, Citation: Citation{Title: s.Title, Quote: s.Quote, Date: s.Date, Address: s.Address, Reply: s.Reply},
		Certainty: b.Certainty(s.Certainty), Note: s.Note, Reason: s.Reason, Row: s.ID}
}

// Referred cites a source of the supply graph.
func (b Base) Referred(r supply.Ref) Sourced {
	return Sourced{Base: b, Citation: Citation{Quote: r.Quote, Date: r.Date, Address: r.Source, Reply: r.Reply},
		Certainty: b.Words.Or("basis."+r.Certainty, r.Certainty), Note: r.Note, Reason: r.Reason}
}

// Certainty is a certainty in words.
func (b Base) Certainty(c telematics.Certainty) string {
	return b.T("certainty." + strconv.Itoa(int(c)))
}

// Tri is yes, no or not known.
func (b Base) Tri(v telematics.Tri) string { return b.T("truth." + v.String()) }

// Value is yes, no or not known.
func (b Base) Value(v supply.Value) string {
	switch v {
	case supply.True:
		return b.T("truth.yes")
	case supply.False:
		return b.T("truth.no")
	case supply.Unknown:
	}
	return b.T("truth.unknown")
}

// Named is whether a list names somebody.
func (b Base) Named(v supply.Value) string {
	switch v {
	case supply.True:
		return b.T("list.named")
	case supply.False:
		return b.T("list.named.not")
	case supply.Unknown:
	}
	return b.T("truth.unknown")
}

// Percent writes a part of one as per cent.
func (b Base) Percent(v float64) string { return b.Words.Decimal(100*v, 0) + "\u00a0%" }

// Share writes per cent.
func (b Base) Share(v *float64) string {
	if v == nil {
		return ""
	}
	digits := 0
	if *v != float64(int(*v)) {
		digits = 2
	}
	return b.Words.Decimal(*v, digits) + "\u00a0%"
}

// Catalogue is the page of the rows on vehicles and their modules.
type Catalogue struct {
	Base
	Text    string // searched for
	Rows    []CatalogueRow
	Total   int
	From    int // first row shown, from 0
	Next    int // first of the next page; 0: none
	Before  int // first of the page before; negative: none
	Edition string
	All     int // rows of the catalogue
	VIN     string
	Market  string
	Problem string
}

func (*Catalogue) template() string  { return "catalogue" }
func (*Catalogue) regions() []string { return []string{"rows"} }

// Last is the number of the last row shown, from 1.
func (c *Catalogue) Last() int { return c.From + len(c.Rows) }

// First is that of the first.
func (c *Catalogue) First() int { return min(c.From+1, c.Total) }

// CatalogueRow is one sourced statement on vehicles of a kind.
type CatalogueRow struct {
	Base
	telematics.Row
	Party string // of the module's maker in the supply graph; empty: none is known
}

// Make is the make, with its other names.
func (r CatalogueRow) Make() string { return strings.Join(r.Makes, ", ") }

// Model is what the row says it of.
func (r CatalogueRow) ModelNames() string {
	if len(r.Models) == 0 || len(r.Models) == 1 && r.Models[0] == "*" {
		return r.T("known.models.all")
	}
	return strings.Join(r.Models, ", ")
}

// Years is the period.
func (r CatalogueRow) Years() string { return r.period(r.From, r.To) }

func (b Base) period(from, to int) string {
	switch {
	case from == 0 && to == 0:
		return b.T("known.years.any")
	case from == to:
		return strconv.Itoa(from)
	case to == 0:
		return b.T("known.years.from", from)
	case from == 0:
		return b.T("known.years.to", to)
	}
	return strconv.Itoa(from) + "–" + strconv.Itoa(to)
}

// Where is the market.
func (r CatalogueRow) Where() string {
	if len(r.Markets) == 0 {
		return r.T("known.market.any")
	}
	return strings.Join(r.Markets, ", ")
}

// Unit is the unit that the row speaks of.
func (b Base) Unit(role string) string { return b.Words.Or("known.unit."+role, role) }

// Module is the module named, or that none is.
func (r CatalogueRow) Module() string { return module(r.Base, r.Row.Maker, r.Row.Model, r.ChipDown) }

func module(b Base, maker, model string, chipDown bool) string {
	switch {
	case maker == "":
		return b.T("known.module.none")
	case chipDown:
		return b.T("known.module.chip", strings.TrimSpace(maker+" "+model))
	}
	return strings.TrimSpace(maker + " " + model)
}

// Vehicle is the address at which the whole answer for such a vehicle stands.
func (r CatalogueRow) Vehicle() VehicleAsk {
	a := VehicleAsk{Make: r.Makes[0], Year: max(r.From, 0), Market: first(r.Markets)}
	if a.Year == 0 {
		a.Year = r.To
	}
	if len(r.Models) > 0 && r.Models[0] != "*" {
		a.Model = r.Models[0]
	}
	return a
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// VehicleAsk is a vehicle as it is asked about.
type VehicleAsk struct {
	Make, Model string
	Year        int
	Market      string
}

// YearText is the year, or nothing.
func (a VehicleAsk) YearText() string {
	if a.Year == 0 {
		return ""
	}
	return strconv.Itoa(a.Year)
}

// Title names it.
func (a VehicleAsk) Title() string {
	return strings.Join(strings.Fields(a.Make+" "+a.Model+" "+a.YearText()), " ")
}

// KnownVehicle is the page of what is known of the modules of one kind of
// vehicle.
type KnownVehicle struct {
	Base
	Ask       VehicleAsk
	Problem   string
	VIN       string         // where it was looked up by one
	Read      *gate.LookedUp // likewise
	Answer    telematics.Answer
	Parties   map[string]string // module maker -> id in the supply graph
	Questions []telematics.Question
	Found     []telematics.Group // what this site's inspections found of the model
	Terms     telematics.Terms
	Sees      bool // may see what inspections found
}

func (*KnownVehicle) template() string { return "knownvehicle" }

// Candidates are those of a unit with what a page needs beside them.
func (v *KnownVehicle) Candidates(u telematics.Unit) []KnownModule {
	out := make([]KnownModule, len(u.Candidates))
	for i, c := range u.Candidates {
		out[i] = KnownModule{Base: v.Base, Candidate: c, Party: v.Parties[c.Maker]}
	}
	return out
}

// KnownModule is one module that may be the one in a unit.
type KnownModule struct {
	Base
	telematics.Candidate
	Party string
}

// Name is the module, or that no source names it.
func (m KnownModule) Name() string {
	return module(m.Base, m.Candidate.Maker, m.Candidate.Model, m.ChipDown)
}

// Sure is the certainty in words.
func (m KnownModule) Sure() string { return m.Base.Certainty(m.Candidate.Certainty) }

// Years is the period of which the sources speak.
func (m KnownModule) Years() string {
	if m.YearFrom == 0 && m.YearTo == 0 {
		return m.Period
	}
	return m.period(m.YearFrom, m.YearTo)
}

// Fact is one thing that the sources tell beside the module's maker.
type ToldRow struct {
	Key     string
	Value   string
	Because string
	Sources []telematics.Source
}

// Tells are who updates the module, and where it reports to.
func (m KnownModule) Tells() (out []ToldRow) {
	for _, t := range [...]struct {
		key string
		telematics.Told
	}{{"known.updater", m.Updater}, {"known.back_end", m.BackEnd}, {"known.sim_home", m.SIMHome}} {
		v := t.Value
		if t.key == "known.updater" && v != "" {
			v = m.Words.Or("known.updater."+strings.ReplaceAll(v, " ", "-"), v)
		} else if v != "" {
			v = cmp.Or(m.Land(v), v)
		}
		if t.Name != "" {
			v += " (" + t.Name + ")"
		}
		out = append(out, ToldRow{t.key, cmp.Or(v, m.T("truth.unknown")), t.Because, t.Sources})
	}
	return out
}

// Can are what such a vehicle can record.
func (v *KnownVehicle) Can() []CanRow {
	c := v.Answer.Can
	return []CanRow{{"camera_outside", c.CameraOutside}, {"camera_inside", c.CameraInside}, {"microphone", c.Microphone}, {"gnss", c.GNSS}, {"sentry", c.Sentry}}
}

// CanRow is one ability.
type CanRow struct {
	Key string
	telematics.Fitted
}

// Groups are what this site's inspections found.
func (v *KnownVehicle) Groups() (out []FoundGroup) {
	for _, g := range v.Found {
		out = append(out, FoundGroup{Base: v.Base, Group: g, Terms: v.Terms})
	}
	return out
}

// FoundGroup is what was found in the vehicles of one group in one unit.
type FoundGroup struct {
	Base
	telematics.Group
	Terms telematics.Terms
}

// Kind names the vehicles of the group.
func (g FoundGroup) Kind() string {
	s := VehicleAsk{Make: g.Make, Model: g.Model, Year: g.ModelYear}.Title()
	for _, more := range [...]string{g.Market, g.Plant} {
		if more != "" {
			s += ", " + more
		}
	}
	return s
}

// Shares are the makers found, then that none was.
func (g FoundGroup) Shares() (out []FoundShare) {
	for _, s := range g.Makers {
		out = append(out, FoundShare{g, s, module(g.Base, s.Maker, "", s.ChipDown)})
	}
	if g.Other.Found > 0 {
		out = append(out, FoundShare{g, g.Other, g.T("found.other")})
	}
	return append(out, FoundShare{g, g.None, g.T("found.none")})
}

// FoundShare is one part of a group.
type FoundShare struct {
	Group FoundGroup
	telematics.Share
	Name string
}

// Bounds is the share with its bounds, or that there are too few.
func (s FoundShare) Bounds() string {
	b := s.Group.Base
	if !s.Group.Enough {
		return "–"
	}
	return b.T("found.bounds", b.Percent(s.Share.Share), b.Percent(s.Low), b.Percent(s.High))
}

// Supply is the page of who stands behind a party on a day.
type Supply struct {
	Base
	Text    string // searched for
	Found   []supply.Party
	Party   supply.Party // the one shown; without id: none
	Day     time.Time
	First   time.Time // where the slider begins
	Last    time.Time // and ends
	Turning []time.Time
	Edition string
	Problem string
	Chain   picture.Chain
	SVG     template.HTML // drawn by picture.Draw, which escapes every text
	Answers []SupplyAnswer
	Edges   []EdgeChoice
	Lists   []EditionChoice
	Asks    bool // may ask what if
	If      *Supposed
}

func (*Supply) template() string  { return "supply" }
func (*Supply) regions() []string { return []string{"drawn"} }

// ISODay is a day for fields and addresses.
func ISODay(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// DayText is the day for its field.
func (s *Supply) DayText() string { return ISODay(s.Day) }

// FirstText is the first day that can be asked.
func (s *Supply) FirstText() string { return ISODay(s.First) }

// At is the place of the day on the slider, and Length its end: days since First.
func (s *Supply) At() int     { return daysBetween(s.First, s.Day) }
func (s *Supply) Length() int { return daysBetween(s.First, s.Last) }

func daysBetween(from, to time.Time) int { return int(to.Sub(from) / (24 * time.Hour)) }

// Turns are the days on which something changes.
func (s *Supply) Turns() (out []TurnDay) {
	for _, d := range s.Turning {
		out = append(out, TurnDay{ISODay(d), s.PlainDay(d), daysBetween(s.First, d), d.Equal(s.Day)})
	}
	return out
}

// PlainDay writes a day that has no zone.
func (b Base) PlainDay(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return b.Words.Date(time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC))
}

// TurnDay is a day on which something changes.
type TurnDay struct {
	ISO, Words string
	At         int
	Here       bool
}

// Hows are the ways in which something can be supposed otherwise.
func (*Supply) Hows() []string { return []string{"drop", "change", "add", "entry", "drop-entry"} }

// SupplyAnswer is the answer to one question on a party.
type SupplyAnswer struct {
	Question string
	supply.Answer
}

// EdgeChoice is an edge that can be supposed otherwise.
type EdgeChoice struct {
	ID, Words string
	Chosen    bool
}

// EditionChoice is an edition of a list that can be supposed otherwise.
type EditionChoice struct {
	ID, Title string
	Names     bool // it names the party
	Chosen    bool
}

// Supposed is a what-if as it was typed, and what came of it.
type Supposed struct {
	Edge, How, Share, Since, Until, Owner, Edition string
	Problem                                        string // in the page's language
	Detail                                         string // in English
	Done                                           bool
	Words                                          []string // the change, in English
	Zone, Policy                                   string
	Report                                         gate.WhatIfReport
	Took                                           time.Duration
}

// Counts are the kinds of subjects with their numbers.
func (s *Supposed) Counts() []SupposedCount {
	r := s.Report
	return []SupposedCount{{"makes", r.Makes}, {"rows", r.Rows}, {"vehicles", r.Vehicles}, {"passages", r.Passages}}
}

// SupposedCount counts the subjects of one kind.
type SupposedCount struct {
	Kind string
	gate.WhatIfCount
}

// supposedShown bounds how many subjects of a kind are listed.
const supposedShown = 100

// List are the subjects that would be judged otherwise: registered vehicles
// first, then passages, makes and catalogue rows.
func (s *Supposed) List() (out []gate.Rejudged) {
	for _, kind := range [...]string{gate.WhatIfVehicle, gate.WhatIfPassage, gate.WhatIfMake, gate.WhatIfRow} {
		n := 0
		for _, r := range s.Report.List {
			if r.Kind == kind && n < supposedShown {
				out = append(out, r)
				n++
			}
		}
	}
	return out
}

// More is how many are left out.
func (s *Supposed) More() int { return len(s.Report.List) - len(s.List()) }

// Lists is the page of the official lists.
type Lists struct {
	Base
	Rows    []ListRow
	Edition string
}

func (*Lists) template() string { return "lists" }

// ListRow is one list.
type ListRow struct {
	supply.List
	Now *supply.Edition // in force; nil: none
}

// OfficialList is the page of one list.
type OfficialList struct {
	Base
	List     supply.List
	Now      *supply.Edition
	Today    time.Time
	Text     string // searched for among the entries
	Entries  []supply.Entry
	Total    int // entries found
	From, To string
	Problem  string
	Detail   string
	Changes  *supply.Changes
	Turned   []supply.Turn
	Touched  []supply.Touched
	Judged   int
	Asks     bool // may see which vehicles
}

func (*OfficialList) template() string { return "list" }

// State is what an edition is today.
func (l *OfficialList) State(e supply.Edition) string {
	return l.K("list.state.", strings.ReplaceAll(string(e.State(l.Today)), " ", "-"))
}

// Groups are the differences by kind.
func (l *OfficialList) Groups() (out []DifferenceGroup) {
	c := l.Changes
	for _, g := range [...]DifferenceGroup{{"added", c.Added}, {"removed", c.Removed}, {"ended", c.Ended}, {"renamed", c.Renamed}, {"matched", c.Matched}, {"newer", c.OnlyNewer}, {"older", c.OnlyOlder}} {
		if len(g.List) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// DifferenceGroup is the differences of one kind.
type DifferenceGroup struct {
	Kind string
	List []supply.Difference
}

// By are the turns that touch a vehicle, with what the party is to it.
func (l *OfficialList) By(t supply.Touched) (out []TouchedBy) {
	for _, i := range t.By {
		turn := l.Turned[i]
		for _, r := range t.Roles {
			if r.Party == turn.Party {
				out = append(out, TouchedBy{turn.Name, r.As, l.Named(turn.Was.Value), l.Named(turn.Now.Value)})
			}
		}
	}
	return out
}

// TouchedBy is one party of a vehicle of which a list says another thing.
type TouchedBy struct{ Name, As, Was, Now string }

// Suppliers is the page of the positive lists.
type Suppliers struct {
	Base
	Day        time.Time
	Lists      []supply.TrustList
	Authorised []supply.Authorisations
	Faults     []supply.Advisory
	Names      map[string]string // of parties, by id
	Edition    string
}

func (*Suppliers) template() string { return "suppliers" }

// Holds says whether a trust holds today.
func (s *Suppliers) Holds(t supply.Trust) bool { return t.InForce(s.Day) }

// Name is what a party is called.
func (s *Suppliers) Name(id string) string { return cmp.Or(s.Names[id], id) }

// Of are the published faults that name a party.
func (s *Suppliers) Of(party string) (out []supply.Advisory) {
	for _, f := range s.Faults {
		for _, p := range f.Parties {
			if p == party {
				out = append(out, f)
			}
		}
	}
	return out
}

// Release is a signed release of reference data, as the page of the data shows
// it.
type Release struct {
	Number     int64
	Of         time.Time
	AgeDays    int
	Installed  time.Time
	Expires    time.Time
	Expired    bool
	ExpiresOf  string // which part of the chain
	Signers    []string
	Root       int64
	RootNeed   int
	RootBy     []string
	Roles      []ReleaseRole
	Disagree   []Disagreement
	DisagreeOf int // of which there are in all
}

// ReleaseRole is one authority that brings parts.
type ReleaseRole struct {
	Name, Title, Standing string
	Version               int64
	Signers               []string
	Need                  int
	Expires               time.Time
	Parts                 []ReleasePart
}

// ReleasePart is one file of a release.
type ReleasePart struct {
	Path, Edition, SHA256 string
	Bytes                 int64
}

// Disagreement is one row on which two authorities say different things.
type Disagreement struct {
	Part, Section, ID, Role, Used, Ours, Theirs string
}

// Watch is the page of the watch list.
type Watch struct {
	Base
	All     bool // also those that ended
	Rows    []WatchRow
	Edits   bool
	Done    string // key of what was done
	Problem string
	Detail  string
	Typed   gate.WatchEntry
	From    string
	Until   string
	Seek    string
	Total   int
}

func (*Watch) template() string { return "watch" }

// Kinds are the kinds of entries.
func (*Watch) Kinds() []gate.WatchKind {
	return []gate.WatchKind{gate.WatchVIN, gate.WatchPlate, gate.WatchMaker, gate.WatchGroup}
}

// WatchRow is one entry.
type WatchRow struct {
	Base
	gate.WatchEntry
	Asked *gate.WatchStep // somebody has asked that it be removed
	Gone  *gate.WatchStep // removed
	Mine  bool            // it was this person who asked
	Holds bool
}

// NewWatchRow makes the row of an entry as it is now, for a person.
func (b Base) NewWatchRow(e gate.WatchEntry, who string, at time.Time) WatchRow {
	r := WatchRow{Base: b, WatchEntry: e, Holds: e.Holds(at)}
	for i, s := range e.Steps {
		switch s.Kind {
		case gate.WatchRemovalAsked:
			r.Asked, r.Mine = &e.Steps[i], s.By == who
		case gate.WatchRemoved:
			r.Gone = &e.Steps[i]
		}
	}
	return r
}

// WatchFile is the page of a file of entries that was read and not yet entered.
type WatchFile struct {
	Base
	Name  string
	Key   string // by which it is entered
	Good  int
	Bad   []gate.RowError
	BadIn int // all bad rows
	Rows  []gate.WatchEntry
	Until time.Time
}

func (*WatchFile) template() string { return "watchfile" }

// Machines is the page of what machines are enrolled.
type Machines struct {
	Base
	Rows    []MachineRow
	Lanes   []Pick
	Kinds   []string
	Problem string
	Token   string // of the one just enrolled, shown once
	ID      string // of it
	Typed   struct {
		Name, Kind, Lane string
		Days             int
	}
}

func (*Machines) template() string { return "machines" }

// MachineRow is one enrolled machine.
type MachineRow struct {
	ID, Name, Kind, Lane string
	Created              time.Time
	Revoked              bool
}
