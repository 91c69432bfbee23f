package rf

import "time"

// FormatMAC writes the low 48 bits as an address: six pairs of lower-case
// hexadecimal digits parted by colons, the form in which Emitter holds it.
func FormatMAC(n uint64) string { return formatMAC(n) }

// ParseMAC reads an EUI-48 (six pairs of hexadecimal digits parted by colons or
// hyphens, or twelve digits) into the low 48 bits.
func ParseMAC(s string) (uint64, bool) { return parseMAC(s) }

// ValidName tells whether s may be a sensor's name or an emitter's id: 1 to
// limit letters, digits, . _ : -
func ValidName(s string, limit int) bool { return isName(s, limit) }

// ValidModel tells whether s may be the name of an air protocol.
func ValidModel(s string) bool { return isText(s, 64) }

// ValidTime tells whether an observation may carry that time: between 2015 and
// 2100. A clock that was never set says 1970 or 2000.
func ValidTime(t time.Time) bool {
	const from, to = 1420070400, 4102444800 // seconds since 1970
	s := t.Unix()
	return s >= from && s < to
}
