// Package rf holds observations of broadcasts, and what can be looked up about
// who sent them.
//
// Receive only: no payload, no cellular identifiers, no tracking of people. A
// radio finding raises a question, never clears one. The package is pure and
// imports of this module only rf/internal/intake. Life of one observation: a
// driver under rf/ parses it into an Observation, the lane hands it to its
// attribution (package rf/attribute), which reduces what it attributed to a
// Finding, package rf/meaning sets that against VIN and record, and when the
// vehicle has left the rest is forgotten.
package rf
