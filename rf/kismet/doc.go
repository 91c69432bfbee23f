// Package kismet decodes what a Kismet server says of the devices that it
// heard: Wi-Fi and Bluetooth.
//
// It may import rf and rf/internal/intake. Life of one record: it is cut out of
// the stream by its brackets, walked in place, the white-listed members are
// taken, and an rf.Observation of the device's last sighting goes to the sink;
// what else a whole record holds (handshakes with packets in them, clients, names
// asked for) is walked over.
//
// # How it was observed
//
// Kismet (https://www.kismetwireless.net; GPL-2, a program of its own, not linked)
// must only listen: a capture source in scanning mode sends probe requests, a
// Bluetooth adapter that Linux scans with sends scan requests, and neither may be
// configured at a gate. The shapes are those of Kismet 2026.11, run as
//
//	kismet --no-ncurses -c recording.pcap:realtime=true
//
// on recorded frames (aircrack-ng's tests, GPL-2; tcpdump's, BSD), bound to the
// local address by httpd_bind_address. Three are read (see
// https://www.kismetwireless.net/docs/api/devices/ and /eventbus/):
//
//   - an array of device records, /devices/views/…/devices.json, whole or
//     simplified to chosen fields;
//   - one record a line, .ekjson;
//   - the lines of /eventbus/events.ws, of which those that carry a device.
//
// A simplified record has some 450 bytes and a whole one 13,000: always simplify.
// The fields to ask for are kismet.device.base.macaddr, .phyname, .type, .name,
// .channel, .frequency, .last_time, .packets.tx_total and
// kismet.device.base.signal/kismet.common.signal.last_signal. The log that Kismet
// writes, kismetdb, is read by gate/sqlite/kismetfile and rf/pcap.
//
// # What is taken
//
// Address, role (access point or client), channel, frequency, level; a name where
// it is an access point's or a Bluetooth device's and fits a vehicle pattern. Of a
// device heard many times a second that is one observation a query.
//
// # What is refused
//
//   - A device that sent nothing: it is listed because others wrote to it, and an
//     addressee has no place here. Where the record does not say how much it sent,
//     one without a level is taken for such.
//   - Devices behind an access point's wire ("Wi-Fi Bridged"): they are not in the
//     air.
//   - Tyre sensors: Kismet loses the pressure of half of those that rtl_433
//     decodes, and replaces their id by a checksum in which two may meet. Take
//     rtl_433 itself.
//   - Events without a device, other phys, records of more than 1 MiB or cut
//     short, an address that is none or a group's, a time or level out of range.
//
// Each is counted by its reason.
//
// # Clock
//
// last_time has whole seconds since 1970, and is that of the last frame by the
// capture source's clock.
//
// # Level
//
// rf.DBm where kismet.common.signal.type says dbm or nothing, rf.Relative where it
// says rssi, rf.NoLevel where the level is 0, which is Kismet's word for none. It
// is the last frame's, as the time is.
package kismet
