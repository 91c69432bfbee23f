// Package rf holds observations of broadcasts, and what can be looked up about
// who sent them.
//
// Receive only: no payload, no cellular identifiers, no tracking of people. A
// radio finding raises a question, never clears one. The package is pure and
// imports of this module only rf/internal/intake. Life of one observation: a
// driver under rf/ parses it into an Observation, the lane hands it to its
// attribution (package rf/attribute), and when the vehicle leaves, what was
// attributed is reduced to a Finding and the rest forgotten.
package rf
