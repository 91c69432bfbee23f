package pcap

import (
	"encoding/binary"
	"math/bits"
)

// radio is what a receiver's header says of a frame.
type radio struct {
	mhz      int
	channel  int
	dbm      [8]int8 // one for each antenna, in order
	levels   int     // of dbm
	relative int16   // dB from an unknown reference
	hasRel   bool
	fcs      bool // check sequence at the end
	bad      bool // the receiver says that the frame is damaged
}

// hear adds a level in dBm.
func (r *radio) hear(v int8) {
	if r.levels < len(r.dbm) {
		r.dbm[r.levels] = v
		r.levels++
	}
}

// strongest is the level of the antenna that heard it best.
func (r *radio) strongest() (int8, bool) {
	if r.levels == 0 {
		return 0, false
	}
	best := r.dbm[0]
	for _, v := range r.dbm[1:r.levels] {
		best = max(best, v)
	}
	return best, true
}

// Sizes and alignments of the radiotap fields 0 to 27
// (https://www.radiotap.org/fields/defined).
var radiotapFields = [28]struct{ align, size int }{
	0: {8, 8}, 1: {1, 1}, 2: {1, 1}, 3: {2, 4}, 4: {2, 2}, 5: {1, 1}, 6: {1, 1}, 7: {2, 2}, 8: {2, 2}, 9: {2, 2},
	10: {1, 1}, 11: {1, 1}, 12: {1, 1}, 13: {1, 1}, 14: {2, 2}, 15: {2, 2}, 16: {1, 1}, 17: {1, 1}, 18: {4, 8}, 19: {1, 3},
	20: {4, 8}, 21: {2, 12}, 22: {8, 12}, 23: {2, 12}, 24: {2, 12}, 25: {2, 6}, 26: {1, 1}, 27: {2, 4},
}

// walkRadiotap calls visit with the number and bytes of each field of the
// default namespace, and returns the length of the header, or -1 for one that
// is malformed.
func walkRadiotap(b []byte, visit func(field int, v []byte)) int {
	if len(b) < 8 || b[0] != 0 {
		return -1
	}
	length := int(binary.LittleEndian.Uint16(b[2:]))
	if length < 8 || length > len(b) {
		return -1
	}
	b = b[:length]
	words := 1
	for at := 4; binary.LittleEndian.Uint32(b[at:])&(1<<31) != 0; words++ {
		if at += 4; at+4 > length {
			return -1
		}
	}
	pos := 4 + 4*words
	vendor, known := false, true
	for w := range words {
		present := binary.LittleEndian.Uint32(b[4+4*w:])
		// Without a word on the namespace the next word's bits are the fields
		// from 32 on, of which none is defined: nothing behind has a known place.
		if !known && present&(1<<29-1) != 0 {
			return length
		}
		known = vendor || present&(1<<29|1<<30) != 0
		// The fields of a vendor's namespace lie within the length that was
		// skipped when it began.
		if !vendor {
			for rest := present & (1<<29 - 1); rest != 0; rest &= rest - 1 {
				bit := bits.TrailingZeros32(rest)
				if bit >= len(radiotapFields) {
					return length // fields of a later edition: nothing behind them has a known place
				}
				f := radiotapFields[bit]
				pos = (pos + f.align - 1) &^ (f.align - 1)
				end := pos + f.size
				if end > length {
					return -1
				}
				visit(bit, b[pos:end])
				pos = end
			}
		}
		switch {
		case present&(1<<29) != 0 && present&(1<<30) != 0:
			return -1
		case present&(1<<29) != 0:
			vendor = false
		case present&(1<<30) != 0:
			pos = (pos + 1) &^ 1
			if pos+6 > length {
				return -1
			}
			pos += 6 + int(binary.LittleEndian.Uint16(b[pos+4:]))
			if pos > length {
				return -1
			}
			vendor = true
		}
	}
	return length
}

// The numbers of the radiotap fields that are read.
const (
	fieldFlags   = 1
	fieldChannel = 3
	fieldDBm     = 5
	fieldDB      = 12
	fieldRxFlags = 14
)

func (r *radio) radiotap(b []byte) int {
	return walkRadiotap(b, func(field int, v []byte) {
		switch field {
		case fieldFlags:
			r.fcs = v[0]&0x10 != 0
			r.bad = r.bad || v[0]&0x40 != 0
		case fieldChannel:
			r.tune(int(binary.LittleEndian.Uint16(v)))
		case fieldDBm:
			r.hear(int8(v[0]))
		case fieldDB:
			r.relative, r.hasRel = int16(v[0]), true
		case fieldRxFlags:
			r.bad = r.bad || v[0]&0x02 != 0 // PLCP
		}
	})
}

func (r *radio) tune(mhz int) { r.mhz, r.channel = mhz, channelAt(mhz) }

// channelAt is the Wi-Fi channel whose middle lies at a frequency (IEEE
// 802.11-2020, 15.4.4.3, 17.3.8.4.3, 27.3.23.2), or 0.
func channelAt(mhz int) int {
	switch {
	case mhz == 2484:
		return 14
	case mhz >= 2412 && mhz <= 2472:
		return (mhz - 2407) / 5
	case mhz > 5000 && mhz <= 5925:
		return (mhz - 5000) / 5
	case mhz >= 5955 && mhz <= 7115:
		return (mhz - 5950) / 5
	}
	return 0
}

// prism reads the header of the Prism driver: names and items of twelve bytes,
// in the byte order of the machine that captured. Its levels have no unit.
func (r *radio) prism(b []byte) int {
	if len(b) < 24 {
		return -1
	}
	var order binary.ByteOrder = binary.LittleEndian
	length := order.Uint32(b[4:])
	if length > 0xFFFF {
		order = binary.BigEndian
		length = order.Uint32(b[4:])
	}
	if length < 24 || int64(length) > int64(len(b)) {
		return -1
	}
	for item := b[24:length]; len(item) >= 12; item = item[12:] {
		// did 3 is the channel; the low half tells the message's version.
		did := order.Uint32(item)
		if did == 0x00030044 || did == 0x00003041 || did == 0x00003044 {
			if n := order.Uint32(item[8:]); n >= 1 && n <= 233 && order.Uint16(item[4:]) == 0 {
				r.channel = int(n)
			}
		}
	}
	return int(length)
}

// avs reads the AVS header, which is big-endian: a magic number and version, its
// length, and at fixed places the channel and the level, with the level's kind.
func (r *radio) avs(b []byte) int {
	if len(b) < 64 {
		return -1
	}
	length := binary.BigEndian.Uint32(b[4:])
	if v := binary.BigEndian.Uint32(b); v != 0x80211001 && v != 0x80211002 || length < 64 || int64(length) > int64(len(b)) {
		return -1
	}
	if n := binary.BigEndian.Uint32(b[28:]); n >= 1 && n <= 233 {
		r.channel = int(n)
	}
	const dBm = 2
	if binary.BigEndian.Uint32(b[44:]) == dBm {
		if v := int32(binary.BigEndian.Uint32(b[48:])); v >= -128 && v <= 20 {
			r.hear(int8(v))
		}
	}
	return int(length)
}

// PPI field types.
const (
	ppi80211 = 2
	ppiBTLE  = 30006 // Ubertooth
)

// ppi reads the Per-Packet Information header and returns its length and the
// link type of what follows.
func (r *radio) ppi(b []byte) (int, uint32) {
	if len(b) < 8 || b[0] != 0 {
		return -1, 0
	}
	length, link := int(binary.LittleEndian.Uint16(b[2:])), binary.LittleEndian.Uint32(b[4:])
	if length < 8 || length > len(b) {
		return -1, 0
	}
	for f := b[8:length]; len(f) > 0; {
		if len(f) < 4 {
			return -1, 0
		}
		kind, n := binary.LittleEndian.Uint16(f), int(binary.LittleEndian.Uint16(f[2:]))
		if n > len(f)-4 {
			return -1, 0
		}
		v := f[4 : 4+n]
		switch {
		case kind == ppi80211 && n == 20:
			flags := binary.LittleEndian.Uint16(v[8:])
			r.fcs = flags&1 != 0
			r.bad = r.bad || flags&4 != 0
			r.tune(int(binary.LittleEndian.Uint16(v[12:])))
			if s := int8(v[18]); s != -128 {
				r.hear(s)
			}
		case kind == ppiBTLE && n >= 3:
			r.mhz = int(binary.LittleEndian.Uint16(v[1:]))
			// The number of a user's own, which Ubertooth gives to Bluetooth LE.
			if link == 147 {
				link = linkBTLE
			}
		}
		f = f[4+n:]
	}
	return length, link
}
