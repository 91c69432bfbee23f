// Package rf holds observations of broadcasts and decides which of them belong
// to the vehicle at the line.
//
// Receive only: no payload, no cellular identifiers, no tracking of people.
// The deciding part is pure: observations and time are arguments. A radio
// finding raises a question, never clears one. It imports nothing of this
// module. Life of one observation: a driver under rf/ parses it into an
// Observation, the lane hands it to its Attributor, and when the vehicle
// leaves, what was attributed is reduced to a Finding and the rest forgotten.
package rf
