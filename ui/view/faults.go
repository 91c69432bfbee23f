package view

import (
	"strings"

	"sallyport/gate"
)

// faultsShown is how many devices that do not work a screen names.
const faultsShown = 2

// faults are the devices of a lane that do not work, in sentences; empty where all
// do.
func (b Base) faults(devices []gate.DeviceStatus) string {
	var said []string
	for i, d := range devices {
		if i == faultsShown {
			said = append(said, b.T("fault.more", len(devices)-i))
			break
		}
		said = append(said, b.faultOf(d.Fault, d.Device))
	}
	return strings.Join(said, " ")
}

// faultOf is a class of fault of one device in a sentence.
func (b Base) faultOf(class, device string) string {
	key := "fault." + class
	if !b.Words.Has(key) {
		key = "fault.failed"
	}
	return b.T(key, b.Words.Or("device."+device, device))
}
