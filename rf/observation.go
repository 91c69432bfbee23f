package rf

import "time"

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
}

// Finding is what the air said of one vehicle, reduced to what a decision may
// use. It holds no address.
type Finding struct {
	Sensed       bool           `json:"sensed"` // a sensor was alive during the stop
	Sensor       string         `json:"sensor,omitempty"`
	HotspotHeard bool           `json:"hotspot_heard"`    // a vehicle hotspot or telematics radio was attributed
	Make         string         `json:"make,omitempty"`   // car make that an SSID pattern or prefix names
	Maker        string         `json:"maker,omitempty"`  // module or unit maker behind an attributed automotive prefix
	Prefix       string         `json:"prefix,omitempty"` // the prefix, never the address
	Cellular     bool           `json:"cellular"`         // uplink energy beyond the background
	Confidence   float64        `json:"confidence"`       // 0..1, of the strongest attribution
	Heard        int            `json:"heard"`            // emitters attributed to the vehicle
	Unattributed int            `json:"unattributed"`     // emitters heard and not attributed
	Sources      []FindingBasis `json:"sources,omitempty"`
}

// FindingBasis is the source of a look-up that a finding rests on.
type FindingBasis struct {
	Claim   string `json:"claim"`
	Address string `json:"source"`
	Date    string `json:"date"`
}
