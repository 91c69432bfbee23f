package osdp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"sallyport/gate/barrier"
)

// Commands.
const (
	cmdPoll   = 0x60
	cmdID     = 0x61
	cmdCap    = 0x62
	cmdLStat  = 0x64
	cmdIStat  = 0x65
	cmdOut    = 0x68
	cmdLED    = 0x69
	cmdBuz    = 0x6A
	cmdText   = 0x6B
	cmdKeySet = 0x75
	cmdChlng  = 0x76
	cmdSCrypt = 0x77
)

// Replies.
const (
	repAck    = 0x40
	repNak    = 0x41
	repPDID   = 0x45
	repPDCap  = 0x46
	repLStat  = 0x48
	repIStat  = 0x49
	repOStat  = 0x4A
	repRStat  = 0x4B
	repRaw    = 0x50
	repFmt    = 0x51
	repKeypad = 0x53
	repCCrypt = 0x76
	repRMACI  = 0x78
	repBusy   = 0x79
)

// Reasons of a NAK.
const (
	nakCheck    = 0x01
	nakLength   = 0x02
	nakCommand  = 0x03
	nakSequence = 0x04
	nakBlock    = 0x05
	nakSecurity = 0x06
	nakRecord   = 0x09
)

// Nak is a reader's refusal.
type Nak byte

// Error says why.
func (n Nak) Error() string {
	why, ok := map[Nak]string{
		nakCheck: "check of the frame", nakLength: "length of the command", nakCommand: "unknown command",
		nakSequence: "sequence number", nakBlock: "security block", nakSecurity: "a secure channel is needed",
		nakRecord: "the command cannot be done",
	}[n]
	if !ok {
		why = "unknown reason"
	}
	return fmt.Sprintf("refused by the reader (%d: %s)", byte(n), why)
}

// Identity is what a reader says of itself.
type Identity struct {
	Vendor   [3]byte // IEEE OUI of the maker
	Model    uint8
	Version  uint8 // of the hardware
	Serial   uint32
	Firmware [3]uint8
}

// same tells whether two are of the same device; its firmware may be newer.
func (i Identity) same(o Identity) bool {
	return i.Vendor == o.Vendor && i.Model == o.Model && i.Serial == o.Serial
}

// String is the identity for a person.
func (i Identity) String() string {
	return fmt.Sprintf("%02X-%02X-%02X model %d.%d serial %d firmware %d.%d.%d", i.Vendor[0], i.Vendor[1], i.Vendor[2], i.Model, i.Version, i.Serial, i.Firmware[0], i.Firmware[1], i.Firmware[2])
}

var errMeaning = errors.New("answer cannot be understood")

func parseIdentity(b []byte) (i Identity, err error) {
	if len(b) != 12 {
		return i, fmt.Errorf("%w: identity of %d bytes", errMeaning, len(b))
	}
	return Identity{
		Vendor: [3]byte(b[:3]), Model: b[3], Version: b[4],
		Serial: binary.LittleEndian.Uint32(b[5:9]), Firmware: [3]uint8(b[9:12]),
	}, nil
}

// Function codes of capabilities.
const (
	capInputs   = 1
	capOutputs  = 2
	capLED      = 4
	capAudible  = 5
	capText     = 6
	capSecurity = 9
)

// capability is what a reader can do of one function.
type capability struct{ level, items uint8 }

func parseCapabilities(b []byte) (map[uint8]capability, error) {
	if len(b)%3 != 0 {
		return nil, fmt.Errorf("%w: capabilities of %d bytes", errMeaning, len(b))
	}
	c := make(map[uint8]capability, len(b)/3)
	for r := range slices.Chunk(b, 3) {
		c[r[0]] = capability{r[1], r[2]}
	}
	return c, nil
}

// parseRaw reads a card (RAW): reader, format, number of bits, bits.
func parseRaw(b []byte, at time.Time) (badge barrier.Badge, err error) {
	if len(b) < 4 {
		return badge, fmt.Errorf("%w: card of %d bytes", errMeaning, len(b))
	}
	bits := int(binary.LittleEndian.Uint16(b[2:4]))
	if bits == 0 || (bits+7)/8 != len(b)-4 {
		return badge, fmt.Errorf("%w: card of %d bits in %d bytes", errMeaning, bits, len(b)-4)
	}
	return barrier.Badge{Reader: b[0], Bits: bits, Data: slices.Clone(b[4:]), At: at}, nil
}

// parseFormatted reads a card that the reader has made text of (FMT): reader,
// direction, number of characters, characters.
func parseFormatted(b []byte, at time.Time) (badge barrier.Badge, err error) {
	if len(b) < 4 || int(b[2]) != len(b)-3 {
		return badge, fmt.Errorf("%w: card as text of %d bytes", errMeaning, len(b))
	}
	return barrier.Badge{Reader: b[0], Bits: 8 * int(b[2]), Data: slices.Clone(b[3:]), At: at}, nil
}

// parseKeys reads keys (KEYPPAD): reader, count, keys. Readers send digits as
// characters, * as 0x7F and # as 0x0D.
func parseKeys(b []byte, at time.Time) (badge barrier.Badge, err error) {
	if len(b) < 2 || int(b[1]) != len(b)-2 || b[1] == 0 {
		return badge, fmt.Errorf("%w: keys of %d bytes", errMeaning, len(b))
	}
	badge = barrier.Badge{Reader: b[0], At: at}
	for _, k := range b[2:] {
		switch {
		case '0' <= k && k <= '9', k == '*', k == '#':
			badge.Keys += string(rune(k))
		case k == 0x7F:
			badge.Keys += "*"
		case k == 0x0D:
			badge.Keys += "#"
		default:
			return badge, fmt.Errorf("%w: key %02x", errMeaning, k)
		}
	}
	return badge, nil
}

// outPulse is the command for an output that the reader itself ends: temporary
// on (5), for a number of 100 ms.
func outPulse(output uint8, length time.Duration) []byte {
	b := []byte{output, 5}
	return binary.LittleEndian.AppendUint16(b, uint16((length+99*time.Millisecond)/(100*time.Millisecond)))
}

// led is the command that sets the colour of LED 0 for good.
func led(s barrier.Signal) []byte {
	colour := map[barrier.Signal]byte{barrier.Red: 1, barrier.Green: 2}[s]
	return []byte{
		0, 0, // reader, LED
		0, 0, 0, 0, 0, 0, 0, // nothing temporary
		1, 1, 0, colour, colour,
	}
}

// buzz is the command for some beeps of 200 ms.
func buzz(beeps int) []byte { return []byte{0, 2, 2, 1, byte(beeps)} }

// text is the command that shows a line for good, at its beginning.
func text(s string) []byte {
	return append([]byte{0, 1, 0, 1, 1, byte(len(s))}, s...)
}

// keySet is the command for a new base key.
func keySet(k Key) []byte { return append([]byte{1, byte(len(k))}, k[:]...) }
