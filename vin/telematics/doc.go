// Package telematics says what is publicly known of the modem and the modules
// in a vehicle, with certainty and sources, and turns identifiers on labels
// and in papers (FCC, IC and CE numbers, IMEIs, bus ids, markings, part numbers
// of telematics units, names of fitted devices) into makers.
//
// It is pure and imports at most vin and policy/rows. Unknown is an answer: a car
// maker's country or a supplier's market share never stands in for a module,
// a row that only shows a unit never names one, and the end of a network never
// means that there is no modem. Who made a module, who can update it, where its
// servers and its SIM's home network are, and what the vehicle can record are
// separate questions, each with its own sources.
//
// Life of one row: Build reads it from the public data, has its prose read by
// the reviewed overlay, refuses what nobody has reviewed, and writes it as a
// line of the catalogue that is embedded (File.Encode). Rules on whether a modem
// is fitted (fitted_rules.jsonl), statements beside the module's maker
// (about.jsonl) and ends of networks (sunsets.jsonl) are written by a reviewer,
// each with source, quote and reason. Open checks every line, on as many
// processors as there are, and refuses a file that is damaged or holds what a
// catalogue does not, naming the line; a row on vehicles is then read off its
// line when it is used.
//
// Life of one look-up: make, model, year or day of build, and market are brought
// to the form in which names are compared (name.go), rows that speak of the
// vehicle are gathered into units with candidates, statements are put beside
// them, and what says whether a modem is fitted at all is answered apart, by a
// row that shows a unit or by a rule with its legal or historical source.
// Questions then says which acts would settle what is open, cheapest first.
//
// Life of one label: ReadLabel parts the text into tokens with their places,
// reads each as the identifier that the words before it announce or that the
// tables know, mends look-alike characters only where one known identifier of
// one maker answers, and joins the readings: what the unit contains is its
// module, what contradicts leaves it open. A site may add a table of type
// allocation codes (ImportGSMATACs, ImportOsmocomTACs, Catalogue.WithTACs).
//
// The catalogue keeps its own copy of the file's text and some 15 MB of tables
// for 100,000 rows of 700 bytes, and at most 4,096 answers.
package telematics
