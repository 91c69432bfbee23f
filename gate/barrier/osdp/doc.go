// Package osdp is the control panel's side of OSDP v2 (IEC 60839-11-5) on an RS-485
// line: readers at which drivers hold badges and are shown a light, a sound and a
// line of text, and which may have an output for a traffic arm and inputs for its
// contacts.
//
// It may import gate, gate/barrier and rf/serial. Not tested against a certified
// device: what it is held to are the standard's published examples and a reader
// written for the tests from them.
//
// # Security
//
// A reader is spoken to in a secure channel (AES-128, SCS_11 to SCS_18) with a key
// of its own. The install-mode key, which everybody knows, is refused in a
// configuration and from a reader; a reader without a key has to be declared plain.
// Once a channel stands, an answer outside it ends it and is not believed.
// Reader.SetKey gives a reader a new key over the channel; where the answer is
// lost, both keys are tried from then on. A reader that answers with another
// vendor, model or serial number than before is out of service.
//
// # Life of one exchange
//
// One goroutine, Bus.Run, owns the line and has one command in flight. It throws
// away what came unasked, writes the command with the reader's sequence number and
// waits for the answer with the same number. Polling and asking are repeated, byte
// for byte, where no good answer comes in time: a reader that has done the command
// repeats its answer and does nothing again. The command for the arm's output is
// never repeated. After that the reader is greeted from the beginning: sequence 0,
// identity, capabilities, a new channel.
//
// Cards and keys come in answers to polls and go to the Badge function once each;
// inputs and tamper go to barrier.Contacts; everything else that changes is told as
// a barrier.Fault.
package osdp
