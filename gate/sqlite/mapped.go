package sqlite

import (
	"os"
	"runtime"
	"syscall"
)

// mostMapped is how much of a database is mapped at most: what lies beyond it is
// read.
const mostMapped = 4 << 30

// readable tells how much of a file can be mapped into memory rather than read,
// which saves a call of the system for each page. A page that the disk refuses to
// give ends a process that looks at it in a mapping, so every page is fetched
// once before, by a call that says so instead (MADV_POPULATE_READ, Linux 5.14);
// where one cannot be had, or the system lacks that call, it is nothing. Only a
// command that has nothing else to do should map: a running site reads.
func readable(path string) int64 {
	const (
		populateRead = 22
		piece        = 64 << 20
	)
	if runtime.GOOS != "linux" {
		return 0
	}
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	size := min(info.Size(), mostMapped)
	for at := int64(0); at < size; at += piece {
		m, err := syscall.Mmap(int(f.Fd()), at, int(min(piece, size-at)), syscall.PROT_READ, syscall.MAP_SHARED)
		if err != nil {
			return 0
		}
		refused := syscall.Madvise(m, populateRead)
		if err := syscall.Munmap(m); err != nil || refused != nil {
			return 0
		}
	}
	return size
}
