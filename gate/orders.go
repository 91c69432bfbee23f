package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrEgress says that everybody leaves and nobody comes in.
var ErrEgress = errors.New("emergency egress: nobody comes in")

// closedToTurn is why a reversible lane is closed that nobody has turned yet.
const closedToTurn = "turn-first"

// orders are what people, and a fire alarm, have ordered of a lane. The lane's
// goroutine owns them.
type orders struct {
	closed   string // code of why it is closed, or in manual procedure by hand
	byHand   bool   // a person has ordered manual procedure
	ordered  Ordered
	egress   egress
	revision int // of what the lane is to be shown as; see touch

	shownRevision int
}

// egress is an emergency egress.
type egress struct {
	egressOrder
	since    time.Time
	recorded bool
	raised   bool         // the arm has had its command
	at       time.Time    // when the command had returned
	raising  bool         // and it has not returned
	wanted   *egressOrder // waits until an arm that moves has settled
}

// egressOrder is who ordered an egress.
type egressOrder struct {
	by     string // empty: an input
	detail string
}

// OfLane says that an act is on a lane and not on a vehicle.
func (k ActKind) OfLane() bool {
	switch k {
	case ActClose, ActReopen, ActTurnEntry, ActTurnExit, ActEgress, ActEgressEnd, ActManualStart, ActManualEnd, ActAcknowledge:
		return true
	default:
	}
	return false
}

// reasonCode says whether a reason can be kept for ever: it is a code.
func reasonCode(s string) bool {
	return len(s) > 0 && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// laneActs is what may be done about the lane now.
func (l *lane) laneActs() []ActKind {
	if !l.started {
		return nil
	}
	var acts []ActKind
	add := func(ok bool, k ...ActKind) {
		if ok {
			acts = append(acts, k...)
		}
	}
	turns := l.cfg.Direction == DirectionReversible && l.empty()
	first := l.closed == closedToTurn
	add(slices.ContainsFunc(l.alarms, func(a Alarm) bool { return a.By == "" && !a.Kind.ends() }), ActAcknowledge)
	switch l.state {
	case Idle:
		add(turns && l.direction == DirectionExit, ActTurnEntry)
		add(turns && l.direction == DirectionEntry, ActTurnExit)
		add(true, ActClose, ActManualStart)
	case Approaching, AtLine, Refusing, Redirected:
		add(l.follower == nil, ActClose)
		add(true, ActManualStart)
	case Waiting:
		add(true, ActManualStart)
	case Admitting:
		add(!l.armMoving, ActManualStart)
	case OutOfService:
		add(turns && (first || l.direction == DirectionExit), ActTurnEntry)
		add(turns && (first || l.direction == DirectionEntry), ActTurnExit)
		add(!first, ActReopen)
	case Manual:
		add(l.byHand, ActManualEnd)
	case Egress:
		add(!l.armMoving, ActEgressEnd)
	case Deciding:
	}
	add(l.state != Egress || l.egress.recorded && l.raises() && !l.armMoving && l.arm != ArmOpen, ActEgress)
	return acts
}

// empty says that nobody is in the lane, as far as anybody can tell.
func (l *lane) empty() bool {
	for _, p := range [...]Point{PointApproach, PointAtLine, PointUnderArm, PointBeyond} {
		if l.level[p] == LevelOn {
			return false
		}
	}
	return l.passage == nil && l.follower == nil && l.held == nil && !l.armMoving && l.armStands() != ArmOpen
}

// laneAct checks and carries out one act on the lane.
func (l *lane) laneAct(a Act) error {
	switch {
	case !l.started:
		return ErrOutOfService
	case a.Passage != "":
		return fmt.Errorf("%w: the act is on the lane, not on a vehicle", ErrNotAllowed)
	case !slices.Contains(l.laneActs(), a.Kind):
		if l.state == Manual && !l.byHand {
			return ErrManual
		}
		return ErrNotAllowed
	case strings.TrimSpace(a.By) == "" || a.By == AutoOpen:
		return fmt.Errorf("%w: an act is a person's", ErrNotAllowed)
	case a.Reason != "" && !reasonCode(a.Reason),
		a.Reason == "" && (a.Kind == ActClose || a.Kind == ActManualStart),
		a.Reason == closedToTurn:
		return fmt.Errorf("%w: a code of lower-case words with hyphens", ErrNeedsReason)
	}
	e := Event{Lane: l.cfg.ID, At: l.stamp(), By: a.By, Detail: a.Reason}
	switch a.Kind {
	case ActEgress:
		return l.beginEgress(egressOrder{by: a.By, detail: "act"})
	case ActAcknowledge:
		return l.acknowledge(a, e)
	case ActClose:
		e.Kind = EventLaneClosed
	case ActReopen:
		e.Kind = EventLaneOpened
	case ActTurnEntry, ActTurnExit:
		e.Kind, e.Detail = EventLaneTurned, string(map[ActKind]Direction{ActTurnEntry: DirectionEntry, ActTurnExit: DirectionExit}[a.Kind])
	case ActEgressEnd:
		e.Kind = EventEgressEnded
	case ActManualStart:
		e.Kind = EventManualBegun
	case ActManualEnd:
		e.Kind = EventManualEnded
	default:
	}
	if err := l.recordStanding(e, l.after(a, e)); err != nil {
		l.storage = true
		l.undone(e.Kind)
		switch l.state {
		case OutOfService, Egress, Manual: // stays as it is
			if l.state == Manual {
				l.retry.Reset(l.cfg.RetryAfter)
			}
			l.publish()
			return fmt.Errorf("record %s: %w: %w", e.Kind, ErrManual, err)
		default:
		}
		return l.fail("record "+string(e.Kind), err)
	}
	if l.state == OutOfService || l.state == Egress {
		l.storage = false
	}
	l.ctl.cfg.Log.InfoContext(l.ctx, "lane", "lane", l.cfg.ID, "act", a.Kind, "reason", a.Reason)
	l.note = nil
	switch a.Kind {
	case ActClose:
		l.closed, l.ordered = a.Reason, Ordered{By: a.By, At: e.At}
		l.to(onClosed)
	case ActReopen:
		l.closed, l.ordered = "", Ordered{}
		l.to(onReopened)
	case ActTurnEntry, ActTurnExit:
		l.direction = Direction(e.Detail)
		l.expected, l.foreign, l.foreignAt, l.merged, l.owing = 0, false, time.Time{}, false, ""
		if l.closed == closedToTurn {
			l.closed = ""
			l.to(onReopened)
		} else if l.state == Idle {
			l.to(onTurned)
		}
	case ActEgressEnd:
		l.egress = egress{}
		l.alarmOver(AlarmEgressArm, "")
		l.to(onEgressEnded)
		l.backToOrders()
	case ActManualStart:
		l.abandon("manual procedure")
		l.vehicle = vehicle{}
		l.leave()
		l.byHand, l.closed, l.ordered = true, a.Reason, Ordered{By: a.By, At: e.At}
		l.to(onManualBegun)
		if l.paySaved() != nil {
			l.storage = true
		}
	case ActManualEnd:
		l.byHand, l.closed, l.ordered = false, "", Ordered{}
		if len(l.unsaved) > 0 || l.storage || l.assess {
			l.retry.Reset(l.cfg.RetryAfter) // the store has its say first
			break
		}
		l.to(onManualEnded)
	default:
	}
	l.publish()
	return nil
}

// after is how the lane stands once an act on it has been carried out.
func (l *lane) after(a Act, e Event) LaneStanding {
	s := l.stands(e.At)
	switch a.Kind {
	case ActClose, ActManualStart:
		s.Closed, s.ByHand, s.Ordered = a.Reason, a.Kind == ActManualStart, Ordered{By: a.By, At: e.At}
	case ActReopen, ActManualEnd:
		s.Closed, s.ByHand, s.Ordered = "", false, Ordered{}
	case ActTurnEntry, ActTurnExit:
		s.Direction = Direction(e.Detail)
		if s.Closed == closedToTurn {
			s.Closed = ""
		}
	case ActEgressEnd:
		s.Egress = nil
	default:
	}
	return s
}

// backToOrders takes the lane to where it was ordered to be before an egress.
func (l *lane) backToOrders() {
	switch {
	case len(l.unsaved) > 0:
		l.storage = true
		l.to(onStoreFailed)
	case l.byHand:
		l.to(onManualBegun)
	case l.closed != "":
		l.to(onClosed)
	}
}

// acknowledge notes that a person has looked at an alarm.
func (l *lane) acknowledge(a Act, e Event) error {
	i := slices.IndexFunc(l.alarms, func(x Alarm) bool { return x.ID == a.Alarm && x.By == "" && !x.Kind.ends() })
	if i < 0 {
		return ErrStale
	}
	e.Kind, e.Detail = EventAlarmAcknowledged, strings.TrimSpace(string(l.alarms[i].Kind)+" "+l.alarms[i].Of)
	if p := l.alarms[i].Passed; p != "" {
		e.Detail += " in " + string(p)
	}
	after := slices.Clone(l.alarms)
	after[i].By = a.By
	if after[i].Over {
		after = slices.Delete(after, i, i+1)
	}
	s := l.stands(e.At)
	s.Alarms = lasting(after)
	if err := l.recordStanding(e, s); err != nil {
		l.undone(e.Kind)
		return fmt.Errorf("record %s: %w: %w", e.Kind, ErrManual, err)
	}
	l.alarms = after
	l.publish()
	return nil
}

// raises says that the lane's arm is raised in an egress.
func (l *lane) raises() bool { return l.cfg.Arm != nil && l.direction == DirectionExit }

// beginEgress lets everybody leave: the lane is closed to arrivals at once, and
// an exit's arm is raised as soon as that is on record. Said again while it
// lasts, it raises an arm that is not open once more.
func (l *lane) beginEgress(o egressOrder) error {
	switch {
	case !l.started:
		return ErrOutOfService
	case l.state == Egress && o.by == "":
		return nil // an input says so again
	case l.state == Egress:
		l.egress.egressOrder, l.egress.recorded, l.egress.raised = o, false, false
		l.egress.since = l.stampQuiet()
		return l.recordEgress()
	}
	if !l.raiseBy.IsZero() { // recorded, and not commanded yet: nothing is
		l.raiseBy, l.armMoving = time.Time{}, false
	}
	if l.armMoving {
		l.egress.wanted = &o
		return nil
	}
	l.abandon("emergency egress")
	if a := l.held; a != nil {
		l.held = nil
		a.done("", ErrEgress)
	}
	l.egress = egress{egressOrder: o, since: l.stampQuiet()}
	l.to(onEgress)
	return l.recordEgress()
}

// recordEgress makes an egress durable, and raises the arm of an exit once it is.
func (l *lane) recordEgress() error {
	if !l.egress.recorded {
		if err := l.recordEvent(Event{Kind: EventEgressBegun, Lane: l.cfg.ID, At: l.egress.since, By: l.egress.by, Detail: l.egress.detail}); err != nil {
			l.ctl.cfg.Log.ErrorContext(l.ctx, "egress not recorded yet: raise the arms by hand", "lane", l.cfg.ID, "error", err)
			l.storage = true
			l.retry.Reset(l.cfg.RetryAfter)
			l.publish()
			return fmt.Errorf("record egress: %w: %w", ErrManual, err)
		}
		l.egress.recorded, l.storage = true, false
	}
	l.payOwed()
	if err := l.paySaved(); err != nil {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "outcomes not recorded yet", "lane", l.cfg.ID, "error", err)
		l.retry.Reset(l.cfg.RetryAfter)
	}
	l.raiseEgress()
	l.publish()
	return nil
}

// raiseEgress raises an exit's arm, once, when the egress is on record and nothing
// is under the arm.
func (l *lane) raiseEgress() {
	switch {
	case l.state != Egress || !l.raises() || !l.egress.recorded || l.egress.raised || l.armMoving:
	case l.armStands() == ArmOpen:
		l.egress.raised, l.arm = true, ArmOpen
	case l.covered():
		l.alarm(AlarmEgressArm, "")
	default:
		l.egress.raised = true
		l.egress.raising, l.armMoving, l.arm = true, true, ArmOpening
		go l.raise(newPassageID(l.cfg.ID+"-egress", l.stampQuiet()))
		l.touch()
	}
}

// egressRaised is what came of the command to an exit's arm.
func (l *lane) egressRaised(err error) {
	l.egress.raising = false
	l.arm = ArmOpen
	l.alarmOver(AlarmEgressArm, "")
	if err != nil {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "arm in emergency egress", "lane", l.cfg.ID, "error", err)
		l.arm, l.armWhy = ArmFault, armNote(err)
		l.alarm(AlarmEgressArm, "")
	}
	l.egress.at = time.Now()
	l.publish()
}
