package btmon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync/atomic"
	"time"

	"sallyport/rf"
	"sallyport/rf/internal/intake"
)

// Bounds of what is believed of a file.
const (
	maxRecord = 1 << 17 // a longer record is a damaged length; the monitor writes none of more than 64 KiB
	maxLooked = 3 + 255 // of a command; an event has a byte less
	adapters  = 16
	headLen   = 24
)

// Kinds of file, which btsnoop calls data links.
const (
	linkHCI     = 1001 // packets without their type
	linkUART    = 1002 // packets with their type
	linkMonitor = 2001 // btmon's own
)

// yearZero is the time from which a record's is counted, in microseconds since
// 1970: 0x00E03AB44A676000 of them lie before the year 2000.
const yearZero = 946_684_800_000_000 - 0x00E03AB44A676000

// Config says what a file does not.
type Config struct {
	Sensor string // name of the receiver, as in rf.Observation
}

// Reasons of refusal.
const (
	data = iota
	command
	note
	otherEvent
	active
	answer
	oneDevice
	resolved
	noAddress
	continued
	badPacket
	badEvent
	badElement
	tooShort
	tooMany
	badTime
	cutShort
)

// Decoder turns the advertising reports of Bluetooth adapters into observations.
// It is not safe for concurrent use; its Tally and Missing are.
type Decoder struct {
	c        Config
	prefixes *rf.Prefixes
	tally    *rf.Tally
	missing  atomic.Uint64
	seed     maphash.Seed
	active   [adapters]bool // scans so that it transmits, as far as the file says
	begun    [8]uint64      // advertisements, by hash alone, whose rest is to come
	next     int
}

// New makes a decoder that keeps the names which fit a pattern of p.
func New(c Config, p *rf.Prefixes) *Decoder {
	return &Decoder{c: c, prefixes: p, seed: maphash.MakeSeed(), tally: rf.NewTally(
		"data, not looked at",
		"command to the adapter",
		"the monitor's own record",
		"event of another kind, not looked at",
		"heard while the adapter scans actively, which transmits",
		"answer to a scan request, which the adapter must not send",
		"meant for one device",
		"address was resolved by a pairing, which a receiver must not have",
		"no sender's address",
		"rest of an advertisement that was counted",
		"kind of packet that is not defined",
		"event is not one of the standard's",
		"an element runs over the advertisement's end",
		"shorter than its fields",
		"of an adapter beyond the sixteenth",
		"time is not between 2015 and 2100",
		"cut short by the end of the input",
	)}
}

// Tally counts records, and of an event with several reports each report.
func (d *Decoder) Tally() *rf.Tally { return d.tally }

// Missing is the number of records that the monitor says it dropped.
func (d *Decoder) Missing() uint64 { return d.missing.Load() }

// errRecord says that a file can not be read further: what follows has lost its
// place.
var errRecord = errors.New("damaged file")

// Decode reads a btsnoop file until r ends, which may be a pipe into which the
// monitor still writes. An error says that the file is none, or is damaged so
// that nothing behind that place can be read, or is r's or sink's.
func (d *Decoder) Decode(r io.Reader, sink func(rf.Observation) error) error {
	if err := d.read(r, sink); err != nil {
		return fmt.Errorf("btsnoop: %w", err)
	}
	return nil
}

func (d *Decoder) read(r io.Reader, sink func(rf.Observation) error) error {
	w := intake.NewWindow(r, 1<<14)
	defer w.Clear()
	head, err := w.Need(16)
	if err != nil {
		return fmt.Errorf("no file of this kind: %w", intake.Within(err))
	}
	if string(head[:8]) != "btsnoop\x00" {
		return errors.New("no file of this kind")
	}
	if v := binary.BigEndian.Uint32(head[8:]); v != 1 {
		return fmt.Errorf("version %d, not 1", v)
	}
	link := binary.BigEndian.Uint32(head[12:])
	switch link {
	case linkHCI, linkUART, linkMonitor:
	default:
		return fmt.Errorf("data link %d is not read", link)
	}
	if err := w.Skip(16); err != nil {
		return err
	}
	for n := 1; ; n++ {
		r, rest, err := next(w, link)
		if err == nil {
			d.missing.Store(max(d.missing.Load(), uint64(r.drops)))
			if err := d.record(r, sink); err != nil {
				return err
			}
			err = intake.Within(w.Skip(rest))
		}
		switch {
		case err == nil:
		case errors.Is(err, io.ErrUnexpectedEOF):
			d.tally.Refuse(cutShort)
			return nil
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("record %d: %w", n, err)
		}
	}
}

// record is what a file says of one packet between host and adapter.
type record struct {
	kind  kind
	index int // of the adapter
	drops uint32
	at    time.Time
	b     []byte // of commands and events; valid until the next
}

type kind int

const (
	isNote kind = iota
	isCommand
	isEvent
	isData
	isWrong
)

// next reads a record, and returns how many of its bytes are still to be passed
// over. Those of data are passed over unread.
func next(w *intake.Window, link uint32) (record, int, error) {
	head, err := w.Need(headLen)
	if err != nil {
		return record{}, 0, err
	}
	r, size, err := readHead(head, link)
	if err != nil {
		return record{}, 0, err
	}
	if err := w.Skip(headLen); err != nil {
		return record{}, 0, intake.Within(err)
	}
	if link == linkUART {
		if r.kind = isWrong; size > 0 {
			b, err := w.Need(1)
			if err != nil {
				return record{}, 0, intake.Within(err)
			}
			r.kind = kindOfType(b[0])
			if err := w.Skip(1); err != nil {
				return record{}, 0, intake.Within(err)
			}
			size--
		}
	}
	if r.kind != isCommand && r.kind != isEvent {
		return r, 0, intake.Within(w.Skip(size))
	}
	if r.b, err = w.Need(min(size, maxLooked)); err != nil {
		return record{}, 0, intake.Within(err)
	}
	return r, size, nil
}

// kindOfType is what the byte before a packet on a UART says of it (Core
// Specification, vol. 4, part A, 2).
func kindOfType(t byte) kind {
	switch t {
	case 1:
		return isCommand
	case 4:
		return isEvent
	case 2, 3, 5: // ACL, SCO and ISO
		return isData
	}
	return isWrong
}

// readHead reads the 24 bytes before a packet, and returns the packet's length.
func readHead(b []byte, link uint32) (record, int, error) {
	whole, size := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if size > maxRecord || size > whole {
		return record{}, 0, fmt.Errorf("%w: %d bytes of %d", errRecord, size, whole)
	}
	flags, us := binary.BigEndian.Uint32(b[8:]), int64(binary.BigEndian.Uint64(b[16:]))
	r := record{drops: binary.BigEndian.Uint32(b[12:])}
	// A time that no clock has becomes the year 1.
	if us > -yearZero && us < 1<<60 {
		r.at = time.UnixMicro(us + yearZero).UTC()
	}
	switch link {
	case linkMonitor:
		r.index = int(flags >> 16)
		switch flags & 0xFFFF {
		case 2:
			r.kind = isCommand
		case 3:
			r.kind = isEvent
		case 4, 5, 6, 7, 18, 19: // ACL, SCO and ISO, sent and received
			r.kind = isData
		}
	case linkHCI:
		switch flags & 3 { // bit 0: received; bit 1: command or event
		case 2:
			r.kind = isCommand
		case 3:
			r.kind = isEvent
		default:
			r.kind = isData
		}
	}
	return r, int(size), nil
}

func (d *Decoder) record(r record, sink func(rf.Observation) error) error {
	switch r.kind {
	case isData:
		d.tally.Refuse(data)
	case isCommand:
		d.command(r)
		d.tally.Refuse(command)
	case isEvent:
		return d.event(r, sink)
	case isNote:
		d.tally.Refuse(note)
	case isWrong:
		d.tally.Refuse(badPacket)
	}
	return nil
}

// Commands to the adapter that say how it scans (Core Specification 5.4, vol. 4,
// part E, 7.3.2, 7.8.10, 7.8.64).
const (
	reset           = 0x0C03
	setScan         = 0x200B
	setExtendedScan = 0x2041
)

// command notes whether the adapter is told to scan actively. No other command
// is looked at.
func (d *Decoder) command(r record) {
	if len(r.b) < 3 || r.index >= adapters {
		return
	}
	parameters := r.b[3:]
	switch binary.LittleEndian.Uint16(r.b) {
	case reset:
		d.active[r.index] = false
	case setScan: // kind of scan, interval, window, …
		if len(parameters) >= 1 {
			d.active[r.index] = parameters[0] != 0
		}
	case setExtendedScan: // own address, filter, PHYs; for each PHY kind, interval, window
		if len(parameters) >= 3 {
			d.active[r.index] = false
			for scan := parameters[3:]; len(scan) >= 5; scan = scan[5:] {
				d.active[r.index] = d.active[r.index] || scan[0] != 0
			}
		}
	}
}

// Events of the adapter (7.7.65): a code, a length and, of LE Meta, a code again.
const (
	leMeta         = 0x3E
	report         = 0x02 // 7.7.65.2
	extendedReport = 0x0D // 7.7.65.13
)

func (d *Decoder) event(r record, sink func(rf.Observation) error) error {
	b := r.b
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		d.tally.Refuse(tooShort)
		return nil
	}
	code, b := b[0], b[2:2+int(b[1])]
	if code != leMeta || len(b) == 0 || b[0] != report && b[0] != extendedReport {
		d.tally.Refuse(otherEvent)
		return nil
	}
	if r.index >= adapters {
		d.tally.Refuse(tooMany)
		return nil
	}
	extended := b[0] == extendedReport
	if len(b) < 2 || b[1] == 0 {
		d.tally.Refuse(badEvent)
		return nil
	}
	reports := int(b[1])
	b = b[2:]
	for range reports {
		read := readReport
		if extended {
			read = readExtended
		}
		a, n := read(b)
		if n < 0 {
			d.tally.Refuse(tooShort)
			return nil
		}
		b = b[n:]
		o, reason := d.observe(r, a)
		if reason >= 0 {
			d.tally.Refuse(reason)
			continue
		}
		d.tally.Take()
		if err := sink(o); err != nil {
			return err
		}
	}
	if len(b) > 0 {
		d.tally.Refuse(badEvent)
	}
	return nil
}

// advertisement is one report. data is a part of the record.
type advertisement struct {
	response, directed bool
	partly             bool // its data is not all here
	more               bool // and the rest is to come
	set                byte // of the advertiser's advertisements
	kind               byte // of the address
	mac                uint64
	rssi               int8
	data               []byte
	wrong              bool // it is of no kind that is defined
}

// readReport reads a legacy report: kind of event, kind of address, address,
// length of the data, data, level. It returns its length, or -1.
func readReport(b []byte) (advertisement, int) {
	if len(b) < 10 || len(b) < 10+int(b[8]) {
		return advertisement{}, -1
	}
	n := 9 + int(b[8])
	const directed, response = 1, 4
	return advertisement{
		response: b[0] == response, directed: b[0] == directed, wrong: b[0] > response || b[8] > 31,
		kind: b[1], mac: macLE(b[2:]), rssi: int8(b[n]), data: b[9:n],
	}, n + 1
}

// readExtended reads an extended report: kind of event (two bytes), kind of
// address, address, two PHYs, number of the set, power, level, interval (two
// bytes), whom it is meant for (seven bytes), length of the data, data.
func readExtended(b []byte) (advertisement, int) {
	const head = 24
	if len(b) < head || len(b) < head+int(b[head-1]) {
		return advertisement{}, -1
	}
	n := head + int(b[head-1])
	event := binary.LittleEndian.Uint16(b)
	const directed, response, status = 1 << 2, 1 << 3, 3 << 5
	const more, reserved = 1 << 5, 3 << 5
	return advertisement{
		response: event&response != 0, directed: event&directed != 0, wrong: event&status == reserved,
		partly: event&status != 0, more: event&status == more,
		kind: b[2], mac: macLE(b[3:]), set: b[11], rssi: int8(b[13]), data: b[head:n],
	}, n
}

// macLE reads an address in the order of the air, lowest byte first.
func macLE(b []byte) uint64 {
	return uint64(b[5])<<40 | uint64(b[4])<<32 | uint64(binary.LittleEndian.Uint32(b))
}

func (d *Decoder) observe(r record, a advertisement) (rf.Observation, int) {
	o := rf.Observation{TS: r.at, Sensor: d.c.Sensor, Kind: rf.BLE, RSSI: rf.LowestRSSI, Level: rf.NoLevel}
	if a.wrong {
		return o, badEvent
	}
	if a.response {
		d.active[r.index] = true
		return o, answer
	}
	if d.active[r.index] {
		return o, active
	}
	if a.directed {
		return o, oneDevice
	}
	const public, random, anonymous = 0, 1, 0xFF
	const publicBehind, randomBehind = 2, 3 // a changing one that the adapter knows by a pairing
	switch a.kind {
	case public, random:
	case publicBehind, randomBehind:
		return o, resolved
	case anonymous:
		return o, noAddress
	default:
		return o, badEvent
	}
	if d.continues(r.index, a) {
		return o, continued
	}
	var ok bool
	if o.Address, ok = rf.AddressOf(a.mac, a.kind == random); !ok {
		return o, noAddress
	}
	read, ok := rf.ReadAdvertising(a.data)
	if !ok && !a.partly {
		return o, badElement
	}
	if !rf.ValidTime(r.at) {
		return o, badTime
	}
	o.Emitter = rf.FormatMAC(a.mac)
	if a.rssi >= -127 && a.rssi <= rf.HighestRSSI { // 127: not measured
		o.RSSI, o.Level = float64(a.rssi), rf.DBm
	}
	o.Company = read.Company
	o.Name = d.prefixes.Keep(read.Name, rf.BLE)
	return o, -1
}

// continues tells whether a report is the rest of an advertisement whose
// beginning was reported, and notes one whose rest is to come.
func (d *Decoder) continues(index int, a advertisement) bool {
	key := maphash.Comparable(d.seed, struct {
		mac       uint64
		index     int
		kind, set byte
	}{a.mac, index, a.kind, a.set})
	for i, begun := range d.begun {
		if begun == key {
			if !a.more {
				d.begun[i] = 0
			}
			return true
		}
	}
	if a.more {
		d.begun[d.next] = key
		d.next = (d.next + 1) % len(d.begun)
	}
	return false
}
