package view

import "time"

// Devices is the page of what stands at the lanes: boards, relays, readers,
// scanners, cameras.
type Devices struct {
	Base
	Rows []DeviceRow
}

func (*Devices) template() string { return "devices" }

// DeviceRow is one device.
type DeviceRow struct {
	Base
	Name, Kind, State, Fault, Trouble string
	Lanes                             []string // as people call them
	Since, LastSeen                   time.Time
	Faults, Lost, Read, Unusable      uint64
}

// Sign is the shape and colour of the state.
func (r DeviceRow) Sign() string {
	switch r.State {
	case "works", "enrolled":
		return "grant"
	case "starting":
		return "flag"
	}
	return "deny"
}

// Word is the state in a word.
func (r DeviceRow) Word() string { return r.K("hardware.state.", r.State) }

// KindWord is what the device is.
func (r DeviceRow) KindWord() string { return r.K("hardware.kind.", r.Kind) }

// Sentence says what a fault means for the people at the lane; empty where there
// is none.
func (r DeviceRow) Sentence() string {
	if r.Fault == "" {
		return ""
	}
	key := "fault." + r.Fault
	if !r.Words.Has(key) {
		key = "fault.failed"
	}
	return r.T(key, r.Name)
}

// Reads says whether codes or badges are counted of such a device.
func (r DeviceRow) Reads() bool { return r.Kind == "scanner" || r.Kind == "osdp" }

// Failing are the devices that do not work.
func (d *Devices) Failing() (n int) {
	for _, r := range d.Rows {
		if r.Sign() == "deny" {
			n++
		}
	}
	return n
}

// Starting are those of which nothing was heard yet.
func (d *Devices) Starting() (n int) {
	for _, r := range d.Rows {
		if r.State == "starting" {
			n++
		}
	}
	return n
}

// Shape is the sign of all together.
func (d *Devices) Shape() string {
	switch {
	case d.Failing() > 0:
		return "deny"
	case d.Starting() > 0:
		return "flag"
	}
	return "grant"
}
