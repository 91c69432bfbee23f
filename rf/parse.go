package rf

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// MaxLine is the length of the longest observation line that is read, in
// bytes, without its line end.
const MaxLine = 4096

// Upper ends of what an observation may say: a truck's tyre stays below 1,000
// kPa; the vehicle's size has 10 and 12 bits in SAE J2735.
const (
	HighestKPa      = 2000
	HighestWidthCM  = 1023
	HighestLengthCM = 4095
)

// LineError says why a line was refused. It never repeats what the line held:
// an address or a name must not reach a log by way of an error.
type LineError struct {
	Field  string // JSON name of the field; empty when the line as a whole is bad
	Reason string
}

func (e *LineError) Error() string {
	if e.Field == "" {
		return "observation: " + e.Reason
	}
	return "observation: " + e.Field + ": " + e.Reason
}

func refuse(field, reason string) (Observation, error) {
	return Observation{}, &LineError{Field: field, Reason: reason}
}

// wire has a place only for white-listed fields: everything else is dropped by
// the JSON decoder before anybody can look at it.
type wire struct {
	TS      *string  `json:"ts"`
	Sensor  string   `json:"sensor"`
	Kind    Kind     `json:"kind"`
	Emitter string   `json:"emitter"`
	RSSI    *float64 `json:"rssi_dbm"`
	Channel *int     `json:"channel"`
	FreqMHz *float64 `json:"freq_mhz"`
	Band    string   `json:"band"`
	Role    string   `json:"role"`
	Company *int     `json:"company"`
	SSID    string   `json:"ssid"`
	Model   string   `json:"model"`

	Level    Level    `json:"level"`
	Address  Address  `json:"address"`
	Name     string   `json:"name"`
	Pressure *float64 `json:"pressure_kpa"`
	WidthCM  *int     `json:"width_cm"`
	LengthCM *int     `json:"length_cm"`
}

// ParseLine reads one canonical line with the embedded table. See
// Prefixes.ParseLine.
func ParseLine(line []byte) (Observation, error) {
	p, err := EmbeddedPrefixes()
	if err != nil {
		return Observation{}, err
	}
	return p.ParseLine(line)
}

// ParseLine reads one canonical line: a JSON object of at most MaxLine bytes.
//
//	field     kinds                shape
//	ts        all                  RFC 3339, between 2015 and 2100; kept in UTC
//	sensor    all                  1–64 of A–Z a–z 0–9 . _ : -
//	kind      all                  wifi, ble, tpms, cell, v2x, fob
//	rssi_dbm  all                  −150 to 20
//	level     all                  relative (rssi_dbm is dB of full scale), none (the source gave no level); absent: dBm
//	emitter   all but cell         wifi, ble: EUI-48, not a group address for wifi; others: 1–32 of A–Z a–z 0–9 . _ : -
//	channel   wifi 1–233, ble 0–39
//	freq_mhz  all                  1 to 110,000
//	band      cell                 B1 … B255, n1 … n511, or a GSM band's name
//	role      wifi                 ap, client, probe
//	company   ble                  0 to 65,535
//	address   ble                  public, static, resolvable, nonresolvable
//	name      ble                  kept only when it fits a vehicle pattern, else dropped
//	ssid      wifi, role ap        kept only when it fits a vehicle pattern, else dropped
//	model     tpms                 the air protocol's name, up to 64 letters, digits, blanks, . _ -
//	pressure_kpa  tpms             0 to 2,000
//	width_cm      v2x              1 to 1,023 (SAE J2735 VehicleWidth)
//	length_cm     v2x              1 to 4,095 (SAE J2735 VehicleLength)
//
// Every other field is dropped, as is a field of another kind. A value out of
// its shape refuses the line with a *LineError. A cell line that carries an
// emitter is refused: no cellular identifier has a place in this program.
func (p *Prefixes) ParseLine(line []byte) (Observation, error) {
	if len(line) > MaxLine {
		return refuse("", "longer than "+strconv.Itoa(MaxLine)+" bytes")
	}
	if !utf8.Valid(line) {
		return refuse("", "not UTF-8")
	}
	var w wire
	if err := json.Unmarshal(line, &w); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return refuse(t.Field, "is not a "+t.Type.String())
		}
		return refuse("", "not a JSON object")
	}
	o := Observation{Sensor: w.Sensor, Kind: w.Kind}
	switch w.Kind {
	case WiFi, BLE, TPMS, Cell, V2X, Fob:
	case "":
		return refuse("kind", "is missing")
	default:
		return refuse("kind", "is not one of wifi, ble, tpms, cell, v2x, fob")
	}
	if w.TS == nil {
		return refuse("ts", "is missing")
	}
	ts, err := time.Parse(time.RFC3339, *w.TS)
	if err != nil {
		return refuse("ts", "is not an RFC 3339 time")
	}
	o.TS = ts.UTC()
	if y := o.TS.Year(); y < 2015 || y >= 2100 {
		return refuse("ts", "is not between 2015 and 2100")
	}
	if !isName(o.Sensor, 64) {
		return refuse("sensor", "is not 1 to 64 letters, digits, . _ : -")
	}
	if w.RSSI == nil {
		return refuse("rssi_dbm", "is missing")
	}
	if o.RSSI = *w.RSSI; !(o.RSSI >= LowestRSSI && o.RSSI <= HighestRSSI) {
		return refuse("rssi_dbm", "is not between -150 and 20")
	}
	switch o.Level = w.Level; o.Level {
	case DBm, Relative:
	case NoLevel:
		o.RSSI = LowestRSSI
	default:
		return refuse("level", "is not one of relative, none")
	}
	if w.FreqMHz != nil {
		if o.FreqMHz = *w.FreqMHz; !(o.FreqMHz >= 1 && o.FreqMHz <= 110_000) {
			return refuse("freq_mhz", "is not between 1 and 110000")
		}
	}
	if o.Kind == Cell {
		if w.Emitter != "" {
			return refuse("emitter", "a cell observation carries no identifier")
		}
	} else if w.Emitter == "" {
		return refuse("emitter", "is missing")
	}

	switch o.Kind {
	case WiFi, BLE:
		mac, ok := parseMAC(w.Emitter)
		if !ok {
			return refuse("emitter", "is not an EUI-48 address")
		}
		// A Wi-Fi transmitter never has a group address. Random Bluetooth
		// addresses use that bit as any other.
		if o.Kind == WiFi && mac>>40&1 == 1 {
			return refuse("emitter", "is a group address")
		}
		o.Emitter = formatMAC(mac)
		if w.Channel != nil {
			low, high := 1, 233
			if o.Kind == BLE {
				low, high = 0, 39
			}
			if o.Channel = *w.Channel; o.Channel < low || o.Channel > high {
				return refuse("channel", fmt.Sprintf("is not between %d and %d", low, high))
			}
		}
	case Cell:
		if w.Band == "" {
			return refuse("band", "is missing")
		}
		if !isBand(w.Band) {
			return refuse("band", "is not a 3GPP band")
		}
		o.Band = w.Band
	default:
		if !isName(w.Emitter, 32) {
			return refuse("emitter", "is not 1 to 32 letters, digits, . _ : -")
		}
		o.Emitter = w.Emitter
	}

	switch o.Kind {
	case WiFi:
		switch w.Role {
		case "", "ap", "client", "probe":
			o.Role = w.Role
		default:
			return refuse("role", "is not one of ap, client, probe")
		}
		if o.Role == "ap" {
			if _, ok := p.SSIDMake(w.SSID); ok {
				o.SSID = w.SSID
			}
		}
	case BLE:
		if w.Company != nil {
			if o.Company = *w.Company; o.Company < 0 || o.Company > math.MaxUint16 {
				return refuse("company", "is not between 0 and 65535")
			}
		}
		switch o.Address = w.Address; o.Address {
		case "", Public, Static, Resolvable, NonResolvable:
		default:
			return refuse("address", "is not one of public, static, resolvable, nonresolvable")
		}
		if _, ok := p.BLEName(w.Name); ok {
			o.Name = w.Name
		}
	case TPMS:
		if w.Model != "" && !isText(w.Model, 64) {
			return refuse("model", "is not up to 64 letters, digits, blanks, . _ -")
		}
		o.Model = w.Model
		if w.Pressure != nil {
			if o.Pressure = Known(*w.Pressure); !(o.Pressure.Value >= 0 && o.Pressure.Value <= HighestKPa) {
				return refuse("pressure_kpa", "is not between 0 and 2000")
			}
		}
	case V2X:
		if w.WidthCM != nil {
			if o.WidthCM = *w.WidthCM; o.WidthCM < 1 || o.WidthCM > HighestWidthCM {
				return refuse("width_cm", "is not between 1 and 1023")
			}
		}
		if w.LengthCM != nil {
			if o.LengthCM = *w.LengthCM; o.LengthCM < 1 || o.LengthCM > HighestLengthCM {
				return refuse("length_cm", "is not between 1 and 4095")
			}
		}
	}
	return o, nil
}

// Append writes the canonical line of an observation without a line end.
// ParseLine reads it back as it was, where it was a valid one.
func Append(dst []byte, o Observation) []byte {
	dst = append(dst, `{"ts":"`...)
	dst = o.TS.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","sensor":`...)
	dst = appendString(dst, o.Sensor)
	dst = append(dst, `,"kind":`...)
	dst = appendString(dst, string(o.Kind))
	dst = append(dst, `,"rssi_dbm":`...)
	dst = appendNumber(dst, o.RSSI)
	text := func(name, v string) {
		if v != "" {
			dst = append(dst, name...)
			dst = appendString(dst, v)
		}
	}
	text(`,"emitter":`, o.Emitter)
	if o.Channel != 0 {
		dst = strconv.AppendInt(append(dst, `,"channel":`...), int64(o.Channel), 10)
	}
	if o.FreqMHz != 0 {
		dst = appendNumber(append(dst, `,"freq_mhz":`...), o.FreqMHz)
	}
	text(`,"band":`, o.Band)
	text(`,"role":`, o.Role)
	if o.Company != 0 {
		dst = strconv.AppendInt(append(dst, `,"company":`...), int64(o.Company), 10)
	}
	text(`,"ssid":`, o.SSID)
	text(`,"model":`, o.Model)
	text(`,"level":`, string(o.Level))
	text(`,"address":`, string(o.Address))
	text(`,"name":`, o.Name)
	if o.Pressure.Known {
		dst = appendNumber(append(dst, `,"pressure_kpa":`...), o.Pressure.Value)
	}
	if o.WidthCM != 0 {
		dst = strconv.AppendInt(append(dst, `,"width_cm":`...), int64(o.WidthCM), 10)
	}
	if o.LengthCM != 0 {
		dst = strconv.AppendInt(append(dst, `,"length_cm":`...), int64(o.LengthCM), 10)
	}
	return append(dst, '}')
}

// appendNumber keeps the line valid JSON for a value that no sensor can have;
// ParseLine then refuses it by its range.
func appendNumber(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

func appendString(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return append(dst, `""`...)
	}
	return append(dst, b...)
}

func formatMAC(n uint64) string {
	const digits = "0123456789abcdef"
	var b [17]byte
	for i := range 6 {
		c := byte(n >> (40 - 8*i))
		b[3*i], b[3*i+1] = digits[c>>4], digits[c&15]
		if i < 5 {
			b[3*i+2] = ':'
		}
	}
	return string(b[:])
}

func isName(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '-':
		default:
			return false
		}
	}
	return true
}

func isText(s string, limit int) bool {
	if len(s) > limit {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != ' ' && !isName(s[i:i+1], 1) {
			return false
		}
	}
	return true
}

// isBand tells whether s names a 3GPP operating band: B and 1–255 (LTE,
// TS 36.101), n and 1–511 (NR, TS 38.101), or a GSM band's common name.
func isBand(s string) bool {
	switch s {
	case "GSM850", "GSM900", "DCS1800", "PCS1900":
		return true
	}
	if len(s) < 2 || len(s) > 4 || s[1] == '0' {
		return false
	}
	n := 0
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = 10*n + int(s[i]-'0')
	}
	switch s[0] {
	case 'B':
		return n >= 1 && n <= 255
	case 'n':
		return n >= 1 && n <= 511
	}
	return false
}
