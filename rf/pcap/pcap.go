package pcap

import (
	"fmt"
	"io"
	"time"

	"sallyport/rf"
)

// Link types (https://www.tcpdump.org/linktypes.html).
const (
	link80211    = 105
	linkPrism    = 119
	linkRadiotap = 127
	linkAVS      = 163
	linkPPI      = 192
	linkBTLE     = 251
	linkBTLEPHDR = 256
	linkNordic   = 272
)

// Config says what a capture does not.
type Config struct {
	Sensor string    // name of the receiver, as in rf.Observation
	Start  time.Time // of the recording, where its own clock was never set; zero: the capture's times hold
}

// Reasons of refusal.
const (
	data = iota
	control
	extension
	between
	oneDevice
	noAddress
	group
	badHeader
	badVersion
	badCheck
	tooShort
	badLength
	badElement
	reservedPDU
	whitened
	badTime
	noTime
	cutShort
	otherLink
	otherEvent
)

// Decoder turns captured frames into observations. It is not safe for
// concurrent use; its Tally is.
type Decoder struct {
	c        Config
	prefixes *rf.Prefixes
	tally    *rf.Tally
	// One of each, so that a frame costs no allocation.
	wifi management
	ble  advertisement
}

// New makes a decoder that keeps the names which fit a pattern of p.
func New(c Config, p *rf.Prefixes) *Decoder {
	return &Decoder{c: c, prefixes: p, tally: rf.NewTally(
		"data, not looked at",
		"control frame, not looked at",
		"extension frame, not looked at",
		"management between two stations",
		"meant for one device",
		"no sender's address",
		"sender's address is a group's",
		"receiver's header is malformed",
		"not of protocol version 0",
		"check sequence is wrong",
		"shorter than its fields",
		"length of the frame or of its kind is wrong",
		"an element runs over the frame's end",
		"kind of frame that is not defined",
		"not yet decoded by the receiver",
		"time is not between 2015 and 2100",
		"no time",
		"cut short by the end of the input",
		"a link type that is not read",
		"the receiver's word on something else than an advertisement",
	)}
}

// Tally counts frames.
func (d *Decoder) Tally() *rf.Tally { return d.tally }

// Decode reads a capture, pcap or pcapng, until r ends. A frame that is not
// taken is counted; an error says that the file is none, or is damaged so that
// nothing behind that place can be read, or is r's or sink's.
func (d *Decoder) Decode(r io.Reader, sink func(rf.Observation) error) error {
	var first time.Time
	err := read(r, func(p packet) error {
		if !d.c.Start.IsZero() {
			if first.IsZero() {
				first = p.at
			}
			p.at = d.c.Start.Add(p.at.Sub(first)).UTC()
		}
		if o, ok := d.frame(p); ok {
			return sink(o)
		}
		return nil
	}, func() { d.tally.Refuse(noTime) }, func() { d.tally.Refuse(cutShort) })
	d.wifi, d.ble = management{}, advertisement{}
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// Frame decodes one whole frame of a live receiver or of another program's
// store, of a link type as pcap numbers them. It tells whether there is an
// observation; where there is none the tally has the reason. Nothing of b is
// kept.
func (d *Decoder) Frame(link uint32, at time.Time, b []byte) (rf.Observation, bool) {
	o, ok := d.frame(packet{link: link, at: at, data: b})
	d.wifi, d.ble = management{}, advertisement{}
	return o, ok
}

func (d *Decoder) frame(p packet) (rf.Observation, bool) {
	o, reason := d.observe(p)
	if reason >= 0 {
		d.tally.Refuse(reason)
		return rf.Observation{}, false
	}
	d.tally.Take()
	return o, true
}

func (d *Decoder) observe(p packet) (rf.Observation, int) {
	bluetooth, reason := d.parse(p)
	if reason >= 0 {
		return rf.Observation{}, reason
	}
	if !rf.ValidTime(p.at) {
		return rf.Observation{}, badTime
	}
	if bluetooth {
		return d.advertised(p.at)
	}
	return d.managed(p.at)
}

// parse reads a frame into d.wifi or d.ble, and tells into which.
func (d *Decoder) parse(p packet) (bluetooth bool, reason int) {
	var r radio
	head, link := 0, p.link
	switch link {
	case link80211, linkBTLE, linkBTLEPHDR, linkNordic:
	case linkRadiotap:
		head, link = r.radiotap(p.data), link80211
	case linkPrism:
		head, link = r.prism(p.data), link80211
	case linkAVS:
		head, link = r.avs(p.data), link80211
	case linkPPI:
		head, link = r.ppi(p.data)
	}
	if head < 0 {
		return false, badHeader
	}
	b := p.data[head:]
	switch link {
	case link80211:
		d.wifi = management{radio: r}
		if p.fcs == 4 {
			d.wifi.fcs = true
		}
		return false, d.wifi.read80211(b, p.cut)
	case linkBTLE:
		d.ble = advertisement{radio: r, channel: -1}
		if r.mhz >= 2402 && r.mhz <= 2480 && r.mhz%2 == 0 {
			d.ble.tuneTo((r.mhz - 2402) / 2)
		}
		return true, d.ble.readLL(b, p.cut, false)
	case linkBTLEPHDR:
		d.ble = advertisement{radio: r, channel: -1}
		return true, d.ble.readPHDR(b, p.cut)
	case linkNordic:
		d.ble = advertisement{channel: -1}
		if len(b) < 1 {
			return true, tooShort
		}
		return true, d.ble.readNordic(b[1:]) // behind the board's number
	}
	return false, otherLink
}

// level fills in what the receiver measured.
func (r *radio) level(o *rf.Observation) {
	o.RSSI, o.Level = rf.LowestRSSI, rf.NoLevel
	if v, ok := r.strongest(); ok && v <= rf.HighestRSSI {
		o.RSSI, o.Level = float64(v), rf.DBm
	} else if r.hasRel {
		// Down from the greatest value that the field has.
		o.RSSI, o.Level = max(float64(r.relative)-255, rf.LowestRSSI), rf.Relative
	}
	if r.mhz > 0 {
		o.FreqMHz = float64(r.mhz)
	}
}

func (d *Decoder) managed(at time.Time) (rf.Observation, int) {
	m := &d.wifi
	o := rf.Observation{TS: at, Sensor: d.c.Sensor, Kind: rf.WiFi}
	switch m.subtype {
	case beacon, probeResponse:
		o.Role = "ap"
	case probeRequest:
		o.Role = "probe"
	case associationRequest, reassociationRequest:
		o.Role = "client"
	case authentication:
		if o.Role = "client"; m.sender == m.bssid {
			o.Role = "ap"
		}
	default:
		return o, between
	}
	if m.sender == 0 {
		return o, noAddress
	}
	if m.sender>>40&1 == 1 {
		return o, group
	}
	o.Emitter = rf.FormatMAC(m.sender)
	m.level(&o)
	if o.Channel = m.channel; o.Channel == 0 && m.direct <= 196 {
		o.Channel = int(m.direct)
	}
	if o.Role == "ap" {
		o.SSID = d.prefixes.Keep(m.ssid, rf.WiFi)
	}
	return o, -1
}

func (d *Decoder) advertised(at time.Time) (rf.Observation, int) {
	a := &d.ble
	o := rf.Observation{TS: at, Sensor: d.c.Sensor, Kind: rf.BLE}
	switch a.pdu {
	case advDirectInd, scanReq, connectInd:
		return o, oneDevice
	}
	if !a.addressed {
		return o, noAddress
	}
	var ok bool
	if o.Address, ok = rf.AddressOf(a.advertiser, a.random); !ok {
		return o, noAddress // reserved
	}
	o.Emitter = rf.FormatMAC(a.advertiser)
	a.level(&o)
	if a.channel > 0 {
		o.Channel = a.channel
	}
	o.Company = a.Company
	o.Name = d.prefixes.Keep(a.Name, rf.BLE)
	return o, -1
}
