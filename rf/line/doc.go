// Package line is the protocol that a microcontroller receiver speaks to the
// gate: observation records, numbered and checked, over a serial line or one a
// UDP datagram.
//
// It may import rf and rf/internal/intake. The gate never answers: there is
// nothing to ask for and nothing to acknowledge. Life of one frame: the bytes
// behind its last dollar sign are checked against its CRC, its number is held
// against those that came before, its record gets the time and the sensor's
// name where it carries none, and is parsed as rf.ParseLine does; what does not
// fit is counted by its reason and forgotten.
//
// # How it was observed
//
// The protocol is this project's own; a receiver that speaks it must only listen
// (monitor mode of Wi-Fi, a passive scan of Bluetooth LE, a receiver below 1 GHz).
// testdata/vectors.ndjson holds frames and what comes of each. A frame is printable
// text and reads, byte by byte:
//
//	$               0x24, begins a frame and stands nowhere else in one
//	sequence        1 to 10 digits, 0 to 4294967295, no leading zero
//	,               0x2C
//	age             nothing, or 1 to 4 digits, 0 to 5000, no leading zero
//	,               0x2C
//	record          a JSON object (RFC 8259) as rf.ParseLine describes it
//	*               0x2A
//	check           four digits 0–9 A–F, upper case, high byte first
//	end             LF (0x0A), or CR LF; not needed in a datagram
//
//	$0,12,{"kind":"wifi","emitter":"00:11:22:33:44:55","rssi_dbm":-61,"role":"ap","channel":11}*C38E
//
// It has at most 1024 bytes without its end. A dollar sign within the record's
// strings is written \u0024. The check is CRC-16/CCITT-FALSE (also called
// CRC-16/IBM-3740) of all bytes between the dollar sign and the asterisk before
// the check, neither included: polynomial 0x1021, initial value 0xFFFF, nothing
// reflected, nothing XORed at the end; of "123456789" it is 0x29B1. It finds
// every error of one, two or three bits and every burst of up to 16 in a frame
// of this length.
//
// # What is taken
//
// What rf.ParseLine takes of a record, once for each frame. "sensor" may be left
// out: who holds the line says who speaks. Where it is allowed a plain record is
// taken without a frame.
//
// The first frame after power-on has number 0 and each further one
// the next; after 4294967295 comes 0. A number that is passed over is a frame
// lost, and taken back from the losses when it comes late by no more than 63
// numbers, as datagrams may. A frame that came among the last 64 and comes
// again byte for byte is a repeat; a receiver may so send each twice. The
// receiver has restarted when number 0 comes out of turn, when one of the last
// 64 numbers comes with other bytes, or when two frames in turn go back by more
// than that; the first of those two is refused.
//
// # What is refused
//
// A line without a frame; a frame that is too long or malformed, whose check is
// wrong, that came already or whose number lies far back; a record with both a
// time and an age, or neither; one that rf.ParseLine refuses. Each is counted by
// its reason, which never repeats what the line held. Noise before a dollar sign
// is passed over, so that a frame cut off by a reset costs nothing but itself.
//
// # Clock
//
// A receiver with a clock puts "ts" into the record and leaves age empty. One
// without leaves "ts" out and gives as age the milliseconds since it heard the
// broadcast; the record's time is then that of the frame's last byte here less the
// age.
//
// # Level
//
// The record's "level" says what its rssi_dbm is: nothing for dBm, relative for dB
// of the receiver's full scale, none where it has none.
package line
