// Package v2x decodes what vehicles say of themselves to all others: the width
// and length of a Basic Safety Message (SAE J2735), as JSON or as it is in the
// air.
//
// It may import rf and rf/internal/intake. These messages are broadcast, ten a
// second, to everyone near, and are the one kind meant for the public. Life of one
// message: its text is cut out of the stream, walked in place down to the core
// data, and an rf.Observation with the temporary id, the width and the length goes
// to the sink. Where the vehicle is, how fast it goes and where it was (part II
// holds a trail of hundreds of metres) is walked over.
//
// # How it was observed
//
// A receiver for 802.11p or PC5 transmits nothing. Two shapes of JSON are read, both
// as the public test data of the US Department of Transportation's tools have them
// (Apache-2.0; not carried here):
//
//   - a line of the JPO Operational Data Environment
//     (https://github.com/usdot-jpo-ode/jpo-ode, June 2025): metadata with
//     recordGeneratedAt, payload.data.coreData with numbers; bsmTx.json, the log of
//     a real on-board unit;
//   - a message decoded by j2735decoder
//     (https://github.com/usdot-fhwa-stol/j2735decoder, September 2023), over
//     several lines: MessageFrame.value.BasicSafetyMessage.coreData, every number a
//     string, and no time.
//
// Payload reads the message itself, of which the core data has a fixed layout in
// bits; it was checked against payloads that j2735decoder has decoded.
//
// # What is taken
//
// The id, which is random and changes every few minutes by the standard, and width
// and length in centimetres. A width or length of 0 means that the vehicle does
// not say it. European CAMs (ETSI EN 302 637-2) are not read.
//
// # What is refused
//
// Every other kind of message; one without core data, of more than 64 KiB, or cut
// short; an id that is not four bytes, a size that is not one of the standard's, a
// time out of range. Each is counted by its reason.
//
// # Clock
//
// recordGeneratedAt is RFC 3339, in older editions with the zone's name behind it,
// and the receiver's. A message without a time is of when it came (Config.At). The
// message's own secMark, milliseconds within a minute, is not read.
//
// # Level
//
// rf.NoLevel: no shape has one.
package v2x
