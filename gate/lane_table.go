package gate

// event is what can happen to a lane.
type event string

// The events of the transition table.
const (
	onStarted     event = "started"            // the site took the lane into service
	onStopped     event = "stopped"            // the site is going down
	onDetected    event = "detected"           // a detector is covered
	onCleared     event = "cleared"            // the detector is free, or the vehicle had time to leave
	onArrived     event = "arrived"            // a vehicle presented itself
	onRecorded    event = "recorded"           // its passage is durable
	onRaised      event = "raised"             // a radio finding made the verdict stricter
	onReassessed  event = "reassessed"         // what the site knows changed, and it was decided again
	onHeld        event = "act hold"           // recorded: keep it waiting
	onOpened      event = "act open, override" // recorded: let it in
	onInspected   event = "act inspect"        // recorded and ended
	onTurnedAway  event = "act turn-away"      // recorded and ended
	onReset       event = "act reset"          // recorded: the lane is clear
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
	{OutOfService, onStoreFailed, Manual},

	{Idle, onDetected, Approaching},
	{Idle, onArrived, Deciding},
	{Idle, onStoreFailed, Manual},
	{Idle, onStopped, OutOfService},

	{Approaching, onCleared, Idle},
	{Approaching, onArrived, Deciding},
	{Approaching, onStoreFailed, Manual},
	{Approaching, onStopped, OutOfService},

	{Deciding, onRecorded, Waiting},
	{Deciding, onStoreFailed, Manual},
	{Deciding, onStopped, OutOfService},

	{Waiting, onArrived, Deciding},
	{Waiting, onRaised, Waiting},
	{Waiting, onReassessed, Waiting},
	{Waiting, onHeld, Waiting},
	{Waiting, onOpened, Admitting},
	{Waiting, onInspected, Redirected},
	{Waiting, onTurnedAway, Refusing},
	{Waiting, onReset, Idle},
	{Waiting, onStoreFailed, Manual},
	{Waiting, onStopped, OutOfService},

	{Admitting, onArmMoved, Admitting},
	{Admitting, onArmFailed, Admitting},
	{Admitting, onArrived, Deciding},
	{Admitting, onCleared, Idle},
	{Admitting, onReset, Idle},
	{Admitting, onStoreFailed, Manual},
	{Admitting, onStopped, OutOfService},

	{Refusing, onArrived, Deciding},
	{Refusing, onCleared, Idle},
	{Refusing, onReset, Idle},
	{Refusing, onStoreFailed, Manual},
	{Refusing, onStopped, OutOfService},

	{Redirected, onArrived, Deciding},
	{Redirected, onCleared, Idle},
	{Redirected, onReset, Idle},
	{Redirected, onStoreFailed, Manual},
	{Redirected, onStopped, OutOfService},

	{Manual, onStoreBack, Idle},
	{Manual, onStopped, OutOfService},
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
