// Package modbus drives a relay board with inputs by Modbus RTU or TCP: a traffic
// arm, two lamps, and the contacts by which the arm is believed.
//
// It may import gate and gate/barrier. simonvetter/modbus speaks the protocol; its
// limits are kept behind this package: it sends one request at a time, throws
// nothing away before it asks, waits 300 ms and more after a garbled answer, and
// reads a serial line by select, which cannot watch a file numbered above 1023.
//
// # The pulse
//
// A relay that is on stays on when the program dies, so the program never
// switches one off later: the board ends the pulse by itself. Two ways are known:
//   - PulseCoil writes a coil (function 5) whose output the board is set to release
//     after a time: "pulse", "momentary" or "jog" mode of Moxa, Advantech, ICP DAS
//     and others.
//   - PulseRegister writes a value that means "on for so long" to a register
//     (function 6), such as 0x0601 for a second on the boards that count
//     0x0600+seconds.
//
// Boards that take the time as the value of a coil (function 5 with other values
// than FF00 and 0000) are outside the standard and the library, and not driven.
// Whatever the board promises, the output is read back, and one that stays on
// longer than it should is a fault under which nothing is raised.
//
// # Life of one poll
//
// One goroutine owns the line. It reads the inputs (function 2) and then the
// output (1 or 3), writes the contacts into barrier.Contacts, and does what Raise,
// Show and the next tick ask for, one after the other. The two kinds of reading
// alternate so that an answer that comes too late, to the request before, has the
// wrong function and is seen; the line is then closed, what waits in it is thrown
// away, and nothing of that poll is believed. Three failures in a row and the
// device is lost: every contact is unknown, a Fault is told, and it is looked for
// with growing pauses. A read is tried again; a pulse never is. One that had to
// wait for the line looks once more whether the arm may move.
//
// A board may serve several lanes: each has a Side of its own, with its arm, lamps
// and contacts, and all of them are read and written over the one line.
package modbus
