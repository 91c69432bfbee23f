// Package storetest holds what every store of a site must pass: one
// conformance suite, a store in memory that works, and a wrapper that makes a
// store fail on purpose.
//
// It is for tests; it imports gate, gate/translog and testing. Life of one
// check: a test of gate/sqlite (or of this package, for the memory store) hands
// Run a function that opens an empty store; each subtest opens its own, records
// through the ports, reads back, and has the whole log verified after each
// step.
package storetest
