package udp

import (
	"encoding/binary"
	"syscall"
)

// countOverflow asks the kernel to tell with each datagram how many it threw
// away for want of room (socket(7), SO_RXQ_OVFL).
func countOverflow(_, _ string, c syscall.RawConn) error {
	var failed error
	if err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RXQ_OVFL, 1)
	}); err != nil {
		return err
	}
	return failed
}

// overflow reads that number. The kernel leaves it out while it is 0.
func overflow(oob []byte) (uint32, bool) {
	if len(oob) == 0 {
		return 0, false
	}
	all, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, false
	}
	for _, m := range all {
		if m.Header.Level == syscall.SOL_SOCKET && m.Header.Type == syscall.SO_RXQ_OVFL && len(m.Data) >= 4 {
			return binary.NativeEndian.Uint32(m.Data), true
		}
	}
	return 0, false
}
