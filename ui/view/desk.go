package view

import (
	"cmp"
	"strconv"
	"time"

	"sallyport/gate"
)

// Desk is the page of one lane's watch: who has it, how it is handed over, what
// may be done with the lane, and its alarms.
type Desk struct {
	Base
	LaneID  string
	Name    string
	State   gate.State
	Holder  string // who has the lane; empty: nobody
	Since   time.Time
	Mine    bool   // this person has it
	Offered string // to whom it is offered; empty: nobody
	ToMe    bool   // it is offered to this person
	Note    string // of the offer
	Counts  []Count
	Left    string // overrides that are left in this shift, in words
	People  []string
	Signers []string // who can confirm with a PIN
	Alarms  []LaneAlarm
	Acts    []LaneAct
	Problem string
	Teaches bool // the training mode is there
}

func (Desk) template() string { return "desk" }

// Count is one number of a shift.
type Count struct {
	Key string // after "count."
	N   int
}

// LaneAlarm is one alarm as a lane shows it.
type LaneAlarm struct {
	ID    int
	Words string
	Since time.Time
	Over  bool
	By    string
}

// LaneAct is one thing that may be done with the lane.
type LaneAct struct {
	Kind gate.ActKind
	Why  []string // codes of reasons to choose from; empty: none is asked
}

// LaneReasons are the codes of the reasons for acts on a lane.
func LaneReasons() []string { return []string{"staff", "device", "works", "weather", "security"} }

// LaneActKinds are the acts on a lane that the page offers, in its order.
func LaneActKinds() []gate.ActKind {
	return []gate.ActKind{gate.ActReopen, gate.ActClose, gate.ActManualStart, gate.ActManualEnd, gate.ActTurnEntry, gate.ActTurnExit, gate.ActEgress, gate.ActEgressEnd}
}

// AlarmKinds are the kinds of alarms that pages name.
func AlarmKinds() []gate.AlarmKind {
	return []gate.AlarmKind{gate.AlarmTailgating, gate.AlarmTwoInOne, gate.AlarmForced, gate.AlarmHeldOpen, gate.AlarmWrongWay,
		gate.AlarmRanThrough, gate.AlarmNotThrough, gate.AlarmEgressArm, gate.AlarmTamper, gate.AlarmCovered, gate.AlarmDeviceLost, gate.AlarmUnconfirmed, gate.AlarmDuress, gate.AlarmDutyOfficer, gate.AlarmPINLocked, gate.AlarmRecords, gate.AlarmDamaged, gate.AlarmUnguarded, gate.AlarmBell}
}

// alarmWords is an alarm in words.
func (b Base) alarmWords(kind gate.AlarmKind, of string) string {
	s := b.Words.Or("alarm."+string(kind), string(kind))
	if of != "" {
		s += " · " + b.Words.Or("device."+of, of)
	}
	return s
}

// NewDesk makes the page.
func NewDesk(b Base, lv gate.LaneView, step gate.ShiftStep, counts gate.ShiftCounts) *Desk {
	d := &Desk{
		Base: b, LaneID: string(lv.Lane), Name: cmp.Or(lv.Name, string(lv.Lane)), State: lv.State,
		Holder: step.Holder, Since: step.Since, Offered: step.Offered(),
	}
	if b.Person != nil {
		d.Mine, d.ToMe = step.Holder == b.Person.Name && step.Holder != "", d.Offered == b.Person.Name && d.Offered != ""
	}
	if d.Offered != "" {
		d.Note = step.Note
	}
	if d.Holder != "" {
		d.Counts = Counts(counts, false)
	}
	for _, a := range lv.Alarms {
		if a.Kind != gate.AlarmDuress {
			d.Alarms = append(d.Alarms, LaneAlarm{ID: a.ID, Words: b.alarmWords(a.Kind, a.Of), Since: a.Since, Over: a.Over, By: a.By})
		}
	}
	for _, kind := range LaneActKinds() {
		for _, may := range lv.LaneActs {
			if may == kind {
				a := LaneAct{Kind: kind}
				if kind == gate.ActClose || kind == gate.ActManualStart {
					a.Why = LaneReasons()
				}
				d.Acts = append(d.Acts, a)
			}
		}
	}
	return d
}

// CountKeys are the numbers of a shift, in the order in which they are shown.
func CountKeys() []string {
	return []string{"arrivals", "grants", "flags", "denies", "admitted", "turned_away", "inspected", "held", "overrides", "refused", "forms", "alarms", "open_alarms", "faults"}
}

// Counts are the numbers of a shift in the order in which they are shown. What
// is not for guards is among them only where all is asked for.
func Counts(c gate.ShiftCounts, all bool) []Count {
	numbers := []int{c.Arrivals, c.Grants, c.Flags, c.Denies, c.Admitted, c.TurnedAway, c.Inspected, c.Held, c.Overrides, c.Refused, c.Forms, c.Alarms, c.OpenAlarms, c.Faults}
	out := make([]Count, 0, len(numbers)+1)
	for i, key := range CountKeys() {
		out = append(out, Count{key, numbers[i]})
	}
	if all {
		out = append(out, Count{"duress", c.Duress})
	}
	return out
}

// Forms is the page of a lane's paper forms.
type Forms struct {
	Base
	LaneID  string
	Name    string
	Missing []string // numbers that nobody has accounted for
	Turns   bool     // vehicles go both ways here
	Blank   string   // the printed ones that are not used yet, in words
	Rows    []FormRow
	Problem string
	Entry   FormTyped
}

func (Forms) template() string { return "forms" }

// FormRow is one form.
type FormRow struct {
	Form    int
	Number  string
	Kind    string
	By      string
	At      time.Time
	Second  string
	Passage string
	Note    string
	CanSign bool // this person may countersign it
}

// FormTyped is what was typed into the form of a paper form.
type FormTyped struct{ Number, Day, Clock, VIN, Plate, Guard, Act, Reason, Direction string }

// FormActs are what a paper form can say.
func (Forms) FormActs() []gate.ActKind {
	return []gate.ActKind{gate.ActOpen, gate.ActTurnAway, gate.ActInspect}
}

// NewForms makes the page.
func NewForms(b Base, lv gate.LaneView, list gate.FormList) *Forms {
	f := &Forms{Base: b, LaneID: string(lv.Lane), Name: cmp.Or(lv.Name, string(lv.Lane)), Turns: lv.Turns}
	for _, n := range list.Missing {
		f.Missing = append(f.Missing, gate.FormNumber(lv.Lane, n))
	}
	if n := len(list.Blank); n > 0 {
		f.Blank = gate.FormNumber(lv.Lane, list.Blank[0])
		if n > 1 {
			f.Blank += " – " + gate.FormNumber(lv.Lane, list.Blank[n-1])
		}
	}
	for i := len(list.Forms) - 1; i >= 0 && len(f.Rows) < 100; i-- {
		s := list.Forms[i]
		if s.Kind == gate.FormPrinted {
			continue
		}
		f.Rows = append(f.Rows, FormRow{
			Form: s.Number, Number: gate.FormNumber(lv.Lane, s.Number), Kind: string(s.Kind), By: s.EnteredBy, At: s.At, Second: s.Second,
			Passage: string(s.Passage), Note: s.Note, CanSign: s.Kind == gate.FormEntered && b.Person != nil && b.Person.Name != s.EnteredBy,
		})
	}
	return f
}

// Ways are the directions in which vehicles go at a reversible lane.
func (Forms) Ways() []gate.Direction {
	return []gate.Direction{gate.DirectionEntry, gate.DirectionExit}
}

// FormsPrint is the sheets of blank forms, one a page.
type FormsPrint struct {
	Base
	LaneID  string
	Name    string
	TurnOut string
	Turns   bool
	Numbers []string
}

func (FormsPrint) template() string { return "formsprint" }

// Alarms is the page of what must be looked at, on all lanes.
type Alarms struct {
	Base
	Open   []AlarmRow
	Recent []AlarmRow
	May    bool // this person may take note
}

func (Alarms) template() string { return "alarms" }

// AlarmRow is one alarm.
type AlarmRow struct {
	ID, Lane, Words, By, Passage string
	Kind                         string
	At                           time.Time
	Silent                       bool
	Durable                      bool
	AckBy, Note                  string
	AckAt                        time.Time
}

// NewAlarms makes the page.
func NewAlarms(b Base, open, recent []gate.SiteAlarm) *Alarms {
	row := func(a gate.SiteAlarm) AlarmRow {
		r := AlarmRow{
			ID: a.ID, Lane: string(a.Lane), Words: b.alarmWords(a.Kind, a.Of), Kind: string(a.Kind), By: a.By, Passage: string(a.Passage),
			At: a.At, Silent: a.Silent, Durable: a.Durable,
		}
		if a.Ack != nil {
			r.AckBy, r.AckAt, r.Note = a.Ack.By, a.Ack.At, a.Ack.Note
		}
		return r
	}
	p := &Alarms{Base: b}
	for _, silent := range [...]bool{true, false} { // who is forced comes first
		for i := len(open) - 1; i >= 0; i-- {
			if open[i].Silent == silent {
				p.Open = append(p.Open, row(open[i]))
			}
		}
	}
	for _, a := range recent {
		if a.Ack != nil {
			p.Recent = append(p.Recent, row(a))
		}
	}
	return p
}

// Shifts is the history of who had which lane.
type Shifts struct {
	Base
	Rows  []ShiftRow
	Older int64 // the next page is before this log number; 0 at the end
}

func (Shifts) template() string { return "shifts" }

// ShiftRow is one step.
type ShiftRow struct {
	Lane, Kind, By, To, Note string
	Shift                    int
	At                       time.Time
	Seq                      int64
	Counts                   []Count // empty where none are part of it
}

// NewShiftRow makes one line of the history, with all numbers or those for guards.
func NewShiftRow(s gate.ShiftStep, all bool) ShiftRow {
	r := ShiftRow{Lane: string(s.Lane), Kind: string(s.Kind), By: s.By, To: s.To, Note: s.Note, Shift: s.Shift, At: s.At, Seq: s.Seq}
	if s.Counts != nil {
		for _, c := range Counts(*s.Counts, all) {
			if c.N != 0 {
				r.Counts = append(r.Counts, c)
			}
		}
	}
	return r
}

// Choice is one entry of a list to choose from.
type Choice struct{ Code, Label string }

// ReasonChoices are the reasons that the site offers, or else the program's, in the
// page's language. The last is always that in the person's own words.
func (b Base) ReasonChoices(site []gate.ActReason) []Choice {
	var out []Choice
	for _, r := range site {
		if r.Code == gate.ReasonOther {
			continue
		}
		label := map[string]string{"en": r.En, "pl": r.Pl, "de": r.De}[b.Lang()]
		out = append(out, Choice{r.Code, cmp.Or(label, b.Words.Or("act.reason."+r.Code, cmp.Or(r.En, r.Code)))})
	}
	if len(out) == 0 {
		for _, code := range ReasonCodes() {
			if code != gate.ReasonOther {
				out = append(out, Choice{code, b.T("act.reason." + code)})
			}
		}
	}
	return append(out, Choice{gate.ReasonOther, b.T("act.reason." + gate.ReasonOther)})
}

// Digits are the keys of the keypad of PINs, in the order of a telephone's.
func (Base) Digits() []string {
	out := make([]string, 0, 10)
	for d := 1; d <= 9; d++ {
		out = append(out, strconv.Itoa(d))
	}
	return append(out, "0")
}
