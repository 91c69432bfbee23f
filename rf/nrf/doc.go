// Package nrf reads what the firmware of Nordic's nRF Sniffer for Bluetooth LE
// writes to its serial line.
//
// It may import rf. The sniffer listens on the advertising channels and
// transmits nothing. Life of one packet: its bytes are collected between the
// start and the end mark, the escapes undone; header, lengths and the sniffer's
// own verdict on the check sequence are read; what is not a packet heard on an
// advertising channel is refused there; the rest is handed on, in the form of
// link type 256, to what decodes link layer frames (rf/pcap), which takes the
// white-listed fields and checks the sequence again. The buffer is cleared.
//
// The format is that of sniffer_uart_protocol.txt and of the SnifferAPI that come
// with the sniffer (https://www.nordicsemi.com/Products/Development-tools/nrf-sniffer-for-bluetooth-le),
// protocol versions 1 to 3:
//
//	0xAB                      start; within a packet written CD AC
//	header                    version 1: its length (6), the payload's length; 2 and 3: the payload's length, two bytes
//	version                   1, 2 or 3
//	counter                   two bytes, of all packets; a gap is a loss
//	id                        0x06 packet heard; version 3: 0x02 one on an advertising channel, 0x06 another
//	10                        length of what follows up to the frame
//	flags                     bit 0: the check sequence is right; bits 4–6: PHY, 0 is 1 Mbit/s
//	channel                   0 to 39
//	level                     dBm without its minus sign
//	event counter, time       two and four bytes
//	frame                     access address, PDU header of two bytes, one byte of padding, payload, CRC
//	0xBC                      end; within a packet written CD BD, and 0xCD itself CD CE
//
// All numbers are written lowest byte first. The sniffer's clock counts from its
// start; a packet's time is when its last byte came.
package nrf
