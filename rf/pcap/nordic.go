package pcap

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"sallyport/rf"
)

// readNordic reads a packet of Nordic's sniffer: six bytes of header, ten on
// the reception, and the frame from its access address on. In version 1 the
// header is its own length, the payload's, the version, a counter and the kind;
// later the payload's length has the first two bytes. padded: the byte that the
// radio puts behind the frame's header, which is not in the air, is still there;
// b is then changed.
func (a *advertisement) readNordic(b []byte, padded bool) int {
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
	if flags&encrypted != 0 {
		return data
	}
	if version == 3 && flags>>4&7 == coded {
		return otherEvent // its frames have one more byte, in a place nobody could show us
	}
	if n := int(b[2]); n <= 39 {
		a.channel, a.mhz = n, bluetoothMHz(n)
	}
	if b[3] > 0 && b[3] <= 128 {
		a.hear(int8(-int(b[3])))
	}
	frame := b[reception:]
	if padded {
		if len(frame) < 7 {
			return tooShort
		}
		copy(frame[1:7], frame[:6])
		frame = frame[1:]
	}
	return a.readLL(frame, false, true)
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

// maxSniffed is more than the longest packet of an advertisement on the line.
const maxSniffed = 512

// Sniffer reads what Nordic's sniffer writes to its serial line: packets between
// the bytes 0xAB and 0xBC, in which these two and 0xCD are written as 0xCD and
// the byte's successor. Noise, halves and lost packets are survived and counted.
// It is not safe for concurrent use; its Tally and Lost are.
type Sniffer struct {
	d       *Decoder
	buf     []byte
	open    bool // within a packet
	escaped bool
	last    uint16
	begun   bool
	lost    atomic.Uint64
}

// NewSniffer makes a reader that keeps the names which fit a pattern of p.
func NewSniffer(c Config, p *rf.Prefixes) *Sniffer {
	return &Sniffer{d: New(c, p), buf: make([]byte, 0, maxSniffed)}
}

// Tally counts packets.
func (s *Sniffer) Tally() *rf.Tally { return s.d.tally }

// Lost is how many packets the sniffer counted that did not arrive.
func (s *Sniffer) Lost() uint64 { return s.lost.Load() }

// Push takes the next bytes of the line, as they come, with the time at which
// the last of them was read, and hands each observation to sink. The error is
// sink's.
func (s *Sniffer) Push(chunk []byte, at time.Time, sink func(rf.Observation) error) error {
	const start, end, escape = 0xAB, 0xBC, 0xCD
	for _, c := range chunk {
		switch {
		case c == start:
			if s.open {
				s.d.tally.Refuse(framing)
			}
			s.open, s.escaped, s.buf = true, false, s.buf[:0]
			continue
		case !s.open:
			continue
		case c == end:
			s.open = false
			if s.escaped {
				s.d.tally.Refuse(framing)
				continue
			}
			o, ok := s.packet(at)
			clear(s.buf)
			if !ok {
				continue
			}
			if err := sink(o); err != nil {
				return err
			}
			continue
		case c == escape && !s.escaped:
			s.escaped = true
			continue
		case s.escaped:
			s.escaped = false
			if c != start+1 && c != end+1 && c != escape+1 {
				s.open = false
				s.d.tally.Refuse(framing)
				continue
			}
			c--
		}
		if len(s.buf) == maxSniffed {
			s.open = false
			s.d.tally.Refuse(framing)
			continue
		}
		s.buf = append(s.buf, c)
	}
	return nil
}

func (s *Sniffer) packet(at time.Time) (rf.Observation, bool) {
	d := s.d
	if len(s.buf) >= 6 {
		n := binary.LittleEndian.Uint16(s.buf[3:])
		// A step back is a sniffer that began anew.
		if gap := n - s.last - 1; s.begun && gap < 1<<15 {
			s.lost.Add(uint64(gap))
		}
		s.last, s.begun = n, true
	}
	d.ble = advertisement{channel: -1}
	reason := d.ble.readNordic(s.buf, true)
	var o rf.Observation
	if reason < 0 {
		if reason = badTime; rf.ValidTime(at) {
			o, reason = d.advertised(at.UTC())
		}
	}
	d.ble = advertisement{}
	if reason >= 0 {
		d.tally.Refuse(reason)
		return rf.Observation{}, false
	}
	d.tally.Take()
	return o, true
}
