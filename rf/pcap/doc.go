// Package pcap decodes captures of what a passive receiver heard: Wi-Fi
// management frames and Bluetooth advertisements, from pcap and pcapng.
//
// It may import rf and rf/internal/intake. A receiver in monitor mode (Wi-Fi) or a sniffer that scans
// passively (Ubertooth, nRF) transmits nothing. Life of one frame: its record is
// read into a buffer that is overwritten by the next and cleared at the end; the
// receiver's header is walked for level, channel and the verdict on the check
// sequence; the frame's type is read; anything but management (Wi-Fi) or the
// advertising channels (Bluetooth) is refused there, before a byte of it is
// looked at; the white-listed elements are taken and an rf.Observation goes to
// the sink. Nothing is copied out of a frame but the sender's address, and a
// name where it fits a vehicle pattern.
//
// Formats, each from its own description, compared with the output of tshark
// 4.0.17 for 16 captures and with the vectors of the radiotap library:
//
//   - pcap (draft-ietf-opsawg-pcap) of both byte orders, in micro- and
//     nanoseconds; pcapng (draft-ietf-opsawg-pcapng) with its interfaces' own
//     resolution and offset of time. A simple packet block has no time and is
//     refused.
//   - Link types: 105 bare 802.11, 127 radiotap (https://www.radiotap.org), 119
//     Prism, 163 AVS, 192 PPI with its 802.11 or Ubertooth field; 251 and 256
//     Bluetooth LE, 272 that of Nordic's sniffer
//     (https://www.tcpdump.org/linktypes.html); what that one writes to its
//     serial line is read by rf/nrf.
//   - radiotap: fields are aligned to their own size from the start of the
//     header, presence words are chained, namespaces of vendors are stepped
//     over by their length, and one frame may carry a level for each antenna:
//     the greatest is kept. Without a level in dBm there may be one in dB from a
//     reference nobody knows (rf.Relative), or none.
//   - 802.11 management (IEEE 802.11-2020, 9.3.3): beacon and probe response are
//     an access point's, probe and (re)association request a client's. Of
//     authentication only the addresses are read. The other subtypes are between
//     two stations and are refused. A body that is fragmented or protected is
//     not read. Capture tools leave the frame check sequence on without saying
//     so: up to four bytes left over after the elements are no fault.
//   - Bluetooth LE advertising PDUs (Core Specification, vol. 6, part B, 2.3)
//     with the access address 0x8E89BED6 and a valid CRC. Undirected
//     advertisements and scan responses are taken; a directed advertisement, a
//     scan request and a connection request are meant for one device and are
//     refused. Only a public address has a registered prefix.
package pcap
