package gate

import (
	"fmt"
	"slices"
	"time"
)

// LaneStanding is how a lane stands by what is on record: what people, or a fire
// alarm, have ordered of it, and its alarms. It outlives the program: a lane that
// was closed, in manual procedure or in emergency egress is so after a restart,
// and what was ordered is not ordered, nor any arm commanded, again.
type LaneStanding struct {
	Lane      LaneID    `json:"lane"`
	At        time.Time `json:"at"`
	Direction Direction `json:"direction,omitempty"` // of a reversible lane; empty: nobody has turned it yet
	Closed    string    `json:"closed,omitempty"`    // LaneView.Closed
	ByHand    bool      `json:"by_hand,omitempty"`   // Closed is why it is in manual procedure
	Ordered   Ordered   `json:"ordered,omitzero"`    // who closed it, or ordered manual procedure
	Egress    *Ordered  `json:"egress,omitempty"`    // who ordered that everybody leaves; nil: nobody
	// Alarms are those that a person must look at, or at whose cause somebody
	// must. Those that end by themselves are not among them: what is so at the
	// start is found out anew.
	Alarms    []Alarm `json:"alarms,omitempty"`
	LastAlarm int     `json:"last_alarm,omitempty"` // highest Alarm.ID so far
}

// Ordered is who ordered something of a lane, and when.
type Ordered struct {
	By string    `json:"by,omitempty"` // empty: an input, such as the fire alarm
	At time.Time `json:"at"`
}

// stands is how the lane stands now, for the record of an event.
func (l *lane) stands(at time.Time) LaneStanding {
	s := LaneStanding{
		Lane: l.cfg.ID, At: at, Closed: l.closed, ByHand: l.byHand, Ordered: l.ordered,
		Alarms: lasting(l.alarms), LastAlarm: l.alarmID,
	}
	if l.cfg.Direction == DirectionReversible && l.closed != closedToTurn {
		s.Direction = l.direction
	}
	if l.state == Egress {
		s.Egress = &Ordered{By: l.egress.by, At: l.egress.since}
	}
	return s
}

// lasting are the alarms that outlive the program.
func lasting(list []Alarm) []Alarm {
	return slices.DeleteFunc(slices.Clone(list), func(a Alarm) bool { return a.Kind.ends() })
}

// order is who ordered what the lane is in; nil: nobody did.
func (l *lane) order() *Ordered {
	var o Ordered
	switch {
	case l.state == Egress:
		o = Ordered{By: l.egress.by, At: l.egress.since}
	case l.state == OutOfService && l.started || l.state == Manual && l.byHand:
		o = l.ordered
	}
	if o.At.IsZero() {
		return nil
	}
	return &o
}

// resume takes the lane to where it stood by what is on record.
func (l *lane) resume(s *LaneStanding) {
	l.alarmID = max(l.alarmID, s.LastAlarm)
	for _, a := range s.Alarms {
		switch a.Kind {
		case AlarmHeldOpen:
			a.Over = a.Over || l.armStands() == ArmClosed || !l.has(PointArmDown) && !l.has(PointArmUp)
		case AlarmTamper:
			a.Over = a.Over || l.level[PointTamper] == LevelOff || !l.has(PointTamper)
		case AlarmEgressArm:
			a.Over = a.Over || s.Egress == nil
		default:
		}
		if !a.Over || a.By == "" {
			l.alarms = append(l.alarms, a)
		}
	}
	if l.cfg.Direction == DirectionReversible {
		if s.Direction != "" {
			l.direction, l.closed = s.Direction, ""
		}
	} else if s.Closed == closedToTurn {
		s.Closed = ""
	}
	if s.Closed != "" {
		l.closed, l.byHand, l.ordered = s.Closed, s.ByHand, s.Ordered
	}
	if l.state == Manual {
		l.to(onStoreBack)
	} else {
		l.to(onStarted)
	}
	if s.Egress == nil {
		l.backToOrders()
	} else {
		// Its arm has had its command, and gets another from a person only.
		l.egress = egress{egressOrder: egressOrder{by: s.Egress.By, detail: "resumed"}, since: s.Egress.At, recorded: true, raised: l.raises(), at: l.begun}
		l.to(onEgress)
		if l.raises() && l.armStands() == "" {
			l.arm = ArmFault
			if !l.has(PointArmDown) && !l.has(PointArmUp) {
				l.alarm(AlarmEgressArm, "")
			}
		}
	}
	if o := l.order(); o != nil {
		l.since = o.At
	}
}

// recordStanding makes an event durable, and with it how the lane stands after
// it.
func (l *lane) recordStanding(e Event, s LaneStanding) error {
	ctx, cancel := l.work()
	defer cancel()
	return l.ctl.cfg.Store.RecordStanding(ctx, e, s)
}

// undone leaves to be recorded that what may have become durable was not carried
// out, so that the lane stands the same on record and in fact.
func (l *lane) undone(k EventKind) {
	if len(l.owed) == 0 {
		l.owedAt = time.Now()
	}
	l.owed = append(l.owed, Event{Kind: EventStoreBack, Lane: l.cfg.ID, At: l.stampQuiet(), Detail: string(k) + " was not carried out"})
}

// CheckStanding says whether a standing may be recorded with an event. Every
// store asks it.
func CheckStanding(e Event, s LaneStanding) error {
	if s.Lane == "" || e.Lane != s.Lane || e.Kind == "" {
		return fmt.Errorf("a standing of %q with an event of %q", s.Lane, e.Lane)
	}
	return nil
}
