// Package vin parses, checks, corrects and decodes a vehicle identification
// number against an embedded index of NHTSA's vPIC patterns.
//
// It is pure: no clock, no database, no network; the current year is an
// argument. It imports nothing of this module. Life of one VIN: FromScan finds it
// in what a scanner read, Parse cleans the text and names every problem, and
// Index.Correct puts one misread character right where nothing else explains it
// (Index.Understand is the three in one). Index.Decode finds the WMI, tries each
// plausible model year by offering every pattern of the WMI's schemas whose key
// fits, keeps the best item per element, adds what follows from the engine
// model, from formulas and from conversions, and chooses between the years as
// NHTSA's stored procedure spVinDecode does; what vPIC does not hold (make and
// country of other makers, model years outside 49 CFR 565) is answered with its
// own, weaker basis or left unknown.
//
// The index is compiled by vin/build and committed as vpic.idx; its form is
// described in format.go. The committed one is of a public cut of vPIC. With one
// of NHTSA's whole download the position checks, the suggested VIN and the
// vehicle specs of whole.go are at work too. Explain says of each character what
// it means and which pattern said so.
package vin
