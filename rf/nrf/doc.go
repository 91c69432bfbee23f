// Package nrf reads what the firmware of Nordic's nRF Sniffer for Bluetooth LE
// writes to its serial line.
//
// It may import rf. Life of one packet: its bytes are collected between the start
// and the end mark, the escapes undone; header, lengths and the sniffer's own
// verdict on the check sequence are read; what is not an advertisement is refused
// there; the rest is handed on, in the form of link type 256, to what decodes link
// layer frames (rf/pcap), which takes the white-listed fields and checks the
// sequence again. The buffer is cleared.
//
// # How it was observed
//
// The sniffer listens on the advertising channels and transmits nothing; it begins
// to when the host asks it to scan (REQ_SCAN_CONT): whoever opens the line writes
// Scan to it, and writes nothing else. The format is that of
// sniffer_uart_protocol.txt and of the SnifferAPI that come with the sniffer
// (https://www.nordicsemi.com/Products/Development-tools/nrf-sniffer-for-bluetooth-le),
// protocol versions 1 to 3, at 460,800 to 2,000,000 baud. No recording of a device
// was at hand: the tests build packets by that description, with the CRC computed
// bit by bit.
//
//	0xAB                      start; within a packet written CD AC
//	header                    version 1: its length (6), the payload's length; 2 and 3: the payload's length, two bytes
//	version                   1, 2 or 3
//	counter                   two bytes, of all packets; a gap is a loss
//	id                        0x06 packet heard; version 3: 0x02 an advertisement, 0x06 another
//	10                        length of what follows up to the frame
//	flags                     bit 0: the check sequence is right; bits 4–6: PHY, 0 is 1 Mbit/s, 1 is 2, 2 is coded
//	                          before version 3, bit 2: encrypted
//	channel                   0 to 39
//	level                     dBm without its minus sign
//	event counter             two bytes
//	time                      four bytes, microseconds
//	frame                     access address, PDU header of two bytes, one byte of padding, payload, CRC
//	0xBC                      end; within a packet written CD BD, and 0xCD itself CD CE
//
// All numbers are written lowest byte first.
//
// # What is taken
//
// Undirected advertisements with the advertising channels' access address, beside
// those channels (auxiliary ones) as well: what rf/pcap takes of one. Missing counts
// the packets that the sniffer counted and that did not come; a counter that steps
// back is a sniffer that began anew, of which nothing is known.
//
// # What is refused
//
// Packets of connections, which are not looked at; packets with a wrong check
// sequence, of the coded PHY (whose frames have one more byte), answers to
// commands; what is cut off, too long, or has a header or an escape that is none.
// Each start mark is one packet and counted once, by its reason; what rf/pcap
// refuses has its reason in the tally there. Noise between packets is passed over.
//
// # Clock
//
// Live, a packet's time is when its last byte came. In a recording it is as much
// later than the first one's as the sniffer's clock says: since its start in
// version 3, since the end of the packet before in 1 and 2.
//
// # Level
//
// rf.DBm, and rf.NoLevel where the field holds 0 or more than 128.
package nrf
