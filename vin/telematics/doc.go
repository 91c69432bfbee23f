// Package telematics says what is publicly known of the modem and the modules
// in a vehicle, with certainty and sources, and turns identifiers on labels
// (FCC, IC, IMEI, USB, markings) into makers.
//
// It is pure and imports at most package vin. Unknown is an answer: a car
// maker's country or a supplier's market share never stands in for a module.
// Life of one look-up: make, model, year and market are normalised, rows whose
// build period overlaps are gathered into units with candidates, and what
// says whether a modem is fitted at all is answered apart, with its own basis.
package telematics
