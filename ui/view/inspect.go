package view

import (
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/vin/telematics"
)

// Inspections is the page on which a vehicle is picked for inspection: one that
// the lane sent there, or any whose VIN is read.
type Inspections struct {
	Base
	LaneID  string
	Name    string
	TurnOut string
	Rows    []Sent
	Problem string
	VIN     string // what was typed
}

func (Inspections) template() string { return "inspections" }

// Keys are those of a VIN.
func (Inspections) Keys() []string { return Kiosk{}.Keys() }

// Sent is a vehicle that was sent to inspection, or stands at the line.
type Sent struct {
	Passage string
	Vehicle Vehicle
	At      time.Time
	Outcome string
	Here    bool // it stands at the line now
}

// NewSent shows a passage as one that may be inspected.
func NewSent(b Base, p *gate.Passage, here bool) Sent {
	k := Kiosk{Base: b}
	return Sent{Passage: string(p.ID), Vehicle: k.vehicle(p), At: p.At, Outcome: outcomeName(p.Result.Verdict.Outcome), Here: here}
}

// Inspect is the inspection of one vehicle: where to look, what was read, what it
// names, and what was recorded.
type Inspect struct {
	Base
	LaneID  string
	Name    string
	Draft   string // of the inspection, in addresses
	Vehicle Vehicle
	Looks   []Look  // where to look, the surest way first
	Text    string  // of the label, as read so far
	Role    string  // tcu, head-unit, device
	Found   *Reads  // what the text says; nil: nothing was read yet
	Note    string  // as typed
	Photos  bool    // the site keeps photographs
	Two     bool    // at this lane a second person must have seen it
	Problem string  // why the last form was refused
	Record  *Record // what was recorded; nil: nothing yet
	People  []string
	ByPIN   bool   // the second person signs with a PIN
	MayCall bool   // this person may bring the vehicle to the line again
	Busy    string // why that cannot be done now; empty: it can
	AtLine  bool   // it waits at the line, and was decided again already
}

func (Inspect) template() string { return "inspect" }

// Keys are those of a label.
func (Inspect) Keys() []string { return strings.Split("1234567890QWERTYUIOPASDFGHJKLZXCVBNM-:/.", "") }

// Digits are those of a PIN.
func (Inspect) Digits() []string { return strings.Split("1234567890", "") }

// Roles are the units that a label may sit on.
func (Inspect) Roles() []string { return []string{"tcu", "head-unit", "device"} }

// Results are what may have come of it beside an identifier that was found.
func (Inspect) Results() []gate.InspectionResult {
	return []gate.InspectionResult{gate.ResultUnclear, gate.ResultNone, gate.ResultRemoved, gate.ResultIsolated}
}

// Look is one way to learn which module it is.
type Look struct {
	Words   string
	Place   string // where the unit sits in this model, as the source says, in English
	Label   bool   // it is the label of the unit that is to be read
	Settles bool
	Sources []Citation
}

// NewLooks puts the label first, then what settles, then the rest, cheapest
// first; of the rest no more than a guard can do at the lane.
func NewLooks(b Base, qs []telematics.Question) []Look {
	var label, sure, rest []Look
	for _, q := range qs {
		l := Look{Words: b.Words.Or("look."+q.ID, q.Ask), Place: q.Place, Label: q.ID == telematics.AskLabel, Settles: q.Settles}
		if q.Place != "" {
			l.Sources = citations(q.Sources)
		}
		switch {
		case l.Label:
			label = append(label, l)
		case q.Settles:
			sure = append(sure, l)
		case q.ID == telematics.AskManual || q.ID == telematics.AskReplacements:
			rest = append(rest, l)
		}
	}
	return append(append(label, sure...), rest...)
}

func citations(list []telematics.Source) []Citation {
	var out []Citation
	for _, s := range list {
		c := Citation{Title: s.Title, Quote: s.Quote, Date: s.Date, Address: s.Address, Reply: s.Reply}
		if c.Title == "" {
			c.Title = s.ID
		}
		out = append(out, c)
	}
	return out
}

// Reads is what a label's text says.
type Reads struct {
	Certain  bool
	Maker    string   // whose module it certainly is
	Perhaps  []string // whose it may be, where nothing is certain
	Rows     []Ident
	Problems []string // in English
}

// Ident is one identifier that was recognised.
type Ident struct {
	Kind   string // in words
	Text   string // as it stands in the text
	Value  string // as it was read; empty: the same
	Mended bool
	Makers []IdentMaker
}

// IdentMaker is one maker that an identifier may stand for, and who says so.
type IdentMaker struct {
	Name   string // with the model, where one is named
	Unit   bool   // of the whole unit, which says nothing of the module in it
	Source *Citation
}

const identMakers = 4 // of one identifier that are shown

// NewReads puts into words what a text says.
func NewReads(b Base, l telematics.Label) *Reads {
	r := &Reads{Certain: l.Certain, Maker: l.Maker}
	for i := range l.Readings {
		x := &l.Readings[i]
		row := Ident{Kind: b.Words.Or("ident."+x.Kind, x.Kind), Text: x.Text, Mended: x.Mended}
		if x.Value != x.Text {
			row.Value = x.Value
		}
		for _, f := range x.Makers[:min(len(x.Makers), identMakers)] {
			m := IdentMaker{Name: strings.TrimSpace(f.Maker + " " + f.Model), Unit: f.Unit}
			if c := citations(f.Sources); len(c) > 0 {
				m.Source = &c[0]
			}
			row.Makers = append(row.Makers, m)
		}
		r.Rows = append(r.Rows, row)
	}
	if !l.Certain {
		for _, f := range l.Modules {
			if name := strings.TrimSpace(f.Maker + " " + f.Model); len(r.Perhaps) < 2*identMakers {
				r.Perhaps = append(r.Perhaps, name)
			}
		}
	}
	for _, p := range l.Problems {
		r.Problems = append(r.Problems, p.Text)
	}
	return r
}

// Record is an inspection as it was recorded.
type Record struct {
	ID      string
	Result  string
	Role    string
	By      string
	Second  string
	At      time.Time
	Expires time.Time
	Maker   string // that the label certainly names
	Waits   bool   // for a second person
	Photos  []string
	Partly  bool // it is recorded, and its photograph or the new verdict is not
}
