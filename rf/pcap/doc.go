// Package pcap decodes captures of what a passive receiver heard: Wi-Fi
// management frames and Bluetooth advertisements, from pcap and pcapng.
//
// It may import rf and rf/internal/intake. Life of one frame: its record is read
// into a buffer that is overwritten by the next and cleared at the end; the
// receiver's header is walked for level, channel and the verdict on the check
// sequence; the frame's type is read; anything but management (Wi-Fi) or the
// advertising channels (Bluetooth) is refused there, before a byte of it is
// looked at; the white-listed elements are taken and an rf.Observation goes to
// the sink. Nothing is copied out of a frame but the sender's address, and a
// name where it fits a vehicle pattern.
//
// # How it was observed
//
// A receiver in monitor mode (Wi-Fi) or a sniffer that scans passively (Ubertooth,
// nRF) transmits nothing:
//
//	tcpdump -i wlan0mon -s 512 -w - type mgt
//	ubertooth-btle -n -q recording.pcap
//
// Every column that tshark 4.0.17 has of 15 Wi-Fi captures (aircrack-ng's tests,
// GPL-2) and one of Bluetooth (crackle's, BSD-2) is compared, and the vectors of
// the radiotap library (ISC). They hold other people's addresses and are not
// carried here; tests read them where they lie beside the repository.
//
//   - pcap (draft-ietf-opsawg-pcap) of both byte orders, in micro- and
//     nanoseconds; pcapng (draft-ietf-opsawg-pcapng) with its interfaces' own
//     resolution and offset of time.
//   - Link types (https://www.tcpdump.org/linktypes.html): 105 bare 802.11, 127
//     radiotap (https://www.radiotap.org), 119 Prism, 163 AVS, 192 PPI with its
//     802.11 or Ubertooth field; 251 and 256 Bluetooth LE, 272 that of Nordic's
//     sniffer; what that one writes to its serial line is read by rf/nrf.
//   - radiotap: fields are aligned to their own size from the start of the
//     header, presence words are chained, and namespaces of vendors are stepped
//     over by their length.
//
// # What is taken
//
//   - 802.11 management (IEEE 802.11-2020, 9.3.3): beacon and probe response are
//     an access point's, probe and (re)association request a client's; sender,
//     channel, level, and an access point's name where it fits a vehicle pattern.
//     Of authentication only the addresses are read. A body that is fragmented or
//     protected is not read. Capture tools leave the frame check sequence on
//     without saying so: up to four bytes left over after the elements are no
//     fault.
//   - Bluetooth LE advertising PDUs (Core Specification, vol. 6, part B, 2.3)
//     with the access address 0x8E89BED6 and a valid CRC: undirected
//     advertisements and scan responses; address and its kind, channel, level,
//     company identifier, and a name where it fits a vehicle pattern. Only a public
//     address has a registered prefix.
//
// # What is refused
//
// Data and control frames; the other management subtypes, which are between two
// stations; a directed advertisement, a scan request and a connection request,
// which are meant for one device; frames that the receiver calls damaged, whose
// header, length or elements are malformed, whose sender is a group or nobody; a
// link type that is not read; a simple packet block, which has no time. Each is
// counted by its reason. A file whose own lengths are damaged ends with an error
// that names the record, and what was read before it counts.
//
// # Clock
//
// A frame's time is the capture's, which is that of the computer; the card's own
// count (radiotap's TSFT) is not read. Where a recorder's clock was never set
// Config.Start says when the recording began.
//
// # Level
//
// rf.DBm: one frame may carry a level for each antenna, and the greatest is kept.
// Without a level in dBm radiotap may have one in dB from a reference nobody knows
// (rf.Relative, counted down from the greatest value the field has); Prism's has no
// unit and is not taken. Else rf.NoLevel.
package pcap
