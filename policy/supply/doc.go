// Package supply holds parties, the dated edges between them (owns, controls,
// brand of, licence from, firmware by, engineering shared with, sold to) and
// official lists, and answers who stands behind a maker on a day.
//
// It is pure and imports nothing of this module. Every edge, party and entry
// keeps its source, quote, date and certainty; "unresolved" is a value of an
// owner, never an absence. Life of one question: a graph is opened from its
// embedded or installed form, and Behind, ControlledFrom, ShareFrom, ListedOn
// and DesignFrom walk the edges in force on the day asked, returning the path
// as the explanation.
package supply
