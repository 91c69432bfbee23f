// Package vin parses, checks, corrects and decodes a vehicle identification
// number against an embedded index of NHTSA's vPIC patterns.
//
// It is pure: no clock, no database, no network; the current year is an
// argument. It imports nothing of this module. Life of one VIN: Parse cleans
// the text and names every problem; Index.Decode selects the WMI's schemas for
// each plausible model year, matches their patterns, chooses the best pass and
// resolves the surviving attributes.
package vin
