// Package meaning says what the emitters that were attributed to a vehicle mean
// for what is believed of that vehicle.
//
// It imports rf and nothing else of this module; it is pure. Life of one
// finding: rf/attribute (or rf.HearOnce) reduces what was heard to an
// rf.Finding, gate describes the vehicle as VIN and record have it, Read compares
// the two, and gate puts the Evidence among the facts.
//
// The air raises a question and never clears one. A piece of evidence therefore
// adds, or speaks against a belief; where it agrees with one, it says so and
// that is all. Every piece names what else would explain it, and the source of
// the table that it rests on.
//
// # What contradicts
//
// Evidence.Contradicts is true only where the emitter was attributed with a
// probability of at least 0.9 and is found in vehicles alone. A prefix of a
// maker whose modules sit in pocket routers too, one that was only derived by
// clearing a bit, and a generic network name never contradict; nor does a
// Bluetooth company id, which a key or an app of another car carries into this
// one; nor tyres, whose sensors are replaced with the wheels; nor an uplink,
// which may be any telephone's. All these are hints.
//
// # Strength
//
// Strong: attributed with at least 0.9, and a name that stands for one VIN.
// Moderate: attributed with at least 0.9 and found in vehicles alone, by its own
// name, its registered prefix or its own word on its size. Weak: everything
// else.
//
// # Laws
//
// Each emitter is read by itself, so that one more takes nothing away, and their
// order does not matter. A lower probability never gives more evidence, a
// stronger one, or a contradiction. An emitter with a probability below one half
// says nothing.
package meaning
