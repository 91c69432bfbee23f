package gate

import (
	"slices"
	"strings"
	"time"
)

// traffic is what the detectors and contacts of a lane say. The lane's goroutine
// owns it.
type traffic struct {
	direction Direction // entry or exit, now
	level     map[Point]Level
	turned    map[Point]time.Time // since when, by the program's clock
	known     map[Point]bool      // read at least once
	unread    []Point             // that cannot be read, as last recorded
	faults    []DeviceStatus      // devices that do not work
	alarms    []Alarm
	alarmID   int
	note      []string // warnings about the vehicle that was there last
	begun     time.Time
	freeSince time.Time // the line is free while a vehicle waits there; zero: it is not
	expected  int       // vehicles that were under the arm and have not come out beyond it
	foreign   bool      // what covers the detector beyond came from the other side
	foreignAt time.Time
	merged    bool      // something was still under the arm when the last vehicle had left the detector beyond
	owing     PassageID // was let in and has not been seen to come through; another vehicle is at the line, or none
	pressed   bool      // the egress button, before the lane was in service
	shutAt    time.Time // when the arm came down the last time
	forcedBy  time.Time // an arm that has left its place right after it came down is forced if it is not back by then
	chatter   map[Point]*chatter
	upSince   time.Time // the arm is open
	opening
}

// opening is one opening of the arm.
type opening struct {
	through   int       // vehicles that have come through
	throughAt time.Time // the last of them
	up        bool      // the arm was seen to be open
}

func newTraffic() traffic {
	return traffic{level: make(map[Point]Level), turned: make(map[Point]time.Time), known: make(map[Point]bool), chatter: make(map[Point]*chatter)}
}

// bounceWithin is how long a contact of the arm may bounce after it was made: no
// arm opens and closes as quickly.
const bounceWithin = 500 * time.Millisecond

// chatterMost changes of one point within chatterFor are more than vehicles can
// make; the point is not believed until it has been quiet for as long.
const (
	chatterMost = 20
	chatterFor  = 10 * time.Second
)

// chatterFault is the class of fault of a point that changes all the time.
const chatterFault = "chattering"

// chatter is how often one point has changed.
type chatter struct {
	turns []time.Time // the last ones
	told  bool        // it is not believed, and somebody is told
}

// chatters counts a change of a point, and says whether the point changes so often
// that no vehicle does it. The button of an egress is always believed.
func (l *lane) chatters(p Point, now time.Time) bool {
	if p == PointEgress {
		return false
	}
	c := l.chatter[p]
	if c == nil {
		c = new(chatter)
		l.chatter[p] = c
	}
	if len(c.turns) == chatterMost {
		c.turns = slices.Delete(c.turns, 0, 1)
	}
	c.turns = append(c.turns, now)
	if !c.told && len(c.turns) == chatterMost && now.Sub(c.turns[0]) < chatterFor {
		c.told = true
		if p == l.point(PointAtLine) {
			l.freeSince = time.Time{}
		}
		l.expected, l.foreign, l.foreignAt, l.merged, l.forcedBy = 0, false, time.Time{}, false, time.Time{}
		l.device(&DeviceStatus{Device: string(p), Fault: chatterFault})
	}
	return c.told
}

// wild says that a point changes all the time.
func (l *lane) wild(p Point) bool { return l.chatter[p] != nil && l.chatter[p].told }

// reviewChatter believes points again that have been quiet for long enough.
func (l *lane) reviewChatter(now time.Time, later func(time.Time)) {
	for _, p := range l.cfg.Points {
		if !l.wild(p) {
			continue
		}
		if at := l.turned[p].Add(chatterFor); now.Before(at) {
			later(at)
			continue
		}
		stood := l.armStands()
		delete(l.chatter, p)
		l.device(&DeviceStatus{Device: string(p)})
		if p == PointArmDown || p == PointArmUp {
			l.armContact(stood, false, now)
		}
	}
}

// covered says that something may be where the arm comes down: it is not moved.
func (l *lane) covered() bool {
	return l.level[PointUnderArm] == LevelOn || l.wild(PointUnderArm)
}

// owes notes that the vehicle that was let in has not been seen to come through
// when the lane turns to the next.
func (l *lane) owes() {
	if l.state == Admitting && !l.armMoving && l.arm == ArmOpen && l.through == 0 && l.passage != nil && (l.knows(PointUnderArm) || l.knows(PointBeyond)) {
		l.owing = l.passage.ID
	}
}

// notThrough says of a vehicle that was let in that it did not come.
func (l *lane) notThrough() {
	if id := l.owing; id != "" {
		l.owing = ""
		l.alarmIn(AlarmNotThrough, "", id)
	}
}

// settleWithin is how long after the start a point may be unread without being
// called lost.
const settleWithin = 10 * time.Second

// wrongWayWithin is how long after the detector beyond was covered from the other
// side a vehicle under the arm is taken for the one that covered it.
const wrongWayWithin = 10 * time.Second

// alarmsMost is how many alarms a lane shows; all of them are recorded.
const alarmsMost = 64

// point is which point of the lane plays a part in the direction of now. A
// reversible lane that is turned has no detector for vehicles that come up.
func (l *lane) point(p Point) Point {
	if l.cfg.Direction == DirectionReversible && l.direction == DirectionExit {
		switch p {
		case PointApproach:
			return ""
		case PointAtLine:
			return PointBeyond
		case PointBeyond:
			return PointAtLine
		default:
		}
	}
	return p
}

func (l *lane) has(p Point) bool {
	p = l.point(p)
	return p != "" && slices.Contains(l.cfg.Points, p)
}

// at is the level of a point that can be believed.
func (l *lane) at(p Point) Level {
	p = l.point(p)
	if p == "" || l.standing(AlarmCovered, string(p)) != nil || l.wild(p) {
		return LevelUnknown
	}
	return l.level[p]
}

func (l *lane) sees(p Point) bool  { return l.at(p) == LevelOn }
func (l *lane) knows(p Point) bool { return l.at(p) != LevelUnknown }

// armStands is the position of the arm by its contacts; empty where they do not
// tell.
func (l *lane) armStands() string {
	down, up := l.level[PointArmDown], l.level[PointArmUp]
	hasDown, hasUp := l.has(PointArmDown), l.has(PointArmUp)
	switch {
	case !hasDown && !hasUp, l.wild(PointArmDown), l.wild(PointArmUp), hasDown && down == LevelUnknown, hasUp && up == LevelUnknown:
		return ""
	case down == LevelOn && up == LevelOn:
		return ArmFault
	case down == LevelOn, !hasDown && up == LevelOff:
		return ArmClosed
	default:
		return ArmOpen
	}
}

// restArm is the arm when nobody is being let in: as its contacts say, or else
// taken to have closed.
func (l *lane) restArm() {
	if l.cfg.Arm == nil {
		return
	}
	l.arm, l.armWhy = ArmClosed, ""
	if s := l.armStands(); s != "" {
		l.arm = s
	}
}

// stillThere says that detectors see the vehicle that is leaving.
func (l *lane) stillThere() bool {
	if l.state == Admitting {
		return l.sees(PointUnderArm) || l.through == 0 && l.sees(PointAtLine)
	}
	return l.sees(PointAtLine)
}

// takeInputs takes in what detectors, contacts and devices have told since.
func (l *lane) takeInputs() {
	in, devices := l.inputs.take(l.started)
	for i := range in {
		l.input(&in[i])
	}
	for i := range devices {
		l.device(&devices[i])
	}
}

// input follows one point.
func (l *lane) input(in *Input) {
	was := l.level[in.Point]
	if in.Level != LevelUnknown {
		l.known[in.Point] = true
	}
	if in.Forced && !l.wild(in.Point) && l.state != Manual && l.state != Egress && l.started {
		l.alarm(AlarmForced, "")
	}
	if was == in.Level {
		return
	}
	now := time.Now()
	stood := l.armStands()
	l.level[in.Point], l.turned[in.Point] = in.Level, now
	l.touch()
	if in.Level != LevelOn {
		l.alarmOver(AlarmCovered, string(in.Point))
	}
	if !l.started {
		l.pressed = l.pressed || in.Point == PointEgress && in.Level == LevelOn
		return
	}
	if l.chatters(in.Point, now) {
		return
	}
	switch in.Point {
	case PointArmDown, PointArmUp:
		l.armContact(stood, in.Forced, now)
	case PointTamper:
		if in.Level == LevelOn {
			l.alarm(AlarmTamper, "")
		} else {
			l.alarmOver(AlarmTamper, "")
		}
	case PointEgress:
		if in.Level == LevelOn {
			_ = l.beginEgress(egressOrder{detail: "input"}) // what could not be recorded is tried again, and logged
		}
	case l.point(PointApproach):
		l.approach(in.Level)
	case l.point(PointAtLine):
		l.line(in.Level, now)
	case PointUnderArm:
		l.under(in.Level, was, now)
	case l.point(PointBeyond):
		l.beyond(in.Level, was, now)
	default:
	}
}

// armContact follows the contacts of the arm.
func (l *lane) armContact(stood string, told bool, now time.Time) {
	stands := l.armStands()
	if stands == stood || stands == "" {
		return
	}
	if stands != ArmFault {
		l.alarmOver(AlarmUnconfirmed, "")
	}
	switch stands {
	case ArmFault:
		l.alarm(AlarmUnconfirmed, "")
		l.arm = ArmFault
	case ArmOpen:
		l.upSince, l.up = now, true
		explained := l.armMoving && l.raiseBy.IsZero() || l.state == Admitting || l.state == Egress || l.state == Manual
		switch {
		case stood == "" || explained || told: // one that could not be read tells nothing new
		case now.Sub(l.shutAt) < bounceWithin:
			l.forcedBy = now.Add(bounceWithin)
		default:
			l.alarm(AlarmForced, "")
		}
		if l.state == Egress {
			l.alarmOver(AlarmEgressArm, "")
		}
	case ArmClosed:
		l.alarmOver(AlarmHeldOpen, "")
		if stood == ArmOpen {
			if l.armMoving && now.Sub(l.upSince) < bounceWithin {
				l.up = false // a contact that bounces as the command is given; the arm has not been up
			} else {
				l.shutAt = now
			}
		}
		if l.expected == 0 {
			l.notThrough()
		}
		l.expected, l.foreign, l.merged, l.owing, l.forcedBy = 0, false, false, "", time.Time{}
	}
	if l.cfg.Arm != nil && !l.armMoving && (l.state != Admitting || l.arm != ArmFault) {
		l.arm, l.armWhy = stands, ""
	}
}

// approach follows the detector before the line.
func (l *lane) approach(now Level) {
	switch {
	case now == LevelOn && l.state == Idle:
		l.to(onDetected)
		l.note = nil
	case now == LevelOff && l.state == Approaching && l.has(PointAtLine):
		l.clear.Reset(l.cfg.ClearAfter) // on its way to the line, or back
	case now == LevelOff && l.state == Approaching:
		l.to(onCleared)
	}
}

// line follows the detector of the stop line.
func (l *lane) line(level Level, now time.Time) {
	if level != LevelOff {
		l.freeSince = time.Time{}
		l.seen = l.seen || level == LevelOn && l.state == Waiting
		return
	}
	switch l.state {
	case AtLine:
		l.to(onCleared)
	case Waiting:
		if l.seen {
			l.freeSince = now
		}
	case Admitting:
		if !l.has(PointUnderArm) && !l.has(PointBeyond) && l.arm == ArmOpen {
			l.passed(now)
		}
	case Refusing, Redirected:
		l.gone(onCleared)
	default:
	}
}

// under follows the detector under the arm.
func (l *lane) under(level, was Level, now time.Time) {
	switch {
	case level == LevelOn && was == LevelOff:
		if l.foreign && l.sees(PointBeyond) || !l.foreignAt.IsZero() && now.Sub(l.foreignAt) < wrongWayWithin && !l.fromLine(now) {
			l.foreign, l.foreignAt = false, time.Time{}
			if l.state != Manual {
				l.alarm(AlarmWrongWay, "")
			}
			return
		}
		l.expected++
	case level == LevelOff && was == LevelOn:
		if l.has(PointBeyond) {
			return
		}
		if !l.sees(PointAtLine) || l.state == Admitting && l.through == 0 && !l.has(PointAtLine) {
			l.passed(now)
		}
	}
}

// fromLine says that a vehicle stands at the line, or has just left it.
func (l *lane) fromLine(now time.Time) bool {
	return l.sees(PointAtLine) || l.has(PointAtLine) && now.Sub(l.turned[l.point(PointAtLine)]) < l.cfg.BackOutAfter
}

// beyond follows the detector behind the arm.
func (l *lane) beyond(level, was Level, now time.Time) {
	switch {
	case level == LevelOn && was == LevelOff:
		switch {
		case l.expected > 0:
			l.expected--
			l.passed(now)
		case !l.has(PointUnderArm) && (l.state == Admitting || l.state == Egress):
			l.passed(now)
		case l.merged && l.through > 0:
			l.through++
			if l.state != Manual && l.state != Egress {
				l.alarm(AlarmTwoInOne, "")
			}
		default:
			l.foreign, l.foreignAt = true, now
		}
		l.merged = false
	case level == LevelOff && was == LevelOn:
		l.foreign = false
		l.merged = l.sees(PointUnderArm)
	}
}

// passed counts a vehicle that came through in the lane's direction.
func (l *lane) passed(now time.Time) {
	if l.owing != "" && l.state != Admitting { // it comes after the lane has turned to the next
		l.owing = ""
		return
	}
	first := l.through == 0
	// Without a contact of the arm there is no telling when it was down; two in
	// quick succession have come through one opening.
	if !first && !l.has(PointArmDown) && !l.has(PointArmUp) && now.Sub(l.throughAt) > l.cfg.TailgateWithin {
		first, l.through = true, 0
	}
	l.through++
	l.throughAt = now
	switch l.state {
	case Egress, Manual:
	case Admitting:
		if !first {
			l.alarm(AlarmTailgating, "")
		}
	case Waiting:
		l.alarm(AlarmRanThrough, "")
		if l.end(EndUnknown, "ran through") == nil {
			l.gone(onLeft)
		}
	case Idle, Approaching, AtLine, Deciding, Refusing, Redirected, OutOfService:
		if !first || l.armStands() != ArmClosed && l.armStands() != "" {
			l.alarm(AlarmTailgating, "")
		} else {
			l.alarm(AlarmRanThrough, "")
		}
	}
}

// review does what time and the levels of points, rather than their changes, ask
// for, and says when to look again.
func (l *lane) review() {
	if !l.started {
		return
	}
	now := time.Now()
	var due time.Time
	later := func(at time.Time) {
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	if len(l.owed) > 0 && l.state != Manual {
		if at := l.owedAt.Add(l.cfg.RetryAfter); now.Before(at) {
			later(at)
		} else {
			l.payOwed()
			if len(l.owed) > 0 {
				later(l.owedAt.Add(l.cfg.RetryAfter))
			} else if l.state == OutOfService || l.state == Egress && l.egress.recorded {
				l.storage = false
				l.touch()
			}
		}
	}
	if len(l.cfg.Points) > 0 || !l.raiseBy.IsZero() {
		l.reviewPoints(now, later)
	}
	l.autoOpen()
	if l.revision != l.shownRevision {
		l.publish()
	}
	l.due.Stop()
	if !due.IsZero() {
		l.due.Reset(max(time.Millisecond, time.Until(due)))
	}
}

func (l *lane) reviewPoints(now time.Time, later func(time.Time)) {
	l.reviewUnread(now, later)
	l.reviewChatter(now, later)
	if !l.forcedBy.IsZero() {
		if now.Before(l.forcedBy) {
			later(l.forcedBy)
		} else {
			l.forcedBy = time.Time{}
			l.alarm(AlarmForced, "")
		}
	}
	for _, p := range [...]Point{PointApproach, PointAtLine, PointUnderArm, PointBeyond} {
		if l.level[p] != LevelOn || l.standing(AlarmCovered, string(p)) != nil {
			continue
		}
		if at := l.turned[p].Add(l.cfg.CoveredAfter); now.Before(at) {
			later(at)
		} else {
			l.alarm(AlarmCovered, string(p))
		}
	}
	l.reviewRaise(now, later)
	if l.state == Waiting && !l.freeSince.IsZero() {
		at := l.freeSince.Add(l.cfg.BackOutAfter)
		switch {
		case l.sees(PointUnderArm): // it has crept on
		case now.Before(at):
			later(at)
		default:
			l.backedOut()
		}
	}
	if l.armStands() == ArmOpen && l.state != Egress && l.state != Manual && !l.armMoving && !l.sees(PointUnderArm) {
		since := l.upSince
		if since.IsZero() {
			since = l.begun
		}
		if u := l.turned[PointUnderArm]; u.After(since) {
			since = u
		}
		if at := since.Add(l.cfg.HeldOpenAfter); now.Before(at) {
			later(at)
		} else {
			l.alarm(AlarmHeldOpen, "")
		}
	}
	l.raiseEgress()
	if l.state == Egress && l.egress.raised && !l.armMoving && l.armStands() == ArmClosed {
		// Its contacts may need a moment to say that it moved.
		at := l.egress.at.Add(l.cfg.BackOutAfter)
		if now.Before(at) {
			later(at)
		} else {
			l.arm = ArmClosed
			l.alarm(AlarmEgressArm, "")
		}
	}
	if l.state == Admitting && !l.armMoving {
		l.reviewAdmitted()
	}
	l.stand()
}

// reviewAdmitted ends an admission when the vehicle is through and the arm is
// down behind it, or when the arm is down and the vehicle did not come.
func (l *lane) reviewAdmitted() {
	detected := l.knows(PointUnderArm) || l.knows(PointBeyond)
	if !detected || l.sees(PointUnderArm) {
		return
	}
	stands := l.armStands()
	switch {
	case l.through > 0 && (stands == ArmClosed || stands == ""):
	case l.through == 0 && stands == ArmClosed && l.arm != ArmFault && l.up && !l.sees(PointAtLine):
		l.alarm(AlarmNotThrough, "") // the arm was open and is down again
	default:
		return
	}
	l.gone(onCleared)
	l.touch()
}

// reviewRaise commands an arm that had not been down when it was to open.
func (l *lane) reviewRaise(now time.Time, later func(time.Time)) {
	covered := l.covered()
	switch stands := l.armStands(); {
	case l.raiseBy.IsZero():
	case stands == ArmClosed && !covered:
		l.raiseBy, l.arm = time.Time{}, ArmOpening
		go l.raise(l.passage.ID)
		l.touch()
	case now.Before(l.raiseBy):
		later(l.raiseBy)
	case stands == ArmOpen:
		// It stands open: the vehicle can go, and nothing is commanded.
		l.raiseBy = time.Time{}
		l.stood("arm was open")
	case covered:
		l.raiseBy = time.Time{}
		l.armSettled(errCovered)
	default:
		l.raiseBy = time.Time{}
		l.armSettled(errUnread)
	}
}

// stand follows vehicles by where they are, so that the one that came up while
// another was dealt with is seen.
func (l *lane) stand() {
	switch l.state {
	case Idle, Approaching:
		switch {
		case l.sees(PointAtLine):
			l.to(onAtLine)
			l.note = nil
			l.come(time.Now().UTC().Round(0))
			l.touch()
		case l.state == Idle && l.sees(PointApproach):
			l.to(onDetected)
			l.touch()
		}
	case AtLine:
		if !l.sees(PointAtLine) { // lost, or covered for so long that it cannot be believed
			l.to(onCleared)
			l.touch()
		}
	default:
	}
}

// backedOut ends the passage of a vehicle that left backwards.
func (l *lane) backedOut() {
	l.freeSince = time.Time{}
	if l.end(EndLeft, "backed out") != nil {
		return
	}
	l.gone(onLeft)
	l.note = []string{WarnBackedOut}
	l.touch()
}

// reviewUnread records when points begin to be unreadable, and when all can be
// read again.
func (l *lane) reviewUnread(now time.Time, later func(time.Time)) {
	var unread []Point
	for _, p := range l.cfg.Points {
		if l.level[p] != LevelUnknown {
			continue
		}
		if settled := l.begun.Add(settleWithin); !l.known[p] && now.Before(settled) {
			later(settled)
			continue
		}
		unread = append(unread, p)
	}
	if slices.Equal(unread, l.unread) {
		return
	}
	names := make([]string, len(unread))
	for i, p := range unread {
		names[i] = string(p)
		if !slices.Contains(l.unread, p) {
			l.show(AlarmDeviceLost, string(p))
		}
	}
	for _, p := range l.unread {
		if !slices.Contains(unread, p) {
			l.alarmOver(AlarmDeviceLost, string(p))
		}
	}
	switch {
	case len(l.unread) == 0:
		l.event(Event{Kind: EventDeviceFault, At: l.stamp(), Detail: "cannot be read: " + strings.Join(names, ", ")})
	case len(unread) == 0:
		l.event(Event{Kind: EventDeviceBack, At: l.stamp(), Detail: "all points can be read"})
	}
	l.unread = unread
	l.touch()
}

// device follows one device.
func (l *lane) device(s *DeviceStatus) {
	i := slices.IndexFunc(l.faults, func(d DeviceStatus) bool { return d.Device == s.Device })
	switch {
	case s.Fault == "" && i >= 0:
		l.faults = slices.Delete(slices.Clone(l.faults), i, i+1)
		l.alarmOver(AlarmDeviceLost, s.Device)
		l.event(Event{Kind: EventDeviceBack, At: l.stamp(), Detail: s.Device})
		l.signs.again()
	case s.Fault != "" && i < 0:
		if s.Since.IsZero() {
			s.Since = time.Now().UTC().Round(0)
		}
		l.faults = append(slices.Clone(l.faults), *s)
		l.show(AlarmDeviceLost, s.Device)
		l.event(Event{Kind: EventDeviceFault, At: l.stamp(), Detail: s.Device + ": " + s.Fault})
		l.ctl.cfg.Log.ErrorContext(l.ctx, "device", "lane", l.cfg.ID, "device", s.Device, "fault", s.Fault)
	case s.Fault != "" && s.Fault != l.faults[i].Fault:
		l.faults = slices.Clone(l.faults)
		l.faults[i].Fault = s.Fault
	default:
		return
	}
	l.touch()
}

// broken are the devices and points that do not work.
func (l *lane) broken() []DeviceStatus {
	list := slices.Clone(l.faults)
	for _, p := range l.unread {
		list = append(list, DeviceStatus{Device: string(p), Fault: "unread", Since: l.turned[p].UTC().Round(0)})
	}
	return list
}

// warnings are about the vehicle at the line, or the one that was there last.
func (l *lane) warnings() []string {
	list := slices.Clone(l.note)
	if l.state == Waiting && l.level[PointUnderArm] == LevelOn {
		list = append(list, WarnUnderArm)
	}
	switch {
	case !l.auto || l.state != Waiting:
	case !l.proven():
		list = append(list, WarnAutoPlate)
	case !l.mayOpen():
		list = append(list, WarnAutoPaused)
	}
	return list
}

// ends says that an alarm ends by itself.
func (k AlarmKind) ends() bool {
	return k == AlarmCovered || k == AlarmDeviceLost || k == AlarmUnconfirmed
}

// standing is the alarm of that kind whose cause is not over.
func (l *lane) standing(k AlarmKind, of string) *Alarm {
	for i := range l.alarms {
		if a := &l.alarms[i]; a.Kind == k && a.Of == of && !a.Over {
			return a
		}
	}
	return nil
}

// momentary says that an alarm is about something that is over when it is told.
func (k AlarmKind) momentary() bool {
	switch k {
	case AlarmTailgating, AlarmTwoInOne, AlarmForced, AlarmWrongWay, AlarmRanThrough, AlarmNotThrough:
		return true
	default:
	}
	return false
}

// alarm shows and records an alarm, unless it stands already.
func (l *lane) alarm(k AlarmKind, of string) {
	var in PassageID
	if l.passage != nil {
		in = l.passage.ID
	}
	l.alarmIn(k, of, in)
}

// alarmIn is alarm about what happened in that passage.
func (l *lane) alarmIn(k AlarmKind, of string, in PassageID) {
	if !l.show(k, of) {
		return
	}
	l.alarms[len(l.alarms)-1].Passed = in
	detail := string(k)
	if of != "" {
		detail += " " + of
	}
	if p := l.alarms[len(l.alarms)-1].Passed; p != "" {
		detail += " in " + string(p)
	}
	l.ctl.cfg.Log.WarnContext(l.ctx, "alarm", "lane", l.cfg.ID, "alarm", detail)
	l.event(Event{Kind: EventAlarm, At: l.stamp(), Detail: detail})
}

// show is alarm without its record, for what has another.
func (l *lane) show(k AlarmKind, of string) bool {
	if l.standing(k, of) != nil {
		return false
	}
	l.alarms = slices.Clone(l.alarms)
	if len(l.alarms) >= alarmsMost {
		l.alarms = slices.Delete(l.alarms, 0, 1)
	}
	l.alarmID++
	a := Alarm{ID: l.alarmID, Kind: k, Of: of, Since: time.Now().UTC().Round(0), Over: k.momentary()}
	if l.passage != nil {
		a.Passed = l.passage.ID
	}
	l.alarms = append(l.alarms, a)
	l.touch()
	return true
}

// alarmOver says that the cause of an alarm is over.
func (l *lane) alarmOver(k AlarmKind, of string) {
	if l.standing(k, of) == nil {
		return
	}
	l.alarms = slices.Clone(l.alarms)
	l.standing(k, of).Over = true
	l.alarms = slices.DeleteFunc(l.alarms, func(a Alarm) bool { return a.Over && (a.Kind.ends() || a.By != "") })
	l.touch()
}

// autoOpen raises the arm where policy opens by itself and nothing speaks
// against it. It is asked whenever something has changed.
func (l *lane) autoOpen() {
	if !l.auto || !l.mayOpen() || !l.proven() {
		return
	}
	id := l.passage.ID
	if err := l.carryOut(Act{Kind: ActOpen, Passage: id, By: AutoOpen}); err != nil {
		l.ctl.cfg.Log.ErrorContext(l.ctx, "auto-open", "lane", l.cfg.ID, "passage", id, "error", err)
	}
}

// mayOpen says whether policy may open by itself now: everything that the lane
// has to see with says that the way is free, and no alarm stands.
func (l *lane) mayOpen() bool {
	if l.state != Waiting || !l.durable || l.ended || l.armMoving || len(l.alarms) > 0 || len(l.faults) > 0 || len(l.unread) > 0 {
		return false
	}
	for p, want := range map[Point]Level{PointAtLine: LevelOn, PointUnderArm: LevelOff, PointArmDown: LevelOn, PointArmUp: LevelOff} {
		if l.has(p) && l.at(p) != want {
			return false
		}
	}
	return true
}

// touch says that the lane has to be shown again.
func (l *lane) touch() { l.revision++ }

// stood ends the admission of a vehicle for which nothing had to be commanded.
func (l *lane) stood(note string) {
	l.armMoving, l.arm = false, ArmOpen
	if l.end(EndAdmitted, note) != nil {
		return
	}
	l.to(onArmMoved)
	l.clear.Reset(l.cfg.ClearAfter)
	l.settledArm()
}
