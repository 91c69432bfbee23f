package ui

import (
	"time"

	"sallyport/gate"
	"sallyport/policy"
)

// withLaneStates adds what detectors, people's orders and devices do to a lane's
// screen.
func withLaneStates(at time.Time, state func(gate.State, string, func(*gate.LaneView)) func(), all map[string]func()) map[string]func() {
	alarm := func(kinds ...gate.AlarmKind) func(*gate.LaneView) {
		return func(v *gate.LaneView) {
			for i, k := range kinds {
				v.Alarms = append(v.Alarms, gate.Alarm{ID: i + 1, Kind: k, Since: at})
			}
		}
	}
	for name, set := range map[string]func(){
		"atline": state(gate.AtLine, "", func(v *gate.LaneView) { v.LastEnd = gate.EndLeft; v.Warnings = []string{gate.WarnBackedOut} }),
		"coming": state(gate.Approaching, "", func(v *gate.LaneView) { v.Direction, v.Turns = gate.DirectionExit, true }),
		"closed": state(gate.OutOfService, "", func(v *gate.LaneView) {
			v.Closed, v.Ordered = "works", &gate.Ordered{By: "Maria Kowalczyk-Wiśniewska", At: at.Add(-30 * time.Hour)}
		}),
		"turnfirst": state(gate.OutOfService, "", func(v *gate.LaneView) { v.Closed, v.Turns, v.Direction = "turn-first", true, gate.DirectionEntry }),
		"byhand": state(gate.Manual, "", func(v *gate.LaneView) {
			v.Closed, v.Ordered = "weather", &gate.Ordered{By: "Maria Kowalczyk-Wiśniewska", At: at.Add(-time.Hour)}
		}),
		"egress": state(gate.Egress, "", func(v *gate.LaneView) {
			v.Ordered, v.Direction, v.Arm = &gate.Ordered{At: at}, gate.DirectionExit, gate.ArmFault
			v.Alarms = []gate.Alarm{{ID: 1, Kind: gate.AlarmEgressArm, Since: at}}
		}),
		"tandem": state(gate.Waiting, vinGrant, func(v *gate.LaneView) {
			second := gate.Passage{ID: "p-behind", Lane: "north-1", At: at, Arrival: gate.Arrival{VIN: vinDeny, Plate: "GD 77701"}, Result: judge(vinDeny, "GD 77701", "", at)}
			v.Vehicles = []gate.LaneVehicle{
				{State: gate.Waiting, Passage: v.Passage, Durable: true, Decision: 1, Allowed: v.Allowed},
				{State: gate.Waiting, Passage: &second, Durable: true, Decision: 1, Allowed: []gate.ActKind{gate.ActInspect, gate.ActHold, gate.ActTurnAway, gate.ActReset}},
			}
		}),
		"underarm": state(gate.Waiting, vinGrant, func(v *gate.LaneView) {
			v.Warnings = []string{gate.WarnUnderArm, gate.WarnAutoPaused}
			v.Allowed = v.Allowed[1:]
		}),
		"tailgating": state(gate.Idle, "", alarm(gate.AlarmTailgating)),
		"heldopen":   state(gate.Idle, "", func(v *gate.LaneView) { alarm(gate.AlarmHeldOpen, gate.AlarmForced)(v); v.Arm = gate.ArmOpen }),
		"ranthrough": state(gate.Waiting, vinFlag, alarm(gate.AlarmRanThrough, gate.AlarmTwoInOne, gate.AlarmWrongWay)),
		"covered": state(gate.Waiting, vinGrant, func(v *gate.LaneView) {
			v.Alarms = []gate.Alarm{{ID: 2, Kind: gate.AlarmCovered, Of: string(gate.PointUnderArm), Since: at}}
		}),
		"lostdevice": state(gate.Waiting, vinDeny, func(v *gate.LaneView) {
			v.Notice, v.Devices = gate.NoticeDevice, []gate.DeviceStatus{{Device: "relay-board-7", Fault: "offline"}, {Device: string(gate.PointAtLine), Fault: "unread"}, {Device: "lamps", Fault: "failed"}}
			v.Alarms = []gate.Alarm{{ID: 1, Kind: gate.AlarmDeviceLost, Of: "relay-board-7", Since: at}, {ID: 2, Kind: gate.AlarmDeviceLost, Of: string(gate.PointAtLine), Since: at}}
		}),
		"armhalfway": state(gate.Admitting, vinGrant, func(v *gate.LaneView) { v.Arm, v.Notice, v.ArmFault = gate.ArmFault, gate.NoticeArm, "halfway" }),
		"pass": state(gate.Waiting, vinFlag, func(v *gate.LaneView) {
			p := *v.Passage
			v.Passage = &p
			p.Result.Facts.Arrival.Findings = []policy.ArrivalFinding{{Code: "pass_revoked", Says: "The pass 7F3 was revoked by ewa on 2026-11-20.", Do: "Keep the pass and call the pass office, 4712"}}
		}),
	} {
		all[name] = set
	}
	return all
}
