package rf

import "encoding/binary"

// AddressOf is the kind of a device address by its bits (Bluetooth Core
// Specification 5.4, vol. 6, part B, 1.3); random is what the frame or the
// controller says of it. It is false for a random address of the reserved kind.
func AddressOf(mac uint64, random bool) (Address, bool) {
	if !random {
		return Public, true
	}
	switch mac >> 46 & 3 {
	case 3:
		return Static, true
	case 1:
		return Resolvable, true
	case 0:
		return NonResolvable, true
	}
	return "", false
}

// Advertising is what is looked at of advertising data. Name is a part of the
// data, and goes no further than Prefixes.Keep.
type Advertising struct {
	Name    []byte // complete, else shortened, local name
	Company int    // of the first manufacturer's data
}

// ReadAdvertising walks the structures of advertising data (Core Specification,
// vol. 3, part C, 11; types from Assigned Numbers, 2.3). It is false where one
// runs over the end of the data; what came before it is given all the same.
func ReadAdvertising(b []byte) (Advertising, bool) {
	const shortName, completeName, maker = 0x08, 0x09, 0xFF
	var a Advertising
	made := false
	for len(b) > 0 && b[0] != 0 { // a zero length ends the significant part
		n := int(b[0])
		if n > len(b)-1 {
			return a, false
		}
		v := b[2 : 1+n]
		switch kind := b[1]; {
		case kind == completeName, kind == shortName && a.Name == nil:
			a.Name = v
		case kind == maker && len(v) >= 2 && !made:
			a.Company, made = int(binary.LittleEndian.Uint16(v)), true
		}
		b = b[1+n:]
	}
	return a, true
}
