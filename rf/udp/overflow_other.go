//go:build !linux

package udp

import "syscall"

func countOverflow(_, _ string, _ syscall.RawConn) error { return nil }

func overflow([]byte) (uint32, bool) { return 0, false }
