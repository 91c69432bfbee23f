package pcap

import (
	"encoding/binary"

	"sallyport/rf"
)

// Types of advertising PDU (Bluetooth Core Specification 5.4, vol. 6, part B,
// 2.3).
const (
	advInd        = 0
	advDirectInd  = 1
	advNonconnInd = 2
	scanReq       = 3
	scanRsp       = 4
	connectInd    = 5
	advScanInd    = 6
	advExtInd     = 7
)

// advertisingAccess is the access address of all advertising channels.
const advertisingAccess = 0x8E89BED6

// advertisement is what is looked at of a PDU. Its name is a part of the frame
// and goes no further than the comparison with the vehicle patterns.
type advertisement struct {
	radio
	rf.Advertising
	channel    int // 0 to 39; -1: not told
	pdu        uint8
	random     bool
	advertiser uint64 // low 48 bits
	addressed  bool   // advertiser was there
}

// readPHDR reads the pseudo-header of link type 256 and the frame behind it.
func (a *advertisement) readPHDR(b []byte, cut bool) int {
	if len(b) < 10 {
		return tooShort
	}
	flags := binary.LittleEndian.Uint16(b[8:])
	const dewhitened, signal, checked, valid = 0x0001, 0x0002, 0x0400, 0x0800
	if flags&dewhitened == 0 {
		return whitened
	}
	a.tuneTo(int(b[0]))
	if flags&signal != 0 {
		a.hear(int8(b[1]))
	}
	if flags&(checked|valid) == checked {
		return badCheck
	}
	return a.readLL(b[10:], cut, false)
}

// tuneTo takes the number of a radio channel, in order of frequency.
func (a *advertisement) tuneTo(n int) {
	if n > 39 {
		a.channel = -1
		return
	}
	a.mhz = 2402 + 2*n
	switch {
	case n == 0:
		a.channel = 37
	case n == 12:
		a.channel = 38
	case n == 39:
		a.channel = 39
	case n < 12:
		a.channel = n - 1
	default:
		a.channel = n - 2
	}
}

// readLL reads a link layer frame from its access address on. checked: the
// receiver has found the CRC right. It returns -1 or the reason of refusal.
func (a *advertisement) readLL(b []byte, cut, checked bool) int {
	if len(b) < 6 {
		return tooShort
	}
	if binary.LittleEndian.Uint32(b) != advertisingAccess {
		return data
	}
	b = b[4:]
	n := int(b[1])
	if len(b) < 2+n {
		if cut {
			return tooShort
		}
		return badLength
	}
	pdu := b[:2+n]
	switch rest := b[2+n:]; {
	case checked:
	case len(rest) >= 3:
		if crc24(pdu) != uint32(rest[0])|uint32(rest[1])<<8|uint32(rest[2])<<16 {
			return badCheck
		}
	case !cut:
		return tooShort
	}
	a.pdu = pdu[0] & 0x0F
	a.random = pdu[0]&0x40 != 0
	body := pdu[2:]
	switch a.pdu {
	case advInd, advNonconnInd, scanRsp, advScanInd:
		if len(body) < 6 || len(body) > 37 {
			return badLength
		}
		a.advertiser, a.addressed = macLE(body), true
		return a.structures(body[6:])
	case advDirectInd:
		if len(body) != 12 {
			return badLength
		}
		a.advertiser, a.addressed = macLE(body), true
	case scanReq:
		if len(body) != 12 {
			return badLength
		}
		a.advertiser, a.addressed = macLE(body[6:]), true
	case connectInd:
		if len(body) != 34 {
			return badLength
		}
		a.advertiser, a.addressed = macLE(body[6:]), true
	case advExtInd:
		return a.extended(body)
	default:
		return reservedPDU
	}
	return -1
}

// extended reads the common extended advertising payload (2.3.4): length and
// mode, flags, then the fields that the flags name, then data.
func (a *advertisement) extended(b []byte) int {
	if len(b) < 1 {
		return badLength
	}
	n := int(b[0] & 0x3F)
	if n > len(b)-1 {
		return badLength
	}
	head, rest := b[1:1+n], b[1+n:]
	if n > 0 && head[0]&1 != 0 {
		if n < 7 {
			return badLength
		}
		a.advertiser, a.addressed = macLE(head[1:]), true
	}
	// The second flag says that it is meant for one device.
	if n > 0 && head[0]&2 != 0 {
		a.pdu = advDirectInd
		return -1
	}
	return a.structures(rest)
}

// macLE reads an address in the order of the air, lowest byte first.
func macLE(b []byte) uint64 {
	return uint64(b[5])<<40 | uint64(b[4])<<32 | uint64(binary.LittleEndian.Uint32(b))
}

func (a *advertisement) structures(b []byte) int {
	var ok bool
	if a.Advertising, ok = rf.ReadAdvertising(b); !ok {
		return badElement
	}
	return -1
}

// crcTable is that of the link layer's CRC (3.1.1): polynomial x^24 + x^10 + x^9
// + x^6 + x^4 + x^3 + x + 1, lowest bit first.
var crcTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xDA6000
			} else {
				c >>= 1
			}
		}
		t[i] = c
	}
	return t
}()

// crc24 is the CRC of a PDU on an advertising channel, whose register begins
// with 0x555555, as the three bytes that follow it, lowest first.
func crc24(pdu []byte) uint32 {
	c := uint32(0xAAAAAA) // 0x555555 read from the other end
	for _, b := range pdu {
		c = c>>8 ^ crcTable[byte(c)^b]
	}
	return c
}
