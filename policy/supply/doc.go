// Package supply holds parties, the dated edges between them (owned by,
// controlled by, brand of, licence from, firmware by, engineering shared with,
// sold to) and official lists, and answers who stands behind a maker on a day.
//
// It is pure and imports policy/rows only. Every edge, party and entry keeps its
// source, quote, date and certainty, and the maker's reply where there is one;
// "unresolved" is a value of an owner, never an absence.
//
// Life of one edge: a row of the public data is read by Build, which looks its
// relation, its dates and its ends up in the reviewed overlay, refuses what
// nobody has reviewed, and writes the compact graph that is embedded. Life of
// one question: a graph is opened from its embedded or installed form, which
// brings its parties into an order in which owners come first; ControlledFrom,
// ShareFrom, ListedOn, DesignFrom, OwnerResolved, Holders and Behind look at the
// edges in force on the day asked and return the path as the explanation. What
// the owners of a party come to, of one country, is worked out for it and all
// above it when it is first asked about, and kept until an edge begins or ends.
// Life of one list entry: a row of a published table is read by ImportRows, its
// name is matched to a party by rule or by a decision that a person signed off
// (what merely looks alike is proposed and bites nobody), WithLists puts the
// edition behind those held, and DiffOn, Turns and Touch say what that changes
// and for whom. Positive lists are asked by TrustedBy.
package supply
