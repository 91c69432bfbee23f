package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/policy"
)

// FleetHead is what every page of one fleet has.
type FleetHead struct {
	ID, Name string
	Closed   bool
	Classes  []string
	Edits    bool   // this person may change it
	Here     string // vehicles, add, import, exposure
	Said     string // what was just done; empty is nothing
	Problem  string
}

// Address is where a page of the fleet stands.
func (h FleetHead) Address(page string) string {
	if page != "" {
		page = "/" + page
	}
	return "/fleet/of/" + h.ID + page
}

// NewFleetHead makes it.
func NewFleetHead(f gate.Fleet, here string, edits bool) FleetHead {
	h := FleetHead{ID: f.ID, Name: f.Name, Closed: f.Closed, Here: here, Edits: edits && !f.Closed}
	for _, c := range f.Classes {
		h.Classes = append(h.Classes, string(c))
	}
	return h
}

// Fleets is the page of the fleets that a person may see.
type Fleets struct {
	Base
	Rows     []FleetRow
	Manages  bool // this person makes fleets
	All      []string
	Asked    int // exemptions that wait for a decision
	Notices  int // of late
	Done     bool
	Problem  string
	ID, Name string // typed into a form that was refused
	Checked  []string
}

func (Fleets) template() string { return "fleets" }

// Ticked says whether a class was ticked in a form that was refused.
func (p Fleets) Ticked(class string) bool { return slices.Contains(p.Checked, class) }

// FleetRow is one fleet.
type FleetRow struct {
	FleetHead
	Count gate.FleetCount
}

// Fleet is the page of the vehicles of a fleet.
type Fleet struct {
	Base
	FleetHead
	Count   gate.FleetCount
	Rows    []FleetVehicleRow
	Zones   []string
	Text    string // what is sought
	Outcome string
	More    int64 // where the next page begins; 0 is the end
}

func (Fleet) template() string { return "fleet" }

// Outcomes are the choices of the filter.
func (Fleet) Outcomes() []string { return []string{"deny", "flag", "grant", "none"} }

// FleetVehicleRow is one vehicle of a fleet.
type FleetVehicleRow struct {
	Seq        int64
	VIN, Plate string
	Title      string // make, model and year
	BuiltIn    string
	BuiltOn    string
	Class      string
	Declared   []string
	Papers     int
	At         []FleetVerdict
	Exempt     bool
}

// FleetVerdict is what would be decided at one zone of the site.
type FleetVerdict struct {
	Zone, Outcome, Why string
	English            bool // there are no words in the page's language
}

// Row makes the row of a vehicle, by what would be decided of it; of a vehicle
// without VIN nothing is foreseen.
func (b Base) Row(v *gate.FleetVehicle, zones []string, list []gate.Assessment, say Say) FleetVehicleRow {
	r := FleetVehicleRow{
		Seq: v.Seq, VIN: groupVIN(v.Listed.VIN), Plate: v.Listed.Plate, Class: string(v.Listed.Class), BuiltOn: v.Listed.BuiltOn, Papers: v.Papers,
		Exempt: slices.ContainsFunc(v.Listed.Exempt, func(a policy.Authorisation) bool { return !b.Now.Before(a.From) && b.Now.Before(a.Until) }),
	}
	for _, d := range v.Listed.Declared {
		r.Declared = append(r.Declared, d.Value)
	}
	r.Title = strings.TrimSpace(strings.Join([]string{v.Listed.Make, v.Listed.Model}, " "))
	if v.Listed.ModelYear > 0 {
		r.Title = strings.TrimSpace(fmt.Sprint(r.Title, " ", v.Listed.ModelYear))
	}
	for i, a := range list {
		if i == 0 {
			r.Title, r.BuiltIn = cmp.Or(vehicleTitle(a.Vehicle), r.Title), a.Vehicle.BuiltIn
		}
		fv := FleetVerdict{Outcome: outcomeName(a.Verdict.Outcome)}
		if i < len(zones) {
			fv.Zone = zones[i]
		}
		if rs := b.reasons(a.Verdict.Hash, a.Verdict.Reasons[:min(1, len(a.Verdict.Reasons))], say); len(rs) > 0 {
			fv.Why, fv.English = rs[0].Say, rs[0].Because == "" && b.Lang() != "en"
		}
		r.At = append(r.At, fv)
	}
	return r
}

// FleetVehicle is the page of one vehicle.
type FleetVehicle struct {
	Base
	FleetHead
	Row        FleetVehicleRow
	Problems   []string // with its VIN
	Basis      string   // of where it was built
	Market     string
	By         string
	Since      time.Time
	Declared   []gate.Declared
	Zones      []FleetZone
	Documents  []gate.Document
	Kinds      []string
	Exemptions []FleetExemption
	Rules      []RuleChoice
	Passes     []FleetPassRow
	Notices    []FleetNotice
	ZoneNames  []string
	IssuesPass bool
	Today      string
	Reason     string // typed into a form that was refused
}

func (FleetVehicle) template() string { return "fleetvehicle" }

// FleetZone is what would be decided at a zone, in full.
type FleetZone struct {
	Name string
	Assessed
}

// Zone makes it.
func (b Base) Zone(name string, a gate.Assessment, say Say) FleetZone {
	return FleetZone{name, assessed(b, b.Now, "", a, say)}
}

// RuleChoice is a rule that may be named in a form.
type RuleChoice struct{ ID, Title, Outcome string }

// FleetExemption is one exemption.
type FleetExemption struct {
	gate.Exemption
	State     string
	FleetName string
	Plain     string // VIN in groups
	Honoured  bool   // the rules in force lift its rule
	Decides   bool   // this person may grant or refuse it
	Ends      bool   // this person may end it
	Withdraws bool
}

// Exemption makes it.
func (b Base) Exemption(e gate.Exemption, fleet string, honoured, decides, edits bool) FleetExemption {
	state := e.State(b.Now)
	return FleetExemption{
		Exemption: e, State: string(state), FleetName: fleet, Plain: groupVIN(e.VIN), Honoured: honoured,
		Decides: decides && state == gate.ExemptionAsked && b.Person != nil && b.Person.Name != e.By,
		Ends:    decides && (state == gate.ExemptionHolds || state == gate.ExemptionDue), Withdraws: edits && state == gate.ExemptionAsked,
	}
}

// FleetExemptions is the page of what fleets ask to be let off.
type FleetExemptions struct {
	Base
	Rows    []FleetExemption
	Fleets  []FleetRow   // for which this person may ask
	Rules   []RuleChoice // likewise
	Version int          // that was just proposed to honour one; 0 is none
	Said    string       // granted, refused …
	Problem string
	Reason  string
	Today   string
}

func (FleetExemptions) template() string { return "fleetexemptions" }

// FleetPassRow is one pass of a vehicle.
type FleetPassRow struct {
	gate.VehiclePass
	State string // holds, due, ended, revoked
}

// Pass makes it.
func (b Base) Pass(p gate.VehiclePass) FleetPassRow {
	r := FleetPassRow{p, "holds"}
	switch {
	case slices.ContainsFunc(p.Steps, func(s gate.PassStep) bool { return s.Kind == gate.PassStepRevoked }):
		r.State = "revoked"
	case !b.Now.Before(p.Until):
		r.State = "ended"
	case b.Now.Before(p.From):
		r.State = "due"
	}
	return r
}

// FleetPass is the page of a pass, to print.
type FleetPass struct {
	Base
	FleetHead
	Seq   int64
	Pass  FleetPassRow
	Plain string // VIN in groups
	Code  QR
	Words []PassWords
}

func (FleetPass) template() string { return "fleetpass" }

// PassWords are the words for the driver in one language.
type PassWords struct {
	Lang, Title, Text string
}

// NewFleetPass makes the page; words gives those of a language.
func NewFleetPass(b Base, h FleetHead, seq int64, p gate.VehiclePass, code QR, words func(lang, key string) string) FleetPass {
	page := FleetPass{Base: b, FleetHead: h, Seq: seq, Pass: b.Pass(p), Plain: groupVIN(p.VIN), Code: code}
	for _, l := range b.Languages {
		page.Words = append(page.Words, PassWords{l.Code, words(l.Code, "fleet.pass.driver.title"), words(l.Code, "fleet.pass.driver")})
	}
	return page
}

// FleetForm is the page on which a vehicle is entered or changed.
type FleetForm struct {
	Base
	FleetHead
	Seq      int64 // of the one that is changed; 0: a new one
	V        map[string]string
	Wrong    map[string]string // words by field
	Row      *FleetVehicleRow  // what would be decided of it, once enough was typed
	Problems []string
}

func (*FleetForm) template() string  { return "fleetform" }
func (*FleetForm) regions() []string { return []string{"foreseen"} }

// Value is what stands in a field.
func (f *FleetForm) Value(field string) string { return f.V[field] }

// Fault is what is wrong with a field.
func (f *FleetForm) Fault(field string) string { return f.Wrong[field] }

// FaultWords are the words for what is wrong with a vehicle.
func (b Base) FaultWords(f gate.VehicleFault) string {
	value := f.Value
	if f.Field == gate.FieldClass && b.Words.Has("class."+value) {
		value = b.T("class." + value)
	}
	return b.T("fleet.fault."+f.Code, value)
}

// FleetImport is the page of an import.
type FleetImport struct {
	Base
	FleetHead
	V       *gate.ImportView // nil: no file yet
	Columns []ImportColumn
	Fields  []string
	Bad     []ImportFault // the first of them
	Detail  string        // what is wrong with a file, for who made it
}

func (*FleetImport) template() string  { return "fleetimport" }
func (*FleetImport) regions() []string { return []string{"progress"} }

// ImportColumn is one column of the file.
type ImportColumn struct {
	Number  int
	Head    string
	Samples []string
	Field   string
}

// ImportFault is one bad row.
type ImportFault struct {
	Line, Column        int
	Header, Field, Says string
}

// MaxShownFaults is how many bad rows the page shows; the file that it offers has
// all.
const MaxShownFaults = 200

// NewFleetImport makes the page.
func NewFleetImport(b Base, h FleetHead, v *gate.ImportView) *FleetImport {
	p := &FleetImport{Base: b, FleetHead: h, V: v, Fields: gate.VehicleFields()}
	if v == nil {
		return p
	}
	for i, f := range v.Fields {
		c := ImportColumn{Number: i + 1, Field: f}
		if i < len(v.Head) {
			c.Head = v.Head[i]
		}
		for _, row := range v.Samples {
			if i < len(row) && strings.TrimSpace(row[i]) != "" {
				c.Samples = append(c.Samples, row[i])
			}
		}
		p.Columns = append(p.Columns, c)
	}
	for _, f := range v.Bad[:min(len(v.Bad), MaxShownFaults)] {
		p.Bad = append(p.Bad, ImportFault{Line: f.Line, Column: f.Column, Header: f.Header, Field: f.Field, Says: b.FaultWords(f.VehicleFault)})
	}
	return p
}

// Encodings are the choices.
func (*FleetImport) Encodings() []string {
	return []string{gate.EncodingUTF8, gate.Encoding1250, gate.Encoding1252}
}

// Percent is how far what runs is.
func (p *FleetImport) Percent() int {
	if p.V == nil || p.V.Of == 0 {
		return 0
	}
	return 100 * p.V.Done / p.V.Of
}

// Count writes a number.
func (p *FleetImport) Count(n int) string { return p.Words.Count(uint64(max(0, n))) }

// Hidden is how many bad rows the page does not show.
func (p *FleetImport) Hidden() int {
	if p.V == nil {
		return 0
	}
	return max(0, len(p.V.Bad)-MaxShownFaults)
}

// Delimiter names what separates the cells.
func (p *FleetImport) Delimiter() string {
	if p.V.Comma == '\t' {
		return "⇥"
	}
	return string(p.V.Comma)
}

// FleetNotices is the page of what became, or becomes, milder or stricter.
type FleetNotices struct {
	Base
	Rows   []FleetNotice
	Future bool // only what will be
	More   int64
}

func (FleetNotices) template() string { return "fleetnotices" }

// FleetNotice is one notice.
type FleetNotice struct {
	gate.Notice
	Plain     string // VIN in groups
	FleetName string
	Causes    []string
	Say       string // the rule's words; empty where there are none
}

// Notice makes it.
func (b Base) Notice(n gate.Notice, fleet, say string) FleetNotice {
	out := FleetNotice{Notice: n, Plain: groupVIN(n.Listed.VIN), FleetName: fleet, Say: say}
	for _, c := range n.Cause {
		out.Causes = append(out.Causes, b.K("fleet.cause.", c))
	}
	return out
}

// FleetExposure is the page of how a fleet is exposed.
type FleetExposure struct {
	Base
	FleetHead
	Zone     string // at which the verdicts are
	Vehicles int
	Charts   []Chart
}

func (FleetExposure) template() string { return "fleetexposure" }

// maxBars is how many lines a chart of names has; the rest is summed up.
const maxBars = 15

// NewFleetExposure makes the page.
func NewFleetExposure(b Base, h FleetHead, zone string, x gate.Exposures) FleetExposure {
	p := FleetExposure{Base: b, FleetHead: h, Zone: zone, Vehicles: x.Vehicles}
	add := func(id string, rows []gate.ExposureRow, name func(string) string) {
		c := Chart{Base: b, ID: "x" + id, Kind: Bars, Title: b.T("fleet.exposure." + id), About: b.T("fleet.exposure." + id + ".about"), Rows: b.T("fleet.exposure." + id + ".row")}
		grant, flag, deny := Series{Name: b.T("outcome.grant"), Tone: "grant"}, Series{Name: b.T("outcome.flag"), Tone: "flag"}, Series{Name: b.T("outcome.deny"), Tone: "deny"}
		put := func(label string, r gate.ExposureRow) {
			c.Points = append(c.Points, label)
			grant.Values, flag.Values, deny.Values = append(grant.Values, float64(r.Grant)), append(flag.Values, float64(r.Flag)), append(deny.Values, float64(r.Deny))
		}
		for _, r := range rows[:min(len(rows), maxBars)] {
			label := b.T("fleet.exposure.unknown")
			if r.Name != "" {
				label = name(r.Name)
			}
			put(label, r)
		}
		if len(rows) > maxBars {
			var rest gate.ExposureRow
			for _, r := range rows[maxBars:] {
				rest.Grant, rest.Flag, rest.Deny = rest.Grant+r.Grant, rest.Flag+r.Flag, rest.Deny+r.Deny
			}
			put(b.T("fleet.exposure.rest"), rest)
		}
		c.Series = []Series{deny, flag, grant}
		p.Charts = append(p.Charts, c)
	}
	same := func(s string) string { return s }
	add("maker", x.Makers, same)
	add("owner", x.Owners, same)
	add("country", x.Country, same)
	add("certainty", x.Certain, func(s string) string { return b.K("fleet.certainty.", s) })
	return p
}
