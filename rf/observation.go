package rf

import (
	"encoding/json"
	"time"
)

// Kind is the kind of broadcast.
type Kind string

// The kinds that sensors may report.
const (
	WiFi Kind = "wifi"
	BLE  Kind = "ble"
	TPMS Kind = "tpms"
	Cell Kind = "cell" // uplink energy of a band; never an identifier
	V2X  Kind = "v2x"
	Fob  Kind = "fob"
)

// Observation is one broadcast as a passive sensor reports it: the canonical
// record, one JSON object a line. Emitter lives in memory only and is never
// logged or stored; only the white-listed fields of a kind exist here, so that
// a payload has no place to be kept.
type Observation struct {
	TS      time.Time `json:"ts"`
	Sensor  string    `json:"sensor"`
	Kind    Kind      `json:"kind"`
	Emitter string    `json:"emitter,omitempty"` // address or id; absent for cell
	RSSI    float64   `json:"rssi_dbm"`
	Channel int       `json:"channel,omitempty"`
	FreqMHz float64   `json:"freq_mhz,omitempty"`
	Band    string    `json:"band,omitempty"`    // cell: 3GPP band
	Role    string    `json:"role,omitempty"`    // wifi: ap, client, probe
	Company int       `json:"company,omitempty"` // ble: Bluetooth SIG company id
	SSID    string    `json:"ssid,omitempty"`    // only when it matches a vehicle pattern
	Model   string    `json:"model,omitempty"`   // tpms: air protocol, not a make

	Level    Level    `json:"level,omitempty"`       // what RSSI is; empty: dBm
	Address  Address  `json:"address,omitempty"`     // ble: kind of address; empty: not known
	Name     string   `json:"name,omitempty"`        // ble: local name, only when it matches a vehicle pattern
	Pressure Quantity `json:"pressure_kpa,omitzero"` // tpms: as the air protocol's decoder reads it
	WidthCM  int      `json:"width_cm,omitempty"`    // v2x: of the vehicle, by its own word
	LengthCM int      `json:"length_cm,omitempty"`   // v2x: likewise
}

// Level says what the number in RSSI is.
type Level string

// The levels. A relative one is in dB of the receiver's full scale: comparable
// within one receiver at one gain, and with nothing else. Where a source gives
// no level RSSI is LowestRSSI, so that nothing seems near for want of a number.
const (
	DBm      Level = ""
	Relative Level = "relative"
	NoLevel  Level = "none"
)

// The range of RSSI.
const (
	LowestRSSI  = -150
	HighestRSSI = 20
)

// Address is the kind of a Bluetooth device address (Core Specification,
// vol. 6, part B, 1.3). Only a public one has a registered prefix.
type Address string

// The kinds of address. The last two change by the quarter of an hour.
const (
	Public        Address = "public"
	Static        Address = "static"
	Resolvable    Address = "resolvable"
	NonResolvable Address = "nonresolvable"
)

// Quantity is a measured value, or none. The zero Quantity is none: 0 kPa is
// what a sensor without a tyre says.
type Quantity struct {
	Value float64
	Known bool
}

// Known is a value that was measured.
func Known(v float64) Quantity { return Quantity{Value: v, Known: true} }

// IsZero tells whether there is no value.
func (q Quantity) IsZero() bool { return !q.Known }

// MarshalJSON writes the number, or null.
func (q Quantity) MarshalJSON() ([]byte, error) {
	if !q.Known {
		return []byte("null"), nil
	}
	return json.Marshal(q.Value)
}

// UnmarshalJSON reads a number, or null.
func (q *Quantity) UnmarshalJSON(b []byte) error {
	var v *float64
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*q = Quantity{}
	if v != nil {
		*q = Known(*v)
	}
	return nil
}
