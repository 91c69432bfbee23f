package pcap

import "encoding/binary"

// Subtypes of management frames (IEEE 802.11-2020, table 9-1).
const (
	associationRequest    = 0
	associationResponse   = 1
	reassociationRequest  = 2
	reassociationResponse = 3
	probeRequest          = 4
	probeResponse         = 5
	beacon                = 8
	disassociation        = 10
	authentication        = 11
	deauthentication      = 12
)

// fixed is the length of the fields before the elements, by subtype; -1 for a
// body that has other things than elements.
var fixed = [16]int{
	associationRequest: 4, associationResponse: 6, reassociationRequest: 10, reassociationResponse: 6, probeRequest: 0, probeResponse: 12,
	6: -1, 7: -1, beacon: 12, 9: 0, disassociation: 2, authentication: 6, deauthentication: 2, 13: -1, 14: -1, 15: -1,
}

// management is what is looked at of a management frame. ssid is a part of the
// frame and goes no further than the comparison with the vehicle patterns.
type management struct {
	radio
	subtype   uint8
	sender    uint64 // low 48 bits
	bssid     uint64
	ssid      []byte
	named     bool
	interval  uint16 // time units of 1,024 µs
	direct    uint8  // channel of the DS parameter set
	vendors   [16]uint32
	vendorLen int
}

// mac reads six bytes into the low 48 bits.
func mac(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint32(b))<<16 | uint64(binary.BigEndian.Uint16(b[4:]))
}

// read80211 reads a frame that follows the receiver's header. cut: the capture
// did not keep its end. It returns -1 or the reason of refusal.
func (m *management) read80211(b []byte, cut bool) int {
	if len(b) < 2 {
		return tooShort
	}
	if b[0]&0x03 != 0 {
		return badVersion
	}
	switch b[0] & 0x0C {
	case 0x00:
	case 0x04:
		return control
	case 0x08:
		return data
	default:
		return extension
	}
	if m.bad {
		return badCheck
	}
	if m.fcs && !cut {
		b = b[:max(len(b)-4, 0)]
	}
	if len(b) < 24 {
		return tooShort
	}
	m.subtype = b[0] >> 4
	m.sender, m.bssid = mac(b[10:]), mac(b[16:])
	const moreFragments, protected, order = 0x04, 0x40, 0x80
	head := 24
	if b[1]&order != 0 {
		head += 4 // HT control
	}
	skip := fixed[m.subtype]
	fragment := b[1]&moreFragments != 0 || b[22]&0x0F != 0
	if skip < 0 || fragment || b[1]&protected != 0 {
		return -1
	}
	if len(b) < head+skip {
		return tooShort
	}
	const sharedKey = 1
	if m.subtype == authentication && binary.LittleEndian.Uint16(b[head:]) > sharedKey {
		return -1 // later algorithms put other things before the elements
	}
	if m.subtype == beacon || m.subtype == probeResponse {
		m.interval = binary.LittleEndian.Uint16(b[head+8:])
	}
	return m.elements(b[head+skip:], cut)
}

// Numbers of the elements that are read.
const (
	elementSSID   = 0
	elementDS     = 3
	elementVendor = 221
)

func (m *management) elements(b []byte, cut bool) int {
	for len(b) >= 2 {
		id, n := b[0], int(b[1])
		if n > len(b)-2 {
			if cut || len(b) <= 4 {
				return -1
			}
			return badElement
		}
		v := b[2 : 2+n]
		switch id {
		case elementSSID:
			if !m.named {
				if n > 32 {
					return badElement
				}
				m.ssid, m.named = v, true
			}
		case elementDS:
			if n == 1 {
				m.direct = v[0]
			}
		case elementVendor:
			if n >= 3 && m.vendorLen < len(m.vendors) {
				m.vendors[m.vendorLen] = uint32(v[0])<<16 | uint32(v[1])<<8 | uint32(v[2])
				m.vendorLen++
			}
		}
		b = b[2+n:]
	}
	return -1
}
