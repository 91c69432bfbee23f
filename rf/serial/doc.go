// Package serial reads lines from serial devices and turns observation lines
// into rf.Observation.
//
// It may import package rf. tarm/serial does the opening; its faults are kept
// behind Guard: a read always has a timeout, quiet and unplugged are told
// apart by how fast an end of file comes, the device is closed only after the
// reader has come back, a write that does not drain gives up, and Close keeps
// to its limit whatever the driver does. Life of one line: a Port's bytes are
// cut at line ends by Lines (garbage, split and over-long lines survive and are
// counted), Reader parses each into an Observation, checks its clock and hands
// it to the lane; when the device is gone it is closed and opened again with
// growing pauses.
package serial
