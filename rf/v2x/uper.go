package v2x

import (
	"fmt"
	"time"

	"sallyport/rf"
)

// Places of the fields in a basic safety message, in bits from its beginning
// (SAE J2735, unaligned PER: an extension bit, two bits for optional parts, then
// core data of fixed length). Between id and size lie the moment, the place, the
// motion and the brakes: none of them is looked at.
const (
	idAt, idBits         = 10, 32
	widthAt, widthBits   = 271, 10
	lengthAt, lengthBits = 281, 12
	coreBits             = 293
)

// basicSafety is the number of the message in a MessageFrame.
const basicSafety = 20

// Payload decodes one message as it is in the air, a MessageFrame in unaligned
// PER without the layers below it: two bytes of number, its length, the message.
// It tells whether there is an observation; where there is none the tally has the
// reason. Nothing of b is kept.
func (d *Decoder) Payload(at time.Time, b []byte) (rf.Observation, bool) {
	o, reason := d.payload(at, b)
	if reason >= 0 {
		d.tally.Refuse(reason)
		return rf.Observation{}, false
	}
	d.tally.Take()
	return o, true
}

func (d *Decoder) payload(at time.Time, b []byte) (rf.Observation, int) {
	o := rf.Observation{TS: at.UTC(), Sensor: d.c.Sensor, Kind: rf.V2X, RSSI: rf.LowestRSSI, Level: rf.NoLevel}
	if len(b) < 3 || int(b[0])<<8|int(b[1]) != basicSafety {
		return o, notBSM
	}
	size, b := int(b[2]), b[3:]
	switch {
	case size&0xC0 == 0x80 && len(b) > 0: // two bytes, of which the upper two bits say so
		size, b = size&0x3F<<8|int(b[0]), b[1:]
	case size&0x80 != 0:
		return o, tooLong // in pieces of 16 KiB
	}
	if size > len(b) || 8*size < coreBits {
		return o, cutShort
	}
	if !rf.ValidTime(at) {
		return o, badTime
	}
	o.Emitter = fmt.Sprintf("%08x", bits(b, idAt, idBits))
	o.WidthCM, o.LengthCM = int(bits(b, widthAt, widthBits)), int(bits(b, lengthAt, lengthBits))
	return o, -1
}

// bits is the number that n bits of b from the given one on are, highest first.
func bits(b []byte, from, n int) (v uint64) {
	for i := from; i < from+n; i++ {
		v = v<<1 | uint64(b[i/8]>>(7-i%8)&1)
	}
	return v
}
