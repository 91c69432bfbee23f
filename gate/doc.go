// Package gate is the domain of a site and the controller of its lanes: Site,
// Zone, Lane, Arrival, evidence, Passage, Inspection, Registration, and the
// ports that the controller needs, declared as small interfaces.
//
// It imports vin, vin/telematics, policy, policy/supply and rf; no database,
// no web framework, no device. Life of one passage: a lane's goroutine takes
// an arrival from its inbox, Assessor gathers evidence into policy.Facts and
// evaluates the site's policy, Store.Record makes passage and log entry durable
// in one transaction, the view is published, a person's act (or the policy's
// auto-open) is recorded and only then commands the arm, and
// Store.RecordOutcome closes the passage.
package gate
