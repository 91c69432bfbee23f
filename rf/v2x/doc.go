// Package v2x decodes what vehicles say of themselves to all others: the width
// and length of a Basic Safety Message (SAE J2735), as JSON.
//
// It may import rf and rf/internal/intake. These messages are broadcast, ten a
// second, to everyone near, and are the one kind meant for the public; a
// receiver for 802.11p or PC5 transmits nothing. Life of one message: its text
// is cut out of the stream, walked in place down to the core data, and an
// rf.Observation with the temporary id, the width and the length goes to the
// sink. Where the vehicle is, how fast it goes and where it was (part II holds a
// trail of hundreds of metres) is walked over.
//
// Two shapes are read, both observed in public test data of the US Department of
// Transportation's tools:
//
//   - a line of the JPO Operational Data Environment
//     (https://github.com/usdot-jpo-ode/jpo-ode): metadata with
//     recordGeneratedAt, payload.data.coreData with numbers;
//   - a message decoded by j2735decoder
//     (https://github.com/usdot-fhwa-stol/j2735decoder), over several lines:
//     MessageFrame.value.BasicSafetyMessage.coreData, every number a string, and
//     no time, which then is that of the receiver (Config.At).
//
// Payload reads the message itself, of which the core data has a fixed layout in
// bits; it was checked against payloads that j2735decoder has decoded.
//
// The id is random and changes every few minutes, by the standard. No shape
// has a level. A width or length of 0 means that the vehicle does not say it.
package v2x
