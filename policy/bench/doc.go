// Package bench measures the rule engine of package policy beside cel-go,
// cedar-go and Open Policy Agent: sixty rules in four languages over the same
// facts, proved to match the same, then timed. It is a module of its own, so
// that none of these is a dependency of the program.
//
// Life of one comparison: Rules writes each rule in all four languages from one
// template; an engine compiles its sixty once; a Facts is handed to each engine
// in the form that it takes natively; the ids of the rules that are true must be
// the same.
//
// What stands behind a maker is an answer of the supply graph. The other engines
// have no such graph: they get the answers as data, beside the party; ours gets
// them from a table in memory, by question, as the gate does.
//
// Cedar has no quantifier over a set of records, so that a rule on any module is
// written out over as many modules as a vehicle here may have.
package bench
