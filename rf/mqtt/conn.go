package mqtt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Packet types of MQTT 5.0, 2.1.2.
const (
	typeConnect    = 1
	typePublish    = 3
	typePuback     = 4
	typeSubscribe  = 8
	typePingreq    = 12
	typeDisconnect = 14
)

// errTransmits says that something else than listening was tried.
var errTransmits = errors.New("mqtt: a packet that a listener has no use for was to be sent")

// maxOther is the length of the longest packet that is no message, in bytes.
// What a broker says beside messages are properties and reasons in words.
const maxOther = 1 << 16

// conn is a connection to a broker that can only listen, and that hands on no
// packet longer than its limits: the library reads a packet whole before it
// looks at it, and a length of 256 MiB takes four bytes to claim.
type conn struct {
	net.Conn
	raw   net.Conn // beneath TLS, where that is
	limit int      // longest payload, in bytes

	writing chan struct{} // holds a token while a packet is written

	out outgoing

	in      *bufio.Reader
	pending []byte // of a packet's beginning, to be handed on first
	pass    int64  // bytes of the packet to hand on as they come
	skip    int64  // bytes of the packet to throw away
}

func newConn(c, raw net.Conn, limit int) *conn {
	return &conn{Conn: c, raw: raw, limit: limit, writing: make(chan struct{}, 1), in: bufio.NewReaderSize(c, 1<<12)}
}

// Lock and Unlock are called by the library around a packet that is written in
// parts.
func (c *conn) Lock()   { c.writing <- struct{}{} }
func (c *conn) Unlock() { <-c.writing }

// Close closes the connection beneath TLS: a peer that does not read would hold
// up the goodbye of TLS for seconds.
func (c *conn) Close() error { return c.raw.Close() }

// Write sends what a listener may send. A packet may come in parts.
func (c *conn) Write(b []byte) (int, error) {
	if !c.out.allows(b) {
		return 0, errTransmits
	}
	if len(b) == 0 {
		return 0, nil
	}
	if err := c.raw.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, fmt.Errorf("mqtt: %w", err)
	}
	return c.Conn.Write(b)
}

// outgoing follows the packets of a stream.
type outgoing struct {
	inLength bool
	shift    int
	left     int
}

// allows takes the next bytes, and tells whether all packets begun in them may
// be sent.
func (o *outgoing) allows(b []byte) bool {
	for len(b) > 0 {
		switch {
		case o.inLength:
			o.left |= int(b[0]&0x7f) << o.shift
			o.shift += 7
			o.inLength = b[0] >= 0x80
			b = b[1:]
		case o.left > 0:
			n := min(o.left, len(b))
			o.left -= n
			b = b[n:]
		default:
			switch b[0] >> 4 {
			case typeConnect, typePuback, typeSubscribe, typePingreq, typeDisconnect:
			default:
				return false
			}
			o.inLength, o.shift, o.left = true, 0, 0
			b = b[1:]
		}
	}
	return true
}

// Read hands on the stream, with every message that is too long replaced by one
// of the same topic and number whose payload is one zero byte longer than the
// limit: it is acknowledged as any other, and counted by its length.
func (c *conn) Read(b []byte) (int, error) {
	for {
		switch {
		case len(b) == 0:
			return 0, nil
		case len(c.pending) > 0:
			n := copy(b, c.pending)
			c.pending = c.pending[n:]
			return n, nil
		case c.pass > 0:
			n, err := c.in.Read(b[:min(int64(len(b)), c.pass)])
			c.pass -= int64(n)
			return n, err
		case c.skip > 0:
			n, err := c.in.Discard(int(min(c.skip, 1<<20)))
			if c.skip -= int64(n); err != nil {
				return 0, err
			}
		default:
			if err := c.begin(); err != nil {
				return 0, err
			}
		}
	}
}

// begin reads a fixed header.
func (c *conn) begin() error {
	first, err := c.in.ReadByte()
	if err != nil {
		return err
	}
	length, shift := int64(0), 0
	head := append(make([]byte, 0, 8), first)
	for {
		x, err := c.in.ReadByte()
		if err != nil {
			return unexpected(err)
		}
		head = append(head, x)
		length |= int64(x&0x7f) << shift
		if x < 0x80 {
			break
		}
		if shift += 7; shift > 21 {
			return errors.New("mqtt: the length of a packet is malformed")
		}
	}
	message := first>>4 == typePublish
	if !message && length > maxOther {
		return fmt.Errorf("mqtt: the broker sent a packet of type %d with %d bytes", first>>4, length)
	}
	// Topic and properties of a message within the limit may be long, too.
	if !message || length <= int64(c.limit)+maxOther {
		c.pending, c.pass = head, length
		return nil
	}
	var size [2]byte
	if _, err := io.ReadFull(c.in, size[:]); err != nil {
		return unexpected(err)
	}
	keep := int(binary.BigEndian.Uint16(size[:]))
	if first>>1&3 > 0 {
		keep += 2 // its number
	}
	rest := length - 2 - int64(keep)
	if rest < 0 {
		return errors.New("mqtt: a message is shorter than its topic")
	}
	out := appendLength([]byte{first}, 2+keep+1+c.limit+1)
	out = append(out, size[:]...)
	at := len(out)
	out = append(out, make([]byte, keep+1+c.limit+1)...) // no properties, zeros
	if _, err := io.ReadFull(c.in, out[at:at+keep]); err != nil {
		return unexpected(err)
	}
	c.pending, c.skip = out, rest
	return nil
}

// appendLength writes a variable byte integer (MQTT 5.0, 1.5.5).
func appendLength(dst []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
