// Package gate is the domain of a site and the controller of its lanes: Site,
// Zone, Lane, Arrival, evidence, Passage, Inspection, Registration, and the
// ports that the controller needs, declared as small interfaces.
//
// It imports vin, vin/telematics, policy, policy/supply, rf, rf/attribute and gate/auth; no
// database, no web framework, no device.
//
// Life of one passage: a lane's goroutine takes an arrival from its inbox,
// Assessor gathers evidence into policy.Facts and evaluates the site's policy,
// Store.Record makes passage and log entry durable in one transaction, the view
// is published, a person's act (or the policy's auto-open) is recorded and only
// then commands the arm, and Store.RecordOutcome closes the passage.
//
// A lane is a table of transitions (lane_table.go, drawn in testdata/lane.mmd)
// and one goroutine that owns the lane's state. The order of its effects is the
// point: commit, then act, then tell. Where a commit fails the lane goes to
// manual procedure, shows no verdict, moves nothing, and keeps what is open in
// memory until a record works again; where the process dies, the next start
// finds the passage without an outcome and closes it as unknown. Either way no
// arm is commanded twice for one passage, or once without a record.
//
// Life of one change at a detector, contact or button: Controller.Input puts it
// into the lane's queue and never waits; the lane's goroutine (traffic.go) keeps
// the level of each point, moves along the table where a vehicle comes up, backs
// out or is through, counts who came through one opening of the arm, and raises
// alarms, which are recorded as events and stand until a person has taken note.
// What cannot be read is unknown, never free: policy opens nothing then, and a
// person looks. Two vehicles that are closer to each other than a detector is long
// are one to it.
//
// What people and a fire alarm order of a lane (orders.go: closed, turned, manual
// procedure, emergency egress) is on record before it is done, and ends by a
// person's act only. Lamps and panels (signs.go) follow the state beside the
// lane's goroutine; what fails there is told and stops nothing.
//
// Life of one observation: Controller.Observe asks whether the site may take
// notice of it, holds it against our clock and puts it into the lane's queue
// (ears.go), where each sensor has its share of the room; whatever is refused or
// dropped is counted at the sensor, by reason. The lane's goroutine draws it into
// the picture of the last minutes (air.go) and hands it to the attributor, which
// alone remembers who sent it; lanes beside overhear it. What the attributor
// finds raises a verdict or lets it be, is shown while the vehicle stands and
// when it was weighed the last time, and goes no further.
//
// Life of one inspection: Inspections checks who records what, the store makes
// it durable, Controller.Inspected decides again on the vehicle where it waits,
// and from then on Registry hands it to every assessment, with what was done to
// it since: confirmed, voided, withdrawn. The Judge says what counts (settle.go):
// what was seen settles a unit, what contradicts settles nothing, and what only
// one person saw where the site asks for two can raise a verdict and lower none.
package gate
