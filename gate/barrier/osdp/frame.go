package osdp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Parts of a frame.
const (
	mark     = 0xFF // idle line before a frame
	som      = 0x53
	header   = 5
	maxFrame = 1440

	controlSequence = 0x03
	controlCRC      = 0x04
	controlSecurity = 0x08
	replyBit        = 0x80

	macLength = 4
)

// Security block types.
const (
	scs11 = 0x11 + iota // challenge
	scs12               // client's cryptogram
	scs13               // server's cryptogram
	scs14               // initial R-MAC
	scs15               // command with a MAC
	scs16               // answer with a MAC
	scs17               // command with a MAC, its data encrypted
	scs18               // answer with a MAC, its data encrypted
)

// Frame is one message on the line.
type Frame struct {
	Address  uint8 // of the reader, 0 to 127
	Reply    bool
	Sequence uint8  // 0 to 3
	CRC      bool   // a CRC-16 follows; else a checksum of one byte
	Security []byte // security block without its length: type and data; nil for none
	Code     uint8  // command or reply
	Data     []byte
	MAC      []byte // four bytes for security types from SCS_15 on
}

// Reasons for which bytes are no frame.
var (
	errShort  = errors.New("frame is not whole")
	errLength = errors.New("length of frame")
	errCheck  = errors.New("check of frame")
	errBlock  = errors.New("security block of frame")
)

// Append appends the frame's bytes, without a mark before them.
func (f *Frame) Append(to []byte) []byte {
	start := len(to)
	to = append(f.appendBody(to), f.MAC...)
	if f.CRC {
		return binary.LittleEndian.AppendUint16(to, crc16(to[start:]))
	}
	return append(to, checksum(to[start:]))
}

// appendBody appends what the MAC is made of: everything up to it, with the length
// that the whole frame will have.
func (f *Frame) appendBody(to []byte) []byte {
	length := header + 1 + len(f.Data) + 1
	control := f.Sequence & controlSequence
	if f.CRC {
		control |= controlCRC
		length++
	}
	if f.Security != nil {
		control |= controlSecurity
		length += 1 + len(f.Security)
		if f.Security[0] >= scs15 {
			length += macLength
		}
	}
	address := f.Address &^ replyBit
	if f.Reply {
		address |= replyBit
	}
	to = append(to, som, address, byte(length), byte(length>>8), control)
	if f.Security != nil {
		to = append(to, byte(1+len(f.Security)))
		to = append(to, f.Security...)
	}
	to = append(to, f.Code)
	return append(to, f.Data...)
}

// body is the part of an encoded frame that its MAC is made of.
func (f *Frame) body() []byte { return f.appendBody(nil) }

// Decode reads one frame from the beginning of b, and returns how many bytes it
// took. Its slices point into b.
func Decode(b []byte) (f Frame, n int, err error) {
	if len(b) < header {
		return f, 0, errShort
	}
	if b[0] != som {
		return f, 0, fmt.Errorf("%w: begins with %02x", errCheck, b[0])
	}
	n = int(binary.LittleEndian.Uint16(b[2:4]))
	control := b[4]
	tail := 1
	if control&controlCRC != 0 {
		tail = 2
	}
	if n < header+1+tail || n > maxFrame {
		return f, 0, fmt.Errorf("%w: %d", errLength, n)
	}
	if len(b) < n {
		return f, 0, errShort
	}
	b = b[:n]
	if tail == 2 {
		if crc16(b[:n-2]) != binary.LittleEndian.Uint16(b[n-2:]) {
			return f, 0, errCheck
		}
	} else if checksum(b[:n-1]) != b[n-1] {
		return f, 0, errCheck
	}
	f = Frame{Address: b[1] &^ replyBit, Reply: b[1]&replyBit != 0, Sequence: control & controlSequence, CRC: tail == 2}
	rest := b[header : n-tail]
	if control&controlSecurity != 0 {
		size := int(rest[0])
		if size < 2 || size >= len(rest) {
			return f, 0, fmt.Errorf("%w: length %d", errBlock, size)
		}
		f.Security, rest = rest[1:size:size], rest[size:]
		if kind := f.Security[0]; kind >= scs15 {
			if len(rest) < 1+macLength {
				return f, 0, fmt.Errorf("%w: no room for a MAC", errBlock)
			}
			cut := len(rest) - macLength
			f.MAC, rest = rest[cut:], rest[:cut:cut]
		}
	}
	f.Code, f.Data = rest[0], rest[1:len(rest):len(rest)]
	return f, n, nil
}

// decoder cuts a stream of bytes into frames.
type decoder struct {
	buf     []byte
	garbled int // how often bytes that began like a frame were none
}

// feed takes bytes and hands each frame to sink; its slices are valid during the
// call.
func (d *decoder) feed(b []byte, sink func(Frame)) {
	d.buf = append(d.buf, b...)
	at := 0
	for at < len(d.buf) {
		if d.buf[at] != som {
			at++
			continue
		}
		f, n, err := Decode(d.buf[at:])
		switch {
		case errors.Is(err, errShort):
			d.buf = append(d.buf[:0], d.buf[at:]...)
			return
		case err != nil:
			d.garbled++
			at++ // a frame may begin inside of what is none
		default:
			sink(f)
			at += n
		}
	}
	d.buf = d.buf[:0]
}

// reset throws away what has begun.
func (d *decoder) reset() { d.buf, d.garbled = d.buf[:0], 0 }

// crc16 is the CRC of OSDP: polynomial 0x1021, from 0x1D0F, not reflected.
func crc16(b []byte) uint16 {
	crc := uint16(0x1D0F)
	for _, x := range b {
		crc ^= uint16(x) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// checksum is the two's complement of the sum.
func checksum(b []byte) byte {
	var sum byte
	for _, x := range b {
		sum += x
	}
	return -sum
}
