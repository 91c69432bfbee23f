package kismet

import (
	"bytes"
	"io"
	"math"
	"time"

	"sallyport/rf"
	"sallyport/rf/internal/intake"
)

// MaxRecord is the length of the longest record that is read, in bytes. An
// access point with a hundred clients stays below a fifth of it.
const MaxRecord = 1 << 20

// Config says what the records do not.
type Config struct {
	Sensor string // name of the receiver, as in rf.Observation
}

// Reasons of refusal.
const (
	tooLong = iota
	cut
	notJSON
	notDevice
	notKind
	throughTyre
	wired
	silent
	badAddress
	group
	badTime
	badLevel
)

// Decoder turns Kismet's records into observations. Its methods may be called
// by several goroutines at once.
type Decoder struct {
	c        Config
	prefixes *rf.Prefixes
	tally    *rf.Tally
}

// New makes a decoder that keeps the names which fit a pattern of p.
func New(c Config, p *rf.Prefixes) *Decoder {
	return &Decoder{c: c, prefixes: p, tally: rf.NewTally(
		"longer than 1 MiB",
		"cut short by the end of the input",
		"not a JSON object",
		"an event without a device",
		"neither Wi-Fi nor Bluetooth",
		"a tyre sensor by way of Kismet, which loses its id and pressure",
		"a device behind an access point's wire",
		"a device that was not heard itself",
		"address is not an EUI-48",
		"address is a group's",
		"time is not one, or not between 2015 and 2100",
		"level is not between -150 and 20",
	)}
}

// Tally counts records and events.
func (d *Decoder) Tally() *rf.Tally { return d.tally }

// Decode reads records until r ends. It returns r's error or sink's.
func (d *Decoder) Decode(r io.Reader, sink func(rf.Observation) error) error {
	return intake.Values(r, MaxRecord, func(v []byte) error {
		if o, ok := d.Record(v); ok {
			return sink(o)
		}
		return nil
	}, func() { d.tally.Refuse(tooLong) }, func() { d.tally.Refuse(cut) })
}

// members are the white-listed members of a record, as written.
type members struct {
	mac, phy, kind, name, channel, kHz, last, sent, level, unit, device []byte
}

func (m *members) take(key, value []byte) {
	switch string(key) {
	case "kismet.device.base.macaddr":
		m.mac = value
	case "kismet.device.base.phyname":
		m.phy = value
	case "kismet.device.base.type":
		m.kind = value
	case "kismet.device.base.name":
		m.name = value
	case "kismet.device.base.channel":
		m.channel = value
	case "kismet.device.base.frequency":
		m.kHz = value
	case "kismet.device.base.last_time":
		m.last = value
	case "kismet.device.base.packets.tx_total":
		m.sent = value
	case "kismet.device.base.signal":
		if intake.Object(value, m.take) != nil {
			m.level = value // no object: refused as a level below
		}
	// A field asked for by its path comes under the path's last part, or
	// under the name that the query gave it.
	case "kismet.common.signal.last_signal", "last_signal":
		m.level = value
	case "kismet.common.signal.type":
		m.unit = value
	// The topics of the event bus that carry a device.
	case "NEW_DEVICE", "DEVICE", "DOT11_NEW_DEVICE":
		m.device = value
	}
}

// Record decodes one device record or one event. It tells whether there is an
// observation; where there is none the tally has the reason.
func (d *Decoder) Record(b []byte) (rf.Observation, bool) {
	o, reason := d.record(b)
	if reason >= 0 {
		d.tally.Refuse(reason)
		return rf.Observation{}, false
	}
	d.tally.Take()
	return o, true
}

func (d *Decoder) record(b []byte) (rf.Observation, int) {
	o := rf.Observation{Sensor: d.c.Sensor, RSSI: rf.LowestRSSI, Level: rf.NoLevel}
	var m members
	if intake.Object(b, m.take) != nil {
		return o, notJSON
	}
	if m.mac == nil {
		if m.device == nil {
			return o, notDevice
		}
		event := m.device
		m = members{}
		if intake.Object(event, m.take) != nil || m.mac == nil {
			return o, notDevice
		}
	}
	phy, _ := intake.String(m.phy)
	kind, _ := intake.String(m.kind)
	switch string(phy) {
	case "IEEE802.11":
		o.Kind = rf.WiFi
	case "Bluetooth", "BTLE":
		o.Kind = rf.BLE
	case "RTL433":
		return o, throughTyre
	default:
		return o, notKind
	}
	switch string(kind) {
	case "Wi-Fi AP", "Wi-Fi WDS AP":
		o.Role = "ap"
	case "Wi-Fi Client":
		o.Role = "client"
	case "Wi-Fi Bridged":
		return o, wired
	}
	text, _ := intake.String(m.mac)
	mac, ok := rf.ParseMAC(string(text))
	if !ok {
		return o, badAddress
	}
	if o.Kind == rf.WiFi && mac>>40&1 == 1 {
		return o, group
	}
	o.Emitter = rf.FormatMAC(mac)

	// Kismet writes 0 where it has no level, and no receiver tells 0 dBm.
	level, ok := intake.Number(m.level)
	if m.level != nil && (!ok || level < rf.LowestRSSI || level > rf.HighestRSSI) {
		return o, badLevel
	}
	sent, counted := intake.Number(m.sent)
	if counted && sent <= 0 || !counted && level == 0 {
		return o, silent
	}
	if level != 0 {
		o.RSSI, o.Level = level, rf.DBm
		if unit, _ := intake.String(m.unit); string(unit) == "rssi" {
			o.Level = rf.Relative
		}
	}
	last, ok := intake.Number(m.last)
	if !ok || last < 0 || last > 1e10 {
		return o, badTime
	}
	if o.TS = time.UnixMicro(int64(math.Round(last * 1e6))).UTC(); !rf.ValidTime(o.TS) {
		return o, badTime
	}
	if kHz, ok := intake.Number(m.kHz); ok && kHz >= 1e3 && kHz <= 110e6 {
		o.FreqMHz = kHz / 1000
	}
	channel, _ := intake.String(m.channel)
	o.Channel = channelOf(channel, o.Kind)

	name, _ := intake.String(m.name)
	switch {
	case o.Kind == rf.BLE:
		o.Name = d.prefixes.Keep(name, rf.BLE)
	case o.Role == "ap":
		o.SSID = d.prefixes.Keep(name, rf.WiFi)
	}
	return o, -1
}

// channelOf is the number that a channel such as "6", "36HT40+" or "FHSS"
// begins with; 0 where it is none of its kind.
func channelOf(s []byte, k rf.Kind) int {
	n := 0
	for _, c := range s[:min(len(s), 4)] {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	if k == rf.WiFi && n > 233 || k == rf.BLE && n > 39 || bytes.HasPrefix(s, []byte("0")) {
		return 0
	}
	return n
}
