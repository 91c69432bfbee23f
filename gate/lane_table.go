package gate

// event is what can happen to a lane.
type event string

// The events of the transition table.
const (
	onStarted     event = "started"            // the site took the lane into service
	onStopped     event = "stopped"            // the site is going down
	onDetected    event = "detected"           // a detector is covered
	onAtLine      event = "at the line"        // the detector of the stop line is covered
	onCleared     event = "cleared"            // the detector is free, or the vehicle had time to leave
	onLeft        event = "left"               // recorded: the vehicle left without an act of a person
	onNext        event = "next comes up"      // the first vehicle is gone; the one behind it has its verdict
	onSecond      event = "second recorded"    // the passage of the vehicle behind the first is durable
	onArrived     event = "arrived"            // a vehicle presented itself
	onRecorded    event = "recorded"           // its passage is durable
	onRaised      event = "raised"             // a radio finding made the verdict stricter
	onReassessed  event = "reassessed"         // what the site knows changed, and it was decided again
	onHeld        event = "act hold"           // recorded: keep it waiting
	onOpened      event = "act open, override" // recorded: let it in
	onInspected   event = "act inspect"        // recorded and ended
	onTurnedAway  event = "act turn-away"      // recorded and ended
	onReset       event = "act reset"          // recorded: the lane is clear
	onClosed      event = "act out-of-service" // recorded, with its reason
	onReopened    event = "act in-service"     // recorded
	onTurned      event = "act turn"           // recorded: a reversible lane has another direction
	onManualBegun event = "act manual-start"   // recorded, with its reason
	onManualEnded event = "act manual-end"     // recorded
	onEgress      event = "egress"             // a person's act, or the fire alarm
	onEgressEnded event = "act egress-end"     // recorded
	onArmMoved    event = "arm raised"
	onArmFailed   event = "arm failed"
	onStoreFailed event = "store failed" // nothing can be made durable
	onStoreBack   event = "store back"
)

// transition is one row of the table.
type transition struct {
	from State
	on   event
	to   State
}

// transitions is the lane: what is not in this table cannot happen. The
// diagram in testdata/lane.mmd is drawn from it.
var transitions = [...]transition{
	{OutOfService, onStarted, Idle},
	{OutOfService, onReopened, Idle},
	{OutOfService, onEgress, Egress},
	{OutOfService, onStoreFailed, Manual},

	{Idle, onDetected, Approaching},
	{Idle, onAtLine, AtLine},
	{Idle, onArrived, Deciding},
	{Idle, onTurned, Idle},
	{Idle, onClosed, OutOfService},
	{Idle, onManualBegun, Manual},
	{Idle, onEgress, Egress},
	{Idle, onStoreFailed, Manual},
	{Idle, onStopped, OutOfService},

	{Approaching, onAtLine, AtLine},
	{Approaching, onCleared, Idle},
	{Approaching, onArrived, Deciding},
	{Approaching, onClosed, OutOfService},
	{Approaching, onManualBegun, Manual},
	{Approaching, onEgress, Egress},
	{Approaching, onStoreFailed, Manual},
	{Approaching, onStopped, OutOfService},

	{AtLine, onCleared, Idle},
	{AtLine, onArrived, Deciding},
	{AtLine, onClosed, OutOfService},
	{AtLine, onManualBegun, Manual},
	{AtLine, onEgress, Egress},
	{AtLine, onStoreFailed, Manual},
	{AtLine, onStopped, OutOfService},

	{Deciding, onRecorded, Waiting},
	{Deciding, onStoreFailed, Manual},
	{Deciding, onStopped, OutOfService},

	{Waiting, onArrived, Deciding},
	{Waiting, onSecond, Waiting},
	{Waiting, onNext, Waiting},
	{Waiting, onRaised, Waiting},
	{Waiting, onReassessed, Waiting},
	{Waiting, onHeld, Waiting},
	{Waiting, onOpened, Admitting},
	{Waiting, onInspected, Redirected},
	{Waiting, onTurnedAway, Refusing},
	{Waiting, onReset, Idle},
	{Waiting, onLeft, Idle},
	{Waiting, onManualBegun, Manual},
	{Waiting, onEgress, Egress},
	{Waiting, onStoreFailed, Manual},
	{Waiting, onStopped, OutOfService},

	{Admitting, onArmMoved, Admitting},
	{Admitting, onArmFailed, Admitting},
	{Admitting, onSecond, Admitting},
	{Admitting, onNext, Waiting},
	{Admitting, onArrived, Deciding},
	{Admitting, onCleared, Idle},
	{Admitting, onReset, Idle},
	{Admitting, onManualBegun, Manual},
	{Admitting, onEgress, Egress},
	{Admitting, onStoreFailed, Manual},
	{Admitting, onStopped, OutOfService},

	{Refusing, onSecond, Refusing},
	{Refusing, onNext, Waiting},
	{Refusing, onArrived, Deciding},
	{Refusing, onCleared, Idle},
	{Refusing, onReset, Idle},
	{Refusing, onClosed, OutOfService},
	{Refusing, onManualBegun, Manual},
	{Refusing, onEgress, Egress},
	{Refusing, onStoreFailed, Manual},
	{Refusing, onStopped, OutOfService},

	{Redirected, onSecond, Redirected},
	{Redirected, onNext, Waiting},
	{Redirected, onArrived, Deciding},
	{Redirected, onCleared, Idle},
	{Redirected, onReset, Idle},
	{Redirected, onClosed, OutOfService},
	{Redirected, onManualBegun, Manual},
	{Redirected, onEgress, Egress},
	{Redirected, onStoreFailed, Manual},
	{Redirected, onStopped, OutOfService},

	{Manual, onStoreBack, Idle},
	{Manual, onManualEnded, Idle},
	{Manual, onClosed, OutOfService},
	{Manual, onEgress, Egress},
	{Manual, onStopped, OutOfService},

	{Egress, onEgressEnded, Idle},
	{Egress, onStopped, OutOfService},
}

// next is the state after the event, and whether the table has such a row.
func next(from State, on event) (State, bool) {
	for _, t := range transitions {
		if t.from == from && t.on == on {
			return t.to, true
		}
	}
	return from, false
}
