// Package faulty is a disk that fails on purpose: a layer between SQLite and
// the file system of which a test says what breaks, when, and whether the
// operation is done all the same. Only tests import it.
//
// It imports the standard library, and needs cgo as the driver does, into whose
// SQLite it is linked. Life of one operation: SQLite opens a file by the layer,
// which is its default file system once Install was called; the layer notes on
// whose Disk the file lies; each read, write and sync of it then asks the plan of
// that Disk, and goes on to the real file system or answers an error.
package faulty

// #include "faulty.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"sync"
	"unsafe"
)

// Op is a set of operations on a file.
type Op int

// The operations.
const (
	Read Op = 1 << iota
	Write
	Sync
	Truncate
	Open
)

// File is a set of files of a database.
type File int

// The files.
const (
	Database File = 1 << iota
	WAL
	Other
	Any = Database | WAL | Other
)

// Code is what SQLite is told, as its result codes are numbered
// (https://sqlite.org/rescode.html).
type Code int

// The codes that a file system answers.
const (
	Full          Code = 13            // ENOSPC on a write
	ReadOnly      Code = 8             // EROFS
	IOErrRead     Code = 10 | (1 << 8) // EIO on a read
	IOErrWrite    Code = 10 | (3 << 8) // EIO on a write
	IOErrFsync    Code = 10 | (4 << 8) // EIO on an fsync
	IOErrTruncate Code = 10 | (6 << 8) // EIO on an ftruncate
	CantOpen      Code = 14            // EACCES, EMFILE and others on an open
)

// Fault is what breaks.
type Fault struct {
	Op    Op
	File  File // zero is Any
	Code  Code
	After int // operations that still work before
	Times int // operations that then fail; 0 is all, until Heal
	// Effect says that the operation is done although it answers an error. Without
	// it the first half of a write is done, as of a disk that fails amid it.
	Effect bool
}

// Disk is a directory whose databases can be broken. Its methods may be called
// from several goroutines.
type Disk struct{ n C.int }

// layer is the one in this process: SQLite has one list of file systems.
type layer struct {
	once sync.Once
	err  error
	mu   sync.Mutex
	used C.int
}

var theLayer layer

// New has databases that are opened in dir, an absolute path, from now on lie on
// the disk that it returns. There can be 64 in one process.
func New(dir string) (*Disk, error) {
	theLayer.once.Do(func() {
		if C.faulty_install() != 0 {
			theLayer.err = errors.New("faulty: SQLite is not in this program")
		}
	})
	if theLayer.err != nil {
		return nil, theLayer.err
	}
	theLayer.mu.Lock()
	defer theLayer.mu.Unlock()
	if theLayer.used == C.FAULTY_DISKS {
		return nil, errors.New("faulty: too many disks")
	}
	d := &Disk{n: theLayer.used}
	theLayer.used++
	name := C.CString(dir)
	defer C.free(unsafe.Pointer(name))
	C.faulty_disk(d.n, name)
	return d, nil
}

// Break has operations fail from now on, instead of what failed before.
func (d *Disk) Break(f Fault) {
	if f.File == 0 {
		f.File = Any
	}
	times, effect := C.int(f.Times), C.int(0)
	if times == 0 {
		times = -1
	}
	if f.Effect {
		effect = 1
	}
	C.faulty_break(d.n, C.int(f.Op), C.int(f.File), C.int(f.Code), C.int(f.After), times, effect)
}

// Heal has every operation work again, and says how many failed since Break.
func (d *Disk) Heal() int {
	n := d.Hits()
	C.faulty_break(d.n, 0, 0, 0, 0, 0, 0)
	return n
}

// Hits are the operations that failed since Break.
func (d *Disk) Hits() int { return int(C.faulty_hits(d.n)) }
