package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"sallyport/rf/internal/intake"
)

// Bounds of what is believed of a file.
const (
	maxFrame      = 4096    // bytes of a frame that are looked at; a management frame has at most 2,352
	maxBlock      = 1 << 24 // a longer record is a damaged length
	maxInterfaces = 256
)

// packet is what a file says of one frame. data is valid until the next.
type packet struct {
	link uint32
	at   time.Time
	fcs  int // bytes of check sequence at the end, where the file says so
	cut  bool
	data []byte
}

// errRecord says that a file can not be read further: what follows has lost its
// place.
var errRecord = errors.New("damaged file")

// read calls each for every frame of a capture. noTime is called for a frame
// without a time, and cut when the input ends within one.
func read(r io.Reader, each func(packet) error, noTime, cut func()) (err error) {
	w := intake.NewWindow(r, 1<<16)
	defer w.Clear()
	head, err := w.Need(4)
	if err != nil {
		return fmt.Errorf("no capture: %w", err)
	}
	var f interface {
		next() (packet, bool, error)
	}
	switch magic := binary.BigEndian.Uint32(head); magic {
	case 0x0A0D0D0A:
		f = &pcapng{w: w, noTime: noTime}
	default:
		if f, err = newClassic(w, magic); err != nil {
			return err
		}
	}
	for n := 1; ; n++ {
		p, ok, err := f.next()
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			cut()
			return nil
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("record %d: %w", n, err)
		case ok:
			if err := each(p); err != nil {
				return err
			}
		}
	}
}

// classic is a pcap file.
type classic struct {
	w     *intake.Window
	order binary.ByteOrder
	unit  int64 // nanoseconds
	link  uint32
	fcs   int
	left  int // bytes of the last frame not passed over yet
}

func newClassic(w *intake.Window, magic uint32) (*classic, error) {
	c := &classic{w: w, unit: 1000}
	switch magic {
	case 0xA1B2C3D4:
		c.order = binary.BigEndian
	case 0xA1B23C4D:
		c.order, c.unit = binary.BigEndian, 1
	case 0xD4C3B2A1:
		c.order = binary.LittleEndian
	case 0x4D3CB2A1:
		c.order, c.unit = binary.LittleEndian, 1
	default:
		return nil, errors.New("neither pcap nor pcapng")
	}
	head, err := w.Need(24)
	if err != nil {
		return nil, fmt.Errorf("no capture: %w", intake.Within(err))
	}
	if major := c.order.Uint16(head[4:]); major != 2 {
		return nil, fmt.Errorf("pcap of version %d, not 2", major)
	}
	link := c.order.Uint32(head[20:])
	c.link = link & 0xFFFF
	if link&0x04000000 != 0 {
		c.fcs = int(link>>28) * 2
	}
	c.left = 24
	return c, nil
}

func (c *classic) next() (packet, bool, error) {
	if err := c.w.Skip(c.left); err != nil {
		return packet{}, false, intake.Within(err)
	}
	c.left = 0
	head, err := c.w.Need(16)
	if err != nil {
		return packet{}, false, err
	}
	sec, frac := int64(c.order.Uint32(head)), int64(c.order.Uint32(head[4:]))
	size, whole := c.order.Uint32(head[8:]), c.order.Uint32(head[12:])
	if size > maxBlock {
		return packet{}, false, fmt.Errorf("%w: a frame of %d bytes", errRecord, size)
	}
	if err := c.w.Skip(16); err != nil {
		return packet{}, false, intake.Within(err)
	}
	data, err := c.w.Need(int(min(size, maxFrame)))
	if err != nil {
		return packet{}, false, intake.Within(err)
	}
	c.left = int(size)
	return packet{link: c.link, at: time.Unix(sec, frac*c.unit).UTC(), fcs: c.fcs, cut: whole > size || size > maxFrame, data: data}, true, nil
}

// pcapng is a pcapng file.
type pcapng struct {
	w      *intake.Window
	order  binary.ByteOrder
	ifaces []iface
	left   int
	noTime func()
}

type iface struct {
	link   uint32
	units  uint64 // of a second
	offset int64  // seconds
	fcs    int
}

const (
	blockSection   = 0x0A0D0D0A
	blockInterface = 1
	blockPacket    = 2 // obsolete
	blockSimple    = 3
	blockEnhanced  = 6
)

func (f *pcapng) next() (packet, bool, error) {
	if err := f.w.Skip(f.left); err != nil {
		return packet{}, false, intake.Within(err)
	}
	f.left = 0
	head, err := f.w.Need(12)
	if err != nil {
		return packet{}, false, err
	}
	if binary.BigEndian.Uint32(head) == blockSection {
		switch binary.BigEndian.Uint32(head[8:]) {
		case 0x1A2B3C4D:
			f.order = binary.BigEndian
		case 0x4D3C2B1A:
			f.order = binary.LittleEndian
		default:
			return packet{}, false, fmt.Errorf("%w: a section of no byte order", errRecord)
		}
		f.ifaces = f.ifaces[:0]
	}
	kind, size := f.order.Uint32(head), f.order.Uint32(head[4:])
	if size < 12 || size > maxBlock || size%4 != 0 {
		return packet{}, false, fmt.Errorf("%w: a block of %d bytes", errRecord, size)
	}
	f.left = int(size)
	switch kind {
	case blockInterface:
		return packet{}, false, f.addInterface(int(size))
	case blockEnhanced, blockPacket:
		if size < 32 {
			return packet{}, false, fmt.Errorf("%w: a frame's block of %d bytes", errRecord, size)
		}
		head, err := f.w.Need(28)
		if err != nil {
			return packet{}, false, intake.Within(err)
		}
		id := f.order.Uint32(head[8:])
		if kind == blockPacket {
			id = uint32(f.order.Uint16(head[8:]))
		}
		ticks := uint64(f.order.Uint32(head[12:]))<<32 | uint64(f.order.Uint32(head[16:]))
		held, whole := f.order.Uint32(head[20:]), f.order.Uint32(head[24:])
		if held > size-32 || id >= uint32(len(f.ifaces)) {
			return packet{}, false, fmt.Errorf("%w: a frame of %d bytes of interface %d", errRecord, held, id)
		}
		b, err := f.w.Need(28 + int(min(held, maxFrame)))
		if err != nil {
			return packet{}, false, intake.Within(err)
		}
		i := f.ifaces[id]
		return packet{link: i.link, at: i.time(ticks), fcs: i.fcs, cut: whole > held || held > maxFrame, data: b[28:]}, true, nil
	case blockSimple:
		f.noTime()
	}
	return packet{}, false, nil
}

// time turns a count of the interface's units into a time. A count that no
// clock has becomes the year 1.
func (i iface) time(ticks uint64) time.Time {
	sec, rest := ticks/i.units, ticks%i.units
	if sec > math.MaxInt32*4 {
		return time.Time{}
	}
	// rest < units ≤ 10^18, so the product needs a float only for units finer
	// than a nanosecond.
	var nanos int64
	if i.units <= 1e9 {
		nanos = int64(rest * 1e9 / i.units)
	} else {
		nanos = int64(float64(rest) / float64(i.units) * 1e9)
	}
	return time.Unix(int64(sec)+i.offset, nanos).UTC()
}

func (f *pcapng) addInterface(size int) error {
	if size < 20 || size > maxFrame || len(f.ifaces) >= maxInterfaces {
		return fmt.Errorf("%w: an interface of %d bytes after %d others", errRecord, size, len(f.ifaces))
	}
	b, err := f.w.Need(size)
	if err != nil {
		return intake.Within(err)
	}
	i := iface{link: uint32(f.order.Uint16(b[8:])), units: 1e6}
	for opts := b[16 : size-4]; len(opts) >= 4; {
		code, n := f.order.Uint16(opts), int(f.order.Uint16(opts[2:]))
		padded := (n + 3) &^ 3
		if code == 0 {
			break
		}
		if padded > len(opts)-4 {
			return fmt.Errorf("%w: an interface's option runs over its end", errRecord)
		}
		v := opts[4 : 4+n]
		switch {
		case code == 9 && n == 1: // if_tsresol
			switch p := v[0] & 0x7F; {
			case v[0]&0x80 != 0 && p < 60:
				i.units = 1 << p
			case v[0]&0x80 == 0 && p <= 18:
				i.units = uint64(math.Pow10(int(p)))
			default:
				return fmt.Errorf("%w: an interface's unit of time", errRecord)
			}
		case code == 13 && n == 1: // if_fcslen
			i.fcs = int(v[0])
		case code == 14 && n == 8: // if_tsoffset
			if off := int64(f.order.Uint64(v)); off > -math.MaxInt32*4 && off < math.MaxInt32*4 {
				i.offset = off
			}
		}
		opts = opts[4+padded:]
	}
	f.ifaces = append(f.ifaces, i)
	return nil
}
