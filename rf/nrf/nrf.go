package nrf

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"sallyport/rf"
)

// Marks and escapes.
const (
	start  = 0xAB
	end    = 0xBC
	escape = 0xCD
)

// maxPacket is the longest packet: header, sniffer's fields, access address, PDU
// with padding, CRC.
const maxPacket = 6 + 10 + 4 + 2 + 1 + 255 + 3

// linkBTLEPHDR is the link type in which frames are handed on
// (https://www.tcpdump.org/linktypes/LINKTYPE_BLUETOOTH_LE_LL_WITH_PHDR.html).
const linkBTLEPHDR = 256

// Reasons of refusal.
const (
	tooLong = iota
	cut
	badEscape
	badHeader
	notHeard
	badCheck
	notAdvertising
	otherPHY
	notTaken
)

// Frame decodes a link layer frame of a link type, as pcap.Decoder.Frame does.
// It may not keep the frame.
type Frame func(link uint32, at time.Time, frame []byte) (rf.Observation, bool)

// Decoder takes bytes as they come. It is not safe for concurrent use; its Tally
// and Missing are.
type Decoder struct {
	frame   Frame
	tally   *rf.Tally
	missing atomic.Uint64

	packet  []byte
	out     []byte
	within  bool // a start mark came
	escaped bool
	counter uint16
	counted bool
}

// New makes a decoder that hands frames to f.
func New(f Frame) *Decoder {
	return &Decoder{
		frame: f, packet: make([]byte, 0, maxPacket), out: make([]byte, 0, 10+maxPacket),
		tally: rf.NewTally(
			"longer than a packet can be",
			"cut off by the start of another",
			"an escape that is none",
			"header or length is wrong",
			"not a packet that was heard",
			"check sequence is wrong",
			"not on an advertising channel, not looked at",
			"not of the 1 Mbit/s PHY",
			"frame was not taken; its decoder has the reason",
		),
	}
}

// Tally counts packets.
func (d *Decoder) Tally() *rf.Tally { return d.tally }

// Missing is the number of packets that the sniffer counted and that did not come.
func (d *Decoder) Missing() uint64 { return d.missing.Load() }

// Bytes takes the next bytes of the line, the last of which came at the given
// time, and calls sink for every observation in them.
func (d *Decoder) Bytes(b []byte, at time.Time, sink func(rf.Observation)) {
	for _, c := range b {
		switch {
		case c == start:
			if d.within {
				d.drop(cut)
			}
			d.within = true
		case !d.within: // noise between packets
		case c == end:
			if d.escaped {
				d.drop(badEscape)
				continue
			}
			if o, reason := d.decode(at); reason >= 0 {
				d.tally.Refuse(reason)
			} else {
				d.tally.Take()
				sink(o)
			}
			d.reset()
		case d.escaped:
			d.escaped = false
			if c--; c != start && c != end && c != escape {
				d.drop(badEscape)
				continue
			}
			d.add(c)
		case c == escape:
			d.escaped = true
		default:
			d.add(c)
		}
	}
}

func (d *Decoder) add(c byte) {
	if len(d.packet) == maxPacket {
		d.drop(tooLong)
		return
	}
	d.packet = append(d.packet, c)
}

func (d *Decoder) drop(reason int) {
	d.tally.Refuse(reason)
	d.reset()
}

func (d *Decoder) reset() {
	clear(d.packet)
	clear(d.out)
	d.packet, d.out, d.within, d.escaped = d.packet[:0], d.out[:0], false, false
}

func (d *Decoder) decode(at time.Time) (rf.Observation, int) {
	var none rf.Observation
	p := d.packet
	if len(p) < 6 {
		return none, badHeader
	}
	version, n := p[2], int(binary.LittleEndian.Uint16(p))
	if version == 1 {
		if p[0] != 6 {
			return none, badHeader
		}
		n = int(p[1])
	}
	if version < 1 || version > 3 || len(p) != 6+n {
		return none, badHeader
	}
	counter := binary.LittleEndian.Uint16(p[3:])
	if d.counted {
		d.missing.Add(uint64(counter - d.counter - 1))
	}
	d.counter, d.counted = counter, true

	id, body := p[5], p[6:]
	switch {
	case version == 3 && id == 0x06:
		return none, notAdvertising
	case version == 3 && id == 0x02, version < 3 && id == 0x06:
	default:
		return none, notHeard
	}
	if len(body) < 10+4+2+1+3 || body[0] != 10 || body[2] > 39 {
		return none, badHeader
	}
	flags, channel, level, frame := body[1], body[2], body[3], body[10:]
	if flags&1 == 0 {
		return none, badCheck
	}
	if channel < 37 {
		return none, notAdvertising
	}
	if flags>>4&7 != 0 {
		return none, otherPHY
	}
	// Link type 256: channel in order of frequency, level, noise, access-address faults,
	// reference address, flags (dewhitened, level valid).
	const dewhitened, measured = 0x0001, 0x0002
	d.out = append(d.out[:0], []byte{0, 12, 39}[channel-37], byte(-int8(min(level, 127))), 0, 0, 0xD6, 0xBE, 0x89, 0x8E)
	d.out = binary.LittleEndian.AppendUint16(d.out, dewhitened|measured)
	d.out = append(append(d.out, frame[:6]...), frame[7:]...)
	o, ok := d.frame(linkBTLEPHDR, at, d.out)
	if !ok {
		return none, notTaken
	}
	return o, -1
}
