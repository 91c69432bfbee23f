package nrf

import (
	"encoding/binary"
	"errors"
	"io"
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

// advertisingAccess is the access address of every advertisement.
const advertisingAccess = 0x8E89BED6

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
	codedPHY
	notTaken
)

// NotTaken is the reason of a packet whose frame its decoder refused: the
// decoder's tally says why.
const NotTaken = "frame was not taken; its decoder has the reason"

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
	clock   clock
}

// clock is the time that the sniffer tells, from its first packet on.
type clock struct {
	begun   bool
	last    uint32        // version 3: microseconds since the sniffer's start
	airtime time.Duration // of the last packet
	elapsed time.Duration
}

// tick reads a packet's time. In version 3 it is that of its start; before, the
// pause since the end of the one before it.
func (c *clock) tick(version byte, us uint32, frame int) {
	if version == 3 {
		// The count comes round after 72 minutes. One that steps back is a
		// sniffer that began anew.
		if step := us - c.last; c.begun && step < 1<<31 {
			c.elapsed += time.Duration(step) * time.Microsecond
		}
	} else if c.begun {
		c.elapsed += c.airtime + time.Duration(us)*time.Microsecond
	}
	const preamble, perByte = 1, 8 * time.Microsecond // of 1 Mbit/s
	c.begun, c.last, c.airtime = true, us, time.Duration(preamble+frame)*perByte
}

// New makes a decoder that hands frames to f.
func New(f Frame) *Decoder {
	return &Decoder{
		frame: f, packet: make([]byte, 0, maxPacket), out: make([]byte, 0, 10+maxPacket),
		tally: rf.NewTally(
			"longer than a packet can be",
			"cut off before its end",
			"an escape that is none",
			"header or length is wrong",
			"not a packet that was heard",
			"check sequence is wrong",
			"not an advertisement, not looked at",
			"of the coded PHY",
			NotTaken,
		),
	}
}

// Tally counts packets.
func (d *Decoder) Tally() *rf.Tally { return d.tally }

// Missing is the number of packets that the sniffer counted and that did not come.
func (d *Decoder) Missing() uint64 { return d.missing.Load() }

// Decode reads a recording of the line until r ends. Its first packet was heard
// at begun, and the others as much later as the sniffer's clock says. It returns
// r's error or sink's.
func (d *Decoder) Decode(r io.Reader, begun time.Time, sink func(rf.Observation) error) error {
	var b [1 << 12]byte
	defer clear(b[:])
	for {
		n, err := r.Read(b[:])
		for _, c := range b[:n] {
			if o, ok := d.next(c, func() time.Time { return begun.Add(d.clock.elapsed) }); ok {
				if err := sink(o); err != nil {
					return err
				}
			}
		}
		if err != nil {
			if d.within {
				d.drop(cut)
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// Scan is what is written to a sniffer so that it begins to listen: the packet
// REQ_SCAN_CONT, with the flag that answers to other devices' scans are told as
// well. It has the sniffer transmit nothing.
func Scan() []byte { return []byte{start, 6, 1, 1, 0, 0, 0x07, 0x01, end} }

// Begin forgets the packet under way and the sniffer's count, which begin anew
// with a line that was opened anew.
func (d *Decoder) Begin() {
	if d.within {
		d.drop(cut)
	}
	d.counted, d.clock = false, clock{}
}

// Bytes takes the next bytes of the line, the last of which came at the given
// time, and calls sink for every observation in them. None says that the line has
// been quiet for long: half a packet is forgotten then.
func (d *Decoder) Bytes(b []byte, at time.Time, sink func(rf.Observation)) {
	if len(b) == 0 && d.within {
		d.drop(cut)
	}
	now := func() time.Time { return at }
	for _, c := range b {
		if o, ok := d.next(c, now); ok {
			sink(o)
		}
	}
}

// next takes one byte; now is asked when it ends a packet that was heard.
func (d *Decoder) next(c byte, now func() time.Time) (rf.Observation, bool) {
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
			break
		}
		o, reason := d.decode(now)
		d.reset()
		if reason < 0 {
			d.tally.Take()
			return o, true
		}
		d.tally.Refuse(reason)
	case d.escaped:
		d.escaped = false
		if c--; c != start && c != end && c != escape {
			d.drop(badEscape)
			break
		}
		d.add(c)
	case c == escape:
		d.escaped = true
	default:
		d.add(c)
	}
	return rf.Observation{}, false
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

func (d *Decoder) decode(now func() time.Time) (rf.Observation, int) {
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
	// A step back is a sniffer that began anew.
	if gap := counter - d.counter - 1; d.counted && gap < 1<<15 {
		d.missing.Add(uint64(gap))
	}
	d.counter, d.counted = counter, true

	id, body := p[5], p[6:]
	if id != 0x06 && (id != 0x02 || version < 3) {
		return none, notHeard
	}
	if len(body) < 10+4+2+1+3 || body[0] != 10 || body[2] > 39 {
		return none, badHeader
	}
	flags, channel, level, frame := body[1], body[2], body[3], body[10:]
	d.clock.tick(version, binary.LittleEndian.Uint32(body[6:]), len(frame)-1)
	if version == 3 && id == 0x06 {
		return none, notAdvertising
	}
	const crcRight, encrypted, coded = 0x01, 0x04, 2
	if flags&crcRight == 0 {
		return none, badCheck
	}
	if version < 3 && flags&encrypted != 0 { // in version 3 the kind of an auxiliary advertisement
		return none, notAdvertising
	}
	if flags>>4&7 >= coded {
		return none, codedPHY // its frames have one more byte, behind the access address
	}
	if binary.LittleEndian.Uint32(frame) != advertisingAccess {
		return none, notAdvertising
	}
	// Link type 256: channel in order of frequency, level, noise, access-address faults,
	// reference address, flags (dewhitened, level valid).
	const dewhitened, measured = 0x0001, 0x0002
	is := uint16(dewhitened)
	if level >= 1 && level <= 128 {
		is |= measured
	}
	d.out = append(d.out[:0], inFrequency(channel), -level, 0, 0)
	d.out = binary.LittleEndian.AppendUint32(d.out, advertisingAccess)
	d.out = binary.LittleEndian.AppendUint16(d.out, is)
	d.out = append(append(d.out, frame[:6]...), frame[7:]...)
	o, ok := d.frame(linkBTLEPHDR, now(), d.out)
	if !ok {
		return none, notTaken
	}
	return o, -1
}

// inFrequency is the place of a channel in order of frequency (Core
// Specification, vol. 6, part B, 1.4.1).
func inFrequency(channel byte) byte {
	switch {
	case channel == 37:
		return 0
	case channel == 38:
		return 12
	case channel == 39:
		return 39
	case channel <= 10:
		return channel + 1
	}
	return channel + 2
}
