// Package btmon decodes what Linux's Bluetooth monitor records of an adapter that
// listens: the advertising reports in a btsnoop file.
//
// It may import rf and rf/internal/intake. Life of one record: its head is read;
// what is no event of the adapter is passed over, data of connections without
// being looked at; the reports of an advertising event are read field by field,
// the white-listed ones are taken, and an rf.Observation goes to the sink. The
// buffer is overwritten by the next records and cleared at the end.
//
// # How it was observed
//
// btmon of BlueZ 5.66 (Debian bookworm; GPL-2 and LGPL-2.1, a program of its own,
// not linked) records what passes between the kernel and its adapters, while
// another program lets an adapter listen:
//
//	hcitool lescan --passive --duplicates
//	btmon -w recording.btsnoop
//
// A named pipe in the recording's place makes it live. No recording under a free
// licence was at hand. testdata/example.btsnoop was therefore written by the Core
// Specification 5.4 (vol. 4, part E, 7.7.65.2 and 7.7.65.13) and read by btmon
// 5.66 itself (btmon -T -r), whose text lies beside it and is what the test
// compares with. Data links 2001 (btmon's own), 1001 (packets of HCI) and 1002
// (the same as on a UART, as Android's btsnoop_hci.log has them) are read. The
// text that btmon prints is made for people, changes with its release, and is not
// read.
//
// # What is taken
//
// Undirected advertisements, legacy and extended: address and its kind (public,
// static, resolvable, non-resolvable), level, company identifier, and the local
// name where it fits a vehicle pattern. An advertisement too long for one event
// comes in several; the first is taken and the others are refused, for they may
// begin within a structure. Channel and frequency are not told.
//
// # What is refused
//
// An adapter that scans actively transmits, and has no place at a gate: from the
// command that sets it so (LE Set Scan Parameters, LE Set Extended Scan
// Parameters), or the first scan response, nothing of that adapter is taken until
// a command to listen only, or a reset. Of other commands nothing is looked at.
// bluetoothctl, btmgmt find and every desktop scan actively. A directed
// advertisement is meant for one device; an anonymous one has no sender; an
// address that the adapter resolved names a device that somebody has paired with
// it, which no receiver at a gate may have done. ACL, SCO and ISO data, the other
// events, the monitor's notes: each is counted by its reason.
//
// # Clock
//
// Time is that of the computer when its kernel got the packet, in microseconds,
// and UTC. The format counts from a year 0 that lies twelve days before the
// calendar's, in all programs alike.
//
// # Level
//
// rf.DBm, as the adapter measures it, to a few dB; rf.NoLevel where it says that
// it did not (127), or something that the standard keeps free.
package btmon
