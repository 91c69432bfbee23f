package view

import (
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/policy"
)

// SignIn is the page where a person signs in.
type SignIn struct {
	Base
	Name    string
	Next    string
	Problem string

	Badge    bool   // this browser is a kiosk
	Starts   bool   // start codes are taken here
	Provider string // name of the identity provider; empty: none
}

func (SignIn) template() string { return "signin" }

// Error is the page of a request that did not work.
type Error struct {
	Base
	Text   string
	Number string // of the request, for the log; empty for the person's own mistakes
}

func (Error) template() string { return "error" }

// Lanes is the list of lanes.
type Lanes struct {
	Base
	Lanes []*Kiosk
}

func (Lanes) template() string { return "lanes" }

// NewLanes makes the list of lanes.
func NewLanes(b Base, lanes []gate.LaneView, say Say) Lanes {
	p := Lanes{Base: b}
	for _, l := range lanes {
		p.Lanes = append(p.Lanes, NewKiosk(b, l, say))
	}
	return p
}

// Passages is the list of past passages.
type Passages struct {
	Base
	Form  PassageForm
	Lanes []Choose
	Rows  []PassageRow
	Older int64 // the next page is before this log number; 0 at the end
}

func (Passages) template() string { return "passages" }

// PassageRow is one line of the list.
type PassageRow struct {
	ID, Lane, VIN, Plate, Outcome, Ending string
	Seq                                   int64
	At                                    time.Time
	Erased                                bool
}

// NewPassageRow makes one line of the list.
func NewPassageRow(s gate.PassageSummary) PassageRow {
	return PassageRow{
		ID: string(s.ID), Lane: string(s.Lane), VIN: groupVIN(s.VIN), Plate: s.Plate, Seq: s.Seq,
		Outcome: outcomeName(s.Outcome), Ending: string(s.Ending), At: s.At, Erased: s.Erased,
	}
}

// Passage is one passage in full.
type Passage struct {
	Base
	Row     PassageRow
	Title   string
	Class   string
	Via     string
	BuiltIn string
	Basis   string // what says where it was built
	Problem []string
	First   Assessed
	Later   []Assessed
	Acts    []gate.Act
	Ended   *gate.Outcome
	EndNote string // of the ending, in words
	Paper   string // that it was entered afterwards from a paper form, in words

	Audited bool        // its verdicts can be computed again here
	Replay  []ReplayRow // what was computed again; nil: nothing was
}

func (Passage) template() string { return "passage" }

// Assessed is one assessment of a passage.
type Assessed struct {
	Base
	At         time.Time
	Because    string // why it was assessed again; empty for the first
	Outcome    string
	Presumed   bool
	Policy     string
	Hash       string
	Reasons    []Reason
	Lifted     []Reason
	Open       []string
	Conditions []string
	Work       []string
	Notes      []string
	Facts      []Fact
	Modules    []Module
	Air        []Evidence
	Found      []Finding
	Asked      []Asked
}

// Asked is one question to the supply graph with its answer.
type Asked struct {
	Question string
	Answer   string // yes, no, unknown
	Because  string
	Sources  []Citation
}

// NewPassage makes the page of one passage.
func NewPassage(b Base, r gate.PassageRecord, say Say) Passage {
	p := Passage{
		Base: b, Row: NewPassageRow(r.Summary), Title: vehicleTitle(r.Passage.Result.Vehicle),
		Class: string(r.Passage.Arrival.Class), Via: r.Passage.Arrival.Via,
		BuiltIn: r.Passage.Result.Vehicle.BuiltIn, Basis: r.Passage.Result.Vehicle.BuiltInBasis,
		Problem: r.Passage.Result.Vehicle.Problems,
		Acts:    r.Acts, Ended: r.Outcome,
	}
	if o := r.Outcome; o != nil && o.Note != "" {
		if p.EndNote = b.Words.Or("endnote."+strings.ReplaceAll(o.Note, " ", "-"), o.Note); o.Ending == gate.EndArmFailed && b.Words.Has("fault."+o.Note) {
			p.EndNote = b.faultOf(o.Note, "arm")
		}
	}
	if a := r.Passage.Afterwards; a != nil {
		p.Paper = b.T("passage.afterwards", gate.FormNumber(r.Passage.Lane, a.Form), a.EnteredBy, b.Stamp(a.HappenedAt), a.Guard)
	}
	if r.Passage.Result.Verdict.Outcome != 0 {
		p.First = assessed(b, r.Passage.At, "", r.Passage.Result, say)
	}
	for _, l := range r.Reassessments {
		p.Later = append(p.Later, assessed(b, l.At, l.Because, l.Result, say))
	}
	return p
}

func assessed(b Base, at time.Time, because string, a gate.Assessment, say Say) Assessed {
	v := a.Verdict
	out := Assessed{
		Base: b, At: at, Because: because, Outcome: outcomeName(v.Outcome), Presumed: v.Presumed, Policy: v.Policy, Hash: v.Hash,
		Reasons: b.reasons(v.Hash, v.Reasons, say), Lifted: b.reasons(v.Hash, v.Lifted, say),
		Conditions: b.conditions(v), Work: b.offices(v), Open: b.asks(v.Open), Notes: a.Notes, Facts: facts(a.Facts), Modules: modules(a.Facts.Units),
		Air: evidence(a.Facts.Radio), Found: findings(a.Facts.Arrival),
	}
	for _, q := range a.Asked {
		x := Asked{Question: question(q.Q), Because: q.A.Because, Answer: "unknown"}
		switch q.A.Value {
		case policy.True:
			x.Answer = "yes"
		case policy.False:
			x.Answer = "no"
		case policy.Unknown:
		}
		for _, s := range q.A.Sources {
			if c, ok := cite(s); ok {
				x.Sources = append(x.Sources, c)
			}
		}
		out.Asked = append(out.Asked, x)
	}
	return out
}

func question(q policy.SupplyQuestion) string {
	s := string(q.Party) + " " + q.Op
	if q.Arg != "" {
		s += " " + q.Arg
	}
	if q.Pct != 0 {
		s += " ≥ " + toString(q.Pct) + " %"
	}
	if q.Day != "" {
		s += " @ " + q.Day
	}
	return s
}

// Data is the page of the reference data in use.
type Data struct {
	Base
	Sets    []DataSet
	Release *Release // nil: no signed release is installed
}

func (Data) template() string { return "data" }

// DataSet is one set of reference data.
type DataSet struct {
	Name, Edition, Date, Licence, Source string
	AgeDays                              int // negative is not known
	Rows                                 int
}

// AgeKnown says whether the age is known.
func (d DataSet) AgeKnown() bool { return d.AgeDays >= 0 }

// Web says whether the source can be a link.
func (d DataSet) Web() bool { return Citation{Address: d.Source}.Web() }

// Log is the page that verifies the log.
type Log struct {
	Base
	Report *LogReport // nil before it was run

	Offered     bool // it runs behind the page
	Running     bool
	Done, Total int64     // entries, while it runs
	Failed      string    // stopped, failed: how the last one ended without a result
	By          string    // who began it
	Begun       time.Time // when
}

func (Log) template() string { return "log" }

// LogReport is the result of a verification.
type LogReport struct {
	OK         bool
	Entries    int64
	Root       string
	Checkpoint string // the newest signed checkpoint, as text
	FirstBad   int64  // sequence of the first entry that does not fit; -1 when all fit
	Problem    string
	Took       time.Duration
}

// Spent is how long it took, to the millisecond.
func (r LogReport) Spent() string { return r.Took.Round(time.Millisecond).String() }
