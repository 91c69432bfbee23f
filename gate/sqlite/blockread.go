package sqlite

// #include "blockread.h"
// #include <stdlib.h>
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

// blockReader is a connection that only reads, many rows at a time. It is for
// what reads the whole log: its rows lie outside Go's memory, in a buffer that is
// used again. One goroutine at a time uses it.
type blockReader struct {
	db    *C.sqlite3
	stmts map[string]*C.sqlite3_stmt
	buf   C.struct_block_buffer
}

// mostKept is up to which size the buffer of one block serves the next.
const mostKept = 32 << 20

func openBlockReader(path string) (*blockReader, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	r := &blockReader{stmts: make(map[string]*C.sqlite3_stmt)}
	rc := C.block_open(name, C.int(busyTimeout.Milliseconds()), &r.db)
	if rc != 0 {
		return nil, errors.Join(r.failed("open", rc), r.close())
	}
	return r, nil
}

func (r *blockReader) failed(what string, rc C.int) error {
	return fmt.Errorf("%s: %s (%d)", what, C.GoString(C.block_error(r.db)), int(rc))
}

func (r *blockReader) close() (err error) {
	for _, s := range r.stmts {
		C.block_finish(s)
	}
	if rc := C.block_close(r.db); rc != 0 {
		err = r.failed("close", rc)
	}
	C.free(unsafe.Pointer(r.buf.at))
	*r = blockReader{}
	return err
}

// exec runs a statement that gives nothing.
func (r *blockReader) exec(query string) error {
	q := C.CString(query)
	defer C.free(unsafe.Pointer(q))
	if rc := C.block_exec(r.db, q); rc != 0 {
		return r.failed(query, rc)
	}
	return nil
}

// part is the rows of one query in the buffer.
type part struct{ from, to, rows int64 }

// forget has the buffer begin anew: what was read before is gone.
func (r *blockReader) forget() {
	r.buf.size = 0
	if r.buf.room > mostKept {
		C.free(unsafe.Pointer(r.buf.at))
		r.buf = C.struct_block_buffer{}
	}
}

// read adds the rows of a query to the buffer. Its parameters, where it has any,
// are from and to.
func (r *blockReader) read(query string, from, to int64) (p part, err error) {
	s := r.stmts[query]
	if s == nil {
		q := C.CString(query)
		defer C.free(unsafe.Pointer(q))
		rc := C.block_prepare(r.db, q, &s)
		if rc != 0 {
			return p, r.failed("prepare", rc)
		}
		r.stmts[query] = s
	}
	var rows C.int64_t
	p.from = int64(r.buf.size)
	rc := C.block_read(s, C.int64_t(from), C.int64_t(to), &r.buf, &rows)
	if rc != 0 {
		return p, r.failed("read", rc)
	}
	p.to, p.rows = int64(r.buf.size), int64(rows)
	return p, nil
}

// number runs a query that gives one number.
func (r *blockReader) number(query string, from, to int64) (int64, error) {
	p, err := r.read(query, from, to)
	if err != nil {
		return 0, err
	}
	c := r.columns(p)
	if p.rows != 1 {
		return 0, fmt.Errorf("%d rows where there is one number", p.rows)
	}
	return c.number(), nil
}

// columns walks through the columns of a part. It holds until the buffer begins
// anew, or more is read.
func (r *blockReader) columns(p part) columns {
	if p.from == p.to {
		return columns{}
	}
	return columns{unsafe.Slice((*byte)(unsafe.Pointer(r.buf.at)), r.buf.size)[p.from:p.to:p.to]}
}

// columns are what is left of a part's columns.
type columns struct{ rest []byte }

// next is the bytes of the next column; nil where it is NULL. The column may be
// written into.
func (c *columns) next() []byte {
	mark := int64(binary.NativeEndian.Uint64(c.rest))
	c.rest = c.rest[8:]
	switch mark {
	case C.BLOCK_NULL:
		return nil
	case C.BLOCK_INTEGER:
		mark = 8
	}
	v := c.rest[:mark:mark]
	c.rest = c.rest[mark:]
	return v
}

// number is the next column, an integer.
func (c *columns) number() int64 { return int64(binary.NativeEndian.Uint64(c.next())) }
