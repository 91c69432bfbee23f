package pcap

import "encoding/binary"

// readNordic reads a packet of Nordic's sniffer as captures hold it: six bytes of
// header, ten on the reception, and the frame from its access address on. In
// version 1 the header is its own length, the payload's, the version, a counter
// and the kind; later the payload's length has the first two bytes.
func (a *advertisement) readNordic(b []byte) int {
	const head, reception = 6, 10
	if len(b) < head {
		return tooShort
	}
	version, event := b[2], b[5]
	size := int(binary.LittleEndian.Uint16(b))
	wanted := byte(0x06) // any frame
	switch version {
	case 1:
		if b[0] != head {
			return badHeader
		}
		size = int(b[1])
	case 2:
	case 3:
		wanted = 0x02 // an advertisement
	default:
		return badHeader
	}
	if event != wanted {
		return otherEvent
	}
	if size != len(b)-head || size < reception {
		return badLength
	}
	b = b[head:]
	if b[0] != reception {
		return badHeader
	}
	const crcRight, encrypted, coded = 0x01, 0x04, 2
	flags := b[1]
	if flags&crcRight == 0 {
		return badCheck
	}
	if version < 3 && flags&encrypted != 0 { // in version 3 the kind of an auxiliary advertisement
		return data
	}
	if version == 3 && flags>>4&7 == coded {
		return otherEvent // its frames have one more byte, behind the access address
	}
	if n := int(b[2]); n <= 39 {
		a.channel, a.mhz = n, bluetoothMHz(n)
	}
	if b[3] > 0 && b[3] <= 128 {
		a.hear(int8(-int(b[3])))
	}
	return a.readLL(b[reception:], false, true)
}

// bluetoothMHz is the middle of a channel (Core Specification, vol. 6, part B,
// 1.4.1).
func bluetoothMHz(channel int) int {
	switch {
	case channel == 37:
		return 2402
	case channel == 38:
		return 2426
	case channel == 39:
		return 2480
	case channel <= 10:
		return 2404 + 2*channel
	}
	return 2428 + 2*(channel-11)
}
