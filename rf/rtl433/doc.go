// Package rtl433 decodes what rtl_433 prints: tyre sensors, and the bare fact
// that a key fob was pressed.
//
// It may import rf and rf/internal/intake. Life of one line: it is walked in
// place, the white-listed members (time, model, type, id, pressure, freq, rssi)
// are taken, the repeats of one burst are dropped, and an rf.Observation goes to
// the sink. The decoder remembers the last 64 frames by hash alone.
//
// # How it was observed
//
// rtl_433 (https://github.com/merbanan/rtl_433; GPL-2, a program of its own, not
// linked) only receives. It is run as
//
//	rtl_433 -f 433.92M -M time:unix:usec:utc -M level -F json
//
// at a fixed gain (-g), one process a receiver and band (315M in North America
// and Japan), and writes one JSON object a line to its output, to MQTT, or
// compactly behind an RFC 5424 header to UDP (-F syslog); each is read here. The
// shapes are those of the versions 22.11-1 (Debian bookworm) and
// 25.12-346-g91b2ebdb, fed with 18 transmissions of which the bits are published
// (rtl_433_tests, and the decoders' sources), and of the sources of the decoders
// (src/devices/tpms_*.c, schraeder.c). The recordings have no stated licence and
// are not carried here; tests read them where they lie beside the repository.
//
// # What is taken
//
//   - id is a string in most decoders and a number in some (BMW-GEN2 and -GEN3,
//     GM-Aftermarket, TRW, SmarTire); a number may be negative, being 32 bits
//     printed as an int. Both become lower-case hexadecimal, a number in eight
//     digits. It has 24, 28 or 32 bits: of 10,000 known sensors, a stranger's of
//     24 bits is taken for one in 6 of 10,000 readings.
//   - Pressure comes as pressure_kPa, pressure_PSI or pressure_bar, or not at
//     all; -C si makes kPa of all. It is kept in kPa, to 0.001. Zero is a value: a
//     sensor on a bench. Less than zero, down to a vacuum, is none: decoders that
//     subtract an atmosphere print it.
//   - model names an air protocol and never a car's make. One transmission may
//     fit several: a Nissan frame is printed as Nissan, Schrader-SMD3MA4 and
//     Schrader-NIS315G3 with three pressures and with its id in both cases of
//     letters, and a Jeep's as Citroen at half its pressure. All such records
//     carry the same Emitter here; what reads them sees one emitter with a set
//     of models, and may take no pressure of it for sure. 22.11 has fewer
//     decoders, and so fewer models of the same frame.
//   - The carrier is freq, or the middle of freq1 and freq2.
//   - Of a fob (Honda-CarRemote, Ford-CarRemote, Microchip-HCS200) nothing is kept
//     but band, time and level: no id, no button, no rolling code.
//
// # What is refused
//
// The repeats of one burst, of which there are 3 to 11: the same model, id and
// pressure within two seconds count once. A line that is no JSON, as flex decoders
// (-X) print empty rows, and the next one is read. Weather stations, and the false
// Sharp-SPC775 that 22.11 prints of a truck's frame. A line of more than 4,096
// bytes, without a time, or with an id, a model, a pressure or a level that is
// none. Each is counted by its reason.
//
// # Clock
//
// time is local without a zone by default (Config.Zone says which), with one
// where asked for, seconds since 1970 as a string with time:unix, and counted from
// the beginning (@0.040004s) for a replayed recording, of which Config.Start says
// when that was. It is the computer's when the burst was decoded.
//
// # Level
//
// rssi is in dB of the converter's full scale: rf.Relative, comparable within one
// receiver at one gain, and rf.NoLevel without -M level.
package rtl433
