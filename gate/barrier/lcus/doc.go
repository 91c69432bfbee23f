// Package lcus gives an arm its pulse by a cheap USB relay on a serial line
// (CH340 boards of the kind LCUS-1 to LCUS-8, and HW-667).
//
// It may import gate, gate/barrier and rf/serial. The boards answer nothing, so
// that the arm is believed by contacts that another device reads, such as
// barrier/modbus.
//
// An LCUS board knows only on and off, and a relay that is on stays on when the
// program dies, until the program starts again (it switches off first) or the
// board loses power. So it is for arms whose controller answers to the beginning
// of a pulse and closes by itself whatever its input does; where there is a
// choice, a board that ends the pulse by itself is the better one. HW-667 does: it
// has a command for a pulse of one second.
//
// Life of one pulse: Raise of the barrier.Arm asks Run, which owns the line. Run
// writes "on" once and says so; when the pulse is over it writes "off", which does
// no harm and is therefore written again after every error and whenever the board
// is opened. An "off" that could not be written is told as a stuck relay.
package lcus
