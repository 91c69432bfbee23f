package rf

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"sallyport/rf/internal/intake"
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

// record has a place only for white-listed members: every other is walked over
// before anybody can look at it.
type record struct {
	ts, sensor, kind, emitter, band, role, ssid, model, level, address, name text

	rssi, freq, pressure            number
	channel, company, width, length whole

	refused *LineError // of the first member that is of another type or comes twice
}

// text is a member's string as written, within its line. It is nil until the
// member comes, and empty for a null.
type text []byte

// bytes is the string without its quotes and escapes; without escapes it is a
// part of the line.
func (t text) bytes() []byte {
	s, _ := intake.String(t)
	return s
}

// is tells whether there is a string that is not empty.
func (t text) is() bool { return len(t) > len(`""`) }

type number struct {
	v           float64
	came, known bool // a null comes and is not known
}

type whole struct {
	n           int
	came, known bool
}

func (r *record) take(key, value []byte) {
	switch string(key) {
	case "ts":
		r.text(&r.ts, "ts", value)
	case "sensor":
		r.text(&r.sensor, "sensor", value)
	case "kind":
		r.text(&r.kind, "kind", value)
	case "emitter":
		r.text(&r.emitter, "emitter", value)
	case "rssi_dbm":
		r.number(&r.rssi, "rssi_dbm", value)
	case "channel":
		r.whole(&r.channel, "channel", value)
	case "freq_mhz":
		r.number(&r.freq, "freq_mhz", value)
	case "band":
		r.text(&r.band, "band", value)
	case "role":
		r.text(&r.role, "role", value)
	case "company":
		r.whole(&r.company, "company", value)
	case "ssid":
		r.text(&r.ssid, "ssid", value)
	case "model":
		r.text(&r.model, "model", value)
	case "level":
		r.text(&r.level, "level", value)
	case "address":
		r.text(&r.address, "address", value)
	case "name":
		r.text(&r.name, "name", value)
	case "pressure_kpa":
		r.number(&r.pressure, "pressure_kpa", value)
	case "width_cm":
		r.whole(&r.width, "width_cm", value)
	case "length_cm":
		r.whole(&r.length, "length_cm", value)
	}
}

func (r *record) refuse(field, reason string) {
	if r.refused == nil {
		r.refused = &LineError{Field: field, Reason: reason}
	}
}

const twice = "is there twice"

func isNull(value []byte) bool { return value[0] == 'n' }

func (r *record) text(t *text, field string, value []byte) {
	switch {
	case *t != nil:
		r.refuse(field, twice)
	case isNull(value):
		*t = value[:0]
	case value[0] != '"':
		r.refuse(field, "is not a string")
	default:
		*t = value
	}
}

func (r *record) number(n *number, field string, value []byte) {
	if n.came {
		r.refuse(field, twice)
		return
	}
	n.came = true
	if isNull(value) {
		return
	}
	if n.v, n.known = intake.Number(value); !n.known {
		r.refuse(field, "is not a number")
	}
}

func (r *record) whole(n *whole, field string, value []byte) {
	if n.came {
		r.refuse(field, twice)
		return
	}
	n.came = true
	if isNull(value) {
		return
	}
	var err error
	n.n, err = strconv.Atoi(string(value))
	if n.known = err == nil; !n.known {
		r.refuse(field, "is not a whole number")
	}
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
//
// null stands for a field that is not there. Names are compared byte by byte, so
// that another case of letters, or an escape in a name, makes another field. A
// listed field that comes twice refuses the line, whatever its kind: which of
// the two holds is a matter between programs. Arrays and objects are nested no
// deeper than 64.
func (p *Prefixes) ParseLine(line []byte) (Observation, error) {
	if len(line) > MaxLine {
		return refuse("", "longer than "+strconv.Itoa(MaxLine)+" bytes")
	}
	if !utf8.Valid(line) {
		return refuse("", "not UTF-8")
	}
	var r record
	if err := intake.Object(line, r.take); err != nil {
		return refuse("", "not a JSON object")
	}
	if r.refused != nil {
		return Observation{}, r.refused
	}
	var o Observation
	switch string(r.kind.bytes()) {
	case "wifi":
		o.Kind = WiFi
	case "ble":
		o.Kind = BLE
	case "tpms":
		o.Kind = TPMS
	case "cell":
		o.Kind = Cell
	case "v2x":
		o.Kind = V2X
	case "fob":
		o.Kind = Fob
	case "":
		return refuse("kind", "is missing")
	default:
		return refuse("kind", "is not one of wifi, ble, tpms, cell, v2x, fob")
	}
	if len(r.ts) == 0 {
		return refuse("ts", "is missing")
	}
	ts, err := time.Parse(time.RFC3339, string(r.ts.bytes()))
	if err != nil {
		return refuse("ts", "is not an RFC 3339 time")
	}
	o.TS = ts.UTC()
	if !ValidTime(o.TS) {
		return refuse("ts", "is not between 2015 and 2100")
	}
	sensor := r.sensor.bytes()
	if !isName(sensor, 64) {
		return refuse("sensor", "is not 1 to 64 letters, digits, . _ : -")
	}
	if !r.rssi.known {
		return refuse("rssi_dbm", "is missing")
	}
	if o.RSSI = r.rssi.v; !(o.RSSI >= LowestRSSI && o.RSSI <= HighestRSSI) {
		return refuse("rssi_dbm", "is not between -150 and 20")
	}
	switch string(r.level.bytes()) {
	case string(DBm):
	case string(Relative):
		o.Level = Relative
	case string(NoLevel):
		o.Level, o.RSSI = NoLevel, LowestRSSI
	default:
		return refuse("level", "is not one of relative, none")
	}
	if r.freq.known {
		if o.FreqMHz = r.freq.v; !(o.FreqMHz >= 1 && o.FreqMHz <= 110_000) {
			return refuse("freq_mhz", "is not between 1 and 110000")
		}
	}
	if o.Kind == Cell {
		if r.emitter.is() {
			return refuse("emitter", "a cell observation carries no identifier")
		}
	} else if !r.emitter.is() {
		return refuse("emitter", "is missing")
	}
	if reason := p.ofKind(&o, &r); reason != nil {
		return Observation{}, reason
	}
	o.Sensor = string(sensor)
	return o, nil
}

// ofKind fills in what o's kind has.
func (p *Prefixes) ofKind(o *Observation, r *record) *LineError {
	bad := func(field, reason string) *LineError { return &LineError{Field: field, Reason: reason} }
	emitter := r.emitter.bytes()
	switch o.Kind {
	case WiFi, BLE:
		mac, ok := parseMAC(emitter)
		if !ok {
			return bad("emitter", "is not an EUI-48 address")
		}
		// A Wi-Fi transmitter never has a group address. Random Bluetooth
		// addresses use that bit as any other.
		if o.Kind == WiFi && mac>>40&1 == 1 {
			return bad("emitter", "is a group address")
		}
		if r.channel.known {
			low, high := 1, 233
			if o.Kind == BLE {
				low, high = 0, 39
			}
			if o.Channel = r.channel.n; o.Channel < low || o.Channel > high {
				return bad("channel", fmt.Sprintf("is not between %d and %d", low, high))
			}
		}
		o.Emitter = formatMAC(mac)
	case Cell:
		if !r.band.is() {
			return bad("band", "is missing")
		}
		band := r.band.bytes()
		if !isBand(band) {
			return bad("band", "is not a 3GPP band")
		}
		o.Band = string(band)
		return nil
	default:
		if !isName(emitter, 32) {
			return bad("emitter", "is not 1 to 32 letters, digits, . _ : -")
		}
		o.Emitter = string(emitter)
	}

	switch o.Kind {
	case WiFi:
		switch string(r.role.bytes()) {
		case "":
		case "ap":
			o.Role = "ap"
			o.SSID = p.Keep(r.ssid.bytes(), WiFi)
		case "client":
			o.Role = "client"
		case "probe":
			o.Role = "probe"
		default:
			return bad("role", "is not one of ap, client, probe")
		}
	case BLE:
		if r.company.known {
			if o.Company = r.company.n; o.Company < 0 || o.Company > math.MaxUint16 {
				return bad("company", "is not between 0 and 65535")
			}
		}
		switch string(r.address.bytes()) {
		case "":
		case string(Public):
			o.Address = Public
		case string(Static):
			o.Address = Static
		case string(Resolvable):
			o.Address = Resolvable
		case string(NonResolvable):
			o.Address = NonResolvable
		default:
			return bad("address", "is not one of public, static, resolvable, nonresolvable")
		}
		o.Name = p.Keep(r.name.bytes(), BLE)
	case TPMS:
		model := r.model.bytes()
		if !isText(model, 64) {
			return bad("model", "is not up to 64 letters, digits, blanks, . _ -")
		}
		if r.pressure.known {
			if o.Pressure = Known(r.pressure.v); !(o.Pressure.Value >= 0 && o.Pressure.Value <= HighestKPa) {
				return bad("pressure_kpa", "is not between 0 and 2000")
			}
		}
		o.Model = string(model)
	case V2X:
		if r.width.known {
			if o.WidthCM = r.width.n; o.WidthCM < 1 || o.WidthCM > HighestWidthCM {
				return bad("width_cm", "is not between 1 and 1023")
			}
		}
		if r.length.known {
			if o.LengthCM = r.length.n; o.LengthCM < 1 || o.LengthCM > HighestLengthCM {
				return bad("length_cm", "is not between 1 and 4095")
			}
		}
	}
	return nil
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

// appendString writes a string as encoding/json does, which escapes more than it
// must.
func appendString(dst []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c >= 0x7F, c == '"', c == '\\', c == '<', c == '>', c == '&':
			plain = false
		}
	}
	if plain {
		return append(append(append(dst, '"'), s...), '"')
	}
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

func isName[T string | []byte](s T, limit int) bool {
	if len(s) == 0 || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return true
}

func isNameByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
	case c == '.', c == '_', c == ':', c == '-':
	default:
		return false
	}
	return true
}

func isText[T string | []byte](s T, limit int) bool {
	if len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] != ' ' && !isNameByte(s[i]) {
			return false
		}
	}
	return true
}

// isBand tells whether s names a 3GPP operating band: B and 1–255 (LTE,
// TS 36.101), n and 1–511 (NR, TS 38.101), or a GSM band's common name.
func isBand(s []byte) bool {
	switch string(s) {
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
