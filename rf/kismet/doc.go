// Package kismet decodes what a Kismet server says of the devices that it
// heard: Wi-Fi and Bluetooth.
//
// It may import rf and rf/internal/intake. Kismet (GPL-2, a program of its own)
// must only listen: a capture source in scanning mode sends probe requests, a
// Bluetooth adapter that Linux scans with sends scan requests, and neither may
// be configured at a gate. Three shapes are read: an array of device records
// (/devices/views/…/devices.json, whole or simplified to chosen fields), one
// record a line (.ekjson), and the lines of /eventbus/events.ws, of which those
// that carry a device are taken. Life of one record: it is cut out of the stream
// by its brackets, walked in place, the white-listed members are taken, and an
// rf.Observation of the device's last sighting goes to the sink; what else a
// whole record holds (handshakes with packets in them, clients, names asked for)
// is walked over.
//
// The shapes were observed by running Kismet 2026.11 on recorded frames
// (https://www.kismetwireless.net/docs/api/devices/ and /eventbus/). What was
// seen, and what follows here:
//
//   - A simplified record has some 450 bytes and a whole one 13 kB: always
//     simplify. The fields to ask for are kismet.device.base.macaddr, .phyname,
//     .type, .name, .channel, .frequency, .last_time, .packets.tx_total and
//     kismet.device.base.signal/kismet.common.signal.last_signal.
//   - A device is listed because others wrote to it, too. One that sent nothing
//     is refused: an addressee has no place here. Where the record does not say
//     how much it sent, one without a level is taken for such.
//   - Devices behind an access point's wire are listed as "Wi-Fi Bridged". They
//     are refused: they are not in the air.
//   - last_time has whole seconds and is that of the last frame, the level
//     likewise: of a device heard many times a second that is one observation a
//     query.
//   - Kismet loses the pressure of half of the tyre sensors that rtl_433 decodes
//     and replaces their id by a checksum in which two may meet. Its records of
//     that kind are refused: take rtl_433 itself.
//   - A name is kept where it is an access point's and fits a vehicle pattern.
package kismet
