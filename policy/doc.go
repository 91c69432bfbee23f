// Package policy turns rules over typed facts into a verdict with all its
// reasons and open questions.
//
// It is pure: no clock, no database, no network, no logging. Time and facts
// are arguments; what stands behind a maker is asked through the Supply
// interface that this package owns. It imports nothing of this module.
//
// Life of one decision: a rule file (YAML) is parsed, type-checked and compiled
// once into a Policy. A caller fills a Facts record in which every leaf is a
// value or unknown. Policy.Evaluate looks at every rule in Kleene's three
// values, keeps every reason, takes the strictest outcome and turns what kept
// a rule open into questions for the guard.
package policy
