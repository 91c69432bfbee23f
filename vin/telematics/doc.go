// Package telematics says what is publicly known of the modem and the modules
// in a vehicle, with certainty and sources, and turns identifiers on labels
// and in papers (FCC ids, IMEIs, bus ids, markings, part numbers of telematics
// units, names of fitted devices) into makers.
//
// It is pure and imports at most vin and policy/rows. Unknown is an answer: a car
// maker's country or a supplier's market share never stands in for a module,
// and a row that only shows a unit never names one.
//
// Life of one row: Build reads it from the public data, has its prose read by
// the reviewed overlay, refuses what nobody has reviewed, and writes the
// compact catalogue that is embedded. Life of one look-up: make, model, year
// and market are brought to the form in which names are compared, rows that
// speak of the vehicle are gathered into units with candidates, and what says
// whether a modem is fitted at all is answered apart, by a row that shows a
// unit or by a rule with its legal or historical source.
//
// Life of one inspection: with everything taken off that says which vehicle it
// was or who looked, a Learner counts it in its groups; a snapshot of the counts
// (Shares) adds candidates of certainty Observed to the answers of look-ups, and
// gives to other sites what holds no single vehicle.
package telematics
