package view

import (
	"fmt"
	"time"

	"sallyport/gate"
	"sallyport/policy"
)

// What the page of who is inside shows.
const (
	InsideNow     = "now"     // those inside, the longest first
	InsideOverdue = "overdue" // of them, those that should have left
	InsideAll     = "all"     // everything that came or left, the newest first
)

// Inside is the page of who is inside.
type Inside struct {
	Base
	Lane     string // whose screen it was opened from; empty is none
	Show     string // InsideNow …
	Text     string // what is sought
	Rows     []InsideRow
	More     int64 // where the next page begins; 0 is the end
	Cut      int   // after so many vehicles the search stopped; 0: it went through all
	Corrects bool  // this person may correct the list
	Done     bool  // a correction was recorded just now
	Problem  string

	// What was typed into a form that was refused.
	VIN, Plate, Why, Left string
}

func (Inside) template() string { return "inside" }

// InsideRow is one vehicle that came, or left.
type InsideRow struct {
	Seq        int64
	ID         string // of the stay; empty: it left without having come in
	VIN        string // in groups of 3, 6, 8
	Plate      string
	Lane       string // by which it came
	Since      time.Time
	For        string // how long it is inside
	Conditions []Condition
	Due        time.Time
	Overdue    bool
	Again      bool // it was inside already
	By, Why    string
	Erased     bool

	Left       bool
	Unseen     bool // a person says so
	Until      time.Time
	ExitLane   string
	EndedBy    string
	EndedWhy   string
	Inside     bool
	Open       bool // the form of its correction was refused
	Stray      bool
	Passage    string
	Correction bool // it can be said to have left
}

// Condition is one condition; English says that there are no words in the page's
// language.
type Condition struct {
	Words   string
	English bool
}

// Shows are the lists that the page offers.
func (Inside) Shows() []string { return []string{InsideNow, InsideOverdue, InsideAll} }

// Row is a stay as the page shows it.
func (p *Inside) Row(s *gate.Stay, lanes map[gate.LaneID]string, overdue bool) InsideRow {
	name := func(id gate.LaneID) string {
		if n := lanes[id]; n != "" {
			return n
		}
		return string(id)
	}
	r := InsideRow{
		Seq: s.Seq, ID: s.ID, VIN: groupVIN(s.VIN), Plate: s.Plate, Lane: name(s.Lane), Since: s.Since, Due: s.Due, Overdue: overdue,
		Again: s.Again, By: s.By, Why: s.Why, Erased: s.Erased, Left: s.Ended != "", Unseen: s.Ended == gate.StayUnseen, Until: s.Until,
		ExitLane: name(s.ExitLane), EndedBy: s.EndedBy, EndedWhy: s.EndedWhy, Inside: s.Inside(), Stray: s.Stray(),
		Passage: string(s.Passage), Correction: p.Corrects && s.Inside(), Open: p.Left != "" && p.Left == s.ID,
	}
	if r.Inside {
		r.For = lasting(p.Now.Sub(s.Since))
	}
	said := p.conditions(policy.Verdict{Conditions: s.Conditions, ConditionIDs: s.ConditionIDs, Hash: s.Policy})
	for i, words := range said {
		r.Conditions = append(r.Conditions, Condition{words, words == s.Conditions[i] && p.Lang() != "en"})
	}
	return r
}

// lasting is a time in units that read the same everywhere.
func lasting(d time.Duration) string {
	m := int(max(0, d).Minutes())
	switch h := m / 60; {
	case h >= 48:
		return fmt.Sprintf("%d d %d h", h/24, h%24)
	case h > 0:
		return fmt.Sprintf("%d h %02d min", h, m%60)
	}
	return fmt.Sprintf("%d min", m)
}
