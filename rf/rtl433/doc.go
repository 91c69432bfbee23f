// Package rtl433 decodes what rtl_433 prints: tyre sensors, and the bare fact
// that a key fob was pressed.
//
// It may import rf and rf/internal/intake. rtl_433 (GPL-2, a program of its own,
// not linked) only receives. It is run as
//
//	rtl_433 -f 433.92M -M time:unix:usec:utc -M level -F json
//
// at a fixed gain (-g), one process a receiver, and writes one JSON object a
// line to its output, to MQTT, or compactly behind an RFC 5424 header to UDP
// (-F syslog); each is read here. Life of one line: it is walked in place, the
// white-listed members (time, model, type, id, pressure, freq, rssi) are taken,
// the repeats of one burst are dropped, and an rf.Observation goes to the sink.
//
// The format was observed by feeding 18 recorded transmissions to the versions
// 22.11 and 25.12-346 and by reading the decoders' sources
// (https://github.com/merbanan/rtl_433, src/devices/tpms_*.c, schraeder.c). What
// was seen, and what follows here:
//
//   - id is a string in most decoders and a number in some (BMW-GEN2 and -GEN3,
//     GM-Aftermarket, TRW, SmarTire); a number may be negative, being 32 bits
//     printed as an int. Both become lower-case hexadecimal, a number in eight
//     digits.
//   - Pressure comes as pressure_kPa, pressure_PSI or pressure_bar, or not at
//     all. It is kept in kPa, to 0.001. Zero is a value: a sensor on a bench.
//   - model names an air protocol and never a car's make. One transmission may
//     fit several: a Nissan frame is printed as Nissan, Schrader-SMD3MA4 and
//     Schrader-NIS315G3 with three pressures and with its id in both cases of
//     letters, and a Jeep's as Citroen at half its pressure. All such records
//     carry the same Emitter here; what reads them sees one emitter with a set
//     of models, and may take no pressure of it for sure.
//   - One burst repeats its frame 3 to 11 times. The same model, id and pressure
//     within two seconds count once.
//   - rssi is in dB of the converter's full scale: Level is rf.Relative, and
//     rf.NoLevel without -M level.
//   - time is local without a zone by default, seconds since 1970 as a string
//     with time:unix, and "@0.040004s" for a replayed recording.
//   - Flex decoders (-X) print rows that are no JSON. Such a line is refused and
//     the next one read.
//   - Weather stations, and a false Sharp-SPC775 on a truck's frame, are refused.
//   - Of a fob nothing is kept but band, time and level: no id, no button, no
//     rolling code.
package rtl433
